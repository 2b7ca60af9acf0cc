#include "util/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS  30000

/* The variables a child gets when its spec names none: enough to find programs and to write dates and text. */
static void default_environment(char *envp[4])
{
    static const char *const names[] = { "PATH=", "LANG=", "TZ=" };
    size_t n = 0;

    for (size_t i = 0; i < 3; i++)
        for (char **e = environ; e && *e; e++)
            if (strncmp(*e, names[i], strlen(names[i])) == 0) {
                envp[n++] = *e;
                break;
            }
    envp[n] = NULL;
}

/*
 * Moves a descriptor above the standard three.  A daemon may have started with some of those closed; a socket that got
 * such a number would be overwritten by the child's dup2, or be written to as if it were standard error.
 */
static int above_standard(int fd)
{
    int moved;

    if (fd > STDERR_FILENO)
        return fd;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (moved >= 0)
        close(fd);
    return moved;
}

static int spawn(pid_t *pid, const struct child_spec *spec, int sock, int err_fd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t all, none;
    char *default_env[4];
    int e;

    default_environment(default_env);
    sigfillset(&all);
    sigemptyset(&none);
    if ((e = posix_spawn_file_actions_init(&actions)) != 0)
        return e;
    if ((e = posix_spawnattr_init(&attr)) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return e;
    }
    e = posix_spawn_file_actions_adddup2(&actions, sock, STDIN_FILENO);
    if (e == 0)
        e = posix_spawn_file_actions_adddup2(&actions, sock, STDOUT_FILENO);
    if (e == 0 && err_fd >= 0)
        e = posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
    if (e == 0)
        e = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (e == 0)
        e = posix_spawnattr_setsigdefault(&attr, &all);
    if (e == 0)
        e = posix_spawnattr_setsigmask(&attr, &none);
    /* A session is also a group of its own, and leaves the child without a terminal to be stopped by. */
    if (e == 0)
        e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    if (e == 0)
        e = posix_spawn(pid, spec->path, &actions, &attr, spec->argv, spec->envp ? spec->envp : default_env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

int child_spawn(struct child *child, const struct child_spec *spec, struct err *err)
{
    int sv[2] = { -1, -1 }, err_fd = -1, pidfd, rc = -1, e;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0)
        return fail_sys(err, CORAX_E_IO, "start %s: socketpair", spec->path);
    for (int i = 0; i < 2; i++) {
        int moved = above_standard(sv[i]);

        if (moved < 0) {
            fail_sys(err, CORAX_E_IO, "start %s: descriptor", spec->path);
            goto out;
        }
        sv[i] = moved;
    }
    if (fcntl(sv[0], F_SETFL, O_NONBLOCK) != 0) {
        fail_sys(err, CORAX_E_IO, "start %s: non-blocking", spec->path);
        goto out;
    }
    /* A copy above the standard three, since those are replaced in the child before this one is used. */
    if (spec->err_fd >= 0 && (err_fd = fcntl(spec->err_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) < 0) {
        fail_sys(err, CORAX_E_IO, "start %s: standard error", spec->path);
        goto out;
    }
    e = spawn(&pid, spec, sv[1], err_fd);
    if (e != 0) {
        errno = e;
        fail_sys(err,
                 e == ENOENT   ? CORAX_E_NOTFOUND
                 : e == EACCES ? CORAX_E_DENIED
                               : CORAX_E_IO,
                 "start %s", spec->path);
        goto out;
    }
    pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        fail_sys(err, CORAX_E_IO, "start %s: pidfd_open", spec->path);
        kill(-pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        goto out;
    }
    *child = (struct child){ .pid = pid, .pidfd = pidfd, .fd = sv[0] };
    sv[0] = -1;
    rc = 0;
out:
    if (sv[0] >= 0)
        close(sv[0]);
    if (sv[1] >= 0)
        close(sv[1]);
    if (err_fd >= 0)
        close(err_fd);
    return rc;
}

void child_kill(struct child *child, int sig)
{
    if (child->pid > 0)
        kill(-child->pid, sig);
}

bool child_reap(struct child *child, bool wait, int *status)
{
    siginfo_t info = { 0 };
    int st = -1, rc;

    if (child->pid > 0) {
        if (wait)
            kill(-child->pid, SIGKILL);
        /* Look first, reap later: as long as the zombie holds its number, the group can be killed without hitting others. */
        while ((rc = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT | (wait ? 0 : WNOHANG))) < 0 &&
               errno == EINTR)
            continue;
        if (rc == 0 && info.si_pid == 0)
            return false;
        if (rc == 0) {
            kill(-child->pid, SIGKILL);
            while (waitpid(child->pid, &st, 0) < 0)
                if (errno != EINTR) {
                    st = -1;
                    break;
                }
        }
    }
    if (child->pidfd >= 0)
        close(child->pidfd);
    if (child->fd >= 0)
        close(child->fd);
    *child = (struct child){ .pid = 0, .pidfd = -1, .fd = -1 };
    *status = st;
    return true;
}

void child_describe_end(int status, char *out, size_t out_size)
{
    if (status >= 0 && WIFEXITED(status)) {
        snprintf(out, out_size, "exited with status %d", WEXITSTATUS(status));
    } else if (status >= 0 && WIFSIGNALED(status)) {
        const char *name = sigdescr_np(WTERMSIG(status));

        snprintf(out, out_size, "killed by signal %d (%s)", WTERMSIG(status), name ? name : "unknown");
    } else {
        snprintf(out, out_size, "ended, nobody knows how");
    }
}

void backoff_started(struct backoff *backoff, int64_t now_ms)
{
    backoff->started_ms = now_ms;
}

int64_t backoff_next_ms(struct backoff *backoff, int64_t now_ms)
{
    int64_t wait_ms = 0;

    if (now_ms - backoff->started_ms >= BACKOFF_GOOD_MS)
        backoff->n_failures = 0;
    if (backoff->n_failures > 0) {
        wait_ms = BACKOFF_FIRST_MS;
        for (uint32_t i = 1; i < backoff->n_failures && wait_ms < BACKOFF_MOST_MS; i++)
            wait_ms *= 2;
    }
    if (backoff->n_failures < UINT32_MAX)
        backoff->n_failures++;
    return wait_ms < BACKOFF_MOST_MS ? wait_ms : BACKOFF_MOST_MS;
}
