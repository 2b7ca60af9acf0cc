/*
 * daemon/rule.h - when something comes again: an interval ("10m") or a rule of cron ("30 8 * * mon-fri").
 */
#ifndef DAEMON_RULE_H
#define DAEMON_RULE_H

#include <stdint.h>

#include "util/cron.h"
#include "util/err.h"

struct rule {
    int64_t interval_ms; /* 0: it is one of cron */
    struct cron cron;
};

/* CORAX_E_ARGS. */
int rule_parse(struct rule *, const char *text, struct err *);
/*
 * The first time behind `after`, in Unix milliseconds.  Those of an interval lie at begin_ms and at whole intervals behind it, however late each
 * was; those of cron not before begin_ms.  INT64_MAX: there is none any more.
 */
int64_t rule_next(const struct rule *, int64_t begin_ms, int64_t after_ms);

#endif
