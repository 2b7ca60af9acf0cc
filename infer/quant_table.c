/*
 * 4-bit codes that index a table of 16 values, closer together near 0, where most weights are:
 *
 *     IQ4_NL  32 values, a scale in half precision, 16 bytes      value = scale * table[code]
 *     IQ4_XS  256 values in 8 groups of 32, 6-bit scales          value = d * (scale - 32) * table[code]
 *     MXFP4   32 values, one power of 2, 16 bytes                 value = 2^(exponent - 127) * e2m1[code]
 *
 * Byte i of 16 has the code of value i in its lower half, that of value i + 16 in its upper one.
 *
 * Source: the published layouts of GGUF files; MXFP4: OCP Microscaling Formats (MX) Specification 1.0, section 5.3 and 5.4.
 */
#include "infer/quant_fit.h"
#include "infer/quant_formats.h"

const int8_t quant_nonlinear[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };
const int8_t quant_e2m1[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

static void look_up(const int8_t table[16], const unsigned char codes[16], float scale, float out[32])
{
    for (size_t i = 0; i < 16; i++) {
        out[i] = scale * (float)table[codes[i] & 15];
        out[i + 16] = scale * (float)table[codes[i] >> 4];
    }
}

static void dequantize_iq4_nl(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / 32; b++, block += quant_iq4_nl.bytes)
        look_up(quant_nonlinear, block + 2, quant_load_half(block), out + b * 32);
}

/* 16 bytes as above. */
static void take_halves(const unsigned char halves[16], uint8_t codes[32])
{
    for (size_t i = 0; i < 16; i++) {
        codes[i] = halves[i] & 15;
        codes[i + 16] = halves[i] >> 4;
    }
}

static void take_apart_iq4_nl(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block, sizeof out->d);
    take_halves(block + 2, out->codes);
}

static int scale_iq4_xs(const unsigned char *block, size_t group)
{
    const int high = block[2 + group / 4] >> (group % 4 * 2) & 3, low = block[4 + group / 2] >> (group % 2 * 4) & 15;

    return (low | high << 4) - 32;
}

static void take_apart_iq4_xs(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    memcpy(&out->d, block, sizeof out->d);
    for (size_t group = 0; group < 8; group++) {
        out->scales[group] = (uint8_t)scale_iq4_xs(block, group);
        take_halves(block + 8 + group * 16, out->codes + group * 32);
    }
}

/* d, the high two bits of the 8 scales in 2 bytes, their low four bits in 4 bytes, [8][16] codes. */
static void dequantize_iq4_xs(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / 256; b++, block += quant_iq4_xs.bytes, out += 256) {
        float d = quant_load_half(block);

        for (size_t group = 0; group < 8; group++)
            look_up(quant_nonlinear, block + 8 + group * 16, d * (float)scale_iq4_xs(block, group), out + group * 32);
    }
}

static void dequantize_mxfp4(const void *row, size_t n, float *out)
{
    const unsigned char *block = row;

    for (size_t b = 0; b < n / 32; b++, block += quant_mxfp4.bytes)
        look_up(quant_e2m1, block + 1, quant_half_power(block[0]), out + b * 32);
}

static void take_apart_mxfp4(const void *row, struct quant_codes *out)
{
    const unsigned char *block = row;

    out->scales[0] = block[0];
    take_halves(block + 1, out->codes);
}

/* --- the other way ------------------------------------------------------------------------------------------------ */

static const struct quant_levels quant_nonlinear_levels = { -127, 113, quant_nonlinear };

static void store_nearest(const float x[32], float d, unsigned char codes[16])
{
    const float inverse = quant_inverse(d);

    for (size_t i = 0; i < 16; i++)
        codes[i] = (unsigned char)(quant_nearest_in(quant_nonlinear, x[i] * inverse) |
                                   quant_nearest_in(quant_nonlinear, x[i + 16] * inverse) << 4);
}

static void quantize_iq4_nl(const float *x, const float *w, void *out)
{
    unsigned char *block = out;
    float d = quant_round_to_half(quant_fit_scale(x, w, 32, &quant_nonlinear_levels));

    quant_store_half(block, d);
    store_nearest(x, d, block + 2);
}

static void quantize_iq4_xs(const float *x, const float *w, void *out)
{
    unsigned char *block = memset(out, 0, quant_iq4_xs.bytes);
    int8_t scales[8];
    float d = quant_fit_groups(x, w, 8, 32, &quant_nonlinear_levels, -32, 31, scales);

    quant_store_half(block, d);
    for (size_t group = 0; group < 8; group++) {
        int scale = scales[group] + 32;

        block[2 + group / 4] |= (unsigned char)(scale >> 4 << group % 4 * 2);
        block[4 + group / 2] |= (unsigned char)((scale & 15) << group % 2 * 4);
        store_nearest(x + group * 32, d * (float)scales[group], block + 8 + group * 16);
    }
}

const struct quant_format quant_iq4_nl = { QUANT_IQ4_NL, "IQ4_NL", 32, 18, 0, dequantize_iq4_nl, quantize_iq4_nl, 1, { 0 },
                                           take_apart_iq4_nl };
const struct quant_format quant_iq4_xs = { QUANT_IQ4_XS, "IQ4_XS", 256, 136, 0, dequantize_iq4_xs, quantize_iq4_xs, 1, { 0 },
                                           take_apart_iq4_xs };
const struct quant_format quant_mxfp4 = { QUANT_MXFP4, "MXFP4", 32, 17, 0, dequantize_mxfp4, NULL, 0, { 0 }, take_apart_mxfp4 };
