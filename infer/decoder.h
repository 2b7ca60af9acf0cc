/*
 * infer/decoder.h - the transformer decoder that most families are variations of.
 *
 *     x = embedding_scale * embedding of the token  (+ embedding of the position)
 *     for each layer:
 *         h = norm(x);  q, k, v = Wq h, Wk h, Wv h
 *         (q, k = rms_norm of each head);  q, k rotated by position
 *         a = softmax(cap(attention_scale * q k)) v            several query heads share one key head; a window of tokens
 *         x += (norm)(Wo (norm) a)
 *         h = norm(x)
 *         x += (norm)(Wdown (norm)(act(Wgate h) * Wup h))      or Wdown act(Wup h)
 *     logits = cap(logit_scale * Woutput norm(x))              Woutput is the embedding when the file has none of its own
 *
 * What stands in parentheses is there in some families.  A family's own file says in one struct which of it applies, and
 * where its files leave out what it fixes; whatever a family does not have, a file must not have either: a tensor that
 * nothing uses is an error, since ignoring it would give other, still fluent, text.
 */
#ifndef INFER_DECODER_H
#define INFER_DECODER_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/family.h"
#include "infer/ops.h"
#include "infer/rope.h"

struct decoder_config {
    size_t n_vocab, n_embd, n_layer, n_head, n_kv_head, head_dim, n_ff, n_ctx, n_rot;
    double eps;                                           /* of the norms */
    double embedding_scale, logit_scale, attention_scale; /* 1, 1 and 1 / sqrt(head_dim) where nobody says else */
    double attention_softcap, final_softcap;              /* 0: none */
    double rope_base, window_rope_base;                   /* the second: in layers with a window; 0: the same rope */
    size_t window;                                        /* tokens that a token sees; 0: all before it */
    size_t window_period;                                 /* each so-manieth layer sees all all the same; 0: none does */
    enum ops_activation activation;
};

struct decoder_traits {
    const char         *arch;
    bool                layer_norm;        /* LayerNorm with biases; otherwise RMSNorm */
    bool                learned_positions; /* instead of rotation */
    enum rope_pairs     pairs;
    bool                qk_norm;           /* of each head of q and k, before rotation */
    bool                post_norms;        /* of what attention and feed-forward add to x */
    bool                sub_norms;         /* before Wo and Wdown */
    bool                biases;            /* matrices may have them */
    bool                gated;
    enum ops_activation activation;
    bool                ternary;           /* trained with activations rounded to int8, token by token */
    /* Sizes are there; sets what the family fixes and its files may leave out.  Keys of the file go above it.  May be NULL. */
    void (*defaults)(struct decoder_config *);
};

/* What struct family wants.  traits outlive the model. */
void *decoder_load(const struct decoder_traits *, const struct gguf *, struct shape *, struct err *);
void decoder_unload(void *model);
void decoder_prepare(void *model, const struct family_options *);
void decoder_eval(void *model, struct ops *, const struct batch *);
const float *decoder_hidden(const void *model, size_t *n_embd);

/* The whole of a family that is a decoder: its general.architecture, and the rest of its struct decoder_traits. */
#define DECODER_FAMILY(NAME, ARCH, ...)                                                          \
    static const struct decoder_traits NAME##_traits = { .arch = (ARCH), __VA_ARGS__ };          \
    static void *NAME##_load(const struct gguf *g, struct shape *shape, struct err *err)         \
    {                                                                                            \
        return decoder_load(&NAME##_traits, g, shape, err);                                      \
    }                                                                                            \
    const struct family NAME = {                                                                 \
        .arch = (ARCH), .load = NAME##_load, .unload = decoder_unload, .prepare = decoder_prepare, \
        .eval = decoder_eval, .hidden = decoder_hidden                                           \
    }

#endif
