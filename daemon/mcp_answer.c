#include "daemon/mcp_answer.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

struct mcp_answer {
    struct evhttp_request *req;
    bool started;
    struct event *beat; /* NULL: it does not stream */
    void (*closed)(void *arg);
    void *arg;
};

static void forget(struct mcp_answer *a)
{
    if (a->beat)
        event_free(a->beat);
    free(a);
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct mcp_answer *a = arg;

    http_gone(evcon, a->req);
    a->req = NULL;
    a->closed(a->arg);
    forget(a);
}

static bool send_text(struct mcp_answer *a, struct evbuffer *text)
{
    if (http_unsent(a->req) > ANSWER_MAX_UNSENT) {
        evbuffer_free(text);
        log_debug("mcp: a client reads too slowly and is cut off");
        http_cut_off(a->req);
        a->req = NULL;
        a->closed(a->arg);
        forget(a);
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

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    struct mcp_answer *a = arg;
    struct evbuffer *text = evbuffer_new();

    mcp_answer_start(a);
    evbuffer_add(text, ": \n\n", 4);
    send_text(a, text);
}

struct mcp_answer *mcp_answer_create(struct coraxd *d, struct evhttp_request *req, void (*closed)(void *arg), void *arg)
{
    static const struct timeval beat = { .tv_sec = ANSWER_BEAT_MS / 1000 };
    struct mcp_answer *a = calloc(1, sizeof(*a));
    const char *accept = http_header(req, "Accept");
    const bool streams = accept && strstr(accept, "text/event-stream");

    if (a == NULL || evhttp_request_get_connection(req) == NULL ||
        (streams && (a->beat = event_new(d->base, -1, EV_PERSIST, on_beat, a)) == NULL)) {
        free(a);
        http_reply_error(req, 500, "internal", "memory", NULL, "no memory, or the client is gone");
        return NULL;
    }
    a->req = req;
    a->closed = closed;
    a->arg = arg;
    if (streams)
        event_add(a->beat, &beat);
    http_watch(req, on_close, a);
    return a;
}

bool mcp_answer_streams(const struct mcp_answer *a)
{
    return a->beat != NULL;
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
    if (!a->beat || json->failed)
        return false;
    mcp_answer_start(a);
    return send_text(a, event_of(json));
}

void mcp_answer_end(struct mcp_answer *a, int status, struct buf *json)
{
    http_unwatch(a->req);
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
