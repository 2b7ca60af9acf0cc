/* infer/engine.h - what engine.c and session.c share. */
#ifndef INFER_ENGINE_H
#define INFER_ENGINE_H

#include "infer/family.h"
#include "infer/gguf.h"
#include "infer/infer.h"
#include "infer/ops.h"
#include "infer/pool.h"
#include "infer/sampler.h"

struct engine {
    struct gguf         *gguf;
    struct tokenizer    *tokenizer;
    struct pool         *pool;
    const struct family *family;
    void                *model;
    struct shape         shape;
    size_t               n_ctx;
    struct ops           ops;
    struct sampler       sampler;
    struct engine_info   info;
    char                 strings[3][128]; /* name, arch, dialect */
    char                 sha256[65];
};

#endif
