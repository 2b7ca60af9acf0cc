/*
 * infer/mask.h - which tokens may come next, all at once.
 *
 * A token may come if the machine can read its bytes one by one.  The vocabulary's trie is walked with the machine, so
 * that what two tokens begin with is read once, and refused once.  Where a text is being read, most tokens do not leave
 * it: which ones stay inside depends on the text's regular language alone, so it is worked out once for each state of it
 * and kept, together with the tokens that leave it, sorted by what they go on with behind the text.
 *
 *     Koo, Liu, He: Automata-based constraints for language models, arXiv:2407.08103
 *     Dong et al., XGrammar, arXiv:2411.15100 (what depends on context and what does not)
 */
#ifndef INFER_MASK_H
#define INFER_MASK_H

#include <stdint.h>

#include "infer/machine.h"
#include "infer/token_trie.h"

struct loops;
struct mask_entry; /* what a text's state allows, for one vocabulary */
struct exits;      /* tokens by what they go on with behind something */

/*
 * Regular languages, and the masks of their states, for as many grammars as come along: agents say the same things again
 * and again, and most schemas have their formats and kinds of numbers in common.  Lives as long as somebody uses it.
 */
struct mask_cache {
    struct mask_vocabulary       *vocabulary;
    struct regexes               *regexes;
    struct loops                 *loops;    /* of these */
    struct mask_entry           **entries;  /* by kind and state, open addressing */
    size_t                        n_entries, entries_cap, n_users;
};

#define MASK_MAX_ENTRIES 1024   /* kept; then they are worked out again */
#define MASK_MAX_STATES  400000 /* of the languages: beyond, new grammars begin with a new cache */

/* The tokenizer is borrowed.  Belongs to one thread, as whatever uses it. */
struct mask_vocabulary {
    const struct tokenizer *tokenizer;
    struct token_trie *trie;     /* NULL, as the next two: not prepared */
    struct mask_entry *any[2];   /* inside a JSON string of REGEX_ANY; 1: with any escapes */
    struct exits      *blanks;   /* behind the white space that a token begins with */
    struct mask_cache *cache;    /* for the next grammar; may be NULL */
    size_t             n_tokens, n_words; /* n_words: (n_tokens + 31) / 32 */
};

struct mask_vocabulary *mask_vocabulary_create(const struct tokenizer *, struct err *) __attribute__((warn_unused_result));
/*
 * Makes what masks need: some 100 ms for 128,000 tokens, so not before somebody asks for one; a token by itself needs none of it.
 * 0, or -1 with CORAX_E_LIMIT.
 */
int mask_vocabulary_prepare(struct mask_vocabulary *, struct err *);
void mask_vocabulary_destroy(struct mask_vocabulary *); /* after all that use it */
const char *mask_vocabulary_bytes(const struct mask_vocabulary *, int32_t token, size_t *len); /* len 0: none, or no token */
/* A cache for one more grammar, released when that is gone.  NULL with CORAX_E_LIMIT. */
struct mask_cache *mask_cache_acquire(struct mask_vocabulary *, struct err *) __attribute__((warn_unused_result));
void mask_cache_release(struct mask_cache *);

struct masks {
    struct mask_cache            *cache;
    struct mask_vocabulary       *vocabulary;
    struct machine               *machine;
    uint32_t                     *one;      /* [n_words], scratch; NULL: no mask was made yet */
    struct text_state            *states;   /* [max_depth + 1], scratch */
    uint32_t                      state;    /* whose mask is being made, and the length of its tape */
    size_t                        tape;
};

/* The machine's languages are those of the cache.  Both are borrowed. */
void masks_init(struct masks *, struct mask_cache *, struct machine *);
void masks_finish(struct masks *);

/*
 * bits [n_words]: bit t % 32 of bits[t / 32] is token t.  Special tokens that the machine waits for are among them; the end
 * of the text is not: machine_is_done() says it.  false when out of memory: then no bit is set.
 */
bool masks_compute(struct masks *, uint32_t state, uint32_t *bits);

#endif
