/*
 * infer/pool.h - a few threads that share out one job at a time.
 *
 * A job is a number of chunks; whoever is free takes the next one, the caller included.  So a helper that the kernel
 * has not scheduled costs nothing: the caller does its chunks.  A helper that ran out of work spins for some
 * microseconds, since the next matrix follows at once, and then sleeps, since between two requests there is nothing
 * to do.
 */
#ifndef INFER_POOL_H
#define INFER_POOL_H

#include <stddef.h>

#include "util/err.h"

#define POOL_MAX_THREADS 64
#define POOL_MAX_CHUNKS  4096

struct pool;

/* thread: 0 for the caller, below pool_n_threads(); for scratch memory that each thread has of its own. */
typedef void pool_fn(void *arg, unsigned chunk, unsigned thread);

/* n_threads counts the caller; 1 starts no thread.  CORAX_E_LIMIT when a thread cannot be started. */
struct pool *pool_create(unsigned n_threads, struct err *) __attribute__((warn_unused_result));
void pool_destroy(struct pool *);
unsigned pool_n_threads(const struct pool *);
/* Runs fn for every chunk in [0, n_chunks) and returns when all are done.  n_chunks at most POOL_MAX_CHUNKS. */
void pool_run(struct pool *, pool_fn *fn, void *arg, unsigned n_chunks);
/* How many threads this process may run at the same time: its CPU affinity, at most POOL_MAX_THREADS. */
unsigned pool_default_threads(void);

#endif
