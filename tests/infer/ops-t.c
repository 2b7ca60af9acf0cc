/*
 * infer/ops.c and infer/pool.c: products with every format that can be read, rotation, grouped attention and softmax against
 * double, and the same bits whatever the number of threads.  More shapes of products are in kernels-t.
 */
#include "infer/ops.h"
#include "infer/rope.h"

#include <math.h>
#include <stdatomic.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

static uint64_t seed = 7;

static float *numbers(size_t n)
{
    float *x = malloc(n * sizeof *x);

    for (size_t i = 0; i < n; i++)
        x[i] = tiny_normal(&seed);
    return x;
}

/* --- products ----------------------------------------------------------------------------------------------------- */

enum { K = 512, N_ROWS = 37, MAX_COLS = 64 };

/* Any bytes, but for blocks that are no numbers or of an unlikely size. */
static void random_blocks(const struct quant_format *f, size_t n_blocks, unsigned char *to)
{
    float values[QUANT_MAX_BLOCK];

    for (size_t b = 0; b < n_blocks; b++, to += f->bytes) {
        float top;

        do {
            for (size_t i = 0; i < f->bytes; i++)
                to[i] = (unsigned char)tiny_random(&seed);
            f->dequantize(to, f->block, values);
            top = 0;
            for (size_t i = 0; i < f->block; i++)
                top = fmaxf(top, isfinite(values[i]) ? fabsf(values[i]) : INFINITY);
        } while (!(top >= 0.01f && top <= 100));
    }
}

static double product_error(const struct matrix *m, const float *x, const float *y, size_t n)
{
    double worst = 0;
    float row[K];

    for (size_t r = 0; r < m->n_rows; r++) {
        quant_dequantize(m->type, (const unsigned char *)m->data + r * m->row_bytes, K, row);
        for (size_t c = 0; c < n; c++) {
            double sum = 0, size = 1e-30;

            for (size_t i = 0; i < K; i++) {
                sum += (double)row[i] * (double)x[c * K + i];
                size += fabs((double)row[i] * (double)x[c * K + i]);
            }
            sum = sum * (double)m->scale + (double)m->bias[r];
            worst = fmax(worst, fabs(sum - (double)y[c * m->n_rows + r]) / size / (double)m->scale);
        }
    }
    return worst;
}

static void test_product(const struct quant_format *f, struct ops *one, struct ops *three)
{
    const size_t cols[] = { 1, 2, 5, 8, 19, 64 }, row_bytes = K / f->block * f->bytes;
    unsigned char *bytes = malloc(N_ROWS * row_bytes);
    float *x = numbers(MAX_COLS * K), *bias = numbers(N_ROWS), y[MAX_COLS * N_ROWS], again[MAX_COLS * N_ROWS], row[K];
    struct matrix m = { bytes, (enum quant_type)f->id, K, N_ROWS, row_bytes, 0.75f, bias }, some = m;
    size_t differ = 0, spread = 0;
    double worst = 0;

    random_blocks(f, N_ROWS * K / f->block, bytes);
    some.data = bytes + 5 * row_bytes;
    some.n_rows = N_ROWS - 5;
    some.bias = bias + 5;
    for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++) {
        ops_multiply(one, &(struct product){ &m, y }, 1, x, cols[i]);
        worst = fmax(worst, product_error(&m, x, y, cols[i]));
        ops_multiply(three, &(struct product){ &m, again }, 1, x, cols[i]);
        differ += memcmp(y, again, cols[i] * N_ROWS * sizeof *y) != 0;
    }
    for (size_t c = 0; c < 64; c++) {
        ops_multiply(one, &(struct product){ &some, again }, 1, x + c * K, 1);
        differ += memcmp(y + c * N_ROWS + 5, again, some.n_rows * sizeof *y) != 0;
    }
    /* 512 terms in single precision; with Q8_0 activations are rounded, too: half of 1/127 of the largest of 32 */
    ok(worst < (f->id == QUANT_Q8_0 ? 0.02 : 2e-5), "%s, %s: products off by %.1e of the terms at most",
       one->kernels->name, f->name, worst);
    ok(differ == 0, "the same bits on three threads, for a column alone and for fewer rows");

    ops_row(&m, 7, row);
    f->dequantize(bytes + 7 * row_bytes, K, again);
    for (size_t i = 0; i < K; i++)
        differ += row[i] != again[i] * 0.75f;
    memset(bytes + 9 * row_bytes, 0xff, row_bytes); /* a scale that is no number, where there is one */
    ops_multiply(one, &(struct product){ &m, again }, 1, x, 64);
    for (size_t i = 0; i < MAX_COLS * N_ROWS; i++)
        spread += i % N_ROWS != 9 && memcmp(&y[i], &again[i], sizeof *y) != 0;
    ok(differ == 0 && spread == 0, "a row by itself; one that is no numbers spoils no other");
    free(bytes);
    free(x);
    free(bias);
}

static void test_products(const char *kernels)
{
    const struct kernels *table = kernels_find(kernels);
    struct pool *pools[2] = { pool_create(1, NULL), pool_create(3, NULL) };
    struct ops one, three;

    if (table && ops_init(&one, table, pools[0], &(struct shape){ .max_k = K }, 8, NULL) == 0 && ops_init(&three, table, pools[1], &(struct shape){ .max_k = K }, 8, NULL) == 0) {
        for (uint32_t id = 0; id < QUANT_MAX_ID; id++)
            if (quant_find(id) && quant_find(id)->dequantize)
                test_product(quant_find(id), &one, &three);
        ops_finish(&one);
        ops_finish(&three);
    } else {
        ok(true, "%s # SKIP not on this processor", kernels);
    }
    pool_destroy(pools[0]);
    pool_destroy(pools[1]);
}

/* Two matrices of different formats share an input. */
static void test_mixed_products(void)
{
    const struct quant_format *a = quant_find(QUANT_Q8_0), *b = quant_find(QUANT_Q4_K);
    const size_t a_bytes = K / a->block * a->bytes, b_bytes = K / b->block * b->bytes;
    unsigned char *rows_a = malloc(N_ROWS * a_bytes), *rows_b = malloc(N_ROWS * b_bytes);
    float *x = numbers(3 * K), y[2][3 * N_ROWS], alone[2][3 * N_ROWS];
    struct matrix ma = { rows_a, QUANT_Q8_0, K, N_ROWS, a_bytes, 1, NULL },
                  mb = { rows_b, QUANT_Q4_K, K, N_ROWS, b_bytes, 1, NULL };
    struct pool *pool = pool_create(2, NULL);
    struct ops o;

    random_blocks(a, N_ROWS * K / a->block, rows_a);
    random_blocks(b, N_ROWS * K / b->block, rows_b);
    ok(ops_init(&o, kernels_find(NULL), pool, &(struct shape){ .max_k = K }, 8, NULL) == 0, "operations");
    ops_multiply(&o, (struct product[]){ { &ma, y[0] }, { &mb, y[1] } }, 2, x, 3);
    ops_multiply(&o, &(struct product){ &ma, alone[0] }, 1, x, 3);
    ops_multiply(&o, &(struct product){ &mb, alone[1] }, 1, x, 3);
    ok(memcmp(y, alone, sizeof y) == 0, "matrices of two formats that share an input give the bits that they give alone");
    ops_finish(&o);
    pool_destroy(pool);
    free(rows_a);
    free(rows_b);
    free(x);
}

/* What is done with rows of a product as soon as they are there. */
struct seen {
    const float *y;
    size_t n, n_rows, times[200];
    atomic_size_t early;
};

static void see_rows(void *arg, size_t first, size_t n_rows)
{
    struct seen *s = arg;

    s->early += first % OPS_ROWS != 0;
    for (size_t r = first; r < first + n_rows; r++) {
        s->times[r]++;
        for (size_t c = 0; c < s->n; c++)
            s->early += isnan(s->y[c * s->n_rows + r]) != 0;
    }
}

/* Matrices of different widths, each with its own input, in one call; the last one has the call's. */
static void test_inputs(void)
{
    enum { ROWS = 200, COLS = 9, N = 4 };
    const struct quant_format *f = quant_find(QUANT_Q8_0);
    const size_t widths[N] = { K, 96, 256, K };
    struct pool *pool = pool_create(3, NULL);
    float *y[N], *alone = malloc(ROWS * COLS * sizeof *alone), *x[N];
    unsigned char *rows[N];
    struct matrix m[N];
    struct seen seen[N] = { 0 };
    struct product products[N];
    size_t differ = 0, wrong = 0;
    struct ops o;

    ok(ops_init(&o, kernels_find(NULL), pool, &(struct shape){ .max_k = 2 * K + 256 }, 8, NULL) == 0, "operations");
    for (size_t i = 0; i < N; i++) {
        const size_t bytes = i == 1 ? widths[i] * sizeof(float) : widths[i] / f->block * f->bytes;

        x[i] = numbers(COLS * widths[i]);
        y[i] = malloc(ROWS * COLS * sizeof *y[i]);
        rows[i] = i == 1 ? (unsigned char *)numbers(ROWS * widths[i]) : malloc(ROWS * bytes);
        if (i != 1)
            random_blocks(f, ROWS * widths[i] / f->block, rows[i]);
        for (size_t j = 0; j < ROWS * COLS; j++)
            y[i][j] = NAN;
        m[i] = (struct matrix){ rows[i], i == 1 ? QUANT_F32 : QUANT_Q8_0, widths[i], ROWS, bytes, 1, NULL };
        seen[i].y = y[i];
        seen[i].n = COLS;
        seen[i].n_rows = ROWS;
        products[i] = (struct product){ &m[i], y[i], i < N - 1 ? x[i] : NULL, see_rows, &seen[i] };
    }
    ops_multiply(&o, products, N, x[N - 1], COLS);
    for (size_t i = 0; i < N; i++) {
        ops_multiply(&o, &(struct product){ &m[i], alone }, 1, x[i], COLS);
        differ += memcmp(y[i], alone, ROWS * COLS * sizeof *alone) != 0;
        wrong += seen[i].early;
        for (size_t r = 0; r < ROWS; r++)
            wrong += seen[i].times[r] != 1;
        free(x[i]);
        free(y[i]);
        free(rows[i]);
    }
    ok(differ == 0, "matrices with inputs of their own give the bits that they give alone");
    ok(wrong == 0, "each row is seen once, when all of its columns are there");
    ops_finish(&o);
    pool_destroy(pool);
    free(alone);
}

/* A packed matrix of type I2_S: its input has one scale for a token, even where a matrix of another type has the same one. */
static void test_whole_columns(void)
{
    enum { ROWS = 32, COLS = 5 };
    static const enum quant_type types[2] = { QUANT_I2_S, QUANT_Q4_0 };
    struct pool *pool = pool_create(2, NULL);
    const struct kernels *kernels = kernels_find(NULL);
    float *x = numbers(COLS * K), y[2][COLS * ROWS], row[K];
    unsigned char *rows[2], *packed[2];
    const unsigned char *panels[2];
    struct matrix m[2];
    double error[2] = { 0, 0 }, size[2] = { 0, 0 };
    struct ops o;

    for (size_t c = 0; c < COLS; c++)
        x[c * K + 7] = 60; /* what scales of 32 values would keep from the others */
    ok(ops_init(&o, kernels, pool, &(struct shape){ .max_k = K }, 8, NULL) == 0, "operations");
    for (size_t i = 0; i < 2; i++) {
        const struct quant_format *f = quant_find(types[i]);
        const size_t row_bytes = K / f->block * f->bytes;

        rows[i] = malloc(ROWS * row_bytes);
        packed[i] = aligned_alloc(64, (ROWS / PACK_ROWS * pack_panel_bytes(types[i], K) + 63) / 64 * 64);
        panels[i] = packed[i];
        if (f->quantize) {
            float *values = numbers(ROWS * K);

            for (size_t r = 0; r < ROWS; r++)
                quant_quantize(types[i], values + r * K, NULL, K, rows[i] + r * row_bytes);
            free(values);
        } else {
            tiny_codes(types[i], 1, ROWS * K, &seed, rows[i]);
        }
        for (size_t r = 0; r < ROWS; r += PACK_ROWS)
            pack_panel(types[i], rows[i] + r * row_bytes, row_bytes, PACK_ROWS, K, packed[i] + r / PACK_ROWS * pack_panel_bytes(types[i], K));
        m[i] = (struct matrix){ .data = rows[i], .type = types[i], .k = K, .n_rows = ROWS, .row_bytes = row_bytes, .scale = 1, .packed = &panels[i] };
    }
    ops_multiply(&o, (struct product[]){ { &m[1], y[1] }, { &m[0], y[0] } }, 2, x, COLS);
    for (size_t i = 0; i < 2; i++)
        for (size_t c = 0; c < COLS; c++)
            for (size_t r = 0; r < ROWS; r++) {
                double want = 0;

                quant_dequantize(types[i], rows[i] + r * m[i].row_bytes, K, row);
                for (size_t j = 0; j < K; j++)
                    want += (double)row[j] * rint((double)x[c * K + j] * (127.0 / 60)) * (60 / 127.0);
                error[i] += pow((double)y[i][c * ROWS + r] - want, 2);
                size[i] += want * want;
            }
    ok(!kernels->mul_packed || error[0] / size[0] < 1e-6, "I2_S: inputs are rounded token by token, %.1e", error[0] / size[0]);
    ok(!kernels->mul_packed || error[1] / size[1] < 1e-6, "with a matrix of another type beside it, %.1e", error[1] / size[1]);
    for (size_t i = 0; i < 2; i++) {
        free(rows[i]);
        free(packed[i]);
    }
    free(x);
    ops_finish(&o);
    pool_destroy(pool);
}

static void count_units(void *arg, size_t first, size_t end)
{
    unsigned *times = arg;

    for (size_t i = first; i < end; i++)
        times[i]++;
}

static void test_share(void)
{
    const size_t works[] = { 0, 1, 4000, 100000 };
    struct pool *pool = pool_create(3, NULL);
    size_t wrong = 0;
    struct ops o;

    ok(ops_init(&o, kernels_find(NULL), pool, &(struct shape){ .max_k = K }, 8, NULL) == 0, "operations");
    for (size_t w = 0; w < sizeof works / sizeof works[0]; w++)
        for (size_t n = 1; n < 300; n += 7) {
            unsigned times[300] = { 0 };

            ops_share(&o, n, works[w], count_units, times);
            for (size_t i = 0; i < 300; i++)
                wrong += times[i] != (i < n);
        }
    ok(wrong == 0, "units that are shared out are done once each");
    ops_finish(&o);
    pool_destroy(pool);
}

/* --- rotation, attention and the rest ----------------------------------------------------------------------------- */

static void test_rope(void)
{
    enum { N_HEAD = 3, DIM = 64, N_ROT = 48 };
    const size_t positions[] = { 0, 1, 100, 4096, 131071 };
    double worst = 0;
    struct rope rope;
    float table[N_ROT], *x = numbers(N_HEAD * DIM), y[N_HEAD * DIM];
    size_t moved = 0;

    ok(rope_init_plain(&rope, ROPE_NEIGHBOURS, N_ROT, 10000, NULL) == 0, "angles of %d columns", N_ROT);
    for (size_t p = 0; p < sizeof positions / sizeof positions[0]; p++) {
        memcpy(y, x, sizeof y);
        rope_table(&rope, positions[p], table);
        rope_apply(&rope, table, y, N_HEAD, DIM);
        for (size_t h = 0; h < N_HEAD; h++) {
            const float *was = x + h * DIM, *is = y + h * DIM;

            for (size_t i = 0; i < N_ROT / 2; i++) {
                double angle = (double)positions[p] * pow(10000, -2.0 * (double)i / N_ROT),
                        a = (double)was[2 * i], b = (double)was[2 * i + 1];

                worst = fmax(worst, fabs(a * cos(angle) - b * sin(angle) - (double)is[2 * i]));
                worst = fmax(worst, fabs(a * sin(angle) + b * cos(angle) - (double)is[2 * i + 1]));
            }
            moved += memcmp(was + N_ROT, is + N_ROT, (DIM - N_ROT) * sizeof *was) != 0;
        }
    }
    ok(worst < 1e-5, "rotation of neighbouring pairs, up to position 131,071: off by %.1e", worst);
    is_int((long long)moved, 0, "columns past n_rot stay");
    rope_finish(&rope);
    free(x);
}

/* --- attention ------------------------------------------------------------------------------------------------------ */

#ifdef __SANITIZE_THREAD__
enum { LONG = 330 }; /* each access costs ten times as much: two pages, not three */
#else
enum { LONG = 700 };
#endif
enum { HEADS = 6, KV = 2, DIM = 40 };

/* Tokens of one sequence: [n][HEADS or KV][DIM]. */
struct attended {
    float *q, *k, *v, *out;
    struct state state;
};

/* The largest difference of an output to a computation in double; token i is at position i. */
static double attention_error(const struct attended *s, const struct attention *a, size_t first, size_t end)
{
    double worst = 0, *weight = calloc(end, sizeof *weight);

    for (size_t i = first; i < end; i++)
        for (size_t h = 0; h < HEADS; h++) {
            const size_t shared = h / (HEADS / KV), from = a->window && i + 1 > a->window ? i + 1 - a->window : 0;
            double sum = 0;

            for (size_t p = from; p <= i; p++) {
                weight[p] = 0;
                for (size_t j = 0; j < DIM; j++)
                    weight[p] += (double)s->q[(i * HEADS + h) * DIM + j] * (double)s->k[(p * KV + shared) * DIM + j];
                sum += weight[p] = exp(weight[p] * (double)a->scale);
            }
            for (size_t j = 0; j < DIM; j++) {
                double want = 0;

                for (size_t p = from; p <= i; p++)
                    want += weight[p] / sum * (double)s->v[(p * KV + shared) * DIM + j];
                worst = fmax(worst, fabs(want - (double)s->out[(i * HEADS + h) * DIM + j]));
            }
        }
    free(weight);
    return worst;
}

static void begin_attended(struct attended *s, const struct shape *shape, struct pages *pages)
{
    *s = (struct attended){ numbers(LONG * HEADS * DIM), numbers(LONG * KV * DIM), numbers(LONG * KV * DIM),
                            calloc(LONG * HEADS * DIM, sizeof(float)) };
    if (state_init(&s->state, shape, pages, 4 * STATE_BLOCK, NULL) < 0)
        abort();
}

static void end_attended(struct attended *s)
{
    state_finish(&s->state);
    free(s->q), free(s->k), free(s->v), free(s->out);
}

/* Tokens first[i] ... first[i] + n[i] - 1 of several sequences together. */
static void attend_together(struct ops *o, const struct attention *a, struct attended *s, const size_t *first, const size_t *n, size_t n_spans)
{
    float *q = calloc(OPS_BATCH * HEADS * DIM, sizeof *q), *out = calloc(OPS_BATCH * HEADS * DIM, sizeof *out);
    float *k = calloc(OPS_BATCH * KV * DIM, sizeof *k), *v = calloc(OPS_BATCH * KV * DIM, sizeof *v);
    struct span spans[4];
    struct batch b = { .spans = spans, .n_spans = n_spans };

    for (size_t i = 0; i < n_spans; i++) {
        const size_t kv = KV * DIM, wide = HEADS * DIM;

        spans[i] = (struct span){ &s[i].state, first[i], n[i], 0 };
        if (state_reserve(&s[i].state, first[i], first[i] + n[i], NULL) < 0)
            abort();
        memcpy(q + b.n * wide, s[i].q + first[i] * wide, n[i] * wide * sizeof *q);
        memcpy(k + b.n * kv, s[i].k + first[i] * kv, n[i] * kv * sizeof *k);
        memcpy(v + b.n * kv, s[i].v + first[i] * kv, n[i] * kv * sizeof *v);
        b.n += n[i];
    }
    ops_store(o, &b, 0, k, v);
    ops_attend(o, a, &b, 0, q, out);
    for (size_t i = 0, t = 0; i < n_spans; t += n[i++])
        memcpy(s[i].out + first[i] * HEADS * DIM, out + t * HEADS * DIM, n[i] * HEADS * DIM * sizeof *out);
    free(q), free(out), free(k), free(v);
}

/* All tokens in pieces of `piece`; random: up to that. */
static void attend_pieces(struct ops *o, const struct attention *a, struct attended *s, size_t piece, uint64_t *random)
{
    for (size_t pos = 0, n; pos < LONG; pos += n) {
        n = random ? 1 + tiny_random(random) % piece : piece;
        n = n < LONG - pos ? n : LONG - pos;
        attend_together(o, a, s, &pos, &n, 1);
    }
}

static void test_attention(const struct kernels *table, enum quant_type type, size_t window, double tolerance)
{
    const struct shape shape = { .n_layer = 1, .n_head = HEADS, .n_kv_head = KV, .head_dim = DIM, .max_k = 64 };
    const struct attention a = { HEADS, KV, DIM, 0.15f, 0, window };
    const size_t bytes = LONG * HEADS * DIM * sizeof(float);
    struct pool *one = pool_create(1, NULL), *three = pool_create(3, NULL);
    float *whole = malloc(bytes);
    struct kv_layout layout;
    struct attended s[2];
    struct pages *pages;
    struct ops o, o3;
    uint64_t random = 5;
    double error;
    size_t wrong = 0, first[2] = { 0, 0 };

    if (kv_layout_init(&layout, type, 1, KV, DIM, NULL) < 0 || !(pages = pages_create(&layout, 0, NULL)) ||
        ops_init(&o, table, one, &shape, LONG, NULL) < 0 || ops_init(&o3, table, three, &shape, LONG, NULL) < 0)
        abort();
    begin_attended(&s[0], &shape, pages);
    begin_attended(&s[1], &shape, pages);
    attend_pieces(&o, &a, &s[0], OPS_BATCH, NULL);
    error = attention_error(&s[0], &a, 0, LONG);
    ok(error < tolerance, "%s, %s, window %zu: off by %.1e", table->name, quant_find((uint32_t)type)->name, window, error);
    memcpy(whole, s[0].out, bytes);
    attend_pieces(&o3, &a, &s[0], 1, NULL);
    ok(memcmp(whole, s[0].out, bytes) == 0, "token by token on three threads: the same bits");
    attend_pieces(&o3, &a, &s[0], OPS_BATCH, &random);
    ok(memcmp(whole, s[0].out, bytes) == 0, "in random pieces, too");
    memset(s[0].out, 0, bytes);
    while (first[0] < LONG) { /* the second goes ahead */
        size_t n[2] = { 1 + tiny_random(&random) % 20, 1 + tiny_random(&random) % 40 };

        for (size_t i = 0; i < 2; i++)
            n[i] = n[i] < LONG - first[i] ? n[i] : LONG - first[i];
        attend_together(&o3, &a, s, first, n, n[1] ? 2 : 1);
        first[0] += n[0];
        first[1] += n[1];
    }
    wrong = memcmp(whole, s[0].out, bytes) != 0;
    ok(!wrong && attention_error(&s[1], &a, 0, LONG) < tolerance, "beside another sequence, too");
    end_attended(&s[0]);
    end_attended(&s[1]);
    is_int((long long)pages_n_used(pages), 0, "all pages came back");
    pages_destroy(pages);
    ops_finish(&o);
    ops_finish(&o3);
    pool_destroy(one);
    pool_destroy(three);
    free(whole);
}

/* A sequence that shares its past with another does not change it. */
static void test_sharing(void)
{
    const struct shape shape = { .n_layer = 1, .n_head = HEADS, .n_kv_head = KV, .head_dim = DIM, .max_k = 64 };
    const struct attention a = { HEADS, KV, DIM, 0.15f, 0, 0 };
    const size_t at = 300, n = 20;
    struct pool *pool = pool_create(1, NULL);
    struct kv_layout layout;
    struct attended s[2];
    struct pages *pages;
    struct ops o;
    float *before;

    if (kv_layout_init(&layout, QUANT_F16, 1, KV, DIM, NULL) < 0 || !(pages = pages_create(&layout, 4 * layout.page_bytes, NULL)) ||
        ops_init(&o, kernels_find(NULL), pool, &shape, LONG, NULL) < 0)
        abort();
    begin_attended(&s[0], &shape, pages);
    begin_attended(&s[1], &shape, pages);
    for (size_t pos = 0; pos < at + n; pos += n)
        attend_together(&o, &a, &s[0], &pos, &n, 1);
    before = malloc(n * HEADS * DIM * sizeof *before);
    memcpy(before, s[0].out + at * HEADS * DIM, n * HEADS * DIM * sizeof *before);
    state_copy(&s[1].state, &s[0].state, at);
    is_int((long long)pages_n_used(pages), 2, "a copy of a sequence takes no page");
    attend_together(&o, &a, &s[1], &at, &n, 1); /* other keys and values behind the same past */
    is_int((long long)pages_n_used(pages), 3, "until it writes");
    attend_together(&o, &a, &s[0], &at, &n, 1);
    ok(memcmp(before, s[0].out + at * HEADS * DIM, n * HEADS * DIM * sizeof *before) == 0, "and the first one sees nothing of it");
    ok(memcmp(before, s[1].out + at * HEADS * DIM, n * HEADS * DIM * sizeof *before) != 0, "while the second sees its own");
    ok(state_reserve(&s[1].state, 2 * STATE_BLOCK, 4 * STATE_BLOCK, NULL) < 0, "pages beyond the limit are refused");
    end_attended(&s[0]);
    is_int((long long)pages_n_used(pages), 3, "shared pages stay while one has them");
    end_attended(&s[1]);
    is_int((long long)pages_n_used(pages), 0, "and come back with the last");
    pages_destroy(pages);
    ops_finish(&o);
    pool_destroy(pool);
    free(before);
}

static void test_softmax(void)
{
    float x[5] = { 1000, 999, -1000, 1000, 0 };
    double sum = 0;

    ops_log_softmax(x, 5);
    for (int i = 0; i < 5; i++)
        sum += exp((double)x[i]);
    ok(fabs(sum - 1) < 1e-6 && fabs((double)(x[0] - x[1]) - 1) < 1e-6, "log-softmax of large values");
}

static atomic_uint done_chunks[POOL_MAX_CHUNKS];

static void count_chunk(void *arg, unsigned chunk, unsigned thread)
{
    atomic_fetch_add(&done_chunks[chunk], 1);
    if (thread >= *(unsigned *)arg)
        atomic_fetch_add(&done_chunks[chunk], 1000);
}

static void test_pool(void)
{
    const unsigned sizes[] = { 1, 2, 5, 64, 4096 };
    unsigned n_threads = 4, wrong = 0, expected[POOL_MAX_CHUNKS] = { 0 };
    struct pool *p = pool_create(n_threads, NULL);
    struct err err;

    for (unsigned round = 0; round < 400; round++) {
        unsigned n = sizes[round % 5];

        pool_run(p, count_chunk, &n_threads, n);
        for (unsigned i = 0; i < n; i++)
            expected[i]++;
        if (round % 100 == 50)
            usleep(2000); /* long enough for the helpers to fall asleep */
        for (unsigned i = 0; i < POOL_MAX_CHUNKS; i++)
            wrong += atomic_load(&done_chunks[i]) != expected[i];
    }
    is_int(wrong, 0, "400 jobs on four threads: each chunk once, done when pool_run returns");
    pool_destroy(p);
    ok(!pool_create(0, &err) && !pool_create(1000, &err), "0 and 1000 threads are refused");
    pool_destroy(NULL);
}

int main(void)
{
    plan_later();
    test_products("plain");
    test_products(kernels_at(1) ? kernels_at(1)->name : "vectors");
    test_mixed_products();
    test_inputs();
    test_whole_columns();
    test_share();
    test_rope();
    for (size_t i = 0; kernels_at(i); i++) {
        test_attention(kernels_at(i), QUANT_F32, 0, 1e-5);
        test_attention(kernels_at(i), QUANT_F16, 300, 2e-3);
        test_attention(kernels_at(i), QUANT_BF16, 0, 2e-2);
        test_attention(kernels_at(i), QUANT_Q8_0, 0, 3e-2);
    }
    test_sharing();
    test_softmax();
    test_pool();
    done();
    return tap_status();
}
