/* Filters that work on lists and single values; those that give iterators are as lazy as Python's. */
#include "infer/jinja_case.h"
#include "infer/jinja_filters.h"
#include "infer/jinja_tree.h"

#include <math.h>
#include <string.h>

#define FILTER(name) \
    static int filter_##name(struct render *r, const struct value *self, const struct call *call, struct value *out)
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* --- keys ----------------------------------------------------------------------------------------------------------- */

/* What items are sorted, grouped and told apart by. */
struct key {
    const struct value *path; /* V_MISSING: the item itself */
    const struct value *otherwise;
    bool case_sensitive, several; /* several: a list, of one key for each of the paths between commas */
};

static int fold_case(struct render *r, const struct key *k, struct value *v)
{
    if (k->case_sensitive || v->kind != V_STRING)
        return 0;
    return text_change_case(r, v->text, CHANGE_LOWER, v);
}

static int one_key(struct render *r, const struct key *k, const struct value *path, const struct value *item,
                   struct value *out)
{
    return attribute_path(r, path, item, k->otherwise, out) < 0 ? -1 : fold_case(r, k, out);
}

static int key_of(struct render *r, void *state, const struct value *item, struct value *out)
{
    const struct key *k = state;
    const struct text *t;
    struct value keys[16];
    size_t n = 0, from = 0;

    if (!k->several)
        return one_key(r, k, k->path, item, out);
    if (k->path->kind != V_STRING) {
        if (one_key(r, k, k->path, item, &keys[0]) < 0)
            return -1;
        return list_value(r, keys, 1, V_LIST, out);
    }
    for (t = k->path->text; from <= t->len; n++) {
        const char *comma = memchr(t->s + from, ',', t->len - from);
        size_t to = comma ? (size_t)(comma - t->s) : t->len;
        struct value path;

        if (n == COUNT(keys))
            return render_limit(r, "sorting by more than %zu attributes", COUNT(keys));
        if (text_slice_value(r, t, from, to, &path) < 0 || one_key(r, k, &path, item, &keys[n]) < 0)
            return -1;
        from = to + 1;
    }
    return list_value(r, keys, n, V_LIST, out);
}

static int make_key(struct render *r, const struct value *path, const struct value *case_sensitive, struct key *out)
{
    int sensitive = argument_bool(r, case_sensitive, false);

    *out = (struct key){ .path = path, .case_sensitive = sensitive };
    return sensitive < 0 ? -1 : 0;
}

/* --- order ---------------------------------------------------------------------------------------------------------- */

FILTER(sort)
{
    const struct list *items, *sorted;
    struct key key;
    int reverse = argument_bool(r, &call->arg[0], false);
    struct sort_order order = { .key = key_of, .state = &key, .reverse = reverse };

    if (reverse < 0 || make_key(r, &call->arg[2], &call->arg[1], &key) < 0)
        return -1;
    key.several = true;
    if (value_items(r, self, &items) < 0 || list_sort(r, items, &order, &sorted) < 0)
        return -1;
    *out = value_list(sorted);
    return 0;
}

struct pair_key {
    struct key key;
    size_t which;
};

static int key_of_pair(struct render *r, void *state, const struct value *item, struct value *out)
{
    struct pair_key *k = state;

    *out = item->list->items[k->which];
    return fold_case(r, &k->key, out);
}

FILTER(dictsort)
{
    struct pair_key key = { .which = 0 };
    const struct value missing = value_missing();
    int reverse = argument_bool(r, &call->arg[2], false);
    struct sort_order order = { .key = key_of_pair, .state = &key, .reverse = reverse };
    struct view view = { .kind = VIEW_ITEMS };
    struct value items = { .kind = V_VIEW, .view = &view };
    const struct list *list;

    if (reverse < 0 || make_key(r, &missing, &call->arg[0], &key.key) < 0)
        return -1;
    if (call->arg[1].kind != V_MISSING && !value_is_string(&call->arg[1], "key")) {
        if (!value_is_string(&call->arg[1], "value"))
            return render_fail(r, "You can only sort by either \"key\" or \"value\"");
        key.which = 1;
    }
    if (self->kind != V_DICT)
        return render_fail(r, "dictsort: a dict is needed, not %s", value_type(self));
    view.dict = self->dict;
    view.data = self->data;
    if (value_items(r, &items, &list) < 0 || list_sort(r, list, &order, &list) < 0)
        return -1;
    *out = value_list(list);
    return 0;
}

static int extreme(struct render *r, const struct value *self, const struct call *call, int sign, struct value *out)
{
    const struct list *items;
    struct key key;
    struct value best, other;

    if (make_key(r, &call->arg[1], &call->arg[0], &key) < 0 || value_items(r, self, &items) < 0)
        return -1;
    if (items->n == 0)
        return value_undefine(r, out, "No aggregated item, sequence was empty.");
    *out = items->items[0];
    if (key_of(r, &key, out, &best) < 0)
        return -1;
    for (size_t i = 1; i < items->n; i++) {
        int order;

        if (key_of(r, &key, &items->items[i], &other) < 0 ||
            value_compare(r, &other, &best, sign < 0 ? "<" : ">", &order) < 0)
            return -1;
        if (order == 2 || (sign < 0 ? order >= 0 : order <= 0))
            continue;
        best = other;
        *out = items->items[i];
    }
    return 0;
}

FILTER(min)
{
    return extreme(r, self, call, -1, out);
}

FILTER(max)
{
    return extreme(r, self, call, 1, out);
}

static int end_group(struct render *r, const struct value *items, size_t n, const struct value *key, struct value *out)
{
    struct value pair[2] = { *key };
    struct list *group;

    if (list_value(r, items, n, V_LIST, &pair[1]) < 0 || list_value(r, pair, 2, V_TUPLE, out) < 0)
        return -1;
    group = render_alloc(r, 1, sizeof *group);
    if (!group)
        return -1;
    *group = *out->list;
    group->is_group = true;
    out->list = group;
    return 0;
}

FILTER(groupby)
{
    const struct list *items, *sorted;
    struct key key, exact;
    struct sort_order order = { .key = key_of, .state = &key };
    struct value *groups, before = value_missing(), now, name;
    size_t n = 0, from = 0;

    if (make_key(r, &call->arg[0], &call->arg[2], &key) < 0)
        return -1;
    key.otherwise = &call->arg[1];
    exact = key;
    exact.case_sensitive = true;
    if (value_items(r, self, &items) < 0 || list_sort(r, items, &order, &sorted) < 0)
        return -1;
    groups = render_alloc(r, sorted->n + 1, sizeof *groups);
    if (!groups)
        return -1;
    for (size_t i = 0; i <= sorted->n; i++) {
        int same = 0;

        if (i < sorted->n) {
            if (key_of(r, &key, &sorted->items[i], &now) < 0)
                return -1;
            same = i ? value_equal(r, &before, &now) : 1;
            before = now;
        }
        if (same < 0)
            return -1;
        if (same || i == 0)
            continue;
        if (key_of(r, &exact, &sorted->items[from], &name) < 0 ||
            end_group(r, &sorted->items[from], i - from, &name, &groups[n++]) < 0)
            return -1;
        from = i;
    }
    return list_value(r, groups, n, V_LIST, out);
}

/* --- lazy ones ------------------------------------------------------------------------------------------------------ */

struct lazy {
    const struct builtin *filter, *test;
    const struct value *name; /* of either, for the error where there is none */
    struct arguments args;
    struct key key;
    struct value path, otherwise, fill;
    bool inverse, by_path;
    int64_t n;
    struct value *batch;
    struct dict *seen;
    const struct list *items;
};

static struct lazy *lazy_new(struct render *r, const struct value *self, struct iterator *it, const char *type)
{
    struct lazy *l = render_alloc(r, 1, sizeof *l);

    *it = (struct iterator){ .source = *self, .type = type, .state = l };
    return l;
}

/* Begins with the source, at the first item: what it is not is told only then. */
static int lazy_start(struct render *r, struct iterator *it)
{
    if (it->from)
        return 0;
    it->from = render_alloc(r, 1, sizeof *it->from);
    return it->from ? iterate(r, &it->source, it->from) : -1;
}

/* Arguments from the first on, as values of the arena's. */
static int keep_arguments(struct render *r, const struct arguments *given, size_t first, struct arguments *out)
{
    struct value items, named;

    *out = *given;
    if (list_value(r, given->items + first, given->n - first, V_LIST, &items) < 0 ||
        list_value(r, given->named, given->n_named, V_LIST, &named) < 0)
        return -1;
    out->items = items.list->items;
    out->n = items.list->n;
    out->named = named.list->items;
    return 0;
}

static int no_such(struct render *r, const char *what, const struct value *name)
{
    if (name->kind != V_STRING)
        return render_fail(r, "there is no such %s", what);
    return render_fail(r, "there is no %s named %.*s", what, (int)(name->text->len > 80 ? 80 : name->text->len), name->text->s);
}

static int next_mapped(struct render *r, struct iterator *it, struct value *out)
{
    struct lazy *l = it->state;
    struct value item;
    int rc = lazy_start(r, it) < 0 ? -1 : iterator_next(r, it->from, &item);

    if (rc != 1)
        return rc;
    if (l->by_path)
        return attribute_path(r, &l->path, &item, &l->otherwise, out) < 0 ? -1 : 1;
    if (!l->filter)
        return no_such(r, "filter", &l->path);
    return builtin_call(r, l->filter, &item, &l->args, out) < 0 ? -1 : 1;
}

static const struct value *named_argument(const struct arguments *given, const char *name)
{
    for (size_t i = 0; i < given->n_named; i++)
        if (text_is(given->names[i], name))
            return &given->named[i];
    return NULL;
}

/* 1: nothing will come of it, as of an empty list; 0; -1. */
static int is_empty(struct render *r, const struct value *self)
{
    int truth = value_truth(r, self);

    return truth < 0 ? -1 : !truth;
}

static int next_failing(struct render *r, struct iterator *it, struct value *out)
{
    (void)out;
    return render_fail(r, "%s", (const char *)it->state);
}

static int next_none(struct render *r, struct iterator *it, struct value *out)
{
    (void)r;
    (void)it;
    (void)out;
    return 0;
}

/* An iterator that fails when it is used: arguments are only looked at then. */
static int failing(struct render *r, struct iterator *it, char *why, struct value *out)
{
    it->next = next_failing;
    it->state = why;
    return iterator_value(r, it, out);
}

static int set_map(struct render *r, struct lazy *l, const struct arguments *given, char **why)
{
    static char needs[] = "map requires a filter argument", unexpected[] = "map: unexpected named argument";
    const struct value *path = named_argument(given, "attribute"), *otherwise = named_argument(given, "default");

    *why = NULL;
    if (given->n == 0 && path) {
        if (given->n_named > 1u + (otherwise != NULL)) {
            *why = unexpected;
            return 0;
        }
        l->by_path = true;
        l->path = *path;
        l->otherwise = otherwise ? *otherwise : value_missing();
        return 0;
    }
    if (given->n == 0) {
        *why = needs;
        return 0;
    }
    l->path = given->items[0];
    if (l->path.kind == V_STRING)
        l->filter = filter_find(l->path.text->s, l->path.text->len);
    return keep_arguments(r, given, 1, &l->args);
}

FILTER(map)
{
    struct iterator it;
    struct lazy *l = lazy_new(r, self, &it, "generator");
    char *why = NULL;
    int empty = is_empty(r, self);

    if (!l || empty < 0)
        return -1;
    it.next = empty ? next_none : next_mapped;
    if (empty)
        return iterator_value(r, &it, out);
    if (set_map(r, l, call->given, &why) < 0)
        return -1;
    if (why)
        return failing(r, &it, why, out);
    return iterator_value(r, &it, out);
}

static int is_selected(struct render *r, struct lazy *l, const struct value *item)
{
    struct value subject = *item, result;

    if (l->by_path && attribute_path(r, &l->path, item, NULL, &subject) < 0)
        return -1;
    if (!l->name)
        return value_truth(r, &subject);
    if (!l->test)
        return no_such(r, "test", l->name);
    if (builtin_call(r, l->test, &subject, &l->args, &result) < 0)
        return -1;
    return value_truth(r, &result);
}

static int next_selected(struct render *r, struct iterator *it, struct value *out)
{
    struct lazy *l = it->state;
    int rc = lazy_start(r, it);

    while (rc == 0) {
        rc = iterator_next(r, it->from, out);
        if (rc != 1)
            return rc;
        rc = is_selected(r, l, out);
        if (rc >= 0)
            rc = rc != l->inverse;
    }
    return rc;
}

static int select_items(struct render *r, const struct value *self, const struct arguments *given, bool by_path, bool inverse,
                        struct value *out)
{
    static char missing[] = "Missing parameter for attribute name";
    struct iterator it;
    struct lazy *l = lazy_new(r, self, &it, "generator");
    struct value *name;
    int empty = is_empty(r, self);

    if (!l || empty < 0)
        return -1;
    it.next = empty ? next_none : next_selected;
    if (empty)
        return iterator_value(r, &it, out);
    if (by_path && given->n == 0)
        return failing(r, &it, missing, out);
    l->by_path = by_path;
    l->inverse = inverse;
    if (by_path)
        l->path = given->items[0];
    if (given->n > by_path) {
        name = render_alloc(r, 1, sizeof *name);
        if (!name || keep_arguments(r, given, 1u + by_path, &l->args) < 0)
            return -1;
        *name = given->items[by_path];
        l->name = name;
        if (name->kind == V_STRING)
            l->test = test_find(name->text->s, name->text->len);
    }
    return iterator_value(r, &it, out);
}

FILTER(select)
{
    return select_items(r, self, call->given, false, false, out);
}

FILTER(reject)
{
    return select_items(r, self, call->given, false, true, out);
}

FILTER(selectattr)
{
    return select_items(r, self, call->given, true, false, out);
}

FILTER(rejectattr)
{
    return select_items(r, self, call->given, true, true, out);
}

static int next_unique(struct render *r, struct iterator *it, struct value *out)
{
    struct lazy *l = it->state;
    const struct value yes = value_bool(true);
    struct value key, ignored;
    int rc = lazy_start(r, it);

    while (rc == 0) {
        rc = iterator_next(r, it->from, out);
        if (rc != 1)
            return rc;
        if (key_of(r, &l->key, out, &key) < 0)
            return -1;
        rc = dict_get(r, l->seen, &key, &ignored);
        if (rc == 0)
            return dict_set(r, l->seen, &key, &yes) < 0 ? -1 : 1;
        rc = rc < 0 ? -1 : 0;
    }
    return rc;
}

FILTER(unique)
{
    struct iterator it;
    struct lazy *l = lazy_new(r, self, &it, "generator");

    if (!l || make_key(r, &call->arg[1], &call->arg[0], &l->key) < 0)
        return -1;
    l->path = call->arg[1];
    l->key.path = &l->path;
    l->seen = dict_create(r, 0);
    it.next = next_unique;
    return l->seen ? iterator_value(r, &it, out) : -1;
}

static int next_batch(struct render *r, struct iterator *it, struct value *out)
{
    struct lazy *l = it->state;
    struct value *items;
    int64_t n = 0, cap = 0;
    int rc = lazy_start(r, it);

    if (rc < 0)
        return -1;
    for (items = NULL;; n++) {
        struct value item;

        if (n == l->n && n > 0)
            break;
        rc = iterator_next(r, it->from, &item);
        if (rc < 0)
            return -1;
        if (rc == 0)
            break;
        if (n == cap) {
            struct value *more = render_alloc(r, (size_t)(cap ? 2 * cap : 8), sizeof *more);

            if (!more)
                return -1;
            if (n)
                memcpy(more, items, (size_t)n * sizeof *more);
            items = more;
            cap = cap ? 2 * cap : 8;
        }
        items[n] = item;
    }
    if (n == 0)
        return 0;
    if (l->fill.kind != V_MISSING && l->fill.kind != V_NONE && n < l->n) {
        struct value *filled = render_alloc(r, (size_t)l->n, sizeof *filled);

        if (!filled || render_steps(r, (size_t)l->n) < 0)
            return -1;
        memcpy(filled, items, (size_t)n * sizeof *filled);
        for (; n < l->n; n++)
            filled[n] = l->fill;
        items = filled;
    }
    return list_value(r, items, (size_t)n, V_LIST, out) < 0 ? -1 : 1;
}

static int batch_or_slice(struct render *r, const struct value *self, const struct call *call, const char *what,
                          int (*next)(struct render *, struct iterator *, struct value *), struct value *out)
{
    struct iterator it;
    struct lazy *l = lazy_new(r, self, &it, "generator");

    if (!l || argument_int(r, &call->arg[0], 0, what, &l->n) < 0)
        return -1;
    l->fill = call->arg[1];
    it.next = next;
    return iterator_value(r, &it, out);
}

FILTER(batch)
{
    return batch_or_slice(r, self, call, "batch", next_batch, out);
}

static int next_slice(struct render *r, struct iterator *it, struct value *out)
{
    struct lazy *l = it->state;
    struct value *items;
    size_t each, extra, i = it->at, from, n;

    if (!l->items && value_items(r, &it->source, &l->items) < 0)
        return -1;
    if (l->n == 0)
        return render_fail(r, "integer division or modulo by zero");
    if (l->n < 0 || i >= (uint64_t)l->n)
        return 0;
    each = l->items->n / (size_t)l->n;
    extra = l->items->n % (size_t)l->n;
    from = i * each + (i < extra ? i : extra);
    n = each + (i < extra);
    items = render_alloc(r, n + 1, sizeof *items);
    if (!items)
        return -1;
    if (n)
        memcpy(items, l->items->items + from, n * sizeof *items);
    if (l->fill.kind != V_MISSING && l->fill.kind != V_NONE && i >= extra)
        items[n++] = l->fill;
    it->at++;
    return list_value(r, items, n, V_LIST, out) < 0 ? -1 : 1;
}

FILTER(slice)
{
    return batch_or_slice(r, self, call, "slice", next_slice, out);
}

static int next_pair(struct render *r, struct iterator *it, struct value *out)
{
    const struct dict *d = it->source.dict;

    if (it->source.kind == V_UNDEFINED)
        return 0;
    if (it->source.kind != V_DICT)
        return render_fail(r, "Can only get item pairs from a mapping.");
    if (it->at >= d->n)
        return 0;
    it->at++;
    if (pair_value(r, &d->keys[it->at - 1], &d->values[it->at - 1], out) < 0)
        return -1;
    out->data = it->source.data;
    return 1;
}

FILTER(items)
{
    struct iterator it = { .next = next_pair, .source = *self, .type = "generator" };

    (void)call;
    return iterator_value(r, &it, out);
}

FILTER(reverse)
{
    struct iterator it;
    struct value part[3] = { value_missing(), value_missing(), value_int(-1) };
    const struct list *items;

    (void)call;
    if (self->kind == V_STRING)
        return value_slice(r, self, part, out);
    if (self->kind != V_ITERATOR && self->kind != V_LOOP)
        return iterator_reversed(r, self, &it) < 0 ? -1 : iterator_value(r, &it, out);
    if (value_items(r, self, &items) < 0 || iterator_reversed(r, &(struct value){ .kind = V_LIST, .list = items }, &it) < 0 ||
        iterator_collect(r, &it, &items) < 0)
        return -1;
    *out = value_list(items);
    return 0;
}

/* --- single results ------------------------------------------------------------------------------------------------- */

FILTER(first)
{
    struct iterator it;
    int rc = iterate(r, self, &it) < 0 ? -1 : iterator_next(r, &it, out);

    (void)call;
    return rc == 0 ? value_undefine(r, out, "No first item, sequence was empty.") : rc < 0 ? -1 : 0;
}

FILTER(last)
{
    struct iterator it;
    int rc = iterator_reversed(r, self, &it) < 0 ? -1 : iterator_next(r, &it, out);

    (void)call;
    return rc == 0 ? value_undefine(r, out, "No last item, sequence was empty.") : rc < 0 ? -1 : 0;
}

FILTER(length)
{
    size_t n;

    (void)call;
    if (value_length(r, self, &n) < 0)
        return -1;
    *out = value_int((int64_t)n);
    return 0;
}

FILTER(list)
{
    const struct list *items;

    (void)call;
    if (value_items(r, self, &items) < 0)
        return -1;
    *out = value_list(items);
    out->data = self->data;
    return 0;
}

FILTER(join)
{
    const struct text *between = NULL, *t;
    const struct list *items;
    struct builder b;

    if (call->arg[0].kind != V_MISSING && value_text(r, &call->arg[0], &between) < 0)
        return -1;
    if (value_items(r, self, &items) < 0)
        return -1;
    builder_init(&b, r);
    for (size_t i = 0; i < items->n; i++) {
        struct value item;

        if (attribute_path(r, &call->arg[1], &items->items[i], NULL, &item) < 0 || value_text(r, &item, &t) < 0)
            return -1;
        if (i && between)
            builder_text(&b, between);
        builder_text(&b, t);
    }
    return builder_value(&b, false, out);
}

FILTER(sum)
{
    const struct list *items;
    struct value item;

    *out = call->arg[1].kind == V_MISSING ? value_int(0) : call->arg[1];
    if (out->kind == V_STRING)
        return render_fail(r, "sum() can't sum strings");
    if (value_items(r, self, &items) < 0)
        return -1;
    for (size_t i = 0; i < items->n; i++)
        if (attribute_path(r, &call->arg[0], &items->items[i], NULL, &item) < 0 ||
            number_binary(r, O_ADD, out, &item, out) < 0)
            return -1;
    return 0;
}

FILTER(default)
{
    int boolean = argument_bool(r, &call->arg[1], false), use = self->kind == V_UNDEFINED;

    if (!use && boolean == 1) {
        use = value_truth(r, self);
        use = use < 0 ? -1 : !use;
    }
    if (boolean < 0 || use < 0)
        return -1;
    *out = *self;
    if (!use)
        return 0;
    *out = call->arg[0];
    return out->kind == V_MISSING ? value_literal(r, "", out) : 0;
}

FILTER(attr)
{
    const struct text *name;
    int rc;

    if (argument_text(r, &call->arg[0], "attr", &name) < 0)
        return -1;
    rc = value_own_attribute(r, self, name, out);
    return rc == 0 ? value_undefine(r, out, "there is no such attribute") : rc < 0 ? -1 : 0;
}

FILTER(abs)
{
    (void)call;
    if (!value_is_number(self))
        return render_fail(r, "bad operand type for abs(): '%s'", value_type(self));
    if (value_double(self) < 0)
        return number_negate(r, self, out);
    *out = self->kind == V_FLOAT ? value_float(fabs(self->f)) : value_int(value_whole(self));
    out->data = self->data;
    return 0;
}

static int fail_undefined(struct render *r, const struct value *v)
{
    return render_fail(r, "%s", v->undefined ? v->undefined->why : "a value is undefined");
}

/* A float without what is behind its point; 0 if it has no such integer. */
static int truncate_float(struct render *r, double f, struct value *out)
{
    if (isnan(f) || isinf(f))
        return 0;
    if (fabs(f) >= 9223372036854775808.0)
        return render_fail(r, "an integer of more than 64 bits");
    *out = value_int((int64_t)f);
    return 1;
}

FILTER(int)
{
    int64_t base, n;
    double f = NAN;
    int rc = 0;

    if (self->kind == V_UNDEFINED)
        return fail_undefined(r, self);
    if (argument_int(r, &call->arg[1], 10, "int", &base) < 0)
        return -1;
    *out = *self;
    if (self->kind == V_BIG || self->kind == V_INT)
        return 0;
    if (value_is_whole(self)) {
        *out = value_int(value_whole(self));
        return 0;
    }
    if (self->kind == V_STRING) {
        rc = int_parse(self->text, (int)(base < 0 || base > 36 ? 1 : base), &n);
        if (rc < 0)
            return render_fail(r, "an integer of more than 64 bits");
        *out = value_int(n);
        if (rc == 0 && float_parse(self->text, &f))
            rc = truncate_float(r, f, out);
    } else if (self->kind == V_FLOAT) {
        if (isinf(self->f))
            return render_fail(r, "cannot convert float infinity to integer");
        rc = truncate_float(r, self->f, out);
    }
    if (rc < 0)
        return -1;
    if (rc == 0)
        *out = call->arg[0].kind == V_MISSING ? value_int(0) : call->arg[0];
    else
        out->data = self->kind == V_STRING ? self->text->origin != ORIGIN_TEMPLATE : self->data;
    return 0;
}

FILTER(float)
{
    double f;

    if (self->kind == V_UNDEFINED)
        return fail_undefined(r, self);
    *out = call->arg[0].kind == V_MISSING ? value_float(0) : call->arg[0];
    if (value_is_number(self)) {
        *out = value_float(value_double(self));
        out->data = self->data;
    } else if (self->kind == V_STRING && float_parse(self->text, &f)) {
        *out = value_float(f);
        out->data = self->text->origin != ORIGIN_TEMPLATE;
    }
    return 0;
}

/* Up or down, at so many digits. */
static int round_to(struct render *r, const struct value *self, int64_t digits, bool up, struct value *out)
{
    double unit = pow(10, (double)(digits < -400 ? -400 : digits > 400 ? 400 : digits)), f = value_double(self) * unit;

    if (!isfinite(f) || unit == 0)
        return render_fail(r, "round: the number is too large");
    *out = value_float((up ? ceil(f) : floor(f)) / unit);
    if (out->f == 0)
        out->f = 0; /* Python goes by way of an integer, which has no -0 */
    out->data = self->data;
    return 0;
}

FILTER(round)
{
    int64_t digits;

    if (argument_int(r, &call->arg[0], 0, "round", &digits) < 0)
        return -1;
    if (call->arg[1].kind != V_MISSING && !value_is_string(&call->arg[1], "common") &&
        !value_is_string(&call->arg[1], "ceil") && !value_is_string(&call->arg[1], "floor"))
        return render_fail(r, "method must be common, ceil or floor");
    if (!value_is_number(self))
        return render_fail(r, "type %s doesn't define __round__ method", value_type(self));
    if (value_is_string(&call->arg[1], "ceil") || value_is_string(&call->arg[1], "floor"))
        return round_to(r, self, digits, value_is_string(&call->arg[1], "ceil"), out);
    if (number_round(r, self, digits, out) < 0)
        return -1;
    out->data = self->data;
    return 0;
}

const struct builtin *list_filter_find(const char *name, size_t len)
{
    static const struct builtin filters[] = {
        { "abs", "", 0, filter_abs },
        { "attr", "name", 1, filter_attr },
        { "batch", "linecount fill_with", 1, filter_batch },
        { "count", "", 0, filter_length },
        { "d", "default_value boolean", 0, filter_default },
        { "default", "default_value boolean", 0, filter_default },
        { "dictsort", "case_sensitive by reverse", 0, filter_dictsort },
        { "first", "", 0, filter_first },
        { "float", "default", 0, filter_float },
        { "groupby", "attribute default case_sensitive", 1, filter_groupby },
        { "int", "default base", 0, filter_int },
        { "items", "", 0, filter_items },
        { "join", "d attribute", 0, filter_join },
        { "last", "", 0, filter_last },
        { "length", "", 0, filter_length },
        { "list", "", 0, filter_list },
        { "map", NULL, 0, filter_map },
        { "max", "case_sensitive attribute", 0, filter_max },
        { "min", "case_sensitive attribute", 0, filter_min },
        { "reject", NULL, 0, filter_reject },
        { "rejectattr", NULL, 0, filter_rejectattr },
        { "reverse", "", 0, filter_reverse },
        { "round", "precision method", 0, filter_round },
        { "select", NULL, 0, filter_select },
        { "selectattr", NULL, 0, filter_selectattr },
        { "slice", "slices fill_with", 1, filter_slice },
        { "sort", "reverse case_sensitive attribute", 0, filter_sort },
        { "sum", "attribute start", 0, filter_sum },
        { "unique", "case_sensitive attribute", 0, filter_unique },
    };

    return builtin_find(filters, COUNT(filters), name, len);
}

const struct builtin *filter_find(const char *name, size_t len)
{
    const struct builtin *found = list_filter_find(name, len);

    return found ? found : text_filter_find(name, len);
}
