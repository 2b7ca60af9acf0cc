#include "daemon/mcp_answer.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

#define LOOK_MS \
    250 /* between two looks whether the client is still there: evhttp reads nothing before it has answered */

struct mcp_answer {
    struct evhttp_request *req;
    bool streams, started;
    int n_looks; /* since the last beat */
    struct event *beat;
    void (*closed)(void *arg);
    void *arg;
};

static void forget(struct mcp_answer *a)
{
    event_free(a->beat);
    free(a);
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct mcp_answer *a = arg;

    /* A request that was taken off its connection is ours to free; one that is still on it goes with it. */
    evhttp_connection_set_closecb(evcon, NULL, NULL);
    if (evhttp_request_get_connection(a->req) == NULL)
        evhttp_send_reply_end(a->req);
    a->req = NULL;
    a->closed(a->arg);
    forget(a);
}

static void cut_off(struct mcp_answer *a)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(a->req);

    evhttp_connection_set_closecb(evcon, NULL, NULL);
    a->req = NULL;
    evhttp_connection_free(evcon); /* and the request with it */
    a->closed(a->arg);
    forget(a);
}

static bool send_text(struct mcp_answer *a, struct evbuffer *text)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(a->req);

    if (evcon &&
        evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(evcon))) > ANSWER_MAX_UNSENT) {
        evbuffer_free(text);
        log_debug("mcp: a client reads too slowly and is cut off");
        cut_off(a);
        return false;
    }
    evhttp_send_reply_chunk(a->req, text);
    evbuffer_free(text);
    return true;
}

void mcp_answer_start(struct mcp_answer *a)
{
    if (a->started)
        return;
    a->started = true;
    http_set_header(a->req, "Content-Type", "text/event-stream");
    http_set_header(a->req, "Cache-Control", "no-store");
    http_set_header(a->req, "X-Accel-Buffering", "no");
    evhttp_send_reply_start(a->req, 200, "OK");
}

static bool is_gone(const struct mcp_answer *a)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(a->req);
    struct pollfd p = { .fd = evcon ? bufferevent_getfd(evhttp_connection_get_bufferevent(evcon)) : -1,
                        .events = POLLRDHUP };

    return p.fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    struct mcp_answer *a = arg;
    struct evbuffer *text;

    if (is_gone(a)) {
        cut_off(a);
        return;
    }
    if (++a->n_looks < ANSWER_BEAT_MS / LOOK_MS || !a->streams)
        return;
    a->n_looks = 0;
    mcp_answer_start(a);
    text = evbuffer_new();
    evbuffer_add(text, ": \n\n", 4);
    send_text(a, text);
}

struct mcp_answer *mcp_answer_create(struct coraxd *d, struct evhttp_request *req, void (*closed)(void *arg), void *arg)
{
    static const struct timeval beat = { .tv_usec = LOOK_MS * 1000 };
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);
    struct mcp_answer *a = calloc(1, sizeof(*a));
    const char *accept = http_header(req, "Accept");

    if (a == NULL || evcon == NULL || (a->beat = event_new(d->base, -1, EV_PERSIST, on_beat, a)) == NULL) {
        free(a);
        http_reply_error(req, 500, "internal", "memory", NULL, "no memory, or the client is gone");
        return NULL;
    }
    a->req = req;
    a->closed = closed;
    a->arg = arg;
    a->streams = accept && strstr(accept, "text/event-stream");
    evhttp_connection_set_closecb(evcon, on_close, a);
    event_add(a->beat, &beat);
    return a;
}

bool mcp_answer_streams(const struct mcp_answer *a)
{
    return a->streams;
}

/* A line break of the JSON would end the event; between its tokens a blank is as good. */
static struct evbuffer *event_of(const struct buf *json)
{
    struct evbuffer *text = evbuffer_new();

    for (size_t i = 0; i < json->len; i++)
        if (json->data[i] == '\n' || json->data[i] == '\r')
            json->data[i] = ' ';
    evbuffer_add(text, "event: message\ndata: ", 21);
    evbuffer_add(text, json->data, json->len);
    evbuffer_add(text, "\n\n", 2);
    return text;
}

bool mcp_answer_send(struct mcp_answer *a, const struct buf *json)
{
    if (!a->streams || json->failed)
        return false;
    mcp_answer_start(a);
    return send_text(a, event_of(json));
}

void mcp_answer_end(struct mcp_answer *a, int status, struct buf *json)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(a->req);

    if (evcon)
        evhttp_connection_set_closecb(evcon, NULL, NULL);
    if (!a->started) {
        http_reply_json(a->req, status, json);
    } else {
        if (json && !json->failed) {
            struct evbuffer *text = event_of(json);

            evhttp_send_reply_chunk(a->req, text);
            evbuffer_free(text);
        }
        evhttp_send_reply_end(a->req);
        if (json)
            buf_finish(json);
    }
    forget(a);
}
