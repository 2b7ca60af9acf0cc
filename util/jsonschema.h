/*
 * util/jsonschema.h - does a JSON value match a schema?
 *
 * A subset of JSON Schema 2020-12: type (also a list), enum, const, properties, required, additionalProperties (true,
 * false or a schema), items, minItems, maxItems, minLength, maxLength (in code points), pattern (PCRE2, unanchored),
 * minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, and the annotations title, description, default,
 * examples, deprecated, format, $schema, $id, $comment and x-*.  Any other keyword is an error when the schema is
 * compiled, so that a rule is never silently left out; the caller then disables the one tool that the schema belongs to.
 *
 * The compiled tree is public (read-only) since the inference core walks the same tree to constrain decoding.
 */
#ifndef UTIL_JSONSCHEMA_H
#define UTIL_JSONSCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"
#include "util/json.h"

#define SCHEMA_MAX_MATCHED 16384 /* bytes of a text that has a pattern: a careless pattern's time grows with the square */

enum { SCHEMA_NULL = 1, SCHEMA_BOOL = 2, SCHEMA_INTEGER = 4, SCHEMA_NUMBER = 8, SCHEMA_STRING = 16, SCHEMA_ARRAY = 32,
       SCHEMA_OBJECT = 64, SCHEMA_ANY = 127 };

struct schema_property {
    const char          *name;
    const struct schema *schema;
    bool                 required;
};

struct schema {
    unsigned types;                          /* SCHEMA_* bits that are allowed; NUMBER includes integers; 0: no value */
    size_t n_properties;                     /* in the order of the schema's text, then those only named by required */
    const struct schema_property *properties;
    bool additional;                         /* may an object have other members? */
    const struct schema *additional_schema;  /* which they must match; NULL: anything */
    const struct schema *items;              /* NULL: anything */
    long long min_items, max_items, min_length, max_length; /* -1: no bound */
    bool has_min, has_max, exclusive_min, exclusive_max;
    double min, max, multiple_of;            /* multiple_of 0: none */
    size_t n_enum;                           /* values of enum or const that also match the rest; 0: no list */
    const char *const *enum_json;            /* each as JSON text without white space */
    const char *pattern;                     /* NULL: none */
    void *pattern_code;                      /* pcre2_code, jsonschema.c's own */
};

struct jsonschema;

/* text is the schema's JSON.  NULL with CORAX_E_ARGS: 'schema: /properties/x: keyword "$ref" is not supported'. */
struct jsonschema *jsonschema_compile(const char *text, size_t len, struct err *) __attribute__((warn_unused_result));
void jsonschema_destroy(struct jsonschema *);
const struct schema *jsonschema_root(const struct jsonschema *);

/*
 * 0, or -1 with CORAX_E_ARGS and a sentence that a model can act on: 'smiles: is missing; give a string'.  A text of more
 * than SCHEMA_MAX_MATCHED bytes does not match any pattern, and half a second of CPU goes into patterns at most.
 * CORAX_E_LIMIT when memory runs out.
 */
int jsonschema_validate(const struct jsonschema *, const struct json *value, struct err *);

#endif
