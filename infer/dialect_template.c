/*
 * Dialects of chat templates: the template makes the prompt, and a format of infer/tool_format.h the script.
 *
 * What a template does not show is told in the system message (tools), or written as text (calls and results, as in ReAct).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/dialect.h"
#include "infer/template.h"
#include "infer/tool_format.h"

#define TEXT_LIMIT ((size_t)16 << 20)
#define MAX_VALUES 2000000 /* of messages and tools */
#define MAX_STOP   64

struct templated {
    struct template *template;
    const struct tokenizer *tokenizer;
    const struct tool_format *format;
    struct thinking_marks marks;
    bool thinks, told;              /* told: the system message tells of the tools */
    bool system_as_text;                 /* it stands before the first question: the template loses it where calls follow */
    bool calls_as_text, results_as_text; /* the template knows none: an assistant's or a user's message has them */
    int32_t ends[SCRIPT_MAX_ENDS];
    size_t n_ends;
    char stop[MAX_STOP + 1]; /* "": a token ends a reply */
};

static void close_templated(void *state)
{
    struct templated *d = state;

    template_destroy(d->template);
    free(d);
}

/* --- the messages as the template takes them ---------------------------------------------------------------------- */

static bool is_react(const struct templated *d)
{
    return strcmp(d->format->name, "react") == 0;
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

static void add_parts(const struct json *message, struct buf *out)
{
    for (const struct json *part = json_first(json_get(message, "parts")); part; part = json_next(part))
        buf_adds(out, json_get_text(part, "text", ""));
}

static int compare_tools(const void *a, const void *b)
{
    return strcmp((*(const struct tool *const *)a)->name, (*(const struct tool *const *)b)->name);
}

/* The declarations, sorted by name: the same tools are the same text, whatever their order was. */
static struct json *list_tools(const struct dialect_request *q, struct err *err)
{
    const struct tool **sorted = calloc(q->n_tools + 1, sizeof *sorted);
    struct json *list = NULL;
    struct jsonw w;
    struct buf text;

    buf_init(&text, TEXT_LIMIT);
    w = jsonw_start(&text);
    jsonw_array(&w, NULL);
    for (size_t i = 0; i < q->n_tools && sorted; i++)
        sorted[i] = &q->tools[i];
    if (sorted)
        qsort(sorted, q->n_tools, sizeof *sorted, compare_tools);
    for (size_t i = 0; i < q->n_tools && sorted; i++)
        if (sorted[i]->declaration)
            jsonw_value(&w, NULL, sorted[i]->declaration);
    jsonw_end(&w);
    if (!sorted || text.failed)
        fail(err, CORAX_E_LIMIT, "out of memory for %zu tools", q->n_tools);
    else
        list = json_parse_large(text.data, text.len, MAX_VALUES, err);
    free(sorted);
    buf_finish(&text);
    return list;
}

/* What a template would have told of the tools. */
static void describe(const struct templated *d, const struct json *tools, struct buf *out)
{
    const struct tool_format *f = d->format;

    buf_adds(out, "You can use these tools:\n");
    for (const struct json *t = json_first(tools); t; t = json_next(t)) {
        struct jsonw w = jsonw_start(out);

        buf_addf(out, "\n%s: %s\nArguments: ", json_get_text(t, "name", ""), json_get_text(t, "description", ""));
        w.start = out->len;
        if (json_get(t, "parameters"))
            jsonw_value(&w, NULL, json_get(t, "parameters"));
        else
            buf_adds(out, "{}");
        buf_addc(out, '\n');
    }
    if (is_react(d)) {
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
    add_parts(message, text);
    for (const struct json *call = json_first(calls); call; call = json_next(call))
        buf_addf(text, "\nAction: %s\nAction Input: %s", json_get_text(call, "name", ""), json_get_text(call, "arguments", "{}"));
}

static void write_calls(const struct tool_format *f, const struct json *message, struct buf *text)
{
    const struct json *first = json_first(json_get(message, "calls"));

    add_parts(message, text);
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

static void write_assistant(struct jsonw *w, const struct templated *d, const struct json *message)
{
    struct buf text;

    buf_init(&text, TEXT_LIMIT);
    if (is_react(d))
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
        add_parts(message, &text);
        if (!is_result(json_next(message)))
            break;
        buf_addc(&text, '\n');
    }
    write_text_message(w, "user", &text);
    buf_finish(&text);
    return message;
}

/* What the system message says, with what is told of the tools. */
static void collect_system(const struct templated *d, const struct json *system, const struct json *tools, struct buf *out)
{
    if (system)
        add_parts(system, out);
    if (!tools || !d->told)
        return;
    if (system)
        buf_adds(out, "\n\n");
    describe(d, tools, out);
}

/* The messages for a template that does not show tools, or has no calls.  NULL: out of memory. */
static struct json *rewrite(const struct templated *d, const struct dialect_request *q, const struct json *tools, struct err *err)
{
    const struct json *m = json_first(q->messages), *system = m && strcmp(json_get_text(m, "role", ""), "system") == 0 ? m : NULL;
    struct json *messages = NULL;
    struct buf text, told;
    struct jsonw w;

    buf_init(&text, TEXT_LIMIT);
    buf_init(&told, TEXT_LIMIT);
    collect_system(d, system, tools, &told);
    w = jsonw_start(&text);
    jsonw_array(&w, NULL);
    if (told.len && !d->system_as_text)
        write_text_message(&w, "system", &told);
    for (m = system ? json_next(system) : m; m; m = json_next(m)) {
        if (told.len && d->system_as_text && strcmp(json_get_text(m, "role", ""), "user") == 0) {
            buf_adds(&told, "\n\n");
            add_parts(m, &told);
            write_text_message(&w, "user", &told);
            buf_reset(&told);
        } else if (d->calls_as_text && strcmp(json_get_text(m, "role", ""), "assistant") == 0)
            write_assistant(&w, d, m);
        else if (d->results_as_text && is_result(m))
            m = write_results(&w, m);
        else
            jsonw_value(&w, NULL, m);
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

static int render_messages(const struct templated *d, const struct dialect_request *q, struct template_prompt *out, struct err *err)
{
    const bool rewritten = d->system_as_text || (q->n_tools > 0 && (d->told || d->calls_as_text || d->results_as_text));
    struct json *tools = q->n_tools ? list_tools(q, err) : NULL, *messages = NULL;
    int result = -1;

    if (q->n_tools && !tools)
        return -1;
    if (rewritten && json_kind(q->messages) == JSON_ARRAY)
        messages = rewrite(d, q, tools, err);
    if (!rewritten || json_kind(q->messages) != JSON_ARRAY || messages)
        result = template_render(d->template, messages ? messages : q->messages, d->told ? NULL : tools, q->thinking, out, err);
    json_free(messages);
    json_free(tools);
    return result;
}

/* --- the script --------------------------------------------------------------------------------------------------- */

/* Where a text stands last in what the template wrote behind the conversation; NULL: nowhere. */
static const char *last_of(const struct template_prompt *p, const char *mark)
{
    const char *at = p->text.data + p->tail, *found = NULL;

    for (; mark && (at = strstr(at, mark)) != NULL; at++)
        found = at;
    return found;
}

static void write_script(const struct templated *d, const struct dialect_request *q, const struct template_prompt *p, struct script *s)
{
    const char *open = last_of(p, d->marks.open), *close = last_of(p, d->marks.close);
    const bool may_call = q->n_tools > 0 && q->choice != CHOICE_NONE;
    const struct tool_wish wish = {
        .calls = may_call,
        .required = may_call && q->choice == CHOICE_REQUIRED,
        .one_call = q->one_call,
        .tools = q->n_tools > 0,
        .thinking = d->thinks && open && (!close || close < open),
        .thinks = d->thinks && !close && q->thinking != THINKING_OFF,
        .stop = *d->stop ? d->stop : NULL,
    };

    for (size_t i = 0; i < d->n_ends; i++)
        script_end_token(s, d->ends[i]);
    tool_format_script(d->format, &d->marks, &wish, s);
}

static int render(const void *state, const struct dialect_request *q, struct tokens *out, struct script *script, struct err *err)
{
    const struct templated *d = state;
    struct template_prompt prompt = { 0 };

    if (render_messages(d, q, &prompt, err) < 0)
        return -1;
    write_script(d, q, &prompt, script);
    *out = prompt.tokens;
    prompt.tokens = (struct tokens){ 0 };
    template_prompt_finish(&prompt);
    return 0;
}

/* --- what ends a reply -------------------------------------------------------------------------------------------- */

static void add_end(struct templated *d, int32_t token)
{
    for (size_t i = 0; i < d->n_ends; i++)
        if (d->ends[i] == token)
            return;
    if (token >= 0 && d->n_ends < SCRIPT_MAX_ENDS)
        d->ends[d->n_ends++] = token;
}

#define USED    "used9537"
#define SAID    "said9537"
#define REPLIED "replied9537"
#define ASKED   "asked9537"

/* Shows the template a conversation; NULL or what it writes behind `from`, in out->text. */
static const char *behind(const struct templated *d, const char *conversation, const char *from, struct template_prompt *out)
{
    struct json *messages = json_parse(conversation, strlen(conversation), NULL);
    const char *at = NULL;

    if (messages && template_render(d->template, messages, NULL, THINKING_AS_EVER, out, NULL) == 0) {
        at = strstr(out->text.data, from);
        if (!at)
            template_prompt_finish(out);
    }
    json_free(messages);
    return at ? at + strlen(from) : NULL;
}

/* The first control token in a text; if it has none, the text without white space around it. */
static void take_end(struct templated *d, const char *from, const char *to, bool or_text)
{
    size_t used;

    for (const char *at = from; at < to; at++) {
        const int32_t token = tokenizer_special_at(d->tokenizer, at, (size_t)(to - at), &used);

        if (token >= 0) {
            add_end(d, token);
            return;
        }
    }
    while (to > from && strchr(" \n", to[-1]))
        to--;
    if (or_text && to > from && (size_t)(to - from) <= MAX_STOP)
        memcpy(d->stop, from, (size_t)(to - from));
}

#define PARTS(S) "\"parts\":[{\"type\":\"text\",\"text\":\"" S "\"}]"
#define USER(S)  "{\"role\":\"user\"," PARTS(S) "}"

/* What the template writes between an answer and the next question, and between a call and its result, ends replies. */
/* Is a system message still there when calls have been made? */
static void find_system(struct templated *d)
{
    static const char work[] = "[{\"role\":\"system\"," PARTS(ASKED) "}," USER(SAID) ",{\"role\":\"assistant\",\"calls\":[{\"id\":\"1\",\"name\":\"look\","
                               "\"arguments\":\"{\\\"k\\\":\\\"" USED "\\\"}\"}]},{\"role\":\"tool\",\"call_id\":\"1\"," PARTS(REPLIED) "}]";
    struct template_prompt p;

    if (!template_traits(d->template)->system || d->calls_as_text || d->results_as_text)
        return;
    if (behind(d, work, SAID, &p)) {
        d->system_as_text = !strstr(p.text.data, ASKED);
        template_prompt_finish(&p);
    }
}

static int check_shown(const struct templated *d, struct err *err)
{
    struct template_prompt p;

    if (!behind(d, "[" USER(SAID) "]", SAID, &p))
        return fail(err, CORAX_E_ARGS, "chat template: it does not show a person's question: is it one for conversations?");
    template_prompt_finish(&p);
    return 0;
}

static void find_ends(struct templated *d)
{
    static const char talk[] = "[" USER(SAID) ",{\"role\":\"assistant\"," PARTS(REPLIED) "}," USER(ASKED) "]";
    static const char work[] = "[" USER(SAID) ",{\"role\":\"assistant\",\"calls\":[{\"id\":\"1\",\"name\":\"look\",\"arguments\":\"{\\\"k\\\":\\\"" USED
                               "\\\"}\"}]},{\"role\":\"tool\",\"call_id\":\"1\"," PARTS(REPLIED) "}]";
    const char *last = d->format->end ? d->format->end : d->format->close[0], *from, *to;
    struct template_prompt p;

    from = behind(d, talk, REPLIED, &p);
    if (from) {
        to = strstr(from, ASKED);
        if (to)
            take_end(d, from, to, true);
        template_prompt_finish(&p);
    }
    from = d->calls_as_text || !last || !*last ? NULL : behind(d, work, USED, &p);
    if (from) {
        const char *end = strstr(from, last);

        to = strstr(from, REPLIED);
        if (end && to && end + strlen(last) <= to)
            take_end(d, end + strlen(last), to, false);
        template_prompt_finish(&p);
    }
    add_end(d, tokenizer_eos(d->tokenizer));
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static int use_template(struct templated *d, const struct gguf_string *text, struct err *err)
{
    template_destroy(d->template);
    d->template = template_create(&(struct template_spec){ .text = text->s, .len = text->len, .tokenizer = d->tokenizer }, err);
    return d->template ? 0 : -1;
}

static int use_builtin(struct templated *d, const char *name, struct gguf_string *text, struct err *err)
{
    *text = (struct gguf_string){ template_builtin(name), strlen(template_builtin(name)) };
    return use_template(d, text, err);
}

static int open_template(struct templated *d, const struct gguf *g, const struct dialect_options *o, struct gguf_string *text, struct err *err)
{
    struct gguf_string arch = { "", 0 };
    char name[64];
    const char *ours;

    *text = (struct gguf_string){ o->template_text, o->template_len };
    if (!text->s && gguf_get_string(g, "tokenizer.chat_template", text, err) < 0)
        return -1;
    if (text->s && text->len > 0)
        return use_template(d, text, err);
    if (gguf_get_string(g, "general.architecture", &arch, err) < 0)
        return -1;
    snprintf(name, sizeof name, "%.*s", (int)(arch.len < 60 ? arch.len : 60), arch.s);
    ours = template_guess(name, d->tokenizer);
    if (!ours)
        return fail(err, CORAX_E_ARGS, "the model has no chat template and is of no family that one is known for, so it cannot chat: give one with "
                                       "--template FILE, or let it go on from a text with corax-infer generate --raw");
    return use_builtin(d, ours, text, err);
}

/* Can calls be written in the format without a template that knows it? */
static bool writes_as_text(const struct tool_format *f)
{
    return !f->make && f->notation.kind == NOTATION_JSON && !strpbrk(f->open, "\1\2") && !strpbrk(f->middle[0], "\1\2");
}

static int choose_format(struct templated *d, struct gguf_string *text, const char *name, struct err *err)
{
    const struct template_traits *traits = template_traits(d->template);

    d->format = name ? tool_format_find(name) : tool_format_detect(text->s, text->len);
    if (name && !d->format)
        return fail(err, CORAX_E_ARGS, "there is no dialect \"%.40s\": docs/dialects.md lists them", name);
    if (d->format && !traits->calls && template_builtin(d->format->name)) {
        if (use_builtin(d, d->format->name, text, err) < 0)
            return -1;
        traits = template_traits(d->template);
    }
    if (!d->format || (!traits->calls && !writes_as_text(d->format)))
        d->format = tool_format_find("react");
    d->told = is_react(d) || !traits->tools;
    d->calls_as_text = is_react(d) || !traits->calls;
    d->results_as_text = is_react(d) || !traits->results;
    d->thinks = tool_format_thinking(d->format, text->s, text->len, &d->marks);
    return 0;
}

int dialect_template_open(struct dialect *dialect, const struct gguf *g, const struct dialect_options *o, struct err *err)
{
    static const struct dialect_kind kind = {
        .close = close_templated,
        .render = render,
        .style = { .spaced = true, .ordered = true, .closed = true, .free = true },
    };
    struct templated *d = calloc(1, sizeof *d);
    struct gguf_string text;

    if (!d)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    dialect->kind = &kind;
    dialect->state = d;
    d->tokenizer = dialect->tokenizer;
    if (open_template(d, g, o, &text, err) < 0 || choose_format(d, &text, o->name, err) < 0 || check_shown(d, err) < 0)
        return -1;
    dialect->name = d->format->name;
    find_system(d);
    find_ends(d);
    return 0;
}
