/*
 * Each file is read by itself; then the lists are put together, sorted, and a name that occurs twice is an error.  With an
 * index, each name that it has must be in the file that it says.
 */
#include "infer/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infer/quant.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/json.h"

#define ARENA_LIMIT ((size_t)128 << 20)
#define MAX_INDEX   ((size_t)64 << 20)
#define LENGTH      8 /* bytes of the header's length */
#define MAX_PATH    4096

struct map {
    void *bytes;
    size_t len;
};

struct safetensors {
    struct arena *arena;
    struct safetensor *tensors;
    size_t n, cap;
    struct map *maps; /* of files; none when the caller keeps the bytes */
    size_t n_maps;
};

static const struct {
    const char *name;
    size_t bytes;
    enum safetensor_type type;
} types[] = {
    { "F32", 4, SAFETENSOR_F32 },    { "F16", 2, SAFETENSOR_F16 },        { "BF16", 2, SAFETENSOR_BF16 },
    { "U8", 1, SAFETENSOR_U8 },      { "F64", 8, SAFETENSOR_OTHER },      { "I64", 8, SAFETENSOR_OTHER },
    { "U64", 8, SAFETENSOR_OTHER },  { "I32", 4, SAFETENSOR_OTHER },      { "U32", 4, SAFETENSOR_OTHER },
    { "I16", 2, SAFETENSOR_OTHER },  { "U16", 2, SAFETENSOR_OTHER },      { "I8", 1, SAFETENSOR_OTHER },
    { "BOOL", 1, SAFETENSOR_OTHER }, { "F8_E4M3", 1, SAFETENSOR_OTHER },  { "F8_E5M2", 1, SAFETENSOR_OTHER },
    { "C64", 8, SAFETENSOR_OTHER },  { "F8_E8M0", 1, SAFETENSOR_OTHER },
};
#define N_TYPES (sizeof types / sizeof types[0])

/* --- one file ----------------------------------------------------------------------------------------------------- */

static int read_shape(const struct json *shape, struct safetensor *t, struct err *err)
{
    if (json_kind(shape) != JSON_ARRAY || json_count(shape) > SAFETENSORS_MAX_DIMS)
        return fail(err, CORAX_E_ARGS, "its shape is no list of at most %d sizes", SAFETENSORS_MAX_DIMS);
    t->n = 1;
    for (size_t d = 0; d < SAFETENSORS_MAX_DIMS; d++)
        t->shape[d] = 1;
    for (const struct json *size = json_first(shape); size; size = json_next(size)) {
        int64_t value;

        if (json_int(size, "a size of its shape", &value, err) < 0)
            return -1;
        if (value < 0)
            return fail(err, CORAX_E_ARGS, "dimension %zu is %" PRId64, t->n_dims, value);
        t->shape[t->n_dims++] = (uint64_t)value;
        if (__builtin_mul_overflow(t->n, (uint64_t)value, &t->n))
            return fail(err, CORAX_E_ARGS, "its shape has more values than memory");
    }
    return 0;
}

/* n_data: bytes behind the header.  t->data becomes the offset's place in data. */
static int read_tensor(const struct json *entry, const unsigned char *data, size_t n_data, struct safetensor *t,
                       struct err *err)
{
    const struct json *offsets = json_get(entry, "data_offsets");
    const char *type = json_get_text(entry, "dtype", "");
    int64_t first, end;
    uint64_t bytes;
    size_t i;

    for (i = 0; i < N_TYPES && strcmp(types[i].name, type) != 0; i++)
        ;
    if (i == N_TYPES)
        return fail(err, CORAX_E_ARGS, "its dtype \"%.16s\" is not one that the format has", type);
    t->type = types[i].type;
    t->type_name = types[i].name;
    if (read_shape(json_get(entry, "shape"), t, err) < 0)
        return -1;
    if (json_kind(offsets) != JSON_ARRAY || json_count(offsets) != 2)
        return fail(err, CORAX_E_ARGS, "its data_offsets are no two numbers");
    if (json_int(json_first(offsets), "the begin of its data", &first, err) < 0 ||
        json_int(json_next(json_first(offsets)), "the end of its data", &end, err) < 0)
        return -1;
    if (first < 0 || end < first || (uint64_t)end > n_data)
        return fail(err, CORAX_E_ARGS, "its data are bytes %" PRId64 " to %" PRId64 " of %zu", first, end, n_data);
    if (__builtin_mul_overflow(t->n, (uint64_t)types[i].bytes, &bytes) || bytes != (uint64_t)(end - first))
        return fail(err, CORAX_E_ARGS, "its %" PRIu64 " values of type %s do not take the %" PRId64 " bytes that it has",
                    t->n, type, end - first);
    t->data = data + first;
    t->bytes = (size_t)bytes;
    return 0;
}

static struct safetensor *add(struct safetensors *s, struct err *err)
{
    if (s->n == SAFETENSORS_MAX_TENSORS) {
        fail(err, CORAX_E_LIMIT, "more than %d tensors", SAFETENSORS_MAX_TENSORS);
        return NULL;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 256;
        struct safetensor *more = realloc(s->tensors, cap * sizeof *more);

        if (!more) {
            fail(err, CORAX_E_LIMIT, "out of memory for %zu tensors", cap);
            return NULL;
        }
        s->tensors = more;
        s->cap = cap;
    }
    s->tensors[s->n] = (struct safetensor){ 0 };
    return &s->tensors[s->n++];
}

static int compare_places(const void *a, const void *b)
{
    const struct safetensor *x = a, *y = b;

    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* The format's own rule: data has neither holes nor bytes that two tensors share. */
static int check_places(struct safetensors *s, size_t first, const unsigned char *data, size_t n_data, struct err *err)
{
    const unsigned char *at = data;

    if (s->n > first + 1)
        qsort(s->tensors + first, s->n - first, sizeof *s->tensors, compare_places);
    for (size_t i = first; i < s->n; i++) {
        const struct safetensor *t = &s->tensors[i];

        if (t->data != at)
            return fail(err, CORAX_E_ARGS, "tensor %.64s: its data begin at %td, the tensor before it ends at %td",
                        t->name, t->data - data, at - data);
        at += t->bytes;
    }
    if ((size_t)(at - data) != n_data)
        return fail(err, CORAX_E_ARGS, "the tensors end at %td of %zu bytes", at - data, n_data);
    return 0;
}

static int read_header(struct safetensors *s, const struct json *header, const unsigned char *data, size_t n_data,
                       struct err *err)
{
    const size_t first = s->n;

    if (json_kind(header) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "the header is no JSON object");
    for (const struct json *entry = json_first(header); entry; entry = json_next(entry)) {
        const char *name = json_key(entry);
        const size_t len = strlen(name);
        struct safetensor *t;

        if (strcmp(name, "__metadata__") == 0)
            continue;
        if (len == 0 || len > SAFETENSORS_MAX_NAME)
            return fail(err, CORAX_E_ARGS, "a tensor name of %zu bytes, allowed are 1 to %d", len, SAFETENSORS_MAX_NAME);
        if (!(t = add(s, err)))
            return -1;
        if (!(t->name = arena_strndup(s->arena, name, len)))
            return fail(err, CORAX_E_LIMIT, "out of memory for the names in the file");
        if (read_tensor(entry, data, n_data, t, err) < 0)
            return err_context(err, "tensor %.64s", name);
    }
    return check_places(s, first, data, n_data, err);
}

static int read_file(struct safetensors *s, const unsigned char *bytes, size_t len, struct err *err)
{
    uint64_t n_header = 0;
    struct json *header;
    int rc;

    if (len < LENGTH)
        return fail(err, CORAX_E_ARGS, "%zu bytes are less than a safetensors header", len);
    memcpy(&n_header, bytes, LENGTH);
    if (n_header > SAFETENSORS_MAX_HEADER || n_header > len - LENGTH)
        return fail(err, CORAX_E_ARGS, "not a safetensors file: a header of %" PRIu64 " bytes, %zu are left", n_header,
                    len - LENGTH);
    header = json_parse((const char *)bytes + LENGTH, (size_t)n_header, err);
    if (!header)
        return err_context(err, "header");
    rc = read_header(s, header, bytes + LENGTH + n_header, len - LENGTH - (size_t)n_header, err);
    json_free(header);
    return rc;
}

static int map_file(struct safetensors *s, const char *path, struct err *err)
{
    struct map *maps = realloc(s->maps, (s->n_maps + 1) * sizeof *maps);
    int fd, rc = -1;
    struct stat st;
    void *bytes;

    if (!maps)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    s->maps = maps;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail_sys(err, errno == ENOENT || errno == ENOTDIR ? CORAX_E_NOTFOUND : CORAX_E_IO, "%s", path);
    if (fstat(fd, &st) < 0) {
        fail_sys(err, CORAX_E_IO, "%s", path);
    } else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        fail(err, CORAX_E_ARGS, "%s: not a regular file with something in it", path);
    } else if ((bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
        fail_sys(err, CORAX_E_IO, "map %s", path);
    } else {
        maps[s->n_maps++] = (struct map){ bytes, (size_t)st.st_size };
        rc = read_file(s, bytes, (size_t)st.st_size, err);
        if (rc < 0)
            err_context(err, "%s", path);
    }
    close(fd);
    return rc;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct safetensor *)a)->name, ((const struct safetensor *)b)->name);
}

static int sort(struct safetensors *s, struct err *err)
{
    if (s->n > 1)
        qsort(s->tensors, s->n, sizeof *s->tensors, compare_names);
    for (size_t i = 1; i < s->n; i++)
        if (strcmp(s->tensors[i - 1].name, s->tensors[i].name) == 0)
            return fail(err, CORAX_E_ARGS, "tensor %.64s occurs in two files", s->tensors[i].name);
    return 0;
}

static bool is_plain_name(const char *file)
{
    return *file && !strchr(file, '/') && strcmp(file, ".") != 0 && strcmp(file, "..") != 0;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The different ones among names[n], mapped in order. */
static int map_files(struct safetensors *s, const char *folder, const char **names, size_t n, struct err *err)
{
    qsort(names, n, sizeof *names, compare_texts);
    for (size_t i = 0; i < n; i++) {
        char path[MAX_PATH];

        if (i > 0 && strcmp(names[i - 1], names[i]) == 0)
            continue;
        if (s->n_maps == SAFETENSORS_MAX_FILES)
            return fail(err, CORAX_E_LIMIT, "more than %d files", SAFETENSORS_MAX_FILES);
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) >= (int)sizeof path)
            return fail(err, CORAX_E_ARGS, "%.64s...: a path of more than %zu bytes", folder, sizeof path);
        if (map_file(s, path, err) < 0)
            return -1;
    }
    return 0;
}

static int read_index(struct safetensors *s, const char *folder, const struct json *index, struct err *err)
{
    const struct json *map = json_get(index, "weight_map");
    const size_t n = json_count(map);
    const char **names;
    size_t i = 0;
    int rc = 0;

    if (json_kind(map) != JSON_OBJECT || n == 0)
        return fail(err, CORAX_E_ARGS, "there is no weight_map in it");
    names = calloc(n, sizeof *names);
    if (!names)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    for (const struct json *entry = json_first(map); entry && rc == 0; entry = json_next(entry)) {
        names[i] = json_text(entry);
        if (!names[i] || !is_plain_name(names[i]))
            rc = fail(err, CORAX_E_ARGS, "tensor %.64s: its file is no name of a file in the folder", json_key(entry));
        i++;
    }
    if (rc == 0)
        rc = map_files(s, folder, names, n, err);
    if (rc == 0)
        rc = sort(s, err);
    for (const struct json *entry = json_first(map); entry && rc == 0; entry = json_next(entry))
        if (!safetensors_find(s, json_key(entry)))
            rc = fail(err, CORAX_E_ARGS, "tensor %.64s is not in %.64s, where the index has it", json_key(entry),
                      json_text(entry));
    free(names);
    return rc;
}

static int open_index(struct safetensors *s, const char *folder, struct err *err)
{
    char path[MAX_PATH];
    struct buf text;
    struct json *index = NULL;
    int rc;

    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    buf_init(&text, MAX_INDEX);
    rc = file_read(path, &text, err);
    if (rc < 0 && err && err->status == CORAX_E_NOTFOUND) {
        rc = fail(err, CORAX_E_NOTFOUND, "%s: neither model.safetensors nor model.safetensors.index.json is there", folder);
    } else if (rc == 0) {
        index = json_parse(text.data, text.len, err);
        rc = index ? read_index(s, folder, index, err) : -1;
        if (rc < 0)
            err_context(err, "%s", path);
    }
    json_free(index);
    buf_finish(&text);
    return rc;
}

static struct safetensors *create(struct err *err)
{
    struct safetensors *s = calloc(1, sizeof *s);

    if (!s || !(s->arena = arena_create(ARENA_LIMIT))) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        free(s);
        return NULL;
    }
    return s;
}

struct safetensors *safetensors_parse(const void *bytes, size_t len, struct err *err)
{
    struct safetensors *s = create(err);

    if (s && (read_file(s, bytes, len, err) < 0 || sort(s, err) < 0)) {
        safetensors_close(s);
        return NULL;
    }
    return s;
}

struct safetensors *safetensors_open(const char *folder, struct err *err)
{
    struct safetensors *s = create(err);
    struct err own;
    const char *names[1] = { "model.safetensors" };
    int rc;

    if (!s)
        return NULL;
    if (strlen(folder) > MAX_PATH - 64) {
        rc = fail(err, CORAX_E_ARGS, "%.64s...: the path is too long", folder);
    } else {
        rc = map_files(s, folder, names, 1, &own);
        if (rc == 0)
            rc = sort(s, err);
        else if (own.status == CORAX_E_NOTFOUND)
            rc = open_index(s, folder, err ? err : &own);
        else
            fail(err, own.status, "%s", own.msg);
    }
    if (rc < 0) {
        safetensors_close(s);
        return NULL;
    }
    return s;
}

void safetensors_close(struct safetensors *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_maps; i++)
        munmap(s->maps[i].bytes, s->maps[i].len);
    free(s->maps);
    free(s->tensors);
    arena_destroy(s->arena);
    free(s);
}

size_t safetensors_count(const struct safetensors *s)
{
    return s->n;
}

const struct safetensor *safetensors_at(const struct safetensors *s, size_t i)
{
    return &s->tensors[i];
}

const struct safetensor *safetensors_find(const struct safetensors *s, const char *name)
{
    const struct safetensor wanted = { .name = name };

    return s->n ? bsearch(&wanted, s->tensors, s->n, sizeof wanted, compare_names) : NULL;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static float value_at(const struct safetensor *t, uint64_t i)
{
    uint16_t half;
    uint32_t bits;
    float value;

    switch (t->type) {
    case SAFETENSOR_F32:
        memcpy(&value, t->data + 4 * i, sizeof value);
        return value;
    case SAFETENSOR_F16:
        memcpy(&half, t->data + 2 * i, sizeof half);
        return quant_half_to_float(half);
    case SAFETENSOR_BF16: /* the upper half of an F32 */
        memcpy(&half, t->data + 2 * i, sizeof half);
        bits = (uint32_t)half << 16;
        memcpy(&value, &bits, sizeof value);
        return value;
    default:
        return (float)t->data[i];
    }
}

void safetensor_read_every(const struct safetensor *t, uint64_t first, uint64_t step, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = value_at(t, first + i * step);
}

void safetensor_read(const struct safetensor *t, uint64_t first, size_t n, float *out)
{
    safetensor_read_every(t, first, 1, n, out);
}
