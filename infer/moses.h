/*
 * infer/moses.h - text to words and back, as the tokenizer and detokenizer of Moses do it for English.
 *
 * Punctuation is split off, also the hyphens inside words (written @-@), a full stop unless it belongs to an
 * abbreviation, and the characters & | < > ' " [ ] are written as entities.  The reference is sacremoses, whose classes
 * of characters are its own (infer/moses_table.h), with aggressive_dash_splits and escape, as BioGPT uses it.
 *
 * Source: Koehn et al., Moses, ACL 2007, scripts/tokenizer.
 */
#ifndef INFER_MOSES_H
#define INFER_MOSES_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

/* Appends the words of text with a space between.  Bytes that are no UTF-8 are U+FFFD.  false: out of memory. */
bool moses_tokenize(const char *text, size_t len, struct buf *out);
/* Appends the text of words with white space between.  false: out of memory. */
bool moses_detokenize(const char *words, size_t len, struct buf *out);

#endif
