/*
 * daemon/vectors.h - vectors of texts, made by the model that `embedding` in corax.conf names.
 *
 * Behind it stands one corax-infer process of its own (docs/protocol.md), supervised as those of the models that chat.  Queries, for which
 * somebody waits, go before the texts of what is searched, and have a deadline: whoever asks goes on without a vector then.  An
 * answer that is none (another number of dimensions, a number that is none, too long a line) ends the process, never the daemon; what
 * was under way is asked once more.
 */
#ifndef DAEMON_VECTORS_H
#define DAEMON_VECTORS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/config.h"
#include "util/err.h"

#define VECTORS_MAX_DIM    8192
#define VECTORS_MAX_TEXTS  32   /* of one ask */
#define VECTORS_TEXT_BYTES 8192 /* of a text that are read: more than most of these models can */
#define VECTORS_KEY_SIZE   33

struct vectors;
struct vector_ask;

struct vector_answer {
    size_t n, dim;
    const float *at; /* [n][dim], each of length 1 */
    const char *key; /* as vectors_key() */
};

/* Exactly once, unless the ask is cancelled, and never from within the call that asks.  answer NULL: err says why. */
typedef void vectors_done_fn(void *arg, const struct vector_answer *, const struct err *err);

/* The config stays the caller's. */
struct vectors *vectors_create(struct event_base *, const struct config *, struct err *);
void vectors_destroy(struct vectors *);
/* Ends all that is under way, with an error; from now on vectors_are_on() is false. */
void vectors_stop(struct vectors *);
/* A model is configured, whatever becomes of it. */
bool vectors_are_on(const struct vectors *);
/* Only vectors of the same key can be compared: it is of the model's file, and of what stands before the texts.  "": not known yet. */
const char *vectors_key(const struct vectors *);
size_t vectors_dim(const struct vectors *); /* 0: not known yet */
/* ready() is called whenever the process has said what it is. */
void vectors_watch(struct vectors *, void (*ready)(void *arg), void *arg);

/* NULL: none is configured, or no memory. */
struct vector_ask *vectors_ask_query(struct vectors *, const char *text, size_t len, vectors_done_fn *, void *arg);
/* In the background, without a deadline; n at most VECTORS_MAX_TEXTS. */
struct vector_ask *vectors_ask_texts(struct vectors *, const char *const *texts, size_t n, vectors_done_fn *, void *arg);
void vectors_cancel(struct vector_ask *);

/* One object of /healthz, "embedding".  true when it is ready, starting, or there is none. */
bool vectors_write_health(const struct vectors *, struct jsonw *);

#endif
