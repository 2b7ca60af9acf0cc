/*
 * infer/pages.h - the memory of keys and values, in pages that several sequences may read.
 *
 * A page holds what every layer remembers of STATE_BLOCK positions in a row.  Pages are counted: one that two sequences
 * hold is never written, since who wants to write takes a copy first (infer/state.h).  Not for several threads.
 */
#ifndef INFER_PAGES_H
#define INFER_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/quant.h"
#include "util/err.h"

#define STATE_BLOCK 256 /* positions of a page; it begins at a multiple, so what is added up in which order is fixed */
#define STATE_PANEL 16  /* positions whose keys stand side by side */
#define STATE_STEP  32  /* dimensions that share a scale in Q8_0; a head's are rounded up to a multiple, those past it 0 */

/*
 * What a page is like.  Of each layer and key head, one behind the other:
 *
 *     keys    [STATE_BLOCK / STATE_PANEL][width][STATE_PANEL]: a query meets 16 positions in one instruction
 *     values  [STATE_BLOCK][width]
 *
 * both of `type`: QUANT_F32, QUANT_F16, or
 *
 *     QUANT_BF16  in pairs, which some processors multiply at once: of dimensions in keys, [STATE_BLOCK / STATE_PANEL][width / 2]
 *                 [STATE_PANEL][2], and of positions in values, [STATE_BLOCK / 2][width][2]
 *     QUANT_Q8_0  int8, with scales in half precision behind all keys, [STATE_BLOCK / STATE_PANEL][width / STATE_STEP]
 *                 [STATE_PANEL], and behind all values, [STATE_BLOCK][width / STATE_STEP]
 */
struct kv_layout {
    enum quant_type type;
    size_t n_layer, n_kv_head, head_dim, width;
    size_t side_bytes; /* of the keys of one head, and of its values */
    size_t page_bytes; /* 0: nothing is remembered by position */
};

struct page {
    struct page   *next; /* of those that are free */
    size_t         n_users;
    unsigned char *data; /* [page_bytes], all zero at first, at a multiple of 64 */
};

struct pages;

/* max_bytes: what the pages together may take; 0: what the system gives.  CORAX_E_LIMIT when out of memory. */
struct pages *pages_create(const struct kv_layout *, size_t max_bytes, struct err *);
void pages_limit(struct pages *, size_t max_bytes); /* from now on; those that are there stay */
void pages_destroy(struct pages *); /* after all that hold a page */
const struct kv_layout *pages_layout(const struct pages *);

/* A page that one user holds; what is in it has no meaning.  NULL: no more. */
struct page *pages_take(struct pages *);
void pages_hold(struct page *);                 /* one user more */
void pages_drop(struct pages *, struct page *); /* one less; does nothing to NULL */
size_t pages_n_used(const struct pages *);

/* For n_kv_head heads of head_dim values in each of n_layer layers.  CORAX_E_LIMIT: more than memory can be. */
int kv_layout_init(struct kv_layout *, enum quant_type, size_t n_layer, size_t n_kv_head, size_t head_dim, struct err *);

/* Makes what a page has of positions `first` and behind 0. */
void kv_clear(const struct kv_layout *, unsigned char *page, size_t first);
bool kv_is_finite(const struct kv_layout *, const unsigned char *page);

/* Keys of a head in a page; its values are side_bytes behind. */
static inline size_t kv_offset(const struct kv_layout *l, size_t layer, size_t head)
{
    return (layer * l->n_kv_head + head) * 2 * l->side_bytes;
}

#endif
