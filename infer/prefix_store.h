/*
 * infer/prefix_store.h - nodes of the prefix cache as files, so that a process that starts again need not read prompts again.
 *
 * A file has the tokens of one node and the hash of the tokens before, and what the node remembers, with a checksum.  They are in
 * a folder of one model, kernels, format and version of this program: another finds nothing there, since its bits would be others.
 * What is damaged or cannot be read is removed, with a line in the log, and counts as not known.
 */
#ifndef INFER_PREFIX_STORE_H
#define INFER_PREFIX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct prefix_store;

/* What a file is about. */
struct prefix_record {
    uint64_t       parent, hash; /* of all tokens before its own; and with them.  parent 0: none before */
    const int32_t *tokens;
    size_t         n_tokens;
};

/*
 * The folder DIR/NAME is made if need be; name: whatever must be the same, as hex.  Files beyond max_bytes in all are removed, those
 * longest unused first.  n_bytes: of what a node remembers.  NULL with CORAX_E_IO, CORAX_E_LIMIT.
 */
struct prefix_store *prefix_store_open(const char *dir, const char *name, size_t n_bytes, uint64_t max_bytes, struct err *err);
void prefix_store_close(struct prefix_store *);

/* Calls each for every file that is whole, as far as its length says; one that is not is removed. */
void prefix_store_list(struct prefix_store *, void (*each)(void *arg, const struct prefix_record *), void *arg);
/* false: it could not be written; the log says why, once. */
bool prefix_store_write(struct prefix_store *, const struct prefix_record *, const void *data);
/* What the file of that hash remembers, into data [n_bytes].  false: it is not there or not whole, and gone now. */
bool prefix_store_read(struct prefix_store *, uint64_t hash, void *data);
void prefix_store_remove(struct prefix_store *, uint64_t hash);

/* The hash of tokens behind others whose hash is known; never 0. */
uint64_t prefix_hash(uint64_t parent, const int32_t *tokens, size_t n);

#endif
