/*
 * util/when.h - moments and durations as programs and people write them.
 *
 * Every text here is foreign: what is not exactly of the form is an error that says what the form is.
 */
#ifndef UTIL_WHEN_H
#define UTIL_WHEN_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define WHEN_MIN_MS INT64_C(1000000000000)   /* in 2001: a smaller number was meant in seconds */
#define WHEN_MAX_MS INT64_C(253402300799999) /* the end of the year 9999 */
#define WHEN_MAX_DURATION_MS (INT64_C(3660) * 86400 * 1000)

/* A moment in Unix milliseconds from RFC 3339: "2026-11-28T14:30:00+01:00", "2026-11-28T13:30:00.250Z".  CORAX_E_ARGS. */
int when_parse(const char *text, int64_t *ms, struct err *);
/* Milliseconds from "90s", "10m", "1h30m", "1d", "2w": whole numbers, the larger unit first, more than nothing and at most ten
 * years.  CORAX_E_ARGS. */
int when_parse_duration(const char *text, int64_t *ms, struct err *);
/*
 * What a person writes who knows what time it is: RFC 3339, "+10m" (from now), "14:30" (the next one), "today 14:30",
 * "tomorrow 08:00", "2026-12-24 18:00", with or without seconds, in the time zone of the process.  One that comes twice
 * because clocks are set back is the first; one that never comes is an error.  CORAX_E_ARGS.
 */
int when_parse_local(const char *text, int64_t now_ms, int64_t *ms, struct err *);

#endif
