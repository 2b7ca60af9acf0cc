#include "tests/bench/floor.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/report.h"
#include "tools/mcp.h"
#include "util/arena.h"
#include "util/child.h"

#define N_WARM   50
#define MAX_LINE 4096

/* --- commits ----------------------------------------------------------------------------------------------------- */

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die("SQLite: %s: %s", sql, sqlite3_errmsg(db));
}

static void step(sqlite3 *db, sqlite3_stmt *s)
{
    if (sqlite3_step(s) != SQLITE_DONE)
        die("SQLite: %s", sqlite3_errmsg(db));
    sqlite3_reset(s);
}

double floor_commit_us(const char *dir, bool full, int n)
{
    static const char *const sql[] = { "BEGIN IMMEDIATE", "INSERT INTO t(body) VALUES(?1)", "COMMIT" };
    char path[700], body[1000];
    double *us = calloc((size_t)n, sizeof(*us)), p50;
    sqlite3_stmt *s[3];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/floor.db", dir);
    unlink(path);
    if (us == NULL || sqlite3_open(path, &db) != SQLITE_OK)
        die("%s cannot be opened", path);
    run(db, "PRAGMA journal_mode=WAL");
    run(db, full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    run(db, "CREATE TABLE t(n INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT");
    memset(body, 'x', sizeof(body));
    for (int i = 0; i < 3; i++)
        if (sqlite3_prepare_v2(db, sql[i], -1, &s[i], NULL) != SQLITE_OK)
            die("SQLite: %s", sqlite3_errmsg(db));
    sqlite3_bind_text(s[1], 1, body, sizeof(body), SQLITE_STATIC);
    for (int i = 0; i < N_WARM / 5 + n; i++) {
        int64_t began = now_ns();

        for (int k = 0; k < 3; k++)
            step(db, s[k]);
        if (i >= N_WARM / 5)
            us[i - N_WARM / 5] = (double)(now_ns() - began) / 1e3;
    }
    for (int i = 0; i < 3; i++)
        sqlite3_finalize(s[i]);
    sqlite3_close(db);
    unlink(path);
    p50 = percentile(us, (size_t)n, 0.5);
    free(us);
    return p50;
}

/* --- round trips ------------------------------------------------------------------------------------------------- */

static void write_request(struct buf *out, int64_t id)
{
    static const char args[] = "{\"text\":\"task 12, step 3\",\"pad\":0}";

    mcp_write_call(out, MCP_MODERN, id, "echo", args, strlen(args), 30000, NULL);
}

static void write_all(int fd, const char *data, size_t len)
{
    if (write(fd, data, len) != (ssize_t)len)
        die("a line cannot be written: %s", strerror(errno));
}

/* Reads one line; 0 at the end. */
static size_t read_line(int fd, char *line)
{
    size_t len = 0;
    ssize_t n;

    do {
        n = read(fd, line + len, MAX_LINE - len);
        if (n <= 0)
            return 0;
        len += (size_t)n;
    } while (line[len - 1] != '\n' && len < MAX_LINE);
    return len;
}

/* The child of a pair goes where `where` says, and this process to the first core. */
static void pin_before_start(enum where where)
{
    pin_self(cores[where == ON_TWO_CORES]);
}

static void pin_after_start(void)
{
    pin_self(cores[0]);
}

static struct trips summary(double *us, int n)
{
    struct trips t;

    t.p50_us = percentile(us, (size_t)n, 0.5);
    t.p99_us = percentile(us, (size_t)n, 0.99);
    free(us);
    pin_self(cores[1]);
    return t;
}

struct host {
    struct child child;
    struct rpc_reader reader;
    struct arena *arena;
    struct buf out;
};

static void host_start(struct host *h, enum where where)
{
    char box[700], program[700], plugin[700];
    const char *argv[] = { box, "run", "--owned", plugin, "--", program, "--boxed", plugin, NULL };
    struct err err = { 0 };

    snprintf(box, sizeof(box), "%s/corax-box", build_dir());
    snprintf(program, sizeof(program), "%s/corax-host", build_dir());
    snprintf(plugin, sizeof(plugin), "%s/tests/bench/.libs/echo.so", build_dir());
    pin_before_start(where);
    if (child_spawn(&h->child, &(struct child_spec){ .path = box, .argv = (char *const *)argv, .err_fd = -1 }, &err) <
        0)
        die("%s", err.msg);
    pin_after_start();
    fcntl(h->child.fd, F_SETFL, fcntl(h->child.fd, F_GETFL) & ~O_NONBLOCK);
    rpc_reader_init(&h->reader);
    buf_init(&h->out, RPC_MAX_LINE);
    h->arena = arena_create(1u << 20);
}

static void host_end(struct host *h)
{
    int status;

    child_reap(&h->child, true, &status);
    rpc_reader_finish(&h->reader);
    buf_finish(&h->out);
    arena_destroy(h->arena);
}

/* One call and its answer, read as the daemon reads it.  The answer's bytes into line unless NULL. */
static size_t host_call(struct host *h, int64_t id, char *copy)
{
    struct tool_result result;
    struct rpc_msg msg;
    struct err err = { 0 };
    char data[MAX_LINE];
    const char *line;
    size_t len;
    ssize_t n;

    buf_reset(&h->out);
    write_request(&h->out, id);
    write_all(h->child.fd, h->out.data, h->out.len);
    while (!rpc_reader_next(&h->reader, &line, &len)) {
        n = read(h->child.fd, data, sizeof(data));
        if (n <= 0 || rpc_reader_feed(&h->reader, data, (size_t)n, &err) < 0)
            die("corax-host ended: %s", n <= 0 ? "it reads no more" : err.msg);
    }
    arena_reset(h->arena);
    if (rpc_parse(line, len, &msg, &err) < 0 || mcp_read_result(&msg, h->arena, &result, &err) < 0)
        die("corax-host: %s", err.msg);
    if (result.error || result.n_parts != 1)
        die("corax-host: the call failed: %.*s", (int)len, line);
    if (copy) {
        memcpy(copy, line, len);
        copy[len] = '\n';
    }
    rpc_msg_finish(&msg);
    return len + 1;
}

struct trips tool_round_trips(enum where where, int n)
{
    double *us = calloc((size_t)n, sizeof(*us));
    struct host h;

    if (us == NULL)
        die("no memory");
    host_start(&h, where);
    for (int i = -N_WARM; i < n; i++) {
        int64_t began = now_ns();

        host_call(&h, i + N_WARM + 1, NULL);
        if (i >= 0)
            us[i] = (double)(now_ns() - began) / 1e3;
    }
    host_end(&h);
    return summary(us, n);
}

static void parse(const char *line, size_t len)
{
    cJSON *value = cJSON_ParseWithLength(line, len);

    if (value == NULL)
        die("a line is no JSON: %.*s", (int)len, line);
    cJSON_Delete(value);
}

static void answer_lines(int fd, const char *reply, size_t reply_len)
{
    char line[MAX_LINE];
    size_t len;

    while ((len = read_line(fd, line)) > 0) {
        parse(line, len);
        write_all(fd, reply, reply_len);
    }
    _exit(0);
}

struct trips bare_round_trips(enum where where, int n)
{
    double *us = calloc((size_t)n, sizeof(*us));
    char reply[MAX_LINE], line[MAX_LINE];
    struct host h;
    struct buf request;
    size_t reply_len;
    pid_t pid;
    int fd[2];

    host_start(&h, ON_ONE_CORE);
    reply_len = host_call(&h, 12345, reply);
    host_end(&h);
    buf_init(&request, RPC_MAX_LINE);
    write_request(&request, 12345);
    if (us == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
        die("no socketpair");
    pin_before_start(where);
    pid = fork();
    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0) {
        close(fd[0]);
        answer_lines(fd[1], reply, reply_len);
    }
    pin_after_start();
    close(fd[1]);
    for (int i = -N_WARM; i < n; i++) {
        int64_t began = now_ns();
        size_t len;

        write_all(fd[0], request.data, request.len);
        len = read_line(fd[0], line);
        parse(line, len);
        if (i >= 0)
            us[i] = (double)(now_ns() - began) / 1e3;
    }
    close(fd[0]);
    waitpid(pid, NULL, 0);
    buf_finish(&request);
    return summary(us, n);
}
