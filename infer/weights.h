/*
 * infer/weights.h - whether the weights of a file are numbers.
 *
 * One scale that is infinite or no number makes nonsense of every logit, or, where an activation function drops it, of some
 * that nobody will notice.  So all are looked at once, before the model runs; this reads the whole file, which the first
 * token does anyway.
 */
#ifndef INFER_WEIGHTS_H
#define INFER_WEIGHTS_H

#include "infer/gguf.h"
#include "infer/pool.h"
#include "util/err.h"

/*
 * Of all tensors but those that have been packed, which were looked at before that.  CORAX_E_ARGS naming the first tensor with a value or a scale that is infinite or no number, and where it is.
 */
int weights_check(const struct gguf *, struct pool *, struct err *);

#endif
