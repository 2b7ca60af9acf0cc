/*
 * cli/eval_score.h - a trace held against a question's keys: what was right, column by column, and whether it passed.
 */
#ifndef CLI_EVAL_SCORE_H
#define CLI_EVAL_SCORE_H

#include <stdbool.h>

#include "cli/eval_suite.h"
#include "cli/eval_trace.h"

enum eval_column {
    EVAL_TOOLS,     /* expect.tools */
    EVAL_ARGUMENTS, /* expect.arguments */
    EVAL_ANSWER,    /* expect.answer; of a question without, the judge's word, if there is a judge */
    EVAL_LIMITS,    /* expect.max_steps, max_calls and refused */
    EVAL_N_COLUMNS
};
extern const char *const eval_column_names[EVAL_N_COLUMNS];

enum eval_mark { EVAL_NOT_ASKED, EVAL_RIGHT, EVAL_WRONG };

/* ToolEval's status of an answer (Qin et al., ToolLLM, arXiv:2307.16789). */
enum eval_status { EVAL_SOLVED, EVAL_UNSOLVED, EVAL_UNSURE };
extern const char *const eval_status_names[3];

#define EVAL_WHY_SIZE 240

struct eval_score {
    enum eval_mark marks[EVAL_N_COLUMNS];
    char why[EVAL_N_COLUMNS][EVAL_WHY_SIZE]; /* of what is wrong, a sentence */
    /*
     * It came to its end: it was answered, or it gave up where that is right.  What ended by a budget or an error has
     * not, whatever its columns say; why_not then says how it ended.
     */
    bool finished;
    char why_not[EVAL_WHY_SIZE];
    enum eval_status status;
    bool tooleval; /* passes as ToolEval has it: solved, or, where nothing solves it, unsolved */
    bool passed;   /* finished, and nothing that was asked is wrong */
};

/* By the keys alone. */
void eval_score(const struct eval_question *, const struct eval_trace *, struct eval_score *);

/*
 * What a judge said of a task that was answered takes the place of the keys' status, and of the answer's mark where no key
 * made one.  Of a task without an answer there is nothing to judge, and the score stays as it is.
 */
void eval_score_judged(const struct eval_question *, enum eval_status, struct eval_score *);

#endif
