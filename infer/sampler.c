#include "infer/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NEGLIGIBLE 25 /* e^-25 of the most likely: below what a draw of 2^-24 steps can reach */
#define TRIES 24 /* tokens that are refused before all are worked out, which costs as much */

int sampler_init(struct sampler *s, size_t n_vocab, struct err *err)
{
    memset(s, 0, sizeof *s);
    s->n_vocab = n_vocab;
    s->settings = SAMPLING_GREEDY;
    s->candidates = calloc(n_vocab, sizeof *s->candidates);
    return s->candidates ? 0 : fail(err, CORAX_E_LIMIT, "out of memory");
}

void sampler_finish(struct sampler *s)
{
    free(s->candidates);
    memset(s, 0, sizeof *s);
}

int sampler_set(struct sampler *s, const struct sampling *settings, struct err *err)
{
    if (!(settings->temperature >= 0 && settings->temperature <= SAMPLER_MAX_TEMPERATURE))
        return fail(err, CORAX_E_ARGS, "temperature %g, allowed are 0 to %d", (double)settings->temperature,
                    SAMPLER_MAX_TEMPERATURE);
    if (!(settings->top_p > 0 && settings->top_p <= 1))
        return fail(err, CORAX_E_ARGS, "top_p %g, allowed is above 0 and at most 1", (double)settings->top_p);
    if (!(settings->min_p >= 0 && settings->min_p < 1))
        return fail(err, CORAX_E_ARGS, "min_p %g, allowed is from 0 to below 1", (double)settings->min_p);
    s->settings = *settings;
    s->random = settings->seed;
    return 0;
}

/* [0, 1) in steps of 2^-53. */
static double draw(struct sampler *s)
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static bool allowed(struct constraint *c, int32_t id)
{
    return !c || constraint_allows(c, id);
}

/* Greedily few are asked for: the best is allowed, or one of the next; when it goes on, all are worked out at once. */
static int32_t pick_best(const struct sampler *s, const float *logits, struct constraint *c)
{
    size_t top = 0, n_refused = 0;
    int32_t best = -1;

    for (size_t i = 1; i < s->n_vocab; i++)
        if (logits[i] > logits[top] || isnan(logits[top]))
            top = i;
    if (!isnan(logits[top]) && allowed(c, (int32_t)top))
        return (int32_t)top;
    for (size_t i = 0; i < s->n_vocab; i++) {
        if (isnan(logits[i]) || (best >= 0 && logits[i] <= logits[best]))
            continue;
        if (allowed(c, (int32_t)i))
            best = (int32_t)i;
        else if (++n_refused == TRIES)
            (void)constraint_prepare(c);
    }
    return best;
}

/* Most likely first; equal ones by id, so that the order never depends on the sorting. */
static int compare(const void *a, const void *b)
{
    const struct sampler_candidate *x = a, *y = b;

    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static size_t gather(struct sampler *s, const float *logits, struct constraint *c, float least)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_vocab; i++)
        if (logits[i] >= least && allowed(c, (int32_t)i))
            s->candidates[n++] = (struct sampler_candidate){ (int32_t)i, logits[i], 0 };
    return n;
}

/* Sorting in place: qsort() may allocate, and nothing in the token loop does. */
static void sift_down(struct sampler_candidate *heap, size_t i, size_t n)
{
    size_t child;

    while ((child = 2 * i + 1) < n) {
        struct sampler_candidate swap = heap[i];

        if (child + 1 < n && compare(&heap[child + 1], &heap[child]) > 0)
            child++;
        if (compare(&heap[child], &heap[i]) <= 0)
            break;
        heap[i] = heap[child];
        heap[child] = swap;
        i = child;
    }
}

static void sort(struct sampler_candidate *list, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(list, i, n);
    while (n > 1) {
        struct sampler_candidate last = list[--n];

        list[n] = list[0];
        list[0] = last;
        sift_down(list, 0, n);
    }
}

int32_t sampler_pick(struct sampler *s, const float *logits, struct constraint *c)
{
    const struct sampling *set = &s->settings;
    int32_t best = pick_best(s, logits, c);
    double sum = 0, kept = 0, at;
    size_t n, last;

    if (best < 0 || set->temperature <= 0)
        return best;
    if (c)
        (void)constraint_prepare(c);
    n = gather(s, logits, c, logits[best] - NEGLIGIBLE * set->temperature);
    if (n == 0)
        return best; /* the best is infinite */
    sort(s->candidates, n);
    if (set->top_k && n > set->top_k)
        n = set->top_k;
    for (size_t i = 0; i < n; i++) {
        s->candidates[i].p = expf((s->candidates[i].logit - s->candidates[0].logit) / set->temperature);
        if (s->candidates[i].p < set->min_p) {
            n = i;
            break;
        }
        sum += (double)s->candidates[i].p;
    }
    for (last = 0; last + 1 < n; last++) {
        kept += (double)s->candidates[last].p;
        if (kept >= (double)set->top_p * sum)
            break;
    }
    if (last + 1 == n)
        kept = sum;
    at = draw(s) * kept;
    for (size_t i = 0; i < last; i++) {
        at -= (double)s->candidates[i].p;
        if (at < 0)
            return s->candidates[i].id;
    }
    return s->candidates[last].id;
}
