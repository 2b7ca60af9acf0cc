/* Calls: what is given is sorted into parameters. */
#include "infer/jinja_render.h"

#include <string.h>

const struct builtin *builtin_find(const struct builtin *list, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(list[i].name, name, len) == 0 && list[i].name[len] == '\0')
            return &list[i];
    return NULL;
}

/* The parameter of that name, -1 if there is none that may be named. */
static int find_parameter(const char *parameters, const struct text *name)
{
    const char *slash = strchr(parameters, '/'), *p = parameters;

    for (int i = 0; *p; i++) {
        size_t len = strcspn(p, " /");

        if (len == name->len && memcmp(p, name->s, len) == 0 && (!slash || p > slash))
            return i;
        p += len;
        p += strspn(p, " /");
    }
    return -1;
}

static size_t count_parameters(const char *p)
{
    size_t n = 0;

    for (p += strspn(p, " /"); *p; n++) {
        p += strcspn(p, " /");
        p += strspn(p, " /");
    }
    return n;
}

static int sort_arguments(struct render *r, const struct builtin *b, const struct arguments *given, struct call *call)
{
    size_t n = count_parameters(b->parameters);

    if (given->n > n)
        return render_fail(r, "%s takes at most %zu arguments, %zu were given", b->name, n, given->n);
    for (size_t i = 0; i < given->n; i++)
        call->arg[i] = given->items[i];
    for (size_t i = 0; i < given->n_named; i++) {
        int at = find_parameter(b->parameters, given->names[i]);

        if (at < 0)
            return render_fail(r, "%s takes no argument named %.*s", b->name,
                               (int)(given->names[i]->len > 80 ? 80 : given->names[i]->len), given->names[i]->s);
        if (call->arg[at].kind != V_MISSING)
            return render_fail(r, "%s has an argument twice", b->name);
        call->arg[at] = given->named[i];
    }
    for (size_t i = 0; i < b->n_required; i++)
        if (call->arg[i].kind == V_MISSING)
            return render_fail(r, "%s misses an argument", b->name);
    return 0;
}

int builtin_call(struct render *r, const struct builtin *b, const struct value *self, const struct arguments *given,
                 struct value *out)
{
    struct call call = { .given = given };

    if (b->parameters && sort_arguments(r, b, given, &call) < 0)
        return -1;
    return b->run(r, self, &call, out);
}

static int joiner_call(struct cycler *joiner, struct render *r, struct value *out)
{
    if (joiner->at++ == 0)
        return value_literal(r, "", out);
    *out = joiner->items;
    return 0;
}

int value_call(struct render *r, const struct value *callee, const struct arguments *given, struct value *out)
{
    switch (callee->kind) {
    case V_UNDEFINED:
        return render_fail(r, "%s", callee->undefined ? callee->undefined->why : "a value is undefined");
    case V_FUNCTION:
        return builtin_call(r, callee->function, NULL, given, out);
    case V_METHOD:
        return builtin_call(r, callee->method->builtin, &callee->method->self, given, out);
    case V_MACRO:
        return macro_call(r, callee, given, out);
    case V_JOINER:
        if (given->n || given->n_named)
            return render_fail(r, "a joiner takes no arguments");
        return joiner_call(callee->cycler, r, out);
    case V_LOOP:
        if (given->n != 1 || given->n_named)
            return render_fail(r, "loop takes one argument");
        return loop_call(r, callee->loop, &given->items[0], out);
    default:
        return render_fail(r, "'%s' object is not callable", value_type(callee));
    }
}

int argument_bool(struct render *r, const struct value *v, bool otherwise)
{
    return v->kind == V_MISSING ? otherwise : value_truth(r, v);
}

int argument_int(struct render *r, const struct value *v, int64_t otherwise, const char *what, int64_t *out)
{
    if (v->kind == V_MISSING) {
        *out = otherwise;
        return 0;
    }
    if (v->kind == V_UNDEFINED)
        return render_fail(r, "%s", v->undefined ? v->undefined->why : "a value is undefined");
    if (!value_is_whole(v))
        return render_fail(r, "%s: an integer is needed, not %s", what, value_type(v));
    *out = value_whole(v);
    return 0;
}

int argument_text(struct render *r, const struct value *v, const char *what, const struct text **out)
{
    if (v->kind != V_STRING)
        return render_fail(r, "%s: a str is needed, not %s", what, value_type(v));
    *out = v->text;
    return 0;
}
