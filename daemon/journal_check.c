#include "daemon/journal_check.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal_schema.h"
#include "util/id.h"
#include "util/json.h"

struct check {
    sqlite3 *db;
    struct jsonw *w;
    size_t n_problems;
    char uncounted[300]; /* why something could not be counted; "": all was */
};

static void add_problem(struct check *c, const char *text)
{
    if (c->n_problems++ < JOURNAL_CHECK_MAX)
        jsonw_text(c->w, NULL, text);
}

/*
 * A damaged database may fail while it is read, and already when a question is prepared, for which a virtual table reads its own tables:
 * that is a problem of it.  Want of memory, or a disk that fails, is none: the check ends with an error.
 */
static int describe_failure(struct check *c, const char *sql, char text[300], struct err *err)
{
    switch (sqlite3_errcode(c->db) & 0xff) {
    case SQLITE_NOMEM:
    case SQLITE_BUSY:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
        return journal_fail(c->db, "check", err);
    }
    snprintf(text, 300, "%.150s: %.100s", sqlite3_errmsg(c->db), sql);
    return 0;
}

static int failed(struct check *c, const char *sql, struct err *err)
{
    char text[300];

    if (describe_failure(c, sql, text, err) < 0)
        return -1;
    add_problem(c, text);
    return 0;
}

/* NULL: it failed. */
static sqlite3_stmt *prepare(struct check *c, const char *sql)
{
    sqlite3_stmt *s = NULL;

    sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);
    return s;
}

static int end(struct check *c, sqlite3_stmt *s, int rc, struct err *err)
{
    const int result = rc == SQLITE_DONE ? 0 : failed(c, sqlite3_sql(s), err);

    sqlite3_finalize(s);
    return result;
}

/* Each row's first column is a problem, but for "ok". */
static int ask(struct check *c, const char *sql, struct err *err)
{
    sqlite3_stmt *s = prepare(c, sql);
    int rc;

    if (s == NULL)
        return failed(c, sql, err);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);

        if (text && strcmp(text, "ok") != 0)
            add_problem(c, text);
    }
    return end(c, s, rc, err);
}

static int check_hashes(struct check *c, struct err *err)
{
    static const char sql[] = "SELECT b, hash, data FROM blobs";
    sqlite3_stmt *s = prepare(c, sql);
    unsigned char hash[HASH_LEN];
    char text[120];
    int rc;

    if (s == NULL)
        return failed(c, sql, err);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(s, 2), *want = sqlite3_column_blob(s, 1);

        hash_bytes(data ? data : "", (size_t)sqlite3_column_bytes(s, 2), hash);
        if (sqlite3_column_bytes(s, 1) == HASH_LEN && memcmp(hash, want, HASH_LEN) == 0)
            continue;
        snprintf(text, sizeof(text), "payload %lld is not what its hash says", (long long)sqlite3_column_int64(s, 0));
        add_problem(c, text);
    }
    return end(c, s, rc, err);
}

/* What cannot be counted is null, and a problem. */
static int count(struct check *c, const char *key, const char *sql, struct err *err)
{
    sqlite3_stmt *s = prepare(c, sql);
    int rc = 0;

    if (s && sqlite3_step(s) == SQLITE_ROW) {
        jsonw_int(c->w, key, sqlite3_column_int64(s, 0));
    } else {
        jsonw_null(c->w, key);
        rc = describe_failure(c, sql, c->uncounted, err);
    }
    sqlite3_finalize(s);
    return rc;
}

static int check_all(struct check *c, int version, struct err *err)
{
    static const char *const questions[] = {
        "PRAGMA integrity_check(50)",
        "SELECT 'a row of ' || \"table\" || ' refers to a row of ' || parent || ' that is not there' FROM pragma_foreign_key_check LIMIT 50",
        "SELECT 'task ' || id || ' stands at event ' || last_seq || ' and has ' || count(seq) || ' up to ' || coalesce(max(seq), 0)"
        " FROM tasks LEFT JOIN events ON task = n GROUP BY n HAVING count(seq) <> last_seq OR coalesce(max(seq), 0) <> last_seq LIMIT 50",
        "SELECT 'event ' || seq || ' of task number ' || task || ' is not JSON' FROM events WHERE NOT json_valid(body) LIMIT 50",
        "SELECT 'event ' || seq || ' of task number ' || task || ' has lost a payload' FROM events e"
        " WHERE n_blobs <> (SELECT count(*) FROM event_blobs b WHERE b.task = e.task AND b.seq = e.seq) LIMIT 50",
        "SELECT 'payload ' || b || ' is counted ' || uses || ' times and used ' || (SELECT count(*) FROM event_blobs WHERE blob = b)"
        " FROM blobs WHERE uses <> (SELECT count(*) FROM event_blobs WHERE blob = b) LIMIT 50",
    };

    static const char *const memories[] = {
        "SELECT 'memory ' || id || ' has no space' FROM memories WHERE space NOT IN (SELECT s FROM memory_spaces) LIMIT 50",
        /* Says nothing, or is an error: the index has other words than the memories. */
        "INSERT INTO memories_fts(memories_fts, rank) VALUES('integrity-check', 1)",
    };

    jsonw_array(c->w, "problems");
    if (c->uncounted[0])
        add_problem(c, c->uncounted);
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
        if (ask(c, questions[i], err) < 0)
            return -1;
    for (size_t i = 0; version >= 4 && i < sizeof(memories) / sizeof(*memories); i++)
        if (ask(c, memories[i], err) < 0)
            return -1;
    if (check_hashes(c, err) < 0)
        return -1;
    jsonw_end(c->w);
    return 0;
}

static int check_database(struct check *c, const char *path, struct err *err)
{
    struct stat st;
    int version;

    if (journal_schema_version(c->db, &version, err) < 0)
        return -1;
    if (version < 1)
        return fail(err, CORAX_E_ARGS, "it is no journal of coraxd");
    if (version > JOURNAL_SCHEMA)
        return fail(err, CORAX_E_ARGS, "it has version %d, this coraxd knows up to %d", version, JOURNAL_SCHEMA);
    /* FTS5 takes its check for a write, though it writes nothing. */
    if (version >= 4 && sqlite3_db_readonly(c->db, "main") != 0)
        return fail(err, CORAX_E_ARGS, "it may not be written, which the check needs: check a copy of it");
    jsonw_int(c->w, "version", version);
    jsonw_int(c->w, "bytes", stat(path, &st) == 0 ? (int64_t)st.st_size : -1);
    if (count(c, "tasks", "SELECT count(*) FROM tasks", err) < 0 || count(c, "events", "SELECT count(*) FROM events", err) < 0 ||
        count(c, "blobs", "SELECT count(*) FROM blobs", err) < 0)
        return -1;
    if (version >= 4 && count(c, "memories", "SELECT count(*) FROM memories", err) < 0)
        return -1;
    return check_all(c, version, err);
}

int journal_check(const char *path, struct buf *out, bool *good, struct err *err)
{
    struct jsonw w = jsonw_start(out);
    struct check c = { .w = &w };
    int rc;

    if (access(path, R_OK) < 0)
        return fail_sys(err, CORAX_E_NOTFOUND, "%s", path);
    jsonw_object(&w, NULL);
    if (sqlite3_open_v2(path, &c.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
        rc = check_database(&c, path, err);
    else
        rc = journal_fail(c.db, "open", err);
    sqlite3_close(c.db);
    *good = rc == 0 && c.n_problems == 0;
    if (rc < 0)
        return err_context(err, "%s", path);
    jsonw_bool(&w, "ok", *good);
    jsonw_end(&w);
    return 0;
}
