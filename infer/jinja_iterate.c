/* Iterators over values, Python's one-shot ones included; sorting. */
#include "infer/jinja_text.h"

#include <string.h>

#include "infer/jinja_unicode.h"

/* --- sources -------------------------------------------------------------------------------------------------------- */

static int next_nothing(struct render *r, struct iterator *it, struct value *out)
{
    (void)r;
    (void)it;
    (void)out;
    return 0;
}

static int next_item(struct render *r, struct iterator *it, struct value *out)
{
    (void)r;
    if (it->at >= it->source.list->n)
        return 0;
    *out = it->source.list->items[it->at++];
    return 1;
}

static int next_char(struct render *r, struct iterator *it, struct value *out)
{
    const struct text *t = it->source.text;
    size_t from = it->at;

    if (from >= t->len)
        return 0;
    it->at += char_len(t->s + from);
    if (text_slice_value(r, t, from, it->at, out) < 0)
        return -1;
    return out->text->safe && text_safe(r, out->text, false, out) < 0 ? -1 : 1;
}

static int next_key(struct render *r, struct iterator *it, struct value *out)
{
    (void)r;
    if (it->at >= it->source.dict->n)
        return 0;
    *out = it->source.dict->keys[it->at++];
    return 1;
}

static int view_item(struct render *r, const struct view *view, size_t i, struct value *out)
{
    const struct dict *d = view->dict;

    if (view->kind == VIEW_KEYS)
        *out = d->keys[i];
    else if (view->kind == VIEW_VALUES)
        *out = d->values[i];
    else if (pair_value(r, &d->keys[i], &d->values[i], out) < 0)
        return -1;
    else
        out->data = view->data;
    return 1;
}

static int next_of_view(struct render *r, struct iterator *it, struct value *out)
{
    return it->at < it->source.view->dict->n ? view_item(r, it->source.view, it->at++, out) : 0;
}

static int next_number(struct render *r, struct iterator *it, struct value *out)
{
    const struct range *range = it->source.range;

    (void)r;
    if (it->at >= range->n)
        return 0;
    *out = value_int(range->start + (int64_t)it->at++ * range->step);
    return 1;
}

static int next_of_iterator(struct render *r, struct iterator *it, struct value *out)
{
    return iterator_next(r, it->source.iterator, out);
}

int iterate(struct render *r, const struct value *v, struct iterator *out)
{
    int (*next)(struct render *, struct iterator *, struct value *) = NULL;

    switch (v->kind) {
    case V_UNDEFINED:
        next = next_nothing;
        break;
    case V_STRING:
        next = next_char;
        break;
    case V_LIST:
    case V_TUPLE:
        next = next_item;
        break;
    case V_DICT:
        next = next_key;
        break;
    case V_VIEW:
        next = next_of_view;
        break;
    case V_RANGE:
        next = next_number;
        break;
    case V_ITERATOR:
        next = next_of_iterator;
        break;
    default:
        return render_fail(r, "'%s' object is not iterable", value_type(v));
    }
    *out = (struct iterator){ .next = next, .source = *v, .type = "iterator" };
    return 0;
}

int iterator_next(struct render *r, struct iterator *it, struct value *out)
{
    int rc;

    if (it->done)
        return 0;
    if (r->depth >= r->max_depth)
        return render_limit(r, "more than %u calls and expressions within each other", r->max_depth);
    if (render_steps(r, 1) < 0)
        return -1;
    r->depth++;
    rc = it->next(r, it, out);
    r->depth--;
    it->done = rc != 1;
    return rc;
}

int iterator_collect(struct render *r, struct iterator *it, const struct list **out)
{
    struct value *items = NULL, v, list;
    size_t n = 0, cap = 0;
    int rc;

    while ((rc = iterator_next(r, it, &v)) == 1) {
        if (n == cap) {
            struct value *more = render_alloc(r, cap ? 2 * cap : 8, sizeof *more);

            if (!more)
                return -1;
            if (n)
                memcpy(more, items, n * sizeof *more);
            items = more;
            cap = cap ? 2 * cap : 8;
        }
        items[n++] = v;
    }
    if (rc < 0 || list_value(r, items, n, V_LIST, &list) < 0)
        return -1;
    *out = list.list;
    return 0;
}

int value_items(struct render *r, const struct value *v, const struct list **out)
{
    struct iterator it;

    if (v->kind == V_LIST || v->kind == V_TUPLE) {
        *out = v->list;
        return 0;
    }
    return iterate(r, v, &it) < 0 ? -1 : iterator_collect(r, &it, out);
}

int iterator_value(struct render *r, const struct iterator *it, struct value *out)
{
    struct iterator *copy = render_alloc(r, 1, sizeof *copy);

    if (!copy)
        return -1;
    *copy = *it;
    *out = (struct value){ .kind = V_ITERATOR, .iterator = copy };
    return 0;
}

/* --- backwards ------------------------------------------------------------------------------------------------------ */

/* at counts from the end. */
static int next_reversed(struct render *r, struct iterator *it, struct value *out)
{
    if (it->at >= it->source.list->n)
        return 0;
    (void)r;
    *out = it->source.list->items[it->source.list->n - ++it->at];
    return 1;
}

int iterator_reversed(struct render *r, const struct value *v, struct iterator *out)
{
    struct value list = *v;

    if (v->kind == V_ITERATOR || v->kind == V_LOOP || !value_is_iterable(v))
        return render_fail(r, "'%s' object is not reversible", value_type(v));
    if (value_items(r, v, &list.list) < 0)
        return -1;
    list.kind = V_LIST;
    *out = (struct iterator){ .next = next_reversed, .source = list, .type = "reversed" };
    return 0;
}

/* --- sorting -------------------------------------------------------------------------------------------------------- */

struct sorted {
    struct value key, item;
};

/* Merges [0, middle) and [middle, n) of a by way of b; equal ones keep their order. */
static int merge(struct render *r, struct sorted *a, struct sorted *b, size_t middle, size_t n, bool reverse)
{
    size_t i = 0, j = middle, k = 0;

    while (i < middle && j < n) {
        int order;

        if (value_compare(r, &a[j].key, &a[i].key, "<", &order) < 0)
            return -1;
        if (reverse ? order > 0 && order != 2 : order < 0)
            b[k++] = a[j++];
        else
            b[k++] = a[i++];
    }
    memcpy(b + k, a + i, (middle - i) * sizeof *a);
    memcpy(b + k + middle - i, a + j, (n - j) * sizeof *a);
    memcpy(a, b, n * sizeof *a);
    return 0;
}

static int merge_sort(struct render *r, struct sorted *a, struct sorted *b, size_t n, bool reverse)
{
    size_t middle = n / 2;

    if (n < 2)
        return 0;
    if (merge_sort(r, a, b, middle, reverse) < 0 || merge_sort(r, a + middle, b, n - middle, reverse) < 0)
        return -1;
    return merge(r, a, b, middle, n, reverse);
}

int list_sort(struct render *r, const struct list *l, const struct sort_order *order, const struct list **out)
{
    struct sorted *a = render_alloc(r, l->n + 1, sizeof *a), *b = render_alloc(r, l->n + 1, sizeof *b);
    struct value *items = render_alloc(r, l->n + 1, sizeof *items), sorted;

    if (!a || !b || !items)
        return -1;
    for (size_t i = 0; i < l->n; i++) {
        a[i] = (struct sorted){ l->items[i], l->items[i] };
        if (order->key && order->key(r, order->state, &l->items[i], &a[i].key) < 0)
            return -1;
    }
    if (merge_sort(r, a, b, l->n, order->reverse) < 0)
        return -1;
    for (size_t i = 0; i < l->n; i++)
        items[i] = a[i].item;
    if (list_value(r, items, l->n, V_LIST, &sorted) < 0)
        return -1;
    *out = sorted.list;
    return 0;
}
