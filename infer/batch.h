/*
 * infer/batch.h - tokens that a model evaluates together, of one sequence or of several.
 *
 * Rows of weights are read once for all of them.  What a token comes to does not depend on which others are in the batch.
 */
#ifndef INFER_BATCH_H
#define INFER_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "infer/state.h"

#define OPS_BATCH 128 /* tokens: a row of weights read from memory serves all */

/* A sequence's part of a batch. */
struct span {
    struct state *state; /* after the pos tokens before; has pages for n more (state_reserve()) */
    size_t        pos, n;
    size_t        n_logits; /* of how many tokens, the last ones, logits are wanted: at most n */
};

struct batch {
    const int32_t     *tokens; /* [n], span by span, each below n_vocab */
    size_t             n;      /* 1 to OPS_BATCH */
    const struct span *spans;  /* [n_spans], each of at least one token, each of another sequence */
    size_t             n_spans;
    float             *logits; /* [n_logits][n_vocab], span by span; NULL: only what they would be made from is wanted (hidden()) */
    size_t             n_logits;
};

/* What a layer of a recurrent model remembers of a sequence. */
static inline float *span_recurrent(const struct span *s, size_t layer)
{
    return s->state->recurrent + layer * s->state->n_recurrent;
}

#endif
