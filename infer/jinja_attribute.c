/* Attributes, elements, slices.  An attribute falls back to an element of that name, and the other way round. */
#include "infer/jinja_render.h"

#include <string.h>

#include "infer/jinja_unicode.h"

/* What Python's values have and the immutable sandbox refuses: undefined, though an element has the name. */
static bool is_refused(const struct value *v, const struct text *name)
{
    static const char *const of_lists[] = { "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove" };
    static const char *const of_dicts[] = { "clear", "pop", "popitem", "setdefault", "update" };
    const char *const *list = v->kind == V_LIST ? of_lists : of_dicts;
    size_t n = v->kind == V_LIST ? 8 : v->kind == V_DICT ? 5 : 0;

    for (size_t i = 0; i < n; i++)
        if (text_is(name, list[i]))
            return true;
    return name->len >= 2 && name->s[0] == '_' && name->s[1] == '_' &&
           (text_is(name, "__class__") || text_is(name, "__init__") || text_is(name, "__doc__"));
}

static int bind_method(struct render *r, const struct value *self, const struct builtin *builtin, struct value *out)
{
    struct method *m = render_alloc(r, 1, sizeof *m);

    if (!m)
        return -1;
    *m = (struct method){ *self, builtin };
    *out = (struct value){ .kind = V_METHOD, .method = m };
    return 1;
}

static int macro_attribute(struct render *r, const struct value *v, const struct text *name, struct value *out)
{
    const struct node *n = v->macro->node;
    struct value names[64];
    size_t count = 0;

    if (text_is(name, "name")) {
        *out = n->kind == N_MACRO ? value_string(n->name) : value_none();
        return 1;
    }
    if (text_is(name, "catch_kwargs") || text_is(name, "catch_varargs") || text_is(name, "caller")) {
        *out = value_bool(n->uses & (text_is(name, "caller")         ? USES_CALLER
                                     : text_is(name, "catch_kwargs") ? USES_KWARGS
                                                                     : USES_VARARGS));
        return 1;
    }
    if (!text_is(name, "arguments"))
        return 0;
    for (const struct node *a = n->args; a && count < 64; a = a->next)
        names[count++] = value_string(a->name);
    return list_value(r, names, count, V_TUPLE, out) < 0 ? -1 : 1;
}

static int loop_attribute(struct render *r, const struct value *v, const struct text *name, struct value *out)
{
    struct loop *l = v->loop;
    const struct builtin *method = loop_method_find(name->s, name->len);
    int rc;

    if (method)
        return bind_method(r, v, method, out);
    if (text_is(name, "index") || text_is(name, "index0")) {
        *out = value_int(l->index0 + text_is(name, "index"));
    } else if (text_is(name, "first")) {
        *out = value_bool(l->index0 == 0);
    } else if (text_is(name, "last")) {
        rc = loop_peek(r, l);
        if (rc < 0)
            return -1;
        *out = value_bool(rc == 0);
    } else if (text_is(name, "depth") || text_is(name, "depth0")) {
        *out = value_int(l->depth0 + text_is(name, "depth"));
    } else if (text_is(name, "length") || text_is(name, "revindex") || text_is(name, "revindex0")) {
        if (loop_length(r, l) < 0)
            return -1;
        *out = value_int(text_is(name, "length") ? l->length : l->length - l->index0 - text_is(name, "revindex0"));
    } else if (text_is(name, "previtem")) {
        *out = l->before;
        if (l->index0 == 0 && value_undefine(r, out, "there is no previous item") < 0)
            return -1;
    } else if (text_is(name, "nextitem")) {
        rc = loop_peek(r, l);
        *out = l->after;
        if (rc < 0 || (rc == 0 && value_undefine(r, out, "there is no next item") < 0))
            return -1;
    } else {
        return 0;
    }
    return 1;
}

static int cycler_attribute(struct render *r, const struct value *v, const struct text *name, struct value *out)
{
    const struct builtin *method = cycler_method_find(name->s, name->len);

    if (method)
        return bind_method(r, v, method, out);
    if (text_is(name, "current"))
        *out = v->cycler->items.list->items[v->cycler->at];
    else if (text_is(name, "pos"))
        *out = value_int((int64_t)v->cycler->at);
    else if (text_is(name, "items"))
        *out = v->cycler->items;
    else
        return 0;
    return 1;
}

static int range_attribute(const struct value *v, const struct text *name, struct value *out)
{
    if (text_is(name, "start"))
        *out = value_int(v->range->start);
    else if (text_is(name, "stop"))
        *out = value_int(v->range->stop);
    else if (text_is(name, "step"))
        *out = value_int(v->range->step);
    else
        return 0;
    return 1;
}

static int method_of(struct render *r, const struct value *v, const struct text *name, struct value *out)
{
    const struct builtin *method = NULL;

    if (v->kind == V_STRING)
        method = string_method_find(name->s, name->len);
    else if (v->kind == V_DICT)
        method = dict_method_find(name->s, name->len);
    else
        method = list_method_find(name->s, name->len);
    return method ? bind_method(r, v, method, out) : 0;
}

int value_own_attribute(struct render *r, const struct value *v, const struct text *name, struct value *out)
{
    const struct value *found;

    switch (v->kind) {
    case V_UNDEFINED:
        return render_fail(r, "%s", v->undefined ? v->undefined->why : "a value is undefined");
    case V_STRING:
    case V_DICT:
    case V_LIST:
        return method_of(r, v, name, out);
    case V_TUPLE:
        if (v->list->is_group && (text_is(name, "grouper") || text_is(name, "list"))) {
            *out = v->list->items[text_is(name, "list")];
            return 1;
        }
        return method_of(r, v, name, out);
    case V_NAMESPACE:
        found = dict_find(v->dict, name->s, name->len);
        if (found)
            *out = *found;
        return found != NULL;
    case V_MACRO:
        return macro_attribute(r, v, name, out);
    case V_LOOP:
        return loop_attribute(r, v, name, out);
    case V_CYCLER:
        return cycler_attribute(r, v, name, out);
    case V_RANGE:
        return range_attribute(v, name, out);
    default:
        return 0;
    }
}

static int no_attribute(struct render *r, const struct value *v, const struct text *name, struct value *out)
{
    int n = name->len > 80 ? 80 : (int)name->len;

    if (v->kind == V_NONE)
        return value_undefine(r, out, "'None' has no attribute '%.*s'", n, name->s);
    return value_undefine(r, out, "'%s object' has no attribute '%.*s'", value_type(v), n, name->s);
}

/* 1, 0: it has none such, -1.  Never fails for what only cannot be a key. */
static int own_element(struct render *r, const struct value *v, const struct value *key, struct value *out)
{
    int64_t i;
    size_t n, from, to;

    if (v->kind == V_DICT)
        return value_hashable(key) ? dict_get(r, v->dict, key, out) : 0;
    if (!value_is_whole(key) || (v->kind != V_LIST && v->kind != V_TUPLE && v->kind != V_STRING && v->kind != V_RANGE))
        return 0;
    if (value_length(r, v, &n) < 0)
        return -1;
    i = value_whole(key);
    if (i < 0 && __builtin_add_overflow(i, (int64_t)n, &i))
        return 0;
    if (i < 0 || (uint64_t)i >= n)
        return 0;
    if (v->kind == V_RANGE) {
        *out = value_int(v->range->start + i * v->range->step);
        return 1;
    }
    if (v->kind != V_STRING) {
        *out = v->list->items[i];
        return 1;
    }
    from = text_offset(v->text, (size_t)i);
    to = from + char_len(v->text->s + from);
    return render_steps(r, from / 64) < 0 || text_slice_value(r, v->text, from, to, out) < 0 ? -1 : 1;
}

int value_attribute(struct render *r, const struct value *v, const struct text *name, struct value *out)
{
    struct value key = value_string(name);
    int rc = 0;

    if (!is_refused(v, name)) {
        rc = value_own_attribute(r, v, name, out);
        if (rc == 0)
            rc = own_element(r, v, &key, out);
    }
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    return no_attribute(r, v, name, out);
}

int value_element(struct render *r, const struct value *v, const struct value *key, struct value *out)
{
    int rc;

    if (v->kind == V_UNDEFINED)
        return render_fail(r, "%s", v->undefined ? v->undefined->why : "a value is undefined");
    rc = own_element(r, v, key, out);
    if (rc == 0 && key->kind == V_STRING) {
        if (!is_refused(v, key->text))
            rc = value_own_attribute(r, v, key->text, out);
        if (rc == 0)
            return no_attribute(r, v, key->text, out);
    }
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    return value_undefine(r, out, "%s object has no such element", value_type(v));
}

/* --- slices --------------------------------------------------------------------------------------------------------- */

static int slice_part(struct render *r, const struct value *part, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (part->kind == V_NONE || part->kind == V_MISSING)
        return 0;
    if (!value_is_whole(part))
        return render_fail(r, "slice indices must be integers or None or have an __index__ method");
    *out = value_whole(part);
    return 0;
}

static int64_t clamp(int64_t i, int64_t n, int64_t low, int64_t high)
{
    if (i < 0)
        i += n;
    return i < low ? low : i > high ? high : i;
}

/* From where, how many, and how far apart. */
static int slice_range(struct render *r, const struct value part[3], int64_t n, struct range *out)
{
    int64_t start, stop, step;

    if (slice_part(r, &part[2], 1, &step) < 0)
        return -1;
    if (step == 0)
        return render_fail(r, "slice step cannot be zero");
    if (step < -n - 1)
        step = -n - 1;
    else if (step > n + 1)
        step = n + 1;
    if (slice_part(r, &part[0], step > 0 ? 0 : n, &start) < 0 || slice_part(r, &part[1], step > 0 ? n : -n - 1, &stop) < 0)
        return -1;
    start = step > 0 ? clamp(start, n, 0, n) : clamp(start, n, -1, n - 1);
    stop = step > 0 ? clamp(stop, n, 0, n) : clamp(stop, n, -1, n - 1);
    *out = (struct range){ .start = start, .stop = stop, .step = step };
    if (step > 0 && stop > start)
        out->n = (size_t)((stop - start - 1) / step + 1);
    else if (step < 0 && stop < start)
        out->n = (size_t)((start - stop - 1) / -step + 1);
    return 0;
}

static int slice_text(struct render *r, const struct text *t, const struct range *range, struct value *out)
{
    struct builder b;

    if (render_steps(r, t->len / 64) < 0)
        return -1;
    if (range->step == 1 || range->n == 0) {
        size_t from = range->n ? text_offset(t, (size_t)range->start) : 0;
        size_t to = range->n ? text_offset(t, (size_t)range->start + range->n) : 0;

        return text_slice_value(r, t, from, to, out);
    }
    builder_init(&b, r);
    for (size_t i = 0; i < range->n && !b.failed; i++) {
        size_t from = text_offset(t, (size_t)(range->start + (int64_t)i * range->step));

        if (t->n_chars != t->len && render_steps(r, from / 64) < 0)
            return -1;
        builder_slice(&b, t, from, from + char_len(t->s + from));
    }
    return builder_value(&b, t->safe, out);
}

static int slice_list(struct render *r, const struct value *v, const struct range *range, struct value *out)
{
    struct value *items = render_alloc(r, range->n + 1, sizeof *items);

    if (!items || render_steps(r, range->n) < 0)
        return -1;
    for (size_t i = 0; i < range->n; i++)
        items[i] = v->list->items[range->start + (int64_t)i * range->step];
    if (list_value(r, items, range->n, v->kind, out) < 0)
        return -1;
    out->data = v->data;
    return 0;
}

int value_slice(struct render *r, const struct value *v, const struct value part[3], struct value *out)
{
    struct range range = { 0 }, *of;
    size_t n;

    if (v->kind == V_UNDEFINED)
        return render_fail(r, "%s", v->undefined ? v->undefined->why : "a value is undefined");
    if (v->kind != V_STRING && v->kind != V_LIST && v->kind != V_TUPLE && v->kind != V_RANGE)
        return render_fail(r, "'%s' object has no slices", value_type(v));
    if (value_length(r, v, &n) < 0 || slice_range(r, part, (int64_t)n, &range) < 0)
        return -1;
    if (v->kind == V_STRING)
        return slice_text(r, v->text, &range, out);
    if (v->kind != V_RANGE)
        return slice_list(r, v, &range, out);
    of = render_alloc(r, 1, sizeof *of);
    if (!of)
        return -1;
    *of = (struct range){ v->range->start + range.start * v->range->step, v->range->start + range.stop * v->range->step,
                          v->range->step * range.step, range.n };
    *out = (struct value){ .kind = V_RANGE, .range = of };
    return 0;
}

static bool is_index(const struct text *t)
{
    for (size_t i = 0; i < t->len; i++)
        if (t->s[i] < '0' || t->s[i] > '9')
            return false;
    return t->len > 0;
}

int attribute_path(struct render *r, const struct value *path, const struct value *item, const struct value *otherwise,
                   struct value *out)
{
    const struct text *t = path->kind == V_STRING ? path->text : NULL;
    struct text part;

    *out = *item;
    if (path->kind == V_NONE || path->kind == V_MISSING)
        return 0;
    for (size_t from = 0; !t || from <= t->len;) {
        struct value key = *path;
        const char *dot = t ? memchr(t->s + from, '.', t->len - from) : NULL;
        size_t to = dot ? (size_t)(dot - t->s) : t ? t->len : 0;

        if (t) {
            part = (struct text){ .s = t->s + from, .len = to - from };
            key = value_string(&part);
            if (is_index(&part) && int_parse(&part, 10, &key.i) == 1)
                key = value_int(key.i);
        }
        if (value_element(r, out, &key, out) < 0)
            return -1;
        if (out->kind == V_UNDEFINED && otherwise && otherwise->kind != V_MISSING && otherwise->kind != V_NONE)
            *out = *otherwise;
        if (!t)
            break;
        from = to + 1;
    }
    return 0;
}
