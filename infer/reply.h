/*
 * infer/reply.h - takes a reply apart as it comes, token by token, by the script that it is written in.
 *
 * The tokens may be any: what does not follow the script is text, and nothing is lost.  The parts are whole UTF-8 at any time.
 */
#ifndef INFER_REPLY_H
#define INFER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/script.h"
#include "infer/tokenizer.h"
#include "util/buf.h"
#include "util/err.h"

#define REPLY_MAX_CALLS 64 /* what comes behind so many is text */

struct reply_call {
    struct buf name, arguments; /* arguments: a JSON object when it is complete */
    bool       complete;
};

struct reply {
    const struct script *script;
    const struct tool   *tools; /* for notations that do not say what kind a value is */
    size_t               n_tools, limit, n_calls;
    struct buf           reasoning, text;
    struct reply_call   *calls; /* [n_calls], the last perhaps not complete */
    bool                 done;  /* the script says that it is over */
    bool                 broken; /* it did not follow the script */

    int                  state;
    uint32_t             pending[SCRIPT_MAX_MARK]; /* units that may be the beginning of a mark */
    size_t               n_pending;
    struct detokenizer   held;
    struct buf          *last;   /* the part that the last bytes went to */
    struct buf           blanks; /* white space that is part of a text only if more of that follows */
    struct buf           raw, key, value; /* arguments that are not written as JSON, and a member of them */
    unsigned             depth;  /* of arguments: open braces and brackets */
    int                  string; /* DSML: is the value a string as it stands; -1: not said */
    enum { ARGUMENTS_PLAIN, ARGUMENTS_STRING, ARGUMENTS_ESCAPE, ARGUMENTS_KEY, ARGUMENTS_VALUE } at;
};

/* limit: bytes of each part.  The script and the tools are borrowed. */
void reply_init(struct reply *, const struct script *, const struct tool *, size_t n_tools, size_t limit);
void reply_finish(struct reply *);
void reply_add(struct reply *, int32_t token);
void reply_end(struct reply *); /* nothing comes any more: what was held back is part of the reply */
size_t reply_n_complete(const struct reply *); /* calls that are; they come first */

#endif
