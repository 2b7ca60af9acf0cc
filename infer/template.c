#include "infer/template.h"

#include <stdlib.h>
#include <string.h>

#include "infer/jinja.h"
#include "infer/template_messages.h"

#define GLOBALS_LIMIT ((size_t)32 << 20)
#define MAX_VALUES    2000000 /* of the globals */
#define TRY_STEPS     1000000 /* of a small conversation that it is shown: published templates take some thousand */

struct name {
    const char *text; /* of the tokenizer */
    size_t len;
};

struct template {
    struct jinja *jinja;
    const struct tokenizer *tokenizer;
    struct tm now;
    bool has_now;
    size_t max_steps;
    struct template_habits habits;
    struct template_traits traits;
    struct buf bos, eos;  /* their names; empty: none */
    struct name *user;    /* user-defined tokens whose names the template writes: in data they are text */
    size_t n_user;
};

/* --- rendering ---------------------------------------------------------------------------------------------------- */

static int render_text(const struct template *t, const struct template_habits *habits, const struct json *messages, const struct json *tools,
                       enum template_thinking thinking, bool goes_on, struct jinja_text *out, struct err *err)
{
    static const char *const trusted[] = { "bos_token", "eos_token" };
    struct tm now = t->now;
    const time_t clock = time(NULL);
    const struct template_globals g = { messages, tools, t->bos.data, t->eos.data, &now, thinking, goes_on };
    const struct jinja_options options = { .now = &now, .trusted = trusted, .n_trusted = 2, .trusted_list = "messages", .trusted_member = "role",
                                           .max_steps = t->max_steps };
    struct json *globals = NULL;
    struct buf text;
    int result = -1;

    if (!t->has_now)
        localtime_r(&clock, &now);
    buf_init(&text, GLOBALS_LIMIT);
    if (template_write_globals(habits, &g, &text, err) == 0)
        globals = json_parse_large(text.data, text.len, MAX_VALUES, err);
    if (globals) {
        result = jinja_render(t->jinja, globals, &options, out, err);
        if (result < 0)
            err_context(err, "chat template");
    }
    json_free(globals);
    buf_finish(&text);
    return result;
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

struct stretches {
    const struct template *t;
    const struct jinja_text *text;
    struct tokens *out;
    size_t from;   /* where the stretch of text that is not encoded yet begins */
    size_t span;   /* the first span of data that may lie ahead */
    struct err *err;
};

/* Does data overlap with these bytes? */
static bool is_data(struct stretches *s, size_t from, size_t to)
{
    while (s->span < s->text->n_data && s->text->data[s->span].to <= from)
        s->span++;
    return s->span < s->text->n_data && s->text->data[s->span].from < to;
}

static int encode_up_to(struct stretches *s, size_t to)
{
    const size_t from = s->from;

    s->from = to;
    return to > from ? tokenizer_encode(s->t->tokenizer, s->text->s + from, to - from, s->out, s->err) : 0;
}

static size_t user_name_at(const struct template *t, const char *text, size_t len)
{
    size_t longest = 0;

    for (size_t i = 0; i < t->n_user; i++)
        if (t->user[i].len <= len && t->user[i].len > longest && memcmp(t->user[i].text, text, t->user[i].len) == 0)
            longest = t->user[i].len;
    return longest;
}

/*
 * Control tokens come from what the template wrote alone; a user-defined token's name in data is cut, so that the tokenizer does not find it.
 */
static int encode(const struct template *t, const struct jinja_text *text, struct tokens *out, struct err *err)
{
    struct stretches s = { .t = t, .text = text, .out = out, .err = err };

    for (size_t at = 0; at < text->len;) {
        size_t used = 0;
        const int32_t token = tokenizer_special_at(t->tokenizer, text->s + at, text->len - at, &used);

        if (token >= 0 && !is_data(&s, at, at + used)) {
            if (encode_up_to(&s, at) < 0 || tokens_add(out, token, err) < 0)
                return -1;
            s.from = at = at + used;
            continue;
        }
        used = user_name_at(t, text->s + at, text->len - at);
        at++;
        if (used > 1 && is_data(&s, at - 1, at - 1 + used) && encode_up_to(&s, at) < 0)
            return -1;
    }
    return encode_up_to(&s, text->len);
}

int template_render(const struct template *t, const struct json *messages, const struct json *tools, enum template_thinking thinking,
                    struct template_prompt *out, struct err *err)
{
    struct jinja_text text;

    memset(out, 0, sizeof *out);
    buf_init(&out->text, JINJA_MAX_OUTPUT + 1);
    if (render_text(t, &t->habits, messages, tools, thinking, true, &text, err) < 0)
        return -1;
    buf_add(&out->text, text.s, text.len);
    out->tail = text.n_data ? text.data[text.n_data - 1].to : 0;
    if (out->text.failed)
        fail(err, CORAX_E_LIMIT, "out of memory for a prompt");
    else if (encode(t, &text, &out->tokens, err) == 0) {
        jinja_text_finish(&text);
        return 0;
    }
    jinja_text_finish(&text);
    template_prompt_finish(out);
    return -1;
}

void template_prompt_finish(struct template_prompt *p)
{
    tokens_finish(&p->tokens);
    buf_finish(&p->text);
    memset(p, 0, sizeof *p);
}

/* --- habits ------------------------------------------------------------------------------------------------------- */

#define TEXT(S)   "\"parts\":[{\"type\":\"text\",\"text\":\"" S "\"}]"
#define SYSTEM    "{\"role\":\"system\"," TEXT("system9537") "}"
#define USER      "{\"role\":\"user\"," TEXT("user9537") "}"
#define ASSISTANT "{\"role\":\"assistant\"," TEXT("said9537") "}"
#define CALL(N)   "{\"id\":\"" N "\",\"name\":\"name" N "\",\"arguments\":\"{\\\"key" N "\\\":\\\"value" N "\\\"}\"}"
#define RESULT(N) "{\"role\":\"tool\",\"call_id\":\"" N "\"," TEXT("result" N) "}"
#define TOOLS     "[{\"name\":\"tool9537\",\"description\":\"about9537\",\"parameters\":{\"type\":\"object\",\"properties\":{\"key9537\":" \
                  "{\"type\":\"string\",\"description\":\"d\"}},\"required\":[\"key9537\"]}}]"

/* Renders a small conversation: does the text have all of these?  wanted: NULL at the end. */
static bool shows(const struct template *t, const struct template_habits *habits, const char *messages, bool tools, const char *const *wanted)
{
    struct json *list = json_parse(messages, strlen(messages), NULL), *tool_list = tools ? json_parse(TOOLS, sizeof TOOLS - 1, NULL) : NULL;
    struct jinja_text text;
    bool good = false;

    if (list && render_text(t, habits, list, tool_list, THINKING_AS_EVER, true, &text, NULL) == 0) {
        good = true;
        for (; *wanted && good; wanted++)
            good = memmem(text.s, text.len, *wanted, strlen(*wanted)) != NULL;
        good = good && !memmem(text.s, text.len, "\\\"key", 5); /* arguments that were escaped a second time */
        jinja_text_finish(&text);
    }
    json_free(tool_list);
    json_free(list);
    return good;
}

#define SHOWS(T, H, MESSAGES, TOOLS_TOO, ...) shows(T, H, MESSAGES, TOOLS_TOO, (const char *const[]){ __VA_ARGS__, NULL })

/* The first way of giving calls in which they appear. */
static bool find_calls(struct template *t)
{
    const struct template_habits before = t->habits;

    for (unsigned way = 0; way < 4; way++) {
        t->habits = before;
        t->habits.null_content = way & 1;
        t->habits.text_arguments = way & 2;
        if (SHOWS(t, &t->habits, "[" USER ",{\"role\":\"assistant\",\"calls\":[" CALL("1") "]}," RESULT("1") "]", true, "name1", "key1", "value1"))
            return true;
    }
    t->habits = before;
    return false;
}

/* A system message must be seen whatever comes behind it. */
static void find_system(struct template *t)
{
    t->traits.system = SHOWS(t, &t->habits, "[" SYSTEM "," USER "]", false, "system9537", "user9537") &&
                       SHOWS(t, &t->habits, "[" SYSTEM "," USER "," ASSISTANT "," USER "]", false, "system9537", "user9537");
    if (t->traits.system && t->traits.calls && t->traits.results)
        t->traits.system = SHOWS(t, &t->habits, "[" SYSTEM "," USER ",{\"role\":\"assistant\",\"calls\":[" CALL("1") "]}," RESULT("1") "]", true,
                                 "system9537", "user9537");
    t->habits.no_system = !t->traits.system;
}

static int find_habits(struct template *t, struct err *err)
{
    struct template_habits *h = &t->habits;

    if (!SHOWS(t, h, "[" USER "]", false, "user9537") && !SHOWS(t, h, "[" USER "]", true, "user9537"))
        return fail(err, CORAX_E_ARGS, "chat template: it does not show a person's question: is it one for conversations?");
    t->traits.tools = SHOWS(t, h, "[" USER "]", true, "tool9537", "key9537");
    t->traits.calls = find_calls(t);
    t->traits.results = SHOWS(t, h, "[" USER ",{\"role\":\"assistant\",\"calls\":[" CALL("1") "]}," RESULT("1") "]", true, "result1");
    if (t->traits.calls) {
        t->traits.parallel = SHOWS(t, h, "[" USER ",{\"role\":\"assistant\",\"calls\":[" CALL("1") "," CALL("2") "]}," RESULT("1") "," RESULT("2") "]", true,
                                   "name1", "value1", "name2", "value2");
        h->single = !t->traits.parallel;
    }
    find_system(t);
    return 0;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\r\n", text[i]))
            return false;
    return true;
}

static int find_user_names(struct template *t, const struct template_spec *spec, struct err *err)
{
    size_t n = 0, len;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < tokenizer_n_tokens(t->tokenizer); i++) {
            const char *name = tokenizer_name(t->tokenizer, (int32_t)i, &len);

            if (tokenizer_type(t->tokenizer, (int32_t)i) != TOKEN_USER || len < 2 || is_blank(name, len) || !memmem(spec->text, spec->len, name, len))
                continue;
            if (pass == 0)
                n++;
            else
                t->user[t->n_user++] = (struct name){ name, len };
        }
        if (pass == 0 && !(t->user = calloc(n + 1, sizeof *t->user)))
            return fail(err, CORAX_E_LIMIT, "out of memory");
    }
    return 0;
}

static void keep_name(const struct tokenizer *t, int32_t token, struct buf *out)
{
    size_t len;
    const char *name;

    buf_init(out, TOKENIZER_MAX_TOKEN + 1);
    if (token < 0)
        return;
    name = tokenizer_name(t, token, &len);
    buf_add(out, name, len);
}

static bool mentions(const struct template_spec *spec, const char *text)
{
    return memmem(spec->text, spec->len, text, strlen(text)) != NULL;
}

struct template *template_create(const struct template_spec *spec, struct err *err)
{
    struct template *t = calloc(1, sizeof *t);

    if (!t) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    t->tokenizer = spec->tokenizer;
    t->has_now = spec->now != NULL;
    t->max_steps = TRY_STEPS;
    if (spec->now)
        t->now = *spec->now;
    t->habits.thinking_member = mentions(spec, "message.thinking");
    t->habits.functions = mentions(spec, "functools[");
    keep_name(t->tokenizer, tokenizer_bos(t->tokenizer), &t->bos);
    keep_name(t->tokenizer, tokenizer_eos(t->tokenizer), &t->eos);
    t->jinja = jinja_compile(spec->text, spec->len, err);
    if (!t->jinja || find_user_names(t, spec, err) < 0 || find_habits(t, err) < 0) {
        template_destroy(t);
        return NULL;
    }
    t->max_steps = spec->max_steps;
    return t;
}

void template_destroy(struct template *t)
{
    if (!t)
        return;
    jinja_destroy(t->jinja);
    buf_finish(&t->bos);
    buf_finish(&t->eos);
    free(t->user);
    free(t);
}

const struct template_traits *template_traits(const struct template *t)
{
    return &t->traits;
}
