/*
 * Whether a call may be made: what the policy says of it, what the trace is told, and what a person is asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/builtins.h"
#include "daemon/paths.h"
#include "daemon/task.h"
#include "daemon/task_ahead.h"
#include "daemon/task_screen.h"
#include "daemon/task_tools.h"
#include "util/clock.h"
#include "util/effects.h"
#include "util/id.h"

#define MAX_NAMED_TOOLS 12 /* in the sentence about an unknown tool */

static int unknown_tool(const struct task *t, const char *name, struct err *err)
{
    char names[160] = "";
    const bool finds = task_tools_are_chosen(t);
    size_t i, n = registry_count(t->d->registry), len = 0;
    int named = 0;

    for (i = 0; i < n && named < MAX_NAMED_TOOLS && len < sizeof(names); i++) {
        const struct tool *tool = registry_at(t->d->registry, i);

        /* find_tools is told of below. */
        if (tool->disabled || task_find_tool(t, tool->name) != tool || strcmp(tool->name, builtin_find_tools.name) == 0)
            continue;
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", named++ ? ", " : "", tool->name);
    }
    if (named == 0 && !finds)
        return fail(err, CORAX_E_NOTFOUND, "there is no tool \"%.40s\", and no other: answer without", name);
    return fail(err, CORAX_E_NOTFOUND, "there is no tool \"%.40s\": use %s%s%s%s%s", name, named ? "one of " : "", names,
                len >= sizeof(names) || named == MAX_NAMED_TOOLS ? " ..." : "", named && finds ? ", or " : "",
                finds ? "find_tools to get others" : "");
}

static void hash_request(struct task *t, const char *purpose)
{
    const struct call *c = t->call.call;
    unsigned char hash[HASH_LEN];
    char policy[TASK_HASH_SIZE];
    struct buf b;

    policies_hash(t->d->policies, t->row.uid, t->policy, policy);
    buf_init(&b, ENTRY_LIMIT);
    buf_addf(&b, "%s%c%s%c%s%c%s%c", purpose, 0, t->row.id, 0, c->id, 0, c->name, 0);
    buf_addf(&b, "%s%c%d%c%d%d%c", policy, 0, t->call.attempt, 0, (int)t->seen.integrity, (int)t->seen.confidentiality, 0);
    if (t->call.tool)
        buf_add(&b, t->call.tool->definition, REGISTRY_HASH); /* what was read when it was approved is what is called */
    buf_add(&b, c->args, c->args_len);
    task_screen_hash(t, &b);
    if (b.failed)
        abort();
    hash_bytes(b.data, b.len, hash);
    hash_format(hash, t->call.request_hash);
    buf_finish(&b);
}

size_t task_layers(const struct task *t, const struct policy *layers[POLICY_MAX_LAYERS])
{
    return policies_layers(t->call.judged_by ? t->call.judged_by : t->d->policies, t->row.uid, t->policy, layers);
}

static void judge(struct task *t, struct task_call *c, const struct json *args, const struct policy_past *past, size_t n_past,
                  struct policy_verdict *verdict)
{
    struct screen_answer answers[SCREEN_MAX_QUESTIONS];
    struct policy_request request = { .provider = c->tool->provider,
                                      .tool = c->tool->own_name,
                                      .effects = c->tool->effects,
                                      .traits = c->tool->traits,
                                      .args = args,
                                      .bytes = c->call->args_len,
                                      .context = t->seen,
                                      .n_past = n_past,
                                      .past = past,
                                      .screened = answers,
                                      .resolve = paths_resolve,
                                      .resolve_arg = &t->d->config };
    const struct policy *layers[POLICY_MAX_LAYERS];
    size_t n;

    policies_release(c->judged_by);
    c->judged_by = policies_hold(t->d->policies);
    n = policies_layers(c->judged_by, t->row.uid, t->policy, layers);
    request.n_screened = task_screen_answers(t, layers, n, c->call, c->tool, answers);
    *verdict = policy_decide_layers(layers, n, &request);
    c->must = verdict->must;
    c->result = verdict->result;
}

int task_judge(struct task *t, struct task_call *c, const struct call *call, const struct policy_past *past, size_t n_past,
               struct policy_verdict *verdict, struct err *err)
{
    struct json *args;

    c->call = call;
    tool_release(c->tool);
    c->tool = tool_hold(task_find_tool(t, call->name));
    if (c->tool == NULL)
        return unknown_tool(t, call->name, err);
    if ((args = registry_validate(c->tool, call->args, call->args_len, err)) == NULL)
        return -1;
    judge(t, c, args, past, n_past, verdict);
    json_free(args);
    snprintf(c->rule, sizeof(c->rule), "%s", verdict->rule);
    snprintf(c->why, sizeof(c->why), "%s", verdict->why ? verdict->why : "");
    return 0;
}

int task_judge_call(struct task *t, const struct call *call, struct policy_verdict *verdict, struct err *err)
{
    /* One that was tried before is not counted twice. */
    if (task_judge(t, &t->call, call, t->past.calls, t->past.n - (t->call.attempt > 0), verdict, err) < 0)
        return -1;
    if (verdict->decision == POLICY_ASK)
        hash_request(t, "approve");
    return 0;
}

bool task_is_as_asked(struct task *t, struct policy_verdict *verdict)
{
    char asked[TASK_HASH_SIZE];

    snprintf(asked, sizeof(asked), "%s", t->call.request_hash);
    verdict->decision = POLICY_DENY;
    return task_judge_call(t, t->call.call, verdict, NULL) == 0 && verdict->decision == POLICY_ASK &&
           strcmp(asked, t->call.request_hash) == 0;
}

void task_say_denied(const struct policy_verdict *v, struct buf *out)
{
    buf_addf(out, "denied by policy (%s): %s%s", v->rule, v->why ? v->why : "", v->decision == POLICY_ASK ? "; nobody is there to approve it" : "");
}

static void record_decision(struct task *t, const struct policy_verdict *v, struct label context)
{
    struct entry *e = task_record(t, ENTRY_POLICY_DECIDED);
    char hash[TASK_HASH_SIZE];

    policies_hash(t->d->policies, t->row.uid, t->policy, hash);
    entry_text(e, "call_id", t->call.call->id);
    entry_text(e, "tool", t->call.tool->name);
    entry_text(e, "provider", t->call.tool->provider);
    entry_text(e, "decision", policy_decision_name(v->decision));
    entry_text(e, "rule", v->rule);
    entry_text(e, "why", v->why);
    task_record_label(e, "context", context);
    task_screen_record(t, e);
    if (t->call.must.in_doubt) {
        entry_text(e, "in_doubt", policy_doubt_name(t->call.must.in_doubt));
        entry_text(e, "in_doubt_rule", t->call.must.in_doubt_rule);
    }
    /* Once, and again when it is another one or coraxd was started anew: a step's trace is short. */
    if (strcmp(hash, t->told_policy) != 0) {
        entry_text(e, "policy_hash", hash);
        memcpy(t->told_policy, hash, sizeof(hash));
    }
    task_recorded(t, e);
}

/* What a person needs to see: approval_asked and effect_unverified. */
static void record_question(struct task *t, enum entry_kind kind)
{
    struct entry *e = task_record(t, kind);
    size_t at;

    entry_text(e, "call_id", t->call.call->id);
    entry_text(e, "tool", t->call.call->name);
    entry_text(e, "provider", t->call.tool ? t->call.tool->provider : NULL);
    entry_string(e, "arguments", t->call.call->args, t->call.call->args_len);
    at = entry_mark(e);
    effects_write(&e->w, "effects", t->call.tool ? t->call.tool->effects : 0);
    entry_seal(e, "effects", at);
    if (kind == ENTRY_APPROVAL_ASKED) {
        entry_text(e, "rule", t->call.rule);
    } else {
        entry_text(e, "in_doubt", policy_doubt_name(task_doubt(t, t->call.in_doubt)));
        entry_text(e, "rule", t->call.in_doubt_rule[0] ? t->call.in_doubt_rule : NULL);
    }
    entry_text(e, "why", t->call.why);
    entry_text(e, "request_hash", t->call.request_hash);
    task_recorded(t, e);
}

void task_begin_call(struct task *t, const struct call *call)
{
    struct ahead *ahead = ahead_take(t, call);
    struct policy_verdict verdict;
    struct err err = { 0 };
    struct label context = t->seen;
    struct buf text;

    if (!ahead && task_screen_waits(t, call))
        return;
    if (ahead) {
        verdict = ahead_open(t, ahead, &context);
    } else if (task_judge_call(t, call, &verdict, &err) < 0) {
        task_end_call(t, true, err.status, err.msg);
        return;
    }
    record_decision(t, &verdict, context);
    if (verdict.decision == POLICY_ALLOW) {
        task_make_intent(t);
    } else if (verdict.decision == POLICY_ASK && t->attended) {
        t->call.asked_ms = clock_wall_ms();
        record_question(t, ENTRY_APPROVAL_ASKED);
        task_stand_still(t, PHASE_APPROVAL, TASK_WAITING);
        task_limit_approval(t);
    } else {
        buf_init(&text, ENTRY_LIMIT);
        task_say_denied(&verdict, &text);
        task_screen_say(t, &text);
        task_end_call(t, true, CORAX_E_DENIED, text.data);
        buf_finish(&text);
    }
}

enum policy_doubt task_doubt(const struct task *t, enum policy_doubt said)
{
    return said == POLICY_DOUBT_FAIL || !t->attended ? POLICY_DOUBT_FAIL : POLICY_DOUBT_ASK;
}

void task_ask_unverified(struct task *t)
{
    snprintf(t->call.why, sizeof(t->call.why),
             "the daemon was interrupted after it had sent this call; whether it had its effect is not known");
    hash_request(t, "unverified");
    record_question(t, ENTRY_EFFECT_UNVERIFIED);
    if (task_doubt(t, t->call.in_doubt) == POLICY_DOUBT_ASK)
        task_stand_still(t, PHASE_UNVERIFIED, TASK_WAITING);
    else
        task_end_call(t, true, CORAX_E_INTERNAL, TASK_IN_DOUBT);
}
