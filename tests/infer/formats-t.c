/*
 * Every family with matrices in blocks: each golden model is quantized, and gives the logits of the file with the values of those
 * blocks in F32.  How far quantizing itself moves them is no matter here; that values come out of blocks exactly is quant-t's.
 *
 * Q8_0 rounds activations to 8 bits, too, which the bound has to allow for: these models have rows of 24 to 64 values, over which
 * rounding evens out less than over those of larger ones (random models of width 256 are at 5e-4 at most, a trained one at 6e-6).
 * All others are as exact as F32.
 */
#include <dirent.h>
#include <math.h>

#include "infer/gguf_write.h"
#include "infer/quantization.h"
#include "tests/infer/golden.h"
#include "tests/infer/sequence.h"

#define N_TOKENS 12
#define BOUND_Q8_0 2e-3 /* NMSE of the logits */
#define BOUND      1e-9

static char blocks_path[300], values_path[300];

/* All of a file, but what is quantized becomes F32. */
static bool write_values(const struct gguf *g, struct err *err)
{
    struct gguf_writer *w = gguf_writer_create(err);
    bool good;

    for (size_t i = 0; i < gguf_n_kv(g); i++)
        gguf_add_kv(w, gguf_kv_at(g, i));
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        gguf_add_tensor(w, t->name, quant_find(QUANT_F32), t->n_dims, t->ne);
    }
    good = gguf_writer_begin(w, values_path, err) == 0;
    for (size_t i = 0; i < gguf_n_tensors(g) && good; i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        const size_t n = t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
        float *values = calloc(n, sizeof *values);

        quant_dequantize((enum quant_type)t->format->id, t->data, n, values);
        good = gguf_writer_data(w, values, n * sizeof *values, err) == 0;
        free(values);
    }
    good = good && gguf_writer_finish(w, err) == 0;
    gguf_writer_destroy(w);
    return good;
}

/* Logits [N_TOKENS][n_vocab] of some tokens; NULL: the model does not run. */
static float *evaluate(const struct gguf *g, const struct kernels *kernels, size_t *n_vocab, struct err *err)
{
    const struct family *family = family_find(g, err);
    struct pool *pool = pool_create(1, err);
    int32_t tokens[N_TOKENS];
    float *logits = NULL;
    struct shape shape;
    struct sequence sequence;
    struct ops ops;
    void *model = family ? family->load(g, &shape, err) : NULL;

    if (model && sequence_init(&sequence, &shape, QUANT_F32, N_TOKENS, err) == 0) {
        if (ops_init(&ops, kernels, pool, &shape, N_TOKENS, err) == 0) {
            *n_vocab = shape.n_vocab;
            logits = calloc(N_TOKENS * shape.n_vocab, sizeof *logits);
            for (size_t i = 0; i < N_TOKENS; i++)
                tokens[i] = (int32_t)((i * i + 3) % shape.n_vocab);
            (void)sequence_eval(&sequence, family, model, &ops, tokens, N_TOKENS, 0, logits, N_TOKENS);
            ops_finish(&ops);
        }
        sequence_finish(&sequence);
    }
    if (model)
        family->unload(model);
    pool_destroy(pool);
    return logits;
}

static double nmse(const float *got, const float *want, size_t n)
{
    double error = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        error += pow((double)got[i] - (double)want[i], 2);
        size += pow((double)want[i], 2);
    }
    return error / size;
}

static size_t n_of_format(const struct gguf *g, bool (*is)(uint32_t id))
{
    size_t n = 0;

    for (size_t i = 0; i < gguf_n_tensors(g); i++)
        n += is(gguf_tensor_at(g, i)->format->id);
    return n;
}

static bool is_blocks(uint32_t id)
{
    return quant_find(id)->block > 1;
}

static bool is_q8_0(uint32_t id)
{
    return id == QUANT_Q8_0;
}

static void compare(const char *name, const char *type, const struct kernels *kernels)
{
    struct err err = { 0 };
    struct gguf *blocks = gguf_open(blocks_path, &err), *values = NULL;
    float *got = NULL, *want = NULL;
    size_t n_vocab = 0;

    if (blocks && write_values(blocks, &err) && (values = gguf_open(values_path, &err))) {
        got = evaluate(blocks, kernels, &n_vocab, &err);
        want = evaluate(values, kernels, &n_vocab, &err);
    }
    if (got && want) {
        const double bound = n_of_format(blocks, is_q8_0) ? BOUND_Q8_0 : BOUND, apart = nmse(got, want, N_TOKENS * n_vocab);

        ok(apart <= bound, "%s as %s, %zu tensors of blocks, kernels %s: NMSE %.1e", name, type,
           n_of_format(blocks, is_blocks), kernels->name, apart);
    } else {
        ok(false, "%s as %s: %s", name, type, err.msg);
    }
    free(got);
    free(want);
    gguf_close(values);
    gguf_close(blocks);
    unlink(values_path);
}

/* Whether it could be quantized: what has been is not rounded again. */
static bool test_type(const char *name, const char *type)
{
    const struct quantization_options options = { .n_threads = 1 };
    struct quantization_result result;
    struct err err = { 0 };
    const struct quantization *q = quantization_find(type, &err);

    if (!q || quantization_run(golden_path(name), blocks_path, q, &options, &result, &err) < 0) {
        ok(strstr(err.msg, "F32, F16 or BF16") != NULL, "%s is rounded already", name);
        return false;
    }
    compare(name, type, &kernels_plain);
    if (kernels_find(NULL) != &kernels_plain)
        compare(name, type, kernels_find(NULL));
    unlink(blocks_path);
    return true;
}

static int is_model(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');

    return dot && strcmp(dot, ".gguf") == 0;
}

int main(void)
{
    const char *dir = getenv("TMPDIR");
    struct dirent **files;
    int n = scandir(golden_path(""), &files, is_model, alphasort), n_rounded = 0;

    plan_later();
    snprintf(blocks_path, sizeof blocks_path, "%s/corax-formats-%d-blocks.gguf", dir ? dir : "/tmp", (int)getpid());
    snprintf(values_path, sizeof values_path, "%s/corax-formats-%d-values.gguf", dir ? dir : "/tmp", (int)getpid());
    for (int i = 0; i < n; i++) {
        const char *name = files[i]->d_name;

        if (test_type(name, "Q8_0")) {
            test_type(name, "Q4_K_M"); /* where rows are not of 256 values: Q5_0, Q8_0 */
            test_type(name, "IQ4_XS"); /* IQ4_NL */
        } else {
            n_rounded++;
        }
        free(files[i]);
    }
    ok(n > 40 && n_rounded < 5, "%d models, %d of which are quantized from the start", n, n_rounded);
    if (n >= 0)
        free(files);
    done();
    return tap_status();
}
