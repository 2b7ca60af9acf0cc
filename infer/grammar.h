/*
 * infer/grammar.h - which bytes may come next, so that a JSON value matches a schema.
 *
 * A schema is compiled into nodes; a state walks them byte by byte and says of each byte whether it may stand there.
 * The language is smaller than what the schema accepts, and one that a model is trained on: no white space, the
 * members of an object in the order of the schema's `properties` (an optional one may be skipped), no other members,
 * strings with no escape that is not needed, integers of at most 15 digits.  Every state that is reached can be
 * completed: a number's first digits are refused when no further ones would bring it into its bounds.
 *
 * What cannot be held this way (pattern, a multipleOf with a fraction) is an error when the schema is compiled, never
 * silently left out.
 */
#ifndef INFER_GRAMMAR_H
#define INFER_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/utf8.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/jsonschema.h"

#define GRAMMAR_MAX_NESTING 16 /* of a schema; a tool's arguments rarely go past 3 */
#define GRAMMAR_MAX_DEPTH   32 /* of a value: what a schema leaves open may nest further */

struct grammar; /* one node; the tree lives in the arena it was compiled into */

/*
 * NULL schema: an object without members.  The schema is needed during the call only.  NULL with CORAX_E_ARGS: the
 * place and the keyword ("/properties/x: pattern cannot be held while decoding"), or CORAX_E_LIMIT.
 */
const struct grammar *grammar_compile(const struct schema *, struct arena *, struct err *);

struct grammar_frame {
    const struct grammar *node;
    uint8_t  kind, phase;
    uint8_t  negative;
    uint8_t  n_whole, n_fraction; /* digits of a number */
    struct utf8 utf8;
    uint32_t next, at;      /* object: the first member that may come, and the one being written; enum: the value */
    int64_t  count;         /* elements of an array, characters of a string, bytes of a key or enum value */
    unsigned __int128 digits; /* of a number, as one integer */
};

/* A plain value: a copy is a snapshot.  Copy with grammar_copy(), which takes only the frames in use. */
struct grammar_state {
    unsigned             depth; /* 0: the value is complete */
    struct grammar_frame frames[GRAMMAR_MAX_DEPTH];
};

void grammar_start(struct grammar_state *, const struct grammar *);
void grammar_copy(struct grammar_state *to, const struct grammar_state *from);
/* false: the byte may not come next, and the state is then of no more use. */
bool grammar_next(struct grammar_state *, unsigned char byte);

#endif
