/*
 * Which scope each name is of.
 *
 * A scope is looked at twice.  First all that it names itself is declared, scopes within it left out: what is read
 * before anything was assigned comes from the scope around it, or from the globals; what is only assigned begins as
 * nothing.  A name that only some branches of an if assign comes from outside in the others.  Then the tree is walked
 * again, names are bound to slots, and the scopes within are treated the same way.  So a loop sees what the scope
 * around it assigns later, too, as in Jinja.
 */
#include "infer/jinja_tree.h"

#include <string.h>

struct binder {
    struct render *r;
    struct scope *scope;
};

static struct scope *scope_new(struct binder *b)
{
    struct scope *s = render_alloc(b->r, 1, sizeof *s);

    if (s)
        s->parent = b->scope;
    return s;
}

static struct symbol *find_own(const struct scope *s, const struct text *name)
{
    for (unsigned i = 0; i < s->n; i++)
        if (text_equal(s->symbols[i].name, name))
            return &s->symbols[i];
    return NULL;
}

/* up counts scopes outwards from s. */
static struct symbol *find_symbol(const struct scope *s, const struct text *name, unsigned *up)
{
    struct symbol *found;

    for (*up = 0; s; s = s->parent, ++*up) {
        found = find_own(s, name);
        if (found)
            return found;
    }
    return NULL;
}

static unsigned slot_of(const struct scope *s, const struct symbol *symbol)
{
    return (unsigned)(symbol - s->symbols);
}

static struct symbol *define(struct binder *b, const struct text *name, enum load load)
{
    struct scope *s = b->scope;
    struct symbol *symbol = find_own(s, name);

    if (!symbol && s->n == s->cap) {
        unsigned cap = s->cap ? 2 * s->cap : 8;
        struct symbol *symbols = render_alloc(b->r, cap, sizeof *symbols);

        if (!symbols)
            return NULL;
        if (s->n)
            memcpy(symbols, s->symbols, s->n * sizeof *symbols);
        s->symbols = symbols;
        s->cap = cap;
    }
    if (!symbol)
        symbol = &s->symbols[s->n++];
    symbol->name = name;
    symbol->load = load;
    return symbol;
}

/* What the name is outside, when its own scope is entered. */
static void load_outer(struct binder *b, struct symbol *symbol, enum load otherwise)
{
    unsigned up;
    const struct symbol *outer = b->scope->parent ? find_symbol(b->scope->parent, symbol->name, &up) : NULL;
    const struct scope *s = b->scope->parent;

    symbol->load = otherwise;
    if (!outer)
        return;
    symbol->load = LOAD_OUTER;
    symbol->up = up;
    for (; up > 0; up--)
        s = s->parent;
    symbol->slot = slot_of(s, outer);
}

static int declare_store(struct binder *b, const struct text *name)
{
    struct symbol *symbol = find_own(b->scope, name);

    if (!symbol) {
        symbol = define(b, name, LOAD_NOTHING);
        if (!symbol)
            return -1;
        load_outer(b, symbol, LOAD_NOTHING);
    }
    symbol->stored = true;
    return 0;
}

static int declare_load(struct binder *b, const struct text *name)
{
    unsigned up;

    if (find_symbol(b->scope, name, &up))
        return 0;
    return define(b, name, LOAD_GLOBAL) ? 0 : -1;
}

static int declare_parameter(struct binder *b, const struct text *name)
{
    struct symbol *symbol = define(b, name, LOAD_PARAMETER);

    if (!symbol)
        return -1;
    symbol->stored = true;
    return 0;
}

static int declare_special(struct binder *b, const char *name)
{
    const struct text *text;

    return text_copy(b->r, name, strlen(name), false, &text) < 0 ? -1 : declare_parameter(b, text);
}

/* --- declaring ------------------------------------------------------------------------------------------------------ */

static int declare(struct binder *, const struct node *);

static int declare_all(struct binder *b, const struct node *n)
{
    for (; n; n = n->next)
        if (declare(b, n) < 0)
            return -1;
    return 0;
}

static int declare_target(struct binder *b, const struct node *n, bool as_parameter)
{
    if (n->kind == N_NAMESPACE)
        return declare_load(b, n->name);
    if (n->kind == N_NAME)
        return as_parameter ? declare_parameter(b, n->name) : declare_store(b, n->name);
    for (n = n->a; n; n = n->next)
        if (declare_target(b, n, as_parameter) < 0)
            return -1;
    return 0;
}

/* Names that a branch assigned, and nothing before it. */
static int declare_branches(struct binder *b, const struct node *n)
{
    unsigned n_stored = 0;
    bool *stored;
    struct scope *s = b->scope;

    if (declare(b, n->a) < 0)
        return -1;
    stored = render_alloc(b->r, s->n + 1, sizeof *stored);
    if (!stored)
        return -1;
    for (; n_stored < s->n; n_stored++) {
        stored[n_stored] = s->symbols[n_stored].stored;
        s->symbols[n_stored].stored = false;
    }
    if (declare_all(b, n->body) < 0 || declare_all(b, n->b) < 0 || declare_all(b, n->orelse) < 0)
        return -1;
    for (unsigned i = 0; i < s->n; i++) {
        bool before = i < n_stored && stored[i];

        if (s->symbols[i].stored && !before)
            load_outer(b, &s->symbols[i], LOAD_GLOBAL);
        s->symbols[i].stored |= before;
    }
    return 0;
}

static int declare_children(struct binder *b, const struct node *n)
{
    if (n->kind == N_CONDITION) { /* the test comes first */
        if (declare(b, n->b) < 0 || declare(b, n->a) < 0)
            return -1;
        return n->c ? declare(b, n->c) : 0;
    }
    if (declare_all(b, n->a) < 0 || declare_all(b, n->b) < 0)
        return -1;
    return declare_all(b, n->args);
}

static int declare_one(struct binder *b, const struct node *n)
{
    switch (n->kind) {
    case N_CONST:
    case N_BREAK:
    case N_CONTINUE:
    case N_GENERATION:
        return 0;
    case N_NAME:
        return declare_load(b, n->name);
    case N_IF:
        return declare_branches(b, n);
    case N_FOR:
    case N_CALL_BLOCK:
    case N_FILTER_BLOCK:
        return declare(b, n->b);
    case N_SET:
        return declare(b, n->b) < 0 ? -1 : declare_target(b, n->a, false);
    case N_SET_BLOCK:
        return declare_target(b, n->a, false);
    case N_MACRO:
        return declare_store(b, n->name);
    case N_WITH:
        for (n = n->args; n; n = n->next)
            if (declare(b, n->b) < 0)
                return -1;
        return 0;
    case N_SLICE:
        return declare(b, n->a) < 0 ? -1 : declare_all(b, n->args);
    default:
        return declare_children(b, n);
    }
}

static int enter(struct binder *b)
{
    if (b->r->depth >= b->r->max_depth)
        return render_limit(b->r, "the template is nested more than %u deep", b->r->max_depth);
    b->r->depth++;
    return 0;
}

static int declare(struct binder *b, const struct node *n)
{
    int rc;

    if (!n)
        return 0;
    if (enter(b) < 0)
        return -1;
    rc = declare_one(b, n);
    b->r->depth--;
    return rc;
}

/* --- binding -------------------------------------------------------------------------------------------------------- */

static int bind(struct binder *, struct node *);

static int bind_all(struct binder *b, struct node *n)
{
    for (; n; n = n->next)
        if (bind(b, n) < 0)
            return -1;
    return 0;
}

static int bind_name(struct binder *b, struct node *n)
{
    const struct scope *s = b->scope;
    const struct symbol *symbol = find_symbol(s, n->name, &n->up);

    if (!symbol && declare_load(b, n->name) < 0) /* filters of a set block: theirs are not declared above */
        return -1;
    if (!symbol)
        symbol = find_symbol(s, n->name, &n->up);
    for (unsigned up = n->up; up > 0; up--)
        s = s->parent;
    n->slot = slot_of(s, symbol);
    return 0;
}

static int bind_target(struct binder *b, struct node *n)
{
    if (n->kind == N_NAME || n->kind == N_NAMESPACE)
        return bind_name(b, n);
    for (n = n->a; n; n = n->next)
        if (bind_target(b, n) < 0)
            return -1;
    return 0;
}

/* Within scope instead of the current one.  Break may stand in it if it may here and the scope is no function. */
static int bind_in(struct binder *b, struct scope *scope, struct node *body, bool is_loop, bool is_function)
{
    struct scope *outer = b->scope;
    int rc;

    scope->in_loop = is_loop || (!is_function && outer->in_loop);
    b->scope = scope;
    rc = bind_all(b, body);
    b->scope = outer;
    return rc;
}

static int declare_in(struct binder *b, struct scope *scope, const struct node *body)
{
    struct scope *outer = b->scope;
    int rc;

    b->scope = scope;
    rc = declare_all(b, body);
    b->scope = outer;
    return rc;
}

static int declare_loop(struct binder *b, struct node *n)
{
    struct scope *outer = b->scope;
    int rc;

    b->scope = n->scope;
    rc = declare_special(b, "loop");
    if (rc == 0)
        rc = declare_target(b, n->a, true);
    if (rc == 0)
        rc = declare_all(b, n->body);
    if (rc == 0)
        rc = bind_target(b, n->a);
    b->scope = n->test_scope;
    if (rc == 0 && n->test_scope)
        rc = declare_special(b, ""); /* in loop's place, so that the target has the same slots; no name is empty */
    if (rc == 0 && n->test_scope)
        rc = declare_target(b, n->a, true);
    if (rc == 0 && n->test_scope)
        rc = declare(b, n->c);
    b->scope = outer;
    return rc;
}

static int bind_for(struct binder *b, struct node *n)
{
    n->scope = scope_new(b);
    n->else_scope = scope_new(b);
    n->test_scope = n->c ? scope_new(b) : NULL;
    if (!n->scope || !n->else_scope || (n->c && !n->test_scope) || bind(b, n->b) < 0 || declare_loop(b, n) < 0)
        return -1;
    if (n->c && bind_in(b, n->test_scope, n->c, false, true) < 0)
        return -1;
    if (bind_in(b, n->scope, n->body, true, false) < 0)
        return -1;
    return declare_in(b, n->else_scope, n->orelse) < 0 ? -1 : bind_in(b, n->else_scope, n->orelse, false, n->op);
}

/* Slots begin with the parameters, then caller, kwargs and varargs as far as the body has them. */
static int declare_macro(struct binder *b, struct node *n)
{
    for (const struct node *a = n->args; a; a = a->next)
        if (declare_parameter(b, a->name) < 0)
            return -1;
    if ((n->uses & USES_CALLER && declare_special(b, "caller") < 0) ||
        (n->uses & USES_KWARGS && declare_special(b, "kwargs") < 0) ||
        (n->uses & USES_VARARGS && declare_special(b, "varargs") < 0))
        return -1;
    for (const struct node *a = n->args; a; a = a->next)
        if (declare(b, a->a) < 0)
            return -1;
    return declare_all(b, n->body);
}

static int bind_macro(struct binder *b, struct node *n)
{
    struct scope *outer = b->scope;
    int rc = n->kind == N_CALL_BLOCK ? bind(b, n->b) : bind_name(b, n);

    n->scope = scope_new(b);
    if (rc < 0 || !n->scope)
        return -1;
    b->scope = n->scope;
    rc = declare_macro(b, n);
    for (struct node *a = n->args; rc == 0 && a; a = a->next) {
        struct node *name = a;

        rc = bind_name(b, name);
        if (rc == 0 && a->a)
            rc = bind(b, a->a);
    }
    b->scope = outer;
    return rc < 0 ? -1 : bind_in(b, n->scope, n->body, false, true);
}

/* set, filter and generation blocks.  A filter's arguments are of the block's scope. */
static int bind_block(struct binder *b, struct node *n)
{
    struct scope *outer = b->scope;
    int rc;

    if (n->kind == N_SET_BLOCK && bind_target(b, n->a) < 0)
        return -1;
    n->scope = scope_new(b);
    if (!n->scope)
        return -1;
    b->scope = n->scope;
    rc = n->b ? declare(b, n->b) : 0;
    if (rc == 0)
        rc = declare_all(b, n->body);
    if (rc == 0 && n->b)
        rc = bind(b, n->b);
    b->scope = outer;
    return rc < 0 ? -1 : bind_in(b, n->scope, n->body, false, n->kind == N_GENERATION);
}

static int bind_with(struct binder *b, struct node *n)
{
    struct scope *outer = b->scope;
    int rc = 0;

    for (struct node *a = n->args; a; a = a->next)
        if (bind(b, a->b) < 0)
            return -1;
    n->scope = scope_new(b);
    if (!n->scope)
        return -1;
    b->scope = n->scope;
    for (struct node *a = n->args; rc == 0 && a; a = a->next)
        rc = declare_target(b, a->a, true);
    if (rc == 0)
        rc = declare_all(b, n->body);
    for (struct node *a = n->args; rc == 0 && a; a = a->next)
        rc = bind_target(b, a->a);
    b->scope = outer;
    return rc < 0 ? -1 : bind_in(b, n->scope, n->body, false, false);
}

/* Inside an if or a conditional a filter that does not exist is an error only where it is used. */
static int bind_softly(struct binder *b, struct node *n)
{
    bool soft = b->scope->soft;
    int rc;

    b->scope->soft = true;
    rc = bind_all(b, n->a) < 0 || bind_all(b, n->b) < 0 || bind_all(b, n->c) < 0 || bind_all(b, n->body) < 0 ||
         bind_all(b, n->orelse) < 0;
    b->scope->soft = soft;
    return rc ? -1 : 0;
}

static int bind_builtin(struct binder *b, struct node *n)
{
    b->r->line = n->line;
    if (!n->builtin && !b->scope->soft)
        return render_fail(b->r, "there is no %s named %.*s", n->kind == N_FILTER ? "filter" : "test",
                           (int)(n->name->len > 100 ? 100 : n->name->len), n->name->s);
    return bind_all(b, n->a) < 0 ? -1 : bind_all(b, n->args);
}

static int bind_break(struct binder *b, const struct node *n)
{
    b->r->line = n->line;
    if (!b->scope->in_loop)
        return render_fail(b->r, "%s outside of a loop", n->kind == N_BREAK ? "break" : "continue");
    return 0;
}

static int bind_one(struct binder *b, struct node *n)
{
    switch (n->kind) {
    case N_NAME:
        return bind_name(b, n);
    case N_IF:
    case N_CONDITION:
        return bind_softly(b, n);
    case N_FOR:
        return bind_for(b, n);
    case N_SET:
        return bind(b, n->b) < 0 ? -1 : bind_target(b, n->a);
    case N_MACRO:
    case N_CALL_BLOCK:
        return bind_macro(b, n);
    case N_SET_BLOCK:
    case N_FILTER_BLOCK:
    case N_GENERATION:
        return bind_block(b, n);
    case N_WITH:
        return bind_with(b, n);
    case N_FILTER:
    case N_TEST:
        return bind_builtin(b, n);
    case N_BREAK:
    case N_CONTINUE:
        return bind_break(b, n);
    default:
        if (bind_all(b, n->a) < 0 || bind_all(b, n->b) < 0)
            return -1;
        return bind_all(b, n->args);
    }
}

static int bind(struct binder *b, struct node *n)
{
    int rc;

    if (enter(b) < 0)
        return -1;
    rc = bind_one(b, n);
    b->r->depth--;
    return rc;
}

int tree_bind(struct render *r, struct tree *tree)
{
    struct binder b = { .r = r };

    tree->scope = scope_new(&b);
    if (!tree->scope)
        return -1;
    b.scope = tree->scope;
    return declare_all(&b, tree->body) < 0 ? -1 : bind_all(&b, tree->body);
}
