/*
 * Alarms: in order whatever the order they were set in, cleared, set again while they ring, and when the wall clock is set.
 *
 * The clock and the timer behind them are the test's own: time moves when it says so, and what the timer was set to can be
 * seen.  The clock of a machine is not in its time namespaces.  That the kernel keeps its side (tells when the clock was set, rings when it shows the time) is not tested here, for
 * nobody may set the clock of the machine; with the real ones schedule.bats works.
 */
#include "daemon/alarm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/tap.h"

#define START_MS INT64_C(1795876200000)

static int64_t now_ms = START_MS, armed_ms;
static int timer_fd = -1, armed_flags;
static bool clock_was_set, setting_tells; /* by the next read, or by the next timerfd_settime */

int clock_gettime(clockid_t id, struct timespec *ts)
{
    if (id != CLOCK_REALTIME)
        return (int)syscall(SYS_clock_gettime, id, ts);
    ts->tv_sec = (time_t)(now_ms / 1000);
    ts->tv_nsec = (long)(now_ms % 1000 * 1000000);
    return 0;
}

int timerfd_create(clockid_t id, int flags)
{
    timer_fd = id == CLOCK_REALTIME ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
    return timer_fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
    armed_ms = (int64_t)when->it_value.tv_sec * 1000 + when->it_value.tv_nsec / 1000000;
    armed_flags = flags;
    if (setting_tells && armed_ms != 0) { /* as the kernel does: the timer runs, and a read would not tell any more */
        setting_tells = false;
        errno = ECANCELED;
        return -1;
    }
    return fd == timer_fd && old == NULL ? 0 : -1;
}

ssize_t read(int fd, void *buf, size_t n)
{
    ssize_t got = (ssize_t)syscall(SYS_read, fd, buf, n);

    if (fd == timer_fd && clock_was_set) {
        clock_was_set = false;
        errno = ECANCELED;
        return -1;
    }
    return got;
}

/* read() as _FORTIFY_SOURCE may have it. */
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
    return n <= size ? read(fd, buf, n) : -1;
}

struct item {
    struct alarm alarm; /* first */
    int again_ms;       /* it sets itself so much later; 0: no */
    int n_rung;
};

static struct event_base *base;
static struct alarms *alarms;
static int64_t last_ms;
static bool in_order;
static int n_rung, n_stepped;

static void on_ring(struct alarm *alarm)
{
    struct item *item = (struct item *)alarm;

    in_order = in_order && alarm->due_ms >= last_ms && alarm->due_ms <= now_ms && alarm->at == 0;
    last_ms = alarm->due_ms;
    item->n_rung++;
    n_rung++;
    if (item->again_ms)
        alarm_set(alarms, alarm, alarm->due_ms + item->again_ms);
}

static void on_step(void *arg)
{
    n_stepped++;
}

static void set(struct item *item, int64_t due_ms)
{
    item->alarm.ring = on_ring;
    alarm_set(alarms, &item->alarm, due_ms);
}

static int turn(void)
{
    n_rung = 0;
    last_ms = 0;
    in_order = true;
    event_base_loop(base, EVLOOP_NONBLOCK);
    return n_rung;
}

/* The timer fires, as the kernel lets it when the clock shows its time. */
static int fire(void)
{
    uint64_t one = 1;

    if (write(timer_fd, &one, sizeof(one)) < 0)
        exit(1);
    return turn();
}

static void test_few(void)
{
    struct item a = { 0 }, b = { 0 }, c = { .again_ms = 1000 };

    set(&a, START_MS + 3000);
    is_int(armed_ms, START_MS + 3000, "the timer is set");
    ok(armed_flags & TFD_TIMER_ABSTIME && armed_flags & TFD_TIMER_CANCEL_ON_SET, "to a time of the clock");
    set(&b, START_MS + 2000);
    set(&c, START_MS + 2500);
    is_int(armed_ms, START_MS + 2000, "to the next one");
    alarm_clear(alarms, &b.alarm);
    is_int(armed_ms, START_MS + 2500, "that is left");
    alarm_clear(alarms, &b.alarm);
    now_ms = START_MS + 2499;
    is_int(fire(), 0, "nothing before its time");
    now_ms = START_MS + 2500;
    is_int(fire(), 1, "one at its time");
    is_int(armed_ms, START_MS + 3000, "then the next");
    now_ms = START_MS + 4600;
    is_int(fire(), 3, "and what one that rings sets, if it has passed");
    is_int(c.n_rung, 3, "at 2.5, 3.5 and 4.5 seconds");
    is_int(armed_ms, START_MS + 5500, "the timer is set to what comes");
    alarm_clear(alarms, &c.alarm);
    is_int(armed_ms, 0, "and to nothing, when nothing does");
    set(&a, -5);
    is_int(armed_ms, 1, "a time before 1970 does not stop the timer");
    is_int(fire(), 1, "and rings");
    ok(b.n_rung == 0 && a.n_rung == 2, "what was cleared has not rung");
}

static void test_clock_set(void)
{
    struct item a = { 0 }, b = { 0 };

    set(&a, START_MS + 3600000);
    set(&b, START_MS + 7200000);
    now_ms = START_MS - 86400000;
    clock_was_set = true;
    n_stepped = 0;
    is_int(fire(), 0, "the clock is set back by a day: nothing rings");
    is_int(n_stepped, 1, "and somebody is told");
    is_int(armed_ms, START_MS + 3600000, "the timer is set again");
    now_ms = START_MS + 3600001;
    clock_was_set = true;
    is_int(fire(), 1, "it is set forward: what is due by it rings");
    is_int(n_stepped, 2, "and somebody is told");
    is_int(armed_ms, START_MS + 7200000, "the other one does not");
    alarm_clear(alarms, &b.alarm);
}

/* The clock is set, and before anybody has read that, another alarm is. */
static void test_clock_set_between(void)
{
    struct item a = { 0 }, b = { 0 };

    now_ms = START_MS;
    set(&a, START_MS + 10800000);
    now_ms = START_MS + 7200000;
    setting_tells = true;
    n_stepped = 0;
    set(&b, START_MS + 7000000);
    ok(!setting_tells, "the kernel has told");
    is_int(n_stepped + b.n_rung, 0, "nothing happens inside of alarm_set");
    is_int(turn(), 1, "what is due rings in the next turn, without the timer");
    is_int(n_stepped, 1, "and somebody is told");
    is_int(armed_ms, START_MS + 10800000, "the timer is set to the other one");
    is_int(turn(), 0, "that is all");
    is_int(n_stepped, 1, "once");
    /* And while alarms ring. */
    a.again_ms = 20000000;
    set(&a, START_MS + 7300000);
    now_ms = START_MS + 7300000;
    setting_tells = true;
    is_int(fire(), 1, "set while one rings");
    is_int(turn(), 0, "the other one is not due");
    is_int(n_stepped, 2, "somebody is told");
    alarm_clear(alarms, &a.alarm);
    alarm_clear(alarms, &b.alarm);
}

static void test_many(void)
{
    enum { N = 2000 };
    static struct item items[N];
    int n_set = 0, total = 0;
    bool good = true;

    now_ms = START_MS;
    srand(7);
    for (int i = 0; i < N; i++)
        set(&items[i], START_MS + rand() % 100000);
    for (int i = 0; i < N; i += 3) {
        alarm_clear(alarms, &items[i].alarm);
        if (i % 2)
            set(&items[i], START_MS + rand() % 100000);
    }
    for (int i = 0; i < N; i++)
        n_set += items[i].alarm.at > 0;
    for (now_ms = START_MS; now_ms <= START_MS + 100000; now_ms += 97) {
        total += fire();
        good = good && in_order;
    }
    ok(good, "%d in order", n_set);
    is_int(total, n_set, "each once");
    is_int(armed_ms, 0, "and none is left");
}

int main(void)
{
    struct err err = { 0 };

    plan_later();
    base = event_base_new();
    alarms = base ? alarms_create(base, on_step, NULL, &err) : NULL;
    if (!ok(alarms != NULL, "alarms"))
        return tap_status();
    test_few();
    test_clock_set();
    test_clock_set_between();
    test_many();
    alarms_destroy(alarms);
    alarms_destroy(NULL);
    event_base_free(base);
    done();
    return tap_status();
}
