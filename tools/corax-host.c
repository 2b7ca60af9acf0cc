/*
 * corax-host - loads one plugin and serves its tools over MCP on standard input and output.
 *
 * The order is the point: the protocol leaves descriptors 0 and 1, the process gives up what a tool must not have, the watch
 * starts, and only then does foreign code run.
 */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/confine.h"
#include "tools/host_call.h"
#include "tools/host_io.h"
#include "tools/host_roots.h"
#include "tools/host_serve.h"
#include "tools/host_watch.h"
#include "tools/loader.h"
#include "tools/plugin_file.h"
#include "util/clock.h"
#include "util/log.h"

#define ADDRESS_SPACE (2ULL << 30)
#define OPEN_FILES    64

struct options {
    const char *plugin;
    bool check, sandbox, boxed;
    unsigned cpu_seconds;
};

static const char usage[] =
    "usage: corax-host [OPTION...] PLUGIN.so           serve its tools over MCP on stdin and stdout\n"
    "       corax-host [OPTION...] --check PLUGIN.so   print its tools, or say what is wrong with it\n"
    "       corax-host --help | --version\n"
    "\n"
    "  --root NAME=PATH  a folder that the plugin may read, and what it is called; repeatable\n"
    "  --boxed           corax-box has checked whose file the plugin is, which cannot be seen from inside a box\n"
    "  --cpu SECONDS     processor time after which the kernel ends the host (default: no limit)\n"
    "  --no-sandbox      for debugging a plugin: leave out the system-call filter and the limits\n";

static bool read_seconds(const char *text, unsigned *out)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    *out = (unsigned)v;
    return *text >= '0' && *text <= '9' && *end == '\0' && v <= 1000000;
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        { "check", no_argument, NULL, 'c' },
        { "cpu", required_argument, NULL, 't' },
        { "no-sandbox", no_argument, NULL, 'n' },
        { "root", required_argument, NULL, 'r' },
        { "boxed", no_argument, NULL, 'b' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 },
    };
    struct err err;
    int c;

    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (c == 'c') {
            o->check = true;
        } else if (c == 'n') {
            o->sandbox = false;
        } else if (c == 'b') {
            o->boxed = true;
        } else if (c == 't' && read_seconds(optarg, &o->cpu_seconds)) {
            continue;
        } else if (c == 'r' && host_roots_add(optarg, &err) == 0) {
            continue;
        } else if (c == 'r') {
            fprintf(stderr, "corax-host: %s\n", err.msg);
            return 2;
        } else if (c == 'h') {
            fputs(usage, stdout);
            return 0;
        } else if (c == 'v') {
            puts(PACKAGE_STRING);
            return 0;
        } else {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind != argc - 1) {
        fputs(usage, stderr);
        return 2;
    }
    o->plugin = argv[optind];
    return -1;
}

static void confine(const struct options *o)
{
#ifdef CORAX_SANITIZE
    /* The sanitizers map terabytes and look at their own process with ptrace at the end. */
    log_info("sandbox: off in a build with sanitizers");
#else
    struct confine c = { .address_space = ADDRESS_SPACE, .open_files = OPEN_FILES, .cpu_seconds = o->cpu_seconds };

    if (o->sandbox)
        confine_self(&c);
    else
        log_warn("sandbox: off, as asked: the plugin can do all that this user can");
#endif
}

static void log_faults(const struct loader *l)
{
    for (size_t i = 0; i < l->n_tools; i++)
        if (l->tools[i].fault.status != CORAX_OK)
            log_error("tool %s is left out: %s", l->tools[i].tool->name, l->tools[i].fault.msg);
}

static int print_tools(const struct loader *l, struct host_io *io)
{
    struct buf out;
    struct jsonw w;
    int rc;

    buf_init(&out, RPC_MAX_LINE);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    host_write_tools(l, &w);
    jsonw_end(&w);
    buf_addc(&out, '\n');
    rc = out.failed ? -1 : host_io_write(io, out.data, out.len);
    buf_finish(&out);
    return rc;
}

static int run(const struct options *o, struct host_io *io, struct err *err)
{
    struct loader loader;
    int rc;

    if ((!o->boxed && plugin_file_check(o->plugin, err) != 0) || host_watch_start(io, err) != 0)
        return -1;
    host_watch_arm(clock_mono_ms() + HOST_DEADLINE_MS, "", 0, "loading the plugin");
    rc = loader_open(&loader, o->plugin, &host_table, err);
    host_watch_disarm();
    if (rc != 0)
        return -1;
    log_faults(&loader);
    if (!o->check)
        rc = host_serve(io, &loader, err);
    else if (print_tools(&loader, io) != 0)
        rc = fail(err, CORAX_E_LIMIT, "the list of tools cannot be printed");
    else if (loader.n_faulty > 0)
        rc = fail(err, CORAX_E_ARGS, "%zu of its %zu tools cannot be used", loader.n_faulty, loader.n_tools);
    host_watch_arm(clock_mono_ms() + HOST_DEADLINE_MS, "", 0, "ending the plugin");
    loader_close(&loader);
    host_watch_disarm();
    return rc;
}

#ifdef CORAX_SANITIZE
/* What a plugin's library leaks.  RDKit's parser keeps a few atoms of each SMARTS that it refuses (12 kB in all of chemistry_mutants-t). */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:yysmarts_parse\n";
}
__attribute__((visibility("default"))) const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
#endif

int main(int argc, char **argv)
{
    struct options o = { .sandbox = true };
    struct host_io io;
    struct err err;
    int status = read_options(argc, argv, &o), rc;

    if (status >= 0)
        return status;
    log_open("corax-host", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* writing a file is an error like any other, not the end */
    if (host_io_init(&io, &err) != 0) {
        log_error("%s", err.msg);
        return 1;
    }
    confine(&o);
    rc = run(&o, &io, &err);
    if (rc != 0)
        log_error("%s", err.msg);
    host_io_finish(&io);
    return rc == 0 ? 0 : 1;
}
