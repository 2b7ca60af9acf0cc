/*
 * tests/tools/drive.h - runs corax-host as the daemon would: a child on a socketpair, the client side of tools/mcp.h.
 */
#ifndef TESTS_TOOLS_DRIVE_H
#define TESTS_TOOLS_DRIVE_H

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/mcp.h"
#include "util/arena.h"
#include "util/child.h"
#include "util/clock.h"
#include "util/rpc.h"

#define DRIVE_WAIT_MS 20000 /* for one line; generous, since sanitizers and a busy machine are slow */

struct drive {
    struct child child;
    struct rpc_reader reader;
    struct arena *arena;
    int64_t id;
    char line[RPC_MAX_LINE + 1]; /* of the last answer */
    size_t line_len;
    struct rpc_msg msg;
    bool has_msg;
};

/* Others than the owner may write to what a umask of 002 built; corax-host refuses that. */
static inline const char *drive_module(const char *folder, const char *name)
{
    static char path[4][1024];
    static unsigned turn;
    char *p = path[turn++ % 4];

    snprintf(p, sizeof path[0], "%s/%s.libs/%s.so", getenv("CORAX_BUILDDIR"), folder, name);
    if (chmod(p, 0755) != 0)
        fprintf(stderr, "%s: %s\n", p, strerror(errno));
    return p;
}

static inline const char *drive_zoo(const char *name)
{
    return drive_module("tests/tools/zoo/", name);
}

#define DRIVE_MAX_OPTIONS 8

/* options end with NULL. */
static inline bool drive_start_with(struct drive *d, const char *const *options, const char *plugin)
{
    static char program[1024];
    char *argv[DRIVE_MAX_OPTIONS + 3];
    int n = 0;
    struct err err;

    snprintf(program, sizeof program, "%s/corax-host", getenv("CORAX_BUILDDIR"));
    argv[n++] = program;
    while (*options && n <= DRIVE_MAX_OPTIONS)
        argv[n++] = (char *)*options++;
    argv[n++] = (char *)plugin;
    argv[n] = NULL;
    memset(d, 0, sizeof *d);
    rpc_reader_init(&d->reader);
    d->arena = arena_create(8 << 20);
    if (child_spawn(&d->child, &(struct child_spec){ .path = program, .argv = argv, .err_fd = -1 }, &err) == 0)
        return true;
    fprintf(stderr, "%s\n", err.msg);
    return false;
}

static inline bool drive_start(struct drive *d, const char *option, const char *plugin)
{
    return drive_start_with(d, (const char *const[]){ option, NULL }, plugin);
}

static inline bool drive_send(struct drive *d, const char *text, size_t len)
{
    struct pollfd p = { .fd = d->child.fd, .events = POLLOUT };

    while (len > 0) {
        ssize_t n = write(d->child.fd, text, len);

        if (n < 0 && errno == EAGAIN)
            poll(&p, 1, 1000);
        else if (n < 0)
            return false;
        else {
            text += n;
            len -= (size_t)n;
        }
    }
    return true;
}

/* The next line into d->line; false at the end of the stream or after DRIVE_WAIT_MS. */
static inline bool drive_line(struct drive *d)
{
    struct pollfd p = { .fd = d->child.fd, .events = POLLIN };
    char bytes[65536];
    const char *line;

    for (;;) {
        ssize_t n;

        if (rpc_reader_next(&d->reader, &line, &d->line_len)) {
            memcpy(d->line, line, d->line_len);
            d->line[d->line_len] = '\0';
            return true;
        }
        if (poll(&p, 1, DRIVE_WAIT_MS) <= 0)
            return false;
        n = read(d->child.fd, bytes, sizeof bytes);
        if (n <= 0 || rpc_reader_feed(&d->reader, bytes, (size_t)n, NULL) != 0)
            return false;
    }
}

/* The next message into d->msg. */
static inline bool drive_message(struct drive *d)
{
    struct err err;

    if (d->has_msg)
        rpc_msg_finish(&d->msg);
    d->has_msg = drive_line(d) && rpc_parse(d->line, d->line_len, &d->msg, &err) == 0;
    return d->has_msg;
}

/* Sends one typed line and waits for the answer's text; NULL when there is none. */
static inline const char *drive_ask(struct drive *d, const char *line)
{
    return drive_send(d, line, strlen(line)) && drive_send(d, "\n", 1) && drive_line(d) ? d->line : NULL;
}

static inline void drive_begin_serving(struct drive *d, const char *tool, const char *args, int64_t deadline_ms,
                                       const char *const services[])
{
    struct buf out;

    buf_init(&out, RPC_MAX_LINE);
    mcp_write_call(&out, MCP_MODERN, ++d->id, tool, args, strlen(args), deadline_ms, services);
    drive_send(d, out.data, out.len);
    buf_finish(&out);
}

static inline void drive_begin(struct drive *d, const char *tool, const char *args, int64_t deadline_ms)
{
    drive_begin_serving(d, tool, args, deadline_ms, NULL);
}

/* Waits for the answer to the call that was begun; notes before it are skipped. */
static inline int drive_result(struct drive *d, struct tool_result *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    arena_reset(d->arena);
    do
        if (!drive_message(d))
            return fail(err, CORAX_E_IO, "no answer");
    while (d->msg.kind == RPC_NOTIFICATION);
    return mcp_read_result(&d->msg, d->arena, out, err);
}

/* The first part's text, "error: ..." for a failed call, "failure: ..." when it is no result at all. */
static inline const char *drive_call(struct drive *d, const char *tool, const char *args, int64_t deadline_ms)
{
    struct tool_result r;
    struct err err = { 0 };

    drive_begin(d, tool, args, deadline_ms);
    if (drive_result(d, &r, &err) != 0)
        return arena_printf(d->arena, "failure: %s", err.msg);
    if (r.n_parts == 0)
        return "";
    return r.error ? arena_printf(d->arena, "error: %s", r.parts[0].data) : r.parts[0].data;
}

/* Closes the connection and waits.  The wait status; -1 when it had to be killed. */
static inline int drive_end(struct drive *d)
{
    struct pollfd p = { .fd = d->child.pidfd, .events = POLLIN };
    int status = -1;
    bool ended;

    shutdown(d->child.fd, SHUT_WR);
    ended = poll(&p, 1, DRIVE_WAIT_MS) > 0;
    child_reap(&d->child, !ended, &status);
    if (d->has_msg)
        rpc_msg_finish(&d->msg);
    rpc_reader_finish(&d->reader);
    arena_destroy(d->arena);
    return ended ? status : -1;
}

#endif
