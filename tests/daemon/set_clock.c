/*
 * set_clock.so - for LD_PRELOAD: a wall clock that a test can set while the daemon runs.  The file named by CORAX_TEST_CLOCK holds, as
 * 20 digits with a sign, the milliseconds that this clock is ahead of the machine's; it is written in place.
 *
 * A timerfd on CLOCK_REALTIME goes by it: it fires some 20 times a second while it is set, so that its owner looks at the clock, and a
 * read is ECANCELED when the clock was set since, as with the kernel's own and TFD_TIMER_CANCEL_ON_SET.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EXPORT    __attribute__((visibility("default")))
#define FILE_SIZE 21
#define LOOK_MS   50

EXPORT int clock_gettime(clockid_t id, struct timespec *ts);
EXPORT int timerfd_create(clockid_t id, int flags);
EXPORT int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old);
EXPORT ssize_t read(int fd, void *data, size_t len);
EXPORT ssize_t __read_chk(int fd, void *data, size_t len, size_t size); /* read() as _FORTIFY_SOURCE may have it */

static int clock_fd = -1;
static long long armed_ahead_ms;

static long long ahead_ms(void)
{
    static const char *text;
    const char *path = getenv("CORAX_TEST_CLOCK");
    int fd;

    if (text == NULL && path && (fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
        void *map = mmap(NULL, FILE_SIZE, PROT_READ, MAP_SHARED, fd, 0);

        text = map == MAP_FAILED ? NULL : map;
        close(fd);
    }
    return text ? strtoll(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    long long ms = id == CLOCK_REALTIME ? ahead_ms() : 0, ns;
    int rc = (int)syscall(SYS_clock_gettime, id, ts);

    ns = (long long)ts->tv_sec * 1000000000 + ts->tv_nsec + ms * 1000000;
    ts->tv_sec = (time_t)(ns / 1000000000);
    ts->tv_nsec = (long)(ns % 1000000000);
    return rc;
}

int timerfd_create(clockid_t id, int flags)
{
    int fd = (int)syscall(SYS_timerfd_create, id == CLOCK_REALTIME ? CLOCK_MONOTONIC : id, flags);

    if (id == CLOCK_REALTIME)
        clock_fd = fd;
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
    struct itimerspec soon = { 0 };

    if (fd != clock_fd)
        return (int)syscall(SYS_timerfd_settime, fd, flags, when, old);
    armed_ahead_ms = ahead_ms();
    if (when->it_value.tv_sec || when->it_value.tv_nsec)
        soon.it_value.tv_nsec = LOOK_MS * 1000000;
    return (int)syscall(SYS_timerfd_settime, fd, 0, &soon, old);
}

ssize_t read(int fd, void *data, size_t len)
{
    ssize_t n = (ssize_t)syscall(SYS_read, fd, data, len);

    if (fd == clock_fd && n > 0 && armed_ahead_ms != ahead_ms()) {
        errno = ECANCELED;
        return -1;
    }
    return n;
}

ssize_t __read_chk(int fd, void *data, size_t len, size_t size)
{
    if (len > size)
        abort();
    return read(fd, data, len);
}
