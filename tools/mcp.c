/* mcp.c - see mcp.h. */
#include "config.h"

#include "tools/mcp.h"
#include "util/base64.h"

#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

static const char *const status_names[] = {
    "ok", "args", "denied", "notfound", "timeout", "canceled", "limit", "io", "unavailable", "internal",
};

#define N_STATUS (sizeof status_names / sizeof *status_names)

const char *mcp_status_name(int status)
{
    return status <= 0 && (size_t)-status < N_STATUS ? status_names[-status] : "internal";
}

int mcp_status_of(const char *name)
{
    for (size_t i = 0; name && i < N_STATUS; i++)
        if (strcmp(status_names[i], name) == 0)
            return -(int)i;
    return CORAX_E_INTERNAL;
}

int mcp_status_of_error(const struct rpc_msg *m)
{
    int64_t status;

    if (json_int(json_get(m->error_data, "status"), "status", &status, NULL) == 0 && status < 0 &&
        status > -(int64_t)N_STATUS)
        return (int)status;
    return m->error_code == RPC_INVALID_PARAMS     ? CORAX_E_ARGS
           : m->error_code == RPC_METHOD_NOT_FOUND ? CORAX_E_UNAVAIL
                                                   : CORAX_E_INTERNAL;
}

bool mcp_is_text(const char *mime, const char *data, size_t len)
{
    if (strncmp(mime, "text/", 5) != 0 && strstr(mime, "xml") == NULL && strstr(mime, "json") == NULL)
        return false;
    return memchr(data, '\0', len) == NULL;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static void put_client(struct jsonw *w, const char *key)
{
    jsonw_object(w, key);
    jsonw_text(w, "name", PACKAGE_NAME);
    jsonw_text(w, "version", PACKAGE_VERSION);
    jsonw_end(w);
}

static void put_capabilities(struct jsonw *w, const char *key, bool forms)
{
    jsonw_object(w, key);
    if (forms) {
        jsonw_object(w, "elicitation");
        jsonw_object(w, "form");
        jsonw_end(w);
        jsonw_end(w);
    }
    jsonw_end(w);
}

/* Opens _meta; the caller may add to it and closes it. */
static void open_meta(struct jsonw *w, enum mcp_era era)
{
    jsonw_object(w, "_meta");
    if (era == MCP_LEGACY)
        return;
    jsonw_text(w, MCP_META_VERSION, MCP_VERSION_MODERN);
    put_capabilities(w, MCP_META_CAPABILITIES, era == MCP_MODERN_FORMS);
    put_client(w, MCP_META_CLIENT);
}

void mcp_write_discover(struct buf *out, int64_t id)
{
    struct jsonw w = rpc_request_start(out, id, "server/discover");

    open_meta(&w, MCP_MODERN);
    jsonw_end(&w);
    rpc_end(&w);
}

void mcp_write_initialize(struct buf *out, int64_t id, bool forms)
{
    struct jsonw w = rpc_request_start(out, id, "initialize");

    jsonw_text(&w, "protocolVersion", MCP_VERSION_LEGACY);
    put_capabilities(&w, "capabilities", forms);
    put_client(&w, "clientInfo");
    rpc_end(&w);
}

void mcp_write_initialized(struct buf *out)
{
    struct jsonw w = rpc_notification_start(out, "notifications/initialized");

    rpc_end(&w);
}

void mcp_write_ping(struct buf *out, enum mcp_era era, int64_t id)
{
    struct jsonw w;

    if (era != MCP_LEGACY) {
        mcp_write_discover(out, id);
        return;
    }
    w = rpc_request_start(out, id, "ping");
    rpc_end(&w);
}

void mcp_write_list(struct buf *out, enum mcp_era era, int64_t id, const char *cursor)
{
    struct jsonw w = rpc_request_start(out, id, "tools/list");

    if (cursor)
        jsonw_text(&w, "cursor", cursor);
    open_meta(&w, era);
    jsonw_end(&w);
    rpc_end(&w);
}

/* The caller may add to params, and ends the message. */
static struct jsonw start_call(struct buf *out, enum mcp_era era, int64_t id, const char *name, const char *args, size_t args_len,
                               int64_t deadline_ms, const char *const services[])
{
    struct jsonw w = rpc_request_start(out, id, "tools/call");

    jsonw_text(&w, "name", name);
    jsonw_raw(&w, "arguments", args, args_len);
    open_meta(&w, era);
    jsonw_int(&w, "progressToken", id);
    if (deadline_ms > 0)
        jsonw_int(&w, MCP_META_DEADLINE, deadline_ms);
    if (services) {
        jsonw_array(&w, MCP_META_SERVICES);
        for (size_t i = 0; services[i]; i++)
            jsonw_text(&w, NULL, services[i]);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    return w;
}

void mcp_write_call(struct buf *out, enum mcp_era era, int64_t id, const char *name, const char *args, size_t args_len,
                    int64_t deadline_ms, const char *const services[])
{
    struct jsonw w = start_call(out, era, id, name, args, args_len, deadline_ms, services);

    rpc_end(&w);
}

void mcp_write_call_again(struct buf *out, enum mcp_era era, int64_t id, const char *name, const char *args, size_t args_len,
                          int64_t deadline_ms, const struct mcp_again *again)
{
    struct jsonw w = start_call(out, era, id, name, args, args_len, deadline_ms, NULL);

    jsonw_raw(&w, "inputResponses", again->responses, again->responses_len);
    if (again->state)
        jsonw_raw(&w, "requestState", again->state, again->state_len);
    rpc_end(&w);
}

void mcp_write_listen(struct buf *out, enum mcp_era era, int64_t id)
{
    struct jsonw w = rpc_request_start(out, id, "subscriptions/listen");

    jsonw_object(&w, "notifications");
    jsonw_bool(&w, "toolsListChanged", true);
    jsonw_end(&w);
    open_meta(&w, era);
    jsonw_end(&w);
    rpc_end(&w);
}

void mcp_write_cancel(struct buf *out, int64_t id, const char *reason)
{
    struct jsonw w = rpc_notification_start(out, "notifications/cancelled");

    jsonw_int(&w, "requestId", id);
    if (reason)
        jsonw_text(&w, "reason", reason);
    rpc_end(&w);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* The result object of an answer, or NULL with why there is none. */
static const struct json *result_object(const struct rpc_msg *m, struct err *err)
{
    if (m->kind == RPC_RESULT && json_kind(m->result) == JSON_OBJECT)
        return m->result;
    if (m->kind == RPC_ERROR) {
        fail(err, mcp_status_of_error(m), "%s", m->error_message ? m->error_message : "error without a message");
        return NULL;
    }
    fail(err, CORAX_E_INTERNAL, "the answer has no result object");
    return NULL;
}

static void copy_text(char *out, size_t out_size, const char *text)
{
    const size_t n = utf8_within(text, strlen(text), out_size - 1);

    memcpy(out, text, n);
    out[n] = '\0';
}

static void read_server(const struct json *info, struct mcp_server *out)
{
    copy_text(out->name, sizeof out->name, json_get_text(info, "name", ""));
    copy_text(out->version, sizeof out->version, json_get_text(info, "version", ""));
}

int mcp_read_discover(const struct rpc_msg *m, struct mcp_server *out, struct err *err)
{
    const struct json *result = result_object(m, err);

    if (result == NULL)
        return -1;
    if (!json_has_text(json_get(result, "supportedVersions"), MCP_VERSION_MODERN))
        return fail(err, CORAX_E_UNAVAIL, "the server does not speak MCP %s", MCP_VERSION_MODERN);
    out->era = MCP_MODERN;
    read_server(json_get(json_get(result, "_meta"), MCP_META_SERVER), out);
    return 0;
}

int mcp_read_initialize(const struct rpc_msg *m, struct mcp_server *out, struct err *err)
{
    static const char *const known[] = { MCP_VERSION_LEGACY, "2025-06-18", "2025-03-26", "2024-11-05" };
    const struct json *result = result_object(m, err);
    const char *version;

    if (result == NULL)
        return -1;
    version = json_get_text(result, "protocolVersion", "");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], version) == 0) { /* tools/list and tools/call are the same in all of them */
            out->era = MCP_LEGACY;
            read_server(json_get(result, "serverInfo"), out);
            return 0;
        }
    return fail(err, CORAX_E_UNAVAIL, "the server speaks MCP \"%.20s\", corax speaks %s and %s", version,
                MCP_VERSION_MODERN, MCP_VERSION_LEGACY);
}

int mcp_read_list(const struct rpc_msg *m, const char **next, struct err *err)
{
    const struct json *result = result_object(m, err);

    if (result == NULL)
        return -1;
    if (json_kind(json_get(result, "tools")) != JSON_ARRAY)
        return fail(err, CORAX_E_INTERNAL, "the answer to tools/list has no array of tools");
    *next = json_get_text(result, "nextCursor", NULL);
    return 0;
}

static int read_bytes(const struct json *in, const char *key, struct arena *a, struct mcp_part *out, struct err *err)
{
    const char *text = json_get_text(in, key, NULL);

    out->mime = arena_printf(a, "%.100s", json_get_text(in, "mimeType", "application/octet-stream"));
    out->data = text ? base64_read(a, text, &out->len) : NULL;
    if (out->data == NULL || out->mime == NULL)
        return fail(err, CORAX_E_INTERNAL, "a part of the result is no base64 or too large");
    return 0;
}

static int read_text(const char *text, struct arena *a, struct mcp_part *out, struct err *err)
{
    out->mime = "text/plain";
    out->len = text ? strlen(text) : 0;
    out->data = text ? arena_strndup(a, text, out->len) : NULL;
    if (out->data == NULL)
        return fail(err, CORAX_E_INTERNAL, "a part of the result has no text or too much");
    return 0;
}

static int read_resource(const struct json *in, struct arena *a, struct mcp_part *out, struct err *err)
{
    const char *text = json_get_text(in, "text", NULL), *blob = json_get_text(in, "blob", NULL);

    if (text == NULL && blob == NULL) { /* of which there is nothing but the name */
        out->kind = MCP_LINK;
        return read_text(json_get_text(in, "uri", NULL), a, out, err);
    }
    out->uri = arena_printf(a, "%.1000s", json_get_text(in, "uri", ""));
    if (out->uri == NULL)
        return fail(err, CORAX_E_LIMIT, "the result is too large");
    if (blob && text == NULL) {
        out->kind = MCP_BLOB;
        return read_bytes(in, "blob", a, out, err);
    }
    out->kind = MCP_TEXT;
    if (read_text(text, a, out, err) != 0)
        return -1;
    out->mime = arena_printf(a, "%.100s", json_get_text(in, "mimeType", "text/plain"));
    return out->mime ? 0 : fail(err, CORAX_E_LIMIT, "the result is too large");
}

static int read_part(const struct json *in, struct arena *a, struct mcp_part *out, struct err *err)
{
    const char *type = json_get_text(in, "type", "");
    const struct json *resource = json_get(in, "resource");

    if (strcmp(type, "text") == 0) {
        out->kind = MCP_TEXT;
        return read_text(json_get_text(in, "text", NULL), a, out, err);
    }
    if (strcmp(type, "image") == 0 || strcmp(type, "audio") == 0) {
        out->kind = type[0] == 'i' ? MCP_IMAGE : MCP_AUDIO;
        return read_bytes(in, "data", a, out, err);
    }
    if (strcmp(type, "resource_link") == 0) {
        out->kind = MCP_LINK;
        return read_text(json_get_text(in, "uri", NULL), a, out, err);
    }
    if (strcmp(type, "resource") == 0)
        return read_resource(resource, a, out, err);
    return fail(err, CORAX_E_INTERNAL, "a part of the result is of an unknown type \"%.40s\"", type);
}

/* A tool that has something to say says it in text; of structured content alone the text is its JSON. */
static int read_parts(const struct rpc_msg *m, const struct json *content, struct arena *a, struct tool_result *out,
                      struct err *err)
{
    size_t n = json_count(content), i = 0;
    struct mcp_part *parts;

    if (n > MCP_MAX_PARTS)
        return fail(err, CORAX_E_LIMIT, "the result has %zu parts, at most %d are taken", n, MCP_MAX_PARTS);
    parts = arena_alloc(a, (n + 1) * sizeof *parts);
    if (parts == NULL)
        return fail(err, CORAX_E_LIMIT, "the result is too large");
    for (const struct json *c = json_first(content); c; c = json_next(c))
        if (read_part(c, a, &parts[i++], err) != 0)
            return -1;
    out->structured = json_raw(json_get(m->result, "structuredContent"), &out->structured_len);
    if (out->structured) {
        out->structured = arena_strndup(a, out->structured, out->structured_len);
        if (out->structured == NULL)
            return fail(err, CORAX_E_LIMIT, "the result is too large");
        if (n == 0)
            parts[i++] = (struct mcp_part){ .kind = MCP_TEXT, .mime = "text/plain", .data = out->structured, .len = out->structured_len };
    }
    out->parts = parts;
    out->n_parts = i;
    return 0;
}

int mcp_read_result(const struct rpc_msg *m, struct arena *a, struct tool_result *out, struct err *err)
{
    const struct json *result = result_object(m, err);
    struct tool_result r = { 0 };
    const char *type;

    if (result == NULL)
        return -1;
    type = json_get_text(result, "resultType", "complete");
    if (strcmp(type, "complete") != 0)
        return fail(err, CORAX_E_UNAVAIL, "the tool answered with \"%.40s\", which corax does not support", type);
    if (json_kind(json_get(result, "content")) != JSON_ARRAY && json_get(result, "structuredContent") == NULL)
        return fail(err, CORAX_E_INTERNAL, "the result has no content");
    r.error = json_bool(json_get(result, "isError"), false);
    if (r.error) {
        r.status = (enum corax_status)mcp_status_of(json_get_text(json_get(result, "_meta"), MCP_META_STATUS, NULL));
        if (r.status == CORAX_OK)
            r.status = CORAX_E_INTERNAL;
    }
    if (read_parts(m, json_get(result, "content"), a, &r, err) != 0)
        return -1;
    *out = r;
    return 0;
}

/* --- input that is asked for ------------------------------------------------------------------------------------------ */

static bool can_be_filled(const struct json *params)
{
    const struct json *schema = json_get(params, "requestedSchema");

    if (strcmp(json_get_text(params, "mode", "form"), "form") != 0 || json_kind(schema) != JSON_OBJECT)
        return false;
    for (const struct json *p = json_first(json_get(schema, "properties")); p; p = json_next(p))
        if (json_get(p, "default") == NULL && json_has_text(json_get(schema, "required"), json_key(p)))
            return false;
    return true;
}

void mcp_answer_form(const struct json *params, bool forms, struct buf *out)
{
    const bool accept = forms && can_be_filled(params);
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    jsonw_text(&w, "action", accept ? "accept" : "decline");
    if (accept) {
        jsonw_object(&w, "content");
        for (const struct json *p = json_first(json_get(json_get(params, "requestedSchema"), "properties")); p; p = json_next(p))
            if (json_get(p, "default"))
                jsonw_value(&w, json_key(p), json_get(p, "default"));
        jsonw_end(&w);
    }
    jsonw_end(&w);
}

int mcp_read_input(const struct rpc_msg *m, bool forms, struct buf *responses, const char **state, size_t *state_len, struct err *err)
{
    struct buf answer;
    struct jsonw w;

    if (m->kind != RPC_RESULT || strcmp(json_get_text(m->result, "resultType", ""), "input_required") != 0)
        return 0;
    buf_init(&answer, RPC_MAX_LINE);
    w = jsonw_start(responses);
    jsonw_object(&w, NULL);
    for (const struct json *r = json_first(json_get(m->result, "inputRequests")); r; r = json_next(r)) {
        const char *method = json_get_text(r, "method", "");

        if (strcmp(method, "elicitation/create") != 0) {
            buf_finish(&answer);
            return fail(err, CORAX_E_UNAVAIL, "the tool wants \"%.40s\" of the client, which corax does not offer", method);
        }
        buf_reset(&answer);
        mcp_answer_form(json_get(r, "params"), forms, &answer);
        jsonw_raw(&w, json_key(r), answer.data, answer.len);
    }
    jsonw_end(&w);
    *state = json_raw(json_get(m->result, "requestState"), state_len);
    if (answer.failed || responses->failed) {
        buf_finish(&answer);
        return fail(err, CORAX_E_LIMIT, "what the tool asks for is too large");
    }
    buf_finish(&answer);
    return 1;
}

bool mcp_read_progress(const struct rpc_msg *m, struct mcp_note *out)
{
    if (m->kind != RPC_NOTIFICATION || strcmp(m->method, "notifications/progress") != 0)
        return false;
    if (json_int(json_get(m->params, "progressToken"), "progressToken", &out->id, NULL) != 0)
        out->id = -1;
    out->done = json_number(json_get(m->params, "progress"), 0);
    out->total = json_number(json_get(m->params, "total"), -1);
    copy_text(out->text, sizeof out->text, json_get_text(m->params, "message", ""));
    return true;
}
