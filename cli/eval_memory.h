/*
 * cli/eval_memory.h - what a question finds remembered: a space of memories for each of its runs, which goes with the run.
 *
 * Runs must not be told what others have left behind, and a user may have few spaces.  So the name of a space is of the
 * evaluation and the run, and what is in it, by whomever it was written, is forgotten as soon as the run is over.
 */
#ifndef CLI_EVAL_MEMORY_H
#define CLI_EVAL_MEMORY_H

#include "cli/cli.h"

#define EVAL_SPACE_SIZE 32

/* The name of the space of the run number i of the evaluation with that id. */
void eval_memory_space(const char evaluation[ID_LEN + 1], size_t i, char out[EVAL_SPACE_SIZE]);
/* Remembers each of a list of texts as a fact.  -1 with err set when the daemon does not take one. */
int eval_memory_remember(struct cli *, const char *space, const struct json *facts, struct err *);
/* Forgets all that is in it; what cannot be forgotten stays. */
void eval_memory_forget(struct cli *, const char *space);

#endif
