/*
 * infer/weights.c: in each format, a scale or a value that is infinite or no number is found wherever it is, and named; and no
 * program opens a model that has one.
 */
#include "infer/weights.h"

#include <math.h>

#include "infer/infer.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

#define N_ROWS 40

static struct pool *pool;

/* A file with one tensor t, N_ROWS rows of k values of 0; returns where its bytes begin. */
static size_t write_zeros(struct buf *b, const struct quant_format *f, size_t k)
{
    const uint64_t ne[2] = { k, N_ROWS };
    const size_t bytes = k / f->block * f->bytes * N_ROWS + f->tail;
    size_t at;

    tiny_header(b, 3, 1, 0);
    tiny_tensor(b, "t", 2, ne, f->id, 0);
    tiny_pad(b, 32);
    at = b->len;
    for (size_t i = 0; i < bytes; i++)
        buf_addc(b, 0);
    tiny_pad(b, 32);
    return at;
}

static bool passes(const struct buf *b, struct err *err)
{
    struct gguf *g = gguf_parse(b->data, b->len, err);
    const bool good = g && weights_check(g, pool, err) == 0;

    gguf_close(g);
    return good;
}

/* bad [len] at byte `at` of a block: of the first, of one in the middle, and of the last. */
static void test_bytes(const struct quant_format *f, size_t at, const void *bad, size_t len)
{
    const size_t k = f->block == 1 ? 4096 : 16 * (size_t)f->block, n = k / f->block * N_ROWS;
    size_t begin, places[] = { 0, n / 2 + 1, n - 1 }, found = 0;
    char number[40];
    struct err err;
    struct buf b;

    for (size_t i = 0; i < 3; i++) {
        buf_init(&b, TINY_LIMIT);
        begin = write_zeros(&b, f, k);
        memcpy(b.data + begin + places[i] * f->bytes + at, bad, len);
        snprintf(number, sizeof number, " %zu of %zu is infinite", places[i], n);
        err.msg[0] = 0;
        found += !passes(&b, &err) && err.status == CORAX_E_ARGS && strstr(err.msg, "tensor t") && strstr(err.msg, number);
        buf_finish(&b);
    }
    if (!ok(found == 3, "%s: %02x%02x at byte %zu is found", f->name, ((const unsigned char *)bad)[len - 1],
            ((const unsigned char *)bad)[0], at))
        diag("%zu of 3, %s", found, err.msg);
}

static void test_format(const struct quant_format *f)
{
    const float infinite = -INFINITY, none = NAN;
    const uint16_t halves[] = { 0x7c00, 0xfc00, 0x7e01 }, uppers[] = { 0x7f80, 0xff81 };
    const uint8_t power = 0xff;
    struct err err = { 0 };
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    write_zeros(&b, f, f->block == 1 ? 4096 : 16 * (size_t)f->block);
    if (!ok(passes(&b, &err), "%s: zeros are numbers", f->name))
        diag("%s", err.msg);
    buf_finish(&b);
    if (f->id == QUANT_F32) {
        test_bytes(f, 0, &infinite, sizeof infinite);
        test_bytes(f, 0, &none, sizeof none);
    } else if (f->id == QUANT_BF16) {
        test_bytes(f, 0, &uppers[0], 2);
        test_bytes(f, 0, &uppers[1], 2);
    } else if (f->id == QUANT_F16) {
        for (size_t i = 0; i < 3; i++)
            test_bytes(f, 0, &halves[i], 2);
    } else if (f->id == QUANT_MXFP4) {
        test_bytes(f, 0, &power, 1);
    }
    for (size_t i = 0; i < f->n_scales; i++)
        test_bytes(f, f->scales[i], &halves[i], 2);
}

/* No byte that is not looked at can make a value infinite or no number. */
static void test_completeness(const struct quant_format *f)
{
    unsigned char block[256];
    float values[QUANT_MAX_BLOCK];
    uint64_t random = 11;
    size_t wrong = 0;

    for (int round = 0; round < 20000; round++) {
        bool numbers = true;

        for (size_t i = 0; i < f->bytes; i++)
            block[i] = tiny_random(&random) % 4 ? (unsigned char)tiny_random(&random) : 0xff;
        quant_dequantize((enum quant_type)f->id, block, f->block, values);
        for (size_t i = 0; i < f->block; i++)
            numbers &= isfinite(values[i]) != 0;
        wrong += !numbers && quant_find_bad((enum quant_type)f->id, block, 1) == 1;
    }
    ok(wrong == 0, "%s: what passes has values that are numbers (%zu have not)", f->name, wrong);
}

static void test_engine(void)
{
    struct tiny_spec spec = { 64, 2, 4, 2, 96, 32, QUANT_Q8_0, 1, false, 0, false, "corax-1" };
    struct engine_options options = { .n_threads = 2 };
    struct err err = { 0 };
    struct engine *e;
    char path[256];
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, &spec);
    memset(b.data + b.len - 34, 0xff, 2);
    ok(tiny_write(&b, path), "a model whose last scale is no number");
    e = engine_open(path, &options, &err);
    if (!ok(!e && err.status == CORAX_E_ARGS && strstr(err.msg, path) && strstr(err.msg, "infinite or no number"),
            "is not opened"))
        diag("%s", err.msg);
    engine_close(e);
    unlink(path);
    buf_finish(&b);
}

int main(void)
{
    struct err err;

    plan_later();
    pool = pool_create(3, &err);
    for (uint32_t id = 0; id < QUANT_MAX_ID; id++)
        if (quant_find(id) && quant_find(id)->dequantize) {
            test_format(quant_find(id));
            if (id != QUANT_I2_S)
                test_completeness(quant_find(id));
        }
    test_engine();
    pool_destroy(pool);
    done();
    return tap_status();
}
