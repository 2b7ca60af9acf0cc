/*
 * daemon/scheduler.h - all tasks that are not finished, and which of them run.
 *
 * At most max_running tasks have a slot; the others wait in a queue (daemon/queue.h).  A task that waits for a person has no
 * slot.  Finished tasks are forgotten here once their last event is durable; the journal knows them.
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

/* Before the end: tasks let go of what they have under way, and send what is pending to the journal.  Nothing runs
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
    int64_t created_ms;
    enum task_state state;
    bool exists, same;
    const struct err *err; /* NULL: none */
};
typedef void submit_done(void *arg, const struct submitted *);
/* -1 with CORAX_E_LIMIT when the queue is full. */
int scheduler_submit(struct scheduler *, const struct submission *, submit_done *, void *arg, struct err *);

struct task *scheduler_find(const struct scheduler *, const char *id); /* NULL: finished, or never was */
struct scheduler_counts {
    int n_running, n_queued, n_waiting;
};
struct scheduler_counts scheduler_counts(const struct scheduler *);
bool scheduler_is_ready(const struct scheduler *); /* recovery is over */

/* By tasks. */
void scheduler_enqueue(struct scheduler *, struct task *);
void scheduler_leave(struct scheduler *, struct task *);  /* gives up slot or place in the queue; may be repeated */
void scheduler_forget(struct scheduler *, struct task *); /* destroys it */

#endif
