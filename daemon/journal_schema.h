/*
 * daemon/journal_schema.h - the tables, and how older ones become them.  For journal*.c alone.
 */
#ifndef DAEMON_JOURNAL_SCHEMA_H
#define DAEMON_JOURNAL_SCHEMA_H

#include <sqlite3.h>
#include <stdbool.h>

#include "util/err.h"

#define JOURNAL_SCHEMA 5 /* PRAGMA user_version */

/*
 * Sets the connection's pragmas and brings the schema to JOURNAL_SCHEMA: in one transaction, and behind a copy of the older database
 * at PATH.v<its version>.  -1 with CORAX_E_ARGS when the database is newer (it is not touched), CORAX_E_IO, CORAX_E_LIMIT.
 */
int journal_schema_apply(sqlite3 *, const char *path, bool normal, struct err *);
/* PRAGMA user_version; 0: there is no table yet. */
int journal_schema_version(sqlite3 *, int *version, struct err *);

/* The connection's error as ours: "journal: <what>: database or disk is full". */
int journal_fail(sqlite3 *, const char *what, struct err *);

/* Prepared once, used for every operation. */
enum journal_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVE,
    SQL_UNDO,
    SQL_TASK_INSERT,
    SQL_TASK_STEP,
    SQL_TASK_UPDATE,
    SQL_TASK_BY_KEY,
    SQL_TASK_GET,
    SQL_TASK_LIST,
    SQL_TASK_LIST_UID,
    SQL_TASK_LIVE,
    SQL_TASK_DELETE,
    SQL_EVENT_INSERT,
    SQL_EVENTS_AFTER,
    SQL_EVENTS_ENDS,
    SQL_EVENT_BLOBS,
    SQL_BLOB_ADD,
    SQL_BLOB_LINK,
    SQL_BLOB_DROP,
    SQL_BLOB_SWEEP,
    SQL_VACUUM,
    SQL_TASK_OLDEST,
    SQL_TASK_FINISHED,
    SQL_PAGES_USED,
    SQL_PAGES_FREE,
    SQL_MEMORY_SPACES,
    SQL_MEMORY_SPACE_ADD,
    SQL_MEMORY_SPACE_COUNT,
    SQL_MEMORY_SPACE_SWEEP,
    SQL_MEMORY_LIST,
    SQL_MEMORY_LIST_ALL,
    SQL_MEMORY_ROW,
    SQL_MEMORY_NOTE,
    SQL_MEMORY_COUNT,
    SQL_MEMORY_OLDEST,
    SQL_MEMORY_INSERT,
    SQL_MEMORY_UPDATE,
    SQL_MEMORY_DELETE,
    SQL_MEMORY_STATS,
    SQL_MEMORY_STATS_ALL,
    SQL_MEMORY_MATCH,
    SQL_MEMORY_VECTORS,
    SQL_MEMORY_VECTOR_PUT,
    SQL_MEMORY_VECTOR_DROP,
    SQL_MEMORY_WITHOUT,
    SQL_MEMORY_NOTES_WITHOUT,
    SQL_MEMORY_LAST,
    SQL_TEXT_VECTOR_GET,
    SQL_TEXT_VECTOR_PUT,
    SQL_TEXT_VECTOR_SWEEP,
    SQL_MEMORY_DONE_GET,
    SQL_MEMORY_DONE_ADD,
    SQL_MEMORY_DONE_DROP,
    SQL_MEMORY_WORDS_ADD,
    SQL_MEMORY_WORDS_DROP,
    SQL_EPISODE,
    SQL_SCHEDULE_INSERT,
    SQL_SCHEDULE_UPDATE,
    SQL_SCHEDULE_BY_KEY,
    SQL_SCHEDULE_ALL,
    SQL_SCHEDULE_DELETE,
    SQL_N
};
extern const char *const journal_sql[SQL_N];

struct memory_words;

struct journal_db {
    sqlite3 *db;
    sqlite3_stmt *stmt[SQL_N];
    struct memory_words *words; /* of journal_memory_search.c, made by the first search */
};

/* A reset statement without bindings; NULL with err set when it cannot be prepared. */
sqlite3_stmt *journal_stmt(struct journal_db *, enum journal_sql, struct err *);
/* Steps a statement that gives no rows. */
int journal_step(struct journal_db *, sqlite3_stmt *, const char *what, struct err *);
void journal_bind_text(sqlite3_stmt *, int at, const char *text); /* borrowed until the statement is reset; NULL is null */
const char *journal_column_text(sqlite3_stmt *, int at);          /* the statement's until it is stepped; null is "" */

#endif
