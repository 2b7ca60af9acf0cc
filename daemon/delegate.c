/*
 * The tool delegate: a task given to another agent, whose answer is the result.
 *
 * The child is a task like any other, with a trace and a budget of its own; the parent's limits hold for it all the same:
 *
 *  - what narrows the parent's policy narrows the child's; it starts with the parent's label and with the calls the parent has made, and
 *    its label and its calls come back with the answer
 *  - its budget is its agent's, and no more than the parent has left; tokens and time that it spends are the parent's too
 *  - a child may have children, MAX_DEPTH below each other
 *
 * While the child works the parent has no slot, so children never wait for slots that their parents hold.  The child is named by
 * (parent, call), as an idempotency key that no client can send: after a crash the parent asks for it again, and gets the same one, live
 * or finished.
 */
#include "daemon/delegate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/agents.h"
#include "daemon/builtins.h"
#include "daemon/scheduler.h"
#include "daemon/task.h"
#include "tools/mcp.h"

#define MAX_DEPTH   3
#define MAX_SUMMARY 900 /* bytes about the agents in the tool's description */

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"agent\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64},"
    "\"task\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":20000}},"
    "\"required\":[\"agent\",\"task\"],\"additionalProperties\":false}";

struct delegation {
    struct builtin_call *call; /* NULL: the parent does not want it any more */
    struct coraxd *d;
    struct task_listener listener;
    struct task *child; /* that is listened to; NULL: it is on its way to the journal, or from there */
    char id[ID_LEN + 1];
};

/* --- the end ------------------------------------------------------------------------------------------------------ */

/* What came of the child, from memory or from the journal. */
struct ending {
    enum task_outcome outcome;
    const char *text, *code;
    struct label label;
    int64_t tokens, active_ms;
    size_t n_past;
    const struct policy_past *past;
};

static void write_answer(struct delegation *g, const struct ending *end)
{
    struct builtin_call *c = g->call;
    struct jsonw w = jsonw_start(&c->json);

    buf_adds(&c->text, end->text ? end->text : "");
    jsonw_object(&w, NULL);
    jsonw_text(&w, "task", g->id);
    jsonw_text(&w, "outcome", task_outcome_name(end->outcome));
    jsonw_end(&w);
}

/* Children that work side by side take the parent no longer than the longest of them. */
static void child_ended(struct task *parent, int64_t ms)
{
    if (ms > parent->children_ms) {
        parent->active_before_ms += ms - parent->children_ms;
        parent->children_ms = ms;
    }
    parent->n_children--;
}

static void finish(struct delegation *g, const struct ending *end)
{
    struct builtin_call *c = g->call;
    struct task *parent = c->task;
    struct err err = { 0 };

    c->label = end->label;
    c->tokens = end->tokens;
    c->n_past = end->n_past;
    c->past = end->past;
    child_ended(parent, end->active_ms);
    if (end->outcome == OUTCOME_ANSWERED)
        write_answer(g, end);
    else
        fail(&err, CORAX_E_UNAVAIL, "the task %s ended without an answer: %.300s", g->id, end->text ? end->text : "it was cancelled");
    builtin_finish(c, end->outcome == OUTCOME_ANSWERED ? NULL : &err);
    free(g);
}

static void fail_call(struct delegation *g, const struct err *err)
{
    child_ended(g->call->task, 0);
    builtin_finish(g->call, err);
    free(g);
}

/* --- a child that lives ------------------------------------------------------------------------------------------- */

static void let_go(struct delegation *g)
{
    task_unlisten(g->child, &g->listener);
    g->child = NULL;
}

static struct delegation *of_listener(struct task_listener *l)
{
    return (struct delegation *)((char *)l - offsetof(struct delegation, listener));
}

static void on_entry(struct task_listener *l, const struct entry *e)
{
    struct delegation *g = of_listener(l);
    struct task *child = g->child;
    struct ending end;

    if (e->kind != ENTRY_TASK_FINISHED)
        return;
    end = (struct ending){ .outcome = child->row.outcome,
                           .text = child->end_text,
                           .code = child->end_code,
                           .label = child->seen,
                           .tokens = planner_spent(child->planner).n_tokens,
                           .active_ms = task_active_ms(child),
                           .n_past = child->past.n - child->n_inherited,
                           .past = child->past.calls + child->n_inherited };
    let_go(g);
    finish(g, &end);
}

static void on_delta(struct task_listener *l, const struct model_delta *delta)
{
}

static void on_changed(struct task_listener *l)
{
}

static void on_gone(struct task_listener *l)
{
    struct delegation *g = of_listener(l);
    struct err err = { 0 };

    g->child = NULL;
    fail(&err, CORAX_E_INTERNAL, "the task %s is gone", g->id);
    if (!scheduler_is_stopping(g->d->scheduler))
        fail_call(g, &err);
}

static void attach(struct delegation *g, struct task *child)
{
    g->child = child;
    g->listener = (struct task_listener){ .entry = on_entry, .delta = on_delta, .changed = on_changed, .gone = on_gone };
    task_listen(child, &g->listener);
}

/* --- one that has ended ------------------------------------------------------------------------------------------- */

struct reading {
    struct journal_read read;
    struct delegation *delegation;
};

static enum task_outcome outcome_of(const struct json *e)
{
    static const enum task_outcome all[] = { OUTCOME_ANSWERED, OUTCOME_FAILED, OUTCOME_CANCELLED };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strcmp(json_get_text(e, "outcome", ""), task_outcome_name(all[i])) == 0)
            return all[i];
    return OUTCOME_FAILED;
}

/* finished is its last event, made the calls it has made. */
static int end_from(struct delegation *g, const struct json *finished, const struct past *made, struct err *err)
{
    const struct json *spent = json_get(finished, "spent");
    struct ending end = { .outcome = outcome_of(finished),
                          .text = json_get_text(finished, "text", NULL),
                          .code = json_get_text(finished, "code", NULL),
                          .label = task_read_label(json_get(finished, "label")),
                          .n_past = made->n,
                          .past = made->calls };

    if (json_int(json_get(spent, "completion_tokens"), "completion_tokens", &end.tokens, err) < 0 ||
        json_int(json_get(spent, "active_ms"), "active_ms", &end.active_ms, err) < 0)
        return -1;
    finish(g, &end);
    return 0;
}

static int read_ending(struct delegation *g, const struct journal_read *r, struct err *err)
{
    struct past made = { 0 };
    int rc = fail(err, CORAX_E_INTERNAL, "the task %s has no end in the journal", g->id);

    for (size_t i = 0; i < r->n_events; i++) {
        struct json *e = json_parse(r->events[i].json, r->events[i].len, err);

        if (e == NULL)
            break;
        if (r->events[i].kind == ENTRY_TOOL_INTENT)
            past_add_intent(&made, e);
        else if (r->events[i].kind == ENTRY_TOOL_RESULT)
            past_add_list(&made, json_get(e, "made"));
        else if (r->events[i].kind == ENTRY_TASK_FINISHED)
            rc = end_from(g, e, &made, err);
        json_free(e);
    }
    past_finish(&made);
    return rc;
}

static void on_read(struct journal_op *op)
{
    struct reading *r = (struct reading *)op;
    struct delegation *g = r->delegation;
    struct err err = { 0 };

    if (g->call == NULL) {
        free(g);
    } else if (op->result < 0) {
        fail_call(g, &op->err);
    } else if (read_ending(g, &r->read, &err) < 0) {
        fail_call(g, &err);
    }
    journal_read_finish(&r->read);
    free(r);
}

static void read_child(struct delegation *g)
{
    struct reading *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    journal_read_init(&r->read, g->id, on_read);
    r->read.max_bytes = SIZE_MAX;
    r->delegation = g;
    journal_post(g->d->journal, &r->read.op);
}

/* --- the beginning ------------------------------------------------------------------------------------------------ */

static void on_submitted(void *arg, const struct submitted *s)
{
    struct delegation *g = arg;
    struct task *child = s->err ? NULL : scheduler_find(g->d->scheduler, s->id);

    if (g->call == NULL) {
        if (child)
            task_cancel(child);
        free(g);
    } else if (s->err) {
        fail_call(g, s->err);
    } else {
        snprintf(g->id, sizeof(g->id), "%s", s->id);
        if (child)
            attach(g, child);
        else
            read_child(g);
    }
}

static void cancel(struct builtin_call *c)
{
    struct delegation *g = c->own;
    struct task *child = g->child;

    child_ended(c->task, 0);
    g->call = NULL;
    if (child == NULL)
        return; /* whoever brings it frees it */
    let_go(g);
    /* Where the daemon ends the child goes on after the next start, and the parent finds it. */
    if (!scheduler_is_stopping(g->d->scheduler))
        task_cancel(child);
    free(g);
}

static int64_t left(int64_t most, int64_t spent)
{
    return most > spent ? most - spent : 1;
}

/* Those of the last reply may work side by side. */
static int count_siblings(const struct task *t)
{
    const struct message *m = planner_reply(t->planner);
    int n = 0;

    for (size_t i = 0; m && i < m->n_calls; i++)
        n += strcmp(m->calls[i].name, "delegate") == 0;
    return n > 0 ? n : 1;
}

/* Time passes for all of them at once; of the rest each has its part. */
static struct budget budget_left(const struct task *t)
{
    const struct spent spent = planner_spent(t->planner);
    const int n = count_siblings(t);
    struct budget b = t->budget;

    b.max_wall_ms = left(b.max_wall_ms, task_active_ms(t));
    b.max_tokens = left(left(b.max_tokens, spent.n_tokens) / n, 0);
    b.max_tool_calls = (int)left(left(b.max_tool_calls, spent.n_tool_calls) / n, 0);
    return b;
}

static int find_agent(const struct coraxd *d, const char *name, const struct agent **out, struct err *err)
{
    struct buf names;

    if ((*out = agents_find(d->config.agents, name)) != NULL)
        return 0;
    buf_init(&names, MAX_SUMMARY);
    for (size_t i = 0; agents_at(d->config.agents, i); i++)
        buf_addf(&names, "%s%s", i ? ", " : "", agents_at(d->config.agents, i)->name);
    fail(err, CORAX_E_NOTFOUND, "there is no agent \"%.64s\": use one of %s", name, names.data);
    buf_finish(&names);
    return -1;
}

static void write_input(struct submission *sub, const char *task)
{
    const struct part part = { .mime = "text/plain", .data = task, .len = strlen(task) };
    struct jsonw w = jsonw_start(&sub->input);

    jsonw_array(&w, NULL);
    part_write(&part, &w);
    jsonw_end(&w);
}

static int submit(struct delegation *g, const struct task *t, const struct agent *agent, const char *task, struct err *err)
{
    const struct budget most = budget_left(t);
    struct submission sub = { .uid = t->row.uid,
                              .agent = agent,
                              .tools = agent->tools,
                              .pinned = agent->pinned,
                              .memory = agent->has_memory ? agent->memory : t->d->config.memory.space,
                              .label = t->seen,
                              .model = agent->model,
                              .planner = agent->planner,
                              .budget = agent->budget,
                              .sampling = agent->sampling,
                              .priority = t->waits.priority,
                              .attended = t->attended,
                              .deadline_ms = t->deadline_ms,
                              .parent = t,
                              .parent_call = g->call->id };
    char key[ID_LEN + 64];
    const char *code;
    int rc;

    /* With blanks: http.c takes none in a client's key. */
    snprintf(key, sizeof(key), "delegate %s %s", t->row.id, g->call->id);
    sub.idem_key = key;
    budget_narrow(&sub.budget, &most);
    buf_init(&sub.input, TRANSCRIPT_MAX_BYTES);
    write_input(&sub, task);
    rc = sub.input.failed ? fail(err, CORAX_E_LIMIT, "the task is too long")
                          : scheduler_submit(t->d->scheduler, &sub, on_submitted, g, &code, err);
    buf_finish(&sub.input);
    return rc;
}

static int call(struct builtin_call *c, const struct json *args, struct err *err)
{
    const struct agent *agent;
    struct delegation *g;

    if (find_agent(c->task->d, json_get_text(args, "agent", ""), &agent, err) < 0)
        return -1;
    g = calloc(1, sizeof(*g));
    if (g == NULL)
        return fail(err, CORAX_E_INTERNAL, "no memory");
    g->call = c;
    g->d = c->task->d;
    if (submit(g, c->task, agent, json_get_text(args, "task", ""), err) < 0) {
        free(g);
        return -1;
    }
    if (c->task->n_children++ == 0)
        c->task->children_ms = 0;
    c->own = g;
    c->cancel = cancel;
    c->gives_slot = true;
    return 0;
}

static bool is_offered(const struct task *t)
{
    return agents_at(t->d->config.agents, 0) != NULL && t->depth < MAX_DEPTH;
}

static void describe(const struct config *config, struct buf *out)
{
    struct buf text;
    struct jsonw w = jsonw_start(out);

    buf_init(&text, MAX_SUMMARY);
    buf_adds(&text, "Give a task to another agent and get its answer. It knows nothing but the task: say all it needs. Agents:");
    for (size_t i = 0; agents_at(config->agents, i); i++) {
        const struct agent *a = agents_at(config->agents, i);

        buf_addf(&text, "%s %s%s%s", i ? ";" : "", a->name, a->description[0] ? ": " : "", a->description);
    }
    jsonw_object(&w, NULL);
    jsonw_text(&w, "name", "delegate");
    /* Where there are too many to name, a wrong name is answered with those there are. */
    jsonw_text(&w, "description", text.failed ? "Give a task to another agent and get its answer." : text.data);
    jsonw_raw(&w, "inputSchema", schema, strlen(schema));
    jsonw_object(&w, "_meta");
    jsonw_array(&w, MCP_META_EFFECTS);
    jsonw_end(&w);
    jsonw_array(&w, MCP_META_TRAITS);
    jsonw_text(&w, NULL, "idempotent"); /* the same call is the same child */
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_end(&w);
    buf_finish(&text);
}

const struct builtin builtin_delegate = {
    .name = "delegate", .describe = describe, .is_offered = is_offered, .goes_ahead = true, .is_durable = true, .call = call
};
