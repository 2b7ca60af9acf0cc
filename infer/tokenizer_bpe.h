/*
 * infer/tokenizer_bpe.h - byte-level byte-pair encoding: the part of the tokenizer that merges.
 *
 * Source: Sennrich et al., arXiv:1508.07909, for the merges; Radford et al., GPT-2, for doing it on bytes.
 */
#ifndef INFER_TOKENIZER_BPE_H
#define INFER_TOKENIZER_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "infer/tokenizer.h"

struct bpe;

/* Finds a token by its name in the file; -1: none. */
typedef int32_t bpe_find_fn(const void *arg, const char *name, size_t len);

/*
 * merges  array of strings "LEFT RIGHT", the first one first; LEFT, RIGHT and both together must be tokens
 * byte_id token of each single byte, -1 where there is none; copied
 */
struct bpe *bpe_create(const struct gguf_kv *merges, bpe_find_fn *find, const void *arg, const int32_t byte_id[256],
                       struct err *err) __attribute__((warn_unused_result));
void bpe_destroy(struct bpe *);
/* Appends the tokens of one piece.  n log n in its length, since a hostile text may be one piece. */
int bpe_encode(const struct bpe *, const char *piece, size_t len, struct tokens *out, struct err *);

#endif
