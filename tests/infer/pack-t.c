/*
 * infer/pack.c: packed matrices give the products of the values that are packed, in every format, for rows that do not fill a
 * panel and any number of columns; and each table of kernels gives the bits of the reference.
 */
#include "infer/pack.h"

#include <math.h>

#include "infer/kernels.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

enum { K = 1024, MAX_COLS = 21, STRIDE = 19 };

static uint64_t seed = 41;

struct problem {
    enum quant_type type;
    size_t k, n_rows, n;
    float deviation; /* of values in formats that this program does not write */
    unsigned char *rows, *panel;
    void *memory;
    struct pack_input input;
    double want[MAX_COLS][PACK_ROWS];
};

static void make_rows(struct problem *p)
{
    const struct quant_format *f = quant_find(p->type);
    const size_t row_bytes = p->k / f->block * f->bytes;
    float row[K];

    p->rows = malloc(p->n_rows * row_bytes);
    p->panel = aligned_alloc(64, (pack_panel_bytes(p->type, p->k) + 63) / 64 * 64);
    for (size_t r = 0; r < p->n_rows; r++) {
        for (size_t i = 0; i < p->k; i++)
            row[i] = tiny_normal(&seed) * (1 + (float)(tiny_random(&seed) % 5));
        if (f->quantize)
            quant_quantize(p->type, row, NULL, p->k, p->rows + r * row_bytes);
        else
            tiny_codes(p->type, p->deviation, p->k, &seed, p->rows + r * row_bytes);
    }
    pack_panel(p->type, p->rows, row_bytes, p->n_rows, p->k, p->panel);
}

static void make_scales(enum quant_type type, size_t k, float *d)
{
    for (size_t s = 0; s < k / PACK_STEP; s++)
        d[s] = s > 0 && pack_rounds_columns(type) ? d[0] : 0.01f * (float)(1 + tiny_random(&seed) % 9);
}

/* Columns of whole numbers with scales, and the products in double. */
static void make_columns(struct problem *p)
{
    const struct quant_format *f = quant_find(p->type);
    const size_t row_bytes = p->k / f->block * f->bytes;
    int8_t q[K];
    float d[K / PACK_STEP], row[K];

    p->memory = malloc(pack_input_bytes(p->n, p->k));
    p->input = pack_input_at(p->memory, p->n, p->k);
    for (size_t c = 0; c < p->n; c++) {
        for (size_t i = 0; i < p->k; i++)
            q[i] = (int8_t)(c == 1 ? 127 : c == 2 ? -127 : (int)(tiny_random(&seed) % 255) - 127);
        make_scales(p->type, p->k, d);
        pack_column(&p->input, c, p->k, q, d);
        for (size_t r = 0; r < PACK_ROWS; r++) {
            p->want[c][r] = 0;
            if (r < p->n_rows)
                quant_dequantize(p->type, p->rows + r * row_bytes, p->k, row);
            for (size_t i = 0; i < p->k && r < p->n_rows; i++)
                p->want[c][r] += (double)row[i] * (double)q[i] * (double)d[i / PACK_STEP];
        }
    }
}

static double nmse(const struct problem *p, const float *y)
{
    double error = 0, size = 0;

    for (size_t c = 0; c < p->n; c++)
        for (size_t r = 0; r < p->n_rows; r++) {
            error += pow((double)y[c * STRIDE + r] - p->want[c][r], 2);
            size += pow(p->want[c][r], 2);
        }
    return error / size;
}

/* Bits of the reference in the rows that there are, and nothing written elsewhere. */
static size_t differ(const struct problem *p, const float *got, const float *want, size_t first, size_t n)
{
    size_t wrong = 0;

    for (size_t c = 0; c < n; c++) {
        wrong += memcmp(got + c * STRIDE, want + (first + c) * STRIDE, p->n_rows * sizeof *got) != 0;
        for (size_t r = p->n_rows; r < STRIDE; r++)
            wrong += got[c * STRIDE + r] != -7.0f;
    }
    return wrong;
}

static void test_kernels(const struct problem *p, const float *reference, const struct kernels *k)
{
    float got[MAX_COLS * STRIDE];

    for (size_t i = 0; i < MAX_COLS * STRIDE; i++)
        got[i] = -7;
    k->mul_packed(p->type, p->panel, p->k, &p->input, p->n, p->n_rows, got, STRIDE);
    ok(differ(p, got, reference, 0, p->n) == 0, "%s, %zu x %zu, %zu columns: %s has the reference's bits", quant_find(p->type)->name,
       p->n_rows, p->k, p->n, k->name);
}

static void test(enum quant_type type, size_t k, size_t n_rows, size_t n, float deviation)
{
    struct problem p = { .type = type, .k = k, .n_rows = n_rows, .n = n, .deviation = deviation };
    float y[MAX_COLS * STRIDE] = { 0 };
    double error;

    if (!pack_can(type, k))
        return;
    make_rows(&p);
    make_columns(&p);
    pack_multiply(type, p.panel, k, &p.input, 0, n, y, STRIDE);
    error = nmse(&p, y);
    ok(error < 1e-10, "%s, %zu x %zu, %zu columns: NMSE %.1e", quant_find(type)->name, n_rows, k, n, error);
    for (size_t i = 0; kernels_at(i); i++)
        if (kernels_at(i)->packs & PACK_BIT(type))
            test_kernels(&p, y, kernels_at(i));
    free(p.rows);
    free(p.panel);
    free(p.memory);
}

/* Many columns of panels that stand one after the other, of which the last one is not full. */
static void test_panels(enum quant_type type, size_t k, size_t n_rows, size_t n)
{
    enum { ROWS = 40, COLS = 150 };
    static float want[COLS * ROWS], got[COLS * (ROWS + 1)];
    const size_t panel_bytes = pack_panel_bytes(type, k);
    unsigned char *panels = aligned_alloc(64, (3 * panel_bytes + 63) / 64 * 64);
    int8_t q[K];
    float d[K / PACK_STEP], y[COLS * PACK_ROWS];
    void *memory = calloc(1, pack_input_bytes(n, k));
    const struct pack_input input = pack_input_at(memory, n, k);

    for (size_t c = 0; c < n; c++) {
        for (size_t i = 0; i < k; i++)
            q[i] = (int8_t)((int)(tiny_random(&seed) % 255) - 127);
        make_scales(type, k, d);
        pack_column(&input, c, k, q, d);
    }
    for (size_t r = 0; r < n_rows; r += PACK_ROWS) {
        struct problem p = { .type = type, .k = k, .n_rows = n_rows - r < PACK_ROWS ? n_rows - r : PACK_ROWS, .deviation = 1 };

        make_rows(&p);
        memcpy(panels + r / PACK_ROWS * panel_bytes, p.panel, panel_bytes);
        pack_multiply(type, p.panel, k, &input, 0, n, y, PACK_ROWS);
        for (size_t c = 0; c < n; c++)
            memcpy(want + c * ROWS + r, y + c * PACK_ROWS, p.n_rows * sizeof *y);
        free(p.rows);
        free(p.panel);
    }
    for (size_t i = 0; kernels_at(i); i++) {
        size_t wrong = 0;

        if (!kernels_at(i)->mul_panels || !(kernels_at(i)->packs & PACK_BIT(type)))
            continue;
        for (size_t j = 0; j < COLS * (ROWS + 1); j++)
            got[j] = -7;
        kernels_at(i)->mul_panels(type, panels, k, &input, n, n_rows, got, ROWS + 1);
        for (size_t c = 0; c < COLS; c++) {
            wrong += c < n && memcmp(got + c * (ROWS + 1), want + c * ROWS, n_rows * sizeof *got) != 0;
            for (size_t r = c < n ? n_rows : 0; r <= ROWS; r++)
                wrong += got[c * (ROWS + 1) + r] != -7.0f;
        }
        ok(wrong == 0, "%s, %zu x %zu in panels, %zu columns: %s has the reference's bits", quant_find(type)->name, n_rows, k, n, kernels_at(i)->name);
    }
    free(panels);
    free(memory);
}

/* Columns that are not there come to nothing, and those that are stay. */
static void test_padding(void)
{
    enum { N = 11 };
    void *memory = malloc(pack_input_bytes(N, K));
    const struct pack_input input = pack_input_at(memory, N, K);
    size_t kept = 0, cleared = 0;

    memset(memory, 1, pack_input_bytes(N, K));
    pack_pad(&input, N, K);
    for (size_t i = 0; i < 2 * K / PACK_STEP * PACK_COLS; i++) {
        const bool there = i < K / PACK_STEP * PACK_COLS || i % PACK_COLS < N % PACK_COLS;

        kept += there && input.d[i] > 0 && input.sums[2 * i] == 0x01010101 && input.sums[2 * i + 1] == 0x01010101;
        cleared += !there && memcmp(&input.d[i], &(float){ 0 }, sizeof(float)) == 0 && !input.sums[2 * i] && !input.sums[2 * i + 1];
    }
    is_int((long long)kept, N * K / PACK_STEP, "scales and sums of eleven columns stay");
    is_int((long long)cleared, (2 * PACK_COLS - N) * K / PACK_STEP, "those of five that are not there are 0");
    free(memory);
}

int main(void)
{
    static const size_t ks[] = { 32, 64, 256, 1024 }, n_rows[] = { 16, 1, 7 }, ns[] = { 1, 3, 4, 8, 13, 21 };
    static const size_t many_rows[] = { 32, 16, 40, 39 }, many[] = { PACK_MANY, 17, 150, 29 };
    size_t n_types = 0, wrong = 0;

    plan_later();
    for (uint32_t id = 0; id < QUANT_MAX_ID; id++) {
        if (!pack_can((enum quant_type)id, 256)) {
            wrong += (PACK_ALL >> id & 1) != 0;
            continue;
        }
        wrong += (PACK_ALL >> id & 1) == 0;
        n_types++;
        for (size_t i = 0; i < 4; i++)
            for (size_t j = 0; j < 3; j++)
                test((enum quant_type)id, ks[i], n_rows[j], ns[(i * 3 + j) % 6], 1);
        for (size_t i = 0; i < 4; i++)
            if (pack_can((enum quant_type)id, ks[i]))
                test_panels((enum quant_type)id, ks[i], many_rows[i], many[i]);
    }
    test_padding();
    is_int((long long)n_types, 16, "formats that are packed");
    ok(wrong == 0, "they are the set of all that are");
    for (size_t i = 0; kernels_at(i); i++)
        ok((kernels_at(i)->packs != 0) == (kernels_at(i)->mul_packed != NULL), "%s says which it takes", kernels_at(i)->name);
    test(QUANT_MXFP4, 256, 7, 13, 3 * 0x1p-126f); /* scales down to the smallest, which is subnormal */
    ok(!pack_can(QUANT_Q4_K, 128) && !pack_can(QUANT_Q4_0, 48) && !pack_can(QUANT_I2_S, 64) && !pack_can(QUANT_I2_S, (size_t)1 << 23) && !pack_can(QUANT_F16, 256) && !pack_can(QUANT_Q4_0, 0),
       "rows that do not fill blocks, and other formats, are not");
    done();
    return tap_status();
}
