/*
 * daemon/http.h - HTTP/1.1 on the Unix socket, and on loopback TCP where that is wanted, on libevent's evhttp.
 *
 * What evhttp leaves open is done here: who the client is (SO_PEERCRED), that a whole request has arrived within
 * HTTP_REQUEST_MS however slowly it drips, that an idle connection goes, how many connections there may be, a second
 * Content-Length, and JSON errors.  (Bytes that are no HTTP request at all get evhttp's own plain error.)
 *
 * A request stays valid until one reply is sent, whether or not its client is still there.
 */
#ifndef DAEMON_HTTP_H
#define DAEMON_HTTP_H

#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

#define HTTP_API_VERSION "1"
#define HTTP_MAX_BODY    (1u << 20)
#define HTTP_MAX_HEADERS 65536
#define HTTP_MAX_CONNS   512
#define HTTP_REQUEST_MS  10000  /* from the first byte to the last */
#define HTTP_IDLE_MS     120000 /* between requests */
#define HTTP_LINGER_MS   500    /* for clients to take their last answers, at the end of the daemon */

struct http;

struct http_peer {
    uint32_t uid;
    bool admin; /* uid 0, or in admin_group */
};

typedef void http_handler(void *arg, struct evhttp_request *, const struct http_peer *);

/* admin_group may be NULL.  CORAX_E_UNAVAIL when another daemon listens there. */
struct http *http_create(struct event_base *, const char *socket_path, const char *admin_group, http_handler *,
                         void *arg, struct err *);
/*
 * Listens on a loopback address (daemon/listen.h), too.  There a request needs the token, and Host and Origin that name this machine; its
 * client is the daemon's own user, and no administrator.  The port, or -1 with CORAX_E_ARGS or CORAX_E_UNAVAIL.
 */
int http_listen_tcp(struct http *, const char *address, const char *token, struct err *);
/* Sends what was answered, closes all connections and removes the socket. */
void http_destroy(struct http *);
/* Other limits than HTTP_REQUEST_MS and HTTP_IDLE_MS, for tests. */
void http_set_deadlines(struct http *, int64_t request_ms, int64_t idle_ms);
/* Takes no further connections. */
void http_stop(struct http *);

/* Body as it arrived; *len bytes. */
const char *http_body(struct evhttp_request *, size_t *len);
const char *http_header(struct evhttp_request *, const char *name); /* NULL: absent */
/* A query parameter, decoded, into out; false when absent (out is "") or longer than out. */
bool http_query(struct evhttp_request *, const char *name, char *out, size_t out_size);
void http_set_header(struct evhttp_request *, const char *name, const char *value);

/* Each sends the one reply.  json's memory is taken. */
void http_reply_json(struct evhttp_request *, int status, struct buf *json);
void http_reply_text(struct evhttp_request *, int status, const char *text);
void http_reply_error(struct evhttp_request *, int status, const char *type, const char *code, const char *param,
                      const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/*
 * An answer that takes its time.  watch: closed is called as soon as the client is gone, for which it calls gone (which
 * frees the request) and sends nothing more; unwatch comes before the end of the answer.
 */
typedef void http_closed(struct evhttp_connection *, void *arg);
void http_watch(struct evhttp_request *, http_closed *, void *arg);
void http_unwatch(struct evhttp_request *);
void http_gone(struct evhttp_connection *, struct evhttp_request *);
/* Bytes of it that the client has not taken yet. */
size_t http_unsent(struct evhttp_request *);
/* Closes the connection to a client that is too far behind, and frees the request; closed is not called. */
void http_cut_off(struct evhttp_request *);

#endif
