#include "infer/message.h"

#include <string.h>

int message_check_parts(const struct json *message, struct err *err)
{
    const struct json *parts = json_get(message, "parts");
    size_t i = 0;

    if (parts && json_kind(parts) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "parts: not an array");
    for (const struct json *part = json_first(parts); part; part = json_next(part), i++) {
        const char *type = json_get_text(part, "type", NULL);

        if (!type)
            return fail(err, CORAX_E_ARGS, "parts[%zu]: not an object with a type", i);
        if (strcmp(type, "text") != 0)
            return fail(err, CORAX_E_ARGS, "parts[%zu]: type \"%.40s\", this model takes only \"text\"", i, type);
        if (!json_get_text(part, "text", NULL))
            return fail(err, CORAX_E_ARGS, "parts[%zu].text: not a string", i);
    }
    return 0;
}

int message_text(const struct json *message, struct buf *out, struct err *err)
{
    if (message_check_parts(message, err) < 0)
        return -1;
    message_add_text(message, out);
    return out->failed ? fail(err, CORAX_E_LIMIT, "more than %zu bytes of text", out->limit) : 0;
}

void message_add_text(const struct json *message, struct buf *out)
{
    for (const struct json *part = json_first(json_get(message, "parts")); part; part = json_next(part))
        buf_adds(out, json_get_text(part, "text", ""));
}

const struct json *message_result(const struct json *message, const char *call_id)
{
    for (message = json_next(message); message && strcmp(json_get_text(message, "role", ""), "tool") == 0; message = json_next(message)) {
        const char *id = json_get_text(message, "call_id", NULL);

        if (id && strcmp(id, call_id) == 0)
            return message;
    }
    return NULL;
}
