/*
 * daemon/sse.h - a task's events as server-sent events.
 */
#ifndef DAEMON_SSE_H
#define DAEMON_SSE_H

#include <stdint.h>

#include "daemon/coraxd.h"
#include "daemon/http.h"

#define SSE_MAX_UNSENT (1u << 20) /* a client that is so far behind is cut off; it may resume by starting_after */
#define SSE_BEAT_MS    15000

/* Answers the request with a stream of the events after `after`.  The caller has checked that the peer may see the
 * task. */
void sse_start(struct coraxd *, struct evhttp_request *, const char *id, int64_t after);

#endif
