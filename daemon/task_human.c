/*
 * What people say to a task that waits, and what clients see of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/model.h"
#include "daemon/task.h"
#include "util/effects.h"

#define UNSURE_TEXT "it is not known whether this call had its effect, and the person does not want it made again"

void task_ask_question(struct task *t, const struct plan_command *c)
{
    struct entry *e = task_record(t, ENTRY_QUESTION_ASKED);

    entry_text(e, "call_id", c->call->id);
    entry_text(e, "question", c->question);
    task_recorded(t, e);
    task_clear_call(t);
    t->call.call = c->call;
    if (t->attended)
        task_stand_still(t, PHASE_QUESTION, TASK_WAITING);
    else
        task_end_call(t, true, CORAX_E_UNAVAIL,
                      "nobody is there to answer: decide yourself, or say in the answer what is missing");
}

/* --- approvals -------------------------------------------------------------------------------------------------- */

static void on_approval_over(struct alarm *alarm)
{
    struct task *t = (struct task *)((char *)alarm - offsetof(struct task, approval));

    if (t->phase != PHASE_APPROVAL)
        return;
    task_end_call(t, true, CORAX_E_DENIED, "nobody approved this call in time");
    task_make_ready(t);
}

/* How long a person has, in ms; 0: as long as the task. */
static int64_t time_to_approve(const struct task *t)
{
    const int64_t usual = (int64_t)t->d->config.approval_seconds * 1000, duty = t->call.must.approve_ms;

    return duty && (usual == 0 || duty < usual) ? duty : usual;
}

void task_limit_approval(struct task *t)
{
    t->approval.ring = on_approval_over;
    if (time_to_approve(t) > 0)
        alarm_set(t->d->alarms, &t->approval, t->call.asked_ms + time_to_approve(t));
}

int task_approve(struct task *t, uint32_t uid, bool yes, const char *request_hash, const char *reason,
                 const char **code)
{
    bool unverified = t->phase == PHASE_UNVERIFIED;
    struct entry *e;
    char text[TASK_MAX_REASON + sizeof(UNSURE_TEXT) + 2];

    *code = "not_waiting";
    if (t->phase != PHASE_APPROVAL && !unverified)
        return -1;
    *code = "wrong_request_hash";
    if (strcmp(request_hash, t->call.request_hash) != 0)
        return -1;
    e = task_record(t, ENTRY_APPROVAL_GIVEN);
    entry_text(e, "call_id", t->call.call->id);
    entry_bool(e, "approved", yes);
    entry_text(e, "reason", reason);
    entry_text(e, "request_hash", t->call.request_hash);
    entry_int(e, "uid", uid);
    task_recorded(t, e);
    if (yes) {
        t->call.approved = true;
    } else {
        snprintf(text, sizeof(text), "%s%s%s", unverified ? UNSURE_TEXT : "the person did not allow this call",
                 reason ? ": " : "", reason ? reason : "");
        task_end_call(t, true, CORAX_E_DENIED, text);
    }
    task_make_ready(t);
    return 0;
}

int task_answer(struct task *t, uint32_t uid, const char *text, const char **code)
{
    struct plan_event ev = { .kind = PLAN_EV_HUMAN_SAID, .said = text };
    struct entry *e;

    *code = "not_waiting";
    if (t->phase != PHASE_QUESTION && t->phase != PHASE_UNVERIFIED)
        return -1;
    e = task_record(t, ENTRY_HUMAN_SAID);
    entry_text(e, "call_id", t->call.call->id);
    entry_text(e, "text", text);
    entry_int(e, "uid", uid);
    task_recorded(t, e);
    if (t->phase == PHASE_QUESTION) {
        ev.call_id = t->call.call->id;
        task_clear_call(t);
        t->phase = PHASE_READY;
        task_apply(t, &ev);
    } else {
        task_end_call(t, false, CORAX_OK, text);
    }
    task_make_ready(t);
    return 0;
}

/* --- what clients see ------------------------------------------------------------------------------------------- */

static void write_waiting(const struct task *t, struct jsonw *w)
{
    const struct call *c = t->call.call;
    bool question = t->phase == PHASE_QUESTION;

    if (t->shown != TASK_WAITING || c == NULL) {
        jsonw_null(w, "waiting_for");
        return;
    }
    jsonw_object(w, "waiting_for");
    jsonw_text(w, "kind", question ? "question" : t->phase == PHASE_UNVERIFIED ? "unverified" : "approval");
    jsonw_text(w, "call_id", c->id);
    jsonw_text(w, "tool", c->name);
    jsonw_text(w, "provider", t->call.tool ? t->call.tool->provider : NULL);
    jsonw_string(w, "arguments", c->args, c->args_len);
    if (question)
        jsonw_null(w, "effects");
    else
        effects_write(w, "effects", t->call.tool ? t->call.tool->effects : 0);
    jsonw_text(w, "rule", t->phase == PHASE_APPROVAL ? t->call.rule : NULL);
    jsonw_text(w, "why", question ? NULL : t->call.why);
    jsonw_text(w, "question", question ? t->command.question : NULL);
    jsonw_text(w, "request_hash", question ? NULL : t->call.request_hash);
    if (t->phase == PHASE_APPROVAL && time_to_approve(t) > 0)
        jsonw_int(w, "until_ms", t->call.asked_ms + time_to_approve(t));
    else
        jsonw_null(w, "until_ms");
    jsonw_end(w);
}

void task_write_usage(struct jsonw *w, const struct task_row *r)
{
    jsonw_object(w, "usage");
    jsonw_int(w, "steps", r->n_steps);
    jsonw_int(w, "tool_calls", r->n_tool_calls);
    jsonw_int(w, "prompt_tokens", r->prompt_tokens);
    jsonw_int(w, "completion_tokens", r->completion_tokens);
    jsonw_int(w, "active_ms", r->active_ms);
    jsonw_end(w);
}

void task_write_input(struct jsonw *w, const char *submitted, size_t len)
{
    static const char *const members[] = { "input", "attended", "tools", "planner", "agent", "memory", "priority", "due_ms", "deadline_ms", "schedule",
                                           "policies", "label", "parent" };
    const char *value;
    char pointer[16];
    size_t value_len, i;

    for (i = 0; i < sizeof(members) / sizeof(*members); i++) {
        snprintf(pointer, sizeof(pointer), "/%s", members[i]);
        if (json_find(submitted, len, pointer, &value, &value_len))
            jsonw_raw(w, members[i], value, value_len);
        else
            jsonw_null(w, members[i]);
    }
}

void task_write(const struct task *t, struct jsonw *w)
{
    bool ended = t->shown == TASK_FINISHED;
    struct spent spent = planner_spent(t->planner);
    struct task_row r = t->row;

    r.n_steps = spent.n_steps;
    r.n_tool_calls = spent.n_tool_calls;
    r.completion_tokens = spent.n_tokens;
    r.active_ms = task_active_ms(t);
    jsonw_text(w, "id", r.id);
    jsonw_text(w, "state", task_state_name(t->shown));
    jsonw_text(w, "outcome", ended ? task_outcome_name(r.outcome) : NULL);
    jsonw_text(w, "answer", ended && r.outcome == OUTCOME_ANSWERED ? t->end_text : NULL);
    if (ended && r.outcome == OUTCOME_FAILED) {
        jsonw_object(w, "error");
        jsonw_text(w, "code", t->end_code);
        jsonw_text(w, "message", t->end_text);
        jsonw_end(w);
    } else {
        jsonw_null(w, "error");
    }
    write_waiting(t, w);
    jsonw_bool(w, "paused", t->pausing && !ended);
    jsonw_text(w, "input_text", r.input_text);
    task_write_input(w, t->submitted.data, t->submitted.len);
    task_write_usage(w, &r);
    task_write_label(w, "context", t->seen);
    jsonw_text(w, "model", r.model[0] ? r.model : NULL);
    jsonw_int(w, "uid", r.uid);
    jsonw_int(w, "created_ms", r.created_ms);
    jsonw_int(w, "updated_ms", r.updated_ms);
    jsonw_int(w, "last_seq", t->saved_seq);
}
