/*
 * daemon/submission.h - what a client asks for in POST /v1/tasks or /v1/schedules, checked.
 */
#ifndef DAEMON_SUBMISSION_H
#define DAEMON_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config.h"
#include "daemon/queue.h"
#include "daemon/rule.h"
#include "policies/label.h"
#include "util/err.h"
#include "util/id.h"

struct task;
struct schedule_state;

struct submission {
    uint32_t uid;
    const char *idem_key;         /* NULL: none */
    unsigned char hash[HASH_LEN]; /* of the body */
    const struct agent *agent; /* NULL: none */
    struct json *root;
    struct buf input;         /* as a list of parts, JSON */
    const struct json *tools; /* NULL: all */
    const struct json *pinned; /* the agent's; NULL: none */
    const struct json *policy; /* narrows; NULL: nothing */
    struct label label;        /* of the input */
    const char *model; /* NULL: the default */
    const char *memory;       /* a space; NULL: none */
    const struct planner_kind *planner;
    struct budget budget;
    struct sampling sampling;
    enum priority priority;
    bool attended;
    int64_t due_ms, deadline_ms; /* Unix time; 0: at once, none */
    const struct task *parent; /* that gives it away by a call; NULL: none, a client sent it */
    const char *parent_call;
    const char *every;           /* for a schedule, its rule; NULL: it is for a task */
    struct rule rule;
    struct schedule_state *schedule; /* that of the schedule that brings the task, stored with it; NULL: none */
};

/*
 * Borrows nothing from body afterwards.  -1 with CORAX_E_ARGS: *code is the API's error code ("bad_json",
 * "unknown_member", "missing", "bad_value") and *param the member, or NULL.  finish in either case.
 */
int submission_parse(struct submission *, const char *body, size_t len, const struct config *, const char **code,
                     const char **param, struct err *);
void submission_finish(struct submission *);

#endif
