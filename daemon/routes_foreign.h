/*
 * daemon/routes_foreign.h - /v1/mcp-servers: foreign MCP servers, and logging in to them.
 */
#ifndef DAEMON_ROUTES_FOREIGN_H
#define DAEMON_ROUTES_FOREIGN_H

#include "daemon/coraxd.h"
#include "daemon/http.h"

void routes_get_foreign(struct coraxd *, struct evhttp_request *, const struct http_peer *);
/* rest is what stands behind /v1/mcp-servers/ */
void routes_foreign(struct coraxd *, struct evhttp_request *, const struct http_peer *, const char *rest);

#endif
