/*
 * RWKV version 4 (RWKV-4 Pile, Raven, World).
 *
 *     time_mix(h), with h' that of the token before and lerp(m) = h + (h' - h) m:
 *         r = sigmoid(Wr lerp(mr));  k = Wk lerp(mk);  v = Wv lerp(mv)
 *         wkv, for each channel: the mean of all v so far, weighted by exp(k) and fading by exp(-exp(decay)) a token;
 *                                the current token has the weight exp(k + first) instead
 *         Wo (r * wkv)
 *     channel_mix(h):
 *         sigmoid(Wr lerp(mr)) * Wv (max(Wk lerp(mk), 0))^2
 *
 * The rest of the model is in rwkv.h.  eval() below is that, line by line, over a batch of tokens.
 *
 * Source: Peng et al., RWKV, arXiv:2305.13048; keys of the GGUF specification's section on RWKV, tensors docs/gguf.md.
 */
#include "infer/rwkv.h"

#include <math.h>
#include <stdlib.h>

struct layer {
    struct rwkv_norm att_norm, ffn_norm;
    const float *lerp_k, *lerp_v, *lerp_r;        /* [n_embd] */
    const float *first, *decay;                   /* [n_embd]; decay as trained */
    float *log_decay;                             /* [n_embd], -exp(decay) */
    struct matrix key, value, receptance, output; /* [n_embd][n_embd] */
    struct rwkv_channel_mix channel;
};

struct rwkv4 {
    struct rwkv base;
    struct layer *layers; /* [n_layer] */
    float *log_decay;     /* [n_layer][n_embd] */
    float *k, *v, *r;     /* [OPS_BATCH][n_embd] */
};

static int read_layer(struct rwkv4 *m, const struct gguf *g, size_t i, struct err *err)
{
    const size_t e = m->base.n_embd, f = m->base.n_ff;
    struct layer *l = &m->layers[i];
    const struct rwkv_tensor list[] = {
        { "attn_norm.weight", { e }, .values = &l->att_norm.weight },
        { "attn_norm.bias", { e }, .values = &l->att_norm.bias },
        { "time_mix_lerp_k.weight", { e }, .values = &l->lerp_k },
        { "time_mix_lerp_v.weight", { e }, .values = &l->lerp_v },
        { "time_mix_lerp_r.weight", { e }, .values = &l->lerp_r },
        { "time_mix_first.weight", { e }, .values = &l->first },
        { "time_mix_decay.weight", { e }, .values = &l->decay },
        { "time_mix_key.weight", { e, e }, .matrix = &l->key },
        { "time_mix_value.weight", { e, e }, .matrix = &l->value },
        { "time_mix_receptance.weight", { e, e }, .matrix = &l->receptance },
        { "time_mix_output.weight", { e, e }, .matrix = &l->output },
        { "attn_norm_2.weight", { e }, .values = &l->ffn_norm.weight },
        { "attn_norm_2.bias", { e }, .values = &l->ffn_norm.bias },
        { "channel_mix_lerp_k.weight", { e }, .values = &l->channel.lerp_k },
        { "channel_mix_lerp_r.weight", { e }, .values = &l->channel.lerp_r },
        { "channel_mix_key.weight", { e, f }, .matrix = &l->channel.key },
        { "channel_mix_value.weight", { f, e }, .matrix = &l->channel.value },
        { "channel_mix_receptance.weight", { e, e }, .matrix = &l->channel.receptance },
    };

    return rwkv_read_layer(&m->base, g, i, list, sizeof list / sizeof list[0], err);
}

static int read_layers(struct rwkv4 *m, const struct gguf *g, struct err *err)
{
    const size_t e = m->base.n_embd;

    m->layers = calloc(m->base.n_layer, sizeof *m->layers);
    if (!m->layers)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < m->base.n_layer; i++)
        if (read_layer(m, g, i, err) < 0)
            return -1;
    m->log_decay = calloc(m->base.n_layer, e * sizeof *m->log_decay);
    if (!m->log_decay)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < m->base.n_layer; i++) {
        struct layer *l = &m->layers[i];

        l->log_decay = m->log_decay + i * e;
        for (size_t j = 0; j < e; j++)
            l->log_decay[j] = -expf(l->decay[j]);
    }
    return 0;
}

static int allocate(struct rwkv4 *m, struct err *err)
{
    const struct rwkv_buffer buffers[] = { { &m->k, m->base.n_embd },
                                           { &m->v, m->base.n_embd },
                                           { &m->r, m->base.n_embd } };

    return rwkv_allocate(&m->base, buffers, sizeof buffers / sizeof buffers[0], err);
}

static void unload(void *model)
{
    struct rwkv4 *m = model;

    rwkv_finish(&m->base);
    free(m->layers);
    free(m->log_decay);
    free(m);
}

static void *load(const struct gguf *g, struct shape *shape, struct err *err)
{
    struct rwkv4 *m = calloc(1, sizeof *m);
    struct rwkv *b;

    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    b = &m->base;
    b->arch = family_rwkv4.arch;
    if (rwkv_read_config(b, g, false, err) < 0 || rwkv_read_weights(b, g, err) < 0 || read_layers(m, g, err) < 0 ||
        rwkv_check_rest(b, g, err) < 0 || allocate(m, err) < 0) {
        unload(m);
        return NULL;
    }
    *shape = rwkv_shape(b, 3 * b->n_embd, 0);
    return m;
}

struct time_mix {
    const struct rwkv4 *m;
    const struct kernels *kernels;
    const struct batch *batch;
    size_t layer;
};

#define UNIT 64 /* channels that go together */

/* y = r * wkv of units of channels */
static void remember(void *arg, size_t first, size_t end)
{
    const struct time_mix *x = arg;
    const struct rwkv *b = &x->m->base;
    const struct layer *l = &x->m->layers[x->layer];
    const struct span *s = x->batch->spans, *last = s + x->batch->n_spans;
    const size_t e = b->n_embd, from = first * UNIT, to = end * UNIT < e ? end * UNIT : e;

    for (size_t at = 0; s < last; at += s++->n * e)
        ops_wkv4(x->kernels, from, to, x->m->k + at, x->m->v + at, l->log_decay, l->first, s->n, e,
                 rwkv_memory(b, s, x->layer), b->y + at);
    for (size_t at = 0; at < x->batch->n * e; at += e)
        for (size_t i = at + from; i < at + to; i++)
            b->y[i] *= x->m->r[i];
}

static void time_mix(struct rwkv4 *m, struct ops *o, size_t layer, const struct batch *batch)
{
    const struct layer *l = &m->layers[layer];
    struct rwkv *b = &m->base;
    const size_t e = b->n_embd, n = batch->n;
    struct time_mix x = { m, o->kernels, batch, layer };
    struct ops_after sigmoid = { .y = m->r, .n = n, .width = e, .map = o->kernels->functions->sigmoid };
    const struct product products[] = { { &l->receptance, m->r, b->mixed[0], ops_after, &sigmoid },
                                        { &l->key, m->k, b->mixed[1] },
                                        { &l->value, m->v, b->mixed[2] } };

    rwkv_begin(b, o, &l->att_norm, batch, layer, RWKV_ATT);
    rwkv_lerp(b, o, (const float *const[]){ l->lerp_r, l->lerp_k, l->lerp_v }, 3, n);
    ops_multiply(o, products, 3, NULL, n);
    ops_share(o, (e + UNIT - 1) / UNIT, 60 * n * UNIT, remember, &x);
    rwkv_end(b, o, &l->output, b->y, n);
}

static void eval(void *model, struct ops *o, const struct batch *batch)
{
    struct rwkv4 *m = model;
    struct rwkv *b = &m->base;

    rwkv_embed(b, o, batch->tokens, batch->n);
    for (size_t i = 0; i < b->n_layer; i++) {
        for (size_t j = 0; j < batch->n_spans; j++)
            if (batch->spans[j].pos == 0)
                ops_wkv4_start(rwkv_memory(b, &batch->spans[j], i), b->n_embd);
        time_mix(m, o, i, batch);
        rwkv_channel_mix(b, o, &m->layers[i].ffn_norm, &m->layers[i].channel, batch, i);
        rwkv_rescale(b, i, batch->n);
    }
    rwkv_head(b, o, batch);
}

static const float *hidden(const void *model, size_t *n_embd)
{
    const struct rwkv4 *m = model;

    *n_embd = m->base.n_embd;
    return m->base.h;
}

const struct family family_rwkv4 = {
    .arch = "rwkv", .version = 4, .load = load, .unload = unload, .eval = eval, .hidden = hidden
};
