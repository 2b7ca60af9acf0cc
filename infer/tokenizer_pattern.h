/*
 * infer/tokenizer_pattern.h - the pre-tokenizer of byte-level BPE: cuts text into the pieces inside which is merged.
 *
 * tokenizer.ggml.pre names one.  Each is one or more regular expressions: the first cuts the text into what it matches
 * and what lies between, the next does the same with each of those pieces, and so on.  Bytes that are no UTF-8 are
 * matched by nothing: each is a piece of its own.
 *
 * The references are the models' own tokenizer.json as Hugging Face's tokenizers run them.  There \s is Unicode's
 * White_Space, which PCRE2's is not (U+180E is none any more): the expressions spell it out.  Letters, numbers and
 * punctuation are those of Unicode 14, PCRE2 10.42's, with what the references' own tables have beyond it or lack
 * (infer/class_table.h).
 */
#ifndef INFER_TOKENIZER_PATTERN_H
#define INFER_TOKENIZER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/gguf.h"
#include "util/err.h"

struct pattern;

/* What a model's tokenizer does beside cutting. */
struct pattern_traits {
    bool whole_pieces; /* a piece that is a token is that token, whatever the merges say */
    bool nfc;          /* text is put into form C first (infer/nfc.h) */
    bool add_begin;    /* the begin token goes before a text unless the file says otherwise */
};

/* pre empty: as `architecture` has it.  NULL with CORAX_E_ARGS (nothing known by that name), CORAX_E_LIMIT. */
struct pattern *pattern_create(struct gguf_string pre, struct gguf_string architecture, struct pattern_traits *,
                               struct err *) __attribute__((warn_unused_result));
void pattern_destroy(struct pattern *);

/* Called for each piece in order; a result other than 0 ends the cutting and is its result. */
typedef int pattern_piece_fn(void *arg, const char *piece, size_t len, struct err *);
int pattern_split(const struct pattern *, const char *text, size_t len, pattern_piece_fn *, void *arg, struct err *);

#endif
