/*
 * tests/infer/golden_engine.h - engines put together of what the models of vectors/golden/ have, and of a vocabulary, which they have not.
 */
#ifndef TESTS_INFER_GOLDEN_ENGINE_H
#define TESTS_INFER_GOLDEN_ENGINE_H

#include "infer/engine.h"
#include "tests/infer/golden.h"
#include "tests/infer/tiny_gguf.h"

struct golden_engine {
    struct engine e;
    struct gguf  *vocabulary; /* of tiny_llama() */
    struct buf    bytes;
};

/* With a context of at most 640 tokens.  To be closed in any case. */
static inline bool golden_engine_open(struct golden_engine *g, const char *name)
{
    struct tiny_spec spec = TINY_SPEC;
    struct engine *e = &g->e;
    struct err err = { 0 };

    memset(g, 0, sizeof *g);
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
    e->n_ctx = e->shape.n_ctx < 640 ? e->shape.n_ctx : 640;
    if (e->family->prepare)
        e->family->prepare(e->model, &(struct family_options){ .n_ctx = e->n_ctx });
    e->pages = pages_create(&(struct kv_layout){ .n_layer = e->shape.n_layer }, 0, &err);
    return e->pages && sampler_init(&e->sampler, e->shape.n_vocab, &err) == 0 &&
           ops_init(&e->ops, kernels_find(NULL), e->pool, &e->shape, e->n_ctx, &err) == 0;
}

static inline void golden_engine_close(struct golden_engine *g)
{
    struct engine *e = &g->e;

    if (e->model)
        e->family->unload(e->model);
    ops_finish(&e->ops);
    pages_destroy(e->pages);
    sampler_finish(&e->sampler);
    pool_destroy(e->pool);
    tokenizer_destroy(e->tokenizer);
    gguf_close(e->gguf);
    free(e->path);
    gguf_close(g->vocabulary);
    buf_finish(&g->bytes);
}

#endif
