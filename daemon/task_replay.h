/*
 * daemon/task_replay.h - a recorded task once more, offline: does its planner decide the same?
 *
 * The planner is given what it was given then (replies, results, what a person said), and what it wants is held against what was recorded:
 * which call it makes with which arguments, how calls are numbered, what it asks a person, what it cuts from a result, where it goes back to, how
 * the task ends, and what was spent.  Nothing is asked, called or stored.
 */
#ifndef DAEMON_TASK_REPLAY_H
#define DAEMON_TASK_REPLAY_H

#include "daemon/coraxd.h"
#include "daemon/journal.h"
#include "util/json.h"

/*
 * All of a task's events, from the first.  planner: another kind than the recorded one, NULL: that.  Writes the members of an object:
 *
 *     "planner","events","finished","same","first":{"seq","kind","recorded","replayed"}|null
 *
 * first is the first event that differs.  -1: the events are no task's.
 */
int task_replay(struct coraxd *, const struct planner_kind *planner, const struct stored_event *, size_t n, struct jsonw *, struct err *);

#endif
