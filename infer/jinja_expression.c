/*
 * The parser's expressions.  From what binds least: conditional, or, and, not, comparisons, + and -, ~, * / // %, **
 * (from the left, as Jinja has it), signs, filters and tests, calls and subscripts.
 */
#include "infer/jinja_lexer.h"
#include "infer/jinja_tree.h"

#include <string.h>

static struct node *parse_primary(struct parser *, int target_flags);
static struct node *parse_unary(struct parser *, bool with_filter);

struct level {
    unsigned token;
    enum operator op;
};

static const struct level sums[] = { { OP('+', 0), O_ADD }, { OP('-', 0), O_SUB } };
static const struct level products[] = { { OP('*', 0), O_MUL },
                                         { OP('/', 0), O_DIV },
                                         { OP('/', '/'), O_FLOORDIV },
                                         { OP('%', 0), O_MOD } };
static const struct level comparisons[] = { { OP('=', '='), O_EQ }, { OP('!', '='), O_NE }, { OP('<', 0), O_LT },
                                            { OP('<', '='), O_LE }, { OP('>', 0), O_GT },   { OP('>', '='), O_GE } };

static const struct level *find_level(const struct parser *p, const struct level *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (parse_is_op(p, list[i].token))
            return &list[i];
    return NULL;
}

/* a op b as a node one deeper than both. */
static struct node *join(struct parser *p, enum node_kind kind, struct node *a, struct node *b)
{
    struct node *n = a && b ? node_new(p, kind) : NULL;

    if (!n)
        return NULL;
    n->a = a;
    n->b = b;
    n->line = a->line;
    n->depth = (uint16_t)(1 + (a->depth > b->depth ? a->depth : b->depth));
    if (n->depth > JINJA_MAX_NESTING * 4) {
        render_limit(p->r, "an expression of more than %d operators in a row", JINJA_MAX_NESTING * 4);
        return NULL;
    }
    return n;
}

static struct node *parse_power(struct parser *p)
{
    struct node *n = parse_unary(p, true);

    while (n && parse_skip_op(p, OP('*', '*'))) {
        n = join(p, N_BINARY, n, parse_unary(p, true));
        if (n)
            n->op = O_POW;
    }
    return n;
}

static struct node *parse_product(struct parser *p)
{
    struct node *n = parse_power(p);
    const struct level *level;

    while (n && (level = find_level(p, products, 4))) {
        p->at++;
        n = join(p, N_BINARY, n, parse_power(p));
        if (n)
            n->op = (uint8_t)level->op;
    }
    return n;
}

static struct node *parse_concat(struct parser *p)
{
    struct node *first = parse_product(p), *n, **tail;

    if (!first || !parse_is_op(p, OP('~', 0)))
        return first;
    n = node_new(p, N_CONCAT);
    if (!n)
        return NULL;
    tail = &n->a;
    node_append(&tail, first);
    while (parse_skip_op(p, OP('~', 0))) {
        struct node *operand = parse_product(p);

        if (!operand)
            return NULL;
        node_append(&tail, operand);
    }
    return n;
}

static struct node *parse_sum(struct parser *p)
{
    struct node *n = parse_concat(p);
    const struct level *level;

    while (n && (level = find_level(p, sums, 2))) {
        p->at++;
        n = join(p, N_BINARY, n, parse_concat(p));
        if (n)
            n->op = (uint8_t)level->op;
    }
    return n;
}

/* The comparison that stands there, skipped; -1: none. */
static int skip_comparison(struct parser *p)
{
    const struct level *level = find_level(p, comparisons, 6);

    if (level) {
        p->at++;
        return (int)level->op;
    }
    if (parse_skip_name(p, "in"))
        return O_IN;
    if (parse_is_name(p, "not") && p->at[1].kind == T_NAME && text_is(p->at[1].text, "in")) {
        p->at += 2;
        return O_NOT_IN;
    }
    return -1;
}

static struct node *parse_comparison(struct parser *p)
{
    struct node *first = parse_sum(p), *n, **tail;
    int op = first ? skip_comparison(p) : -1;

    if (op < 0)
        return first;
    n = node_new(p, N_COMPARE);
    if (!n)
        return NULL;
    n->a = first;
    tail = &n->b;
    for (; op >= 0; op = skip_comparison(p)) {
        struct node *operand = node_new(p, N_OPERAND);

        if (!operand)
            return NULL;
        operand->op = (uint8_t)op;
        operand->a = parse_sum(p);
        if (!operand->a)
            return NULL;
        node_append(&tail, operand);
    }
    return n;
}

static struct node *parse_not(struct parser *p)
{
    struct node *n;

    if (!parse_is_name(p, "not"))
        return parse_comparison(p);
    n = node_new(p, N_NOT);
    p->at++;
    if (!n || parse_enter(p) < 0)
        return NULL;
    n->a = parse_not(p);
    parse_leave(p);
    return n->a ? n : NULL;
}

static struct node *parse_and(struct parser *p)
{
    struct node *n = parse_not(p);

    while (n && parse_skip_name(p, "and"))
        n = join(p, N_AND, n, parse_not(p));
    return n;
}

static struct node *parse_or(struct parser *p)
{
    struct node *n = parse_and(p);

    while (n && parse_skip_name(p, "or"))
        n = join(p, N_OR, n, parse_and(p));
    return n;
}

static struct node *parse_conditional(struct parser *p)
{
    struct node *n = parse_or(p);

    while (n && parse_skip_name(p, "if")) {
        struct node *test = parse_or(p);

        n = join(p, N_CONDITION, n, test);
        if (!n || !parse_skip_name(p, "else"))
            continue;
        n->c = parse_enter(p) < 0 ? NULL : parse_conditional(p);
        if (!n->c)
            return NULL;
        parse_leave(p);
    }
    return n;
}

struct node *parse_expression(struct parser *p, bool with_condition)
{
    struct node *n;

    if (parse_enter(p) < 0)
        return NULL;
    n = with_condition ? parse_conditional(p) : parse_or(p);
    parse_leave(p);
    return n;
}

/* --- tuples and targets --------------------------------------------------------------------------------------------- */

static bool ends_tuple(const struct parser *p, const char *end)
{
    return p->at->kind == T_PRINT_END || p->at->kind == T_BLOCK_END || parse_is_op(p, OP(')', 0)) ||
           (end && parse_is_name(p, end));
}

/* target_flags < 0: expressions. */
static struct node *parse_list_of(struct parser *p, int target_flags, bool with_condition, const char *end,
                                  bool in_parentheses)
{
    struct node *items = NULL, **tail = &items, *n;
    bool is_tuple = false;

    while (!ends_tuple(p, end)) {
        n = target_flags < 0 ? parse_expression(p, with_condition) : parse_primary(p, target_flags);
        if (!n)
            return NULL;
        node_append(&tail, n);
        if (!parse_skip_op(p, OP(',', 0)))
            break;
        is_tuple = true;
    }
    if (items && !is_tuple)
        return items;
    if (!is_tuple && !in_parentheses) {
        parse_fail(p, "an expression is missing");
        return NULL;
    }
    n = node_new(p, N_TUPLE);
    if (n)
        n->a = items;
    return n;
}

struct node *parse_tuple(struct parser *p, bool with_condition, const char *end, bool in_parentheses)
{
    return parse_list_of(p, -1, with_condition, end, in_parentheses);
}

/* Names, tuples of them, and where allowed attributes of namespaces. */
static int check_target(struct parser *p, const struct node *n)
{
    if (n->kind == N_NAME) {
        p->n_loop_stores += text_is(n->name, "loop");
        return 0;
    }
    if (n->kind == N_NAMESPACE)
        return 0;
    if (n->kind != N_TUPLE)
        return render_fail(p->r, "this cannot be assigned to");
    for (n = n->a; n; n = n->next)
        if (check_target(p, n) < 0)
            return -1;
    return 0;
}

struct node *parse_target(struct parser *p, int flags, const char *end)
{
    struct node *n;

    if (!(flags & TARGET_TUPLE) && p->at->kind != T_NAME) {
        parse_fail(p, "a name is missing");
        return NULL;
    }
    n = flags & TARGET_TUPLE ? parse_list_of(p, flags, false, end, false) : parse_primary(p, flags);
    return n && check_target(p, n) == 0 ? n : NULL;
}

/* --- primary expressions -------------------------------------------------------------------------------------------- */

static void count_name(struct parser *p, const struct text *name)
{
    p->n_caller += text_is(name, "caller");
    p->n_kwargs += text_is(name, "kwargs");
    p->n_varargs += text_is(name, "varargs");
}

static bool is_constant(const struct text *name, struct value *out)
{
    if (text_is(name, "true") || text_is(name, "True"))
        *out = value_bool(true);
    else if (text_is(name, "false") || text_is(name, "False"))
        *out = value_bool(false);
    else if (text_is(name, "none") || text_is(name, "None"))
        *out = value_none();
    else
        return false;
    return true;
}

static struct node *parse_name(struct parser *p, int target_flags)
{
    struct node *n = node_new(p, N_NAME);

    if (!n)
        return NULL;
    n->name = p->at++->text;
    if (is_constant(n->name, &n->constant)) {
        n->kind = N_CONST;
    } else if (target_flags > 0 && target_flags & TARGET_NAMESPACE && parse_skip_op(p, OP('.', 0))) {
        if (p->at->kind != T_NAME) {
            parse_fail(p, "a name is missing");
            return NULL;
        }
        n->kind = N_NAMESPACE;
        n->constant = value_string(p->at++->text);
    } else if (target_flags < 0) {
        count_name(p, n->name);
    }
    return n;
}

static struct node *parse_strings(struct parser *p)
{
    struct node *n = node_new(p, N_CONST);
    struct builder b;

    if (!n)
        return NULL;
    n->constant = value_string(p->at++->text);
    if (p->at->kind != T_STRING)
        return n;
    builder_init(&b, p->r);
    builder_text(&b, n->constant.text);
    while (p->at->kind == T_STRING)
        builder_text(&b, p->at++->text);
    return builder_value(&b, false, &n->constant) < 0 ? NULL : n;
}

static struct node *parse_list(struct parser *p)
{
    struct node *n = node_new(p, N_LIST), **tail;

    if (!n)
        return NULL;
    tail = &n->a;
    p->at++;
    while (!parse_is_op(p, OP(']', 0))) {
        struct node *item = parse_expression(p, true);

        if (!item)
            return NULL;
        node_append(&tail, item);
        if (!parse_skip_op(p, OP(',', 0)))
            break;
    }
    return parse_expect_op(p, OP(']', 0)) < 0 ? NULL : n;
}

static struct node *parse_dict(struct parser *p)
{
    struct node *n = node_new(p, N_DICT), **tail;

    if (!n)
        return NULL;
    tail = &n->a;
    p->at++;
    while (!parse_is_op(p, OP('}', 0))) {
        struct node *key = parse_expression(p, true), *item;

        if (!key || parse_expect_op(p, OP(':', 0)) < 0)
            return NULL;
        item = parse_expression(p, true);
        if (!item)
            return NULL;
        node_append(&tail, key);
        node_append(&tail, item);
        if (!parse_skip_op(p, OP(',', 0)))
            break;
    }
    return parse_expect_op(p, OP('}', 0)) < 0 ? NULL : n;
}

static struct node *parse_number(struct parser *p)
{
    struct node *n = node_new(p, N_CONST);

    if (n)
        n->constant = p->at->kind == T_INTEGER ? value_int(p->at->integer) : value_float(p->at->real);
    p->at++;
    return n;
}

static struct node *parse_parentheses(struct parser *p, int target_flags)
{
    struct node *n;

    p->at++;
    if (parse_enter(p) < 0)
        return NULL;
    /* in a target the names stand in the same kind of tuple, but namespaces may not */
    n = target_flags < 0 ? parse_tuple(p, true, NULL, true) : parse_list_of(p, TARGET_NAME, true, NULL, true);
    parse_leave(p);
    return n && parse_expect_op(p, OP(')', 0)) == 0 ? n : NULL;
}

static struct node *parse_primary(struct parser *p, int target_flags)
{
    switch (p->at->kind) {
    case T_NAME:
        return parse_name(p, target_flags);
    case T_STRING:
        return parse_strings(p);
    case T_INTEGER:
    case T_FLOAT:
        return parse_number(p);
    default:
        break;
    }
    if (parse_is_op(p, OP('(', 0)))
        return parse_parentheses(p, target_flags);
    if (parse_is_op(p, OP('[', 0)))
        return parse_list(p);
    if (parse_is_op(p, OP('{', 0)))
        return parse_dict(p);
    parse_fail(p, "unexpected");
    return NULL;
}

/* --- calls, subscripts, filters, tests ------------------------------------------------------------------------------ */

static struct node *argument(struct parser *p, enum argument_kind kind)
{
    struct node *n = node_new(p, N_ARGUMENT);

    if (!n)
        return NULL;
    n->op = (uint8_t)kind;
    if (kind == ARG_NAMED) {
        n->name = p->at->text;
        p->at += 2;
    } else if (kind != ARG_PLAIN) {
        p->at++;
    }
    n->a = parse_expression(p, true);
    return n->a ? n : NULL;
}

/* Plain ones, then *list and named ones, **dict last. */
static int parse_arguments(struct parser *p, struct node **out)
{
    struct node **tail = out, *n;
    bool any[4] = { false };

    p->at++;
    while (!parse_is_op(p, OP(')', 0))) {
        enum argument_kind kind = ARG_PLAIN;

        if (parse_is_op(p, OP('*', 0)))
            kind = ARG_LIST;
        else if (parse_is_op(p, OP('*', '*')))
            kind = ARG_DICT;
        else if (p->at->kind == T_NAME && p->at[1].kind == T_OPERATOR && p->at[1].op == OP('=', 0))
            kind = ARG_NAMED;
        if (any[ARG_DICT] || (kind == ARG_PLAIN && (any[ARG_NAMED] || any[ARG_LIST])) || (kind == ARG_LIST && any[ARG_LIST]))
            return render_fail(p->r, "the arguments of a call are in the wrong order");
        any[kind] = true;
        n = argument(p, kind);
        if (!n)
            return -1;
        node_append(&tail, n);
        if (!parse_skip_op(p, OP(',', 0)))
            break;
    }
    return parse_expect_op(p, OP(')', 0));
}

static struct node *parse_call(struct parser *p, struct node *callee)
{
    struct node *n = node_new(p, N_CALL);

    if (!n || parse_arguments(p, &n->args) < 0)
        return NULL;
    n->a = callee;
    return n;
}

static struct node *empty_part(struct parser *p)
{
    struct node *n = node_new(p, N_ARGUMENT);

    if (n && !parse_is_op(p, OP(':', 0)) && !parse_is_op(p, OP(']', 0)) && !parse_is_op(p, OP(',', 0))) {
        n->a = parse_expression(p, true);
        if (!n->a)
            return NULL;
    }
    return n;
}

static struct node *parse_slice(struct parser *p, struct node *object, struct node *first)
{
    struct node *n = node_new(p, N_SLICE), **tail;

    if (!n)
        return NULL;
    n->a = object;
    tail = &n->args;
    node_append(&tail, first);
    for (int i = 0; i < 2; i++) {
        struct node *part = NULL;

        if (parse_skip_op(p, OP(':', 0)))
            part = empty_part(p);
        else
            part = node_new(p, N_ARGUMENT);
        if (!part)
            return NULL;
        node_append(&tail, part);
    }
    return parse_expect_op(p, OP(']', 0)) < 0 ? NULL : n;
}

/* a[b], a[b, c], a[b:c:d] */
static struct node *parse_brackets(struct parser *p, struct node *object)
{
    struct node *n, *first, **tail, *tuple;

    p->at++;
    first = empty_part(p);
    if (!first)
        return NULL;
    if (parse_is_op(p, OP(':', 0)))
        return parse_slice(p, object, first);
    n = node_new(p, N_ELEMENT);
    if (!n)
        return NULL;
    n->a = object;
    n->b = first->a;
    if (!first->a || parse_is_op(p, OP(',', 0))) {
        tuple = node_new(p, N_TUPLE);
        if (!tuple)
            return NULL;
        tail = &tuple->a;
        if (first->a)
            node_append(&tail, first->a);
        while (parse_skip_op(p, OP(',', 0))) {
            struct node *item = parse_expression(p, true);

            if (!item)
                return NULL;
            node_append(&tail, item);
        }
        n->b = tuple;
    }
    return parse_expect_op(p, OP(']', 0)) < 0 ? NULL : n;
}

static struct node *parse_dot(struct parser *p, struct node *object)
{
    struct node *n = node_new(p, N_ATTRIBUTE);

    p->at++;
    if (!n)
        return NULL;
    n->a = object;
    if (p->at->kind == T_NAME) {
        n->name = p->at++->text;
        return n;
    }
    if (p->at->kind != T_INTEGER) {
        parse_fail(p, "a name or number is missing");
        return NULL;
    }
    n->kind = N_ELEMENT;
    n->b = parse_number(p);
    return n->b ? n : NULL;
}

/* Each link of a chain is one deeper; the chain is parsed in a loop, and rendered by recursion. */
static struct node *deeper(struct parser *p, struct node *n, const struct node *object)
{
    if (!n)
        return NULL;
    n->depth = (uint16_t)(object ? object->depth + 1 : 1);
    if (n->depth <= JINJA_MAX_NESTING * 4)
        return n;
    render_limit(p->r, "an expression of more than %d operators in a row", JINJA_MAX_NESTING * 4);
    return NULL;
}

static struct node *parse_postfix(struct parser *p, struct node *n)
{
    while (n) {
        struct node *object = n;

        if (parse_is_op(p, OP('.', 0)))
            n = parse_dot(p, n);
        else if (parse_is_op(p, OP('[', 0)))
            n = parse_brackets(p, n);
        else if (parse_is_op(p, OP('(', 0)))
            n = parse_call(p, n);
        else
            break;
        n = deeper(p, n, object);
    }
    return n;
}

/* "a.b.c" as one name. */
static const struct text *dotted_name(struct parser *p)
{
    struct builder b;
    const struct text *name;

    if (p->at->kind != T_NAME) {
        parse_fail(p, "a name is missing");
        return NULL;
    }
    name = p->at++->text;
    if (!parse_is_op(p, OP('.', 0)))
        return name;
    builder_init(&b, p->r);
    builder_text(&b, name);
    while (parse_skip_op(p, OP('.', 0))) {
        if (p->at->kind != T_NAME) {
            parse_fail(p, "a name is missing");
            return NULL;
        }
        builder_literal(&b, ".", false);
        builder_text(&b, p->at++->text);
    }
    return builder_finish(&b, &name) < 0 ? NULL : name;
}

struct node *parse_filters(struct parser *p, struct node *input, bool without_bar)
{
    while (without_bar || parse_skip_op(p, OP('|', 0))) {
        struct node *n = node_new(p, N_FILTER);

        without_bar = false;
        if (!n)
            return NULL;
        n->name = dotted_name(p);
        if (!n->name || (parse_is_op(p, OP('(', 0)) && parse_arguments(p, &n->args) < 0))
            return NULL;
        n->a = input;
        n->builtin = filter_find(n->name->s, n->name->len);
        input = deeper(p, n, input);
        if (!input)
            return NULL;
    }
    return input;
}

/* The one argument that a test may have without parentheses. */
static int bare_argument(struct parser *p, struct node **out)
{
    struct node *n;
    bool may = p->at->kind == T_STRING || p->at->kind == T_INTEGER || p->at->kind == T_FLOAT || parse_is_op(p, OP('[', 0)) ||
               parse_is_op(p, OP('{', 0));

    if (p->at->kind == T_NAME)
        may = !parse_is_name(p, "else") && !parse_is_name(p, "or") && !parse_is_name(p, "and");
    if (!may)
        return 0;
    if (parse_is_name(p, "is"))
        return render_fail(p->r, "tests cannot be chained with is");
    n = node_new(p, N_ARGUMENT);
    if (!n)
        return -1;
    n->a = parse_postfix(p, parse_primary(p, -1));
    *out = n;
    return n->a ? 0 : -1;
}

static struct node *parse_test(struct parser *p, struct node *object)
{
    struct node *n = node_new(p, N_TEST), *inverse;
    bool negated;
    int rc;

    p->at++;
    negated = parse_skip_name(p, "not");
    if (!n)
        return NULL;
    n->name = dotted_name(p);
    if (!n->name)
        return NULL;
    rc = parse_is_op(p, OP('(', 0)) ? parse_arguments(p, &n->args) : bare_argument(p, &n->args);
    if (rc < 0)
        return NULL;
    n->a = object;
    n->builtin = test_find(n->name->s, n->name->len);
    if (!negated)
        return n;
    inverse = node_new(p, N_NOT);
    if (inverse)
        inverse->a = n;
    return inverse;
}

static struct node *parse_suffixes(struct parser *p, struct node *n)
{
    while (n) {
        struct node *object = n;

        if (parse_is_op(p, OP('|', 0)))
            n = parse_filters(p, n, false);
        else if (parse_is_name(p, "is"))
            n = parse_test(p, n);
        else if (parse_is_op(p, OP('(', 0)))
            n = parse_call(p, n);
        else
            break;
        n = deeper(p, n, object);
    }
    return n;
}

static struct node *parse_unary(struct parser *p, bool with_filter)
{
    struct node *n;

    if (parse_is_op(p, OP('-', 0)) || parse_is_op(p, OP('+', 0))) {
        n = node_new(p, parse_is_op(p, OP('-', 0)) ? N_NEGATE : N_PLUS);
        p->at++;
        if (!n || parse_enter(p) < 0)
            return NULL;
        n->a = parse_unary(p, false);
        parse_leave(p);
        if (!n->a)
            return NULL;
    } else {
        n = parse_primary(p, -1);
    }
    n = parse_postfix(p, n);
    return with_filter ? parse_suffixes(p, n) : n;
}
