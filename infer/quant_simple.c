/*
 * Blocks of 32 values with a scale, and maybe an offset, in half precision:
 *
 *     Q8_0  scale, 32 signed bytes          value = scale * code
 *     Q4_0  scale, 16 bytes                 value = scale * (code - 8)
 *     Q4_1  scale, offset, 16 bytes         value = scale * code + offset
 *     Q5_0  scale, 4 bytes, 16 bytes        value = scale * (code - 16)
 *     Q5_1  scale, offset, 4 bytes, 16 bytes
 *
 * Byte i of the 16 has the low four bits of value i in its lower half, those of value i + 16 in its upper one; bit i of the
 * 4 bytes is the fifth bit of value i.
 */
#include <math.h>

#include "infer/quant_formats.h"

#define BLOCK 32

static void dequantize_q8_0(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += QUANT_Q8_0_BYTES, out += BLOCK) {
        float scale = quant_load_half(block);

        for (size_t i = 0; i < BLOCK; i++)
            out[i] = scale * (float)(int8_t)block[2 + i];
    }
}

/* The code of value i, without a fifth bit. */
static inline int low_bits(const unsigned char *halves, size_t i)
{
    return i < BLOCK / 2 ? halves[i] & 15 : halves[i - BLOCK / 2] >> 4;
}

static inline int fifth_bit(const unsigned char *bits, size_t i)
{
    return bits[i / 8] >> i % 8 & 1;
}

static void dequantize_q4_0(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_q4_0.bytes, out += BLOCK) {
        float scale = quant_load_half(block);

        for (size_t i = 0; i < BLOCK; i++)
            out[i] = scale * (float)(low_bits(block + 2, i) - 8);
    }
}

static void dequantize_q4_1(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_q4_1.bytes, out += BLOCK) {
        float scale = quant_load_half(block), offset = quant_load_half(block + 2);

        for (size_t i = 0; i < BLOCK; i++)
            out[i] = scale * (float)low_bits(block + 4, i) + offset;
    }
}

static void dequantize_q5_0(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_q5_0.bytes, out += BLOCK) {
        float scale = quant_load_half(block);

        for (size_t i = 0; i < BLOCK; i++)
            out[i] = scale * (float)((low_bits(block + 6, i) | fifth_bit(block + 2, i) << 4) - 16);
    }
}

static void dequantize_q5_1(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_q5_1.bytes, out += BLOCK) {
        float scale = quant_load_half(block), offset = quant_load_half(block + 2);

        for (size_t i = 0; i < BLOCK; i++)
            out[i] = scale * (float)(low_bits(block + 8, i) | fifth_bit(block + 4, i) << 4) + offset;
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

const struct quant_format quant_q4_0 = { QUANT_Q4_0, "Q4_0", BLOCK, 18, .dequantize = dequantize_q4_0 };
const struct quant_format quant_q4_1 = { QUANT_Q4_1, "Q4_1", BLOCK, 20, .dequantize = dequantize_q4_1 };
const struct quant_format quant_q5_0 = { QUANT_Q5_0, "Q5_0", BLOCK, 22, .dequantize = dequantize_q5_0 };
const struct quant_format quant_q5_1 = { QUANT_Q5_1, "Q5_1", BLOCK, 24, .dequantize = dequantize_q5_1 };
const struct quant_format quant_q8_0 = { QUANT_Q8_0, "Q8_0", BLOCK, QUANT_Q8_0_BYTES, .dequantize = dequantize_q8_0 };
