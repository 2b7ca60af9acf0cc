/*
 * A call that may be made (task_judge.c), from its intent to its result.
 *
 * Whatever goes wrong on the way (no such tool, wrong arguments, denied, no host, a crash, a deadline) ends as a
 * tool_result with error set and a sentence that the model can act on; the task goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/builtins.h"
#include "daemon/foreign.h"
#include "daemon/hosts.h"
#include "daemon/task.h"
#include "daemon/task_ahead.h"
#include "util/arena.h"
#include "util/base64.h"
#include "util/clock.h"
#include "util/effects.h"
#include "util/utf8.h"

#define BUILTIN_MAX_RESULT (256u << 10)

/* A call that changes nothing, or nothing more when made twice, may be made again after a crash. */
bool task_needs_intent(const struct tool *tool)
{
    return (tool->effects & (CORAX_FX_WRITE | CORAX_FX_EXEC | CORAX_FX_NET)) &&
           !(tool->traits & CORAX_TRAIT_IDEMPOTENT);
}

/* --- results ---------------------------------------------------------------------------------------------------- */

void task_clear_call(struct task *t)
{
    policies_release(t->call.judged_by);
    tool_release(t->call.tool);
    memset(&t->call, 0, sizeof(t->call));
    alarm_clear(t->d->alarms, &t->approval);
}

static struct entry *result_start(struct task *t, bool error, int status)
{
    struct entry *e = task_record(t, ENTRY_TOOL_RESULT);
    size_t at;

    entry_text(e, "call_id", t->call.call->id);
    entry_text(e, "tool", t->call.call->name);
    entry_bool(e, "error", error);
    entry_text(e, "status", mcp_status_name(status));
    if (t->call.tokens > 0)
        entry_int(e, "tokens", t->call.tokens);
    if (t->call.n_made > 0) {
        at = entry_mark(e);
        past_write(&e->w, "made", t->past.calls + t->past.n - t->call.n_made, t->call.n_made);
        entry_seal(e, "made", at);
    }
    task_record_label(e, "label", t->call.came);
    task_saw(t, t->call.came);
    return e;
}

void task_record_result(struct task *t, bool error, int status, const char *text, int64_t duration_us)
{
    struct part part = { .mime = "text/plain", .data = text, .len = strlen(text) };
    struct entry *e = result_start(t, error, status);
    size_t at = entry_mark(e);

    jsonw_array(&e->w, "parts");
    part_write(&part, &e->w);
    jsonw_end(&e->w);
    entry_seal(e, "parts", at);
    entry_int(e, "duration_us", duration_us);
    task_recorded(t, e);
}

static void apply_result(struct task *t, bool error, const struct part *parts, size_t n)
{
    struct plan_event ev = { .kind = PLAN_EV_TOOL_DONE,
                             .call_id = t->call.call->id,
                             .n_tokens = t->call.tokens,
                             .error = error,
                             .binding = t->call.attempt > 0 && t->call.tool && task_needs_intent(t->call.tool),
                             .parts = parts,
                             .n_parts = n };

    task_clear_call(t);
    t->phase = PHASE_READY;
    task_apply(t, &ev);
    task_record_back(t);
}

static void end_call(struct task *t, bool error, int status, const char *text, int64_t duration_us)
{
    struct part part = { .mime = "text/plain", .data = text, .len = strlen(text) };

    task_record_result(t, error, status, text, duration_us);
    apply_result(t, error, &part, 1);
}

void task_end_call(struct task *t, bool error, int status, const char *text)
{
    end_call(t, error, status, text, 0);
}

static bool is_text(const struct mcp_part *p)
{
    return mcp_is_text(p->mime, p->data, p->len);
}

/* What the model reads, too, though it is a resource of its own. */
static void write_resource(struct jsonw *w, const struct mcp_part *p)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "type", "text");
    jsonw_string(w, "text", p->data, p->len);
    jsonw_text(w, "uri", p->uri);
    jsonw_text(w, "mime", p->mime);
    jsonw_end(w);
}

/* A part that only people look at. */
static void write_data_part(struct jsonw *w, const struct mcp_part *p)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "type", "data");
    jsonw_text(w, "mime", p->mime);
    if (is_text(p))
        jsonw_string(w, "text", p->data, p->len);
    else
        base64_write(w, "base64", p->data, p->len);
    if (p->uri)
        jsonw_text(w, "uri", p->uri);
    jsonw_end(w);
}

/*
 * What of a result goes on: the policy's duties are done before anybody sees it, the journal too.
 * left: bytes of text that may still go on.
 */
struct passing {
    const struct task *t;
    struct arena *arena; /* of the texts made */
    int64_t left;
};

static const char *pass_text(struct passing *p, const char *text, size_t *len)
{
    const struct policy_duties *must = &p->t->call.must;
    const struct policy *layers[POLICY_MAX_LAYERS];
    struct buf made;
    size_t kept;

    if (!policy_redacts(must) && (int64_t)*len <= p->left) {
        p->left -= (int64_t)*len;
        return text;
    }
    buf_init(&made, ENTRY_LIMIT);
    if (policy_redacts(must))
        policy_redact(layers, task_layers(p->t, layers), must, text, *len, &made);
    else
        buf_add(&made, text, *len);
    if ((int64_t)made.len > p->left) {
        const size_t all = made.len;

        kept = utf8_floor(made.data, (size_t)p->left);
        made.len = kept;
        buf_addf(&made, "[%zu of %zu bytes left out: the policy lets no more of a result on]", all - kept, all);
        p->left = 0;
    } else {
        p->left -= (int64_t)made.len;
    }
    *len = made.len;
    if (made.failed || !(text = arena_strndup(p->arena, made.data, made.len)))
        abort();
    buf_finish(&made);
    return text;
}

/* JSON stays JSON: what is no longer, or would be cut, is withheld. */
static const char *pass_json(struct passing *p, const char *json, size_t *len)
{
    static const char withheld[] = "\"[withheld: the policy lets no more of a result on]\"";
    const int64_t left = p->left;
    const char *text = pass_text(p, json, len);

    if (text == json || ((int64_t)*len <= left && json_check(text, *len, NULL) == 0))
        return text;
    *len = sizeof(withheld) - 1;
    return withheld;
}

static void take_result(struct task *t, const struct tool_result *r, int64_t duration_us)
{
    struct part *parts = calloc(r->n_parts + 1, sizeof(*parts));
    struct entry *e;
    struct passing passing = { .t = t,
                               .arena = arena_create(2 * ENTRY_LIMIT),
                               .left = t->call.must.result_bytes ? t->call.must.result_bytes : INT64_MAX };
    size_t at, n = 0, i;

    if (parts == NULL || passing.arena == NULL)
        abort();
    t->call.came = label_join(t->call.came, t->call.result);
    e = result_start(t, r->error, r->error && r->status == CORAX_OK ? CORAX_E_INTERNAL : (int)r->status);
    at = entry_mark(e);
    jsonw_array(&e->w, "parts");
    for (i = 0; i < r->n_parts; i++) {
        struct mcp_part p = r->parts[i];

        if (is_text(&p) || p.kind == MCP_TEXT)
            p.data = pass_text(&passing, p.data, &p.len);
        parts[n] = (struct part){ .mime = p.mime, .data = p.data, .len = p.len };
        if (p.kind == MCP_TEXT || p.kind == MCP_LINK) {
            parts[n].mime = "text/plain";
            if (p.uri)
                write_resource(&e->w, &p);
            else
                part_write(&parts[n], &e->w);
        } else {
            write_data_part(&e->w, &p);
        }
        n++;
    }
    if (r->structured) {
        parts[n] = (struct part){ .mime = "application/json", .len = r->structured_len };
        parts[n].data = pass_json(&passing, r->structured, &parts[n].len);
        part_write(&parts[n++], &e->w);
    }
    jsonw_end(&e->w);
    entry_seal(e, "parts", at);
    entry_int(e, "duration_us", duration_us);
    task_recorded(t, e);
    apply_result(t, r->error, parts, n);
    arena_destroy(passing.arena);
    free(parts);
}

void task_take_host(struct task *t, const struct tool_result *r, int64_t duration_us, const struct err *err)
{
    char text[ERR_MSG + 60];

    t->host_call = NULL;
    if (r) {
        take_result(t, r, duration_us);
        return;
    }
    /* The model should not simply try again what may have been done. */
    snprintf(text, sizeof(text), "%s%s", err->msg,
             duration_us > 0 && task_needs_intent(t->call.tool) ? "; whether it had its effect is not known" : "");
    end_call(t, true, err->status, text, duration_us);
}

void task_host_done(struct task *t, const struct tool_result *r, int64_t duration_us, const struct err *err)
{
    bool had_effects = task_needs_intent(t->call.tool);

    task_take_host(t, r, duration_us, err);
    /* An effect without a result would be a question for a person after a crash.  What has none is done again. */
    if (had_effects)
        task_flush(t);
    task_advance(t);
}

static void on_result(void *arg, const struct tool_result *r, int64_t duration_us, const struct err *err)
{
    task_host_done(arg, r, duration_us, err);
}

/* --- what a call says before its result ------------------------------------------------------------------------- */

static void on_noted(void *arg, const struct rpc_msg *msg)
{
    struct task *t = arg;
    struct task_listener *l, *next;

    for (l = TAILQ_FIRST(&t->listeners); l; l = next) {
        next = TAILQ_NEXT(l, link);
        if (l->noted)
            l->noted(l, msg);
    }
}

/* "user_name, confirm" */
static void put_keys(struct entry *e, const struct json *object)
{
    struct buf keys;

    buf_init(&keys, RPC_MAX_LINE);
    for (const struct json *m = json_first(object); m; m = json_next(m))
        buf_addf(&keys, "%s%s", keys.len > 0 ? ", " : "", json_key(m) ? json_key(m) : "");
    entry_string(e, "keys", keys.data, keys.len);
    buf_finish(&keys);
}

static void record_asked(struct task *t, const struct json *requests)
{
    struct entry *e;
    size_t at;

    if (json_count(requests) == 0)
        return; /* only what the client can be asked */
    e = task_record(t, ENTRY_CLIENT_ASKED);
    entry_text(e, "call_id", t->call.call->id);
    put_keys(e, requests);
    at = entry_mark(e);
    jsonw_value(&e->w, "requests", requests);
    entry_seal(e, "requests", at);
    task_recorded(t, e);
}

static void record_answered(struct task *t, const struct buf *responses)
{
    struct json *root = json_parse(responses->data, responses->len, NULL);
    const struct json *given = json_get(root, "responses");
    struct entry *e;
    size_t at;

    if (json_count(given) > 0 && t->call.call) {
        e = task_record(t, ENTRY_CLIENT_ANSWERED);
        entry_text(e, "call_id", t->call.call->id);
        put_keys(e, given);
        at = entry_mark(e);
        jsonw_value(&e->w, "responses", given);
        entry_seal(e, "responses", at);
        task_recorded(t, e);
    }
    json_free(root);
}

/* The client that had the call made, if it is there. */
static int on_asked(void *arg, const struct json *requests, struct err *err)
{
    struct task *t = arg;

    for (struct task_listener *l = TAILQ_FIRST(&t->listeners); l; l = TAILQ_NEXT(l, link))
        if (l->asked) {
            record_asked(t, json_get(requests, "requests"));
            return l->asked(l, requests, err);
        }
    return fail(err, CORAX_E_UNAVAIL, "unavailable: no MCP client waits for this call, so there is nobody to ask");
}

static const struct host_talk talk = { on_noted, on_asked };

void task_answer_call(struct task *t, const struct buf *responses, const struct err *why)
{
    if (t->host_call == NULL)
        return;
    if (responses)
        record_answered(t, responses);
    host_call_answer(t->host_call, responses, why);
}

/* Its intent is in the journal before it begins. */
bool task_waits_for_intent(const struct tool *tool)
{
    const struct builtin *b = builtin_of(tool);

    return task_needs_intent(tool) || (b && b->is_durable);
}

/* --- sending ---------------------------------------------------------------------------------------------------- */

void task_make_intent(struct task *t)
{
    struct entry *e = task_record(t, ENTRY_TOOL_INTENT);
    size_t at;

    t->call.attempt++;
    t->call.intent_seq = e->seq;
    entry_text(e, "call_id", t->call.call->id);
    entry_text(e, "tool", t->call.tool->name);
    entry_text(e, "provider", t->call.tool->provider);
    entry_string(e, "arguments", t->call.call->args, t->call.call->args_len);
    at = entry_mark(e);
    effects_write(&e->w, "effects", t->call.tool->effects);
    entry_seal(e, "effects", at);
    at = entry_mark(e);
    traits_write(&e->w, "traits", t->call.tool->traits);
    entry_seal(e, "traits", at);
    entry_int(e, "attempt", t->call.attempt);
    task_recorded(t, e);
    if (t->call.attempt == 1)
        past_add(&t->past, &(struct policy_past){ .provider = t->call.tool->provider,
                                                  .tool = t->call.tool->own_name,
                                                  .effects = t->call.tool->effects,
                                                  .traits = t->call.tool->traits,
                                                  .bytes = t->call.call->args_len });
    t->phase = PHASE_INTENT;
    if (task_waits_for_intent(t->call.tool))
        task_flush(t); /* on_saved goes on */
    else
        task_send_call(t);
}

/* --- the daemon's own tools ------------------------------------------------------------------------------------- */

/* What others have seen and done for the call is the task's, whatever came of it. */
static void take_what_was_done(struct task *t, const struct builtin_call *c)
{
    for (size_t i = 0; i < c->n_past; i++)
        past_add(&t->past, &c->past[i]);
    t->call.tokens = c->tokens;
    t->call.n_made = c->n_past;
    t->call.came = c->label;
}

void task_take_builtin(struct task *t, struct builtin_call *c, const struct err *err)
{
    const struct mcp_part text = { .kind = MCP_TEXT, .mime = "text/plain", .data = c->text.data, .len = c->text.len };
    const struct tool_result result = { .n_parts = c->text.len > 0,
                                        .parts = &text,
                                        .structured = c->json.len > 0 ? c->json.data : NULL,
                                        .structured_len = c->json.len };
    const int64_t us = (clock_mono_ns() - c->started_ns) / 1000;
    struct err full;

    t->builtin_call = NULL;
    take_what_was_done(t, c);
    if (err == NULL && (c->text.failed || c->json.failed)) {
        fail(&full, CORAX_E_LIMIT, "the result is too long");
        err = &full;
    }
    if (err)
        end_call(t, true, err->status, err->msg, us);
    else
        take_result(t, &result, us);
    builtin_destroy(c);
}

void builtin_finish(struct builtin_call *c, const struct err *err)
{
    struct task *t = c->task;
    const bool gave_slot = c->gives_slot;
    bool had_effects;

    if (ahead_keeps(t, c, err))
        return;
    had_effects = task_waits_for_intent(t->call.tool);
    task_take_builtin(t, c, err);
    if (had_effects)
        task_flush(t);
    if (gave_slot)
        task_make_ready(t);
    else
        task_advance(t);
}

int task_start_builtin(struct task *t, const struct task_call *call, struct builtin_call **out, struct err *err)
{
    const struct builtin *b = builtin_of(call->tool);
    struct builtin_call *c = *out = calloc(1, sizeof(*c));
    struct json *args;
    int done = -1;

    if (c == NULL || b == NULL)
        abort();
    c->task = t;
    c->id = call->call->id;
    c->started_ns = clock_mono_ns();
    buf_init(&c->text, BUILTIN_MAX_RESULT);
    buf_init(&c->json, BUILTIN_MAX_RESULT);
    args = registry_validate(call->tool, call->call->args, call->call->args_len, err);
    if (args)
        done = b->call(c, args, err);
    json_free(args);
    return done;
}

struct host_call *task_start_host(struct task *t, const struct task_call *c, host_done *done, void *arg, struct err *err)
{
    const bool foreign = foreign_has(t->d->foreign, c->tool->provider);
    int64_t left = t->budget.max_wall_ms - task_active_ms(t), deadline = foreign ? INT64_MAX : t->d->config.host_deadline_ms;

    if (c->must.timeout_ms && c->must.timeout_ms < deadline)
        deadline = c->must.timeout_ms;
    if (left < deadline)
        deadline = left > 1 ? left : 1;
    if (foreign)
        return foreign_call(t->d->foreign, c->tool, c->call->args, c->call->args_len,
                            &(struct host_terms){ deadline, t->seen, c->must.fresh_host }, done, arg, err);
    return hosts_call(t->d->hosts, c->tool->provider, c->tool->name, c->call->args, c->call->args_len,
                      &(struct host_terms){ deadline, t->seen, c->must.fresh_host, done == on_result ? &talk : NULL }, done, arg, err);
}

/* true: it has its result already. */
static bool send_builtin(struct task *t)
{
    struct builtin_call *c;
    struct err err = { 0 };
    int done = task_start_builtin(t, &t->call, &c, &err);

    if (done != 0)
        task_take_builtin(t, c, done < 0 ? &err : NULL);
    else
        t->builtin_call = c;
    return done != 0;
}

static bool send_host(struct task *t)
{
    struct err err = { 0 };

    t->host_call = task_start_host(t, &t->call, on_result, t, &err);
    if (t->host_call == NULL)
        task_end_call(t, true, err.status, err.msg);
    return t->host_call == NULL;
}

void task_send_call(struct task *t)
{
    const bool was_waiting = task_waits_for_intent(t->call.tool);

    t->phase = PHASE_CALL;
    if (t->open_ahead ? ahead_adopt(t) : builtin_of(t->call.tool) ? send_builtin(t) : send_host(t)) {
        if (was_waiting)
            task_advance(t); /* else the caller's loop goes on */
        return;
    }
    ahead_start(t);
    if (t->builtin_call && t->builtin_call->gives_slot)
        task_stand_still(t, PHASE_CALL, TASK_RUNNING);
}
