/*
 * daemon/foreign.h - foreign MCP servers as providers of tools.
 *
 * A server over standard input and output runs in a box like a host; one over HTTP stands behind a corax-egress of its own, which speaks
 * the same lines.  Its tools are in the registry as NAME.TOOL, and it may change them at any time: a call is sent only to the definition
 * that it was judged by.  Several calls may be under way.  A call that takes too long is cancelled; a server over standard input and
 * output that does not answer even a ping after that is ended, as one is that writes a malformed line or dies, and started again.
 *
 * What a server asks for is refused, but a ping and, where corax.conf says so, a form that its own defaults fill in.
 */
#ifndef DAEMON_FOREIGN_H
#define DAEMON_FOREIGN_H

#include <event2/event.h>
#include <stdbool.h>

#include "daemon/config.h"
#include "daemon/hosts.h"
#include "tools/registry.h"
#include "util/err.h"
#include "util/json.h"

struct foreign;

struct foreign_ops {
    /* Once, from the loop: each server has said what it offers, or has failed to, or takes too long. */
    void (*settled)(void *arg);
    /* From the loop: the tools of a server are others than they were. */
    void (*changed)(void *arg);
};

/* All of corax.conf's mcp_servers. */
struct foreign *foreign_create(struct event_base *, const struct config *, struct registry *, const struct foreign_ops *, void *arg,
                               struct err *);
/* The daemon is ending: logins that are under way are over. */
void foreign_stop(struct foreign *);
void foreign_destroy(struct foreign *);

bool foreign_has(const struct foreign *, const char *provider);
/* As hosts_call(); the tool is held as long as the call. */
struct host_call *foreign_call(struct foreign *, const struct tool *, const char *args, size_t args_len, const struct host_terms *,
                               host_done *, void *arg, struct err *);

/* The member "mcp_servers" of /healthz.  true when all are up. */
bool foreign_write_health(const struct foreign *, struct jsonw *);

/*
 * A person logs in to a server over HTTP (OAuth 2.1; docs/mcp-servers.md).  params is a JSON object with redirect_uri, and the second
 * time with callback, the query that the browser came back with.  done gets the answer's members, {"url": …} or {"authorized": true},
 * or an error; it is not called from within.  -1: err, with CORAX_E_NOTFOUND where there is no such server.
 */
typedef void foreign_login_done(void *arg, const struct json *result, const struct err *err);
int foreign_login(struct foreign *, const char *name, const struct json *params, foreign_login_done *, void *arg, struct err *);

#endif
