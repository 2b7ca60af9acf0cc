/*
 * infer/family_llama.c against the equations in double, written down once more and as plainly as possible, on random
 * models of several shapes and formats; and files whose configuration and tensors do not fit each other.
 */
#include "infer/family.h"

#include <math.h>

#include "infer/infer.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

#define N_TOKENS 21

/* --- the reference ------------------------------------------------------------------------------------------------ */

static struct gguf *file;
static double hidden[N_TOKENS][256]; /* after the last norm */

static void times(const char *name, const double *x, double *y)
{
    const struct gguf_tensor *t = gguf_find_tensor(file, name);
    float *row = malloc(t->ne[0] * sizeof *row);

    for (size_t r = 0; r < t->ne[1]; r++) {
        quant_dequantize((enum quant_type)t->format->id, (const char *)t->data + r * t->row_bytes, t->ne[0], row);
        y[r] = 0;
        for (size_t i = 0; i < t->ne[0]; i++)
            y[r] += (double)row[i] * x[i];
    }
    free(row);
}

static void norm(const char *name, const double *x, size_t n, double *y)
{
    const float *w = gguf_find_tensor(file, name)->data;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / sqrt(sum + (double)1e-5f) * (double)w[i];
}

static void rotate(double *x, size_t n_head, size_t dim, size_t pos, const struct tiny_spec *s)
{
    const float *factors = s->factors ? gguf_find_tensor(file, "rope_freqs.weight")->data : NULL;

    for (size_t h = 0; h < n_head; h++)
        for (size_t i = 0; i < dim / 2; i++) {
            double angle = (double)pos * pow(10000, -2.0 * (double)i / (double)dim), *p = x + h * dim + 2 * i, a = p[0],
                   b = p[1];

            angle /= s->stretch > 0 ? (double)s->stretch : 1;
            angle /= factors ? (double)factors[i] : 1;
            p[0] = a * cos(angle) - b * sin(angle);
            p[1] = a * sin(angle) + b * cos(angle);
        }
}

static char *layer_name(size_t layer, const char *what)
{
    static char name[64];

    snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, what);
    return name;
}

/* One layer for token t; keys and values [token][n_kv_head * dim] of all up to t. */
static void reference_layer(const struct tiny_spec *s, size_t layer, size_t t, double *x, double *keys, double *values)
{
    const size_t dim = s->n_embd / s->n_head, kv = s->n_kv_head * dim;
    double h[256], q[256], out[256], gate[256], up[256];

    norm(layer_name(layer, "attn_norm"), x, s->n_embd, h);
    times(layer_name(layer, "attn_q"), h, q);
    times(layer_name(layer, "attn_k"), h, keys + t * kv);
    times(layer_name(layer, "attn_v"), h, values + t * kv);
    rotate(q, s->n_head, dim, t, s);
    rotate(keys + t * kv, s->n_kv_head, dim, t, s);
    for (size_t head = 0; head < s->n_head; head++) {
        size_t shared = head * s->n_kv_head / s->n_head * dim;
        double weight[N_TOKENS], sum = 0;

        for (size_t p = 0; p <= t; p++) {
            weight[p] = 0;
            for (size_t i = 0; i < dim; i++)
                weight[p] += q[head * dim + i] * keys[p * kv + shared + i];
            sum += weight[p] = exp(weight[p] / sqrt((double)dim));
        }
        for (size_t i = 0; i < dim; i++) {
            h[head * dim + i] = 0;
            for (size_t p = 0; p <= t; p++)
                h[head * dim + i] += weight[p] / sum * values[p * kv + shared + i];
        }
    }
    times(layer_name(layer, "attn_output"), h, out);
    for (size_t i = 0; i < s->n_embd; i++)
        x[i] += out[i];
    norm(layer_name(layer, "ffn_norm"), x, s->n_embd, h);
    times(layer_name(layer, "ffn_gate"), h, gate);
    times(layer_name(layer, "ffn_up"), h, up);
    for (size_t i = 0; i < s->n_ff; i++)
        gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i];
    times(layer_name(layer, "ffn_down"), gate, out);
    for (size_t i = 0; i < s->n_embd; i++)
        x[i] += out[i];
}

static void reference(const struct tiny_spec *s, const int32_t *tokens, double *logits)
{
    const struct gguf_tensor *embedding = gguf_find_tensor(file, "token_embd.weight");
    const size_t kv = s->n_kv_head * (s->n_embd / s->n_head);
    double *cache = calloc(s->n_layer * 2 * N_TOKENS * kv, sizeof *cache), x[256], h[256];
    float row[256];

    for (size_t t = 0; t < N_TOKENS; t++) {
        quant_dequantize(s->type, (const char *)embedding->data + (size_t)tokens[t] * embedding->row_bytes, s->n_embd,
                         row);
        for (size_t i = 0; i < s->n_embd; i++)
            x[i] = (double)row[i];
        for (size_t l = 0; l < s->n_layer; l++)
            reference_layer(s, l, t, x, cache + 2 * l * N_TOKENS * kv, cache + (2 * l + 1) * N_TOKENS * kv);
        norm("output_norm.weight", x, s->n_embd, hidden[t]);
    }
    memcpy(h, hidden[N_TOKENS - 1], sizeof h);
    times(s->own_output ? "output.weight" : "token_embd.weight", h, logits);
    free(cache);
}

/* --- the comparison ----------------------------------------------------------------------------------------------- */

static void compare_with(const struct tiny_spec *spec, const char *kernels, enum engine_packing packing, enum engine_cache cache, double tolerance,
                         const char *what)
{
    struct engine_options options = { .n_threads = 2, .kernels = kernels, .packing = packing, .cache = cache };
    double logits[TINY_N_VOCAB], error = 0, size = 0;
    int32_t tokens[N_TOKENS];
    uint64_t random = 77;
    struct engine *e;
    struct session *s;
    struct gguf *g;
    struct err err = { 0 };
    char path[256];
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, spec);
    for (size_t i = 0; i < N_TOKENS; i++)
        tokens[i] = (int32_t)(tiny_random(&random) % TINY_N_VOCAB);
    file = g = gguf_parse(b.data, b.len, &err);
    reference(spec, tokens, logits);
    tiny_write(&b, path);
    e = engine_open(path, &options, &err);
    s = e ? session_create(e, &err) : NULL;
    if (s && session_sync(s, tokens, N_TOKENS, NULL, NULL, NULL, &err) == 0)
        for (size_t i = 0; i < TINY_N_VOCAB; i++) {
            error += pow(logits[i] - (double)session_logits(s)[i], 2);
            size += logits[i] * logits[i];
        }
    if (!ok(size > 0 && error / size <= tolerance, "%s, %s: NMSE %.1e", what, kernels, error / size))
        diag("%s", err.msg);
    session_destroy(s);
    engine_close(e);
    gguf_close(g);
    unlink(path);
    buf_finish(&b);
}

static void compare(const struct tiny_spec *spec, const char *kernels, enum engine_packing packing, double tolerance, const char *what)
{
    compare_with(spec, kernels, packing, ENGINE_CACHE_F32, tolerance, what);
}

static void test_shapes(const char *kernels)
{
    struct tiny_spec s = TINY_SPEC;

    /* Single precision against double: 2^-24 a term, squared, over the depth of two layers. */
    compare(&s, kernels, ENGINE_PACK_OFF, 1e-11, "F32");
    compare_with(&s, kernels, ENGINE_PACK_OFF, ENGINE_CACHE_F16, 1e-6, "keys and values in F16");
    compare_with(&s, kernels, ENGINE_PACK_OFF, ENGINE_CACHE_BF16, 1e-4, "keys and values in BF16");
    compare_with(&s, kernels, ENGINE_PACK_OFF, ENGINE_CACHE_Q8_0, 1e-3, "keys and values in Q8_0");
    s.type = QUANT_F16;
    compare(&s, kernels, ENGINE_PACK_OFF, 1e-11, "F16");
    s.type = QUANT_Q8_0;
    /* Activations are rounded to 1/127 of the largest of 32: about 1e-5 of each product, squared and summed. */
    compare(&s, kernels, ENGINE_PACK_OFF, 1e-3, "Q8_0");
    s = TINY_SPEC;
    s.own_output = true;
    compare(&s, kernels, ENGINE_PACK_OFF, 1e-11, "an output matrix of its own");
    s.stretch = 4;
    s.factors = true;
    compare(&s, kernels, ENGINE_PACK_OFF, 1e-11, "linear rope scaling and rope factors");
    s.n_kv_head = 1;
    compare(&s, kernels, ENGINE_PACK_OFF, 1e-11, "one key head for all");
    s.n_kv_head = 4;
    s.n_embd = 48;
    s.n_ff = 40;
    compare(&s, kernels, ENGINE_PACK_OFF, 1e-11, "as many key heads as heads, rows that are no multiple of 32");
}

/* The vector of a text: the mean, the first or the last of what the last norm gives, of length 1. */
static void test_pooling(void)
{
    static const struct {
        const char *name;
        int pooling;
        size_t first, end; /* of the tokens that count */
    } kinds[] = { { "none said: mean", 0, 0, N_TOKENS }, { "mean", 2, 0, N_TOKENS }, { "cls", 3, 0, 1 }, { "last", 4, N_TOKENS - 1, N_TOKENS } };
    struct engine_options options = { .n_threads = 2, .packing = ENGINE_PACK_OFF, .cache = ENGINE_CACHE_F32 };
    struct tiny_spec spec = TINY_SPEC;
    double logits[TINY_N_VOCAB];
    int32_t tokens[N_TOKENS];
    uint64_t random = 78;

    for (size_t i = 0; i < N_TOKENS; i++)
        tokens[i] = (int32_t)(tiny_random(&random) % TINY_N_VOCAB);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        double sum[256] = { 0 }, square = 0, worst = 0;
        struct err err = { 0 };
        struct engine *e;
        struct session *s;
        float *vector = NULL;
        size_t n = 0;
        char path[256];
        struct buf b;

        spec.pooling = kinds[k].pooling;
        buf_init(&b, TINY_LIMIT);
        tiny_llama(&b, &spec);
        file = gguf_parse(b.data, b.len, &err);
        reference(&spec, tokens, logits);
        for (size_t t = kinds[k].first; t < kinds[k].end; t++)
            for (size_t i = 0; i < spec.n_embd; i++)
                sum[i] += hidden[t][i];
        for (size_t i = 0; i < spec.n_embd; i++)
            square += sum[i] * sum[i];
        tiny_write(&b, path);
        e = engine_open(path, &options, &err);
        s = e ? session_create(e, &err) : NULL;
        if (s && session_embed(s, tokens, N_TOKENS, &vector, &n, &err) == 0)
            for (size_t i = 0; i < n; i++)
                worst = fmax(worst, fabs((double)vector[i] - sum[i] / sqrt(square)));
        if (!ok(n == spec.n_embd && worst < 1e-5, "pooling %s: wrong by at most %.1e", kinds[k].name, worst))
            diag("%s", err.msg);
        free(vector);
        session_destroy(s);
        engine_close(e);
        gguf_close(file);
        unlink(path);
        buf_finish(&b);
    }
}

static void test_no_pooling(int pooling, const char *why, bool opens)
{
    struct tiny_spec spec = TINY_SPEC;
    struct err err = { 0 };
    struct engine *e;
    struct session *s;
    float *vector;
    char path[256];
    struct buf b;
    size_t n;

    spec.pooling = pooling;
    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, &spec);
    tiny_write(&b, path);
    e = engine_open(path, &(struct engine_options){ .n_threads = 1 }, &err);
    s = e ? session_create(e, &err) : NULL;
    ok((e != NULL) == opens && (!s || session_embed(s, (int32_t[]){ 1 }, 1, &vector, &n, &err) < 0) && strstr(err.msg, why), "%s", err.msg);
    session_destroy(s);
    engine_close(e);
    unlink(path);
    buf_finish(&b);
}

/* Every format that can be written, in rows that all of them fill. */
static void test_formats(const char *kernels)
{
    struct tiny_spec s = TINY_SPEC;

    s.n_embd = s.n_ff = 256;
    s.n_layer = 1;
    for (uint32_t id = 0; id < QUANT_MAX_ID; id++)
        if (quant_find(id) && quant_find(id)->quantize) {
            s.type = (enum quant_type)id;
            compare(&s, kernels, ENGINE_PACK_OFF, id == QUANT_Q8_0 ? 1e-3 : id == QUANT_BF16 ? 1e-4 : 1e-11, quant_find(id)->name);
            compare(&s, kernels, ENGINE_PACK_MEMORY, 1e-3, quant_find(id)->name); /* activations are rounded */
        }
}

/* --- files that do not fit ---------------------------------------------------------------------------------------- */

/* Overwrites the value behind a key or a tensor's field, then loads. */
static void broken(const char *after, size_t skip, uint32_t value, const char *message, const char *what)
{
    struct tiny_spec spec = TINY_SPEC;
    struct engine_options options = { .n_threads = 1 };
    struct engine *e;
    struct err err = { 0 };
    char path[256], *at;
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, &spec);
    at = memmem(b.data, b.len, after, strlen(after));
    memcpy(at + strlen(after) + skip, &value, sizeof value);
    tiny_write(&b, path);
    e = engine_open(path, &options, &err);
    if (!ok(!e && strstr(err.msg, message), "refused: %s", what))
        diag("got \"%s\", want it to contain \"%s\"", err.msg, message);
    engine_close(e);
    unlink(path);
    buf_finish(&b);
}

static void test_broken(void)
{
    broken("llama.attention.head_count_kv", 4, 3, "cannot share", "3 key heads for 4 heads");
    broken("llama.attention.head_count_kv", 4, 0, "allowed are 1", "no key heads");
    broken("llama.attention.head_count\x04\0\0", 2, 0, "allowed are 1", "no heads");
    broken("llama.block_count", 4, 0, "allowed are 1", "no layers");
    broken("llama.block_count", 4, 0x80000000u, "allowed are 1", "2^31 layers");
    broken("llama.block_count", 4, 3, "tensor blk.2.attn_norm.weight is missing", "a layer that is not there");
    broken("llama.embedding_length", 4, 72, "tensor token_embd.weight is 64 x", "another width");
    broken("llama.feed_forward_length", 4, 97, "tensor blk.0.ffn_gate.weight is 64 x 96", "another inner width");
    broken("llama.feed_forward_length", 4, 0xffffffffu, "allowed are", "an inner width beyond all");
    broken("llama.context_length", 4, 0, "allowed are 1", "no context");
    broken("llama.context_length", 4, 0x7fffffff, "allowed are 1", "a context beyond all");
    broken("llama.attention.layer_norm_rms_epsilon", 4, 0x7fc00000, "not a finite", "an epsilon that is no number");
    broken("llama.attention.layer_norm_rms_epsilon", 4, 0xbf800000, "allowed are", "a negative epsilon");
    broken("general.architecture", 12, 0x78787878, "architecture \"xxxxa\"", "another architecture");
    broken("tokenizer.ggml.eos_token_id", 4, TINY_N_VOCAB, "the vocabulary has", "an end token past the vocabulary");
    broken("tokenizer.ggml.model", 12, 0x78787878, "this program knows gpt2", "another tokenizer");
    broken("tokenizer.ggml.pre", 12, 0x78787878, "is not known: corax, gpt-2", "another pre-tokenizer");
    broken("tokenizer.ggml.token_type", 16, 9, "is of type 9", "a token of type 9");
    broken("tokenizer.ggml.token_type", 4, 0, "", "token types of another kind");
    broken("tokenizer.ggml.merges", 24, 0x04787878, "merge 0",
           "a merge without a space"); /* "xxx", then the next length */
}

int main(void)
{
    plan_later();
    test_shapes("plain");
    if (kernels_find("avx2"))
        test_shapes("avx2");
    test_formats(kernels_find(NULL)->name);
    test_broken();
    test_pooling();
    test_no_pooling(1, "made for a vector of each token", true);
    test_no_pooling(5, "judges a text by another", true);
    test_no_pooling(6, "llama.pooling_type is 5", false);
    done();
    return tap_status();
}
