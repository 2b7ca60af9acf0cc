/*
 * infer/jinja_tree.h - a template as a tree, with every name bound to its place.
 *
 * One struct serves all nodes; which fields a kind uses is said at the kind.  Lists are chained by `next`.
 *
 * Scopes are Jinja's: the template, a loop's body, a macro, a set, filter, call or with block each have one; if has
 * none.  Which scope a name is of is settled before rendering, by what the whole scope assigns, not by what has been
 * assigned so far; jinja_scope.c does that, and gives each name a slot in its scope's frame.
 */
#ifndef INFER_JINJA_TREE_H
#define INFER_JINJA_TREE_H

#include "infer/jinja_lexer.h"
#include "infer/jinja_text.h"

enum node_kind {
    /* expressions */
    N_CONST,     /* constant */
    N_NAME,      /* name; up and slot */
    N_TUPLE,     /* a: items */
    N_LIST,      /* a: items */
    N_DICT,      /* a: key, value, key, value... */
    N_NOT,       /* a */
    N_NEGATE,    /* a */
    N_PLUS,      /* a */
    N_BINARY,    /* op, a, b */
    N_CONCAT,    /* a: operands */
    N_AND,       /* a, b */
    N_OR,        /* a, b */
    N_COMPARE,   /* a; b: N_OPERANDs */
    N_OPERAND,   /* op, a */
    N_CONDITION, /* a if b else c; c may be NULL */
    N_FILTER,    /* name, builtin, a: input (NULL: a block's text), args */
    N_TEST,      /* name, builtin, a, args */
    N_CALL,      /* a, args */
    N_ATTRIBUTE, /* a, name */
    N_ELEMENT,   /* a, b */
    N_SLICE,     /* a; args: three N_ARGUMENTs, whose a may be NULL */
    N_ARGUMENT,  /* op: enum argument_kind, name, a */
    N_NAMESPACE, /* name.constant as a target: up and slot */
    /* statements */
    N_OUTPUT,       /* a */
    N_IF,           /* a, body, b: N_IFs of elif, orelse */
    N_FOR,          /* a: target, b: iterable, c: filter; body, orelse; op: recursive; scope, test_scope, else_scope */
    N_SET,          /* a: target, b: value */
    N_SET_BLOCK,    /* a: target, b: filters or NULL, body, scope */
    N_MACRO,        /* name (its up and slot), args: N_ARGUMENTs with defaults, body, scope, uses */
    N_CALL_BLOCK,   /* b: N_CALL, the rest as of N_MACRO */
    N_FILTER_BLOCK, /* b: filters, body, scope */
    N_WITH,         /* args: N_SETs, body, scope */
    N_GENERATION,   /* body, scope */
    N_BREAK,
    N_CONTINUE
};

enum operator { O_ADD, O_SUB, O_MUL, O_DIV, O_FLOORDIV, O_MOD, O_POW, O_EQ, O_NE, O_LT, O_LE, O_GT, O_GE, O_IN, O_NOT_IN };

enum argument_kind { ARG_PLAIN, ARG_NAMED, ARG_LIST /* *a */, ARG_DICT /* **a */ };

enum uses { USES_CALLER = 1, USES_KWARGS = 2, USES_VARARGS = 4 }; /* names that a macro's body has */

struct node {
    uint8_t kind, op, uses;
    uint16_t depth; /* how deep the tree is below */
    uint32_t line;
    unsigned up, slot; /* frames outwards from the current one, and which slot there */
    struct node *next;
    struct node *a, *b, *c, *args;
    struct node *body, *orelse;
    const struct text *name;
    struct value constant;
    const struct builtin *builtin;
    struct scope *scope, *test_scope, *else_scope;
};

/* What a slot holds when its scope is entered. */
enum load { LOAD_PARAMETER, LOAD_GLOBAL, LOAD_OUTER, LOAD_NOTHING };

struct symbol {
    const struct text *name;
    enum load load;
    unsigned up, slot; /* of LOAD_OUTER: where the value is */
    bool stored;
};

struct scope {
    struct scope *parent;
    struct symbol *symbols;
    unsigned n, cap;
    bool in_loop, soft; /* while names are bound: break may stand here; inside if or a conditional */
};

struct tree {
    struct node *body;
    struct scope *scope;
    bool has_generation;
};

int tree_parse(struct render *, const struct tokens_of *, struct tree *out);
int tree_bind(struct render *, struct tree *);

/* --- between the parser's files ------------------------------------------------------------------------------------- */

struct parser {
    struct render *r;
    const struct token *at;
    unsigned nesting;
    unsigned n_caller, n_kwargs, n_varargs; /* names of these read so far */
    unsigned n_loop_stores;                 /* "loop" as a target so far */
    bool has_generation;
};

struct node *node_new(struct parser *, enum node_kind); /* NULL after a failure */
void node_append(struct node ***tail, struct node *);
int parse_fail(struct parser *, const char *what); /* names what stands there */
bool parse_is_op(const struct parser *, unsigned op);
bool parse_is_name(const struct parser *, const char *name);
bool parse_skip_op(struct parser *, unsigned op);
bool parse_skip_name(struct parser *, const char *name);
int parse_expect_op(struct parser *, unsigned op);
int parse_enter(struct parser *); /* one level deeper; parse_leave after it */
void parse_leave(struct parser *);

/* An expression; with_condition: "a if b else c" may be one. */
struct node *parse_expression(struct parser *, bool with_condition);
/* The same, or several with commas: a tuple.  end: a name that ends it, or NULL. */
struct node *parse_tuple(struct parser *, bool with_condition, const char *end, bool in_parentheses);
/* What is assigned to.  Flags of what it may be. */
enum target { TARGET_NAME = 0, TARGET_TUPLE = 1, TARGET_NAMESPACE = 2 };
struct node *parse_target(struct parser *, int flags, const char *end);
struct node *parse_filters(struct parser *, struct node *input, bool without_bar);

#endif
