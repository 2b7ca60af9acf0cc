/*
 * infer/state.h - what a model remembers of the tokens it has evaluated.
 *
 * Attention remembers keys and values of every token, so that any prefix of a transcript can be kept.  A recurrent model
 * (Mamba, RWKV) remembers a fixed number of values a layer, which are those after the last token and no other.
 */
#ifndef INFER_STATE_H
#define INFER_STATE_H

#include <stddef.h>

#include "infer/pages.h"
#include "util/err.h"

/* What the session must know of any model. */
struct shape {
    size_t n_vocab, n_layer;
    size_t n_head, n_kv_head, head_dim; /* of attention, and of the keys that it remembers; 0: none */
    size_t n_recurrent;                 /* values a layer that recurrence remembers; 0: none */
    size_t n_ctx;                       /* what the model was made for */
    size_t max_k;                       /* the longest row of a matrix */
};

struct state {
    struct pages *pages;
    struct page **table;     /* [n_ctx / STATE_BLOCK, rounded up]: NULL from n_pages on */
    float        *recurrent; /* [n_layer][n_recurrent]; zero before the first token */
    size_t        n_layer, n_recurrent, n_ctx, n_pages;
};

/* For at most n_ctx tokens, with pages of the shape's layout.  CORAX_E_LIMIT when out of memory; then there is nothing to finish. */
int  state_init(struct state *, const struct shape *, struct pages *, size_t n_ctx, struct err *);
void state_finish(struct state *); /* does nothing to one that is all zero */

/*
 * Before tokens at positions first ... end - 1 are evaluated: pages for them that no other sequence reads.  CORAX_E_LIMIT when
 * there are none; what is remembered stays.
 */
int state_reserve(struct state *, size_t first, size_t end, struct err *);
/* Gives back the pages behind the first n tokens. */
void state_trim(struct state *, size_t n);

size_t state_n_recurrent(const struct state *); /* recurrent values of all layers together */
/* Makes the recurrent values those before the first token. */
void state_reset(struct state *);
/* Makes `to` remember the first n tokens that `from` does, and its recurrent values; both have the same pages. */
void state_copy(struct state *to, const struct state *from, size_t n);

#endif
