#include "daemon/mcp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/builtins.h"
#include "daemon/hosts.h"
#include "daemon/mcp_serve.h"
#include "daemon/routes_task.h"
#include "tools/registry.h"
#include "util/clock.h"
#include "util/effects.h"
#include "util/log.h"

#define SWEEP_S 60

static const char instructions[] = "corax runs tools behind a policy, and whole tasks (" MCP_RUN_TASK
                                   ") with a model of its own. Each call is a task that is kept: "
                                   "read corax://tasks/{id} to see what was done. A call that the policy wants a "
                                   "person for is asked back, or waits for `corax approve`.";

static const char run_task_tool[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"task\":{\"type\":\"string\",\"description\":\"what is to be done or found out, in plain words\"},"
    "\"agent\":{\"type\":\"string\",\"description\":\"one of corax's agents, which say how it is done\"},"
    "\"model\":{\"type\":\"string\",\"description\":\"one of corax's models\"},"
    "\"planner\":{\"type\":\"string\",\"enum\":[\"react\",\"plan\",\"dfsdt\",\"reflexion\"]},"
    "\"tools\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"the only tools that it may "
    "use\"}},"
    "\"required\":[\"task\"],\"additionalProperties\":false}";

static const char run_task_result[] =
    "{\"type\":\"object\",\"properties\":{\"task\":{\"type\":\"string\"},\"outcome\":{\"type\":\"string\"},"
    "\"answer\":{\"type\":[\"string\",\"null\"]}},\"required\":[\"task\",\"outcome\",\"answer\"]}";

/* --- answers ---------------------------------------------------------------------------------------------------- */

static void put_server(struct jsonw *w, const char *key)
{
    jsonw_object(w, key);
    jsonw_text(w, "name", PACKAGE_NAME);
    jsonw_text(w, "title", "corax agent runtime");
    jsonw_text(w, "version", PACKAGE_VERSION);
    jsonw_end(w);
}

void mcp_copy(char *out, size_t size, const char *json, size_t len)
{
    snprintf(out, size, "%.*s", json && len < size ? (int)len : 0, json ? json : "");
}

struct jsonw mcp_result_start(struct buf *out, enum mcp_era era, const char *id, size_t id_len, const char *type)
{
    struct jsonw w;

    buf_init(out, MCP_ANSWER_LIMIT);
    w = rpc_result_start(out, id, id_len);
    if (era == MCP_MODERN)
        jsonw_text(&w, "resultType", type);
    return w;
}

void mcp_result_end(struct jsonw *w, enum mcp_era era)
{
    if (era == MCP_MODERN) {
        jsonw_object(w, "_meta");
        put_server(w, MCP_META_SERVER);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_end(w);
}

struct jsonw mcp_start(const struct mcp_exchange *x, struct buf *out)
{
    return mcp_result_start(out, x->r->era, x->r->msg.id, x->r->msg.id_len, "complete");
}

void mcp_reply(const struct mcp_exchange *x, struct jsonw *w)
{
    mcp_result_end(w, x->r->era);
    http_reply_json(x->req, 200, w->out);
}

void mcp_write_fault(struct buf *out, const char *id, size_t id_len, const struct mcp_fault *f)
{
    struct jsonw w;

    buf_init(out, 65536);
    w = jsonw_start(out);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "jsonrpc", "2.0");
    if (id)
        jsonw_raw(&w, "id", id, id_len);
    jsonw_object(&w, "error");
    jsonw_int(&w, "code", f->code);
    jsonw_text(&w, "message", f->message);
    if (f->data[0])
        jsonw_raw(&w, "data", f->data, strlen(f->data));
    jsonw_end(&w);
    jsonw_end(&w);
}

void mcp_reply_fault(const struct mcp_exchange *x, const struct mcp_fault *f)
{
    struct buf out;

    mcp_write_fault(&out, x->r->msg.id, x->r->msg.id_len, f);
    http_reply_json(x->req, f->http, &out);
}

void mcp_refuse(const struct mcp_exchange *x, int code, const char *fmt, ...)
{
    struct mcp_fault f = { .http = 200, .code = code };
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f.message, sizeof(f.message), fmt, ap);
    va_end(ap);
    mcp_reply_fault(x, &f);
}

/* --- discover, initialize --------------------------------------------------------------------------------------- */

static void put_capabilities(struct jsonw *w, enum mcp_era era)
{
    static const char *const lists[] = { "prompts", "resources", "tools" };

    jsonw_object(w, "capabilities");
    for (size_t i = 0; i < 3; i++) {
        jsonw_object(w, lists[i]);
        jsonw_bool(w, "listChanged", true);
        if (strcmp(lists[i], "resources") == 0)
            jsonw_bool(w, "subscribe", true);
        jsonw_end(w);
    }
    jsonw_object(w, "completions");
    jsonw_end(w);
    jsonw_object(w, "logging");
    jsonw_end(w);
    if (era == MCP_MODERN) {
        jsonw_object(w, "extensions");
        jsonw_object(w, MCP_EXTENSION_TASKS);
        jsonw_end(w);
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void put_cache(const struct mcp_exchange *x, struct jsonw *w)
{
    if (x->r->era != MCP_MODERN)
        return;
    jsonw_int(w, "ttlMs", MCP_TTL_MS);
    jsonw_text(w, "cacheScope", "private");
}

static void do_discover(struct mcp_exchange *x)
{
    struct buf out;
    struct jsonw w = mcp_start(x, &out);

    jsonw_array(&w, "supportedVersions");
    jsonw_text(&w, NULL, MCP_VERSION_MODERN);
    jsonw_text(&w, NULL, MCP_VERSION_LEGACY);
    jsonw_end(&w);
    put_capabilities(&w, MCP_MODERN);
    jsonw_text(&w, "instructions", instructions);
    put_cache(x, &w);
    mcp_reply(x, &w);
}

static void do_initialize(struct mcp_exchange *x)
{
    static const char *const known[] = { MCP_VERSION_LEGACY, "2025-06-18", "2025-03-26" };
    const char *wanted = json_get_text(x->r->params, "protocolVersion", NULL), *version = MCP_VERSION_LEGACY;
    const struct json *capabilities = json_get(x->r->params, "capabilities");
    struct mcp_client client = mcp_client_read(capabilities);
    struct mcp_session *s;
    struct buf out;
    struct jsonw w;

    if (wanted == NULL || json_kind(capabilities) != JSON_OBJECT) {
        mcp_refuse(x, RPC_INVALID_PARAMS, "initialize needs protocolVersion, capabilities and clientInfo");
        return;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(known[i], wanted) == 0)
            version = known[i];
    s = mcp_session_create(x->mcp, x->peer->uid, &client);
    http_set_header(x->req, "Mcp-Session-Id", s->id);
    w = mcp_start(x, &out);
    jsonw_text(&w, "protocolVersion", version);
    put_capabilities(&w, MCP_LEGACY);
    put_server(&w, "serverInfo");
    jsonw_text(&w, "instructions", instructions);
    mcp_reply(x, &w);
}

void mcp_acknowledge(struct mcp_exchange *x)
{
    struct buf out;
    struct jsonw w = mcp_start(x, &out);

    mcp_reply(x, &w);
}

static void do_set_level(struct mcp_exchange *x)
{
    const int level = mcp_log_level(json_get_text(x->r->params, "level", NULL));

    if (level < 0) {
        mcp_refuse(x, RPC_INVALID_PARAMS,
                   "level is none of debug, info, notice, warning, error, critical, alert, emergency");
        return;
    }
    x->session->log_level = level;
    mcp_acknowledge(x);
}

/* --- lists ------------------------------------------------------------------------------------------------------ */

/* Where a page begins; false: the request was refused. */
static bool read_cursor(struct mcp_exchange *x, size_t *at)
{
    const struct json *cursor = json_get(x->r->params, "cursor");
    const char *text = json_text(cursor);
    char *end;

    *at = 0;
    if (cursor == NULL)
        return true;
    if (text && text[0] >= '0' && text[0] <= '9') {
        *at = (size_t)strtoul(text, &end, 10);
        if (*end == '\0' && *at <= REGISTRY_MAX_TOOLS)
            return true;
    }
    mcp_refuse(x, RPC_INVALID_PARAMS, "cursor is none that this server gave");
    return false;
}

static void put_next(struct jsonw *w, size_t at)
{
    char text[24];

    snprintf(text, sizeof(text), "%zu", at);
    if (at > 0)
        jsonw_text(w, "nextCursor", text);
}

static bool is_object_schema(const char *schema)
{
    const char *value;
    size_t len;

    return json_find(schema, strlen(schema), "/type", &value, &len) && len == 8 && memcmp(value, "\"object\"", 8) == 0;
}

static void put_tool(struct jsonw *w, const struct tool *t, enum mcp_era era)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "name", t->name);
    jsonw_text(w, "description", t->summary);
    jsonw_raw(w, "inputSchema", t->args_schema, t->args_schema_len);
    if (t->result_schema && (era == MCP_MODERN || is_object_schema(t->result_schema)))
        jsonw_raw(w, "outputSchema", t->result_schema, strlen(t->result_schema));
    annotations_write(w, t->effects, t->traits);
    jsonw_object(w, "_meta");
    jsonw_text(w, "corax/provider", t->provider);
    effects_write(w, MCP_META_EFFECTS, t->effects);
    traits_write(w, MCP_META_TRAITS, t->traits);
    jsonw_end(w);
    jsonw_end(w);
}

static void put_run_task(struct jsonw *w)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "name", MCP_RUN_TASK);
    jsonw_text(w, "title", "Run a task");
    jsonw_text(w, "description",
               "Have corax work on a whole task, with a model and tools of its own, within its policy. The answer "
               "comes when it is done.");
    jsonw_raw(w, "inputSchema", run_task_tool, strlen(run_task_tool));
    jsonw_raw(w, "outputSchema", run_task_result, strlen(run_task_result));
    annotations_write(w, CORAX_FX_WRITE | CORAX_FX_NET, CORAX_TRAIT_DESTRUCTIVE);
    jsonw_end(w);
}

static void put_tools(const struct mcp_exchange *x, struct jsonw *w, size_t *at)
{
    const struct registry *registry = x->mcp->d->registry;
    const size_t count = registry_count(registry);
    size_t n = 0;

    jsonw_array(w, "tools");
    if (*at == 0)
        put_run_task(w);
    for (; *at < count && n < MCP_PAGE; ++*at) {
        const struct tool *t = registry_by_name(registry, *at);

        if (t == NULL || t->disabled || builtin_of(t) || strcmp(t->name, MCP_RUN_TASK) == 0)
            continue;
        put_tool(w, t, x->r->era);
        n++;
    }
    jsonw_end(w);
    if (*at >= count)
        *at = 0;
}

/* One page; put writes the array, and moves *at. */
static void list(struct mcp_exchange *x, void (*put)(const struct mcp_exchange *, struct jsonw *, size_t *at))
{
    struct buf out;
    struct jsonw w;
    size_t at;

    if (!read_cursor(x, &at))
        return;
    w = mcp_start(x, &out);
    put(x, &w, &at);
    put_next(&w, at);
    put_cache(x, &w);
    mcp_reply(x, &w);
}

static void do_tools(struct mcp_exchange *x)
{
    list(x, put_tools);
}

static void put_prompts(const struct mcp_exchange *x, struct jsonw *w, size_t *at)
{
    mcp_offer_write_prompts(x->mcp->offer, x->r->era == MCP_LEGACY, w, at, MCP_PAGE);
}

static void do_prompts(struct mcp_exchange *x)
{
    list(x, put_prompts);
}

static void put_resources(const struct mcp_exchange *x, struct jsonw *w, size_t *at)
{
    mcp_offer_write_resources(x->mcp->offer, w, at, MCP_PAGE);
}

static void do_resources(struct mcp_exchange *x)
{
    list(x, put_resources);
}

static void do_templates(struct mcp_exchange *x)
{
    struct buf out;
    struct jsonw w = mcp_start(x, &out);

    jsonw_array(&w, "resourceTemplates");
    jsonw_object(&w, NULL);
    jsonw_text(&w, "uriTemplate", "corax://tasks/{id}");
    jsonw_text(&w, "name", "task");
    jsonw_text(&w, "title", "A task's trace");
    jsonw_text(&w, "description", "what a task did, event by event");
    jsonw_text(&w, "mimeType", "application/json");
    jsonw_end(&w);
    mcp_offer_write_templates(x->mcp->offer, &w);
    jsonw_end(&w);
    put_cache(x, &w);
    mcp_reply(x, &w);
}

/* --- prompts, resources, completion ----------------------------------------------------------------------------- */

static void ask_for_prompt(struct mcp_exchange *x, const struct json *asks)
{
    struct mcp_fault fault;
    struct buf out;
    struct jsonw w;

    if (!x->r->client.elicits) {
        mcp_fault(&fault, 400, MCP_MISSING_CAPABILITY,
                  "this prompt asks its user, and the client declares no elicitation");
        snprintf(fault.data, sizeof(fault.data), "{\"requiredCapabilities\":{\"elicitation\":{}}}");
        mcp_reply_fault(x, &fault);
        return;
    }
    w = mcp_result_start(&out, x->r->era, x->r->msg.id, x->r->msg.id_len, "input_required");
    jsonw_value(&w, "inputRequests", asks);
    mcp_reply(x, &w);
}

/* Whether the client brought what a prompt asks for; what was declined leaves its places empty. */
static bool has_responses(const struct json *asks, const struct json *responses)
{
    for (const struct json *q = json_first(asks); q; q = json_next(q))
        if (!mcp_is_response("elicitation/create", json_get(responses, json_key(q))))
            return false;
    return true;
}

static void do_prompt(struct mcp_exchange *x)
{
    const struct json *responses = json_get(x->r->params, "inputResponses");
    const char *name = json_get_text(x->r->params, "name", NULL);
    const struct mcp_prompt *p = mcp_offer_prompt(x->mcp->offer, name);
    const struct json *asks = p ? mcp_prompt_asks(p) : NULL;
    struct err err = { 0 };
    struct buf out;
    struct jsonw w;

    if (p == NULL || (asks && x->r->era == MCP_LEGACY)) {
        mcp_refuse(x, RPC_INVALID_PARAMS, "there is no prompt \"%.64s\"", name ? name : "");
        return;
    }
    if (responses && json_kind(responses) != JSON_OBJECT) {
        mcp_refuse(x, RPC_INVALID_PARAMS, "inputResponses must be an object");
        return;
    }
    if (asks && !has_responses(asks, responses)) {
        ask_for_prompt(x, asks);
        return;
    }
    w = mcp_start(x, &out);
    if (mcp_prompt_write(p, json_get(x->r->params, "arguments"), asks ? responses : NULL, &w, &err) == 0) {
        mcp_reply(x, &w);
    } else {
        buf_finish(&out);
        mcp_refuse(x, RPC_INVALID_PARAMS, "%.200s", err.msg);
    }
}

static void no_resource(struct mcp_exchange *x, const char *uri)
{
    struct mcp_fault fault;
    struct buf data;
    struct jsonw w;

    mcp_fault(&fault, 200, RPC_INVALID_PARAMS, "there is no such resource");
    buf_init(&data, sizeof(fault.data));
    w = jsonw_start(&data);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "uri", uri);
    jsonw_end(&w);
    if (!data.failed)
        snprintf(fault.data, sizeof(fault.data), "%s", data.data);
    buf_finish(&data);
    mcp_reply_fault(x, &fault);
}

static void do_read(struct mcp_exchange *x)
{
    const char *uri = json_get_text(x->r->params, "uri", NULL);
    struct err err = { 0 };
    char id[ID_LEN + 1];
    struct buf out;
    struct jsonw w;
    int rc;

    if (uri == NULL || strlen(uri) > MCP_MAX_URI) {
        mcp_refuse(x, RPC_INVALID_PARAMS, "uri must be a text of at most %d bytes", MCP_MAX_URI);
        return;
    }
    if (mcp_is_uri_of_task(uri, id)) {
        mcp_read_task(x, uri, id);
        return;
    }
    w = mcp_start(x, &out);
    rc = mcp_offer_read(x->mcp->offer, uri, &w, &err);
    if (rc == 0) {
        put_cache(x, &w);
        mcp_reply(x, &w);
        return;
    }
    buf_finish(&out);
    if (rc > 0)
        no_resource(x, uri);
    else
        mcp_refuse(x, RPC_INTERNAL, "%.200s", err.msg);
}

static void do_complete(struct mcp_exchange *x)
{
    const struct json *argument = json_get(x->r->params, "argument");
    const char *name = json_get_text(argument, "name", NULL), *value = json_get_text(argument, "value", NULL);
    struct err err = { 0 };
    struct buf out;
    struct jsonw w;
    int n;

    if (name == NULL || value == NULL) {
        mcp_refuse(x, RPC_INVALID_PARAMS, "argument needs a name and a value");
        return;
    }
    w = mcp_start(x, &out);
    jsonw_object(&w, "completion");
    n = mcp_offer_complete(x->mcp->offer, json_get(x->r->params, "ref"), name, value, &w, &err);
    if (n < 0) {
        buf_finish(&out);
        mcp_refuse(x, RPC_INVALID_PARAMS, "%.200s", err.msg);
        return;
    }
    jsonw_int(&w, "total", n);
    jsonw_bool(&w, "hasMore", n > OFFER_MAX_VALUES);
    jsonw_end(&w);
    mcp_reply(x, &w);
}

/* --- which ------------------------------------------------------------------------------------------------------ */

enum { IN_LEGACY = 1, IN_MODERN = 2, IN_BOTH = 3 };

static const struct {
    const char *name;
    int eras;
    void (*run)(struct mcp_exchange *);
} methods[] = {
    { "server/discover", IN_MODERN, do_discover },
    { "initialize", IN_LEGACY, do_initialize },
    { "ping", IN_LEGACY, mcp_acknowledge },
    { "logging/setLevel", IN_LEGACY, do_set_level },
    { "tools/list", IN_BOTH, do_tools },
    { "tools/call", IN_BOTH, mcp_do_call },
    { "prompts/list", IN_BOTH, do_prompts },
    { "prompts/get", IN_BOTH, do_prompt },
    { "resources/list", IN_BOTH, do_resources },
    { "resources/templates/list", IN_BOTH, do_templates },
    { "resources/read", IN_BOTH, do_read },
    { "resources/subscribe", IN_LEGACY, mcp_do_subscribe },
    { "resources/unsubscribe", IN_LEGACY, mcp_do_unsubscribe },
    { "completion/complete", IN_BOTH, do_complete },
    { "subscriptions/listen", IN_MODERN, mcp_do_listen },
    { "tasks/get", IN_MODERN, mcp_do_task_get },
    { "tasks/update", IN_MODERN, mcp_do_task_update },
    { "tasks/cancel", IN_MODERN, mcp_do_task_cancel },
};

static void dispatch(struct mcp_exchange *x)
{
    const char *method = x->r->msg.method;
    const int era = x->r->era == MCP_MODERN ? IN_MODERN : IN_LEGACY;
    struct mcp_fault fault;

    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        if ((methods[i].eras & era) && strcmp(methods[i].name, method) == 0) {
            methods[i].run(x);
            return;
        }
    mcp_fault(&fault, era == IN_MODERN ? 404 : 200, RPC_METHOD_NOT_FOUND, "there is no method %.80s%s", method,
              era == IN_MODERN ? " in " MCP_VERSION_MODERN : "");
    mcp_reply_fault(x, &fault);
}

static void accepted(struct evhttp_request *req)
{
    http_reply_text(req, 202, "");
}

/* The session that a legacy message belongs to; NULL: it has none, and was answered with that. */
static struct mcp_session *session_of(struct mcp_exchange *x, const char *id)
{
    struct mcp_session *s = id ? mcp_session_find(x->mcp, id, x->peer->uid) : NULL;
    struct mcp_fault fault;

    if (s == NULL) {
        if (id == NULL)
            mcp_fault(&fault, 400, RPC_INVALID_REQUEST,
                      "no session, and no _meta with " MCP_META_VERSION
                      ": begin with initialize, or speak " MCP_VERSION_MODERN);
        else
            mcp_fault(&fault, 404, RPC_INVALID_REQUEST, "there is no such session: begin anew with initialize");
        mcp_reply_fault(x, &fault);
    }
    return s;
}

static void take_legacy(struct mcp_exchange *x, const struct mcp_headers *h)
{
    const struct rpc_msg *msg = &x->r->msg;

    if (msg->kind == RPC_REQUEST && strcmp(msg->method, "initialize") == 0) {
        do_initialize(x);
        return;
    }
    if ((x->session = session_of(x, h->session)) == NULL)
        return;
    if (msg->kind == RPC_REQUEST) {
        dispatch(x);
        return;
    }
    if (msg->kind != RPC_NOTIFICATION)
        mcp_take_answer(x);
    else if (strcmp(msg->method, "notifications/cancelled") == 0)
        mcp_do_cancelled(x);
    accepted(x->req);
}

static void post(struct mcp *m, struct evhttp_request *req, const struct http_peer *peer, const struct mcp_headers *h)
{
    struct mcp_request r;
    struct mcp_exchange x = { .mcp = m, .req = req, .peer = peer, .r = &r };
    struct mcp_fault fault;
    const char *body;
    size_t len;

    body = http_body(req, &len);
    if (mcp_request_parse(&r, body, len, h, &fault) < 0)
        mcp_reply_fault(&x, &fault);
    else if (r.era == MCP_LEGACY)
        take_legacy(&x, h);
    else if (r.msg.kind == RPC_REQUEST)
        dispatch(&x);
    else
        accepted(req);
    mcp_request_finish(&r);
}

/* GET and DELETE are of sessions, which the modern revision does not have. */
static void of_session(struct mcp *m, struct evhttp_request *req, const struct http_peer *peer,
                       const struct mcp_headers *h, bool is_delete)
{
    struct mcp_session *s = h->session ? mcp_session_find(m, h->session, peer->uid) : NULL;

    if (h->session == NULL || (h->version && strcmp(h->version, MCP_VERSION_MODERN) == 0)) {
        routes_bad_method(req, "POST");
    } else if (s == NULL) {
        http_reply_error(req, 404, "not_found", "no_session", "Mcp-Session-Id",
                         "there is no such session: begin anew with initialize");
    } else if (is_delete) {
        mcp_session_destroy(m, s);
        http_reply_text(req, 200, "");
    } else {
        mcp_listen_session(m, s, req);
    }
}

/* The hosts are still starting: a list without their tools would be taken for all there is. */
static void wait_for_tools(struct mcp *m, struct evhttp_request *req, const struct http_peer *peer)
{
    if (m->n_early < MCP_MAX_EARLY)
        m->early[m->n_early++] = (struct mcp_early){ .req = req, .peer = *peer };
    else
        http_reply_error(req, 503, "unavailable", "starting", NULL, "the tools are still starting: try again");
}

void mcp_handle(struct mcp *m, struct evhttp_request *req, const struct http_peer *peer)
{
    const struct mcp_headers h = { .version = http_header(req, "MCP-Protocol-Version"),
                                   .method = http_header(req, "Mcp-Method"),
                                   .name = http_header(req, "Mcp-Name"),
                                   .session = http_header(req, "Mcp-Session-Id"),
                                   .content_type = http_header(req, "Content-Type") };

    switch (evhttp_request_get_command(req)) {
    case EVHTTP_REQ_POST:
        if (m->settled)
            post(m, req, peer, &h);
        else
            wait_for_tools(m, req, peer);
        break;
    case EVHTTP_REQ_GET:
        of_session(m, req, peer, &h, false);
        break;
    case EVHTTP_REQ_DELETE:
        of_session(m, req, peer, &h, true);
        break;
    default:
        routes_bad_method(req, "POST");
    }
}

/* --- life ------------------------------------------------------------------------------------------------------- */

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    mcp_sessions_expire(arg);
}

static void take_early(struct mcp *m)
{
    m->settled = true;
    for (size_t i = 0; i < m->n_early; i++)
        mcp_handle(m, m->early[i].req, &m->early[i].peer);
    m->n_early = 0;
}

void mcp_tools_changed(struct mcp *m)
{
    const uint64_t generation = registry_generation(m->d->registry);

    if (!m->settled)
        take_early(m);
    if (generation != m->generation)
        mcp_tell_changed(m, MCP_TOOLS_CHANGED);
    m->generation = generation;
}

void mcp_task_changed(struct mcp *m, const char *id, uint32_t uid)
{
    char uri[64 + ID_LEN];

    if (m == NULL || TAILQ_EMPTY(&m->listeners))
        return;
    snprintf(uri, sizeof(uri), "corax://tasks/%s", id);
    mcp_tell_updated(m, uri, uid);
}

struct mcp *mcp_create(struct coraxd *d, struct mcp_offer *offer, struct err *err)
{
    static const struct timeval period = { .tv_sec = SWEEP_S };
    struct mcp *m = calloc(1, sizeof(*m));
    char path[4200];

    snprintf(path, sizeof(path), "%.4096s/mcp.key", d->config.state);
    if (m == NULL || (m->sweep = event_new(d->base, -1, EV_PERSIST, on_sweep, m)) == NULL) {
        free(m);
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    TAILQ_INIT(&m->sessions);
    TAILQ_INIT(&m->listeners);
    TAILQ_INIT(&m->calls);
    m->d = d;
    if (mcp_seal_key(path, m->key, err) < 0) {
        mcp_destroy(m);
        return NULL;
    }
    event_add(m->sweep, &period);
    m->offer = offer;
    return m;
}

void mcp_stop(struct mcp *m)
{
    struct mcp_fault fault;
    struct mcp_call *c;

    if (m == NULL)
        return;
    for (; m->n_early > 0; m->n_early--)
        routes_ending(m->early[m->n_early - 1].req, "the daemon is ending");
    mcp_listeners_end(m);
    mcp_fault(&fault, 503, RPC_INTERNAL, "the daemon is ending; the task goes on when it is back");
    while ((c = TAILQ_FIRST(&m->calls)) != NULL)
        mcp_call_fault(c, &fault);
    while (!TAILQ_EMPTY(&m->sessions))
        mcp_session_destroy(m, TAILQ_FIRST(&m->sessions));
}

void mcp_destroy(struct mcp *m)
{
    if (m == NULL)
        return;
    mcp_stop(m);
    event_free(m->sweep);
    mcp_offer_destroy(m->offer);
    free(m);
}

void mcp_reloaded(struct mcp *m, struct mcp_offer *fresh)
{
    struct mcp_offer *old = m->offer;

    m->offer = fresh;
    if (!mcp_offer_same_prompts(old, fresh))
        mcp_tell_changed(m, MCP_PROMPTS_CHANGED);
    if (!mcp_offer_same_resources(old, fresh)) {
        mcp_tell_changed(m, MCP_RESOURCES_CHANGED);
        mcp_tell_updated(m, NULL, 0);
    }
    mcp_offer_destroy(old);
}
