#include "daemon/task_ahead.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/builtins.h"
#include "daemon/hosts.h"
#include "util/arena.h"
#include "util/clock.h"

#define RESULT_ARENA (4u << 20)

struct ahead {
    struct task *t;
    struct task_call call;
    struct policy_verdict verdict; /* its texts are the call's */
    struct label context;
    struct host_call *host_call;
    struct builtin_call *builtin_call;
    bool opened, done;
    /* Where a host's is done: */
    struct tool_result result;
    struct arena *arena; /* of the result; NULL: err is why there is none */
    int64_t duration_us;
    struct err err; /* of a builtin too, whose results are in builtin_call; status CORAX_OK: none */
};

static void ahead_free(struct ahead *a)
{
    policies_release(a->call.judged_by);
    tool_release(a->call.tool);
    arena_destroy(a->arena);
    free(a);
}

/* --- results that come early ------------------------------------------------------------------------------------- */

static const char *keep(struct arena *arena, const char *s, size_t len)
{
    char *kept = arena_strndup(arena, s, len);

    if (kept == NULL)
        abort();
    return kept;
}

static void keep_result(struct ahead *a, const struct tool_result *r)
{
    struct mcp_part *parts;

    a->arena = arena_create(RESULT_ARENA);
    if (a->arena == NULL || (parts = arena_alloc(a->arena, (r->n_parts + 1) * sizeof(*parts))) == NULL)
        abort();
    a->result = *r;
    for (size_t i = 0; i < r->n_parts; i++) {
        parts[i] = r->parts[i];
        parts[i].mime = keep(a->arena, parts[i].mime, strlen(parts[i].mime));
        if (parts[i].uri)
            parts[i].uri = keep(a->arena, parts[i].uri, strlen(parts[i].uri));
        parts[i].data = keep(a->arena, parts[i].data, parts[i].len);
    }
    a->result.parts = parts;
    if (r->structured)
        a->result.structured = keep(a->arena, r->structured, r->structured_len);
}

static void on_result(void *arg, const struct tool_result *r, int64_t duration_us, const struct err *err)
{
    struct ahead *a = arg;

    if (a->opened) {
        struct task *t = a->t;

        t->open_ahead = NULL;
        ahead_free(a);
        task_host_done(t, r, duration_us, err);
        return;
    }
    a->host_call = NULL;
    a->done = true;
    a->duration_us = duration_us;
    if (r)
        keep_result(a, r);
    else
        a->err = *err;
}

/* The calls that count as the task's are somebody else's until builtin_finish returns. */
static void keep_past(struct ahead *a, struct builtin_call *c)
{
    struct policy_past *past;

    a->arena = arena_create(RESULT_ARENA);
    if (a->arena == NULL || (past = arena_alloc(a->arena, (c->n_past + 1) * sizeof(*past))) == NULL)
        abort();
    for (size_t i = 0; i < c->n_past; i++) {
        past[i] = c->past[i];
        past[i].provider = keep(a->arena, past[i].provider, strlen(past[i].provider));
        past[i].tool = keep(a->arena, past[i].tool, strlen(past[i].tool));
    }
    c->past = past;
}

static struct ahead *find_builtin(struct task *t, const struct builtin_call *c)
{
    for (size_t i = 0; i < t->n_ahead; i++)
        if (t->ahead[i]->builtin_call == c)
            return t->ahead[i];
    /* One whose turn has come, and whose intent is on its way to the journal. */
    return t->open_ahead && t->open_ahead->builtin_call == c ? t->open_ahead : NULL;
}

bool ahead_keeps(struct task *t, struct builtin_call *c, const struct err *err)
{
    struct ahead *a = find_builtin(t, c);

    if (a == NULL)
        return false;
    a->done = true;
    a->duration_us = (clock_mono_ns() - c->started_ns) / 1000;
    if (err)
        a->err = *err;
    keep_past(a, c);
    c->cancel = NULL;
    return true;
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static bool is_child(const struct tool *tool)
{
    const struct builtin *b = builtin_of(tool);

    return b && b->goes_ahead;
}

/* Whether it changes nothing, and takes somebody else's time. */
static bool may_go(const struct tool *tool)
{
    if (is_child(tool))
        return true;
    return !builtin_of(tool) && !(tool->effects & (CORAX_FX_WRITE | CORAX_FX_EXEC)) &&
           !task_needs_intent(tool) && !(tool->traits & CORAX_TRAIT_DESTRUCTIVE);
}

static bool is_repeated(const struct message *m, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(m->calls[k].name, m->calls[i].name) == 0 && m->calls[k].args_len == m->calls[i].args_len &&
            memcmp(m->calls[k].args, m->calls[i].args, m->calls[i].args_len) == 0)
            return true;
    return false;
}

static bool set_out(struct ahead *a)
{
    struct err err = { 0 };

    if (builtin_of(a->call.tool)) {
        const int went = task_start_builtin(a->t, &a->call, &a->builtin_call, &err);

        if (went == 0)
            return true;
        builtin_destroy(a->builtin_call); /* it is begun again when it is opened, and fails again */
        return false;
    }
    a->host_call = task_start_host(a->t, &a->call, on_result, a, &err);
    return a->host_call != NULL;
}

/* As if those ahead had been made. */
static int judge(struct ahead *a, const struct call *call)
{
    const struct task *t = a->t;
    struct policy_past *past = calloc(t->past.n + t->n_ahead + 1, sizeof(*past));
    int rc;

    if (past == NULL)
        abort();
    if (t->past.n > 0)
        memcpy(past, t->past.calls, t->past.n * sizeof(*past));
    for (size_t i = 0; i < t->n_ahead; i++) {
        const struct task_call *c = &t->ahead[i]->call;

        past[t->past.n + i] = (struct policy_past){ .provider = c->tool->provider,
                                                    .tool = c->tool->own_name,
                                                    .effects = c->tool->effects,
                                                    .traits = c->tool->traits,
                                                    .bytes = c->call->args_len };
    }
    rc = task_judge(a->t, &a->call, call, past, t->past.n + t->n_ahead, &a->verdict, NULL);
    free(past);
    return rc;
}

/* 1: it has gone; 0: it stays, others may go; -1: nothing behind it may. */
static int try_ahead(struct task *t, const struct message *m, size_t i, bool children)
{
    struct ahead *a = calloc(1, sizeof(*a));
    int result = 0;

    if (a == NULL)
        abort();
    a->t = t;
    a->context = t->seen;
    if (is_repeated(m, i) || judge(a, &m->calls[i]) < 0 || a->verdict.decision == POLICY_DENY) {
        ahead_free(a);
        return 0; /* its observation comes when it is opened, and no effect */
    }
    if (a->verdict.decision == POLICY_ASK || !may_go(a->call.tool) || is_child(a->call.tool) != children)
        result = -1;
    else if (set_out(a)) {
        t->ahead[t->n_ahead++] = a;
        return 1;
    }
    ahead_free(a);
    return result;
}

void ahead_start(struct task *t)
{
    const struct message *m = planner_reply(t->planner);
    const struct call *open = t->call.call;
    const int left = t->budget.max_tool_calls - planner_spent(t->planner).n_tool_calls;
    size_t i = 0;
    int went = 0;

    if (m == NULL || m->n_calls < 2 || t->n_ahead > 0 || !may_go(t->call.tool))
        return;
    while (i < m->n_calls && strcmp(m->calls[i].id, open->id) != 0)
        i++;
    for (i++; i < m->n_calls && t->n_ahead < TASK_MAX_AHEAD && (int)t->n_ahead < left && went >= 0; i++)
        went = try_ahead(t, m, i, is_child(t->call.tool));
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

struct ahead *ahead_take(struct task *t, const struct call *call)
{
    for (size_t i = 0; i < t->n_ahead; i++) {
        struct ahead *a = t->ahead[i];

        if (strcmp(a->call.call->id, call->id) != 0)
            continue;
        memmove(&t->ahead[i], &t->ahead[i + 1], (t->n_ahead - i - 1) * sizeof(struct ahead *));
        t->n_ahead--;
        return a;
    }
    return NULL;
}

struct policy_verdict ahead_open(struct task *t, struct ahead *a, struct label *context)
{
    task_clear_call(t);
    t->call = a->call;
    policies_hold(t->call.judged_by);
    tool_hold(t->call.tool);
    t->open_ahead = a;
    *context = a->context;
    a->verdict.rule = t->call.rule;
    a->verdict.why = t->call.why;
    return a->verdict;
}

bool ahead_adopt(struct task *t)
{
    struct ahead *a = t->open_ahead;
    struct builtin_call *c = a->builtin_call;

    if (!a->done) {
        a->opened = true;
        t->host_call = a->host_call;
        t->builtin_call = c;
        if (c) { /* builtin_finish finds its task by itself */
            t->open_ahead = NULL;
            ahead_free(a);
        }
        return false;
    }
    t->open_ahead = NULL;
    if (c)
        task_take_builtin(t, c, a->err.status ? &a->err : NULL);
    else
        task_take_host(t, a->arena ? &a->result : NULL, a->duration_us, &a->err);
    ahead_free(a);
    return true;
}

void ahead_drop(struct task *t)
{
    while (t->n_ahead > 0) {
        struct ahead *a = t->ahead[--t->n_ahead];

        if (a->host_call)
            host_cancel(a->host_call);
        if (a->builtin_call)
            builtin_cancel(a->builtin_call);
        ahead_free(a);
    }
    if (t->open_ahead) { /* its host_call is the task's, which cancels it */
        if (!t->open_ahead->opened && t->open_ahead->host_call)
            host_cancel(t->open_ahead->host_call);
        if (!t->open_ahead->opened && t->open_ahead->builtin_call)
            builtin_cancel(t->open_ahead->builtin_call);
        ahead_free(t->open_ahead);
        t->open_ahead = NULL;
    }
}
