/*
 * RWKV versions 5.0, 5.1 and 5.2 (Eagle).
 *
 *     time_mix(h), with h' that of the token before and lerp(m) = h + (h' - h) m:
 *         r = Wr lerp(mr);  k = Wk lerp(mk);  v = Wv lerp(mv);  g = silu(Wg lerp(mg))
 *         for each head, with its matrix S [key][value]:
 *             y = r (diag(first) k' v + S);  S = diag(exp(-exp(decay))) S + k' v
 *         Wo (g * norm of heads(y))
 *     channel_mix(h):
 *         sigmoid(Wr lerp(mr)) * Wv (max(Wk lerp(mk), 0))^2
 *
 * In 5.2 decay and first are given for each channel, in 5.0 and 5.1 for each head; 5.0 has no g.  Which one a file has
 * is seen from its tensors.  The rest of the model is in rwkv.h.
 *
 * Source: Peng et al., Eagle and Finch, arXiv:2404.05892, section 4; keys and tensors docs/gguf.md.
 */
#include "infer/rwkv.h"

#include <stdlib.h>

struct layer {
    struct rwkv_norm att_norm, ffn_norm, head_norm;
    const float *lerp_k, *lerp_v, *lerp_r, *lerp_g;     /* [n_embd] */
    float *first, *decay;                               /* [n_head][head_size]; decay between 0 and 1 */
    struct matrix key, value, receptance, gate, output; /* [n_embd][n_embd] */
    bool has_gate;
    struct rwkv_channel_mix channel;
};

struct rwkv5 {
    struct rwkv base;
    struct layer *layers; /* [n_layer] */
    float *each;          /* [n_layer][2][n_embd], what first and decay point into */
    float *k, *v, *r;     /* [OPS_BATCH][n_embd] */
};

/* What is given for each head becomes the same for all its channels. */
static void spread(const struct rwkv *b, const float *given, bool by_channel, float *out)
{
    for (size_t i = 0; i < b->n_embd; i++)
        out[i] = given[by_channel ? i : i / b->head_size];
}

static int read_decay(struct rwkv5 *m, const struct gguf *g, size_t i, struct err *err)
{
    struct rwkv *b = &m->base;
    struct layer *l = &m->layers[i];
    const float *decay = NULL, *first = NULL;
    const struct rwkv_tensor by_channel[] = {
        { "time_mix_decay.weight", { b->n_embd }, .values = &decay },
        { "time_mix_first.weight", { b->head_size, b->n_head }, .values = &first },
    };
    const struct rwkv_tensor by_head[] = {
        { "time_mix_decay.weight", { b->n_head }, .values = &decay },
        { "time_mix_first.weight", { b->n_head }, .values = &first },
    };
    const struct gguf_tensor *seen = rwkv_find_tensor(g, i, "time_mix_decay.weight");
    bool each = !seen || seen->ne[0] != b->n_head || b->head_size == 1;

    if (rwkv_read_layer(&m->base, g, i, each ? by_channel : by_head, 2, err) < 0)
        return -1;
    l->decay = m->each + 2 * i * b->n_embd;
    l->first = l->decay + b->n_embd;
    spread(b, decay, each, l->decay);
    spread(b, first, each, l->first);
    functions_plain.exp_neg_exp(l->decay, b->n_embd);
    return 0;
}

static int read_layer(struct rwkv5 *m, const struct gguf *g, size_t i, struct err *err)
{
    const size_t e = m->base.n_embd, f = m->base.n_ff;
    struct layer *l = &m->layers[i];
    const struct rwkv_tensor list[] = {
        { "attn_norm.weight", { e }, .values = &l->att_norm.weight },
        { "attn_norm.bias", { e }, .values = &l->att_norm.bias },
        { "time_mix_lerp_k.weight", { e }, .values = &l->lerp_k },
        { "time_mix_lerp_v.weight", { e }, .values = &l->lerp_v },
        { "time_mix_lerp_r.weight", { e }, .values = &l->lerp_r },
        { "time_mix_key.weight", { e, e }, .matrix = &l->key },
        { "time_mix_value.weight", { e, e }, .matrix = &l->value },
        { "time_mix_receptance.weight", { e, e }, .matrix = &l->receptance },
        { "time_mix_ln.weight", { e }, .values = &l->head_norm.weight },
        { "time_mix_ln.bias", { e }, .values = &l->head_norm.bias },
        { "time_mix_output.weight", { e, e }, .matrix = &l->output },
        { "attn_norm_2.weight", { e }, .values = &l->ffn_norm.weight },
        { "attn_norm_2.bias", { e }, .values = &l->ffn_norm.bias },
        { "channel_mix_lerp_k.weight", { e }, .values = &l->channel.lerp_k },
        { "channel_mix_lerp_r.weight", { e }, .values = &l->channel.lerp_r },
        { "channel_mix_key.weight", { e, f }, .matrix = &l->channel.key },
        { "channel_mix_value.weight", { f, e }, .matrix = &l->channel.value },
        { "channel_mix_receptance.weight", { e, e }, .matrix = &l->channel.receptance },
    };
    const struct rwkv_tensor gate[] = {
        { "time_mix_lerp_g.weight", { e }, .values = &l->lerp_g },
        { "time_mix_gate.weight", { e, e }, .matrix = &l->gate },
    };

    l->has_gate = rwkv_find_tensor(g, i, gate[0].name) || rwkv_find_tensor(g, i, gate[1].name);
    if (rwkv_read_layer(&m->base, g, i, list, sizeof list / sizeof list[0], err) < 0 ||
        (l->has_gate && rwkv_read_layer(&m->base, g, i, gate, 2, err) < 0))
        return -1;
    return 0;
}

static int read_layers(struct rwkv5 *m, const struct gguf *g, struct err *err)
{
    m->layers = calloc(m->base.n_layer, sizeof *m->layers);
    if (!m->layers)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < m->base.n_layer; i++)
        if (read_layer(m, g, i, err) < 0)
            return -1;
    m->each = calloc(m->base.n_layer, 2 * m->base.n_embd * sizeof *m->each);
    if (!m->each)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < m->base.n_layer; i++)
        if (read_decay(m, g, i, err) < 0)
            return -1;
    return 0;
}

static int allocate(struct rwkv5 *m, struct err *err)
{
    const size_t e = m->base.n_embd;
    const struct rwkv_buffer buffers[] = { { &m->k, e }, { &m->v, e }, { &m->r, e } };

    return rwkv_allocate(&m->base, buffers, sizeof buffers / sizeof buffers[0], err);
}

static void unload(void *model)
{
    struct rwkv5 *m = model;

    rwkv_finish(&m->base);
    free(m->layers);
    free(m->each);
    free(m);
}

static void *load(const struct gguf *g, struct shape *shape, struct err *err)
{
    struct rwkv5 *m = calloc(1, sizeof *m);
    struct rwkv *b;

    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    b = &m->base;
    b->arch = family_rwkv5.arch;
    if (rwkv_read_config(b, g, true, err) < 0 || rwkv_read_weights(b, g, err) < 0 || read_layers(m, g, err) < 0 ||
        rwkv_check_rest(b, g, err) < 0 || allocate(m, err) < 0) {
        unload(m);
        return NULL;
    }
    *shape = rwkv_shape(b, b->n_embd * b->head_size, 0);
    return m;
}

struct time_mix {
    const struct rwkv5 *m;
    const struct kernels *kernels;
    const struct batch *batch;
    size_t layer;
};

/* y of some heads: with a gate, times it */
static void remember(void *arg, size_t first, size_t end)
{
    const struct time_mix *x = arg;
    const struct rwkv *b = &x->m->base;
    const struct layer *l = &x->m->layers[x->layer];
    const struct span *s = x->batch->spans, *last = s + x->batch->n_spans;
    const size_t e = b->n_embd, size = b->head_size, n = x->batch->n;

    for (size_t at = 0; s < last; at += s++->n * e) {
        const struct wkv wkv = { .n_head = b->n_head, .size = size, .r = x->m->r + at, .k = x->m->k + at,
                                 .v = x->m->v + at, .w = l->decay, .u = l->first };

        ops_wkv6(x->kernels, &wkv, first, end, s->n, rwkv_memory(b, s, x->layer), b->y + at);
    }
    ops_head_norm(x->kernels, first, end, l->head_norm.weight, l->head_norm.bias, b->head_eps, n, b->n_head, size,
                  b->y);
    for (size_t at = first * size; l->has_gate && at < n * e; at += e)
        x->kernels->functions->silu(b->gate + at, b->y + at, (end - first) * size);
}

static void time_mix(struct rwkv5 *m, struct ops *o, size_t layer, const struct batch *batch)
{
    const struct layer *l = &m->layers[layer];
    struct rwkv *b = &m->base;
    const size_t n = batch->n, n_lerps = l->has_gate ? 4 : 3;
    struct time_mix x = { m, o->kernels, batch, layer };
    const struct product products[] = { { &l->receptance, m->r, b->mixed[0] },
                                        { &l->key, m->k, b->mixed[1] },
                                        { &l->value, m->v, b->mixed[2] },
                                        { &l->gate, b->gate, b->mixed[3] } };

    rwkv_begin(b, o, &l->att_norm, batch, layer, RWKV_ATT);
    rwkv_lerp(b, o, (const float *const[]){ l->lerp_r, l->lerp_k, l->lerp_v, l->lerp_g }, n_lerps, n);
    ops_multiply(o, products, n_lerps, NULL, n);
    ops_share(o, b->n_head, 4 * n * b->head_size * b->head_size, remember, &x);
    rwkv_end(b, o, &l->output, l->has_gate ? b->gate : b->y, n);
}

static void eval(void *model, struct ops *o, const struct batch *batch)
{
    struct rwkv5 *m = model;
    struct rwkv *b = &m->base;

    rwkv_embed(b, o, batch->tokens, batch->n);
    for (size_t i = 0; i < b->n_layer; i++) {
        time_mix(m, o, i, batch);
        rwkv_channel_mix(b, o, &m->layers[i].ffn_norm, &m->layers[i].channel, batch, i);
        rwkv_rescale(b, i, batch->n);
    }
    rwkv_head(b, o, batch);
}

static const float *hidden(const void *model, size_t *n_embd)
{
    const struct rwkv5 *m = model;

    *n_embd = m->base.n_embd;
    return m->base.h;
}

const struct family family_rwkv5 = {
    .arch = "rwkv", .version = 5, .load = load, .unload = unload, .eval = eval, .hidden = hidden
};
