#include "daemon/hosts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "daemon/builtins.h"
#include "daemon/exec.h"
#include "daemon/link.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/rpc.h"

#define START_MS      10000 /* for the answers to discover and list */
#define GRACE_MS      100   /* a plugin that watches its deadline ends by itself in this time */
#define RESULT_ARENA  (8u << 20)
#define MAX_PAGES     1000 /* of tools/list */
#define HOPELESS      3    /* ends in a row after which calls fail at once */
#define ID_DISCOVER   1
#define ID_LIST       2
#define ID_FIRST_CALL 16
#define MAX_ID        64 /* bytes of the id of a host's request */
#define SERVICE       "corax/exec"

enum host_state { HOST_DOWN, HOST_DISCOVER, HOST_INITIALIZE, HOST_LIST, HOST_IDLE, HOST_BUSY };

struct host_call {
    TAILQ_ENTRY(host_call) link;
    struct host *host;
    int64_t id; /* 0: waits in the queue */
    char *tool, *args;
    size_t args_len;
    struct host_terms terms;
    int64_t started_ns;
    bool exec; /* its tool declares that it runs programs */
    host_done *done;
    void *arg;
    struct err err; /* set: fails from the loop */
};

struct host {
    struct hosts *hosts;
    char *path;
    char provider[REGISTRY_MAX_PROVIDER + 1];
    struct link *link;
    enum host_state state;
    enum mcp_era era;
    bool served;        /* since it was started last */
    struct label given; /* the worst of what it was given since then */
    bool listed; /* its tools are in the registry */
    bool settled;
    int n_pages, n_tools;
    TAILQ_HEAD(host_calls, host_call) calls; /* the first is under way when busy */
    struct event *deadline;                  /* of the call under way, or of the start */
    struct exec_run *run;                    /* that the call under way waits for; NULL: none */
    char run_id[MAX_ID + 1];                 /* JSON text of the host's request */
};

struct hosts {
    struct event_base *base;
    const struct config *config;
    struct registry *registry;
    struct exec *exec;
    size_t n;
    struct host *at;
    size_t n_unsettled;
    void (*settled)(void *arg);
    void *arg;
    struct event *later; /* failures of hosts_call, and settled() when there is no host */
    bool told;
    int64_t next_id;
};

static void set_deadline(struct host *h, int64_t ms)
{
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    event_add(h->deadline, &tv);
}

static void settle(struct host *h)
{
    if (h->settled)
        return;
    h->settled = true;
    if (--h->hosts->n_unsettled == 0)
        event_active(h->hosts->later, EV_TIMEOUT, 0);
}

static void call_destroy(struct host_call *c)
{
    TAILQ_REMOVE(&c->host->calls, c, link);
    free(c->tool);
    free(c->args);
    free(c);
}

static void call_fail(struct host_call *c, const struct err *err)
{
    host_done *done = c->done;
    void *arg = c->arg;
    int64_t duration_us = c->started_ns ? (clock_mono_ns() - c->started_ns) / 1000 + 1 : 0;
    struct err copy = *err;

    call_destroy(c);
    done(arg, NULL, duration_us, &copy);
}

static void end_run(struct host *h)
{
    exec_cancel(h->run);
    h->run = NULL;
}

/* A plugin may keep what it was given: it must not come to those who may not see it, nor to those who trust what they see. */
static bool must_start_anew(const struct host *h, const struct host_call *c)
{
    return h->served && (c->terms.fresh || !label_is_within(h->given, c->terms.context));
}

/* Sends the first call in the queue, if the host is idle. */
static void send_next(struct host *h)
{
    static const char *const services[] = { "exec", NULL };
    struct host_call *c = TAILQ_FIRST(&h->calls);
    struct buf line;

    while (c && c->err.status != 0)
        c = TAILQ_NEXT(c, link);
    if (c == NULL || h->state != HOST_IDLE)
        return;
    if (must_start_anew(h, c)) {
        link_kill(h->link, true, "its next call is for a host that knows nothing");
        return;
    }
    h->served = true;
    h->given = label_join(h->given, c->terms.context);
    c->id = h->hosts->next_id++;
    c->started_ns = clock_mono_ns();
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_call(&line, h->era, c->id, c->tool, c->args, c->args_len, c->terms.deadline_ms, c->exec ? services : NULL);
    if (line.failed) {
        fail(&c->err, CORAX_E_LIMIT, "the arguments are too large to be sent (%zu bytes)", c->args_len);
        c->id = 0;
        c->started_ns = 0;
        event_active(h->hosts->later, EV_TIMEOUT, 0);
    } else {
        h->state = HOST_BUSY;
        set_deadline(h, c->terms.deadline_ms + GRACE_MS);
        if (!link_send(h->link, &line))
            link_kill(h->link, false, "it does not read what it is sent");
        else if (c->exec)
            exec_prepare(h->hosts->exec); /* it gets ready while the plugin does */
    }
    buf_finish(&line);
}

static struct host_call *under_way(struct host *h)
{
    struct host_call *c;

    for (c = TAILQ_FIRST(&h->calls); c; c = TAILQ_NEXT(c, link))
        if (c->id)
            return c;
    return NULL;
}

static struct host *find_host(struct hosts *hs, const char *provider)
{
    size_t i;

    for (i = 0; i < hs->n; i++)
        if (strcmp(hs->at[i].provider, provider) == 0)
            return &hs->at[i];
    return NULL;
}

static void idle(struct host *h)
{
    event_del(h->deadline);
    end_run(h);
    h->state = HOST_IDLE;
    send_next(h);
}

/* --- what the host says ---------------------------------------------------------------------------------------- */

static void on_up(void *arg)
{
    struct host *h = arg;
    struct buf line;

    h->state = HOST_DISCOVER;
    h->served = false;
    h->given = (struct label){ TRUSTED, PUBLIC };
    set_deadline(h, START_MS);
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_discover(&line, ID_DISCOVER);
    link_send(h->link, &line);
    buf_finish(&line);
}

static int ask_for_tools(struct host *h, const char *cursor, struct err *err)
{
    struct buf line;
    bool sent;

    if (h->n_pages++ >= MAX_PAGES)
        return fail(err, CORAX_E_LIMIT, "tools/list has more than %d pages", MAX_PAGES);
    h->state = HOST_LIST;
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_list(&line, h->era, ID_LIST, cursor);
    sent = link_send(h->link, &line);
    buf_finish(&line);
    return sent ? 0 : fail(err, CORAX_E_IO, "tools/list cannot be sent");
}

static int greeted(struct host *h, const struct mcp_server *server, struct err *err)
{
    const char *slash = strrchr(h->path, '/');
    const struct host *other;

    h->era = server->era;
    if (h->provider[0] == '\0') {
        snprintf(h->provider, sizeof(h->provider), "%s", server->name[0] ? server->name : slash ? slash + 1 : h->path);
        if (server->name[0] == '\0')
            h->provider[strcspn(h->provider, ".")] = '\0';
    }
    if (h->listed) {
        link_works(h->link);
        idle(h);
        return 0;
    }
    if (strcmp(h->provider, BUILTIN_PROVIDER) == 0) {
        fail(err, CORAX_E_ARGS, "a plugin cannot be called \"" BUILTIN_PROVIDER "\": so are the daemon's own tools");
        h->provider[0] = '\0';
        return -1;
    }
    other = find_host(h->hosts, h->provider);
    if (other != h) {
        fail(err, CORAX_E_ARGS, "the plugin %s is there already, from %s", other->provider, other->path);
        h->provider[0] = '\0';
        return -1;
    }
    h->n_pages = h->n_tools = 0;
    return ask_for_tools(h, NULL, err);
}

static int read_discover(struct host *h, const struct rpc_msg *msg, struct err *err)
{
    struct mcp_server server = { 0 };
    struct buf line;

    if (mcp_read_discover(msg, &server, NULL) == 0)
        return greeted(h, &server, err);
    h->state = HOST_INITIALIZE;
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_initialize(&line, ID_DISCOVER);
    link_send(h->link, &line);
    buf_finish(&line);
    return 0;
}

static int read_initialize(struct host *h, const struct rpc_msg *msg, struct err *err)
{
    struct mcp_server server = { 0 };
    struct buf line;

    if (mcp_read_initialize(msg, &server, err) < 0)
        return -1;
    buf_init(&line, RPC_MAX_LINE);
    mcp_write_initialized(&line);
    link_send(h->link, &line);
    buf_finish(&line);
    return greeted(h, &server, err);
}

static int read_list(struct host *h, const struct rpc_msg *msg, struct err *err)
{
    const char *next;
    int n;

    if (mcp_read_list(msg, &next, err) < 0)
        return -1;
    n = registry_add_list(h->hosts->registry, h->provider, true, msg->result, err);
    if (n < 0)
        return -1;
    h->n_tools += n;
    if (next)
        return ask_for_tools(h, next, err);
    h->listed = true;
    link_works(h->link);
    log_info("host %s: %d tools", h->provider, h->n_tools);
    settle(h);
    idle(h);
    return 0;
}

static void take_result(struct host *h, struct host_call *c, const struct rpc_msg *msg)
{
    struct arena *arena = arena_create(RESULT_ARENA);
    struct tool_result result = { 0 };
    struct err err = { 0 };
    host_done *done = c->done;
    void *arg = c->arg;
    int64_t duration_us = (clock_mono_ns() - c->started_ns) / 1000;
    bool fresh;
    int rc = arena ? mcp_read_result(msg, arena, &result, &err) : fail(&err, CORAX_E_INTERNAL, "no memory");

    link_served(h->link);
    fresh = c->terms.fresh;
    call_destroy(c);
    if (fresh)
        link_kill(h->link, true, "it was for one call");
    else
        idle(h);
    done(arg, rc == 0 ? &result : NULL, duration_us, &err);
    arena_destroy(arena);
}

/* --- services ----------------------------------------------------------------------------------------------------- */

static int answer_failure(struct host *h, const char *id, size_t id_len, const struct err *why, struct err *err)
{
    struct buf line;
    bool sent;

    buf_init(&line, RPC_MAX_LINE);
    rpc_write_failure(&line, id, id_len, why);
    sent = link_send(h->link, &line);
    buf_finish(&line);
    return sent ? 0 : fail(err, CORAX_E_IO, "it does not read what it is sent");
}

static void on_ran(void *arg, const struct json *ended, const struct err *err)
{
    struct host *h = arg;
    const struct json *m;
    struct err why = *err;
    struct buf line;
    struct jsonw w;

    h->run = NULL;
    buf_init(&line, RPC_MAX_LINE);
    if (ended) {
        w = rpc_result_start(&line, h->run_id, strlen(h->run_id));
        for (m = json_first(ended); m; m = json_next(m))
            jsonw_value(&w, json_key(m), m);
        rpc_end(&w);
        if (line.failed) {
            fail(&why, CORAX_E_LIMIT, "what the program left is too large for one message");
            ended = NULL;
            buf_reset(&line);
        }
    }
    if (ended == NULL)
        rpc_write_failure(&line, h->run_id, strlen(h->run_id), &why);
    if (!link_send(h->link, &line))
        link_kill(h->link, false, "it does not read what it is sent");
    buf_finish(&line);
}

/* A host may ask only while a call of its runs whose tool declares what it asks for: that is what the policy judged. */
static int serve(struct host *h, const struct rpc_msg *msg, struct err *err)
{
    const struct host_call *c = under_way(h);
    struct err why = { 0 };
    int64_t left_ms;

    if (msg->id_len > MAX_ID)
        return fail(err, CORAX_E_ARGS, "a request with an id of more than %d bytes", MAX_ID);
    if (strcmp(msg->method, SERVICE) != 0) {
        fail(&why, CORAX_E_UNAVAIL, "unavailable: coraxd offers no service \"%.40s\"", msg->method);
        return answer_failure(h, msg->id, msg->id_len, &why, err);
    }
    if (h->state != HOST_BUSY || c == NULL || !c->exec) {
        fail(&why, CORAX_E_DENIED, "the tool does not declare the effect exec, so it runs no programs");
        return answer_failure(h, msg->id, msg->id_len, &why, err);
    }
    if (h->run) {
        fail(&why, CORAX_E_LIMIT, "a program runs already: one at a time");
        return answer_failure(h, msg->id, msg->id_len, &why, err);
    }
    left_ms = c->terms.deadline_ms - (clock_mono_ns() - c->started_ns) / 1000000;
    h->run = exec_run(h->hosts->exec, msg->params, left_ms > 1 ? left_ms : 1, on_ran, h, &why);
    if (h->run == NULL)
        return answer_failure(h, msg->id, msg->id_len, &why, err);
    memcpy(h->run_id, msg->id, msg->id_len);
    h->run_id[msg->id_len] = '\0';
    return 0;
}

static int on_message(void *arg, const struct rpc_msg *msg, struct err *err)
{
    struct host *h = arg;
    struct host_call *c = under_way(h);

    if (msg->kind == RPC_NOTIFICATION)
        return 0; /* progress */
    if (msg->kind == RPC_REQUEST)
        return serve(h, msg, err);
    if (h->state == HOST_DISCOVER && msg->id_int == ID_DISCOVER)
        return read_discover(h, msg, err);
    if (h->state == HOST_INITIALIZE && msg->id_int == ID_DISCOVER)
        return read_initialize(h, msg, err);
    if (h->state == HOST_LIST && msg->id_int == ID_LIST)
        return read_list(h, msg, err);
    if (h->state == HOST_BUSY && c && c->id == msg->id_int) {
        take_result(h, c, msg);
        return 0;
    }
    return fail(err, CORAX_E_ARGS, "an answer nobody asked for");
}

static void on_down(void *arg, const char *why)
{
    struct host *h = arg;
    struct host_call *c = under_way(h);

    event_del(h->deadline);
    end_run(h);
    if (h->state == HOST_LIST && h->provider[0]) {
        registry_remove_provider(h->hosts->registry, h->provider); /* a list that broke off half-way */
        h->provider[0] = '\0';
    }
    h->state = HOST_DOWN;
    settle(h);
    if (c) {
        /* A reason is set already when its deadline ended it. */
        if (c->err.status == 0)
            fail(&c->err, CORAX_E_INTERNAL, "the plugin %s broke down during the call: it %s", h->provider, why);
        c->id = 0;
    }
    if (link_failures(h->link) >= HOPELESS)
        for (c = TAILQ_FIRST(&h->calls); c; c = TAILQ_NEXT(c, link))
            if (c->err.status == 0)
                fail(&c->err, CORAX_E_UNAVAIL, "the plugin %s does not start: it %s", h->provider, why);
    event_active(h->hosts->later, EV_TIMEOUT, 0);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct host *h = arg;
    struct host_call *c = under_way(h);
    char why[120];

    if (c == NULL) {
        link_kill(h->link, false, "it did not say in time what it offers");
        return;
    }
    fail(&c->err, CORAX_E_TIMEOUT, "the call took longer than %lld ms and was ended", (long long)c->terms.deadline_ms);
    snprintf(why, sizeof(why), "a call took longer than %lld ms", (long long)c->terms.deadline_ms);
    link_kill(h->link, false, why);
}

/* --- all of them ------------------------------------------------------------------------------------------------ */

static struct host_call *next_failed(struct hosts *hs)
{
    struct host_call *c;
    size_t i;

    for (i = 0; i < hs->n; i++)
        for (c = TAILQ_FIRST(&hs->at[i].calls); c; c = TAILQ_NEXT(c, link))
            if (c->err.status != 0)
                return c;
    return NULL;
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct hosts *hs = arg;
    struct host_call *c;

    while ((c = next_failed(hs)) != NULL)
        call_fail(c, &c->err);
    if (hs->n_unsettled == 0 && !hs->told) {
        hs->told = true;
        hs->settled(hs->arg);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int find_in_folder(const char *folder, struct config_list *out, struct err *err)
{
    DIR *dir = opendir(folder);
    const struct dirent *e;
    char path[4096];
    size_t first = out->n, len;

    if (dir == NULL)
        return fail_sys(err, CORAX_E_NOTFOUND, "plugins: %s", folder);
    while ((e = readdir(dir)) != NULL) {
        len = strlen(e->d_name);
        if (len <= 3 || e->d_name[0] == '.' || strcmp(e->d_name + len - 3, ".so") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (config_list_add(out, path, err) < 0) {
            closedir(dir);
            return err_context(err, "plugins: %s", folder);
        }
    }
    closedir(dir);
    /* The order of a folder is chance; which of two equal names wins should not be. */
    qsort(out->at + first, out->n - first, sizeof(*out->at), by_text);
    return 0;
}

int hosts_find(const struct config *config, struct config_list *out, struct err *err)
{
    struct stat st;
    size_t i;
    int rc;

    for (i = 0; i < config->plugins.n; i++) {
        const char *path = config->plugins.at[i];

        if (stat(path, &st) < 0)
            return fail_sys(err, CORAX_E_NOTFOUND, "plugins: %s", path);
        rc = S_ISDIR(st.st_mode) ? find_in_folder(path, out, err) : config_list_add(out, path, err);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* corax-box run … -- corax-host … PLUGIN: the box in front, so that the plugin's process sees what it is shown. */
struct host_argv {
    size_t n, n_owned;
    const char *at[4 * CONFIG_MAX_LIST];
    char *owned[CONFIG_MAX_LIST];
};

static void add_words(struct host_argv *v, const char *a, const char *b)
{
    v->at[v->n++] = a;
    if (b)
        v->at[v->n++] = b;
}

static int build_argv(struct host_argv *v, const struct config *c, const char *plugin, struct err *err)
{
    size_t i;

    add_words(v, c->box_path, "run");
    if (c->strict)
        add_words(v, "--strict", NULL);
    add_words(v, "--owned", plugin);
    for (i = 0; i < c->roots.n; i++)
        add_words(v, "--root", c->roots.at[i]);
    add_words(v, "--", c->host_path);
    add_words(v, "--boxed", NULL);
    for (i = 0; i < c->roots.n; i++) {
        const char *root = c->roots.at[i];
        int n = (int)strcspn(root, "=");

        if (asprintf(&v->owned[i], "%.*s=/roots/%.*s", n, root, n, root) < 0)
            return fail(err, CORAX_E_INTERNAL, "no memory");
        v->n_owned++;
        add_words(v, "--root", v->owned[i]);
    }
    add_words(v, plugin, NULL);
    v->at[v->n] = NULL;
    return 0;
}

static int host_init(struct hosts *hs, struct host *h, const char *path, struct err *err)
{
    static const struct link_ops ops = { on_up, on_message, on_down };
    struct host_argv v = { 0 };
    const char *slash = strrchr(path, '/');
    char name[128];
    int rc;

    TAILQ_INIT(&h->calls);
    h->hosts = hs;
    h->path = strdup(path);
    h->deadline = evtimer_new(hs->base, on_deadline, h);
    if (h->path == NULL || h->deadline == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    snprintf(name, sizeof(name), "host %s", slash ? slash + 1 : path);
    rc = build_argv(&v, hs->config, path, err);
    if (rc == 0)
        h->link = link_create(hs->base, name, hs->config->box_path, v.at, &ops, h, err);
    for (size_t i = 0; i < v.n_owned; i++)
        free(v.owned[i]);
    return rc == 0 && h->link ? 0 : -1;
}

struct hosts *hosts_create(struct event_base *base, const struct config *config, struct registry *registry,
                           void (*settled)(void *arg), void *arg, struct err *err)
{
    struct hosts *hs = calloc(1, sizeof(*hs));
    struct config_list paths = { 0 };
    struct err why = { 0 };
    size_t i;

    if (hs == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    hs->base = base;
    hs->config = config;
    hs->registry = registry;
    hs->settled = settled;
    hs->arg = arg;
    hs->next_id = ID_FIRST_CALL;
    /* A folder that is missing is no reason to stay down: tasks without tools work. */
    if (hosts_find(config, &paths, &why) < 0)
        log_warn("%s", why.msg);
    hs->later = event_new(base, -1, 0, on_later, hs);
    hs->at = calloc(paths.n + 1, sizeof(*hs->at));
    if ((hs->exec = exec_create(base, config, err)) == NULL)
        goto failed;
    if (hs->later == NULL || hs->at == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        goto failed;
    }
    for (i = 0; i < paths.n; i++) {
        hs->n++;
        hs->n_unsettled++;
        if (host_init(hs, &hs->at[i], paths.at[i], err) < 0)
            goto failed;
    }
    config_list_clear(&paths);
    for (i = 0; i < hs->n; i++)
        link_start(hs->at[i].link);
    if (hs->n == 0)
        event_active(hs->later, EV_TIMEOUT, 0);
    return hs;
failed:
    config_list_clear(&paths);
    hosts_destroy(hs);
    return NULL;
}

void hosts_destroy(struct hosts *hs)
{
    size_t i;

    if (hs == NULL)
        return;
    for (i = 0; i < hs->n; i++) {
        struct host *h = &hs->at[i];

        end_run(h);
        link_destroy(h->link);
        while (!TAILQ_EMPTY(&h->calls))
            call_destroy(TAILQ_FIRST(&h->calls));
        if (h->deadline)
            event_free(h->deadline);
        free(h->path);
    }
    exec_destroy(hs->exec);
    if (hs->later)
        event_free(hs->later);
    free(hs->at);
    free(hs);
}

struct host_call *hosts_call(struct hosts *hs, const char *provider, const char *tool, const char *args,
                             size_t args_len, const struct host_terms *terms, host_done *done, void *arg, struct err *err)
{
    struct host *h = find_host(hs, provider);
    const struct tool *known = registry_find(hs->registry, tool);
    struct host_call *c;

    if (h == NULL) {
        fail(err, CORAX_E_UNAVAIL, "the plugin %s is not there any more", provider);
        return NULL;
    }
    if (h->state == HOST_DOWN && link_failures(h->link) >= HOPELESS) {
        fail(err, CORAX_E_UNAVAIL, "the plugin %s does not start: it %s", provider, link_last_error(h->link));
        return NULL;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    c->host = h;
    c->terms = *terms;
    c->exec = known && known->declared && (known->effects & CORAX_FX_EXEC) && strcmp(known->provider, provider) == 0;
    c->done = done;
    c->arg = arg;
    c->args_len = args_len;
    c->tool = strdup(tool);
    c->args = malloc(args_len + 1);
    TAILQ_INSERT_TAIL(&h->calls, c, link);
    if (c->tool == NULL || c->args == NULL) {
        call_destroy(c);
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    memcpy(c->args, args, args_len);
    c->args[args_len] = '\0';
    send_next(h);
    return c;
}

void host_cancel(struct host_call *c)
{
    struct host *h = c->host;
    bool running = c->id != 0;

    call_destroy(c);
    if (running)
        link_kill(h->link, true, "its call was cancelled");
}

bool hosts_write_health(const struct hosts *hs, struct jsonw *w)
{
    static const char *const names[] = { "down", "starting", "starting", "starting", "ready", "busy" };
    const struct host_call *c;
    bool good = true;
    size_t i;

    jsonw_array(w, "hosts");
    for (i = 0; i < hs->n; i++) {
        const struct host *h = &hs->at[i];
        int n = 0;

        for (c = TAILQ_FIRST(&h->calls); c; c = TAILQ_NEXT(c, link))
            n += c->id == 0;
        good = good && link_failures(h->link) == 0;
        jsonw_object(w, NULL);
        jsonw_text(w, "plugin", h->provider[0] ? h->provider : NULL);
        jsonw_text(w, "path", h->path);
        jsonw_text(w, "state", names[h->state]);
        jsonw_int(w, "pid", link_pid(h->link));
        jsonw_int(w, "tools", h->n_tools);
        jsonw_int(w, "queued", n);
        jsonw_int(w, "restarts", link_restarts(h->link));
        jsonw_text(w, "error", link_last_error(h->link));
        jsonw_end(w);
    }
    jsonw_end(w);
    exec_write_health(hs->exec, w);
    return good;
}
