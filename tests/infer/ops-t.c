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

enum { K = 512, N_ROWS = 37, MAX_COLS = OPS_BATCH };

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

    if (table && ops_init(&one, table, pools[0], K, 8, NULL) == 0 && ops_init(&three, table, pools[1], K, 8, NULL) == 0) {
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
    ok(ops_init(&o, kernels_find(NULL), pool, K, 8, NULL) == 0, "operations");
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

/* Token i of the batch, head h, in double. */
static double attention_error(const float *q, const float *k, const float *v, const float *out, size_t n, size_t pos)
{
    enum { HEADS = 6, KV = 2, DIM = 16 };
    double worst = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t h = 0; h < HEADS; h++) {
            const size_t shared = h / (HEADS / KV), n_pos = pos + i + 1;
            double weight[64], sum = 0;

            for (size_t p = 0; p < n_pos; p++) {
                weight[p] = 0;
                for (size_t j = 0; j < DIM; j++)
                    weight[p] += (double)q[(i * HEADS + h) * DIM + j] * (double)k[(p * KV + shared) * DIM + j];
                sum += weight[p] = exp(weight[p] / 4);
            }
            for (size_t j = 0; j < DIM; j++) {
                double want = 0;

                for (size_t p = 0; p < n_pos; p++)
                    want += weight[p] / sum * (double)v[(p * KV + shared) * DIM + j];
                worst = fmax(worst, fabs(want - (double)out[(i * HEADS + h) * DIM + j]));
            }
        }
    return worst;
}

static void test_attention(void)
{
    enum { HEADS = 6, KV = 2, DIM = 16, N_CTX = 40, POS = 13, N = 11 };
    float *q = numbers(N * HEADS * DIM), *k = numbers((POS + N) * KV * DIM), *v = numbers((POS + N) * KV * DIM);
    float *out = calloc(N * HEADS * DIM, sizeof *out), *again = calloc(N * HEADS * DIM, sizeof *again);
    struct kv_layer layer = { calloc(N_CTX * KV * DIM, sizeof *k), calloc(N_CTX * KV * DIM, sizeof *v) };
    struct pool *one = pool_create(1, NULL), *three = pool_create(3, NULL);
    const struct attention a = { HEADS, KV, DIM, 0.25f, 0, 0 };
    struct ops o, o3;

    ok(ops_init(&o, kernels_find(NULL), one, 64, N_CTX, NULL) == 0 &&
           ops_init(&o3, kernels_find(NULL), three, 64, N_CTX, NULL) == 0,
       "operations for one thread and for three");
    ops_store(&o, &layer, k, v, POS, 0, KV, DIM);
    ops_store(&o, &layer, k + POS * KV * DIM, v + POS * KV * DIM, N, POS, KV, DIM);
    ops_attend(&o, &a, q, &layer, N, POS, out);
    ok(attention_error(q, k, v, out, N, POS) < 1e-5, "grouped causal attention: off by %.1e",
       attention_error(q, k, v, out, N, POS));
    ops_attend(&o3, &a, q, &layer, N, POS, again);
    ok(memcmp(out, again, N * HEADS * DIM * sizeof *out) == 0, "three threads give the same bits");
    ops_finish(&o);
    ops_finish(&o3);
    pool_destroy(one);
    pool_destroy(three);
    free(q), free(k), free(v), free(out), free(again), free(layer.k), free(layer.v);
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
    test_products("avx2");
    test_mixed_products();
    test_rope();
    test_attention();
    test_softmax();
    test_pool();
    done();
    return tap_status();
}
