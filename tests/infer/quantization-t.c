/*
 * `quantize`: a golden model becomes a smaller file with the same keys, each of its matrices row by row what the format's own
 * function makes of it (quant-t holds those against their references), the rest as it was; and what it must not do: round what was
 * rounded already, or leave half a file.
 */
#include "infer/quantization.h"

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

/* gemma-3 in F32 with one value as it is given. */
static bool write_with(float value)
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
        if (strcmp(t->name, "blk.1.ffn_down.weight") == 0)
            values[n - 1] = value;
        good = gguf_writer_data(w, values, n * sizeof *values, &err) == 0;
        free(values);
    }
    good = good && gguf_writer_finish(w, &err) == 0;
    gguf_writer_destroy(w);
    gguf_close(g);
    return good;
}

static void refused(float value, const char *type, const char *want)
{
    struct quantization_result result;
    struct err err = { 0 };
    char part[320];

    snprintf(part, sizeof part, "%s.part", out_path);
    if (!ok(write_with(value) && quantize(in_path, type, 1, &result, &err) < 0 && strstr(err.msg, want) && !exists(out_path) &&
                !exists(part),
            "%g as %s is refused, and no file is left", (double)value, type))
        diag("got \"%s\"", err.msg);
    unlink(in_path);
}

static void test_refused(void)
{
    struct quantization_result result;
    struct err err = { 0 };
    bool moved;

    refused(NAN, "Q8_0", "blk.1.ffn_down.weight has a value that is no number");
    refused(INFINITY, "BF16", "blk.1.ffn_down.weight has a value that is no number");
    refused(1e6f, "F16", "too large for F16");
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
    const char *dir = getenv("TMPDIR");

    snprintf(out_path, sizeof out_path, "%s/corax-quantized-%d.gguf", dir ? dir : "/tmp", (int)getpid());
    snprintf(in_path, sizeof in_path, "%s/corax-to-quantize-%d.gguf", dir ? dir : "/tmp", (int)getpid());
    plan_later();
    test_model("gemma-3.gguf", "Q8_0", q8_0, 3, 7); /* rows of 32; ffn_down's of 40, which no block divides */
    test_model("rwkv5-2-head-64.gguf", "Q8_0", rwkv, 6, 7); /* channel_mix_value has rows of 8 */
    test_threads();
    test_refused();
    done();
    return tap_status();
}
