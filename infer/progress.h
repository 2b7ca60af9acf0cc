/*
 * infer/progress.h - a bar on a terminal for work that takes a while; silent where standard error is no terminal.
 */
#ifndef INFER_PROGRESS_H
#define INFER_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

struct progress_bar {
    const char *what;
    size_t      total;
    int64_t     start_ns, shown_ns;
    int         on;
};

void progress_start(struct progress_bar *, const char *what, size_t total);
void progress_show(struct progress_bar *, size_t done); /* draws at most ten times a second */
void progress_end(struct progress_bar *);               /* wipes the bar */

#endif
