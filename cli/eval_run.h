/*
 * cli/eval_run.h - a suite's questions as tasks of the daemon, a few at a time, and what came of each.
 */
#ifndef CLI_EVAL_RUN_H
#define CLI_EVAL_RUN_H

#include "cli/cli.h"
#include "cli/eval_score.h"

/* Solved or not, as ToolEval has it (Qin et al. 2023, arXiv 2307.16789): by the keys, or by a judge's votes. */
enum eval_status { UNSURE, SOLVED, UNSOLVED };

struct eval_run {
    const struct eval_question *question;
    int seed;
    char id[ID_LEN + 1]; /* of its task; "" it was not begun */
    bool ended;          /* score and answer are there */
    struct eval_score score;
    char *answer; /* NULL: none */
    enum eval_status status;
    bool passed; /* by the keys; with a judge: solved, and nothing else is wrong */
};

struct eval_options {
    const char *agent, *planner, *model; /* before those of the suite; NULL: none */
    const char *only;                    /* the id of one question; NULL: all */
    int n_seeds, n_jobs;
    double temperature; /* negative: as it is */
    const char *judge;  /* an agent; NULL: the keys alone */
    int n_votes;        /* of the judge, odd */
    bool keeps;         /* tasks that passed stay in the journal, too, and the judge's */
};

struct eval_runs {
    size_t n;
    struct eval_run *at; /* the questions in their order, each with its seeds behind each other */
    bool interrupted;    /* Ctrl-C: those that had not ended are cancelled */
};

/* 0, or -1 with what the daemon said.  eval_runs_finish in either case. */
int eval_run_all(struct cli *, const struct eval_suite *, const struct eval_options *, struct eval_runs *,
                 struct err *);
void eval_runs_finish(struct eval_runs *);

/* Sends a text as a task to an agent (NULL: none), and waits for its end.  *answer is the caller's to free; NULL: none. */
int eval_ask(struct cli *, const char *agent, const char *text, int seed, bool keeps, char **answer, struct err *);

/* For tests: the first word of an answer, "Solved." or "unsure", nothing else.  UNSURE for anything else. */
enum eval_status eval_read_vote(const char *answer);
enum eval_status eval_majority(const enum eval_status *votes, int n);

#endif
