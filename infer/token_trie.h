/*
 * infer/token_trie.h - a vocabulary as a trie of its tokens' bytes, in the order of a walk.
 *
 * Nodes lie in preorder: the first child of a node follows it, and `end` leads past its whole subtree, so that a walk
 * is one loop over an array that skips what is refused.  Tokens without bytes (special ones) are not in it.
 */
#ifndef INFER_TOKEN_TRIE_H
#define INFER_TOKEN_TRIE_H

#include <stddef.h>
#include <stdint.h>

#include "infer/tokenizer.h"
#include "util/err.h"

struct trie_node {
    uint32_t end;   /* the first node behind the subtree */
    int32_t  token; /* whose bytes end here; -1: none */
    uint16_t depth; /* bytes to here; 0: the root */
    uint8_t  byte;  /* the last of them */
};

struct token_trie {
    struct trie_node *nodes; /* [n_nodes], the root first */
    size_t            n_nodes, n_tokens, max_depth;
    int32_t          *same;  /* [n_tokens]: the next token of the same bytes, -1: none */
    uint32_t          first[256]; /* the child of the root with that byte; 0: none */
};

/* Borrows nothing.  NULL with CORAX_E_LIMIT. */
struct token_trie *token_trie_create(const struct tokenizer *, struct err *) __attribute__((warn_unused_result));
void token_trie_destroy(struct token_trie *);

#endif
