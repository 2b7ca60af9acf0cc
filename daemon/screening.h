/*
 * daemon/screening.h - what a screening tool is given of a call, and what its result says.
 *
 * A tool's schema says with "x-corax": "molecule" which of its arguments are molecules.  All texts in such an argument count, in
 * lists and objects too, and of a reaction each of its parts (reactants, agents, products), so that the screening tool reads molecules only.
 * A "->" is no such sign but a bond.
 *
 * Of the result counts what is for programs: an object with "findings", a list of words, and a "status" that is ok; or one whose
 * "results" is a list of such objects, one for each value that was given.  Anything else is no answer.
 */
#ifndef DAEMON_SCREENING_H
#define DAEMON_SCREENING_H

#include "policies/screen.h"
#include "tools/mcp.h"
#include "tools/registry.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"

#define SCREENING_MAX_VALUES 256        /* of one call */
#define SCREENING_MAX_BYTES  (64 << 10) /* of the arguments that the screening tool is given */

/*
 * The arguments for a screening tool, {"ARGUMENT": [each value once]}, into out; *n_values 0: there is none.  args is the call's, checked
 * against its schema.  -1: it cannot be screened: no argument of the tool has the role, a value is no text, or there are too many.
 */
int screening_write(const struct tool *, const struct screen *, const struct json *args, struct buf *out,
                    size_t *n_values, struct err *);

struct screening_findings {
    size_t n;
    char words[SCREEN_MAX_FINDINGS][SCREEN_MAX_WORD + 1]; /* each once */
};
/* -1: it is no answer for so many values. */
int screening_read(const struct tool_result *, size_t n_values, struct screening_findings *, struct err *);

#endif
