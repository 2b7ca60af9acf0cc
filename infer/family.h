/*
 * infer/family.h - a model family: how one architecture of GGUF files is checked, and how it turns tokens into logits.
 *
 * To add a family: write family_NAME.c with one `const struct family`, and add it to the table in family.c.
 */
#ifndef INFER_FAMILY_H
#define INFER_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/gguf.h"
#include "infer/ops.h"
#include "infer/state.h"
#include "util/err.h"

/* Limits on what a file may ask for: each far above any published model, each keeps products of sizes inside 64 bits. */
#define FAMILY_MAX_LAYERS  1024
#define FAMILY_MAX_WIDTH   (1 << 18) /* of embeddings and feed-forward */
#define FAMILY_MAX_HEADS   1024
#define FAMILY_MAX_CONTEXT (1 << 24)
#define FAMILY_MAX_VOCAB   (1 << 22)

struct family_options {
    size_t n_ctx; /* of the sessions to come */
    bool   exact; /* round activations as the model was trained with, where that is slower */
};

struct family {
    const char *arch; /* general.architecture */
    /*
     * Checks the configuration and every tensor's shape.  The model borrows the gguf; unload() frees it.
     * NULL with CORAX_E_ARGS naming the key or tensor and both numbers, or CORAX_E_LIMIT when out of memory.
     */
    void *(*load)(const struct gguf *, struct shape *, struct err *);
    void (*unload)(void *model);
    void (*prepare)(void *model, const struct family_options *); /* once, before the first eval(); may be NULL */
    /* Evaluates a batch, whose states become those after it.  NULL: an encoder, which writes nothing. */
    void (*eval)(void *model, struct ops *, const struct batch *);
    /* An encoder: reads a text of at most n_ctx tokens, for which the state has pages. */
    void (*encode)(void *model, struct ops *, struct state *, const int32_t *tokens, size_t n);
    /*
     * [n_logits][n_embd]: what the last eval() made its logits from, after the last norm; of an encoder [n][n_embd].  NULL: no
     * embeddings.
     */
    const float *(*hidden)(const void *model, size_t *n_embd);
    size_t version; /* ARCH.architecture_version, where one name stands for several families; 0: it does not */
};

extern const struct family family_bert, family_biogpt, family_bitnet, family_bitnet_25, family_bitnet_b158, family_crystalcoder,
    family_gemma, family_gemma2, family_gemma3, family_gpt2, family_llama, family_mamba, family_mamba2, family_phi3,
    family_qwen2, family_qwen3, family_rwkv4, family_rwkv5, family_rwkv6, family_rwkv7, family_starcoder,
    family_starcoder2;

/* By general.architecture; NULL with CORAX_E_ARGS naming it and what this build has. */
const struct family *family_find(const struct gguf *, struct err *);

/* For load(): configuration keys "ARCH.what".  A value outside [min, max] is an error that names all three numbers. */
int family_get_size(const struct gguf *, const char *arch, const char *what, size_t min, size_t max, size_t *out,
                    struct err *);                                             /* 1: absent, *out unchanged */
int family_need_size(const struct gguf *, const char *arch, const char *what, size_t min, size_t max, size_t *out,
                     struct err *);
int family_get_float(const struct gguf *, const char *arch, const char *what, double min, double max, double *out,
                     struct err *);                                            /* 1: absent, *out unchanged */
/* A tensor that must be there as [n_rows][k] in a format that can be read. */
int family_matrix(const struct gguf *, const char *name, size_t k, size_t n_rows, struct matrix *, struct err *);
/* Rows first ... first + n_rows - 1 of a matrix that holds several. */
struct matrix family_rows(const struct matrix *, size_t first, size_t n_rows);
/* n of them one behind the other, [n][n_rows][k]. */
int family_matrices(const struct gguf *, const char *name, size_t k, size_t n_rows, size_t n, struct matrix *,
                    struct err *);
/* A tensor that must be there as n values in F32, or in F16 or BF16, of which the gguf then keeps a copy as f32. */
int family_vector(const struct gguf *, const char *name, size_t n, const float **out, struct err *);
/* The same with more dimensions, the innermost first. */
int family_values(const struct gguf *, const char *name, const size_t ne[GGUF_MAX_DIMS], const float **out,
                  struct err *);

/* Marks a tensor as read, in used [gguf_n_tensors].  false: there is none of the name. */
bool family_use(const struct gguf *, const char *name, bool *used);
/* All of the file's tensors are; CORAX_E_ARGS names one that is not. */
int family_check_used(const struct gguf *, const char *arch, const bool *used, struct err *);

/* An encoder writes no text: CORAX_E_ARGS. */
int family_check_writes(const struct family *, struct err *);

#endif
