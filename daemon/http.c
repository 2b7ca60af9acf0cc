/*
 * evhttp tells nobody about a connection before it has a whole request, so a client that sends one byte a second would
 * hold its connection for ever.  The one place to get hold of it is the bufferevent that evhttp lets us make: each
 * connection keeps a counted reference to it, an input callback that notes when a request began to arrive, and a timer
 * that looks at all of them four times a second while there are any.
 *
 * What is no HTTP request evhttp answers itself, with a page in HTML.  An output callback sees an answer on a connection
 * of which no request came to us, and before the loop writes it, it is replaced by an error as all others are.
 */
#include "daemon/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/listen.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

#define MIN_COLLECT 32
#define SWEEP_MS    250
#define BACKLOG     128
#define MAX_UNREAD  4096 /* bytes of what a client sends while it waits for an answer */
#define HARD_BODY   (4u << 20) /* evhttp's own limit: beyond it the client gets no JSON error, only 413 */
#define MAX_GROUPS  1024

struct conn {
    TAILQ_ENTRY(conn) link;
    struct http *http;
    struct bufferevent *bev;
    int64_t since_ms; /* of the first byte of a request, or since when it is idle */
    bool arriving;    /* a request has begun to arrive */
    bool busy;        /* it is being answered */
    bool foreign;     /* evhttp wrote an answer of its own */
};

struct http {
    struct event_base *base;
    struct evhttp *evhttp;
    struct evconnlistener *listener; /* evhttp's */
    struct evconnlistener *tcp;      /* likewise; NULL: nobody listens on TCP */
    char token[LISTEN_TOKEN_LEN + 1]; /* for TCP */
    char *path;
    bool bound;
    bool full; /* the listener rests */
    bool stopped;
    gid_t admin_gid;
    bool has_admin_gid;
    http_handler *handler;
    void *arg;
    TAILQ_HEAD(conns, conn) conns;
    size_t n_conns, collect_at;
    struct event *sweep;
    struct event *replace; /* runs replace_foreign */
    int64_t request_ms, idle_ms;
};

static void on_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *c = arg;

    if (info->n_added > 0 && !c->arriving && !c->busy) {
        c->arriving = true;
        c->since_ms = clock_mono_ms();
    }
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *c = arg;

    if (info->n_added > 0 && !c->busy && !c->foreign) {
        c->foreign = true;
        event_active(c->http->replace, EV_TIMEOUT, 0);
    }
}

static void conn_destroy(struct conn *c)
{
    TAILQ_REMOVE(&c->http->conns, c, link);
    c->http->n_conns--;
    evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
    evbuffer_remove_cb(bufferevent_get_output(c->bev), on_output, c);
    bufferevent_decref(c->bev);
    free(c);
}

/* evhttp freed its side: the callbacks are gone. */
static bool is_dead(const struct conn *c)
{
    bufferevent_event_cb cb;

    bufferevent_getcb(c->bev, NULL, NULL, &cb, NULL);
    return cb == NULL;
}

/* Lets go of what evhttp has freed.  Many short connections in one moment must not fill the list until the timer comes,
 * so this also happens whenever the list has doubled. */
static void collect(struct http *h)
{
    struct conn *c, *next;

    for (c = TAILQ_FIRST(&h->conns); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (is_dead(c))
            conn_destroy(c);
    }
    h->collect_at = 2 * h->n_conns + MIN_COLLECT;
}

static void let_in(struct http *h, bool on)
{
    struct evconnlistener *const all[] = { h->listener, h->tcp };

    for (size_t i = 0; i < 2; i++)
        if (all[i] && on)
            evconnlistener_enable(all[i]);
        else if (all[i])
            evconnlistener_disable(all[i]);
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    static const struct timeval period = { .tv_usec = SWEEP_MS * 1000 };
    struct http *h = arg;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    struct conn *c = calloc(1, sizeof(*c));

    if (bev == NULL || c == NULL || evbuffer_add_cb(bufferevent_get_input(bev), on_input, c) == NULL ||
        evbuffer_add_cb(bufferevent_get_output(bev), on_output, c) == NULL) {
        if (bev)
            bufferevent_free(bev);
        free(c);
        return NULL; /* evhttp makes one of its own, and fails where there is no memory */
    }
    bufferevent_incref(bev);
    c->http = h;
    c->bev = bev;
    c->since_ms = clock_mono_ms();
    if (h->n_conns + 1 >= h->collect_at)
        collect(h);
    TAILQ_INSERT_TAIL(&h->conns, c, link);
    if (h->n_conns++ == 0)
        event_add(h->sweep, &period);
    if (h->n_conns >= HTTP_MAX_CONNS) {
        let_in(h, false);
        h->full = true;
    }
    return bev;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct http *h = arg;
    struct conn *c, *next;
    int64_t now = clock_mono_ms();

    collect(h);
    for (c = TAILQ_FIRST(&h->conns); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!c->busy && now - c->since_ms > (c->arriving ? h->request_ms : h->idle_ms))
            shutdown(bufferevent_getfd(c->bev), SHUT_RDWR); /* evhttp sees the end and frees it */
    }
    if (h->full && !h->stopped && h->n_conns < HTTP_MAX_CONNS) {
        let_in(h, true);
        h->full = false;
    }
    if (h->n_conns == 0)
        event_del(h->sweep);
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 417:
        return "Expectation Failed";
    case 429:
        return "Too Many Requests";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

static void write_error(struct buf *out, const char *type, const char *code, const char *param, const char *message)
{
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    jsonw_object(&w, "error");
    jsonw_text(&w, "message", message);
    jsonw_text(&w, "type", type);
    jsonw_text(&w, "param", param);
    jsonw_text(&w, "code", code);
    jsonw_end(&w);
    jsonw_end(&w);
}

/* An answer of evhttp's own: "HTTP/1.1 400 Bad Request" and so on.  Its connection ends behind it. */
static void replace_foreign(struct conn *c)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    char head[sizeof("HTTP/1.1 400")] = "";
    struct buf json;
    int status;

    /* A bufferevent freezes the end it writes from. */
    evbuffer_unfreeze(out, 1);
    if (evbuffer_copyout(out, head, sizeof(head) - 1) < (ev_ssize_t)sizeof(head) - 1 ||
        (status = atoi(head + sizeof("HTTP/1.1"))) < 400) {
        evbuffer_freeze(out, 1);
        return; /* 100 Continue */
    }
    buf_init(&json, 8192);
    if (status == 413)
        write_error(&json, "invalid_request", "too_large", NULL, "the body or the headers are larger than may be");
    else if (status == 501 || status == 405)
        write_error(&json, "invalid_request", "bad_method", NULL, "there is no such method");
    else
        write_error(&json, "invalid_request", "bad_request", NULL,
                    "this is no HTTP request, or its headers are larger than may be");
    evbuffer_drain(out, evbuffer_get_length(out));
    evbuffer_freeze(out, 1);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %d %s\r\nAPI-Version: %s\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                        status, reason(status), HTTP_API_VERSION, json.len);
    evbuffer_add(out, json.data, json.len);
    buf_finish(&json);
}

static void on_replace(evutil_socket_t fd, short what, void *arg)
{
    struct http *h = arg;
    struct conn *c;

    for (c = TAILQ_FIRST(&h->conns); c; c = TAILQ_NEXT(c, link)) {
        if (!c->foreign || is_dead(c))
            continue;
        c->busy = true; /* what is written now is ours */
        replace_foreign(c);
        c->busy = c->foreign = false;
    }
}

static struct bufferevent *request_bev(struct evhttp_request *req)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);

    return evcon ? evhttp_connection_get_bufferevent(evcon) : NULL;
}

static struct conn *find_conn(struct http *h, const struct bufferevent *bev)
{
    struct conn *c;

    for (c = TAILQ_FIRST(&h->conns); c; c = TAILQ_NEXT(c, link))
        if (c->bev == bev)
            return c;
    return NULL;
}

static bool in_group(int fd, gid_t primary, gid_t wanted)
{
    gid_t groups[MAX_GROUPS];
    socklen_t len = sizeof(groups);
    size_t i;

    if (primary == wanted)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
        return false;
    for (i = 0; i < len / sizeof(*groups); i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

static bool is_tcp(struct bufferevent *bev)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);

    return getsockname(bufferevent_getfd(bev), (struct sockaddr *)&addr, &len) == 0 && addr.ss_family != AF_UNIX;
}

/* Of a client on TCP.  false: the request is answered with what it lacks. */
static bool is_let_in(const struct http *h, struct evhttp_request *req)
{
    if (!listen_host_is_local(http_header(req, "Host")) || !listen_origin_is_local(http_header(req, "Origin"))) {
        http_reply_error(req, 403, "forbidden", "foreign_origin", NULL, "Host and Origin must name this machine: 127.0.0.1, localhost or [::1]");
        return false;
    }
    if (listen_is_authorized(http_header(req, "Authorization"), h->token))
        return true;
    http_set_header(req, "WWW-Authenticate", "Bearer");
    http_reply_error(req, 401, "unauthorized", "no_token", NULL, "send the token of the daemon's state folder: Authorization: Bearer TOKEN");
    return false;
}

static bool who_is(const struct http *h, struct bufferevent *bev, bool by_tcp, struct http_peer *peer)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    int fd = bufferevent_getfd(bev);

    if (by_tcp) { /* who has the token can read the daemon's files; that makes nobody an administrator */
        *peer = (struct http_peer){ .uid = geteuid() };
        return true;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return false;
    peer->uid = cred.uid;
    peer->admin = cred.uid == 0 || (h->has_admin_gid && in_group(fd, cred.gid, h->admin_gid));
    return true;
}

/* A client that sends two lengths, or a length and chunks, wants two readers to see two requests. */
static bool has_clear_length(struct evhttp_request *req)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(req);
    struct evkeyval *h;
    int n = 0;

    for (h = TAILQ_FIRST(headers); h; h = TAILQ_NEXT(h, next))
        n += evutil_ascii_strcasecmp(h->key, "Content-Length") == 0 ||
             evutil_ascii_strcasecmp(h->key, "Transfer-Encoding") == 0;
    return n <= 1;
}

/* The reply is out: the connection waits for its next request. */
static void on_replied(struct evhttp_request *req, void *arg)
{
    struct http *h = arg;
    struct bufferevent *bev = request_bev(req);
    struct conn *c = bev ? find_conn(h, bev) : NULL;

    if (c) {
        c->busy = false;
        c->arriving = evbuffer_get_length(bufferevent_get_input(bev)) > 0;
        c->since_ms = clock_mono_ms();
    }
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct http *h = arg;
    struct bufferevent *bev = request_bev(req);
    struct conn *c = bev ? find_conn(h, bev) : NULL;
    const bool by_tcp = h->tcp && bev && is_tcp(bev);
    struct http_peer peer;

    if (c) {
        c->busy = true;
        c->arriving = c->foreign = false;
    }
    evhttp_request_set_on_complete_cb(req, on_replied, h);
    http_set_header(req, "API-Version", HTTP_API_VERSION);
    if (by_tcp && !is_let_in(h, req))
        return;
    if (bev == NULL || !who_is(h, bev, by_tcp, &peer)) {
        http_reply_error(req, 403, "forbidden", "no_peer", NULL, "the kernel does not say who you are");
    } else if (!has_clear_length(req)) {
        http_set_header(req, "Connection", "close");
        http_reply_error(req, 400, "invalid_request", "bad_content_length", "Content-Length",
                         "the request says more than once how long it is");
    } else if (evbuffer_get_length(evhttp_request_get_input_buffer(req)) > HTTP_MAX_BODY) {
        http_reply_error(req, 413, "invalid_request", "too_large", NULL, "the body is larger than %u bytes",
                         HTTP_MAX_BODY);
    } else {
        h->handler(h->arg, req, &peer);
    }
}

/* Removes what a dead daemon left; refuses where a live one listens. */
static int clear_path(const struct sockaddr_un *addr, struct err *err)
{
    struct stat st;
    int fd, rc;

    if (lstat(addr->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : fail_sys(err, CORAX_E_IO, "socket %s", addr->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return fail(err, CORAX_E_ARGS, "socket %s: there is something else, not a socket", addr->sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_sys(err, CORAX_E_IO, "socket");
    rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
    close(fd);
    if (rc == 0 || errno == EAGAIN)
        return fail(err, CORAX_E_UNAVAIL, "socket %s: another daemon listens there", addr->sun_path);
    if (errno != ECONNREFUSED)
        return fail_sys(err, CORAX_E_IO, "socket %s", addr->sun_path);
    if (unlink(addr->sun_path) < 0 && errno != ENOENT)
        return fail_sys(err, CORAX_E_IO, "socket %s", addr->sun_path);
    return 0;
}

static int listen_at(const char *path, struct err *err)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    char folder[sizeof(addr.sun_path)], *slash;
    mode_t old;
    int fd, rc;

    if (strlen(path) >= sizeof(addr.sun_path))
        return fail(err, CORAX_E_ARGS, "socket %s: the path has %zu bytes, the kernel allows %zu", path, strlen(path),
                    sizeof(addr.sun_path) - 1);
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    snprintf(folder, sizeof(folder), "%s", path);
    if ((slash = strrchr(folder, '/')) != NULL && slash != folder) {
        *slash = '\0';
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return fail_sys(err, CORAX_E_IO, "folder %s", folder);
    }
    if (clear_path(&addr, err) < 0)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_sys(err, CORAX_E_IO, "socket");
    old = umask(0117);
    rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    umask(old);
    if (rc < 0 || listen(fd, BACKLOG) < 0) {
        fail_sys(err, CORAX_E_IO, "socket %s", path);
        close(fd);
        return -1;
    }
    return fd;
}

static int find_admin_group(struct http *h, const char *name, struct err *err)
{
    struct group *g;

    if (name == NULL)
        return 0;
    g = getgrnam(name);
    if (g == NULL)
        return fail(err, CORAX_E_ARGS, "admin_group: there is no group %s", name);
    h->admin_gid = g->gr_gid;
    h->has_admin_gid = true;
    return 0;
}

struct http *http_create(struct event_base *base, const char *socket_path, const char *admin_group,
                         http_handler *handler, void *arg, struct err *err)
{
    struct http *h = calloc(1, sizeof(*h));
    int fd;

    if (h == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    http_set_deadlines(h, HTTP_REQUEST_MS, HTTP_IDLE_MS);
    h->base = base;
    h->handler = handler;
    h->arg = arg;
    TAILQ_INIT(&h->conns);
    h->path = strdup(socket_path);
    h->evhttp = evhttp_new(base);
    h->sweep = event_new(base, -1, EV_PERSIST, on_sweep, h);
    h->replace = event_new(base, -1, 0, on_replace, h);
    if (h->path == NULL || h->evhttp == NULL || h->sweep == NULL || h->replace == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        goto failed;
    }
    if (find_admin_group(h, admin_group, err) < 0 || (fd = listen_at(socket_path, err)) < 0)
        goto failed;
    h->bound = true;
    h->listener = evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (h->listener == NULL || evhttp_bind_listener(h->evhttp, h->listener) == NULL) {
        if (h->listener)
            evconnlistener_free(h->listener);
        else
            close(fd);
        fail(err, CORAX_E_INTERNAL, "no memory");
        goto failed;
    }
    evhttp_set_bevcb(h->evhttp, on_connection, h);
    evhttp_set_gencb(h->evhttp, on_request, h);
    evhttp_set_max_body_size(h->evhttp, HARD_BODY);
    evhttp_set_max_headers_size(h->evhttp, HTTP_MAX_HEADERS);
    evhttp_set_default_content_type(h->evhttp, NULL);
    evhttp_set_allowed_methods(h->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                              EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    return h;
failed:
    http_destroy(h);
    return NULL;
}

int http_listen_tcp(struct http *h, const char *address, const char *token, struct err *err)
{
    struct sockaddr_storage addr;
    socklen_t len;

    if (listen_parse(address, &addr, &len, err) < 0)
        return -1;
    snprintf(h->token, sizeof(h->token), "%s", token);
    h->tcp = evconnlistener_new_bind(h->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, BACKLOG,
                                     (const struct sockaddr *)&addr, (int)len);
    if (h->tcp == NULL)
        return fail_sys(err, CORAX_E_UNAVAIL, "listen %s", address);
    if (evhttp_bind_listener(h->evhttp, h->tcp) == NULL) {
        evconnlistener_free(h->tcp);
        h->tcp = NULL;
        return fail(err, CORAX_E_INTERNAL, "no memory");
    }
    len = sizeof(addr);
    if (getsockname(evconnlistener_get_fd(h->tcp), (struct sockaddr *)&addr, &len) < 0)
        return fail_sys(err, CORAX_E_IO, "listen %s", address);
    return ntohs(addr.ss_family == AF_INET ? ((struct sockaddr_in *)&addr)->sin_port : ((struct sockaddr_in6 *)&addr)->sin6_port);
}

void http_set_deadlines(struct http *h, int64_t request_ms, int64_t idle_ms)
{
    h->request_ms = request_ms;
    h->idle_ms = idle_ms;
}

void http_stop(struct http *h)
{
    h->stopped = true;
    let_in(h, false);
    if (h->bound)
        unlink(h->path);
    h->bound = false;
}

/* What was answered last is still on its way, and the loop that would send it is over.  A client that does not read loses it. */
static void send_rest(struct http *h)
{
    const int64_t until_ms = clock_mono_ms() + HTTP_LINGER_MS;
    struct conn *c;

    TAILQ_FOREACH(c, &h->conns, link) {
        struct evbuffer *out = bufferevent_get_output(c->bev);
        struct pollfd p = { .fd = bufferevent_getfd(c->bev), .events = POLLOUT };

        evbuffer_unfreeze(out, 1); /* the loop's side of it */
        while (p.fd >= 0 && evbuffer_get_length(out) > 0 && clock_mono_ms() < until_ms)
            if (poll(&p, 1, (int)(until_ms - clock_mono_ms())) < 0 || evbuffer_write(out, p.fd) <= 0)
                break;
        evbuffer_freeze(out, 1);
    }
}

void http_destroy(struct http *h)
{
    if (h == NULL)
        return;
    send_rest(h);
    if (h->evhttp)
        evhttp_free(h->evhttp); /* the listener goes with it */
    while (!TAILQ_EMPTY(&h->conns))
        conn_destroy(TAILQ_FIRST(&h->conns));
    if (h->sweep)
        event_free(h->sweep);
    if (h->replace)
        event_free(h->replace);
    if (h->bound)
        unlink(h->path);
    free(h->path);
    free(h);
}

const char *http_body(struct evhttp_request *req, size_t *len)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(req);

    *len = evbuffer_get_length(in);
    return *len ? (const char *)evbuffer_pullup(in, -1) : "";
}

const char *http_header(struct evhttp_request *req, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(req), name);
}

bool http_query(struct evhttp_request *req, const char *name, char *out, size_t out_size)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req)), *value;
    struct evkeyvalq params;
    bool found = false;

    out[0] = '\0';
    if (query == NULL || evhttp_parse_query_str(query, &params) < 0)
        return false;
    value = evhttp_find_header(&params, name);
    if (value && strlen(value) < out_size) {
        snprintf(out, out_size, "%s", value);
        found = true;
    }
    evhttp_clear_headers(&params);
    return found;
}

void http_set_header(struct evhttp_request *req, const char *name, const char *value)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);

    evhttp_remove_header(headers, name);
    evhttp_add_header(headers, name, value);
}

static void free_body(const void *data, size_t len, void *arg)
{
    free(arg);
}

void http_reply_json(struct evhttp_request *req, int status, struct buf *json)
{
    struct evbuffer *body = evhttp_request_get_output_buffer(req);
    size_t len;
    char *data = buf_take(json, &len);

    if (data == NULL) {
        http_reply_error(req, 500, "internal", "memory", NULL, "no memory for the answer, or it is too large");
        return;
    }
    http_set_header(req, "Content-Type", "application/json");
    if (evbuffer_add_reference(body, data, len, free_body, data) < 0)
        free(data);
    evhttp_send_reply(req, status, reason(status), NULL);
}

void http_reply_text(struct evhttp_request *req, int status, const char *text)
{
    http_set_header(req, "Content-Type", "text/plain; charset=utf-8");
    evbuffer_add(evhttp_request_get_output_buffer(req), text, strlen(text));
    evhttp_send_reply(req, status, reason(status), NULL);
}

void http_reply_error(struct evhttp_request *req, int status, const char *type, const char *code, const char *param,
                      const char *fmt, ...)
{
    char message[400];
    struct buf json;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    buf_init(&json, 8192);
    write_error(&json, type, code, param, message);
    http_set_header(req, "Content-Type", "application/json");
    evbuffer_add(evhttp_request_get_output_buffer(req), json.data, json.len);
    buf_finish(&json);
    evhttp_send_reply(req, status, reason(status), NULL);
}

/* --- answers that take their time --------------------------------------------------------------------------------- */

/* libevent does not read from a connection whose request is being answered, and so would not see that the client has gone. */
void http_watch(struct evhttp_request *req, http_closed *closed, void *arg)
{
    struct bufferevent *bev = request_bev(req);
    bufferevent_data_cb on_write;
    bufferevent_event_cb on_event;
    void *own;

    bufferevent_getcb(bev, NULL, &on_write, &on_event, &own);
    bufferevent_setcb(bev, NULL, on_write, on_event, own); /* evhttp sets its own again when it answers */
    bufferevent_setwatermark(bev, EV_READ, 0, MAX_UNREAD);
    bufferevent_enable(bev, EV_READ);
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), closed, arg);
}

void http_unwatch(struct evhttp_request *req)
{
    bufferevent_setwatermark(request_bev(req), EV_READ, 0, 0);
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), NULL, NULL);
}

void http_gone(struct evhttp_connection *evcon, struct evhttp_request *req)
{
    /* A request that was taken off its connection is ours to free; one that is still on it goes with it. */
    evhttp_connection_set_closecb(evcon, NULL, NULL);
    if (evhttp_request_get_connection(req) == NULL)
        evhttp_send_reply_end(req);
}

size_t http_unsent(struct evhttp_request *req)
{
    struct bufferevent *bev = request_bev(req);

    return bev ? evbuffer_get_length(bufferevent_get_output(bev)) : 0;
}

void http_cut_off(struct evhttp_request *req)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);

    evhttp_connection_set_closecb(evcon, NULL, NULL);
    evhttp_connection_free(evcon); /* and the request with it */
}
