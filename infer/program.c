#include "infer/program.h"

#include <string.h>

#define MAX_CHAIN 20000 /* of calls that read nothing */

void program_init(struct program_builder *b, struct regexes *regexes, struct arena *arena)
{
    *b = (struct program_builder){ .regexes = regexes, .arena = arena };
}

static void *room(struct program_builder *b, size_t size)
{
    void *p = b->failed ? NULL : arena_alloc(b->arena, size);

    b->failed |= !p;
    return p ? memset(p, 0, size) : NULL;
}

/* A list that doubles; the old one stays behind in the arena. */
static bool grow(struct program_builder *b, void *list, size_t *cap, size_t n, size_t size)
{
    void **at = list, *more;

    if (n < *cap)
        return !b->failed;
    more = n < PROGRAM_MAX_SYMBOLS ? room(b, 2 * (*cap + 16) * size) : NULL;
    b->failed |= !more;
    if (!more)
        return false;
    if (n)
        memcpy(more, *at, n * size);
    *at = more;
    *cap = 2 * (*cap + 16);
    return true;
}

uint32_t program_rule(struct program_builder *b, uint32_t n)
{
    uint32_t *starts = room(b, (n + (size_t)1) * sizeof *starts);

    if (!starts || !grow(b, &b->rules, &b->rules_cap, b->n_rules, sizeof *b->rules))
        return PROGRAM_NO_RULE;
    b->rules[b->n_rules] = (struct rule){ .n = n, .starts = starts };
    return (uint32_t)b->n_rules++;
}

static void put(struct program_builder *b, struct symbol symbol)
{
    if (grow(b, &b->symbols, &b->symbols_cap, b->n_symbols, sizeof *b->symbols))
        b->symbols[b->n_symbols++] = symbol;
}

void program_put(struct program_builder *b, uint32_t rule, uint32_t alternative, const struct symbol *symbols, size_t n)
{
    if (b->failed || rule == PROGRAM_NO_RULE)
        return;
    b->rules[rule].starts[alternative] = (uint32_t)b->n_symbols;
    for (size_t i = 0; i < n; i++)
        if (symbols[i].kind != SYMBOL_REGEX || symbols[i].value != REGEX_EMPTY)
            put(b, symbols[i]);
    put(b, (struct symbol){ SYMBOL_END, 0 });
}

uint32_t program_limit(struct program_builder *b, const struct text_limit *l)
{
    for (size_t i = 0; i < b->n_limits; i++)
        if (memcmp(&b->limits[i], l, sizeof *l) == 0)
            return (uint32_t)i;
    if (!grow(b, &b->limits, &b->limits_cap, b->n_limits, sizeof *b->limits))
        return 0;
    b->limits[b->n_limits] = *l;
    return (uint32_t)b->n_limits++;
}

static bool reads_nothing(const struct program_builder *b, const bool *nullable, const struct symbol *s)
{
    if (s->kind == SYMBOL_LIMITED)
        return b->limits[s->value].min == 0;
    return (s->kind == SYMBOL_RULE && nullable[s->value]) || (s->kind == SYMBOL_REGEX && regex_accepts(b->regexes, s->value));
}

/* Which rules can be gone through without a byte: until nothing changes. */
static bool *find_nullable(struct program_builder *b)
{
    bool *nullable = room(b, b->n_rules + 1), changed = nullable != NULL;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < b->n_rules; i++)
            for (uint32_t j = 0; j < b->rules[i].n && !nullable[i]; j++) {
                const struct symbol *s = &b->symbols[b->rules[i].starts[j]];

                while (reads_nothing(b, nullable, s))
                    s++;
                nullable[i] = s->kind == SYMBOL_END;
                changed |= nullable[i];
            }
    }
    return nullable;
}

enum { NEW, OPEN, RANKED };

/* The longest chain of calls that read nothing; a loop among them has no end. */
static bool rank(struct program_builder *b, const bool *nullable, uint8_t *states, uint32_t rule, unsigned depth)
{
    struct rule *r = &b->rules[rule];

    if (states[rule] != NEW || depth > MAX_CHAIN) {
        b->loop = rule;
        return states[rule] == RANKED;
    }
    states[rule] = OPEN;
    for (uint32_t j = 0; j < r->n; j++)
        for (const struct symbol *s = &b->symbols[r->starts[j]]; s->kind != SYMBOL_END; s++) {
            if (s->kind == SYMBOL_RULE) {
                if (!rank(b, nullable, states, s->value, depth + 1))
                    return false;
                if (r->rank <= b->rules[s->value].rank)
                    r->rank = b->rules[s->value].rank + 1;
            }
            if (!reads_nothing(b, nullable, s))
                break;
        }
    states[rule] = RANKED;
    return true;
}

int program_rank(struct program_builder *b, uint32_t *loop, struct err *err)
{
    bool *nullable = b->failed ? NULL : find_nullable(b);
    uint8_t *states = nullable ? room(b, b->n_rules + 1) : NULL;

    if (b->failed)
        return fail(err, CORAX_E_LIMIT, "grammar: more than %d symbols, or out of memory", PROGRAM_MAX_SYMBOLS);
    if (regex_failed(b->regexes))
        return fail(err, CORAX_E_LIMIT, "grammar: its texts are too many to hold");
    for (uint32_t i = 0; i < b->n_rules; i++)
        if (!rank(b, nullable, states, i, 0)) {
            *loop = b->loop;
            return fail(err, CORAX_E_ARGS, "grammar: rule %u calls itself before it has read anything", b->loop);
        }
    return 0;
}

static bool has_text(struct program_builder *b, const bool *productive, const struct symbol *s)
{
    for (; s->kind != SYMBOL_END; s++)
        if (s->kind == SYMBOL_RULE ? !productive[s->value] : s->kind == SYMBOL_REGEX && !regex_alive(b->regexes, s->value, NULL))
            return false;
    return true;
}

/* Alternatives that never come to an end are taken away: whoever got into one could not get out.  false: out of memory. */
static bool drop_endless(struct program_builder *b, bool **out)
{
    bool *productive = room(b, b->n_rules + 1), changed = productive != NULL;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < b->n_rules; i++)
            for (uint32_t j = 0; j < b->rules[i].n && !productive[i]; j++)
                changed |= productive[i] = has_text(b, productive, &b->symbols[b->rules[i].starts[j]]);
    }
    for (size_t i = 0; i < b->n_rules && productive; i++) {
        struct rule *r = &b->rules[i];
        uint32_t kept = 0;

        for (uint32_t j = 0; j < r->n; j++)
            if (has_text(b, productive, &b->symbols[r->starts[j]]))
                r->starts[kept++] = r->starts[j];
        r->n = kept;
    }
    *out = productive;
    return productive != NULL;
}

int program_finish(struct program_builder *b, uint32_t start, struct program *out, struct err *err)
{
    uint32_t loop;
    bool *productive;

    if (program_rank(b, &loop, err) < 0)
        return -1;
    if (!drop_endless(b, &productive))
        return fail(err, CORAX_E_LIMIT, "grammar: out of memory");
    if (!productive[start])
        return fail(err, CORAX_E_ARGS, "grammar: no text matches it");
    *out = (struct program){ .symbols = b->symbols, .rules = b->rules, .limits = b->limits, .start = start };
    return 0;
}
