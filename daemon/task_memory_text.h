/*
 * daemon/task_memory_text.h - what task_memory.c and task_memory_tools.c share.
 */
#ifndef DAEMON_TASK_MEMORY_TEXT_H
#define DAEMON_TASK_MEMORY_TEXT_H

#include "daemon/journal_memory.h"
#include "daemon/task.h"

#define MEMORY_SHORT_ID 8 /* characters of an id's end that the model is shown, and may give back */

const char *task_memory_space(const struct task *); /* NULL: it has none */
/* Of all that the task has seen: what it writes has it. */
struct label task_memory_label(const struct task *);
/* A memory on a line of its own: what it is, whose, and at most max bytes of its text. */
void task_memory_add_item(struct buf *, const struct memory *, size_t max);

#endif
