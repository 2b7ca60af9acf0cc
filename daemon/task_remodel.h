/*
 * daemon/task_remodel.h - a recorded task once more, with its model really asked: does it say the same?
 *
 * The model is asked with the task's sampling and the tools that it was offered (those that there are now, where the trace does not say).  Its
 * replies are held against the recorded ones: the calls, their arguments as JSON values, the text.  Its reply goes on, not the recorded one; a call
 * that is the recorded one gets the recorded result, and with any other the replay ends.  Notes, summaries of steps and what people said are served as they
 * were.  Nothing is called or stored.
 */
#ifndef DAEMON_TASK_REMODEL_H
#define DAEMON_TASK_REMODEL_H

#include "daemon/coraxd.h"
#include "daemon/journal.h"
#include "util/json.h"

#define REMODEL_MAX 4 /* at a time: they take turns with the tasks at the model */

struct remodel;

/* json: the members of an object have been written; NULL: err says why there is no report, CORAX_E_UNAVAIL while the daemon ends. */
typedef void remodel_done(void *arg, struct buf *json, const struct err *err);

/*
 * Takes the events out of read, all of a task's from the first.  Never calls done from within.  NULL with CORAX_E_UNAVAIL: REMODEL_MAX are under way.  The report:
 *
 *     {"model","events","finished","asked","same","first":{"seq","what","recorded","replayed"}|null,"ended":{"seq","why"}|null}
 *
 * asked counts the replies, first is the first that differs, in what ("calls", "arguments", "text"), ended is where the replay could not go on.
 */
struct remodel *remodel_start(struct coraxd *, const struct model_file *, struct journal_read *read, remodel_done *, void *arg, struct err *);
void remodel_cancel(struct remodel *); /* done is not called */
/* The daemon ends: all that are under way are done, with an error. */
void remodel_stop(struct coraxd *);

#endif
