/*
 * agent/planner.h - the planner: events in, commands out, no I/O.
 *
 * The planner of a task is a state machine.  The daemon feeds it what happened (planner_apply) and does what it says
 * (planner_next, until PLAN_WAIT).  It reads no clock and no file, draws no random number and knows no policy, so the
 * same code runs live, in tests with a scripted model, in replay, and resumes after a crash: fold the journal's events
 * through planner_apply, whether or not planner_next is called in between, and go on with what planner_next then says:
 * the one command that has no event yet.
 *
 * Which planner it is is a task's own: ReAct, or one that plans first (agent/planner_kind.h has what they differ in).  The model
 * thinks, calls and observes until it answers or a budget is used up.  Every failure becomes an observation in plain words that the model can act on; only a used-up budget, a cancelled
 * task or a model that cannot be reached ends the task otherwise.
 *
 * At most one command is open at a time; several calls in one reply are opened one after the other, in order.  Whoever carries them out may
 * begin later ones early (planner_reply has them all) and give their results when they are opened.
 * What the model sees of a result is one text: the text parts, or if there are none the JSON parts, cut off at
 * max_observation_bytes with a note of how much was left out; images and the like are only named.  planner_cut tells of
 * what was cut off.
 *
 * What the model has been sent stays as it is: the transcript only grows, until it nears the model's window and a summary takes the place of its
 * older steps (agent/compaction.c).  What changes from task to task or from step to
 * step (the date, say) is a note, PLAN_EV_NOTE: a line at the end of the newest message, put there once, which stays.
 */
#ifndef AGENT_PLANNER_H
#define AGENT_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/transcript.h"
#include "util/err.h"

struct budget {
    int max_steps;             /* replies of the model, useless ones too */
    int max_tool_calls;        /* calls carried out, questions to the person too; later ones are refused */
    int64_t max_tokens;        /* completion tokens in all */
    int64_t max_wall_ms;       /* from submission, time spent waiting for a person left out */
    int max_identical;         /* equal calls (name, and arguments by value) that are carried out; the next is refused */
    int max_reply_tokens;      /* of one reply */
    int max_observation_bytes; /* of one result as the model sees it: fit it to the model's context */
    /* Of a search (dfsdt): */
    int max_depth; /* replies with calls behind each other on one way */
    int max_width; /* ways that are tried from one place */
    int max_attempts; /* of a task that is begun anew (reflexion) */
};
/* 12 steps, 24 calls, 16384 tokens, 10 min, 2 identical, 512 tokens, 8192 bytes, depth 12, width 2, 3 attempts */
struct budget budget_default(void);
/* Nothing of it is more than the most. */
void budget_narrow(struct budget *, const struct budget *most);

enum plan_event_kind {
    PLAN_EV_MODEL_REPLIED,
    PLAN_EV_MODEL_FAILED, /* the model gives no reply, whatever the daemon tried; said is why; ends the task */
    PLAN_EV_TOOL_DONE, /* a call has its result: from a tool, or from the daemon (unknown tool, bad arguments, denied) */
    PLAN_EV_HUMAN_SAID, /* the answer to PLAN_ASK_HUMAN; where nobody attends, answer with an erroneous TOOL_DONE */
    PLAN_EV_CANCELED,
    PLAN_EV_CLOCK, /* active_ms went on; nothing else happened */
    /*
     * said is what the model is told besides, as a part of its own, on a line of its own.  Good while PLAN_ASK_MODEL with
     * attempt 0 is open: before it is sent, for the transcript changes.  The ask is then handed out again.
     */
    PLAN_EV_NOTE,
    /*
     * The transcript nears the model's window.  Good while PLAN_ASK_MODEL is open, sent or not, if there are steps that can be summed up and
     * a reply came since the last time: then PLAN_SUMMARIZE is next.  n_tokens: the most the summary may have, 0: as a reply.
     */
    PLAN_EV_COMPACT,
    PLAN_EV_SUMMARIZED /* said is the summary, NULL: there is none; n_tokens of it.  The ask that waited is handed out again */
};

struct plan_event {
    enum plan_event_kind kind;
    int64_t active_ms; /* time the task has run so far, any event may carry it; less than before: no news */
    /* MODEL_REPLIED */
    const char *reasoning; /* NULL: none */
    const char *text;      /* the answer, or what goes with the calls; NULL: none */
    size_t n_calls;
    const struct call *calls; /* ids are ignored: the planner numbers them c1, c2 ... */
    int64_t n_tokens;         /* completion tokens; TOOL_DONE: that a task spent which the call was given to */
    bool cut_off;             /* the reply ended at max_tokens */
    /* TOOL_DONE; HUMAN_SAID may leave it NULL */
    const char *call_id;
    /* TOOL_DONE */
    bool error;
    bool binding; /* it had an effect that cannot be repeated: nothing goes back behind it */
    size_t n_parts;
    const struct part *parts;
    /* MODEL_FAILED, HUMAN_SAID, NOTE, SUMMARIZED */
    const char *said;
};

enum plan_command_kind {
    PLAN_WAIT,      /* nothing to do until the next event */
    PLAN_ASK_MODEL, /* send the transcript; max_tokens and must_answer bound the reply */
    PLAN_CALL_TOOL, /* carry out call */
    PLAN_ASK_HUMAN, /* the model called ask_user: put question to the person */
    PLAN_FINISH,    /* the last command; stop what is still under way for this task (cancelled, or its time is up) */
    PLAN_SUMMARIZE  /* ask the model for a summary (planner_summary_ask) of messages [from, to); max_tokens bounds it, nothing is called */
};
enum plan_outcome { PLAN_ANSWERED, PLAN_FAILED, PLAN_CANCELLED };

/*
 * attempt is 0, or 1 and 2 when the reply to the same transcript was empty or cut off: greedy decoding would only repeat
 * it, so sample then, with attempt as the seed.  code, of a failed task, is "budget_steps", "budget_tokens",
 * "budget_time", "gave_up" (nothing that was tried led anywhere), "call" (the one call of the task failed), "loop" (the same again and again), "model" (no usable reply) or "transcript" (over TRANSCRIPT_MAX_BYTES), else NULL.
 */
struct plan_command {
    enum plan_command_kind kind;
    int max_tokens;            /* ASK_MODEL, SUMMARIZE */
    bool must_answer;          /* ASK_MODEL: no calls are allowed, for a budget is nearly used up */
    int attempt;               /* ASK_MODEL */
    const struct call *call;   /* CALL_TOOL, ASK_HUMAN: its id names the command until its event comes */
    const char *question;      /* ASK_HUMAN */
    enum plan_outcome outcome; /* FINISH */
    const char *text;          /* FINISH: the answer, or why there is none in one sentence */
    const char *code;          /* FINISH */
    size_t from, to;           /* SUMMARIZE */
};

struct planner;
struct planner_kind;

/*
 * "react" (agent/planner_react.c), "plan" (agent/planner_plan.c), "dfsdt" (agent/planner_dfsdt.c),
 * "reflexion" (agent/planner_reflexion.c), "call" (agent/planner_call.c: no model); NULL: there is none of that name.
 */
const struct planner_kind *planner_kind_find(const char *name);
const char *planner_kind_name(const struct planner_kind *);
/* All names, for a sentence: "react, plan, dfsdt, reflexion or call". */
const char *planner_kind_names(void);

/* Takes the transcript (system messages and the task's input are in it already).  NULL: no memory, nothing taken. */
struct planner *planner_create(const struct planner_kind *, struct transcript *, const struct budget *);
void planner_destroy(struct planner *);
const struct transcript *planner_transcript(const struct planner *);

/* What has been spent, for the trace. */
struct spent {
    int n_steps, n_tool_calls;
    int64_t n_tokens, active_ms;
};
struct spent planner_spent(const struct planner *);

/*
 * Copies what it needs of the event.  -1 with CORAX_E_ARGS when the event answers no open command (a duplicate after
 * recovery, say, or anything after PLAN_FINISH): the state is unchanged.  -1 with CORAX_E_INTERNAL when memory ran out:
 * destroy the planner, and fold the journal again when there is some.
 */
int planner_apply(struct planner *, const struct plan_event *, struct err *);
/* What the last event that was taken left out of a result, or of what a person said.  false: nothing. */
struct plan_cut {
    const char *call_id; /* lives as long as the planner */
    size_t bytes, kept;  /* of the whole text, and of what the model sees of it */
};
bool planner_cut(const struct planner *, struct plan_cut *);
/* That the last event that was taken made the planner go back on its way and try another.  false: it did not. */
struct plan_back {
    int depth;         /* replies with calls that are left on the way */
    size_t n_messages; /* of the transcript that are left; what is told behind them is new */
    const char *why; /* in a few words; lives as long as the planner */
};
bool planner_went_back(const struct planner *, struct plan_back *);
/* That the last event that was taken ended an attempt with a lesson for the next.  false: it did not. */
struct plan_lesson {
    int attempt;           /* that failed, from 1 */
    const char *why, *text; /* in a few words; a line of the model's.  They live as long as the planner */
};
bool planner_lesson(const struct planner *, struct plan_lesson *);
/* Bytes of text that a summary would take the place of, if PLAN_EV_COMPACT came now; 0: it would not be taken. */
size_t planner_compactable(const struct planner *);
/* What to ask for PLAN_SUMMARIZE: a transcript of its own, the caller's.  NULL: no memory. */
struct transcript *planner_summary_ask(const struct planner *, struct err *);
/* That the last event that was taken put a summary in the place of messages [from, to).  false: it did not. */
struct plan_compacted {
    size_t from, to;
};
bool planner_compacted(const struct planner *, struct plan_compacted *);
/* The last reply that was taken, with its calls numbered, whether or not the transcript still has it; NULL: it was of no use. */
const struct message *planner_reply(const struct planner *);
/* The next command not yet handed out, or PLAN_WAIT.  Pointers live until the planner is destroyed. */
struct plan_command planner_next(struct planner *);

/* The tool every task has: ask_user(question).  Its TOOL JSON (docs/protocol.md), for the list sent to the model. */
extern const char planner_ask_user_tool[];
/* Another one that tasks of this kind have, "give_up" of dfsdt and reflexion.  NULL: none. */
const char *planner_kind_tool(const struct planner_kind *, const char **name);

#endif
