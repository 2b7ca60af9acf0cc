/*
 * infer/gguf_write.h - writes a GGUF file (version 3, little-endian, alignment 32).
 *
 *     struct gguf_writer *w = gguf_writer_create(&err);
 *     gguf_add_text(w, "general.architecture", "llama");         metadata, in the order of the file
 *     gguf_add_tensor(w, "output_norm.weight", f32, 1, ne);      descriptions, in the order of the data
 *     gguf_writer_begin(w, "model.gguf", &err);
 *     gguf_writer_data(w, row, row_bytes, &err);                 as often as it takes, in pieces of any size
 *     gguf_writer_finish(w, &err);
 *
 * Only what comes before the tensors' data is held in memory.  The file is PATH.part until gguf_writer_finish() renames it, so
 * that nothing under the name that was asked for is ever half a model; a lock on it keeps two writers apart.
 *
 * Source: GGUF specification, version 3.
 */
#ifndef INFER_GGUF_WRITE_H
#define INFER_GGUF_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/gguf.h"
#include "util/err.h"

#define GGUF_WRITER_ALIGNMENT 32
#define GGUF_WRITER_MAX_HEAD  ((size_t)512 << 20) /* bytes of metadata; the largest published vocabularies take 20 MB */

struct gguf_writer;

/* NULL with CORAX_E_LIMIT. */
struct gguf_writer *gguf_writer_create(struct err *) __attribute__((warn_unused_result));
/* Also removes PATH.part, unless the file was finished.  NULL is fine. */
void gguf_writer_destroy(struct gguf_writer *);

/*
 * Metadata.  What goes wrong here (memory, a name too long) is kept, and gguf_writer_begin() says it: a caller may add many
 * and look once.  Keys and texts are copied.
 */
void gguf_add_u32(struct gguf_writer *, const char *key, uint32_t);
void gguf_add_f32(struct gguf_writer *, const char *key, float);
void gguf_add_bool(struct gguf_writer *, const char *key, bool);
void gguf_add_string(struct gguf_writer *, const char *key, const char *s, size_t len);
void gguf_add_text(struct gguf_writer *, const char *key, const char *s); /* NUL-terminated */
/* One number of any type but string and array; value points to it. */
void gguf_add_value(struct gguf_writer *, const char *key, enum gguf_type, const void *value);
void gguf_add_array(struct gguf_writer *, const char *key, enum gguf_type item, uint64_t n, const void *values);
void gguf_add_strings(struct gguf_writer *, const char *key, uint64_t n, const struct gguf_string *);
void gguf_add_kv(struct gguf_writer *, const struct gguf_kv *); /* as it stands in another file */

/* ne[0], the row length, must fill the format's blocks. */
void gguf_add_tensor(struct gguf_writer *, const char *name, const struct quant_format *, uint32_t n_dims,
                     const uint64_t ne[GGUF_MAX_DIMS]);
size_t gguf_writer_bytes(const struct gguf_writer *); /* of the data of all tensors, without padding */

/* Writes all of the above to PATH.part.  CORAX_E_IO (the file), CORAX_E_UNAVAIL (another writer has it), or what was kept. */
int gguf_writer_begin(struct gguf_writer *, const char *path, struct err *);
/* The data of the tensors, one after the other and row by row; padding is added here.  CORAX_E_IO. */
int gguf_writer_data(struct gguf_writer *, const void *bytes, size_t len, struct err *);
/* The path of the unfinished file, whole once all data was given; NULL before gguf_writer_begin(). */
const char *gguf_writer_part(const struct gguf_writer *);
/* Everything on the way to the file system: the unfinished file can be read.  CORAX_E_IO. */
int gguf_writer_flush(struct gguf_writer *, struct err *);
/* Renames.  CORAX_E_IO; all data must have been given. */
int gguf_writer_finish(struct gguf_writer *, struct err *);

#endif
