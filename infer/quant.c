#include "infer/quant.h"

#include <string.h>

#include "infer/quant_formats.h"

static void dequantize_f32(const void *row, size_t n, float *out)
{
    memcpy(out, row, n * sizeof *out);
}

static void dequantize_f16(const void *row, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = quant_load_half((const unsigned char *)row + 2 * i);
}

/* The upper half of an f32. */
static void dequantize_bf16(const void *row, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t upper;

        memcpy(&upper, (const unsigned char *)row + 2 * i, sizeof upper);
        out[i] = quant_bf16_to_float(upper);
    }
}

static void quantize_f32(const float *x, const float *w, void *out)
{
    memcpy(out, x, sizeof *x);
}

static void quantize_f16(const float *x, const float *w, void *out)
{
    quant_store_half(out, *x);
}

static void quantize_bf16(const float *x, const float *w, void *out)
{
    uint16_t upper = quant_float_to_bf16(*x);

    memcpy(out, &upper, sizeof upper);
}

static const struct quant_format f32 = { QUANT_F32, "F32", 1, 4, 0, dequantize_f32, quantize_f32 };
static const struct quant_format f16 = { QUANT_F16, "F16", 1, 2, 0, dequantize_f16, quantize_f16 };
static const struct quant_format bf16 = { QUANT_BF16, "BF16", 1, 2, 0, dequantize_bf16, quantize_bf16 };

/* What can be told of a format that cannot be read. */
#define SIZE(ID, NAME, BLOCK, BYTES) [ID] = &(const struct quant_format){ (ID), (NAME), (BLOCK), (BYTES) }

/* By id. */
static const struct quant_format *const formats[QUANT_MAX_ID] = {
    [QUANT_F32] = &f32,
    [QUANT_F16] = &f16,
    [QUANT_Q4_0] = &quant_q4_0,
    [QUANT_Q4_1] = &quant_q4_1,
    [QUANT_Q5_0] = &quant_q5_0,
    [QUANT_Q5_1] = &quant_q5_1,
    [QUANT_Q8_0] = &quant_q8_0,
    SIZE(9, "Q8_1", 32, 36),
    [QUANT_Q2_K] = &quant_q2_k,
    [QUANT_Q3_K] = &quant_q3_k,
    [QUANT_Q4_K] = &quant_q4_k,
    [QUANT_Q5_K] = &quant_q5_k,
    [QUANT_Q6_K] = &quant_q6_k,
    SIZE(15, "Q8_K", 256, 292),
    SIZE(16, "IQ2_XXS", 256, 66),
    SIZE(17, "IQ2_XS", 256, 74),
    SIZE(18, "IQ3_XXS", 256, 98),
    SIZE(19, "IQ1_S", 256, 50),
    [QUANT_IQ4_NL] = &quant_iq4_nl,
    SIZE(21, "IQ3_S", 256, 110),
    SIZE(22, "IQ2_S", 256, 82),
    [QUANT_IQ4_XS] = &quant_iq4_xs,
    SIZE(24, "I8", 1, 1),
    SIZE(25, "I16", 1, 2),
    SIZE(26, "I32", 1, 4),
    SIZE(27, "I64", 1, 8),
    SIZE(28, "F64", 1, 8),
    SIZE(29, "IQ1_M", 256, 56),
    [QUANT_BF16] = &bf16,
    [QUANT_TQ1_0] = &quant_tq1_0,
    [QUANT_TQ2_0] = &quant_tq2_0,
    [QUANT_I2_S] = &quant_i2_s,
    [QUANT_MXFP4] = &quant_mxfp4,
    SIZE(40, "NVFP4", 64, 36),
    SIZE(41, "Q1_0", 128, 18),
    SIZE(42, "Q2_0", 64, 18),
};

const struct quant_format *quant_find(uint32_t id)
{
    return id < QUANT_MAX_ID ? formats[id] : NULL;
}

void quant_dequantize(enum quant_type type, const void *row, size_t n, float *out)
{
    formats[type]->dequantize(row, n, out);
}

void quant_quantize(enum quant_type type, const float *x, const float *importance, size_t n, void *row)
{
    const struct quant_format *f = formats[type];
    float same[QUANT_MAX_BLOCK];

    for (size_t i = 0; i < QUANT_MAX_BLOCK; i++)
        same[i] = 1;
    for (size_t b = 0; b < n / f->block; b++)
        f->quantize(x + b * f->block, importance ? importance + b * f->block : same, (unsigned char *)row + b * f->bytes);
}

/* --- what is no number --------------------------------------------------------------------------------------------- */

/* Infinite and what is no number have the exponent that nothing else has: all its bits are set. */
#define EXPONENT_F16  0x7c00u
#define EXPONENT_BF16 0x7f80u
#define EXPONENT_F32  0x7f800000u

static size_t find_bad_16(const unsigned char *at, size_t n, unsigned exponent)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t bits;

        memcpy(&bits, at + 2 * i, sizeof bits);
        if ((bits & exponent) == exponent)
            return i;
    }
    return n;
}

static size_t find_bad_32(const unsigned char *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, at + 4 * i, sizeof bits);
        if ((bits & EXPONENT_F32) == EXPONENT_F32)
            return i;
    }
    return n;
}

static size_t find_bad_scale(const struct quant_format *f, const unsigned char *at, size_t n)
{
    for (size_t b = 0; b < n; b++, at += f->bytes)
        for (uint32_t i = 0; i < f->n_scales; i++)
            if (find_bad_16(at + f->scales[i], 1, EXPONENT_F16) == 0)
                return b;
    return n;
}

/* 2^(e - 127) in eight bits, of which 255 is no number; from 253 on its product with the largest code, 6, is not finite. */
static size_t find_bad_power(const struct quant_format *f, const unsigned char *at, size_t n)
{
    for (size_t b = 0; b < n; b++)
        if (at[b * f->bytes] >= 253)
            return b;
    return n;
}

size_t quant_find_bad(enum quant_type type, const void *blocks, size_t n)
{
    switch (type) {
    case QUANT_F32:
        return find_bad_32(blocks, n);
    case QUANT_F16:
        return find_bad_16(blocks, n, EXPONENT_F16);
    case QUANT_BF16:
        return find_bad_16(blocks, n, EXPONENT_BF16);
    case QUANT_MXFP4:
        return find_bad_power(formats[type], blocks, n);
    default:
        return formats[type]->n_scales ? find_bad_scale(formats[type], blocks, n) : n;
    }
}

/* --- half precision ----------------------------------------------------------------------------------------------- */

float quant_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3ff, bits;
    float value;

    if (exponent == 0) { /* zero and subnormals: the mantissa counts units of 2^-24 */
        value = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    } else if (exponent == 31) {
        bits = sign | 0x7f800000 | mantissa << 13;
    } else {
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t quant_float_to_half(float value)
{
    uint32_t bits, sign, mantissa, rest, half;
    int exponent;

    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 16 & 0x8000;
    exponent = (int)(bits >> 23 & 255) - 127;
    mantissa = bits & 0x7fffff;
    if (exponent == 128)
        return (uint16_t)(sign | 0x7c00 | (mantissa ? 0x200 : 0));
    if (exponent > 15)
        return (uint16_t)(sign | 0x7c00);
    if (exponent < -25)
        return (uint16_t)sign;
    if (exponent >= -14) {
        half = (uint32_t)(exponent + 15) << 10 | mantissa >> 13;
        rest = mantissa & 0x1fff;
        half += rest > 0x1000 || (rest == 0x1000 && (half & 1)); /* a carry into the exponent is what is wanted */
    } else {
        int shift = -exponent - 1; /* 14..24: the subnormal unit is 2^-24 */

        mantissa |= 0x800000;
        half = mantissa >> shift;
        rest = mantissa & ((1u << shift) - 1);
        half += rest > 1u << (shift - 1) || (rest == 1u << (shift - 1) && (half & 1));
    }
    return (uint16_t)(sign | half);
}

float quant_bf16_to_float(uint16_t upper)
{
    const uint32_t bits = (uint32_t)upper << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t quant_float_to_bf16(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 64);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
