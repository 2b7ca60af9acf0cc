/*
 * util/zone.h - what clocks on the wall show, in the time zone of the process (TZ, /etc/localtime).
 *
 * A local time is counted like an instant: seconds since 1970-01-01 00:00, as the clock on the wall shows them.  Where
 * clocks are set forward some local times never come; where they are set back some come twice.
 */
#ifndef UTIL_ZONE_H
#define UTIL_ZONE_H

#include <stdint.h>

#define ZONE_DAY_S INT64_C(86400) /* seconds of a day on which clocks do not jump */

/* Days from 1970-01-01 to that day of the Gregorian calendar; year 1 to 9999, month and day from 1. */
int64_t zone_days(int year, int month, int day);
void zone_date(int64_t days, int *year, int *month, int *day);
int zone_month_days(int year, int month);

/* What clocks show at that instant. */
int64_t zone_local(int64_t instant_s);
/*
 * When they show that local time: how many times (0 to 2), in order.  0: they leave it out, and *skipped_to is the
 * instant at which they do.  Nothing is known of places that set their clocks twice within four days.
 */
int zone_instants(int64_t local_s, int64_t at[2], int64_t *skipped_to);

#endif
