/*
 * A heap, the next one first, and a timerfd on CLOCK_REALTIME for that one: the kernel goes by the clock as it is set, and
 * tells when it was (TFD_TIMER_CANCEL_ON_SET).
 */
#include "daemon/alarm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

struct alarms {
    struct alarm **heap; /* from 1 */
    size_t n, cap;
    int fd;
    struct event *timer;
    bool was_set; /* the clock, which nobody was told */
    void (*stepped)(void *arg);
    void *arg;
};

static void put(struct alarms *a, struct alarm *alarm, size_t at)
{
    a->heap[at] = alarm;
    alarm->at = at;
}

static void move_up(struct alarms *a, struct alarm *alarm, size_t at)
{
    for (; at > 1 && a->heap[at / 2]->due_ms > alarm->due_ms; at /= 2)
        put(a, a->heap[at / 2], at);
    put(a, alarm, at);
}

static void move_down(struct alarms *a, struct alarm *alarm, size_t at)
{
    size_t child;

    for (; (child = 2 * at) <= a->n; at = child) {
        if (child < a->n && a->heap[child + 1]->due_ms < a->heap[child]->due_ms)
            child++;
        if (a->heap[child]->due_ms >= alarm->due_ms)
            break;
        put(a, a->heap[child], at);
    }
    put(a, alarm, at);
}

/* A time of 0 would stop the timer. */
static void arm(struct alarms *a)
{
    struct itimerspec when = { 0 };
    int64_t due_ms;

    if (a->n > 0) {
        due_ms = a->heap[1]->due_ms > 0 ? a->heap[1]->due_ms : 1;
        when.it_value.tv_sec = (time_t)(due_ms / 1000);
        when.it_value.tv_nsec = (long)(due_ms % 1000 * 1000000);
    }
    if (timerfd_settime(a->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) == 0)
        return;
    if (errno != ECANCELED) {
        log_error("alarms: timerfd: %s", strerror(errno));
        return;
    }
    a->was_set = true; /* since the last look; a read would not tell any more, and the timer runs */
    event_active(a->timer, EV_READ, 0);
}

static void take_off(struct alarms *a, struct alarm *alarm)
{
    struct alarm *last = a->heap[a->n--];
    size_t at = alarm->at;

    alarm->at = 0;
    if (last == alarm)
        return;
    move_up(a, last, at);
    if (last->at == at)
        move_down(a, last, at);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct alarms *a = arg;
    struct alarm *alarm;
    uint64_t n;

    if ((read(a->fd, &n, sizeof(n)) < 0 && errno == ECANCELED) || a->was_set) {
        a->was_set = false;
        log_info("the clock was set");
        if (a->stepped)
            a->stepped(a->arg);
    }
    /* Each of those that are due now: what rings may set others. */
    for (int64_t now_ms = clock_wall_ms(); a->n > 0 && a->heap[1]->due_ms <= now_ms;) {
        alarm = a->heap[1];
        take_off(a, alarm);
        alarm->ring(alarm);
    }
    arm(a);
}

void alarm_set(struct alarms *a, struct alarm *alarm, int64_t due_ms)
{
    if (alarm->at)
        take_off(a, alarm);
    if (a->n + 2 > a->cap) {
        a->cap = a->cap ? 2 * a->cap : 64;
        a->heap = realloc(a->heap, a->cap * sizeof(*a->heap));
        if (a->heap == NULL)
            abort();
    }
    alarm->due_ms = due_ms;
    move_up(a, alarm, ++a->n);
    if (alarm->at == 1)
        arm(a);
}

void alarm_clear(struct alarms *a, struct alarm *alarm)
{
    bool first = alarm->at == 1;

    if (alarm->at == 0)
        return;
    take_off(a, alarm);
    if (first)
        arm(a);
}

struct alarms *alarms_create(struct event_base *base, void (*stepped)(void *arg), void *arg, struct err *err)
{
    struct alarms *a = calloc(1, sizeof(*a));

    if (a == NULL) {
        fail(err, CORAX_E_INTERNAL, "no memory");
        return NULL;
    }
    a->stepped = stepped;
    a->arg = arg;
    a->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (a->fd < 0)
        fail_sys(err, CORAX_E_INTERNAL, "timerfd");
    else if ((a->timer = event_new(base, a->fd, EV_READ | EV_PERSIST, on_timer, a)) == NULL || event_add(a->timer, NULL) < 0)
        fail(err, CORAX_E_INTERNAL, "no memory");
    else
        return a;
    alarms_destroy(a);
    return NULL;
}

void alarms_destroy(struct alarms *a)
{
    if (a == NULL)
        return;
    if (a->timer)
        event_free(a->timer);
    if (a->fd >= 0)
        close(a->fd);
    free(a->heap);
    free(a);
}
