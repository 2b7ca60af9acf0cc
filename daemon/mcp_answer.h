/*
 * daemon/mcp_answer.h - one HTTP request that is being answered, as JSON or as server-sent events.
 *
 * It becomes a stream with the first message that is sent before the end, or after ANSWER_BEAT_MS without an end, so
 * that a client knows that it is still worked for; an answer that comes at once is plain JSON.  A client that does not
 * take streams gets its answer alone.
 */
#ifndef DAEMON_MCP_ANSWER_H
#define DAEMON_MCP_ANSWER_H

#include <stdbool.h>

#include "daemon/coraxd.h"
#include "daemon/http.h"
#include "util/buf.h"

#define ANSWER_BEAT_MS    15000
#define ANSWER_MAX_UNSENT (4u << 20) /* a client that is so far behind is cut off */

struct mcp_answer;

/* closed: the client has gone, and the answer with it (nothing may be sent, it is freed afterwards).  NULL: no memory,
 * the request is answered. */
struct mcp_answer *mcp_answer_create(struct coraxd *, struct evhttp_request *, void (*closed)(void *arg), void *arg);
bool mcp_answer_streams(const struct mcp_answer *); /* the client takes more than one message */
/* One message; json stays the caller's.  false: the client takes none, or was cut off, of which closed() told. */
bool mcp_answer_send(struct mcp_answer *, const struct buf *json);
/* Begins the stream now. */
void mcp_answer_start(struct mcp_answer *);
/* The last message, and the end; json's memory is taken.  NULL json: the stream just ends. */
void mcp_answer_end(struct mcp_answer *, int status, struct buf *json);

#endif
