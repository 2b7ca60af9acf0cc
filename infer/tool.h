/* infer/tool.h - tools as a request names them. */
#ifndef INFER_TOOL_H
#define INFER_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "infer/shape.h"
#include "util/err.h"
#include "util/json.h"
#include "util/jsonschema.h"

#define TOOLS_MAX     4096
#define TOOL_MAX_NAME 128 /* bytes */

enum tool_choice { CHOICE_AUTO, CHOICE_NONE, CHOICE_REQUIRED };

struct tool {
    const char          *name;
    const struct schema *parameters;  /* NULL: none */
    const struct json   *declaration; /* with name, description and parameters, as in docs/protocol.md; for chat templates */
    bool                 later;       /* can be called, but is not shown at the head of the prompt: a message tells of it */
};

/* CORAX_E_ARGS: too many, a name that is malformed or there twice, a call that is required where there are no tools. */
int tools_check(const struct tool *, size_t n_tools, enum tool_choice, struct err *);
/*
 * What its arguments may be: an object, whatever else the schema allows, and none without a schema.  CONJ_NOTHING with CORAX_E_ARGS ('tool
 * NAME: /properties/x: ...') or CORAX_E_LIMIT.
 */
conj tool_arguments(struct shapes *, const struct tool *, struct err *);

#endif
