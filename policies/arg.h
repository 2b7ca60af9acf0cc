/*
 * policies/arg.h - a condition on one argument of a call.
 *
 *     { "min": 1, "max": 10 }                 a number, both ends included
 *     { "enum": ["fast", 3, true, null] }     equal to one of these
 *     { "min_length": 1, "max_length": 80 }   a string, counted in characters (code points)
 *     { "path": { "beneath": ["docs", "work/out"], "hidden": false } }      (policies/path.h)
 *     { "url": { "scheme": ["https"], "host": ["a.org", "*.a.org"], "port": [443], "beneath": ["/api"], "max_query": 80,
 *                "private": false } }                                       (policies/url.h)
 *     { "argv": { "program": ["ls"], "options": ["-l", "--all"], "max": 4 } }   a list of words, the program first
 *
 * path, url and argv hold for an argument of the right kind.  Of a path or a URL the argument may be a list: then they hold for
 * `allow` if they do for each element, and for `ask` and `deny` if they do for one.  "program" is for allow the first word as it is written,
 * for ask and deny also the last name of a path.  "options" are for allow all that there may be, for ask and deny those of which one is there,
 * also shortened ("--al") or several in a word ("-la").
 *
 * Arguments are compared as typed values after the schema check, never as text.  An argument that is absent or of another type than
 * the condition asks for does not match.  What has the right type and cannot be told (a number of 2^53 or more is not exact in a
 * double; a path that leads out of its root; a URL that two parsers may read in two ways) counts against the call: it matches for ask
 * and deny and does not for allow.
 */
#ifndef POLICIES_ARG_H
#define POLICIES_ARG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/path.h"
#include "policies/url.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/json.h"

enum arg_kind { ARG_VALUE, ARG_PATH, ARG_URL, ARG_ARGV };

struct texts {
    size_t n;
    const char **at;
};

/* A value of an "enum". */
struct arg_value {
    enum json_kind kind;
    double number;    /* of a bool, 0 or 1 */
    const char *text; /* in the parsed file */
};

struct arg_condition {
    const char *name;
    enum arg_kind kind;
    int slot; /* for match_memo; -1: none */
    const struct json *source; /* where it is written */
    /* ARG_VALUE */
    bool has_number; /* min, max or a number in values */
    bool has_range, has_length;
    size_t n_values; /* "enum"; 0: none */
    const struct arg_value *values;
    double min, max;
    int64_t min_length, max_length;
    /* The others; n 0: any. */
    struct texts beneath;     /* ARG_PATH: as path_parse leaves them; ARG_URL: paths that begin with a slash */
    struct texts hosts;       /* ARG_URL: lower case; "*.a.org" is every name below a.org */
    struct texts schemes, programs, options;
    const struct json *ports; /* ARG_URL: an array; NULL: any */
    int64_t max_query, max_words;
    int flag; /* "hidden", "private": 1 only such, 0 only others, -1 any */
};

/* The last path and the last URL that were read, by where their text is. */
struct arg_memo {
    const char *url_text, *path_text; /* NULL: none */
    bool url_clear, path_clear;
    struct url url;
    struct path path;
};
void arg_memo_init(struct arg_memo *);

struct arg_context {
    path_resolver *resolve; /* NULL: path_parse */
    void *resolve_arg;
    struct arg_memo *memo;
    bool against; /* the rule asks or denies */
};

/* What text leads to, and the URL that it is; NULL where that cannot be told.  Good until the memo holds another. */
const struct path *arg_read_path(const char *text, const struct arg_context *);
const struct url *arg_read_url(const char *text, const struct arg_context *);
bool arg_is_inexact(const struct json *value); /* a number of 2^53 or more */
size_t arg_length(const char *text);           /* in characters, as min_length and max_length count */

/* member is the condition, its key the argument's name.  -1 with CORAX_E_ARGS. */
int arg_read(const struct json *member, struct arg_condition *, struct arena *, struct err *);
/* value is the argument; NULL: it is absent. */
bool arg_matches(const struct arg_condition *, const struct json *value, const struct arg_context *);
/* True only if a matches whatever b matches.  alike: both are of allow, or both of ask and deny; else b is of allow. */
bool arg_covers(const struct arg_condition *a, const struct arg_condition *b, bool alike);

#endif
