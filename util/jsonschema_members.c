/*
 * Compiles what a schema says of objects: properties with `required` in them, patternProperties, and what depends on a
 * member.
 */
#include <stdlib.h>
#include <string.h>

#include "util/jsonschema_node.h"

#define FEW_MEMBERS 8 /* up to here looking at each is cheaper than bisection */

int schema_compile_properties(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    struct schema_member *members;
    size_t n = 0;

    if (json_kind(json) != JSON_OBJECT)
        return schema_fail_type(c, node, key, "an object");
    members = schema_allocate(c, json_count(json), sizeof(*members));
    if (!members)
        return -1;
    for (const struct json *v = json_first(json); v; v = json_next(v), n++) {
        struct node *below = schema_compile_below(c, node, key, json_key(v), SIZE_MAX, v);

        if (!below)
            return -1;
        members[n] = (struct schema_member){ json_key(v), strlen(json_key(v)), &below->schema, false };
    }
    node->schema.properties = members;
    node->schema.n_properties = n;
    return 0;
}

static bool is_list_of_names(const struct json *json)
{
    if (json_kind(json) != JSON_ARRAY)
        return false;
    for (const struct json *v = json_first(json); v; v = json_next(v))
        if (json_kind(v) != JSON_STRING)
            return false;
    return true;
}

/* Only looks: schema_finish_members() needs the properties, which may stand behind. */
int schema_check_required(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    return is_list_of_names(json) ? 0 : schema_fail_type(c, node, key, "a list of names");
}

int schema_compile_patterns(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    struct schema_pattern *patterns;
    size_t n = 0;

    if (json_kind(json) != JSON_OBJECT)
        return schema_fail_type(c, node, key, "an object");
    patterns = schema_allocate(c, json_count(json), sizeof(*patterns));
    if (!patterns)
        return -1;
    for (const struct json *v = json_first(json); v; v = json_next(v), n++) {
        struct node *below = schema_compile_below(c, node, key, json_key(v), SIZE_MAX, v);

        if (!below)
            return -1;
        patterns[n] = (struct schema_pattern){ json_key(v), strlen(json_key(v)), &below->schema, NULL };
    }
    node->schema.patterns = patterns;
    node->schema.n_patterns = n;
    return 0;
}

static int compile_needed(struct compiler *c, struct node *node, const char *key, const struct json *json,
                          struct schema_depends *out)
{
    const char **names = schema_allocate(c, json_count(json) + 1, sizeof(*names));

    if (!names)
        return -1;
    if (json_kind(json) == JSON_STRING)
        names[out->n_required++] = json_text(json); /* draft 3's form, which lives on */
    else if (!is_list_of_names(json))
        return schema_fail(c, node->schema.pointer, "%s: \"%.40s\" is not a list of names", key, out->name);
    for (const struct json *v = json_first(json); v; v = json_next(v))
        names[out->n_required++] = json_text(v);
    out->required = names;
    return 0;
}

int schema_compile_depends(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    struct schema *s = &node->schema;
    struct schema_depends *all;
    const bool may_list = strcmp(key, "dependentSchemas") != 0, may_schema = strcmp(key, "dependentRequired") != 0;

    if (json_kind(json) != JSON_OBJECT)
        return schema_fail_type(c, node, key, "an object");
    all = schema_allocate(c, s->n_depends + json_count(json), sizeof(*all));
    if (!all)
        return -1;
    if (s->n_depends > 0)
        memcpy(all, s->depends, s->n_depends * sizeof(*all));
    s->depends = all;
    for (const struct json *v = json_first(json); v; v = json_next(v)) {
        struct schema_depends *d = &all[s->n_depends];
        bool is_schema = may_schema && (!may_list || json_kind(v) == JSON_OBJECT || json_kind(v) == JSON_BOOL);
        struct node *below = NULL;

        d->name = json_key(v);
        d->len = strlen(d->name);
        if (is_schema ? !(below = schema_compile_below(c, node, key, d->name, SIZE_MAX, v)) : compile_needed(c, node, key, v, d) < 0)
            return -1;
        d->schema = below ? &below->schema : NULL;
        s->n_depends++;
    }
    return 0;
}

static int compare_members(const void *a, const void *b)
{
    return strcmp((*(const struct schema_member *const *)a)->name, (*(const struct schema_member *const *)b)->name);
}

const struct schema_member *schema_find_member(const struct node *node, const char *name)
{
    struct schema_member key = { .name = name };
    const struct schema_member *key_ptr = &key, **found;

    for (size_t i = 0; !node->sorted && i < node->schema.n_properties; i++)
        if (strcmp(node->schema.properties[i].name, name) == 0)
            return &node->schema.properties[i];
    if (!node->sorted)
        return NULL;
    found = bsearch(&key_ptr, node->sorted, node->schema.n_properties, sizeof(*node->sorted), compare_members);
    return found ? *found : NULL;
}

static int sort_members(struct compiler *c, struct node *node)
{
    const size_t n = node->schema.n_properties;

    node->sorted = NULL;
    if (n <= FEW_MEMBERS)
        return 0;
    node->sorted = schema_allocate(c, n, sizeof(*node->sorted));
    if (!node->sorted)
        return -1;
    for (size_t i = 0; i < n; i++)
        node->sorted[i] = &node->schema.properties[i];
    qsort(node->sorted, n, sizeof(*node->sorted), compare_members);
    return 0;
}

/* A name of `required`, and which one it is. */
struct required {
    const char *name;
    size_t index;
};

static int compare_required(const void *a, const void *b)
{
    const struct required *p = a, *q = b;
    int order = strcmp(p->name, q->name);

    return order ? order : (p->index > q->index) - (p->index < q->index);
}

static int compare_indices(const void *a, const void *b)
{
    const struct required *p = a, *q = b;

    return (p->index > q->index) - (p->index < q->index);
}

/* Leaves of `names` each that no property has, once, in the order of the text.  Returns how many are left. */
static size_t keep_undescribed(const struct node *node, struct required *names, size_t n)
{
    size_t n_left = 0;

    qsort(names, n, sizeof(*names), compare_required);
    for (size_t i = 0; i < n; i++)
        if (!schema_find_member(node, names[i].name) &&
            (n_left == 0 || strcmp(names[n_left - 1].name, names[i].name) != 0))
            names[n_left++] = names[i];
    qsort(names, n_left, sizeof(*names), compare_indices);
    return n_left;
}

/* Brings `required` into the properties. */
int schema_finish_members(struct compiler *c, struct node *node, const struct json *required)
{
    const size_t n_required = json_count(required);
    struct schema *s = &node->schema;
    struct schema_member *members;
    struct required *names;
    size_t n = 0;

    if (n_required == 0)
        return sort_members(c, node);
    members = schema_allocate(c, s->n_properties + n_required, sizeof(*members));
    names = schema_allocate(c, n_required, sizeof(*names));
    if (!members || !names)
        return -1;
    if (s->n_properties > 0)
        memcpy(members, s->properties, s->n_properties * sizeof(*members));
    s->properties = members;
    if (sort_members(c, node) < 0)
        return -1;
    for (const struct json *v = json_first(required); v; v = json_next(v), n++) {
        const struct schema_member *m = schema_find_member(node, json_text(v));

        if (m)
            members[m - members].required = true;
        names[n] = (struct required){ json_text(v), n };
    }
    n = keep_undescribed(node, names, n);
    for (size_t i = 0; i < n; i++)
        members[s->n_properties + i] = (struct schema_member){ names[i].name, strlen(names[i].name), NULL, true };
    s->n_properties += n;
    for (size_t i = 0; i < s->n_properties; i++)
        node->n_required += members[i].required;
    return sort_members(c, node);
}
