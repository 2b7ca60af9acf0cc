#include "infer/merge.h"

#include <stdlib.h>

#define FEW 64 /* symbols for which the heap lies on the stack: a word or a number */

struct candidate {
    uint32_t rank, at, len; /* at: the left symbol; len: of both, so that a pair of which one has grown is known */
    int32_t joined;
};

struct heap {
    struct candidate *list;
    size_t n;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(struct heap *h, struct candidate c)
{
    size_t i = h->n++;

    while (i > 0 && before(&c, &h->list[(i - 1) / 2])) {
        h->list[i] = h->list[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->list[i] = c;
}

static struct candidate pop(struct heap *h)
{
    struct candidate top = h->list[0], last = h->list[--h->n];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < h->n) {
        if (child + 1 < h->n && before(&h->list[child + 1], &h->list[child]))
            child++;
        if (!before(&h->list[child], &last))
            break;
        h->list[i] = h->list[child];
        i = child;
    }
    h->list[i] = last;
    return top;
}

static void push_pair(struct heap *h, const struct merge_symbol *symbols, int32_t at, merge_find_fn *find,
                      const void *arg)
{
    const struct merge_symbol *left = at < 0 ? NULL : &symbols[at];
    struct candidate c;

    if (!left || left->next < 0 || !find(arg, left, &symbols[left->next], &c.rank, &c.joined))
        return;
    c.at = (uint32_t)at;
    c.len = left->len + symbols[left->next].len;
    push(h, c);
}

static void merge(struct merge_symbol *symbols, size_t n, struct heap *h, merge_find_fn *find, const void *arg)
{
    for (size_t i = 0; i + 1 < n; i++)
        push_pair(h, symbols, (int32_t)i, find, arg);
    while (h->n) {
        struct candidate c = pop(h);
        struct merge_symbol *left = &symbols[c.at];
        int32_t next;

        if (left->len == 0 || left->next < 0 || left->len + symbols[left->next].len != c.len)
            continue;
        next = symbols[left->next].next;
        symbols[left->next].len = 0;
        left->id = c.joined;
        left->len = c.len;
        left->next = next;
        if (next >= 0)
            symbols[next].prev = (int32_t)c.at;
        push_pair(h, symbols, left->prev, find, arg);
        push_pair(h, symbols, (int32_t)c.at, find, arg);
    }
}

int merge_all(struct merge_symbol *symbols, size_t n, merge_find_fn *find, const void *arg, struct err *err)
{
    struct candidate few[3 * FEW]; /* one for each first pair, and two for each of the fewer than n joins */
    struct heap h = { few, 0 };

    for (size_t i = 0; i < n; i++) {
        symbols[i].prev = (int32_t)i - 1;
        symbols[i].next = i + 1 < n ? (int32_t)i + 1 : -1;
    }
    if (n > FEW)
        h.list = malloc(3 * n * sizeof *h.list);
    if (!h.list)
        return fail(err, CORAX_E_LIMIT, "out of memory for the merges of %zu symbols", n);
    merge(symbols, n, &h, find, arg);
    if (h.list != few)
        free(h.list);
    return 0;
}
