/* Filters that take or make text. */
#include "infer/jinja_case.h"
#include "infer/jinja_filters.h"
#include "infer/jinja_unicode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FILTER(name) \
    static int filter_##name(struct render *r, const struct value *self, const struct call *call, struct value *out)
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* A str as it is, marks included; anything else as str() has it. */
static int soft_text(struct render *r, const struct value *v, const struct text **out)
{
    if (v->kind != V_STRING)
        return value_text(r, v, out);
    *out = v->text;
    return 0;
}

static int must_be_text(struct render *r, const struct value *v, const char *what, const struct text **out)
{
    if (v->kind == V_UNDEFINED)
        return render_fail(r, "%s", v->undefined ? v->undefined->why : "a value is undefined");
    return argument_text(r, v, what, out);
}

static int change_case(struct render *r, const struct value *self, enum change change, struct value *out)
{
    const struct text *t;

    return soft_text(r, self, &t) < 0 ? -1 : text_change_case(r, t, change, out);
}

FILTER(upper)
{
    (void)call;
    return change_case(r, self, CHANGE_UPPER, out);
}

FILTER(lower)
{
    (void)call;
    return change_case(r, self, CHANGE_LOWER, out);
}

FILTER(capitalize)
{
    (void)call;
    return change_case(r, self, CHANGE_CAPITALIZE, out);
}

static bool splits_words(uint32_t c)
{
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || (char_classes(c) & CHAR_SPACE);
}

/* Words end at white space, hyphens and opening brackets, unlike in str.title. */
FILTER(title)
{
    const struct text *t, *part;
    struct builder b;
    size_t from = 0;
    bool safe;

    (void)call;
    if (soft_text(r, self, &t) < 0)
        return -1;
    safe = t->safe && t->len == 0;
    builder_init(&b, r);
    while (from < t->len && !b.failed) {
        bool gap = splits_words(char_at(t->s + from));
        size_t to = from, first = from + char_len(t->s + from);
        struct value v;

        while (to < t->len && splits_words(char_at(t->s + to)) == gap)
            to += char_len(t->s + to);
        if (text_slice(r, t, from, first, &part) < 0 || text_change_case(r, part, CHANGE_UPPER, &v) < 0)
            return -1;
        builder_text(&b, v.text);
        if (text_slice(r, t, first, to, &part) < 0 || text_change_case(r, part, CHANGE_LOWER, &v) < 0)
            return -1;
        builder_text(&b, v.text);
        from = to;
    }
    return builder_value(&b, safe, out);
}

FILTER(center)
{
    const struct text space = { .s = " ", .len = 1, .n_chars = 1 }, *t;
    int64_t width, room, left;

    if (soft_text(r, self, &t) < 0 || argument_int(r, &call->arg[0], 80, "center", &width) < 0)
        return -1;
    room = width > (int64_t)t->n_chars ? width - (int64_t)t->n_chars : 0;
    left = room / 2 + (room & width & 1);
    return text_pad(r, t, &space, left, room - left, out);
}

FILTER(string)
{
    const struct text *t;

    (void)call;
    if (soft_text(r, self, &t) < 0)
        return -1;
    *out = value_string(t);
    return 0;
}

FILTER(trim)
{
    const struct text *t, *chars = NULL;
    size_t from, to;

    if (soft_text(r, self, &t) < 0)
        return -1;
    if (call->arg[0].kind != V_MISSING && call->arg[0].kind != V_NONE && must_be_text(r, &call->arg[0], "trim", &chars) < 0)
        return -1;
    if (render_steps(r, t->len / 64 * (1 + (chars ? chars->len / 16 : 0))) < 0)
        return -1;
    text_strip(t, chars, 0, &from, &to);
    return text_slice_value(r, t, from, to, out);
}

FILTER(replace)
{
    const struct text *t, *old, *new;
    int64_t max = -1;

    if (value_text(r, self, &t) < 0 || value_text(r, &call->arg[0], &old) < 0 || value_text(r, &call->arg[1], &new) < 0)
        return -1;
    if (call->arg[2].kind != V_NONE && argument_int(r, &call->arg[2], -1, "replace", &max) < 0)
        return -1;
    return text_replace(r, t, old, new, max, out);
}

FILTER(escape)
{
    const struct text *t;

    (void)call;
    if (soft_text(r, self, &t) < 0 || text_escape(r, t, &t) < 0)
        return -1;
    *out = value_string(t);
    return 0;
}

FILTER(forceescape)
{
    const struct text *t;

    (void)call;
    if (value_text(r, self, &t) < 0 || text_escape(r, t, &t) < 0)
        return -1;
    *out = value_string(t);
    return 0;
}

FILTER(safe)
{
    const struct text *t;

    (void)call;
    return soft_text(r, self, &t) < 0 ? -1 : text_safe(r, t, true, out);
}

FILTER(format)
{
    const struct arguments *given = call->given;
    struct value args;
    struct dict *named;
    const struct text *t;

    if (soft_text(r, self, &t) < 0)
        return -1;
    if (given->n && given->n_named)
        return render_fail(r, "format takes no named arguments beside others");
    if (!given->n_named) {
        if (list_value(r, given->items, given->n, V_TUPLE, &args) < 0)
            return -1;
        return format_percent(r, t, &args, out);
    }
    named = dict_create(r, given->n_named);
    for (size_t i = 0; named && i < given->n_named; i++) {
        struct value key = value_string(given->names[i]);

        if (dict_set(r, named, &key, &given->named[i]) < 0)
            return -1;
    }
    args = (struct value){ .kind = V_DICT, .dict = named };
    return named ? format_percent(r, t, &args, out) : -1;
}

/* --- lines and words ------------------------------------------------------------------------------------------------ */

static int indentation(struct render *r, const struct value *width, const struct text **out)
{
    const struct text space = { .s = " ", .len = 1, .n_chars = 1 };
    struct builder b;
    int64_t n;

    if (width->kind == V_STRING) {
        *out = width->text;
        return 0;
    }
    if (argument_int(r, width, 4, "indent", &n) < 0)
        return -1;
    builder_init(&b, r);
    builder_repeat(&b, &space, n > 0 ? (size_t)n : 0);
    return builder_finish(&b, out);
}

/* A line's end at the end of the text is kept; every other way to end a line becomes \n. */
FILTER(indent)
{
    const struct text *t, *by;
    struct builder b;
    struct value lines;
    int first = argument_bool(r, &call->arg[1], false), blank = argument_bool(r, &call->arg[2], false);
    bool ends;

    if (first < 0 || blank < 0 || must_be_text(r, self, "indent", &t) < 0 || indentation(r, &call->arg[0], &by) < 0 ||
        text_lines(r, t, false, &lines) < 0)
        return -1;
    ends = t->len == 0 || char_ends_line(char_at(char_before(t->s + t->len)));
    builder_init(&b, r);
    if (first)
        builder_text(&b, by);
    for (size_t i = 0; i < lines.list->n + ends && !b.failed; i++) {
        const struct text *line = i < lines.list->n ? lines.list->items[i].text : NULL;

        if (i) {
            builder_literal(&b, "\n", false);
            if (blank || (line && line->len))
                builder_text(&b, by);
        }
        if (line)
            builder_text(&b, line);
    }
    return builder_value(&b, t->safe, out);
}

FILTER(truncate)
{
    static const struct text dots = { .s = "...", .len = 3, .n_chars = 3 };
    const struct text *end = &dots, *t, *kept;
    int64_t length, leeway = 5;
    int kill = argument_bool(r, &call->arg[1], false);
    struct builder b;
    size_t n, to, space;

    if (kill < 0 || argument_int(r, &call->arg[0], 255, "truncate", &length) < 0 ||
        (call->arg[2].kind != V_MISSING && must_be_text(r, &call->arg[2], "truncate", &end) < 0) ||
        (call->arg[3].kind != V_NONE && argument_int(r, &call->arg[3], 5, "truncate", &leeway) < 0))
        return -1;
    if (length < (int64_t)end->n_chars || leeway < 0)
        return render_fail(r, "expected length >= %zu and leeway >= 0", end->n_chars);
    if (value_length(r, self, &n) < 0)
        return -1;
    *out = *self;
    if (n <= (uint64_t)length || n - (uint64_t)length <= (uint64_t)leeway)
        return 0;
    if (must_be_text(r, self, "truncate", &t) < 0)
        return -1;
    to = text_offset(t, (size_t)length - end->n_chars);
    if (!kill) {
        const struct text blank = { .s = " ", .len = 1, .n_chars = 1 };

        space = text_rfind(t, &blank, 0, to);
        to = space == NOT_FOUND ? to : space;
    }
    builder_init(&b, r);
    if (text_slice(r, t, 0, to, &kept) < 0)
        return -1;
    builder_text(&b, kept);
    if (t->safe)
        builder_escaped(&b, end);
    else
        builder_text(&b, end);
    return builder_value(&b, t->safe || end->safe, out);
}

static bool is_word(uint32_t c)
{
    return c == '_' || (char_classes(c) & CHAR_ALNUM);
}

FILTER(wordcount)
{
    const struct text *t;
    int64_t n = 0;
    bool before = false;

    (void)call;
    if (soft_text(r, self, &t) < 0 || render_steps(r, t->len / 8) < 0)
        return -1;
    for (size_t i = 0; i < t->len; i += char_len(t->s + i)) {
        bool word = is_word(char_at(t->s + i));

        n += word && !before;
        before = word;
    }
    *out = value_int(n);
    return 0;
}

/* --- wordwrap: lines are filled with chunks, which are white space, words, and parts of words up to a hyphen -------- */

struct chunk {
    size_t from, to;
};

struct wrap {
    struct render *r;
    struct builder b;
    const struct text *t, *separator;
    struct chunk *chunks; /* of the paragraph */
    size_t n, at;         /* at: the first one that is in no line yet */
    int64_t width;
    bool break_words, break_hyphens, any; /* any: a line has been written */
};

static bool wraps_at(const struct text *t, size_t at)
{
    return t->s[at] == ' ' || (t->s[at] >= '\t' && t->s[at] <= '\r');
}

static bool is_letter(const struct text *t, size_t at)
{
    uint32_t c = char_at(t->s + at);

    return is_word(c) && !(char_classes(c) & CHAR_DECIMAL);
}

/* What may stand before a dash between words. */
static bool is_wordlike(const struct text *t, size_t at)
{
    return is_word(char_at(t->s + at)) || (t->s[at] && strchr("!\"'&.,?", t->s[at]));
}

static bool step_back(const struct text *t, size_t *at)
{
    if (*at == 0)
        return false;
    *at = (size_t)(char_before(t->s + *at) - t->s);
    return true;
}

/* Two letters before the hyphen, or a letter, a hyphen and a letter; behind it two letters, or with a hyphen between. */
static bool breaks_at_hyphen(const struct text *t, size_t at)
{
    size_t first = at, second, third, next = at + 1;

    if (t->s[at] != '-' || !step_back(t, &first))
        return false;
    second = first;
    if (!step_back(t, &second))
        return false;
    third = second;
    if (!(is_letter(t, first) && is_letter(t, second)) &&
        !(is_letter(t, first) && t->s[second] == '-' && step_back(t, &third) && is_letter(t, third)))
        return false;
    if (next >= t->len || !is_letter(t, next))
        return false;
    next += char_len(t->s + next);
    if (next < t->len && t->s[next] == '-')
        next++;
    return next < t->len && is_letter(t, next);
}

/* Where dashes between words that begin at `at` end; 0 if there are none. */
static size_t dash_end(const struct text *t, size_t at)
{
    size_t end = at, before = at;

    while (end < t->len && t->s[end] == '-')
        end++;
    if (end - at < 2 || end == t->len || !is_word(char_at(t->s + end)) || !step_back(t, &before) || !is_wordlike(t, before))
        return 0;
    return end;
}

static size_t chunk_end(const struct wrap *w, size_t from)
{
    const struct text *t = w->t;
    size_t at = from;

    if (wraps_at(t, from)) {
        while (at < t->len && wraps_at(t, at))
            at++;
        return at;
    }
    if (w->break_hyphens && dash_end(t, from))
        return dash_end(t, from);
    for (at += char_len(t->s + at); at < t->len && !wraps_at(t, at); at += char_len(t->s + at)) {
        if (w->break_hyphens && breaks_at_hyphen(t, at))
            return at + 1;
        if (w->break_hyphens && dash_end(t, at))
            return at;
    }
    return at;
}

static int find_chunks(struct wrap *w)
{
    w->n = w->at = 0;
    w->chunks = render_alloc(w->r, w->t->len + 1, sizeof *w->chunks);
    if (!w->chunks || render_steps(w->r, w->t->len / 4) < 0)
        return -1;
    for (size_t from = 0; from < w->t->len; from = w->chunks[w->n++].to)
        w->chunks[w->n] = (struct chunk){ from, chunk_end(w, from) };
    return 0;
}

static int64_t chunk_chars(const struct wrap *w, const struct chunk *c)
{
    return (int64_t)(text_chars(w->t, c->to) - text_chars(w->t, c->from));
}

static bool is_blank(const struct wrap *w, const struct chunk *c)
{
    for (size_t i = c->from; i < c->to; i += char_len(w->t->s + i))
        if (!(char_classes(char_at(w->t->s + i)) & CHAR_SPACE))
            return false;
    return true;
}

/* Where a chunk that is longer than a line is cut, so that what is before fits into what is left of this one. */
static size_t cut_chunk(const struct wrap *w, const struct chunk *c, int64_t room)
{
    const struct text *t = w->t;
    size_t to = (size_t)(char_skip(t->s + c->from, t->s + c->to, (size_t)room) - t->s), hyphen = to;

    if (!w->break_hyphens || to == c->to)
        return to;
    while (hyphen > c->from && t->s[hyphen - 1] != '-')
        hyphen--;
    for (size_t i = c->from; hyphen > c->from && i < hyphen - 1; i++) /* not if all before it are hyphens */
        if (t->s[i] != '-')
            return hyphen;
    return to;
}

/* What fits of a chunk that is longer than a line; to is where the line ends without it.  White space is not added. */
static size_t add_cut(struct wrap *w, int64_t room, size_t to)
{
    struct chunk *c = &w->chunks[w->at], piece = { c->from, cut_chunk(w, c, room) };

    c->from = piece.to;
    return is_blank(w, &piece) ? to : piece.to;
}

/* Takes the next line's chunks and returns where it ends; white space at its end is dropped. */
static size_t fill_line(struct wrap *w, size_t from)
{
    int64_t n = 0;
    size_t first = w->at, to = from;

    while (w->at < w->n && n + chunk_chars(w, &w->chunks[w->at]) <= w->width) {
        n += chunk_chars(w, &w->chunks[w->at]);
        to = w->chunks[w->at++].to;
    }
    if (w->at < w->n && chunk_chars(w, &w->chunks[w->at]) > w->width) {
        if (w->break_words)
            return add_cut(w, w->width - n, to);
        if (w->at == first)
            to = w->chunks[w->at++].to;
    }
    return w->at > first && is_blank(w, &w->chunks[w->at - 1]) ? w->chunks[w->at - 1].from : to;
}

static int wrap_paragraph(struct wrap *w)
{
    if (find_chunks(w) < 0)
        return -1;
    while (w->at < w->n) {
        size_t from, to;

        if (w->any && is_blank(w, &w->chunks[w->at]))
            w->at++;
        if (w->at == w->n)
            break;
        if (render_steps(w->r, 1 + w->t->len / 64) < 0)
            return -1;
        from = w->chunks[w->at].from;
        to = fill_line(w, from);
        if (to == from)
            continue;
        if (w->any)
            builder_text(&w->b, w->separator);
        w->any = true;
        builder_slice(&w->b, w->t, from, to);
    }
    return 0;
}

FILTER(wordwrap)
{
    static const struct text newline = { .s = "\n", .len = 1, .n_chars = 1 };
    struct wrap w = { .r = r, .separator = &newline };
    int words = argument_bool(r, &call->arg[1], true), hyphens = argument_bool(r, &call->arg[3], true);
    struct value lines;

    if (words < 0 || hyphens < 0 || must_be_text(r, self, "wordwrap", &w.t) < 0 ||
        argument_int(r, &call->arg[0], 79, "wordwrap", &w.width) < 0)
        return -1;
    if (call->arg[2].kind != V_MISSING && call->arg[2].kind != V_NONE &&
        must_be_text(r, &call->arg[2], "wordwrap", &w.separator) < 0)
        return -1;
    if (w.width <= 0)
        return render_fail(r, "invalid width %" PRId64 " (must be > 0)", w.width);
    if (text_lines(r, w.t, false, &lines) < 0)
        return -1;
    w.break_words = words;
    w.break_hyphens = hyphens;
    builder_init(&w.b, r);
    for (size_t i = 0; i < lines.list->n; i++) {
        if (i)
            builder_text(&w.b, w.separator);
        w.t = lines.list->items[i].text;
        w.any = false;
        if (wrap_paragraph(&w) < 0)
            return -1;
    }
    return builder_value(&w.b, false, out);
}

/* --- HTML ----------------------------------------------------------------------------------------------------------- */

/* The text without what stands between open and close, these included; one that is not closed ends that. */
static int without(struct render *r, const struct text *t, const char *open, const char *close, const struct text **out)
{
    struct builder b;
    size_t from = 0;

    builder_init(&b, r);
    while (!b.failed) {
        const char *first = memmem(t->s + from, t->len - from, open, strlen(open)), *last = NULL;

        if (first)
            last = memmem(first, (size_t)(t->s + t->len - first), close, strlen(close));
        builder_slice(&b, t, from, last ? (size_t)(first - t->s) : t->len);
        if (!last)
            break;
        from = (size_t)(last - t->s) + strlen(close);
    }
    return builder_finish(&b, out);
}

static int unescape(struct render *r, const struct text *t, struct value *out)
{
    static const struct {
        const char *entity, *is;
    } entities[] = { { "&amp;", "&" },   { "&lt;", "<" },    { "&gt;", ">" },    { "&quot;", "\"" },
                     { "&#39;", "'" },   { "&#34;", "\"" },  { "&apos;", "'" },  { "&nbsp;", "\xc2\xa0" } };
    struct builder b;
    size_t from = 0;

    builder_init(&b, r);
    for (size_t i = 0; i < t->len; i++)
        for (size_t k = 0; t->s[i] == '&' && k < COUNT(entities); k++) {
            size_t n = strlen(entities[k].entity);

            if (t->len - i < n || memcmp(t->s + i, entities[k].entity, n) != 0)
                continue;
            builder_slice(&b, t, from, i);
            builder_literal(&b, entities[k].is, text_is_data(t, i));
            from = i + n;
            i = from - 1;
            break;
        }
    builder_slice(&b, t, from, t->len);
    return builder_value(&b, false, out);
}

/* Without comments and tags, white space as single spaces, and the most usual entities as what they stand for. */
FILTER(striptags)
{
    const struct text *t;
    struct builder b;
    bool gap = false;

    (void)call;
    if (value_text(r, self, &t) < 0 || without(r, t, "<!--", "-->", &t) < 0 || without(r, t, "<", ">", &t) < 0 ||
        render_steps(r, t->len / 8) < 0)
        return -1;
    builder_init(&b, r);
    for (size_t i = 0, n; i < t->len; i += n) {
        n = char_len(t->s + i);
        if (char_classes(char_at(t->s + i)) & CHAR_SPACE) {
            gap = b.len > 0;
            continue;
        }
        if (gap)
            builder_literal(&b, " ", text_is_data(t, i));
        gap = false;
        builder_slice(&b, t, i, i + n);
    }
    return builder_finish(&b, &t) < 0 ? -1 : unescape(r, t, out);
}

FILTER(xmlattr)
{
    int space = argument_bool(r, &call->arg[0], true);
    struct builder b;

    if (space < 0)
        return -1;
    if (self->kind != V_DICT)
        return render_fail(r, "xmlattr: a dict is needed, not %s", value_type(self));
    builder_init(&b, r);
    for (size_t i = 0; i < self->dict->n; i++) {
        const struct value *key = &self->dict->keys[i], *v = &self->dict->values[i];
        const struct text *name, *t;

        if (v->kind == V_NONE || v->kind == V_UNDEFINED)
            continue;
        if (must_be_text(r, key, "xmlattr", &name) < 0 || soft_text(r, v, &t) < 0)
            return -1;
        for (size_t k = 0; k < name->len; k++)
            if (strchr(" \t\n\r\f\v/>=", name->s[k]) && name->s[k])
                return render_fail(r, "invalid character in attribute name");
        if (b.len || space)
            builder_literal(&b, " ", false);
        builder_escaped(&b, name);
        builder_literal(&b, "=\"", false);
        builder_escaped(&b, t);
        builder_literal(&b, "\"", false);
    }
    return builder_value(&b, false, out);
}

/* --- others --------------------------------------------------------------------------------------------------------- */

static void quote_url(struct builder *b, const struct text *t, bool query)
{
    char code[4];

    for (size_t i = 0; i < t->len; i++) {
        unsigned char c = (unsigned char)t->s[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c && strchr(query ? "_.-~" : "_.-~/", c));

        if (plain) {
            builder_slice(b, t, i, i + 1);
        } else {
            snprintf(code, sizeof code, "%%%02X", c);
            builder_literal(b, query && c == ' ' ? "+" : code, text_is_data(t, i));
        }
    }
}

static int quote_pair(struct render *r, struct builder *b, const struct value *key, const struct value *value)
{
    const struct text *k, *v;

    if (value_text(r, key, &k) < 0 || value_text(r, value, &v) < 0)
        return -1;
    if (b->len)
        builder_literal(b, "&", false);
    quote_url(b, k, true);
    builder_literal(b, "=", false);
    quote_url(b, v, true);
    return 0;
}

FILTER(urlencode)
{
    const struct text *t;
    const struct list *items;
    struct builder b;

    (void)call;
    builder_init(&b, r);
    if (self->kind == V_STRING || !value_is_iterable(self)) {
        if (value_text(r, self, &t) < 0)
            return -1;
        quote_url(&b, t, false);
        return builder_value(&b, false, out);
    }
    if (self->kind == V_DICT) {
        for (size_t i = 0; i < self->dict->n; i++)
            if (quote_pair(r, &b, &self->dict->keys[i], &self->dict->values[i]) < 0)
                return -1;
        return builder_value(&b, false, out);
    }
    if (value_items(r, self, &items) < 0)
        return -1;
    for (size_t i = 0; i < items->n; i++) {
        const struct value *pair = &items->items[i];

        if ((pair->kind != V_TUPLE && pair->kind != V_LIST) || pair->list->n != 2)
            return render_fail(r, "urlencode: pairs are needed");
        if (quote_pair(r, &b, &pair->list->items[0], &pair->list->items[1]) < 0)
            return -1;
    }
    return builder_value(&b, false, out);
}

FILTER(filesizeformat)
{
    static const char *const units[2][8] = { { "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB" },
                                             { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB" } };
    int binary = argument_bool(r, &call->arg[0], false);
    double base = binary ? 1024 : 1000, n, unit;
    char s[400];
    struct builder b;
    int i = 0;

    if (binary < 0)
        return -1;
    if (self->kind == V_UNDEFINED || (self->kind == V_STRING ? !float_parse(self->text, &n) : !value_is_number(self)))
        return render_fail(r, "filesizeformat: no number");
    if (self->kind != V_STRING)
        n = value_double(self);
    if (n == 1) {
        snprintf(s, sizeof s, "1 Byte");
    } else if (n < base) {
        if (!isfinite(n))
            return render_fail(r, "filesizeformat: no number of bytes");
        snprintf(s, sizeof s, "%.0f Bytes", trunc(n) == 0 ? 0.0 : trunc(n));
    } else {
        if (isnan(n))
            snprintf(s, sizeof s, "nan %s", units[binary][7]);
        for (unit = base * base; i < 7 && !(n < unit); i++)
            unit *= base;
        if (!isnan(n))
            snprintf(s, sizeof s, "%.1f %s", base * n / unit, units[binary][i]);
    }
    builder_init(&b, r);
    builder_literal(&b, s, self->kind == V_STRING || self->data);
    return builder_value(&b, false, out);
}

static int json_separators(struct render *r, const struct value *v, struct json_style *style)
{
    const struct list *items;

    if (v->kind == V_MISSING || v->kind == V_NONE)
        return 0;
    if (value_items(r, v, &items) < 0)
        return -1;
    if (items->n != 2)
        return render_fail(r, "tojson: two separators are needed");
    return must_be_text(r, &items->items[0], "tojson", &style->comma) < 0 ||
                   must_be_text(r, &items->items[1], "tojson", &style->colon) < 0
               ? -1
               : 0;
}

/* Parameters and results of Python's json.dumps, which chat templates expect here: no HTML escapes. */
FILTER(tojson)
{
    static const struct text comma = { .s = ", ", .len = 2, .n_chars = 2 }, short_comma = { .s = ",", .len = 1, .n_chars = 1 },
                             colon = { .s = ": ", .len = 2, .n_chars = 2 };
    struct json_style style = { .comma = &comma, .colon = &colon };
    const struct value *indent = &call->arg[1];
    int ascii = argument_bool(r, &call->arg[0], false), sort = argument_bool(r, &call->arg[3], false);
    struct builder b;

    if (ascii < 0 || sort < 0)
        return -1;
    style.ascii = ascii;
    style.sort = sort;
    if (indent->kind != V_MISSING && indent->kind != V_NONE) {
        style.has_indent = true;
        style.comma = &short_comma;
        if (indentation(r, indent, &style.indent) < 0)
            return -1;
    }
    if (json_separators(r, &call->arg[2], &style) < 0)
        return -1;
    builder_init(&b, r);
    return value_json(r, &b, self, &style) < 0 ? -1 : builder_value(&b, false, out);
}

FILTER(refused)
{
    (void)self;
    (void)call;
    (void)out;
    return render_fail(r, "the filters pprint, random and urlize are not available");
}

const struct builtin *text_filter_find(const char *name, size_t len)
{
    static const struct builtin filters[] = {
        { "capitalize", "", 0, filter_capitalize },
        { "center", "width", 0, filter_center },
        { "e", "", 0, filter_escape },
        { "escape", "", 0, filter_escape },
        { "filesizeformat", "binary", 0, filter_filesizeformat },
        { "forceescape", "", 0, filter_forceescape },
        { "format", NULL, 0, filter_format },
        { "indent", "width first blank", 0, filter_indent },
        { "lower", "", 0, filter_lower },
        { "pprint", NULL, 0, filter_refused },
        { "random", NULL, 0, filter_refused },
        { "replace", "old new count", 2, filter_replace },
        { "safe", "", 0, filter_safe },
        { "string", "", 0, filter_string },
        { "striptags", "", 0, filter_striptags },
        { "title", "", 0, filter_title },
        { "tojson", "ensure_ascii indent separators sort_keys", 0, filter_tojson },
        { "trim", "chars", 0, filter_trim },
        { "truncate", "length killwords end leeway", 0, filter_truncate },
        { "upper", "", 0, filter_upper },
        { "urlencode", "", 0, filter_urlencode },
        { "urlize", NULL, 0, filter_refused },
        { "wordcount", "", 0, filter_wordcount },
        { "wordwrap", "width break_long_words wrapstring break_on_hyphens", 0, filter_wordwrap },
        { "xmlattr", "autospace", 0, filter_xmlattr },
    };

    return builtin_find(filters, COUNT(filters), name, len);
}
