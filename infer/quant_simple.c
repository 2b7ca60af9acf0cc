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

#include "infer/quant_fit.h"
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

static void take_apart_q4_0(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block, sizeof out->d);
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = (uint8_t)low_bits(block + 2, i);
}

static void take_apart_q4_1(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block, sizeof out->d);
    memcpy(&out->m, block + 2, sizeof out->m);
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = (uint8_t)low_bits(block + 4, i);
}

static void take_apart_q5_0(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block, sizeof out->d);
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = (uint8_t)(low_bits(block + 6, i) | fifth_bit(block + 2, i) << 4);
}

static void take_apart_q5_1(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block, sizeof out->d);
    memcpy(&out->m, block + 2, sizeof out->m);
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = (uint8_t)(low_bits(block + 8, i) | fifth_bit(block + 4, i) << 4);
}

static void take_apart_q8_0(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    uint64_t eight[BLOCK / 8];

    memcpy(&out->d, block, sizeof out->d);
    memcpy(eight, block + 2, sizeof eight);
    for (size_t i = 0; i < BLOCK / 8; i++)
        eight[i] ^= 0x8080808080808080u;
    memcpy(out->codes, eight, sizeof eight);
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

/* --- the other way ------------------------------------------------------------------------------------------------ */

static void store_codes(const uint8_t codes[BLOCK], unsigned char *halves)
{
    for (size_t i = 0; i < BLOCK / 2; i++)
        halves[i] = (unsigned char)((codes[i] & 15) | (codes[i + BLOCK / 2] & 15) << 4);
}

static void store_fifth_bits(const uint8_t codes[BLOCK], unsigned char *bits)
{
    memset(bits, 0, BLOCK / 8);
    for (size_t i = 0; i < BLOCK; i++)
        bits[i / 8] |= (unsigned char)(codes[i] >> 4 << i % 8);
}

/* Eight bits are enough for the plain scale, which reaches the largest value. */
static void quantize_q8_0(const float *x, const float *w, void *out)
{
    unsigned char *block = out;
    float top = 0, d;

    for (size_t i = 0; i < BLOCK; i++)
        top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    d = quant_round_to_half(top / 127);
    quant_store_half(block, d);
    for (size_t i = 0; i < BLOCK; i++)
        block[2 + i] = (unsigned char)quant_nearest(x[i] * quant_inverse(d), -127, 127);
}

/* Codes stand for -middle to middle - 1; the scale goes to `block`. */
static void fit_codes(const float *x, const float *w, int middle, uint8_t codes[BLOCK], unsigned char *block)
{
    const struct quant_levels levels = { -middle, middle - 1, NULL };
    const float d = quant_round_to_half(quant_fit_scale(x, w, BLOCK, &levels));

    quant_store_half(block, d);
    for (size_t i = 0; i < BLOCK; i++)
        codes[i] = (uint8_t)(quant_nearest(x[i] * quant_inverse(d), levels.lo, levels.hi) + middle);
}

/* Scale and offset go to `block`. */
static void fit_offset_codes(const float *x, const float *w, int hi, uint8_t codes[BLOCK], unsigned char *block)
{
    float d, offset;

    quant_fit_offset(x, w, BLOCK, hi, false, &d, &offset);
    d = quant_round_to_half(d);
    offset = quant_round_to_half(offset);
    quant_store_half(block, d);
    quant_store_half(block + 2, offset);
    for (size_t i = 0; i < BLOCK; i++)
        codes[i] = (uint8_t)quant_nearest((x[i] - offset) * quant_inverse(d), 0, hi);
}

static void quantize_q4_0(const float *x, const float *w, void *out)
{
    unsigned char *block = out;
    uint8_t codes[BLOCK];

    fit_codes(x, w, 8, codes, block);
    store_codes(codes, block + 2);
}

static void quantize_q4_1(const float *x, const float *w, void *out)
{
    unsigned char *block = out;
    uint8_t codes[BLOCK];

    fit_offset_codes(x, w, 15, codes, block);
    store_codes(codes, block + 4);
}

static void quantize_q5_0(const float *x, const float *w, void *out)
{
    unsigned char *block = out;
    uint8_t codes[BLOCK];

    fit_codes(x, w, 16, codes, block);
    store_fifth_bits(codes, block + 2);
    store_codes(codes, block + 6);
}

static void quantize_q5_1(const float *x, const float *w, void *out)
{
    unsigned char *block = out;
    uint8_t codes[BLOCK];

    fit_offset_codes(x, w, 31, codes, block);
    store_fifth_bits(codes, block + 4);
    store_codes(codes, block + 8);
}

const struct quant_format quant_q4_0 = { QUANT_Q4_0, "Q4_0", BLOCK, 18, 0, dequantize_q4_0, quantize_q4_0, 1, { 0 },
                                         take_apart_q4_0 };
const struct quant_format quant_q4_1 = { QUANT_Q4_1, "Q4_1", BLOCK, 20, 0, dequantize_q4_1, quantize_q4_1, 2, { 0, 2 },
                                         take_apart_q4_1 };
const struct quant_format quant_q5_0 = { QUANT_Q5_0, "Q5_0", BLOCK, 22, 0, dequantize_q5_0, quantize_q5_0, 1, { 0 },
                                         take_apart_q5_0 };
const struct quant_format quant_q5_1 = { QUANT_Q5_1, "Q5_1", BLOCK, 24, 0, dequantize_q5_1, quantize_q5_1, 2, { 0, 2 },
                                         take_apart_q5_1 };
const struct quant_format quant_q8_0 = { QUANT_Q8_0, "Q8_0", BLOCK, QUANT_Q8_0_BYTES, 0, dequantize_q8_0, quantize_q8_0, 1, { 0 },
                                         take_apart_q8_0 };
