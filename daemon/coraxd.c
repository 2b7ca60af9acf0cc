/*
 * coraxd - the daemon.
 *
 * Start: options, corax.conf, policies, journal (which refuses a second daemon), socket.  The hosts and the model start
 * beside that, while unfinished tasks are read from the journal; once every plugin has said what it offers, these go on
 * and new ones begin.
 *
 * Reload, on SIGHUP: the configuration and the policies are read again, and taken over if they are good, whole.
 *
 * End, on SIGTERM or SIGINT: nothing new begins and what is under way may end, the model's reply or the call, for some seconds
 * (with stop.mode finish: the whole task, however long); a second signal ends that.  Then the socket goes, the children are
 * killed, the journal finishes what it has and writes its log back.  Tasks that have not ended go on with the next daemon, as
 * they would after kill -9.
 */
#include "daemon/coraxd.h"

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/alarm.h"
#include "daemon/builtins.h"
#include "daemon/foreign.h"
#include "daemon/foreign_config.h"
#include "daemon/hosts.h"
#include "daemon/http.h"
#include "daemon/isolation.h"
#include "daemon/journal.h"
#include "daemon/journal_check.h"
#include "daemon/listen.h"
#include "daemon/mcp.h"
#include "daemon/memory_vectors.h"
#include "daemon/models.h"
#include "daemon/policies.h"
#include "daemon/routes.h"
#include "daemon/scheduler.h"
#include "daemon/schedules.h"
#include "daemon/task_remodel.h"
#include "daemon/tool_vectors.h"
#include "daemon/upkeep.h"
#include "daemon/vectors.h"
#include "tools/registry.h"
#include "tools/retrieval.h"
#include "util/clock.h"
#include "util/log.h"

static const char usage[] =
    "usage: coraxd [-dn] [-c FILE] [--socket PATH] [--state DIR] [--model FILE]\n"
    "              [--plugins DIR]... [--policy FILE]... [--root NAME=PATH]... [--isolation MODE]\n"
    "       coraxd --check-journal FILE\n"
    "\n"
    "  -c FILE          configuration (default " CORAX_SYSCONFDIR "/corax/corax.conf, if it is there)\n"
    "  -d               log more\n"
    "  -n               check configuration, policies, model path and plugins, and exit\n"
    "  --socket PATH    Unix socket to listen on\n"
    "  --state DIR      folder of the journal\n"
    "  --model FILE     GGUF model\n"
    "  --plugins DIR    folder with plugins, or one plugin (may be repeated)\n"
    "  --policy FILE    policy (may be repeated)\n"
    "  --root NAME=PATH folder that tools may read, by name (may be repeated)\n"
    "  --isolation MODE strict: do not start where boxes lack a part; available: do\n"
    "  --check-journal FILE  check a journal that no coraxd has open, say as JSON what is wrong, and exit\n"
    "  --version, --help\n";

#define DEFAULT_FILE CORAX_SYSCONFDIR "/corax/corax.conf"

/* What is left of the command line, for a reload. */
struct options {
    const char *file;
    bool check, debug;
    const char *socket, *state, *model, *isolation;
    struct config_list plugins, policies, roots;
};

enum {
    OPT_SOCKET = 256,
    OPT_STATE,
    OPT_MODEL,
    OPT_PLUGINS,
    OPT_POLICY,
    OPT_ROOT,
    OPT_ISOLATION,
    OPT_CHECK_JOURNAL,
    OPT_VERSION,
    OPT_HELP
};

/* 0: it is good, 1: it is not, or cannot be checked. */
static int check_journal(const char *path)
{
    struct err err = { 0 };
    struct buf out;
    bool good = false;
    int rc;

    buf_init(&out, 1u << 20);
    rc = journal_check(path, &out, &good, &err);
    if (rc < 0)
        fprintf(stderr, "coraxd: %s\n", err.msg);
    else
        printf("%.*s\n", (int)out.len, out.data);
    buf_finish(&out);
    return rc == 0 && good ? 0 : 1;
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        { "config", required_argument, NULL, 'c' },
        { "socket", required_argument, NULL, OPT_SOCKET },
        { "state", required_argument, NULL, OPT_STATE },
        { "model", required_argument, NULL, OPT_MODEL },
        { "plugins", required_argument, NULL, OPT_PLUGINS },
        { "policy", required_argument, NULL, OPT_POLICY },
        { "root", required_argument, NULL, OPT_ROOT },
        { "isolation", required_argument, NULL, OPT_ISOLATION },
        { "check-journal", required_argument, NULL, OPT_CHECK_JOURNAL },
        { "version", no_argument, NULL, OPT_VERSION },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
    };
    struct err err = { 0 };
    int c, rc = 0;

    while (rc == 0 && (c = getopt_long(argc, argv, "c:dn", known, NULL)) != -1) {
        switch (c) {
        case 'c':
            o->file = optarg;
            break;
        case 'd':
            o->debug = true;
            break;
        case 'n':
            o->check = true;
            break;
        case OPT_SOCKET:
            o->socket = optarg;
            break;
        case OPT_STATE:
            o->state = optarg;
            break;
        case OPT_MODEL:
            o->model = optarg;
            break;
        case OPT_PLUGINS:
            rc = config_list_add(&o->plugins, optarg, &err);
            break;
        case OPT_POLICY:
            rc = config_list_add(&o->policies, optarg, &err);
            break;
        case OPT_ROOT:
            rc = config_add_root(&o->roots, optarg, &err);
            break;
        case OPT_ISOLATION:
            o->isolation = optarg;
            break;
        case OPT_CHECK_JOURNAL:
            return check_journal(optarg);
        case OPT_VERSION:
            puts("coraxd " PACKAGE_VERSION);
            return 0;
        case OPT_HELP:
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (rc < 0 || optind < argc) {
        fprintf(stderr, "coraxd: %s%s\n%s", rc < 0 ? err.msg : "superfluous argument ", rc < 0 ? "" : argv[optind],
                usage);
        return 2;
    }
    return -1;
}

static int replace_list(struct config_list *to, const struct config_list *from, struct err *err)
{
    size_t i;

    if (from->n == 0)
        return 0;
    config_list_clear(to);
    for (i = 0; i < from->n; i++)
        if (config_list_add(to, from->at[i], err) < 0)
            return -1;
    return 0;
}

static int configure(struct config *c, const struct options *o, struct err *err)
{
    if (config_init(c, err) < 0)
        return -1;
    if ((o->file || access(DEFAULT_FILE, F_OK) == 0) && config_read(c, o->file ? o->file : DEFAULT_FILE, err) < 0)
        return -1;
    if ((o->socket && config_set_text(&c->socket, o->socket, err) < 0) ||
        (o->state && config_set_text(&c->state, o->state, err) < 0) ||
        (o->model && config_set_text(&c->model.path, o->model, err) < 0) ||
        replace_list(&c->plugins, &o->plugins, err) < 0 || replace_list(&c->policies, &o->policies, err) < 0 ||
        replace_list(&c->roots, &o->roots, err) < 0 || (o->isolation && config_set_isolation(c, o->isolation, err) < 0))
        return -1;
    if (o->debug)
        c->log_level = LOG_LEVEL_DEBUG;
    if (strlen(c->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return fail(err, CORAX_E_ARGS, "socket %s: the path has %zu bytes, the kernel allows %zu", c->socket,
                    strlen(c->socket), sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    return config_load_agents(c, err);
}

static int check_offer(const struct config *c, struct err *err)
{
    struct mcp_offer *offer = mcp_offer_load(&c->mcp, err);

    mcp_offer_destroy(offer);
    return offer ? 0 : -1;
}

/* -n: what a start would need, without starting. */
static int check(const struct config *c, struct err *err)
{
    struct config_list plugins = { 0 };
    int rc;

    if (c->model.path && access(c->model.path, R_OK) < 0)
        return fail_sys(err, CORAX_E_NOTFOUND, "model %s", c->model.path);
    for (size_t i = 0; i < c->n_models; i++)
        if (access(c->models[i].path, R_OK) < 0)
            return fail_sys(err, CORAX_E_NOTFOUND, "models.%s: %s", c->models[i].name, c->models[i].path);
    if (c->embedding.model && access(c->embedding.model, R_OK) < 0)
        return fail_sys(err, CORAX_E_NOTFOUND, "embedding.model %s", c->embedding.model);
    if (access(c->infer_path, X_OK) < 0 && (c->model.path || c->n_models > 0 || c->embedding.model))
        return fail_sys(err, CORAX_E_NOTFOUND, "infer.path %s", c->infer_path);
    rc = hosts_find(c, &plugins, err);
    if (rc == 0 && plugins.n > 0 && access(c->host_path, X_OK) < 0)
        rc = fail_sys(err, CORAX_E_NOTFOUND, "host.path %s", c->host_path);
    if (rc == 0 && (plugins.n > 0 || c->foreign) && access(c->box_path, X_OK) < 0)
        rc = fail_sys(err, CORAX_E_NOTFOUND, "box.path %s", c->box_path);
    if (rc == 0 && foreign_config_needs_egress(c->foreign) && access(c->egress_path, X_OK) < 0)
        rc = fail_sys(err, CORAX_E_NOTFOUND, "egress.path %s", c->egress_path);
    for (size_t i = 0; rc == 0 && i < c->roots.n; i++)
        if (access(strchr(c->roots.at[i], '=') + 1, R_OK | X_OK) < 0)
            rc = fail_sys(err, CORAX_E_NOTFOUND, "the root %s", c->roots.at[i]);
    if (rc == 0)
        rc = check_offer(c, err);
    if (rc == 0)
        printf("coraxd: the configuration is good: %zu plugins, %zu policy files, %s\n", plugins.n, c->policies.n,
               c->model.path ? c->model.path : "no model");
    config_list_clear(&plugins);
    return rc;
}

static void on_journal(evutil_socket_t fd, short what, void *arg)
{
    struct coraxd *d = arg;

    journal_dispatch(d->journal);
}

static void on_ended(void *arg)
{
    struct coraxd *d = arg;

    event_base_loopbreak(d->base);
}

static void on_too_long(evutil_socket_t fd, short what, void *arg)
{
    struct coraxd *d = arg;

    log_warn("%d tasks are still at a step: it is cut off, and begun again after the next start", scheduler_counts(d->scheduler).n_running);
    event_base_loopbreak(d->base);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
    struct coraxd *d = arg;
    const struct timeval seconds = { .tv_sec = d->config.stop_seconds };

    if (d->ending) {
        log_info("ending at once: %s again", strsignal((int)sig));
        event_base_loopbreak(d->base);
        return;
    }
    d->ending = true;
    log_info("ending: %s; %d tasks run, which may still %s", strsignal((int)sig), scheduler_counts(d->scheduler).n_running,
             d->config.stop_finishes ? "end" : "end their step");
    scheduler_end(d->scheduler, d->config.stop_finishes, on_ended, d);
    if (!d->config.stop_finishes && event_base_once(d->base, -1, EV_TIMEOUT, on_too_long, d, &seconds) < 0)
        event_base_loopbreak(d->base);
}

static void on_recovered(void *arg)
{
    struct coraxd *d = arg;

    schedules_start(d->schedules);
    isolation_ask(d->isolation); /* not before: it would compete with the hosts and the recovery */
}

static void on_clock_set(void *arg)
{
    struct coraxd *d = arg;

    schedules_clock_was_set(d->schedules);
}

static void on_settled(void *arg)
{
    struct coraxd *d = arg;

    if (++d->n_settled < 2)
        return; /* the plugins, or the foreign servers */
    scheduler_start(d->scheduler);
    tool_vectors_run(d->tool_vectors);
    mcp_tools_changed(d->mcp);
    log_info("ready after %lld ms, %zu tools", (long long)(clock_mono_ms() - d->started_ms),
             registry_count(d->registry));
}

/* A call that waits for a person may be another one now. */
static void on_tools_changed(void *arg)
{
    struct coraxd *d = arg;

    if (scheduler_is_ready(d->scheduler))
        scheduler_reloaded(d->scheduler);
    mcp_tools_changed(d->mcp);
}

static void on_vectors(void *arg)
{
    struct coraxd *d = arg;

    memory_vectors_run(d->memory_vectors);
    tool_vectors_run(d->tool_vectors);
}

static void on_memories(void *arg)
{
    struct coraxd *d = arg;

    memory_vectors_run(d->memory_vectors);
}

/* A file that is bad changes nothing. */
static void on_reload(evutil_socket_t sig, short what, void *arg)
{
    struct coraxd *d = arg;
    struct config fresh = { 0 };
    struct policies *policies = NULL;
    struct mcp_offer *offer = NULL;
    struct err err = { 0 };
    struct buf restart;
    char hash[65];

    buf_init(&restart, 4096);
    if (configure(&fresh, d->options, &err) < 0 || (policies = policies_load(&fresh, &err)) == NULL ||
        (offer = mcp_offer_load(&fresh.mcp, &err)) == NULL) {
        log_error("reload: %s; all stays as it was", err.msg);
        policies_release(policies);
    } else {
        config_adopt(&d->config, &fresh, &restart);
        log_set_level(d->config.log_level);
        policies_release(d->policies);
        d->policies = policies;
        scheduler_reloaded(d->scheduler);
        mcp_reloaded(d->mcp, offer);
        policies_hash(policies, UINT32_MAX, NULL, hash);
        log_info("reload: done, the policy is %.16s", hash);
        if (restart.len > 0)
            log_warn("reload: what has changed of %s holds after a restart", restart.data);
    }
    buf_finish(&restart);
    config_finish(&fresh);
}

static int listen_on_tcp(struct coraxd *d, struct err *err)
{
    char path[4200], token[LISTEN_TOKEN_LEN + 1];
    int port;

    if (d->config.listen == NULL)
        return 0;
    snprintf(path, sizeof(path), "%.4096s/token", d->config.state);
    if (listen_token(path, token, err) < 0 || (port = http_listen_tcp(d->http, d->config.listen, token, err)) < 0)
        return -1;
    log_info("listening on TCP port %d (listen %s); the token is in %s", port, d->config.listen, path);
    return 0;
}

static int start_mcp(struct coraxd *d, struct err *err)
{
    struct mcp_offer *offer = mcp_offer_load(&d->config.mcp, err);

    if (offer == NULL)
        return -1;
    d->mcp = mcp_create(d, offer, err);
    if (d->mcp == NULL)
        mcp_offer_destroy(offer);
    return d->mcp ? 0 : -1;
}

static int start(struct coraxd *d, struct err *err)
{
    static const struct foreign_ops foreign_ops = { on_settled, on_tools_changed };

    d->isolation = isolation_create(d->base, &d->config, err);
    if (d->isolation == NULL || (d->config.strict && isolation_demand(d->isolation, err) < 0))
        return -1;
    d->journal = journal_open(d->config.state, &(struct journal_options){ .normal = d->config.sync_normal }, err);
    if (d->journal == NULL || (d->upkeep = upkeep_create(d->base, d->journal, &d->config, err)) == NULL)
        return -1;
    d->registry = registry_create();
    d->retrieval = retrieval_create();
    if (d->registry == NULL || d->retrieval == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    if (builtins_register(d->registry, &d->config, err) < 0 || (d->alarms = alarms_create(d->base, on_clock_set, d, err)) == NULL ||
        (d->scheduler = scheduler_create(d, err)) == NULL || (d->schedules = schedules_create(d, err)) == NULL ||
        start_mcp(d, err) < 0 || (d->http = http_create(d->base, d->config.socket, d->config.admin_group, routes_handle, d, err)) == NULL ||
        listen_on_tcp(d, err) < 0 || (d->models = models_create(d->base, &d->config, err)) == NULL ||
        (d->vectors = vectors_create(d->base, &d->config, err)) == NULL ||
        (d->memory_vectors = memory_vectors_create(d, err)) == NULL || (d->tool_vectors = tool_vectors_create(d, err)) == NULL ||
        (d->hosts = hosts_create(d->base, &d->config, d->registry, on_settled, d, err)) == NULL ||
        (d->foreign = foreign_create(d->base, &d->config, d->registry, &foreign_ops, d, err)) == NULL)
        return -1;
    vectors_watch(d->vectors, on_vectors, d);
    journal_watch(d->journal, on_memories, d);
    scheduler_recover(d->scheduler, on_recovered, d);
    return 0;
}

/* The order matters: the tasks let go of their children, the journal takes what they still had to say, requests that
 * wait for a task are answered, and only then does everything go. */
static void stop(struct coraxd *d)
{
    if (d->http)
        http_stop(d->http);
    upkeep_stop(d->upkeep);
    remodel_stop(d);
    foreign_stop(d->foreign);
    if (d->scheduler) {
        scheduler_stop(d->scheduler);
        vectors_stop(d->vectors);
        journal_drain(d->journal);
        scheduler_destroy(d->scheduler);
        schedules_destroy(d->schedules);
    }
    alarms_destroy(d->alarms);
    mcp_destroy(d->mcp);
    d->mcp = NULL;
    http_destroy(d->http);
    hosts_destroy(d->hosts);
    foreign_destroy(d->foreign);
    isolation_destroy(d->isolation);
    models_destroy(d->models);
    vectors_destroy(d->vectors);
    memory_vectors_destroy(d->memory_vectors);
    tool_vectors_destroy(d->tool_vectors);
    upkeep_destroy(d->upkeep);
    journal_close(d->journal);
    retrieval_destroy(d->retrieval);
    registry_destroy(d->registry);
}

static int run(struct coraxd *d, struct err *err)
{
    static const struct {
        int sig;
        event_callback_fn taken;
    } signals[] = { { SIGTERM, on_signal }, { SIGINT, on_signal }, { SIGHUP, on_reload } };
    struct event *ev[4] = { NULL };
    size_t i;
    int rc;

    d->started_ms = clock_mono_ms();
    d->base = event_base_new();
    if (d->base == NULL)
        return fail(err, CORAX_E_INTERNAL, "the event loop cannot be made");
    signal(SIGPIPE, SIG_IGN);
    rc = start(d, err);
    if (rc == 0) {
        ev[0] = event_new(d->base, journal_fd(d->journal), EV_READ | EV_PERSIST, on_journal, d);
        for (i = 0; i < 3; i++)
            ev[i + 1] = evsignal_new(d->base, signals[i].sig, signals[i].taken, d);
        for (i = 0; i < 4; i++)
            if (ev[i] == NULL || event_add(ev[i], NULL) < 0)
                rc = fail(err, CORAX_E_INTERNAL, "no memory");
    }
    if (rc == 0) {
        log_info("listening on %s", d->config.socket);
        event_base_dispatch(d->base);
    }
    stop(d);
    for (i = 0; i < 4; i++)
        if (ev[i])
            event_free(ev[i]);
    event_base_free(d->base);
    return rc;
}

int main(int argc, char **argv)
{
    struct options options = { 0 };
    struct coraxd d = { .options = &options };
    struct err err = { 0 };
    int rc = read_options(argc, argv, &options);

    if (rc >= 0)
        goto out;
    /* One thread allocates, with short bursts: a second arena and a high water mark would only hold memory. */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    rc = configure(&d.config, &options, &err);
    log_open("coraxd", rc == 0 ? d.config.log_level : LOG_LEVEL_INFO);
    if (rc == 0) {
        d.policies = policies_load(&d.config, &err);
        rc = d.policies == NULL ? -1 : options.check ? check(&d.config, &err) : run(&d, &err);
    }
    if (rc < 0)
        fprintf(stderr, "coraxd: %s\n", err.msg);
    rc = rc < 0;
    policies_release(d.policies);
out:
    config_finish(&d.config);
    config_list_clear(&options.plugins);
    config_list_clear(&options.policies);
    config_list_clear(&options.roots);
    return rc;
}
