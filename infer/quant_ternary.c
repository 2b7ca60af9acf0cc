/*
 * Values -1, 0 and 1 times a scale, for models that were trained so (BitNet b1.58):
 *
 *     TQ1_0  256 values, five to a byte: 240 in 48 bytes, 16 in 4 bytes, the scale in half precision
 *     TQ2_0  256 values, four to a byte, the scale in half precision
 *     I2_S   128 values in 32 bytes; one f32 scale behind the last row of the tensor
 *
 * Source: the published layouts of GGUF files; of I2_S, those that Microsoft's bitnet.cpp writes on x86.
 */
#include "infer/quant_fit.h"
#include "infer/quant_formats.h"

#define BLOCK 256

/*
 * A byte of TQ1_0 is a fraction of 256 whose first digits in base 3 are the values: digit k is what passes 1 when
 * the rest after k digits is multiplied by 3.
 */
static int digit(unsigned char byte, unsigned k)
{
    static const unsigned char power[] = { 1, 3, 9, 27, 81 };
    unsigned char rest = (unsigned char)(byte * power[k]);

    return rest * 3 >> 8;
}

/* Digit k of `width` bytes are values k * width to (k + 1) * width - 1. */
static void dequantize_digits(const unsigned char *bytes, size_t width, unsigned n_digits, float scale, float *out)
{
    for (unsigned k = 0; k < n_digits; k++)
        for (size_t i = 0; i < width; i++)
            *out++ = scale * (float)(digit(bytes[i], k) - 1);
}

static void dequantize_tq1_0(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_tq1_0.bytes, out += BLOCK) {
        float scale = quant_load_half(block + 52);

        dequantize_digits(block, 32, 5, scale, out);
        dequantize_digits(block + 32, 16, 5, scale, out + 160);
        dequantize_digits(block + 48, 4, 4, scale, out + 240);
    }
}

/* Of 128 values, values j, j + 32, j + 64 and j + 96 are in byte j, from the low bits up. */
static void dequantize_tq2_0(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / BLOCK; b++, block += quant_tq2_0.bytes, out += BLOCK) {
        float scale = quant_load_half(block + 64);

        for (size_t i = 0; i < BLOCK; i++)
            out[i] = scale * (float)((block[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3) - 1);
    }
}

static void take_apart_tq1_0(const void *row, struct quant_codes *out)
{
    static const struct {
        uint8_t at, width, n_digits;
    } parts[] = { { 0, 32, 5 }, { 32, 16, 5 }, { 48, 4, 4 } };
    const unsigned char *block = row;
    uint8_t *to = out->codes;

    memcpy(&out->d, block + 52, sizeof out->d);
    for (size_t p = 0; p < 3; p++)
        for (unsigned k = 0; k < parts[p].n_digits; k++)
            for (size_t i = 0; i < parts[p].width; i++)
                *to++ = (uint8_t)digit(block[parts[p].at + i], k);
}

/* The code 3, which nobody writes, is 2 above 1 here, too. */
static void take_apart_tq2_0(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block + 64, sizeof out->d);
    for (size_t i = 0; i < BLOCK; i++)
        out->codes[i] = block[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

/* The same from the high bits down. */
static void dequantize_i2_s(const void *row, size_t n, float *out)
{
    const unsigned char *bytes = row;

    for (size_t i = 0; i < n; i++)
        out[i] = (float)((bytes[i / 128 * 32 + i % 32] >> (6 - i % 128 / 32 * 2) & 3) - 1);
}

static void take_apart_i2_s(const void *row, struct quant_codes *out)
{
    const unsigned char *bytes = row;

    for (size_t i = 0; i < 128; i++)
        out->codes[i] = bytes[i % 32] >> (6 - i / 32 * 2) & 3;
}

/* --- the other way ------------------------------------------------------------------------------------------------ */

/* Values as 0, 1 and 2; the scale goes to `at`. */
static void fit_codes(const float *x, const float *w, uint8_t codes[BLOCK], unsigned char *at)
{
    const float d = quant_round_to_half(quant_fit_ternary(x, w, BLOCK));

    quant_store_half(at, d);
    for (size_t i = 0; i < BLOCK; i++)
        codes[i] = (uint8_t)(quant_nearest(x[i] * quant_inverse(d), -1, 1) + 1);
}

/* The least byte that has these digits: n / 243 of 256, rounded up. */
static void store_digits(const uint8_t *codes, size_t width, unsigned n_digits, unsigned char *bytes)
{
    for (size_t i = 0; i < width; i++) {
        unsigned n = 0;

        for (unsigned k = 0; k < 5; k++)
            n = n * 3 + (k < n_digits ? codes[k * width + i] : 0);
        bytes[i] = (unsigned char)((n * 256 + 242) / 243);
    }
}

static void quantize_tq1_0(const float *x, const float *w, void *out)
{
    unsigned char *block = out;
    uint8_t codes[BLOCK];

    fit_codes(x, w, codes, block + 52);
    store_digits(codes, 32, 5, block);
    store_digits(codes + 160, 16, 5, block + 32);
    store_digits(codes + 240, 4, 4, block + 48);
}

static void quantize_tq2_0(const float *x, const float *w, void *out)
{
    unsigned char *block = memset(out, 0, quant_tq2_0.bytes);
    uint8_t codes[BLOCK];

    fit_codes(x, w, codes, block + 64);
    for (size_t i = 0; i < BLOCK; i++)
        block[i / 128 * 32 + i % 32] |= (unsigned char)(codes[i] << (i % 128 / 32 * 2));
}

const struct quant_format quant_tq1_0 = { QUANT_TQ1_0, "TQ1_0", BLOCK, 54, 0, dequantize_tq1_0, quantize_tq1_0, 1, { 52 },
                                          take_apart_tq1_0 };
const struct quant_format quant_tq2_0 = { QUANT_TQ2_0, "TQ2_0", BLOCK, 66, 0, dequantize_tq2_0, quantize_tq2_0, 1, { 64 },
                                          take_apart_tq2_0 };
const struct quant_format quant_i2_s = { QUANT_I2_S, "I2_S", 128, 32, 32, dequantize_i2_s, NULL, 0, { 0 },
                                         take_apart_i2_s };
