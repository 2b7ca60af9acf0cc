#include "infer/state.h"

#include <stdlib.h>
#include <string.h>

int state_init(struct state *s, const struct shape *shape, size_t n_ctx, struct err *err)
{
    size_t side, all;

    memset(s, 0, sizeof *s);
    if (__builtin_mul_overflow(shape->n_kv_head * shape->head_dim, n_ctx, &side) ||
        __builtin_mul_overflow(side, 2 * shape->n_layer, &all))
        return fail(err, CORAX_E_LIMIT, "the cache for %zu tokens is more than memory", n_ctx);
    s->n_layer = shape->n_layer;
    s->n_kv_head = shape->n_kv_head;
    s->head_dim = shape->head_dim;
    s->n_recurrent = shape->n_recurrent;
    s->n_ctx = n_ctx;
    s->kv = calloc(shape->n_layer, sizeof *s->kv);
    s->memory = calloc(all + 1, sizeof *s->memory);
    s->recurrent = calloc(shape->n_layer * shape->n_recurrent + 1, sizeof *s->recurrent);
    if (!s->kv || !s->memory || !s->recurrent) {
        state_finish(s);
        return fail(err, CORAX_E_LIMIT, "out of memory for a session of %zu tokens", n_ctx);
    }
    for (size_t i = 0; i < shape->n_layer; i++)
        s->kv[i] = (struct kv_layer){ s->memory + 2 * i * side, s->memory + (2 * i + 1) * side };
    return 0;
}

void state_finish(struct state *s)
{
    free(s->kv);
    free(s->memory);
    free(s->recurrent);
    memset(s, 0, sizeof *s);
}

size_t state_n_recurrent(const struct state *s)
{
    return s->n_layer * s->n_recurrent;
}

void state_reset(struct state *s)
{
    memset(s->recurrent, 0, state_n_recurrent(s) * sizeof *s->recurrent);
}

void state_copy(struct state *to, const struct state *from, size_t n)
{
    const size_t head = to->n_ctx * to->head_dim, used = n * to->head_dim * sizeof(float);

    for (size_t i = 0; i < to->n_layer; i++)
        for (size_t h = 0; h < to->n_kv_head; h++) {
            memcpy(to->kv[i].k + h * head, from->kv[i].k + h * head, used);
            memcpy(to->kv[i].v + h * head, from->kv[i].v + h * head, used);
        }
    memcpy(to->recurrent, from->recurrent, state_n_recurrent(to) * sizeof *to->recurrent);
}
