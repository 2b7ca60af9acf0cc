/*
 * Reading the folder, matching names, and writing rows.  What a family is lives in conversion_NAME.c; keys that several have in
 * common in conversion_config.c.
 */
#include "infer/conversion.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/family.h"
#include "infer/tokenizer.h"
#include "infer/weights.h"
#include "util/buf.h"
#include "util/file.h"

#define MAX_CONFIG  ((size_t)16 << 20)
#define ARENA_LIMIT ((size_t)1 << 30)
#define MAX_KNOWN   4096 /* names of model types, far more than there are */
#define CHUNK       ((size_t)4 << 20) /* bytes between two looks at the progress */

static const struct conversion_family *const families[] = {
    &conversion_bert,
    &conversion_llama,      &conversion_qwen2,       &conversion_qwen3,   &conversion_phi3,
    &conversion_starcoder2, &conversion_bitnet,      &conversion_gemma,   &conversion_gemma2,
    &conversion_gemma3,     &conversion_gpt2,        &conversion_biogpt,  &conversion_starcoder,
    &conversion_mamba,      &conversion_crystalcoder, &conversion_mamba2, &conversion_rwkv,
    &conversion_rwkv5,      &conversion_rwkv6,       &conversion_rwkv7,
};
#define N_FAMILIES (sizeof families / sizeof families[0])

/* --- config.json -------------------------------------------------------------------------------------------------- */

static bool is_listed(const char *list, const char *word)
{
    char padded[80];

    snprintf(padded, sizeof padded, " %s ", word);
    return *word && !strchr(word, ' ') && strstr(list, padded);
}

static int find_family(struct conversion *c, struct err *err)
{
    const char *type = json_get_text(c->config, "model_type", "");
    struct buf known;

    for (size_t i = 0; i < N_FAMILIES; i++)
        if (is_listed(families[i]->model_types, type)) {
            c->family = families[i];
            return 0;
        }
    buf_init(&known, MAX_KNOWN);
    for (size_t i = 0; i < N_FAMILIES; i++)
        buf_adds(&known, families[i]->model_types + 1);
    fail(err, CORAX_E_ARGS, "config.json: model_type \"%.32s\" is not one that can be converted (%.*s)", type,
         (int)(known.len > 0 ? known.len - 1 : 0), known.data);
    buf_finish(&known);
    return -1;
}

/* Models of text and images keep the text model's configuration in a member. */
static int read_config(struct conversion *c, const struct json *root, struct err *err)
{
    const struct json *text = json_get(root, "text_config");

    if (json_kind(root) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "config.json is no JSON object");
    c->config = json_kind(text) == JSON_OBJECT && json_get(text, "model_type") ? text : root;
    return find_family(c, err);
}

/* Python writes numbers that JSON does not have; none of them counts here. */
static void replace_infinities(struct buf *text)
{
    static const char *const words[] = { "-Infinity", "Infinity", "NaN" };
    bool inside = false;

    for (size_t i = 0; i < text->len; i++) {
        if (inside && text->data[i] == '\\')
            i++;
        else if (text->data[i] == '"')
            inside = !inside;
        for (size_t w = 0; !inside && w < 3 && i < text->len; w++) {
            const size_t len = strlen(words[w]);

            if (strncmp(text->data + i, words[w], len) == 0)
                memcpy(text->data + i, len == 3 ? "0.0" : "null     ", len);
        }
    }
}

static struct json *parse_config(const char *folder, struct err *err)
{
    struct json *root = NULL;
    struct buf text;
    char path[4096];

    buf_init(&text, MAX_CONFIG);
    if (snprintf(path, sizeof path, "%s/config.json", folder) >= (int)sizeof path) {
        fail(err, CORAX_E_ARGS, "%.64s...: the path is too long", folder);
    } else if (file_read(path, &text, err) == 0) {
        replace_infinities(&text);
        root = json_parse(text.data, text.len, err);
        if (!root)
            err_context(err, "%s", path);
    }
    buf_finish(&text);
    return root;
}

/* --- which tensors there will be ---------------------------------------------------------------------------------- */

struct conversion_tensor *conversion_add(struct conversion *c, struct err *err)
{
    if (c->n_tensors == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 256;
        struct conversion_tensor *more = cap <= GGUF_MAX_TENSORS ? realloc(c->tensors, cap * sizeof *more) : NULL;

        if (!more) {
            fail(err, CORAX_E_LIMIT, "more than %d tensors, or out of memory for them", GGUF_MAX_TENSORS);
            return NULL;
        }
        c->tensors = more;
        c->cap = cap;
    }
    c->tensors[c->n_tensors] = (struct conversion_tensor){ .scale = 1, .ne = { 1, 1, 1, 1 } };
    return &c->tensors[c->n_tensors++];
}

int conversion_add_values(struct conversion *c, const char *name, const float *values, size_t n, struct err *err)
{
    struct conversion_tensor *t = conversion_add(c, err);
    float *copy = arena_alloc(c->arena, (n + 1) * sizeof *copy);

    if (!t || !copy)
        return t ? fail(err, CORAX_E_LIMIT, "out of memory") : -1;
    memcpy(copy, values, n * sizeof *copy);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->values = copy;
    t->n_dims = 1;
    t->ne[0] = n;
    t->place[0] = -1;
    t->place[1] = INT32_MAX;
    return 0;
}

/* Bytes of the first of the prefixes, each between spaces, that name has; 0: none. */
static size_t prefix_len(const char *prefixes, const char *name)
{
    for (const char *at = prefixes; at && *at; at += strcspn(at, " ")) {
        size_t len;

        at += strspn(at, " ");
        len = strcspn(at, " ");
        if (len > 0 && strncmp(name, at, len) == 0)
            return len;
    }
    return 0;
}

/* Whether name is the pattern with a number for %, and nothing, .weight or .bias behind it; then *suffix is that. */
static bool match(const char *pattern, const char *name, unsigned long *layer, const char **suffix)
{
    for (; *pattern; pattern++) {
        char *end;

        if (*pattern != '%') {
            if (*pattern != *name++)
                return false;
            continue;
        }
        if (*name < '0' || *name > '9' || (*name == '0' && name[1] >= '0' && name[1] <= '9'))
            return false;
        *layer = strtoul(name, &end, 10);
        if (*layer >= FAMILY_MAX_LAYERS)
            return false;
        name = end;
    }
    *suffix = name;
    return *name == 0 || strcmp(name, ".weight") == 0 || strcmp(name, ".bias") == 0;
}

static void make_name(struct conversion_tensor *t, const char *pattern, unsigned long layer, const char *suffix)
{
    const char *number = strchr(pattern, '%');

    if (number)
        snprintf(t->name, sizeof t->name, "%.*s%lu%s%s", (int)(number - pattern), pattern, layer, number + 1, suffix);
    else
        snprintf(t->name, sizeof t->name, "%s%s", pattern, suffix);
    t->place[0] = number ? (int64_t)layer : strncmp(pattern, "output", 6) == 0 ? FAMILY_MAX_LAYERS : -1;
}

static int set_shape(struct conversion_tensor *t, struct err *err)
{
    const struct safetensor *s = t->from;

    if (s->n_dims < 1 || s->n_dims > GGUF_MAX_DIMS)
        return fail(err, CORAX_E_ARGS, "tensor %.64s has %zu dimensions, weights have 1 to %d", s->name, s->n_dims,
                    GGUF_MAX_DIMS);
    t->n_dims = (uint32_t)s->n_dims;
    for (size_t d = 0; d < s->n_dims; d++)
        t->ne[d] = s->shape[s->n_dims - 1 - d];
    if (t->order == ORDER_TRANSPOSED && s->n_dims < 2)
        t->order = ORDER_SAME; /* the bias of the same line */
    if (t->order == ORDER_TRANSPOSED) {
        t->ne[0] = s->shape[s->n_dims - 2];
        t->ne[1] = s->shape[s->n_dims - 1];
    }
    return 0;
}

static void flatten(struct conversion_tensor *t)
{
    t->n_dims = 1;
    t->ne[0] = t->from->n;
    t->ne[1] = t->ne[2] = t->ne[3] = 1;
}

static int add_tensor(struct conversion *c, const struct safetensor *s, const struct conversion_name *line,
                      unsigned long layer, const char *suffix, struct err *err)
{
    struct conversion_tensor *t = conversion_add(c, err);
    int rc = 0;

    if (!t)
        return -1;
    make_name(t, line->ours, layer, suffix);
    t->place[1] = line - c->family->names;
    t->from = s;
    t->order = line->order;
    t->change = line->change;
    t->f32 = line->f32;
    if (set_shape(t, err) < 0)
        return -1;
    if (line->vector)
        flatten(t);
    if (c->family->adjust)
        rc = c->family->adjust(c, line, t, err);
    c->n_tensors -= rc == 1;
    return rc < 0 ? -1 : 0;
}

/* The line of the family's table that names it; NULL: none. */
static const struct conversion_name *find_line(const struct conversion *c, const struct safetensor *s,
                                               unsigned long *layer, const char **suffix)
{
    const char *name = s->name + prefix_len(c->family->prefixes, s->name);

    *layer = 0;
    for (size_t i = 0; i < c->family->n_names; i++) {
        const struct conversion_name *line = &c->family->names[i];

        if (match(line->theirs, name, layer, suffix) || match(line->theirs, s->name, layer, suffix))
            return line;
    }
    return NULL;
}

const struct safetensor *conversion_find(const struct conversion *c, const char *ours, unsigned long layer)
{
    for (size_t i = 0; i < safetensors_count(c->source); i++) {
        const struct safetensor *s = safetensors_at(c->source, i);
        const struct conversion_name *line;
        unsigned long its_layer;
        const char *suffix;

        line = find_line(c, s, &its_layer, &suffix);
        if (line && line->ours && strcmp(line->ours, ours) == 0 && its_layer == layer && strcmp(suffix, ".bias") != 0)
            return s;
    }
    return NULL;
}

static int plan_tensor(struct conversion *c, const struct safetensor *s, struct err *err)
{
    const struct conversion_name *line;
    unsigned long layer;
    const char *suffix;

    if (prefix_len(c->family->others, s->name) > 0)
        return 0;
    line = find_line(c, s, &layer, &suffix);
    if (!line)
        return fail(err, CORAX_E_ARGS, "tensor %.100s is not one that a model of type %s has", s->name,
                    json_get_text(c->config, "model_type", ""));
    if (!line->ours || (c->tied && strcmp(line->ours, "output") == 0))
        return 0;
    return add_tensor(c, s, line, layer, suffix, err);
}

static int compare_places(const void *a, const void *b)
{
    const struct conversion_tensor *x = a, *y = b;

    if (x->place[0] != y->place[0])
        return x->place[0] < y->place[0] ? -1 : 1;
    if (x->place[1] != y->place[1])
        return x->place[1] < y->place[1] ? -1 : 1;
    return strcmp(y->name, x->name); /* .weight before .bias */
}

/* The format of each tensor, and its line in the file. */
static int choose_format(const struct conversion *c, struct conversion_tensor *t, struct err *err)
{
    static const uint32_t stored[] = { [SAFETENSOR_F32] = QUANT_F32, [SAFETENSOR_F16] = QUANT_F16,
                                       [SAFETENSOR_BF16] = QUANT_BF16, [SAFETENSOR_U8] = QUANT_F16 };
    uint32_t id = QUANT_F32;

    if (t->from && (t->from->type == SAFETENSOR_OTHER || (t->from->type == SAFETENSOR_U8 && t->order != ORDER_PACKED)))
        return fail(err, CORAX_E_ARGS, "tensor %.64s is of type %s, weights must be F32, F16 or BF16", t->from->name,
                    t->from->type_name);
    if (t->from && t->n_dims > 1 && !t->f32)
        id = c->type >= 0 ? (uint32_t)c->type : t->change == CHANGE_TERNARY ? QUANT_F16 : stored[t->from->type];
    t->format = quant_find(id);
    return 0;
}

static int plan(struct conversion *c, struct err *err)
{
    for (size_t i = 0; i < safetensors_count(c->source); i++)
        if (plan_tensor(c, safetensors_at(c->source, i), err) < 0)
            return -1;
    if (c->n_tensors == 0)
        return fail(err, CORAX_E_ARGS, "there are no tensors");
    qsort(c->tensors, c->n_tensors, sizeof *c->tensors, compare_places);
    for (size_t i = 0; i < c->n_tensors; i++) {
        struct conversion_tensor *t = &c->tensors[i];

        if (choose_format(c, t, err) < 0)
            return -1;
        gguf_add_tensor(c->writer, t->name, t->format, t->n_dims, t->ne);
    }
    return 0;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* The source row of row r: in each head, the second half goes between the rows of the first. */
static uint64_t neighbour(uint64_t r, uint64_t n_rows, size_t n_head)
{
    const uint64_t dim = n_rows / n_head, i = r % dim;

    return r - i + (i % 2) * (dim / 2) + i / 2;
}

struct rows {
    const struct conversion_tensor *t;
    uint64_t k, n;        /* of a row of the file, and how many there are */
    uint64_t from_k, from_n;
    size_t n_head;
};

static struct rows rows_of(const struct conversion *c, const struct conversion_tensor *t)
{
    struct rows r = { .t = t, .k = t->ne[0], .n = t->ne[1] * t->ne[2] * t->ne[3] };

    r.n_head = t->order == ORDER_NEIGHBOURS_Q ? c->n_head : c->n_kv_head;
    if ((t->order == ORDER_NEIGHBOURS_Q || t->order == ORDER_NEIGHBOURS_K) && t->n_dims == 1) {
        r.n = r.k; /* a bias: its values are the rows */
        r.k = 1;
    }
    r.from_k = r.k;
    r.from_n = r.n;
    if (t->padded && t->from) {
        r.from_k = t->from->shape[t->from->n_dims - 1];
        r.from_n = t->from->n_dims > 1 ? t->from->shape[0] : 1;
        if (t->order == ORDER_TRANSPOSED) {
            r.from_k = t->from->shape[0];
            r.from_n = t->from->shape[1];
        }
    }
    return r;
}

/* Sizes that the rows need; a shape of the checkpoint may be anything. */
static int check_rows(const struct rows *r, struct err *err)
{
    const struct conversion_tensor *t = r->t;
    const uint64_t packed = t->order == ORDER_PACKED ? 4 : 1;
    uint64_t need;

    if (!t->from || t->change == CHANGE_MEAN)
        return 0;
    if (__builtin_mul_overflow(r->from_k, r->from_n, &need) || __builtin_add_overflow(need, t->skip_rows * r->k, &need) ||
        need != t->from->n * packed)
        return fail(err, CORAX_E_ARGS, "tensor %.64s has %" PRIu64 " values, %s takes %" PRIu64 " x %" PRIu64,
                    t->from->name, t->from->n, t->name, r->from_n, r->from_k);
    if (r->from_k > r->k || r->from_n > r->n)
        return fail(err, CORAX_E_ARGS, "tensor %.64s is %" PRIu64 " x %" PRIu64 ", %s %" PRIu64 " x %" PRIu64, t->from->name,
                    r->from_n, r->from_k, t->name, r->n, r->k);
    if ((t->order == ORDER_NEIGHBOURS_Q || t->order == ORDER_NEIGHBOURS_K) &&
        (r->n_head == 0 || r->n % (2 * r->n_head)))
        return fail(err, CORAX_E_ARGS, "tensor %.64s: its %" PRIu64 " rows are not %zu heads of pairs", t->from->name,
                    r->n, r->n_head);
    if (t->order == ORDER_PACKED && r->n % 4)
        return fail(err, CORAX_E_ARGS, "tensor %.64s: %" PRIu64 " rows are not four times packed ones", t->from->name, r->n);
    return 0;
}

static double mean_magnitude(const struct safetensor *s)
{
    float values[256];
    double sum = 0;

    for (uint64_t at = 0; at < s->n; at += 256) {
        const size_t n = s->n - at < 256 ? (size_t)(s->n - at) : 256;

        safetensor_read(s, at, n, values);
        for (size_t i = 0; i < n; i++)
            sum += fabs((double)values[i]);
    }
    return fmax(sum / (double)s->n, 1e-5);
}

static void read_packed(const struct rows *r, uint64_t row, float *out)
{
    const uint64_t stored = r->n / 4;

    safetensor_read(r->t->from, row % stored * r->k, (size_t)r->k, out);
    for (uint64_t i = 0; i < r->k; i++)
        out[i] = (float)((unsigned)out[i] >> 2 * (row / stored) & 3) - 1;
}

/* Row `row` of several matrices one behind the other, each of which is transposed there. */
static void read_column(const struct rows *r, uint64_t row, float *out)
{
    const struct safetensor *s = r->t->from;
    const uint64_t n = s->shape[s->n_dims - 1];

    safetensor_read_every(s, row / n * n * r->from_k + row % n, n, (size_t)r->from_k, out);
}

static void read_row(const struct rows *r, uint64_t row, float *out)
{
    const struct conversion_tensor *t = r->t;
    const bool beyond = row >= r->from_n;

    if (t->padded)
        memset(out, 0, (size_t)r->k * sizeof *out);
    if (beyond)
        return;
    if (t->order == ORDER_PACKED)
        read_packed(r, row, out);
    else if (t->order == ORDER_TRANSPOSED)
        read_column(r, row, out);
    else if (t->order == ORDER_SAME)
        safetensor_read(t->from, (row + t->skip_rows) * r->from_k, (size_t)r->from_k, out);
    else
        safetensor_read(t->from, neighbour(row, r->n, r->n_head) * r->k, (size_t)r->k, out);
}

static float change(const struct conversion_tensor *t, float x)
{
    switch (t->change) {
    case CHANGE_ADD_ONE:
        return x + 1;
    case CHANGE_EXP:
        return (float)exp((double)x);
    case CHANGE_MINUS_EXP:
        return (float)-exp((double)x);
    case CHANGE_ONE_MINUS:
        return 1 - x;
    case CHANGE_TERNARY:
        return fminf(1, fmaxf(-1, nearbyintf(x * (float)(1 / t->mean))));
    case CHANGE_INVERSE:
        return 1 / x;
    default:
        return x;
    }
}

static int encode(const struct conversion_tensor *t, const float *x, size_t n, void *out, struct err *err)
{
    const uint16_t *halves = out;

    quant_quantize((enum quant_type)t->format->id, x, NULL, n, out);
    for (size_t i = 0; i < n && t->format->id == QUANT_F16; i++)
        if ((halves[i] & 0x7fff) == 0x7c00 && isfinite(x[i]))
            return fail(err, CORAX_E_ARGS, "tensor %.64s has the value %g, which is too large for F16: use --type bf16 or f32",
                        t->from->name, (double)x[i]);
    return 0;
}

struct output {
    struct conversion *c;
    const struct conversion_options *options;
    size_t done, shown;
};

static int put(struct output *o, const void *bytes, size_t len, struct err *err)
{
    if (gguf_writer_data(o->c->writer, bytes, len, err) < 0)
        return -1;
    o->done += len;
    if (o->options->progress && o->done - o->shown >= CHUNK) {
        o->shown = o->done;
        o->options->progress(o->options->arg, o->done, gguf_writer_bytes(o->c->writer));
    }
    return 0;
}

/* Rows whose bytes are already what the file wants. */
static int copy_rows(struct output *o, const struct rows *r, struct err *err)
{
    const size_t bytes = (size_t)r->k * r->t->format->bytes;

    for (uint64_t row = 0; row < r->n; row++) {
        const uint64_t at = r->t->order == ORDER_SAME ? row + r->t->skip_rows : neighbour(row, r->n, r->n_head);

        if (put(o, r->t->from->data + at * bytes, bytes, err) < 0)
            return -1;
    }
    return 0;
}

static bool can_copy(const struct conversion_tensor *t)
{
    static const uint32_t stored[] = { QUANT_F32, QUANT_F16, QUANT_BF16 };

    return t->change == CHANGE_NONE && t->scale == 1 && !t->padded && t->order != ORDER_TRANSPOSED &&
           t->from->type <= SAFETENSOR_BF16 && stored[t->from->type] == t->format->id;
}

static int make_rows(struct output *o, const struct rows *r, struct err *err)
{
    const struct conversion_tensor *t = r->t;
    float *row = malloc((size_t)r->k * sizeof *row);
    void *encoded = malloc((size_t)r->k * sizeof *row);
    int rc = row && encoded ? 0 : fail(err, CORAX_E_LIMIT, "out of memory for rows of %" PRIu64 " values", r->k);

    for (uint64_t i = 0; i < r->n && rc == 0; i++) {
        read_row(r, i, row);
        for (uint64_t j = 0; j < r->k && (t->change != CHANGE_NONE || t->scale != 1); j++)
            row[j] = change(t, row[j]) * (float)t->scale;
        rc = encode(t, row, (size_t)r->k, encoded, err);
        if (rc == 0)
            rc = put(o, encoded, (size_t)r->k * t->format->bytes, err);
    }
    free(row);
    free(encoded);
    return rc;
}

static int write_tensor(struct output *o, struct conversion_tensor *t, struct err *err)
{
    const struct rows r = rows_of(o->c, t);

    if (t->values)
        return put(o, t->values, (size_t)(t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]) * sizeof *t->values, err);
    if (t->change == CHANGE_TERNARY || t->change == CHANGE_MEAN)
        t->mean = mean_magnitude(t->from);
    if (t->change == CHANGE_MEAN) {
        const float mean = (float)t->mean;

        return put(o, &mean, sizeof mean, err);
    }
    return can_copy(t) ? copy_rows(o, &r, err) : make_rows(o, &r, err);
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static int check_tokenizer(const struct gguf *g, struct err *err)
{
    struct tokenizer *t = tokenizer_create(g, err);

    tokenizer_destroy(t);
    return t ? 0 : err_context(err, "the result's tokenizer would not load");
}

static int check_weights(const struct gguf *g, struct err *err)
{
    struct pool *pool = pool_create(pool_default_threads(), err);
    const int rc = pool ? weights_check(g, pool, err) : -1;

    pool_destroy(pool);
    return rc;
}

/* Loads it as the program that will run it does: a tensor that is missing or of another shape is found here. */
static int check_result(struct conversion *c, bool has_tokenizer, struct err *err)
{
    struct gguf *g = gguf_open(gguf_writer_part(c->writer), err);
    const struct family *family;
    struct shape shape;
    void *model;
    bool good;

    if (!g)
        return -1;
    if (has_tokenizer && check_tokenizer(g, err) < 0) {
        gguf_close(g);
        return -1;
    }
    family = family_find(g, err);
    model = family ? family->load(g, &shape, err) : NULL;
    good = model && check_weights(g, err) == 0;
    if (model)
        family->unload(model);
    gguf_close(g);
    return good ? 0 : err_context(err, "the result would not load");
}

/* The format that most of the file is in, as general.file_type numbers them. */
static uint32_t file_type(const struct conversion *c)
{
    uint64_t bytes[3] = { 0 };

    for (size_t i = 0; i < c->n_tensors; i++) {
        const struct conversion_tensor *t = &c->tensors[i];
        const uint64_t n = t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];

        bytes[t->format->id == QUANT_F32 ? 0 : t->format->id == QUANT_F16 ? 1 : 2] += n;
    }
    if (bytes[2] > bytes[1] && bytes[2] > bytes[0])
        return 32;
    return bytes[1] > bytes[0];
}

static void add_name(struct conversion *c)
{
    size_t end = strlen(c->folder), start;

    while (end > 0 && c->folder[end - 1] == '/')
        end--;
    for (start = end; start > 0 && c->folder[start - 1] != '/'; start--)
        ;
    if (end > start && c->folder[start] != '.')
        gguf_add_string(c->writer, "general.name", c->folder + start, end - start);
}

static int write_file(struct conversion *c, const char *out, const struct conversion_options *options, bool has_tokenizer,
                      struct err *err)
{
    struct output o = { c, options, 0, 0 };

    for (size_t i = 0; i < c->n_tensors; i++) {
        const struct rows r = rows_of(c, &c->tensors[i]);

        if (check_rows(&r, err) < 0)
            return -1;
    }
    if (gguf_writer_begin(c->writer, out, err) < 0)
        return -1;
    for (size_t i = 0; i < c->n_tensors; i++)
        if (write_tensor(&o, &c->tensors[i], err) < 0)
            return -1;
    if (gguf_writer_flush(c->writer, err) < 0 || check_result(c, has_tokenizer, err) < 0)
        return -1;
    return gguf_writer_finish(c->writer, err);
}

static void find_vocabulary(struct conversion *c)
{
    for (size_t i = 0; i < c->n_tensors; i++)
        if (strcmp(c->tensors[i].name, "token_embd.weight") == 0)
            c->n_vocab = (size_t)c->tensors[i].ne[1];
}

static int convert(struct conversion *c, const char *out, const struct conversion_options *options,
                   struct conversion_result *result, struct err *err)
{
    gguf_add_text(c->writer, "general.architecture", c->family->arch);
    add_name(c);
    if (c->family->keys(c, err) < 0)
        return err_context(err, "config.json");
    if (plan(c, err) < 0)
        return -1;
    gguf_add_u32(c->writer, "general.file_type", file_type(c));
    find_vocabulary(c);
    if (conversion_tokenizer(c, &result->has_tokenizer, err) < 0 ||
        write_file(c, out, options, result->has_tokenizer, err) < 0)
        return -1;
    result->n_tensors = c->n_tensors;
    result->bytes = gguf_writer_bytes(c->writer);
    return 0;
}

int conversion_run(const char *folder, const char *out, const struct conversion_options *options,
                   struct conversion_result *result, struct err *err)
{
    struct conversion c = { .folder = folder, .type = options->type };
    struct safetensors *source = NULL;
    struct json *root = parse_config(folder, err), *defaults = NULL;
    int rc = -1;

    if (!root || read_config(&c, root, err) < 0 || !(source = safetensors_open(folder, err)))
        goto out;
    if (c.family->defaults && !(defaults = json_parse(c.family->defaults, strlen(c.family->defaults), err)))
        goto out;
    c.defaults = defaults;
    c.source = source;
    c.arena = arena_create(ARENA_LIMIT);
    c.writer = gguf_writer_create(err);
    if (!c.arena || !c.writer) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        goto out;
    }
    rc = convert(&c, out, options, result, err);
out:
    gguf_writer_destroy(c.writer);
    safetensors_close(source);
    arena_destroy(c.arena);
    json_free(defaults);
    json_free(root);
    free(c.tensors);
    return rc;
}
