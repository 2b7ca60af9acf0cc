#include "daemon/isolation.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/child.h"
#include "util/clock.h"
#include "util/log.h"

#define WAIT_MS    10000
#define MAX_REPORT 65536

struct isolation {
    struct event_base *base;
    const struct config *config;
    struct child child; /* pid 0: not asked, or done */
    struct event *readable, *timer;
    struct buf text;
    struct json *report; /* NULL: not known yet, or error says why not */
    char error[240];
};

static void give_up(struct isolation *i, const char *why)
{
    snprintf(i->error, sizeof(i->error), "%s probe: %.180s", i->config->box_path, why);
    log_warn("isolation: it is not known what this machine offers: %s", i->error);
}

/* What is missing, by name, joined: "landlock, cgroup". */
static void list_missing(const struct isolation *i, char *out, size_t size)
{
    const struct json *part;
    size_t n = 0;

    out[0] = '\0';
    for (part = json_first(json_get(i->report, "parts")); part; part = json_next(part))
        if (strcmp(json_get_text(part, "state", ""), "in_force") != 0 && n + 40 < size)
            n += (size_t)snprintf(out + n, size - n, "%s%.32s", n ? ", " : "", json_get_text(part, "name", "?"));
}

/* The child has ended, or is ended here. */
static void finish(struct isolation *i, const char *why)
{
    char end[80], missing[400];
    struct err err = { 0 };
    int status;

    if (i->readable)
        event_free(i->readable);
    if (i->timer)
        event_free(i->timer);
    i->readable = i->timer = NULL;
    child_reap(&i->child, true, &status);
    child_describe_end(status, end, sizeof(end));
    if (why == NULL && (i->report = json_parse(i->text.data, i->text.len, &err)) == NULL)
        why = i->text.len == 0 ? end : err.msg;
    buf_finish(&i->text);
    if (why) {
        give_up(i, why);
        return;
    }
    list_missing(i, missing, sizeof(missing));
    if (missing[0])
        log_warn("isolation: of a box this machine lacks: %s (corax doctor says what to do)", missing);
    else
        log_info("isolation: every part of a box is in force");
}

/* true: there may be more. */
static bool take(struct isolation *i)
{
    char data[8192];
    ssize_t n = read(i->child.fd, data, sizeof(data));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n > 0)
        buf_add(&i->text, data, (size_t)n);
    if (n > 0 && !i->text.failed)
        return true;
    finish(i, n > 0 ? "it says too much" : NULL);
    return false;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    take(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    finish(arg, "it did not end in ten seconds");
}

static int start(struct isolation *i, struct err *err)
{
    char *argv[] = { i->config->box_path, (char[]){ "probe" }, NULL };
    struct child_spec spec = { .path = i->config->box_path, .argv = argv, .err_fd = -1 };

    if (child_spawn(&i->child, &spec, err) < 0)
        return -1;
    buf_init(&i->text, MAX_REPORT);
    return 0;
}

void isolation_ask(struct isolation *i)
{
    struct timeval tv = { .tv_sec = WAIT_MS / 1000 };
    struct err err = { 0 };

    if (i->report || i->child.pid)
        return;
    if (start(i, &err) < 0) {
        give_up(i, err.msg);
        return;
    }
    i->readable = event_new(i->base, i->child.fd, EV_READ | EV_PERSIST, on_readable, i);
    i->timer = evtimer_new(i->base, on_timer, i);
    if (i->readable == NULL || i->timer == NULL || event_add(i->readable, NULL) < 0 || event_add(i->timer, &tv) < 0)
        finish(i, "no memory");
}

int isolation_demand(struct isolation *i, struct err *err)
{
    int64_t until = clock_mono_ms() + WAIT_MS, left;
    char missing[200];

    if (start(i, err) < 0)
        return err_context(err, "isolation is strict");
    for (;;) {
        struct pollfd p = { .fd = i->child.fd, .events = POLLIN };

        left = until - clock_mono_ms();
        if (left <= 0) {
            finish(i, "it did not end in ten seconds");
            break;
        }
        if (poll(&p, 1, (int)left) > 0 && !take(i))
            break;
    }
    if (i->report == NULL)
        return fail(err, CORAX_E_UNAVAIL, "isolation is strict, and it is not known what this machine offers: %.150s",
                    i->error);
    if (json_bool(json_get(i->report, "complete"), false))
        return 0;
    list_missing(i, missing, sizeof(missing));
    return fail(
        err, CORAX_E_UNAVAIL,
        "isolation is strict, and this machine lacks %s: `corax-box probe` says why, \"isolation\": \"available\" does "
        "without",
        missing);
}

struct isolation *isolation_create(struct event_base *base, const struct config *config, struct err *err)
{
    struct isolation *i = calloc(1, sizeof(*i));

    if (i == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    i->base = base;
    i->config = config;
    i->child = (struct child){ .pidfd = -1, .fd = -1 };
    return i;
}

void isolation_destroy(struct isolation *i)
{
    int status;

    if (i == NULL)
        return;
    if (i->readable)
        event_free(i->readable);
    if (i->timer)
        event_free(i->timer);
    if (i->child.pid) {
        child_reap(&i->child, true, &status);
        buf_finish(&i->text);
    }
    json_free(i->report);
    free(i);
}

void isolation_write_health(const struct isolation *i, struct jsonw *w)
{
    const struct json *part;

    jsonw_object(w, "isolation");
    jsonw_text(w, "mode", i->config->strict ? "strict" : "available");
    jsonw_array(w, "parts");
    for (part = json_first(json_get(i->report, "parts")); part; part = json_next(part))
        jsonw_value(w, NULL, part);
    jsonw_end(w);
    jsonw_bool(w, "runs_code", json_bool(json_get(i->report, "runs_code"), false));
    jsonw_bool(w, "complete", json_bool(json_get(i->report, "complete"), false));
    jsonw_text(w, "error", i->error[0] ? i->error : NULL);
    jsonw_end(w);
}
