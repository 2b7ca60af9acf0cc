/*
 * A script as rules for the machine: one for each state, its alternatives the ways out of it.
 *
 * A part that may be any text is a regular language: the texts in which none of the marks that end it has come, and for each mark the texts
 * that it ends, where it comes for the first time.
 */
#include <stdlib.h>
#include <string.h>

#include "infer/free_text.h"
#include "infer/script.h"

#define MAX_SYMBOLS 24 /* of one alternative */

struct alternative {
    int           state;
    struct symbol symbols[MAX_SYMBOLS];
    size_t        n;
};

struct building {
    struct script_grammar *g;
    const struct script    *s;
    struct program_builder *b;
    struct regexes         *rs;
    struct shapes          *shapes;
    struct alternative     *list;
    struct symbol          *arguments; /* [n_tools] */
    size_t                  n, cap;
    uint32_t                rules[SCRIPT_MAX_STATES];
    bool                    failed;
};

/* --- symbols ------------------------------------------------------------------------------------------------------ */

static struct alternative *add(struct building *w, int state)
{
    if (w->n == w->cap) {
        const size_t cap = w->cap ? 2 * w->cap : 64;
        struct alternative *list = realloc(w->list, cap * sizeof *list);

        if (!list) {
            w->failed = true;
            return NULL;
        }
        w->list = list;
        w->cap = cap;
    }
    w->list[w->n] = (struct alternative){ .state = state };
    return &w->list[w->n++];
}

/* Texts that stand behind each other become one. */
static void put(struct building *w, struct alternative *a, enum symbol_kind kind, uint32_t value)
{
    struct symbol *last = a->n ? &a->symbols[a->n - 1] : NULL;

    if (kind == SYMBOL_REGEX && last && last->kind == SYMBOL_REGEX)
        last->value = regex_concat(w->rs, last->value, value);
    else if (a->n == MAX_SYMBOLS)
        w->failed = true;
    else
        a->symbols[a->n++] = (struct symbol){ kind, value };
}

static void put_units(struct building *w, struct alternative *a, const uint32_t *units, size_t n)
{
    char bytes[SCRIPT_MAX_MARK];
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        if (units[i] < MACHINE_TOKEN)
            bytes[len++] = (char)units[i];
        if (len && (i + 1 == n || units[i + 1] >= MACHINE_TOKEN)) {
            put(w, a, SYMBOL_REGEX, regex_literal(w->rs, bytes, len));
            len = 0;
        }
        if (units[i] >= MACHINE_TOKEN)
            put(w, a, SYMBOL_TOKEN, units[i] - MACHINE_TOKEN);
    }
}

static void put_mark(struct building *w, struct alternative *a, const struct script_exit *e)
{
    if (!e->stays)
        put_units(w, a, w->s->units + e->mark.first, e->mark.n);
}

static regex literal_of(struct building *w, struct script_mark mark)
{
    char bytes[SCRIPT_MAX_MARK];
    size_t n = 0;

    for (; n < mark.n && w->s->units[mark.first + n] < MACHINE_TOKEN; n++)
        bytes[n] = (char)w->s->units[mark.first + n];
    return n ? regex_literal(w->rs, bytes, n) : REGEX_NONE; /* a token comes out of no text */
}

/* How many bytes a mark begins with. */
static size_t leading_bytes(const struct building *w, struct script_mark mark)
{
    size_t n = 0;

    while (n < mark.n && w->s->units[mark.first + n] < MACHINE_TOKEN)
        n++;
    return n;
}

static regex blanks_of(struct building *w)
{
    static const struct regex_range blanks[] = { { '\t', '\n' }, { '\r', '\r' }, { ' ', ' ' } };

    return regex_repeat(w->rs, regex_chars(w->rs, blanks, 3, false), 0, 8);
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* All that ends a text, or may not be in it. */
static regex marks_of(struct building *w, const struct script_state *state)
{
    regex all = REGEX_NONE;

    for (unsigned i = 0; i < state->n_exits; i++)
        all = regex_or(w->rs, all, literal_of(w, state->exits[i].mark));
    for (size_t i = 0; i < w->s->n_bans; i++)
        all = regex_or(w->rs, all, literal_of(w, w->s->bans[i]));
    return all;
}

static void put_end(struct building *w, struct alternative *a, size_t i)
{
    put(w, a, SYMBOL_TOKEN, (uint32_t)w->s->ends[i]);
}

/* The ways out of a text, which does not begin like one of the texts of `begins`. */
static void add_text(struct building *w, int rule, const struct script_state *state, regex begins)
{
    const bool held = w->g->answer && state->part == SCRIPT_TEXT;
    struct free_text text;
    struct alternative *a;

    free_text_make(w->rs, marks_of(w, state), begins, &text);

    for (size_t i = 0; i < w->s->n_ends && state->ends; i++) {
        if (!(a = add(w, rule)))
            return;
        put(w, a, held ? w->g->answer->kind : SYMBOL_REGEX, held ? w->g->answer->value : text.without);
        put_end(w, a, i);
    }
    for (unsigned i = 0; i < state->n_exits; i++) {
        const struct script_exit *e = &state->exits[i];
        const size_t n = leading_bytes(w, e->mark);

        if (!(a = add(w, rule)))
            return;
        if (held)
            put(w, a, SYMBOL_REGEX, blanks_of(w));
        else if (n == 0)
            put(w, a, SYMBOL_REGEX, text.without);
        if (n > 0 && !held)
            put(w, a, SYMBOL_REGEX, free_text_until(w->rs, &text, literal_of(w, e->mark)));
        put_units(w, a, w->s->units + e->mark.first + (held ? 0 : n), e->mark.n - (held ? 0 : n));
        put(w, a, SYMBOL_RULE, w->rules[e->next]);
    }
}

/* Only marks, or what another state has where none of them stands. */
static void add_marks(struct building *w, int rule, const struct script_state *state)
{
    regex begins = REGEX_NONE;

    for (unsigned i = 0; i < state->n_exits; i++) {
        const struct script_exit *e = &state->exits[i];
        struct alternative *a = add(w, rule);

        if (!a)
            return;
        if (state->blanks)
            put(w, a, SYMBOL_REGEX, blanks_of(w));
        put_mark(w, a, e);
        put(w, a, SYMBOL_RULE, w->rules[e->next]);
        begins = regex_or(w->rs, begins, regex_concat(w->rs, blanks_of(w), literal_of(w, e->mark)));
    }
    for (size_t i = 0; i < w->s->n_ends && state->ends; i++) {
        struct alternative *a = add(w, rule);

        if (a)
            put_end(w, a, i);
    }
    if (state->otherwise >= 0)
        add_text(w, rule, &w->s->states[state->otherwise], begins);
    if (state->done)
        (void)add(w, rule);
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static regex id_of(struct building *w, enum script_part part)
{
    static const struct regex_range digits[] = { { '0', '9' } }, letters[] = { { '0', '9' }, { 'A', 'Z' }, { 'a', 'z' } };

    return part == SCRIPT_DIGITS ? regex_repeat(w->rs, regex_chars(w->rs, digits, 1, false), 1, 4)
                                 : regex_repeat(w->rs, regex_chars(w->rs, letters, 3, false), 9, 9);
}

/* Behind a tool's name: the mark, perhaps an identifier and its mark, and the tool's arguments. */
static void add_path(struct building *w, int rule, size_t tool, const struct script_exit *e)
{
    const char *name = w->g->tools[tool].name;
    struct alternative *a = add(w, rule);
    const struct script_state *at;

    if (!a)
        return;
    put(w, a, SYMBOL_REGEX, regex_literal(w->rs, name, strlen(name)));
    put_mark(w, a, e);
    for (at = &w->s->states[e->next]; at->part == SCRIPT_DIGITS || at->part == SCRIPT_NINE; at = &w->s->states[at->exits[0].next]) {
        put(w, a, SYMBOL_REGEX, id_of(w, at->part));
        put_mark(w, a, &at->exits[0]);
    }
    put(w, a, w->arguments[tool].kind, w->arguments[tool].value);
    put(w, a, SYMBOL_RULE, w->rules[at->exits[0].next]);
}

static void add_names(struct building *w, int rule, const struct script_state *state)
{
    for (size_t tool = 0; tool < w->g->n_tools; tool++)
        for (unsigned i = 0; i < state->n_exits; i++)
            add_path(w, rule, tool, &state->exits[i]);
}

static void add_id(struct building *w, int rule, const struct script_state *state)
{
    struct alternative *a = add(w, rule);

    if (!a)
        return;
    put(w, a, SYMBOL_REGEX, id_of(w, state->part));
    put_mark(w, a, &state->exits[0]);
    put(w, a, SYMBOL_RULE, w->rules[state->exits[0].next]);
}

static void resolve(struct building *w, struct notation_mark *m)
{
    uint32_t units[SCRIPT_MAX_MARK];
    struct alternative a = { 0 };

    if (!m->text)
        return;
    m->len = strlen(m->text);
    put_units(w, &a, units, script_units(w->s, m->text, m->len, units, SCRIPT_MAX_MARK));
    m->n = a.n < NOTATION_MARK_SYMBOLS ? a.n : NOTATION_MARK_SYMBOLS;
    memcpy(m->symbols, a.symbols, m->n * sizeof *a.symbols);
}

static int make_arguments(struct building *w, struct err *err)
{
    struct notation notation = w->s->notation;

    resolve(w, &notation.key_open);
    resolve(w, &notation.key_close);
    resolve(w, &notation.text_close);
    resolve(w, &notation.value_close);
    resolve(w, &notation.quote);
    for (size_t i = 0; i < w->g->n_tools; i++) {
        const conj c = tool_arguments(w->shapes, &w->g->tools[i], err);

        w->g->bad_tool = i;
        if (c == CONJ_NOTHING)
            return -1;
        if (notation_add(w->b, w->shapes, &notation, c, &w->arguments[i], err) < 0)
            return err_context(err, "tool %s", w->g->tools[i].name);
        w->g->bad_tool = w->g->n_tools;
    }
    return 0;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static void add_state(struct building *w, int i)
{
    const struct script_state *state = &w->s->states[i];

    switch (state->part) {
    case SCRIPT_NOTHING:
        add_marks(w, i, state);
        break;
    case SCRIPT_REASONING:
    case SCRIPT_TEXT:
        add_text(w, i, state, REGEX_NONE);
        break;
    case SCRIPT_NAME:
        add_names(w, i, state);
        break;
    case SCRIPT_DIGITS:
    case SCRIPT_NINE:
        add_id(w, i, state);
        break;
    case SCRIPT_ARGUMENTS: /* stand with the names */
        break;
    }
}

/* Alternatives refer to rules, whose numbers are known only when it is known how many alternatives each has: so all are made twice. */
static void make_rules(struct building *w)
{
    for (size_t i = 0; i < w->s->n_states; i++)
        add_state(w, (int)i);
    for (size_t i = 0; i < w->s->n_states && !w->failed; i++) {
        uint32_t count = 0;

        for (size_t j = 0; j < w->n; j++)
            count += w->list[j].state == (int)i;
        w->rules[i] = program_rule(w->b, count);
    }
    w->n = 0;
    for (size_t i = 0; i < w->s->n_states && !w->failed; i++) {
        const size_t before = w->n;

        add_state(w, (int)i);
        for (size_t j = before; j < w->n && !w->failed; j++)
            program_put(w->b, w->rules[i], (uint32_t)(j - before), w->list[j].symbols, w->list[j].n);
    }
}

int script_build(void *grammar, struct program_builder *b, struct shapes *shapes, uint32_t *start, struct err *err)
{
    struct script_grammar *g = grammar;
    struct building w = { .g = g, .s = g->script, .b = b, .rs = b->regexes, .shapes = shapes };
    int result = -1;

    if (g->script->failed)
        return fail(err, CORAX_E_LIMIT, "the dialect's marks are longer than this program holds");
    w.arguments = calloc(g->n_tools + 1, sizeof *w.arguments);
    if (w.arguments)
        result = make_arguments(&w, err);
    if (result == 0)
        make_rules(&w);
    if (!w.arguments || w.failed)
        result = fail(err, CORAX_E_LIMIT, "out of memory for the grammar of a reply");
    *start = w.rules[g->script->start];
    free(w.arguments);
    free(w.list);
    return result;
}
