#include "infer/dialect.h"

#include <stdlib.h>
#include <string.h>

struct dialect *dialect_open(const struct gguf *g, const struct tokenizer *t, const struct dialect_options *options, struct err *err)
{
    static const struct dialect_options none = { 0 };
    struct gguf_string named = { "", 0 };
    struct dialect *d = calloc(1, sizeof *d);
    int result;

    options = options ? options : &none;
    if (!d) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    d->tokenizer = t;
    result = gguf_get_string(g, "corax.dialect", &named, err);
    if (result >= 0 && options->name)
        named = (struct gguf_string){ options->name, strlen(options->name) };
    if (result >= 0 && named.len == 7 && memcmp(named.s, "corax-1", 7) == 0)
        result = dialect_corax_open(d, err);
    else if (result >= 0)
        result = dialect_template_open(d, g, options, err);
    if (result >= 0)
        return d;
    dialect_close(d);
    return NULL;
}

void dialect_close(struct dialect *d)
{
    if (!d)
        return;
    if (d->state)
        d->kind->close(d->state);
    free(d);
}

const char *dialect_name(const struct dialect *d)
{
    return d->name;
}

/* --- a turn ------------------------------------------------------------------------------------------------------- */

struct reply_grammar {
    struct script_grammar script;
    const struct constraint_text *text;
};

static int build(void *arg, struct program_builder *b, struct shapes *shapes, uint32_t *start, struct err *err)
{
    struct reply_grammar *g = arg;
    struct symbol answer;

    if (g->text && constraint_text_symbol(g->text, b, shapes, &answer, err) < 0)
        return -1;
    g->script.answer = g->text ? &answer : NULL;
    return script_build(&g->script, b, shapes, start, err);
}

static int make_constraint(const struct dialect *d, struct mask_vocabulary *v, const struct dialect_request *q, struct turn *t, struct err *err)
{
    struct reply_grammar g = { { &t->script, q->tools, q->choice == CHOICE_NONE ? 0 : q->n_tools, NULL, q->n_tools }, q->text };
    const struct constraint_spec spec = {
        .build = build,
        .arg = &g,
        .style = &d->kind->style,
        .lenient = q->lenient,
        .max_thought = t->script.max_thought,
        .after_thought = { t->script.after_thought[0], t->script.after_thought[1] },
    };

    t->pool = q->text ? NULL : q->pool;
    t->constraint = t->pool ? constraint_pool_take(t->pool, &t->script) : NULL;
    if (t->constraint)
        return 0;
    t->constraint = constraint_create(v, &spec, err);
    t->bad_tool = g.script.bad_tool;
    return t->constraint ? 0 : -1;
}

int dialect_prompt(const struct dialect *d, const struct dialect_request *q, struct tokens *out, struct script *script, struct err *err)
{
    script_init(script, d->tokenizer);
    return d->kind->render(d->state, q, out, script, err);
}

int dialect_turn(const struct dialect *d, struct mask_vocabulary *v, const struct dialect_request *q, size_t limit, struct turn *t, struct err *err)
{
    memset(t, 0, sizeof *t);
    t->bad_tool = q->n_tools;
    if (tools_check(q->tools, q->n_tools, q->choice, err) < 0)
        return -1;
    if (dialect_prompt(d, q, &t->prompt, &t->script, err) < 0 || make_constraint(d, v, q, t, err) < 0) {
        tokens_finish(&t->prompt);
        return -1;
    }
    reply_init(&t->reply, &t->script, q->tools, q->n_tools, limit);
    return 0;
}

void turn_finish(struct turn *t)
{
    if (t->pool)
        constraint_pool_leave(t->pool, &t->script, t->constraint);
    else
        constraint_destroy(t->constraint);
    tokens_finish(&t->prompt);
    reply_finish(&t->reply);
    memset(t, 0, sizeof *t);
}
