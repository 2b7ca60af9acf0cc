/*
 * daemon/task_tools.h - which tools a task may call, and what the model is told of them.
 *
 * A task that could call few tools is given all of them.  One that could call more than tool_retrieval.max_tools is given at
 * its first ask those that are pinned, those that fit its input best, the daemon's own, and find_tools.  What that finds can be
 * called from the next ask on.  Before each later ask the newest text (the last thought, what came of it) is looked for as
 * well: tools that fit it better than what the task has are told of in a note.  Either way the definition stands behind all
 * that the model has read, and in the list that is sent it is `later` (docs/protocol.md), so the beginning of the prompt stays
 * the same bytes.
 *
 * A task has what its transcript tells of: where a planner goes back (dfsdt, reflexion) what was told behind that place is
 * taken back, and may be found or fit again.
 *
 * What was chosen, found or came later is the event `tools_offered`, with the definitions as they were sent; after a restart
 * the task has these again, whatever the index would say then.
 */
#ifndef DAEMON_TASK_TOOLS_H
#define DAEMON_TASK_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/builtins.h"
#include "daemon/task.h"

struct task_tools;

struct task_tools *task_tools_create(void); /* NULL: no memory */
void task_tools_destroy(struct task_tools *);

/* The list for the next ask, a JSON array, until the next change; chosen at the first ask. */
void task_tools_list(struct task *, const char **json, size_t *len);
/*
 * Before that: true: the vector of the newest text is being made (daemon/task_vector.h), and task_advance() is called with the same
 * command when that is over.
 */
bool task_tools_wait(struct task *, const struct plan_command *);
/*
 * Before an ask is sent: tells of tools that the newest text is about.  true: there are some, and the planner's next command is
 * due.
 */
bool task_tools_add(struct task *, const struct plan_command *);
/* The planner went back: of the transcript the first n messages are left. */
void task_tools_went_back(struct task *, size_t n_messages);
/* Some are still to be chosen for its first ask. */
bool task_tools_are_due(const struct task *);
/* Not all that it could call was offered: find_tools finds more. */
bool task_tools_are_chosen(const struct task *);
/*
 * The transcript was made shorter, and what told of found tools may be gone: they stand at the head from now on, where all is
 * read anew anyway.
 */
void task_tools_show(struct task *);
/* The event tools_offered, in recovery and replay.  0, or -1: it is malformed. */
int task_tools_were_offered(struct task *, const struct json *event, struct err *);

extern const struct builtin builtin_find_tools;

#endif
