/*
 * Replays of a recorded task: GET .../replay by its planner or another one, POST .../replay with a part swapped.
 */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/routes_policy.h"
#include "daemon/routes_task.h"
#include "daemon/scheduler.h"
#include "daemon/task_rejudge.h"
#include "daemon/task_replay.h"

static int write_replay(const struct pending *p, const struct journal_read *r, struct jsonw *w, struct err *err)
{
    return p->policy ? task_rejudge(p->d, p->policy, r->events, r->n_events, w, err)
                     : task_replay(p->d, p->planner, r->events, r->n_events, w, err);
}

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

void routes_post_replay(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *id)
{
    static const char *const known[] = { "files", NULL };
    struct policy *policy = NULL;
    struct err err = { 0 };
    struct pending *p;
    size_t len;
    const char *body = http_body(req, &len);
    struct json *root = json_parse(body, len, &err);

    if (root && config_check_members(root, "the body", known, &err) == 0)
        policy = read_policy(root, &err);
    json_free(root);
    if (policy == NULL) {
        routes_bad(req, "bad_value", NULL, err.msg);
        return;
    }
    p = pending_create(d, req, peer, id);
    p->policy = policy;
    read_task(p);
}
