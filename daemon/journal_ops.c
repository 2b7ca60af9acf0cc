/*
 * What the journal can do: append, read, list, delete.  The work functions run in the journal's thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal.h"
#include "daemon/journal_ops.h"
#include "daemon/journal_schedules.h"
#include "daemon/journal_schema.h"

#define READ_LIMIT (256u << 20) /* one event with all its blobs; ENTRY_LIMIT keeps it far below */

static const char *const state_names[N_TASK_STATES] = { "queued", "running", "waiting", "finished", "scheduled", "paused" };

const char *task_state_name(enum task_state state)
{
    return state_names[state];
}

int task_state_find(const char *name)
{
    int i;

    for (i = 0; i < N_TASK_STATES; i++)
        if (strcmp(name, state_names[i]) == 0)
            return i;
    return -1;
}

const char *task_outcome_name(enum task_outcome outcome)
{
    static const char *const names[] = { NULL, "answered", "failed", "cancelled" };

    return names[outcome];
}

void row_text(char out[ROW_TEXT_SIZE], const char *text, size_t len)
{
    size_t i, n_chars = 0;

    for (i = 0; i < len && i < ROW_TEXT_SIZE - 1; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80 && n_chars++ == ROW_TEXT_CHARS)
            break;
        out[i] = text[i];
    }
    out[i] = '\0';
}

/* --- rows ------------------------------------------------------------------------------------------------------ */

static void bind_row(sqlite3_stmt *s, const struct task_row *r)
{
    journal_bind_text(s, 1, r->id);
    sqlite3_bind_int64(s, 2, r->uid);
    sqlite3_bind_int(s, 3, r->state);
    sqlite3_bind_int(s, 4, r->outcome);
    sqlite3_bind_int64(s, 5, r->created_ms);
    sqlite3_bind_int64(s, 6, r->updated_ms);
    sqlite3_bind_int64(s, 7, r->active_ms);
    sqlite3_bind_int64(s, 8, r->last_seq);
    sqlite3_bind_int64(s, 9, r->n_steps);
    sqlite3_bind_int64(s, 10, r->n_tool_calls);
    sqlite3_bind_int64(s, 11, r->prompt_tokens);
    sqlite3_bind_int64(s, 12, r->completion_tokens);
    journal_bind_text(s, 13, r->input_text);
    journal_bind_text(s, 14, r->has_answer ? r->answer : NULL);
    journal_bind_text(s, 15, r->model[0] ? r->model : NULL);
}

/* Of a statement that selects "n, ROW". */
static void read_row(sqlite3_stmt *s, struct task_row *r)
{
    memset(r, 0, sizeof(*r));
    r->n = sqlite3_column_int64(s, 0);
    snprintf(r->id, sizeof(r->id), "%s", journal_column_text(s, 1));
    r->uid = (uint32_t)sqlite3_column_int64(s, 2);
    r->state = (enum task_state)sqlite3_column_int(s, 3);
    if (r->state < 0 || r->state >= N_TASK_STATES)
        r->state = TASK_QUEUED; /* of a damaged row: its events say where the task stands */
    r->outcome = (enum task_outcome)(sqlite3_column_int(s, 4) & 3);
    r->created_ms = sqlite3_column_int64(s, 5);
    r->updated_ms = sqlite3_column_int64(s, 6);
    r->active_ms = sqlite3_column_int64(s, 7);
    r->last_seq = sqlite3_column_int64(s, 8);
    r->n_steps = sqlite3_column_int64(s, 9);
    r->n_tool_calls = sqlite3_column_int64(s, 10);
    r->prompt_tokens = sqlite3_column_int64(s, 11);
    r->completion_tokens = sqlite3_column_int64(s, 12);
    snprintf(r->input_text, sizeof(r->input_text), "%s", journal_column_text(s, 13));
    r->has_answer = sqlite3_column_type(s, 14) != SQLITE_NULL;
    snprintf(r->answer, sizeof(r->answer), "%s", journal_column_text(s, 14));
    snprintf(r->model, sizeof(r->model), "%s", journal_column_text(s, 15));
}

/* Finds a task: 1 with *row, 0 when there is none, -1 on error. */
static int find_task(struct journal_db *j, const char *id, struct task_row *row, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_TASK_GET, err);
    int rc;

    if (s == NULL)
        return -1;
    journal_bind_text(s, 1, id);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        read_row(s, row);
    } else if (rc != SQLITE_DONE) {
        journal_fail(j->db, "read task", err);
    }
    sqlite3_reset(s);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* --- append ---------------------------------------------------------------------------------------------------- */

static int add_blob(struct journal_db *j, const char *data, size_t len, sqlite3_int64 *b, struct err *err)
{
    unsigned char hash[HASH_LEN];
    sqlite3_stmt *s = journal_stmt(j, SQL_BLOB_ADD, err);

    if (s == NULL)
        return -1;
    hash_bytes(data, len, hash);
    sqlite3_bind_blob(s, 1, hash, sizeof(hash), SQLITE_STATIC);
    sqlite3_bind_text64(s, 2, data, len, SQLITE_STATIC, SQLITE_UTF8);
    if (sqlite3_step(s) != SQLITE_ROW) {
        journal_fail(j->db, "store a payload", err);
        sqlite3_reset(s);
        return -1;
    }
    *b = sqlite3_column_int64(s, 0);
    return journal_step(j, s, "store a payload", err);
}

static int add_entry(struct journal_db *j, sqlite3_int64 n, const struct entry *e, struct buf *body, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_EVENT_INSERT, err);
    sqlite3_int64 b;
    size_t i;

    if (s == NULL)
        return -1;
    buf_reset(body);
    entry_body(e, body);
    if (body->failed)
        return fail(err, CORAX_E_INTERNAL, "journal: no memory");
    sqlite3_bind_int64(s, 1, n);
    sqlite3_bind_int64(s, 2, e->seq);
    sqlite3_bind_int64(s, 3, e->at_ms);
    sqlite3_bind_int64(s, 4, e->active_ms);
    journal_bind_text(s, 5, entry_kind_name(e->kind));
    sqlite3_bind_text64(s, 6, body->data, body->len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(s, 7, (sqlite3_int64)e->n_large);
    if (journal_step(j, s, "store an event", err) < 0)
        return -1;
    for (i = 0; i < e->n_large; i++) {
        const struct entry_member *m = &e->large[i];

        if (add_blob(j, e->json.data + m->value_at, m->end - m->value_at, &b, err) < 0)
            return -1;
        if ((s = journal_stmt(j, SQL_BLOB_LINK, err)) == NULL)
            return -1;
        sqlite3_bind_int64(s, 1, n);
        sqlite3_bind_int64(s, 2, e->seq);
        journal_bind_text(s, 3, m->key);
        sqlite3_bind_int64(s, 4, b);
        if (journal_step(j, s, "store a payload", err) < 0)
            return -1;
    }
    return 0;
}

/* Sets a->exists when a task of this uid has the key. */
static int find_key(struct journal_db *j, struct journal_append *a, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_TASK_BY_KEY, err);
    int rc;

    if (s == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, a->row.uid);
    journal_bind_text(s, 2, a->idem_key);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        a->exists = true;
        read_row(s, &a->existing);
        a->same =
            sqlite3_column_bytes(s, 16) == HASH_LEN && memcmp(sqlite3_column_blob(s, 16), a->idem_hash, HASH_LEN) == 0;
    } else if (rc != SQLITE_DONE) {
        journal_fail(j->db, "read task", err);
    }
    sqlite3_reset(s);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

/* 1: it was updated, 0: the task does not stand where the statement wants it, -1: error. */
static int update_row(struct journal_db *j, enum journal_sql sql, const struct journal_append *a, int64_t stands_at,
                      struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, sql, err);

    if (s == NULL)
        return -1;
    bind_row(s, &a->row);
    sqlite3_bind_int64(s, 16, stands_at);
    sqlite3_bind_int64(s, 17, a->row.n);
    return journal_step(j, s, "store a task", err) < 0 ? -1 : sqlite3_changes(j->db);
}

static int create_row(struct journal_db *j, struct journal_append *a, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_TASK_INSERT, err);

    if (s == NULL)
        return -1;
    bind_row(s, &a->row);
    journal_bind_text(s, 16, a->idem_key);
    if (a->idem_key)
        sqlite3_bind_blob(s, 17, a->idem_hash, HASH_LEN, SQLITE_STATIC);
    if (journal_step(j, s, "store a task", err) < 0)
        return -1;
    a->row.n = sqlite3_last_insert_rowid(j->db);
    return 0;
}

static int put_row(struct journal_db *j, struct journal_append *a, struct err *err)
{
    int64_t stands_at = a->entries ? a->entries->seq - 1 : a->row.last_seq;
    struct task_row stored;
    int rc = 1;

    if (a->create)
        return create_row(j, a, err);
    if (a->row.n == 0) {
        rc = find_task(j, a->row.id, &stored, err);
        if (rc == 1)
            a->row.n = stored.n;
    }
    if (rc == 1)
        rc = update_row(j, SQL_TASK_STEP, a, stands_at, err);
    if (rc == 0)
        rc = update_row(j, SQL_TASK_UPDATE, a, stands_at, err);
    if (rc == 0)
        fail(err, CORAX_E_INTERNAL, "journal: task %s does not stand at event %lld", a->row.id, (long long)stands_at);
    return rc == 1 ? 0 : -1;
}

static int append_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_append *a = (struct journal_append *)op;
    const struct entry *e;
    struct buf body;
    int result = 0;

    a->exists = a->same = false;
    if (a->create && a->idem_key) {
        if (find_key(j, a, err) < 0)
            return -1;
        if (a->exists)
            return 0;
    }
    if (put_row(j, a, err) < 0 || (a->create && a->schedule && journal_store_schedule(j, a->schedule, err) < 0))
        return -1;
    buf_init(&body, ENTRY_LIMIT);
    for (e = a->entries; e && result == 0; e = e->next)
        result = add_entry(j, a->row.n, e, &body, err);
    buf_finish(&body);
    if (result == 0 && a->episode)
        result = journal_add_episode(j, a->episode, err);
    return result;
}

void journal_append_init(struct journal_append *a, void (*done)(struct journal_op *))
{
    memset(a, 0, sizeof(*a));
    a->op.is_write = true;
    a->op.work = append_work;
    a->op.done = done;
}

/* --- read ------------------------------------------------------------------------------------------------------ */

static int add_members(struct journal_db *j, sqlite3_int64 n, sqlite3_int64 seq, struct buf *out, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_EVENT_BLOBS, err);
    int rc;

    if (s == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, n);
    sqlite3_bind_int64(s, 2, seq);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        buf_addf(out, ",\"%s\":", journal_column_text(s, 0));
        buf_add(out, journal_column_text(s, 1), (size_t)sqlite3_column_bytes(s, 1));
    }
    if (rc != SQLITE_DONE)
        journal_fail(j->db, "read a payload", err);
    sqlite3_reset(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

/* Puts the event at the statement's row together again: head, small members, large members. */
static int read_event(struct journal_db *j, sqlite3_int64 n, sqlite3_stmt *s, struct stored_event *ev, struct err *err)
{
    const char *kind = journal_column_text(s, 3), *body = journal_column_text(s, 4);
    size_t body_len = (size_t)sqlite3_column_bytes(s, 4);
    struct buf out;

    buf_init(&out, READ_LIMIT);
    ev->seq = sqlite3_column_int64(s, 0);
    ev->kind = entry_kind_find(kind);
    entry_head(&out, ev->seq, sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2), kind);
    if (body_len > 2) {
        buf_addc(&out, ',');
        buf_add(&out, body + 1, body_len - 2);
    }
    if (sqlite3_column_int(s, 5) > 0 && add_members(j, n, ev->seq, &out, err) < 0) {
        buf_finish(&out);
        return -1;
    }
    buf_addc(&out, '}');
    ev->json = buf_take(&out, &ev->len);
    buf_finish(&out);
    return ev->json ? 0 : fail(err, CORAX_E_INTERNAL, "journal: no memory");
}

static int read_events(struct journal_db *j, sqlite3_int64 n, struct journal_read *r, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, r->ends_only ? SQL_EVENTS_ENDS : SQL_EVENTS_AFTER, err);
    size_t cap = 0, bytes = 0;
    void *grown;
    int rc;

    if (s == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, n);
    sqlite3_bind_int64(s, 2, r->ends_only ? r->row.last_seq : r->after);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (r->n_events > 0 && bytes >= r->max_bytes) {
            r->more = true;
            break;
        }
        if (r->n_events == cap) {
            cap = cap ? 2 * cap : 16;
            grown = realloc(r->events, cap * sizeof(*r->events));
            if (grown == NULL) {
                sqlite3_reset(s);
                return fail(err, CORAX_E_INTERNAL, "journal: no memory");
            }
            r->events = grown;
        }
        if (read_event(j, n, s, &r->events[r->n_events], err) < 0) {
            sqlite3_reset(s);
            return -1;
        }
        bytes += r->events[r->n_events++].len;
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        journal_fail(j->db, "read events", err);
    sqlite3_reset(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

static int read_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_read *r = (struct journal_read *)op;
    int rc = find_task(j, r->id, &r->row, err);

    if (rc < 0)
        return -1;
    r->found = rc == 1;
    return r->found && (r->max_bytes > 0 || r->ends_only) ? read_events(j, r->row.n, r, err) : 0;
}

void journal_read_init(struct journal_read *r, const char *id, void (*done)(struct journal_op *))
{
    memset(r, 0, sizeof(*r));
    snprintf(r->id, sizeof(r->id), "%s", id);
    r->op.work = read_work;
    r->op.done = done;
}

void journal_read_finish(struct journal_read *r)
{
    size_t i;

    for (i = 0; i < r->n_events; i++)
        free(r->events[i].json);
    free(r->events);
    r->events = NULL;
    r->n_events = 0;
}

/* --- list ------------------------------------------------------------------------------------------------------ */

static int list_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_list *l = (struct journal_list *)op;
    enum journal_sql sql = l->state == LIST_LIVE ? SQL_TASK_LIVE : l->uid >= 0 ? SQL_TASK_LIST_UID : SQL_TASK_LIST;
    sqlite3_stmt *s = journal_stmt(j, sql, err);
    size_t cap = 0;
    void *grown;
    int rc;

    if (s == NULL)
        return -1;
    journal_bind_text(s, 1, l->before);
    if (sql != SQL_TASK_LIVE) {
        sqlite3_bind_int(s, 2, l->state);
        sqlite3_bind_int(s, 3, l->limit + 1);
    }
    if (sql != SQL_TASK_LIST)
        sqlite3_bind_int64(s, 4, l->uid);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (sql != SQL_TASK_LIVE && l->n_rows == (size_t)l->limit) {
            l->more = true;
            break;
        }
        if (l->n_rows == cap) {
            cap = cap ? 2 * cap : 16;
            grown = realloc(l->rows, cap * sizeof(*l->rows));
            if (grown == NULL) {
                sqlite3_reset(s);
                return fail(err, CORAX_E_INTERNAL, "journal: no memory");
            }
            l->rows = grown;
        }
        read_row(s, &l->rows[l->n_rows++]);
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        journal_fail(j->db, "list tasks", err);
    sqlite3_reset(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

void journal_list_init(struct journal_list *l, void (*done)(struct journal_op *))
{
    memset(l, 0, sizeof(*l));
    l->uid = -1;
    l->state = LIST_ANY;
    l->limit = 50;
    l->op.work = list_work;
    l->op.done = done;
}

void journal_list_finish(struct journal_list *l)
{
    free(l->rows);
    l->rows = NULL;
    l->n_rows = 0;
}

/* --- delete ---------------------------------------------------------------------------------------------------- */

static int run_with(struct journal_db *j, enum journal_sql sql, sqlite3_int64 n, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, sql, err);

    if (s == NULL)
        return -1;
    if (n)
        sqlite3_bind_int64(s, 1, n);
    return journal_step(j, s, "delete a task", err);
}

int journal_delete_task(struct journal_db *j, sqlite3_int64 n, struct err *err)
{
    /* The links go with the events, by cascade; only then may an unused blob go. */
    if (journal_delete_episode(j, n, err) < 0 || run_with(j, SQL_BLOB_DROP, n, err) < 0 || run_with(j, SQL_TASK_DELETE, n, err) < 0)
        return -1;
    return run_with(j, SQL_BLOB_SWEEP, 0, err);
}

int journal_vacuum(struct journal_db *j, struct err *err)
{
    return run_with(j, SQL_VACUUM, 0, err);
}

static int delete_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_delete *d = (struct journal_delete *)op;
    struct task_row row;
    int rc = find_task(j, d->id, &row, err);

    if (rc < 0)
        return -1;
    d->found = rc == 1;
    if (!d->found)
        return 0;
    return journal_delete_task(j, row.n, err) < 0 ? -1 : journal_vacuum(j, err);
}

void journal_delete_init(struct journal_delete *d, const char *id, void (*done)(struct journal_op *))
{
    memset(d, 0, sizeof(*d));
    snprintf(d->id, sizeof(d->id), "%s", id);
    d->op.is_write = true;
    d->op.work = delete_work;
    d->op.done = done;
}
