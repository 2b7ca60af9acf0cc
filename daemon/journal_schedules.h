/*
 * daemon/journal_schedules.h - schedules in the journal: what they are, where they stand, and the operations on them.
 */
#ifndef DAEMON_JOURNAL_SCHEDULES_H
#define DAEMON_JOURNAL_SCHEDULES_H

#include "daemon/journal.h"
#include "util/cron.h"

/* What changes.  Times are Unix milliseconds. */
struct schedule_state {
    char id[ID_LEN + 1];
    int64_t begin_ms;             /* the first time; an interval counts from it */
    int64_t next_ms;              /* INT64_MAX: there is none any more */
    int64_t last_ms;              /* the time that brought the last task; 0: none did yet */
    char last_task[ID_LEN + 1];   /* ""; none yet */
    bool paused;
    int64_t n_runs, n_skipped;
    char trouble[ERR_MSG]; /* why the last time brought no task; "": it did */
};

struct schedule_row {
    struct schedule_state state;
    uint32_t uid;
    char every[CRON_MAX + 1];
    char *body; /* the submission, JSON; owned */
    size_t body_len;
    char input_text[ROW_TEXT_SIZE];
    int64_t created_ms;
};

/* Stores where one stands; `create` makes it, from row, which stays the caller's until done(). */
struct journal_put_schedule {
    struct journal_op op;
    bool create;
    struct schedule_state state;
    /* create only */
    const struct schedule_row *row;
    const char *idem_key; /* NULL: none */
    unsigned char idem_hash[HASH_LEN];
    bool exists; /* out: one of this uid has the key already: nothing was written */
    bool same;   /* out: and was made with the same body */
    char existing[ID_LEN + 1];
};
void journal_put_schedule_init(struct journal_put_schedule *, void (*done)(struct journal_op *));

/* All of them, in the order they were made. */
struct journal_read_schedules {
    struct journal_op op;
    size_t n_rows;
    struct schedule_row *rows; /* the caller's, with their bodies */
};
void journal_read_schedules_init(struct journal_read_schedules *, void (*done)(struct journal_op *));

struct journal_delete_schedule {
    struct journal_op op;
    char id[ID_LEN + 1];
};
void journal_delete_schedule_init(struct journal_delete_schedule *, const char *id, void (*done)(struct journal_op *));

/* In the journal's thread: where one stands, with the task that it brings.  One that was deleted meanwhile is no error. */
int journal_store_schedule(struct journal_db *, const struct schedule_state *, struct err *);

#endif
