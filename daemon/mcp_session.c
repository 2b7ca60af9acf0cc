/*
 * Sessions of legacy clients, and the streams on which clients of both revisions hear of changes.
 *
 * A session holds little: what its client can be asked, its log level, the resources it watches.  When there are too
 * many, the one that has been quiet the longest goes; its client gets 404 with its next request and begins anew, as the
 * protocol says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/mcp_serve.h"
#include "daemon/routes_task.h"
#include "daemon/scheduler.h"
#include "util/clock.h"

#define TASK_URI "corax://tasks/"

static void free_uris(char **uris, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(uris[i]);
}

static bool watches(char *const *uris, size_t n, const char *uri)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(uris[i], uri) == 0)
            return true;
    return false;
}

/* --- sessions --------------------------------------------------------------------------------------------------- */

struct mcp_session *mcp_session_create(struct mcp *m, uint32_t uid, const struct mcp_client *client)
{
    struct mcp_session *s = routes_need(calloc(1, sizeof(*s)));
    unsigned char random[MCP_SESSION_LEN / 2];

    while (m->n_sessions >= MCP_MAX_SESSIONS)
        mcp_session_destroy(m, TAILQ_FIRST(&m->sessions));
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        abort();
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(s->id + 2 * i, 3, "%02x", random[i]);
    s->uid = uid;
    s->client = *client;
    s->log_level = mcp_log_level("info");
    s->used_ms = clock_mono_ms();
    TAILQ_INSERT_TAIL(&m->sessions, s, link);
    m->n_sessions++;
    return s;
}

struct mcp_session *mcp_session_find(struct mcp *m, const char *id, uint32_t uid)
{
    struct mcp_session *s;

    mcp_sessions_expire(m);
    TAILQ_FOREACH(s, &m->sessions, link)
    {
        if (s->uid != uid || strcmp(s->id, id) != 0)
            continue;
        s->used_ms = clock_mono_ms();
        TAILQ_REMOVE(&m->sessions, s, link);
        TAILQ_INSERT_TAIL(&m->sessions, s, link);
        return s;
    }
    return NULL;
}

static void listener_destroy(struct mcp_listener *l)
{
    TAILQ_REMOVE(&l->mcp->listeners, l, link);
    l->mcp->n_listeners--;
    free_uris(l->uris, l->n_uris);
    free(l);
}

static void listener_end(struct mcp_listener *l)
{
    mcp_answer_end(l->answer, 200, NULL);
    listener_destroy(l);
}

static void end_listener_of(struct mcp *m, const struct mcp_session *s)
{
    struct mcp_listener *l, *next;

    for (l = TAILQ_FIRST(&m->listeners); l; l = next) {
        next = TAILQ_NEXT(l, link);
        if (l->session == s)
            listener_end(l);
    }
}

void mcp_session_destroy(struct mcp *m, struct mcp_session *s)
{
    end_listener_of(m, s);
    TAILQ_REMOVE(&m->sessions, s, link);
    m->n_sessions--;
    free_uris(s->uris, s->n_uris);
    free(s);
}

void mcp_sessions_expire(struct mcp *m)
{
    struct mcp_session *s;

    while ((s = TAILQ_FIRST(&m->sessions)) != NULL && clock_mono_ms() - s->used_ms > MCP_SESSION_MS)
        mcp_session_destroy(m, s);
}

/* --- who listens ------------------------------------------------------------------------------------------------ */

static void on_closed(void *arg)
{
    listener_destroy(arg);
}

static struct mcp_listener *listener_create(struct mcp *m, struct evhttp_request *req, uint32_t uid)
{
    struct mcp_listener *l = routes_need(calloc(1, sizeof(*l)));

    l->mcp = m;
    l->uid = uid;
    if ((l->answer = mcp_answer_create(m->d, req, on_closed, l)) == NULL) {
        free(l);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&m->listeners, l, link);
    m->n_listeners++;
    return l;
}

void mcp_listeners_end(struct mcp *m)
{
    while (!TAILQ_EMPTY(&m->listeners))
        listener_end(TAILQ_FIRST(&m->listeners));
}

static void open_params(const struct mcp_listener *l, struct buf *out, struct jsonw *w, const char *method)
{
    buf_init(out, 65536);
    *w = rpc_notification_start(out, method);
    if (l->id[0]) {
        jsonw_object(w, "_meta");
        jsonw_raw(w, MCP_META_SUBSCRIPTION, l->id, strlen(l->id));
        jsonw_end(w);
    }
}

/* false: the listener is gone. */
static bool send_params(struct mcp_listener *l, struct buf *out, struct jsonw *w)
{
    bool sent;

    jsonw_end(w);
    jsonw_end(w);
    sent = mcp_answer_send(l->answer, out);
    buf_finish(out);
    return sent;
}

void mcp_tell_changed(struct mcp *m, enum mcp_change what)
{
    static const char *const methods[] = { "notifications/tools/list_changed", "notifications/prompts/list_changed",
                                           "notifications/resources/list_changed" };
    struct mcp_listener *l, *next;
    struct buf out;
    struct jsonw w;

    for (l = TAILQ_FIRST(&m->listeners); l; l = next) {
        next = TAILQ_NEXT(l, link);
        if (!(what == MCP_TOOLS_CHANGED ? l->tools : what == MCP_PROMPTS_CHANGED ? l->prompts : l->resources))
            continue;
        open_params(l, &out, &w, methods[what]);
        send_params(l, &out, &w);
    }
}

static bool tell_one(struct mcp_listener *l, const char *uri)
{
    struct buf out;
    struct jsonw w;

    open_params(l, &out, &w, "notifications/resources/updated");
    jsonw_text(&w, "uri", uri);
    return send_params(l, &out, &w);
}

void mcp_tell_updated(struct mcp *m, const char *uri, uint32_t uid)
{
    struct mcp_listener *l, *next;

    for (l = TAILQ_FIRST(&m->listeners); l; l = next) {
        char *const *uris = l->session ? l->session->uris : l->uris;
        const size_t n = l->session ? l->session->n_uris : l->n_uris;

        next = TAILQ_NEXT(l, link);
        if (uri && l->uid == uid && watches(uris, n, uri))
            tell_one(l, uri);
        for (size_t i = 0; uri == NULL && i < n; i++)
            if (strncmp(uris[i], TASK_URI, strlen(TASK_URI)) != 0 && !tell_one(l, uris[i]))
                break;
    }
}

bool mcp_is_uri_of_task(const char *uri, char id[ID_LEN + 1])
{
    const char *rest = uri + strlen(TASK_URI);

    if (strncmp(uri, TASK_URI, strlen(TASK_URI)) != 0 || !id_is_valid(rest, strlen(rest)))
        return false;
    memcpy(id, rest, ID_LEN + 1);
    return true;
}

/* --- subscriptions/listen --------------------------------------------------------------------------------------- */

/* 0, or -1 where the filter makes no sense. */
static int read_filter(struct mcp_listener *l, const struct json *filter)
{
    const struct json *uris = json_get(filter, "resourceSubscriptions");

    l->tools = json_bool(json_get(filter, "toolsListChanged"), false);
    l->prompts = json_bool(json_get(filter, "promptsListChanged"), false);
    l->resources = json_bool(json_get(filter, "resourcesListChanged"), false);
    if (uris && (json_kind(uris) != JSON_ARRAY || json_count(uris) > MCP_MAX_URIS))
        return -1;
    for (const struct json *u = json_first(uris); u; u = json_next(u)) {
        if (json_text(u) == NULL || strlen(json_text(u)) > MCP_MAX_URI)
            return -1;
        l->uris[l->n_uris++] = routes_need(strdup(json_text(u)));
    }
    return 0;
}

void mcp_do_listen(struct mcp_exchange *x)
{
    const struct json *filter = json_get(x->r->params, "notifications");
    struct mcp_listener *l, checked = { 0 };
    const char *accept = http_header(x->req, "Accept");
    struct buf out;
    struct jsonw w;

    if (accept == NULL || strstr(accept, "text/event-stream") == NULL) {
        mcp_refuse(x, RPC_INVALID_REQUEST, "subscriptions/listen is answered with a stream: accept text/event-stream");
        return;
    }
    if (json_kind(filter) != JSON_OBJECT || read_filter(&checked, filter) < 0) {
        free_uris(checked.uris, checked.n_uris);
        mcp_refuse(x, RPC_INVALID_PARAMS,
                   "notifications must be an object that says which are wanted, with at most %d resources",
                   MCP_MAX_URIS);
        return;
    }
    if (x->mcp->n_listeners >= MCP_MAX_LISTENERS) {
        free_uris(checked.uris, checked.n_uris);
        mcp_refuse(x, RPC_INTERNAL, "%d clients listen already", MCP_MAX_LISTENERS);
        return;
    }
    if ((l = listener_create(x->mcp, x->req, x->peer->uid)) == NULL) {
        free_uris(checked.uris, checked.n_uris);
        return;
    }
    mcp_copy(l->id, sizeof(l->id), x->r->msg.id, x->r->msg.id_len);
    l->tools = checked.tools;
    l->prompts = checked.prompts;
    l->resources = checked.resources;
    l->n_uris = checked.n_uris;
    memcpy(l->uris, checked.uris, sizeof(l->uris));
    open_params(l, &out, &w, "notifications/subscriptions/acknowledged");
    jsonw_object(&w, "notifications");
    if (l->tools)
        jsonw_bool(&w, "toolsListChanged", true);
    if (l->prompts)
        jsonw_bool(&w, "promptsListChanged", true);
    if (l->resources)
        jsonw_bool(&w, "resourcesListChanged", true);
    if (l->n_uris > 0) {
        jsonw_array(&w, "resourceSubscriptions");
        for (size_t i = 0; i < l->n_uris; i++)
            jsonw_text(&w, NULL, l->uris[i]);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    send_params(l, &out, &w);
}

void mcp_listen_session(struct mcp *m, struct mcp_session *s, struct evhttp_request *req)
{
    struct mcp_listener *l;

    /* A session has one such stream: the newest, for the client may not know yet that it lost the other. */
    end_listener_of(m, s);
    if (m->n_listeners >= MCP_MAX_LISTENERS) {
        http_reply_error(req, 503, "overloaded", "too_many_streams", NULL, "%d clients listen already",
                         MCP_MAX_LISTENERS);
        return;
    }
    if ((l = listener_create(m, req, s->uid)) == NULL)
        return;
    l->session = s;
    l->tools = l->prompts = l->resources = true;
    mcp_answer_start(l->answer);
}

/* --- resources/subscribe ---------------------------------------------------------------------------------------- */

void mcp_do_subscribe(struct mcp_exchange *x)
{
    const char *uri = json_get_text(x->r->params, "uri", NULL);
    struct mcp_session *s = x->session;
    char id[ID_LEN + 1];

    if (uri == NULL || strlen(uri) > MCP_MAX_URI ||
        (!mcp_offer_has(x->mcp->offer, uri) && !mcp_is_uri_of_task(uri, id))) {
        mcp_refuse(x, RPC_INVALID_PARAMS, "there is no such resource");
        return;
    }
    if (!watches(s->uris, s->n_uris, uri)) {
        if (s->n_uris == MCP_MAX_URIS) {
            mcp_refuse(x, RPC_INVALID_PARAMS, "a session watches at most %d resources", MCP_MAX_URIS);
            return;
        }
        s->uris[s->n_uris++] = routes_need(strdup(uri));
    }
    mcp_acknowledge(x);
}

void mcp_do_unsubscribe(struct mcp_exchange *x)
{
    const char *uri = json_get_text(x->r->params, "uri", "");
    struct mcp_session *s = x->session;

    for (size_t i = 0; i < s->n_uris; i++)
        if (strcmp(s->uris[i], uri) == 0) {
            free(s->uris[i]);
            s->uris[i] = s->uris[--s->n_uris];
            break;
        }
    mcp_acknowledge(x);
}
