/*
 * daemon/alarm.h - what is due at a time of the wall clock.
 *
 * Alarms are set to a Unix time, not to a time from now: when the wall clock is set, forward or back, or the machine has slept,
 * they ring when the clock shows their time or a later one.
 */
#ifndef DAEMON_ALARM_H
#define DAEMON_ALARM_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct alarms;

/* Part of what waits for it; all zero: not set. */
struct alarm {
    int64_t due_ms; /* Unix time */
    size_t at;      /* its place among all that are set, from 1; 0: it is not */
    void (*ring)(struct alarm *); /* once, from the loop; it is not set any more and may be set again */
};

/* stepped, which may be NULL, is called from the loop when the wall clock was set while an alarm was, before any rings. */
struct alarms *alarms_create(struct event_base *, void (*stepped)(void *arg), void *arg, struct err *);
void alarms_destroy(struct alarms *); /* alarms are their owners' */
/* One that is set already is set anew.  A time that has passed rings soon, from the loop.  Without memory the daemon ends
 * (daemon/task.c). */
void alarm_set(struct alarms *, struct alarm *, int64_t due_ms);
void alarm_clear(struct alarms *, struct alarm *);

#endif
