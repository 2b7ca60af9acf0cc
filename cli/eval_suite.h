/*
 * cli/eval_suite.h - a suite: questions, how they are put to the daemon, and what counts as right (docs/eval.md).
 *
 * A suite decides what is called right, so it is read strictly: a key that is not known, a list that is empty, an
 * expectation that contradicts another is an error that names the question.
 */
#ifndef CLI_EVAL_SUITE_H
#define CLI_EVAL_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/eval_key.h"
#include "util/id.h"
#include "util/jsonschema.h"

#define EVAL_MAX_BYTES     (4u << 20) /* of a file */
#define EVAL_MAX_QUESTIONS 2000
#define EVAL_MAX_SEEDS     100
#define EVAL_MAX_RUNS      20000 /* questions times seeds: a run takes some kilobytes */
#define EVAL_MAX_LIST      32    /* tags, tools and calls of a question */
#define EVAL_MAX_NAME      64    /* bytes of an id or a tag: letters, digits, . _ - */

/* A call that must have been made: all that is given must hold of one and the same call. */
struct eval_call {
    const char *tool;
    const struct json *members; /* argument name -> the very value; NULL: none */
    size_t n_like;
    const char **like_names; /* arguments whose text (of a number its digits) a key is held against */
    struct eval_key **like;
    struct jsonschema *schema; /* of the arguments; NULL: none */
    struct eval_key *result;   /* of what the tool gave; NULL: none */
};

struct eval_expect {
    bool about_tools; /* which tools are called is asked for */
    bool any_other;   /* others than must and may are right, too */
    bool ordered;
    const struct json *must, *may; /* lists of names; NULL: none */
    size_t n_calls;
    struct eval_call *calls;
    struct eval_key *answer;      /* NULL: none */
    const struct json *refused;   /* names of tools whose calls a policy must deny; NULL: none */
    int64_t max_steps, max_calls; /* -1: not asked */
    bool solvable;
};

struct eval_question {
    const char *id, *input;
    const struct json *tags; /* NULL: none */
    const struct json *task; /* members of POST /v1/tasks, before those of the suite; NULL: none */
    bool remembers;          /* each run of it has a space of memories of its own, in which it finds what is said in */
    const struct json *facts, *earlier; /* lists of texts: facts that are there, inputs of tasks before; NULL: none */
    struct eval_expect expect;
    const struct json *solution; /* {calls, answer}: one way to have all right, for who checks the suite; NULL */
};

struct eval_suite {
    struct json *root;           /* which all below borrows from */
    char hash[2 * HASH_LEN + 1]; /* of the file's bytes */
    const char *id, *description;
    const struct json *task;     /* of all questions; NULL: none */
    const struct json *requires; /* tools that the daemon must have; NULL: none */
    int seeds;
    size_t n;
    struct eval_question *questions;
};

/* The text is not kept.  NULL with CORAX_E_ARGS: 'question "sum": expect: unknown key "tool"'. */
struct eval_suite *eval_suite_read(const char *text, size_t len, struct err *) __attribute__((warn_unused_result));
/* The same of a file; errors begin with its path. */
struct eval_suite *eval_suite_load(const char *path, struct err *) __attribute__((warn_unused_result));
void eval_suite_destroy(struct eval_suite *);

/* Is the text among the list's? */
bool eval_list_has(const struct json *list, const char *text);
/* An id or a tag, as EVAL_MAX_NAME says. */
bool eval_is_name(const char *text);

#endif
