/*
 * Rules of cron: what is taken and refused; the next time, by a table of leap days, month ends and changed clocks; and two years
 * minute by minute against a reference that only ever looks at what a clock shows.  Zones are POSIX rules.
 */
#include "util/cron.h"

#include <stdlib.h>
#include <time.h>

#include "tests/tap.h"
#include "util/when.h"

#define BERLIN     "CET-1CEST,M3.5.0,M10.5.0/3"
#define SAO_PAULO  "<-03>3<-02>,M10.3.0/0,M2.3.0/0" /* clocks go forward at midnight: the day begins at 01:00 */
#define LORD_HOWE  "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
#define NEW_YORK   "EST5EDT,M3.2.0,M11.1.0"

static void zone(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

static void test_next(void)
{
    static const struct {
        const char *tz, *rule, *after, *next;
    } cases[] = {
        { "UTC0", "* * * * *", "2026-11-28T14:30:00Z", "2026-11-28T14:31:00Z" },
        { "UTC0", "* * * * *", "2026-11-28T14:30:59.999Z", "2026-11-28T14:31:00Z" },
        { "UTC0", "*/15 * * * *", "2026-11-28T14:31:00Z", "2026-11-28T14:45:00Z" },
        { "UTC0", "0 9-17/4 * * *", "2026-11-28T14:31:00Z", "2026-11-28T17:00:00Z" },
        { "UTC0", "0 9-17/4 * * *", "2026-11-28T17:00:00Z", "2026-11-29T09:00:00Z" },
        { "UTC0", "30 8 * * mon-fri", "2026-11-28T00:00:00Z", "2026-11-30T08:30:00Z" }, /* a Saturday */
        { "UTC0", "30 8 * * 7", "2026-11-28T00:00:00Z", "2026-11-29T08:30:00Z" },
        { "UTC0", "30 8 * * SUN", "2026-11-28T00:00:00Z", "2026-11-29T08:30:00Z" },
        { "UTC0", "0 0 31 * *", "2026-11-28T00:00:00Z", "2026-12-31T00:00:00Z" }, /* November has none */
        { "UTC0", "0 0 31 * *", "2027-01-31T00:00:00Z", "2027-03-31T00:00:00Z" },
        { "UTC0", "0 12 29 2 *", "2026-11-28T00:00:00Z", "2028-02-29T12:00:00Z" },
        { "UTC0", "0 12 29 feb *", "2096-03-01T00:00:00Z", "2104-02-29T12:00:00Z" }, /* 2100 has none */
        { "UTC0", "0 0 13 * fri", "2026-11-28T00:00:00Z", "2026-12-04T00:00:00Z" },  /* either */
        { "UTC0", "0 0 13 * fri", "2026-12-12T00:00:00Z", "2026-12-13T00:00:00Z" },
        { "UTC0", "0 0 */2 * fri", "2026-11-28T00:00:00Z", "2026-12-11T00:00:00Z" }, /* both, since one begins with a star */
        { "UTC0", "@yearly", "2026-11-28T00:00:00Z", "2027-01-01T00:00:00Z" },
        { "UTC0", "@weekly", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z" },
        { "UTC0", "59 23 31 dec *", "2026-12-31T23:58:59Z", "2026-12-31T23:59:00Z" },
        /* Clocks forward, 29 March 2026 at 02:00: what is named and left out comes at the change, once. */
        { BERLIN, "30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z" },
        { BERLIN, "0,30 2 * * *", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z" },
        { BERLIN, "0 3 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z" },
        { BERLIN, "*/30 * * * *", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z" },
        /* Clocks back, 25 October 2026 at 03:00: what is named comes the first time only, what is not in both hours. */
        { BERLIN, "30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z" },
        { BERLIN, "30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z" },
        { BERLIN, "30 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z" },
        { BERLIN, "0 3 * * *", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z" },
        /* A day without a midnight, 18 October 2026. */
        { SAO_PAULO, "0 0 * * *", "2026-10-17T12:00:00Z", "2026-10-18T03:00:00Z" },
        { SAO_PAULO, "@daily", "2026-10-18T03:00:00Z", "2026-10-19T02:00:00Z" },
        /* One that has a second 23:30: 14 and 15 February 2026. */
        { SAO_PAULO, "30 23 * * *", "2026-02-14T12:00:00Z", "2026-02-15T01:30:00Z" },
        { SAO_PAULO, "30 23 * * *", "2026-02-15T01:30:00Z", "2026-02-16T02:30:00Z" },
        { SAO_PAULO, "30 * * * *", "2026-02-15T01:30:00Z", "2026-02-15T02:30:00Z" },
        { LORD_HOWE, "15 2 * * *", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z" }, /* half an hour is left out */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t after = 0, want = 0;
        struct cron c;

        zone(cases[i].tz);
        if (when_parse(cases[i].after, &after, NULL) < 0 || when_parse(cases[i].next, &want, NULL) < 0 || cron_parse(&c, cases[i].rule, NULL) < 0)
            ok(false, "the table is wrong at %zu", i);
        else
            is_int(cron_next(&c, after), want, cases[i].rule);
    }
}

static void test_refused(void)
{
    static const char *const rules[] = {
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 * ",
        "* * * * 8",
        "5-1 * * * *",
        "1,,2 * * * *",
        ",1 * * * *",
        "1, * * * *",
        "*/0 * * * *",
        "*/60 * * * *",
        "5/10 * * * *",
        "1-5/ * * * *",
        "** * * * *",
        "-1 * * * *",
        "1-2-3 * * * *",
        "00001 * * * *",
        "1.5 * * * *",
        "* * * janu *",
        "* * * * funday",
        "mon * * * *",
        "* * * * *\t",
        "@reboot",
        "@",
        "0 0 30 2 *",
        "0 0 31 feb,apr,jun *",
        "0 0 31 4,6,9,11 */2",
    };
    char longer[CRON_MAX + 20];

    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        struct err err = { 0 };
        struct cron c;

        ok(cron_parse(&c, rules[i], &err) == -1 && err.status == CORAX_E_ARGS && err.msg[0], "refused: \"%s\": %s", rules[i], err.msg);
    }
    memset(longer, '1', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    ok(cron_parse(&(struct cron){ 0 }, longer, NULL) == -1, "refused: a long one");
}

/* --- the reference ------------------------------------------------------------------------------------------------ */

static bool shows(const struct cron *c, const struct tm *tm)
{
    bool day = c->days >> tm->tm_mday & 1, weekday = c->weekdays >> tm->tm_wday & 1;

    return (c->minutes >> tm->tm_min & 1) && (c->hours >> tm->tm_hour & 1) && (c->months >> (tm->tm_mon + 1) & 1) &&
           (c->every_day || c->every_weekday ? day && weekday : day || weekday);
}

/* Whether the rule fires when clocks show that; seen is the latest minute that they had shown before, as timegm() counts. */
static bool fires(const struct cron *c, const struct tm *tm, int64_t shown, int64_t seen)
{
    if (c->every_hour)
        return shows(c, tm);
    for (int64_t m = seen + 60; m <= shown; m += 60) { /* none, where clocks show what they have shown before */
        time_t local = (time_t)m;
        struct tm skipped;

        gmtime_r(&local, &skipped);
        if (shows(c, &skipped))
            return true;
    }
    return false;
}

static void test_reference(void)
{
    static const char *const zones[] = { "UTC0", BERLIN, NEW_YORK, SAO_PAULO, LORD_HOWE };
    static const char *const rules[] = { "*/10 * * * *", "*/10 1-3 * * *", "15,45 0,2,23 * * *", "0 0 * * *", "30 23 29-31 * *", "20 2 * * sun" };
    enum { N_RULES = sizeof(rules) / sizeof(*rules) };

    for (size_t z = 0; z < sizeof(zones) / sizeof(*zones); z++) {
        int64_t next[N_RULES], begin = 0, seen;
        struct cron c[N_RULES];
        time_t first;
        struct tm tm = { 0 };
        int n_fired[N_RULES] = { 0 };
        bool good[N_RULES];

        zone(zones[z]);
        when_parse("2027-06-01T00:00:00Z", &begin, NULL);
        first = (time_t)(begin / 1000);
        localtime_r(&first, &tm);
        seen = timegm(&tm);
        for (int i = 0; i < N_RULES; i++) {
            good[i] = cron_parse(&c[i], rules[i], NULL) == 0;
            next[i] = cron_next(&c[i], begin);
        }
        for (time_t t = first + 60; t < first + 366 * 86400; t += 60) {
            int64_t shown;

            localtime_r(&t, &tm);
            shown = timegm(&(struct tm){ .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday, .tm_hour = tm.tm_hour, .tm_min = tm.tm_min });
            for (int i = 0; i < N_RULES; i++) {
                bool fired = fires(&c[i], &tm, shown, seen);

                good[i] = good[i] && fired == (next[i] == (int64_t)t * 1000);
                n_fired[i] += fired;
                if (fired)
                    next[i] = cron_next(&c[i], (int64_t)t * 1000);
            }
            seen = shown > seen ? shown : seen;
        }
        for (int i = 0; i < N_RULES; i++)
            ok(good[i] && n_fired[i] > 20, "%s, a year of %s: %d times", zones[z], rules[i], n_fired[i]);
    }
}

int main(void)
{
    plan_later();
    test_next();
    test_refused();
    test_reference();
    done();
    return tap_status();
}
