/*
 * infer/constraint.h - holds a reply to the dialect and a call to its tool's schema, token by token.
 *
 *     thought, at most max_thought tokens      then <|call|> or <|answer|>, as the choice allows
 *     after <|call|>     NAME of a tool, a space, arguments that its schema accepts; complete where the object closes
 *     after <|answer|>   text, which may be held to a schema, a grammar or a pattern, then <|end|>
 *
 * A token is allowed when every byte of it is.  Thought, answer and strings are UTF-8 without NUL, and no phase ends
 * in the middle of a character.
 */
#ifndef INFER_CONSTRAINT_H
#define INFER_CONSTRAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/mask.h"
#include "util/err.h"
#include "util/jsonschema.h"

#define CONSTRAINT_MAX_TOOLS   4096
#define CONSTRAINT_MAX_NAME    128 /* bytes of a tool's name */
#define CONSTRAINT_MAX_THOUGHT 96  /* tokens: a thought is one short sentence */

enum tool_choice { CHOICE_AUTO, CHOICE_NONE, CHOICE_REQUIRED };

struct tool {
    const char          *name;
    const struct schema *parameters; /* NULL: none */
};

/* What an answer must be. */
struct constraint_text {
    enum { CONSTRAINT_SCHEMA, CONSTRAINT_GRAMMAR, CONSTRAINT_PATTERN } kind; /* JSON; infer/gbnf.h; a regular expression */
    const struct schema *schema;
    const char          *text; /* of a grammar or pattern */
    size_t               len;
};

struct constraint_spec {
    const struct tool *tools;
    size_t             n_tools;
    enum tool_choice   choice;
    size_t             max_thought; /* tokens */
    int32_t            call, answer, end;
    const struct constraint_text *text; /* NULL: any */
    bool               raw; /* the reply is the text alone, and the end token, if that is not -1 */
};

enum constraint_phase { PHASE_THOUGHT, PHASE_NAME, PHASE_ARGUMENTS, PHASE_ANSWER, PHASE_DONE };

struct constraint;

/*
 * The vocabulary and the schemas are borrowed as long as the constraint lives; names and texts during the call only.  NULL with
 * CORAX_E_ARGS: 'tool NAME: /properties/x: ...' cannot be held, a name that is taken or malformed, CHOICE_REQUIRED without tools;
 * CORAX_E_LIMIT when out of memory.
 */
struct constraint *constraint_create(struct mask_vocabulary *, const struct constraint_spec *, struct err *)
    __attribute__((warn_unused_result));
void constraint_destroy(struct constraint *);

/*
 * May this token come next?  Tries it, in some microseconds; where many tokens are asked for, constraint_prepare() works all of
 * them out before.  It holds until the next constraint_accept(); false: out of memory, they will be tried.
 */
bool constraint_prepare(struct constraint *);
bool constraint_allows(struct constraint *, int32_t token);
/* Moves past a token that is allowed. */
void constraint_accept(struct constraint *, int32_t token);
enum constraint_phase constraint_phase(const struct constraint *);
/*
 * The bytes that come next where only one way leads on: the rest of a name that no other tool shares, the keys and signs of
 * arguments.  At most max of them.  Returns their number.
 */
size_t constraint_guess(struct constraint *, char *out, size_t max);

#endif
