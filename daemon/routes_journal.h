/*
 * daemon/routes_journal.h - the paths about the journal as a whole, for who runs the daemon.  For routes.c alone.
 */
#ifndef DAEMON_ROUTES_JOURNAL_H
#define DAEMON_ROUTES_JOURNAL_H

#include "daemon/coraxd.h"
#include "daemon/http.h"

void routes_post_backup(struct coraxd *, struct evhttp_request *, const struct http_peer *);
void routes_post_check(struct coraxd *, struct evhttp_request *, const struct http_peer *);

#endif
