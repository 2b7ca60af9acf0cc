/*
 * JSON numbers between bounds, and multiples.
 *
 * A magnitude is written as a whole part without leading zeros and perhaps a fraction.  Compared with a bound, one with
 * more digits before the point is larger; with as many, the first digit that differs decides.  So a bound is a chain with
 * a branch at each of its digits.  The number line is two such magnitudes, one behind a minus.  "-0" is 0, in numbers
 * that need not be integers.
 */
#include <string.h>

#include "infer/regex_store.h"

/* Before the point and behind it: doubles have at most 309 and 1074, of which nobody bounds anything by the last ones. */
#define MAX_DIGITS 400
/* Of a multiple: what a remainder has room for, times ten. */
#define MAX_MODULUS UINT64_C(1000000000000000000)
#define MAX_PLACES  100
#define MAX_TEXT    2000

struct decimal { /* digits of the whole part without zeros in front, and of the fraction without zeros at the end */
    bool negative;
    int n_whole, n_fraction;
    char digits[2 * MAX_DIGITS];
};

/* --- reading bounds ----------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int refuse(const char *text, const char *why, struct err *err)
{
    return fail(err, CORAX_E_ARGS, "number \"%.60s\": %s", text, why);
}

/* Digits as they stand, and where among them the point is; false when it is no number. */
static bool split(const char *text, struct decimal *d, char *digits, int *n, long *point)
{
    long exponent = 0;
    const char *at = text + (*text == '-');
    d->negative = *text == '-';
    *n = 0;
    for (; is_digit(*at); at++)
        digits[(*n)++] = *at;
    if (*n == 0)
        return false;
    *point = *n;
    if (*at == '.') {
        for (at++; is_digit(*at); at++)
            digits[(*n)++] = *at;
    }
    if (*at == 'e' || *at == 'E') {
        bool down = *++at == '-';
        at += *at == '-' || *at == '+';
        if (!is_digit(*at))
            return false;
        for (; is_digit(*at); at++)
            exponent = exponent > 100000 ? exponent : exponent * 10 + (*at - '0');
        exponent = down ? -exponent : exponent;
    }
    *point += exponent;
    return *at == '\0';
}

static int parse(const char *text, struct decimal *d, struct err *err)
{
    char digits[MAX_TEXT];
    int n, first = 0;
    long point;
    memset(d, 0, sizeof *d);
    if (strlen(text) >= sizeof digits)
        return refuse(text, "has more digits than can be held", err);
    if (!split(text, d, digits, &n, &point))
        return refuse(text, "is none", err);
    while (n > 0 && digits[n - 1] == '0')
        n--;
    while (first < n && digits[first] == '0')
        first++;
    if (first == n)
        return 0;
    long whole = point - first, fraction = n - point; /* digits before and behind the point, where these are positive */
    if (whole > MAX_DIGITS || fraction > MAX_DIGITS)
        return refuse(text, "has more digits than can be held", err);
    d->n_whole = whole > 0 ? (int)whole : 0;
    d->n_fraction = fraction > 0 ? (int)fraction : 0;
    long from = point - d->n_whole; /* of the digits, the one that comes first; there are zeros outside of them */
    for (int i = 0; i < d->n_whole + d->n_fraction; i++)
        d->digits[i] = from + i >= 0 && from + i < n ? digits[from + i] : '0';
    return 0;
}

static bool is_zero(const struct decimal *d)
{
    return d->n_whole + d->n_fraction == 0;
}

/* --- magnitudes --------------------------------------------------------------------------------------------------- */

struct maker {
    struct regexes *store;
    bool integer;
    regex digit, some, any; /* one; one or more; any number of them */
    regex rest;             /* of a number, after its whole part: anything that may stand there */
};

static regex digits(struct maker *m, int from, int to)
{
    struct regex_set set = { { 0 } };
    if (from <= to)
        regex_set_add(&set, '0' + (unsigned)from, '0' + (unsigned)to);
    return regex_bytes(m->store, set.bits);
}

static regex point(struct maker *m, regex then)
{
    return regex_concat(m->store, regex_literal(m->store, ".", 1), then);
}

static regex optional(struct maker *m, regex r)
{
    return regex_or(m->store, REGEX_EMPTY, r);
}

/* Digits of the whole part, and anything behind. */
static regex whole(struct maker *m, regex first, int64_t min, int64_t max)
{
    regex more = regex_concat(m->store, regex_repeat(m->store, m->digit, min, max), m->rest);
    return regex_concat(m->store, first, more);
}

static void prepare(struct maker *m, struct regexes *s, bool integer)
{
    *m = (struct maker){ .store = s, .integer = integer };
    m->digit = digits(m, 0, 9);
    m->some = regex_repeat(s, m->digit, 1, REGEX_MANY);
    m->any = regex_repeat(s, m->digit, 0, REGEX_MANY);
    m->rest = integer ? REGEX_EMPTY : optional(m, point(m, m->some));
}

static regex magnitude(struct maker *m)
{
    return regex_or(m->store, whole(m, digits(m, 0, 0), 0, 0), whole(m, digits(m, 1, 9), 0, REGEX_MANY));
}

/* Behind digits that are those of the bound: what is not less than its fraction, or more. */
static regex fraction_from(struct maker *m, const struct decimal *d, bool strict)
{
    struct regexes *s = m->store;
    regex above_zero = regex_concat(s, m->any, regex_concat(s, digits(m, 1, 9), m->any));
    if (m->integer)
        return strict || d->n_fraction > 0 ? REGEX_NONE : REGEX_EMPTY;
    if (d->n_fraction == 0)
        return strict ? point(m, above_zero) : m->rest;
    regex r = strict ? above_zero : m->any;
    for (int i = d->n_fraction; i-- > 0;) {
        int digit = d->digits[d->n_whole + i] - '0';
        regex larger = regex_concat(s, digits(m, digit + 1, 9), m->any);
        r = regex_or(s, larger, regex_concat(s, digits(m, digit, digit), r));
    }
    return point(m, r);
}

/* The same: what is not more than its fraction, or less. */
static regex fraction_to(struct maker *m, const struct decimal *d, bool strict)
{
    struct regexes *s = m->store;
    regex zeros = regex_repeat(s, digits(m, 0, 0), 0, REGEX_MANY);
    if (m->integer)
        return strict && d->n_fraction == 0 ? REGEX_NONE : REGEX_EMPTY;
    if (d->n_fraction == 0)
        return strict ? REGEX_NONE : optional(m, point(m, regex_repeat(s, digits(m, 0, 0), 1, REGEX_MANY)));
    regex r = strict ? REGEX_NONE : zeros;
    for (int i = d->n_fraction; i-- > 0;) {
        int digit = d->digits[d->n_whole + i] - '0';
        regex less = regex_concat(s, digits(m, 0, digit - 1), m->any);
        r = regex_or(s, less, regex_concat(s, digits(m, digit, digit), r));
        r = i > 0 ? optional(m, r) : r; /* the last digit is no zero: what ends before it is less */
    }
    return optional(m, point(m, r));
}

static regex at_least(struct maker *m, const struct decimal *d, bool strict)
{
    struct regexes *s = m->store;
    regex r = fraction_from(m, d, strict);
    for (int i = d->n_whole; i-- > 0;) {
        int digit = d->digits[i] - '0', left = d->n_whole - i - 1;
        r = regex_or(s, whole(m, digits(m, digit + 1, 9), left, left), regex_concat(s, digits(m, digit, digit), r));
    }
    if (d->n_whole == 0)
        r = regex_concat(s, digits(m, 0, 0), r);
    return regex_or(s, r, whole(m, digits(m, 1, 9), d->n_whole, REGEX_MANY));
}

static regex at_most(struct maker *m, const struct decimal *d, bool strict)
{
    struct regexes *s = m->store;
    regex r = fraction_to(m, d, strict);
    for (int i = d->n_whole; i-- > 0;) {
        int digit = d->digits[i] - '0', left = d->n_whole - i - 1;
        regex less = whole(m, digits(m, i == 0, digit - 1), left, left);
        r = regex_or(s, less, regex_concat(s, digits(m, digit, digit), r));
    }
    if (d->n_whole == 0)
        return regex_concat(s, digits(m, 0, 0), r);
    r = regex_or(s, r, whole(m, digits(m, 0, 0), 0, 0));
    return d->n_whole < 2 ? r : regex_or(s, r, whole(m, digits(m, 1, 9), 0, d->n_whole - 2));
}

/* --- multiples ---------------------------------------------------------------------------------------------------- */

static uint64_t gcd(uint64_t x, uint64_t y)
{
    while (y != 0) {
        uint64_t rest = x % y;
        x = y;
        y = rest;
    }
    return x;
}

/* Magnitudes that are a multiple of d. */
static int multiples(struct maker *m, const char *text, regex *out, struct err *err)
{
    struct regexes *s = m->store;
    struct decimal d;
    uint64_t modulus = 0;
    if (parse(text, &d, err) < 0)
        return -1;
    for (int i = 0; i < d.n_whole + d.n_fraction; i++) {
        modulus = modulus * 10 + (uint64_t)(d.digits[i] - '0');
        if (modulus >= MAX_MODULUS || d.n_fraction > MAX_PLACES)
            return refuse(text, "has more digits than what others are multiples of may have", err);
    }
    for (int i = 0; m->integer && i < d.n_fraction; i++)
        modulus /= gcd(modulus, 10);
    if (d.negative || modulus == 0)
        return refuse(text, "is not above zero, as what others are multiples of", err);
    uint8_t places = m->integer ? 0 : (uint8_t)d.n_fraction;
    *out = REGEX_NONE;
    for (unsigned i = 0; i < 10; i++) {
        struct regex_remainder first = { modulus, i % modulus, i == 0 ? PART_ZERO : PART_WHOLE, places };
        first.part = !m->integer ? first.part : i == 0 ? PART_ZERO : PART_WHOLE_ONLY;
        regex then = m->integer && i == 0 ? REGEX_EMPTY : regex_remainder(s, first);
        *out = regex_or(s, *out, regex_concat(s, digits(m, (int)i, (int)i), then));
    }
    return 0;
}

/* --- numbers ------------------------------------------------------------------------------------------------------ */

struct bound {
    bool given, strict;
    struct decimal at;
};

static int read_bound(const char *text, bool strict, struct bound *b, struct err *err)
{
    b->given = text != NULL;
    b->strict = strict;
    return text == NULL ? 0 : parse(text, &b->at, err);
}

/* Magnitudes that are not below low and not above high, of numbers on their side of zero; REGEX_NONE where none are. */
static regex between(struct maker *m, const struct bound *low, const struct bound *high, bool negative)
{
    struct regexes *s = m->store;
    bool beyond = high->given && !is_zero(&high->at) && high->at.negative != negative;
    regex r = beyond ? REGEX_NONE : magnitude(m);
    if (high->given && !beyond)
        r = at_most(m, &high->at, high->strict);
    if (low->given && (is_zero(&low->at) ? low->strict : low->at.negative == negative))
        r = regex_and(s, r, at_least(m, &low->at, low->strict));
    return r;
}

static regex any_number(struct maker *m)
{
    struct regexes *s = m->store;
    regex minus = regex_literal(s, "-", 1);
    if (m->integer)
        return regex_or(s, digits(m, 0, 0),
                        regex_concat(s, optional(m, minus), whole(m, digits(m, 1, 9), 0, REGEX_MANY)));
    static const char *const exponents[] = { "E", "e" }, *const signs[] = { "+", "-" };
    static const size_t ones[] = { 1, 1 };
    regex exponent = regex_concat(s, optional(m, regex_literals(s, signs, ones, 2)), m->some);
    exponent = optional(m, regex_concat(s, regex_literals(s, exponents, ones, 2), exponent));
    return regex_concat(s, optional(m, minus), regex_concat(s, magnitude(m), exponent));
}

int regex_number(struct regexes *s, const struct regex_number *n, regex *out, struct err *err)
{
    struct maker m;
    struct bound min, max;
    regex multiple = REGEX_NONE, sides[2];
    if (read_bound(n->min, n->exclusive_min, &min, err) < 0 || read_bound(n->max, n->exclusive_max, &max, err) < 0)
        return -1;
    prepare(&m, s, n->integer);
    if (n->multiple != NULL && multiples(&m, n->multiple, &multiple, err) < 0)
        return -1;
    if (n->min == NULL && n->max == NULL && n->multiple == NULL)
        return *out = any_number(&m), 0;
    sides[0] = between(&m, &min, &max, false);
    sides[1] = between(&m, &max, &min, true);
    if (n->integer)
        sides[1] = regex_and(s, sides[1], whole(&m, digits(&m, 1, 9), 0, REGEX_MANY));
    for (int i = 0; i < 2 && n->multiple != NULL; i++)
        sides[i] = regex_and(s, sides[i], multiple);
    for (int i = 0; i < 2; i++)
        sides[i] = regex_alive(s, sides[i], NULL) ? sides[i] : REGEX_NONE;
    *out = regex_or(s, sides[0], regex_concat(s, regex_literal(s, "-", 1), sides[1]));
    return 0;
}
