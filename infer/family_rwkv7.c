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

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { R, W, K, V, A, G, N_LERP }; /* in the file's order */

#define DECAY_SCALE (-0.60653066f) /* -exp(-1/2) */
#define KEY_EPS     1e-12f         /* keys below this length are not made as long as 1 */

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
    float *r, *w, *k, *v, *a, *kk, *y; /* [OPS_BATCH][n_embd] */
    float *first_v;                    /* [OPS_BATCH][n_embd], v of the first layer */
    float *low;                        /* [OPS_BATCH][the largest rank] */
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
    return i > 0 ? rwkv_read_layer(&m->base, g, i, value_mix, sizeof value_mix / sizeof value_mix[0], err) : 0;
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
        { &m->r, e }, { &m->w, e },       { &m->k, e },
        { &m->v, e }, { &m->a, e },       { &m->kk, e },
        { &m->y, e }, { &m->first_v, e }, { &m->low, max_rank(m) },
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

/* y = W2 f(W1 lerp(m)), f NULL for none */
static void project_low(struct rwkv7 *m, struct ops *o, const float *lerp, const struct low *w, ops_map_fn *f, size_t n,
                        float *y)
{
    rwkv_project(&m->base, o, lerp, &w->first, n, m->low);
    if (f)
        ops_map(o, f, m->low, n * w->first.n_rows);
    ops_multiply(o, &(struct product){ &w->second, y }, 1, m->low, n);
}

/* A memory keeps between exp(-exp(-1/2)) = 0.545 and all of itself. */
static void decay(float *x, size_t n)
{
    ops_sigmoid(x, n);
    for (size_t i = 0; i < n; i++)
        x[i] = expf(DECAY_SCALE * x[i]);
}

/* v += (v of the first layer - v) * sigmoid(v0 + V2 V1 lerp(mv)); it begins with the first layer's own. */
static void mix_values(struct rwkv7 *m, struct ops *o, const struct layer *l, size_t n)
{
    const size_t e = m->base.n_embd;

    if (l == m->layers) {
        memcpy(m->first_v, m->v, n * e * sizeof *m->v);
        return;
    }
    project_low(m, o, l->lerp + V * e, &l->v, NULL, n, m->y);
    ops_add_each(m->y, l->v0, n, e);
    ops_map(o, ops_sigmoid, m->y, n * e);
    for (size_t i = 0; i < n * e; i++)
        m->v[i] += (m->first_v[i] - m->v[i]) * m->y[i];
}

/*
 * kk = (k * k_k) / its length by head;  k += k * (a - 1) * k_a
 *
 * Leaves -kk in kk and kk * a in a, as the recurrence wants them.
 */
static void split_keys(struct rwkv7 *m, const struct layer *l, size_t n)
{
    const size_t e = m->base.n_embd;

    for (size_t t = 0; t < n; t++) {
        float *kk = m->kk + t * e, *k = m->k + t * e;
        const float *a = m->a + t * e;

        for (size_t i = 0; i < e; i++) {
            kk[i] = k[i] * l->k_k[i];
            k[i] += k[i] * (a[i] - 1) * l->k_a[i];
        }
    }
    ops_unit(m->kk, KEY_EPS, n * m->base.n_head, m->base.head_size);
    for (size_t i = 0; i < n * e; i++) {
        m->a[i] *= m->kk[i];
        m->kk[i] = -m->kk[i];
    }
}

/* y += (sum over the head of r * k * r_k) v, what the current token gives beside the memory. */
static void add_bonus(struct rwkv7 *m, const struct layer *l, size_t n)
{
    const size_t size = m->base.head_size;

    for (size_t head = 0; head < n * m->base.n_head; head++) {
        const float *r_k = l->r_k + head % m->base.n_head * size;
        const size_t first = head * size;
        float sum = 0;

        for (size_t i = 0; i < size; i++)
            sum += m->r[first + i] * m->k[first + i] * r_k[i];
        for (size_t i = first; i < first + size; i++)
            m->y[i] += sum * m->v[i];
    }
}

static void time_mix(struct rwkv7 *m, struct ops *o, size_t layer, const struct batch *batch)
{
    const struct layer *l = &m->layers[layer];
    struct rwkv *b = &m->base;
    const size_t e = b->n_embd, n = batch->n;

    rwkv_begin(b, o, &l->att_norm, batch, layer, RWKV_ATT);
    rwkv_project(b, o, l->lerp + R * e, &l->receptance, n, m->r);
    rwkv_project(b, o, l->lerp + K * e, &l->key, n, m->k);
    rwkv_project(b, o, l->lerp + V * e, &l->value, n, m->v);
    project_low(m, o, l->lerp + W * e, &l->w, ops_tanh, n, m->w);
    ops_add_each(m->w, l->w0, n, e);
    ops_map(o, decay, m->w, n * e);
    project_low(m, o, l->lerp + A * e, &l->a, NULL, n, m->a);
    ops_add_each(m->a, l->a0, n, e);
    ops_map(o, ops_sigmoid, m->a, n * e);
    project_low(m, o, l->lerp + G * e, &l->g, ops_sigmoid, n, b->gate);
    mix_values(m, o, l, n);
    split_keys(m, l, n);
    for (size_t i = 0, at = 0; i < batch->n_spans; at += batch->spans[i++].n * e)
        ops_wkv7(o, m->r + at, m->w + at, m->k + at, m->v + at, m->kk + at, m->a + at, batch->spans[i].n, b->n_head, b->head_size,
                 rwkv_memory(b, &batch->spans[i], layer), m->y + at);
    ops_group_norm(o, m->y, l->head_norm.weight, l->head_norm.bias, b->head_eps, n, b->n_head, b->head_size, m->y);
    add_bonus(m, l, n);
    ops_multiply_by(m->y, b->gate, n * e);
    ops_multiply(o, &(struct product){ &l->output, b->h }, 1, m->y, n);
    ops_add(b->x, b->h, n * e);
}

static void channel_mix(struct rwkv7 *m, struct ops *o, size_t layer, const struct batch *batch)
{
    const struct layer *l = &m->layers[layer];
    struct rwkv *b = &m->base;
    const size_t n = batch->n;

    rwkv_begin(b, o, &l->ffn_norm, batch, layer, RWKV_FFN);
    rwkv_project(b, o, l->channel_lerp_k, &l->channel_key, n, b->ff);
    ops_activate(o, OPS_RELU_SQUARED, b->ff, NULL, n, b->n_ff);
    ops_multiply(o, &(struct product){ &l->channel_value, b->h }, 1, b->ff, n);
    ops_add(b->x, b->h, n * b->n_embd);
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
