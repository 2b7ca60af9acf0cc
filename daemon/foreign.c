/*
 * All foreign MCP servers: how each is started, calls and their queue, what is kept of logins, and what /healthz says.
 */
#include "daemon/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/foreign_server.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

#define SETTLE_MS 5000 /* so long tasks wait for servers at the start */
#define HOPELESS  3    /* ends in a row after which calls fail at once */
#define MAX_SAVED 65536

/* --- calls ---------------------------------------------------------------------------------------------------------- */

void foreign_call_destroy(struct foreign_call *c)
{
    TAILQ_REMOVE(&c->server->calls, c, link);
    if (c->deadline)
        event_free(c->deadline);
    tool_release(c->tool);
    free(c->args);
    free(c);
}

void foreign_call_doom(struct foreign_call *c)
{
    event_active(c->server->foreign->later, EV_TIMEOUT, 0);
}

static void call_fail(struct foreign_call *c)
{
    host_done *done = c->done;
    void *arg = c->arg;
    const int64_t duration_us = c->started_ns ? (clock_mono_ns() - c->started_ns) / 1000 + 1 : 0;
    const struct err err = c->err;

    foreign_call_destroy(c);
    done(arg, NULL, duration_us, &err);
}

/* Nobody knows when it will be there. */
static const char *why_not(const struct foreign_server *s)
{
    if (s->state == FOREIGN_UNAUTHORIZED)
        return s->trouble;
    return s->state == FOREIGN_DOWN && link_failures(s->link) >= HOPELESS ? link_last_error(s->link) : NULL;
}

static struct foreign_call *next_failed(struct foreign *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct foreign_server *s = &f->at[i];
        const char *why = why_not(s);
        struct foreign_call *c;

        TAILQ_FOREACH(c, &s->calls, link) {
            if (c->err.status == 0 && c->id == 0 && why)
                fail(&c->err, CORAX_E_UNAVAIL, "the MCP server %s is not there: %s", s->config->name, why);
            if (c->err.status)
                return c;
        }
    }
    return NULL;
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct foreign *f = arg;
    struct foreign_call *c;

    while ((c = next_failed(f)) != NULL)
        call_fail(c);
    if (f->n_unsettled == 0 && !f->told) {
        f->told = true;
        event_del(f->settle);
        f->ops->settled(f->arg);
    }
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
    struct foreign *f = arg;

    log_info("mcp: %zu servers are not ready yet; tasks begin without them", f->n_unsettled);
    f->n_unsettled = 0;
    on_later(-1, EV_TIMEOUT, f);
}

void foreign_server_settle(struct foreign_server *s)
{
    if (s->settled)
        return;
    s->settled = true;
    if (s->foreign->n_unsettled > 0 && --s->foreign->n_unsettled == 0)
        event_active(s->foreign->later, EV_TIMEOUT, 0);
}

static struct foreign_server *find(const struct foreign *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->at[i].config->name, name) == 0)
            return &f->at[i];
    return NULL;
}

bool foreign_has(const struct foreign *f, const char *provider)
{
    return find(f, provider) != NULL;
}

static void cancel(struct host_call *base)
{
    struct foreign_call *c = (struct foreign_call *)base;
    struct foreign_server *s = c->server;
    const int64_t id = c->id;
    struct buf line;

    foreign_call_destroy(c);
    if (id == 0)
        return;
    s->n_under_way--;
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_cancel(&line, id, "it is not wanted any more");
    link_send(s->link, &line);
    buf_finish(&line);
    foreign_server_send(s);
}

struct host_call *foreign_call(struct foreign *f, const struct tool *tool, const char *args, size_t args_len, const struct host_terms *terms,
                               host_done *done, void *arg, struct err *err)
{
    struct foreign_server *s = find(f, tool->provider);
    const char *why = s ? why_not(s) : NULL;
    struct foreign_call *c;

    if (s == NULL || why) {
        fail(err, CORAX_E_UNAVAIL, "the MCP server %s is not there%s%s", tool->provider, why ? ": " : "", why ? why : "");
        return NULL;
    }
    if (terms->fresh && foreign_server_is_http(s)) {
        fail(err, CORAX_E_DENIED, "the policy wants a server that knows nothing for each call, which %s, over HTTP, cannot be", tool->provider);
        return NULL;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    c->base.cancel = cancel;
    c->server = s;
    c->terms = *terms;
    c->deadline_ms = terms->deadline_ms < s->config->call_ms ? terms->deadline_ms : s->config->call_ms;
    c->done = done;
    c->arg = arg;
    c->tool = tool_hold(tool);
    c->args_len = args_len;
    c->args = malloc(args_len + 1);
    c->deadline = evtimer_new(f->base, foreign_call_deadline, c);
    TAILQ_INSERT_TAIL(&s->calls, c, link);
    if (c->args == NULL || c->deadline == NULL) {
        foreign_call_destroy(c);
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    memcpy(c->args, args, args_len);
    c->args[args_len] = '\0';
    foreign_server_send(s);
    if (c->id == 0) { /* it waits, which may not be for ever either */
        const struct timeval tv = { .tv_sec = c->deadline_ms / 1000, .tv_usec = c->deadline_ms % 1000 * 1000 };

        event_add(c->deadline, &tv);
    }
    return &c->base;
}

/* --- logins --------------------------------------------------------------------------------------------------------- */

static void saved_path(const struct foreign_server *s, char *path, size_t size, const char *end)
{
    snprintf(path, size, "%s/mcp/%s.json%s", s->foreign->config->state, s->config->name, end);
}

char *foreign_saved(const struct foreign_server *s)
{
    char path[4200], *text = NULL;
    struct buf buf;
    size_t len;

    saved_path(s, path, sizeof(path), "");
    buf_init(&buf, MAX_SAVED);
    if (file_read(path, &buf, NULL) == 0 && json_check(buf.data, buf.len, NULL) == 0)
        text = buf_take(&buf, &len);
    buf_finish(&buf);
    return text;
}

static int write_file(const char *path, const struct buf *text, struct err *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const bool good = fd >= 0 && write(fd, text->data, text->len) == (ssize_t)text->len && fsync(fd) == 0;

    if (!good)
        fail_sys(err, CORAX_E_IO, "%s", path);
    if (fd >= 0)
        close(fd);
    return good ? 0 : -1;
}

void foreign_save(const struct foreign_server *s, const struct json *saved)
{
    char path[4200], made[4200];
    struct err err = { 0 };
    struct buf text;
    struct jsonw w;

    snprintf(made, sizeof(made), "%s/mcp", s->foreign->config->state);
    mkdir(made, 0700);
    saved_path(s, path, sizeof(path), "");
    saved_path(s, made, sizeof(made), ".new");
    buf_init(&text, MAX_SAVED);
    w = jsonw_start(&text);
    jsonw_value(&w, NULL, saved);
    if (text.failed || write_file(made, &text, &err) < 0 || (rename(made, path) < 0 && fail_sys(&err, CORAX_E_IO, "%s", path)))
        log_warn("mcp %s: the login is not kept: %s", s->config->name, text.failed ? "it is too long" : err.msg);
    if (text.len > 0)
        explicit_bzero(text.data, text.len);
    buf_finish(&text);
}

int foreign_login(struct foreign *f, const char *name, const struct json *params, foreign_login_done *done, void *arg, struct err *err)
{
    struct foreign_server *s = find(f, name);
    struct buf line;
    struct jsonw w;
    bool sent;

    if (s == NULL)
        return fail(err, CORAX_E_NOTFOUND, "there is no MCP server \"%.40s\" in corax.conf", name);
    if (!foreign_server_is_http(s))
        return fail(err, CORAX_E_ARGS, "%s is a program: there is nothing to log in to", s->config->name);
    if (s->login.id)
        return fail(err, CORAX_E_LIMIT, "somebody is logging in to %s already", s->config->name);
    s->login = (struct foreign_login_call){ .id = s->next_id++, .done = done, .arg = arg };
    buf_init(&line, RPC_MAX_LINE);
    w = rpc_request_start(&line, s->login.id, "egress/login");
    for (const struct json *m = json_first(params); m; m = json_next(m))
        jsonw_value(&w, json_key(m), m);
    rpc_end(&w);
    sent = link_send(s->link, &line);
    buf_finish(&line);
    if (sent)
        return 0;
    s->login.id = 0;
    return fail(err, CORAX_E_UNAVAIL, "corax-egress is not running: %s", link_last_error(s->link) ? link_last_error(s->link) : "it is being started");
}

/* --- starting ------------------------------------------------------------------------------------------------------- */

struct words {
    size_t n;
    const char *at[4 * CONFIG_MAX_LIST];
    char names[64][128]; /* of variables */
};

static void add(struct words *v, const char *a, const char *b)
{
    v->at[v->n++] = a;
    if (b)
        v->at[v->n++] = b;
}

/* corax-box run … -- PROGRAM: what the server may have is said there; its variables by name, so that their values stand in no list of
 * processes. */
static void build_argv(struct words *v, const struct config *c, const struct foreign_server_config *s, char memory[16])
{
    add(v, c->box_path, "run");
    if (c->strict)
        add(v, "--strict", NULL);
    add(v, "--die-with-parent", "--scratch"); /* one that hangs would not see that coraxd is gone */
    if (s->url || s->network)
        add(v, "--network", NULL);
    if (s->memory_mb > 0) {
        snprintf(memory, 16, "%d", s->memory_mb);
        add(v, "--memory", memory);
    }
    for (size_t i = 0; i < s->env.n && i < sizeof(v->names) / sizeof(*v->names); i++) {
        snprintf(v->names[i], sizeof(v->names[i]), "%.*s", (int)strcspn(s->env.at[i], "="), s->env.at[i]);
        add(v, "--env", v->names[i]);
    }
    for (size_t i = 0; i < s->files.n; i++)
        add(v, "--ro", s->files.at[i]);
    add(v, "--", NULL);
    if (s->url)
        add(v, c->egress_path, NULL);
    for (size_t i = 0; i < s->command.n; i++)
        add(v, s->command.at[i], NULL);
    v->at[v->n] = NULL;
}

static int set_env(struct foreign_server *s, struct err *err)
{
    static const char *const usual[] = { "PATH", "LANG", "TZ" };
    const char *envp[CONFIG_MAX_LIST + 4];
    char own[3][512];
    size_t n = 0;

    for (; n < s->config->env.n; n++)
        envp[n] = s->config->env.at[n];
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(usual[i]);

        snprintf(own[i], sizeof(own[i]), "%s=%s", usual[i], value ? value : "");
        if (value && strlen(value) < sizeof(own[i]) - 6)
            envp[n++] = own[i];
    }
    envp[n] = NULL;
    return link_set_env(s->link, envp, err);
}

static int server_init(struct foreign *f, struct foreign_server *s, const struct foreign_server_config *config, struct err *err)
{
    struct words v = { 0 };
    char name[64], memory[16];

    TAILQ_INIT(&s->calls);
    s->foreign = f;
    s->config = config;
    s->next_id = 1;
    s->timer = evtimer_new(f->base, foreign_server_timer, s);
    s->relist = evtimer_new(f->base, foreign_server_relist, s);
    if (s->timer == NULL || s->relist == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    snprintf(name, sizeof(name), "mcp %s", config->name);
    build_argv(&v, f->config, config, memory);
    s->link = link_create(f->base, name, f->config->box_path, v.at, &foreign_link_ops, s, err);
    return s->link ? set_env(s, err) : -1;
}

struct foreign *foreign_create(struct event_base *base, const struct config *config, struct registry *registry, const struct foreign_ops *ops,
                               void *arg, struct err *err)
{
    const struct foreign_config *c = config->foreign;
    const struct timeval settle = { .tv_sec = SETTLE_MS / 1000 };
    struct foreign *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    f->base = base;
    f->config = config;
    f->registry = registry;
    f->ops = ops;
    f->arg = arg;
    f->later = event_new(base, -1, 0, on_later, f);
    f->settle = evtimer_new(base, on_settle, f);
    f->at = calloc((c ? c->n : 0) + 1, sizeof(*f->at));
    if (f->later == NULL || f->settle == NULL || f->at == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        goto failed;
    }
    for (size_t i = 0; c && i < c->n; i++) {
        f->n++;
        f->n_unsettled++;
        if (server_init(f, &f->at[i], &c->at[i], err) < 0)
            goto failed;
    }
    for (size_t i = 0; i < f->n; i++)
        link_start(f->at[i].link);
    if (f->n == 0)
        event_active(f->later, EV_TIMEOUT, 0);
    else
        event_add(f->settle, &settle);
    return f;
failed:
    foreign_destroy(f);
    return NULL;
}

void foreign_stop(struct foreign *f)
{
    struct err err = { 0 };

    fail(&err, CORAX_E_UNAVAIL, "the daemon is ending");
    for (size_t i = 0; f && i < f->n; i++) {
        const struct foreign_login_call login = f->at[i].login;

        f->at[i].login.id = 0;
        if (login.id)
            login.done(login.arg, NULL, &err);
    }
}

void foreign_destroy(struct foreign *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->n; i++) {
        struct foreign_server *s = &f->at[i];

        link_destroy(s->link);
        while (!TAILQ_EMPTY(&s->calls))
            foreign_call_destroy(TAILQ_FIRST(&s->calls));
        if (s->timer)
            event_free(s->timer);
        if (s->relist)
            event_free(s->relist);
    }
    if (f->later)
        event_free(f->later);
    if (f->settle)
        event_free(f->settle);
    free(f->at);
    free(f);
}

/* --- /healthz ------------------------------------------------------------------------------------------------------- */

bool foreign_write_health(const struct foreign *f, struct jsonw *w)
{
    static const char *const names[] = { "down", "starting", "starting", "starting", "ready", "unauthorized" };
    const struct foreign_call *c;
    bool good = true;

    jsonw_array(w, "mcp_servers");
    for (size_t i = 0; i < f->n; i++) {
        const struct foreign_server *s = &f->at[i];
        int queued = 0;

        TAILQ_FOREACH(c, &s->calls, link)
            queued += c->id == 0;
        good = good && link_failures(s->link) == 0 && s->state != FOREIGN_UNAUTHORIZED;
        jsonw_object(w, NULL);
        jsonw_text(w, "name", s->config->name);
        jsonw_text(w, "transport", foreign_server_is_http(s) ? "http" : "stdio");
        jsonw_text(w, "at", foreign_server_is_http(s) ? s->config->url : s->config->command.at[0]);
        jsonw_text(w, "state", names[s->state]);
        jsonw_text(w, "version", s->version[0] ? s->version : NULL);
        jsonw_text(w, "server", s->title[0] ? s->title : NULL);
        jsonw_int(w, "pid", link_pid(s->link));
        jsonw_int(w, "tools", s->n_tools);
        jsonw_int(w, "calls", s->n_under_way);
        jsonw_int(w, "queued", queued);
        jsonw_int(w, "restarts", link_restarts(s->link));
        jsonw_text(w, "error", s->trouble[0] ? s->trouble : link_last_error(s->link));
        jsonw_end(w);
    }
    jsonw_end(w);
    return good;
}
