/*
 * daemon/routes_policy.h - the paths about policies, and how files of them come.  For routes*.c alone.
 */
#ifndef DAEMON_ROUTES_POLICY_H
#define DAEMON_ROUTES_POLICY_H

#include "daemon/coraxd.h"
#include "daemon/http.h"
#include "policies/policy.h"

void routes_get_policies(struct coraxd *, struct evhttp_request *, const struct http_peer *);
void routes_post_explain(struct coraxd *, struct evhttp_request *, const struct http_peer *);
void routes_post_policy_test(struct coraxd *, struct evhttp_request *, const struct http_peer *);
/* A list of {name, text}: the files point into it.  -1 with CORAX_E_ARGS. */
int routes_read_policy_files(const struct json *list, struct policy_file files[POLICY_MAX_FILES], size_t *n, struct err *);

#endif
