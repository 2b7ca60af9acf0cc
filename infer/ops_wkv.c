#include "infer/ops_wkv.h"

#include <string.h>

void ops_wkv4_start(float *state, size_t width)
{
    memset(state, 0, 2 * width * sizeof *state);
    for (size_t i = 2 * width; i < 3 * width; i++)
        state[i] = -1e30f; /* the exponent of nothing: far below any key, and differences to it stay finite */
}

void ops_wkv4(const struct kernels *kernels, size_t first, size_t end, const float *k, const float *v, const float *w,
              const float *u, size_t n, size_t width, float *state, float *out)
{
    float *a = state + first, *b = a + width, *p = b + width;

    for (size_t at = first; at < n * width; at += width)
        kernels->recurrences->wkv4(k + at, v + at, w + first, u + first, end - first, a, b, p, out + at);
}

static struct wkv_block block_of(const struct wkv *s, size_t head, size_t n, float *state, float *out)
{
    const size_t at = head * s->size, width = s->n_head * s->size;

    return (struct wkv_block){ .n = n, .size = s->size, .stride = width, .w_stride = s->w_each ? width : 0,
                               .r = s->r + at, .w = s->w + at, .k = s->k + at, .v = s->v + at,
                               .out = out + at, .state = state + at * s->size };
}

void ops_wkv6(const struct kernels *k, const struct wkv *s, size_t first, size_t end, size_t n, float *state,
              float *out)
{
    for (size_t head = first; head < end; head++) {
        struct wkv_block block = block_of(s, head, n, state, out);

        block.u = s->u + head * s->size;
        k->recurrences->wkv6(&block);
    }
}

void ops_wkv7(const struct kernels *k, const struct wkv *s, size_t first, size_t end, size_t n, float *state,
              float *out)
{
    for (size_t head = first; head < end; head++) {
        struct wkv_block block = block_of(s, head, n, state, out);

        block.a = s->a + head * s->size;
        block.b = s->b + head * s->size;
        k->recurrences->wkv7(&block);
    }
}

void ops_head_norm(const struct kernels *k, size_t first, size_t end, const float *weight, const float *bias, float eps,
                   size_t n, size_t n_head, size_t size, float *x)
{
    for (size_t t = 0; t < n; t++, x += n_head * size)
        for (size_t i = first * size; i < end * size; i += size)
            k->functions->layer_norm(x + i, weight + i, bias + i, size, eps, x + i);
}
