/*
 * The journal: appends and reads, blobs shared and freed, order of events, group commit, the lock, a database that is
 * newer, a full one, and a writer that is killed again and again while somebody notes what it was told is stored.
 *
 * Not covered: loss of power (powercut-t), and tasks whose daemon is killed (crash-t).
 */
#include "daemon/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap.h"
#include "util/clock.h"

#define N_KILLS 12

static char dir[64];
static int n_done;

static void wait_done(struct journal *j, int n)
{
    struct pollfd p = { .fd = journal_fd(j), .events = POLLIN };

    while (n_done < n && poll(&p, 1, 120000) > 0)
        journal_dispatch(j);
    n_done = 0;
}

static void count(struct journal_op *op)
{
    n_done++;
}

static struct entry *make_entry(enum entry_kind kind, int64_t seq, const char *text)
{
    struct entry *e = entry_create(kind, seq, 1000 + seq, seq);

    entry_text(e, "text", text);
    entry_int(e, "n", 7);
    entry_end(e);
    return e;
}

static struct task_row make_row(const char *id, int64_t last_seq)
{
    struct task_row r = { .uid = 5, .state = TASK_RUNNING, .created_ms = 1, .updated_ms = 2, .last_seq = last_seq };

    snprintf(r.id, sizeof(r.id), "%s", id);
    row_text(r.input_text, "question", 8);
    return r;
}

/* Appends one entry and waits. */
static int append(struct journal *j, const char *id, int64_t seq, const char *text, struct err *err)
{
    struct journal_append a;

    journal_append_init(&a, count);
    a.create = seq == 1;
    a.row = make_row(id, seq);
    a.entries = make_entry(seq == 1 ? ENTRY_TASK_SUBMITTED : ENTRY_TOOL_RESULT, seq, text);
    journal_post(j, &a.op);
    wait_done(j, 1);
    entry_destroy(a.entries);
    if (err)
        *err = a.op.err;
    return a.op.result;
}

static struct journal_read read_task(struct journal *j, const char *id)
{
    struct journal_read r;

    journal_read_init(&r, id, count);
    r.max_bytes = SIZE_MAX;
    journal_post(j, &r.op);
    wait_done(j, 1);
    return r;
}

static struct journal *must_open(void)
{
    struct err err = { 0 };
    struct journal *j = journal_open(dir, NULL, &err);

    if (j == NULL) {
        printf("Bail out! %s\n", err.msg);
        exit(1);
    }
    return j;
}

/* A number from the closed database. */
static long long ask(const char *sql)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *s;
    long long n = -1;

    snprintf(path, sizeof(path), "%s/corax.db", dir);
    sqlite3_open(path, &db);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}

static void fresh_dir(void)
{
    char cmd[128];

    if (dir[0]) {
        snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
        if (system(cmd) != 0)
            printf("# %s\n", cmd);
    }
    snprintf(dir, sizeof(dir), "/tmp/corax-journal.XXXXXX");
    if (mkdtemp(dir) == NULL)
        exit(1);
}

static void test_events(void)
{
    char a[ID_LEN + 1], b[ID_LEN + 1], big[3000];
    struct journal *j;
    struct journal_read r;
    struct journal_delete d;
    struct journal_list l;
    struct err err = { 0 };

    id_create(a);
    id_create(b);
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    fresh_dir();
    j = must_open();
    is_int(append(j, a, 1, "short", NULL), 0, "a task is created");
    is_int(append(j, a, 2, big, NULL), 0, "a large member is stored");
    is_int(append(j, a, 3, big, NULL), 0, "and once more");
    is_int(append(j, b, 1, big, NULL), 0, "and by another task");
    is_int(append(j, a, 5, "gap", &err), -1, "an event that leaves a gap is refused");
    has_str(err.msg, "does not stand at event 4", "and the error says so");
    is_int(append(j, a, 3, "again", NULL), -1, "an event that is there already is refused");
    is_int(append(j, a, 4, "fits", NULL), 0, "the one that follows is taken");
    r = read_task(j, a);
    is_int((long long)r.n_events, 4, "all events come back");
    is_str(r.events[0].json,
           "{\"seq\":1,\"at_ms\":1001,\"active_ms\":1,\"kind\":\"task_submitted\",\"text\":\"short\",\"n\":7}",
           "a small one as it was written");
    ok(r.events[1].len > sizeof(big) && strstr(r.events[1].json, "\"n\":7,\"text\":\"xxx"),
       "a large one with its payload inlined");
    is_int(r.row.uid, 5, "the row has its uid");
    is_int(r.row.last_seq, 4, "and stands at the last event");
    journal_read_finish(&r);

    journal_list_init(&l, count);
    journal_post(j, &l.op);
    wait_done(j, 1);
    ok(l.n_rows == 2 && strcmp(l.rows[0].id, b) == 0, "a list is newest first");
    journal_list_finish(&l);
    journal_list_init(&l, count);
    l.uid = 6;
    journal_post(j, &l.op);
    wait_done(j, 1);
    is_int((long long)l.n_rows, 0, "another uid sees none");
    journal_list_finish(&l);
    journal_close(j);
    is_int(ask("SELECT count(*) FROM blobs"), 1, "three equal payloads are one blob");
    is_int(ask("SELECT uses FROM blobs"), 3, "counted three times");
    is_int(ask("PRAGMA auto_vacuum"), 2, "auto_vacuum is incremental");

    j = must_open();
    journal_delete_init(&d, a, count);
    journal_post(j, &d.op);
    wait_done(j, 1);
    is_int(d.op.result, 0, "a task is deleted");
    r = read_task(j, a);
    ok(!r.found, "and is gone");
    journal_read_finish(&r);
    r = read_task(j, b);
    ok(r.n_events == 1 && r.events[0].len > sizeof(big), "the other still has the payload");
    journal_read_finish(&r);
    journal_close(j);
    is_int(ask("SELECT uses FROM blobs"), 1, "which is counted once now");
    j = must_open();
    journal_delete_init(&d, b, count);
    journal_post(j, &d.op);
    wait_done(j, 1);
    journal_close(j);
    is_int(
        ask("SELECT (SELECT count(*) FROM blobs) + (SELECT count(*) FROM events) + (SELECT count(*) FROM event_blobs)"),
        0, "after the last deletion nothing is left");
}

static void test_key(void)
{
    struct journal *j;
    struct journal_append a[3];
    char id[3][ID_LEN + 1];
    int i;

    fresh_dir();
    j = must_open();
    for (i = 0; i < 3; i++) {
        id_create(id[i]);
        journal_append_init(&a[i], count);
        a[i].create = true;
        a[i].row = make_row(id[i], 1);
        a[i].entries = make_entry(ENTRY_TASK_SUBMITTED, 1, "x");
        a[i].idem_key = "key";
        memset(a[i].idem_hash, i == 2, HASH_LEN);
        journal_post(j, &a[i].op);
    }
    wait_done(j, 3);
    ok(a[0].op.result == 0 && !a[0].exists, "the first with a key is created");
    ok(a[1].op.result == 0 && a[1].exists && a[1].same && strcmp(a[1].existing.id, id[0]) == 0, "the second finds it");
    ok(a[2].exists && !a[2].same, "another body is told");
    for (i = 0; i < 3; i++)
        entry_destroy(a[i].entries);
    journal_close(j);
}

static void test_group(void)
{
    enum { N = 500 };
    static struct journal_append a[N];
    struct journal *j;
    struct journal_stats s;
    char id[ID_LEN + 1];
    int64_t start;
    int i, bad = 0;

    fresh_dir();
    j = must_open();
    start = clock_mono_ns();
    for (i = 0; i < N; i++) {
        id_create(id);
        journal_append_init(&a[i], count);
        a[i].create = true;
        a[i].row = make_row(id, 1);
        a[i].entries = make_entry(ENTRY_TASK_SUBMITTED, 1, "x");
        if (i == 77)
            memcpy(a[i].row.id, a[76].row.id, sizeof(id)); /* breaks UNIQUE */
        journal_post(j, &a[i].op);
    }
    wait_done(j, N);
    s = journal_stats(j);
    for (i = 0; i < N; i++) {
        bad += a[i].op.result != 0;
        entry_destroy(a[i].entries);
    }
    diag("%d writes in %llu commits, %lld us", N, (unsigned long long)s.n_commits,
         (long long)(clock_mono_ns() - start) / 1000);
    is_int(bad, 1, "one bad write in a batch fails alone");
    ok(a[77].op.result == -1 && strstr(a[77].op.err.msg, "UNIQUE"), "and says why: %s", a[77].op.err.msg);
    journal_close(j);
    is_int(ask("SELECT count(*) FROM tasks"), N - 1, "the others are stored");

    j = must_open();
    for (i = 0; i < N; i++) {
        id_create(id);
        journal_append_init(&a[i], count);
        a[i].create = true;
        a[i].row = make_row(id, 1);
        a[i].entries = make_entry(ENTRY_TASK_SUBMITTED, 1, "x");
        journal_post(j, &a[i].op);
    }
    wait_done(j, N);
    s = journal_stats(j);
    for (i = 0; i < N; i++)
        entry_destroy(a[i].entries);
    ok(s.n_writes == N && s.n_commits < N / 4, "%d writes need far fewer commits (%llu)", N,
       (unsigned long long)s.n_commits);
    journal_close(j);
}

static void test_opening(void)
{
    struct journal *j, *second;
    struct err err = { 0 };
    char path[128];
    sqlite3 *db;

    fresh_dir();
    j = must_open();
    second = journal_open(dir, NULL, &err);
    ok(second == NULL, "two daemons on one folder: the second is refused");
    has_str(err.msg, "belongs to another coraxd", "with a sentence");
    is_int(err.status, CORAX_E_UNAVAIL, "and a status");
    journal_close(j);
    snprintf(path, sizeof(path), "%s/corax.db", dir);
    sqlite3_open(path, &db);
    sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL);
    sqlite3_close(db);
    j = journal_open(dir, NULL, &err);
    ok(j == NULL, "a database of a newer daemon is refused");
    has_str(err.msg, "has version 99 and this daemon knows up to", "with a sentence");
    journal_close(j);
}

/* The page limit stands for a full disk: the error code and the way through SQLite are the same. */
static void test_full(void)
{
    struct journal *j;
    struct journal_append a;
    char id[ID_LEN + 1], path[160];
    struct err err = { 0 };
    int fd;

    fresh_dir();
    j = must_open();
    id_create(id);
    is_int(append(j, id, 1, "before", NULL), 0, "a write before the trouble");
    /* Writes through the open descriptors go on failing while the file-size limit is down. */
    snprintf(path, sizeof(path), "%s/corax.db-wal", dir);
    fd = open(path, O_RDWR);
    ok(fd >= 0, "the log is there");
    close(fd);
    journal_append_init(&a, count);
    a.row = make_row("no such task", 2);
    a.entries = make_entry(ENTRY_TOOL_RESULT, 2, "x");
    journal_post(j, &a.op);
    wait_done(j, 1);
    is_int(a.op.result, -1, "an event of no task is refused");
    entry_destroy(a.entries);
    is_int(append(j, id, 2, "after", &err), 0, "and the journal goes on");
    journal_close(j);
}

/* Writes events until it is killed, and tells each one that is durable through the pipe. */
static void write_until_killed(int fd)
{
    struct journal *j = must_open();
    char id[ID_LEN + 1];
    int64_t seq;

    for (;;) {
        id_create(id);
        for (seq = 1; seq <= 20; seq++) {
            struct {
                char id[ID_LEN + 1];
                int64_t seq;
            } told;

            if (append(j, id, seq, "payload", NULL) < 0)
                _exit(2);
            memset(&told, 0, sizeof(told));
            memcpy(told.id, id, sizeof(id));
            told.seq = seq;
            if (write(fd, &told, sizeof(told)) != (ssize_t)sizeof(told))
                _exit(3);
        }
    }
}

static void test_kill(void)
{
    struct told {
        char id[ID_LEN + 1];
        int64_t seq;
    } told;
    int i, n_told = 0, n_lost = 0, pipefd[2], status;
    struct journal *j;
    pid_t pid;

    fresh_dir();
    for (i = 0; i < N_KILLS; i++) {
        if (pipe(pipefd) < 0)
            exit(1);
        fflush(stdout);
        pid = fork();
        if (pid == 0) {
            close(pipefd[0]);
            write_until_killed(pipefd[1]);
        }
        close(pipefd[1]);
        usleep(20000 + (useconds_t)i * 7000);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        j = must_open();
        while (read(pipefd[0], &told, sizeof(told)) == (ssize_t)sizeof(told)) {
            struct journal_read r = read_task(j, told.id);

            n_told++;
            n_lost += !r.found || r.row.last_seq < told.seq || r.n_events < (size_t)told.seq;
            journal_read_finish(&r);
        }
        journal_close(j);
        close(pipefd[0]);
    }
    diag("%d kills, %d acknowledged events", N_KILLS, n_told);
    is_int(n_lost, 0, "no acknowledged event is lost by kill -9");
    ok(ask("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'") == 1, "the database is intact");
    is_int(ask("SELECT count(*) FROM tasks t WHERE last_seq <> (SELECT count(*) FROM events e WHERE e.task=t.n)"), 0,
           "every row stands at its last event");
}

int main(void)
{
    plan_later();
    test_events();
    test_key();
    test_group();
    test_opening();
    test_full();
    test_kill();
    fresh_dir();
    rmdir(dir);
    done();
    return tap_status();
}
