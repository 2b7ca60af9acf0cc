/* A schema's keywords laid on a choice.  Draws on JSON Schema 2020-12 core (in-place applicators) and validation. */
#include "infer/shape_choice.h"

#include <string.h>

#define MAX_LENGTH 100000 /* characters in minLength and maxLength: what is counted is a state each */

unsigned kind_of_value(const struct json *v)
{
    switch (json_kind(v)) {
    case JSON_NULL:
        return KIND_NULL;
    case JSON_BOOL:
        return json_bool(v, false) ? KIND_TRUE : KIND_FALSE;
    case JSON_NUMBER:
        return json_is_integer(v) ? KIND_INTEGER : KIND_NUMBER;
    case JSON_STRING:
        return KIND_STRING;
    case JSON_ARRAY:
        return KIND_ARRAY;
    default:
        return KIND_OBJECT;
    }
}

/* A number as the schema writes it, and an integer as integers are written. */
static regex number_text(struct shapes *s, const struct json *v)
{
    const char *digits = json_digits(v);
    const struct regex_number exact = { .integer = true, .min = digits, .max = digits };
    regex r = regex_literal(s->regexes, digits, strlen(digits)), whole;

    if (json_is_integer(v) && regex_number(s->regexes, &exact, &whole, NULL) == 0)
        r = regex_or(s->regexes, r, whole);
    return r;
}

regex shapes_value_text(struct shapes *s, const struct json *v)
{
    if (json_kind(v) == JSON_STRING)
        return regex_literal(s->regexes, json_text(v), strlen(json_text(v)));
    return json_kind(v) == JSON_NUMBER ? number_text(s, v) : REGEX_NONE;
}

/* --- enum and const ----------------------------------------------------------------------------------------------- */

static regex string_values(struct shapes *s, const struct json *const *values, size_t n)
{
    const char **texts = shapes_alloc(s, n * sizeof *texts);
    size_t *lens = shapes_alloc(s, n * sizeof *lens), n_texts = 0;

    if (!texts || !lens)
        return REGEX_NONE;
    for (size_t i = 0; i < n; i++)
        if (json_kind(values[i]) == JSON_STRING) {
            texts[n_texts] = json_text(values[i]);
            lens[n_texts] = strlen(texts[n_texts]);
            n_texts++;
        }
    return regex_literals(s->regexes, texts, lens, n_texts);
}

static regex number_values(struct shapes *s, const struct json *const *values, size_t n)
{
    regex r = REGEX_NONE;

    for (size_t i = 0; i < n; i++)
        if (json_kind(values[i]) == JSON_NUMBER)
            r = regex_or(s->regexes, r, number_text(s, values[i]));
    return r;
}

/* An object or array that is exactly this one. */
static void meet_composite(struct shapes *s, struct choice *c, const struct json *v)
{
    const struct part nothing = { .kind = PART_NOTHING };
    size_t n = json_count(v), i = 0;

    c->kinds &= kind_of_value(v);
    if (c->kinds & KIND_OBJECT) {
        struct object_layer *l = choice_add_object(s, c, n, 0);

        for (const struct json *m = json_first(v); l && m; m = json_next(m), i++)
            l->members[i] = (struct layer_member){ json_key(m), strlen(json_key(m)), true, true,
                                                   { .kind = PART_VALUE, .of = m } };
        if (l) {
            l->has_extra = true;
            l->extra = nothing;
        }
    } else if (c->kinds & KIND_ARRAY) {
        struct array_layer *l = choice_add_array(s, c, n, 0);

        for (const struct json *m = json_first(v); l && m; m = json_next(m), i++)
            l->prefix[i] = (struct part){ .kind = PART_VALUE, .of = m };
        if (l) {
            l->has_items = true;
            l->items = nothing;
            l->min = l->max = (int64_t)n;
        }
    }
}

/* Values of an enum that are objects or arrays are alternatives of their own.  True: it split. */
static bool meet_values(struct expansion *e, struct choice *c, const struct json *const *values, size_t n)
{
    struct shapes *s = e->shapes;
    unsigned kinds = 0;
    size_t n_composite = 0;

    for (size_t i = 0; i < n; i++) {
        kinds |= kind_of_value(values[i]);
        n_composite += (kind_of_value(values[i]) & (KIND_ARRAY | KIND_OBJECT)) != 0;
    }
    if (kinds & KIND_INTEGER && c->kinds & KIND_NUMBER)
        kinds |= KIND_NUMBER; /* the texts decide */
    if (c->kinds & KIND_STRING && kinds & KIND_STRING)
        choice_meet_strings(s, c, string_values(s, values, n));
    if (c->kinds & KIND_INTEGER && kinds & (KIND_INTEGER | KIND_NUMBER)) {
        if (kinds & KIND_NUMBER && c->kinds & KIND_NUMBER)
            kinds |= KIND_INTEGER;
        choice_meet_numbers(s, c, number_values(s, values, n), false);
    }
    for (size_t i = 0; i < n && n_composite; i++) {
        struct choice one = *c;

        if (!(kind_of_value(values[i]) & (KIND_ARRAY | KIND_OBJECT) & c->kinds))
            continue;
        meet_composite(s, &one, values[i]);
        choice_run(e, one);
    }
    c->kinds &= kinds & ~(unsigned)(KIND_ARRAY | KIND_OBJECT);
    return false;
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

int shapes_number(struct shapes *s, const struct schema *schema, regex *out, bool *whole)
{
    const struct regex_number n = {
        .integer = !(schema->types & SCHEMA_NUMBER),
        .min = schema->minimum ? json_digits(schema->minimum) : NULL,
        .max = schema->maximum ? json_digits(schema->maximum) : NULL,
        .exclusive_min = schema->exclusive_min,
        .exclusive_max = schema->exclusive_max,
        .multiple = schema->multiple_of ? json_digits(schema->multiple_of) : NULL,
    };
    struct err err;

    *whole = n.integer;
    if (regex_number(s->regexes, &n, out, &err) == 0)
        return 0;
    return shapes_refuse(s, schema, "a bound of numbers beyond reason");
}

static void meet_numbers(struct shapes *s, struct choice *c, const struct schema *schema)
{
    regex r;
    bool whole;

    if (!(schema->minimum || schema->maximum || schema->multiple_of) || !(c->kinds & (KIND_INTEGER | KIND_NUMBER)))
        return;
    if (shapes_number(s, schema, &r, &whole) == 0)
        choice_meet_numbers(s, c, r, whole);
}

static void meet_strings(struct shapes *s, struct choice *c, const struct schema *schema)
{
    struct err err;
    regex r;

    if (!(c->kinds & KIND_STRING))
        return;
    if (schema->min_length > MAX_LENGTH)
        shapes_refuse(s, schema, "a minLength above 100000");
    else if (schema->min_length > 0 || (schema->max_length >= 0 && schema->max_length <= MAX_LENGTH))
        choice_meet_strings(s, c, regex_repeat(s->regexes, s->character, schema->min_length > 0 ? schema->min_length : 0,
                                               schema->max_length > MAX_LENGTH ? -1 : schema->max_length));
    if (schema->pattern) {
        if (regex_pattern(s->regexes, schema->pattern, schema->pattern_len, &r, &err) == 0)
            choice_meet_strings(s, c, r);
        else
            shapes_refuse(s, schema, err.msg);
    }
    if (schema->format && regex_format(s->regexes, schema->format, &r))
        choice_meet_strings(s, c, r);
}

/* --- objects and arrays ------------------------------------------------------------------------------------------- */

static struct part schema_part(const struct schema *s)
{
    return (struct part){ .kind = PART_SCHEMA, .of = s };
}

static bool has_object_rules(const struct schema *s)
{
    return s->n_properties || s->n_patterns || s->additional || s->property_names || s->min_properties > 0 ||
           s->max_properties >= 0;
}

static void meet_patterns(struct shapes *s, struct object_layer *l, const struct schema *schema)
{
    struct err err;

    l->patterns = shapes_alloc(s, schema->n_patterns * sizeof *l->patterns);
    for (size_t i = 0; l->patterns && i < schema->n_patterns; i++) {
        const struct schema_pattern *p = &schema->patterns[i];

        if (regex_pattern(s->regexes, p->pattern, p->len, &l->patterns[l->n_patterns].names, &err) < 0)
            shapes_refuse(s, schema, err.msg);
        else
            l->patterns[l->n_patterns++].value = schema_part(p->schema);
    }
}

static void meet_objects(struct shapes *s, struct choice *c, const struct schema *schema, uint32_t scope)
{
    struct object_layer *l;

    if (!(c->kinds & KIND_OBJECT) || !has_object_rules(schema))
        return;
    l = choice_add_object(s, c, schema->n_properties, scope);
    if (!l)
        return;
    for (size_t i = 0; i < schema->n_properties; i++) {
        const struct schema_member *m = &schema->properties[i];

        l->members[i] = (struct layer_member){ m->name, m->len, m->schema != NULL, m->required, schema_part(m->schema) };
    }
    meet_patterns(s, l, schema);
    l->has_extra = schema->additional != NULL;
    l->extra = schema_part(schema->additional);
    l->has_names = schema->property_names != NULL;
    l->names = schema_part(schema->property_names);
    l->min = schema->min_properties > 0 ? schema->min_properties : 0;
    l->max = schema->max_properties;
}

static void meet_arrays(struct shapes *s, struct choice *c, const struct schema *schema, uint32_t scope)
{
    struct array_layer *l;

    if (!(c->kinds & KIND_ARRAY) || !(schema->n_prefix || schema->items || schema->contains || schema->min_items > 0 ||
                                      schema->max_items >= 0 || schema->unique_items))
        return;
    l = choice_add_array(s, c, schema->n_prefix, scope);
    if (!l)
        return;
    for (size_t i = 0; i < schema->n_prefix; i++)
        l->prefix[i] = schema_part(schema->prefix[i]);
    l->has_items = schema->items != NULL;
    l->items = schema_part(schema->items);
    l->has_contains = schema->contains != NULL;
    l->contains = schema_part(schema->contains);
    l->min_contains = schema->min_contains >= 0 ? schema->min_contains : 1;
    l->max_contains = schema->max_contains;
    l->min = schema->min_items > 0 ? schema->min_items : 0;
    l->max = schema->max_items;
    l->unique = schema->unique_items;
}

/* --- applicators -------------------------------------------------------------------------------------------------- */

static bool split_any(struct expansion *e, struct choice *c, const struct schema *const *list, size_t n, uint32_t scope)
{
    for (size_t i = 0; i < n; i++) {
        struct choice one = *c;

        choice_add_schema(e->shapes, &one, list[i], false, scope);
        choice_run(e, one);
    }
    return true;
}

static const struct schema *behind_refs(const struct schema *s)
{
    for (int i = 0; s->ref && i < 8; i++)
        s = s->ref;
    return s;
}

static const struct schema_member *find_member(const struct schema *s, const char *name)
{
    for (size_t i = 0; i < s->n_properties; i++)
        if (strcmp(s->properties[i].name, name) == 0)
            return &s->properties[i];
    return NULL;
}

/* The strings that a schema lists; NULL: it does not list what it allows, or other things too. */
static const struct json *const *listed(const struct schema *s, size_t *n)
{
    const struct json *const *values = s->constant ? &s->constant : s->has_enum ? s->values : NULL;

    *n = s->constant ? 1 : s->n_values;
    for (size_t i = 0; values && i < *n; i++)
        if (json_kind(values[i]) != JSON_STRING)
            return NULL;
    return values;
}

static bool lists_differ(const struct schema *a, const struct schema *b)
{
    size_t n_a, n_b;
    const struct json *const *x = listed(behind_refs(a), &n_a), *const *y = listed(behind_refs(b), &n_b);

    for (size_t i = 0; x && y && i < n_a; i++)
        for (size_t j = 0; j < n_b; j++)
            if (strcmp(json_text(x[i]), json_text(y[j])) == 0)
                return false;
    return x && y;
}

/*
 * Both are objects, and a member that one requires is listed by both with different values, or has no place in the other: how most
 * alternatives are told apart, so it is looked at before anything is worked out.
 */
static bool is_told_apart(const struct schema *a, const struct schema *b)
{
    if (a->types != SCHEMA_OBJECT || b->types != SCHEMA_OBJECT)
        return false;
    for (size_t i = 0; i < a->n_properties; i++) {
        const struct schema_member *m = &a->properties[i], *other;

        if (!m->required)
            continue;
        other = find_member(b, m->name);
        if (!other || !other->schema) {
            if (b->additional && b->additional->never && b->n_patterns == 0)
                return true;
        } else if (m->schema && lists_differ(m->schema, other->schema)) {
            return true;
        }
    }
    return false;
}

/* Can both hold for one value? */
static bool overlap(struct shapes *s, const struct schema *a, const struct schema *b)
{
    const struct schema *x = behind_refs(a), *y = behind_refs(b);

    if (!(kinds_of_types(x->types) & kinds_of_types(y->types)) || is_told_apart(x, y) || is_told_apart(y, x))
        return false;
    return shapes_may_meet(s, shapes_both(s, shapes_schema(s, a), shapes_schema(s, b)));
}

/* Alternatives that cannot meet are as good as anyOf; from each of the others those that it meets are taken away. */
static bool split_one(struct expansion *e, struct choice *c, const struct schema *s, uint32_t scope)
{
    for (size_t i = 0; i < s->n_one_of; i++) {
        struct choice one = *c;

        for (size_t j = 0; j < s->n_one_of; j++)
            if (j != i && overlap(e->shapes, s->one_of[i], s->one_of[j]))
                choice_add_schema(e->shapes, &one, s->one_of[j], true, 0);
        choice_add_schema(e->shapes, &one, s->one_of[i], false, scope);
        choice_run(e, one);
    }
    return true;
}

static bool split_if(struct expansion *e, struct choice *c, const struct schema *s, uint32_t scope)
{
    struct choice yes = *c, no = *c;

    if (s->then_)
        choice_add_schema(e->shapes, &yes, s->then_, false, scope);
    choice_add_schema(e->shapes, &yes, s->if_, false, scope);
    choice_run(e, yes);
    if (s->else_)
        choice_add_schema(e->shapes, &no, s->else_, false, scope);
    choice_add_schema(e->shapes, &no, s->if_, true, 0);
    choice_run(e, no);
    return true;
}

/* Without the name, or with it and what it asks for.  True: it split. */
static bool split_depends(struct expansion *e, struct choice *c, const struct schema *s, size_t i, uint32_t scope)
{
    const struct schema_depends *d = &s->depends[i];
    const struct part nothing = { .kind = PART_NOTHING };
    struct choice with = *c;
    struct object_layer *l;

    with.kinds &= KIND_OBJECT;
    l = choice_add_object(e->shapes, &with, 1 + d->n_required, scope);
    if (!l)
        return true;
    l->members[0] = (struct layer_member){ .name = d->name, .len = d->len, .required = true };
    for (size_t j = 0; j < d->n_required; j++)
        l->members[1 + j] = (struct layer_member){ .name = d->required[j], .len = strlen(d->required[j]), .required = true };
    if (d->schema)
        choice_add_schema(e->shapes, &with, d->schema, false, scope);
    choice_run(e, with);
    l = choice_add_object(e->shapes, c, 1, 0);
    if (l)
        l->members[0] = (struct layer_member){ d->name, d->len, true, false, nothing };
    return false; /* the rest goes on without the name */
}

/* Only names: kept as it is, so that ten of them are not a thousand alternatives. */
static void meet_depends(struct shapes *s, struct choice *c, const struct schema *schema)
{
    struct object_layer *l = choice_add_object(s, c, 0, 0);
    size_t n = 0;

    if (!l || !(l->depends = shapes_alloc(s, schema->n_depends * sizeof *l->depends)))
        return;
    for (size_t i = 0; i < schema->n_depends; i++)
        if (!schema->depends[i].schema)
            l->depends[n++] = (struct layer_depends){ schema->depends[i].name, schema->depends[i].n_required,
                                                      schema->depends[i].required };
    l->n_depends = n;
}

enum splitter { SPLIT_ANY, SPLIT_ONE, SPLIT_IF, SPLIT_CONST, SPLIT_ENUM, SPLIT_DEPENDS };

/* A schema that has just that keyword of another. */
static const struct schema *only(struct shapes *s, const struct schema *schema, enum splitter which, size_t i)
{
    struct schema *one = shapes_alloc(s, sizeof *one);

    if (!one)
        return NULL;
    *one = shape_no_rules;
    one->pointer = schema->pointer;
    switch (which) {
    case SPLIT_ANY:
        one->n_any_of = schema->n_any_of;
        one->any_of = schema->any_of;
        break;
    case SPLIT_ONE:
        one->n_one_of = schema->n_one_of;
        one->one_of = schema->one_of;
        break;
    case SPLIT_IF:
        one->if_ = schema->if_;
        one->then_ = schema->then_;
        one->else_ = schema->else_;
        break;
    case SPLIT_CONST:
        one->constant = schema->constant;
        break;
    case SPLIT_ENUM:
        one->has_enum = true;
        one->n_values = schema->n_values;
        one->values = schema->values;
        break;
    case SPLIT_DEPENDS:
        one->n_depends = 1;
        one->depends = &schema->depends[i];
        break;
    }
    return one;
}

static bool has_composite(const struct json *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (kind_of_value(values[i]) & (KIND_ARRAY | KIND_OBJECT))
            return true;
    return false;
}

struct splitters {
    enum splitter which[2];
    size_t at[2], n; /* the first two are enough to know */
    bool add;        /* hand each on as a part of its own */
};

static void note(struct expansion *e, struct choice *c, const struct schema *s, uint32_t scope, struct splitters *x,
                 enum splitter which, size_t i)
{
    const struct schema *one = x->add ? only(e->shapes, s, which, i) : NULL;

    if (one)
        choice_add_schema(e->shapes, c, one, false, scope);
    if (x->n < 2) {
        x->which[x->n] = which;
        x->at[x->n] = i;
    }
    x->n++;
}

static void note_all(struct expansion *e, struct choice *c, const struct schema *s, uint32_t scope, struct splitters *x)
{
    x->n = 0;
    if (s->constant && has_composite(&s->constant, 1))
        note(e, c, s, scope, x, SPLIT_CONST, 0);
    if (s->has_enum && has_composite(s->values, s->n_values))
        note(e, c, s, scope, x, SPLIT_ENUM, 0);
    if (s->n_any_of)
        note(e, c, s, scope, x, SPLIT_ANY, 0);
    if (s->n_one_of)
        note(e, c, s, scope, x, SPLIT_ONE, 0);
    if (s->if_ && (s->then_ || s->else_))
        note(e, c, s, scope, x, SPLIT_IF, 0);
    for (size_t i = 0; i < s->n_depends && c->kinds & KIND_OBJECT; i++)
        if (s->depends[i].schema)
            note(e, c, s, scope, x, SPLIT_DEPENDS, i);
}

/*
 * Whatever splits must come last, when all else is on the list; of several each becomes a part of its own.  True: it split.
 */
static bool split(struct expansion *e, struct choice *c, const struct schema *s, uint32_t scope)
{
    struct splitters x = { .add = false };

    note_all(e, c, s, scope, &x);
    if (x.n > 1) {
        x.add = true;
        note_all(e, c, s, scope, &x);
        return false;
    }
    if (x.n == 0)
        return false;
    switch (x.which[0]) {
    case SPLIT_ANY:
        return split_any(e, c, s->any_of, s->n_any_of, scope);
    case SPLIT_ONE:
        return split_one(e, c, s, scope);
    case SPLIT_IF:
        return split_if(e, c, s, scope);
    case SPLIT_CONST:
        return meet_values(e, c, &s->constant, 1);
    case SPLIT_ENUM:
        return meet_values(e, c, s->values, s->n_values);
    case SPLIT_DEPENDS:
        return split_depends(e, c, s, x.at[0], scope);
    }
    return false;
}

static bool apply_schema(struct expansion *e, struct choice *c, const struct schema *s, uint32_t scope)
{
    if (s->never) {
        c->kinds = 0;
        return false;
    }
    c->kinds &= kinds_of_types(s->types);
    if (s->unevaluated_properties || s->unevaluated_items) {
        struct scope *x = shapes_alloc(e->shapes, sizeof *x);

        if (!x)
            return false;
        *x = (struct scope){ c->scopes ? c->scopes->number + 1 : 1, scope, s, c->scopes };
        c->scopes = x;
        scope = x->number;
    }
    meet_strings(e->shapes, c, s);
    meet_numbers(e->shapes, c, s);
    meet_objects(e->shapes, c, s, scope);
    meet_arrays(e->shapes, c, s, scope);
    if (s->n_depends && c->kinds & KIND_OBJECT)
        meet_depends(e->shapes, c, s);
    if (s->constant && !has_composite(&s->constant, 1))
        (void)meet_values(e, c, &s->constant, 1);
    if (s->has_enum && !has_composite(s->values, s->n_values))
        (void)meet_values(e, c, s->values, s->n_values);
    for (size_t i = 0; i < s->n_all_of; i++)
        choice_add_schema(e->shapes, c, s->all_of[s->n_all_of - 1 - i], false, scope);
    if (s->ref_depends)
        shapes_refuse(e->shapes, s, "a $dynamicRef that depends on who refers to it");
    if (s->ref)
        choice_add_schema(e->shapes, c, s->ref, false, scope);
    if (s->not_)
        choice_add_schema(e->shapes, c, s->not_, true, 0);
    return split(e, c, s, scope);
}

bool choice_apply(struct expansion *e, struct choice *c, const struct part *p)
{
    const struct json *value = p->of;

    switch (p->kind) {
    case PART_NOTHING:
        c->kinds = 0;
        return false;
    case PART_VALUE:
        return p->negative ? choice_negate(e, c, p) : meet_values(e, c, &value, 1);
    case PART_SCHEMA:
        break;
    }
    return p->negative ? choice_negate(e, c, p) : apply_schema(e, c, p->of, p->scope);
}
