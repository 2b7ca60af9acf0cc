/*
 * Blocks of 256 values, divided into groups with a small integer scale each, for which the block has one scale in half
 * precision; where values are not around 0, the same with minima that are subtracted.
 *
 *     Q2_K  16 groups of 16, 4-bit scales and minima, 2-bit codes     value = d * scale * code - m * min
 *     Q3_K  16 groups of 16, 6-bit scales, 3-bit codes                value = d * (scale - 32) * (code - 4)
 *     Q4_K  8 groups of 32, 6-bit scales and minima, 4-bit codes      value = d * scale * code - m * min
 *     Q5_K  the same with 5-bit codes
 *     Q6_K  16 groups of 16, 8-bit signed scales, 6-bit codes         value = d * scale * (code - 32)
 *
 * Where the parts of a code lie is said at each layout below.  Codes of two bits come four to a byte: of 128 values, values j,
 * j + 32, j + 64 and j + 96 are in byte j, from the low bits up.
 *
 * Source: the published layouts of GGUF files ("K-quants").
 */
#include "infer/quant_fit.h"
#include "infer/quant_formats.h"

#define BLOCK 256

/* The two bits of value i where four are in a byte as above. */
static inline int two_bits(const unsigned char *bytes, size_t i)
{
    return bytes[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

/* The four bits of value i where of each 2 * width values the first half is in the low bits of `width` bytes. */
static inline int four_bits(const unsigned char *bytes, size_t i, size_t width)
{
    return bytes[i / (2 * width) * width + i % width] >> (i / width % 2 * 4) & 15;
}

/* Bit i / 32 of byte i % 32. */
static inline int one_bit(const unsigned char *bytes, size_t i)
{
    return bytes[i % 32] >> i / 32 & 1;
}

/* [16] scale | minimum << 4, [64] codes, d, m */
static void dequantize_q2_k(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_q2_k.bytes, out += BLOCK) {
        float d = quant_load_half(block + 80), m = quant_load_half(block + 82);

        for (size_t i = 0; i < BLOCK; i++) {
            float scale = d * (float)(block[i / 16] & 15), min = m * (float)(block[i / 16] >> 4);

            out[i] = scale * (float)two_bits(block + 16, i) - min;
        }
    }
}

/*
 * [32] third bits of the codes, [64] low bits of the codes, [12] scales, d
 *
 * The low four bits of the 16 scales are in the first 8 bytes, those of scale j and j + 8 in byte j; the high two bits
 * of scales j, j + 4, j + 8 and j + 12 are in byte 8 + j.
 */
static int scale_q3_k(const unsigned char *scales, size_t group)
{
    int low = scales[group % 8] >> (group / 8 * 4) & 15, high = scales[8 + group % 4] >> (group / 4 * 2) & 3;

    return (low | high << 4) - 32;
}

static void dequantize_q3_k(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_q3_k.bytes, out += BLOCK) {
        float d = quant_load_half(block + 108);

        for (size_t i = 0; i < BLOCK; i++)
            out[i] = d * (float)scale_q3_k(block + 96, i / 16) *
                     (float)((two_bits(block + 32, i) | one_bit(block, i) << 2) - 4);
    }
}

/*
 * The 8 scales and 8 minima of Q4_K and Q5_K in 12 bytes.  Bytes 0 to 3 have scales 0 to 3 in their low six bits, bytes 4 to 7
 * minima 0 to 3; the high two bits of these bytes are the high two of scales and minima 4 to 7, whose low four are
 * the lower and the upper halves of bytes 8 to 11.
 */
static void scale_and_min(const unsigned char *scales, size_t group, float *scale, float *min)
{
    const unsigned char *at = scales + group % 4;

    if (group < 4) {
        *scale = (float)(at[0] & 63);
        *min = (float)(at[4] & 63);
    } else {
        *scale = (float)((at[8] & 15) | (at[0] >> 6) << 4);
        *min = (float)(at[8] >> 4 | (at[4] >> 6) << 4);
    }
}

static void take_scales_and_minima(const unsigned char *block, struct quant_codes *out)
{
    memcpy(&out->d, block, sizeof out->d);
    memcpy(&out->m, block + 2, sizeof out->m);
    for (size_t group = 0; group < 8; group++) {
        float scale, min;

        scale_and_min(block + 4, group, &scale, &min);
        out->scales[group] = (uint8_t)scale;
        out->minima[group] = (uint8_t)min;
    }
}

static void take_apart_q2_k(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block + 80, sizeof out->d);
    memcpy(&out->m, block + 82, sizeof out->m);
    for (size_t group = 0; group < 16; group++) {
        out->scales[group] = block[group] & 15;
        out->minima[group] = block[group] >> 4;
    }
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = (uint8_t)two_bits(block + 16, i);
}

static void take_apart_q3_k(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block + 108, sizeof out->d);
    for (size_t group = 0; group < 16; group++)
        out->scales[group] = (uint8_t)scale_q3_k(block + 96, group);
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = (uint8_t)(two_bits(block + 32, i) | one_bit(block, i) << 2);
}

static void take_apart_q4_k(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    take_scales_and_minima(block, out);
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = (uint8_t)four_bits(block + 16, i, 32);
}

static void take_apart_q5_k(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    take_scales_and_minima(block, out);
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = (uint8_t)(four_bits(block + 48, i, 32) | one_bit(block + 16, i) << 4);
}

static void take_apart_q6_k(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block + 208, sizeof out->d);
    memcpy(out->scales, block + 192, sizeof out->scales);
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = (uint8_t)(four_bits(block, i, 64) | two_bits(block + 128, i) << 4);
}

/* d, m, [12] scales and minima, [128] codes */
static void dequantize_q4_k(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_q4_k.bytes, out += BLOCK) {
        float d = quant_load_half(block), m = quant_load_half(block + 2);

        for (size_t group = 0; group < 8; group++) {
            float scale, min;

            scale_and_min(block + 4, group, &scale, &min);
            scale *= d;
            min *= m;
            for (size_t i = group * 32; i < group * 32 + 32; i++)
                out[i] = scale * (float)four_bits(block + 16, i, 32) - min;
        }
    }
}

/* d, m, [12] scales and minima, [32] fifth bits of the codes, [128] low bits */
static void dequantize_q5_k(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_q5_k.bytes, out += BLOCK) {
        float d = quant_load_half(block), m = quant_load_half(block + 2);

        for (size_t group = 0; group < 8; group++) {
            float scale, min;

            scale_and_min(block + 4, group, &scale, &min);
            scale *= d;
            min *= m;
            for (size_t i = group * 32; i < group * 32 + 32; i++)
                out[i] = scale * (float)(four_bits(block + 48, i, 32) | one_bit(block + 16, i) << 4) - min;
        }
    }
}

/* [128] low four bits of the codes, [64] high two bits, [16] scales, d */
static void dequantize_q6_k(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_q6_k.bytes, out += BLOCK) {
        float d = quant_load_half(block + 208);

        for (size_t i = 0; i < BLOCK; i++)
            out[i] = d * (float)(int8_t)block[192 + i / 16] *
                     (float)((four_bits(block, i, 64) | two_bits(block + 128, i) << 4) - 32);
    }
}

/* --- the other way ------------------------------------------------------------------------------------------------ */

/* Each adds a part of the code of value i to bytes that begin as 0. */
static inline void add_two_bits(unsigned char *bytes, size_t i, int code)
{
    bytes[i / 128 * 32 + i % 32] |= (unsigned char)(code << (i % 128 / 32 * 2));
}

static inline void add_four_bits(unsigned char *bytes, size_t i, size_t width, int code)
{
    bytes[i / (2 * width) * width + i % width] |= (unsigned char)((code & 15) << (i / width % 2 * 4));
}

static inline void add_one_bit(unsigned char *bytes, size_t i, int code)
{
    bytes[i % 32] |= (unsigned char)(code << i / 32);
}

static void add_scale_and_min(unsigned char *scales, size_t group, int scale, int min)
{
    unsigned char *at = scales + group % 4;

    if (group < 4) {
        at[0] |= (unsigned char)scale;
        at[4] |= (unsigned char)min;
    } else {
        at[8] = (unsigned char)((scale & 15) | (min & 15) << 4);
        at[0] |= (unsigned char)(scale >> 4 << 6);
        at[4] |= (unsigned char)(min >> 4 << 6);
    }
}

/* Head of a block of Q4_K or Q5_K, all of which is 0 before, and its codes 0 to hi. */
static void fit_codes(const float *x, const float *w, int hi, unsigned char *block, uint8_t codes[BLOCK])
{
    uint8_t scales[8], mins[8];
    float d, m;

    quant_fit_offset_groups(x, w, 8, 32, hi, &d, &m, scales, mins);
    quant_store_half(block, d);
    quant_store_half(block + 2, m);
    for (size_t group = 0; group < 8; group++) {
        const float inverse = quant_inverse(d * (float)scales[group]), min = m * (float)mins[group];

        add_scale_and_min(block + 4, group, scales[group], mins[group]);
        for (size_t i = group * 32; i < group * 32 + 32; i++)
            codes[i] = (uint8_t)quant_nearest((x[i] + min) * inverse, 0, hi);
    }
}

static void quantize_q4_k(const float *x, const float *w, void *out)
{
    unsigned char *block = memset(out, 0, quant_q4_k.bytes);
    uint8_t codes[BLOCK];

    fit_codes(x, w, 15, block, codes);
    for (size_t i = 0; i < BLOCK; i++)
        add_four_bits(block + 16, i, 32, codes[i]);
}

static void quantize_q5_k(const float *x, const float *w, void *out)
{
    unsigned char *block = memset(out, 0, quant_q5_k.bytes);
    uint8_t codes[BLOCK];

    fit_codes(x, w, 31, block, codes);
    for (size_t i = 0; i < BLOCK; i++) {
        add_four_bits(block + 48, i, 32, codes[i]);
        add_one_bit(block + 16, i, codes[i] >> 4);
    }
}

static void quantize_q6_k(const float *x, const float *w, void *out)
{
    static const struct quant_levels levels = { -32, 31, NULL };
    unsigned char *block = memset(out, 0, quant_q6_k.bytes);
    int8_t scales[16];
    float d = quant_fit_groups(x, w, 16, 16, &levels, -128, 127, scales);

    memcpy(block + 192, scales, sizeof scales);
    quant_store_half(block + 208, d);
    for (size_t i = 0; i < BLOCK; i++) {
        int code = quant_nearest(x[i] * quant_inverse(d * (float)scales[i / 16]), -32, 31) + 32;

        add_four_bits(block, i, 64, code);
        add_two_bits(block + 128, i, code >> 4);
    }
}

const struct quant_format quant_q2_k = { QUANT_Q2_K, "Q2_K", BLOCK, 84, 0, dequantize_q2_k, NULL, 2, { 80, 82 },
                                         take_apart_q2_k };
const struct quant_format quant_q3_k = { QUANT_Q3_K, "Q3_K", BLOCK, 110, 0, dequantize_q3_k, NULL, 1, { 108 },
                                         take_apart_q3_k };
const struct quant_format quant_q4_k = { QUANT_Q4_K, "Q4_K", BLOCK, 144, 0, dequantize_q4_k, quantize_q4_k, 2, { 0, 2 },
                                         take_apart_q4_k };
const struct quant_format quant_q5_k = { QUANT_Q5_K, "Q5_K", BLOCK, 176, 0, dequantize_q5_k, quantize_q5_k, 2, { 0, 2 },
                                         take_apart_q5_k };
const struct quant_format quant_q6_k = { QUANT_Q6_K, "Q6_K", BLOCK, 210, 0, dequantize_q6_k, quantize_q6_k, 1, { 208 },
                                         take_apart_q6_k };
