/*
 * What must not hold.  A schema fails where one of its keywords does, so each keyword is an alternative in which that
 * one fails; a value differs from a given one where one of its members does.
 */
#include "infer/shape_choice.h"

#include <string.h>

/* One alternative: what is left of the kinds after a keyword's own. */
static struct choice within(const struct choice *c, unsigned kinds)
{
    struct choice one = *c;

    one.kinds &= kinds;
    return one;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static void differ_object(struct expansion *e, struct choice *c, const struct json *v)
{
    const struct part nothing = { .kind = PART_NOTHING };
    struct choice more = *c;
    struct object_layer *l = choice_add_object(e->shapes, &more, 0, 0);

    if (l)
        l->min = (int64_t)json_count(v) + 1; /* as many members and each the same is the value itself */
    choice_run(e, more);
    for (const struct json *m = json_first(v); m; m = json_next(m))
        for (int missing = 0; missing < 2; missing++) {
            struct choice one = *c;

            l = choice_add_object(e->shapes, &one, 1, 0);
            if (l)
                l->members[0] = (struct layer_member){
                    json_key(m), strlen(json_key(m)), true, !missing,
                    missing ? nothing : (struct part){ .kind = PART_VALUE, .of = m, .negative = true } };
            choice_run(e, one);
        }
}

static void differ_array(struct expansion *e, struct choice *c, const struct json *v)
{
    const int64_t n = (int64_t)json_count(v);
    size_t i = 0;

    for (int shorter = 0; shorter < 2; shorter++) {
        struct choice one = *c;
        struct array_layer *l = choice_add_array(e->shapes, &one, 0, 0);

        if (l && !shorter)
            l->min = n + 1;
        else if (l)
            l->max = n - 1;
        if (!shorter || n > 0)
            choice_run(e, one);
    }
    for (const struct json *m = json_first(v); m; m = json_next(m), i++) {
        struct choice one = *c;
        struct array_layer *l = choice_add_array(e->shapes, &one, i + 1, 0);

        if (l) {
            for (size_t j = 0; j < i; j++)
                l->prefix[j] = (struct part){ .kind = PART_SCHEMA };
            l->prefix[i] = (struct part){ .kind = PART_VALUE, .of = m, .negative = true };
            l->min = (int64_t)i + 1;
        }
        choice_run(e, one);
    }
}

/* Every way of writing a number, so that 1 does not come back as 1.0. */
static regex same_number(struct shapes *s, const struct json *v)
{
    const char *digits = json_digits(v);
    const struct regex_number exact = { .min = digits, .max = digits };
    regex r;

    return regex_number(s->regexes, &exact, &r, NULL) == 0 ? r : REGEX_NONE;
}

/* True: it split. */
static bool differ(struct expansion *e, struct choice *c, const struct json *v)
{
    struct shapes *s = e->shapes;
    unsigned kind = kind_of_value(v);
    struct choice others;

    switch (json_kind(v)) {
    case JSON_STRING:
        if (c->kinds & kind)
            choice_meet_strings(s, c, regex_minus(s->regexes, REGEX_ANY, shapes_value_text(s, v)));
        return false;
    case JSON_NUMBER:
        if (c->kinds & (KIND_INTEGER | KIND_NUMBER)) {
            const struct regex_number plain = { .min = "-1e300" }; /* no exponents: they would be other texts of it */
            regex all;

            if (regex_number(s->regexes, &plain, &all, NULL) == 0)
                choice_meet_numbers(s, c, regex_minus(s->regexes, all, same_number(s, v)), false);
        }
        return false;
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (!(c->kinds & kind))
            return false;
        others = within(c, KIND_ALL & ~kind);
        if (others.kinds)
            choice_run(e, others);
        c->kinds &= kind;
        if (kind == KIND_OBJECT)
            differ_object(e, c, v);
        else
            differ_array(e, c, v);
        return true;
    default:
        c->kinds &= ~kind;
        return false;
    }
}

/* None of several values: each is a part of its own. */
static void differ_all(struct expansion *e, const struct choice *c, const struct json *const *values, size_t n)
{
    struct choice one = *c;

    for (size_t i = 0; i < n; i++)
        choice_add(e->shapes, &one, &(struct part){ .kind = PART_VALUE, .of = values[i], .negative = true }, 0);
    choice_run(e, one);
}

/* --- schemas ------------------------------------------------------------------------------------------------------ */

static void fail_strings(struct expansion *e, const struct choice *c, const struct schema *s)
{
    struct shapes *sh = e->shapes;
    struct choice one;
    struct err err;
    regex r;

    if (s->min_length > 0) {
        one = within(c, KIND_STRING);
        choice_meet_strings(sh, &one, regex_repeat(sh->regexes, sh->character, 0, s->min_length - 1));
        choice_run(e, one);
    }
    if (s->max_length >= 0) {
        one = within(c, KIND_STRING);
        choice_meet_strings(sh, &one, regex_repeat(sh->regexes, sh->character, s->max_length + 1, REGEX_MANY));
        choice_run(e, one);
    }
    if (s->pattern) {
        one = within(c, KIND_STRING);
        if (regex_pattern(sh->regexes, s->pattern, s->pattern_len, &r, &err) < 0)
            shapes_refuse(sh, s, err.msg);
        else
            choice_meet_strings(sh, &one, regex_minus(sh->regexes, REGEX_ANY, r));
        choice_run(e, one);
    }
    if (s->format && regex_format(sh->regexes, s->format, &r)) {
        one = within(c, KIND_STRING);
        choice_meet_strings(sh, &one, regex_minus(sh->regexes, REGEX_ANY, r));
        choice_run(e, one);
    }
}

static void fail_numbers(struct expansion *e, const struct choice *c, const struct schema *s)
{
    struct choice one = within(c, KIND_INTEGER | KIND_NUMBER);
    regex r, all;
    bool whole;

    if (!(s->minimum || s->maximum || s->multiple_of))
        return;
    if (shapes_number(e->shapes, s, &r, &whole) < 0 ||
        regex_number(e->shapes->regexes, &(struct regex_number){ .min = "-1e300" }, &all, NULL) < 0)
        return;
    choice_meet_numbers(e->shapes, &one, regex_minus(e->shapes->regexes, all, r), false);
    choice_run(e, one);
}

static struct part schema_part(const struct schema *s, bool negative)
{
    return (struct part){ .kind = PART_SCHEMA, .of = s, .negative = negative };
}

/* One alternative in which an object has, or has not, a member. */
static void with_member(struct expansion *e, const struct choice *c, const char *name, size_t len, bool there, struct part value)
{
    struct choice one = within(c, KIND_OBJECT);
    struct object_layer *l = choice_add_object(e->shapes, &one, 1, 0);

    if (l)
        l->members[0] = (struct layer_member){ name, len, true, there, value };
    choice_run(e, one);
}

/* One alternative in which some member, of those with these names, has a value. */
static void with_need(struct expansion *e, const struct choice *c, regex names, struct part value)
{
    struct choice one = within(c, KIND_OBJECT);
    struct object_layer *l = choice_add_object(e->shapes, &one, 0, 0);

    if (l && (l->need = shapes_alloc(e->shapes, sizeof *l->need)))
        *l->need = (struct layer_need){ names, value };
    if (l && names != REGEX_NONE)
        choice_run(e, one);
}

/* A name that must not be, or a member under a pattern or under none that is not what it must be. */
static void fail_other_members(struct expansion *e, const struct choice *c, const struct schema *s)
{
    struct regexes *rs = e->shapes->regexes;
    regex others = REGEX_ANY, r;
    struct err err;

    for (size_t i = 0; i < s->n_patterns; i++) {
        if (regex_pattern(rs, s->patterns[i].pattern, s->patterns[i].len, &r, &err) < 0) {
            shapes_refuse(e->shapes, s, err.msg);
            return;
        }
        with_need(e, c, r, schema_part(s->patterns[i].schema, true));
        others = regex_minus(rs, others, r);
    }
    if (s->additional) {
        for (size_t i = 0; i < s->n_properties; i++)
            if (s->properties[i].schema)
                others = regex_minus(rs, others, regex_literal(rs, s->properties[i].name, s->properties[i].len));
        with_need(e, c, others, schema_part(s->additional, true));
    }
    if (s->property_names) {
        const struct part part = schema_part(s->property_names, true);
        const struct value_shape *v = shapes_expand(e->shapes, shapes_part(e->shapes, &part));

        if (!v)
            shapes_refuse(e->shapes, s, "propertyNames that depend on themselves");
        else
            with_need(e, c, v->strings, (struct part){ .kind = PART_SCHEMA });
    }
}

/* The name is there, and something that it asks for is not. */
static void fail_depends(struct expansion *e, const struct choice *c, const struct schema *s)
{
    const struct part nothing = { .kind = PART_NOTHING }, anything = { .kind = PART_SCHEMA };

    for (size_t i = 0; i < s->n_depends; i++) {
        const struct schema_depends *d = &s->depends[i];

        for (size_t j = 0; j < d->n_required; j++) {
            struct choice one = within(c, KIND_OBJECT);
            struct object_layer *l = choice_add_object(e->shapes, &one, 2, 0);

            if (l) {
                l->members[0] = (struct layer_member){ d->name, d->len, true, true, anything };
                l->members[1] = (struct layer_member){ d->required[j], strlen(d->required[j]), true, false, nothing };
            }
            choice_run(e, one);
        }
        if (d->schema) {
            struct choice one = within(c, KIND_OBJECT);
            struct object_layer *l = choice_add_object(e->shapes, &one, 1, 0);

            if (l)
                l->members[0] = (struct layer_member){ d->name, d->len, true, true, anything };
            choice_add_schema(e->shapes, &one, d->schema, true, 0);
            choice_run(e, one);
        }
    }
}

static void fail_objects(struct expansion *e, const struct choice *c, const struct schema *s)
{
    const struct part nothing = { .kind = PART_NOTHING };

    for (size_t i = 0; i < s->n_properties; i++) {
        const struct schema_member *m = &s->properties[i];

        if (m->required)
            with_member(e, c, m->name, m->len, false, nothing);
        if (m->schema)
            with_member(e, c, m->name, m->len, true, schema_part(m->schema, true));
    }
    if (s->min_properties > 0 || s->max_properties >= 0)
        for (int more = 0; more < 2; more++) {
            struct choice one = within(c, KIND_OBJECT);
            struct object_layer *l;

            if (more ? s->max_properties < 0 : s->min_properties <= 0)
                continue;
            l = choice_add_object(e->shapes, &one, 0, 0);
            if (l && more)
                l->min = s->max_properties + 1;
            else if (l)
                l->max = s->min_properties - 1;
            choice_run(e, one);
        }
    if (c->kinds & KIND_OBJECT) {
        fail_other_members(e, c, s);
        fail_depends(e, c, s);
    }
}

static void fail_arrays(struct expansion *e, const struct choice *c, const struct schema *s)
{
    for (int longer = 0; longer < 2; longer++) {
        struct choice one = within(c, KIND_ARRAY);
        struct array_layer *l;

        if (longer ? s->max_items < 0 : s->min_items <= 0)
            continue;
        l = choice_add_array(e->shapes, &one, 0, 0);
        if (l && longer)
            l->min = s->max_items + 1;
        else if (l)
            l->max = s->min_items - 1;
        choice_run(e, one);
    }
    if (s->items && s->n_prefix == 0) { /* an element that is none of them */
        struct choice one = within(c, KIND_ARRAY);
        struct array_layer *l = choice_add_array(e->shapes, &one, 0, 0);

        if (l) {
            l->has_contains = true;
            l->contains = schema_part(s->items, true);
            l->min_contains = 1;
        }
        choice_run(e, one);
    }
    if (s->contains && s->min_contains <= 1 && s->max_contains < 0) {
        struct choice one = within(c, KIND_ARRAY);
        struct array_layer *l = choice_add_array(e->shapes, &one, 0, 0);

        if (l) {
            l->has_items = true;
            l->items = schema_part(s->contains, true);
        }
        choice_run(e, one);
    }
    if (c->kinds & KIND_ARRAY && (s->n_prefix || s->unique_items || (s->contains && (s->min_contains > 1 || s->max_contains >= 0))))
        shapes_refuse(e->shapes, s, "the negation of prefixItems, uniqueItems or minContains");
}

static void fail_schema(struct expansion *e, const struct choice *c, const struct schema *s)
{
    struct choice one = *c;

    choice_add_schema(e->shapes, &one, s, true, 0);
    choice_run(e, one);
}

/* None of them, or two of them at once. */
static void fail_one_of(struct expansion *e, const struct choice *c, const struct schema *s)
{
    struct choice none = *c;

    for (size_t i = 0; i < s->n_one_of; i++)
        choice_add_schema(e->shapes, &none, s->one_of[i], true, 0);
    choice_run(e, none);
    for (size_t i = 0; i < s->n_one_of; i++)
        for (size_t j = i + 1; j < s->n_one_of; j++) {
            struct choice two = *c;

            choice_add_schema(e->shapes, &two, s->one_of[i], false, 0);
            choice_add_schema(e->shapes, &two, s->one_of[j], false, 0);
            choice_run(e, two);
        }
}

static void fail_applicators(struct expansion *e, const struct choice *c, const struct schema *s)
{
    struct choice one;

    for (size_t i = 0; i < s->n_all_of; i++)
        fail_schema(e, c, s->all_of[i]);
    if (s->n_any_of) {
        one = *c;
        for (size_t i = 0; i < s->n_any_of; i++)
            choice_add_schema(e->shapes, &one, s->any_of[i], true, 0);
        choice_run(e, one);
    }
    if (s->n_one_of)
        fail_one_of(e, c, s);
    if (s->not_) {
        one = *c;
        choice_add_schema(e->shapes, &one, s->not_, false, 0);
        choice_run(e, one);
    }
    if (s->ref_depends)
        shapes_refuse(e->shapes, s, "a $dynamicRef that depends on who refers to it");
    if (s->ref)
        fail_schema(e, c, s->ref);
    for (int otherwise = 0; s->if_ && otherwise < 2; otherwise++) {
        const struct schema *then = otherwise ? s->else_ : s->then_;

        if (!then)
            continue;
        one = *c;
        choice_add_schema(e->shapes, &one, s->if_, otherwise, 0);
        choice_add_schema(e->shapes, &one, then, true, 0);
        choice_run(e, one);
    }
}

/* Numbers that are no integers. */
static struct choice fractions(struct shapes *s, const struct choice *c)
{
    const struct regex_number plain = { .min = "-1e300" };
    struct choice one = within(c, KIND_NUMBER | KIND_INTEGER);
    regex whole = regex_or(s->regexes, s->integer, regex_literal(s->regexes, "-0", 2)), all;
    regex zeros = regex_repeat(s->regexes, regex_literal(s->regexes, "0", 1), 1, REGEX_MANY);

    zeros = regex_or(s->regexes, REGEX_EMPTY, regex_concat(s->regexes, regex_literal(s->regexes, ".", 1), zeros));
    if (regex_number(s->regexes, &plain, &all, NULL) == 0)
        choice_meet_numbers(s, &one, regex_minus(s->regexes, all, regex_concat(s->regexes, whole, zeros)), false);
    return one;
}

bool choice_negate(struct expansion *e, struct choice *c, const struct part *p)
{
    const struct schema *s = p->of;
    struct choice one;

    if (p->kind == PART_VALUE)
        return differ(e, c, p->of);
    if (s->never)
        return false;
    one = within(c, KIND_ALL & ~kinds_of_types(s->types));
    if (!(one.kinds & KIND_INTEGER))
        one.kinds &= ~(unsigned)KIND_NUMBER;
    choice_run(e, one);
    if (s->types & SCHEMA_INTEGER && !(s->types & SCHEMA_NUMBER) && c->kinds & KIND_NUMBER)
        choice_run(e, fractions(e->shapes, c));
    c->kinds &= kinds_of_types(s->types); /* from here on the type itself holds, so that no value comes twice */
    if (!c->kinds)
        return true;
    fail_strings(e, c, s);
    fail_numbers(e, c, s);
    fail_objects(e, c, s);
    fail_arrays(e, c, s);
    if (s->has_enum)
        differ_all(e, c, s->values, s->n_values);
    if (s->constant)
        differ_all(e, c, &s->constant, 1);
    fail_applicators(e, c, s);
    return true;
}
