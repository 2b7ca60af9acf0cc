/*
 * Numbers by their exact decimal value, however long, and the one text for all values that are equal.  A double would call
 * 9007199254740992 and 9007199254740993 the same.
 */
#include "util/json.h"

#include <stdlib.h>
#include <string.h>

/*
 * A number as an integer times ten to the exponent.  The integer's digits stand from first to last, perhaps with a
 * point between them, and neither end is a zero; first is NULL for zero.
 */
struct decimal {
    bool negative;
    const char *first, *last;
    int64_t exponent;
};

/* text is a number that the scanner accepted. */
static struct decimal read_decimal(const char *text)
{
    const int64_t huge = INT64_MAX / 4; /* exponents saturate: 1e99999999999999999999 is still a number */
    struct decimal d = { .negative = *text == '-' };
    int64_t exponent = 0, places = 0, zeros = 0; /* digits behind the point; zeros since the last other digit */
    const char *p = text + d.negative;
    bool fraction = false, minus;

    for (; *p && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        places += fraction;
        zeros++;
        if (*p != '0') {
            zeros = 0;
            d.last = p;
            if (!d.first)
                d.first = p;
        }
    }
    if (!d.first)
        return d;
    if (*p) {
        minus = p[1] == '-';
        for (p += minus || p[1] == '+' ? 2 : 1; *p; p++)
            exponent = exponent < huge / 10 ? exponent * 10 + (*p - '0') : huge;
        if (minus)
            exponent = -exponent;
    }
    d.exponent = exponent + zeros - places;
    return d;
}

bool json_is_integer(const struct json *json)
{
    const char *digits = json_digits(json);

    return digits && read_decimal(digits).exponent >= 0;
}

static void write_decimal(struct buf *out, const char *digits)
{
    struct decimal d = read_decimal(digits);

    if (!d.first) {
        buf_addc(out, '0');
        return;
    }
    if (d.negative)
        buf_addc(out, '-');
    for (const char *p = d.first; p <= d.last; p++)
        if (*p != '.')
            buf_addc(out, *p);
    if (d.exponent != 0)
        buf_addf(out, "e%lld", (long long)d.exponent);
}

static int compare_members(const void *a, const void *b)
{
    return strcmp(json_key(*(const struct json *const *)a), json_key(*(const struct json *const *)b));
}

static void write_canonical_object(const struct json *value, struct buf *out)
{
    size_t n = json_count(value), i = 0;
    const struct json **members = malloc((n + 1) * sizeof(*members));
    struct jsonw w;

    if (!members) {
        out->failed = true;
        return;
    }
    for (const struct json *v = json_first(value); v; v = json_next(v))
        members[i++] = v;
    qsort(members, n, sizeof(*members), compare_members);
    buf_addc(out, '{');
    for (i = 0; i < n; i++) {
        if (i > 0)
            buf_addc(out, ',');
        w = jsonw_start(out);
        jsonw_text(&w, NULL, json_key(members[i]));
        buf_addc(out, ':');
        json_canonical(members[i], out);
    }
    buf_addc(out, '}');
    free(members);
}

void json_canonical(const struct json *value, struct buf *out)
{
    struct jsonw w;

    switch (json_kind(value)) {
    case JSON_NUMBER:
        write_decimal(out, json_digits(value));
        break;
    case JSON_OBJECT:
        write_canonical_object(value, out);
        break;
    case JSON_ARRAY:
        buf_addc(out, '[');
        for (const struct json *v = json_first(value); v; v = json_next(v)) {
            if (v != json_first(value))
                buf_addc(out, ',');
            json_canonical(v, out);
        }
        buf_addc(out, ']');
        break;
    default:
        w = jsonw_start(out);
        jsonw_value(&w, NULL, value);
    }
}
