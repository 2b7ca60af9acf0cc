/* infer/message.h - messages of a chat as docs/protocol.md has them: what whoever renders them needs of their JSON. */
#ifndef INFER_MESSAGE_H
#define INFER_MESSAGE_H

#include "util/buf.h"
#include "util/err.h"
#include "util/json.h"

/* Are its parts texts?  CORAX_E_ARGS: "parts[2]: type "image", ...". */
int message_check_parts(const struct json *message, struct err *);
/* Appends the text of a message's parts, which are checked first.  CORAX_E_LIMIT: the buffer is full. */
int message_text(const struct json *message, struct buf *out, struct err *);
/* The same of a message that was checked before (template_check.h): fails only as its buffer does. */
void message_add_text(const struct json *message, struct buf *out);
/* The message of a tool that answers a call: among those right behind the assistant's.  NULL: there is none. */
const struct json *message_result(const struct json *message, const char *call_id);

#endif
