/*
 * plugins/search/query.h - a question's words as FTS5 expressions.
 *
 * The words come from FTS5's own tokenizer, so that both sides agree on what a word is, and go into the expression as quoted
 * strings of letters and digits: nothing that a model writes is syntax.
 */
#ifndef PLUGINS_SEARCH_QUERY_H
#define PLUGINS_SEARCH_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "store.h"

/* One way to ask; the phrases of an expression are numbered from 0 in its order. */
struct query_form {
    char *expression; /* sqlite3_free() */
    size_t n_phrases;
    unsigned weight[STORE_MAX_WORDS]; /* of each phrase, when lines of one passage are compared */
};

enum {
    QUERY_ALL,    /* all words; what was written together must stand together ("run_python") */
    QUERY_ANY,    /* any word */
    QUERY_PREFIX, /* any word that begins with one of them */
    QUERY_FORMS
};

struct query {
    size_t n_words; /* all of them; only the first STORE_MAX_WORDS are in the forms */
    struct query_form form[QUERY_FORMS];
};

/* Returns an SQLite code.  Free with query_finish(), whatever it returns. */
int query_read(struct query *, const fts5_tokenizer *, Fts5Tokenizer *, const char *text, size_t len);
void query_finish(struct query *);

#endif
