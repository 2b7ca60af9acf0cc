/*
 * infer/recurrences.h - the inner loops of recurrent models, in one table per kind of processor (infer/kernels.h).
 *
 * All go token by token: what a token comes to depends on those before it, not on which of them the call had.  What a
 * channel or a head remembers stays in registers, or in the first cache, over all tokens of a call, and its sums are
 * over its state in order, whatever goes together.
 *
 * recurrences_plain.c is the reference, which tests/infer/ops_scan-t.c and ops_wkv-t.c hold against the formulas in
 * double.
 */
#ifndef INFER_RECURRENCES_H
#define INFER_RECURRENCES_H

#include <stddef.h>

#define WKV7_KEY_EPS 1e-12f /* keys below this length are not made as long as 1 */

/* n tokens of `width` channels of the scan of Mamba-1 (infer/ops_scan.h). */
struct selective_block {
    size_t       n, width;
    size_t       stride;          /* from one token to the next in delta, x and y */
    const float *delta, *x;       /* [n][width] */
    float       *y;               /* [n][width], not x or delta */
    size_t       n_state;
    const float *b, *c;           /* [n][n_state] */
    size_t       state_stride;    /* from one row to the next in a and h */
    const float *a;               /* [n_state][width] */
    float       *h;               /* [n_state][width]: after the tokens before; becomes that after these */
    const float *d;               /* [width] */
};

/* n tokens of `width` channels of one head of the scan of Mamba-2: one decay and delta for all. */
struct head_block {
    size_t       n, width;
    const float *decay, *delta;   /* [n] */
    size_t       stride;          /* from one token to the next in x and y */
    const float *x;               /* [n][width] */
    float       *y;               /* [n][width], not x */
    size_t       n_state;
    size_t       bc_stride;       /* from one token to the next in b and c */
    const float *b, *c;           /* [n][n_state] */
    size_t       state_stride;    /* from one row to the next in h */
    float       *h;               /* [n_state][width] */
    float        d;
};

/* n tokens of one head of a wkv of versions 5 to 7 (infer/ops_wkv.h). */
struct wkv_block {
    size_t       n, size;
    size_t       stride;          /* from one token to the next, in w: w_stride */
    size_t       w_stride;
    const float *r, *w, *k, *v;   /* [n][size] */
    const float *a, *b;           /* [n][size]: version 7 */
    const float *u;               /* [size]: versions 5 and 6 */
    float       *out;             /* [n][size], not one of the others */
    float       *state;           /* [size][size] */
};

struct recurrences {
    /* out[i] = silu(bias[i] + sum over j < n_taps of weight[j * stride + i] * x[j][i]), i < n; bias NULL: none */
    void (*conv)(const float *const *x, size_t n_taps, const float *weight, size_t stride, const float *bias, size_t n,
                 float *out);
    void (*selective_scan)(const struct selective_block *);
    void (*head_scan)(const struct head_block *);
    /* One token of n channels; a, b and p are the rows of the state. */
    void (*wkv4)(const float *k, const float *v, const float *w, const float *u, size_t n, float *a, float *b, float *p,
                 float *out);
    void (*wkv6)(const struct wkv_block *); /* versions 5 and 6 */
    void (*wkv7)(const struct wkv_block *);
    /* What version 7 makes of one head's k and a: kk = k k_k / |k k_k|; k += k (a - 1) k_a; a *= kk; kk = -kk. */
    void (*wkv7_keys)(float *k, float *a, const float *k_k, const float *k_a, size_t n, float *kk);
    /* y = (y + (sum of r k r_k) v) gate, of one head */
    void (*wkv7_bonus)(float *y, const float *r, const float *k, const float *v, const float *r_k, const float *gate,
                       size_t n);
};

extern const struct recurrences recurrences_plain;
extern const struct recurrences recurrences_avx2;   /* x86-64 only, as are these */
extern const struct recurrences recurrences_avx512;
extern const struct recurrences recurrences_neon;   /* aarch64 only */

#endif
