/*
 * util/decimal.h - JSON numbers by their exact decimal value, however long.
 *
 * A double would call 9007199254740992 and 9007199254740993 the same, and 0.07 no multiple of 0.01.
 */
#ifndef UTIL_DECIMAL_H
#define UTIL_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#define DECIMAL_MAX_DIVISOR 18 /* significant digits of a number that decimal_is_multiple() divides by: its integer fits 64 bits */

/*
 * An integer times ten to the exponent.  The integer's digits stand from first to last in the text that was read,
 * perhaps with a point between them, and neither end is a zero; first is NULL for zero.
 */
struct decimal {
    bool        negative;
    const char *first, *last;
    int64_t     exponent; /* saturates far beyond any number of digits */
};

/* text is a JSON number, which must outlive the result. */
struct decimal decimal_read(const char *text);
int decimal_digits(struct decimal);                        /* significant digits; 0 for zero */
int decimal_compare(struct decimal, struct decimal);       /* below, at or above 0, as strcmp() does */
/* of has 1 to DECIMAL_MAX_DIVISOR digits.  Zero is a multiple of everything. */
bool decimal_is_multiple(struct decimal, struct decimal of);

#endif
