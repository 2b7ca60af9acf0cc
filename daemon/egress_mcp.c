/* egress_mcp.c - see egress_mcp.h. */
#include "daemon/egress_mcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "daemon/egress_login.h"
#include "policies/url.h"
#include "tools/mcp.h"
#include "tools/mcp_header.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/rpc.h"
#include "util/sse.h"

#define MAX_ID          128
#define MAX_METHOD      64
#define MAX_EXCHANGES   128
#define MAX_SESSION     1024
#define MAX_RECONNECTS  10
#define RETRY_MS        1000 /* where the server does not say */
#define MIN_RETRY_MS    50
#define MAX_RETRY_MS    60000
#define MAX_SCHEMAS     (4u << 20) /* bytes of schemas with marked arguments */
#define MAX_SCHEMA_TOOLS 2000
#define REQUEST_MS      (24 * 3600 * 1000) /* coraxd watches over calls */
#define NOTE_MS         30000

enum kind { REQUEST, NOTE, LISTEN };

struct exchange {
    TAILQ_ENTRY(exchange) link;
    struct egress *egress;
    enum kind kind;
    char id[MAX_ID + 1]; /* JSON text */
    char method[MAX_METHOD + 1];
    bool modern, first_page, refreshed;
    char *line; /* as it came */
    size_t len;
    struct fetch *fetch; /* NULL: it waits */
    bool is_events, answered, resuming, too_long;
    struct buf body;
    struct sse sse;
    int n_reconnects;
    int64_t wake_ms; /* 0: not */
    unsigned generation; /* of the token that it was sent with */
};

struct marked_tool {
    char *name;
    struct json *schema;
    char *text;
};

struct egress {
    struct net *net;
    egress_out *out;
    void *arg;
    char *url, *token;
    struct curl_slist *headers; /* of corax.conf */
    size_t max_bytes;
    struct login *login;
    char login_id[MAX_ID + 1]; /* of the egress/login under way; "": none */
    bool refreshing;
    /* Of the legacy era: */
    char session[MAX_SESSION], version[32];
    TAILQ_HEAD(exchanges, exchange) exchanges;
    int n_exchanges;
    struct marked_tool *tools;
    size_t n_tools, tools_bytes;
};

static void post(struct exchange *x);

/* --- lines out ------------------------------------------------------------------------------------------------------ */

/* A message of the server's on one line: a line break is no part of any JSON token. */
static void send_message(struct egress *e, const char *text, size_t len)
{
    struct buf line;

    buf_init(&line, RPC_MAX_LINE);
    buf_add(&line, text, len);
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] == '\n' || line.data[i] == '\r')
            line.data[i] = ' ';
    buf_addc(&line, '\n');
    if (!line.failed)
        e->out(e->arg, line.data, line.len);
    buf_finish(&line);
}

static void send_error(struct egress *e, const char *id, const char *what, int status, const char *message)
{
    struct buf line;
    struct jsonw w;

    buf_init(&line, RPC_MAX_LINE);
    w = rpc_failure_start(&line, id, strlen(id), status, message);
    jsonw_text(&w, "egress", what);
    rpc_end(&w);
    if (!line.failed)
        e->out(e->arg, line.data, line.len);
    buf_finish(&line);
}

static void send_note(struct egress *e, const char *method, const char *params)
{
    struct buf line;

    buf_init(&line, RPC_MAX_LINE);
    buf_addf(&line, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":%s}", method, params);
    send_message(e, line.data, line.len);
    buf_finish(&line);
}

/* --- exchanges ------------------------------------------------------------------------------------------------------ */

static void exchange_free(struct exchange *x)
{
    if (x->fetch)
        fetch_cancel(x->fetch);
    TAILQ_REMOVE(&x->egress->exchanges, x, link);
    x->egress->n_exchanges--;
    sse_finish(&x->sse);
    buf_finish(&x->body);
    free(x->line);
    free(x);
}

static struct exchange *exchange_create(struct egress *e, enum kind kind, const char *line, size_t len)
{
    struct exchange *x = calloc(1, sizeof(*x));

    if (x == NULL || (x->line = malloc(len + 1)) == NULL)
        abort();
    memcpy(x->line, line, len);
    x->line[len] = '\0';
    x->len = len;
    x->egress = e;
    x->kind = kind;
    buf_init(&x->body, RPC_MAX_LINE);
    sse_init(&x->sse);
    TAILQ_INSERT_TAIL(&e->exchanges, x, link);
    e->n_exchanges++;
    return x;
}

/* It ends without an answer of the server's. */
static void give_up(struct exchange *x, const char *what, int status, const char *message)
{
    if (x->kind == REQUEST && !x->answered)
        send_error(x->egress, x->id, what, status, message);
    else if (x->kind == NOTE)
        log_debug("%s: %s", x->method, message);
    exchange_free(x);
}

/* --- tools whose arguments are headers too ---------------------------------------------------------------------------- */

static void forget_tools(struct egress *e)
{
    for (size_t i = 0; i < e->n_tools; i++) {
        free(e->tools[i].name);
        json_free(e->tools[i].schema);
        free(e->tools[i].text);
    }
    free(e->tools);
    e->tools = NULL;
    e->n_tools = e->tools_bytes = 0;
}

static void remember_tool(struct egress *e, const char *name, const char *schema, size_t len)
{
    struct marked_tool *grown = e->n_tools < MAX_SCHEMA_TOOLS && e->tools_bytes + len < MAX_SCHEMAS
                                    ? realloc(e->tools, (e->n_tools + 1) * sizeof(*grown))
                                    : NULL;
    struct marked_tool *t;

    if (grown == NULL)
        return;
    e->tools = grown;
    t = &e->tools[e->n_tools];
    t->name = strdup(name);
    t->text = strndup(schema, len);
    t->schema = t->text ? json_parse(t->text, len, NULL) : NULL;
    if (t->name && t->schema) {
        e->n_tools++;
        e->tools_bytes += len;
        return;
    }
    free(t->name);
    free(t->text);
    json_free(t->schema);
}

static void read_tools(struct exchange *x, const struct json *result)
{
    if (x->first_page)
        forget_tools(x->egress);
    for (const struct json *t = json_first(json_get(result, "tools")); t; t = json_next(t)) {
        size_t len;
        const char *schema = json_raw(json_get(t, "inputSchema"), &len);

        if (schema && memmem(schema, len, "x-mcp-header", 12) && json_get_text(t, "name", NULL))
            remember_tool(x->egress, json_get_text(t, "name", ""), schema, len);
    }
}

/* --- headers -------------------------------------------------------------------------------------------------------- */

static void add_header(void *arg, const char *name, const char *value)
{
    struct curl_slist **list = arg, *grown;
    struct buf line;

    buf_init(&line, 65536);
    /* libcurl's way to say that a header is there, and empty. */
    buf_addf(&line, *value ? "%s: %s" : "%s;", name, value);
    grown = line.failed ? NULL : curl_slist_append(*list, line.data);
    if (grown)
        *list = grown;
    buf_finish(&line);
}

static void add_encoded(struct curl_slist **list, const char *name, const char *value)
{
    struct buf text;

    buf_init(&text, 32768);
    mcp_header_encode(value, &text);
    add_header(list, name, text.failed ? "" : text.data);
    buf_finish(&text);
}

static void add_modern_headers(struct exchange *x, struct curl_slist **list)
{
    struct json *root = json_parse(x->line, x->len, NULL);
    const struct json *params = json_get(root, "params");
    const char *name = json_get_text(params, "name", json_get_text(params, "uri", NULL));

    add_header(list, "MCP-Protocol-Version", json_get_text(json_get(params, "_meta"), MCP_META_VERSION, MCP_VERSION_MODERN));
    add_encoded(list, "Mcp-Method", x->method);
    if (name)
        add_encoded(list, "Mcp-Name", name);
    for (size_t i = 0; name && strcmp(x->method, "tools/call") == 0 && i < x->egress->n_tools; i++)
        if (strcmp(x->egress->tools[i].name, name) == 0)
            mcp_headers_each(x->egress->tools[i].schema, json_get(params, "arguments"), add_header, list);
    json_free(root);
}

static struct curl_slist *build_headers(struct exchange *x)
{
    struct egress *e = x->egress;
    const char *token = e->token ? e->token : login_token(e->login);
    struct curl_slist *list = NULL;
    struct buf line;

    for (struct curl_slist *h = e->headers; h; h = h->next)
        list = curl_slist_append(list, h->data);
    list = curl_slist_append(list, x->kind == LISTEN || x->resuming ? "Accept: text/event-stream" : "Accept: application/json, text/event-stream");
    list = curl_slist_append(list, "Expect:");
    if (token) {
        buf_init(&line, 65536);
        buf_addf(&line, "Bearer %s", token);
        add_header(&list, "Authorization", line.data);
        explicit_bzero(line.data, line.len);
        buf_finish(&line);
    }
    if (x->kind != LISTEN && !x->resuming)
        list = curl_slist_append(list, "Content-Type: application/json");
    if (x->modern) {
        add_modern_headers(x, &list);
        return list;
    }
    if (strcmp(x->method, "initialize") != 0 && e->version[0])
        add_header(&list, "MCP-Protocol-Version", e->version);
    if (strcmp(x->method, "initialize") != 0 && e->session[0])
        add_header(&list, "Mcp-Session-Id", e->session);
    if ((x->kind == LISTEN || x->resuming) && x->sse.id.len > 0 && !x->sse.id.failed)
        add_header(&list, "Last-Event-ID", x->sse.id.data);
    return list;
}

/* --- answers -------------------------------------------------------------------------------------------------------- */

static bool is_known(const struct egress *e, const char *id, size_t len)
{
    const struct exchange *x;

    TAILQ_FOREACH(x, &e->exchanges, link)
        if (x->kind == REQUEST && !x->answered && strlen(x->id) == len && memcmp(x->id, id, len) == 0)
            return true;
    return false;
}

/* A legacy server asks, and tells of changes, on a stream of its own. */
static void listen_to_server(struct egress *e)
{
    struct exchange *x = exchange_create(e, LISTEN, "", 0);

    snprintf(x->method, sizeof(x->method), "GET");
    post(x);
}

/* What is in the answers to these is of use here as well. */
static void look_at_result(struct exchange *x, const struct rpc_msg *m)
{
    struct egress *e = x->egress;
    const char *session = x->fetch ? fetch_header(x->fetch, "Mcp-Session-Id") : NULL;

    if (strcmp(x->method, "tools/list") == 0)
        read_tools(x, m->result);
    if (strcmp(x->method, "initialize") != 0)
        return;
    snprintf(e->version, sizeof(e->version), "%.31s", json_get_text(m->result, "protocolVersion", ""));
    e->session[0] = '\0';
    if (session && strlen(session) < sizeof(e->session) && strspn(session, "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                                                                         "abcdefghijklmnopqrstuvwxyz{|}~") == strlen(session))
        snprintf(e->session, sizeof(e->session), "%s", session);
}

/* One message of the server's.  false: it is none. */
static bool take_message(struct exchange *x, const char *text, size_t len)
{
    struct rpc_msg m;
    bool answers;

    x->too_long = x->too_long || len > RPC_MAX_LINE - 2;
    if (x->too_long || rpc_parse(text, len, &m, NULL) < 0)
        return false;
    answers = m.kind == RPC_RESULT || m.kind == RPC_ERROR;
    if (!answers) {
        if (!x->modern || m.kind == RPC_NOTIFICATION) /* a modern server asks nothing this way */
            send_message(x->egress, text, len);
    } else if (m.id && x->kind == REQUEST && strlen(x->id) == m.id_len && memcmp(x->id, m.id, m.id_len) == 0) {
        if (!x->answered && m.kind == RPC_RESULT)
            look_at_result(x, &m);
        if (!x->answered)
            send_message(x->egress, text, len);
        x->answered = true;
    } else if (m.id && !x->modern && is_known(x->egress, m.id, m.id_len)) {
        struct exchange *other;

        TAILQ_FOREACH(other, &x->egress->exchanges, link)
            if (other != x && strlen(other->id) == m.id_len && memcmp(other->id, m.id, m.id_len) == 0)
                other->answered = true; /* the stream that it was promised on ends by itself */
        send_message(x->egress, text, len);
    }
    rpc_msg_finish(&m);
    return true;
}

static void on_head(void *arg, long status)
{
    struct exchange *x = arg;
    const char *type = fetch_header(x->fetch, "Content-Type");

    x->is_events = status / 100 == 2 && type && strncasecmp(type, "text/event-stream", 17) == 0;
    if (x->is_events)
        sse_restart(&x->sse);
    buf_reset(&x->body);
}

static bool on_data(void *arg, const char *data, size_t len)
{
    struct exchange *x = arg;

    if (!x->is_events) {
        buf_add(&x->body, data, len);
        x->too_long = x->body.failed;
        return !x->body.failed;
    }
    if (sse_feed(&x->sse, data, len, NULL) < 0) {
        x->too_long = true;
        return false;
    }
    while (sse_next(&x->sse)) {
        if (x->sse.data.len > 0)
            take_message(x, x->sse.data.data, x->sse.data.len);
        x->n_reconnects = 0;
    }
    return !x->too_long && !(x->kind == REQUEST && x->answered);
}

/* An error of the server's that names no request, or another, is this one's. */
static bool forward_error(struct exchange *x)
{
    struct rpc_msg m;
    struct buf line;
    const char *error = NULL;
    size_t len = 0;

    if (x->kind != REQUEST || rpc_parse(x->body.data, x->body.len, &m, NULL) < 0)
        return false;
    if (m.kind == RPC_ERROR)
        error = json_raw(json_get(m.root, "error"), &len);
    if (error) {
        buf_init(&line, RPC_MAX_LINE);
        buf_addf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":", x->id);
        buf_add(&line, error, len);
        buf_addc(&line, '}');
        send_message(x->egress, line.data, line.len);
        buf_finish(&line);
        x->answered = true;
    }
    rpc_msg_finish(&m);
    return error != NULL;
}

/* --- letting in ------------------------------------------------------------------------------------------------------ */

static void say_unauthorized(struct exchange *x, long status)
{
    struct egress *e = x->egress;
    char message[300];
    struct buf params;
    struct jsonw w;

    snprintf(message, sizeof(message), "%.64s%s%s",
             e->token ? "the token of token_file is refused" : status == 403 ? "more rights are needed" : "it wants a login",
             login_why(e->login)[0] ? ": " : "", login_why(e->login));
    buf_init(&params, 4096);
    w = jsonw_start(&params);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "error", message);
    jsonw_end(&w);
    send_note(e, "egress/unauthorized", params.data);
    buf_finish(&params);
    snprintf(message + strlen(message), sizeof(message) - strlen(message), "; a person must log in, and the call can be made again then");
    give_up(x, "unauthorized", CORAX_E_DENIED, message);
}

static void on_refreshed(void *arg, const char *result, const struct err *err)
{
    struct egress *e = arg;
    struct exchange *x, *next;

    e->refreshing = false;
    if (result == NULL)
        log_info("the token is not renewed: %s", err->msg);
    for (x = TAILQ_FIRST(&e->exchanges); x; x = next) {
        next = TAILQ_NEXT(x, link);
        if (x->fetch || x->wake_ms || !x->refreshed)
            continue;
        if (result)
            post(x);
        else
            say_unauthorized(x, 401);
    }
}

/* A token may have run out. */
static void unauthorized(struct exchange *x, long status, const char *www_authenticate)
{
    struct egress *e = x->egress;

    if (status == 401 && e->token == NULL && !x->refreshed && x->generation != login_generation(e->login)) {
        x->refreshed = true; /* there is another token by now */
        post(x);
        return;
    }
    login_challenged(e->login, status, www_authenticate);
    if (status == 401 && e->token == NULL && !x->refreshed && (e->refreshing || login_can_refresh(e->login))) {
        x->refreshed = true;
        if (!e->refreshing) {
            e->refreshing = true;
            login_refresh(e->login, on_refreshed, e);
        }
        return;
    }
    say_unauthorized(x, status);
}

/* --- the end of a fetch --------------------------------------------------------------------------------------------- */

static bool may_reconnect(const struct exchange *x)
{
    return !x->modern && x->n_reconnects < MAX_RECONNECTS &&
           (x->kind == LISTEN || (x->kind == REQUEST && x->is_events && x->sse.id.len > 0 && !x->sse.id.failed));
}

static void reconnect(struct exchange *x)
{
    int64_t wait = x->sse.retry_ms >= 0 ? x->sse.retry_ms : RETRY_MS;

    x->n_reconnects++;
    x->resuming = true;
    wait = wait < MIN_RETRY_MS ? MIN_RETRY_MS : wait > MAX_RETRY_MS ? MAX_RETRY_MS : wait;
    x->wake_ms = clock_mono_ms() + wait;
}

static void session_is_over(struct egress *e)
{
    e->session[0] = e->version[0] = '\0';
    send_note(e, "egress/session_ended", "{}");
}

static void take_status(struct exchange *x, long status, const char *location)
{
    struct egress *e = x->egress;
    char message[300];

    if (x->kind != REQUEST) {
        exchange_free(x);
    } else if (!x->modern && status == 404 && e->session[0] && strcmp(x->method, "initialize") != 0) {
        session_is_over(e);
        give_up(x, "session", CORAX_E_UNAVAIL, "the server has ended the session; a new one is begun");
    } else if (status / 100 == 3) {
        snprintf(message, sizeof(message), "it redirects (%ld) to %.200s, which is not followed: if that is meant, set it as url", status,
                 location ? location : "nowhere");
        give_up(x, "redirect", CORAX_E_DENIED, message);
    } else {
        snprintf(message, sizeof(message), "the server answered %ld without a message of MCP", status);
        /* To discover, that may be a server of the legacy revision, which coraxd tries then. */
        give_up(x, strcmp(x->method, "server/discover") == 0 && status / 100 == 4 ? NULL : "http", CORAX_E_UNAVAIL, message);
    }
}

static void on_done(void *arg, const struct err *err)
{
    struct exchange *x = arg;
    const long status = fetch_status(x->fetch);
    const char *challenge = fetch_header(x->fetch, "WWW-Authenticate"), *location = fetch_header(x->fetch, "Location");
    char www[4096], where[256];

    snprintf(www, sizeof(www), "%s", challenge ? challenge : "");
    snprintf(where, sizeof(where), "%s", location ? location : "");
    if (err->status == 0 && status / 100 == 2 && !x->is_events && x->body.len > 0 && x->kind == REQUEST)
        take_message(x, x->body.data, x->body.len);
    x->fetch = NULL;
    if (x->kind == REQUEST && x->answered) {
        exchange_free(x);
    } else if (x->too_long) {
        snprintf(where, sizeof(where), "the answer is longer than %d bytes", RPC_MAX_LINE);
        give_up(x, "http", CORAX_E_LIMIT, where);
    } else if (err->status == CORAX_E_LIMIT || err->status == CORAX_E_DENIED || (err->status && !may_reconnect(x))) {
        give_up(x, "http", err->status, err->msg);
    } else if (status == 401 || (status == 403 && strstr(www, "insufficient_scope"))) {
        unauthorized(x, status, www);
    } else if (x->kind == LISTEN && status / 100 != 2 && !err->status) {
        exchange_free(x); /* it has no such stream */
    } else if (may_reconnect(x) && (err->status || x->is_events)) {
        reconnect(x);
    } else if (x->is_events || (status / 100 == 2 && x->kind == REQUEST)) {
        give_up(x, "http", CORAX_E_IO, "it ended the answer without a message of MCP");
    } else if (status / 100 == 2) {
        exchange_free(x);
    } else if (forward_error(x)) {
        exchange_free(x);
    } else {
        take_status(x, status, where);
    }
}

static void post(struct exchange *x)
{
    static const struct fetch_ops ops = { on_head, on_data, on_done };
    struct egress *e = x->egress;
    const bool get = x->kind == LISTEN || x->resuming;
    const struct fetch_request r = { .method = get ? "GET" : "POST",
                                     .url = e->url,
                                     .headers = build_headers(x),
                                     .body = get ? NULL : x->line,
                                     .body_len = get ? 0 : x->len,
                                     .deadline_ms = x->kind == NOTE ? NOTE_MS : x->kind == REQUEST ? REQUEST_MS : 0,
                                     .max_bytes = x->kind == LISTEN ? 0 : e->max_bytes };
    struct err err = { 0 };

    x->wake_ms = 0;
    x->generation = login_generation(e->login);
    x->fetch = net_fetch(e->net, &r, &ops, x, &err);
    if (x->fetch == NULL)
        give_up(x, "http", err.status, err.msg);
}

/* --- lines in ------------------------------------------------------------------------------------------------------- */

static bool read_reach(const char *url, bool private_network, enum net_reach *reach, struct err *err)
{
    *reach = private_network ? NET_PRIVATE : NET_LOOPBACK;
    if (!net_is_good_url(url, *reach, err))
        return false;
    /* Loopback is for those who name it. */
    if (!private_network) {
        const char *why;
        struct url u;

        if (!url_parse(url, strlen(url), &u, &why) || !u.is_private)
            *reach = NET_PUBLIC;
    }
    return true;
}

static void on_saved(void *arg, const char *json)
{
    send_note(arg, "egress/saved", json);
}

static int open_server(struct egress *e, const struct json *params, struct err *err)
{
    const char *url = json_get_text(params, "url", "");
    enum net_reach reach;
    int64_t max_bytes = 8 << 20;

    if (e->url)
        return fail(err, CORAX_E_ARGS, "egress/open comes once");
    if (!read_reach(url, json_bool(json_get(params, "private_network"), false), &reach, err) ||
        (json_get(params, "max_bytes") && json_int(json_get(params, "max_bytes"), "max_bytes", &max_bytes, err) < 0))
        return -1;
    net_set_reach(e->net, reach);
    e->max_bytes = max_bytes > 0 ? (size_t)max_bytes : 0;
    e->url = strdup(url);
    e->token = json_get_text(params, "token", NULL) ? strdup(json_get_text(params, "token", "")) : NULL;
    for (const struct json *h = json_first(json_get(params, "headers")); h; h = json_next(h))
        if (json_text(h) && strpbrk(json_text(h), "\r\n") == NULL)
            e->headers = curl_slist_append(e->headers, json_text(h));
    e->login = e->url ? login_create(e->net, e->url, json_get(params, "oauth"), on_saved, e, err) : NULL;
    return e->login ? 0 : -1;
}

static void on_login(void *arg, const char *result, const struct err *err)
{
    struct egress *e = arg;
    char id[MAX_ID + 1];
    struct buf line;

    memcpy(id, e->login_id, sizeof(id));
    e->login_id[0] = '\0';
    if (result == NULL) {
        send_error(e, id, "login", err->status, err->msg);
        return;
    }
    buf_init(&line, RPC_MAX_LINE);
    buf_addf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}", id, result);
    send_message(e, line.data, line.len);
    buf_finish(&line);
}

static void begin_login(struct egress *e, const struct rpc_msg *m)
{
    char id[MAX_ID + 1];

    snprintf(id, sizeof(id), "%.*s", (int)m->id_len, m->id);
    if (e->login_id[0]) {
        send_error(e, id, "login", CORAX_E_LIMIT, "somebody is logging in already");
        return;
    }
    memcpy(e->login_id, id, sizeof(id));
    login_request(e->login, m->params, on_login, e);
}

/* false: it is for the server, too. */
static bool cancel(struct egress *e, const struct rpc_msg *m)
{
    size_t len = 0;
    const char *id = json_raw(json_get(m->params, "requestId"), &len);
    struct exchange *x;

    TAILQ_FOREACH(x, &e->exchanges, link)
        if (id && x->kind == REQUEST && strlen(x->id) == len && memcmp(x->id, id, len) == 0) {
            const bool modern = x->modern;

            exchange_free(x); /* of the modern era the end of its stream says it all */
            return modern;
        }
    return true; /* it is over already */
}

static void take(struct egress *e, const struct rpc_msg *m)
{
    struct exchange *x = exchange_create(e, m->kind == RPC_REQUEST ? REQUEST : NOTE, m->line, m->line_len);

    if (m->kind == RPC_REQUEST)
        snprintf(x->id, sizeof(x->id), "%.*s", (int)m->id_len, m->id);
    snprintf(x->method, sizeof(x->method), "%.64s", m->kind == RPC_REQUEST || m->kind == RPC_NOTIFICATION ? m->method : "(answer)");
    x->modern = json_get(json_get(m->params, "_meta"), MCP_META_VERSION) != NULL;
    x->first_page = json_get(m->params, "cursor") == NULL;
    post(x); /* which may end it at once */
    if (m->kind == RPC_NOTIFICATION && strcmp(m->method, "notifications/initialized") == 0)
        listen_to_server(e);
}

int egress_take_line(struct egress *e, const char *line, size_t len, struct err *err)
{
    struct rpc_msg m;
    int rc = 0;

    if (rpc_parse(line, len, &m, err) < 0)
        return -1;
    if (m.kind == RPC_NOTIFICATION && strcmp(m.method, "egress/open") == 0) {
        rc = open_server(e, m.params, err);
    } else if (e->url == NULL) {
        rc = fail(err, CORAX_E_ARGS, "egress/open comes first");
    } else if (m.kind == RPC_REQUEST && m.id_len > MAX_ID) {
        rc = fail(err, CORAX_E_ARGS, "an id of more than %d bytes", MAX_ID);
    } else if (m.kind == RPC_REQUEST && strcmp(m.method, "egress/login") == 0) {
        begin_login(e, &m);
    } else if (m.kind == RPC_NOTIFICATION && strcmp(m.method, "notifications/cancelled") == 0 && cancel(e, &m)) {
        rc = 0;
    } else if (e->n_exchanges >= MAX_EXCHANGES) {
        if (m.kind == RPC_REQUEST) {
            char id[MAX_ID + 1];

            snprintf(id, sizeof(id), "%.*s", (int)m.id_len, m.id);
            send_error(e, id, "busy", CORAX_E_LIMIT, "too many requests are under way");
        }
    } else {
        take(e, &m);
    }
    rpc_msg_finish(&m);
    return rc;
}

int64_t egress_tick(struct egress *e)
{
    const int64_t now = clock_mono_ms();
    struct exchange *x, *next;
    int64_t first = -1;

    for (x = TAILQ_FIRST(&e->exchanges); x; x = next) {
        next = TAILQ_NEXT(x, link);
        if (x->wake_ms == 0)
            continue;
        if (x->wake_ms <= now)
            post(x);
        else if (first < 0 || x->wake_ms - now < first)
            first = x->wake_ms - now;
    }
    return first;
}

struct egress *egress_create(struct net *net, egress_out *out, void *arg)
{
    struct egress *e = calloc(1, sizeof(*e));

    if (e == NULL)
        return NULL;
    e->net = net;
    e->out = out;
    e->arg = arg;
    TAILQ_INIT(&e->exchanges);
    return e;
}

void egress_destroy(struct egress *e)
{
    while (!TAILQ_EMPTY(&e->exchanges))
        exchange_free(TAILQ_FIRST(&e->exchanges));
    login_destroy(e->login);
    forget_tools(e);
    curl_slist_free_all(e->headers);
    if (e->token)
        explicit_bzero(e->token, strlen(e->token));
    free(e->token);
    free(e->url);
    free(e);
}
