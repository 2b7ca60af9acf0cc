/*
 * Moments and durations as they are written: what is taken and what it means, what is refused, and local times that come twice
 * or never.  Zones are POSIX rules, so nothing of the machine's is needed.
 */
#include "util/when.h"

#include <stdlib.h>
#include <time.h>

#include "tests/tap.h"
#include "util/zone.h"

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static void zone(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

static void test_moments(void)
{
    static const struct {
        const char *text;
        long long ms; /* 0: refused */
    } cases[] = {
        { "2026-11-28T14:30:00Z", 1795876200000 },
        { "2026-11-28t15:30:00+01:00", 1795876200000 },
        { "2026-11-28 09:30:00-05:00", 1795876200000 },
        { "2026-11-28T14:30:00.25Z", 1795876200250 },
        { "2026-11-28T14:30:00.2509z", 1795876200250 },
        { "2024-02-29T00:00:00Z", 1709164800000 },
        { "9999-12-31T23:59:59Z", 253402300799000 },
        { "2023-02-29T00:00:00Z", 0 },
        { "2026-11-28T14:30:00", 0 },
        { "2026-11-28T14:30Z", 0 },
        { "2026-11-28T24:00:00Z", 0 },
        { "2026-11-28T14:60:00Z", 0 },
        { "2026-13-01T00:00:00Z", 0 },
        { "2026-00-01T00:00:00Z", 0 },
        { "2026-04-31T00:00:00Z", 0 },
        { "2026-11-28T14:30:00.Z", 0 },
        { "2026-11-28T14:30:00Z ", 0 },
        { "2026-11-28T14:30:00+1:00", 0 },
        { "2026-11-28T14:30:00+24:00", 0 },
        { "26-11-28T14:30:00Z", 0 },
        { "1999-01-01T00:00:00Z", 0 },
        { "0000-01-01T00:00:00Z", 0 },
        { "9999-12-31T23:59:59-01:00", 0 },
        { "tomorrow", 0 },
        { "", 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = { 0 };
        int64_t ms = 0;
        int rc = when_parse(cases[i].text, &ms, &err);

        if (cases[i].ms)
            is_int(rc == 0 ? ms : -1, cases[i].ms, cases[i].text);
        else
            ok(rc == -1 && ms == 0 && err.status == CORAX_E_ARGS && err.msg[0], "refused: \"%s\": %s", cases[i].text, err.msg);
    }
}

static void test_durations(void)
{
    static const struct {
        const char *text;
        long long ms;
    } cases[] = {
        { "90s", 90000 },  { "10m", 600000 }, { "1h30m", 5400000 }, { "1d", 86400000 }, { "2w", 1209600000 }, { "1w2d3h4m5s", 788645000 },
        { "0h5m", 300000 }, { "", 0 },        { "0s", 0 },          { "10", 0 },        { "m", 0 },           { "10x", 0 },
        { "5m1h", 0 },     { "1m1m", 0 },     { "-5m", 0 },         { "1.5h", 0 },      { " 5m", 0 },         { "5m ", 0 },
        { "3661d", 0 },    { "9999999999s", 0 }, { "99999999999s", 0 }, { "3660d1s", 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = { 0 };
        int64_t ms = 0;
        int rc = when_parse_duration(cases[i].text, &ms, &err);

        if (cases[i].ms)
            is_int(rc == 0 ? ms : -1, cases[i].ms, cases[i].text);
        else
            ok(rc == -1 && ms == 0 && err.status == CORAX_E_ARGS, "refused: \"%s\": %s", cases[i].text, err.msg);
    }
}

/* In Berlin, where it is 14:00 on Saturday, 28 March 2026; clocks go forward that night. */
static void test_local(void)
{
    static const struct {
        const char *text, *means; /* NULL: refused */
    } cases[] = {
        { "+10m", "2026-03-28T13:10:00Z" },
        { "14:30", "2026-03-28T13:30:00Z" },
        { "14:30:05", "2026-03-28T13:30:05Z" },
        { "14:00", "2026-03-29T12:00:00Z" }, /* it is that now: tomorrow, in summer time */
        { "02:00", NULL },
        { "03:00", "2026-03-29T01:00:00Z" },
        { "today 08:00", "2026-03-28T07:00:00Z" },
        { "tomorrow 08:00", "2026-03-29T06:00:00Z" },
        { "tomorrow 02:30", NULL },
        { "2026-10-25 02:30", "2026-10-25T00:30:00Z" }, /* the first of two */
        { "2026-12-24 18:00", "2026-12-24T17:00:00Z" },
        { "2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z" },
        { "2026-12-24T18:00", NULL },
        { "2026-12-24", NULL },
        { "25:00", NULL },
        { "8:00", NULL },
        { "tomorrow", NULL },
        { "noon", NULL },
        { "+", NULL },
        { "", NULL },
    };
    int64_t now = 0, want = 0;

    zone(BERLIN);
    when_parse("2026-03-28T13:00:00Z", &now, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = { 0 };
        int64_t ms = 0;
        int rc = when_parse_local(cases[i].text, now, &ms, &err);

        if (cases[i].means && when_parse(cases[i].means, &want, NULL) == 0)
            is_int(rc == 0 ? ms : -1, want, cases[i].text);
        else
            ok(rc == -1 && err.status == CORAX_E_ARGS, "refused: \"%s\": %s", cases[i].text, err.msg);
    }
}

static void test_dates(void)
{
    int year = 0, month = 0, day = 0;
    bool same = true;

    for (int64_t days = -1000; days < 60000 && same; days++) {
        zone_date(days, &year, &month, &day);
        same = zone_days(year, month, day) == days && day >= 1 && day <= zone_month_days(year, month);
    }
    ok(same, "days and dates, there and back");
    is_int(zone_days(1970, 1, 1), 0, "1970 is the beginning");
    is_int(zone_days(2000, 3, 1), 11017, "2000 had a 29 February");
    is_int(zone_month_days(1900, 2), 28, "1900 had not");
}

/* Each instant is found again from what clocks show, in places that change their clocks in different ways. */
static void test_zones(void)
{
    static const char *const zones[] = { "UTC0", BERLIN, "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                                         "<-03>3<-02>,M10.3.0/0,M2.3.0/0", "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45" };
    int64_t at[2], skipped_to;

    for (size_t z = 0; z < sizeof(zones) / sizeof(*zones); z++) {
        int64_t begin = zone_days(2026, 1, 1) * 86400;
        bool good = true;

        zone(zones[z]);
        for (int64_t t = begin; t < begin + INT64_C(366) * 86400 && good; t += 900) {
            int n = zone_instants(zone_local(t), at, &skipped_to);

            good = (n == 1 && at[0] == t) || (n == 2 && at[0] < at[1] && (at[0] == t || at[1] == t));
        }
        ok(good, "%s: instants are found again", zones[z]);
    }
    zone(BERLIN);
    is_int(zone_instants(zone_days(2026, 3, 29) * 86400 + 9000, at, &skipped_to), 0, "02:30 is left out in March");
    is_int(skipped_to, zone_days(2026, 3, 29) * 86400 + 3600, "at 01:00 UTC");
    is_int(zone_instants(zone_days(2026, 10, 25) * 86400 + 9000, at, &skipped_to), 2, "02:30 comes twice in October");
    is_int(at[1] - at[0], 3600, "an hour apart");
}

int main(void)
{
    plan_later();
    test_moments();
    test_durations();
    test_dates();
    test_zones();
    test_local();
    done();
    return tap_status();
}
