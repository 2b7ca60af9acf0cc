/*
 * daemon/backfill.h - makes vectors of things that have none yet, some at a time, and goes on in spite of trouble.
 *
 * What it is of (memories, tools) finds the next ones and keeps what was made; this says how many at a time, and after a failure whether
 * they are tried again, in smaller pieces, or passed over: a text that the model cannot take, or that ends it, must not keep the others
 * from theirs.
 */
#ifndef DAEMON_BACKFILL_H
#define DAEMON_BACKFILL_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

#define BACKFILL_MOST 16 /* at a time: what a query must wait for is one piece of a batch, but a crash takes all of it back */

struct backfill {
    struct event *timer;
    void (*run)(void *arg); /* goes on; called from the loop */
    void *arg;
    size_t limit; /* how many are to be asked for next */
    unsigned n_failed;
};

int backfill_init(struct backfill *, struct event_base *, void (*run)(void *arg), void *arg, struct err *);
void backfill_finish(struct backfill *);
/* There may be something to do: run() is called, but not before the wait after a failure is over. */
void backfill_run(struct backfill *);
void backfill_worked(struct backfill *);
/* true: the only one that was asked for is to be passed over; false: run() is called again after a while. */
bool backfill_failed(struct backfill *, size_t n_asked);

#endif
