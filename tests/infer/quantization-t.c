/*
 * `quantize`: a golden model becomes a smaller file with the same keys, each of its matrices row by row what the format's own
 * function makes of it (quant-t holds those against their references), the rest as it was; and what it must not do: round what was
 * rounded already, or leave half a file.
 */
#include "infer/quantization.h"

#include <float.h>
#include <math.h>

#include "infer/gguf_write.h"
#include "tests/infer/golden.h"

static char out_path[300], in_path[300];

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int quantize(const char *model, const char *type, unsigned n_threads, struct quantization_result *result,
                    struct err *err)
{
    const struct quantization_options options = { .n_threads = n_threads };
    const struct quantization *q = quantization_find(type, err);

    return q ? quantization_run(model, out_path, q, &options, result, err) : -1;
}

/* Row by row what the encoder makes of the values, or the same bytes. */
static bool same_rows(const struct gguf_tensor *from, const struct gguf_tensor *to)
{
    const size_t k = (size_t)from->ne[0], n = (size_t)(from->ne[1] * from->ne[2] * from->ne[3]);
    float *row = malloc(k * sizeof *row);
    unsigned char *want = malloc(to->row_bytes);
    bool same = true;

    if (from->format == to->format)
        same = memcmp(from->data, to->data, from->bytes) == 0;
    for (size_t r = 0; r < n && same && from->format != to->format; r++) {
        quant_dequantize((enum quant_type)from->format->id, (const char *)from->data + r * from->row_bytes, k, row);
        quant_quantize((enum quant_type)to->format->id, row, NULL, k, want);
        same = memcmp(want, (const char *)to->data + r * to->row_bytes, to->row_bytes) == 0;
    }
    free(row);
    free(want);
    return same;
}

/* want: what each matrix must become, by the end of its name. */
struct wanted {
    const char *part;
    uint32_t id;
};

static void test_model(const char *name, const char *type, const struct wanted *want, size_t n_want, uint32_t file_type)
{
    struct quantization_result result = { 0 };
    struct err err = { 0 };
    struct gguf *from = gguf_open(golden_path(name), &err), *to = NULL;
    size_t wrong = 0, wrong_types = 0;
    uint64_t u = 0;

    if (!ok(from && quantize(golden_path(name), type, 1, &result, &err) == 0 && (to = gguf_open(out_path, &err)),
            "%s becomes %s", name, type)) {
        diag("%s", err.msg);
        gguf_close(from);
        return;
    }
    for (size_t i = 0; i < gguf_n_tensors(from); i++) {
        const struct gguf_tensor *a = gguf_tensor_at(from, i), *b = gguf_find_tensor(to, a->name);

        wrong += !b || memcmp(a->ne, b->ne, sizeof a->ne) != 0 || !same_rows(a, b);
        for (size_t j = 0; j < n_want && b; j++)
            if (strstr(a->name, want[j].part)) {
                wrong_types += b->format->id != want[j].id;
                if (b->format->id != want[j].id)
                    diag("%s is %s", b->name, b->format->name);
                break;
            }
    }
    is_int((long long)wrong, 0, "each tensor is what the format makes of it, or what it was");
    is_int((long long)wrong_types, 0, "and of the format that it should be");
    wrong = 0;
    for (size_t i = 0; i < gguf_n_kv(from); i++)
        wrong += !gguf_find(to, gguf_kv_at(from, i)->key);
    ok(wrong == 0 && gguf_get_uint(to, "general.file_type", &u, &err) == 0 && u == file_type, "the keys are there");
    ok(result.n_changed > 0 && result.bytes < result.bytes_before, "%zu tensors changed, %llu bytes of %llu", result.n_changed,
       (unsigned long long)result.bytes, (unsigned long long)result.bytes_before);
    gguf_close(from);
    gguf_close(to);
    unlink(out_path);
}

static void test_threads(void)
{
    struct quantization_result result;
    struct err err = { 0 };
    struct buf one, three;

    buf_init(&one, TINY_LIMIT);
    buf_init(&three, TINY_LIMIT);
    ok(quantize(golden_path("rwkv5-2-head-64.gguf"), "Q8_0", 1, &result, &err) == 0 && file_read(out_path, &one, &err) == 0 &&
           quantize(golden_path("rwkv5-2-head-64.gguf"), "q8_0", 3, &result, &err) == 0 &&
           file_read(out_path, &three, &err) == 0,
       "a recurrent model, on one thread and on three");
    ok(one.len == three.len && memcmp(one.data, three.data, one.len) == 0, "the same bytes");
    buf_finish(&one);
    buf_finish(&three);
    unlink(out_path);
}

/* --- which tensor becomes what ------------------------------------------------------------------------------------ */

static uint32_t chosen(const char *type, const struct quantization_model *m, const char *name, uint64_t k)
{
    const struct gguf_tensor t = { .name = name, .format = quant_find(QUANT_F16), .n_dims = 2, .ne = { k, 512, 1, 1 } };

    return quantization_choose(quantization_find(type, NULL), m, &t)->id;
}

/* The layers, of n, whose tensor becomes `id`, as digits and letters. */
static const char *layers(const char *type, const char *part, size_t n, size_t n_shared, uint32_t id)
{
    static char list[128];
    const struct quantization_model m = { n, n_shared, true };
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        char name[64];

        snprintf(name, sizeof name, "blk.%zu.%s.weight", i, part);
        if (chosen(type, &m, name, 4096) == id)
            len += (size_t)snprintf(list + len, sizeof list - len, "%zu ", i);
    }
    list[len] = 0;
    return list;
}

static void test_mixtures(void)
{
    const struct quantization_model own = { 32, 1, true }, tied = { 32, 1, false };

    /* of a model with 32 layers, such as LLaMA 7B, as its published files have it */
    is_str(layers("Q4_K_M", "attn_v", 32, 1, QUANT_Q6_K), "0 1 2 3 6 9 12 15 18 21 24 27 28 29 30 31 ",
           "Q4_K_M: values of half the layers are Q6_K");
    is_str(layers("Q4_K_M", "ffn_down", 32, 1, QUANT_Q4_K), "4 5 7 8 10 11 13 14 16 17 19 20 22 23 25 26 ",
           "and down of the other half is Q4_K");
    is_str(layers("Q5_K_M", "ffn_down", 10, 1, QUANT_Q6_K), "0 3 6 8 9 ", "Q5_K_M: down of ten layers");
    is_str(layers("Q4_K_M", "attn_k", 32, 1, QUANT_Q6_K), "", "keys are not among them");
    is_str(layers("IQ4_XS", "ffn_down", 32, 1, QUANT_Q5_K), "0 1 2 3 ", "IQ4_XS: down of the first eighth is Q5_K");
    is_str(layers("IQ4_XS", "attn_v", 3, 4, QUANT_Q5_K), "0 1 2 ", "and so are values that four heads share");
    is_str(layers("IQ4_XS", "attn_v", 3, 3, QUANT_Q5_K), "", "not those that three share");
    is_int(chosen("Q4_K_M", &own, "output.weight", 4096), QUANT_Q6_K, "the output is Q6_K");
    is_int(chosen("Q4_K_M", &own, "token_embd.weight", 4096), QUANT_Q4_K, "the embedding beside it is not");
    is_int(chosen("Q4_K_M", &tied, "token_embd.weight", 4096), QUANT_Q6_K, "the embedding that is the output is");
    is_int(chosen("Q4_0", &own, "output.weight", 4096), QUANT_Q6_K, "Q4_0: so is its output");
    is_int(chosen("Q8_0", &own, "output.weight", 4096), QUANT_Q8_0, "Q8_0 is Q8_0");
    is_int(chosen("Q4_K_M", &own, "blk.0.attn_qkv.weight", 4096), QUANT_Q5_K, "q, k and v in one matrix are Q5_K");
    is_int(chosen("TQ2_0", &own, "token_embd.weight", 4096), QUANT_Q4_K, "TQ2_0: the embedding is Q4_K");
    is_int(chosen("TQ1_0", &own, "blk.5.ffn_down.weight", 4096), QUANT_TQ1_0, "TQ1_0: all matrices of layers are");

    is_int(chosen("Q4_K_M", &own, "blk.5.attn_k.weight", 10944), QUANT_Q5_0, "rows that 256 does not divide: Q5_0 for Q4_K");
    is_int(chosen("Q5_K_M", &own, "blk.5.attn_k.weight", 10944), QUANT_Q5_1, "Q5_1 for Q5_K");
    is_int(chosen("Q6_K", &own, "blk.5.attn_k.weight", 10944), QUANT_Q8_0, "Q8_0 for Q6_K");
    is_int(chosen("IQ4_XS", &own, "blk.5.attn_k.weight", 10944), QUANT_IQ4_NL, "IQ4_NL for IQ4_XS");
    is_int(chosen("TQ2_0", &own, "blk.5.attn_k.weight", 10944), QUANT_Q4_0, "Q4_0 for TQ2_0");
    is_int(chosen("Q4_K_M", &own, "blk.5.attn_k.weight", 10922), QUANT_F16, "rows that 32 does not divide: F16");
    is_int(chosen("Q8_0", &own, "blk.5.ffn_norm.weight", 4096), QUANT_F16, "a norm stays what it is");
    is_int(chosen("Q8_0", &own, "position_embd.weight", 4096), QUANT_F16, "positions too");
}

/* gemma-3 in F32, the last value of one tensor as it is given. */
static bool write_with(const char *name, float value)
{
    struct err err = { 0 };
    struct gguf *g = gguf_open(golden_path("gemma-3.gguf"), &err);
    struct gguf_writer *w = gguf_writer_create(&err);
    bool good;

    for (size_t i = 0; i < gguf_n_kv(g); i++)
        gguf_add_kv(w, gguf_kv_at(g, i));
    for (size_t i = 0; i < gguf_n_tensors(g); i++)
        gguf_add_tensor(w, gguf_tensor_at(g, i)->name, quant_find(QUANT_F32), gguf_tensor_at(g, i)->n_dims,
                        gguf_tensor_at(g, i)->ne);
    good = gguf_writer_begin(w, in_path, &err) == 0;
    for (size_t i = 0; i < gguf_n_tensors(g) && good; i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        const size_t n = (size_t)(t->ne[0] * t->ne[1]);
        float *values = malloc(n * sizeof *values);

        quant_dequantize((enum quant_type)t->format->id, t->data, n, values);
        if (strcmp(t->name, name) == 0)
            values[n - 1] = value;
        good = gguf_writer_data(w, values, n * sizeof *values, &err) == 0;
        free(values);
    }
    good = good && gguf_writer_finish(w, &err) == 0;
    gguf_writer_destroy(w);
    gguf_close(g);
    return good;
}

static void refused(const char *name, float value, const char *type, const char *want)
{
    struct quantization_result result;
    struct err err = { 0 };
    char part[320];

    snprintf(part, sizeof part, "%s.part", out_path);
    if (!ok(write_with(name, value) && quantize(in_path, type, 1, &result, &err) < 0 && strstr(err.msg, want) &&
                !exists(out_path) && !exists(part),
            "%s: %g as %s is refused, and no file is left", name, (double)value, type))
        diag("got \"%s\"", err.msg);
    unlink(in_path);
}

static void test_refused(void)
{
    struct quantization_result result;
    struct err err = { 0 };
    bool moved;

    refused("blk.1.ffn_down.weight", NAN, "Q8_0", "blk.1.ffn_down.weight has a value that is no number");
    refused("blk.1.ffn_down.weight", INFINITY, "BF16", "blk.1.ffn_down.weight has a value that is no number");
    refused("blk.1.ffn_down.weight", 1e6f, "F16", "too large for F16");
    refused("blk.1.ffn_down.weight", FLT_MAX, "BF16", "too large for BF16");
    refused("blk.1.attn_norm.weight", NAN, "Q8_0", "would not load: tensor blk.1.attn_norm.weight: value 31 of 32");
    ok(!quantization_find("Q9_9", &err) && strstr(err.msg, "Q8_0"), "a type that nobody knows, with those that there are");
    moved = quantize(golden_path("gemma-3.gguf"), "Q8_0", 1, &result, &err) == 0 && rename(out_path, in_path) == 0;
    ok(moved && quantize(in_path, "F16", 1, &result, &err) < 0 && strstr(err.msg, "is of type Q8_0 already"),
       "what was rounded is not rounded again");
    ok(moved && quantize(in_path, "Q8_0", 1, &result, &err) == 0 && result.n_changed == 0,
       "the same type again changes nothing");
    unlink(in_path);
    unlink(out_path);
    ok(quantize("/nonexistent.gguf", "Q8_0", 1, &result, &err) < 0 && err.status == CORAX_E_NOTFOUND, "no such model");
}

int main(void)
{
    static const struct wanted q8_0[] = { { "_norm.", QUANT_F32 }, { "ffn_down", QUANT_F16 }, { ".weight", QUANT_Q8_0 } };
    static const struct wanted rwkv[] = { { "time_mix_decay", QUANT_F32 }, { "time_mix_first", QUANT_F32 }, { "_lerp_", QUANT_F32 },
                                          { "channel_mix_value", QUANT_F16 }, { "_mix_value", QUANT_Q8_0 },
                                          { "time_mix_output", QUANT_Q8_0 } };
    static const struct wanted q4_k_m[] = { { "_norm.", QUANT_F32 },      { "ffn_down", QUANT_F16 },     { "token_embd", QUANT_Q8_0 },
                                            { "2.attn_v.", QUANT_Q8_0 },  { "5.attn_v.", QUANT_Q8_0 },   { "6.attn_v.", QUANT_Q8_0 },
                                            { "attn_", QUANT_Q5_0 },      { "ffn_gate", QUANT_Q5_0 } };
    const char *dir = getenv("TMPDIR");

    snprintf(out_path, sizeof out_path, "%s/corax-quantized-%d.gguf", dir ? dir : "/tmp", (int)getpid());
    snprintf(in_path, sizeof in_path, "%s/corax-to-quantize-%d.gguf", dir ? dir : "/tmp", (int)getpid());
    plan_later();
    test_model("gemma-3.gguf", "Q8_0", q8_0, 3, 7); /* rows of 32; ffn_down's of 40, which no block divides */
    test_model("rwkv5-2-head-64.gguf", "Q8_0", rwkv, 6, 7); /* channel_mix_value has rows of 8 */
    test_model("gemma-3.gguf", "Q4_K_M", q4_k_m, 8, 15); /* of seven layers the values of 2, 5 and 6 get more */
    test_threads();
    test_mixtures();
    test_refused();
    done();
    return tap_status();
}
