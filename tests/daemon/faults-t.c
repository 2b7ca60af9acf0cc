/*
 * A real coraxd with real hosts and boxes, and plugins' calls that go wrong in every way: a plugin that dereferences nothing, one
 * that never returns, one that takes all the memory there is, one that forks for ever, and a program that does so in a box.
 * After each of them the same task calls the same plugin again and must be answered, and all the while a second client asks
 * for things that have nothing to do with it.  In the end it is the same daemon with no more descriptors and hardly more memory,
 * no zombie is its child, and when it ends nothing that it ever started is left: this process is the subreaper, so whoever loses
 * its parent comes here.
 *
 *     FAULTS=SEGFAULTS:HANGS:LEAKS:FORKS      how many of each; make faults runs 1000:200:200:100
 *     FAULTS_DEADLINE_MS=5000                 of a call; a hang costs so long
 *
 * Not covered: faults of the model process (children.bats).  With sanitizers hosts are not confined, so nothing is forked there.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/json.h"

#define WAIT_S     120
#define MAX_FAULTS 4000
/* Kilobytes that the daemon may have grown by in the end: its caches fill in the first tasks.  A sanitizer keeps what is freed. */
#ifdef CORAX_SANITIZE
#define RSS_KB 600000
#else
#define RSS_KB 4096
#endif

enum fault { SEGFAULT, HANG, LEAK, FORK, FORK_BOX, N_FAULTS };
/* What the task is asked, and what the model reads of the call that goes wrong. */
static const char *const names[N_FAULTS] = { "segfault", "hang", "leak", "fork", "fork in a box" };
static const char *const told[N_FAULTS] = { "broke down", "took longer", "broke down", "every fork was refused",
                                            "longer than" };

static char dir[] = "/tmp/corax-faults.XXXXXX", sock[64];
static pid_t daemon_pid;
static int counts[N_FAULTS] = { 20, 2, 4, 4, 2 };
static int deadline_ms = 5000;
static atomic_bool over;
static atomic_int n_others, n_others_wrong;
static int64_t recovery_ms[MAX_FAULTS];
static size_t n_recoveries;

/* --- HTTP ----------------------------------------------------------------------------------------------------------- */

/* The JSON of the answer, or NULL. */
static struct json *request(const char *method, const char *path, const char *body)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct json *json = NULL;
    const char *start;
    char chunk[16384];
    struct buf b;
    ssize_t n;

    buf_init(&b, 8 << 20);
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", sock);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
        buf_addf(&b, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method, path,
                 strlen(body), body);
        if (send(fd, b.data, b.len, MSG_NOSIGNAL) == (ssize_t)b.len) {
            buf_reset(&b);
            while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
                buf_add(&b, chunk, (size_t)n);
            buf_addc(&b, '\0');
            if ((start = strstr(b.data, "\r\n\r\n")) != NULL)
                json = json_parse(start + 4, strlen(start + 4), NULL);
        }
    }
    close(fd);
    buf_finish(&b);
    return json;
}

/* Submits a task and waits for its end.  *trace: the caller frees it. */
static bool run_task(const char *text, const char *want, struct json **trace)
{
    char path[200], body[300];
    struct json *task, *end;
    const char *answer;
    bool good;

    snprintf(body, sizeof(body), "{\"input\":\"%s\"}", text);
    task = request("POST", "/v1/tasks", body);
    snprintf(path, sizeof(path), "/v1/tasks/%s?wait=%d", json_get_text(task, "id", "none"), WAIT_S);
    end = request("GET", path, "");
    answer = json_get_text(end, "answer", "(no answer)");
    good = strstr(answer, want) != NULL;
    if (!good)
        diag("%s: %.300s (%s)", text, answer, json_get_text(end, "state", "no state"));
    if (trace) {
        snprintf(path, sizeof(path), "/v1/tasks/%s/trace", json_get_text(task, "id", "none"));
        *trace = request("GET", path, "");
    }
    json_free(task);
    json_free(end);
    return good;
}

/* --- processes ------------------------------------------------------------------------------------------------------ */

struct process {
    pid_t pid, parent;
    char state, name[32];
};

static bool read_process(const char *pid, struct process *p)
{
    char path[64], text[512] = "", *name_end;
    int fd;

    snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    (void)!read(fd, text, sizeof(text) - 1);
    close(fd);
    name_end = strrchr(text, ')');
    return name_end && sscanf(text, "%d (%31[^)]", &p->pid, p->name) == 2 &&
           sscanf(name_end, ") %c %d", &p->state, &p->parent) == 2;
}

/* Children of a process; those in state Z alone, or all.  what: for the diagnosis, NULL is quiet. */
static int count_children(pid_t parent, bool only_zombies, const char *what)
{
    DIR *proc = opendir("/proc");
    const struct dirent *e;
    struct process p;
    int n = 0;

    while (proc && (e = readdir(proc)) != NULL)
        if (isdigit((unsigned char)e->d_name[0]) && read_process(e->d_name, &p) && p.parent == parent &&
            (!only_zombies || p.state == 'Z')) {
            n++;
            if (what)
                diag("%s: %s, pid %d, state %c", what, p.name, (int)p.pid, p.state);
        }
    if (proc)
        closedir(proc);
    return n;
}

/* Of the daemon: descriptors, and kilobytes of resident memory. */
static int count_fds(void)
{
    char path[64];
    DIR *fds;
    int n = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)daemon_pid);
    for (fds = opendir(path); fds && readdir(fds);)
        n++;
    if (fds)
        closedir(fds);
    return n;
}

static long resident_kb(void)
{
    char path[64], text[128] = "";
    long pages = 0;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)daemon_pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)!read(fd, text, sizeof(text) - 1);
    close(fd);
    sscanf(text, "%*s %ld", &pages);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Those that lost their parent and came here are waited for, as init does. */
static void reap_strangers(void)
{
    siginfo_t info;

    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 || info.si_pid == daemon_pid)
            return;
        waitpid(info.si_pid, NULL, 0);
    }
}

/* --- the daemon ----------------------------------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        printf("Bail out! %s cannot be written\n", path);
        exit(1);
    }
}

static void write_files(const char *build)
{
    char text[4096];

    snprintf(text, sizeof(text),
             "{ \"socket\": \"%s\", \"state\": \"%s/state\", \"model\": \"%s/tests/daemon/faults.json\",\n"
             "  \"plugins\": [\"%s/tests/tools/zoo/.libs/faults.so\", \"%s/.libs/math.so\", \"%s/.libs/code.so\"],\n"
             "  \"policies\": [\"%s/policy.json\"], \"infer\": { \"path\": \"%s/tests/daemon/scripted-infer\" },\n"
             "  \"box\": { \"path\": \"%s/corax-box\" },\n"
             "  \"host\": { \"path\": \"%s/corax-host\", \"deadline_ms\": %d } }\n",
             sock, dir, getenv("CORAX_SRCDIR"), build, build, build, dir, build, build, build, deadline_ms);
    write_file("corax.conf", text);
    write_file("policy.json", "{ \"policy\": 1, \"id\": \"faults\", \"rules\": ["
                              "{ \"id\": \"all\", \"allow\": \"*.*\", \"why\": \"they are what is tested\" } ] }");
}

static void show_log(void)
{
    char command[128];

    fflush(stdout);
    snprintf(command, sizeof(command), "tail -n 40 %s/log | sed 's/^/# /'", dir);
    (void)!system(command);
}

static void start_daemon(const char *build)
{
    char program[512], conf[128], log[128];
    struct json *pong = NULL;

    snprintf(program, sizeof(program), "%s/coraxd", build);
    snprintf(conf, sizeof(conf), "%s/corax.conf", dir);
    snprintf(log, sizeof(log), "%s/log", dir);
    daemon_pid = fork();
    if (daemon_pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execl(program, "coraxd", "-c", conf, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 600 && !pong; i++) {
        usleep(50000);
        pong = request("GET", "/healthz", "");
    }
    if (!ok(pong != NULL, "coraxd is there")) {
        show_log();
        printf("Bail out! without a daemon\n");
        exit(1);
    }
    json_free(pong);
}

/* --- what is done to it --------------------------------------------------------------------------------------------- */

/* A client that has nothing to do with the faults. */
static void *other_client(void *arg)
{
    while (!atomic_load(&over)) {
        if (!run_task("hello", "hi", NULL) || !run_task("sum", "42", NULL))
            atomic_fetch_add(&n_others_wrong, 1);
        atomic_fetch_add(&n_others, 2);
        usleep(20000);
    }
    return NULL;
}

/*
 * From the result of the first call, which is there when its host is dead, to that of the second.  false: the first was not
 * what this fault leads to.
 */
static bool note_recovery(enum fault which, const struct json *trace)
{
    const struct json *e;
    const char *text = "";
    int64_t first = 0, second = 0;

    for (e = json_first(json_get(trace, "events")); e; e = json_next(e))
        if (strcmp(json_get_text(e, "kind", ""), "tool_result") == 0) {
            if (first == 0) {
                first = (int64_t)json_number(json_get(e, "at_ms"), 0);
                text = json_get_text(json_first(json_get(e, "parts")), "text", "");
            } else {
                second = (int64_t)json_number(json_get(e, "at_ms"), 0);
            }
        }
    if (first && second && n_recoveries < MAX_FAULTS)
        recovery_ms[n_recoveries++] = second - first;
    if (strstr(text, told[which]))
        return true;
    diag("%s: the model read: %.200s", names[which], text);
    return false;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void do_faults(enum fault which)
{
    const char *want = which == FORK_BOX ? "still here" : "steady as a rock";
    int64_t began = clock_mono_ms();
    int n_good = 0;

    n_recoveries = 0;
    for (int i = 0; i < counts[which]; i++) {
        struct json *trace;

        n_good += run_task(names[which], want, &trace) && note_recovery(which, trace);
        json_free(trace);
        reap_strangers();
    }
    ok(n_good == counts[which], "%s: the next call is answered, %d of %d times", names[which], n_good, counts[which]);
    qsort(recovery_ms, n_recoveries, sizeof(*recovery_ms), by_value);
    if (n_recoveries)
        diag("%d of %s in %lld ms; to the next call's answer p50 %lld ms, p99 %lld ms, most %lld ms", counts[which],
             names[which], (long long)(clock_mono_ms() - began), (long long)recovery_ms[n_recoveries / 2],
             (long long)recovery_ms[n_recoveries * 99 / 100], (long long)recovery_ms[n_recoveries - 1]);
    ok(kill(daemon_pid, 0) == 0 && waitpid(daemon_pid, NULL, WNOHANG) == 0, "%s: it is the same daemon", names[which]);
}

/* A bomb goes off only where a few forks were refused: in a plugin all, in a box those beyond its limit. */
static void check_limits(void)
{
    if (counts[FORK] > 0 && !ok(run_task("may a plugin fork", "every fork was refused", NULL), "a plugin cannot fork"))
        counts[FORK] = 0;
    if (!run_task("a few forks", "limited", NULL)) {
        diag("no boxes here: no programs are run");
        counts[FORK_BOX] = 0;
    }
}

/* Everything that the daemon started has a moment to go when it ended. */
static int count_orphans(void)
{
    int n = 1;

    for (int i = 0; i < 100 && n > 0; i++) {
        reap_strangers();
        n = count_children(getpid(), false, NULL);
        if (n > 0)
            usleep(20000);
    }
    if (n > 0)
        count_children(getpid(), false, "orphan");
    return n;
}

static void read_settings(void)
{
    const char *text = getenv("FAULTS"), *deadline = getenv("FAULTS_DEADLINE_MS");

    if (text && sscanf(text, "%d:%d:%d:%d", &counts[0], &counts[1], &counts[2], &counts[3]) == 4)
        counts[FORK_BOX] = counts[FORK];
    if (deadline)
        deadline_ms = atoi(deadline);
}

int main(void)
{
    const char *build = getenv("CORAX_BUILDDIR");
    char command[128];
    pthread_t other;
    int fds, status = 0;
    long kb;

    plan_later();
    if (!build || !getenv("CORAX_SRCDIR") || !mkdtemp(dir))
        return 1;
    chmod(dir, 0711);
    snprintf(sock, sizeof(sock), "%s/s", dir);
    read_settings();
#ifdef CORAX_SANITIZE
    counts[FORK] = 0;                    /* hosts are not confined */
    counts[SEGFAULT] = counts[LEAK] = 3; /* a report each takes its time */
#endif
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    write_files(build);
    start_daemon(build);
    check_limits();
    for (int i = 0; i < 5; i++) /* what it keeps for later, it has now */
        run_task("segfault", "steady", NULL);
    fds = count_fds();
    kb = resident_kb();
    pthread_create(&other, NULL, other_client, NULL);
    for (int which = 0; which < N_FAULTS; which++)
        if (counts[which] > 0)
            do_faults((enum fault)which);
    atomic_store(&over, true);
    pthread_join(other, NULL);
    ok(n_others_wrong == 0 && n_others > 0, "%d other tasks went on meanwhile", n_others);
    usleep(500000);
    is_int(count_children(daemon_pid, true, "zombie"), 0, "no zombie");
    ok(fds > 0 && count_fds() <= fds + 2, "descriptors: %d, before %d", count_fds(), fds);
    ok(kb > 0 && resident_kb() <= kb + RSS_KB, "resident memory: %ld KiB, before %ld KiB", resident_kb(), kb);
    kill(daemon_pid, SIGTERM);
    waitpid(daemon_pid, &status, 0);
    is_int(status, 0, "the daemon ends with 0");
    is_int(count_orphans(), 0, "and nothing that it started is left");
    if (tap_status() != 0)
        show_log();
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    (void)!system(command);
    done();
    return tap_status();
}
