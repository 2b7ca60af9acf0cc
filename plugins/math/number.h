/*
 * plugins/math/number.h - decimal text to exact rationals and back.
 *
 * Values are GMP rationals, so that 0.1 + 0.2 is 0.3.  Their size is bounded: everything that makes a value checks it with
 * number_fits(), so that no short expression can ask for a number that fills the memory.
 */
#ifndef PLUGINS_MATH_NUMBER_H
#define PLUGINS_MATH_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#include <gmp.h>

#define NUMBER_MAX_BITS   32768 /* of a numerator or denominator: about 9,800 digits, every step stays under 1 ms */
#define NUMBER_MAX_DIGITS 1000  /* before or after the decimal point of what is written */
#define NUMBER_TEXT_SIZE  (NUMBER_MAX_DIGITS + 64)

bool number_fits(const mpq_t);

/*
 * Reads an unsigned decimal number ("12", "0.5", ".5", "1e-3") from the start of text.  Returns how many bytes it has; 0
 * when there is none, or when its exponent is over NUMBER_MAX_DIGITS in magnitude.
 */
size_t number_parse(mpq_t out, const char *text, size_t len);

/* floor(log10(|value|)); value is not 0. */
long number_magnitude(const mpq_t value);

/* value * 10^digits rounded to an integer, ties to even. */
void number_scale(mpz_t out, const mpq_t value, long digits);

/*
 * Plain decimal text.  Exact when the value has a finite expansion of at most exact_digits digits (from the first that is
 * not 0 to the last), else rounded half-even to round_digits significant digits.  No trailing zeros after the point.
 * false when it would take more than NUMBER_MAX_DIGITS before or after the point.
 */
bool number_format(const mpq_t value, size_t exact_digits, size_t round_digits, char out[NUMBER_TEXT_SIZE]);

#endif
