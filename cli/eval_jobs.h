/*
 * cli/eval_jobs.h - many tasks, a few at a time: submitted, waited for, their traces handed on.
 *
 * A job may be several tasks one after the other, of which the last is measured.  What an evaluation measures comes from the
 * traces, so nothing depends on when one is looked at here.
 */
#ifndef CLI_EVAL_JOBS_H
#define CLI_EVAL_JOBS_H

#include "cli/cli.h"

#define EVAL_PATIENCE_S \
    30 /* for a daemon that does not answer: it may be starting again, and then goes on with its tasks */

struct eval_jobs {
    size_t n; /* jobs in all */
    int n_side_by_side;
    void *arg;
    /* Called before the first task of the i-th is submitted, perhaps again; -1 with err set ends it all.  NULL: nothing. */
    int (*prepare)(void *arg, size_t i, struct err *);
    /* Tasks that go before the i-th's own, so many; begun is told of each that is.  NULL: none. */
    size_t (*n_earlier)(void *arg, size_t i);
    void (*begun)(void *arg, size_t i, size_t n, const char *id);
    /* Writes the body of POST /v1/tasks of the i-th into an empty buf: of its nth task, from 0; the last is its own. */
    void (*write_body)(void *arg, size_t i, size_t n, struct buf *);
    /* Its whole trace, as the API gives it.  -1 with err set ends it all. */
    int (*take_trace)(void *arg, size_t i, const char *id, const struct reply *trace, struct err *);
};

/*
 * 0: all are done.  1: interrupted (eval_interrupted()): those under way were cancelled.  -1: the daemon refused a task or
 * was gone for too long; those under way were cancelled then, too.
 */
int eval_jobs_run(struct cli *, const struct eval_jobs *, struct err *);

/* From now on Ctrl-C and SIGTERM end eval_jobs_run(), and the second one the program. */
void eval_watch_signals(void);
bool eval_interrupted(void);

/* One request whose answer nobody needs; to a task "POST" "/cancel", say, or "DELETE" "". */
void eval_tell(struct cli *, const char *method, const char *path);
void eval_tell_task(struct cli *, const char *id, const char *method, const char *what);

#endif
