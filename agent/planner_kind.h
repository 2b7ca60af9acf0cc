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

/*
 * Where the transcript may be cut back to: behind its first n messages, as it was after so many compactions.  One that a later summary
 * stands for is still good: that is undone, and the messages are there again.
 */
struct mark {
    size_t n, n_compactions;
};

struct planner_kind {
    const char *name;
    /* Each opens a command: 0, or -1. */
    int (*begin)(struct planner *, struct err *);
    int (*said)(struct planner *, struct err *);     /* the transcript's last message is the reply */
    int (*observed)(struct planner *, struct err *); /* its last message is a result; planner->failed: one of them is an error */
    /* Before the calls of a reply are begun: 1 where they are; else as the others.  NULL: they are. */
    int (*called)(struct planner *, struct err *);
    /*
     * The task gets nowhere (agent/progress.c): 0 where another way is tried, a command is open then; 1: the task ends for that.
     * NULL: it ends.
     */
    int (*stuck)(struct planner *, struct err *);
    /* A reply of no use, its text as far as there is any: 1 where it is asked for again, as always when NULL. */
    int (*useless)(struct planner *, const char *text, struct err *);
    /* Older steps gave way to a summary: planner_move_mark() for each mark that the kind may go back to.  NULL: it has none. */
    void (*compacted)(struct planner *);
    const char *tool_name, *tool; /* a tool of its own, as TOOL JSON; NULL: none */
};

extern const struct planner_kind planner_react, planner_plan, planner_dfsdt, planner_reflexion, planner_call;

struct seen_text {
    uint64_t sum;
    size_t len;
};

/* A call that was carried out, how often, and what it brought the last time. */
struct done_call {
    char *key; /* progress_key's */
    size_t key_len;
    int times;
    bool has_result, failed;
    struct seen_text result;
};

/* agent/progress.c */
struct progress {
    int n_stale;  /* replies in a row that brought nothing new */
    int n_errors; /* replies in a row of which every call failed with the same words */
    int n_said;   /* replies in a row without calls that say the same */
    struct seen_text error, said;
    bool is_new, any_good; /* of the calls of the last reply: one brought something new; did not fail */
};

/* Of replies in a row; what a budget of some ten steps leaves room for. */
#define PROGRESS_STALE_TOLD  3 /* the model is told */
#define PROGRESS_STALE_ENDS  6 /* the task ends */
#define PROGRESS_ERRORS_TOLD 4
#define PROGRESS_ERRORS_END  8
#define PROGRESS_SAID_TOLD   2
#define PROGRESS_SAID_ENDS   4

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
    struct plan_lesson lesson; /* likewise; text NULL */

    struct compaction compaction;
    struct progress progress;

    const struct message *last;  /* the last reply */
    const struct message *reply; /* it, while calls of it are to be made */
    size_t next_call;            /* of reply */
    bool failed, bound;          /* a result of the last reply is an error; is binding */
    int n_calls;                 /* numbered so far */
    int n_useless;               /* replies in a row that were empty or cut off */

    struct done_call *done;
    size_t n_done, done_cap;
    size_t open_done; /* of done: the call that is open */
};

/* Opens the next ask, unless a budget ends the task here. */
int planner_ask_model(struct planner *, struct err *);
/* Likewise; nothing may be called in the reply. */
int planner_ask_text(struct planner *, struct err *);
/* Begins a call as if a model had replied with it; it is copied.  0 or -1. */
int planner_make_call(struct planner *, const struct call *, struct err *);
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
/* The transcript was cut back: what always stays may be another than before. */
void planner_settle_front(struct planner *);
/* Ends the task without an answer; what there is to say in a sentence.  code: one of struct plan_command's; "gave_up". */
int planner_fail(struct planner *, const char *code, const char *why, struct err *);
int planner_give_up(struct planner *, const char *why, struct err *);
/* Behind the first n messages as they are now. */
struct mark planner_mark(const struct planner *, size_t n);
/* After a compaction, from kind->compacted. */
void planner_move_mark(const struct planner *, struct mark *);
/*
 * The transcript has only the messages before the mark again, and calls behind it have not been made as far as equal ones are counted.
 * Sets back.n_messages.
 */
int planner_cut_back(struct planner *, const struct mark *, struct err *);
int planner_tell(struct planner *, const char *text, struct err *);

/* The beginning of a text, without white space before it, cut at a character's border, on one line; "" for NULL. */
void planner_shorten(char *out, size_t size, const char *text);

/* The tool with which the model gives up what the description says, for a reason; the last reply's first call of it, or NULL. */
#define GIVE_UP "give_up"
#define GIVE_UP_TOOL(description)                                                                                                     \
    "{\"name\":\"" GIVE_UP "\",\"description\":\"" description "\",\"parameters\":{\"type\":\"object\","                              \
    "\"properties\":{\"reason\":{\"type\":\"string\"}},\"required\":[\"reason\"],\"additionalProperties\":false}}"
const struct call *planner_gave_up(const struct planner *);
/* Forgets the reply that gave up, and asks again: what was done before cannot be undone, so the only way is on. */
int planner_stay(struct planner *, struct err *);

/* A call's arguments, the caller's; NULL where they are no JSON or very large.  -1: no memory. */
int planner_parse_args(const struct call *, struct json **args, struct err *);

/* The same for calls of one name with arguments of the same value; freed by the caller.  NULL: no memory. */
char *progress_key(const struct call *, size_t *len, struct err *);
void progress_forget(struct planner *);
/* A reply with calls has come; a call has its result; is refused, because it is repeated or for another reason. */
void progress_begin(struct planner *);
void progress_observed(struct planner *, struct done_call *of, bool error, const char *text, size_t len);
void progress_refused(struct planner *, bool repeated, const char *text, size_t len);
/* All calls of the reply have their results: 1, or as the kind's functions. */
int progress_check(struct planner *, struct err *);
/* A reply without calls has come, and the model is asked again: 0 or -1. */
int progress_said(struct planner *, struct err *);

#endif
