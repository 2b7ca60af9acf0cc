#include "daemon/task_rejudge.h"

#include <stdio.h>
#include <string.h>

#include "daemon/builtins.h"
#include "daemon/paths.h"
#include "daemon/task_fold.h"
#include "daemon/task_screen.h"
#include "policies/match.h"
#include "tools/registry.h"

struct rejudge {
    struct task *t;
    struct task_fold fold;
    const struct policy *base;
    const struct stored_event *events;
    size_t n;
    struct jsonw *w; /* in the list of decisions */
    struct label seen, at_reply; /* by the new policies: now, and when the model last replied */
    struct label recorded_at_reply;
    /* The call that was judged last. */
    char call_id[32];
    struct label result; /* of what it gives */
    bool denied;         /* it was made, and would not be, or was asked about, and would have failed: its events are left out */
    enum policy_doubt in_doubt; /* what is to become of it, should nobody know whether it had its effect; the rule that says so */
    const char *in_doubt_rule;
    int64_t n_judged, n_differ;
    int64_t differs_from, ended_at; /* 0: not yet */
    char why[ERR_MSG + 80];         /* it ended */
};

static void end_replay(struct rejudge *r, const struct stored_event *at, const char *why)
{
    r->ended_at = at->seq;
    snprintf(r->why, sizeof(r->why), "%s", why);
}

/* --- the request -------------------------------------------------------------------------------------------------- */

/* What the call's own events say: whether it was made, and what its tool may do. */
struct made {
    bool made, knows;
    unsigned effects, traits;
};

static void read_intent(const struct json *e, struct made *m)
{
    m->made = m->knows = true;
    past_read_effects(e, &m->effects, &m->traits);
}

/* They follow its decision, up to its result or, after a restart, to the next decision. */
static struct made look_ahead(const struct rejudge *r, size_t decided, const struct json *decision)
{
    const struct tool *tool = task_find_tool(r->t, json_get_text(decision, "tool", ""));
    struct made m = { 0 };

    for (size_t i = decided + 1; i < r->n && r->events[i].kind != ENTRY_TOOL_RESULT && r->events[i].kind != ENTRY_POLICY_DECIDED; i++) {
        struct json *e = r->events[i].kind == ENTRY_TOOL_INTENT ? json_parse(r->events[i].json, r->events[i].len, NULL) : NULL;

        if (e)
            read_intent(e, &m);
        json_free(e);
    }
    if (!m.knows && tool && strcmp(tool->provider, json_get_text(decision, "provider", "")) == 0) {
        m.knows = true;
        m.effects = tool->effects;
        m.traits = tool->traits;
    }
    return m;
}

static const struct call *find_call(const struct rejudge *r, const char *id)
{
    const struct message *m = planner_reply(r->t->planner);

    for (size_t i = 0; m && i < m->n_calls; i++)
        if (m->calls[i].id && strcmp(m->calls[i].id, id) == 0)
            return &m->calls[i];
    return NULL;
}

/* A call that was begun while an earlier one of its reply was under way was judged by what had been seen until then. */
static struct label context(const struct rejudge *r, const struct json *decision)
{
    const struct label then = task_read_label(json_get(decision, "context"));
    const bool was_ahead = (then.integrity != r->t->seen.integrity || then.confidentiality != r->t->seen.confidentiality) &&
                           then.integrity == r->recorded_at_reply.integrity && then.confidentiality == r->recorded_at_reply.confidentiality;

    return was_ahead ? r->at_reply : r->seen;
}

/* Adds, to questions of these policies that were not asked then, that nothing was found. */
static void add_clean(const struct policy *const *layers, size_t n, const struct policy_request *r, struct screen_answers *answers)
{
    struct screen screens[SCREEN_MAX_QUESTIONS];
    const size_t found = policy_screens(layers, n, r, screens, SCREEN_MAX_QUESTIONS);

    for (size_t i = 0; i < found && i < SCREEN_MAX_QUESTIONS && answers->n < SCREEN_MAX_QUESTIONS; i++) {
        size_t k = 0;

        while (k < answers->n && !screen_asks(&screens[i], &answers->at[k]))
            k++;
        if (k == answers->n)
            answers->at[answers->n++] = (struct screen_answer){
                .by = screens[i].by, .argument = screens[i].argument, .role = screens[i].role, .known = true, .findings = answers->words[k]
            };
    }
}

/* *missing: it would be another decision if a screen that was not asked then found nothing. */
static struct policy_verdict decide(const struct rejudge *r, const struct json *decision, const struct call *call, const struct made *m, bool *missing)
{
    struct task *t = r->t;
    struct json *args = json_parse(call->args, call->args_len, NULL);
    struct screen_answers answers;
    struct policy_request request = { .provider = json_get_text(decision, "provider", ""),
                                            .tool = tool_own_name(json_get_text(decision, "provider", ""), call->name),
                                            .effects = m->effects,
                                            .traits = m->traits,
                                            .args = args,
                                            .bytes = call->args_len,
                                            .context = context(r, decision),
                                            .n_past = t->past.n - (r->fold.attempt > 0 && t->past.n > 0),
                                            .past = t->past.calls,
                                            .n_screened = task_screen_read(decision, &answers),
                                            .screened = answers.at,
                                            .resolve = paths_resolve,
                                            .resolve_arg = &t->d->config };
    const struct policy *layers[POLICY_MAX_LAYERS];
    const size_t n = task_layers(t, layers);
    struct policy_verdict v;

    layers[0] = r->base;
    v = policy_decide_layers(layers, n, &request);
    add_clean(layers, n, &request, &answers);
    request.n_screened = answers.n;
    *missing = policy_decide_layers(layers, n, &request).decision != v.decision;
    json_free(args);
    return v;
}

/* --- what differs ------------------------------------------------------------------------------------------------- */

/* What was said by a rule: of key, a decision or what becomes of a call in doubt. */
struct said {
    const char *key, *what, *rule, *why;
};

static void write_said(struct jsonw *w, const char *name, const struct said *s)
{
    jsonw_object(w, name);
    jsonw_text(w, s->key, s->what);
    jsonw_text(w, "rule", s->rule);
    if (s->why)
        jsonw_text(w, "why", s->why);
    jsonw_end(w);
}

static void write_difference(struct rejudge *r, const struct stored_event *at, const struct json *event, const struct said *recorded,
                             const struct said *replayed)
{
    struct jsonw *w = r->w;

    r->n_differ++;
    jsonw_object(w, NULL);
    jsonw_int(w, "seq", at->seq);
    jsonw_text(w, "call_id", json_get_text(event, "call_id", "?"));
    jsonw_text(w, "tool", json_get_text(event, "tool", "?"));
    jsonw_text(w, "provider", json_get_text(event, "provider", "?"));
    write_said(w, "recorded", recorded);
    write_said(w, "replayed", replayed);
    jsonw_end(w);
}

/* The planner is told what it would have been told then. */
static void fail_call(struct rejudge *r, const struct stored_event *at, const char *text)
{
    struct part part = { .mime = "text/plain", .data = text, .len = strlen(text) };
    struct plan_event ev = { .kind = PLAN_EV_TOOL_DONE, .call_id = r->call_id, .error = true, .n_parts = 1, .parts = &part };
    struct err err = { 0 };

    ev.active_ms = r->t->active_before_ms;
    r->denied = true;
    r->fold.pending = PENDING_NOTHING;
    r->fold.attempt = 0;
    if (r->differs_from == 0)
        r->differs_from = at->seq;
    if (planner_apply(r->t->planner, &ev, &err) < 0)
        end_replay(r, at, err.msg);
}

static void deny(struct rejudge *r, const struct stored_event *at, const struct policy_verdict *v)
{
    struct buf text;

    buf_init(&text, ENTRY_LIMIT);
    task_say_denied(v, &text);
    fail_call(r, at, text.data);
    buf_finish(&text);
}

/* Whether a person is asked about a call in doubt, or it fails. */
static void judge_doubt(struct rejudge *r, const struct stored_event *at, const struct json *e)
{
    const enum policy_doubt said = policy_doubt_find(json_get_text(e, "in_doubt", NULL));
    const enum policy_doubt was = said ? said : task_doubt(r->t, said), is = task_doubt(r->t, r->in_doubt);
    const struct said recorded = { "in_doubt", policy_doubt_name(was), json_get_text(e, "rule", NULL), NULL };
    const struct said replayed = { "in_doubt", policy_doubt_name(is), r->in_doubt_rule, NULL };

    if (was == is)
        return;
    write_difference(r, at, e, &recorded, &replayed);
    if (is == POLICY_DOUBT_FAIL)
        fail_call(r, at, TASK_IN_DOUBT);
    else
        end_replay(r, at, "a person would be asked whether the call had its effect: what they say is not recorded");
}

static void judge(struct rejudge *r, size_t i, const struct json *decision)
{
    const struct stored_event *at = &r->events[i];
    const char *recorded = json_get_text(decision, "decision", "");
    const struct made m = look_ahead(r, i, decision);
    const struct call *call = find_call(r, json_get_text(decision, "call_id", ""));
    struct policy_verdict v;
    bool allowed, missing;

    r->denied = false;
    if (call == NULL) {
        end_replay(r, at, "the planner makes another call here");
        return;
    }
    snprintf(r->call_id, sizeof(r->call_id), "%s", call->id);
    if (!m.knows) {
        end_replay(r, at, "what the tool may do is not known: the call was not made, and there is no such tool now");
        return;
    }
    v = decide(r, decision, call, &m, &missing);
    if (missing) {
        end_replay(r, at, "the policy has the call screened: what is found is not recorded");
        return;
    }
    r->n_judged++;
    r->result = v.result;
    r->in_doubt = v.must.in_doubt;
    r->in_doubt_rule = v.must.in_doubt_rule;
    if (strcmp(recorded, policy_decision_name(v.decision)) != 0)
        write_difference(r, at, decision, &(struct said){ "decision", recorded, json_get_text(decision, "rule", "?"), NULL },
                         &(struct said){ "decision", policy_decision_name(v.decision), v.rule, v.why });
    allowed = v.decision == POLICY_ALLOW || (v.decision == POLICY_ASK && r->t->attended);
    if (m.made && !allowed)
        deny(r, at, &v);
    else if (v.decision == POLICY_ALLOW && !m.made && strcmp(recorded, "allow") != 0)
        end_replay(r, at, "the call would be made: of what it gives nothing is recorded");
    else if (v.decision == POLICY_ASK && allowed && strcmp(recorded, "deny") == 0)
        end_replay(r, at, "a person would be asked: what they say, and what the call gives, is not recorded");
}

/* --- one event ---------------------------------------------------------------------------------------------------- */

/* What the task has seen.  The recorded label of a result is the old policies'; what other tasks saw for a call is in it, too. */
static void see(struct rejudge *r, enum entry_kind kind, const struct json *e)
{
    const struct label recorded = task_read_label(json_get(e, "label"));
    const struct tool *tool = kind == ENTRY_TOOL_RESULT ? task_find_tool(r->t, json_get_text(e, "tool", "")) : NULL;
    const bool is_result = kind == ENTRY_TOOL_RESULT && strcmp(json_get_text(e, "call_id", ""), r->call_id) == 0;

    if (is_result && json_get(e, "status") && strcmp(json_get_text(e, "status", ""), "denied") != 0)
        r->seen = label_join(r->seen, r->result);
    if (!is_result || (tool && builtin_of(tool)))
        r->seen = label_join(r->seen, recorded);
}

static void take(struct rejudge *r, size_t i, const struct json *e)
{
    const enum entry_kind kind = r->events[i].kind;
    const char *id = json_get_text(e, "call_id", NULL);
    struct err err = { 0 };

    if (r->denied && id && strcmp(id, r->call_id) == 0)
        return;
    if (kind == ENTRY_OBSERVATION_CUT || kind == ENTRY_WENT_BACK || kind == ENTRY_LESSON_WRITTEN || kind == ENTRY_CLIENT_ASKED ||
        kind == ENTRY_CLIENT_ANSWERED)
        return;
    see(r, kind, e);
    if (task_fold_event(&r->fold, kind, e, &err) < 0) {
        end_replay(r, &r->events[i], err.msg);
        return;
    }
    if (kind == ENTRY_MODEL_REPLIED) {
        r->at_reply = r->seen;
        r->recorded_at_reply = r->t->seen;
    } else if (kind == ENTRY_POLICY_DECIDED) {
        judge(r, i, e);
    } else if (kind == ENTRY_EFFECT_UNVERIFIED) {
        judge_doubt(r, &r->events[i], e);
    } else if (kind == ENTRY_TOOL_RESULT) {
        r->call_id[0] = '\0';
    }
}

static void write_report(const struct rejudge *r, bool finished)
{
    struct jsonw *w = r->w;

    jsonw_int(w, "events", (int64_t)r->n);
    jsonw_bool(w, "finished", finished);
    jsonw_int(w, "judged", r->n_judged);
    jsonw_bool(w, "same", r->n_differ == 0 && r->ended_at == 0);
    if (r->differs_from)
        jsonw_int(w, "differs_from", r->differs_from);
    else
        jsonw_null(w, "differs_from");
    if (r->ended_at == 0) {
        jsonw_null(w, "ended");
        return;
    }
    jsonw_object(w, "ended");
    jsonw_int(w, "seq", r->ended_at);
    jsonw_text(w, "why", r->why);
    jsonw_end(w);
}

int task_rejudge(struct coraxd *d, const struct policy *base, const struct stored_event *events, size_t n, struct jsonw *w, struct err *err)
{
    struct rejudge r = { .base = base, .events = events, .n = n, .w = w };
    bool finished = false;
    int rc = 0;

    if (n == 0 || events[0].kind != ENTRY_TASK_SUBMITTED)
        return fail(err, CORAX_E_INTERNAL, "the task does not begin with its submission");
    r.fold.t = r.t = task_create_as(d, NULL, events[0].json, events[0].len, err);
    if (r.t == NULL)
        return -1;
    r.seen = r.at_reply = r.recorded_at_reply = r.t->seen;
    jsonw_array(w, "decisions");
    for (size_t i = 1; i < n && rc == 0 && r.ended_at == 0 && !finished; i++) {
        struct json *e = json_parse(events[i].json, events[i].len, err);

        finished = events[i].kind == ENTRY_TASK_FINISHED;
        if (e == NULL || json_int(json_get(e, "active_ms"), "active_ms", &r.t->active_before_ms, err) < 0)
            rc = err_context(err, "event %lld", (long long)events[i].seq);
        else if (!finished)
            take(&r, i, e);
        json_free(e);
    }
    jsonw_end(w);
    if (rc == 0)
        write_report(&r, finished);
    task_destroy(r.t);
    return rc;
}
