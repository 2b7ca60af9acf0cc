#include "daemon/routes_journal.h"

#include <unistd.h>

#include "daemon/routes_task.h"
#include "daemon/upkeep.h"

/* The journal has everybody's tasks: it is for those who could read the file. */
static bool is_allowed(struct evhttp_request *req, const struct http_peer *peer)
{
    if (peer->admin || peer->uid == (uint32_t)geteuid())
        return true;
    http_reply_error(req, 403, "forbidden", "not_admin", NULL, "the journal is for root, admin_group and the user that coraxd runs as");
    return false;
}

static void reply_trouble(struct evhttp_request *req, const struct err *err)
{
    if (err->status == CORAX_E_ARGS)
        routes_bad(req, "bad_value", "name", err->msg);
    else if (err->status == CORAX_E_UNAVAIL)
        http_reply_error(req, 503, "unavailable", "busy", NULL, "%s", err->msg);
    else
        routes_journal_trouble(req, err);
}

static void on_backup(void *arg, const struct upkeep_result *result)
{
    struct evhttp_request *req = arg;
    struct buf json;
    struct jsonw w;

    if (result->err) {
        reply_trouble(req, result->err);
        return;
    }
    buf_init(&json, 4096);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "path", result->path);
    jsonw_int(&w, "bytes", result->bytes);
    jsonw_end(&w);
    http_reply_json(req, 201, &json);
}

static void on_check(void *arg, const struct upkeep_result *result)
{
    struct evhttp_request *req = arg;
    struct buf json;

    if (result->err) {
        reply_trouble(req, result->err);
        return;
    }
    buf_init(&json, result->report_len + 1);
    buf_add(&json, result->report, result->report_len);
    http_reply_json(req, 200, &json);
}

void routes_post_backup(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    static const char *const known[] = { "name", NULL };
    struct err err = { 0 };
    size_t len;
    const char *body = http_body(req, &len);
    struct json *root = NULL;
    const char *name = NULL;

    if (!is_allowed(req, peer))
        return;
    if (len > 0 && ((root = json_parse(body, len, &err)) == NULL || json_check_members(root, "the body", known, &err) < 0)) {
        routes_bad(req, "bad_json", NULL, err.msg);
    } else if (json_get(root, "name") && (name = json_get_text(root, "name", NULL)) == NULL) {
        routes_bad(req, "bad_value", "name", "name must be a string");
    } else if (upkeep_backup(d->upkeep, name, on_backup, req, &err) < 0) {
        reply_trouble(req, &err);
    }
    json_free(root);
}

void routes_post_check(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct err err = { 0 };

    if (is_allowed(req, peer) && upkeep_check(d->upkeep, on_check, req, &err) < 0)
        reply_trouble(req, &err);
}
