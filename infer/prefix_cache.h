/*
 * infer/prefix_cache.h - what sequences remembered, for those to come that begin with the same tokens.
 *
 * A radix tree over tokens.  Of attention a node has one page, and its tokens, at most STATE_BLOCK; a sequence shares the pages
 * of the path that it has in common, the last one perhaps in part, and copies that one before it writes.  Of a recurrent model
 * a node has the values after its last token, a checkpoint; such a model goes on from the deepest one on its path.
 *
 * Belongs to one thread, as the pages do.
 */
#ifndef INFER_PREFIX_CACHE_H
#define INFER_PREFIX_CACHE_H

#include "infer/prefix_store.h"
#include "infer/state.h"
#include "util/err.h"

struct prefix_cache;

/* For states of this shape, in these pages; max_bytes: of checkpoints (of pages the pages' limit holds).  CORAX_E_LIMIT. */
struct prefix_cache *prefix_cache_create(const struct shape *, struct pages *, size_t max_bytes, struct err *);
void prefix_cache_destroy(struct prefix_cache *);
/* What one node's data takes in a file. */
size_t prefix_cache_node_bytes(const struct prefix_cache *);
/* From now on nodes are kept in files, too; those that are there are known.  The store is the caller's, and lives as long. */
void prefix_cache_use(struct prefix_cache *, struct prefix_store *);
/* Writes one node that is in no file yet.  false: all are, or it cannot be written. */
bool prefix_cache_save(struct prefix_cache *);

/*
 * Makes the state, which remembers nothing, remember the longest beginning of the n tokens that is known; returns its length.
 * *worth: where a checkpoint would have saved a recurrent model more; 0: nowhere.
 */
size_t prefix_cache_find(struct prefix_cache *, const int32_t *tokens, size_t n, struct state *, size_t *worth);
/* Keeps what the state remembers of these n tokens, which are all it has seen.  Without memory it is not kept. */
void prefix_cache_add(struct prefix_cache *, const int32_t *tokens, size_t n, const struct state *);
/* Gives up the memory of what was not used for longest; what is in a file is still known.  false: there is nothing. */
bool prefix_cache_shrink(struct prefix_cache *);
void prefix_cache_clear(struct prefix_cache *); /* files stay */
size_t prefix_cache_n_nodes(const struct prefix_cache *);

#endif
