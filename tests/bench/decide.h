/*
 * tests/bench/decide.h - how long a decision takes among many rules.
 */
#ifndef TESTS_BENCH_DECIDE_H
#define TESTS_BENCH_DECIDE_H

/* A section of the report: sets of 1,000 rules of several shapes, each decided on in n_runs runs. */
void measure_decisions(int n_runs);

#endif
