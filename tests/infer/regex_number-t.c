/*
 * infer/regex_number: all short numbers, and the neighbours of large bounds, against arithmetic in integers of 128 bits
 * with six places behind the point.
 */
#include "infer/regex.h"

#include "tests/tap.h"

#define LIMIT  ((size_t)16 << 20)
#define PLACES 6

typedef __int128 wide;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static wide powers(int n)
{
    return n <= 0 ? 1 : 10 * powers(n - 1);
}

/* Times 10^PLACES.  Takes what the tests write: an exponent within the places. */
static wide value(const char *text)
{
    wide v = 0;
    int places = 0, exponent = 0;
    bool negative = *text == '-', fraction = false;
    for (text += negative; is_digit(*text) || *text == '.'; text++) {
        if (*text == '.') {
            fraction = true;
        } else {
            v = v * 10 + (*text - '0');
            places += fraction;
        }
    }
    if (*text == 'e' || *text == 'E')
        exponent = atoi(text + 1);
    places -= exponent + PLACES;
    v = places > 0 ? v / powers(places) : v * powers(-places);
    return negative ? -v : v;
}

/* Of a text of digits, one point and one minus: is it written as JSON writes numbers? */
static bool is_json(const char *text, bool integer)
{
    const char *at = text + (*text == '-');
    if (!is_digit(*at) || (at[0] == '0' && is_digit(at[1])))
        return false;
    while (is_digit(*at))
        at++;
    if (integer)
        return *at == '\0' && strcmp(text, "-0") != 0;
    if (*at == '.') {
        if (!is_digit(*++at))
            return false;
        while (is_digit(*at))
            at++;
    }
    return *at == '\0';
}

static bool expected(const struct regex_number *n, const char *text)
{
    if (!is_json(text, n->integer))
        return false;
    wide v = value(text);
    if (n->min && (n->exclusive_min ? v <= value(n->min) : v < value(n->min)))
        return false;
    if (n->max && (n->exclusive_max ? v >= value(n->max) : v > value(n->max)))
        return false;
    return !n->multiple || v % value(n->multiple) == 0;
}

static bool is_in(struct regexes *s, regex r, const char *text)
{
    for (; *text; text++)
        r = regex_next(s, r, (unsigned char)*text);
    return regex_accepts(s, r);
}

static int wrong;

static void compare(struct regexes *s, regex r, const struct regex_number *n, const char *text)
{
    bool want = expected(n, text);
    if (is_in(s, r, text) == want)
        return;
    if (wrong++ == 0)
        diag("\"%s\" should %sbe in", text, want ? "" : "not ");
}

/* All texts of up to `left` more of the signs. */
static void all_texts(struct regexes *s, regex r, const struct regex_number *n, char *text, int len, int left)
{
    static const char signs[] = "0123456789.-";
    text[len] = '\0';
    compare(s, r, n, text);
    if (left == 0 || (len > 0 && text[len - 1] == '-' && len > 1))
        return;
    for (const char *c = signs; *c; c++) {
        text[len] = *c;
        all_texts(s, r, n, text, len + 1, left - 1);
    }
    text[len] = '\0';
}

static void write(wide v, char *text)
{
    char digits[60];
    int n = 0;
    bool negative = v < 0;
    for (v = negative ? -v : v; v > 0 || n <= PLACES; v /= 10) {
        digits[n++] = (char)('0' + (int)(v % 10));
        if (n == PLACES)
            digits[n++] = '.';
    }
    if (negative)
        *text++ = '-';
    while (n > 0)
        *text++ = digits[--n];
    *text = '\0';
}

/* Around a bound, in steps of all sizes, with and without the zeros at the end. */
static void neighbours(struct regexes *s, regex r, const struct regex_number *n, const char *bound)
{
    wide at = value(bound);
    for (int i = 0; i < 30; i++) {
        for (int sign = -2; sign <= 2; sign++) {
            char text[80];
            write(at + sign * powers(i), text);
            compare(s, r, n, text);
            size_t len = strlen(text);
            while (len > 1 && (text[len - 1] == '0' || text[len - 1] == '.') && strchr(text, '.') != NULL) {
                text[--len] = '\0';
                compare(s, r, n, text);
            }
        }
    }
}

static const struct regex_number numbers[] = {
    { .integer = true, .min = "0" },
    { .integer = true, .max = "0" },
    { .integer = true, .min = "0", .exclusive_min = true },
    { .integer = true, .min = "-17", .max = "305" },
    { .integer = true, .min = "-17", .exclusive_min = true, .max = "305", .exclusive_max = true },
    { .integer = true, .min = "1.5", .max = "9.5" },
    { .integer = true, .min = "-9.5", .max = "-1.5", .exclusive_max = true },
    { .integer = true, .min = "1e1", .max = "1.2E2" },
    { .integer = true, .min = "-999999999999999", .max = "1000000000000000" },
    { .integer = true, .min = "99999999999999999999", .max = "123456789012345678901234" },
    { .integer = true, .multiple = "7" },
    { .integer = true, .multiple = "2.5" },
    { .integer = true, .multiple = "0.4", .min = "-30", .max = "77" },
    { .integer = true, .multiple = "1e3" },
    { .integer = true, .multiple = "0.01", .min = "5" },
    { .integer = true, .multiple = "12", .min = "100", .max = "110" },
    { .min = "0.1", .max = "2.35", .exclusive_max = true },
    { .min = "0.1", .exclusive_min = true, .max = "2.35" },
    { .min = "-2.05", .max = "0.3" },
    { .min = "-2.05", .max = "-0.3", .exclusive_max = true },
    { .min = "-2.05", .exclusive_min = true, .max = "-0.3" },
    { .min = "0" },
    { .min = "0", .exclusive_min = true },
    { .max = "0" },
    { .max = "0", .exclusive_max = true },
    { .min = "0", .max = "0" },
    { .min = "0", .exclusive_min = true, .max = "1" },
    { .min = "10", .max = "10.0" },
    { .min = "1e-3", .max = "1.5e1" },
    { .min = "99.5" },
    { .max = "-123.25", .exclusive_max = true },
    { .min = "-123456789012345678901.5", .max = "123456789012345678901.25" },
    { .multiple = "0.01" },
    { .multiple = "2.5" },
    { .multiple = "1e-3" },
    { .multiple = "1e3" },
    { .multiple = "3" },
    { .multiple = "0.3", .min = "-1", .max = "12", .exclusive_max = true },
    { .multiple = "0.15", .min = "0.1" },
    { .min = "3", .max = "2" },
    { .min = "2", .max = "2", .exclusive_max = true },
};

static void name(const struct regex_number *n, char *out, size_t cap)
{
    snprintf(out, cap, "%s %s%s to %s%s, multiples of %s", n->integer ? "integers" : "numbers",
             n->exclusive_min ? "above " : "", n->min ? n->min : "-", n->exclusive_max ? "below " : "",
             n->max ? n->max : "-", n->multiple ? n->multiple : "-");
}

static void check_numbers(void)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct regex_number *n = &numbers[i];
        struct err err = { 0 };
        struct regexes *s = regexes_create(LIMIT, &err);
        regex r = REGEX_NONE;
        char text[100];
        wrong = regex_number(s, n, &r, &err) < 0;
        all_texts(s, r, n, text, 0, 5);
        neighbours(s, r, n, "0");
        if (n->min)
            neighbours(s, r, n, n->min);
        if (n->max)
            neighbours(s, r, n, n->max);
        name(n, text, sizeof text);
        ok(wrong == 0 && !regex_failed(s), "%s: %d are told wrongly", text, wrong);
        regexes_destroy(s);
    }
}

static void check_syntax(void)
{
    static const char *const good[] = { "0", "-0", "-0.0", "1e5", "1E+05", "-12.50e-3", "123" }, *const bad[] = {
        "", "-", "01", "1.", ".5", "1e", "+1", "1e+", "--1", "0x1"
    };
    struct regexes *s = regexes_create(LIMIT, NULL);
    struct err err = { 0 };
    regex number = REGEX_NONE, integer = REGEX_NONE, r = REGEX_ANY;
    int n = regex_number(s, &(struct regex_number){ 0 }, &number, &err);
    n += regex_number(s, &(struct regex_number){ .integer = true }, &integer, &err);
    is_int(n, 0, "numbers without bounds");
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ok(is_in(s, number, good[i]), "\"%s\" is a number", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ok(!is_in(s, number, bad[i]), "\"%s\" is none", bad[i]);
    ok(is_in(s, integer, "-10") && is_in(s, integer, "0") && !is_in(s, integer, "-0") && !is_in(s, integer, "1.0") &&
           !is_in(s, integer, "1e1"),
       "integers without bounds");
    ok(regex_number(s, &(struct regex_number){ .integer = true, .multiple = "12", .min = "100", .max = "107" }, &r,
                    &err) == 0 &&
           r == REGEX_NONE,
       "no multiple in reach is no number at all");
    static const struct regex_number beyond[] = {
        { .min = "1e401" },     { .max = "x" },           { .max = "" },
        { .min = "1e" },        { .multiple = "0" },      { .multiple = "-1" },
        { .multiple = "1e19" }, { .multiple = "1e-200" }, { .min = "-" },
    };
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
        err = (struct err){ 0 };
        ok(regex_number(s, &beyond[i], &r, &err) < 0 && err.status == CORAX_E_ARGS, "refused: %s", err.msg);
    }
    ok(regex_number(s, &(struct regex_number){ .min = "-1e308", .max = "5e-324" }, &r, &err) == 0, "a double's range");
    ok(is_in(s, r, "-12.5") && is_in(s, r, "0.0") && !is_in(s, r, "0.1"), "is held");
    regexes_destroy(s);
}

int main(void)
{
    plan_later();
    check_numbers();
    check_syntax();
    done();
    return tap_status();
}
