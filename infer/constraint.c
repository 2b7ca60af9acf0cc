/*
 * The reply as a program of infer/machine.h, and what only tokens can say: how long a thought is.
 */
#include "infer/constraint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "infer/gbnf.h"
#include "infer/matcher.h"

struct constraint {
    struct mask_vocabulary *vocabulary;
    struct matcher *matcher;
    int32_t call, answer, end;
    size_t n_thought, max_thought;
    enum constraint_phase phase;
    bool raw;
    uint32_t *bits; /* the mask, made when it is asked for */
    bool has_bits;
};

/* --- the grammar -------------------------------------------------------------------------------------------------- */

static int check_name(const char *name, struct err *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > CONSTRAINT_MAX_NAME)
        return fail(err, CORAX_E_ARGS, "a tool name of %zu bytes, allowed are 1 to %d", len, CONSTRAINT_MAX_NAME);
    for (size_t i = 0; i < len; i++)
        if (name[i] <= 0x20 || name[i] >= 0x7f || strchr("\"\\(),", name[i]))
            return fail(err, CORAX_E_ARGS, "tool %s: the name has the byte 0x%02x", name, (unsigned char)name[i]);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_tools(const struct constraint_spec *spec, struct err *err)
{
    const char **names;
    int result = 0;

    if (spec->n_tools > CONSTRAINT_MAX_TOOLS)
        return fail(err, CORAX_E_ARGS, "%zu tools, at most %d", spec->n_tools, CONSTRAINT_MAX_TOOLS);
    if (spec->choice == CHOICE_REQUIRED && spec->n_tools == 0)
        return fail(err, CORAX_E_ARGS, "a call is required, but there are no tools");
    names = malloc((spec->n_tools + 1) * sizeof *names);
    if (!names)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tools", spec->n_tools);
    for (size_t i = 0; i < spec->n_tools && result == 0; i++) {
        names[i] = spec->tools[i].name;
        result = check_name(names[i], err);
    }
    if (result == 0)
        qsort(names, spec->n_tools, sizeof *names, compare_names);
    for (size_t i = 1; i < spec->n_tools && result == 0; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            result = fail(err, CORAX_E_ARGS, "tool %s is there twice", names[i]);
    free(names);
    return result;
}

/* Arguments are an object, whatever else a schema allows; a tool without a schema takes none. */
static conj arguments_of(struct shapes *shapes, const struct tool *tool, struct err *err)
{
    const conj c = tool->parameters ? shapes_both(shapes, shapes_object(shapes, true), shapes_schema(shapes, tool->parameters))
                                    : shapes_object(shapes, false);

    if (shapes_expand_all(shapes, c, err) == 0)
        return c;
    err_context(err, "tool %s", tool->name);
    return CONJ_NOTHING;
}

/* Text of whole characters without U+0000. */
static regex text_of(struct regexes *rs)
{
    static const struct regex_range characters[] = { { 1, 0x10ffff } };

    return regex_repeat(rs, regex_chars(rs, characters, 1, false), 0, REGEX_MANY);
}

/* What the answer is, as a symbol. */
static int answer_of(const struct constraint_spec *spec, struct program_builder *b, struct shapes *shapes, struct symbol *out, struct err *err)
{
    const struct constraint_text *t = spec->text;
    regex r;

    if (!t) {
        *out = (struct symbol){ SYMBOL_REGEX, text_of(b->regexes) };
        return 0;
    }
    switch (t->kind) {
    case CONSTRAINT_SCHEMA:
        *out = (struct symbol){ SYMBOL_JSON, shapes_schema(shapes, t->schema) };
        return shapes_expand_all(shapes, out->value, err);
    case CONSTRAINT_GRAMMAR:
        out->kind = SYMBOL_RULE;
        return gbnf_add(b, t->text, t->len, &out->value, err);
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

static int put_tools(struct program_builder *b, struct shapes *shapes, const struct constraint_spec *spec, uint32_t rule,
                     struct err *err)
{
    for (uint32_t i = 0; i < spec->n_tools; i++) {
        const struct tool *tool = &spec->tools[i];
        const regex name = regex_concat(b->regexes, regex_literal(b->regexes, tool->name, strlen(tool->name)),
                                        regex_literal(b->regexes, " ", 1));
        const conj arguments = arguments_of(shapes, tool, err);

        if (arguments == CONJ_NOTHING)
            return -1;
        program_put(b, rule, i, (struct symbol[]){ { SYMBOL_REGEX, name }, { SYMBOL_JSON, arguments } }, 2);
    }
    return 0;
}

/* thought, then a call or an answer: see constraint.h. */
static int build(void *arg, struct program_builder *b, struct shapes *shapes, uint32_t *start, struct err *err)
{
    const struct constraint_spec *spec = arg;
    const bool calls = spec->choice != CHOICE_NONE && spec->n_tools > 0, answers = spec->choice != CHOICE_REQUIRED;
    const regex text = text_of(b->regexes);
    const uint32_t root = program_rule(b, 1), rest = spec->raw ? PROGRAM_NO_RULE : program_rule(b, (uint32_t)calls + answers);
    struct symbol answer;
    uint32_t tools;

    *start = root;
    if (answer_of(spec, b, shapes, &answer, err) < 0)
        return -1;
    if (spec->raw) {
        program_put(b, root, 0, (struct symbol[]){ answer, { SYMBOL_TOKEN, (uint32_t)spec->end } }, spec->end < 0 ? 1 : 2);
        return 0;
    }
    program_put(b, root, 0, (struct symbol[]){ { SYMBOL_REGEX, text }, { SYMBOL_RULE, rest } }, 2);
    if (calls) {
        tools = program_rule(b, (uint32_t)spec->n_tools);
        program_put(b, rest, 0, (struct symbol[]){ { SYMBOL_TOKEN, (uint32_t)spec->call }, { SYMBOL_RULE, tools } }, 2);
        if (put_tools(b, shapes, spec, tools, err) < 0)
            return -1;
    }
    if (answers)
        program_put(b, rest, calls, (struct symbol[]){ { SYMBOL_TOKEN, (uint32_t)spec->answer }, answer,
                                                       { SYMBOL_TOKEN, (uint32_t)spec->end } }, 3);
    return 0;
}

struct constraint *constraint_create(struct mask_vocabulary *vocabulary, const struct constraint_spec *spec, struct err *err)
{
    /* Calls are written as the shipped models are trained to; an answer as JSON mostly is, on one line. */
    static const struct json_style call = { .blanks = 0, .ordered = true, .closed = true, .escapes = false };
    static const struct json_style answer = { .blanks = 1, .ordered = true, .escapes = true };
    static const struct shape_options options = { .short_numbers = true };
    struct constraint *c;

    if (check_tools(spec, err) < 0)
        return NULL;
    c = calloc(1, sizeof *c);
    if (!c) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    c->vocabulary = vocabulary;
    c->max_thought = spec->max_thought;
    c->raw = spec->raw;
    c->call = spec->call;
    c->answer = spec->answer;
    c->end = spec->end;
    c->phase = spec->raw ? PHASE_ANSWER : PHASE_THOUGHT;
    c->matcher = matcher_create(vocabulary, build, (void *)(uintptr_t)spec, spec->text ? &answer : &call, &options, err);
    if (c->matcher)
        return c;
    constraint_destroy(c);
    return NULL;
}

void constraint_destroy(struct constraint *c)
{
    if (!c)
        return;
    matcher_destroy(c->matcher);
    free(c->bits);
    free(c);
}

/* --- token by token ----------------------------------------------------------------------------------------------- */

enum constraint_phase constraint_phase(const struct constraint *c)
{
    return c->phase;
}

bool constraint_allows(struct constraint *c, int32_t token)
{
    if (token < 0 || (size_t)token >= c->vocabulary->n_tokens || c->phase == PHASE_DONE)
        return false; /* a model may have rows past its vocabulary */
    if (c->has_bits)
        return c->bits[token / 32] >> token % 32 & 1;
    return matcher_allows(c->matcher, token);
}

bool constraint_prepare(struct constraint *c)
{
    if (c->phase == PHASE_DONE)
        return false;
    if (!c->bits)
        c->bits = malloc(c->vocabulary->n_words * sizeof *c->bits);
    c->has_bits = c->bits && matcher_mask(c->matcher, c->bits);
    return c->has_bits;
}

static void change_phase(struct constraint *c, int32_t token)
{
    size_t len;
    const char *bytes = mask_vocabulary_bytes(c->vocabulary, token, &len);

    if (c->raw)
        ;
    else if (token == c->call)
        c->phase = PHASE_NAME;
    else if (token == c->answer)
        c->phase = PHASE_ANSWER;
    else if (c->phase == PHASE_NAME && len > 0 && memchr(bytes, ' ', len))
        c->phase = PHASE_ARGUMENTS;
    else if (c->phase == PHASE_THOUGHT)
        c->n_thought++;
    if (!matcher_goes_on(c->matcher))
        c->phase = PHASE_DONE;
}

void constraint_accept(struct constraint *c, int32_t token)
{
    bool good = matcher_read_token(c->matcher, token);

    assert(good);
    (void)good;
    c->has_bits = false;
    change_phase(c, token);
    if (c->phase == PHASE_THOUGHT && c->n_thought >= c->max_thought)
        matcher_end_text(c->matcher); /* past the limit only the rest of a character may come */
}

size_t constraint_guess(struct constraint *c, char *out, size_t max)
{
    return c->phase == PHASE_NAME || c->phase == PHASE_ARGUMENTS ? matcher_forced(c->matcher, out, max) : 0;
}
