#include "infer/mamba.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "infer/aligned.h"

#define MAX_TENSORS 16 /* of a layer */

int mamba_read_config(struct mamba *m, const struct gguf *g, struct err *err)
{
    const struct gguf_tensor *embedding = gguf_find_tensor(g, "token_embd.weight");
    const char *arch = m->arch;
    double eps = 1e-5;
    size_t unused;

    if (family_need_size(g, arch, "context_length", 1, FAMILY_MAX_CONTEXT, &m->n_ctx, err) < 0 ||
        family_need_size(g, arch, "embedding_length", 1, FAMILY_MAX_WIDTH, &m->n_embd, err) < 0 ||
        family_need_size(g, arch, "block_count", 1, FAMILY_MAX_LAYERS, &m->n_layer, err) < 0 ||
        family_need_size(g, arch, "ssm.conv_kernel", 1, MAMBA_MAX_TAPS, &m->n_taps, err) < 0 ||
        family_need_size(g, arch, "ssm.inner_size", 1, FAMILY_MAX_WIDTH, &m->n_inner, err) < 0 ||
        family_need_size(g, arch, "ssm.state_size", 1, MAMBA_MAX_STATE, &m->n_state, err) < 0 ||
        family_need_size(g, arch, "ssm.time_step_rank", 1, FAMILY_MAX_WIDTH, &m->time_step_rank, err) < 0 ||
        family_get_float(g, arch, "attention.layer_norm_rms_epsilon", 0, 1, &eps, err) < 0)
        return -1;
    /* Files say that there is none of these. */
    if (family_get_size(g, arch, "feed_forward_length", 0, 0, &unused, err) < 0 ||
        family_get_size(g, arch, "attention.head_count", 0, 0, &unused, err) < 0)
        return -1;
    m->eps = (float)eps;
    if (!embedding)
        return fail(err, CORAX_E_ARGS, "tensor token_embd.weight is missing");
    if (embedding->ne[1] > FAMILY_MAX_VOCAB)
        return fail(err, CORAX_E_ARGS, "tensor token_embd.weight has %" PRIu64 " rows, allowed are %d",
                    embedding->ne[1], FAMILY_MAX_VOCAB);
    m->n_vocab = (size_t)embedding->ne[1];
    m->used = calloc(gguf_n_tensors(g) + 1, sizeof *m->used);
    if (!m->used)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    return 0;
}

float *mamba_memory(struct mamba *m, size_t n, size_t width, struct err *err)
{
    void **more = realloc(m->memory, (m->n_memory + 1) * sizeof *more);

    if (more) {
        m->memory = more;
        more[m->n_memory] = aligned_zeros(n, width * sizeof(float));
        if (more[m->n_memory])
            return more[m->n_memory++];
    }
    fail(err, CORAX_E_LIMIT, "out of memory for %zu x %zu numbers", n, width);
    return NULL;
}

/* --- tensors ------------------------------------------------------------------------------------------------------ */

/* Checks it and marks it as used; 1: it may be missing, and is. */
static int find(struct mamba *m, const struct gguf *g, const char *name, const struct mamba_tensor *t,
                struct matrix *out, struct err *err)
{
    const struct gguf_tensor *found = gguf_find_tensor(g, name);

    if (!found && t->optional)
        return 1;
    if (family_matrix(g, name, t->k, t->n_rows, out, err) < 0)
        return -1;
    m->used[found - gguf_tensor_at(g, 0)] = true;
    return 0;
}

static void transpose(const float *from, size_t n_rows, size_t k, float *to)
{
    for (size_t r = 0; r < n_rows; r++)
        for (size_t i = 0; i < k; i++)
            to[i * n_rows + r] = from[r * k + i];
}

/* The values of a tensor that was found, where they are wanted. */
static int copy(struct mamba *m, const struct mamba_tensor *t, const struct matrix *from, struct err *err)
{
    float *values, *columns;

    if (t->matrix) {
        *t->matrix = *from;
        return 0;
    }
    if (!(values = mamba_memory(m, t->n_rows, t->k, err)))
        return -1;
    for (size_t r = 0; r < t->n_rows; r++)
        ops_row(from, r, values + r * t->k);
    if (t->values) {
        *t->values = values;
        return 0;
    }
    if (!(columns = mamba_memory(m, t->k, t->n_rows, err)))
        return -1;
    transpose(values, t->n_rows, t->k, columns);
    free(values);
    m->memory[m->n_memory - 2] = NULL;
    *t->columns = columns;
    return 0;
}

int mamba_read_layer(struct mamba *m, const struct gguf *g, size_t layer, const struct mamba_tensor *list, size_t n,
                     struct err *err)
{
    struct matrix found[MAX_TENSORS];
    char name[GGUF_MAX_NAME + 1];
    int rc[MAX_TENSORS];

    /* All are there before the first is copied: a few bytes of configuration alone take no memory. */
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "blk.%zu.%s", layer, list[i].name);
        rc[i] = find(m, g, name, &list[i], &found[i], err);
        if (rc[i] < 0)
            return -1;
    }
    for (size_t i = 0; i < n; i++)
        if (rc[i] == 0 && copy(m, &list[i], &found[i], err) < 0)
            return -1;
    return 0;
}

static int read_ends(struct mamba *m, const struct gguf *g, struct err *err)
{
    const struct mamba_tensor list[] = {
        { "token_embd.weight", m->n_embd, m->n_vocab, .matrix = &m->embedding },
        { "output_norm.weight", m->n_embd, 1, .values = &m->output_norm },
        { "output.weight", m->n_embd, m->n_vocab, .matrix = &m->output, .optional = true },
    };

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct matrix found;
        int rc = find(m, g, list[i].name, &list[i], &found, err);

        if (rc < 0 || (rc == 0 && copy(m, &list[i], &found, err) < 0))
            return -1;
    }
    if (!m->output.data)
        m->output = m->embedding;
    if (family_check_used(g, m->arch, m->used, err) < 0)
        return -1;
    free(m->used);
    m->used = NULL;
    return 0;
}

int mamba_read_rest(struct mamba *m, const struct gguf *g, size_t n_recurrent, size_t max_k, struct shape *shape,
                    struct err *err)
{
    if (read_ends(m, g, err) < 0)
        return -1;
    if (n_recurrent > MAMBA_MAX_VALUES / m->n_layer)
        return fail(err, CORAX_E_ARGS, "a state of %zu layers with %zu numbers each, allowed are %zu in all",
                    m->n_layer, n_recurrent, MAMBA_MAX_VALUES);
    if (!(m->x = mamba_memory(m, OPS_BATCH, m->n_embd, err)) || !(m->h = mamba_memory(m, OPS_BATCH, m->n_embd, err)))
        return -1;
    *shape = (struct shape){ .n_vocab = m->n_vocab, .n_layer = m->n_layer, .n_recurrent = n_recurrent,
                             .n_ctx = m->n_ctx, .max_k = max_k > m->n_embd ? max_k : m->n_embd };
    return 0;
}

void mamba_finish(struct mamba *m)
{
    for (size_t i = 0; i < m->n_memory; i++)
        free(m->memory[i]);
    free(m->memory);
    free(m->used);
}

/* --- evaluation --------------------------------------------------------------------------------------------------- */

void mamba_embed(struct mamba *m, const int32_t *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ops_row(&m->embedding, (size_t)tokens[i], m->x + i * m->n_embd);
}

void mamba_begin(struct mamba *m, struct ops *o, const float *norm, size_t n)
{
    ops_rms_norm(o, m->x, norm, m->eps, n, m->n_embd, m->h);
}

void mamba_end(struct mamba *m, struct ops *o, const struct matrix *out, const float *y, size_t n)
{
    struct ops_after add = { .y = m->h, .n = n, .width = m->n_embd, .sum = m->x };

    ops_multiply(o, &(struct product){ out, m->h, .then = ops_after, .arg = &add }, 1, y, n);
}

void mamba_head(struct mamba *m, struct ops *o, const struct batch *b)
{
    const struct product head = { &m->output, b->logits };
    float *h = m->h;

    if (b->n_logits == 0)
        return;
    for (size_t i = 0, end = 0; i < b->n_spans; i++) {
        const size_t n = b->spans[i].n_logits;

        end += b->spans[i].n;
        ops_rms_norm(o, m->x + (end - n) * m->n_embd, m->output_norm, m->eps, n, m->n_embd, h);
        h += n * m->n_embd;
    }
    if (b->logits)
        ops_multiply(o, &head, 1, m->h, b->n_logits);
}
