/*
 * Multiples, digit by digit.
 *
 * A number is a multiple of m = a * 10^-k exactly if, written without its point to k places behind it, it is an integer
 * that a divides, and what stands behind those places is zero.  So the state of a walk is the remainder by a of the digits
 * so far, and where among them the point is:
 *
 *   PART_ZERO        after a leading zero, which only a point may follow
 *   PART_WHOLE       in the whole part;  PART_WHOLE_ONLY: the same where no fraction is wanted
 *   PART_POINT       after the point, where a digit has to come
 *   PART_FRACTION    in the fraction
 */
#include "infer/regex_store.h"

/* What the rest is when the missing places are filled with zeros. */
static uint64_t filled(const struct regex_remainder *r)
{
    uint64_t rest = r->rest;
    for (int i = 0; i < r->needs; i++)
        rest = rest * 10 % r->modulus;
    return rest;
}

bool regex_remainder_accepts(const struct regex_remainder *r)
{
    return r->part != PART_POINT && filled(r) == 0;
}

/* Is there a way to go on?  In the whole part always: enough digits reach every remainder. */
static bool goes_on(const struct regex_remainder *r)
{
    if (r->part != PART_POINT && r->part != PART_FRACTION)
        return true;
    uint64_t rest = filled(r), missing = rest == 0 ? 0 : r->modulus - rest, most = 1;
    for (int i = 0; i < r->needs && most <= missing; i++)
        most *= 10; /* stays below 10 times the modulus */
    return missing < most;
}

regex regex_remainder_next(struct regexes *s, uint32_t index, unsigned char byte, struct regex_set *same)
{
    struct regex_remainder r = s->remainders[index];
    struct regex_set known = { { 0 } };
    regex_set_add(&known, '0', '9');
    regex_set_add(&known, '.', '.');
    bool other = !regex_set_has(&known, byte);
    for (int i = 0; i < 4; i++)
        same->bits[i] &= other ? ~known.bits[i] : i == byte / 64 ? (uint64_t)1 << byte % 64 : 0;
    bool fraction = r.part == PART_POINT || r.part == PART_FRACTION;
    if (other || (byte == '.' ? fraction || r.part == PART_WHOLE_ONLY : r.part == PART_ZERO))
        return REGEX_NONE;
    if (byte == '.') {
        r.part = PART_POINT;
    } else if (fraction && r.needs == 0) {
        r.part = PART_FRACTION;
        if (byte != '0')
            return REGEX_NONE;
    } else {
        r.rest = (r.rest * 10 + (uint64_t)(byte - '0')) % r.modulus;
        r.needs -= fraction ? 1 : 0;
        r.part = fraction ? PART_FRACTION : r.part;
    }
    return goes_on(&r) ? regex_remainder(s, r) : REGEX_NONE;
}
