/*
 * util/child.h - a supervised child process.
 *
 * Started with posix_spawn (never fork: the parent may hold a gigabyte) in a process group of its own, its standard
 * input and output one end of a socketpair whose other end is `fd` (non-blocking, close-on-exec), its standard error the
 * parent's or, with err_fd, another.  The environment is only what is given.  A pidfd tells its end: it becomes readable, so an
 * event loop can wait for it without signals or races.  Killing kills the whole group.
 *
 * The caller owns the loop and the deadline; nothing here blocks but child_reap(wait=true), for at most the time the
 * kernel needs to end a killed group.
 */
#ifndef UTIL_CHILD_H
#define UTIL_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

struct child {
    pid_t pid;   /* 0: none */
    int   pidfd; /* readable once it has ended; -1: none */
    int   fd;    /* our end of the socketpair; -1: none */
};

struct child_spec {
    const char *path;         /* of the program */
    char *const *argv;        /* NULL-terminated, argv[0] included */
    char *const *envp;        /* NULL: PATH, LANG and TZ of the parent only */
    int err_fd;               /* for standard error; -1: the parent's */
};

/* -1 with CORAX_E_NOTFOUND, CORAX_E_DENIED or CORAX_E_IO, and *child untouched. */
int  child_spawn(struct child *, const struct child_spec *, struct err *);
void child_kill(struct child *, int sig); /* the whole process group */
/*
 * Reaps.  true once it has ended, with *status as waitpid gives it (-1: unknown, or there was no child), both descriptors
 * closed and whatever else ran in its group killed.  With wait, kills the group first and waits for the end.
 */
bool child_reap(struct child *, bool wait, int *status);
/* "exited with status 3", "killed by signal 11 (Segmentation fault)": out_size 80 is enough. */
void child_describe_end(int status, char *out, size_t out_size);

/* Restarts with growing delay: 0, 100, 200, 400 ... 30000 ms; a child that lived BACKOFF_GOOD_MS starts afresh. */
#define BACKOFF_GOOD_MS 10000
struct backoff {
    int64_t  started_ms;
    uint32_t n_failures;
};
void    backoff_started(struct backoff *, int64_t now_ms);
int64_t backoff_next_ms(struct backoff *, int64_t now_ms); /* the child ended: wait so long before the next start */

#endif
