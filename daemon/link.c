#include "daemon/link.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/child.h"
#include "util/clock.h"
#include "util/log.h"

#define MAX_ARGS     300 /* a host is told of each root twice */
#define MAX_LOG_LINE 400
#define LAST_WORDS   160
#define MAX_UNSENT   (32u << 20) /* a child that reads nothing while so much waits is as good as dead */
#define READ_AT_ONCE 65536
#define KEEP_OUT     65536 /* bytes of memory for output that are kept when it is written */
#define START_MS     1     /* after link_start */

struct link {
    struct event_base *base;
    char *name, *path;
    char *argv[MAX_ARGS + 1];
    char **envp; /* NULL: the usual */
    const struct link_ops *ops;
    void *arg;
    struct child child;
    bool up;     /* started, and `down` not yet called */
    bool wanted; /* the end under way was asked for */
    bool once;   /* it is not started again */
    struct event *readable;
    struct event *writable; /* made active when there is something to write; waited for when it did not fit */
    struct buf out;
    size_t n_sent;              /* of out */
    struct bufferevent *errors; /* its standard error */
    int64_t log_since_ms;
    int n_logged;
    char last_words[LAST_WORDS + 1]; /* its last line on standard error; "": none since its start */
    struct event *ended, *restart;
    struct rpc_reader reader;
    struct backoff backoff;
    unsigned n_starts, n_failures;
    char last_error[240];
    struct log_repeat trouble;
};

static void start(struct link *l);

static void close_lines(struct link *l)
{
    if (l->readable)
        event_free(l->readable);
    if (l->writable)
        event_free(l->writable);
    l->readable = l->writable = NULL;
    buf_finish(&l->out);
    l->n_sent = 0;
}

static void restart_later(struct link *l, int64_t wait_ms)
{
    struct timeval tv = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };

    if (!l->once)
        evtimer_add(l->restart, &tv);
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
    start(arg);
}

/* Says goodbye to the child's lines; the process itself is reaped when its pidfd says so. */
static void go_down(struct link *l, const char *why)
{
    if (!l->up)
        return;
    l->up = false;
    close_lines(l);
    rpc_reader_finish(&l->reader);
    if (!l->wanted) {
        l->n_failures++;
        snprintf(l->last_error, sizeof(l->last_error), "%s", why);
        log_warn_repeat(&l->trouble, "%s: %s", l->name, why);
    }
    l->ops->down(l->arg, why);
}

void link_kill(struct link *l, bool wanted, const char *why)
{
    char text[240];

    if (!l->up)
        return;
    l->wanted = wanted;
    child_kill(&l->child, SIGKILL);
    snprintf(text, sizeof(text), "was ended: %.220s", why);
    go_down(l, text);
}

/* Takes lines until there is no whole one, or the child is down. */
static void take_lines(struct link *l, const char *data, size_t len)
{
    struct err err = { 0 };
    struct rpc_msg msg;
    const char *line;
    size_t line_len;
    char why[240];
    int rc;

    if (rpc_reader_feed(&l->reader, data, len, &err) < 0) {
        link_kill(l, false, err.msg);
        return;
    }
    while (l->up && rpc_reader_next(&l->reader, &line, &line_len)) {
        rc = rpc_parse(line, line_len, &msg, &err);
        if (rc == 0) {
            rc = l->ops->message(l->arg, &msg, &err);
            rpc_msg_finish(&msg);
        }
        if (rc < 0 && l->up) {
            snprintf(why, sizeof(why), "it wrote a line that makes no sense: %.180s", err.msg);
            link_kill(l, false, why);
        }
    }
}

/* The end of its output.  If it is ending already, its status stands; if not, nobody could hear it any more. */
static void lost(struct link *l)
{
    event_del(l->readable);
    event_del(l->writable);
    child_kill(&l->child, SIGKILL);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct link *l = arg;
    char data[READ_AT_ONCE];
    ssize_t n = read(fd, data, sizeof(data));

    if (n > 0) {
        take_lines(l, data, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        if (n < 0)
            log_debug("%s: %s", l->name, strerror(errno));
        lost(l);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct link *l = arg;
    ssize_t n;

    while (l->n_sent < l->out.len) {
        n = write(fd, l->out.data + l->n_sent, l->out.len - l->n_sent);
        if (n >= 0) {
            l->n_sent += (size_t)n;
        } else if (errno == EAGAIN) {
            event_add(l->writable, NULL);
            return;
        } else if (errno != EINTR) {
            log_debug("%s: %s", l->name, strerror(errno));
            lost(l);
            return;
        }
    }
    l->n_sent = 0;
    if (l->out.cap > KEEP_OUT)
        buf_finish(&l->out);
    else
        buf_reset(&l->out);
}

/*
 * What a child says last is mostly why it ended.  A line of util/log.h begins with its time, which is left out; what is
 * not printable ASCII becomes ?, since it is shown to people.
 */
static void keep_last_words(struct link *l, const char *line)
{
    const char *text = line[0] >= '0' && line[0] <= '9' ? strchr(line, ' ') : NULL;
    size_t i;

    text = text ? text + 1 : line;
    for (i = 0; i < LAST_WORDS && text[i]; i++)
        l->last_words[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    l->last_words[i] = '\0';
}

/* A line of its standard error, or what there is of one that is too long or has no end. */
static void log_line(struct link *l, const char *line)
{
    int64_t now = clock_mono_ms();

    if (now - l->log_since_ms > LINK_LOG_MS) {
        if (l->n_logged > LINK_LOG_LINES)
            log_info("%s: (%d more lines)", l->name, l->n_logged - LINK_LOG_LINES);
        l->log_since_ms = now;
        l->n_logged = 0;
    }
    if (l->n_logged++ < LINK_LOG_LINES)
        log_info("%s: %s", l->name, line);
    keep_last_words(l, line);
}

static void on_errors(struct bufferevent *bev, void *arg)
{
    struct link *l = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    char *line, part[MAX_LOG_LINE + 1];
    int n;

    while ((line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF)) != NULL) {
        line[strnlen(line, MAX_LOG_LINE)] = '\0';
        log_line(l, line);
        free(line);
    }
    while (evbuffer_get_length(in) >= MAX_LOG_LINE && (n = evbuffer_remove(in, part, MAX_LOG_LINE)) > 0) {
        part[n] = '\0';
        log_line(l, part);
    }
}

static void on_errors_end(struct bufferevent *bev, short what, void *arg)
{
    bufferevent_disable(bev, EV_READ);
}

/* The child's end of a new pipe, or -1: then it writes where the daemon does. */
static int open_errors(struct link *l)
{
    int fd[2];

    if (pipe2(fd, O_CLOEXEC) < 0)
        return -1;
    evutil_make_socket_nonblocking(fd[0]);
    l->errors = bufferevent_socket_new(l->base, fd[0], BEV_OPT_CLOSE_ON_FREE);
    if (l->errors == NULL) {
        close(fd[0]);
        close(fd[1]);
        return -1;
    }
    bufferevent_setcb(l->errors, on_errors, NULL, on_errors_end, l);
    bufferevent_enable(l->errors, EV_READ);
    return fd[1];
}

static void close_errors(struct link *l)
{
    char data[MAX_LOG_LINE];
    ssize_t n;

    if (l->errors == NULL)
        return;
    /* Its last words are the ones that matter. */
    if ((n = read(bufferevent_getfd(l->errors), data, sizeof(data))) > 0)
        evbuffer_add(bufferevent_get_input(l->errors), data, (size_t)n);
    on_errors(l->errors, l);
    bufferevent_free(l->errors);
    l->errors = NULL;
}

/* What the child wrote before it ended still counts. */
static void drain(struct link *l)
{
    char data[READ_AT_ONCE];
    ssize_t n;

    while (l->up && (n = read(l->child.fd, data, sizeof(data))) > 0)
        take_lines(l, data, (size_t)n);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    struct link *l = arg;
    char why[80], text[80 + LAST_WORDS + 4];
    int status;

    drain(l);
    close_errors(l);
    event_free(l->ended);
    l->ended = NULL;
    child_reap(&l->child, true, &status);
    child_describe_end(status, why, sizeof(why));
    /* One that was killed did not know, and its last words are about something else. */
    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) != 0 && l->last_words[0])
        snprintf(text, sizeof(text), "%s: %s", why, l->last_words);
    else
        snprintf(text, sizeof(text), "%s", why);
    go_down(l, text);
    restart_later(l, l->wanted ? 0 : backoff_next_ms(&l->backoff, clock_mono_ms()));
}

static void start(struct link *l)
{
    struct child_spec spec = { .path = l->path, .argv = l->argv, .envp = l->envp, .err_fd = -1 };
    struct err err = { 0 };
    int rc;

    l->wanted = false;
    l->last_words[0] = '\0';
    l->n_starts++;
    backoff_started(&l->backoff, clock_mono_ms());
    spec.err_fd = open_errors(l);
    rc = child_spawn(&l->child, &spec, &err);
    if (spec.err_fd >= 0)
        close(spec.err_fd);
    if (rc < 0)
        goto failed;
    l->ended = event_new(l->base, l->child.pidfd, EV_READ, on_ended, l);
    l->readable = event_new(l->base, l->child.fd, EV_READ | EV_PERSIST, on_readable, l);
    l->writable = event_new(l->base, l->child.fd, EV_WRITE, on_writable, l);
    if (l->ended == NULL || l->readable == NULL || l->writable == NULL || event_add(l->ended, NULL) < 0 ||
        event_add(l->readable, NULL) < 0) {
        int status;

        fail(&err, CORAX_E_INTERNAL, "no memory");
        if (l->ended)
            event_free(l->ended);
        close_lines(l);
        l->ended = NULL;
        child_reap(&l->child, true, &status);
        goto failed;
    }
    rpc_reader_init(&l->reader);
    l->up = true;
    log_debug("%s: started, pid %ld", l->name, (long)l->child.pid);
    l->ops->up(l->arg);
    return;
failed:
    close_errors(l);
    l->up = true; /* so that the end is told as of any other child */
    rpc_reader_init(&l->reader);
    go_down(l, err.msg);
    restart_later(l, backoff_next_ms(&l->backoff, clock_mono_ms()));
}

struct link *link_create(struct event_base *base, const char *name, const char *path, const char *const argv[],
                         const struct link_ops *ops, void *arg, struct err *err)
{
    struct link *l = calloc(1, sizeof(*l));
    size_t i;

    if (l == NULL)
        goto no_memory;
    l->base = base;
    l->ops = ops;
    l->arg = arg;
    l->child = (struct child){ .pidfd = -1, .fd = -1 };
    buf_init(&l->out, 2 * (size_t)MAX_UNSENT);
    l->name = strdup(name);
    l->path = strdup(path);
    l->restart = evtimer_new(base, on_restart, l);
    if (l->name == NULL || l->path == NULL || l->restart == NULL)
        goto no_memory;
    for (i = 0; i < MAX_ARGS && argv[i]; i++)
        if ((l->argv[i] = strdup(argv[i])) == NULL)
            goto no_memory;
    return l;
no_memory:
    fail(err, CORAX_E_INTERNAL, "%s: no memory", name);
    link_destroy(l);
    return NULL;
}

void link_destroy(struct link *l)
{
    int status;
    size_t i;

    if (l == NULL)
        return;
    close_lines(l);
    if (l->ended)
        event_free(l->ended);
    if (l->restart)
        event_free(l->restart);
    if (l->child.pid)
        child_reap(&l->child, true, &status);
    close_errors(l);
    if (l->up)
        rpc_reader_finish(&l->reader);
    for (i = 0; i < MAX_ARGS; i++)
        free(l->argv[i]);
    for (i = 0; l->envp && l->envp[i]; i++)
        free(l->envp[i]);
    free(l->envp);
    free(l->name);
    free(l->path);
    free(l);
}

int link_set_env(struct link *l, const char *const envp[], struct err *err)
{
    size_t n = 0;

    while (envp[n])
        n++;
    if ((l->envp = calloc(n + 1, sizeof(*l->envp))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (size_t i = 0; i < n; i++)
        if ((l->envp[i] = strdup(envp[i])) == NULL)
            return fail(err, CORAX_E_INTERNAL, "no memory");
    return 0;
}

/* The loop stands still while a child is started: what waits at the daemon's socket is answered first. */
void link_start(struct link *l)
{
    restart_later(l, START_MS);
}

void link_start_once(struct link *l)
{
    l->once = true;
    start(l);
}

void link_let_end(struct link *l)
{
    l->wanted = true;
    if (!l->up)
        return;
    on_writable(l->child.fd, EV_WRITE, l); /* what it was sent is part of its input */
    shutdown(l->child.fd, SHUT_WR);
}

bool link_is_up(const struct link *l)
{
    return l->up;
}

bool link_send(struct link *l, const struct buf *lines)
{
    if (!l->up || lines->failed)
        return false;
    if (l->out.len - l->n_sent > MAX_UNSENT)
        return false;
    /* Written when this round of the loop has said all it has to say. */
    if (l->out.len == 0)
        event_active(l->writable, EV_WRITE, 0);
    if (l->n_sent > l->out.len / 2) {
        buf_drop_front(&l->out, l->n_sent);
        l->n_sent = 0;
    }
    buf_add(&l->out, lines->data, lines->len);
    return !l->out.failed;
}

void link_works(struct link *l)
{
    l->n_failures = 0;
    l->last_error[0] = '\0';
    log_works_again(&l->trouble, l->name);
}

void link_served(struct link *l)
{
    l->backoff.n_failures = 0;
    link_works(l);
}

unsigned link_restarts(const struct link *l)
{
    return l->n_starts > 0 ? l->n_starts - 1 : 0;
}

unsigned link_failures(const struct link *l)
{
    return l->n_failures;
}

const char *link_last_error(const struct link *l)
{
    return l->last_error[0] ? l->last_error : NULL;
}

int64_t link_pid(const struct link *l)
{
    return l->child.pid;
}
