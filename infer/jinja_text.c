#include "infer/jinja_text.h"

#include <string.h>

#include "infer/jinja_unicode.h"
#include "util/utf8.h"

/* --- builder -------------------------------------------------------------------------------------------------------- */

void builder_init(struct builder *b, struct render *r)
{
    *b = (struct builder){ .r = r };
}

static bool grow(struct builder *b, size_t more)
{
    size_t cap = b->cap ? b->cap : 128, need;
    char *s;

    if (b->failed || __builtin_add_overflow(b->len, more, &need))
        return false;
    if (need <= b->cap)
        return true;
    while (cap < need && !__builtin_mul_overflow(cap, 2, &cap))
        ;
    if (cap < need)
        cap = need;
    s = render_alloc(b->r, cap, 1);
    if (!s) {
        b->failed = true;
        return false;
    }
    if (b->len)
        memcpy(s, b->s, b->len);
    b->s = s;
    b->cap = cap;
    return true;
}

void builder_reserve(struct builder *b, size_t len)
{
    b->s = render_alloc(b->r, len, 1);
    b->cap = len;
    b->failed |= !b->s;
}

static void add_span(struct builder *b, size_t from, size_t to)
{
    if (from == to || b->failed)
        return;
    if (b->n_spans && b->spans[b->n_spans - 1].to == from) {
        b->spans[b->n_spans - 1].to = to;
        return;
    }
    if (b->n_spans == b->cap_spans) {
        size_t cap = b->cap_spans ? 2 * b->cap_spans : 4;
        struct jinja_span *spans = render_alloc(b->r, cap, sizeof *spans);

        if (!spans) {
            b->failed = true;
            return;
        }
        if (b->n_spans)
            memcpy(spans, b->spans, b->n_spans * sizeof *spans);
        b->spans = spans;
        b->cap_spans = cap;
    }
    b->spans[b->n_spans++] = (struct jinja_span){ from, to };
}

static bool add_bytes(struct builder *b, const char *s, size_t len, size_t n_chars)
{
    if (render_steps(b->r, 1 + len / 64) < 0)
        b->failed = true;
    if (b == b->r->out && len > b->r->max_output - b->len) {
        render_limit(b->r, "more than %zu bytes of text", b->r->max_output);
        b->failed = true;
    }
    if (!grow(b, len))
        return false;
    if (len)
        memcpy(b->s + b->len, s, len);
    b->len += len;
    b->n_chars += n_chars;
    return true;
}

void builder_add(struct builder *b, const char *s, size_t len, bool data)
{
    if (add_bytes(b, s, len, utf8_count(s, len)) && data)
        add_span(b, b->len - len, b->len);
}

void builder_literal(struct builder *b, const char *s, bool data)
{
    builder_add(b, s, strlen(s), data);
}

void builder_char(struct builder *b, uint32_t c, bool data)
{
    char s[4];

    builder_add(b, s, utf8_encode(c, s), data);
}

void builder_slice(struct builder *b, const struct text *t, size_t from, size_t to)
{
    size_t at = b->len, n_chars = to - from;

    if (from >= to)
        return;
    if (t->n_chars != t->len)
        n_chars = from == 0 && to == t->len ? t->n_chars : utf8_count(t->s + from, to - from);
    if (!add_bytes(b, t->s + from, to - from, n_chars))
        return;
    if (t->origin == ORIGIN_DATA)
        add_span(b, at, b->len);
    for (size_t i = 0; i < t->n_spans; i++) {
        size_t first = t->spans[i].from < from ? from : t->spans[i].from;
        size_t last = t->spans[i].to > to ? to : t->spans[i].to;

        if (first < last)
            add_span(b, at + first - from, at + last - from);
    }
}

void builder_text(struct builder *b, const struct text *t)
{
    builder_slice(b, t, 0, t->len);
}

void builder_repeat(struct builder *b, const struct text *t, size_t n)
{
    size_t total;

    if (__builtin_mul_overflow(t->len, n, &total) || total > b->r->options->max_bytes) {
        render_limit(b->r, "more than %zu bytes of values", b->r->options->max_bytes);
        b->failed = true;
        return;
    }
    for (size_t i = 0; i < n && t->len && !b->failed; i++)
        builder_text(b, t);
}

static const char *html_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\'':
        return "&#39;";
    case '"':
        return "&#34;";
    default:
        return NULL;
    }
}

void builder_escaped(struct builder *b, const struct text *t)
{
    size_t from = 0;

    for (size_t i = 0; i < t->len && !t->safe; i++) {
        const char *entity = html_entity(t->s[i]);

        if (!entity)
            continue;
        builder_slice(b, t, from, i);
        builder_literal(b, entity, text_is_data(t, i));
        from = i + 1;
    }
    builder_slice(b, t, from, t->len);
}

int builder_finish(struct builder *b, const struct text **out)
{
    struct text *t = b->failed ? NULL : render_alloc(b->r, 1, sizeof *t);

    if (!t)
        return -1;
    t->s = b->s ? b->s : "";
    t->len = b->len;
    t->n_chars = b->n_chars;
    if (b->n_spans == 1 && b->spans[0].from == 0 && b->spans[0].to == b->len) {
        t->origin = ORIGIN_DATA;
    } else if (b->n_spans) {
        t->origin = ORIGIN_MIXED;
        t->spans = b->spans;
        t->n_spans = b->n_spans;
    }
    *out = t;
    return 0;
}

int builder_value(struct builder *b, bool safe, struct value *out)
{
    const struct text *t;

    if (builder_finish(b, &t) < 0)
        return -1;
    if (safe)
        return text_safe(b->r, t, true, out);
    *out = value_string(t);
    return 0;
}

/* --- texts ---------------------------------------------------------------------------------------------------------- */

bool text_is_data(const struct text *t, size_t at)
{
    size_t low = 0, high = t->n_spans;

    if (t->origin != ORIGIN_MIXED)
        return t->origin == ORIGIN_DATA;
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (t->spans[middle].to <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->n_spans && t->spans[low].from <= at;
}

int text_slice(struct render *r, const struct text *t, size_t from, size_t to, const struct text **out)
{
    struct builder b;
    struct text *part;

    if (from > to)
        from = to;
    if (from == 0 && to == t->len) {
        *out = t;
        return 0;
    }
    builder_init(&b, r);
    if (t->origin == ORIGIN_MIXED) {
        builder_slice(&b, t, from, to);
        if (builder_finish(&b, out) < 0)
            return -1;
        if (!t->safe)
            return 0;
    }
    part = render_alloc(r, 1, sizeof *part);
    if (!part || render_steps(r, 1 + (to - from) / 64) < 0)
        return -1;
    if (t->origin == ORIGIN_MIXED) {
        *part = **out;
        part->safe = true;
    } else {
        size_t n_chars = t->n_chars == t->len ? to - from : utf8_count(t->s + from, to - from);

        *part = (struct text){ .s = t->s + from, .len = to - from, .n_chars = n_chars, .origin = t->origin, .safe = t->safe };
    }
    *out = part;
    return 0;
}

int text_slice_value(struct render *r, const struct text *t, size_t from, size_t to, struct value *out)
{
    const struct text *part;

    if (text_slice(r, t, from, to, &part) < 0)
        return -1;
    *out = value_string(part);
    return 0;
}

int text_copy(struct render *r, const char *s, size_t len, bool data, const struct text **out)
{
    struct builder b;

    builder_init(&b, r);
    builder_add(&b, s, len, data);
    return builder_finish(&b, out);
}

int text_safe(struct render *r, const struct text *t, bool safe, struct value *out)
{
    struct text *copy;

    *out = value_string(t);
    if (t->safe == safe)
        return 0;
    copy = render_alloc(r, 1, sizeof *copy);
    if (!copy)
        return -1;
    *copy = *t;
    copy->safe = safe;
    *out = value_string(copy);
    return 0;
}

int text_escape(struct render *r, const struct text *t, const struct text **out)
{
    struct builder b;
    struct value v;

    *out = t;
    if (t->safe)
        return 0;
    builder_init(&b, r);
    builder_escaped(&b, t);
    if (builder_value(&b, true, &v) < 0)
        return -1;
    *out = v.text;
    return 0;
}

bool text_equal(const struct text *a, const struct text *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->s, b->s, a->len) == 0);
}

bool text_is(const struct text *t, const char *s)
{
    return t->len == strlen(s) && memcmp(t->s, s, t->len) == 0;
}

/* The order of UTF-8's bytes is that of the code points. */
int text_order(const struct text *a, const struct text *b)
{
    size_t n = a->len < b->len ? a->len : b->len;
    int order = n ? memcmp(a->s, b->s, n) : 0;

    return order ? (order > 0) - (order < 0) : (a->len > b->len) - (a->len < b->len);
}

size_t text_find(const struct text *t, const struct text *needle, size_t from, size_t to)
{
    const char *at;

    if (from > to || needle->len > to - from)
        return NOT_FOUND;
    if (needle->len == 0)
        return from;
    at = memmem(t->s + from, to - from, needle->s, needle->len);
    return at ? (size_t)(at - t->s) : NOT_FOUND;
}

size_t text_rfind(const struct text *t, const struct text *needle, size_t from, size_t to)
{
    if (from > to || needle->len > to - from)
        return NOT_FOUND;
    for (size_t i = to - needle->len + 1; i-- > from;)
        if (needle->len == 0 || memcmp(t->s + i, needle->s, needle->len) == 0)
            return i;
    return NOT_FOUND;
}

size_t text_offset(const struct text *t, size_t n_chars)
{
    if (n_chars >= t->n_chars)
        return t->len;
    if (t->n_chars == t->len)
        return n_chars;
    return (size_t)(char_skip(t->s, t->s + t->len, n_chars) - t->s);
}

size_t text_chars(const struct text *t, size_t offset)
{
    return t->n_chars == t->len ? offset : utf8_count(t->s, offset);
}

static bool is_stripped(const char *s, const struct text *chars)
{
    struct text one = { .s = s, .len = char_len(s) };

    if (!chars)
        return char_classes(char_at(s)) & CHAR_SPACE;
    return text_find(chars, &one, 0, chars->len) != NOT_FOUND;
}

void text_strip(const struct text *t, const struct text *chars, int side, size_t *from, size_t *to)
{
    const char *first = t->s, *end = t->s + t->len;

    while (side <= 0 && first < end && is_stripped(first, chars))
        first += char_len(first);
    while (side >= 0 && end > first && is_stripped(char_before(end), chars))
        end = char_before(end);
    *from = (size_t)(first - t->s);
    *to = (size_t)(end - t->s);
}
