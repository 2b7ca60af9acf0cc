/*
 * daemon/egress_net.h - HTTP requests that may go only where they are meant to.
 *
 * A name is looked up once, by libcurl, and the address that comes out is judged before a socket is made for it, so that no second
 * answer of a name server counts.  Addresses that are not for the whole world are refused, but where the caller says otherwise.
 * Redirects are never followed, no proxy is used, TLS is always verified, and cleartext goes only to such addresses as were asked for.
 */
#ifndef DAEMON_EGRESS_NET_H
#define DAEMON_EGRESS_NET_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/buf.h"
#include "util/err.h"

/* Which addresses a connection may have, besides those that all the world can reach. */
enum net_reach { NET_PUBLIC, NET_LOOPBACK, NET_PRIVATE };

struct net;
struct fetch;

struct fetch_request {
    const char *method, *url;
    struct curl_slist *headers; /* taken, also on failure */
    const char *body;           /* copied; NULL: none */
    size_t body_len;
    int64_t deadline_ms; /* for all of it; 0: none */
    size_t max_bytes;    /* of the answer's body; 0: no limit */
};

struct fetch_ops {
    void (*head)(void *arg, long status); /* may be NULL; the headers are there */
    bool (*data)(void *arg, const char *data, size_t len); /* false: enough, the fetch ends well */
    /* Once, unless it is cancelled; the fetch is gone when it returns.  err.status CORAX_OK: the answer was whole. */
    void (*done)(void *arg, const struct err *err);
};

struct net *net_create(struct err *);
void net_destroy(struct net *);
void net_set_reach(struct net *, enum net_reach);

/* NULL: err says why. */
struct fetch *net_fetch(struct net *, const struct fetch_request *, const struct fetch_ops *, void *arg, struct err *);
void fetch_cancel(struct fetch *); /* also from within head() and data() */
long fetch_status(const struct fetch *);                            /* 0: none yet */
const char *fetch_header(const struct fetch *, const char *name); /* the last of that name; NULL: none */

/* Works until `fd` can be read or timeout_ms (-1: no limit) are over.  true: fd can be read. */
bool net_wait(struct net *, int fd, int64_t timeout_ms);

/* Whether a connection may have this address. */
bool net_may_reach(const struct sockaddr *, enum net_reach);
/* Whether a URL may be fetched at all: well formed, https, or http to what is near and was asked for. */
bool net_is_good_url(const char *url, enum net_reach, struct err *);

#endif
