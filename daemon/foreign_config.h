/*
 * daemon/foreign_config.h - mcp_servers of corax.conf: which foreign MCP servers there are, and on what terms.
 */
#ifndef DAEMON_FOREIGN_CONFIG_H
#define DAEMON_FOREIGN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config.h"
#include "tools/registry.h"
#include "util/err.h"
#include "util/json.h"

#define FOREIGN_MAX_SERVERS   32
#define FOREIGN_MAX_NAME      32
#define FOREIGN_MAX_OVERRIDES 256

/* Which revision of MCP a server is spoken to in. */
enum foreign_protocol { FOREIGN_AUTO, FOREIGN_MODERN, FOREIGN_LEGACY };

/* What is answered where a server asks for a form to be filled in (MCP's elicitation). */
enum foreign_elicitation {
    FOREIGN_DECLINE,  /* that nobody does */
    FOREIGN_DEFAULTS, /* the form with the defaults that it came with, where these are all it needs */
};

struct foreign_server_config {
    char *name; /* a-z, 0-9, _ and -; the provider of its tools */
    /* Over standard input and output: */
    struct config_list command; /* n 0: over HTTP */
    struct config_list env;     /* NAME=value */
    struct config_list files;   /* that its box shows, read-only */
    bool network;
    int memory_mb; /* 0: no limit */
    /* Over HTTP: */
    char *url;
    struct config_list headers;      /* "Name: value" */
    char *token_file;                /* of a bearer token; NULL: none */
    bool private_network;            /* it, and what it sends to for a login, may have addresses that are not public */
    char *client_id, *client_secret_file, *client_metadata_url, *issuer; /* for OAuth; NULL: registers itself */
    /* Of both: */
    int start_ms, call_ms, max_tools, max_calls, max_mb;
    enum foreign_protocol protocol;
    enum foreign_elicitation elicitation;
    struct registry_terms terms; /* its texts are below */
    struct config_list tools;
    struct registry_override *overrides;
};

struct foreign_config {
    char *text; /* the member as it was written */
    size_t n;
    struct foreign_server_config at[FOREIGN_MAX_SERVERS];
};

/* v NULL: leaves *out alone.  A new one goes into *out, in place of what was there. */
int foreign_config_read(const struct json *v, struct foreign_config **out, struct err *);
void foreign_config_finish(struct foreign_config *);
bool foreign_config_has(const struct foreign_config *, const char *name);
bool foreign_config_needs_egress(const struct foreign_config *); /* one of them is over HTTP */
bool foreign_config_same(const struct foreign_config *, const struct foreign_config *);

#endif
