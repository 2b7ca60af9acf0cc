#include "infer/ops_wkv.h"

#include <math.h>
#include <string.h>

#define COLUMNS   16   /* of a head's matrix that go together: their sums stay in registers */
#define MAP_CHUNK 4096 /* values that are worth handing to another thread */

/* --- element by element ------------------------------------------------------------------------------------------- */

void ops_shift(const float *x, float *last, size_t n, size_t width, float *delta)
{
    const float *before = last;

    for (size_t t = 0; t < n; before = x, x += width, delta += width, t++)
        for (size_t i = 0; i < width; i++)
            delta[i] = before[i] - x[i];
    memcpy(last, before, width * sizeof *last);
}

void ops_lerp(const float *x, const float *delta, const float *weight, const float *more, size_t n, size_t width,
              float *out)
{
    for (size_t t = 0; t < n; x += width, delta += width, out += width, t++)
        if (more) {
            for (size_t i = 0; i < width; i++)
                out[i] = x[i] + delta[i] * (weight[i] + more[i]);
            more += width;
        } else {
            for (size_t i = 0; i < width; i++)
                out[i] = x[i] + delta[i] * weight[i];
        }
}

struct map_job {
    ops_map_fn *fn;
    float *x;
    size_t n, per_chunk;
};

static void map_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct map_job *j = arg;
    size_t first = chunk * j->per_chunk, rest = j->n - first;

    j->fn(j->x + first, rest < j->per_chunk ? rest : j->per_chunk);
}

void ops_map(struct ops *o, ops_map_fn *fn, float *x, size_t n)
{
    struct map_job job = { fn, x, n, n / (4 * pool_n_threads(o->pool)) + 1 };

    if (job.per_chunk < MAP_CHUNK)
        job.per_chunk = MAP_CHUNK;
    pool_run(o->pool, map_chunk, &job, (unsigned)((n + job.per_chunk - 1) / job.per_chunk));
}

void ops_sigmoid(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 1 / (1 + expf(-x[i]));
}

void ops_tanh(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = tanhf(x[i]);
}

void ops_exp_neg_exp(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = expf(-expf(x[i]));
}

void ops_multiply_by(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= y[i];
}

void ops_add_each(float *x, const float *y, size_t n, size_t width)
{
    for (size_t t = 0; t < n; t++)
        ops_add(x + t * width, y, width);
}

/* --- heads -------------------------------------------------------------------------------------------------------- */

void ops_group_norm(struct ops *o, const float *x, const float *weight, const float *bias, float eps, size_t n,
                    size_t n_head, size_t head_size, float *out)
{
    for (size_t t = 0; t < n; t++)
        for (size_t h = 0; h < n_head; h++) {
            size_t at = (t * n_head + h) * head_size, channel = h * head_size;

            ops_layer_norm(o, x + at, weight + channel, bias + channel, eps, 1, head_size, out + at);
        }
}

void ops_unit(float *x, float eps, size_t n, size_t width)
{
    for (size_t t = 0; t < n; x += width, t++) {
        double sum = 0;
        float scale;

        for (size_t i = 0; i < width; i++)
            sum += (double)x[i] * (double)x[i];
        scale = (float)(1 / fmax(sqrt(sum), (double)eps));
        for (size_t i = 0; i < width; i++)
            x[i] *= scale;
    }
}

/* --- the recurrences ---------------------------------------------------------------------------------------------- */

struct wkv_job {
    const float *r, *w, *k, *v, *a, *b, *u;
    size_t n, n_unit, size, per_chunk; /* a unit is a head of `size` channels */
    bool w_each;
    float *state, *out;
};

static void share_out(struct ops *o, pool_fn *fn, struct wkv_job *job)
{
    job->per_chunk = job->n_unit / (4 * pool_n_threads(o->pool)) + 1;
    pool_run(o->pool, fn, job, (unsigned)((job->n_unit + job->per_chunk - 1) / job->per_chunk));
}

void ops_wkv4_start(float *state, size_t width)
{
    memset(state, 0, 2 * width * sizeof *state);
    for (size_t i = 2 * width; i < 3 * width; i++)
        state[i] = -1e30f; /* the exponent of nothing: far below any key, and differences to it stay finite */
}

static void wkv4_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct wkv_job *j = arg;
    size_t first = chunk * j->per_chunk, rest = j->n_unit - first,
           end = first + (rest < j->per_chunk ? rest : j->per_chunk);
    float *a = j->state, *b = a + j->n_unit, *p = b + j->n_unit;

    for (size_t t = 0; t < j->n; t++) {
        const float *k = j->k + t * j->n_unit, *v = j->v + t * j->n_unit;
        float *out = j->out + t * j->n_unit;

        for (size_t i = first; i < end; i++) {
            /* Both sums relative to the larger of the two exponents: one of the two exponentials is 1. */
            float now = j->u[i] + k[i], q = fmaxf(p[i], now), old = expf(p[i] - q), new = expf(now - q);

            out[i] = (old * a[i] + new *v[i]) / (old * b[i] + new);
            now = p[i] + j->w[i];
            q = fmaxf(now, k[i]);
            old = expf(now - q);
            new = expf(k[i] - q);
            a[i] = old * a[i] + new *v[i];
            b[i] = old * b[i] + new;
            p[i] = q;
        }
    }
}

void ops_wkv4(struct ops *o, const float *k, const float *v, const float *w, const float *u, size_t n, size_t width,
              float *state, float *out)
{
    struct wkv_job job = {
        .w = w, .k = k, .v = v, .u = u, .n = n, .n_unit = width, .size = 1, .state = state, .out = out
    };

    share_out(o, wkv4_chunk, &job);
}

/*
 * One token and n columns of one head's matrix.  Inlined with the constant COLUMNS, the loops over columns become
 * vectors; what is left of a head that is no multiple of it takes the same code with a variable.
 */
__attribute__((always_inline)) static inline void wkv6_columns(const float *restrict r, const float *restrict w,
                                                               const float *restrict k, const float *restrict v,
                                                               const float *restrict u, float *restrict state,
                                                               size_t size, size_t n, float *restrict out)
{
    float sum[COLUMNS] = { 0 };

    for (size_t j = 0; j < size; j++, state += size)
        for (size_t i = 0; i < n; i++) {
            float kv = k[j] * v[i];

            sum[i] += r[j] * (u[j] * kv + state[i]);
            state[i] = w[j] * state[i] + kv;
        }
    memcpy(out, sum, n * sizeof *out);
}

static void wkv6_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct wkv_job *j = arg;
    size_t size = j->size, first = chunk * j->per_chunk, end = first + j->per_chunk;

    for (size_t h = first; h < end && h < j->n_unit; h++)
        for (size_t t = 0; t < j->n; t++) {
            size_t at = (t * j->n_unit + h) * size, w = j->w_each ? at : h * size, i = 0;
            float *state = j->state + h * size * size;

            for (; i + COLUMNS <= size; i += COLUMNS)
                wkv6_columns(j->r + at, j->w + w, j->k + at, j->v + at + i, j->u + h * size, state + i, size, COLUMNS,
                             j->out + at + i);
            if (i < size)
                wkv6_columns(j->r + at, j->w + w, j->k + at, j->v + at + i, j->u + h * size, state + i, size, size - i,
                             j->out + at + i);
        }
}

void ops_wkv6(struct ops *o, const float *r, const float *k, const float *v, const float *w, bool w_each,
              const float *u, size_t n, size_t n_head, size_t size, float *state, float *out)
{
    struct wkv_job job = { .r = r,
                           .w = w,
                           .k = k,
                           .v = v,
                           .u = u,
                           .n = n,
                           .n_unit = n_head,
                           .size = size,
                           .w_each = w_each,
                           .state = state,
                           .out = out };

    share_out(o, wkv6_chunk, &job);
}

__attribute__((always_inline)) static inline void wkv7_columns(const float *restrict r, const float *restrict w,
                                                               const float *restrict k, const float *restrict v,
                                                               const float *restrict a, const float *restrict b,
                                                               float *restrict state, size_t size, size_t n,
                                                               float *restrict out)
{
    float sum[COLUMNS] = { 0 }, held[COLUMNS] = { 0 };

    for (size_t j = 0; j < size; j++)
        for (size_t i = 0; i < n; i++)
            held[i] += a[j] * state[j * size + i];
    for (size_t j = 0; j < size; j++, state += size)
        for (size_t i = 0; i < n; i++) {
            state[i] = w[j] * state[i] + b[j] * held[i] + k[j] * v[i];
            sum[i] += r[j] * state[i];
        }
    memcpy(out, sum, n * sizeof *out);
}

static void wkv7_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct wkv_job *j = arg;
    size_t size = j->size, first = chunk * j->per_chunk, end = first + j->per_chunk;

    for (size_t h = first; h < end && h < j->n_unit; h++)
        for (size_t t = 0; t < j->n; t++) {
            size_t at = (t * j->n_unit + h) * size, i = 0;
            float *state = j->state + h * size * size;

            for (; i + COLUMNS <= size; i += COLUMNS)
                wkv7_columns(j->r + at, j->w + at, j->k + at, j->v + at + i, j->a + at, j->b + at, state + i, size,
                             COLUMNS, j->out + at + i);
            if (i < size)
                wkv7_columns(j->r + at, j->w + at, j->k + at, j->v + at + i, j->a + at, j->b + at, state + i, size,
                             size - i, j->out + at + i);
        }
}

void ops_wkv7(struct ops *o, const float *r, const float *w, const float *k, const float *v, const float *a,
              const float *b, size_t n, size_t n_head, size_t size, float *state, float *out)
{
    struct wkv_job job = { .r = r,
                           .w = w,
                           .k = k,
                           .v = v,
                           .a = a,
                           .b = b,
                           .n = n,
                           .n_unit = n_head,
                           .size = size,
                           .state = state,
                           .out = out };

    share_out(o, wkv7_chunk, &job);
}
