/*
 * store.c - see store.h.
 *
 * A file's passages have consecutive ids, so that forgetting a file is deleting a range.  Words match by porter stems of
 * unicode61 without accents.  A hit's line is chosen by an auxiliary function of ours, which asks FTS5 itself where the
 * words are: nothing here guesses at what the tokenizer did.
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "query.h"

/* What a word in the path, in the headings and in the text itself is worth; tests/plugins/search-t.c ranks with them. */
#ifndef WEIGHTS
#define WEIGHTS "0.5, 1.0, 1.0"
#endif
#ifndef TOKENIZE
#define TOKENIZE "porter unicode61 remove_diacritics 2"
#endif
#define BODY_COLUMN 2
#define CHECK_ROWS  64   /* passages put between two looks at the clock */
#define CHECK_STEPS 4000 /* steps of SQLite's machine between two, about a millisecond */
#define MERGE_STEPS 16
#define MERGE_PAGES 64 /* written in one step of merging, a few milliseconds */
#define MAX_SQL     4096
#define MAX_ROW     (1 << 20) /* bytes of one value: a passage and its headings are far less */
#define MAX_FOUND   4096      /* words of one passage that are looked at */

static const char schema[] =
    "CREATE TABLE file(id INTEGER PRIMARY KEY, path BLOB UNIQUE NOT NULL, stamp TEXT NOT NULL, turn INTEGER NOT NULL,"
    "    first INTEGER NOT NULL, n INTEGER NOT NULL);"
    "CREATE TABLE passage(id INTEGER PRIMARY KEY, file INTEGER NOT NULL, line INTEGER NOT NULL, cut INTEGER NOT NULL);"
    "CREATE VIRTUAL TABLE words USING fts5(path, heading, body, tokenize = '" TOKENIZE "');"
    /* FTS5 merges its segments whenever it likes, seconds long, where no clock can be looked at; merge_segments() does it in steps. */
    "INSERT INTO words(words, rank) VALUES('automerge', 0);"
    "INSERT INTO words(words, rank) VALUES('crisismerge', 1999);";

enum statement {
    FIND_FILE,
    SEEN_FILE,
    ADD_FILE,
    SET_FILE,
    OLD_FILE,
    DROP_WORDS,
    DROP_PASSAGES,
    DROP_FILE,
    ADD_WORDS,
    ADD_PASSAGE,
    BEST,
    LOCATE,
    MERGE,
    N_STATEMENTS
};

/*
 * OR FAIL: an UPDATE that could be undone alone would make a savepoint, at each of which FTS5 writes a segment, and it has no room
 * for a segment per file.
 */
static const char *const statements[N_STATEMENTS] = {
    [FIND_FILE] = "SELECT id, stamp, first, n FROM file WHERE path = ?1",
    [SEEN_FILE] = "UPDATE OR FAIL file SET turn = ?2 WHERE id = ?1",
    [ADD_FILE] = "INSERT OR FAIL INTO file(path, stamp, turn, first, n) VALUES(?1, '', ?2, 0, 0)",
    [SET_FILE] = "UPDATE OR FAIL file SET stamp = ?2, turn = ?3, first = ?4, n = ?5 WHERE id = ?1",
    [OLD_FILE] = "SELECT id, first, n FROM file WHERE turn <> ?1 LIMIT 1",
    [DROP_WORDS] = "DELETE FROM words WHERE rowid >= ?1 AND rowid < ?2",
    [DROP_PASSAGES] = "DELETE FROM passage WHERE id >= ?1 AND id < ?2",
    [DROP_FILE] = "DELETE FROM file WHERE id = ?1",
    [ADD_WORDS] = "INSERT INTO words(rowid, path, heading, body) VALUES(?1, ?2, ?3, ?4)",
    [ADD_PASSAGE] = "INSERT INTO passage(id, file, line, cut) VALUES(?1, ?2, ?3, ?4)",
    /* Ties are broken by what the answer shows, so that the same files give the same answer in any order of reading. */
    [BEST] = ("SELECT p.id, bm25(words, " WEIGHTS ") AS score FROM words JOIN passage p ON p.id = words.rowid"
              " JOIN file f ON f.id = p.file WHERE words MATCH ?1 ORDER BY score, f.path, p.line, p.id LIMIT ?2"),
    [LOCATE] =
        ("SELECT f.path, p.line, p.cut, words.body, locate(words) FROM words JOIN passage p ON p.id = words.rowid"
         " JOIN file f ON f.id = p.file WHERE words MATCH ?1 AND words.rowid = ?2"),
    [MERGE] = "INSERT INTO words(words, rank) VALUES('merge', ?1)",
};

/* What locate() finds out about a row: its best line. */
struct located {
    const struct query_form *form; /* asked with */
    size_t at, len;                /* the line, in bytes of the body */
    size_t found;                  /* its first found word, in bytes of the line */
    int64_t line;                  /* 0 is the body's first */
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *stmt[N_STATEMENTS];
    fts5_api *fts;
    fts5_tokenizer tokenizer;
    Fts5Tokenizer *instance;
    struct located located;
    bool (*go_on)(void *arg);
    void *go_on_arg;
    int64_t turn, next_passage;
    size_t n_files;
    char error[200];
};

/* --- SQLite -------------------------------------------------------------------------------------------------------- */

static enum store_status failed(struct store *s, int rc)
{
    snprintf(s->error, sizeof s->error, "%s", rc == SQLITE_NOMEM ? "out of memory" : sqlite3_errmsg(s->db));
    return STORE_FAILED;
}

static enum store_status run(struct store *s, const char *sql)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? STORE_OK : failed(s, rc);
}

/* Runs a statement that gives no rows, with integers. */
static enum store_status run_with(struct store *s, enum statement which, const int64_t *values, int n)
{
    sqlite3_stmt *st = s->stmt[which];
    int rc;

    for (int i = 0; i < n; i++)
        sqlite3_bind_int64(st, i + 1, values[i]);
    rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? STORE_OK : failed(s, rc);
}

static void harden(sqlite3 *db)
{
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, MAX_ROW);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, MAX_SQL);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 1);
    sqlite3_hard_heap_limit64(STORE_MAX_BYTES);
}

static int get_fts(struct store *s)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, "SELECT fts5(?1)", -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_pointer(st, 1, &s->fts, "fts5_api_ptr", NULL);
    if (rc == SQLITE_OK)
        sqlite3_step(st);
    sqlite3_finalize(st);
    return rc != SQLITE_OK ? rc : s->fts ? SQLITE_OK : SQLITE_ERROR;
}

static int get_tokenizer(struct store *s)
{
    const char *options[] = { "remove_diacritics", "2" };
    void *context;
    int rc = s->fts->xFindTokenizer(s->fts, "unicode61", &context, &s->tokenizer);

    return rc == SQLITE_OK ? s->tokenizer.xCreate(context, options, 2, &s->instance) : rc;
}

static void locate(const Fts5ExtensionApi *, Fts5Context *, sqlite3_context *, int n, sqlite3_value **);

static int prepare(struct store *s)
{
    int rc = get_fts(s);

    if (rc == SQLITE_OK)
        rc = s->fts->xCreateFunction(s->fts, "locate", &s->located, locate, NULL);
    if (rc == SQLITE_OK)
        rc = get_tokenizer(s);
    for (int i = 0; i < N_STATEMENTS && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL);
    return rc;
}

struct store *store_create(bool (*go_on)(void *arg), void *arg)
{
    struct store *s = calloc(1, sizeof *s);
    int rc;

    if (s == NULL)
        return NULL;
    s->go_on = go_on;
    s->go_on_arg = arg;
    s->next_passage = 1;
    rc = sqlite3_open_v2(":memory:", &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        harden(s->db);
        rc = sqlite3_exec(s->db, "PRAGMA temp_store = memory;", NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->db, schema, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = prepare(s);
    if (rc == SQLITE_OK)
        return s;
    fprintf(stderr, "search: the index cannot be made: %s\n", s->db ? sqlite3_errmsg(s->db) : "out of memory");
    store_destroy(s);
    return NULL;
}

void store_destroy(struct store *s)
{
    if (s == NULL)
        return;
    if (s->instance)
        s->tokenizer.xDelete(s->instance);
    for (int i = 0; i < N_STATEMENTS; i++)
        sqlite3_finalize(s->stmt[i]);
    sqlite3_close(s->db);
    free(s);
}

const char *store_error(const struct store *s)
{
    return s->error;
}

size_t store_n_files(const struct store *s)
{
    return s->n_files;
}

/* --- reading in ---------------------------------------------------------------------------------------------------- */

#define UNFINISHED '+' /* before the stamp of a file whose first n passages have been put */

struct file {
    int64_t id, first, n;
    bool same, begun; /* its stamp is the one asked for; it is, but the end is missing */
};

/* id 0: there is none. */
static enum store_status find_file(struct store *s, const char *path, const char *stamp, struct file *out)
{
    sqlite3_stmt *st = s->stmt[FIND_FILE];
    int rc;

    *out = (struct file){ 0 };
    sqlite3_bind_blob(st, 1, path, (int)strlen(path), SQLITE_STATIC);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        const char *known = (const char *)sqlite3_column_text(st, 1);

        *out = (struct file){ .id = sqlite3_column_int64(st, 0),
                              .first = sqlite3_column_int64(st, 2),
                              .n = sqlite3_column_int64(st, 3) };
        if (known && stamp[0] != '\0') {
            out->same = strcmp(known, stamp) == 0;
            out->begun = known[0] == UNFINISHED && strcmp(known + 1, stamp) == 0;
        }
    }
    sqlite3_reset(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? STORE_OK : failed(s, rc);
}

static enum store_status set_file(struct store *s, const struct file *f, const char *stamp)
{
    sqlite3_stmt *st = s->stmt[SET_FILE];
    int rc;

    sqlite3_bind_int64(st, 1, f->id);
    sqlite3_bind_text(st, 2, stamp, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, s->turn);
    sqlite3_bind_int64(st, 4, f->first);
    sqlite3_bind_int64(st, 5, f->n);
    rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? STORE_OK : failed(s, rc);
}

/* As much as there is time for; the file's row says what is left. */
static enum store_status drop_passages(struct store *s, struct file *f)
{
    enum store_status status = STORE_OK;

    while (f->n > 0 && status == STORE_OK) {
        int64_t n = f->n < CHECK_ROWS ? f->n : CHECK_ROWS, range[] = { f->first, f->first + n };

        if (!s->go_on(s->go_on_arg)) {
            status = set_file(s, f, "");
            return status == STORE_OK ? STORE_STOPPED : status;
        }
        status = run_with(s, DROP_WORDS, range, 2);
        if (status == STORE_OK)
            status = run_with(s, DROP_PASSAGES, range, 2);
        f->first += n;
        f->n -= n;
    }
    return status;
}

enum store_status store_begin(struct store *s)
{
    s->turn++;
    return run(s, "BEGIN");
}

enum store_status store_has(struct store *s, const char *path, const char *stamp, bool *out)
{
    struct file f;
    enum store_status status = find_file(s, path, stamp, &f);

    if (status != STORE_OK)
        return status;
    *out = f.id != 0 && f.same;
    return *out ? run_with(s, SEEN_FILE, (int64_t[]){ f.id, s->turn }, 2) : STORE_OK;
}

static enum store_status add_file(struct store *s, const char *path, int64_t *id)
{
    sqlite3_stmt *st = s->stmt[ADD_FILE];
    int rc;

    sqlite3_bind_blob(st, 1, path, (int)strlen(path), SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, s->turn);
    rc = sqlite3_step(st);
    sqlite3_reset(st);
    s->n_files += rc == SQLITE_DONE;
    *id = sqlite3_last_insert_rowid(s->db);
    return rc == SQLITE_DONE ? STORE_OK : failed(s, rc);
}

struct putting {
    struct store *store;
    const char *path; /* without the root's name and the ending: words that whole folders of files share find nothing */
    size_t path_len;
    int64_t file, n, skip; /* passages put, and of these the ones of an earlier call */
    enum store_status status;
};

static bool put_passage(void *arg, const struct passage *p)
{
    struct putting *put = arg;
    struct store *s = put->store;
    sqlite3_stmt *st = s->stmt[ADD_WORDS];
    int64_t id = s->next_passage;
    int rc;

    if (put->skip > 0) {
        put->skip--;
        return true;
    }
    if (put->n % CHECK_ROWS == 0 && !s->go_on(s->go_on_arg)) {
        put->status = STORE_STOPPED;
        return false;
    }
    sqlite3_bind_int64(st, 1, id);
    sqlite3_bind_text(st, 2, put->path, (int)put->path_len, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, p->heading, (int)p->heading_len, SQLITE_STATIC);
    sqlite3_bind_text(st, 4, p->text, (int)p->len, SQLITE_STATIC);
    rc = sqlite3_step(st);
    sqlite3_reset(st);
    if (rc == SQLITE_DONE)
        put->status =
            run_with(s, ADD_PASSAGE, (int64_t[]){ id, put->file, p->line, p->more_before + 2 * p->more_after }, 4);
    else
        put->status = failed(s, rc);
    if (put->status != STORE_OK)
        return false;
    s->next_passage++;
    put->n++;
    return true;
}

static void set_path_words(struct putting *put, const char *path)
{
    const char *slash = strchr(path, '/'), *dot = strrchr(path, '.');

    put->path = slash ? slash + 1 : path;
    put->path_len = dot && dot > put->path ? (size_t)(dot - put->path) : strlen(put->path);
}

enum store_status store_put(struct store *s, const char *path, const char *stamp, const char *text, size_t len,
                            enum passage_format format)
{
    struct putting put = { .store = s };
    char unfinished[STORE_MAX_STAMP + 2];
    struct file f;
    enum store_status status = find_file(s, path, stamp, &f);

    snprintf(unfinished, sizeof unfinished, "%c%s", UNFINISHED, stamp);
    if (status == STORE_OK && f.id == 0)
        status = add_file(s, path, &f.id);
    if (status == STORE_OK && f.begun && f.first + f.n == s->next_passage)
        put.n = put.skip = f.n;
    else if (status == STORE_OK)
        status = drop_passages(s, &f);
    if (status != STORE_OK)
        return status;
    f.first = s->next_passage - put.n;
    set_path_words(&put, path);
    put.file = f.id;
    passage_split(text, len, format, put_passage, &put);
    if (put.status == STORE_FAILED)
        return STORE_FAILED;
    f.n = put.n;
    status = set_file(s, &f, put.status == STORE_OK ? stamp : stamp[0] ? unfinished : "");
    return status == STORE_OK ? put.status : status;
}

static enum store_status drop_unseen(struct store *s)
{
    sqlite3_stmt *st = s->stmt[OLD_FILE];

    for (;;) {
        struct file f;
        enum store_status status;
        int rc;

        sqlite3_bind_int64(st, 1, s->turn);
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW)
            f = (struct file){ .id = sqlite3_column_int64(st, 0),
                               .first = sqlite3_column_int64(st, 1),
                               .n = sqlite3_column_int64(st, 2) };
        sqlite3_reset(st);
        if (rc != SQLITE_ROW)
            return rc == SQLITE_DONE ? STORE_OK : failed(s, rc);
        status = drop_passages(s, &f);
        if (status == STORE_OK)
            status = run_with(s, DROP_FILE, &f.id, 1);
        if (status != STORE_OK)
            return status;
        s->n_files--;
    }
}

/* Fewer segments are faster to search, but not so much that an answer should wait: a few steps at a time.  A step that had
 * nothing to merge changes one row or none. */
static enum store_status merge_segments(struct store *s)
{
    enum store_status status = STORE_OK;
    int changes = 2;

    for (int i = 0; i < MERGE_STEPS && changes > 1 && status == STORE_OK && s->go_on(s->go_on_arg); i++) {
        changes = -sqlite3_total_changes(s->db);
        status = run_with(s, MERGE, (int64_t[]){ MERGE_PAGES }, 1);
        changes += sqlite3_total_changes(s->db);
    }
    return status;
}

enum store_status store_end(struct store *s, bool complete)
{
    enum store_status status = complete ? drop_unseen(s) : STORE_OK, ended;

    if (status == STORE_FAILED)
        return status;
    ended = run(s, "COMMIT");
    if (status == STORE_OK && ended == STORE_OK && complete)
        ended = merge_segments(s);
    return ended == STORE_OK ? status : ended;
}

/* --- which line ---------------------------------------------------------------------------------------------------- */

struct line_search {
    const struct query_form *form;
    const char *text;
    size_t len;
    struct {
        int token, phrase;
    } found[MAX_FOUND];
    int n_found, next; /* found[next] is the first that has not been passed */
    int token;
    /* the line that is being looked at, and the best one so far */
    size_t line_start, line_found;
    int64_t line_number;
    uint64_t line_phrases;
    unsigned line_score, best_score;
    struct located *best;
};

static void end_line(struct line_search *l, size_t end)
{
    if (l->line_score > l->best_score) {
        l->best_score = l->line_score;
        l->best->at = l->line_start;
        l->best->len = end - l->line_start;
        l->best->found = l->line_found - l->line_start;
        l->best->line = l->line_number;
    }
    l->line_score = 0;
    l->line_phrases = 0;
}

/* Goes on to the line that has byte `at`. */
static void enter_line(struct line_search *l, size_t at)
{
    const char *end;

    while ((end = memchr(l->text + l->line_start, '\n', at - l->line_start)) != NULL) {
        end_line(l, (size_t)(end - l->text));
        l->line_start = (size_t)(end - l->text) + 1;
        l->line_number++;
    }
}

/* Called by the tokenizer for each word of the body: is it one where a phrase was found to begin? */
static int look_at_word(void *arg, int flags, const char *word, int len, int start, int end)
{
    struct line_search *l = arg;

    if (flags & FTS5_TOKEN_COLOCATED)
        return SQLITE_OK;
    for (; l->next < l->n_found && l->found[l->next].token == l->token; l->next++) {
        int phrase = l->found[l->next].phrase;
        uint64_t bit = 1ULL << (phrase % 64);

        enter_line(l, (size_t)start);
        if (l->line_phrases == 0)
            l->line_found = (size_t)start;
        if (!(l->line_phrases & bit) && phrase < (int)l->form->n_phrases)
            l->line_score += l->form->weight[phrase];
        l->line_phrases |= bit;
    }
    l->token++;
    return l->next < l->n_found ? SQLITE_OK : SQLITE_DONE;
}

static int read_found(const Fts5ExtensionApi *fts, Fts5Context *row, struct line_search *l)
{
    int n, rc = fts->xInstCount(row, &n);

    for (int i = 0; i < n && rc == SQLITE_OK && l->n_found < MAX_FOUND; i++) {
        int phrase, column, token;

        rc = fts->xInst(row, i, &phrase, &column, &token);
        if (rc == SQLITE_OK && column == BODY_COLUMN) {
            l->found[l->n_found].token = token;
            l->found[l->n_found++].phrase = phrase;
        }
    }
    return rc;
}

/*
 * The auxiliary function locate(words): the line with most of the query's words, each counted once; the first of several.
 * Where all of them are in the headings that is the first line.
 */
static void locate(const Fts5ExtensionApi *fts, Fts5Context *row, sqlite3_context *context, int n,
                   sqlite3_value **values)
{
    static struct line_search l; /* too large for a small stack, and there is one thread */
    struct located *best = fts->xUserData(row);
    const char *end;
    int len, rc;

    l = (struct line_search){ .form = best->form, .best = best };
    rc = fts->xColumnText(row, BODY_COLUMN, &l.text, &len);
    if (rc == SQLITE_OK) {
        l.len = (size_t)len;
        end = memchr(l.text, '\n', l.len);
        best->at = best->found = 0;
        best->line = 0;
        best->len = end ? (size_t)(end - l.text) : l.len;
        rc = read_found(fts, row, &l);
    }
    if (rc == SQLITE_OK && l.n_found > 0) {
        rc = fts->xTokenize(row, l.text, len, &l, look_at_word);
        end = memchr(l.text + l.line_start, '\n', l.len - l.line_start);
        end_line(&l, end ? (size_t)(end - l.text) : l.len);
    }
    if (rc == SQLITE_OK || rc == SQLITE_DONE)
        sqlite3_result_null(context);
    else
        sqlite3_result_error_code(context, rc);
}

/* --- finding ------------------------------------------------------------------------------------------------------- */

/* A file may have any name; a line break in one would make two lines of an answer. */
static char *printable_path(const char *path, size_t len)
{
    char *out = malloc(3 * len + 1);
    size_t at = 0;

    for (size_t i = 0; out && i < len;) {
        size_t n = text_char(path + i, len - i);
        bool bad = n == 0 || (unsigned char)path[i] < 0x20 || path[i] == 0x7f;

        memcpy(out + at, bad ? TEXT_REPLACEMENT : path + i, bad ? 3 : n);
        at += bad ? 3 : n;
        i += n ? n : 1;
    }
    if (out)
        out[at] = '\0';
    return out;
}

static int stop_if_late(void *arg)
{
    struct store *s = arg;

    return !s->go_on(s->go_on_arg);
}

static enum store_status find_failed(struct store *s, int rc)
{
    return rc == SQLITE_INTERRUPT ? STORE_STOPPED : failed(s, rc);
}

static enum store_status find_best(struct store *s, const struct query_form *form, size_t limit, struct store_hits *out,
                                   int64_t *ids)
{
    sqlite3_stmt *st = s->stmt[BEST];
    int rc;

    sqlite3_bind_text(st, 1, form->expression, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, (int64_t)limit);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && out->n < limit) {
        ids[out->n] = sqlite3_column_int64(st, 0);
        out->hit[out->n++].score = -sqlite3_column_double(st, 1);
    }
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? STORE_OK : find_failed(s, rc);
}

static enum store_status show_hit(struct store *s, const struct query_form *form, int64_t id, struct store_hit *out)
{
    sqlite3_stmt *st = s->stmt[LOCATE];
    int rc;

    s->located.form = form;
    sqlite3_bind_text(st, 1, form->expression, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, id);
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        int cut = sqlite3_column_int(st, 2);
        const char *path = sqlite3_column_blob(st, 0), *body = (const char *)sqlite3_column_text(st, 3);
        const struct located *l = &s->located;
        struct snippet_line line = { body + l->at, l->len, l->found, cut & 1, cut & 2 };

        out->path = path && body ? printable_path(path, (size_t)sqlite3_column_bytes(st, 0)) : NULL;
        if (out->path) {
            out->line = sqlite3_column_int64(st, 1) + l->line;
            snippet_make(&line, out->text);
        }
    }
    sqlite3_reset(st);
    return rc != SQLITE_ROW ? find_failed(s, rc) : out->path ? STORE_OK : failed(s, SQLITE_NOMEM);
}

static enum store_status find_form(struct store *s, const struct query_form *form, size_t limit, struct store_hits *out)
{
    int64_t ids[STORE_MAX_HITS];
    enum store_status status = form->n_phrases > 0 ? find_best(s, form, limit, out, ids) : STORE_OK;

    for (size_t i = 0; i < out->n && status == STORE_OK; i++)
        status = show_hit(s, form, ids[i], &out->hit[i]);
    return status;
}

enum store_status store_count_words(struct store *s, const char *query, size_t len, size_t *n)
{
    struct query q;
    int rc = query_read(&q, &s->tokenizer, s->instance, query, len);

    *n = q.n_words;
    query_finish(&q);
    return rc == SQLITE_OK ? STORE_OK : failed(s, rc);
}

enum store_status store_find(struct store *s, const char *query, size_t len, size_t limit, struct store_hits *out)
{
    struct query q;
    enum store_status status = STORE_OK;
    int rc = query_read(&q, &s->tokenizer, s->instance, query, len);

    memset(out, 0, sizeof *out);
    if (rc != SQLITE_OK)
        status = failed(s, rc);
    sqlite3_progress_handler(s->db, CHECK_STEPS, stop_if_late, s);
    for (int i = 0; i < QUERY_FORMS && status == STORE_OK && out->n == 0; i++)
        status = find_form(s, &q.form[i], limit < STORE_MAX_HITS ? limit : STORE_MAX_HITS, out);
    sqlite3_progress_handler(s->db, 0, NULL, NULL);
    query_finish(&q);
    if (status != STORE_OK)
        store_hits_finish(out);
    return status;
}

void store_hits_finish(struct store_hits *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->hit[i].path);
    h->n = 0;
}
