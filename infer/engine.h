/* infer/engine.h - what engine.c, session.c and session_file.c share. */
#ifndef INFER_ENGINE_H
#define INFER_ENGINE_H

#include "infer/family.h"
#include "infer/gguf.h"
#include "infer/infer.h"
#include "infer/ops.h"
#include "infer/packed.h"
#include "infer/pool.h"
#include "infer/pooling.h"
#include "infer/sampler.h"

struct engine {
    struct gguf         *gguf;
    struct tokenizer    *tokenizer;
    struct mask_vocabulary *vocabulary;
    struct pool         *pool;
    struct packed       *packed; /* NULL: nothing is */
    struct pages        *pages;  /* of its sessions */
    const struct family *family;
    void                *model;
    struct shape         shape;
    enum pooling         pooling;    /* of embeddings */
    struct err           no_pooling; /* why there are none; status 0: there are */
    size_t               n_ctx;
    struct ops           ops;
    struct sampler       sampler;
    struct engine_info   info;
    char                 strings[2][128]; /* name, arch */
    char                 sha256[65];
    char                *path;
};

struct session {
    struct engine *engine;
    int32_t *tokens; /* [n_ctx], those evaluated */
    size_t n;
    struct state state;
    float *logits; /* [n_vocab], after token n - 1 */
    bool has_logits;
    /* A recurrent state cannot be cut back to a prefix: what it was before the last token of the last sync. */
    float *mark; /* [n_layer][n_recurrent]; NULL: not recurrent */
    size_t n_mark;
    float *each; /* [OPS_BATCH][n_vocab], made when session_append() wants them */
};

#endif
