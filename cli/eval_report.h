/*
 * cli/eval_report.h - an evaluation as a table for people and as JSON for programs.
 */
#ifndef CLI_EVAL_REPORT_H
#define CLI_EVAL_REPORT_H

#include <stdio.h>

#include "cli/eval_against.h"
#include "cli/eval_run.h"

/* What is counted, by tag.  Resampling takes a while, so it is done once for both forms.  NULL: no memory. */
struct eval_table;
struct eval_table *eval_table_create(const struct eval *, struct err *);
void eval_table_destroy(struct eval_table *);

/* wins NULL: it was held against none. */
void eval_print(FILE *, const struct eval *, const struct eval_table *, const struct eval_wins *);
/* One JSON object, on a line; docs/eval.md has its members. */
int eval_write(struct buf *, const struct eval *, const struct eval_table *, const struct eval_wins *, struct err *);

#endif
