/*
 * The one text for all values that are equal.
 */
#include "util/json.h"

#include <stdlib.h>
#include <string.h>

#include "util/decimal.h"

#define MAX_COMPARED (4u << 20) /* bytes of a canonical text */

bool json_is_integer(const struct json *json)
{
    const char *digits = json_digits(json);

    return digits && decimal_read(digits).exponent >= 0;
}

static void write_decimal(struct buf *out, const char *digits)
{
    struct decimal d = decimal_read(digits);

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

bool json_same(const struct json *a, const struct json *b)
{
    struct buf x, y;
    bool same;

    buf_init(&x, MAX_COMPARED);
    buf_init(&y, MAX_COMPARED);
    json_canonical(a, &x);
    json_canonical(b, &y);
    same = !x.failed && !y.failed && x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    buf_finish(&x);
    buf_finish(&y);
    return same;
}
