/*
 * daemon/foreign_server.h - the conversation with one foreign MCP server, between foreign.c and foreign_server.c.
 */
#ifndef DAEMON_FOREIGN_SERVER_H
#define DAEMON_FOREIGN_SERVER_H

#include <sys/queue.h>

#include "daemon/foreign.h"
#include "daemon/foreign_config.h"
#include "daemon/link.h"

enum foreign_state {
    FOREIGN_DOWN,
    FOREIGN_DISCOVER,
    FOREIGN_INITIALIZE,
    FOREIGN_LIST,         /* for the first time since its start */
    FOREIGN_READY,
    FOREIGN_UNAUTHORIZED, /* a person must log in first */
};

struct foreign_call {
    struct host_call base; /* first */
    TAILQ_ENTRY(foreign_call) link;
    struct foreign_server *server;
    int64_t id; /* of the request under way; 0: waits in the queue */
    const struct tool *tool; /* held */
    char *args;
    size_t args_len;
    struct host_terms terms;
    int64_t started_ns, deadline_ms;
    int rounds; /* answers that asked for input */
    struct event *deadline;
    host_done *done;
    void *arg;
    struct err err; /* set: fails from the loop */
};

struct foreign_login_call {
    int64_t id; /* 0: none */
    foreign_login_done *done;
    void *arg;
};

struct foreign_server {
    struct foreign *foreign;
    const struct foreign_server_config *config;
    struct link *link;
    enum foreign_state state;
    enum mcp_era era;
    bool legacy;        /* it ended when it was asked what only the modern revision knows: begin with initialize */
    bool refused;       /* it was asked a second time in the version it named */
    bool listens;       /* it says that it tells of changes */
    bool settled, listing, list_again;
    bool served;        /* since its start */
    struct label given; /* the worst of what it was given since then; a server over HTTP cannot be made to forget */
    int n_pages, n_tools, n_under_way;
    int64_t next_id, handshake_id, list_id, ping_id, listen_id;
    int64_t listed_ms; /* when it last began to list */
    struct event *timer;  /* of the handshake and of a ping */
    struct event *relist; /* a change was told of a moment after the last */
    char version[32], title[64];
    char trouble[240];    /* what it answered instead of what it offers; "": nothing */
    struct foreign_login_call login;
    TAILQ_HEAD(foreign_calls, foreign_call) calls; /* those under way may stand anywhere */
};

struct foreign {
    struct event_base *base;
    const struct config *config;
    struct registry *registry;
    const struct foreign_ops *ops;
    void *arg;
    size_t n, n_unsettled;
    struct foreign_server *at;
    struct event *later;  /* failures of calls, and settled */
    struct event *settle; /* after so long nobody waits any more */
    bool told;
};

/* --- foreign_server.c ------------------------------------------------------------------------------------------------ */

extern const struct link_ops foreign_link_ops;

void foreign_server_timer(evutil_socket_t, short, void *arg);
void foreign_server_relist(evutil_socket_t, short, void *arg);
/* Sends what waits, as far as it may. */
void foreign_server_send(struct foreign_server *);
void foreign_call_deadline(evutil_socket_t, short, void *arg);
bool foreign_server_is_http(const struct foreign_server *);

/* --- foreign.c ------------------------------------------------------------------------------------------------------- */

/* The call is over. */
void foreign_call_destroy(struct foreign_call *);
/* The call, which has its err, fails from the loop. */
void foreign_call_doom(struct foreign_call *);
void foreign_server_settle(struct foreign_server *);
/* What a login has given is kept for the next start: the text of a JSON object. */
void foreign_save(const struct foreign_server *, const struct json *saved);
/* NULL: nothing is kept; the caller frees it. */
char *foreign_saved(const struct foreign_server *);

#endif
