/*
 * daemon/upkeep.h - looks after the journal: deletes what need not be kept any longer, makes copies and has them checked.
 *
 * A check reads a copy, in a child (coraxd --check-journal): it may take minutes, and the journal goes on meanwhile.
 */
#ifndef DAEMON_UPKEEP_H
#define DAEMON_UPKEEP_H

#include <event2/event.h>

#include "daemon/config.h"
#include "daemon/journal.h"

struct upkeep;

struct upkeep *upkeep_create(struct event_base *, struct journal *, const struct config *, struct err *);
/* What is being made is given up: its done() gets an error. */
void upkeep_stop(struct upkeep *);
void upkeep_destroy(struct upkeep *); /* after the journal has been drained */

/* What came of it.  err NULL: path and bytes of a copy, or report, the JSON of a check.  Borrowed until done() returns. */
struct upkeep_result {
    const struct err *err;
    const char *path;
    int64_t bytes;
    const char *report;
    size_t report_len;
};
typedef void upkeep_done(void *arg, const struct upkeep_result *);

/*
 * One of them at a time; -1 with CORAX_E_UNAVAIL while there is another.  name: of the copy in the folder "backups" beside the journal, letters,
 * digits, '.', '_' and '-'; NULL: the time.  CORAX_E_ARGS: another name is needed.
 */
int upkeep_backup(struct upkeep *, const char *name, upkeep_done *, void *arg, struct err *);
int upkeep_check(struct upkeep *, upkeep_done *, void *arg, struct err *);

#endif
