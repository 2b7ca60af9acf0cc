/*
 * tools/call: a task is made of it, durable before anything happens, and its events are the answer.
 *
 * A plugin's tool is called by a task of the kind "call" (agent/planner_call.c), which goes the way of any call:
 * arguments, policy, approval, box, trace.  run_task is a task as POST /v1/tasks makes it.  Where a modern client
 * leaves, its task is cancelled; a legacy one says so with notifications/cancelled.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/builtins.h"
#include "daemon/mcp_serve.h"
#include "daemon/routes_task.h"
#include "daemon/scheduler.h"
#include "tools/mcp_header.h"
#include "util/base64.h"
#include "util/clock.h"
#include "util/log.h"

#define BODY_LIMIT (4u << 20)

/* --- the outcome ------------------------------------------------------------------------------------------------ */

static void put_text(struct jsonw *w, const char *text)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "type", "text");
    jsonw_text(w, "text", text);
    jsonw_end(w);
}

static void put_resource(struct jsonw *w, const char *uri, const char *mime, const char *text, const char *base64)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "type", "resource");
    jsonw_object(w, "resource");
    jsonw_text(w, "uri", uri);
    jsonw_text(w, "mimeType", mime);
    jsonw_text(w, text ? "text" : "blob", text ? text : base64);
    jsonw_end(w);
    jsonw_end(w);
}

/* A part of a tool_result event (docs/api.md). */
static void put_part(struct jsonw *w, const struct json *p, const char *task_id, int n)
{
    const char *type = json_get_text(p, "type", ""), *text = json_get_text(p, "text", NULL),
               *base64 = json_get_text(p, "base64", NULL);
    const char *mime = json_get_text(p, "mime", "text/plain"), *uri = json_get_text(p, "uri", NULL);
    const char *kind = strncmp(mime, "image/", 6) == 0 ? "image" : strncmp(mime, "audio/", 6) == 0 ? "audio" : NULL;
    char made[64 + ID_LEN];

    if (strcmp(type, "text") == 0 && uri == NULL) {
        put_text(w, text ? text : "");
    } else if (uri == NULL && kind) {
        jsonw_object(w, NULL);
        jsonw_text(w, "type", kind);
        if (text)
            base64_write(w, "data", text, strlen(text));
        else
            jsonw_text(w, "data", base64);
        jsonw_text(w, "mimeType", mime);
        jsonw_end(w);
    } else {
        snprintf(made, sizeof(made), "corax://tasks/%s#part-%d", task_id, n);
        put_resource(w, uri ? uri : made, mime, text, base64 ? base64 : "");
    }
}

static void put_result(struct jsonw *w, enum mcp_era era, const char *task_id, const struct json *result)
{
    const struct json *structured = NULL;
    const char *text;
    int n = 0;

    jsonw_array(w, "content");
    for (const struct json *p = json_first(json_get(result, "parts")); p; p = json_next(p)) {
        if (strcmp(json_get_text(p, "type", ""), "json") == 0)
            structured = p;
        else
            put_part(w, p, task_id, ++n);
    }
    jsonw_end(w);
    text = json_get_text(structured, "text", NULL);
    if (text && (era == MCP_MODERN || text[0] == '{'))
        jsonw_raw(w, "structuredContent", text, strlen(text));
    jsonw_bool(w, "isError", json_bool(json_get(result, "error"), false));
}

void mcp_write_outcome(struct jsonw *w, enum mcp_era era, const char *task_id, const struct json *result,
                       const struct json *finished, bool is_run)
{
    const bool answered = strcmp(json_get_text(finished, "outcome", ""), "answered") == 0;
    const char *text = json_get_text(finished, "text", "");

    if (result && !is_run) {
        put_result(w, era, task_id, result);
        return;
    }
    jsonw_array(w, "content");
    put_text(w, text);
    jsonw_end(w);
    if (is_run) {
        jsonw_object(w, "structuredContent");
        jsonw_text(w, "task", task_id);
        jsonw_text(w, "outcome", json_get_text(finished, "outcome", "failed"));
        jsonw_text(w, "answer", answered ? text : NULL);
        jsonw_end(w);
    }
    jsonw_bool(w, "isError", !answered);
}

/* --- the call --------------------------------------------------------------------------------------------------- */

struct mcp_call *mcp_call_find(struct mcp *m, const char *task_id)
{
    struct mcp_call *c;

    TAILQ_FOREACH(c, &m->calls, link)
    if (strcmp(c->task_id, task_id) == 0)
        return c;
    return NULL;
}

static void forget_given(struct mcp_call *c)
{
    json_free(c->given);
    free(c->given_text);
    c->given = NULL;
    c->given_text = NULL;
}

void mcp_call_destroy(struct mcp_call *c)
{
    if (c->task)
        task_unlisten(c->task, &c->listener);
    TAILQ_REMOVE(&c->mcp->calls, c, link);
    c->mcp->n_calls--;
    mcp_asks_finish(c->asks, c->n_asks);
    forget_given(c);
    json_free(c->kept);
    free(c->kept_text);
    buf_finish(&c->result);
    event_free(c->expiry);
    if (c->slow)
        event_free(c->slow);
    free(c);
}

/* The last of it: out's memory is taken. */
static void answer(struct mcp_call *c, int status, struct buf *out)
{
    struct mcp_answer *a = c->answer;

    c->answer = NULL;
    mcp_call_destroy(c);
    if (a)
        mcp_answer_end(a, status, out);
    else
        buf_finish(out);
}

void mcp_call_fault(struct mcp_call *c, const struct mcp_fault *f)
{
    struct buf out;

    mcp_write_fault(&out, c->id, strlen(c->id), f);
    answer(c, f->http, &out);
}

void mcp_call_fail(struct mcp_call *c, const char *fmt, ...)
{
    char text[1200];
    struct buf out;
    struct jsonw w;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    w = mcp_result_start(&out, c->era, c->id, strlen(c->id), "complete");
    jsonw_array(&w, "content");
    put_text(&w, text);
    jsonw_end(&w);
    if (c->is_run) { /* its outputSchema wants it */
        jsonw_object(&w, "structuredContent");
        jsonw_text(&w, "task", c->task_id);
        jsonw_text(&w, "outcome", "waiting");
        jsonw_null(&w, "answer");
        jsonw_end(&w);
    }
    jsonw_bool(&w, "isError", true);
    mcp_result_end(&w, c->era);
    answer(c, 200, &out);
}

/* --- what the task tells ---------------------------------------------------------------------------------------- */

static void finish(struct mcp_call *c, const struct entry *e)
{
    struct json *finished = json_parse_large(e->json.data, e->json.len, JSON_MAX_VALUES * 10, NULL);
    struct json *result =
        c->result.len > 0 ? json_parse_large(c->result.data, c->result.len, JSON_MAX_VALUES * 10, NULL) : NULL;
    struct mcp_fault fault;
    struct buf out;
    struct jsonw w;

    if (c->is_bad) {
        mcp_fault(&fault, 400, RPC_INVALID_PARAMS, "inputResponses has something that does not answer what was asked");
        mcp_call_fault(c, &fault);
    } else if (mcp_ask_is_open(c) && json_bool(json_get(result, "error"), false)) {
        mcp_ask_again(c);
    } else if (c->lacks && json_bool(json_get(result, "error"), false)) {
        mcp_fault(&fault, 400, MCP_MISSING_CAPABILITY, "the tool needs a client that declares %s", c->lacks);
        snprintf(fault.data, sizeof(fault.data), "{\"requiredCapabilities\":{\"%s\":{}}}", c->lacks);
        mcp_call_fault(c, &fault);
    } else {
        w = mcp_result_start(&out, c->era, c->id, strlen(c->id), "complete");
        mcp_write_outcome(&w, c->era, c->task_id, result, finished, c->is_run);
        mcp_result_end(&w, c->era);
        answer(c, 200, &out);
    }
    json_free(result);
    json_free(finished);
}

static struct jsonw start_note(struct buf *out, const char *method)
{
    buf_init(out, 65536);
    return rpc_notification_start(out, method);
}

static void send_note(struct mcp_call *c, struct jsonw *w)
{
    jsonw_end(w);
    jsonw_end(w);
    mcp_answer_send(c->answer, w->out);
    buf_finish(w->out);
}

/* Of a whole task each event is progress. */
static void tell_step(struct mcp_call *c, const struct entry *e)
{
    struct buf out;
    struct jsonw w;

    if (c->answer == NULL || c->token[0] == '\0')
        return;
    w = start_note(&out, "notifications/progress");
    jsonw_raw(&w, "progressToken", c->token, strlen(c->token));
    jsonw_int(&w, "progress", e->seq);
    jsonw_text(&w, "message", entry_kind_name(e->kind));
    send_note(c, &w);
}

static void on_entry(struct task_listener *l, const struct entry *e)
{
    struct mcp_call *c = (struct mcp_call *)l;

    if (e->kind == ENTRY_TOOL_RESULT && !c->is_run) {
        buf_reset(&c->result);
        buf_add(&c->result, e->json.data, e->json.len);
    }
    if (e->kind == ENTRY_TASK_FINISHED)
        finish(c, e);
    else if (c->is_run)
        tell_step(c, e);
}

static void on_delta(struct task_listener *l, const struct model_delta *d)
{
}

static void on_changed(struct task_listener *l)
{
    struct mcp_call *c = (struct mcp_call *)l;
    struct mcp_fault fault;

    if (task_is_unsaved(c->task)) {
        mcp_fault(&fault, 200, RPC_INTERNAL, "%.200s",
                  c->task->end_text ? c->task->end_text : "the task cannot be stored");
        mcp_call_fault(c, &fault);
        return;
    }
    mcp_ask_person(c);
}

static void on_gone(struct task_listener *l)
{
    struct mcp_call *c = (struct mcp_call *)l;
    struct mcp_fault fault;

    c->task = NULL;
    mcp_fault(&fault, 503, RPC_INTERNAL, "the daemon is ending; the task goes on when it is back");
    mcp_call_fault(c, &fault);
}

/* A host's note is foreign: what is passed on is read and written anew. */
static void on_noted(struct task_listener *l, const struct rpc_msg *msg)
{
    struct mcp_call *c = (struct mcp_call *)l;
    const char *level = json_get_text(msg->params, "level", NULL);
    struct mcp_note note;
    struct buf out;
    struct jsonw w;

    if (c->answer == NULL || !mcp_answer_streams(c->answer))
        return;
    if (mcp_read_progress(msg, &note) && c->token[0] && !c->is_run) {
        w = start_note(&out, "notifications/progress");
        jsonw_raw(&w, "progressToken", c->token, strlen(c->token));
        jsonw_number(&w, "progress", note.done);
        if (note.total >= 0)
            jsonw_number(&w, "total", note.total);
        if (note.text[0])
            jsonw_text(&w, "message", note.text);
        send_note(c, &w);
    } else if (strcmp(msg->method, "notifications/message") == 0 && c->log_level >= 0 &&
               mcp_log_level(level) >= c->log_level && json_get_text(msg->params, "data", NULL)) {
        w = start_note(&out, "notifications/message");
        jsonw_text(&w, "level", level);
        jsonw_text(&w, "logger", json_get_text(msg->params, "logger", "tool"));
        jsonw_text(&w, "data", json_get_text(msg->params, "data", ""));
        send_note(c, &w);
    }
}

static void listen_to(struct mcp_call *c, struct task *t)
{
    c->task = t;
    memcpy(c->task_id, t->row.id, sizeof(c->task_id));
    task_listen(t, &c->listener);
}

/* --- beginning -------------------------------------------------------------------------------------------------- */

static void on_closed(void *arg)
{
    struct mcp_call *c = arg;
    struct task *t = c->task;

    c->answer = NULL;
    if (t == NULL)
        return; /* on_submitted sees it */
    if (c->era == MCP_MODERN) {
        mcp_call_destroy(c);
        task_cancel(t);
    } else if (c->wait == WAIT_TOOL) {
        mcp_ask_over(c); /* its answers went with the stream */
    }
}

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
    mcp_ask_over(arg);
}

/* NULL: the request was answered. */
static struct mcp_call *call_create(struct mcp_exchange *x, const unsigned char subject[HASH_LEN])
{
    struct mcp_call *c;

    if (x->mcp->n_calls >= MCP_MAX_CALLS) {
        mcp_refuse(x, RPC_INTERNAL, "%d calls are under way or wait for their clients: try again later", MCP_MAX_CALLS);
        return NULL;
    }
    c = routes_need(calloc(1, sizeof(*c)));
    c->mcp = x->mcp;
    c->expiry = routes_need(evtimer_new(x->mcp->d->base, on_expiry, c));
    c->listener.entry = on_entry;
    c->listener.delta = on_delta;
    c->listener.changed = on_changed;
    c->listener.gone = on_gone;
    c->listener.noted = on_noted;
    c->listener.asked = mcp_ask_client;
    c->uid = x->peer->uid;
    memcpy(c->subject, subject, HASH_LEN);
    buf_init(&c->result, ENTRY_LIMIT + 1);
    TAILQ_INSERT_TAIL(&x->mcp->calls, c, link);
    x->mcp->n_calls++;
    return c;
}

/* This request is the one that is answered, and may have brought something.  false: its client is gone, or there is no
 * memory. */
static bool take_request(struct mcp_call *c, struct mcp_exchange *x)
{
    const struct json *given = json_get(x->r->params, "inputResponses");
    const char *raw;
    size_t len;

    c->era = x->r->era;
    mcp_copy(c->id, sizeof(c->id), x->r->msg.id, x->r->msg.id_len);
    mcp_copy(c->token, sizeof(c->token), x->r->token, x->r->token_len);
    c->client = x->session ? x->session->client : x->r->client;
    c->log_level = x->session ? x->session->log_level : x->r->log_level;
    if (x->session)
        memcpy(c->session, x->session->id, sizeof(c->session));
    forget_given(c);
    if (given) {
        raw = json_raw(given, &len);
        c->given_text = routes_need(strndup(raw, len));
        c->given = json_parse(c->given_text, len, NULL);
    }
    c->answer = mcp_answer_create(x->mcp->d, x->req, on_closed, c);
    return c->answer != NULL;
}

/* A modern client that takes tasks gets one for a whole task. */
static void answer_with_task(struct mcp_call *c)
{
    struct buf out;
    struct jsonw w = mcp_result_start(&out, c->era, c->id, strlen(c->id), "task");

    mcp_write_task(&w, &c->task->row, c->task->shown);
    mcp_result_end(&w, c->era);
    answer(c, 200, &out);
}

/* From here on nobody answers what its tool asks: who may still want to know is asked by then. */
static void on_slow(evutil_socket_t fd, short what, void *arg)
{
    struct mcp_call *c = arg;

    if (c->answer && c->task && c->wait == WAIT_NOTHING && !mcp_ask_is_open(c))
        answer_with_task(c);
}

static void on_submitted(void *arg, const struct submitted *s)
{
    const struct timeval slow = { .tv_sec = MCP_SLOW_MS / 1000 };
    struct mcp_call *c = arg;
    struct mcp_fault fault;
    struct task *t;

    if (s->err || (t = scheduler_find(c->mcp->d->scheduler, s->id)) == NULL) {
        mcp_fault(&fault, 200, RPC_INTERNAL, "%.200s", s->err ? s->err->msg : "the task is gone");
        mcp_call_fault(c, &fault);
        return;
    }
    if (c->answer == NULL) { /* the client left meanwhile */
        mcp_call_destroy(c);
        task_cancel(t);
        return;
    }
    listen_to(c, t);
    if (c->era != MCP_MODERN || !c->client.takes_tasks)
        return;
    if (c->is_run) {
        answer_with_task(c);
    } else {
        c->slow = routes_need(evtimer_new(c->mcp->d->base, on_slow, c));
        event_add(c->slow, &slow);
    }
}

/* What POST /v1/tasks would be sent for the call. */
static void write_body(struct buf *out, const char *name, const struct json *arguments)
{
    struct jsonw w, call;
    struct buf text;
    const char *raw = "{}";
    size_t len = 2;

    if (arguments)
        raw = json_raw(arguments, &len);
    buf_init(&text, BODY_LIMIT);
    call = jsonw_start(&text);
    jsonw_object(&call, NULL);
    jsonw_text(&call, "name", name);
    jsonw_raw(&call, "arguments", raw, len);
    jsonw_end(&call);
    w = jsonw_start(out);
    jsonw_object(&w, NULL);
    jsonw_array(&w, "input");
    jsonw_object(&w, NULL);
    jsonw_text(&w, "type", "json");
    jsonw_string(&w, "text", text.data, text.len);
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_text(&w, "planner", "call");
    jsonw_null(&w, "memory");
    jsonw_array(&w, "tools");
    jsonw_text(&w, NULL, name);
    jsonw_end(&w);
    jsonw_end(&w);
    out->failed |= text.failed;
    buf_finish(&text);
}

static void write_run_body(struct buf *out, const struct json *arguments)
{
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    for (const struct json *m = json_first(arguments); m; m = json_next(m))
        jsonw_value(&w, strcmp(json_key(m), "task") == 0 ? "input" : json_key(m), m);
    jsonw_end(&w);
}

/* Members that run_task takes, and POST /v1/tasks as well; its own checks say what is wrong with their values. */
static int check_run(const struct json *arguments, struct err *err)
{
    static const char *const known[] = { "task", "agent", "model", "planner", "tools", NULL };

    if (json_get_text(arguments, "task", "")[0] == '\0')
        return fail(err, CORAX_E_ARGS, "task is missing: say what is to be done");
    return json_check_members(arguments, "", known, err);
}

static void submit(struct mcp_call *c, const char *name, const struct json *arguments)
{
    const char *code, *param, *unknown;
    struct mcp_fault fault;
    struct submission sub;
    struct err err = { 0 };
    struct buf body;
    int rc;

    buf_init(&body, BODY_LIMIT);
    if (c->is_run)
        write_run_body(&body, arguments);
    else
        write_body(&body, name, arguments);
    memset(&sub, 0, sizeof(sub));
    rc = body.failed ? fail(&err, CORAX_E_LIMIT, "the arguments are too large")
                     : submission_parse(&sub, body.data, body.len, &c->mcp->d->config, &code, &param, &err);
    if (rc == 0 && (unknown = routes_unknown_tool(c->mcp->d, &sub)) != NULL)
        rc = fail(&err, CORAX_E_ARGS, "there is no tool \"%.64s\"", unknown);
    if (rc == 0) {
        sub.uid = c->uid;
        rc = scheduler_submit(c->mcp->d->scheduler, &sub, on_submitted, c, &code, &err);
    }
    submission_finish(&sub);
    buf_finish(&body);
    if (rc == 0)
        return;
    if (err.status == CORAX_E_ARGS && c->is_run) {
        mcp_call_fail(c, "%s", err.msg); /* the model may write it better */
        return;
    }
    mcp_fault(&fault, err.status == CORAX_E_UNAVAIL ? 503 : 200,
              err.status == CORAX_E_ARGS ? RPC_INVALID_PARAMS : RPC_INTERNAL, "%.200s", err.msg);
    mcp_call_fault(c, &fault);
}

/* --- a further round -------------------------------------------------------------------------------------------- */

/* The client answers what a task waits for. */
static void answer_task(struct mcp_exchange *x, const char *text, const unsigned char subject[HASH_LEN], bool is_run)
{
    char id[ID_LEN + 1] = "";
    struct mcp_call *c;
    struct task *t;
    int round = 0;

    sscanf(text, "%36[0-9a-f-]/%d", id, &round);
    c = mcp_call_find(x->mcp, id);
    t = scheduler_find(x->mcp->d->scheduler, id);
    if (t == NULL || (c && c->answer)) {
        mcp_refuse(x, RPC_INVALID_PARAMS,
                   t ? "this call is being answered already" : "task %s is over: corax show has its result", id);
        return;
    }
    if (c == NULL) { /* the daemon was started again, or gave up waiting */
        if ((c = call_create(x, subject)) == NULL)
            return;
        c->is_run = is_run;
        listen_to(c, t);
        c->round = round - 1; /* what the task waits for now is what was asked, which the name of the question tells */
        c->given_for_round = true;
    } else {
        c->given_for_round = c->round == round;
    }
    if (!take_request(c, x)) {
        mcp_call_destroy(c);
        return;
    }
    if (c->wait != WAIT_NOTHING)
        mcp_ask_go_on(c);
    else
        mcp_ask_person(c);
}

/* --- the method ------------------------------------------------------------------------------------------------- */

static void hash_subject(const char *name, const struct json *arguments, unsigned char out[HASH_LEN])
{
    struct buf b;

    buf_init(&b, BODY_LIMIT);
    buf_add(&b, name, strlen(name) + 1);
    json_canonical(arguments, &b);
    hash_bytes(b.data, b.len, out);
    buf_finish(&b);
}

/* Arguments that the tool's schema wants repeated in headers (x-mcp-header), for what stands between client and server. */
static bool are_repeated(struct mcp_exchange *x, const struct tool *tool, const struct json *arguments)
{
    struct json *schema;
    bool good = true;

    if (x->r->era == MCP_LEGACY || strstr(tool->args_schema, "\"x-mcp-header\"") == NULL)
        return true;
    schema = json_parse(tool->args_schema, tool->args_schema_len, NULL);
    for (const struct json *p = json_first(json_get(schema, "properties")); p && good; p = json_next(p)) {
        const char *name = json_get_text(p, "x-mcp-header", NULL), *header,
                   *value = mcp_header_value(json_get(arguments, json_key(p)));
        char full[MCP_HEADER_MAX_NAME + 12];

        if (name == NULL || strlen(name) > MCP_HEADER_MAX_NAME)
            continue;
        snprintf(full, sizeof(full), "Mcp-Param-%s", name);
        header = http_header(x->req, full);
        good = value ? header && mcp_header_says(header, value) : header == NULL;
    }
    json_free(schema);
    return good;
}

/* false: the request was refused. */
static bool is_callable(struct mcp_exchange *x, const char *name, const struct json *arguments)
{
    const struct tool *tool = registry_find(x->mcp->d->registry, name);
    struct mcp_fault fault;

    if (tool && !builtin_of(tool) && are_repeated(x, tool, arguments))
        return true;
    if (tool && !builtin_of(tool)) {
        mcp_fault(&fault, 400, MCP_HEADER_MISMATCH,
                  "a header Mcp-Param-... does not say what the argument of the tool %.64s says", name);
        mcp_reply_fault(x, &fault);
        return false;
    }
    mcp_refuse(x, RPC_INVALID_PARAMS, "there is no tool \"%.64s\"", name);
    return false;
}

void mcp_do_call(struct mcp_exchange *x)
{
    const struct json *p = x->r->params, *arguments = json_get(p, "arguments"), *given = json_get(p, "inputResponses");
    const char *name = json_get_text(p, "name", NULL), *state = json_get_text(p, "requestState", NULL), *text = NULL;
    struct mcp_state opened = { .uid = x->peer->uid };
    unsigned char subject[HASH_LEN];
    struct err err = { 0 };
    struct mcp_call *c;
    bool is_run;

    if (name == NULL || (arguments && json_kind(arguments) != JSON_OBJECT)) {
        mcp_refuse(x, RPC_INVALID_PARAMS, name ? "arguments must be an object" : "name is missing");
        return;
    }
    if ((given && json_kind(given) != JSON_OBJECT) || (json_get(p, "requestState") && state == NULL)) {
        mcp_refuse(x, RPC_INVALID_PARAMS, "inputResponses must be an object, and requestState a text");
        return;
    }
    is_run = strcmp(name, MCP_RUN_TASK) == 0;
    if (!is_run && !is_callable(x, name, arguments))
        return;
    hash_subject(name, arguments, subject);
    if (state && x->r->era == MCP_MODERN) {
        memcpy(opened.subject, subject, HASH_LEN);
        if (mcp_seal_open(&opened, x->mcp->key, state, clock_wall_ms(), &text, &err) < 0) {
            mcp_refuse(x, RPC_INVALID_PARAMS, "%.200s", err.msg);
            return;
        }
        if (text[0] != '{') {
            answer_task(x, text, subject, is_run);
            return;
        }
    }
    if ((c = call_create(x, subject)) == NULL)
        return;
    c->is_run = is_run;
    if (text) {
        c->kept_text = routes_need(strdup(text));
        c->kept = json_parse(c->kept_text, strlen(c->kept_text), NULL);
    }
    if (!take_request(c, x))
        mcp_call_destroy(c);
    else if (is_run && check_run(arguments, &err) < 0)
        mcp_call_fail(c, "%s", err.msg);
    else
        submit(c, name, arguments);
}

void mcp_do_cancelled(struct mcp_exchange *x)
{
    struct mcp_call *c;
    const char *id;
    size_t len;

    if ((id = json_raw(json_get(x->r->params, "requestId"), &len)) == NULL)
        return;
    TAILQ_FOREACH(c, &x->mcp->calls, link)
    {
        if (strcmp(c->session, x->session->id) == 0 && strlen(c->id) == len && memcmp(c->id, id, len) == 0 && c->task) {
            task_cancel(c->task);
            return;
        }
    }
}
