/*
 * escape.c - one tool that tries what its argument names and says "done", or the error's name.  What a sandbox refuses
 * must work without it, or the test proves nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/zoo/zoo.h"

static char scratch[64];

static int try_socket_inet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int try_socket_unix(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int try_socketpair(void)
{
    int fds[2];

    return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

static int reap(pid_t pid)
{
    return pid > 0 ? waitpid(pid, NULL, 0) : (int)pid;
}

static int try_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return reap(pid);
}

static int try_clone(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (pid == 0)
        _exit(0);
    return reap(pid);
}

static int try_exec(void)
{
    char name[] = "false";
    char *const argv[] = { name, NULL };

    return execv("/nonexistent/program", argv);
}

static int try_create(void)
{
    return open(scratch, O_RDWR | O_CREAT | O_EXCL, 0600);
}

static int try_overwrite(void)
{
    return open("/dev/null", O_WRONLY);
}

static int try_truncate(void)
{
    return open("/dev/null", O_RDONLY | O_TRUNC);
}

static int try_nameless(void)
{
    return open("/tmp", O_TMPFILE | O_RDWR, 0600);
}

static int try_mkdir(void)
{
    return mkdir(scratch, 0700) == 0 ? rmdir(scratch) : -1;
}

static int try_unlink(void)
{
    return unlink("/nonexistent");
}

static int try_ptrace(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_kill(void)
{
    return kill(getppid(), 0);
}

static int try_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int try_memfd(void)
{
    return (int)syscall(SYS_memfd_create, "x", 0);
}

static int try_unshare(void)
{
    return (int)syscall(SYS_unshare, 0);
}

static int try_read(void)
{
    char line[16];
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -1 : read(fd, line, sizeof line) > 0 ? close(fd) : -1;
}

static void *thread_main(void *arg)
{
    *(int *)arg = 1;
    return NULL;
}

static int try_thread(void)
{
    pthread_t t;
    int ran = 0;

    errno = pthread_create(&t, NULL, thread_main, &ran);
    if (errno != 0)
        return -1;
    pthread_join(t, NULL);
    return ran ? 0 : -1;
}

static const struct {
    const char *name;
    int (*run)(void);
} tries[] = {
    { "socket_inet", try_socket_inet },
    { "socket_unix", try_socket_unix },
    { "socketpair", try_socketpair },
    { "fork", try_fork },
    { "clone", try_clone },
    { "exec", try_exec },
    { "create", try_create },
    { "overwrite", try_overwrite },
    { "truncate", try_truncate },
    { "nameless", try_nameless },
    { "mkdir", try_mkdir },
    { "unlink", try_unlink },
    { "ptrace", try_ptrace },
    { "kill", try_kill },
    { "dumpable", try_dumpable },
    { "memfd", try_memfd },
    { "unshare", try_unshare },
    { "read", try_read },
    { "thread", try_thread },
};

static int try_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t args_len)
{
    const char *what;
    size_t len;

    h->arg(c, "/what", &what, &len);
    snprintf(scratch, sizeof scratch, "/tmp/corax-escape-%d", (int)getpid());
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        if (strlen(tries[i].name) == len && memcmp(tries[i].name, what, len) == 0) {
            errno = 0;
            if (tries[i].run() >= 0) {
                unlink(scratch);
                return zoo_say(h, c, "done");
            }
            return zoo_say(h, c, errno == EPERM ? "EPERM" : errno == ENOENT ? "ENOENT" : strerror(errno));
        }
    return CORAX_E_NOTFOUND;
}

static const struct corax_tool tool = {
    .size = sizeof tool,
    .name = "escape",
    .summary = "x",
    .args_schema = "{\"type\":\"object\",\"properties\":{\"what\":{\"type\":\"string\"}},\"required\":[\"what\"]}",
    .call = try_call,
};
static const struct corax_tool *const tools[] = { &tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "escape", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
