/*
 * daemon/builtins.h - tools that the daemon itself carries out.
 *
 * To everybody else they are tools like any other, of the provider "corax": their arguments are checked against their schema, a
 * policy decides on them ("corax.find_tools"), intent and result are in the trace, and a call without a result is made again after a
 * crash if it is declared idempotent or has no effects.  No plugin can take that provider's name, nor a tool's: the first provider
 * of a name has it.
 *
 * Add one: a struct builtin in a file of its own, and its line in builtins.c.
 */
#ifndef DAEMON_BUILTINS_H
#define DAEMON_BUILTINS_H

#include <stdbool.h>
#include <stdint.h>

#include "policies/policy.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"

#define BUILTIN_PROVIDER "corax"

struct config;
struct registry;
struct task;
struct tool;

/* A call under way.  call() of its tool fills it in; after builtin_finish, or cancel, it is gone. */
struct builtin_call {
    struct task *task;
    const char *id;    /* the call's, "c7": with the task's id it names the call for good, also after a crash */
    struct buf text;   /* the result as a model reads it */
    struct buf json;   /* the same for programs, one JSON value; empty: none */
    struct label label; /* of the result, joined to the task's */
    int64_t tokens;     /* of a model, that the task has spent on it */
    size_t n_past;      /* calls that count as the task's own; until builtin_finish returns */
    const struct policy_past *past;
    bool gives_slot;    /* it may take long, on somebody else's time: the task's clock stops, and its slot is free until it is over */
    /* Where call() returned 0: lets go of what is under way, without builtin_finish. */
    void (*cancel)(struct builtin_call *);
    void *own;         /* the tool's */
    int64_t started_ns;
};

struct builtin {
    const char *name;
    /* One element of a tools/list result: name, description, inputSchema, _meta with corax/effects and corax/traits; or describe
     * writes it, at the start. */
    const char *tool;
    void (*describe)(const struct config *, struct buf *);
    bool goes_ahead; /* it may be begun while an earlier call of the same reply is under way (daemon/task_ahead.h) */
    bool is_durable; /* its intent is in the journal before it begins, whatever its effects are */
    /* To which tasks it is offered, and for which it can be called; NULL: to all. */
    bool (*is_offered)(const struct task *);
    /*
     * Carries the call out.  1: text and json are the result; 0: it goes on, and builtin_finish comes later from the loop, never from
     * within; -1: err is what the model is told.  args are checked against the schema, and are gone when call() returns.
     */
    int (*call)(struct builtin_call *, const struct json *args, struct err *);
};

/* Puts all of them into the registry, before any plugin's.  -1: a bug in one's tool text, or no memory. */
int builtins_register(struct registry *, const struct config *, struct err *);
/* NULL: the tool is another provider's. */
const struct builtin *builtin_of(const struct tool *);

/* The result of a call that goes on: text and json of it, or err.  c is gone afterwards. */
void builtin_finish(struct builtin_call *c, const struct err *err);
/* By the task that made the call, which is ending. */
void builtin_cancel(struct builtin_call *);
void builtin_destroy(struct builtin_call *);

#endif
