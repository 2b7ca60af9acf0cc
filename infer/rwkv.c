#include "infer/rwkv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/aligned.h"

/*
 * All published models with heads were trained with 1e-5 on an eighth of the values, which is 64e-5 on the values.
 * Files of others (rwkv.cpp's test model of version 5 is for 1e-5) say so in attention.group_norm_epsilon.
 */
#define HEAD_EPS 64e-5

int rwkv_read_config(struct rwkv *m, const struct gguf *g, bool heads, struct err *err)
{
    const struct gguf_tensor *embedding = gguf_find_tensor(g, "token_embd.weight");
    double eps = 1e-5, head_eps = HEAD_EPS;
    size_t n_shift = 2;

    if (family_need_size(g, m->arch, "context_length", 1, FAMILY_MAX_CONTEXT, &m->n_ctx, err) < 0 ||
        family_need_size(g, m->arch, "embedding_length", 1, FAMILY_MAX_WIDTH, &m->n_embd, err) < 0 ||
        family_need_size(g, m->arch, "block_count", 1, FAMILY_MAX_LAYERS, &m->n_layer, err) < 0 ||
        family_need_size(g, m->arch, "feed_forward_length", 1, FAMILY_MAX_WIDTH, &m->n_ff, err) < 0 ||
        family_get_size(g, m->arch, "rescale_every_n_layers", 0, FAMILY_MAX_LAYERS, &m->rescale_every, err) < 0 ||
        family_get_size(g, m->arch, "token_shift_count", 2, 2, &n_shift, err) < 0 ||
        family_get_float(g, m->arch, "attention.layer_norm_epsilon", 0, 1, &eps, err) < 0 ||
        family_get_float(g, m->arch, "attention.group_norm_epsilon", 0, 1, &head_eps, err) < 0)
        return -1;
    m->eps = (float)eps;
    m->head_eps = (float)head_eps;

    if (heads) {
        if (family_need_size(g, m->arch, "wkv.head_size", 1, m->n_embd, &m->head_size, err) < 0)
            return -1;
        if (m->n_embd % m->head_size)
            return fail(err, CORAX_E_ARGS, "%zu values of an embedding do not divide into heads of %zu", m->n_embd,
                        m->head_size);
        m->n_head = m->n_embd / m->head_size;
    }

    if (!embedding)
        return fail(err, CORAX_E_ARGS, "tensor token_embd.weight is missing");
    if (embedding->ne[1] > FAMILY_MAX_VOCAB)
        return fail(err, CORAX_E_ARGS, "tensor token_embd.weight has %" PRIu64 " rows, allowed are %d",
                    embedding->ne[1], FAMILY_MAX_VOCAB);
    m->n_vocab = (size_t)embedding->ne[1];
    return 0;
}

const struct gguf_tensor *rwkv_find_tensor(const struct gguf *g, size_t layer, const char *name)
{
    char full[GGUF_MAX_NAME + 1];

    snprintf(full, sizeof full, "blk.%zu.%s", layer, name);
    return gguf_find_tensor(g, full);
}

static void use(struct rwkv *m, const struct gguf *g, const struct gguf_tensor *t)
{
    if (t)
        m->used[t - gguf_tensor_at(g, 0)] = true;
}

static int read_tensor(struct rwkv *m, const struct gguf *g, const char *name, const struct rwkv_tensor *t,
                       struct err *err)
{
    size_t ne[GGUF_MAX_DIMS];

    use(m, g, gguf_find_tensor(g, name));
    for (size_t d = 0; d < GGUF_MAX_DIMS; d++)
        ne[d] = t->ne[d] ? t->ne[d] : 1;
    return t->matrix ? family_matrices(g, name, ne[0], ne[1], ne[2], t->matrix, err)
                     : family_values(g, name, ne, t->values, err);
}

int rwkv_read_weights(struct rwkv *m, const struct gguf *g, struct err *err)
{
    const size_t n = m->n_embd;
    const struct rwkv_tensor list[] = {
        { "token_embd.weight", { n, m->n_vocab }, .matrix = &m->embedding },
        { "token_embd_norm.weight", { n }, .values = &m->embedding_norm.weight },
        { "token_embd_norm.bias", { n }, .values = &m->embedding_norm.bias },
        { "output_norm.weight", { n }, .values = &m->output_norm.weight },
        { "output_norm.bias", { n }, .values = &m->output_norm.bias },
        { "output.weight", { n, m->n_vocab }, .matrix = &m->output },
    };

    m->used = calloc(gguf_n_tensors(g) + 1, sizeof *m->used);
    if (!m->used)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (read_tensor(m, g, list[i].name, &list[i], err) < 0)
            return -1;
    return 0;
}

int rwkv_read_layer(struct rwkv *m, const struct gguf *g, size_t layer, const struct rwkv_tensor *list, size_t n,
                    struct err *err)
{
    char name[GGUF_MAX_NAME + 1];

    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "blk.%zu.%s", layer, list[i].name);
        if (read_tensor(m, g, name, &list[i], err) < 0)
            return -1;
    }
    return 0;
}

void rwkv_skip_tensor(struct rwkv *m, const struct gguf *g, size_t layer, const char *name)
{
    use(m, g, rwkv_find_tensor(g, layer, name));
}

int rwkv_check_rest(struct rwkv *m, const struct gguf *g, struct err *err)
{
    if (family_check_used(g, m->arch, m->used, err) < 0)
        return -1;
    free(m->used);
    m->used = NULL;
    return 0;
}

int rwkv_allocate(struct rwkv *m, const struct rwkv_buffer *more, size_t n, struct err *err)
{
    const struct rwkv_buffer common[] = {
        { &m->x, m->n_embd },        { &m->h, m->n_embd },        { &m->y, m->n_embd },
        { &m->mixed[0], m->n_embd }, { &m->mixed[1], m->n_embd }, { &m->mixed[2], m->n_embd },
        { &m->mixed[3], m->n_embd }, { &m->mixed[4], m->n_embd }, { &m->mixed[5], m->n_embd },
        { &m->gate, m->n_embd },     { &m->ff, m->n_ff },         { &m->before_span, m->n_embd },
    };
    const size_t n_common = sizeof common / sizeof common[0];
    size_t width = 0;
    float *at;

    for (size_t i = 0; i < n_common + n; i++)
        width += i < n_common ? common[i].width : more[i - n_common].width;
    m->memory = aligned_zeros(width, OPS_BATCH * sizeof *m->memory);
    if (!m->memory)
        return fail(err, CORAX_E_LIMIT, "out of memory for activations");
    at = m->memory;
    for (size_t i = 0; i < n_common + n; i++) {
        const struct rwkv_buffer *b = i < n_common ? &common[i] : &more[i - n_common];

        *b->to = at;
        at += b->width * OPS_BATCH;
    }
    return 0;
}

void rwkv_finish(struct rwkv *m)
{
    free(m->memory);
    free(m->used);
}

struct shape rwkv_shape(const struct rwkv *m, size_t n_wkv, size_t max_rank)
{
    const size_t widest = RWKV_LERPS * (max_rank > m->n_embd ? max_rank : m->n_embd);
    const size_t max_k = widest > m->n_ff ? widest : m->n_ff;

    return (struct shape){ .n_vocab = m->n_vocab,
                           .n_layer = m->n_layer,
                           .n_recurrent = RWKV_WKV * m->n_embd + n_wkv,
                           .n_ctx = m->n_ctx,
                           .max_k = max_k };
}

void rwkv_embed(struct rwkv *m, struct ops *o, const int32_t *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ops_row(&m->embedding, (size_t)tokens[i], m->h + i * m->n_embd);
    ops_layer_norm(o, m->h, m->embedding_norm.weight, m->embedding_norm.bias, m->eps, n, m->n_embd, m->x);
}

void rwkv_begin(struct rwkv *m, struct ops *o, const struct rwkv_norm *norm, const struct batch *b, size_t layer, size_t row)
{
    const size_t e = m->n_embd;

    ops_layer_norm(o, m->x, norm->weight, norm->bias, m->eps, b->n, e, m->h);
    for (size_t i = 0, t = 0; i < b->n_spans; i++) {
        float *last = span_recurrent(&b->spans[i], layer) + row * e;

        m->before[t] = memcpy(m->before_span + i * e, last, e * sizeof *last);
        for (size_t end = t++ + b->spans[i].n; t < end; t++)
            m->before[t] = m->h + (t - 1) * e;
        memcpy(last, m->h + (t - 1) * e, e * sizeof *last);
    }
}

struct lerp_job {
    const struct rwkv *m;
    const struct kernels *kernels;
    const float *const *weights;
    size_t n_lerps;
};

static void lerp_rows(void *arg, size_t first, size_t end)
{
    const struct lerp_job *j = arg;
    const struct rwkv *m = j->m;
    const size_t e = m->n_embd;

    for (size_t t = first; t < end; t++)
        for (size_t i = 0; i < j->n_lerps; i++)
            j->kernels->functions->lerp(m->h + t * e, m->before[t], j->weights[i], NULL, e, m->mixed[i] + t * e);
}

void rwkv_lerp(struct rwkv *m, struct ops *o, const float *const *weights, size_t n_lerps, size_t n)
{
    struct lerp_job job = { m, o->kernels, weights, n_lerps };

    ops_share(o, n, n_lerps * m->n_embd, lerp_rows, &job);
}

float *rwkv_memory(const struct rwkv *m, const struct span *s, size_t layer)
{
    return span_recurrent(s, layer) + RWKV_WKV * m->n_embd;
}

void rwkv_end(struct rwkv *m, struct ops *o, const struct matrix *w, const float *y, size_t n)
{
    struct ops_after add = { .y = m->h, .n = n, .width = m->n_embd, .sum = m->x };

    ops_multiply(o, &(struct product){ w, m->h, .then = ops_after, .arg = &add }, 1, y, n);
}

struct gated_add {
    const struct rwkv *m;
    size_t n;
};

/* x += gate * y of some rows */
static void add_gated(void *arg, size_t first, size_t n_rows)
{
    const struct gated_add *g = arg;
    const struct rwkv *m = g->m;

    for (size_t at = first; at < g->n * m->n_embd; at += m->n_embd)
        for (size_t i = at; i < at + n_rows; i++)
            m->x[i] += m->gate[i] * m->y[i];
}

void rwkv_channel_mix(struct rwkv *m, struct ops *o, const struct rwkv_norm *norm, const struct rwkv_channel_mix *c,
                      const struct batch *b, size_t layer)
{
    const struct functions *f = o->kernels->functions;
    const size_t n = b->n;
    struct ops_after sigmoid = { .y = m->gate, .n = n, .width = m->n_embd, .map = f->sigmoid };
    struct ops_after relu = { .y = m->ff, .n = n, .width = m->n_ff, .gate = f->relu_squared };
    struct gated_add add = { m, n };

    rwkv_begin(m, o, norm, b, layer, RWKV_FFN);
    rwkv_lerp(m, o, (const float *const[]){ c->lerp_r, c->lerp_k }, 2, n);
    ops_multiply(o, (const struct product[]){ { &c->receptance, m->gate, m->mixed[0], ops_after, &sigmoid },
                                              { &c->key, m->ff, m->mixed[1], ops_after, &relu } }, 2, NULL, n);
    ops_multiply(o, &(struct product){ &c->value, m->y, .then = add_gated, .arg = &add }, 1, m->ff, n);
}

void rwkv_rescale(struct rwkv *m, size_t layer, size_t n)
{
    if (m->rescale_every == 0 || (layer + 1) % m->rescale_every)
        return;
    for (size_t i = 0; i < n * m->n_embd; i++)
        m->x[i] /= 2;
}

void rwkv_head(struct rwkv *m, struct ops *o, const struct batch *b)
{
    const struct product head = { &m->output, b->logits };
    float *h = m->h;

    if (b->n_logits == 0)
        return;
    for (size_t i = 0, end = 0; i < b->n_spans; i++) {
        const size_t n = b->spans[i].n_logits;

        end += b->spans[i].n;
        ops_layer_norm(o, m->x + (end - n) * m->n_embd, m->output_norm.weight, m->output_norm.bias, m->eps, n, m->n_embd, h);
        h += n * m->n_embd;
    }
    if (b->logits)
        ops_multiply(o, &head, 1, m->h, b->n_logits);
}
