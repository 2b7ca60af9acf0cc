/*
 * daemon/link.h - a supervised child that speaks lines of JSON-RPC.
 *
 * The link starts the program, hands up each message, and starts it again with growing delay when it ends.  A malformed
 * line, a line that is too long, or a message that its owner refuses ends the child, never the daemon.  After an end
 * `down` is called first, before anything else of that child is, so its owner can fail what was under way.
 *
 * What the child writes on standard error goes to the log, each line under the child's name, so that it cannot pass for
 * the daemon's own; LINK_LOG_LINES lines in LINK_LOG_MS at most.
 */
#ifndef DAEMON_LINK_H
#define DAEMON_LINK_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/rpc.h"

#define LINK_LOG_LINES 50
#define LINK_LOG_MS    10000

struct link;

struct link_ops {
    void (*up)(void *arg);                                           /* it was started: send the first request */
    int (*message)(void *arg, const struct rpc_msg *, struct err *); /* -1: makes no sense, end the child */
    /* It ended, or is being ended; why is a phrase: "was killed: it wrote a malformed line: ...". */
    void (*down)(void *arg, const char *why);
};

/* name is for the log.  argv is copied.  Starts nothing yet. */
struct link *link_create(struct event_base *, const char *name, const char *path, const char *const argv[],
                         const struct link_ops *, void *arg, struct err *);
/* Kills the child and waits for its end. */
void link_destroy(struct link *);

/* What it sees of the environment, instead of the usual PATH, LANG and TZ; envp is copied.  Before the start. */
int link_set_env(struct link *, const char *const envp[], struct err *);
void link_start(struct link *); /* soon, from the loop */
/* At once, a child that lives once: after its end it is not started again, and only link_destroy() is left to do.
 * Its owner must not do that from within `message`, `up` or `down`. */
void link_start_once(struct link *);
/* It is to end by itself now, which is no trouble; what it may read ends. */
void link_let_end(struct link *);
bool link_is_up(const struct link *);
/* Sends whole lines.  false when the child is down or far behind in reading. */
bool link_send(struct link *, const struct buf *lines);
/* Ends the child with its whole process group; `down` is called before this returns.  A wanted end (a cancelled call)
 * is followed by an immediate start, any other by one with growing delay. */
void link_kill(struct link *, bool wanted, const char *why);
/* The child has shown that it works: later trouble starts counting afresh. */
void link_works(struct link *);
/* The same of one that has done what it is for: the next start after its end waits for nothing.  Not for what it says of itself
 * when it starts, or one that ends right behind that would be started without a pause. */
void link_served(struct link *);

unsigned link_restarts(const struct link *);
unsigned link_failures(const struct link *);      /* ends in a row without link_works */
const char *link_last_error(const struct link *); /* NULL: none since it last worked */
int64_t link_pid(const struct link *);            /* 0: none */

#endif
