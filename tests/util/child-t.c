/*
 * Covers: talking to a child, its environment, descriptors and signals, killing its group, reaping with grandchildren left,
 * failures to start, a parent without standard descriptors, the backoff.  Not: pidfd_open failing.
 */
#include "util/child.h"

#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap.h"

#define DEADLINE_MS 20000

/* String literals are const, the arrays of exec are not, for reasons older than const: hence the casts. */
static struct child start(const char *const *argv)
{
    struct child_spec spec = { .path = argv[0], .argv = (char *const *)argv, .err_fd = -1 };
    struct child child = { .pid = 0, .pidfd = -1, .fd = -1 };
    struct err err = { 0 };

    if (!ok(child_spawn(&child, &spec, &err) == 0, "starts %s", argv[0]))
        diag("%s", err.msg);
    return child;
}

static struct child start_shell(const char *script)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };

    return start(argv);
}

static bool readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, DEADLINE_MS) == 1;
}

/* All up to the end of the stream, or to a newline. */
static const char *read_text(int fd, bool line)
{
    static char text[4096];
    size_t len = 0;

    while (len < sizeof(text) - 1 && readable(fd)) {
        ssize_t n = read(fd, text + len, line ? 1 : sizeof(text) - 1 - len);

        if (n <= 0 || (line && text[len] == '\n'))
            break;
        len += (size_t)n;
    }
    text[len] = '\0';
    return text;
}

static int end_of(struct child *child)
{
    int status = -1;

    if (!readable(child->pidfd))
        diag("no end within %d ms", DEADLINE_MS);
    if (!child_reap(child, false, &status))
        child_reap(child, true, &status);
    return status;
}

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void test_echo(void)
{
    const char *argv[] = { "/bin/cat", NULL };
    struct child child = start(argv);
    int status = -1;

    ok(fcntl(child.fd, F_GETFL) & O_NONBLOCK, "our end does not block");
    ok(fcntl(child.fd, F_GETFD) & FD_CLOEXEC, "nor reach other children");
    ok(fcntl(child.pidfd, F_GETFD) & FD_CLOEXEC, "nor does the pidfd");
    ok(!child_reap(&child, false, &status), "a running child is not reaped");
    ok(write(child.fd, "hello\n", 6) == 6, "write");
    is_str(read_text(child.fd, true), "hello", "cat echoes");
    shutdown(child.fd, SHUT_WR);
    status = end_of(&child);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "cat ends at the end of its input");
    ok(child.pid == 0 && child.pidfd == -1 && child.fd == -1, "nothing is left");
    ok(child_reap(&child, false, &status) && status == -1, "reaping nobody");
    child_kill(&child, SIGKILL);
}

static void test_inheritance(void)
{
    struct child child;
    sigset_t set;
    int status, before;

    setenv("CORAX_TEST_SECRET", "x", 1);
    setenv("TZ", "UTC", 1);
    child = start_shell("exec /usr/bin/env");
    has_str(read_text(child.fd, false), "TZ=UTC", "TZ is passed on");
    ok(!strstr(read_text(child.fd, false), "SECRET"), "other variables are not");
    end_of(&child);

    before = count_descriptors();
    if (dup2(STDERR_FILENO, 50) != 50)
        diag("dup2 failed");
    child = start_shell("if test -e /proc/self/fd/50; then echo leaked; else echo closed; fi");
    is_str(read_text(child.fd, true), "closed", "no other descriptor reaches the child");
    end_of(&child);
    close(50);
    is_int(count_descriptors(), before, "and none is left here");

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGTERM, SIG_IGN);
    child = start_shell("kill -TERM $$; echo alive");
    status = end_of(&child);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "signals blocked and ignored here work there");
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);

    child = start_shell("test $(ps -o sid= -p $$) = $$ && echo leader");
    is_str(read_text(child.fd, true), "leader", "it leads a session");
    end_of(&child);
}

static void test_stderr(void)
{
    const char *argv[] = { "/bin/sh", "-c", "echo oops >&2; echo fine", NULL };
    const char *envp[] = { "A=1", NULL };
    struct child_spec spec = { .path = argv[0], .argv = (char *const *)argv, .envp = (char *const *)envp };
    struct child child;
    struct err err = { 0 };
    int fds[2];

    if (pipe(fds) != 0)
        return;
    spec.err_fd = fds[1];
    is_int(child_spawn(&child, &spec, &err), 0, "with a standard error of its own");
    close(fds[1]);
    is_str(read_text(child.fd, true), "fine", "standard output");
    is_str(read_text(fds[0], true), "oops", "standard error");
    close(fds[0]);
    end_of(&child);
}

/* Whether the process behind a pidfd has ended, be it reaped or not. */
static void test_ended(int pidfd, const char *what)
{
    ok(pidfd >= 0 && readable(pidfd), "%s", what);
    close(pidfd);
}

static void test_group(void)
{
    struct child child;
    int status, grandchild;

    child = start_shell("sleep 1000 & echo $!; wait");
    grandchild = pidfd_open((pid_t)atol(read_text(child.fd, true)), 0);
    child_kill(&child, SIGTERM);
    test_ended(grandchild, "killing reaches a grandchild");
    status = end_of(&child);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "and the child");

    child = start_shell("sleep 1000 & echo $!; exit 3");
    grandchild = pidfd_open((pid_t)atol(read_text(child.fd, true)), 0);
    status = end_of(&child);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 3, "a child that ended by itself");
    test_ended(grandchild, "takes along what it left running");

    child = start_shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    read_text(child.fd, true);
    child_kill(&child, SIGTERM);
    ok(child_reap(&child, true, &status), "waiting for one that ignores SIGTERM");
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "kills it");
}

static void test_failures(void)
{
    const char *argv[] = { "x", NULL };
    struct child_spec spec = { .path = "/nonexistent/x", .argv = (char *const *)argv, .err_fd = -1 };
    struct child child = { .pid = 7, .pidfd = 8, .fd = 9 };
    struct err err = { 0 };
    int before = count_descriptors();

    is_int(child_spawn(&child, &spec, &err), -1, "a program that is not there");
    is_int(err.status, CORAX_E_NOTFOUND, "is not found");
    has_str(err.msg, "/nonexistent/x", "and named");
    spec.path = "/etc/passwd";
    is_int(child_spawn(&child, &spec, &err), -1, "a file that is no program");
    is_int(err.status, CORAX_E_DENIED, "is denied");
    spec.path = "/bin/true";
    spec.err_fd = 999;
    is_int(child_spawn(&child, &spec, &err), -1, "a standard error that is not open");
    ok(child.pid == 7 && child.pidfd == 8 && child.fd == 9, "a failure leaves the struct alone");
    is_int(count_descriptors(), before, "and no descriptors");
}

/* In a process of its own, whose exit status tells: it has no standard output to print to. */
static void test_closed_standard(void)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        const char *argv[] = { "/bin/cat", NULL };
        struct child_spec spec = { .path = argv[0], .argv = (char *const *)argv, .err_fd = -1 };
        struct child child;
        struct err err;

        close(0);
        close(1);
        close(2);
        if (child_spawn(&child, &spec, &err) != 0)
            _exit(1);
        if (child.fd < 3 || write(child.fd, "hello\n", 6) != 6 || strcmp(read_text(child.fd, true), "hello") != 0)
            _exit(2);
        _exit(child_reap(&child, true, &status) ? 0 : 3);
    }
    waitpid(pid, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a parent without standard descriptors");
}

static void test_describe(void)
{
    char text[80];

    child_describe_end(3 << 8, text, sizeof(text));
    is_str(text, "exited with status 3", "exit");
    child_describe_end(SIGSEGV, text, sizeof(text));
    is_str(text, "killed by signal 11 (Segmentation fault)", "signal");
    child_describe_end(-1, text, sizeof(text));
    is_str(text, "ended, nobody knows how", "unknown");
}

static void test_backoff(void)
{
    static const int want[] = { 0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000 };
    struct backoff backoff = { 0 };
    int64_t now = 1000000;

    for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
        int64_t wait_ms;

        backoff_started(&backoff, now);
        now += 50;
        wait_ms = backoff_next_ms(&backoff, now);
        if (wait_ms != want[i])
            is_int(wait_ms, want[i], "delay");
        now += wait_ms;
    }
    ok(true, "delays double up to 30 s");
    backoff_started(&backoff, now);
    is_int(backoff_next_ms(&backoff, now + BACKOFF_GOOD_MS), 0, "one that lived long starts afresh");
    backoff_started(&backoff, now);
    is_int(backoff_next_ms(&backoff, now + BACKOFF_GOOD_MS - 1), 100, "one that did not, does not");
}

int main(void)
{
    plan_later();
    test_echo();
    test_inheritance();
    test_stderr();
    test_group();
    test_failures();
    test_closed_standard();
    test_describe();
    test_backoff();
    done();
    return tap_status();
}
