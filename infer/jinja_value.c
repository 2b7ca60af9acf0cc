#include "infer/jinja_value.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/jinja_text.h"

/* --- failing and memory --------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static int fail_with(struct render *r, int status, const char *fmt, va_list ap)
{
    char text[ERR_MSG];

    vsnprintf(text, sizeof text, fmt, ap);
    return fail(r->err, status, "template: line %u: %s", r->line, text);
}

int render_fail(struct render *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fail_with(r, CORAX_E_ARGS, fmt, ap);
    va_end(ap);
    return -1;
}

int render_limit(struct render *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fail_with(r, CORAX_E_LIMIT, fmt, ap);
    va_end(ap);
    return -1;
}

int render_steps(struct render *r, size_t n)
{
    if (n > r->max_steps - r->n_steps)
        return render_limit(r, "more than %zu steps", r->max_steps);
    r->n_steps += n;
    return 0;
}

void *render_alloc(struct render *r, size_t n, size_t size)
{
    size_t bytes;
    void *p = NULL;

    if (!__builtin_mul_overflow(n, size, &bytes))
        p = arena_alloc(r->arena, bytes);
    if (!p)
        render_limit(r, "more than %zu bytes of values, or no memory", r->options->max_bytes);
    return p;
}

/* --- making values -------------------------------------------------------------------------------------------------- */

struct value value_none(void)
{
    return (struct value){ .kind = V_NONE };
}

struct value value_missing(void)
{
    return (struct value){ .kind = V_MISSING };
}

struct value value_bool(bool b)
{
    return (struct value){ .kind = V_BOOL, .b = b };
}

struct value value_int(int64_t i)
{
    return (struct value){ .kind = V_INT, .i = i };
}

struct value value_float(double f)
{
    return (struct value){ .kind = V_FLOAT, .f = f };
}

struct value value_undefined(void)
{
    return (struct value){ .kind = V_UNDEFINED };
}

struct value value_string(const struct text *t)
{
    return (struct value){ .kind = V_STRING, .text = t };
}

struct value value_list(const struct list *l)
{
    return (struct value){ .kind = V_LIST, .list = l };
}

struct value value_tuple(const struct list *l)
{
    return (struct value){ .kind = V_TUPLE, .list = l };
}

int value_literal(struct render *r, const char *s, struct value *out)
{
    struct text *t = render_alloc(r, 1, sizeof *t);

    if (!t)
        return -1;
    *t = (struct text){ .s = s, .len = strlen(s), .n_chars = strlen(s) };
    *out = value_string(t);
    return 0;
}

int value_undefine(struct render *r, struct value *out, const char *why, ...)
{
    struct undefined *u = render_alloc(r, 1, sizeof *u);
    char text[200];
    va_list ap;

    va_start(ap, why);
    vsnprintf(text, sizeof text, why, ap);
    va_end(ap);
    if (!u)
        return -1;
    u->why = arena_strndup(r->arena, text, strlen(text));
    *out = (struct value){ .kind = V_UNDEFINED, .undefined = u };
    return u->why ? 0 : render_limit(r, "more than %zu bytes of values, or no memory", r->options->max_bytes);
}

int list_value(struct render *r, const struct value *items, size_t n, enum value_kind kind, struct value *out)
{
    struct list *l = render_alloc(r, 1, sizeof *l);
    struct value *copy = n ? render_alloc(r, n, sizeof *copy) : NULL;

    if (!l || (n && !copy) || render_steps(r, 1 + n / 8) < 0)
        return -1;
    if (n)
        memcpy(copy, items, n * sizeof *copy);
    *l = (struct list){ .items = copy, .n = n };
    *out = kind == V_TUPLE ? value_tuple(l) : value_list(l);
    return 0;
}

int pair_value(struct render *r, const struct value *a, const struct value *b, struct value *out)
{
    struct value items[2] = { *a, *b };

    return list_value(r, items, 2, V_TUPLE, out);
}

static int number_from_json(struct render *r, const struct json *j, struct value *out)
{
    const char *digits = json_digits(j);
    const struct text *t;

    if (text_copy(r, digits, strlen(digits), false, &t) < 0)
        return -1;
    if (strpbrk(digits, ".eE")) {
        *out = value_float(json_number(j, digits[0] == '-' ? -HUGE_VAL : HUGE_VAL));
    } else if (int_parse(t, 10, &out->i) == 1) {
        *out = value_int(out->i);
    } else {
        *out = value_string(t);
        out->kind = V_BIG;
    }
    return 0;
}

static int list_from_json(struct render *r, const struct json *j, bool data, struct value *out)
{
    size_t n = json_count(j), i = 0;
    struct list *l = render_alloc(r, 1, sizeof *l);
    struct value *items = n ? render_alloc(r, n, sizeof *items) : NULL;

    if (!l || (n && !items))
        return -1;
    for (j = json_first(j); j; j = json_next(j))
        if (value_from_json(r, j, data, &items[i++]) < 0)
            return -1;
    *l = (struct list){ .items = items, .n = n };
    *out = value_list(l);
    return 0;
}

static int dict_from_json(struct render *r, const struct json *j, bool data, struct value *out)
{
    struct dict *d = dict_create(r, json_count(j));

    if (!d)
        return -1;
    for (j = json_first(j); j; j = json_next(j)) {
        const char *name = json_key(j);
        const struct text *t;
        struct value key, value;

        if (text_copy(r, name, strlen(name), data, &t) < 0 || value_from_json(r, j, data, &value) < 0)
            return -1;
        key = value_string(t);
        if (dict_set(r, d, &key, &value) < 0)
            return -1;
    }
    *out = (struct value){ .kind = V_DICT, .dict = d };
    return 0;
}

int value_from_json(struct render *r, const struct json *j, bool data, struct value *out)
{
    const struct text *t;
    int rc = 0;

    switch (json_kind(j)) {
    case JSON_BOOL:
        *out = value_bool(json_bool(j, false));
        break;
    case JSON_NUMBER:
        rc = number_from_json(r, j, out);
        break;
    case JSON_STRING:
        rc = text_copy(r, json_text(j), strlen(json_text(j)), data, &t);
        if (rc == 0)
            *out = value_string(t);
        break;
    case JSON_ARRAY:
        rc = list_from_json(r, j, data, out);
        break;
    case JSON_OBJECT:
        rc = dict_from_json(r, j, data, out);
        break;
    default:
        *out = value_none();
        break;
    }
    if (rc == 0)
        out->data = data;
    return rc;
}

/* --- what values are ------------------------------------------------------------------------------------------------ */

const char *value_type(const struct value *v)
{
    static const char *const names[] = {
        [V_MISSING] = "missing",      [V_UNDEFINED] = "Undefined", [V_NONE] = "NoneType",
        [V_BOOL] = "bool",            [V_INT] = "int",             [V_BIG] = "int",
        [V_FLOAT] = "float",          [V_STRING] = "str",          [V_LIST] = "list",
        [V_TUPLE] = "tuple",          [V_DICT] = "dict",           [V_RANGE] = "range",
        [V_VIEW] = "dict_keys",       [V_ITERATOR] = "generator",  [V_NAMESPACE] = "Namespace",
        [V_MACRO] = "Macro",          [V_FUNCTION] = "function",   [V_METHOD] = "method",
        [V_LOOP] = "LoopContext",     [V_CYCLER] = "Cycler",       [V_JOINER] = "Joiner",
    };

    if (v->kind == V_STRING && v->text->safe)
        return "Markup";
    if (v->kind == V_ITERATOR)
        return v->iterator->type;
    if (v->kind == V_VIEW)
        return v->view->kind == VIEW_KEYS ? "dict_keys" : v->view->kind == VIEW_VALUES ? "dict_values" : "dict_items";
    return names[v->kind];
}

bool value_is_number(const struct value *v)
{
    return v->kind == V_BOOL || v->kind == V_INT || v->kind == V_FLOAT;
}

bool value_is_whole(const struct value *v)
{
    return v->kind == V_BOOL || v->kind == V_INT;
}

int64_t value_whole(const struct value *v)
{
    return v->kind == V_BOOL ? v->b : v->i;
}

double value_double(const struct value *v)
{
    return v->kind == V_FLOAT ? v->f : (double)value_whole(v);
}

bool value_is_string(const struct value *v, const char *s)
{
    return v->kind == V_STRING && text_is(v->text, s);
}

bool value_is_iterable(const struct value *v)
{
    switch (v->kind) {
    case V_UNDEFINED:
    case V_STRING:
    case V_LIST:
    case V_TUPLE:
    case V_DICT:
    case V_RANGE:
    case V_VIEW:
    case V_ITERATOR:
    case V_LOOP:
        return true;
    default:
        return false;
    }
}

bool value_has_length(const struct value *v)
{
    return value_is_iterable(v) && v->kind != V_ITERATOR;
}

int value_length(struct render *r, const struct value *v, size_t *out)
{
    struct value length;
    struct text name = { .s = "length", .len = 6, .n_chars = 6 };

    switch (v->kind) {
    case V_UNDEFINED:
        *out = 0;
        return 0;
    case V_STRING:
        *out = v->text->n_chars;
        return 0;
    case V_LIST:
    case V_TUPLE:
        *out = v->list->n;
        return 0;
    case V_DICT:
        *out = v->dict->n;
        return 0;
    case V_RANGE:
        *out = v->range->n;
        return 0;
    case V_VIEW:
        *out = v->view->dict->n;
        return 0;
    case V_LOOP:
        if (value_own_attribute(r, v, &name, &length) < 0)
            return -1;
        *out = (size_t)length.i;
        return 0;
    default:
        return render_fail(r, "object of type '%s' has no len()", value_type(v));
    }
}

int value_truth(struct render *r, const struct value *v)
{
    size_t n;

    switch (v->kind) {
    case V_UNDEFINED:
    case V_NONE:
    case V_MISSING:
        return 0;
    case V_BOOL:
        return v->b;
    case V_INT:
        return v->i != 0;
    case V_FLOAT:
        return v->f != 0;
    default:
        break;
    }
    if (!value_has_length(v))
        return 1;
    return value_length(r, v, &n) < 0 ? -1 : n > 0;
}

static bool is_number(const struct value *v)
{
    return value_is_number(v) || v->kind == V_BIG;
}

bool value_same(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case V_UNDEFINED:
        return a->undefined && a->undefined == b->undefined;
    case V_NONE:
        return true;
    case V_BOOL:
        return a->b == b->b;
    case V_INT: /* Python keeps one object each of these few */
        return a->i == b->i && a->i >= -5 && a->i <= 256;
    case V_FLOAT:
        return false;
    case V_STRING:
        return a->text == b->text || (a->text->len <= 1 && text_equal(a->text, b->text));
    default:
        return a->dict == b->dict;
    }
}

/* --- equality and order --------------------------------------------------------------------------------------------- */

static int enter(struct render *r)
{
    if (r->depth >= r->max_depth)
        return render_limit(r, "more than %u calls and expressions within each other", r->max_depth);
    r->depth++;
    return render_steps(r, 1);
}

/* An int against a float, without rounding the int: <0, 0, >0; 2 for NaN. */
static int order_mixed(int64_t i, double f)
{
    int64_t whole;

    if (isnan(f))
        return 2;
    if (f >= 9223372036854775808.0)
        return -1;
    if (f < -9223372036854775808.0)
        return 1;
    whole = (int64_t)f;
    if (i != whole)
        return i < whole ? -1 : 1;
    return f > (double)whole ? -1 : f < (double)whole;
}

static int order_big(const struct value *a, const struct value *b)
{
    bool a_negative = a->kind == V_BIG ? a->text->s[0] == '-' : false, b_negative = b->kind == V_BIG && b->text->s[0] == '-';

    if (a->kind != V_BIG)
        return b_negative ? 1 : -1;
    if (b->kind != V_BIG)
        return a_negative ? -1 : 1;
    if (a_negative != b_negative)
        return a_negative ? -1 : 1;
    if (a->text->len != b->text->len)
        return (a->text->len < b->text->len) != a_negative ? -1 : 1;
    return a_negative ? text_order(b->text, a->text) : text_order(a->text, b->text);
}

/* <0, 0, >0; 2: not ordered (NaN). */
static int order_numbers(const struct value *a, const struct value *b)
{
    if (a->kind == V_BIG || b->kind == V_BIG)
        return order_big(a, b);
    if (a->kind == V_FLOAT && b->kind == V_FLOAT)
        return isnan(a->f) || isnan(b->f) ? 2 : (a->f > b->f) - (a->f < b->f);
    if (a->kind == V_FLOAT) {
        int order = order_mixed(value_whole(b), a->f);

        return order == 2 ? 2 : -order;
    }
    if (b->kind == V_FLOAT)
        return order_mixed(value_whole(a), b->f);
    return (value_whole(a) > value_whole(b)) - (value_whole(a) < value_whole(b));
}

static int equal_lists(struct render *r, const struct list *a, const struct list *b)
{
    if (a->n != b->n)
        return 0;
    for (size_t i = 0; i < a->n; i++) {
        int same = value_same(&a->items[i], &b->items[i]) ? 1 : value_equal(r, &a->items[i], &b->items[i]);

        if (same != 1)
            return same;
    }
    return 1;
}

static int equal_dicts(struct render *r, const struct dict *a, const struct dict *b)
{
    if (a->n != b->n)
        return 0;
    for (size_t i = 0; i < a->n; i++) {
        struct value other;
        int same = dict_get(r, b, &a->keys[i], &other);

        if (same == 1)
            same = value_equal(r, &a->values[i], &other);
        if (same != 1)
            return same;
    }
    return 1;
}

static int equal_ranges(const struct range *a, const struct range *b)
{
    return a->n == b->n && (a->n == 0 || (a->start == b->start && (a->n == 1 || a->step == b->step)));
}

static int equal(struct render *r, const struct value *a, const struct value *b)
{
    if (is_number(a) && is_number(b))
        return order_numbers(a, b) == 0;
    if (a->kind != b->kind)
        return 0;
    switch (a->kind) {
    case V_UNDEFINED:
    case V_NONE:
        return 1;
    case V_STRING:
        return render_steps(r, a->text->len / 64) < 0 ? -1 : text_equal(a->text, b->text);
    case V_LIST:
    case V_TUPLE:
        return equal_lists(r, a->list, b->list);
    case V_DICT:
        return equal_dicts(r, a->dict, b->dict);
    case V_RANGE:
        return equal_ranges(a->range, b->range);
    default:
        return a->dict == b->dict;
    }
}

int value_equal(struct render *r, const struct value *a, const struct value *b)
{
    int rc;

    if (enter(r) < 0)
        return -1;
    rc = equal(r, a, b);
    r->depth--;
    return rc;
}

static int fail_order(struct render *r, const struct value *a, const struct value *b, const char *op)
{
    const struct value *u = a->kind == V_UNDEFINED ? a : b;

    if (u->kind == V_UNDEFINED)
        return render_fail(r, "%s", u->undefined ? u->undefined->why : "a value is undefined");
    return render_fail(r, "'%s' not supported between instances of '%s' and '%s'", op, value_type(a), value_type(b));
}

static int compare_lists(struct render *r, const struct list *a, const struct list *b, const char *op, int *out)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        int same = value_equal(r, &a->items[i], &b->items[i]);

        if (same < 0)
            return -1;
        if (!same)
            return value_compare(r, &a->items[i], &b->items[i], op, out);
    }
    *out = (a->n > b->n) - (a->n < b->n);
    return 0;
}

int value_compare(struct render *r, const struct value *a, const struct value *b, const char *op, int *out)
{
    int rc = 0;

    if (enter(r) < 0)
        return -1;
    if (is_number(a) && is_number(b))
        *out = order_numbers(a, b);
    else if (a->kind != b->kind)
        rc = fail_order(r, a, b, op);
    else if (a->kind == V_STRING)
        *out = text_order(a->text, b->text);
    else if (a->kind == V_LIST || a->kind == V_TUPLE)
        rc = compare_lists(r, a->list, b->list, op, out);
    else
        rc = fail_order(r, a, b, op);
    r->depth--;
    return rc;
}

static int contains_item(struct render *r, const struct value *container, const struct value *item)
{
    struct iterator it;
    struct value v;
    int rc;

    if (iterate(r, container, &it) < 0)
        return -1;
    while ((rc = iterator_next(r, container->kind == V_ITERATOR ? container->iterator : &it, &v)) == 1) {
        rc = value_same(&v, item) ? 1 : value_equal(r, &v, item);
        if (rc != 0)
            return rc;
    }
    return rc;
}

int value_contains(struct render *r, const struct value *container, const struct value *item)
{
    struct value ignored;

    switch (container->kind) {
    case V_STRING:
        if (item->kind != V_STRING)
            return render_fail(r, "'in <string>' requires string as left operand, not %s", value_type(item));
        if (render_steps(r, container->text->len / 64) < 0)
            return -1;
        return text_find(container->text, item->text, 0, container->text->len) != NOT_FOUND;
    case V_DICT:
        return dict_get(r, container->dict, item, &ignored);
    case V_VIEW:
        if (container->view->kind == VIEW_KEYS)
            return dict_get(r, container->view->dict, item, &ignored);
        return contains_item(r, container, item);
    default:
        if (!value_is_iterable(container))
            return render_fail(r, "argument of type '%s' is not iterable", value_type(container));
        return contains_item(r, container, item);
    }
}

/* --- dicts ---------------------------------------------------------------------------------------------------------- */

#define FEW 8 /* keys that are looked at one after the other */

static uint64_t hash_bytes(const char *s, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

static uint64_t hash_number(const struct value *v)
{
    int64_t whole;

    if (v->kind == V_FLOAT && !(fabs(v->f) < 9e18 && v->f == (double)(int64_t)v->f))
        return hash_bytes((const char *)&v->f, sizeof v->f);
    whole = v->kind == V_FLOAT ? (int64_t)v->f : value_whole(v);
    return hash_bytes((const char *)&whole, sizeof whole);
}

bool value_hashable(const struct value *v)
{
    if (v->kind == V_LIST || v->kind == V_DICT || (v->kind == V_VIEW && v->view->kind != VIEW_VALUES))
        return false;
    for (size_t i = 0; v->kind == V_TUPLE && i < v->list->n; i++)
        if (!value_hashable(&v->list->items[i]))
            return false;
    return true;
}

static int hash(struct render *r, const struct value *v, uint64_t *out)
{
    uint64_t part;

    switch (v->kind) {
    case V_BOOL:
    case V_INT:
    case V_FLOAT:
        *out = hash_number(v);
        return 0;
    case V_STRING:
    case V_BIG:
        *out = hash_bytes(v->text->s, v->text->len);
        return render_steps(r, v->text->len / 64);
    case V_TUPLE:
        *out = v->list->n;
        for (size_t i = 0; i < v->list->n; i++) {
            if (value_hash(r, &v->list->items[i], &part) < 0)
                return -1;
            *out = (*out ^ part) * 0x100000001b3u;
        }
        return 0;
    case V_UNDEFINED:
    case V_NONE:
    case V_RANGE:
        *out = v->kind;
        return 0;
    default:
        if (!value_hashable(v))
            return render_fail(r, "unhashable type: '%s'", value_type(v));
        *out = hash_bytes((const char *)&v->dict, sizeof v->dict);
        return 0;
    }
}

int value_hash(struct render *r, const struct value *v, uint64_t *out)
{
    int rc;

    if (enter(r) < 0)
        return -1;
    rc = hash(r, v, out);
    r->depth--;
    return rc;
}

struct dict *dict_create(struct render *r, size_t n)
{
    struct dict *d = render_alloc(r, 1, sizeof *d);

    if (!d || n == 0)
        return d;
    d->keys = render_alloc(r, n, sizeof *d->keys);
    d->values = render_alloc(r, n, sizeof *d->values);
    d->cap = n;
    return d->keys && d->values ? d : NULL;
}

static int index_keys(struct render *r, struct dict *d)
{
    size_t n_slots = 32;

    while (n_slots < 4 * d->n)
        n_slots *= 2;
    d->slots = render_alloc(r, n_slots, sizeof *d->slots);
    if (!d->slots || render_steps(r, d->n) < 0)
        return -1;
    d->n_slots = n_slots;
    for (size_t i = 0; i < d->n; i++) {
        uint64_t h;
        size_t slot;

        if (value_hash(r, &d->keys[i], &h) < 0)
            return -1;
        for (slot = h & (n_slots - 1); d->slots[slot]; slot = (slot + 1) & (n_slots - 1))
            ;
        d->slots[slot] = (uint32_t)i + 1;
    }
    return 0;
}

/* 1: a key equal to this one is at *at; 0; -1. */
static int find_key(struct render *r, const struct dict *d, const struct value *key, size_t *at)
{
    uint64_t h = 0;
    int rc;

    *at = 0;
    if (!d->slots) {
        if (!value_hashable(key))
            return value_hash(r, key, &h);
        for (; *at < d->n; ++*at) {
            rc = value_equal(r, &d->keys[*at], key);
            if (rc != 0)
                return rc;
        }
        return 0;
    }
    if (value_hash(r, key, &h) < 0)
        return -1;
    for (size_t slot = h & (d->n_slots - 1); d->slots[slot]; slot = (slot + 1) & (d->n_slots - 1)) {
        *at = d->slots[slot] - 1;
        rc = value_equal(r, &d->keys[*at], key);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int grow_dict(struct render *r, struct dict *d)
{
    size_t cap = d->cap ? 2 * d->cap : 4;
    struct value *keys = render_alloc(r, cap, sizeof *keys), *values = render_alloc(r, cap, sizeof *values);

    if (!keys || !values)
        return -1;
    if (d->n) {
        memcpy(keys, d->keys, d->n * sizeof *keys);
        memcpy(values, d->values, d->n * sizeof *values);
    }
    d->keys = keys;
    d->values = values;
    d->cap = cap;
    return 0;
}

int dict_set(struct render *r, struct dict *d, const struct value *key, const struct value *value)
{
    size_t at;
    uint64_t h;
    int found = find_key(r, d, key, &at);

    if (found < 0)
        return -1;
    if (found) {
        d->values[at] = *value;
        return 0;
    }
    if (d->n == UINT32_MAX - 1 || (d->n == d->cap && grow_dict(r, d) < 0))
        return -1;
    d->keys[d->n] = *key;
    d->values[d->n++] = *value;
    if (d->n > FEW && (!d->slots || 2 * d->n > d->n_slots))
        return index_keys(r, d);
    if (!d->slots)
        return 0;
    if (value_hash(r, key, &h) < 0)
        return -1;
    for (at = h & (d->n_slots - 1); d->slots[at]; at = (at + 1) & (d->n_slots - 1))
        ;
    d->slots[at] = (uint32_t)d->n;
    return 0;
}

int dict_get(struct render *r, const struct dict *d, const struct value *key, struct value *out)
{
    size_t at;
    int found = find_key(r, d, key, &at);

    if (found == 1)
        *out = d->values[at];
    return found;
}

const struct value *dict_find(const struct dict *d, const char *s, size_t len)
{
    const struct text name = { .s = s, .len = len };

    if (!d->slots) {
        for (size_t i = 0; i < d->n; i++)
            if (d->keys[i].kind == V_STRING && text_equal(d->keys[i].text, &name))
                return &d->values[i];
        return NULL;
    }
    for (size_t slot = hash_bytes(s, len) & (d->n_slots - 1); d->slots[slot]; slot = (slot + 1) & (d->n_slots - 1)) {
        size_t at = d->slots[slot] - 1;

        if (d->keys[at].kind == V_STRING && text_equal(d->keys[at].text, &name))
            return &d->values[at];
    }
    return NULL;
}
