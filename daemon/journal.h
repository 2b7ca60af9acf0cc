/*
 * daemon/journal.h - what happened, on disk.
 *
 * One thread holds the only SQLite connection.  The loop posts operations; the thread takes all that have come
 * together, runs the writes in one transaction (group commit: with synchronous=FULL the flush is most of the cost),
 * then the reads, and hands them back.  journal_fd becomes readable then, and journal_dispatch runs each one's
 * done() in the loop's thread, in the order they were posted among writes.  Nothing here blocks the loop.
 *
 * A write that fails (disk full, read-only, I/O error) fails alone: the transaction is rolled back and the others are
 * run again without it.  The thread goes on, so when there is room again, writes succeed again.
 *
 * A task's events have numbers without gaps; a write that does not continue where the row stands is refused.
 *
 * An operation belongs to the journal from journal_post to its done().
 */
#ifndef DAEMON_JOURNAL_H
#define DAEMON_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/entry.h"
#include "util/err.h"
#include "util/id.h"

struct journal;
struct journal_db;
struct journal_copy;
struct memory;
struct schedule_state;

enum task_state { TASK_QUEUED, TASK_RUNNING, TASK_WAITING, TASK_FINISHED, TASK_SCHEDULED, TASK_PAUSED, N_TASK_STATES }; /* stored: add at the end */
enum task_outcome { OUTCOME_NONE, OUTCOME_ANSWERED, OUTCOME_FAILED, OUTCOME_CANCELLED };
const char *task_state_name(enum task_state);
int task_state_find(const char *name);            /* -1: none */
const char *task_outcome_name(enum task_outcome); /* NULL for OUTCOME_NONE */

#define ROW_TEXT_CHARS 120
#define ROW_TEXT_SIZE  (4 * ROW_TEXT_CHARS + 1)

/* A task's row: what lists show, and where its events stand. */
struct task_row {
    int64_t n; /* its number in the database; 0: not known here, it is looked up by its id */
    char id[ID_LEN + 1];
    uint32_t uid;
    enum task_state state;
    enum task_outcome outcome;
    int64_t created_ms, updated_ms, active_ms, last_seq;
    int64_t n_steps, n_tool_calls, prompt_tokens, completion_tokens;
    char input_text[ROW_TEXT_SIZE]; /* the first ROW_TEXT_CHARS characters */
    char answer[ROW_TEXT_SIZE];
    bool has_answer;
    char model[80]; /* "": none yet */
};

/* Copies at most ROW_TEXT_CHARS whole characters of UTF-8. */
void row_text(char out[ROW_TEXT_SIZE], const char *text, size_t len);

struct journal_op {
    struct journal_op *next;
    bool is_write;
    bool is_memory; /* a write that may change what is remembered (journal_watch()) */
    /* In the journal's thread. */
    int (*work)(struct journal_db *, struct journal_op *, struct err *);
    /* In the loop's thread; owns the op. */
    void (*done)(struct journal_op *);
    void *arg;      /* the caller's */
    int result;     /* of work, and of the commit */
    struct err err; /* when result is -1 */
};

struct journal_options {
    bool normal; /* synchronous=NORMAL: a loss of power may take what was stored last, kill -9 never does */
};

/*
 * Opens DIR/corax.db (made when missing) behind the lock DIR/corax.lock, brings the schema up to date and starts the
 * thread.  NULL with CORAX_E_UNAVAIL when another daemon has it, CORAX_E_ARGS when the database is newer than we are,
 * CORAX_E_IO otherwise.
 */
struct journal *journal_open(const char *dir, const struct journal_options *, struct err *); /* options NULL: all zero */
/* Finishes what was posted (without calling done()), writes back the log and closes. */
void journal_close(struct journal *);
int journal_fd(const struct journal *);
void journal_dispatch(struct journal *);
/* Waits until every posted operation is done, those that their done() posts too.  For the end of the daemon. */
void journal_drain(struct journal *);
void journal_post(struct journal *, struct journal_op *);
const char *journal_path(const struct journal *);
/* changed() is called, from journal_dispatch(), after writes that may have changed what is remembered. */
void journal_watch(struct journal *, void (*changed)(void *arg), void *arg);

struct journal_stats {
    uint64_t n_commits, n_writes;
};
struct journal_stats journal_stats(struct journal *);
/* The member "journal" of /healthz.  true when the last write was stored. */
bool journal_write_health(struct journal *, struct jsonw *);

/* --- operations: fill in, set op.done, post ------------------------------------------------------------------- */

/* Append entries to a task and bring its row up to date; `create` makes the row. */
struct journal_append {
    struct journal_op op;
    bool create;
    struct task_row row;
    struct entry *entries; /* list; stays the caller's, untouched until done() */
    const struct memory *episode; /* with the task's end: what is remembered of it, the caller's; NULL: nothing */
    /* create only */
    const char *idem_key; /* NULL: none */
    unsigned char idem_hash[HASH_LEN];
    const struct schedule_state *schedule; /* stored in the same commit (daemon/journal_schedules.h); NULL: none */
    bool exists; /* out: a task of this uid has the key already: nothing was written */
    bool same;   /* out: and was submitted with the same body */
    struct task_row existing;
};
void journal_append_init(struct journal_append *, void (*done)(struct journal_op *));

/* Read a task: its row and the events after `after`, at most about max_bytes of them (at least one). */
struct stored_event {
    int64_t seq;
    enum entry_kind kind;
    char *json; /* the whole object, NUL-terminated */
    size_t len;
};
struct journal_read {
    struct journal_op op;
    char id[ID_LEN + 1];
    int64_t after;
    size_t max_bytes; /* 0: the row alone */
    bool ends_only;   /* the first and the last event */
    bool found;
    bool more; /* there are events after the last one here */
    struct task_row row;
    size_t n_events;
    struct stored_event *events;
};
void journal_read_init(struct journal_read *, const char *id, void (*done)(struct journal_op *));
void journal_read_finish(struct journal_read *); /* frees the events */

/* Rows, newest first. */
#define LIST_ANY  (-1)
#define LIST_LIVE (-2) /* not finished; all of them, whatever the limit says */
struct journal_list {
    struct journal_op op;
    int64_t uid;             /* -1: of everybody */
    int state;               /* an enum task_state, or one of the above */
    char before[ID_LEN + 1]; /* "": from the newest */
    int limit;
    size_t n_rows;
    struct task_row *rows;
    bool more;
};
void journal_list_init(struct journal_list *, void (*done)(struct journal_op *));
void journal_list_finish(struct journal_list *);

/* Delete a finished task, its events, and the blobs that no other event uses. */
struct journal_delete {
    struct journal_op op;
    char id[ID_LEN + 1];
    bool found;
};
void journal_delete_init(struct journal_delete *, const char *id, void (*done)(struct journal_op *));

/*
 * Delete finished tasks, the oldest first, that are older than before_ms, or more than keep_tasks, or while the database has more than
 * keep_bytes; at most so many at once as the disk is busy with for some milliseconds.  A limit of 0 is none.
 */
struct journal_retain {
    struct journal_op op;
    int64_t before_ms, keep_tasks, keep_bytes;
    int n_deleted; /* out */
    bool more;     /* out: post it again */
};
void journal_retain_init(struct journal_retain *, void (*done)(struct journal_op *));

/*
 * A copy of the whole database at a path, some pages at a time: while `more`, post it again.  What happens to be written meanwhile is in
 * the copy, too.  After an error, or to stop before the end: journal_backup_finish().
 */
struct journal_backup {
    struct journal_op op;
    char path[512];
    struct journal_copy *copy; /* begun */
    bool more;
    int64_t bytes; /* out, at the end */
};
int journal_backup_init(struct journal_backup *, const char *path, void (*done)(struct journal_op *), struct err *);
void journal_backup_finish(struct journal_backup *); /* while it is not posted */

#endif
