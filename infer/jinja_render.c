/* Statements: what a template does, and the frames in which it does so. */
#include "infer/jinja_render.h"

#include <string.h>

/* --- frames --------------------------------------------------------------------------------------------------------- */

struct value *frame_slot(struct frame *f, unsigned up, unsigned slot)
{
    for (; up > 0; up--)
        f = f->parent;
    return &f->slots[slot];
}

static struct value find_global(struct render *r, const struct text *name)
{
    const struct value *found = dict_find(r->globals, name->s, name->len);
    const struct builtin *function;

    if (found)
        return *found;
    function = function_find(name->s, name->len);
    if (function)
        return (struct value){ .kind = V_FUNCTION, .function = function };
    return value_missing();
}

void frame_load(struct render *r, struct frame *f)
{
    for (unsigned i = 0; i < f->scope->n; i++) {
        const struct symbol *s = &f->scope->symbols[i];

        if (s->load == LOAD_GLOBAL)
            f->slots[i] = find_global(r, s->name);
        else if (s->load == LOAD_OUTER)
            f->slots[i] = *frame_slot(f->parent, s->up, s->slot);
        else if (s->load == LOAD_NOTHING)
            f->slots[i] = value_missing();
    }
}

struct frame *frame_enter(struct render *r, const struct scope *scope, struct frame *parent)
{
    struct frame *f;

    if (r->depth >= r->max_depth) {
        render_limit(r, "more than %u calls and expressions within each other", r->max_depth);
        return NULL;
    }
    f = render_alloc(r, 1, sizeof *f + scope->n * sizeof(struct value));
    if (!f || render_steps(r, 1 + scope->n) < 0)
        return NULL;
    f->parent = parent;
    f->scope = scope;
    frame_load(r, f);
    return f;
}

/* --- assignment ----------------------------------------------------------------------------------------------------- */

static int assign_attribute(struct render *r, const struct node *n, struct frame *f, const struct value *v)
{
    const struct value *object = frame_slot(f, n->up, n->slot);
    const struct text *name = n->constant.text;

    if (object->kind != V_NAMESPACE)
        return render_fail(r, "cannot assign attribute on non-namespace object");
    if (name->len && name->s[0] == '_')
        return render_fail(r, "a namespace has no attributes that begin with an underscore");
    return dict_set(r, object->dict, &n->constant, v);
}

int assign(struct render *r, const struct node *target, struct frame *f, const struct value *v)
{
    const struct list *items;
    size_t n = 0;

    if (target->kind == N_NAME) {
        *frame_slot(f, target->up, target->slot) = *v;
        return 0;
    }
    if (target->kind == N_NAMESPACE)
        return assign_attribute(r, target, f, v);
    r->line = target->line;
    if (!value_is_iterable(v))
        return render_fail(r, "cannot unpack non-iterable %s object", value_type(v));
    if (value_items(r, v, &items) < 0)
        return -1;
    for (const struct node *t = target->a; t; t = t->next)
        n++;
    if (items->n != n)
        return render_fail(r, "%s values to unpack (expected %zu, got %zu)", items->n < n ? "not enough" : "too many", n,
                           items->n);
    n = 0;
    for (const struct node *t = target->a; t; t = t->next)
        if (assign(r, t, f, &items->items[n++]) < 0)
            return -1;
    return 0;
}

static void check_namespaces(const struct node *target, struct frame *f, bool *wrong)
{
    if (target->kind == N_NAMESPACE && frame_slot(f, target->up, target->slot)->kind != V_NAMESPACE)
        *wrong = true;
    if (target->kind == N_TUPLE)
        for (target = target->a; target; target = target->next)
            check_namespaces(target, f, wrong);
}

static int run_set(struct render *r, const struct node *n, struct frame *f)
{
    struct value v;
    bool wrong = false;

    check_namespaces(n->a, f, &wrong); /* before the value is made */
    if (wrong)
        return render_fail(r, "cannot assign attribute on non-namespace object");
    return evaluate(r, n->b, f, &v) < 0 ? -1 : assign(r, n->a, f, &v);
}

/* --- blocks that become text ---------------------------------------------------------------------------------------- */

/* The filters of a set or filter block; the innermost takes the block's text. */
static int filter_chain(struct render *r, const struct node *n, struct frame *f, const struct value *text, struct value *out)
{
    struct arguments args;
    struct value input = *text;

    if (n->a && filter_chain(r, n->a, f, text, &input) < 0)
        return -1;
    r->line = n->line;
    if (!n->builtin)
        return render_fail(r, "there is no filter named %.*s", (int)(n->name->len > 80 ? 80 : n->name->len), n->name->s);
    if (evaluate_arguments(r, n->args, f, &args) < 0)
        return -1;
    return builtin_call(r, n->builtin, &input, &args, out);
}

static int run_text_block(struct render *r, const struct node *n, struct frame *f, struct value *out)
{
    struct frame *inner = frame_enter(r, n->scope, f);
    struct builder b;
    int rc;

    if (!inner)
        return -1;
    builder_init(&b, r);
    rc = run_body(r, n->body, inner, &b);
    if (rc != 0)
        return rc;
    if (builder_value(&b, false, out) < 0)
        return -1;
    return n->b ? filter_chain(r, n->b, inner, out, out) : 0;
}

static int run_set_block(struct render *r, const struct node *n, struct frame *f)
{
    struct value v;
    int rc = run_text_block(r, n, f, &v);

    return rc ? rc : assign(r, n->a, f, &v);
}

static int run_filter_block(struct render *r, const struct node *n, struct frame *f, struct builder *out)
{
    struct value v;
    int rc = run_text_block(r, n, f, &v);

    return rc ? rc : value_print(r, out, &v);
}

static int run_with(struct render *r, const struct node *n, struct frame *f, struct builder *out)
{
    struct frame *inner = frame_enter(r, n->scope, f);
    struct value v;

    if (!inner)
        return -1;
    for (const struct node *a = n->args; a; a = a->next)
        if (evaluate(r, a->b, f, &v) < 0 || assign(r, a->a, inner, &v) < 0)
            return -1;
    return run_body(r, n->body, inner, out);
}

static int note_generated(struct render *r, size_t from, size_t to)
{
    if (from == to)
        return 0;
    if (r->n_generated == r->cap_generated) {
        size_t cap = r->cap_generated ? 2 * r->cap_generated : 8;
        struct jinja_span *spans = render_alloc(r, cap, sizeof *spans);

        if (!spans)
            return -1;
        if (r->n_generated)
            memcpy(spans, r->generated, r->n_generated * sizeof *spans);
        r->generated = spans;
        r->cap_generated = cap;
    }
    r->generated[r->n_generated++] = (struct jinja_span){ from, to };
    return 0;
}

static int run_generation(struct render *r, const struct node *n, struct frame *f, struct builder *out)
{
    struct frame *inner = frame_enter(r, n->scope, f);
    size_t from = out->len;

    if (!inner || run_body(r, n->body, inner, out) < 0)
        return -1;
    return out == r->out ? note_generated(r, from, out->len) : 0;
}

/* --- macros --------------------------------------------------------------------------------------------------------- */

static int run_macro(struct render *r, const struct node *n, struct frame *f)
{
    struct macro *m = render_alloc(r, 1, sizeof *m);

    if (!m)
        return -1;
    *m = (struct macro){ n, f };
    *frame_slot(f, n->up, n->slot) = (struct value){ .kind = V_MACRO, .macro = m };
    return 0;
}

static int run_call_block(struct render *r, const struct node *n, struct frame *f, struct builder *out)
{
    struct macro *m = render_alloc(r, 1, sizeof *m);
    const struct text **names;
    struct value callee, *named, result;
    struct arguments args;

    if (!m || evaluate(r, n->b->a, f, &callee) < 0 || evaluate_arguments(r, n->b->args, f, &args) < 0)
        return -1;
    *m = (struct macro){ n, f };
    names = render_alloc(r, args.n_named + 1, sizeof *names);
    named = render_alloc(r, args.n_named + 1, sizeof *named);
    if (!names || !named)
        return -1;
    for (size_t i = 0; i < args.n_named; i++) {
        names[i] = args.names[i];
        named[i] = args.named[i];
    }
    if (text_copy(r, "caller", 6, false, &names[args.n_named]) < 0)
        return -1;
    named[args.n_named] = (struct value){ .kind = V_MACRO, .macro = m };
    args.names = names;
    args.named = named;
    args.n_named++;
    r->line = n->b->line;
    return value_call(r, &callee, &args, &result) < 0 ? -1 : value_print(r, out, &result);
}

/* Which of the named arguments are not parameters. */
static int rest_named(struct render *r, const struct arguments *given, const bool *used, struct dict **out)
{
    *out = dict_create(r, 0);
    for (size_t i = 0; *out && i < given->n_named; i++) {
        struct value key = value_string(given->names[i]);

        if (!used[i] && dict_set(r, *out, &key, &given->named[i]) < 0)
            return -1;
    }
    return *out ? 0 : -1;
}

static bool take_named(const struct arguments *given, bool *used, const struct text *name, struct value *out)
{
    for (size_t i = 0; i < given->n_named; i++)
        if (!used[i] && text_equal(given->names[i], name)) {
            used[i] = true;
            *out = given->named[i];
            return true;
        }
    return false;
}

/* The slots of caller, kwargs and varargs, as far as the macro's body has them. */
static int bind_specials(struct render *r, const struct node *n, struct frame *f, const struct arguments *given, bool *used,
                         size_t n_parameters)
{
    const struct text caller = { .s = "caller", .len = 6, .n_chars = 6 };
    size_t n_rest = given->n > n_parameters ? given->n - n_parameters : 0;
    struct dict *rest;
    struct value v;
    bool has_caller = false;
    size_t slot = n_parameters;

    for (const struct node *a = n->args; a; a = a->next)
        has_caller |= text_equal(a->name, &caller);
    if (n->uses & USES_CALLER && !has_caller) {
        if (!take_named(given, used, &caller, &v) && value_undefine(r, &v, "No caller defined") < 0)
            return -1;
        f->slots[slot++] = v;
    }
    if (rest_named(r, given, used, &rest) < 0)
        return -1;
    if (n->uses & USES_KWARGS)
        f->slots[slot++] = (struct value){ .kind = V_DICT, .dict = rest };
    else if (rest->n)
        return render_fail(r, "macro takes no keyword argument '%.*s'",
                           (int)(rest->keys[0].text->len > 80 ? 80 : rest->keys[0].text->len), rest->keys[0].text->s);
    if (n->uses & USES_VARARGS)
        return list_value(r, given->items + (given->n - n_rest), n_rest, V_TUPLE, &f->slots[slot]);
    return n_rest ? render_fail(r, "macro takes not more than %zu argument(s)", n_parameters) : 0;
}

/* Defaults are evaluated in the macro, in order, so that they may use parameters before them. */
static int bind_defaults(struct render *r, const struct node *n, struct frame *f)
{
    for (const struct node *a = n->args; a; a = a->next) {
        struct value *slot = &f->slots[a->slot];

        if (slot->kind != V_MISSING)
            continue;
        if (a->a ? evaluate(r, a->a, f, slot) < 0
                 : value_undefine(r, slot, "parameter '%.*s' was not provided", (int)(a->name->len > 80 ? 80 : a->name->len),
                                  a->name->s) < 0)
            return -1;
    }
    return 0;
}

int macro_call(struct render *r, const struct value *macro, const struct arguments *given, struct value *out)
{
    const struct node *n = macro->macro->node;
    struct frame *f = frame_enter(r, n->scope, macro->macro->frame);
    bool *used = render_alloc(r, given->n_named + 1, sizeof *used);
    size_t i = 0;
    struct builder b;

    if (!f || !used)
        return -1;
    for (unsigned slot = 0; slot < n->scope->n; slot++)
        if (n->scope->symbols[slot].load == LOAD_PARAMETER)
            f->slots[slot] = value_missing();
    for (const struct node *a = n->args; a; a = a->next, i++) {
        if (i < given->n)
            f->slots[a->slot] = given->items[i];
        else
            take_named(given, used, a->name, &f->slots[a->slot]);
    }
    if (bind_specials(r, n, f, given, used, i) < 0 || bind_defaults(r, n, f) < 0)
        return -1;
    builder_init(&b, r);
    return run_body(r, n->body, f, &b) < 0 ? -1 : builder_value(&b, false, out);
}

/* --- loops ---------------------------------------------------------------------------------------------------------- */

struct loop_filter {
    const struct node *node;
    struct frame *frame;
};

static int next_filtered(struct render *r, struct iterator *it, struct value *out)
{
    struct loop_filter *filter = it->state;
    struct value v;
    int rc;

    while ((rc = iterator_next(r, it->from, out)) == 1) {
        frame_load(r, filter->frame);
        if (assign(r, filter->node->a, filter->frame, out) < 0 || evaluate(r, filter->node->c, filter->frame, &v) < 0)
            return -1;
        rc = value_truth(r, &v);
        if (rc != 0)
            return rc;
    }
    return rc;
}

static int filter_loop(struct render *r, const struct node *n, struct frame *f, struct loop *l)
{
    struct loop_filter *filter = render_alloc(r, 1, sizeof *filter);
    struct iterator *from = render_alloc(r, 1, sizeof *from);

    if (!filter || !from)
        return -1;
    *filter = (struct loop_filter){ n, frame_enter(r, n->test_scope, f) };
    *from = l->it;
    l->it = (struct iterator){ .next = next_filtered, .type = "generator", .from = from, .state = filter };
    l->iterable = value_missing();
    return filter->frame ? 0 : -1;
}

int loop_peek(struct render *r, struct loop *l)
{
    int rc;

    if (l->has_after)
        return 1;
    rc = iterator_next(r, &l->it, &l->after);
    l->has_after = rc == 1;
    return rc;
}

int loop_length(struct render *r, struct loop *l)
{
    const struct list *rest;
    struct value list;
    size_t n;

    if (l->length >= 0)
        return 0;
    if (l->iterable.kind != V_MISSING && value_has_length(&l->iterable)) {
        if (value_length(r, &l->iterable, &n) < 0)
            return -1;
        l->length = (int64_t)n;
        return 0;
    }
    if (iterator_collect(r, &l->it, &rest) < 0)
        return -1;
    list = value_list(rest);
    l->length = (int64_t)rest->n + l->index0 + 1 + l->has_after;
    return iterate(r, &list, &l->it);
}

static int loop_advance(struct render *r, struct loop *l)
{
    int rc = loop_peek(r, l);

    if (rc != 1)
        return rc;
    l->has_after = false;
    l->before = l->current;
    l->current = l->after;
    l->index0++;
    return 1;
}

/* How a tree of the target's binds "loop": its first slot. */
static int run_loop(struct render *r, struct loop *l, struct builder *out)
{
    const struct node *n = l->node;
    struct frame *f = frame_enter(r, n->scope, l->frame);
    bool nothing = true; /* no iteration came to its end: else is for that, too, as in Jinja */
    int rc;

    if (!f)
        return -1;
    while ((rc = loop_advance(r, l)) == 1) {
        if (render_steps(r, 1 + n->scope->n / 4) < 0)
            return -1;
        frame_load(r, f);
        f->slots[0] = (struct value){ .kind = V_LOOP, .loop = l };
        if (assign(r, n->a, f, &l->current) < 0)
            return -1;
        rc = run_body(r, n->body, f, out);
        if (rc < 0)
            return -1;
        if (rc == BODY_BREAK)
            break;
        if (rc == 0)
            nothing = false;
    }
    if (rc < 0)
        return -1;
    for (unsigned i = 0; i < n->scope->n; i++)
        f->slots[i] = value_missing();
    if (!nothing || !n->orelse)
        return 0;
    f = frame_enter(r, n->else_scope, l->frame);
    return f ? run_body(r, n->orelse, f, out) : -1;
}

static int start_loop(struct render *r, const struct node *n, struct frame *f, const struct value *iterable, int64_t depth,
                      struct builder *out)
{
    struct loop *l = render_alloc(r, 1, sizeof *l);

    if (!l)
        return -1;
    *l = (struct loop){ .node = n, .frame = f, .iterable = *iterable, .index0 = -1, .length = -1, .depth0 = depth };
    r->line = n->line;
    if (iterate(r, iterable, &l->it) < 0 || (n->c && filter_loop(r, n, f, l) < 0))
        return -1;
    return run_loop(r, l, out);
}

int loop_call(struct render *r, struct loop *l, const struct value *iterable, struct value *out)
{
    struct builder b;

    if (!l->node->op)
        return render_fail(r, "The loop must have the 'recursive' marker to be called recursively.");
    builder_init(&b, r);
    return start_loop(r, l->node, l->frame, iterable, l->depth0 + 1, &b) < 0 ? -1 : builder_value(&b, false, out);
}

static int run_for(struct render *r, const struct node *n, struct frame *f, struct builder *out)
{
    struct value iterable;
    int rc;

    if (evaluate(r, n->b, f, &iterable) < 0)
        return -1;
    rc = start_loop(r, n, f, &iterable, 0, out);
    return rc;
}

/* --- the rest ------------------------------------------------------------------------------------------------------- */

static int is_true(struct render *r, const struct node *n, struct frame *f)
{
    struct value v;

    return evaluate(r, n, f, &v) < 0 ? -1 : value_truth(r, &v);
}

static int run_if(struct render *r, const struct node *n, struct frame *f, struct builder *out)
{
    int truth = is_true(r, n->a, f);

    if (truth)
        return truth < 0 ? -1 : run_body(r, n->body, f, out);
    for (const struct node *branch = n->b; branch; branch = branch->next) {
        truth = is_true(r, branch->a, f);
        if (truth)
            return truth < 0 ? -1 : run_body(r, branch->body, f, out);
    }
    return run_body(r, n->orelse, f, out);
}

static int run_output(struct render *r, const struct node *n, struct frame *f, struct builder *out)
{
    struct value v;

    if (n->a->kind == N_CONST && n->a->constant.kind == V_STRING) {
        builder_text(out, n->a->constant.text);
        return out->failed ? -1 : 0;
    }
    return evaluate(r, n->a, f, &v) < 0 ? -1 : value_print(r, out, &v);
}

static int run_statement(struct render *r, const struct node *n, struct frame *f, struct builder *out)
{
    switch (n->kind) {
    case N_OUTPUT:
        return run_output(r, n, f, out);
    case N_IF:
        return run_if(r, n, f, out);
    case N_FOR:
        return run_for(r, n, f, out);
    case N_SET:
        return run_set(r, n, f);
    case N_SET_BLOCK:
        return run_set_block(r, n, f);
    case N_FILTER_BLOCK:
        return run_filter_block(r, n, f, out);
    case N_MACRO:
        return run_macro(r, n, f);
    case N_CALL_BLOCK:
        return run_call_block(r, n, f, out);
    case N_WITH:
        return run_with(r, n, f, out);
    case N_GENERATION:
        return run_generation(r, n, f, out);
    case N_BREAK:
        return BODY_BREAK;
    default:
        return BODY_CONTINUE;
    }
}

int run_body(struct render *r, const struct node *body, struct frame *f, struct builder *out)
{
    int rc = 0;

    if (r->depth >= r->max_depth)
        return render_limit(r, "more than %u calls and expressions within each other", r->max_depth);
    r->depth++;
    for (; body && rc == 0; body = body->next) {
        r->line = body->line;
        if (render_steps(r, 1) < 0)
            return -1;
        rc = run_statement(r, body, f, out);
    }
    r->depth--;
    return rc;
}
