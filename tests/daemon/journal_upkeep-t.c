/*
 * The journal over the years: an older database becomes one of ours behind a copy of it, old tasks go by age, number and size, copies are
 * made while it is written, and what a check finds of what was damaged.
 *
 * Not covered: who may ask for these over HTTP (api.bats).
 */
#include "daemon/journal.h"

#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/journal_check.h"
#include "daemon/journal_schema.h"
#include "tests/tap.h"

static char dir[64], db_path[128];
static int n_done;

static void count(struct journal_op *op)
{
    n_done++;
}

static void post(struct journal *j, struct journal_op *op)
{
    struct pollfd p = { .fd = journal_fd(j), .events = POLLIN };

    n_done = 0;
    journal_post(j, op);
    while (n_done < 1 && poll(&p, 1, 120000) > 0)
        journal_dispatch(j);
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

static void run_command(const char *cmd)
{
    if (system(cmd) != 0)
        diag("%s", cmd);
}

static void fresh_dir(void)
{
    char cmd[128];

    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    if (dir[0])
        run_command(cmd);
    snprintf(dir, sizeof(dir), "/tmp/corax-upkeep.XXXXXX");
    if (mkdtemp(dir) == NULL)
        exit(1);
    snprintf(db_path, sizeof(db_path), "%s/corax.db", dir);
}

/* A statement on a database that nobody has open; the number that it gives, or -1. */
static long long sql(const char *path, const char *text)
{
    sqlite3 *db;
    sqlite3_stmt *s = NULL;
    long long n = -1;

    sqlite3_open(path, &db);
    if (sqlite3_prepare_v2(db, text, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    else if (s && sqlite3_errcode(db) != SQLITE_DONE && sqlite3_errcode(db) != SQLITE_OK)
        diag("%s: %s", text, sqlite3_errmsg(db));
    sqlite3_finalize(s);
    sqlite3_exec(db, text, NULL, NULL, NULL);
    sqlite3_close(db);
    return n;
}

/* A task of one event with a payload of its own. */
static void add_task(struct journal *j, enum task_state state, int64_t updated_ms)
{
    static int n;
    struct journal_append a;
    char text[2000];

    memset(text, 'x', sizeof(text));
    snprintf(text + sizeof(text) - 20, 20, "%d", n++);
    journal_append_init(&a, count);
    a.create = true;
    id_create(a.row.id);
    a.row.state = state;
    a.row.updated_ms = updated_ms;
    a.row.last_seq = 1;
    a.entries = entry_create(ENTRY_TASK_SUBMITTED, 1, 1, 1);
    entry_text(a.entries, "text", text);
    entry_end(a.entries);
    post(j, &a.op);
    if (a.op.result < 0)
        diag("%s", a.op.err.msg);
    entry_destroy(a.entries);
}

static bool is_good(const char *path)
{
    struct err err = { 0 };
    struct buf out;
    bool good = false;

    buf_init(&out, 1 << 20);
    if (journal_check(path, &out, &good, &err) < 0)
        diag("%s", err.msg);
    else if (!good)
        diag("%.*s", (int)out.len, out.data);
    buf_finish(&out);
    return good;
}

/* --- an older database -------------------------------------------------------------------------------------------- */

/* One of ours, without what came later. */
static void make_version(int version)
{
    struct journal *j;
    char text[40];

    fresh_dir();
    j = must_open();
    for (int i = 0; i < 5; i++)
        add_task(j, TASK_FINISHED, i);
    journal_close(j);
    if (version < 2)
        sql(db_path, "DROP INDEX tasks_finished");
    if (version < 3)
        sql(db_path, "DROP TABLE schedules");
    if (version < 4)
        sql(db_path, "SELECT 1; DROP TABLE memory_vectors; DROP TABLE memory_writes; DROP TABLE memories;"
                     " DROP TABLE memory_spaces; DROP TABLE memories_fts");
    if (version < 5)
        sql(db_path, "DROP TABLE text_vectors");
    snprintf(text, sizeof(text), "PRAGMA user_version=%d", version);
    sql(db_path, text);
}

static void test_older(void)
{
    struct err err = { 0 };
    struct journal *j;
    struct stat st = { 0 };
    char path[160];

    make_version(1);
    snprintf(path, sizeof(path), "%s.v1", db_path);
    is_int(sql(db_path, "PRAGMA user_version"), 1, "a database of version 1");
    j = journal_open(dir, NULL, &err);
    if (!ok(j != NULL, "is opened"))
        diag("%s", err.msg);
    journal_close(j);
    is_int(sql(db_path, "PRAGMA user_version"), JOURNAL_SCHEMA, "and has our version then");
    ok(is_good(db_path), "and is good");
    is_int(sql(db_path, "SELECT count(*) FROM tasks"), 5, "with all its tasks");
    is_int(stat(path, &st), 0, "there is a copy of it as it was");
    is_int(st.st_mode & 0777, 0600, "which nobody else may read");
    is_int(sql(path, "PRAGMA user_version"), 1, "of version 1");
    is_int(sql(path, "SELECT count(*) FROM events"), 5, "with everything");
    ok(is_good(path), "and is good as well");

    make_version(1);
    snprintf(path, sizeof(path), "%s.v1.part", db_path);
    mkdir(path, 0700); /* no copy can be made there */
    j = journal_open(dir, NULL, &err);
    ok(j == NULL && strstr(err.msg, "no copy can be made"), "without a copy it stays as it is: %s", err.msg);
    journal_close(j);
    is_int(sql(db_path, "PRAGMA user_version"), 1, "of version 1");
    rmdir(path);
    j = must_open();
    journal_close(j);
    is_int(sql(db_path, "PRAGMA user_version"), JOURNAL_SCHEMA, "until there is room for one");

    for (int version = 2; version < JOURNAL_SCHEMA; version++) {
        make_version(version);
        j = must_open();
        journal_close(j);
        ok(sql(db_path, "PRAGMA user_version") == JOURNAL_SCHEMA && sql(db_path, "SELECT count(*) FROM tasks") == 5 && is_good(db_path),
           "one of version %d as well", version);
    }
}

/* As by somebody who looks at it with another program. */
static void test_locked(void)
{
    struct err err = { 0 };
    struct journal *j;
    sqlite3 *db;

    fresh_dir();
    j = must_open();
    add_task(j, TASK_FINISHED, 1);
    journal_close(j);
    sqlite3_open(db_path, &db);
    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    j = journal_open(dir, NULL, &err);
    ok(j == NULL && err.status == CORAX_E_UNAVAIL && strstr(err.msg, "another program has the database open"), "a database that is locked: %s",
       err.msg);
    journal_close(j);
    sqlite3_close(db);
    j = journal_open(dir, NULL, &err);
    ok(j != NULL, "is opened as soon as it is not");
    if (j == NULL)
        return;
    sqlite3_open(db_path, &db);
    ok(sqlite3_exec(db, "DELETE FROM tasks", NULL, NULL, NULL) == SQLITE_BUSY, "and nobody else may write to it then");
    sqlite3_close(db);
    add_task(j, TASK_FINISHED, 2);
    journal_close(j);
    is_int(sql(db_path, "SELECT count(*) FROM tasks"), 2, "nothing is lost by that");
}

/* A migration that is killed anywhere leaves the old database or the new one. */
static void test_killed(void)
{
    int n_old = 0, n_new = 0, n_bad = 0;

    for (int i = 0; i < 40; i++) {
        char cmd[400];

        make_version(1);
        snprintf(cmd, sizeof(cmd), "rm -f %s.v1", db_path);
        run_command(cmd);
        fflush(stdout);
        const pid_t pid = fork();
        if (pid == 0) {
            struct journal *j = journal_open(dir, NULL, NULL);

            _exit(j == NULL);
        }
        usleep((useconds_t)i * 1500);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        const long long version = sql(db_path, "PRAGMA user_version");
        n_old += version == 1;
        n_new += version == JOURNAL_SCHEMA;
        struct journal *j = must_open();
        journal_close(j);
        n_bad += !is_good(db_path) || sql(db_path, "SELECT count(*) FROM tasks") != 5 || access(db_path, F_OK) < 0;
    }
    diag("killed before %d times, behind %d times", n_old, n_new);
    ok(n_old + n_new == 40 && n_bad == 0, "whenever it is killed, the next start goes on");
}

/* --- what need not be kept ---------------------------------------------------------------------------------------- */

static int retain(struct journal *j, int64_t before_ms, int64_t keep_tasks, int64_t keep_bytes)
{
    struct journal_retain r;
    int n = 0, n_posts = 0;

    journal_retain_init(&r, count);
    r.before_ms = before_ms;
    r.keep_tasks = keep_tasks;
    r.keep_bytes = keep_bytes;
    do {
        post(j, &r.op);
        n += r.n_deleted;
    } while (r.op.result == 0 && r.more && ++n_posts < 10000);
    return r.op.result < 0 || n_posts == 10000 ? -1 : n;
}

static void test_retention(void)
{
    struct journal *j;
    struct stat before, after;

    fresh_dir();
    j = must_open();
    for (int i = 0; i < 200; i++)
        add_task(j, i % 10 == 0 ? TASK_WAITING : TASK_FINISHED, 1000 + i);
    is_int(retain(j, 0, 0, 0), 0, "without a limit nothing is deleted");
    is_int(retain(j, 1050, 0, 0), 45, "finished tasks that are too old are");
    is_int(retain(j, 1050, 0, 0), 0, "once");
    is_int(retain(j, 0, 30, 0), 105, "so are those beyond a number");
    journal_close(j);
    is_int(sql(db_path, "SELECT count(*) FROM tasks WHERE state=3"), 30, "which are left");
    is_int(sql(db_path, "SELECT min(updated_ms) FROM tasks WHERE state=3"), 1167, "the newest");
    is_int(sql(db_path, "SELECT count(*) FROM tasks WHERE state<>3"), 20, "tasks that are not finished stay");
    is_int(sql(db_path, "SELECT count(*) FROM blobs"), 50, "with the payloads of all that are left");
    is_int(sql(db_path, "PRAGMA freelist_count"), 0, "the room is given back");
    ok(is_good(db_path), "the journal is good");

    fresh_dir();
    j = must_open();
    for (int i = 0; i < 1000; i++)
        add_task(j, TASK_FINISHED, 1000 + i);
    journal_close(j);
    stat(db_path, &before);
    j = must_open();
    ok(retain(j, 0, 0, 1 << 20) > 300, "tasks are deleted until the database is small enough");
    journal_close(j);
    stat(db_path, &after);
    ok(before.st_size > 2 << 20 && after.st_size <= 1 << 20 && after.st_size > 1 << 19, "%lld bytes have become %lld", (long long)before.st_size,
       (long long)after.st_size);
    ok(is_good(db_path), "and is good");
}

/* --- copies ------------------------------------------------------------------------------------------------------- */

static void test_backup(void)
{
    struct journal_backup b;
    struct err err = { 0 };
    struct journal *j;
    struct stat st = { 0 };
    char path[160], part[170];
    int n_posts = 0;

    fresh_dir();
    snprintf(path, sizeof(path), "%s/copy.db", dir);
    snprintf(part, sizeof(part), "%s.part", path);
    j = must_open();
    for (int i = 0; i < 2000; i++)
        add_task(j, TASK_FINISHED, i);
    ok(journal_backup_init(&b, path, count, &err) == 0, "a copy is begun");
    do {
        post(j, &b.op);
        add_task(j, TASK_RUNNING, n_posts);
        n_posts++;
    } while (b.op.result == 0 && b.more);
    ok(b.op.result == 0 && n_posts > 4, "it is made in pieces: %d", n_posts);
    journal_backup_finish(&b);
    is_int(stat(path, &st), 0, "it has its name");
    is_int(st.st_size, b.bytes, "and the size that is told");
    is_int(st.st_mode & 0777, 0600, "nobody else may read it");
    ok(access(part, F_OK) < 0, "nothing else is left");
    ok(is_good(path), "it is good");
    is_int(sql(path, "SELECT count(*) FROM tasks"), 2000 + n_posts - 1, "and has what was written meanwhile");

    ok(journal_backup_init(&b, path, count, &err) == 0, "another one");
    post(j, &b.op);
    ok(b.op.result < 0 && strstr(b.op.err.msg, "there already"), "does not take the name of a file that is there: %s", b.op.err.msg);
    journal_backup_finish(&b);
    snprintf(path, sizeof(path), "%s/half.db", dir);
    snprintf(part, sizeof(part), "%s.part", path);
    journal_backup_init(&b, path, count, &err);
    post(j, &b.op);
    ok(b.more && access(part, F_OK) == 0, "one that is given up");
    journal_backup_finish(&b);
    ok(access(part, F_OK) < 0 && access(path, F_OK) < 0, "leaves nothing");
    journal_backup_init(&b, "/nowhere/at/all.db", count, &err);
    post(j, &b.op);
    ok(b.op.result < 0, "where there is no folder: %s", b.op.err.msg);
    journal_backup_finish(&b);
    add_task(j, TASK_RUNNING, 1);
    journal_close(j);
    ok(is_good(db_path), "the journal goes on");
}

/* --- checks ------------------------------------------------------------------------------------------------------- */

static void finds(const char *damage, const char *what)
{
    struct err err = { 0 };
    struct journal *j;
    struct buf out;
    bool good = true;
    char text[300];

    fresh_dir();
    j = must_open();
    for (int i = 0; i < 50; i++)
        add_task(j, TASK_FINISHED, i);
    journal_close(j);
    sql(db_path, damage);
    buf_init(&out, 1 << 20);
    if (journal_check(db_path, &out, &good, &err) < 0)
        diag("%s", err.msg);
    buf_addc(&out, '\0');
    snprintf(text, sizeof(text), "%s", out.data ? out.data : "");
    if (!ok(!good && strstr(text, what), "%s: %s", damage, what))
        diag("%s", text);
    buf_finish(&out);
}

static void test_check(void)
{
    struct err err = { 0 };
    struct buf out;
    bool good = true;
    char page[4096];
    FILE *f;
    struct journal *j;

    finds("UPDATE blobs SET uses=9 WHERE b=3", "payload 3 is counted 9 times and used 1");
    finds("UPDATE blobs SET data='\"other\"' WHERE b=3", "payload 3 is not what its hash says");
    finds("UPDATE events SET body='{' WHERE task=4", "event 1 of task number 4 is not JSON");
    finds("UPDATE tasks SET last_seq=2 WHERE n=5", "stands at event 2 and has 1");
    finds("DELETE FROM event_blobs WHERE task=6", "event 1 of task number 6 has lost a payload");
    finds("DELETE FROM tasks WHERE n=7", "refers to a row of");
    finds("DROP TABLE event_blobs", "no such table: event_blobs: SELECT");
    finds("DROP TABLE memories_fts_config", ": INSERT INTO memories_fts");

    fresh_dir();
    j = must_open();
    for (int i = 0; i < 300; i++)
        add_task(j, TASK_FINISHED, i);
    journal_close(j);
    f = fopen(db_path, "r+");
    memset(page, 0xa5, sizeof(page));
    fseek(f, 20 * 4096, SEEK_SET);
    for (int i = 0; i < 8; i++)
        fwrite(page, 1, sizeof(page), f);
    fclose(f);
    buf_init(&out, 1 << 20);
    ok(journal_check(db_path, &out, &good, &err) == 0 && !good, "overwritten pages are found");
    ok(json_check(out.data, out.len, &err) == 0, "and told as JSON: %s", err.msg);
    buf_finish(&out);
    f = fopen(db_path, "w");
    fputs("this is no database at all, but long enough to be taken for one at a first look, if nobody looks twice ......", f);
    fclose(f);
    buf_init(&out, 1 << 20);
    ok(journal_check(db_path, &out, &good, &err) < 0, "a file that is none: %s", err.msg);
    buf_finish(&out);
    unlink(db_path);
    buf_init(&out, 1 << 20);
    ok(journal_check(db_path, &out, &good, &err) < 0 && err.status == CORAX_E_NOTFOUND, "no file: %s", err.msg);
    ok(access(db_path, F_OK) < 0, "which is not made by that");
    buf_finish(&out);
}

int main(void)
{
    plan_later();
    test_older();
    test_locked();
    test_killed();
    test_retention();
    test_backup();
    test_check();
    fresh_dir();
    rmdir(dir);
    done();
    return tap_status();
}
