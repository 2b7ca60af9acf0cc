/*
 * infer/infer.h - the inference core: the only header of this folder that others include.
 *
 * An engine is one model file, mapped, with its threads and kernels.  A session is one transcript that has been
 * evaluated: its tokens and what the model remembers of them.  session_sync() brings a
 * session to a whole transcript by itself: it keeps the longest common prefix and evaluates only the rest, so a
 * caller never says what is new.  Evaluating a transcript in any number of pieces gives the same logits, bit for bit.
 *
 *     engine_open -> session_create -> { session_sync(transcript) -> session_decode(constraint) }* -> session_destroy
 *
 * One engine and its sessions belong to one thread at a time.  Nothing here prints or exits.
 */
#ifndef INFER_INFER_H
#define INFER_INFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/constraint.h"
#include "infer/sampler.h"
#include "infer/tokenizer.h"
#include "util/err.h"

struct engine;
struct session;

/* Whether weights are packed for the processor (infer/packed.h): in a file that is kept, in memory each time, or not. */
enum engine_packing { ENGINE_PACK_FILE, ENGINE_PACK_MEMORY, ENGINE_PACK_OFF };

/* In what keys and values are remembered.  AUTO: F16 for weights in F32 and F16 and for small models, BF16 for others. */
enum engine_cache { ENGINE_CACHE_AUTO, ENGINE_CACHE_F16, ENGINE_CACHE_BF16, ENGINE_CACHE_F32, ENGINE_CACHE_Q8_0 };

struct engine_options {
    unsigned    n_threads; /* 0: as many as this process may use at once */
    size_t      n_ctx;     /* tokens a session holds; 0: the model's own context, at most ENGINE_DEFAULT_CTX */
    bool        exact;     /* BitNet: round activations as in training, token by token, before each ternary matrix; packed ones in I2_S are always multiplied so */
    const char *kernels;   /* NULL: the best for this processor; "plain", "avx2", "avx512", "avx512bf16"; "neon", "neon_dotprod", "neon_i8mm" */
    enum engine_packing packing;
    enum engine_cache   cache;
};
#define ENGINE_SMALL       ((size_t)64 << 20) /* bytes of a file: below, rounding shows more than time */
#define ENGINE_DEFAULT_CTX 8192 /* of a model made for 128k, whose keys and values would take gigabytes */

struct engine_info {
    const char *name, *arch, *type, *kernels; /* type: the format most weights have */
    uint64_t    n_params, file_bytes;
    size_t      n_vocab, n_ctx, model_ctx;
    unsigned    n_threads;
};

/* CORAX_E_NOTFOUND, CORAX_E_IO, CORAX_E_ARGS (the file is not a model this program runs), CORAX_E_LIMIT (memory). */
struct engine *engine_open(const char *path, const struct engine_options *, struct err *)
    __attribute__((warn_unused_result));
void engine_close(struct engine *); /* after its sessions */
const struct engine_info *engine_info(const struct engine *);
const struct tokenizer *engine_tokenizer(const struct engine *);
struct mask_vocabulary *engine_vocabulary(struct engine *); /* for constraints */
/* SHA-256 of the file in hex, of a model in parts that of their hashes; computed on the first call: some 3 ms a megabyte. */
const char *engine_sha256(struct engine *);

struct session *session_create(struct engine *, struct err *) __attribute__((warn_unused_result));
void session_destroy(struct session *);

/* Asked between batches of the prompt and between tokens; true stops. */
typedef bool session_stop_fn(void *arg);

/*
 * Brings the session to this transcript, at least one token.  *n_kept (may be NULL) is how many tokens were there
 * already. CORAX_E_LIMIT: it does not fit ("a transcript of 1100 tokens, the context holds 1024"); CORAX_E_ARGS: a
 * token that the model does not have; CORAX_E_CANCELED: stop said so.  After an error the session holds some prefix
 * and stays usable.
 */
int session_sync(struct session *, const int32_t *tokens, size_t n, session_stop_fn *stop, void *arg, size_t *n_kept,
                 struct err *);
/* Called with the logits [n_vocab] after the i-th token; they are gone when it returns. */
typedef void session_logits_fn(void *arg, size_t i, const float *logits);
/* Evaluates n tokens behind those that are there and hands out the logits after each.  Errors as session_sync(). */
int session_append(struct session *, const int32_t *tokens, size_t n, session_logits_fn *each, void *arg, struct err *);
/*
 * The vector of a text: the model's last hidden states over all these tokens, pooled as its file says (infer/pooling.h), of length 1,
 * in out [*n]; the caller frees it.  What the session held is gone.  CORAX_E_ARGS: the model gives none, and why; CORAX_E_INTERNAL: they are
 * no numbers; otherwise as session_sync().
 */
int session_embed(struct session *, const int32_t *tokens, size_t n, float **out, size_t *n_out, struct err *);
/*
 * Writes what the session holds to a file (through a temporary one beside it), and reads it into a session of the same model.
 * A loaded session goes on with the same bits.  Files are of this machine's byte order and of the model whose SHA-256
 * they carry.  CORAX_E_IO; loading also CORAX_E_NOTFOUND, CORAX_E_ARGS (not such a file, or of another model; the session
 * is empty then) and CORAX_E_LIMIT (more tokens than the context holds).
 */
int session_save(const struct session *, const char *path, struct err *);
int session_load(struct session *, const char *path, struct err *);
void session_clear(struct session *); /* as if it were new */
size_t session_n_tokens(const struct session *);
const float *session_logits(const struct session *); /* [n_vocab], after the last token; NULL before the first sync */

enum decode_finish { DECODE_DONE, DECODE_LENGTH, DECODE_STOPPED };

struct decode {
    struct sampling    sampling;
    struct constraint *constraint; /* NULL: free text, until the model's end token */
    size_t             max_tokens; /* the end of the context ends it too */
    void (*on_token)(void *arg, int32_t token); /* called with each token before the next is computed */
    session_stop_fn   *stop;       /* may be NULL */
    void              *arg;
};

/*
 * Goes on from a synced session.  *n_tokens and *finish are written on success.  Allocates nothing after the first
 * token. CORAX_E_ARGS: a sampling value out of range; CORAX_E_INTERNAL: no token is allowed (the vocabulary lacks a
 * byte that the constraint needs, or the weights are not numbers).
 */
int session_decode(struct session *, const struct decode *, size_t *n_tokens, enum decode_finish *finish, struct err *);

#endif
