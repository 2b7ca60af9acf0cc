#include "util/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t now_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_mono_ms(void)
{
    return now_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t clock_mono_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return now_ns(CLOCK_REALTIME) / 1000000;
}

void clock_format(int64_t wall_ms, char *out, unsigned out_size)
{
    int64_t ms = wall_ms % 1000;
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;
    char day[64];

    if (ms < 0) {
        ms += 1000;
        s--;
    }
    /* A year that does not fit (a corrupt row, say) still gives a text. */
    if (!gmtime_r(&s, &tm) || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        snprintf(day, sizeof(day), "@%lld", (long long)s);
    snprintf(out, out_size, "%s.%03dZ", day, (int)ms);
}
