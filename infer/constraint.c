#include "infer/constraint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "infer/grammar.h"
#include "infer/utf8.h"
#include "util/arena.h"

#define ARENA_LIMIT ((size_t)64 << 20)

struct entry {
    const char *name; /* with the space that ends it */
    size_t len;
    const struct grammar *arguments;
};

struct state {
    enum constraint_phase phase;
    struct utf8 utf8;
    size_t n_thought;
    size_t tool, n_name;            /* one tool that begins with the n_name bytes of the name so far */
    struct grammar_state arguments; /* last: copied only as far as it is used */
};

struct constraint {
    const struct tokenizer *tokenizer;
    struct arena *arena;
    struct entry *tools;
    size_t n_tools, max_thought;
    enum tool_choice choice;
    int32_t call, answer, end;
    struct state state, trial, ahead; /* ahead: behind what is guessed */
};

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
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static int add_tools(struct constraint *c, const struct constraint_spec *spec, struct err *err)
{
    if (spec->n_tools > CONSTRAINT_MAX_TOOLS)
        return fail(err, CORAX_E_ARGS, "%zu tools, at most %d", spec->n_tools, CONSTRAINT_MAX_TOOLS);
    if (spec->choice == CHOICE_REQUIRED && spec->n_tools == 0)
        return fail(err, CORAX_E_ARGS, "a call is required, but there are no tools");
    c->tools = arena_alloc(c->arena, spec->n_tools * sizeof *c->tools + 1);
    if (!c->tools)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tools", spec->n_tools);
    for (size_t i = 0; i < spec->n_tools; i++) {
        const struct tool *tool = &spec->tools[i];
        struct entry *e = &c->tools[i];

        if (check_name(tool->name, err) < 0)
            return -1;
        if (tool->parameters && !(tool->parameters->types & SCHEMA_OBJECT))
            return fail(err, CORAX_E_ARGS, "tool %s: type: its parameters are not an object", tool->name);
        e->name = arena_printf(c->arena, "%s ", tool->name);
        if (!e->name)
            return fail(err, CORAX_E_LIMIT, "out of memory for %zu tools", spec->n_tools);
        e->len = strlen(e->name);
        e->arguments = grammar_compile(tool->parameters, c->arena, err);
        if (!e->arguments)
            return err_context(err, "tool %s", tool->name);
    }
    qsort(c->tools, spec->n_tools, sizeof *c->tools, compare_names);
    for (size_t i = 1; i < spec->n_tools; i++)
        if (strcmp(c->tools[i - 1].name, c->tools[i].name) == 0)
            return fail(err, CORAX_E_ARGS, "tool %sis there twice", c->tools[i].name);
    c->n_tools = spec->n_tools;
    return 0;
}

struct constraint *constraint_create(const struct tokenizer *tokenizer, const struct constraint_spec *spec,
                                     struct err *err)
{
    struct constraint *c = calloc(1, sizeof *c);

    if (!c || !(c->arena = arena_create(ARENA_LIMIT))) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        free(c);
        return NULL;
    }
    c->tokenizer = tokenizer;
    c->choice = spec->choice;
    c->max_thought = spec->max_thought;
    c->call = spec->call;
    c->answer = spec->answer;
    c->end = spec->end;
    if (add_tools(c, spec, err) < 0) {
        constraint_destroy(c);
        return NULL;
    }
    return c;
}

void constraint_destroy(struct constraint *c)
{
    if (!c)
        return;
    arena_destroy(c->arena);
    free(c);
}

enum constraint_phase constraint_phase(const struct constraint *c)
{
    return c->state.phase;
}

/* Tools whose names begin alike stand together: the search starts at the one that matched so far. */
static bool next_in_name(const struct constraint *c, struct state *s, unsigned char byte)
{
    for (size_t i = s->tool; i < c->n_tools; i++) {
        const struct entry *e = &c->tools[i];

        if (e->len <= s->n_name || memcmp(e->name, c->tools[s->tool].name, s->n_name) != 0)
            break; /* sorted, and a name that is a prefix ends in a space, which sorts first */
        if ((unsigned char)e->name[s->n_name] != byte)
            continue;
        s->tool = i;
        if (++s->n_name == e->len) {
            s->phase = PHASE_ARGUMENTS;
            grammar_start(&s->arguments, e->arguments);
        }
        return true;
    }
    return false;
}

static bool next_byte(const struct constraint *c, struct state *s, unsigned char byte)
{
    switch (s->phase) {
    case PHASE_THOUGHT:
    case PHASE_ANSWER:
        return byte && utf8_next(&s->utf8, byte);
    case PHASE_NAME:
        return next_in_name(c, s, byte);
    case PHASE_ARGUMENTS:
        if (s->arguments.depth == 1 && s->arguments.frames[0].kind == 0 && byte != '{')
            return false; /* a schema may allow other kinds beside the object */
        if (!grammar_next(&s->arguments, byte))
            return false;
        if (s->arguments.depth == 0)
            s->phase = PHASE_DONE;
        return true;
    case PHASE_DONE:
        break;
    }
    return false;
}

/* Special tokens move between phases. */
static bool next_special(const struct constraint *c, struct state *s, int32_t token)
{
    if (s->utf8.n_left)
        return false;
    if (s->phase == PHASE_THOUGHT && token == c->call && c->choice != CHOICE_NONE && c->n_tools)
        s->phase = PHASE_NAME;
    else if (s->phase == PHASE_THOUGHT && token == c->answer && c->choice != CHOICE_REQUIRED)
        s->phase = PHASE_ANSWER;
    else if (s->phase == PHASE_ANSWER && token == c->end)
        s->phase = PHASE_DONE;
    else
        return false;
    return true;
}

static bool next_token(const struct constraint *c, struct state *s, int32_t token)
{
    size_t len;
    const char *bytes = tokenizer_bytes(c->tokenizer, token, &len);

    if (token == c->call || token == c->answer || token == c->end)
        return next_special(c, s, token);
    if (len == 0)
        return false;
    if (s->phase == PHASE_THOUGHT && ++s->n_thought > c->max_thought && len > s->utf8.n_left)
        return false; /* past the limit only the rest of a character may come */
    for (size_t i = 0; i < len; i++)
        if (!next_byte(c, s, (unsigned char)bytes[i]))
            return false;
    return true;
}

static void copy_state(struct state *to, const struct state *from)
{
    memcpy(to, from, offsetof(struct state, arguments));
    if (from->phase == PHASE_ARGUMENTS)
        grammar_copy(&to->arguments, &from->arguments);
}

bool constraint_allows(struct constraint *c, int32_t token)
{
    if (token < 0 || (size_t)token >= tokenizer_n_tokens(c->tokenizer))
        return false; /* a model may have rows past its vocabulary */
    copy_state(&c->trial, &c->state);
    return next_token(c, &c->trial, token);
}

/* The only printable byte that may follow the state `ahead`; 0: there are several, or none. */
static unsigned char only_byte(struct constraint *c)
{
    unsigned char found = 0;

    for (unsigned char byte = ' '; byte < 0x7f; byte++) {
        copy_state(&c->trial, &c->ahead);
        if (!next_byte(c, &c->trial, byte))
            continue;
        if (found)
            return 0;
        found = byte;
    }
    return found;
}

size_t constraint_guess(struct constraint *c, char *out, size_t max)
{
    size_t n = 0;

    if (c->state.phase != PHASE_NAME && c->state.phase != PHASE_ARGUMENTS)
        return 0;
    copy_state(&c->ahead, &c->state);
    for (unsigned char byte; n < max && (byte = only_byte(c)) != 0 && next_byte(c, &c->ahead, byte);)
        out[n++] = (char)byte;
    return n;
}

void constraint_accept(struct constraint *c, int32_t token)
{
    bool good = next_token(c, &c->state, token);

    assert(good);
    (void)good;
}
