/*
 * Attempts with lessons: an attempt works as ReAct does; where it fails the model writes down what is to be learned from that, and the task is
 * begun anew with the lessons so far behind its input.
 *
 *     WORKING --answer--> CHECKING --yes--> finished
 *        |                   | no
 *        |  given up, too long, its calls fail, in circles
 *        +-------------------+--> REFLECTING --lesson--> WORKING, from the input on
 *
 *     Shinn et al., Reflexion: Language Agents with Verbal Reinforcement Learning, arXiv:2303.11366
 *
 * As published: the evaluator is the model itself or a rule (a budget, the same again and again), lessons are plain text and all of them are told.
 * Otherwise than published: what a call has done is done, so an attempt that had an effect which cannot be repeated goes on as ReAct does, and so
 * does the last one; neither is checked, for nothing would follow from it.
 *
 * Checks and lessons are steps.  An attempt may use half of the steps that are left, its check and its lesson counted in; one that would get
 * fewer than MIN_STEPS is the last.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/planner_kind.h"

#define MIN_STEPS    4 /* of an attempt: a call, what follows from it, the check, the lesson */
#define OWN_STEPS    2 /* of these: the check and the lesson */
#define MAX_FAILED   3 /* replies in a row with calls that fail */
#define LESSON_BYTES 800
#define REASON_BYTES 300

enum { WORKING, CHECKING, REFLECTING };

struct attempts {
    struct mark front; /* before the first attempt */
    int number;     /* of the one under way, from 1 */
    int began;      /* steps before it */
    int most;       /* steps of its own; 0: it is the last */
    int n_failed;   /* replies in a row with calls that failed */
    bool bound;     /* it has had an effect that cannot be repeated */
    struct mark to_answer; /* CHECKING: behind the answer */
    const char *why;  /* REFLECTING */
    const char *lessons; /* lines */
};

static const char give_up_tool[] = GIVE_UP_TOOL("Give up this attempt at the task when it leads nowhere, so that another is begun.");
static const char check[] = "Is this answer right and complete? Begin with \"yes\" or \"no\", and say why in a sentence. Call nothing.";

static struct attempts *attempts_of(struct planner *p)
{
    return p->own;
}

static void begin_attempt(struct planner *p)
{
    struct attempts *a = attempts_of(p);
    const int share = (p->budget.max_steps - p->spent.n_steps) / 2;

    a->number++;
    a->began = p->spent.n_steps;
    a->most = a->number >= p->budget.max_attempts || share < MIN_STEPS ? 0 : share - OWN_STEPS;
    a->n_failed = 0;
    p->phase = WORKING;
}

static int begin(struct planner *p, struct err *err)
{
    struct attempts *a = p->own = arena_alloc(p->arena, sizeof(*a));

    if (!a)
        return fail(err, CORAX_E_INTERNAL, "planner: no memory");
    *a = (struct attempts){ .front = planner_mark(p, transcript_count(p->transcript)), .lessons = "" };
    begin_attempt(p);
    return planner_ask_model(p, err);
}

/* There may be another attempt behind this one, and room for its check, its lesson and what comes then. */
static bool may_begin_anew(const struct planner *p)
{
    const struct attempts *a = p->own;
    const struct budget *b = &p->budget;

    return a->most > 0 && !a->bound && p->spent.n_steps + OWN_STEPS < b->max_steps && p->spent.n_tool_calls < b->max_tool_calls &&
           b->max_tokens - p->spent.n_tokens > b->max_tokens / 4 && p->spent.active_ms < b->max_wall_ms;
}

/* The last reply, whose calls have no results. */
static int forget_reply(struct planner *p, struct err *err)
{
    const struct mark before = planner_mark(p, transcript_count(p->transcript) - 1);

    return planner_cut_back(p, &before, err);
}

/* An ask in between: nothing may be called. */
static int ask_plainly(struct planner *p, const char *text, int phase, struct err *err)
{
    const int added = planner_tell(p, text, err);

    if (added != 1)
        return added;
    p->phase = phase;
    progress_forget(p);
    return planner_ask_text(p, err);
}

static int reflect(struct planner *p, const char *why, const char *in_words, struct err *err)
{
    char text[REASON_BYTES + 320];

    attempts_of(p)->why = why;
    snprintf(text, sizeof(text),
             "This attempt failed: %s. Another one is begun, which sees nothing of it but what you write down now: in at most three sentences, what went "
             "wrong, and what to do otherwise. Call nothing.", in_words);
    return ask_plainly(p, text, REFLECTING, err);
}

/* The lesson, or one that says only how the attempt failed; then the next attempt. */
static int learn(struct planner *p, const char *written, struct err *err)
{
    struct attempts *a = attempts_of(p);
    char text[LESSON_BYTES + 1];
    const char *kept, *told = NULL;
    int added;

    planner_shorten(text, sizeof(text), written);
    kept = text[0] ? arena_strndup(p->arena, text, strlen(text)) : arena_printf(p->arena, "An attempt failed (%s).", a->why);
    if (kept)
        a->lessons = arena_printf(p->arena, "%s\n%d. %s", a->lessons, a->number, kept);
    if (kept && a->lessons)
        told = arena_printf(p->arena, "Earlier attempts at this failed. What you wrote down of them:%s\nBegin anew, and do it otherwise.", a->lessons);
    if (!told)
        return fail(err, CORAX_E_INTERNAL, "planner: no memory");
    p->lesson = (struct plan_lesson){ a->number, a->why, kept };
    p->back = (struct plan_back){ .why = a->why };
    if (planner_cut_back(p, &a->front, err) < 0)
        return -1;
    begin_attempt(p);
    added = planner_tell(p, told, err);
    return added == 1 ? planner_ask_model(p, err) : added;
}

/* "no", whatever it is decorated with. */
static bool is_no(const char *text)
{
    while (*text && !isalpha((unsigned char)*text))
        text++;
    return strncasecmp(text, "no", 2) == 0 && !isalpha((unsigned char)text[2]);
}

/* Anything but a plain no lets the answer stand; so does one behind which there is no room for more. */
static int judge(struct planner *p, const char *verdict, struct err *err)
{
    if (verdict && is_no(verdict) && may_begin_anew(p))
        return reflect(p, "answer wrong", "you found its answer wrong or incomplete", err);
    if (planner_cut_back(p, &attempts_of(p)->to_answer, err) < 0)
        return -1;
    return planner_answer(p, err);
}

static int said_in_between(struct planner *p, const char *text, struct err *err)
{
    return p->phase == CHECKING ? judge(p, text, err) : learn(p, text, err);
}

static int said(struct planner *p, struct err *err)
{
    if (p->phase != WORKING)
        return said_in_between(p, p->last->parts[0].data, err);
    if (!may_begin_anew(p))
        return planner_answer(p, err);
    attempts_of(p)->to_answer = planner_mark(p, transcript_count(p->transcript));
    return ask_plainly(p, check, CHECKING, err);
}

static int give_up(struct planner *p, const struct call *call, struct err *err)
{
    char reason[REASON_BYTES + 1], text[REASON_BYTES + 40];

    if (may_begin_anew(p)) {
        /* The reply is forgotten: its calls have no results. */
        if (forget_reply(p, err) < 0)
            return -1;
        planner_shorten(reason, sizeof(reason), call->args);
        snprintf(text, sizeof(text), "you gave it up, %s", reason);
        return reflect(p, "given up", text, err);
    }
    return attempts_of(p)->bound ? planner_stay(p, err) : planner_give_up(p, "no attempt at it led anywhere", err);
}

static int called(struct planner *p, struct err *err)
{
    const struct message *m = p->last;
    const struct call *call = planner_gave_up(p);

    if (p->phase != WORKING) {
        if (forget_reply(p, err) < 0)
            return -1;
        return said_in_between(p, m->n_parts > 0 ? m->parts[0].data : NULL, err);
    }
    return call ? give_up(p, call, err) : 1;
}

static int observed(struct planner *p, struct err *err)
{
    struct attempts *a = attempts_of(p);

    a->bound |= p->bound;
    a->n_failed = p->failed ? a->n_failed + 1 : 0;
    if (may_begin_anew(p) && a->n_failed >= MAX_FAILED)
        return reflect(p, "calls failed", "its calls failed again and again", err);
    if (may_begin_anew(p) && p->spent.n_steps - a->began >= a->most)
        return reflect(p, "too long", "it took too many steps", err);
    return planner_ask_model(p, err);
}

static int stuck(struct planner *p, struct err *err)
{
    attempts_of(p)->bound |= p->bound;
    return may_begin_anew(p) ? reflect(p, "in circles", "it did the same again and again", err) : 1;
}

/* Neither a check nor a lesson is worth another ask. */
static int useless(struct planner *p, const char *text, struct err *err)
{
    return p->phase == WORKING ? 1 : said_in_between(p, text, err);
}

static void compacted(struct planner *p)
{
    planner_move_mark(p, &attempts_of(p)->front);
    planner_move_mark(p, &attempts_of(p)->to_answer);
}

const struct planner_kind planner_reflexion = {
    .name = "reflexion",
    .begin = begin,
    .said = said,
    .observed = observed,
    .called = called,
    .stuck = stuck,
    .useless = useless,
    .compacted = compacted,
    .tool_name = GIVE_UP,
    .tool = give_up_tool,
};
