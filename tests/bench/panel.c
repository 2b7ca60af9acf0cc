/*
 * How fast packed matrices are multiplied by one thread, for each table of kernels and each type:
 *
 *     panel [TYPE...]         panel Q4_0 Q4_K
 *
 * One panel times 64 columns and a pair of panels times 128, from the cache, in Gop/s (a multiplication and an addition
 * are two), beside the peak of the processor's int8 products; and one column times panels that no cache holds, in GB/s of packed weights,
 * beside what reading alone comes to.  Each is the best of some runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "infer/kernels.h"
#include "infer/roofline.h"
#include "tests/infer/tiny_gguf.h"
#include "util/clock.h"

enum { K = 2048, ONE = 64, MANY = 128, RUNS = 4000 };
#define STREAM ((size_t)256 << 20)

struct bench {
    const struct kernels *kernels;
    enum quant_type type;
    unsigned char *panels; /* two of them, again and again */
    size_t panel_bytes, n_panels;
    struct pack_input input;
    float *y;
};

static void fill(struct bench *b, uint64_t *random)
{
    const struct quant_format *f = quant_find(b->type);
    const size_t row_bytes = K / f->block * f->bytes;
    unsigned char *rows = malloc(2 * PACK_ROWS * row_bytes);
    float row[K];

    for (size_t r = 0; r < 2 * PACK_ROWS; r++) {
        for (size_t i = 0; i < K; i++)
            row[i] = tiny_normal(random);
        if (f->quantize)
            quant_quantize(b->type, row, NULL, K, rows + r * row_bytes);
        else
            tiny_codes(b->type, 1, K, random, rows + r * row_bytes);
    }
    b->panel_bytes = pack_panel_bytes(b->type, K);
    b->n_panels = STREAM / b->panel_bytes;
    for (size_t p = 0; p < 2; p++)
        pack_panel(b->type, rows + p * PACK_ROWS * row_bytes, row_bytes, PACK_ROWS, K, b->panels + p * b->panel_bytes);
    for (size_t p = 2; p < b->n_panels; p++)
        memcpy(b->panels + p * b->panel_bytes, b->panels + p % 2 * b->panel_bytes, b->panel_bytes);
    free(rows);
}

static void fill_columns(struct pack_input *input, uint64_t *random)
{
    int8_t q[K];
    float d[K / PACK_STEP];

    for (size_t c = 0; c < MANY; c++) {
        for (size_t i = 0; i < K; i++)
            q[i] = (int8_t)((int)(tiny_random(random) % 255) - 127);
        for (size_t s = 0; s < K / PACK_STEP; s++)
            d[s] = 0.01f;
        pack_column(input, c, K, q, d);
    }
}

/* Seconds of the fastest run of one panel times n columns, of all panels times one, and of a pair times many. */
static double measure(const struct bench *b, size_t n_panels, size_t n, bool pair, int n_runs)
{
    double best = 1e9;

    for (int run = 0; run < n_runs; run++) {
        const int64_t start = clock_mono_ns();
        double seconds;

        if (pair)
            b->kernels->mul_panels(b->type, b->panels, K, &b->input, n, 2 * PACK_ROWS, b->y, 2 * PACK_ROWS);
        else
            for (size_t p = 0; p < n_panels; p++)
                b->kernels->mul_packed(b->type, b->panels + p * b->panel_bytes, K, &b->input, n, PACK_ROWS, b->y, PACK_ROWS);
        seconds = (double)(clock_mono_ns() - start) / 1e9;
        best = seconds < best ? seconds : best;
    }
    return best;
}

static void report(const struct bench *b)
{
    const double one = measure(b, 1, ONE, false, RUNS), stream = measure(b, b->n_panels, 1, false, 3);

    printf("%-10s %-7s %5.0f", b->kernels->name, quant_find(b->type)->name, 2e-9 * K * PACK_ROWS * ONE / one);
    if (b->kernels->mul_panels)
        printf(" %5.0f", 2e-9 * K * 2 * PACK_ROWS * MANY / measure(b, 2, MANY, true, RUNS));
    else
        printf("     -");
    printf(" Gop/s %6.1f GB/s\n", 1e-9 * (double)(b->n_panels * b->panel_bytes) / stream);
    fflush(stdout);
}

static bool is_asked(enum quant_type type, int n, char **names)
{
    for (int i = 0; i < n; i++)
        if (strcasecmp(names[i], quant_find(type)->name) == 0)
            return true;
    return n == 0;
}

int main(int argc, char **argv)
{
    struct bench b = { .panels = aligned_alloc(64, STREAM), .y = aligned_alloc(64, 2 * PACK_ROWS * MANY * sizeof(float)) };
    struct err err = { 0 };
    struct roofline_buffer *buffer = roofline_create(&err);
    struct pool *pool = pool_create(1, &err);
    void *memory = aligned_alloc(64, (pack_input_bytes(MANY, K) + 63) / 64 * 64);
    uint64_t random = 1;
    struct roofline roof;

    if (!b.panels || !b.y || !buffer || !pool || !memory)
        return 1;
    roof = roofline_measure(buffer, pool);
    printf("peak %.0f Gop/s, read %.1f GB/s\n", roof.int8 / 1e9, roof.read_bytes / 1e9);
    roofline_destroy(buffer);
    pool_destroy(pool);
    b.input = pack_input_at(memory, MANY, K);
    fill_columns(&b.input, &random);
    for (uint32_t id = 0; id < QUANT_MAX_ID; id++) {
        if (!pack_can((enum quant_type)id, K) || !is_asked((enum quant_type)id, argc - 1, argv + 1))
            continue;
        b.type = (enum quant_type)id;
        fill(&b, &random);
        for (size_t i = 0; (b.kernels = kernels_at(i)); i++)
            if (b.kernels->packs & PACK_BIT(id) && (i == 0 || b.kernels->mul_packed != kernels_at(i - 1)->mul_packed))
                report(&b);
    }
    free(b.panels);
    free(b.y);
    free(memory);
    return 0;
}
