/*
 * tools/retrieval_index.h - what the index of retrieval.c looks like, for retrieval_search.c.
 *
 * Tools stand in slots, which are used again.  A term has a list of postings, in no order: its counts in the fields of one
 * tool.  The score of a tool is a sum over the terms in the query's order, so the order of postings does not show.
 */
#ifndef TOOLS_RETRIEVAL_INDEX_H
#define TOOLS_RETRIEVAL_INDEX_H

#include "tools/retrieval.h"
#include "tools/words.h"

enum field { FIELD_NAME, FIELD_SUMMARY, FIELD_PARAMETERS, FIELD_PROVIDER, N_FIELDS };

struct posting {
    uint32_t slot;
    uint8_t count[N_FIELDS]; /* 255: so many or more */
    double gain;             /* f / (k1 + f), while the index is fresh: queries come often, tools seldom */
};

struct term {
    uint32_t text_at, text_len; /* in texts */
    uint32_t hash;
    uint32_t n, cap;
    struct posting *postings;
    uint64_t stamp; /* of the tool or query that is being read, if it has the term */
    uint32_t seen;  /* and where it is noted, in seen */
};

struct indexed {
    char *name, *provider; /* NULL: a free slot */
    uint64_t id;
    bool removed; /* its postings are to go */
    uint32_t len[N_FIELDS];
    double scale[N_FIELDS]; /* weight / (1 - b + b * len / mean), while the index is fresh */
    float *vector;          /* [dim], of length 1; NULL: none */
};

struct seen {
    uint32_t term;
    uint32_t count[N_FIELDS]; /* in a query the first alone */
};

struct retrieval {
    struct words *words;
    struct indexed *slots;
    size_t n_slots, cap_slots, n_tools;
    uint64_t total_len[N_FIELDS];
    struct term *terms;
    size_t n_terms, cap_terms, n_dead; /* dead: without postings */
    uint32_t *table;                   /* of 1 + term, by hash, 0: free; [table_size], a power of two */
    size_t table_size, n_postings;
    char *texts;
    size_t texts_len, texts_cap;
    uint64_t stamp;
    struct seen *seen; /* of the tool or query that is being read */
    size_t n_seen, cap_seen;
    size_t dim;
    size_t hint; /* the slot behind the one that was looked up last by its id */
    bool fresh;          /* scale is up to date */
    uint64_t generation; /* of the registry that it was brought to */
    bool synced;
    double *scores;      /* [n_slots] of a search, all 0 between two */
    uint32_t *touched;   /* slots whose score is not 0 */
    size_t cap_scores;
};

/* The term, or NULL. */
struct term *retrieval_find_term(const struct retrieval *, const char *text, size_t len);
/* Begins to note the terms of a tool or a query in seen; then notes one.  -1: no memory. */
void retrieval_note_start(struct retrieval *);
int retrieval_note(struct retrieval *, size_t term, enum field);
/* Computes what depends on all tools, if that has changed. */
void retrieval_refresh(struct retrieval *);

#endif
