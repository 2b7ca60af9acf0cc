/*
 * infer/kernels.h - the inner loops, in one table per kind of processor.
 *
 * kernels_plain.c is the reference: portable C, as close to the formulas as it can be.  The others must agree with it
 * within rounding (tests/infer/kernels-t.c holds each against a computation in double) and are chosen when the program
 * starts by what the processor can do.
 *
 * Within one table a result never depends on how many columns or rows go together, bit for bit: a transcript evaluated
 * in pieces gives exactly the logits of one that is evaluated at once.
 *
 * Nothing here allocates or fails; all are safe on distinct outputs from several threads.
 */
#ifndef INFER_KERNELS_H
#define INFER_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "infer/functions.h"
#include "infer/pack.h"
#include "infer/pages.h"
#include "infer/recurrences.h"

#define ATTEND_ROWS 64 /* that a call takes, at most: their scores stay in the cache */
#define ATTEND_SIDE 8  /* rows of queries side by side */

/* What rows of queries saw: the largest score, the sum of the weights 2^(score - max), and of values times weights. */
struct attend_sums {
    float *max, *sum; /* [n_rows] */
    float *out;       /* [n_rows][width] */
};

/*
 * Row r of n_rows sees positions first[r] <= p < end[r] of a page, none where end is not above first: then its sum and out
 * are 0.  A score is log2(e) cap(q k), with cap(s) = softcap * tanh(s / softcap), or s where softcap is 0; q has been
 * multiplied with the scale.  Source of the cap: Gemma 2, arXiv:2408.00118, section 2; of going block by block: Dao et
 * al., FlashAttention, arXiv:2205.14135.
 */
struct attend_block {
    enum quant_type    type;  /* of k and v, as infer/pages.h has them; with BF16 some tables round q and weights to BF16, too */
    size_t             width, n_rows;
    const void        *k, *v; /* of one key head in one page */
    const void        *next;  /* the keys that will be wanted after this page; NULL: none */
    const float       *q;     /* [n_rows / ATTEND_SIDE, rounded up][width][ATTEND_SIDE] */
    const uint16_t    *first, *end;
    float              softcap;
    float             *scores; /* [n_rows, rounded up to ATTEND_SIDE][STATE_BLOCK], scratch */
    uint32_t          *pairs;  /* [n_rows, rounded up][width / 2], scratch */
    struct attend_sums to;
};

struct kernels {
    const char *name;

    /*
     * Round activations to int8 for the Q8_0 product: x[k] f32, k a multiple of 32, into q[k] and one scale for each 32
     * values, d[k / 32].  A value that is not finite gives an unspecified q and a scale that is not finite either.
     */
    void (*quantize)(const float *x, size_t k, int8_t *q, float *d);
    /* The same with one scale for all k values, which is in each d. */
    void (*quantize_row)(const float *x, size_t k, int8_t *q, float *d);

    /*
     * y[c * y_stride + r] = sum over i of w[r][i] * x[c][i], for r < n_rows and c < n_cols.
     *
     * w  n_rows rows of k values in the format of the name, one after the other
     * x  [n_cols][k] f32, or the same rounded by quantize(): q [n_cols][k], d [n_cols][k / 32]
     */
    void (*mul_f32)(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride);
    void (*mul_f16)(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride);
    void (*mul_bf16)(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride);
    /* The same with x [n_cols][k] rounded to BF16, too; NULL: mul_bf16 is as fast. */
    void (*mul_bf16_rounded)(const void *w, size_t k, size_t n_rows, const uint16_t *x, size_t n_cols, float *y, size_t y_stride);
    void (*mul_q8_0)(const void *w, size_t k, size_t n_rows, const int8_t *q, const float *d, size_t n_cols, float *y,
                     size_t y_stride);

    /* Types of which matrices are packed for this table, of PACK_ALL; 0: none, and no mul_packed. */
    uint64_t packs;
    /*
     * One panel (infer/pack.h) of n_rows rows times n columns: y[c * y_stride + r] = what pack_multiply() gives, to the bit.
     * Of types that are not in packs it may come to anything.
     */
    void (*mul_packed)(enum quant_type, const unsigned char *panel, size_t k, const struct pack_input *, size_t n, size_t n_rows,
                       float *y, size_t y_stride);
    /* The same of n_rows rows in panels that stand one after the other, for PACK_MANY columns or more: NULL where mul_packed of each is as fast. */
    void (*mul_panels)(enum quant_type, const unsigned char *panels, size_t k, const struct pack_input *, size_t n, size_t n_rows,
                       float *y, size_t y_stride);

    /* Rows of queries over one page; what comes of several pages is put together by attend_merge(), in their order. */
    void (*attend)(const struct attend_block *);
    /* n_rows rows saw `more`, too.  Rows whose sum is 0 saw nothing. */
    void (*attend_merge)(size_t n_rows, size_t width, struct attend_sums so_far, struct attend_sums more);
    /* x[n] f32 in half precision, to nearest; beyond it the largest value. */
    void (*to_half)(const float *x, size_t n, uint16_t *out);
    void (*to_bf16)(const float *x, size_t n, uint16_t *out); /* the same in BF16, without a limit */

    /* out[i] = x[i] / sqrt(mean of x^2 + eps) * weight[i].  Source: Zhang, Sennrich, arXiv:1910.07467. */
    void (*rms_norm)(const float *x, const float *weight, size_t n, float eps, float *out);

    const struct functions   *functions;
    const struct recurrences *recurrences;
};

extern const struct kernels kernels_plain;
extern const struct kernels kernels_avx2;   /* x86-64 only; needs AVX2, FMA and F16C */
extern const struct kernels kernels_avx512; /* x86-64 only; needs AVX-512 F, BW, DQ, VL and VNNI, too */
extern const struct kernels kernels_avx512bf16; /* x86-64 only; needs AVX-512 BF16, too */
extern const struct kernels kernels_neon;         /* aarch64 only, of which every processor has it */
extern const struct kernels kernels_neon_dotprod; /* aarch64 only; needs dot products of bytes (FEAT_DotProd) */
extern const struct kernels kernels_neon_i8mm;    /* aarch64 only; needs products of matrices of bytes (FEAT_I8MM), too */

/* The i-th of those that run on this processor, the reference first; NULL: there are fewer. */
const struct kernels *kernels_at(size_t i);
/* The table of that name, or for NULL the best one for this processor.  NULL when this processor cannot run it. */
const struct kernels *kernels_find(const char *name);

/*
 * Between the first or the second of these and the last, around what is unrolled whole and the vectors it takes: clang looks for no
 * undefined behaviour when it builds with sanitizers, or for nothing.  Its checks make each load a branch, and on those it works for
 * minutes; of the files with many types checks of addresses are too many, too.  gcc checks all.
 */
#ifdef __clang__
#define KERNELS_UNROLLED     _Pragma("clang attribute push(__attribute__((no_sanitize(\"undefined\"))), apply_to = function)")
#define KERNELS_UNROLLED_ALL _Pragma("clang attribute push(__attribute__((no_sanitize(\"all\"))), apply_to = function)")
#define KERNELS_UNROLLED_END _Pragma("clang attribute pop")
#else
#define KERNELS_UNROLLED
#define KERNELS_UNROLLED_ALL
#define KERNELS_UNROLLED_END
#endif

/* clang has no dot products in functions that alone ask for them, before its version 16: it builds without tables of them. */
#if defined(__aarch64__) && (!defined(__clang__) || __clang_major__ >= 16)
#define KERNELS_NEON_DOTPROD
#endif

/* For the tables: infer/kernels_avx512.c, infer/kernels_avx2_float.c, infer/kernels_avx2_pack.c, infer/kernels_avx512bf16.c, infer/kernels_vnni.c,
   infer/kernels_neon_whole.c, infer/kernels_neon_dotprod.c, infer/kernels_neon_i8mm.c, infer/kernels_*_attend.c. */
void kernels_avx512_f32(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride);
void kernels_avx512_f16(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride);
void kernels_avx512_bf16(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride);
void kernels_avx2_f32(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride);
void kernels_avx2_f16(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride);
void kernels_avx2_bf16(const void *w, size_t k, size_t n_rows, const float *x, size_t n_cols, float *y, size_t y_stride);
void kernels_avx2_multiply(enum quant_type, const unsigned char *panel, size_t k, const struct pack_input *, size_t n, size_t n_rows,
                           float *y, size_t y_stride);
void kernels_avx2_multiply_many(enum quant_type, const unsigned char *panels, size_t k, const struct pack_input *, size_t n, size_t n_rows,
                                float *y, size_t y_stride);
void kernels_vnni_multiply(enum quant_type, const unsigned char *panel, size_t k, const struct pack_input *, size_t n, size_t n_rows,
                           float *y, size_t y_stride);
void kernels_vnni_multiply_many(enum quant_type, const unsigned char *panels, size_t k, const struct pack_input *, size_t n, size_t n_rows,
                                float *y, size_t y_stride);

void kernels_avx2_attend(const struct attend_block *);
void kernels_avx2_attend_merge(size_t n_rows, size_t width, struct attend_sums so_far, struct attend_sums more);
void kernels_avx2_to_half(const float *x, size_t n, uint16_t *out);
void kernels_avx2_to_bf16(const float *x, size_t n, uint16_t *out);
void kernels_avx512_attend(const struct attend_block *);
void kernels_avx512bf16_mul(const void *w, size_t k, size_t n_rows, const uint16_t *x, size_t n_cols, float *y, size_t y_stride);
void kernels_avx512bf16_round(const float *x, size_t n, uint16_t *out);
void kernels_avx512bf16_attend(const struct attend_block *);
void kernels_avx512_attend_merge(size_t n_rows, size_t width, struct attend_sums so_far, struct attend_sums more);

void kernels_neon_q8_0(const void *w, size_t k, size_t n_rows, const int8_t *q, const float *d, size_t n_cols, float *y, size_t y_stride);
void kernels_neon_multiply(enum quant_type, const unsigned char *panel, size_t k, const struct pack_input *, size_t n, size_t n_rows,
                           float *y, size_t y_stride);
void kernels_neon_attend(const struct attend_block *);
void kernels_neon_attend_merge(size_t n_rows, size_t width, struct attend_sums so_far, struct attend_sums more);
void kernels_neon_to_half(const float *x, size_t n, uint16_t *out);
void kernels_neon_to_bf16(const float *x, size_t n, uint16_t *out);
void kernels_neon_dotprod_q8_0(const void *w, size_t k, size_t n_rows, const int8_t *q, const float *d, size_t n_cols, float *y, size_t y_stride);
void kernels_neon_dotprod_multiply(enum quant_type, const unsigned char *panel, size_t k, const struct pack_input *, size_t n, size_t n_rows,
                              float *y, size_t y_stride);
void kernels_neon_i8mm_multiply(enum quant_type, const unsigned char *panel, size_t k, const struct pack_input *, size_t n, size_t n_rows,
                                float *y, size_t y_stride);

#endif
