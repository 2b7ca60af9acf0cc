/*
 * infer/mask_entry.h - inside of mask: what a text's state allows, worked out once.
 */
#ifndef INFER_MASK_ENTRY_H
#define INFER_MASK_ENTRY_H

#include "infer/loops.h"
#include "infer/machine_work.h"
#include "infer/mask.h"

#define FEW_CHARS 16 /* up to here there is a mask for each number of characters */

/* Tokens that leave a text, by what they go on with: a trie of these rests. */
struct exits {
    struct trie_node *nodes;   /* [n_nodes + 1], as those of a vocabulary */
    int32_t          *tokens;
    uint16_t         *chars;   /* characters that each token has before it leaves */
    size_t            n_nodes, n_tokens;
};

/*
 * What a text's state allows.  Where most tokens lead to where any text may follow, as in a name that is none of a few, only
 * what is different from any text is kept.
 */
struct mask_entry {
    uint32_t     kind, regex, escape;
    bool         escapes;            /* of the style */
    bool         counted;            /* made for texts of so many characters: only those have what is said of characters */
    struct mask_entry *base;   /* NULL: none, then bits */
    uint32_t    *bits;               /* tokens that stay inside */
    /*
     * Those, sorted by how many characters the text has to have room for: the token's and those that it needs then to come to an end.
     * NULL: that is not known of all.
     */
    int32_t     *by_chars;
    uint32_t    *chars_at;            /* [most_chars + 2] where in by_chars those of a number begin */
    uint32_t     most_chars;
    uint32_t    *up_to[FEW_CHARS + 1]; /* bits of those with at most so many; NULL: not made yet */
    bool         longer;              /* each text that was come to has ends of any greater number of characters, too */
    int32_t     *unsure;              /* tokens that end inside of an escape: what they need is not known */
    size_t       n_unsure, unsure_cap;
    int32_t     *struck, *own;       /* with a base: its tokens that may not come, those that may after all */
    size_t       n_struck, n_own, struck_cap, own_cap;
    struct exits exits;              /* STRING and KEY: behind the quote that ends them */
    /* REGEX, LIMITED: bit i % 64 of word i / 64: it may end just before node i of the vocabulary.  NULL: before none. */
    uint64_t    *ends;
    struct end_nodes *ends_with[256]; /* those nodes with a byte, in order; NULL: not listed yet */
};

struct end_nodes {
    size_t   n;
    uint32_t nodes[];
};

/* A text whose bytes stand for themselves, without quotes and escapes. */
static inline bool is_bare(uint32_t kind)
{
    return kind == FRAME_REGEX || kind == FRAME_LIMITED;
}

/* Of a text that is walked through without frames. */
struct text_state {
    regex    regex, base;         /* base: where the language of the entry's base stands */
    uint32_t escape, code, chars; /* chars: characters begun since the token's first byte */
    const regex *row;             /* of regex, outside of escapes and without a base; otherwise NULL: only entry_create() has it */
};

/* Tokens on their way into struct exits. */
struct leaving { /* a token, and where in it the text ends */
    const char *rest;
    size_t len;
    int32_t token;
    uint16_t chars;
};

struct leavings {
    struct leaving *list;
    char *bytes;
    size_t n, cap, n_bytes, bytes_cap;
    bool failed;
};

void leavings_add(struct leavings *, const char *rest, size_t len, int32_t token, uint16_t chars);
int  exits_build(struct exits *, struct leavings *); /* -1: out of memory */
void exits_finish(struct exits *);

/* The state behind a byte; false: it does not stay inside.  kind: of the frame that reads the text. */
bool text_state_step(struct machine *, uint32_t kind, bool has_base, struct text_state *, uint8_t byte);

/* Whether an entry is for texts of which only so many characters may come, and in which all characters are as good as each other. */
enum counting { COUNT_NOTHING, COUNT_UNITS, COUNT_CHARS };

/* base may be NULL, and is where characters are counted.  NULL: out of memory. */
struct mask_entry *entry_create(struct machine *, const struct mask_vocabulary *, struct loops *, struct mask_entry *base, const struct frame *,
                                enum counting);
void entry_destroy(struct mask_entry *);
/* Of an entry that has ends.  NULL: out of memory. */
const struct end_nodes *entry_ends(struct mask_entry *, const struct token_trie *, uint8_t byte);
void mask_cache_forget(struct mask_cache *); /* its entries */

static inline void set_bit(uint32_t *bits, int32_t token)
{
    bits[token / 32] |= (uint32_t)1 << token % 32;
}

static inline void clear_bit(uint32_t *bits, int32_t token)
{
    bits[token / 32] &= ~((uint32_t)1 << token % 32);
}

/* Those that are listed from one place up to another. */
static inline void set_tokens(const struct token_trie *t, uint32_t *bits, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        set_bit(bits, t->tokens[i]);
}

#endif
