/*
 * daemon/isolation.h - how much of a box there is on this machine: what `corax-box probe` says.
 *
 * It is asked once, beside the start, since it takes as long as building a box.  With `isolation: strict` the start waits for it.
 */
#ifndef DAEMON_ISOLATION_H
#define DAEMON_ISOLATION_H

#include <event2/event.h>
#include <stdbool.h>

#include "daemon/config.h"
#include "util/err.h"
#include "util/json.h"

struct isolation;

/* Starts nothing yet. */
struct isolation *isolation_create(struct event_base *, const struct config *, struct err *);
void isolation_destroy(struct isolation *);

/* Asks, and takes the answer from the loop; what is missing goes to the log. */
void isolation_ask(struct isolation *);
/* Asks and waits, at most ten seconds.  -1 with CORAX_E_UNAVAIL naming each part that is missing. */
int isolation_demand(struct isolation *, struct err *);

/* The member "isolation" of /healthz. */
void isolation_write_health(const struct isolation *, struct jsonw *);

#endif
