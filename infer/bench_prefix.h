/* infer/bench_prefix.h - how long the first token takes behind a long prompt: read anew, known, and known from files after a restart. */
#ifndef INFER_BENCH_PREFIX_H
#define INFER_BENCH_PREFIX_H

#include <stddef.h>

#include "infer/engine.h"

/* Seconds from a request to its first token. */
struct bench_prefix {
    double cold, warm, restarted;
};

/* A prompt of n tokens, of which the last 4 differ each time. */
int bench_prefix(struct engine *, size_t n, struct bench_prefix *, struct err *);

#endif
