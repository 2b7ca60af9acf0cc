/*
 * infer/chat.h - chat requests, from their JSON parameters to the JSON of their results; several at a time.
 */
#ifndef INFER_CHAT_H
#define INFER_CHAT_H

#include "infer/dialect.h"
#include "infer/scheduler.h"
#include "util/buf.h"
#include "util/rpc.h"

#define CHAT_MAX_TOKENS 256 /* of a reply, when the request does not say */

struct chat;
struct chat_request;

/* The engine and the dialect are borrowed.  NULL with CORAX_E_LIMIT. */
struct chat *chat_create(struct engine *, const struct dialect *, const struct scheduler_options *, struct err *)
    __attribute__((warn_unused_result));
void chat_destroy(struct chat *); /* requests that are not done end without a call */

/* A piece of the reply, whole UTF-8. */
struct chat_delta {
    const char *kind;  /* "reasoning", "text" or "call" */
    size_t      index; /* of a call, from 0 */
    const char *name;  /* of a call that begins; otherwise NULL */
    const char *text;  /* of a call: of its arguments */
    size_t      len;
};

struct chat_hooks {
    void (*delta)(void *arg, const struct chat_delta *);
    /* The reply is complete, or err says why there is none.  The request lives until this returns. */
    void (*done)(void *arg, const struct chat_request *, const struct err *err);
    void *arg;
};

/*
 * Takes a request, whose message lives until it is done.  NULL with CORAX_E_ARGS (the request: names the member), CORAX_E_LIMIT or
 * CORAX_E_INTERNAL; then done is not called.
 */
struct chat_request *chat_start(struct chat *, const struct rpc_msg *, const struct chat_hooks *, struct err *);
void chat_cancel(struct chat_request *); /* done is called soon */
/* Goes on with what was started.  false: there is nothing. */
bool chat_step(struct chat *);
/* As scheduler_save() and scheduler_make_room(). */
bool chat_save(struct chat *);
bool chat_make_room(struct chat *);
/* For done: the members of its result, into an object. */
void chat_write_result(const struct chat_request *, struct jsonw *);

#endif
