/*
 * infer/ops_wkv.h - what the RWKV families need beside infer/ops.h: the wkv recurrence of each generation, and the
 * norms of its heads.
 *
 * Activations are [n][width] f32 as there.  A recurrence goes through the tokens one by one, for some of the heads
 * (version 4: channels): callers share these out to the threads, so that neither the number of threads nor where a
 * transcript is cut shows in a result.
 */
#ifndef INFER_OPS_WKV_H
#define INFER_OPS_WKV_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/ops.h"

/*
 * wkv of version 4, of channels first ... end - 1: a mean of the values so far, weighted by exp(key), that fades with
 * time.
 *
 *     out = (A + exp(u + k) v) / (B + exp(u + k));  A = exp(w) A + exp(k) v;  B = exp(w) B + exp(k)
 *
 * k, v, out  [n][width]
 * w          [width], below 0: the logarithm of what is left of the past after one token
 * u          [width], what the current token's key has more
 * state      [3][width]: a, b, p with A = a exp(p), B = b exp(p), since A and B themselves leave the range of a float;
 *            ops_wkv4_start() makes it that before the first token
 *
 * Source: Peng et al., RWKV, arXiv:2305.13048, section 3.1 and appendix D.
 */
void ops_wkv4_start(float *state, size_t width);
void ops_wkv4(const struct kernels *, size_t first, size_t end, const float *k, const float *v, const float *w,
              const float *u, size_t n, size_t width, float *state, float *out);

/* What the heads of a token are made of, each [n][n_head][size] but where that is said. */
struct wkv {
    size_t       n_head, size;
    const float *r, *k, *v;
    const float *w; /* what is left of each row of S after one token, between 0 and 1 */
    bool         w_each; /* false: w is [n_head][size], the same for every token */
    const float *u;      /* versions 5 and 6: [n_head][size], the weight of the current token */
    const float *a, *b;  /* version 7 */
};

/*
 * wkv of versions 5 and 6, of heads first ... end - 1: every head has a matrix S [key][value] for a memory.
 *
 *     out = r (diag(u) k' v + S);  S = diag(w) S + k' v
 *
 * state  [n_head][size][size]
 *
 * Source: Peng et al., Eagle and Finch, arXiv:2404.05892, equations 5 to 7 and 18 to 20.
 */
void ops_wkv6(const struct kernels *, const struct wkv *, size_t first, size_t end, size_t n, float *state, float *out);

/*
 * wkv of version 7, the generalised delta rule: what S holds under the key a is taken out before v is put under k.
 *
 *     S = diag(w) S + b' (a S) + k' v;  out = r S
 *
 * state  S [n_head][size][size], [key][value] (the paper writes the transposed)
 *
 * Source: Peng et al., RWKV-7 Goose, arXiv:2503.14456, equation 17, with a the removal key, negated, and b the removal
 * key times the in-context learning rate.
 */
void ops_wkv7(const struct kernels *, const struct wkv *, size_t first, size_t end, size_t n, float *state, float *out);

/*
 * Normalise heads first ... end - 1 of each token, each by itself, in place: mean 0, variance 1, then weight and bias
 * by channel.
 *
 * x             [n][n_head][size]
 * weight, bias  [n_head][size]
 *
 * Source: Wu, He, Group Normalization, arXiv:1803.08494.
 */
void ops_head_norm(const struct kernels *, size_t first, size_t end, const float *weight, const float *bias, float eps,
                   size_t n, size_t n_head, size_t size, float *x);

#endif
