/*
 * infer/dialect.h - how messages and tools become one string of tokens for a model, and how its reply is read back.
 *
 * A model file names its dialect in corax.dialect; docs/dialect-corax.md describes the one of the shipped models.
 * To add a dialect: write dialect_NAME.c with one `const struct dialect`, and add it to the table in dialect.c.
 */
#ifndef INFER_DIALECT_H
#define INFER_DIALECT_H

#include <stddef.h>
#include <stdint.h>

#include "infer/constraint.h"
#include "infer/tokenizer.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"

/* Ids of the special tokens that frame a transcript. */
struct dialect_tokens {
    int32_t begin, system, tools, user, think, call, obs, answer, end;
};

struct dialect {
    const char *name;
    /* CORAX_E_ARGS: "the vocabulary has no token <|think|>". */
    int (*open)(const struct tokenizer *, struct dialect_tokens *, struct err *);
    /*
     * Appends the whole transcript; when its last message is of a user or a tool, up to where the model goes on.
     * messages: a JSON array as in docs/protocol.md, with a result for each call but the very last; tools in any
     * order.  CORAX_E_ARGS with the place ("messages[3]: ..."), and what would be right there.
     */
    int (*render)(const struct dialect_tokens *, const struct tokenizer *, const struct json *messages,
                  const struct tool *tools, size_t n_tools, struct tokens *out, struct err *);
};

extern const struct dialect dialect_corax;

const struct dialect *dialect_find(const char *name, struct err *); /* NULL with CORAX_E_ARGS */

/* What a reply is made of, token by token; the texts are whole UTF-8 at any time. */
struct reply {
    struct buf         reasoning, text, call; /* call: NAME, a space, the arguments */
    struct detokenizer held;
    struct buf        *last;                  /* the part that the last bytes went to */
};
void reply_init(struct reply *, size_t limit); /* bytes of each part */
void reply_finish(struct reply *);
/* phase: the constraint's before the token.  Returns the part that grew (its end is what is new), or NULL. */
const struct buf *reply_add(struct reply *, const struct tokenizer *, int32_t token, enum constraint_phase phase);
void reply_end(struct reply *); /* a character that was cut off becomes U+FFFD */

#endif
