/*
 * `convert` against the golden models: each folder of vectors/checkpoints is a golden model as transformers saves it, and must
 * become the golden file's keys and, to the last bit, its tensors (which golden-t holds against the models' own logits);
 * NAME@SUFFIX is golden model NAME once more, as others save it.  Then what a folder may have wrong: one sentence, and no
 * file.
 *
 * Not covered here: the families whose checkpoints are not kept (tests/infer/compare-conversions.py makes and compares all).
 */
#include "infer/conversion.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

#include "tests/infer/golden.h"

static const char *checkpoint_path(const char *name)
{
    static char path[1024];
    const char *source = getenv("CORAX_SRCDIR");

    snprintf(path, sizeof path, "%s/tests/infer/vectors/checkpoints/%s", source ? source : ".", name);
    return path;
}

static const char *scratch(const char *name)
{
    static char path[2][1024];
    static int which;
    const char *dir = getenv("TMPDIR");

    which ^= 1;
    snprintf(path[which], sizeof path[which], "%s/corax-conversion-%d-%s", dir ? dir : "/tmp", (int)getpid(), name);
    return path[which];
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* --- against the golden file -------------------------------------------------------------------------------------- */

static bool same_value(const struct gguf_kv *a, const struct gguf_kv *b)
{
    float x, y;
    const unsigned char *end = b->data;

    if (a->type != b->type || a->item != b->item || a->n != b->n)
        return false;
    if (a->type == GGUF_F32) {
        memcpy(&x, a->data, sizeof x);
        memcpy(&y, b->data, sizeof y);
        return fabsf(x - y) <= 1e-6f * fabsf(y);
    }
    if (a->type == GGUF_U32)
        return gguf_int_at(a, 0) == gguf_int_at(b, 0);
    if (a->type != GGUF_STRING)
        return a->data[0] == b->data[0];
    (void)gguf_next_string(&end);
    return memcmp(a->data, b->data, (size_t)(end - b->data)) == 0;
}

static size_t wrong_keys(const struct gguf *got, const struct gguf *want)
{
    size_t n = 0;

    for (size_t i = 0; i < gguf_n_kv(want); i++) {
        const struct gguf_kv *kv = gguf_kv_at(want, i), *ours = gguf_find(got, kv->key);

        /* zeros up to a multiple of 256 */
        if (strcmp(kv->key, "crystalcoder.feed_forward_length") == 0 && ours && gguf_int_at(ours, 0) % 256 == 0)
            continue;
        if (!ours || !same_value(ours, kv)) {
            diag("key %s %s", kv->key, ours ? "has another value" : "is missing");
            n++;
        }
    }
    return n;
}

static float *values_of(const struct gguf_tensor *t)
{
    const size_t n = t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
    float *values = calloc(n, sizeof *values);

    quant_dequantize((enum quant_type)t->format->id, t->data, n, values);
    return values;
}

/* What the references compute in F32, and we in double. */
static bool is_computed(const char *name)
{
    return strstr(name, "rope_freqs") || strstr(name, "ssm_a") || strstr(name, ".scale");
}

/* Each value of want is that of got; got may have zeros beyond. */
static bool same_tensor(const struct gguf_tensor *got, const struct gguf_tensor *want)
{
    float *a = values_of(got), *b = values_of(want);
    const uint64_t rows = got->ne[1] * got->ne[2] * got->ne[3], k = got->ne[0], inner = want->ne[0];
    bool same = got->ne[2] == want->ne[2] && got->ne[3] == want->ne[3] && k >= inner && got->ne[1] >= want->ne[1] &&
                got->format == want->format;

    for (uint64_t r = 0; r < rows && same; r++)
        for (uint64_t i = 0; i < k && same; i++) {
            const float x = a[r * k + i], y = r < want->ne[1] * want->ne[2] * want->ne[3] && i < inner ? b[r * inner + i] : 0;

            same = is_computed(got->name) ? fabsf(x - y) <= 1e-6f * fabsf(y) : memcmp(&x, &y, sizeof x) == 0;
        }
    free(a);
    free(b);
    return same;
}

static size_t wrong_tensors(const struct gguf *got, const struct gguf *want)
{
    size_t n = gguf_n_tensors(got) != gguf_n_tensors(want);

    for (size_t i = 0; i < gguf_n_tensors(want); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(want, i), *ours = gguf_find_tensor(got, t->name);

        if (!ours || !same_tensor(ours, t)) {
            diag("tensor %s %s", t->name, ours ? "is another" : "is missing");
            n++;
        }
    }
    return n;
}

/* name: up to an @ */
static void test_checkpoint(const char *folder, const char *name)
{
    const struct conversion_options options = { .type = -1 };
    struct conversion_result result = { 0 };
    struct err err = { 0 };
    struct gguf *got = NULL, *want = NULL;
    const char *out = scratch("out.gguf");
    char golden[300];

    snprintf(golden, sizeof golden, "%.*s.gguf", (int)strcspn(name, "@"), name);
    want = gguf_open(golden_path(golden), &err);
    if (ok(want && conversion_run(folder, out, &options, &result, &err) == 0 && (got = gguf_open(out, &err)),
           "%s is converted", name)) {
        is_int((long long)wrong_keys(got, want), 0, "its keys are the golden ones");
        is_int((long long)wrong_tensors(got, want), 0, "its tensors are, to the last bit");
    } else {
        diag("%s", err.msg);
    }
    gguf_close(got);
    gguf_close(want);
    unlink(out);
}

static int is_folder(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void test_checkpoints(void)
{
    struct dirent **names;
    int n = scandir(checkpoint_path(""), &names, is_folder, alphasort);

    ok(n > 0, "there are checkpoints in %s", checkpoint_path(""));
    for (int i = 0; i < n; i++) {
        test_checkpoint(checkpoint_path(names[i]->d_name), names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

/* The largest relative error of the matrices, and whether all vectors are F32. */
static double error_of(const struct gguf *got, const struct gguf *want, uint32_t id, bool *vectors)
{
    double worst = 0;

    for (size_t i = 0; i < gguf_n_tensors(want); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(want, i), *ours = gguf_find_tensor(got, t->name);
        const size_t n = t->ne[0] * t->ne[1];
        const float *exact = t->data;

        if (t->n_dims == 1) {
            *vectors &= ours->format->id == 0;
            continue;
        }
        if (ours->format->id != id)
            return INFINITY;
        for (size_t j = 0; j < n; j++) {
            uint16_t half;
            uint32_t bits;
            float x;

            memcpy(&half, (const char *)ours->data + 2 * j, sizeof half);
            bits = (uint32_t)half << 16;
            memcpy(&x, &bits, sizeof x);
            if (id == 1)
                x = quant_half_to_float(half);
            worst = fmax(worst, fabs((double)x - (double)exact[j]) / fmax(fabs((double)exact[j]), 1e-4));
        }
    }
    return worst;
}

static void test_type(uint32_t id, double bound, const char *name)
{
    const struct conversion_options options = { .type = (int)id };
    const char *out = scratch("type.gguf");
    struct conversion_result result;
    struct err err = { 0 };
    struct gguf *got, *want = gguf_open(golden_path("llama-biases.gguf"), &err);
    bool vectors = true;
    int rc = conversion_run(checkpoint_path("llama-biases"), out, &options, &result, &err);
    double error;

    got = rc == 0 ? gguf_open(out, &err) : NULL;
    if (!ok(got && want, "F32 becomes %s", name)) {
        diag("%s", err.msg);
        return;
    }
    error = error_of(got, want, id, &vectors);
    ok(error <= bound && error > bound / 4 && vectors, "each value rounded to the nearest (%.2g), vectors are F32", error);
    gguf_close(got);
    gguf_close(want);
    unlink(out);
}

/* --- what may be wrong -------------------------------------------------------------------------------------------- */

static void write_text(const char *folder, const char *name, const void *text, size_t len)
{
    char path[1100];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    fwrite(text, 1, len, f);
    fclose(f);
}

/* A configuration as it was before rope_parameters. */
static void test_older(void)
{
    static const char config[] = "{\"model_type\":\"llama\",\"hidden_size\":48,\"intermediate_size\":56,\"num_hidden_layers\":2,"
                                 "\"num_attention_heads\":3,\"num_key_value_heads\":3,\"head_dim\":16,\"vocab_size\":72,"
                                 "\"max_position_embeddings\":96,\"rms_norm_eps\":1e-06,\"rope_theta\":500000.0,"
                                 "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,"
                                 "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":16},\"bos_token_id\":NaN}";
    char folder[1024], link[1100], target[1100], working[1024];

    snprintf(folder, sizeof folder, "%s", scratch("older"));
    snprintf(link, sizeof link, "%s/model.safetensors", folder);
    snprintf(target, sizeof target, "%s", checkpoint_path("llama-3/model.safetensors"));
    mkdir(folder, 0700);
    write_text(folder, "config.json", config, strlen(config));
    if (target[0] != '/' && getcwd(working, sizeof working))
        snprintf(target, sizeof target, "%.600s/%.400s", working, checkpoint_path("llama-3/model.safetensors"));
    ok(symlink(target, link) == 0, "an older configuration, with a number that only Python has");
    test_checkpoint(folder, "llama-3");
    unlink(link);
    snprintf(link, sizeof link, "%s/config.json", folder);
    unlink(link);
    rmdir(folder);
}

/* A checkpoint with `from` of its config.json, or of its weights' header, as `to`. */
static void refused_of(const char *name, const char *from, const char *to, bool header, const char *want,
                       const char *what)
{
    const struct conversion_options options = { .type = -1 };
    struct conversion_result result;
    struct err err = { 0 };
    const char *folder = scratch("folder");
    char out[1100], part[1200], path[1100], file[80];
    struct buf text, weights;
    char *at;
    bool good;

    buf_init(&text, TINY_LIMIT);
    buf_init(&weights, TINY_LIMIT);
    mkdir(folder, 0700);
    snprintf(out, sizeof out, "%s/out.gguf", folder);
    snprintf(part, sizeof part, "%s.part", out);
    snprintf(file, sizeof file, "%.40s/config.json", name);
    snprintf(path, sizeof path, "%s", checkpoint_path(file));
    good = file_read(path, &text, &err) == 0;
    snprintf(file, sizeof file, "%.40s/model.safetensors", name);
    snprintf(path, sizeof path, "%s", checkpoint_path(file));
    good = good && file_read(path, &weights, &err) == 0;
    at = good ? memmem(header ? weights.data : text.data, header ? weights.len : text.len, from, strlen(from)) : NULL;
    if (at && header) {
        memcpy(at, to, strlen(to));
    } else if (at) {
        const size_t tail = (size_t)(text.data + text.len - at) - strlen(from);
        struct buf changed;

        buf_init(&changed, TINY_LIMIT);
        buf_add(&changed, text.data, (size_t)(at - text.data));
        buf_adds(&changed, to);
        buf_add(&changed, at + strlen(from), tail);
        buf_finish(&text);
        text = changed;
    }
    write_text(folder, "config.json", text.data, text.len);
    write_text(folder, "model.safetensors", weights.data, weights.len);
    good = at && conversion_run(folder, out, &options, &result, &err) < 0 && strstr(err.msg, want) && !exists(out) &&
           !exists(part);
    if (!ok(good, "refused, and no file is left: %s", what))
        diag("got \"%s\", want it to contain \"%s\"", err.msg, want);
    unlink(out);
    snprintf(path, sizeof path, "%s/config.json", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    unlink(path);
    rmdir(folder);
    buf_finish(&text);
    buf_finish(&weights);
}

static void refused(const char *from, const char *to, bool header, const char *want, const char *what)
{
    refused_of("gpt2-tied", from, to, header, want, what);
}

static void test_wrong_rwkv(void)
{
    refused_of("rwkv5-2-halved", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", false,
               "blk.3.attn_norm.weight is missing", "RWKV 5 with a layer too many");
    refused_of("rwkv5-2-halved", "\"attention_hidden_size\": 16", "\"attention_hidden_size\": 24", false,
               "attention_hidden_size is 24, allowed are 16 to 16", "heads that are wider than the embedding");
    refused_of("rwkv5-2-halved", "\"head_size\": 8", "\"head_size\": 7", false, "do not divide into heads of 7",
               "odd heads");
    refused_of("rwkv5-0-small@author", "emb.weight", "emb.waight", true, "hidden_size is missing, and no tensor shows it",
               "nothing that shows the width");
    refused_of("rwkv6-halved", "blocks.1.attention.time_maa_g", "blocks.9.attention.time_maa_g", true,
               "tensor rwkv.blocks.1.attention.time_maa_g is missing", "RWKV 6 without one of the mixes");
    refused_of("rwkv6-halved", "blocks.1.attention.time_maa_w\"", "blocks.9.attention.time_maa_w\"", true, "is missing",
               "without the first of them");
    refused_of("rwkv6-halved", "[16,15]", "[15,16]", true,
               "time_mix_w1.weight is 15 x 16 x 1 x 1, the configuration asks for 16 x 15 x 1 x 1",
               "a matrix that lies the other way");
    refused_of("rwkv6-halved", "[5,3,16]", "[5,16,3]", true,
               "time_mix_w2.weight is 16 x 3 x 5 x 1, the configuration asks for 3 x 16 x 5 x 1", "several that do");
    refused_of("rwkv7-tied", "\"hidden_size\": 16", "\"hidden_size\": 8", false, "x_r has 16 values, an embedding 8",
               "RWKV 7 of another width");
    refused_of("rwkv7-tied", "\"a_low_rank_dim\": 5", "\"a_low_rank_dim\": 6", false,
               "time_mix_a1.weight is 16 x 5 x 1 x 1, the configuration asks for 16 x 6 x 1 x 1", "another rank");
    refused_of("rwkv7-tied", "\"sqrelu\"", "\"relu\"", false, "activation \"relu\" is not RWKV's sqrelu",
               "an activation");
    refused_of("rwkv7-tied", "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false", false,
               "output.weight is missing", "no output");
}

/* The last value of the last tensor becomes none. */
static void test_no_number(int type)
{
    const struct conversion_options options = { .type = type };
    struct conversion_result result;
    struct err err = { 0 };
    char folder[1024], path[1100], out[1100];
    struct buf text, weights;
    bool good;

    buf_init(&text, TINY_LIMIT);
    buf_init(&weights, TINY_LIMIT);
    snprintf(folder, sizeof folder, "%s", scratch("folder"));
    snprintf(out, sizeof out, "%s/out.gguf", folder);
    mkdir(folder, 0700);
    good = file_read(checkpoint_path("gpt2-tied/config.json"), &text, &err) == 0 &&
           file_read(checkpoint_path("gpt2-tied/model.safetensors"), &weights, &err) == 0;
    if (good)
        memcpy(weights.data + weights.len - 2, "\xff\x7f", 2);
    write_text(folder, "config.json", text.data, text.len);
    write_text(folder, "model.safetensors", weights.data, weights.len);
    good = good && conversion_run(folder, out, &options, &result, &err) < 0 && strstr(err.msg, "would not load: tensor ") &&
           strstr(err.msg, "is infinite or no number") && !exists(out);
    if (!ok(good, "refused, and no file is left: a weight that is no number, type %d", type))
        diag("got \"%s\"", err.msg);
    unlink(out);
    snprintf(path, sizeof path, "%s/config.json", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    unlink(path);
    rmdir(folder);
    buf_finish(&text);
    buf_finish(&weights);
}

static void test_wrong(void)
{
    const struct conversion_options options = { .type = -1 };
    struct conversion_result result;
    struct err err = { 0 };

    refused("\"gpt2\"", "\"gpt9\"", false, "model_type \"gpt9\" is not one", "a model type that nobody knows");
    refused("\"gpt2\"", "\"a_name_as_long_as_any_that_counts_\"", false, " rwkv7)", "all that are known are named");
    refused("\"n_layer\": 2", "\"n_layer\": 3", false, "blk.2.attn_norm.weight is missing", "a layer too many");
    refused("\"n_layer\": 2", "\"n_layer\": 1", false, "blk.1.", "a layer too few");
    refused("\"n_layer\": 2", "\"n_layer\": -2", false, "n_layer is -2", "a negative count");
    refused("\"n_layer\": 2", "\"n_layer\": 1e300", false, "n_layer", "a count beyond reason");
    refused("\"n_embd\": 48", "\"n_embd\": 51", false, "is", "another width");
    refused("\"n_embd\"", "\"n_ambd\"", false, "hidden_size is missing", "no width");
    refused_of("llama-3", "\"hidden_act\"", "\"partial_rotary_factor\": 1e300, \"hidden_act\"", false,
               "partial_rotary_factor is 1e+300, allowed is above 0", "a part of each head beyond all of it");
    refused("\"gelu_new\"", "\"mish\"", false, "activation \"mish\"", "an activation that nobody has here");
    refused("h.0.ln_1.weight", "h.0.ln_X.weight", true, "h.0.ln_X.weight is not one", "a tensor of another name");
    refused("h.0.ln_1.weight", "h.1.ln_1.weight", true, "duplicate key", "a tensor twice");
    refused("\"F16\"", "\"I16\"", true, "is of type I16, weights must be", "integers as weights");
    ok(conversion_run("/nonexistent", scratch("out.gguf"), &options, &result, &err) < 0 && err.status == CORAX_E_NOTFOUND,
       "a folder that is not there");
    ok(conversion_run(checkpoint_path("gpt2-tied"), "/nonexistent/out.gguf", &options, &result, &err) < 0 &&
           err.status == CORAX_E_IO,
       "a place where no file can be");
}

int main(void)
{
    plan_later();
    test_checkpoints();
    test_older();
    test_type(1, 0x1p-11, "F16");
    test_type(30, 0x1p-8, "BF16");
    test_wrong();
    test_no_number(-1);
    test_no_number(QUANT_F32);
    test_wrong_rwkv();
    done();
    return tap_status();
}
