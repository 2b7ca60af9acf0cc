/*
 * daemon/task_compact.h - the transcript of a task that nears its model's window (agent/compaction.c).
 *
 * What is sent then has a summary in the place of the older steps; the journal has all of them, and `compacted` says which they were.
 */
#ifndef DAEMON_TASK_COMPACT_H
#define DAEMON_TASK_COMPACT_H

#include "daemon/task.h"

struct model_reply;

/* Before an ask is sent: true where the planner's next command is due instead, which is PLAN_SUMMARIZE. */
bool task_compacts(struct task *, const struct plan_command *);
/* The ask was refused, perhaps because it does not fit: the same. */
bool task_compacts_after(struct task *, const struct err *why);
/* The model replied: how much of its window is in use. */
void task_used_window(struct task *, int64_t prompt_tokens, int64_t completion_tokens);
/* PLAN_SUMMARIZE. */
void task_summarize(struct task *, const struct plan_command *);
/* The event `compacted` through the planner, for recovery and replay. */
int task_fold_compacted(struct task *, const struct json *e, struct err *);

#endif
