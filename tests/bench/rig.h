/*
 * tests/bench/rig.h - a coraxd of the benchmark's own: its folder, its start and end, HTTP to it, what it uses.
 *
 * Everything here ends the benchmark with a sentence when it fails: a figure of something that went wrong is worth
 * nothing.
 */
#ifndef TESTS_BENCH_RIG_H
#define TESTS_BENCH_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/bench/scripted-model.h"
#include "util/json.h"

#define RIG_CONNS 16

struct rig {
    char dir[512], socket[600], conf[600], state[600];
    pid_t pid; /* 0: not running */
    struct scripted_times *times;
    int conns[RIG_CONNS]; /* -1: not connected */
};

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
int64_t now_ns(void);
void sleep_us(long us);

/* Where the programs were built, an absolute path: hosts are not started where this process is. */
const char *build_dir(void);
/* The processors this process may use: at most two are; [1] is [0] where there is one only. */
extern int cores[2];
void cores_find(void);
enum where { ON_ONE_CORE, ON_TWO_CORES };
void pin_self(int core);
/* In a child before exec: to the first core, or to both. */
void pin_as(enum where);

/* dir must not exist; the state folder in it is empty.  Finished tasks but the newest keep_tasks are deleted, 0: none. */
void rig_init(struct rig *, const char *dir, int max_running, int keep_tasks);
void rig_finish(struct rig *); /* ends the daemon; leaves the folder */
/* The nanoseconds from fork to the first answered GET /_ping.  The daemon is on one core or on two, and this process,
 * where there are two, on the second. */
int64_t rig_start(struct rig *, enum where);
void rig_stop(struct rig *);
void rig_kill(struct rig *);
void rig_empty_state(struct rig *);
/* The first column of the first row as a number, and where text is not NULL as that.  No daemon may have the journal open. */
int64_t rig_ask_journal(const struct rig *, const char *sql, char *text, size_t size);

/* One request on a connection that stays open.  The body of the answer, which must have this status, into the caller's
 * buffer of HTTP_ANSWER bytes. */
#define HTTP_ANSWER 65536
void rig_ask(struct rig *, const char *method, const char *path, const char *body, int status, char *answer);
/* Submits n tasks as fast as they are taken.  words: see scripted-model.h. */
void rig_submit(struct rig *, int first, int n, const char *words);
/* Submits one and waits for its end. */
void rig_run(struct rig *, int number, const char *words);
/* Waits until no task runs, is queued or waits. */
void rig_wait_idle(struct rig *);
/* Until so many run. */
void rig_wait_running(struct rig *, int n);
struct json *rig_health(struct rig *); /* caller: json_free */

struct rig_use {
    double loop_us, journal_us; /* processor time of coraxd's two threads */
    double model_us, host_us;   /* of its children */
    int64_t n_commits;
};
struct rig_use rig_use(struct rig *);

struct memory {
    double rss_mb, private_mb;
};
struct memory rig_memory(const struct rig *);

#endif
