/*
 * daemon/journal_check.h - is a journal what it should be?
 *
 * Beside SQLite's own checks: each task's events count up without gaps to where its row says, each is JSON, payloads are what their
 * hash says and are counted right.  Nothing is changed.
 */
#ifndef DAEMON_JOURNAL_CHECK_H
#define DAEMON_JOURNAL_CHECK_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/err.h"

#define JOURNAL_CHECK_MAX 50 /* problems that are told */

/*
 * path: of a database that nobody else has open, and that may be written.  Appends {"ok","version","tasks","events","blobs","bytes",
 * "problems":["…"]}, from version 4 on with "memories", to out.
 * *good: no problem was found.  -1 with CORAX_E_NOTFOUND, CORAX_E_ARGS (newer than we are, or read-only), CORAX_E_IO.
 */
int journal_check(const char *path, struct buf *out, bool *good, struct err *);

#endif
