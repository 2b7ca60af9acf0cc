#include "infer/ops_scan.h"

#include <math.h>
#include <string.h>

#define CHANNELS   64   /* that go together: a multiple of a kernel's step, and few enough to keep their state in L1 */
#define CHUNK_WORK 2048 /* exponentials that are worth handing to another thread, or ten times as many products */

/* How many of n units with so much work each a chunk gets: about four chunks a thread, but none too small. */
static size_t per_chunk(const struct ops *o, size_t n, size_t work)
{
    size_t units = n / (4 * pool_n_threads(o->pool)) + 1;

    return units * work < CHUNK_WORK ? CHUNK_WORK / (work + 1) + 1 : units;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- convolution -------------------------------------------------------------------------------------------------- */

struct conv_job {
    struct ops *o;
    const struct conv *conv;
    const float *x;
    float *last, *out;
    size_t n, channels; /* of a chunk */
};

/* Channels first ... end - 1 of token t: what the tap meets that is `back` tokens behind it. */
static const float *behind(const struct conv_job *j, size_t t, size_t back)
{
    const size_t width = j->conv->width, n_last = j->conv->n_taps - 1;

    return back <= t ? j->x + (t - back) * width : j->last + (n_last + t - back) * width;
}

static void conv_token(const struct conv_job *j, size_t t, size_t first, size_t end)
{
    const struct conv *conv = j->conv;
    float *out = j->out + t * conv->width;

    for (size_t i = first; i < end; i++)
        out[i] = conv->bias ? conv->bias[i] : 0;
    for (size_t tap = 0; tap < conv->n_taps; tap++) {
        const float *in = behind(j, t, conv->n_taps - 1 - tap), *weight = conv->weight + tap * conv->width;

        for (size_t i = first; i < end; i++)
            out[i] += weight[i] * in[i];
    }
    j->o->kernels->silu_mul(out + first, NULL, end - first);
}

static void conv_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct conv_job *j = arg;
    const size_t width = j->conv->width, n_last = j->conv->n_taps - 1;
    const size_t first = chunk * j->channels, end = smaller(first + j->channels, width);

    for (size_t t = 0; t < j->n; t++)
        conv_token(j, t, first, end);
    /* Row i of what the next batch sees is row n + i of what this one saw: none is read after it was written. */
    for (size_t i = 0; i < n_last; i++)
        memcpy(j->last + i * width + first, behind(j, j->n, n_last - i) + first, (end - first) * sizeof(float));
}

void ops_causal_conv(struct ops *o, const struct conv *conv, const float *x, float *last, size_t n, float *out)
{
    struct conv_job job = { o, conv, x, last, out, n, 0 };
    const size_t blocks = (conv->width + CHANNELS - 1) / CHANNELS;

    job.channels = per_chunk(o, blocks, n * CHANNELS) * CHANNELS;
    pool_run(o->pool, conv_chunk, &job, (unsigned)((conv->width + job.channels - 1) / job.channels));
}

/* --- scans -------------------------------------------------------------------------------------------------------- */

void ops_softplus(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 20 ? x[i] : log1pf(expf(x[i])); /* above 20 the two are the same number */
}

struct selective_job {
    struct ops *o;
    const struct selective_scan *scan;
    float *dt, *h, *y;
    const float *x, *b, *c;
    size_t n, channels; /* of a chunk */
};

static void selective_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct selective_job *j = arg;
    const struct selective_scan *s = j->scan;
    const size_t first = chunk * j->channels, end = smaller(first + j->channels, s->width);

    for (size_t from = first; from < end; from += CHANNELS) {
        const size_t n_channels = smaller(end - from, CHANNELS);

        for (size_t t = 0; t < j->n; t++) {
            const size_t at = t * s->width + from;

            ops_softplus(j->dt + at, n_channels);
            j->o->kernels->selective_scan(j->h + from, s->a + from, s->width, s->n_state, j->dt + at, j->x + at,
                                          s->d + from, j->b + t * s->n_state, j->c + t * s->n_state, n_channels,
                                          j->y + at);
        }
    }
}

void ops_selective_scan(struct ops *o, const struct selective_scan *s, float *dt, const float *x, const float *b,
                        const float *c, float *h, size_t n, float *y)
{
    struct selective_job job = { o, s, dt, h, y, x, b, c, n, 0 };
    const size_t blocks = (s->width + CHANNELS - 1) / CHANNELS;

    job.channels = per_chunk(o, blocks, n * CHANNELS * s->n_state) * CHANNELS;
    pool_run(o->pool, selective_chunk, &job, (unsigned)((s->width + job.channels - 1) / job.channels));
}

struct head_job {
    struct ops *o;
    const struct head_scan *scan;
    const float *dt, *xbc;
    float *h, *y;
    size_t n, heads; /* of a chunk */
};

static void scan_head(const struct head_job *j, size_t head)
{
    const struct head_scan *s = j->scan;
    const size_t width = s->n_head * s->head_dim, row = width + 2 * s->n_group * s->n_state;
    const size_t group = head / (s->n_head / s->n_group);
    float *h = j->h + head * s->n_state * s->head_dim;

    for (size_t t = 0; t < j->n; t++) {
        const float *xbc = j->xbc + t * row, *b = xbc + width + group * s->n_state, *c = b + s->n_group * s->n_state;
        float delta = j->dt[t * s->n_head + head] + s->dt_bias[head];

        ops_softplus(&delta, 1);
        j->o->kernels->head_scan(h, expf(delta * s->a[head]), delta, s->n_state, xbc + head * s->head_dim, s->d[head],
                                 b, c, s->head_dim, j->y + t * width + head * s->head_dim);
    }
}

static void head_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct head_job *j = arg;
    const size_t first = chunk * j->heads, end = smaller(first + j->heads, j->scan->n_head);

    for (size_t head = first; head < end; head++)
        scan_head(j, head);
}

void ops_head_scan(struct ops *o, const struct head_scan *s, const float *dt, const float *xbc, float *h, size_t n,
                   float *y)
{
    struct head_job job = { o, s, dt, xbc, h, y, n, 0 };

    job.heads = per_chunk(o, s->n_head, n * s->n_state * s->head_dim / 10);
    pool_run(o->pool, head_chunk, &job, (unsigned)((s->n_head + job.heads - 1) / job.heads));
}

void ops_group_rms_norm(struct ops *o, const float *x, const float *weight, float eps, size_t n, size_t width,
                        size_t n_group, float *out)
{
    const size_t part = width / n_group;

    for (size_t i = 0; i < n * n_group; i++)
        o->kernels->rms_norm(x + i * part, weight + i % n_group * part, part, eps, out + i * part);
}
