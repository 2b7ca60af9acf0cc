#include "infer/quantization.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "infer/family.h"
#include "infer/gguf_write.h"
#include "infer/pool.h"
#include "infer/weights.h"

#define SLAB        ((size_t)1 << 20) /* values between two writes */
#define CHUNK_ROWS  8                 /* rows that one thread takes at a time, at least */
#define HALF_BOUND  65520.0f          /* what is not below it becomes infinite in F16 */
#define BRAIN_BOUND 0x1.ffp127f       /* and in BF16 */

/* --- mixtures ----------------------------------------------------------------------------------------------------- */

/* Layers in which values and what goes down get `more`. */
enum layers {
    LAYERS_NONE,
    LAYERS_MORE,  /* the first and the last eighth, and every third one between */
    LAYERS_EARLY, /* `down` of the first eighth; values where four query heads or more share a key head */
};

struct quantization {
    const char *name;
    uint32_t file_type;   /* general.file_type */
    enum quant_type usual, output, embedding, qkv, more;
    enum layers layers;
};

#define ALL(TYPE) (TYPE), (TYPE), (TYPE), (TYPE), (TYPE)
static const struct quantization mixtures[] = {
    { "F16", 1, ALL(QUANT_F16), LAYERS_NONE },
    { "BF16", 32, ALL(QUANT_BF16), LAYERS_NONE },
    { "Q8_0", 7, ALL(QUANT_Q8_0), LAYERS_NONE },
    { "Q6_K", 18, ALL(QUANT_Q6_K), LAYERS_NONE },
    { "Q5_K_M", 17, QUANT_Q5_K, QUANT_Q6_K, QUANT_Q5_K, QUANT_Q6_K, QUANT_Q6_K, LAYERS_MORE },
    { "Q4_K_M", 15, QUANT_Q4_K, QUANT_Q6_K, QUANT_Q4_K, QUANT_Q5_K, QUANT_Q6_K, LAYERS_MORE },
    { "Q4_0", 2, QUANT_Q4_0, QUANT_Q6_K, QUANT_Q4_0, QUANT_Q4_0, QUANT_Q4_0, LAYERS_NONE },
    { "IQ4_XS", 30, QUANT_IQ4_XS, QUANT_Q6_K, QUANT_IQ4_XS, QUANT_IQ4_XS, QUANT_Q5_K, LAYERS_EARLY },
    { "TQ1_0", 36, QUANT_TQ1_0, QUANT_Q6_K, QUANT_Q4_K, QUANT_TQ1_0, QUANT_TQ1_0, LAYERS_NONE },
    { "TQ2_0", 37, QUANT_TQ2_0, QUANT_Q6_K, QUANT_Q4_K, QUANT_TQ2_0, QUANT_TQ2_0, LAYERS_NONE },
};
#define N_MIXTURES (sizeof mixtures / sizeof mixtures[0])

const struct quantization *quantization_find(const char *name, struct err *err)
{
    char known[120] = "";
    size_t len = 0;

    for (size_t i = 0; i < N_MIXTURES; i++) {
        if (strcasecmp(mixtures[i].name, name) == 0)
            return &mixtures[i];
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len ? " " : "", mixtures[i].name);
    }
    fail(err, CORAX_E_ARGS, "type \"%.32s\" is not one that this program writes (%s)", name, known);
    return NULL;
}

/* Matrices that are small, and that a recurrence or a convolution multiplies by again and again. */
static bool stays(const struct gguf_tensor *t)
{
    static const char *const kept[] = {
        "_norm.", "position_embd.", "ssm_conv1d.", "time_mix_first.", "time_mix_w0.", "time_mix_w1.", "time_mix_w2.",
        "time_mix_v0.", "time_mix_v1.", "time_mix_v2.", "time_mix_a0.", "time_mix_a1.", "time_mix_a2.", "time_mix_g1.",
        "time_mix_g2.", "time_mix_decay", "time_mix_lerp_",
    };
    const size_t len = strlen(t->name);

    if (t->n_dims < 2 || t->ne[1] * t->ne[2] * t->ne[3] < 2 || len < 7 || strcmp(t->name + len - 7, ".weight") != 0)
        return true;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (strstr(t->name, kept[i]))
            return true;
    return false;
}

static bool is_part(const struct gguf_tensor *t, const char *part, size_t *layer)
{
    char *end;

    if (strncmp(t->name, "blk.", 4) != 0)
        return false;
    *layer = strtoul(t->name + 4, &end, 10);
    return *end == '.' && strncmp(end + 1, part, strlen(part)) == 0 && strcmp(end + 1 + strlen(part), ".weight") == 0;
}

static bool gets_more(enum layers layers, const struct quantization_model *m, size_t layer, bool is_value)
{
    const size_t eighth = m->n_layer / 8;

    switch (layers) {
    case LAYERS_MORE:
        return layer < eighth || layer >= 7 * m->n_layer / 8 || (layer - eighth) % 3 == 2;
    case LAYERS_EARLY:
        return is_value ? m->n_shared >= 4 : layer < eighth;
    default:
        return false;
    }
}

static enum quant_type wanted(const struct quantization *q, const struct quantization_model *m,
                              const struct gguf_tensor *t)
{
    size_t layer;

    if (strcmp(t->name, "output.weight") == 0 || (strcmp(t->name, "token_embd.weight") == 0 && !m->has_output))
        return q->output;
    if (strcmp(t->name, "token_embd.weight") == 0)
        return q->embedding;
    if (is_part(t, "attn_qkv", &layer))
        return q->qkv;
    if ((is_part(t, "attn_v", &layer) && gets_more(q->layers, m, layer, true)) ||
        (is_part(t, "ffn_down", &layer) && gets_more(q->layers, m, layer, false)))
        return q->more;
    return q->usual;
}

/* What stands for a format whose blocks a row does not fill. */
static enum quant_type smaller(enum quant_type type)
{
    switch (type) {
    case QUANT_Q4_K:
        return QUANT_Q5_0;
    case QUANT_Q5_K:
        return QUANT_Q5_1;
    case QUANT_Q6_K:
        return QUANT_Q8_0;
    case QUANT_IQ4_XS:
        return QUANT_IQ4_NL;
    case QUANT_TQ1_0:
    case QUANT_TQ2_0:
        return QUANT_Q4_0;
    default:
        return QUANT_F16;
    }
}

const struct quant_format *quantization_choose(const struct quantization *q, const struct quantization_model *m,
                                               const struct gguf_tensor *t)
{
    const struct quant_format *f;

    if (stays(t))
        return t->format;
    f = quant_find(wanted(q, m, t));
    if (t->ne[0] % f->block == 0)
        return f;
    while (t->ne[0] % f->block)
        f = quant_find(smaller((enum quant_type)f->id));
    return f->id == QUANT_F16 && t->format->id == QUANT_BF16 ? t->format : f; /* as small, and nothing is lost */
}

/* --- a tensor ----------------------------------------------------------------------------------------------------- */

struct job {
    const struct gguf_tensor *t;
    const struct quant_format *to;
    size_t row_bytes, first, n, chunk; /* rows first ... first + n - 1, chunk of them at a time */
    unsigned char *out;                /* [n][row_bytes] */
    float *row;                        /* [n_threads][ne[0]] */
    float bound;                       /* magnitudes must be below it */
    bool beyond[POOL_MAX_CHUNKS];
};

static void run_chunk(void *arg, unsigned chunk, unsigned thread)
{
    struct job *j = arg;
    const size_t k = (size_t)j->t->ne[0], begin = chunk * j->chunk, end = begin + j->chunk < j->n ? begin + j->chunk : j->n;
    float *row = j->row + thread * k;

    j->beyond[chunk] = false;
    for (size_t r = begin; r < end; r++) {
        quant_dequantize((enum quant_type)j->t->format->id,
                         (const unsigned char *)j->t->data + (j->first + r) * j->t->row_bytes, k, row);
        for (size_t i = 0; i < k; i++)
            j->beyond[chunk] |= !(fabsf(row[i]) < j->bound);
        quant_quantize((enum quant_type)j->to->id, row, NULL, k, j->out + r * j->row_bytes);
    }
}

struct work {
    struct gguf_writer *writer;
    struct pool *pool;
    const struct quantization_options *options;
    size_t done, total; /* bytes read */
};

static int run_slab(struct work *w, struct job *j, struct err *err)
{
    size_t n_chunks = (j->n + CHUNK_ROWS - 1) / CHUNK_ROWS;

    if (n_chunks > POOL_MAX_CHUNKS)
        n_chunks = POOL_MAX_CHUNKS;
    j->chunk = (j->n + n_chunks - 1) / n_chunks;
    n_chunks = (j->n + j->chunk - 1) / j->chunk;
    pool_run(w->pool, run_chunk, j, (unsigned)n_chunks);
    for (size_t i = 0; i < n_chunks; i++)
        if (j->beyond[i])
            return fail(err, CORAX_E_ARGS, "tensor %s has a value that is no number, or too large for %s", j->t->name,
                        j->to->name);
    if (gguf_writer_data(w->writer, j->out, j->n * j->row_bytes, err) < 0)
        return -1;
    w->done += j->n * j->t->row_bytes;
    if (w->options->progress)
        w->options->progress(w->options->arg, w->done, w->total);
    return 0;
}

static int convert(struct work *w, const struct gguf_tensor *t, const struct quant_format *to, struct err *err)
{
    const size_t n_rows = (size_t)(t->ne[1] * t->ne[2] * t->ne[3]), k = (size_t)t->ne[0];
    const size_t slab = SLAB / k > 0 ? SLAB / k : 1;
    struct job *j = calloc(1, sizeof *j);
    int rc = 0;

    if (j) {
        *j = (struct job){ .t = t, .to = to, .row_bytes = k / to->block * to->bytes,
                           .bound = to->id == QUANT_F16 ? HALF_BOUND : to->id == QUANT_BF16 ? BRAIN_BOUND : INFINITY };
        j->out = malloc((slab < n_rows ? slab : n_rows) * j->row_bytes);
        j->row = malloc(pool_n_threads(w->pool) * k * sizeof *j->row);
    }
    if (!j || !j->out || !j->row)
        rc = fail(err, CORAX_E_LIMIT, "out of memory for rows of %zu values", k);
    for (size_t at = 0; at < n_rows && rc == 0; at += slab) {
        j->first = at;
        j->n = n_rows - at < slab ? n_rows - at : slab;
        rc = run_slab(w, j, err);
    }
    if (j) {
        free(j->out);
        free(j->row);
    }
    free(j);
    return rc;
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* Parts of a split model become one file; what the new file says itself is left out. */
static bool is_replaced(const char *key)
{
    return strncmp(key, "split.", 6) == 0 || strcmp(key, "general.file_type") == 0 ||
           strcmp(key, "general.quantization_version") == 0 || strcmp(key, "general.alignment") == 0;
}

static void add_keys(struct gguf_writer *w, const struct gguf *g, const struct quantization *q)
{
    for (size_t i = 0; i < gguf_n_kv(g); i++)
        if (!is_replaced(gguf_kv_at(g, i)->key))
            gguf_add_kv(w, gguf_kv_at(g, i));
    gguf_add_u32(w, "general.file_type", q->file_type);
    gguf_add_u32(w, "general.quantization_version", 2);
}

static int read_model(const struct gguf *g, struct quantization_model *m, struct err *err)
{
    struct gguf_string arch = { "", 0 };
    size_t n_head = 1, n_kv_head;
    char name[64];

    if (gguf_get_string(g, "general.architecture", &arch, err) < 0)
        return -1;
    snprintf(name, sizeof name, "%.*s", (int)(arch.len < sizeof name ? arch.len : sizeof name - 1), arch.s);
    m->has_output = gguf_find_tensor(g, "output.weight") != NULL;
    if (family_need_size(g, name, "block_count", 1, FAMILY_MAX_LAYERS, &m->n_layer, err) < 0 ||
        family_get_size(g, name, "attention.head_count", 0, FAMILY_MAX_HEADS, &n_head, err) < 0)
        return -1;
    n_kv_head = n_head;
    if (family_get_size(g, name, "attention.head_count_kv", 0, FAMILY_MAX_HEADS, &n_kv_head, err) < 0)
        return -1;
    m->n_shared = n_kv_head ? n_head / n_kv_head : 1;
    return 0;
}

/* The formats, in formats[n_tensors], and the descriptions. */
static int plan(struct gguf_writer *w, const struct gguf *g, const struct quantization *q, const struct quant_format **formats,
                struct quantization_result *result, struct err *err)
{
    struct quantization_model model;

    if (read_model(g, &model, err) < 0)
        return -1;
    *result = (struct quantization_result){ .n_tensors = gguf_n_tensors(g) };
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        const bool exact = t->format->id == QUANT_F32 || t->format->id == QUANT_F16 || t->format->id == QUANT_BF16;

        formats[i] = quantization_choose(q, &model, t);
        if (formats[i] != t->format && !exact)
            return fail(err, CORAX_E_ARGS, "tensor %s is of type %s already: begin with a file of F32, F16 or BF16", t->name,
                        t->format->name);
        result->n_changed += formats[i] != t->format;
        result->bytes_before += t->bytes;
        gguf_add_tensor(w, t->name, formats[i], t->n_dims, t->ne);
    }
    result->bytes = gguf_writer_bytes(w);
    return 0;
}

/* What will run it must be able to. */
static int check(const char *path, struct pool *pool, struct err *err)
{
    struct gguf *g = gguf_open(path, err);
    const struct family *family = g ? family_find(g, err) : NULL;
    struct shape shape;
    void *model = family ? family->load(g, &shape, err) : NULL;
    const bool good = model && weights_check(g, pool, err) == 0;

    if (model)
        family->unload(model);
    gguf_close(g);
    return good ? 0 : err_context(err, "the result would not load");
}

static int write_file(struct work *w, const struct gguf *g, const char *out, const struct quant_format **formats,
                      struct err *err)
{
    if (gguf_writer_begin(w->writer, out, err) < 0)
        return -1;
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        if (formats[i] != t->format) {
            if (convert(w, t, formats[i], err) < 0)
                return -1;
            continue;
        }
        if (gguf_writer_data(w->writer, t->data, t->bytes, err) < 0)
            return -1;
        w->done += t->bytes;
    }
    if (gguf_writer_flush(w->writer, err) < 0 || check(gguf_writer_part(w->writer), w->pool, err) < 0)
        return -1;
    return gguf_writer_finish(w->writer, err);
}

int quantization_run(const char *model, const char *out, const struct quantization *q,
                     const struct quantization_options *options, struct quantization_result *result, struct err *err)
{
    struct gguf *g = gguf_open(model, err);
    const struct quant_format **formats = NULL;
    struct work w = { .options = options };
    int rc = -1;

    if (!g)
        return -1;
    formats = calloc(gguf_n_tensors(g) + 1, sizeof *formats);
    w.writer = gguf_writer_create(err);
    w.pool = pool_create(options->n_threads ? options->n_threads : pool_default_threads(), err);
    if (!formats || !w.writer || !w.pool) {
        if (!formats)
            fail(err, CORAX_E_LIMIT, "out of memory");
        goto out;
    }
    add_keys(w.writer, g, q);
    if (plan(w.writer, g, q, formats, result, err) < 0) {
        err_context(err, "%s", model);
        goto out;
    }
    w.total = (size_t)result->bytes_before;
    rc = write_file(&w, g, out, formats, err);
out:
    pool_destroy(w.pool);
    gguf_writer_destroy(w.writer);
    free(formats);
    gguf_close(g);
    return rc;
}
