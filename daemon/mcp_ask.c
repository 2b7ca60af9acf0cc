/*
 * What a call asks its client, and through it the person.
 *
 * Three can ask.  The tool itself (the service "client" of its host), which may want a form filled in, a text from the
 * client's model, or its roots. The policy, where a person is to approve the call.  And the model of a whole task, with
 * ask_user.  All become requests that are open until each has its answer: in the modern revision they go out as
 * inputRequests and come back with the repeated request, in the legacy one each is a JSON-RPC request on the call's
 * stream.
 *
 * In the modern revision nobody knows whether a client comes back, so nothing waits for it but what is stored anyway.
 * A task that waits for its person is one; the state names it.  A tool that asks is not held: its service fails, so
 * does the call, and the repeated request is a call of its own, in which the tool finds the answers; those of earlier
 * rounds travel in the state.  So a tool asks before it acts.
 *
 * Who may approve?  The owner of a task, or an administrator.  A client is the owner: the kernel (or the token) says
 * that it has the owner's uid, and the same uid could say `corax approve`.  But a program that calls tools for a model
 * is no person, and asking it is only as good as its showing the question to one; so it is asked only when it declares
 * that it can ask its user (elicitation), `mcp.approve` turns it off, the answer names the hash of the request that was
 * shown, and no answer that came with the call in advance counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/mcp_serve.h"
#include "daemon/routes_task.h"
#include "util/clock.h"

#define MAX_KEY    64 /* of a tool's request */
#define ASK_LIMIT  (256u << 10)
#define SHOWN_ARGS 2000 /* bytes of a call's arguments in the question whether it may be made */
#define HASH_SHOWN 16   /* digits of the request's hash in the name of that question */
#define APPROVE    "approve-"
#define ANSWER     "answer"

void mcp_asks_finish(struct mcp_ask *asks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(asks[i].method);
        free(asks[i].params);
        free(asks[i].response);
        memset(&asks[i], 0, sizeof(asks[i]));
    }
}

static void forget(struct mcp_call *c)
{
    mcp_asks_finish(c->asks, c->n_asks);
    c->n_asks = 0;
    c->wait = WAIT_NOTHING;
}

static void fill(struct mcp_ask *a, const char *key, const char *method, const char *params, size_t params_len)
{
    snprintf(a->key, sizeof(a->key), "%s", key);
    a->method = routes_need(strdup(method));
    a->params = routes_need(strndup(params, params_len));
    a->response = NULL;
}

static void begin(struct mcp_call *c, enum mcp_wait wait)
{
    c->wait = wait;
    c->round++;
}

static size_t n_open(const struct mcp_call *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_asks; i++)
        n += c->asks[i].response == NULL;
    return n;
}

/* What the client brought with its request.  -1: something of it is no answer. */
static int take_given(struct mcp_call *c)
{
    /* An approval in advance is none: nobody has seen what it is for. */
    const struct json *given = c->wait == WAIT_TOOL || c->given_for_round ? c->given : NULL;
    const char *raw;
    size_t len;

    for (size_t i = 0; i < c->n_asks; i++) {
        const struct json *r = json_get(given, c->asks[i].key);

        if (r == NULL && c->wait == WAIT_TOOL)
            r = json_get(c->kept, c->asks[i].key);
        if (r == NULL || c->asks[i].response)
            continue;
        if (!mcp_is_response(c->asks[i].method, r))
            return -1;
        raw = json_raw(r, &len);
        c->asks[i].response = routes_need(strndup(raw, len));
    }
    return 0;
}

/* --- the tool --------------------------------------------------------------------------------------------------- */

static const char *lacks(const struct mcp_client *client, const char *method)
{
    if (strcmp(method, "elicitation/create") == 0)
        return client->elicits ? NULL : "elicitation";
    if (strcmp(method, "sampling/createMessage") == 0)
        return client->samples ? NULL : "sampling";
    return client->has_roots ? NULL : "roots";
}

static int read_requests(struct mcp_call *c, const struct json *requests, struct err *err)
{
    if (json_kind(requests) != JSON_OBJECT || json_count(requests) > MCP_MAX_ASKS)
        return fail(err, CORAX_E_ARGS, "requests must be an object of at most %d", MCP_MAX_ASKS);
    for (const struct json *q = json_first(requests); q; q = json_next(q)) {
        const char *method = json_get_text(q, "method", ""), *raw = "{}";
        const struct json *params = json_get(q, "params");
        size_t len = 2;

        if (strlen(json_key(q)) > MAX_KEY || json_key(q)[0] == '\0' || (params && json_kind(params) != JSON_OBJECT) ||
            (strcmp(method, "elicitation/create") != 0 && strcmp(method, "sampling/createMessage") != 0 &&
             strcmp(method, "roots/list") != 0))
            return fail(err, CORAX_E_ARGS,
                        "a request has a short name, params, and the method elicitation/create, sampling/createMessage "
                        "or roots/list");
        if (params)
            raw = json_raw(params, &len);
        fill(&c->asks[c->n_asks++], json_key(q), method, raw, len);
    }
    return 0;
}

int mcp_ask_client(struct task_listener *l, const struct json *params, struct err *err)
{
    struct mcp_call *c = (struct mcp_call *)l;

    if (c->wait != WAIT_NOTHING)
        return fail(err, CORAX_E_LIMIT, "the client is asked something already");
    if (read_requests(c, json_get(params, "requests"), err) < 0) {
        forget(c);
        return -1;
    }
    for (size_t i = 0; i < c->n_asks; i++)
        if (lacks(&c->client, c->asks[i].method)) {
            c->lacks = lacks(&c->client, c->asks[i].method);
            forget(c);
            return fail(err, CORAX_E_UNAVAIL, "unavailable: the client of this call declares no %s", c->lacks);
        }
    if (c->n_asks > 0 && c->era == MCP_LEGACY && (c->answer == NULL || !mcp_answer_streams(c->answer))) {
        forget(c);
        return fail(err, CORAX_E_UNAVAIL,
                    "unavailable: the client of this call takes no stream on which it could be asked, or has left");
    }
    begin(c, WAIT_TOOL);
    if (take_given(c) < 0) {
        c->is_bad = true;
        forget(c);
        return fail(err, CORAX_E_ARGS, "the client's answer makes no sense");
    }
    if (n_open(c) > 0 && c->era == MCP_MODERN) {
        c->wait = WAIT_NOTHING; /* the asks stay: they are what the answer is made of, if the tool cannot do without */
        return fail(err, CORAX_E_UNAVAIL, "unavailable: the client is asked first, and calls again with its answers");
    }
    mcp_ask_go_on(c);
    return 0;
}

bool mcp_ask_is_open(const struct mcp_call *c)
{
    return c->n_asks > 0 && c->era == MCP_MODERN && c->wait == WAIT_NOTHING;
}

/* The answers that are there travel with the client. */
static void seal_answers(const struct mcp_call *c, struct buf *out)
{
    struct mcp_state state = { .until_ms = clock_wall_ms() + MCP_ASK_MS, .uid = c->uid };
    struct buf text;
    struct jsonw w;

    memcpy(state.subject, c->subject, sizeof(state.subject));
    buf_init(&text, SEAL_MAX);
    w = jsonw_start(&text);
    jsonw_object(&w, NULL);
    for (const struct json *m = json_first(c->given); m; m = json_next(m))
        if (strlen(json_key(m)) <= MAX_KEY)
            jsonw_value(&w, json_key(m), m);
    for (const struct json *m = json_first(c->kept); m; m = json_next(m))
        if (json_get(c->given, json_key(m)) == NULL)
            jsonw_value(&w, json_key(m), m);
    jsonw_end(&w);
    out->failed |= text.failed;
    mcp_seal(&state, c->mcp->key, text.data, out);
    buf_finish(&text);
}

void mcp_ask_again(struct mcp_call *c)
{
    struct mcp_answer *answer = c->answer;
    struct buf out, sealed;
    struct jsonw w = mcp_result_start(&out, MCP_MODERN, c->id, strlen(c->id), "input_required");

    buf_init(&sealed, SEAL_MAX);
    seal_answers(c, &sealed);
    mcp_write_asks(&w, c->asks, c->n_asks);
    jsonw_string(&w, "requestState", sealed.data, sealed.len);
    mcp_result_end(&w, MCP_MODERN);
    if (sealed.failed) {
        buf_finish(&out);
        mcp_call_fail(c, "what the client answered is too much to be carried along: at most %u bytes", SEAL_MAX);
    } else {
        c->answer = NULL;
        mcp_call_destroy(c);
        if (answer)
            mcp_answer_end(answer, 200, &out);
        else
            buf_finish(&out);
    }
    buf_finish(&sealed);
}

static void answer_tool(struct mcp_call *c)
{
    struct buf out;
    struct jsonw w;

    buf_init(&out, RPC_MAX_LINE);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    jsonw_object(&w, "capabilities");
    if (c->client.elicits)
        jsonw_raw(&w, "elicitation", "{}", 2);
    if (c->client.samples)
        jsonw_raw(&w, "sampling", "{}", 2);
    if (c->client.has_roots)
        jsonw_raw(&w, "roots", "{}", 2);
    jsonw_end(&w);
    jsonw_object(&w, "responses");
    for (size_t i = 0; i < c->n_asks; i++)
        jsonw_raw(&w, c->asks[i].key, c->asks[i].response, strlen(c->asks[i].response));
    jsonw_end(&w);
    jsonw_end(&w);
    forget(c);
    if (c->task)
        task_answer_call(c->task, &out, NULL);
    buf_finish(&out);
}

/* --- the person ------------------------------------------------------------------------------------------------- */

/* A form with one field. */
static void fill_form(struct mcp_ask *a, const char *key, const char *message, const char *properties,
                      const char *required)
{
    struct buf out;
    struct jsonw w;

    buf_init(&out, ASK_LIMIT);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "mode", "form");
    jsonw_text(&w, "message", message);
    jsonw_object(&w, "requestedSchema");
    jsonw_text(&w, "type", "object");
    jsonw_raw(&w, "properties", properties, strlen(properties));
    jsonw_array(&w, "required");
    jsonw_text(&w, NULL, required);
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_end(&w);
    if (out.failed)
        abort();
    fill(a, key, "elicitation/create", out.data, out.len);
    buf_finish(&out);
}

bool mcp_ask_of(const struct task *t, enum mcp_wait *wait, struct mcp_ask *ask)
{
    const struct call *call = t->call.call;
    char key[sizeof(ask->key)];
    struct buf message;

    *wait = WAIT_NOTHING;
    if (t->shown != TASK_WAITING || call == NULL)
        return false;
    if (t->phase == PHASE_QUESTION) {
        fill_form(ask, ANSWER, t->command.question, "{\"answer\":{\"type\":\"string\",\"title\":\"Answer\"}}",
                  "answer");
        *wait = WAIT_QUESTION;
        return true;
    }
    if (t->phase != PHASE_APPROVAL || !t->d->config.mcp.approve)
        return false;
    buf_init(&message, ASK_LIMIT);
    buf_addf(&message, "May the tool %s be called with %.*s%s?", call->name,
             call->args_len < SHOWN_ARGS ? (int)call->args_len : SHOWN_ARGS, call->args,
             call->args_len < SHOWN_ARGS ? "" : " ...");
    buf_addf(&message, " The policy asks because: %s (rule %s).", t->call.why[0] ? t->call.why : "it says so",
             t->call.rule);
    snprintf(key, sizeof(key), APPROVE "%.*s", HASH_SHOWN, t->call.request_hash);
    fill_form(ask, key, message.data,
              "{\"approve\":{\"type\":\"boolean\",\"title\":\"Make the "
              "call\"},\"reason\":{\"type\":\"string\",\"title\":\"Reason\"}}",
              "approve");
    buf_finish(&message);
    *wait = WAIT_APPROVAL;
    return true;
}

bool mcp_tell_task(struct task *t, uint32_t uid, enum mcp_wait wait, const struct mcp_ask *ask)
{
    struct json *root = json_parse(ask->response, strlen(ask->response), NULL);
    const struct json *content = json_get(root, "content");
    const bool accepted = strcmp(json_get_text(root, "action", ""), "accept") == 0;
    char reason[TASK_MAX_REASON + 1] = "";
    const char *code;
    bool told = false;

    if (wait == WAIT_QUESTION) {
        told = task_answer(t, uid,
                           accepted ? json_get_text(content, "answer", "") : "(the person does not want to answer)",
                           &code) == 0;
    } else if (t->phase == PHASE_APPROVAL && strncmp(ask->key, APPROVE, strlen(APPROVE)) == 0 &&
               strncmp(ask->key + strlen(APPROVE), t->call.request_hash, HASH_SHOWN) == 0) {
        snprintf(reason, sizeof(reason), "%s", json_get_text(content, "reason", ""));
        told = task_approve(t, uid, accepted && json_bool(json_get(content, "approve"), false), t->call.request_hash,
                            reason[0] ? reason : NULL, &code) == 0;
    }
    json_free(root);
    return told;
}

/* What no client can answer, or this one cannot. */
static void point_to_cli(struct mcp_call *c)
{
    const struct task *t = c->task;

    if (t->phase == PHASE_PAUSED || t->shown != TASK_WAITING)
        return;
    if (t->phase == PHASE_QUESTION)
        mcp_call_fail(c, "the task %s has a question for a person: %.300s: answer it with: corax answer %s TEXT",
                      t->row.id, t->command.question, t->row.id);
    else
        mcp_call_fail(c,
                      "the call of %s waits for a person's approval (%.200s): say corax approve %s, and read its "
                      "result with corax show %s",
                      t->call.call ? t->call.call->name : "a tool", t->call.why, t->row.id, t->row.id);
}

void mcp_ask_person(struct mcp_call *c)
{
    if (c->wait != WAIT_NOTHING || c->task == NULL || c->task->shown != TASK_WAITING)
        return;
    c->n_asks = mcp_ask_of(c->task, &c->wait, &c->asks[0]);
    if (c->n_asks == 0 || !c->client.elicits) {
        forget(c);
        point_to_cli(c);
        return;
    }
    begin(c, c->wait);
    mcp_ask_go_on(c);
}

/* --- both ways -------------------------------------------------------------------------------------------------- */

bool mcp_is_response(const char *method, const struct json *r)
{
    const char *action = json_get_text(r, "action", "");

    if (json_kind(r) != JSON_OBJECT)
        return false;
    if (strcmp(method, "elicitation/create") == 0)
        return strcmp(action, "decline") == 0 || strcmp(action, "cancel") == 0 ||
               (strcmp(action, "accept") == 0 && json_kind(json_get(r, "content")) == JSON_OBJECT);
    if (strcmp(method, "sampling/createMessage") == 0)
        return json_get_text(r, "role", NULL) && json_get(r, "content");
    return json_kind(json_get(r, "roots")) == JSON_ARRAY;
}

void mcp_write_asks(struct jsonw *w, const struct mcp_ask *asks, size_t n)
{
    jsonw_object(w, "inputRequests");
    for (size_t i = 0; i < n; i++) {
        if (asks[i].response)
            continue;
        jsonw_object(w, asks[i].key);
        jsonw_text(w, "method", asks[i].method);
        jsonw_raw(w, "params", asks[i].params, strlen(asks[i].params));
        jsonw_end(w);
    }
    jsonw_end(w);
}

/* Modern: the state names the task that waits. */
static void send_round(struct mcp_call *c)
{
    const struct timeval tv = { .tv_sec = MCP_ASK_MS / 1000 };
    struct mcp_state state = { .until_ms = clock_wall_ms() + MCP_ASK_MS, .uid = c->uid };
    struct mcp_answer *answer = c->answer;
    char text[ID_LEN + 16];
    struct buf out, sealed;
    struct jsonw w = mcp_result_start(&out, MCP_MODERN, c->id, strlen(c->id), "input_required");

    memcpy(state.subject, c->subject, sizeof(state.subject));
    snprintf(text, sizeof(text), "%s/%d", c->task_id, c->round);
    buf_init(&sealed, SEAL_MAX);
    mcp_seal(&state, c->mcp->key, text, &sealed);
    mcp_write_asks(&w, c->asks, c->n_asks);
    jsonw_string(&w, "requestState", sealed.data, sealed.len);
    buf_finish(&sealed);
    mcp_result_end(&w, MCP_MODERN);
    c->answer = NULL;
    event_add(c->expiry, &tv);
    mcp_answer_end(answer, 200, &out);
}

/* Legacy: each a request of ours.  The answers come by POST. */
static void send_requests(struct mcp_call *c)
{
    const struct timeval tv = { .tv_sec = MCP_ASK_MS / 1000 };

    event_add(c->expiry, &tv);
    for (size_t i = 0; i < c->n_asks && c->answer; i++) {
        char id[MCP_MAX_ID];
        struct buf out;
        struct jsonw w;

        if (c->asks[i].response)
            continue;
        snprintf(id, sizeof(id), "%s/%d/%zu", c->task_id, c->round, i);
        buf_init(&out, ASK_LIMIT);
        w = jsonw_start(&out);
        jsonw_object(&w, NULL);
        jsonw_text(&w, "jsonrpc", "2.0");
        jsonw_text(&w, "id", id);
        jsonw_text(&w, "method", c->asks[i].method);
        jsonw_raw(&w, "params", c->asks[i].params, strlen(c->asks[i].params));
        jsonw_end(&w);
        mcp_answer_send(c->answer, &out);
        buf_finish(&out);
    }
}

static void deliver(struct mcp_call *c)
{
    struct mcp_ask ask = c->asks[0];
    const enum mcp_wait wait = c->wait;

    event_del(c->expiry);
    if (wait == WAIT_TOOL) {
        answer_tool(c);
        return;
    }
    c->n_asks = 0; /* ask is ours now */
    c->wait = WAIT_NOTHING;
    c->given_for_round = false; /* nor is it an answer to what is asked next */
    if (!mcp_tell_task(c->task, c->uid, wait, &ask))
        mcp_ask_person(c); /* which it waits for now */
    mcp_asks_finish(&ask, 1);
}

void mcp_ask_go_on(struct mcp_call *c)
{
    struct mcp_fault fault;

    if (c->wait == WAIT_NOTHING || c->task == NULL)
        return;
    if (take_given(c) < 0) {
        mcp_fault(&fault, 400, RPC_INVALID_PARAMS, "inputResponses has something that does not answer what was asked");
        mcp_call_fault(c, &fault); /* the state still names the task: the client may bring another answer */
        return;
    }
    if (n_open(c) == 0)
        deliver(c);
    else if (c->answer && c->era == MCP_MODERN)
        send_round(c);
    else if (c->answer && mcp_answer_streams(c->answer))
        send_requests(c);
    else if (c->answer)
        mcp_call_fail(c, "the client takes no stream, so it cannot be asked: accept text/event-stream");
}

void mcp_ask_over(struct mcp_call *c)
{
    const enum mcp_wait wait = c->wait;
    struct err why = { 0 };

    event_del(c->expiry);
    forget(c);
    if (wait == WAIT_TOOL && c->task) {
        fail(&why, CORAX_E_TIMEOUT, "nobody answered in time");
        task_answer_call(c->task, NULL, &why);
    } else if (c->answer == NULL) {
        mcp_call_destroy(c); /* its task waits on, for corax approve */
    } else {
        point_to_cli(c);
    }
}

/* --- answers of a legacy client --------------------------------------------------------------------------------- */

void mcp_take_answer(struct mcp_exchange *x)
{
    const struct rpc_msg *msg = &x->r->msg;
    const char *id = json_text(json_get(msg->root, "id")), *raw;
    char task[ID_LEN + 1];
    struct mcp_call *c;
    struct err why = { 0 };
    int round, end = 0;
    size_t i, len;

    if (id == NULL || sscanf(id, "%36[0-9a-f-]/%d/%zu%n", task, &round, &i, &end) != 3 || id[end] != '\0' ||
        (c = mcp_call_find(x->mcp, task)) == NULL || strcmp(c->session, x->session->id) != 0 ||
        c->wait == WAIT_NOTHING || c->round != round || i >= c->n_asks || c->asks[i].response)
        return; /* nobody waits for it any more */
    if (msg->kind == RPC_RESULT && mcp_is_response(c->asks[i].method, msg->result)) {
        raw = json_raw(msg->result, &len);
        c->asks[i].response = routes_need(strndup(raw, len));
    } else if (strcmp(c->asks[i].method, "elicitation/create") == 0) {
        c->asks[i].response = routes_need(strdup("{\"action\":\"cancel\"}"));
    } else {
        forget(c);
        event_del(c->expiry);
        fail(&why, CORAX_E_UNAVAIL, "unavailable: the client does not do it: %.200s",
             msg->kind == RPC_ERROR ? msg->error_message : "its answer makes no sense");
        task_answer_call(c->task, NULL, &why);
        return;
    }
    if (n_open(c) == 0)
        deliver(c);
}
