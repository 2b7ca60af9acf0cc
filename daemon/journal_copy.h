/*
 * daemon/journal_copy.h - a whole copy of the database, page by page, while it is in use.
 *
 * The pages come through the connection that writes, so what is written in between is in the copy, too, and a copy is
 * never half of two states.  It is made as PATH.part and gets its name when it is whole and on the disk.
 */
#ifndef DAEMON_JOURNAL_COPY_H
#define DAEMON_JOURNAL_COPY_H

#include <sqlite3.h>
#include <stdint.h>

#include "util/err.h"

struct journal_copy {
    char path[512];
    sqlite3 *to;
    sqlite3_backup *backup;
    int64_t bytes; /* once it is whole */
};

/* -1 with CORAX_E_ARGS when there is a file of that name, or it is too long; CORAX_E_IO; CORAX_E_LIMIT: the disk is full. */
int journal_copy_begin(struct journal_copy *, sqlite3 *from, const char *path, struct err *);
/* The next pages; n_pages -1: all.  1: there are more, 0: it is whole, -1: it cannot be made.  Then there is nothing to end. */
int journal_copy_step(struct journal_copy *, int n_pages, struct err *);
void journal_copy_abort(struct journal_copy *); /* removes what there is; does nothing after the last step */

#endif
