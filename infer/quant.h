/*
 * infer/quant.h - the number formats that a tensor of a GGUF file may have.
 *
 * A format is a row of blocks; a block holds `block` values in `bytes` bytes.  The table knows more formats than can be
 * read, so that a file can be inspected, and refused with the name of what it uses.
 *
 * Values come out exactly: the factors of a value have 24 bits together at most, so that their product fits single
 * precision, and what is added to it is rounded once; every machine gives the same bits.
 *
 * To add a format: docs/add-a-tensor-format.md.
 *
 * Source: GGUF specification and the published layouts of its formats; each file says which.
 */
#ifndef INFER_QUANT_H
#define INFER_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids as in the file, of the formats that can be read. */
enum quant_type {
    QUANT_F32 = 0,    QUANT_F16 = 1,     QUANT_Q4_0 = 2,    QUANT_Q4_1 = 3,    QUANT_Q5_0 = 6,
    QUANT_Q5_1 = 7,   QUANT_Q8_0 = 8,    QUANT_Q2_K = 10,   QUANT_Q3_K = 11,   QUANT_Q4_K = 12,
    QUANT_Q5_K = 13,  QUANT_Q6_K = 14,   QUANT_IQ4_NL = 20, QUANT_IQ4_XS = 23, QUANT_BF16 = 30,
    QUANT_TQ1_0 = 34, QUANT_TQ2_0 = 35,  QUANT_I2_S = 36,   QUANT_MXFP4 = 39,
};

#define QUANT_MAX_ID    64 /* above every id */
#define QUANT_MAX_BLOCK 256
#define QUANT_MAX_SCALES 2

#define QUANT_Q8_0_BLOCK 32
#define QUANT_Q8_0_BYTES 34

/*
 * A block taken apart.  What a code means is the format's own; codes are unsigned: of Q3_K, Q4_0, Q5_0 and Q6_K 4, 8, 16 and 32
 * above the value, of ternary formats 1, of Q8_0 128, of IQ4_NL and IQ4_XS an index of quant_nonlinear, of MXFP4 of quant_e2m1.
 */
struct quant_codes {
    uint16_t d, m;              /* scale of the block and of its minima, or what is added to each value, as halves */
    uint8_t  scales[16];        /* of groups, where there are any; of Q3_K, Q6_K and IQ4_XS signed; of MXFP4 the exponent */
    uint8_t  minima[16];
    uint8_t  codes[QUANT_MAX_BLOCK];
};
extern const int8_t quant_nonlinear[16];
extern const int8_t quant_e2m1[16]; /* twice the values */

struct quant_format {
    uint32_t    id;
    const char *name;
    uint32_t    block; /* values in a block */
    uint32_t    bytes; /* of a block */
    uint32_t    tail;  /* bytes behind the last row of a tensor: one scale for all of it, f32, and padding */
    /* n values of a row, n a multiple of block; without the tail's scale.  NULL: this program cannot read the format. */
    void (*dequantize)(const void *row, size_t n, float *out);
    /* The block nearest to x [block], w [block] as below.  NULL: this program cannot write the format. */
    void (*quantize)(const float *x, const float *w, void *out);
    /* Where in a block its scales are, f16. */
    uint32_t n_scales, scales[QUANT_MAX_SCALES];
    /* NULL: nobody needs it. */
    void (*take_apart)(const void *block, struct quant_codes *);
};

const struct quant_format *quant_find(uint32_t id); /* NULL: unknown */

#define QUANT_HALF_MAX 65504.0f /* the largest value of half precision */

float    quant_half_to_float(uint16_t half);
uint16_t quant_float_to_half(float); /* rounds to nearest, ties to even */
float    quant_bf16_to_float(uint16_t upper);
uint16_t quant_float_to_bf16(float); /* the same; what is no number stays one */

/* n values of a row into out[n]; the type must have dequantize, n be a multiple of its block. */
void quant_dequantize(enum quant_type type, const void *row, size_t n, float *out);
/*
 * The other way; the type must have quantize, n be a multiple of its block.
 *
 * x           [n], finite: a value that is not may spoil its block, and does no other harm
 * importance  [n], above 0: how much the square of each value's error counts; NULL: all the same
 * row         takes n / block * bytes
 *
 * Scales, and minima where there are any, are searched for (infer/quant_fit.h), which takes some 0.1 us a value.  A scale
 * that half precision has not becomes its largest value.
 */
void quant_quantize(enum quant_type type, const float *x, const float *importance, size_t n, void *row);
/*
 * The first of n blocks with a scale, or of a format without blocks a value, that is infinite or no number; n: none has.
 * A format that cannot be read has none.
 */
size_t quant_find_bad(enum quant_type type, const void *blocks, size_t n);

#endif
