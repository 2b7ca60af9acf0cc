/* tests/infer/sequence.h - one sequence for a model that is used without an engine. */
#ifndef TESTS_INFER_SEQUENCE_H
#define TESTS_INFER_SEQUENCE_H

#include "infer/family.h"

struct sequence {
    struct pages *pages;
    struct state state;
};

static inline int sequence_init(struct sequence *s, const struct shape *shape, enum quant_type cache, size_t n_ctx, struct err *err)
{
    struct kv_layout layout;

    memset(s, 0, sizeof *s);
    if (kv_layout_init(&layout, cache, shape->n_layer, shape->n_kv_head, shape->head_dim, err) < 0 ||
        !(s->pages = pages_create(&layout, 0, err)))
        return -1;
    return state_init(&s->state, shape, s->pages, n_ctx, err);
}

static inline void sequence_finish(struct sequence *s)
{
    state_finish(&s->state);
    pages_destroy(s->pages);
}

/* logits [n_logits][n_vocab] of the last n_logits tokens. */
static inline int sequence_eval(struct sequence *s, const struct family *family, void *model, struct ops *o, const int32_t *tokens, size_t n,
                                size_t pos, float *logits, size_t n_logits)
{
    const struct span span = { &s->state, pos, n, n_logits };

    if (state_reserve(&s->state, pos, pos + n, NULL) < 0)
        return -1;
    family->eval(model, o,
                 &(struct batch){ .tokens = tokens, .n = n, .spans = &span, .n_spans = 1, .logits = logits, .n_logits = n_logits });
    return 0;
}

#endif
