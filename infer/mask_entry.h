/*
 * infer/mask_entry.h - inside of mask: what a text's state allows, worked out once.
 */
#ifndef INFER_MASK_ENTRY_H
#define INFER_MASK_ENTRY_H

#include "infer/machine_work.h"
#include "infer/mask.h"

#define MAX_CHARS 64     /* tokens of more are few enough to be looked at one by one */
#define FEW_CHARS 16     /* up to here there is a mask for each number */

/* Tokens that leave a text, by what they go on with: a trie of these rests. */
struct exits {
    struct trie_node *nodes;   /* token: unused */
    uint32_t         *firsts;  /* [n_nodes + 1]: where a node's tokens begin in tokens */
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
    const struct mask_entry *base;   /* NULL: none, then bits */
    uint32_t    *bits;               /* tokens that stay inside */
    int32_t     *by_chars;           /* those, sorted by how many characters they have */
    uint32_t     chars_at[MAX_CHARS + 2]; /* where in by_chars those of a number begin; the last: of more */
    uint32_t    *up_to[FEW_CHARS + 1];    /* bits of those with at most so many; NULL: not made yet */
    int32_t     *struck, *own;       /* with a base: its tokens that may not come, those that may after all */
    size_t       n_struck, n_own, struck_cap, own_cap;
    struct exits exits;              /* STRING and KEY: behind the quote that ends them */
    uint32_t    *ends;               /* REGEX, LIMITED: nodes of the vocabulary just behind where it may end, by their bytes */
    uint16_t    *ends_chars;         /* LIMITED: characters before that */
    uint32_t     ends_at[257];       /* where in ends those of a byte begin */
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
    const regex *row;             /* of regex, outside of escapes and without a base; otherwise NULL */
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

/*
 * counts: tokens are to be sorted by their characters, for texts of the same language of which only so many may come.  base may
 * be NULL.  NULL: out of memory.
 */
struct mask_entry *entry_create(struct machine *, const struct mask_vocabulary *, const struct mask_entry *base, const struct frame *, bool counts);
void entry_destroy(struct mask_entry *);
void mask_cache_forget(struct mask_cache *); /* its entries */

static inline void set_bit(uint32_t *bits, int32_t token)
{
    bits[token / 32] |= (uint32_t)1 << token % 32;
}

static inline void clear_bit(uint32_t *bits, int32_t token)
{
    bits[token / 32] &= ~((uint32_t)1 << token % 32);
}

static inline void set_tokens(const struct token_trie *t, uint32_t *bits, int32_t token)
{
    for (; token >= 0; token = t->same[token])
        set_bit(bits, token);
}

#endif
