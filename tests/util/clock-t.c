/*
 * Covers: the format of timestamps, also before 1970 and far out; that the monotonic clock does not go back.
 */
#include "util/clock.h"

#include "tests/tap.h"

int main(void)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 1795443114123, "2026-11-23T14:11:54.123Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { 951782400000, "2000-02-29T00:00:00.000Z" },
    };
    char text[32];
    int64_t last = clock_mono_ns();
    bool forward = true;

    plan_later();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        clock_format(cases[i].ms, text, sizeof(text));
        is_str(text, cases[i].text, "timestamp");
    }
    clock_format(INT64_MAX, text, sizeof(text));
    ok(strlen(text) > 0 && text[strlen(text) - 1] == 'Z', "the end of time: %s", text);
    clock_format(INT64_MIN, text, 25);
    ok(strlen(text) < 25, "and its beginning, cut: %s", text);
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_ns();

        forward &= now >= last;
        last = now;
    }
    ok(forward, "the monotonic clock does not go back");
    ok(clock_wall_ms() > 1700000000000, "the wall clock is of this decade");
    ok(clock_mono_ms() - clock_mono_ns() / 1000000 <= 1, "milliseconds and nanoseconds are of one clock");
    done();
    return tap_status();
}
