/*
 * tests/bench/scripted-model.h - what the stand-in for corax-infer and the benchmark have between them.
 *
 * The stand-in is told what to do by the first user message, words as "tool=echo steps=10 pad=0 hold=5": call the tool
 * in each step, answer in the step with the number `steps`, ask for results of `pad` bytes, and never answer the request
 * of step `hold`.  Both sides map the file MODEL.times: each request leaves its times there, so that the benchmark sees what
 * lies between a reply and the next request without asking anybody.
 */
#ifndef TESTS_BENCH_SCRIPTED_MODEL_H
#define TESTS_BENCH_SCRIPTED_MODEL_H

#include <stdint.h>

#define SCRIPTED_MAX_TIMES 20000

struct scripted_time {
    int64_t read_ns;  /* CLOCK_MONOTONIC: the request was read */
    int64_t reply_ns; /* its reply is about to be written */
    int64_t step;     /* from 1 */
};

struct scripted_times {
    int64_t n; /* requests so far; those past the end of the list leave no times */
    struct scripted_time at[SCRIPTED_MAX_TIMES];
};

#endif
