/*
 * daemon/egress_mcp.h - MCP's Streamable HTTP as lines: what comes in is posted to one server, and what it answers goes out.
 *
 * Both revisions.  Of the modern one (2026-07-28) a request is one POST, its answer JSON or a stream of events that ends with it, and the
 * method, the tool's name and marked arguments are headers too.  Of the legacy one (2025-11-25) there may be a session, a stream that
 * breaks off is taken up where it ended, and the server may ask back.
 */
#ifndef DAEMON_EGRESS_MCP_H
#define DAEMON_EGRESS_MCP_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/egress_net.h"
#include "util/err.h"

struct egress;

/* Lines go to out, each whole. */
typedef void egress_out(void *arg, const char *line, size_t len);

struct egress *egress_create(struct net *, egress_out *, void *arg);
void egress_destroy(struct egress *);

/* One line of coraxd's.  -1: it makes no sense. */
int egress_take_line(struct egress *, const char *line, size_t len, struct err *);
/* Does what is due; returns in how many ms something will be, -1: nothing. */
int64_t egress_tick(struct egress *);

#endif
