/* infer/dialect_text.h - conversations as text, for chat templates that do not know tools. */
#ifndef INFER_DIALECT_TEXT_H
#define INFER_DIALECT_TEXT_H

#include <stdbool.h>

#include "infer/tool_format.h"
#include "util/err.h"
#include "util/json.h"

/* What becomes text. */
struct dialect_text {
    const struct tool_format *format;  /* in which calls are written */
    bool                      told;    /* the system message tells of the tools */
    bool                      system;  /* the system message stands before the first question: the template loses it where calls follow */
    bool                      calls;   /* an assistant's calls are in its text */
    bool                      results; /* results are a user's message */
};

bool dialect_text_is_react(const struct tool_format *);
/* The messages, which have been checked, for a template without these; tools may be NULL.  To be freed; NULL with CORAX_E_LIMIT. */
struct json *dialect_text_write(const struct dialect_text *, const struct json *messages, const struct json *tools, struct err *)
    __attribute__((warn_unused_result));

#endif
