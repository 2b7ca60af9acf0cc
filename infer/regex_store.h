/*
 * infer/regex_store.h - the store behind infer/regex.h, for its own files.
 *
 * Nodes are numbered in the order of their making and never change but for what has been found out about them; children
 * have lower numbers, except that REGEX_ANY is number 2.  Operands of OR and AND are a sorted list, sets of bytes stand
 * in an array of their own.  Nothing is allocated for a node by itself: everything lies in arrays that grow.
 */
#ifndef INFER_REGEX_STORE_H
#define INFER_REGEX_STORE_H

#include "infer/regex.h"

enum regex_op {
    OP_NONE,
    OP_EMPTY,
    OP_BYTES,     /* a: index of the set, b: classes of UTF-8 bytes in it (a bit each) */
    OP_CONCAT,    /* a, then b; a is no CONCAT */
    OP_OR,        /* list at a, b entries */
    OP_AND,       /* the same */
    OP_NOT,       /* a */
    OP_REPEAT,    /* a, from b to c times; c may be FOREVER */
    OP_REMAINDER, /* the rest of a multiple's digits: a: index of the state */
};

#define FOREVER UINT32_MAX
#define NO_END  UINT16_MAX

/*
 * What a language is known to be part of: the derivatives of REGEX_ANY.  That what has become "anything" is number 2,
 * and not some larger expression for the same, rests on it.
 */
enum regex_within {
    WITHIN_UNKNOWN,
    WITHIN_ANY, /* whole characters */
    WITHIN_1,   /* one more byte of a character, then whole characters */
    WITHIN_2,   /* two more */
    WITHIN_3,   /* three more */
    WITHIN_E0,  /* after that byte, which allows fewer second bytes than its neighbours do */
    WITHIN_ED,
    WITHIN_F0,
    WITHIN_F4,
    N_WITHIN,
};

enum regex_life { LIFE_UNKNOWN, LIFE_ALIVE, LIFE_DEAD, LIFE_UNSURE };
enum regex_counting { COUNT_UNKNOWN, COUNT_ON_PATH, COUNT_ENDLESS }; /* on the path of the count that goes on; a cycle follows */

struct regex_node {
    uint32_t a, b, c;
    uint32_t hash;
    uint32_t shortest, longest; /* bytes: no text is shorter, or longer; FOREVER: not bounded, or beyond counting */
    uint32_t effort;            /* as shortest, but all operands of an AND add up: a search tries the least first */
    uint32_t row;               /* number of its row, from 1, or 0 */
    uint32_t mark;              /* the search that has met it last */
    uint16_t depth;             /* of the recursion when it is derived */
    uint8_t op, within, life;
    uint8_t counting; /* enum regex_counting */
    uint16_t to_end;  /* as regex_to_end() has it, plus one; 0: not known yet, NO_END: not found */
    bool longer;      /* and so are texts of any greater number of characters */
    bool nullable;
    bool boolean; /* there is an AND or a NOT in it: it may be empty without being REGEX_NONE */
};

struct regex_set {
    uint64_t bits[4];
};

/* Where the digits of a multiple stand: see regex_number.c. */
struct regex_remainder {
    uint64_t modulus, rest;
    uint8_t part;  /* enum regex_part */
    uint8_t needs; /* digits of the fraction that count, still to come */
};
enum regex_part { PART_ZERO, PART_WHOLE, PART_WHOLE_ONLY, PART_POINT, PART_FRACTION };

struct regex_item { /* an operand of OR, seen as base{min,max} tail */
    regex id, base, tail;
    uint32_t min, max;
};

struct regex_derivative { /* remembered */
    regex of, is;
    int byte;
    struct regex_set same;
};

struct regexes {
    struct regex_node *nodes;
    size_t n_nodes, nodes_cap;
    uint32_t *table; /* open addressing, table_cap is a power of two */
    size_t table_cap;
    struct regex_set *sets;
    size_t n_sets, sets_cap;
    uint32_t *lists;
    size_t n_lists, lists_cap;
    regex *scratch; /* a stack of operands */
    size_t n_scratch, scratch_cap;
    struct regex_item *items;
    size_t items_cap;

    struct regex_remainder *remainders;
    size_t n_remainders, remainders_cap;

    regex **chunks; /* of rows */
    size_t n_rows, chunks_cap;

    struct regex_derivative *memo;
    struct regex_visit *visits; /* of a search */
    size_t visits_cap;
    uint32_t *heap;
    size_t heap_cap;
    uint64_t searched; /* steps of all searches */
    uint64_t work;     /* steps of all derivatives */
    uint32_t search;   /* number of the last */
    uint32_t steps;    /* of the derivative being made */

    size_t limit, used; /* bytes */
    bool failed;
    regex all;            /* every text of bytes */
    regex chr;            /* one character */
    regex tail;           /* one byte of those that go on with a character */
    regex tails[2];       /* two such, and three */
    regex utf8[N_WITHIN]; /* the derivatives of REGEX_ANY */
};

/* Room for one more in an array of the store; false when it has failed. */
bool regex_room(struct regexes *, void *array, size_t *cap, size_t n, size_t item_bytes);
regex regex_intern_list(struct regexes *, enum regex_op, const regex *list, size_t n); /* in its normal form */
bool regex_push(struct regexes *, regex);                                              /* onto the scratch stack */
/* What the stack holds from base on, taken off. */
regex regex_or_pushed(struct regexes *, size_t base);
regex regex_and_pushed(struct regexes *, size_t base);
regex regex_remainder(struct regexes *, struct regex_remainder); /* REGEX_NONE when no digits can follow */
regex regex_remainder_next(struct regexes *, uint32_t index, unsigned char byte, struct regex_set *same);
bool regex_remainder_accepts(const struct regex_remainder *);
/* Are all texts of a language within x known to be within y? */
bool regex_within_is(int x, int y);
/* Can no text be in both?  EMPTY is within ANY only, and the narrow ones of one width have no second byte in common. */
bool regex_within_apart(int x, int y);
bool regex_chars_init(struct regexes *);

static inline bool regex_set_has(const struct regex_set *set, unsigned char byte)
{
    return set->bits[byte / 64] >> (byte % 64) & 1;
}

static inline void regex_set_add(struct regex_set *set, unsigned from, unsigned to)
{
    for (unsigned b = from; b <= to; b++)
        set->bits[b / 64] |= (uint64_t)1 << (b % 64);
}

#endif
