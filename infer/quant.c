#include "infer/quant.h"

#include <math.h>
#include <string.h>

static const struct quant_format formats[] = {
    { 0, "F32", 1, 4, true },          { 1, "F16", 1, 2, true },          { 2, "Q4_0", 32, 18, false },
    { 3, "Q4_1", 32, 20, false },      { 6, "Q5_0", 32, 22, false },      { 7, "Q5_1", 32, 24, false },
    { 8, "Q8_0", 32, 34, true },       { 9, "Q8_1", 32, 36, false },      { 10, "Q2_K", 256, 84, false },
    { 11, "Q3_K", 256, 110, false },   { 12, "Q4_K", 256, 144, false },   { 13, "Q5_K", 256, 176, false },
    { 14, "Q6_K", 256, 210, false },   { 15, "Q8_K", 256, 292, false },   { 16, "IQ2_XXS", 256, 66, false },
    { 17, "IQ2_XS", 256, 74, false },  { 18, "IQ3_XXS", 256, 98, false }, { 19, "IQ1_S", 256, 50, false },
    { 20, "IQ4_NL", 32, 18, false },   { 21, "IQ3_S", 256, 110, false },  { 22, "IQ2_S", 256, 82, false },
    { 23, "IQ4_XS", 256, 136, false }, { 24, "I8", 1, 1, false },         { 25, "I16", 1, 2, false },
    { 26, "I32", 1, 4, false },        { 27, "I64", 1, 8, false },        { 28, "F64", 1, 8, false },
    { 29, "IQ1_M", 256, 56, false },   { 30, "BF16", 1, 2, false },       { 34, "TQ1_0", 256, 54, false },
    { 35, "TQ2_0", 256, 66, false },   { 39, "MXFP4", 32, 17, false },
};

const struct quant_format *quant_find(uint32_t id)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].id == id)
            return &formats[i];
    return NULL;
}

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

static void dequantize_q8_0(const unsigned char *row, size_t n, float *out)
{
    for (size_t b = 0; b < n / QUANT_Q8_0_BLOCK; b++, row += QUANT_Q8_0_BYTES) {
        uint16_t half;
        float scale;

        memcpy(&half, row, sizeof half);
        scale = quant_half_to_float(half);
        for (size_t i = 0; i < QUANT_Q8_0_BLOCK; i++)
            out[b * QUANT_Q8_0_BLOCK + i] = scale * (float)(int8_t)row[2 + i];
    }
}

void quant_dequantize(enum quant_type type, const void *row, size_t n, float *out)
{
    switch (type) {
    case QUANT_F32:
        memcpy(out, row, n * sizeof *out);
        break;
    case QUANT_F16:
        for (size_t i = 0; i < n; i++)
            out[i] = quant_half_to_float(((const uint16_t *)row)[i]);
        break;
    case QUANT_Q8_0:
        dequantize_q8_0(row, n, out);
        break;
    }
}

void quant_quantize_q8_0(const float *x, size_t n, void *row)
{
    unsigned char *out = row;

    for (size_t b = 0; b < n / QUANT_Q8_0_BLOCK; b++, x += QUANT_Q8_0_BLOCK, out += QUANT_Q8_0_BYTES) {
        float max = 0, inverse;
        uint16_t half;

        for (size_t i = 0; i < QUANT_Q8_0_BLOCK; i++)
            max = fmaxf(max, fabsf(x[i]));
        half = quant_float_to_half(max / 127);
        inverse = max > 0 ? 127 / max : 0;
        memcpy(out, &half, sizeof half);
        for (size_t i = 0; i < QUANT_Q8_0_BLOCK; i++)
            out[2 + i] = (unsigned char)(int8_t)lrintf(x[i] * inverse);
    }
}
