/*
 * daemon/routes_policy.h - the paths about policies.  For routes.c alone.
 */
#ifndef DAEMON_ROUTES_POLICY_H
#define DAEMON_ROUTES_POLICY_H

#include "daemon/coraxd.h"
#include "daemon/http.h"

void routes_get_policies(struct coraxd *, struct evhttp_request *, const struct http_peer *);
void routes_post_explain(struct coraxd *, struct evhttp_request *, const struct http_peer *);
void routes_post_policy_test(struct coraxd *, struct evhttp_request *, const struct http_peer *);

#endif
