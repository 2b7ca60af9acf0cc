/*
 * infer/gguf.h - reads a GGUF file (versions 2 and 3, little-endian).
 *
 * The file is foreign: every count, length and offset in it is checked against the bytes that are there before it is
 * used, with arithmetic that cannot wrap, and each limit below has a name.  An error names the key or the tensor and
 * both numbers.  After a successful open, every gguf_kv and gguf_tensor points to bytes inside the file.
 *
 * The file is mapped read-only and never copied; strings and arrays point into the map and live as long as the gguf.
 *
 * A model may be split into parts NAME-00001-of-00003.gguf ..., each a GGUF file with keys split.no, split.count and
 * split.tensors.count: opening any of them opens all.  Metadata is the first part's, tensors are those of all.
 *
 * Source: GGUF specification, versions 2 and 3.
 */
#ifndef INFER_GGUF_H
#define INFER_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/quant.h"
#include "util/err.h"

#define GGUF_MAX_KV        65536     /* real files have fewer than 100 */
#define GGUF_MAX_TENSORS   65536     /* a dense model of 1,000 layers has about 10,000 */
#define GGUF_MAX_KEY       255       /* bytes; real keys are below 64 */
#define GGUF_MAX_NAME      63        /* bytes; the format's own bound for tensor names */
#define GGUF_MAX_DIMS      4
#define GGUF_MIN_ALIGNMENT 8         /* the format's own; weights are read as aligned floats */
#define GGUF_MAX_ALIGNMENT (1 << 20) /* above it the file would mostly be padding */
#define GGUF_MAX_PARTS     1024      /* published models have up to about 100 */

enum gguf_type {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY,
    GGUF_U64, GGUF_I64, GGUF_F64
};

struct gguf_string {
    const char *s; /* not NUL-terminated */
    size_t      len;
};

struct gguf_kv {
    const char          *key;
    enum gguf_type       type;
    enum gguf_type       item;  /* element type of an array */
    uint64_t             n;     /* elements of an array, otherwise 1 */
    const unsigned char *data;  /* the value, or the first element; unaligned */
};

struct gguf_tensor {
    const char                *name;
    const struct quant_format *format;
    uint32_t                   n_dims;
    uint64_t                   ne[GGUF_MAX_DIMS]; /* ne[0] is the row length; unused ones are 1 */
    size_t                     row_bytes, bytes;
    const void                *data;              /* aligned as the file says, at least GGUF_MIN_ALIGNMENT */
    const unsigned char       *packed;            /* the same as infer/pack.h has it; NULL: it has not been packed */
};

struct gguf;

/*
 * CORAX_E_NOTFOUND or CORAX_E_IO (the file, or another part of it), CORAX_E_ARGS (its contents; parts that do not belong
 * together), CORAX_E_LIMIT (memory, or a limit above).
 */
struct gguf *gguf_open(const char *path, struct err *) __attribute__((warn_unused_result));
/* The same over bytes of one file that the caller keeps, aligned like malloc's. */
struct gguf *gguf_parse(const void *bytes, size_t len, struct err *) __attribute__((warn_unused_result));
void gguf_close(struct gguf *);

/* Zeroed memory that lives as long as the gguf, for what is made of its bytes.  NULL: out of memory. */
void *gguf_alloc(const struct gguf *, size_t size) __attribute__((alloc_size(2)));

/* What is packed must live as long as the gguf is used. */
void gguf_set_packed(struct gguf *, size_t tensor, const unsigned char *packed);

size_t gguf_n_parts(const struct gguf *);                              /* files that it is made of */
const void *gguf_bytes(const struct gguf *, size_t part, size_t *len); /* a whole file */
uint64_t gguf_file_bytes(const struct gguf *);                         /* of all parts */
uint32_t gguf_version(const struct gguf *);
size_t gguf_n_kv(const struct gguf *);
size_t gguf_n_tensors(const struct gguf *);
const struct gguf_kv *gguf_kv_at(const struct gguf *, size_t i);         /* in the order of the file */
const struct gguf_tensor *gguf_tensor_at(const struct gguf *, size_t i); /* in the order of the file */
const struct gguf_kv *gguf_find(const struct gguf *, const char *key);   /* NULL: there is none */
const struct gguf_tensor *gguf_find_tensor(const struct gguf *, const char *name);

/*
 * Typed values.  0 with *out written; 1 with *out as it was when the key is absent, so that a default may stand there;
 * -1 with CORAX_E_ARGS when it is of another type, negative (uint) or not finite (float).
 */
int gguf_get_uint(const struct gguf *, const char *key, uint64_t *out, struct err *);
int gguf_get_float(const struct gguf *, const char *key, double *out, struct err *);
int gguf_get_bool(const struct gguf *, const char *key, bool *out, struct err *);
int gguf_get_string(const struct gguf *, const char *key, struct gguf_string *out, struct err *);
int gguf_get_array(const struct gguf *, const char *key, enum gguf_type item, const struct gguf_kv **out, struct err *);

/* Walks an array of strings; *at starts as kv->data and moves on. */
struct gguf_string gguf_next_string(const unsigned char **at);
/* Element i < kv->n of an array of U8..I64 as an integer. */
int64_t gguf_int_at(const struct gguf_kv *, uint64_t i);
const char *gguf_type_name(enum gguf_type);

#endif
