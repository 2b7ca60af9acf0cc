#include "infer/family.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct family *const families[] = {
    &family_biogpt, &family_bitnet, &family_bitnet_25, &family_bitnet_b158, &family_crystalcoder,
    &family_gemma,  &family_gemma2, &family_gemma3,    &family_gpt2,        &family_llama,
    &family_mamba,  &family_mamba2, &family_phi3,      &family_qwen2,       &family_qwen3,
    &family_rwkv4,  &family_rwkv5,  &family_rwkv6,     &family_rwkv7,       &family_starcoder,
    &family_starcoder2,
};
#define N_FAMILIES (sizeof families / sizeof families[0])

/* Says which there are. */
static void refuse(const struct gguf_string *arch, struct err *err)
{
    char known[160] = "";
    size_t len = 0;

    for (size_t i = 0; i < N_FAMILIES && len < sizeof known; i++)
        if (i == 0 || strcmp(families[i]->arch, families[i - 1]->arch) != 0)
            len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", i ? " " : "", families[i]->arch);
    fail(err, CORAX_E_ARGS, "architecture \"%.*s\" is not one that this program runs (%s)",
         (int)(arch->len < 32 ? arch->len : 32), arch->s, known);
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

int family_matrices(const struct gguf *g, const char *name, size_t k, size_t n_rows, size_t n, struct matrix *m,
                    struct err *err)
{
    const struct gguf_tensor *t = need_tensor(g, name, (const size_t[]){ k, n_rows, n, 1 }, err);

    if (!t)
        return -1;
    if (!t->format->runs)
        return fail(err, CORAX_E_ARGS, "tensor %s is of type %s, this program runs F32, F16 and Q8_0", name,
                    t->format->name);
    for (size_t i = 0; i < n; i++)
        m[i] = (struct matrix){ .data = (const unsigned char *)t->data + i * n_rows * t->row_bytes,
                                .type = (enum quant_type)t->format->id, .k = k, .n_rows = n_rows,
                                .row_bytes = t->row_bytes, .scale = 1 };
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
    rows.bias = m->bias ? m->bias + first : NULL;
    return rows;
}

int family_values(const struct gguf *g, const char *name, const size_t ne[GGUF_MAX_DIMS], const float **out,
                  struct err *err)
{
    const struct gguf_tensor *t = need_tensor(g, name, ne, err);

    if (!t)
        return -1;
    if (t->format->id != QUANT_F32)
        return fail(err, CORAX_E_ARGS, "tensor %s is of type %s, it must be F32", name, t->format->name);
    *out = t->data;
    return 0;
}

int family_vector(const struct gguf *g, const char *name, size_t n, const float **out, struct err *err)
{
    return family_values(g, name, (const size_t[]){ n, 1, 1, 1 }, out, err);
}
