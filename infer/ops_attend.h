/*
 * infer/ops_attend.h - attention: keys and values go into the pages of their sequence, queries meet them there.
 *
 * A prompt's tokens and the query heads that share a key head go together, so that a key is read once for many queries.
 * Positions are taken page by page, and what the pages gave is added up in their order, whoever computed it: neither the
 * number of threads nor where a transcript is cut shows in a result.
 */
#ifndef INFER_OPS_ATTEND_H
#define INFER_OPS_ATTEND_H

#include "infer/batch.h"
#include "infer/kernels.h"
#include "infer/pool.h"

struct ops;
struct attend_rooms; /* where threads work */

/* For sequences of n_ctx tokens at most; NULL when out of memory. */
struct attend_rooms *attend_rooms_create(const struct shape *, unsigned n_threads, size_t n_ctx);
void                 attend_rooms_destroy(struct attend_rooms *);

struct attention {
    size_t n_head, n_kv_head, head_dim; /* n_kv_head divides n_head */
    float  scale, softcap;              /* softcap 0: none */
    size_t window;                      /* tokens that a token sees, itself one of them; 0: all before it */
    size_t sees;                        /* each token sees the first so many, whose keys are all there; 0: it is causal */
};

/* Writes keys and values of a batch, [n][n_kv_head][head_dim] each, into what a layer remembers. */
void ops_store(struct ops *, const struct batch *, size_t layer, const float *k, const float *v);

/*
 * Causal grouped-query attention: the token at position p of a sequence sees positions (p - window, p] of it.
 *
 * q, out  [n][n_head][head_dim] f32
 * query heads h * n_head / n_kv_head ... share key head h
 *
 * Source: Ainslie et al., GQA, arXiv:2305.13245.
 */
void ops_attend(struct ops *, const struct attention *, const struct batch *, size_t layer, const float *q, float *out);

#endif
