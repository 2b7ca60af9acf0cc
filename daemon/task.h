/*
 * daemon/task.h - one task, from submission to its end.
 *
 * The planner says what to do next, this does it: asks the model, has the policy decide, asks a person, has a host
 * carry out a call; and everything that happens becomes an entry on its way to the journal.  The order is
 *
 *     [screened ->] policy_decided -> [approval_asked -> approval_given] -> tool_intent -> tool_result
 *
 * and the intent of a call with effects is durable before the call is sent; its result is written at once.  Other
 * entries are written together, TASK_LAZY_MS after the first of them, since nothing waits for them: a crash takes back
 * that much of what can be done again, and quick steps share one append and one commit.  One append of a task is
 * under way at a time, so its events cannot change places.
 *
 * After a crash task_fold takes the stored events through the planner (task_fold.c), and the task goes on from there.
 */
#ifndef DAEMON_TASK_H
#define DAEMON_TASK_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "agent/planner.h"
#include "daemon/alarm.h"
#include "daemon/coraxd.h"
#include "daemon/entry.h"
#include "daemon/hosts.h"
#include "daemon/journal.h"
#include "daemon/model.h"
#include "daemon/past.h"
#include "daemon/policies.h"
#include "daemon/queue.h"
#include "tools/registry.h"
#include "util/json.h"

#define TASK_LAZY_MS    20
#define TASK_MAX_AHEAD  8      /* calls of a reply that are sent before their turn */
#define TASK_MAX_REASON 2000   /* bytes of why a person denies a call */
#define NOTE_DATE       "date"  /* task_note */
#define NOTE_TOOLS      "tools" /* the same; tools_offered follows */
#define TASK_HASH_SIZE  (2 * HASH_LEN + 1)

struct model_chat;
struct model_delta;
struct model_reply;
struct ahead;
struct builtin_call;
struct task_memory;
struct task_screens;
struct host_call;
struct tool_result;
struct task_fold;
struct task_tools;
struct task_vector;

enum task_phase {
    PHASE_READY,      /* nothing under way: the planner's next command is due */
    PHASE_VECTOR,     /* a text's vector is made, to search with (task_vector.h) */
    PHASE_RECALL,     /* the journal is asked what is remembered */
    PHASE_MODEL,      /* the model writes */
    PHASE_SCREEN,     /* a call is screened, before the policy decides on it */
    PHASE_INTENT,     /* the intent of a call with effects is on its way to the disk */
    PHASE_CALL,       /* a host carries out a call */
    PHASE_APPROVAL,   /* a person is asked whether the call may be made */
    PHASE_QUESTION,   /* a person is asked a question */
    PHASE_UNVERIFIED, /* a person is asked what became of a call */
    PHASE_PAUSED,     /* nothing under way, as with PHASE_READY, and a person wants it so */
    PHASE_FINISHED    /* the last entry is made */
};

/* The call that is open, as far as it has come. */
struct task_call {
    const struct call *call; /* the planner's */
    const struct tool *tool;
    char rule[136], why[256]; /* a rule's name is whole; of the why all is in policy_decided */
    char request_hash[TASK_HASH_SIZE];
    int attempt; /* of tool_intent */
    int64_t intent_seq;
    bool approved;
    struct policies *judged_by;  /* held; NULL: not judged yet */
    struct policy_duties must;   /* by them */
    struct label result;         /* of what it gives */
    enum policy_doubt in_doubt;  /* after a recovery: what was and is to become of it, the stricter; the rule that says so, "": none */
    char in_doubt_rule[136];
    struct label came;           /* of what came of it; the best until something has */
    int64_t tokens;              /* that another task has spent on it */
    size_t n_made;               /* calls that another task has made for it: the last of the task's past */
    int64_t asked_ms;            /* wall clock: since when a person is asked */
};

struct task_listener {
    TAILQ_ENTRY(task_listener) link;
    void (*entry)(struct task_listener *, const struct entry *); /* it is durable */
    void (*delta)(struct task_listener *, const struct model_delta *);
    void (*changed)(struct task_listener *); /* state that clients see */
    void (*gone)(struct task_listener *);    /* the task leaves memory: no further call, already off the list */
    /* NULL where it does not care.  A note of the call under way (progress, a line of its log), as its host sent it. */
    void (*noted)(struct task_listener *, const struct rpc_msg *);
    /* The call under way asks its client (ASK in docs/protocol.md): 0, and task_answer_call follows; -1: it cannot be asked. */
    int (*asked)(struct task_listener *, const struct json *requests, struct err *);
};

struct task {
    TAILQ_ENTRY(task) in_folded; /* the scheduler's */
    struct queue_item waits;     /* for a slot */
    struct task *hash_next;
    struct coraxd *d;
    struct task_row row;
    enum task_state shown; /* what clients see: durable, but for QUEUED and RUNNING */
    enum task_phase phase;
    bool has_slot, resumed;
    bool dated; /* the model was told the date */
    int64_t window_tokens;      /* of the model's window, with the last reply; 0: not known */
    size_t window_bytes;        /* of the transcript then */
    const char *compacts_why;   /* between PLAN_EV_COMPACT and its summary */
    struct task_memory *memory; /* NULL: it remembers nothing */

    int64_t due_ms, deadline_ms; /* Unix time; 0: none */
    int64_t came_due_ms;         /* when that was noticed; 0: not yet, or it had no time of its own */
    struct alarm due, deadline, approval; /* approval: until then a person may say yes */
    bool scheduled;     /* it is not due yet */
    bool pausing;       /* a person wants it paused: it is, or will be when its step is over */
    bool pause_stored;  /* task_paused is in the journal */
    uint32_t pause_uid; /* whose wish that is */

    struct buf submitted;       /* the task_submitted event */
    struct json *root;          /* of it */
    const struct json *allowed; /* names of tools; NULL: all */
    struct policy *policy;      /* the agent's and its own, which narrow; NULL: none */
    char told_policy[TASK_HASH_SIZE]; /* the policies that the trace was told of last; "": none since the start */
    struct label seen;          /* of all that the model was told */
    struct past past;           /* the calls made */
    size_t n_inherited;         /* the first of them are the parent's */
    int n_children;                       /* tasks that it gave away and that work for it now, side by side */
    int64_t children_ms;                  /* the longest of these, as far as they have ended: it is the task's time */
    int depth;                            /* tasks above it, whose calls it answers */
    bool attended;
    bool offline; /* a replay: nothing is stored */
    struct sampling sampling;
    const struct model_file *model; /* that it asks; NULL: corax.conf does not name it any more */
    const struct planner_kind *kind; /* of the planner */
    struct planner *planner;
    struct budget budget;
    struct task_tools *tools;
    struct task_vector *vector;   /* NULL: none was asked for */
    struct task_screens *screens; /* NULL: none of its calls was screened */

    struct model_chat *chat;
    struct host_call *host_call;
    struct builtin_call *builtin_call;
    size_t n_ahead;
    struct ahead *ahead[TASK_MAX_AHEAD], *open_ahead; /* task_ahead.h */
    struct plan_command command; /* the last one handed out */
    bool command_due;            /* after a recovery: it is to be carried out, not the next */
    bool ask_unverified;         /* after a recovery: so it is with the open call */
    struct task_fold *fold;      /* between task_fold and task_fold_end */
    struct task_call call;
    char *end_text, *end_code; /* once finished */

    int64_t active_before_ms, running_since_ms; /* since: 0 when it does not run */
    struct event *wall, *lazy;

    struct entry *pending, **pending_tail;
    struct journal_append append; /* under way when saving */
    bool saving;
    int64_t saved_seq;
    TAILQ_HEAD(task_listeners, task_listener) listeners;
};

/* --- by the scheduler (task.c, task_fold.c) ------------------------------------------------------------------- */

/* From the text of its task_submitted event.  NULL: err says what is wrong with it. */
struct task *task_create(struct coraxd *, const char *submitted, size_t len, struct err *);
/* The same with a planner of another kind than it names, for a replay; NULL: that. */
struct task *task_create_as(struct coraxd *, const struct planner_kind *, const char *submitted, size_t len, struct err *);
void task_destroy(struct task *);
/* Brings a created task to where its stored events (all of them, from the first) leave it.  0, or -1. */
int task_fold(struct task *, const struct task_row *, const struct stored_event *, size_t n, struct err *);
/* Once the tools are known: what is left of the call that was open.  The task is ready to run, or waits for a person. */
void task_fold_end(struct task *);
/* It has a slot: go on. */
void task_run(struct task *);
/* Nothing is under way: it goes into the queue, unless it is not due yet or is to be paused. */
void task_make_ready(struct task *);
/* The clock watches over when it is due and over its deadline. */
void task_set_alarms(struct task *);
void task_clear_alarms(struct task *);
/* The policy may be another one: a call that waits for an approval is begun again, if it would not be asked the same. */
void task_judge_again(struct task *);

/* --- by routes -------------------------------------------------------------------------------------------------- */

void task_cancel(struct task *);
/* It is over, and clients see so, but the journal does not take its last events yet. */
bool task_is_unsaved(const struct task *);
/* What a person says.  -1 with the API's error code when the task waits for something else. */
int task_approve(struct task *, uint32_t uid, bool yes, const char *request_hash, const char *reason,
                 const char **code);
int task_answer(struct task *, uint32_t uid, const char *text, const char **code);
/*
 * Pauses it: at once, or when the model has replied or the call has ended that is under way; one that waits for a person goes
 * on waiting.  And back: it goes on where it was.  *seq is the event that says so.  -1 with the API's error code.
 */
int task_pause(struct task *, uint32_t uid, int64_t *seq, const char **code);
int task_resume(struct task *, uint32_t uid, int64_t *seq, const char **code);
/* What a call under way asked its client for, an object (ANSWERED in docs/protocol.md), or NULL and why not. */
void task_answer_call(struct task *, const struct buf *responses, const struct err *why);
/* The resource of GET /v1/tasks/{id}: members of an object that the caller opened. */
void task_write(const struct task *, struct jsonw *);
/* Sends what is pending to the journal. */
void task_flush(struct task *);
void task_listen(struct task *, struct task_listener *);
void task_unlisten(struct task *, struct task_listener *);

/* --- between task.c, task_judge.c, task_call.c, task_hold.c and task_fold.c --------------------------------------------- */

struct entry *task_record(struct task *, enum entry_kind); /* write members, then task_recorded */
void task_recorded(struct task *, struct entry *);
int64_t task_active_ms(const struct task *);
void task_advance(struct task *);
/* Gives the planner an event, and records what it cuts off.  false: it was not taken. */
bool task_apply(struct task *, struct plan_event *);
/* Records that the planner went back, and with what lesson, if the last event made it: behind the entry of that event. */
void task_record_back(struct task *);
/*
 * Tells the model a text besides, behind all that it has been told (PLAN_EV_NOTE), and records that.  about says what it
 * is, in a word, for the trace.  Before an ask is sent: the planner's next command is due then.  false: it was not taken.
 */
bool task_note(struct task *, const char *about, const char *text, struct label);
/* What the model is asked for PLAN_ASK_MODEL; sampling is the caller's, for it to point at. */
struct model_ask task_model_ask(struct task *, const struct plan_command *, struct sampling *sampling);
/* Stops the clock and gives the slot back: until a person has spoken, or wants it to go on. */
void task_stand_still(struct task *, enum task_phase, enum task_state);
/* Whether the task stands still now instead of beginning with this command: it is to be paused, or the daemon is ending. */
bool task_holds(struct task *, const struct plan_command *);
/* Ends what is under way, and the task as the command says. */
void task_end(struct task *, const struct plan_command *);

void task_finish(struct task *, enum task_outcome, const char *text, const char *code);
void task_stop_work(struct task *); /* cancels what is under way */

const struct tool *task_find_tool(const struct task *, const char *name); /* one that this task may use */
void task_begin_call(struct task *, const struct call *);
/* Tool, arguments, policy, and for POLICY_ASK the request hash of a call.  -1: err is the observation. */
int task_judge_call(struct task *, const struct call *, struct policy_verdict *, struct err *);
/* Judges the call again that a person was asked about: would the same be asked?  What cannot be judged is POLICY_DENY. */
bool task_is_as_asked(struct task *, struct policy_verdict *);
bool task_needs_intent(const struct tool *);
void task_make_intent(struct task *);
void task_send_call(struct task *); /* PHASE_INTENT is over */
void task_record_result(struct task *, bool error, int status, const char *text, int64_t duration_us);
/* Ends the open call without a host's result. */
void task_end_call(struct task *, bool error, int status, const char *text);
void task_ask_unverified(struct task *);
/* What becomes of a call in doubt, ask or fail: what the policy says, and where nobody attends nobody can be asked. */
enum policy_doubt task_doubt(const struct task *, enum policy_doubt said);
#define TASK_IN_DOUBT                                                                                                                      \
    "it is not known whether this call had its effect: the daemon was interrupted. Do not simply repeat it; find out first, or say so in " \
    "the answer"
/* A person is asked since call.asked_ms: when the time to approve is over, the call is denied. */
void task_limit_approval(struct task *);
void task_ask_question(struct task *, const struct plan_command *);

/* The call is over, or begins anew. */
void task_clear_call(struct task *);
/* Tool, arguments and policy of a call behind those of past, into *c.  -1: err is the observation. */
int task_judge(struct task *, struct task_call *c, const struct call *, const struct policy_past *past, size_t n_past,
               struct policy_verdict *, struct err *);
/* What the model is told of a call that may not be made, or not without a person where there is none. */
void task_say_denied(const struct policy_verdict *, struct buf *);
/* Its intent is in the journal before it is sent, for its effects' sake or its own. */
bool task_waits_for_intent(const struct tool *);
/* Sends a judged call; its result comes to done.  NULL: err. */
struct host_call *task_start_host(struct task *, const struct task_call *, host_done *, void *arg, struct err *);
/* Likewise, into *out in any case.  1: it has its result already; 0: builtin_finish comes; -1: err. */
int task_start_builtin(struct task *, const struct task_call *, struct builtin_call **out, struct err *);
/* The result of the open call: the first goes on with the task, the others do not. */
void task_host_done(struct task *, const struct tool_result *, int64_t duration_us, const struct err *);
void task_take_host(struct task *, const struct tool_result *, int64_t duration_us, const struct err *);
void task_take_builtin(struct task *, struct builtin_call *, const struct err *); /* err NULL: it has one; it is gone then */
/* Of the open call. */
size_t task_layers(const struct task *, const struct policy *layers[POLICY_MAX_LAYERS]);

/* --- labels (task_seen.c) ----------------------------------------------------------------------------------------- */

void task_saw(struct task *, struct label);
void task_write_label(struct jsonw *, const char *key, struct label);
/* Left out where it is the best there is. */
void task_record_label(struct entry *, const char *key, struct label);
/* NULL: the best there is; what makes no sense: the worst. */
struct label task_read_label(const struct json *);

void task_write_usage(struct jsonw *, const struct task_row *);
/* What a task_submitted event has of the submission: input, attended, tools, planner, agent, memory, priority, due_ms, deadline_ms,
 * schedule. */
void task_write_input(struct jsonw *, const char *submitted, size_t len);

#endif
