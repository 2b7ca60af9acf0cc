/*
 * daemon/memory_vectors.h - gives memories their vectors, in the background.
 *
 * A memory is durable before anybody thinks of its vector.  After a start, and whenever the model is another one, all that have none of
 * this model's get one, some at a time; later those that come or change.
 */
#ifndef DAEMON_MEMORY_VECTORS_H
#define DAEMON_MEMORY_VECTORS_H

#include "daemon/coraxd.h"

struct memory_vectors;

struct memory_vectors *memory_vectors_create(struct coraxd *, struct err *);
void memory_vectors_destroy(struct memory_vectors *); /* when nothing of it is under way: behind vectors_stop() and journal_drain() */
/* The model is there, or memories have changed: goes on, if there is anything to do. */
void memory_vectors_run(struct memory_vectors *);

#endif
