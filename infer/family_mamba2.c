/*
 * Mamba-2.
 *
 *     mixer(h):
 *         z, xBC, dt = Win h
 *         x, B, C = silu(convolution of xBC over the last n_taps tokens, each channel by itself)
 *         delta = softplus(dt + bias)                 one of each head
 *         state = exp(delta A) state + delta x B      for each channel of a head, n_state numbers of it; one A a head
 *         y = C state + D x                           several heads share B and C of their group
 *         Wout rms_norm(y * silu(z))                  the channels of each group by themselves
 *
 * The rest of the model is in mamba.h.  eval() below is that, operation by operation, over a batch of tokens.
 *
 * Source: Dao, Gu, Transformers are SSMs, arXiv:2405.21060; tensor names and keys of GGUF files with
 * general.architecture mamba2, in which A is -exp(A_log) and ssm.time_step_rank the number of heads.
 */
#include "infer/mamba.h"

#include <stdlib.h>

struct layer {
    float *norm;                  /* [n_embd] */
    struct matrix in, z, xbc, dt; /* [n_inner + n_xbc + n_head][n_embd]; its first rows, ... */
    struct matrix out;            /* [n_embd][n_inner] */
    float *in_bias, *conv_weight, *conv_bias, *dt_bias, *a, *d, *out_norm, *out_bias;
    struct conv conv;
    struct head_scan scan;
};

struct model {
    struct mamba base;
    size_t n_head, head_dim, n_group; /* n_head * head_dim = n_inner; n_group divides n_head */
    size_t n_xbc;                     /* n_inner + 2 n_group n_state */
    struct layer *layers;             /* [n_layer] */

    float *z;          /* [OPS_BATCH][n_inner] */
    float *xbc, *conv; /* [OPS_BATCH][n_xbc] */
    float *dt;         /* [OPS_BATCH][n_head] */
};

/* --- loading ------------------------------------------------------------------------------------------------------ */

static int read_config(struct model *m, const struct gguf *g, struct err *err)
{
    const struct mamba *b = &m->base;

    if (mamba_read_config(&m->base, g, err) < 0)
        return -1;
    m->n_head = b->time_step_rank;
    m->n_group = 1;
    if (family_get_size(g, "mamba2", "ssm.group_count", 1, FAMILY_MAX_HEADS, &m->n_group, err) < 0)
        return -1;
    if (b->n_inner % m->n_head)
        return fail(err, CORAX_E_ARGS, "%zu channels cannot be shared out evenly to %zu heads", b->n_inner, m->n_head);
    if (m->n_head % m->n_group)
        return fail(err, CORAX_E_ARGS, "%zu heads cannot be shared out evenly to %zu groups", m->n_head, m->n_group);
    m->head_dim = b->n_inner / m->n_head;
    m->n_xbc = b->n_inner + 2 * m->n_group * b->n_state;
    return 0;
}

static int read_layer(struct model *m, const struct gguf *g, size_t i, struct err *err)
{
    const struct mamba *b = &m->base;
    const size_t n_in = b->n_inner + m->n_xbc + m->n_head;
    struct layer *l = &m->layers[i];
    const struct mamba_tensor list[] = {
        { "attn_norm.weight", b->n_embd, 1, .values = &l->norm },
        { "ssm_in.weight", b->n_embd, n_in, .matrix = &l->in },
        { "ssm_in.bias", n_in, 1, .values = &l->in_bias, .optional = true },
        { "ssm_conv1d.weight", b->n_taps, m->n_xbc, .columns = &l->conv_weight },
        { "ssm_conv1d.bias", m->n_xbc, 1, .values = &l->conv_bias, .optional = true },
        { "ssm_dt.bias", m->n_head, 1, .values = &l->dt_bias },
        { "ssm_a", 1, m->n_head, .values = &l->a },
        { "ssm_d", 1, m->n_head, .values = &l->d },
        { "ssm_norm.weight", b->n_inner / m->n_group, m->n_group, .values = &l->out_norm },
        { "ssm_out.weight", b->n_inner, b->n_embd, .matrix = &l->out },
        { "ssm_out.bias", b->n_embd, 1, .values = &l->out_bias, .optional = true },
    };

    if (mamba_read_layer(&m->base, g, i, list, sizeof list / sizeof list[0], err) < 0)
        return -1;
    l->in.bias = l->in_bias;
    l->z = family_rows(&l->in, 0, b->n_inner);
    l->xbc = family_rows(&l->in, b->n_inner, m->n_xbc);
    l->dt = family_rows(&l->in, b->n_inner + m->n_xbc, m->n_head);
    l->out.bias = l->out_bias;
    l->conv = (struct conv){ b->n_taps, m->n_xbc, l->conv_weight, l->conv_bias };
    l->scan = (struct head_scan){ m->n_head, m->head_dim, m->n_group, b->n_state, l->a, l->d, l->dt_bias };
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
    const struct {
        float **to;
        size_t width;
    } buffers[] = {
        { &m->z, b->n_inner }, { &m->xbc, m->n_xbc }, { &m->conv, m->n_xbc }, { &m->dt, m->n_head },
    };

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        if (!(*buffers[i].to = mamba_memory(b, OPS_BATCH, buffers[i].width, err)))
            return -1;
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
    size_t n_recurrent;

    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    m->base.arch = "mamba2";
    if (read_config(m, g, err) == 0 && read_layers(m, g, err) == 0 && allocate(m, err) == 0) {
        n_recurrent = (m->base.n_taps - 1) * m->n_xbc + m->base.n_state * m->base.n_inner;
        if (mamba_read_rest(&m->base, g, n_recurrent, m->base.n_inner, shape, err) == 0)
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

/* What a layer remembers: [n_taps - 1][n_xbc] of the convolution, [n_head][n_state][head_dim] of the scan. */
static void convolve(void *arg, size_t first, size_t n_rows)
{
    const struct mixer *x = arg;
    const struct model *m = x->m;
    const struct span *s = x->batch->spans, *end = s + x->batch->n_spans;

    for (size_t at = 0; s < end; at += s++->n * m->n_xbc)
        ops_causal_conv(x->o->kernels, &m->layers[x->layer].conv, first, first + n_rows, m->xbc + at,
                        span_recurrent(s, x->layer), s->n, m->conv + at);
}

static void scan(void *arg, size_t first, size_t end)
{
    const struct mixer *x = arg;
    const struct model *m = x->m;
    const struct span *s = x->batch->spans, *last = s + x->batch->n_spans;

    for (size_t t = 0; s < last; t += s++->n) {
        float *h = span_recurrent(s, x->layer) + (m->base.n_taps - 1) * m->n_xbc;

        ops_head_scan(x->o->kernels, &m->layers[x->layer].scan, first, end, m->dt + t * m->n_head,
                      m->conv + t * m->n_xbc, h, s->n, m->z + t * m->base.n_inner);
    }
}

static void mixer(struct model *m, struct ops *o, size_t layer, const struct batch *b)
{
    const struct layer *l = &m->layers[layer];
    struct mixer x = { m, o, b, layer };
    const struct product z_xbc_dt[] = {
        { &l->z, m->z }, { &l->xbc, m->xbc, .then = convolve, .arg = &x }, { &l->dt, m->dt }
    };
    const size_t n_inner = m->base.n_inner, n = b->n;

    mamba_begin(&m->base, o, l->norm, n);
    ops_multiply(o, z_xbc_dt, 3, m->base.h, n);
    ops_share(o, m->n_head, n * m->base.n_state * m->head_dim, scan, &x);
    ops_group_rms_norm(o, m->z, l->out_norm, m->base.eps, n, n_inner, m->n_group, m->z);
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

const struct family family_mamba2 = {
    .arch = "mamba2", .load = load, .unload = unload, .eval = eval, .hidden = hidden
};
