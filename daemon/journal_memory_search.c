/*
 * A search among memories.
 *
 * The words of a query are found by FTS5's own tokenizer, so that they are what the index has, and each is quoted: no operator of its
 * language is left in them.  One pass over the rows that have any of them tells how often each stands in each; from that BM25 is counted
 * here, with numbers of the rows that may be seen alone.  FTS5's bm25() would count everybody's, and the order of one's own memories would
 * tell which words others have remembered.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal_memory_row.h"
#include "daemon/journal_ops.h"

#define MAX_WORDS  32    /* of a query; the first ones count */
#define MAX_WORD   64    /* bytes; a longer one is passed over */
#define MAX_ROWS   20000 /* that are looked at: twice what a space may hold */
#define MAX_CLAUSE 64    /* spaces that the index is asked for by number */
#define K1         1.2
#define B          0.75
#define RRF_K      60
#define BY_VECTOR  2.0 /* the weight of a place by vectors beside one by words, as tools/retrieval.h has it */

/* Words of English questions that say nothing about what is asked. */
static const char *const empty_words[] = {
    "a",   "about", "an",   "and", "any",  "are",  "as",    "at",   "be",  "by",   "can",  "did",  "do",    "does",  "for",  "from", "had", "has",
    "have", "how",  "i",    "if",  "in",   "is",   "it",    "its",  "me",  "my",   "no",   "not",  "of",    "on",    "or",   "our",  "so",  "tell",
    "than", "that", "the",  "their", "them", "then", "there", "they", "this", "to", "was",  "we",   "were",  "what",  "when", "where", "which", "who",
    "why", "will",  "with", "would", "you", "your",
};

struct memory_words {
    const fts5_api *api;
    fts5_tokenizer tokenizer;
    Fts5Tokenizer *instance;
    int first; /* the phrase of the query under way that is its first word; the ones before it are spaces */
    int n;
};

struct words {
    char at[MAX_WORDS][MAX_WORD + 1];
    int n;
    bool skip_empty;
};

struct row {
    sqlite3_int64 n;
    int64_t size;
    double score, cosine; /* cosine 0: none */
    unsigned char times[MAX_WORDS];
};

struct rows {
    struct row *at;
    size_t n, cap;
};

/* --- words -------------------------------------------------------------------------------------------------------- */

static bool is_empty(const char *word)
{
    for (size_t i = 0; i < sizeof(empty_words) / sizeof(*empty_words); i++)
        if (strcmp(empty_words[i], word) == 0)
            return true;
    return false;
}

/* Called by the tokenizer, with a word that has letters and digits alone. */
static int take_word(void *arg, int flags, const char *word, int len, int start, int end)
{
    struct words *w = arg;
    char copy[MAX_WORD + 1];

    if ((flags & FTS5_TOKEN_COLOCATED) || len <= 0 || len > MAX_WORD || memchr(word, '"', (size_t)len) || memchr(word, 0, (size_t)len))
        return SQLITE_OK;
    snprintf(copy, sizeof(copy), "%.*s", len, word);
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->at[i], copy) == 0)
            return SQLITE_OK;
    if (w->skip_empty && is_empty(copy))
        return SQLITE_OK;
    memcpy(w->at[w->n++], copy, sizeof(copy));
    return w->n == MAX_WORDS ? SQLITE_DONE : SQLITE_OK;
}

/* Where there are only empty words they count, but in what is told unasked. */
static int read_words(struct memory_words *tools, struct words *w, const struct memory_query *q)
{
    int rc = SQLITE_OK;

    w->skip_empty = true;
    for (w->n = 0; w->n == 0 && rc == SQLITE_OK; w->skip_empty = false) {
        rc = tools->tokenizer.xTokenize(tools->instance, w, FTS5_TOKENIZE_QUERY, q->words, (int)strlen(q->words), take_word);
        if (!w->skip_empty || q->relevant)
            break;
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* --- FTS5 --------------------------------------------------------------------------------------------------------- */

/* memory_words(memories_fts): a byte a word, how often it stands in the row. */
static void count_words(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *ctx, int n_args, sqlite3_value **args)
{
    const struct memory_words *w = api->xUserData(fts);
    unsigned char times[MAX_WORDS] = { 0 };
    int n = 0, rc = api->xInstCount(fts, &n);

    for (int i = 0; rc == SQLITE_OK && i < n; i++) {
        int phrase, column, offset;

        rc = api->xInst(fts, i, &phrase, &column, &offset);
        if (rc == SQLITE_OK && phrase >= w->first && phrase < w->first + w->n && times[phrase - w->first] < 255)
            times[phrase - w->first]++;
    }
    if (rc == SQLITE_OK)
        sqlite3_result_blob(ctx, times, w->n, SQLITE_TRANSIENT);
    else
        sqlite3_result_error_code(ctx, rc);
}

static const fts5_api *find_api(sqlite3 *db)
{
    fts5_api *api = NULL;
    sqlite3_stmt *s;

    if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &s, NULL) == SQLITE_OK) {
        sqlite3_bind_pointer(s, 1, &api, "fts5_api_ptr", NULL);
        sqlite3_step(s);
    }
    sqlite3_finalize(s);
    return api;
}

static struct memory_words *need_words(struct journal_db *j, struct err *err)
{
    const char *args[] = { "remove_diacritics", "2" };
    struct memory_words *w = j->words;
    void *data = NULL;

    if (w)
        return w;
    if ((w = calloc(1, sizeof(*w))) == NULL) {
        fail(err, CORAX_E_INTERNAL, "journal: no memory");
        return NULL;
    }
    w->api = find_api(j->db);
    /* Without stems: FTS5 makes them of the quoted words, and a stem of a stem is another word. */
    if (w->api == NULL || w->api->xFindTokenizer((fts5_api *)w->api, "unicode61", &data, &w->tokenizer) != SQLITE_OK ||
        w->tokenizer.xCreate(data, args, 2, &w->instance) != SQLITE_OK ||
        w->api->xCreateFunction((fts5_api *)w->api, "memory_words", w, count_words, NULL) != SQLITE_OK) {
        if (w->instance)
            w->tokenizer.xDelete(w->instance);
        free(w);
        fail(err, CORAX_E_INTERNAL, "journal: SQLite has no FTS5 that can be used");
        return NULL;
    }
    return j->words = w;
}

void journal_drop_words(struct journal_db *j)
{
    if (j->words)
        j->words->tokenizer.xDelete(j->words->instance);
    free(j->words);
    j->words = NULL;
}

/* --- the query ---------------------------------------------------------------------------------------------------- */

void journal_bind_query(sqlite3_stmt *s, const struct memory_query *q)
{
    sqlite3_bind_int64(s, 1, q->uid);
    journal_bind_text(s, 2, q->space);
    sqlite3_bind_int64(s, 3, (sqlite3_int64)q->kinds);
    journal_bind_text(s, 4, q->tag);
}

/* The spaces by number, where they are few: {space : "3" OR "4"}.  1; 0: there are none, so nothing is to be found; -1: error. */
static int add_spaces(struct journal_db *j, const struct memory_query *q, struct buf *out, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_SPACES, err);
    int rc, n = 0;

    if (s == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, q->uid);
    journal_bind_text(s, 2, q->space);
    sqlite3_bind_int(s, 3, MAX_CLAUSE + 1);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW)
        buf_addf(out, "%s\"%lld\"", n++ ? " OR " : "space : (", (long long)sqlite3_column_int64(s, 0));
    sqlite3_reset(s);
    if (rc != SQLITE_DONE)
        return journal_fail(j->db, "search memories", err);
    j->words->first = n > MAX_CLAUSE ? 0 : n;
    if (n > MAX_CLAUSE)
        buf_reset(out);
    else
        buf_adds(out, ") AND ");
    return n > 0;
}

static int add_row(struct rows *rows, sqlite3_stmt *s, int n_words, struct err *err)
{
    const void *times = sqlite3_column_blob(s, 2);
    struct row *r;

    if (rows->n == rows->cap) {
        size_t cap = rows->cap ? 2 * rows->cap : 64;
        void *grown = realloc(rows->at, cap * sizeof(*rows->at));

        if (grown == NULL)
            return fail(err, CORAX_E_INTERNAL, "journal: no memory");
        rows->at = grown;
        rows->cap = cap;
    }
    r = &rows->at[rows->n++];
    memset(r, 0, sizeof(*r));
    r->n = sqlite3_column_int64(s, 0);
    r->size = sqlite3_column_int64(s, 1);
    if (times && sqlite3_column_bytes(s, 2) == n_words)
        memcpy(r->times, times, (size_t)n_words);
    return 0;
}

static int find_rows(struct journal_db *j, const struct memory_query *q, const struct words *words, struct rows *rows, struct err *err)
{
    sqlite3_stmt *s;
    struct buf text;
    int rc;

    buf_init(&text, 64u << 10);
    if ((rc = add_spaces(j, q, &text, err)) <= 0)
        goto out;
    rc = -1;
    j->words->n = words->n;
    buf_adds(&text, "{label text tags} : (");
    for (int i = 0; i < words->n; i++)
        buf_addf(&text, "%s\"%s\"", i ? " OR " : "", words->at[i]);
    buf_adds(&text, ")");
    if ((s = journal_stmt(j, SQL_MEMORY_MATCH, err)) == NULL)
        goto out;
    journal_bind_query(s, q);
    journal_bind_text(s, 5, text.data);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW && rows->n < MAX_ROWS)
        if (add_row(rows, s, words->n, err) < 0)
            break;
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        journal_fail(j->db, "search memories", err);
    sqlite3_reset(s);
    rc = rc == SQLITE_DONE || rows->n == MAX_ROWS ? 0 : -1;
out:
    buf_finish(&text);
    return rc;
}

static int stats(struct journal_db *j, const struct memory_query *q, double *n, double *size, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, q->uid < 0 ? SQL_MEMORY_STATS_ALL : SQL_MEMORY_STATS, err);
    int rc;

    if (s == NULL)
        return -1;
    sqlite3_bind_int64(s, 1, q->uid);
    journal_bind_text(s, 2, q->space);
    sqlite3_bind_int64(s, 3, (sqlite3_int64)q->kinds);
    rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        *n = sqlite3_column_double(s, 0);
        *size = sqlite3_column_double(s, 1);
    } else {
        journal_fail(j->db, "count memories", err);
    }
    sqlite3_reset(s);
    return rc == SQLITE_ROW ? 0 : -1;
}

/* --- the order ---------------------------------------------------------------------------------------------------- */

/* BM25 of all rows.  The length of a memory is its bytes: only its ratio to the others' counts. */
static void score(struct rows *rows, int n_words, double n, double size)
{
    const double mean = n > 0 && size > 0 ? size / n : 1;
    double idf[MAX_WORDS] = { 0 };

    for (int i = 0; i < n_words; i++) {
        double having = 0;

        for (size_t k = 0; k < rows->n; k++)
            having += rows->at[k].times[i] > 0;
        idf[i] = log1p((n - having + 0.5) / (having + 0.5));
    }
    for (size_t k = 0; k < rows->n; k++) {
        struct row *r = &rows->at[k];
        const double norm = K1 * (1 - B + B * (double)r->size / mean);

        for (int i = 0; i < n_words; i++)
            r->score += idf[i] * r->times[i] * (K1 + 1) / (r->times[i] + norm);
    }
}

static bool is_relevant(const struct row *r, int n_words)
{
    int having = 0;

    for (int i = 0; i < n_words; i++)
        having += r->times[i] > 0;
    return having >= 2 || 5 * having >= n_words;
}

/* Best first; of equals the newest. */
static int by_score(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->n > y->n ? -1 : x->n < y->n;
}

static int by_number(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    return x->n < y->n ? -1 : x->n > y->n;
}

/* --- vectors ------------------------------------------------------------------------------------------------------ */

static double cosine(const float *a, const float *b, int n)
{
    double ab = 0, aa = 0, bb = 0;

    for (int i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* All rows whose vector is of this model and near enough, their cosines as scores. */
static int find_near(struct journal_db *j, const struct memory_query *q, struct rows *rows, struct err *err)
{
    sqlite3_stmt *s = journal_stmt(j, SQL_MEMORY_VECTORS, err);
    int rc, result = 0;

    if (s == NULL)
        return -1;
    journal_bind_query(s, q);
    journal_bind_text(s, 5, q->model);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW && rows->n < MAX_ROWS && result == 0) {
        float vector[MEMORY_MAX_VECTOR];
        const void *blob = sqlite3_column_blob(s, 1);
        double near;

        if (blob == NULL || sqlite3_column_bytes(s, 1) != q->n_vector * (int)sizeof(float))
            continue;
        memcpy(vector, blob, (size_t)q->n_vector * sizeof(float)); /* a blob may lie anywhere */
        near = cosine(vector, q->vector, q->n_vector);
        if (near < q->min_cosine)
            continue;
        result = add_row(rows, s, 0, err);
        if (result == 0)
            rows->at[rows->n - 1].score = rows->at[rows->n - 1].cosine = near;
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        result = journal_fail(j->db, "compare memories", err);
    sqlite3_reset(s);
    return result;
}

/* Reciprocal rank fusion: what stands high in either order stands high.  Both are sorted by score; the sum is left in `rows`. */
static int fuse(struct rows *rows, struct rows *near, struct err *err)
{
    struct row *both;
    size_t n = rows->n + near->n, kept = 0;

    if (n == 0)
        return 0;
    if ((both = calloc(n, sizeof(*both))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "journal: no memory");
    for (size_t i = 0; i < n; i++) {
        const size_t rank = i < rows->n ? i : i - rows->n;

        both[i].n = i < rows->n ? rows->at[rank].n : near->at[rank].n;
        both[i].score = (i < rows->n ? 1.0 : BY_VECTOR) / (double)(RRF_K + 1 + rank);
        both[i].cosine = i < rows->n ? 0 : near->at[rank].cosine;
    }
    qsort(both, n, sizeof(*both), by_number);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && both[kept - 1].n == both[i].n) {
            both[kept - 1].score += both[i].score;
            both[kept - 1].cosine += both[i].cosine;
        } else {
            both[kept++] = both[i];
        }
    }
    free(rows->at);
    rows->at = both;
    rows->n = rows->cap = kept;
    return 0;
}

static int add_near(struct journal_db *j, const struct memory_query *q, struct rows *rows, struct err *err)
{
    struct rows near = { 0 };
    int rc = find_near(j, q, &near, err);

    if (rc == 0) {
        if (near.n > 0)
            qsort(near.at, near.n, sizeof(*near.at), by_score);
        rc = fuse(rows, &near, err);
    }
    free(near.at);
    return rc;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static int take_rows(struct journal_db *j, struct journal_memories *l, const struct rows *rows, struct err *err)
{
    for (size_t i = 0; i < rows->n; i++) {
        sqlite3_stmt *s;
        struct memory m;
        int rc = -1;

        if ((int)l->n == l->query.limit) {
            l->more = true;
            break;
        }
        if ((s = journal_stmt(j, SQL_MEMORY_ROW, err)) == NULL)
            return -1;
        sqlite3_bind_int64(s, 1, rows->at[i].n);
        if (sqlite3_step(s) == SQLITE_ROW) {
            rc = journal_read_memory(s, &m, err);
            m.score = rows->at[i].score;
            m.cosine = rows->at[i].cosine;
        } else {
            journal_fail(j->db, "read a memory", err);
        }
        sqlite3_reset(s);
        if (rc < 0 || journal_memories_add(l, &m, err) < 0)
            return -1;
    }
    return 0;
}

int journal_search(struct journal_db *j, struct journal_memories *l, struct err *err)
{
    const struct memory_query *q = &l->query;
    struct rows rows = { 0 };
    struct words words;
    double n = 0, size = 0;
    int rc = -1;

    if (need_words(j, err) == NULL)
        return -1;
    if (read_words(j->words, &words, q) != SQLITE_OK)
        return fail(err, CORAX_E_INTERNAL, "journal: no memory");
    if (words.n > 0 && (find_rows(j, q, &words, &rows, err) < 0 || stats(j, q, &n, &size, err) < 0))
        goto out;
    score(&rows, words.n, n, size);
    for (size_t i = rows.n; q->relevant && i-- > 0;)
        if (!is_relevant(&rows.at[i], words.n))
            rows.at[i] = rows.at[--rows.n];
    if (rows.n > 0)
        qsort(rows.at, rows.n, sizeof(*rows.at), by_score);
    if (q->vector && q->n_vector > 0 && q->n_vector <= MEMORY_MAX_VECTOR) {
        if (add_near(j, q, &rows, err) < 0)
            goto out;
        if (rows.n > 0)
            qsort(rows.at, rows.n, sizeof(*rows.at), by_score);
    }
    rc = take_rows(j, l, &rows, err);
out:
    free(rows.at);
    return rc;
}
