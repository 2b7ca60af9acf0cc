/*
 * A schema is compiled once, into a graph of nodes in one arena that points into the schema's parsed text.  Whatever is a
 * schema by the keyword it stands at becomes a node, reached or not, so that each $id and $anchor is known before the
 * first $ref is followed.  Schemas come from outside (plugins, foreign servers, the model): no step takes more than
 * n log n time, and limits bound the rest.
 */
#include "util/jsonschema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/decimal.h"
#include "util/jsonschema_node.h"
#include "util/utf8.h"

#define MAX_COMPILED_BYTES ((size_t)512 << 20) /* SCHEMA_MAX_SCHEMAS with their lists and names stay below */
#define MAX_POINTER        160                 /* bytes of a pointer that is kept; long keys, nested, would square */
#define MAX_DIGITS         1000                /* of a bound, which is read at each comparison */

int schema_fail(struct compiler *c, const char *place, const char *fmt, ...)
{
    char why[240];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    return fail(c->err, CORAX_E_ARGS, "schema: %.*s%s%s", SCHEMA_SHOWN_PATH, place, place[0] ? ": " : "", why);
}

int schema_fail_memory(struct err *err)
{
    return fail(err, CORAX_E_LIMIT, "schema: too large, or out of memory");
}

int schema_fail_type(struct compiler *c, const struct node *node, const char *key, const char *what)
{
    return schema_fail(c, node->schema.pointer, "%s is not %s", key, what);
}

void *schema_allocate(struct compiler *c, size_t n, size_t size)
{
    size_t bytes;
    void *p = __builtin_mul_overflow(n ? n : 1, size, &bytes) ? NULL : arena_alloc(c->js->arena, bytes);

    if (!p)
        schema_fail_memory(c->err);
    return p;
}

/* ---- schemas in schemas ----------------------------------------------------------------------------------------- */

/* Appends "/segment", cut at MAX_POINTER. */
static size_t add_segment(char *text, size_t len, const char *segment)
{
    size_t n = strnlen(segment, MAX_POINTER);

    if (len >= MAX_POINTER)
        return len;
    text[len++] = '/';
    if (n > MAX_POINTER - len)
        n = MAX_POINTER - len;
    n = utf8_floor(segment, n);
    memcpy(text + len, segment, n);
    return len + n;
}

/* "/properties/x" below the node's own, written by hand since each schema has one; name NULL: none, index SIZE_MAX: none. */
static const char *pointer_below(struct compiler *c, const struct node *node, const char *key, const char *name, size_t index)
{
    char text[MAX_POINTER + 1], number[24];
    size_t len = strlen(node->schema.pointer);

    if (len >= MAX_POINTER - 1)
        return node->schema.pointer;
    memcpy(text, node->schema.pointer, len);
    len = add_segment(text, len, key);
    if (index != SIZE_MAX) {
        snprintf(number, sizeof(number), "%zu", index);
        name = number;
    }
    return arena_strndup(c->js->arena, text, name ? add_segment(text, len, name) : len);
}

struct node *schema_compile_below(struct compiler *c, struct node *node, const char *key, const char *name, size_t index,
                                  const struct json *json)
{
    const char *pointer = pointer_below(c, node, key, name, index);

    if (!pointer) {
        schema_fail_memory(c->err);
        return NULL;
    }
    return schema_compile_node(c, json, node->resource, NULL, pointer);
}

static int compile_one(struct compiler *c, struct node *node, const char *key, const struct json *json,
                       const struct schema **out)
{
    struct node *below = schema_compile_below(c, node, key, NULL, SIZE_MAX, json);

    if (!below)
        return -1;
    *out = &below->schema;
    return 0;
}

static int compile_list(struct compiler *c, struct node *node, const char *key, const struct json *json, size_t *n,
                        const struct schema *const **out)
{
    const struct schema **list;

    if (json_kind(json) != JSON_ARRAY)
        return schema_fail_type(c, node, key, "a list of schemas");
    list = schema_allocate(c, json_count(json), sizeof(*list));
    if (!list)
        return -1;
    *n = 0;
    for (const struct json *v = json_first(json); v; v = json_next(v), ++*n) {
        struct node *below = schema_compile_below(c, node, key, NULL, *n, v);

        if (!below)
            return -1;
        list[*n] = &below->schema;
    }
    *out = list;
    return 0;
}

static int compile_applicator(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    struct schema *s = &node->schema;
    const struct {
        const char *key;
        const struct schema **out;
    } places[] = {
        { "not", &s->not_ },
        { "if", &s->if_ },
        { "then", &s->then_ },
        { "else", &s->else_ },
        { "additionalProperties", &s->additional },
        { "propertyNames", &s->property_names },
        { "contains", &s->contains },
        { "unevaluatedItems", &s->unevaluated_items },
        { "unevaluatedProperties", &s->unevaluated_properties },
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (strcmp(key, places[i].key) == 0)
            return compile_one(c, node, key, json, places[i].out);
    return -1;
}

static int compile_choice(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    struct schema *s = &node->schema;

    if (json_kind(json) == JSON_ARRAY && !json_first(json))
        return schema_fail(c, s->pointer, "%s is an empty list", key);
    switch (key[0] == 'a' ? key[1] : key[0]) {
    case 'l':
        return compile_list(c, node, key, json, &s->n_all_of, &s->all_of);
    case 'n':
        return compile_list(c, node, key, json, &s->n_any_of, &s->any_of);
    default:
        return compile_list(c, node, key, json, &s->n_one_of, &s->one_of);
    }
}

/* $defs and definitions: schemas that only references lead to. */
static int compile_definitions(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    if (json_kind(json) != JSON_OBJECT)
        return schema_fail_type(c, node, key, "an object");
    for (const struct json *v = json_first(json); v; v = json_next(v)) {
        struct node *below = schema_compile_below(c, node, key, json_key(v), SIZE_MAX, v);

        if (!below || schema_name_definition(c, node, key, json_key(v), below) < 0)
            return -1;
    }
    return 0;
}

static int compile_prefix(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    return compile_list(c, node, key, json, &node->schema.n_prefix, &node->schema.prefix);
}

static int compile_items(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    if (json_kind(json) != JSON_ARRAY)
        return compile_one(c, node, key, json, &node->schema.items);
    if (node->resource->draft & DRAFT_2020)
        return schema_fail(c, node->schema.pointer, "items is a list; in 2020-12 that is prefixItems");
    return compile_prefix(c, node, key, json);
}

/* Counts only beside a list of items; as a schema it must be one in any case. */
static int compile_additional_items(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    const struct schema *additional = NULL;

    if (compile_one(c, node, key, json, &additional) < 0)
        return -1;
    if (json_kind(json_get(node->json, "items")) == JSON_ARRAY)
        node->schema.items = additional;
    return 0;
}

/* ---- assertions ------------------------------------------------------------------------------------------------- */

static int compile_type_name(struct compiler *c, struct node *node, const struct json *json, unsigned *types)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {
        { "null", SCHEMA_NULL },     { "boolean", SCHEMA_BOOL },  { "integer", SCHEMA_INTEGER },
        { "number", SCHEMA_NUMBER }, { "string", SCHEMA_STRING }, { "array", SCHEMA_ARRAY },
        { "object", SCHEMA_OBJECT },
    };
    const char *name = json_text(json);

    if (!name)
        return schema_fail(c, node->schema.pointer, "type is neither a name nor a list of names");
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(name, known[i].name) == 0) {
            *types |= known[i].bit;
            return 0;
        }
    return schema_fail(c, node->schema.pointer, "type \"%.40s\" does not exist", name);
}

static int compile_type(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    unsigned types = 0;

    (void)key;
    if (json_kind(json) == JSON_ARRAY) {
        if (!json_first(json))
            return schema_fail(c, node->schema.pointer, "type is an empty list");
        for (const struct json *v = json_first(json); v; v = json_next(v))
            if (compile_type_name(c, node, v, &types) < 0)
                return -1;
    } else if (compile_type_name(c, node, json, &types) < 0) {
        return -1;
    }
    node->schema.types = types;
    return 0;
}

static int compile_enum(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    const struct json **values;
    size_t n = 0;

    if (json_kind(json) != JSON_ARRAY)
        return schema_fail_type(c, node, key, "a list of values");
    values = schema_allocate(c, json_count(json), sizeof(*values));
    if (!values)
        return -1;
    for (const struct json *v = json_first(json); v; v = json_next(v))
        values[n++] = v;
    node->schema.values = values;
    node->schema.n_values = n;
    node->schema.has_enum = true;
    return 0;
}

static int compile_const(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    (void)c;
    (void)key;
    node->schema.constant = json;
    return 0;
}

static int compile_count(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    struct schema *s = &node->schema;
    const struct {
        const char *key;
        long long *out;
    } places[] = {
        { "minItems", &s->min_items },           { "maxItems", &s->max_items },
        { "minLength", &s->min_length },         { "maxLength", &s->max_length },
        { "minProperties", &s->min_properties }, { "maxProperties", &s->max_properties },
        { "minContains", &s->min_contains },     { "maxContains", &s->max_contains },
    };
    const char *digits = json_digits(json);
    int64_t value;

    if (!digits || !json_is_integer(json) || (digits[0] == '-' && decimal_read(digits).first))
        return schema_fail_type(c, node, key, "an integer from 0 on");
    if (json_int(json, key, &value, NULL) < 0)
        value = INT64_MAX; /* more than anything has */
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (strcmp(key, places[i].key) == 0)
            *places[i].out = value;
    return 0;
}

static int compare_numbers(const struct json *a, const struct json *b)
{
    return decimal_compare(decimal_read(json_digits(a)), decimal_read(json_digits(b)));
}

/* The two bounds of a side meet in one: the tighter counts.  `side` is 1 for lower bounds, -1 for upper ones. */
static void tighten(const struct json **bound, bool *exclusive, const struct json *json, bool json_exclusive, int side)
{
    int order = *bound ? side * compare_numbers(json, *bound) : 1;

    if (order > 0) {
        *bound = json;
        *exclusive = json_exclusive;
    } else if (order == 0) {
        *exclusive |= json_exclusive;
    }
}

/* In draft 4 exclusiveMinimum is true or false, of minimum.  That is for finish_bounds(). */
static int compile_bound(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    struct schema *s = &node->schema;
    const bool exclusive = key[0] == 'e', lower = strstr(key, "in") != NULL;

    if (exclusive && node->resource->draft & (DRAFT_4 | DRAFT_MIXED) && json_kind(json) == JSON_BOOL)
        return 0;
    if (json_kind(json) != JSON_NUMBER || (exclusive && node->resource->draft & DRAFT_4))
        return schema_fail_type(c, node, key, exclusive && node->resource->draft & DRAFT_4 ? "true or false" : "a number");
    if (strlen(json_digits(json)) > MAX_DIGITS)
        return schema_fail(c, s->pointer, "%s has more than %d digits", key, MAX_DIGITS);
    if (lower)
        tighten(&s->minimum, &s->exclusive_min, json, exclusive, 1);
    else
        tighten(&s->maximum, &s->exclusive_max, json, exclusive, -1);
    return 0;
}

static void finish_bounds(struct node *node)
{
    struct schema *s = &node->schema;

    s->exclusive_min |= s->minimum && json_bool(json_get(node->json, "exclusiveMinimum"), false);
    s->exclusive_max |= s->maximum && json_bool(json_get(node->json, "exclusiveMaximum"), false);
}

static int compile_multiple(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    struct decimal d;

    if (json_kind(json) != JSON_NUMBER)
        return schema_fail_type(c, node, key, "a number");
    d = decimal_read(json_digits(json));
    if (!d.first || d.negative)
        return schema_fail_type(c, node, key, "above 0");
    if (decimal_digits(d) > DECIMAL_MAX_DIVISOR || strlen(json_digits(json)) > MAX_DIGITS)
        return schema_fail(c, node->schema.pointer, "multipleOf has more than %d digits", DECIMAL_MAX_DIVISOR);
    node->schema.multiple_of = json;
    return 0;
}

static int compile_unique(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    if (json_kind(json) != JSON_BOOL)
        return schema_fail_type(c, node, key, "true or false");
    node->schema.unique_items = json_bool(json, false);
    return 0;
}

/* Only looks: compile_keywords() adds the type, since `type` may stand behind. */
static int compile_nullable(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    return json_kind(json) == JSON_BOOL ? 0 : schema_fail_type(c, node, key, "true or false");
}

static int compile_pattern(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    const char *pattern = json_text(json);

    if (!pattern)
        return schema_fail_type(c, node, key, "a string");
    node->schema.pattern = pattern;
    node->schema.pattern_len = strlen(pattern);
    return 0;
}

static int compile_format(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    (void)c;
    (void)key;
    node->schema.format = json_text(json); /* an annotation: of any other type it says nothing */
    return 0;
}

static int compile_reference(struct compiler *c, struct node *node, const char *key, const struct json *json)
{
    if (json_kind(json) != JSON_STRING)
        return schema_fail_type(c, node, key, "a string");
    return schema_add_reference(c, node, json_text(json), strcmp(key, "$ref") != 0);
}

/* ---- keywords --------------------------------------------------------------------------------------------------- */

#define SINCE_6    (DRAFT_ALL & ~DRAFT_4)
#define SINCE_7    (SINCE_6 & ~DRAFT_6)
#define SINCE_2019 (DRAFT_2019 | DRAFT_2020 | DRAFT_MIXED)
#define SINCE_2020 (DRAFT_2020 | DRAFT_MIXED)
#define UNTIL_2019 (DRAFT_ALL & ~DRAFT_2020)
#define UNTIL_7    (DRAFT_4 | DRAFT_6 | DRAFT_7 | DRAFT_MIXED)

/* compile NULL: says nothing of values, or schema_identify() has read it. */
struct keyword {
    const char *name;
    unsigned drafts, vocabulary;
    int (*compile)(struct compiler *, struct node *, const char *key, const struct json *);
};

/* Sorted by name. */
static const struct keyword keywords[] = {
    { "$anchor", SINCE_2019, VOCABULARY_CORE, NULL },
    { "$comment", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "$defs", SINCE_2019, VOCABULARY_CORE, compile_definitions },
    { "$dynamicAnchor", SINCE_2020, VOCABULARY_CORE, NULL },
    { "$dynamicRef", SINCE_2020, VOCABULARY_CORE, compile_reference },
    { "$id", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "$recursiveAnchor", DRAFT_2019, VOCABULARY_CORE, NULL },
    { "$recursiveRef", DRAFT_2019, VOCABULARY_CORE, compile_reference },
    { "$ref", DRAFT_ALL, VOCABULARY_CORE, compile_reference },
    { "$schema", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "$vocabulary", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "additionalItems", UNTIL_2019, VOCABULARY_APPLICATOR, compile_additional_items },
    { "additionalProperties", DRAFT_ALL, VOCABULARY_APPLICATOR, compile_applicator },
    { "allOf", DRAFT_ALL, VOCABULARY_APPLICATOR, compile_choice },
    { "anyOf", DRAFT_ALL, VOCABULARY_APPLICATOR, compile_choice },
    { "const", SINCE_6, VOCABULARY_VALIDATION, compile_const },
    { "contains", SINCE_6, VOCABULARY_APPLICATOR, compile_applicator },
    { "contentEncoding", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "contentMediaType", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "contentSchema", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "default", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "definitions", DRAFT_ALL, VOCABULARY_CORE, compile_definitions },
    { "dependencies", UNTIL_7, VOCABULARY_APPLICATOR, schema_compile_depends },
    { "dependentRequired", SINCE_2019, VOCABULARY_VALIDATION, schema_compile_depends },
    { "dependentSchemas", SINCE_2019, VOCABULARY_APPLICATOR, schema_compile_depends },
    { "deprecated", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "description", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "discriminator", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "else", SINCE_7, VOCABULARY_APPLICATOR, compile_applicator },
    { "enum", DRAFT_ALL, VOCABULARY_VALIDATION, compile_enum },
    { "example", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "examples", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "exclusiveMaximum", DRAFT_ALL, VOCABULARY_VALIDATION, compile_bound },
    { "exclusiveMinimum", DRAFT_ALL, VOCABULARY_VALIDATION, compile_bound },
    { "externalDocs", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "format", DRAFT_ALL, VOCABULARY_CORE, compile_format },
    { "id", DRAFT_4 | DRAFT_MIXED, VOCABULARY_CORE, NULL },
    { "if", SINCE_7, VOCABULARY_APPLICATOR, compile_applicator },
    { "items", DRAFT_ALL, VOCABULARY_APPLICATOR, compile_items },
    { "maxContains", SINCE_2019, VOCABULARY_VALIDATION, compile_count },
    { "maxItems", DRAFT_ALL, VOCABULARY_VALIDATION, compile_count },
    { "maxLength", DRAFT_ALL, VOCABULARY_VALIDATION, compile_count },
    { "maxProperties", DRAFT_ALL, VOCABULARY_VALIDATION, compile_count },
    { "maximum", DRAFT_ALL, VOCABULARY_VALIDATION, compile_bound },
    { "minContains", SINCE_2019, VOCABULARY_VALIDATION, compile_count },
    { "minItems", DRAFT_ALL, VOCABULARY_VALIDATION, compile_count },
    { "minLength", DRAFT_ALL, VOCABULARY_VALIDATION, compile_count },
    { "minProperties", DRAFT_ALL, VOCABULARY_VALIDATION, compile_count },
    { "minimum", DRAFT_ALL, VOCABULARY_VALIDATION, compile_bound },
    { "multipleOf", DRAFT_ALL, VOCABULARY_VALIDATION, compile_multiple },
    { "not", DRAFT_ALL, VOCABULARY_APPLICATOR, compile_applicator },
    { "nullable", DRAFT_MIXED, VOCABULARY_CORE, compile_nullable },
    { "oneOf", DRAFT_ALL, VOCABULARY_APPLICATOR, compile_choice },
    { "pattern", DRAFT_ALL, VOCABULARY_VALIDATION, compile_pattern },
    { "patternProperties", DRAFT_ALL, VOCABULARY_APPLICATOR, schema_compile_patterns },
    { "prefixItems", SINCE_2020, VOCABULARY_APPLICATOR, compile_prefix },
    { "properties", DRAFT_ALL, VOCABULARY_APPLICATOR, schema_compile_properties },
    { "propertyNames", SINCE_6, VOCABULARY_APPLICATOR, compile_applicator },
    { "readOnly", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "required", DRAFT_ALL, VOCABULARY_VALIDATION, schema_check_required },
    { "then", SINCE_7, VOCABULARY_APPLICATOR, compile_applicator },
    { "title", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "type", DRAFT_ALL, VOCABULARY_VALIDATION, compile_type },
    { "unevaluatedItems", SINCE_2019, VOCABULARY_UNEVALUATED, compile_applicator },
    { "unevaluatedProperties", SINCE_2019, VOCABULARY_UNEVALUATED, compile_applicator },
    { "uniqueItems", DRAFT_ALL, VOCABULARY_VALIDATION, compile_unique },
    { "writeOnly", DRAFT_ALL, VOCABULARY_CORE, NULL },
    { "xml", DRAFT_ALL, VOCABULARY_CORE, NULL },
};

static const struct keyword *find_keyword(const char *name)
{
    size_t low = 0, high = sizeof(keywords) / sizeof(*keywords);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, keywords[middle].name);

        if (order == 0)
            return &keywords[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool counts(const struct node *node, const struct keyword *k)
{
    return k->drafts & node->resource->draft &&
           (k->vocabulary == VOCABULARY_CORE || k->vocabulary & node->resource->vocabularies);
}

static int compile_keyword(struct compiler *c, struct node *node, const struct json *json)
{
    const char *key = json_key(json);
    const struct keyword *k = find_keyword(key);

    if (!k && c->options->strict && strncmp(key, "x-", 2) != 0)
        return schema_fail(c, node->schema.pointer, "keyword \"%.40s\" is not known", key);
    if (!k || !k->compile || !counts(node, k))
        return 0;
    return k->compile(c, node, key, json);
}

static int compile_now(struct compiler *c, const struct node *node, const char *pattern, size_t len, void **code)
{
    char why[120];

    *code = pattern_compile(pattern, len, why, sizeof(why));
    if (*code)
        return 0;
    return why[0] ? schema_fail(c, node->schema.pointer, "pattern: %s", why) : schema_fail_memory(c->err);
}

static int compile_all_patterns(struct compiler *c, struct node *node)
{
    struct schema *s = &node->schema;

    if (s->pattern && compile_now(c, node, s->pattern, s->pattern_len, &s->pattern_code) < 0)
        return -1;
    for (size_t i = 0; i < s->n_patterns; i++) {
        struct schema_pattern *p = (struct schema_pattern *)&s->patterns[i]; /* the arena's, so ours to write */

        if (compile_now(c, node, p->pattern, p->len, &p->code) < 0)
            return -1;
    }
    return 0;
}

/* Where there are two references, the second counts as one more schema of allOf. */
static int finish_references(struct compiler *c, struct node *node)
{
    struct schema *s = &node->schema;
    const struct schema **all;

    if (!node->second)
        return 0;
    all = schema_allocate(c, s->n_all_of + 1, sizeof(*all));
    if (!all)
        return -1;
    if (s->n_all_of > 0)
        memcpy(all, s->all_of, s->n_all_of * sizeof(*all));
    all[s->n_all_of++] = &node->second->schema;
    s->all_of = all;
    return 0;
}

/* The definitions beside it are no rules, but there may be an id in them that the reference means. */
static int compile_lone_reference(struct compiler *c, struct node *node)
{
    const struct json *definitions = json_get(node->json, "definitions");

    if (definitions && compile_definitions(c, node, "definitions", definitions) < 0)
        return -1;
    return compile_reference(c, node, "$ref", json_get(node->json, "$ref"));
}

static int compile_keywords(struct compiler *c, struct node *node)
{
    const struct json *required = json_get(node->json, "required");
    const struct keyword *k = find_keyword("required");

    if (schema_ref_stands_alone(node))
        return compile_lone_reference(c, node);
    for (const struct json *v = json_first(node->json); v; v = json_next(v))
        if (compile_keyword(c, node, v) < 0)
            return -1;
    if (node->resource->draft & DRAFT_MIXED && json_bool(json_get(node->json, "nullable"), false))
        node->schema.types |= SCHEMA_NULL;
    finish_bounds(node);
    if (finish_references(c, node) < 0 || schema_finish_members(c, node, counts(node, k) ? required : NULL) < 0)
        return -1;
    return c->options->strict ? compile_all_patterns(c, node) : 0;
}

struct node *schema_new_node(struct compiler *c, const struct json *json, const char *pointer)
{
    struct node *node;
    struct schema *s;

    if (c->n_schemas++ == SCHEMA_MAX_SCHEMAS) {
        fail(c->err, CORAX_E_LIMIT, "schema: more than %u schemas", SCHEMA_MAX_SCHEMAS);
        return NULL;
    }
    node = schema_allocate(c, 1, sizeof(*node));
    if (!node)
        return NULL;
    node->json = json;
    node->next = c->js->nodes;
    c->js->nodes = node;
    s = &node->schema;
    s->pointer = pointer;
    s->types = SCHEMA_ANY;
    s->min_properties = s->max_properties = s->min_contains = s->max_contains = -1;
    s->min_items = s->max_items = s->min_length = s->max_length = -1;
    return node;
}

/* Calls itself as deep as the text nests, JSON_MAX_DEPTH levels at most: references wait in a list. */
struct node *schema_compile_node(struct compiler *c, const struct json *json, const struct resource *resource,
                                 const char *uri, const char *pointer)
{
    struct node *node = table_find(&c->by_json, json, false);

    if (node)
        return node;
    if (json_kind(json) != JSON_BOOL && json_kind(json) != JSON_OBJECT) {
        schema_fail(c, pointer, "a schema is an object, true or false");
        return NULL;
    }
    node = schema_new_node(c, json, pointer);
    if (!node)
        return NULL;
    if (!table_add(&c->by_json, json, false, node)) {
        schema_fail_memory(c->err);
        return NULL;
    }
    if (schema_identify(c, node, resource, uri) < 0)
        return NULL;
    node->schema.never = !json_bool(json, true);
    return json_kind(json) == JSON_BOOL || compile_keywords(c, node) == 0 ? node : NULL;
}

/* ---- a whole schema --------------------------------------------------------------------------------------------- */

static int compile_root(struct compiler *c, const char *text, size_t len)
{
    struct document *d;

    c->js->arena = arena_create(MAX_COMPILED_BYTES);
    d = c->js->arena ? arena_alloc(c->js->arena, sizeof(*d)) : NULL;
    if (!d)
        return schema_fail_memory(c->err);
    if (len > SCHEMA_MAX_BYTES)
        return fail(c->err, CORAX_E_LIMIT, "schema: %zu bytes, at most %u", len, SCHEMA_MAX_BYTES);
    d->json = json_parse_large(text, len, SCHEMA_MAX_VALUES, c->err);
    if (!d->json)
        return err_context(c->err, "schema");
    c->js->documents = d;
    c->js->root = schema_compile_node(c, d->json, NULL, "", "");
    return c->js->root ? schema_resolve_references(c) : -1;
}

struct jsonschema *jsonschema_compile(const char *text, size_t len, const struct jsonschema_options *options,
                                      struct err *err)
{
    static const struct jsonschema_options none = { 0 };
    struct jsonschema *js = calloc(1, sizeof(*js));
    struct err own = { 0 };
    struct compiler c = { .js = js, .options = options ? options : &none, .err = err ? err : &own };
    int rc;

    if (!js) {
        schema_fail_memory(err);
        return NULL;
    }
    rc = compile_root(&c, text, len);
    free(c.by_json.slots);
    free(c.by_uri.slots);
    if (rc == 0)
        return js;
    jsonschema_destroy(js);
    return NULL;
}

void jsonschema_destroy(struct jsonschema *js)
{
    if (!js)
        return;
    for (struct node *node = js->nodes; node; node = node->next) {
        pattern_free(node->schema.pattern_code);
        for (size_t i = 0; i < node->schema.n_patterns; i++)
            pattern_free(node->schema.patterns[i].code);
        free(node->index);
    }
    for (struct document *d = js->documents; d; d = d->next)
        json_free(d->json);
    arena_destroy(js->arena);
    free(js);
}

const struct schema *jsonschema_root(const struct jsonschema *js)
{
    return &js->root->schema;
}
