/*
 * Layers laid over each other.  For a name each layer says what its value must be: the member of that name and every
 * pattern that the name matches, or, where there is neither, what the layer says of other members.  The value must be all
 * of what the layers say together.  Names that no layer lists are sorted into classes by the patterns they match.
 */
#include "infer/shape_layer.h"

#include <stdlib.h>
#include <string.h>

#define FEW_NAMES 1000 /* a class of more names never runs out of them */

struct laying {
    struct shapes             *shapes;
    const struct object_layer *layers;
    regex                      allowed;  /* what names may be: propertyNames */
    regex                      patterns[SHAPE_MAX_PATTERNS];
    size_t                     n_patterns;
};

static bool matches(struct shapes *s, regex r, const char *text, size_t len)
{
    for (size_t i = 0; i < len && r != REGEX_NONE; i++)
        r = regex_next(s->regexes, r, (unsigned char)text[i]);
    return regex_accepts(s->regexes, r);
}

static conj and_part(struct shapes *s, conj c, const struct part *p)
{
    return shapes_both(s, c, shapes_part(s, p));
}

/* What one layer says of the value of a name. */
static conj value_in_layer(struct shapes *s, const struct object_layer *l, const char *name, size_t len)
{
    conj c = CONJ_ANYTHING;
    bool known = false;

    for (size_t i = 0; i < l->n_members; i++)
        if (l->members[i].has_value && l->members[i].len == len && memcmp(l->members[i].name, name, len) == 0) {
            c = and_part(s, c, &l->members[i].value);
            known = true;
        }
    for (size_t i = 0; i < l->n_patterns; i++)
        if (matches(s, l->patterns[i].names, name, len)) {
            c = and_part(s, c, &l->patterns[i].value);
            known = true;
        }
    return known || !l->has_extra ? c : and_part(s, c, &l->extra);
}

static int compare_names(const void *a, const void *b)
{
    const struct shape_name *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->text, y->text, n);

    if (order != 0)
        return order;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* All names of all layers, each once, sorted; the layers' order is kept in `order`. */
static int collect_names(struct laying *y, struct object_shape *o)
{
    struct shape_name *names;
    uint32_t *by_order;
    size_t n = 0, kept = 0, base;

    for (const struct object_layer *l = y->layers; l; l = l->next)
        n += l->n_members;
    base = n; /* the list has the last layer first */
    names = shapes_alloc(y->shapes, n * sizeof *names);
    by_order = shapes_alloc(y->shapes, n * sizeof *by_order);
    if (!names || !by_order)
        return -1;
    n = 0;
    for (const struct object_layer *l = y->layers; l; l = l->next) {
        base -= l->n_members;
        for (size_t i = 0; i < l->n_members; i++)
            names[n++] = (struct shape_name){ .text = l->members[i].name, .len = l->members[i].len,
                                              .order = (uint32_t)(base + i), .required = l->members[i].required };
    }
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++) {
        if (kept && names[kept - 1].len == names[i].len && memcmp(names[kept - 1].text, names[i].text, names[i].len) == 0)
            names[kept - 1].required |= names[i].required;
        else
            names[kept++] = names[i];
    }
    for (size_t i = 0; i < kept; i++) { /* places without the gaps of those that came twice */
        uint32_t place = 0;

        for (size_t j = 0; j < kept; j++)
            place += names[j].order < names[i].order;
        by_order[place] = (uint32_t)i;
    }
    for (size_t i = 0; i < kept; i++)
        names[by_order[i]].order = (uint32_t)i;
    o->names = names;
    o->by_order = by_order;
    o->n_names = kept;
    return 0;
}

static int value_names(struct laying *y, struct object_shape *o)
{
    struct shape_name *names = (struct shape_name *)(uintptr_t)o->names;

    for (size_t i = 0; i < o->n_names; i++) {
        conj c = matches(y->shapes, y->allowed, names[i].text, names[i].len) ? CONJ_ANYTHING : CONJ_NOTHING;

        for (const struct object_layer *l = y->layers; l; l = l->next)
            c = shapes_both(y->shapes, c, value_in_layer(y->shapes, l, names[i].text, names[i].len));
        names[i].value = c;
        o->n_required += names[i].required;
        if (names[i].required && c == CONJ_NOTHING)
            return -1;
    }
    return 0;
}

static int add_pattern(struct laying *y, regex names)
{
    for (size_t j = 0; j < y->n_patterns; j++)
        if (y->patterns[j] == names)
            return 0;
    if (y->n_patterns == SHAPE_MAX_PATTERNS)
        return shapes_fail(y->shapes, CORAX_E_ARGS,
                           "patternProperties: more than %d patterns for one object cannot be held while decoding",
                           SHAPE_MAX_PATTERNS);
    y->patterns[y->n_patterns++] = names;
    return 0;
}

static int collect_patterns(struct laying *y)
{
    for (const struct object_layer *l = y->layers; l; l = l->next) {
        for (size_t i = 0; i < l->n_patterns; i++)
            if (add_pattern(y, l->patterns[i].names) < 0)
                return -1;
        if (l->need && l->need->names != REGEX_ANY && add_pattern(y, l->need->names) < 0)
            return -1;
    }
    return 0;
}

/* What some member must be, each in its place; the names' own bits are set beside. */
static int collect_needs(struct laying *y, struct object_shape *o)
{
    struct shape_name *names = (struct shape_name *)(uintptr_t)o->names;

    for (const struct object_layer *l = y->layers; l; l = l->next) {
        if (!l->need)
            continue;
        if (o->n_needs == SHAPE_MAX_NEEDS)
            return shapes_fail(y->shapes, CORAX_E_ARGS, "more than %d negated rules on all members of an object cannot be held while decoding",
                               SHAPE_MAX_NEEDS);
        for (size_t i = 0; i < o->n_names; i++)
            if (matches(y->shapes, l->need->names, names[i].text, names[i].len))
                names[i].needs |= 1u << o->n_needs;
        o->needs[o->n_needs++] = (struct shape_need){ l->need->names, shapes_part(y->shapes, &l->need->value) };
    }
    return 0;
}

static unsigned needs_of_class(const struct laying *y, const struct object_shape *o, unsigned set)
{
    unsigned needs = 0;

    for (size_t i = 0; i < o->n_needs; i++) {
        bool in = o->needs[i].names == REGEX_ANY;

        for (size_t j = 0; j < y->n_patterns; j++)
            in |= (set >> j & 1) && y->patterns[j] == o->needs[i].names;
        needs |= (unsigned)in << i;
    }
    return needs;
}

/* The value of names that match exactly the patterns whose bits are set. */
static conj value_of_class(struct laying *y, unsigned set)
{
    struct shapes *s = y->shapes;
    conj c = CONJ_ANYTHING;

    for (const struct object_layer *l = y->layers; l; l = l->next) {
        bool known = false;

        for (size_t i = 0; i < l->n_patterns; i++)
            for (size_t j = 0; j < y->n_patterns; j++)
                if (set >> j & 1 && y->patterns[j] == l->patterns[i].names) {
                    c = and_part(s, c, &l->patterns[i].value);
                    known = true;
                }
        if (!known && l->has_extra)
            c = and_part(s, c, &l->extra);
    }
    return c;
}

static regex without_own(struct laying *y, const struct object_shape *o, regex names)
{
    struct shapes *s = y->shapes;
    const char **texts = shapes_alloc(s, o->n_names * sizeof *texts);
    size_t *lens = shapes_alloc(s, o->n_names * sizeof *lens);

    if (!texts || !lens)
        return REGEX_NONE;
    for (size_t i = 0; i < o->n_names; i++) {
        texts[i] = o->names[i].text;
        lens[i] = o->names[i].len;
    }
    return regex_minus(s->regexes, names, regex_literals(s->regexes, texts, lens, o->n_names));
}

static int sort_classes(struct laying *y, struct object_shape *o)
{
    struct shapes *s = y->shapes;
    struct shape_names *classes = shapes_alloc(s, ((size_t)1 << y->n_patterns) * sizeof *classes);

    if (!classes)
        return -1;
    o->classes = classes;
    for (unsigned set = 0; set < 1u << y->n_patterns; set++) {
        conj value = value_of_class(y, set);
        regex names;
        bool few;

        if (value == CONJ_NOTHING)
            continue;
        names = y->allowed;
        for (size_t i = 0; i < y->n_patterns; i++)
            names = set >> i & 1 ? regex_and(s->regexes, names, y->patterns[i])
                                 : regex_minus(s->regexes, names, y->patterns[i]);
        few = names != REGEX_ANY && regex_count(s->regexes, names, FEW_NAMES) >= 0;
        if (few)
            names = without_own(y, o, names);
        if (regex_alive(s->regexes, names, NULL))
            classes[o->n_classes++] = (struct shape_names){ names, few, value, needs_of_class(y, o, set) };
    }
    return 0;
}

static bool find_name(const struct object_shape *o, const char *name, uint32_t *at)
{
    for (size_t i = 0; i < o->n_names; i++)
        if (strcmp(o->names[i].text, name) == 0) {
            *at = (uint32_t)i;
            return true;
        }
    return false;
}

/* Names of dependencies that no layer lists are made known first, as members of any value. */
static const struct object_layer *list_depends(struct shapes *s, const struct object_layer *layers)
{
    struct object_layer *made = NULL;
    size_t n = 0;

    for (const struct object_layer *l = layers; l; l = l->next)
        for (size_t i = 0; i < l->n_depends; i++)
            n += 1 + l->depends[i].n_required;
    if (n == 0)
        return layers;
    made = shapes_alloc(s, sizeof *made);
    if (!made || !(made->members = shapes_alloc(s, n * sizeof *made->members)))
        return layers;
    made->max = -1;
    for (const struct object_layer *l = layers; l; l = l->next)
        for (size_t i = 0; i < l->n_depends; i++)
            for (size_t j = 0; j <= l->depends[i].n_required; j++) {
                const char *name = j ? l->depends[i].required[j - 1] : l->depends[i].name;

                made->members[made->n_members++] = (struct layer_member){ .name = name, .len = strlen(name) };
            }
    made->next = layers;
    return made;
}

static int collect_depends(struct laying *y, struct object_shape *o)
{
    struct shape_dependency *list;
    size_t n = 0;

    for (const struct object_layer *l = y->layers; l; l = l->next)
        n += l->n_depends;
    list = shapes_alloc(y->shapes, n * sizeof *list);
    if (!list)
        return -1;
    o->dependencies = list;
    for (const struct object_layer *l = y->layers; l; l = l->next)
        for (size_t i = 0; i < l->n_depends; i++) {
            const struct layer_depends *from = &l->depends[i];
            struct shape_dependency *d = &list[o->n_dependencies++];
            uint32_t *required = shapes_alloc(y->shapes, from->n_required * sizeof *required);

            if (!required || !find_name(o, from->name, &d->name))
                return -1;
            for (size_t j = 0; j < from->n_required; j++)
                d->n_required += find_name(o, from->required[j], &required[d->n_required]);
            d->required = required;
        }
    return 0;
}

/* What a required name asks for is required, too. */
static void require_depends(struct object_shape *o)
{
    struct shape_name *names = (struct shape_name *)(uintptr_t)o->names;
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < o->n_dependencies; i++) {
            const struct shape_dependency *d = &o->dependencies[i];

            for (size_t j = 0; names[d->name].required && j < d->n_required; j++)
                if (!names[d->required[j]].required) {
                    names[d->required[j]].required = changed = true;
                    o->n_required++;
                }
        }
    }
}

/* What every layer says of names themselves: the strings of the conjunction of their propertyNames. */
static int allow_names(struct laying *y)
{
    conj c = CONJ_ANYTHING;
    const struct value_shape *v;

    y->allowed = REGEX_ANY;
    for (const struct object_layer *l = y->layers; l; l = l->next)
        if (l->has_names)
            c = and_part(y->shapes, c, &l->names);
    if (c == CONJ_ANYTHING)
        return 0;
    v = shapes_expand(y->shapes, c);
    if (!v)
        return shapes_fail(y->shapes, CORAX_E_ARGS, "propertyNames that depend on themselves cannot be held while decoding");
    y->allowed = v->strings;
    return 0;
}

const struct object_shape *shape_object(struct shapes *s, const struct object_layer *layers)
{
    struct laying y = { .shapes = s };
    struct object_shape *o = shapes_alloc(s, sizeof *o);

    if (!o)
        return NULL;
    y.layers = list_depends(s, layers);
    o->max = -1;
    for (const struct object_layer *l = layers; l; l = l->next) {
        o->min = l->min > o->min ? l->min : o->min;
        o->max = l->max >= 0 && (o->max < 0 || l->max < o->max) ? l->max : o->max;
    }
    if (allow_names(&y) < 0 || collect_names(&y, o) < 0 || value_names(&y, o) < 0 || collect_patterns(&y) < 0 ||
        collect_needs(&y, o) < 0 || sort_classes(&y, o) < 0 || collect_depends(&y, o) < 0)
        return NULL;
    require_depends(o);
    return o->max >= 0 && ((int64_t)o->n_required > o->max || o->min > o->max) ? NULL : o;
}

/* --- arrays ------------------------------------------------------------------------------------------------------- */

static conj value_at(struct shapes *s, const struct array_layer *layers, size_t i)
{
    conj c = CONJ_ANYTHING;

    for (const struct array_layer *l = layers; l; l = l->next)
        if (i < l->n_prefix)
            c = and_part(s, c, &l->prefix[i]);
        else if (l->has_items)
            c = and_part(s, c, &l->items);
    return c;
}

static int add_contains(struct shapes *s, struct array_shape *a, const struct array_layer *l)
{
    struct shape_contains *x = &a->contains[a->n_contains];
    struct part other = l->contains;

    if (l->min_contains == 0 && l->max_contains < 0)
        return 0;
    if (a->n_contains == SHAPE_MAX_CONTAINS)
        return shapes_fail(s, CORAX_E_ARGS, "contains: more than %d for one array cannot be held while decoding", SHAPE_MAX_CONTAINS);
    other.negative = !other.negative;
    x->value = shapes_part(s, &l->contains);
    x->other = l->max_contains >= 0 ? shapes_part(s, &other) : CONJ_ANYTHING;
    x->min = l->min_contains;
    x->max = l->max_contains;
    a->n_contains++;
    a->min = x->min > a->min ? x->min : a->min;
    return 0;
}

const struct array_shape *shape_array(struct shapes *s, const struct array_layer *layers)
{
    struct array_shape *a = shapes_alloc(s, sizeof *a);
    conj *prefix;

    if (!a)
        return NULL;
    a->max = -1;
    for (const struct array_layer *l = layers; l; l = l->next) {
        a->n_prefix = l->n_prefix > a->n_prefix ? l->n_prefix : a->n_prefix;
        a->min = l->min > a->min ? l->min : a->min;
        a->max = l->max >= 0 && (a->max < 0 || l->max < a->max) ? l->max : a->max;
        a->unique |= l->unique;
        if (l->has_contains && add_contains(s, a, l) < 0)
            return NULL;
    }
    prefix = shapes_alloc(s, a->n_prefix * sizeof *prefix);
    if (!prefix)
        return NULL;
    for (size_t i = 0; i < a->n_prefix; i++)
        prefix[i] = value_at(s, layers, i);
    a->prefix = prefix;
    a->items = value_at(s, layers, a->n_prefix);
    return a->max >= 0 && a->min > a->max ? NULL : a;
}
