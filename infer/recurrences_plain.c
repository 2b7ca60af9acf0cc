/* The reference: one loop for one formula. */
#include "infer/recurrences.h"

#include <math.h>
#include <string.h>

#define COLUMNS 16 /* of a head's matrix that go together: their sums stay in registers */

static void conv(const float *const *x, size_t n_taps, const float *weight, size_t stride, const float *bias, size_t n,
                 float *out)
{
    for (size_t i = 0; i < n; i++) {
        float sum = bias ? bias[i] : 0;

        for (size_t j = 0; j < n_taps; j++)
            sum += weight[j * stride + i] * x[j][i];
        out[i] = sum / (1 + expf(-sum));
    }
}

static void selective_scan(const struct selective_block *s)
{
    for (size_t t = 0; t < s->n; t++)
        for (size_t i = 0; i < s->width; i++) {
            const float delta = s->delta[t * s->stride + i], x = s->x[t * s->stride + i];
            float y = s->d[i] * x;

            for (size_t j = 0; j < s->n_state; j++) {
                float *h = &s->h[j * s->state_stride + i];

                *h = expf(delta * s->a[j * s->state_stride + i]) * *h + delta * x * s->b[t * s->n_state + j];
                y += *h * s->c[t * s->n_state + j];
            }
            s->y[t * s->stride + i] = y;
        }
}

static void head_scan(const struct head_block *s)
{
    for (size_t t = 0; t < s->n; t++) {
        const float *x = s->x + t * s->stride, *b = s->b + t * s->bc_stride, *c = s->c + t * s->bc_stride;
        float *h = s->h, *y = s->y + t * s->stride;

        for (size_t i = 0; i < s->width; i++)
            y[i] = s->d * x[i];
        for (size_t j = 0; j < s->n_state; j++, h += s->state_stride)
            for (size_t i = 0; i < s->width; i++) {
                h[i] = s->decay[t] * h[i] + s->delta[t] * x[i] * b[j];
                y[i] += h[i] * c[j];
            }
    }
}

static void wkv4(const float *k, const float *v, const float *w, const float *u, size_t n, float *a, float *b, float *p,
                 float *out)
{
    for (size_t i = 0; i < n; i++) {
        /* Both sums relative to the larger of the two exponents: one of the two exponentials is 1. */
        float now = u[i] + k[i], q = fmaxf(p[i], now), old = expf(p[i] - q), new = expf(now - q);

        out[i] = (old * a[i] + new *v[i]) / (old * b[i] + new);
        now = p[i] + w[i];
        q = fmaxf(now, k[i]);
        old = expf(now - q);
        new = expf(k[i] - q);
        a[i] = old * a[i] + new *v[i];
        b[i] = old * b[i] + new;
        p[i] = q;
    }
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

static void wkv6(const struct wkv_block *s)
{
    for (size_t t = 0; t < s->n; t++) {
        const size_t at = t * s->stride;
        const float *w = s->w + t * s->w_stride;
        size_t i = 0;

        for (; i + COLUMNS <= s->size; i += COLUMNS)
            wkv6_columns(s->r + at, w, s->k + at, s->v + at + i, s->u, s->state + i, s->size, COLUMNS, s->out + at + i);
        if (i < s->size)
            wkv6_columns(s->r + at, w, s->k + at, s->v + at + i, s->u, s->state + i, s->size, s->size - i,
                         s->out + at + i);
    }
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

static void wkv7(const struct wkv_block *s)
{
    for (size_t t = 0; t < s->n; t++) {
        const size_t at = t * s->stride;
        const float *w = s->w + t * s->w_stride;
        size_t i = 0;

        for (; i + COLUMNS <= s->size; i += COLUMNS)
            wkv7_columns(s->r + at, w, s->k + at, s->v + at + i, s->a + at, s->b + at, s->state + i, s->size, COLUMNS,
                         s->out + at + i);
        if (i < s->size)
            wkv7_columns(s->r + at, w, s->k + at, s->v + at + i, s->a + at, s->b + at, s->state + i, s->size,
                         s->size - i, s->out + at + i);
    }
}

static void wkv7_keys(float *k, float *a, const float *k_k, const float *k_a, size_t n, float *kk)
{
    double square = 0;
    float scale;

    for (size_t i = 0; i < n; i++) {
        kk[i] = k[i] * k_k[i];
        square += (double)kk[i] * (double)kk[i];
        k[i] += k[i] * (a[i] - 1) * k_a[i];
    }
    scale = (float)(1 / fmax(sqrt(square), (double)WKV7_KEY_EPS));
    for (size_t i = 0; i < n; i++) {
        a[i] *= kk[i] * scale;
        kk[i] *= -scale;
    }
}

static void wkv7_bonus(float *y, const float *r, const float *k, const float *v, const float *r_k, const float *gate,
                       size_t n)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += r[i] * k[i] * r_k[i];
    for (size_t i = 0; i < n; i++)
        y[i] = (y[i] + sum * v[i]) * gate[i];
}

const struct recurrences recurrences_plain = {
    .conv = conv,
    .selective_scan = selective_scan,
    .head_scan = head_scan,
    .wkv4 = wkv4,
    .wkv6 = wkv6,
    .wkv7 = wkv7,
    .wkv7_keys = wkv7_keys,
    .wkv7_bonus = wkv7_bonus,
};
