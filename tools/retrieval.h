/*
 * tools/retrieval.h - finds the tools that a text is about, among thousands.
 *
 * An inverted index in memory over each tool's name, summary, parameters (names, descriptions, listed values) and provider.
 * A query is any text, a task or a few words; tools are ranked by BM25F, and where vectors are given, by these too.
 *
 * BM25F (Zaragoza et al., Microsoft Cambridge at TREC-13, 2004; Robertson and Zaragoza, The Probabilistic Relevance
 * Framework: BM25 and Beyond, 2009, section 3.6).  For a query's distinct terms t, each found q times in it, and a tool d:
 *
 *     score(d) = sum over t of  idf(t) * q (k3 + 1) / (k3 + q) * f / (k1 + f)
 *     f        = sum over fields c of  weight[c] * count[t, d, c] / (1 - b[c] + b[c] * len[d, c] / mean[c])
 *     idf(t)   = ln(1 + (N - n + 0.5) / (n + 0.5))       N tools, n of which have t; this form is never negative
 *
 * len and mean count words; the constants stand in retrieval.c, and tests/tools/retrieval-t.c computes the same plainly.
 *
 * A tool may have a vector (an embedding), a query too.  Then the RETRIEVAL_FUSED best by words and by cosine (all of
 * them, exactly) are fused by reciprocal rank, the sum of 1 / (60 + rank) by words and 2 / (60 + rank) by cosine (Cormack, Clarke
 * and Buettcher, SIGIR 2009; the weight by the queries of the split "dev" in tests/tools/retrieval/).
 *
 * Results depend on the tools alone, not on the order in which they came and went: equal scores go by name.  No I/O.
 * Not for several threads.
 */
#ifndef TOOLS_RETRIEVAL_H
#define TOOLS_RETRIEVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/registry.h"
#include "util/err.h"

#define RETRIEVAL_MAX_TOOLS    REGISTRY_MAX_TOOLS
#define RETRIEVAL_MAX_POSTINGS 4000000         /* 64 MB; 20,000 tools of 200 different words each */
#define RETRIEVAL_MAX_TEXTS    (32 << 20)      /* bytes of different words */
#define RETRIEVAL_MAX_WORDS    512             /* of a field that are counted: a schema of 64 KiB has more than anybody reads */
#define RETRIEVAL_MAX_QUERY    (16 * 1024)     /* bytes that are read of a query; its beginning says what it is about */
#define RETRIEVAL_MAX_TERMS    64              /* of a query that are looked up: the rarest, if it has more */
#define RETRIEVAL_MAX_HITS     200
#define RETRIEVAL_MAX_DIM      8192            /* of a vector */
#define RETRIEVAL_FUSED        100

struct retrieval;

struct retrieval *retrieval_create(void); /* NULL: no memory */
void retrieval_destroy(struct retrieval *);

/*
 * Adds one, under its id, which must not be there.  Nothing of it is borrowed.  -1 with CORAX_E_LIMIT: no memory, or the
 * index is full; then nothing was added.
 */
int retrieval_add(struct retrieval *, const struct tool *, struct err *);
/* What is not there is no error. */
void retrieval_remove(struct retrieval *, uint64_t id);
void retrieval_remove_provider(struct retrieval *, const char *provider);
/*
 * Brings the index to the enabled tools of a registry; quick when that has not changed.  -1 with CORAX_E_LIMIT: some could not be
 * added; the others are there, and these are not tried again before the registry has changed.
 */
int retrieval_sync(struct retrieval *, const struct registry *, struct err *);
size_t retrieval_count(const struct retrieval *);
size_t retrieval_bytes(const struct retrieval *); /* of memory, without what malloc adds */

/*
 * vector  [dim] f32, of any length but 0; it is copied
 *
 * -1: CORAX_E_NOTFOUND, CORAX_E_ARGS (another dim than those before, a length of 0, a number that is none), CORAX_E_LIMIT.
 */
int retrieval_set_vector(struct retrieval *, uint64_t id, const float *vector, size_t dim, struct err *);
bool retrieval_needs_vector(struct retrieval *, uint64_t id); /* it is there and has none; quick for ids in their order */
void retrieval_drop_vectors(struct retrieval *); /* those of another model, or of another dim, may come */

struct retrieval_query {
    const char *text;
    size_t len;
    const float *vector; /* [dim]; NULL: words alone */
    size_t dim;
    double min_cosine; /* for retrieval_search_more: from there on a tool is meant, whatever the words */
    size_t k; /* how many, at most RETRIEVAL_MAX_HITS */
    bool (*admits)(void *arg, const char *name); /* NULL: every tool */
    void *arg;
};

struct retrieval_hit {
    uint64_t id;
    const char *name; /* until the tool is removed */
    double score;     /* BM25F's, or where there is a vector the fused one; above 0 */
    double part;      /* of what all words of the query weigh that any tool has: 0 to 1; 0 where it is not among the best by words */
    double cosine;    /* of its vector and the query's; 0 where it is not among the best by these */
};

/*
 * The best, in order; how many there are.  Tools that share no word with the query (and have no vector, where it has one) are
 * none.  -1: CORAX_E_LIMIT (no memory), CORAX_E_ARGS (a vector of another dim).
 */
int retrieval_search(struct retrieval *, const struct retrieval_query *, struct retrieval_hit *hits, struct err *);
/*
 * The same, but only what a task, which has some of the tools, gains by: of those that it does not have the best k, each of
 * which fits the text about as well as the best that it has, or better, and takes up enough of it.  admits admits both.
 *
 * A score says nothing by itself: how high it is depends on the query's length and rarity.  So tools are held against those
 * that the task has, by the same text.  A text about what the task is doing anyhow fits the tool that does it, and next to
 * nothing is gained; one that wants something else fits what the task has badly, or not at all.  Fused scores are ranks in
 * disguise, so there a tool must stand before all that the task has, or next behind the first of it; and since something is
 * always first, either its words or its cosine must say that it is meant.  The constants were chosen with the split "dev" of
 * tests/tools/retrieval/ (episodes.jsonl, and the fused ones with its queries as well).
 */
#define RETRIEVAL_AS_GOOD       0.8  /* of the best score of what the task has */
#define RETRIEVAL_AS_GOOD_FUSED 0.97 /* the same of a fused one: a rank or two */
#define RETRIEVAL_PART          0.15 /* of the text: a word in common, in a long text, is none */
#define RETRIEVAL_PART_FUSED    0.1
int retrieval_search_more(struct retrieval *, const struct retrieval_query *, bool (*has)(void *arg, const char *name),
                          struct retrieval_hit *hits, struct err *);

#endif
