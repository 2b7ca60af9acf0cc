/*
 * BERT, an encoder: a text is read as a whole, and each token sees all others.  It writes nothing; vectors of texts are made of what it
 * comes to (infer/pooling.h).
 *
 *     x = norm(embedding of the token + of the position + of the first type)
 *     for each layer:
 *         q, k, v = Wq x, Wk x, Wv x
 *         x = norm(x + Wo softmax(q k / sqrt(head_dim)) v)
 *         x = norm(x + Wdown gelu(Wup x))
 *
 * Matrices have biases, norms are LayerNorm, gelu is the exact one.
 *
 * Source: Devlin et al., BERT, arXiv:1810.04805; transformers 5.24, model bert; GGUF files with general.architecture bert.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/aligned.h"
#include "infer/family.h"

struct norm {
    const float *weight, *bias;
};

struct layer {
    struct matrix q, k, v, o, up, down;
    struct norm attention, output;
};

struct bert {
    size_t n_vocab, n_embd, n_layer, n_head, head_dim, n_ff, n_ctx, n_types;
    double eps;
    struct matrix embedding, positions, types;
    struct norm embedding_norm;
    struct layer *layers; /* [n_layer] */
    float *x, *q;         /* [n_ctx][n_embd]: all of a text */
    float *h, *k, *v;     /* [OPS_BATCH][n_embd] */
    float *up;            /* [OPS_BATCH][n_ff] */
};

/* --- loading ------------------------------------------------------------------------------------------------------ */

struct loader {
    const struct gguf *g;
    bool *used; /* [gguf_n_tensors] */
    struct err *err;
};

static int load_vector(struct loader *l, const char *name, const char *suffix, size_t n, const float **out)
{
    char full[GGUF_MAX_NAME + 1];

    snprintf(full, sizeof full, "%.40s.%s", name, suffix);
    family_use(l->g, full, l->used);
    return family_vector(l->g, full, n, out, l->err);
}

static int load_norm(struct loader *l, const char *name, size_t n, struct norm *out)
{
    return load_vector(l, name, "weight", n, &out->weight) < 0 ? -1 : load_vector(l, name, "bias", n, &out->bias);
}

static int load_matrix(struct loader *l, const char *name, size_t k, size_t n_rows, bool bias, struct matrix *out)
{
    char full[GGUF_MAX_NAME + 1];

    snprintf(full, sizeof full, "%.40s.weight", name);
    family_use(l->g, full, l->used);
    if (family_matrix(l->g, full, k, n_rows, out, l->err) < 0)
        return -1;
    return bias ? load_vector(l, name, "bias", n_rows, &out->bias) : 0;
}

static int load_layer(struct bert *m, struct loader *l, size_t i)
{
    struct layer *to = &m->layers[i];
    const struct {
        const char *name;
        size_t k, n_rows;
        struct matrix *to;
    } matrices[] = {
        { "attn_q", m->n_embd, m->n_embd, &to->q },      { "attn_k", m->n_embd, m->n_embd, &to->k },
        { "attn_v", m->n_embd, m->n_embd, &to->v },      { "attn_output", m->n_embd, m->n_embd, &to->o },
        { "ffn_up", m->n_embd, m->n_ff, &to->up },       { "ffn_down", m->n_ff, m->n_embd, &to->down },
    };
    char name[64];

    for (size_t k = 0; k < sizeof matrices / sizeof matrices[0]; k++) {
        snprintf(name, sizeof name, "blk.%zu.%s", i, matrices[k].name);
        if (load_matrix(l, name, matrices[k].k, matrices[k].n_rows, true, matrices[k].to) < 0)
            return -1;
    }
    snprintf(name, sizeof name, "blk.%zu.attn_output_norm", i);
    if (load_norm(l, name, m->n_embd, &to->attention) < 0)
        return -1;
    snprintf(name, sizeof name, "blk.%zu.layer_output_norm", i);
    return load_norm(l, name, m->n_embd, &to->output);
}

static int load_tensors(struct bert *m, struct loader *l)
{
    if (load_matrix(l, "token_embd", m->n_embd, m->n_vocab, false, &m->embedding) < 0 ||
        load_matrix(l, "position_embd", m->n_embd, m->n_ctx, false, &m->positions) < 0 ||
        load_matrix(l, "token_types", m->n_embd, m->n_types, false, &m->types) < 0 ||
        load_norm(l, "token_embd_norm", m->n_embd, &m->embedding_norm) < 0)
        return -1;
    for (size_t i = 0; i < m->n_layer; i++)
        if (load_layer(m, l, i) < 0)
            return -1;
    return family_check_used(l->g, "bert", l->used, l->err);
}

static int read_rows(const struct gguf *g, const char *name, size_t max, size_t *out, struct err *err)
{
    const struct gguf_tensor *t = gguf_find_tensor(g, name);

    if (!t)
        return fail(err, CORAX_E_ARGS, "tensor %s is missing", name);
    if (t->ne[1] < 1 || t->ne[1] > max)
        return fail(err, CORAX_E_ARGS, "tensor %s has %llu rows, allowed are 1 to %zu", name, (unsigned long long)t->ne[1], max);
    *out = (size_t)t->ne[1];
    return 0;
}

static int read_config(struct bert *m, const struct gguf *g, struct err *err)
{
    bool causal = false;

    m->eps = 1e-12;
    if (family_need_size(g, "bert", "context_length", 1, FAMILY_MAX_CONTEXT, &m->n_ctx, err) < 0 ||
        family_need_size(g, "bert", "embedding_length", 1, FAMILY_MAX_WIDTH, &m->n_embd, err) < 0 ||
        family_need_size(g, "bert", "block_count", 1, FAMILY_MAX_LAYERS, &m->n_layer, err) < 0 ||
        family_need_size(g, "bert", "feed_forward_length", 1, FAMILY_MAX_WIDTH, &m->n_ff, err) < 0 ||
        family_need_size(g, "bert", "attention.head_count", 1, FAMILY_MAX_HEADS, &m->n_head, err) < 0 ||
        family_get_float(g, "bert", "attention.layer_norm_epsilon", 0, 1, &m->eps, err) < 0 ||
        gguf_get_bool(g, "bert.attention.causal", &causal, err) < 0)
        return -1;
    if (causal)
        return fail(err, CORAX_E_ARGS, "bert.attention.causal is true: here each token sees all others");
    if (m->n_embd % m->n_head)
        return fail(err, CORAX_E_ARGS, "%zu values of an embedding do not divide into %zu heads", m->n_embd, m->n_head);
    m->head_dim = m->n_embd / m->n_head;
    return read_rows(g, "token_embd.weight", FAMILY_MAX_VOCAB, &m->n_vocab, err) < 0 ? -1 : read_rows(g, "token_types.weight", 1024, &m->n_types, err);
}

static void unload(void *model)
{
    struct bert *m = model;
    float *buffers[] = { m->x, m->q, m->h, m->k, m->v, m->up };

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        free(buffers[i]);
    free(m->layers);
    free(m);
}

/* After the tensors were seen to have these sizes: a few bytes of configuration alone take no memory. */
static int allocate(struct bert *m, struct err *err)
{
    const struct {
        float **to;
        size_t rows, width;
    } buffers[] = {
        { &m->x, m->n_ctx, m->n_embd },   { &m->q, m->n_ctx, m->n_embd },   { &m->h, OPS_BATCH, m->n_embd },
        { &m->k, OPS_BATCH, m->n_embd }, { &m->v, OPS_BATCH, m->n_embd }, { &m->up, OPS_BATCH, m->n_ff },
    };

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        if (!(*buffers[i].to = aligned_zeros(buffers[i].width, buffers[i].rows * sizeof(float))))
            return fail(err, CORAX_E_LIMIT, "out of memory for activations");
    return 0;
}

static void *load(const struct gguf *g, struct shape *shape, struct err *err)
{
    struct bert *m = calloc(1, sizeof *m);
    struct loader l = { g, calloc(gguf_n_tensors(g) + 1, sizeof *l.used), err };
    int rc = m && l.used ? read_config(m, g, err) : fail(err, CORAX_E_LIMIT, "out of memory");

    if (rc == 0 && !(m->layers = calloc(m->n_layer, sizeof *m->layers)))
        rc = fail(err, CORAX_E_LIMIT, "out of memory");
    if (rc == 0 && (load_tensors(m, &l) < 0 || allocate(m, err) < 0))
        rc = -1;
    free(l.used);
    if (rc < 0) {
        if (m)
            unload(m);
        return NULL;
    }
    *shape = (struct shape){ .n_vocab = m->n_vocab, .n_layer = m->n_layer, .n_head = m->n_head, .n_kv_head = m->n_head,
                             .head_dim = m->head_dim, .n_ctx = m->n_ctx, .max_k = m->n_ff > m->n_embd ? m->n_ff : m->n_embd };
    return m;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void normalize(const struct bert *m, struct ops *o, const struct norm *norm, float *x, size_t n)
{
    ops_layer_norm(o, x, norm->weight, norm->bias, (float)m->eps, n, m->n_embd, x);
}

static void embed(struct bert *m, struct ops *o, const int32_t *tokens, size_t n)
{
    const size_t width = m->n_embd;

    for (size_t t = 0; t < n; t++) {
        float *x = m->x + t * width;

        ops_row(&m->embedding, (size_t)tokens[t], x);
        ops_row(&m->positions, t, m->h);
        ops_add(x, m->h, width);
        ops_row(&m->types, 0, m->h);
        ops_add(x, m->h, width);
    }
    normalize(m, o, &m->embedding_norm, m->x, n);
}

/* Queries, keys and values of some tokens; keys and values go into the pages. */
static void ask(struct bert *m, struct ops *o, size_t layer, const struct batch *b)
{
    const struct layer *l = &m->layers[layer];
    const size_t first = b->spans[0].pos * m->n_embd;
    const struct product qkv[] = { { &l->q, m->q + first }, { &l->k, m->k }, { &l->v, m->v } };

    ops_multiply(o, qkv, 3, m->x + first, b->n);
    ops_store(o, b, layer, m->k, m->v);
}

/* The rest of the layer for them, of a text of n_all tokens. */
static void answer(struct bert *m, struct ops *o, size_t layer, const struct batch *b, size_t n_all)
{
    const struct layer *l = &m->layers[layer];
    const size_t n = b->n;
    const struct attention attention = {
        .n_head = m->n_head, .n_kv_head = m->n_head, .head_dim = m->head_dim, .scale = (float)(1 / sqrt((double)m->head_dim)), .sees = n_all
    };
    float *x = m->x + b->spans[0].pos * m->n_embd, *a = m->k; /* whose keys are stored */

    ops_attend(o, &attention, b, layer, m->q + b->spans[0].pos * m->n_embd, a);
    ops_multiply(o, &(struct product){ &l->o, m->h }, 1, a, n);
    ops_add(x, m->h, n * m->n_embd);
    normalize(m, o, &l->attention, x, n);
    ops_multiply(o, &(struct product){ &l->up, m->up }, 1, x, n);
    ops_activate(o, OPS_GELU_ERF, m->up, NULL, n, m->n_ff);
    ops_multiply(o, &(struct product){ &l->down, m->h }, 1, m->up, n);
    ops_add(x, m->h, n * m->n_embd);
    normalize(m, o, &l->output, x, n);
}

static void encode(void *model, struct ops *o, struct state *state, const int32_t *tokens, size_t n)
{
    struct bert *m = model;

    embed(m, o, tokens, n);
    for (size_t i = 0; i < m->n_layer; i++)
        for (int second = 0; second < 2; second++)
            for (size_t first = 0; first < n; first += OPS_BATCH) {
                const struct span span = { state, first, n - first < OPS_BATCH ? n - first : OPS_BATCH, 0 };
                const struct batch b = { .tokens = tokens + first, .n = span.n, .spans = &span, .n_spans = 1 };

                if (second)
                    answer(m, o, i, &b, n);
                else
                    ask(m, o, i, &b);
            }
}

static const float *hidden(const void *model, size_t *n_embd)
{
    const struct bert *m = model;

    *n_embd = m->n_embd;
    return m->x;
}

const struct family family_bert = { .arch = "bert", .load = load, .unload = unload, .encode = encode, .hidden = hidden };
