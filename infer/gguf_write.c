/*
 * The head of the file (metadata, then descriptions) is put together in memory and written once all sizes are known; data
 * goes straight to the file, and the writer counts where the tensors end.
 */
#include "infer/gguf_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/buf.h"

#define FILE_BUFFER ((size_t)1 << 20)

struct gguf_writer {
    struct buf metadata, tensors;
    uint64_t n_kv, n_tensors, offset; /* offset: where the data of the next tensor begins */
    uint64_t *bytes;                  /* [n_tensors], of each one's data */
    size_t cap, total;
    struct err kept;                  /* what went wrong before there was a file; status 0: nothing */

    char *path, *part;
    FILE *file;
    bool finished;
    size_t at;         /* the tensor whose data comes next */
    uint64_t n_given;  /* bytes of it that are there */
};

struct gguf_writer *gguf_writer_create(struct err *err)
{
    struct gguf_writer *w = calloc(1, sizeof *w);

    if (!w) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    buf_init(&w->metadata, GGUF_WRITER_MAX_HEAD);
    buf_init(&w->tensors, GGUF_WRITER_MAX_HEAD);
    return w;
}

void gguf_writer_destroy(struct gguf_writer *w)
{
    if (!w)
        return;
    if (w->file && !w->finished)
        unlink(w->part); /* while the lock is held */
    if (w->file)
        fclose(w->file);
    buf_finish(&w->metadata);
    buf_finish(&w->tensors);
    free(w->bytes);
    free(w->path);
    free(w->part);
    free(w);
}

/* --- metadata ----------------------------------------------------------------------------------------------------- */

static size_t size_of(enum gguf_type type)
{
    static const uint8_t sizes[] = { [GGUF_U8] = 1,   [GGUF_I8] = 1,  [GGUF_U16] = 2, [GGUF_I16] = 2,
                                     [GGUF_U32] = 4,  [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
                                     [GGUF_U64] = 8,  [GGUF_I64] = 8, [GGUF_F64] = 8 };

    return sizes[type];
}

static void add_u32(struct buf *b, uint32_t value)
{
    buf_add(b, &value, sizeof value);
}

static void add_u64(struct buf *b, uint64_t value)
{
    buf_add(b, &value, sizeof value);
}

static void add_string(struct buf *b, const char *s, size_t len)
{
    add_u64(b, len);
    buf_add(b, s, len);
}

static void add_key(struct gguf_writer *w, const char *key, enum gguf_type type)
{
    const size_t len = strlen(key);

    if ((len == 0 || len > GGUF_MAX_KEY) && !w->kept.status)
        fail(&w->kept, CORAX_E_ARGS, "metadata key %.40s... has %zu bytes, allowed are 1 to %d", key, len,
             GGUF_MAX_KEY);
    add_string(&w->metadata, key, len);
    add_u32(&w->metadata, (uint32_t)type);
    w->n_kv++;
}

void gguf_add_value(struct gguf_writer *w, const char *key, enum gguf_type type, const void *value)
{
    add_key(w, key, type);
    buf_add(&w->metadata, value, size_of(type));
}

void gguf_add_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
    gguf_add_value(w, key, GGUF_U32, &value);
}

void gguf_add_f32(struct gguf_writer *w, const char *key, float value)
{
    gguf_add_value(w, key, GGUF_F32, &value);
}

void gguf_add_bool(struct gguf_writer *w, const char *key, bool value)
{
    const unsigned char byte = value;

    gguf_add_value(w, key, GGUF_BOOL, &byte);
}

void gguf_add_string(struct gguf_writer *w, const char *key, const char *s, size_t len)
{
    add_key(w, key, GGUF_STRING);
    add_string(&w->metadata, s, len);
}

void gguf_add_text(struct gguf_writer *w, const char *key, const char *s)
{
    gguf_add_string(w, key, s, strlen(s));
}

static void begin_array(struct gguf_writer *w, const char *key, enum gguf_type item, uint64_t n)
{
    add_key(w, key, GGUF_ARRAY);
    add_u32(&w->metadata, (uint32_t)item);
    add_u64(&w->metadata, n);
}

void gguf_add_array(struct gguf_writer *w, const char *key, enum gguf_type item, uint64_t n, const void *values)
{
    begin_array(w, key, item, n);
    buf_add(&w->metadata, values, (size_t)n * size_of(item));
}

void gguf_add_strings(struct gguf_writer *w, const char *key, uint64_t n, const struct gguf_string *strings)
{
    begin_array(w, key, GGUF_STRING, n);
    for (uint64_t i = 0; i < n; i++)
        add_string(&w->metadata, strings[i].s, strings[i].len);
}

void gguf_add_kv(struct gguf_writer *w, const struct gguf_kv *kv)
{
    const unsigned char *end = kv->data;

    if (kv->type == GGUF_ARRAY)
        begin_array(w, kv->key, kv->item, kv->n);
    else
        add_key(w, kv->key, kv->type);
    if (kv->item == GGUF_STRING)
        for (uint64_t i = 0; i < kv->n; i++)
            (void)gguf_next_string(&end);
    else
        end += kv->n * size_of(kv->item);
    buf_add(&w->metadata, kv->data, (size_t)(end - kv->data));
}

/* --- tensors ------------------------------------------------------------------------------------------------------ */

static uint64_t aligned(uint64_t at)
{
    return (at + GGUF_WRITER_ALIGNMENT - 1) & ~(uint64_t)(GGUF_WRITER_ALIGNMENT - 1);
}

static int grow(struct gguf_writer *w)
{
    size_t cap = w->cap ? 2 * w->cap : 256;
    uint64_t *bytes = realloc(w->bytes, cap * sizeof *bytes);

    if (!bytes)
        return fail(w->kept.status ? NULL : &w->kept, CORAX_E_LIMIT, "out of memory for %zu tensors", cap);
    w->bytes = bytes;
    w->cap = cap;
    return 0;
}

/* *bytes of data.  The sizes come from files: their product may be anything. */
static int tensor_bytes(const char *name, const struct quant_format *format, const uint64_t ne[GGUF_MAX_DIMS],
                        uint64_t *bytes, struct err *err)
{
    *bytes = ne[0] / format->block;
    if (ne[0] % format->block)
        return fail(err, CORAX_E_ARGS, "tensor %s: rows of %llu values do not fill blocks of %u (%s)", name,
                    (unsigned long long)ne[0], format->block, format->name);
    if (__builtin_mul_overflow(*bytes, (uint64_t)format->bytes, bytes) ||
        __builtin_mul_overflow(*bytes, ne[1], bytes) || __builtin_mul_overflow(*bytes, ne[2], bytes) ||
        __builtin_mul_overflow(*bytes, ne[3], bytes) || *bytes > INT64_MAX / 2 || *bytes == 0)
        return fail(err, CORAX_E_ARGS, "tensor %s: %llu x %llu x %llu x %llu values are none, or more than a file has",
                    name, (unsigned long long)ne[0], (unsigned long long)ne[1], (unsigned long long)ne[2],
                    (unsigned long long)ne[3]);
    *bytes += format->tail;
    return 0;
}

void gguf_add_tensor(struct gguf_writer *w, const char *name, const struct quant_format *format, uint32_t n_dims,
                     const uint64_t ne[GGUF_MAX_DIMS])
{
    const size_t len = strlen(name);
    uint64_t bytes;

    if (w->kept.status)
        return;
    if (len == 0 || len > GGUF_MAX_NAME) {
        fail(&w->kept, CORAX_E_ARGS, "tensor name %.40s... has %zu bytes, allowed are 1 to %d", name, len,
             GGUF_MAX_NAME);
        return;
    }
    if (tensor_bytes(name, format, ne, &bytes, &w->kept) < 0 || (w->n_tensors == w->cap && grow(w) < 0))
        return;
    if (__builtin_add_overflow(w->total, bytes, &w->total) || w->offset > INT64_MAX / 2) {
        fail(&w->kept, CORAX_E_ARGS, "tensor %s: more bytes in all than a file has", name);
        return;
    }
    add_string(&w->tensors, name, len);
    add_u32(&w->tensors, n_dims);
    for (uint32_t d = 0; d < n_dims; d++)
        add_u64(&w->tensors, ne[d]);
    add_u32(&w->tensors, format->id);
    add_u64(&w->tensors, w->offset);
    w->bytes[w->n_tensors++] = bytes;
    w->offset = aligned(w->offset + bytes);
}

size_t gguf_writer_bytes(const struct gguf_writer *w)
{
    return w->total;
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

static int put(struct gguf_writer *w, const void *bytes, size_t len, struct err *err)
{
    if (fwrite(bytes, 1, len, w->file) != len)
        return fail_sys(err, CORAX_E_IO, "write %s", w->part);
    return 0;
}

static int pad(struct gguf_writer *w, uint64_t written, struct err *err)
{
    static const char zeros[GGUF_WRITER_ALIGNMENT];

    return put(w, zeros, (size_t)(aligned(written) - written), err);
}

static int open_part(struct gguf_writer *w, const char *path, struct err *err)
{
    int fd;

    w->path = strdup(path);
    if (!w->path || asprintf(&w->part, "%s.part", path) < 0)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    fd = open(w->part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return fail_sys(err, CORAX_E_IO, "%s", w->part);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return fail(err, CORAX_E_UNAVAIL, "%s: another process is writing it", w->part);
    }
    if (ftruncate(fd, 0) < 0 || !(w->file = fdopen(fd, "wb"))) {
        close(fd);
        return fail_sys(err, CORAX_E_IO, "%s", w->part);
    }
    (void)setvbuf(w->file, NULL, _IOFBF, FILE_BUFFER);
    return 0;
}

int gguf_writer_begin(struct gguf_writer *w, const char *path, struct err *err)
{
    const uint32_t version = 3;
    struct buf head;
    int rc;

    if (w->kept.status)
        return fail(err, w->kept.status, "%s", w->kept.msg);
    if (w->metadata.failed || w->tensors.failed)
        return fail(err, CORAX_E_LIMIT, "out of memory, or more than %zu bytes of metadata", GGUF_WRITER_MAX_HEAD);
    if (open_part(w, path, err) < 0)
        return -1;
    buf_init(&head, 64);
    buf_add(&head, "GGUF", 4);
    add_u32(&head, version);
    add_u64(&head, w->n_tensors);
    add_u64(&head, w->n_kv);
    rc = head.failed ? fail(err, CORAX_E_LIMIT, "out of memory") : put(w, head.data, head.len, err);
    if (rc == 0)
        rc = put(w, w->metadata.data, w->metadata.len, err);
    if (rc == 0)
        rc = put(w, w->tensors.data, w->tensors.len, err);
    if (rc == 0)
        rc = pad(w, head.len + w->metadata.len + w->tensors.len, err);
    buf_finish(&head);
    return rc;
}

int gguf_writer_data(struct gguf_writer *w, const void *bytes, size_t len, struct err *err)
{
    const char *from = bytes;

    while (len > 0) {
        size_t n;

        if (w->at == w->n_tensors)
            return fail(err, CORAX_E_INTERNAL, "%zu bytes of data behind the last tensor", len);
        n = len < w->bytes[w->at] - w->n_given ? len : (size_t)(w->bytes[w->at] - w->n_given);
        if (put(w, from, n, err) < 0)
            return -1;
        from += n;
        len -= n;
        w->n_given += n;
        if (w->n_given == w->bytes[w->at]) {
            if (pad(w, w->n_given, err) < 0)
                return -1;
            w->at++;
            w->n_given = 0;
        }
    }
    return 0;
}

const char *gguf_writer_part(const struct gguf_writer *w)
{
    return w->file ? w->part : NULL;
}

int gguf_writer_flush(struct gguf_writer *w, struct err *err)
{
    return fflush(w->file) == 0 ? 0 : fail_sys(err, CORAX_E_IO, "write %s", w->part);
}

int gguf_writer_finish(struct gguf_writer *w, struct err *err)
{
    if (w->at != w->n_tensors)
        return fail(err, CORAX_E_INTERNAL, "data of %zu of %llu tensors was written", w->at,
                    (unsigned long long)w->n_tensors);
    if (gguf_writer_flush(w, err) < 0)
        return -1;
    if (rename(w->part, w->path) < 0)
        return fail_sys(err, CORAX_E_IO, "rename %s to %s", w->part, w->path);
    w->finished = true;
    return 0;
}
