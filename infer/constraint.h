/*
 * infer/constraint.h - holds what is decoded to a grammar, token by token.
 *
 * A token is allowed when every byte of it is, or when the grammar waits for it as such.
 */
#ifndef INFER_CONSTRAINT_H
#define INFER_CONSTRAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/mask.h"
#include "infer/matcher.h"
#include "infer/tags.h"
#include "util/err.h"
#include "util/jsonschema.h"

/* What a text must be. */
struct constraint_text {
    enum { CONSTRAINT_SCHEMA, CONSTRAINT_GRAMMAR, CONSTRAINT_PATTERN, CONSTRAINT_TAGS } kind; /* JSON; infer/gbnf.h; a regular expression */
    const struct schema *schema;
    const struct tags   *tags;
    const char          *text; /* of a grammar or pattern */
    size_t               len;
    const struct shape_options *lenient; /* as in struct constraint_spec */
};
/* The symbol for it.  CORAX_E_ARGS, CORAX_E_LIMIT. */
int constraint_text_symbol(const struct constraint_text *, struct program_builder *, struct shapes *, struct symbol *out, struct err *);

struct constraint_spec {
    matcher_build_fn        *build;
    void                    *arg;
    const struct json_style *style;
    const struct shape_options *lenient; /* NULL: what cannot be held while decoding is an error */
    /* A thought of so many tokens may only end, with one of these; 0: no bound. */
    size_t                   max_thought;
    int32_t                  after_thought[2];
};

struct constraint;

/* The vocabulary and whatever build borrows live as long.  NULL with the errors of build, and CORAX_E_LIMIT. */
struct constraint *constraint_create(struct mask_vocabulary *, const struct constraint_spec *, struct err *)
    __attribute__((warn_unused_result));
/* A text that must match, and behind it the end token, unless that is -1. */
struct constraint *constraint_create_text(struct mask_vocabulary *, const struct constraint_text *, int32_t end, struct err *)
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
bool constraint_is_done(const struct constraint *); /* nothing may come any more */
void constraint_restart(struct constraint *);       /* as when it was created */
bool constraint_is_worn(const struct constraint *); /* so much has been worked out that a new one is better for another text */
/*
 * The bytes that come next where only one way leads on: the rest of a name that no other tool shares, the keys and signs of
 * arguments.  At most max of them.  Returns their number.
 */
size_t constraint_guess(struct constraint *, char *out, size_t max);

#endif
