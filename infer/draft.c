#include "infer/draft.h"

#include <stdlib.h>
#include <string.h>

#define GRAM       3     /* tokens that must have been there before */
#define FADE       0.9   /* of what was right and wrong, with each guess */
#define FIRST_TRY  1.0   /* right and wrong guesses that are assumed of each before any was made */
#define IDLE       32    /* tokens after which a guess is made all the same: texts change, and times do */
#define PROBE      2     /* its tokens */
#define SMOOTHING  0.2   /* weight of a new time */
#define ASSUMED    0.15  /* of the time for one token, that a further one takes as long as that is not known */
#define WORTH      1.02  /* that a guess must bring */

int draft_init(struct draft *d, size_t n_ctx, struct err *err)
{
    size_t size = 64;

    while (size < 4 * n_ctx) /* where two are at one place the later one stays */
        size *= 2;
    *d = (struct draft){ .last = calloc(size, sizeof *d->last), .mask = size - 1, .right = FIRST_TRY, .wrong = FIRST_TRY };
    return d->last ? 0 : fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", n_ctx);
}

void draft_finish(struct draft *d)
{
    free(d->last);
    d->last = NULL;
}

/* Of the GRAM tokens before `end`. */
static uint32_t *slot(const struct draft *d, const int32_t *tokens, size_t end)
{
    uint64_t h = 0;

    for (size_t i = end - GRAM; i < end; i++)
        h = (h ^ h >> 29 ^ (uint32_t)tokens[i]) * 0x9e3779b97f4a7c15u;
    return &d->last[(h ^ h >> 32) & d->mask];
}

size_t draft_find(struct draft *d, const int32_t *tokens, size_t n, int32_t *out, size_t max)
{
    size_t at, found;

    for (size_t end = d->n_indexed < GRAM ? GRAM : d->n_indexed; end < n; end++) /* what stands at the very end has no successor */
        *slot(d, tokens, end) = (uint32_t)end;
    if (n > d->n_indexed)
        d->n_indexed = n;
    if (n <= GRAM)
        return 0;
    at = *slot(d, tokens, n);
    if (at == 0 || memcmp(tokens + at - GRAM, tokens + n - GRAM, GRAM * sizeof *tokens) != 0)
        return 0;
    found = n - at < max ? n - at : max;
    memcpy(out, tokens + at, found * sizeof *out);
    return found;
}

void draft_learn(struct draft *d, size_t n, size_t n_right)
{
    d->right = FADE * d->right + (double)n_right;
    d->wrong = FADE * d->wrong + (n_right < n);
}

void draft_measure(struct draft_costs *c, size_t n, double seconds)
{
    if (n > DRAFT_ROWS)
        return;
    /* What took longer once may have been in the way of something; what is faster can be had. */
    c->seconds[n] = c->seconds[n] > 0 && c->seconds[n] < seconds ? (1 - SMOOTHING) * c->seconds[n] + SMOOTHING * seconds : seconds;
}

/* Between the nearest sizes that are known, or beyond them. */
static double cost(const struct draft_costs *c, size_t n)
{
    size_t below = n, above = n;

    while (below > 0 && !(c->seconds[below] > 0))
        below--;
    while (above <= DRAFT_ROWS && !(c->seconds[above] > 0))
        above++;
    if (below > 0 && above <= DRAFT_ROWS)
        return below == above ? c->seconds[n]
                              : c->seconds[below] + (c->seconds[above] - c->seconds[below]) * (double)(n - below) / (double)(above - below);
    if (below > 0)
        return c->seconds[below] * (1 + ASSUMED * (double)(n - below) / (1 + ASSUMED * (double)(below - 1)));
    return above <= DRAFT_ROWS ? c->seconds[above] : 1 + ASSUMED * (double)n;
}

size_t draft_length(const struct draft *d, struct draft_costs *c, size_t n, size_t max)
{
    const double chance = d->right / (d->right + d->wrong), alone = (double)n / cost(c, n);
    double best = WORTH * alone, expected = 0, each = 1;
    size_t length = 0;

    for (size_t i = 1; i <= max && n + i <= DRAFT_ROWS; i++) {
        double rate;

        each *= chance;
        expected += each;
        rate = ((double)n + expected) / cost(c, n + i);
        if (rate > best) {
            best = rate;
            length = i;
        }
    }
    if (length == 0 && max > 0 && ++c->n_idle >= IDLE)
        length = PROBE < max ? PROBE : max;
    if (length > 0)
        c->n_idle = 0;
    return length;
}
