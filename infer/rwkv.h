/*
 * infer/rwkv.h - what all generations of RWKV have in common; family_rwkv4.c ... family_rwkv7.c have what differs.
 *
 *     x = layer_norm(embedding of the token)
 *     for each layer:
 *         x += time_mix(layer_norm(x))        the recurrence, in place of attention
 *         x += channel_mix(layer_norm(x))     the feed-forward part
 *     logits = Woutput layer_norm(x)
 *
 * Both mixes see, beside their input, that of the token before (token shift), so a layer's state is two rows of
 * n_embd values, and behind them what its recurrence remembers.
 *
 * Keys are ARCH.NAME, tensors as in GGUF files with general.architecture rwkv6 and rwkv7; docs/gguf.md has those of
 * versions 4 and 5.
 */
#ifndef INFER_RWKV_H
#define INFER_RWKV_H

#include <stddef.h>
#include <stdint.h>

#include "infer/family.h"
#include "infer/ops_wkv.h"

struct rwkv_norm {
    const float *weight, *bias; /* [n_embd] */
};

#define RWKV_LERPS 6 /* of one mix, at most */

/* Versions 4 to 6; version 7 has a shorter one of its own. */
struct rwkv_channel_mix {
    const float  *lerp_k, *lerp_r;          /* [n_embd] */
    struct matrix key, value, receptance;   /* [n_ff][n_embd], [n_embd][n_ff], [n_embd][n_embd] */
};

struct rwkv {
    const char *arch;
    size_t n_vocab, n_embd, n_layer, n_ff, n_ctx;
    size_t n_head, head_size; /* n_head * head_size = n_embd; 0: the version has no heads */
    size_t rescale_every;     /* x is halved after so many layers: weights made for half precision; 0: never */
    float  eps, head_eps;     /* of layer norms, and of the norm of heads */

    struct matrix    embedding, output; /* [n_vocab][n_embd] */
    struct rwkv_norm embedding_norm, output_norm;

    float *x, *h;                   /* [OPS_BATCH][n_embd]: the residual stream; what a mix begins with */
    float *y;                       /* [OPS_BATCH][n_embd], what a mix comes to */
    float *before_span;             /* [OPS_BATCH][n_embd]: h before each span's first token */
    const float *before[OPS_BATCH]; /* [n_embd] each: h before each token */
    float *mixed[RWKV_LERPS];       /* [OPS_BATCH][n_embd] each, somewhere between */
    float *gate;                    /* [OPS_BATCH][n_embd] */
    float *ff;                      /* [OPS_BATCH][n_ff] */
    float *memory;  /* what the buffers point into */
    bool  *used;    /* [gguf_n_tensors()], while the file is read */
};

/*
 * Reads the configuration that all versions have and, for those with heads, how wide they are.  CORAX_E_ARGS names the
 * key and both numbers.
 */
int rwkv_read_config(struct rwkv *, const struct gguf *, bool heads, struct err *);
/* The tensors outside layers, before those in them. */
int rwkv_read_weights(struct rwkv *, const struct gguf *, struct err *);

/* One tensor of a layer, "blk.N.NAME": values in F32, or matrices; unused dimensions may be 0 here. */
struct rwkv_tensor {
    const char    *name;
    size_t         ne[GGUF_MAX_DIMS];
    const float  **values; /* either this */
    struct matrix *matrix; /* or ne[2] of these, [ne[1]][ne[0]] each */
};
int rwkv_read_layer(struct rwkv *, const struct gguf *, size_t layer, const struct rwkv_tensor *, size_t n,
                    struct err *);
/* NULL: there is none. */
const struct gguf_tensor *rwkv_find_tensor(const struct gguf *, size_t layer, const char *name);
/* One that may be there and is not read. */
void rwkv_skip_tensor(struct rwkv *, const struct gguf *, size_t layer, const char *name);
/* An error when the file has any other tensor: ignoring it would give other, still fluent, text. */
int rwkv_check_rest(struct rwkv *, const struct gguf *, struct err *);

/*
 * Activations [OPS_BATCH][width], those above and n more, in one allocation.  After the weights were seen to have these
 * sizes: a few bytes of configuration alone take no memory.
 */
struct rwkv_buffer {
    float **to;
    size_t  width;
};
int rwkv_allocate(struct rwkv *, const struct rwkv_buffer *, size_t n, struct err *);
void rwkv_finish(struct rwkv *);

/* A layer's state: the two rows of token shift, [n_embd] each, and from there on the n_wkv values of the recurrence. */
enum { RWKV_ATT, RWKV_FFN, RWKV_WKV };
/* max_rank: of matrices that are products of two smaller ones; 0: there are none. */
struct shape rwkv_shape(const struct rwkv *, size_t n_wkv, size_t max_rank);

/* x = layer_norm(embedding) of n tokens. */
void rwkv_embed(struct rwkv *, struct ops *, const int32_t *tokens, size_t n);
/* h = layer_norm(x), and what was before; the layer remembers h in its row RWKV_ATT or RWKV_FFN. */
void rwkv_begin(struct rwkv *, struct ops *, const struct rwkv_norm *, const struct batch *, size_t layer, size_t row);
/* mixed[i] = h + (h before - h) weights[i], i < n_lerps */
void rwkv_lerp(struct rwkv *, struct ops *, const float *const *weights, size_t n_lerps, size_t n);
/* x += W y */
void rwkv_end(struct rwkv *, struct ops *, const struct matrix *w, const float *y, size_t n);
/* x += channel_mix(layer_norm(x)) */
void rwkv_channel_mix(struct rwkv *, struct ops *, const struct rwkv_norm *, const struct rwkv_channel_mix *, const struct batch *,
                      size_t layer);
/* Halves x after a layer where the file asks for it. */
void rwkv_rescale(struct rwkv *, size_t layer, size_t n);
/* logits = Woutput layer_norm(x) of the tokens whose logits are wanted. */
void rwkv_head(struct rwkv *, struct ops *, const struct batch *);
/* What the recurrence of a layer remembers of a sequence. */
float *rwkv_memory(const struct rwkv *, const struct span *, size_t layer);

#endif
