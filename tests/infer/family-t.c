/*
 * infer/family.c: the tensors that a family asks for, in the formats that they may have: I2_S with its one scale for all,
 * vectors in half precision, and what is refused.  Families themselves are in golden-t.
 */
#include "infer/family.h"

#include <math.h>

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

/* A file of one tensor, t. */
static struct gguf *file_of(struct buf *b, uint32_t type, uint64_t ne0, uint64_t ne1, const void *bytes, size_t len,
                            struct err *err)
{
    buf_init(b, TINY_LIMIT);
    tiny_header(b, 3, 1, 0);
    tiny_tensor(b, "t", ne1 ? 2 : 1, (const uint64_t[]){ ne0, ne1 }, type, 0);
    tiny_pad(b, 32);
    buf_add(b, bytes, len);
    return gguf_parse(b->data, b->len, err);
}

enum { K = 256, N_ROWS = 6, BYTES = K * N_ROWS / 4 };

/* Values -1, 0, 1, and the bytes that hold them. */
static void ternary(int8_t *values, unsigned char *bytes, float scale)
{
    uint64_t random = 11;

    memset(bytes, 0, BYTES + 32);
    for (size_t i = 0; i < K * N_ROWS; i++) {
        values[i] = (int8_t)(tiny_random(&random) % 3) - 1;
        bytes[i / 128 * 32 + i % 32] |= (unsigned char)((values[i] + 1) << (6 - i % 128 / 32 * 2));
    }
    memcpy(bytes + BYTES, &scale, sizeof scale);
}

static void test_i2_s(void)
{
    int8_t values[K * N_ROWS];
    unsigned char bytes[BYTES + 32];
    float x[2 * K], y[2 * N_ROWS], row[K];
    uint64_t random = 12;
    struct pool *pool = pool_create(1, NULL);
    struct err err = { 0 };
    struct matrix m, rows;
    double worst = 0;
    struct ops o;
    struct buf b;
    struct gguf *g;

    ternary(values, bytes, 1.75f);
    g = file_of(&b, QUANT_I2_S, K, N_ROWS, bytes, sizeof bytes, &err);
    if (!ok(g && family_matrix(g, "t", K, N_ROWS, &m, &err) == 0 && ops_init(&o, kernels_find(NULL), pool, &(struct shape){ .max_k = K }, 4, &err) == 0,
            "an I2_S matrix"))
        diag("%s", err.msg);
    for (size_t i = 0; i < 2 * K; i++)
        x[i] = tiny_normal(&random);
    ops_multiply(&o, &(struct product){ &m, y }, 1, x, 2);
    for (size_t c = 0; c < 2; c++)
        for (size_t r = 0; r < N_ROWS; r++) {
            double sum = 0;

            for (size_t i = 0; i < K; i++)
                sum += 1.75 * (double)values[r * K + i] * (double)x[c * K + i];
            worst = fmax(worst, fabs(sum - (double)y[c * N_ROWS + r]));
        }
    ok(worst < 1e-4, "products have the tensor's scale: off by %.1e", worst);
    rows = family_rows(&m, 2, 3);
    ops_row(&rows, 1, row);
    worst = 0;
    for (size_t i = 0; i < K; i++)
        worst = fmax(worst, fabs(1.75 * (double)values[3 * K + i] - (double)row[i]));
    ok(worst == 0, "so has a row of some rows");
    ops_finish(&o);
    pool_destroy(pool);
    gguf_close(g);
    buf_finish(&b);
}

static void refuse_matrix(uint32_t type, uint64_t k, const void *bytes, size_t len, const char *want, const char *what)
{
    struct err err = { 0 };
    struct matrix m;
    struct buf b;
    struct gguf *g = file_of(&b, type, k, N_ROWS, bytes, len, &err);

    if (!ok((!g || family_matrix(g, "t", (size_t)k, N_ROWS, &m, &err) < 0) && strstr(err.msg, want), "%s", what))
        diag("%s", err.msg);
    gguf_close(g);
    buf_finish(&b);
}

static void test_refused(void)
{
    static const unsigned char zeros[8192];
    int8_t values[K * N_ROWS];
    unsigned char bytes[BYTES + 32];

    ternary(values, bytes, INFINITY);
    refuse_matrix(QUANT_I2_S, K, bytes, sizeof bytes, "tensor t: its scale is inf", "a scale that is not finite");
    ternary(values, bytes, 1);
    bytes[K / 4 - 1] = 0x0c;
    refuse_matrix(QUANT_I2_S, K, bytes, sizeof bytes, "tensor t: byte 63 is 0x0c", "a code that I2_S has not");
    refuse_matrix(QUANT_I2_S, K, bytes, BYTES, "its 416 bytes", "a file that ends before the scale");
    refuse_matrix(QUANT_I2_S, 192, zeros, 192 * N_ROWS / 4 + 32, "rows of 192 values do not fill blocks of 128 (I2_S)",
                  "rows that end within a block, as programs for ARM write them");
    refuse_matrix(QUANT_Q4_K, 320, zeros, sizeof zeros, "rows of 320 values do not fill blocks of 256 (Q4_K)",
                  "rows that end within a block");
    refuse_matrix(16, K, zeros, sizeof zeros, "tensor t is of type IQ2_XXS, which this program cannot read",
                  "a format that is known by size alone");
    refuse_matrix(99, K, zeros, sizeof zeros, "unknown tensor type 99", "an unknown format");
}

static void test_vector(uint32_t type, size_t size, const uint16_t *halves, const float *want, size_t n)
{
    struct err err = { 0 };
    const float *values = NULL;
    struct buf b;
    struct gguf *g = file_of(&b, type, n, 0, size == 4 ? (const void *)want : halves, n * size, &err);

    if (!ok(g && family_vector(g, "t", n, &values, &err) == 0 && memcmp(values, want, n * sizeof *want) == 0,
            "a vector in %s", quant_find(type)->name))
        diag("%s", err.msg);
    gguf_close(g);
    buf_finish(&b);
}

static void test_vectors(void)
{
    static const float values[] = { 1, -2, 0.5f, 3, 0 };
    static const uint16_t f16[] = { 0x3c00, 0xc000, 0x3800, 0x4200, 0 }, bf16[] = { 0x3f80, 0xc000, 0x3f00, 0x4040, 0 };
    static const unsigned char zeros[34];
    struct err err = { 0 };
    const float *out = NULL;
    struct buf b;
    struct gguf *g;

    test_vector(QUANT_F32, 4, NULL, values, 5);
    test_vector(QUANT_F16, 2, f16, values, 5);
    test_vector(QUANT_BF16, 2, bf16, values, 5);
    g = file_of(&b, QUANT_Q8_0, 32, 0, zeros, sizeof zeros, &err);
    ok(g && family_vector(g, "t", 32, &out, &err) < 0 && !out && strstr(err.msg, "it must be F32, F16 or BF16"),
       "a vector in Q8_0 is refused");
    gguf_close(g);
    buf_finish(&b);
}

/* An architecture that nobody has: whatever its name, all that there are are named. */
static void test_unknown(void)
{
    struct err err = { 0 };
    struct gguf *g;
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, 1);
    tiny_kv_string(&b, "general.architecture", "a_name_as_long_as_any_that_counts_");
    tiny_pad(&b, 32);
    g = gguf_parse(b.data, b.len, &err);
    ok(g && !family_find(g, &err) && strstr(err.msg, "(bert biogpt ") && strstr(err.msg, " starcoder2)"),
       "an unknown one: \"%s\"", err.msg);
    gguf_close(g);
    buf_finish(&b);
}

int main(void)
{
    plan_later();
    test_i2_s();
    test_refused();
    test_vectors();
    test_unknown();
    done();
    return tap_status();
}
