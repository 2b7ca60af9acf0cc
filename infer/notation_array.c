/*
 * Elements one behind the other, MARKED.  A state is how many there were, up to where their number matters no more, and how many of them
 * counted for each `contains`; of an array whose elements differ it is which of its few values were there.
 */
#include <stdlib.h>
#include <string.h>

#include "infer/notation_rules.h"
#include "util/json.h"

#define MAX_UNIQUE_TEXT 1024 /* bytes of one value */

struct elements {
    struct rules             *r;
    const struct array_shape *a;
    unsigned      level;
    size_t        last;       /* the state of so many elements or more; with max its number, which none goes beyond */
    int64_t       max;        /* -1: no bound */
    size_t        width[SHAPE_MAX_CONTAINS];
    struct states states;
};

/* --- how many ----------------------------------------------------------------------------------------------------- */

struct place { /* a state, taken apart */
    size_t at, counts[SHAPE_MAX_CONTAINS];
};

static bool closes(const struct elements *e, const struct place *p)
{
    bool good = (int64_t)p->at >= e->a->min;

    for (size_t i = 0; i < e->a->n_contains && i < SHAPE_MAX_CONTAINS; i++)
        good &= (int64_t)p->counts[i] >= e->a->contains[i].min;
    return good;
}

/* Ways in which one more element may count for the contains. */
static uint32_t count_elements(const struct elements *e, const struct place *p)
{
    return e->max >= 0 && (int64_t)p->at >= e->max ? 0 : 1u << e->a->n_contains;
}

static uint32_t rule_at(struct elements *e, const struct place *p)
{
    const size_t state = (p->at * e->width[0] + p->counts[0]) * e->width[1] + p->counts[1];

    return states_rule(e->r, &e->states, state, closes(e, p) + count_elements(e, p));
}

/* An element that counts for those of the contains whose bits are set, and for no other. */
static int put_element(struct elements *e, const struct place *p, unsigned counts, uint32_t rule, uint32_t alternative)
{
    const struct array_shape *a = e->a;
    conj value = p->at < a->n_prefix ? a->prefix[p->at] : a->items;
    struct place next = *p;
    struct run run = { 0 };
    bool dead = false;
    uint32_t of;

    for (size_t i = 0; i < a->n_contains && i < SHAPE_MAX_CONTAINS; i++) {
        const struct shape_contains *x = &a->contains[i];

        value = shapes_both(e->r->shapes, value, counts >> i & 1 ? x->value : x->other);
        dead |= counts >> i & 1 && x->max >= 0 && (int64_t)p->counts[i] >= x->max;
        next.counts[i] += counts >> i & 1 && p->counts[i] + 1 < e->width[i];
    }
    if (dead) {
        run_put_dead(e->r, rule, alternative);
        return 0;
    }
    next.at += p->at < e->last;
    if (p->at > 0)
        run_text(e->r, &run, ",", 1);
    if (rules_marked(e->r, value, e->level + 1, &of) < 0)
        return -1;
    run_add(&run, SYMBOL_RULE, of);
    run_add(&run, SYMBOL_RULE, rule_at(e, &next));
    run_put(e->r, &run, rule, alternative);
    return 0;
}

static int put_state(struct elements *e, size_t state)
{
    const struct place p = { .at = state / e->width[1] / e->width[0],
                             .counts = { state / e->width[1] % e->width[0], state % e->width[1] } };
    const uint32_t rule = e->states.rules[state], n = count_elements(e, &p);
    uint32_t alternative = 0;
    struct run close = { 0 };

    run_text(e->r, &close, "]", 1);
    if (closes(e, &p))
        run_put(e->r, &close, rule, alternative++);
    for (uint32_t i = 0; i < n; i++)
        if (put_element(e, &p, i, rule, alternative++) < 0)
            return -1;
    return 0;
}

static int find_bounds(struct elements *e)
{
    const struct array_shape *a = e->a;
    const int64_t bound = NOTATION_MAX_ELEMENTS;

    for (size_t i = 0; i < SHAPE_MAX_CONTAINS; i++)
        e->width[i] = 1;
    for (size_t i = 0; i < a->n_contains && i < SHAPE_MAX_CONTAINS; i++) {
        const int64_t counted = a->contains[i].max >= 0 ? a->contains[i].max : a->contains[i].min;

        if (counted > bound)
            return rules_refuse(e->r, "minContains or maxContains of more than 256");
        e->width[i] += (size_t)counted;
    }
    if (a->min > bound || a->n_prefix > (size_t)bound)
        return rules_refuse(e->r, "minItems or prefixItems of more than 256");
    e->max = a->max > bound ? bound : a->max;
    e->last = (size_t)(a->min > 1 ? a->min : 1);
    if (e->last < a->n_prefix)
        e->last = a->n_prefix;
    if (e->max >= 0)
        e->last = (size_t)e->max;
    return 0;
}

static int put_counted(struct elements *e, uint32_t *start)
{
    if (find_bounds(e) < 0 || states_init(e->r, &e->states, (e->last + 1) * e->width[0] * e->width[1]) < 0)
        return -1;
    *start = rule_at(e, &(struct place){ 0 });
    for (size_t i = 0; i < e->states.n; i++) {
        if (states_are_many(&e->states))
            return rules_refuse(e->r, "contains of so many");
        if (put_state(e, e->states.queue[i]) < 0)
            return -1;
    }
    return 0;
}

/* --- different ones ----------------------------------------------------------------------------------------------- */

struct texts { /* what the elements may be */
    char     list[NOTATION_MAX_UNIQUE][MAX_UNIQUE_TEXT + 1];
    size_t   lens[NOTATION_MAX_UNIQUE], same[NOTATION_MAX_UNIQUE]; /* same: the first one of equal value, 1 and 1.0 */
    size_t   n, n_strings; /* strings come first */
};

/* All texts of a language; false: there are too many. */
static bool list_texts(struct regexes *rs, regex of, char *text, size_t len, struct texts *t)
{
    uint64_t first[4];

    if (of == REGEX_NONE)
        return true;
    if (regex_accepts(rs, of)) {
        if (t->n == NOTATION_MAX_UNIQUE)
            return false;
        memcpy(t->list[t->n], text, len);
        t->list[t->n][len] = '\0';
        t->lens[t->n++] = len;
    }
    regex_first(rs, of, first);
    for (unsigned byte = 0; byte < 256; byte++) {
        if (!(first[byte / 64] >> byte % 64 & 1))
            continue;
        if (len == MAX_UNIQUE_TEXT)
            return false;
        text[len] = (char)byte;
        if (!list_texts(rs, regex_next(rs, of, (unsigned char)byte), text, len + 1, t))
            return false;
    }
    return true;
}

static bool equal_scalars(const char *a, const char *b)
{
    struct json *x = json_parse(a, strlen(a), NULL), *y = json_parse(b, strlen(b), NULL);
    struct buf p, q;
    bool equal;

    buf_init(&p, 4 * MAX_UNIQUE_TEXT);
    buf_init(&q, 4 * MAX_UNIQUE_TEXT);
    if (x && y) {
        json_canonical(x, &p);
        json_canonical(y, &q);
    }
    equal = !x || !y || p.failed || q.failed || strcmp(p.data, q.data) == 0;
    buf_finish(&p);
    buf_finish(&q);
    json_free(x);
    json_free(y);
    return equal;
}

static int find_texts(struct elements *e, const struct value_shape *v, struct texts *t)
{
    struct regexes *rs = e->r->program->regexes;
    const regex strings = regex_and(rs, v->strings, e->r->raw);
    char text[MAX_UNIQUE_TEXT];
    bool good = v->n_objects == 0 && v->n_arrays == 0 && regex_count(rs, strings, NOTATION_MAX_UNIQUE) >= 0 &&
                regex_count(rs, v->scalars, NOTATION_MAX_UNIQUE) >= 0 && list_texts(rs, strings, text, 0, t);

    t->n_strings = t->n;
    good = good && list_texts(rs, v->scalars, text, 0, t);
    for (size_t i = 0; good && i < t->n; i++) {
        t->same[i] = i;
        for (size_t j = t->n_strings; i >= t->n_strings && j < i; j++)
            if (t->same[j] == j && equal_scalars(t->list[i], t->list[j])) {
                t->same[i] = j;
                break;
            }
    }
    return good ? 0 : rules_refuse(e->r, "uniqueItems of more than 10 values, or of objects and arrays,");
}

static bool closes_unique(const struct elements *e, size_t set)
{
    return __builtin_popcountll(set) >= e->a->min;
}

static bool takes_unique(const struct elements *e, const struct texts *t, size_t set, size_t i)
{
    return !(set >> t->same[i] & 1) && (e->a->max < 0 || __builtin_popcountll(set) < e->a->max);
}

static uint32_t unique_rule(struct elements *e, const struct texts *t, size_t set)
{
    uint32_t n = closes_unique(e, set);

    for (size_t i = 0; i < t->n; i++)
        n += takes_unique(e, t, set, i);
    return states_rule(e->r, &e->states, set, n);
}

static void put_unique_state(struct elements *e, const struct texts *t, size_t set)
{
    const uint32_t rule = e->states.rules[set];
    uint32_t n = 0;
    struct run close = { 0 };

    run_text(e->r, &close, "]", 1);
    if (closes_unique(e, set))
        run_put(e->r, &close, rule, n++);
    for (size_t i = 0; i < t->n; i++) {
        struct run run = { 0 };

        if (!takes_unique(e, t, set, i))
            continue;
        if (set)
            run_text(e->r, &run, ",", 1);
        if (i < t->n_strings)
            run_mark(e->r, &run, &e->r->notation->quote);
        run_text(e->r, &run, t->list[i], t->lens[i]);
        if (i < t->n_strings)
            run_mark(e->r, &run, &e->r->notation->quote);
        run_add(&run, SYMBOL_RULE, unique_rule(e, t, set | (size_t)1 << t->same[i]));
        run_put(e->r, &run, rule, n++);
    }
}

static int put_unique(struct elements *e, uint32_t *start)
{
    const struct value_shape *v = shapes_expand(e->r->shapes, e->a->items);
    struct texts *t;
    int result = -1;

    if (!v)
        return rules_refuse(e->r, "uniqueItems of these values");
    if (e->a->n_prefix || e->a->n_contains)
        return rules_refuse(e->r, "uniqueItems beside prefixItems or contains");
    t = calloc(1, sizeof *t);
    if (!t)
        return fail(e->r->err, CORAX_E_LIMIT, "out of memory for a constraint");
    if (find_texts(e, v, t) == 0 && states_init(e->r, &e->states, (size_t)1 << t->n) == 0) {
        *start = unique_rule(e, t, 0);
        for (size_t i = 0; i < e->states.n; i++)
            put_unique_state(e, t, e->states.queue[i]);
        result = 0;
    }
    free(t);
    return result;
}

int rules_array(struct rules *r, const struct array_shape *a, unsigned level, uint32_t *rule)
{
    struct elements e = { .r = r, .a = a, .level = level };
    const bool one = a->max >= 0 && a->max <= 1;
    struct run run = { 0 };
    uint32_t start = PROGRAM_NO_RULE;
    const int result = a->unique && !one ? put_unique(&e, &start) : put_counted(&e, &start);

    states_finish(&e.states);
    if (result < 0)
        return -1;
    *rule = program_rule(r->program, 1);
    run_text(r, &run, "[", 1);
    run_add(&run, SYMBOL_RULE, start);
    run_put(r, &run, *rule, 0);
    return 0;
}
