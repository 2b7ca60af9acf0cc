/* A matcher, and what only tokens can say: how long a thought is. */
#include "infer/constraint.h"

#include <assert.h>
#include <stdlib.h>

#include "infer/gbnf.h"

struct constraint {
    struct mask_vocabulary *vocabulary;
    struct matcher *matcher;
    size_t n_thought, max_thought; /* max 0: it is over, or has no bound */
    size_t first_max_thought;
    int32_t after_thought[2];
    bool done;
    uint32_t *bits; /* the mask, made when it is asked for */
    bool has_bits;
};

int constraint_text_symbol(const struct constraint_text *t, struct program_builder *b, struct shapes *shapes, struct symbol *out,
                           struct err *err)
{
    regex r;

    switch (t->kind) {
    case CONSTRAINT_SCHEMA:
        *out = (struct symbol){ SYMBOL_JSON, shapes_schema(shapes, t->schema) };
        return shapes_expand_all(shapes, out->value, err);
    case CONSTRAINT_GRAMMAR:
        out->kind = SYMBOL_RULE;
        return gbnf_add(b, t->text, t->len, &out->value, err);
    case CONSTRAINT_TAGS:
        return tags_add(t->tags, b, shapes, out, err);
    case CONSTRAINT_PATTERN:
        break;
    }
    if (regex_pattern_whole(b->regexes, t->text, t->len, &r, err) < 0)
        return -1;
    if (!regex_alive(b->regexes, r, NULL))
        return fail(err, CORAX_E_ARGS, "no text matches the pattern");
    *out = (struct symbol){ SYMBOL_REGEX, r };
    return 0;
}

struct constraint *constraint_create(struct mask_vocabulary *vocabulary, const struct constraint_spec *spec, struct err *err)
{
    struct shape_options options = spec->lenient ? *spec->lenient : (struct shape_options){ .lenient = false };
    struct constraint *c = calloc(1, sizeof *c);

    if (!c) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    options.short_numbers = true;
    c->vocabulary = vocabulary;
    c->max_thought = c->first_max_thought = spec->max_thought;
    c->after_thought[0] = spec->after_thought[0];
    c->after_thought[1] = spec->after_thought[1];
    c->matcher = matcher_create(vocabulary, spec->build, spec->arg, spec->style, &options, err);
    if (c->matcher)
        return c;
    constraint_destroy(c);
    return NULL;
}

struct whole_text {
    const struct constraint_text *text;
    int32_t end;
};

static int build_text(void *arg, struct program_builder *b, struct shapes *shapes, uint32_t *start, struct err *err)
{
    const struct whole_text *t = arg;
    struct symbol symbols[] = { { 0 }, { SYMBOL_TOKEN, (uint32_t)t->end } };

    if (constraint_text_symbol(t->text, b, shapes, &symbols[0], err) < 0)
        return -1;
    *start = program_rule(b, 1);
    program_put(b, *start, 0, symbols, t->end < 0 ? 1 : 2);
    return 0;
}

struct constraint *constraint_create_text(struct mask_vocabulary *vocabulary, const struct constraint_text *text, int32_t end, struct err *err)
{
    /* On one line, as JSON mostly is. */
    static const struct json_style style = { .blanks = 1, .ordered = true, .escapes = true };
    struct whole_text t = { text, end };
    const struct constraint_spec spec = { .build = build_text, .arg = &t, .style = &style, .lenient = text->lenient };

    return constraint_create(vocabulary, &spec, err);
}

void constraint_destroy(struct constraint *c)
{
    if (!c)
        return;
    matcher_destroy(c->matcher);
    free(c->bits);
    free(c);
}

bool constraint_is_done(const struct constraint *c)
{
    return c->done;
}

void constraint_restart(struct constraint *c)
{
    matcher_restart(c->matcher);
    c->n_thought = 0;
    c->max_thought = c->first_max_thought;
    c->done = c->has_bits = false;
}

bool constraint_is_worn(const struct constraint *c)
{
    return matcher_is_worn(c->matcher);
}

bool constraint_allows(struct constraint *c, int32_t token)
{
    if (token < 0 || (size_t)token >= c->vocabulary->n_tokens || c->done)
        return false; /* a model may have rows past its vocabulary */
    if (c->has_bits)
        return c->bits[token / 32] >> token % 32 & 1;
    return matcher_allows(c->matcher, token);
}

bool constraint_prepare(struct constraint *c)
{
    if (c->done)
        return false;
    if (!c->bits)
        c->bits = malloc(c->vocabulary->n_words * sizeof *c->bits);
    c->has_bits = c->bits && matcher_mask(c->matcher, c->bits);
    return c->has_bits;
}

void constraint_accept(struct constraint *c, int32_t token)
{
    bool good = matcher_read_token(c->matcher, token);

    assert(good);
    (void)good;
    c->has_bits = false;
    c->done = !matcher_goes_on(c->matcher);
    if (c->max_thought == 0)
        return;
    if (token == c->after_thought[0] || token == c->after_thought[1])
        c->max_thought = 0;
    else if (++c->n_thought >= c->max_thought)
        matcher_end_text(c->matcher); /* past the limit only the rest of a character may come */
}

size_t constraint_guess(struct constraint *c, char *out, size_t max)
{
    return c->done ? 0 : matcher_forced(c->matcher, out, max);
}
