/*
 * The system tells of an instant what clocks show then.  The way back is made of that: two days before and behind the
 * instant in question each side of any change has been reached, so one of the two offsets holds, or both do in turn.
 * mktime() decides for itself what a local time means that comes twice or never, and differently from system to system.
 */
#include "util/zone.h"

#include <stdbool.h>
#include <time.h>

#define REACHES (2 * ZONE_DAY_S)

int64_t zone_days(int year, int month, int day)
{
    int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1; /* from March, so that February is last */

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int zone_month_days(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

void zone_date(int64_t days, int *year, int *month, int *day)
{
    *year = (int)(1970 + days / 366);
    while (zone_days(*year + 1, 1, 1) <= days)
        ++*year;
    while (zone_days(*year, 1, 1) > days)
        --*year;
    *day = (int)(days - zone_days(*year, 1, 1)) + 1;
    for (*month = 1; *day > zone_month_days(*year, *month); ++*month)
        *day -= zone_month_days(*year, *month);
}

static int64_t offset_at(int64_t instant_s)
{
    time_t t = (time_t)instant_s;
    struct tm tm;

    return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

int64_t zone_local(int64_t instant_s)
{
    return instant_s + offset_at(instant_s);
}

int zone_instants(int64_t local_s, int64_t at[2], int64_t *skipped_to)
{
    int64_t low = local_s - REACHES, high = local_s + REACHES, middle;
    int64_t before = offset_at(low), after = offset_at(high);
    int n = 0;

    *skipped_to = 0;
    if (zone_local(local_s - before) == local_s)
        at[n++] = local_s - before;
    if (after != before && zone_local(local_s - after) == local_s)
        at[n++] = local_s - after;
    if (n > 0)
        return n;
    while (high - low > 1) {
        middle = low + (high - low) / 2;
        if (offset_at(middle) == before)
            low = middle;
        else
            high = middle;
    }
    *skipped_to = high;
    return 0;
}
