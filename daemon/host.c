#include "daemon/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/link.h"
#include "util/arena.h"
#include "util/clock.h"

#define START_MS     10000 /* for the answers to discover and list */
#define GRACE_MS     100   /* a plugin that watches its deadline ends by itself in this time */
#define RESULT_ARENA (8u << 20)
#define MAX_PAGES    1000 /* of tools/list */
#define ID_DISCOVER  1
#define ID_LIST      2
#define MAX_ID       64 /* bytes of the id of a host's request */
#define SERVICE      "corax/exec"
#define ASK_CLIENT   "corax/client"
#define CLIENT_MS    610000 /* for the client to answer: the host gives up before, and says so */

enum host_state { HOST_DOWN, HOST_DISCOVER, HOST_INITIALIZE, HOST_LIST, HOST_IDLE, HOST_BUSY };

struct host {
    struct exec *exec;
    const struct host_ops *ops;
    void *arg;
    struct link *link;
    enum host_state state;
    enum mcp_era era;
    bool served;
    struct label given;
    int n_pages;
    struct host_request call; /* under way, while busy */
    int64_t started_ns;       /* of it; while idle: when that began */
    struct err why;           /* set when the call is to fail with this */
    struct event *deadline;   /* of the call under way, or of the start */
    struct exec_run *run;     /* that the call under way waits for; NULL: none */
    bool asking;              /* it waits for its client */
    int64_t asked_ns;
    char run_id[MAX_ID + 1];  /* JSON text of the host's request */
};

static void set_deadline(struct host *h, int64_t ms)
{
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    event_add(h->deadline, &tv);
}

static void end_run(struct host *h)
{
    h->asking = false;
    exec_cancel(h->run);
    h->run = NULL;
}

static void idle(struct host *h)
{
    event_del(h->deadline);
    end_run(h);
    h->state = HOST_IDLE;
    h->started_ns = clock_mono_ns();
    h->ops->idle(h->arg);
}

/* --- what the host says ---------------------------------------------------------------------------------------- */

static void on_up(void *arg)
{
    struct host *h = arg;
    struct buf line;

    h->state = HOST_DISCOVER;
    h->served = false;
    h->given = (struct label){ TRUSTED, PUBLIC };
    set_deadline(h, START_MS);
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_discover(&line, ID_DISCOVER);
    link_send(h->link, &line);
    buf_finish(&line);
}

static int ask_for_tools(struct host *h, const char *cursor, struct err *err)
{
    struct buf line;
    bool sent;

    if (h->n_pages++ >= MAX_PAGES)
        return fail(err, CORAX_E_LIMIT, "tools/list has more than %d pages", MAX_PAGES);
    h->state = HOST_LIST;
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_list(&line, h->era, ID_LIST, cursor);
    sent = link_send(h->link, &line);
    buf_finish(&line);
    return sent ? 0 : fail(err, CORAX_E_IO, "tools/list cannot be sent");
}

static int greeted(struct host *h, const struct mcp_server *server, struct err *err)
{
    int rc;

    h->era = server->era;
    rc = h->ops->greeted(h->arg, server, err);
    if (rc < 0)
        return -1;
    if (rc == 0) {
        link_works(h->link);
        idle(h);
        return 0;
    }
    h->n_pages = 0;
    return ask_for_tools(h, NULL, err);
}

static int read_discover(struct host *h, const struct rpc_msg *msg, struct err *err)
{
    struct mcp_server server = { 0 };
    struct buf line;

    if (mcp_read_discover(msg, &server, NULL) == 0)
        return greeted(h, &server, err);
    h->state = HOST_INITIALIZE;
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_initialize(&line, ID_DISCOVER, false);
    link_send(h->link, &line);
    buf_finish(&line);
    return 0;
}

static int read_initialize(struct host *h, const struct rpc_msg *msg, struct err *err)
{
    struct mcp_server server = { 0 };
    struct buf line;

    if (mcp_read_initialize(msg, &server, err) < 0)
        return -1;
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_initialized(&line);
    link_send(h->link, &line);
    buf_finish(&line);
    return greeted(h, &server, err);
}

static int read_list(struct host *h, const struct rpc_msg *msg, struct err *err)
{
    const char *next;

    if (mcp_read_list(msg, &next, err) < 0 || h->ops->tools(h->arg, msg->result, err) < 0)
        return -1;
    if (next)
        return ask_for_tools(h, next, err);
    link_works(h->link);
    h->ops->listed(h->arg);
    idle(h);
    return 0;
}

static void take_result(struct host *h, const struct rpc_msg *msg)
{
    struct arena *arena = arena_create(RESULT_ARENA);
    struct tool_result result = { 0 };
    struct err err = { 0 };
    int64_t duration_us = (clock_mono_ns() - h->started_ns) / 1000;
    int rc = arena ? mcp_read_result(msg, arena, &result, &err) : fail(&err, CORAX_E_INTERNAL, "no memory");

    link_served(h->link);
    h->ops->ended(h->arg, rc == 0 ? &result : NULL, duration_us, &err);
    arena_destroy(arena);
    if (h->state != HOST_BUSY)
        return;
    if (h->call.fresh)
        host_restart(h, "it was for one call");
    else
        idle(h);
}

/* --- services ----------------------------------------------------------------------------------------------------- */

static int64_t time_left_ms(const struct host *h)
{
    const int64_t left_ms = h->call.deadline_ms - (clock_mono_ns() - h->started_ns) / 1000000;

    return left_ms > 1 ? left_ms : 1;
}

static int answer_failure(struct host *h, const char *id, size_t id_len, const struct err *why, struct err *err)
{
    struct buf line;
    bool sent;

    buf_init(&line, RPC_MAX_LINE);
    rpc_write_failure(&line, id, id_len, why);
    sent = link_send(h->link, &line);
    buf_finish(&line);
    return sent ? 0 : fail(err, CORAX_E_IO, "it does not read what it is sent");
}

static void on_ran(void *arg, const struct json *ended, const struct err *err)
{
    struct host *h = arg;
    const struct json *m;
    struct err why = *err;
    struct buf line;
    struct jsonw w;

    h->run = NULL;
    buf_init(&line, RPC_MAX_LINE);
    if (ended) {
        w = rpc_result_start(&line, h->run_id, strlen(h->run_id));
        for (m = json_first(ended); m; m = json_next(m))
            jsonw_value(&w, json_key(m), m);
        rpc_end(&w);
        if (line.failed) {
            fail(&why, CORAX_E_LIMIT, "what the program left is too large for one message");
            ended = NULL;
            buf_reset(&line);
        }
    }
    if (ended == NULL)
        rpc_write_failure(&line, h->run_id, strlen(h->run_id), &why);
    if (!link_send(h->link, &line))
        link_kill(h->link, false, "it does not read what it is sent");
    buf_finish(&line);
}

/* The client of the call is asked; meanwhile its time stands still. */
static int ask_client(struct host *h, const struct rpc_msg *msg, struct err *err)
{
    struct err why = { 0 };

    memcpy(h->run_id, msg->id, msg->id_len);
    h->run_id[msg->id_len] = '\0';
    h->asking = true;
    h->asked_ns = clock_mono_ns();
    set_deadline(h, CLIENT_MS);
    if (h->ops->asked(h->arg, msg->params, &why) == 0)
        return 0;
    h->asking = false;
    set_deadline(h, time_left_ms(h) + GRACE_MS);
    return answer_failure(h, msg->id, msg->id_len, &why, err);
}

void host_answer(struct host *h, const struct buf *responses, const struct err *why)
{
    struct err too_long = { 0 };
    struct buf line;
    struct jsonw w;

    if (!h->asking)
        return;
    h->asking = false;
    h->started_ns += clock_mono_ns() - h->asked_ns;
    set_deadline(h, time_left_ms(h) + GRACE_MS);
    buf_init(&line, RPC_MAX_LINE);
    if (responses) {
        w = jsonw_start(&line);
        jsonw_object(&w, NULL);
        jsonw_text(&w, "jsonrpc", "2.0");
        jsonw_raw(&w, "id", h->run_id, strlen(h->run_id));
        jsonw_raw(&w, "result", responses->data, responses->len);
        rpc_end(&w);
        if (line.failed || responses->failed) {
            fail(&too_long, CORAX_E_LIMIT, "what the client answered is too large for one message");
            why = &too_long;
            responses = NULL;
            buf_reset(&line);
        }
    }
    if (responses == NULL)
        rpc_write_failure(&line, h->run_id, strlen(h->run_id), why);
    if (!link_send(h->link, &line))
        link_kill(h->link, false, "it does not read what it is sent");
    buf_finish(&line);
}

/* A host may ask only while a call of its runs whose tool declares what it asks for: that is what the policy judged. */
static int serve(struct host *h, const struct rpc_msg *msg, struct err *err)
{
    struct err why = { 0 };

    if (msg->id_len > MAX_ID)
        return fail(err, CORAX_E_ARGS, "a request with an id of more than %d bytes", MAX_ID);
    if (strcmp(msg->method, ASK_CLIENT) == 0 && h->state == HOST_BUSY && h->call.talks && !h->asking && !h->run)
        return ask_client(h, msg, err);
    if (strcmp(msg->method, SERVICE) != 0) {
        fail(&why, CORAX_E_UNAVAIL, "unavailable: coraxd offers no service \"%.40s\"", msg->method);
        return answer_failure(h, msg->id, msg->id_len, &why, err);
    }
    if (h->state != HOST_BUSY || !h->call.exec) {
        fail(&why, CORAX_E_DENIED, "the tool does not declare the effect exec, so it runs no programs");
        return answer_failure(h, msg->id, msg->id_len, &why, err);
    }
    if (h->run || h->asking) {
        fail(&why, CORAX_E_LIMIT, "it waits for a program or its client already: one at a time");
        return answer_failure(h, msg->id, msg->id_len, &why, err);
    }
    h->run = exec_run(h->exec, msg->params, time_left_ms(h), on_ran, h, &why);
    if (h->run == NULL)
        return answer_failure(h, msg->id, msg->id_len, &why, err);
    memcpy(h->run_id, msg->id, msg->id_len);
    h->run_id[msg->id_len] = '\0';
    return 0;
}

static int on_message(void *arg, const struct rpc_msg *msg, struct err *err)
{
    struct host *h = arg;

    if (msg->kind == RPC_NOTIFICATION) {
        if (h->state == HOST_BUSY && h->call.talks)
            h->ops->noted(h->arg, msg);
        return 0;
    }
    if (msg->kind == RPC_REQUEST)
        return serve(h, msg, err);
    if (h->state == HOST_DISCOVER && msg->id_int == ID_DISCOVER)
        return read_discover(h, msg, err);
    if (h->state == HOST_INITIALIZE && msg->id_int == ID_DISCOVER)
        return read_initialize(h, msg, err);
    if (h->state == HOST_LIST && msg->id_int == ID_LIST)
        return read_list(h, msg, err);
    if (h->state == HOST_BUSY && h->call.id == msg->id_int) {
        take_result(h, msg);
        return 0;
    }
    return fail(err, CORAX_E_ARGS, "an answer nobody asked for");
}

static void on_down(void *arg, const char *why)
{
    struct host *h = arg;
    const bool busy = h->state == HOST_BUSY, listing = h->state == HOST_LIST;
    const struct err err = h->why;

    event_del(h->deadline);
    end_run(h);
    h->state = HOST_DOWN;
    h->why.status = 0;
    h->ops->down(h->arg, listing, why, busy ? &err : NULL);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct host *h = arg;
    char why[120];

    if (h->state != HOST_BUSY) {
        link_kill(h->link, false, "it did not say in time what it offers");
        return;
    }
    fail(&h->why, CORAX_E_TIMEOUT, "the call took longer than %lld ms and was ended", (long long)h->call.deadline_ms);
    snprintf(why, sizeof(why), "a call took longer than %lld ms", (long long)h->call.deadline_ms);
    link_kill(h->link, false, why);
}

/* --- for the pools -------------------------------------------------------------------------------------------------- */

struct host *host_create(struct event_base *base, struct exec *exec, const char *name, const char *path,
                         const char *const argv[], const struct host_ops *ops, void *arg, struct err *err)
{
    static const struct link_ops link_ops = { on_up, on_message, on_down };
    struct host *h = calloc(1, sizeof(*h));

    if (h == NULL) {
        fail(err, CORAX_E_INTERNAL, "%s: no memory", name);
        return NULL;
    }
    h->exec = exec;
    h->ops = ops;
    h->arg = arg;
    h->deadline = evtimer_new(base, on_deadline, h);
    h->link = h->deadline ? link_create(base, name, path, argv, &link_ops, h, err) : NULL;
    if (h->link == NULL) {
        if (h->deadline == NULL)
            fail(err, CORAX_E_INTERNAL, "%s: no memory", name);
        host_destroy(h);
        return NULL;
    }
    return h;
}

void host_destroy(struct host *h)
{
    if (h == NULL)
        return;
    end_run(h);
    link_destroy(h->link);
    if (h->deadline)
        event_free(h->deadline);
    free(h);
}

void host_start(struct host *h)
{
    link_start(h->link);
}

int host_call(struct host *h, const struct host_request *r, struct err *err)
{
    const char *services[4] = { NULL };
    size_t n_services = 0;
    struct buf line;

    if (r->exec)
        services[n_services++] = "exec";
    if (r->talks) {
        services[n_services++] = "client";
        services[n_services++] = "log";
    }
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_call(&line, h->era, r->id, r->tool, r->args, r->args_len, r->deadline_ms, n_services > 0 ? services : NULL);
    if (line.failed) {
        buf_finish(&line);
        return fail(err, CORAX_E_LIMIT, "the arguments are too large to be sent (%zu bytes)", r->args_len);
    }
    h->served = true;
    h->given = label_join(h->given, r->context);
    h->call = *r;
    h->started_ns = clock_mono_ns();
    h->state = HOST_BUSY;
    set_deadline(h, r->deadline_ms + GRACE_MS);
    if (!link_send(h->link, &line))
        link_kill(h->link, false, "it does not read what it is sent");
    else if (r->exec)
        exec_prepare(h->exec); /* it gets ready while the plugin does */
    buf_finish(&line);
    return 0;
}

void host_restart(struct host *h, const char *why)
{
    if (h->state == HOST_BUSY)
        h->state = HOST_IDLE; /* nobody is to be told of the call */
    link_kill(h->link, true, why);
}

bool host_is_idle(const struct host *h)
{
    return h->state == HOST_IDLE;
}

bool host_is_busy(const struct host *h)
{
    return h->state == HOST_BUSY;
}

bool host_has_served(const struct host *h)
{
    return h->served;
}

struct label host_given(const struct host *h)
{
    return h->given;
}

int64_t host_idle_ms(const struct host *h)
{
    return h->state == HOST_IDLE ? (clock_mono_ns() - h->started_ns) / 1000000 : 0;
}

const char *host_state_name(const struct host *h)
{
    static const char *const names[] = { "down", "starting", "starting", "starting", "ready", "busy" };

    return names[h->state];
}

unsigned host_restarts(const struct host *h)
{
    return link_restarts(h->link);
}

unsigned host_failures(const struct host *h)
{
    return link_failures(h->link);
}

const char *host_last_error(const struct host *h)
{
    return link_last_error(h->link);
}

int64_t host_pid(const struct host *h)
{
    return link_pid(h->link);
}
