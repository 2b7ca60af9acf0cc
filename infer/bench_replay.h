/* infer/bench_replay.h - how fast a transcript is written that is known beforehand, with guessed tokens and without. */
#ifndef INFER_BENCH_REPLAY_H
#define INFER_BENCH_REPLAY_H

#include <stddef.h>

#include "infer/engine.h"

struct bench_replay {
    size_t n_written;          /* tokens of the parts that are written */
    size_t n_guessed, n_right; /* in the last run with guesses */
    double *alone, *guessed;   /* [n_runs], the caller's: seconds to write them one by one, and with guesses as scheduler_step() makes them */
};

/*
 * The file is JSON: an array of arrays of token ids, which are read and written in turn, as prompts (questions, results of tools) and
 * what the model said.  What is written is the file's, whatever the model would say: it is evaluated all the same.
 */
int bench_replay(struct engine *, const char *path, size_t n_runs, struct bench_replay *, struct err *);

#endif
