/*
 * The work functions run in the journal's thread.
 */
#include "daemon/journal_schedules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal_schema.h"

static void bind_state(sqlite3_stmt *s, const struct schedule_state *state)
{
    journal_bind_text(s, 1, state->id);
    sqlite3_bind_int64(s, 2, state->begin_ms);
    sqlite3_bind_int64(s, 3, state->next_ms);
    sqlite3_bind_int64(s, 4, state->last_ms);
    journal_bind_text(s, 5, state->last_task[0] ? state->last_task : NULL);
    sqlite3_bind_int(s, 6, state->paused);
    sqlite3_bind_int64(s, 7, state->n_runs);
    sqlite3_bind_int64(s, 8, state->n_skipped);
    journal_bind_text(s, 9, state->trouble[0] ? state->trouble : NULL);
}

int journal_store_schedule(struct journal_db *j, const struct schedule_state *state, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_SCHEDULE_UPDATE, err);

    if (s == NULL)
        return -1;
    bind_state(s, state);
    return journal_step(j, s, "store a schedule", err);
}

static int find_key(struct journal_db *j, struct journal_put_schedule *p, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_SCHEDULE_BY_KEY, err);
    int rc;

    if (s == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, p->row->uid);
    journal_bind_text(s, 2, p->idem_key);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        p->exists = true;
        snprintf(p->existing, sizeof(p->existing), "%s", (const char *)sqlite3_column_text(s, 0));
        p->same = sqlite3_column_bytes(s, 1) == HASH_LEN && memcmp(sqlite3_column_blob(s, 1), p->idem_hash, HASH_LEN) == 0;
    } else if (rc != SQLITE_DONE) {
        journal_fail(j->db, "read a schedule", err);
    }
    sqlite3_reset(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

static int put_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_put_schedule *p = (struct journal_put_schedule *)op;
    sqlite3_stmt *s;

    p->exists = p->same = false;
    if (!p->create)
        return journal_store_schedule(j, &p->state, err);
    if (p->idem_key && (find_key(j, p, err) < 0 || p->exists))
        return p->exists ? 0 : -1;
    s = journal_stmt(j, SQL_SCHEDULE_INSERT, err);
    if (s == NULL)
        return -1;
    bind_state(s, &p->state);
    sqlite3_bind_int64(s, 10, p->row->uid);
    journal_bind_text(s, 11, p->row->every);
    sqlite3_bind_text64(s, 12, p->row->body, p->row->body_len, SQLITE_STATIC, SQLITE_UTF8);
    journal_bind_text(s, 13, p->row->input_text);
    sqlite3_bind_int64(s, 14, p->row->created_ms);
    journal_bind_text(s, 15, p->idem_key);
    if (p->idem_key)
        sqlite3_bind_blob(s, 16, p->idem_hash, HASH_LEN, SQLITE_STATIC);
    return journal_step(j, s, "store a schedule", err);
}

void journal_put_schedule_init(struct journal_put_schedule *p, void (*done)(struct journal_op *))
{
    memset(p, 0, sizeof(*p));
    p->op.is_write = true;
    p->op.work = put_work;
    p->op.done = done;
}

static int read_row(sqlite3_stmt *s, struct schedule_row *r, struct err *err)
{
    struct schedule_state *state = &r->state;

    memset(r, 0, sizeof(*r));
    snprintf(state->id, sizeof(state->id), "%s", journal_column_text(s, 0));
    state->begin_ms = sqlite3_column_int64(s, 1);
    state->next_ms = sqlite3_column_int64(s, 2);
    state->last_ms = sqlite3_column_int64(s, 3);
    snprintf(state->last_task, sizeof(state->last_task), "%s", journal_column_text(s, 4));
    state->paused = sqlite3_column_int(s, 5) != 0;
    state->n_runs = sqlite3_column_int64(s, 6);
    state->n_skipped = sqlite3_column_int64(s, 7);
    snprintf(state->trouble, sizeof(state->trouble), "%s", journal_column_text(s, 8));
    r->uid = (uint32_t)sqlite3_column_int64(s, 9);
    snprintf(r->every, sizeof(r->every), "%s", journal_column_text(s, 10));
    r->body_len = (size_t)sqlite3_column_bytes(s, 11);
    r->body = malloc(r->body_len + 1);
    if (r->body == NULL)
        return fail(err, CORAX_E_INTERNAL, "journal: no memory");
    memcpy(r->body, sqlite3_column_blob(s, 11), r->body_len);
    r->body[r->body_len] = '\0';
    snprintf(r->input_text, sizeof(r->input_text), "%s", journal_column_text(s, 12));
    r->created_ms = sqlite3_column_int64(s, 13);
    return 0;
}

static int read_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_read_schedules *r = (struct journal_read_schedules *)op;
    sqlite3_stmt *s = journal_stmt(j, SQL_SCHEDULE_ALL, err);
    size_t cap = 0;
    void *grown;
    int rc;

    if (s == NULL)
        return -1;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (r->n_rows == cap) {
            cap = cap ? 2 * cap : 16;
            grown = realloc(r->rows, cap * sizeof(*r->rows));
            if (grown == NULL) {
                sqlite3_reset(s);
                return fail(err, CORAX_E_INTERNAL, "journal: no memory");
            }
            r->rows = grown;
        }
        if (read_row(s, &r->rows[r->n_rows], err) < 0) {
            sqlite3_reset(s);
            return -1;
        }
        r->n_rows++;
    }
    if (rc != SQLITE_DONE)
        journal_fail(j->db, "read schedules", err);
    sqlite3_reset(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

void journal_read_schedules_init(struct journal_read_schedules *r, void (*done)(struct journal_op *))
{
    memset(r, 0, sizeof(*r));
    r->op.work = read_work;
    r->op.done = done;
}

static int delete_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_delete_schedule *d = (struct journal_delete_schedule *)op;
    sqlite3_stmt *s = journal_stmt(j, SQL_SCHEDULE_DELETE, err);

    if (s == NULL)
        return -1;
    journal_bind_text(s, 1, d->id);
    return journal_step(j, s, "delete a schedule", err);
}

void journal_delete_schedule_init(struct journal_delete_schedule *d, const char *id, void (*done)(struct journal_op *))
{
    memset(d, 0, sizeof(*d));
    snprintf(d->id, sizeof(d->id), "%s", id);
    d->op.is_write = true;
    d->op.work = delete_work;
    d->op.done = done;
}
