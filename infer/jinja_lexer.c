#include "infer/jinja_lexer.h"

#include <stdio.h>
#include <string.h>

#include "infer/jinja_unicode.h"
#include "util/utf8.h"

#define MAX_BRACKETS 200 /* open at once in one tag: Python's parser takes 200, ours fewer (JINJA_MAX_NESTING) */

struct lexer {
    struct render *r;
    const char *s, *end; /* what is left */
    const char *begin;
    bool line_starting; /* what was read last ended a line */
    struct token *list;
    size_t n, cap;
    char brackets[MAX_BRACKETS];
    size_t n_brackets;
};

static struct token *add(struct lexer *l, enum token_kind kind)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct token *list = render_alloc(l->r, cap, sizeof *list);

        if (!list)
            return NULL;
        if (l->n)
            memcpy(list, l->list, l->n * sizeof *list);
        l->list = list;
        l->cap = cap;
    }
    l->list[l->n] = (struct token){ .kind = (uint8_t)kind, .line = l->r->line };
    return &l->list[l->n++];
}

static int add_text(struct lexer *l, enum token_kind kind, const char *s, size_t len)
{
    struct token *t = add(l, kind);

    return t ? text_copy(l->r, s, len, false, &t->text) : -1;
}

static bool starts(const struct lexer *l, const char *s, const char *with)
{
    size_t n = strlen(with);

    return (size_t)(l->end - s) >= n && memcmp(s, with, n) == 0;
}

/* Goes on to `to`, counting lines. */
static void advance(struct lexer *l, const char *to)
{
    for (const char *p = l->s; p < to; p++)
        l->r->line += *p == '\n';
    if (to > l->s)
        l->line_starting = to[-1] == '\n';
    l->s = to;
}

static bool is_space(const char *s)
{
    return char_classes(char_at(s)) & CHAR_SPACE;
}

static const char *skip_space(const struct lexer *l, const char *s)
{
    while (s < l->end && is_space(s))
        s += char_len(s);
    return s;
}

/* --- between the tags ----------------------------------------------------------------------------------------------- */

/* The text before a tag, as its sign (-, + or none) leaves it; variables keep what stands before them in the line. */
static int add_data(struct lexer *l, const char *end, char sign, bool is_print)
{
    const char *s = l->s, *stop = end;

    if (sign == '-') {
        while (stop > s && is_space(char_before(stop)))
            stop = char_before(stop);
    } else if (sign != '+' && !is_print) {
        const char *line = memrchr(s, '\n', (size_t)(end - s));

        line = line ? line + 1 : s;
        if ((line > s || l->line_starting) && line < end) {
            const char *p = line;

            while (p < end && is_space(p))
                p += char_len(p);
            if (p == end)
                stop = line;
        }
    }
    return stop > s ? add_text(l, T_DATA, s, (size_t)(stop - s)) : 0;
}

/* The end of a block tag at s: "+%}", "-%}" with the white space after it, "%}" with a line's end.  NULL: none. */
static const char *block_end(const struct lexer *l, const char *s, const char *mark)
{
    char with_sign[4] = { '+', mark[0], mark[1], 0 };

    if (starts(l, s, with_sign))
        return s + 3;
    with_sign[0] = '-';
    if (starts(l, s, with_sign))
        return skip_space(l, s + 3);
    if (starts(l, s, mark))
        return s + 2 + (s + 2 < l->end && s[2] == '\n');
    return NULL;
}

static int skip_comment(struct lexer *l)
{
    for (const char *p = l->s; p < l->end; p++) {
        const char *after = *p == '#' || *p == '-' || *p == '+' ? block_end(l, p, "#}") : NULL;

        if (after) {
            advance(l, after);
            return 0;
        }
    }
    return l->s == l->end ? 0 : render_fail(l->r, "a comment does not end"); /* a template may end in "{#", in Jinja */
}

/* After "{%", sign and all: the end of a tag that says nothing but word.  NULL: it is another one. */
static const char *plain_tag(const struct lexer *l, const char *s, const char *word)
{
    s = skip_space(l, s);
    return starts(l, s, word) ? skip_space(l, s + strlen(word)) : NULL;
}

static const char *raw_begin(const struct lexer *l, const char *s)
{
    const char *end = plain_tag(l, s, "raw");

    if (end && starts(l, end, "-%}"))
        return skip_space(l, end + 3);
    return end && starts(l, end, "%}") ? end + 2 : NULL;
}

static int read_raw(struct lexer *l)
{
    for (const char *p = l->s; p < l->end; p++) {
        const char *tag, *after;
        char sign;

        p = memchr(p, '{', (size_t)(l->end - p));
        if (!p)
            break;
        if (!starts(l, p, "{%"))
            continue;
        sign = p + 2 < l->end && (p[2] == '-' || p[2] == '+') ? p[2] : 0;
        tag = plain_tag(l, p + 2 + (sign != 0), "endraw");
        after = tag ? block_end(l, tag, "%}") : NULL;
        if (!after)
            continue;
        if (add_data(l, p, sign, false) < 0)
            return -1;
        advance(l, after);
        return 0;
    }
    return l->s == l->end ? 0 : render_fail(l->r, "a raw block does not end");
}

/* --- within a tag --------------------------------------------------------------------------------------------------- */

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits of a number, single underscores between them.  NULL: none at s. */
static const char *digits(const struct lexer *l, const char *s)
{
    if (s >= l->end || !is_digit(*s))
        return NULL;
    while (s < l->end && (is_digit(*s) || (*s == '_' && s + 1 < l->end && is_digit(s[1]))))
        s++;
    return s;
}

static const char *exponent(const struct lexer *l, const char *s)
{
    if (s >= l->end || (*s != 'e' && *s != 'E'))
        return NULL;
    s++;
    if (s < l->end && (*s == '+' || *s == '-'))
        s++;
    return digits(l, s);
}

/* Where a float at s ends, NULL if there is none: a fraction, an exponent, or both. */
static const char *float_end(const struct lexer *l, const char *s)
{
    const char *end = digits(l, s), *fraction, *power;

    if (!end || (s > l->begin && s[-1] == '.'))
        return NULL;
    fraction = end < l->end && *end == '.' ? digits(l, end + 1) : NULL;
    power = exponent(l, fraction ? fraction : end);
    return power ? power : fraction;
}

static const char *integer_end(const struct lexer *l, const char *s, int *base)
{
    static const struct {
        char letter;
        int base;
        const char *digits;
    } bases[] = { { 'b', 2, "01" }, { 'o', 8, "01234567" }, { 'x', 16, "0123456789abcdefABCDEF" } };
    const char *p;

    *base = 10;
    for (size_t i = 0; *s == '0' && s + 1 < l->end && i < 3; i++) {
        if ((s[1] | 0x20) != bases[i].letter)
            continue;
        for (p = s + 2; p < l->end; p++) {
            if (*p == '_' && p + 1 < l->end && p[1] && strchr(bases[i].digits, p[1]))
                continue;
            if (!*p || !strchr(bases[i].digits, *p))
                break;
        }
        if (p > s + 2) {
            *base = bases[i].base;
            return p;
        }
    }
    if (*s != '0')
        return digits(l, s);
    for (p = s + 1; p < l->end && (*p == '0' || (*p == '_' && p + 1 < l->end && p[1] == '0')); p++)
        ;
    return p;
}

/* The number's text without underscores. */
static int plain_number(struct lexer *l, const char *end, const struct text **out)
{
    struct builder b;

    builder_init(&b, l->r);
    for (const char *p = l->s; p < end; p++)
        if (*p != '_')
            builder_add(&b, p, 1, false);
    return builder_finish(&b, out);
}

static int read_number(struct lexer *l)
{
    const char *end = float_end(l, l->s);
    const struct text *plain;
    struct token *t;
    int base = 10;

    t = add(l, end ? T_FLOAT : T_INTEGER);
    if (!end)
        end = integer_end(l, l->s, &base);
    if (!t || plain_number(l, end, &plain) < 0)
        return -1;
    if (t->kind == T_FLOAT)
        float_parse(plain, &t->real);
    else if (int_parse(plain, base == 10 ? 10 : 0, &t->integer) != 1)
        return render_fail(l->r, "the number %.*s has more than 64 bits", (int)(end - l->s > 40 ? 40 : end - l->s), l->s);
    advance(l, end);
    return 0;
}

static int hex(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* n hexadecimal digits at s as a character. */
static int read_hex(struct lexer *l, const char *s, const char *end, int n, struct builder *b)
{
    uint32_t c = 0;

    for (int i = 0; i < n; i++) {
        if (s + i >= end || hex(s[i]) < 0)
            return render_fail(l->r, "an escape sequence in a string is cut off");
        c = c << 4 | (uint32_t)hex(s[i]);
    }
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return render_fail(l->r, "an escape sequence in a string is no character");
    builder_char(b, c, false);
    return 2 + n;
}

/* What a backslash before another character than these means: itself, and what Python makes of the other. */
static int keep_backslash(struct builder *b, const char *s)
{
    uint32_t c = char_at(s + 1);
    char code[16];
    int n = 1;

    if (c < 0x80)
        n = 0;
    else if (c < 0x100)
        snprintf(code, sizeof code, "x%02x", (unsigned)c);
    else
        snprintf(code, sizeof code, c < 0x10000 ? "u%04x" : "U%08x", (unsigned)c);
    builder_literal(b, "\\", false);
    if (n)
        builder_literal(b, code, false);
    else
        builder_add(b, s + 1, 1, false);
    return 1 + (int)char_len(s + 1);
}

/* The escape sequence at s (a backslash): how long it is, or -1. */
static int read_escape(struct lexer *l, const char *s, const char *end, struct builder *b)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *simple = s[1] ? strchr(from, s[1]) : NULL;
    uint32_t c = 0;
    int n = 1;

    if (simple) {
        builder_add(b, &to[simple - from], 1, false);
        return 2;
    }
    switch (s[1]) {
    case '\n':
        return 2;
    case 'x':
        return read_hex(l, s + 2, end, 2, b);
    case 'u':
        return read_hex(l, s + 2, end, 4, b);
    case 'U':
        return read_hex(l, s + 2, end, 8, b);
    case 'N':
        return render_fail(l->r, "names of characters (\\N) are not known");
    default:
        break;
    }
    if (s[1] < '0' || s[1] > '7')
        return keep_backslash(b, s);
    for (; n < 4 && s + n < end && s[n] >= '0' && s[n] <= '7'; n++)
        c = c * 8 + (uint32_t)(s[n] - '0');
    builder_char(b, c, false);
    return n;
}

static int read_string(struct lexer *l)
{
    char quote = *l->s;
    const char *p = l->s + 1;
    struct token *t = add(l, T_STRING);
    struct builder b;

    builder_init(&b, l->r);
    while (t && p < l->end && *p != quote) {
        const char *from = p;
        int n;

        while (p < l->end && *p != quote && *p != '\\')
            p++;
        builder_add(&b, from, (size_t)(p - from), false);
        if (p == l->end || *p == quote)
            break;
        if (p + 1 == l->end)
            return render_fail(l->r, "a string does not end");
        n = read_escape(l, p, l->end, &b);
        if (n < 0)
            return -1;
        p += n;
    }
    if (p >= l->end)
        return t ? render_fail(l->r, "a string does not end") : -1;
    if (!t || builder_finish(&b, &t->text) < 0)
        return -1;
    advance(l, p + 1);
    return 0;
}

static int balance(struct lexer *l, char c)
{
    static const char open[] = "([{", close[] = ")]}";
    const char *at;

    if (strchr(open, c)) {
        if (l->n_brackets == MAX_BRACKETS)
            return render_fail(l->r, "more than %d brackets are open", MAX_BRACKETS);
        l->brackets[l->n_brackets++] = close[strchr(open, c) - open];
        return 0;
    }
    at = strchr(close, c);
    if (!at)
        return 0;
    if (l->n_brackets == 0)
        return render_fail(l->r, "unexpected '%c'", c);
    if (l->brackets[--l->n_brackets] != c)
        return render_fail(l->r, "unexpected '%c', expected '%c'", c, l->brackets[l->n_brackets]);
    return 0;
}

static int read_operator(struct lexer *l)
{
    static const char doubles[][3] = { "//", "**", "==", "!=", ">=", "<=" };
    struct token *t;

    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        if (starts(l, l->s, doubles[i])) {
            t = add(l, T_OPERATOR);
            if (!t)
                return -1;
            t->op = (uint16_t)OP(doubles[i][0], doubles[i][1]);
            advance(l, l->s + 2);
            return 0;
        }
    if (!*l->s || !strchr("+-/*%~[](){}><=.:|,;", *l->s))
        return render_fail(l->r, "unexpected character \"%.*s\"", (int)char_len(l->s), l->s);
    if (balance(l, *l->s) < 0)
        return -1;
    t = add(l, T_OPERATOR);
    if (!t)
        return -1;
    t->op = (uint16_t)OP(*l->s, 0);
    advance(l, l->s + 1);
    return 0;
}

static int read_word(struct lexer *l)
{
    const char *p = l->s;

    if (is_space(p)) {
        advance(l, skip_space(l, p));
        return 0;
    }
    if (is_digit(*p))
        return read_number(l);
    if (is_name(*p)) {
        int rc;

        while (p < l->end && is_name(*p))
            p++;
        rc = add_text(l, T_NAME, l->s, (size_t)(p - l->s));
        advance(l, p);
        return rc;
    }
    return *p == '\'' || *p == '"' ? read_string(l) : read_operator(l);
}

/* "}}" or "-}}" with the white space after it. */
static const char *print_end(const struct lexer *l, const char *s)
{
    if (starts(l, s, "-}}"))
        return skip_space(l, s + 3);
    return starts(l, s, "}}") ? s + 2 : NULL;
}

static int read_tag(struct lexer *l, bool is_print)
{
    if (!add(l, is_print ? T_PRINT_BEGIN : T_BLOCK_BEGIN))
        return -1;
    l->n_brackets = 0;
    while (l->s < l->end) {
        const char *end = NULL;

        if (!l->n_brackets)
            end = is_print ? print_end(l, l->s) : block_end(l, l->s, "%}");
        if (end) {
            if (!add(l, is_print ? T_PRINT_END : T_BLOCK_END))
                return -1;
            advance(l, end);
            return 0;
        }
        if (read_word(l) < 0)
            return -1;
    }
    return 0; /* the parser tells what is missing */
}

/* The next tag, comment or raw block with the text before it. */
static int read_part(struct lexer *l)
{
    const char *p = l->s, *raw;
    char sign;

    while (p + 1 < l->end && !(p[0] == '{' && (p[1] == '{' || p[1] == '%' || p[1] == '#'))) {
        p = memchr(p + 1, '{', (size_t)(l->end - p - 1));
        if (!p)
            break;
    }
    if (!p || p + 1 >= l->end) {
        int rc = add_text(l, T_DATA, l->s, (size_t)(l->end - l->s));

        l->s = l->end;
        return rc;
    }
    sign = p + 2 < l->end && (p[2] == '-' || p[2] == '+') ? p[2] : 0;
    raw = p[1] == '%' ? raw_begin(l, p + 2 + (sign != 0)) : NULL;
    if (add_data(l, p, sign, p[1] == '{') < 0)
        return -1;
    if (raw) {
        advance(l, raw);
        return read_raw(l);
    }
    advance(l, p + 2 + (sign != 0));
    return p[1] == '#' ? skip_comment(l) : read_tag(l, p[1] == '{');
}

/* --- the whole ------------------------------------------------------------------------------------------------------ */

static int normalize(struct render *r, const char *text, size_t len, const char **s, size_t *out_len)
{
    char *copy = render_alloc(r, len + 1, 1);
    size_t n = 0;

    if (!copy)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n')
            continue;
        copy[n++] = text[i] == '\r' ? '\n' : text[i];
    }
    if (n && copy[n - 1] == '\n')
        n--;
    copy[n] = '\0';
    for (size_t i = 0, k; i < n; i += k) {
        k = utf8_char_len(copy + i, n - i);
        if (k == 0)
            return render_fail(r, "it is not UTF-8 at byte %zu", i);
    }
    *s = copy;
    *out_len = n;
    return 0;
}

int jinja_tokenize(struct render *r, const char *text, size_t len, struct tokens_of *out)
{
    struct lexer l = { .r = r, .line_starting = true };
    size_t n = 0;

    r->line = 1;
    if (normalize(r, text, len, &l.s, &n) < 0)
        return -1;
    l.begin = l.s;
    l.end = l.s + n;
    while (l.s < l.end)
        if (read_part(&l) < 0)
            return -1;
    if (!add(&l, T_END))
        return -1;
    *out = (struct tokens_of){ l.list, l.n };
    return 0;
}
