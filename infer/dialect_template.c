/*
 * Dialects of chat templates: the template makes the prompt, and a format of infer/tool_format.h the script.
 *
 * What a template does not show is told in the system message (tools), or written as text (calls and results, as in ReAct).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/dialect.h"
#include "infer/dialect_text.h"
#include "infer/template.h"
#include "infer/tool_format.h"

#define TEXT_LIMIT ((size_t)16 << 20)
#define MAX_VALUES 2000000 /* of messages and tools */
#define MAX_STOP   64

struct templated {
    struct template *template;
    const struct tokenizer *tokenizer;
    const struct tool_format *format;
    struct dialect_text text; /* what the template does not know */
    struct thinking_marks marks;
    bool thinks;
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

/* --- the prompt --------------------------------------------------------------------------------------------------- */

static int compare_tools(const void *a, const void *b)
{
    return strcmp((*(const struct tool *const *)a)->name, (*(const struct tool *const *)b)->name);
}

/* The declarations of those that are shown, sorted by name: the same tools are the same text, whatever their order was. */
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
        if (sorted[i]->declaration && !sorted[i]->later)
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

static int render_messages(const struct templated *d, const struct dialect_request *q, struct template_prompt *out, struct err *err)
{
    const bool rewritten = d->text.system || (q->n_tools > 0 && (d->text.told || d->text.calls || d->text.results));
    struct json *tools = q->n_tools ? list_tools(q, err) : NULL, *messages = NULL;
    int result = -1;

    if (q->n_tools && !tools)
        return -1;
    if (rewritten && template_check(q->messages, tools, err) == 0)
        messages = dialect_text_write(&d->text, q->messages, tools, err);
    if (!rewritten || messages)
        result = template_render(d->template, messages ? messages : q->messages, d->text.told ? NULL : tools, q->thinking, out, err);
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
#define WORK                                                                                                                          \
    USER(SAID) ",{\"role\":\"assistant\",\"calls\":[{\"id\":\"1\",\"name\":\"look\",\"arguments\":\"{\\\"k\\\":\\\"" USED "\\\"}\"}]}," \
               "{\"role\":\"tool\",\"call_id\":\"1\"," PARTS(REPLIED) "}"

/* Is a system message still there when calls have been made? */
static void find_system(struct templated *d)
{
    static const char work[] = "[{\"role\":\"system\"," PARTS(ASKED) "}," WORK "]";
    struct template_prompt p;

    if (!template_traits(d->template)->system || d->text.calls || d->text.results)
        return;
    if (behind(d, work, SAID, &p)) {
        d->text.system = !strstr(p.text.data, ASKED);
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

/* What the template writes between an answer and the next question, and between a call and its result, ends replies. */
static void find_ends(struct templated *d)
{
    static const char talk[] = "[" USER(SAID) ",{\"role\":\"assistant\"," PARTS(REPLIED) "}," USER(ASKED) "]";
    static const char work[] = "[" WORK "]";
    const char *last = d->format->end ? d->format->end : d->format->close[0], *from, *to;
    struct template_prompt p;

    from = behind(d, talk, REPLIED, &p);
    if (from) {
        to = strstr(from, ASKED);
        if (to)
            take_end(d, from, to, true);
        template_prompt_finish(&p);
    }
    from = d->text.calls || !last || !*last ? NULL : behind(d, work, USED, &p);
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
    d->text.format = d->format;
    d->text.told = dialect_text_is_react(d->format) || !traits->tools;
    d->text.calls = dialect_text_is_react(d->format) || !traits->calls;
    d->text.results = dialect_text_is_react(d->format) || !traits->results;
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
