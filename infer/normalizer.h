/*
 * infer/normalizer.h - what SentencePiece does to text before it is cut into tokens, and takes back afterwards.
 *
 * Characters are replaced as the file's map says (precompiled_charsmap; without one they stay), a byte that is no UTF-8
 * becomes U+FFFD, a space goes in front (add_space_prefix), runs of spaces become one and those at both ends go
 * (remove_extra_whitespaces), and each space is written U+2581.  Names of user-defined tokens stay as they are.
 *
 * The map is a double array (a trie over bytes) whose leaves are offsets into texts that end in NUL: foreign data, so
 * that each index is checked when it is used.
 *
 * Source: Kudo and Richardson, SentencePiece, arXiv:1808.06226; the double array of Aoe, 1989, in darts-clone's layout.
 */
#ifndef INFER_NORMALIZER_H
#define INFER_NORMALIZER_H

#include "infer/trie.h"
#include "infer/vocab.h"

#define NORMALIZER_GROWTH 16 /* U+FDFA, the longest in published maps, grows to 11 times its bytes */
#define NORMALIZER_LIMIT  ((size_t)NORMALIZER_GROWTH * TOKENIZER_MAX_TEXT + 3)

struct normalizer {
    const struct vocab *vocab;  /* borrowed */
    uint32_t           *units;  /* the double array; NULL: no map */
    size_t              n_units;
    char               *texts;  /* what characters are replaced by; the last byte is NUL */
    size_t              texts_len;
    struct trie         user;   /* user-defined tokens */
    bool                prefix, squeeze; /* add_space_prefix, remove_extra_whitespaces; their defaults before init */
};

/* n is zero but for its defaults.  CORAX_E_ARGS (a broken map), CORAX_E_LIMIT; normalizer_finish() is due either way. */
int  normalizer_init(struct normalizer *n, const struct gguf *, const struct vocab *, struct err *);
void normalizer_finish(struct normalizer *);

/* Appends the text as it is to be cut.  CORAX_E_LIMIT: it grew to more than 16 times its length, or out of memory. */
int normalizer_apply(const struct normalizer *, const char *text, size_t len, struct buf *out, struct err *);

/* The text of whole tokens: their bytes, without the space that was put in front.  A failed out is the only error. */
void normalizer_decode(const struct normalizer *, const int32_t *ids, size_t count, struct buf *out);

/*
 * Appends the token for a character that no token stands for, as SentencePiece does: its bytes' tokens where the
 * vocabulary has all 256 (the fallback), otherwise the unknown token, once for several in a row.
 */
struct fallback {
    int32_t byte_id[256];
    int32_t unknown; /* -1: none */
    bool    has_bytes;
};
int fallback_init(struct fallback *, const struct gguf *, const struct vocab *, struct err *);
int fallback_add(const struct fallback *, const char *character, size_t len, struct tokens *out, struct err *);

#endif
