/*
 * retrieval_search.c - what a query finds.
 *
 * Scores are summed up in an array over the slots, so a posting costs a multiplication and an addition.  The best are kept
 * in a heap of which the worst is on top; whether a tool may be found is asked only of those that would enter it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/retrieval.h"
#include "tools/retrieval_index.h"

#define K3        2.0 /* how soon the next occurrence of a word in the query says nothing more; a task repeats what it is about, and much else */
#define RRF_K     60.0
#define BY_VECTOR 2.0 /* the weight of a place by vectors beside one by words */
#define LANES     8 /* sums side by side, so that the compiler may use vector registers */

/* --- the best k -------------------------------------------------------------------------------------------------------- */

struct best {
    struct retrieval_hit *heap; /* the worst is first */
    size_t n, k;
    const struct retrieval_query *q;
};

/* Does a stand behind b? */
static bool is_worse(const struct retrieval_hit *a, const struct retrieval_hit *b)
{
    int c;

    if (a->score < b->score || a->score > b->score)
        return a->score < b->score;
    c = strcmp(a->name, b->name);
    return c != 0 ? c > 0 : a->id > b->id;
}

static void sink(struct retrieval_hit *heap, size_t n, size_t at)
{
    for (;;) {
        const size_t left = 2 * at + 1, right = left + 1;
        size_t worst = at;
        struct retrieval_hit kept;

        if (left < n && is_worse(&heap[left], &heap[worst]))
            worst = left;
        if (right < n && is_worse(&heap[right], &heap[worst]))
            worst = right;
        if (worst == at)
            return;
        kept = heap[at];
        heap[at] = heap[worst];
        heap[worst] = kept;
        at = worst;
    }
}

static void rise(struct retrieval_hit *heap, size_t at)
{
    while (at > 0 && is_worse(&heap[at], &heap[(at - 1) / 2])) {
        const struct retrieval_hit kept = heap[at];

        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = kept;
        at = (at - 1) / 2;
    }
}

static void offer_hit(struct best *b, const struct retrieval_hit *hit)
{
    if (b->k == 0 || (b->n == b->k && !is_worse(&b->heap[0], hit)))
        return;
    if (b->q->admits && !b->q->admits(b->q->arg, hit->name))
        return;
    if (b->n < b->k) {
        b->heap[b->n] = *hit;
        rise(b->heap, b->n++);
    } else {
        b->heap[0] = *hit;
        sink(b->heap, b->n, 0);
    }
}

static void offer(struct best *b, const struct indexed *d, double score)
{
    offer_hit(b, &(struct retrieval_hit){ .id = d->id, .name = d->name, .score = score });
}

/* The best first. */
static void put_in_order(struct best *b)
{
    for (size_t n = b->n; n > 1; n--) {
        const struct retrieval_hit worst = b->heap[0];

        b->heap[0] = b->heap[n - 1];
        b->heap[n - 1] = worst;
        sink(b->heap, n - 1, 0);
    }
}

/* --- by words ---------------------------------------------------------------------------------------------------------- */

static int take(void *arg, const char *text, size_t len)
{
    struct retrieval *r = arg;
    const struct term *t = retrieval_find_term(r, text, len);

    return t && t->n > 0 ? retrieval_note(r, (size_t)(t - r->terms), 0) : 0;
}

static double idf(const struct retrieval *r, const struct term *t)
{
    return log(1 + ((double)r->n_tools - t->n + 0.5) / (t->n + 0.5));
}

struct looked_up {
    uint32_t term, order; /* as it first came in the query */
    uint32_t n;           /* tools that have it */
    double weight;
};

static int compare_rarity(const void *a, const void *b)
{
    const struct looked_up *x = a, *y = b;

    return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : (x->order > y->order) - (x->order < y->order);
}

/* Adds up the term's part of each tool's score; the number of touched slots. */
static size_t add_scores(struct retrieval *r, const struct looked_up *l, size_t n_touched)
{
    const struct term *t = &r->terms[l->term];

    for (uint32_t i = 0; i < t->n; i++) {
        const struct posting *p = &t->postings[i];

        if (!(p->gain > 0))
            continue;
        if (r->scores[p->slot] == 0)
            r->touched[n_touched++] = p->slot;
        r->scores[p->slot] += l->weight * p->gain;
    }
    return n_touched;
}

static int search_words(struct retrieval *r, const struct retrieval_query *q, struct best *best)
{
    const size_t len = q->len < RETRIEVAL_MAX_QUERY ? q->len : RETRIEVAL_MAX_QUERY;
    struct looked_up *list;
    size_t n, n_touched = 0;
    double whole = 0;

    retrieval_note_start(r);
    if (words_split(r->words, q->text, len, take, r) < 0)
        return -1;
    if ((list = calloc(r->n_seen + 1, sizeof *list)) == NULL)
        return -1;
    for (n = 0; n < r->n_seen; n++) {
        const double count = r->seen[n].count[0];
        const struct term *t = &r->terms[r->seen[n].term];

        list[n] = (struct looked_up){ r->seen[n].term, (uint32_t)n, t->n, idf(r, t) * count * (K3 + 1) / (K3 + count) };
    }
    /* The order must not depend on the number of a term, which is the index's history; rarity and the query it may. */
    qsort(list, n, sizeof *list, compare_rarity);
    n = n < RETRIEVAL_MAX_TERMS ? n : RETRIEVAL_MAX_TERMS;
    for (size_t i = 0; i < n; i++) {
        n_touched = add_scores(r, &list[i], n_touched);
        whole += list[i].weight;
    }
    free(list);
    for (size_t i = 0; i < n_touched; i++) {
        offer(best, &r->slots[r->touched[i]], r->scores[r->touched[i]]);
        r->scores[r->touched[i]] = 0;
    }
    put_in_order(best);
    for (size_t i = 0; i < best->n; i++)
        best->heap[i].part = best->heap[i].score / whole;
    return 0;
}

/* --- by vectors, and both ---------------------------------------------------------------------------------------------- */

static double dot(const float *a, const float *b, size_t n)
{
    float lanes[LANES] = { 0 };
    double sum = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += a[i + j] * b[i + j];
    for (size_t j = 0; j < LANES; j++)
        sum += (double)lanes[j];
    for (; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* The length of the query's vector is the same for all tools, so it need not be divided by before they are in order. */
static void search_vectors(const struct retrieval *r, const struct retrieval_query *q, struct best *best)
{
    const double len = sqrt(dot(q->vector, q->vector, q->dim));

    for (size_t i = 0; i < r->n_slots; i++)
        if (r->slots[i].name && r->slots[i].vector)
            offer(best, &r->slots[i], dot(r->slots[i].vector, q->vector, q->dim));
    put_in_order(best);
    for (size_t i = 0; i < best->n; i++)
        best->heap[i].cosine = len > 0 ? best->heap[i].score / len : 0;
}

/* Sums up what each list says of a tool; a is by words, b by vectors. */
static void fuse(const struct best *a, const struct best *b, struct best *out)
{
    for (size_t i = 0; i < a->n; i++) {
        struct retrieval_hit hit = a->heap[i];

        hit.score = 1 / (RRF_K + (double)i + 1);
        for (size_t j = 0; j < b->n; j++)
            if (b->heap[j].id == hit.id) {
                hit.score += BY_VECTOR / (RRF_K + (double)j + 1);
                hit.cosine = b->heap[j].cosine;
            }
        offer_hit(out, &hit);
    }
    for (size_t j = 0; j < b->n; j++) {
        struct retrieval_hit hit = b->heap[j];
        size_t i;

        hit.score = BY_VECTOR / (RRF_K + (double)j + 1);
        for (i = 0; i < a->n && a->heap[i].id != hit.id; i++)
            ;
        if (i == a->n)
            offer_hit(out, &hit);
    }
    put_in_order(out);
}

int retrieval_search(struct retrieval *r, const struct retrieval_query *q, struct retrieval_hit *hits, struct err *err)
{
    struct retrieval_hit by_words[RETRIEVAL_FUSED], by_vector[RETRIEVAL_FUSED];
    struct best best = { hits, 0, q->k < RETRIEVAL_MAX_HITS ? q->k : RETRIEVAL_MAX_HITS, q };
    struct best words = { by_words, 0, RETRIEVAL_FUSED, q }, vectors = { by_vector, 0, RETRIEVAL_FUSED, q };

    if (q->vector && r->dim && q->dim != r->dim)
        return fail(err, CORAX_E_ARGS, "a query with a vector of %zu numbers, where the tools have %zu", q->dim, r->dim);
    retrieval_refresh(r);
    if (search_words(r, q, q->vector && r->dim ? &words : &best) < 0)
        return fail(err, CORAX_E_LIMIT, "no memory to look for tools");
    if (q->vector && r->dim) {
        search_vectors(r, q, &vectors);
        fuse(&words, &vectors, &best);
    }
    return (int)best.n;
}

/* --- more than a task has ---------------------------------------------------------------------------------------------- */

/* Is the text about it at all? */
static bool is_meant(const struct retrieval_query *q, bool fused, const struct retrieval_hit *hit)
{
    return fused ? hit->part >= RETRIEVAL_PART_FUSED || hit->cosine >= q->min_cosine : hit->part >= RETRIEVAL_PART;
}

int retrieval_search_more(struct retrieval *r, const struct retrieval_query *q, bool (*has)(void *arg, const char *name),
                          struct retrieval_hit *hits, struct err *err)
{
    const bool fused = q->vector && r->dim;
    struct retrieval_hit all[RETRIEVAL_MAX_HITS] = { { 0 } };
    struct retrieval_query wide = *q;
    double least = 0;
    int n, found = 0;

    wide.k = RETRIEVAL_MAX_HITS;
    if ((n = retrieval_search(r, &wide, all, err)) < 0)
        return -1;
    for (int i = 0; i < n && !(least > 0); i++)
        if (has(q->arg, all[i].name))
            least = all[i].score * (fused ? RETRIEVAL_AS_GOOD_FUSED : RETRIEVAL_AS_GOOD);
    for (int i = 0; i < n && (size_t)found < q->k && all[i].score > least; i++)
        if (is_meant(q, fused, &all[i]) && !has(q->arg, all[i].name))
            hits[found++] = all[i];
    return found;
}
