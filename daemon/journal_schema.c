/*
 * The tables.
 *
 * tasks        one row a task; n counts up, so newest first is by n.  last_seq guards the order of events.
 * events       one row an event: its small members as a JSON object.  Clustered by (task, seq), so a trace is one scan.
 * blobs        large members' JSON text, stored once whatever number of events hold it, and counted.
 * event_blobs  which member of which event is which blob.
 * schedules    one row a schedule: the submission (body) as it came, and where it stands.
 *
 * memory_spaces   whose they are, and their names.
 * memories        one row a memory; memories_fts is the index of its words and has no text of its own (whoever writes a row writes its words).  Its column
 *                 space lets a search go to the spaces it may see without looking at the others.
 * memory_vectors  what a model of embeddings makes of a memory, for some.
 * text_vectors    the same of other texts (descriptions of tools), by their hashes, so that they need not be made again; the oldest go.
 * memory_writes   what calls of unfinished tasks have written, so that a call that is repeated after a crash writes nothing twice.
 *
 * auto_vacuum must be set before the first table is made; deleted pages then go back to the file system a few at a
 * time.
 */
#include "daemon/journal_schema.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/journal_copy.h"
#include "util/log.h"

static const char *const steps[JOURNAL_SCHEMA] = {
    "CREATE TABLE tasks("
    " n INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " uid INTEGER NOT NULL,"
    " state INTEGER NOT NULL,"
    " outcome INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL,"
    " active_ms INTEGER NOT NULL,"
    " last_seq INTEGER NOT NULL,"
    " n_steps INTEGER NOT NULL,"
    " n_tool_calls INTEGER NOT NULL,"
    " prompt_tokens INTEGER NOT NULL,"
    " completion_tokens INTEGER NOT NULL,"
    " input_text TEXT NOT NULL,"
    " answer TEXT,"
    " model TEXT,"
    " idem_key TEXT,"
    " idem_hash BLOB"
    ") STRICT;"
    "CREATE INDEX tasks_by_uid ON tasks(uid, n);"
    "CREATE INDEX tasks_live ON tasks(n) WHERE state <> 3;"
    "CREATE UNIQUE INDEX tasks_by_key ON tasks(uid, idem_key) WHERE idem_key IS NOT NULL;"
    "CREATE TABLE events("
    " task INTEGER NOT NULL REFERENCES tasks(n) ON DELETE CASCADE,"
    " seq INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL,"
    " active_ms INTEGER NOT NULL,"
    " kind TEXT NOT NULL,"
    " body TEXT NOT NULL,"
    " n_blobs INTEGER NOT NULL,"
    " PRIMARY KEY(task, seq)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE blobs("
    " b INTEGER PRIMARY KEY,"
    " hash BLOB NOT NULL UNIQUE,"
    " uses INTEGER NOT NULL,"
    " data TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX blobs_unused ON blobs(b) WHERE uses <= 0;"
    "CREATE TABLE event_blobs("
    " task INTEGER NOT NULL,"
    " seq INTEGER NOT NULL,"
    " member TEXT NOT NULL,"
    " blob INTEGER NOT NULL REFERENCES blobs(b),"
    " PRIMARY KEY(task, seq, member),"
    " FOREIGN KEY(task, seq) REFERENCES events(task, seq) ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX event_blobs_by_blob ON event_blobs(blob);",

    /* 2: which finished tasks are the oldest, for retention. */
    "CREATE INDEX tasks_finished ON tasks(updated_ms) WHERE state = 3;",

    /* 3: tasks that come again and again; and tasks may be scheduled or paused. */
    "CREATE TABLE schedules("
    " s INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " uid INTEGER NOT NULL,"
    " every TEXT NOT NULL,"
    " body TEXT NOT NULL,"
    " input_text TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " begin_ms INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL,"
    " last_ms INTEGER NOT NULL,"
    " last_task TEXT,"
    " paused INTEGER NOT NULL,"
    " runs INTEGER NOT NULL,"
    " skipped INTEGER NOT NULL,"
    " trouble TEXT,"
    " idem_key TEXT,"
    " idem_hash BLOB"
    ") STRICT;"
    "CREATE UNIQUE INDEX schedules_by_key ON schedules(uid, idem_key) WHERE idem_key IS NOT NULL;",

    /* 4: memories. */
    "CREATE TABLE memory_spaces("
    " s INTEGER PRIMARY KEY,"
    " uid INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " UNIQUE(uid, name)"
    ") STRICT;"
    "CREATE TABLE memories("
    " n INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " space INTEGER NOT NULL REFERENCES memory_spaces(s),"
    " kind INTEGER NOT NULL,"
    " label TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " tags TEXT NOT NULL,"
    " task TEXT NOT NULL,"
    " integrity INTEGER NOT NULL,"
    " confidentiality INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL,"
    " max_chars INTEGER NOT NULL,"
    " size INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX memories_by_space ON memories(space, kind, n, size);"
    "CREATE UNIQUE INDEX memories_by_label ON memories(space, label) WHERE kind = 0;"
    "CREATE INDEX memories_by_task ON memories(task) WHERE kind = 2;"
    "CREATE TABLE memory_vectors("
    " n INTEGER PRIMARY KEY REFERENCES memories(n) ON DELETE CASCADE,"
    " model TEXT NOT NULL,"
    " vector BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE memory_writes("
    " task TEXT NOT NULL,"
    " call TEXT NOT NULL,"
    " memory TEXT NOT NULL,"
    " PRIMARY KEY(task, call)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE VIRTUAL TABLE memories_fts USING fts5(space, label, text, tags, content='memories', content_rowid='n',"
    " tokenize='porter unicode61 remove_diacritics 2');",

    /* 5: vectors of texts that are not in the journal. */
    "CREATE TABLE text_vectors("
    " t INTEGER PRIMARY KEY AUTOINCREMENT,"
    " model TEXT NOT NULL,"
    " hash BLOB NOT NULL,"
    " vector BLOB NOT NULL,"
    " UNIQUE(model, hash)"
    ") STRICT;",
};

#define ROW                                                                                                       \
    "id, uid, state, outcome, created_ms, updated_ms, active_ms, last_seq, n_steps, n_tool_calls, prompt_tokens," \
    " completion_tokens, input_text, answer, model"

#define MEMORY                                                                                                             \
    "m.n, m.id, s.uid, s.name, m.kind, m.label, m.text, m.tags, m.task, m.integrity, m.confidentiality, m.created_ms," \
    " m.updated_ms, m.max_chars"
#define MEMORY_FROM " FROM memories m JOIN memory_spaces s ON s.s = m.space"
/* ?1 uid, ?2 name of a space or '' */
#define MEMORY_MINE "space IN (SELECT s FROM memory_spaces WHERE uid=?1 AND (?2='' OR name=?2))"
#define MEMORY_ALL  "(?2='' OR space IN (SELECT s FROM memory_spaces WHERE name=?2)) AND ?1<0"
/* ?3 kinds, ?4 tag or '' */
#define MEMORY_KINDS "(?3=0 OR (?3 & (1 << kind)))"
#define MEMORY_TAG   "(?4='' OR instr(' ' || tags || ' ', ' ' || ?4 || ' '))"
#define MEMORY_LIST(whose)                                                                                       \
    "SELECT " MEMORY MEMORY_FROM " WHERE m.n IN (SELECT n FROM memories WHERE " whose " AND " MEMORY_KINDS       \
    " AND " MEMORY_TAG " AND (?5='' OR substr(id, -length(?5))=?5)"                                              \
    " AND n < coalesce((SELECT n FROM memories WHERE id=?6), 9e18) ORDER BY n DESC LIMIT ?7) ORDER BY m.n DESC"
#define MEMORY_STATS(whose) "SELECT count(*), total(size) FROM memories WHERE " whose " AND " MEMORY_KINDS
#define MEMORY_NO_VECTOR     "NOT EXISTS (SELECT 1 FROM memory_vectors v WHERE v.n = m.n AND v.model = ?1)"
#define SCHEDULE "id, begin_ms, next_ms, last_ms, last_task, paused, runs, skipped, trouble, uid, every, body, input_text, created_ms"

const char *const journal_sql[SQL_N] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    /* Of one operation.  The next SAVEPOINT of the same name lies inside it; COMMIT releases them all. */
    [SQL_SAVE] = "SAVEPOINT op",
    [SQL_UNDO] = "ROLLBACK TO op",
    [SQL_TASK_INSERT] = "INSERT INTO tasks(" ROW ", idem_key, idem_hash)"
                        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
    /* Of a task whose state stays as it is: an index holds what is not finished, and every new state is work for it. */
    [SQL_TASK_STEP] = "UPDATE tasks SET updated_ms=?6, active_ms=?7, last_seq=?8, n_steps=?9, n_tool_calls=?10,"
                      " prompt_tokens=?11, completion_tokens=?12, model=?15"
                      " WHERE n=?17 AND last_seq=?16 AND state=?3 AND outcome=?4",
    [SQL_TASK_UPDATE] = "UPDATE tasks SET state=?3, outcome=?4, updated_ms=?6, active_ms=?7, last_seq=?8, n_steps=?9,"
                        " n_tool_calls=?10, prompt_tokens=?11, completion_tokens=?12, answer=?14, model=?15"
                        " WHERE n=?17 AND last_seq=?16",
    [SQL_TASK_BY_KEY] = "SELECT n, " ROW ", idem_hash FROM tasks WHERE uid=?1 AND idem_key=?2",
    [SQL_TASK_GET] = "SELECT n, " ROW " FROM tasks WHERE id=?1",
    [SQL_TASK_LIST] = "SELECT n, " ROW " FROM tasks WHERE n < coalesce((SELECT n FROM tasks WHERE id=?1), 9e18)"
                      " AND (?2 < 0 OR state=?2) ORDER BY n DESC LIMIT ?3",
    [SQL_TASK_LIST_UID] = "SELECT n, " ROW " FROM tasks WHERE uid=?4 AND"
                          " n < coalesce((SELECT n FROM tasks WHERE id=?1), 9e18)"
                          " AND (?2 < 0 OR state=?2) ORDER BY n DESC LIMIT ?3",
    [SQL_TASK_LIVE] = "SELECT n, " ROW " FROM tasks WHERE state <> 3 AND (?4 < 0 OR uid=?4) AND"
                      " n < coalesce((SELECT n FROM tasks WHERE id=?1), 9e18) ORDER BY n DESC",
    [SQL_TASK_DELETE] = "DELETE FROM tasks WHERE n=?1",
    [SQL_EVENT_INSERT] =
        "INSERT INTO events(task, seq, at_ms, active_ms, kind, body, n_blobs) VALUES(?1,?2,?3,?4,?5,?6,?7)",
    [SQL_EVENTS_AFTER] =
        "SELECT seq, at_ms, active_ms, kind, body, n_blobs FROM events WHERE task=?1 AND seq>?2 ORDER BY seq",
    [SQL_EVENTS_ENDS] = "SELECT seq, at_ms, active_ms, kind, body, n_blobs FROM events WHERE task=?1 AND seq IN"
                        " (1, ?2) ORDER BY seq",
    [SQL_EVENT_BLOBS] = "SELECT member, data FROM event_blobs JOIN blobs ON b=blob WHERE task=?1 AND seq=?2",
    [SQL_BLOB_ADD] = "INSERT INTO blobs(hash, uses, data) VALUES(?1, 1, ?2)"
                     " ON CONFLICT(hash) DO UPDATE SET uses=uses+1 RETURNING b",
    [SQL_BLOB_LINK] = "INSERT INTO event_blobs(task, seq, member, blob) VALUES(?1,?2,?3,?4)",
    /* A blob may be held by several events of the task: take off as many uses as there are. */
    [SQL_BLOB_DROP] = "UPDATE blobs SET uses=uses-(SELECT count(*) FROM event_blobs WHERE blob=b AND task=?1)"
                      " WHERE b IN (SELECT blob FROM event_blobs WHERE task=?1)",
    [SQL_BLOB_SWEEP] = "DELETE FROM blobs WHERE uses <= 0",
    [SQL_VACUUM] = "PRAGMA incremental_vacuum(64)",
    [SQL_TASK_OLDEST] = "SELECT n, updated_ms FROM tasks WHERE state = 3 ORDER BY updated_ms LIMIT 1",
    [SQL_TASK_FINISHED] = "SELECT count(*) FROM tasks WHERE state = 3",
    [SQL_PAGES_USED] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    [SQL_PAGES_FREE] = "PRAGMA freelist_count",
    [SQL_MEMORY_SPACES] = "SELECT s FROM memory_spaces WHERE (?1<0 OR uid=?1) AND (?2='' OR name=?2) LIMIT ?3",
    [SQL_MEMORY_SPACE_ADD] = "INSERT INTO memory_spaces(uid, name) VALUES(?1, ?2)",
    [SQL_MEMORY_SPACE_COUNT] = "SELECT count(*) FROM memory_spaces WHERE uid=?1",
    [SQL_MEMORY_SPACE_SWEEP] = "DELETE FROM memory_spaces WHERE uid=?1 AND NOT EXISTS (SELECT 1 FROM memories WHERE space=s)",
    [SQL_MEMORY_LIST] = MEMORY_LIST(MEMORY_MINE),
    [SQL_MEMORY_LIST_ALL] = MEMORY_LIST(MEMORY_ALL),
    [SQL_MEMORY_ROW] = "SELECT " MEMORY MEMORY_FROM " WHERE m.n=?1",
    [SQL_MEMORY_NOTE] = "SELECT " MEMORY MEMORY_FROM " WHERE m.space=?1 AND m.kind=0 AND m.label=?2",
    [SQL_MEMORY_COUNT] = "SELECT count(*) FROM memories WHERE space=?1 AND kind=?2",
    [SQL_MEMORY_OLDEST] = "SELECT n FROM memories WHERE space=?1 AND kind=?2 ORDER BY n LIMIT 1",
    [SQL_MEMORY_INSERT] = "INSERT INTO memories(id, space, kind, label, text, tags, task, integrity, confidentiality, created_ms,"
                          " updated_ms, max_chars, size) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
    [SQL_MEMORY_UPDATE] = "UPDATE memories SET text=?2, task=?3, integrity=?4, confidentiality=?5, updated_ms=?6, size=?7 WHERE n=?1",
    [SQL_MEMORY_DELETE] = "DELETE FROM memories WHERE n=?1",
    [SQL_MEMORY_STATS] = MEMORY_STATS(MEMORY_MINE),
    [SQL_MEMORY_STATS_ALL] = MEMORY_STATS(MEMORY_ALL),
    /* The join says who may see a row, whatever is asked of the index. */
    [SQL_MEMORY_MATCH] = "SELECT m.n, m.size, memory_words(memories_fts) FROM memories_fts JOIN memories m ON m.n = memories_fts.rowid"
                         " JOIN memory_spaces s ON s.s = m.space WHERE memories_fts MATCH ?5 AND (?1<0 OR s.uid=?1)"
                         " AND (?2='' OR s.name=?2) AND (?3=0 OR (?3 & (1 << m.kind)))"
                         " AND (?4='' OR instr(' ' || m.tags || ' ', ' ' || ?4 || ' '))",
    [SQL_MEMORY_VECTORS] = "SELECT v.n, v.vector FROM memory_vectors v JOIN memories m ON m.n = v.n JOIN memory_spaces s ON s.s = m.space"
                           " WHERE (?1<0 OR s.uid=?1) AND (?2='' OR s.name=?2) AND (?3=0 OR (?3 & (1 << m.kind)))"
                           " AND (?4='' OR instr(' ' || m.tags || ' ', ' ' || ?4 || ' ')) AND v.model=?5",
    [SQL_MEMORY_VECTOR_PUT] = "INSERT OR REPLACE INTO memory_vectors(n, model, vector) SELECT n, ?2, ?3 FROM memories WHERE id=?1 AND text=?4",
    [SQL_MEMORY_VECTOR_DROP] = "DELETE FROM memory_vectors WHERE n=?1",
    [SQL_MEMORY_WITHOUT] = "SELECT " MEMORY MEMORY_FROM " WHERE m.n > ?2 AND m.n <= ?3 AND " MEMORY_NO_VECTOR " ORDER BY m.n LIMIT ?4",
    /* Those that may be changed, and have lost their vector then.  Asked after each write: by numbers it would go through all memories. */
    [SQL_MEMORY_NOTES_WITHOUT] = "SELECT " MEMORY " FROM memories m INDEXED BY memories_by_label JOIN memory_spaces s ON s.s = m.space"
                                 " WHERE m.kind = 0 AND m.n > ?2 AND m.n <= ?3 AND " MEMORY_NO_VECTOR " ORDER BY m.n LIMIT ?4",
    [SQL_MEMORY_LAST] = "SELECT coalesce(max(n), 0) FROM memories",
    [SQL_TEXT_VECTOR_GET] = "SELECT vector FROM text_vectors WHERE model=?1 AND hash=?2",
    [SQL_TEXT_VECTOR_PUT] = "INSERT OR REPLACE INTO text_vectors(model, hash, vector) VALUES(?1, ?2, ?3)",
    [SQL_TEXT_VECTOR_SWEEP] = "DELETE FROM text_vectors WHERE t <= (SELECT max(t) FROM text_vectors) - ?1",
    [SQL_MEMORY_DONE_GET] = "SELECT memory FROM memory_writes WHERE task=?1 AND call=?2",
    [SQL_MEMORY_DONE_ADD] = "INSERT INTO memory_writes(task, call, memory) VALUES(?1, ?2, ?3)",
    [SQL_MEMORY_DONE_DROP] = "DELETE FROM memory_writes WHERE task=?1",
    [SQL_MEMORY_WORDS_ADD] = "INSERT INTO memories_fts(rowid, space, label, text, tags) SELECT n, space, label, text, tags"
                             " FROM memories WHERE n=?1",
    [SQL_MEMORY_WORDS_DROP] = "INSERT INTO memories_fts(memories_fts, rowid, space, label, text, tags)"
                              " SELECT 'delete', n, space, label, text, tags FROM memories WHERE n=?1",
    [SQL_EPISODE] = "SELECT n FROM memories WHERE kind=2 AND task=(SELECT id FROM tasks WHERE n=?1)",
    [SQL_SCHEDULE_INSERT] = "INSERT INTO schedules(" SCHEDULE ", idem_key, idem_hash) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    [SQL_SCHEDULE_UPDATE] = "UPDATE schedules SET begin_ms=?2, next_ms=?3, last_ms=?4, last_task=?5, paused=?6, runs=?7, skipped=?8, trouble=?9"
                            " WHERE id=?1",
    [SQL_SCHEDULE_BY_KEY] = "SELECT id, idem_hash FROM schedules WHERE uid=?1 AND idem_key=?2",
    [SQL_SCHEDULE_ALL] = "SELECT " SCHEDULE " FROM schedules ORDER BY s",
    [SQL_SCHEDULE_DELETE] = "DELETE FROM schedules WHERE id=?1",
};

/*
 * "disk I/O error" alone does not tell a read-only disk from a broken one.  sqlite3_system_errno() says nothing about a
 * failed write or sync; the files themselves remember, the log or else the database.
 */
static int last_errno(sqlite3 *db)
{
    sqlite3_file *wal = NULL;
    int sys = 0;

    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK && wal && wal->pMethods)
        wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &sys);
    if (sys == 0)
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &sys);
    return sys;
}

int journal_fail(sqlite3 *db, const char *what, struct err *err)
{
    int rc = sqlite3_errcode(db) & 0xff, sys = rc == SQLITE_IOERR ? last_errno(db) : 0;

    if (rc == SQLITE_BUSY)
        return fail(err, CORAX_E_UNAVAIL, "journal: %s: another program has the database open: end it", what);
    if (sys != 0)
        return fail(err, CORAX_E_IO, "journal: %s: %s: %s", what, sqlite3_errmsg(db), strerror(sys));
    return fail(err, rc == SQLITE_FULL ? CORAX_E_LIMIT : CORAX_E_IO, "journal: %s: %s", what, sqlite3_errmsg(db));
}

sqlite3_stmt *journal_stmt(struct journal_db *j, enum journal_sql sql, struct err *err)
{
    if (j->stmt[sql] == NULL &&
        sqlite3_prepare_v3(j->db, journal_sql[sql], -1, SQLITE_PREPARE_PERSISTENT, &j->stmt[sql], NULL) != SQLITE_OK) {
        journal_fail(j->db, "prepare", err);
        return NULL;
    }
    sqlite3_reset(j->stmt[sql]);
    sqlite3_clear_bindings(j->stmt[sql]);
    return j->stmt[sql];
}

int journal_step(struct journal_db *j, sqlite3_stmt *stmt, const char *what, struct err *err)
{
    int rc;

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        ;
    if (rc != SQLITE_DONE) {
        journal_fail(j->db, what, err);
        sqlite3_reset(stmt);
        return -1;
    }
    sqlite3_reset(stmt);
    return 0;
}

void journal_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

const char *journal_column_text(sqlite3_stmt *stmt, int at)
{
    const unsigned char *text = sqlite3_column_text(stmt, at);

    return text ? (const char *)text : "";
}

static int run(sqlite3 *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : journal_fail(db, "set up", err);
}

int journal_schema_version(sqlite3 *db, int *version, struct err *err)
{
    sqlite3_stmt *stmt;

    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) != SQLITE_OK)
        return journal_fail(db, "set up", err);
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        journal_fail(db, "set up", err);
        sqlite3_finalize(stmt);
        return -1;
    }
    *version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return 0;
}

/* All steps at once: a database is of the old version or of ours, never of one between. */
static int migrate(sqlite3 *db, int version, struct err *err)
{
    char sql[64];
    int rc = run(db, "BEGIN IMMEDIATE", err);

    if (rc < 0)
        return -1;
    for (; rc == 0 && version < JOURNAL_SCHEMA; version++)
        rc = run(db, steps[version], err);
    snprintf(sql, sizeof(sql), "PRAGMA user_version=%d;COMMIT", JOURNAL_SCHEMA);
    if (rc == 0)
        rc = run(db, sql, err);
    if (rc < 0)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

/* The older database, as it was; one that an earlier try has left is as good. */
static int keep_older(sqlite3 *db, const char *path, int version, struct err *err)
{
    struct journal_copy copy;
    char to[512];

    if ((size_t)snprintf(to, sizeof(to), "%s.v%d", path, version) >= sizeof(to))
        return fail(err, CORAX_E_ARGS, "journal: the path is too long");
    if (access(to, F_OK) == 0)
        return 0;
    if (journal_copy_begin(&copy, db, to, err) < 0 || journal_copy_step(&copy, -1, err) < 0)
        return err_context(err, "journal: no copy can be made before it is brought to version %d", JOURNAL_SCHEMA);
    log_info("journal: brought from version %d to %d; as it was it is in %s", version, JOURNAL_SCHEMA, to);
    return 0;
}

int journal_schema_apply(sqlite3 *db, const char *path, bool normal, struct err *err)
{
    int version = 0;

    /* What a file says does nothing but what data does: no trigger or view of it may use a virtual table. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* One process holds the journal (corax.lock): nothing is locked and unlocked, and no index of the log is shared. */
    if (run(db, "PRAGMA locking_mode=EXCLUSIVE", err) < 0)
        return -1;
    if (journal_schema_version(db, &version, err) < 0)
        return -1;
    if (version > JOURNAL_SCHEMA)
        return fail(err, CORAX_E_ARGS,
                    "journal: the database has version %d and this daemon knows up to %d: run the newer coraxd, or move"
                    " the database away",
                    version, JOURNAL_SCHEMA);
    /*
     * Going over to WAL is a transaction with a rollback journal, and FULL does not sync the folder after that file is
     * removed: after a loss of power it could come back and undo everything since.  EXTRA does.
     */
    if (run(db, "PRAGMA synchronous=EXTRA", err) < 0)
        return -1;
    /* Only where there is no table yet: setting it again writes to the database. */
    if (version == 0 && run(db, "PRAGMA auto_vacuum=INCREMENTAL", err) < 0)
        return -1;
    if (run(db,
            "PRAGMA journal_mode=WAL;"
            "PRAGMA synchronous=FULL;"
            "PRAGMA foreign_keys=ON;"
            "PRAGMA cache_size=-1024;"
            "PRAGMA journal_size_limit=8388608;"
            "PRAGMA temp_store=MEMORY;",
            err) < 0)
        return -1;
    if (version > 0 && version < JOURNAL_SCHEMA && keep_older(db, path, version, err) < 0)
        return -1;
    if (version < JOURNAL_SCHEMA && migrate(db, version, err) < 0)
        return -1;
    return normal ? run(db, "PRAGMA synchronous=NORMAL", err) : 0;
}
