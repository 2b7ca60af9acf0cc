/*
 * infer/ops_scan.h - what the Mamba families need beside infer/ops.h: a short convolution over time, and the selective
 * scans of both versions.
 *
 * Activations are [n][width] f32 as there.  An operation goes through the tokens one by one, for some of the channels
 * or heads: callers share these out to the threads, so that neither the number of threads nor where a transcript is cut
 * shows in a result.
 */
#ifndef INFER_OPS_SCAN_H
#define INFER_OPS_SCAN_H

#include <stddef.h>

#include "infer/ops.h"

struct conv {
    size_t       n_taps, width;
    const float *weight; /* [n_taps][width]; the last one meets the token itself */
    const float *bias;   /* [width]; NULL: none */
};
#define CONV_MAX_TAPS 16 /* published: 4 */

/*
 * Causal convolution of channels first ... end - 1, each by itself, then silu:
 *
 *     out[t][c] = silu(bias[c] + sum over j of weight[j][c] * x[t - (n_taps - 1) + j][c])
 *
 * x, out  [n][width], distinct
 * last    [n_taps - 1][width], x of the tokens before the batch, the oldest first (zero before the first token);
 *         becomes those before the next batch
 *
 * Source: Gu, Dao, Mamba, arXiv:2312.00752, section 3.4.
 */
void ops_causal_conv(const struct kernels *, const struct conv *, size_t first, size_t end, const float *x, float *last,
                     size_t n, float *out);

/* The scan of Mamba-1: each channel has n_state numbers of its own, each with a decay of its own. */
struct selective_scan {
    size_t       width, n_state;
    const float *a; /* [n_state][width], negative in any trained model */
    const float *d; /* [width] */
};

/*
 * Channels first ... end - 1:
 *
 *     delta = softplus(dt)
 *     h[s][c] = exp(delta[c] a[s][c]) h[s][c] + delta[c] x[c] b[s]
 *     y[c] = (sum over s of h[s][c] c[s] + d[c] x[c]) * silu(z[c])
 *
 * dt, x, z  [n][width]; z becomes y
 * b, c      [n][n_state], the same for all channels
 * h         [n_state][width], after the tokens before the batch; becomes that after it
 *
 * Source: Mamba, arXiv:2312.00752, algorithm 2, with A discretised exactly and B by Euler's rule.
 */
void ops_selective_scan(const struct kernels *, const struct selective_scan *, size_t first, size_t end,
                        const float *dt, const float *x, const float *b, const float *c, float *h, size_t n, float *z);

/* The scan of Mamba-2: a head has one decay for its channels; heads g n_head / n_group ... share b and c of group g. */
struct head_scan {
    size_t       n_head, head_dim, n_group, n_state; /* n_group divides n_head */
    const float *a, *d, *dt_bias;                    /* [n_head] */
};

/*
 * Heads first ... end - 1:
 *
 *     delta = softplus(dt + dt_bias)
 *     h[s][p] = exp(delta a) h[s][p] + delta x[p] b[s]
 *     y[p] = (sum over s of h[s][p] c[s] + d x[p]) * silu(z[p])            p < head_dim
 *
 * dt   [n][n_head]
 * xbc  [n][n_head * head_dim + 2 * n_group * n_state]: a token's x, b and c, one behind the other
 * h    [n_head][n_state][head_dim], after the tokens before the batch; becomes that after it
 * z    [n][n_head * head_dim], becomes y
 *
 * Source: Dao, Gu, Transformers are SSMs, arXiv:2405.21060, sections 5 and 7, in its recurrent form.
 */
void ops_head_scan(const struct kernels *, const struct head_scan *, size_t first, size_t end, const float *dt,
                   const float *xbc, float *h, size_t n, float *z);

/* out[i] = the norm of each of the n_group parts of x[i] by itself; rows of `width`, which n_group divides. */
void ops_group_rms_norm(struct ops *, const float *x, const float *weight, float eps, size_t n, size_t width,
                        size_t n_group, float *out);

#endif
