/*
 * tests/tools/box_drive.h - runs corax-box as its tests need it: as the user who runs them, or, for root, as an ordinary one.
 */
#ifndef TESTS_TOOLS_BOX_DRIVE_H
#define TESTS_TOOLS_BOX_DRIVE_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/clock.h"

#define ORDINARY_UID 65533 /* not the one that root's boxes have */
#define BOX_WAIT_MS  60000 /* generous: sanitizers and a busy machine are slow */

/* A copy that an ordinary user can reach, wherever the build folder is. */
static char box_dir[] = "/tmp/corax-box-test.XXXXXX";
static char box_program[64];

static inline void box_copy(const char *from, const char *to, mode_t mode)
{
    char command[4600];

    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    if (system(command) != 0 || chmod(to, mode) != 0)
        perror(to);
}

static inline void box_setup(void)
{
    char from[4096];

    if (mkdtemp(box_dir) == NULL || chmod(box_dir, 0755) != 0)
        perror(box_dir);
    snprintf(from, sizeof from, "%s/corax-box", getenv("CORAX_BUILDDIR"));
    snprintf(box_program, sizeof box_program, "%s/corax-box", box_dir);
    box_copy(from, box_program, 0755);
}

static inline void box_teardown(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", box_dir);
    if (system(command) != 0)
        perror(box_dir);
}

struct ran {
    struct buf out, err;
    int status; /* as waitpid gives it; -1: it did not end in time and was killed */
    int64_t ms;
};

/* Starts argv with pipes for all three; in_fd is -1 or where to write.  *in, *out, *err are ours. */
static inline pid_t box_spawn(char *const argv[], bool ordinary, int *in, int *out, int *err)
{
    int i[2], o[2], e[2];
    pid_t pid;

    if (pipe2(i, O_CLOEXEC) != 0 || pipe2(o, O_CLOEXEC) != 0 || pipe2(e, O_CLOEXEC) != 0)
        abort();
    pid = fork();
    if (pid == 0) {
        setsid();
        if (ordinary && (setgroups(0, NULL) != 0 || setresgid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID) != 0 ||
                         setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID) != 0))
            _exit(126);
        dup2(i[0], 0);
        dup2(o[1], 1);
        dup2(e[1], 2);
        execv(argv[0], argv);
        _exit(127);
    }
    close(i[0]);
    close(o[1]);
    close(e[1]);
    *in = i[1];
    *out = o[0];
    *err = e[0];
    return pid;
}

static inline bool box_drain(int *fd, struct buf *into)
{
    char part[65536];
    ssize_t n = read(*fd, part, sizeof part);

    if (n > 0) {
        buf_add(into, part, (size_t)n);
        return true;
    }
    close(*fd);
    *fd = -1;
    return false;
}

/* Writes input, reads all of both outputs, waits. */
static inline struct ran box_run(char *const argv[], bool ordinary, const char *input, size_t input_len)
{
    struct ran r = { .status = -1 };
    int in, out, err;
    int64_t start = clock_mono_ms();
    pid_t pid = box_spawn(argv, ordinary, &in, &out, &err);
    size_t done = 0;

    signal(SIGPIPE, SIG_IGN);
    fcntl(in, F_SETFL, O_NONBLOCK);
    buf_init(&r.out, 4 << 20);
    buf_init(&r.err, 4 << 20);
    while (out >= 0 || err >= 0) {
        struct pollfd p[3] = { { .fd = out, .events = POLLIN },
                               { .fd = err, .events = POLLIN },
                               { .fd = in, .events = POLLOUT } };

        if (clock_mono_ms() - start > BOX_WAIT_MS || poll(p, 3, 1000) < 0) {
            kill(pid, SIGKILL);
            break;
        }
        if (in >= 0 && p[2].revents) {
            ssize_t n = done < input_len ? write(in, input + done, input_len - done) : 0;

            done += n > 0 ? (size_t)n : 0;
            if (done == input_len || (n < 0 && errno != EAGAIN)) {
                close(in);
                in = -1;
            }
        }
        if (p[0].revents)
            box_drain(&out, &r.out);
        if (p[1].revents)
            box_drain(&err, &r.err);
    }
    r.ms = clock_mono_ms() - start;
    if (in >= 0)
        close(in);
    waitpid(pid, &r.status, 0);
    if (out >= 0 || err >= 0)
        r.status = -1;
    return r;
}

static inline void ran_finish(struct ran *r)
{
    buf_finish(&r->out);
    buf_finish(&r->err);
}

/* Why no box can be tested here; NULL: it can. */
static inline const char *box_unavailable(bool ordinary)
{
    char *const argv[] = { box_program, (char *)"probe", NULL };
    struct ran r = box_run(argv, ordinary, "", 0);
    static char why[2048];
    bool good = strstr(r.out.data, "\"runs_code\":true") != NULL;

    snprintf(why, sizeof why, "%.1000s %.1000s", r.out.data, r.err.data);
    ran_finish(&r);
    return good ? NULL : why;
}

#endif
