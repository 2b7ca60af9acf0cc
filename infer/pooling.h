/*
 * infer/pooling.h - how a text's hidden states become one vector.
 *
 * The key ARCH.pooling_type of a GGUF file says it, with the numbers that llama.cpp gave them: 0 none, 1 mean, 2 cls (the first token's), 3
 * last, 4 rank.  A file without the key is no embedding model; of such the mean is taken.  None and rank give no vector of a text.
 */
#ifndef INFER_POOLING_H
#define INFER_POOLING_H

#include <stddef.h>

#include "infer/gguf.h"
#include "util/err.h"

enum pooling { POOLING_MEAN = 1, POOLING_FIRST, POOLING_LAST };

const char *pooling_name(enum pooling); /* as people call it: "mean", "cls", "last" */
/* CORAX_E_UNAVAIL: a file whose model gives no vector of a text, and why; CORAX_E_ARGS: a key of another type, or a number that means nothing. */
int pooling_read(const struct gguf *, const char *arch, enum pooling *, struct err *);

/*
 * A text of n_all tokens is evaluated in pieces.  Of how many tokens of the piece [first, first + n), its last ones, are hidden states
 * wanted?  The first of these come first in what pooling_add() is given.
 */
size_t pooling_wants(enum pooling, size_t first, size_t n, size_t n_all);
/* hidden  [n][n_embd], the n that were wanted of a piece, its last ones; sum  [n_embd], zero before the first */
void pooling_add(enum pooling, double *sum, const float *hidden, size_t n_embd, size_t n);
/* Of a text that was read in one piece, hidden [n][n_embd]. */
void pooling_add_whole(enum pooling, double *sum, const float *hidden, size_t n_embd, size_t n);
/* out  [n_embd], of length 1.  CORAX_E_INTERNAL: the sum is zero, or not finite. */
int pooling_end(const double *sum, size_t n_embd, float *out, struct err *);

#endif
