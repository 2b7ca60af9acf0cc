/* Functions that every template has. */
#include "infer/jinja_text.h"

#include <stdio.h>
#include <string.h>

#define FUNCTION(name) \
    static int function_##name(struct render *r, const struct value *self, const struct call *call, struct value *out)
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

#define MAX_RANGE 100000 /* numbers, as many as Jinja's sandbox allows */
#define MAX_TIME  512    /* bytes of a time as text */

FUNCTION(range)
{
    struct range *range = render_alloc(r, 1, sizeof *range);
    int64_t start = 0, stop, step;
    uint64_t distance, stride;

    (void)self;
    if (!range || argument_int(r, &call->arg[0], 0, "range", &stop) < 0 ||
        argument_int(r, &call->arg[2], 1, "range", &step) < 0)
        return -1;
    if (call->arg[1].kind != V_MISSING) {
        start = stop;
        if (argument_int(r, &call->arg[1], 0, "range", &stop) < 0)
            return -1;
    }
    if (step == 0)
        return render_fail(r, "range() arg 3 must not be zero");
    *range = (struct range){ start, stop, step, 0 };
    if (step > 0) {
        distance = stop > start ? (uint64_t)stop - (uint64_t)start : 0;
        stride = (uint64_t)step;
    } else {
        distance = stop < start ? (uint64_t)start - (uint64_t)stop : 0;
        stride = 0 - (uint64_t)step;
    }
    if (distance > 0 && (distance - 1) / stride + 1 > MAX_RANGE)
        return render_fail(r, "a range of more than %d numbers", MAX_RANGE);
    range->n = distance > 0 ? (size_t)((distance - 1) / stride + 1) : 0;
    *out = (struct value){ .kind = V_RANGE, .range = range };
    return 0;
}

/* A dict, or pairs. */
static int add_pairs(struct render *r, struct dict *d, const struct value *from)
{
    const struct list *items, *pair;

    for (size_t i = 0; from->kind == V_DICT && i < from->dict->n; i++)
        if (dict_set(r, d, &from->dict->keys[i], &from->dict->values[i]) < 0)
            return -1;
    if (from->kind == V_DICT)
        return 0;
    if (value_items(r, from, &items) < 0)
        return -1;
    for (size_t i = 0; i < items->n; i++) {
        if (value_items(r, &items->items[i], &pair) < 0)
            return -1;
        if (pair->n != 2)
            return render_fail(r, "dictionary update sequence element #%zu has length %zu; 2 is required", i, pair->n);
        if (dict_set(r, d, &pair->items[0], &pair->items[1]) < 0)
            return -1;
    }
    return 0;
}

static struct dict *make_dict(struct render *r, const struct arguments *given)
{
    struct dict *d = dict_create(r, given->n_named);

    if (given->n > 1)
        render_fail(r, "dict expected at most 1 argument, got %zu", given->n);
    if (!d || given->n > 1 || (given->n == 1 && add_pairs(r, d, &given->items[0]) < 0))
        return NULL;
    for (size_t i = 0; i < given->n_named; i++) {
        struct value key = value_string(given->names[i]);

        if (dict_set(r, d, &key, &given->named[i]) < 0)
            return NULL;
    }
    return d;
}

FUNCTION(dict)
{
    struct dict *d = make_dict(r, call->given);

    (void)self;
    *out = (struct value){ .kind = V_DICT, .dict = d };
    if (call->given->n == 1)
        out->data = call->given->items[0].data;
    return d ? 0 : -1;
}

FUNCTION(namespace)
{
    struct dict *d = make_dict(r, call->given);

    (void)self;
    for (size_t i = 0; d && i < d->n; i++)
        if (d->keys[i].kind == V_STRING && d->keys[i].text->len && d->keys[i].text->s[0] == '_')
            return render_fail(r, "a namespace has no attributes that begin with an underscore");
    *out = (struct value){ .kind = V_NAMESPACE, .dict = d };
    return d ? 0 : -1;
}

FUNCTION(cycler)
{
    struct cycler *c = render_alloc(r, 1, sizeof *c);

    (void)self;
    if (!c)
        return -1;
    if (call->given->n == 0 || call->given->n_named)
        return render_fail(r, "at least one item has to be provided");
    *out = (struct value){ .kind = V_CYCLER, .cycler = c };
    return list_value(r, call->given->items, call->given->n, V_TUPLE, &c->items);
}

FUNCTION(joiner)
{
    struct cycler *c = render_alloc(r, 1, sizeof *c);

    (void)self;
    if (!c)
        return -1;
    *out = (struct value){ .kind = V_JOINER, .cycler = c };
    c->items = call->arg[0];
    return c->items.kind == V_MISSING ? value_literal(r, ", ", &c->items) : 0;
}

/* The error is the template's own: its text as it is. */
FUNCTION(raise_exception)
{
    const struct text *t;

    (void)self;
    (void)out;
    if (value_text(r, &call->arg[0], &t) < 0)
        return -1;
    r->raised = true;
    fail(r->err, CORAX_E_ARGS, "%.*s", (int)(t->len < ERR_MSG ? t->len : ERR_MSG), t->s);
    return -1;
}

FUNCTION(strftime_now)
{
    const struct text *format;
    char *fmt, s[MAX_TIME];
    size_t n;
    struct builder b;

    (void)self;
    if (argument_text(r, &call->arg[0], "strftime_now", &format) < 0)
        return -1;
    if (!r->options->now)
        return render_fail(r, "strftime_now: there is no time");
    if (memchr(format->s, '\0', format->len))
        return render_fail(r, "strftime_now: embedded null character");
    fmt = render_alloc(r, format->len + 2, 1);
    if (!fmt)
        return -1;
    memcpy(fmt, format->s, format->len);
    fmt[format->len] = '.'; /* so that an empty result is told from one that is too long */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    n = strftime(s, sizeof s, fmt, r->options->now);
#pragma GCC diagnostic pop
    if (n == 0)
        return render_limit(r, "strftime_now: more than %d bytes", MAX_TIME - 2);
    builder_init(&b, r);
    builder_add(&b, s, n - 1, format->origin != ORIGIN_TEMPLATE);
    return builder_value(&b, false, out);
}

FUNCTION(lipsum)
{
    (void)self;
    (void)call;
    (void)out;
    return render_fail(r, "lipsum is not available");
}

const struct builtin *function_find(const char *name, size_t len)
{
    static const struct builtin functions[] = {
        { "cycler", NULL, 0, function_cycler },
        { "dict", NULL, 0, function_dict },
        { "joiner", "sep", 0, function_joiner },
        { "lipsum", NULL, 0, function_lipsum },
        { "namespace", NULL, 0, function_namespace },
        { "raise_exception", "message", 1, function_raise_exception },
        { "range", "start stop step /", 1, function_range },
        { "strftime_now", "format", 1, function_strftime_now },
    };

    return builtin_find(functions, COUNT(functions), name, len);
}
