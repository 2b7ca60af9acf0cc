/*
 * daemon/journal_ops.h - parts of operations that others have, too.  For journal*.c alone, in the journal's thread.
 */
#ifndef DAEMON_JOURNAL_OPS_H
#define DAEMON_JOURNAL_OPS_H

#include "daemon/journal_schema.h"

/* A task by its number, with its events and the blobs that only they have. */
int journal_delete_task(struct journal_db *, sqlite3_int64 n, struct err *);
/* The episode of a task that has just ended (daemon/journal_memory.c), and what was kept of its writes goes. */
struct memory;
int journal_add_episode(struct journal_db *, const struct memory *, struct err *);
int journal_delete_episode(struct journal_db *, sqlite3_int64 task, struct err *); /* of the task by its number */
void journal_drop_words(struct journal_db *); /* at the end */
/* Gives some free pages back to the file system. */
int journal_vacuum(struct journal_db *, struct err *);

#endif
