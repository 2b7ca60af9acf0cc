/*
 * daemon/model.h - a model, as tasks see it: a chat goes in, deltas and one reply come out.
 *
 * Behind it stands one corax-infer process (docs/protocol.md).  A chat that was under way when the process ended is
 * sent once more to the next one; if that ends too, the chat fails with the reason.
 */
#ifndef DAEMON_MODEL_H
#define DAEMON_MODEL_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/transcript.h"
#include "daemon/config.h"
#include "util/err.h"

struct model;
struct model_chat;

struct model_reply {
    const char *reasoning, *text; /* NULL: none */
    size_t n_calls;
    const struct call *calls; /* ids NULL */
    const char *finish;
    const struct json *disabled; /* tools that its process left out, as docs/protocol.md has them; NULL: none */
    int64_t prompt_tokens, cached_tokens, completion_tokens, prompt_us, decode_us;
    int64_t duration_us; /* from model_chat to here */
};

/* A piece of a reply that is being written. */
struct model_delta {
    const char *kind; /* "reasoning", "text" or "call" */
    int64_t index;    /* call: its place among the calls of the reply, from 0 */
    const char *name; /* call: of the tool, in the piece that begins it; else NULL */
    const char *text; /* of a call: of its arguments */
};

struct model_chat_ops {
    void (*delta)(void *arg, const struct model_delta *);
    /* Exactly once, unless the chat is cancelled.  reply NULL: err says why. */
    void (*done)(void *arg, const struct model_reply *reply, const struct err *err);
};

struct model_ask {
    const struct transcript *transcript;
    const char *tools; /* JSON list */
    size_t tools_len;
    int max_tokens;
    bool must_answer;
    const struct sampling *sampling;
};

/* config and file stay the caller's.  file NULL: there is none, chats fail with a sentence.  Starts no process yet. */
struct model *model_create(struct event_base *, const struct config *, const struct model_file *file, struct err *);
void model_destroy(struct model *);
/* Loading: starts the process.  Unloading ends it, and is only for one without chats.  Chats of one that is not loaded wait. */
void model_load(struct model *);
void model_unload(struct model *);
bool model_is_loaded(const struct model *);
size_t model_chats(const struct model *); /* that are under way, or wait */
/* gone() is called whenever a chat has gone. */
void model_watch(struct model *, void (*gone)(void *arg), void *arg);
/* NULL: no memory.  done() is never called from within. */
struct model_chat *model_chat(struct model *, const struct model_ask *, const struct model_chat_ops *, void *arg);
void model_cancel(struct model_chat *);

int64_t model_context(const struct model *); /* tokens; 0 before it said so */
const char *model_name(const struct model *); /* of the process that answers; "" before it said so */
/* One object of /healthz, under key; name is what corax.conf calls it, or NULL.  true when it is ready, not loaded, or there is none. */
bool model_write_health(const struct model *, struct jsonw *, const char *key, const char *name);

#endif
