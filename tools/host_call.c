/* host_call.c - see host_call.h. */
#include "config.h"

#include "tools/host_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/host_io.h"
#include "tools/host_roots.h"
#include "tools/host_watch.h"
#include "tools/mcp.h"
#include "util/base64.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/rpc.h"
#include "util/utf8.h"

#define MAX_STRINGS \
    (1 << 20)     /* bytes of decoded arguments: more than a line can hold, unless asked for again and again */
#define MAX_URI  1000 /* bytes */
#define MAX_MIME 100
#define LOOK_MS 5 /* how often remaining_ms() looks for a cancellation */

static void set_failure(struct corax_call *c, int status, const char *text, size_t len)
{
    static const char mark[] = "\xe2\x80\xa6"; /* the model reads it, so a sentence that is cut says so */
    bool fits = len <= CORAX_FAIL_MAX;

    c->status = status < 0 && status >= CORAX_E_INTERNAL ? status : CORAX_E_INTERNAL;
    c->why_len = fits ? len : utf8_within(text, len, CORAX_FAIL_MAX - strlen(mark));
    memcpy(c->why, text, c->why_len);
    memcpy(c->why + c->why_len, mark, fits ? 0 : strlen(mark));
    c->why_len += fits ? 0 : strlen(mark);
    c->why[c->why_len] = '\0';
}

__attribute__((format(printf, 3, 4))) static int refuse(struct corax_call *c, int status, const char *fmt, ...)
{
    char text[CORAX_FAIL_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    set_failure(c, status, text, strlen(text));
    return status;
}

/* --- the host table: called by the plugin ------------------------------------------------------------------------ */

static const char *known_mime(const char *mime)
{
    static const char *const known[] = { "text/plain", "application/json", "image/svg+xml", "image/png", "audio/wav" };

    for (size_t i = 0; mime && i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], mime) == 0)
            return known[i];
    return NULL;
}

static const struct host_part *find_part(const struct corax_call *c, const char *mime)
{
    for (size_t i = 0; i < c->n_parts; i++)
        if (c->parts[i].uri == NULL && strcmp(c->parts[i].mime, mime) == 0)
            return &c->parts[i];
    return NULL;
}

static int add_part(struct corax_call *c, const char *mime, const char *uri, const void *data, size_t len)
{
    if (c->n_parts >= HOST_MAX_RESULT_PARTS || len > CORAX_RESULT_MAX - c->bytes.len)
        return refuse(c, CORAX_E_LIMIT, "the result is too large: at most %d bytes in %d parts are allowed",
                      CORAX_RESULT_MAX, HOST_MAX_RESULT_PARTS);
    c->parts[c->n_parts] = (struct host_part){ .mime = mime, .uri = uri, .at = c->bytes.len, .len = len };
    buf_add(&c->bytes, data, len);
    if (c->bytes.failed)
        return refuse(c, CORAX_E_LIMIT, "out of memory");
    c->n_parts++;
    return CORAX_OK;
}

static int table_resource(struct corax_call *c, const char *uri, const char *mime, const void *data, size_t len)
{
    char *kept_uri, *kept_mime;

    if (c == NULL)
        return CORAX_E_INTERNAL;
    if (uri == NULL || uri[0] == '\0' || strlen(uri) > MAX_URI || mime == NULL || mime[0] == '\0' || strlen(mime) > MAX_MIME)
        return refuse(c, CORAX_E_ARGS, "the tool gave a resource without a uri or a type, or with one that is too long");
    kept_uri = arena_strndup(c->strings, uri, strlen(uri));
    kept_mime = arena_strndup(c->strings, mime, strlen(mime));
    if (kept_uri == NULL || kept_mime == NULL)
        return refuse(c, CORAX_E_LIMIT, "out of memory");
    return add_part(c, kept_mime, kept_uri, data, len);
}

static int table_result(struct corax_call *c, const char *mime, const void *data, size_t len)
{
    const char *known = known_mime(mime);

    if (c == NULL)
        return CORAX_E_INTERNAL;
    if (known == NULL)
        return refuse(c, CORAX_E_ARGS, "the tool gave a part of the unknown type %.60s", mime ? mime : "NULL");
    if (strcmp(known, "application/json") == 0 && find_part(c, known))
        return refuse(c, CORAX_E_ARGS, "the tool gave two JSON parts");
    return add_part(c, known, NULL, data, len);
}

static void table_fail(struct corax_call *c, int status, const char *text, size_t len)
{
    if (c)
        set_failure(c, status, text ? text : "", text ? len : 0);
}

static void table_progress(struct corax_call *c, double done, const char *text, size_t len)
{
    struct buf out;
    struct jsonw w;
    int64_t now = clock_mono_ms();

    if (c == NULL || c->progress_token == NULL || (c->n_notes > 0 && now - c->noted_ms < HOST_NOTE_INTERVAL_MS))
        return;
    c->noted_ms = now;
    c->n_notes++;
    buf_init(&out, 16 * MCP_MAX_NOTE);
    w = rpc_notification_start(&out, "notifications/progress");
    jsonw_raw(&w, "progressToken", c->progress_token, c->progress_token_len);
    if (done >= 0) {
        jsonw_number(&w, "progress", done <= 1 ? done : 1);
        jsonw_int(&w, "total", 1);
    } else {
        jsonw_int(&w, "progress", c->n_notes);
    }
    if (text)
        jsonw_string(&w, "message", text, utf8_within(text, len, MCP_MAX_NOTE));
    rpc_end(&w);
    if (!out.failed && host_io_write(c->io, out.data, out.len) != 0)
        c->canceled = true;
    buf_finish(&out);
}

static bool is_served(const struct corax_call *c, const char *service)
{
    for (const struct json *s = json_first(c->services); s; s = json_next(s))
        if (json_text(s) && strcmp(json_text(s), service) == 0)
            return true;
    return false;
}

static void table_log(struct corax_call *c, enum corax_log_level level, const char *text, size_t len)
{
    static const char *const names[] = { "debug", "info", "notice", "warning", "error" };
    struct buf out;
    struct jsonw w;

    if (c == NULL || text == NULL || (unsigned)level >= sizeof names / sizeof *names || !is_served(c, "log") || c->n_logged >= CORAX_LOG_MAX)
        return;
    c->n_logged++;
    buf_init(&out, 16 * MCP_MAX_NOTE);
    w = rpc_notification_start(&out, "notifications/message");
    jsonw_text(&w, "level", names[level]);
    jsonw_text(&w, "logger", c->tool->tool->name);
    jsonw_string(&w, "data", text, utf8_within(text, len, MCP_MAX_NOTE));
    rpc_end(&w);
    if (!out.failed && host_io_write(c->io, out.data, out.len) != 0)
        c->canceled = true;
    buf_finish(&out);
}

static int64_t table_remaining_ms(struct corax_call *c)
{
    int64_t now = clock_mono_ms();

    if (c == NULL)
        return 0;
    if (!c->canceled && now - c->looked_ms >= LOOK_MS) {
        c->looked_ms = now;
        c->canceled = host_io_cancelled(c->io, c->id, c->id_len);
    }
    return c->canceled ? 0 : c->deadline_ms - now;
}

/* --- services -------------------------------------------------------------------------------------------------- */

static int send_request(struct corax_call *c, const char *id, const char *service, const char *request, size_t len)
{
    char method[80];
    struct buf out;
    struct jsonw w;
    int rc = CORAX_OK;

    snprintf(method, sizeof method, "corax/%.60s", service);
    buf_init(&out, RPC_MAX_LINE);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "jsonrpc", "2.0");
    jsonw_raw(&w, "id", id, strlen(id));
    jsonw_text(&w, "method", method);
    jsonw_raw(&w, "params", request, len);
    rpc_end(&w);
    if (out.failed)
        rc = refuse(c, CORAX_E_LIMIT, "the request to the service \"%.60s\" is too large: at most %d bytes", service,
                    RPC_MAX_LINE);
    else if (host_io_write(c->io, out.data, out.len) != 0)
        rc = refuse(c, CORAX_E_CANCELED, "the call was cancelled");
    buf_finish(&out);
    return rc;
}

/* The object in the answer, or why there is none. */
static int read_reply(struct corax_call *c, const char *service, size_t len, const char **reply, size_t *reply_len)
{
    struct rpc_msg m;
    int rc = CORAX_OK;

    if (rpc_parse(c->reply, len, &m, NULL) != 0)
        return refuse(c, CORAX_E_INTERNAL, "the answer of the service \"%.60s\" cannot be read", service);
    if (m.kind == RPC_ERROR)
        rc = refuse(c, mcp_status_of_error(&m), "%s", m.error_message);
    else if (json_kind(m.result) != JSON_OBJECT || !json_find(c->reply, len, "/result", reply, reply_len))
        rc = refuse(c, CORAX_E_INTERNAL, "the answer of the service \"%.60s\" is no object", service);
    rpc_msg_finish(&m);
    if (rc == CORAX_OK) {
        c->reply_json = *reply;
        c->reply_json_len = *reply_len;
    }
    return rc;
}

static void forget_reply(struct corax_call *c)
{
    free(c->reply);
    c->reply = NULL;
    c->reply_json = NULL;
}

/* A person's time is not the call's. */
static enum host_wait await_answer(struct corax_call *c, const char *id, bool person, struct host_message *answer)
{
    const int64_t began_ms = clock_mono_ms(), until_ms = began_ms + HOST_CLIENT_MS;
    enum host_wait waited;

    if (!person)
        return host_io_await(c->io, id, c->id, c->id_len, c->deadline_ms, answer);
    host_watch_move(until_ms);
    waited = host_io_await(c->io, id, c->id, c->id_len, until_ms, answer);
    c->deadline_ms += clock_mono_ms() - began_ms;
    host_watch_move(c->deadline_ms);
    return waited;
}

static int table_request(struct corax_call *c, const char *service, const char *request, size_t len, const char **reply,
                         size_t *reply_len)
{
    struct host_message answer = { NULL, 0 };
    char id[32];
    int rc;

    if (c == NULL)
        return CORAX_E_INTERNAL;
    forget_reply(c);
    if (service == NULL || !is_served(c, service))
        return refuse(c, CORAX_E_UNAVAIL, "unavailable: nobody offers the service \"%.60s\" here",
                      service ? service : "");
    if (request == NULL || len == 0 || request[0] != '{' || json_check(request, len, NULL) != 0)
        return refuse(c, CORAX_E_INTERNAL, "the tool asked the service \"%.60s\" with what is no JSON object", service);
    snprintf(id, sizeof id, "\"s%u\"", ++c->n_requests);
    rc = send_request(c, id, service, request, len);
    if (rc != CORAX_OK)
        return rc;
    switch (await_answer(c, id, strcmp(service, "client") == 0, &answer)) {
    case HOST_ANSWERED:
        c->reply = answer.line;
        return read_reply(c, service, answer.len, reply, reply_len);
    case HOST_LATE:
        return refuse(c, CORAX_E_TIMEOUT, "the service \"%.60s\" did not answer before the call's deadline", service);
    case HOST_ENDED:
        return refuse(c, CORAX_E_UNAVAIL, "unavailable: the caller ended before its service \"%.60s\" answered",
                      service);
    default:
        c->canceled = true;
        return refuse(c, CORAX_E_CANCELED, "the call was cancelled");
    }
}

/* --- reading JSON ---------------------------------------------------------------------------------------------- */

static int decode_string(struct corax_call *c, const char *literal, size_t literal_len, const char **text, size_t *len)
{
    struct buf out;
    char *copy = NULL;

    buf_init(&out, literal_len + 1); /* decoding never makes it longer */
    if (json_unquote(literal, literal_len, &out) && !out.failed)
        copy = arena_strndup(c->strings, out.data, out.len);
    *len = out.len;
    *text = copy;
    buf_finish(&out);
    return copy ? CORAX_OK : CORAX_E_LIMIT;
}

/* In a text that was checked. */
static int find_value(struct corax_call *c, const char *json, size_t json_len, const char *pointer, const char **text,
                      size_t *len)
{
    const char *value;
    size_t value_len;

    if (pointer == NULL || !json_find(json, json_len, pointer, &value, &value_len))
        return CORAX_E_NOTFOUND;
    if (value[0] == '"' && memchr(value, '\\', value_len))
        return decode_string(c, value, value_len, text, len);
    *text = value[0] == '"' ? value + 1 : value;
    *len = value[0] == '"' ? value_len - 2 : value_len;
    return CORAX_OK;
}

static int table_arg(struct corax_call *c, const char *pointer, const char **text, size_t *len)
{
    return c ? find_value(c, c->args, c->args_len, pointer, text, len) : CORAX_E_INTERNAL;
}

static int table_json_get(struct corax_call *c, const char *json, size_t json_len, const char *pointer,
                          const char **text, size_t *len)
{
    if (c == NULL)
        return CORAX_E_INTERNAL;
    /* The reply was checked when it came; anything else may be anything. */
    if (json == NULL ||
        ((json != c->reply_json || json_len != c->reply_json_len) && json_check(json, json_len, NULL) != 0))
        return CORAX_E_ARGS;
    return find_value(c, json, json_len, pointer, text, len);
}

const struct corax_host host_table = {
    .size = sizeof host_table,
    .abi_major = CORAX_ABI_MAJOR,
    .abi_minor = CORAX_ABI_MINOR,
    .result = table_result,
    .fail = table_fail,
    .progress = table_progress,
    .remaining_ms = table_remaining_ms,
    .request = table_request,
    .arg = table_arg,
    .root = host_roots_get,
    .json_get = table_json_get,
    .resource = table_resource,
    .log = table_log,
};

/* --- the call ------------------------------------------------------------------------------------------------------ */

int host_call_init(struct corax_call *c, struct host_io *io, struct err *err)
{
    *c = (struct corax_call){ .io = io };
    buf_init(&c->bytes, CORAX_RESULT_MAX);
    c->strings = arena_create(MAX_STRINGS);
    return c->strings ? 0 : fail(err, CORAX_E_LIMIT, "out of memory");
}

void host_call_finish(struct corax_call *c)
{
    buf_finish(&c->bytes);
    arena_destroy(c->strings);
    free(c->reply);
}

static const char *default_sentence(int status)
{
    switch (status) {
    case CORAX_E_ARGS:
        return "the arguments make no sense to the tool";
    case CORAX_E_DENIED:
        return "the tool was not allowed to do this";
    case CORAX_E_NOTFOUND:
        return "the tool did not find it";
    case CORAX_E_TIMEOUT:
        return "the tool ran out of time";
    case CORAX_E_CANCELED:
        return "the call was cancelled";
    case CORAX_E_LIMIT:
        return "the tool reached a limit of size or count";
    case CORAX_E_IO:
        return "the tool could not read or write";
    case CORAX_E_UNAVAIL:
        return "unavailable: something the tool needs is not there";
    default:
        return "the tool failed and did not say why";
    }
}

/* What the plugin promised of its JSON part. */
static void check_json_part(struct corax_call *c)
{
    const struct host_part *part = find_part(c, "application/json");
    struct json *value;
    struct err err;

    if (part == NULL)
        return;
    value = json_parse(c->bytes.data + part->at, part->len, &err);
    if (value == NULL)
        refuse(c, CORAX_E_INTERNAL, "the tool gave JSON that cannot be read: %s", err.msg);
    else if (c->tool->result_schema && jsonschema_validate(c->tool->result_schema, value, &err) != 0)
        refuse(c, CORAX_E_INTERNAL, "the tool gave JSON that does not match its result_schema: %s", err.msg);
    json_free(value);
}

void host_call_run(struct corax_call *c)
{
    const struct corax_tool *tool = c->tool->tool;
    int rc;

    buf_reset(&c->bytes);
    arena_reset(c->strings);
    forget_reply(c);
    c->n_parts = 0;
    c->status = CORAX_OK;
    c->why_len = 0;
    c->canceled = false;
    c->looked_ms = clock_mono_ms();
    c->n_notes = c->n_logged = 0;
    rc = tool->call(&host_table, c, c->args, c->args_len);
    if (rc == CORAX_E_TIMEOUT || rc == CORAX_E_CANCELED)
        rc = c->canceled ? CORAX_E_CANCELED : CORAX_E_TIMEOUT; /* the plugin cannot tell one from the other */
    if (rc != CORAX_OK && c->status == CORAX_OK)
        refuse(c, rc, "%s", default_sentence(rc));
    if (c->status == CORAX_OK)
        check_json_part(c);
    if (c->status != CORAX_OK && c->why_len == 0)
        refuse(c, c->status, "%s", default_sentence(c->status));
}

static void write_text_part(struct jsonw *w, const char *text, size_t len)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "type", "text");
    jsonw_string(w, "text", text, len);
    jsonw_end(w);
}

static void write_resource_part(struct jsonw *w, const struct host_part *p, const char *data)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "type", "resource");
    jsonw_object(w, "resource");
    jsonw_text(w, "uri", p->uri);
    jsonw_text(w, "mimeType", p->mime);
    if (mcp_is_text(p->mime, data, p->len))
        jsonw_string(w, "text", data, p->len);
    else
        base64_write(w, "blob", data, p->len);
    jsonw_end(w);
    jsonw_end(w);
}

static void write_part(const struct corax_call *c, const struct host_part *p, struct jsonw *w)
{
    const char *data = c->bytes.data + p->at;

    if (p->uri) {
        write_resource_part(w, p, data);
    } else if (strcmp(p->mime, "text/plain") == 0) {
        write_text_part(w, data, p->len);
    } else if (strcmp(p->mime, "application/json") != 0) {
        jsonw_object(w, NULL);
        jsonw_text(w, "type", strncmp(p->mime, "audio/", 6) == 0 ? "audio" : "image");
        base64_write(w, "data", data, p->len);
        jsonw_text(w, "mimeType", p->mime);
        jsonw_end(w);
    }
}

void host_call_write(const struct corax_call *c, struct jsonw *w)
{
    const struct host_part *json = c->status == CORAX_OK ? find_part(c, "application/json") : NULL;

    jsonw_array(w, "content");
    if (c->status != CORAX_OK)
        write_text_part(w, c->why, c->why_len);
    for (size_t i = 0; c->status == CORAX_OK && i < c->n_parts; i++)
        write_part(c, &c->parts[i], w);
    if (json && find_part(c, "text/plain") == NULL)
        write_text_part(w, c->bytes.data + json->at, json->len);
    jsonw_end(w);
    if (json)
        jsonw_raw(w, "structuredContent", c->bytes.data + json->at, json->len);
    jsonw_bool(w, "isError", c->status != CORAX_OK);
}
