/*
 * tests/policies/random.h - numbers that look random, the same in each run.
 */
#ifndef TESTS_POLICIES_RANDOM_H
#define TESTS_POLICIES_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 0x9e3779b97f4a7c15u; /* a test may begin with another, but not with 0 */

static inline unsigned below(unsigned n) /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * 0x2545f4914f6cdd1du) >> 33) % n;
}

#define PICK(list) (list)[below(COUNT(list))]

#endif
