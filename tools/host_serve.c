/*
 * host_serve.c - see host_serve.h.
 *
 * A request whose _meta names the modern revision is answered in that one, any other as in the one before it; nothing is
 * remembered between requests, so initialize is answered but not waited for, and a line typed by hand works.
 */
#include "config.h"

#include "tools/host_serve.h"

#include <stdlib.h>
#include <string.h>

#include "tools/host_call.h"
#include "tools/host_watch.h"
#include "tools/mcp.h"
#include "util/clock.h"
#include "util/effects.h"
#include "util/log.h"

#define MAX_ID  256     /* bytes of a request's id */
#define LIST_MS 3600000 /* how long a client may keep the list of tools: it changes only with the process */

struct server {
    struct host_io *io;
    const struct loader *loader;
    struct corax_call *call;
    struct buf out;
};

struct request {
    const struct rpc_msg *msg;
    bool modern;
};

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void put_server_info(const struct server *s, struct jsonw *w, const char *key)
{
    const struct corax_plugin *p = s->loader->plugin;

    jsonw_object(w, key);
    jsonw_string(w, "name", p->name, strnlen(p->name, 64));
    jsonw_string(w, "version", p->version, strnlen(p->version, 32));
    jsonw_end(w);
}

static struct jsonw start_result(struct server *s, const struct request *r)
{
    struct jsonw w = rpc_result_start(&s->out, r->msg->id, r->msg->id_len);

    if (r->modern)
        jsonw_text(&w, "resultType", "complete");
    return w;
}

static void end_result(const struct server *s, const struct request *r, struct jsonw *w, int status)
{
    if (r->modern || status != CORAX_OK) {
        jsonw_object(w, "_meta");
        if (r->modern)
            put_server_info(s, w, MCP_META_SERVER);
        if (status != CORAX_OK)
            jsonw_text(w, MCP_META_STATUS, mcp_status_name(status));
        jsonw_end(w);
    }
    rpc_end(w);
}

static void put_cache_hints(const struct request *r, struct jsonw *w)
{
    if (!r->modern)
        return;
    jsonw_int(w, "ttlMs", LIST_MS);
    jsonw_text(w, "cacheScope", "public");
}

static void put_capabilities(struct jsonw *w)
{
    jsonw_object(w, "capabilities");
    jsonw_object(w, "tools");
    jsonw_end(w);
    jsonw_end(w);
}

static void put_versions(struct jsonw *w, const char *key)
{
    jsonw_array(w, key);
    jsonw_text(w, NULL, MCP_VERSION_MODERN);
    jsonw_text(w, NULL, MCP_VERSION_LEGACY);
    jsonw_end(w);
}

static void answer_error(struct server *s, const struct request *r, int code, const char *message)
{
    rpc_write_error(&s->out, r->msg->id, r->msg->id_len, code, message);
}

/* A tool's failure is a result, so that the model reads it. */
static void answer_failure(struct server *s, const struct request *r, int status, const char *text)
{
    struct jsonw w = start_result(s, r);

    jsonw_array(&w, "content");
    jsonw_object(&w, NULL);
    jsonw_text(&w, "type", "text");
    jsonw_text(&w, "text", text);
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_bool(&w, "isError", true);
    end_result(s, r, &w, status);
}

static void answer_unsupported_version(struct server *s, const struct request *r, const char *requested)
{
    struct buf *out = &s->out;
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    jsonw_text(&w, "jsonrpc", "2.0");
    jsonw_raw(&w, "id", r->msg->id, r->msg->id_len);
    jsonw_object(&w, "error");
    jsonw_int(&w, "code", MCP_UNSUPPORTED_VERSION);
    jsonw_text(&w, "message", "unsupported protocol version");
    jsonw_object(&w, "data");
    put_versions(&w, "supported");
    jsonw_string(&w, "requested", requested, strnlen(requested, 64));
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_end(&w);
    buf_addc(out, '\n');
}

/* --- methods ------------------------------------------------------------------------------------------------------- */

static void do_discover(struct server *s, const struct request *r)
{
    struct request as_modern = { r->msg, true };
    struct jsonw w = start_result(s, &as_modern);

    put_versions(&w, "supportedVersions");
    put_capabilities(&w);
    put_cache_hints(&as_modern, &w);
    end_result(s, &as_modern, &w, CORAX_OK);
}

static void do_initialize(struct server *s, const struct request *r)
{
    static const char *const same[] = { "2025-06-18", "2025-03-26", "2024-11-05" }; /* where tools are concerned */
    const char *wanted = json_get_text(r->msg->params, "protocolVersion", ""), *version = MCP_VERSION_LEGACY;
    struct jsonw w = start_result(s, r);

    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (strcmp(wanted, same[i]) == 0)
            version = same[i];
    jsonw_text(&w, "protocolVersion", version);
    put_capabilities(&w);
    put_server_info(s, &w, "serverInfo");
    end_result(s, r, &w, CORAX_OK);
}

static void do_ping(struct server *s, const struct request *r)
{
    struct jsonw w = start_result(s, r);

    end_result(s, r, &w, CORAX_OK);
}

static void put_tool(const struct loaded_tool *l, struct jsonw *w)
{
    const struct corax_tool *t = l->tool;

    jsonw_object(w, NULL);
    jsonw_text(w, "name", t->name);
    jsonw_text(w, "description", t->summary);
    jsonw_raw(w, "inputSchema", t->args_schema, strlen(t->args_schema));
    if (l->result_schema_text)
        jsonw_raw(w, "outputSchema", l->result_schema_text, strlen(l->result_schema_text));
    annotations_write(w, t->effects, t->traits);
    jsonw_object(w, "_meta");
    effects_write(w, MCP_META_EFFECTS, t->effects);
    traits_write(w, MCP_META_TRAITS, t->traits);
    jsonw_end(w);
    jsonw_end(w);
}

void host_write_tools(const struct loader *l, struct jsonw *w)
{
    jsonw_array(w, "tools");
    for (size_t i = 0; i < l->n_tools; i++)
        if (l->tools[i].fault.status == CORAX_OK)
            put_tool(&l->tools[i], w);
    jsonw_end(w);
}

static void do_list(struct server *s, const struct request *r)
{
    struct jsonw w = start_result(s, r);

    host_write_tools(s->loader, &w);
    put_cache_hints(r, &w);
    end_result(s, r, &w, CORAX_OK);
    if (s->out.failed) {
        buf_reset(&s->out);
        answer_error(s, r, RPC_INTERNAL, "the list of tools does not fit into one message: shorten the schemas");
    }
}

/* --- tools/call ----------------------------------------------------------------------------------------------------- */

/* From _meta: the deadline, the token for notes and the services.  false after an error was answered. */
static bool read_call_meta(struct server *s, const struct request *r, struct corax_call *c)
{
    const struct json *meta = json_get(r->msg->params, "_meta"), *deadline = json_get(meta, MCP_META_DEADLINE);
    int64_t ms = HOST_DEADLINE_MS;
    struct err err;

    if (deadline && json_int(deadline, MCP_META_DEADLINE, &ms, &err) != 0) {
        answer_error(s, r, RPC_INVALID_PARAMS, err.msg);
        return false;
    }
    if (ms < 1 || ms > HOST_MAX_DEADLINE_MS) {
        answer_error(s, r, RPC_INVALID_PARAMS, MCP_META_DEADLINE " must be from 1 to 3600000");
        return false;
    }
    c->deadline_ms = clock_mono_ms() + ms;
    c->services = json_get(meta, MCP_META_SERVICES);
    c->progress_token = json_raw(json_get(meta, "progressToken"), &c->progress_token_len);
    return true;
}

/* The arguments as they were sent; none are an empty object.  false after a failure was answered. */
static bool read_arguments(struct server *s, const struct request *r, struct corax_call *c)
{
    const struct json *value = json_get(r->msg->params, "arguments");
    struct json *empty = NULL;
    struct err err = { 0 };
    int rc;

    c->args = "{}";
    c->args_len = 2;
    if (value == NULL)
        value = empty = json_parse(c->args, c->args_len, &err);
    else
        c->args = json_raw(value, &c->args_len);
    rc = value ? jsonschema_validate(c->tool->args_schema, value, &err) : -1;
    json_free(empty);
    if (rc != 0)
        answer_failure(s, r, CORAX_E_ARGS, err.msg);
    return rc == 0;
}

/* What the watch says in our place.  Built now, since then nothing can be allocated. */
static void arm_watch(struct server *s, const struct request *r, const struct corax_call *c)
{
    answer_failure(s, r, CORAX_E_TIMEOUT, "the tool did not return at its deadline and was ended");
    host_watch_arm(c->deadline_ms, s->out.data, s->out.failed ? 0 : s->out.len, c->tool->tool->name);
    buf_reset(&s->out);
}

static void do_call(struct server *s, const struct request *r)
{
    const char *name = json_get_text(r->msg->params, "name", NULL);
    struct corax_call *c = s->call;
    struct jsonw w;

    c->tool = name ? loader_find(s->loader, name) : NULL;
    if (c->tool == NULL) {
        answer_error(s, r, RPC_INVALID_PARAMS, name ? "unknown tool; tools/list names them" : "name is missing");
        return;
    }
    if (!read_call_meta(s, r, c) || !read_arguments(s, r, c))
        return;
    c->id = r->msg->id;
    c->id_len = r->msg->id_len;
    arm_watch(s, r, c);
    host_call_run(c);
    host_watch_disarm();
    w = start_result(s, r);
    host_call_write(c, &w);
    end_result(s, r, &w, c->status);
    if (s->out.failed) {
        buf_reset(&s->out);
        answer_failure(s, r, CORAX_E_LIMIT, "the result is too large for one message");
    }
}

/* --- the loop ---------------------------------------------------------------------------------------------------------- */

static const struct method {
    const char *name;
    void (*run)(struct server *, const struct request *);
} methods[] = {
    { "tools/call", do_call },       { "tools/list", do_list }, { "server/discover", do_discover },
    { "initialize", do_initialize }, { "ping", do_ping },
};

static const struct method *find_method(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

/* Which revision the request is of.  false after an error was answered. */
static bool read_revision(struct server *s, struct request *r)
{
    const struct json *meta = json_get(r->msg->params, "_meta");
    const char *version = json_get_text(meta, MCP_META_VERSION, NULL);

    if (version == NULL)
        return true;
    if (strcmp(version, MCP_VERSION_MODERN) != 0) {
        answer_unsupported_version(s, r, version);
        return false;
    }
    r->modern = true;
    if (json_kind(json_get(meta, MCP_META_CAPABILITIES)) != JSON_OBJECT) {
        answer_error(s, r, RPC_INVALID_PARAMS, "_meta needs " MCP_META_CAPABILITIES);
        return false;
    }
    return true;
}

static void answer_request(struct server *s, const struct rpc_msg *m)
{
    struct request r = { m, false };
    const struct method *method = find_method(m->method);

    if (m->id_len > MAX_ID)
        rpc_write_error(&s->out, "null", 4, RPC_INVALID_REQUEST, "the id is too long: at most 256 bytes");
    else if (method == NULL)
        answer_error(s, &r, RPC_METHOD_NOT_FOUND, "method not found");
    else if (read_revision(s, &r))
        method->run(s, &r);
}

static int answer_line(struct server *s, const char *line, size_t len, struct err *err)
{
    struct rpc_msg m;
    struct err bad;

    buf_reset(&s->out);
    if (rpc_parse(line, len, &m, &bad) != 0) {
        rpc_write_error(&s->out, "null", 4, RPC_PARSE_ERROR, bad.msg);
    } else {
        if (m.kind == RPC_REQUEST)
            answer_request(s, &m); /* notifications outside a call, and answers, mean nothing here */
        rpc_msg_finish(&m);
    }
    if (s->out.failed)
        return fail(err, CORAX_E_LIMIT, "an answer could not be written");
    if (s->out.len > 0 && host_io_write(s->io, s->out.data, s->out.len) != 0)
        return fail_sys(err, CORAX_E_IO, "nobody reads the answers");
    return 0;
}

int host_serve(struct host_io *io, const struct loader *loader, struct err *err)
{
    struct server s = { .io = io, .loader = loader, .call = malloc(sizeof *s.call) };
    struct host_message m;
    int rc;

    if (s.call == NULL)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    buf_init(&s.out, RPC_MAX_LINE);
    rc = host_call_init(s.call, io, err);
    while (rc == 0 && (rc = host_io_next(io, &m, err)) > 0) {
        rc = answer_line(&s, m.line, m.len, err);
        free(m.line);
    }
    host_call_finish(s.call);
    free(s.call);
    buf_finish(&s.out);
    return rc;
}
