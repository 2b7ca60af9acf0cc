/*
 * A schema is compiled once, into a tree of nodes in one arena that points into the schema's parsed text, and then
 * checked against many values.  Schemas and values both come from outside (plugins, foreign servers, the model), so no
 * pair of them may take long: properties are found by bisection, enum by bisection over canonical texts, and patterns
 * have a budget.
 */
#include "util/jsonschema.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "util/arena.h"
#include "util/utf8.h"

#define MAX_COMPILED_BYTES ((size_t)64 << 20) /* a schema of JSON_MAX_VALUES values stays below */
#define MAX_CANONICAL      ((size_t)16 << 20)
#define MAX_PATTERN        1000       /* bytes */
#define MATCH_LIMIT        200000     /* steps of one match */
#define MATCH_BUDGET_NS    500000000L /* CPU time of all matches of one validation */
#define SHOWN_PATH         100        /* bytes of a path in a message */
#define SHOWN_VALUE        40         /* bytes of a value or a name in a message */
#define SHOWN_LIST         110        /* bytes of a list of names or values in a message */

/* What the public struct leaves out; every `const struct schema *` we hand out is the first member of one. */
struct node {
    struct schema schema;
    struct schema_property **sorted; /* by name */
    size_t n_required;
    const char **sorted_enum; /* canonical texts */
    struct node *next_pattern;
    const struct json *required; /* while compiling */
};

struct jsonschema {
    struct arena *arena;
    struct json *text;
    struct node *root;
    struct node *patterns; /* those with code to free */
};

/* ---- compiling -------------------------------------------------------------------------------------------------- */

struct compiler {
    struct jsonschema *js;
    char path[SHOWN_PATH +
              1]; /* JSON Pointer of the schema that is being compiled; only for messages, so it may be cut */
    struct err *err;
};

static int fail_schema(struct compiler *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int fail_schema(struct compiler *c, const char *fmt, ...)
{
    char why[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    return fail(c->err, CORAX_E_ARGS, "schema: %s%s%s", c->path, c->path[0] ? ": " : "", why);
}

static int fail_memory(struct err *err)
{
    return fail(err, CORAX_E_LIMIT, "schema: too large, or out of memory");
}

static int compile(struct compiler *c, const struct json *text, struct node **out);

/* Compiles the schema at a member of this one. */
static int compile_below(struct compiler *c, const char *keyword, const char *name, const struct json *text,
                         const struct schema **out)
{
    size_t len = strlen(c->path);
    struct node *node;
    int rc;

    snprintf(c->path + len, sizeof(c->path) - len, "/%s%s%.*s", keyword, name ? "/" : "", SHOWN_VALUE,
             name ? name : "");
    rc = compile(c, text, &node);
    c->path[len] = '\0';
    if (rc == 0)
        *out = &node->schema;
    return rc;
}

static int compile_type_name(struct compiler *c, const struct json *text, unsigned *types)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {
        { "null", SCHEMA_NULL },     { "boolean", SCHEMA_BOOL },  { "integer", SCHEMA_INTEGER },
        { "number", SCHEMA_NUMBER }, { "string", SCHEMA_STRING }, { "array", SCHEMA_ARRAY },
        { "object", SCHEMA_OBJECT },
    };
    const char *name = json_text(text);

    if (!name)
        return fail_schema(c, "type is neither a name nor a list of names");
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(name, known[i].name) == 0) {
            *types |= known[i].bit;
            return 0;
        }
    return fail_schema(c, "type \"%.40s\" does not exist", name);
}

static int compile_type(struct compiler *c, struct node *node, const struct json *text)
{
    unsigned types = 0;

    if (json_kind(text) == JSON_ARRAY) {
        if (!json_first(text))
            return fail_schema(c, "type is an empty list");
        for (const struct json *v = json_first(text); v; v = json_next(v))
            if (compile_type_name(c, v, &types) != 0)
                return -1;
    } else if (compile_type_name(c, text, &types) != 0) {
        return -1;
    }
    node->schema.types &= types;
    return 0;
}

static int compile_properties(struct compiler *c, struct node *node, const struct json *text)
{
    size_t n = json_count(text), i = 0;
    struct schema_property *properties;

    if (json_kind(text) != JSON_OBJECT)
        return fail_schema(c, "properties is not an object");
    properties = arena_alloc(c->js->arena, (n + 1) * sizeof(*properties));
    if (!properties)
        return fail_memory(c->err);
    for (const struct json *v = json_first(text); v; v = json_next(v), i++) {
        properties[i].name = json_key(v);
        if (compile_below(c, "properties", json_key(v), v, &properties[i].schema) != 0)
            return -1;
    }
    node->schema.properties = properties;
    node->schema.n_properties = n;
    return 0;
}

static int compile_required(struct compiler *c, struct node *node, const struct json *text)
{
    if (json_kind(text) != JSON_ARRAY)
        return fail_schema(c, "required is not a list of names");
    for (const struct json *v = json_first(text); v; v = json_next(v))
        if (json_kind(v) != JSON_STRING)
            return fail_schema(c, "required is not a list of names");
    node->required = text; /* needs the properties: finish_object() */
    return 0;
}

static int compile_additional(struct compiler *c, struct node *node, const struct json *text)
{
    if (json_kind(text) == JSON_BOOL) {
        node->schema.additional = json_bool(text, true);
        return 0;
    }
    return compile_below(c, "additionalProperties", NULL, text, &node->schema.additional_schema);
}

static int compile_items(struct compiler *c, struct node *node, const struct json *text)
{
    if (json_kind(text) == JSON_ARRAY)
        return fail_schema(c, "items is a list; the 2020-12 form is one schema for all elements");
    return compile_below(c, "items", NULL, text, &node->schema.items);
}

static int compile_count(struct compiler *c, const struct json *text, const char *keyword, long long *out)
{
    int64_t value;

    if (json_int(text, keyword, &value, NULL) != 0 || value < 0)
        return fail_schema(c, "%s is not an integer from 0 on", keyword);
    *out = value;
    return 0;
}

static int compile_bound(struct compiler *c, const struct json *text, const char *keyword, double *out)
{
    double value = json_number(text, NAN);

    if (isnan(value))
        return fail_schema(c, "%s is not a number", keyword);
    *out = value;
    return 0;
}

/* The two lower (or upper) bounds meet in one: the tighter counts. */
static int compile_lower(struct compiler *c, struct node *node, const struct json *text, const char *keyword,
                         bool exclusive)
{
    double bound = 0;

    if (compile_bound(c, text, keyword, &bound) != 0)
        return -1;
    if (!node->schema.has_min || bound > node->schema.min || (bound >= node->schema.min && exclusive)) {
        node->schema.has_min = true;
        node->schema.min = bound;
        node->schema.exclusive_min = exclusive;
    }
    return 0;
}

static int compile_upper(struct compiler *c, struct node *node, const struct json *text, const char *keyword,
                         bool exclusive)
{
    double bound = 0;

    if (compile_bound(c, text, keyword, &bound) != 0)
        return -1;
    if (!node->schema.has_max || bound < node->schema.max || (bound <= node->schema.max && exclusive)) {
        node->schema.has_max = true;
        node->schema.max = bound;
        node->schema.exclusive_max = exclusive;
    }
    return 0;
}

/* JSON Schema's patterns are those of ECMAScript: $ is the very end, \d is 0-9, \u0041 is A. */
static int compile_pattern(struct compiler *c, struct node *node, const struct json *text)
{
    const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF |
                             PCRE2_ALLOW_EMPTY_CLASS | PCRE2_NEVER_BACKSLASH_C;
    const char *pattern = json_text(text);
    pcre2_compile_context *context;
    PCRE2_UCHAR why[100];
    PCRE2_SIZE offset;
    int code;

    if (!pattern)
        return fail_schema(c, "pattern is not a string");
    if (strlen(pattern) > MAX_PATTERN)
        return fail_schema(c, "pattern has more than %d bytes", MAX_PATTERN);
    context = pcre2_compile_context_create(NULL);
    if (!context)
        return fail_memory(c->err);
    pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
    pcre2_set_parens_nest_limit(context, 50);
    node->schema.pattern = pattern;
    node->schema.pattern_code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!node->schema.pattern_code) {
        if (pcre2_get_error_message(code, why, sizeof(why)) < 0)
            strcpy((char *)why, "it cannot be compiled");
        return fail_schema(c, "pattern: at byte %zu: %s", (size_t)offset, (char *)why);
    }
    node->next_pattern = c->js->patterns;
    c->js->patterns = node;
    return 0;
}

/* One keyword.  Enum and const, and required, need the others first: compile() does them last. */
static int compile_keyword(struct compiler *c, struct node *node, const char *key, const struct json *text)
{
    static const char *const annotations[] = { "title",   "description", "default",  "examples", "deprecated", "format",
                                               "$schema", "$id",         "$comment", "enum",     "const" };
    struct schema *s = &node->schema;

    if (strcmp(key, "type") == 0)
        return compile_type(c, node, text);
    if (strcmp(key, "properties") == 0)
        return compile_properties(c, node, text);
    if (strcmp(key, "required") == 0)
        return compile_required(c, node, text);
    if (strcmp(key, "additionalProperties") == 0)
        return compile_additional(c, node, text);
    if (strcmp(key, "items") == 0)
        return compile_items(c, node, text);
    if (strcmp(key, "minItems") == 0)
        return compile_count(c, text, key, &s->min_items);
    if (strcmp(key, "maxItems") == 0)
        return compile_count(c, text, key, &s->max_items);
    if (strcmp(key, "minLength") == 0)
        return compile_count(c, text, key, &s->min_length);
    if (strcmp(key, "maxLength") == 0)
        return compile_count(c, text, key, &s->max_length);
    if (strcmp(key, "pattern") == 0)
        return compile_pattern(c, node, text);
    if (strcmp(key, "minimum") == 0)
        return compile_lower(c, node, text, key, false);
    if (strcmp(key, "exclusiveMinimum") == 0)
        return compile_lower(c, node, text, key, true);
    if (strcmp(key, "maximum") == 0)
        return compile_upper(c, node, text, key, false);
    if (strcmp(key, "exclusiveMaximum") == 0)
        return compile_upper(c, node, text, key, true);
    if (strcmp(key, "multipleOf") == 0) {
        if (compile_bound(c, text, key, &s->multiple_of) != 0)
            return -1;
        return s->multiple_of > 0 ? 0 : fail_schema(c, "multipleOf is not above 0");
    }
    for (size_t i = 0; i < sizeof(annotations) / sizeof(*annotations); i++)
        if (strcmp(key, annotations[i]) == 0)
            return 0;
    if (strncmp(key, "x-", 2) == 0)
        return 0;
    return fail_schema(c, "keyword \"%.40s\" is not supported", key);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(struct schema_property *const *)a)->name, (*(struct schema_property *const *)b)->name);
}

static struct schema_property *find_property(const struct node *node, const char *name)
{
    struct schema_property key = { .name = name }, *key_ptr = &key, **found;

    if (node->schema.n_properties == 0)
        return NULL;
    found = bsearch(&key_ptr, node->sorted, node->schema.n_properties, sizeof(*node->sorted), compare_names);
    return found ? *found : NULL;
}

static int compare_properties(const void *a, const void *b)
{
    return strcmp(((const struct schema_property *)a)->name, ((const struct schema_property *)b)->name);
}

static int sort_properties(struct compiler *c, struct node *node, struct schema_property *properties)
{
    size_t n = node->schema.n_properties;

    node->schema.properties = properties;
    node->sorted = arena_alloc(c->js->arena, (n + 1) * sizeof(struct schema_property *));
    if (!node->sorted)
        return fail_memory(c->err);
    for (size_t i = 0; i < n; i++)
        node->sorted[i] = &properties[i];
    qsort(node->sorted, n, sizeof(struct schema_property *), compare_names);
    return 0;
}

static struct node *new_node(struct compiler *c, unsigned types)
{
    struct node *node = arena_alloc(c->js->arena, sizeof(*node));

    if (!node) {
        fail_memory(c->err);
        return NULL;
    }
    node->schema.types = types;
    node->schema.additional = true;
    node->schema.min_items = node->schema.max_items = -1;
    node->schema.min_length = node->schema.max_length = -1;
    return node;
}

/*
 * Brings `required` into the properties.  A name that is required but not described becomes a property with the schema
 * that such a member would have to match anyway, so that whoever walks the tree finds all that must be there.
 */
static int finish_object(struct compiler *c, struct node *node)
{
    struct schema *s = &node->schema;
    size_t n_described = s->n_properties, n = n_described;
    struct schema_property *all = arena_alloc(c->js->arena, (n + json_count(node->required) + 1) * sizeof(*all));
    const struct schema *other = s->additional_schema;

    if (!all)
        return fail_memory(c->err);
    if (n_described > 0)
        memcpy(all, s->properties, n_described * sizeof(*all));
    if (sort_properties(c, node, all) != 0)
        return -1;
    for (const struct json *v = json_first(node->required); v; v = json_next(v)) {
        struct schema_property *property = find_property(node, json_text(v));

        if (property)
            property->required = true;
        else
            all[n++].name = json_text(v);
    }
    if (n > n_described) {
        struct node *any_or_none = other ? NULL : new_node(c, s->additional ? SCHEMA_ANY : 0);

        if (!other && !any_or_none)
            return -1;
        qsort(all + n_described, n - n_described, sizeof(*all), compare_properties);
        s->n_properties = n_described;
        for (size_t i = n_described; i < n; i++) {
            if (i > n_described && strcmp(all[i].name, all[s->n_properties - 1].name) == 0)
                continue;
            all[s->n_properties++] = (struct schema_property){ .name = all[i].name,
                                                               .schema = other ? other : &any_or_none->schema,
                                                               .required = true };
        }
        if (sort_properties(c, node, all) != 0)
            return -1;
    }
    for (size_t i = 0; i < s->n_properties; i++)
        node->n_required += all[i].required;
    return 0;
}

/* ---- enum and const --------------------------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *keep_canonical(struct compiler *c, const struct json *value)
{
    struct buf text;
    char *copy;

    buf_init(&text, MAX_CANONICAL);
    json_canonical(value, &text);
    copy = text.failed ? NULL : arena_strndup(c->js->arena, text.data, text.len);
    buf_finish(&text);
    return copy;
}

static char *keep_text(struct compiler *c, const struct json *value)
{
    struct buf text;
    struct jsonw w;
    char *copy;

    buf_init(&text, MAX_CANONICAL);
    w = jsonw_start(&text);
    jsonw_value(&w, NULL, value);
    copy = text.failed ? NULL : arena_strndup(c->js->arena, text.data, text.len);
    buf_finish(&text);
    return copy;
}

static int check_alone(const struct node *node, const struct json *value, struct err *err);

/*
 * The values that are left when the other keywords have had their say: {"type": "string", "enum": ["a", null]} allows
 * "a" alone, and the inference core need not find that out.
 */
static int finish_enum(struct compiler *c, struct node *node, const struct json *list, const struct json *constant)
{
    size_t n = list ? json_count(list) : 1, n_left = 0;
    const char **texts, **canonical, *only = NULL;

    if (list && json_kind(list) != JSON_ARRAY)
        return fail_schema(c, "enum is not a list of values");
    texts = arena_alloc(c->js->arena, (n + 1) * sizeof(*texts));
    canonical = arena_alloc(c->js->arena, (n + 1) * sizeof(*canonical));
    if (constant)
        only = keep_canonical(c, constant);
    if (!texts || !canonical || (constant && !only))
        return fail_memory(c->err);
    for (const struct json *v = list ? json_first(list) : constant; v; v = list ? json_next(v) : NULL) {
        struct err why;

        if (check_alone(node, v, &why) != 0) {
            if (why.status == CORAX_E_LIMIT)
                return fail_memory(c->err);
            continue;
        }
        texts[n_left] = keep_text(c, v);
        canonical[n_left] = keep_canonical(c, v);
        if (!texts[n_left] || !canonical[n_left])
            return fail_memory(c->err);
        if (!only || strcmp(only, canonical[n_left]) == 0)
            n_left++;
    }
    qsort(canonical, n_left, sizeof(*canonical), compare_texts);
    node->schema.enum_json = texts;
    node->sorted_enum = canonical;
    node->schema.n_enum = n_left;
    if (n_left == 0)
        node->schema.types = 0;
    return 0;
}

/* ---- a whole schema --------------------------------------------------------------------------------------------- */

static int compile(struct compiler *c, const struct json *text, struct node **out)
{
    struct node *node = new_node(c, SCHEMA_ANY);
    const struct json *list, *constant;

    if (!node)
        return -1;
    *out = node;
    if (json_kind(text) == JSON_BOOL) {
        node->schema.types = json_bool(text, true) ? SCHEMA_ANY : 0;
        return 0;
    }
    if (json_kind(text) != JSON_OBJECT)
        return fail_schema(c, "a schema is an object, true or false");
    for (const struct json *v = json_first(text); v; v = json_next(v))
        if (compile_keyword(c, node, json_key(v), v) != 0)
            return -1;
    if (finish_object(c, node) != 0)
        return -1;
    list = json_get(text, "enum");
    constant = json_get(text, "const");
    return list || constant ? finish_enum(c, node, list, constant) : 0;
}

struct jsonschema *jsonschema_compile(const char *text, size_t len, struct err *err)
{
    struct jsonschema *js = calloc(1, sizeof(*js));
    struct compiler c = { .js = js, .err = err };
    int rc = -1;

    if (!js) {
        fail_memory(err);
        return NULL;
    }
    js->arena = arena_create(MAX_COMPILED_BYTES);
    if (!js->arena) {
        fail_memory(err);
        goto out;
    }
    js->text = json_parse(text, len, err);
    if (!js->text) {
        err_context(err, "schema");
        goto out;
    }
    rc = compile(&c, js->text, &js->root);
out:
    if (rc == 0)
        return js;
    jsonschema_destroy(js);
    return NULL;
}

void jsonschema_destroy(struct jsonschema *js)
{
    if (!js)
        return;
    for (struct node *node = js->patterns; node; node = node->next_pattern)
        pcre2_code_free(node->schema.pattern_code);
    json_free(js->text);
    arena_destroy(js->arena);
    free(js);
}

const struct schema *jsonschema_root(const struct jsonschema *js)
{
    return &js->root->schema;
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

/* Where in the value we are; a chain of these lives on the stack and becomes text only when something is wrong. */
struct place {
    const struct place *up;
    const char *key; /* NULL: index counts */
    size_t index;
};

struct check {
    struct err *err;
    struct buf canonical;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    long matched_ns;
};

/* Into out, which is SHOWN_PATH + 1 bytes: "filters.items[3]", cut if it is longer. */
static void write_place(const struct place *place, char *out)
{
    size_t len;

    if (!place) {
        out[0] = '\0';
        return;
    }
    write_place(place->up, out);
    len = strlen(out);
    if (place->key)
        snprintf(out + len, SHOWN_PATH + 1 - len, "%s%.*s", len > 0 ? "." : "", SHOWN_VALUE, place->key);
    else
        snprintf(out + len, SHOWN_PATH + 1 - len, "[%zu]", place->index);
}

static int fail_value(struct check *check, const struct place *place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The root has no name of its own: "the value is 5; ...". */
static int fail_value(struct check *check, const struct place *place, const char *fmt, ...)
{
    char why[240], where[SHOWN_PATH + 1];
    va_list ap;

    if (!check->err)
        return -1;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    if (!place)
        return fail(check->err, CORAX_E_ARGS, "the value %s", why);
    write_place(place, where);
    return fail(check->err, CORAX_E_ARGS, "%s: %s", where, why);
}

/* A piece of a message, by value. */
struct shown {
    char text[SHOWN_LIST + 80];
    bool full; /* a list that ended in "..." */
};

static struct shown show_value(const struct json *value)
{
    struct shown shown = { .full = false };
    const char *text = json_text(value);

    switch (json_kind(value)) {
    case JSON_STRING:
        snprintf(shown.text, sizeof(shown.text), "\"%.*s%s\"", SHOWN_VALUE, text,
                 strlen(text) > SHOWN_VALUE ? "..." : "");
        break;
    case JSON_NUMBER:
        snprintf(shown.text, sizeof(shown.text), "%.*s", SHOWN_VALUE, json_digits(value));
        break;
    case JSON_BOOL:
        strcpy(shown.text, json_bool(value, false) ? "true" : "false");
        break;
    case JSON_ARRAY:
        strcpy(shown.text, "an array");
        break;
    case JSON_OBJECT:
        strcpy(shown.text, "an object");
        break;
    default:
        strcpy(shown.text, "null");
    }
    return shown;
}

static void add_item(struct shown *list, const char *separator, const char *item)
{
    size_t len = strlen(list->text);

    if (list->full)
        return;
    if (len + strlen(item) > SHOWN_LIST) {
        list->full = true;
        item = "...";
    }
    snprintf(list->text + len, sizeof(list->text) - len, "%s%s", len > 0 ? separator : "", item);
}

/* What would be accepted: "a string or null", "one of "a", "b"". */
static struct shown show_wanted(const struct schema *schema)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        { SCHEMA_STRING, "a string" },    { SCHEMA_NUMBER, "a number" }, { SCHEMA_INTEGER, "an integer" },
        { SCHEMA_BOOL, "true or false" }, { SCHEMA_ARRAY, "an array" },  { SCHEMA_OBJECT, "an object" },
        { SCHEMA_NULL, "null" },
    };
    struct shown shown = { .full = false };
    unsigned types = schema->types & SCHEMA_NUMBER ? schema->types & ~(unsigned)SCHEMA_INTEGER : schema->types;

    if (schema->types == 0) {
        strcpy(shown.text, "nothing: no value is allowed here");
    } else if (schema->n_enum > 0) {
        for (size_t i = 0; i < schema->n_enum; i++)
            add_item(&shown, ", ", schema->enum_json[i]);
    } else if (schema->types == SCHEMA_ANY) {
        strcpy(shown.text, "a value");
    } else {
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            if (types & names[i].bit)
                add_item(&shown, " or ", names[i].name);
    }
    return shown;
}

/* ---- checking --------------------------------------------------------------------------------------------------- */

static int check_node(struct check *check, const struct node *node, const struct json *value,
                      const struct place *place);

static bool type_fits(unsigned types, const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_NULL:
        return types & SCHEMA_NULL;
    case JSON_BOOL:
        return types & SCHEMA_BOOL;
    case JSON_NUMBER:
        return types & SCHEMA_NUMBER || (types & SCHEMA_INTEGER && json_is_integer(value));
    case JSON_STRING:
        return types & SCHEMA_STRING;
    case JSON_ARRAY:
        return types & SCHEMA_ARRAY;
    case JSON_OBJECT:
        return types & SCHEMA_OBJECT;
    default:
        return false;
    }
}

static int check_enum(struct check *check, const struct node *node, const struct json *value, const struct place *place)
{
    const char *text;

    buf_reset(&check->canonical);
    json_canonical(value, &check->canonical);
    if (check->canonical.failed)
        return fail_memory(check->err);
    text = check->canonical.data;
    if (bsearch(&text, node->sorted_enum, node->schema.n_enum, sizeof(*node->sorted_enum), compare_texts))
        return 0;
    return fail_value(check, place, "is %s; give %s%s", show_value(value).text,
                      node->schema.n_enum > 1 ? "one of " : "", show_wanted(&node->schema).text);
}

/* 0.3 is a multiple of 0.1 for people, if not for fmod: a few units in the last place of the quotient are forgiven. */
static bool is_multiple(double value, double of)
{
    double quotient = value / of;

    if (!isfinite(value))
        return false;
    if (fmod(value, of) == 0)
        return true;
    return isfinite(quotient) && fabs(quotient - rint(quotient)) <= 4 * DBL_EPSILON * fabs(quotient);
}

static int check_number(struct check *check, const struct schema *s, const struct json *value,
                        const struct place *place)
{
    const char *digits = json_digits(value);
    double number = json_number(value, *digits == '-' ? -INFINITY : INFINITY);

    if (s->has_min && (s->exclusive_min ? number <= s->min : number < s->min))
        return fail_value(check, place, "is %.*s; give a number %s %.15g", SHOWN_VALUE, digits,
                          s->exclusive_min ? "greater than" : "not less than", s->min);
    if (s->has_max && (s->exclusive_max ? number >= s->max : number > s->max))
        return fail_value(check, place, "is %.*s; give a number %s %.15g", SHOWN_VALUE, digits,
                          s->exclusive_max ? "less than" : "not greater than", s->max);
    if (s->multiple_of > 0 && !is_multiple(number, s->multiple_of))
        return fail_value(check, place, "is %.*s; give a multiple of %.15g", SHOWN_VALUE, digits, s->multiple_of);
    return 0;
}

static long cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (long)ts.tv_sec * 1000000000L + ts.tv_nsec;
}

/*
 * PCRE2 counts its steps, but not the characters that a step like [^b]* runs over, so the length of the text and the time
 * are limited too.
 */
static int check_pattern(struct check *check, const struct schema *s, const struct json *value,
                         const struct place *place)
{
    const char *text = json_text(value);
    size_t len = strlen(text);
    long start;
    int rc;

    if (len > SCHEMA_MAX_MATCHED)
        return fail_value(check, place, "has %zu bytes; a text with a pattern may have %d", len, SCHEMA_MAX_MATCHED);
    if (!check->match) {
        check->match = pcre2_match_data_create(1, NULL);
        check->limits = pcre2_match_context_create(NULL);
        if (!check->match || !check->limits)
            return fail_memory(check->err);
        pcre2_set_match_limit(check->limits, MATCH_LIMIT);
    }
    if (check->matched_ns > MATCH_BUDGET_NS)
        return fail_value(check, place, "cannot be checked: the patterns of this value take too long");
    start = cpu_ns();
    rc = pcre2_match(s->pattern_code, (PCRE2_SPTR)text, len, 0, PCRE2_NO_UTF_CHECK, check->match, check->limits);
    check->matched_ns += cpu_ns() - start;
    if (rc >= 0)
        return 0;
    if (rc == PCRE2_ERROR_NOMATCH)
        return fail_value(check, place, "is %s; give text that matches %.80s", show_value(value).text, s->pattern);
    return fail_value(check, place, "cannot be checked: the pattern %.80s takes too long on it", s->pattern);
}

static int check_string(struct check *check, const struct schema *s, const struct json *value,
                        const struct place *place)
{
    if (s->min_length >= 0 || s->max_length >= 0) {
        const char *text = json_text(value);
        long long n = (long long)utf8_count(text, strlen(text));

        if (s->min_length >= 0 && n < s->min_length)
            return fail_value(check, place, "has %lld characters; give at least %lld", n, s->min_length);
        if (s->max_length >= 0 && n > s->max_length)
            return fail_value(check, place, "has %lld characters; give at most %lld", n, s->max_length);
    }
    return s->pattern ? check_pattern(check, s, value, place) : 0;
}

static int check_array(struct check *check, const struct schema *s, const struct json *value, const struct place *place)
{
    struct place element = { .up = place };
    long long n = s->min_items >= 0 || s->max_items >= 0 ? (long long)json_count(value) : 0;

    if (s->min_items >= 0 && n < s->min_items)
        return fail_value(check, place, "has %lld elements; give at least %lld", n, s->min_items);
    if (s->max_items >= 0 && n > s->max_items)
        return fail_value(check, place, "has %lld elements; give at most %lld", n, s->max_items);
    if (!s->items)
        return 0;
    for (const struct json *v = json_first(value); v; v = json_next(v), element.index++)
        if (check_node(check, (const struct node *)s->items, v, &element) != 0)
            return -1;
    return 0;
}

static int fail_unknown(struct check *check, const struct schema *s, const char *name, const struct place *place)
{
    struct shown known = { .full = false };
    char where[SHOWN_PATH + 1];

    if (!check->err)
        return -1;
    for (size_t i = 0; i < s->n_properties; i++)
        add_item(&known, ", ", s->properties[i].name);
    write_place(place, where);
    return fail(check->err, CORAX_E_ARGS, "%s%sunknown argument \"%.*s\"; %s%s", where, place ? ": " : "", SHOWN_VALUE,
                name, s->n_properties > 0 ? "known are " : "none is known", known.text);
}

/* Something required is not there: finds out what.  Only here, on the way to an error, are the members marked. */
static int fail_missing(struct check *check, const struct node *node, const struct json *value,
                        const struct place *place)
{
    const struct schema *s = &node->schema;
    struct place member = { .up = place };
    bool *seen;
    size_t i = 0;

    if (!check->err)
        return -1;
    seen = calloc(s->n_properties, sizeof(*seen));
    if (!seen)
        return fail_memory(check->err);
    for (const struct json *v = json_first(value); v; v = json_next(v)) {
        const struct schema_property *property = find_property(node, json_key(v));

        if (property)
            seen[property - s->properties] = true;
    }
    while (!s->properties[i].required || seen[i])
        i++;
    free(seen);
    member.key = s->properties[i].name;
    return fail_value(check, &member, "is missing; give %s%s", s->properties[i].schema->n_enum > 1 ? "one of " : "",
                      show_wanted(s->properties[i].schema).text);
}

static int check_object(struct check *check, const struct node *node, const struct json *value,
                        const struct place *place)
{
    const struct schema *s = &node->schema;
    struct place member = { .up = place };
    size_t n_required = 0;

    for (const struct json *v = json_first(value); v; v = json_next(v)) {
        const struct schema_property *property = find_property(node, json_key(v));

        if (!property && !s->additional)
            return fail_unknown(check, s, json_key(v), place);
        n_required += property && property->required;
    }
    if (n_required < node->n_required)
        return fail_missing(check, node, value, place);
    for (const struct json *v = json_first(value); v; v = json_next(v)) {
        const struct schema_property *property = find_property(node, json_key(v));
        const struct schema *schema = property ? property->schema : s->additional_schema;

        member.key = json_key(v);
        if (schema && check_node(check, (const struct node *)schema, v, &member) != 0)
            return -1;
    }
    return 0;
}

static int check_node(struct check *check, const struct node *node, const struct json *value, const struct place *place)
{
    const struct schema *s = &node->schema;

    if (!type_fits(s->types, value))
        return fail_value(check, place, "is %s; give %s%s", show_value(value).text, s->n_enum > 1 ? "one of " : "",
                          show_wanted(s).text);
    if (s->n_enum > 0 && check_enum(check, node, value, place) != 0)
        return -1;
    switch (json_kind(value)) {
    case JSON_NUMBER:
        return check_number(check, s, value, place);
    case JSON_STRING:
        return check_string(check, s, value, place);
    case JSON_ARRAY:
        return check_array(check, s, value, place);
    case JSON_OBJECT:
        return check_object(check, node, value, place);
    default:
        return 0;
    }
}

static int check_alone(const struct node *node, const struct json *value, struct err *err)
{
    struct check check = { .err = err };
    int rc;

    buf_init(&check.canonical, MAX_CANONICAL);
    rc = check_node(&check, node, value, NULL);
    buf_finish(&check.canonical);
    pcre2_match_data_free(check.match);
    pcre2_match_context_free(check.limits);
    return rc;
}

int jsonschema_validate(const struct jsonschema *js, const struct json *value, struct err *err)
{
    return check_alone(js->root, value, err);
}
