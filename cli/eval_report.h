/*
 * cli/eval_report.h - an evaluation as a table for people and as JSON for programs.
 */
#ifndef CLI_EVAL_REPORT_H
#define CLI_EVAL_REPORT_H

#include <stdio.h>

#include "cli/eval_against.h"
#include "cli/eval_run.h"
#include "cli/eval_stats.h"

/* What of a run is counted: the columns of enum eval_column, then these rates, then the means of enum eval_cost. */
enum {
    EVAL_PASSED = EVAL_N_COLUMNS,
    EVAL_TOOLEVAL,
    EVAL_N_RATES,
    EVAL_FIRST_COST = EVAL_N_RATES,
    EVAL_N_MEASURES = EVAL_N_RATES + EVAL_N_COSTS
};

/* The questions of a tag, or all. */
struct eval_row {
    const char *tag;            /* NULL: all */
    size_t n_questions, n_runs; /* that have ended */
    struct {
        size_t n; /* questions that ask for it */
        struct interval interval;
    } measures[EVAL_N_MEASURES];
};

/* -1 with CORAX_E_INTERNAL when memory runs out. */
int eval_count_row(const struct eval *, const char *tag, struct eval_row *, struct err *);

/* wins NULL: it was held against none. */
int eval_print(FILE *, const struct eval *, const struct eval_wins *, struct err *);
/* One JSON object, on a line; docs/eval.md has its members. */
int eval_write(struct buf *, const struct eval *, const struct eval_wins *, struct err *);

#endif
