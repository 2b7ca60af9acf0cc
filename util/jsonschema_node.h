/*
 * util/jsonschema_node.h - what the files of util/jsonschema*.c share and the public graph leaves out.
 */
#ifndef UTIL_JSONSCHEMA_NODE_H
#define UTIL_JSONSCHEMA_NODE_H

#include <stdint.h>

#include "util/arena.h"
#include "util/jsonschema.h"

#define SCHEMA_SHOWN_PATH  100 /* bytes of a path in a message */
#define SCHEMA_SHOWN_VALUE 40  /* bytes of a value or a name in a message */

/* Drafts, one bit each.  MIXED: $schema names none that we know; 2020-12 and whatever does not contradict it. */
enum { DRAFT_4 = 1, DRAFT_6 = 2, DRAFT_7 = 4, DRAFT_2019 = 8, DRAFT_2020 = 16, DRAFT_MIXED = 32, DRAFT_ALL = 63 };

/* Vocabularies of 2019-09 and 2020-12 that a metaschema may leave out; all other keywords are always there. */
enum { VOCABULARY_CORE = 0, VOCABULARY_APPLICATOR = 1, VOCABULARY_UNEVALUATED = 2, VOCABULARY_VALIDATION = 4,
       VOCABULARY_ALL = 7 };

/* A $dynamicAnchor; the name of $recursiveAnchor is "". */
struct dynamic_anchor {
    const char            *name;
    const struct node     *node;
    struct dynamic_anchor *next;
};

/* A schema with a URI of its own: the root of a document, or one with $id. */
struct resource {
    const char            *uri; /* "" when nobody named it */
    const struct json     *json;
    unsigned               draft, vocabularies;
    struct dynamic_anchor *anchors;
};

/* The values of an enum as canonical texts, sorted; one allocation. */
struct enum_index {
    size_t      n;
    const char *texts[];
};

/* Every `const struct schema *` of the graph is the first member of one. */
struct node {
    struct schema          schema;
    const struct json     *json; /* NULL: stands for a second reference of another */
    const struct resource *resource;
    struct node           *second; /* of two references */
    bool                   has_reference;
    uint32_t               mark;    /* of a walk along references */
    const char            *anchor;  /* its own $dynamicAnchor, or "" for $recursiveAnchor; NULL: none */
    const char            *dynamic; /* the anchor that $dynamicRef looks for; NULL: none */
    const struct schema_member **sorted; /* properties by name; NULL: few */
    size_t                 n_required;
    struct enum_index     *index; /* made when it is first needed */
    struct node           *next;
};

struct document {
    struct json     *json;
    struct document *next;
};

struct jsonschema {
    struct arena    *arena;
    struct document *documents;
    struct node     *root, *nodes;
};

static inline const struct node *schema_node(const struct schema *s)
{
    return (const struct node *)s;
}

/* NULL: not named, neither by properties nor by required. */
const struct schema_member *schema_find_member(const struct node *, const char *name);

/* ---- compiling: jsonschema.c, _members.c, _ref.c ------------------------------------------------------------------- */

/* From texts or from addresses to nodes. */
struct table {
    struct slot {
        const void  *key;
        uint64_t     hash;
        struct node *node;
    } *slots;
    size_t n, cap;
};

/* A $ref that waits until all that it may lead to is known. */
struct reference {
    struct node      *node;
    const char       *text;
    bool              dynamic;
    struct reference *next;
};

struct compiler {
    struct jsonschema               *js;
    const struct jsonschema_options *options;
    struct err                      *err;
    struct table                     by_json, by_uri; /* "http://x/y", "http://x/y#anchor" */
    struct reference                *references;
    const char                      *dialect_uri; /* of a metaschema that was read last, and what it said */
    struct resource                  dialect;
    size_t                           n_looked; /* members, to follow pointers */
    size_t                           n_schemas;
};

/* All return -1.  place is a JSON Pointer. */
int schema_fail(struct compiler *, const char *place, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int schema_fail_memory(struct err *);

int schema_fail_type(struct compiler *, const struct node *, const char *key, const char *what); /* "KEY is not WHAT" */
void *schema_allocate(struct compiler *, size_t n, size_t size); /* zeroed; NULL with the error */

/*
 * The node of a schema, made at the first call for it; NULL with the error.  resource is the one around it, NULL for the
 * root of a document whose URI is `uri`.
 */
struct node *schema_compile_node(struct compiler *, const struct json *, const struct resource *, const char *uri,
                                 const char *pointer);
/* That of a schema in `node`, at /key, /key/name or /key/index; name NULL and index SIZE_MAX: none. */
struct node *schema_compile_below(struct compiler *, struct node *, const char *key, const char *name, size_t index,
                                  const struct json *);
struct node *schema_new_node(struct compiler *, const struct json *, const char *pointer);

/* Keywords of objects: jsonschema_members.c. */
int schema_compile_properties(struct compiler *, struct node *, const char *key, const struct json *);
int schema_compile_patterns(struct compiler *, struct node *, const char *key, const struct json *);
int schema_compile_depends(struct compiler *, struct node *, const char *key, const struct json *);
/* Only looks: schema_finish_members() needs the properties, which may stand behind. */
int schema_check_required(struct compiler *, struct node *, const char *key, const struct json *);
int schema_finish_members(struct compiler *, struct node *, const struct json *required);

/* Reads $schema, $id, $anchor and the like: sets the node's resource.  -1 with the error. */
int schema_identify(struct compiler *, struct node *, const struct resource *around, const char *uri);
/* Makes "/$defs/x" of the resource known, where the node is its root. */
int schema_name_definition(struct compiler *, const struct node *root, const char *keyword, const char *name,
                           struct node *);
int schema_add_reference(struct compiler *, struct node *, const char *text, bool dynamic);
/* Follows all that wait, and those that this brings; last, since a reference may lead anywhere. */
int schema_resolve_references(struct compiler *);
/* Does anything beside $ref count? */
bool schema_ref_stands_alone(const struct node *);

struct node *table_find(const struct table *, const void *key, bool is_text);
/* The first of two equal keys stays.  false: out of memory. */
bool table_add(struct table *, const void *key, bool is_text, struct node *);

/* The text of a metaschema that we know; NULL: none. */
const char *metaschema_find(const char *uri);

/* ---- patterns: jsonschema_pattern.c ----------------------------------------------------------------------------- */

/* PCRE2's code for a pattern of ECMA-262, or NULL with what is wrong in why ("" when memory ran out). */
void *pattern_compile(const char *pattern, size_t len, char *why, size_t why_size);
void pattern_free(void *code);

/* The state of all matches of one validation; zero at first. */
struct pattern_budget {
    void *match, *context;
    long  spent_ns;
};

enum pattern_result { PATTERN_MATCHES, PATTERN_FAILS, PATTERN_TOO_LONG, PATTERN_SLOW, PATTERN_SPENT, PATTERN_NO_MEMORY };
enum pattern_result pattern_match(struct pattern_budget *, void *code, const char *text, size_t len);
void pattern_budget_finish(struct pattern_budget *);

/* ---- messages: jsonschema_message.c ----------------------------------------------------------------------------- */

/* Where in the value we are; a chain of these lives on the stack and becomes text only when something is wrong. */
struct place {
    const struct place *up;
    const char         *key; /* NULL: index counts */
    size_t              index;
};

/* A piece of a message, by value. */
struct shown {
    char text[200];
    bool full; /* a list that ended in "..." */
};

/* Into out, which is SCHEMA_SHOWN_PATH + 1 bytes: "filters.items[3]", cut if it is longer. */
void place_write(const struct place *, char *out);
struct shown show_value(const struct json *);
/* What would be accepted: "a string or null", "one of "a", "b"". */
struct shown show_wanted(const struct schema *);
void shown_add(struct shown *, const char *separator, const char *item);

#endif
