/*
 * cli/client.h - HTTP to coraxd over its Unix socket (docs/api.md), by libcurl.
 *
 * Two ways to ask: client_request() sends one request and waits for its answer; a stream follows a task's events while
 * the caller's own descriptors (a terminal, a signalfd) are watched too.
 *
 * CORAX_E_UNAVAIL always means "nobody answered at the socket", with a sentence that says how to start the daemon.
 * What the daemon itself refused comes with the daemon's own sentence: 404 is CORAX_E_NOTFOUND, 429 CORAX_E_LIMIT,
 * other 4xx CORAX_E_ARGS, 5xx CORAX_E_INTERNAL.  CORAX_E_IO: the connection broke after the request was sent, so it may
 * or may not have been carried out.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

#define CLIENT_MAX_REPLY \
    (64u << 20) /* the longest answer taken; a trace with inlined payloads is the longest there is */

struct client;

/* Connects later, with the first request.  -1 with CORAX_E_ARGS when the path does not fit into a socket address. */
struct client *client_create(const char *socket_path, struct err *) __attribute__((warn_unused_result));
void client_destroy(struct client *);

struct reply {
    int status; /* HTTP */
    struct buf body;
};

/*
 * method and path as HTTP has them; body NULL for none; idempotency_key NULL for none.  Blocks for at most wait_s more
 * than CLIENT_PATIENCE_S.  *reply is initialised here, also on failure; reply_finish() frees it.
 */
#define CLIENT_PATIENCE_S 30
int client_request(struct client *, const char *method, const char *path, const struct buf *body,
                   const char *idempotency_key, int wait_s, struct reply *, struct err *);
void reply_finish(struct reply *);

/* The events of one task. */
struct stream;

enum stream_state {
    STREAM_EVENT, /* type, data and id are set */
    STREAM_FD,    /* one of the caller's descriptors is readable */
    STREAM_IDLE,  /* timeout_ms went by */
    STREAM_END,   /* the daemon ended the stream in good order */
    STREAM_FAILED /* err says why */
};

struct stream_item {
    const char *type; /* "model_replied", "delta" ...; like data, valid until the next call */
    const char *data; /* JSON */
    size_t data_len;
};

/* Asks for the events after starting_after.  Nothing is sent before the first stream_next(). */
struct stream *stream_create(struct client *, const char *task_id, int64_t starting_after, struct err *)
    __attribute__((warn_unused_result));
void stream_destroy(struct stream *);
/* fds: n_fds descriptors to watch, negative ones are passed over. */
enum stream_state stream_next(struct stream *, const int *fds, size_t n_fds, int timeout_ms, struct stream_item *,
                              struct err *);

#endif
