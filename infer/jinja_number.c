/* Arithmetic as Python has it, in 64 bits; numbers as text, and text as numbers. */
#include "infer/jinja_text.h"
#include "infer/jinja_tree.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/jinja_unicode.h"

/* --- text ----------------------------------------------------------------------------------------------------------- */

/* The shortest digits that read back as f; exponents outside [-4, 16) are written out. */
size_t float_repr(double f, char out[FLOAT_TEXT])
{
    char digits[FLOAT_TEXT], plain[FLOAT_TEXT];
    int precision = 0, exponent, n;

    if (isnan(f) || isinf(f))
        return (size_t)snprintf(out, FLOAT_TEXT, "%s", isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
    do
        snprintf(digits, sizeof digits, "%.*e", precision, f);
    while (strtod(digits, NULL) != f && ++precision < 17);
    exponent = atoi(strchr(digits, 'e') + 1);
    if (exponent < -4 || exponent >= 16) {
        n = (int)(strchr(digits, 'e') - digits);
        return (size_t)snprintf(out, FLOAT_TEXT, "%.*se%c%02d", n, digits, exponent < 0 ? '-' : '+', abs(exponent));
    }
    snprintf(plain, sizeof plain, "%.*f", precision > exponent ? precision - exponent : 0, f);
    return (size_t)snprintf(out, FLOAT_TEXT, "%s%s", plain, strchr(plain, '.') ? "" : ".0");
}

/* The text without white space around it and underscores between digits, NUL-terminated; false: no number, too long. */
static bool plain_digits(const struct text *t, char *out, size_t cap)
{
    size_t from, to, n = 0;

    text_strip(t, NULL, 0, &from, &to);
    if (from == to || to - from >= cap)
        return false;
    for (size_t i = from; i < to; i++) {
        char c = t->s[i];

        if (c == '_') {
            if (i == from || i + 1 == to || !n || (unsigned char)(out[n - 1] | 0x20) < '0' || t->s[i + 1] == '_' ||
                t->s[i + 1] == '.' || out[n - 1] == '.')
                return false;
            continue;
        }
        if (c == '\0' || (unsigned char)c >= 0x80)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

bool float_parse(const struct text *t, double *out)
{
    char s[400], *end;
    const char *p;

    if (!plain_digits(t, s, sizeof s))
        return false;
    p = s + (*s == '+' || *s == '-');
    if (*p != '.' && (*p < '0' || *p > '9')) {
        if (strcasecmp(p, "inf") != 0 && strcasecmp(p, "infinity") != 0 && strcasecmp(p, "nan") != 0)
            return false;
    } else if (strpbrk(p, "xXpP(")) {
        return false;
    }
    *out = strtod(s, &end);
    return *end == '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* Skips 0x, 0o, 0b as far as base allows it; base 0 takes what is there. */
static const char *skip_prefix(const char *p, int *base)
{
    int there = 0;

    if (*p == '0' && p[1])
        there = (p[1] | 0x20) == 'x' ? 16 : (p[1] | 0x20) == 'o' ? 8 : (p[1] | 0x20) == 'b' ? 2 : 0;
    if (there && (*base == 0 || *base == there)) {
        *base = there;
        return p + 2;
    }
    if (*base == 0)
        *base = 10;
    return p;
}

int int_parse(const struct text *t, int base, int64_t *out)
{
    char s[400];
    const char *p = s;
    bool negative, any = false;
    uint64_t n = 0;

    if (base == 1 || base < 0 || base > 36 || !plain_digits(t, s, sizeof s))
        return 0;
    negative = *p == '-';
    p += *p == '+' || *p == '-';
    p = skip_prefix(p, &base);
    for (; *p; p++, any = true) {
        if (digit_value(*p) >= base)
            return 0;
        if (__builtin_mul_overflow(n, (uint64_t)base, &n) || __builtin_add_overflow(n, (uint64_t)digit_value(*p), &n))
            n = UINT64_MAX;
    }
    if (!any)
        return 0;
    if (n > (uint64_t)INT64_MAX + negative)
        return -1;
    *out = negative ? (int64_t)(0 - n) : (int64_t)n;
    return 1;
}

/* --- arithmetic ----------------------------------------------------------------------------------------------------- */

static const char *const op_names[] = { "+", "-", "*", "/", "//", "%", "** or pow()" };

static int overflow(struct render *r)
{
    return render_fail(r, "an integer of more than 64 bits");
}

static int whole_result(struct render *r, bool overflows, int64_t n, struct value *out)
{
    if (overflows)
        return overflow(r);
    *out = value_int(n);
    return 0;
}

/* Towards minus infinity. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int power_whole(struct render *r, int64_t a, int64_t b, struct value *out)
{
    int64_t n = 1;
    bool too_big = false;

    if (b < 0) {
        if (a == 0)
            return render_fail(r, "0.0 cannot be raised to a negative power");
        *out = value_float(pow((double)a, (double)b));
        return 0;
    }
    if (a == 1 || a == 0 || a == -1) {
        *out = value_int(a == 0 ? b == 0 : a == 1 || b % 2 == 0 ? 1 : -1);
        return 0;
    }
    for (; b > 0 && !too_big; b--)
        too_big = __builtin_mul_overflow(n, a, &n);
    return whole_result(r, too_big, n, out);
}

static int binary_whole(struct render *r, int op, int64_t a, int64_t b, struct value *out)
{
    int64_t n = 0;
    bool too_big = false;

    if ((op == O_DIV || op == O_FLOORDIV || op == O_MOD) && b == 0)
        return render_fail(r, op == O_DIV ? "division by zero" : "integer division or modulo by zero");
    switch (op) {
    case O_ADD:
        too_big = __builtin_add_overflow(a, b, &n);
        break;
    case O_SUB:
        too_big = __builtin_sub_overflow(a, b, &n);
        break;
    case O_MUL:
        too_big = __builtin_mul_overflow(a, b, &n);
        break;
    case O_DIV:
        *out = value_float((double)a / (double)b);
        return 0;
    case O_FLOORDIV:
        if (b == -1)
            too_big = __builtin_sub_overflow((int64_t)0, a, &n);
        else
            n = floor_div(a, b);
        break;
    case O_MOD:
        n = b == -1 ? 0 : a - floor_div(a, b) * b;
        break;
    default:
        return power_whole(r, a, b, out);
    }
    return whole_result(r, too_big, n, out);
}

/* Python's: the remainder has the divisor's sign. */
static double float_mod(double a, double b)
{
    double m = fmod(a, b);

    if (m == 0)
        return copysign(0, b);
    return (m < 0) != (b < 0) ? m + b : m;
}

static double float_floor_div(double a, double b)
{
    double m = fmod(a, b), d = (a - m) / b, whole;

    if (m != 0 && (m < 0) != (b < 0))
        d -= 1;
    if (d == 0)
        return copysign(0, a / b);
    whole = floor(d);
    return d - whole > 0.5 ? whole + 1 : whole;
}

static int power_float(struct render *r, double a, double b, struct value *out)
{
    double f = pow(a, b);

    if (a == 0 && b < 0)
        return render_fail(r, "0.0 cannot be raised to a negative power");
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
        return render_fail(r, "a complex number");
    if (isinf(f) && isfinite(a) && isfinite(b))
        return render_fail(r, "the result is too large");
    *out = value_float(f);
    return 0;
}

static int binary_float(struct render *r, int op, double a, double b, struct value *out)
{
    if ((op == O_DIV || op == O_FLOORDIV || op == O_MOD) && b == 0)
        return render_fail(r, "float division by zero");
    switch (op) {
    case O_ADD:
        *out = value_float(a + b);
        return 0;
    case O_SUB:
        *out = value_float(a - b);
        return 0;
    case O_MUL:
        *out = value_float(a * b);
        return 0;
    case O_DIV:
        *out = value_float(a / b);
        return 0;
    case O_FLOORDIV:
        *out = value_float(float_floor_div(a, b));
        return 0;
    case O_MOD:
        *out = value_float(float_mod(a, b));
        return 0;
    default:
        return power_float(r, a, b, out);
    }
}

static bool is_sequence(const struct value *v)
{
    return v->kind == V_STRING || v->kind == V_LIST || v->kind == V_TUPLE;
}

static int repeat(struct render *r, const struct value *v, int64_t times, struct value *out)
{
    size_t n = times > 0 ? (size_t)times : 0, total;
    struct value *items;

    if (v->kind == V_STRING) {
        struct builder b;

        builder_init(&b, r);
        builder_repeat(&b, v->text, n);
        return builder_value(&b, v->text->safe, out);
    }
    if (__builtin_mul_overflow(n, v->list->n, &total) || render_steps(r, total) < 0)
        return render_limit(r, "a list of more than %zu items", r->max_steps);
    items = render_alloc(r, total ? total : 1, sizeof *items);
    if (!items)
        return -1;
    for (size_t i = 0; i < total; i++)
        items[i] = v->list->items[i % v->list->n];
    return list_value(r, items, total, v->kind, out);
}

static int add_texts(struct render *r, const struct text *a, const struct text *c, struct value *out)
{
    bool safe = a->safe || c->safe;
    struct builder b;

    builder_init(&b, r);
    if (!safe)
        builder_reserve(&b, a->len + c->len);
    if (safe) {
        builder_escaped(&b, a);
        builder_escaped(&b, c);
    } else {
        builder_text(&b, a);
        builder_text(&b, c);
    }
    return builder_value(&b, safe, out);
}

static int add_lists(struct render *r, const struct value *a, const struct value *b, struct value *out)
{
    size_t n = a->list->n + b->list->n;
    struct value *items = render_alloc(r, n ? n : 1, sizeof *items);

    if (!items)
        return -1;
    if (a->list->n)
        memcpy(items, a->list->items, a->list->n * sizeof *items);
    if (b->list->n)
        memcpy(items + a->list->n, b->list->items, b->list->n * sizeof *items);
    return list_value(r, items, n, a->kind, out);
}

static int fail_operands(struct render *r, int op, const struct value *a, const struct value *b)
{
    const struct value *u = a->kind == V_UNDEFINED ? a : b;

    if (u->kind == V_UNDEFINED)
        return render_fail(r, "%s", u->undefined ? u->undefined->why : "a value is undefined");
    if (a->kind == V_BIG || b->kind == V_BIG)
        return overflow(r);
    return render_fail(r, "unsupported operand type(s) for %s: '%s' and '%s'", op_names[op], value_type(a), value_type(b));
}

static int binary(struct render *r, int op, const struct value *a, const struct value *b, struct value *out)
{
    if (a->kind == V_STRING && op == O_MOD)
        return format_percent(r, a->text, b, out);
    if (value_is_whole(a) && value_is_whole(b))
        return binary_whole(r, op, value_whole(a), value_whole(b), out);
    if (value_is_number(a) && value_is_number(b))
        return binary_float(r, op, value_double(a), value_double(b), out);
    if (op == O_MUL && is_sequence(a) && value_is_whole(b))
        return repeat(r, a, value_whole(b), out);
    if (op == O_MUL && is_sequence(b) && value_is_whole(a))
        return repeat(r, b, value_whole(a), out);
    if (op == O_ADD && a->kind == b->kind && a->kind == V_STRING)
        return add_texts(r, a->text, b->text, out);
    if (op == O_ADD && a->kind == b->kind && is_sequence(a))
        return add_lists(r, a, b, out);
    return fail_operands(r, op, a, b);
}

int number_binary(struct render *r, int op, const struct value *a, const struct value *b, struct value *out)
{
    bool data = a->data || b->data;

    if (binary(r, op, a, b, out) < 0)
        return -1;
    out->data = data;
    return 0;
}

int number_negate(struct render *r, const struct value *v, struct value *out)
{
    int64_t n;

    if (v->kind == V_UNDEFINED)
        return render_fail(r, "%s", v->undefined ? v->undefined->why : "a value is undefined");
    if (v->kind == V_FLOAT) {
        *out = value_float(-v->f);
    } else if (value_is_whole(v)) {
        if (__builtin_sub_overflow((int64_t)0, value_whole(v), &n))
            return overflow(r);
        *out = value_int(n);
    } else {
        return render_fail(r, "bad operand type for unary -: '%s'", value_type(v));
    }
    out->data = v->data;
    return 0;
}

/* --- rounding ------------------------------------------------------------------------------------------------------- */

static int round_whole(struct render *r, int64_t n, int64_t digits, struct value *out)
{
    int64_t unit = 1, rest, low, half;

    if (digits >= 0) {
        *out = value_int(n);
        return 0;
    }
    if (digits < -18) {
        *out = value_int(0);
        return 0;
    }
    for (; digits < 0; digits++)
        unit *= 10;
    low = floor_div(n, unit);
    rest = n - low * unit;
    half = unit / 2;
    if (rest > half || (rest == half && low % 2 != 0))
        low++;
    if (__builtin_mul_overflow(low, unit, &n))
        return overflow(r);
    *out = value_int(n);
    return 0;
}

/* Halves go to the even digit, of the number as it is and not as it prints: that is how printf rounds, too. */
int number_round(struct render *r, const struct value *v, int64_t digits, struct value *out)
{
    char text[512];
    double f = value_double(v), unit;

    if (value_is_whole(v))
        return round_whole(r, value_whole(v), digits, out);
    *out = *v;
    if (!isfinite(f) || f == 0 || digits > 323)
        return 0;
    if (digits >= 0) {
        if (digits > 100)
            return 0;
        snprintf(text, sizeof text, "%.*f", (int)digits, f);
        f = strtod(text, NULL);
    } else {
        unit = digits < -308 ? HUGE_VAL : pow(10, (double)-digits);
        f = isinf(unit) ? copysign(0, f) : nearbyint(f / unit) * unit;
    }
    if (isinf(f))
        return render_fail(r, "rounded value too large to represent");
    out->f = f;
    return 0;
}
