/*
 * infer/quant_formats.h - the formats for the table in quant.c, each defined in the file of its kind, and what they share.
 */
#ifndef INFER_QUANT_FORMATS_H
#define INFER_QUANT_FORMATS_H

#include <string.h>

#include "infer/quant.h"

extern const struct quant_format quant_q4_0, quant_q4_1, quant_q5_0, quant_q5_1, quant_q8_0; /* quant_simple.c */
extern const struct quant_format quant_q2_k, quant_q3_k, quant_q4_k, quant_q5_k, quant_q6_k; /* quant_k.c */
extern const struct quant_format quant_iq4_nl, quant_iq4_xs, quant_mxfp4;                    /* quant_table.c */
extern const struct quant_format quant_tq1_0, quant_tq2_0, quant_i2_s;                       /* quant_ternary.c */

/* The half at `at`, which need not be aligned. */
static inline float quant_load_half(const unsigned char *at)
{
    uint16_t half;

    memcpy(&half, at, sizeof half);
    return quant_half_to_float(half);
}

/* Takes a value that half precision has. */
static inline void quant_store_half(unsigned char *at, float value)
{
    uint16_t half = quant_float_to_half(value);

    memcpy(at, &half, sizeof half);
}

/*
 * Half of 2^(exponent - 127), for codes that have doubled values: 2^-128 and 2^-127 are subnormal.  Exponent 255 is no
 * number in the specification; files are read with 2^128 there, as by the programs that write them.
 */
static inline float quant_half_power(unsigned exponent)
{
    uint32_t bits = exponent < 2 ? 0x200000u << exponent : (exponent - 1) << 23;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* 1 / d, and 0 for a scale of 0, with which all codes mean the same. */
static inline float quant_inverse(float d)
{
    return d != 0 ? 1 / d : 0;
}

#endif
