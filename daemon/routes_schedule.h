/*
 * daemon/routes_schedule.h - the paths of schedules, for routes.c.
 */
#ifndef DAEMON_ROUTES_SCHEDULE_H
#define DAEMON_ROUTES_SCHEDULE_H

#include "daemon/coraxd.h"
#include "daemon/http.h"

void routes_get_schedules(struct coraxd *, struct evhttp_request *, const struct http_peer *);
void routes_post_schedule(struct coraxd *, struct evhttp_request *, const struct http_peer *);
/* Of one: rest is what follows /v1/schedules/ in the path. */
void routes_schedule(struct coraxd *, struct evhttp_request *, const struct http_peer *, const char *rest);

#endif
