/*
 * infer/quant*.c: half precision against the definition, for all 65,536 values; each format's blocks against the values that the
 * gguf package reads in them (vectors/quant/, by vectors/make_quant.py); Q8_0 there and back.
 */
#include "infer/quant.h"

#include <math.h>

#include "tests/infer/golden.h"

static double half_by_definition(unsigned h)
{
    double sign = h & 0x8000 ? -1 : 1;
    unsigned exponent = h >> 10 & 31, mantissa = h & 0x3ff;

    if (exponent == 31)
        return mantissa ? NAN : sign * INFINITY;
    return exponent ? sign * ldexp(1 + mantissa / 1024.0, (int)exponent - 15) : sign * ldexp(mantissa / 1024.0, -14);
}

static void test_half(void)
{
    unsigned wrong = 0, back = 0, rounding = 0;

    for (unsigned h = 0; h < 65536; h++) {
        double want = half_by_definition(h);
        float got = quant_half_to_float((uint16_t)h);

        if (isnan(want)) {
            wrong += !isnan(got);
            continue;
        }
        wrong += (double)got != want;
        back += quant_float_to_half(got) != h;
        if ((h & 0x7c00) < 0x7800) { /* between h and the next: below the middle down, above it up */
            double next = half_by_definition(h + 1), middle = (want + next) / 2;

            rounding += quant_float_to_half((float)middle) != (h & 1 ? h + 1 : h);
            rounding += quant_float_to_half(nextafterf((float)middle, (float)want)) != h;
            rounding += quant_float_to_half(nextafterf((float)middle, (float)next)) != h + 1;
        }
    }
    is_int(wrong, 0, "every half has the value of its definition");
    is_int(back, 0, "and comes back as it was");
    is_int(rounding, 0, "between two halves the nearer one is taken, in the middle the even one");
    is_int(quant_float_to_half(1e6f), 0x7c00, "what is too large is infinity");
    is_int(quant_float_to_half(1e-9f), 0, "what is too small is 0");
}

static void test_q8_0(void)
{
    float x[64], y[64];
    unsigned char row[2 * QUANT_Q8_0_BYTES];
    uint64_t random = 3;
    double worst = 0;

    for (int round = 0; round < 200; round++) {
        double max[2] = { 0, 0 };

        for (int i = 0; i < 64; i++) {
            x[i] = tiny_normal(&random) * (float)(1 + round);
            max[i / 32] = fmax(max[i / 32], fabs((double)x[i]));
        }
        quant_quantize_q8_0(x, 64, row);
        quant_dequantize(QUANT_Q8_0, row, 64, y);
        for (int i = 0; i < 64; i++)
            worst = fmax(worst, fabs((double)x[i] - (double)y[i]) / max[i / 32]);
    }
    /* half a step of 1/127, and the scale's own rounding to half precision, 2^-11 of the value */
    ok(worst <= 0.5 / 127 + 0x1p-11, "Q8_0 is off by at most half a step (%.5f of the largest)", worst);
    memset(x, 0, sizeof x);
    quant_quantize_q8_0(x, 64, row);
    quant_dequantize(QUANT_Q8_0, row, 64, y);
    ok(y[0] == 0 && y[63] == 0, "zeros stay zeros");
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

static const enum quant_type types[] = {
    QUANT_F16,  QUANT_BF16, QUANT_Q4_0, QUANT_Q4_1,   QUANT_Q5_0,   QUANT_Q5_1,  QUANT_Q8_0,  QUANT_Q2_K, QUANT_Q3_K,
    QUANT_Q4_K, QUANT_Q5_K, QUANT_Q6_K, QUANT_IQ4_NL, QUANT_IQ4_XS, QUANT_MXFP4, QUANT_TQ1_0, QUANT_TQ2_0, QUANT_I2_S,
};

/* The same bits, or neither a number: which of the many that are none comes out is not said. */
static size_t differ(const float *got, const unsigned char *want, size_t n)
{
    size_t wrong = 0;

    for (size_t i = 0; i < n; i++) {
        float w;

        memcpy(&w, want + i * sizeof w, sizeof w);
        wrong += memcmp(&got[i], &w, sizeof w) != 0 && !(isnan(got[i]) && isnan(w));
    }
    return wrong;
}

/* From an address that is a multiple of nothing; all at once, and block by block. */
static void test_blocks(const struct quant_format *f)
{
    char name[64];
    const char *end;
    struct buf file;
    unsigned n_blocks = 0, id = 0;
    size_t bytes, n, wrong = 0;

    snprintf(name, sizeof name, "../quant/%s.blocks", f->name);
    golden_read(&file, name);
    buf_addc(&file, 0);
    end = file.data ? strstr(file.data, "\n\n") : NULL;
    if (!ok(end && sscanf(file.data, "type %u\nblocks %u\n", &id, &n_blocks) == 2 && id == f->id &&
                file.len == (size_t)(end + 2 - file.data) + n_blocks * (f->bytes + f->block * sizeof(float)) + 1,
            "%s: there are vectors", f->name)) {
        buf_finish(&file);
        return;
    }
    bytes = (size_t)n_blocks * f->bytes;
    n = (size_t)n_blocks * f->block;

    unsigned char *row = malloc(bytes + 1), *want = (unsigned char *)end + 2 + bytes;
    float *got = malloc(n * sizeof *got);

    memcpy(row + 1, end + 2, bytes);
    f->dequantize(row + 1, n, got);
    wrong = differ(got, want, n);
    ok(wrong == 0, "%s: %zu values are those of the gguf package, bit for bit", f->name, n);
    for (size_t b = 0; b < n_blocks; b++)
        f->dequantize(row + 1 + b * f->bytes, f->block, got + b * f->block);
    ok(differ(got, want, n) == 0, "%s: block by block, too", f->name);
    free(row);
    free(got);
    buf_finish(&file);
}

static void test_table(void)
{
    size_t wrong = 0, n_read = 0, expected = sizeof types / sizeof types[0] + 1; /* and F32 */

    for (uint32_t id = 0; id < 1000; id++) {
        const struct quant_format *f = quant_find(id);

        wrong += f && (f->id != id || !f->name || f->block == 0 || f->block > QUANT_MAX_BLOCK || f->bytes == 0);
        n_read += f && f->dequantize;
    }
    is_int((long long)wrong, 0, "each format stands under its id");
    ok(n_read == expected, "%zu of them can be read", expected);
    ok(!quant_find(4) && quant_find(16) && !quant_find(16)->dequantize, "4 is unknown, IQ2_XXS known by size alone");
}

int main(void)
{
    plan_later();
    test_half();
    test_table();
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        test_blocks(quant_find((uint32_t)types[i]));
    test_q8_0();
    done();
    return tap_status();
}
