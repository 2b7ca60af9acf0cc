/*
 * infer/loops.h - characters of which a regular language has any number, so that texts of them need not be read one by one.
 *
 * In most states of a language most characters lead back to it, or around among a few states that are as good as each other: letters
 * in a word, anything but the one thing that is not allowed.  Where all characters of a subtree of a vocabulary are such, the
 * language reads all of the subtree.
 *
 * Characters are known by their first bytes; those that begin with the same byte are in or out together.
 */
#ifndef INFER_LOOPS_H
#define INFER_LOOPS_H

#include "infer/regex.h"
#include "infer/token_trie.h"

struct loops; /* of the states of a store that were asked about */

/* The store is borrowed.  NULL: out of memory. */
struct loops *loops_create(struct regexes *) __attribute__((warn_unused_result));
void loops_destroy(struct loops *);

enum loops_kind {
    LOOPS_BYTES, /* a text may end in all states that are led around in, or in none of them */
    LOOPS_JSON,  /* of a JSON string's inside: no quotes, backslashes and control characters */
};

/*
 * Does a text that has come to this state, between two characters, go on with any characters of the set?  With back it comes to this
 * state again; without, to one that is as good.  false may also mean that it would take too long to say.
 */
bool loops_cover(struct loops *, regex, enum loops_kind, bool back, const struct byte_set *);

#endif
