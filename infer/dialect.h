/*
 * infer/dialect.h - how messages and tools become one string of tokens for a model, and how its reply is read back.
 *
 * Three things belong together: the prompt (a chat template, or what the shipped models are trained on), the script that replies are
 * held to and read by (infer/script.h), and how calls are written in it (infer/tool_format.h).  A dialect is chosen for a model
 * when it is opened: by the name in corax.dialect, by what its chat template says, or by the caller.
 *
 * docs/dialects.md lists them, and says how to add one.
 */
#ifndef INFER_DIALECT_H
#define INFER_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/constraint.h"
#include "infer/constraint_pool.h"
#include "infer/gguf.h"
#include "infer/reply.h"
#include "infer/script.h"
#include "infer/template.h"
#include "infer/tokenizer.h"
#include "infer/tool.h"
#include "util/err.h"
#include "util/json.h"

struct dialect;

struct dialect_options {
    const char *name;          /* of a format in infer/tool_format.h, or "corax-1"; NULL: as the model says */
    const char *template_text; /* NULL: the file's, or one of ours for its family */
    size_t      template_len;
};

/*
 * The file is borrowed during the call, the tokenizer as long as the dialect; options may be NULL.  NULL with CORAX_E_ARGS: no such name, a template with an error in it, or
 * a model that has none and of which nothing tells the family: the message says what to do.  CORAX_E_LIMIT.
 */
struct dialect *dialect_open(const struct gguf *, const struct tokenizer *, const struct dialect_options *, struct err *)
    __attribute__((warn_unused_result));
void dialect_close(struct dialect *);
const char *dialect_name(const struct dialect *);

struct dialect_request {
    const struct json   *messages; /* an array, as in docs/protocol.md, with a result for each call but the very last */
    const struct tool   *tools;    /* in any order */
    size_t               n_tools;
    enum tool_choice     choice;
    bool                 one_call;    /* several calls in one reply are not wanted */
    enum template_thinking thinking;  /* where a model can do with and without */
    const struct shape_options *lenient; /* as in struct constraint_spec */
    struct constraint_pool *pool; /* of these tools and this leniency; NULL: none */
    const struct constraint_text *text; /* what the answer must be; NULL: any text */
};

/* One reply to be written: what it goes on from, what it is held to, and the reader. */
struct turn {
    struct tokens      prompt;
    struct script      script;
    struct constraint *constraint;
    struct reply       reply;
    struct constraint_pool *pool; /* where the constraint goes */
    size_t             bad_tool; /* of a turn that failed: the tool whose schema is at fault, or n_tools */
};

/*
 * What the request holds is borrowed until turn_finish().  limit: bytes of each part of the reply.  -1 with CORAX_E_ARGS and the place
 * ("messages[3]: ...", "tool NAME: ..."), CORAX_E_LIMIT; then there is nothing to finish.  The turn must stay where it is.
 */
int dialect_turn(const struct dialect *, struct mask_vocabulary *, const struct dialect_request *, size_t limit, struct turn *, struct err *);
void turn_finish(struct turn *);
/* Only the prompt, appended, and the script, which must be empty. */
int dialect_prompt(const struct dialect *, const struct dialect_request *, struct tokens *, struct script *, struct err *);

/* --- the kinds of dialects ---------------------------------------------------------------------------------------- */

struct dialect_kind {
    void (*close)(void *state);
    /* Appends the prompt, and writes the script of the reply. */
    int (*render)(const void *state, const struct dialect_request *, struct tokens *, struct script *, struct err *);
    const struct json_style style; /* of arguments */
};

struct dialect {
    const struct dialect_kind *kind;
    void                      *state;
    const struct tokenizer    *tokenizer;
    const char                *name;
};

/* dialect_corax.c, dialect_template.c: fill in kind, state and name. */
int dialect_corax_open(struct dialect *, struct err *);
/* Replies in the dialect of the shipped models; -1: its tokens are not in the vocabulary. */
int dialect_corax_script(struct script *, const struct dialect_request *, size_t max_thought);
int dialect_template_open(struct dialect *, const struct gguf *, const struct dialect_options *, struct err *);

#endif
