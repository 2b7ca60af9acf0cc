/* infer/template_messages.h - inside of template: the conversation as templates want it. */
#ifndef INFER_TEMPLATE_MESSAGES_H
#define INFER_TEMPLATE_MESSAGES_H

#include <stdbool.h>
#include <time.h>

#include "infer/template.h"
#include "util/err.h"
#include "util/json.h"

/* What a template wants. */
struct template_habits {
    bool no_system;        /* the system's text goes before the first user's */
    bool single;           /* one call a message */
    bool text_arguments;   /* arguments as JSON text, not as an object */
    bool null_content;     /* beside calls there is no content, not even an empty one: a text becomes a message of its own */
    bool thinking_member;  /* reasoning is in `thinking` */
    bool functions;        /* tools are in `functions`, as JSON text */
};

struct template_globals {
    const struct json *messages, *tools; /* neutral; tools may be NULL */
    const char *bos, *eos;               /* names; NULL: none */
    const struct tm *now;
    enum template_thinking thinking;
    bool goes_on;                        /* up to where the model goes on */
};

/* Appends one object: what the template is given.  -1 with CORAX_E_ARGS and the place ("messages[3]: ..."), CORAX_E_LIMIT. */
int template_write_globals(const struct template_habits *, const struct template_globals *, struct buf *out, struct err *);

#endif
