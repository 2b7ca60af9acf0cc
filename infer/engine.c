#include "infer/engine.h"

#include <stdlib.h>
#include <string.h>

#include "infer/weights.h"
#include "util/id.h"
#include "util/log.h"

/* Keeps a string of the file, cut to fit and with anything but printable ASCII replaced: it is shown to people. */
static int keep_string(struct engine *e, int i, const char *key, const char *otherwise, const char **out,
                       struct err *err)
{
    struct gguf_string s = { otherwise, strlen(otherwise) };
    size_t n;

    if (gguf_get_string(e->gguf, key, &s, err) < 0)
        return -1;
    n = s.len < sizeof e->strings[i] - 1 ? s.len : sizeof e->strings[i] - 1;
    for (size_t j = 0; j < n; j++)
        e->strings[i][j] = s.s[j] >= 0x20 && s.s[j] < 0x7f ? s.s[j] : '?';
    e->strings[i][n] = 0;
    *out = e->strings[i];
    return 0;
}

/* The type of a model is the format that most bytes of its weights have. */
static void count_weights(struct engine *e)
{
    uint64_t bytes[QUANT_MAX_ID] = { 0 }, most = 0; /* by the format's id */

    e->info.type = "";
    for (size_t i = 0; i < gguf_n_tensors(e->gguf); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(e->gguf, i);
        uint64_t *sum = &bytes[t->format->id];

        e->info.n_params += t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
        *sum += t->bytes;
        if (*sum > most) {
            most = *sum;
            e->info.type = t->format->name;
        }
    }
}

static int describe(struct engine *e, struct err *err)
{
    if (keep_string(e, 0, "general.name", "unnamed", &e->info.name, err) < 0 ||
        keep_string(e, 1, "general.architecture", "", &e->info.arch, err) < 0)
        return -1;
    e->info.file_bytes = gguf_file_bytes(e->gguf);
    e->info.n_vocab = e->shape.n_vocab;
    e->info.n_ctx = e->n_ctx;
    e->info.model_ctx = e->shape.n_ctx;
    e->info.n_threads = pool_n_threads(e->pool);
    e->info.kernels = e->ops.kernels->name;
    return 0;
}

/* Looks at all weights, and packs them; without memory for that the model runs as it is. */
static int prepare_weights(struct engine *e, const char *path, const struct kernels *kernels, enum engine_packing packing,
                           struct err *err)
{
    const bool wanted = kernels->packs && packing != ENGINE_PACK_OFF;

    if (wanted && packing == ENGINE_PACK_FILE)
        e->packed = packed_find(e->gguf, path, kernels->packs, e->pool);
    if (weights_check(e->gguf, e->pool, err) < 0)
        return -1;
    if (wanted && !e->packed && packed_make(e->gguf, path, kernels->packs, packing == ENGINE_PACK_MEMORY, e->pool, &e->packed, err) < 0)
        log_warn("%s", err->msg);
    return 0;
}

static int make_pages(struct engine *e, enum engine_cache cache, struct err *err)
{
    static const enum quant_type types[] = {
        [ENGINE_CACHE_F16] = QUANT_F16, [ENGINE_CACHE_BF16] = QUANT_BF16, [ENGINE_CACHE_F32] = QUANT_F32, [ENGINE_CACHE_Q8_0] = QUANT_Q8_0
    };
    const struct shape *s = &e->shape;
    struct kv_layout layout;

    if (cache == ENGINE_CACHE_AUTO && (strcmp(e->info.type, "F32") == 0 || strcmp(e->info.type, "F16") == 0 ||
                                       gguf_file_bytes(e->gguf) < ENGINE_SMALL))
        cache = ENGINE_CACHE_F16;
    if (cache == ENGINE_CACHE_AUTO)
        cache = ENGINE_CACHE_BF16;
    if (kv_layout_init(&layout, types[cache], s->n_layer, s->n_kv_head, s->head_dim, err) < 0)
        return -1;
    e->pages = pages_create(&layout, 0, err);
    return e->pages ? 0 : -1;
}

static int start(struct engine *e, const char *path, const struct engine_options *options, struct err *err)
{
    const struct kernels *kernels = kernels_find(options->kernels);

    if (!kernels)
        return fail(err, CORAX_E_ARGS, "kernels \"%s\" do not run on this processor (plain does, everywhere)",
                    options->kernels);
    e->n_ctx = options->n_ctx                        ? options->n_ctx
               : e->shape.n_ctx < ENGINE_DEFAULT_CTX ? e->shape.n_ctx
                                                     : ENGINE_DEFAULT_CTX;
    if (e->n_ctx > e->shape.n_ctx)
        return fail(err, CORAX_E_ARGS, "a context of %zu tokens, the model was made for %zu", e->n_ctx, e->shape.n_ctx);
    if (e->family->prepare)
        e->family->prepare(e->model, &(struct family_options){ e->n_ctx, options->exact });
    e->pool = pool_create(options->n_threads ? options->n_threads : pool_default_threads(), err);
    if (!e->pool || prepare_weights(e, path, kernels, options->packing, err) < 0 || make_pages(e, options->cache, err) < 0)
        return -1;
    return ops_init(&e->ops, kernels, e->pool, &e->shape, e->n_ctx, err);
}

static int load(struct engine *e, const char *path, const struct engine_options *options, struct err *err)
{
    e->family = family_find(e->gguf, err);
    if (!e->family)
        return -1;
    e->model = e->family->load(e->gguf, &e->shape, err);
    if (!e->model)
        return -1;
    e->tokenizer = tokenizer_create(e->gguf, err);
    e->vocabulary = e->tokenizer ? mask_vocabulary_create(e->tokenizer, err) : NULL;
    if (!e->vocabulary)
        return -1;
    if (tokenizer_n_tokens(e->tokenizer) > e->shape.n_vocab)
        return fail(err, CORAX_E_ARGS, "the vocabulary has %zu tokens, tensor token_embd.weight %zu rows",
                    tokenizer_n_tokens(e->tokenizer), e->shape.n_vocab);
    count_weights(e);
    if (!e->family->hidden)
        fail(&e->no_pooling, CORAX_E_ARGS, "family %s has no embeddings here", e->family->arch);
    else if (pooling_read(e->gguf, e->family->arch, &e->pooling, &e->no_pooling) < 0 && e->no_pooling.status != CORAX_E_UNAVAIL)
        return *err = e->no_pooling, -1;
    if (start(e, path, options, err) < 0 || sampler_init(&e->sampler, e->shape.n_vocab, err) < 0)
        return -1;
    return describe(e, err);
}

struct engine *engine_open(const char *path, const struct engine_options *options, struct err *err)
{
    struct engine *e = calloc(1, sizeof *e);

    if (!e) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    e->path = strdup(path);
    e->gguf = e->path ? gguf_open(path, err) : NULL;
    if (!e->path)
        fail(err, CORAX_E_LIMIT, "out of memory");
    if (e->gguf && load(e, path, options, err) == 0)
        return e;
    if (e->gguf)
        err_context(err, "%s", path);
    engine_close(e);
    return NULL;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    if (e->model)
        e->family->unload(e->model);
    ops_finish(&e->ops);
    pages_destroy(e->pages);
    sampler_finish(&e->sampler);
    pool_destroy(e->pool);
    mask_vocabulary_destroy(e->vocabulary);
    tokenizer_destroy(e->tokenizer);
    gguf_close(e->gguf);
    packed_close(e->packed);
    free(e->path);
    free(e);
}

const struct engine_info *engine_info(const struct engine *e)
{
    return &e->info;
}

const struct tokenizer *engine_tokenizer(const struct engine *e)
{
    return e->tokenizer;
}

struct mask_vocabulary *engine_vocabulary(struct engine *e)
{
    return e->vocabulary;
}

/* Of a model in parts: the hash of their hashes. */
static void hash_parts(const struct gguf *g, unsigned char hash[HASH_LEN])
{
    unsigned char hashes[GGUF_MAX_PARTS * HASH_LEN];
    size_t len;

    for (size_t i = 0; i < gguf_n_parts(g); i++) {
        const void *bytes = gguf_bytes(g, i, &len);

        hash_bytes(bytes, len, hashes + i * HASH_LEN);
    }
    if (gguf_n_parts(g) == 1)
        memcpy(hash, hashes, HASH_LEN);
    else
        hash_bytes(hashes, gguf_n_parts(g) * HASH_LEN, hash);
}

const char *engine_sha256(struct engine *e)
{
    unsigned char hash[HASH_LEN];

    if (!e->sha256[0]) {
        hash_parts(e->gguf, hash);
        hash_format(hash, e->sha256);
    }
    return e->sha256;
}
