/*
 * search.c - finds lines in the text files of the folders that the operator named.
 *
 * passage.c cuts a text into pieces, store.c keeps and finds them, refresh.c and folder.c bring in what the folders hold; here
 * they become one tool.  The index is made at the first call, not at the start: a host starts for every pool and may never
 * be asked.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include <corax/plugin.h>

#include "refresh.h"
#include "store.h"
#include "text.h"

#define MAX_ROOTS       64
#define MAX_QUERY       1000 /* characters: a question, not a document */
#define SHOWN           100  /* characters of a query that an error repeats */
#define DEFAULT_LIMIT   3
#define ANSWER_SHARE_MS 2000 /* kept of a call's time for finding, or a quarter where that is less */
#define NOTE_FILES      256  /* files between two notes for the trace */

static struct {
    struct store *store;
    int64_t walked_ms; /* when the last complete walk ended; 0: never */
    /* of the call in progress */
    const struct corax_host *host;
    struct corax_call *call;
    int64_t reserve_ms;
    size_t n_noted;
} state;

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

__attribute__((format(printf, 2, 3))) static int refuse(int status, const char *fmt, ...)
{
    char text[CORAX_FAIL_MAX];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    state.host->fail(state.call, status, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
    return status;
}

/* Asked by the index; while reading, the time for finding is kept back. */
static bool has_time(void *arg)
{
    return state.host->remaining_ms(state.call) > state.reserve_ms;
}

static int drop_store(void)
{
    char why[200];

    snprintf(why, sizeof why, "%s", state.store ? store_error(state.store) : "");
    store_destroy(state.store);
    state.store = NULL;
    state.walked_ms = 0;
    return refuse(CORAX_E_LIMIT, "the index cannot be kept: %s", why[0] ? why : "out of memory");
}

static size_t read_roots(struct refresh_root *out)
{
    size_t n = 0;

    while (n < MAX_ROOTS && state.host->root(n, &out[n].name, &out[n].path) == CORAX_OK)
        n++;
    return n;
}

/* --- before finding ------------------------------------------------------------------------------------------------ */

static bool note_and_go_on(void *arg)
{
    size_t n = store_n_files(state.store);

    if (n >= state.n_noted + NOTE_FILES) {
        char text[64];

        state.n_noted = n;
        state.host->progress(state.call, -1, text, (size_t)snprintf(text, sizeof text, "%zu files read", n));
    }
    return has_time(NULL);
}

static int bring_up_to_date(const struct refresh_root *roots, size_t n_roots)
{
    int64_t left = state.host->remaining_ms(state.call);

    if (state.walked_ms != 0 && now_ms() - state.walked_ms < REFRESH_MIN_MS)
        return CORAX_OK;
    state.n_noted = store_n_files(state.store);
    state.reserve_ms = left / 4 < ANSWER_SHARE_MS ? left / 4 : ANSWER_SHARE_MS;
    switch (refresh(state.store, roots, n_roots, note_and_go_on, NULL)) {
    case STORE_OK:
        state.walked_ms = now_ms();
        return CORAX_OK;
    case STORE_STOPPED:
        state.walked_ms = 0;
        return refuse(CORAX_E_TIMEOUT, "the files are still being read (%zu so far): search again",
                      store_n_files(state.store));
    default:
        return drop_store();
    }
}

static int nothing_there(const struct refresh_root *roots, size_t n_roots)
{
    char names[512] = "";
    size_t at = 0;

    for (size_t i = 0; i < n_roots && at < sizeof names; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? ", " : "", roots[i].name);
    return refuse(CORAX_E_NOTFOUND, "there is nothing to search: no .txt, .md, .markdown, .rst or .org file in %s",
                  names);
}

static int check_query(const char *query, size_t len)
{
    size_t n = text_count(query, len);

    if (n > MAX_QUERY)
        return refuse(CORAX_E_ARGS, "the query has %zu characters, at most %d are allowed", n, MAX_QUERY);
    if (state.store == NULL)
        state.store = store_create(has_time, NULL);
    if (state.store == NULL)
        return drop_store();
    if (store_count_words(state.store, query, len, &n) != STORE_OK)
        return drop_store();
    if (n == 0)
        return refuse(CORAX_E_ARGS, "the query has no word to look for");
    if (n > STORE_MAX_WORDS)
        return refuse(CORAX_E_ARGS, "the query has %zu words, at most %d are allowed", n, STORE_MAX_WORDS);
    return CORAX_OK;
}

/* --- the answer ---------------------------------------------------------------------------------------------------- */

static void put_json_string(sqlite3_str *out, const char *text)
{
    sqlite3_str_appendchar(out, 1, '"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            sqlite3_str_appendf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            sqlite3_str_appendf(out, "\\u%04x", *text);
        else
            sqlite3_str_appendchar(out, 1, *text);
    sqlite3_str_appendchar(out, 1, '"');
}

static void put_hits(const struct store_hits *hits, sqlite3_str *text, sqlite3_str *json)
{
    sqlite3_str_appendall(json, "{\"hits\":[");
    for (size_t i = 0; i < hits->n; i++) {
        const struct store_hit *h = &hits->hit[i];

        sqlite3_str_appendf(text, "%s%s:%lld: %s", i > 0 ? "\n" : "", h->path, (long long)h->line, h->text);
        sqlite3_str_appendall(json, i > 0 ? ",{\"path\":" : "{\"path\":");
        put_json_string(json, h->path);
        sqlite3_str_appendf(json, ",\"line\":%lld,\"text\":", (long long)h->line);
        put_json_string(json, h->text);
        sqlite3_str_appendf(json, ",\"score\":%.4f}", h->score);
    }
    sqlite3_str_appendall(json, "]}");
}

static int answer(const struct store_hits *hits)
{
    sqlite3_str *text = sqlite3_str_new(NULL), *json = sqlite3_str_new(NULL);
    int rc = CORAX_E_LIMIT;

    put_hits(hits, text, json);
    if (sqlite3_str_errcode(text) != SQLITE_OK || sqlite3_str_errcode(json) != SQLITE_OK)
        refuse(CORAX_E_LIMIT, "out of memory");
    else
        rc = state.host->result(state.call, "text/plain", sqlite3_str_value(text), (size_t)sqlite3_str_length(text));
    if (rc == CORAX_OK)
        rc = state.host->result(state.call, "application/json", sqlite3_str_value(json),
                                (size_t)sqlite3_str_length(json));
    sqlite3_free(sqlite3_str_finish(text));
    sqlite3_free(sqlite3_str_finish(json));
    return rc;
}

static int nothing_found(const char *query, size_t len)
{
    size_t shown = 0, n = 0;

    while (shown < len && n < SHOWN) {
        size_t c = text_char(query + shown, len - shown);

        shown += c ? c : 1;
        n++;
    }
    return refuse(CORAX_E_NOTFOUND, "nothing found for \"%.*s%s\": try fewer or other words", (int)shown, query,
                  shown < len ? TEXT_ELLIPSIS : "");
}

static int find(const char *query, size_t len, size_t limit)
{
    struct store_hits hits;
    int rc;

    state.reserve_ms = 0;
    switch (store_find(state.store, query, len, limit, &hits)) {
    case STORE_OK:
        rc = hits.n > 0 ? answer(&hits) : nothing_found(query, len);
        store_hits_finish(&hits);
        return rc;
    case STORE_STOPPED:
        return refuse(CORAX_E_TIMEOUT, "there was no time to look for all of that: try fewer words");
    default:
        return drop_store();
    }
}

/* 1 to 20, as args_schema has it; an integer may be written 3.0 or 2e1. */
static size_t read_limit(void)
{
    const char *text;
    char copy[32];
    size_t len;
    double v;

    if (state.host->arg(state.call, "/limit", &text, &len) != CORAX_OK)
        return DEFAULT_LIMIT;
    snprintf(copy, sizeof copy, "%.*s", (int)(len < sizeof copy ? len : sizeof copy - 1), text);
    v = strtod(copy, NULL);
    return v >= 1 && v <= STORE_MAX_HITS ? (size_t)v : DEFAULT_LIMIT;
}

static int search_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t args_len)
{
    struct refresh_root roots[MAX_ROOTS];
    const char *query;
    size_t len, n_roots;
    int rc;

    (void)args;
    (void)args_len;
    state.host = h;
    state.call = c;
    if (!CORAX_HAS(h, root))
        return refuse(CORAX_E_UNAVAIL,
                      "unavailable: this host cannot name folders; it must be of interface 1.1 or later");
    if (h->arg(c, "/query", &query, &len) != CORAX_OK)
        return refuse(CORAX_E_ARGS, "query is missing: give the words to look for");
    n_roots = read_roots(roots);
    if (n_roots == 0)
        return refuse(CORAX_E_NOTFOUND, "there is nothing to search: corax.conf names no roots");
    rc = check_query(query, len);
    if (rc == CORAX_OK)
        rc = bring_up_to_date(roots, n_roots);
    if (rc == CORAX_OK && store_n_files(state.store) == 0)
        return nothing_there(roots, n_roots);
    return rc == CORAX_OK ? find(query, len, read_limit()) : rc;
}

static void fini(void)
{
    store_destroy(state.store);
    state.store = NULL;
}

static const struct corax_tool search_tool = {
    .size = sizeof search_tool,
    .effects = CORAX_FX_READ,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "search",
    .summary = "Search the user's text and Markdown files for words; gives the best lines with file and line number.",
    .args_schema = "{\"type\":\"object\",\"properties\":{"
                   "\"query\":{\"type\":\"string\",\"description\":\"words to look for, for example aspirin reflux\"},"
                   "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":20,"
                   "\"description\":\"how many lines at most, 3 unless given\"}},"
                   "\"required\":[\"query\"],\"additionalProperties\":false}",
    .result_schema = "{\"type\":\"object\",\"properties\":{\"hits\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
                     "\"properties\":{\"path\":{\"type\":\"string\"},\"line\":{\"type\":\"integer\",\"minimum\":1},"
                     "\"text\":{\"type\":\"string\"},\"score\":{\"type\":\"number\"}},"
                     "\"required\":[\"path\",\"line\",\"text\",\"score\"],\"additionalProperties\":false}}},"
                     "\"required\":[\"hits\"],\"additionalProperties\":false}",
    .call = search_call,
};

static const struct corax_tool *const tools[] = { &search_tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "search", .version = "1", .license = "Apache-2.0", .tools = tools, .fini = fini,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
