/*
 * Expanding works through a list of parts that all hold.  Where a part leaves a choice (anyOf, a list of composite values,
 * the many ways in which something can fail to hold), each choice goes on by itself with what is left of the list; what
 * comes out at the end of each is added to the shape of the value.  A choice is copied when it splits, so everything
 * in it is a number or a list that only grows at its head.
 */
#include "infer/shape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/shape_choice.h"

#define ARENA_LIMIT  ((size_t)256 << 20)
#define WORDS_LIMIT  ((size_t)16 << 20)
#define MAX_SPLITS   400 /* nested choices: the recursion's depth */
#define MAX_NESTING  60  /* expansions that ask for others on their way */
#define MAX_CHOICES  1000000 /* in all: some seconds */
#define MAX_SEARCH   200 /* nested values in the search for one that fulfils all */

enum conj_state { UNKNOWN, EXPANDING, RAW, SEARCHING, EMPTY, FULL, FINISHED = 8 /* a bit beside: what cannot be is left out */ };

/* --- the store ---------------------------------------------------------------------------------------------------- */

void *shapes_alloc(struct shapes *s, size_t size)
{
    void *p = arena_alloc(s->arena, size ? size : 1);

    if (!p)
        shapes_fail(s, CORAX_E_LIMIT, "out of memory for the schema");
    else
        memset(p, 0, size);
    return p;
}

/* Keeps the first error only: what follows from it says nothing new. */
int shapes_fail(struct shapes *s, enum corax_status status, const char *fmt, ...)
{
    char text[ERR_MSG];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!s->failed)
        fail(&s->err, status, "%s", text);
    s->failed = true;
    return -1;
}

int shapes_refuse(struct shapes *s, const struct schema *schema, const char *what)
{
    char text[ERR_MSG];

    snprintf(text, sizeof text, "%s: %s%s", *schema->pointer ? schema->pointer : "/", what, strstr(what, "cannot be held") ? "" : " cannot be held while decoding");
    if (!s->options.lenient)
        return shapes_fail(s, CORAX_E_ARGS, "%s", text);
    if (s->options.warn)
        s->options.warn(s->options.arg, text);
    return 0;
}

/* -?0|[1-9][0-9]{0,14} and for those with a fraction (\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})? */
static regex short_number(struct regexes *rs, bool fraction)
{
    static const char whole[] = "^-?(0|[1-9][0-9]{0,14})$", all[] = "^-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?$";
    regex r = REGEX_NONE;

    if (regex_pattern(rs, fraction ? all : whole, strlen(fraction ? all : whole), &r, NULL) < 0)
        return REGEX_NONE;
    return r;
}

struct shapes *shapes_create(struct regexes *regexes, const struct shape_options *options, struct err *err)
{
    static const struct regex_range all[] = { { 0, 0x10ffff } };
    struct shapes *s = calloc(1, sizeof *s);
    struct part nothing = { .kind = PART_NOTHING };

    if (!s || !(s->arena = arena_create(ARENA_LIMIT))) {
        fail(err, CORAX_E_LIMIT, "out of memory for the schema");
        free(s);
        return NULL;
    }
    s->regexes = regexes;
    if (options)
        s->options = *options;
    intern_init(&s->conjs, WORDS_LIMIT);
    intern_init(&s->parts, WORDS_LIMIT);
    s->character = regex_chars(regexes, all, 1, false);
    if (regex_number(regexes, &(struct regex_number){ .integer = false }, &s->number, err) < 0 ||
        regex_number(regexes, &(struct regex_number){ .integer = true }, &s->integer, err) < 0) {
        shapes_destroy(s);
        return NULL;
    }
    if (s->options.short_numbers) {
        s->number = short_number(regexes, true);
        s->integer = regex_and(regexes, s->integer, short_number(regexes, false));
    }
    if (intern_add(&s->conjs, NULL, 0) != CONJ_ANYTHING || shapes_part(s, &nothing) != CONJ_NOTHING) {
        fail(err, CORAX_E_LIMIT, "out of memory for the schema");
        shapes_destroy(s);
        return NULL;
    }
    return s;
}

void shapes_destroy(struct shapes *s)
{
    if (!s)
        return;
    intern_finish(&s->conjs);
    intern_finish(&s->parts);
    free(s->expanded);
    free(s->states);
    arena_destroy(s->arena);
    free(s);
}

void shapes_forget_error(struct shapes *s)
{
    s->failed = regex_failed(s->regexes);
}

const struct err *shapes_error(const struct shapes *s)
{
    return &s->err;
}

static bool has_room(struct shapes *s, conj c)
{
    size_t cap = s->conjs_cap ? s->conjs_cap : 64;
    const struct value_shape **expanded;
    uint8_t *states;

    if (c < s->conjs_cap)
        return true;
    if (c >= SHAPE_MAX_CONJS)
        return shapes_fail(s, CORAX_E_LIMIT, "the schema asks for more than %d combinations of its parts", SHAPE_MAX_CONJS) == 0;
    while (cap <= c)
        cap *= 2;
    expanded = realloc(s->expanded, cap * sizeof *expanded);
    if (expanded)
        s->expanded = expanded;
    states = realloc(s->states, cap);
    if (states)
        s->states = states;
    if (!expanded || !states)
        return shapes_fail(s, CORAX_E_LIMIT, "out of memory for the schema") == 0;
    memset(s->expanded + s->conjs_cap, 0, (cap - s->conjs_cap) * sizeof *expanded);
    memset(s->states + s->conjs_cap, UNKNOWN, cap - s->conjs_cap);
    s->conjs_cap = cap;
    return true;
}

static uint32_t part_number(struct shapes *s, const struct part *p)
{
    const uint64_t pointer = (uint64_t)(uintptr_t)p->of;
    const uint32_t words[] = { (uint32_t)p->kind * 2 + p->negative, (uint32_t)pointer, (uint32_t)(pointer >> 32) };

    return intern_add(&s->parts, words, 3);
}

static struct part part_of(const struct shapes *s, uint32_t number)
{
    size_t n;
    const uint32_t *words = intern_get(&s->parts, number, &n);
    struct part p = { .kind = words[0] / 2, .negative = words[0] % 2 };

    p.of = (const void *)(uintptr_t)(words[1] | (uint64_t)words[2] << 32);
    return p;
}

/* A sorted list of part numbers. */
static conj add_conj(struct shapes *s, const uint32_t *numbers, size_t n)
{
    conj c = intern_add(&s->conjs, numbers, n);

    if (c == INTERN_NONE) {
        shapes_fail(s, CORAX_E_LIMIT, "out of memory for the schema");
        return CONJ_NOTHING;
    }
    return has_room(s, c) ? c : CONJ_NOTHING;
}

static bool has_rules(const struct schema *s)
{
    return s->never || s->types != SCHEMA_ANY || s->has_enum || s->constant || s->n_all_of || s->n_any_of || s->n_one_of ||
           s->not_ || s->if_ || s->ref || s->n_properties || s->n_patterns || s->additional || s->property_names ||
           s->unevaluated_properties || s->n_depends || s->min_properties > 0 || s->max_properties >= 0 || s->n_prefix ||
           s->items || s->contains || s->unevaluated_items || s->min_items > 0 || s->max_items >= 0 || s->unique_items ||
           s->min_length > 0 || s->max_length >= 0 || s->pattern || s->format || s->minimum || s->maximum || s->multiple_of;
}

/* A schema without any rule is not worth a place. */
static bool says_nothing(const struct part *p)
{
    return p->kind == PART_SCHEMA && !p->negative && (!p->of || !has_rules(p->of));
}

conj shapes_part(struct shapes *s, const struct part *p)
{
    uint32_t number;

    if (says_nothing(p))
        return CONJ_ANYTHING;
    number = part_number(s, p);
    if (number == INTERN_NONE) {
        shapes_fail(s, CORAX_E_LIMIT, "out of memory for the schema");
        return CONJ_NOTHING;
    }
    return add_conj(s, &number, 1);
}

conj shapes_schema(struct shapes *s, const struct schema *schema)
{
    return shapes_part(s, &(struct part){ .kind = PART_SCHEMA, .of = schema });
}

#define NO_RULES(types_, max_properties_) {                                                                                   \
    .pointer = "", .types = (types_), .min_properties = -1, .max_properties = (max_properties_), .min_contains = -1,            \
    .max_contains = -1, .min_items = -1, .max_items = -1, .min_length = -1, .max_length = -1 }
const struct schema shape_no_rules = NO_RULES(SCHEMA_ANY, -1);

conj shapes_object(struct shapes *s, bool members)
{
    static const struct schema any = NO_RULES(SCHEMA_OBJECT, -1), empty = NO_RULES(SCHEMA_OBJECT, 0);

    return shapes_schema(s, members ? &any : &empty);
}

conj shapes_both(struct shapes *s, conj a, conj b)
{
    const uint32_t *x, *y;
    size_t n_x, n_y, n = 0, i = 0, j = 0;
    uint32_t *both;
    conj c;

    if (a == b || b == CONJ_ANYTHING || a == CONJ_NOTHING)
        return a;
    if (a == CONJ_ANYTHING || b == CONJ_NOTHING)
        return b;
    x = intern_get(&s->conjs, a, &n_x);
    y = intern_get(&s->conjs, b, &n_y);
    both = malloc((n_x + n_y) * sizeof *both);
    if (!both) {
        shapes_fail(s, CORAX_E_LIMIT, "out of memory for the schema");
        return CONJ_NOTHING;
    }
    while (i < n_x || j < n_y) {
        uint32_t next = j == n_y || (i < n_x && x[i] <= y[j]) ? x[i] : y[j];

        i += i < n_x && x[i] == next;
        j += j < n_y && y[j] == next;
        both[n++] = next;
    }
    c = add_conj(s, both, n);
    free(both);
    return c;
}

/* --- choices ------------------------------------------------------------------------------------------------------ */

void choice_add(struct shapes *s, struct choice *c, const struct part *p, uint32_t scope)
{
    struct part_list *l;

    if (says_nothing(p))
        return;
    l = shapes_alloc(s, sizeof *l);
    if (!l) {
        c->kinds = 0;
        return;
    }
    l->part = *p;
    l->part.scope = scope;
    l->next = p->negative ? c->negated : c->todo;
    if (p->negative)
        c->negated = l;
    else
        c->todo = l;
}

void choice_add_schema(struct shapes *s, struct choice *c, const struct schema *schema, bool negative, uint32_t scope)
{
    choice_add(s, c, &(struct part){ .kind = PART_SCHEMA, .of = schema, .negative = negative }, scope);
}

struct object_layer *choice_add_object(struct shapes *s, struct choice *c, size_t n_members, uint32_t scope)
{
    struct object_layer *l = shapes_alloc(s, sizeof *l);

    if (!l || !(l->members = shapes_alloc(s, n_members * sizeof *l->members))) {
        c->kinds = 0;
        return NULL;
    }
    l->n_members = n_members;
    l->max = -1;
    l->scope = scope;
    l->next = c->objects;
    c->objects = l;
    return l;
}

struct array_layer *choice_add_array(struct shapes *s, struct choice *c, size_t n_prefix, uint32_t scope)
{
    struct array_layer *l = shapes_alloc(s, sizeof *l);

    if (!l || !(l->prefix = shapes_alloc(s, n_prefix * sizeof *l->prefix))) {
        c->kinds = 0;
        return NULL;
    }
    l->n_prefix = n_prefix;
    l->max = l->max_contains = -1;
    l->scope = scope;
    l->next = c->arrays;
    c->arrays = l;
    return l;
}

void choice_meet_strings(struct shapes *s, struct choice *c, regex r)
{
    c->strings = regex_and(s->regexes, c->strings, r);
    if (c->strings == REGEX_NONE)
        c->kinds &= ~(unsigned)KIND_STRING;
}

void choice_meet_numbers(struct shapes *s, struct choice *c, regex r, bool whole)
{
    c->numbers = c->has_numbers ? regex_and(s->regexes, c->numbers, r) : r;
    c->has_numbers = true;
    c->whole |= whole;
    if (c->numbers == REGEX_NONE)
        c->kinds &= ~(unsigned)(KIND_INTEGER | KIND_NUMBER);
}

unsigned kinds_of_types(unsigned types)
{
    unsigned kinds = 0;

    kinds |= types & SCHEMA_NULL ? KIND_NULL : 0;
    kinds |= types & SCHEMA_BOOL ? KIND_TRUE | KIND_FALSE : 0;
    kinds |= types & SCHEMA_INTEGER ? KIND_INTEGER : 0;
    kinds |= types & SCHEMA_NUMBER ? KIND_INTEGER | KIND_NUMBER : 0;
    kinds |= types & SCHEMA_STRING ? KIND_STRING : 0;
    kinds |= types & SCHEMA_ARRAY ? KIND_ARRAY : 0;
    kinds |= types & SCHEMA_OBJECT ? KIND_OBJECT : 0;
    return kinds;
}

/* --- what is unevaluated ------------------------------------------------------------------------------------------ */

static bool is_within(const struct choice *c, uint32_t scope, uint32_t outer)
{
    for (const struct scope *x = c->scopes; x && scope; x = x->next)
        if (x->number == scope) {
            if (scope == outer)
                return true;
            scope = x->outer;
        }
    return false;
}

static void evaluate_object(struct shapes *s, struct choice *c, const struct scope *scope)
{
    size_t n_members = 0, n_patterns = 0;
    const struct object_layer *first = c->objects;
    struct object_layer *made;

    for (const struct object_layer *l = first; l; l = l->next)
        if (is_within(c, l->scope, scope->number)) {
            if (l->has_extra)
                return; /* nothing is left unevaluated */
            n_members += l->n_members;
            n_patterns += l->n_patterns;
        }
    made = choice_add_object(s, c, n_members, scope->outer);
    if (!made || !(made->patterns = shapes_alloc(s, n_patterns * sizeof *made->patterns)))
        return;
    made->n_members = 0;
    for (const struct object_layer *l = first; l; l = l->next) {
        if (!is_within(c, l->scope, scope->number))
            continue;
        for (size_t i = 0; i < l->n_members; i++)
            if (l->members[i].has_value)
                made->members[made->n_members++] = (struct layer_member){
                    .name = l->members[i].name, .len = l->members[i].len, .has_value = true };
        for (size_t i = 0; i < l->n_patterns; i++)
            made->patterns[made->n_patterns++] = (struct layer_pattern){ .names = l->patterns[i].names };
    }
    made->has_extra = true;
    made->extra = (struct part){ .kind = PART_SCHEMA, .of = scope->schema->unevaluated_properties };
}

static void evaluate_array(struct shapes *s, struct choice *c, const struct scope *scope)
{
    size_t n_prefix = 0;
    struct array_layer *made;

    for (const struct array_layer *l = c->arrays; l; l = l->next)
        if (is_within(c, l->scope, scope->number)) {
            if (l->has_items)
                return;
            if (l->has_contains) {
                shapes_refuse(s, scope->schema, "unevaluatedItems beside contains");
                return;
            }
            n_prefix = l->n_prefix > n_prefix ? l->n_prefix : n_prefix;
        }
    made = choice_add_array(s, c, n_prefix, scope->outer);
    if (!made)
        return;
    made->has_items = true;
    made->items = (struct part){ .kind = PART_SCHEMA, .of = scope->schema->unevaluated_items };
}

/* --- the end of a choice ------------------------------------------------------------------------------------------ */

static void add_scalars(struct shapes *s, const struct choice *c, struct value_shape *v)
{
    static const struct { unsigned kind; const char *text; } literals[] = {
        { KIND_NULL, "null" }, { KIND_TRUE, "true" }, { KIND_FALSE, "false" },
    };
    regex numbers;

    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++)
        if (c->kinds & literals[i].kind)
            v->scalars = regex_or(s->regexes, v->scalars,
                                  regex_literal(s->regexes, literals[i].text, strlen(literals[i].text)));
    if (c->kinds & KIND_STRING)
        v->strings = regex_or(s->regexes, v->strings, c->strings);
    if (!(c->kinds & (KIND_INTEGER | KIND_NUMBER)))
        return;
    numbers = c->has_numbers ? c->numbers : c->kinds & KIND_NUMBER ? s->number : s->integer;
    if (c->has_numbers && !(c->kinds & KIND_NUMBER) && !c->whole)
        numbers = regex_and(s->regexes, numbers, s->integer);
    if (c->has_numbers && s->options.short_numbers)
        numbers = regex_and(s->regexes, numbers, s->number);
    v->scalars = regex_or(s->regexes, v->scalars, numbers);
}

static void *grown(struct shapes *s, const void *list, size_t n)
{
    const void **more;

    if (n & (n - 1)) /* full only at powers of two */
        return (void *)(uintptr_t)list;
    more = shapes_alloc(s, (n ? 2 * n : 1) * sizeof *more);
    if (more && n)
        memcpy(more, list, n * sizeof *more);
    return more;
}

static void add_composites(struct expansion *e, const struct choice *c)
{
    struct shapes *s = e->shapes;
    struct value_shape *v = e->value;

    if (c->kinds & KIND_OBJECT && (c->objects || !e->any_object)) {
        const struct object_shape *o = shape_object(s, c->objects);
        const struct object_shape **list = o ? grown(s, v->objects, v->n_objects) : NULL;

        if (list) {
            list[v->n_objects++] = o;
            v->objects = list;
        }
        e->any_object |= !c->objects;
    }
    if (c->kinds & KIND_ARRAY && (c->arrays || !e->any_array)) {
        const struct array_shape *a = shape_array(s, c->arrays);
        const struct array_shape **list = a ? grown(s, v->arrays, v->n_arrays) : NULL;

        if (list) {
            list[v->n_arrays++] = a;
            v->arrays = list;
        }
        e->any_array |= !c->arrays;
    }
}

static void finish_choice(struct expansion *e, struct choice *c)
{
    if (e->n_alternatives++ >= SHAPE_MAX_ALTERNATIVES) {
        shapes_fail(e->shapes, CORAX_E_ARGS, "%s: more than %d alternatives cannot be held while decoding", e->place,
                    SHAPE_MAX_ALTERNATIVES);
        return;
    }
    for (const struct scope *x = c->scopes; x; x = x->next) {
        if (x->schema->unevaluated_properties && c->kinds & KIND_OBJECT)
            evaluate_object(e->shapes, c, x);
        if (x->schema->unevaluated_items && c->kinds & KIND_ARRAY)
            evaluate_array(e->shapes, c, x);
    }
    add_scalars(e->shapes, c, e->value);
    add_composites(e, c);
}

/* Was this part there before?  Recursion without a step into the value ends here. */
static bool is_done(struct choice *c, const struct part *p)
{
    for (const struct part_list *l = c->done; l; l = l->next)
        if (l->part.kind == p->kind && l->part.of == p->of && l->part.negative == p->negative)
            return true;
    return false;
}

void choice_run(struct expansion *e, struct choice c)
{
    if (e->shapes->failed)
        return;
    e->depth++;
    if (e->shapes->n_choices++ > MAX_CHOICES) {
        shapes_fail(e->shapes, CORAX_E_LIMIT, "%s: the schema has more alternatives in all than can be worked out", e->place);
    } else if (e->depth > MAX_SPLITS) {
        shapes_fail(e->shapes, CORAX_E_ARGS, "%s: alternatives nest more than %d deep", e->place, MAX_SPLITS);
    } else {
        while ((c.todo || c.negated) && c.kinds && !e->shapes->failed) {
            const struct part_list *l = c.todo ? c.todo : c.negated;
            struct part_list *done;

            if (c.todo)
                c.todo = l->next;
            else
                c.negated = l->next;
            if (is_done(&c, &l->part))
                continue;
            done = shapes_alloc(e->shapes, sizeof *done);
            if (!done)
                break;
            *done = (struct part_list){ l->part, c.done };
            c.done = done;
            if (choice_apply(e, &c, &l->part)) {
                c.kinds = 0; /* it went on in its alternatives */
                break;
            }
        }
        if (c.kinds && !e->shapes->failed)
            finish_choice(e, &c);
    }
    e->depth--;
}

/* --- expanding ---------------------------------------------------------------------------------------------------- */

static const char *place_of(const struct shapes *s, conj c)
{
    size_t n;
    const uint32_t *numbers = intern_get(&s->conjs, c, &n);

    for (size_t i = 0; i < n; i++) {
        struct part p = part_of(s, numbers[i]);

        if (p.kind == PART_SCHEMA && *((const struct schema *)p.of)->pointer)
            return ((const struct schema *)p.of)->pointer;
    }
    return "/";
}

/*
 * Without a look at what can be.  NULL, too, when it is asked for while it is being made, or too deep inside of others: s->assumed is set
 * then, and whoever asked must do without.
 */
static struct value_shape *expand_raw(struct shapes *s, conj c)
{
    struct value_shape *v;
    struct expansion e = { .shapes = s };
    struct choice all = { .kinds = KIND_ALL, .strings = REGEX_ANY };
    size_t n;

    if (s->failed || !has_room(s, c))
        return NULL;
    if (s->expanded[c])
        return (struct value_shape *)(uintptr_t)s->expanded[c];
    if (s->states[c] == EXPANDING || s->nesting >= MAX_NESTING) {
        s->assumed = true;
        return NULL;
    }
    v = shapes_alloc(s, sizeof *v);
    if (!v)
        return NULL;
    s->states[c] = EXPANDING;
    s->nesting++;
    e.value = v;
    e.place = place_of(s, c);
    intern_get(&s->conjs, c, &n);
    for (size_t i = n; i-- > 0;) {
        struct part p = part_of(s, intern_get(&s->conjs, c, &n)[i]);

        choice_add(s, &all, &p, 0);
    }
    choice_run(&e, all);
    s->nesting--;
    s->states[c] = RAW;
    if (regex_failed(s->regexes))
        shapes_fail(s, CORAX_E_LIMIT, "%s: the texts that the schema allows are too many to hold", e.place);
    if (s->failed)
        return NULL;
    s->expanded[c] = v;
    return v;
}

static bool search(struct shapes *, conj);

static bool need_is_possible(struct shapes *s, const struct object_shape *o, size_t need)
{
    for (size_t i = 0; i < o->n_classes; i++)
        if (o->classes[i].needs >> need & 1 && search(s, shapes_both(s, o->classes[i].value, o->needs[need].value)))
            return true;
    for (size_t i = 0; i < o->n_names; i++)
        if (o->names[i].needs >> need & 1 && search(s, shapes_both(s, o->names[i].value, o->needs[need].value)))
            return true;
    return false;
}

/* At least so many members that can be? */
static bool has_members(struct shapes *s, const struct object_shape *o)
{
    int64_t n = 0;

    for (size_t i = 0; i < o->n_names && n < o->min; i++)
        n += search(s, o->names[i].value);
    for (size_t i = 0; i < o->n_classes && n < o->min; i++) {
        const int64_t more = o->classes[i].few ? regex_count(s->regexes, o->classes[i].names, o->min) : -1;

        if (search(s, o->classes[i].value))
            n += more < 0 ? o->min : more;
    }
    return n >= o->min;
}

static bool object_is_possible(struct shapes *s, const struct object_shape *o)
{
    for (size_t i = 0; i < o->n_names; i++)
        if (o->names[i].required && !search(s, o->names[i].value))
            return false;
    if (!has_members(s, o))
        return false;
    for (size_t i = 0; i < o->n_needs; i++)
        if (!need_is_possible(s, o, i))
            return false;
    return true;
}

/* Where elements can be that count for `contains`, and how many at most. */
static int64_t count_places(struct shapes *s, struct array_shape *a, size_t i)
{
    struct shape_contains *x = &a->contains[i];
    int64_t n = 0;

    x->at = 0;
    x->in_items = search(s, shapes_both(s, a->items, x->value));
    for (size_t j = 0; j < a->n_prefix && j < 64 && (a->max < 0 || (int64_t)j < a->max); j++)
        if (search(s, shapes_both(s, a->prefix[j], x->value))) {
            x->at |= (uint64_t)1 << j;
            n++;
        }
    if (!x->in_items || (a->max >= 0 && a->max <= (int64_t)a->n_prefix))
        return n;
    return a->max < 0 ? INT64_MAX : n + a->max - (int64_t)a->n_prefix;
}

/* Where every value counts for a `contains`, no more elements can be than may count. */
static void limit_by_contains(struct shapes *s, struct array_shape *a, const struct shape_contains *x)
{
    int64_t counted = 0, most;

    if (x->max < 0)
        return;
    for (size_t j = 0; j < a->n_prefix && counted <= x->max; j++)
        if (!search(s, shapes_both(s, a->prefix[j], x->other)) && ++counted > x->max) {
            a->max = a->max < 0 || a->max > (int64_t)j ? (int64_t)j : a->max;
            return;
        }
    most = (int64_t)a->n_prefix + x->max - counted;
    if ((a->max < 0 || a->max > most) && !search(s, shapes_both(s, a->items, x->other)))
        a->max = most;
}

static bool array_is_possible(struct shapes *s, struct array_shape *a)
{
    for (size_t i = 0; i < a->n_contains; i++)
        limit_by_contains(s, a, &a->contains[i]);
    if (a->max >= 0 && a->min > a->max)
        return false;
    for (size_t i = 0; i < a->n_prefix && (int64_t)i < a->min; i++)
        if (!search(s, a->prefix[i]))
            return false;
    for (size_t i = 0; i < a->n_contains; i++)
        if (count_places(s, a, i) < a->contains[i].min)
            return false;
    return a->min <= (int64_t)a->n_prefix || search(s, a->items);
}

/*
 * Is there a value?  A conjunction that is still being searched counts as empty, since a value that fulfils all is finite; a
 * "no" that rests on such an assumption is not kept.
 */
static bool search(struct shapes *s, conj c)
{
    const struct value_shape *v;
    bool found, before = s->assumed;

    if (c == CONJ_ANYTHING || c == CONJ_NOTHING)
        return c == CONJ_ANYTHING;
    v = expand_raw(s, c);
    if (!v)
        return false;
    switch (s->states[c] & 7) {
    case FULL:
        return true;
    case EMPTY:
        return false;
    case SEARCHING:
        s->assumed = true;
        return false;
    default:
        break;
    }
    if (s->depth >= MAX_SEARCH) {
        s->assumed = true;
        return false;
    }
    s->depth++;
    s->assumed = false;
    s->states[c] = SEARCHING;
    found = regex_alive(s->regexes, v->strings, NULL) || regex_alive(s->regexes, v->scalars, NULL);
    for (size_t i = 0; i < v->n_objects && !found; i++)
        found = object_is_possible(s, v->objects[i]);
    for (size_t i = 0; i < v->n_arrays && !found; i++)
        found = array_is_possible(s, (struct array_shape *)(uintptr_t)v->arrays[i]);
    s->depth--;
    s->states[c] = found ? FULL : s->assumed && s->depth > 0 ? RAW : EMPTY;
    s->assumed |= before;
    return found;
}

bool shapes_satisfiable(struct shapes *s, conj c)
{
    return search(s, c) && !s->failed;
}

bool shapes_may_meet(struct shapes *s, conj c)
{
    const bool before = s->assumed;
    bool result;

    s->assumed = false;
    result = search(s, c) || s->assumed;
    s->assumed = before;
    return result;
}

/* A name that asks for one which cannot be cannot be either. */
static void drop_depends(struct object_shape *o)
{
    struct shape_name *names = (struct shape_name *)(uintptr_t)o->names;
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < o->n_dependencies; i++) {
            const struct shape_dependency *d = &o->dependencies[i];

            for (size_t j = 0; names[d->name].value != CONJ_NOTHING && j < d->n_required; j++)
                if (names[d->required[j]].value == CONJ_NOTHING) {
                    names[d->name].value = CONJ_NOTHING;
                    changed = true;
                }
        }
    }
}

static bool finish_object(struct shapes *s, struct object_shape *o)
{
    struct shape_name *names = (struct shape_name *)(uintptr_t)o->names;
    struct shape_names *classes = (struct shape_names *)(uintptr_t)o->classes;
    size_t n = 0;

    for (size_t i = 0; i < o->n_names; i++)
        if (!search(s, names[i].value))
            names[i].value = CONJ_NOTHING;
    drop_depends(o);
    for (size_t i = 0; i < o->n_names; i++)
        if (names[i].required && names[i].value == CONJ_NOTHING)
            return false;
    for (size_t i = 0; i < o->n_classes; i++)
        if (search(s, classes[i].value))
            classes[n++] = classes[i];
    o->n_classes = n;
    if (!has_members(s, o))
        return false;
    for (size_t i = 0; i < o->n_needs; i++)
        if (!need_is_possible(s, o, i))
            return false;
    return o->max < 0 || (int64_t)o->n_required <= o->max;
}

static bool finish_array(struct shapes *s, struct array_shape *a)
{
    int64_t possible = -1;

    if (!search(s, a->items)) {
        a->items = CONJ_NOTHING;
        possible = (int64_t)a->n_prefix;
    }
    for (size_t i = 0; i < a->n_prefix; i++)
        if (!search(s, a->prefix[i])) {
            possible = (int64_t)i;
            break;
        }
    if (possible >= 0 && (a->max < 0 || a->max > possible))
        a->max = possible;
    for (size_t i = 0; i < a->n_contains; i++) {
        limit_by_contains(s, a, &a->contains[i]);
        if (count_places(s, a, i) < a->contains[i].min)
            return false;
    }
    return a->max < 0 || a->min <= a->max;
}

const struct value_shape *shapes_expand(struct shapes *s, conj c)
{
    struct value_shape *v = expand_raw(s, c);
    size_t n = 0;

    if (!v)
        return NULL;
    if (s->states[c] & FINISHED)
        return v;
    if (!regex_alive(s->regexes, v->strings, NULL))
        v->strings = REGEX_NONE;
    if (!regex_alive(s->regexes, v->scalars, NULL))
        v->scalars = REGEX_NONE;
    for (size_t i = 0; i < v->n_objects; i++)
        if (finish_object(s, (struct object_shape *)(uintptr_t)v->objects[i]))
            ((const struct object_shape **)(uintptr_t)v->objects)[n++] = v->objects[i];
    v->n_objects = n;
    n = 0;
    for (size_t i = 0; i < v->n_arrays; i++)
        if (finish_array(s, (struct array_shape *)(uintptr_t)v->arrays[i]))
            ((const struct array_shape **)(uintptr_t)v->arrays)[n++] = v->arrays[i];
    v->n_arrays = n;
    if (s->failed)
        return NULL;
    s->states[c] |= FINISHED;
    return v;
}

/* The values of members that count for a need. */
static void expand_need(struct shapes *s, const struct object_shape *o, size_t need)
{
    for (size_t i = 0; i < o->n_classes; i++)
        if (o->classes[i].needs >> need & 1)
            (void)shapes_expand(s, shapes_both(s, o->classes[i].value, o->needs[need].value));
    for (size_t i = 0; i < o->n_names; i++)
        if (o->names[i].needs >> need & 1)
            (void)shapes_expand(s, shapes_both(s, o->names[i].value, o->needs[need].value));
}

/* Elements that count, and those that must not. */
static void expand_contains(struct shapes *s, const struct array_shape *a, const struct shape_contains *x)
{
    for (size_t i = 0; i < a->n_prefix; i++) {
        (void)shapes_expand(s, shapes_both(s, a->prefix[i], x->value));
        (void)shapes_expand(s, shapes_both(s, a->prefix[i], x->other));
    }
    (void)shapes_expand(s, shapes_both(s, a->items, x->value));
    (void)shapes_expand(s, shapes_both(s, a->items, x->other));
}

static void expand_below(struct shapes *s, conj c)
{
    const struct value_shape *v = shapes_expand(s, c);

    for (size_t i = 0; v && i < v->n_objects; i++) {
        for (size_t j = 0; j < v->objects[i]->n_names; j++)
            (void)shapes_expand(s, v->objects[i]->names[j].value);
        for (size_t j = 0; j < v->objects[i]->n_classes; j++)
            (void)shapes_expand(s, v->objects[i]->classes[j].value);
        for (size_t j = 0; j < v->objects[i]->n_needs; j++)
            expand_need(s, v->objects[i], j);
    }
    for (size_t i = 0; v && i < v->n_arrays; i++) {
        for (size_t j = 0; j < v->arrays[i]->n_prefix; j++)
            (void)shapes_expand(s, v->arrays[i]->prefix[j]);
        (void)shapes_expand(s, v->arrays[i]->items);
        for (size_t j = 0; j < v->arrays[i]->n_contains; j++)
            expand_contains(s, v->arrays[i], &v->arrays[i]->contains[j]);
    }
}

int shapes_expand_all(struct shapes *s, conj root, struct err *err)
{
    (void)shapes_expand(s, root);
    for (conj c = 0; c < s->conjs.n && !s->failed; c++) /* the list grows on the way */
        if (s->expanded && c < s->conjs_cap && s->expanded[c])
            expand_below(s, c);
    if (!s->failed && !shapes_satisfiable(s, root))
        shapes_fail(s, CORAX_E_ARGS, "%s: no value can match this schema", place_of(s, root));
    if (!s->failed)
        return 0;
    if (err)
        *err = s->err;
    return -1;
}
