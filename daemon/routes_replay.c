/*
 * Replays of a recorded task: GET .../replay by its planner or another one, POST .../replay with a part swapped.
 */
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/routes_policy.h"
#include "daemon/routes_task.h"
#include "daemon/scheduler.h"
#include "daemon/task_rejudge.h"
#include "daemon/task_remodel.h"
#include "daemon/task_replay.h"

static int write_replay(const struct pending *p, const struct journal_read *r, struct jsonw *w, struct err *err)
{
    return p->policy ? task_rejudge(p->d, p->policy, r->events, r->n_events, w, err)
                     : task_replay(p->d, p->planner, r->events, r->n_events, w, err);
}

/* --- with the model asked ----------------------------------------------------------------------------------------- */

static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct pending *p = arg;

    http_gone(evcon, p->req);
    remodel_cancel(p->remodel);
    pending_destroy(p);
}

static void on_remodel(void *arg, struct buf *json, const struct err *err)
{
    struct pending *p = arg;

    http_unwatch(p->req);
    if (json)
        http_reply_json(p->req, 200, json);
    else
        routes_ending(p->req, err->msg);
    pending_destroy(p);
}

/* true: it is under way, and has taken the pending and what was read. */
static bool ask_model(struct pending *p, struct journal_read *r)
{
    struct err err = { 0 };

    if (evhttp_request_get_connection(p->req) == NULL) { /* the client has gone while the task was read */
        http_reply_error(p->req, 500, "internal", "gone", NULL, "the client is gone");
        return false;
    }
    p->remodel = remodel_start(p->d, p->model, r, on_remodel, p, &err);
    if (p->remodel == NULL) {
        if (err.status == CORAX_E_UNAVAIL)
            http_reply_error(p->req, 503, "unavailable", "busy", NULL, "%s", err.msg);
        else
            http_reply_error(p->req, 500, "internal", "replay", NULL, "%s", err.msg);
        return false;
    }
    http_watch(p->req, on_close, p);
    return true;
}

/* --- any ---------------------------------------------------------------------------------------------------------- */

static void on_replay(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct pending *p = op->arg;
    struct err err = { 0 };
    struct buf json;
    struct jsonw w;

    if (!pending_is_there(p, r)) {
        ; /* that is the answer */
    } else if (r->more) {
        http_reply_error(p->req, 413, "invalid_request", "too_large", NULL, "the task has more events than are read at once");
    } else if (p->model) {
        if (ask_model(p, r))
            return;
    } else {
        buf_init(&json, ROUTES_ANSWER_LIMIT);
        w = jsonw_start(&json);
        jsonw_object(&w, NULL);
        if (write_replay(p, r, &w, &err) == 0) {
            jsonw_end(&w);
            http_reply_json(p->req, 200, &json);
        } else {
            buf_finish(&json);
            http_reply_error(p->req, 500, "internal", "replay", NULL, "%s", err.msg);
        }
    }
    journal_read_finish(r);
    free(r);
    pending_destroy(p);
}

/* What is not yet on the disk is to be, as it is read from there. */
static void read_task(struct pending *p)
{
    struct task *t = scheduler_find(p->d->scheduler, p->id);

    if (t)
        task_flush(t);
    pending_read(p, on_replay, false);
}

void routes_get_replay(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    const struct planner_kind *planner = NULL;
    struct pending *p;
    char name[32], wants[160];

    if (http_query(req, "planner", name, sizeof(name)) && (planner = planner_kind_find(name)) == NULL) {
        snprintf(wants, sizeof(wants), "planner must be %s", planner_kind_names());
        routes_bad(req, "bad_value", "planner", wants);
        return;
    }
    p = pending_create(d, req, peer, id);
    p->planner = planner;
    read_task(p);
}

static struct policy *read_policy(const struct json *root, struct err *err)
{
    struct policy_file files[POLICY_MAX_FILES];
    size_t n = 0;

    return routes_read_policy_files(json_get(root, "files"), files, &n, err) < 0 ? NULL : policy_load(files, n, POLICY_BASE, err);
}

/* {"files":[...]} or {"model":NAME|null}. */
static int read_swap(struct pending *p, const struct json *root, struct err *err)
{
    static const char *const known[] = { "files", "model", NULL };
    const struct json *model = json_get(root, "model");

    if (json_check_members(root, "the body", known, err) < 0)
        return -1;
    if ((json_get(root, "files") != NULL) == (model != NULL))
        return fail(err, CORAX_E_ARGS, "the body must have either files or model");
    if (model == NULL)
        return (p->policy = read_policy(root, err)) ? 0 : -1;
    if (json_kind(model) != JSON_NULL && json_kind(model) != JSON_STRING)
        return fail(err, CORAX_E_ARGS, "model must be one of `models` in corax.conf, or null: the default");
    p->model = &p->d->config.model;
    return config_find_model(&p->d->config, json_text(model), &p->model, err);
}

void routes_post_replay(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    struct pending *p = pending_create(d, req, peer, id);
    struct err err = { 0 };
    size_t len;
    const char *body = http_body(req, &len);
    struct json *root = json_parse(body, len, &err);

    if (root == NULL || read_swap(p, root, &err) < 0) {
        routes_bad(req, "bad_value", NULL, err.msg);
        pending_destroy(p);
    } else if (d->ending) {
        routes_ending(req, "the daemon is ending");
        pending_destroy(p);
    } else {
        read_task(p);
    }
    json_free(root);
}
