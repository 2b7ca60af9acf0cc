/*
 * cli/eval_judge.h - an agent that says whether an answer solves its question, or which of two is better.
 *
 * What it is shown is data: an answer may tell it what to say.  So its vote is one word, anything else is no vote, and it is asked
 * several times.
 */
#ifndef CLI_EVAL_JUDGE_H
#define CLI_EVAL_JUDGE_H

#include "cli/eval_run.h"

/* Sets status by a majority of n_votes, and passed: solved, and nothing but the answer's key may be wrong. */
int eval_judge_run(struct cli *, const struct eval_options *, struct eval_run *, struct err *);
/*
 * Of two answers to a question: 1 the first is better, -1 the second, 0 neither.  Each is shown first as often as second, so that the place
 * decides nothing.
 */
int eval_judge_pair(struct cli *, const struct eval_options *, const char *question, const char *first,
                    const char *second, int *better, struct err *);

#endif
