/*
 * Schedules.  One that another uid owns answers as if it were not there.
 */
#include "daemon/routes_schedule.h"

#include <stdio.h>
#include <string.h>

#include "daemon/routes_task.h"
#include "daemon/schedules.h"

static bool may_see(const struct http_peer *peer, const struct schedule *s)
{
    return routes_may_see(peer, schedule_uid(s));
}

/* true: the request was answered, for they are still being read. */
static bool not_known_yet(const struct coraxd *d, struct evhttp_request *req)
{
    if (schedules_are_known(d->schedules))
        return false;
    http_reply_error(req, 503, "unavailable", "starting", NULL, "schedules are still being read: try again");
    return true;
}

static void reply(struct evhttp_request *req, int status, const struct schedule *s)
{
    struct buf json;
    struct jsonw w;

    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    schedule_write(s, &w, true);
    jsonw_end(&w);
    http_reply_json(req, status, &json);
}

/* --- POST and GET /v1/schedules ----------------------------------------------------------------------------------- */

static void on_added(void *arg, const struct schedule_told *told)
{
    struct evhttp_request *req = arg;
    char location[32 + ID_LEN];

    if (told->err) {
        routes_journal_trouble(req, told->err);
    } else if (told->schedule == NULL) {
        http_reply_error(req, 409, "conflict", "idempotency_mismatch", "Idempotency-Key", "the schedule with this key is being removed");
    } else if (told->exists && !told->same) {
        http_reply_error(req, 409, "conflict", "idempotency_mismatch", "Idempotency-Key", "this key came with another body before");
    } else {
        snprintf(location, sizeof(location), "/v1/schedules/%s", schedule_id(told->schedule));
        http_set_header(req, "Location", location);
        reply(req, told->exists ? 200 : 201, told->schedule);
    }
}

void routes_post_schedule(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    const char *code, *param, *body, *unknown, *key;
    struct submission sub;
    struct err err = { 0 };
    size_t len;

    if (not_known_yet(d, req) || !routes_key(req, &key))
        return;
    body = http_body(req, &len);
    if (submission_parse(&sub, body, len, &d->config, &code, &param, &err) < 0) {
        routes_bad(req, code, param, err.msg);
    } else if (sub.every == NULL) {
        routes_bad(req, "missing", "every", "every is missing: say when the task comes again, \"10m\" or \"30 8 * * mon-fri\"");
    } else if ((unknown = routes_unknown_tool(d, &sub)) != NULL) {
        http_reply_error(req, 400, "invalid_request", "bad_value", "tools", "there is no tool \"%.64s\"", unknown);
    } else {
        sub.uid = peer->uid;
        sub.idem_key = key;
        if (schedules_add(d->schedules, &sub, body, len, on_added, req, &code, &err) < 0)
            routes_refused(req, code, &err);
    }
    submission_finish(&sub);
}

void routes_get_schedules(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct buf json;
    struct jsonw w;

    if (not_known_yet(d, req))
        return;
    buf_init(&json, ROUTES_ANSWER_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_array(&w, "schedules");
    for (const struct schedule *s = schedules_next(d->schedules, NULL); s; s = schedules_next(d->schedules, s)) {
        if (!may_see(peer, s))
            continue;
        jsonw_object(&w, NULL);
        schedule_write(s, &w, false);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
}

/* --- of one ------------------------------------------------------------------------------------------------------- */

static void on_changed(void *arg, const struct schedule_told *told)
{
    struct evhttp_request *req = arg;

    if (told->err)
        routes_journal_trouble(req, told->err);
    else if (told->schedule)
        reply(req, 200, told->schedule);
    else
        evhttp_send_reply(req, 204, "No Content", NULL);
}

void routes_schedule(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *rest)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(req);
    const size_t len = strcspn(rest, "/");
    const char *verb = rest + len;
    bool plain = *verb == '\0', pause = strcmp(verb, "/pause") == 0;
    struct schedule *s;
    char id[ID_LEN + 1];

    if (not_known_yet(d, req))
        return;
    snprintf(id, sizeof(id), "%.*s", (int)(len < ID_LEN ? len : ID_LEN), rest);
    s = len == ID_LEN ? schedules_find(d->schedules, id) : NULL;
    if (s == NULL || !may_see(peer, s))
        http_reply_error(req, 404, "not_found", "schedule_not_found", "id", "there is no schedule %.*s", (int)(len < 64 ? len : 64), rest);
    else if (!plain && !pause && strcmp(verb, "/resume") != 0)
        http_reply_error(req, 404, "not_found", "no_such_path", NULL, "a schedule has pause and resume");
    else if (plain && (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD))
        reply(req, 200, s);
    else if (plain && method == EVHTTP_REQ_DELETE)
        schedule_remove(s, on_changed, req);
    else if (!plain && method == EVHTTP_REQ_POST)
        schedule_set_paused(s, pause, on_changed, req);
    else
        routes_bad_method(req, plain ? "GET, HEAD, DELETE" : "POST");
}
