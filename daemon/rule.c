#include "daemon/rule.h"

#include <string.h>

#include "util/when.h"

int rule_parse(struct rule *r, const char *text, struct err *err)
{
    struct rule rule = { 0 };

    if (*text < '0' || *text > '9' || strchr(text, ' ')) {
        if (cron_parse(&rule.cron, text, err) < 0)
            return -1;
    } else if (when_parse_duration(text, &rule.interval_ms, err) < 0) {
        return -1;
    }
    *r = rule;
    return 0;
}

int64_t rule_next(const struct rule *r, int64_t begin_ms, int64_t after_ms)
{
    if (after_ms < begin_ms)
        after_ms = begin_ms - 1;
    if (r->interval_ms == 0)
        return cron_next(&r->cron, after_ms);
    if (after_ms < begin_ms)
        return begin_ms;
    return begin_ms + ((after_ms - begin_ms) / r->interval_ms + 1) * r->interval_ms;
}
