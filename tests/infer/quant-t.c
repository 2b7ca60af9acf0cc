/*
 * infer/quant*.c: half precision against the definition, for all 65,536 values; each format's blocks against the values that the
 * gguf package reads in them, and the error of what is written beside that of the gguf package (vectors/quant/, by
 * vectors/make_quant.py).  Not covered: what the errors do to a model.
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
        quant_quantize(QUANT_Q8_0, x, NULL, 64, row);
        quant_dequantize(QUANT_Q8_0, row, 64, y);
        for (int i = 0; i < 64; i++)
            worst = fmax(worst, fabs((double)x[i] - (double)y[i]) / max[i / 32]);
    }
    /* half a step of 1/127, and the scale's own rounding to half precision, 2^-11 of the value */
    ok(worst <= 0.5 / 127 + 0x1p-11, "Q8_0 is off by at most half a step (%.5f of the largest)", worst);
    memset(x, 0, sizeof x);
    quant_quantize(QUANT_Q8_0, x, NULL, 64, row);
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

/* --- the other way ------------------------------------------------------------------------------------------------ */

enum { N = 4096 };

struct error {
    double plain, weighted; /* sums of squares, each with its weight */
};

static struct error error_of(const struct quant_format *f, const float *x, const float *importance, const float *weight)
{
    unsigned char *row = malloc((size_t)N / f->block * f->bytes);
    float *y = malloc(N * sizeof *y);
    struct error e = { 0, 0 };

    quant_quantize((enum quant_type)f->id, x, importance, N, row);
    f->dequantize(row, N, y);
    for (size_t i = 0; i < N; i++) {
        double square = ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);

        e.plain += square;
        e.weighted += square * (double)weight[i];
    }
    free(row);
    free(y);
    return e;
}

/* What the gguf package's quantizer comes to with the same values; 0: it has none. */
static double error_elsewhere(uint32_t id)
{
    struct buf file;
    double found = 0;

    golden_read(&file, "../quant/errors.txt");
    buf_addc(&file, 0);
    for (const char *line = file.data; line; line = strchr(line, '\n')) {
        unsigned line_id;
        double error;

        line += *line == '\n';
        if (sscanf(line, "%u %lf", &line_id, &error) == 2 && line_id == id)
            found = error;
        if (!*line)
            break;
    }
    buf_finish(&file);
    return found;
}

static void test_errors(const struct quant_format *f)
{
    /*
     * The field's own test takes the root of the sum of squares over n, for 4096 values 0.1 + 2 cos(i + offset): 0.002 for
     * formats of 4 bits and more, 0.01 for ternary ones.
     */
    const bool ternary = f->id == QUANT_TQ1_0 || f->id == QUANT_TQ2_0, searched = f->block > 1 && f->id != QUANT_Q8_0;
    const double bound = ternary ? 0.01 : 0.002;
    static float x[N], weight[N];
    double worst = 0, elsewhere = error_elsewhere(f->id), error;
    uint64_t random = 5;
    struct error same, weighted;

    for (int offset = 0; offset < 2; offset++) {
        for (int i = 0; i < N; i++)
            x[i] = 0.1f + 2 * cosf((float)(i + offset));
        worst = fmax(worst, sqrt(error_of(f, x, NULL, x).plain) / N);
    }
    ok(worst <= bound, "%s: waves are off by %.6f, at most %.3f", f->name, worst, bound);

    for (int i = 0; i < N; i++)
        x[i] = tiny_normal(&random);
    for (int i = 0; i < N; i++)
        weight[i] = expf(tiny_normal(&random));
    same = error_of(f, x, NULL, weight);
    weighted = error_of(f, x, weight, weight);
    error = sqrt(same.plain / N);
    if (elsewhere > 0)
        ok(error <= 1.01 * elsewhere, "%s: normal values are off by %.6f, with the gguf package by %.6f", f->name, error, elsewhere);
    /* A ternary block has little to choose: one scale for 256 values. */
    ok(weighted.weighted <= (!searched ? 1 : ternary ? 0.996 : 0.99) * same.weighted,
       "%s: where it matters, importance brings the error from %.6f to %.6f", f->name, sqrt(same.weighted / N),
       sqrt(weighted.weighted / N));
}

/* How far blocks of 256 come out from what was put in, relative to the largest; infinite: something is no number. */
static double spread_of(const struct quant_format *f, const float x[256])
{
    unsigned char row[256 * 4];
    float y[256];
    double top = 1e-300, worst = 0;

    quant_quantize((enum quant_type)f->id, x, NULL, 256, row);
    f->dequantize(row, 256, y);
    for (int i = 0; i < 256; i++) {
        top = fmax(top, isfinite(x[i]) ? fabs((double)x[i]) : 0);
        worst = isfinite(y[i]) ? fmax(worst, fabs((double)x[i] - (double)y[i])) : INFINITY;
    }
    return worst / top;
}

static void test_special_values(const struct quant_format *f)
{
    const bool ternary = f->id == QUANT_TQ1_0 || f->id == QUANT_TQ2_0;
    const double near = f->id == QUANT_IQ4_NL || f->id == QUANT_IQ4_XS ? 1.01 / 127 : 0.005; /* their table has no 0 */
    const float no_numbers[] = { NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-40f };
    float x[256] = { 0 };
    double zeros = spread_of(f, x), same, lonely, large;
    uint64_t random = 9;

    for (int i = 0; i < 256; i++)
        x[i] = -0.375f;
    same = spread_of(f, x);
    memset(x, 0, sizeof x);
    x[77] = 5;
    lonely = spread_of(f, x);
    for (int i = 0; i < 256; i++)
        x[i] = tiny_normal(&random) * 60000;
    large = spread_of(f, x);
    ok(zeros == 0, "%s: zeros stay zeros", f->name);
    ok(same < near, "%s: values that are all the same come back (%.4f)", f->name, same);
    ok(lonely < near, "%s: so does one among zeros (%.4f)", f->name, lonely);
    if (f->id != QUANT_F16) /* for which these are infinite */
        ok(isfinite(large) && (ternary || large < 0.5), "%s: large values stay numbers", f->name);

    for (size_t i = 0; i < sizeof no_numbers / sizeof no_numbers[0]; i++) {
        for (int j = 0; j < 256; j++)
            x[j] = tiny_normal(&random);
        x[i * 40] = no_numbers[i];
        (void)spread_of(f, x); /* anything, without undefined behaviour: sanitizers look */
        for (int j = 0; j < 256; j++)
            x[j] = no_numbers[i];
        (void)spread_of(f, x);
    }
}

/* What a ternary model has in its matrices, and a scale that half precision has, come back as they are. */
static void test_ternary(const struct quant_format *f)
{
    float x[256], y[256];
    unsigned char row[128];
    uint64_t random = 4;
    size_t wrong = 0;

    for (int round = 0; round < 300; round++) {
        float scale = quant_half_to_float((uint16_t)(0x0400 + tiny_random(&random) % 0x7000));

        for (int i = 0; i < 256; i++)
            x[i] = (float)((int)(tiny_random(&random) % 3) - 1) * scale;
        quant_quantize((enum quant_type)f->id, x, NULL, 256, row);
        f->dequantize(row, 256, y);
        for (int i = 0; i < 256; i++)
            wrong += x[i] != y[i];
    }
    is_int((long long)wrong, 0, f->name);
}

static void test_table(void)
{
    size_t wrong = 0, n_read = 0, n_written = 0, expected = sizeof types / sizeof types[0] + 1; /* and F32 */

    for (uint32_t id = 0; id < 1000; id++) {
        const struct quant_format *f = quant_find(id);

        wrong += f && (f->id != id || !f->name || f->block == 0 || f->block > QUANT_MAX_BLOCK || f->bytes == 0);
        n_read += f && f->dequantize;
        n_written += f && f->quantize;
    }
    is_int((long long)wrong, 0, "each format stands under its id");
    ok(n_read == expected, "%zu of them can be read", expected);
    is_int((long long)n_written, 15, "15 can be written");
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
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (quant_find((uint32_t)types[i])->quantize) {
            test_errors(quant_find((uint32_t)types[i]));
            test_special_values(quant_find((uint32_t)types[i]));
        }
    test_ternary(quant_find(QUANT_TQ1_0));
    test_ternary(quant_find(QUANT_TQ2_0));
    done();
    return tap_status();
}
