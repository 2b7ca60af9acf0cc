#include "daemon/vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "daemon/link.h"
#include "util/arena.h"
#include "util/base64.h"
#include "util/clock.h"
#include "util/id.h"
#include "util/log.h"
#include "util/utf8.h"

#define QUERY_BYTES     2048 /* of a query that are read; its beginning says what it is about */
#define MAX_SENT        16   /* asks that the process has at the same time */
#define MAX_LOST        2    /* ends of the process that one ask may see */
#define HOPELESS        3    /* ends in a row after which asks fail at once */
#define SLOW_MS         10000 /* after a query has timed out the others do without for so long */
#define CANCEL_GRACE_MS 10000 /* a request that is not given up by then ends the process */
#define ANSWER_ARENA    (2u << 20)
#define FORMAT          1 /* of what a key stands for */

struct vector_ask {
    TAILQ_ENTRY(vector_ask) link;
    struct vectors *v;
    vectors_done_fn *done;
    void *arg;
    bool query;
    bool dropped; /* nobody waits for it any more: the process is to give it up */
    int64_t id;   /* of the request under way; 0: not sent */
    int n_lost;
    size_t n;
    struct buf params; /* members of params, kept for the second try */
    struct event *late;
    struct err err; /* set: fails from the loop */
};
TAILQ_HEAD(asks, vector_ask);

struct vectors {
    struct event_base *base;
    const struct config *config;
    struct link *link; /* NULL: none is configured, or it has ended for good */
    bool stopped, ready;
    void (*on_ready)(void *arg);
    void *arg;
    int64_t next_id, slow_until_ms;
    size_t n_sent;
    char name[80], pooling[16], key[VECTORS_KEY_SIZE];
    size_t dim;
    char none[160];    /* why the model gives no vectors; "": it does */
    struct asks asks;
    struct event *fails, *grace;
};

/* --- asks --------------------------------------------------------------------------------------------------------- */

static void send_waiting(struct vectors *v);

static void ask_destroy(struct vector_ask *a)
{
    struct vectors *v = a->v;

    TAILQ_REMOVE(&v->asks, a, link);
    v->n_sent -= a->id != 0;
    if (a->late)
        event_free(a->late);
    buf_finish(&a->params);
    free(a);
}

/* It is over: its owner is told, if there is still one. */
static void ask_end(struct vector_ask *a, const struct vector_answer *answer, const struct err *err)
{
    vectors_done_fn *done = a->dropped ? NULL : a->done;
    void *arg = a->arg;
    struct err copy = { 0 };

    if (err)
        copy = *err;
    ask_destroy(a);
    if (done)
        done(arg, answer, err ? &copy : NULL);
}

static void ask_fails(struct vector_ask *a)
{
    event_active(a->v->fails, EV_TIMEOUT, 0);
}

static void ask_send(struct vector_ask *a)
{
    struct vectors *v = a->v;
    struct buf line;

    a->id = v->next_id++;
    v->n_sent++;
    buf_init(&line, RPC_MAX_LINE);
    buf_addf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"embed\",\"params\":", (long long)a->id);
    buf_add(&line, a->params.data, a->params.len);
    buf_adds(&line, "}\n");
    if (line.failed) {
        fail(&a->err, CORAX_E_LIMIT, "the texts are too long to be sent to the model of embeddings");
        ask_fails(a);
    } else if (!link_send(v->link, &line)) {
        link_kill(v->link, false, "it does not read what it is sent");
    }
    buf_finish(&line);
}

/* Queries first. */
static struct vector_ask *find_waiting(struct vectors *v)
{
    struct vector_ask *a, *found = NULL;

    TAILQ_FOREACH(a, &v->asks, link)
    {
        if (a->id != 0 || a->dropped || a->err.status != 0)
            continue;
        if (a->query)
            return a;
        found = found ? found : a;
    }
    return found;
}

static void send_waiting(struct vectors *v)
{
    struct vector_ask *a;

    while (v->ready && v->n_sent < MAX_SENT && (a = find_waiting(v)) != NULL)
        ask_send(a);
}

static void on_fails(evutil_socket_t fd, short what, void *arg)
{
    struct vectors *v = arg;
    struct vector_ask *a;

again:
    TAILQ_FOREACH(a, &v->asks, link)
    {
        if (a->err.status != 0) {
            ask_end(a, NULL, &a->err);
            goto again; /* done() may have changed the list */
        }
    }
    send_waiting(v);
}

static void on_grace(evutil_socket_t fd, short what, void *arg)
{
    struct vectors *v = arg;
    struct vector_ask *a;

    TAILQ_FOREACH(a, &v->asks, link)
    {
        if (a->dropped && a->id) {
            link_kill(v->link, false, "it does not give up a cancelled request");
            return;
        }
    }
}

void vectors_cancel(struct vector_ask *a)
{
    struct vectors *v = a->v;
    const struct timeval grace = { .tv_sec = CANCEL_GRACE_MS / 1000 };
    struct buf line;
    struct jsonw w;

    a->dropped = true;
    if (a->late)
        event_del(a->late);
    if (a->id == 0) {
        ask_destroy(a);
        return;
    }
    buf_init(&line, RPC_MAX_LINE);
    w = rpc_notification_start(&line, "cancel");
    jsonw_int(&w, "id", a->id);
    rpc_end(&w);
    link_send(v->link, &line);
    buf_finish(&line);
    evtimer_add(v->grace, &grace);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct vector_ask *a = arg;
    struct vectors *v = a->v;
    vectors_done_fn *done = a->done;
    void *owner = a->arg;
    struct err err = { 0 };

    if (v->ready)
        v->slow_until_ms = clock_mono_ms() + SLOW_MS;
    fail(&err, CORAX_E_TIMEOUT, v->ready ? "the model of embeddings did not answer within %d ms" : "the model of embeddings was not there within %d ms",
         v->config->embedding.timeout_ms);
    vectors_cancel(a);
    done(owner, NULL, &err);
}

static struct vector_ask *ask(struct vectors *v, const char *const *texts, const size_t *lens, size_t n, bool query, vectors_done_fn *done, void *arg)
{
    struct vector_ask *a = vectors_are_on(v) ? calloc(1, sizeof(*a)) : NULL;
    const char *prefix;
    struct buf text;
    struct jsonw w;

    if (a == NULL)
        return NULL;
    prefix = query ? v->config->embedding.query_prefix : v->config->embedding.text_prefix;
    *a = (struct vector_ask){ .v = v, .done = done, .arg = arg, .query = query, .n = n };
    buf_init(&a->params, RPC_MAX_LINE);
    buf_init(&text, RPC_MAX_LINE);
    w = jsonw_start(&a->params);
    jsonw_object(&w, NULL);
    jsonw_bool(&w, "background", !query);
    jsonw_array(&w, "texts");
    for (size_t i = 0; i < n; i++) {
        buf_reset(&text);
        buf_adds(&text, prefix ? prefix : "");
        buf_add(&text, texts[i], lens[i]);
        jsonw_string(&w, NULL, text.data, text.len);
    }
    jsonw_end(&w);
    jsonw_end(&w);
    a->params.failed |= text.failed;
    buf_finish(&text);
    TAILQ_INSERT_TAIL(&v->asks, a, link);
    return a;
}

struct vector_ask *vectors_ask_query(struct vectors *v, const char *text, size_t len, vectors_done_fn *done, void *arg)
{
    const int ms = v->config->embedding.timeout_ms;
    const struct timeval late = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
    struct vector_ask *a;

    len = len > QUERY_BYTES ? utf8_floor(text, QUERY_BYTES) : len;
    a = ask(v, &text, &len, 1, true, done, arg);
    if (a == NULL)
        return NULL;
    a->late = evtimer_new(v->base, on_late, a);
    if (v->none[0])
        fail(&a->err, CORAX_E_UNAVAIL, "the model of embeddings gives none: %s", v->none);
    else if (!v->ready && link_failures(v->link) >= HOPELESS)
        fail(&a->err, CORAX_E_UNAVAIL, "the model of embeddings %.180s", link_last_error(v->link));
    else if (clock_mono_ms() < v->slow_until_ms)
        fail(&a->err, CORAX_E_TIMEOUT, "the model of embeddings is too slow just now");
    else if (a->params.failed || a->late == NULL)
        fail(&a->err, CORAX_E_LIMIT, "no memory for a vector");
    if (a->err.status != 0) {
        ask_fails(a);
        return a;
    }
    evtimer_add(a->late, &late);
    send_waiting(v);
    return a;
}

struct vector_ask *vectors_ask_texts(struct vectors *v, const char *const *texts, size_t n, vectors_done_fn *done, void *arg)
{
    size_t lens[VECTORS_MAX_TEXTS];
    struct vector_ask *a;

    for (size_t i = 0; i < n; i++) {
        lens[i] = strlen(texts[i]);
        lens[i] = lens[i] > VECTORS_TEXT_BYTES ? utf8_floor(texts[i], VECTORS_TEXT_BYTES) : lens[i];
    }
    a = ask(v, texts, lens, n, false, done, arg);
    if (a == NULL)
        return NULL;
    if (v->none[0])
        fail(&a->err, CORAX_E_UNAVAIL, "the model of embeddings gives none: %s", v->none);
    else if (a->params.failed)
        fail(&a->err, CORAX_E_LIMIT, "the texts are too long for one request");
    if (a->err.status != 0)
        ask_fails(a);
    else
        send_waiting(v);
    return a;
}

/* --- what the process says ---------------------------------------------------------------------------------------- */

static void on_up(void *arg)
{
    struct vectors *v = arg;
    struct buf line;
    struct jsonw w;

    buf_init(&line, RPC_MAX_LINE);
    w = rpc_request_start(&line, 0, "info");
    rpc_end(&w);
    link_send(v->link, &line);
    buf_finish(&line);
}

static void make_key(struct vectors *v, const char *sha256)
{
    const char *prefix = v->config->embedding.text_prefix;
    unsigned char hash[HASH_LEN];
    char hex[2 * HASH_LEN + 1];
    struct buf text;

    buf_init(&text, 2u << 20);
    buf_addf(&text, "%d\n%.64s\n%zu\n%s\n%s", FORMAT, sha256, v->dim, v->pooling, prefix ? prefix : "");
    hash_bytes(text.data, text.len, hash);
    hash_format(hash, hex);
    snprintf(v->key, sizeof(v->key), "%.32s", hex);
    buf_finish(&text);
}

static int read_info(struct vectors *v, const struct json *result, struct err *err)
{
    const struct json *model = json_get(result, "model"), *embedding = json_get(result, "embedding");
    const bool fits = json_kind(embedding) == JSON_OBJECT;
    int64_t dim = 0;
    struct vector_ask *a;

    if (json_get_text(model, "name", NULL) == NULL)
        return fail(err, CORAX_E_ARGS, "info without model.name");
    snprintf(v->name, sizeof(v->name), "%s", json_get_text(model, "name", ""));
    if (fits && json_int(json_get(embedding, "dimensions"), "embedding.dimensions", &dim, err) < 0)
        return -1;
    if (fits && (dim < 1 || dim > VECTORS_MAX_DIM))
        return fail(err, CORAX_E_ARGS, "vectors of %lld dimensions: 1 to %d can be", (long long)dim, VECTORS_MAX_DIM);
    link_works(v->link);
    if (!fits) {
        snprintf(v->none, sizeof(v->none), "%.100s is made for something else", v->name);
        log_error("embedding: %s: searching goes on by words alone", v->none);
        TAILQ_FOREACH(a, &v->asks, link)
        fail(&a->err, CORAX_E_UNAVAIL, "the model of embeddings gives none: %s", v->none);
        event_active(v->fails, EV_TIMEOUT, 0);
        return 0;
    }
    v->none[0] = '\0';
    v->dim = (size_t)dim;
    snprintf(v->pooling, sizeof(v->pooling), "%s", json_get_text(embedding, "pooling", ""));
    make_key(v, json_get_text(model, "sha256", ""));
    v->ready = true;
    v->slow_until_ms = 0;
    log_info("embedding: %s is ready, %zu dimensions", v->name, v->dim);
    send_waiting(v);
    if (v->ready && v->on_ready)
        v->on_ready(v->arg);
    return 0;
}

static struct vector_ask *find_ask(struct vectors *v, int64_t id)
{
    struct vector_ask *a;

    TAILQ_FOREACH(a, &v->asks, link)
    if (id > 0 && a->id == id)
        return a;
    return NULL;
}

/* One vector into out [dim], of length 1. */
static int read_vector(const struct vectors *v, const char *text, struct arena *arena, float *out, struct err *err)
{
    const char *bytes;
    double square = 0;
    size_t len;

    if (text == NULL || (bytes = base64_read(arena, text, &len)) == NULL)
        return fail(err, CORAX_E_ARGS, "a vector that is no base64");
    if (len != v->dim * sizeof(float))
        return fail(err, CORAX_E_ARGS, "a vector of %zu bytes, where %zu dimensions take %zu", len, v->dim, v->dim * sizeof(float));
    memcpy(out, bytes, len); /* of this machine's byte order, as the process is */
    for (size_t i = 0; i < v->dim; i++)
        square += (double)out[i] * (double)out[i];
    if (!(square > 0) || !isfinite(square))
        return fail(err, CORAX_E_ARGS, "a vector with numbers that are none, or without a length");
    for (size_t i = 0; i < v->dim; i++)
        out[i] = (float)((double)out[i] / sqrt(square));
    return 0;
}

static int take_answer(struct vectors *v, struct vector_ask *a, const struct json *result, struct err *err)
{
    const struct json *list = json_get(result, "vectors");
    struct arena *arena;
    struct vector_answer answer = { .n = a->n, .dim = v->dim, .key = v->key };
    float *at;
    size_t i = 0;
    int rc = 0;

    if (json_count(list) != a->n)
        return fail(err, CORAX_E_ARGS, "%zu vectors for %zu texts", json_count(list), a->n);
    arena = arena_create(ANSWER_ARENA);
    at = calloc(a->n, v->dim * sizeof(*at));
    if (arena == NULL || at == NULL)
        rc = fail(err, CORAX_E_INTERNAL, "no memory");
    for (const struct json *e = json_first(list); rc == 0 && e; e = json_next(e), i++)
        rc = read_vector(v, json_text(e), arena, at + i * v->dim, err);
    if (rc == 0) {
        answer.at = at;
        v->slow_until_ms = 0;
        link_served(v->link);
        ask_end(a, &answer, NULL);
        send_waiting(v);
    }
    arena_destroy(arena);
    free(at);
    return rc;
}

static int on_message(void *arg, const struct rpc_msg *msg, struct err *err)
{
    struct vectors *v = arg;
    struct vector_ask *a;
    struct err failed = { 0 };

    switch (msg->kind) {
    case RPC_NOTIFICATION:
        return 0;
    case RPC_RESULT:
        if (msg->id_int == 0)
            return read_info(v, msg->result, err);
        a = find_ask(v, msg->id_int);
        return a ? take_answer(v, a, msg->result, err) : fail(err, CORAX_E_ARGS, "a result nobody asked for");
    case RPC_ERROR:
        if (msg->id_int == 0)
            return fail(err, CORAX_E_ARGS, "info failed: %.180s", msg->error_message);
        if ((a = find_ask(v, msg->id_int)) == NULL)
            return fail(err, CORAX_E_ARGS, "an error that answers nothing: %.180s", msg->error_message);
        fail(&failed, msg->error_code == RPC_INVALID_PARAMS ? CORAX_E_ARGS : CORAX_E_INTERNAL, "the model of embeddings: %.200s",
             *msg->error_message ? msg->error_message : "no reason given");
        ask_end(a, NULL, &failed);
        send_waiting(v);
        return 0;
    case RPC_REQUEST:
        break;
    }
    return fail(err, CORAX_E_ARGS, "a request from the model process");
}

static void on_down(void *arg, const char *why)
{
    struct vectors *v = arg;
    struct vector_ask *a, *next;
    const bool hopeless = link_failures(v->link) >= HOPELESS;

    v->ready = false;
    for (a = TAILQ_FIRST(&v->asks); a; a = next) {
        const bool was_sent = a->id != 0;

        next = TAILQ_NEXT(a, link);
        if (a->dropped) {
            ask_destroy(a);
            continue;
        }
        v->n_sent -= was_sent;
        a->id = 0;
        a->n_lost += was_sent;
        if (a->n_lost >= MAX_LOST || hopeless)
            fail(&a->err, CORAX_E_UNAVAIL, "the model of embeddings %.200s", why);
    }
    event_active(v->fails, EV_TIMEOUT, 0);
}

/* --- the process -------------------------------------------------------------------------------------------------- */

static int start(struct vectors *v, struct err *err)
{
    static const struct link_ops ops = { on_up, on_message, on_down };
    const struct config *config = v->config;
    const char *argv[8];
    char threads[16];
    int n = 0;

    argv[n++] = config->infer_path;
    argv[n++] = "serve";
    if (config->infer_threads > 0) {
        snprintf(threads, sizeof(threads), "%d", config->infer_threads);
        argv[n++] = "--threads";
        argv[n++] = threads;
    }
    argv[n++] = config->embedding.model;
    argv[n] = NULL;
    v->link = link_create(v->base, "embedding", config->infer_path, argv, &ops, v, err);
    if (v->link == NULL)
        return -1;
    link_start(v->link);
    return 0;
}

struct vectors *vectors_create(struct event_base *base, const struct config *config, struct err *err)
{
    struct vectors *v = calloc(1, sizeof(*v));

    if (v == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    v->base = base;
    v->config = config;
    v->next_id = 1;
    TAILQ_INIT(&v->asks);
    v->fails = event_new(base, -1, 0, on_fails, v);
    v->grace = evtimer_new(base, on_grace, v);
    if (v->fails == NULL || v->grace == NULL)
        fail(err, CORAX_E_INTERNAL, "no memory");
    else if (config->embedding.model == NULL || start(v, err) == 0)
        return v;
    vectors_destroy(v);
    return NULL;
}

void vectors_stop(struct vectors *v)
{
    struct err err = { 0 };

    if (v == NULL)
        return;
    v->stopped = true;
    v->ready = false;
    fail(&err, CORAX_E_UNAVAIL, "the daemon is ending");
    while (!TAILQ_EMPTY(&v->asks))
        ask_end(TAILQ_FIRST(&v->asks), NULL, &err);
}

void vectors_destroy(struct vectors *v)
{
    if (v == NULL)
        return;
    vectors_stop(v);
    link_destroy(v->link);
    if (v->fails)
        event_free(v->fails);
    if (v->grace)
        event_free(v->grace);
    free(v);
}

bool vectors_are_on(const struct vectors *v)
{
    return v && v->link && !v->stopped;
}

const char *vectors_key(const struct vectors *v)
{
    return v ? v->key : "";
}

size_t vectors_dim(const struct vectors *v)
{
    return v ? v->dim : 0;
}

void vectors_watch(struct vectors *v, void (*ready)(void *arg), void *arg)
{
    v->on_ready = ready;
    v->arg = arg;
}

bool vectors_write_health(const struct vectors *v, struct jsonw *w)
{
    const char *state = v->link == NULL            ? "none"
                        : v->none[0]               ? "unfit"
                        : v->ready                 ? "ready"
                        : link_failures(v->link)   ? "down"
                                                   : "starting";

    jsonw_object(w, "embedding");
    jsonw_text(w, "state", state);
    jsonw_text(w, "name", v->name[0] ? v->name : NULL);
    jsonw_text(w, "path", v->config->embedding.model);
    jsonw_int(w, "dimensions", (int64_t)v->dim);
    jsonw_text(w, "pooling", v->pooling[0] ? v->pooling : NULL);
    jsonw_int(w, "pid", v->link ? link_pid(v->link) : 0);
    jsonw_int(w, "restarts", v->link ? link_restarts(v->link) : 0);
    jsonw_text(w, "error", v->none[0] ? v->none : v->link ? link_last_error(v->link) : NULL);
    jsonw_end(w);
    return strcmp(state, "down") != 0 && strcmp(state, "unfit") != 0;
}
