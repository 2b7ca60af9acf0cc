/*
 * util/cron.h - a rule for recurring times: the five fields of cron(8), in the time zone of the process.
 *
 *     minute (0-59)  hour (0-23)  day of the month (1-31)  month (1-12, jan-dec)  day of the week (0-7, sun-sat; 0 and 7 are Sunday)
 *
 * A field is `*`, a number, a range `1-5`, either with a step (every second hour is `*` with a step of 2), or several of these
 * with commas between.  Where both days are restricted, which is to say that neither field begins with `*`, a day that
 * fits one of them will do.  @hourly, @daily, @weekly, @monthly and @yearly stand for the obvious.
 *
 * When clocks change: a rule whose hour field begins with `*` goes by the time that passes, so in an hour that comes twice it
 * fires in both, and in one that is left out not at all.  A rule that names hours fires once for each time it names: the
 * first time in an hour that comes twice, and at the moment of the change for times that are left out.
 *
 * Source: crontab(5) of Vixie's cron, for the fields and for the two kinds of rules when clocks change.
 */
#ifndef UTIL_CRON_H
#define UTIL_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define CRON_MAX 200 /* bytes of a rule */

struct cron {
    uint64_t minutes;
    uint32_t hours, days, months; /* bit n: the value n */
    uint8_t weekdays;
    bool every_hour, every_day, every_weekday; /* the field begins with `*` */
};

/* CORAX_E_ARGS, naming the field; also when no day fits (30 February). */
int cron_parse(struct cron *, const char *text, struct err *);
/* The first time behind that instant, in Unix milliseconds.  Takes up to milliseconds of work.  INT64_MAX: none is left before the
 * year 9999. */
int64_t cron_next(const struct cron *, int64_t after_ms);

#endif
