/*
 * The dialect "corax-1", as docs/dialect-corax.md has it.  Text is tokenized between the special tokens, never across
 * one and never looked through for their names.
 */
#include <stdlib.h>
#include <string.h>

#include "infer/dialect.h"
#include "infer/message.h"

#define MAX_MESSAGES 10000
#define TEXT_LIMIT   TOKENIZER_MAX_TEXT
#define MAX_THOUGHT  96 /* tokens: a thought is one short sentence */

/* Ids of the special tokens that frame a transcript. */
struct corax_tokens {
    int32_t begin, system, tools, user, think, call, obs, answer, end;
};

struct corax {
    const struct tokenizer *tokenizer;
    struct corax_tokens special;
};

struct renderer {
    const struct corax_tokens *special;
    const struct tokenizer *tokenizer;
    struct tokens *out;
    struct err *err;
    struct buf text; /* scratch for one stretch of text */
};

static int open_tokens(const struct tokenizer *t, struct corax_tokens *d, struct err *err)
{
    const struct {
        const char *name;
        int32_t *to;
    } all[] = {
        { "<|begin|>", &d->begin }, { "<|system|>", &d->system }, { "<|tools|>", &d->tools },
        { "<|user|>", &d->user },   { "<|think|>", &d->think },   { "<|call|>", &d->call },
        { "<|obs|>", &d->obs },     { "<|answer|>", &d->answer }, { "<|end|>", &d->end },
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        *all[i].to = tokenizer_special(t, all[i].name);
        if (*all[i].to < 0)
            return fail(err, CORAX_E_ARGS, "dialect corax-1: the vocabulary has no control token %s", all[i].name);
    }
    return 0;
}

static int add_special(struct renderer *r, int32_t token)
{
    return tokens_add(r->out, token, r->err);
}

static int add_text(struct renderer *r, const char *text, size_t len)
{
    return tokenizer_encode(r->tokenizer, text, len, r->out, r->err);
}

/* The stretch collected in r->text. */
static int add_collected(struct renderer *r)
{
    if (r->text.failed)
        return fail(r->err, CORAX_E_LIMIT, "more than %d bytes of text", TEXT_LIMIT);
    return add_text(r, r->text.data, r->text.len);
}

/* special, then the message's text. */
static int add_message(struct renderer *r, int32_t special, const struct json *message)
{
    buf_reset(&r->text);
    if (add_special(r, special) < 0 || message_text(message, &r->text, r->err) < 0)
        return -1;
    return add_collected(r);
}

static int add_thought(struct renderer *r, const struct json *message, bool with_parts)
{
    const struct json *reasoning = json_get(message, "reasoning");

    buf_reset(&r->text);
    if (reasoning && json_kind(reasoning) != JSON_STRING && json_kind(reasoning) != JSON_NULL)
        return fail(r->err, CORAX_E_ARGS, "reasoning: not a string");
    if (json_text(reasoning))
        buf_adds(&r->text, json_text(reasoning));
    if (with_parts && message_text(message, &r->text, r->err) < 0) /* text beside a call has no place of its own in the dialect */
        return -1;
    return add_special(r, r->special->think) < 0 ? -1 : add_collected(r);
}

static int add_call(struct renderer *r, const struct json *message, const struct json *call)
{
    const char *id = json_get_text(call, "id", NULL), *name = json_get_text(call, "name", NULL);
    const char *arguments = json_get_text(call, "arguments", NULL);
    const struct json *result;

    if (!id || !name || !arguments)
        return fail(r->err, CORAX_E_ARGS, "id, name and arguments must be strings");
    result = message_result(message, id);
    if (!result && (json_next(message) || json_next(call)))
        return fail(r->err, CORAX_E_ARGS, "no tool message with call_id \"%.60s\" follows", id);
    buf_reset(&r->text);
    buf_adds(&r->text, name);
    buf_addc(&r->text, ' ');
    buf_adds(&r->text, arguments);
    if (add_special(r, r->special->call) < 0 || add_collected(r) < 0)
        return -1;
    if (!result) /* the transcript ends here */
        return 0;
    buf_reset(&r->text);
    if (json_bool(json_get(result, "error"), false))
        buf_adds(&r->text, "error: ");
    if (message_text(result, &r->text, r->err) < 0)
        return err_context(r->err, "its result");
    return add_special(r, r->special->obs) < 0 ? -1 : add_collected(r);
}

static int add_assistant(struct renderer *r, const struct json *message)
{
    const struct json *calls = json_get(message, "calls");
    size_t i = 0;

    if (calls && json_kind(calls) != JSON_ARRAY && json_kind(calls) != JSON_NULL)
        return fail(r->err, CORAX_E_ARGS, "calls: not an array");
    if (json_count(calls) == 0) {
        if (add_thought(r, message, false) < 0 || add_message(r, r->special->answer, message) < 0)
            return -1;
        return add_special(r, r->special->end);
    }
    for (const struct json *call = json_first(calls); call; call = json_next(call), i++) {
        /* Calls made together are told one after the other, the thought before the first. */
        if (i == 0 ? add_thought(r, message, true) < 0 : add_special(r, r->special->think) < 0)
            return -1;
        if (add_call(r, message, call) < 0)
            return err_context(r->err, "calls[%zu]", i);
    }
    return 0;
}

/* A tool message was written with its call; it only has to have one. */
static int check_tool(struct renderer *r, const struct json *calls, const struct json *message)
{
    const char *id = json_get_text(message, "call_id", NULL);

    if (!id)
        return fail(r->err, CORAX_E_ARGS, "call_id: not a string");
    for (const struct json *call = json_first(calls); call; call = json_next(call))
        if (strcmp(json_get_text(call, "id", ""), id) == 0)
            return 0;
    return fail(r->err, CORAX_E_ARGS, "no call with the id \"%.60s\" comes before it", id);
}

static int add_messages(struct renderer *r, const struct json *messages)
{
    const struct json *calls = NULL; /* of the last assistant message */
    const char *role = "";
    size_t i = 0;

    for (const struct json *m = json_first(messages); m; m = json_next(m), i++) {
        int result = -1;

        role = json_get_text(m, "role", "");
        if (strcmp(role, "user") == 0) {
            result = add_message(r, r->special->user, m);
            calls = NULL;
        } else if (strcmp(role, "assistant") == 0) {
            result = add_assistant(r, m);
            calls = json_get(m, "calls");
        } else if (strcmp(role, "tool") == 0) {
            result = check_tool(r, calls, m);
        } else if (strcmp(role, "system") == 0) {
            result = i == 0 ? 0 : fail(r->err, CORAX_E_ARGS, "a system message must be the first");
        } else {
            fail(r->err, CORAX_E_ARGS, "role: \"%.40s\", allowed are system, user, assistant and tool", role);
        }
        if (result < 0)
            return err_context(r->err, "messages[%zu]", i);
    }
    /* Behind a question or an observation the model goes on. */
    if (strcmp(role, "user") != 0 && strcmp(role, "tool") != 0)
        return 0;
    return add_special(r, r->special->think);
}

static int compare_tools(const void *a, const void *b)
{
    return strcmp((*(const struct tool *const *)a)->name, (*(const struct tool *const *)b)->name);
}

/* One line a tool that is shown: name(arguments in the order of the schema, those not required with a question mark). */
static int add_tools(struct renderer *r, const struct tool *tools, size_t n_tools)
{
    const struct tool **sorted = calloc(n_tools + 1, sizeof *sorted);

    if (!sorted)
        return fail(r->err, CORAX_E_LIMIT, "out of memory for %zu tools", n_tools);
    for (size_t i = 0; i < n_tools; i++)
        sorted[i] = &tools[i];
    qsort(sorted, n_tools, sizeof *sorted, compare_tools);
    buf_reset(&r->text);
    for (size_t i = 0; i < n_tools; i++) {
        const struct schema *s = sorted[i]->parameters;

        if (sorted[i]->later)
            continue;
        buf_addf(&r->text, "%s(", sorted[i]->name);
        for (size_t j = 0; s && j < s->n_properties; j++) {
            if (j > 0)
                buf_addc(&r->text, ',');
            buf_adds(&r->text, s->properties[j].name);
            if (!s->properties[j].required)
                buf_addc(&r->text, '?');
        }
        buf_adds(&r->text, ")\n");
    }
    free(sorted);
    return add_special(r, r->special->tools) < 0 ? -1 : add_collected(r);
}

static int add_transcript(struct renderer *r, const struct dialect_request *q)
{
    const struct json *first = json_first(q->messages);
    const char *role = json_get_text(first, "role", "");

    if (json_kind(q->messages) != JSON_ARRAY || !first)
        return fail(r->err, CORAX_E_ARGS, "messages: not an array with at least one message");
    if (json_count(q->messages) > MAX_MESSAGES)
        return fail(r->err, CORAX_E_ARGS, "messages: %zu, at most %d", json_count(q->messages), MAX_MESSAGES);
    if (add_special(r, r->special->begin) < 0)
        return -1;
    if (strcmp(role, "system") == 0 && add_message(r, r->special->system, first) < 0)
        return err_context(r->err, "messages[0]");
    return add_tools(r, q->tools, q->n_tools) < 0 ? -1 : add_messages(r, q->messages);
}

/* A thought, then a call or an answer; a call is over with its arguments. */
int dialect_corax_script(struct script *s, const struct dialect_request *q, size_t max_thought)
{
    struct corax_tokens special;
    const int thought = script_state(s, SCRIPT_REASONING), text = script_state(s, SCRIPT_TEXT), name = script_state(s, SCRIPT_NAME);
    const int arguments = script_state(s, SCRIPT_ARGUMENTS), done = script_state(s, SCRIPT_NOTHING);

    if (open_tokens(s->tokenizer, &special, NULL) < 0)
        return -1;
    s->start = thought;
    s->max_thought = max_thought;
    s->after_thought[0] = special.call;
    s->after_thought[1] = special.answer;
    s->states[text].ends = true;
    s->states[done].done = true;
    script_end_token(s, special.end);
    if (q->choice != CHOICE_NONE && q->n_tools > 0)
        script_exit(s, thought, "<|call|>", name);
    if (q->choice != CHOICE_REQUIRED)
        script_exit(s, thought, "<|answer|>", text);
    script_exit(s, name, " ", arguments);
    script_exit(s, arguments, "", done);
    return 0;
}

static int render(const void *state, const struct dialect_request *q, struct tokens *out, struct script *script, struct err *err)
{
    const struct corax *c = state;
    struct renderer r = { &c->special, c->tokenizer, out, err, { 0 } };
    int result;

    buf_init(&r.text, TEXT_LIMIT);
    result = add_transcript(&r, q);
    buf_finish(&r.text);
    return result < 0 ? result : dialect_corax_script(script, q, MAX_THOUGHT);
}

int dialect_corax_open(struct dialect *d, struct err *err)
{
    static const struct dialect_kind kind = {
        .close = free,
        .render = render,
        .style = { .blanks = 0, .ordered = true, .closed = true, .escapes = false }, /* as the shipped models are trained to */
    };
    struct corax *c = calloc(1, sizeof *c);

    if (!c)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    d->kind = &kind;
    d->state = c;
    d->name = "corax-1";
    c->tokenizer = d->tokenizer;
    return open_tokens(d->tokenizer, &c->special, err);
}
