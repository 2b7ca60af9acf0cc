/*
 * cli/eval_report.h - an evaluation as a table for people and as JSON for programs.
 */
#ifndef CLI_EVAL_REPORT_H
#define CLI_EVAL_REPORT_H

#include <stdio.h>

#include "cli/eval_against.h"
#include "cli/eval_run.h"

/* wins NULL: it was held against none. */
int eval_print(FILE *, const struct eval *, const struct eval_wins *, struct err *);
/* One JSON object, on a line; docs/eval.md has its members. */
int eval_write(struct buf *, const struct eval *, const struct eval_wins *, struct err *);

#endif
