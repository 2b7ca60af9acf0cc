#include "daemon/task_replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/task_fold.h"
#include "util/utf8.h"

#define SHOWN 400 /* bytes of a text in a difference */

struct replay {
    struct task *t;
    struct task_fold fold;
    struct plan_command open;
    char recorded[2 * SHOWN], replayed[2 * SHOWN]; /* "": the same so far */
};

static const char *const outcomes[] = { "answered", "failed", "cancelled" }; /* by enum plan_outcome */

__attribute__((format(printf, 2, 3))) static void say(char out[2 * SHOWN], const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(out, 2 * SHOWN, fmt, ap);
    va_end(ap);
    utf8_trim(out);
}

/* What the planner wants, in words. */
static void tell_open(struct replay *r)
{
    const struct plan_command *c = &r->open;

    switch (c->kind) {
    case PLAN_ASK_MODEL:
        say(r->replayed, "the model is asked%s", c->must_answer ? ", for an answer" : "");
        break;
    case PLAN_CALL_TOOL:
        say(r->replayed, "%s: %.100s %.*s", c->call->id, c->call->name, SHOWN, c->call->args);
        break;
    case PLAN_ASK_HUMAN:
        say(r->replayed, "%s: a person is asked: %.*s", c->call->id, SHOWN, c->question);
        break;
    case PLAN_FINISH:
        say(r->replayed, "%s%s%s: %.*s", outcomes[c->outcome], c->code ? " " : "", c->code ? c->code : "", SHOWN, c->text ? c->text : "");
        break;
    case PLAN_SUMMARIZE:
        say(r->replayed, "a summary of messages %zu to %zu", c->from, c->to);
        break;
    case PLAN_WAIT:
        say(r->replayed, "nothing");
        break;
    }
}

static void look(struct replay *r)
{
    const struct plan_command c = planner_next(r->t->planner);

    if (c.kind != PLAN_WAIT)
        r->open = c;
}

/* --- what there is to compare ------------------------------------------------------------------------------------- */

static bool is_text(const struct json *e, const char *key, const char *want)
{
    const char *text = json_get_text(e, key, NULL);

    return text && want ? strcmp(text, want) == 0 : !text && !want;
}

static bool is_number(const struct json *e, const char *key, int64_t want)
{
    int64_t n = -1;

    return json_int(json_get(e, key), key, &n, NULL) == 0 && n == want;
}

/* An event of a call that was open then: it must be the one that is open now. */
static bool same_call(struct replay *r, const struct json *e)
{
    const struct plan_command *c = &r->open;
    const char *tool = json_get_text(e, "tool", NULL), *arguments = json_get_text(e, "arguments", NULL);

    if (c->call && is_text(e, "call_id", c->call->id) && (!tool || strcmp(tool, c->call->name) == 0) &&
        (!arguments || (strlen(arguments) == c->call->args_len && memcmp(arguments, c->call->args, c->call->args_len) == 0)))
        return true;
    say(r->recorded, "%s: %.100s %.*s", json_get_text(e, "call_id", "?"), tool ? tool : "a call", SHOWN, arguments ? arguments : "");
    tell_open(r);
    return false;
}

static bool same_question(struct replay *r, const struct json *e)
{
    if (r->open.kind == PLAN_ASK_HUMAN && is_text(e, "call_id", r->open.call->id) && is_text(e, "question", r->open.question))
        return true;
    say(r->recorded, "%s: a person is asked: %.*s", json_get_text(e, "call_id", "?"), SHOWN, json_get_text(e, "question", "?"));
    tell_open(r);
    return false;
}

static bool asks_model(struct replay *r)
{
    if (r->open.kind == PLAN_ASK_MODEL)
        return true;
    say(r->recorded, "the model is asked");
    tell_open(r);
    return false;
}

/* Calls are numbered alike. */
static bool same_numbers(struct replay *r, const struct json *e)
{
    const struct message *m = planner_reply(r->t->planner);
    size_t i = 0;

    for (const struct json *c = json_first(json_get(e, "calls")); c; c = json_next(c), i++) {
        const char *id = json_get_text(c, "id", NULL), *now = m && i < m->n_calls ? m->calls[i].id : NULL;

        if (id && now ? strcmp(id, now) == 0 : !id && !now)
            continue;
        say(r->recorded, "call %zu is %s", i + 1, id ? id : "not numbered");
        say(r->replayed, "it is %s", now ? now : "not numbered");
        return false;
    }
    return true;
}

static bool same_cut(struct replay *r, const struct json *e)
{
    struct plan_cut cut = { 0 };
    const bool any = planner_cut(r->t->planner, &cut);

    if (any && is_text(e, "call_id", cut.call_id) && is_number(e, "bytes", (int64_t)cut.bytes) && is_number(e, "kept", (int64_t)cut.kept))
        return true;
    say(r->recorded, "%s is cut to %.0f bytes", json_get_text(e, "call_id", "?"), json_number(json_get(e, "kept"), -1));
    if (any)
        say(r->replayed, "%s is cut to %zu bytes", cut.call_id, cut.kept);
    else
        say(r->replayed, "nothing is cut");
    return false;
}

static bool same_way(struct replay *r, const struct json *e)
{
    struct plan_back back = { 0 };
    const bool any = planner_went_back(r->t->planner, &back);

    if (any && is_number(e, "depth", back.depth) && is_text(e, "why", back.why))
        return true;
    say(r->recorded, "back to depth %.0f: %s", json_number(json_get(e, "depth"), -1), json_get_text(e, "why", "?"));
    if (any)
        say(r->replayed, "back to depth %d: %s", back.depth, back.why);
    else
        say(r->replayed, "it goes on");
    return false;
}

static bool same_lesson(struct replay *r, const struct json *e)
{
    struct plan_lesson lesson = { 0 };
    const bool any = planner_lesson(r->t->planner, &lesson);

    if (any && is_number(e, "attempt", lesson.attempt) && is_text(e, "why", lesson.why) && is_text(e, "text", lesson.text))
        return true;
    say(r->recorded, "lesson %.0f: %.*s", json_number(json_get(e, "attempt"), -1), SHOWN, json_get_text(e, "text", "?"));
    if (any)
        say(r->replayed, "lesson %d: %.*s", lesson.attempt, SHOWN, lesson.text);
    else
        say(r->replayed, "no lesson is written");
    return false;
}

/* The same messages are summed up. */
static bool same_summary(struct replay *r, const struct json *e)
{
    struct plan_compacted now = { 0 };

    planner_compacted(r->t->planner, &now);
    if (is_number(e, "from", (int64_t)now.from) && is_number(e, "to", (int64_t)now.to))
        return true;
    say(r->recorded, "a summary of messages %.0f to %.0f", json_number(json_get(e, "from"), -1), json_number(json_get(e, "to"), -1));
    say(r->replayed, "a summary of messages %zu to %zu", now.from, now.to);
    return false;
}

/* What ends a task from outside is no event of its own: that a person cancelled it, and that its time is up. */
static void end_from_outside(struct replay *r, const struct json *e)
{
    struct plan_event ev = { .kind = is_text(e, "outcome", "cancelled") ? PLAN_EV_CANCELED : PLAN_EV_CLOCK };

    if (r->open.kind == PLAN_FINISH || (ev.kind == PLAN_EV_CLOCK && !is_text(e, "code", "budget_time")))
        return;
    json_int(json_get(json_get(e, "spent"), "active_ms"), "active_ms", &ev.active_ms, NULL);
    planner_apply(r->t->planner, &ev, NULL);
    look(r);
}

static bool same_end(struct replay *r, const struct json *e)
{
    const struct json *spent = json_get(e, "spent");
    const struct spent now = planner_spent(r->t->planner);
    const struct plan_command *c = &r->open;

    /* The daemon's own: the planner knows nothing of disks and of the time of day. */
    if (is_text(e, "code", "journal") || is_text(e, "code", "deadline"))
        return true;
    end_from_outside(r, e);
    if (c->kind != PLAN_FINISH || !is_text(e, "outcome", outcomes[c->outcome]) || !is_text(e, "code", c->code) ||
        strcmp(json_get_text(e, "text", ""), c->text ? c->text : "") != 0) {
        say(r->recorded, "%s%s%s: %.*s", json_get_text(e, "outcome", "?"), json_get_text(e, "code", NULL) ? " " : "", json_get_text(e, "code", ""), SHOWN,
                 json_get_text(e, "text", ""));
        tell_open(r);
        return false;
    }
    if (is_number(spent, "steps", now.n_steps) && is_number(spent, "tool_calls", now.n_tool_calls) &&
        is_number(spent, "completion_tokens", now.n_tokens))
        return true;
    say(r->recorded, "%.0f steps, %.0f calls, %.0f tokens", json_number(json_get(spent, "steps"), -1), json_number(json_get(spent, "tool_calls"), -1),
             json_number(json_get(spent, "completion_tokens"), -1));
    say(r->replayed, "%d steps, %d calls, %lld tokens", now.n_steps, now.n_tool_calls, (long long)now.n_tokens);
    return false;
}

/* --- one event ---------------------------------------------------------------------------------------------------- */

/* As recovery takes it; where the planner does not, that is the difference. */
static bool take(struct replay *r, enum entry_kind kind, const struct json *e)
{
    struct err err = { 0 };

    if (task_fold_event(&r->fold, kind, e, &err) < 0) {
        say(r->recorded, "%s", entry_kind_name(kind));
        say(r->replayed, "%.*s", SHOWN, err.msg);
        return false;
    }
    look(r);
    return true;
}

static bool is_same(struct replay *r, enum entry_kind kind, const struct json *e)
{
    switch (kind) {
    case ENTRY_MODEL_REPLIED:
        return asks_model(r) && take(r, kind, e) && same_numbers(r, e);
    case ENTRY_MODEL_FAILED:
        return asks_model(r) && take(r, kind, e);
    case ENTRY_POLICY_DECIDED:
    case ENTRY_APPROVAL_ASKED:
    case ENTRY_APPROVAL_GIVEN:
    case ENTRY_TOOL_INTENT:
    case ENTRY_EFFECT_UNVERIFIED:
    case ENTRY_TOOL_RESULT:
    case ENTRY_MEMORY_WRITTEN:
        return same_call(r, e) && take(r, kind, e);
    case ENTRY_QUESTION_ASKED:
        return same_question(r, e) && take(r, kind, e);
    case ENTRY_COMPACTED:
        return asks_model(r) && take(r, kind, e) && same_summary(r, e);
    case ENTRY_OBSERVATION_CUT:
        return same_cut(r, e);
    case ENTRY_WENT_BACK:
        return same_way(r, e);
    case ENTRY_LESSON_WRITTEN:
        return same_lesson(r, e);
    case ENTRY_TASK_FINISHED:
        return same_end(r, e);
    case ENTRY_HUMAN_SAID:
    case ENTRY_NOTE_ADDED:
    case ENTRY_TOOLS_OFFERED:
    case ENTRY_TASK_RESUMED:
    case ENTRY_TASK_DUE:
    case ENTRY_PAUSE_ASKED:
    case ENTRY_TASK_PAUSED:
    case ENTRY_TASK_RESUMED_BY:
    case ENTRY_CLIENT_ASKED:
    case ENTRY_CLIENT_ANSWERED:
        return take(r, kind, e);
    case ENTRY_TASK_SUBMITTED:
    case ENTRY_N_KINDS:
        break;
    }
    say(r->recorded, "an event that cannot be here");
    say(r->replayed, "nothing");
    return false;
}

static void write_report(const struct replay *r, const struct stored_event *differs, size_t n, bool finished, struct jsonw *w)
{
    jsonw_text(w, "planner", planner_kind_name(r->t->kind));
    jsonw_int(w, "events", (int64_t)n);
    jsonw_bool(w, "finished", finished);
    jsonw_bool(w, "same", differs == NULL);
    if (differs == NULL) {
        jsonw_null(w, "first");
        return;
    }
    jsonw_object(w, "first");
    jsonw_int(w, "seq", differs->seq);
    jsonw_text(w, "kind", entry_kind_name(differs->kind));
    jsonw_text(w, "recorded", r->recorded);
    jsonw_text(w, "replayed", r->replayed);
    jsonw_end(w);
}

int task_replay(struct coraxd *d, const struct planner_kind *planner, const struct stored_event *events, size_t n, struct jsonw *w, struct err *err)
{
    const struct stored_event *differs = NULL;
    struct replay r = { 0 };
    bool finished = false;

    if (n == 0 || events[0].kind != ENTRY_TASK_SUBMITTED)
        return fail(err, CORAX_E_INTERNAL, "the task does not begin with its submission");
    r.t = task_create_as(d, planner, events[0].json, events[0].len, err);
    if (r.t == NULL)
        return -1;
    r.fold.t = r.t;
    look(&r);
    for (size_t i = 1; i < n && differs == NULL; i++) {
        struct json *e = json_parse(events[i].json, events[i].len, err);

        if (e == NULL || json_int(json_get(e, "active_ms"), "active_ms", &r.t->active_before_ms, err) < 0) {
            json_free(e);
            task_destroy(r.t);
            return err_context(err, "event %lld", (long long)events[i].seq);
        }
        finished = events[i].kind == ENTRY_TASK_FINISHED;
        if (!is_same(&r, events[i].kind, e))
            differs = &events[i];
        json_free(e);
    }
    write_report(&r, differs, n, finished, w);
    task_destroy(r.t);
    return 0;
}
