/*
 * infer/pack.h - matrices in the order in which they are multiplied.
 *
 * A panel is PACK_ROWS rows of a matrix side by side, so that one vector register has the same values of all of them; the last
 * one of a matrix is filled up with rows of 0.  A panel is a row of steps of 32 values, or of blocks of eight steps where the
 * format has them:
 *
 *     type          block                       step                                                     bits a weight
 *     Q4_0, IQ4_NL                              d f16[16], codes 4 bits                                  4.5
 *     Q4_1                                      d f16[16], minimum f16[16], codes 4 bits                 5
 *     Q5_0                                      d f16[16], codes 4 bits, 1 bit                           5.5
 *     Q5_1                                      d f16[16], minimum f16[16], codes 4 bits, 1 bit          6
 *     Q8_0                                      d f16[16], codes 8 bits                                  8.5
 *     Q2_K          d f16[16], m f16[16]        scale | minimum << 4 u8[16] of each 16 values, 2 bits    2.625
 *     Q3_K          d f16[16]                   scale s8[16] of each 16 values, 2 bits, 1 bit            3.5625
 *     Q4_K          d f16[16], m f16[16]        scale u8[16], minimum u8[16], codes 4 bits               4.625
 *     Q5_K          d f16[16], m f16[16]        scale u8[16], minimum u8[16], 4 bits, 1 bit              5.625
 *     Q6_K          d f16[16]                   scale s8[16] of each 16 values, 4 bits, 2 bits           6.5625
 *     IQ4_XS        d f16[16]                   scale s8[16], codes 4 bits                               4.3125
 *     MXFP4                                     exponent u8[16], codes 4 bits                            4.25
 *     TQ1_0, TQ2_0  d f16[16]                   codes 2 bits                                             2.0625
 *     I2_S                                      codes 2 bits                                             2
 *
 * The minimum, which is taken off, of Q4_1 and Q5_1 is what the file adds to each value, with the other sign.
 *
 * A vector is 64 bytes: four values in a row of each of 16 rows, what one instruction multiplies with four activations.  A
 * step has eight of them, g = 0 ... 7.  Of 4 bits, vectors g and g + 4 share the low and the high bits of 64 bytes; of
 * 2 bits, vectors g, g + 2, g + 4 and g + 6, from the low bits up (Q6_K's high bits: g, g + 1, g + 2, g + 3 of each half); of
 * 1 bit all, vector g in bit g.  Codes are unsigned; pack_offset() says what they are larger than the value by.
 *
 * A table of kernels need not multiply all of them: `packs` in infer/kernels.h says which, and matrices of other types stay as they are
 * in the file and go the way of those without a packed form.
 *
 * Activations are rounded to int8, 32 at a time with one scale, in tiles of PACK_COLS columns: [tile][step][column].  Those that meet a
 * matrix of a type that pack_rounds_columns() have one scale for the whole column, in each step, and whole numbers are added up to the end.
 */
#ifndef INFER_PACK_H
#define INFER_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/quant.h"

#define PACK_ROWS 16
#define PACK_COLS 8
#define PACK_STEP 32
#define PACK_MANY (2 * PACK_COLS) /* columns that are worth taking a panel apart for ahead of them */

/* n columns of k values, k a multiple of PACK_STEP. */
struct pack_input {
    int8_t  *q;    /* [tile][step][PACK_COLS][32] */
    float   *d;    /* [tile][step][PACK_COLS]; all of a column the same for types that pack_rounds_columns() */
    int32_t *sums; /* [tile][step][PACK_COLS][2]: of the first and the last 16 values of q */
};

/* Types as a set. */
#define PACK_BIT(TYPE) (UINT64_C(1) << (TYPE))
#define PACK_ALL                                                                                                                     \
    (PACK_BIT(QUANT_Q4_0) | PACK_BIT(QUANT_Q4_1) | PACK_BIT(QUANT_Q5_0) | PACK_BIT(QUANT_Q5_1) | PACK_BIT(QUANT_Q8_0) |              \
     PACK_BIT(QUANT_Q2_K) | PACK_BIT(QUANT_Q3_K) | PACK_BIT(QUANT_Q4_K) | PACK_BIT(QUANT_Q5_K) | PACK_BIT(QUANT_Q6_K) |              \
     PACK_BIT(QUANT_IQ4_NL) | PACK_BIT(QUANT_IQ4_XS) | PACK_BIT(QUANT_MXFP4) | PACK_BIT(QUANT_TQ1_0) | PACK_BIT(QUANT_TQ2_0) |       \
     PACK_BIT(QUANT_I2_S))

/* Whether a matrix of that type, with rows of k values, has a packed form. */
bool pack_can(enum quant_type, size_t k);
/*
 * Whether columns are rounded whole, as models of that type were trained: BitNet b1.58, whose activations have the largest magnitude of a
 * token as their scale.  Source: Ma et al., BitNet b1.58 2B4T, arXiv:2504.12285, section 2.
 */
static inline bool pack_rounds_columns(enum quant_type type)
{
    return type == QUANT_I2_S;
}
/* Bytes of one panel, of a type and k that pack_can(): a multiple of 16. */
size_t pack_panel_bytes(enum quant_type, size_t k);
/* Packs n_rows <= PACK_ROWS rows, row_bytes apart; out [pack_panel_bytes()]. */
void pack_panel(enum quant_type, const void *rows, size_t row_bytes, size_t n_rows, size_t k, unsigned char *out);

/* Bytes that the parts of a pack_input of n columns take, and their places in one piece of memory. */
size_t pack_input_bytes(size_t n, size_t k);
struct pack_input pack_input_at(void *memory, size_t n, size_t k);
/* Column c of k values, rounded already: q [k], d [k / 32] (infer/kernels.h, quantize). */
void pack_column(const struct pack_input *, size_t c, size_t k, const int8_t *q, const float *d);
/* Of the last tile those columns that are not there: scales of 0.  They are multiplied, too, and what happens to be there may be numbers that
   processors take a hundred times as long for. */
void pack_pad(const struct pack_input *, size_t n, size_t k);

/* The reference: y[c * y_stride + r] for the rows of one panel, r < PACK_ROWS, and columns first ... first + n - 1 < all. */
void pack_multiply(enum quant_type, const unsigned char *panel, size_t k, const struct pack_input *, size_t first, size_t n, float *y,
                   size_t y_stride);

#endif
