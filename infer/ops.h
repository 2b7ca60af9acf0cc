/*
 * infer/ops.h - what a model family is written in: matrices, normalisation, rotation, attention, over a few tokens.
 *
 * A batch is up to OPS_BATCH tokens that are evaluated together; its activations are [n][width] f32, one row a token.
 * Everything an operation needs is in `struct ops`, allocated once for the widest of the model: nothing below allocates
 * or fails, and none of it may run on one `struct ops` from two threads.
 */
#ifndef INFER_OPS_H
#define INFER_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "infer/gguf.h"
#include "infer/kernels.h"
#include "infer/pool.h"
#include "infer/state.h"
#include "util/err.h"

#define OPS_BATCH 64 /* tokens: a row of weights read from memory serves all, and a cancel waits for no more */

/* A weight matrix in the file: y = W x with W [n_rows][k]. */
struct matrix {
    const void     *data;
    enum quant_type type;
    size_t          k, n_rows, row_bytes;
};

struct ops {
    const struct kernels *kernels;
    struct pool          *pool;
    size_t                max_k, n_ctx;
    int8_t               *q;      /* [OPS_BATCH][max_k], activations rounded for quantised weights */
    float                *d;      /* [OPS_BATCH][max_k / 32] */
    float                *scores; /* [n_threads][n_ctx] */
};

/* max_k: the longest row of any matrix.  CORAX_E_LIMIT when out of memory. */
int ops_init(struct ops *, const struct kernels *, struct pool *, size_t max_k, size_t n_ctx, struct err *);
void ops_finish(struct ops *);

/* One product of several that share the input: y [n][w->n_rows]. */
struct product {
    const struct matrix *w;
    float               *y;
};
/* x [n][k] times each matrix; all have the same k. */
void ops_multiply(struct ops *, const struct product *, size_t n_products, const float *x, size_t n);

/* Row `row` of w as f32, out [w->k]: the embedding of a token. */
void ops_row(const struct matrix *w, size_t row, float *out);

/* out[i] = norm of x[i], rows of `width`. */
void ops_rms_norm(struct ops *, const float *x, const float *weight, float eps, size_t n, size_t width, float *out);

void ops_add(float *x, const float *y, size_t n);                   /* x += y */
void ops_silu_mul(struct ops *, float *gate, const float *up, size_t n, size_t width);

/*
 * The angles of RoPE: table[i] = cos, sin of pos * frequency[i], for i < n_rot / 2.
 *
 * pos        absolute token position, from 0
 * frequency  [n_rot / 2], radians a token
 * table      [n_rot / 2][2]
 *
 * Computed in double: at position 4096 an angle in float would be off by 2e-4.
 */
void ops_rope_table(const double *frequency, size_t n_rot, size_t pos, float *table);

/*
 * Rotate the heads of one token by position, in place.
 *
 * x      [n_head][head_dim] f32; columns [0, n_rot) of each head change
 * table  from ops_rope_table()
 *
 * Pairs are neighbours (x[2i], x[2i+1]), the order of GGUF "llama" weights.  The other order still gives fluent text,
 * only worse, so tests/infer/ops-t.c holds it against a double reference at position 4096.
 *
 * Source: Su et al., RoFormer, arXiv:2104.09864, section 3.4.
 */
void ops_rope(float *x, size_t n_head, size_t head_dim, size_t n_rot, const float *table);

/* Writes keys and values of n tokens, [n][n_kv_head][head_dim] each, into a layer's cache from position pos on. */
void ops_store(const struct ops *, struct kv_layer *, const float *k, const float *v, size_t n, size_t pos,
               size_t n_kv_head, size_t head_dim);

/*
 * Causal grouped-query attention: token i of the batch sees positions [0, pos + i].
 *
 * q, out  [n][n_head][head_dim] f32
 * layer   holds positions [0, pos + n)
 * n_kv_head divides n_head; query heads h * n_head / n_kv_head ... share key head h
 *
 * Source: Ainslie et al., GQA, arXiv:2305.13245.
 */
void ops_attend(struct ops *, const float *q, const struct kv_layer *layer, size_t n, size_t pos, size_t n_head,
                size_t n_kv_head, size_t head_dim, float scale, float *out);

/* Natural logarithms of the softmax of logits [n], in place; in double, since small probabilities are reported. */
void ops_log_softmax(float *logits, size_t n);

#endif
