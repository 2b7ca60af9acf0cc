/*
 * infer/chat.h - one chat request, from its JSON parameters to the JSON of its result.
 *
 * Keeps a few sessions and gives a request the one that shares the longest prefix with its transcript.  When that one
 * holds much that the request does not share, it belongs to another conversation: then the shared part is copied to
 * the least recently used session, so that conversations with the same tools do not evict each other.
 */
#ifndef INFER_CHAT_H
#define INFER_CHAT_H

#include "infer/dialect.h"
#include "infer/infer.h"
#include "util/buf.h"
#include "util/rpc.h"

#define CHAT_SESSIONS       4
#define CHAT_MAX_TOKENS     256  /* of a reply, when the request does not say */
#define CHAT_MAX_SCHEMA     (256 << 10)

struct chat;

/* The engine is borrowed.  NULL with CORAX_E_LIMIT.  A model without a dialect is an error of each request only. */
struct chat *chat_create(struct engine *, struct err *) __attribute__((warn_unused_result));
void chat_destroy(struct chat *);

struct chat_hooks {
    session_stop_fn *stop;
    /* A piece of the reply, whole UTF-8: kind is "reasoning", "text" or "call". */
    void (*delta)(void *arg, const char *kind, const char *text, size_t len);
    void *arg;
};

/*
 * Runs the request in msg and writes the members of its result to w, which stands inside the result object.  Nothing is
 * written before the reply is complete.  CORAX_E_ARGS (the request: names the member) or CORAX_E_INTERNAL.
 */
int chat_run(struct chat *, const struct rpc_msg *, const struct chat_hooks *, struct jsonw *w, struct err *);

#endif
