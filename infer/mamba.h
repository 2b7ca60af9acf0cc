/*
 * infer/mamba.h - what both versions of Mamba have in common; family_mamba.c and family_mamba2.c have their mixers.
 *
 *     x = embedding of the token
 *     for each layer:
 *         x += mixer(rms_norm(x))        a recurrence with its gate: there is neither attention nor a feed-forward part
 *     logits = Woutput rms_norm(x)       Woutput is the embedding when the file has none of its own
 *
 * A mixer begins with a convolution over the last n_taps tokens and goes on with a scan, so a layer's recurrent state
 * is the convolution's last n_taps - 1 inputs, [n_taps - 1][width], and behind them what the scan remembers.
 *
 * Keys are ARCH.NAME.  A tensor that nothing uses is an error, since ignoring it would give other, still fluent, text.
 */
#ifndef INFER_MAMBA_H
#define INFER_MAMBA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/family.h"
#include "infer/ops_scan.h"

/* Limits on what a file may ask for, beside those of infer/family.h. */
#define MAMBA_MAX_TAPS   CONV_MAX_TAPS
#define MAMBA_MAX_STATE  1024              /* published: up to 256 */
#define MAMBA_MAX_VALUES ((size_t)1 << 28) /* of a session's state, 1 GiB; published: up to 6.8e7 */

struct mamba {
    const char *arch;
    size_t n_vocab, n_embd, n_layer, n_ctx;
    size_t n_inner, n_state, n_taps; /* ssm.inner_size, ssm.state_size, ssm.conv_kernel */
    size_t time_step_rank;           /* numbers that time steps are made from; of version 2: heads, one step each */
    float  eps;                      /* of the norms */

    struct matrix embedding, output; /* [n_vocab][n_embd] */
    float *output_norm;              /* [n_embd] */

    float *x, *h;     /* [OPS_BATCH][n_embd]: the residual stream; what a mixer begins and ends with */
    bool  *used;      /* [gguf_n_tensors], while the file is read */
    void **memory;    /* [n_memory], all that mamba_memory() gave */
    size_t n_memory;
};

/* A tensor [n_rows][k] of a layer, without "blk.N.". */
struct mamba_tensor {
    const char    *name;
    size_t         k, n_rows;
    struct matrix *matrix;  /* it may be of any format that can be read, and is not copied; or */
    float        **values;  /* the same as a copy in F32, [n_rows][k]; or */
    float        **columns; /* transposed, [k][n_rows] */
    bool           optional;
};

/* The configuration.  CORAX_E_ARGS names the key and both numbers. */
int mamba_read_config(struct mamba *, const struct gguf *, struct err *);
/* Zeroed, until mamba_finish().  NULL with CORAX_E_LIMIT. */
float *mamba_memory(struct mamba *, size_t n, size_t width, struct err *);
/* The tensors of a layer.  CORAX_E_ARGS names the tensor and both shapes. */
int mamba_read_layer(struct mamba *, const struct gguf *, size_t layer, const struct mamba_tensor *, size_t n,
                     struct err *);
/*
 * Those outside layers; fails when the file has one that none of these read, or when n_recurrent values a layer are
 * above the limit.  Comes last; after it *shape is complete, for matrices of up to max_k columns.
 */
int mamba_read_rest(struct mamba *, const struct gguf *, size_t n_recurrent, size_t max_k, struct shape *,
                    struct err *);
void mamba_finish(struct mamba *);

/* x = the embeddings of the tokens. */
void mamba_embed(struct mamba *, const int32_t *tokens, size_t n);
/* h = rms_norm(x). */
void mamba_begin(struct mamba *, struct ops *, const float *norm, size_t n);
/* x += out y, with y [n][n_inner]. */
void mamba_end(struct mamba *, struct ops *, const struct matrix *out, const float *y, size_t n);
/* h, and from it the logits, of the tokens whose logits are wanted. */
void mamba_head(struct mamba *, struct ops *, const struct batch *);

#endif
