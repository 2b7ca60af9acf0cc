/*
 * cli/eval_trace.h - what an evaluation looks at in a task's trace (docs/api.md): how it ended, which calls the model
 * made, what came of them, and what all of it cost.
 */
#ifndef CLI_EVAL_TRACE_H
#define CLI_EVAL_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"
#include "util/json.h"

#define EVAL_MAX_CALLS 512 /* that are looked at: budgets allow far fewer */

struct eval_made {
    const char *id, *tool;
    const char *arguments; /* as the model wrote them; perhaps no JSON */
    bool carried_out;      /* it was sent to the tool */
    const char *status;    /* of its result; NULL: there is none */
    const char *text;      /* the result's first text, or JSON if it has no text; NULL: none */
};

struct eval_trace {
    struct json *root;                  /* which all below borrows from */
    const char *outcome, *code, *model; /* code: why it failed, model: who answered; NULL: none */
    const char *answer;                 /* NULL: none */
    size_t n, n_calls;                  /* n_calls counts those beyond EVAL_MAX_CALLS, too */
    struct eval_made *calls; /* in the order in which the model made them, on ways that were given up as well */
    double steps, prompt_tokens, completion_tokens, active_ms;
    double wall_ms; /* from its submission to its end, waiting for a slot included */
};

/* -1 with CORAX_E_ARGS where it is no trace of a task that has ended.  eval_trace_finish() in either case. */
int eval_trace_read(struct eval_trace *, const char *text, size_t len, struct err *);
void eval_trace_finish(struct eval_trace *);

/* The text of the last result of that tool that is no error, or NULL.  `of` is a trace: struct eval_results wants it so. */
const char *eval_trace_last(const void *of, const char *tool);

#endif
