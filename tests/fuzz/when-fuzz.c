/*
 * util: the bytes are a moment, a duration, a local time or a rule of cron.  What is taken lies within the limits; the times of a rule
 * follow each other and clocks show in each what the rule says, or are set forward then; what is refused has a sentence.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cron.h"
#include "util/when.h"
#include "util/zone.h"

#define NOW_MS INT64_C(1774702800000) /* the day before clocks go forward in the zone below */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void demand(int good)
{
    if (!good)
        abort();
}

static void refused(int rc, const struct err *err)
{
    demand(rc == -1 && err->status == CORAX_E_ARGS && err->msg[0] != '\0');
}

static void check_rule(const struct cron *c)
{
    int64_t at = NOW_MS, next;

    for (int i = 0; i < 20; i++, at = next) {
        int64_t local;

        next = cron_next(c, at);
        if (next == INT64_MAX)
            return;
        demand(next > at && next % 1000 == 0);
        local = zone_local(next / 1000);
        if (zone_local(next / 1000 - 60) == local - 60)
            demand((c->minutes >> (local / 60 % 60) & 1) && (c->hours >> (local / 3600 % 24) & 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    int64_t ms = 0;
    struct cron c;
    struct err err = { 0 };
    int rc;

    demand(text != NULL);
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    memcpy(text, data, len);
    text[len] = '\0';
    rc = when_parse(text, &ms, &err);
    if (rc == 0)
        demand(ms >= WHEN_MIN_MS && ms <= WHEN_MAX_MS);
    else
        refused(rc, &err);
    err = (struct err){ 0 };
    rc = when_parse_duration(text, &ms, &err);
    if (rc == 0)
        demand(ms > 0 && ms <= WHEN_MAX_DURATION_MS);
    else
        refused(rc, &err);
    err = (struct err){ 0 };
    rc = when_parse_local(text, NOW_MS, &ms, &err);
    if (rc == 0)
        demand(ms >= WHEN_MIN_MS && ms <= WHEN_MAX_MS);
    else
        refused(rc, &err);
    err = (struct err){ 0 };
    rc = cron_parse(&c, text, &err);
    if (rc == 0)
        check_rule(&c);
    else
        refused(rc, &err);
    free(text);
    return 0;
}
