/* Tests: what may stand behind is. */
#include "infer/jinja_case.h"
#include "infer/jinja_tree.h"

#include <math.h>

#define TEST(name) \
    static int test_##name(struct render *r, const struct value *self, const struct call *call, struct value *out)
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Those that only look at what the value is. */
#define KIND_TEST(name, test)    \
    TEST(name)                   \
    {                            \
        (void)r;                 \
        (void)call;              \
        *out = value_bool(test); \
        return 0;                \
    }

static bool is_callable(const struct value *v)
{
    return v->kind == V_UNDEFINED || v->kind == V_MACRO || v->kind == V_FUNCTION || v->kind == V_METHOD ||
           v->kind == V_LOOP || v->kind == V_JOINER;
}

static bool is_sequence(const struct value *v)
{
    return value_has_length(v) && v->kind != V_VIEW && v->kind != V_LOOP;
}

KIND_TEST(defined, self->kind != V_UNDEFINED)
KIND_TEST(undefined, self->kind == V_UNDEFINED)
KIND_TEST(none, self->kind == V_NONE)
KIND_TEST(string, self->kind == V_STRING)
KIND_TEST(number, value_is_number(self) || self->kind == V_BIG)
KIND_TEST(integer, self->kind == V_INT || self->kind == V_BIG)
KIND_TEST(float, self->kind == V_FLOAT)
KIND_TEST(boolean, self->kind == V_BOOL)
KIND_TEST(is_true, self->kind == V_BOOL && self->b)
KIND_TEST(is_false, self->kind == V_BOOL && !self->b)
KIND_TEST(mapping, self->kind == V_DICT)
KIND_TEST(sequence, is_sequence(self))
KIND_TEST(iterable, value_is_iterable(self))
KIND_TEST(callable, is_callable(self))
KIND_TEST(escaped, self->kind == V_STRING && self->text->safe)
KIND_TEST(sameas, value_same(self, &call->arg[0]))

TEST(lower)
{
    const struct text *t;

    (void)call;
    if (value_text(r, self, &t) < 0)
        return -1;
    *out = value_bool(text_is_lower(t));
    return 0;
}

TEST(upper)
{
    const struct text *t;

    (void)call;
    if (value_text(r, self, &t) < 0)
        return -1;
    *out = value_bool(text_is_upper(t));
    return 0;
}

static int remainder_is(struct render *r, const struct value *v, const struct value *by, int64_t is, struct value *out)
{
    struct value rest, wanted = value_int(is);
    int same;

    if (number_binary(r, O_MOD, v, by, &rest) < 0)
        return -1;
    same = value_equal(r, &rest, &wanted);
    *out = value_bool(same == 1);
    return same < 0 ? -1 : 0;
}

TEST(odd)
{
    const struct value two = value_int(2);

    (void)call;
    return remainder_is(r, self, &two, 1, out);
}

TEST(even)
{
    const struct value two = value_int(2);

    (void)call;
    return remainder_is(r, self, &two, 0, out);
}

TEST(divisibleby)
{
    return remainder_is(r, self, &call->arg[0], 0, out);
}

static int equality(struct render *r, const struct value *a, const struct value *b, bool inverse, struct value *out)
{
    int same = value_equal(r, a, b);

    *out = value_bool(same != inverse);
    return same < 0 ? -1 : 0;
}

TEST(eq)
{
    return equality(r, self, &call->arg[0], false, out);
}

TEST(ne)
{
    return equality(r, self, &call->arg[0], true, out);
}

/* The orders that pass, as bits: 1 less, 2 equal, 4 greater. */
static int in_order(struct render *r, const struct value *a, const struct value *b, const char *op, unsigned pass,
                    struct value *out)
{
    int order;

    if (value_compare(r, a, b, op, &order) < 0)
        return -1;
    *out = value_bool(order != 2 && pass & (order < 0 ? 1u : order == 0 ? 2u : 4u));
    return 0;
}

TEST(lt)
{
    return in_order(r, self, &call->arg[0], "<", 1, out);
}

TEST(le)
{
    return in_order(r, self, &call->arg[0], "<=", 3, out);
}

TEST(gt)
{
    return in_order(r, self, &call->arg[0], ">", 4, out);
}

TEST(ge)
{
    return in_order(r, self, &call->arg[0], ">=", 6, out);
}

TEST(in)
{
    int found = value_contains(r, &call->arg[0], self);

    *out = value_bool(found == 1);
    return found < 0 ? -1 : 0;
}

static int is_known(struct render *r, const struct value *v, bool filters, struct value *out)
{
    if (!value_hashable(v))
        return render_fail(r, "unhashable type: '%s'", value_type(v));
    *out = value_bool(v->kind == V_STRING &&
                      (filters ? filter_find(v->text->s, v->text->len) : test_find(v->text->s, v->text->len)));
    return 0;
}

TEST(filter)
{
    (void)call;
    return is_known(r, self, true, out);
}

TEST(test)
{
    (void)call;
    return is_known(r, self, false, out);
}

const struct builtin *test_find(const char *name, size_t len)
{
    static const struct builtin tests[] = {
        { "!=", "b /", 1, test_ne },
        { "<", "b /", 1, test_lt },
        { "<=", "b /", 1, test_le },
        { "==", "b /", 1, test_eq },
        { ">", "b /", 1, test_gt },
        { ">=", "b /", 1, test_ge },
        { "boolean", "", 0, test_boolean },
        { "callable", "", 0, test_callable },
        { "defined", "", 0, test_defined },
        { "divisibleby", "num", 1, test_divisibleby },
        { "eq", "b /", 1, test_eq },
        { "equalto", "b /", 1, test_eq },
        { "escaped", "", 0, test_escaped },
        { "even", "", 0, test_even },
        { "false", "", 0, test_is_false },
        { "filter", "", 0, test_filter },
        { "float", "", 0, test_float },
        { "ge", "b /", 1, test_ge },
        { "greaterthan", "b /", 1, test_gt },
        { "gt", "b /", 1, test_gt },
        { "in", "seq", 1, test_in },
        { "integer", "", 0, test_integer },
        { "iterable", "", 0, test_iterable },
        { "le", "b /", 1, test_le },
        { "lessthan", "b /", 1, test_lt },
        { "lower", "", 0, test_lower },
        { "lt", "b /", 1, test_lt },
        { "mapping", "", 0, test_mapping },
        { "ne", "b /", 1, test_ne },
        { "none", "", 0, test_none },
        { "number", "", 0, test_number },
        { "odd", "", 0, test_odd },
        { "sameas", "other", 1, test_sameas },
        { "sequence", "", 0, test_sequence },
        { "string", "", 0, test_string },
        { "test", "", 0, test_test },
        { "true", "", 0, test_is_true },
        { "undefined", "", 0, test_undefined },
        { "upper", "", 0, test_upper },
    };

    return builtin_find(tests, COUNT(tests), name, len);
}
