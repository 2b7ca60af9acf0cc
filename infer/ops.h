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
#include "infer/ops_attend.h"
#include "infer/pool.h"
#include "util/err.h"

/* A weight matrix in the file: y = scale * W x + bias with W [n_rows][k]. */
struct matrix {
    const void     *data; /* NULL: the model has none */
    enum quant_type type;
    size_t          k, n_rows, row_bytes;
    float           scale;
    const float    *bias; /* [n_rows]; NULL: none */
    const unsigned char *const *packed; /* NULL, or what points to NULL: it is not packed (infer/pack.h) */
    size_t first_row;                   /* in what is packed */
};

struct ops {
    const struct kernels *kernels;
    struct pool          *pool;
    size_t                max_k;
    int8_t               *q;      /* [OPS_BATCH][max_k], activations rounded for quantised weights */
    float                *d;      /* [OPS_BATCH][max_k / 32] */
    float                *rows;   /* [n_threads][a few][max_k], rows of weights as f32 */
    void                 *input;  /* the same as q and d, in the order of packed weights */
    uint16_t             *halves; /* [OPS_BATCH][max_k], activations rounded to BF16 */
    struct attend_rooms  *attend;
};

/* For models of a shape and sequences of n_ctx tokens at most.  CORAX_E_LIMIT when out of memory. */
int ops_init(struct ops *, const struct kernels *, struct pool *, const struct shape *, size_t n_ctx, struct err *);
void ops_finish(struct ops *);

/* Rows first ... first + n_rows - 1 of a product are there, in all columns: called by the thread that computed them. */
typedef void ops_rows_fn(void *arg, size_t first, size_t n_rows);

/* One product of several: y [n][w->n_rows]. */
struct product {
    const struct matrix *w;
    float               *y;
    const float         *x;    /* [n][w->k]; NULL: that of the call */
    ops_rows_fn         *then; /* NULL: nothing.  Pieces cover all rows and begin at multiples of OPS_ROWS */
    void                *arg;  /* of then */
};
#define OPS_ROWS   16
#define OPS_CHUNK_WORK 65536 /* multiplications that are worth handing to another thread: some 2 us */
#define OPS_INPUTS 8 /* different x in one call, at most */
/*
 * x [n][k] times each matrix.  Packed matrices, and those of type Q8_0, take x rounded to int8, 32 values at a time, those of type
 * BF16 rounded to BF16 where the processor multiplies that faster; different x of such matrices in one call have max_k values a column together, at most.
 */
void ops_multiply(struct ops *, const struct product *, size_t n_products, const float *x, size_t n);
/* The same from the matrices as they are in the file: of types but Q8_0 x is not rounded. */
void ops_multiply_unpacked(struct ops *, const struct product *, size_t n_products, const float *x, size_t n);

/* Row `row` of w as f32 and times its scale, out [w->k]: the embedding of a token. */
void ops_row(const struct matrix *w, size_t row, float *out);

/* For `then`, with this as its arg: functions of rows of y [n][width], and a sum that they are added to. */
struct ops_after {
    float         *y;
    size_t         n, width;
    function      *map;  /* NULL: none */
    gate_function *gate; /* y = gate(y), behind map; NULL: none */
    float         *sum;  /* [n][width], sum += y; NULL: none */
};
ops_rows_fn ops_after;

/* Units first ... end - 1 of a job. */
typedef void ops_range_fn(void *arg, size_t first, size_t end);
/* Shares out n units, each of so much work (1: some multiplication), to the threads, where that is worth it. */
void ops_share(struct ops *, size_t n, size_t work, ops_range_fn *fn, void *arg);

/* out[i] = norm of x[i], rows of `width`. */
void ops_rms_norm(struct ops *, const float *x, const float *weight, float eps, size_t n, size_t width, float *out);

/* out[i] = (x[i] - mean) / sqrt(variance + eps) * weight + bias, rows of `width`; bias may be NULL. */
void ops_layer_norm(struct ops *, const float *x, const float *weight, const float *bias, float eps, size_t n,
                    size_t width, float *out);

void ops_add(float *x, const float *y, size_t n);   /* x += y */
void ops_scale(float *x, float factor, size_t n);   /* x *= factor */
void ops_softcap(float *x, float cap, size_t n);    /* x = cap * tanh(x / cap) */

/* What they are is in infer/functions.h. */
enum ops_activation { OPS_SILU, OPS_GELU_ERF, OPS_GELU_TANH, OPS_RELU_SQUARED };
/* x[i] = activation(x[i]) * up[i], [n][width] each; up NULL: activation(x[i]). */
void ops_activate(struct ops *, enum ops_activation, float *x, const float *up, size_t n, size_t width);

/* Each row to the nearest of 255 even steps up to its largest magnitude: what BitNet b1.58 was trained with. */
void ops_round_to_int8(float *x, size_t n, size_t width);

/* Natural logarithms of the softmax of logits [n], in place; in double, since small probabilities are reported. */
void ops_log_softmax(float *logits, size_t n);

#endif
