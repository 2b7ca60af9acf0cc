/*
 * cli/eval_against.h - an evaluation held against an earlier one of the same suite: ToolEval's win rate.
 *
 * Solved beats unsolved.  Of two that are solved the judge says which is better, or, without one, the one of fewer steps.
 * Of two that are not the judge says, or neither wins.
 */
#ifndef CLI_EVAL_AGAINST_H
#define CLI_EVAL_AGAINST_H

#include "cli/eval_result.h"
#include "cli/eval_run.h"

/* By pairs of runs, and by questions: a question's worth is the mean over its pairs, 1 a win, 1/2 a tie. */
struct eval_wins {
    size_t won, tied, lost;
    size_t n_questions; /* that both have */
    double sum;         /* of their worths */
    bool other_suite;   /* the suite's file has changed in between */
};

/*
 * Pairs runs of one question and seed.  -1 with CORAX_E_ARGS where it is of another suite or has no such run; otherwise as
 * eval_judge_pairs(), and with 1 the pairs without all of their votes are left out.
 */
int eval_compare(struct cli *, struct eval *, const struct eval_result *, struct eval_wins *, struct err *);

#endif
