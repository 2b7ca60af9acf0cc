/*
 * infer/jinja_value.h - the values of a template, and what holds them while it is rendered.
 *
 * Values are Python's, as far as templates see them.  All but namespaces, cyclers and iterators are immutable once made.
 * They live in the render's arena and are freed with it.  A value knows if it is data (see jinja.h): a text does so
 * byte by byte, the others as a whole.
 *
 * Every function that can fail returns -1 after render_fail; predicates that can fail return 1, 0 or -1.
 */
#ifndef INFER_JINJA_VALUE_H
#define INFER_JINJA_VALUE_H

#include "infer/jinja.h"

#include <stdint.h>

#include "util/arena.h"

enum value_kind {
    V_MISSING, /* no value at all: a parameter that was not given; templates never see it */
    V_UNDEFINED,
    V_NONE,
    V_BOOL,
    V_INT,
    V_BIG, /* an integer of the data beyond 64 bits: its digits are all there is */
    V_FLOAT,
    V_STRING,
    V_LIST,
    V_TUPLE,
    V_DICT,
    V_RANGE,
    V_VIEW, /* of a dict: keys(), values(), items() */
    V_ITERATOR,
    V_NAMESPACE,
    V_MACRO,
    V_FUNCTION,
    V_METHOD,
    V_LOOP,
    V_CYCLER,
    V_JOINER
};

struct value {
    uint8_t kind;
    bool data;
    union {
        bool b;
        int64_t i;
        double f;
        const struct text *text; /* V_STRING, V_BIG */
        const struct list *list; /* V_LIST, V_TUPLE */
        struct dict *dict;       /* V_DICT, V_NAMESPACE */
        const struct range *range;
        const struct view *view;
        struct iterator *iterator;
        const struct undefined *undefined; /* may be NULL */
        const struct macro *macro;
        const struct builtin *function;
        const struct method *method;
        struct loop *loop;
        struct cycler *cycler;
    };
};

/* Where a text's bytes came from. */
enum origin { ORIGIN_TEMPLATE, ORIGIN_DATA, ORIGIN_MIXED };

struct text {
    const char *s; /* valid UTF-8, not NUL-terminated */
    size_t len, n_chars;
    const struct jinja_span *spans; /* of ORIGIN_MIXED: what is data */
    size_t n_spans;
    uint8_t origin;
    bool safe; /* Markup: marked as HTML, so that what is added to it is escaped */
};

struct list {
    const struct value *items;
    size_t n;
    bool is_group; /* a tuple of groupby: also has the names grouper and list */
};

struct dict {
    struct value *keys, *values; /* in order of insertion */
    size_t n, cap;
    uint32_t *slots; /* index + 1 by hash, n_slots a power of two; NULL while there are few keys */
    size_t n_slots;
};

struct range {
    int64_t start, stop, step;
    size_t n;
};

enum view_kind { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS };

struct view {
    const struct dict *dict;
    enum view_kind kind;
    bool data;
};

struct undefined {
    const char *why; /* the message of the error that using it is */
};

struct method {
    struct value self;
    const struct builtin *builtin;
};

struct cycler {
    struct value items; /* V_TUPLE, or for a joiner the separator */
    size_t at;
};

/* Arguments of a call, as the template gives them. */
struct arguments {
    const struct value *items;
    size_t n;
    const struct text *const *names; /* of the named ones */
    const struct value *named;
    size_t n_named;
};

#define MAX_BOUND 6 /* parameters of any builtin */

struct call {
    const struct arguments *given;
    struct value arg[MAX_BOUND]; /* by parameter, V_MISSING where not given */
};

struct render;

/*
 * Something built in: a filter (self is its input), a method (self is its object), a function (self is NULL) or a test,
 * which makes a bool.
 */
struct builtin {
    const char *name;
    const char *parameters; /* names, separated by spaces; NULL: takes anything, by call->given.  '/': those before are not named */
    unsigned n_required;
    int (*run)(struct render *, const struct value *self, const struct call *, struct value *out);
};

struct builder;

struct render {
    const struct jinja_options *options;
    struct err *err;
    struct arena *arena;
    struct dict *globals;
    struct builder *out; /* the result itself, told from the texts that macros and set blocks build */
    size_t n_steps, max_steps, max_output;
    unsigned depth, max_depth, line;
    bool raised;
    struct jinja_span *generated;
    size_t n_generated, cap_generated;
};

int render_fail(struct render *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int render_limit(struct render *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int render_steps(struct render *, size_t n);
void *render_alloc(struct render *, size_t n, size_t size); /* NULL after render_limit */

/* --- making values -------------------------------------------------------------------------------------------------- */

struct value value_none(void);
struct value value_missing(void);
struct value value_bool(bool);
struct value value_int(int64_t);
struct value value_float(double);
struct value value_undefined(void);
struct value value_string(const struct text *);
struct value value_list(const struct list *);
struct value value_tuple(const struct list *);
int value_literal(struct render *, const char *s, struct value *out); /* a constant of ours: borrowed */
/* why: printf; kept with the value, for the error that its use is. */
int value_undefine(struct render *, struct value *out, const char *why, ...) __attribute__((format(printf, 3, 4)));
int value_from_json(struct render *, const struct json *, bool data, struct value *out);
int list_value(struct render *, const struct value *items, size_t n, enum value_kind, struct value *out); /* copies */
int pair_value(struct render *, const struct value *a, const struct value *b, struct value *out);

/* --- what values are ------------------------------------------------------------------------------------------------ */

const char *value_type(const struct value *); /* Python's name of the type */
bool value_is_number(const struct value *);   /* bool, int, float */
bool value_is_whole(const struct value *);    /* bool, int */
int64_t value_whole(const struct value *);    /* of a whole one */
double value_double(const struct value *);    /* of a number */
bool value_is_string(const struct value *, const char *s);
bool value_is_iterable(const struct value *);
int value_truth(struct render *, const struct value *);
int value_length(struct render *, const struct value *, size_t *out); /* len(): fails for what has none */
bool value_has_length(const struct value *);
bool value_same(const struct value *, const struct value *);          /* Python's is */
int value_equal(struct render *, const struct value *, const struct value *);
/* out: negative, 0, positive.  Fails for what Python does not order.  op: how the error names the operator. */
int value_compare(struct render *, const struct value *, const struct value *, const char *op, int *out);
int value_contains(struct render *, const struct value *container, const struct value *item);
int value_hash(struct render *, const struct value *, uint64_t *out); /* fails for what cannot be a key */
bool value_hashable(const struct value *);

struct dict *dict_create(struct render *, size_t n); /* room for n to begin with; NULL after a failure */
int dict_set(struct render *, struct dict *, const struct value *key, const struct value *);
/* 1 and *out, 0, or -1: the key cannot be one. */
int dict_get(struct render *, const struct dict *, const struct value *key, struct value *out);
const struct value *dict_find(const struct dict *, const char *s, size_t len); /* a string key; NULL: none */

/* --- arithmetic (jinja_number.c) ------------------------------------------------------------------------------------ */

int number_binary(struct render *, int op, const struct value *, const struct value *, struct value *out); /* enum operator */
int number_negate(struct render *, const struct value *, struct value *out);
int number_round(struct render *, const struct value *, int64_t digits, struct value *out);
#define FLOAT_TEXT 32
size_t float_repr(double, char out[FLOAT_TEXT]); /* as Python's repr; its length */
bool float_parse(const struct text *, double *out); /* Python's float(str) */
/* Python's int(str, base): 1, 0: not a number, -1: more than 64 bits. */
int int_parse(const struct text *, int base, int64_t *out);

/* --- printing (jinja_print.c) --------------------------------------------------------------------------------------- */

int value_text(struct render *, const struct value *, const struct text **out); /* str() */
int value_print(struct render *, struct builder *, const struct value *);       /* the same, into a text */
int value_repr(struct render *, struct builder *, const struct value *);

struct json_style {
    bool ascii, sort, has_indent;
    const struct text *indent, *comma, *colon; /* what each level adds; NULL: none */
};
int value_json(struct render *, struct builder *, const struct value *, const struct json_style *);

/* --- iteration (jinja_iterate.c) ------------------------------------------------------------------------------------ */

struct iterator {
    int (*next)(struct render *, struct iterator *, struct value *out); /* 1: an item, 0: the end, -1 */
    struct value source;
    const char *type; /* Python's name */
    size_t at;
    bool done;
    struct iterator *from; /* what it takes items from */
    void *state;
};

int iterate(struct render *, const struct value *, struct iterator *out); /* fails for what cannot be iterated over */
int iterator_next(struct render *, struct iterator *, struct value *out);
int iterator_collect(struct render *, struct iterator *, const struct list **out); /* all that is left */
int value_items(struct render *, const struct value *, const struct list **out);   /* list(value) */
int iterator_reversed(struct render *, const struct value *, struct iterator *out); /* reversed(value) */
int iterator_value(struct render *, const struct iterator *, struct value *out);    /* copies it */

struct sort_order {
    int (*key)(struct render *, void *state, const struct value *item, struct value *out); /* NULL: the items themselves */
    void *state;
    bool reverse;
};
int list_sort(struct render *, const struct list *, const struct sort_order *, const struct list **out);

/* --- attributes and elements (jinja_attribute.c) -------------------------------------------------------------------- */

int value_attribute(struct render *, const struct value *, const struct text *name, struct value *out); /* a.name */
int value_element(struct render *, const struct value *, const struct value *key, struct value *out);   /* a[key] */
/* The attribute alone, without falling back to an element: 1, 0: there is none, -1. */
int value_own_attribute(struct render *, const struct value *, const struct text *name, struct value *out);
int value_slice(struct render *, const struct value *, const struct value part[3], struct value *out); /* a[b:c:d] */

/* --- calls ---------------------------------------------------------------------------------------------------------- */

/* Sorts what is given into what the builtin has as parameters, and runs it. */
int builtin_call(struct render *, const struct builtin *, const struct value *self, const struct arguments *,
                 struct value *out);
int value_call(struct render *, const struct value *callee, const struct arguments *, struct value *out);
const struct builtin *builtin_find(const struct builtin *list, size_t n, const char *name, size_t len);

const struct builtin *filter_find(const char *name, size_t len);
const struct builtin *test_find(const char *name, size_t len);
const struct builtin *function_find(const char *name, size_t len); /* a global */
const struct builtin *string_method_find(const char *name, size_t len);
const struct builtin *list_method_find(const char *name, size_t len);
const struct builtin *dict_method_find(const char *name, size_t len);
const struct builtin *loop_method_find(const char *name, size_t len);
const struct builtin *cycler_method_find(const char *name, size_t len);

/* Reading bound arguments: `otherwise` where one is missing. */
int argument_bool(struct render *, const struct value *, bool otherwise);
int argument_int(struct render *, const struct value *, int64_t otherwise, const char *what, int64_t *out);
int argument_text(struct render *, const struct value *, const char *what, const struct text **out); /* a str it must be */

/* printf-style and str.format (jinja_format.c) */
int format_percent(struct render *, const struct text *format, const struct value *args, struct value *out);
int format_braces(struct render *, const struct text *format, const struct arguments *, struct value *out);

/* A key by attribute as filters take it: "a.b.0" or an index. */
int attribute_path(struct render *, const struct value *path, const struct value *item, const struct value *otherwise,
                   struct value *out);

#endif
