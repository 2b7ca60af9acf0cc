/*
 * cli/eval_score.h - a trace held against a question: what was right, and what it cost.
 */
#ifndef CLI_EVAL_SCORE_H
#define CLI_EVAL_SCORE_H

#include "cli/eval_suite.h"

/* A mark that the question does not ask for is NOT_ASKED. */
enum eval_mark { NOT_ASKED, RIGHT, WRONG };

#define EVAL_WHY 240

struct eval_score {
    enum eval_mark calls, arguments, answer, end, steps;
    bool passed;        /* nothing is WRONG */
    char why[EVAL_WHY]; /* of the first that is; "" none */
    int64_t n_steps, n_tool_calls, n_tokens, active_ms, wall_ms;
};

/* trace is the body of GET /v1/tasks/{id}/trace, of a task that has ended.  -1 with CORAX_E_ARGS: it is no such thing. */
int eval_score(const struct eval_question *, const struct json *trace, struct eval_score *, struct err *);
/* The answer in the trace; NULL: it ended without. */
const char *eval_answer(const struct json *trace);

#endif
