/* Values as text: Python's str and repr, and json.dumps. */
#include "infer/jinja_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "infer/jinja_unicode.h"

static int enter(struct render *r)
{
    if (r->depth >= r->max_depth)
        return render_limit(r, "more than %u calls and expressions within each other", r->max_depth);
    r->depth++;
    return render_steps(r, 1);
}

/* --- str and repr --------------------------------------------------------------------------------------------------- */

static void repr_char(struct builder *b, uint32_t c, bool data)
{
    char s[16];

    if (c == '\n' || c == '\r' || c == '\t')
        snprintf(s, sizeof s, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (c < 0x100)
        snprintf(s, sizeof s, "\\x%02x", (unsigned)c);
    else
        snprintf(s, sizeof s, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    builder_literal(b, s, data);
}

static void repr_text(struct builder *b, const struct text *t)
{
    bool single = t->len && memchr(t->s, '\'', t->len), with_double = t->len && memchr(t->s, '"', t->len);
    const char *quote = single && !with_double ? "\"" : "'";
    bool data = t->origin != ORIGIN_TEMPLATE;
    size_t from = 0;

    if (t->safe)
        builder_literal(b, "Markup(", data);
    builder_literal(b, quote, data);
    for (size_t i = 0; i < t->len; i += char_len(t->s + i)) {
        uint32_t c = char_at(t->s + i);
        bool escape = c == '\\' || c == (unsigned char)*quote;

        if (!escape && (c < 0x80 ? c >= 0x20 && c < 0x7f : (char_classes(c) & CHAR_PRINTABLE) != 0))
            continue;
        builder_slice(b, t, from, i);
        from = i + (escape ? 0 : char_len(t->s + i));
        if (escape)
            builder_literal(b, "\\", text_is_data(t, i));
        else
            repr_char(b, c, text_is_data(t, i));
    }
    builder_slice(b, t, from, t->len);
    builder_literal(b, quote, data);
    if (t->safe)
        builder_literal(b, ")", data);
}

static int repr_items(struct builder *b, const struct list *l, bool data)
{
    for (size_t i = 0; i < l->n; i++) {
        if (i)
            builder_literal(b, ", ", data);
        if (value_repr(b->r, b, &l->items[i]) < 0)
            return -1;
    }
    return 0;
}

static int repr_dict(struct builder *b, const struct dict *d, bool data)
{
    builder_literal(b, "{", data);
    for (size_t i = 0; i < d->n; i++) {
        if (i)
            builder_literal(b, ", ", data);
        if (value_repr(b->r, b, &d->keys[i]) < 0)
            return -1;
        builder_literal(b, ": ", data);
        if (value_repr(b->r, b, &d->values[i]) < 0)
            return -1;
    }
    builder_literal(b, "}", data);
    return 0;
}

static int repr_list(struct builder *b, const struct value *v)
{
    bool tuple = v->kind == V_TUPLE;

    builder_literal(b, tuple ? "(" : "[", v->data);
    if (repr_items(b, v->list, v->data) < 0)
        return -1;
    builder_literal(b, tuple ? v->list->n == 1 ? ",)" : ")" : "]", v->data);
    return 0;
}

static int repr_view(struct builder *b, const struct value *v)
{
    const struct list *items;

    if (value_items(b->r, v, &items) < 0)
        return -1;
    builder_literal(b, value_type(v), false);
    builder_literal(b, "([", false);
    if (repr_items(b, items, v->data) < 0)
        return -1;
    builder_literal(b, "])", false);
    return 0;
}

static int repr_range(struct builder *b, const struct range *range)
{
    char s[96];

    if (range->step == 1)
        snprintf(s, sizeof s, "range(%" PRId64 ", %" PRId64 ")", range->start, range->stop);
    else
        snprintf(s, sizeof s, "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")", range->start, range->stop, range->step);
    builder_literal(b, s, false);
    return 0;
}

static int repr_attribute(struct builder *b, const struct value *v, const char *name)
{
    struct text t = { .s = name, .len = strlen(name), .n_chars = strlen(name) };
    struct value value;
    int rc = value_own_attribute(b->r, v, &t, &value);

    return rc == 1 ? value_repr(b->r, b, &value) : rc;
}

static int repr_macro_name(struct builder *b, const struct value *v)
{
    const struct text name = { .s = "name", .len = 4, .n_chars = 4 };
    struct value value;

    if (value_own_attribute(b->r, v, &name, &value) < 0)
        return -1;
    if (value.kind == V_STRING)
        return value_repr(b->r, b, &value);
    builder_literal(b, "anonymous", false); /* the body of a call block */
    return 0;
}

static int repr_object(struct builder *b, const struct value *v)
{
    int rc = 0;

    builder_literal(b, "<", false);
    builder_literal(b, value_type(v), false);
    if (v->kind == V_NAMESPACE) {
        builder_literal(b, " ", false);
        rc = repr_dict(b, v->dict, false);
    } else if (v->kind == V_MACRO) {
        builder_literal(b, " ", false);
        rc = repr_macro_name(b, v);
    } else if (v->kind == V_LOOP) {
        builder_literal(b, " ", false);
        rc = repr_attribute(b, v, "index");
        builder_literal(b, "/", false);
        if (rc == 0)
            rc = repr_attribute(b, v, "length");
    }
    builder_literal(b, ">", false);
    return rc;
}

static int repr(struct builder *b, const struct value *v)
{
    char s[FLOAT_TEXT];

    switch (v->kind) {
    case V_MISSING:
    case V_UNDEFINED:
        builder_literal(b, "Undefined", false);
        return 0;
    case V_NONE:
        builder_literal(b, "None", v->data);
        return 0;
    case V_BOOL:
        builder_literal(b, v->b ? "True" : "False", v->data);
        return 0;
    case V_INT:
        snprintf(s, sizeof s, "%" PRId64, v->i);
        builder_literal(b, s, v->data);
        return 0;
    case V_BIG:
        builder_add(b, v->text->s, v->text->len, v->data);
        return 0;
    case V_FLOAT:
        float_repr(v->f, s);
        builder_literal(b, s, v->data);
        return 0;
    case V_STRING:
        repr_text(b, v->text);
        return 0;
    case V_LIST:
    case V_TUPLE:
        return repr_list(b, v);
    case V_DICT:
        return repr_dict(b, v->dict, v->data);
    case V_VIEW:
        return repr_view(b, v);
    case V_RANGE:
        return repr_range(b, v->range);
    default:
        return repr_object(b, v);
    }
}

int value_repr(struct render *r, struct builder *b, const struct value *v)
{
    int rc;

    if (enter(r) < 0)
        return -1;
    rc = repr(b, v);
    r->depth--;
    return rc < 0 || b->failed ? -1 : 0;
}

int value_print(struct render *r, struct builder *b, const struct value *v)
{
    if (v->kind == V_UNDEFINED)
        return 0;
    if (v->kind != V_STRING)
        return value_repr(r, b, v);
    builder_text(b, v->text);
    return b->failed ? -1 : 0;
}

int value_text(struct render *r, const struct value *v, const struct text **out)
{
    struct builder b;
    struct value plain;

    if (v->kind == V_STRING) {
        if (text_safe(r, v->text, false, &plain) < 0)
            return -1;
        *out = plain.text;
        return 0;
    }
    builder_init(&b, r);
    return value_print(r, &b, v) < 0 ? -1 : builder_finish(&b, out);
}

/* --- JSON ----------------------------------------------------------------------------------------------------------- */

static int json_value(struct builder *, const struct value *, const struct json_style *, unsigned level);

static void json_unit(struct builder *b, unsigned unit, bool data)
{
    char s[16];

    snprintf(s, sizeof s, "\\u%04x", unit);
    builder_literal(b, s, data);
}

static void json_char(struct builder *b, uint32_t c, bool data)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;

    if (simple) {
        char s[2] = { '\\', to[simple - from] };

        builder_add(b, s, 2, data);
    } else if (c >= 0x10000) {
        json_unit(b, 0xd800 + ((c - 0x10000) >> 10), data);
        json_unit(b, 0xdc00 + ((c - 0x10000) & 0x3ff), data);
    } else {
        json_unit(b, c, data);
    }
}

static void json_text_of(struct builder *b, const struct text *t, bool ascii)
{
    bool data = t->origin != ORIGIN_TEMPLATE;
    size_t from = 0, n;

    builder_literal(b, "\"", data);
    for (size_t i = 0; i < t->len; i += n) {
        unsigned char c = (unsigned char)t->s[i];

        n = char_len(t->s + i);
        if (c != '"' && c != '\\' && c >= 0x20 && (c < 0x7f || !ascii))
            continue;
        builder_slice(b, t, from, i);
        json_char(b, char_at(t->s + i), text_is_data(t, i));
        from = i + n;
    }
    builder_slice(b, t, from, t->len);
    builder_literal(b, "\"", data);
}

static void json_float(struct builder *b, double f, bool data)
{
    char s[FLOAT_TEXT];

    float_repr(f, s);
    builder_literal(b, isnan(f) ? "NaN" : isinf(f) ? f < 0 ? "-Infinity" : "Infinity" : s, data);
}

/* Between items, and before the first and after the last of a list: the line's end where there is an indent. */
static void json_break(struct builder *b, const struct json_style *style, unsigned level, bool comma, bool data)
{
    if (comma)
        builder_add(b, style->comma->s, style->comma->len, data || style->comma->origin != ORIGIN_TEMPLATE);
    if (!style->has_indent)
        return;
    builder_literal(b, "\n", data);
    for (unsigned i = 0; i < level && style->indent->len; i++)
        builder_text(b, style->indent);
}

static int json_list(struct builder *b, const struct value *v, const struct json_style *style, unsigned level)
{
    builder_literal(b, v->list->n ? "[" : "[]", v->data);
    for (size_t i = 0; i < v->list->n; i++) {
        json_break(b, style, level + 1, i > 0, v->data);
        if (json_value(b, &v->list->items[i], style, level + 1) < 0)
            return -1;
    }
    if (v->list->n) {
        json_break(b, style, level, false, v->data);
        builder_literal(b, "]", v->data);
    }
    return 0;
}

static int json_key_of(struct builder *b, const struct value *key, bool ascii)
{
    switch (key->kind) {
    case V_STRING:
        json_text_of(b, key->text, ascii);
        return 0;
    case V_NONE:
        builder_literal(b, "\"null\"", key->data);
        return 0;
    case V_BOOL:
        builder_literal(b, key->b ? "\"true\"" : "\"false\"", key->data);
        return 0;
    case V_INT:
    case V_FLOAT:
        builder_literal(b, "\"", key->data);
        if (key->kind == V_FLOAT)
            json_float(b, key->f, key->data);
        else if (value_repr(b->r, b, key) < 0)
            return -1;
        builder_literal(b, "\"", key->data);
        return 0;
    default:
        return render_fail(b->r, "keys must be str, int, float, bool or None, not %s", value_type(key));
    }
}

static int first_of_pair(struct render *r, void *state, const struct value *item, struct value *out)
{
    (void)r;
    (void)state;
    *out = item->list->items[0];
    return 0;
}

/* The dict with its keys in order. */
static int sort_dict(struct render *r, const struct dict *d, const struct dict **out)
{
    const struct sort_order order = { .key = first_of_pair };
    struct view view = { .dict = d, .kind = VIEW_ITEMS };
    struct value items = { .kind = V_VIEW, .view = &view };
    const struct list *pairs;
    struct dict *sorted = dict_create(r, d->n);

    if (!sorted || value_items(r, &items, &pairs) < 0 || list_sort(r, pairs, &order, &pairs) < 0)
        return -1;
    for (size_t i = 0; i < pairs->n; i++)
        if (dict_set(r, sorted, &pairs->items[i].list->items[0], &pairs->items[i].list->items[1]) < 0)
            return -1;
    *out = sorted;
    return 0;
}

static int json_dict(struct builder *b, const struct value *v, const struct json_style *style, unsigned level)
{
    const struct dict *d = v->dict;

    if (style->sort && sort_dict(b->r, d, &d) < 0)
        return -1;
    builder_literal(b, d->n ? "{" : "{}", v->data);
    for (size_t i = 0; i < d->n; i++) {
        json_break(b, style, level + 1, i > 0, v->data);
        if (json_key_of(b, &d->keys[i], style->ascii) < 0)
            return -1;
        builder_add(b, style->colon->s, style->colon->len, v->data || style->colon->origin != ORIGIN_TEMPLATE);
        if (json_value(b, &d->values[i], style, level + 1) < 0)
            return -1;
    }
    if (d->n) {
        json_break(b, style, level, false, v->data);
        builder_literal(b, "}", v->data);
    }
    return 0;
}

static int json_one(struct builder *b, const struct value *v, const struct json_style *style, unsigned level)
{
    switch (v->kind) {
    case V_NONE:
        builder_literal(b, "null", v->data);
        return 0;
    case V_BOOL:
        builder_literal(b, v->b ? "true" : "false", v->data);
        return 0;
    case V_INT:
    case V_BIG:
        return value_repr(b->r, b, v);
    case V_FLOAT:
        json_float(b, v->f, v->data);
        return 0;
    case V_STRING:
        json_text_of(b, v->text, style->ascii);
        return 0;
    case V_LIST:
    case V_TUPLE:
        return json_list(b, v, style, level);
    case V_DICT:
        return json_dict(b, v, style, level);
    default:
        return render_fail(b->r, "Object of type %s is not JSON serializable", value_type(v));
    }
}

static int json_value(struct builder *b, const struct value *v, const struct json_style *style, unsigned level)
{
    int rc;

    if (enter(b->r) < 0)
        return -1;
    rc = json_one(b, v, style, level);
    b->r->depth--;
    return rc < 0 || b->failed ? -1 : 0;
}

int value_json(struct render *r, struct builder *b, const struct value *v, const struct json_style *style)
{
    (void)r;
    return json_value(b, v, style, 0);
}
