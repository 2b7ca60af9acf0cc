/*
 * infer/state.h - what a model remembers of the tokens it has evaluated.
 *
 * Attention remembers keys and values of every token, so that any prefix of a transcript can be kept.  A recurrent model
 * (Mamba, RWKV) remembers a fixed number of values a layer, which are those after the last token and no other.
 */
#ifndef INFER_STATE_H
#define INFER_STATE_H

#include <stddef.h>

#include "util/err.h"

/* What the session must know of any model. */
struct shape {
    size_t n_vocab, n_layer;
    size_t n_kv_head, head_dim; /* of the keys that attention remembers; 0: none */
    size_t n_recurrent;         /* values a layer that recurrence remembers; 0: none */
    size_t n_ctx;               /* what the model was made for */
    size_t max_k;               /* the longest row of a matrix */
};

/* The keys and values of one layer, [n_kv_head][n_ctx][head_dim] f32 each. */
struct kv_layer {
    float *k, *v;
};

struct state {
    struct kv_layer *kv;        /* [n_layer] */
    float           *recurrent; /* [n_layer][n_recurrent]; zero before the first token */
    size_t           n_layer, n_kv_head, head_dim, n_recurrent, n_ctx;
    float           *memory;    /* what kv points into; pages come into being when first written */
};

/* For n_ctx tokens.  CORAX_E_LIMIT when memory does not hold it.  After an error there is nothing to finish. */
int  state_init(struct state *, const struct shape *, size_t n_ctx, struct err *);
void state_finish(struct state *); /* does nothing to one that is all zero */

size_t state_n_recurrent(const struct state *); /* recurrent values of all layers together */
/* Makes the recurrent values those before the first token; keys and values need no reset. */
void state_reset(struct state *);
/* Copies keys and values of the first n tokens, and the recurrent values as they stand; both are of one shape. */
void state_copy(struct state *to, const struct state *from, size_t n);

#endif
