#include "daemon/routes_foreign.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/foreign.h"
#include "daemon/foreign_config.h"
#include "daemon/routes_task.h"

void routes_get_foreign(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer)
{
    struct buf json;
    struct jsonw w;

    buf_init(&json, 1u << 20);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    foreign_write_health(d->foreign, &w);
    jsonw_end(&w);
    http_reply_json(req, 200, &json);
}

static void reply_trouble(struct evhttp_request *req, const struct err *err)
{
    if (err->status == CORAX_E_NOTFOUND)
        http_reply_error(req, 404, "not_found", "server_not_found", "name", "%s", err->msg);
    else if (err->status == CORAX_E_ARGS)
        http_reply_error(req, 400, "invalid_request", "bad_value", NULL, "%s", err->msg);
    else if (err->status == CORAX_E_DENIED)
        http_reply_error(req, 403, "forbidden", "login_refused", NULL, "%s", err->msg);
    else
        http_reply_error(req, 503, "unavailable", "login_failed", NULL, "%s", err->msg);
}

static void on_login(void *arg, const struct json *result, const struct err *err)
{
    struct evhttp_request *req = arg;
    struct buf json;
    struct jsonw w;

    if (result == NULL) {
        reply_trouble(req, err);
        return;
    }
    buf_init(&json, 1u << 20);
    w = jsonw_start(&json);
    jsonw_value(&w, NULL, result);
    http_reply_json(req, 200, &json);
}

/* What a login gives is the daemon's, for the tasks of everybody. */
static void post_login(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *name)
{
    static const char *const known[] = { "redirect_uri", "callback", NULL };
    struct err err = { 0 };
    size_t len;
    const char *body = http_body(req, &len);
    struct json *root;

    if (!peer->admin && peer->uid != (uint32_t)geteuid()) {
        http_reply_error(req, 403, "forbidden", "not_admin", NULL, "logging in is for root, admin_group and the user that coraxd runs as");
        return;
    }
    root = json_parse(body, len, &err);
    if (root == NULL || json_check_members(root, "the body", known, &err) < 0 || json_get_text(root, "redirect_uri", NULL) == NULL)
        http_reply_error(req, 400, "invalid_request", "bad_json", "redirect_uri", "%s", err.status ? err.msg : "redirect_uri is missing");
    else if (foreign_login(d->foreign, name, root, on_login, req, &err) < 0)
        reply_trouble(req, &err);
    json_free(root);
}

void routes_foreign(struct coraxd *d, struct evhttp_request *req, const struct http_peer *peer, const char *rest)
{
    const size_t n = strcspn(rest, "/");
    char name[FOREIGN_MAX_NAME + 1];

    snprintf(name, sizeof(name), "%.*s", n < sizeof(name) ? (int)n : 0, rest);
    if (strcmp(rest + n, "/login") != 0)
        http_reply_error(req, 404, "not_found", "no_such_path", NULL, "an MCP server has login");
    else if (evhttp_request_get_command(req) != EVHTTP_REQ_POST)
        routes_bad_method(req, "POST");
    else
        post_login(d, req, peer, name);
}
