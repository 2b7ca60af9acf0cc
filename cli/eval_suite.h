/*
 * cli/eval_suite.h - a suite: questions, and what counts as right (docs/eval.md).
 *
 *     { "eval": 1, "id": "math", "about": "...", "tools": ["calc"], "budget": { "steps": 6 },
 *       "questions": [ { "id": "sum", "tags": ["arithmetic"], "input": "What is 2 + 2?",
 *         "expect": { "calls": ["calc"], "arguments": { "calc": { "expression": { "contains": "2" } } },
 *                     "answer": { "number": 4 }, "max_steps": 3 } } ] }
 *
 * A question may have a "solution", a list of calls whose last result is the answer: tests/daemon/evals.bats has them made by the real tools, and
 * each must come out right.  Keys that are not known are refused, as in every file that decides what is right.
 */
#ifndef CLI_EVAL_SUITE_H
#define CLI_EVAL_SUITE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/eval_key.h"

#define EVAL_MAX_QUESTIONS 5000
#define EVAL_MAX_CALLS     32 /* that a question may expect */
#define EVAL_MAX_ARGUMENTS 64 /* of all its calls */
#define EVAL_MAX_FILE      (8u << 20)

/* A member of the arguments of some call of a tool. */
struct eval_argument {
    const char *tool, *name;
    const struct json *value; /* equal to this; or */
    struct eval_key *key;     /* its text fits this */
};

struct eval_question {
    const char *id, *input;
    const struct json *tags;   /* a list of texts; NULL: none */
    const struct json *tools;  /* that are offered; NULL: as the suite says */
    const struct json *budget; /* NULL: as the suite says */
    bool expects_calls, in_order, only;
    size_t n_calls;
    const char *calls[EVAL_MAX_CALLS]; /* none where expects_calls: no tool may be called */
    size_t n_arguments;
    struct eval_argument arguments[EVAL_MAX_ARGUMENTS];
    struct eval_key *answer; /* NULL: any */
    bool unsolvable;         /* right is to end without an answer, or with one that fits answer */
    bool denied;             /* right is that a call was denied */
    int64_t max_steps;       /* 0: any number */
};

struct eval_suite {
    struct json *root;
    const char *id, *about;
    const char *agent, *planner, *model; /* NULL: as the command line or the daemon says */
    const struct json *tools, *budget;   /* NULL: the daemon's */
    size_t n;
    struct eval_question *questions;
};

/* -1 with CORAX_E_ARGS naming question and key.  eval_suite_finish in either case. */
int eval_suite_parse(struct eval_suite *, const char *text, size_t len, struct err *);
void eval_suite_finish(struct eval_suite *);

#endif
