/*
 * A stream catches up from the journal in pieces, each asked for when the one before has been sent, so however long a
 * trace is, little of it is in memory.  Once it has all that is stored it listens to the live task; an event that does
 * not follow on the last one sent (it was stored while a piece was read) sends it back to the journal.
 */
#include "daemon/sse.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/model.h"
#include "daemon/scheduler.h"
#include "daemon/task.h"
#include "util/log.h"
#include "util/rpc.h"

#define PIECE_BYTES (256u << 10)

struct stream {
    struct task_listener listener;
    struct coraxd *d;
    struct evhttp_request *req;
    struct task *task; /* NULL: not listening */
    struct event *beat;
    char id[ID_LEN + 1];
    int64_t sent_seq;
    bool reading;  /* the journal works for us */
    bool catching; /* there may be more in the journal */
    bool over;     /* task_finished was sent */
};

static void read_more(struct stream *s);

/* Frees, unless the journal still has a hand on it. */
static void end(struct stream *s)
{
    struct evhttp_connection *evcon = s->req ? evhttp_request_get_connection(s->req) : NULL;

    if (s->task)
        task_unlisten(s->task, &s->listener);
    s->task = NULL;
    if (s->req) {
        if (evcon)
            evhttp_connection_set_closecb(evcon, NULL, NULL);
        evhttp_send_reply_end(s->req);
        s->req = NULL;
    }
    s->over = true;
    if (s->reading)
        return;
    event_free(s->beat);
    free(s);
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct stream *s = arg;

    http_gone(evcon, s->req);
    s->req = NULL;
    end(s);
}

static void cut_off(struct stream *s)
{
    log_debug("events of task %s: a client reads too slowly and is cut off", s->id);
    http_cut_off(s->req);
    s->req = NULL;
    end(s);
}

static void on_sent(struct evhttp_connection *evcon, void *arg)
{
    read_more(arg);
}

/* false: the stream is gone. */
static bool send_text(struct stream *s, struct evbuffer *text, bool then_more)
{
    if (http_unsent(s->req) > SSE_MAX_UNSENT) {
        evbuffer_free(text);
        cut_off(s);
        return false;
    }
    if (then_more)
        evhttp_send_reply_chunk_with_cb(s->req, text, on_sent, s);
    else
        evhttp_send_reply_chunk(s->req, text);
    evbuffer_free(text);
    return true;
}

static void add_event(struct evbuffer *out, int64_t seq, enum entry_kind kind, const char *json, size_t len)
{
    evbuffer_add_printf(out, "id: %lld\nevent: %s\ndata: ", (long long)seq, entry_kind_name(kind));
    evbuffer_add(out, json, len);
    evbuffer_add(out, "\n\n", 2);
}

/* --- from the live task ----------------------------------------------------------------------------------------- */

static void on_entry(struct task_listener *l, const struct entry *e)
{
    struct stream *s = (struct stream *)l;
    struct evbuffer *text;

    if (s->catching || e->seq <= s->sent_seq)
        return;
    if (e->seq != s->sent_seq + 1) {
        s->catching = true;
        read_more(s);
        return;
    }
    text = evbuffer_new();
    add_event(text, e->seq, e->kind, e->json.data, e->json.len);
    s->sent_seq = e->seq;
    if (send_text(s, text, false) && e->kind == ENTRY_TASK_FINISHED)
        end(s);
}

static void on_delta(struct task_listener *l, const struct model_delta *d)
{
    struct stream *s = (struct stream *)l;
    struct evbuffer *text;
    struct buf json;
    struct jsonw w;

    if (s->catching)
        return;
    buf_init(&json, RPC_MAX_LINE * 6u);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "kind", d->kind);
    if (strcmp(d->kind, "call") == 0)
        jsonw_int(&w, "index", d->index);
    if (d->name)
        jsonw_text(&w, "name", d->name);
    jsonw_text(&w, "text", d->text);
    jsonw_end(&w);
    text = evbuffer_new();
    evbuffer_add_printf(text, "event: delta\ndata: ");
    evbuffer_add(text, json.data, json.len);
    evbuffer_add(text, "\n\n", 2);
    buf_finish(&json);
    send_text(s, text, false);
}

/* The task failed because its events cannot be stored: task_finished may come late, so this is told instead. */
static void on_changed(struct task_listener *l)
{
    struct stream *s = (struct stream *)l;
    struct evbuffer *text;
    struct buf json;
    struct jsonw w;

    if (!task_is_unsaved(s->task) || s->catching)
        return;
    buf_init(&json, RPC_MAX_LINE);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "outcome", "failed");
    jsonw_text(&w, "code", s->task->end_code);
    jsonw_text(&w, "text", s->task->end_text);
    jsonw_end(&w);
    text = evbuffer_new();
    evbuffer_add_printf(text, "event: task_unsaved\ndata: ");
    evbuffer_add(text, json.data, json.len);
    evbuffer_add(text, "\n\n", 2);
    buf_finish(&json);
    if (send_text(s, text, false))
        end(s);
}

static void on_gone(struct task_listener *l)
{
    struct stream *s = (struct stream *)l;

    s->task = NULL;
    if (!s->catching)
        end(s);
}

/* --- from the journal ------------------------------------------------------------------------------------------- */

/* All that is stored has been sent. */
static void caught_up(struct stream *s)
{
    if (s->task == NULL && (s->task = scheduler_find(s->d->scheduler, s->id)) != NULL)
        task_listen(s->task, &s->listener);
    if (s->task == NULL) {
        end(s);
        return;
    }
    s->catching = s->task->saved_seq > s->sent_seq;
    if (s->catching)
        read_more(s);
    else
        on_changed(&s->listener);
}

static void on_piece(struct journal_op *op)
{
    struct journal_read *r = (struct journal_read *)op;
    struct stream *s = op->arg;
    struct evbuffer *text;
    size_t i;

    s->reading = false;
    if (s->over || op->result < 0 || !r->found) {
        end(s);
    } else if (r->n_events == 0) {
        caught_up(s);
    } else {
        text = evbuffer_new();
        for (i = 0; i < r->n_events; i++) {
            add_event(text, r->events[i].seq, r->events[i].kind, r->events[i].json, r->events[i].len);
            s->sent_seq = r->events[i].seq;
            s->over = r->events[i].kind == ENTRY_TASK_FINISHED;
        }
        if (send_text(s, text, !s->over) && s->over)
            end(s);
    }
    journal_read_finish(r);
    free(r);
}

static void read_more(struct stream *s)
{
    struct journal_read *r;

    if (s->reading || s->req == NULL)
        return;
    r = malloc(sizeof(*r));
    if (r == NULL) {
        end(s);
        return;
    }
    journal_read_init(r, s->id, on_piece);
    r->after = s->sent_seq;
    r->max_bytes = PIECE_BYTES;
    r->op.arg = s;
    s->reading = true;
    journal_post(s->d->journal, &r->op);
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    struct stream *s = arg;
    struct evbuffer *text;

    /* While it catches up there is traffic, and another chunk would replace on_sent. */
    if (s->req == NULL || s->catching)
        return;
    text = evbuffer_new();
    evbuffer_add(text, ": \n\n", 4);
    send_text(s, text, false);
}

void sse_start(struct coraxd *d, struct evhttp_request *req, const char *id, int64_t after)
{
    static const struct timeval beat = { .tv_sec = SSE_BEAT_MS / 1000 };
    struct stream *s = calloc(1, sizeof(*s));

    if (s == NULL || (s->beat = event_new(d->base, -1, EV_PERSIST, on_beat, s)) == NULL) {
        free(s);
        http_reply_error(req, 500, "internal", "memory", NULL, "no memory");
        return;
    }
    s->listener.entry = on_entry;
    s->listener.delta = on_delta;
    s->listener.changed = on_changed;
    s->listener.gone = on_gone;
    s->d = d;
    s->req = req;
    s->sent_seq = after;
    s->catching = true;
    snprintf(s->id, sizeof(s->id), "%s", id);
    http_set_header(req, "Content-Type", "text/event-stream");
    http_set_header(req, "Cache-Control", "no-store");
    evhttp_send_reply_start(req, 200, "OK");
    evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_close, s);
    event_add(s->beat, &beat);
    read_more(s);
}
