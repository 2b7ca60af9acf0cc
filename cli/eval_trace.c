/*
 * Reading traces.  See eval_trace.h.
 */
#include "cli/eval_trace.h"

#include <stdlib.h>
#include <string.h>

static bool is_kind(const struct json *event, const char *kind)
{
    return strcmp(json_get_text(event, "kind", ""), kind) == 0;
}

static const char *text_of(const struct json *parts)
{
    static const char *const types[] = { "text", "json" };

    for (size_t i = 0; i < 2; i++)
        for (const struct json *p = json_first(parts); p; p = json_next(p))
            if (strcmp(json_get_text(p, "type", ""), types[i]) == 0)
                return json_get_text(p, "text", NULL);
    return NULL;
}

static void take_reply(struct eval_trace *t, const struct json *event)
{
    for (const struct json *c = json_first(json_get(event, "calls")); c; c = json_next(c)) {
        t->n_calls++;
        if (t->n < EVAL_MAX_CALLS)
            t->calls[t->n++] = (struct eval_made){ .id = json_get_text(c, "id", ""),
                                                   .tool = json_get_text(c, "name", ""),
                                                   .arguments = json_get_text(c, "arguments", "") };
    }
}

/* The newest call of that id: attempts begin anew with their numbers. */
static struct eval_made *find_call(struct eval_trace *t, const struct json *event)
{
    const char *id = json_get_text(event, "call_id", NULL);

    for (size_t i = t->n; id && i > 0; i--)
        if (strcmp(t->calls[i - 1].id, id) == 0)
            return &t->calls[i - 1];
    return NULL;
}

static void take_event(struct eval_trace *t, const struct json *event)
{
    struct eval_made *call = find_call(t, event);

    if (is_kind(event, "model_replied")) {
        take_reply(t, event);
        t->model = json_get_text(event, "model", t->model);
    } else if (is_kind(event, "tool_intent") && call) {
        call->carried_out = true;
    } else if (is_kind(event, "tool_result") && call) {
        call->status = json_get_text(event, "status", "");
        call->text = text_of(json_get(event, "parts"));
    }
}

static int take_end(struct eval_trace *t, const struct json *begin, const struct json *end, struct err *err)
{
    const struct json *spent = json_get(end, "spent");

    if (!is_kind(begin, "task_submitted") || !is_kind(end, "task_finished"))
        return fail(err, CORAX_E_ARGS, "it is no trace of a task that has ended");
    t->outcome = json_get_text(end, "outcome", "");
    t->code = json_get_text(end, "code", NULL);
    if (strcmp(t->outcome, "answered") == 0)
        t->answer = json_get_text(end, "text", "");
    t->steps = json_number(json_get(spent, "steps"), 0);
    t->prompt_tokens = json_number(json_get(spent, "prompt_tokens"), 0);
    t->completion_tokens = json_number(json_get(spent, "completion_tokens"), 0);
    t->active_ms = json_number(json_get(spent, "active_ms"), 0);
    t->wall_ms = json_number(json_get(end, "at_ms"), 0) - json_number(json_get(begin, "at_ms"), 0);
    return 0;
}

int eval_trace_read(struct eval_trace *t, const char *text, size_t len, struct err *err)
{
    const struct json *first, *last = NULL;

    memset(t, 0, sizeof(*t));
    if ((t->root = json_parse(text, len, err)) == NULL)
        return -1;
    if ((t->calls = calloc(EVAL_MAX_CALLS, sizeof(*t->calls))) == NULL)
        return fail(err, CORAX_E_INTERNAL, "out of memory");
    first = json_first(json_get(t->root, "events"));
    for (const struct json *e = first; e; e = json_next(e)) {
        take_event(t, e);
        last = e;
    }
    return take_end(t, first, last, err);
}

void eval_trace_finish(struct eval_trace *t)
{
    free(t->calls);
    json_free(t->root);
    memset(t, 0, sizeof(*t));
}

const char *eval_trace_last(const void *of, const char *tool)
{
    const struct eval_trace *t = of;

    for (size_t i = t->n; i > 0; i--) {
        const struct eval_made *c = &t->calls[i - 1];

        if (strcmp(c->tool, tool) == 0 && c->status && strcmp(c->status, "ok") == 0)
            return c->text ? c->text : "";
    }
    return NULL;
}
