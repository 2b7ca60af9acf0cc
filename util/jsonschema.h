/*
 * util/jsonschema.h - does a JSON value match a schema?
 *
 * All of JSON Schema 2020-12 (json-schema.org/draft/2020-12), and the drafts 4, 6, 7 and 2019-09 where $schema names one.
 * A schema that names none is read as 2020-12, with the older keywords understood beside it (definitions, dependencies,
 * additionalItems, a list of items, a boolean exclusiveMinimum) and OpenAPI's nullable.  A keyword that the named draft
 * does not have is an annotation.  In the drafts up to 7 what stands beside $ref is ignored, if $schema names them.
 * format, contentEncoding and contentMediaType are annotations in all.  A keyword's value of the wrong type is an error.
 *
 * References stay inside the schema and the documents that the caller hands over; nothing is ever fetched.  Known besides
 * are the metaschemas of 2020-12 and of draft 7.  A chain of references that leads back to itself is an error.
 *
 * What is compiled is a public, read-only graph, since the inference core walks it to constrain decoding: $ref is a
 * pointer to its target, so that a recursive schema is a cycle.
 */
#ifndef UTIL_JSONSCHEMA_H
#define UTIL_JSONSCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"
#include "util/json.h"

#define SCHEMA_MAX_BYTES   (16u << 20) /* of one document's text */
#define SCHEMA_MAX_VALUES  2000000u    /* JSON values of one document: some 100 bytes each */
#define SCHEMA_MAX_SCHEMAS 300000u     /* schemas of one graph: some 700 bytes each */
#define SCHEMA_MAX_STEPS   4000000u    /* schemas and members visited by one validation: about a second */
#define SCHEMA_MAX_NESTING 1024        /* schemas that wait for each other in one validation: keeps the stack below 1 MB */
#define SCHEMA_MAX_MATCHED 16384       /* bytes of a text that has a pattern: a careless pattern's time grows with the square */

enum { SCHEMA_NULL = 1, SCHEMA_BOOL = 2, SCHEMA_INTEGER = 4, SCHEMA_NUMBER = 8, SCHEMA_STRING = 16, SCHEMA_ARRAY = 32,
       SCHEMA_OBJECT = 64, SCHEMA_ANY = 127 };

struct schema;

/* Names and texts are NUL-terminated; len is their length in bytes. */
struct schema_member {
    const char          *name;
    size_t               len;
    const struct schema *schema; /* NULL: only named by `required` */
    bool                 required;
};

struct schema_pattern {
    const char          *pattern;
    size_t               len;
    const struct schema *schema;
    void                *code; /* the validator's own */
};

/* An object that has a member `name` must have these others (dependentRequired), or match the schema, if there is one. */
struct schema_depends {
    const char          *name;
    size_t               len;
    size_t               n_required;
    const char *const   *required;
    const struct schema *schema;
};

struct schema {
    const char *pointer; /* JSON Pointer in its document, cut when it is long: "", "/properties/x"; for messages */
    bool        never;   /* the schema `false`; `true` and {} have no rule at all */
    unsigned    types;   /* SCHEMA_* bits that are allowed; NUMBER includes integers */

    /* Of any value. */
    const struct json *const *values; /* enum */
    size_t                    n_values;
    bool                      has_enum; /* with n_values 0 no value is allowed */
    const struct json        *constant; /* const, or NULL */
    size_t                      n_all_of, n_any_of, n_one_of;
    const struct schema *const *all_of, *const *any_of, *const *one_of;
    const struct schema        *not_, *if_, *then_, *else_; /* each may be NULL; then_ and else_ need if_ */
    /* $ref's target.  Of $dynamicRef the one that is certain, or else the one where no other resource overrides it. */
    const struct schema *ref;
    bool                 ref_depends; /* it is a $dynamicRef, and which it is depends on who refers to this schema */

    /* Of objects. */
    size_t                       n_properties;
    const struct schema_member  *properties; /* in the order of the text, then those only named by required */
    size_t                       n_patterns;
    const struct schema_pattern *patterns;   /* patternProperties */
    const struct schema         *additional; /* of members that neither of those names; NULL: anything */
    const struct schema         *property_names;
    const struct schema         *unevaluated_properties;
    size_t                       n_depends;
    const struct schema_depends *depends;    /* dependentRequired, dependentSchemas, dependencies */
    long long                    min_properties, max_properties; /* -1: no bound */

    /* Of arrays. */
    size_t                      n_prefix;
    const struct schema *const *prefix;
    const struct schema        *items; /* of those behind the prefix; NULL: anything */
    const struct schema        *contains;
    long long                   min_contains, max_contains; /* -1: not given, which means 1 and no bound */
    const struct schema        *unevaluated_items;
    long long                   min_items, max_items; /* -1: no bound */
    bool                        unique_items;

    /* Of strings. */
    long long   min_length, max_length; /* code points; -1: no bound */
    const char *pattern;                /* as it was written, of ECMA-262, not anchored; NULL: none */
    size_t      pattern_len;
    const char *format;                 /* NULL: none */
    void       *pattern_code;           /* the validator's own */

    /* Of numbers: as written, json_digits() has the text; NULL: none.  The tighter of two bounds is the one here. */
    const struct json *minimum, *maximum, *multiple_of;
    bool               exclusive_min, exclusive_max;
};

struct jsonschema;

/* Another document that references may lead to. */
struct jsonschema_document {
    const char *uri; /* absolute, as references to it resolve, without a fragment */
    const char *text;
    size_t      len;
};

struct jsonschema_options {
    const struct jsonschema_document *documents; /* read while compiling only */
    size_t                            n_documents;
    /*
     * Refuse a keyword that no draft has, so that a rule is never silently left out, but for x-* and usual annotations;
     * and compile all patterns at once, so that a bad one is found now.
     */
    bool strict;
};

/*
 * text is the schema's JSON, not kept.  options NULL: all zero.  NULL with CORAX_E_ARGS: 'schema: /properties/x: keyword
 * "foo" is not known', or with CORAX_E_LIMIT.
 */
struct jsonschema *jsonschema_compile(const char *text, size_t len, const struct jsonschema_options *, struct err *)
    __attribute__((warn_unused_result));
void jsonschema_destroy(struct jsonschema *);
const struct schema *jsonschema_root(const struct jsonschema *); /* lives as long as the jsonschema */

/*
 * 0, or -1 with CORAX_E_ARGS and a sentence that a model can act on: 'smiles: is missing; give a string'.  A pattern that
 * is not checked ends it with CORAX_E_ARGS too: one that does not compile, a text of more than SCHEMA_MAX_MATCHED bytes,
 * more than half a second of CPU for all patterns.  CORAX_E_LIMIT when memory runs out, or more than SCHEMA_MAX_STEPS or
 * SCHEMA_MAX_NESTING are needed.  Several threads may validate with one schema.
 */
int jsonschema_validate(const struct jsonschema *, const struct json *value, struct err *);
/* The same with one schema of a graph alone. */
int jsonschema_validate_schema(const struct schema *, const struct json *value, struct err *);

#endif
