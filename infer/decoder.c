#include "infer/decoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/aligned.h"
#include "infer/i2_s.h"

struct norm {
    const float *weight, *bias; /* NULL: there is none */
};

struct layer {
    struct norm attn_norm, q_norm, k_norm, attn_sub_norm, post_attention_norm; /* [n_embd], [head_dim] those of q and k */
    struct norm ffn_norm, ffn_sub_norm, post_ffw_norm;                         /* [n_embd], [n_ff] the second */
    struct matrix q, k, v, o, gate, up, down;
    struct attention attention;
    bool has_window;
    const struct rope *rope; /* NULL: none */
    const float *table;      /* [OPS_BATCH][n_rot], of that rope */
};

struct decoder {
    const struct decoder_traits *traits;
    struct decoder_config c;
    bool exact;
    struct rope rope, window_rope;

    struct matrix embedding, output, positions; /* [n_vocab][n_embd] twice, [n_ctx][n_embd] */
    struct norm output_norm;
    struct layer *layers; /* [n_layer] */

    float *x, *h;                     /* [OPS_BATCH][n_embd] */
    float *q, *a;                     /* [OPS_BATCH][n_head * head_dim] */
    float *k, *v;                     /* [OPS_BATCH][n_kv_head * head_dim] */
    float *gate, *up;                 /* [OPS_BATCH][n_ff] */
    float *table, *window_table;      /* [OPS_BATCH][n_rot] */
};

/* --- configuration ------------------------------------------------------------------------------------------------ */

static int read_sizes(struct decoder *m, const struct gguf *g, struct err *err)
{
    const struct gguf_tensor *embedding = gguf_find_tensor(g, "token_embd.weight");
    const char *arch = m->traits->arch;
    struct decoder_config *c = &m->c;
    size_t value_dim;

    if (family_need_size(g, arch, "context_length", 1, FAMILY_MAX_CONTEXT, &c->n_ctx, err) < 0 ||
        family_need_size(g, arch, "embedding_length", 1, FAMILY_MAX_WIDTH, &c->n_embd, err) < 0 ||
        family_need_size(g, arch, "block_count", 1, FAMILY_MAX_LAYERS, &c->n_layer, err) < 0 ||
        family_need_size(g, arch, "feed_forward_length", 1, FAMILY_MAX_WIDTH, &c->n_ff, err) < 0 ||
        family_need_size(g, arch, "attention.head_count", 1, FAMILY_MAX_HEADS, &c->n_head, err) < 0)
        return -1;
    c->n_kv_head = c->n_head;
    if (family_get_size(g, arch, "attention.head_count_kv", 1, c->n_head, &c->n_kv_head, err) < 0)
        return -1;
    if (c->n_head % c->n_kv_head)
        return fail(err, CORAX_E_ARGS, "%zu heads cannot share %zu key heads evenly", c->n_head, c->n_kv_head);
    c->head_dim = c->n_embd / c->n_head;
    if (family_get_size(g, arch, "attention.key_length", 1, FAMILY_MAX_WIDTH / c->n_head, &c->head_dim, err) < 0)
        return -1;
    value_dim = c->head_dim;
    if (family_get_size(g, arch, "attention.value_length", 1, FAMILY_MAX_WIDTH, &value_dim, err) < 0)
        return -1;
    if (value_dim != c->head_dim || c->head_dim == 0)
        return fail(err, CORAX_E_ARGS, "heads have keys of %zu and values of %zu numbers, they must be equal",
                    c->head_dim, value_dim);
    c->n_rot = m->traits->learned_positions ? 0 : c->head_dim;
    if (!m->traits->learned_positions &&
        family_get_size(g, arch, "rope.dimension_count", 0, c->head_dim, &c->n_rot, err) < 0)
        return -1;
    if (!embedding)
        return fail(err, CORAX_E_ARGS, "tensor token_embd.weight is missing");
    if (embedding->ne[1] > FAMILY_MAX_VOCAB)
        return fail(err, CORAX_E_ARGS, "tensor token_embd.weight has %llu rows, allowed are %d",
                    (unsigned long long)embedding->ne[1], FAMILY_MAX_VOCAB);
    c->n_vocab = (size_t)embedding->ne[1];
    return 0;
}

static int read_activation(struct decoder *m, const struct gguf *g, struct err *err)
{
    static const struct {
        const char *name;
        enum ops_activation kind;
    } names[] = {
        { "silu", OPS_SILU },          { "gelu", OPS_GELU_ERF },
        { "gelu_new", OPS_GELU_TANH }, { "gelu_pytorch_tanh", OPS_GELU_TANH },
        { "relu2", OPS_RELU_SQUARED }, { "relu_sqr", OPS_RELU_SQUARED },
    };
    struct gguf_string name = { "", 0 };
    char key[GGUF_MAX_KEY + 1];
    int found;

    snprintf(key, sizeof key, "%s.hidden_activation", m->traits->arch);
    found = gguf_get_string(g, key, &name, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (name.len == strlen(names[i].name) && memcmp(name.s, names[i].name, name.len) == 0) {
            m->c.activation = names[i].kind;
            return 0;
        }
    return fail(err, CORAX_E_ARGS, "metadata key %s is \"%.*s\", this program knows silu, gelu, gelu_pytorch_tanh and relu2",
                key, (int)(name.len < 32 ? name.len : 32), name.s);
}

static int read_config(struct decoder *m, const struct gguf *g, struct err *err)
{
    const char *arch = m->traits->arch, *eps = "attention.layer_norm_rms_epsilon";
    struct decoder_config *c = &m->c;

    if (read_sizes(m, g, err) < 0)
        return -1;
    c->eps = 1e-5;
    c->embedding_scale = c->logit_scale = 1;
    c->attention_scale = 1 / sqrt((double)c->head_dim);
    c->rope_base = 10000;
    c->activation = m->traits->activation;
    if (m->traits->defaults)
        m->traits->defaults(c);
    if (m->traits->layer_norm)
        eps = "attention.layer_norm_epsilon";
    if (family_get_float(g, arch, eps, 0, 1, &c->eps, err) < 0 ||
        family_get_float(g, arch, "attention.scale", 0, 1e6, &c->attention_scale, err) < 0 ||
        family_get_float(g, arch, "embedding_scale", 0, 1e6, &c->embedding_scale, err) < 0 ||
        family_get_float(g, arch, "logit_scale", 0, 1e6, &c->logit_scale, err) < 0 ||
        family_get_float(g, arch, "attn_logit_softcapping", 0, 1e6, &c->attention_softcap, err) < 0 ||
        family_get_float(g, arch, "final_logit_softcapping", 0, 1e6, &c->final_softcap, err) < 0 ||
        family_get_float(g, arch, "rope.freq_base_swa", 1, 1e12, &c->window_rope_base, err) < 0 ||
        family_get_size(g, arch, "attention.sliding_window", 0, FAMILY_MAX_CONTEXT, &c->window, err) < 0)
        return -1;
    return read_activation(m, g, err);
}

static int read_rope(struct decoder *m, const struct gguf *g, struct err *err)
{
    const struct decoder_config *c = &m->c;

    if (m->traits->learned_positions)
        return 0;
    if (rope_init(&m->rope, g, m->traits->arch, m->traits->pairs, c->n_rot, c->rope_base, c->n_ctx, err) < 0)
        return -1;
    if (c->window_rope_base > 0)
        return rope_init_plain(&m->window_rope, m->traits->pairs, c->n_rot, c->window_rope_base, err);
    return 0;
}

/* --- tensors ------------------------------------------------------------------------------------------------------ */

struct loader {
    const struct decoder_traits *traits;
    const struct gguf *g;
    bool *used; /* [gguf_n_tensors] */
    struct err *err;
};

static bool use(struct loader *l, const char *name)
{
    return family_use(l->g, name, l->used);
}

/* blk.LAYER.what.suffix */
static const char *name_of(char name[GGUF_MAX_NAME + 1], size_t layer, const char *what, const char *suffix)
{
    snprintf(name, GGUF_MAX_NAME + 1, "blk.%zu.%s.%s", layer, what, suffix);
    return name;
}

static int load_norm(struct loader *l, size_t layer, const char *what, size_t n, struct norm *out)
{
    char name[GGUF_MAX_NAME + 1];

    use(l, name_of(name, layer, what, "weight"));
    if (family_vector(l->g, name, n, &out->weight, l->err) < 0)
        return -1;
    if (!l->traits->layer_norm)
        return 0;
    use(l, name_of(name, layer, what, "bias"));
    return family_vector(l->g, name, n, &out->bias, l->err);
}

static int load_matrix(struct loader *l, size_t layer, const char *what, size_t k, size_t n_rows, struct matrix *out)
{
    char name[GGUF_MAX_NAME + 1];
    const float *scale;

    use(l, name_of(name, layer, what, "weight"));
    if (family_matrix(l->g, name, k, n_rows, out, l->err) < 0)
        return -1;
    if (l->traits->ternary && use(l, name_of(name, layer, what, "scale"))) {
        if (family_vector(l->g, name, 1, &scale, l->err) < 0)
            return -1;
        out->scale *= *scale;
    }
    if (!l->traits->biases || !use(l, name_of(name, layer, what, "bias")))
        return 0;
    return family_vector(l->g, name, n_rows, &out->bias, l->err);
}

/* q, k and v, one by one or with their rows in one matrix. */
static int load_qkv(struct loader *l, const struct decoder_config *c, size_t i, struct layer *to)
{
    const size_t q = c->n_head * c->head_dim, kv = c->n_kv_head * c->head_dim;
    char name[GGUF_MAX_NAME + 1];
    struct matrix all;

    if (gguf_find_tensor(l->g, name_of(name, i, "attn_qkv", "weight"))) {
        if (load_matrix(l, i, "attn_qkv", c->n_embd, q + 2 * kv, &all) < 0)
            return -1;
        to->q = family_rows(&all, 0, q);
        to->k = family_rows(&all, q, kv);
        to->v = family_rows(&all, q + kv, kv);
        return 0;
    }
    if (load_matrix(l, i, "attn_q", c->n_embd, q, &to->q) < 0 || load_matrix(l, i, "attn_k", c->n_embd, kv, &to->k) < 0)
        return -1;
    return load_matrix(l, i, "attn_v", c->n_embd, kv, &to->v);
}

/* Where there is a gate, its rows may stand above those of up in one matrix. */
static int load_up(struct loader *l, const struct decoder_config *c, size_t i, struct layer *to)
{
    char name[GGUF_MAX_NAME + 1];
    struct matrix both;

    if (!l->traits->gated)
        return load_matrix(l, i, "ffn_up", c->n_embd, c->n_ff, &to->up);
    if (gguf_find_tensor(l->g, name_of(name, i, "ffn_gate", "weight"))) {
        if (load_matrix(l, i, "ffn_gate", c->n_embd, c->n_ff, &to->gate) < 0)
            return -1;
        return load_matrix(l, i, "ffn_up", c->n_embd, c->n_ff, &to->up);
    }
    if (load_matrix(l, i, "ffn_up", c->n_embd, 2 * c->n_ff, &both) < 0)
        return -1;
    to->gate = family_rows(&both, 0, c->n_ff);
    to->up = family_rows(&both, c->n_ff, c->n_ff);
    return 0;
}

static int load_layer(struct decoder *m, struct loader *l, size_t i)
{
    const struct decoder_traits *t = m->traits;
    const struct decoder_config *c = &m->c;
    struct layer *to = &m->layers[i];

    if (load_norm(l, i, "attn_norm", c->n_embd, &to->attn_norm) < 0 || load_qkv(l, c, i, to) < 0)
        return -1;
    if (t->qk_norm && (load_norm(l, i, "attn_q_norm", c->head_dim, &to->q_norm) < 0 ||
                       load_norm(l, i, "attn_k_norm", c->head_dim, &to->k_norm) < 0))
        return -1;
    if (t->sub_norms && (load_norm(l, i, "attn_sub_norm", c->n_head * c->head_dim, &to->attn_sub_norm) < 0 ||
                         load_norm(l, i, "ffn_sub_norm", c->n_ff, &to->ffn_sub_norm) < 0))
        return -1;
    if (t->post_norms && (load_norm(l, i, "post_attention_norm", c->n_embd, &to->post_attention_norm) < 0 ||
                          load_norm(l, i, "post_ffw_norm", c->n_embd, &to->post_ffw_norm) < 0))
        return -1;
    if (load_matrix(l, i, "attn_output", c->n_head * c->head_dim, c->n_embd, &to->o) < 0 ||
        load_norm(l, i, "ffn_norm", c->n_embd, &to->ffn_norm) < 0 || load_up(l, c, i, to) < 0)
        return -1;
    return load_matrix(l, i, "ffn_down", c->n_ff, c->n_embd, &to->down);
}

static int load_ends(struct decoder *m, struct loader *l)
{
    const struct decoder_config *c = &m->c;

    use(l, "token_embd.weight");
    use(l, "output_norm.weight");
    if (family_matrix(l->g, "token_embd.weight", c->n_embd, c->n_vocab, &m->embedding, l->err) < 0 ||
        family_vector(l->g, "output_norm.weight", c->n_embd, &m->output_norm.weight, l->err) < 0)
        return -1;
    if (m->traits->layer_norm) {
        use(l, "output_norm.bias");
        if (family_vector(l->g, "output_norm.bias", c->n_embd, &m->output_norm.bias, l->err) < 0)
            return -1;
    }
    if (m->traits->learned_positions) {
        use(l, "position_embd.weight");
        if (family_matrix(l->g, "position_embd.weight", c->n_embd, c->n_ctx, &m->positions, l->err) < 0)
            return -1;
    } else {
        use(l, "rope_freqs.weight");
        use(l, "rope_factors_long.weight");
        use(l, "rope_factors_short.weight");
    }
    m->output = m->embedding;
    if (!use(l, "output.weight"))
        return 0;
    return family_matrix(l->g, "output.weight", c->n_embd, c->n_vocab, &m->output, l->err);
}

static int load_tensors(struct decoder *m, struct loader *l)
{
    if (load_ends(m, l) < 0)
        return -1;
    for (size_t i = 0; i < m->c.n_layer; i++)
        if (load_layer(m, l, i) < 0)
            return -1;
    return family_check_used(l->g, m->traits->arch, l->used, l->err);
}

static int read_weights(struct decoder *m, const struct gguf *g, struct err *err)
{
    struct loader l = { m->traits, g, calloc(gguf_n_tensors(g) + 1, sizeof *l.used), err };
    int rc;

    m->layers = calloc(m->c.n_layer, sizeof *m->layers);
    rc = l.used && m->layers ? load_tensors(m, &l) : fail(err, CORAX_E_LIMIT, "out of memory");
    free(l.used);
    return rc;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* After the tensors were seen to have these sizes: a few bytes of configuration alone take no memory. */
static int allocate(struct decoder *m, struct err *err)
{
    const struct decoder_config *c = &m->c;
    const struct {
        float **to;
        size_t width;
    } buffers[] = {
        { &m->x, c->n_embd },
        { &m->h, c->n_embd },
        { &m->q, c->n_head * c->head_dim },
        { &m->a, c->n_head * c->head_dim },
        { &m->k, c->n_kv_head * c->head_dim },
        { &m->v, c->n_kv_head * c->head_dim },
        { &m->gate, c->n_ff },
        { &m->up, c->n_ff },
        { &m->table, c->n_rot + 1 },
        { &m->window_table, c->n_rot + 1 },
    };

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        *buffers[i].to = aligned_zeros(buffers[i].width, OPS_BATCH * sizeof(float));
        if (!*buffers[i].to)
            return fail(err, CORAX_E_LIMIT, "out of memory for activations");
    }
    return 0;
}

/* Which layers have a window: each but every so-manieth one, or what a list says for each. */
static int read_windows(struct decoder *m, const struct gguf *g, struct err *err)
{
    struct decoder_config *c = &m->c;
    const struct gguf_kv *list;
    char key[GGUF_MAX_KEY + 1];

    snprintf(key, sizeof key, "%s.attention.sliding_window_pattern", m->traits->arch);
    list = gguf_find(g, key);
    if (list && list->type != GGUF_ARRAY) {
        if (family_get_size(g, m->traits->arch, "attention.sliding_window_pattern", 1, FAMILY_MAX_LAYERS,
                            &c->window_period, err) < 0)
            return -1;
        list = NULL;
    }
    if (list && gguf_get_array(g, key, GGUF_BOOL, &list, err) < 0)
        return -1;
    if (list && list->n != c->n_layer)
        return fail(err, CORAX_E_ARGS, "metadata key %s has %llu values, the model has %zu layers", key,
                    (unsigned long long)list->n, c->n_layer);
    for (size_t i = 0; i < c->n_layer; i++)
        m->layers[i].has_window =
            list ? list->data[i] != 0 : c->window_period == 0 || (i + 1) % c->window_period != 0;
    return 0;
}

static void set_attention(struct decoder *m)
{
    const struct decoder_config *c = &m->c;

    for (size_t i = 0; i < c->n_layer; i++) {
        struct layer *l = &m->layers[i];
        bool window = c->window > 0 && l->has_window;

        l->attention = (struct attention){
            .n_head = c->n_head,
            .n_kv_head = c->n_kv_head,
            .head_dim = c->head_dim,
            .scale = (float)c->attention_scale,
            .softcap = (float)c->attention_softcap,
            .window = window ? c->window : 0,
        };
        if (m->traits->learned_positions)
            continue;
        l->rope = window && m->window_rope.frequency ? &m->window_rope : &m->rope;
        l->table = l->rope == &m->rope ? m->table : m->window_table;
    }
}

/* The first layer and one in the middle are enough to tell layouts apart, and take some 40 ms of a model of 2 billion weights. */
static int check_layout(const struct decoder *m, struct err *err)
{
    struct i2_s_evidence evidence = { { 0 } };

    for (size_t i = 0; i < m->c.n_layer; i += m->c.n_layer / 2 + 1) {
        const struct layer *l = &m->layers[i];

        if (m->traits->gated && l->gate.type == QUANT_I2_S && l->up.type == QUANT_I2_S && l->down.type == QUANT_I2_S)
            i2_s_add(&evidence, &l->gate, &l->up, &l->down);
    }
    return i2_s_check(&evidence, err);
}

void *decoder_load(const struct decoder_traits *traits, const struct gguf *g, struct shape *shape, struct err *err)
{
    struct decoder *m = calloc(1, sizeof *m);
    const struct decoder_config *c;
    size_t widest;

    if (!m) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    m->traits = traits;
    c = &m->c;
    if (read_config(m, g, err) < 0 || read_rope(m, g, err) < 0 || read_weights(m, g, err) < 0 || read_windows(m, g, err) < 0 ||
        check_layout(m, err) < 0 || allocate(m, err) < 0) {
        decoder_unload(m);
        return NULL;
    }
    set_attention(m);
    widest = c->n_ff > c->n_embd ? c->n_ff : c->n_embd;
    if (c->n_head * c->head_dim > widest)
        widest = c->n_head * c->head_dim;
    *shape = (struct shape){ .n_vocab = c->n_vocab, .n_layer = c->n_layer, .n_head = c->n_head, .n_kv_head = c->n_kv_head,
                             .head_dim = c->head_dim, .n_ctx = c->n_ctx, .max_k = widest };
    return m;
}

void decoder_unload(void *model)
{
    struct decoder *m = model;
    float *buffers[] = { m->x, m->h, m->q, m->a, m->k, m->v, m->gate, m->up, m->table, m->window_table };

    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        free(buffers[i]);
    rope_finish(&m->rope);
    rope_finish(&m->window_rope);
    free(m->layers);
    free(m);
}

void decoder_prepare(void *model, const struct family_options *options)
{
    struct decoder *m = model;

    m->exact = options->exact && m->traits->ternary;
    rope_choose(&m->rope, options->n_ctx);
}

/* --- evaluation --------------------------------------------------------------------------------------------------- */

static void apply_norm(const struct decoder *m, struct ops *o, const struct norm *norm, const float *x, size_t n,
                       size_t width, float *out)
{
    if (m->traits->layer_norm)
        ops_layer_norm(o, x, norm->weight, norm->bias, (float)m->c.eps, n, width, out);
    else
        ops_rms_norm(o, x, norm->weight, (float)m->c.eps, n, width, out);
}

/* y = W x for each matrix; x [n][width] is rounded first when the model is to be exactly what was trained. */
static void multiply(const struct decoder *m, struct ops *o, const struct product *products, size_t n_products, float *x,
                     size_t n)
{
    if (m->exact) {
        ops_round_to_int8(x, n, products[0].w->k);
        ops_multiply_unpacked(o, products, n_products, x, n);
    } else {
        ops_multiply(o, products, n_products, x, n);
    }
}

static void attention(struct decoder *m, struct ops *o, const struct batch *b, size_t layer)
{
    const struct layer *l = &m->layers[layer];
    const struct product qkv[] = { { &l->q, m->q }, { &l->k, m->k }, { &l->v, m->v } };
    const struct decoder_config *c = &m->c;
    const size_t wide = c->n_head * c->head_dim, n = b->n;

    apply_norm(m, o, &l->attn_norm, m->x, n, c->n_embd, m->h);
    multiply(m, o, qkv, 3, m->h, n);
    if (m->traits->qk_norm) {
        ops_rms_norm(o, m->q, l->q_norm.weight, (float)c->eps, n * c->n_head, c->head_dim, m->q);
        ops_rms_norm(o, m->k, l->k_norm.weight, (float)c->eps, n * c->n_kv_head, c->head_dim, m->k);
    }
    for (size_t i = 0; i < n && l->rope; i++) {
        rope_apply(l->rope, l->table + i * c->n_rot, m->q + i * wide, c->n_head, c->head_dim);
        rope_apply(l->rope, l->table + i * c->n_rot, m->k + i * c->n_kv_head * c->head_dim, c->n_kv_head, c->head_dim);
    }
    ops_store(o, b, layer, m->k, m->v);
    ops_attend(o, &l->attention, b, layer, m->q, m->a);
    if (m->traits->sub_norms)
        apply_norm(m, o, &l->attn_sub_norm, m->a, n, wide, m->a);
    multiply(m, o, &(struct product){ &l->o, m->h }, 1, m->a, n);
    if (m->traits->post_norms)
        apply_norm(m, o, &l->post_attention_norm, m->h, n, c->n_embd, m->h);
    ops_add(m->x, m->h, n * c->n_embd);
}

static void feed_forward(struct decoder *m, struct ops *o, const struct layer *l, size_t n)
{
    const struct product gate_up[] = { { &l->up, m->up }, { &l->gate, m->gate } };
    const struct decoder_config *c = &m->c;
    const bool gated = m->traits->gated;
    float *inner = gated ? m->gate : m->up;

    apply_norm(m, o, &l->ffn_norm, m->x, n, c->n_embd, m->h);
    multiply(m, o, gate_up, gated ? 2 : 1, m->h, n);
    ops_activate(o, c->activation, inner, gated ? m->up : NULL, n, c->n_ff);
    if (m->traits->sub_norms)
        apply_norm(m, o, &l->ffn_sub_norm, inner, n, c->n_ff, inner);
    multiply(m, o, &(struct product){ &l->down, m->h }, 1, inner, n);
    if (m->traits->post_norms)
        apply_norm(m, o, &l->post_ffw_norm, m->h, n, c->n_embd, m->h);
    ops_add(m->x, m->h, n * c->n_embd);
}

static void embed(struct decoder *m, const struct batch *b)
{
    const struct decoder_config *c = &m->c;
    const bool learned = m->traits->learned_positions;

    for (size_t s = 0, i = 0; s < b->n_spans; s++)
        for (size_t pos = b->spans[s].pos; pos < b->spans[s].pos + b->spans[s].n; pos++, i++) {
            ops_row(&m->embedding, (size_t)b->tokens[i], m->x + i * c->n_embd);
            if (learned)
                ops_row(&m->positions, pos, m->h + i * c->n_embd);
            if (m->rope.frequency)
                rope_table(&m->rope, pos, m->table + i * c->n_rot);
            if (m->window_rope.frequency)
                rope_table(&m->window_rope, pos, m->window_table + i * c->n_rot);
        }
    if (c->embedding_scale != 1)
        ops_scale(m->x, (float)c->embedding_scale, b->n * c->n_embd);
    if (learned)
        ops_add(m->x, m->h, b->n * c->n_embd);
}

static void find_logits(struct decoder *m, struct ops *o, const struct batch *b)
{
    const struct product head = { &m->output, b->logits };
    const struct decoder_config *c = &m->c;
    float *h = m->h;

    for (size_t i = 0, end = 0; i < b->n_spans; i++) {
        const size_t n = b->spans[i].n_logits;

        end += b->spans[i].n;
        apply_norm(m, o, &m->output_norm, m->x + (end - n) * c->n_embd, n, c->n_embd, h);
        h += n * c->n_embd;
    }
    if (!b->logits)
        return;
    ops_multiply(o, &head, 1, m->h, b->n_logits);
    if (c->logit_scale != 1)
        ops_scale(b->logits, (float)c->logit_scale, b->n_logits * c->n_vocab);
    if (c->final_softcap > 0)
        ops_softcap(b->logits, (float)c->final_softcap, b->n_logits * c->n_vocab);
}

void decoder_eval(void *model, struct ops *o, const struct batch *b)
{
    struct decoder *m = model;

    embed(m, b);
    for (size_t i = 0; i < m->c.n_layer; i++) {
        attention(m, o, b, i);
        feed_forward(m, o, &m->layers[i], b->n);
    }
    if (b->n_logits)
        find_logits(m, o, b);
}

const float *decoder_hidden(const void *model, size_t *n_embd)
{
    const struct decoder *m = model;

    *n_embd = m->c.n_embd;
    return m->h;
}
