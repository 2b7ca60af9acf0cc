/*
 * daemon/journal_memory_row.h - what journal_memory.c and journal_memory_search.c share.  In the journal's thread.
 */
#ifndef DAEMON_JOURNAL_MEMORY_ROW_H
#define DAEMON_JOURNAL_MEMORY_ROW_H

#include "daemon/journal_memory.h"
#include "daemon/journal_schema.h"

#define JOURNAL_MAX_EPISODES 10000 /* in a space; beyond, the oldest goes */

void journal_bind_query(sqlite3_stmt *, const struct memory_query *); /* ?1 uid, ?2 space, ?3 kinds, ?4 tag */
/* Of a statement that selects MEMORY (journal_schema.c). */
int journal_read_memory(sqlite3_stmt *, struct memory *, struct err *);
/* Takes m, also when it fails. */
int journal_memories_add(struct journal_memories *, struct memory *, struct err *);
/* The rows that fit the query's words and vector best. */
int journal_search(struct journal_db *, struct journal_memories *, struct err *);

#endif
