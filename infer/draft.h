/*
 * infer/draft.h - guesses of the next tokens, which are evaluated together with the last one and kept as far as they are right.
 *
 * What a transcript has had before often comes again: a tool's result in the answer, an argument in the next call.  So the guess
 * is what followed the last time that its last three tokens stood there.  A batch of a few tokens takes hardly longer than one
 * token where rows of weights are waited for; how much longer is measured, and how often guesses are right, and no guess is made that
 * would not pay.
 *
 * Source: Saxena, Prompt Lookup Decoding, 2023; of verifying in one batch: Leviathan et al., arXiv:2211.17192.
 */
#ifndef INFER_DRAFT_H
#define INFER_DRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define DRAFT_MAX  8  /* tokens of a guess */
#define DRAFT_ROWS 32 /* tokens of a batch whose time is known */

/* Of one sequence. */
struct draft {
    uint32_t *last; /* [mask + 1], by a hash of three tokens: the position behind the last time they stood there; 0: never */
    size_t    mask, n_indexed;
    double    right, wrong; /* guessed tokens, the older ones counting less */
};

/* For up to n_ctx tokens.  CORAX_E_LIMIT when out of memory; then there is nothing to finish. */
int  draft_init(struct draft *, size_t n_ctx, struct err *);
void draft_finish(struct draft *);
/* What may follow the n tokens, at most max of them: how many are in out [max]. */
size_t draft_find(struct draft *, const int32_t *tokens, size_t n, int32_t *out, size_t max);
/* Of n guessed tokens the first n_right were right. */
void draft_learn(struct draft *, size_t n, size_t n_right);

/* How long batches of so many tokens take, of all sequences. */
struct draft_costs {
    double seconds[DRAFT_ROWS + 1]; /* 0: not known */
    size_t n_idle;                  /* tokens since the last guess for which there was one that did not pay */
};
void draft_measure(struct draft_costs *, size_t n, double seconds);
/* How many of up to max guessed tokens pay in a batch that has n tokens without them. */
size_t draft_length(const struct draft *, struct draft_costs *, size_t n, size_t max);

#endif
