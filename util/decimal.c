#include "util/decimal.h"

#include <stddef.h>

#define HUGE (INT64_MAX / 4) /* exponents saturate: 1e99999999999999999999 is still a number */

static int64_t read_exponent(const char *p)
{
    bool minus = p[1] == '-';
    int64_t exponent = 0;

    for (p += minus || p[1] == '+' ? 2 : 1; *p; p++)
        exponent = exponent < HUGE / 10 ? exponent * 10 + (*p - '0') : HUGE;
    return minus ? -exponent : exponent;
}

struct decimal decimal_read(const char *text)
{
    struct decimal d = { .negative = *text == '-' };
    int64_t places = 0, zeros = 0; /* digits behind the point; zeros since the last other digit */
    const char *p = text + d.negative;
    bool fraction = false;

    for (; *p && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        places += fraction;
        zeros++;
        if (*p != '0') {
            zeros = 0;
            d.last = p;
            if (!d.first)
                d.first = p;
        }
    }
    if (!d.first)
        return (struct decimal){ 0 };
    d.exponent = (*p ? read_exponent(p) : 0) + zeros - places;
    return d;
}

int decimal_digits(struct decimal d)
{
    int n = 0;

    for (const char *p = d.first; p && p <= d.last; p++)
        n += *p != '.';
    return n;
}

static const char *skip_point(const char *p)
{
    return *p == '.' ? p + 1 : p;
}

/* Of two that are not zero, without their signs. */
static int compare_magnitudes(struct decimal a, struct decimal b)
{
    int64_t size_a = decimal_digits(a) + a.exponent, size_b = decimal_digits(b) + b.exponent;
    const char *p = a.first, *q = b.first;

    if (size_a != size_b)
        return size_a < size_b ? -1 : 1;
    while (p <= a.last && q <= b.last) {
        p = skip_point(p);
        q = skip_point(q);
        if (*p != *q)
            return *p < *q ? -1 : 1;
        p++;
        q++;
    }
    return (p <= a.last) - (q <= b.last);
}

static int sign(struct decimal d)
{
    return !d.first ? 0 : d.negative ? -1 : 1;
}

int decimal_compare(struct decimal a, struct decimal b)
{
    if (sign(a) != sign(b))
        return sign(a) - sign(b);
    return sign(a) * (sign(a) ? compare_magnitudes(a, b) : 0);
}

static uint64_t multiply(uint64_t a, uint64_t b, uint64_t modulus)
{
    return (uint64_t)((unsigned __int128)a * b % modulus);
}

static uint64_t power_of_ten(int64_t n, uint64_t modulus)
{
    uint64_t power = 1 % modulus, square = 10 % modulus;

    for (; n > 0; n >>= 1) {
        if (n & 1)
            power = multiply(power, square, modulus);
        square = multiply(square, square, modulus);
    }
    return power;
}

/* The integer of d without its power of ten; with modulus 0 d has at most DECIMAL_MAX_DIVISOR digits. */
static uint64_t integer_of(struct decimal d, uint64_t modulus)
{
    uint64_t n = 0;

    for (const char *p = d.first; p <= d.last; p++) {
        if (*p == '.')
            continue;
        n = n * 10 + (uint64_t)(*p - '0'); /* below 10^19, and 2^64 is above 1.8 * 10^19 */
        if (modulus)
            n %= modulus;
    }
    return n;
}

bool decimal_is_multiple(struct decimal d, struct decimal of)
{
    uint64_t divisor;

    if (!d.first)
        return true;
    if (d.exponent < of.exponent)
        return false; /* the last digit is not a zero, so no power of ten divides the integer */
    divisor = integer_of(of, 0);
    if (divisor == 0) /* zero has no multiple but itself */
        return false;
    return multiply(integer_of(d, divisor), power_of_ten(d.exponent - of.exponent, divisor), divisor) == 0;
}
