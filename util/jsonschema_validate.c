/*
 * A value against the graph.  Schemas and values both come from outside, so no pair of them may take long: members are
 * found by bisection, enum by bisection over canonical texts, patterns have a budget, and steps are counted, since a chain
 * of anyOf doubles the work at each link.
 *
 * Schemas nest far: what makes messages is kept out of the functions that call each other, so that their frames stay small.
 *
 * unevaluatedProperties and unevaluatedItems need to know what the schemas beside them looked at: `marks` has a bit for
 * each member or element.  Where a schema may fail without the whole failing it gets marks of its own, which count if it
 * matches.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/jsonschema_check.h"

#define MAX_CANONICAL  ((size_t)16 << 20)
#define MAX_REFERENCES 8 /* that are followed to find out what was meant */

/* ---- verdicts --------------------------------------------------------------------------------------------------- */

enum verdict check_break_off(struct check *c, int status, const char *fmt, ...)
{
    char why[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    fail(&c->broken, status, "%s", why);
    return BROKEN;
}

enum verdict check_out_of_memory(struct check *c)
{
    return check_break_off(c, CORAX_E_LIMIT, "schema: too large, or out of memory");
}

enum verdict check_charge(struct check *c, size_t n)
{
    c->n_steps += n;
    if (c->n_steps > SCHEMA_MAX_STEPS)
        return check_break_off(c, CORAX_E_LIMIT, "schema: the value takes more than %u steps to check", SCHEMA_MAX_STEPS);
    return MATCHES;
}

/* The root has no name of its own: "the value is 5; ...". */
enum verdict check_fail(struct check *c, const struct place *place, const char *fmt, ...)
{
    char why[ERR_MSG - SCHEMA_SHOWN_PATH], where[SCHEMA_SHOWN_PATH + 1];
    va_list ap;

    if (!c->err)
        return FAILS;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    place_write(place, where);
    if (place)
        fail(c->err, CORAX_E_ARGS, "%s: %s", where, why);
    else
        fail(c->err, CORAX_E_ARGS, "the value %s", why);
    return FAILS;
}

static enum verdict check_quietly(struct check *c, const struct schema *s, const struct json *value,
                                  const struct place *place, struct marks *marks)
{
    struct err *err = c->err;
    enum verdict v;

    c->err = NULL;
    v = check_schema(c, s, value, place, marks);
    c->err = err;
    return v;
}

/* ---- marks ------------------------------------------------------------------------------------------------------ */

static bool marks_start(struct marks *m, size_t n)
{
    *m = (struct marks){ .n = n };
    m->bits = n <= 64 * sizeof(m->few) / sizeof(*m->few) ? m->few : calloc((n + 63) / 64, sizeof(*m->bits));
    return m->bits != NULL;
}

static void marks_finish(struct marks *m)
{
    if (m->bits != m->few)
        free(m->bits);
}

static bool is_marked(const struct marks *m, size_t i)
{
    return m->bits[i / 64] >> i % 64 & 1;
}

static void add_marks(struct marks *to, const struct marks *from)
{
    for (size_t i = 0; to && i < (to->n + 63) / 64; i++)
        to->bits[i] |= from->bits[i];
}

/* One of several, with marks of its own if any are wanted. */
static enum verdict check_apart(struct check *c, const struct schema *s, const struct json *value,
                                const struct place *place, struct marks *marks)
{
    struct marks own;
    enum verdict v;

    if (!marks)
        return check_schema(c, s, value, place, NULL);
    if (!marks_start(&own, marks->n))
        return check_out_of_memory(c);
    v = check_schema(c, s, value, place, &own);
    if (v == MATCHES)
        add_marks(marks, &own);
    marks_finish(&own);
    return v;
}

/* ---- arrays ----------------------------------------------------------------------------------------------------- */

static enum verdict check_elements(struct check *c, const struct schema *s, const struct json *value,
                                   const struct place *place, struct marks *marks)
{
    struct place element = { .up = place };

    if (!s->n_prefix && !s->items)
        return MATCHES;
    for (const struct json *v = json_first(value); v; v = json_next(v), element.index++) {
        const struct schema *of = element.index < s->n_prefix ? s->prefix[element.index] : s->items;
        enum verdict verdict = of ? check_schema(c, of, v, &element, NULL) : MATCHES;

        if (verdict != MATCHES)
            return verdict;
        if (of)
            mark(marks, element.index);
    }
    return MATCHES;
}

static __attribute__((noinline)) enum verdict fail_contains(struct check *c, const struct schema *s, long long n,
                                                            const char *wanted, long long bound, const struct place *place)
{
    return check_fail(c, place, "has %lld elements that are %s as `contains` wants; give %s %lld", n,
                      show_wanted(s->contains).text, wanted, bound);
}

static enum verdict check_contains(struct check *c, const struct node *node, const struct json *value,
                                   const struct place *place, struct marks *marks)
{
    const struct schema *s = &node->schema;
    const long long min = s->min_contains >= 0 ? s->min_contains : 1;
    struct place element = { .up = place };
    long long n = 0;

    if (!s->contains)
        return MATCHES;
    for (const struct json *v = json_first(value); v; v = json_next(v), element.index++) {
        enum verdict verdict = check_quietly(c, s->contains, v, &element, NULL);

        if (verdict == BROKEN)
            return BROKEN;
        n += verdict == MATCHES;
        if (verdict == MATCHES && node->resource->draft & (DRAFT_2020 | DRAFT_MIXED))
            mark(marks, element.index);
    }
    if (n < min)
        return fail_contains(c, s, n, "at least", min, place);
    if (s->max_contains >= 0 && n > s->max_contains)
        return fail_contains(c, s, n, "at most", s->max_contains, place);
    return MATCHES;
}

static enum verdict check_array(struct check *c, const struct node *node, const struct json *value,
                                const struct place *place, struct marks *marks)
{
    const struct schema *s = &node->schema;
    enum verdict v = MATCHES;

    if (s->min_items >= 0 || s->max_items >= 0)
        v = check_counts(c, (long long)json_count(value), s->min_items, s->max_items, "elements", place);
    if (v == MATCHES)
        v = check_elements(c, s, value, place, marks);
    if (v == MATCHES)
        v = check_contains(c, node, value, place, marks);
    return v == MATCHES && s->unique_items ? check_unique(c, value, place) : v;
}

/* ---- schemas beside each other ---------------------------------------------------------------------------------- */

/* Where the outermost resource that was entered and has such an anchor put it. */
static enum verdict find_dynamic(struct check *c, const struct node *node, const struct schema **out)
{
    *out = node->schema.ref;
    for (const struct scope *s = c->scope; s; s = s->up)
        for (const struct dynamic_anchor *a = s->resource->anchors; a; a = a->next) {
            if (check_charge(c, 1) == BROKEN)
                return BROKEN;
            if (strcmp(a->name, node->dynamic) == 0)
                *out = &a->node->schema;
        }
    return MATCHES;
}

static enum verdict check_reference(struct check *c, const struct node *node, const struct json *value,
                                    const struct place *place, struct marks *marks)
{
    const struct schema *target = node->schema.ref;

    if (node->dynamic && find_dynamic(c, node, &target) == BROKEN)
        return BROKEN;
    return target ? check_schema(c, target, value, place, marks) : MATCHES;
}

/* What a schema that is only a reference stands for, as far as types go. */
static const struct schema *behind_references(const struct schema *s)
{
    for (int i = 0; i < MAX_REFERENCES && s->ref && s->types == SCHEMA_ANY; i++)
        s = s->ref;
    return s;
}

static __attribute__((noinline)) void add_remark(struct err *err, size_t n)
{
    char why[ERR_MSG];

    snprintf(why, sizeof(why), "%s", err->msg);
    fail(err, CORAX_E_ARGS, "%.*s (the nearest of %zu alternatives)", ERR_MSG - 50, why, n);
}

static __attribute__((noinline)) enum verdict fail_all(struct check *c, const struct schema *const *list, size_t n,
                                                       const struct json *value, const struct place *place)
{
    return check_fail(c, place, "is %s, which none of %zu alternatives allows; the first is %s", show_value(value).text, n,
                      show_wanted(list[0]).text);
}

/* The message is that of the first alternative whose type fits, since the others were hardly meant. */
static enum verdict fail_choice(struct check *c, const struct schema *const *list, size_t n, const struct json *value,
                                const struct place *place)
{
    size_t i = 0;
    enum verdict v;

    if (!c->err)
        return FAILS;
    while (i < n && (list[i]->never || !check_type_fits(behind_references(list[i]), value)))
        i++;
    if (i == n)
        return fail_all(c, list, n, value, place);
    v = check_schema(c, list[i], value, place, NULL);
    if (v == FAILS && n > 1)
        add_remark(c->err, n);
    return v == BROKEN ? BROKEN : FAILS;
}

static enum verdict check_any(struct check *c, const struct schema *s, const struct json *value,
                              const struct place *place, struct marks *marks)
{
    struct err *err = c->err;
    bool found = s->n_any_of == 0;
    enum verdict v = MATCHES;

    c->err = NULL;
    for (size_t i = 0; i < s->n_any_of && v != BROKEN && (!found || marks); i++) {
        v = check_apart(c, s->any_of[i], value, place, marks);
        found |= v == MATCHES;
    }
    c->err = err;
    if (v == BROKEN)
        return BROKEN;
    return found ? MATCHES : fail_choice(c, s->any_of, s->n_any_of, value, place);
}

static enum verdict check_one(struct check *c, const struct schema *s, const struct json *value,
                              const struct place *place, struct marks *marks)
{
    struct err *err = c->err;
    size_t n = 0, matched[2] = { 0, 0 };
    enum verdict v = MATCHES;

    if (s->n_one_of == 0)
        return MATCHES;
    c->err = NULL;
    for (size_t i = 0; i < s->n_one_of && v != BROKEN && n < 2; i++) {
        v = check_apart(c, s->one_of[i], value, place, marks);
        if (v == MATCHES)
            matched[n++] = i + 1;
    }
    c->err = err;
    if (v == BROKEN)
        return BROKEN;
    if (n == 0)
        return fail_choice(c, s->one_of, s->n_one_of, value, place);
    return n == 1 ? MATCHES
                  : check_fail(c, place, "matches alternatives %zu and %zu of %zu; give a value that matches one alone",
                               matched[0], matched[1], s->n_one_of);
}

static enum verdict check_condition(struct check *c, const struct schema *s, const struct json *value,
                                    const struct place *place, struct marks *marks)
{
    struct err *err = c->err;
    const struct schema *next;
    enum verdict v;

    if (!s->if_)
        return MATCHES;
    c->err = NULL;
    v = check_apart(c, s->if_, value, place, marks);
    c->err = err;
    if (v == BROKEN)
        return BROKEN;
    next = v == MATCHES ? s->then_ : s->else_;
    return next ? check_schema(c, next, value, place, marks) : MATCHES;
}

static __attribute__((noinline)) enum verdict fail_not(struct check *c, const struct json *value,
                                                       const struct place *place)
{
    return check_fail(c, place, "is %s, which `not` excludes; give another value", show_value(value).text);
}

static enum verdict check_not(struct check *c, const struct schema *s, const struct json *value, const struct place *place)
{
    enum verdict v = s->not_ ? check_quietly(c, s->not_, value, place, NULL) : FAILS;

    if (v == MATCHES)
        return fail_not(c, value, place);
    return v == BROKEN ? BROKEN : MATCHES;
}

static enum verdict check_applicators(struct check *c, const struct node *node, const struct json *value,
                                      const struct place *place, struct marks *marks)
{
    const struct schema *s = &node->schema;
    enum verdict v = check_reference(c, node, value, place, marks);

    for (size_t i = 0; i < s->n_all_of && v == MATCHES; i++)
        v = check_schema(c, s->all_of[i], value, place, marks);
    if (v == MATCHES)
        v = check_any(c, s, value, place, marks);
    if (v == MATCHES)
        v = check_one(c, s, value, place, marks);
    if (v == MATCHES)
        v = check_condition(c, s, value, place, marks);
    return v == MATCHES ? check_not(c, s, value, place) : v;
}

static enum verdict check_unevaluated(struct check *c, const struct schema *s, const struct json *value,
                                      const struct place *place, struct marks *marks)
{
    const bool is_object = json_kind(value) == JSON_OBJECT;
    const struct schema *rest = is_object ? s->unevaluated_properties : s->unevaluated_items;
    struct place below = { .up = place };

    for (const struct json *v = json_first(value); rest && v; v = json_next(v), below.index++) {
        enum verdict verdict;

        if (is_marked(marks, below.index))
            continue;
        below.key = json_key(v);
        if (is_object && rest->never)
            return check_fail_unknown(c, s, json_key(v), place);
        verdict = check_schema(c, rest, v, &below, NULL);
        if (verdict != MATCHES)
            return verdict;
        mark(marks, below.index);
    }
    return MATCHES;
}

static enum verdict check_keywords(struct check *c, const struct node *node, const struct json *value,
                                   const struct place *place, struct marks *marks)
{
    const struct schema *s = &node->schema;
    enum verdict v = check_value(c, node, value, place);

    if (v != MATCHES)
        return v;
    switch (json_kind(value)) {
    case JSON_NUMBER:
        v = check_number(c, s, value, place);
        break;
    case JSON_STRING:
        v = check_string(c, s, value, place);
        break;
    case JSON_ARRAY:
        v = check_array(c, node, value, place, marks);
        break;
    case JSON_OBJECT:
        v = check_object(c, node, value, place, marks);
        break;
    default:
        break;
    }
    return v == MATCHES ? check_applicators(c, node, value, place, marks) : v;
}

/* What a schema does not evaluate it sees only of itself, not of those around it. */
static enum verdict check_with_rest(struct check *c, const struct node *node, const struct json *value,
                                    const struct place *place, struct marks *marks)
{
    const size_t n = json_count(value);
    struct marks own;
    enum verdict v = check_charge(c, n / 8);

    if (v == BROKEN)
        return BROKEN;
    if (!marks_start(&own, n))
        return check_out_of_memory(c);
    v = check_keywords(c, node, value, place, &own);
    if (v == MATCHES)
        v = check_unevaluated(c, &node->schema, value, place, &own);
    if (v == MATCHES)
        add_marks(marks, &own);
    marks_finish(&own);
    return v;
}

enum verdict check_schema(struct check *c, const struct schema *s, const struct json *value,
                                 const struct place *place, struct marks *marks)
{
    const struct node *node = schema_node(s);
    const struct scope scope = { c->scope, node->resource }, *around = c->scope;
    const bool is_container = json_kind(value) == JSON_OBJECT || json_kind(value) == JSON_ARRAY;
    enum verdict v;

    if (check_charge(c, 1 + (is_container ? 0 : check_size_of(value) / 64)) == BROKEN)
        return BROKEN;
    if (c->nesting == SCHEMA_MAX_NESTING)
        return check_break_off(c, CORAX_E_LIMIT, "schema: %.*s: more than %d schemas wait for each other", SCHEMA_SHOWN_PATH,
                         s->pointer, SCHEMA_MAX_NESTING);
    c->nesting++;
    if (!around || around->resource != node->resource)
        c->scope = &scope;
    if (is_container && (s->unevaluated_properties || s->unevaluated_items))
        v = check_with_rest(c, node, value, place, marks);
    else
        v = check_keywords(c, node, value, place, marks);
    c->scope = around;
    c->nesting--;
    return v;
}

int jsonschema_validate_schema(const struct schema *schema, const struct json *value, struct err *err)
{
    struct check c = { .err = err };
    enum verdict v;

    buf_init(&c.canonical, MAX_CANONICAL);
    v = check_schema(&c, schema, value, NULL, NULL);
    buf_finish(&c.canonical);
    pattern_budget_finish(&c.patterns);
    if (v == BROKEN && err)
        *err = c.broken;
    return v == MATCHES ? 0 : -1;
}

int jsonschema_validate(const struct jsonschema *js, const struct json *value, struct err *err)
{
    return jsonschema_validate_schema(&js->root->schema, value, err);
}
