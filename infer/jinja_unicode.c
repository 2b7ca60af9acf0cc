#include "infer/jinja_unicode.h"

#include "infer/jinja_table.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

unsigned char_classes(uint32_t c)
{
    size_t low = 0, high = COUNT(class_runs);

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (class_runs[middle].first <= c)
            low = middle;
        else
            high = middle;
    }
    return class_runs[low].classes;
}

/* How far c's counterpart is, 0 for none. */
static int32_t find_delta(const struct case_run *runs, size_t n, uint32_t c)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (runs[middle].last < c)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < n && runs[low].first <= c && (c - runs[low].first) % runs[low].step == 0)
        return runs[low].delta;
    return 0;
}

static bool find_special(const struct case_special *list, size_t n, uint32_t c, uint32_t out[3], int *n_out)
{
    for (size_t i = 0; i < n && list[i].from <= c; i++)
        if (list[i].from == c) {
            for (*n_out = 0; *n_out < 3 && list[i].to[*n_out]; ++*n_out)
                out[*n_out] = list[i].to[*n_out];
            return true;
        }
    return false;
}

int char_change(uint32_t c, enum char_case to, uint32_t out[3])
{
    int n = 0;

    out[0] = c;
    if (c < 0x80) {
        if (to == CASE_LOWER ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z')
            out[0] = c ^ 0x20;
        return 1;
    }
    if (to == CASE_TITLE && find_special(title_special, COUNT(title_special), c, out, &n))
        return n;
    if (to == CASE_LOWER) {
        if (find_special(lower_special, COUNT(lower_special), c, out, &n))
            return n;
        out[0] = (uint32_t)((int32_t)c + find_delta(lower_runs, COUNT(lower_runs), c));
        return 1;
    }
    if (to == CASE_UPPER && find_special(upper_special, COUNT(upper_special), c, out, &n))
        return n;
    out[0] = (uint32_t)((int32_t)c + find_delta(upper_runs, COUNT(upper_runs), c));
    return 1;
}

static bool in_ranges(const uint32_t (*list)[2], size_t n, uint32_t c)
{
    for (size_t i = 0; i < n && list[i][0] <= c; i++)
        if (c <= list[i][1])
            return true;
    return false;
}

bool char_is_title(uint32_t c)
{
    for (size_t i = 0; i < COUNT(title_letters); i++)
        if (title_letters[i] == c)
            return true;
    return false;
}

bool char_is_upper(uint32_t c)
{
    uint32_t other[3];

    if (c < 0x80)
        return c >= 'A' && c <= 'Z';
    if (char_is_title(c))
        return false;
    return char_change(c, CASE_LOWER, other) > 1 || other[0] != c || in_ranges(upper_only, COUNT(upper_only), c);
}

bool char_is_lower(uint32_t c)
{
    uint32_t other[3];

    if (c < 0x80)
        return c >= 'a' && c <= 'z';
    if (char_is_title(c))
        return false;
    return char_change(c, CASE_UPPER, other) > 1 || other[0] != c || in_ranges(lower_only, COUNT(lower_only), c);
}

bool char_is_cased(uint32_t c)
{
    return char_is_upper(c) || char_is_lower(c) || char_is_title(c);
}

bool char_ends_line(uint32_t c)
{
    return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

size_t char_len(const char *s)
{
    unsigned char c = (unsigned char)*s;

    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

uint32_t char_at(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;

    switch (char_len(s)) {
    case 1:
        return p[0];
    case 2:
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    case 3:
        return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    default:
        return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
    }
}

const char *char_before(const char *s)
{
    do
        s--;
    while (((unsigned char)*s & 0xc0) == 0x80);
    return s;
}

const char *char_skip(const char *s, const char *end, size_t n)
{
    while (n-- > 0 && s < end)
        s += char_len(s);
    return s;
}
