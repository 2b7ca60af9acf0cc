/*
 * tests/infer/engines.h - engines of tiny_llama(), and of the models of vectors/golden/ with its vocabulary, which they have not.
 */
#ifndef TESTS_INFER_ENGINES_H
#define TESTS_INFER_ENGINES_H

#include "infer/engine.h"
#include "tests/infer/golden.h"
#include "tests/infer/tiny_gguf.h"

#define ENGINES_N_CTX 640 /* tokens of a context, at most */

/* Of a file of its own at e->path.  NULL was said.  To be given to llama_engine_close(). */
static inline struct engine *llama_engine_open(enum engine_cache cache)
{
    const struct engine_options options = { .n_threads = 2, .cache = cache };
    struct tiny_spec spec = TINY_SPEC;
    struct engine *e = NULL;
    struct err err = { 0 };
    char path[256];
    struct buf b;

    spec.n_ctx = ENGINES_N_CTX;
    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, &spec);
    if (tiny_write(&b, path))
        e = engine_open(path, &options, &err);
    if (!e)
        diag("%s", err.msg);
    buf_finish(&b);
    return e;
}

static inline void llama_engine_close(struct engine *e)
{
    if (e)
        unlink(e->path);
    engine_close(e);
}

struct golden_engine {
    struct engine *e;
    struct gguf  *vocabulary; /* of tiny_llama() */
    struct buf    bytes;
};

/* To be closed in any case. */
static inline bool golden_engine_open(struct golden_engine *g, const char *name)
{
    struct tiny_spec spec = TINY_SPEC;
    struct engine *e = calloc(1, sizeof *e);
    struct err err = { 0 };

    *g = (struct golden_engine){ .e = e };
    buf_init(&g->bytes, TINY_LIMIT);
    tiny_llama(&g->bytes, &spec);
    g->vocabulary = gguf_parse(g->bytes.data, g->bytes.len, &err);
    e->path = strdup(golden_path(name));
    e->gguf = gguf_open(e->path, &err);
    e->family = e->gguf ? family_find(e->gguf, &err) : NULL;
    e->model = e->family ? e->family->load(e->gguf, &e->shape, &err) : NULL;
    e->pool = pool_create(2, &err);
    if (!e->model || !e->pool || !(e->tokenizer = tokenizer_create(g->vocabulary, &err))) {
        diag("%s", err.msg);
        return false;
    }
    e->n_ctx = e->shape.n_ctx < ENGINES_N_CTX ? e->shape.n_ctx : ENGINES_N_CTX;
    if (e->family->prepare)
        e->family->prepare(e->model, &(struct family_options){ .n_ctx = e->n_ctx });
    e->pages = pages_create(&(struct kv_layout){ .n_layer = e->shape.n_layer }, 0, &err);
    return e->pages && sampler_init(&e->sampler, e->shape.n_vocab, &err) == 0 &&
           ops_init(&e->ops, kernels_find(NULL), e->pool, &e->shape, e->n_ctx, &err) == 0;
}

static inline void golden_engine_close(struct golden_engine *g)
{
    engine_close(g->e);
    gguf_close(g->vocabulary);
    buf_finish(&g->bytes);
}

#endif
