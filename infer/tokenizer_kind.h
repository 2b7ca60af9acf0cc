/*
 * infer/tokenizer_kind.h - what tokenizer.ggml.model chooses: one file and one `const struct tokenizer_kind` each.
 *
 * infer/tokenizer.c owns the vocabulary and cuts out the tokens that are matched by name; a kind encodes the text
 * between them, and decodes where that is more than putting the tokens' bytes together.
 * To add one: write tokenizer_NAME.c, and add it to the table in tokenizer.c.
 */
#ifndef INFER_TOKENIZER_KIND_H
#define INFER_TOKENIZER_KIND_H

#include "infer/vocab.h"

/* What the file may say otherwise; a kind presets it. */
struct tokenizer_ends {
    bool begin, end; /* tokenizer.ggml.add_bos_token, add_eos_token */
    int32_t begin_id, end_id; /* the tokens that these are, where they are others than bos and eos; -1: they are not */
};

struct tokenizer_kind {
    const char       *model; /* tokenizer.ggml.model */
    enum vocab_coding coding;
    bool              cuts_user; /* user-defined tokens are cut out before the kind sees the text */
    /* The vocab is borrowed as long as the result lives, the gguf during the call.  NULL with the error filled. */
    void *(*load)(const struct gguf *, const struct vocab *, struct tokenizer_ends *, struct err *);
    void (*unload)(void *); /* NULL is fine */
    int (*encode)(const void *, const char *text, size_t len, struct tokens *out, struct err *);
    /* NULL: the bytes of the tokens, one after the other. */
    int (*decode)(const void *, const int32_t *ids, size_t n, struct buf *out, struct err *);
};

extern const struct tokenizer_kind tokenizer_bert, tokenizer_bpe, tokenizer_spm, tokenizer_rwkv, tokenizer_unigram, tokenizer_biogpt;

#endif
