/*
 * One function a path.  A task that another uid owns answers as if it were not there.
 */
#include "daemon/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hosts.h"
#include "daemon/model.h"
#include "daemon/scheduler.h"
#include "daemon/sse.h"
#include "daemon/task.h"
#include "util/clock.h"
#include "util/log.h"

#define MAX_WAIT_S      300
#define MAX_LIST        500
#define MAX_KEY         200
#define MAX_REASON      2000
#define ANSWER_LIMIT    (512u << 20)
#define TRACE_MAX_BYTES ((size_t)256 << 20)

/* A request that waits for something. */
struct pending {
    struct task_listener listener;
    struct coraxd *d;
    struct evhttp_request *req;
    struct http_peer peer;
    struct task *task;     /* being listened to; NULL: not */
    struct event *timeout; /* NULL: none */
    char id[ID_LEN + 1];
    int64_t wait_seq; /* of the entry whose commit is awaited */
    int status;       /* of the reply */
};

static void bad(struct evhttp_request *req, const char *code, const char *param, const char *message)
{
    http_reply_error(req, 400, "invalid_request", code, param, "%s", message);
}

static void no_task(struct evhttp_request *req, const char *id)
{
    http_reply_error(req, 404, "not_found", "task_not_found", "id", "there is no task %.64s", id);
}

static void journal_trouble(struct evhttp_request *req, const struct err *err)
{
    http_reply_error(req, 503, "unavailable", "journal", NULL, "%s", err->msg);
}

static bool may_see(const struct http_peer *peer, uint32_t uid)
{
    return peer->admin || peer->uid == uid;
}

static void *need(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* An integer query parameter; *out stays as it is when absent.  false: it was refused. */
static bool query_int(struct evhttp_request *req, const char *name, int64_t min, int64_t max, int64_t *out)
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

    buf_init(&json, ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    task_write(t, &w);
    jsonw_end(&w);
    http_reply_json(req, status, &json);
}

/* --- GET /v1/tasks/{id} and .../trace --------------------------------------------------------------------------- */

static struct pending *pending_create(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer,
                                      const char *id)
{
    struct pending *p = need(calloc(1, sizeof(*p)));

    p->d = d;
    p->req = req;
    p->peer = *peer;
    p->status = 200;
    snprintf(p->id, sizeof(p->id), "%s", id);
    return p;
}

static void pending_destroy(struct pending *p)
{
    if (p->task)
        task_unlisten(p->task, &p->listener);
    if (p->timeout)
        event_free(p->timeout);
    free(p);
}

static void on_stored_task(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct pending *p = op->arg;
    struct buf json;
    struct jsonw w;

    if (op->result < 0) {
        journal_trouble(p->req, &op->err);
    } else if (!r->found || !may_see(&p->peer, r->row.uid)) {
        no_task(p->req, p->id);
    } else {
        buf_init(&json, ANSWER_LIMIT);
        w = jsonw_start(&json);
        jsonw_object(&w, NULL);
        write_stored(&w, r);
        jsonw_end(&w);
        http_reply_json(p->req, p->status, &json);
    }
    journal_read_finish(r);
    free(r);
    pending_destroy(p);
}

static void read_stored(struct pending *p, void (*done)(struct journal_op *), bool ends_only)
{
    struct journal_read *r = need(malloc(sizeof(*r)));

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

    if (op->result < 0) {
        journal_trouble(p->req, &op->err);
    } else if (!r->found || !may_see(&p->peer, r->row.uid)) {
        no_task(p->req, p->id);
    } else {
        buf_init(&json, ANSWER_LIMIT);
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
    return t->shown == TASK_FINISHED || t->shown == TASK_WAITING;
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

static void on_wait_delta(struct task_listener *l, const char *kind, const char *text)
{
}

static void on_wait_gone(struct task_listener *l)
{
    struct pending *p = (struct pending *)l;

    p->task = NULL;
    if (!scheduler_is_stopping(p->d->scheduler)) {
        read_stored(p, on_stored_task, true);
        return;
    }
    http_reply_error(p->req, 503, "unavailable", "shutting_down", NULL,
                     "the daemon is ending; the task goes on when it is back");
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

static void get_task(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    struct task *t = scheduler_find(d->scheduler, id);
    struct pending *p;
    struct timeval tv = { 0 };
    int64_t wait = 0;

    if (!query_int(req, "wait", 0, MAX_WAIT_S, &wait))
        return;
    if (t && !may_see(peer, t->row.uid)) {
        no_task(req, id);
        return;
    }
    if (t && (wait == 0 || is_settled(t))) {
        reply_task(req, 200, t);
        return;
    }
    p = pending_create(d, req, peer, id);
    if (t == NULL) {
        read_stored(p, on_stored_task, true);
        return;
    }
    tv.tv_sec = wait;
    p->timeout = need(evtimer_new(d->base, on_wait_timeout, p));
    event_add(p->timeout, &tv);
    wait_for(p, t, 0);
}

static void get_trace(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    struct task *t = scheduler_find(d->scheduler, id);

    if (t)
        task_flush(t);
    read_stored(pending_create(d, req, peer, id), on_trace, false);
}

/* --- GET /v1/tasks/{id}/events ---------------------------------------------------------------------------------- */

static void on_watch_checked(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct pending *p = op->arg;

    if (op->result < 0)
        journal_trouble(p->req, &op->err);
    else if (!r->found || !may_see(&p->peer, r->row.uid))
        no_task(p->req, p->id);
    else if (evhttp_request_get_connection(p->req))
        sse_start(p->d, p->req, p->id, p->wait_seq);
    else
        http_reply_error(p->req, 500, "internal", "gone", NULL, "the client is gone"); /* frees the request */
    journal_read_finish(r);
    free(r);
    pending_destroy(p);
}

static void get_events(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    const char *last = http_header(req, "Last-Event-ID");
    struct task *t = scheduler_find(d->scheduler, id);
    struct journal_read *r;
    struct pending *p;
    int64_t after = last ? strtoll(last, NULL, 10) : 0;

    if (after < 0)
        after = 0;
    if (!query_int(req, "starting_after", 0, INT64_C(1) << 53, &after))
        return;
    if (t)
        task_flush(t);
    p = pending_create(d, req, peer, id);
    p->wait_seq = after;
    r = need(malloc(sizeof(*r)));
    journal_read_init(r, id, on_watch_checked);
    r->op.arg = p;
    journal_post(d->journal, &r->op);
}

/* --- DELETE /v1/tasks/{id} -------------------------------------------------------------------------------------- */

static void on_deleted(struct journal_op *op)
{
    struct journal_delete *del = (struct journal_delete *)op;
    struct pending *p = op->arg;

    if (op->result < 0)
        journal_trouble(p->req, &op->err);
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

    if (op->result < 0) {
        journal_trouble(p->req, &op->err);
    } else if (!r->found || !may_see(&p->peer, r->row.uid)) {
        no_task(p->req, p->id);
    } else if (r->row.state != TASK_FINISHED) {
        http_reply_error(p->req, 503, "unavailable", "starting", NULL, "the task is still being recovered: try again");
    } else {
        del = need(malloc(sizeof(*del)));
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

static void delete_task(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    struct task *t = scheduler_find(d->scheduler, id);
    struct journal_read *r;
    struct pending *p;

    if (t && !may_see(peer, t->row.uid)) {
        no_task(req, id);
        return;
    }
    p = pending_create(d, req, peer, id);
    if (t) {
        p->status = 202;
        task_cancel(t);
        wait_for(p, t, t->row.last_seq);
        return;
    }
    r = need(malloc(sizeof(*r)));
    journal_read_init(r, id, on_delete_checked);
    r->op.arg = p;
    journal_post(d->journal, &r->op);
}

/* --- POST /v1/tasks/{id}/input ---------------------------------------------------------------------------------- */

static int read_said(const struct json *root, const char **approve, const char **deny, const char **reason,
                     const char **answer, const char **param, struct err *err)
{
    static const char *const known[] = { "approve", "deny", "reason", "answer", NULL };
    const char **slots[] = { approve, deny, reason, answer };
    int i, n = 0;

    *param = NULL;
    if (config_check_members(root, "the body", known, err) < 0)
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
    if (*reason && (*deny == NULL || strlen(*reason) > MAX_REASON))
        return fail(err, CORAX_E_ARGS, "a reason goes with deny and has at most %d bytes", MAX_REASON);
    return 0;
}

/* For a task that is not in memory. */
static void on_input_checked(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct pending *p = op->arg;

    if (op->result < 0)
        journal_trouble(p->req, &op->err);
    else if (!r->found || !may_see(&p->peer, r->row.uid))
        no_task(p->req, p->id);
    else if (r->row.state != TASK_FINISHED)
        http_reply_error(p->req, 503, "unavailable", "starting", NULL, "the task is still being recovered: try again");
    else
        http_reply_error(p->req, 409, "conflict", "not_waiting", NULL, "task %s is finished", p->id);
    journal_read_finish(r);
    free(r);
    pending_destroy(p);
}

static void post_input(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    const char *approve, *deny, *reason, *answer, *param, *code, *body;
    struct task *t = scheduler_find(d->scheduler, id);
    struct err err = { 0 };
    struct json *root;
    int64_t before;
    size_t len;
    int rc;

    if (t == NULL) {
        read_stored(pending_create(d, req, peer, id), on_input_checked, true);
        return;
    }
    if (!may_see(peer, t->row.uid)) {
        no_task(req, id);
        return;
    }
    body = http_body(req, &len);
    root = json_parse(body, len, &err);
    if (root == NULL) {
        bad(req, "bad_json", NULL, err.msg);
        return;
    }
    if (read_said(root, &approve, &deny, &reason, &answer, &param, &err) < 0) {
        bad(req, "bad_value", param, err.msg);
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

/* --- POST /v1/tasks --------------------------------------------------------------------------------------------- */

static void on_submitted(void *arg, const struct submitted *s)
{
    struct evhttp_request *req = arg;
    char location[64 + ID_LEN];
    struct buf json;
    struct jsonw w;

    if (s->err) {
        journal_trouble(req, s->err);
        return;
    }
    if (s->exists && !s->same) {
        http_reply_error(req, 409, "conflict", "idempotency_mismatch", "Idempotency-Key",
                         "this key came with another body before, for task %s", s->id);
        return;
    }
    snprintf(location, sizeof(location), "/v1/tasks/%s", s->id);
    http_set_header(req, "Location", location);
    buf_init(&json, 4096);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "id", s->id);
    jsonw_text(&w, "state", task_state_name(s->state));
    jsonw_int(&w, "created_ms", s->created_ms);
    jsonw_end(&w);
    http_reply_json(req, s->exists ? 200 : 201, &json);
}

/* NULL: fine, or not yet known what tools there will be. */
static const char *unknown_tool(const struct coraxd *d, const struct submission *sub)
{
    const struct json *e;

    if (!scheduler_is_ready(d->scheduler))
        return NULL;
    for (e = json_first(sub->tools); e; e = json_next(e))
        if (registry_find(d->registry, json_text(e)) == NULL && strcmp(json_text(e), "ask_user") != 0)
            return json_text(e);
    return NULL;
}

static bool good_key(const char *key)
{
    size_t i;

    for (i = 0; key[i]; i++)
        if (key[i] < '!' || key[i] > '~' || i >= MAX_KEY)
            return false;
    return i > 0;
}

static void post_task(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    const char *code, *param, *body, *unknown, *key = http_header(req, "Idempotency-Key");
    struct submission sub;
    struct err err = { 0 };
    size_t len;

    if (key && !good_key(key)) {
        bad(req, "bad_value", "Idempotency-Key", "Idempotency-Key must have 1 to 200 printable ASCII characters");
        return;
    }
    body = http_body(req, &len);
    if (submission_parse(&sub, body, len, &d->config, &code, &param, &err) < 0) {
        bad(req, code, param, err.msg);
    } else if ((unknown = unknown_tool(d, &sub)) != NULL) {
        http_reply_error(req, 400, "invalid_request", "bad_value", "tools", "there is no tool \"%.64s\"", unknown);
    } else {
        sub.uid = peer->uid;
        sub.idem_key = key;
        if (scheduler_submit(d->scheduler, &sub, on_submitted, req, &err) < 0) {
            if (err.status == CORAX_E_LIMIT)
                http_reply_error(req, 429, "overloaded", "queue_full", NULL, "%s", err.msg);
            else if (err.status == CORAX_E_ARGS)
                bad(req, "bad_value", NULL, err.msg);
            else
                http_reply_error(req, 500, "internal", "memory", NULL, "%s", err.msg);
        }
    }
    submission_finish(&sub);
}

/* --- GET /v1/tasks ---------------------------------------------------------------------------------------------- */

static void on_listed(struct journal_op *op)
{
    struct journal_list *l = (struct journal_list *)op;
    struct pending *p = op->arg;
    struct buf json;
    struct jsonw w;
    size_t i;

    if (op->result < 0) {
        journal_trouble(p->req, &op->err);
        goto out;
    }
    buf_init(&json, ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_array(&w, "tasks");
    for (i = 0; i < l->n_rows; i++) {
        const struct task_row *r = &l->rows[i];
        const struct task *t = scheduler_find(p->d->scheduler, r->id);
        enum task_state state = t ? t->shown : r->state;

        jsonw_object(&w, NULL);
        jsonw_text(&w, "id", r->id);
        jsonw_text(&w, "state", task_state_name(state));
        jsonw_text(&w, "outcome", task_outcome_name(state == TASK_FINISHED && t ? t->row.outcome : r->outcome));
        jsonw_int(&w, "created_ms", r->created_ms);
        jsonw_int(&w, "updated_ms", r->updated_ms);
        jsonw_int(&w, "n_steps", r->n_steps);
        jsonw_text(&w, "input_text", r->input_text);
        jsonw_text(&w, "answer", r->has_answer ? r->answer : NULL);
        jsonw_int(&w, "uid", r->uid);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    jsonw_bool(&w, "more", l->more);
    jsonw_end(&w);
    http_reply_json(p->req, 200, &json);
out:
    journal_list_finish(l);
    free(l);
    pending_destroy(p);
}

static void get_tasks(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct journal_list *l;
    char state[16], before[ID_LEN + 1];
    int64_t limit = 50;
    int want = -1;

    if (!query_int(req, "limit", 1, MAX_LIST, &limit))
        return;
    if (http_query(req, "state", state, sizeof(state)) && (want = task_state_find(state)) < 0) {
        bad(req, "bad_value", "state", "state must be queued, running, waiting or finished");
        return;
    }
    if (http_query(req, "before", before, sizeof(before)) && !id_is_valid(before, strlen(before))) {
        bad(req, "bad_value", "before", "before must be the id of a task");
        return;
    }
    l = need(malloc(sizeof(*l)));
    journal_list_init(l, on_listed);
    l->uid = peer->admin ? -1 : (int64_t)peer->uid;
    l->state = want;
    l->limit = (int)limit;
    snprintf(l->before, sizeof(l->before), "%s", before);
    l->op.arg = pending_create(d, req, peer, "");
    journal_post(d->journal, &l->op);
}

/* --- the rest --------------------------------------------------------------------------------------------------- */

static void get_ping(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    http_reply_text(req, 200, "OK");
}

static void get_health(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct scheduler_counts n = scheduler_counts(d->scheduler);
    struct buf json;
    struct jsonw w;
    bool good;
    size_t i;

    buf_init(&json, 1u << 20);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "version", PACKAGE_VERSION);
    jsonw_text(&w, "api_version", HTTP_API_VERSION);
    jsonw_int(&w, "uptime_ms", clock_mono_ms() - d->started_ms);
    good = model_write_health(d->model, &w);
    good = hosts_write_health(d->hosts, &w) && good;
    good = journal_write_health(d->journal, &w) && good;
    jsonw_object(&w, "tasks");
    jsonw_int(&w, "running", n.n_running);
    jsonw_int(&w, "queued", n.n_queued);
    jsonw_int(&w, "waiting", n.n_waiting);
    jsonw_int(&w, "max_running", d->config.max_running);
    jsonw_int(&w, "max_queued", d->config.max_queued);
    jsonw_end(&w);
    jsonw_object(&w, "policy");
    jsonw_text(&w, "hash", policy_hash(d->policy));
    jsonw_array(&w, "files");
    for (i = 0; i < d->config.policies.n; i++)
        jsonw_text(&w, NULL, d->config.policies.at[i]);
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_text(&w, "status", good ? "ok" : "degraded");
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
}

static void get_tools(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct buf json;
    struct jsonw w;

    buf_init(&json, ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    registry_write_json(d->registry, &w, "tools");
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
}

/* --- which -------------------------------------------------------------------------------------------------------*/

typedef void plain_route(struct coraxd *, struct evhttp_request *, const struct http_peer *);
typedef void task_route(struct coraxd *, struct evhttp_request *, const struct http_peer *, const char *id);

static const struct {
    const char *path;
    plain_route *get, *post;
} plain_routes[] = {
    { "/_ping", get_ping, NULL },
    { "/healthz", get_health, NULL },
    { "/v1/tasks", get_tasks, post_task },
    { "/v1/tools", get_tools, NULL },
};

static const struct {
    const char *rest; /* after the id */
    task_route *get, *post, *del;
} task_routes[] = {
    { "", get_task, NULL, delete_task },
    { "/events", get_events, NULL, NULL },
    { "/trace", get_trace, NULL, NULL },
    { "/input", NULL, post_input, NULL },
};

static void bad_method(struct evhttp_request *req, const char *allow)
{
    http_set_header(req, "Allow", allow);
    http_reply_error(req, 405, "invalid_request", "bad_method", NULL, "this path knows %s", allow);
}

static void handle_task(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *rest)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    size_t n = strcspn(rest, "/"), i;
    char id[ID_LEN + 1];

    if (!id_is_valid(rest, n)) {
        http_reply_error(req, 404, "not_found", "task_not_found", "id", "there is no task %.*s", n < 64 ? (int)n : 64,
                         rest);
        return;
    }
    memcpy(id, rest, ID_LEN);
    id[ID_LEN] = '\0';
    for (i = 0; i < sizeof(task_routes) / sizeof(*task_routes); i++) {
        if (strcmp(rest + n, task_routes[i].rest) != 0)
            continue;
        if (task_routes[i].get == get_events && method == EVHTTP_REQ_HEAD)
            bad_method(req, "GET");
        else if (task_routes[i].get && (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD))
            task_routes[i].get(d, req, peer, id);
        else if (task_routes[i].post && method == EVHTTP_REQ_POST)
            task_routes[i].post(d, req, peer, id);
        else if (task_routes[i].del && method == EVHTTP_REQ_DELETE)
            task_routes[i].del(d, req, peer, id);
        else
            bad_method(req, task_routes[i].post ? "POST" : task_routes[i].del ? "GET, HEAD, DELETE" : "GET, HEAD");
        return;
    }
    http_reply_error(req, 404, "not_found", "no_such_path", NULL, "a task has events, trace and input");
}

void routes_handle(void *arg, struct evhttp_request *req, const struct http_peer *peer)
{
    struct coraxd *d = arg;
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
    size_t i;

    if (path == NULL)
        path = "/";
    for (i = 0; i < sizeof(plain_routes) / sizeof(*plain_routes); i++) {
        if (strcmp(path, plain_routes[i].path) != 0)
            continue;
        if (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD)
            plain_routes[i].get(d, req, peer);
        else if (plain_routes[i].post && method == EVHTTP_REQ_POST)
            plain_routes[i].post(d, req, peer);
        else
            bad_method(req, plain_routes[i].post ? "GET, HEAD, POST" : "GET, HEAD");
        return;
    }
    if (strncmp(path, "/v1/tasks/", 10) == 0)
        handle_task(d, req, peer, path + 10);
    else
        http_reply_error(req, 404, "not_found", "no_such_path", NULL, "there is nothing at %.100s", path);
}
