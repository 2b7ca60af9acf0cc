/*
 * infer/matcher.h - holds a text to a grammar, byte by byte or token by token.
 *
 * A matcher is a compiled grammar and the place that a text has reached in it.  Compiling is lazy: what a text never comes
 * to is never worked out, but whatever could not be held is found when the matcher is made.
 */
#ifndef INFER_MATCHER_H
#define INFER_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/machine.h"
#include "infer/mask.h"
#include "infer/program.h"
#include "util/err.h"
#include "util/jsonschema.h"

#define MATCHER_MAX_BYTES ((size_t)256 << 20) /* of regular languages for one grammar */

struct matcher;

/*
 * One JSON value that matches the schema (NULL: any).  The schema is borrowed; the vocabulary is kept, NULL: no tokens, only
 * bytes.  CORAX_E_ARGS: what cannot be held, and where ("/properties/x: ..."); CORAX_E_LIMIT.
 */
struct matcher *matcher_create_json(struct mask_vocabulary *, const struct schema *, const struct json_style *,
                                    const struct shape_options *, struct err *) __attribute__((warn_unused_result));
/* A text that a grammar in GBNF describes (infer/gbnf.h), with its errors. */
struct matcher *matcher_create_gbnf(struct mask_vocabulary *, const char *text, size_t len, struct err *)
    __attribute__((warn_unused_result));
/* A text that a pattern matches from end to end; errors as regex_pattern(). */
struct matcher *matcher_create_pattern(struct mask_vocabulary *, const char *pattern, size_t len, struct err *)
    __attribute__((warn_unused_result));
/*
 * A program of the caller's: build puts its rules into the builder, with conjunctions of the shapes, and says where it starts; 0,
 * or -1 with its error.
 */
typedef int matcher_build_fn(void *arg, struct program_builder *, struct shapes *, uint32_t *start, struct err *);
struct matcher *matcher_create(struct mask_vocabulary *, matcher_build_fn *, void *arg, const struct json_style *,
                               const struct shape_options *, struct err *) __attribute__((warn_unused_result));
void matcher_destroy(struct matcher *);

void matcher_restart(struct matcher *);
/* false: the byte may not come, and nothing has changed. */
bool matcher_read_byte(struct matcher *, unsigned char byte);
/* All bytes of a text or none. */
bool matcher_read(struct matcher *, const char *text, size_t len);
bool matcher_is_done(const struct matcher *);  /* the text may end here */
bool matcher_is_stuck(const struct matcher *); /* a limit was reached: nothing may come any more */

bool matcher_is_worn(const struct matcher *);  /* it has come to a good part of its limits, over all its texts */

bool matcher_goes_on(struct matcher *);        /* something may come */
/* A text that may end here ends, if a token may come behind it: what is left is the token. */
void matcher_end_text(struct matcher *);

/* bits [n_words of the vocabulary]: as masks_compute(). */
bool matcher_mask(struct matcher *, uint32_t *bits);
bool matcher_allows(struct matcher *, int32_t token);
bool matcher_read_token(struct matcher *, int32_t token);
/* The bytes that are the only ones that may come next, at most max of them; fewer where the text may end. */
size_t matcher_forced(struct matcher *, char *out, size_t max);

#endif
