/*
 * calc.c - a recursive-descent evaluator on exact rationals.
 *
 *     sum     = product { ("+" | "-") product }
 *     product = signed { ("*" | "/") signed }
 *     signed  = { "+" | "-" } power
 *     power   = operand [ "^" signed ]
 *     operand = number | "(" sum ")" | name "(" sum { "," sum } ")"
 *
 * Only sqrt is not exact: a root that is no fraction carries ROOT_DIGITS digits.  Where such values cancel, what is left is
 * their error and not a result, so a sum far smaller than what went into it becomes 0 (sqrt(2)^2 - 2 is 0).
 */
#include "calc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "number.h"

#define ROOT_DIGITS   60
#define CANCEL_DIGITS 50

struct parser {
    const char *text;
    size_t len, at;
    int depth;
    bool inexact; /* a root was taken that is no fraction */
    char *err;
    size_t err_size;
};

static bool parse_sum(struct parser *, mpq_t);

__attribute__((format(printf, 2, 3))) static bool refuse(struct parser *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(p->err, p->err_size, fmt, ap);
    va_end(ap);
    return false;
}

/* The next character that is not blank, or NUL at the end. */
static char peek(struct parser *p)
{
    while (p->at < p->len && (p->text[p->at] == ' ' || p->text[p->at] == '\t' || p->text[p->at] == '\n'))
        p->at++;
    return p->at < p->len ? p->text[p->at] : '\0';
}

static bool accept(struct parser *p, char c)
{
    if (peek(p) != c || p->at >= p->len)
        return false;
    p->at++;
    return true;
}

static bool accept_power(struct parser *p)
{
    if (accept(p, '^'))
        return true;
    if (peek(p) != '*' || p->at + 1 >= p->len || p->text[p->at + 1] != '*')
        return false;
    p->at += 2;
    return true;
}

static bool syntax_error(struct parser *p)
{
    unsigned char c = (unsigned char)peek(p);
    size_t n = 1;

    if (p->at >= p->len)
        return refuse(p, "syntax error: the expression ends too early");
    while (c >= 0x80 && p->at + n < p->len && ((unsigned char)p->text[p->at + n] & 0xc0) == 0x80)
        n++;
    if (c < 0x20)
        return refuse(p, "syntax error: unexpected control character at character %zu", p->at + 1);
    return refuse(p, "syntax error: unexpected \"%.*s\" at character %zu", (int)n, p->text + p->at, p->at + 1);
}

static bool check_size(struct parser *p, mpq_t v)
{
    return number_fits(v) || refuse(p, "the numbers grow too large: at most about 9800 digits");
}

static bool enter(struct parser *p)
{
    return ++p->depth <= CALC_MAX_DEPTH ||
           refuse(p, "the expression is nested too deeply: at most %d levels", CALC_MAX_DEPTH);
}

/* --- functions ------------------------------------------------------------------------------------------------- */

static bool take_root(struct parser *p, mpq_t v)
{
    long digits;
    mpz_t whole;

    if (mpq_sgn(v) < 0)
        return refuse(p, "square root of a negative number");
    if (mpz_perfect_square_p(mpq_numref(v)) && mpz_perfect_square_p(mpq_denref(v))) {
        mpz_sqrt(mpq_numref(v), mpq_numref(v));
        mpz_sqrt(mpq_denref(v), mpq_denref(v));
        return true;
    }
    p->inexact = true;
    mpz_init(whole);
    digits = ROOT_DIGITS - number_magnitude(v) / 2;
    number_scale(whole, v, 2 * digits);
    mpz_sqrt(whole, whole);
    mpq_set_z(v, whole);
    mpz_ui_pow_ui(whole, 10, (unsigned long)(digits < 0 ? -digits : digits));
    if (digits < 0)
        mpz_mul(mpq_numref(v), mpq_numref(v), whole);
    else
        mpz_set(mpq_denref(v), whole);
    mpq_canonicalize(v);
    mpz_clear(whole);
    return check_size(p, v);
}

static bool round_to(struct parser *p, mpq_t v, mpq_t digits)
{
    mpz_t whole;
    long n;

    if (mpz_cmp_ui(mpq_denref(digits), 1) != 0 || mpz_cmpabs_ui(mpq_numref(digits), 100) > 0)
        return refuse(p, "round(x,n): n must be a whole number from -100 to 100");
    n = mpz_get_si(mpq_numref(digits));
    mpz_init(whole);
    number_scale(whole, v, n);
    mpq_set_z(v, whole);
    mpz_ui_pow_ui(whole, 10, (unsigned long)(n < 0 ? -n : n));
    if (n < 0)
        mpz_mul(mpq_numref(v), mpq_numref(v), whole);
    else
        mpz_set(mpq_denref(v), whole);
    mpq_canonicalize(v);
    mpz_clear(whole);
    return true;
}

static bool apply_function(struct parser *p, const char *name, size_t len, mpq_t v, mpq_t second, int n_args)
{
    if (len == 4 && memcmp(name, "sqrt", 4) == 0)
        return n_args == 1 ? take_root(p, v) : refuse(p, "sqrt takes one argument");
    if (len == 3 && memcmp(name, "abs", 3) == 0) {
        mpq_abs(v, v);
        return n_args == 1 || refuse(p, "abs takes one argument");
    }
    return round_to(p, v, second);
}

static bool is_function(const char *name, size_t len)
{
    return (len == 4 && memcmp(name, "sqrt", 4) == 0) || (len == 3 && memcmp(name, "abs", 3) == 0) ||
           (len == 5 && memcmp(name, "round", 5) == 0);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool parse_function(struct parser *p, mpq_t out)
{
    const char *name = p->text + p->at;
    size_t len = 0;
    mpq_t second;
    int n_args = 1;
    bool good;

    while (p->at < p->len && is_letter(p->text[p->at])) {
        p->at++;
        len++;
    }
    if (!is_function(name, len))
        return refuse(p, "unknown name \"%.*s\": use numbers, + - * / ^ ( ), sqrt(x), abs(x) and round(x,n)",
                      len > 32 ? 32 : (int)len, name);
    if (!accept(p, '('))
        return refuse(p, "syntax error: expected \"(\" after %.*s", (int)len, name);
    mpq_init(second);
    good = parse_sum(p, out);
    if (good && accept(p, ',')) {
        n_args = 2;
        good = parse_sum(p, second);
    }
    if (good && !accept(p, ')'))
        good = syntax_error(p);
    good = good && apply_function(p, name, len, out, second, n_args);
    mpq_clear(second);
    return good;
}

/* --- grammar --------------------------------------------------------------------------------------------------- */

static bool parse_operand(struct parser *p, mpq_t out)
{
    char c = peek(p);
    size_t used;

    if (c == '(') {
        p->at++;
        return parse_sum(p, out) && (accept(p, ')') || syntax_error(p));
    }
    if (is_letter(c))
        return parse_function(p, out);
    if ((c < '0' || c > '9') && c != '.')
        return syntax_error(p);
    used = number_parse(out, p->text + p->at, p->len - p->at);
    if (used == 0)
        return refuse(p, "syntax error: the number at character %zu cannot be read", p->at + 1);
    p->at += used;
    return true;
}

static bool raise_to(struct parser *p, mpq_t base, const mpq_t exponent)
{
    unsigned long n;
    size_t bits;

    if (mpz_cmp_ui(mpq_denref(exponent), 1) != 0)
        return refuse(p, "an exponent must be a whole number; for a square root use sqrt(x)");
    if (mpq_sgn(base) == 0 && mpq_sgn(exponent) < 0)
        return refuse(p, "division by zero");
    if (mpz_cmpabs_ui(mpq_numref(exponent), CALC_MAX_EXPONENT) > 0)
        return refuse(p, "the exponent is too large: at most %d", CALC_MAX_EXPONENT);
    n = mpz_get_ui(mpq_numref(exponent));
    bits = mpz_sizeinbase(mpq_numref(base), 2);
    if (mpz_sizeinbase(mpq_denref(base), 2) > bits)
        bits = mpz_sizeinbase(mpq_denref(base), 2);
    if (bits > 1 && (bits - 1) * n > NUMBER_MAX_BITS)
        return refuse(p, "the power is too large: at most about 9800 digits");
    mpz_pow_ui(mpq_numref(base), mpq_numref(base), n);
    mpz_pow_ui(mpq_denref(base), mpq_denref(base), n);
    if (mpq_sgn(exponent) < 0)
        mpq_inv(base, base);
    return check_size(p, base);
}

static bool parse_signed(struct parser *p, mpq_t out)
{
    mpq_t exponent;
    bool negative = false, good;

    if (!enter(p))
        return false;
    for (;;) {
        if (accept(p, '-'))
            negative = !negative;
        else if (!accept(p, '+'))
            break;
    }
    good = parse_operand(p, out);
    if (good && accept_power(p)) {
        mpq_init(exponent);
        good = parse_signed(p, exponent) && raise_to(p, out, exponent);
        mpq_clear(exponent);
    }
    if (negative)
        mpq_neg(out, out);
    p->depth--;
    return good;
}

static bool parse_product(struct parser *p, mpq_t out)
{
    mpq_t right;
    bool good = parse_signed(p, out);

    mpq_init(right);
    while (good) {
        bool divide = accept(p, '/');

        if (!divide && !accept(p, '*'))
            break;
        good = parse_signed(p, right);
        if (!good)
            break;
        if (divide && mpq_sgn(right) == 0)
            good = refuse(p, "division by zero");
        else if (divide)
            mpq_div(out, out, right);
        else
            mpq_mul(out, out, right);
        good = good && check_size(p, out);
    }
    mpq_clear(right);
    return good;
}

/* True when sum is nothing but the error of the roots that cancelled in it. */
static bool is_cancelled(const struct parser *p, const mpq_t sum, const mpq_t part)
{
    return p->inexact && mpq_sgn(sum) != 0 && mpq_sgn(part) != 0 &&
           number_magnitude(sum) < number_magnitude(part) - CANCEL_DIGITS;
}

static bool parse_sum(struct parser *p, mpq_t out)
{
    mpq_t right;
    bool good = parse_product(p, out);

    mpq_init(right);
    while (good) {
        bool minus = accept(p, '-');

        if (!minus && !accept(p, '+'))
            break;
        good = parse_product(p, right);
        if (!good)
            break;
        if (minus)
            mpq_sub(out, out, right);
        else
            mpq_add(out, out, right);
        if (is_cancelled(p, out, right))
            mpq_set_ui(out, 0, 1);
        good = check_size(p, out);
    }
    mpq_clear(right);
    return good;
}

bool calc_evaluate(mpq_t out, const char *text, size_t len, char *err, size_t err_size)
{
    struct parser p = { .text = text, .len = len, .err = err, .err_size = err_size };

    if (len > CALC_MAX_LEN)
        return refuse(&p, "the expression has %zu characters, at most %d are allowed", len, CALC_MAX_LEN);
    if (!parse_sum(&p, out))
        return false;
    return peek(&p) == '\0' && p.at >= p.len ? true : syntax_error(&p);
}
