/*
 * cli/eval_result.h - an earlier evaluation, read from the JSON that `corax eval` wrote (docs/eval.md).
 */
#ifndef CLI_EVAL_RESULT_H
#define CLI_EVAL_RESULT_H

#include <stddef.h>

#include "util/err.h"
#include "util/json.h"

#define EVAL_MAX_RESULT (64u << 20) /* bytes of the earlier one's file */

struct eval_result {
    struct json *root; /* which all below borrows from */
    const char *suite, *hash;
    const struct json *runs;
};

/* The text is not kept.  -1 with CORAX_E_ARGS where it is none.  eval_result_finish() in either case. */
int eval_result_read(struct eval_result *, const char *text, size_t len, struct err *);
int eval_result_load(struct eval_result *, const char *path, struct err *);
void eval_result_finish(struct eval_result *);

#endif
