/*
 * daemon/task_fold.h - stored events through a planner: for recovery (task_fold.c) and replay (task_replay.c).
 */
#ifndef DAEMON_TASK_FOLD_H
#define DAEMON_TASK_FOLD_H

#include "daemon/task.h"

enum pending { PENDING_NOTHING, PENDING_ASKED, PENDING_APPROVED, PENDING_INTENT, PENDING_QUESTION, PENDING_UNVERIFIED };

struct task_fold {
    struct task *t;
    enum pending pending;
    bool may_repeat; /* the call of the last intent */
    int attempt;
    int64_t asked_ms; /* the approval, wall clock */
    struct plan_lesson lesson; /* the last one; text NULL: none */
    char request_hash[TASK_HASH_SIZE], why[256];
    enum policy_doubt in_doubt; /* as the last decision said */
    char in_doubt_rule[136];    /* "": none */
};

/* One event behind task_submitted; e is the whole object.  -1: the planner does not take it. */
int task_fold_event(struct task_fold *, enum entry_kind, const struct json *e, struct err *);

#endif
