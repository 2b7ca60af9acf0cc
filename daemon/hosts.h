/*
 * daemon/hosts.h - the plugins: each with one to host.processes hosts (daemon/host.h) behind a queue.
 *
 * The first host of a plugin is asked what it offers; its tools go into the registry.  Further ones start where calls would have to
 * wait, and end when they have had nothing to do for a minute.  A host is never given a call of a better label than what it was given
 * before, since it may have kept that: such a call goes to another one, or one is started anew.  A host that ends costs the call
 * that it carries out, which fails with a sentence, and no other.
 */
#ifndef DAEMON_HOSTS_H
#define DAEMON_HOSTS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config.h"
#include "policies/label.h"
#include "tools/mcp.h"
#include "tools/registry.h"
#include "util/err.h"

struct hosts;

/* A call to a provider of tools; the rest of it is the provider's. */
struct host_call {
    void (*cancel)(struct host_call *);
    void (*answer)(struct host_call *, const struct buf *responses, const struct err *why); /* NULL: it asks for nothing */
};

/* Exactly once, unless the call is cancelled.  result NULL: err says why there is none, and duration_us is 0 when the
 * call never reached the host. */
typedef void host_done(void *arg, const struct tool_result *result, int64_t duration_us, const struct err *err);

/* Every .so of the configured folders, and every configured .so.  settled is called once from the loop, when each host
 * has said what it offers or has failed to. */
struct hosts *hosts_create(struct event_base *, const struct config *, struct registry *, void (*settled)(void *arg),
                           void *arg, struct err *);
void hosts_destroy(struct hosts *);
/* Lists what would be loaded, for -n: -1 when a configured path is not there. */
int hosts_find(const struct config *, struct config_list *out, struct err *);

/* What a call says before its result; both get the call's arg. */
struct host_talk {
    void (*noted)(void *arg, const struct rpc_msg *);
    /* It asks for its client (the service "client"): 0, and host_call_answer follows, from the loop or from within; -1: why not. */
    int (*asked)(void *arg, const struct json *params, struct err *);
};

/* On what terms a call is made. */
struct host_terms {
    int64_t deadline_ms;
    struct label context; /* of what it is given: a host that was given worse is started anew before it */
    bool fresh;           /* the host has served nobody before, and serves nobody after */
    const struct host_talk *talk; /* NULL: nobody listens */
};
/* NULL: err says why.  done() is never called from within. */
struct host_call *hosts_call(struct hosts *, const char *provider, const char *tool, const char *args, size_t args_len,
                             const struct host_terms *, host_done *, void *arg, struct err *);
/* To what it asked for, an object; or NULL and why there is no answer. */
void host_call_answer(struct host_call *, const struct buf *responses, const struct err *why);
/* done() is not called.  A call under way ends with its host. */
void host_cancel(struct host_call *);

/* The members "hosts" and "exec" of /healthz.  true when all hosts are up. */
bool hosts_write_health(const struct hosts *, struct jsonw *);

#endif
