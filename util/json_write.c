#include "util/json.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json_plain.h"
#include "util/utf8.h"

static inline uint32_t load4(const char *s)
{
    uint32_t v;

    memcpy(&v, s, sizeof(v));
    return v;
}

/* Eight bytes at a time, the last eight overlapping those before; most strings are short keys. */
static bool all_plain(const char *s, size_t len)
{
    size_t i;

    if (len >= 8) {
        for (i = 0; i + 8 < len; i += 8)
            if (!eight_plain(load8(s + i)))
                break;
        if (i + 8 >= len && eight_plain(load8(s + len - 8)))
            return true;
    } else if (len >= 4 && eight_plain(load4(s) | (uint64_t)load4(s + len - 4) << 32)) {
        return true;
    }
    for (i = 0; i < len && is_plain(s[i]); i++)
        ;
    return i == len;
}

/* One that has something to escape, or is not ASCII. */
static void write_slowly(struct buf *out, const char *s, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const char *end = s + len, *plain = s; /* plain: first byte not yet written */

    buf_addc(out, '"');
    for (;;) {
        char escape[7] = { '\\' };
        const char *instead = escape;
        unsigned char c;
        size_t n;

        while (s < end && is_plain(*s))
            s++;
        if (s == end)
            break;
        c = (unsigned char)*s;
        n = utf8_char_len(s, (size_t)(end - s));
        if (c >= 0x80 && n > 0) {
            s += n;
            continue;
        }
        if (n == 0 || c == '\0') {
            instead = "\xef\xbf\xbd"; /* also for NUL: our own scanner refuses it */
        } else if (c == '"' || c == '\\') {
            escape[1] = (char)c;
        } else {
            const char *codes = "\bb\ff\nn\rr\tt", *code = codes;

            while (*code && *code != (char)c)
                code += 2;
            if (*code)
                escape[1] = code[1];
            else
                memcpy(escape + 1, (char[]){ 'u', '0', '0', hex[c >> 4], hex[c & 15], '\0' }, 6);
        }
        buf_add(out, plain, (size_t)(s - plain));
        buf_adds(out, instead);
        plain = ++s;
    }
    buf_add(out, plain, (size_t)(s - plain));
    buf_addc(out, '"');
}

/* after: a byte behind the string, or NUL for none. */
static void write_string(struct buf *out, const char *s, size_t len, char after)
{
    char *room;

    if (!all_plain(s, len)) {
        write_slowly(out, s, len);
        if (after)
            buf_addc(out, after);
    } else if ((room = buf_room(out, len + 2 + (after != '\0'))) != NULL) {
        room[0] = '"';
        memcpy(room + 1, s, len);
        room[len + 1] = '"';
        if (after)
            room[len + 2] = after;
    }
}

struct jsonw jsonw_start(struct buf *out)
{
    return (struct jsonw){ .out = out, .start = out->len };
}

/* The comma and the key in front of a value. */
static void begin(struct jsonw *w, const char *key)
{
    uint64_t bit;

    if (w->depth == 0)
        return;
    bit = UINT64_C(1) << (w->depth - 1);
    assert(((w->is_array & bit) != 0) == (key == NULL));
    if (w->has_member & bit)
        buf_addc(w->out, ',');
    w->has_member |= bit;
    if (key)
        write_string(w->out, key, strlen(key), ':');
}

static void open_container(struct jsonw *w, const char *key, bool array)
{
    uint64_t bit;

    begin(w, key);
    assert(w->depth < JSON_MAX_DEPTH);
    bit = UINT64_C(1) << w->depth++;
    w->has_member &= ~bit;
    w->is_array = array ? w->is_array | bit : w->is_array & ~bit;
    buf_addc(w->out, array ? '[' : '{');
}

void jsonw_object(struct jsonw *w, const char *key)
{
    open_container(w, key, false);
}

void jsonw_array(struct jsonw *w, const char *key)
{
    open_container(w, key, true);
}

void jsonw_end(struct jsonw *w)
{
    assert(w->depth > 0);
    w->depth--;
    buf_addc(w->out, w->is_array >> w->depth & 1 ? ']' : '}');
}

void jsonw_string(struct jsonw *w, const char *key, const char *s, size_t len)
{
    begin(w, key);
    write_string(w->out, s, len, '\0');
}

void jsonw_text(struct jsonw *w, const char *key, const char *s)
{
    if (s)
        jsonw_string(w, key, s, strlen(s));
    else
        jsonw_null(w, key);
}

/* In front of `end`, n_digits at least; returns the first. */
static char *put_digits(char *end, uint64_t value, int n_digits)
{
    char *p = end;

    while (p > end - n_digits || value > 0) {
        *--p = (char)('0' + value % 10);
        value /= 10;
    }
    return p;
}

void jsonw_int(struct jsonw *w, const char *key, int64_t value)
{
    char text[20], *end = text + sizeof(text); /* -9223372036854775808 has 20 */
    char *p = put_digits(end, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);

    if (value < 0)
        *--p = '-';
    begin(w, key);
    buf_add(w->out, p, (size_t)(end - p));
}

/*
 * A number of up to three decimals, which settings are.  Both sides of the division are exact, so it gives the double
 * that strtod reads, and no shorter text gives the same.
 */
static bool write_short_decimal(struct jsonw *w, const char *key, double value)
{
    char text[32], *end = text + sizeof(text), *p;
    double thousandths = nearbyint(value * 1000);
    uint64_t n;

    if (signbit(value) || !(thousandths < 1e9) || thousandths / 1000 != value)
        return false;
    n = (uint64_t)thousandths;
    p = put_digits(end, n % 1000, 3);
    *--p = '.';
    p = put_digits(p, n / 1000, 1);
    while (end[-1] == '0')
        end--;
    if (end[-1] == '.')
        end--;
    begin(w, key);
    buf_add(w->out, p, (size_t)(end - p));
    return true;
}

void jsonw_number(struct jsonw *w, const char *key, double value)
{
    locale_t before;
    char text[40];

    if (!isfinite(value)) {
        jsonw_null(w, key);
        return;
    }
    if (write_short_decimal(w, key, value))
        return;
    /* printf and strtod obey the locale's decimal point.  glibc has the all-C one built in: nothing is allocated. */
    before = uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    uselocale(before);
    begin(w, key);
    buf_adds(w->out, text);
}

void jsonw_bool(struct jsonw *w, const char *key, bool value)
{
    begin(w, key);
    buf_adds(w->out, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
    begin(w, key);
    buf_adds(w->out, "null");
}

void jsonw_raw(struct jsonw *w, const char *key, const char *json, size_t len)
{
    begin(w, key);
    buf_add(w->out, json, len);
}

void jsonw_value(struct jsonw *w, const char *key, const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_NONE:
    case JSON_NULL:
        jsonw_null(w, key);
        break;
    case JSON_BOOL:
        jsonw_bool(w, key, json_bool(value, false));
        break;
    case JSON_NUMBER:
        begin(w, key);
        buf_adds(w->out, json_digits(value));
        break;
    case JSON_STRING:
        jsonw_text(w, key, json_text(value));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        open_container(w, key, json_kind(value) == JSON_ARRAY);
        for (const struct json *v = json_first(value); v; v = json_next(v))
            jsonw_value(w, json_key(v), v);
        jsonw_end(w);
        break;
    }
}
