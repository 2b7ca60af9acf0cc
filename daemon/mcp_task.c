/*
 * A corax task as an MCP task (the extension io.modelcontextprotocol/tasks), and its trace as a resource.
 *
 * Nothing is kept for it: a task that is not over is asked, another is read from the journal.  Any of the client's own
 * tasks can be followed so, also one that `corax run` began.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/journal.h"
#include "daemon/mcp_serve.h"
#include "daemon/routes_task.h"
#include "daemon/scheduler.h"
#include "util/clock.h"

#define POLL_MS         1000
#define TRACE_MAX_BYTES (16u << 20)

/* A request that waits for the journal. */
struct reading {
    struct evhttp_request *req;
    struct http_peer peer;
    bool is_resource;
    enum mcp_era era;
    char id[MCP_MAX_ID + 1], uri[MCP_MAX_URI + 1];
};

/* broke: there is no result, for the plugin broke down. */
static const char *status_of(enum task_state state, enum task_outcome outcome, bool broke)
{
    if (broke)
        return "failed";
    if (state == TASK_WAITING)
        return "input_required";
    if (state != TASK_FINISHED)
        return "working";
    return outcome == OUTCOME_CANCELLED ? "cancelled" : "completed"; /* a tool's failure is a result */
}

static void put_time(struct jsonw *w, const char *key, int64_t ms)
{
    char text[32];

    clock_format(ms, text, sizeof(text));
    jsonw_text(w, key, text);
}

static void write_head(struct jsonw *w, const struct task_row *row, enum task_state state, bool broke)
{
    jsonw_text(w, "taskId", row->id);
    jsonw_text(w, "status", status_of(state, row->outcome, broke));
    put_time(w, "createdAt", row->created_ms);
    put_time(w, "lastUpdatedAt", row->updated_ms);
    jsonw_null(w, "ttlMs"); /* until the journal's retention */
    jsonw_int(w, "pollIntervalMs", POLL_MS);
}

void mcp_write_task(struct jsonw *w, const struct task_row *row, enum task_state state)
{
    write_head(w, row, state, false);
}

static void put_error(struct jsonw *w, const char *message)
{
    jsonw_object(w, "error");
    jsonw_int(w, "code", RPC_INTERNAL);
    jsonw_text(w, "message", message);
    jsonw_end(w);
}

/* --- from the journal ------------------------------------------------------------------------------------------- */

static const struct stored_event *find_event(const struct journal_read *r, enum entry_kind kind)
{
    for (size_t i = r->n_events; i-- > 0;)
        if (r->events[i].kind == kind)
            return &r->events[i];
    return NULL;
}

static struct json *parse(const struct stored_event *e)
{
    return e ? json_parse_large(e->json, e->len, JSON_MAX_VALUES * 10, NULL) : NULL;
}

static void write_finished(struct jsonw *w, const struct journal_read *r)
{
    struct json *submitted = parse(find_event(r, ENTRY_TASK_SUBMITTED)),
                *finished = parse(find_event(r, ENTRY_TASK_FINISHED));
    const bool is_run = strcmp(json_get_text(submitted, "planner", ""), "call") != 0;
    struct json *result = is_run ? NULL : parse(find_event(r, ENTRY_TOOL_RESULT));
    bool broke;

    broke = json_bool(json_get(result, "error"), false) && strcmp(json_get_text(result, "status", ""), "internal") == 0;
    write_head(w, &r->row, r->row.state, broke && r->row.outcome != OUTCOME_CANCELLED);
    if (r->row.state != TASK_FINISHED || r->row.outcome == OUTCOME_CANCELLED) {
        ; /* that says it */
    } else if (broke) {
        put_error(w, json_get_text(finished, "text", "the plugin broke down"));
    } else {
        jsonw_object(w, "result");
        mcp_write_outcome(w, MCP_MODERN, r->row.id, result, finished, is_run);
        jsonw_end(w);
    }
    json_free(result);
    json_free(finished);
    json_free(submitted);
}

static void write_trace(struct jsonw *w, const struct reading *p, const struct journal_read *r)
{
    struct buf text;
    struct jsonw t;

    buf_init(&text, MCP_ANSWER_LIMIT / 2);
    t = jsonw_start(&text);
    jsonw_object(&t, NULL);
    jsonw_text(&t, "id", r->row.id);
    jsonw_text(&t, "state", task_state_name(r->row.state));
    jsonw_text(&t, "outcome", task_outcome_name(r->row.outcome));
    jsonw_bool(&t, "more", r->more);
    jsonw_array(&t, "events");
    for (size_t i = 0; i < r->n_events; i++)
        jsonw_raw(&t, NULL, r->events[i].json, r->events[i].len);
    jsonw_end(&t);
    jsonw_end(&t);
    jsonw_array(w, "contents");
    jsonw_object(w, NULL);
    jsonw_text(w, "uri", p->uri);
    jsonw_text(w, "mimeType", "application/json");
    jsonw_string(w, "text", text.data, text.len);
    jsonw_end(w);
    jsonw_end(w);
    if (p->era == MCP_MODERN) {
        jsonw_int(w, "ttlMs", 0); /* a task goes on */
        jsonw_text(w, "cacheScope", "private");
    }
    w->out->failed |= text.failed;
    buf_finish(&text);
}

static void on_read(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct reading *p = op->arg;
    struct mcp_fault fault;
    struct buf out;
    struct jsonw w;

    if (op->result < 0 || !r->found || !routes_may_see(&p->peer, r->row.uid)) {
        mcp_fault(&fault, 200, op->result < 0 ? RPC_INTERNAL : RPC_INVALID_PARAMS, "%.200s",
                  op->result < 0 ? op->err.msg : "there is no such task");
        mcp_write_fault(&out, p->id, strlen(p->id), &fault);
    } else {
        w = mcp_result_start(&out, p->era, p->id, strlen(p->id), "complete");
        if (p->is_resource)
            write_trace(&w, p, r);
        else
            write_finished(&w, r);
        mcp_result_end(&w, p->era);
    }
    http_reply_json(p->req, 200, &out);
    journal_read_finish(r);
    free(r);
    free(p);
}

static void read_later(struct mcp_exchange *x, const char *id, const char *uri)
{
    struct reading *p = routes_need(calloc(1, sizeof(*p)));
    struct journal_read *r = routes_need(malloc(sizeof(*r)));

    p->req = x->req;
    p->peer = *x->peer;
    p->era = x->r->era;
    p->is_resource = uri != NULL;
    snprintf(p->uri, sizeof(p->uri), "%s", uri ? uri : "");
    mcp_copy(p->id, sizeof(p->id), x->r->msg.id, x->r->msg.id_len);
    journal_read_init(r, id, on_read);
    r->max_bytes = TRACE_MAX_BYTES;
    r->op.arg = p;
    journal_post(x->mcp->d->journal, &r->op);
}

void mcp_read_task(struct mcp_exchange *x, const char *uri, const char *id)
{
    struct task *t = scheduler_find(x->mcp->d->scheduler, id);

    if (t)
        task_flush(t);
    read_later(x, id, uri);
}

/* --- the methods ------------------------------------------------------------------------------------------------ */

/* The id of the task; NULL: the request was refused. */
static const char *task_id(struct mcp_exchange *x)
{
    const char *id = json_get_text(x->r->params, "taskId", NULL);
    struct mcp_fault fault;

    if (!x->r->client.takes_tasks) {
        mcp_fault(&fault, 400, MCP_MISSING_CAPABILITY,
                  "tasks are for clients that declare the extension " MCP_EXTENSION_TASKS);
        snprintf(fault.data, sizeof(fault.data),
                 "{\"requiredCapabilities\":{\"extensions\":{\"" MCP_EXTENSION_TASKS "\":{}}}}");
        mcp_reply_fault(x, &fault);
        return NULL;
    }
    if (id && id_is_valid(id, strlen(id)))
        return id;
    mcp_refuse(x, RPC_INVALID_PARAMS, "there is no such task");
    return NULL;
}

void mcp_do_task_get(struct mcp_exchange *x)
{
    struct mcp_ask ask = { 0 };
    const char *id = task_id(x);
    enum mcp_wait wait;
    struct task *t;
    struct buf out;
    struct jsonw w;

    if (id == NULL)
        return;
    t = scheduler_find(x->mcp->d->scheduler, id);
    if (t == NULL || t->shown == TASK_FINISHED || !routes_may_see(x->peer, t->row.uid)) {
        read_later(x, id, NULL);
        return;
    }
    w = mcp_start(x, &out);
    mcp_write_task(&w, &t->row, t->shown);
    if (t->shown == TASK_WAITING) {
        mcp_write_asks(&w, &ask, mcp_ask_of(t, &wait, &ask));
        mcp_asks_finish(&ask, 1);
    }
    mcp_reply(x, &w);
}

/* The ones that answer nothing that is asked now are ignored, as the extension says. */
static void take_responses(struct mcp_exchange *x, struct task *t, const struct json *responses)
{
    struct mcp_ask ask = { 0 };
    const struct json *r;
    enum mcp_wait wait;
    const char *raw;
    size_t len;

    if (mcp_ask_of(t, &wait, &ask) && (r = json_get(responses, ask.key)) != NULL && mcp_is_response(ask.method, r)) {
        raw = json_raw(r, &len);
        ask.response = routes_need(strndup(raw, len));
        mcp_tell_task(t, x->peer->uid, wait, &ask);
    }
    mcp_asks_finish(&ask, 1);
}

void mcp_do_task_update(struct mcp_exchange *x)
{
    const struct json *responses = json_get(x->r->params, "inputResponses");
    const char *id = task_id(x);
    struct task *t;

    if (id == NULL)
        return;
    t = scheduler_find(x->mcp->d->scheduler, id);
    if (json_kind(responses) != JSON_OBJECT) {
        mcp_refuse(x, RPC_INVALID_PARAMS, "inputResponses must be an object");
    } else if (t == NULL || !routes_may_see(x->peer, t->row.uid)) {
        mcp_refuse(x, RPC_INVALID_PARAMS, "there is no such task, or it is over");
    } else {
        take_responses(x, t, responses);
        mcp_acknowledge(x);
    }
}

/* Of a task that is over there is nothing to cancel: whether it was there is not looked up. */
void mcp_do_task_cancel(struct mcp_exchange *x)
{
    const char *id = task_id(x);
    struct task *t;

    if (id == NULL)
        return;
    t = scheduler_find(x->mcp->d->scheduler, id);
    if (t && routes_may_see(x->peer, t->row.uid))
        task_cancel(t);
    mcp_acknowledge(x);
}
