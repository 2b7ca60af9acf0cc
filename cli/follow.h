/*
 * cli/follow.h - stay with a task until it ends: show it, carry a person's decisions to it, cancel it on Ctrl-C.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <stdbool.h>

#include "cli/cli.h"

struct follow_options {
    bool quiet;   /* nothing but the answer */
    bool asks;    /* a person is at the terminal: ask for approvals and answers */
    bool cancels; /* Ctrl-C (or SIGTERM) cancels the task; otherwise it only ends the watching */
};

/*
 * From its first event to its last.  The answer goes to standard output, everything else to standard error; with
 * cli->json every event goes to standard output, one a line.  A daemon that goes away is waited for, FOLLOW_PATIENCE_S
 * long, and the events go on where they stopped.  Returns an enum cli_exit; errors have been reported.
 */
#define FOLLOW_PATIENCE_S 30
int follow_task(struct cli *, const char *id, const struct follow_options *);

#endif
