/*
 * tools/host_io.h - corax-host's two descriptors, and the messages that wait.
 *
 * One thread reads.  While a call runs, host_io_cancelled() looks at what has arrived, so that a cancellation is seen
 * without a second reader; everything else waits in the queue until the call is over.
 */
#ifndef TOOLS_HOST_IO_H
#define TOOLS_HOST_IO_H

#include <stdbool.h>
#include <stddef.h>

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
/* All of it, waiting as long as that takes.  -1 when the other side is gone. */
int host_io_write(struct host_io *, const char *data, size_t len);

#endif
