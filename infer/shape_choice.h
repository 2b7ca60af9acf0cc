/* infer/shape_choice.h - inside of shape: one way to fulfil a conjunction, while it is being worked out. */
#ifndef INFER_SHAPE_CHOICE_H
#define INFER_SHAPE_CHOICE_H

#include "infer/shape_layer.h"

enum {
    KIND_NULL = 1, KIND_TRUE = 2, KIND_FALSE = 4, KIND_INTEGER = 8, KIND_NUMBER = 16, /* NUMBER: what is no integer */
    KIND_STRING = 32, KIND_ARRAY = 64, KIND_OBJECT = 128, KIND_ALL = 255
};

struct part_list {
    struct part             part;
    const struct part_list *next;
};

struct scope { /* a schema with unevaluated* */
    uint32_t             number, outer;
    const struct schema *schema;
    const struct scope  *next;
};

struct choice {
    unsigned                   kinds;
    regex                      strings, numbers;
    bool                       has_numbers, whole; /* whole: numbers holds integers only */
    const struct object_layer *objects;
    const struct array_layer  *arrays;
    const struct part_list    *todo, *negated, *done; /* negated: to do when nothing else is, when few kinds are left */
    const struct scope        *scopes;
};

struct expansion {
    struct shapes      *shapes;
    struct value_shape *value;
    const char         *place;
    unsigned            depth, n_alternatives;
    bool                any_object, any_array;
};

unsigned kinds_of_types(unsigned types);
void choice_add(struct shapes *, struct choice *, const struct part *, uint32_t scope);
void choice_add_schema(struct shapes *, struct choice *, const struct schema *, bool negative, uint32_t scope);
/* NULL: out of memory; the choice has no kinds then. */
struct object_layer *choice_add_object(struct shapes *, struct choice *, size_t n_members, uint32_t scope);
struct array_layer *choice_add_array(struct shapes *, struct choice *, size_t n_prefix, uint32_t scope);
void choice_meet_strings(struct shapes *, struct choice *, regex);
void choice_meet_numbers(struct shapes *, struct choice *, regex, bool whole);
/* What cannot be held: an error, or a warning (then 0) when lenient. */
int shapes_refuse(struct shapes *, const struct schema *, const char *what);

/* Is there a value, as far as can be told while others are being expanded?  false is sure. */
bool shapes_may_meet(struct shapes *, conj);
/* Goes on with a choice until its end. */
void choice_run(struct expansion *, struct choice);
/* Lays one part on the choice; true: it split, and its alternatives have been run. */
bool choice_apply(struct expansion *, struct choice *, const struct part *);
/* In shape_negate.c: a schema that must not hold, a value that it must not be. */
bool choice_negate(struct expansion *, struct choice *, const struct part *);
/* In shape_apply.c, for both. */
int shapes_number(struct shapes *, const struct schema *, regex *, bool *whole);
regex shapes_value_text(struct shapes *, const struct json *); /* a scalar's: the text of a string, or as it is written */
unsigned kind_of_value(const struct json *);

#endif
