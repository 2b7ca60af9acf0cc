/*
 * infer/vocab.h - the tokens of a vocabulary: what each is called in the file, which bytes it stands for, its type.
 *
 * Names are text in the file; the kinds of tokenizer write bytes in them in different ways, and loading undoes that
 * once, so that the rest of the program sees bytes.  Shared by the tokenizer_*.c.
 */
#ifndef INFER_VOCAB_H
#define INFER_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/tokenizer.h"

enum vocab_coding {
    VOCAB_BYTE_LEVEL, /* each byte is one printable character of its own ("gpt2") */
    VOCAB_SPACE_MARK, /* U+2581 is a space, and <0x0A> of type byte is that byte ("llama", "t5") */
    VOCAB_ESCAPED,    /* as Python writes bytes: \n, \xff ("rwkv") */
    VOCAB_WORD_END,   /* </w> at the end of a name is a space ("biogpt") */
};

struct token {
    const char *name, *bytes; /* bytes: empty for control, unknown and unused tokens */
    uint32_t    name_len, n_bytes;
    uint8_t     type;
};

struct vocab {
    struct token *tokens;
    size_t        n, longest; /* longest: bytes of the longest name */
    char         *text;       /* what names and bytes point into */
    int32_t      *slots;      /* open addressing over names; -1: empty */
    size_t        mask;
};

/* The gguf is borrowed only during the call.  CORAX_E_ARGS names the token; vocab_finish() is due either way. */
int  vocab_init(struct vocab *, const struct gguf *, enum vocab_coding, struct err *);
void vocab_finish(struct vocab *);

/* What the table of names goes by. */
uint64_t vocab_hash(const char *s, size_t len);
/* The first token of that name; -1: none. */
int32_t vocab_find(const struct vocab *, const char *name, size_t len);
/* Control, unknown and unused tokens, which stand for no text. */
bool vocab_is_special(enum token_type);

/*
 * tokenizer.ggml.scores, one for each token: larger is better.  CORAX_E_ARGS when they are missing, of another number
 * than the tokens, or not finite.  The caller frees *out.
 */
int vocab_scores(const struct vocab *, const struct gguf *, float **out, struct err *);

/* In byte-level text: the characters that stand for bytes, as UTF-8.  out has room for 2 * len.  Returns its length. */
size_t vocab_encode_bytes(const char *bytes, size_t len, char *out);

#endif
