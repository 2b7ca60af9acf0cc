/*
 * What the journal needs now and then: old tasks go, and copies are made.  The work functions run in the journal's thread,
 * and none for long: whoever wants all of it posts them again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal.h"
#include "daemon/journal_copy.h"
#include "daemon/journal_ops.h"
#include "daemon/journal_schema.h"

#define RETAIN_TASKS 16  /* deleted at once */
#define COPY_PAGES   256 /* copied at once: a megabyte */

/* One number, or two; 1: there is a row, 0: none, -1: error. */
static int numbers(struct journal_db *j, enum journal_sql sql, sqlite3_int64 *a, sqlite3_int64 *b, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, sql, err);
    int rc;

    if (s == NULL)
        return -1;
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        *a = sqlite3_column_int64(s, 0);
        if (b)
            *b = sqlite3_column_int64(s, 1);
    } else if (rc != SQLITE_DONE)
        journal_fail(j->db, "look at tasks", err);
    sqlite3_reset(s);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* The oldest finished task that may go; 1: *n, 0: none, -1: error. */
static int next_to_go(struct journal_db *j, const struct journal_retain *r, int64_t n_finished, sqlite3_int64 *n, struct err *err)
{
    sqlite3_int64 updated_ms = 0, bytes = 0;
    int rc = numbers(j, SQL_TASK_OLDEST, n, &updated_ms, err);

    if (rc != 1)
        return rc;
    if (r->keep_bytes > 0 && numbers(j, SQL_PAGES_USED, &bytes, NULL, err) < 0)
        return -1;
    return (r->before_ms > 0 && updated_ms < r->before_ms) || (r->keep_tasks > 0 && n_finished > r->keep_tasks) ||
           (r->keep_bytes > 0 && bytes > r->keep_bytes);
}

static int retain_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_retain *r = (struct journal_retain *)op;
    sqlite3_int64 n_finished = 0, n, n_free = 0, n_left = 0;
    int rc = numbers(j, SQL_TASK_FINISHED, &n_finished, NULL, err);

    r->n_deleted = 0;
    r->more = false;
    while (rc >= 0 && r->n_deleted < RETAIN_TASKS && (rc = next_to_go(j, r, n_finished - r->n_deleted, &n, err)) == 1) {
        rc = journal_delete_task(j, n, err);
        r->n_deleted++;
    }
    if (rc < 0 || numbers(j, SQL_PAGES_FREE, &n_free, NULL, err) < 0 || journal_vacuum(j, err) < 0 ||
        numbers(j, SQL_PAGES_FREE, &n_left, NULL, err) < 0)
        return -1;
    r->more = r->n_deleted == RETAIN_TASKS || (n_left > 0 && n_left < n_free);
    return 0;
}

void journal_retain_init(struct journal_retain *r, void (*done)(struct journal_op *))
{
    memset(r, 0, sizeof(*r));
    r->op.is_write = true;
    r->op.work = retain_work;
    r->op.done = done;
}

/* --- copies ------------------------------------------------------------------------------------------------------ */

static int backup_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_backup *b = (struct journal_backup *)op;
    int rc;

    if (b->copy->to == NULL && journal_copy_begin(b->copy, j->db, b->path, err) < 0)
        return -1;
    rc = journal_copy_step(b->copy, COPY_PAGES, err);
    b->more = rc == 1;
    b->bytes = b->copy->bytes;
    return rc < 0 ? -1 : 0;
}

int journal_backup_init(struct journal_backup *b, const char *path, void (*done)(struct journal_op *), struct err *err)
{
    memset(b, 0, sizeof(*b));
    if ((size_t)snprintf(b->path, sizeof(b->path), "%s", path) >= sizeof(b->path))
        return fail(err, CORAX_E_ARGS, "%.100s...: the path is too long", path);
    b->copy = calloc(1, sizeof(*b->copy));
    if (b->copy == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    b->op.work = backup_work;
    b->op.done = done;
    return 0;
}

void journal_backup_finish(struct journal_backup *b)
{
    if (b->copy)
        journal_copy_abort(b->copy);
    free(b->copy);
    b->copy = NULL;
}
