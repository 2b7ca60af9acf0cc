/*
 * daemon/task_rejudge.h - a recorded task once more, offline, judged by other policy files: which of its calls would have met with
 * another decision?
 *
 * The files take the place of the base; the administrator's, the user's and the task's own layers judge as they do now.  What the task had seen
 * is labelled by the new policies, what it had done is as it was recorded.  What a tool may do is taken from the recorded intent, and where there
 * is none from the tools that there are now.
 *
 * A call that was made and would be denied now is answered with the denial, and the recorded replies go on from there as far as the planner takes
 * them: of what the model would have said to it nothing is known.  A call that was denied and would be made now has no recorded result: there
 * the replay ends.  Of one that a person would be asked about, where nobody was, it is taken that they say yes.  Nothing is asked, called or stored.
 */
#ifndef DAEMON_TASK_REJUDGE_H
#define DAEMON_TASK_REJUDGE_H

#include "daemon/coraxd.h"
#include "daemon/journal.h"
#include "policies/policy.h"
#include "util/json.h"

/*
 * All of a task's events, from the first.  Writes the members of an object:
 *
 *     "events","finished","judged","same","decisions":[{"seq","call_id","tool","provider","recorded":{"decision","rule"},
 *     "replayed":{"decision","rule","why"}}],"differs_from":SEQ|null,"ended":{"seq","why"}|null
 *
 * and of a call in doubt "in_doubt" in place of "decision", without "why".  decisions are those that differ, differs_from is the event
 * from which on the run would be another one, ended is where the replay could not go on.
 * -1: the events are no task's.
 */
int task_rejudge(struct coraxd *, const struct policy *base, const struct stored_event *, size_t n, struct jsonw *, struct err *);

#endif
