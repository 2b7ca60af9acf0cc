/*
 * The conversation with one foreign MCP server: what it is asked at its start, its list of tools whenever that changes, and calls.
 *
 * It is the same over standard input and output and over HTTP.  There corax-egress is the child: it is told where the server is before the
 * first request (egress/open, docs/protocol.md), and says what only HTTP knows.
 */
#include "daemon/foreign_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/rpc.h"

#define PROBE_MS     3000 /* a server that knows the legacy revision alone may not answer what it does not know */
#define PING_MS      5000 /* after a call that took too long */
#define RELIST_MS    1000 /* between two lists */
#define MAX_PAGES    1000
#define MAX_ROUNDS   8 /* answers to one call that ask for input */
#define MAX_ID       128
#define RESULT_ARENA (8u << 20)
#define MAX_SECRET   65536

bool foreign_server_is_http(const struct foreign_server *s)
{
    return s->config->url != NULL;
}

static bool takes_forms(const struct foreign_server *s)
{
    return s->config->elicitation == FOREIGN_DEFAULTS;
}

static enum mcp_era modern(const struct foreign_server *s)
{
    return takes_forms(s) ? MCP_MODERN_FORMS : MCP_MODERN;
}

static void set_timer(struct foreign_server *s, int64_t ms)
{
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    event_add(s->timer, &tv);
}

/* One message.  A server that does not read is ended. */
static void send_line(struct foreign_server *s, struct buf *line)
{
    if (!link_send(s->link, line))
        link_kill(s->link, false, line->failed ? "what it is to be sent is too long" : "it does not read what it is sent");
    buf_finish(line);
}

static void start_line(struct buf *line)
{
    buf_init(line, RPC_MAX_LINE);
}

/* --- its start ----------------------------------------------------------------------------------------------------- */

static void ask_discover(struct foreign_server *s)
{
    struct buf line;

    s->state = FOREIGN_DISCOVER;
    s->handshake_id = s->next_id++;
    start_line(&line);
    mcp_write_discover(&line, s->handshake_id);
    set_timer(s, !foreign_server_is_http(s) && s->config->start_ms > 2 * PROBE_MS ? PROBE_MS : s->config->start_ms);
    send_line(s, &line);
}

static void ask_initialize(struct foreign_server *s)
{
    struct buf line;

    s->state = FOREIGN_INITIALIZE;
    s->handshake_id = s->next_id++;
    start_line(&line);
    mcp_write_initialize(&line, s->handshake_id, takes_forms(s));
    set_timer(s, s->config->start_ms);
    send_line(s, &line);
}

static void ask_list(struct foreign_server *s, const char *cursor)
{
    struct buf line;

    if (cursor == NULL) {
        s->n_pages = s->n_tools = 0;
        s->listing = true;
        s->list_again = false;
        s->listed_ms = clock_mono_ms();
        registry_list_begin(s->foreign->registry, s->config->name);
    }
    s->list_id = s->next_id++;
    start_line(&line);
    mcp_write_list(&line, s->era, s->list_id, cursor);
    if (s->state != FOREIGN_READY)
        set_timer(s, s->config->start_ms);
    send_line(s, &line);
}

/* A secret of a file, without the end of its line; nothing where path is NULL. */
static int read_secret(const char *path, struct buf *out, struct err *err)
{
    if (path && file_read(path, out, err) < 0)
        return -1;
    while (out->len > 0 && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
        out->data[--out->len] = '\0';
    return 0;
}

static void send_open(struct foreign_server *s, const struct buf *token, const struct buf *secret)
{
    const struct foreign_server_config *c = s->config;
    char *saved = foreign_saved(s);
    struct buf line;
    struct jsonw w;

    start_line(&line);
    w = rpc_notification_start(&line, "egress/open");
    jsonw_text(&w, "url", c->url);
    jsonw_bool(&w, "private_network", c->private_network);
    jsonw_int(&w, "max_bytes", (int64_t)c->max_mb << 20);
    jsonw_array(&w, "headers");
    for (size_t i = 0; i < c->headers.n; i++)
        jsonw_text(&w, NULL, c->headers.at[i]);
    jsonw_end(&w);
    if (token->len > 0)
        jsonw_string(&w, "token", token->data, token->len);
    jsonw_object(&w, "oauth");
    if (c->client_id)
        jsonw_text(&w, "client_id", c->client_id);
    if (secret->len > 0)
        jsonw_string(&w, "client_secret", secret->data, secret->len);
    if (c->client_metadata_url)
        jsonw_text(&w, "client_metadata_url", c->client_metadata_url);
    if (c->issuer)
        jsonw_text(&w, "issuer", c->issuer);
    if (saved)
        jsonw_raw(&w, "saved", saved, strlen(saved));
    jsonw_end(&w);
    rpc_end(&w);
    free(saved);
    send_line(s, &line);
}

/* Without a secret that it was to have it would only seem to want a login, so it is ended. */
static void open_egress(struct foreign_server *s)
{
    struct err err = { 0 };
    struct buf token, secret;

    buf_init(&token, MAX_SECRET);
    buf_init(&secret, MAX_SECRET);
    if (read_secret(s->config->token_file, &token, &err) == 0 && read_secret(s->config->client_secret_file, &secret, &err) == 0)
        send_open(s, &token, &secret);
    else
        link_kill(s->link, false, err.msg);
    if (token.len > 0)
        explicit_bzero(token.data, token.len);
    if (secret.len > 0)
        explicit_bzero(secret.data, secret.len);
    buf_finish(&token);
    buf_finish(&secret);
}

/* Also again, with the same child. */
static void begin(struct foreign_server *s)
{
    s->listing = s->list_again = s->refused = false;
    s->list_id = s->ping_id = s->listen_id = 0;
    s->trouble[0] = '\0';
    if (s->config->protocol == FOREIGN_LEGACY || (s->legacy && s->config->protocol == FOREIGN_AUTO))
        ask_initialize(s);
    else
        ask_discover(s);
}

static void on_up(void *arg)
{
    struct foreign_server *s = arg;

    s->served = false;
    s->given = (struct label){ TRUSTED, PUBLIC };
    if (foreign_server_is_http(s))
        open_egress(s);
    if (link_is_up(s->link))
        begin(s);
}

static void greeted(struct foreign_server *s, const struct mcp_server *server, const struct json *capabilities)
{
    s->era = server->era == MCP_MODERN ? modern(s) : MCP_LEGACY;
    s->listens = json_bool(json_get(json_get(capabilities, "tools"), "listChanged"), false);
    snprintf(s->title, sizeof(s->title), "%s", server->name);
    s->state = FOREIGN_LIST;
    ask_list(s, NULL);
}

/* Of corax-egress, not of the server. */
static bool is_egress_error(const struct rpc_msg *msg)
{
    return msg->kind == RPC_ERROR && json_get_text(msg->error_data, "egress", NULL);
}

/* Nothing was wrong with the line. */
static void give_up(struct foreign_server *s, const struct rpc_msg *msg)
{
    link_kill(s->link, false, msg->kind == RPC_ERROR && msg->error_message ? msg->error_message : "it does not speak MCP as it should");
}

static int read_discover(struct foreign_server *s, const struct rpc_msg *msg, struct err *err)
{
    struct mcp_server server = { 0 };
    const bool refused = msg->kind == RPC_ERROR && msg->error_code == MCP_UNSUPPORTED_VERSION;

    if (mcp_read_discover(msg, &server, NULL) == 0) {
        snprintf(s->version, sizeof(s->version), "%s", MCP_VERSION_MODERN);
        greeted(s, &server, json_get(msg->result, "capabilities"));
        return 0;
    }
    /* Where it was not reached, older words would not help. */
    if (is_egress_error(msg) || (s->config->protocol == FOREIGN_MODERN && !refused)) {
        give_up(s, msg);
    } else if (refused && !s->refused && json_has_text(json_get(msg->error_data, "supported"), MCP_VERSION_MODERN)) {
        s->refused = true;
        ask_discover(s);
    } else {
        ask_initialize(s);
    }
    return 0;
}

static int read_initialize(struct foreign_server *s, const struct rpc_msg *msg, struct err *err)
{
    struct mcp_server server = { 0 };
    struct buf line;

    if (is_egress_error(msg)) {
        give_up(s, msg);
        return 0;
    }
    if (mcp_read_initialize(msg, &server, err) < 0)
        return -1;
    snprintf(s->version, sizeof(s->version), "%.31s", json_get_text(msg->result, "protocolVersion", ""));
    start_line(&line);
    mcp_write_initialized(&line);
    send_line(s, &line);
    greeted(s, &server, json_get(msg->result, "capabilities"));
    return 0;
}

/* --- its tools ------------------------------------------------------------------------------------------------------ */

static void listen_for_changes(struct foreign_server *s)
{
    struct buf line;

    if (s->era == MCP_LEGACY || !s->listens || s->listen_id)
        return;
    s->listen_id = s->next_id++;
    start_line(&line);
    mcp_write_listen(&line, s->era, s->listen_id);
    send_line(s, &line);
}

static void listed(struct foreign_server *s)
{
    const bool first = s->state != FOREIGN_READY;
    const bool changed = registry_list_end(s->foreign->registry, s->config->name);

    s->listing = false;
    if (first) {
        event_del(s->timer);
        s->state = FOREIGN_READY;
        link_works(s->link);
        log_info("mcp %s: %d tools, MCP %s", s->config->name, s->n_tools, s->version);
        listen_for_changes(s);
    } else if (changed) {
        log_info("mcp %s: its tools have changed, there are %d", s->config->name, s->n_tools);
    }
    foreign_server_settle(s);
    if (changed)
        s->foreign->ops->changed(s->foreign->arg);
    if (s->list_again)
        foreign_server_relist(-1, EV_TIMEOUT, s);
    foreign_server_send(s);
}

static int read_list(struct foreign_server *s, const struct rpc_msg *msg, struct err *err)
{
    const char *next;
    char why[160];
    int n;

    s->list_id = 0;
    if (is_egress_error(msg)) {
        s->listing = false; /* what there was stays, unless that was nothing */
        if (s->state != FOREIGN_READY)
            give_up(s, msg);
        return 0;
    }
    if (mcp_read_list(msg, &next, err) < 0)
        return -1;
    if (json_count(json_get(msg->result, "tools")) > (size_t)(s->config->max_tools - s->n_tools)) {
        snprintf(why, sizeof(why), "it has more than %d tools: raise mcp_servers.%s.max_tools, if you want them all", s->config->max_tools,
                 s->config->name);
        link_kill(s->link, false, why);
        return 0;
    }
    n = registry_add_foreign(s->foreign->registry, s->config->name, &s->config->terms, msg->result, err);
    if (n < 0)
        return -1;
    s->n_tools += n;
    if (next && ++s->n_pages >= MAX_PAGES)
        return fail(err, CORAX_E_LIMIT, "tools/list has more than %d pages", MAX_PAGES);
    if (next)
        ask_list(s, next);
    else
        listed(s);
    return 0;
}

/* A server may say so a thousand times a second. */
static void change_told(struct foreign_server *s)
{
    const int64_t wait = s->listed_ms + RELIST_MS - clock_mono_ms();
    const struct timeval tv = { .tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000 };

    if (s->state != FOREIGN_READY || s->listing)
        s->list_again = true;
    else if (wait > 0 && !evtimer_pending(s->relist, NULL))
        event_add(s->relist, &tv);
    else if (wait <= 0)
        ask_list(s, NULL);
}

void foreign_server_relist(evutil_socket_t fd, short what, void *arg)
{
    change_told(arg);
}

/* --- calls ---------------------------------------------------------------------------------------------------------- */

static struct foreign_call *find_call(struct foreign_server *s, int64_t id)
{
    struct foreign_call *c;

    TAILQ_FOREACH(c, &s->calls, link)
        if (c->id == id && c->err.status == 0)
            return c;
    return NULL;
}

static void cancel_request(struct foreign_server *s, int64_t id, const char *why)
{
    struct buf line;

    start_line(&line);
    mcp_write_cancel(&line, id, why);
    send_line(s, &line);
}

/* A server may keep what it was given: see daemon/hosts.c. */
static bool must_start_anew(const struct foreign_server *s, const struct foreign_call *c)
{
    return !foreign_server_is_http(s) && s->served && (c->terms.fresh || !label_is_within(s->given, c->terms.context));
}

static int64_t left_ms(const struct foreign_call *c)
{
    const int64_t left = c->deadline_ms - (clock_mono_ns() - c->started_ns) / 1000000;

    return left > 1 ? left : 1;
}

static void send_call(struct foreign_server *s, struct foreign_call *c)
{
    struct timeval tv = { .tv_sec = c->deadline_ms / 1000, .tv_usec = c->deadline_ms % 1000 * 1000 };
    struct buf line;

    s->served = true;
    s->given = label_join(s->given, c->terms.context);
    c->id = s->next_id++;
    c->started_ns = clock_mono_ns();
    start_line(&line);
    mcp_write_call(&line, s->era, c->id, c->tool->own_name, c->args, c->args_len, 0, NULL);
    if (line.failed) {
        fail(&c->err, CORAX_E_LIMIT, "the arguments are too large to be sent (%zu bytes)", c->args_len);
        c->id = c->started_ns = 0;
        buf_finish(&line);
        foreign_call_doom(c);
        return;
    }
    s->n_under_way++;
    event_add(c->deadline, &tv);
    send_line(s, &line);
}

void foreign_server_send(struct foreign_server *s)
{
    struct foreign_call *c, *next;

    for (c = TAILQ_FIRST(&s->calls); c && s->state == FOREIGN_READY && s->n_under_way < s->config->max_calls; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->id || c->err.status)
            continue;
        if (!tool_is_current(c->tool)) {
            fail(&c->err, CORAX_E_DENIED, "%s has changed what it says of this tool since the call was judged: look at it again",
                 s->config->name);
            foreign_call_doom(c);
        } else if (!must_start_anew(s, c)) {
            send_call(s, c);
        } else {
            if (s->n_under_way == 0)
                link_kill(s->link, true, "its next call is for a server that knows nothing");
            return;
        }
    }
}

void foreign_call_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct foreign_call *c = arg;
    struct foreign_server *s = c->server;
    const int64_t id = c->id;
    struct buf line;

    if (id)
        fail(&c->err, CORAX_E_TIMEOUT, "the call took longer than %lld ms and was cancelled", (long long)c->deadline_ms);
    else
        fail(&c->err, CORAX_E_UNAVAIL, "the MCP server %s was not ready for the call within %lld ms", s->config->name, (long long)c->deadline_ms);
    c->id = 0;
    if (id)
        s->n_under_way--;
    foreign_call_doom(c);
    if (!id)
        return;
    cancel_request(s, id, "it takes too long");
    if (!foreign_server_is_http(s) && s->ping_id == 0 && s->state == FOREIGN_READY) {
        s->ping_id = s->next_id++;
        start_line(&line);
        mcp_write_ping(&line, s->era, s->ping_id);
        set_timer(s, PING_MS);
        send_line(s, &line);
    }
    foreign_server_send(s);
}

/* It asks for something first, and is asked again with that. */
static int answer_input(struct foreign_server *s, struct foreign_call *c, const struct rpc_msg *msg, struct err *err)
{
    struct mcp_again again = { 0 };
    struct buf responses, line;
    int rc;

    buf_init(&responses, RPC_MAX_LINE);
    rc = mcp_read_input(msg, takes_forms(s), &responses, &again.state, &again.state_len, err);
    if (rc > 0 && ++c->rounds > MAX_ROUNDS)
        rc = fail(err, CORAX_E_LIMIT, "the tool has asked for input %d times", MAX_ROUNDS);
    if (rc > 0) {
        again.responses = responses.data;
        again.responses_len = responses.len;
        c->id = s->next_id++;
        start_line(&line);
        mcp_write_call_again(&line, s->era, c->id, c->tool->own_name, c->args, c->args_len, left_ms(c), &again);
        send_line(s, &line);
    }
    buf_finish(&responses);
    return rc;
}

static void take_result(struct foreign_server *s, struct foreign_call *c, const struct rpc_msg *msg)
{
    struct err err = { 0 };
    int rc = s->era == MCP_LEGACY ? 0 : answer_input(s, c, msg, &err);
    struct arena *arena = rc == 0 ? arena_create(RESULT_ARENA) : NULL;
    struct tool_result result = { 0 };
    host_done *done = c->done;
    void *arg = c->arg;
    const int64_t duration_us = (clock_mono_ns() - c->started_ns) / 1000 + 1;
    const bool fresh = c->terms.fresh && !foreign_server_is_http(s);

    if (rc > 0)
        return;
    if (rc == 0)
        rc = arena ? mcp_read_result(msg, arena, &result, &err) : fail(&err, CORAX_E_INTERNAL, "no memory");
    link_served(s->link);
    s->n_under_way--;
    foreign_call_destroy(c);
    if (fresh)
        link_kill(s->link, true, "it was for one call");
    else
        foreign_server_send(s);
    done(arg, rc == 0 ? &result : NULL, duration_us, &err);
    arena_destroy(arena);
}

/* --- what it says --------------------------------------------------------------------------------------------------- */

static int take_request(struct foreign_server *s, const struct rpc_msg *msg, struct err *err)
{
    struct buf line, answer;
    struct jsonw w;

    if (msg->id_len > MAX_ID)
        return fail(err, CORAX_E_ARGS, "a request with an id of more than %d bytes", MAX_ID);
    start_line(&line);
    if (strcmp(msg->method, "ping") == 0) {
        w = rpc_result_start(&line, msg->id, msg->id_len);
        rpc_end(&w);
    } else if (strcmp(msg->method, "elicitation/create") == 0 && takes_forms(s)) {
        buf_init(&answer, RPC_MAX_LINE);
        mcp_answer_form(msg->params, true, &answer);
        buf_addf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":%s}\n", (int)msg->id_len, msg->id, answer.data);
        buf_finish(&answer);
    } else {
        rpc_write_error(&line, msg->id, msg->id_len, RPC_METHOD_NOT_FOUND, "corax offers servers neither sampling nor roots, and forms only where corax.conf says so");
    }
    send_line(s, &line);
    return 0;
}

static void take_unauthorized(struct foreign_server *s, const struct json *params)
{
    snprintf(s->trouble, sizeof(s->trouble), "a person must log in: corax login %s%.100s%.100s", s->config->name,
             json_get(params, "error") ? ": " : "", json_get_text(params, "error", ""));
    log_warn("mcp %s: %s", s->config->name, s->trouble);
    if (s->state != FOREIGN_READY) {
        s->state = FOREIGN_UNAUTHORIZED;
        event_del(s->timer);
        foreign_server_settle(s);
        event_active(s->foreign->later, EV_TIMEOUT, 0);
    }
}

static void take_notification(struct foreign_server *s, const struct rpc_msg *msg)
{
    if (strcmp(msg->method, "notifications/tools/list_changed") == 0)
        change_told(s);
    else if (strcmp(msg->method, "notifications/message") == 0)
        log_debug("mcp %s: %.200s", s->config->name, json_get_text(json_get(msg->params, "data"), "message", json_get_text(msg->params, "data", "")));
    else if (!foreign_server_is_http(s))
        return;
    else if (strcmp(msg->method, "egress/unauthorized") == 0)
        take_unauthorized(s, msg->params);
    else if (strcmp(msg->method, "egress/saved") == 0)
        foreign_save(s, msg->params);
    else if (strcmp(msg->method, "egress/session_ended") == 0 && s->state == FOREIGN_READY)
        begin(s);
}

static void take_login(struct foreign_server *s, const struct rpc_msg *msg)
{
    const struct foreign_login_call login = s->login;
    struct err err = { 0 };

    s->login.id = 0;
    if (msg->kind == RPC_ERROR)
        fail(&err, mcp_status_of_error(msg), "%s", msg->error_message ? msg->error_message : "the login failed");
    login.done(login.arg, msg->kind == RPC_ERROR ? NULL : msg->result, &err);
    if (msg->kind == RPC_ERROR || !json_bool(json_get(msg->result, "authorized"), false))
        return;
    s->trouble[0] = '\0';
    if (s->state == FOREIGN_UNAUTHORIZED)
        begin(s);
}

static int on_message(void *arg, const struct rpc_msg *msg, struct err *err)
{
    struct foreign_server *s = arg;
    struct foreign_call *c;

    if (msg->kind == RPC_NOTIFICATION) {
        take_notification(s, msg);
        return 0;
    }
    if (msg->kind == RPC_REQUEST)
        return take_request(s, msg, err);
    if (s->login.id && msg->id_int == s->login.id) {
        take_login(s, msg);
        return 0;
    }
    if (msg->id_int == s->ping_id && s->ping_id) {
        s->ping_id = 0;
        event_del(s->timer);
        return 0;
    }
    if (msg->id_int == s->listen_id && s->listen_id) {
        s->listen_id = 0; /* it does not tell any more */
        return 0;
    }
    if (s->state == FOREIGN_UNAUTHORIZED)
        return 0; /* answers to what was asked before */
    if (msg->id_int == s->handshake_id && s->state == FOREIGN_DISCOVER)
        return read_discover(s, msg, err);
    if (msg->id_int == s->handshake_id && s->state == FOREIGN_INITIALIZE)
        return read_initialize(s, msg, err);
    if (msg->id_int == s->list_id && s->list_id)
        return read_list(s, msg, err);
    if ((c = find_call(s, msg->id_int)) != NULL) {
        take_result(s, c, msg);
        return 0;
    }
    /* What was cancelled may be answered late. */
    return msg->id_int > 0 && msg->id_int < s->next_id ? 0 : fail(err, CORAX_E_ARGS, "an answer nobody asked for");
}

static void on_down(void *arg, const char *why)
{
    struct foreign_server *s = arg;
    const struct foreign_login_call login = s->login;
    struct foreign_call *c;
    struct err err = { 0 };

    event_del(s->timer);
    event_del(s->relist);
    if ((s->state == FOREIGN_DISCOVER || s->state == FOREIGN_INITIALIZE) && !foreign_server_is_http(s))
        s->legacy = s->state == FOREIGN_DISCOVER; /* the other one next time */
    s->state = FOREIGN_DOWN;
    s->listing = false;
    foreign_server_settle(s);
    TAILQ_FOREACH(c, &s->calls, link) {
        if (c->id == 0)
            continue; /* it waits for the next start, as long as it may */
        if (c->err.status == 0)
            fail(&c->err, CORAX_E_INTERNAL, "the MCP server %s broke down during the call: it %s", s->config->name, why);
        c->id = 0;
        event_del(c->deadline);
    }
    s->n_under_way = 0;
    s->login.id = 0;
    if (login.id) {
        fail(&err, CORAX_E_UNAVAIL, "the login ended: it %s", why);
        login.done(login.arg, NULL, &err);
    }
    event_active(s->foreign->later, EV_TIMEOUT, 0);
}

void foreign_server_timer(evutil_socket_t fd, short what, void *arg)
{
    struct foreign_server *s = arg;

    if (s->state == FOREIGN_DISCOVER && !foreign_server_is_http(s) && s->config->protocol == FOREIGN_AUTO)
        ask_initialize(s);
    else if (s->state == FOREIGN_READY)
        link_kill(s->link, false, "it does not answer");
    else if (s->state != FOREIGN_UNAUTHORIZED)
        link_kill(s->link, false, "it did not say in time what it offers");
}

const struct link_ops foreign_link_ops = { on_up, on_message, on_down };
