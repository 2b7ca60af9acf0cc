/*
 * tools/host_io.h - corax-host's two descriptors, and the messages that wait.
 *
 * One thread reads.  While a call runs, host_io_cancelled() looks at what has arrived, so that a cancellation is seen
 * without a second reader, and host_io_await() takes the answer to a request of the host's own out of it; other requests
 * wait in the queue until the call is over.
 */
#ifndef TOOLS_HOST_IO_H
#define TOOLS_HOST_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/rpc.h"

#define HOST_MAX_QUEUED 64 /* messages; while that many wait, nothing more is read */

struct host_message {
    char *line; /* owned */
    size_t len;
};

struct host_io {
    int in_fd, out_fd;
    struct rpc_reader reader;
    bool ended; /* nothing more will arrive */
    size_t n_queued;
    struct host_message queue[HOST_MAX_QUEUED];
};

/*
 * Takes standard input and output for the protocol: moves them to high, close-on-exec descriptors, puts /dev/null in
 * place of 0 and standard error in place of 1, since libraries print, and what they print must not end up in a message.
 */
int host_io_init(struct host_io *, struct err *);
void host_io_finish(struct host_io *);

/* Waits for the next message, which the caller frees.  1, 0 at the end of the input, -1 when the input is no protocol. */
int host_io_next(struct host_io *, struct host_message *, struct err *);
/* Without waiting: was the request of this id cancelled, or is nobody left to read its answer? */
bool host_io_cancelled(struct host_io *, const char *id, size_t id_len);
enum host_wait { HOST_ANSWERED, HOST_CANCELLED, HOST_LATE, HOST_ENDED };
/*
 * Waits for the answer to the request that the host sent under asked_id (JSON text), until deadline_ms at most and as long as
 * the call it is for is not cancelled.  HOST_ENDED: the input is over, so nobody can answer.  Where the queue is full, further
 * requests are refused, so that the answer behind them is found.  *out is set when answered; the caller frees it.
 */
enum host_wait host_io_await(struct host_io *, const char *asked_id, const char *call_id, size_t call_id_len,
                             int64_t deadline_ms, struct host_message *out);
/* All of it, waiting as long as that takes.  -1 when the other side is gone. */
int host_io_write(struct host_io *, const char *data, size_t len);

#endif
