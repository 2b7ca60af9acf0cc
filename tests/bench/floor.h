/*
 * tests/bench/floor.h - what the bare things cost on this machine in this moment: one SQLite commit, one round trip of a
 * line of JSON over a socketpair; and the same round trip through corax-host.
 */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/bench/rig.h"

/* Microseconds, median of n commits of one row of 1,000 bytes, in the journal's mode (WAL), in a new file in dir. */
double floor_commit_us(const char *dir, bool full, int n);

struct trips {
    double p50_us, p99_us;
};

/* n calls of echo in a warm corax-host that the daemon's side of the protocol talks to: what a task waits for. */
struct trips tool_round_trips(enum where, int n);
/* The very bytes of such a call and its answer between two processes that only parse them, with cJSON. */
struct trips bare_round_trips(enum where, int n);

#endif
