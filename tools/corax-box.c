/*
 * corax-box - runs a program in a box (box.h): `run` in front of corax-host, `exec` for one program that came in a
 * request, `probe` to say what this machine can do.
 *
 * The process that is started stays outside of the box it makes, so that its end is the program's end: the same exit status, or the
 * same signal.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/box.h"
#include "tools/box_parts.h"
#include "tools/box_serve.h"
#include "util/log.h"

/*
 * What stands behind `run` may have so many processes and threads.  There is no cgroup for it: corax-host limits its own memory, and entering
 * a group waits for a grace period of the kernel, which at each start of a host would be the largest part.
 */
#define RUN_PROCESSES 64

#ifdef CORAX_SANITIZE
#define FILTER_HOSTS false /* they look at their own process with ptrace at the end */
#else
#define FILTER_HOSTS true
#endif

static const char usage[] =
    "usage: corax-box run [--ro PATH]... [--owned FILE]... [--root NAME=PATH]... [--strict] [--die-with-parent]\n"
    "                     [--network] [--scratch] [--memory MB] [--env NAME]...\n"
    "                     [--uid N] -- PROGRAM [ARGUMENT...]     run a program in a box, with this input and output\n"
    "       corax-box exec [--uid N]                            run the program of the request on standard input\n"
    "       corax-box probe [--uid N]                           print what a box has here, and what it lacks\n"
    "       corax-box --help | --version\n"
    "\n"
    "  --ro PATH           show a file or folder in the box, read-only, under its own name\n"
    "  --owned FILE        the same, if it belongs to root or to you and nobody else may write to it\n"
    "  --root NAME=PATH    show a folder as /roots/NAME, read-only\n"
    "  --network           with the host's network, for a program that must talk to others\n"
    "  --scratch           with a /tmp of 64 MB instead of 1 MB\n"
    "  --memory MB         what all of it may use, where a cgroup can be made; else each process\n"
    "  --env NAME          pass this variable on; it sees no others\n"
    "  --strict            run nothing in a box that lacks a part\n"
    "  --die-with-parent   end when the process that started this one ends\n"
    "  --uid N             the user that root becomes (default 65534)\n";

struct options {
    struct box_spec spec;
    bool strict, die;
    int64_t memory_bytes; /* 0: no limit here */
    char **argv; /* of the program */
};

enum { OPT_RO = 256, OPT_OWNED, OPT_ROOT, OPT_STRICT, OPT_DIE, OPT_UID, OPT_NETWORK, OPT_SCRATCH, OPT_MEMORY, OPT_ENV };

static int add_root(struct box_spec *spec, const char *text, struct err *err)
{
    const char *eq = strchr(text, '=');
    char dest[300];
    int n;

    if (eq == NULL || eq == text || eq[1] == '\0')
        return fail(err, CORAX_E_ARGS, "--root %s: write NAME=PATH", text);
    n = snprintf(dest, sizeof dest, "/roots/%.*s", (int)(eq - text), text);
    if (n >= (int)sizeof dest || strchr(dest + 7, '/') || dest[7] == '.')
        return fail(err, CORAX_E_ARGS, "--root %s: the name must have no slash and not begin with a dot", text);
    if (access(eq + 1, F_OK) != 0 && errno == ENOENT) {
        log_warn("--root %s: there is no such folder now", text);
        return 0; /* folders come and go; what is behind the name is the program's to miss */
    }
    return box_spec_bind(spec, eq + 1, dest, false, err);
}

static int read_uid(const char *text, uid_t *uid, struct err *err)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n == 0 || n >= 0xffffffffUL)
        return fail(err, CORAX_E_ARGS, "--uid %s: give the number of a user that is not root", text);
    *uid = (uid_t)n;
    return 0;
}

static int read_memory(const char *text, struct options *o, struct err *err)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n == 0 || n > 1ul << 24)
        return fail(err, CORAX_E_ARGS, "--memory %s: give a number of MB", text);
    o->memory_bytes = (int64_t)n << 20;
    o->spec.cgroup = true;
    return 0;
}

/* By name, so that its value is on no command line. */
static int add_env(struct box_spec *spec, const char *name, struct err *err)
{
    const size_t n = strlen(name);

    if (n == 0 || strchr(name, '='))
        return fail(err, CORAX_E_ARGS, "--env %s: give the name of a variable", name);
    for (char **e = environ; e && *e; e++)
        if (strncmp(*e, name, n) == 0 && (*e)[n] == '=') {
            if (spec->n_env == BOX_MAX_ENV)
                return fail(err, CORAX_E_LIMIT, "more than %d variables", BOX_MAX_ENV);
            spec->env[spec->n_env++] = *e;
            return 0;
        }
    return fail(err, CORAX_E_ARGS, "--env %s: it is not set", name);
}

/* What names and certificates are looked up with; what the host has not is left out. */
static void add_network_files(struct box_spec *spec)
{
    static const char *const files[] = { "/etc/resolv.conf", "/etc/hosts",      "/etc/nsswitch.conf", "/etc/host.conf",
                                         "/etc/gai.conf",    "/etc/services",   "/etc/protocols",     "/etc/ssl",
                                         "/etc/ca-certificates", "/etc/pki" };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        box_spec_bind(spec, files[i], files[i], false, NULL);
}

static int read_options(int argc, char **argv, struct options *o, struct err *err)
{
    static const struct option known[] = {
        { "ro", required_argument, NULL, OPT_RO },
        { "owned", required_argument, NULL, OPT_OWNED },
        { "root", required_argument, NULL, OPT_ROOT },
        { "strict", no_argument, NULL, OPT_STRICT },
        { "die-with-parent", no_argument, NULL, OPT_DIE },
        { "uid", required_argument, NULL, OPT_UID },
        { "network", no_argument, NULL, OPT_NETWORK },
        { "scratch", no_argument, NULL, OPT_SCRATCH },
        { "memory", required_argument, NULL, OPT_MEMORY },
        { "env", required_argument, NULL, OPT_ENV },
        { NULL, 0, NULL, 0 },
    };
    int c, rc = 0;

    while (rc == 0 && (c = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        if (c == OPT_RO || c == OPT_OWNED)
            rc = box_spec_bind(&o->spec, optarg, NULL, c == OPT_OWNED, err);
        else if (c == OPT_ROOT)
            rc = add_root(&o->spec, optarg, err);
        else if (c == OPT_STRICT)
            o->strict = true;
        else if (c == OPT_DIE)
            o->die = true;
        else if (c == OPT_UID)
            rc = read_uid(optarg, &o->spec.uid, err);
        else if (c == OPT_NETWORK)
            o->spec.network = true;
        else if (c == OPT_SCRATCH)
            o->spec.scratch = true;
        else if (c == OPT_MEMORY)
            rc = read_memory(optarg, o, err);
        else if (c == OPT_ENV)
            rc = add_env(&o->spec, optarg, err);
        else
            return fail(err, CORAX_E_ARGS, "see corax-box --help");
    }
    if (rc == 0 && o->spec.network)
        add_network_files(&o->spec);
    o->argv = argv + optind;
    return rc;
}

static int complain(const struct err *err)
{
    log_error("%s", err->msg);
    return err->status == CORAX_E_ARGS ? 2 : 1;
}

/* --- the outer process -------------------------------------------------------------------------------------------- */

/* Ends as the program did. */
static int end_like(int status)
{
    struct rlimit none = { 0 };
    sigset_t set;

    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    setrlimit(RLIMIT_CORE, &none); /* the core of corax-box would tell nothing */
    signal(WTERMSIG(status), SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, WTERMSIG(status));
    raise(WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return 128 + WTERMSIG(status);
}

/* Until init has ended; signals that ask something of the program go to it.  All of them are blocked (box_fork). */
static int wait_for(struct box *b)
{
    sigset_t all;
    siginfo_t info;
    int status = 0;

    sigfillset(&all);
    for (;;) {
        int sig = sigwaitinfo(&all, &info);
        pid_t pid = sig == SIGCHLD ? waitpid(b->pid, &status, WNOHANG) : 0;

        if (pid == b->pid)
            break;
        if (sig > 0 && sig != SIGCHLD && sig != SIGCONT && sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU)
            kill(b->pid, sig);
    }
    if (b->state->ended)
        status = b->state->status;
    return status;
}

/* --- run ------------------------------------------------------------------------------------------------------------ */

static void log_missing(const struct box *b)
{
    char names[300];
    size_t n = 0;

    for (int p = 0; p < BOX_N_PARTS; p++)
        if (!b->state->parts[p].in_force && box_is_wanted(b, (enum box_part)p))
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", box_part_name((enum box_part)p));
    if (n > 0)
        log_warn("the box lacks %s: corax-box probe says why", names);
}

static _Noreturn void exec_program(const struct box *b, const char *path, const struct options *o)
{
    const struct box_limits limits = { .processes = RUN_PROCESSES, .memory_bytes = o->memory_bytes };
    char **argv = o->argv;

    box_become(b, path, argv, &limits);
    log_error("%s: cannot be started: %s", path, strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* As init: starts the program, passes signals on, reaps, and ends when the program has. */
static _Noreturn void run_inside(struct box *b, const struct options *o, const char *path)
{
    enum box_part lacks = box_missing(b, false);
    siginfo_t info;
    sigset_t all;
    pid_t pid;

    if (o->strict && lacks != BOX_N_PARTS) {
        log_error("nothing is run, since the box is not whole: %s: %s", box_part_name(lacks),
                  b->state->parts[lacks].why);
        _exit(1);
    }
    log_missing(b);
    if (b->cgroup.version && (errno = box_cgroup_limit(&b->cgroup, o->memory_bytes, RUN_PROCESSES)) != 0)
        log_warn("its memory is not limited: %s", strerror(errno));
    pid = fork();
    if (pid == 0)
        exec_program(b, path, o);
    if (pid < 0) {
        log_error("a process for %s: %s", path, strerror(errno));
        _exit(1);
    }
    for (int fd = 0; fd < 3; fd++)
        close(fd); /* the program's alone: its peer must see when it closes them */
    sigfillset(&all);
    while (!b->state->ended) {
        int sig = sigwaitinfo(&all, &info), status;
        pid_t ended;

        if (sig > 0 && sig != SIGCHLD)
            kill(pid, sig);
        while (sig == SIGCHLD && (ended = waitpid(-1, &status, WNOHANG)) > 0)
            if (ended == pid) {
                b->state->status = status;
                b->state->ended = true;
            }
    }
    kill(-pid, SIGKILL);
    box_kill_all();
    _exit(0);
}

static char *find_program(const char *name)
{
    static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin" };
    char path[4096];

    if (strchr(name, '/'))
        return realpath(name, NULL);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return realpath(path, NULL);
    }
    return NULL;
}

static int cmd_run(int argc, char **argv)
{
    struct options o = { .spec = { .uid = BOX_UID, .filter = FILTER_HOSTS, .cgroup = false } };
    struct err err = { 0 };
    struct box b;
    char *path = NULL;
    int status = 1;

    if (read_options(argc, argv, &o, &err) < 0) {
        status = complain(&err);
    } else if (o.argv[0] == NULL) {
        fputs(usage, stderr);
        status = 2;
    } else if ((path = find_program(o.argv[0])) == NULL) {
        log_error("%s: there is no such program", o.argv[0]);
        status = 127;
    } else if (box_spec_bind(&o.spec, path, NULL, false, &err) < 0) {
        status = complain(&err);
    } else {
        if (o.die)
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        switch (box_fork(&b, &o.spec, &err)) {
        case 0:
            run_inside(&b, &o, path);
        case 1:
            /* Its input and output stay open here as well: whoever reads them must not see their end before the status. */
            status = wait_for(&b);
            box_finish(&b);
            status = end_like(status);
            break;
        default:
            status = complain(&err);
        }
    }
    free(path);
    box_spec_finish(&o.spec);
    return status;
}

/* --- exec and probe ------------------------------------------------------------------------------------------------- */

static bool is_alone(const struct options *o)
{
    return o->argv[0] == NULL && o->spec.n_binds == 0 && !o->strict && !o->spec.network && !o->spec.scratch && o->spec.n_env == 0 && o->memory_bytes == 0;
}

static int options_alone(int argc, char **argv, struct options *o)
{
    struct err err = { 0 };

    if (read_options(argc, argv, o, &err) < 0)
        return complain(&err);
    if (is_alone(o))
        return 0;
    fputs(usage, stderr);
    return 2;
}

static int cmd_exec(int argc, char **argv)
{
    struct options o = { .spec = { .uid = BOX_UID, .code = true, .filter = true, .cgroup = true } };
    struct err err = { 0 };
    struct box b;
    sigset_t none;
    int status = options_alone(argc, argv, &o);

    if (status != 0) {
        box_spec_finish(&o.spec);
        return status;
    }
    if (o.die)
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    switch (box_fork(&b, &o.spec, &err)) {
    case 0:
        _exit(box_serve(&b));
    case 1:
        /* Both ends are init's now: whoever asked must see when it is gone, and a signal that ends this process ends all. */
        for (int fd = 0; fd < 2; fd++)
            close(fd);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        while (waitpid(b.pid, &status, 0) < 0 && errno == EINTR)
            continue;
        box_finish(&b);
        return end_like(status);
    default:
        return complain(&err);
    }
}

static int cmd_probe(int argc, char **argv)
{
    struct options o = { .spec = { .uid = BOX_UID, .code = true, .filter = true, .cgroup = true } };
    struct err err = { 0 };
    struct box b;
    struct buf out;
    struct jsonw w;
    int status = options_alone(argc, argv, &o);

    if (status != 0) {
        box_spec_finish(&o.spec);
        return status;
    }
    status = box_fork(&b, &o.spec, &err);
    if (status < 0)
        return complain(&err);
    if (status == 0)
        _exit(0);
    while (waitpid(b.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        log_error("the box's init ended before it was ready");
        return 1;
    }
    buf_init(&out, 65536);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "version", PACKAGE_VERSION);
    box_write_report(&b, &w);
    jsonw_end(&w);
    puts(out.data);
    status = box_missing(&b, false) == BOX_N_PARTS ? 0 : 1;
    buf_finish(&out);
    box_finish(&b);
    return status;
}

int main(int argc, char **argv)
{
    log_open("corax-box", LOG_LEVEL_INFO);
    syscall(SYS_close_range, 3u, ~0u, 0u);
    if (argc >= 2 && strcmp(argv[1], "run") == 0)
        return cmd_run(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "exec") == 0)
        return cmd_exec(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "probe") == 0)
        return cmd_probe(argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("corax-box " PACKAGE_VERSION);
        return 0;
    }
    fputs(usage, argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
    return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
}
