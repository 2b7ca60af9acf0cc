/* number.c - see number.h. */
#include "number.h"

#include <stdlib.h>
#include <string.h>

bool number_fits(const mpq_t v)
{
    return mpz_sizeinbase(mpq_numref(v), 2) <= NUMBER_MAX_BITS && mpz_sizeinbase(mpq_denref(v), 2) <= NUMBER_MAX_BITS;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The exponent's bytes, or 0 when what follows the digits is none ("2e" is the number 2 and an e). */
static size_t parse_exponent(const char *text, size_t len, long *out)
{
    size_t at = 1;
    bool negative = false;
    long e = 0;

    if (len < 2 || (text[0] != 'e' && text[0] != 'E'))
        return 0;
    if (text[at] == '-' || text[at] == '+')
        negative = text[at++] == '-';
    if (at >= len || !is_digit(text[at]))
        return 0;
    for (; at < len && is_digit(text[at]); at++)
        if (e <= NUMBER_MAX_DIGITS)
            e = e * 10 + (text[at] - '0');
    *out = negative ? -e : e;
    return at;
}

static void multiply_power_of_ten(mpq_t v, long exponent)
{
    mpz_t power;

    mpz_init(power);
    mpz_ui_pow_ui(power, 10, (unsigned long)labs(exponent));
    if (exponent > 0)
        mpz_mul(mpq_numref(v), mpq_numref(v), power);
    else
        mpz_mul(mpq_denref(v), mpq_denref(v), power);
    mpq_canonicalize(v);
    mpz_clear(power);
}

size_t number_parse(mpq_t out, const char *text, size_t len)
{
    char *digits = malloc(len + 1);
    size_t at = 0, n = 0;
    long exponent = 0, places = 0;

    if (digits == NULL)
        return 0;
    while (at < len && is_digit(text[at]))
        digits[n++] = text[at++];
    if (at < len && text[at] == '.') {
        at++;
        for (; at < len && is_digit(text[at]); places++)
            digits[n++] = text[at++];
    }
    digits[n] = '\0';
    if (n > 0) {
        mpz_set_str(mpq_numref(out), digits, 10);
        mpz_set_ui(mpq_denref(out), 1);
        at += parse_exponent(text + at, len - at, &exponent);
    }
    free(digits);
    if (n == 0 || labs(exponent) > NUMBER_MAX_DIGITS)
        return 0;
    multiply_power_of_ten(out, exponent - places);
    return at;
}

/*
 * mpz_sizeinbase() in base 10 may be one too large on either side, so the estimate is at most two off; comparing with the
 * power of ten settles it.
 */
long number_magnitude(const mpq_t v)
{
    mpq_t abs, power;
    long e = (long)mpz_sizeinbase(mpq_numref(v), 10) - (long)mpz_sizeinbase(mpq_denref(v), 10) + 1;

    mpq_init(abs);
    mpq_init(power);
    mpq_abs(abs, v);
    for (;; e--) {
        mpq_set_ui(power, 1, 1);
        multiply_power_of_ten(power, e);
        if (mpq_cmp(abs, power) >= 0)
            break;
    }
    mpq_clear(abs);
    mpq_clear(power);
    return e;
}

void number_scale(mpz_t out, const mpq_t v, long digits)
{
    mpq_t scaled;
    mpz_t rest;
    int half;

    mpq_init(scaled);
    mpz_init(rest);
    mpq_set(scaled, v);
    multiply_power_of_ten(scaled, digits);
    mpz_fdiv_qr(out, rest, mpq_numref(scaled), mpq_denref(scaled));
    mpz_mul_2exp(rest, rest, 1);
    half = mpz_cmp(rest, mpq_denref(scaled));
    if (half > 0 || (half == 0 && mpz_odd_p(out)))
        mpz_add_ui(out, out, 1);
    mpz_clear(rest);
    mpq_clear(scaled);
}

/* How many places after the point the exact value takes, or -1 when it never ends. */
static long decimal_places(const mpq_t v)
{
    mpz_t rest, five;
    unsigned long twos = 0, fives;
    bool ends;

    mpz_init_set(rest, mpq_denref(v));
    mpz_init_set_ui(five, 5);
    twos = mpz_scan1(rest, 0);
    mpz_tdiv_q_2exp(rest, rest, twos);
    fives = mpz_remove(rest, rest, five);
    ends = mpz_cmp_ui(rest, 1) == 0;
    mpz_clear(rest);
    mpz_clear(five);
    return ends ? (long)(twos > fives ? twos : fives) : -1;
}

/* digits (no sign, no leading zeros) * 10^-places, in plain decimal. */
static bool write_plain(bool negative, char *digits, long places, char out[NUMBER_TEXT_SIZE])
{
    size_t n = strlen(digits), at = 0;
    long before;

    while (n > 1 && digits[n - 1] == '0') {
        n--;
        places--;
    }
    before = (long)n - places;
    if (before > NUMBER_MAX_DIGITS || places > NUMBER_MAX_DIGITS)
        return false;
    if (negative)
        out[at++] = '-';
    if (before <= 0)
        out[at++] = '0';
    for (long i = 0; i < before; i++)
        out[at++] = (size_t)i < n ? digits[i] : '0';
    if (places > 0) {
        out[at++] = '.';
        for (long i = before; i < 0; i++)
            out[at++] = '0';
        for (long i = before > 0 ? before : 0; i < (long)n; i++)
            out[at++] = digits[i];
    }
    out[at] = '\0';
    return true;
}

static size_t significant(const char *digits)
{
    size_t n = strlen(digits);

    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

bool number_format(const mpq_t v, size_t exact_digits, size_t round_digits, char out[NUMBER_TEXT_SIZE])
{
    char *digits = NULL;
    mpz_t whole;
    long places = decimal_places(v), magnitude;
    bool good;

    if (mpq_sgn(v) == 0) {
        memcpy(out, "0", 2);
        return true;
    }
    magnitude = number_magnitude(v);
    if (labs(magnitude) > NUMBER_MAX_DIGITS)
        return false;
    mpz_init(whole);
    if (places >= 0) {
        number_scale(whole, v, places);
        mpz_abs(whole, whole);
        digits = mpz_get_str(NULL, 10, whole);
    }
    if (digits == NULL || significant(digits) > exact_digits) {
        free(digits);
        places = (long)round_digits - 1 - magnitude;
        number_scale(whole, v, places);
        mpz_abs(whole, whole);
        digits = mpz_get_str(NULL, 10, whole);
    }
    good = write_plain(mpq_sgn(v) < 0, digits, places, out);
    free(digits);
    mpz_clear(whole);
    return good;
}
