/*
 * daemon/routes_memory.h - the paths of memories: list and search, show, add, forget.  For routes.c.
 */
#ifndef DAEMON_ROUTES_MEMORY_H
#define DAEMON_ROUTES_MEMORY_H

#include "daemon/coraxd.h"
#include "daemon/http.h"

void routes_get_memories(struct coraxd *, struct evhttp_request *, const struct http_peer *);
void routes_post_memory(struct coraxd *, struct evhttp_request *, const struct http_peer *);
/* id: what stands in the path behind /v1/memory/, whatever it is. */
void routes_get_memory(struct coraxd *, struct evhttp_request *, const struct http_peer *, const char *id);
void routes_delete_memory(struct coraxd *, struct evhttp_request *, const struct http_peer *, const char *id);

#endif
