/*
 * infer/embedder.h - requests for vectors of texts, from their JSON parameters to the JSON of their results; several at a time.
 *
 * A step evaluates one batch, of pieces of several texts, beside which replies go on being decoded (infer/scheduler.h).  Requests that
 * say "background" come after the others, text by text.  A vector is what session_embed() gives, bit for bit.
 *
 * One embedder an engine, on the thread of that.
 */
#ifndef INFER_EMBEDDER_H
#define INFER_EMBEDDER_H

#include "infer/infer.h"
#include "util/json.h"

#define EMBEDDER_MAX_TEXTS 256 /* of a request; fewer where their vectors would not fit a line */

struct embedder;
struct embed_request;

struct embedder_hooks {
    /* Memory for keys and values is short: gives some back.  false: there is none to be had.  NULL: likewise. */
    bool (*make_room)(void *arg);
    void *arg;
};

/* The engine is borrowed.  NULL with CORAX_E_UNAVAIL (the model gives no vectors, and why) or CORAX_E_LIMIT. */
struct embedder *embedder_create(struct engine *, const struct embedder_hooks *, struct err *) __attribute__((warn_unused_result));
void embedder_destroy(struct embedder *); /* requests that are not done end without a call */
size_t embedder_dimensions(const struct embedder *);
const char *embedder_pooling(const struct embedder *);
size_t embedder_max_texts(const struct embedder *);

/* The vectors are there, or err says why not.  The request lives until it returns. */
typedef void embed_done_fn(void *arg, const struct embed_request *, const struct err *err);
/* Takes the parameters of a request, which are not needed any more.  NULL with CORAX_E_ARGS (names the member) or CORAX_E_LIMIT; then done is not called. */
struct embed_request *embedder_add(struct embedder *, const struct json *params, embed_done_fn *done, void *arg, struct err *);
void embed_cancel(struct embed_request *); /* done is called soon, with CORAX_E_CANCELED */
/*
 * One batch, of as many tokens as take about so many seconds.  waits: others hold memory and will give it back, so that nothing fails for
 * want of it.  false: there was nothing to do.
 */
bool embedder_step(struct embedder *, double seconds, bool waits);
/* For done: the members of its result, into an object. */
void embed_write_result(const struct embed_request *, struct jsonw *);

#endif
