/*
 * daemon/task_memory.h - what a task remembers: what it is told at its beginning, the tools to look further and to write, and its episode.
 *
 * Only a task with a space (docs/memory.md) has any of it.  What it is told is a note behind the user's words (task_note), so that the beginning
 * of the prompt stays what it was for other tasks; it comes from the journal's thread, and the task waits for it in PHASE_RECALL.
 */
#ifndef DAEMON_TASK_MEMORY_H
#define DAEMON_TASK_MEMORY_H

#include "daemon/builtins.h"
#include "daemon/task.h"

#define NOTE_MEMORY "memory" /* task_note's about */

struct memory;
struct task_memory;

/* space: as the submission has it, lives as long as the task.  NULL: no memory (of the machine's). */
struct task_memory *task_memory_create(const char *space);
void task_memory_destroy(struct task_memory *);

/* Memories are still to be looked for. */
bool task_memory_is_due(const struct task *, const struct plan_command *);
/* Before the first ask: true where the journal is asked, and the task goes on by itself when that has answered. */
bool task_memory_recalls(struct task *, const struct plan_command *);
/* Lets go of that. */
void task_memory_stop(struct task *);
/* The journal says that it was told already. */
void task_memory_was_told(struct task *);

/*
 * Stores the lesson of an attempt (from 1) as a fact with the tag "lesson" and the task's label; once, however often it is called.  Where there is no
 * room for it, or no space, the trace alone has it.
 */
void task_memory_lesson(struct task *, int attempt, const char *text);

/* The task has ended: makes its episode, or none where nothing was done. */
void task_memory_end(struct task *);
const struct memory *task_memory_episode(const struct task *); /* NULL: none */

extern const struct builtin builtin_memory_add, builtin_memory_forget, builtin_memory_search, builtin_notes_insert, builtin_notes_replace,
    builtin_notes_rethink;

#endif
