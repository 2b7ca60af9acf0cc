/*
 * infer/shape_layer.h - inside of shape: one schema's say on objects and arrays, before those of a conjunction are laid
 * over each other.
 */
#ifndef INFER_SHAPE_LAYER_H
#define INFER_SHAPE_LAYER_H

#include "infer/intern.h"
#include "infer/shape.h"
#include "util/arena.h"

/* One thing that holds for a value. */
struct part {
    enum { PART_SCHEMA, PART_VALUE, PART_NOTHING } kind; /* a schema; exactly this JSON value; what no value fulfils */
    const void *of;   /* struct schema or struct json */
    bool        negative;
    uint32_t    scope; /* while expanding: the schema with unevaluated* under which it was found; 0: none */
};

struct layer_member {
    const char *name;
    size_t      len;
    bool        has_value, required;
    struct part value;
};

struct layer_pattern {
    regex       names;
    struct part value;
};

struct layer_depends {
    const char        *name;
    size_t             n_required;
    const char *const *required;
};

struct layer_need { /* some member whose name is one of these has this value */
    regex       names;
    struct part value;
};

struct object_layer {
    const struct object_layer *next;
    uint32_t                   scope;
    size_t                     n_members, n_patterns, n_depends;
    struct layer_member       *members;
    struct layer_pattern      *patterns;
    struct layer_depends      *depends;
    bool                       has_extra, has_names, is_evaluation; /* is_evaluation: made from unevaluatedProperties */
    struct part                extra, names; /* value of other members; what their names must be */
    struct layer_need         *need;     /* NULL: none */
    int64_t                    min, max;
};

struct array_layer {
    const struct array_layer *next;
    uint32_t                  scope;
    size_t                    n_prefix;
    struct part              *prefix;
    bool                      has_items, has_contains, unique, is_evaluation;
    struct part               items, contains;
    int64_t                   min, max, min_contains, max_contains;
};

struct shapes {
    struct regexes      *regexes;
    struct shape_options options;
    struct arena        *arena;
    struct intern        conjs; /* as lists of part numbers, sorted */
    struct intern        parts; /* kind and negation, pointer in two words */
    const struct value_shape **expanded; /* [conjs_cap]; NULL: not yet */
    uint8_t             *states;         /* [conjs_cap], enum conj_state */
    size_t               conjs_cap;
    unsigned             depth;
    unsigned             nesting;        /* of expansions that wait for others */
    unsigned             n_choices;      /* that were gone through so far */
    bool                 assumed;        /* a search for a value met one that is still being searched, or expanded */
    struct err           err;
    bool                 failed;
    regex                character, number, integer; /* the numbers as short as the options say */
};

extern const struct schema shape_no_rules;

conj shapes_part(struct shapes *, const struct part *);
void *shapes_alloc(struct shapes *, size_t size);
int  shapes_fail(struct shapes *, enum corax_status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* NULL: out of memory, or nothing fulfils them all. */
const struct object_shape *shape_object(struct shapes *, const struct object_layer *);
const struct array_shape *shape_array(struct shapes *, const struct array_layer *);

#endif
