/*
 * infer/conversion.h - a folder with config.json and safetensors files becomes a GGUF file.
 *
 * A family of models is one `struct conversion_family`: what config.json calls it, a table of tensor names, and functions for its
 * keys and for what a table cannot say.  conversion.c does the rest: it matches the names, puts the tensors in order, writes them
 * row by row, and loads what came out with infer/family.h before the file gets its name.
 *
 * To add a family: write conversion_NAME.c with one `const struct conversion_family`, and add it to the table in conversion.c.
 */
#ifndef INFER_CONVERSION_H
#define INFER_CONVERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/gguf_write.h"
#include "infer/safetensors.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/json.h"

/* Where the rows of a matrix come from. */
enum conversion_order {
    ORDER_SAME,
    ORDER_NEIGHBOURS_Q, /* heads with pairs in halves become heads with pairs as neighbours (infer/rope.h) */
    ORDER_NEIGHBOURS_K, /* the same, of the key heads */
    ORDER_TRANSPOSED,   /* inputs are rows there: GPT-2's Conv1D; each of several matrices by itself */
    ORDER_PACKED,       /* four rows in the bits of one of U8, each value plus 1 */
};

/* What is done with each value. */
enum conversion_change {
    CHANGE_NONE,
    CHANGE_ADD_ONE,   /* x + 1 */
    CHANGE_EXP,       /* exp(x) */
    CHANGE_MINUS_EXP, /* -exp(x) */
    CHANGE_ONE_MINUS, /* 1 - x */
    CHANGE_TERNARY,   /* -1, 0 or 1: x over the mean magnitude of the tensor, rounded */
    CHANGE_MEAN,      /* the one value is that mean magnitude, of all of `from` */
    CHANGE_INVERSE,   /* 1 / x */
};

/* A line of a family's table.  % stands for the number of a layer. */
struct conversion_name {
    const char *theirs; /* behind the prefix, without .weight or .bias where those follow */
    const char *ours;   /* the same; NULL: no weight of the model, left out */
    enum conversion_order  order;
    enum conversion_change change;
    bool                   f32; /* whatever --type says; tensors of one dimension are anyway */
    bool                   vector; /* of one dimension, whatever it has there */
};

/* A tensor of the file to be. */
struct conversion_tensor {
    char name[GGUF_MAX_NAME + 1];
    const struct safetensor *from;   /* or */
    const float             *values; /* [ne[3]][ne[2]][ne[1]][ne[0]], of the conversion's arena */
    enum conversion_order    order;
    enum conversion_change   change;
    double                   scale;     /* of each value, after the change */
    uint64_t                 skip_rows; /* at the start of `from` */
    bool                     f32, padded; /* padded: rows and columns beyond those of `from` are 0 */
    uint32_t                 n_dims;
    uint64_t                 ne[GGUF_MAX_DIMS]; /* innermost first */
    const struct quant_format *format;
    int64_t                  place[2]; /* in the file: by layer, then by line of the table */
    double                   mean;     /* for CHANGE_TERNARY, once it is known */
};

struct conversion_family;

struct conversion {
    const struct conversion_family *family;
    const char *folder;
    const struct json *config;   /* of the text model, where a model has several parts */
    const struct json *defaults; /* the family's */
    const struct safetensors *source;
    struct gguf_writer *writer;
    struct arena *arena; /* for whatever lives as long as the conversion */
    int type;            /* of matrices: an id of infer/quant.h; -1: as they are stored */

    struct conversion_tensor *tensors;
    size_t n_tensors, cap;

    /* conversion_sizes() sets these. */
    size_t n_embd, n_layer, n_head, n_kv_head, head_dim, n_ctx, n_ff;
    size_t n_vocab; /* rows of the embedding */
    bool   tied;    /* the output is the embedding: an output.weight is left out */
};

struct conversion_family {
    const char *model_types; /* of config.json, each between spaces */
    const char *arch;        /* general.architecture */
    const char *prefixes;    /* of tensor names, each between spaces; the first that is there is left out */
    const char *others;      /* prefixes of tensors of other parts of a model, which are left out; NULL: none */
    const char *defaults;    /* JSON: what transformers takes for values that config.json leaves out; NULL: none */
    const struct conversion_name *names;
    size_t n_names;
    size_t ff_multiple; /* feed-forward is made wider to a multiple of it; 0: it is not */
    int (*keys)(struct conversion *, struct err *);
    /*
     * Called for each tensor whose line in the table was found; may change how it is made, or add others, which ends
     * the tensor's own pointer.  1: it is left out.  May be NULL.
     */
    int (*adjust)(struct conversion *, const struct conversion_name *, struct conversion_tensor *, struct err *);
};

struct conversion_options {
    int type; /* -1: matrices stay of the type they are stored in, or QUANT_F32 ... */
    void (*progress)(void *arg, size_t done, size_t total); /* bytes; NULL: nobody looks */
    void *arg;
};

struct conversion_result {
    size_t n_tensors, bytes;
    bool   has_tokenizer;
};

/*
 * Converts a folder to the file `out`.  CORAX_E_NOTFOUND, CORAX_E_IO (files), CORAX_E_ARGS (what is in them: the sentence names the
 * file, and the key or tensor), CORAX_E_LIMIT, CORAX_E_UNAVAIL (somebody else is writing `out`).  On failure `out` is as it was.
 */
int conversion_run(const char *folder, const char *out, const struct conversion_options *, struct conversion_result *,
                   struct err *);

/* --- for families ------------------------------------------------------------------------------------------------- */

/* Values of config.json.  `names` are those that it may have, each between spaces; null counts as absent. */
const struct json *conversion_get(const struct conversion *, const char *names);
/* 0; 1 when absent, *out unchanged; -1 with CORAX_E_ARGS. */
int conversion_get_size(const struct conversion *, const char *names, size_t min, size_t max, size_t *out, struct err *);
int conversion_need_size(const struct conversion *, const char *names, size_t min, size_t max, size_t *out, struct err *);
double conversion_get_number(const struct conversion *, const char *names, double otherwise);
bool conversion_get_bool(const struct conversion *, const char *names, bool otherwise);
const char *conversion_get_text(const struct conversion *, const char *names, const char *otherwise);

/* Metadata ARCH.what. */
void conversion_add_size(struct conversion *, const char *what, size_t);
void conversion_add_float(struct conversion *, const char *what, double);
void conversion_add_text(struct conversion *, const char *what, const char *);

/*
 * Reads and writes what all decoders have: context, widths, layers, heads, vocabulary; sets the sizes of struct conversion.
 * n_ff: what stands for the feed-forward's width when config.json has none, 0: it must.
 */
int conversion_sizes(struct conversion *, size_t n_ff, struct err *);
/* The norms' epsilon: key layer_norm_rms_epsilon or layer_norm_epsilon. */
void conversion_eps(struct conversion *, bool layer_norm, const char *names, double otherwise);
/* Base and scaling of rotary positions, with the tensors of factors where there are any. */
int conversion_rope(struct conversion *, struct err *);
/* Of all layers, or of those that layer_types names. */
int conversion_window(struct conversion *, struct err *);
/* hidden_activation where config.json's differs from what the family has. */
int conversion_activation(struct conversion *, const char *usual, struct err *);
/*
 * The tensor of the checkpoint that becomes `ours`, written as in the family's table, of that layer.  NULL: there is
 * none.
 */
const struct safetensor *conversion_find(const struct conversion *, const char *ours, unsigned long layer);
/* One more tensor; NULL with CORAX_E_LIMIT.  from or values must be set by the caller, and ne, n_dims. */
struct conversion_tensor *conversion_add(struct conversion *, struct err *);
/* A vector of computed values, copied. */
int conversion_add_values(struct conversion *, const char *name, const float *values, size_t n, struct err *);

/* Metadata of the tokenizer that the folder has, if it has one.  *found: it had. */
int conversion_tokenizer(struct conversion *, bool *found, struct err *);

extern const struct conversion_family conversion_bert, conversion_llama, conversion_qwen2, conversion_qwen3, conversion_phi3,
    conversion_starcoder2, conversion_bitnet, conversion_gemma, conversion_gemma2, conversion_gemma3, conversion_gpt2,
    conversion_starcoder, conversion_crystalcoder, conversion_biogpt, conversion_mamba, conversion_mamba2,
    conversion_rwkv, conversion_rwkv5, conversion_rwkv6, conversion_rwkv7;

#endif
