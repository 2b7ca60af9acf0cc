/*
 * A conversation for a template that does not know tools, or calls, or results: what it lacks is written as text, by the rules of ReAct or
 * in the model's own format.
 *
 * Yao et al., ReAct: Synergizing Reasoning and Acting in Language Models, arXiv:2210.03629
 */
#include "infer/dialect_text.h"

#include <string.h>

#include "infer/message.h"

#define TEXT_LIMIT ((size_t)16 << 20)
#define MAX_VALUES 2000000 /* of the messages */

bool dialect_text_is_react(const struct tool_format *f)
{
    return strcmp(f->name, "react") == 0;
}

static void write_part(struct jsonw *w, const char *text, size_t len)
{
    jsonw_array(w, "parts");
    jsonw_object(w, NULL);
    jsonw_text(w, "type", "text");
    jsonw_string(w, "text", text, len);
    jsonw_end(w);
    jsonw_end(w);
}

/* What a template would have told of the tools. */
static void describe(const struct dialect_text *d, const struct json *tools, struct buf *out)
{
    const struct tool_format *f = d->format;

    buf_adds(out, "You can use these tools:\n");
    for (const struct json *t = json_first(tools); t; t = json_next(t)) {
        struct jsonw w;

        buf_addf(out, "\n%s: %s\nArguments: ", json_get_text(t, "name", ""), json_get_text(t, "description", ""));
        w = jsonw_start(out);
        if (json_get(t, "parameters"))
            jsonw_value(&w, NULL, json_get(t, "parameters"));
        else
            buf_adds(out, "{}");
        buf_addc(out, '\n');
    }
    if (dialect_text_is_react(d->format)) {
        buf_adds(out, "\nTo use one, write\n\nThought: what you want to find out\nAction: the name of the tool\n"
                      "Action Input: its arguments, as one JSON object\n\nand you are told its result as Observation. "
                      "As soon as you can answer, write\n\nThought: what you know now\nFinal Answer: the answer");
        return;
    }
    buf_addf(out, "\nTo use one, write exactly\n%s%sNAME%s%s%s%s\nwith its name and its arguments as one JSON object.", f->trigger[0], f->open,
             f->middle[0], "{...}", f->close[0], f->end ? f->end : "");
}

static void write_react(const struct json *message, struct buf *text)
{
    const struct json *calls = json_get(message, "calls");

    buf_addf(text, "Thought: %s%s", json_get_text(message, "reasoning", ""), json_count(calls) ? " " : "\nFinal Answer: ");
    message_add_text(message, text);
    for (const struct json *call = json_first(calls); call; call = json_next(call))
        buf_addf(text, "\nAction: %s\nAction Input: %s", json_get_text(call, "name", ""), json_get_text(call, "arguments", "{}"));
}

static void write_calls(const struct tool_format *f, const struct json *message, struct buf *text)
{
    const struct json *first = json_first(json_get(message, "calls"));

    message_add_text(message, text);
    for (const struct json *call = first; call; call = json_next(call)) {
        if (call == first)
            buf_addf(text, "%s%s", f->trigger[0], f->open);
        else
            buf_adds(text, f->again ? f->again : "");
        buf_addf(text, "%s%s%s%s", json_get_text(call, "name", ""), f->middle[0], json_get_text(call, "arguments", "{}"), f->close[0]);
    }
    if (first && f->end)
        buf_adds(text, f->end);
}

static void write_text_message(struct jsonw *w, const char *role, const struct buf *text)
{
    jsonw_object(w, NULL);
    jsonw_text(w, "role", role);
    write_part(w, text->data ? text->data : "", text->len);
    jsonw_end(w);
}

static void write_assistant(struct jsonw *w, const struct dialect_text *d, const struct json *message)
{
    struct buf text;

    buf_init(&text, TEXT_LIMIT);
    if (dialect_text_is_react(d->format))
        write_react(message, &text);
    else
        write_calls(d->format, message, &text);
    write_text_message(w, "assistant", &text);
    buf_finish(&text);
}

static bool is_result(const struct json *message)
{
    return message && strcmp(json_get_text(message, "role", ""), "tool") == 0;
}

/* The results of one reply's calls, as one message of a user.  Returns the last of them. */
static const struct json *write_results(struct jsonw *w, const struct json *message)
{
    struct buf text;

    buf_init(&text, TEXT_LIMIT);
    for (;; message = json_next(message)) {
        buf_addf(&text, "Observation: %s", json_bool(json_get(message, "error"), false) ? "error: " : "");
        message_add_text(message, &text);
        if (!is_result(json_next(message)))
            break;
        buf_addc(&text, '\n');
    }
    write_text_message(w, "user", &text);
    buf_finish(&text);
    return message;
}

/* What the system message says, with what is told of the tools. */
static void collect_system(const struct dialect_text *d, const struct json *system, const struct json *tools, struct buf *out)
{
    if (system)
        message_add_text(system, out);
    if (!tools || !d->told)
        return;
    if (system)
        buf_adds(out, "\n\n");
    describe(d, tools, out);
}

struct json *dialect_text_write(const struct dialect_text *d, const struct json *list, const struct json *tools, struct err *err)
{
    const struct json *m = json_first(list), *system = m && strcmp(json_get_text(m, "role", ""), "system") == 0 ? m : NULL;
    struct json *messages = NULL;
    struct buf text, told;
    struct jsonw w;

    buf_init(&text, TEXT_LIMIT);
    buf_init(&told, TEXT_LIMIT);
    collect_system(d, system, tools, &told);
    w = jsonw_start(&text);
    jsonw_array(&w, NULL);
    if (told.len && !d->system)
        write_text_message(&w, "system", &told);
    for (m = system ? json_next(system) : m; m; m = json_next(m)) {
        if (told.len && d->system && strcmp(json_get_text(m, "role", ""), "user") == 0) {
            buf_adds(&told, "\n\n");
            message_add_text(m, &told);
            write_text_message(&w, "user", &told);
            buf_reset(&told);
        } else if (d->calls && strcmp(json_get_text(m, "role", ""), "assistant") == 0) {
            write_assistant(&w, d, m);
        } else if (d->results && is_result(m)) {
            m = write_results(&w, m);
        } else {
            jsonw_value(&w, NULL, m);
        }
    }
    jsonw_end(&w);
    if (text.failed || told.failed)
        fail(err, CORAX_E_LIMIT, "messages: more than %zu bytes", TEXT_LIMIT);
    else
        messages = json_parse_large(text.data, text.len, MAX_VALUES, err);
    buf_finish(&text);
    buf_finish(&told);
    return messages;
}
