/*
 * util/sse.h - server-sent events: bytes in, whole events out.
 *
 * The format is WHATWG HTML, section 9.2.6 "Interpreting an event stream": lines ended by LF, CR or CRLF; fields id, event and
 * data, and retry; a line that begins with a colon is a comment; an empty line ends an event.
 */
#ifndef UTIL_SSE_H
#define UTIL_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

/* The longest event taken: a trace event may hold one whole tool result (1 MiB on the wire) written as JSON. */
#define SSE_MAX_EVENT (8u << 20)

struct sse {
    struct buf in; /* bytes not yet looked at begin at `taken` */
    size_t taken;
    struct buf id, type, data; /* of the event being read; after sse_next, of the event returned */
    int64_t retry_ms; /* how long to wait before connecting again, as the server last said; -1: it did not */
    bool has_data;
    bool returned; /* data was handed out: clear it before reading on */
};

void sse_init(struct sse *);
void sse_finish(struct sse *);
/* A new connection: forgets half an event, keeps the last id. */
void sse_restart(struct sse *);
/* Adds what arrived.  -1 with CORAX_E_LIMIT when an event is longer than SSE_MAX_EVENT. */
int sse_feed(struct sse *, const char *data, size_t len, struct err *);
/* The next whole event in id, type and data (valid until the next call), or false when more bytes are needed. */
bool sse_next(struct sse *);

#endif
