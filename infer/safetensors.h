/*
 * infer/safetensors.h - reads the tensors of a model as Hugging Face's programs save them: one file of the format
 * safetensors, or several with an index.
 *
 * A file is a length, that many bytes of JSON, and data.  All of it is foreign: the length, every offset and every shape is
 * checked against the bytes that are there before it is used.  Files are mapped read-only and never copied.
 *
 * Source: the format's description in the documentation of safetensors 0.8.
 */
#ifndef INFER_SAFETENSORS_H
#define INFER_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define SAFETENSORS_MAX_HEADER  ((size_t)100 << 20) /* bytes; the format's own bound */
#define SAFETENSORS_MAX_DIMS    8
#define SAFETENSORS_MAX_NAME    255
#define SAFETENSORS_MAX_TENSORS 65536
#define SAFETENSORS_MAX_FILES   4096

/* Those that weights may be of; a tensor of another one can be listed and not read. */
enum safetensor_type { SAFETENSOR_F32, SAFETENSOR_F16, SAFETENSOR_BF16, SAFETENSOR_U8, SAFETENSOR_OTHER };

struct safetensor {
    const char          *name;
    enum safetensor_type type;
    const char          *type_name; /* "F32", as the file says */
    size_t               n_dims;
    uint64_t             shape[SAFETENSORS_MAX_DIMS]; /* outermost first; unused ones are 1 */
    uint64_t             n;                           /* values in all */
    const unsigned char *data;                        /* aligned to nothing */
    size_t               bytes;
};

struct safetensors;

/*
 * All tensors of a folder: model.safetensors, or the files that model.safetensors.index.json names (which stand in the same
 * folder).  NULL with CORAX_E_NOTFOUND or CORAX_E_IO (a file), CORAX_E_ARGS (its contents; a tensor in two files, or not in the
 * file that the index says), CORAX_E_LIMIT.
 */
struct safetensors *safetensors_open(const char *folder, struct err *) __attribute__((warn_unused_result));
/* One file's bytes, which the caller keeps. */
struct safetensors *safetensors_parse(const void *bytes, size_t len, struct err *) __attribute__((warn_unused_result));
void safetensors_close(struct safetensors *);

size_t safetensors_count(const struct safetensors *);
const struct safetensor *safetensors_at(const struct safetensors *, size_t i);               /* sorted by name */
const struct safetensor *safetensors_find(const struct safetensors *, const char *name);     /* NULL: none */

/* Values first ... first + n - 1 of it, n * its size bytes that are there; F32, F16, BF16 and U8 only. */
void safetensor_read(const struct safetensor *, uint64_t first, size_t n, float *out);
/* The same, each step values from the one before: a column of a matrix. */
void safetensor_read_every(const struct safetensor *, uint64_t first, uint64_t step, size_t n, float *out);

#endif
