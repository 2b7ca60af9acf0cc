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
#include "daemon/foreign_config.h"
#include "daemon/host.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/rpc.h"

#define HOPELESS      3     /* ends in a row after which calls fail at once */
#define GROW_MS       50    /* so long a call waits for hosts that are busy, before there is another one */
#define SHRINK_MS     60000 /* so long a host that is not the first may have nothing to do */
#define ID_FIRST_CALL 16

struct queued_call {
    struct host_call base; /* first */
    TAILQ_ENTRY(queued_call) link;
    struct plugin *plugin;
    struct process *on; /* NULL: waits */
    char *tool, *args;
    size_t args_len;
    struct host_terms terms;
    int64_t queued_ms, started_ns;
    bool exec; /* its tool declares that it runs programs */
    host_done *done;
    void *arg;
    struct err err; /* set: fails from the loop */
};

/* One of a plugin's hosts. */
struct process {
    struct plugin *plugin;
    struct host *host;
    struct queued_call *call; /* under way; NULL: none */
};

struct plugin {
    struct hosts *hosts;
    char *path;
    char provider[REGISTRY_MAX_PROVIDER + 1];
    bool listed; /* its tools are in the registry */
    bool settled;
    int n_tools;
    size_t n; /* hosts; the first lives as long as coraxd does */
    struct process *at[CONFIG_MAX_HOSTS];
    TAILQ_HEAD(queued_calls, queued_call) calls; /* as they came, those under way too */
    struct event *grow;                          /* when the first that waits has waited long enough */
};

struct hosts {
    struct event_base *base;
    const struct config *config;
    struct registry *registry;
    struct exec *exec;
    size_t n;
    struct plugin *at;
    size_t n_unsettled;
    void (*settled)(void *arg);
    void *arg;
    struct event *later;  /* failures of calls, and settled() when there is no host */
    struct event *shrink; /* while a plugin has more than one host */
    bool told;
    int64_t next_id;
};

static int add_process(struct plugin *p, struct err *err);

static void settle(struct plugin *p)
{
    if (p->settled)
        return;
    p->settled = true;
    if (--p->hosts->n_unsettled == 0)
        event_active(p->hosts->later, EV_TIMEOUT, 0);
}

static void call_destroy(struct queued_call *c)
{
    if (c->on)
        c->on->call = NULL;
    TAILQ_REMOVE(&c->plugin->calls, c, link);
    free(c->tool);
    free(c->args);
    free(c);
}

static void call_fail(struct queued_call *c)
{
    host_done *done = c->done;
    void *arg = c->arg;
    int64_t duration_us = c->started_ns ? (clock_mono_ns() - c->started_ns) / 1000 + 1 : 0;
    struct err err = c->err;

    call_destroy(c);
    done(arg, NULL, duration_us, &err);
}

static struct plugin *find_plugin(struct hosts *hs, const char *provider)
{
    for (size_t i = 0; i < hs->n; i++)
        if (strcmp(hs->at[i].provider, provider) == 0)
            return &hs->at[i];
    return NULL;
}

/* --- which host -------------------------------------------------------------------------------------------------- */

static bool waits(const struct queued_call *c)
{
    return c->on == NULL && c->err.status == 0;
}

/* A plugin may keep what it was given: it must not come to those who may not see it, nor to those who trust what they see. */
static bool may_serve(const struct host *h, const struct queued_call *c)
{
    return !host_has_served(h) || (!c->terms.fresh && label_is_within(host_given(h), c->terms.context));
}

/* It serves, and may be given what it is given again and again: it gets no worse by this call. */
static bool is_like(const struct host *h, const struct queued_call *c)
{
    return host_has_served(h) && may_serve(h, c) && label_is_within(c->terms.context, host_given(h));
}

/*
 * One that got no worse by the call, if there is one; where such a one is busy the others are spared, for calls that they alone may
 * have, until GROW_MS are over.  NULL: none of those that are idle.
 */
static struct process *choose(const struct plugin *p, const struct queued_call *c)
{
    struct process *best = NULL;
    bool like_is_busy = false;

    for (size_t i = 0; i < p->n; i++) {
        struct process *x = p->at[i];

        if (is_like(x->host, c)) {
            if (host_is_idle(x->host))
                return x;
            like_is_busy = like_is_busy || host_is_busy(x->host);
        } else if (best == NULL && host_is_idle(x->host) && may_serve(x->host, c)) {
            best = x;
        }
    }
    return like_is_busy && clock_mono_ms() - c->queued_ms < GROW_MS ? NULL : best;
}

static void give(struct process *x, struct queued_call *c)
{
    const struct host_request r = { .id = x->plugin->hosts->next_id++,
                                    .tool = c->tool,
                                    .args = c->args,
                                    .args_len = c->args_len,
                                    .deadline_ms = c->terms.deadline_ms,
                                    .context = c->terms.context,
                                    .fresh = c->terms.fresh,
                                    .exec = c->exec,
                                    .talks = c->terms.talk != NULL };

    c->on = x;
    x->call = c;
    c->started_ns = clock_mono_ns();
    if (host_call(x->host, &r, &c->err) < 0) {
        c->on = NULL;
        x->call = NULL;
        c->started_ns = 0;
        event_active(x->plugin->hosts->later, EV_TIMEOUT, 0);
    }
}

static void grow_later(struct plugin *p, int64_t ms)
{
    const struct timeval tv = { .tv_sec = 0, .tv_usec = (ms > 0 ? ms : 1) * 1000 };

    if (!evtimer_pending(p->grow, NULL))
        evtimer_add(p->grow, &tv);
}

/*
 * The first call that waits finds no host.  Another one is started where no other may have it, or where it has waited for busy
 * ones for long; if there are as many as there may be, one that is idle is started anew for it.
 */
static void make_room(struct plugin *p, const struct queued_call *c)
{
    const int64_t left_ms = GROW_MS - (clock_mono_ms() - c->queued_ms);
    struct process *idle = NULL;
    bool starting = false, may = false;
    struct err err = { 0 };

    for (size_t i = 0; i < p->n; i++) {
        const struct host *h = p->at[i]->host;

        if (host_is_idle(h))
            idle = p->at[i];
        else if (!host_is_busy(h))
            starting = true;
        else
            may = may || may_serve(h, c);
    }
    if (starting)
        return;
    if (may && left_ms > 0) {
        grow_later(p, left_ms);
    } else if (p->n < (size_t)p->hosts->config->host_processes) {
        if (add_process(p, &err) < 0)
            log_warn("%s", err.msg);
    } else if (idle) {
        host_restart(idle->host, "its next call is for a host that knows nothing");
    }
}

/* Gives calls to the hosts that are idle, in their order as far as labels let them. */
static void dispatch(struct plugin *p)
{
    const struct queued_call *first = NULL;
    struct queued_call *c;
    size_t n_idle = 0;

    for (size_t i = 0; i < p->n; i++)
        n_idle += host_is_idle(p->at[i]->host);
    TAILQ_FOREACH(c, &p->calls, link)
    {
        struct process *x = waits(c) && n_idle > 0 ? choose(p, c) : NULL;

        if (x) {
            give(x, c);
            n_idle--;
        } else if (first == NULL && waits(c)) {
            first = c;
        }
        if (n_idle == 0 && first)
            break;
    }
    if (first)
        make_room(p, first);
}

static void on_grow(evutil_socket_t fd, short what, void *arg)
{
    dispatch(arg);
}

/* --- what the hosts say ------------------------------------------------------------------------------------------ */

static int on_greeted(void *arg, const struct mcp_server *server, struct err *err)
{
    struct plugin *p = ((struct process *)arg)->plugin;
    const char *slash = strrchr(p->path, '/');
    const struct plugin *other;

    if (p->listed)
        return 0;
    if (p->provider[0] == '\0') {
        snprintf(p->provider, sizeof(p->provider), "%s", server->name[0] ? server->name : slash ? slash + 1 : p->path);
        if (server->name[0] == '\0')
            p->provider[strcspn(p->provider, ".")] = '\0';
    }
    if (strcmp(p->provider, BUILTIN_PROVIDER) == 0) {
        fail(err, CORAX_E_ARGS, "a plugin cannot be called \"" BUILTIN_PROVIDER "\": so are the daemon's own tools");
        p->provider[0] = '\0';
        return -1;
    }
    if (foreign_config_has(p->hosts->config->foreign, p->provider)) {
        fail(err, CORAX_E_ARGS, "a server of mcp_servers has the plugin's name, %s: rename that", p->provider);
        p->provider[0] = '\0';
        return -1;
    }
    other = find_plugin(p->hosts, p->provider);
    if (other != p) {
        fail(err, CORAX_E_ARGS, "the plugin %s is there already, from %s", other->provider, other->path);
        p->provider[0] = '\0';
        return -1;
    }
    p->n_tools = 0;
    return 1;
}

static int on_tools(void *arg, const struct json *list, struct err *err)
{
    struct plugin *p = ((struct process *)arg)->plugin;
    const int n = registry_add_list(p->hosts->registry, p->provider, true, list, err);

    if (n < 0)
        return -1;
    p->n_tools += n;
    return 0;
}

static void on_listed(void *arg)
{
    struct plugin *p = ((struct process *)arg)->plugin;

    p->listed = true;
    log_info("host %s: %d tools", p->provider, p->n_tools);
    settle(p);
}

static void on_idle(void *arg)
{
    dispatch(((struct process *)arg)->plugin);
}

static void on_ended(void *arg, const struct tool_result *result, int64_t duration_us, const struct err *err)
{
    struct queued_call *c = ((struct process *)arg)->call;
    host_done *done = c->done;
    void *done_arg = c->arg;

    call_destroy(c);
    done(done_arg, result, duration_us, err);
}

static void on_noted(void *arg, const struct rpc_msg *msg)
{
    const struct queued_call *c = ((struct process *)arg)->call;

    c->terms.talk->noted(c->arg, msg);
}

static int on_asked(void *arg, const struct json *params, struct err *err)
{
    const struct queued_call *c = ((struct process *)arg)->call;

    return c->terms.talk->asked(c->arg, params, err);
}

/* No host of the plugin is up, and each has failed too often. */
static bool is_hopeless(const struct plugin *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (host_failures(p->at[i]->host) < HOPELESS)
            return false;
    return true;
}

static void on_down(void *arg, bool listing, const char *why, const struct err *err)
{
    struct process *x = arg;
    struct plugin *p = x->plugin;
    struct queued_call *c = x->call;

    if (listing && p->provider[0]) {
        registry_remove_provider(p->hosts->registry, p->provider); /* a list that broke off half-way */
        p->provider[0] = '\0';
    }
    settle(p);
    if (c && err) {
        x->call = NULL;
        c->on = NULL;
        c->err = *err;
        if (c->err.status == 0)
            fail(&c->err, CORAX_E_INTERNAL, "the plugin %s broke down during the call: it %s", p->provider, why);
    }
    if (is_hopeless(p))
        TAILQ_FOREACH(c, &p->calls, link)
    if (waits(c))
        fail(&c->err, CORAX_E_UNAVAIL, "the plugin %s does not start: it %s", p->provider, why);
    event_active(p->hosts->later, EV_TIMEOUT, 0);
}

/* --- all of them ------------------------------------------------------------------------------------------------ */

static struct queued_call *next_failed(struct hosts *hs)
{
    struct queued_call *c;

    for (size_t i = 0; i < hs->n; i++)
        TAILQ_FOREACH(c, &hs->at[i].calls, link)
    if (c->err.status != 0)
        return c;
    return NULL;
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct hosts *hs = arg;
    struct queued_call *c;

    while ((c = next_failed(hs)) != NULL)
        call_fail(c);
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

static void shrink_later(struct hosts *hs)
{
    const struct timeval tv = { .tv_sec = SHRINK_MS / 2000 };

    if (!evtimer_pending(hs->shrink, NULL))
        evtimer_add(hs->shrink, &tv);
}

static bool is_spare(const struct host *h)
{
    return host_idle_ms(h) >= SHRINK_MS || host_failures(h) >= HOPELESS;
}

static void process_destroy(struct process *x)
{
    if (x)
        host_destroy(x->host);
    free(x);
}

static void on_shrink(evutil_socket_t fd, short what, void *arg)
{
    struct hosts *hs = arg;

    for (size_t i = 0; i < hs->n; i++) {
        struct plugin *p = &hs->at[i];
        size_t n = p->n > 0;

        for (size_t k = 1; k < p->n; k++)
            if (is_spare(p->at[k]->host))
                process_destroy(p->at[k]);
            else
                p->at[n++] = p->at[k];
        p->n = n;
        if (n > 1)
            shrink_later(hs);
    }
}

static int add_process(struct plugin *p, struct err *err)
{
    static const struct host_ops ops = { on_greeted, on_tools, on_listed, on_idle, on_ended, on_down, on_noted, on_asked };
    struct hosts *hs = p->hosts;
    struct process *x = calloc(1, sizeof(*x));
    struct host_argv v = { 0 };
    const char *slash = strrchr(p->path, '/');
    char name[128];
    int rc;

    if (x == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    x->plugin = p;
    snprintf(name, sizeof(name), "host %s", slash ? slash + 1 : p->path);
    rc = build_argv(&v, hs->config, p->path, err);
    if (rc == 0)
        x->host = host_create(hs->base, hs->exec, name, hs->config->box_path, v.at, &ops, x, err);
    for (size_t i = 0; i < v.n_owned; i++)
        free(v.owned[i]);
    if (x->host == NULL) {
        free(x);
        return -1;
    }
    p->at[p->n++] = x;
    host_start(x->host);
    if (p->n > 1)
        shrink_later(hs);
    return 0;
}

static int plugin_init(struct hosts *hs, struct plugin *p, const char *path, struct err *err)
{
    TAILQ_INIT(&p->calls);
    p->hosts = hs;
    p->path = strdup(path);
    p->grow = evtimer_new(hs->base, on_grow, p);
    if (p->path == NULL || p->grow == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    return add_process(p, err);
}

struct hosts *hosts_create(struct event_base *base, const struct config *config, struct registry *registry,
                           void (*settled)(void *arg), void *arg, struct err *err)
{
    struct hosts *hs = calloc(1, sizeof(*hs));
    struct config_list paths = { 0 };
    struct err why = { 0 };

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
    hs->shrink = evtimer_new(base, on_shrink, hs);
    hs->at = calloc(paths.n + 1, sizeof(*hs->at));
    if ((hs->exec = exec_create(base, config, err)) == NULL)
        goto failed;
    if (hs->later == NULL || hs->shrink == NULL || hs->at == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        goto failed;
    }
    for (size_t i = 0; i < paths.n; i++) {
        hs->n++;
        hs->n_unsettled++;
        if (plugin_init(hs, &hs->at[i], paths.at[i], err) < 0)
            goto failed;
    }
    config_list_clear(&paths);
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
    if (hs == NULL)
        return;
    for (size_t i = 0; i < hs->n; i++) {
        struct plugin *p = &hs->at[i];

        while (p->n > 0)
            process_destroy(p->at[--p->n]);
        while (!TAILQ_EMPTY(&p->calls)) {
            TAILQ_FIRST(&p->calls)->on = NULL;
            call_destroy(TAILQ_FIRST(&p->calls));
        }
        if (p->grow)
            event_free(p->grow);
        free(p->path);
    }
    exec_destroy(hs->exec);
    if (hs->shrink)
        event_free(hs->shrink);
    if (hs->later)
        event_free(hs->later);
    free(hs->at);
    free(hs);
}

static void cancel(struct host_call *base)
{
    struct queued_call *c = (struct queued_call *)base;
    struct process *x = c->on;

    call_destroy(c);
    if (x)
        host_restart(x->host, "its call was cancelled");
}

static void answer(struct host_call *base, const struct buf *responses, const struct err *why)
{
    const struct queued_call *c = (const struct queued_call *)base;

    if (c->on)
        host_answer(c->on->host, responses, why);
}

struct host_call *hosts_call(struct hosts *hs, const char *provider, const char *tool, const char *args,
                             size_t args_len, const struct host_terms *terms, host_done *done, void *arg,
                             struct err *err)
{
    struct plugin *p = find_plugin(hs, provider);
    const struct tool *known = registry_find(hs->registry, tool);
    struct queued_call *c;

    if (p == NULL) {
        fail(err, CORAX_E_UNAVAIL, "the plugin %s is not there any more", provider);
        return NULL;
    }
    if (is_hopeless(p)) {
        fail(err, CORAX_E_UNAVAIL, "the plugin %s does not start: it %s", provider, host_last_error(p->at[0]->host));
        return NULL;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    c->base.cancel = cancel;
    c->base.answer = answer;
    c->plugin = p;
    c->terms = *terms;
    c->exec = known && known->declared && (known->effects & CORAX_FX_EXEC) && strcmp(known->provider, provider) == 0;
    c->done = done;
    c->arg = arg;
    c->queued_ms = clock_mono_ms();
    c->args_len = args_len;
    c->tool = strdup(tool);
    c->args = malloc(args_len + 1);
    TAILQ_INSERT_TAIL(&p->calls, c, link);
    if (c->tool == NULL || c->args == NULL) {
        call_destroy(c);
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    memcpy(c->args, args, args_len);
    c->args[args_len] = '\0';
    dispatch(p);
    return &c->base;
}

void host_cancel(struct host_call *c)
{
    c->cancel(c);
}

void host_call_answer(struct host_call *c, const struct buf *responses, const struct err *why)
{
    if (c->answer)
        c->answer(c, responses, why);
}

/* The state of most use: "busy" before "ready", "starting" and "down". */
static const char *plugin_state(const struct plugin *p)
{
    static const char *const names[] = { "busy", "ready", "starting" };

    for (size_t s = 0; s < sizeof(names) / sizeof(names[0]); s++)
        for (size_t i = 0; i < p->n; i++)
            if (strcmp(host_state_name(p->at[i]->host), names[s]) == 0)
                return names[s];
    return "down";
}

static void write_plugin(const struct plugin *p, struct jsonw *w)
{
    const struct queued_call *c;
    const char *error = NULL;
    unsigned restarts = 0;
    int n = 0;

    TAILQ_FOREACH(c, &p->calls, link)
    n += waits(c);
    jsonw_object(w, NULL);
    jsonw_text(w, "plugin", p->provider[0] ? p->provider : NULL);
    jsonw_text(w, "path", p->path);
    jsonw_text(w, "state", plugin_state(p));
    jsonw_int(w, "pid", host_pid(p->at[0]->host));
    jsonw_int(w, "tools", p->n_tools);
    jsonw_int(w, "queued", n);
    jsonw_array(w, "processes");
    for (size_t i = 0; i < p->n; i++) {
        const struct host *h = p->at[i]->host;

        jsonw_object(w, NULL);
        jsonw_int(w, "pid", host_pid(h));
        jsonw_bool(w, "busy", host_is_busy(h));
        jsonw_text(w, "integrity", integrity_name(host_given(h).integrity));
        jsonw_text(w, "confidentiality", confidentiality_name(host_given(h).confidentiality));
        jsonw_end(w);
        restarts += host_restarts(h);
        error = error ? error : host_last_error(h);
    }
    jsonw_end(w);
    jsonw_int(w, "restarts", restarts);
    jsonw_text(w, "error", error);
    jsonw_end(w);
}

bool hosts_write_health(const struct hosts *hs, struct jsonw *w)
{
    bool good = true;

    jsonw_array(w, "hosts");
    for (size_t i = 0; i < hs->n; i++) {
        for (size_t k = 0; k < hs->at[i].n; k++)
            good = good && host_failures(hs->at[i].at[k]->host) == 0;
        write_plugin(&hs->at[i], w);
    }
    jsonw_end(w);
    exec_write_health(hs->exec, w);
    return good;
}
