/*
 * The llama family: LLaMA 1 to 3, Amber, Mistral-shaped models, and the model shipped here.
 *
 *     x = embedding of the token
 *     for each layer:
 *         h = rms_norm(x);  q, k, v = Wq h, Wk h, Wv h;  q, k rotated by position
 *         x += Wo softmax(q k / sqrt(head_dim)) v          several query heads share one key head
 *         h = rms_norm(x)
 *         x += Wdown (silu(Wgate h) * Wup h)
 *     logits = Woutput rms_norm(x)                         Woutput is the embedding when the file has none of its own
 *
 * eval() below is that, line by line, over a batch of tokens.
 *
 * Source: Touvron et al., LLaMA, arXiv:2302.13971; tensor names and keys of GGUF files with general.architecture llama.
 */
#include "infer/family.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARCH "llama"

struct layer {
    const float *attn_norm, *ffn_norm; /* [n_embd] */
    struct matrix q, k, v, o, gate, up, down;
};

struct llama {
    size_t n_vocab, n_embd, n_layer, n_head, n_kv_head, head_dim, n_ff, n_ctx, n_rot;
    float eps;
    double *frequency; /* [n_rot / 2], radians a token */

    struct matrix embedding, output; /* [n_vocab][n_embd] */
    const float *output_norm;        /* [n_embd] */
    struct layer *layers;            /* [n_layer] */

    float *x, *h;     /* [OPS_BATCH][n_embd] */
    float *q, *a;     /* [OPS_BATCH][n_head * head_dim] */
    float *k, *v;     /* [OPS_BATCH][n_kv_head * head_dim] */
    float *gate, *up; /* [OPS_BATCH][n_ff] */
    float *rope;      /* [OPS_BATCH][n_rot / 2][2] */
};

static int read_config(struct llama *m, const struct gguf *g, struct err *err)
{
    const struct gguf_tensor *embedding = gguf_find_tensor(g, "token_embd.weight");
    size_t value_dim;
    double eps;

    if (family_need_size(g, ARCH, "context_length", 1, FAMILY_MAX_CONTEXT, &m->n_ctx, err) < 0 ||
        family_need_size(g, ARCH, "embedding_length", 1, FAMILY_MAX_WIDTH, &m->n_embd, err) < 0 ||
        family_need_size(g, ARCH, "block_count", 1, FAMILY_MAX_LAYERS, &m->n_layer, err) < 0 ||
        family_need_size(g, ARCH, "feed_forward_length", 1, FAMILY_MAX_WIDTH, &m->n_ff, err) < 0 ||
        family_need_size(g, ARCH, "attention.head_count", 1, FAMILY_MAX_HEADS, &m->n_head, err) < 0)
        return -1;
    m->n_kv_head = m->n_head;
    if (family_get_size(g, ARCH, "attention.head_count_kv", 1, m->n_head, &m->n_kv_head, err) < 0)
        return -1;
    if (m->n_head % m->n_kv_head)
        return fail(err, CORAX_E_ARGS, "%zu heads cannot share %zu key heads evenly", m->n_head, m->n_kv_head);

    m->head_dim = m->n_embd / m->n_head;
    if (family_get_size(g, ARCH, "attention.key_length", 1, FAMILY_MAX_WIDTH / m->n_head, &m->head_dim, err) < 0)
        return -1;
    value_dim = m->head_dim;
    if (family_get_size(g, ARCH, "attention.value_length", 1, FAMILY_MAX_WIDTH, &value_dim, err) < 0)
        return -1;
    if (value_dim != m->head_dim || m->head_dim == 0)
        return fail(err, CORAX_E_ARGS, "heads have keys of %zu and values of %zu numbers, they must be equal",
                    m->head_dim, value_dim);

    m->n_rot = m->head_dim;
    if (family_get_size(g, ARCH, "rope.dimension_count", 0, m->head_dim, &m->n_rot, err) < 0)
        return -1;
    if (m->n_rot % 2)
        return fail(err, CORAX_E_ARGS, "%zu rotated numbers a head do not form pairs", m->n_rot);

    eps = 1e-5;
    if (family_get_float(g, ARCH, "attention.layer_norm_rms_epsilon", 0, 1, &eps, err) < 0)
        return -1;
    m->eps = (float)eps;

    if (!embedding)
        return fail(err, CORAX_E_ARGS, "tensor token_embd.weight is missing");
    if (embedding->ne[1] > FAMILY_MAX_VOCAB)
        return fail(err, CORAX_E_ARGS, "tensor token_embd.weight has %llu rows, allowed are %d",
                    (unsigned long long)embedding->ne[1], FAMILY_MAX_VOCAB);
    m->n_vocab = (size_t)embedding->ne[1];
    return 0;
}

/* base^(-2i / n_rot), stretched by linear scaling and, where the file has them, by one factor for each pair. */
static int read_rope(struct llama *m, const struct gguf *g, struct err *err)
{
    struct gguf_string scaling = { "none", 4 };
    const float *factors = NULL;
    double base = 10000, stretch = 1;

    if (family_get_float(g, ARCH, "rope.freq_base", 1, 1e12, &base, err) < 0 ||
        gguf_get_string(g, ARCH ".rope.scaling.type", &scaling, err) < 0)
        return -1;
    if (scaling.len == 6 && memcmp(scaling.s, "linear", 6) == 0) {
        if (family_get_float(g, ARCH, "rope.scaling.factor", 1e-3, 1e6, &stretch, err) < 0)
            return -1;
    } else if (scaling.len != 4 || memcmp(scaling.s, "none", 4) != 0) {
        return fail(err, CORAX_E_ARGS, "rope scaling \"%.*s\" is not one that this program knows (none, linear)",
                    (int)(scaling.len < 32 ? scaling.len : 32), scaling.s);
    }
    if (gguf_find_tensor(g, "rope_freqs.weight") &&
        family_vector(g, "rope_freqs.weight", m->n_rot / 2, &factors, err) < 0)
        return -1;
    m->frequency = calloc(m->n_rot / 2 + 1, sizeof *m->frequency);
    if (!m->frequency)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < m->n_rot / 2; i++) {
        m->frequency[i] = pow(base, -2.0 * (double)i / (double)m->n_rot) / stretch;
        if (!factors)
            continue;
        if (!(factors[i] > 0) || !isfinite(factors[i]))
            return fail(err, CORAX_E_ARGS, "tensor rope_freqs.weight: value %zu is not above 0", i);
        m->frequency[i] /= (double)factors[i];
    }
    return 0;
}

static int read_layer(struct llama *m, const struct gguf *g, size_t i, struct err *err)
{
    const size_t q = m->n_head * m->head_dim, kv = m->n_kv_head * m->head_dim;
    struct layer *l = &m->layers[i];
    const struct {
        const char *what;
        size_t k, n_rows;
        struct matrix *to;
    } matrices[] = {
        { "attn_q", m->n_embd, q, &l->q },
        { "attn_k", m->n_embd, kv, &l->k },
        { "attn_v", m->n_embd, kv, &l->v },
        { "attn_output", q, m->n_embd, &l->o },
        { "ffn_gate", m->n_embd, m->n_ff, &l->gate },
        { "ffn_up", m->n_embd, m->n_ff, &l->up },
        { "ffn_down", m->n_ff, m->n_embd, &l->down },
    };
    char name[GGUF_MAX_NAME + 1];

    snprintf(name, sizeof name, "blk.%zu.attn_norm.weight", i);
    if (family_vector(g, name, m->n_embd, &l->attn_norm, err) < 0)
        return -1;
    snprintf(name, sizeof name, "blk.%zu.ffn_norm.weight", i);
    if (family_vector(g, name, m->n_embd, &l->ffn_norm, err) < 0)
        return -1;
    for (size_t j = 0; j < sizeof matrices / sizeof matrices[0]; j++) {
        snprintf(name, sizeof name, "blk.%zu.%s.weight", i, matrices[j].what);
        if (family_matrix(g, name, matrices[j].k, matrices[j].n_rows, matrices[j].to, err) < 0)
            return -1;
        snprintf(name, sizeof name, "blk.%zu.%s.bias", i, matrices[j].what);
        if (gguf_find_tensor(g, name)) /* ignoring it would give other, still fluent, text */
            return fail(err, CORAX_E_ARGS, "tensor %s: biases are not part of this family here", name);
    }
    return 0;
}

/* After the tensors were seen to have these sizes: a few bytes of configuration alone take no memory. */
static int allocate(struct llama *m, struct err *err)
{
    const struct {
        float **to;
        size_t width;
    } buffers[] = {
        { &m->x, m->n_embd },
        { &m->h, m->n_embd },
        { &m->q, m->n_head * m->head_dim },
        { &m->a, m->n_head * m->head_dim },
        { &m->k, m->n_kv_head * m->head_dim },
        { &m->v, m->n_kv_head * m->head_dim },
        { &m->gate, m->n_ff },
        { &m->up, m->n_ff },
        { &m->rope, m->n_rot + 1 },
    };

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        *buffers[i].to = calloc(buffers[i].width, OPS_BATCH * sizeof(float));
        if (!*buffers[i].to)
            return fail(err, CORAX_E_LIMIT, "out of memory for activations");
    }
    return 0;
}

static int read_weights(struct llama *m, const struct gguf *g, struct err *err)
{
    if (family_matrix(g, "token_embd.weight", m->n_embd, m->n_vocab, &m->embedding, err) < 0 ||
        family_vector(g, "output_norm.weight", m->n_embd, &m->output_norm, err) < 0)
        return -1;
    m->output = m->embedding;
    if (gguf_find_tensor(g, "output.weight") &&
        family_matrix(g, "output.weight", m->n_embd, m->n_vocab, &m->output, err) < 0)
        return -1;
    m->layers = calloc(m->n_layer, sizeof *m->layers);
    if (!m->layers)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (size_t i = 0; i < m->n_layer; i++)
        if (read_layer(m, g, i, err) < 0)
            return -1;
    return 0;
}

static void unload(void *model)
{
    struct llama *m = model;
    float *buffers[] = { m->x, m->h, m->q, m->a, m->k, m->v, m->gate, m->up, m->rope };

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        free(buffers[i]);
    free(m->layers);
    free(m->frequency);
    free(m);
}

static void *load(const struct gguf *g, struct shape *shape, struct err *err)
{
    struct llama *m = calloc(1, sizeof *m);
    size_t widest;

    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    if (read_config(m, g, err) < 0 || read_rope(m, g, err) < 0 || read_weights(m, g, err) < 0 || allocate(m, err) < 0) {
        unload(m);
        return NULL;
    }
    widest = m->n_ff > m->n_embd ? m->n_ff : m->n_embd;
    if (m->n_head * m->head_dim > widest)
        widest = m->n_head * m->head_dim;
    *shape = (struct shape){ .n_vocab = m->n_vocab, .n_layer = m->n_layer, .n_kv_head = m->n_kv_head,
                             .head_dim = m->head_dim, .n_ctx = m->n_ctx, .max_k = widest };
    return m;
}

static void attention(struct llama *m, struct ops *o, const struct layer *l, struct kv_layer *kv, size_t n, size_t pos)
{
    const struct product qkv[] = { { &l->q, m->q }, { &l->k, m->k }, { &l->v, m->v } };

    ops_rms_norm(o, m->x, l->attn_norm, m->eps, n, m->n_embd, m->h);
    ops_multiply(o, qkv, 3, m->h, n);
    for (size_t i = 0; i < n; i++) {
        const float *table = m->rope + i * m->n_rot;

        ops_rope(m->q + i * m->n_head * m->head_dim, m->n_head, m->head_dim, m->n_rot, table);
        ops_rope(m->k + i * m->n_kv_head * m->head_dim, m->n_kv_head, m->head_dim, m->n_rot, table);
    }
    ops_store(o, kv, m->k, m->v, n, pos, m->n_kv_head, m->head_dim);
    ops_attend(o, m->q, kv, n, pos, m->n_head, m->n_kv_head, m->head_dim, 1 / sqrtf((float)m->head_dim), m->a);
    ops_multiply(o, &(struct product){ &l->o, m->h }, 1, m->a, n);
    ops_add(m->x, m->h, n * m->n_embd);
}

static void feed_forward(struct llama *m, struct ops *o, const struct layer *l, size_t n)
{
    const struct product gate_up[] = { { &l->gate, m->gate }, { &l->up, m->up } };

    ops_rms_norm(o, m->x, l->ffn_norm, m->eps, n, m->n_embd, m->h);
    ops_multiply(o, gate_up, 2, m->h, n);
    ops_silu_mul(o, m->gate, m->up, n, m->n_ff);
    ops_multiply(o, &(struct product){ &l->down, m->h }, 1, m->gate, n);
    ops_add(m->x, m->h, n * m->n_embd);
}

static void eval(void *model, struct ops *o, struct state *state, const int32_t *tokens, size_t n, size_t pos,
                 float *logits, size_t n_logits)
{
    struct llama *m = model;

    for (size_t i = 0; i < n; i++) {
        ops_row(&m->embedding, (size_t)tokens[i], m->x + i * m->n_embd);
        ops_rope_table(m->frequency, m->n_rot, pos + i, m->rope + i * m->n_rot);
    }
    for (size_t i = 0; i < m->n_layer; i++) {
        attention(m, o, &m->layers[i], &state->kv[i], n, pos);
        feed_forward(m, o, &m->layers[i], n);
    }
    if (!n_logits)
        return;
    ops_rms_norm(o, m->x + (n - n_logits) * m->n_embd, m->output_norm, m->eps, n_logits, m->n_embd, m->h);
    ops_multiply(o, &(struct product){ &m->output, logits }, 1, m->h, n_logits);
}

const struct family family_llama = { .arch = ARCH, .load = load, .unload = unload, .eval = eval };
