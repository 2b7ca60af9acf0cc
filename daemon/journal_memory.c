/*
 * Memories in the journal: read, written, forgotten.  The work functions run in the journal's thread.
 *
 * What a change finds wrong with itself is not an error of the journal's: it is `refused`, before anything is written.
 */
#include "daemon/journal_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal_memory_row.h"
#include "daemon/journal_ops.h"
#include "util/clock.h"
#include "util/utf8.h"

int journal_read_memory(sqlite3_stmt *s, struct memory *m, struct err *err)
{
    memset(m, 0, sizeof(*m));
    m->n = sqlite3_column_int64(s, 0);
    snprintf(m->id, sizeof(m->id), "%s", journal_column_text(s, 1));
    m->uid = (uint32_t)sqlite3_column_int64(s, 2);
    snprintf(m->space, sizeof(m->space), "%s", journal_column_text(s, 3));
    m->kind = (enum memory_kind)((unsigned)sqlite3_column_int(s, 4) % MEMORY_N_KINDS);
    snprintf(m->label, sizeof(m->label), "%s", journal_column_text(s, 5));
    snprintf(m->tags, sizeof(m->tags), "%s", journal_column_text(s, 7));
    snprintf(m->task, sizeof(m->task), "%s", journal_column_text(s, 8));
    m->data.integrity = sqlite3_column_int(s, 9) == TRUSTED ? TRUSTED : UNTRUSTED;
    m->data.confidentiality = (enum confidentiality)((unsigned)sqlite3_column_int(s, 10) % (SECRET + 1));
    m->created_ms = sqlite3_column_int64(s, 11);
    m->updated_ms = sqlite3_column_int64(s, 12);
    m->max_chars = sqlite3_column_int(s, 13);
    m->text = strdup(journal_column_text(s, 6));
    return m->text ? 0 : fail(err, CORAX_E_INTERNAL, "journal: no memory");
}

int journal_memories_add(struct journal_memories *l, struct memory *m, struct err *err)
{
    struct memory *grown;

    /* Sizes double: 0, 1, 2, 4 ... */
    if ((l->n & (l->n - 1)) == 0) {
        grown = realloc(l->rows, (l->n ? 2 * l->n : 1) * sizeof(*grown));
        if (grown == NULL) {
            memory_finish(m);
            return fail(err, CORAX_E_INTERNAL, "journal: no memory");
        }
        l->rows = grown;
    }
    l->rows[l->n++] = *m;
    return 0;
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

static int list(struct journal_db *j, struct journal_memories *l, struct err *err)
{
    const struct memory_query *q = &l->query;
    sqlite3_stmt *s = journal_stmt(j, q->uid < 0 ? SQL_MEMORY_LIST_ALL : SQL_MEMORY_LIST, err);
    struct memory m;
    int rc = SQLITE_ERROR;

    if (s == NULL)
        return -1;
    journal_bind_query(s, q);
    journal_bind_text(s, 5, q->id);
    journal_bind_text(s, 6, q->before);
    sqlite3_bind_int(s, 7, q->limit + 1);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if ((int)l->n == q->limit) {
            l->more = true;
            break;
        }
        if (journal_read_memory(s, &m, err) < 0 || journal_memories_add(l, &m, err) < 0) {
            sqlite3_reset(s);
            return -1;
        }
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        journal_fail(j->db, "list memories", err);
    sqlite3_reset(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

static int memories_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    struct journal_memories *l = (struct journal_memories *)op;
    int rc = l->query.words[0] ? journal_search(j, l, err) : list(j, l, err);

    if (rc < 0)
        journal_memories_finish(l);
    return rc;
}

void journal_memories_init(struct journal_memories *l, void (*done)(struct journal_op *))
{
    memset(l, 0, sizeof(*l));
    l->query.uid = -1;
    l->query.limit = 50;
    l->op.work = memories_work;
    l->op.done = done;
}

void journal_memories_finish(struct journal_memories *l)
{
    for (size_t i = 0; i < l->n; i++)
        memory_finish(&l->rows[i]);
    free(l->rows);
    free(l->own);
    l->rows = NULL;
    l->own = NULL;
    l->n = 0;
}

int journal_memories_set_vector(struct journal_memories *l, const float *vector, size_t dim, const char *model, struct err *err)
{
    const size_t size = dim * sizeof(*vector) + strlen(model) + 1;
    char *own = malloc(size);

    if (own == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    memcpy(own, vector, dim * sizeof(*vector));
    memcpy(own + dim * sizeof(*vector), model, strlen(model) + 1);
    free(l->own);
    l->own = own;
    l->query.vector = (const float *)(const void *)own;
    l->query.n_vector = (int)dim;
    l->query.model = own + dim * sizeof(*vector);
    return 0;
}

/* --- one row ----------------------------------------------------------------------------------------------------- */

/* One number of a statement that is bound already.  1: there is a row, 0: none, -1: error. */
static int number(struct journal_db *j, sqlite3_stmt *s, int64_t *out, struct err *err)
{
    int rc = sqlite3_step(s);

    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    else if (rc != SQLITE_DONE)
        journal_fail(j->db, "look at memories", err);
    sqlite3_reset(s);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

static int count(struct journal_db *j, enum journal_sql sql, int64_t a, int64_t b, int64_t *out, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, sql, err);

    if (s == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, a);
    if (sqlite3_bind_parameter_count(s) > 1)
        sqlite3_bind_int64(s, 2, b);
    return number(j, s, out, err) < 0 ? -1 : 0;
}

/* Finds a space: 1 with *space, 0: there is none of that name, -1: error. */
static int find_space(struct journal_db *j, uint32_t uid, const char *name, int64_t *space, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_SPACES, err);

    if (s == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, uid);
    journal_bind_text(s, 2, name);
    sqlite3_bind_int(s, 3, 1);
    return number(j, s, space, err);
}

/* 0: here it is; 1: refused, -1: error. */
static int need_space(struct journal_db *j, const struct memory *m, int64_t *space, struct err *refused, struct err *err)
{
    int64_t n = 0;
    sqlite3_stmt *s;
    int rc = find_space(j, m->uid, m->space, space, err);

    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (count(j, SQL_MEMORY_SPACE_COUNT, m->uid, 0, &n, err) < 0)
        return -1;
    if (n >= MEMORY_MAX_SPACES) {
        int64_t none;

        if (count(j, SQL_MEMORY_SPACE_SWEEP, m->uid, 0, &none, err) < 0 || count(j, SQL_MEMORY_SPACE_COUNT, m->uid, 0, &n, err) < 0)
            return -1;
    }
    if (n >= MEMORY_MAX_SPACES) {
        fail(refused, CORAX_E_LIMIT, "there are %d spaces already, the most a user may have: use one of them", MEMORY_MAX_SPACES);
        return 1;
    }
    if ((s = journal_stmt(j, SQL_MEMORY_SPACE_ADD, err)) == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, m->uid);
    journal_bind_text(s, 2, m->space);
    if (journal_step(j, s, "store a memory", err) < 0)
        return -1;
    *space = sqlite3_last_insert_rowid(j->db);
    return 0;
}

static int on_row(struct journal_db *j, enum journal_sql sql, int64_t n, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, sql, err);

    if (s == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, n);
    return journal_step(j, s, "change a memory", err);
}

static int insert(struct journal_db *j, struct memory *m, int64_t space, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_INSERT, err);

    if (s == NULL)
        return -1;
    journal_bind_text(s, 1, m->id);
    sqlite3_bind_int64(s, 2, space);
    sqlite3_bind_int(s, 3, m->kind);
    journal_bind_text(s, 4, m->label);
    journal_bind_text(s, 5, m->text);
    journal_bind_text(s, 6, m->tags);
    journal_bind_text(s, 7, m->task);
    sqlite3_bind_int(s, 8, m->data.integrity);
    sqlite3_bind_int(s, 9, m->data.confidentiality);
    sqlite3_bind_int64(s, 10, m->created_ms);
    sqlite3_bind_int64(s, 11, m->updated_ms);
    sqlite3_bind_int(s, 12, m->max_chars);
    sqlite3_bind_int64(s, 13, (sqlite3_int64)strlen(m->text));
    if (journal_step(j, s, "store a memory", err) < 0)
        return -1;
    m->n = sqlite3_last_insert_rowid(j->db);
    return on_row(j, SQL_MEMORY_WORDS_ADD, m->n, err);
}

static int update(struct journal_db *j, const struct memory *m, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_UPDATE, err);

    /* Its vector is of the text that goes. */
    if (s == NULL || on_row(j, SQL_MEMORY_WORDS_DROP, m->n, err) < 0 || on_row(j, SQL_MEMORY_VECTOR_DROP, m->n, err) < 0)
        return -1;
    sqlite3_bind_int64(s, 1, m->n);
    journal_bind_text(s, 2, m->text);
    journal_bind_text(s, 3, m->task);
    sqlite3_bind_int(s, 4, m->data.integrity);
    sqlite3_bind_int(s, 5, m->data.confidentiality);
    sqlite3_bind_int64(s, 6, m->updated_ms);
    sqlite3_bind_int64(s, 7, (sqlite3_int64)strlen(m->text));
    return journal_step(j, s, "store a memory", err) < 0 ? -1 : on_row(j, SQL_MEMORY_WORDS_ADD, m->n, err);
}

static int delete(struct journal_db *j, int64_t n, struct err *err)
{
    return on_row(j, SQL_MEMORY_WORDS_DROP, n, err) < 0 ? -1 : on_row(j, SQL_MEMORY_DELETE, n, err);
}

int journal_delete_episode(struct journal_db *j, sqlite3_int64 task, struct err *err)
{
    int64_t n = 0;

    return count(j, SQL_EPISODE, task, 0, &n, err) < 0 ? -1 : n ? delete(j, n, err) : 0;
}

int journal_add_episode(struct journal_db *j, const struct memory *episode, struct err *err)
{
    struct memory m = *episode;
    struct err refused = { 0 };
    int64_t space = 0, n = 0, oldest = 0;
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_DONE_DROP, err);
    int rc;

    if (s == NULL)
        return -1;
    journal_bind_text(s, 1, m.task);
    if (journal_step(j, s, "forget a task's writes", err) < 0)
        return -1;
    if ((rc = need_space(j, &m, &space, &refused, err)) != 0)
        return rc < 0 ? -1 : 0; /* a task's end does not fail for want of a space */
    if (count(j, SQL_MEMORY_COUNT, space, MEMORY_EPISODE, &n, err) < 0 ||
        (n >= JOURNAL_MAX_EPISODES &&
         (count(j, SQL_MEMORY_OLDEST, space, MEMORY_EPISODE, &oldest, err) < 0 || delete(j, oldest, err) < 0)))
        return -1;
    return insert(j, &m, space, err);
}

/* --- changes ----------------------------------------------------------------------------------------------------- */

/* Each: 0 it is made, 1 refused, -1 error. */
typedef int one_change(struct journal_db *, struct journal_memory_write *, struct err *);

static int refuse(struct journal_memory_write *w, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int refuse(struct journal_memory_write *w, int status, const char *fmt, ...)
{
    char text[ERR_MSG];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fail(&w->refused, status, "%s", text);
    return 1;
}

/* The note of this name in the space of w: 1 with *note, whose text is its own; 0: none, -1: error. */
static int find_note(struct journal_db *j, const struct journal_memory_write *w, struct memory *note, struct err *err)
{
    int64_t space;
    sqlite3_stmt *s;
    int rc = find_space(j, w->in.uid, w->in.space, &space, err);

    if (rc != 1)
        return rc;
    if ((s = journal_stmt(j, SQL_MEMORY_NOTE, err)) == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, space);
    journal_bind_text(s, 2, w->in.label);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW && journal_read_memory(s, note, err) < 0)
        rc = SQLITE_ERROR;
    else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        journal_fail(j->db, "read a note", err);
    sqlite3_reset(s);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

/* A new row, within the limits. */
static int add_row(struct journal_db *j, struct journal_memory_write *w, struct err *err)
{
    const bool note = w->in.kind == MEMORY_NOTE;
    int64_t space = 0, n = 0;
    int rc = need_space(j, &w->in, &space, &w->refused, err);

    if (rc != 0)
        return rc;
    if (count(j, SQL_MEMORY_COUNT, space, w->in.kind, &n, err) < 0)
        return -1;
    if (note && n >= MEMORY_MAX_NOTES)
        return refuse(w, CORAX_E_LIMIT, "there are %d notes in %s already, the most there may be: use one of them", MEMORY_MAX_NOTES, w->in.space);
    if (!note && n >= w->max_items)
        return refuse(w, CORAX_E_LIMIT, "there are %d facts in %s already, the most there may be: forget some", w->max_items, w->in.space);
    w->m = w->in;
    if ((w->m.text = strdup(w->in.text)) == NULL)
        return fail(err, CORAX_E_INTERNAL, "journal: no memory");
    id_create(w->m.id);
    return insert(j, &w->m, space, err);
}

static int add(struct journal_db *j, struct journal_memory_write *w, struct err *err)
{
    struct memory note = { 0 };
    int rc = w->in.kind == MEMORY_NOTE ? find_note(j, w, &note, err) : 0;

    memory_finish(&note);
    if (rc < 0)
        return -1;
    if (rc == 1)
        return refuse(w, CORAX_E_ARGS, "there is a note %s in %s already: remove it first", w->in.label, w->in.space);
    return add_row(j, w, err);
}

static int forget(struct journal_db *j, struct journal_memory_write *w, struct err *err)
{
    struct journal_memories found;
    struct memory *m;
    int result;

    journal_memories_init(&found, NULL);
    found.query.uid = w->any_uid ? -1 : (int64_t)w->in.uid;
    found.query.limit = 2;
    snprintf(found.query.space, sizeof(found.query.space), "%s", w->in.space);
    snprintf(found.query.id, sizeof(found.query.id), "%s", w->id_end);
    if (w->in.task[0])
        found.query.kinds = 1u << MEMORY_FACT;
    if (list(j, &found, err) < 0)
        return -1;
    m = found.rows;
    if (found.n == 0)
        result = refuse(w, CORAX_E_NOTFOUND, "there is no %s with the id %s", w->in.task[0] ? "fact" : "memory", w->id_end);
    else if (found.n > 1)
        result = refuse(w, CORAX_E_ARGS, "several memories have an id that ends with %s: give more of it", w->id_end);
    else if (w->in.task[0] && w->in.data.integrity == UNTRUSTED && m->data.integrity == TRUSTED)
        result = refuse(w, CORAX_E_DENIED, "this task has read what cannot be trusted, so it cannot forget what can: a person has to");
    else
        result = delete(j, m->n, err);
    if (result == 0) {
        w->m = *m;
        m->text = NULL;
        w->removed = true;
    }
    journal_memories_finish(&found);
    return result;
}

/* The text takes the place of the note's; what it was becomes worse by the change's label, never better. */
static int put_note(struct journal_db *j, struct journal_memory_write *w, struct memory *note, char *text, struct err *err)
{
    const size_t chars = utf8_count(text, strlen(text));

    if (text[strspn(text, " \t\r\n")] == '\0') {
        free(text);
        w->removed = true;
        if (delete(j, note->n, err) < 0)
            return -1;
    } else if (chars > (size_t)note->max_chars || strlen(text) > MEMORY_MAX_TEXT) {
        free(text);
        return refuse(w, CORAX_E_LIMIT, "the note %s would have %zu characters, it may have %d: make it shorter, notes_rethink writes it anew",
                      note->label, chars, note->max_chars);
    } else {
        free(note->text);
        note->text = text;
        note->data = label_join(note->data, w->in.data);
        note->updated_ms = w->in.updated_ms;
        snprintf(note->task, sizeof(note->task), "%s", w->in.task);
        if (update(j, note, err) < 0)
            return -1;
    }
    w->m = *note;
    note->text = NULL;
    return 0;
}

static int new_note(struct journal_db *j, struct journal_memory_write *w, struct err *err)
{
    const size_t chars = utf8_count(w->in.text, strlen(w->in.text));

    if (w->in.text[strspn(w->in.text, " \t\r\n")] == '\0')
        return refuse(w, CORAX_E_ARGS, "the text is empty, and there is no note %s", w->in.label);
    if (chars > (size_t)w->in.max_chars || strlen(w->in.text) > MEMORY_MAX_TEXT)
        return refuse(w, CORAX_E_LIMIT, "the note %s would have %zu characters, it may have %d", w->in.label, chars, w->in.max_chars);
    return add_row(j, w, err);
}

/* Where line number `line` begins; the end where there are fewer. */
static size_t line_start(const char *text, int line)
{
    size_t at = 0;

    if (line < 0)
        return strlen(text);
    for (; line > 0 && text[at]; line--) {
        at += strcspn(text + at, "\n");
        at += text[at] == '\n';
    }
    return at;
}

static int insert_lines(struct journal_db *j, struct journal_memory_write *w, struct memory *note, struct err *err)
{
    const size_t at = line_start(note->text, w->line);
    const bool first = at == 0 || note->text[at - 1] == '\n';
    struct buf text;

    buf_init(&text, 4 * MEMORY_MAX_TEXT);
    buf_addf(&text, "%.*s%s%s", (int)at, note->text, first ? "" : "\n", w->in.text);
    if (note->text[at])
        buf_addf(&text, "\n%s", note->text + at);
    return text.failed ? (buf_finish(&text), fail(err, CORAX_E_INTERNAL, "journal: no memory")) : put_note(j, w, note, buf_take(&text, NULL), err);
}

static int replace_text(struct journal_db *j, struct journal_memory_write *w, struct memory *note, struct err *err)
{
    const char *at = w->old && *w->old ? strstr(note->text, w->old) : NULL;
    struct buf text;

    if (at == NULL)
        return refuse(w, CORAX_E_NOTFOUND, "the old text does not stand in the note %s as it was given", note->label);
    if (strstr(at + 1, w->old))
        return refuse(w, CORAX_E_ARGS, "the old text stands in the note %s more than once: give more of it", note->label);
    buf_init(&text, 4 * MEMORY_MAX_TEXT);
    buf_addf(&text, "%.*s%s%s", (int)(at - note->text), note->text, w->in.text, at + strlen(w->old));
    return text.failed ? (buf_finish(&text), fail(err, CORAX_E_INTERNAL, "journal: no memory")) : put_note(j, w, note, buf_take(&text, NULL), err);
}

static int rethink(struct journal_db *j, struct journal_memory_write *w, struct memory *note, struct err *err)
{
    char *text = strdup(w->in.text);

    return text ? put_note(j, w, note, text, err) : fail(err, CORAX_E_INTERNAL, "journal: no memory");
}

static int change_note(struct journal_db *j, struct journal_memory_write *w, struct err *err)
{
    struct memory note = { 0 };
    int rc = find_note(j, w, &note, err);

    if (rc == 0 && w->change == MEMORY_REPLACE)
        rc = refuse(w, CORAX_E_NOTFOUND, "there is no note %s: notes_insert makes one", w->in.label);
    else if (rc == 0)
        rc = new_note(j, w, err);
    else if (rc == 1)
        rc = w->change == MEMORY_INSERT    ? insert_lines(j, w, &note, err)
             : w->change == MEMORY_REPLACE ? replace_text(j, w, &note, err)
                                           : rethink(j, w, &note, err);
    memory_finish(&note);
    return rc;
}

/* --- once --------------------------------------------------------------------------------------------------------- */

/* What this call has written already: 1 with w as it was then, 0: nothing, -1: error. */
static int find_done(struct journal_db *j, struct journal_memory_write *w, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_DONE_GET, err);
    const char *param, *text;
    struct json *root = NULL;
    struct memory m = { 0 };
    int rc;

    if (s == NULL)
        return -1;
    journal_bind_text(s, 1, w->in.task);
    journal_bind_text(s, 2, w->call);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        text = journal_column_text(s, 0);
        root = json_parse(text, strlen(text), err);
        rc = root && memory_read(&m, root, &param, err) == 0 ? SQLITE_ROW : SQLITE_ERROR;
    } else if (rc != SQLITE_DONE) {
        journal_fail(j->db, "look for a write", err);
    }
    sqlite3_reset(s);
    if (rc == SQLITE_ROW) {
        w->m = m;
        w->removed = json_bool(json_get(root, "removed"), false);
    }
    json_free(root);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

static int keep_done(struct journal_db *j, const struct journal_memory_write *w, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_DONE_ADD, err);
    struct buf json;
    struct jsonw out;
    int rc;

    if (s == NULL)
        return -1;
    buf_init(&json, 16 * MEMORY_MAX_TEXT);
    out = jsonw_start(&json);
    jsonw_object(&out, NULL);
    memory_write(&w->m, false, &out);
    jsonw_bool(&out, "removed", w->removed);
    jsonw_end(&out);
    journal_bind_text(s, 1, w->in.task);
    journal_bind_text(s, 2, w->call);
    journal_bind_text(s, 3, json.data);
    rc = json.failed ? fail(err, CORAX_E_INTERNAL, "journal: no memory") : journal_step(j, s, "store a write", err);
    buf_finish(&json);
    return rc;
}

static int write_work(struct journal_db *j, struct journal_op *op, struct err *err)
{
    static one_change *const changes[] = { add, forget, change_note, change_note, change_note };
    struct journal_memory_write *w = (struct journal_memory_write *)op;
    int rc;

    /* A write may be tried again by itself, where another one of its transaction fails. */
    memory_finish(&w->m);
    memset(&w->m, 0, sizeof(w->m));
    w->refused.status = CORAX_OK;
    w->removed = false;
    if (w->in.task[0] && (rc = find_done(j, w, err)) != 0)
        return rc < 0 ? -1 : 0;
    rc = changes[w->change](j, w, err);
    if (rc == 0 && w->in.task[0])
        rc = keep_done(j, w, err);
    return rc < 0 ? -1 : 0;
}

void journal_memory_write_init(struct journal_memory_write *w, enum memory_change change, void (*done)(struct journal_op *))
{
    memset(w, 0, sizeof(*w));
    w->change = change;
    w->line = -1;
    w->in.created_ms = w->in.updated_ms = clock_wall_ms();
    w->op.is_write = w->op.is_memory = true;
    w->op.work = write_work;
    w->op.done = done;
}

void journal_memory_write_finish(struct journal_memory_write *w)
{
    memory_finish(&w->in);
    memory_finish(&w->m);
    free(w->old);
    w->old = NULL;
}
