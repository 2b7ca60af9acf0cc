/*
 * The table of paths, and those that are not about one task.
 */
#include "daemon/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/agents.h"
#include "daemon/foreign.h"
#include "daemon/hosts.h"
#include "daemon/isolation.h"
#include "daemon/mcp.h"
#include "daemon/models.h"
#include "daemon/policies.h"
#include "daemon/routes_foreign.h"
#include "daemon/routes_journal.h"
#include "daemon/routes_memory.h"
#include "daemon/routes_policy.h"
#include "daemon/routes_schedule.h"
#include "daemon/routes_task.h"
#include "daemon/scheduler.h"
#include "daemon/vectors.h"
#include "util/clock.h"

#define MAX_LIST 500
#define MAX_KEY  200

/* --- POST /v1/tasks --------------------------------------------------------------------------------------------- */

static void on_submitted(void *arg, const struct submitted *s)
{
    struct evhttp_request *req = arg;
    char location[64 + ID_LEN];
    struct buf json;
    struct jsonw w;

    if (s->err) {
        routes_journal_trouble(req, s->err);
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
    if (s->state == TASK_SCHEDULED)
        jsonw_int(&w, "due_ms", s->due_ms);
    jsonw_int(&w, "created_ms", s->created_ms);
    jsonw_end(&w);
    http_reply_json(req, s->exists ? 200 : 201, &json);
}

const char *routes_unknown_tool(const struct coraxd *d, const struct submission *sub)
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

bool routes_key(struct evhttp_request *req, const char **key)
{
    *key = http_header(req, "Idempotency-Key");
    if (*key == NULL || good_key(*key))
        return true;
    routes_bad(req, "bad_value", "Idempotency-Key", "Idempotency-Key must have 1 to 200 printable ASCII characters");
    return false;
}

void routes_refused(struct evhttp_request *req, const char *code, const struct err *err)
{
    if (err->status == CORAX_E_LIMIT)
        http_reply_error(req, 429, "overloaded", code, NULL, "%s", err->msg);
    else if (err->status == CORAX_E_UNAVAIL)
        routes_ending(req, err->msg);
    else if (err->status == CORAX_E_ARGS)
        routes_bad(req, "bad_value", NULL, err->msg);
    else
        http_reply_error(req, 500, "internal", "memory", NULL, "%s", err->msg);
}

static void post_task(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    const char *code, *param, *body, *unknown, *key;
    struct submission sub;
    struct err err = { 0 };
    size_t len;

    if (!routes_key(req, &key))
        return;
    body = http_body(req, &len);
    if (submission_parse(&sub, body, len, &d->config, &code, &param, &err) < 0) {
        routes_bad(req, code, param, err.msg);
    } else if (sub.every) {
        routes_bad(req, "bad_value", "every", "a task comes once: POST /v1/schedules makes what comes again");
    } else if ((unknown = routes_unknown_tool(d, &sub)) != NULL) {
        http_reply_error(req, 400, "invalid_request", "bad_value", "tools", "there is no tool \"%.64s\"", unknown);
    } else {
        sub.uid = peer->uid;
        sub.idem_key = key;
        if (scheduler_submit(d->scheduler, &sub, on_submitted, req, &code, &err) < 0)
            routes_refused(req, code, &err);
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
    bool more = l->more;
    int n = 0;
    size_t i;

    if (op->result < 0) {
        routes_journal_trouble(p->req, &op->err);
        goto out;
    }
    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_array(&w, "tasks");
    for (i = 0; i < l->n_rows; i++) {
        const struct task_row *r = &l->rows[i];
        const struct task *t = scheduler_find(p->d->scheduler, r->id);
        enum task_state state = t ? t->shown : r->state;

        if (p->list_state != LIST_ANY && (int)state != p->list_state)
            continue;
        if (n++ == p->list_limit) {
            more = true;
            break;
        }
        jsonw_object(&w, NULL);
        jsonw_text(&w, "id", r->id);
        jsonw_text(&w, "state", task_state_name(state));
        jsonw_text(&w, "outcome", task_outcome_name(state == TASK_FINISHED && t ? t->row.outcome : r->outcome));
        jsonw_int(&w, "created_ms", r->created_ms);
        jsonw_int(&w, "updated_ms", r->updated_ms);
        if (state == TASK_SCHEDULED && t)
            jsonw_int(&w, "due_ms", t->due_ms);
        jsonw_int(&w, "n_steps", r->n_steps);
        jsonw_text(&w, "input_text", r->input_text);
        jsonw_text(&w, "answer", r->has_answer ? r->answer : NULL);
        jsonw_int(&w, "uid", r->uid);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    jsonw_bool(&w, "more", more);
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
    struct pending *p;
    char state[16], before[ID_LEN + 1];
    int64_t limit = 50;
    int want = LIST_ANY;

    if (!routes_query_int(req, "limit", 1, MAX_LIST, &limit))
        return;
    if (http_query(req, "state", state, sizeof(state)) && (want = task_state_find(state)) < 0) {
        routes_bad(req, "bad_value", "state", "state must be scheduled, queued, running, waiting, paused or finished");
        return;
    }
    if (http_query(req, "before", before, sizeof(before)) && !id_is_valid(before, strlen(before))) {
        routes_bad(req, "bad_value", "before", "before must be the id of a task");
        return;
    }
    l = routes_need(malloc(sizeof(*l)));
    journal_list_init(l, on_listed);
    l->uid = peer->admin ? -1 : (int64_t)peer->uid;
    /* A row says what was stored last, and a task runs before its first step is: those in memory are asked. */
    l->state = want == LIST_ANY || want == TASK_FINISHED ? want : LIST_LIVE;
    l->limit = (int)limit;
    snprintf(l->before, sizeof(l->before), "%s", before);
    p = pending_create(d, req, peer, "");
    p->list_state = want;
    p->list_limit = (int)limit;
    l->op.arg = p;
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
    char hash[65];
    bool good;
    size_t i;

    buf_init(&json, 1u << 20);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "version", PACKAGE_VERSION);
    jsonw_text(&w, "api_version", HTTP_API_VERSION);
    jsonw_int(&w, "uptime_ms", clock_mono_ms() - d->started_ms);
    good = models_write_health(d->models, &w);
    good = vectors_write_health(d->vectors, &w) && good;
    good = hosts_write_health(d->hosts, &w) && good;
    good = foreign_write_health(d->foreign, &w) && good;
    good = journal_write_health(d->journal, &w) && good;
    isolation_write_health(d->isolation, &w);
    jsonw_object(&w, "tasks");
    jsonw_int(&w, "running", n.n_running);
    jsonw_int(&w, "queued", n.n_queued);
    jsonw_int(&w, "waiting", n.n_waiting);
    jsonw_int(&w, "scheduled", n.n_scheduled);
    jsonw_int(&w, "paused", n.n_paused);
    jsonw_int(&w, "max_running", d->config.max_running);
    jsonw_int(&w, "max_queued", d->config.max_queued);
    jsonw_int(&w, "max_scheduled", d->config.max_scheduled);
    jsonw_end(&w);
    jsonw_object(&w, "policy");
    policies_hash(d->policies, UINT32_MAX, NULL, hash);
    jsonw_text(&w, "hash", hash);
    jsonw_array(&w, "files");
    for (i = 0; i < d->config.policies.n; i++)
        jsonw_text(&w, NULL, d->config.policies.at[i]);
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_text(&w, "status", d->ending ? "ending" : good ? "ok" : "degraded");
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
}

static void get_tools(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct buf json;
    struct jsonw w;

    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    registry_write_json(d->registry, &w, "tools");
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
}

static void get_agents(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct buf json;
    struct jsonw w;

    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    agents_write(d->config.agents, &w);
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
}

/* --- which -------------------------------------------------------------------------------------------------------*/

typedef void plain_route(struct coraxd *, struct evhttp_request *, const struct http_peer *);

static const struct {
    const char *path;
    plain_route *get, *post;
} plain_routes[] = {
    { "/_ping", get_ping, NULL },
    { "/healthz", get_health, NULL },
    { "/v1/tasks", get_tasks, post_task },
    { "/v1/schedules", routes_get_schedules, routes_post_schedule },
    { "/v1/tools", get_tools, NULL },
    { "/v1/mcp-servers", routes_get_foreign, NULL },
    { "/v1/agents", get_agents, NULL },
    { "/v1/memory", routes_get_memories, routes_post_memory },
    { "/v1/policies", routes_get_policies, NULL },
    { "/v1/policies/explain", NULL, routes_post_explain },
    { "/v1/policies/test", NULL, routes_post_policy_test },
    { "/v1/journal/backups", NULL, routes_post_backup },
    { "/v1/journal/check", NULL, routes_post_check },
};

static const struct {
    const char *rest; /* after the id */
    task_route *get, *post, *del;
} task_routes[] = {
    { "", routes_get_task, NULL, routes_delete_task }, { "/events", routes_get_events, NULL, NULL },
    { "/trace", routes_get_trace, NULL, NULL }, { "/replay", routes_get_replay, routes_post_replay, NULL },        { "/input", NULL, routes_post_input, NULL },
    { "/cancel", NULL, routes_post_cancel, NULL }, { "/pause", NULL, routes_post_pause, NULL }, { "/resume", NULL, routes_post_resume, NULL },
};

void routes_bad_method(struct evhttp_request *req, const char *allow)
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
        if (task_routes[i].get == routes_get_events && method == EVHTTP_REQ_HEAD)
            routes_bad_method(req, "GET");
        else if (task_routes[i].get && (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD))
            task_routes[i].get(d, req, peer, id);
        else if (task_routes[i].post && method == EVHTTP_REQ_POST)
            task_routes[i].post(d, req, peer, id);
        else if (task_routes[i].del && method == EVHTTP_REQ_DELETE)
            task_routes[i].del(d, req, peer, id);
        else
            routes_bad_method(req, task_routes[i].post ? "POST" : task_routes[i].del ? "GET, HEAD, DELETE" : "GET, HEAD");
        return;
    }
    http_reply_error(req, 404, "not_found", "no_such_path", NULL, "a task has events, trace, replay, input, cancel, pause and resume");
}

static void handle_memory(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(req);

    if (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD)
        routes_get_memory(d, req, peer, id);
    else if (method == EVHTTP_REQ_DELETE)
        routes_delete_memory(d, req, peer, id);
    else
        routes_bad_method(req, "GET, HEAD, DELETE");
}

void routes_handle(void *arg, struct evhttp_request *req, const struct http_peer *peer)
{
    struct coraxd *d = arg;
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
    size_t i;

    if (path == NULL)
        path = "/";
    if (strcmp(path, "/mcp") == 0) {
        mcp_handle(d->mcp, req, peer);
        return;
    }
    for (i = 0; i < sizeof(plain_routes) / sizeof(*plain_routes); i++) {
        if (strcmp(path, plain_routes[i].path) != 0)
            continue;
        if (plain_routes[i].get && (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD))
            plain_routes[i].get(d, req, peer);
        else if (plain_routes[i].post && method == EVHTTP_REQ_POST)
            plain_routes[i].post(d, req, peer);
        else
            routes_bad_method(req, !plain_routes[i].get ? "POST" : plain_routes[i].post ? "GET, HEAD, POST" : "GET, HEAD");
        return;
    }
    if (strncmp(path, "/v1/tasks/", 10) == 0)
        handle_task(d, req, peer, path + 10);
    else if (strncmp(path, "/v1/memory/", 11) == 0)
        handle_memory(d, req, peer, path + 11);
    else if (strncmp(path, "/v1/schedules/", 14) == 0)
        routes_schedule(d, req, peer, path + 14);
    else if (strncmp(path, "/v1/mcp-servers/", 16) == 0)
        routes_foreign(d, req, peer, path + 16);
    else
        http_reply_error(req, 404, "not_found", "no_such_path", NULL, "there is nothing at %.100s", path);
}
