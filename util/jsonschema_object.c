/*
 * An object against the graph: which members it has, and what each must be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/jsonschema_check.h"

enum verdict check_fail_unknown(struct check *c, const struct schema *s, const char *name, const struct place *place)
{
    struct shown known = { .full = false };
    char where[SCHEMA_SHOWN_PATH + 1];

    if (!c->err)
        return FAILS;
    for (size_t i = 0; i < s->n_properties; i++)
        if (s->properties[i].schema)
            shown_add(&known, ", ", s->properties[i].name);
    place_write(place, where);
    fail(c->err, CORAX_E_ARGS, "%s%sunknown argument \"%.*s\"; %s%s", where, place ? ": " : "", SCHEMA_SHOWN_VALUE, name,
         known.text[0] ? "known are " : "none is known", known.text);
    return FAILS;
}

/* Something required is not there: finds out what.  Only here, on the way to an error, are the members marked. */
static __attribute__((noinline)) enum verdict fail_missing(struct check *c, const struct node *node, const struct json *value,
                                 const struct place *place)
{
    const struct schema *s = &node->schema;
    struct place member = { .up = place };
    bool *seen;
    size_t i = 0;

    if (!c->err)
        return FAILS;
    seen = calloc(s->n_properties, sizeof(*seen));
    if (!seen)
        return check_out_of_memory(c);
    for (const struct json *v = json_first(value); v; v = json_next(v)) {
        const struct schema_member *m = schema_find_member(node, json_key(v));

        if (m)
            seen[m - s->properties] = true;
    }
    while (!s->properties[i].required || seen[i])
        i++;
    free(seen);
    member.key = s->properties[i].name;
    return check_fail(c, &member, "is missing; give %s", show_wanted(s->properties[i].schema).text);
}

/* The member against each pattern that its name matches.  *found tells whether there was one. */
static enum verdict check_patterns(struct check *c, const struct schema *s, const struct json *member,
                                   const struct place *place, bool only_names, bool *found)
{
    for (size_t i = 0; i < s->n_patterns; i++) {
        const struct schema_pattern *p = &s->patterns[i];
        enum verdict v = check_charge(c, 1);

        if (v == MATCHES)
            v = check_match(c, s, &p->code, p->pattern, p->len, json_key(member), place);
        if (v == BROKEN)
            return BROKEN;
        if (v == FAILS)
            continue;
        *found = true;
        v = only_names ? MATCHES : check_schema(c, p->schema, member, place, NULL);
        if (v != MATCHES)
            return v;
    }
    return MATCHES;
}

/* First what is there at all: a wrong name is more to the point than what a member by it should be. */
static enum verdict check_names(struct check *c, const struct node *node, const struct json *value,
                                const struct place *place)
{
    const struct schema *s = &node->schema;
    const bool closed = s->additional && s->additional->never;
    struct place member = { .up = place };
    size_t n_required = 0;

    if (!closed && node->n_required == 0)
        return MATCHES;
    for (const struct json *v = json_first(value); v; v = json_next(v)) {
        const struct schema_member *m = schema_find_member(node, json_key(v));
        bool known = !closed || (m && m->schema);

        member.key = json_key(v);
        if (!known && check_patterns(c, s, v, &member, true, &known) == BROKEN)
            return BROKEN;
        if (!known)
            return check_fail_unknown(c, s, json_key(v), place);
        n_required += m && m->required;
    }
    return n_required < node->n_required ? fail_missing(c, node, value, place) : MATCHES;
}

static enum verdict check_members(struct check *c, const struct node *node, const struct json *value,
                                  const struct place *place, struct marks *marks)
{
    const struct schema *s = &node->schema;
    struct place member = { .up = place };
    size_t i = 0;

    if (s->n_properties == 0 && s->n_patterns == 0 && !s->additional)
        return MATCHES;
    for (const struct json *v = json_first(value); v; v = json_next(v), i++) {
        const struct schema_member *m = schema_find_member(node, json_key(v));
        bool found = m && m->schema;
        enum verdict verdict;

        member.key = json_key(v);
        verdict = found ? check_schema(c, m->schema, v, &member, NULL) : MATCHES;
        if (verdict == MATCHES && s->n_patterns > 0)
            verdict = check_patterns(c, s, v, &member, false, &found);
        if (verdict == MATCHES && !found && s->additional) {
            verdict = check_schema(c, s->additional, v, &member, NULL);
            found = true;
        }
        if (verdict != MATCHES)
            return verdict;
        if (found)
            mark(marks, i);
    }
    return MATCHES;
}

/* A name is no value of the tree: it becomes one for as long as it is looked at. */
static enum verdict check_name(struct check *c, const struct schema *s, const char *name, const struct place *place)
{
    struct json *json = NULL;
    enum verdict v;
    struct jsonw w;

    buf_reset(&c->canonical);
    w = jsonw_start(&c->canonical);
    jsonw_text(&w, NULL, name);
    if (!c->canonical.failed)
        json = json_parse(c->canonical.data, c->canonical.len, NULL);
    if (!json)
        return check_out_of_memory(c);
    v = check_schema(c, s, json, place, NULL);
    json_free(json);
    return v;
}

static enum verdict check_property_names(struct check *c, const struct schema *s, const struct json *value,
                                         const struct place *place)
{
    struct place name = { .up = place, .key = "the name" };

    for (const struct json *v = json_first(value); s && v; v = json_next(v)) {
        enum verdict verdict = check_name(c, s, json_key(v), &name);

        if (verdict != MATCHES)
            return verdict;
    }
    return MATCHES;
}

static enum verdict check_depends_one(struct check *c, const struct schema_depends *d, const struct json *value,
                                      const struct place *place, struct marks *marks, size_t n_members)
{
    struct place member = { .up = place };

    if (check_charge(c, 1 + n_members / 8) == BROKEN)
        return BROKEN;
    if (!json_get(value, d->name))
        return MATCHES;
    for (size_t i = 0; i < d->n_required; i++) {
        if (check_charge(c, 1 + n_members / 8) == BROKEN)
            return BROKEN;
        member.key = d->required[i];
        if (!json_get(value, d->required[i]))
            return check_fail(c, &member, "is missing; it is needed beside \"%.*s\"", SCHEMA_SHOWN_VALUE, d->name);
    }
    return d->schema ? check_schema(c, d->schema, value, place, marks) : MATCHES;
}

static enum verdict check_depends(struct check *c, const struct schema *s, const struct json *value,
                                  const struct place *place, struct marks *marks)
{
    const size_t n_members = s->n_depends > 0 ? json_count(value) : 0;
    enum verdict v = MATCHES;

    for (size_t i = 0; i < s->n_depends && v == MATCHES; i++)
        v = check_depends_one(c, &s->depends[i], value, place, marks, n_members);
    return v;
}

enum verdict check_object(struct check *c, const struct node *node, const struct json *value,
                                 const struct place *place, struct marks *marks)
{
    const struct schema *s = &node->schema;
    enum verdict v = check_names(c, node, value, place);

    if (v == MATCHES && (s->min_properties >= 0 || s->max_properties >= 0))
        v = check_counts(c, (long long)json_count(value), s->min_properties, s->max_properties, "members", place);
    if (v == MATCHES)
        v = check_members(c, node, value, place, marks);
    if (v == MATCHES)
        v = check_property_names(c, s->property_names, value, place);
    return v == MATCHES ? check_depends(c, s, value, place, marks) : v;
}

