/*
 * infer/merge.h - byte-pair merging: of all neighbouring symbols that may be joined, the best pair first, the leftmost
 * of equals.
 *
 * The symbols are a linked list in an array; a heap holds every pair that may be joined, and one that is popped is
 * joined if both its symbols are still what they were.  n log n, since a hostile text may be one long piece.
 *
 * Source: Sennrich et al., arXiv:1508.07909.
 */
#ifndef INFER_MERGE_H
#define INFER_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct merge_symbol {
    uint32_t at, len;    /* where in the text, in whatever the caller counts; len 0: it was joined to the one before */
    int32_t  id;         /* the caller's; negative ones are never asked about when they may not be joined */
    int32_t  prev, next; /* positions in the array, -1: none */
};

/* May these two be joined?  Then *rank says how early, the smallest first, and *joined what they become. */
typedef bool merge_find_fn(const void *arg, const struct merge_symbol *left, const struct merge_symbol *right,
                           uint32_t *rank, int32_t *joined);

/* Links symbols [n] as neighbours and joins them; what is left is read from symbol 0 along next.  CORAX_E_LIMIT. */
int merge_all(struct merge_symbol *symbols, size_t n, merge_find_fn *find, const void *arg, struct err *);

#endif
