/*
 * infer/ops_wkv.h - what the RWKV families need beside infer/ops.h: token shift, the wkv recurrence of each generation,
 * and the norms of its heads.
 *
 * Activations are [n][width] f32 as there.  A recurrence goes through the tokens one by one and shares out its heads
 * (version 4: its channels) to the threads, so that neither the number of threads nor where a transcript is cut shows
 * in a result.
 */
#ifndef INFER_OPS_WKV_H
#define INFER_OPS_WKV_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/ops.h"

/*
 * The way from each token to the one before it: delta[t] = x[t - 1] - x[t].
 *
 * last  [width], x of the token before the batch (zero before the first); becomes that of the batch's last
 */
void ops_shift(const float *x, float *last, size_t n, size_t width, float *delta);

/*
 * So far on that way: out[t] = x[t] + delta[t] * (weight + more[t]).
 *
 * weight  [width]; 0: this token, 1: the one before
 * more    [n][width], what depends on the token; NULL: nothing does
 */
void ops_lerp(const float *x, const float *delta, const float *weight, const float *more, size_t n, size_t width,
              float *out);

/* Functions of one value, in place over n values: ops_map() shares them out to the threads. */
typedef void ops_map_fn(float *x, size_t n);
void ops_map(struct ops *, ops_map_fn *fn, float *x, size_t n);
ops_map_fn ops_sigmoid;     /* 1 / (1 + exp(-x)) */
ops_map_fn ops_tanh;
ops_map_fn ops_exp_neg_exp; /* exp(-exp(x)): a decay between 0 and 1 from any number */

void ops_multiply_by(float *x, const float *y, size_t n);            /* x *= y */
void ops_add_each(float *x, const float *y, size_t n, size_t width); /* x[t] += y, y [width] */

/*
 * Normalise each head of each token by itself: mean 0, variance 1, then weight and bias by channel.
 *
 * x, out        [n][n_head][head_size]; may be the same
 * weight, bias  [n_head][head_size]
 *
 * Source: Wu, He, Group Normalization, arXiv:1803.08494.
 */
void ops_group_norm(struct ops *, const float *x, const float *weight, const float *bias, float eps, size_t n,
                    size_t n_head, size_t head_size, float *out);

/* Scales each of n rows of `width` to length 1, those shorter than eps by 1 / eps. */
void ops_unit(float *x, float eps, size_t n, size_t width);

/*
 * wkv of version 4: a mean of the values so far, weighted by exp(key), that fades with time.
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
void ops_wkv4(struct ops *, const float *k, const float *v, const float *w, const float *u, size_t n, size_t width,
              float *state, float *out);

/*
 * wkv of versions 5 and 6: every head has a matrix S [key][value] for a memory.
 *
 *     out = r (diag(u) k' v + S);  S = diag(w) S + k' v
 *
 * r, k, v, out  [n][n_head][size]
 * u             [n_head][size], the weight of the current token
 * w             what is left of each row of S after one token, between 0 and 1: [n][n_head][size] with w_each, else
 *               [n_head][size] for every token
 * state         [n_head][size][size]
 *
 * Source: Peng et al., Eagle and Finch, arXiv:2404.05892, equations 5 to 7 and 18 to 20.
 */
void ops_wkv6(struct ops *, const float *r, const float *k, const float *v, const float *w, bool w_each, const float *u,
              size_t n, size_t n_head, size_t size, float *state, float *out);

/*
 * wkv of version 7, the generalised delta rule: what S holds under the key a is taken out before v is put under k.
 *
 *     S = diag(w) S + b' (a S) + k' v;  out = r S
 *
 * r, w, k, v, a, b, out  [n][n_head][size]
 * state                  S [n_head][size][size], [key][value] (the paper writes the transposed)
 *
 * Source: Peng et al., RWKV-7 Goose, arXiv:2503.14456, equation 17, with a the removal key, negated, and b the removal
 * key times the in-context learning rate.
 */
void ops_wkv7(struct ops *, const float *r, const float *w, const float *k, const float *v, const float *a,
              const float *b, size_t n, size_t n_head, size_t size, float *state, float *out);

#endif
