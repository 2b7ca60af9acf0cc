/*
 * After a restart: where do a task's stored events leave it?
 *
 * The events that the planner knows are applied in order; the others say how far the open call had come:
 *
 *     nothing, policy_decided      the call is begun again (the policy may be another one now)
 *     approval_asked               the person is still asked, if the same policy would ask the same
 *     approval_given               the call is made, if the approval still fits the request
 *     tool_intent, no result       without effects or idempotent: made again; else its effect is unverified, and a
 *                                  person is asked, unless the policy, as it was or is, has the call fail
 *     effect_unverified            the person is still asked, if the policy still asks
 *
 * Without task_due a task with a time of its own is still waiting for it, and one whose last word about it is
 * pause_asked or task_paused stays paused.
 *
 * What a call may do is taken from its recorded intent, not from the plugin that is installed now.
 *
 * task_fold needs no plugin, so it runs while their hosts start; task_fold_end judges the open call, for which the tools
 * have to be known.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/task_fold.h"
#include "daemon/task_compact.h"
#include "daemon/task_memory.h"
#include "daemon/task_screen.h"
#include "daemon/task_tools.h"
#include "util/log.h"

#define MAX_CALLS 256

static int apply(struct task_fold *f, struct plan_event *ev, struct err *err)
{
    struct plan_back back;

    ev->active_ms = f->t->active_before_ms;
    f->pending = PENDING_NOTHING;
    f->attempt = 0;
    if (planner_apply(f->t->planner, ev, err) < 0)
        return -1;
    if (planner_went_back(f->t->planner, &back)) {
        task_tools_went_back(f->t, back.n_messages);
        f->t->window_tokens = 0;
    }
    return 0;
}

static int replied(struct task_fold *f, const struct json *e, struct err *err)
{
    const struct json *usage = json_get(e, "usage"), *c;
    struct plan_event ev = { .kind = PLAN_EV_MODEL_REPLIED,
                             .reasoning = json_get_text(e, "reasoning", NULL),
                             .text = json_get_text(e, "text", NULL),
                             .cut_off = strcmp(json_get_text(e, "finish", ""), "length") == 0 };
    struct call calls[MAX_CALLS];
    int64_t prompt_tokens = 0;

    for (c = json_first(json_get(e, "calls")); c && ev.n_calls < MAX_CALLS; c = json_next(c)) {
        struct call *call = &calls[ev.n_calls++];

        call->id = NULL;
        call->name = json_get_text(c, "name", "");
        call->args = json_get_text(c, "arguments", "");
        call->args_len = strlen(call->args);
    }
    ev.calls = calls;
    if (json_int(json_get(usage, "completion_tokens"), "completion_tokens", &ev.n_tokens, err) < 0 ||
        json_int(json_get(usage, "prompt_tokens"), "prompt_tokens", &prompt_tokens, err) < 0)
        return -1;
    f->t->row.prompt_tokens += prompt_tokens;
    snprintf(f->t->row.model, sizeof(f->t->row.model), "%s", json_get_text(e, "model", ""));
    if (apply(f, &ev, err) < 0)
        return -1;
    task_used_window(f->t, prompt_tokens, ev.n_tokens);
    return 0;
}

static int has_result(struct task_fold *f, const struct json *e, struct err *err)
{
    const struct json *list = json_get(e, "parts"), *p;
    struct part *parts = calloc(json_count(list) + 1, sizeof(*parts));
    struct plan_event ev = { .kind = PLAN_EV_TOOL_DONE,
                             .call_id = json_get_text(e, "call_id", ""),
                             .error = json_bool(json_get(e, "error"), true),
                             .binding = f->attempt > 0 && !f->may_repeat,
                             .parts = parts };
    int result;

    if (json_get(e, "tokens") && json_int(json_get(e, "tokens"), "tokens", &ev.n_tokens, err) < 0) {
        free(parts);
        return -1;
    }
    past_add_list(&f->t->past, json_get(e, "made"));

    if (parts == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    for (p = json_first(list); p; p = json_next(p)) {
        const char *type = json_get_text(p, "type", "");
        bool data = strcmp(type, "data") == 0;
        struct part *part = &parts[ev.n_parts++];

        /* The planner only names what is data. */
        part->mime = data                        ? json_get_text(p, "mime", "")
                     : strcmp(type, "json") == 0 ? "application/json"
                                                 : "text/plain";
        part->data = data ? "" : json_get_text(p, "text", "");
        part->len = strlen(part->data);
    }
    result = apply(f, &ev, err);
    free(parts);
    return result;
}

static bool names(const struct json *list, const char *name)
{
    const struct json *e;

    for (e = json_first(list); e; e = json_next(e))
        if (json_text(e) && strcmp(json_text(e), name) == 0)
            return true;
    return false;
}

static void intended(struct task_fold *f, const struct json *e)
{
    const struct json *effects = json_get(e, "effects");
    int64_t attempt = 1;

    json_int(json_get(e, "attempt"), "attempt", &attempt, NULL);
    f->pending = PENDING_INTENT;
    f->attempt = (int)attempt;
    past_add_intent(&f->t->past, e);
    f->may_repeat = names(json_get(e, "traits"), "idempotent") ||
                    !(names(effects, "write") || names(effects, "exec") || names(effects, "net"));
}

static void asked(struct task_fold *f, const struct json *e, enum pending pending)
{
    f->pending = pending;
    snprintf(f->request_hash, sizeof(f->request_hash), "%s", json_get_text(e, "request_hash", ""));
    snprintf(f->why, sizeof(f->why), "%s", json_get_text(e, "why", ""));
    json_int(json_get(e, "at_ms"), "at_ms", &f->asked_ms, NULL);
}

static int noted(struct task_fold *f, const struct json *e, struct err *err)
{
    struct plan_event ev = { .kind = PLAN_EV_NOTE, .said = json_get_text(e, "text", "") };

    f->t->dated = f->t->dated || strcmp(json_get_text(e, "about", ""), NOTE_DATE) == 0;
    if (strcmp(json_get_text(e, "about", ""), NOTE_MEMORY) == 0)
        task_memory_was_told(f->t);
    return apply(f, &ev, err);
}

static int paused(struct task_fold *f, enum entry_kind kind, const struct json *e, struct err *err)
{
    int64_t uid;

    if (json_int(json_get(e, "uid"), "uid", &uid, err) < 0)
        return -1;
    f->t->pausing = kind != ENTRY_TASK_RESUMED_BY;
    f->t->pause_stored = kind == ENTRY_TASK_PAUSED;
    f->t->pause_uid = (uint32_t)uid;
    return 0;
}

int task_fold_event(struct task_fold *f, enum entry_kind kind, const struct json *e, struct err *err)
{
    struct plan_event ev = { 0 };

    if (kind != ENTRY_TASK_SUBMITTED)
        task_saw(f->t, task_read_label(json_get(e, "label")));
    switch (kind) {
    case ENTRY_MODEL_REPLIED:
        return replied(f, e, err);
    case ENTRY_MODEL_FAILED:
        ev.kind = PLAN_EV_MODEL_FAILED;
        ev.said = json_get_text(e, "message", "");
        return apply(f, &ev, err);
    case ENTRY_APPROVAL_ASKED:
        asked(f, e, PENDING_ASKED);
        return 0;
    case ENTRY_APPROVAL_GIVEN:
        /* A denial is followed by its tool_result in the same commit. */
        if (json_bool(json_get(e, "approved"), false))
            f->pending = PENDING_APPROVED;
        return 0;
    case ENTRY_TOOL_INTENT:
        intended(f, e);
        return 0;
    case ENTRY_TOOL_RESULT:
        return has_result(f, e, err);
    case ENTRY_QUESTION_ASKED:
        f->pending = PENDING_QUESTION;
        return 0;
    case ENTRY_HUMAN_SAID:
        if (f->pending != PENDING_QUESTION)
            return 0; /* about an unverified call: its tool_result follows */
        ev.kind = PLAN_EV_HUMAN_SAID;
        ev.call_id = json_get_text(e, "call_id", NULL);
        ev.said = json_get_text(e, "text", "");
        return apply(f, &ev, err);
    case ENTRY_EFFECT_UNVERIFIED:
        asked(f, e, PENDING_UNVERIFIED);
        return 0;
    case ENTRY_NOTE_ADDED:
        return noted(f, e, err);
    case ENTRY_COMPACTED:
        return task_fold_compacted(f->t, e, err);
    case ENTRY_TOOLS_OFFERED:
        return task_tools_were_offered(f->t, e, err);
    case ENTRY_TASK_DUE:
        f->t->scheduled = false;
        return json_int(json_get(e, "at_ms"), "at_ms", &f->t->came_due_ms, err);
    case ENTRY_LESSON_WRITTEN:
        planner_lesson(f->t->planner, &f->lesson);
        return 0;
    case ENTRY_PAUSE_ASKED:
    case ENTRY_TASK_PAUSED:
    case ENTRY_TASK_RESUMED_BY:
        return paused(f, kind, e, err);
    case ENTRY_POLICY_DECIDED:
        f->in_doubt = policy_doubt_find(json_get_text(e, "in_doubt", NULL));
        snprintf(f->in_doubt_rule, sizeof(f->in_doubt_rule), "%s", json_get_text(e, "in_doubt_rule", ""));
        task_screen_recover(f->t, e);
        return 0;
    case ENTRY_TASK_SUBMITTED:
    case ENTRY_MEMORY_WRITTEN: /* the result says the same to the model */
    case ENTRY_OBSERVATION_CUT: /* the planner cuts it again */
    case ENTRY_WENT_BACK:       /* and goes back again */
    case ENTRY_TASK_RESUMED:
    case ENTRY_CLIENT_ASKED: /* the tool's own affair: its call ends with a result, or is made again */
    case ENTRY_CLIENT_ANSWERED:
        return 0;
    case ENTRY_TASK_FINISHED:
    case ENTRY_N_KINDS:
        break;
    }
    return fail(err, CORAX_E_INTERNAL, "an event of a kind that cannot be here");
}

static void wait_for_person(struct task *t, enum task_phase phase)
{
    t->phase = phase;
    t->row.state = t->shown = TASK_WAITING;
    t->command_due = false;
    t->resumed = false;
}

/* What becomes of the call in doubt: as was decided, or, where that is stricter, as would be now. */
static void join_doubt(struct task_call *c, const struct task_fold *f)
{
    const bool now = c->must.in_doubt > f->in_doubt;

    c->in_doubt = now ? c->must.in_doubt : f->in_doubt;
    snprintf(c->in_doubt_rule, sizeof(c->in_doubt_rule), "%s", now ? c->must.in_doubt_rule : f->in_doubt_rule);
}

/* The open call, as far as it had come.  What is left to the loop stays command_due. */
static void fold_call(struct task_fold *f, const struct call *call)
{
    struct task *t = f->t;
    struct policy_verdict verdict;
    bool judged, same;

    if (f->pending == PENDING_NOTHING)
        return;
    /* The hash counts the attempts made before. */
    t->call.attempt = f->attempt;
    judged = task_judge_call(t, call, &verdict, NULL) == 0;
    same = judged && verdict.decision == POLICY_ASK && strcmp(f->request_hash, t->call.request_hash) == 0;
    join_doubt(&t->call, f);
    switch (f->pending) {
    case PENDING_ASKED:
        if (same && t->attended) {
            wait_for_person(t, PHASE_APPROVAL);
            t->call.asked_ms = f->asked_ms;
            task_limit_approval(t);
        }
        break;
    case PENDING_APPROVED:
        /* After an intent the approval was for another attempt, and bound to that question. */
        if (judged && verdict.decision != POLICY_DENY && (same || f->attempt > 0)) {
            t->call.approved = true;
            t->command_due = false;
        }
        break;
    case PENDING_INTENT:
        t->ask_unverified = !f->may_repeat;
        t->command_due = f->may_repeat;
        break;
    case PENDING_UNVERIFIED:
        if (task_doubt(t, t->call.in_doubt) == POLICY_DOUBT_FAIL) {
            t->ask_unverified = true;
            t->command_due = false;
            break;
        }
        snprintf(t->call.request_hash, sizeof(t->call.request_hash), "%s", f->request_hash);
        snprintf(t->call.why, sizeof(t->call.why), "%s", f->why);
        wait_for_person(t, PHASE_UNVERIFIED);
        break;
    case PENDING_QUESTION:
    case PENDING_NOTHING:
        break;
    }
}

int task_fold(struct task *t, const struct task_row *row, const struct stored_event *events, size_t n, struct err *err)
{
    struct task_fold *f = t->fold = calloc(1, sizeof(*f));
    size_t i;

    if (f == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    f->t = t;
    for (i = 0; i < n; i++) {
        struct json *e = json_parse(events[i].json, events[i].len, err);
        int rc = e ? json_int(json_get(e, "active_ms"), "active_ms", &t->active_before_ms, err) : -1;

        if (rc == 0)
            rc = task_fold_event(f, events[i].kind, e, err);
        json_free(e);
        if (rc < 0)
            return err_context(err, "event %lld", (long long)events[i].seq);
    }
    snprintf(t->row.id, sizeof(t->row.id), "%s", row->id);
    t->row.n = row->n;
    t->row.updated_ms = row->updated_ms;
    t->row.last_seq = t->saved_seq = row->last_seq;
    t->row.state = t->shown = TASK_QUEUED;
    /* Even with nothing stored but the submission it may have run, and its calls with it; not before it was due. */
    t->resumed = !t->scheduled;
    return 0;
}

void task_fold_end(struct task *t)
{
    struct task_fold *f = t->fold;
    struct plan_command c = planner_next(t->planner);

    t->command = c;
    t->command_due = c.kind != PLAN_WAIT;
    if (f->lesson.text) /* which may not have been stored; that of an attempt before was, for the journal keeps the order */
        task_memory_lesson(t, f->lesson.attempt, f->lesson.text);
    if (c.kind == PLAN_CALL_TOOL) {
        fold_call(f, c.call);
    } else if (c.kind == PLAN_ASK_HUMAN && f->pending == PENDING_QUESTION && t->attended) {
        t->call.call = c.call;
        wait_for_person(t, PHASE_QUESTION);
    }
    free(f);
    t->fold = NULL;
}
