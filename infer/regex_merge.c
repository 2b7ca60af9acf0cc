/*
 * OR and AND in their normal forms:
 *
 *   - flat, sorted and without repetition; sets of bytes in them are one set, in an OR also before the same tail; counts
 *     of the same base before the same tail are one count where they touch
 *   - all NOTs of an AND are one NOT of an OR, and all of an OR one of an AND
 *   - what is known to be within one of REGEX_ANY's derivatives vanishes beside it in an OR, and it beside that in an AND
 */
#include <stdlib.h>
#include <string.h>

#include "infer/regex_store.h"

/* Beyond so many operands nothing is looked for that takes the square of their number. */
#define FEW 32

static regex counted(struct regexes *s, regex base, uint32_t min, uint32_t max)
{
    return regex_repeat(s, base, min, max == FOREVER ? REGEX_MANY : (int64_t)max);
}

/* --- OR ----------------------------------------------------------------------------------------------------------- */

static int compare_items(const void *x, const void *y)
{
    const struct regex_item *a = x, *b = y;
    if (a->tail != b->tail)
        return a->tail < b->tail ? -1 : 1;
    if (a->base != b->base)
        return a->base < b->base ? -1 : 1;
    return a->min < b->min ? -1 : a->min > b->min;
}

static int compare_ids(const void *x, const void *y)
{
    const regex *a = x, *b = y;
    return *a < *b ? -1 : *a > *b;
}

static void sort_items(struct regex_item *items, size_t n)
{
    if (n > FEW) {
        qsort(items, n, sizeof *items, compare_items);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct regex_item item = items[i];
        size_t k = i;
        for (; k > 0 && compare_items(&items[k - 1], &item) > 0; k--)
            items[k] = items[k - 1];
        items[k] = item;
    }
}

static size_t sort_ids(regex *ids, size_t n)
{
    if (n > FEW) {
        qsort(ids, n, sizeof *ids, compare_ids);
    } else {
        for (size_t i = 1; i < n; i++) {
            regex id = ids[i];
            size_t k = i;
            for (; k > 0 && ids[k - 1] > id; k--)
                ids[k] = ids[k - 1];
            ids[k] = id;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    }
    return kept;
}

static struct regex_item as_item(const struct regexes *s, regex id)
{
    const struct regex_node *n = &s->nodes[id];
    struct regex_item item = { .id = id, .base = id, .tail = REGEX_EMPTY, .min = 1, .max = 1 };
    if (id == REGEX_EMPTY)
        item.min = item.max = 0;
    if (n->op == OP_CONCAT) {
        item.base = n->a;
        item.tail = n->b;
        n = &s->nodes[n->a];
    }
    if (n->op == OP_REPEAT) {
        item.base = n->a;
        item.min = n->b;
        item.max = n->c;
    }
    return item;
}

/* Operands of other ORs in their place, and no REGEX_NONE. */
static void flatten(struct regexes *s, size_t base, enum regex_op op)
{
    size_t n = s->n_scratch, kept = base;
    for (size_t i = base; i < n; i++) {
        const struct regex_node *x = &s->nodes[s->scratch[i]];
        for (uint32_t k = 0; x->op == op && k < x->b; k++)
            regex_push(s, s->lists[x->a + k]);
    }
    for (size_t i = base; i < s->n_scratch; i++) {
        if (s->nodes[s->scratch[i]].op != op && !(op == OP_OR && s->scratch[i] == REGEX_NONE))
            s->scratch[kept++] = s->scratch[i];
    }
    s->n_scratch = kept;
}

/* Counts of the same base that touch are one. */
static size_t merge_counts(struct regex_item *items, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct regex_item *last = kept > 0 ? &items[kept - 1] : NULL;
        if (last != NULL && last->tail == items[i].tail && last->base == items[i].base &&
            (last->max == FOREVER || items[i].min <= last->max + 1)) {
            if (items[i].max > last->max) {
                last->max = items[i].max;
                last->id = REGEX_NONE;
            }
        } else {
            items[kept++] = items[i];
        }
    }
    return kept;
}

/* Sets of bytes before the same tail are one. */
static size_t merge_sets(struct regexes *s, struct regex_item *items, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i, n_sets = 0;
        struct regex_set all = { { 0 } };
        struct regex_item one = items[i];
        for (; end < n && items[end].tail == one.tail; end++) {
            const struct regex_node *x = &s->nodes[items[end].base];
            if (x->op != OP_BYTES || items[end].min != 1 || items[end].max != 1)
                continue;
            n_sets++;
            for (int k = 0; k < 4; k++)
                all.bits[k] |= s->sets[x->a].bits[k];
        }
        for (; i < end; i++) {
            bool set = s->nodes[items[i].base].op == OP_BYTES && items[i].min == 1 && items[i].max == 1;
            if (!set || n_sets < 2)
                items[kept++] = items[i];
        }
        if (n_sets > 1) {
            one.base = regex_bytes(s, all.bits);
            one.id = REGEX_NONE;
            one.min = one.max = 1;
            items[kept++] = one;
        }
    }
    return kept;
}

/* t | x{1,m} t is x{0,m} t. */
static size_t absorb_tails(struct regex_item *items, size_t n)
{
    for (size_t i = 0; i < n && n <= FEW; i++) {
        if (items[i].min != 1 || items[i].max == 1)
            continue;
        size_t k = 0;
        while (k < n && items[k].id != items[i].tail)
            k++;
        if (k == n || k == i)
            continue;
        items[i].min = 0;
        items[i].id = REGEX_NONE;
        memmove(&items[k], &items[k + 1], (n - k - 1) * sizeof *items);
        n--;
        i -= k < i ? 1 : 0;
    }
    return n;
}

/* The stack's operands, merged where heads and tails allow it. */
static void merge_operands(struct regexes *s, size_t base)
{
    size_t n = s->n_scratch - base;
    while (s->items_cap < n) {
        if (!regex_room(s, &s->items, &s->items_cap, s->items_cap, sizeof *s->items))
            return;
    }
    struct regex_item *items = s->items;
    for (size_t i = 0; i < n; i++)
        items[i] = as_item(s, s->scratch[base + i]);
    sort_items(items, n);
    n = merge_counts(items, n);
    n = merge_sets(s, items, n);
    n = absorb_tails(items, n);
    s->n_scratch = base;
    for (size_t i = 0; i < n; i++) { /* fewer than there were: the stack has room for them */
        if (items[i].id ==
            REGEX_NONE) { /* makes no other OR, which would use the same room: no base has an empty text */
            items[i].id = regex_concat(s, counted(s, items[i].base, items[i].min, items[i].max), items[i].tail);
        }
        s->scratch[base + i] = items[i].id;
    }
    s->n_scratch = base + n;
}

/* Drops what another operand holds already. */
static size_t drop_held(struct regexes *s, regex *ids, size_t n)
{
    size_t kept = 0;
    bool nullable = false;
    unsigned present = 0; /* bit i: utf8[i] is there */
    for (size_t i = 0; i < n; i++) {
        const struct regex_node *x = &s->nodes[ids[i]];
        nullable |= ids[i] != REGEX_EMPTY && x->nullable;
        if (x->within != WITHIN_UNKNOWN && ids[i] == s->utf8[x->within])
            present |= 1u << x->within;
    }
    for (size_t i = 0; i < n; i++) {
        int within = s->nodes[ids[i]].within;
        bool held = ids[i] == REGEX_NONE || (ids[i] == REGEX_EMPTY && nullable);
        for (int k = 1; k < N_WITHIN && present != 0; k++)
            held |= (present >> k & 1) && ids[i] != s->utf8[k] && regex_within_is(within, k);
        if (!held)
            ids[kept++] = ids[i];
    }
    return kept;
}

/* x | ~x, and ~x | ~y as ~(x & y); true when it is everything. */
static bool merge_complements(struct regexes *s, size_t base)
{
    size_t n_not = 0, end = s->n_scratch;
    for (size_t i = base; i < end; i++)
        n_not += s->nodes[s->scratch[i]].op == OP_NOT;
    if (n_not == 0)
        return false;
    size_t kept = base;
    for (size_t i = base; i < end; i++) {
        if (s->nodes[s->scratch[i]].op == OP_NOT)
            regex_push(s, s->nodes[s->scratch[i]].a);
    }
    regex inner = regex_and_pushed(s, end);
    for (size_t i = base; i < end; i++) {
        if (s->scratch[i] == inner)
            return true;
        if (s->nodes[s->scratch[i]].op != OP_NOT)
            s->scratch[kept++] = s->scratch[i];
    }
    s->n_scratch = kept;
    regex not = regex_not(s, inner);
    return regex_push(s, not ) && not == s->all;
}

regex regex_or_pushed(struct regexes *s, size_t base)
{
    flatten(s, base, OP_OR);
    if (!s->failed && s->n_scratch - base > 1 && merge_complements(s, base))
        return s->n_scratch = base, s->all;
    if (!s->failed && s->n_scratch - base > 1)
        merge_operands(s, base);
    if (s->failed)
        return s->n_scratch = base, REGEX_NONE;
    size_t n = sort_ids(s->scratch + base, s->n_scratch - base);
    n = drop_held(s, s->scratch + base, n);
    s->n_scratch = base;
    if (n < 2)
        return n == 0 ? REGEX_NONE : s->scratch[base];
    return regex_intern_list(s, OP_OR, s->scratch + base, n);
}

regex regex_or(struct regexes *s, regex x, regex y)
{
    if (x == y || y == REGEX_NONE)
        return x;
    if (x == REGEX_NONE)
        return y;
    size_t base = s->n_scratch;
    regex_push(s, x);
    regex_push(s, y);
    return regex_or_pushed(s, base);
}

regex regex_or_all(struct regexes *s, const regex *list, size_t n)
{
    size_t base = s->n_scratch;
    for (size_t i = 0; i < n; i++)
        regex_push(s, list[i]);
    return regex_or_pushed(s, base);
}

/* --- AND ---------------------------------------------------------------------------------------------------------- */

/* All NOTs as one, whose operand is the answer (REGEX_NONE: there is no NOT). */
static regex collect_complements(struct regexes *s, size_t base)
{
    size_t end = s->n_scratch, kept = base;
    for (size_t i = base; i < end; i++) {
        if (s->nodes[s->scratch[i]].op == OP_NOT)
            regex_push(s, s->nodes[s->scratch[i]].a);
    }
    regex inner = regex_or_pushed(s, end);
    for (size_t i = base; i < end; i++) {
        if (s->nodes[s->scratch[i]].op != OP_NOT)
            s->scratch[kept++] = s->scratch[i];
    }
    s->n_scratch = kept;
    return inner;
}

static bool list_has(const struct regexes *s, regex list, regex x)
{
    const struct regex_node *n = &s->nodes[list];
    if (list == x)
        return true;
    for (uint32_t i = 0; n->op == OP_OR && i < n->b; i++) {
        if (s->lists[n->a + i] == x)
            return true;
    }
    return false;
}

/* One character of ASCII. */
static bool is_ascii(const struct regexes *s, regex r)
{
    const struct regex_node *n = &s->nodes[r];
    return n->op == OP_BYTES && n->longest == 1 && n->within == WITHIN_ANY;
}

/* x & y where it is as simple as they are; false when it is not. */
static bool meet(struct regexes *s, regex x, regex y, regex *out)
{
    const struct regex_node *n = &s->nodes[x], *m = &s->nodes[y];
    if (x == REGEX_NONE || y == REGEX_NONE || n->shortest > m->longest || m->shortest > n->longest ||
        regex_within_apart(n->within, m->within))
        return *out = REGEX_NONE, true;
    if (x == REGEX_EMPTY || y == REGEX_EMPTY)
        return *out = n->nullable && m->nullable ? REGEX_EMPTY : REGEX_NONE, true;
    for (int k = 1; k < N_WITHIN; k++) {
        if (x == s->utf8[k] && regex_within_is(m->within, k))
            return *out = y, true;
        if (y == s->utf8[k] && regex_within_is(n->within, k))
            return *out = x, true;
    }
    if (n->op == OP_BYTES && m->op == OP_BYTES) {
        struct regex_set both;
        for (int k = 0; k < 4; k++)
            both.bits[k] = s->sets[n->a].bits[k] & s->sets[m->a].bits[k];
        return *out = regex_bytes(s, both.bits), true;
    }
    if (n->op == OP_REPEAT && m->op == OP_REPEAT && (n->a == s->chr || m->a == s->chr)) { /* characters are a prefix code */
        const regex unit = n->a == s->chr ? m->a : n->a;
        uint32_t min = n->b > m->b ? n->b : m->b, max = n->c < m->c ? n->c : m->c;
        if (unit != s->chr && !is_ascii(s, unit))
            return false;
        return *out = min > max ? REGEX_NONE : counted(s, unit, min, max), true;
    }
    return false;
}

/* Meets operands two by two where that makes them fewer; false when nothing is left to be in all. */
static bool meet_operands(struct regexes *s, size_t base)
{
    for (size_t i = base; i < s->n_scratch && s->n_scratch - base <= FEW; i++) {
        for (size_t k = i + 1; k < s->n_scratch; k++) {
            regex both;
            if (!meet(s, s->scratch[i], s->scratch[k], &both))
                continue;
            if (both == REGEX_NONE)
                return false;
            s->scratch[i] = both;
            s->scratch[k--] = s->scratch[--s->n_scratch];
        }
    }
    return true;
}

/* Meets the operands with NOT inner; false when nothing is left. */
static bool meet_complement(struct regexes *s, size_t base, regex inner)
{
    const struct regex_node *n = &s->nodes[inner];
    if (inner == s->all)
        return false;
    for (size_t i = base; i < s->n_scratch; i++) {
        regex x = s->scratch[i];
        int within = s->nodes[x].within;
        if (list_has(s, inner, x) ||
            (n->within != WITHIN_UNKNOWN && inner == s->utf8[n->within] && regex_within_is(within, n->within)))
            return false;
        if (regex_within_apart(within, n->within))
            return true; /* it takes nothing away */
    }
    return regex_push(s, regex_not(s, inner));
}

regex regex_and_pushed(struct regexes *s, size_t base)
{
    flatten(s, base, OP_AND);
    regex inner = collect_complements(s, base);
    bool any = !s->failed && meet_operands(s, base) && (inner == REGEX_NONE || meet_complement(s, base, inner));
    if (!any || s->failed)
        return s->n_scratch = base, REGEX_NONE;
    size_t n = sort_ids(s->scratch + base, s->n_scratch - base);
    s->n_scratch = base;
    if (n == 0)
        return s->all;
    if (s->scratch[base] == REGEX_NONE)
        return REGEX_NONE;
    return n == 1 ? s->scratch[base] : regex_intern_list(s, OP_AND, s->scratch + base, n);
}

regex regex_and(struct regexes *s, regex x, regex y)
{
    if (x == y || x == REGEX_NONE || y == REGEX_NONE)
        return x == y ? x : REGEX_NONE;
    size_t base = s->n_scratch;
    regex_push(s, x);
    regex_push(s, y);
    return regex_and_pushed(s, base);
}

regex regex_minus(struct regexes *s, regex x, regex y)
{
    return y == REGEX_NONE ? x : regex_and(s, x, regex_not(s, y));
}
