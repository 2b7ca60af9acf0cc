/*
 * cli/eval_report.h - what a suite's runs come to: a table, JSON, and which of two evaluations is better.
 */
#ifndef CLI_EVAL_REPORT_H
#define CLI_EVAL_REPORT_H

#include <stdio.h>

#include "cli/eval_run.h"
#include "cli/eval_stats.h"

/* Against an earlier evaluation of the same questions; n 0: there is none. */
struct eval_wins {
    size_t n, won, tied, lost;
};

void eval_print(FILE *, const struct eval_suite *, const struct eval_options *, const struct eval_runs *,
                const struct eval_wins *);
/* One JSON object, which --against reads again. */
void eval_write(struct buf *, const struct eval_suite *, const struct eval_options *, const struct eval_runs *,
                const struct eval_wins *);
/* earlier is what eval_write wrote.  -1 with CORAX_E_ARGS when it is no such thing, or what the judge's task ended with. */
int eval_compare(struct cli *, const struct eval_options *, const struct eval_runs *, const struct json *earlier,
                 struct eval_wins *, struct err *);

#endif
