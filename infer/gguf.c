/*
 * One pass over the file: header, metadata, tensor descriptions, then the bounds of the data.  `struct reader` is the
 * only code that moves through the bytes, and every step of it compares with what is left.
 */
#include "infer/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/arena.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GGUF files are little-endian and are read as they lie: this needs a little-endian machine"
#endif

#define MIN_KV_BYTES     14 /* length, a key of one byte, type, a value of one byte */
#define MIN_TENSOR_BYTES 33 /* length, a name of one byte, n_dims, one size, type, offset */
#define ARENA_LIMIT      ((size_t)128 << 20)

struct gguf {
    const unsigned char *bytes;
    size_t len;
    void *map; /* what munmap() gets; NULL when the caller keeps the bytes */
    struct arena *arena;
    uint32_t version;
    uint64_t alignment;
    size_t n_kv, n_tensors;
    struct gguf_kv *kv;
    struct gguf_tensor *tensors;
    struct gguf_kv **kv_by_key; /* sorted, for lookups and to find duplicates */
    struct gguf_tensor **tensors_by_name;
    struct gguf **parts; /* [n_parts - 1], those behind the first; their tensors are in the lists above, too */
    size_t n_parts;
};

struct reader {
    const unsigned char *at, *end;
};

static const struct {
    const char *name;
    size_t bytes; /* 0: of varying size */
} types[] = {
    [GGUF_U8] = { "u8", 1 },       [GGUF_I8] = { "i8", 1 },     [GGUF_U16] = { "u16", 2 },
    [GGUF_I16] = { "i16", 2 },     [GGUF_U32] = { "u32", 4 },   [GGUF_I32] = { "i32", 4 },
    [GGUF_F32] = { "f32", 4 },     [GGUF_BOOL] = { "bool", 1 }, [GGUF_STRING] = { "string", 0 },
    [GGUF_ARRAY] = { "array", 0 }, [GGUF_U64] = { "u64", 8 },   [GGUF_I64] = { "i64", 8 },
    [GGUF_F64] = { "f64", 8 },
};
#define N_TYPES (sizeof types / sizeof types[0])

const char *gguf_type_name(enum gguf_type type)
{
    return (size_t)type < N_TYPES ? types[type].name : "?";
}

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

static int read_bytes(struct reader *r, void *out, size_t n, struct err *err)
{
    if (left(r) < n)
        return fail(err, CORAX_E_ARGS, "the file ends where %zu more bytes should be, %zu are left", n, left(r));
    memcpy(out, r->at, n);
    r->at += n;
    return 0;
}

static int read_u32(struct reader *r, uint32_t *out, struct err *err)
{
    return read_bytes(r, out, sizeof *out, err);
}

static int read_u64(struct reader *r, uint64_t *out, struct err *err)
{
    return read_bytes(r, out, sizeof *out, err);
}

static int read_string(struct reader *r, struct gguf_string *out, struct err *err)
{
    uint64_t len = 0;

    if (read_u64(r, &len, err) < 0)
        return -1;
    if (len > left(r))
        return fail(err, CORAX_E_ARGS, "a string of %" PRIu64 " bytes, %zu are left in the file", len, left(r));
    out->s = (const char *)r->at;
    out->len = (size_t)len;
    r->at += len;
    return 0;
}

/* Keys and tensor names: printable ASCII, so that they can stand in any message. */
static const char *read_name(struct gguf *g, struct reader *r, const char *what, size_t max, struct err *err)
{
    struct gguf_string s = { NULL, 0 };
    const char *name;

    if (read_string(r, &s, err) < 0)
        return NULL;
    if (s.len == 0 || s.len > max) {
        fail(err, CORAX_E_ARGS, "%s of %zu bytes, allowed are 1 to %zu", what, s.len, max);
        return NULL;
    }
    for (size_t i = 0; i < s.len; i++)
        if (s.s[i] < 0x21 || s.s[i] > 0x7e) {
            fail(err, CORAX_E_ARGS, "%s with the byte 0x%02x, allowed is printable ASCII", what, (unsigned char)s.s[i]);
            return NULL;
        }
    name = arena_strndup(g->arena, s.s, s.len);
    if (!name)
        fail(err, CORAX_E_LIMIT, "out of memory for the names in the file");
    return name;
}

static int skip_items(struct reader *r, enum gguf_type type, uint64_t n, struct err *err)
{
    size_t bytes;

    if (type == GGUF_STRING) {
        struct gguf_string s;

        if (n > left(r) / 8)
            return fail(err, CORAX_E_ARGS, "%" PRIu64 " strings, %zu bytes are left in the file", n, left(r));
        while (n--)
            if (read_string(r, &s, err) < 0)
                return -1;
        return 0;
    }
    if (__builtin_mul_overflow(n, types[type].bytes, &bytes) || bytes > left(r))
        return fail(err, CORAX_E_ARGS, "%" PRIu64 " values of type %s, %zu bytes are left in the file", n,
                    types[type].name, left(r));
    if (type == GGUF_BOOL)
        for (size_t i = 0; i < bytes; i++)
            if (r->at[i] > 1)
                return fail(err, CORAX_E_ARGS, "a bool of value %u", r->at[i]);
    r->at += bytes;
    return 0;
}

static int read_value(struct reader *r, struct gguf_kv *kv, struct err *err)
{
    uint32_t type = 0, item = 0;

    if (read_u32(r, &type, err) < 0)
        return -1;
    if (type >= N_TYPES)
        return fail(err, CORAX_E_ARGS, "unknown value type %u", type);
    kv->type = type;
    kv->n = 1;
    if (type == GGUF_ARRAY) {
        if (read_u32(r, &item, err) < 0 || read_u64(r, &kv->n, err) < 0)
            return -1;
        if (item >= N_TYPES)
            return fail(err, CORAX_E_ARGS, "an array of the unknown type %u", item);
        if (item == GGUF_ARRAY)
            return fail(err, CORAX_E_ARGS, "an array of arrays, which no key of a model needs");
        type = item;
    }
    kv->item = type;
    kv->data = r->at;
    return skip_items(r, type, kv->n, err);
}

static int compare_kv(const void *a, const void *b)
{
    return strcmp((*(struct gguf_kv *const *)a)->key, (*(struct gguf_kv *const *)b)->key);
}

static int compare_tensor(const void *a, const void *b)
{
    return strcmp((*(struct gguf_tensor *const *)a)->name, (*(struct gguf_tensor *const *)b)->name);
}

static int read_metadata(struct gguf *g, struct reader *r, struct err *err)
{
    g->kv = arena_alloc(g->arena, g->n_kv * sizeof *g->kv + 1);
    g->kv_by_key = arena_alloc(g->arena, g->n_kv * sizeof(void *) + 1);
    if (!g->kv || !g->kv_by_key)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu metadata keys", g->n_kv);
    for (size_t i = 0; i < g->n_kv; i++) {
        struct gguf_kv *kv = &g->kv[i];

        kv->key = read_name(g, r, "a key", GGUF_MAX_KEY, err);
        if (!kv->key)
            return err_context(err, "metadata entry %zu of %zu", i + 1, g->n_kv);
        if (read_value(r, kv, err) < 0)
            return err_context(err, "metadata key %s", kv->key);
        g->kv_by_key[i] = kv;
    }
    if (g->n_kv > 1)
        qsort(g->kv_by_key, g->n_kv, sizeof(void *), compare_kv);
    for (size_t i = 1; i < g->n_kv; i++)
        if (strcmp(g->kv_by_key[i - 1]->key, g->kv_by_key[i]->key) == 0)
            return fail(err, CORAX_E_ARGS, "metadata key %s occurs twice", g->kv_by_key[i]->key);
    return 0;
}

static int read_alignment(struct gguf *g, struct err *err)
{
    const struct gguf_kv *kv = gguf_find(g, "general.alignment");
    uint32_t alignment = 32; /* the format's default */

    if (kv) {
        if (kv->type != GGUF_U32)
            return fail(err, CORAX_E_ARGS, "general.alignment is of type %s, it must be u32", types[kv->type].name);
        memcpy(&alignment, kv->data, sizeof alignment);
    }
    if (alignment < GGUF_MIN_ALIGNMENT || alignment > GGUF_MAX_ALIGNMENT || (alignment & (alignment - 1)))
        return fail(err, CORAX_E_ARGS, "general.alignment is %u, it must be a power of two from %d to %d", alignment,
                    GGUF_MIN_ALIGNMENT, GGUF_MAX_ALIGNMENT);
    g->alignment = alignment;
    return 0;
}

static int tensor_size(struct gguf_tensor *t, struct err *err)
{
    uint64_t row, all;

    if (t->ne[0] % t->format->block)
        return fail(err, CORAX_E_ARGS, "rows of %" PRIu64 " values do not fill blocks of %u (%s)", t->ne[0],
                    t->format->block, t->format->name);
    if (__builtin_mul_overflow(t->ne[0] / t->format->block, (uint64_t)t->format->bytes, &row) ||
        __builtin_mul_overflow(row, t->ne[1], &all) || __builtin_mul_overflow(all, t->ne[2], &all) ||
        __builtin_mul_overflow(all, t->ne[3], &all) || __builtin_add_overflow(all, t->format->tail, &all) ||
        all > SIZE_MAX / 2)
        return fail(err, CORAX_E_ARGS,
                    "%" PRIu64 " x %" PRIu64 " x %" PRIu64 " x %" PRIu64 " values are more than memory", t->ne[0],
                    t->ne[1], t->ne[2], t->ne[3]);
    t->row_bytes = (size_t)row;
    t->bytes = (size_t)all;
    return 0;
}

/* One description.  offset: where its data must begin, relative to the data section; moved past it and its padding. */
static int read_tensor(struct gguf *g, struct reader *r, struct gguf_tensor *t, uint64_t *offset, struct err *err)
{
    uint32_t type = 0;
    uint64_t at = 0;

    if (read_u32(r, &t->n_dims, err) < 0)
        return -1;
    if (t->n_dims < 1 || t->n_dims > GGUF_MAX_DIMS)
        return fail(err, CORAX_E_ARGS, "%u dimensions, allowed are 1 to %d", t->n_dims, GGUF_MAX_DIMS);
    for (uint32_t d = 0; d < GGUF_MAX_DIMS; d++) {
        t->ne[d] = 1;
        if (d < t->n_dims && read_u64(r, &t->ne[d], err) < 0)
            return -1;
        if (t->ne[d] == 0 || t->ne[d] > INT64_MAX)
            return fail(err, CORAX_E_ARGS, "dimension %u is %" PRId64, d, (int64_t)t->ne[d]);
    }
    if (read_u32(r, &type, err) < 0 || read_u64(r, &at, err) < 0)
        return -1;
    t->format = quant_find(type);
    if (!t->format)
        return fail(err, CORAX_E_ARGS, "unknown tensor type %u", type);
    if (tensor_size(t, err) < 0)
        return -1;
    if (at != *offset)
        return fail(err, CORAX_E_ARGS, "its data begins at %" PRIu64 ", the tensor before it ends at %" PRIu64, at,
                    *offset);
    if (__builtin_add_overflow(*offset, t->bytes, offset) || __builtin_add_overflow(*offset, g->alignment - 1, offset))
        return fail(err, CORAX_E_ARGS, "%zu bytes more than an address can say", t->bytes);
    *offset &= ~(g->alignment - 1);
    return 0;
}

static int sort_tensors(struct gguf *g, struct err *err)
{
    if (g->n_tensors > 1)
        qsort(g->tensors_by_name, g->n_tensors, sizeof(void *), compare_tensor);
    for (size_t i = 1; i < g->n_tensors; i++)
        if (strcmp(g->tensors_by_name[i - 1]->name, g->tensors_by_name[i]->name) == 0)
            return fail(err, CORAX_E_ARGS, "tensor %s occurs twice", g->tensors_by_name[i]->name);
    return 0;
}

static int read_tensors(struct gguf *g, struct reader *r, struct err *err)
{
    uint64_t offset = 0, start, at;

    g->tensors = arena_alloc(g->arena, g->n_tensors * sizeof *g->tensors + 1);
    g->tensors_by_name = arena_alloc(g->arena, g->n_tensors * sizeof(void *) + 1);
    if (!g->tensors || !g->tensors_by_name)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tensors", g->n_tensors);
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct gguf_tensor *t = &g->tensors[i];

        t->name = read_name(g, r, "a tensor name", GGUF_MAX_NAME, err);
        if (!t->name)
            return err_context(err, "tensor %zu of %zu", i + 1, g->n_tensors);
        if (read_tensor(g, r, t, &offset, err) < 0)
            return err_context(err, "tensor %s", t->name);
        g->tensors_by_name[i] = t;
    }
    if (sort_tensors(g, err) < 0)
        return -1;

    /* The data section begins at the next aligned byte of the file; at never wraps: it is at most offset. */
    start = ((uint64_t)(r->at - g->bytes) + g->alignment - 1) & ~(g->alignment - 1);
    at = 0;
    for (size_t i = 0; i < g->n_tensors; i++) {
        struct gguf_tensor *t = &g->tensors[i];
        uint64_t end;

        if (__builtin_add_overflow(start + at, t->bytes, &end) || end > g->len)
            return fail(err, CORAX_E_ARGS, "tensor %s: its %zu bytes begin at %" PRIu64 ", the file has %zu", t->name,
                        t->bytes, start + at, g->len);
        t->data = g->bytes + start + at;
        at = (at + t->bytes + g->alignment - 1) & ~(g->alignment - 1);
    }
    return 0;
}

static int read_file(struct gguf *g, struct err *err)
{
    struct reader r = { g->bytes, g->bytes + g->len };
    uint64_t n_tensors = 0, n_kv = 0;
    char magic[4];

    if (read_bytes(&r, magic, sizeof magic, err) < 0)
        return -1;
    if (memcmp(magic, "GGUF", 4) != 0)
        return fail(err, CORAX_E_ARGS, "not a GGUF file: it does not begin with the letters GGUF");
    if (read_u32(&r, &g->version, err) < 0)
        return -1;
    if (g->version < 2 || g->version > 3)
        return fail(err, CORAX_E_ARGS, "GGUF version %u, this program reads 2 and 3", g->version);
    if (read_u64(&r, &n_tensors, err) < 0 || read_u64(&r, &n_kv, err) < 0)
        return -1;
    if (n_tensors > GGUF_MAX_TENSORS || n_tensors > left(&r) / MIN_TENSOR_BYTES)
        return fail(err, CORAX_E_ARGS, "%" PRIu64 " tensors announced, at most %d are allowed and %zu bytes are left",
                    n_tensors, GGUF_MAX_TENSORS, left(&r));
    if (n_kv > GGUF_MAX_KV || n_kv > left(&r) / MIN_KV_BYTES)
        return fail(err, CORAX_E_ARGS,
                    "%" PRIu64 " metadata keys announced, at most %d are allowed and %zu bytes are left", n_kv,
                    GGUF_MAX_KV, left(&r));
    g->n_tensors = (size_t)n_tensors;
    g->n_kv = (size_t)n_kv;
    if (read_metadata(g, &r, err) < 0 || read_alignment(g, err) < 0)
        return -1;
    return read_tensors(g, &r, err);
}

static struct gguf *parse(const void *bytes, size_t len, void *map, struct err *err)
{
    struct gguf *g = calloc(1, sizeof *g);

    if (!g || !(g->arena = arena_create(ARENA_LIMIT))) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        free(g);
        return NULL;
    }
    g->bytes = bytes;
    g->len = len;
    g->n_parts = 1;
    if (read_file(g, err) < 0) {
        gguf_close(g);
        return NULL;
    }
    g->map = map;
    return g;
}

struct gguf *gguf_parse(const void *bytes, size_t len, struct err *err)
{
    return parse(bytes, len, NULL, err);
}

static struct gguf *open_file(const char *path, struct err *err)
{
    struct gguf *g = NULL;
    struct stat st;
    void *map;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        fail_sys(err, errno == ENOENT ? CORAX_E_NOTFOUND : CORAX_E_IO, "%s", path);
        return NULL;
    }
    if (fstat(fd, &st) < 0) {
        fail_sys(err, CORAX_E_IO, "%s", path);
    } else if (!S_ISREG(st.st_mode)) {
        fail(err, CORAX_E_ARGS, "%s: not a regular file", path);
    } else if (st.st_size < 24) {
        fail(err, CORAX_E_ARGS, "%s: %lld bytes are less than a GGUF header", path, (long long)st.st_size);
    } else if ((map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
        fail_sys(err, CORAX_E_IO, "map %s", path);
    } else {
        g = parse(map, (size_t)st.st_size, map, err);
        if (!g) {
            munmap(map, (size_t)st.st_size);
            err_context(err, "%s", path);
        }
    }
    close(fd);
    return g;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

/* Where "-00002-of-00003.gguf" begins in path, when that is how it ends; NULL: it does not. */
static const char *part_suffix(const char *path, uint64_t no, uint64_t count)
{
    const size_t len = strlen(path);
    char suffix[64];
    size_t n = (size_t)snprintf(suffix, sizeof suffix, "-%05" PRIu64 "-of-%05" PRIu64 ".gguf", no + 1, count);

    return len >= n && memcmp(path + len - n, suffix, n) == 0 ? path + len - n : NULL;
}

/* Part no of count, which says so itself. */
static int check_part(const struct gguf *g, uint64_t no, uint64_t count, struct err *err)
{
    uint64_t its_no = UINT64_MAX, its_count = UINT64_MAX;

    if (gguf_get_uint(g, "split.no", &its_no, err) < 0 || gguf_get_uint(g, "split.count", &its_count, err) < 0)
        return -1;
    if (its_no == no && its_count == count)
        return 0;
    if (its_no == UINT64_MAX || its_count == UINT64_MAX)
        return fail(err, CORAX_E_ARGS, "metadata key split.no or split.count is missing, it should be part %" PRIu64
                    " of %" PRIu64, no + 1, count);
    return fail(err, CORAX_E_ARGS, "split.no and split.count say part %" PRIu64 " of %" PRIu64 ", its name part %" PRIu64
                " of %" PRIu64, its_no + 1, its_count, no + 1, count);
}

/* The lists of the first part become those of all. */
static int merge_parts(struct gguf *g, struct err *err)
{
    uint64_t announced = 0;
    size_t n = g->n_tensors, at = g->n_tensors;
    struct gguf_tensor *all;
    int found = gguf_get_uint(g, "split.tensors.count", &announced, err);

    for (size_t i = 0; i + 1 < g->n_parts; i++)
        n += g->parts[i]->n_tensors;
    if (found < 0)
        return -1;
    if (found == 0 && announced != n)
        return fail(err, CORAX_E_ARGS, "split.tensors.count is %" PRIu64 ", the %zu parts have %zu tensors", announced,
                    g->n_parts, n);
    if (n > GGUF_MAX_TENSORS)
        return fail(err, CORAX_E_LIMIT, "%zu tensors in %zu parts, at most %d are allowed", n, g->n_parts,
                    GGUF_MAX_TENSORS);
    all = arena_alloc(g->arena, n * sizeof *all + 1);
    g->tensors_by_name = arena_alloc(g->arena, n * sizeof(void *) + 1);
    if (!all || !g->tensors_by_name)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tensors", n);
    memcpy(all, g->tensors, at * sizeof *all);
    for (size_t i = 0; i + 1 < g->n_parts; i++) {
        memcpy(all + at, g->parts[i]->tensors, g->parts[i]->n_tensors * sizeof *all);
        at += g->parts[i]->n_tensors;
    }
    g->tensors = all;
    g->n_tensors = n;
    for (size_t i = 0; i < n; i++)
        g->tensors_by_name[i] = &all[i];
    return sort_tensors(g, err);
}

/* stem: the path without the number of the part. */
static struct gguf *open_parts(const char *stem, size_t stem_len, uint64_t count, struct err *err)
{
    struct gguf *first = NULL;

    for (uint64_t no = 0; no < count; no++) {
        char path[4096];
        struct gguf *part;

        if (snprintf(path, sizeof path, "%.*s-%05" PRIu64 "-of-%05" PRIu64 ".gguf", (int)stem_len, stem, no + 1, count) >=
            (int)sizeof path) {
            fail(err, CORAX_E_ARGS, "%.64s...: the path is too long", stem);
            goto fail;
        }
        part = open_file(path, err);
        if (!part)
            goto fail;
        if (check_part(part, no, count, err) < 0) {
            err_context(err, "%s", path);
            gguf_close(part);
            goto fail;
        }
        if (no > 0) {
            first->parts[first->n_parts++ - 1] = part;
            continue;
        }
        first = part;
        first->parts = calloc((size_t)count, sizeof *first->parts);
        if (!first->parts) {
            fail(err, CORAX_E_LIMIT, "out of memory");
            goto fail;
        }
    }
    if (first && merge_parts(first, err) == 0)
        return first;
    err_context(err, "%.*s", (int)stem_len, stem);
fail:
    gguf_close(first);
    return NULL;
}

struct gguf *gguf_open(const char *path, struct err *err)
{
    struct gguf *g = open_file(path, err), *whole = NULL;
    uint64_t no = 0, count = 1;
    const char *suffix;

    if (!g)
        return NULL;
    if (gguf_get_uint(g, "split.count", &count, err) < 0 || gguf_get_uint(g, "split.no", &no, err) < 0) {
        err_context(err, "%s", path);
    } else if (count <= 1) {
        return g;
    } else if (count > GGUF_MAX_PARTS || no >= count) {
        fail(err, CORAX_E_ARGS, "%s: split.no and split.count say part %" PRIu64 " of %" PRIu64
             ", at most %d parts are allowed", path, no + 1, count, GGUF_MAX_PARTS);
    } else if (!(suffix = part_suffix(path, no, count))) {
        fail(err, CORAX_E_ARGS, "%s: it is part %" PRIu64 " of %" PRIu64 ", its name must end in -%05" PRIu64 "-of-%05" PRIu64
             ".gguf so that the others are found", path, no + 1, count, no + 1, count);
    } else {
        whole = open_parts(path, (size_t)(suffix - path), count, err);
    }
    gguf_close(g);
    return whole;
}

void gguf_close(struct gguf *g)
{
    if (!g)
        return;
    for (size_t i = 0; i + 1 < g->n_parts; i++)
        gguf_close(g->parts[i]);
    free(g->parts);
    if (g->map)
        munmap(g->map, g->len);
    arena_destroy(g->arena);
    free(g);
}

void *gguf_alloc(const struct gguf *g, size_t size)
{
    return arena_alloc(g->arena, size);
}

size_t gguf_n_parts(const struct gguf *g)
{
    return g->n_parts;
}

const void *gguf_bytes(const struct gguf *g, size_t part, size_t *len)
{
    const struct gguf *file = part == 0 ? g : g->parts[part - 1];

    *len = file->len;
    return file->bytes;
}

uint64_t gguf_file_bytes(const struct gguf *g)
{
    uint64_t bytes = g->len;

    for (size_t i = 0; i + 1 < g->n_parts; i++)
        bytes += g->parts[i]->len;
    return bytes;
}

uint32_t gguf_version(const struct gguf *g)
{
    return g->version;
}

size_t gguf_n_kv(const struct gguf *g)
{
    return g->n_kv;
}

size_t gguf_n_tensors(const struct gguf *g)
{
    return g->n_tensors;
}

const struct gguf_kv *gguf_kv_at(const struct gguf *g, size_t i)
{
    return &g->kv[i];
}

void gguf_set_packed(struct gguf *g, size_t tensor, const unsigned char *packed)
{
    g->tensors[tensor].packed = packed;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, size_t i)
{
    return &g->tensors[i];
}

const struct gguf_kv *gguf_find(const struct gguf *g, const char *key)
{
    struct gguf_kv wanted = { .key = key }, *p = &wanted, **found;

    found = g->n_kv ? bsearch(&p, g->kv_by_key, g->n_kv, sizeof p, compare_kv) : NULL;
    return found ? *found : NULL;
}

const struct gguf_tensor *gguf_find_tensor(const struct gguf *g, const char *name)
{
    struct gguf_tensor wanted = { .name = name }, *p = &wanted, **found;

    found = g->n_tensors ? bsearch(&p, g->tensors_by_name, g->n_tensors, sizeof p, compare_tensor) : NULL;
    return found ? *found : NULL;
}

static int wrong_type(const struct gguf_kv *kv, const char *wanted, struct err *err)
{
    return fail(err, CORAX_E_ARGS, "metadata key %s is of type %s, it must be %s", kv->key, types[kv->type].name,
                wanted);
}

int64_t gguf_int_at(const struct gguf_kv *kv, uint64_t i)
{
    const unsigned char *at = kv->data + i * types[kv->item].bytes;
    int64_t value = 0;

    memcpy(&value, at, types[kv->item].bytes);
    switch (kv->item) {
    case GGUF_I8:
        return (int8_t)value;
    case GGUF_I16:
        return (int16_t)value;
    case GGUF_I32:
        return (int32_t)value;
    default:
        return value;
    }
}

int gguf_get_uint(const struct gguf *g, const char *key, uint64_t *out, struct err *err)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    int64_t value;

    if (!kv)
        return 1;
    if (kv->type > GGUF_I32 && kv->type != GGUF_U64 && kv->type != GGUF_I64)
        return wrong_type(kv, "an integer", err);
    value = gguf_int_at(kv, 0);
    if (value < 0)
        return fail(err, CORAX_E_ARGS, "metadata key %s is %" PRId64 ", which is not a count", key, value);
    *out = (uint64_t)value;
    return 0;
}

int gguf_get_float(const struct gguf *g, const char *key, double *out, struct err *err)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    double value;
    float f;

    if (!kv)
        return 1;
    if (kv->type == GGUF_F32) {
        memcpy(&f, kv->data, sizeof f);
        value = (double)f;
    } else if (kv->type == GGUF_F64) {
        memcpy(&value, kv->data, sizeof value);
    } else {
        return wrong_type(kv, "a float", err);
    }
    if (!isfinite(value))
        return fail(err, CORAX_E_ARGS, "metadata key %s is not a finite number", key);
    *out = value;
    return 0;
}

int gguf_get_bool(const struct gguf *g, const char *key, bool *out, struct err *err)
{
    const struct gguf_kv *kv = gguf_find(g, key);

    if (!kv)
        return 1;
    if (kv->type != GGUF_BOOL)
        return wrong_type(kv, "a bool", err);
    *out = kv->data[0];
    return 0;
}

int gguf_get_string(const struct gguf *g, const char *key, struct gguf_string *out, struct err *err)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    const unsigned char *at;

    if (!kv)
        return 1;
    if (kv->type != GGUF_STRING)
        return wrong_type(kv, "a string", err);
    at = kv->data;
    *out = gguf_next_string(&at);
    return 0;
}

int gguf_get_array(const struct gguf *g, const char *key, enum gguf_type item, const struct gguf_kv **out,
                   struct err *err)
{
    const struct gguf_kv *kv = gguf_find(g, key);

    if (!kv)
        return 1;
    if (kv->type != GGUF_ARRAY)
        return wrong_type(kv, "an array", err);
    if (kv->item != item)
        return fail(err, CORAX_E_ARGS, "metadata key %s is an array of %s, it must be of %s", key, types[kv->item].name,
                    types[item].name);
    *out = kv;
    return 0;
}

struct gguf_string gguf_next_string(const unsigned char **at)
{
    struct gguf_string s;
    uint64_t len = 0;

    memcpy(&len, *at, sizeof len);
    s.s = (const char *)*at + sizeof len;
    s.len = (size_t)len;
    *at += sizeof len + len;
    return s;
}
