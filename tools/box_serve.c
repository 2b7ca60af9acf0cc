/*
 * box_serve.c - see box_serve.h.
 *
 * Init waits, with the box ready, until the request comes; reads it inside, so that no parser meets it outside; writes the files; and then does
 * nothing but pass on what the program prints and look at its limits, until the program ends or has to.  After that everything
 * that still runs is killed, and only then is the folder looked at.
 */
#include "config.h"

#include "tools/box_serve.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/box_parts.h"
#include "util/clock.h"
#include "util/utf8.h"

#define LOOK_MS 50 /* between two looks at the processor time */

enum end { END_RUNS, END_EXITED, END_SIGNAL, END_TIMEOUT, END_MEMORY, END_OUTPUT, END_NOBODY };

static const char *const end_names[] = { "", "exited", "signal", "timeout", "memory", "output", "" };

struct stream {
    int fd; /* -1: at its end */
    struct buf text;
    bool over; /* there was more than it may have */
};

struct run {
    const struct box *box;
    const struct box_request *request;
    pid_t pid;
    int status;
    bool reaped;
    enum end end;
    int signals; /* signalfd of SIGCHLD */
    struct stream out, err;
    int64_t started_ns, ended_ns, cpu_us, peak_bytes;
};

/* --- starting ---------------------------------------------------------------------------------------------------- */

static int write_files(const struct box_request *r, struct err *err)
{
    for (size_t i = 0; i < r->n_files; i++) {
        const struct box_file *f = &r->files[i];
        int fd = open(f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        size_t done = 0;
        ssize_t n = 0;

        while (fd >= 0 && done < f->len && (n = write(fd, f->data + done, f->len - done)) > 0)
            done += (size_t)n;
        if (fd < 0 || done < f->len)
            fail_sys(err, CORAX_E_IO, "the file \"%.60s\" cannot be written", f->name);
        if (fd >= 0)
            close(fd);
        if (fd < 0 || done < f->len)
            return -1;
    }
    return 0;
}

/* A file without a name: unlike a pipe it needs nobody who writes while the program runs. */
static int open_input(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    int fd;

    if (text == NULL)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 && (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool find_program(const char *name, char *path, size_t size)
{
    static const char *const folders[] = { "/usr/bin", "/bin" };

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, size, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static void become(struct run *run, const char *path, int input, int out, int err, int trouble)
{
    int error;
    ssize_t n;

    if (dup2(input, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2)
        box_become(run->box, path, run->request->argv, &run->request->limits);
    error = errno;
    n = write(trouble, &error, sizeof error);
    (void)n;
    _exit(127);
}

static int start(struct run *run, const char *path, struct err *err)
{
    int out[2] = { -1, -1 }, errors[2] = { -1, -1 }, trouble[2] = { -1, -1 }, error = 0, rc = -1;
    int input = open_input(run->request->input);
    sigset_t chld;

    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    run->signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    if (input < 0 || run->signals < 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0 ||
        pipe2(trouble, O_CLOEXEC) != 0) {
        fail_sys(err, CORAX_E_IO, "the program's descriptors");
        goto out;
    }
    run->started_ns = clock_mono_ns();
    run->pid = fork();
    if (run->pid == 0)
        become(run, path, input, out[1], errors[1], trouble[1]);
    close(trouble[1]);
    trouble[1] = -1;
    if (run->pid < 0) {
        fail_sys(err, CORAX_E_IO, "a process for the program");
    } else if (read(trouble[0], &error, sizeof error) > 0) {
        errno = error;
        fail_sys(err, CORAX_E_IO, "%s", path);
    } else {
        run->out.fd = out[0];
        run->err.fd = errors[0];
        out[0] = errors[0] = -1;
        rc = 0;
    }
out:
    for (int i = 0; i < 2; i++) {
        if (out[i] >= 0)
            close(out[i]);
        if (errors[i] >= 0)
            close(errors[i]);
        if (trouble[i] >= 0)
            close(trouble[i]);
    }
    if (input >= 0)
        close(input);
    return rc;
}

/* --- while it runs ----------------------------------------------------------------------------------------------- */

static int64_t children_us(struct rusage *u)
{
    getrusage(RUSAGE_CHILDREN, u);
    return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * INT64_C(1000000) + u->ru_utime.tv_usec + u->ru_stime.tv_usec;
}

/* Of one live process, in ticks.  The name in between may hold anything, even a ')'. */
static long long ticks_of(const char *pid)
{
    char path[64], text[1024];
    const char *at;
    unsigned long long user, system;
    int fd;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    at = strrchr(text, ')');
    if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
        return 0;
    return (long long)(user + system);
}

/* What the whole tree has used: those that were reaped, all of them by init in the end, and those that run. */
static int64_t used_us(void)
{
    struct rusage u;
    long long ticks = 0;
    DIR *dir = opendir("/proc");
    struct dirent *e;

    while (dir && (e = readdir(dir)) != NULL)
        if (isdigit((unsigned char)e->d_name[0]) && strcmp(e->d_name, "1") != 0)
            ticks += ticks_of(e->d_name);
    if (dir)
        closedir(dir);
    return children_us(&u) + ticks * 1000000 / sysconf(_SC_CLK_TCK);
}

static void reap(struct run *run)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(run->signals, &info, sizeof info) == (ssize_t)sizeof info)
        continue;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == run->pid) {
            run->reaped = true;
            run->status = status;
        }
}

/* Takes what there is; true when it wrote more than it may. */
static bool take(struct stream *s, int64_t most)
{
    char part[16384];
    ssize_t n;

    if (s->fd < 0)
        return false;
    n = read(s->fd, part, sizeof part);
    if (n <= 0) {
        if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            close(s->fd);
            s->fd = -1;
        }
        return false;
    }
    if (s->text.len + (size_t)n > (size_t)most) {
        buf_add(&s->text, part, (size_t)most - s->text.len);
        s->over = true;
        return true;
    }
    buf_add(&s->text, part, (size_t)n);
    return false;
}

static void watch(struct run *run)
{
    const struct box_limits *l = &run->request->limits;
    int64_t look_ms = clock_mono_ms() + LOOK_MS;

    while (run->end == END_RUNS) {
        struct pollfd p[4] = { { .fd = run->signals, .events = POLLIN },
                               { .fd = run->out.fd, .events = POLLIN },
                               { .fd = run->err.fd, .events = POLLIN },
                               { .fd = 1 } }; /* only errors: whoever asked is gone */
        int64_t left_ms = l->wall_ms - (clock_mono_ns() - run->started_ns) / 1000000;

        if (left_ms <= 0) {
            run->end = END_TIMEOUT;
            break;
        }
        poll(p, 4, (int)(left_ms < LOOK_MS ? left_ms : LOOK_MS));
        if (p[3].revents & (POLLERR | POLLHUP | POLLNVAL))
            run->end = END_NOBODY;
        else if ((p[1].revents && take(&run->out, l->output_bytes)) ||
                 (p[2].revents && take(&run->err, l->output_bytes)))
            run->end = END_OUTPUT;
        reap(run);
        if (run->reaped && run->end == END_RUNS)
            run->end = END_EXITED;
        else if (run->end == END_RUNS && clock_mono_ms() >= look_ms) {
            look_ms = clock_mono_ms() + LOOK_MS;
            if (used_us() > l->cpu_ms * 1000)
                run->end = END_TIMEOUT;
        }
    }
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* Without a cgroup the kernel does not end a program, it refuses memory; what then fails and says so counts as well. */
static bool lacked_memory(const struct run *run, int64_t most_rss)
{
    static const char *const words[] = { "MemoryError", "std::bad_alloc", "Cannot allocate memory", "out of memory" };
    const char *text = run->err.text.data;
    size_t len = run->err.text.len;

    if (run->box->cgroup.version != 0)
        return box_cgroup_oom_kills(&run->box->cgroup) > 0;
    if (most_rss > run->request->limits.memory_bytes / 8 * 7)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(len > 400 ? text + len - 400 : text, len > 400 ? 400 : len, words[i], strlen(words[i])) != NULL)
            return true;
    return false;
}

static void finish(struct run *run)
{
    struct rusage u;
    int64_t peak;

    box_kill_all();
    run->ended_ns = clock_mono_ns();
    run->cpu_us = children_us(&u);
    peak = box_cgroup_peak(&run->box->cgroup);
    run->peak_bytes = peak > 0 ? peak : u.ru_maxrss * INT64_C(1024);
    /* Nobody is left to write, so both have an end; what is still in the pipes is at most what pipes hold. */
    while (run->end != END_NOBODY && (run->out.fd >= 0 || run->err.fd >= 0))
        if (take(&run->out, run->request->limits.output_bytes) || take(&run->err, run->request->limits.output_bytes)) {
            run->end = run->end == END_EXITED ? END_OUTPUT : run->end;
            break;
        }
    if (run->end != END_EXITED)
        return;
    if (run->status != 0 && lacked_memory(run, u.ru_maxrss * INT64_C(1024)))
        run->end = END_MEMORY;
    else if (WIFSIGNALED(run->status))
        run->end = WTERMSIG(run->status) == SIGXCPU ? END_TIMEOUT : END_SIGNAL;
}

/* JSON of ours has no NUL, and foreign text may. */
static void put_output(struct jsonw *w, const char *key, struct buf *text)
{
    struct buf clean;

    buf_init(&clean, 3 * text->len + 1);
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] == '\0')
            buf_adds(&clean, "\xef\xbf\xbd");
        else
            buf_addc(&clean, text->data[i]);
    jsonw_string(w, key, clean.data, clean.len);
    buf_finish(&clean);
}

static void answer(struct run *run, int folder, struct buf *line)
{
    struct jsonw w = rpc_result_start(line, run->request->msg.id, run->request->msg.id_len);

    jsonw_text(&w, "end", end_names[run->end]);
    jsonw_int(&w, "status",
              run->end == END_EXITED   ? WEXITSTATUS(run->status)
              : run->end == END_SIGNAL ? WTERMSIG(run->status)
                                       : SIGKILL);
    put_output(&w, "stdout", &run->out.text);
    put_output(&w, "stderr", &run->err.text);
    box_collect(folder, run->request, &w);
    jsonw_int(&w, "wall_us", (run->ended_ns - run->started_ns) / 1000);
    jsonw_int(&w, "cpu_us", run->cpu_us);
    jsonw_int(&w, "peak_bytes", run->peak_bytes);
    rpc_end(&w);
}

/* --- one request --------------------------------------------------------------------------------------------------- */

/* 0: line has an answer; -1: err has, and *code; 1: nobody wants one. */
static int run_request(const struct box *b, const struct box_request *r, struct buf *line, int *code, struct err *err)
{
    struct run run = { .box = b, .request = r, .out.fd = -1, .err.fd = -1, .signals = -1 };
    enum box_part lacks = box_missing(b, true);
    char path[300];
    int folder = -1, rc = -1, error;

    *code = RPC_TOOL_FAILED;
    if (lacks != BOX_N_PARTS)
        return fail(err, CORAX_E_UNAVAIL, "nothing is run, since the box is not whole: %s: %.180s",
                    box_part_name(lacks), b->state->parts[lacks].why);
    if (!find_program(r->argv[0], path, sizeof path))
        return fail(err, CORAX_E_NOTFOUND, "there is no program \"%.60s\" in /usr/bin or /bin", r->argv[0]);
    buf_init(&run.out.text, (size_t)r->limits.output_bytes);
    buf_init(&run.err.text, (size_t)r->limits.output_bytes);
    error = b->cgroup.version ? box_cgroup_limit(&b->cgroup, r->limits.memory_bytes, r->limits.processes) : 0;
    if (error) {
        errno = error;
        fail_sys(err, CORAX_E_UNAVAIL, "the cgroup's limits");
    } else if (chdir(BOX_FOLDER) != 0 || (folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        fail_sys(err, CORAX_E_IO, "the working directory");
    } else if (write_files(r, err) == 0 && start(&run, path, err) == 0) {
        watch(&run);
        finish(&run);
        rc = run.end == END_NOBODY ? 1 : 0;
        if (rc == 0)
            answer(&run, folder, line);
    }
    buf_finish(&run.out.text);
    buf_finish(&run.err.text);
    return rc;
}

static bool write_all(const struct buf *line)
{
    size_t done = 0;

    while (done < line->len) {
        ssize_t n = write(1, line->data + done, line->len - done);

        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Blocks until there is a line: 1, or 0 when the end came first, or -1. */
static int read_line(struct rpc_reader *reader, const char **line, size_t *len, struct err *err)
{
    char part[65536];

    while (!rpc_reader_next(reader, line, len)) {
        ssize_t n = read(0, part, sizeof part);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        if (rpc_reader_feed(reader, part, (size_t)n, err) < 0)
            return -1;
    }
    return 1;
}

int box_serve(const struct box *b)
{
    struct rpc_reader reader;
    struct box_request request;
    struct err err = { 0 };
    struct buf line;
    const char *text;
    size_t len;
    int code, rc;

    rpc_reader_init(&reader);
    buf_init(&line, RPC_MAX_LINE);
    rc = read_line(&reader, &text, &len, &err);
    if (rc == 0)
        return 0; /* it was kept in store and is not needed */
    if (rc < 0) {
        rpc_write_error(&line, "null", 4, RPC_INVALID_REQUEST, err.msg);
        write_all(&line);
        return 1;
    }
    rc = box_request_parse(&request, text, len, &code, &err);
    if (rc == 0)
        rc = run_request(b, &request, &line, &code, &err);
    if (rc == 0 && line.failed) {
        rc = fail(&err, CORAX_E_LIMIT, "the answer is longer than a line may be");
        code = RPC_INTERNAL;
        buf_reset(&line);
    }
    if (rc < 0)
        rpc_write_error(&line, request.msg.id ? request.msg.id : "null", request.msg.id ? request.msg.id_len : 4, code,
                        err.msg);
    box_request_finish(&request);
    rpc_reader_finish(&reader);
    return write_all(&line) ? 0 : 1;
}
