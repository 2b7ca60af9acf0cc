/* host_io.c - see host_io.h. */
#include "config.h"

#include "tools/host_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"

#define PROTOCOL_FD 40 /* the lowest for the protocol: above what plugins count on, below the limit on open files */

static int take(int fd, int *out, struct err *err)
{
    *out = fcntl(fd, F_DUPFD_CLOEXEC, PROTOCOL_FD);
    return *out >= 0 ? 0 : fail_sys(err, CORAX_E_IO, "descriptor %d cannot be moved", fd);
}

int host_io_init(struct host_io *io, struct err *err)
{
    int null;

    *io = (struct host_io){ .in_fd = -1, .out_fd = -1 };
    rpc_reader_init(&io->reader);
    if (take(STDIN_FILENO, &io->in_fd, err) != 0 || take(STDOUT_FILENO, &io->out_fd, err) != 0)
        return -1;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return fail_sys(err, CORAX_E_IO, "/dev/null cannot be opened");
    if (dup2(null, STDIN_FILENO) < 0 || (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0) ||
        dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        close(null);
        return fail_sys(err, CORAX_E_IO, "the standard descriptors cannot be replaced");
    }
    close(null);
    return 0;
}

void host_io_finish(struct host_io *io)
{
    rpc_reader_finish(&io->reader);
    for (size_t i = 0; i < io->n_queued; i++)
        free(io->queue[i].line);
    if (io->in_fd >= 0)
        close(io->in_fd);
    if (io->out_fd >= 0)
        close(io->out_fd);
    *io = (struct host_io){ .in_fd = -1, .out_fd = -1 };
}

/* Reads once what is there; waits for it if need be. */
static int read_some(struct host_io *io, struct err *err)
{
    char bytes[65536];
    struct pollfd p = { .fd = io->in_fd, .events = POLLIN };
    ssize_t n = read(io->in_fd, bytes, sizeof bytes);

    if (n > 0)
        return rpc_reader_feed(&io->reader, bytes, (size_t)n, err);
    if (n == 0 || errno == ECONNRESET) {
        io->ended = true;
        return 0;
    }
    if (errno == EAGAIN)
        poll(&p, 1, -1);
    else if (errno != EINTR)
        return fail_sys(err, CORAX_E_IO, "reading the input failed");
    return 0;
}

static int copy_line(const char *line, size_t len, struct host_message *out, struct err *err)
{
    out->line = malloc(len + 1);
    if (out->line == NULL)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    memcpy(out->line, line, len);
    out->line[len] = '\0';
    out->len = len;
    return 0;
}

static void forget_queued(struct host_io *io, size_t i)
{
    io->n_queued--;
    memmove(&io->queue[i], &io->queue[i + 1], (io->n_queued - i) * sizeof *io->queue);
}

int host_io_next(struct host_io *io, struct host_message *out, struct err *err)
{
    const char *line;
    size_t len;

    if (io->n_queued > 0) {
        *out = io->queue[0];
        forget_queued(io, 0);
        return 1;
    }
    for (;;) {
        if (rpc_reader_next(&io->reader, &line, &len))
            return copy_line(line, len, out, err) == 0 ? 1 : -1;
        if (io->ended)
            return 0;
        if (read_some(io, err) != 0)
            return -1;
    }
}

/* --- while a call runs ------------------------------------------------------------------------------------------- */

static bool same_id(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool has_id(const struct host_message *queued, const char *id, size_t id_len)
{
    struct rpc_msg m;
    bool yes;

    if (rpc_parse(queued->line, queued->len, &m, NULL) != 0)
        return false;
    yes = m.id && same_id(m.id, m.id_len, id, id_len);
    rpc_msg_finish(&m);
    return yes;
}

/* A request that has not begun is dropped without an answer. */
static void drop_request(struct host_io *io, const char *id, size_t id_len)
{
    for (size_t i = 0; i < io->n_queued; i++)
        if (has_id(&io->queue[i], id, id_len)) {
            free(io->queue[i].line);
            forget_queued(io, i);
            return;
        }
}

/* What a running call looks for in what arrives. */
struct watch {
    const char *call_id; /* whose cancellation */
    size_t call_id_len;
    const char *asked_id; /* the answer to which request of ours; NULL: none */
    size_t asked_id_len;
    bool cancelled, answered;
    struct host_message answer;
};

static void refuse_request(struct host_io *io, const struct rpc_msg *m)
{
    struct buf out;

    buf_init(&out, RPC_MAX_LINE);
    rpc_write_error(&out, m->id, m->id_len, RPC_INTERNAL, "too many requests wait: at most 64");
    if (!out.failed)
        host_io_write(io, out.data, out.len);
    buf_finish(&out);
}

static void sort_message(struct host_io *io, struct watch *w, const struct rpc_msg *m)
{
    const char *id;
    size_t id_len;

    if (m->kind == RPC_NOTIFICATION && strcmp(m->method, "notifications/cancelled") == 0) {
        if (!json_find(m->line, m->line_len, "/params/requestId", &id, &id_len))
            return;
        if (same_id(id, id_len, w->call_id, w->call_id_len))
            w->cancelled = true;
        else
            drop_request(io, id, id_len);
    } else if (m->kind == RPC_REQUEST && io->n_queued >= HOST_MAX_QUEUED) {
        refuse_request(io, m); /* only while an answer of ours is behind it */
    } else if (m->kind == RPC_REQUEST) {
        if (copy_line(m->line, m->line_len, &io->queue[io->n_queued], NULL) == 0)
            io->n_queued++;
    } else if (m->kind != RPC_NOTIFICATION && w->asked_id && !w->answered &&
               same_id(m->id, m->id_len, w->asked_id, w->asked_id_len)) {
        w->answered = copy_line(m->line, m->line_len, &w->answer, NULL) == 0;
    } /* other notifications, and answers to what is given up, mean nothing here */
}

/* Takes the whole lines that have arrived. */
static void sort_lines(struct host_io *io, struct watch *w)
{
    struct rpc_msg m;
    const char *line;
    size_t len;

    while ((w->asked_id ? !w->answered : io->n_queued < HOST_MAX_QUEUED) && rpc_reader_next(&io->reader, &line, &len)) {
        if (rpc_parse(line, len, &m, NULL) == 0) {
            sort_message(io, w, &m);
            rpc_msg_finish(&m);
        } else if (io->n_queued < HOST_MAX_QUEUED && copy_line(line, len, &io->queue[io->n_queued], NULL) == 0) {
            io->n_queued++; /* is answered with what is wrong with it */
        }
    }
}

bool host_io_cancelled(struct host_io *io, const char *id, size_t id_len)
{
    struct pollfd p[2] = { { .fd = io->ended ? -1 : io->in_fd, .events = POLLIN }, { .fd = io->out_fd } };
    struct watch w = { .call_id = id, .call_id_len = id_len };

    if (io->n_queued >= HOST_MAX_QUEUED || poll(p, 2, 0) < 0)
        return false;
    if (p[1].revents & (POLLERR | POLLHUP))
        return true;
    if (p[0].revents && read_some(io, NULL) != 0) {
        io->ended = true; /* what came before is still answered */
        return false;
    }
    /* A whole batch may have come with the request itself, so look even when nothing is new. */
    sort_lines(io, &w);
    return w.cancelled;
}

enum host_wait host_io_await(struct host_io *io, const char *asked_id, const char *call_id, size_t call_id_len,
                             int64_t deadline_ms, struct host_message *out)
{
    struct pollfd p[2] = { { .fd = io->in_fd, .events = POLLIN }, { .fd = io->out_fd } };
    struct watch w = { call_id, call_id_len, asked_id, strlen(asked_id), false, false, { NULL, 0 } };
    int64_t left;

    for (;;) {
        sort_lines(io, &w);
        if (w.answered) {
            *out = w.answer;
            return HOST_ANSWERED;
        }
        if (w.cancelled)
            return HOST_CANCELLED;
        if (io->ended)
            return HOST_ENDED;
        left = deadline_ms - clock_mono_ms();
        if (left <= 0)
            return HOST_LATE;
        if (poll(p, 2, left < INT_MAX ? (int)left : INT_MAX) < 0)
            continue;
        if (p[1].revents & (POLLERR | POLLHUP))
            return HOST_CANCELLED;
        if (p[0].revents && read_some(io, NULL) != 0)
            io->ended = true;
    }
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

int host_io_write(struct host_io *io, const char *data, size_t len)
{
    struct pollfd p = { .fd = io->out_fd, .events = POLLOUT };

    while (len > 0) {
        ssize_t n = write(io->out_fd, data, len);

        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            poll(&p, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}
