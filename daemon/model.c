#include "daemon/model.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "daemon/link.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/log.h"

#define MAX_LOST        2    /* ends of the process that one chat may see */
#define HOPELESS        3    /* ends in a row after which chats fail at once */
#define CANCEL_GRACE_MS 5000 /* a cancelled chat that is not given up by then ends the process */
#define FILE_LOOK_MS    100  /* so often, at most, the model's file is looked at */
#define REPLY_ARENA     (4u << 20)
#define MAX_CALLS       64 /* in one reply */

struct model_chat {
    TAILQ_ENTRY(model_chat) link;
    struct model *model;
    const struct model_chat_ops *ops;
    void *arg;
    int64_t id; /* of the request under way; 0: not sent */
    int n_lost;
    bool cancelled;
    int64_t started_ns;
    struct buf params; /* members of params, kept for the second try */
    struct err err;    /* set: fails from the loop */
};
TAILQ_HEAD(chats, model_chat);

struct model {
    struct event_base *base;
    const struct config *config;
    const struct model_file *of; /* NULL: there is none */
    struct link *link;           /* NULL: it is not loaded */
    size_t n_chats;
    void (*gone)(void *arg);
    void *arg;
    bool ready;
    int64_t next_id;
    char name[80], kernels[32];
    int64_t context_length;
    struct stat file; /* as it was when the process was started */
    bool file_known, told_replaced;
    int64_t file_looked_ms;
    struct chats chats;  /* waiting, sent, or cancelled but not yet given up */
    struct event *fails; /* runs the failures of model_chat */
    struct event *grace;
};

/*
 * The process maps the file it was started with.  One that is renamed over it leaves that mapping alone, so the loaded
 * model goes on; one that is changed in place changes under it.
 */
static const char *file_state(const struct model *m)
{
    struct stat now;

    if (!m->file_known || m->link == NULL)
        return NULL;
    if (stat(m->of->path, &now) < 0)
        return "missing";
    return now.st_dev == m->file.st_dev && now.st_ino == m->file.st_ino && now.st_size == m->file.st_size &&
                   now.st_mtim.tv_sec == m->file.st_mtim.tv_sec && now.st_mtim.tv_nsec == m->file.st_mtim.tv_nsec
               ? "loaded"
               : "replaced";
}

/* Not for each request: under load it would be a system call in twenty. */
static void watch_file(struct model *m)
{
    const int64_t now = clock_mono_ms();
    const char *state;

    if (m->file_looked_ms > 0 && now - m->file_looked_ms < FILE_LOOK_MS)
        return;
    m->file_looked_ms = now;
    state = file_state(m);
    if (state == NULL || m->told_replaced || strcmp(state, "loaded") == 0)
        return;
    m->told_replaced = true;
    log_warn("model: %s is no longer the file that was loaded (%s): restart coraxd to load it", m->of->path,
             state);
}

static void chat_destroy(struct model_chat *c)
{
    struct model *m = c->model;

    TAILQ_REMOVE(&m->chats, c, link);
    m->n_chats--;
    buf_finish(&c->params);
    free(c);
    if (m->gone)
        m->gone(m->arg);
}

static void chat_fail(struct model_chat *c, const struct err *err)
{
    const struct model_chat_ops *ops = c->ops;
    void *arg = c->arg;
    bool cancelled = c->cancelled;
    struct err copy = *err;

    chat_destroy(c);
    if (!cancelled)
        ops->done(arg, NULL, &copy);
}

/* Writes the line of a chat and sends it. */
static void chat_send(struct model_chat *c)
{
    struct model *m = c->model;
    struct buf line;

    c->id = m->next_id++;
    buf_init(&line, RPC_MAX_LINE);
    buf_addf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"chat\",\"params\":", (long long)c->id);
    buf_add(&line, c->params.data, c->params.len);
    buf_adds(&line, "}\n");
    if (line.failed) {
        fail(&c->err, CORAX_E_LIMIT,
             "the task's transcript is too large to be sent to the model (%zu bytes, at most %d)", c->params.len,
             RPC_MAX_LINE);
        event_active(m->fails, EV_TIMEOUT, 0);
    } else if (!link_send(m->link, &line)) {
        link_kill(m->link, false, "it does not read what it is sent");
    }
    buf_finish(&line);
}

static void on_fails(evutil_socket_t fd, short what, void *arg)
{
    struct model *m = arg;
    struct model_chat *c;

again:
    for (c = TAILQ_FIRST(&m->chats); c; c = TAILQ_NEXT(c, link)) {
        if (c->err.status != 0) {
            chat_fail(c, &c->err);
            goto again; /* done() may have changed the list */
        }
    }
}

static void on_grace(evutil_socket_t fd, short what, void *arg)
{
    struct model *m = arg;
    struct model_chat *c;

    for (c = TAILQ_FIRST(&m->chats); c; c = TAILQ_NEXT(c, link)) {
        if (c->cancelled && c->id) {
            link_kill(m->link, true, "it does not give up a cancelled request");
            return;
        }
    }
}

static void on_up(void *arg)
{
    struct model *m = arg;
    struct buf line;
    struct jsonw w;

    m->file_known = stat(m->of->path, &m->file) == 0;
    m->told_replaced = false;
    buf_init(&line, RPC_MAX_LINE);
    w = rpc_request_start(&line, 0, "info");
    rpc_end(&w);
    link_send(m->link, &line);
    buf_finish(&line);
}

static int read_info(struct model *m, const struct json *result, struct err *err)
{
    const struct json *info = json_get(result, "model");
    struct model_chat *c, *next;

    if (json_get_text(info, "name", NULL) == NULL)
        return fail(err, CORAX_E_ARGS, "info without model.name");
    snprintf(m->name, sizeof(m->name), "%s", json_get_text(info, "name", ""));
    snprintf(m->kernels, sizeof(m->kernels), "%s", json_get_text(result, "kernels", ""));
    m->context_length = 0;
    if (json_get(info, "context_length") &&
        json_int(json_get(info, "context_length"), "context_length", &m->context_length, err) < 0)
        return -1;
    m->ready = true;
    link_works(m->link);
    log_info("model: %s is ready", m->name);
    for (c = TAILQ_FIRST(&m->chats); c && m->ready; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->id == 0 && c->err.status == 0)
            chat_send(c);
    }
    return 0;
}

static struct model_chat *find_chat(struct model *m, int64_t id)
{
    struct model_chat *c;

    for (c = TAILQ_FIRST(&m->chats); c; c = TAILQ_NEXT(c, link))
        if (c->id == id)
            return c;
    return NULL;
}

static int read_usage(const struct json *u, struct model_reply *r, struct err *err)
{
    const struct {
        const char *key;
        int64_t *out;
    } members[] = { { "prompt_tokens", &r->prompt_tokens },
                    { "cached_tokens", &r->cached_tokens },
                    { "completion_tokens", &r->completion_tokens },
                    { "prompt_us", &r->prompt_us },
                    { "decode_us", &r->decode_us } };
    size_t i;

    for (i = 0; i < sizeof(members) / sizeof(*members); i++) {
        if (json_get(u, members[i].key) == NULL)
            continue;
        if (json_int(json_get(u, members[i].key), members[i].key, members[i].out, err) < 0)
            return -1;
        if (*members[i].out < 0)
            return fail(err, CORAX_E_ARGS, "usage.%s is negative", members[i].key);
    }
    return 0;
}

static const char *text_or_null(const struct json *object, const char *key)
{
    const char *text = json_get_text(object, key, NULL);

    return text && text[0] ? text : NULL;
}

static int read_reply(const struct json *result, struct arena *arena, struct model_reply *r, struct err *err)
{
    const struct json *list = json_get(result, "calls"), *e;
    struct call *calls;
    size_t n = json_count(list);

    r->reasoning = text_or_null(result, "reasoning");
    r->text = text_or_null(result, "text");
    r->finish = json_get_text(result, "finish", NULL);
    r->disabled = json_count(json_get(result, "disabled_tools")) ? json_get(result, "disabled_tools") : NULL;
    if (r->finish == NULL)
        return fail(err, CORAX_E_ARGS, "a reply without finish");
    if (n > MAX_CALLS)
        return fail(err, CORAX_E_ARGS, "a reply with %zu calls", n);
    if (read_usage(json_get(result, "usage"), r, err) < 0)
        return -1;
    calls = arena_alloc(arena, (n + 1) * sizeof(*calls));
    if (calls == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    r->calls = calls;
    for (e = json_first(list); e; e = json_next(e)) {
        struct call *c = &calls[r->n_calls++];

        c->name = json_get_text(e, "name", NULL);
        c->args = json_get_text(e, "arguments", NULL);
        if (c->name == NULL || c->args == NULL)
            return fail(err, CORAX_E_ARGS, "a call without name or arguments");
        c->args_len = strlen(c->args);
    }
    return 0;
}

static int take_reply(struct model *m, struct model_chat *c, const struct json *result, struct err *err)
{
    struct arena *arena = arena_create(REPLY_ARENA);
    struct model_reply reply = { 0 };
    const struct model_chat_ops *ops = c->ops;
    void *arg = c->arg;
    bool cancelled = c->cancelled;
    int rc;

    rc = arena ? read_reply(result, arena, &reply, err) : fail(err, CORAX_E_INTERNAL, "no memory");
    if (rc == 0) {
        reply.duration_us = (clock_mono_ns() - c->started_ns) / 1000;
        link_served(m->link);
        chat_destroy(c);
        if (!cancelled)
            ops->done(arg, &reply, NULL);
    }
    arena_destroy(arena);
    return rc;
}

static int take_delta(struct model *m, const struct json *params, struct err *err)
{
    struct model_delta d = { .kind = json_get_text(params, "kind", "text"), .text = json_get_text(params, "text", "") };
    const struct json *index = json_get(params, "index");
    struct model_chat *c;
    int64_t id;

    if (json_int(json_get(params, "id"), "id", &id, err) < 0)
        return -1;
    if (strcmp(d.kind, "call") == 0) {
        d.name = json_get_text(params, "name", NULL);
        if (index && json_int(index, "index", &d.index, err) < 0)
            return -1;
        if (d.index < 0 || d.index >= MAX_CALLS)
            return fail(err, CORAX_E_ARGS, "a delta of call %lld", (long long)d.index);
    }
    c = id > 0 ? find_chat(m, id) : NULL;
    if (c && !c->cancelled)
        c->ops->delta(c->arg, &d);
    return 0;
}

static int on_message(void *arg, const struct rpc_msg *msg, struct err *err)
{
    struct model *m = arg;
    struct model_chat *c;
    struct err failed = { 0 };

    switch (msg->kind) {
    case RPC_NOTIFICATION:
        return strcmp(msg->method, "chat/delta") == 0 ? take_delta(m, msg->params, err) : 0;
    case RPC_RESULT:
        if (msg->id_int == 0)
            return read_info(m, msg->result, err);
        c = msg->id_int > 0 ? find_chat(m, msg->id_int) : NULL;
        return c ? take_reply(m, c, msg->result, err) : fail(err, CORAX_E_ARGS, "a result nobody asked for");
    case RPC_ERROR:
        if (msg->id_int == 0)
            return fail(err, CORAX_E_ARGS, "info failed: %.180s", msg->error_message);
        c = msg->id_int > 0 ? find_chat(m, msg->id_int) : NULL;
        if (c == NULL)
            return fail(err, CORAX_E_ARGS, "an error that answers nothing: %.180s", msg->error_message);
        fail(&failed, msg->error_code == RPC_INVALID_PARAMS ? CORAX_E_ARGS : CORAX_E_INTERNAL, "%s",
             *msg->error_message ? msg->error_message : "the model process gave no reason");
        chat_fail(c, &failed);
        return 0;
    case RPC_REQUEST:
        break;
    }
    return fail(err, CORAX_E_ARGS, "a request from the model process");
}

static void on_down(void *arg, const char *why)
{
    struct model *m = arg;
    struct model_chat *c, *next;
    bool hopeless = link_failures(m->link) >= HOPELESS;

    m->ready = false;
    for (c = TAILQ_FIRST(&m->chats); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->cancelled) {
            chat_destroy(c);
            continue;
        }
        c->id = 0;
        if (++c->n_lost >= MAX_LOST || hopeless)
            fail(&c->err, CORAX_E_UNAVAIL, "the model process %s", why);
    }
    event_active(m->fails, EV_TIMEOUT, 0);
}

struct model *model_create(struct event_base *base, const struct config *config, const struct model_file *file, struct err *err)
{
    struct model *m = calloc(1, sizeof(*m));

    if (m == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    m->base = base;
    m->config = config;
    m->of = file;
    m->next_id = 1;
    TAILQ_INIT(&m->chats);
    m->fails = event_new(base, -1, 0, on_fails, m);
    m->grace = evtimer_new(base, on_grace, m);
    if (m->fails == NULL || m->grace == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        model_destroy(m);
        return NULL;
    }
    return m;
}

void model_load(struct model *m)
{
    static const struct link_ops ops = { on_up, on_message, on_down };
    const struct config *config = m->config;
    const char *argv[16];
    char threads[16], memory[16], prefixes[PATH_MAX];
    struct err err = { 0 };
    int n = 0;

    if (m->of == NULL || m->link)
        return;
    argv[n++] = config->infer_path;
    argv[n++] = "serve";
    if (config->infer_threads > 0) {
        snprintf(threads, sizeof(threads), "%d", config->infer_threads);
        argv[n++] = "--threads";
        argv[n++] = threads;
    }
    if (config->infer_cache_mb > 0) {
        snprintf(memory, sizeof(memory), "%d", config->infer_cache_mb);
        argv[n++] = "--cache-memory";
        argv[n++] = memory;
    }
    if (config->infer_prefixes) {
        snprintf(prefixes, sizeof(prefixes), "%s/prefixes", config->state);
        argv[n++] = "--prefixes";
        argv[n++] = prefixes;
    }
    if (m->of->dialect) {
        argv[n++] = "--dialect";
        argv[n++] = m->of->dialect;
    }
    if (m->of->template) {
        argv[n++] = "--template";
        argv[n++] = m->of->template;
    }
    argv[n++] = m->of->path;
    argv[n] = NULL;
    m->link = link_create(m->base, m->of->name ? m->of->name : "model", config->infer_path, argv, &ops, m, &err);
    if (m->link) {
        link_start(m->link);
        return;
    }
    log_error("model: %s", err.msg);
    for (struct model_chat *c = TAILQ_FIRST(&m->chats); c; c = TAILQ_NEXT(c, link))
        c->err = err;
    event_active(m->fails, EV_TIMEOUT, 0);
}

void model_unload(struct model *m)
{
    link_destroy(m->link);
    m->link = NULL;
    m->ready = false;
    m->file_known = false;
    event_del(m->grace);
}

bool model_is_loaded(const struct model *m)
{
    return m->link != NULL;
}

size_t model_chats(const struct model *m)
{
    return m->n_chats;
}

void model_watch(struct model *m, void (*gone)(void *arg), void *arg)
{
    m->gone = gone;
    m->arg = arg;
}

void model_destroy(struct model *m)
{
    if (m == NULL)
        return;
    m->gone = NULL;
    link_destroy(m->link);
    while (!TAILQ_EMPTY(&m->chats))
        chat_destroy(TAILQ_FIRST(&m->chats));
    if (m->fails)
        event_free(m->fails);
    if (m->grace)
        event_free(m->grace);
    free(m);
}

static void write_params(struct buf *out, const struct model_ask *ask)
{
    struct jsonw w = jsonw_start(out);

    /* In the order in which they change: the tools never, of the messages the end, the rest as it comes. */
    jsonw_object(&w, NULL);
    jsonw_raw(&w, "tools", ask->tools, ask->tools_len);
    transcript_write(ask->transcript, &w, "messages");
    jsonw_int(&w, "max_tokens", ask->max_tokens);
    jsonw_object(&w, "sampling");
    jsonw_number(&w, "temperature", ask->sampling->temperature);
    jsonw_int(&w, "top_k", ask->sampling->top_k);
    jsonw_number(&w, "top_p", ask->sampling->top_p);
    jsonw_number(&w, "min_p", ask->sampling->min_p);
    jsonw_int(&w, "seed", ask->sampling->seed);
    jsonw_end(&w);
    jsonw_text(&w, "tool_choice", ask->must_answer ? "none" : "auto");
    jsonw_end(&w);
}

struct model_chat *model_chat(struct model *m, const struct model_ask *ask, const struct model_chat_ops *ops, void *arg)
{
    struct model_chat *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->model = m;
    c->ops = ops;
    c->arg = arg;
    c->started_ns = clock_mono_ns();
    buf_init(&c->params, 2 * TRANSCRIPT_MAX_BYTES);
    write_params(&c->params, ask);
    TAILQ_INSERT_TAIL(&m->chats, c, link);
    m->n_chats++;
    if (c->params.failed) {
        fail(&c->err, CORAX_E_LIMIT, "the task's transcript is too large to be sent to the model");
    } else if (m->of == NULL) {
        fail(&c->err, CORAX_E_UNAVAIL,
             "no model is configured: set `model` in corax.conf, or start coraxd with --model FILE");
    } else if (m->ready) {
        watch_file(m);
        chat_send(c);
    } else if (m->link && link_failures(m->link) >= HOPELESS) {
        fail(&c->err, CORAX_E_UNAVAIL, "the model process %s", link_last_error(m->link));
    }
    if (c->err.status != 0)
        event_active(m->fails, EV_TIMEOUT, 0);
    return c;
}

void model_cancel(struct model_chat *c)
{
    struct model *m = c->model;
    struct timeval grace = { .tv_sec = CANCEL_GRACE_MS / 1000 };
    struct buf line;
    struct jsonw w;

    c->cancelled = true;
    if (c->id == 0) {
        chat_destroy(c);
        return;
    }
    buf_init(&line, RPC_MAX_LINE);
    w = rpc_notification_start(&line, "cancel");
    jsonw_int(&w, "id", c->id);
    rpc_end(&w);
    link_send(m->link, &line);
    buf_finish(&line);
    evtimer_add(m->grace, &grace);
}

int64_t model_context(const struct model *m)
{
    return m->context_length;
}

const char *model_name(const struct model *m)
{
    return m->name;
}

bool model_write_health(const struct model *m, struct jsonw *w, const char *key, const char *name)
{
    const char *state = m->of == NULL          ? "none"
                        : m->link == NULL      ? "unloaded"
                        : m->ready             ? "ready"
                        : link_failures(m->link) ? "down"
                                                 : "starting";

    jsonw_object(w, key);
    if (name)
        jsonw_text(w, "model", name);
    jsonw_text(w, "state", state);
    jsonw_text(w, "name", m->name[0] ? m->name : NULL);
    jsonw_text(w, "path", m->of ? m->of->path : NULL);
    jsonw_text(w, "file", file_state(m));
    jsonw_int(w, "context_length", m->context_length);
    jsonw_text(w, "kernels", m->kernels[0] ? m->kernels : NULL);
    jsonw_int(w, "pid", m->link ? link_pid(m->link) : 0);
    jsonw_int(w, "restarts", m->link ? link_restarts(m->link) : 0);
    jsonw_text(w, "error", m->link ? link_last_error(m->link) : NULL);
    jsonw_end(w);
    return strcmp(state, "down") != 0;
}
