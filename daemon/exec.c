/*
 * A box is a link that is started once.  Its states: STORED, it waits for a request; RUNNING, it has one; ENDING, its
 * answer is here and it has END_MS to leave by itself, so that it can clean up behind it; OVER, only its memory is left.
 * That is freed from an event of its own, since a box says that it is over from within its link.
 */
#include "daemon/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "daemon/link.h"
#include "util/log.h"
#include "util/rpc.h"

#define RUN_ID      1
#define END_MS      2000
#define WALL_MS     10000 /* of a program that names no limit */
#define RESERVE_MS  250   /* of the time that is left: for the box to end the program and to answer */
#define UNAVAILABLE (-32000)

enum box_state { BOX_STORED, BOX_RUNNING, BOX_ENDING, BOX_OVER };

/* A run is a box that has a request. */
struct exec_run {
    TAILQ_ENTRY(exec_run) link;
    struct exec *exec;
    struct link *child;
    enum box_state state;
    struct event *timer; /* its deadline while it runs, then of its end */
    int64_t left_ms;
    exec_done *done; /* NULL: nobody waits */
    void *arg;
    struct err err; /* set: done() has to be told */
};

struct exec {
    struct event_base *base;
    const struct config *config;
    TAILQ_HEAD(boxes, exec_run) boxes;
    struct exec_run *stored; /* NULL: none */
    struct event *later;     /* tells failures, forgets boxes that are over */
    bool refill;             /* a box was used: put another in store */
    unsigned long n_runs;
    char last_error[ERR_MSG]; /* empty: the last run had an answer */
};

static void set_timer(struct exec_run *b, int64_t ms)
{
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    event_add(b->timer, &tv);
}

static void soon(struct exec *x)
{
    event_active(x->later, EV_TIMEOUT, 0);
}

static void box_destroy(struct exec_run *b)
{
    TAILQ_REMOVE(&b->exec->boxes, b, link);
    link_destroy(b->child);
    if (b->timer)
        event_free(b->timer);
    free(b);
}

static void tell(struct exec_run *b, const struct json *ended, const struct err *err)
{
    exec_done *done = b->done;

    b->done = NULL;
    if (err && err->status != 0)
        snprintf(b->exec->last_error, sizeof(b->exec->last_error), "%s", err->msg);
    else
        b->exec->last_error[0] = '\0';
    if (done)
        done(b->arg, ended, err);
}

/* --- what a box says -------------------------------------------------------------------------------------------- */

static void on_up(void *arg)
{
}

static int box_status(const struct rpc_msg *msg)
{
    return msg->error_code == UNAVAILABLE          ? CORAX_E_UNAVAIL
           : msg->error_code == RPC_INVALID_PARAMS ? CORAX_E_ARGS
                                                   : CORAX_E_INTERNAL;
}

static int on_message(void *arg, const struct rpc_msg *msg, struct err *err)
{
    struct exec_run *b = arg;
    struct err why = { 0 };

    if (b->state != BOX_RUNNING || (msg->kind != RPC_RESULT && msg->kind != RPC_ERROR) ||
        (msg->kind == RPC_RESULT && (msg->id_int != RUN_ID || json_kind(msg->result) != JSON_OBJECT)))
        return fail(err, CORAX_E_ARGS, "not the answer it was asked for");
    b->state = BOX_ENDING;
    link_works(b->child);
    link_let_end(b->child);
    set_timer(b, END_MS);
    b->exec->refill = true;
    soon(b->exec);
    if (msg->kind == RPC_ERROR)
        fail(&why, box_status(msg), "%s%s",
             msg->error_code == UNAVAILABLE && strncmp(msg->error_message, "unavailable", 11) != 0 ? "unavailable: "
                                                                                                   : "",
             msg->error_message);
    tell(b, msg->kind == RPC_RESULT ? msg->result : NULL, &why);
    return 0;
}

static void on_down(void *arg, const char *why)
{
    struct exec_run *b = arg;
    struct exec *x = b->exec;

    if (x->stored == b)
        x->stored = NULL; /* the next run starts one: a box that cannot live is not tried again and again */
    if (b->state == BOX_RUNNING && b->err.status == 0)
        fail(&b->err, CORAX_E_INTERNAL, "the box broke down: %s", why);
    b->state = BOX_OVER;
    event_del(b->timer);
    soon(x);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct exec_run *b = arg;

    if (b->state == BOX_RUNNING)
        fail(&b->err, CORAX_E_TIMEOUT, "the box did not answer in %lld ms and was ended", (long long)b->left_ms);
    link_kill(b->child, b->state != BOX_RUNNING, "it did not end in time");
}

static struct exec_run *box_create(struct exec *x, struct err *err)
{
    static const struct link_ops ops = { on_up, on_message, on_down };
    const char *argv[] = { x->config->box_path, "exec", NULL };
    struct exec_run *b = calloc(1, sizeof(*b));

    if (b == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    b->exec = x;
    b->state = BOX_STORED;
    TAILQ_INSERT_TAIL(&x->boxes, b, link);
    b->timer = evtimer_new(x->base, on_timer, b);
    b->child = b->timer ? link_create(x->base, "box", x->config->box_path, argv, &ops, b, err) : NULL;
    if (b->child == NULL) {
        box_destroy(b);
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    link_start_once(b->child);
    if (b->state == BOX_OVER) {
        fail(err, CORAX_E_UNAVAIL, "unavailable: the box does not start: %s", link_last_error(b->child));
        return NULL; /* its memory goes later */
    }
    return b;
}

static void store_one(struct exec *x)
{
    struct err err = { 0 };

    x->refill = false;
    if (x->stored == NULL)
        x->stored = box_create(x, &err);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct exec *x = arg;
    struct exec_run *b, *next;

    for (b = TAILQ_FIRST(&x->boxes); b; b = next) {
        next = TAILQ_NEXT(b, link);
        if (b->state != BOX_OVER)
            continue;
        if (b->done) {
            tell(b, NULL, &b->err);
            x->refill = true;
            soon(x); /* who was told may have cancelled any other: begin again */
            return;
        }
        box_destroy(b);
    }
    if (x->refill)
        store_one(x);
}

/* --- for the hosts ---------------------------------------------------------------------------------------------- */

struct exec *exec_create(struct event_base *base, const struct config *config, struct err *err)
{
    struct exec *x = calloc(1, sizeof(*x));

    if (x) {
        TAILQ_INIT(&x->boxes);
        x->base = base;
        x->config = config;
        x->later = event_new(base, -1, 0, on_later, x);
    }
    if (x == NULL || x->later == NULL) {
        free(x);
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    return x;
}

void exec_destroy(struct exec *x)
{
    if (x == NULL)
        return;
    while (!TAILQ_EMPTY(&x->boxes))
        box_destroy(TAILQ_FIRST(&x->boxes));
    event_free(x->later);
    free(x);
}

void exec_prepare(struct exec *x)
{
    if (x->stored == NULL)
        store_one(x);
}

/* Never a longer time than what is left; anything that makes no sense is for the box to refuse. */
static void write_limits(struct jsonw *w, const struct json *limits, int64_t left_ms)
{
    int64_t most = left_ms > 2 * RESERVE_MS ? left_ms - RESERVE_MS : left_ms / 2 + 1, wall = WALL_MS;
    const struct json *given = json_get(limits, "wall_ms"), *m;

    jsonw_object(w, "limits");
    for (m = json_first(limits); m; m = json_next(m))
        if (m != given)
            jsonw_value(w, json_key(m), m);
    if (given && json_int(given, "wall_ms", &wall, NULL) < 0)
        jsonw_value(w, "wall_ms", given);
    else
        jsonw_int(w, "wall_ms", wall < most ? wall : most);
    jsonw_end(w);
}

static void write_request(struct buf *line, const struct json *params, int64_t left_ms)
{
    const struct json *limits = json_get(params, "limits"), *m;
    struct jsonw w = rpc_request_start(line, RUN_ID, "exec");

    for (m = json_first(params); m; m = json_next(m))
        if (m != limits || json_kind(limits) != JSON_OBJECT)
            jsonw_value(&w, json_key(m), m);
    if (limits == NULL || json_kind(limits) == JSON_OBJECT)
        write_limits(&w, limits, left_ms);
    rpc_end(&w);
}

struct exec_run *exec_run(struct exec *x, const struct json *params, int64_t left_ms, exec_done *done, void *arg,
                          struct err *err)
{
    struct exec_run *b = x->stored;
    struct buf line;

    if (json_kind(params) != JSON_OBJECT) {
        fail(err, CORAX_E_ARGS, "corax/exec: params must be an object");
        return NULL;
    }
    buf_init(&line, RPC_MAX_LINE);
    write_request(&line, params, left_ms);
    if (line.failed) {
        fail(err, CORAX_E_LIMIT, "the request to run a program is too large: at most %d bytes", RPC_MAX_LINE);
        buf_finish(&line);
        return NULL;
    }
    if (b == NULL && (b = box_create(x, err)) == NULL) {
        buf_finish(&line);
        return NULL;
    }
    x->stored = NULL;
    x->n_runs++;
    b->state = BOX_RUNNING;
    b->left_ms = left_ms;
    b->done = done;
    b->arg = arg;
    set_timer(b, left_ms > 0 ? left_ms : 1);
    if (!link_send(b->child, &line))
        link_kill(b->child, false, "it does not read what it is sent");
    buf_finish(&line);
    return b;
}

void exec_cancel(struct exec_run *b)
{
    if (b == NULL)
        return;
    b->done = NULL;
    b->exec->refill = true;
    if (b->state == BOX_RUNNING)
        link_kill(b->child, true, "its call is over");
}

void exec_write_health(const struct exec *x, struct jsonw *w)
{
    const struct exec_run *b;
    int n_running = 0;

    TAILQ_FOREACH(b, &x->boxes, link)
    n_running += b->state == BOX_RUNNING;
    jsonw_object(w, "exec");
    jsonw_int(w, "running", n_running);
    jsonw_int(w, "stored", x->stored != NULL);
    jsonw_int(w, "runs", (int64_t)x->n_runs);
    jsonw_text(w, "error", x->last_error[0] ? x->last_error : NULL);
    jsonw_end(w);
}
