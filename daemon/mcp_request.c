#include "daemon/mcp_request.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/arena.h"
#include "util/base64.h"
#include "util/utf8.h"

int mcp_fault(struct mcp_fault *f, int http, int code, const char *fmt, ...)
{
    va_list ap;

    *f = (struct mcp_fault){ .http = http, .code = code };
    va_start(ap, fmt);
    vsnprintf(f->message, sizeof(f->message), fmt, ap);
    va_end(ap);
    utf8_trim(f->message);
    return -1;
}

int mcp_log_level(const char *name)
{
    static const char *const names[] = {
        "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"
    };

    for (size_t i = 0; name && i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static bool has(const struct json *object, const char *key)
{
    return json_kind(json_get(object, key)) == JSON_OBJECT;
}

struct mcp_client mcp_client_read(const struct json *c)
{
    return (struct mcp_client){ .elicits = has(c, "elicitation"),
                                .samples = has(c, "sampling"),
                                .has_roots = has(c, "roots"),
                                .takes_tasks = has(json_get(c, "extensions"), MCP_EXTENSION_TASKS) };
}

/* What of the parameters the header Mcp-Name repeats; NULL: nothing. */
static const char *named(const struct mcp_request *r)
{
    static const struct {
        const char *method, *member;
    } all[] = {
        { "tools/call", "name" },  { "prompts/get", "name" },    { "resources/read", "uri" },
        { "tasks/get", "taskId" }, { "tasks/update", "taskId" }, { "tasks/cancel", "taskId" },
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strcmp(all[i].method, r->msg.method) == 0)
            return json_get_text(r->params, all[i].member, NULL);
    return NULL;
}

static bool is_base64(const char *text, size_t len)
{
    size_t n = 0;

    while (n < len && (isalnum((unsigned char)text[n]) || text[n] == '+' || text[n] == '/'))
        n++;
    for (size_t pad = 0; n < len && pad < 2 && text[n] == '='; pad++)
        n++;
    return n == len && len % 4 == 0;
}

bool mcp_header_says(const char *header, const char *value)
{
    static const char head[] = "=?base64?", tail[] = "?=";
    const size_t n = strlen(header), fixed = strlen(head) + strlen(tail);
    struct arena *arena;
    char *coded, *decoded = NULL;
    size_t len = 0;
    bool same;

    if (n < fixed || strncmp(header, head, strlen(head)) != 0 || strcmp(header + n - strlen(tail), tail) != 0)
        return strcmp(header, value) == 0;
    header += strlen(head);
    if (!is_base64(header, n - fixed) || (arena = arena_create(2 * n + 64)) == NULL)
        return false;
    coded = arena_strndup(arena, header, n - fixed);
    if (coded)
        decoded = base64_read(arena, coded, &len);
    same = decoded && len == strlen(value) && memcmp(decoded, value, len) == 0;
    arena_destroy(arena);
    return same;
}

static int check_headers(const struct mcp_request *r, const struct mcp_headers *h, const char *version,
                         struct mcp_fault *fault)
{
    const char *name = named(r);

    if (h->version == NULL)
        return mcp_fault(fault, 400, MCP_HEADER_MISMATCH, "the header MCP-Protocol-Version is missing");
    if (strcmp(h->version, version) != 0)
        return mcp_fault(fault, 400, MCP_HEADER_MISMATCH, "MCP-Protocol-Version is %.40s, and _meta says %.40s",
                         h->version, version);
    if (strcmp(version, MCP_VERSION_MODERN) != 0)
        return 0; /* its headers may be others */
    if (h->method == NULL || strcmp(h->method, r->msg.method) != 0)
        return mcp_fault(fault, 400, MCP_HEADER_MISMATCH, "the header Mcp-Method must be the method, %.60s",
                         r->msg.method);
    if (name && (h->name == NULL || !mcp_header_says(h->name, name)))
        return mcp_fault(fault, 400, MCP_HEADER_MISMATCH, "the header Mcp-Name must be what the request names, %.80s",
                         name);
    return 0;
}

static int unsupported(const char *requested, struct mcp_fault *fault)
{
    struct buf data;
    struct jsonw w;

    mcp_fault(fault, 400, MCP_UNSUPPORTED_VERSION,
              "this server speaks MCP " MCP_VERSION_MODERN ", and " MCP_VERSION_LEGACY " after initialize");
    buf_init(&data, sizeof(fault->data));
    w = jsonw_start(&data);
    jsonw_object(&w, NULL);
    jsonw_array(&w, "supported");
    jsonw_text(&w, NULL, MCP_VERSION_MODERN);
    jsonw_text(&w, NULL, MCP_VERSION_LEGACY);
    jsonw_end(&w);
    jsonw_string(&w, "requested", requested, strnlen(requested, 40));
    jsonw_end(&w);
    if (!data.failed)
        snprintf(fault->data, sizeof(fault->data), "%s", data.data);
    buf_finish(&data);
    return -1;
}

static int read_modern(struct mcp_request *r, const struct mcp_headers *h, struct mcp_fault *fault)
{
    const char *version = json_get_text(r->meta, MCP_META_VERSION, NULL),
               *level = json_get_text(r->meta, MCP_META_LOG_LEVEL, NULL);
    const struct json *capabilities = json_get(r->meta, MCP_META_CAPABILITIES);

    r->era = MCP_MODERN;
    if (version == NULL)
        return mcp_fault(fault, 400, RPC_INVALID_PARAMS, "params._meta needs " MCP_META_VERSION);
    if (json_kind(capabilities) != JSON_OBJECT)
        return mcp_fault(fault, 400, RPC_INVALID_PARAMS, "params._meta needs " MCP_META_CAPABILITIES ", an object");
    if (check_headers(r, h, version, fault) < 0)
        return -1;
    if (strcmp(version, MCP_VERSION_MODERN) != 0)
        return unsupported(version, fault);
    r->client = mcp_client_read(capabilities);
    r->log_level = mcp_log_level(level);
    if (json_get(r->meta, MCP_META_LOG_LEVEL) && r->log_level < 0)
        return mcp_fault(fault, 400, RPC_INVALID_PARAMS,
                         MCP_META_LOG_LEVEL " is none of debug, info, notice, warning, error, critical, "
                                            "alert, emergency");
    return 0;
}

static bool is_json(const char *content_type)
{
    static const char json[] = "application/json";
    const size_t n = strlen(json);

    return content_type && strncasecmp(content_type, json, n) == 0 &&
           (content_type[n] == '\0' || strchr("; \t", content_type[n]));
}

int mcp_request_parse(struct mcp_request *r, const char *body, size_t len, const struct mcp_headers *h,
                      struct mcp_fault *fault)
{
    const struct json *token;
    struct err err = { 0 };

    memset(r, 0, sizeof(*r));
    r->era = h->version && strcmp(h->version, MCP_VERSION_MODERN) == 0 ? MCP_MODERN : MCP_LEGACY;
    r->log_level = -1;
    r->msg.id_int = -1;
    if (!is_json(h->content_type))
        return mcp_fault(fault, 415, RPC_INVALID_REQUEST, "Content-Type must be application/json");
    if (json_check(body, len, &err) < 0)
        return mcp_fault(fault, 400, RPC_PARSE_ERROR, "%.200s", err.msg);
    if (rpc_parse(body, len, &r->msg, &err) < 0)
        return mcp_fault(fault, 400, RPC_INVALID_REQUEST, "%.200s", err.msg);
    if (r->msg.id_len > MCP_MAX_ID)
        return mcp_fault(fault, 400, RPC_INVALID_REQUEST, "an id has at most %d bytes", MCP_MAX_ID);
    if (r->msg.method == NULL) /* the answer to something that the server asked */
        return r->era == MCP_MODERN
                   ? mcp_fault(fault, 400, RPC_INVALID_REQUEST, "a client sends no answers: use inputResponses")
                   : 0;
    if (json_kind(r->msg.params) == JSON_ARRAY)
        return mcp_fault(fault, 400, RPC_INVALID_PARAMS, "params must be an object");
    r->params = r->msg.params;
    r->meta = json_get(r->params, "_meta");
    token = json_get(r->meta, "progressToken");
    if (token && json_text(token) == NULL && !json_is_integer(token))
        return mcp_fault(fault, 400, RPC_INVALID_PARAMS, "progressToken must be a text or an integer");
    r->token = json_raw(token, &r->token_len);
    if (r->token && r->token_len > MCP_MAX_ID)
        return mcp_fault(fault, 400, RPC_INVALID_PARAMS, "a progressToken has at most %d bytes", MCP_MAX_ID);
    if (json_get(r->meta, MCP_META_VERSION) || (r->era == MCP_MODERN && r->msg.kind == RPC_REQUEST))
        return read_modern(r, h, fault);
    return 0;
}

void mcp_request_finish(struct mcp_request *r)
{
    rpc_msg_finish(&r->msg);
    memset(r, 0, sizeof(*r));
}
