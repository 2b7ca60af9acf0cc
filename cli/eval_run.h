/*
 * cli/eval_run.h - an evaluation: each question of a suite with each seed as a task, and what came of it.
 */
#ifndef CLI_EVAL_RUN_H
#define CLI_EVAL_RUN_H

#include "cli/cli.h"
#include "cli/eval_jobs.h"
#include "cli/eval_score.h"

enum eval_cost {
    EVAL_STEPS,
    EVAL_TOOL_CALLS, /* that the model made, refused ones too */
    EVAL_PROMPT_TOKENS,
    EVAL_COMPLETION_TOKENS,
    EVAL_ACTIVE_MS, /* waiting for a slot left out */
    EVAL_WALL_MS,   /* from submission to end */
    EVAL_N_COSTS
};
extern const char *const eval_cost_names[EVAL_N_COSTS];

struct eval_run {
    const struct eval_question *question;
    int seed;
    char task[ID_LEN + 1];       /* "": not begun */
    char (*earlier)[ID_LEN + 1]; /* those before it, as many as the question has; NULL: none */
    bool remembering;            /* it has a space of memories that is not empty any more */
    bool done;                   /* it has ended, and what is below is known */
    bool deleted;                /* the task, afterwards */
    char *outcome;
    char *answer; /* NULL: none */
    char *calls;  /* JSON: [{"tool","arguments","status","text"}...], texts cut */
    double costs[EVAL_N_COSTS];
    struct eval_score score;
    int n_votes, votes[3]; /* of the judge, by status; n_votes 0: it was not asked */
};

struct eval_options {
    const char *agent, *planner, *model; /* before what the suite says; NULL: as that says */
    double temperature;                  /* negative: as the suite says */
    int seeds;                           /* 0: as the suite says */
    int n_side_by_side;
    const char *only;  /* ids with commas between; NULL: all */
    const char *judge; /* an agent; NULL: none */
    int n_votes;
    bool keeps;    /* the tasks that passed, and the judge's */
    bool progress; /* how far it is, on standard error */
};

struct eval {
    const struct eval_suite *suite;
    const struct eval_options *options;
    int seeds;
    struct cli *cli;
    char id[ID_LEN + 1]; /* of the evaluation */
    size_t n, n_done;
    struct eval_run *runs; /* question by question, its seeds beside each other */
    bool partial;          /* it was interrupted */
    char *answered_by;     /* the model, as the traces name it; NULL: none has answered */
};

/* The runs that there are to do.  -1 with CORAX_E_ARGS when `only` names no question, CORAX_E_LIMIT for too many runs. */
int eval_create(struct eval *, const struct eval_suite *, const struct eval_options *, struct err *);
void eval_finish(struct eval *);

/* Has the daemon the tools that the suite requires, and the judge?  -1 with a sentence that says what is missing. */
int eval_check_daemon(struct cli *, const struct eval_suite *, const struct eval_options *, struct err *);

/* eval_jobs_run() with as many side by side as the options say, and the line of progress ended; with 1 partial is set. */
int eval_run_jobs(struct cli *, struct eval *, struct eval_jobs *, struct err *);
/* All runs, scored by their keys.  As eval_run_jobs(). */
int eval_run_all(struct cli *, struct eval *, struct err *);
/* Deletes the tasks of runs that passed. */
void eval_tidy(struct cli *, struct eval *);

/* A text's first max bytes at most, to a character's border; NULL is null. */
void eval_write_cut(struct jsonw *, const char *key, const char *text, size_t max);

/* On standard error where it is a terminal: "12 of 40 runs".  what NULL: the line is over. */
void eval_progress(const struct eval_options *, const char *what, size_t n, size_t of);

#endif
