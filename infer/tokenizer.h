/*
 * infer/tokenizer.h - text to tokens and back, with the vocabulary of a GGUF file.
 *
 * tokenizer.ggml.model names the kind: byte-level BPE ("gpt2"), SentencePiece's BPE ("llama") and unigram model
 * ("t5"), RWKV's world vocabulary ("rwkv"), Moses' words and BPE ("biogpt").  docs/gguf.md says which
 * keys count, and where the references are.
 *
 * Control tokens (and the unknown one) never come out of text unless the caller asks for it, which is for text that is
 * ours alone: a dialect writes them by id.  User-defined tokens are found by their names in any text.
 */
#ifndef INFER_TOKENIZER_H
#define INFER_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/gguf.h"
#include "util/buf.h"
#include "util/err.h"

#define TOKENIZER_MAX_TOKEN 1024       /* bytes of one token; the longest in published vocabularies have about 300 */
#define TOKENIZER_MAX_TEXT  (4 << 20) /* bytes at once; far more than a context holds */

enum token_type { TOKEN_NORMAL = 1, TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_USER, TOKEN_UNUSED, TOKEN_BYTE };

/* A growing list of token ids. */
struct tokens {
    int32_t *ids;
    size_t   n, cap;
};
void tokens_finish(struct tokens *);
int  tokens_add(struct tokens *, int32_t id, struct err *); /* CORAX_E_LIMIT when out of memory */
int  tokens_parse(struct tokens *, const char *text, struct err *); /* appends "0,2,76" or "0 2 76"; CORAX_E_ARGS */

struct tokenizer;

/*
 * The gguf is borrowed only during the call.  NULL with CORAX_E_ARGS when the vocabulary is broken or of a kind that
 * this program does not know, CORAX_E_LIMIT when out of memory.
 */
struct tokenizer *tokenizer_create(const struct gguf *, struct err *) __attribute__((warn_unused_result));
void tokenizer_destroy(struct tokenizer *);

size_t  tokenizer_n_tokens(const struct tokenizer *);
int32_t tokenizer_bos(const struct tokenizer *);   /* -1: none */
int32_t tokenizer_begin(const struct tokenizer *); /* the same where the model has it before a text, otherwise -1 */
int32_t tokenizer_eos(const struct tokenizer *);   /* -1: none */

/*
 * Appends the tokens of text, which may be any bytes.  n log n in its length, whatever it is.  CORAX_E_LIMIT (too long,
 * out of memory), CORAX_E_ARGS (text the vocabulary cannot express); what was appended before that stays.
 */
int tokenizer_encode(const struct tokenizer *, const char *text, size_t len, struct tokens *out, struct err *);

enum tokenizer_flags {
    TOKENIZER_SPECIAL = 1, /* names of control tokens in the text become them: never for text from outside */
    TOKENIZER_BEGIN = 2,   /* the begin token goes first, if the file says that this model has it there */
    TOKENIZER_END = 4,     /* the end token goes last, if the file says so */
};
int tokenizer_encode_with(const struct tokenizer *, unsigned flags, const char *text, size_t len, struct tokens *out,
                          struct err *);

/*
 * Appends the text of tokens that make up a whole one: a space that encoding puts in front is gone again.  Special
 * tokens stand for nothing.  The bytes need not be UTF-8.  CORAX_E_ARGS: an id that is no token; CORAX_E_LIMIT.
 */
int tokenizer_decode(const struct tokenizer *, const int32_t *ids, size_t n, struct buf *out, struct err *);

/* Whether the text of tokens is their bytes one behind the other; otherwise what comes later may change it (BioGPT's words). */
bool tokenizer_is_plain(const struct tokenizer *);
/* The bytes that a token stands for; empty for special tokens.  id must be in [0, n_tokens). */
const char *tokenizer_bytes(const struct tokenizer *, int32_t id, size_t *len);
enum token_type tokenizer_type(const struct tokenizer *, int32_t id);
/* The longest token that stands for the first bytes of a text, one for itself alone; -1: there is none. */
int32_t tokenizer_longest(const struct tokenizer *, const char *bytes, size_t len, size_t *used);
/* The id of the special token with that name ("<|end|>"), or -1. */
int32_t tokenizer_special(const struct tokenizer *, const char *name);
/* The one whose name the text begins with, the longest; used: its bytes.  -1: none. */
int32_t tokenizer_special_at(const struct tokenizer *, const char *text, size_t len, size_t *used);
/* What a token is called in the file, for people to read. */
const char *tokenizer_name(const struct tokenizer *, int32_t id, size_t *len);

/*
 * Tokens to text as they come: holds back the bytes of a character until it is whole, so that what is appended to out
 * is always UTF-8.  Bytes that can never become a character are written as U+FFFD.
 */
struct detokenizer {
    unsigned char held[4];
    unsigned      n_held;
};
void detokenizer_add(struct detokenizer *, const char *bytes, size_t len, struct buf *out);
void detokenizer_end(struct detokenizer *, struct buf *out); /* what is still held can no longer become whole */

#endif
