/*
 * infer/shape.h - what a set of schemas allows together, sorted by the kind of value.
 *
 * A *conjunction* is a set of schemas, each as it is or negated, that all hold for one value; it is known by a number.  It
 * is expanded when a value is first looked at: into the texts of its strings, the texts of its numbers and literals, and
 * lists of shapes for objects and arrays, one of which an object or array must have.  A shape's members are conjunctions
 * again, so that allOf, $ref and negation are gone once a value is expanded, and recursion costs nothing.
 *
 * Everything that expands to something can be completed: alternatives that no value can fulfil are left out.
 */
#ifndef INFER_SHAPE_H
#define INFER_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/regex.h"
#include "util/err.h"
#include "util/jsonschema.h"

typedef uint32_t conj;

#define CONJ_ANYTHING ((conj)0) /* no schema: every value */
#define CONJ_NOTHING  ((conj)1)

#define SHAPE_MAX_ALTERNATIVES 2048 /* ways to fulfil one conjunction; real schemas have a few dozen */
#define SHAPE_MAX_CONJS        20000
#define SHAPE_MAX_PATTERNS     6    /* patterns of names that may overlap in one object */

struct shape_name {
    const char *text;
    size_t      len;
    conj        value;    /* CONJ_NOTHING: must not be there */
    uint32_t    order;    /* place among the names in the order of the schemas */
    bool        required;
    unsigned    needs;    /* bit i: the name is one of needs[i] */
};

/*
 * Names that are none of an object's own, sorted by which patterns they match.  Where there are few, the object's own are taken
 * out of the language; where there is no end of them, whoever reads a name holds it against those when it ends.
 */
struct shape_names {
    regex    names;
    bool     few;
    conj     value;
    unsigned needs; /* bit i: its names are those of needs[i] */
};

struct shape_dependency { /* where the name is there, the others are required */
    uint32_t        name;
    const uint32_t *required;
    size_t          n_required;
};

#define SHAPE_MAX_NEEDS 3

/* At least one member, of those whose names are in it, has this value: what is left of a negated rule on all members. */
struct shape_need {
    regex names;
    conj  value;
};

struct object_shape {
    size_t                         n_names;      /* sorted by bytes */
    const struct shape_name       *names;
    const uint32_t                *by_order;     /* [n_names] */
    size_t                         n_classes;
    const struct shape_names      *classes;
    size_t                         n_dependencies;
    const struct shape_dependency *dependencies;
    size_t                         n_required, n_needs;
    struct shape_need              needs[SHAPE_MAX_NEEDS]; /* a class has all of its names in one, or none */
    int64_t                        min, max;     /* members; max -1: no bound */
};

#define SHAPE_MAX_CONTAINS 2

struct shape_contains {
    conj    value, other;  /* an element that counts; one that does not (differs from the items only if max counts) */
    int64_t min, max;      /* max -1: no bound */
    uint64_t at;           /* bit i: an element of the prefix can be one; of those behind the 64th, and of the items: */
    bool    in_items;
};

struct array_shape {
    size_t                       n_prefix;
    const conj                  *prefix;
    conj                         items;      /* of those behind; CONJ_NOTHING: there are none */
    int64_t                      min, max;   /* elements; max -1: no bound */
    size_t                       n_contains;
    struct shape_contains        contains[SHAPE_MAX_CONTAINS];
    bool                         unique;
};

struct value_shape {
    regex                             strings;  /* the text of a string, without quotes and escapes */
    regex                             scalars;  /* numbers, true, false and null, as they are written */
    size_t                            n_objects, n_arrays;
    const struct object_shape *const *objects;
    const struct array_shape *const  *arrays;
};

struct shapes;

struct shape_options {
    bool lenient; /* what cannot be held is left out, with a warning each */
    bool short_numbers; /* at most 15 digits before and behind the point: what whoever reads them can hold */
    void (*warn)(void *arg, const char *message);
    void *arg;
};

/* The regular languages and the schemas are borrowed as long as it lives.  NULL with CORAX_E_LIMIT. */
struct shapes *shapes_create(struct regexes *, const struct shape_options *, struct err *)
    __attribute__((warn_unused_result));
void shapes_destroy(struct shapes *);

conj shapes_schema(struct shapes *, const struct schema *); /* NULL: anything */
conj shapes_object(struct shapes *, bool members); /* any object, or the one without members */
/* The conjunction of both.  CONJ_NOTHING when there is no room: see shapes_error(). */
conj shapes_both(struct shapes *, conj, conj);
/*
 * NULL when something of it cannot be held while decoding: shapes_error() says what and where.  Expanded once; valid as
 * long as the shapes live.
 */
const struct value_shape *shapes_expand(struct shapes *, conj);
/* Is there a value?  false, too, when it cannot be expanded. */
bool shapes_satisfiable(struct shapes *, conj);
/* The first error: CORAX_E_ARGS ("/properties/x: uniqueItems of objects cannot be held while decoding") or CORAX_E_LIMIT. */
const struct err *shapes_error(const struct shapes *);
void shapes_forget_error(struct shapes *); /* goes on without what could not be held */
/* Expands whatever can be reached, so that an error shows now and not in the middle of a reply.  0 or -1. */
int shapes_expand_all(struct shapes *, conj root, struct err *);

#endif
