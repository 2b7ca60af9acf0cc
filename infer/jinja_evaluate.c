/* Expressions. */
#include "infer/jinja_render.h"

#include <string.h>

static int name_value(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    *out = *frame_slot(f, n->up, n->slot);
    if (out->kind != V_MISSING)
        return 0;
    return value_undefine(r, out, "'%.*s' is undefined", (int)(n->name->len > 80 ? 80 : n->name->len), n->name->s);
}

static size_t count_nodes(const struct node *n)
{
    size_t count = 0;

    for (; n; n = n->next)
        count++;
    return count;
}

static int list_of(struct render *r, const struct node *n, struct frame *f, enum value_kind kind, struct value *out)
{
    struct value *items = render_alloc(r, count_nodes(n) + 1, sizeof *items);
    struct list *l = render_alloc(r, 1, sizeof *l);
    size_t i = 0;

    if (!items || !l)
        return -1;
    for (; n; n = n->next)
        if (evaluate(r, n, f, &items[i++]) < 0)
            return -1;
    *l = (struct list){ .items = items, .n = i };
    *out = kind == V_TUPLE ? value_tuple(l) : value_list(l);
    return 0;
}

static int dict_of(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct dict *d = dict_create(r, count_nodes(n) / 2);
    struct value key, value;

    if (!d)
        return -1;
    for (; n; n = n->next->next)
        if (evaluate(r, n, f, &key) < 0 || evaluate(r, n->next, f, &value) < 0 || dict_set(r, d, &key, &value) < 0)
            return -1;
    *out = (struct value){ .kind = V_DICT, .dict = d };
    return 0;
}

static int concat(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct builder b;
    struct value v;

    builder_init(&b, r);
    for (; n; n = n->next)
        if (evaluate(r, n, f, &v) < 0 || value_print(r, &b, &v) < 0)
            return -1;
    return builder_value(&b, false, out);
}

/* and, or: the operand that settled it. */
static int logic(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    int truth;

    if (evaluate(r, n->a, f, out) < 0)
        return -1;
    truth = value_truth(r, out);
    if (truth < 0)
        return -1;
    return truth == (n->kind == N_OR) ? 0 : evaluate(r, n->b, f, out);
}

static int compare_once(struct render *r, int op, const struct value *a, const struct value *b)
{
    static const char *const names[] = { [O_LT] = "<", [O_LE] = "<=", [O_GT] = ">", [O_GE] = ">=" };
    int order, rc;

    switch (op) {
    case O_EQ:
        return value_equal(r, a, b);
    case O_NE:
        rc = value_equal(r, a, b);
        return rc < 0 ? -1 : !rc;
    case O_IN:
        return value_contains(r, b, a);
    case O_NOT_IN:
        rc = value_contains(r, b, a);
        return rc < 0 ? -1 : !rc;
    default:
        break;
    }
    if (value_compare(r, a, b, names[op], &order) < 0)
        return -1;
    if (order == 2 && (a->kind == V_FLOAT || b->kind == V_FLOAT))
        return 0;
    return op == O_LT ? order < 0 : op == O_LE ? order <= 0 : op == O_GT ? order > 0 : order >= 0;
}

static int compare(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct value a = { 0 }, b = { 0 };
    int rc = 1;

    if (evaluate(r, n->a, f, &a) < 0)
        return -1;
    for (const struct node *o = n->b; o && rc == 1; o = o->next) {
        if (evaluate(r, o->a, f, &b) < 0)
            return -1;
        r->line = n->line;
        rc = compare_once(r, o->op, &a, &b);
        a = b;
    }
    *out = value_bool(rc == 1);
    return rc < 0 ? -1 : 0;
}

static int condition(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct value v;
    int truth = evaluate(r, n->b, f, &v) < 0 ? -1 : value_truth(r, &v);

    if (truth < 0)
        return -1;
    if (truth)
        return evaluate(r, n->a, f, out);
    if (n->c)
        return evaluate(r, n->c, f, out);
    return value_undefine(r, out, "the inline if-expression evaluated to false and no else section was defined.");
}

/* --- calls ---------------------------------------------------------------------------------------------------------- */

struct gathered {
    struct value *items, *named;
    const struct text **names;
    size_t n, n_named, cap, cap_named;
};

static int add_item(struct render *r, struct gathered *g, const struct value *v)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : 4;
        struct value *items = render_alloc(r, cap, sizeof *items);

        if (!items)
            return -1;
        if (g->n)
            memcpy(items, g->items, g->n * sizeof *items);
        g->items = items;
        g->cap = cap;
    }
    g->items[g->n++] = *v;
    return 0;
}

static int add_named(struct render *r, struct gathered *g, const struct text *name, const struct value *v)
{
    for (size_t i = 0; i < g->n_named; i++)
        if (text_equal(g->names[i], name))
            return render_fail(r, "got multiple values for keyword argument '%.*s'", (int)(name->len > 80 ? 80 : name->len),
                               name->s);
    if (g->n_named == g->cap_named) {
        size_t cap = g->cap_named ? 2 * g->cap_named : 4;
        struct value *named = render_alloc(r, cap, sizeof *named);
        const struct text **names = render_alloc(r, cap, sizeof *names);

        if (!named || !names)
            return -1;
        if (g->n_named) {
            memcpy(named, g->named, g->n_named * sizeof *named);
            memcpy(names, g->names, g->n_named * sizeof *names);
        }
        g->named = named;
        g->names = names;
        g->cap_named = cap;
    }
    g->names[g->n_named] = name;
    g->named[g->n_named++] = *v;
    return 0;
}

static int spread_list(struct render *r, struct gathered *g, const struct value *v)
{
    const struct list *items;

    if (value_items(r, v, &items) < 0)
        return -1;
    for (size_t i = 0; i < items->n; i++)
        if (add_item(r, g, &items->items[i]) < 0)
            return -1;
    return 0;
}

static int spread_dict(struct render *r, struct gathered *g, const struct value *v)
{
    if (v->kind != V_DICT)
        return render_fail(r, "argument after ** must be a mapping, not %s", value_type(v));
    if (render_steps(r, v->dict->n * (1 + g->n_named)) < 0)
        return -1;
    for (size_t i = 0; i < v->dict->n; i++) {
        if (v->dict->keys[i].kind != V_STRING)
            return render_fail(r, "keywords must be strings");
        if (add_named(r, g, v->dict->keys[i].text, &v->dict->values[i]) < 0)
            return -1;
    }
    return 0;
}

int evaluate_arguments(struct render *r, const struct node *list, struct frame *f, struct arguments *out)
{
    static const struct value nothing;
    struct gathered g = { 0 };

    for (const struct node *n = list; n; n = n->next) {
        struct value v;
        int rc;

        if (evaluate(r, n->a, f, &v) < 0)
            return -1;
        switch (n->op) {
        case ARG_PLAIN:
            rc = add_item(r, &g, &v);
            break;
        case ARG_NAMED:
            rc = add_named(r, &g, n->name, &v);
            break;
        case ARG_LIST:
            rc = spread_list(r, &g, &v);
            break;
        default:
            rc = spread_dict(r, &g, &v);
            break;
        }
        if (rc < 0)
            return -1;
    }
    *out = (struct arguments){ g.items ? g.items : &nothing, g.n, g.names, g.named, g.n_named };
    return 0;
}

static int call_node(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct arguments args;
    struct value callee;

    if (evaluate(r, n->a, f, &callee) < 0 || evaluate_arguments(r, n->args, f, &args) < 0)
        return -1;
    r->line = n->line;
    return value_call(r, &callee, &args, out);
}

static int filter_or_test(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct arguments args;
    struct value input;

    if (!n->builtin) {
        r->line = n->line;
        return render_fail(r, "there is no %s named %.*s", n->kind == N_FILTER ? "filter" : "test",
                           (int)(n->name->len > 80 ? 80 : n->name->len), n->name->s);
    }
    if (evaluate(r, n->a, f, &input) < 0 || evaluate_arguments(r, n->args, f, &args) < 0)
        return -1;
    r->line = n->line;
    return builtin_call(r, n->builtin, &input, &args, out);
}

/* --- the rest ------------------------------------------------------------------------------------------------------- */

static int slice_of(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct value object, part[3];
    int i = 0;

    if (evaluate(r, n->a, f, &object) < 0)
        return -1;
    for (const struct node *p = n->args; p; p = p->next, i++) {
        part[i] = value_missing();
        if (p->a && evaluate(r, p->a, f, &part[i]) < 0)
            return -1;
    }
    r->line = n->line;
    return value_slice(r, &object, part, out);
}

static int sign(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct value v = { 0 }, zero = value_int(0);

    if (evaluate(r, n->a, f, &v) < 0)
        return -1;
    if (n->kind == N_NEGATE)
        return number_negate(r, &v, out);
    if (value_is_number(&v) && v.kind != V_BOOL) {
        *out = v;
        return 0;
    }
    if (v.kind == V_BOOL)
        return number_binary(r, O_ADD, &v, &zero, out);
    return render_fail(r, "bad operand type for unary +: '%s'", value_type(&v));
}

static int evaluate_one(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct value a, b;
    int truth;

    switch (n->kind) {
    case N_CONST:
        *out = n->constant;
        return 0;
    case N_NAME:
        return name_value(r, n, f, out);
    case N_TUPLE:
        return list_of(r, n->a, f, V_TUPLE, out);
    case N_LIST:
        return list_of(r, n->a, f, V_LIST, out);
    case N_DICT:
        return dict_of(r, n->a, f, out);
    case N_NOT:
        truth = evaluate(r, n->a, f, &a) < 0 ? -1 : value_truth(r, &a);
        *out = value_bool(!truth);
        return truth < 0 ? -1 : 0;
    case N_NEGATE:
    case N_PLUS:
        return sign(r, n, f, out);
    case N_BINARY:
        if (evaluate(r, n->a, f, &a) < 0 || evaluate(r, n->b, f, &b) < 0)
            return -1;
        r->line = n->line;
        return number_binary(r, n->op, &a, &b, out);
    case N_CONCAT:
        return concat(r, n->a, f, out);
    case N_AND:
    case N_OR:
        return logic(r, n, f, out);
    case N_COMPARE:
        return compare(r, n, f, out);
    case N_CONDITION:
        return condition(r, n, f, out);
    case N_FILTER:
    case N_TEST:
        return filter_or_test(r, n, f, out);
    case N_CALL:
        return call_node(r, n, f, out);
    case N_ATTRIBUTE:
        if (evaluate(r, n->a, f, &a) < 0)
            return -1;
        r->line = n->line;
        return value_attribute(r, &a, n->name, out);
    case N_ELEMENT:
        if (evaluate(r, n->a, f, &a) < 0 || evaluate(r, n->b, f, &b) < 0)
            return -1;
        r->line = n->line;
        return value_element(r, &a, &b, out);
    default:
        return slice_of(r, n, f, out);
    }
}

int evaluate(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    int rc;

    if (r->depth >= r->max_depth)
        return render_limit(r, "more than %u calls and expressions within each other", r->max_depth);
    if (render_steps(r, 1) < 0)
        return -1;
    r->depth++;
    rc = evaluate_one(r, n, f, out);
    r->depth--;
    return rc;
}
