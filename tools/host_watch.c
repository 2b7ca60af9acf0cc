/*
 * host_watch.c - see host_watch.h.
 *
 * The thread sleeps on a timerfd, so that arming wakes nobody.  Disarming leaves the timer running, and arming sets it only
 * when it would come too late: calls are mostly over long before their deadline, and the next call's is later.  A wake-up
 * before its time sets the timer anew.  The thread allocates nothing, since the plugin may hang while it holds the
 * allocator's lock.
 *
 * It also sees when the other side of the output is gone: a daemon that was killed (-9) cannot end its hosts, and a
 * plugin that hangs would outlive it until its deadline.
 */
#include "config.h"

#include "tools/host_watch.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tools/host_io.h"
#include "util/clock.h"
#include "util/log.h"

static struct {
    pthread_mutex_t lock;
    struct host_io *io;
    int timer_fd, out_fd; /* out_fd: io's, which its owner forgets at the end while this thread still waits */
    bool armed;
    int64_t due_ms;
    int64_t timer_ms; /* when the timer goes off; 0: never */
    const char *what;
    size_t last_len;
    char last[HOST_MAX_LAST];
} watch = { .lock = PTHREAD_MUTEX_INITIALIZER, .timer_fd = -1, .out_fd = -1 };

/* With the lock. */
static void set_timer(int64_t ms)
{
    struct itimerspec at = { .it_value = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 } };

    watch.timer_ms = ms;
    timerfd_settime(watch.timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Waits for the timer.  false: nobody is left to read an answer. */
static bool wait_for_timer(void)
{
    struct pollfd p[2] = { { .fd = watch.timer_fd, .events = POLLIN }, { .fd = watch.out_fd } };
    uint64_t n_expired;

    if (poll(p, 2, -1) > 0 && p[1].revents)
        return false;
    if (p[0].revents)
        (void)!read(watch.timer_fd, &n_expired, sizeof n_expired);
    return true;
}

/* The call under way may end by itself within the grace, and so may fini(). */
static void end_alone(void)
{
    for (;;) {
        poll(NULL, 0, HOST_GRACE_MS);
        pthread_mutex_lock(&watch.lock);
        if (watch.armed) {
            log_error("%s goes on, but nobody is left to read its answer: ending this host", watch.what);
            _exit(HOST_EXIT_HUNG);
        }
        pthread_mutex_unlock(&watch.lock);
    }
}

static void *watch_main(void *unused)
{
    for (;;) {
        if (!wait_for_timer())
            end_alone();
        pthread_mutex_lock(&watch.lock);
        if (watch.armed && clock_mono_ms() >= watch.due_ms) {
            log_error("%s did not return at its deadline: ending this host", watch.what);
            host_io_write(watch.io, watch.last, watch.last_len);
            _exit(HOST_EXIT_HUNG);
        }
        watch.timer_ms = 0;
        if (watch.armed)
            set_timer(watch.due_ms);
        pthread_mutex_unlock(&watch.lock);
    }
    return unused;
}

int host_watch_start(struct host_io *io, struct err *err)
{
    pthread_t thread;
    pthread_attr_t attr;
    int rc;

    watch.io = io;
    watch.out_fd = io->out_fd;
    watch.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (watch.timer_fd < 0)
        return fail_sys(err, CORAX_E_IO, "no timer for the deadline");
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    rc = pthread_create(&thread, &attr, watch_main, NULL);
    pthread_attr_destroy(&attr);
    if (rc != 0)
        return fail(err, CORAX_E_LIMIT, "no thread for the deadline: %s", strerror(rc));
    pthread_detach(thread);
    return 0;
}

void host_watch_arm(int64_t deadline_ms, const char *last_words, size_t len, const char *what)
{
    int64_t due = deadline_ms + HOST_GRACE_MS;

    pthread_mutex_lock(&watch.lock);
    watch.armed = true;
    watch.due_ms = due;
    watch.what = what;
    watch.last_len = len < sizeof watch.last ? len : sizeof watch.last;
    memcpy(watch.last, last_words, watch.last_len);
    if (watch.timer_ms == 0 || due < watch.timer_ms)
        set_timer(due);
    pthread_mutex_unlock(&watch.lock);
}

void host_watch_move(int64_t deadline_ms)
{
    pthread_mutex_lock(&watch.lock);
    watch.due_ms = deadline_ms + HOST_GRACE_MS;
    if (watch.timer_ms == 0 || watch.due_ms < watch.timer_ms)
        set_timer(watch.due_ms);
    pthread_mutex_unlock(&watch.lock);
}

void host_watch_disarm(void)
{
    pthread_mutex_lock(&watch.lock);
    watch.armed = false;
    pthread_mutex_unlock(&watch.lock);
}
