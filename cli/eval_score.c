#include "cli/eval_score.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_kind(const struct json *event, const char *kind)
{
    return strcmp(json_get_text(event, "kind", ""), kind) == 0;
}

/* --- going through a trace ---------------------------------------------------------------------------------------- */

struct walk {
    const struct json *event, *call;
};

/* The next call that the model wanted, whether or not it was made; NULL: there is none. */
static const struct json *next_call(struct walk *w, const struct json *events)
{
    if (w->call && (w->call = json_next(w->call)) != NULL)
        return w->call;
    for (w->event = w->event ? json_next(w->event) : json_first(events); w->event; w->event = json_next(w->event)) {
        if (is_kind(w->event, "model_replied") && (w->call = json_first(json_get(w->event, "calls"))) != NULL)
            return w->call;
    }
    return NULL;
}

static const struct json *find_last(const struct json *events, const char *kind)
{
    const struct json *found = NULL;

    for (const struct json *e = json_first(events); e; e = json_next(e))
        if (is_kind(e, kind))
            found = e;
    return found;
}

static const char *result_text(const struct json *event)
{
    const struct json *part = json_first(json_get(event, "parts"));

    return json_get_text(part, "text", NULL);
}

static const char *last_result(const void *of, const char *tool)
{
    const char *found = NULL;

    for (const struct json *e = json_first(of); e; e = json_next(e))
        if (is_kind(e, "tool_result") && strcmp(json_get_text(e, "tool", ""), tool) == 0 &&
            !json_bool(json_get(e, "error"), true))
            found = result_text(e);
    return found;
}

const char *eval_answer(const struct json *trace)
{
    const struct json *end = find_last(json_get(trace, "events"), "task_finished");

    return strcmp(json_get_text(end, "outcome", ""), "answered") == 0 ? json_get_text(end, "text", "") : NULL;
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static enum eval_mark wrong(struct eval_score *s, const char *fmt, ...)
{
    va_list ap;

    if (s->why[0] == '\0') {
        va_start(ap, fmt);
        vsnprintf(s->why, sizeof(s->why), fmt, ap);
        va_end(ap);
    }
    return WRONG;
}

static bool is_expected(const struct eval_question *q, const char *tool)
{
    for (size_t i = 0; i < q->n_calls; i++)
        if (strcmp(q->calls[i], tool) == 0)
            return true;
    return false;
}

/* How many of the calls that are expected, from the first on, come in this order; or which is missing. */
static const char *find_missing(const struct eval_question *q, const struct json *events)
{
    struct walk w = { 0 };
    const struct json *call;
    bool seen[EVAL_MAX_CALLS] = { false };
    size_t next = 0;

    while ((call = next_call(&w, events)) != NULL) {
        const char *name = json_get_text(call, "name", "");

        if (next < q->n_calls && strcmp(q->calls[next], name) == 0)
            next++;
        for (size_t i = 0; i < q->n_calls; i++)
            if (!seen[i] && strcmp(q->calls[i], name) == 0) {
                seen[i] = true;
                break;
            }
    }
    if (q->in_order)
        return next < q->n_calls ? q->calls[next] : NULL;
    for (size_t i = 0; i < q->n_calls; i++)
        if (!seen[i])
            return q->calls[i];
    return NULL;
}

static enum eval_mark mark_calls(const struct eval_question *q, const struct json *events, struct eval_score *s)
{
    struct walk w = { 0 };
    const struct json *call;
    const char *missing = find_missing(q, events);

    if (!q->expects_calls)
        return NOT_ASKED;
    if (missing)
        return wrong(s, "%.60s was not called%s", missing, q->in_order ? " in its turn" : "");
    while ((q->only || q->n_calls == 0) && (call = next_call(&w, events)) != NULL)
        if (!is_expected(q, json_get_text(call, "name", "")))
            return wrong(s, "%.60s was called", json_get_text(call, "name", ""));
    return RIGHT;
}

/* The text of an argument, for keys: a text is itself, anything else its JSON. */
static bool key_fits(const struct eval_key *key, const struct json *value, struct err *why)
{
    struct buf text;
    struct jsonw w;
    bool fits;

    if (json_text(value))
        return eval_key_check(key, json_text(value), NULL, why) == 0;
    buf_init(&text, 1u << 20);
    w = jsonw_start(&text);
    jsonw_value(&w, NULL, value);
    fits = !text.failed && eval_key_check(key, text.data, NULL, why) == 0;
    buf_finish(&text);
    return fits;
}

static bool argument_fits(const struct eval_argument *a, const struct json *args, struct err *why)
{
    const struct json *value = json_get(args, a->name);

    if (value == NULL) {
        fail(why, CORAX_E_NOTFOUND, "it is not there");
        return false;
    }
    if (a->key)
        return key_fits(a->key, value, why);
    if (json_same(value, a->value))
        return true;
    fail(why, CORAX_E_NOTFOUND, "it is another value");
    return false;
}

/* Whether one call of the tool has all arguments that are expected of it. */
static bool call_fits(const struct eval_question *q, const char *tool, const struct json *call, struct err *why)
{
    const char *text = json_get_text(call, "arguments", "");
    struct json *args = json_parse(text, strlen(text), why);
    bool fits = args != NULL;

    for (size_t i = 0; i < q->n_arguments && fits; i++)
        if (strcmp(q->arguments[i].tool, tool) == 0 && !argument_fits(&q->arguments[i], args, why)) {
            err_context(why, "%.60s", q->arguments[i].name);
            fits = false;
        }
    json_free(args);
    return fits;
}

static enum eval_mark mark_arguments(const struct eval_question *q, const struct json *events, struct eval_score *s)
{
    for (size_t i = 0; i < q->n_arguments; i++) {
        const char *tool = q->arguments[i].tool;
        struct walk w = { 0 };
        const struct json *call;
        struct err why = { 0 };
        bool fits = false;

        fail(&why, CORAX_E_NOTFOUND, "it was not called");
        while (!fits && (call = next_call(&w, events)) != NULL)
            fits = strcmp(json_get_text(call, "name", ""), tool) == 0 && call_fits(q, tool, call, &why);
        if (!fits)
            return wrong(s, "no call of %.60s has the right arguments: %.120s", tool, why.msg);
    }
    return q->n_arguments > 0 ? RIGHT : NOT_ASKED;
}

static enum eval_mark mark_answer(const struct eval_question *q, const struct json *trace, struct eval_score *s)
{
    const struct eval_results results = { last_result, json_get(trace, "events") };
    const char *answer = eval_answer(trace);
    struct err why = { 0 };

    if (q->answer == NULL)
        return NOT_ASKED;
    if (answer == NULL)
        return q->unsolvable ? RIGHT : wrong(s, "there is no answer");
    if (eval_key_check(q->answer, answer, &results, &why) == 0)
        return RIGHT;
    return wrong(s, "the answer: %.200s", why.msg);
}

static bool was_denied(const struct json *events)
{
    for (const struct json *e = json_first(events); e; e = json_next(e))
        if (is_kind(e, "tool_result") && strcmp(json_get_text(e, "status", ""), "denied") == 0)
            return true;
    return false;
}

/* How it ended: with an answer, unless none is right; and whether a call was denied that should be. */
static enum eval_mark mark_end(const struct eval_question *q, const struct json *trace, struct eval_score *s)
{
    const bool answered = eval_answer(trace) != NULL;

    if (q->denied && !was_denied(json_get(trace, "events")))
        return wrong(s, "no call was denied");
    if (q->unsolvable && answered && q->answer == NULL)
        return wrong(s, "it was answered, though there is no answer");
    if (!q->unsolvable && !answered)
        return wrong(s, "it ended without an answer: %.150s",
                     json_get_text(find_last(json_get(trace, "events"), "task_finished"), "text", "?"));
    return RIGHT;
}

static int read_costs(const struct json *events, struct eval_score *s, struct err *err)
{
    const struct json *end = find_last(events, "task_finished"), *spent = json_get(end, "spent");
    int64_t first = 0, last = 0;

    if (end == NULL)
        return fail(err, CORAX_E_ARGS, "the trace has no end");
    if (json_int(json_get(spent, "steps"), "steps", &s->n_steps, err) != 0 ||
        json_int(json_get(spent, "tool_calls"), "tool_calls", &s->n_tool_calls, err) != 0 ||
        json_int(json_get(spent, "completion_tokens"), "completion_tokens", &s->n_tokens, err) != 0 ||
        json_int(json_get(spent, "active_ms"), "active_ms", &s->active_ms, err) != 0 ||
        json_int(json_get(json_first(events), "at_ms"), "at_ms", &first, err) != 0 ||
        json_int(json_get(end, "at_ms"), "at_ms", &last, err) != 0)
        return -1;
    s->wall_ms = last - first;
    return 0;
}

int eval_score(const struct eval_question *q, const struct json *trace, struct eval_score *s, struct err *err)
{
    const struct json *events = json_get(trace, "events");

    memset(s, 0, sizeof(*s));
    if (read_costs(events, s, err) != 0)
        return -1;
    s->end = mark_end(q, trace, s);
    s->calls = mark_calls(q, events, s);
    s->arguments = mark_arguments(q, events, s);
    s->answer = mark_answer(q, trace, s);
    s->steps = q->max_steps == 0            ? NOT_ASKED
               : s->n_steps <= q->max_steps ? RIGHT
                                            : wrong(s, "it took %lld steps", (long long)s->n_steps);
    s->passed =
        s->end != WRONG && s->calls != WRONG && s->arguments != WRONG && s->answer != WRONG && s->steps != WRONG;
    return 0;
}
