/*
 * tests/bench/report.h - the figures: collected over several runs, printed as a table and as JSON.
 */
#ifndef TESTS_BENCH_REPORT_H
#define TESTS_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_RUNS 64

/* Values of one thing, one a run. */
struct series {
    size_t n;
    double at[MAX_RUNS];
};
void series_add(struct series *, double);
double series_median(const struct series *); /* 0 when empty */

/* Of n values, which are sorted by it: the one that a share q of them does not exceed. */
double percentile(double *values, size_t n, double q);

enum target { TARGET_NONE, TARGET_AT_MOST, TARGET_AT_LEAST };

/* Texts are string literals.  floor: what the same machine needs for the bare thing, NULL when there is none. */
void report_section(const char *title);
void report_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void report_figure(const char *key, const char *what, const char *unit, const struct series *, enum target,
                   double reach, const struct series *floor);

/* The table on standard output; JSON into json_path unless NULL.  -1 when that cannot be written. */
int report_print(const char *json_path);

#endif
