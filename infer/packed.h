/*
 * infer/packed.h - all matrices of a model, packed (infer/pack.h).
 *
 * Packing reads the whole model once.  What comes out is as large as the model's matrices, so it is kept in a file and mapped in
 * their place: beside the model as MODEL.packed, or where that cannot be written in the user's cache folder.  A small
 * model is packed in memory each time, which is faster than looking for a file.
 *
 * The file is of one model: its head has a hash of what the model's file is (length, times, its head and pieces of its data),
 * and a checksum of each matrix.  One that does not fit is made anew.  Without room for it (disk full, no permission)
 * the model runs from memory, with a line in the log.
 */
#ifndef INFER_PACKED_H
#define INFER_PACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "infer/gguf.h"
#include "infer/pool.h"
#include "util/err.h"

struct packed;

/*
 * A file that was made of this model, opened from `model`, before, with matrices of these types (PACK_BIT of infer/pack.h, a set) packed:
 * its tensors get their packed form.  NULL: there is none, or it is damaged.
 */
struct packed *packed_find(struct gguf *g, const char *model, uint64_t types, struct pool *);
/*
 * Packs what can be packed of it, of these types, into a file if it is large and in_memory is false.  NULL in *out: there is nothing to pack.
 * CORAX_E_LIMIT: out of memory; the model runs as it is then.
 */
int packed_make(struct gguf *g, const char *model, uint64_t types, bool in_memory, struct pool *, struct packed **out, struct err *);
/* After the last use of the gguf. */
void packed_close(struct packed *);

#endif
