/*
 * Values, and what is around all members.  What an object or an array may have is in notation_object.c and notation_array.c.
 */
#include "infer/notation.h"

#include <stdlib.h>
#include <string.h>

#include "infer/notation_rules.h"

/* --- one alternative ---------------------------------------------------------------------------------------------- */

void run_add(struct run *run, enum symbol_kind kind, uint32_t value)
{
    if (run->n < RUN_MAX)
        run->list[run->n++] = (struct symbol){ kind, value };
    run->literal = false;
}

static void add_literal(struct rules *r, struct run *run, regex text)
{
    if (run->literal)
        run->list[run->n - 1].value = regex_concat(r->program->regexes, run->list[run->n - 1].value, text);
    else
        run_add(run, SYMBOL_REGEX, text);
    run->literal = true;
}

void run_text(struct rules *r, struct run *run, const char *text, size_t len)
{
    add_literal(r, run, regex_literal(r->program->regexes, text, len));
}

void run_mark(struct rules *r, struct run *run, const struct notation_mark *mark)
{
    if (mark->n == 0)
        run_text(r, run, mark->text, mark->len);
    for (size_t i = 0; i < mark->n; i++)
        if (mark->symbols[i].kind == SYMBOL_REGEX)
            add_literal(r, run, mark->symbols[i].value);
        else
            run_add(run, mark->symbols[i].kind, mark->symbols[i].value);
}

void run_put(struct rules *r, const struct run *run, uint32_t rule, uint32_t alternative)
{
    program_put(r->program, rule, alternative, run->list, run->n);
}

void run_put_dead(struct rules *r, uint32_t rule, uint32_t alternative)
{
    program_put(r->program, rule, alternative, &(struct symbol){ SYMBOL_REGEX, REGEX_NONE }, 1);
}

/* --- states ------------------------------------------------------------------------------------------------------- */

int rules_refuse(struct rules *r, const char *what)
{
    return fail(r->err, CORAX_E_ARGS, "%s cannot be held in this notation", what);
}

int states_init(struct rules *r, struct states *s, size_t total)
{
    *s = (struct states){ .total = total };
    if (total > NOTATION_MAX_STATES)
        return rules_refuse(r, "so many members that depend on each other or are counted");
    s->rules = malloc((total + 1) * sizeof *s->rules);
    s->queue = malloc((total + 1) * sizeof *s->queue);
    if (!s->rules || !s->queue) {
        states_finish(s);
        return fail(r->err, CORAX_E_LIMIT, "out of memory for a constraint");
    }
    for (size_t i = 0; i < total; i++)
        s->rules[i] = PROGRAM_NO_RULE;
    return 0;
}

void states_finish(struct states *s)
{
    free(s->rules);
    free(s->queue);
    *s = (struct states){ 0 };
}

bool states_are_many(const struct states *s)
{
    return s->n > NOTATION_MAX_RULES;
}

uint32_t states_rule(struct rules *r, struct states *s, size_t state, uint32_t n_alternatives)
{
    if (s->rules[state] == PROGRAM_NO_RULE) {
        s->rules[state] = program_rule(r->program, n_alternatives);
        if (s->rules[state] != PROGRAM_NO_RULE)
            s->queue[s->n++] = (uint32_t)state;
    }
    return s->rules[state];
}

/* --- values ------------------------------------------------------------------------------------------------------- */

/* The rule that is known for a value; a new one has so many alternatives, and *made is true. */
static int rule_of(struct rules *r, conj c, unsigned under, uint32_t n_alternatives, uint32_t *rule, bool *made)
{
    const uint32_t words[] = { c, under };
    const size_t before = r->known.n;
    const uint32_t number = intern_add(&r->known, words, 2);

    if (number == INTERN_NONE)
        return fail(r->err, CORAX_E_LIMIT, "out of memory for a constraint");
    *made = r->known.n > before;
    if (*made) {
        if (number >= r->numbers_cap) {
            const size_t cap = 2 * r->numbers_cap + 64;
            uint32_t *more = realloc(r->numbers, cap * sizeof *more);

            if (!more)
                return fail(r->err, CORAX_E_LIMIT, "out of memory for a constraint");
            r->numbers = more;
            r->numbers_cap = cap;
        }
        r->numbers[number] = program_rule(r->program, n_alternatives);
    }
    *rule = r->numbers[number];
    return 0;
}

static const struct value_shape *expand(struct rules *r, conj c)
{
    const struct value_shape *v = shapes_expand(r->shapes, c);

    if (!v && r->err)
        *r->err = *shapes_error(r->shapes);
    return v;
}

/* Texts of whole characters without U+0000, such that the mark behind them is the first one there is. */
static regex before_mark(struct regexes *rs, const struct notation_mark *mark)
{
    static const struct regex_range characters[] = { { 1, 0x10ffff } };
    const regex text = regex_repeat(rs, regex_chars(rs, characters, 1, false), 0, REGEX_MANY);
    const char *m = mark->text;
    regex bad = regex_concat(rs, REGEX_ANY, regex_concat(rs, regex_literal(rs, m, mark->len), REGEX_ANY));

    for (size_t k = 1; k < mark->len; k++)
        if (memcmp(m + k, m, mark->len - k) == 0) /* behind its own first k bytes it begins k bytes too early */
            bad = regex_or(rs, bad, regex_concat(rs, REGEX_ANY, regex_literal(rs, m, k)));
    return regex_minus(rs, text, bad);
}

unsigned notation_kinds(struct shapes *shapes, struct regexes *rs, conj c)
{
    static const struct { char first; unsigned kind; } scalars[] = {
        { 'n', SCHEMA_NULL }, { 't', SCHEMA_BOOL }, { 'f', SCHEMA_BOOL }, { '-', SCHEMA_NUMBER },
        { '0', SCHEMA_NUMBER }, { '1', SCHEMA_NUMBER }, { '2', SCHEMA_NUMBER }, { '3', SCHEMA_NUMBER }, { '4', SCHEMA_NUMBER },
        { '5', SCHEMA_NUMBER }, { '6', SCHEMA_NUMBER }, { '7', SCHEMA_NUMBER }, { '8', SCHEMA_NUMBER }, { '9', SCHEMA_NUMBER },
    };
    const struct value_shape *v = shapes_expand(shapes, c);
    uint64_t first[4];
    unsigned kinds;

    if (!v)
        return 0;
    kinds = (v->strings != REGEX_NONE ? SCHEMA_STRING : 0) | (v->n_objects ? SCHEMA_OBJECT : 0) | (v->n_arrays ? SCHEMA_ARRAY : 0);
    regex_first(rs, v->scalars, first);
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
        kinds |= first[scalars[i].first / 64] >> scalars[i].first % 64 & 1 ? scalars[i].kind : 0;
    return kinds;
}

/* What looks like a value of these kinds, with white space around it. */
static regex look_like(struct rules *r, unsigned kinds)
{
    struct regexes *rs = r->program->regexes;
    const regex blank = regex_chars(rs, (struct regex_range[]){ { ' ', ' ' }, { '\t', '\n' }, { '\r', '\r' } }, 3, false);
    const regex blanks = regex_repeat(rs, blank, 0, REGEX_MANY);
    regex all = REGEX_NONE;

    if (kinds & SCHEMA_NUMBER && regex_number(rs, &(struct regex_number){ .integer = false }, &all, r->err) < 0)
        return REGEX_NONE;
    if (kinds & SCHEMA_BOOL)
        all = regex_or(rs, all, regex_literals(rs, (const char *const[]){ "true", "false" }, (const size_t[]){ 4, 5 }, 2));
    if (kinds & SCHEMA_NULL)
        all = regex_or(rs, all, regex_literal(rs, "null", 4));
    all = regex_concat(rs, all, blanks);
    if (kinds & SCHEMA_OBJECT)
        all = regex_or(rs, all, regex_concat(rs, regex_literal(rs, "{", 1), REGEX_ANY));
    if (kinds & SCHEMA_ARRAY)
        all = regex_or(rs, all, regex_concat(rs, regex_literal(rs, "[", 1), REGEX_ANY));
    return regex_concat(rs, blanks, all);
}

/* A rule on kinds alone. */
#define ONLY(types_) {                                                                                                        \
    .pointer = "", .types = (types_), .min_properties = -1, .max_properties = -1, .min_contains = -1, .max_contains = -1,      \
    .min_items = -1, .max_items = -1, .min_length = -1, .max_length = -1 }

static int check_composite(struct rules *r)
{
    const struct notation_mark *m = &r->notation->value_close;

    for (size_t i = 0; i < m->len; i++)
        if ((unsigned char)m->text[i] < 0x20)
            return 0; /* JSON has none inside of strings, and white space elsewhere does not stand beside such text */
    return rules_refuse(r, "an object or array, in which the mark behind a value may come,");
}

/*
 * A raw string.  Where a schema says only how long it is, that is counted apart from what ends it: any text may follow any, so a number of
 * characters is all that is to be looked at.
 */
static void run_raw(struct rules *r, struct run *run, regex strings, regex texts)
{
    struct regexes *rs = r->program->regexes;
    int64_t min, max;
    regex unit;

    if (texts == regex_and(rs, strings, r->raw) && regex_units(rs, strings, &unit, &min, &max) && (min > 0 || max >= 0) && min < UINT32_MAX &&
        max < UINT32_MAX && regex_repeat(rs, unit, 0, REGEX_MANY) == REGEX_ANY) {
        const struct text_limit limit = { .text = r->raw, .min = (uint32_t)min, .max = max < 0 ? UINT32_MAX : (uint32_t)max };

        run_add(run, SYMBOL_LIMITED, program_limit(r->program, &limit));
    } else {
        run_add(run, SYMBOL_REGEX, texts);
    }
}

int rules_tagged(struct rules *r, conj c, unsigned kinds, uint32_t *rule)
{
    static const struct schema composite = ONLY(SCHEMA_OBJECT | SCHEMA_ARRAY);
    struct regexes *rs = r->program->regexes;
    const struct notation *n = r->notation;
    const struct value_shape *v = expand(r, c);
    const bool told = n->text_close.text != NULL;
    regex texts, scalars;
    bool made;
    conj json;

    if (!v || rule_of(r, c, told ? 0 : kinds, 3, rule, &made) < 0)
        return -1;
    if (!made)
        return 0;
    texts = regex_and(rs, v->strings, r->raw);
    scalars = v->scalars;
    if (!told)
        texts = regex_or(rs, regex_minus(rs, texts, look_like(r, kinds)), scalars);
    for (uint32_t i = 0; i < 3; i++) {
        struct run run = { 0 };

        run_mark(r, &run, i == 0 && told ? &n->text_close : &n->key_close);
        json = i == 2 && (v->n_objects || v->n_arrays) ? shapes_both(r->shapes, c, shapes_schema(r->shapes, &composite)) : CONJ_NOTHING;
        if (i == 0)
            run_raw(r, &run, v->strings, texts);
        else if (i == 1)
            run_add(&run, SYMBOL_REGEX, told ? scalars : REGEX_NONE);
        else if (json != CONJ_NOTHING)
            run_add(&run, SYMBOL_JSON, json);
        else
            run_add(&run, SYMBOL_REGEX, REGEX_NONE);
        if (json != CONJ_NOTHING && (check_composite(r) < 0 || !expand(r, json)))
            return -1;
        run_mark(r, &run, &n->value_close);
        run_put(r, &run, *rule, i);
    }
    return 0;
}

int rules_marked(struct rules *r, conj c, unsigned level, uint32_t *rule)
{
    const struct value_shape *v = expand(r, c);
    const bool deeper = level < NOTATION_MAX_LEVELS;
    struct run text = { 0 };
    uint32_t n = 2, made_of;
    bool made;

    if (!v)
        return -1;
    if (rule_of(r, c, level, 2 + (deeper ? (uint32_t)(v->n_objects + v->n_arrays) : 0), rule, &made) < 0)
        return -1;
    if (!made)
        return 0;
    made_of = *rule;
    run_mark(r, &text, &r->notation->quote);
    run_raw(r, &text, v->strings, regex_and(r->program->regexes, v->strings, r->raw));
    run_mark(r, &text, &r->notation->quote);
    run_put(r, &text, made_of, 0);
    program_put(r->program, made_of, 1, &(struct symbol){ SYMBOL_REGEX, v->scalars }, 1);
    for (size_t i = 0; deeper && i < v->n_objects + v->n_arrays; i++) {
        struct symbol below = { .kind = SYMBOL_RULE };

        if (i < v->n_objects ? rules_object(r, v, v->objects[i], level, &below.value) < 0
                             : rules_array(r, v->arrays[i - v->n_objects], level, &below.value) < 0)
            return -1;
        program_put(r->program, made_of, n++, &below, 1);
    }
    return 0;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int add_objects(struct rules *r, conj c, uint32_t *start)
{
    const struct value_shape *v = expand(r, c);

    if (!v)
        return -1;
    *start = program_rule(r->program, (uint32_t)v->n_objects);
    for (uint32_t i = 0; i < v->n_objects; i++) {
        struct symbol s = { .kind = SYMBOL_RULE };

        if (rules_object(r, v, v->objects[i], 0, &s.value) < 0)
            return -1;
        program_put(r->program, *start, i, &s, 1);
    }
    return 0;
}

static int check(const struct notation *n, struct shapes *shapes, conj c, struct err *err)
{
    const struct notation_mark *end = n->kind == NOTATION_TAGS ? &n->value_close : &n->quote;
    const struct value_shape *v;

    if (shapes_expand_all(shapes, c, err) < 0)
        return -1;
    if (n->kind == NOTATION_JSON)
        return 0;
    if (end->len == 0 || (n->kind == NOTATION_TAGS && (n->key_close.len == 0 || n->key_open.len == 0)))
        return fail(err, CORAX_E_ARGS, "a notation of arguments lacks a mark");
    v = shapes_expand(shapes, c);
    return v && v->n_objects ? 0 : fail(err, CORAX_E_ARGS, "arguments must be an object; the schema allows none");
}

int notation_add(struct program_builder *b, struct shapes *shapes, const struct notation *n, conj c, struct symbol *out, struct err *err)
{
    struct rules r = { .program = b, .shapes = shapes, .notation = n, .err = err };
    uint32_t start;
    int result;

    if (check(n, shapes, c, err) < 0)
        return -1;
    if (n->kind == NOTATION_JSON) {
        *out = (struct symbol){ SYMBOL_JSON, c };
        return 0;
    }
    intern_init(&r.known, PROGRAM_MAX_SYMBOLS);
    r.raw = before_mark(b->regexes, n->kind == NOTATION_TAGS ? &n->value_close : &n->quote);
    result = add_objects(&r, c, &start);
    if (result == 0) /* conjunctions were added on the way */
        result = shapes_expand_all(shapes, c, err);
    if (result == 0)
        *out = (struct symbol){ SYMBOL_RULE, start };
    intern_finish(&r.known);
    free(r.numbers);
    return result;
}
