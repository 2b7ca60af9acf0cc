#include "daemon/upkeep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/child.h"
#include "util/clock.h"
#include "util/log.h"

#define FIRST_MS   2000  /* after the start: what goes on has the disk first */
#define RETAIN_MS  60000 /* between two looks at what need not be kept */
#define MAX_NAME   100
#define MAX_REPORT 65536

struct upkeep {
    struct event_base *base;
    struct journal *journal;
    const struct config *config;
    struct event *timer;
    struct journal_retain retain;
    int64_t n_deleted; /* in this round */
    bool retaining, stopping;

    /* A copy, and its check. */
    struct journal_backup backup;
    bool copying, checks;
    upkeep_done *done; /* NULL: nothing is made */
    void *arg;
    struct child child; /* pid 0: none */
    int said_fd;        /* its standard error; -1: none */
    struct event *readable;
    struct buf report;
};

/* --- retention ---------------------------------------------------------------------------------------------------- */

static void post_retain(struct upkeep *u)
{
    const struct config *c = u->config;

    u->retain.before_ms = c->keep_days > 0 ? clock_wall_ms() - (int64_t)c->keep_days * 24 * 3600 * 1000 : 0;
    u->retain.keep_tasks = c->keep_tasks;
    u->retain.keep_bytes = (int64_t)c->keep_mb << 20;
    u->retaining = true;
    journal_post(u->journal, &u->retain.op);
}

static void wait_ms(struct upkeep *u, int ms)
{
    struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    if (!u->stopping)
        event_add(u->timer, &tv);
}

static void on_retained(struct journal_op *op)
{
    struct upkeep *u = op->arg;

    u->retaining = false;
    u->n_deleted += u->retain.n_deleted;
    if (op->result == 0 && u->retain.more && !u->stopping) {
        post_retain(u);
        return;
    }
    if (u->n_deleted > 0)
        log_info("journal: %lld old tasks were deleted", (long long)u->n_deleted);
    u->n_deleted = 0;
    wait_ms(u, RETAIN_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    post_retain(arg);
}

/* --- copies ------------------------------------------------------------------------------------------------------- */

static void conclude(struct upkeep *u, const struct upkeep_result *result)
{
    upkeep_done *done = u->done;

    u->done = NULL;
    done(u->arg, result);
}

static void fail_with(struct upkeep *u, const struct err *err)
{
    if (u->checks)
        unlink(u->backup.path);
    conclude(u, &(struct upkeep_result){ .err = err });
}

static void stopped(struct upkeep *u)
{
    struct err err = { 0 };

    fail(&err, CORAX_E_UNAVAIL, "coraxd is being ended");
    fail_with(u, &err);
}

/* --- checks ------------------------------------------------------------------------------------------------------- */

/* What the child said on its standard error, in a line; its name, which begins it, is left out. */
static void read_said(struct upkeep *u, char *out, size_t size)
{
    const ssize_t n = u->said_fd >= 0 ? pread(u->said_fd, out, size - 1, 0) : 0;
    const size_t name = strlen("coraxd: ");

    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (strncmp(out, "coraxd: ", name) == 0)
        memmove(out, out + name, strlen(out + name) + 1);
}

static void close_said(struct upkeep *u)
{
    if (u->said_fd >= 0)
        close(u->said_fd);
    u->said_fd = -1;
}

static void end_child(struct upkeep *u, int *status)
{
    if (u->readable)
        event_free(u->readable);
    u->readable = NULL;
    child_reap(&u->child, true, status);
    u->child = (struct child){ .pidfd = -1, .fd = -1 };
}

static void on_checked(struct upkeep *u)
{
    struct upkeep_result result = { 0 };
    struct err err = { 0 };
    char end[80], said[ERR_MSG / 2];
    int status;

    end_child(u, &status);
    child_describe_end(status, end, sizeof(end));
    read_said(u, said, sizeof(said));
    close_said(u);
    if (said[0])
        log_warn("check of the journal: %s", said);
    if (u->report.failed || json_check(u->report.data ? u->report.data : "", u->report.len, NULL) < 0) {
        fail(&err, CORAX_E_INTERNAL, "the check of the journal %s%s%s", end, said[0] ? ": " : "", said);
        fail_with(u, &err);
    } else {
        unlink(u->backup.path);
        result.report = u->report.data;
        result.report_len = u->report.len;
        conclude(u, &result);
    }
    buf_finish(&u->report);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct upkeep *u = arg;
    char data[8192];
    ssize_t n = read(u->child.fd, data, sizeof(data));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        buf_add(&u->report, data, (size_t)n);
    if (n <= 0 || u->report.failed)
        on_checked(u);
}

static int start_check(struct upkeep *u, struct err *err)
{
    char program[512];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    char *argv[] = { (char[]){ "coraxd" }, (char[]){ "--check-journal" }, u->backup.path, NULL };
    struct child_spec spec = { .path = program, .argv = argv, .err_fd = -1 };

    if (n < 0)
        return fail_sys(err, CORAX_E_INTERNAL, "/proc/self/exe");
    program[n] = '\0';
    spec.err_fd = u->said_fd = memfd_create("check", MFD_CLOEXEC);
    if (child_spawn(&u->child, &spec, err) < 0) {
        close_said(u);
        return -1;
    }
    buf_init(&u->report, MAX_REPORT);
    u->readable = event_new(u->base, u->child.fd, EV_READ | EV_PERSIST, on_readable, u);
    if (u->readable && event_add(u->readable, NULL) == 0)
        return 0;
    end_child(u, &(int){ 0 });
    close_said(u);
    buf_finish(&u->report);
    return fail(err, CORAX_E_INTERNAL, "no memory");
}

/* --- both --------------------------------------------------------------------------------------------------------- */

static void on_copied(struct journal_op *op)
{
    struct upkeep *u = op->arg;
    struct upkeep_result result = { .path = u->backup.path };
    struct err err = op->err;

    if (op->result == 0 && u->backup.more && !u->stopping) {
        journal_post(u->journal, op);
        return;
    }
    u->copying = false;
    journal_backup_finish(&u->backup);
    result.bytes = u->backup.bytes;
    if (op->result == 0 && u->stopping && (u->checks || u->backup.more))
        stopped(u);
    else if (op->result < 0 || (u->checks && start_check(u, &err) < 0))
        fail_with(u, &err);
    else if (!u->checks)
        conclude(u, &result);
}

static int begin(struct upkeep *u, const char *path, bool checks, upkeep_done *done, void *arg, struct err *err)
{
    if (u->done || u->stopping)
        return fail(err, CORAX_E_UNAVAIL, "the journal is being copied or checked: try again when that is done");
    if (journal_backup_init(&u->backup, path, on_copied, err) < 0)
        return -1;
    u->backup.op.arg = u;
    u->done = done;
    u->arg = arg;
    u->checks = checks;
    u->copying = true;
    journal_post(u->journal, &u->backup.op);
    return 0;
}

static bool good_name(const char *name)
{
    const size_t len = strlen(name);

    return len > 0 && len <= MAX_NAME && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

int upkeep_backup(struct upkeep *u, const char *name, upkeep_done *done, void *arg, struct err *err)
{
    char path[512], now[40];
    const time_t t = time(NULL);
    struct tm tm;

    if (name && !good_name(name))
        return fail(err, CORAX_E_ARGS, "the name of a copy has letters, digits, '.', '_' and '-', at most %d, and no dot first", MAX_NAME);
    strftime(now, sizeof(now), "%Y%m%dT%H%M%SZ.db", gmtime_r(&t, &tm));
    if ((size_t)snprintf(path, sizeof(path), "%s/backups/%s", u->config->state, name ? name : now) >= sizeof(path))
        return fail(err, CORAX_E_ARGS, "the path of the copy is too long");
    if (access(path, F_OK) == 0)
        return fail(err, CORAX_E_ARGS, "%s is there already: give another name", path);
    *strrchr(path, '/') = '\0';
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail_sys(err, CORAX_E_IO, "%s", path);
    path[strlen(path)] = '/';
    return begin(u, path, false, done, arg, err);
}

int upkeep_check(struct upkeep *u, upkeep_done *done, void *arg, struct err *err)
{
    char path[512];

    if ((size_t)snprintf(path, sizeof(path), "%s/corax.check", u->config->state) >= sizeof(path))
        return fail(err, CORAX_E_ARGS, "the path of the copy is too long");
    if (!u->done)
        unlink(path); /* of a daemon that was killed */
    return begin(u, path, true, done, arg, err);
}

struct upkeep *upkeep_create(struct event_base *base, struct journal *journal, const struct config *config, struct err *err)
{
    struct upkeep *u = calloc(1, sizeof(*u));

    if (u) {
        u->base = base;
        u->journal = journal;
        u->config = config;
        u->child = (struct child){ .pidfd = -1, .fd = -1 };
        u->said_fd = -1;
        u->timer = evtimer_new(base, on_timer, u);
    }
    if (u == NULL || u->timer == NULL) {
        free(u);
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    journal_retain_init(&u->retain, on_retained);
    u->retain.op.arg = u;
    if (config->keep_days > 0 || config->keep_tasks > 0 || config->keep_mb > 0)
        wait_ms(u, FIRST_MS);
    return u;
}

void upkeep_stop(struct upkeep *u)
{
    if (u == NULL)
        return;
    u->stopping = true;
    event_del(u->timer);
    if (u->child.pid) {
        end_child(u, &(int){ 0 });
        close_said(u);
        buf_finish(&u->report);
        stopped(u);
    }
}

void upkeep_destroy(struct upkeep *u)
{
    if (u == NULL)
        return;
    event_free(u->timer);
    free(u);
}
