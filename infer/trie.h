/*
 * infer/trie.h - a set of byte strings, walked byte by byte: which of them does this text begin with?
 *
 * A sorted list; a node is the range of strings that begin with what was read so far, and a step narrows it by binary
 * search.  That takes 16 bytes a string, where the trie of a large vocabulary has a million nodes.
 */
#ifndef INFER_TRIE_H
#define INFER_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct trie_entry {
    const char *s; /* borrowed as long as the trie lives */
    uint32_t    len;
    int32_t     id;
};

struct trie {
    struct trie_entry *entries; /* sorted */
    uint32_t           n, first[257]; /* first[b]: where strings that begin with byte b start */
};

/* Takes entries, from malloc, also on failure; of equal strings the smallest id counts; empty ones are dropped. */
void trie_init(struct trie *, struct trie_entry *entries, size_t n);
void trie_finish(struct trie *);

struct trie_node {
    uint32_t low, high, depth;
};

static inline struct trie_node trie_root(const struct trie *t)
{
    return (struct trie_node){ 0, t->n, 0 };
}

/* false: no string goes on with byte, and the node is spent. */
bool trie_step(const struct trie *, struct trie_node *, unsigned char byte);
/* The id of the string that ends here, or -1. */
int32_t trie_id(const struct trie *, const struct trie_node *);
/* The longest string that text begins with: its id and length, or -1. */
int32_t trie_longest(const struct trie *, const char *text, size_t len, size_t *match_len);

#endif
