/*
 * Vectors in the journal.  The work functions run in its thread.
 */
#include "daemon/journal_vectors.h"

#include <stdio.h>
#include <string.h>

#include "daemon/journal_memory_row.h"
#include "daemon/journal_ops.h"

#define WINDOW 4000 /* numbers that one read looks at: where all have their vectors it goes on for ever otherwise */

/* --- of memories -------------------------------------------------------------------------------------------------- */

static int vector_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_memory_vector *v = (struct journal_memory_vector *)op;
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_VECTOR_PUT, err);

    if (s == NULL)
        return -1;
    journal_bind_text(s, 1, v->id);
    journal_bind_text(s, 2, v->model);
    sqlite3_bind_blob(s, 3, v->vector, v->n * (int)sizeof(float), SQLITE_STATIC);
    journal_bind_text(s, 4, v->text);
    if (journal_step(j, s, "store a vector", err) < 0)
        return -1;
    v->found = sqlite3_changes(j->db) > 0;
    return 0;
}

void journal_memory_vector_init(struct journal_memory_vector *v, void (*done)(struct journal_op *))
{
    memset(v, 0, sizeof(*v));
    v->op.is_write = true;
    v->op.work = vector_work;
    v->op.done = done;
}

static int last_number(struct journal_db *j, int64_t *n, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_LAST, err);

    if (s == NULL)
        return -1;
    if (sqlite3_step(s) != SQLITE_ROW)
        return journal_fail(j->db, "count memories", err);
    *n = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return 0;
}

static int without_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_memories_without *w = (struct journal_memories_without *)op;
    const int limit = w->found.query.limit;
    sqlite3_stmt *s = journal_stmt(j, w->notes_only ? SQL_MEMORY_NOTES_WITHOUT : SQL_MEMORY_WITHOUT, err);
    int64_t last = 0, end;
    struct memory m;
    int rc;

    if (s == NULL || last_number(j, &last, err) < 0)
        return -1;
    end = w->notes_only || last - w->after < WINDOW ? last : w->after + WINDOW;
    journal_bind_text(s, 1, w->model);
    sqlite3_bind_int64(s, 2, w->after);
    sqlite3_bind_int64(s, 3, end);
    sqlite3_bind_int(s, 4, limit);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        if (journal_read_memory(s, &m, err) < 0 || journal_memories_add(&w->found, &m, err) < 0)
            break;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        journal_fail(j->db, "look for memories without vectors", err);
    sqlite3_reset(s);
    if (rc != SQLITE_DONE) {
        journal_memories_finish(&w->found);
        return -1;
    }
    w->reached = (int)w->found.n == limit ? w->found.rows[limit - 1].n : end;
    w->more = w->reached < last;
    return 0;
}

void journal_memories_without_init(struct journal_memories_without *w, const char *model, void (*done)(struct journal_op *))
{
    memset(w, 0, sizeof(*w));
    journal_memories_init(&w->found, done);
    snprintf(w->model, sizeof(w->model), "%s", model);
    w->found.op.work = without_work;
}

/* --- of texts ----------------------------------------------------------------------------------------------------- */

static int read_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_text_vectors *v = (struct journal_text_vectors *)op;
    const size_t size = (size_t)v->dim * sizeof(float);

    for (size_t i = 0; i < v->n; i++) {
        sqlite3_stmt *s = journal_stmt(j, SQL_TEXT_VECTOR_GET, err);
        int rc;

        if (s == NULL)
            return -1;
        journal_bind_text(s, 1, v->model);
        sqlite3_bind_blob(s, 2, v->hashes[i], HASH_LEN, SQLITE_STATIC);
        rc = sqlite3_step(s);
        v->has[i] = rc == SQLITE_ROW && sqlite3_column_blob(s, 0) && (size_t)sqlite3_column_bytes(s, 0) == size;
        if (v->has[i])
            memcpy(v->at + i * (size_t)v->dim, sqlite3_column_blob(s, 0), size);
        else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            journal_fail(j->db, "read a vector", err);
        sqlite3_reset(s);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            return -1;
    }
    return 0;
}

static int write_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_text_vectors *v = (struct journal_text_vectors *)op;
    sqlite3_stmt *s;

    for (size_t i = 0; i < v->n; i++) {
        if (!v->has[i])
            continue;
        if ((s = journal_stmt(j, SQL_TEXT_VECTOR_PUT, err)) == NULL)
            return -1;
        journal_bind_text(s, 1, v->model);
        sqlite3_bind_blob(s, 2, v->hashes[i], HASH_LEN, SQLITE_STATIC);
        sqlite3_bind_blob(s, 3, v->at + i * (size_t)v->dim, v->dim * (int)sizeof(float), SQLITE_STATIC);
        if (journal_step(j, s, "store a vector", err) < 0)
            return -1;
    }
    if ((s = journal_stmt(j, SQL_TEXT_VECTOR_SWEEP, err)) == NULL)
        return -1;
    sqlite3_bind_int(s, 1, JOURNAL_TEXT_VECTORS);
    return journal_step(j, s, "forget vectors", err);
}

void journal_text_vectors_read(struct journal_text_vectors *v, void (*done)(struct journal_op *))
{
    v->op = (struct journal_op){ .work = read_work, .done = done };
}

void journal_text_vectors_write(struct journal_text_vectors *v, void (*done)(struct journal_op *))
{
    v->op = (struct journal_op){ .is_write = true, .work = write_work, .done = done };
}
