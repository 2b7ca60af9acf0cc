/*
 * daemon/journal_memory.h - operations of the journal on memories (daemon/memory.h).
 *
 * A search is words, whatever they are: nothing in them is an operator of FTS5's.  A memory matches where it has any of them, as stems, without
 * accents; the best come first, by BM25 (Robertson and Zaragoza 2009, k1 = 1.2, b = 0.75), whose numbers are counted over the memories
 * that may be seen alone: what others have remembered changes no order.  Where the query has a vector, its order is fused with that of the
 * cosines, which weighs twice as much, by reciprocal ranks (Cormack et al. 2009, k = 60).
 */
#ifndef DAEMON_JOURNAL_MEMORY_H
#define DAEMON_JOURNAL_MEMORY_H

#include "daemon/journal.h"
#include "daemon/memory.h"

#define MEMORY_ALL_KINDS  0
#define MEMORY_MAX_VECTOR 8192 /* dimensions */

struct memory_query {
    int64_t uid;                     /* -1: everybody's */
    char space[MEMORY_MAX_NAME + 1]; /* "": all of this uid's */
    unsigned kinds;                  /* bits 1 << kind, or MEMORY_ALL_KINDS */
    char tag[MEMORY_MAX_TAG + 1];    /* "": any */
    char id[ID_LEN + 1];             /* a whole id, or the end of one; "": any */
    char before[ID_LEN + 1];         /* without words: only older ones */
    char words[MEMORY_MAX_QUERY];    /* "": a list, newest first */
    bool relevant;                   /* only what has two of the words, or a fifth of them; words that say nothing are left out */
    int limit;
    /* Besides words: */
    const float *vector; /* the caller's, [n_vector]; NULL: none */
    int n_vector;
    const char *model; /* that made it: only vectors of the same model are compared */
    double min_cosine; /* what is less near is found by words or not at all */
};

struct journal_memories {
    struct journal_op op;
    struct memory_query query;
    size_t n;
    struct memory *rows;
    bool more;
    void *own;      /* what the query's vector is in, if it is the list's own */
    char why[200];  /* for the caller: why there is no vector although there could be; "": there is one, or none is wanted */
};
void journal_memories_init(struct journal_memories *, void (*done)(struct journal_op *));
void journal_memories_finish(struct journal_memories *);
/* A copy for the query.  -1: no memory. */
int journal_memories_set_vector(struct journal_memories *, const float *vector, size_t dim, const char *model, struct err *);

enum memory_change {
    MEMORY_ADD,     /* a fact, or a note of a new name */
    MEMORY_FORGET,  /* of an id, or the end of one; it is gone, with its words in the index */
    MEMORY_INSERT,  /* in.text as lines of the note in.label, before line `line` (from 0; -1: at its end); it is made if need be */
    MEMORY_REPLACE, /* in the note in.label the only place of `old` by in.text */
    MEMORY_RETHINK  /* the note in.label is in.text; made if need be, gone if empty */
};

/*
 * What is wrong with the change itself (a limit, a name, nothing found) is `refused`, with nothing written; op.result is of the journal.
 * A change by a task's call is made once: when it comes again, m is as the first time.
 */
struct journal_memory_write {
    struct journal_op op;
    enum memory_change change;
    struct memory in; /* uid, space, data (the writer's label), task ("": a person), times and what the change needs; its own */
    char id_end[ID_LEN + 1];
    char *old; /* its own */
    int line;
    char call[16]; /* of the task */
    bool any_uid;  /* FORGET: an admin's */
    int max_items; /* of facts in a space */
    /* out: */
    struct memory m; /* as it is now, or, removed, as it was; its own */
    bool removed;
    struct err refused;
};
void journal_memory_write_init(struct journal_memory_write *, enum memory_change, void (*done)(struct journal_op *));
void journal_memory_write_finish(struct journal_memory_write *);

#endif
