/*
 * daemon/task_ahead.h - calls of one reply side by side.  For task*.c alone.
 *
 * The planner opens the calls of a reply one after the other, and so they stand in the journal and in the transcript.  While the first
 * is under way, later ones that change nothing may be sent already: when the planner opens one of these, its result may be there.  What
 * was sent ahead and is never opened is dropped; since it changes nothing nobody needs to know.  After a crash all of it is done again.
 *
 * A call goes ahead if it has no effects, or is idempotent without write and exec, and the policy allows it as things stand when the reply
 * came; its arguments can hold nothing of results that came later, so that verdict is the one that is recorded.  Behind a call with
 * effects nothing goes ahead, for it may depend on them.  Tasks given to other agents go side by side with each other: the intent of the first
 * is in the journal then, and with it the reply that has them all.
 */
#ifndef DAEMON_TASK_AHEAD_H
#define DAEMON_TASK_AHEAD_H

#include "daemon/task.h"

/* The open call has been sent: sends what may go ahead. */
void ahead_start(struct task *);
/* The one that the planner opens now, taken out of those ahead; NULL: it is not among them. */
struct ahead *ahead_take(struct task *, const struct call *);
/* It becomes the task's open call: its verdict, which is allow. */
struct policy_verdict ahead_open(struct task *, struct ahead *, struct label *context);
/*
 * The open call, t->open_ahead, is to be sent now: its result is given to the task (true), or it is under way as host_call or builtin_call
 * of the task (false).
 */
bool ahead_adopt(struct task *);
/* A builtin's result comes: true, and kept, where its call is ahead and not open yet. */
bool ahead_keeps(struct task *, struct builtin_call *, const struct err *);
/* A new reply has come, or the task ends: what is still ahead is dropped. */
void ahead_drop(struct task *);

#endif
