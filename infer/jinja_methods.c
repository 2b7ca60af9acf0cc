/* Methods of str, list, tuple and dict; of loops and cyclers. */
#include "infer/jinja_render.h"

#include <string.h>

#include "infer/jinja_case.h"
#include "infer/jinja_unicode.h"

#define METHOD(name) \
    static int method_##name(struct render *r, const struct value *self, const struct call *call, struct value *out)
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* --- cutting and joining -------------------------------------------------------------------------------------------- */

static int strip_side(struct render *r, const struct value *self, const struct call *call, int side, struct value *out)
{
    const struct text *chars = NULL;
    size_t from, to;

    if (call->arg[0].kind != V_MISSING && call->arg[0].kind != V_NONE &&
        argument_text(r, &call->arg[0], "strip", &chars) < 0)
        return -1;
    if (render_steps(r, self->text->len / 64 * (1 + (chars ? chars->len / 16 : 0))) < 0)
        return -1;
    text_strip(self->text, chars, side, &from, &to);
    return text_slice_value(r, self->text, from, to, out);
}

METHOD(strip)
{
    return strip_side(r, self, call, 0, out);
}

METHOD(lstrip)
{
    return strip_side(r, self, call, -1, out);
}

METHOD(rstrip)
{
    return strip_side(r, self, call, 1, out);
}

/* Parts as they are found, in order or from the end. */
struct parts {
    struct render *r;
    const struct text *t;
    struct value *items;
    size_t n, cap;
};

static int add_part(struct parts *p, size_t from, size_t to)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : 8;
        struct value *items = render_alloc(p->r, cap, sizeof *items);

        if (!items)
            return -1;
        if (p->n)
            memcpy(items, p->items, p->n * sizeof *items);
        p->items = items;
        p->cap = cap;
    }
    return text_slice_value(p->r, p->t, from, to, &p->items[p->n++]);
}

static int finish_parts(struct parts *p, bool backwards, struct value *out)
{
    for (size_t i = 0; backwards && i < p->n / 2; i++) {
        struct value other = p->items[i];

        p->items[i] = p->items[p->n - 1 - i];
        p->items[p->n - 1 - i] = other;
    }
    return list_value(p->r, p->items, p->n, V_LIST, out);
}

static bool space_at(const char *s)
{
    return char_classes(char_at(s)) & CHAR_SPACE;
}

/* At white space; runs of it count once, and none is kept at the ends. */
static int split_words(struct parts *p, int64_t max)
{
    const struct text *t = p->t;
    size_t at = 0;

    for (;;) {
        size_t from;

        while (at < t->len && space_at(t->s + at))
            at += char_len(t->s + at);
        if (at == t->len)
            return 0;
        if (max >= 0 && (int64_t)p->n >= max)
            return add_part(p, at, t->len);
        for (from = at; at < t->len && !space_at(t->s + at);)
            at += char_len(t->s + at);
        if (add_part(p, from, at) < 0)
            return -1;
    }
}

static int rsplit_words(struct parts *p, int64_t max)
{
    const char *s = p->t->s, *end = s + p->t->len;

    for (;;) {
        const char *to;

        while (end > s && space_at(char_before(end)))
            end = char_before(end);
        if (end == s)
            return 0;
        if (max >= 0 && (int64_t)p->n >= max)
            return add_part(p, 0, (size_t)(end - s));
        for (to = end; end > s && !space_at(char_before(end));)
            end = char_before(end);
        if (add_part(p, (size_t)(end - s), (size_t)(to - s)) < 0)
            return -1;
    }
}

static int split_at(struct parts *p, const struct text *at, int64_t max)
{
    size_t from = 0, found;

    while ((max < 0 || (int64_t)p->n < max) && (found = text_find(p->t, at, from, p->t->len)) != NOT_FOUND) {
        if (add_part(p, from, found) < 0)
            return -1;
        from = found + at->len;
    }
    return add_part(p, from, p->t->len);
}

static int rsplit_at(struct parts *p, const struct text *at, int64_t max)
{
    size_t to = p->t->len, found;

    while ((max < 0 || (int64_t)p->n < max) && (found = text_rfind(p->t, at, 0, to)) != NOT_FOUND) {
        if (add_part(p, found + at->len, to) < 0)
            return -1;
        to = found;
    }
    return add_part(p, 0, to);
}

static int split_side(struct render *r, const struct value *self, const struct call *call, bool right, struct value *out)
{
    struct parts p = { .r = r, .t = self->text };
    const struct text *at = NULL;
    int64_t max;
    int rc;

    if (argument_int(r, &call->arg[1], -1, "maxsplit", &max) < 0)
        return -1;
    if (call->arg[0].kind != V_MISSING && call->arg[0].kind != V_NONE && argument_text(r, &call->arg[0], "sep", &at) < 0)
        return -1;
    if (at && at->len == 0)
        return render_fail(r, "empty separator");
    if (render_steps(r, self->text->len / 16 * (1 + (at && right ? at->len / 16 : 0))) < 0)
        return -1;
    if (at)
        rc = right ? rsplit_at(&p, at, max) : split_at(&p, at, max);
    else
        rc = right ? rsplit_words(&p, max) : split_words(&p, max);
    return rc < 0 ? -1 : finish_parts(&p, right, out);
}

METHOD(split)
{
    return split_side(r, self, call, false, out);
}

METHOD(rsplit)
{
    return split_side(r, self, call, true, out);
}

int text_lines(struct render *r, const struct text *t, bool keep_ends, struct value *out)
{
    struct parts p = { .r = r, .t = t };
    size_t at = 0, from = 0;

    if (render_steps(r, t->len / 16) < 0)
        return -1;
    while (at < t->len) {
        size_t end = at;

        if (!char_ends_line(char_at(t->s + at))) {
            at += char_len(t->s + at);
            continue;
        }
        at += t->s[at] == '\r' && at + 1 < t->len && t->s[at + 1] == '\n' ? 2 : char_len(t->s + at);
        if (add_part(&p, from, keep_ends ? at : end) < 0)
            return -1;
        from = at;
    }
    if (from < t->len && add_part(&p, from, t->len) < 0)
        return -1;
    return finish_parts(&p, false, out);
}

METHOD(splitlines)
{
    int keep = argument_bool(r, &call->arg[0], false);

    return keep < 0 ? -1 : text_lines(r, self->text, keep, out);
}

static int partition_at(struct render *r, const struct text *t, const struct text *at, bool right, struct value *out)
{
    struct parts p = { .r = r, .t = t };
    size_t found, end;

    if (at->len == 0)
        return render_fail(r, "empty separator");
    if (render_steps(r, t->len / 64 * (1 + at->len / 16)) < 0)
        return -1;
    found = right ? text_rfind(t, at, 0, t->len) : text_find(t, at, 0, t->len);
    end = found == NOT_FOUND ? 0 : found + at->len;
    if (found == NOT_FOUND)
        found = right ? 0 : t->len;
    if (end == 0) {
        if (add_part(&p, 0, found) < 0 || add_part(&p, 0, 0) < 0 || add_part(&p, right ? 0 : t->len, t->len) < 0)
            return -1;
    } else if (add_part(&p, 0, found) < 0 || add_part(&p, found, end) < 0 || add_part(&p, end, t->len) < 0) {
        return -1;
    }
    return list_value(r, p.items, p.n, V_TUPLE, out);
}

METHOD(partition)
{
    const struct text *at;

    return argument_text(r, &call->arg[0], "partition", &at) < 0 ? -1 : partition_at(r, self->text, at, false, out);
}

METHOD(rpartition)
{
    const struct text *at;

    return argument_text(r, &call->arg[0], "rpartition", &at) < 0 ? -1 : partition_at(r, self->text, at, true, out);
}

METHOD(join)
{
    const struct list *items;
    struct builder b;

    if (value_items(r, &call->arg[0], &items) < 0)
        return -1;
    builder_init(&b, r);
    for (size_t i = 0; i < items->n; i++) {
        const struct text *t;

        if (argument_text(r, &items->items[i], "join", &t) < 0)
            return -1;
        if (i)
            builder_text(&b, self->text);
        if (self->text->safe)
            builder_escaped(&b, t);
        else
            builder_text(&b, t);
    }
    return builder_value(&b, self->text->safe, out);
}

int text_replace(struct render *r, const struct text *t, const struct text *old, const struct text *new, int64_t max,
                 struct value *out)
{
    struct builder b;
    size_t from = 0, found;

    if (render_steps(r, t->len / 64) < 0)
        return -1;
    builder_init(&b, r);
    for (; max != 0 && !b.failed; max--) {
        found = text_find(t, old, from, t->len);
        if (found == NOT_FOUND)
            break;
        builder_slice(&b, t, from, found);
        builder_text(&b, new);
        from = found + old->len;
        if (old->len)
            continue;
        if (from == t->len) /* between all characters, and at both ends */
            break;
        builder_slice(&b, t, from, from + char_len(t->s + from));
        from += char_len(t->s + from);
    }
    builder_slice(&b, t, from, t->len);
    return builder_value(&b, t->safe, out);
}

METHOD(replace)
{
    const struct text *old, *new;
    int64_t max;

    if (argument_text(r, &call->arg[0], "replace", &old) < 0 || argument_text(r, &call->arg[1], "replace", &new) < 0 ||
        argument_int(r, &call->arg[2], -1, "count", &max) < 0)
        return -1;
    if (self->text->safe && (text_escape(r, old, &old) < 0 || text_escape(r, new, &new) < 0))
        return -1;
    return text_replace(r, self->text, old, new, max, out);
}

METHOD(removeprefix)
{
    const struct text *t = self->text, *what;

    if (argument_text(r, &call->arg[0], "removeprefix", &what) < 0)
        return -1;
    return text_slice_value(r, t, text_find(t, what, 0, what->len < t->len ? what->len : t->len) == 0 ? what->len : 0, t->len,
                            out);
}

METHOD(removesuffix)
{
    const struct text *t = self->text, *what;
    bool ends;

    if (argument_text(r, &call->arg[0], "removesuffix", &what) < 0)
        return -1;
    ends = what->len <= t->len && text_find(t, what, t->len - what->len, t->len) == t->len - what->len;
    return text_slice_value(r, t, 0, ends ? t->len - what->len : t->len, out);
}

/* --- searching ------------------------------------------------------------------------------------------------------ */

/* The part that start and end mean, in bytes; false: start is behind the end. */
static int bounds(struct render *r, const struct text *t, const struct value *start, const struct value *end, size_t *from,
                  size_t *to)
{
    static const struct value missing = { 0 };
    int64_t n = (int64_t)t->n_chars, i, j;

    if (argument_int(r, start->kind == V_NONE ? &missing : start, 0, "start", &i) < 0 ||
        argument_int(r, end->kind == V_NONE ? &missing : end, n, "end", &j) < 0)
        return -1;
    i = i < 0 ? i + n < 0 ? 0 : i + n : i;
    j = j < 0 ? j + n < 0 ? 0 : j + n : j > n ? n : j;
    if (i > n || i > j) {
        *from = 1;
        *to = 0;
        return 0;
    }
    *from = text_offset(t, (size_t)i);
    *to = text_offset(t, (size_t)j);
    return render_steps(r, t->len / 32);
}

static int find_side(struct render *r, const struct value *self, const struct call *call, bool right, bool must,
                     struct value *out)
{
    const struct text *what, *t = self->text;
    size_t from, to, found;

    if (argument_text(r, &call->arg[0], "find", &what) < 0 || bounds(r, t, &call->arg[1], &call->arg[2], &from, &to) < 0)
        return -1;
    if (right && render_steps(r, t->len / 64 * (what->len / 16)) < 0)
        return -1;
    found = right ? text_rfind(t, what, from, to) : text_find(t, what, from, to);
    if (found == NOT_FOUND && must)
        return render_fail(r, "substring not found");
    *out = value_int(found == NOT_FOUND ? -1 : (int64_t)text_chars(t, found));
    return 0;
}

METHOD(find)
{
    return find_side(r, self, call, false, false, out);
}

METHOD(rfind)
{
    return find_side(r, self, call, true, false, out);
}

METHOD(index_of)
{
    return find_side(r, self, call, false, true, out);
}

METHOD(rindex_of)
{
    return find_side(r, self, call, true, true, out);
}

METHOD(count)
{
    const struct text *what;
    size_t from, to, found;
    int64_t n = 0;

    if (argument_text(r, &call->arg[0], "count", &what) < 0 ||
        bounds(r, self->text, &call->arg[1], &call->arg[2], &from, &to) < 0)
        return -1;
    if (what->len == 0 && from <= to)
        n = (int64_t)(text_chars(self->text, to) - text_chars(self->text, from)) + 1;
    while (what->len && (found = text_find(self->text, what, from, to)) != NOT_FOUND) {
        n++;
        from = found + what->len;
    }
    *out = value_int(n);
    return 0;
}

static bool is_at_end(const struct text *t, const struct text *what, size_t from, size_t to, bool end)
{
    size_t at = end ? to - what->len : from;

    if (from > to || what->len > to - from)
        return false;
    return what->len == 0 || memcmp(t->s + at, what->s, what->len) == 0;
}

static int has_end(struct render *r, const struct value *self, const struct call *call, bool end, struct value *out)
{
    const struct value *what = &call->arg[0];
    const struct list one = { .items = what, .n = 1 }, *list = what->kind == V_TUPLE ? what->list : &one;
    const struct text *t;
    size_t from, to;

    *out = value_bool(false);
    if (bounds(r, self->text, &call->arg[1], &call->arg[2], &from, &to) < 0)
        return -1;
    for (size_t i = 0; i < list->n && !out->b; i++) {
        if (argument_text(r, &list->items[i], end ? "endswith" : "startswith", &t) < 0)
            return -1;
        out->b = is_at_end(self->text, t, from, to, end);
    }
    return 0;
}

METHOD(startswith)
{
    return has_end(r, self, call, false, out);
}

METHOD(endswith)
{
    return has_end(r, self, call, true, out);
}

/* --- case and classes ----------------------------------------------------------------------------------------------- */

METHOD(upper)
{
    (void)call;
    return text_change_case(r, self->text, CHANGE_UPPER, out);
}

METHOD(lower)
{
    (void)call;
    return text_change_case(r, self->text, CHANGE_LOWER, out);
}

METHOD(title)
{
    (void)call;
    return text_change_case(r, self->text, CHANGE_TITLE, out);
}

METHOD(capitalize)
{
    (void)call;
    return text_change_case(r, self->text, CHANGE_CAPITALIZE, out);
}

METHOD(swapcase)
{
    (void)call;
    return text_change_case(r, self->text, CHANGE_SWAP, out);
}

#define CLASS_METHOD(name, test) \
    METHOD(name)                 \
    {                            \
        (void)r;                 \
        (void)call;              \
        *out = value_bool(test); \
        return 0;                \
    }

CLASS_METHOD(isalnum, text_all(self->text, CHAR_ALNUM))
CLASS_METHOD(isalpha, text_all(self->text, CHAR_ALPHA))
CLASS_METHOD(isascii, self->text->n_chars == self->text->len)
CLASS_METHOD(isdecimal, text_all(self->text, CHAR_DECIMAL))
CLASS_METHOD(isdigit, text_all(self->text, CHAR_DIGIT))
CLASS_METHOD(isnumeric, text_all(self->text, CHAR_NUMERIC))
CLASS_METHOD(isprintable, self->text->len == 0 || text_all(self->text, CHAR_PRINTABLE))
CLASS_METHOD(isspace, text_all(self->text, CHAR_SPACE))
CLASS_METHOD(islower, text_is_lower(self->text))
CLASS_METHOD(isupper, text_is_upper(self->text))
CLASS_METHOD(istitle, text_is_title(self->text))

/* --- padding -------------------------------------------------------------------------------------------------------- */

int text_pad(struct render *r, const struct text *t, const struct text *fill, int64_t left, int64_t right, struct value *out)
{
    struct builder b;

    builder_init(&b, r);
    builder_repeat(&b, fill, left > 0 ? (size_t)left : 0);
    builder_text(&b, t);
    builder_repeat(&b, fill, right > 0 ? (size_t)right : 0);
    return builder_value(&b, t->safe, out);
}

/* How much is left and right of the text: -1, 1 or 0 as for ljust, rjust, center. */
static int pad_side(struct render *r, const struct value *self, const struct call *call, int side, struct value *out)
{
    const struct text space = { .s = " ", .len = 1, .n_chars = 1 }, *fill = &space;
    int64_t width, n = (int64_t)self->text->n_chars, left, room;

    if (argument_int(r, &call->arg[0], 0, "width", &width) < 0)
        return -1;
    if (call->arg[1].kind != V_MISSING && argument_text(r, &call->arg[1], "fillchar", &fill) < 0)
        return -1;
    if (fill->n_chars != 1)
        return render_fail(r, "the fill character must be exactly one character long");
    room = width > n ? width - n : 0;
    left = side > 0 ? room : side < 0 ? 0 : room / 2 + (room & width & 1);
    return text_pad(r, self->text, fill, left, room - left, out);
}

METHOD(center)
{
    return pad_side(r, self, call, 0, out);
}

METHOD(ljust)
{
    return pad_side(r, self, call, -1, out);
}

METHOD(rjust)
{
    return pad_side(r, self, call, 1, out);
}

METHOD(zfill)
{
    const struct text zero = { .s = "0", .len = 1, .n_chars = 1 }, *t = self->text;
    size_t sign = t->len && (t->s[0] == '+' || t->s[0] == '-');
    int64_t width;
    struct builder b;

    if (argument_int(r, &call->arg[0], 0, "width", &width) < 0)
        return -1;
    builder_init(&b, r);
    builder_slice(&b, t, 0, sign);
    builder_repeat(&b, &zero, width > (int64_t)t->n_chars ? (size_t)(width - (int64_t)t->n_chars) : 0);
    builder_slice(&b, t, sign, t->len);
    return builder_value(&b, t->safe, out);
}

METHOD(expandtabs)
{
    const struct text *t = self->text;
    int64_t size, column = 0;
    struct builder b;

    if (argument_int(r, &call->arg[0], 8, "tabsize", &size) < 0)
        return -1;
    if (size > 4096)
        return render_limit(r, "tabs of more than 4096 characters");
    builder_init(&b, r);
    for (size_t i = 0, n; i < t->len && !b.failed; i += n) {
        n = char_len(t->s + i);
        if (t->s[i] == '\t') {
            for (int64_t k = size > 0 ? size - column % size : 0; k > 0; k--, column++)
                builder_add(&b, " ", 1, text_is_data(t, i));
            continue;
        }
        builder_slice(&b, t, i, i + n);
        column = t->s[i] == '\n' || t->s[i] == '\r' ? 0 : column + 1;
    }
    return builder_value(&b, t->safe, out);
}

METHOD(format)
{
    return format_braces(r, self->text, call->given, out);
}

const struct builtin *string_method_find(const char *name, size_t len)
{
    static const struct builtin methods[] = {
        { "capitalize", "", 0, method_capitalize },
        { "center", "width fillchar /", 1, method_center },
        { "count", "sub start end /", 1, method_count },
        { "endswith", "suffix start end /", 1, method_endswith },
        { "expandtabs", "tabsize", 0, method_expandtabs },
        { "find", "sub start end /", 1, method_find },
        { "format", NULL, 0, method_format },
        { "index", "sub start end /", 1, method_index_of },
        { "isalnum", "", 0, method_isalnum },
        { "isalpha", "", 0, method_isalpha },
        { "isascii", "", 0, method_isascii },
        { "isdecimal", "", 0, method_isdecimal },
        { "isdigit", "", 0, method_isdigit },
        { "islower", "", 0, method_islower },
        { "isnumeric", "", 0, method_isnumeric },
        { "isprintable", "", 0, method_isprintable },
        { "isspace", "", 0, method_isspace },
        { "istitle", "", 0, method_istitle },
        { "isupper", "", 0, method_isupper },
        { "join", "iterable /", 1, method_join },
        { "ljust", "width fillchar /", 1, method_ljust },
        { "lower", "", 0, method_lower },
        { "lstrip", "chars /", 0, method_lstrip },
        { "partition", "sep /", 1, method_partition },
        { "removeprefix", "prefix /", 1, method_removeprefix },
        { "removesuffix", "suffix /", 1, method_removesuffix },
        { "replace", "old new count /", 2, method_replace },
        { "rfind", "sub start end /", 1, method_rfind },
        { "rindex", "sub start end /", 1, method_rindex_of },
        { "rjust", "width fillchar /", 1, method_rjust },
        { "rpartition", "sep /", 1, method_rpartition },
        { "rsplit", "sep maxsplit", 0, method_rsplit },
        { "rstrip", "chars /", 0, method_rstrip },
        { "split", "sep maxsplit", 0, method_split },
        { "splitlines", "keepends", 0, method_splitlines },
        { "startswith", "prefix start end /", 1, method_startswith },
        { "strip", "chars /", 0, method_strip },
        { "swapcase", "", 0, method_swapcase },
        { "title", "", 0, method_title },
        { "upper", "", 0, method_upper },
        { "zfill", "width /", 1, method_zfill },
    };

    return builtin_find(methods, COUNT(methods), name, len);
}

/* --- lists, dicts, loops, cyclers ----------------------------------------------------------------------------------- */

METHOD(list_count)
{
    int64_t n = 0;

    for (size_t i = 0; i < self->list->n; i++) {
        int same = value_equal(r, &self->list->items[i], &call->arg[0]);

        if (same < 0)
            return -1;
        n += same;
    }
    *out = value_int(n);
    return 0;
}

METHOD(list_index)
{
    int64_t n = (int64_t)self->list->n, from, to;

    if (argument_int(r, &call->arg[1], 0, "start", &from) < 0 || argument_int(r, &call->arg[2], n, "stop", &to) < 0)
        return -1;
    from = from < 0 && from + n < 0 ? 0 : from < 0 ? from + n : from;
    to = to < 0 ? to + n : to;
    for (int64_t i = from; i < to && i < n; i++) {
        int same = value_equal(r, &self->list->items[i], &call->arg[0]);

        if (same < 0)
            return -1;
        *out = value_int(i);
        if (same)
            return 0;
    }
    return render_fail(r, "the value is not in the list");
}

METHOD(list_copy)
{
    (void)r;
    (void)call;
    *out = *self;
    return 0;
}

const struct builtin *list_method_find(const char *name, size_t len)
{
    static const struct builtin methods[] = {
        { "count", "value /", 1, method_list_count },
        { "index", "value start stop /", 1, method_list_index },
        { "copy", "", 0, method_list_copy },
    };

    return builtin_find(methods, COUNT(methods), name, len);
}

static int make_view(struct render *r, const struct value *self, enum view_kind kind, struct value *out)
{
    struct view *v = render_alloc(r, 1, sizeof *v);

    if (!v)
        return -1;
    *v = (struct view){ .dict = self->dict, .kind = kind, .data = self->data };
    *out = (struct value){ .kind = V_VIEW, .data = self->data, .view = v };
    return 0;
}

METHOD(dict_keys)
{
    (void)call;
    return make_view(r, self, VIEW_KEYS, out);
}

METHOD(dict_values)
{
    (void)call;
    return make_view(r, self, VIEW_VALUES, out);
}

METHOD(dict_items)
{
    (void)call;
    return make_view(r, self, VIEW_ITEMS, out);
}

METHOD(dict_get_method)
{
    int found = dict_get(r, self->dict, &call->arg[0], out);

    if (found == 0)
        *out = call->arg[1].kind == V_MISSING ? value_none() : call->arg[1];
    return found < 0 ? -1 : 0;
}

const struct builtin *dict_method_find(const char *name, size_t len)
{
    static const struct builtin methods[] = {
        { "get", "key default /", 1, method_dict_get_method },
        { "items", "", 0, method_dict_items },
        { "keys", "", 0, method_dict_keys },
        { "values", "", 0, method_dict_values },
        { "copy", "", 0, method_list_copy },
    };

    return builtin_find(methods, COUNT(methods), name, len);
}

METHOD(loop_cycle)
{
    const struct arguments *given = call->given;

    if (given->n_named || given->n == 0)
        return render_fail(r, "no items for cycling given");
    *out = given->items[(uint64_t)self->loop->index0 % given->n];
    return 0;
}

METHOD(loop_changed)
{
    struct value now;
    int same = 0;

    if (call->given->n_named)
        return render_fail(r, "changed takes no named arguments");
    if (list_value(r, call->given->items, call->given->n, V_TUPLE, &now) < 0)
        return -1;
    if (self->loop->has_changed)
        same = value_equal(r, &self->loop->changed, &now);
    if (same < 0)
        return -1;
    self->loop->changed = now;
    self->loop->has_changed = true;
    *out = value_bool(!same);
    return 0;
}

const struct builtin *loop_method_find(const char *name, size_t len)
{
    static const struct builtin methods[] = { { "cycle", NULL, 0, method_loop_cycle }, { "changed", NULL, 0, method_loop_changed } };

    return builtin_find(methods, COUNT(methods), name, len);
}

METHOD(cycler_next)
{
    struct cycler *c = self->cycler;

    (void)r;
    (void)call;
    *out = c->items.list->items[c->at];
    c->at = (c->at + 1) % c->items.list->n;
    return 0;
}

METHOD(cycler_reset)
{
    (void)r;
    (void)call;
    self->cycler->at = 0;
    *out = value_none();
    return 0;
}

const struct builtin *cycler_method_find(const char *name, size_t len)
{
    static const struct builtin methods[] = { { "next", "", 0, method_cycler_next }, { "reset", "", 0, method_cycler_reset } };

    return builtin_find(methods, COUNT(methods), name, len);
}
