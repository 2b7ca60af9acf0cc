#include "infer/jinja_case.h"

#include "infer/jinja_unicode.h"

#define SIGMA       0x3a3u
#define FINAL_SIGMA 0x3c2u

static bool is_ignored(uint32_t c)
{
    return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`' || c == 0xad || c == 0xb7 || c == 0x2018 ||
           c == 0x2019 || (c >= 0x200b && c <= 0x200f) || (c >= 0x300 && c <= 0x36f); /* the most frequent ones of those that Unicode calls case-ignorable */
}

/* A capital sigma at the end of a word: letters before it, none after. */
static bool is_final_sigma(const struct text *t, size_t at)
{
    const char *p = t->s + at, *end = t->s + t->len;

    do {
        if (p == t->s)
            return false;
        p = char_before(p);
    } while (is_ignored(char_at(p)));
    if (!char_is_cased(char_at(p)))
        return false;
    for (p = t->s + at + 2; p < end && is_ignored(char_at(p));)
        p += char_len(p);
    return p == end || !char_is_cased(char_at(p));
}

static enum char_case case_of(enum change change, uint32_t c, bool first, bool after_cased)
{
    switch (change) {
    case CHANGE_UPPER:
        return CASE_UPPER;
    case CHANGE_LOWER:
        return CASE_LOWER;
    case CHANGE_TITLE:
        return after_cased ? CASE_LOWER : CASE_TITLE;
    case CHANGE_CAPITALIZE:
        return first ? CASE_TITLE : CASE_LOWER;
    default:
        return char_is_upper(c) ? CASE_LOWER : char_is_lower(c) ? CASE_UPPER : CASE_TITLE;
    }
}

int text_change_case(struct render *r, const struct text *t, enum change change, struct value *out)
{
    struct builder b;
    size_t kept = 0;
    bool after_cased = false;

    if (render_steps(r, t->len / 4) < 0)
        return -1;
    builder_init(&b, r);
    for (size_t i = 0, n; i < t->len; i += n) {
        uint32_t c = char_at(t->s + i), changed[3];
        enum char_case to = case_of(change, c, i == 0, after_cased);
        int count = 1;

        n = char_len(t->s + i);
        after_cased = char_is_cased(c);
        if (change == CHANGE_SWAP && to == CASE_TITLE)
            continue;
        if (c == SIGMA && to == CASE_LOWER && is_final_sigma(t, i))
            changed[0] = FINAL_SIGMA;
        else
            count = char_change(c, to, changed);
        if (count == 1 && changed[0] == c)
            continue;
        builder_slice(&b, t, kept, i);
        for (int k = 0; k < count; k++)
            builder_char(&b, changed[k], text_is_data(t, i));
        kept = i + n;
    }
    builder_slice(&b, t, kept, t->len);
    return builder_value(&b, t->safe, out);
}

bool text_all(const struct text *t, unsigned classes)
{
    for (size_t i = 0; i < t->len; i += char_len(t->s + i))
        if (!(char_classes(char_at(t->s + i)) & classes))
            return false;
    return t->len > 0;
}

bool text_is_lower(const struct text *t)
{
    bool any = false;

    for (size_t i = 0; i < t->len; i += char_len(t->s + i)) {
        uint32_t c = char_at(t->s + i);

        if (char_is_upper(c) || char_is_title(c))
            return false;
        any |= char_is_lower(c);
    }
    return any;
}

bool text_is_upper(const struct text *t)
{
    bool any = false;

    for (size_t i = 0; i < t->len; i += char_len(t->s + i)) {
        uint32_t c = char_at(t->s + i);

        if (char_is_lower(c) || char_is_title(c))
            return false;
        any |= char_is_upper(c);
    }
    return any;
}

bool text_is_title(const struct text *t)
{
    bool any = false, after_cased = false;

    for (size_t i = 0; i < t->len; i += char_len(t->s + i)) {
        uint32_t c = char_at(t->s + i);
        bool begins = char_is_upper(c) || char_is_title(c), goes_on = char_is_lower(c);

        if ((begins && after_cased) || (goes_on && !after_cased))
            return false;
        after_cased = begins || goes_on;
        any |= after_cased;
    }
    return any;
}
