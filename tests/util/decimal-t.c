/*
 * Covers: reading, comparing and dividing numbers that no double holds.  Not: texts that are no JSON numbers.
 */
#include "util/decimal.h"

#include "tests/tap.h"

static void test_read(void)
{
    static const struct {
        const char *text;
        int digits;
        long long exponent;
        bool negative;
    } cases[] = {
        { "0", 0, 0, false },         { "-0.000e9", 0, 0, false },   { "1", 1, 0, false },
        { "-1200", 2, 2, true },      { "0.00120", 2, -4, false },   { "12.5e-3", 3, -4, false },
        { "1E+2", 1, 2, false },      { "100.001", 6, -3, false },   { "1e99999999999999999999", 1, 0, false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct decimal d = decimal_read(cases[i].text);

        ok(decimal_digits(d) == cases[i].digits, "%s: digits", cases[i].text);
        ok(d.exponent == cases[i].exponent || d.exponent > 1000000000000, "%s: exponent", cases[i].text);
        ok(d.negative == cases[i].negative, "%s: sign", cases[i].text);
    }
}

static void test_compare(void)
{
    /* In order; those of one line are equal. */
    static const char *const lines[][3] = {
        { "-1e400", "-10e399", "-0.1e401" },
        { "-9007199254740993", "-9007199254740993.0", "-900719925474099.3e1" },
        { "-9007199254740992", "-9007199254740992", "-9007199254740992" },
        { "-1e-400", "-1E-400", "-0.1e-399" },
        { "0", "-0", "0e5" },
        { "1e-400", "10e-401", "1.0e-400" },
        { "0.1", "0.10", "1e-1" },
        { "0.12", "12e-2", "0.120" },
        { "1", "1.0", "10e-1" },
        { "9.99", "9.990", "999e-2" },
        { "10", "1e1", "10.0" },
        { "123456789012345678901234567890", "123456789012345678901234567890.0", "12345678901234567890123456789e1" },
        { "123456789012345678901234567891", "123456789012345678901234567891", "1234567890123456789012345678910e-1" },
        { "1e99999999999999999999", "1e99999999999999999998", "1e99999999999999999997" },
    };
    const size_t n = sizeof(lines) / sizeof(*lines);
    int n_wrong = 0;

    for (size_t i = 0; i < 3 * n; i++)
        for (size_t k = 0; k < 3 * n; k++) {
            int order = decimal_compare(decimal_read(lines[i / 3][i % 3]), decimal_read(lines[k / 3][k % 3]));
            int want = (i / 3 > k / 3) - (i / 3 < k / 3);

            if ((order > 0) - (order < 0) != want) {
                n_wrong++;
                diag("%s and %s: %d", lines[i / 3][i % 3], lines[k / 3][k % 3], order);
            }
        }
    ok(n_wrong == 0, "comparing %zu numbers", 3 * n);
}

static void test_multiple(void)
{
    static const struct {
        const char *number, *of;
        bool is;
    } cases[] = {
        { "0.07", "0.01", true },
        { "0.075", "0.01", false },
        { "0", "7", true },
        { "-21", "7", true },
        { "-22", "7", false },
        { "1e400", "3", false },
        { "3e400", "3", true },
        { "1e400", "1e-400", true },
        { "1e308", "0.123456789", false },
        { "123456789e300", "0.123456789", true },
        { "1e1000000000", "1024", true },
        { "10", "4", false },
        { "100", "4", true },
        { "999999999999999998000000000000000001", "999999999999999999", true },
        { "999999999999999998000000000000000002", "999999999999999999", false },
        { "12", "12e1", false },
        { "4.5", "1.5", true },
        { "5", "10", false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ok(decimal_is_multiple(decimal_read(cases[i].number), decimal_read(cases[i].of)) == cases[i].is,
           "%s is %sa multiple of %s", cases[i].number, cases[i].is ? "" : "not ", cases[i].of);
}

int main(void)
{
    plan_later();
    test_read();
    test_compare();
    test_multiple();
    done();
    return tap_status();
}
