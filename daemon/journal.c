/*
 * The journal's thread and its two lists: operations posted by the loop, and operations done.
 *
 * Lists are taken whole, so each side holds the mutex for a few instructions only.  The thread wakes the loop with an
 * eventfd once per round, whatever number of operations it carried out in it.
 */
#include "daemon/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal_ops.h"
#include "daemon/journal_schema.h"
#include "util/log.h"

#define CHECKPOINT_IDLE_MS 200 /* idle for so long: copy the log back while nobody waits */

struct op_list {
    struct journal_op *head, **tail;
};

struct journal {
    struct journal_db jdb;
    char path[512];
    int lock_fd, event_fd;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    struct op_list posted, finished;
    size_t n_out; /* posted and not yet done; the loop's own */
    bool stop;
    struct journal_stats stats;
    char last_error[ERR_MSG]; /* "": the last write was stored */
    struct log_repeat trouble;
    void (*changed)(void *arg); /* the loop's own */
    void *changed_arg;
};

static void list_init(struct op_list *l)
{
    l->head = NULL;
    l->tail = &l->head;
}

static void list_add(struct op_list *l, struct journal_op *op)
{
    op->next = NULL;
    *l->tail = op;
    l->tail = &op->next;
}

static struct journal_op *list_take(struct op_list *l)
{
    struct journal_op *head = l->head;

    list_init(l);
    return head;
}

/* Runs one statement without parameters. */
static int plain(struct journal_db *jdb, enum journal_sql sql, struct err *err)
{
    sqlite3_stmt *stmt = journal_stmt(jdb, sql, err);

    return stmt ? journal_step(jdb, stmt, journal_sql[sql], err) : -1;
}

static void roll_back(struct journal_db *jdb)
{
    if (!sqlite3_get_autocommit(jdb->db))
        plain(jdb, SQL_ROLLBACK, NULL);
}

/*
 * Runs the writes from `from` up to `to` (exclusive; NULL: all) as one transaction.  Without `each`, one that fails
 * fails all.  With it, one that fails is undone by itself and keeps its error, and the others are stored.  On -1
 * nothing is kept.
 */
static int transaction(struct journal_db *jdb, struct journal_op *from, struct journal_op *to, bool each,
                       struct err *err)
{
    struct journal_op *op;

    if (plain(jdb, SQL_BEGIN, err) < 0)
        return -1;
    for (op = from; op != to; op = op->next) {
        if (!op->is_write)
            continue;
        memset(&op->err, 0, sizeof(op->err));
        op->result = each ? plain(jdb, SQL_SAVE, &op->err) : 0;
        if (op->result == 0)
            op->result = op->work(jdb, op, &op->err);
        if (op->result == 0)
            continue;
        /* A full disk may have ended the whole transaction already. */
        if (!each || sqlite3_get_autocommit(jdb->db) || plain(jdb, SQL_UNDO, NULL) < 0) {
            if (err)
                *err = op->err;
            roll_back(jdb);
            return -1;
        }
    }
    if (plain(jdb, SQL_COMMIT, err) < 0) {
        roll_back(jdb);
        return -1;
    }
    return 0;
}

/* Stores what can be stored: all together, else all but the bad ones, else (no commit succeeds) each for itself. */
static uint64_t store(struct journal_db *jdb, struct journal_op *head)
{
    struct journal_op *op;
    uint64_t n_commits = 0;

    if (transaction(jdb, head, NULL, false, NULL) == 0 || transaction(jdb, head, NULL, true, NULL) == 0)
        return 1;
    for (op = head; op; op = op->next) {
        if (!op->is_write)
            continue;
        op->result = transaction(jdb, op, op->next, false, &op->err);
        n_commits += op->result == 0;
    }
    return n_commits;
}

static void run_writes(struct journal *j, struct journal_op *head)
{
    struct journal_op *op;
    uint64_t n_writes = 0, n_commits;
    char last_error[ERR_MSG] = "";

    for (op = head; op; op = op->next)
        n_writes += op->is_write;
    if (n_writes == 0)
        return;
    n_commits = store(&j->jdb, head);
    for (op = head; op; op = op->next) {
        /* An event out of order is our mistake, not the disk's. */
        if (op->is_write && op->result < 0 && (op->err.status == CORAX_E_IO || op->err.status == CORAX_E_LIMIT)) {
            snprintf(last_error, sizeof(last_error), "%s", op->err.msg);
            log_warn_repeat(&j->trouble, "%s", op->err.msg);
        }
    }
    if (last_error[0] == '\0')
        log_works_again(&j->trouble, "journal");
    pthread_mutex_lock(&j->mutex);
    j->stats.n_writes += n_writes;
    j->stats.n_commits += n_commits;
    memcpy(j->last_error, last_error, sizeof(last_error));
    pthread_mutex_unlock(&j->mutex);
}

static void run_reads(struct journal *j, struct journal_op *head)
{
    struct journal_op *op;

    for (op = head; op; op = op->next)
        if (!op->is_write)
            op->result = op->work(&j->jdb, op, &op->err);
}

static void *thread_main(void *arg)
{
    struct journal *j = arg;
    struct journal_op *head, *op, *next;
    struct timespec until;
    bool dirty = false, idle;

    pthread_mutex_lock(&j->mutex);
    for (;;) {
        idle = false;
        while (j->posted.head == NULL && !j->stop && !idle) {
            if (!dirty) {
                pthread_cond_wait(&j->cond, &j->mutex);
                continue;
            }
            clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_nsec += CHECKPOINT_IDLE_MS * 1000000L;
            until.tv_sec += until.tv_nsec / 1000000000L;
            until.tv_nsec %= 1000000000L;
            idle = pthread_cond_timedwait(&j->cond, &j->mutex, &until) == ETIMEDOUT;
        }
        head = list_take(&j->posted);
        if (head == NULL && j->stop)
            break;
        pthread_mutex_unlock(&j->mutex);
        if (head == NULL) {
            sqlite3_wal_checkpoint_v2(j->jdb.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
            sqlite3_db_release_memory(j->jdb.db);
            dirty = false;
        } else {
            run_writes(j, head);
            run_reads(j, head);
            dirty = true;
        }
        pthread_mutex_lock(&j->mutex);
        for (op = head; op; op = next) {
            next = op->next;
            list_add(&j->finished, op);
        }
        if (head) {
            uint64_t one = 1;

            if (write(j->event_fd, &one, sizeof(one)) < 0)
                log_error("journal: eventfd: %s", strerror(errno));
        }
    }
    pthread_mutex_unlock(&j->mutex);
    return NULL;
}

static int take_lock(struct journal *j, const char *dir, struct err *err)
{
    char path[512], pid[32];
    ssize_t n;

    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return fail_sys(err, CORAX_E_IO, "state folder %s", dir);
    if ((size_t)snprintf(path, sizeof(path), "%s/corax.lock", dir) >= sizeof(path))
        return fail(err, CORAX_E_ARGS, "state folder %s: the path is too long", dir);
    j->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (j->lock_fd < 0)
        return fail_sys(err, CORAX_E_IO, "%s", path);
    if (flock(j->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return fail_sys(err, CORAX_E_IO, "lock %s", path);
        n = pread(j->lock_fd, pid, sizeof(pid) - 1, 0);
        pid[n > 0 ? n : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        return fail(err, CORAX_E_UNAVAIL, "the state folder %s belongs to another coraxd that is running (pid %s)", dir,
                    pid[0] ? pid : "unknown");
    }
    snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(j->lock_fd, 0) < 0 || pwrite(j->lock_fd, pid, strlen(pid), 0) < 0)
        return fail_sys(err, CORAX_E_IO, "%s", path);
    return 0;
}

static int open_database(struct journal *j, const char *dir, bool normal, struct err *err)
{
    mode_t old;
    int rc;

    if ((size_t)snprintf(j->path, sizeof(j->path), "%s/corax.db", dir) >= sizeof(j->path))
        return fail(err, CORAX_E_ARGS, "state folder %s: the path is too long", dir);
    /* One connection that one thread uses: SQLite's own locks would only cost.  umask: nobody else reads the
     * journal. */
    old = umask(077);
    rc = sqlite3_open_v2(j->path, &j->jdb.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        sqlite3_extended_result_codes(j->jdb.db, 1);
    rc = rc == SQLITE_OK ? journal_schema_apply(j->jdb.db, j->path, normal, err) : journal_fail(j->jdb.db, "open", err);
    umask(old);
    if (rc < 0)
        err_context(err, "%s", j->path);
    return rc;
}

static void destroy(struct journal *j)
{
    int i;

    for (i = 0; i < SQL_N; i++)
        sqlite3_finalize(j->jdb.stmt[i]);
    journal_drop_words(&j->jdb);
    if (j->jdb.db)
        sqlite3_close(j->jdb.db); /* the last connection: writes the log back and removes it */
    if (j->lock_fd >= 0)
        close(j->lock_fd);
    if (j->event_fd >= 0)
        close(j->event_fd);
    free(j);
}

static int start_thread(struct journal *j, struct err *err)
{
    pthread_condattr_t attr;
    pthread_attr_t tattr;
    sigset_t all, before;
    int rc;

    pthread_mutex_init(&j->mutex, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->cond, &attr);
    pthread_condattr_destroy(&attr);
    /* Signals belong to the loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&tattr);
    pthread_attr_setstacksize(&tattr, 1u << 20);
    rc = pthread_create(&j->thread, &tattr, thread_main, j);
    pthread_attr_destroy(&tattr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return fail(err, CORAX_E_INTERNAL, "journal: cannot start a thread: %s", strerror(rc));
    return 0;
}

struct journal *journal_open(const char *dir, const struct journal_options *options, struct err *err)
{
    struct journal *j = calloc(1, sizeof(*j));

    if (j == NULL) {
        fail(err, CORAX_E_INTERNAL, "journal: no memory");
        return NULL;
    }
    j->lock_fd = j->event_fd = -1;
    list_init(&j->posted);
    list_init(&j->finished);
    if (take_lock(j, dir, err) < 0 || open_database(j, dir, options && options->normal, err) < 0) {
        destroy(j);
        return NULL;
    }
    j->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (j->event_fd < 0 || start_thread(j, err) < 0) {
        if (j->event_fd < 0)
            fail_sys(err, CORAX_E_INTERNAL, "journal: eventfd");
        destroy(j);
        return NULL;
    }
    return j;
}

void journal_close(struct journal *j)
{
    if (j == NULL)
        return;
    pthread_mutex_lock(&j->mutex);
    j->stop = true;
    pthread_cond_signal(&j->cond);
    pthread_mutex_unlock(&j->mutex);
    pthread_join(j->thread, NULL);
    pthread_mutex_destroy(&j->mutex);
    pthread_cond_destroy(&j->cond);
    destroy(j);
}

int journal_fd(const struct journal *j)
{
    return j->event_fd;
}

const char *journal_path(const struct journal *j)
{
    return j->path;
}

void journal_post(struct journal *j, struct journal_op *op)
{
    bool was_empty;

    j->n_out++;
    op->result = -1;
    memset(&op->err, 0, sizeof(op->err));
    pthread_mutex_lock(&j->mutex);
    was_empty = j->posted.head == NULL;
    list_add(&j->posted, op);
    if (was_empty)
        pthread_cond_signal(&j->cond);
    pthread_mutex_unlock(&j->mutex);
}

void journal_dispatch(struct journal *j)
{
    struct journal_op *op, *next;
    bool changed = false;
    uint64_t n;

    /* Emptied before the list is taken: what comes later makes it readable again. */
    if (read(j->event_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
        log_error("journal: eventfd: %s", strerror(errno));
    pthread_mutex_lock(&j->mutex);
    op = list_take(&j->finished);
    pthread_mutex_unlock(&j->mutex);
    for (; op; op = next) {
        next = op->next;
        j->n_out--;
        changed |= op->is_memory && op->result == 0;
        op->done(op);
    }
    if (changed && j->changed)
        j->changed(j->changed_arg);
}

void journal_watch(struct journal *j, void (*changed)(void *arg), void *arg)
{
    j->changed = changed;
    j->changed_arg = arg;
}

void journal_drain(struct journal *j)
{
    struct pollfd p = { .fd = j->event_fd, .events = POLLIN };

    while (j->n_out > 0)
        if (poll(&p, 1, -1) > 0)
            journal_dispatch(j);
}

struct journal_stats journal_stats(struct journal *j)
{
    struct journal_stats s;

    pthread_mutex_lock(&j->mutex);
    s = j->stats;
    pthread_mutex_unlock(&j->mutex);
    return s;
}

bool journal_write_health(struct journal *j, struct jsonw *w)
{
    char last_error[ERR_MSG];
    struct journal_stats stats;

    pthread_mutex_lock(&j->mutex);
    memcpy(last_error, j->last_error, sizeof(last_error));
    stats = j->stats;
    pthread_mutex_unlock(&j->mutex);
    jsonw_object(w, "journal");
    jsonw_text(w, "state", last_error[0] ? "failing" : "ok");
    jsonw_text(w, "path", j->path);
    jsonw_int(w, "schema", JOURNAL_SCHEMA);
    jsonw_int(w, "commits", (int64_t)stats.n_commits);
    jsonw_text(w, "error", last_error[0] ? last_error : NULL);
    jsonw_end(w);
    return last_error[0] == '\0';
}
