/*
 * infer/family_bert.c, infer/tokenizer_bert.c and infer/conversion_bert.c against transformers: a folder with a small random BERT becomes a GGUF
 * file, texts become the tokens and vectors that transformers gives (vectors/make_bert.py has them in expected.json), by every table of
 * kernels, with texts across the borders of batches and pages.  Then what an encoder does not do, and files that do not fit.
 *
 * Not covered: a model with capital letters in its vocabulary, against its reference.
 */
#include "infer/infer.h"

#include <math.h>

#include "infer/conversion.h"
#include "infer/kernels.h"
#include "infer/scheduler.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/file.h"
#include "util/json.h"

static char model[256];
static struct json *expected;
static struct buf expected_text;

static const char *source_path(const char *name)
{
    static char path[1024];
    const char *dir = getenv("CORAX_SRCDIR");

    snprintf(path, sizeof path, "%s/tests/infer/vectors/encoders/bert%s", dir ? dir : ".", name);
    return path;
}

static bool make_model(void)
{
    struct conversion_result result;
    struct err err = { 0 };
    struct buf nothing;

    buf_init(&nothing, 16);
    buf_init(&expected_text, 1 << 20);
    if (!tiny_write(&nothing, model) || conversion_run(source_path(""), model, &(struct conversion_options){ .type = -1 }, &result, &err) < 0 ||
        file_read(source_path("/expected.json"), &expected_text, &err) < 0 ||
        (expected = json_parse(expected_text.data, expected_text.len, &err)) == NULL) {
        diag("%s", err.msg);
        return false;
    }
    return result.has_tokenizer;
}

/* The model with a key's u32 changed; NULL: the key is not there. */
static const char *changed(const char *key, uint32_t value)
{
    static char path[256];
    struct buf file;
    char *at;

    buf_init(&file, TINY_LIMIT);
    if (file_read(model, &file, NULL) < 0 || (at = memmem(file.data, file.len, key, strlen(key))) == NULL)
        return NULL;
    memcpy(at + strlen(key) + 4, &value, sizeof value);
    if (!tiny_write(&file, path))
        return NULL;
    buf_finish(&file);
    return path;
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

static size_t encode(const struct engine *e, const char *text, struct tokens *out)
{
    memset(out, 0, sizeof *out);
    return tokenizer_encode_with(engine_tokenizer(e), TOKENIZER_BEGIN | TOKENIZER_END, text, strlen(text), out, NULL) == 0 ? out->n : 0;
}

static void test_tokens(const struct engine *e)
{
    size_t n_wrong = 0, n = 0;
    struct tokens tokens, plain;

    for (const struct json *t = json_first(json_get(expected, "texts")); t; t = json_next(t), n++) {
        const char *text = json_get_text(t, "text", "");
        const struct json *id = json_first(json_get(t, "ids"));
        bool same = encode(e, text, &tokens) == json_count(json_get(t, "ids"));

        for (size_t i = 0; i < tokens.n && same; i++, id = json_next(id))
            same = json_number(id, -1) == (double)tokens.ids[i];
        if (!same)
            diag("other tokens than transformers': %.60s", text);
        n_wrong += !same;
        tokens_finish(&tokens);
    }
    ok(n > 25 && n_wrong == 0, "%zu texts have the tokens of the reference", n);
    n_wrong = 0;
    encode(e, "ca\vf\f \xc2\x85the", &tokens);
    n = encode(e, "caf the", &plain);
    ok(n > 3 && tokens.n == n && memcmp(tokens.ids, plain.ids, n * sizeof *plain.ids) == 0, "tab, line feed and return alone of the control characters are white space");
    tokens_finish(&plain);
    tokens_finish(&tokens);
    encode(e, "[CLS] [SEP]", &tokens);
    for (size_t i = 1; i + 1 < tokens.n; i++)
        n_wrong += tokenizer_type(engine_tokenizer(e), tokens.ids[i]) != TOKEN_NORMAL;
    is_int((long long)n_wrong, 0, "no control token comes out of a text");
    tokens_finish(&tokens);
}

/* --- vectors ------------------------------------------------------------------------------------------------------ */

static void test_vectors(const char *path, const char *kernels, const char *pooling, enum engine_cache cache, double tolerance)
{
    struct engine_options options = { .n_threads = 2, .kernels = kernels, .packing = ENGINE_PACK_OFF, .cache = cache };
    struct err err = { 0 };
    struct engine *e = path ? engine_open(path, &options, &err) : NULL;
    struct session *s = e ? session_create(e, &err) : NULL;
    double worst = 0;
    size_t n = 0, longest = 0;

    for (const struct json *t = json_first(json_get(expected, "texts")); t && s; t = json_next(t)) {
        const struct json *want = json_get(t, pooling);
        struct tokens tokens;
        float *vector = NULL;
        size_t dim = 0, i = 0;

        encode(e, json_get_text(t, "text", ""), &tokens);
        if (want && session_embed(s, tokens.ids, tokens.n, &vector, &dim, &err) == 0 && dim == json_count(want)) {
            for (const struct json *x = json_first(want); x; x = json_next(x), i++)
                worst = fmax(worst, fabs(json_number(x, 9) - (double)vector[i]));
            n++;
            longest = tokens.n > longest ? tokens.n : longest;
        }
        free(vector);
        tokens_finish(&tokens);
    }
    if (!ok(n > 25 && longest > 256 && worst <= tolerance, "%s, %s: %zu vectors, of up to %zu tokens, are wrong by at most %.1e", kernels, pooling, n,
            longest, worst))
        diag("%s", err.msg);
    session_destroy(s);
    engine_close(e);
}

/* --- what it does not do ------------------------------------------------------------------------------------------ */

static void test_writes_nothing(struct engine *e)
{
    struct session *s = session_create(e, NULL);
    struct err err = { 0 };
    const int32_t tokens[] = { 2, 7, 3 };

    ok(session_sync(s, tokens, 3, NULL, NULL, NULL, &err) < 0 && strstr(err.msg, "writes nothing"), "it cannot go on with a text: %s", err.msg);
    ok(scheduler_create(e, &(struct scheduler_options){ 0 }, &err) == NULL && strstr(err.msg, "writes nothing"), "nor reply");
    session_destroy(s);
}

static void refuses(const char *key, uint32_t value, const char *why)
{
    const char *path = changed(key, value);
    struct err err = { 0 };
    struct engine *e = path ? engine_open(path, &(struct engine_options){ .n_threads = 1 }, &err) : NULL;

    ok(path && e == NULL && strstr(err.msg, why), "%s", err.msg);
    engine_close(e);
    if (path)
        unlink(path);
}

int main(void)
{
    static const char *const tables[] = { "plain", "avx2", "avx512", "neon" };
    struct err err = { 0 };
    struct engine *e;
    const char *cls;

    plan_later();
    if (!ok(make_model(), "a folder becomes a file"))
        return 1;
    e = engine_open(model, &(struct engine_options){ .n_threads = 1 }, &err);
    if (ok(e != NULL, "which is a model")) {
        test_tokens(e);
        test_writes_nothing(e);
    }
    engine_close(e);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (kernels_find(tables[i]))
            test_vectors(model, tables[i], "mean", ENGINE_CACHE_F32, 2e-5); /* single precision, through two layers with large weights */
    test_vectors(model, kernels_find(NULL)->name, "mean", ENGINE_CACHE_F16, 5e-3);
    cls = changed("bert.pooling_type", 2);
    test_vectors(cls, "plain", "cls", ENGINE_CACHE_F32, 2e-5);
    if (cls)
        unlink(cls);
    refuses("bert.embedding_length", 33, "33 values of an embedding do not divide into 2 heads");
    refuses("bert.embedding_length", 34, "tensor token_embd.weight is 32 x");
    refuses("bert.context_length", 301, "tensor position_embd.weight is 32 x 300");
    refuses("bert.block_count", 3, "blk.2.attn_q.weight is missing");
    refuses("bert.block_count", 1, "is not part of family bert here");
    refuses("bert.pooling_type", 9, "bert.pooling_type is 9");
    refuses("tokenizer.ggml.cls_token_id", 100000, "tokenizer.ggml.cls_token_id is 100000");
    unlink(model);
    json_free(expected);
    buf_finish(&expected_text);
    done();
    return tap_status();
}
