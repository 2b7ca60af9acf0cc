/*
 * daemon/routes.h - the paths of docs/api.md.
 */
#ifndef DAEMON_ROUTES_H
#define DAEMON_ROUTES_H

#include "daemon/coraxd.h"
#include "daemon/http.h"

/* An http_handler; arg is the struct coraxd. */
void routes_handle(void *arg, struct evhttp_request *, const struct http_peer *);

#endif
