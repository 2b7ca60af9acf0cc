/*
 * agent/planner_kind.h - what one planner differs in from another, and what they share.  For planner*.c alone.
 *
 * A kind is three decisions: what comes first, what a reply without calls means, and what follows when all calls of a reply have their
 * results.  Everything else (budgets, calls, refusals, useless replies, the order of events) is planner.c's.
 *
 * Functions here return 1 where the kind goes on to its next step, 0 where a command was opened (the task may be at its end: the transcript
 * is full), -1 with CORAX_E_INTERNAL when there is no memory.
 */
#ifndef AGENT_PLANNER_KIND_H
#define AGENT_PLANNER_KIND_H

#include "agent/planner.h"
#include "util/arena.h"

struct planner_kind {
    const char *name;
    /* Each opens a command: 0, or -1. */
    int (*begin)(struct planner *, struct err *);
    int (*said)(struct planner *, struct err *);     /* the transcript's last message is the reply */
    int (*observed)(struct planner *, struct err *); /* its last message is a result; planner->failed: one of them is an error */
    /* Before the calls of a reply are begun: 1 where they are; else as the others.  NULL: they are. */
    int (*called)(struct planner *, struct err *);
    bool goes_back; /* it cuts the transcript back to where it was: nothing of that may be summed up */
    const char *tool_name, *tool; /* a tool of its own, as TOOL JSON; NULL: none */
};

extern const struct planner_kind planner_react, planner_plan, planner_dfsdt;

/* A call that was carried out, and how often. */
struct done_call {
    const struct call *call;
    int times;
};

/* agent/compaction.c */
struct compaction {
    size_t from, to;           /* messages of the transcript, of the one under way or the last */
    size_t front, front_parts; /* what always stays: so many messages, and of the last of them so many parts; front 0: not settled yet */
    int at_step;               /* of the last one: the next waits for a reply */
    bool must_answer;          /* of the ask that waits */
    bool did;                  /* by the last event */
};

struct planner {
    const struct planner_kind *kind;
    int phase; /* the kind's own; 0 at first */
    void *own; /* the kind's own, from the arena */

    struct transcript *transcript;
    struct budget budget;
    struct spent spent;
    struct arena *arena; /* texts of commands and ids */

    struct plan_command command; /* the open one */
    bool handed_out;
    struct plan_cut cut; /* by the last event; call_id NULL: nothing */

    struct plan_back back; /* by the last event; why NULL: it was not */

    struct compaction compaction;

    const struct message *last;  /* the last reply */
    const struct message *reply; /* it, while calls of it are to be made */
    size_t next_call;            /* of reply */
    bool failed, bound;          /* a result of the last reply is an error; is binding */
    int n_calls;                 /* numbered so far */
    int n_useless;               /* replies in a row that were empty or cut off */

    struct done_call *done;
    size_t n_done, done_cap;
};

/* Opens the next ask, unless a budget ends the task here. */
int planner_ask_model(struct planner *, struct err *);
/* Ends the task: the transcript's last message is the answer. */
int planner_answer(struct planner *, struct err *);
/* Adds a line to the transcript's last message, which is a user's or a tool's; adds a message of the user's. */
int planner_add_note(struct planner *, const char *text, struct err *);
/* Something found no place in the transcript: a full one ends the task (0), else there is no memory (-1). */
int planner_not_added(struct planner *, const struct err *why, struct err *err);
/* PLAN_EV_COMPACT and PLAN_EV_SUMMARIZED; text NULL: there is no summary. */
bool planner_can_compact(const struct planner *);
int planner_begin_compaction(struct planner *, int64_t max_tokens);
int planner_end_compaction(struct planner *, const char *summary, struct err *err);
/* Ends the task without an answer; what there is to say in a sentence. */
int planner_give_up(struct planner *, const char *why, struct err *);
/* The transcript has only its first n messages again, and calls behind them have not been made as far as equal ones are counted. */
int planner_cut_back(struct planner *, size_t n, struct err *);
int planner_tell(struct planner *, const char *text, struct err *);

#endif
