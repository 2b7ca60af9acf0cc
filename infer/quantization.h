/*
 * infer/quantization.h - a GGUF file becomes a smaller one: which format each tensor gets, and writing it.
 *
 * A type such as Q4_K_M is a mixture: most matrices get one format, those that the output depends on most get more bits.  Vectors,
 * norms, positions, convolutions and the small matrices of a recurrence stay as they are.
 *
 * Source: the mixtures are those that files of these names have had since 2023, as quantizing programs publish them; which
 * layers get more bits is theirs.
 */
#ifndef INFER_QUANTIZATION_H
#define INFER_QUANTIZATION_H

#include <stddef.h>
#include <stdint.h>

#include "infer/gguf.h"
#include "infer/quant.h"
#include "util/err.h"

struct quantization; /* a mixture */

/* By its name, of any case; NULL with CORAX_E_ARGS naming those that there are. */
const struct quantization *quantization_find(const char *name, struct err *);

/* What a tensor depends on beside its own name. */
struct quantization_model {
    size_t n_layer, n_shared; /* layers; query heads that share a key head */
    bool   has_output;        /* an output.weight of its own: otherwise the embedding is the output, too */
};

/*
 * The format that a tensor gets; that of the tensor itself: it stays as it is.  Where rows do not fill the blocks of the format,
 * the nearest one of smaller blocks, F16 (or BF16, if it is that) at last.
 */
const struct quant_format *quantization_choose(const struct quantization *, const struct quantization_model *,
                                               const struct gguf_tensor *);

struct quantization_options {
    unsigned n_threads;                                     /* 0: all that this process may run on */
    void (*progress)(void *arg, size_t done, size_t total); /* bytes; NULL: nobody looks */
    void *arg;
};

struct quantization_result {
    size_t n_tensors, n_changed;
    uint64_t bytes_before, bytes; /* of tensors */
};

/*
 * Writes `out`.  Tensors that would change must be F32, F16 or BF16: what was rounded once is not rounded again.  CORAX_E_NOTFOUND,
 * CORAX_E_IO (files), CORAX_E_ARGS (the model, a tensor of another format, a value that is no number), CORAX_E_LIMIT,
 * CORAX_E_UNAVAIL (somebody else is writing `out`).  On failure `out` is as it was.
 */
int quantization_run(const char *model, const char *out, const struct quantization *, const struct quantization_options *,
                     struct quantization_result *, struct err *);

#endif
