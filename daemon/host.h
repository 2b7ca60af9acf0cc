/*
 * daemon/host.h - one corax-host process behind corax-box: it says what its plugin offers, and carries out one call at a time.
 *
 * A call that does not end by its deadline costs the host its life, and so does a malformed line; the call fails with a sentence
 * and the host starts again.  It is served with corax/exec (daemon/exec.h) while a call runs whose tool declares the effect exec;
 * what it runs ends with the call.  Which host a call goes to is daemon/hosts.h's to say.
 */
#ifndef DAEMON_HOST_H
#define DAEMON_HOST_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/exec.h"
#include "policies/label.h"
#include "tools/mcp.h"
#include "util/err.h"
#include "util/rpc.h"

struct host;

/* Of what a host is asked; the texts live until it has ended. */
struct host_request {
    int64_t id; /* unlike that of any other of this host */
    const char *tool, *args;
    size_t args_len;
    int64_t deadline_ms;
    struct label context; /* of what it is given */
    bool fresh;           /* the host serves nobody after it */
    bool exec;            /* its tool declares that it runs programs */
    bool talks;           /* somebody listens to what it says before its result: noted and asked are called */
};

struct host_ops {
    /* It has said who it is.  1: ask it for its tools, 0: they are known, -1: err, it is ended. */
    int (*greeted)(void *arg, const struct mcp_server *, struct err *);
    int (*tools)(void *arg, const struct json *list, struct err *); /* one page of tools/list; -1: err, it is ended */
    void (*listed)(void *arg);                                      /* that was all */
    void (*idle)(void *arg);                                        /* it can take a call */
    /* A call has ended.  result NULL: err says why there is none.  It is idle, or down, behind this. */
    void (*ended)(void *arg, const struct tool_result *result, int64_t duration_us, const struct err *err);
    /* It is down, and starts again by itself; listing: while it told its tools.  err NULL: no call was under way; otherwise
     * that has failed, of status 0 because the host broke down. */
    void (*down)(void *arg, bool listing, const char *why, const struct err *err);
    /* Of a call that talks: progress, a line of its log; that it asks for its client (the service "client"): 0, and host_answer
     * follows, from the loop or from within; -1: why it cannot be asked. */
    void (*noted)(void *arg, const struct rpc_msg *);
    int (*asked)(void *arg, const struct json *params, struct err *);
};

/* argv is copied.  NULL: err.  Starts nothing yet. */
struct host *host_create(struct event_base *, struct exec *, const char *name, const char *path,
                         const char *const argv[], const struct host_ops *, void *arg, struct err *);
void host_destroy(struct host *); /* kills it and waits for its end; no function of ops is called */
void host_start(struct host *);   /* soon, from the loop */
/* It must be idle.  ended() or down() tells how it went, from the loop, unless it is -1: err, and nothing was sent. */
int host_call(struct host *, const struct host_request *, struct err *);
/* To what the call under way asked for, an object; or NULL and why there is no answer.  Nothing where it asks for nothing. */
void host_answer(struct host *, const struct buf *responses, const struct err *why);
/* It ends and starts again; of what was under way nobody is told. */
void host_restart(struct host *, const char *why);

bool host_is_idle(const struct host *);
bool host_is_busy(const struct host *);
bool host_has_served(const struct host *);        /* since it was started last */
struct label host_given(const struct host *);     /* the worst of what it was given since then */
int64_t host_idle_ms(const struct host *);        /* since its last call or start; 0: it is not idle */
const char *host_state_name(const struct host *); /* "down" "starting" "ready" "busy" */
unsigned host_restarts(const struct host *);
unsigned host_failures(const struct host *);      /* ends in a row before it worked */
const char *host_last_error(const struct host *); /* NULL: none since it last worked */
int64_t host_pid(const struct host *);            /* 0: none */

#endif
