/*
 * util/rpc.h - JSON-RPC 2.0, one message a line.  The one language between corax processes.
 *
 * A line is at most RPC_MAX_LINE bytes with its newline.  A malformed line is the sender's end: the reader says why and
 * stays failed.  Batches (arrays of messages) are not part of it, as in MCP.  Ids are integers that the asking side counts up; foreign MCP clients may use strings, so an id is kept
 * as JSON text.
 */
#ifndef UTIL_RPC_H
#define UTIL_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"

#define RPC_MAX_LINE (1 << 20)

enum rpc_code {
    RPC_PARSE_ERROR = -32700, RPC_INVALID_REQUEST = -32600, RPC_METHOD_NOT_FOUND = -32601, RPC_INVALID_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    RPC_TOOL_FAILED = -32000 /* corax: data.status has the enum corax_status */
};

enum rpc_kind { RPC_REQUEST, RPC_NOTIFICATION, RPC_RESULT, RPC_ERROR };

/* One parsed message.  Everything points into `root` or into the line, and dies with rpc_msg_finish(). */
struct rpc_msg {
    enum rpc_kind      kind;
    const char        *line;    /* the bytes, borrowed from the reader until the next rpc_reader_next() */
    size_t             line_len;
    struct json       *root;
    const char        *id;      /* JSON text of the id ("7", "\"a\"", "null"), NULL for a notification */
    size_t             id_len;
    int64_t            id_int;  /* the id when it is an integer, else -1 */
    const char        *method;  /* of a request or notification */
    const struct json *params;  /* may be NULL */
    const struct json *result;  /* of RPC_RESULT */
    int                error_code;
    const char        *error_message;
    const struct json *error_data;
};

/* line without its newline.  -1 with CORAX_E_ARGS when it is not a JSON-RPC 2.0 message. */
int rpc_parse(const char *line, size_t len, struct rpc_msg *, struct err *);
void rpc_msg_finish(struct rpc_msg *);

/* Cuts a byte stream into lines. */
struct rpc_reader {
    struct buf in;
    size_t     whole; /* up to here, lines are complete */
    size_t     taken; /* up to here, they were handed out */
};
void rpc_reader_init(struct rpc_reader *);
void rpc_reader_finish(struct rpc_reader *);
/*
 * Adds what arrived.  -1 with CORAX_E_LIMIT when a line is longer than RPC_MAX_LINE or more than four such lines wait;
 * the reader takes no more then, and still hands out the lines before it.
 */
int rpc_reader_feed(struct rpc_reader *, const char *data, size_t len, struct err *);
/* The next whole line (no newline; valid until the next call on this reader), or false.  Empty lines are skipped. */
bool rpc_reader_next(struct rpc_reader *, const char **line, size_t *len);

/*
 * Writing: start opens the message and leaves the writer inside params (or result), where the caller adds members; end
 * closes it and adds the newline.  Line breaks in raw text become spaces.  A line longer than RPC_MAX_LINE leaves the
 * buffer failed, with the messages before it whole.
 */
struct jsonw rpc_request_start(struct buf *, int64_t id, const char *method);
struct jsonw rpc_notification_start(struct buf *, const char *method);
struct jsonw rpc_result_start(struct buf *, const char *id, size_t id_len);
void rpc_end(struct jsonw *);
void rpc_write_error(struct buf *, const char *id, size_t id_len, int code, const char *message);
/* The same with RPC_TOOL_FAILED and data: {"status": N}, so that a corax_status survives the trip; start leaves the writer inside data. */
struct jsonw rpc_failure_start(struct buf *, const char *id, size_t id_len, int status, const char *message);
void rpc_write_failure(struct buf *, const char *id, size_t id_len, const struct err *);

#endif
