/*
 * infer/token_trie.h - a vocabulary as a trie of its tokens' bytes, in the order of a walk.
 *
 * Nodes lie in preorder: the first child of a node follows it, and `end` leads past its whole subtree, so that a walk
 * is one loop over an array that skips what is refused.  Tokens are listed in the order of the nodes where they end, so those of a
 * node, and those of its subtree, lie side by side too.  Tokens without bytes (special ones) are not in it.
 */
#ifndef INFER_TOKEN_TRIE_H
#define INFER_TOKEN_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/tokenizer.h"
#include "util/err.h"

#define TRIE_FEW 8 /* nodes of a subtree: what fewer are read out of is not worked out */

struct trie_node {
    uint32_t end;   /* the first node behind the subtree */
    uint32_t first; /* in the list of tokens: its own end where those of the next node begin, its subtree's where those of `end` do */
    uint16_t depth; /* bytes to here; 0: the root */
    uint8_t  byte;  /* the last of them */
};

struct byte_set {
    uint64_t bits[4];
};

struct token_trie {
    struct trie_node *nodes; /* [n_nodes + 1], the root first; the last says only where the list of tokens ends */
    size_t            n_nodes, n_listed, max_depth;
    int32_t          *tokens;      /* [n_listed] */
    uint16_t         *token_chars; /* [n_listed] characters that the token begins */
    uint16_t         *chars;       /* [n_nodes] characters begun on the way to the node */
    uint64_t         *starts;      /* [n_nodes / 64 + 1] bit i % 64 of word i / 64: the byte of node i begins a character */
    uint32_t          first[256];  /* the child of the root with that byte; 0: none */
    uint32_t         *by_byte;     /* nodes of depth 2 and more, by their bytes */
    uint32_t          by_byte_at[257]; /* where in by_byte those of a byte begin */
    /*
     * [n_nodes] For who stands between two characters at a node: what characters in its subtree begin with, as sets[following - 1].
     * 0: few nodes, or bytes that are no UTF-8 there.  The last character of a token may be cut.
     */
    uint32_t         *following;
    struct byte_set  *sets;
};

/* Borrows nothing.  NULL with CORAX_E_LIMIT. */
struct token_trie *token_trie_create(const struct tokenizer *, struct err *) __attribute__((warn_unused_result));
void token_trie_destroy(struct token_trie *);

static inline bool byte_set_has(const struct byte_set *s, uint8_t byte)
{
    return s->bits[byte / 64] >> byte % 64 & 1;
}

static inline void byte_set_add(struct byte_set *s, uint8_t byte)
{
    s->bits[byte / 64] |= (uint64_t)1 << byte % 64;
}

static inline bool byte_set_covers(const struct byte_set *s, const struct byte_set *part)
{
    return !((part->bits[0] & ~s->bits[0]) | (part->bits[1] & ~s->bits[1]) | (part->bits[2] & ~s->bits[2]) | (part->bits[3] & ~s->bits[3]));
}

/* A byte of UTF-8 that goes on with a character. */
static inline bool byte_continues(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

#endif
