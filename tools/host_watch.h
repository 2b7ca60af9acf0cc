/*
 * tools/host_watch.h - the thread that ends a host whose plugin does not return.
 *
 * C cannot take a running function back: jumping out of it from a signal would leave its locks and memory as they were.
 * So at the deadline, and a grace for a plugin that is just returning, the thread writes the answer that the caller waits
 * for and ends the process; whoever started it starts another.  The same end comes HOST_GRACE_MS after the other side of
 * the output is gone, if the plugin is at work then.
 */
#ifndef TOOLS_HOST_WATCH_H
#define TOOLS_HOST_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define HOST_GRACE_MS  250
#define HOST_EXIT_HUNG 3    /* exit status of a host that was ended so */
#define HOST_MAX_LAST  1024 /* bytes of the line that may be written then */

struct host_io;

int host_watch_start(struct host_io *, struct err *);
/*
 * Ends the process HOST_GRACE_MS after deadline_ms (CLOCK_MONOTONIC) unless disarmed: writes last_words (len 0: nothing;
 * at most HOST_MAX_LAST) and logs `what`, a constant string.
 */
void host_watch_arm(int64_t deadline_ms, const char *last_words, size_t len, const char *what);
/* What is armed is due at another time: the call waits for a person, or does not any more. */
void host_watch_move(int64_t deadline_ms);
/* After it returns nothing will be written by the watch: the caller may answer. */
void host_watch_disarm(void);

#endif
