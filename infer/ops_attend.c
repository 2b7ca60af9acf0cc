/*
 * Attention: what is remembered of a batch, and what its tokens see of it.
 */
#include "infer/ops.h"

#include <string.h>

#define CHUNK_WORK 16384 /* multiplications that are worth handing to another thread: about 1 us */

void ops_store(const struct ops *o, struct kv_layer *layer, const float *k, const float *v, size_t n, size_t pos,
               size_t n_kv_head, size_t head_dim)
{
    for (size_t i = 0; i < n; i++)
        for (size_t h = 0; h < n_kv_head; h++) {
            size_t from = (i * n_kv_head + h) * head_dim, to = (h * o->n_ctx + pos + i) * head_dim;

            memcpy(layer->k + to, k + from, head_dim * sizeof *k);
            memcpy(layer->v + to, v + from, head_dim * sizeof *v);
        }
}

struct attend_job {
    struct ops *o;
    const struct attention *a;
    const float *q;
    const struct kv_layer *layer;
    size_t n, pos, per_chunk;
    float *out;
};

/* A unit is one head of one token; a chunk is some of them. */
static void attend_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct attend_job *j = arg;
    const struct attention *a = j->a;
    size_t first = chunk * j->per_chunk, end = first + j->per_chunk, all = j->n * a->n_head;

    for (size_t unit = first; unit < end && unit < all; unit++) {
        size_t head = unit % a->n_head, n_pos = j->pos + unit / a->n_head + 1;
        size_t from = a->window && n_pos > a->window ? n_pos - a->window : 0;
        size_t cache = (head / (a->n_head / a->n_kv_head) * j->o->n_ctx + from) * a->head_dim;

        j->o->kernels->attend(j->q + unit * a->head_dim, j->layer->k + cache, j->layer->v + cache, n_pos - from,
                              a->head_dim, a->scale, a->softcap, j->o->scores + thread * j->o->n_ctx,
                              j->out + unit * a->head_dim);
    }
}

void ops_attend(struct ops *o, const struct attention *a, const float *q, const struct kv_layer *layer, size_t n,
                size_t pos, float *out)
{
    struct attend_job job = { o, a, q, layer, n, pos, 0, out };
    size_t units = n * a->n_head, work = 2 * a->head_dim * (pos + n); /* of one unit, at most */

    job.per_chunk = units / (4 * pool_n_threads(o->pool)) + 1;
    if (job.per_chunk * work < CHUNK_WORK)
        job.per_chunk = CHUNK_WORK / work + 1;
    pool_run(o->pool, attend_chunk, &job, (unsigned)((units + job.per_chunk - 1) / job.per_chunk));
}
