/*
 * daemon/exec.h - the service corax/exec: one program, once, in a box of its own (corax-box exec).
 *
 * Each run has a child of its own that ends with it.  After the first exec_prepare() one more waits in store with its box
 * ready, so that a run does not wait for the kernel to build one; a daemon that runs no code has none.  Whatever a box
 * does (it does not start, crashes, hangs, writes garbage or without end) ends that box and fails that run.
 */
#ifndef DAEMON_EXEC_H
#define DAEMON_EXEC_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "util/err.h"
#include "util/json.h"

struct exec;
struct exec_run;

/* Exactly once, from the loop, unless the run is cancelled.  ended is the box's answer, an object, and lives until this
 * returns; NULL: err says why there is none. */
typedef void exec_done(void *arg, const struct json *ended, const struct err *err);

struct exec *exec_create(struct event_base *, const struct config *, struct err *);
void exec_destroy(struct exec *); /* with all that runs, without a word to anybody */

/* A run may follow: sees to it that a box is in store. */
void exec_prepare(struct exec *);
/*
 * params is what the box is asked, but that limits.wall_ms is cut to left_ms, after which the box is ended.  NULL: err says
 * why.  done() is never called from within.
 */
struct exec_run *exec_run(struct exec *, const struct json *params, int64_t left_ms, exec_done *, void *arg,
                          struct err *);
void exec_cancel(struct exec_run *); /* kills the box; NULL is fine */

/* The member "exec" of /healthz. */
void exec_write_health(const struct exec *, struct jsonw *);

#endif
