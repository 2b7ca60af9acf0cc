/*
 * daemon/tool_vectors.h - gives tools their vectors, in the background.
 *
 * Only where there are so many tools that some must be chosen.  What was made of a description is kept in the journal by its hash, so
 * that a start with thousands of tools makes none again.
 */
#ifndef DAEMON_TOOL_VECTORS_H
#define DAEMON_TOOL_VECTORS_H

#include "daemon/coraxd.h"

struct tool_vectors;

struct tool_vectors *tool_vectors_create(struct coraxd *, struct err *);
void tool_vectors_destroy(struct tool_vectors *); /* when nothing of it is under way: behind vectors_stop() and journal_drain() */
/* The model is there, or there may be other tools: goes on, if there is anything to do. */
void tool_vectors_run(struct tool_vectors *);
/* Of the vectors that the tools have: as vectors_key(), "" where they have none. */
const char *tool_vectors_key(const struct tool_vectors *);

#endif
