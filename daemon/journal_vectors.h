/*
 * daemon/journal_vectors.h - vectors in the journal: of memories, and of texts that are kept elsewhere.
 *
 * The model's name is a key under which vectors can be compared (vectors_key() in daemon/vectors.h).
 */
#ifndef DAEMON_JOURNAL_VECTORS_H
#define DAEMON_JOURNAL_VECTORS_H

#include "daemon/journal_memory.h"

#define JOURNAL_TEXT_VECTORS 40000 /* that are kept; beyond, the oldest go: twice as many as there can be tools */

/* The vector of a memory, in place of the one it has.  found false: it is gone meanwhile, or its text is another. */
struct journal_memory_vector {
    struct journal_op op;
    char id[ID_LEN + 1];
    const char *model, *text; /* the caller's */
    const float *vector;      /* [n] */
    int n;
    bool found;
};
void journal_memory_vector_init(struct journal_memory_vector *, void (*done)(struct journal_op *));

/* Memories that have no vector of the model, the first of them behind number `after`. */
struct journal_memories_without {
    struct journal_memories found; /* limit is its query's; the rows are out; finished by journal_memories_finish() */
    char model[64];
    int64_t after;
    bool notes_only;
    int64_t reached; /* out: up to here all have been looked at */
    bool more;       /* out: there are memories behind */
};
void journal_memories_without_init(struct journal_memories_without *, const char *model, void (*done)(struct journal_op *));

/* Vectors of texts by their hashes: read, or written where has[i]. */
struct journal_text_vectors {
    struct journal_op op;
    const char *model;
    size_t n;
    const unsigned char (*hashes)[HASH_LEN]; /* [n] */
    int dim;
    float *at; /* [n][dim] */
    bool *has; /* [n] */
};
void journal_text_vectors_read(struct journal_text_vectors *, void (*done)(struct journal_op *));
void journal_text_vectors_write(struct journal_text_vectors *, void (*done)(struct journal_op *));

#endif
