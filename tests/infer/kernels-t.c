/*
 * Every table of kernels against a computation in double, over shapes that leave rests in every loop, and against
 * itself: columns taken together or one by one must give the same bits.
 */
#include "infer/kernels.h"

#include <math.h>

#include "infer/quant.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

#define MAX_K    512
#define MAX_ROWS 24
#define MAX_COLS 19

static uint64_t seed = 42;
static float x[MAX_COLS * MAX_K], w[MAX_ROWS * MAX_K], y[MAX_COLS * MAX_ROWS], one[MAX_ROWS];
static uint16_t w16[MAX_ROWS * MAX_K];
static unsigned char w8[MAX_ROWS * MAX_K / 32 * QUANT_Q8_0_BYTES];
static int8_t q[MAX_COLS * MAX_K];
static float d[MAX_COLS * MAX_K / 32];

static void fill(float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = tiny_normal(&seed);
}

/* The largest error relative to the size of the terms; rows as the format holds them. */
static double error_of(enum quant_type type, size_t k, size_t n_rows, size_t n_cols)
{
    const struct quant_format *f = quant_find((uint32_t)type);
    const unsigned char *rows = type == QUANT_F32 ? (unsigned char *)w : type == QUANT_F16 || type == QUANT_BF16 ? (unsigned char *)w16 : w8;
    double worst = 0;
    float row[MAX_K];

    for (size_t r = 0; r < n_rows; r++) {
        quant_dequantize(type, rows + r * (k / f->block * f->bytes), k, row);
        for (size_t c = 0; c < n_cols; c++) {
            double sum = 0, size = 0;

            for (size_t i = 0; i < k; i++) {
                double value =
                    type == QUANT_Q8_0 ? (double)q[c * k + i] * (double)d[c * (k / 32) + i / 32] : (double)x[c * k + i];

                sum += (double)row[i] * value;
                size += fabs((double)row[i] * value);
            }
            worst = fmax(worst, fabs(sum - (double)y[c * n_rows + r]) / size);
        }
    }
    return worst;
}

static void multiply(const struct kernels *t, enum quant_type type, size_t k, size_t n_rows, size_t c, size_t n_cols,
                     float *out)
{
    if (type == QUANT_F32)
        t->mul_f32(w, k, n_rows, x + c * k, n_cols, out, n_rows);
    else if (type == QUANT_F16)
        t->mul_f16(w16, k, n_rows, x + c * k, n_cols, out, n_rows);
    else if (type == QUANT_BF16)
        t->mul_bf16(w16, k, n_rows, x + c * k, n_cols, out, n_rows);
    else
        t->mul_q8_0(w8, k, n_rows, q + c * k, d + c * (k / 32), n_cols, out, n_rows);
}

static void test_products(const struct kernels *t, enum quant_type type)
{
    const size_t ks[] = { 32, 64, 96, 192, 512, 8, 40, 7, 33 };
    const size_t rows[] = { 1, 3, 4, 9, 24 }, cols[] = { 1, 2, 4, 5, 8, 19 };
    const char *name = quant_find((uint32_t)type)->name;
    double worst = 0;
    size_t differ = 0;

    for (size_t a = 0; a < sizeof ks / sizeof ks[0]; a++)
        for (size_t b = 0; b < 5; b++)
            for (size_t c = 0; c < 6; c++) {
                if (type == QUANT_Q8_0 && ks[a] % 32)
                    continue;
                fill(x, cols[c] * ks[a]);
                fill(w, rows[b] * ks[a]);
                for (size_t i = 0; i < rows[b] * ks[a]; i++)
                    w16[i] = type == QUANT_BF16 ? quant_float_to_bf16(w[i]) : quant_float_to_half(w[i]);
                if (type == QUANT_Q8_0) {
                    quant_quantize(QUANT_Q8_0, w, NULL, rows[b] * ks[a], w8);
                    t->quantize(x, cols[c] * ks[a], q, d);
                }
                multiply(t, type, ks[a], rows[b], 0, cols[c], y);
                worst = fmax(worst, error_of(type, ks[a], rows[b], cols[c]));
                for (size_t i = 0; i < cols[c]; i++) {
                    multiply(t, type, ks[a], rows[b], i, 1, one);
                    differ += memcmp(one, y + i * rows[b], rows[b] * sizeof *one) != 0;
                }
            }
    /* Sums of up to 512 terms in single precision: each addition is off by 2^-24 of the partial sum at most. */
    ok(worst < 2e-5, "%s %s: off by %.1e of the terms at most", t->name, name, worst);
    is_int((long long)differ, 0, "columns alone give the same bits as together");
}

static void test_quantize(const struct kernels *t)
{
    double worst = 0;
    size_t too_large = 0;

    fill(x, MAX_K);
    x[40] = 1e-30f;
    t->quantize(x, MAX_K, q, d);
    for (size_t i = 0; i < MAX_K; i++) {
        worst = fmax(worst, fabs((double)x[i] - (double)q[i] * (double)d[i / 32]) / ((double)d[i / 32] * 127));
        too_large += q[i] == -128;
    }
    ok(worst <= 0.5001 / 127 && !too_large, "%s: quantized within half a step, never -128", t->name);
    worst = 0;
    t->quantize_row(x, MAX_K, q, d);
    for (size_t i = 0; i < MAX_K; i++) {
        worst = fmax(worst, fabs((double)x[i] - (double)q[i] * (double)d[0]) / ((double)d[0] * 127));
        too_large += q[i] == -128 || d[i / 32] < d[0] || d[i / 32] > d[0];
    }
    ok(worst <= 0.5001 / 127 && !too_large, "%s: with one scale for a row, too", t->name);
    memset(x, 0, 64 * sizeof *x);
    t->quantize(x, 64, q, d);
    ok(d[0] == 0 && q[5] == 0, "%s: zeros", t->name);
    x[3] = NAN;
    x[40] = INFINITY;
    t->quantize(x, 64, q, d);
    ok(!isfinite(d[0]) && !isfinite(d[1]), "%s: NaN and infinity show in the scale", t->name);
    x[40] = 0;
    t->quantize_row(x, 64, q, d);
    ok(!isfinite(d[0]) && !isfinite(d[1]), "%s: so they do in that of a row", t->name);
}

/* --- attention over one page ---------------------------------------------------------------------------------------- */

#define PAGE_WIDTH 128
#define PAGE_ROWS  21

/* A page of one head as f32, and the same in the type of a cache. */
struct page_data {
    float k[STATE_BLOCK][PAGE_WIDTH], v[STATE_BLOCK][PAGE_WIDTH]; /* what the type holds */
    _Alignas(64) unsigned char keys[STATE_BLOCK * PAGE_WIDTH * sizeof(float)], values[STATE_BLOCK * PAGE_WIDTH * sizeof(float)];
};

/* Value i of a run and what the type makes of it; scale is where the scale of Q8_0 goes. */
static float put_value(enum quant_type type, size_t width, unsigned char *run, size_t i, size_t scale, float value)
{
    const float step = 0.4f / 127;
    uint16_t half;

    if (type == QUANT_F32) {
        memcpy(run + i * sizeof value, &value, sizeof value);
        return value;
    }
    if (type == QUANT_F16 || type == QUANT_BF16) {
        half = type == QUANT_F16 ? quant_float_to_half(value) : quant_float_to_bf16(value);
        memcpy(run + i * sizeof half, &half, sizeof half);
        return type == QUANT_F16 ? quant_half_to_float(half) : quant_bf16_to_float(half);
    }
    half = quant_float_to_half(step * (1 + (float)(scale % 7)));
    memcpy(run + STATE_BLOCK * width + scale * sizeof half, &half, sizeof half);
    ((int8_t *)run)[i] = (int8_t)(value * 40 > 127 ? 127 : value * 40 < -127 ? -127 : value * 40);
    return (float)((int8_t *)run)[i] * quant_half_to_float(half);
}

static void fill_page(struct page_data *p, enum quant_type type, size_t width)
{
    const size_t steps = width / STATE_STEP;
    const bool pairs = type == QUANT_BF16;

    for (size_t t = 0; t < STATE_BLOCK; t++)
        for (size_t i = 0; i < width; i++) {
            const size_t panel = t / STATE_PANEL, lane = t % STATE_PANEL;
            const size_t key = pairs ? ((panel * width / 2 + i / 2) * STATE_PANEL + lane) * 2 + i % 2 : (panel * width + i) * STATE_PANEL + lane;

            p->k[t][i] = put_value(type, width, p->keys, key, (panel * steps + i / STATE_STEP) * STATE_PANEL + lane, tiny_normal(&seed));
            p->v[t][i] = put_value(type, width, p->values, pairs ? (t / 2 * width + i) * 2 + t % 2 : t * width + i,
                                   t * steps + i / STATE_STEP, tiny_normal(&seed));
        }
}

/* What row r came to, beside a computation in double: the largest difference of an output. */
static double attend_error(const struct attend_block *b, const struct page_data *p, size_t r)
{
    const float *query = b->q + r / ATTEND_SIDE * ATTEND_SIDE * b->width + r % ATTEND_SIDE;
    double weight[STATE_BLOCK], top = -INFINITY, sum = 0, worst = 0;

    for (size_t t = b->first[r]; t < b->end[r]; t++) {
        weight[t] = 0;
        for (size_t i = 0; i < b->width; i++)
            weight[t] += (double)query[i * ATTEND_SIDE] * (double)p->k[t][i];
        if (b->softcap > 0)
            weight[t] = (double)b->softcap * tanh(weight[t] / (double)b->softcap);
        top = fmax(top, weight[t]);
    }
    for (size_t t = b->first[r]; t < b->end[r]; t++)
        sum += weight[t] = exp(weight[t] - top);
    if (b->first[r] >= b->end[r])
        return b->to.sum[r] == 0 && b->to.out[r * b->width] == 0 ? 0 : INFINITY;
    for (size_t i = 0; i < b->width; i++) {
        double want = 0;

        for (size_t t = b->first[r]; t < b->end[r]; t++)
            want += weight[t] / sum * (double)p->v[t][i];
        worst = fmax(worst, fabs(want - (double)(b->to.out[r * b->width + i] / b->to.sum[r])));
    }
    return fmax(worst, fabs(top * M_LOG2E - (double)b->to.max[r]) / 10);
}

struct attend_room {
    float q[(PAGE_ROWS + 7) / 8 * 8 * PAGE_WIDTH], scores[(PAGE_ROWS + 7) / 8 * 8 * STATE_BLOCK], max[24], sum[24], out[24 * PAGE_WIDTH];
    uint32_t pairs[(PAGE_ROWS + 7) / 8 * 8 * PAGE_WIDTH / 2];
    uint16_t first[PAGE_ROWS], end[PAGE_ROWS];
};

static struct attend_block attend_rows(struct attend_room *room, const struct page_data *p, enum quant_type type, size_t width, size_t n_rows,
                                       float softcap)
{
    return (struct attend_block){ type, width, n_rows, p->keys, p->values, NULL, room->q, room->first, room->end, softcap, room->scores, room->pairs,
                                  { room->max, room->sum, room->out } };
}

/* Each row by itself: how many come to other bits. */
static size_t rows_that_differ(const struct kernels *t, const struct attend_block *all, struct attend_room *alone, const struct page_data *p)
{
    struct attend_block row = attend_rows(alone, p, all->type, all->width, 1, all->softcap);
    size_t differ = 0;

    for (size_t r = 0; r < all->n_rows; r++) {
        for (size_t i = 0; i < all->width; i++)
            alone->q[i * ATTEND_SIDE] = all->q[r / ATTEND_SIDE * ATTEND_SIDE * all->width + i * ATTEND_SIDE + r % ATTEND_SIDE];
        alone->first[0] = all->first[r];
        alone->end[0] = all->end[r];
        t->attend(&row);
        differ += memcmp(alone->out, all->to.out + r * all->width, all->width * sizeof *alone->out) != 0 || alone->sum[0] != all->to.sum[r];
    }
    return differ;
}

static void test_attend(const struct kernels *t, enum quant_type type)
{
    static struct page_data page;
    static struct attend_room room, alone;
    const size_t widths[] = { 32, 64, 96, 128 }, rows[] = { 1, 2, 3, 5, 8, 13, PAGE_ROWS };
    double worst = 0;
    size_t differ = 0;

    for (size_t m = 0; m < sizeof widths / sizeof widths[0]; m++)
        for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
            struct attend_block b = attend_rows(&room, &page, type, widths[m], rows[n], (m + n) % 2 ? 2.5f : 0);

            fill_page(&page, type, b.width);
            memset(room.q, 0, sizeof room.q);
            for (size_t r = 0; r < b.n_rows; r++) {
                for (size_t i = 0; i < b.width; i++)
                    room.q[r / ATTEND_SIDE * ATTEND_SIDE * b.width + i * ATTEND_SIDE + r % ATTEND_SIDE] =
                        tiny_normal(&seed) * 3 / sqrtf((float)b.width);
                room.first[r] = (uint16_t)(r % 3 ? 0 : tiny_random(&seed) % STATE_BLOCK);
                room.end[r] = (uint16_t)(tiny_random(&seed) % (STATE_BLOCK + 1));
            }
            t->attend(&b);
            for (size_t r = 0; r < b.n_rows; r++)
                worst = fmax(worst, attend_error(&b, &page, r));
            differ += rows_that_differ(t, &b, &alone, &page);
        }
    /* Scores near 10 in single precision are off by 1e-6, and so are their exponentials; rounded to BF16, by 1e-2. */
    ok(worst < (type == QUANT_BF16 && t == kernels_find("avx512bf16") ? 5e-2 : 2e-5), "%s: attention over %s off by %.1e at most", t->name, quant_find((uint32_t)type)->name, worst);
    is_int((long long)differ, 0, "rows together or one by one: the same bits");
}

/* Rounded activations: the product of what they became, and the same bits for any tile. */
static void test_rounded(const struct kernels *t)
{
    const size_t ks[] = { 32, 64, 96, 512, 40, 7, 33 }, rows[] = { 1, 3, 4, 9, 24 }, cols[] = { 1, 2, 5, 8, 19 };
    static uint16_t rounded[MAX_COLS * MAX_K];
    double worst = 0;
    size_t differ = 0;

    if (!t->mul_bf16_rounded)
        return;
    for (size_t a = 0; a < 7; a++)
        for (size_t b = 0; b < 5; b++)
            for (size_t c = 0; c < 5; c++) {
                const size_t k = ks[a];

                fill(x, cols[c] * k);
                fill(w, rows[b] * k);
                for (size_t i = 0; i < rows[b] * k; i++)
                    w16[i] = quant_float_to_bf16(w[i]);
                t->to_bf16(x, cols[c] * k, rounded);
                for (size_t i = 0; i < cols[c] * k; i++)
                    x[i] = quant_bf16_to_float(rounded[i]);
                t->mul_bf16_rounded(w16, k, rows[b], rounded, cols[c], y, rows[b]);
                worst = fmax(worst, error_of(QUANT_BF16, k, rows[b], cols[c]));
                for (size_t i = 0; i < cols[c]; i++) {
                    t->mul_bf16_rounded(w16, k, rows[b], rounded + i * k, 1, one, rows[b]);
                    differ += memcmp(one, y + i * rows[b], rows[b] * sizeof *one) != 0;
                }
            }
    ok(worst < 1e-6, "%s: products of BF16 with BF16 off by %.1e of the terms", t->name, worst);
    is_int((long long)differ, 0, "the same bits for a column alone");
}

static void test_halves(const struct kernels *t)
{
    const float special[] = { 0, 1e-9f, 65519, 65520, -1e30f, INFINITY, -INFINITY };
    size_t wrong = 0;
    uint16_t half[37];

    fill(x, 37);
    memcpy(x, special, sizeof special);
    t->to_half(x, 37, half);
    for (size_t i = 0; i < 37; i++)
        wrong += half[i] != quant_float_to_half(fmaxf(fminf(x[i], QUANT_HALF_MAX), -QUANT_HALF_MAX));
    ok(wrong == 0, "%s: halves are the nearest, the largest beyond", t->name);
    wrong = 0;
    t->to_bf16(x, 37, half);
    for (size_t i = 0; i < 37; i++)
        wrong += half[i] != quant_float_to_bf16(x[i]);
    ok(wrong == 0, "%s: BF16 is the nearest", t->name);
    x[3] = NAN;
    t->to_bf16(x, 37, half);
    ok(isnan(quant_bf16_to_float(half[3])), "and what is no number stays none");
}

static void test_norm(const struct kernels *t)
{
    static float out[100];
    double worst = 0;

    for (size_t n = 1; n <= 100; n += 11) {
        double mean = 0;

        fill(x, n);
        fill(w, n);
        for (size_t i = 0; i < n; i++)
            x[i] *= 8;
        t->rms_norm(x, w, n, 1e-5f, out);
        for (size_t i = 0; i < n; i++)
            mean += (double)x[i] * (double)x[i] / (double)n;
        for (size_t i = 0; i < n; i++)
            worst = fmax(worst, fabs((double)x[i] / sqrt(mean + 1e-5) * (double)w[i] - (double)out[i]));
    }
    ok(worst < 2e-6, "%s: norm off by %.1e", t->name, worst);
}

static void test_table(const struct kernels *t)
{
    test_products(t, QUANT_F32);
    test_products(t, QUANT_F16);
    test_products(t, QUANT_BF16);
    test_products(t, QUANT_Q8_0);
    test_quantize(t);
    test_attend(t, QUANT_F32);
    test_attend(t, QUANT_F16);
    test_attend(t, QUANT_BF16);
    test_attend(t, QUANT_Q8_0);
    test_halves(t);
    test_rounded(t);
    test_norm(t);
}

int main(void)
{
    plan_later();
    for (size_t i = 0; kernels_at(i); i++)
        test_table(kernels_at(i));
    if (!kernels_find("avx2"))
        ok(true, "avx2 # SKIP this processor lacks AVX2, FMA or F16C");
    ok(kernels_find(NULL) != NULL, "there is always a best table");
    ok(kernels_find("abacus") == NULL, "an unknown name is refused");
    done();
    return tap_status();
}
