/*
 * daemon/mcp_request.h - what an MCP client sends in one POST: one JSON-RPC message, and the headers that repeat parts of it.
 *
 * Two revisions are spoken.  A message with the protocol version in its _meta is of the modern one, which is stateless;
 * what begins with initialize, and goes on with Mcp-Session-Id, is of the legacy one.  No I/O: the fuzzer drives this.
 */
#ifndef DAEMON_MCP_REQUEST_H
#define DAEMON_MCP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/mcp.h"
#include "util/json.h"
#include "util/rpc.h"

#define MCP_MAX_ID 128 /* bytes of a request's id, and of a progress token, as JSON */

#define MCP_HEADER_MISMATCH    (-32020)
#define MCP_MISSING_CAPABILITY (-32021)

#define MCP_META_LOG_LEVEL    "io.modelcontextprotocol/logLevel"
#define MCP_META_SUBSCRIPTION "io.modelcontextprotocol/subscriptionId"
#define MCP_EXTENSION_TASKS   "io.modelcontextprotocol/tasks"

/* As HTTP brought them; NULL: absent. */
struct mcp_headers {
    const char *version, *method, *name; /* MCP-Protocol-Version, Mcp-Method, Mcp-Name */
    const char *session;                 /* Mcp-Session-Id */
    const char *content_type;
};

/* Why a message is not carried out: an HTTP status and the error of the answer. */
struct mcp_fault {
    int http, code;
    char message[240];
    char data[200]; /* JSON; "": none */
};

/* Of a client: what it can be asked, for this request or for its session. */
struct mcp_client {
    bool elicits, samples, has_roots, takes_tasks;
};

struct mcp_request {
    enum mcp_era era;
    struct rpc_msg msg;
    const struct json *params, *meta; /* NULL: none */
    struct mcp_client client;         /* modern */
    const char *token;                /* the progress token as JSON; NULL: none */
    size_t token_len;
    int log_level; /* modern; -1: the client wants no log */
};

/* 0, or -1 with the fault; the request's id is in msg then if there was one (id NULL: not).  finish in either case. */
int mcp_request_parse(struct mcp_request *, const char *body, size_t len, const struct mcp_headers *,
                      struct mcp_fault *);
void mcp_request_finish(struct mcp_request *);

/* A capabilities object; NULL has none. */
struct mcp_client mcp_client_read(const struct json *capabilities);
/* Whether a header (Mcp-Name, Mcp-Param-...) has that value, as it is or as =?base64?...?=, which must be well-formed. */
bool mcp_header_says(const char *header, const char *value);
/* "debug" 0 ... "emergency" 7; -1: there is no such level. */
int mcp_log_level(const char *name);

/* Fills a fault; -1. */
int mcp_fault(struct mcp_fault *, int http, int code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
