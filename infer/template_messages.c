/*
 * Messages as OpenAI's chat interface has them, which is what chat templates were written for: content is a text, calls are tool_calls with
 * a function each.  Identifiers are nine letters and digits, since there are templates that take no other.
 */
#include "infer/template_messages.h"

#include <stdio.h>
#include <string.h>

#include "infer/message.h"
#include "infer/template.h"

#define TEXT_LIMIT ((size_t)16 << 20)

struct writer {
    const struct template_habits *habits;
    struct jsonw w;
    struct err *err;
    struct buf text;                  /* scratch */
    const struct json *system;        /* to be put before the first user's text */
    const struct json *calls;         /* of the last assistant's message */
    unsigned n_calls, first_call;     /* so far, and before those */
};

static void write_content(struct writer *w)
{
    jsonw_string(&w->w, "content", w->text.data ? w->text.data : "", w->text.len);
}

static int write_plain(struct writer *w, const char *role, const struct json *message)
{
    buf_reset(&w->text);
    if (w->system && strcmp(role, "user") == 0) {
        if (message_text(w->system, &w->text, w->err) < 0)
            return -1;
        buf_adds(&w->text, "\n\n");
        w->system = NULL;
    }
    if (message_text(message, &w->text, w->err) < 0)
        return -1;
    jsonw_object(&w->w, NULL);
    jsonw_text(&w->w, "role", role);
    write_content(w);
    jsonw_end(&w->w);
    return 0;
}

static void write_id(struct writer *w, const char *key, unsigned number)
{
    char id[16];

    snprintf(id, sizeof id, "c%08u", number % 100000000);
    jsonw_text(&w->w, key, id);
}

static int write_call(struct writer *w, const struct json *call, unsigned number)
{
    const char *name = json_get_text(call, "name", NULL), *arguments = json_get_text(call, "arguments", NULL);
    struct json *object;

    if (!json_get_text(call, "id", NULL) || !name || !arguments)
        return fail(w->err, CORAX_E_ARGS, "id, name and arguments must be strings");
    object = json_parse(arguments, strlen(arguments), w->err);
    if (!object || json_kind(object) != JSON_OBJECT) {
        json_free(object);
        return fail(w->err, CORAX_E_ARGS, "arguments: not the text of a JSON object");
    }
    jsonw_object(&w->w, NULL);
    write_id(w, "id", number);
    jsonw_text(&w->w, "type", "function");
    jsonw_object(&w->w, "function");
    jsonw_text(&w->w, "name", name);
    if (w->habits->text_arguments)
        jsonw_text(&w->w, "arguments", arguments);
    else
        jsonw_value(&w->w, "arguments", object);
    jsonw_end(&w->w);
    jsonw_end(&w->w);
    json_free(object);
    return 0;
}

/* In templates that have either reasoning or a text beside calls the text is part of the reasoning. */
static int write_reasoning(struct writer *w, const struct json *message, bool calls)
{
    const struct json *reasoning = json_get(message, "reasoning");
    const char *text = json_text(reasoning);

    if (reasoning && !text && json_kind(reasoning) != JSON_NULL)
        return fail(w->err, CORAX_E_ARGS, "reasoning: not a string");
    buf_reset(&w->text);
    buf_adds(&w->text, text ? text : "");
    if (w->habits->thinking_member && calls) {
        if (w->text.len && json_count(json_get(message, "parts")))
            buf_adds(&w->text, "\n\n");
        if (message_text(message, &w->text, w->err) < 0)
            return -1;
    }
    if (w->text.len == 0)
        return 0;
    jsonw_string(&w->w, "reasoning_content", w->text.data, w->text.len);
    if (w->habits->thinking_member)
        jsonw_string(&w->w, "thinking", w->text.data, w->text.len);
    return 0;
}

/* One message of the assistant: calls from `first` on, n of them, with what goes beside them only if there is anything before. */
static int write_assistant(struct writer *w, const struct json *message, const struct json *first, size_t n, bool beside)
{
    jsonw_object(&w->w, NULL);
    jsonw_text(&w->w, "role", "assistant");
    if (beside && write_reasoning(w, message, n > 0) < 0)
        return -1;
    buf_reset(&w->text);
    if (beside && !(n > 0 && (w->habits->thinking_member || w->habits->null_content)) && message_text(message, &w->text, w->err) < 0)
        return -1;
    if (n > 0 && w->habits->null_content)
        jsonw_null(&w->w, "content");
    else
        write_content(w);
    if (n > 0)
        jsonw_array(&w->w, "tool_calls");
    for (size_t i = 0; i < n; i++, first = json_next(first))
        if (write_call(w, first, ++w->n_calls) < 0)
            return -1;
    if (n > 0)
        jsonw_end(&w->w);
    jsonw_end(&w->w);
    return 0;
}

/* Which call of the last assistant's a tool message answers, from 0; -1: none. */
static int find_call(const struct writer *w, const struct json *message, const char **name)
{
    const char *id = json_get_text(message, "call_id", NULL);
    int i = 0;

    for (const struct json *call = json_first(w->calls); call && id; call = json_next(call), i++)
        if (strcmp(json_get_text(call, "id", ""), id) == 0) {
            *name = json_get_text(call, "name", "");
            return i;
        }
    return -1;
}

static int write_result(struct writer *w, const struct json *message)
{
    const char *name = "";
    const int call = find_call(w, message, &name);

    if (!json_get_text(message, "call_id", NULL))
        return fail(w->err, CORAX_E_ARGS, "call_id: not a string");
    if (call < 0)
        return fail(w->err, CORAX_E_ARGS, "no call with the id \"%.60s\" comes before it", json_get_text(message, "call_id", ""));
    buf_reset(&w->text);
    if (json_bool(json_get(message, "error"), false))
        buf_adds(&w->text, "error: ");
    if (message_text(message, &w->text, w->err) < 0)
        return -1;
    jsonw_object(&w->w, NULL);
    jsonw_text(&w->w, "role", "tool");
    jsonw_text(&w->w, "name", name);
    write_id(w, "tool_call_id", w->first_call + (unsigned)call + 1);
    write_content(w);
    jsonw_end(&w->w);
    return 0;
}

static int write_singly(struct writer *w, const struct json *message, const struct json *calls)
{
    for (const struct json *call = json_first(calls); call; call = json_next(call)) {
        const struct json *result = message_result(message, json_get_text(call, "id", ""));

        if (write_assistant(w, message, call, 1, call == json_first(calls)) < 0 || (result && write_result(w, result) < 0))
            return -1;
    }
    return 0;
}

static int check_calls(struct writer *w, const struct json *message, const struct json *calls)
{
    if (calls && json_kind(calls) != JSON_ARRAY && json_kind(calls) != JSON_NULL)
        return fail(w->err, CORAX_E_ARGS, "calls: not an array");
    if (json_count(calls) > TEMPLATE_MAX_CALLS)
        return fail(w->err, CORAX_E_ARGS, "calls: %zu, at most %d", json_count(calls), TEMPLATE_MAX_CALLS);
    for (const struct json *call = json_first(calls); call; call = json_next(call)) {
        const char *id = json_get_text(call, "id", "");

        if (!message_result(message, id) && (json_next(call) || json_next(message)))
            return fail(w->err, CORAX_E_ARGS, "no tool message with call_id \"%.60s\" follows", id);
    }
    return 0;
}

static bool has_text(const struct json *message)
{
    for (const struct json *part = json_first(json_get(message, "parts")); part; part = json_next(part))
        if (*json_get_text(part, "text", ""))
            return true;
    return false;
}

static int write_message(struct writer *w, const struct json *m, size_t i)
{
    const char *role = json_get_text(m, "role", "");
    const struct json *calls = json_get(m, "calls");

    if (strcmp(role, "user") == 0) {
        w->calls = NULL;
        return write_plain(w, "user", m);
    }
    if (strcmp(role, "system") == 0) {
        if (i > 0)
            return fail(w->err, CORAX_E_ARGS, "a system message must be the first");
        if (!w->habits->no_system)
            return write_plain(w, "system", m);
        w->system = m;
        return 0;
    }
    if (strcmp(role, "tool") == 0)
        return w->habits->single && find_call(w, m, &role) >= 0 ? 0 : write_result(w, m);
    if (strcmp(role, "assistant") != 0)
        return fail(w->err, CORAX_E_ARGS, "role: \"%.40s\", allowed are system, user, assistant and tool", role);
    if (check_calls(w, m, calls) < 0)
        return -1;
    w->calls = calls;
    w->first_call = w->n_calls;
    if (json_count(calls) && w->habits->null_content && has_text(m) && write_assistant(w, m, NULL, 0, true) < 0)
        return -1;
    return w->habits->single && json_count(calls) > 1 ? write_singly(w, m, calls)
                                                      : write_assistant(w, m, json_first(calls), json_count(calls), true);
}

static int write_messages(struct writer *w, const struct json *messages)
{
    size_t i = 0;

    if (json_kind(messages) != JSON_ARRAY || !json_first(messages))
        return fail(w->err, CORAX_E_ARGS, "messages: not an array with at least one message");
    if (json_count(messages) > TEMPLATE_MAX_MESSAGES)
        return fail(w->err, CORAX_E_ARGS, "messages: %zu, at most %d", json_count(messages), TEMPLATE_MAX_MESSAGES);
    jsonw_array(&w->w, "messages");
    for (const struct json *m = json_first(messages); m; m = json_next(m), i++)
        if (write_message(w, m, i) < 0)
            return err_context(w->err, "messages[%zu]", i);
    jsonw_end(&w->w);
    return 0;
}

static void write_tools(struct jsonw *w, const char *key, const struct json *tools)
{
    jsonw_array(w, key);
    for (const struct json *t = json_first(tools); t; t = json_next(t)) {
        jsonw_object(w, NULL);
        jsonw_text(w, "type", "function");
        jsonw_object(w, "function");
        jsonw_text(w, "name", json_get_text(t, "name", ""));
        jsonw_text(w, "description", json_get_text(t, "description", ""));
        if (json_get(t, "parameters"))
            jsonw_value(w, "parameters", json_get(t, "parameters"));
        else
            jsonw_raw(w, "parameters", "{\"type\":\"object\",\"properties\":{}}", 34);
        jsonw_end(w);
        jsonw_end(w);
    }
    jsonw_end(w);
}

/* Tools as text, which is what some templates want. */
static void write_functions(struct writer *w, const struct json *tools)
{
    struct jsonw inner;

    buf_reset(&w->text);
    inner = jsonw_start(&w->text);
    write_tools(&inner, NULL, tools);
    jsonw_string(&w->w, "functions", w->text.data, w->text.len);
}

static void write_rest(struct writer *w, const struct template_globals *g)
{
    char date[64];

    if (g->tools && json_count(g->tools))
        write_tools(&w->w, "tools", g->tools);
    if (w->habits->functions)
        write_functions(w, g->tools);
    jsonw_text(&w->w, "bos_token", g->bos ? g->bos : "");
    jsonw_text(&w->w, "eos_token", g->eos ? g->eos : "");
    jsonw_bool(&w->w, "add_generation_prompt", g->goes_on);
    if (g->thinking != THINKING_AS_EVER) {
        jsonw_bool(&w->w, "enable_thinking", g->thinking == THINKING_ON);
        jsonw_bool(&w->w, "thinking", g->thinking == THINKING_ON);
    }
    if (strftime(date, sizeof date, "%d %b %Y", g->now) > 0) {
        jsonw_text(&w->w, "date_string", date);
        jsonw_text(&w->w, "datetime", date);
    }
    jsonw_end(&w->w);
}

int template_write_globals(const struct template_habits *habits, const struct template_globals *g, struct buf *out, struct err *err)
{
    struct writer w = { .habits = habits, .w = jsonw_start(out), .err = err };
    int result;

    buf_init(&w.text, TEXT_LIMIT);
    jsonw_object(&w.w, NULL);
    result = write_messages(&w, g->messages);
    if (result == 0) {
        write_rest(&w, g);
        if (out->failed || w.text.failed)
            result = fail(err, CORAX_E_LIMIT, "messages: more than %zu bytes", out->limit);
    }
    buf_finish(&w.text);
    return result;
}
