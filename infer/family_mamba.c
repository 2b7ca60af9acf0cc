/*
 * Mamba (version 1), and FalconMamba.
 *
 *     mixer(h):
 *         u, z = Win h
 *         u = silu(convolution of u over the last n_taps tokens, each channel by itself)
 *         dt, B, C = Wx u                             (FalconMamba: each divided by its root mean square)
 *         delta = softplus(Wdt dt + bias)
 *         state = exp(delta A) state + delta u B      for each of n_inner channels, n_state numbers of it
 *         y = C state + D u
 *         Wout (y * silu(z))
 *
 * The rest of the model is in mamba.h.  eval() below is that, operation by operation, over a batch of tokens.
 *
 * Source: Gu, Dao, Mamba, arXiv:2312.00752; Zuo et al., Falcon Mamba, arXiv:2410.05355; tensor names and keys of GGUF
 * files with general.architecture mamba, in which A is -exp(A_log).
 */
#include "infer/mamba.h"

#include <stdlib.h>

/* What FalconMamba was trained with; its files say that there are these norms (ssm.dt_b_c_rms), not this. */
#define MIXER_EPS 1e-6f

struct layer {
    float *norm;               /* [n_embd] */
    struct matrix in, u, z;    /* [2 n_inner][n_embd]; its first and its second half */
    struct matrix x, dt, b, c; /* [time_step_rank + 2 n_state][n_inner]; its first rows, ... */
    struct matrix delta;       /* [n_inner][time_step_rank] */
    struct matrix out;         /* [n_embd][n_inner] */
    float *in_bias, *conv_weight, *conv_bias, *delta_bias, *a, *d, *out_bias;
    struct conv conv;
    struct selective_scan scan;
};

struct model {
    struct mamba base;
    bool norms;           /* of dt, B and C */
    struct layer *layers; /* [n_layer] */
    float *ones;          /* [max(time_step_rank, n_state)], the weights of norms that have none */

    float *u, *z, *conv, *delta; /* [OPS_BATCH][n_inner] */
    float *dt;                   /* [OPS_BATCH][time_step_rank] */
    float *b, *c;                /* [OPS_BATCH][n_state] */
};

/* --- loading ------------------------------------------------------------------------------------------------------ */

static int read_config(struct model *m, const struct gguf *g, struct err *err)
{
    size_t n_groups;

    if (mamba_read_config(&m->base, g, err) < 0 ||
        family_get_size(g, "mamba", "ssm.group_count", 0, 1, &n_groups, err) < 0)
        return -1;
    return gguf_get_bool(g, "mamba.ssm.dt_b_c_rms", &m->norms, err) < 0 ? -1 : 0;
}

static int read_layer(struct model *m, const struct gguf *g, size_t i, struct err *err)
{
    const struct mamba *b = &m->base;
    const size_t rank = b->time_step_rank;
    struct layer *l = &m->layers[i];
    const struct mamba_tensor list[] = {
        { "attn_norm.weight", b->n_embd, 1, .values = &l->norm },
        { "ssm_in.weight", b->n_embd, 2 * b->n_inner, .matrix = &l->in },
        { "ssm_in.bias", 2 * b->n_inner, 1, .values = &l->in_bias, .optional = true },
        { "ssm_conv1d.weight", b->n_taps, b->n_inner, .columns = &l->conv_weight },
        { "ssm_conv1d.bias", b->n_inner, 1, .values = &l->conv_bias, .optional = true },
        { "ssm_x.weight", b->n_inner, rank + 2 * b->n_state, .matrix = &l->x },
        { "ssm_dt.weight", rank, b->n_inner, .matrix = &l->delta },
        { "ssm_dt.bias", b->n_inner, 1, .values = &l->delta_bias },
        { "ssm_a", b->n_state, b->n_inner, .columns = &l->a },
        { "ssm_d", b->n_inner, 1, .values = &l->d },
        { "ssm_out.weight", b->n_inner, b->n_embd, .matrix = &l->out },
        { "ssm_out.bias", b->n_embd, 1, .values = &l->out_bias, .optional = true },
    };

    if (mamba_read_layer(&m->base, g, i, list, sizeof list / sizeof list[0], err) < 0)
        return -1;
    l->in.bias = l->in_bias;
    l->u = family_rows(&l->in, 0, b->n_inner);
    l->z = family_rows(&l->in, b->n_inner, b->n_inner);
    l->dt = family_rows(&l->x, 0, rank);
    l->b = family_rows(&l->x, rank, b->n_state);
    l->c = family_rows(&l->x, rank + b->n_state, b->n_state);
    l->delta.bias = l->delta_bias;
    l->out.bias = l->out_bias;
    l->conv = (struct conv){ b->n_taps, b->n_inner, l->conv_weight, l->conv_bias };
    l->scan = (struct selective_scan){ b->n_inner, b->n_state, l->a, l->d };
    return 0;
}

static int read_layers(struct model *m, const struct gguf *g, struct err *err)
{
    m->layers = calloc(m->base.n_layer, sizeof *m->layers);
    if (!m->layers)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < m->base.n_layer; i++)
        if (read_layer(m, g, i, err) < 0)
            return -1;
    return 0;
}

static int allocate(struct model *m, struct err *err)
{
    struct mamba *b = &m->base;
    const size_t n_ones = b->time_step_rank > b->n_state ? b->time_step_rank : b->n_state;
    const struct {
        float **to;
        size_t n, width;
    } buffers[] = {
        { &m->u, OPS_BATCH, b->n_inner },    { &m->z, OPS_BATCH, b->n_inner },
        { &m->conv, OPS_BATCH, b->n_inner }, { &m->delta, OPS_BATCH, b->n_inner },
        { &m->dt, OPS_BATCH, b->time_step_rank }, { &m->b, OPS_BATCH, b->n_state },
        { &m->c, OPS_BATCH, b->n_state },    { &m->ones, 1, n_ones },
    };

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        if (!(*buffers[i].to = mamba_memory(b, buffers[i].n, buffers[i].width, err)))
            return -1;
    for (size_t i = 0; i < n_ones; i++)
        m->ones[i] = 1;
    return 0;
}

static void unload(void *model)
{
    struct model *m = model;

    mamba_finish(&m->base);
    free(m->layers);
    free(m);
}

static void *load(const struct gguf *g, struct shape *shape, struct err *err)
{
    struct model *m = calloc(1, sizeof *m);
    const struct mamba *b;
    size_t widest;

    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    b = &m->base;
    m->base.arch = "mamba";
    if (read_config(m, g, err) == 0 && read_layers(m, g, err) == 0 && allocate(m, err) == 0) {
        widest = b->n_inner > b->time_step_rank ? b->n_inner : b->time_step_rank;
        if (mamba_read_rest(&m->base, g, (b->n_taps - 1 + b->n_state) * b->n_inner, widest, shape, err) == 0)
            return m;
    }
    unload(m);
    return NULL;
}

/* --- evaluation --------------------------------------------------------------------------------------------------- */

struct mixer {
    struct model *m;
    struct ops *o;
    const struct batch *batch;
    size_t layer;
};

/* What a layer remembers: [n_taps - 1][n_inner] of the convolution, [n_state][n_inner] of the scan. */
static void convolve(void *arg, size_t first, size_t n_rows)
{
    const struct mixer *x = arg;
    const struct model *m = x->m;
    const struct span *s = x->batch->spans, *end = s + x->batch->n_spans;

    for (size_t at = 0; s < end; at += s++->n * m->base.n_inner)
        ops_causal_conv(x->o->kernels, &m->layers[x->layer].conv, first, first + n_rows, m->u + at,
                        span_recurrent(s, x->layer), s->n, m->conv + at);
}

static void scan(void *arg, size_t first, size_t n_rows)
{
    const struct mixer *x = arg;
    const struct model *m = x->m;
    const struct span *s = x->batch->spans, *end = s + x->batch->n_spans;
    const size_t n_inner = m->base.n_inner, n_state = m->base.n_state;

    for (size_t t = 0; s < end; t += s++->n) {
        float *h = span_recurrent(s, x->layer) + (m->base.n_taps - 1) * n_inner;

        ops_selective_scan(x->o->kernels, &m->layers[x->layer].scan, first, first + n_rows, m->delta + t * n_inner,
                           m->conv + t * n_inner, m->b + t * n_state, m->c + t * n_state, h, s->n, m->z + t * n_inner);
    }
}

static void mixer(struct model *m, struct ops *o, size_t layer, const struct batch *b)
{
    const struct layer *l = &m->layers[layer];
    struct mixer x = { m, o, b, layer };
    const struct product u_z[] = { { &l->u, m->u, .then = convolve, .arg = &x }, { &l->z, m->z } };
    const struct product dt_b_c[] = { { &l->dt, m->dt }, { &l->b, m->b }, { &l->c, m->c } };
    const struct product delta = { &l->delta, m->delta, .then = scan, .arg = &x };
    const size_t rank = m->base.time_step_rank, n_state = m->base.n_state, n = b->n;

    mamba_begin(&m->base, o, l->norm, n);
    ops_multiply(o, u_z, 2, m->base.h, n);
    ops_multiply(o, dt_b_c, 3, m->conv, n);
    if (m->norms) {
        ops_rms_norm(o, m->dt, m->ones, MIXER_EPS, n, rank, m->dt);
        ops_rms_norm(o, m->b, m->ones, MIXER_EPS, n, n_state, m->b);
        ops_rms_norm(o, m->c, m->ones, MIXER_EPS, n, n_state, m->c);
    }
    ops_multiply(o, &delta, 1, m->dt, n);
    mamba_end(&m->base, o, &l->out, m->z, n);
}

static void eval(void *model, struct ops *o, const struct batch *b)
{
    struct model *m = model;

    mamba_embed(&m->base, b->tokens, b->n);
    for (size_t i = 0; i < m->base.n_layer; i++)
        mixer(m, o, i, b);
    mamba_head(&m->base, o, b);
}

static const float *hidden(const void *model, size_t *n_embd)
{
    const struct model *m = model;

    *n_embd = m->base.n_embd;
    return m->base.h;
}

const struct family family_mamba = {
    .arch = "mamba", .load = load, .unload = unload, .eval = eval, .hidden = hidden
};
