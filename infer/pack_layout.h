/*
 * infer/pack_layout.h - where the parts of a packed block are, for those who read and write them: constants, where the type is one.
 */
#ifndef INFER_PACK_LAYOUT_H
#define INFER_PACK_LAYOUT_H

#include "infer/pack.h"

#define PACK_BLOCK_STEPS 8 /* of types with a head */

/* DO(TYPE) for each type that has a packed form of its own: TQ1_0 has that of TQ2_0. */
#define PACK_EACH(DO)                                                                                                             \
    DO(QUANT_Q4_0) DO(QUANT_Q4_1) DO(QUANT_Q5_0) DO(QUANT_Q5_1) DO(QUANT_Q8_0) DO(QUANT_Q2_K) DO(QUANT_Q3_K) DO(QUANT_Q4_K)      \
    DO(QUANT_Q5_K) DO(QUANT_Q6_K) DO(QUANT_IQ4_NL) DO(QUANT_IQ4_XS) DO(QUANT_MXFP4) DO(QUANT_TQ2_0) DO(QUANT_I2_S)

/* Bytes before the first step of a block of eight; 0: there are no blocks. */
static inline size_t pack_head_bytes(enum quant_type type)
{
    switch (type) {
    case QUANT_Q2_K:
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        return 64;
    case QUANT_Q3_K:
    case QUANT_Q6_K:
    case QUANT_IQ4_XS:
    case QUANT_TQ1_0:
    case QUANT_TQ2_0:
        return 32;
    default:
        return 0;
    }
}

/* Whether something is taken off each value. */
static inline bool pack_has_minima(enum quant_type type)
{
    return type == QUANT_Q4_1 || type == QUANT_Q5_1 || type == QUANT_Q2_K || type == QUANT_Q4_K || type == QUANT_Q5_K;
}

/*
 * Whether scales of 16 values are small enough for products of codes, scales and activations to be added up in whole numbers over a
 * step.  Those of a block's steps times the activations' scales are a sum of their own, which is multiplied with d once.
 */
static inline bool pack_has_groups(enum quant_type type)
{
    return type == QUANT_Q2_K || type == QUANT_Q3_K;
}

static inline size_t pack_step_bytes(enum quant_type type)
{
    switch (type) {
    case QUANT_Q8_0:
        return 544;
    case QUANT_Q4_1:
        return 320;
    case QUANT_Q5_0:
    case QUANT_Q5_K:
        return 352;
    case QUANT_Q5_1:
        return 384;
    case QUANT_Q6_K:
        return 416;
    case QUANT_Q2_K:
        return 160;
    case QUANT_Q3_K:
        return 224;
    case QUANT_IQ4_XS:
    case QUANT_MXFP4:
        return 272;
    case QUANT_TQ1_0:
    case QUANT_TQ2_0:
    case QUANT_I2_S:
        return 128;
    default:
        return 288;
    }
}

/* Where in a step the low bits of codes are, behind its scales. */
static inline size_t pack_low_at(enum quant_type type)
{
    switch (type) {
    case QUANT_TQ1_0:
    case QUANT_TQ2_0:
    case QUANT_I2_S:
        return 0;
    case QUANT_IQ4_XS:
    case QUANT_MXFP4:
        return 16;
    case QUANT_Q4_1:
    case QUANT_Q5_1:
        return 64;
    default:
        return 32;
    }
}

/* And where the high bits are, where there are any. */
static inline size_t pack_high_at(enum quant_type type)
{
    return pack_low_at(type) + (type == QUANT_Q3_K ? 128 : 256);
}

/* What codes are larger than values by, once those that index a table have become its values and this. */
static inline int pack_offset(enum quant_type type)
{
    switch (type) {
    case QUANT_Q3_K:
        return 4;
    case QUANT_Q4_0:
        return 8;
    case QUANT_MXFP4:
        return 12;
    case QUANT_Q5_0:
        return 16;
    case QUANT_Q8_0:
    case QUANT_IQ4_NL:
    case QUANT_IQ4_XS:
        return 128;
    case QUANT_Q6_K:
        return 32;
    case QUANT_TQ1_0:
    case QUANT_TQ2_0:
    case QUANT_I2_S:
        return 1;
    default:
        return 0;
    }
}

#endif
