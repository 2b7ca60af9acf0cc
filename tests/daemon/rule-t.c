/*
 * When something comes again: intervals and rules of cron behind one door.  What cron means is tested in cron-t.c.
 */
#include "daemon/rule.h"

#include <stdlib.h>
#include <time.h>

#include "tests/tap.h"

#define BEGIN INT64_C(1795876200000) /* 2026-11-28T14:30:00Z */

int main(void)
{
    static const char *const bad[] = { "", "10", "0s", "1x", "-5m", "1d ", " 1d", "* * * *", "soon" };
    struct rule r = { 0 };
    struct err err = { 0 };

    plan_later();
    setenv("TZ", "UTC0", 1);
    tzset();
    is_int(rule_parse(&r, "10m", &err), 0, "an interval");
    is_int(rule_next(&r, BEGIN, BEGIN - 5000000), BEGIN, "first its beginning");
    is_int(rule_next(&r, BEGIN, BEGIN - 1), BEGIN, "to the millisecond");
    is_int(rule_next(&r, BEGIN, BEGIN), BEGIN + 600000, "then an interval later");
    is_int(rule_next(&r, BEGIN, BEGIN + 599999), BEGIN + 600000, "not before");
    is_int(rule_next(&r, BEGIN, BEGIN + 600000), BEGIN + 1200000, "then two");
    is_int(rule_next(&r, BEGIN, BEGIN + INT64_C(1000) * 600000 + 7), BEGIN + INT64_C(1001) * 600000, "what was late moves nothing");
    is_int(rule_parse(&r, "0 12 * * *", &err), 0, "a rule of cron");
    is_int(rule_next(&r, BEGIN, BEGIN), BEGIN + 21 * 3600000 + 1800000, "tomorrow at noon");
    is_int(rule_next(&r, BEGIN + INT64_C(864000000), BEGIN), BEGIN + INT64_C(864000000) + 21 * 3600000 + 1800000, "not before its beginning");
    is_int(rule_next(&r, BEGIN - 9000000, BEGIN - 9000001), BEGIN - 9000000, "but at its beginning, if that is a time of it");
    is_int(rule_parse(&r, "@daily", &err), 0, "a rule by name");
    is_int(rule_parse(&r, "5 * * * *", &err), 0, "a rule that begins with a digit");
    ok(r.interval_ms == 0, "is no interval");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        err = (struct err){ 0 };
        ok(rule_parse(&r, bad[i], &err) == -1 && err.status == CORAX_E_ARGS && err.msg[0], "refused: \"%s\": %s", bad[i], err.msg);
    }
    ok(r.interval_ms == 0 && r.cron.minutes == UINT64_C(1) << 5, "and what there was stays");
    done();
    return tap_status();
}
