#include "infer/ops_scan.h"

#include <assert.h>
#include <string.h>

/* What goes together: what a kernel reads and writes of so many tokens and channels stays in the caches of one core. */
#define TOKENS        64
#define CHANNELS      32
#define HEAD_CHANNELS 64

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- convolution -------------------------------------------------------------------------------------------------- */

void ops_causal_conv(const struct kernels *k, const struct conv *conv, size_t first, size_t end, const float *x,
                     float *last, size_t n, float *out)
{
    const size_t width = conv->width, n_last = conv->n_taps - 1;

    assert(conv->n_taps <= CONV_MAX_TAPS);
    /* Row i of the inputs is last's for i < n_last, then x's. */
    for (size_t t = 0; t < n; t++) {
        const float *rows[CONV_MAX_TAPS];

        for (size_t i = 0; i < conv->n_taps; i++)
            rows[i] = first + (t + i < n_last ? last + (t + i) * width : x + (t + i - n_last) * width);
        k->recurrences->conv(rows, conv->n_taps, conv->weight + first, width, conv->bias ? conv->bias + first : NULL,
                             end - first, out + t * width + first);
    }
    /* Row i of what the next batch sees is row n + i of what this one saw: none is read after it was written. */
    for (size_t i = 0; i < n_last; i++) {
        const float *from = n + i < n_last ? last + (n + i) * width : x + (n + i - n_last) * width;

        memcpy(last + i * width + first, from + first, (end - first) * sizeof *last);
    }
}

/* --- scans -------------------------------------------------------------------------------------------------------- */

/* Channels of some tokens, side by side: rows a power of two apart share the few places that a cache has for them. */
struct tile {
    _Alignas(64) float x[TOKENS * CHANNELS], delta[TOKENS * CHANNELS], y[TOKENS * CHANNELS];
};
struct head_tile {
    _Alignas(64) float x[TOKENS * HEAD_CHANNELS], y[TOKENS * HEAD_CHANNELS];
};

/* n <= TOKENS of `channels` <= CHANNELS channels, to which all pointers point. */
static void scan_tile(const struct kernels *k, const struct selective_scan *s, size_t channels,
                      struct selective_block block, const float *dt, const float *x, float *z)
{
    struct tile tile;

    for (size_t t = 0; t < block.n; t++) {
        memcpy(tile.x + t * CHANNELS, x + t * s->width, channels * sizeof *x);
        memcpy(tile.delta + t * CHANNELS, dt + t * s->width, channels * sizeof *dt);
        k->functions->softplus(tile.delta + t * CHANNELS, channels);
    }
    block.width = channels;
    block.stride = CHANNELS;
    block.delta = tile.delta;
    block.x = tile.x;
    block.y = tile.y;
    k->recurrences->selective_scan(&block);
    for (size_t t = 0; t < block.n; t++)
        k->functions->silu(z + t * s->width, tile.y + t * CHANNELS, channels);
}

void ops_selective_scan(const struct kernels *k, const struct selective_scan *s, size_t first, size_t end,
                        const float *dt, const float *x, const float *b, const float *c, float *h, size_t n, float *z)
{
    for (size_t i = first; i < end; i += CHANNELS)
        for (size_t t = 0; t < n; t += TOKENS) {
            const size_t at = t * s->width + i;
            const struct selective_block block = { .n = smaller(n - t, TOKENS),
                                                   .n_state = s->n_state,
                                                   .b = b + t * s->n_state,
                                                   .c = c + t * s->n_state,
                                                   .state_stride = s->width,
                                                   .a = s->a + i,
                                                   .h = h + i,
                                                   .d = s->d + i };

            scan_tile(k, s, smaller(end - i, CHANNELS), block, dt + at, x + at, z + at);
        }
}

/* n <= TOKENS of `channels` <= HEAD_CHANNELS channels of a head, which x, z and the block's h begin with. */
static void scan_head_tile(const struct kernels *k, const struct head_scan *s, size_t channels, struct head_block block,
                           const float *x, float *z)
{
    const size_t width = s->n_head * s->head_dim, row = width + 2 * s->n_group * s->n_state;
    struct head_tile tile;

    for (size_t t = 0; t < block.n; t++)
        memcpy(tile.x + t * HEAD_CHANNELS, x + t * row, channels * sizeof *x);
    block.width = channels;
    block.stride = HEAD_CHANNELS;
    block.x = tile.x;
    block.y = tile.y;
    k->recurrences->head_scan(&block);
    for (size_t t = 0; t < block.n; t++)
        k->functions->silu(z + t * width, tile.y + t * HEAD_CHANNELS, channels);
}

/* n <= TOKENS tokens of one head; dt, xbc and z begin with the first of them. */
static void scan_head(const struct kernels *k, const struct head_scan *s, size_t head, const float *dt,
                      const float *xbc, float *h, size_t n, float *z)
{
    const size_t width = s->n_head * s->head_dim, row = width + 2 * s->n_group * s->n_state;
    const float *b = xbc + width + head / (s->n_head / s->n_group) * s->n_state;
    float delta[TOKENS], decay[TOKENS];
    struct head_block block = { .n = n,
                                .decay = decay,
                                .delta = delta,
                                .n_state = s->n_state,
                                .bc_stride = row,
                                .b = b,
                                .c = b + s->n_group * s->n_state,
                                .state_stride = s->head_dim,
                                .d = s->d[head] };

    for (size_t t = 0; t < n; t++)
        delta[t] = dt[t * s->n_head + head] + s->dt_bias[head];
    k->functions->softplus(delta, n);
    for (size_t t = 0; t < n; t++)
        decay[t] = delta[t] * s->a[head];
    k->functions->exp(decay, n);
    for (size_t i = 0; i < s->head_dim; i += HEAD_CHANNELS) {
        block.h = h + head * s->n_state * s->head_dim + i;
        scan_head_tile(k, s, smaller(s->head_dim - i, HEAD_CHANNELS), block, xbc + head * s->head_dim + i,
                       z + head * s->head_dim + i);
    }
}

void ops_head_scan(const struct kernels *k, const struct head_scan *s, size_t first, size_t end, const float *dt,
                   const float *xbc, float *h, size_t n, float *z)
{
    const size_t width = s->n_head * s->head_dim, row = width + 2 * s->n_group * s->n_state;

    for (size_t head = first; head < end; head++)
        for (size_t t = 0; t < n; t += TOKENS)
            scan_head(k, s, head, dt + t * s->n_head, xbc + t * row, h, smaller(n - t, TOKENS), z + t * width);
}

/* --- norm --------------------------------------------------------------------------------------------------------- */

struct group_norm_job {
    const struct kernels *kernels;
    const float *x, *weight;
    float eps, *out;
    size_t n_group, part;
};

static void group_norm_rows(void *arg, size_t first, size_t end)
{
    const struct group_norm_job *j = arg;

    for (size_t i = first * j->n_group; i < end * j->n_group; i++)
        j->kernels->rms_norm(j->x + i * j->part, j->weight + i % j->n_group * j->part, j->part, j->eps,
                             j->out + i * j->part);
}

void ops_group_rms_norm(struct ops *o, const float *x, const float *weight, float eps, size_t n, size_t width,
                        size_t n_group, float *out)
{
    struct group_norm_job job = { o->kernels, x, weight, eps, out, n_group, width / n_group };

    ops_share(o, n, width * 4, group_norm_rows, &job);
}
