#include "infer/template.h"

#include <stdlib.h>
#include <string.h>

#include "infer/template_form.h"

/* Whether a template reads a member of that name, as far as its text tells: .name, 'name' or "name". */
static bool mentions(const struct template_spec *spec, const char *name)
{
    const size_t len = strlen(name);

    for (size_t i = 1; i + len < spec->len; i++) {
        const char before = spec->text[i - 1], after = spec->text[i + len];

        if (memcmp(spec->text + i, name, len) != 0)
            continue;
        if ((before == '\'' || before == '"') && after == before)
            return true;
        if (before == '.' && after != '_' && !(after >= 'a' && after <= 'z'))
            return true;
    }
    return false;
}

static bool has_word(const struct template_spec *spec, const char *word)
{
    return memmem(spec->text, spec->len, word, strlen(word)) != NULL;
}

static int create(struct template *t, const struct template_spec *spec, struct err *err)
{
    /* As firefunction's model card has them. */
    static const char functions[] = "{{ tools | map(attribute='function') | list | tojson(indent=4) }}";

    t->tokenizer = spec->tokenizer;
    if (spec->now) {
        t->now = *spec->now;
        t->has_now = true;
    }
    t->jinja = jinja_compile(spec->text, spec->len, err);
    if (!t->jinja)
        return -1;
    if (has_word(spec, "functions")) {
        t->functions = jinja_compile(functions, sizeof functions - 1, err);
        if (!t->functions)
            return -1;
    }
    t->has_thinking = mentions(spec, "thinking");
    t->has_reasoning = mentions(spec, "reasoning");
    if (template_names_init(&t->names, t->tokenizer, err) < 0)
        return -1;
    template_names_see(&t->names, spec->text, spec->len);
    if (template_probe(t, err) < 0)
        return -1;
    return template_names_close(&t->names, t->tokenizer, err);
}

struct template *template_create(const struct template_spec *spec, struct err *err)
{
    struct template *t = calloc(1, sizeof *t);

    if (!t) {
        fail(err, CORAX_E_LIMIT, "template: no memory");
        return NULL;
    }
    if (create(t, spec, err) < 0) {
        template_destroy(t);
        return NULL;
    }
    return t;
}

void template_destroy(struct template *t)
{
    if (!t)
        return;
    template_names_finish(&t->names);
    jinja_destroy(t->functions);
    jinja_destroy(t->jinja);
    free(t);
}

const struct template_traits *template_traits(const struct template *t)
{
    return &t->traits;
}

void template_today(struct tm *today)
{
    const time_t now = time(NULL);

    if (!localtime_r(&now, today))
        *today = (struct tm){ .tm_year = 70, .tm_mday = 1, .tm_wday = 4 };
    today->tm_hour = today->tm_min = today->tm_sec = 0;
}

int template_text(const struct template *t, const struct template_form *form, const struct json *messages,
                  const struct json *tools, enum template_thinking thinking, size_t max_steps, size_t max_bytes, struct jinja_text *out,
                  struct err *err)
{
    static const char *const trusted[] = { "bos_token", "eos_token", "begin_token", "date_string", "datetime",
                                           "messages[].role" };
    struct jinja_options options = { .now = &t->now, .trusted = trusted, .n_trusted = sizeof trusted / sizeof trusted[0],
                                     .max_steps = max_steps, .max_output = TEMPLATE_MAX_TEXT, .max_bytes = max_bytes };
    struct json *globals = template_globals(t, form, messages, tools, thinking, err);
    struct tm today;
    int rc;

    *out = (struct jinja_text){ 0 };
    if (!globals)
        return -1;
    if (!t->has_now) {
        template_today(&today);
        options.now = &today;
    }
    rc = jinja_render(t->jinja, globals, &options, out, err);
    json_free(globals);
    return rc;
}

int template_render(const struct template *t, const struct json *messages, const struct json *tools, enum template_thinking thinking,
                    struct template_prompt *out, struct err *err)
{
    struct template_prompt p = { .tail = 0 };
    struct jinja_text text;
    int rc;

    if (template_check(messages, tools, err) < 0)
        return -1;
    if (template_text(t, &t->form, messages, tools, thinking, 0, 0, &text, err) < 0)
        return text.raised ? err_context(err, "the model's template refuses these messages") : -1;
    buf_init(&p.text, TEMPLATE_MAX_TEXT);
    buf_add(&p.text, text.s, text.len);
    p.tail = text.n_data ? text.data[text.n_data - 1].to : 0;
    rc = p.text.failed ? fail(err, CORAX_E_LIMIT, "out of memory for a prompt of %zu bytes", text.len)
                       : template_tokens(t, &text, &p.tokens, err);
    jinja_text_finish(&text);
    if (rc < 0)
        template_prompt_finish(&p);
    else
        *out = p;
    return rc;
}

void template_prompt_finish(struct template_prompt *p)
{
    tokens_finish(&p->tokens);
    buf_finish(&p->text);
    p->tail = 0;
}
