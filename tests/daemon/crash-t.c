/*
 * kill -9 at random moments of tasks of ten steps with effects, again and again, on one journal.
 *
 * This program is the client.  It follows several tasks at once by their events, submits another whenever one ends, and
 * answers what is asked about effects in doubt as a careful person would: it looks into the ledger, which the scripted
 * plugin writes outside the journal, and says "it is there" or has the call repeated.  A thread kills the daemon some
 * events and microseconds after its start, sometimes before it listens at all.  Checked:
 *
 *   - every event that was ever received is in the journal of each later daemon, byte for byte, and so is every
 *     submission and every answer of a person that was acknowledged;
 *   - a submission that got no answer is sent again under its key, and makes no second task;
 *   - an effect that may not be repeated is in the ledger exactly once when its task has ended;
 *   - every task ends with its answer, no child outlives the daemon, and the database is intact.
 *
 * CRASH_POINTS is the number of kills (`make crash` does 1,000), CRASH_SEED repeats a run's choices.
 * Not covered: loss of power (powercut-t), for which kill -9 is no test: the kernel keeps what was written.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"

#define N_POINTS    40
#define N_TASKS     6 /* in flight */
#define MAX_EVENTS  400
#define WAIT_MS     60000 /* for what must come; the machine may be busy */
#define ORPHANS_MS  20000
#define ANSWER_MAX  (4u << 20)
#define KILL_EVENTS 60   /* a kill comes at most so many new events after the start */
#define KILL_US     3000 /* and at most so much later */

struct task {
    char text[16], id[64]; /* id "": not acknowledged */
    char *events[MAX_EVENTS + 1];
    int n_events, n_seen; /* received ever; of the stream under way */
    int n_told;           /* answers of ours that were acknowledged */
    bool finished, answered, asks;
    int fd; /* of its events; -1: none */
    struct buf in;
    struct task *next;
};

static char dir[64], path[128];
static struct task *tasks; /* newest first */
static int n_tasks;
static pid_t daemon_pid;
static unsigned seed;
static atomic_int n_new;   /* events since the start */
static atomic_bool killed; /* this daemon was told to die */
static int n_lost, n_broken, n_asked, n_repeated, n_resent;

/* splitmix64, so that a seed means the same everywhere. */
static unsigned chance(unsigned below)
{
    static uint64_t state;
    uint64_t z;

    if (state == 0)
        state = seed;
    z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ (z >> 31)) % below);
}

static void give_up(const char *why)
{
    printf("Bail out! seed %u: %s\n", seed, why);
    if (daemon_pid > 0)
        kill(daemon_pid, SIGKILL);
    exit(1);
}

/* --- HTTP/1.0: an answer ends with its connection ---------------------------------------------------------------- */

static int dial(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = WAIT_MS / 1000 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/s", dir);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool send_request(int fd, const char *method, const char *url, const char *key, const char *body)
{
    char text[1200];
    int n = snprintf(text, sizeof text, "%s %s HTTP/1.0\r\nContent-Length: %zu\r\n%s%s%s\r\n%s", method, url,
                     strlen(body), key ? "Idempotency-Key: " : "", key ? key : "", key ? "\r\n" : "", body);

    return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* The status and, in *body, the parsed answer (the caller's); 0 when no whole answer came. */
static int request(const char *method, const char *url, const char *key, const char *body, struct json **out)
{
    int fd = dial(), status = 0;
    struct buf in;
    const char *at;
    char chunk[16384];
    ssize_t n;

    *out = NULL;
    if (fd < 0)
        return 0;
    buf_init(&in, ANSWER_MAX);
    if (send_request(fd, method, url, key, body))
        while ((n = read(fd, chunk, sizeof chunk)) > 0)
            buf_add(&in, chunk, (size_t)n);
    close(fd);
    at = strstr(in.data, "\r\n\r\n");
    if (at && (*out = json_parse(at + 4, in.len - (size_t)(at + 4 - in.data), NULL)) != NULL)
        sscanf(in.data, "HTTP/1.%*d %d", &status);
    buf_finish(&in);
    return status;
}

/* --- the ledger --------------------------------------------------------------------------------------------------- */

static int in_ledger(const struct task *t, int step)
{
    char line[48];
    struct buf text;
    int n = 0;

    snprintf(path, sizeof path, "%s/ledger", dir);
    buf_init(&text, 64u << 20);
    if (file_read(path, &text, NULL) < 0)
        give_up("the ledger cannot be read");
    snprintf(line, sizeof line, "%s.%d\n", t->text, step);
    for (const char *at = text.data; (at = strstr(at, line)) != NULL; at++)
        n++;
    buf_finish(&text);
    return n;
}

/* --- the daemon --------------------------------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        give_up("a file of the test cannot be written");
    chmod(path, 0600);
}

#define SCHEMA \
    "\"inputSchema\":{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}"
#define TOOL(NAME, EFFECTS, TRAITS)                                                                              \
    "{\"name\":\"" NAME "\",\"description\":\"" NAME "\"," SCHEMA ",\"_meta\":{\"corax/effects\":[" EFFECTS "]," \
    "\"corax/traits\":[" TRAITS "]}}"
#define CALL(NAME, STEP) "{\"calls\":[{\"name\":\"" NAME "\",\"arguments\":\"{\\\"text\\\":\\\"@." STEP "\\\"}\"}]},"

#define N_STEPS 10
/* What the script does in step i, from 1: 'w' writes once, 'a' may write again, 'e' has no effect, ' ' answers. */
static const char steps[N_STEPS + 2] = " wewawawea ";

static void set_up(void)
{
    const char *build = getenv("CORAX_BUILDDIR");
    char text[4096];

    snprintf(dir, sizeof dir, "/tmp/corax-crash.XXXXXX");
    if (build == NULL || mkdtemp(dir) == NULL)
        give_up("no CORAX_BUILDDIR, or no folder in /tmp");
    write_file("ledger", "");
    write_file("script.json",
               "{\"*\":[" CALL("append", "1") CALL("echo", "2") CALL("append", "3") CALL("append_again", "4")
                   CALL("append", "5") CALL("append_again", "6") CALL("append", "7") CALL("echo", "8")
                       CALL("append_again", "9") "{\"text\":\"done\"}]}");
    snprintf(text, sizeof text,
             "{\"name\":\"ledger\",\"ledger\":\"%s/ledger\",\"tools\":[" TOOL("echo", "", "\"idempotent\"") "," TOOL(
                 "append", "\"write\"", "") "," TOOL("append_again", "\"write\"", "\"idempotent\"") "]}",
             dir);
    write_file("ledger.so", text);
    write_file("policy.json", "{\"policy\":1,\"id\":\"open\",\"rules\":[{\"id\":\"all\",\"allow\":\"ledger.*\","
                              "\"why\":\"it is only a ledger\"}]}");
    snprintf(text, sizeof text,
             "{\"socket\":\"%s/s\",\"state\":\"%s/state\",\"model\":\"%s/script.json\",\"plugins\":[\"%s/ledger.so\"],"
             "\"policies\":[\"%s/policy.json\"],\"infer\":{\"path\":\"%s/tests/daemon/scripted-infer\"},"
             "\"host\":{\"path\":\"%s/tests/daemon/scripted-host\"},\"box\":{\"path\":\"%s/tests/daemon/scripted-box\"},"
             "\"max_running\":4}",
             dir, dir, dir, dir, dir, build, build, build);
    write_file("corax.conf", text);
}

static void start(void)
{
    posix_spawn_file_actions_t actions;
    char program[512], conf[128], log[128];
    char *argv[] = { program, (char *)"-c", conf, NULL };

    snprintf(program, sizeof program, "%s/coraxd", getenv("CORAX_BUILDDIR"));
    snprintf(conf, sizeof conf, "%s/corax.conf", dir);
    snprintf(log, sizeof log, "%s/log", dir);
    atomic_store(&n_new, 0);
    atomic_store(&killed, false);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (posix_spawn(&daemon_pid, program, &actions, NULL, argv, environ) != 0)
        give_up("coraxd cannot be started");
    posix_spawn_file_actions_destroy(&actions);
}

/* Until it answers; false when it was killed before. */
static bool wait_until_up(void)
{
    int64_t until = clock_mono_ms() + WAIT_MS;
    int fd;

    while (clock_mono_ms() < until && !atomic_load(&killed)) {
        if ((fd = dial()) >= 0) {
            close(fd);
            return true;
        }
        if (waitpid(daemon_pid, NULL, WNOHANG) == daemon_pid) {
            daemon_pid = 0;
            give_up("coraxd does not start: see its log");
        }
        usleep(500);
    }
    if (!atomic_load(&killed))
        give_up("coraxd does not listen");
    return false;
}

/* The children of a killed daemon come to us (PR_SET_CHILD_SUBREAPER).  The ledger stands still once they are gone. */
static void reap(void)
{
    int64_t until = clock_mono_ms() + ORPHANS_MS;
    pid_t pid;

    waitpid(daemon_pid, NULL, 0);
    daemon_pid = 0;
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
        if (pid == 0 && clock_mono_ms() > until)
            give_up("a child outlives the daemon");
        if (pid == 0)
            usleep(300);
    }
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static void broken(const struct task *t, const char *why, const char *more)
{
    if (n_broken++ < 10)
        diag("task %s (%s): %s %.300s", t->id, t->text, why, more);
}

static void take_event(struct task *t, const char *kind, char *json)
{
    int seq = ++t->n_seen;

    if (seq > MAX_EVENTS)
        give_up("a task has more events than there can be");
    if (seq <= t->n_events) {
        if (strcmp(json, t->events[seq]) != 0) {
            n_lost++;
            broken(t, "an event is another one now:", t->events[seq]);
        }
        free(json);
    } else {
        t->events[++t->n_events] = json;
        atomic_fetch_add(&n_new, 1);
    }
    t->asks = strcmp(kind, "effect_unverified") == 0;
    if (strcmp(kind, "task_finished") == 0) {
        t->finished = true;
        t->answered = strstr(t->events[seq], "\"outcome\":\"answered\"") != NULL;
    }
}

/* Takes whole events out of what has come. */
static void take_events(struct task *t)
{
    char kind[64];
    char *at = t->in.data, *end, *data;
    long long seq;

    if (t->n_seen == 0 && (at = strstr(at, "\r\n\r\n")) == NULL)
        return;
    if (t->n_seen == 0 && strncmp(t->in.data, "HTTP/1.1 200", 12) != 0 &&
        strncmp(t->in.data, "HTTP/1.0 200", 12) != 0) {
        n_lost++;
        broken(t, "its events are gone:", t->in.data);
        return;
    }
    if (t->n_seen == 0)
        at += 4;
    while ((end = strstr(at, "\n\n")) != NULL) {
        *end = '\0';
        if (sscanf(at, "id: %lld\nevent: %63s", &seq, kind) == 2 && (data = strstr(at, "data: ")) != NULL) {
            if (seq != t->n_seen + 1)
                broken(t, "its events have a gap", at);
            take_event(t, kind, strdup(data + 6));
            at = end + 2;
            buf_drop_front(&t->in, (size_t)(at - t->in.data));
            at = t->in.data;
        } else {
            at = end + 2; /* a delta or a heart-beat */
        }
    }
}

static void close_stream(struct task *t)
{
    if (t->fd < 0)
        return;
    close(t->fd);
    t->fd = -1;
    buf_finish(&t->in);
}

static void open_stream(struct task *t)
{
    char url[128];

    if ((t->fd = dial()) < 0)
        return;
    t->n_seen = 0;
    buf_init(&t->in, ANSWER_MAX);
    snprintf(url, sizeof url, "/v1/tasks/%s/events", t->id);
    send_request(t->fd, "GET", url, NULL, "");
}

static void read_stream(struct task *t)
{
    char chunk[16384];
    ssize_t n = read(t->fd, chunk, sizeof chunk);

    if (n > 0) {
        buf_add(&t->in, chunk, (size_t)n);
        take_events(t);
    }
    if (n <= 0 || t->finished)
        close_stream(t);
}

static bool read_streams(int wait_ms)
{
    struct pollfd p[N_TASKS + 1];
    struct task *of[N_TASKS + 1], *t;
    nfds_t n = 0;

    for (t = tasks; t; t = t->next)
        if (t->fd >= 0) {
            of[n] = t;
            p[n++] = (struct pollfd){ .fd = t->fd, .events = POLLIN };
        }
    if (n > 0 && poll(p, n, wait_ms) > 0)
        for (nfds_t i = 0; i < n; i++)
            if (p[i].revents)
                read_stream(of[i]);
    return n > 0;
}

/* --- what the client does ----------------------------------------------------------------------------------------- */

static int n_open(void)
{
    int n = 0;

    for (const struct task *t = tasks; t; t = t->next)
        n += !t->finished;
    return n;
}

/* A task whose submission got no answer is submitted again under the same key. */
static void submit(struct task *t)
{
    struct json *answer;
    char body[64];
    int status;

    snprintf(body, sizeof body, "{\"input\":\"%s\"}", t->text);
    status = request("POST", "/v1/tasks", t->text, body, &answer);
    if (status == 201 || status == 200)
        snprintf(t->id, sizeof t->id, "%s", json_get_text(answer, "id", ""));
    else if (status != 0)
        broken(t, "it cannot be submitted", json_get_text(json_get(answer, "error"), "message", ""));
    else
        n_resent++;
    json_free(answer);
}

static void add_task(void)
{
    struct task *t = calloc(1, sizeof *t);

    if (t == NULL)
        give_up("no memory");
    snprintf(t->text, sizeof t->text, "t%06d", ++n_tasks);
    t->fd = -1;
    t->next = tasks;
    tasks = t;
}

/* The person: looks, and says what became of the call. */
static void answer_doubt(struct task *t)
{
    const struct json *waits;
    struct json *about, *answer = NULL;
    const char *args;
    char url[128], body[256];
    int step = 0;
    bool repeat;

    snprintf(url, sizeof url, "/v1/tasks/%s", t->id);
    if (request("GET", url, NULL, "", &about) == 200) {
        waits = json_get(about, "waiting_for");
        args = json_get_text(waits, "arguments", "");
        if (strcmp(json_get_text(waits, "kind", ""), "unverified") == 0 && strchr(args, '.') &&
            sscanf(strchr(args, '.'), ".%d", &step) == 1) {
            repeat = in_ledger(t, step) == 0;
            if (repeat)
                snprintf(body, sizeof body, "{\"approve\":\"%s\"}", json_get_text(waits, "request_hash", ""));
            else
                snprintf(body, sizeof body, "{\"answer\":\"I looked: it is there\"}");
            snprintf(url, sizeof url, "/v1/tasks/%s/input", t->id);
            if (request("POST", url, NULL, body, &answer) == 200) {
                t->n_told++;
                n_asked++;
                n_repeated += repeat;
            }
            t->asks = false;
        }
        json_free(answer);
    }
    json_free(about);
}

/* Until the daemon dies or, after the last start, until every task has ended. */
static void live(bool last)
{
    int64_t until = clock_mono_ms() + WAIT_MS;
    struct task *t;
    int seen = 0;

    for (t = tasks; t; t = t->next)
        if (t->id[0] && !t->finished)
            open_stream(t);
    while (last ? n_open() > 0 : !atomic_load(&killed)) {
        while (!last && n_open() < N_TASKS)
            add_task();
        for (t = tasks; t; t = t->next) {
            if (t->id[0] == '\0')
                submit(t);
            if (t->id[0] && t->fd < 0 && !t->finished)
                open_stream(t);
            if (t->asks && !t->finished)
                answer_doubt(t);
        }
        read_streams(2);
        if (atomic_load(&n_new) > seen) {
            seen = atomic_load(&n_new);
            until = clock_mono_ms() + WAIT_MS;
        }
        if (clock_mono_ms() > until)
            give_up("nothing happens any more");
    }
    /* What was on its way when the daemon died was acknowledged, too. */
    while (read_streams(WAIT_MS))
        ;
}

struct death {
    int n_events;
    useconds_t wait_us;
};

static void *killer(void *arg)
{
    const struct death *d = arg;
    int64_t until = clock_mono_ms() + WAIT_MS / 4;

    while (atomic_load(&n_new) < d->n_events && clock_mono_ms() < until)
        usleep(50);
    usleep(d->wait_us);
    kill(daemon_pid, SIGKILL);
    atomic_store(&killed, true);
    return NULL;
}

static void one_life(int64_t *start_us)
{
    struct death d = { .n_events = (int)chance(KILL_EVENTS), .wait_us = chance(KILL_US) };
    int64_t began = clock_mono_ns();
    pthread_t thread = 0;
    bool early = chance(8) == 0;

    if (early)
        d = (struct death){ .wait_us = chance((unsigned)*start_us) };
    start();
    if (early)
        pthread_create(&thread, NULL, killer, &d);
    if (wait_until_up()) {
        *start_us = (clock_mono_ns() - began) / 1000 + 1;
        if (!early)
            pthread_create(&thread, NULL, killer, &d);
        live(false);
    }
    pthread_join(thread, NULL);
    reap();
    for (struct task *t = tasks; t; t = t->next)
        close_stream(t);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static long long ask_database(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    long long n = -1;

    snprintf(path, sizeof path, "%s/state/corax.db", dir);
    sqlite3_open(path, &db);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}

static int count_events(const struct task *t, const char *kind)
{
    char needle[64];
    int n = 0;

    snprintf(needle, sizeof needle, "\"kind\":\"%s\"", kind);
    for (int i = 1; i <= t->n_events; i++)
        n += strstr(t->events[i], needle) != NULL;
    return n;
}

static void check(void)
{
    int n_doubled = 0, n_missing = 0, n_unanswered = 0, n_untold = 0, n_again = 0, n_written = 0;
    long long n_events = 0;

    for (const struct task *t = tasks; t; t = t->next) {
        n_unanswered += !t->answered;
        n_events += t->n_events;
        /* A person's answer shows as one of these; those of a POST that got no answer are more. */
        n_untold += count_events(t, "human_said") + count_events(t, "approval_given") < t->n_told;
        for (int i = 1; i <= N_STEPS; i++) {
            int n = steps[i] == 'w' || steps[i] == 'a' ? in_ledger(t, i) : 1;

            n_missing += n == 0;
            n_written += steps[i] == 'w';
            if (steps[i] == 'w' && n > 1) {
                n_doubled++;
                broken(t, "an effect happened twice, of step", (char[]){ (char)('0' + i), '\0' });
            }
            n_again += steps[i] == 'a' && n > 1;
        }
    }
    diag("%d tasks, %lld events, %d writes; %d calls in doubt, %d of them repeated; %d idempotent ones repeated;"
         " %d submissions repeated",
         n_tasks, n_events, n_written, n_asked, n_repeated, n_again, n_resent);
    is_int(n_lost, 0, "no acknowledged event or task is lost");
    is_int(n_untold, 0, "no acknowledged answer of a person is lost");
    is_int(n_doubled, 0, "no effect is repeated without a question");
    is_int(n_missing, 0, "no effect is missing");
    is_int(n_unanswered, 0, "every task has its answer");
    is_int(n_broken, 0, "and nothing else is wrong");
    is_int(ask_database("SELECT count(*) FROM tasks"), n_tasks, "no submission made two tasks");
    is_int(ask_database("SELECT sum(last_seq) FROM tasks"), n_events,
           "the journal has as many events as were received");
    is_int(ask_database("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1,
           "the database is intact");
}

static void clean_up(void)
{
    char command[128];

    while (tasks) {
        struct task *t = tasks;

        tasks = t->next;
        for (int i = 1; i <= t->n_events; i++)
            free(t->events[i]);
        free(t);
    }
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (tap_failed == 0 && system(command) != 0)
        diag("%s", command);
    if (tap_failed)
        diag("seed %u; %s is left to be looked at", seed, dir);
}

int main(void)
{
    const char *points = getenv("CRASH_POINTS"), *wanted = getenv("CRASH_SEED");
    int n_points = points ? atoi(points) : N_POINTS;
    int64_t start_us = 20000, began = clock_mono_ms();

    plan_later();
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    seed = wanted ? (unsigned)strtoul(wanted, NULL, 10) : (unsigned)clock_wall_ms();
    diag("CRASH_POINTS=%d CRASH_SEED=%u", n_points, seed);
    set_up();
    for (int i = 0; i < n_points; i++)
        one_life(&start_us);
    start();
    wait_until_up();
    live(true);
    kill(daemon_pid, SIGTERM);
    reap();
    diag("%d kills in %lld ms", n_points, (long long)(clock_mono_ms() - began));
    check();
    clean_up();
    done();
    return tap_status();
}
