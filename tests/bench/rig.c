#include "tests/bench/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS 20000
#define WORK_MS  240000 /* for what the daemon is given to do: a busy machine is slow, a hang is not waited for */

int cores[2];

void die(const char *fmt, ...)
{
    va_list ap;

    fputs("bench: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void sleep_us(long us)
{
    nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

/* --- processors -------------------------------------------------------------------------------------------------- */

void cores_find(void)
{
    cpu_set_t set;
    int i, n = 0;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        die("sched_getaffinity: %s", strerror(errno));
    for (i = 0; i < CPU_SETSIZE && n < 2; i++)
        if (CPU_ISSET(i, &set))
            cores[n++] = i;
    if (n == 1)
        cores[1] = cores[0];
}

static void pin(int a, int b)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(a, &set);
    CPU_SET(b, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0)
        die("sched_setaffinity: %s", strerror(errno));
}

void pin_self(int core)
{
    pin(core, core);
}

void pin_as(enum where where)
{
    pin(cores[0], cores[where == ON_TWO_CORES]);
}

/* --- the daemon -------------------------------------------------------------------------------------------------- */

const char *build_dir(void)
{
    static char dir[512];
    const char *named = getenv("CORAX_BUILDDIR");
    char path[PATH_MAX];

    if (named == NULL)
        die("CORAX_BUILDDIR is not set: run `make bench`");
    if (dir[0])
        return dir;
    if (realpath(named, path) == NULL)
        die("CORAX_BUILDDIR: %s: %s", named, strerror(errno));
    if (strlen(path) >= sizeof(dir))
        die("CORAX_BUILDDIR: its path is too long");
    memcpy(dir, path, strlen(path) + 1);
    return dir;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        die("%s: %s", path, strerror(errno));
    if (chmod(path, 0644) < 0)
        die("%s: %s", path, strerror(errno));
}

static void map_times(struct rig *r, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT, 0644);

    if (fd < 0 || ftruncate(fd, sizeof(*r->times)) < 0)
        die("%s: %s", path, strerror(errno));
    r->times = mmap(NULL, sizeof(*r->times), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (r->times == MAP_FAILED)
        die("%s: %s", path, strerror(errno));
    close(fd);
}

void rig_init(struct rig *r, const char *dir, int max_running, int keep_tasks)
{
    char path[700], plugin[700], text[8192];

    memset(r, 0, sizeof(*r));
    for (int i = 0; i < RIG_CONNS; i++)
        r->conns[i] = -1;
    snprintf(r->dir, sizeof(r->dir), "%s", dir);
    snprintf(r->socket, sizeof(r->socket), "%s/coraxd.sock", dir);
    snprintf(r->conf, sizeof(r->conf), "%s/corax.conf", dir);
    snprintf(r->state, sizeof(r->state), "%s/state", dir);
    if (mkdir(dir, 0700) < 0)
        die("%s: %s", dir, strerror(errno));
    snprintf(path, sizeof(path), "%s/model", dir);
    write_file(path, "see scripted-model.h\n");
    snprintf(path, sizeof(path), "%s/model.times", dir);
    map_times(r, path);
    snprintf(path, sizeof(path), "%s/policy.json", dir);
    write_file(path, "{\"policy\":1,\"id\":\"bench\",\"rules\":[{\"id\":\"all\",\"allow\":\"*.*\","
                     "\"when\":{\"effects\":{\"within\":[\"read\",\"write\",\"clock\"]}},"
                     "\"why\":\"the benchmark's own tools\"}],\"tests\":[]}\n");
    /* Others than the owner may write to what a umask of 002 built; corax-host refuses that. */
    snprintf(plugin, sizeof(plugin), "%s/tests/bench/.libs/echo.so", build_dir());
    if (chmod(plugin, 0755) < 0)
        die("%s: %s", plugin, strerror(errno));
    snprintf(text, sizeof(text),
             "{\"socket\":\"%s\",\"state\":\"%s\",\"model\":\"%s/model\",\"plugins\":[\"%s\"],\"policies\":[\"%s\"],\n"
             " \"max_running\":%d,\"max_queued\":4000,\"journal\":{\"keep_tasks\":%d},\n"
             " \"budget\":{\"steps\":1000,\"tool_calls\":1000,\"tokens\":1000000},\n"
             " \"infer\":{\"path\":\"%s/tests/bench/scripted-model\"},\"host\":{\"path\":\"%s/corax-host\"},\n"
             " \"box\":{\"path\":\"%s/corax-box\"}}\n",
             r->socket, r->state, dir, plugin, path, max_running, keep_tasks, build_dir(), build_dir(), build_dir());
    write_file(r->conf, text);
}

static void exec_daemon(const struct rig *r, enum where where)
{
    char program[700], log[700];
    int fd;

    snprintf(program, sizeof(program), "%s/coraxd", build_dir());
    snprintf(log, sizeof(log), "%s/coraxd.log", r->dir);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd >= 0)
        dup2(fd, STDERR_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_as(where);
    execl(program, program, "-c", r->conf, (char *)NULL);
    _exit(127);
}

static int try_connect(const struct rig *r)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(r->socket) >= sizeof(addr.sun_path))
        die("%s: no socket", r->socket);
    memcpy(addr.sun_path, r->socket, strlen(r->socket) + 1);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
        return fd;
    close(fd);
    return -1;
}

int64_t rig_start(struct rig *r, enum where where)
{
    char answer[HTTP_ANSWER];
    int64_t began, deadline;
    int status;

    began = now_ns();
    deadline = began + START_MS * INT64_C(1000000);
    r->pid = fork();
    if (r->pid < 0)
        die("fork: %s", strerror(errno));
    if (r->pid == 0)
        exec_daemon(r, where);
    pin_self(cores[1]);
    while ((r->conns[0] = try_connect(r)) < 0) {
        if (waitpid(r->pid, &status, WNOHANG) != 0)
            die("coraxd ended at once; see %s/coraxd.log", r->dir);
        if (now_ns() > deadline)
            die("coraxd does not listen after %d s; see %s/coraxd.log", START_MS / 1000, r->dir);
        sleep_us(50);
    }
    rig_ask(r, "GET", "/_ping", NULL, 200, answer);
    return now_ns() - began;
}

static void rig_end(struct rig *r, int sig)
{
    for (int i = 0; i < RIG_CONNS; i++) {
        if (r->conns[i] >= 0)
            close(r->conns[i]);
        r->conns[i] = -1;
    }
    if (r->pid == 0)
        return;
    kill(r->pid, sig);
    waitpid(r->pid, NULL, 0);
    r->pid = 0;
}

void rig_stop(struct rig *r)
{
    rig_end(r, SIGTERM);
}

void rig_kill(struct rig *r)
{
    rig_end(r, SIGKILL);
}

void rig_finish(struct rig *r)
{
    rig_stop(r);
    munmap(r->times, sizeof(*r->times));
}

void rig_empty_state(struct rig *r)
{
    static const char *const names[] = { "corax.db", "corax.db-wal", "corax.db-shm" };
    char path[700];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(path, sizeof(path), "%s/%s", r->state, names[i]);
        unlink(path);
    }
}

int64_t rig_ask_journal(const struct rig *r, const char *sql, char *text, size_t size)
{
    char path[700];
    sqlite3_stmt *s;
    sqlite3 *db;
    int64_t v;

    snprintf(path, sizeof(path), "%s/corax.db", r->state);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        die("%s: %s", path, sqlite3_errmsg(db));
    v = sqlite3_column_int64(s, 0);
    if (text)
        snprintf(text, size, "%s", (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    sqlite3_close(db);
    return v;
}

/* --- HTTP -------------------------------------------------------------------------------------------------------- */

static void send_request(struct rig *r, int c, const char *method, const char *path, const char *body)
{
    char text[4096];
    int n;

    if (r->conns[c] < 0 && (r->conns[c] = try_connect(r)) < 0)
        die("coraxd does not take connections; see %s/coraxd.log", r->dir);
    n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\n%s", method, path, body ? "" : "\r\n");
    if (body)
        n += snprintf(text + n, sizeof(text) - (size_t)n,
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    if (n >= (int)sizeof(text) || write(r->conns[c], text, (size_t)n) != n)
        die("%s %s cannot be sent", method, path);
}

static void read_answer(struct rig *r, int c, int status, char *answer)
{
    struct pollfd p = { .fd = r->conns[c], .events = POLLIN };
    char *body = NULL, *length;
    size_t len = 0, want = 0;
    ssize_t n;

    for (;;) {
        if (poll(&p, 1, WORK_MS) <= 0)
            die("no answer after %d s; see %s/coraxd.log", WORK_MS / 1000, r->dir);
        n = read(r->conns[c], answer + len, HTTP_ANSWER - 1 - len);
        if (n <= 0)
            die("the connection ended before its answer; see %s/coraxd.log", r->dir);
        len += (size_t)n;
        answer[len] = '\0';
        if (body == NULL && (body = strstr(answer, "\r\n\r\n")) != NULL) {
            length = strcasestr(answer, "\r\nContent-Length:");
            if (length == NULL)
                die("an answer without a length");
            body += 4;
            want = (size_t)(body - answer) + strtoul(length + 17, NULL, 10);
        }
        if (body && len >= want)
            break;
    }
    if (strtol(answer + strlen("HTTP/1.1 "), NULL, 10) != status)
        die("not the answer %d but: %.300s", status, answer);
    memmove(answer, body, len - (size_t)(body - answer) + 1);
}

void rig_ask(struct rig *r, const char *method, const char *path, const char *body, int status, char *answer)
{
    send_request(r, 0, method, path, body);
    read_answer(r, 0, status, answer);
}

void rig_submit(struct rig *r, int first, int n, const char *words)
{
    char body[256], answer[HTTP_ANSWER];

    for (int i = 0; i < n + RIG_CONNS; i++) {
        int c = i % RIG_CONNS;

        if (i >= RIG_CONNS && i - RIG_CONNS < n)
            read_answer(r, c, 201, answer);
        if (i < n) {
            snprintf(body, sizeof(body), "{\"input\":\"bench task=%d %s\"}", first + i, words);
            send_request(r, c, "POST", "/v1/tasks", body);
        }
    }
}

void rig_run(struct rig *r, int number, const char *words)
{
    char text[256], answer[HTTP_ANSWER];
    struct json *task;

    snprintf(text, sizeof(text), "{\"input\":\"bench task=%d %s\"}", number, words);
    rig_ask(r, "POST", "/v1/tasks", text, 201, answer);
    task = json_parse(answer, strlen(answer), NULL);
    snprintf(text, sizeof(text), "/v1/tasks/%s?wait=300", json_get_text(task, "id", "?"));
    json_free(task);
    rig_ask(r, "GET", text, NULL, 200, answer);
}

struct json *rig_health(struct rig *r)
{
    char answer[HTTP_ANSWER];
    struct json *health;

    rig_ask(r, "GET", "/healthz", NULL, 200, answer);
    health = json_parse(answer, strlen(answer), NULL);
    if (health == NULL)
        die("/healthz is no JSON");
    return health;
}

static int64_t member(const struct json *object, const char *key)
{
    int64_t v;

    if (json_int(json_get(object, key), key, &v, NULL) < 0)
        die("/healthz has no %s", key);
    return v;
}

static void wait_tasks(struct rig *r, int n_running, int n_others, long every_us)
{
    int64_t deadline = now_ns() + WORK_MS * INT64_C(1000000);
    bool reached = false;

    while (!reached) {
        struct json *health = rig_health(r);
        const struct json *tasks = json_get(health, "tasks");

        reached =
            member(tasks, "running") == n_running && member(tasks, "queued") + member(tasks, "waiting") == n_others;
        json_free(health);
        if (now_ns() > deadline)
            die("the tasks do not end; see %s/coraxd.log", r->dir);
        if (!reached)
            sleep_us(every_us);
    }
}

void rig_wait_idle(struct rig *r)
{
    wait_tasks(r, 0, 0, 2000);
}

void rig_wait_running(struct rig *r, int n)
{
    wait_tasks(r, n, 0, 500);
}

/* --- what it uses ------------------------------------------------------------------------------------------------ */

static double thread_us(pid_t pid, long tid)
{
    char path[64];
    unsigned long long ns = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/schedstat", (long)pid, tid);
    f = fopen(path, "r");
    if (f == NULL || fscanf(f, "%llu", &ns) != 1)
        die("%s cannot be read", path);
    fclose(f);
    return (double)ns / 1000;
}

static double process_us(pid_t pid)
{
    struct timespec t;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        die("the processor time of process %ld cannot be read", (long)pid);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Of a process and all below it: corax-box stands between coraxd and a host. */
static double tree_us(pid_t pid)
{
    char path[64];
    double us = process_us(pid);
    long child;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)pid, (long)pid);
    f = fopen(path, "r");
    if (f == NULL)
        die("%s: %s", path, strerror(errno));
    while (fscanf(f, "%ld", &child) == 1)
        us += tree_us((pid_t)child);
    fclose(f);
    return us;
}

/* Once the children are started, which is soon after the first answer. */
static struct json *health_with_children(struct rig *r)
{
    struct json *health;

    while (health = rig_health(r), member(json_get(health, "model"), "pid") == 0 ||
                                       member(json_first(json_get(health, "hosts")), "pid") == 0) {
        json_free(health);
        sleep_us(1000);
    }
    return health;
}

struct rig_use rig_use(struct rig *r)
{
    struct json *health = health_with_children(r);
    struct rig_use use = { 0 };
    char path[64];
    const struct dirent *e;
    DIR *dir;

    use.n_commits = member(json_get(health, "journal"), "commits");
    use.model_us = process_us((pid_t)member(json_get(health, "model"), "pid"));
    for (const struct json *p = json_first(json_get(json_first(json_get(health, "hosts")), "processes")); p; p = json_next(p))
        use.host_us += tree_us((pid_t)member(p, "pid"));
    json_free(health);
    snprintf(path, sizeof(path), "/proc/%ld/task", (long)r->pid);
    dir = opendir(path);
    if (dir == NULL)
        die("%s: %s", path, strerror(errno));
    while ((e = readdir(dir)) != NULL) {
        long tid = strtol(e->d_name, NULL, 10);

        if (tid == r->pid)
            use.loop_us = thread_us(r->pid, tid);
        else if (tid > 0)
            use.journal_us += thread_us(r->pid, tid);
    }
    closedir(dir);
    return use;
}

struct memory rig_memory(const struct rig *r)
{
    struct memory m = { 0 };
    char path[64], line[256];
    unsigned long kb;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", (long)r->pid);
    f = fopen(path, "r");
    if (f == NULL)
        die("%s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "Rss: %lu", &kb) == 1)
            m.rss_mb = (double)kb * 1024 / 1e6;
        if (sscanf(line, "Private_Clean: %lu", &kb) == 1 || sscanf(line, "Private_Dirty: %lu", &kb) == 1)
            m.private_mb += (double)kb * 1024 / 1e6;
    }
    fclose(f);
    return m;
}
