/*
 * plugins/math/calc.h - the value of an arithmetic expression.
 */
#ifndef PLUGINS_MATH_CALC_H
#define PLUGINS_MATH_CALC_H

#include <stdbool.h>
#include <stddef.h>

#include <gmp.h>

#define CALC_MAX_LEN      1000 /* bytes of an expression */
#define CALC_MAX_DEPTH    64   /* nested parentheses, signs and powers: recursion is bounded by this */
#define CALC_MAX_EXPONENT 100000

/*
 * Decimal numbers, + - * / ^ ( ), signs, sqrt(x), abs(x), round(x), round(x,n).  ^ binds tighter than a sign on its left
 * (-2^2 is -4) and groups from the right; ** is another way to write it.  false with a sentence in err.
 */
bool calc_evaluate(mpq_t out, const char *text, size_t len, char *err, size_t err_size);

#endif
