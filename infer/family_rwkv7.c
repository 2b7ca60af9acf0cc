/*
 * RWKV version 7 (Goose).
 *
 *     time_mix(h), with h' that of the token before and lerp(m) = h + (h' - h) m:
 *         r = Wr lerp(mr);  k = Wk lerp(mk);  v = Wv lerp(mv)
 *         w = exp(-exp(-1/2) sigmoid(w0 + W2 tanh(W1 lerp(mw))))      what is left of the memory
 *         a = sigmoid(a0 + A2 A1 lerp(ma))                            how much of it is replaced
 *         g = G2 sigmoid(G1 lerp(mg))
 *         v += (v of the first layer - v) * sigmoid(v0 + V2 V1 lerp(mv))          from the second layer on
 *         kk = (k * k_k) / its length by head;  k += k * (a - 1) * k_a
 *         for each head, with its matrix S [key][value]:
 *             S = diag(w) S - (kk * a)' (kk S) + k' v;  y = r S
 *         y = norm of heads(y) + (sum over the head of r * k * r_k) v
 *         Wo (g * y)
 *     channel_mix(h):
 *         Wv (max(Wk lerp(mk), 0))^2
 *
 * The rest of the model is in rwkv.h.  eval() below is that, line by line, over a batch of tokens.
 *
 * Source: Peng et al., RWKV-7 Goose, arXiv:2503.14456, section 4; keys and tensors of GGUF files with
 * general.architecture rwkv7.
 */
#include "infer/rwkv.h"

#include <stdlib.h>

enum { R, W, K, V, A, G, N_LERP }; /* in the file's order */

#define DECAY_SCALE (-0.60653066f) /* -exp(-1/2) */

/* y = second f(first x), a matrix of low rank */
struct low {
    struct matrix first, second; /* [rank][n_embd], [n_embd][rank] */
};

struct layer {
    struct rwkv_norm att_norm, ffn_norm, head_norm;
    const float *lerp;                            /* [N_LERP][n_embd] */
    const float *w0, *a0, *v0;                    /* [n_embd] */
    struct low w, a, v, g;                        /* v: not of the first layer */
    const float *k_k, *k_a, *r_k;                 /* [n_head][head_size] */
    struct matrix key, value, receptance, output; /* [n_embd][n_embd] */
    const float *channel_lerp_k;                  /* [n_embd] */
    struct matrix channel_key, channel_value;     /* [n_ff][n_embd], [n_embd][n_ff] */
};

struct rwkv7 {
    struct rwkv base;
    size_t rank_w, rank_a, rank_v, rank_g;
    struct layer *layers;              /* [n_layer] */
    float *r, *w, *k, *v, *a, *kk;        /* [OPS_BATCH][n_embd] */
    float *first_v;                       /* [OPS_BATCH][n_embd], v of the first layer */
    float *share;                         /* [OPS_BATCH][n_embd], how much of that goes into v */
    float *low_w, *low_a, *low_v, *low_g; /* [OPS_BATCH][rank] */
};

static size_t max_rank(const struct rwkv7 *m)
{
    size_t wa = m->rank_w > m->rank_a ? m->rank_w : m->rank_a, vg = m->rank_v > m->rank_g ? m->rank_v : m->rank_g;

    return wa > vg ? wa : vg;
}

static int read_ranks(struct rwkv7 *m, const struct gguf *g, struct err *err)
{
    const struct {
        const char *key;
        size_t *to;
    } ranks[] = {
        { "attention.decay_lora_rank", &m->rank_w },
        { "attention.iclr_lora_rank", &m->rank_a },
        { "attention.value_residual_mix_lora_rank", &m->rank_v },
        { "attention.gate_lora_rank", &m->rank_g },
    };

    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++)
        if (family_need_size(g, m->base.arch, ranks[i].key, 1, FAMILY_MAX_WIDTH, ranks[i].to, err) < 0)
            return -1;
    return 0;
}

static int read_layer(struct rwkv7 *m, const struct gguf *g, size_t i, struct err *err)
{
    const size_t e = m->base.n_embd, f = m->base.n_ff;
    struct layer *l = &m->layers[i];
    const struct rwkv_tensor list[] = {
        { "attn_norm.weight", { e }, .values = &l->att_norm.weight },
        { "attn_norm.bias", { e }, .values = &l->att_norm.bias },
        { "time_mix_lerp_fused.weight", { e, 1, 1, N_LERP }, .values = &l->lerp },
        { "time_mix_w0.weight", { e }, .values = &l->w0 },
        { "time_mix_w1.weight", { e, m->rank_w }, .matrix = &l->w.first },
        { "time_mix_w2.weight", { m->rank_w, e }, .matrix = &l->w.second },
        { "time_mix_a0.weight", { e }, .values = &l->a0 },
        { "time_mix_a1.weight", { e, m->rank_a }, .matrix = &l->a.first },
        { "time_mix_a2.weight", { m->rank_a, e }, .matrix = &l->a.second },
        { "time_mix_g1.weight", { e, m->rank_g }, .matrix = &l->g.first },
        { "time_mix_g2.weight", { m->rank_g, e }, .matrix = &l->g.second },
        { "time_mix_k_k.weight", { e }, .values = &l->k_k },
        { "time_mix_k_a.weight", { e }, .values = &l->k_a },
        { "time_mix_r_k.weight", { e }, .values = &l->r_k },
        { "time_mix_key.weight", { e, e }, .matrix = &l->key },
        { "time_mix_value.weight", { e, e }, .matrix = &l->value },
        { "time_mix_receptance.weight", { e, e }, .matrix = &l->receptance },
        { "time_mix_ln.weight", { e }, .values = &l->head_norm.weight },
        { "time_mix_ln.bias", { e }, .values = &l->head_norm.bias },
        { "time_mix_output.weight", { e, e }, .matrix = &l->output },
        { "attn_norm_2.weight", { e }, .values = &l->ffn_norm.weight },
        { "attn_norm_2.bias", { e }, .values = &l->ffn_norm.bias },
        { "channel_mix_lerp_k.weight", { e }, .values = &l->channel_lerp_k },
        { "channel_mix_key.weight", { e, f }, .matrix = &l->channel_key },
        { "channel_mix_value.weight", { f, e }, .matrix = &l->channel_value },
    };
    const struct rwkv_tensor value_mix[] = {
        { "time_mix_v0.weight", { e }, .values = &l->v0 },
        { "time_mix_v1.weight", { e, m->rank_v }, .matrix = &l->v.first },
        { "time_mix_v2.weight", { m->rank_v, e }, .matrix = &l->v.second },
    };

    if (rwkv_read_layer(&m->base, g, i, list, sizeof list / sizeof list[0], err) < 0)
        return -1;
    /* What files have under these names in the first layer is a filler, of another rank in some. */
    for (size_t j = 0; i == 0 && j < sizeof value_mix / sizeof value_mix[0]; j++)
        rwkv_skip_tensor(&m->base, g, i, value_mix[j].name);
    if (i > 0 && rwkv_read_layer(&m->base, g, i, value_mix, sizeof value_mix / sizeof value_mix[0], err) < 0)
        return -1;
    l->w.second.bias = l->w0;
    l->a.second.bias = l->a0;
    l->v.second.bias = l->v0;
    return 0;
}

static int read_layers(struct rwkv7 *m, const struct gguf *g, struct err *err)
{
    m->layers = calloc(m->base.n_layer, sizeof *m->layers);
    if (!m->layers)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < m->base.n_layer; i++)
        if (read_layer(m, g, i, err) < 0)
            return -1;
    return 0;
}

static int allocate(struct rwkv7 *m, struct err *err)
{
    const size_t e = m->base.n_embd;
    const struct rwkv_buffer buffers[] = {
        { &m->r, e },
        { &m->w, e },
        { &m->k, e },
        { &m->v, e },
        { &m->a, e },
        { &m->kk, e },
        { &m->first_v, e },
        { &m->share, e },
        { &m->low_w, m->rank_w },
        { &m->low_a, m->rank_a },
        { &m->low_v, m->rank_v },
        { &m->low_g, m->rank_g },
    };

    return rwkv_allocate(&m->base, buffers, sizeof buffers / sizeof buffers[0], err);
}

static void unload(void *model)
{
    struct rwkv7 *m = model;

    rwkv_finish(&m->base);
    free(m->layers);
    free(m);
}

static void *load(const struct gguf *g, struct shape *shape, struct err *err)
{
    struct rwkv7 *m = calloc(1, sizeof *m);
    struct rwkv *b;

    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    b = &m->base;
    b->arch = family_rwkv7.arch;
    if (rwkv_read_config(b, g, true, err) < 0 || read_ranks(m, g, err) < 0 || rwkv_read_weights(b, g, err) < 0 ||
        read_layers(m, g, err) < 0 || rwkv_check_rest(b, g, err) < 0 || allocate(m, err) < 0) {
        unload(m);
        return NULL;
    }
    *shape = rwkv_shape(b, b->n_embd * b->head_size, max_rank(m));
    return m;
}

struct time_mix {
    const struct rwkv7 *m;
    const struct kernels *kernels;
    const struct batch *batch;
    size_t layer;
};

/* A memory keeps between exp(-exp(-1/2)) = 0.545 and all of itself. */
static void find_decay(void *arg, size_t first, size_t n_rows)
{
    const struct time_mix *x = arg;
    const size_t e = x->m->base.n_embd;

    for (size_t at = first; at < x->batch->n * e; at += e) {
        float *w = x->m->w + at;

        x->kernels->functions->sigmoid(w, n_rows);
        for (size_t i = 0; i < n_rows; i++)
            w[i] *= DECAY_SCALE;
        x->kernels->functions->exp(w, n_rows);
    }
}

/* v += (v of the first layer - v) * sigmoid(v0 + V2 V1 lerp(mv)) */
static void mix_values(void *arg, size_t first, size_t n_rows)
{
    const struct time_mix *x = arg;
    const struct rwkv7 *m = x->m;
    const struct functions *f = x->kernels->functions;

    for (size_t at = first; at < x->batch->n * m->base.n_embd; at += m->base.n_embd) {
        f->sigmoid(m->share + at, n_rows);
        f->lerp(m->v + at, m->first_v + at, m->share + at, NULL, n_rows, m->v + at);
    }
}

/* r, k, v, w, a and the gate.  v of the first layer is kept in first_v. */
static void project(struct rwkv7 *m, struct ops *o, struct time_mix *x)
{
    const struct functions *f = o->kernels->functions;
    const struct layer *l = &m->layers[x->layer];
    const size_t e = m->base.n_embd, n = x->batch->n;
    const bool first = x->layer == 0;
    float *const *mixed = m->base.mixed;
    struct ops_after tanh = { .y = m->low_w, .n = n, .width = m->rank_w, .map = f->tanh };
    struct ops_after sigmoid_g = { .y = m->low_g, .n = n, .width = m->rank_g, .map = f->sigmoid };
    struct ops_after sigmoid_a = { .y = m->a, .n = n, .width = e, .map = f->sigmoid };
    /* What only later layers have is last. */
    const struct product products[] = { { &l->receptance, m->r, mixed[R] },
                                        { &l->key, m->k, mixed[K] },
                                        { &l->value, first ? m->first_v : m->v, mixed[V] },
                                        { &l->w.first, m->low_w, mixed[W], ops_after, &tanh },
                                        { &l->a.first, m->low_a, mixed[A] },
                                        { &l->g.first, m->low_g, mixed[G], ops_after, &sigmoid_g },
                                        { &l->v.first, m->low_v, mixed[V] } };
    const struct product second[] = { { &l->w.second, m->w, m->low_w, find_decay, x },
                                      { &l->a.second, m->a, m->low_a, ops_after, &sigmoid_a },
                                      { &l->g.second, m->base.gate, m->low_g },
                                      { &l->v.second, m->share, m->low_v, mix_values, x } };

    ops_multiply(o, products, first ? 6 : 7, NULL, n);
    ops_multiply(o, second, first ? 3 : 4, NULL, n);
}

/* y of some heads */
static void remember(void *arg, size_t first, size_t end)
{
    const struct time_mix *x = arg;
    const struct rwkv7 *m = x->m;
    const struct rwkv *b = &m->base;
    const struct layer *l = &m->layers[x->layer];
    const struct recurrences *r = x->kernels->recurrences;
    const struct span *s = x->batch->spans, *last = s + x->batch->n_spans;
    const size_t e = b->n_embd, size = b->head_size, n = x->batch->n;
    const float *v = x->layer == 0 ? m->first_v : m->v;

    for (size_t t = 0; t < n; t++)
        for (size_t i = first * size, at = t * e + i; i < end * size; i += size, at += size)
            r->wkv7_keys(m->k + at, m->a + at, l->k_k + i, l->k_a + i, size, m->kk + at);
    for (size_t at = 0; s < last; at += s++->n * e) {
        const struct wkv wkv = { .n_head = b->n_head, .size = size, .r = m->r + at, .k = m->k + at, .v = v + at,
                                 .w = m->w + at, .w_each = true, .a = m->kk + at, .b = m->a + at };

        ops_wkv7(x->kernels, &wkv, first, end, s->n, rwkv_memory(b, s, x->layer), b->y + at);
    }
    ops_head_norm(x->kernels, first, end, l->head_norm.weight, l->head_norm.bias, b->head_eps, n, b->n_head, size,
                  b->y);
    for (size_t t = 0; t < n; t++)
        for (size_t i = first * size, at = t * e + i; i < end * size; i += size, at += size)
            r->wkv7_bonus(b->y + at, m->r + at, m->k + at, v + at, l->r_k + i, b->gate + at, size);
}

static void time_mix(struct rwkv7 *m, struct ops *o, size_t layer, const struct batch *batch)
{
    const struct layer *l = &m->layers[layer];
    struct rwkv *b = &m->base;
    struct time_mix x = { m, o->kernels, batch, layer };
    const float *weights[N_LERP];

    for (size_t j = 0; j < N_LERP; j++)
        weights[j] = l->lerp + j * b->n_embd;
    rwkv_begin(b, o, &l->att_norm, batch, layer, RWKV_ATT);
    rwkv_lerp(b, o, weights, N_LERP, batch->n);
    project(m, o, &x);
    ops_share(o, b->n_head, 5 * batch->n * b->head_size * b->head_size, remember, &x);
    rwkv_end(b, o, &l->output, b->y, batch->n);
}

static void channel_mix(struct rwkv7 *m, struct ops *o, size_t layer, const struct batch *batch)
{
    const struct layer *l = &m->layers[layer];
    struct rwkv *b = &m->base;
    const size_t n = batch->n;
    struct ops_after relu = { .y = b->ff, .n = n, .width = b->n_ff, .gate = o->kernels->functions->relu_squared };

    rwkv_begin(b, o, &l->ffn_norm, batch, layer, RWKV_FFN);
    rwkv_lerp(b, o, &l->channel_lerp_k, 1, n);
    ops_multiply(o, &(struct product){ &l->channel_key, b->ff, NULL, ops_after, &relu }, 1, b->mixed[0], n);
    rwkv_end(b, o, &l->channel_value, b->ff, n);
}

static void eval(void *model, struct ops *o, const struct batch *batch)
{
    struct rwkv7 *m = model;
    struct rwkv *b = &m->base;

    rwkv_embed(b, o, batch->tokens, batch->n);
    for (size_t i = 0; i < b->n_layer; i++) {
        time_mix(m, o, i, batch);
        channel_mix(m, o, i, batch);
    }
    rwkv_head(b, o, batch);
}

static const float *hidden(const void *model, size_t *n_embd)
{
    const struct rwkv7 *m = model;

    *n_embd = m->base.n_embd;
    return m->base.h;
}

const struct family family_rwkv7 = { .arch = "rwkv7", .load = load, .unload = unload, .eval = eval, .hidden = hidden };
