#include "infer/family.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/buf.h"

static const struct family *const families[] = {
    &family_bert,
    &family_biogpt, &family_bitnet, &family_bitnet_25, &family_bitnet_b158, &family_crystalcoder,
    &family_gemma,  &family_gemma2, &family_gemma3,    &family_gpt2,        &family_llama,
    &family_mamba,  &family_mamba2, &family_phi3,      &family_qwen2,       &family_qwen3,
    &family_rwkv4,  &family_rwkv5,  &family_rwkv6,     &family_rwkv7,       &family_starcoder,
    &family_starcoder2,
};
#define MAX_KNOWN 4096 /* names, far more than there are */
#define N_FAMILIES (sizeof families / sizeof families[0])

/* Says which there are. */
static void refuse(const struct gguf_string *arch, struct err *err)
{
    struct buf known;

    buf_init(&known, MAX_KNOWN);
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (i == 0 || strcmp(families[i]->arch, families[i - 1]->arch) != 0)
            buf_addf(&known, "%s%s", i ? " " : "", families[i]->arch);
    fail(err, CORAX_E_ARGS, "architecture \"%.*s\" is not one that this program runs (%s)",
         (int)(arch->len < 32 ? arch->len : 32), arch->s, known.data);
    buf_finish(&known);
}

/* Of families that share a name, the one of the file's version.  The table has no gaps between versions. */
static const struct family *find_version(const struct gguf *g, const char *arch, struct err *err)
{
    size_t min = SIZE_MAX, max = 0, version;

    for (size_t i = 0; i < N_FAMILIES; i++)
        if (strcmp(families[i]->arch, arch) == 0) {
            min = families[i]->version < min ? families[i]->version : min;
            max = families[i]->version > max ? families[i]->version : max;
        }
    if (family_need_size(g, arch, "architecture_version", min, max, &version, err) < 0)
        return NULL;
    for (size_t i = 0;; i++)
        if (strcmp(families[i]->arch, arch) == 0 && families[i]->version == version)
            return families[i];
}

const struct family *family_find(const struct gguf *g, struct err *err)
{
    struct gguf_string arch = { "", 0 };
    int found = gguf_get_string(g, "general.architecture", &arch, err);

    if (found < 0)
        return NULL;
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (arch.len == strlen(families[i]->arch) && memcmp(arch.s, families[i]->arch, arch.len) == 0)
            return families[i]->version ? find_version(g, families[i]->arch, err) : families[i];
    if (found == 1)
        fail(err, CORAX_E_ARGS, "metadata key general.architecture is missing");
    else
        refuse(&arch, err);
    return NULL;
}

int family_get_size(const struct gguf *g, const char *arch, const char *what, size_t min, size_t max, size_t *out,
                    struct err *err)
{
    char key[GGUF_MAX_KEY + 1];
    uint64_t value;
    int found;

    snprintf(key, sizeof key, "%s.%s", arch, what);
    found = gguf_get_uint(g, key, &value, err);
    if (found != 0)
        return found;
    if (value < min || value > max)
        return fail(err, CORAX_E_ARGS, "metadata key %s is %" PRIu64 ", allowed are %zu to %zu", key, value, min, max);
    *out = (size_t)value;
    return 0;
}

int family_need_size(const struct gguf *g, const char *arch, const char *what, size_t min, size_t max, size_t *out,
                     struct err *err)
{
    int found = family_get_size(g, arch, what, min, max, out, err);

    return found == 1 ? fail(err, CORAX_E_ARGS, "metadata key %s.%s is missing", arch, what) : found;
}

int family_get_float(const struct gguf *g, const char *arch, const char *what, double min, double max, double *out,
                     struct err *err)
{
    char key[GGUF_MAX_KEY + 1];
    double value;
    int found;

    snprintf(key, sizeof key, "%s.%s", arch, what);
    found = gguf_get_float(g, key, &value, err);
    if (found != 0)
        return found;
    if (value < min || value > max)
        return fail(err, CORAX_E_ARGS, "metadata key %s is %g, allowed are %g to %g", key, value, min, max);
    *out = value;
    return 0;
}

static const struct gguf_tensor *need_tensor(const struct gguf *g, const char *name, const size_t ne[GGUF_MAX_DIMS],
                                             struct err *err)
{
    const struct gguf_tensor *t = gguf_find_tensor(g, name);

    if (!t) {
        fail(err, CORAX_E_ARGS, "tensor %s is missing", name);
        return NULL;
    }
    if (t->ne[0] != ne[0] || t->ne[1] != ne[1] || t->ne[2] != ne[2] || t->ne[3] != ne[3]) {
        fail(err, CORAX_E_ARGS,
             "tensor %s is %" PRIu64 " x %" PRIu64 " x %" PRIu64 " x %" PRIu64 ", the configuration asks for %zu x "
             "%zu x %zu x %zu",
             name, t->ne[0], t->ne[1], t->ne[2], t->ne[3], ne[0], ne[1], ne[2], ne[3]);
        return NULL;
    }
    return t;
}

/*
 * The scale of all of an I2_S tensor.  Other layouts have the same id: a code of 3 shows that this is none that has values
 * -1, 0 and 1 four to a byte, and the first row that it is not the kind of file that once had the id for something else.
 */
static int read_scale(const struct gguf_tensor *t, float *scale, struct err *err)
{
    const unsigned char *bytes = t->data;

    memcpy(scale, bytes + t->bytes - t->format->tail, sizeof *scale);
    if (!isfinite(*scale))
        return fail(err, CORAX_E_ARGS, "tensor %s: its scale is %g", t->name, (double)*scale);
    for (size_t i = 0; i < t->row_bytes; i++)
        if (bytes[i] & bytes[i] >> 1 & 0x55)
            return fail(err, CORAX_E_ARGS,
                        "tensor %s: byte %zu is 0x%02x, which I2_S (type 36) as x86 programs write it has not; of other "
                        "layouts this program reads none", t->name, i, bytes[i]);
    return 0;
}

int family_matrices(const struct gguf *g, const char *name, size_t k, size_t n_rows, size_t n, struct matrix *m,
                    struct err *err)
{
    const struct gguf_tensor *t = need_tensor(g, name, (const size_t[]){ k, n_rows, n, 1 }, err);
    float scale = 1;

    if (!t)
        return -1;
    if (!t->format->dequantize)
        return fail(err, CORAX_E_ARGS, "tensor %s is of type %s, which this program cannot read", name, t->format->name);
    if (t->format->id == QUANT_I2_S && read_scale(t, &scale, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        m[i] = (struct matrix){ .data = (const unsigned char *)t->data + i * n_rows * t->row_bytes,
                                .type = (enum quant_type)t->format->id, .k = k, .n_rows = n_rows,
                                .row_bytes = t->row_bytes, .scale = scale, .packed = &t->packed, .first_row = i * n_rows };
    return 0;
}

int family_matrix(const struct gguf *g, const char *name, size_t k, size_t n_rows, struct matrix *m, struct err *err)
{
    return family_matrices(g, name, k, n_rows, 1, m, err);
}

struct matrix family_rows(const struct matrix *m, size_t first, size_t n_rows)
{
    struct matrix rows = *m;

    rows.data = (const unsigned char *)m->data + first * m->row_bytes;
    rows.n_rows = n_rows;
    rows.first_row += first;
    rows.bias = m->bias ? m->bias + first : NULL;
    return rows;
}

int family_values(const struct gguf *g, const char *name, const size_t ne[GGUF_MAX_DIMS], const float **out,
                  struct err *err)
{
    const struct gguf_tensor *t = need_tensor(g, name, ne, err);
    float *values;
    size_t n;

    if (!t)
        return -1;
    if (t->format->id == QUANT_F32) {
        *out = t->data;
        return 0;
    }
    if (t->format->id != QUANT_F16 && t->format->id != QUANT_BF16)
        return fail(err, CORAX_E_ARGS, "tensor %s is of type %s, it must be F32, F16 or BF16", name, t->format->name);
    n = ne[0] * ne[1] * ne[2] * ne[3]; /* as many as the file has: this cannot wrap */
    values = gguf_alloc(g, n * sizeof *values);
    if (!values)
        return fail(err, CORAX_E_LIMIT, "out of memory for tensor %s", name);
    t->format->dequantize(t->data, n, values);
    *out = values;
    return 0;
}

int family_vector(const struct gguf *g, const char *name, size_t n, const float **out, struct err *err)
{
    return family_values(g, name, (const size_t[]){ n, 1, 1, 1 }, out, err);
}

bool family_use(const struct gguf *g, const char *name, bool *used)
{
    const struct gguf_tensor *t = gguf_find_tensor(g, name);

    if (t)
        used[t - gguf_tensor_at(g, 0)] = true;
    return t != NULL;
}

int family_check_used(const struct gguf *g, const char *arch, const bool *used, struct err *err)
{
    for (size_t i = 0; i < gguf_n_tensors(g); i++)
        if (!used[i])
            return fail(err, CORAX_E_ARGS, "tensor %s is not part of family %s here", gguf_tensor_at(g, i)->name, arch);
    return 0;
}

int family_check_writes(const struct family *f, struct err *err)
{
    return f->eval ? 0 : fail(err, CORAX_E_ARGS, "family %s reads texts to make vectors of them (embed): it writes nothing", f->arch);
}
