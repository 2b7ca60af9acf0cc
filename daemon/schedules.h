/*
 * daemon/schedules.h - tasks that come again and again.
 *
 * A schedule is a submission and a rule (daemon/rule.h).  Each time that the rule gives brings an ordinary task, which names its
 * schedule; that the task is there and that the schedule stands at its next time is one commit, so no time brings two tasks and
 * none is lost.
 *
 * A time that passed while no daemon ran, or while the journal could not be written, brings one task as soon as it can, however many such
 * times there were.  A time at which the schedule's last task has not ended brings none, nor does one at which a submission would be
 * refused (its queue is full, its agent is gone): it is counted, and the schedule says why.
 *
 * The submission is read anew each time, under the configuration of that time.
 */
#ifndef DAEMON_SCHEDULES_H
#define DAEMON_SCHEDULES_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/coraxd.h"
#include "daemon/submission.h"
#include "util/json.h"

#define SCHEDULES_MAX_BODY 65536 /* each is kept in memory */

struct schedules;
struct schedule;

/* Does nothing before schedules_start(). */
struct schedules *schedules_create(struct coraxd *, struct err *);
void schedules_destroy(struct schedules *); /* when the journal has done all that was posted */
/* Reads them from the journal; tasks were recovered before, so it is known which have not ended. */
void schedules_start(struct schedules *);
bool schedules_are_known(const struct schedules *);
/* The wall clock was set.  If it was set back by hours, what has been is no measure any more, and each goes by what the clock shows. */
void schedules_clock_was_set(struct schedules *);

/* Once it is durable, from the loop; err: why it is not. */
struct schedule_told {
    const struct schedule *schedule; /* NULL: it was removed */
    bool exists, same;               /* it was found by its idempotency key, with the same body or not */
    const struct err *err;           /* NULL: none */
};
typedef void schedule_done(void *arg, const struct schedule_told *);

/* sub has `every`; body is what it was read from.  -1 with CORAX_E_LIMIT or CORAX_E_UNAVAIL as scheduler_submit(), CORAX_E_ARGS. */
int schedules_add(struct schedules *s, const struct submission *sub, const char *body, size_t len, schedule_done *done, void *arg,
                  const char **code, struct err *err);
struct schedule *schedules_find(const struct schedules *, const char *id); /* NULL: there is none */
struct schedule *schedules_next(const struct schedules *, const struct schedule *after); /* after NULL: the first */
uint32_t schedule_uid(const struct schedule *);
const char *schedule_id(const struct schedule *);
/* Paused, no time brings a task; resumed, times that have passed meanwhile bring none either. */
void schedule_set_paused(struct schedule *, bool, schedule_done *, void *arg);
/* It is not found any more.  Its tasks stay. */
void schedule_remove(struct schedule *, schedule_done *, void *arg);
/* Members of an object that the caller opened; whole: with the submission. */
void schedule_write(const struct schedule *, struct jsonw *, bool whole);

#endif
