/*
 * daemon/scheduler.h - all tasks that are not finished, and which of them run.
 *
 * At most max_running tasks have a slot; the others wait in a queue (daemon/queue.h).  A task that waits for a person, is paused
 * or is not due yet has no slot and is not in the queue.  Finished tasks are forgotten here once their last event is durable; the journal knows them.
 */
#ifndef DAEMON_SCHEDULER_H
#define DAEMON_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/submission.h"
#include "daemon/task.h"

struct scheduler;

struct scheduler *scheduler_create(struct coraxd *, struct err *);
void scheduler_destroy(struct scheduler *);

/* Reads the unfinished tasks from the journal, which needs no tools; recovered() when they are all queued. */
void scheduler_recover(struct scheduler *, void (*recovered)(void *arg), void *arg);
/* Nothing runs before this is called: the tools are known now. */
void scheduler_start(struct scheduler *);

/*
 * The daemon is to end: takes no submissions and gives no slot any more.  finish: what has a slot keeps it to its end, or until it
 * waits for a person; else until its step is over (a reply of the model, a call).  ended() from the loop when none has one.
 */
void scheduler_end(struct scheduler *, bool finish, void (*ended)(void *arg), void *arg);
bool scheduler_is_resting(const struct scheduler *); /* tasks stand still behind their step */
/* The end itself: tasks let go of what they have under way, and send what is pending to the journal.  Nothing runs
 * any more. */
void scheduler_stop(struct scheduler *);
/* Configuration and policies may be others now: what waits for an approval is judged again, and more may run. */
void scheduler_reloaded(struct scheduler *);
bool scheduler_is_stopping(const struct scheduler *);

/*
 * done is called from the loop once the task is durable: created, or found by its idempotency key (id, same body or
 * not), or err says why not.
 */
struct submitted {
    const char *id;
    int64_t created_ms, due_ms; /* due_ms of a task that is scheduled */
    enum task_state state;
    bool exists, same;
    const struct err *err; /* NULL: none */
};
typedef void submit_done(void *arg, const struct submitted *);
/* -1 with the API's error code and CORAX_E_LIMIT when the queue is full, or too many wait for their time; CORAX_E_UNAVAIL when the daemon
 * is ending; CORAX_E_ARGS for what can be no task, such as an input and a system text that are too long together; CORAX_E_INTERNAL. */
int scheduler_submit(struct scheduler *s, const struct submission *sub, submit_done *done, void *arg, const char **code, struct err *err);

struct task *scheduler_find(const struct scheduler *, const char *id); /* NULL: finished, or never was */
struct scheduler_counts {
    int n_running, n_queued, n_waiting, n_scheduled, n_paused;
};
struct scheduler_counts scheduler_counts(const struct scheduler *);
bool scheduler_is_ready(const struct scheduler *); /* recovery is over */

/* By tasks. */
void scheduler_enqueue(struct scheduler *, struct task *);
void scheduler_leave(struct scheduler *, struct task *);  /* gives up slot or place in the queue; may be repeated */
void scheduler_forget(struct scheduler *, struct task *); /* destroys it */

#endif
