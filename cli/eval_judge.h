/*
 * cli/eval_judge.h - an agent that says whether an answer solves its question, and which of two answers is better.
 *
 * What it judges is data: an answer may tell it what to say.  So what is judged stands in a JSON text, out of which no
 * answer can reach; the judge is offered no tools and remembers nothing; of its reply a word counts, and any other text is
 * no vote; and it is asked several times.  The worst that an answer can do is to win votes.
 */
#ifndef CLI_EVAL_JUDGE_H
#define CLI_EVAL_JUDGE_H

#include "cli/eval_run.h"

/* Has all runs judged that were answered.  As eval_jobs_run(); with 1 those with all of their votes are judged, and partial is set. */
int eval_judge_all(struct cli *, struct eval *, struct err *);

/* Two answers to a question: this evaluation's and another's. */
struct eval_pair {
    const struct eval_run *own;
    const struct json *other; /* a run of an earlier evaluation, as eval_write() writes it */
    int n_votes;              /* that have come */
    int score;                /* votes for own, less those for other */
};

/* Every other vote has the other one first, so that the place decides nothing.  As eval_jobs_run(). */
int eval_judge_pairs(struct cli *, struct eval *, struct eval_pair *, size_t n, struct err *);

#endif
