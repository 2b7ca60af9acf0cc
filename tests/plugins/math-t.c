/*
 * math-t - calc and convert through corax-host: exact results, rounding, limits, and every error's sentence.
 *
 * The expected values are arithmetic that can be done by hand, or constants of the sources that units.c names.
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

static struct drive d;

static const struct {
    const char *expression, *want;
} sums[] = {
    { "7.5^2", "56.25" },
    { "0.1+0.2", "0.3" },
    { "1/8", "0.125" },
    { "1/3", "0.333333333333333" },
    { "2/3", "0.666666666666667" },
    { "-2/3", "-0.666666666666667" },
    { "2+3*4", "14" },
    { "(2+3)*4", "20" },
    { "2-3-4", "-5" },
    { "100/10/5", "2" },
    { "2^3^2", "512" },
    { "2**10", "1024" },
    { "-2^2", "-4" },
    { "(-2)^2", "4" },
    { "2^-2", "0.25" },
    { "2^-(1+1)", "0.25" },
    { "--3", "3" },
    { "-+-3", "3" },
    { "2*-3", "-6" },
    { "0^0", "1" },
    { "0*5", "0" },
    { "-0", "0" },
    { " 1 +\\t2\\n", "3" },
    { ".5+5.", "5.5" },
    { "1.50", "1.5" },
    { "1e3", "1000" },
    { "2.5E-3", "0.0025" },
    { "1e+2", "100" },
    { "1234567890123456789*987654321", "1219326311248285321112635269" },
    { "2^100", "1267650600228229401496703205376" },
    { "2^200", "1606938044258990000000000000000000000000000000000000000000000" },
    { "1/2^40", "0.0000000000009094947017729282379150390625" },
    { "1/2^70", "0.0000000000000000000008470329472543" },
    { "10^30/7", "142857142857143000000000000000" },
    { "1/7", "0.142857142857143" },
    { "22/7-3.14", "0.00285714285714286" },
    { "0.1234567890123456789012345678901234567891", "0.1234567890123456789012345678901234567891" },
    { "0.12345678901234567890123456789012345678915", "0.123456789012346" },
    { "1/3*3", "1" },
    { "(1/3+1/6)*2", "1" },
    { "sqrt(16)", "4" },
    { "sqrt(2)", "1.4142135623731" },
    { "sqrt(2.25)", "1.5" },
    { "sqrt(1/9)", "0.333333333333333" },
    { "sqrt(2)^2", "2" },
    { "sqrt(2)*sqrt(2)-2", "0" },
    { "sqrt(3)-sqrt(3)", "0" },
    { "sqrt(10^40+1)", "100000000000000000000" },
    { "sqrt(2e-30)", "0.0000000000000014142135623731" },
    { "sqrt(0)", "0" },
    { "abs(-3.5)", "3.5" },
    { "abs(2-7)+1", "6" },
    { "round(2.5,0)", "2" },
    { "round(3.5,0)", "4" },
    { "round(-2.5,0)", "-2" },
    { "round(1.2345,2)", "1.23" },
    { "round(1.235,2)", "1.24" },
    { "round(1.225,2)", "1.22" },
    { "round(1234,-2)", "1200" },
    { "round(2/3)", "1" },
    { "round(2/3,4)", "0.6667" },
    { "180.159*0.025", "4.503975" },
    { "5/9*(98.6-32)", "37" },
    { "1000*1.05^10", "1628.89462677744140625" },
    /* errors */
    { "1/0", "error: division by zero" },
    { "1/(2-2)", "error: division by zero" },
    { "0^-1", "error: division by zero" },
    { "sqrt(-1)", "error: square root of a negative number" },
    { "9^9^9", "error: the exponent is too large: at most 100000" },
    { "2^100000", "error: the power is too large: at most about 9800 digits" },
    { "((9^99)^99)^99", "error: the power is too large: at most about 9800 digits" },
    { "9^5000*9^5000*9^5000", "error: the numbers grow too large: at most about 9800 digits" },
    { "10^2000", "error: the result is too large or too small to write: at most 1000 digits" },
    { "10^-2000", "error: the result is too large or too small to write: at most 1000 digits" },
    { "2^0.5", "error: an exponent must be a whole number; for a square root use sqrt(x)" },
    { "", "error: syntax error: the expression ends too early" },
    { "1+", "error: syntax error: the expression ends too early" },
    { "(1+2", "error: syntax error: the expression ends too early" },
    { "1+2)", "error: syntax error: unexpected \")\" at character 4" },
    { "2(3)", "error: syntax error: unexpected \"(\" at character 2" },
    { "1,000", "error: syntax error: unexpected \",\" at character 2" },
    { "3 % 2", "error: syntax error: unexpected \"%\" at character 3" },
    { "2 \xc3\x97 3", "error: syntax error: unexpected \"\xc3\x97\" at character 3" },
    { "1..2", "error: syntax error: unexpected \".\" at character 3" },
    { ".", "error: syntax error: the number at character 1 cannot be read" },
    { "1e9999", "error: syntax error: the number at character 1 cannot be read" },
    { "2e", "error: syntax error: unexpected \"e\" at character 2" },
    { "sin(1)", "error: unknown name \"sin\": use numbers, + - * / ^ ( ), sqrt(x), abs(x) and round(x,n)" },
    { "pi", "error: unknown name \"pi\": use numbers, + - * / ^ ( ), sqrt(x), abs(x) and round(x,n)" },
    { "sqrt 4", "error: syntax error: expected \"(\" after sqrt" },
    { "sqrt(4,2)", "error: sqrt takes one argument" },
    { "abs(4,2)", "error: abs takes one argument" },
    { "round(1,0.5)", "error: round(x,n): n must be a whole number from -100 to 100" },
    { "round(1,1000)", "error: round(x,n): n must be a whole number from -100 to 100" },
    { "round(1,2,3)", "error: syntax error: unexpected \",\" at character 10" },
};

static const struct {
    const char *value, *from, *to, *want;
} conversions[] = {
    { "2500", "mg", "g", "2.5 g" },
    { "1", "kg", "lb", "2.204622622 lb" },
    { "1", "lb", "g", "453.59237 g" },
    { "1", "oz", "g", "28.349523125 g" },
    { "16", "oz", "lb", "1 lb" },
    { "3", "t", "kg", "3000 kg" },
    { "5", "ug", "mg", "0.005 mg" },
    { "1", "in", "cm", "2.54 cm" },
    { "1", "ft", "in", "12 in" },
    { "1", "mi", "km", "1.609344 km" },
    { "532", "nm", "um", "0.532 um" },
    { "100", "m", "ft", "328.0839895 ft" },
    { "1", "gal", "L", "3.785411784 L" },
    { "250", "mL", "L", "0.25 L" },
    { "1", "m3", "L", "1000 L" },
    { "7", "uL", "mL", "0.007 mL" },
    { "90", "min", "h", "1.5 h" },
    { "1", "d", "s", "86400 s" },
    { "1500", "ms", "s", "1.5 s" },
    { "25", "C", "K", "298.15 K" },
    { "98.6", "F", "C", "37 C" },
    { "-40", "C", "F", "-40 F" },
    { "0", "K", "C", "-273.15 C" },
    { "0", "F", "C", "-17.77777778 C" },
    { "1", "kcal", "kJ", "4.184 kJ" },
    { "1", "cal", "J", "4.184 J" },
    { "1", "eV", "J", "0.0000000000000000001602176634 J" },
    { "1", "J", "eV", "6241509074000000000 eV" },
    { "1", "atm", "kPa", "101.325 kPa" },
    { "1", "bar", "Pa", "100000 Pa" },
    { "760", "mmHg", "atm", "1.000000142 atm" },
    { "1", "psi", "kPa", "6.894757293 kPa" },
    { "250", "mmol", "mol", "0.25 mol" },
    { "3e3", "umol", "mmol", "3 mmol" },
    { "-1.5E2", "cm", "m", "-1.5 m" },
    { "0.30000000000000004", "m", "m", "0.3 m" },
    { "123456789012345", "m", "m", "123456789012345 m" },
    { "0", "g", "kg", "0 kg" },
    /* errors */
    { "1", "kilograms", "lb", "error: unknown unit \"kilograms\": use one of kg, g, mg, ug, t, lb, oz" },
    { "1", "lb", "kilograms", "error: unknown unit \"kilograms\": use one of kg, g, mg, ug, t, lb, oz" },
    { "1", "l", "mL", "error: unknown unit \"l\": use one of L, mL, uL, m3, gal" },
    { "1", "kg", "m", "error: cannot convert kg (mass) to m (length)" },
    { "1", "J", "mol", "error: cannot convert J (energy) to mol (amount)" },
    { "-300", "C", "K", "error: the temperature is below absolute zero (0 K, -273.15 C, -459.67 F)" },
    { "1e1500", "m", "km", "error: " },
};

static void test_limits(void)
{
    char args[4096];
    int64_t start;

    snprintf(args, sizeof args, "{\"expression\":\"%0*d\"}", 1001, 1);
    is_str(drive_call(&d, "calc", args, 0), "error: the expression has 1001 characters, at most 1000 are allowed",
           "a long expression");
    memset(args, 0, sizeof args);
    strcpy(args, "{\"expression\":\"");
    for (int i = 0; i < 63; i++)
        strcat(args, "(");
    strcat(args, "1");
    for (int i = 0; i < 63; i++)
        strcat(args, ")");
    strcat(args, "\"}");
    is_str(drive_call(&d, "calc", args, 0), "1", "63 nested parentheses");
    memset(args, 0, sizeof args);
    strcpy(args, "{\"expression\":\"");
    for (int i = 0; i < 900; i++)
        strcat(args, i % 2 ? "^" : "2");
    strcat(args, "1\"}");
    has_str(drive_call(&d, "calc", args, 0), "error: ", "a tower of powers");
    memset(args, 0, sizeof args);
    strcpy(args, "{\"expression\":\"");
    for (int i = 0; i < 900; i++)
        strcat(args, "(");
    strcat(args, "\"}");
    is_str(drive_call(&d, "calc", args, 0), "error: the expression is nested too deeply: at most 64 levels",
           "900 open parentheses");
    memset(args, 0, sizeof args);
    strcpy(args, "{\"expression\":\"1");
    for (int i = 0; i < 110; i++)
        strcat(args, "/9^3000*");
    args[strlen(args) - 1] = '\0';
    strcat(args, "\"}");
    start = clock_mono_ms();
    drive_call(&d, "calc", args, 0);
    ok(clock_mono_ms() - start < 2000, "the largest numbers in the longest expression take %lld ms",
       (long long)(clock_mono_ms() - start));
}

int main(void)
{
    char args[4096];

    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "math")), "the plugin starts");
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        snprintf(args, sizeof args, "{\"expression\":\"%s\"}", sums[i].expression);
        is_str(drive_call(&d, "calc", args, 0), sums[i].want, sums[i].expression);
    }
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
        snprintf(args, sizeof args, "{\"value\":%s,\"from\":\"%s\",\"to\":\"%s\"}", conversions[i].value,
                 conversions[i].from, conversions[i].to);
        if (strcmp(conversions[i].want, "error: ") == 0)
            has_str(drive_call(&d, "convert", args, 0), "error: ", args);
        else
            is_str(drive_call(&d, "convert", args, 0), conversions[i].want, args);
    }
    test_limits();
    is_int(drive_end(&d), 0, "the plugin ends well");
    done();
    return tap_status();
}
