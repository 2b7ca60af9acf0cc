/*
 * infer/pack_layout.h - where the parts of a packed block are, for those who read and write them: constants, where the type is one.
 */
#ifndef INFER_PACK_LAYOUT_H
#define INFER_PACK_LAYOUT_H

#include "infer/pack.h"

#define PACK_BLOCK_STEPS 8 /* of types with a head */

/* Bytes before the first step of a block of eight; 0: there are no blocks. */
static inline size_t pack_head_bytes(enum quant_type type)
{
    switch (type) {
    case QUANT_Q4_0:
    case QUANT_IQ4_NL:
    case QUANT_Q8_0:
        return 0;
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        return 64;
    default:
        return 32;
    }
}

static inline size_t pack_step_bytes(enum quant_type type)
{
    switch (type) {
    case QUANT_Q8_0:
        return 544;
    case QUANT_Q5_K:
        return 352;
    case QUANT_Q6_K:
        return 416;
    case QUANT_IQ4_XS:
        return 272;
    case QUANT_TQ1_0:
    case QUANT_TQ2_0:
        return 128;
    default:
        return 288;
    }
}

/* Where in a step the low bits of codes are, behind its scales. */
static inline size_t pack_low_at(enum quant_type type)
{
    return type == QUANT_TQ1_0 || type == QUANT_TQ2_0 ? 0 : type == QUANT_IQ4_XS ? 16 : 32;
}

/* Of Q5_K and Q6_K. */
#define PACK_HIGH_AT 288

/* What codes are larger than values by, once those that index a table have become its values and 128. */
static inline int pack_offset(enum quant_type type)
{
    switch (type) {
    case QUANT_Q4_0:
        return 8;
    case QUANT_Q8_0:
    case QUANT_IQ4_NL:
    case QUANT_IQ4_XS:
        return 128;
    case QUANT_Q6_K:
        return 32;
    case QUANT_TQ1_0:
    case QUANT_TQ2_0:
        return 1;
    default:
        return 0;
    }
}

#endif
