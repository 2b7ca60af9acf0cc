/*
 * Members one behind the other.  What has been written so far is a state: how many of the names have been gone through, and of those
 * that were taken what still matters: how many there are where they are counted, which names depend on others, which needs are met,
 * and whether a comma comes before the next.  Each state is a rule: the member and what comes behind it, or only what comes behind it
 * where it may be left out.  A state at the end that must not be one has no alternative, and program_finish() takes it away with all
 * that lead nowhere else.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "infer/notation_rules.h"

#define MAX_DEPENDENT 12 /* names that depend on each other: each doubles the states */
#define MAX_COUNTED   256
#define MAX_OTHERS    64 /* beside the names, where maxProperties counts them: more are not written */

struct members {
    struct rules              *r;
    const struct value_shape  *v;
    const struct object_shape *o;
    unsigned  level;
    uint32_t *names;   /* [n]: those that may be there, in their order, as places in o->names */
    uint8_t  *bits;    /* [o->n_names]: 1 + the bit of a name on which something depends, 0: none */
    regex    *keys;    /* [o->n_classes]: of others; REGEX_NONE: never */
    size_t    n, n_bits, n_counts, n_rows, width;
    int64_t   min, max; /* max -1: no bound that matters */
    bool      others;   /* there may be others than the names */
    struct states states;
};

struct at { /* a state, taken apart */
    size_t   row; /* below n: the name that is next; from there on the number of others, plus n */
    int64_t  count;
    unsigned bits, needs;
    bool     comma;
};

static size_t state_number(const struct members *m, const struct at *a)
{
    size_t s = (size_t)a->count;

    s = s << m->n_bits | a->bits;
    s = s << m->o->n_needs | a->needs;
    return a->row * m->width + (s << 1 | a->comma);
}

static struct at state_at(const struct members *m, size_t number)
{
    struct at a = { .row = number / m->width };
    size_t s = number % m->width;

    a.comma = s & 1;
    s >>= 1;
    a.needs = (unsigned)(s & (((size_t)1 << m->o->n_needs) - 1));
    s >>= m->o->n_needs;
    a.bits = (unsigned)(s & (((size_t)1 << m->n_bits) - 1));
    a.count = (int64_t)(s >> m->n_bits);
    return a;
}

/* --- what matters ------------------------------------------------------------------------------------------------- */

static regex identifiers(struct regexes *rs)
{
    static const struct regex_range first[] = { { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
    static const struct regex_range more[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };

    return regex_concat(rs, regex_chars(rs, first, 3, false), regex_repeat(rs, regex_chars(rs, more, 4, false), 0, REGEX_MANY));
}

static regex without_names(struct regexes *rs, regex keys, const struct object_shape *o)
{
    regex *names = malloc((o->n_names + 1) * sizeof *names);

    if (!names)
        return REGEX_NONE;
    for (size_t i = 0; i < o->n_names; i++)
        names[i] = regex_literal(rs, o->names[i].text, o->names[i].len);
    keys = regex_minus(rs, keys, regex_or_all(rs, names, o->n_names));
    free(names);
    return keys;
}

/* What others may be called.  A TAGS value is read by the names of all alternatives, so there a name of none of them is needed. */
static void find_keys(struct members *m, bool asked)
{
    struct regexes *rs = m->r->program->regexes;
    const bool marked = m->r->notation->kind == NOTATION_MARKED, nameless = m->o->n_names == 0 && m->level > 0;

    for (size_t i = 0; i < m->o->n_classes; i++) {
        regex keys = regex_and(rs, m->o->classes[i].names, identifiers(rs));

        m->keys[i] = REGEX_NONE;
        if (!asked && !(marked && (nameless || m->o->classes[i].value != CONJ_ANYTHING)))
            continue;
        keys = without_names(rs, keys, m->o);
        for (size_t j = 0; !marked && j < m->v->n_objects; j++)
            keys = without_names(rs, keys, m->v->objects[j]);
        if (regex_alive(rs, keys, NULL))
            m->keys[i] = keys;
        m->others |= m->keys[i] != REGEX_NONE;
    }
}

/* A name that comes always has no bit: whoever asks for it has it. */
static int give_bit(struct members *m, uint32_t name)
{
    const struct shape_name *s = &m->o->names[name];

    if (s->required || s->value == CONJ_NOTHING || m->bits[name])
        return 0;
    if (m->n_bits == MAX_DEPENDENT)
        return rules_refuse(m->r, "dependentRequired of so many members");
    m->bits[name] = (uint8_t)++m->n_bits;
    return 0;
}

static int find_dependent(struct members *m)
{
    for (size_t i = 0; i < m->o->n_dependencies; i++) {
        const struct shape_dependency *d = &m->o->dependencies[i];

        if (m->o->names[d->name].value == CONJ_NOTHING || m->o->names[d->name].required)
            continue;
        if (give_bit(m, d->name) < 0)
            return -1;
        for (size_t j = 0; j < d->n_required; j++)
            if (give_bit(m, d->required[j]) < 0)
                return -1;
    }
    return 0;
}

/*
 * Others may repeat a name, of which the last counts, and so they are one member for certain, however many there are; and they are
 * none for a need, which one that comes later might undo.
 */
static int find_counts(struct members *m)
{
    const int64_t n = (int64_t)m->n;

    m->min = m->o->min > (int64_t)m->o->n_required ? m->o->min : 0;
    find_keys(m, m->min > n);
    m->max = m->o->max >= 0 && (m->others || m->o->max < n) ? m->o->max : -1;
    if (m->max > n + MAX_OTHERS)
        m->max = n + MAX_OTHERS;
    if (m->min > n + m->others)
        return rules_refuse(m->r, "minProperties of members that the schema does not list");
    for (size_t i = 0; i < m->o->n_needs; i++) {
        bool met = false;

        for (size_t j = 0; j < m->n; j++)
            met |= m->o->names[m->names[j]].needs >> i & 1;
        if (!met)
            return rules_refuse(m->r, "a negated rule on members that the schema does not list");
    }
    m->n_counts = (size_t)(m->max >= 0 ? m->max : m->min) + 1;
    if (m->n_counts > MAX_COUNTED)
        return rules_refuse(m->r, "minProperties or maxProperties of so many");
    m->n_rows = m->n + 1 + (!m->others ? 0 : m->max >= 0 ? (size_t)m->max : 1);
    return 0;
}

static int check_name(struct rules *r, const struct shape_name *name)
{
    const bool marked = r->notation->kind == NOTATION_MARKED;
    const char stop = marked ? '\0' : r->notation->key_close.text[0];

    for (size_t i = 0; i < name->len; i++) {
        const unsigned char c = (unsigned char)name->text[i];

        if (c < 0x20 || c == 0x7f || (marked ? strchr("{}[]:,\"<> ", c) != NULL : name->text[i] == stop))
            return fail(r->err, CORAX_E_ARGS, "property \"%s\": a name with the byte 0x%02x cannot be held in this notation",
                        name->text, c);
    }
    if (name->len == 0 || (marked && memmem(name->text, name->len, r->notation->quote.text, r->notation->quote.len)))
        return fail(r->err, CORAX_E_ARGS, "property \"%s\": this name cannot be held in this notation", name->text);
    return 0;
}

/* Keeps the names sorted without regard to case, as templates sort what they write in this notation. */
static void sort_last(struct members *m)
{
    const struct shape_name *names = m->o->names;

    for (size_t i = m->n - 1; i > 0 && strcasecmp(names[m->names[i - 1]].text, names[m->names[i]].text) > 0; i--) {
        const uint32_t last = m->names[i];

        m->names[i] = m->names[i - 1];
        m->names[i - 1] = last;
    }
}

static int find_names(struct members *m)
{
    for (size_t i = 0; i < m->o->n_names; i++) {
        const uint32_t at = m->o->by_order[i];

        if (m->o->names[at].value == CONJ_NOTHING)
            continue;
        if (check_name(m->r, &m->o->names[at]) < 0)
            return -1;
        m->names[m->n++] = at;
        if (m->r->notation->kind == NOTATION_MARKED)
            sort_last(m);
    }
    return 0;
}

/* --- rules -------------------------------------------------------------------------------------------------------- */

static bool is_complete(const struct members *m, const struct at *a)
{
    int64_t sure = a->count;

    if (m->max >= 0 && a->row > m->n) /* of the others one counts for certain */
        sure -= (int64_t)(a->row - m->n) - 1;
    if (sure < m->min || a->needs + 1 != 1u << m->o->n_needs)
        return false;
    for (size_t i = 0; i < m->o->n_dependencies; i++) {
        const struct shape_dependency *d = &m->o->dependencies[i];

        if (m->bits[d->name] == 0 || !(a->bits >> (m->bits[d->name] - 1) & 1))
            continue;
        for (size_t j = 0; j < d->n_required; j++)
            if (m->bits[d->required[j]] && !(a->bits >> (m->bits[d->required[j]] - 1) & 1))
                return false;
    }
    return true;
}

static bool takes_others(const struct members *m, const struct at *a)
{
    return m->others && (m->max < 0 || a->count < m->max);
}

static unsigned open_needs(const struct members *m, const struct at *a)
{
    return m->o->names[m->names[a->row]].needs & ~a->needs & ((1u << m->o->n_needs) - 1);
}

static uint32_t count_alternatives(const struct members *m, const struct at *a)
{
    if (a->row < m->n)
        return !m->o->names[m->names[a->row]].required + (1u << __builtin_popcount(open_needs(m, a)));
    return is_complete(m, a) + (takes_others(m, a) ? (uint32_t)m->o->n_classes : 0);
}

static uint32_t rule_at(struct members *m, const struct at *a)
{
    return states_rule(m->r, &m->states, state_number(m, a), count_alternatives(m, a));
}

/* What is left behind a member: the count up to where it matters, and a comma before the next. */
static void count_member(const struct members *m, struct at *a)
{
    a->count += a->count + 1 < (int64_t)m->n_counts;
    a->comma = m->r->notation->kind == NOTATION_MARKED;
}

static int value_of(struct members *m, conj value, const char *name, size_t len, struct run *run)
{
    struct rules *r = m->r;
    uint32_t rule;
    unsigned kinds;

    if (r->notation->kind == NOTATION_MARKED) {
        run_text(r, run, ":", 1);
        if (rules_marked(r, value, m->level + 1, &rule) < 0)
            return -1;
    } else {
        kinds = notation_member_kinds(r->shapes, r->program->regexes, m->v, name, len);
        if (rules_tagged(r, value, kinds, &rule) < 0)
            return -1;
    }
    run_add(run, SYMBOL_RULE, rule);
    return 0;
}

static void begin_member(struct members *m, const struct at *a, struct run *run)
{
    if (a->comma)
        run_text(m->r, run, ",", 1);
    if (m->r->notation->kind == NOTATION_TAGS)
        run_mark(m->r, run, &m->r->notation->key_open);
}

/* The member that is next, with a value that meets some of the needs which are open. */
static int put_member(struct members *m, const struct at *a, unsigned meets, uint32_t rule, uint32_t alternative)
{
    const struct shape_name *name = &m->o->names[m->names[a->row]];
    const uint32_t bit = m->bits[m->names[a->row]];
    struct run run = { 0 };
    struct at next = *a;
    conj value = name->value;

    if (m->max >= 0 && a->count >= m->max) {
        run_put_dead(m->r, rule, alternative);
        return 0;
    }
    for (size_t i = 0; i < m->o->n_needs; i++)
        if (meets >> i & 1)
            value = shapes_both(m->r->shapes, value, m->o->needs[i].value);
    next.row++;
    next.needs |= meets;
    next.bits |= bit ? 1u << (bit - 1) : 0;
    count_member(m, &next);
    begin_member(m, a, &run);
    run_text(m->r, &run, name->text, name->len);
    if (value_of(m, value, name->text, name->len, &run) < 0)
        return err_context(m->r->err, "%s", name->text);
    run_add(&run, SYMBOL_RULE, rule_at(m, &next));
    run_put(m->r, &run, rule, alternative);
    return 0;
}

static int put_name(struct members *m, const struct at *a, uint32_t rule)
{
    const unsigned open = open_needs(m, a);
    struct at next = *a;
    uint32_t n = 0;

    if (!m->o->names[m->names[a->row]].required) {
        next.row++;
        program_put(m->r->program, rule, n++, &(struct symbol){ SYMBOL_RULE, rule_at(m, &next) }, 1);
    }
    for (unsigned meets = open;; meets = (meets - 1) & open) { /* each set of them */
        if (put_member(m, a, meets, rule, n++) < 0)
            return -1;
        if (meets == 0)
            return 0;
    }
}

static int put_other(struct members *m, const struct at *a, size_t class, uint32_t rule, uint32_t alternative)
{
    struct run run = { 0 };
    struct at next = *a;

    if (m->keys[class] == REGEX_NONE) {
        run_put_dead(m->r, rule, alternative);
        return 0;
    }
    next.row = m->max < 0 ? m->n + 1 : a->row + 1;
    if (m->max >= 0 || a->row == m->n)
        count_member(m, &next);
    begin_member(m, a, &run);
    run_add(&run, SYMBOL_REGEX, m->keys[class]);
    if (value_of(m, m->o->classes[class].value, NULL, 0, &run) < 0)
        return err_context(m->r->err, "members that the schema does not list");
    run_add(&run, SYMBOL_RULE, rule_at(m, &next));
    run_put(m->r, &run, rule, alternative);
    return 0;
}

static int put_end(struct members *m, const struct at *a, uint32_t rule)
{
    uint32_t n = 0;
    struct run run = { 0 };

    if (is_complete(m, a)) {
        if (m->r->notation->kind == NOTATION_MARKED)
            run_text(m->r, &run, "}", 1);
        run_put(m->r, &run, rule, n++);
    }
    for (size_t i = 0; takes_others(m, a) && i < m->o->n_classes; i++)
        if (put_other(m, a, i, rule, n++) < 0)
            return -1;
    return 0;
}

static int put_states(struct members *m, uint32_t *rule)
{
    const uint32_t start = rule_at(m, &(struct at){ 0 });

    for (size_t i = 0; i < m->states.n; i++) {
        const struct at a = state_at(m, m->states.queue[i]);
        const uint32_t of = m->states.rules[m->states.queue[i]];

        if (states_are_many(&m->states))
            return rules_refuse(m->r, "so many members that depend on each other or are counted");
        if ((a.row < m->n ? put_name(m, &a, of) : put_end(m, &a, of)) < 0)
            return -1;
    }
    *rule = start;
    if (m->r->notation->kind == NOTATION_MARKED) {
        struct run run = { 0 };

        *rule = program_rule(m->r->program, 1);
        run_text(m->r, &run, "{", 1);
        run_add(&run, SYMBOL_RULE, start);
        run_put(m->r, &run, *rule, 0);
    }
    return 0;
}

int rules_object(struct rules *r, const struct value_shape *v, const struct object_shape *o, unsigned level, uint32_t *rule)
{
    struct members m = { .r = r, .v = v, .o = o, .level = level };
    int result = -1;

    m.names = malloc((o->n_names + 1) * sizeof *m.names);
    m.bits = calloc(o->n_names + 1, sizeof *m.bits);
    m.keys = calloc(o->n_classes + 1, sizeof *m.keys);
    if (!m.names || !m.bits || !m.keys)
        fail(r->err, CORAX_E_LIMIT, "out of memory for a constraint");
    else if (find_names(&m) == 0 && find_dependent(&m) == 0 && find_counts(&m) == 0) {
        m.width = m.n_counts << (m.n_bits + o->n_needs + 1);
        if (states_init(r, &m.states, m.n_rows * m.width) == 0)
            result = put_states(&m, rule);
    }
    states_finish(&m.states);
    free(m.names);
    free(m.bits);
    free(m.keys);
    return result;
}

/* --- which kinds a member may be ---------------------------------------------------------------------------------- */

static bool is_in(struct regexes *rs, regex r, const char *name, size_t len)
{
    for (size_t i = 0; i < len && r != REGEX_NONE; i++)
        r = regex_next(rs, r, (unsigned char)name[i]);
    return regex_accepts(rs, r);
}

/* Of the names that are listed; name NULL: of all. */
static unsigned listed_kinds(struct shapes *shapes, struct regexes *rs, const struct object_shape *o, const char *name, size_t len,
                             bool *listed)
{
    unsigned kinds = 0;

    for (size_t i = 0; i < o->n_names; i++)
        if (o->names[i].value != CONJ_NOTHING && (!name || (o->names[i].len == len && memcmp(o->names[i].text, name, len) == 0))) {
            *listed = true;
            kinds |= notation_kinds(shapes, rs, o->names[i].value);
        }
    return kinds;
}

unsigned notation_member_kinds(struct shapes *shapes, struct regexes *rs, const struct value_shape *v, const char *name, size_t len)
{
    unsigned kinds = 0;
    bool listed = false;

    for (size_t i = 0; i < v->n_objects; i++)
        kinds |= listed_kinds(shapes, rs, v->objects[i], name, len, &listed);
    for (size_t i = 0; i < v->n_objects && (!listed || !name); i++)
        for (size_t j = 0; j < v->objects[i]->n_classes; j++)
            if (!name || is_in(rs, v->objects[i]->classes[j].names, name, len))
                kinds |= notation_kinds(shapes, rs, v->objects[i]->classes[j].value);
    return kinds;
}
