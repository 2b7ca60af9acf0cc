/*
 * daemon/task_screen.h - what screens find of a task's calls, before they are judged.  For task*.c alone.
 *
 * A call that a screen of the policies is about waits in PHASE_SCREEN until the screening tools have answered, each given the call's
 * values of the screen's role (daemon/screening.h).  They are asked straight, in their plugin's host: no policy decides on that, for
 * only tools that change nothing and are idempotent may be asked, and it is neither a call of the task nor in its trace.  Those of
 * later calls of the same reply are asked at the same time, so that these can still go ahead.  What was found stands in policy_decided.
 *
 * An answer is remembered for the same tool and arguments as long as the task lives in memory; that there was none, for the one
 * call alone.  A task whose calls no screen is about has none of this.
 */
#ifndef DAEMON_TASK_SCREEN_H
#define DAEMON_TASK_SCREEN_H

#include "daemon/task.h"
#include "policies/screen.h"

#define TASK_SCREEN_MS 5000 /* for an answer; then it is not known */

/* true: tools are asked, in PHASE_SCREEN, and the command is due again when they have answered. */
bool task_screen_waits(struct task *, const struct call *);
/* Lets go of what is asked. */
void task_screen_stop(struct task *);
void task_screen_destroy(struct task *);

/*
 * Of a call to a tool, by these layers: what is answered to the questions of its screens, at most SCREEN_MAX_QUESTIONS.  Without a screen
 * it takes no time.  The answers' texts live until a call begins.
 */
size_t task_screen_answers(const struct task *, const struct policy *const *layers, size_t n_layers,
                           const struct call *, const struct tool *, struct screen_answer out[SCREEN_MAX_QUESTIONS]);
/* Of the open call: the member "screened" of an event, and the same for its request's hash; nothing where no screen is about it. */
void task_screen_record(const struct task *, struct entry *);
void task_screen_hash(const struct task *, struct buf *);
/* Behind a denial: which screens of the open call gave no answer, and why. */
void task_screen_say(const struct task *, struct buf *);

/* After a restart: takes the answers of a recorded decision for its call, until that is begun again. */
void task_screen_recover(struct task *, const struct json *decision);
/* The answers of such an event, whose texts they point to. */
size_t task_screen_read(const struct json *decision, struct screen_answers *);

#endif
