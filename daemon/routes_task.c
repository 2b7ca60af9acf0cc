/*
 * The paths of one task.  A task that another uid owns answers as if it were not there.
 *
 * A task that is not finished is in memory and answers from there; the others are read from the journal, and the
 * request waits for that.
 */
#include "daemon/routes_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/scheduler.h"
#include "daemon/sse.h"

#define MAX_WAIT_S      300
#define RETRY_AFTER_S   "10" /* by then a daemon that is ending has mostly ended, and been started again */
#define RECOVERY_MS     20 /* between two looks whether a task has been recovered */
#define TRACE_MAX_BYTES ((size_t)256 << 20)

void routes_bad(struct evhttp_request *req, const char *code, const char *param, const char *message)
{
    http_reply_error(req, 400, "invalid_request", code, param, "%s", message);
}

static void no_task(struct evhttp_request *req, const char *id)
{
    http_reply_error(req, 404, "not_found", "task_not_found", "id", "there is no task %.64s", id);
}

void routes_journal_trouble(struct evhttp_request *req, const struct err *err)
{
    http_reply_error(req, 503, "unavailable", "journal", NULL, "%s", err->msg);
}

void routes_ending(struct evhttp_request *req, const char *message)
{
    http_set_header(req, "Retry-After", RETRY_AFTER_S);
    http_reply_error(req, 503, "unavailable", "shutting_down", NULL, "%s", message);
}

bool routes_may_see(const struct http_peer *peer, uint32_t uid)
{
    return peer->admin || peer->uid == uid;
}

void *routes_need(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* An integer query parameter; *out stays as it is when absent.  false: it was refused. */
bool routes_query_int(struct evhttp_request *req, const char *name, int64_t min, int64_t max, int64_t *out)
{
    char text[32], *end;
    long long v;

    if (!http_query(req, name, text, sizeof(text)))
        return true;
    v = strtoll(text, &end, 10);
    if (text[0] == '\0' || *end != '\0' || v < min || v > max) {
        http_reply_error(req, 400, "invalid_request", "bad_value", name, "%s must be an integer between %lld and %lld",
                         name, (long long)min, (long long)max);
        return false;
    }
    *out = v;
    return true;
}
/* --- tasks as JSON ---------------------------------------------------------------------------------------------- */

static void write_text_member(struct jsonw *w, const char *key, const char *json, size_t len, const char *pointer)
{
    const char *value;
    size_t value_len;

    if (json && json_find(json, len, pointer, &value, &value_len))
        jsonw_raw(w, key, value, value_len);
    else
        jsonw_null(w, key);
}

/* The members of a task that is not in memory: its row, its first and its last event. */
static void write_stored(struct jsonw *w, const struct journal_read *r)
{
    const struct task_row *row = &r->row;
    const struct stored_event *first = r->n_events > 0 ? &r->events[0] : NULL;
    const struct stored_event *last = r->n_events > 0 ? &r->events[r->n_events - 1] : NULL;
    bool ended = row->state == TASK_FINISHED && last;

    jsonw_text(w, "id", row->id);
    jsonw_text(w, "state", task_state_name(row->state));
    jsonw_text(w, "outcome", task_outcome_name(row->outcome));
    if (ended && row->outcome == OUTCOME_ANSWERED)
        write_text_member(w, "answer", last->json, last->len, "/text");
    else
        jsonw_null(w, "answer");
    if (ended && row->outcome == OUTCOME_FAILED) {
        jsonw_object(w, "error");
        write_text_member(w, "code", last->json, last->len, "/code");
        write_text_member(w, "message", last->json, last->len, "/text");
        jsonw_end(w);
    } else {
        jsonw_null(w, "error");
    }
    jsonw_null(w, "waiting_for");
    jsonw_bool(w, "paused", row->state == TASK_PAUSED);
    jsonw_text(w, "input_text", row->input_text);
    task_write_input(w, first ? first->json : "", first ? first->len : 0);
    task_write_usage(w, row);
    jsonw_text(w, "model", row->model[0] ? row->model : NULL);
    jsonw_int(w, "uid", row->uid);
    jsonw_int(w, "created_ms", row->created_ms);
    jsonw_int(w, "updated_ms", row->updated_ms);
    jsonw_int(w, "last_seq", row->last_seq);
}

static void reply_task(struct evhttp_request *req, int status, const struct task *t)
{
    struct buf json;
    struct jsonw w;

    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    task_write(t, &w);
    jsonw_end(&w);
    http_reply_json(req, status, &json);
}

/* --- GET /v1/tasks/{id} and .../trace --------------------------------------------------------------------------- */

struct pending *pending_create(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer,
                               const char *id)
{
    struct pending *p = routes_need(calloc(1, sizeof(*p)));

    p->d = d;
    p->req = req;
    p->peer = *peer;
    p->status = 200;
    p->again = routes_get_task;
    snprintf(p->id, sizeof(p->id), "%s", id);
    return p;
}

void pending_destroy(struct pending *p)
{
    if (p->task)
        task_unlisten(p->task, &p->listener);
    if (p->timeout)
        event_free(p->timeout);
    policy_destroy(p->policy);
    free(p);
}

static void on_ask_again(evutil_socket_t fd, short what, void *arg)
{
    struct pending *p = arg;

    p->again(p->d, p->req, &p->peer, p->id);
    pending_destroy(p);
}

/* An unfinished task that was not in memory when it was looked for: it is being recovered, or has been meanwhile. */
static bool is_being_recovered(const struct pending *p)
{
    return scheduler_find(p->d->scheduler, p->id) ||
           (!scheduler_is_ready(p->d->scheduler) && !scheduler_is_stopping(p->d->scheduler));
}

static void ask_again_later(struct pending *p)
{
    const struct timeval tv = { .tv_usec = RECOVERY_MS * 1000 };

    p->timeout = routes_need(evtimer_new(p->d->base, on_ask_again, p));
    event_add(p->timeout, &tv);
}

/*
 * A request to change a task that is unfinished and was not in memory is made once more when the task has been recovered:
 * true, and it keeps its pending.  false: it is answered.
 */
static bool waits_for_recovery(struct pending *p)
{
    if (is_being_recovered(p)) {
        ask_again_later(p);
        return true;
    }
    if (scheduler_is_stopping(p->d->scheduler))
        routes_ending(p->req, "the daemon is ending; the task goes on when it is back");
    else
        http_reply_error(p->req, 500, "internal", "not_recovered", NULL,
                         "task %s could not be recovered: the daemon's log says why", p->id);
    return false;
}

bool pending_is_there(const struct pending *p, const struct journal_read *r)
{
    if (r->op.result < 0)
        routes_journal_trouble(p->req, &r->op.err);
    else if (!r->found || !routes_may_see(&p->peer, r->row.uid))
        no_task(p->req, p->id);
    else
        return true;
    return false;
}

static void on_stored_task(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct pending *p = op->arg;
    struct buf json;
    struct jsonw w;

    if (!pending_is_there(p, r)) {
        ; /* that is the answer */
    } else if (r->row.state != TASK_FINISHED && (scheduler_find(p->d->scheduler, p->id) || (p->waits && is_being_recovered(p)))) {
        ask_again_later(p);
        p = NULL;
    } else {
        buf_init(&json, ROUTES_ANSWER_LIMIT);
        w = jsonw_start(&json);
        jsonw_object(&w, NULL);
        write_stored(&w, r);
        jsonw_end(&w);
        http_reply_json(p->req, p->status, &json);
    }
    journal_read_finish(r);
    free(r);
    if (p)
        pending_destroy(p);
}

void pending_read(struct pending *p, void (*done)(struct journal_op *), bool ends_only)
{
    struct journal_read *r = routes_need(malloc(sizeof(*r)));

    journal_read_init(r, p->id, done);
    r->ends_only = ends_only;
    r->max_bytes = TRACE_MAX_BYTES;
    r->op.arg = p;
    journal_post(p->d->journal, &r->op);
}

static void on_trace(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct pending *p = op->arg;
    struct task *t = scheduler_find(p->d->scheduler, p->id);
    struct buf json;
    struct jsonw w;
    size_t i;

    if (!pending_is_there(p, r)) {
        ; /* that is the answer */
    } else {
        buf_init(&json, ROUTES_ANSWER_LIMIT);
        w = jsonw_start(&json);
        jsonw_object(&w, NULL);
        jsonw_object(&w, "task");
        if (t)
            task_write(t, &w);
        else
            write_stored(&w, r);
        jsonw_end(&w);
        jsonw_array(&w, "events");
        for (i = 0; i < r->n_events; i++)
            jsonw_raw(&w, NULL, r->events[i].json, r->events[i].len);
        jsonw_end(&w);
        jsonw_end(&w);
        http_reply_json(p->req, 200, &json);
    }
    journal_read_finish(r);
    free(r);
    pending_destroy(p);
}

/* Waiting for a change of state, or for a commit: both end in the same reply. */
static void wait_over(struct pending *p)
{
    reply_task(p->req, p->status, p->task);
    pending_destroy(p);
}

static bool is_settled(const struct task *t)
{
    return t->shown == TASK_FINISHED || t->shown == TASK_WAITING || t->shown == TASK_PAUSED;
}

static void on_wait_timeout(evutil_socket_t fd, short what, void *arg)
{
    wait_over(arg);
}

static void on_wait_changed(struct task_listener *l)
{
    struct pending *p = (struct pending *)l;

    if (p->wait_seq == 0 ? is_settled(p->task) : p->task->shown == TASK_FINISHED)
        wait_over(p);
}

static void on_wait_entry(struct task_listener *l, const struct entry *e)
{
    struct pending *p = (struct pending *)l;

    /* The end is told by on_wait_changed, once the state shows it. */
    if (p->wait_seq && e->seq >= p->wait_seq && p->task->row.state != TASK_FINISHED)
        wait_over(p);
}

static void on_wait_delta(struct task_listener *l, const struct model_delta *d)
{
}

static void on_wait_gone(struct task_listener *l)
{
    struct pending *p = (struct pending *)l;

    p->task = NULL;
    if (!scheduler_is_stopping(p->d->scheduler)) {
        pending_read(p, on_stored_task, true);
        return;
    }
    routes_ending(p->req, "the daemon is ending; the task goes on when it is back");
    pending_destroy(p);
}

/* Answers once the entry with this number is durable (0: once the task is settled). */
static void wait_for(struct pending *p, struct task *t, int64_t seq)
{
    p->task = t;
    p->wait_seq = seq;
    p->listener.changed = on_wait_changed;
    p->listener.entry = on_wait_entry;
    p->listener.delta = on_wait_delta;
    p->listener.gone = on_wait_gone;
    task_listen(t, &p->listener);
}

void routes_get_task(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    struct task *t = scheduler_find(d->scheduler, id);
    struct pending *p;
    struct timeval tv = { 0 };
    int64_t wait = 0;

    if (!routes_query_int(req, "wait", 0, MAX_WAIT_S, &wait))
        return;
    if (t && !routes_may_see(peer, t->row.uid)) {
        no_task(req, id);
        return;
    }
    if (t && (wait == 0 || is_settled(t))) {
        reply_task(req, 200, t);
        return;
    }
    p = pending_create(d, req, peer, id);
    p->waits = wait > 0;
    if (t == NULL) {
        pending_read(p, on_stored_task, true);
        return;
    }
    tv.tv_sec = wait;
    p->timeout = routes_need(evtimer_new(d->base, on_wait_timeout, p));
    event_add(p->timeout, &tv);
    wait_for(p, t, 0);
}

void routes_get_trace(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    struct task *t = scheduler_find(d->scheduler, id);

    if (t)
        task_flush(t);
    pending_read(pending_create(d, req, peer, id), on_trace, false);
}

/* --- GET /v1/tasks/{id}/events ---------------------------------------------------------------------------------- */

static void on_watch_checked(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct pending *p = op->arg;

    if (op->result < 0)
        routes_journal_trouble(p->req, &op->err);
    else if (!r->found || !routes_may_see(&p->peer, r->row.uid))
        no_task(p->req, p->id);
    else if (evhttp_request_get_connection(p->req))
        sse_start(p->d, p->req, p->id, p->wait_seq);
    else
        http_reply_error(p->req, 500, "internal", "gone", NULL, "the client is gone"); /* frees the request */
    journal_read_finish(r);
    free(r);
    pending_destroy(p);
}

void routes_get_events(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    const char *last = http_header(req, "Last-Event-ID");
    struct task *t = scheduler_find(d->scheduler, id);
    struct journal_read *r;
    struct pending *p;
    int64_t after = last ? strtoll(last, NULL, 10) : 0;

    if (after < 0)
        after = 0;
    if (!routes_query_int(req, "starting_after", 0, INT64_C(1) << 53, &after))
        return;
    if (t)
        task_flush(t);
    p = pending_create(d, req, peer, id);
    p->wait_seq = after;
    r = routes_need(malloc(sizeof(*r)));
    journal_read_init(r, id, on_watch_checked);
    r->op.arg = p;
    journal_post(d->journal, &r->op);
}

/* --- POST /v1/tasks/{id}/cancel --------------------------------------------------------------------------------- */

/* Cancels a live task, and answers once that is durable. */
static void cancel_live(struct pending *p, struct task *t)
{
    p->status = 202;
    task_cancel(t);
    wait_for(p, t, t->row.last_seq);
}

/* The task is not in memory: reads its row, by which `looked` decides.  `again` is the route that was asked. */
static void look(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id, task_route *again,
                 void (*looked)(struct journal_op *))
{
    struct pending *p = pending_create(d, req, peer, id);

    p->again = again;
    pending_read(p, looked, true);
}

/* A finished task takes no change. */
static void on_change_checked(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct pending *p = op->arg;

    if (!pending_is_there(p, r))
        ; /* that is the answer */
    else if (r->row.state != TASK_FINISHED)
        p = waits_for_recovery(p) ? NULL : p;
    else
        http_reply_error(p->req, 409, "conflict", p->again == routes_post_input ? "not_waiting" : "task_finished", NULL,
                         "task %s has ended already", p->id);
    journal_read_finish(r);
    free(r);
    if (p)
        pending_destroy(p);
}

/* A task that is in memory is cancelled; what is to be done with another is decided by `looked`, when its row is read. */
static void cancel_or_look(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id,
                           task_route *again, void (*looked)(struct journal_op *))
{
    struct task *t = scheduler_find(d->scheduler, id);

    if (t == NULL)
        look(d, req, peer, id, again, looked);
    else if (!routes_may_see(peer, t->row.uid))
        no_task(req, id);
    else
        cancel_live(pending_create(d, req, peer, id), t);
}

void routes_post_cancel(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    cancel_or_look(d, req, peer, id, routes_post_cancel, on_change_checked);
}

/* --- POST /v1/tasks/{id}/pause and .../resume ------------------------------------------------------------------- */

static void pause_or_resume(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id,
                            task_route *again, int (*change)(struct task *, uint32_t uid, int64_t *seq, const char **code))
{
    struct task *t = scheduler_find(d->scheduler, id);
    const char *code;
    int64_t seq;

    if (t == NULL) {
        look(d, req, peer, id, again, on_change_checked);
    } else if (!routes_may_see(peer, t->row.uid)) {
        no_task(req, id);
    } else if (change(t, peer->uid, &seq, &code) < 0) {
        http_reply_error(req, 409, "conflict", code, NULL, strcmp(code, "not_paused") == 0 ? "task %s is not paused" : "task %s has ended already", id);
    } else if (t->saved_seq >= seq) {
        reply_task(req, 200, t);
    } else {
        wait_for(pending_create(d, req, peer, id), t, seq);
    }
}

void routes_post_pause(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    pause_or_resume(d, req, peer, id, routes_post_pause, task_pause);
}

void routes_post_resume(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    pause_or_resume(d, req, peer, id, routes_post_resume, task_resume);
}

/* --- DELETE /v1/tasks/{id} -------------------------------------------------------------------------------------- */

static void on_deleted(struct journal_op *op)
{
    struct journal_delete *del = (struct journal_delete *)op;
    struct pending *p = op->arg;

    if (op->result < 0)
        routes_journal_trouble(p->req, &op->err);
    else if (!del->found)
        no_task(p->req, p->id);
    else
        evhttp_send_reply(p->req, 204, "No Content", NULL);
    free(del);
    pending_destroy(p);
}

static void on_delete_checked(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct pending *p = op->arg;
    struct journal_delete *del;

    if (!pending_is_there(p, r)) {
        ; /* that is the answer */
    } else if (r->row.state != TASK_FINISHED) {
        p = waits_for_recovery(p) ? NULL : p;
    } else {
        del = routes_need(malloc(sizeof(*del)));
        journal_delete_init(del, p->id, on_deleted);
        del->op.arg = p;
        journal_post(p->d->journal, &del->op);
        p = NULL;
    }
    journal_read_finish(r);
    free(r);
    if (p)
        pending_destroy(p);
}

void routes_delete_task(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    cancel_or_look(d, req, peer, id, routes_delete_task, on_delete_checked);
}

/* --- POST /v1/tasks/{id}/input ---------------------------------------------------------------------------------- */

static int read_said(const struct json *root, const char **approve, const char **deny, const char **reason,
                     const char **answer, const char **param, struct err *err)
{
    static const char *const known[] = { "approve", "deny", "reason", "answer", NULL };
    const char **slots[] = { approve, deny, reason, answer };
    int i, n = 0;

    *param = NULL;
    if (json_check_members(root, "the body", known, err) < 0)
        return -1;
    for (i = 0; i < 4; i++) {
        const struct json *v = json_get(root, known[i]);

        *slots[i] = json_text(v);
        *param = known[i];
        if (v && *slots[i] == NULL)
            return fail(err, CORAX_E_ARGS, "%s must be a text", known[i]);
        n += v && slots[i] != reason;
    }
    *param = NULL;
    if (n != 1)
        return fail(err, CORAX_E_ARGS, "give exactly one of approve, deny and answer");
    *param = "reason";
    if (*reason && (*deny == NULL || strlen(*reason) > TASK_MAX_REASON))
        return fail(err, CORAX_E_ARGS, "a reason goes with deny and has at most %d bytes", TASK_MAX_REASON);
    return 0;
}

void routes_post_input(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    const char *approve, *deny, *reason, *answer, *param, *code, *body;
    struct task *t = scheduler_find(d->scheduler, id);
    struct err err = { 0 };
    struct json *root;
    int64_t before;
    size_t len;
    int rc;

    if (t == NULL) {
        look(d, req, peer, id, routes_post_input, on_change_checked);
        return;
    }
    if (!routes_may_see(peer, t->row.uid)) {
        no_task(req, id);
        return;
    }
    body = http_body(req, &len);
    root = json_parse(body, len, &err);
    if (root == NULL) {
        routes_bad(req, "bad_json", NULL, err.msg);
        return;
    }
    if (read_said(root, &approve, &deny, &reason, &answer, &param, &err) < 0) {
        routes_bad(req, "bad_value", param, err.msg);
        json_free(root);
        return;
    }
    before = t->row.last_seq;
    rc = t->shown != TASK_WAITING ? (code = "not_waiting", -1)
         : answer                 ? task_answer(t, peer->uid, answer, &code)
                  : task_approve(t, peer->uid, approve != NULL, approve ? approve : deny, reason, &code);
    json_free(root);
    if (rc < 0 && strcmp(code, "wrong_request_hash") == 0)
        http_reply_error(req, 409, "conflict", code, approve ? "approve" : "deny",
                         "this is not the request the task waits for: look at waiting_for.request_hash");
    else if (rc < 0)
        http_reply_error(req, 409, "conflict", code, NULL, "task %s does not wait for this", id);
    else
        wait_for(pending_create(d, req, peer, id), t, before + 1);
}
