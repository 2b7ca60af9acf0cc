/*
 * plugins/search/store.h - the index: which files it holds, and what is found in them.
 *
 * It lives in memory: a host may write no file, and what is indexed can always be read again.
 */
#ifndef PLUGINS_SEARCH_STORE_H
#define PLUGINS_SEARCH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "passage.h"
#include "text.h"

#define STORE_MAX_WORDS 64 /* of a query: a bit each in a line's set of found words */
#define STORE_MAX_HITS  20
#define STORE_MAX_BYTES \
    (1024LL << 20) /* of memory, before SQLite says it is out of it; a host has 2 GiB of addresses */

#define STORE_MAX_STAMP 127 /* bytes */

enum store_status {
    STORE_OK,
    STORE_STOPPED, /* go_on() said no */
    STORE_FAILED   /* store_error() says why; only store_destroy() is left to do */
};

struct store;

struct store_hit {
    char *path;   /* valid UTF-8 without control characters, NUL-terminated */
    int64_t line; /* from 1 */
    double score; /* greater is better; comparable within one query only */
    char text[SNIPPET_SIZE];
};

struct store_hits {
    size_t n;
    struct store_hit hit[STORE_MAX_HITS];
};

/* Long work asks go_on(arg) now and then.  NULL when there is no memory. */
struct store *store_create(bool (*go_on)(void *arg), void *arg);
void store_destroy(struct store *);
const char *store_error(const struct store *);
size_t store_n_files(const struct store *);

/*
 * Reading files in: begin, then for each file has, and put where that is false, then end.  path names the file, stamp is a text
 * that changes when the file does; an empty one is like no other.  A put that was stopped goes on when the file comes again.  end(true) forgets the
 * files that did not come, and tidies up; end(false) keeps them.
 */
enum store_status store_begin(struct store *);
enum store_status store_has(struct store *, const char *path, const char *stamp, bool *out);
enum store_status store_put(struct store *, const char *path, const char *stamp, const char *text, size_t len,
                            enum passage_format);
enum store_status store_end(struct store *, bool complete);

/* The number of words in a query's text; more than STORE_MAX_WORDS can not be looked for. */
enum store_status store_count_words(struct store *, const char *query, size_t len, size_t *n);
/* The best passages, each by its best line; limit is at most STORE_MAX_HITS.  Free with store_hits_finish(). */
enum store_status store_find(struct store *, const char *query, size_t len, size_t limit, struct store_hits *);
void store_hits_finish(struct store_hits *);

#endif
