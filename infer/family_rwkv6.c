/*
 * RWKV version 6 (Finch).
 *
 *     time_mix(h), with h' that of the token before and d = h' - h:
 *         z = h + d mx;  for each of w, k, v, r, g:  lerp(m) = h + d (m + W2 tanh(W1 z)), with matrices of its own
 *         r = Wr lerp(mr);  k = Wk lerp(mk);  v = Wv lerp(mv);  g = silu(Wg lerp(mg))
 *         w = exp(-exp(decay + D2 tanh(D1 lerp(mw))))
 *         for each head, with its matrix S [key][value]:
 *             y = r (diag(first) k' v + S);  S = diag(w) S + k' v
 *         Wo (g * norm of heads(y))
 *     channel_mix(h), with lerp(m) = h + d m:
 *         sigmoid(Wr lerp(mr)) * Wv (max(Wk lerp(mk), 0))^2
 *
 * So what version 5 learns once, the mix with the token before and the decay, depends on the token here, through
 * matrices of low rank.  The rest of the model is in rwkv.h.
 *
 * Source: Peng et al., Eagle and Finch, arXiv:2404.05892, section 4.2; keys and tensors of GGUF files with
 * general.architecture rwkv6.
 */
#include "infer/rwkv.h"

#include <stdlib.h>

enum { W, K, V, R, G, N_LERP }; /* in the file's order */

struct layer {
    struct rwkv_norm att_norm, ffn_norm, head_norm;
    const float *lerp_x;                                /* [n_embd] */
    const float *lerp[N_LERP];                          /* [n_embd] each */
    struct matrix lerp_1[N_LERP];                       /* [n_mix][n_embd]; in the file one behind the other */
    struct matrix lerp_2[N_LERP];                       /* [n_embd][n_mix] */
    const float *decay;                                 /* [n_embd] */
    struct matrix decay_1, decay_2;                     /* [n_decay][n_embd], [n_embd][n_decay] */
    const float *first;                                 /* [n_head][head_size] */
    struct matrix key, value, receptance, gate, output; /* [n_embd][n_embd] */
    struct rwkv_channel_mix channel;
};

struct rwkv6 {
    struct rwkv base;
    size_t n_mix, n_decay;    /* ranks */
    struct layer *layers;     /* [n_layer] */
    float *w, *k, *v, *r;     /* [OPS_BATCH][n_embd] */
    float *more[N_LERP];      /* [OPS_BATCH][n_embd], what a token adds to lerp */
    float *low[N_LERP];       /* [OPS_BATCH][n_mix] */
    float *low_decay;         /* [OPS_BATCH][n_decay] */
};

/* The five lerp vectors are one tensor, in older files five. */
static int read_lerp(struct rwkv6 *m, const struct gguf *g, size_t i, struct layer *l, struct err *err)
{
    const size_t e = m->base.n_embd;
    const struct rwkv_tensor fused = { "time_mix_lerp_fused.weight", { e, 1, 1, N_LERP }, .values = &l->lerp[0] };
    const struct rwkv_tensor each[] = {
        { "time_mix_lerp_w.weight", { e }, .values = &l->lerp[W] },
        { "time_mix_lerp_k.weight", { e }, .values = &l->lerp[K] },
        { "time_mix_lerp_v.weight", { e }, .values = &l->lerp[V] },
        { "time_mix_lerp_r.weight", { e }, .values = &l->lerp[R] },
        { "time_mix_lerp_g.weight", { e }, .values = &l->lerp[G] },
    };

    if (rwkv_find_tensor(g, i, "time_mix_lerp_w.weight"))
        return rwkv_read_layer(&m->base, g, i, each, N_LERP, err);
    if (rwkv_read_layer(&m->base, g, i, &fused, 1, err) < 0)
        return -1;
    for (size_t j = 1; j < N_LERP; j++)
        l->lerp[j] = l->lerp[0] + j * e;
    return 0;
}

static int read_layer(struct rwkv6 *m, const struct gguf *g, size_t i, struct err *err)
{
    const size_t e = m->base.n_embd, f = m->base.n_ff;
    struct layer *l = &m->layers[i];
    struct matrix lerp_1;
    const struct rwkv_tensor list[] = {
        { "attn_norm.weight", { e }, .values = &l->att_norm.weight },
        { "attn_norm.bias", { e }, .values = &l->att_norm.bias },
        { "time_mix_lerp_x.weight", { e }, .values = &l->lerp_x },
        { "time_mix_w1.weight", { e, N_LERP * m->n_mix }, .matrix = &lerp_1 },
        { "time_mix_w2.weight", { m->n_mix, e, N_LERP }, .matrix = l->lerp_2 },
        { "time_mix_decay.weight", { e }, .values = &l->decay },
        { "time_mix_decay_w1.weight", { e, m->n_decay }, .matrix = &l->decay_1 },
        { "time_mix_decay_w2.weight", { m->n_decay, e }, .matrix = &l->decay_2 },
        { "time_mix_first.weight", { m->base.head_size, m->base.n_head }, .values = &l->first },
        { "time_mix_key.weight", { e, e }, .matrix = &l->key },
        { "time_mix_value.weight", { e, e }, .matrix = &l->value },
        { "time_mix_receptance.weight", { e, e }, .matrix = &l->receptance },
        { "time_mix_gate.weight", { e, e }, .matrix = &l->gate },
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

    if (rwkv_read_layer(&m->base, g, i, list, sizeof list / sizeof list[0], err) < 0 || read_lerp(m, g, i, l, err) < 0)
        return -1;
    l->decay_2.bias = l->decay;
    for (size_t j = 0; j < N_LERP; j++)
        l->lerp_1[j] = family_rows(&lerp_1, j * m->n_mix, m->n_mix);
    return 0;
}

static int read_layers(struct rwkv6 *m, const struct gguf *g, struct err *err)
{
    m->layers = calloc(m->base.n_layer, sizeof *m->layers);
    if (!m->layers)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < m->base.n_layer; i++)
        if (read_layer(m, g, i, err) < 0)
            return -1;
    return 0;
}

static int read_ranks(struct rwkv6 *m, const struct gguf *g, struct err *err)
{
    if (family_need_size(g, m->base.arch, "time_mix_extra_dim", 1, FAMILY_MAX_WIDTH, &m->n_mix, err) < 0)
        return -1;
    return family_need_size(g, m->base.arch, "time_decay_extra_dim", 1, FAMILY_MAX_WIDTH, &m->n_decay, err);
}

static int allocate(struct rwkv6 *m, struct err *err)
{
    const size_t e = m->base.n_embd;
    const struct rwkv_buffer buffers[] = {
        { &m->w, e },
        { &m->k, e },
        { &m->v, e },
        { &m->r, e },
        { &m->more[W], e },
        { &m->more[K], e },
        { &m->more[V], e },
        { &m->more[R], e },
        { &m->more[G], e },
        { &m->low[W], m->n_mix },
        { &m->low[K], m->n_mix },
        { &m->low[V], m->n_mix },
        { &m->low[R], m->n_mix },
        { &m->low[G], m->n_mix },
        { &m->low_decay, m->n_decay },
    };

    return rwkv_allocate(&m->base, buffers, sizeof buffers / sizeof buffers[0], err);
}

static void unload(void *model)
{
    struct rwkv6 *m = model;

    rwkv_finish(&m->base);
    free(m->layers);
    free(m);
}

static void *load(const struct gguf *g, struct shape *shape, struct err *err)
{
    struct rwkv6 *m = calloc(1, sizeof *m);
    struct rwkv *b;

    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    b = &m->base;
    b->arch = family_rwkv6.arch;
    if (rwkv_read_config(b, g, true, err) < 0 || read_ranks(m, g, err) < 0 || rwkv_read_weights(b, g, err) < 0 ||
        read_layers(m, g, err) < 0 || rwkv_check_rest(b, g, err) < 0 || allocate(m, err) < 0) {
        unload(m);
        return NULL;
    }
    *shape = rwkv_shape(b, b->n_embd * b->head_size, m->n_mix > m->n_decay ? m->n_mix : m->n_decay);
    return m;
}

struct time_mix {
    const struct rwkv6 *m;
    const struct kernels *kernels;
    const struct batch *batch;
    size_t layer;
};

/* Rows of W2 low[which] are there: mixed[which] of them, by lerp[which] and these. */
struct lerp_rows {
    const struct time_mix *x;
    int which;
};

static void lerp_rows(void *arg, size_t first, size_t n_rows)
{
    const struct lerp_rows *j = arg;
    const struct rwkv6 *m = j->x->m;
    const struct rwkv *b = &m->base;
    const float *weight = m->layers[j->x->layer].lerp[j->which] + first;

    for (size_t t = 0, at = first; t < j->x->batch->n; t++, at += b->n_embd)
        j->x->kernels->functions->lerp(b->h + at, b->before[t] + first, weight, m->more[j->which] + at, n_rows,
                                       b->mixed[j->which] + at);
}

/* All five mixed. */
static void mix(struct rwkv6 *m, struct ops *o, const struct time_mix *x)
{
    const struct layer *l = &m->layers[x->layer];
    const size_t n = x->batch->n;
    struct ops_after tanh[N_LERP];
    struct lerp_rows rows[N_LERP];
    struct product first[N_LERP], second[N_LERP];

    for (int j = 0; j < N_LERP; j++) {
        tanh[j] = (struct ops_after){ .y = m->low[j], .n = n, .width = m->n_mix, .map = o->kernels->functions->tanh };
        rows[j] = (struct lerp_rows){ x, j };
        first[j] = (struct product){ &l->lerp_1[j], m->low[j], NULL, ops_after, &tanh[j] };
        second[j] = (struct product){ &l->lerp_2[j], m->more[j], m->low[j], lerp_rows, &rows[j] };
    }
    rwkv_lerp(&m->base, o, &l->lerp_x, 1, n);
    ops_multiply(o, first, N_LERP, m->base.mixed[0], n);
    ops_multiply(o, second, N_LERP, NULL, n);
}

/* r, k, v, w and the gate */
static void project(struct rwkv6 *m, struct ops *o, const struct layer *l, size_t n)
{
    const struct functions *f = o->kernels->functions;
    struct rwkv *b = &m->base;
    struct ops_after tanh = { .y = m->low_decay, .n = n, .width = m->n_decay, .map = f->tanh };
    struct ops_after decay = { .y = m->w, .n = n, .width = b->n_embd, .map = f->exp_neg_exp };
    const struct product products[] = { { &l->receptance, m->r, b->mixed[R] },
                                        { &l->key, m->k, b->mixed[K] },
                                        { &l->value, m->v, b->mixed[V] },
                                        { &l->gate, b->gate, b->mixed[G] },
                                        { &l->decay_1, m->low_decay, b->mixed[W], ops_after, &tanh } };

    ops_multiply(o, products, 5, NULL, n);
    ops_multiply(o, &(struct product){ &l->decay_2, m->w, NULL, ops_after, &decay }, 1, m->low_decay, n);
}

/* gate = silu(gate) * norm of wkv, of some heads */
static void remember(void *arg, size_t first, size_t end)
{
    const struct time_mix *x = arg;
    const struct rwkv6 *m = x->m;
    const struct rwkv *b = &m->base;
    const struct layer *l = &m->layers[x->layer];
    const struct span *s = x->batch->spans, *last = s + x->batch->n_spans;
    const size_t e = b->n_embd, size = b->head_size, n = x->batch->n;

    for (size_t at = 0; s < last; at += s++->n * e) {
        const struct wkv wkv = { .n_head = b->n_head, .size = size, .r = m->r + at, .k = m->k + at, .v = m->v + at,
                                 .w = m->w + at, .w_each = true, .u = l->first };

        ops_wkv6(x->kernels, &wkv, first, end, s->n, rwkv_memory(b, s, x->layer), b->y + at);
    }
    ops_head_norm(x->kernels, first, end, l->head_norm.weight, l->head_norm.bias, b->head_eps, n, b->n_head, size,
                  b->y);
    for (size_t at = first * size; at < n * e; at += e)
        x->kernels->functions->silu(b->gate + at, b->y + at, (end - first) * size);
}

static void time_mix(struct rwkv6 *m, struct ops *o, size_t layer, const struct batch *batch)
{
    const struct layer *l = &m->layers[layer];
    struct rwkv *b = &m->base;
    struct time_mix x = { m, o->kernels, batch, layer };

    rwkv_begin(b, o, &l->att_norm, batch, layer, RWKV_ATT);
    mix(m, o, &x);
    project(m, o, l, batch->n);
    ops_share(o, b->n_head, 4 * batch->n * b->head_size * b->head_size, remember, &x);
    rwkv_end(b, o, &l->output, b->gate, batch->n);
}

static void eval(void *model, struct ops *o, const struct batch *batch)
{
    struct rwkv6 *m = model;
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
    const struct rwkv6 *m = model;

    *n_embd = m->base.n_embd;
    return m->base.h;
}

const struct family family_rwkv6 = { .arch = "rwkv6", .load = load, .unload = unload, .eval = eval, .hidden = hidden };
