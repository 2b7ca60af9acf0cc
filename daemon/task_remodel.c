#include "daemon/task_remodel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/models.h"
#include "daemon/task_fold.h"
#include "util/utf8.h"

#define SHOWN        400 /* bytes of a text in a difference */
#define REPORT_LIMIT (64u << 10)

struct remodel {
    struct remodel *next;
    struct coraxd *d;
    const struct model_file *model;
    struct journal_read *read;
    size_t at; /* the next event */
    struct task *t;
    struct task_fold fold;
    struct plan_command open;
    struct model_chat *chat;
    struct json *reply; /* the recorded one, while the model is asked */
    struct event *begin;
    remodel_done *done;
    void *arg;
    bool finished;
    int64_t n_asked;
    int64_t differs_at, ended_at; /* 0: not yet */
    const char *what;
    char recorded[SHOWN + 4], replayed[SHOWN + 4], why[ERR_MSG];
};

static void destroy(struct remodel *r)
{
    struct remodel **at = &r->d->remodels;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    if (r->chat)
        model_cancel(r->chat);
    if (r->begin)
        event_free(r->begin);
    task_destroy(r->t);
    json_free(r->reply);
    journal_read_finish(r->read);
    free(r->read);
    free(r);
}

static void write_report(const struct remodel *r, struct jsonw *w)
{
    jsonw_text(w, "model", models_name(r->d->models, r->model));
    jsonw_int(w, "events", (int64_t)r->read->n_events);
    jsonw_bool(w, "finished", r->finished);
    jsonw_int(w, "asked", r->n_asked);
    jsonw_bool(w, "same", r->differs_at == 0 && r->ended_at == 0);
    if (r->differs_at) {
        jsonw_object(w, "first");
        jsonw_int(w, "seq", r->differs_at);
        jsonw_text(w, "what", r->what);
        jsonw_text(w, "recorded", r->recorded);
        jsonw_text(w, "replayed", r->replayed);
        jsonw_end(w);
    } else {
        jsonw_null(w, "first");
    }
    if (r->ended_at) {
        jsonw_object(w, "ended");
        jsonw_int(w, "seq", r->ended_at);
        jsonw_text(w, "why", r->why);
        jsonw_end(w);
    } else {
        jsonw_null(w, "ended");
    }
}

static void finish(struct remodel *r)
{
    remodel_done *done = r->done;
    void *arg = r->arg;
    struct buf json;
    struct jsonw w;

    buf_init(&json, REPORT_LIMIT);
    w = jsonw_start(&json);
    jsonw_object(&w, NULL);
    write_report(r, &w);
    jsonw_end(&w);
    destroy(r);
    done(arg, &json, NULL);
}

static void end_here(struct remodel *r, const char *why)
{
    r->ended_at = r->read->events[r->at].seq;
    snprintf(r->why, sizeof(r->why), "%s", why);
    utf8_trim(r->why);
}

/* --- recorded and new reply --------------------------------------------------------------------------------------- */

static void show(char out[SHOWN + 4], const char *text)
{
    snprintf(out, SHOWN + 4, "%.*s", SHOWN, text ? text : "");
    utf8_trim(out);
}

static void differ(struct remodel *r, const char *what, const char *recorded, const char *replayed)
{
    if (r->differs_at)
        return;
    r->differs_at = r->read->events[r->at].seq;
    r->what = what;
    show(r->recorded, recorded);
    show(r->replayed, replayed);
}

static bool same_arguments(const char *a, const char *b)
{
    struct json *x = json_parse(a, strlen(a), NULL), *y = json_parse(b, strlen(b), NULL);
    const bool same = x && y ? json_same(x, y) : strcmp(a, b) == 0;

    json_free(x);
    json_free(y);
    return same;
}

/* "echo {...}, echo {...}" */
static void name_calls(const struct json *recorded, const struct model_reply *now, struct buf *out)
{
    buf_init(out, 4 * SHOWN);
    for (const struct json *c = json_first(recorded); c; c = json_next(c))
        buf_addf(out, "%s%.100s %.200s", out->len ? ", " : "", json_get_text(c, "name", ""), json_get_text(c, "arguments", ""));
    for (size_t i = 0; now && i < now->n_calls; i++)
        buf_addf(out, "%s%.100s %.200s", out->len ? ", " : "", now->calls[i].name, now->calls[i].args);
    if (out->len == 0)
        buf_adds(out, "no call");
}

/* What of the calls differs; NULL: nothing. */
static const char *differing_calls(const struct json *recorded, const struct model_reply *now)
{
    const struct json *c = json_first(recorded);
    const char *what = NULL;

    for (size_t i = 0; i < now->n_calls; i++, c = json_next(c)) {
        if (c == NULL || strcmp(json_get_text(c, "name", ""), now->calls[i].name) != 0)
            return "calls";
        if (!same_arguments(json_get_text(c, "arguments", ""), now->calls[i].args))
            what = "arguments";
    }
    return c ? "calls" : what;
}

/* true: the recorded events serve the new reply as well. */
static bool compare(struct remodel *r, const struct model_reply *now)
{
    const struct json *calls = json_get(r->reply, "calls");
    const char *what = differing_calls(calls, now), *text = json_get_text(r->reply, "text", "");
    struct buf recorded, replayed;

    if (what == NULL) {
        if (strcmp(text, now->text ? now->text : "") != 0)
            differ(r, "text", text, now->text);
        return true;
    }
    name_calls(calls, NULL, &recorded);
    name_calls(NULL, now, &replayed);
    differ(r, what, recorded.data, replayed.data);
    buf_finish(&recorded);
    buf_finish(&replayed);
    end_here(r, now->n_calls > 0 ? "of another call no result is recorded" : "the model makes no call: what follows is another run");
    return false;
}

/* --- step by step ------------------------------------------------------------------------------------------------- */

static void look(struct remodel *r)
{
    const struct plan_command c = planner_next(r->t->planner);

    if (c.kind != PLAN_WAIT)
        r->open = c;
}

static void go_on(struct remodel *r);

static void on_delta(void *arg, const struct model_delta *delta)
{
}

static void on_reply(void *arg, const struct model_reply *now, const struct err *why)
{
    struct remodel *r = arg;
    struct plan_event ev = { .kind = PLAN_EV_MODEL_REPLIED, .active_ms = r->t->active_before_ms };
    struct err err = { 0 };

    r->chat = NULL;
    if (now == NULL) {
        end_here(r, why->msg);
    } else if (r->n_asked++, compare(r, now)) {
        ev.reasoning = now->reasoning;
        ev.text = now->text;
        ev.n_calls = now->n_calls;
        ev.calls = now->calls;
        ev.n_tokens = now->completion_tokens;
        ev.cut_off = strcmp(now->finish, "length") == 0;
        r->fold.pending = PENDING_NOTHING;
        r->fold.attempt = 0;
        if (planner_apply(r->t->planner, &ev, &err) < 0)
            end_here(r, err.msg);
        look(r);
    }
    json_free(r->reply);
    r->reply = NULL;
    r->at++;
    go_on(r);
}

/* The model is asked where it replied, or gave no reply. */
static void ask(struct remodel *r, struct json *e)
{
    static const struct model_chat_ops ops = { on_delta, on_reply };
    struct sampling sampling;
    struct model_ask ask;

    if (r->open.kind != PLAN_ASK_MODEL) {
        end_here(r, "the planner does not ask the model here");
        json_free(e);
        return;
    }
    ask = task_model_ask(r->t, &r->open, &sampling);
    r->reply = e;
    r->chat = models_chat(r->d->models, r->model, &ask, &ops, r);
    if (r->chat == NULL)
        end_here(r, "no memory");
}

/* A call of the recorded result must be the one that the planner makes now. */
static bool is_open(const struct remodel *r, const struct json *e)
{
    const char *id = json_get_text(e, "call_id", NULL);

    return id == NULL || (r->open.call && strcmp(r->open.call->id, id) == 0);
}

static void take(struct remodel *r, enum entry_kind kind, const struct json *e)
{
    struct err err = { 0 };

    if (kind == ENTRY_OBSERVATION_CUT || kind == ENTRY_WENT_BACK)
        return;
    if (!is_open(r, e))
        end_here(r, "the planner makes another call here, of which no result is recorded");
    else if (task_fold_event(&r->fold, kind, e, &err) < 0)
        end_here(r, err.msg);
    look(r);
}

static void go_on(struct remodel *r)
{
    while (r->chat == NULL && r->ended_at == 0 && !r->finished && r->at < r->read->n_events) {
        const struct stored_event *event = &r->read->events[r->at];
        struct err err = { 0 };
        struct json *e = json_parse(event->json, event->len, &err);

        if (e == NULL || json_int(json_get(e, "active_ms"), "active_ms", &r->t->active_before_ms, &err) < 0) {
            end_here(r, err.msg);
        } else if (event->kind == ENTRY_MODEL_REPLIED || event->kind == ENTRY_MODEL_FAILED) {
            ask(r, e);
            e = NULL;
        } else if (event->kind == ENTRY_TASK_FINISHED) {
            r->finished = true;
        } else {
            take(r, event->kind, e);
        }
        json_free(e);
        if (r->chat == NULL && r->ended_at == 0)
            r->at++;
    }
    if (r->chat == NULL)
        finish(r);
}

static void on_begin(evutil_socket_t fd, short what, void *arg)
{
    go_on(arg);
}

struct remodel *remodel_start(struct coraxd *d, const struct model_file *model, struct journal_read *read, remodel_done *done, void *arg,
                              struct err *err)
{
    const struct timeval now = { 0 };
    struct remodel *r;
    size_t n = 0;

    for (r = d->remodels; r; r = r->next)
        n++;
    if (n >= REMODEL_MAX) {
        fail(err, CORAX_E_UNAVAIL, "%d replays ask the model already: try again later", REMODEL_MAX);
        return NULL;
    }
    if (read->n_events == 0 || read->events[0].kind != ENTRY_TASK_SUBMITTED) {
        fail(err, CORAX_E_INTERNAL, "the task does not begin with its submission");
        return NULL;
    }
    if ((r = calloc(1, sizeof(*r))) == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    *r = (struct remodel){ .d = d, .model = model, .at = 1, .done = done, .arg = arg };
    r->t = task_create_as(d, NULL, read->events[0].json, read->events[0].len, err);
    r->begin = evtimer_new(d->base, on_begin, r);
    if (r->t == NULL || r->begin == NULL) {
        if (r->t)
            fail(err, CORAX_E_INTERNAL, "no memory");
        task_destroy(r->t);
        if (r->begin)
            event_free(r->begin);
        free(r);
        return NULL;
    }
    r->t->offline = true;
    r->fold.t = r->t;
    r->read = read;
    r->next = d->remodels;
    d->remodels = r;
    look(r);
    event_add(r->begin, &now);
    return r;
}

void remodel_cancel(struct remodel *r)
{
    destroy(r);
}

void remodel_stop(struct coraxd *d)
{
    struct err err = { 0 };

    fail(&err, CORAX_E_UNAVAIL, "the daemon is ending");
    while (d->remodels) {
        remodel_done *done = d->remodels->done;
        void *arg = d->remodels->arg;

        destroy(d->remodels);
        done(arg, NULL, &err);
    }
}
