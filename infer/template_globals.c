/*
 * Messages and tools as the globals that templates are written for: those of OpenAI's API, in the form that suits this
 * template.  They are written as JSON and read back, since that is what the engine is given.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/message.h"
#include "infer/template_form.h"

struct writer {
    const struct template *template;
    const struct template_form *form;
    struct jsonw w;
    struct buf text;    /* scratch: a message's text */
    struct buf thought; /* scratch: its reasoning */
    bool failed;        /* one of them was too small once */
    unsigned n_calls;   /* so far */
};

static void empty(struct writer *r, struct buf *scratch)
{
    r->failed |= scratch->failed;
    buf_reset(scratch);
}

/* --- messages ------------------------------------------------------------------------------------------------------- */

/* Before text that is there already, an empty line. */
static void add_paragraph(struct buf *b, const struct json *message)
{
    const size_t len = b->len;

    message_add_text(message, b);
    if (len > 0 && b->len > len) {
        char *s = buf_room(b, 2);

        if (s) {
            memmove(b->data + len + 2, b->data + len, b->len - 2 - len);
            memcpy(b->data + len, "\n\n", 2);
        }
    }
}

static void write_message(struct writer *r, const char *role, const struct buf *content)
{
    jsonw_object(&r->w, NULL);
    jsonw_text(&r->w, "role", role);
    jsonw_string(&r->w, "content", content->data, content->len);
    jsonw_end(&r->w);
}

/* The members that templates read it from; none where there is no reasoning. */
static void write_thought(struct writer *r)
{
    const struct buf *b = &r->thought;

    if (b->len == 0)
        return;
    jsonw_string(&r->w, "reasoning_content", b->data, b->len);
    if (r->template->has_reasoning)
        jsonw_string(&r->w, "reasoning", b->data, b->len);
    if (r->template->has_thinking)
        jsonw_string(&r->w, "thinking", b->data, b->len);
}

static void write_call(struct writer *r, const struct json *call, unsigned number)
{
    const char *arguments = json_get_text(call, "arguments", "");
    char id[16];

    snprintf(id, sizeof id, "c%08u", number);
    jsonw_object(&r->w, NULL);
    jsonw_text(&r->w, "id", id);
    jsonw_text(&r->w, "type", "function");
    jsonw_object(&r->w, "function");
    jsonw_text(&r->w, "name", json_get_text(call, "name", ""));
    if (r->form->arguments_text)
        jsonw_text(&r->w, "arguments", arguments);
    else
        jsonw_raw(&r->w, "arguments", arguments, strlen(arguments));
    jsonw_end(&r->w);
    jsonw_end(&r->w);
}

static void write_result(struct writer *r, const struct json *assistant, const struct json *call, unsigned number)
{
    const struct json *result = message_result(assistant, json_get_text(call, "id", ""));
    char id[16];

    if (!result) /* the conversation ends here */
        return;
    snprintf(id, sizeof id, "c%08u", number);
    empty(r, &r->text);
    if (json_bool(json_get(result, "error"), false))
        buf_adds(&r->text, "error: ");
    message_add_text(result, &r->text);
    jsonw_object(&r->w, NULL);
    jsonw_text(&r->w, "role", "tool");
    jsonw_text(&r->w, "tool_call_id", id);
    jsonw_text(&r->w, "name", json_get_text(call, "name", ""));
    jsonw_string(&r->w, "content", r->text.data, r->text.len);
    jsonw_end(&r->w);
}

/* Calls of one message, from first to before end, and their results. */
static void write_calls(struct writer *r, const struct json *message, const struct json *first, const struct json *end)
{
    unsigned number = r->n_calls;

    jsonw_object(&r->w, NULL);
    jsonw_text(&r->w, "role", "assistant");
    if (r->text.len == 0 && r->form->null_content)
        jsonw_null(&r->w, "content");
    else
        jsonw_string(&r->w, "content", r->text.data, r->text.len);
    write_thought(r);
    jsonw_array(&r->w, "tool_calls");
    for (const struct json *call = first; call != end; call = json_next(call))
        write_call(r, call, ++r->n_calls);
    jsonw_end(&r->w);
    jsonw_end(&r->w);
    for (const struct json *call = first; call != end; call = json_next(call))
        write_result(r, message, call, ++number);
}

static void write_assistant(struct writer *r, const struct json *message)
{
    const struct json *first = json_first(json_get(message, "calls"));
    const char *reasoning = json_get_text(message, "reasoning", "");

    empty(r, &r->text);
    empty(r, &r->thought);
    buf_adds(&r->thought, reasoning);
    if (first && r->form->content_to_thought)
        add_paragraph(&r->thought, message);
    else
        message_add_text(message, &r->text);
    if (!first) {
        jsonw_object(&r->w, NULL);
        jsonw_text(&r->w, "role", "assistant");
        jsonw_string(&r->w, "content", r->text.data, r->text.len);
        write_thought(r);
        jsonw_end(&r->w);
    }
    while (first && r->form->split_calls) {
        write_calls(r, message, first, json_next(first));
        empty(r, &r->text);
        empty(r, &r->thought);
        first = json_next(first);
    }
    if (first)
        write_calls(r, message, first, NULL);
}

/* Where system messages are refused, r->text has the system's when the first other message comes. */
static void write_system(struct writer *r, const struct json *system)
{
    const struct json *next = json_next(system);

    empty(r, &r->text);
    message_add_text(system, &r->text);
    if (r->form->system) {
        write_message(r, "system", &r->text);
        return;
    }
    if (strcmp(json_get_text(next, "role", ""), "user") == 0)
        add_paragraph(&r->text, next);
    else if (r->text.len == 0)
        return;
    write_message(r, "user", &r->text);
}

static void write_messages(struct writer *r, const struct json *messages)
{
    const struct json *m = json_first(messages);

    jsonw_array(&r->w, "messages");
    if (strcmp(json_get_text(m, "role", ""), "system") == 0) {
        write_system(r, m);
        m = json_next(m);
        if (!r->form->system && strcmp(json_get_text(m, "role", ""), "user") == 0)
            m = json_next(m);
    }
    for (; m; m = json_next(m)) {
        const char *role = json_get_text(m, "role", "");

        if (strcmp(role, "assistant") == 0) {
            write_assistant(r, m);
        } else if (strcmp(role, "user") == 0) {
            empty(r, &r->text);
            message_add_text(m, &r->text);
            write_message(r, "user", &r->text);
        } /* results have been written with their calls */
    }
    jsonw_end(&r->w);
}

/* --- tools ---------------------------------------------------------------------------------------------------------- */

struct sorted {
    const struct json *tool;
    const char *name;
    size_t at;
};

static int compare(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static void write_tool(struct jsonw *w, const struct json *tool)
{
    static const char nothing[] = "{\"type\":\"object\",\"properties\":{}}";
    const struct json *parameters = json_get(tool, "parameters");

    jsonw_object(w, NULL);
    jsonw_text(w, "type", "function");
    jsonw_object(w, "function");
    jsonw_text(w, "name", json_get_text(tool, "name", ""));
    jsonw_text(w, "description", json_get_text(tool, "description", "")); /* many templates fail without */
    if (json_kind(parameters) == JSON_OBJECT)
        jsonw_value(w, "parameters", parameters);
    else
        jsonw_raw(w, "parameters", nothing, sizeof nothing - 1);
    jsonw_end(w);
    jsonw_end(w);
}

static int write_tools(struct jsonw *w, const struct json *tools, struct err *err)
{
    const size_t n = json_count(tools);
    struct sorted *sorted = malloc((n + 1) * sizeof *sorted);
    size_t i = 0;

    if (!sorted)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tools", n);
    for (const struct json *tool = json_first(tools); tool; tool = json_next(tool), i++)
        sorted[i] = (struct sorted){ tool, json_get_text(tool, "name", ""), i };
    qsort(sorted, n, sizeof *sorted, compare);
    jsonw_array(w, "tools");
    for (i = 0; i < n; i++)
        write_tool(w, sorted[i].tool);
    jsonw_end(w);
    free(sorted);
    return 0;
}

/* The tools as Python would write them, which the template puts into its text as it is. */
static int write_functions(struct writer *r, const struct json *tools, struct err *err)
{
    struct json *globals = NULL;
    struct jinja_text text = { 0 };
    struct jsonw w;
    struct buf b;
    int rc;

    buf_init(&b, TEMPLATE_MAX_GLOBALS);
    w = jsonw_start(&b);
    jsonw_object(&w, NULL);
    rc = write_tools(&w, tools, err);
    jsonw_end(&w);
    if (rc == 0 && b.failed)
        rc = fail(err, CORAX_E_LIMIT, "tools: more than %zu bytes", TEMPLATE_MAX_GLOBALS);
    if (rc == 0 && !(globals = json_parse_large(b.data, b.len, TEMPLATE_MAX_VALUES, err)))
        rc = err_context(err, "tools");
    if (rc == 0)
        rc = jinja_render(r->template->functions, globals, NULL, &text, err);
    if (rc == 0)
        jsonw_string(&r->w, "functions", text.s, text.len);
    jinja_text_finish(&text);
    json_free(globals);
    buf_finish(&b);
    return rc;
}

static int write_offer(struct writer *r, const struct json *tools, struct err *err)
{
    const bool some = r->form->tools && json_first(tools);

    if (some && write_tools(&r->w, tools, err) < 0)
        return -1;
    if (!some && r->form->none == TEMPLATE_NULL)
        jsonw_null(&r->w, "tools");
    if (!some && r->form->none == TEMPLATE_EMPTY)
        jsonw_raw(&r->w, "tools", "[]", 2);
    return r->form->functions && r->template->functions ? write_functions(r, tools, err) : 0;
}

/* --- everything ----------------------------------------------------------------------------------------------------- */

static void write_name(struct writer *r, const char *key, int32_t id)
{
    size_t len = 0;
    const char *name = id < 0 ? "" : tokenizer_name(r->template->tokenizer, id, &len);

    jsonw_string(&r->w, key, name, len);
}

static void write_rest(struct writer *r, enum template_thinking thinking)
{
    static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    const struct tokenizer *t = r->template->tokenizer;
    const struct tm *now = &r->template->now;
    struct tm today;
    char date[80];

    if (!r->template->has_now) {
        template_today(&today);
        now = &today;
    }
    write_name(r, "bos_token", tokenizer_bos(t));
    write_name(r, "eos_token", tokenizer_eos(t));
    write_name(r, "begin_token", tokenizer_begin(t));
    jsonw_bool(&r->w, "add_generation_prompt", true);
    if (thinking != THINKING_AS_EVER) {
        jsonw_bool(&r->w, "enable_thinking", thinking == THINKING_ON);
        jsonw_bool(&r->w, "thinking", thinking == THINKING_ON);
    }
    snprintf(date, sizeof date, "%02d %s %d", now->tm_mday, months[(unsigned)now->tm_mon % 12], now->tm_year + 1900);
    jsonw_text(&r->w, "date_string", date);
    snprintf(date, sizeof date, "%d-%02d-%02d", now->tm_year + 1900, now->tm_mon + 1, now->tm_mday);
    jsonw_text(&r->w, "datetime", date);
}

static int write_globals(struct writer *r, const struct json *messages, const struct json *tools, enum template_thinking thinking,
                         struct err *err)
{
    jsonw_object(&r->w, NULL);
    write_messages(r, messages);
    if (r->failed || r->text.failed || r->thought.failed)
        return fail(err, CORAX_E_LIMIT, "messages: one has more than %zu bytes of text", TEMPLATE_MAX_TEXT);
    if (write_offer(r, tools, err) < 0)
        return -1;
    write_rest(r, thinking);
    jsonw_end(&r->w);
    return 0;
}

struct json *template_globals(const struct template *t, const struct template_form *form, const struct json *messages,
                              const struct json *tools, enum template_thinking thinking, struct err *err)
{
    struct writer r = { .template = t, .form = form };
    struct json *globals = NULL;
    struct buf out;

    buf_init(&out, TEMPLATE_MAX_GLOBALS);
    buf_init(&r.text, TEMPLATE_MAX_TEXT);
    buf_init(&r.thought, TEMPLATE_MAX_TEXT);
    r.w = jsonw_start(&out);
    if (write_globals(&r, messages, tools, thinking, err) == 0) {
        if (out.failed)
            fail(err, CORAX_E_LIMIT, "messages and tools: more than %zu bytes as JSON", TEMPLATE_MAX_GLOBALS);
        else if (!(globals = json_parse_large(out.data, out.len, TEMPLATE_MAX_VALUES, err)))
            err_context(err, "messages and tools");
    }
    buf_finish(&r.thought);
    buf_finish(&r.text);
    buf_finish(&out);
    return globals;
}
