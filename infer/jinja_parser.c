/* The parser's statements, and what its two files share. */
#include "infer/jinja_lexer.h"
#include "infer/jinja_tree.h"

#include <stdio.h>
#include <string.h>

/* --- tokens --------------------------------------------------------------------------------------------------------- */

struct node *node_new(struct parser *p, enum node_kind kind)
{
    struct node *n = render_alloc(p->r, 1, sizeof *n);

    p->r->line = p->at->line;
    if (n) {
        n->kind = (uint8_t)kind;
        n->line = p->at->line;
        n->depth = 1;
    }
    return n;
}

void node_append(struct node ***tail, struct node *n)
{
    **tail = n;
    *tail = &n->next;
}

static void describe(const struct token *t, char *out, size_t cap)
{
    static const char *const kinds[] = { "the end of the template", "text",    "{{", "the end of the expression (}})",
                                         "{%",                      "the end of the tag (%})" };

    if (t->kind <= T_BLOCK_END)
        snprintf(out, cap, "%s", kinds[t->kind]);
    else if (t->kind == T_NAME || t->kind == T_STRING)
        snprintf(out, cap, "%s%.*s", t->kind == T_NAME ? "" : "the string ", (int)(t->text->len > 60 ? 60 : t->text->len),
                 t->text->s);
    else if (t->kind == T_OPERATOR)
        snprintf(out, cap, "'%c%c'", t->op & 0xff, t->op >> 8 ? t->op >> 8 : '\'');
    else
        snprintf(out, cap, "a number");
    if (t->kind == T_OPERATOR && !(t->op >> 8))
        out[3] = '\0';
}

int parse_fail(struct parser *p, const char *what)
{
    char there[96];

    describe(p->at, there, sizeof there);
    p->r->line = p->at->line;
    return render_fail(p->r, "%s: %s", what, there);
}

bool parse_is_op(const struct parser *p, unsigned op)
{
    return p->at->kind == T_OPERATOR && p->at->op == op;
}

bool parse_is_name(const struct parser *p, const char *name)
{
    return p->at->kind == T_NAME && text_is(p->at->text, name);
}

bool parse_skip_op(struct parser *p, unsigned op)
{
    bool is = parse_is_op(p, op);

    p->at += is;
    return is;
}

bool parse_skip_name(struct parser *p, const char *name)
{
    bool is = parse_is_name(p, name);

    p->at += is;
    return is;
}

int parse_expect_op(struct parser *p, unsigned op)
{
    char what[] = "'?' is missing before";

    if (parse_skip_op(p, op))
        return 0;
    what[1] = (char)op;
    return parse_fail(p, what);
}

static int expect(struct parser *p, enum token_kind kind, const char *what)
{
    if (p->at->kind != kind)
        return parse_fail(p, what);
    p->at++;
    return 0;
}

int parse_enter(struct parser *p)
{
    if (p->nesting < JINJA_MAX_NESTING) {
        p->nesting++;
        return 0;
    }
    return render_limit(p->r, "tags and expressions are nested more than %d deep", JINJA_MAX_NESTING);
}

void parse_leave(struct parser *p)
{
    p->nesting--;
}

/* --- bodies --------------------------------------------------------------------------------------------------------- */

static int parse_statement(struct parser *, struct node ***tail);

/* Up to a tag that is one of ends (NULL at the end); stops at its name.  No ends: up to the template's end. */
static int parse_body(struct parser *p, const char *const *ends, struct node **out)
{
    struct node **tail = out, *n;

    if (parse_enter(p) < 0)
        return -1;
    while (p->at->kind != T_END) {
        if (p->at->kind == T_BLOCK_BEGIN) {
            p->at++;
            for (size_t i = 0; ends && ends[i]; i++)
                if (parse_is_name(p, ends[i])) {
                    parse_leave(p);
                    return 0;
                }
            if (parse_statement(p, &tail) < 0 || expect(p, T_BLOCK_END, "the tag goes on with") < 0)
                return -1;
            continue;
        }
        n = node_new(p, N_OUTPUT);
        if (!n)
            return -1;
        if (p->at->kind == T_DATA) {
            n->a = node_new(p, N_CONST);
            if (!n->a)
                return -1;
            n->a->constant = value_string(p->at++->text);
        } else {
            p->at++;
            n->a = parse_tuple(p, true, NULL, false);
            if (!n->a || expect(p, T_PRINT_END, "the expression goes on with") < 0)
                return -1;
        }
        node_append(&tail, n);
    }
    parse_leave(p);
    if (ends) {
        char what[64];

        snprintf(what, sizeof what, "%s is missing before", ends[0]);
        return parse_fail(p, what);
    }
    return 0;
}

/* The rest of an opening tag, then the body; stops at the name of the tag that ends it. */
static int parse_block(struct parser *p, const char *const *ends, struct node **out)
{
    parse_skip_op(p, OP(':', 0));
    if (expect(p, T_BLOCK_END, "the tag goes on with") < 0)
        return -1;
    return parse_body(p, ends, out);
}

static int parse_whole_block(struct parser *p, const char *end, struct node **out)
{
    const char *const ends[] = { end, NULL };

    if (parse_block(p, ends, out) < 0)
        return -1;
    p->at++;
    return 0;
}

/* --- statements ----------------------------------------------------------------------------------------------------- */

static int parse_if(struct parser *p, struct node *n)
{
    static const char *const ends[] = { "endif", "elif", "else", NULL };
    struct node **tail = &n->b, *branch = n;

    for (;;) {
        branch->a = parse_tuple(p, false, NULL, false);
        if (!branch->a || parse_block(p, ends, &branch->body) < 0)
            return -1;
        if (!parse_skip_name(p, "elif"))
            break;
        branch = node_new(p, N_IF);
        if (!branch)
            return -1;
        node_append(&tail, branch);
    }
    if (parse_skip_name(p, "else"))
        return parse_whole_block(p, "endif", &n->orelse);
    p->at++;
    return 0;
}

static int parse_for(struct parser *p, struct node *n)
{
    static const char *const ends[] = { "endfor", "else", NULL };
    unsigned n_loop_stores = p->n_loop_stores;

    n->a = parse_target(p, TARGET_TUPLE, "in");
    if (!n->a)
        return -1;
    if (!parse_skip_name(p, "in"))
        return parse_fail(p, "in is missing before");
    n->b = parse_tuple(p, false, "recursive", false);
    if (!n->b)
        return -1;
    if (parse_skip_name(p, "if")) {
        n->c = parse_expression(p, true);
        if (!n->c)
            return -1;
    }
    n->op = parse_skip_name(p, "recursive");
    if (parse_block(p, ends, &n->body) < 0)
        return -1;
    if (parse_skip_name(p, "else")) {
        if (parse_whole_block(p, "endfor", &n->orelse) < 0)
            return -1;
    } else {
        p->at++;
    }
    if (p->n_loop_stores != n_loop_stores)
        return render_fail(p->r, "loop cannot be assigned to in a loop");
    return 0;
}

static int parse_set(struct parser *p, struct node *n)
{
    n->a = parse_target(p, TARGET_TUPLE | TARGET_NAMESPACE, NULL);
    if (!n->a)
        return -1;
    if (parse_skip_op(p, OP('=', 0))) {
        n->b = parse_tuple(p, true, NULL, false);
        return n->b ? 0 : -1;
    }
    n->kind = N_SET_BLOCK;
    if (parse_is_op(p, OP('|', 0))) {
        n->b = parse_filters(p, NULL, false);
        if (!n->b)
            return -1;
    }
    return parse_whole_block(p, "endset", &n->body);
}

static int parse_parameters(struct parser *p, struct node **out)
{
    struct node **tail = out;
    bool has_default = false;

    if (parse_expect_op(p, OP('(', 0)) < 0)
        return -1;
    while (!parse_is_op(p, OP(')', 0))) {
        struct node *n = node_new(p, N_ARGUMENT), *target;

        if (*out && parse_expect_op(p, OP(',', 0)) < 0)
            return -1;
        target = n ? parse_target(p, TARGET_NAME, NULL) : NULL;
        if (!target || target->kind != N_NAME)
            return target ? render_fail(p->r, "a parameter's name is missing") : -1;
        p->n_loop_stores -= text_is(target->name, "loop");
        n->name = target->name;
        if (parse_skip_op(p, OP('=', 0))) {
            has_default = true;
            n->a = parse_expression(p, true);
            if (!n->a)
                return -1;
        } else if (has_default) {
            return render_fail(p->r, "a parameter without a default follows one that has one");
        }
        node_append(&tail, n);
    }
    return parse_expect_op(p, OP(')', 0));
}

/* A parameter named caller needs a default: a macro is not always called by a call block. */
static int check_caller(struct parser *p, const struct node *n)
{
    for (const struct node *a = n->args; a && n->uses & USES_CALLER; a = a->next)
        if (text_is(a->name, "caller") && !a->a)
            return render_fail(p->r, "the parameter caller needs a default");
    return 0;
}

/* The body of a macro or call block; which of the special names it has decides what the macro takes. */
static int parse_macro_body(struct parser *p, struct node *n, const char *end)
{
    unsigned n_caller = p->n_caller, n_kwargs = p->n_kwargs, n_varargs = p->n_varargs;

    if (parse_whole_block(p, end, &n->body) < 0)
        return -1;
    n->uses = (uint8_t)((p->n_caller != n_caller ? USES_CALLER : 0) | (p->n_kwargs != n_kwargs ? USES_KWARGS : 0) |
                        (p->n_varargs != n_varargs ? USES_VARARGS : 0));
    return check_caller(p, n);
}

static int parse_macro(struct parser *p, struct node *n)
{
    struct node *target = parse_target(p, TARGET_NAME, NULL);

    if (!target || target->kind != N_NAME)
        return target ? render_fail(p->r, "a macro's name is missing") : -1;
    p->n_loop_stores -= text_is(target->name, "loop");
    n->name = target->name;
    if (parse_parameters(p, &n->args) < 0)
        return -1;
    return parse_macro_body(p, n, "endmacro");
}

static int parse_call_block(struct parser *p, struct node *n)
{
    if (parse_is_op(p, OP('(', 0)) && parse_parameters(p, &n->args) < 0)
        return -1;
    n->b = parse_expression(p, true);
    if (!n->b)
        return -1;
    if (n->b->kind != N_CALL)
        return render_fail(p->r, "a call block needs a call");
    return parse_macro_body(p, n, "endcall");
}

static int parse_filter_block(struct parser *p, struct node *n)
{
    n->b = parse_filters(p, NULL, true);
    return n->b ? parse_whole_block(p, "endfilter", &n->body) : -1;
}

static int parse_with(struct parser *p, struct node *n)
{
    struct node **tail = &n->args;

    while (p->at->kind != T_BLOCK_END) {
        struct node *set = node_new(p, N_SET);

        if (n->args && parse_expect_op(p, OP(',', 0)) < 0)
            return -1;
        set = set ? node_new(p, N_SET) : NULL;
        if (!set)
            return -1;
        set->a = parse_target(p, TARGET_TUPLE, NULL);
        if (!set->a || parse_expect_op(p, OP('=', 0)) < 0)
            return -1;
        set->b = parse_expression(p, true);
        if (!set->b)
            return -1;
        node_append(&tail, set);
    }
    return parse_whole_block(p, "endwith", &n->body);
}

static int parse_print(struct parser *p, struct node ***tail)
{
    bool first = true;

    while (p->at->kind != T_BLOCK_END) {
        struct node *n = node_new(p, N_OUTPUT);

        if (!n || (!first && parse_expect_op(p, OP(',', 0)) < 0))
            return -1;
        n->a = parse_expression(p, true);
        if (!n->a)
            return -1;
        node_append(tail, n);
        first = false;
    }
    return 0;
}

static int parse_generation(struct parser *p, struct node *n)
{
    p->has_generation = true;
    return parse_whole_block(p, "endgeneration", &n->body);
}

static int parse_nothing(struct parser *p, struct node *n)
{
    (void)p;
    (void)n;
    return 0;
}

static int parse_statement(struct parser *p, struct node ***tail)
{
    static const struct {
        const char *name;
        enum node_kind kind;
        int (*parse)(struct parser *, struct node *);
    } statements[] = { { "if", N_IF, parse_if },
                       { "for", N_FOR, parse_for },
                       { "set", N_SET, parse_set },
                       { "macro", N_MACRO, parse_macro },
                       { "call", N_CALL_BLOCK, parse_call_block },
                       { "filter", N_FILTER_BLOCK, parse_filter_block },
                       { "with", N_WITH, parse_with },
                       { "generation", N_GENERATION, parse_generation },
                       { "break", N_BREAK, parse_nothing },
                       { "continue", N_CONTINUE, parse_nothing } };
    struct node *n;

    if (parse_skip_name(p, "print"))
        return parse_print(p, tail);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!parse_is_name(p, statements[i].name))
            continue;
        n = node_new(p, statements[i].kind);
        p->at++;
        if (!n || statements[i].parse(p, n) < 0)
            return -1;
        node_append(tail, n);
        return 0;
    }
    return parse_fail(p, "unknown tag");
}

int tree_parse(struct render *r, const struct tokens_of *tokens, struct tree *out)
{
    struct parser p = { .r = r, .at = tokens->list };

    if (parse_body(&p, NULL, &out->body) < 0)
        return -1;
    out->has_generation = p.has_generation;
    return 0;
}
