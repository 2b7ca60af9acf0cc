/*
 * agent/planner.h - the planner: events in, commands out, no I/O.
 *
 * The planner of a task is a state machine.  The daemon feeds it what happened (planner_apply) and does what it says
 * (planner_next, until PLAN_WAIT).  It reads no clock and no file, draws no random number and knows no policy, so the
 * same code runs live, in tests with a scripted model, in replay, and resumes after a crash: fold the journal's events
 * through planner_apply, drop the commands that already have their event, and go on with the one that has none.
 *
 * ReAct (Yao et al., arXiv:2210.03629): thought, action, observation, until an answer or until a budget is used up.
 * Every failure becomes an observation in plain words that the model can act on; only a used-up budget, a cancelled
 * task or a model that cannot be reached ends the task otherwise.
 */
#ifndef AGENT_PLANNER_H
#define AGENT_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/transcript.h"
#include "util/err.h"

struct budget {
    int     max_steps;        /* replies of the model */
    int     max_tool_calls;
    int64_t max_tokens;       /* completion tokens in all */
    int64_t max_wall_ms;      /* from submission, time spent waiting for a person left out */
    int     max_identical;    /* equal calls (name and argument bytes) that are carried out; the next is refused */
    int     max_reply_tokens; /* of one reply */
};
struct budget budget_default(void); /* 12 steps, 24 calls, 16384 tokens, 10 min, 2 identical (the third is refused), 512 */

enum plan_event_kind {
    PLAN_EV_MODEL_REPLIED,
    PLAN_EV_MODEL_FAILED,  /* the model gave no reply; text says why; ends the task unless the reply can be repaired */
    PLAN_EV_TOOL_DONE,     /* a call has its result: from a tool, or from the daemon (unknown tool, bad arguments, denied) */
    PLAN_EV_HUMAN_SAID,    /* the answer to PLAN_ASK_HUMAN */
    PLAN_EV_CANCELED,
    PLAN_EV_CLOCK          /* active_ms went on; nothing else happened */
};

struct plan_event {
    enum plan_event_kind kind;
    int64_t              active_ms;   /* time the task has run so far; any event may carry it */
    /* MODEL_REPLIED */
    const char          *reasoning;   /* NULL: none */
    const char          *text;        /* the answer; NULL when there are calls */
    size_t               n_calls;
    const struct call   *calls;       /* ids are ignored: the planner numbers them */
    int64_t              n_tokens;    /* completion tokens */
    bool                 cut_off;     /* the reply ended at max_reply_tokens */
    /* TOOL_DONE */
    const char          *call_id;
    bool                 error;
    size_t               n_parts;
    const struct part   *parts;
    /* MODEL_FAILED, HUMAN_SAID */
    const char          *said;
};

enum plan_command_kind {
    PLAN_WAIT,       /* nothing to do until the next event */
    PLAN_ASK_MODEL,  /* send the transcript; max_tokens and must_answer bound the reply */
    PLAN_CALL_TOOL,  /* carry out call */
    PLAN_ASK_HUMAN,  /* the model called ask_user: put question to the person */
    PLAN_FINISH
};
enum plan_outcome { PLAN_ANSWERED, PLAN_FAILED, PLAN_CANCELLED };

struct plan_command {
    enum plan_command_kind kind;
    int                max_tokens;    /* ASK_MODEL */
    bool               must_answer;   /* ASK_MODEL: the last step: no calls are allowed */
    const struct call *call;          /* CALL_TOOL, ASK_HUMAN: its id names the command until its event comes */
    const char        *question;      /* ASK_HUMAN */
    enum plan_outcome  outcome;       /* FINISH */
    const char        *text;          /* FINISH: the answer, or why it failed in one sentence */
    const char        *code;          /* FINISH, failed: "budget_steps", "budget_tokens", "budget_time", "model" ...; else NULL */
};

struct planner;

/* Takes the transcript (system messages and the task's input are in it already). */
struct planner *planner_react_create(struct transcript *, const struct budget *);
void planner_destroy(struct planner *);
const struct transcript *planner_transcript(const struct planner *);
/* What has been spent, for the trace. */
struct spent { int n_steps, n_tool_calls; int64_t n_tokens, active_ms; };
struct spent planner_spent(const struct planner *);

/* -1 with CORAX_E_ARGS when the event answers no open command (a duplicate after recovery, say); the state is unchanged. */
int planner_apply(struct planner *, const struct plan_event *, struct err *);
/* The next command not yet handed out, or PLAN_WAIT.  Pointers live until the planner is destroyed. */
struct plan_command planner_next(struct planner *);

/* The tool every task has: ask_user(question).  Its TOOL JSON (docs/protocol.md), for the list sent to the model. */
extern const char planner_ask_user_tool[];

#endif
