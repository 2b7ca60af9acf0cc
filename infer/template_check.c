/*
 * Whether messages and tools are as docs/protocol.md has them, and belong together: a result for each call but those of
 * the last message, no result without a call.
 */
#include <string.h>

#include "infer/message.h"
#include "infer/template_form.h"

/* An object, with the depth that the globals leave to it. */
static int check_arguments(const char *arguments, struct err *err)
{
    enum { AROUND = JSON_MAX_DEPTH - TEMPLATE_MAX_DEPTH };
    struct buf b;
    int rc;

    buf_init(&b, TEMPLATE_MAX_GLOBALS);
    for (int i = 0; i < AROUND; i++)
        buf_addc(&b, '[');
    buf_adds(&b, arguments);
    for (int i = 0; i < AROUND; i++)
        buf_addc(&b, ']');
    if (b.failed)
        rc = fail(err, CORAX_E_LIMIT, "arguments: more than %zu bytes", TEMPLATE_MAX_GLOBALS);
    else if (arguments[strspn(arguments, " \t\r\n")] != '{')
        rc = fail(err, CORAX_E_ARGS, "arguments: not the text of a JSON object");
    else if ((rc = json_check(b.data, b.len, err)) < 0)
        err_context(err, "arguments, from column %d on", AROUND + 1);
    buf_finish(&b);
    return rc;
}

static const struct json *find_call(const struct json *calls, const struct json *end, const char *id)
{
    for (const struct json *call = json_first(calls); call != end; call = json_next(call))
        if (strcmp(json_get_text(call, "id", ""), id) == 0)
            return call;
    return NULL;
}

static int check_call(const struct json *message, const struct json *calls, const struct json *call, struct err *err)
{
    const char *id = json_get_text(call, "id", NULL), *name = json_get_text(call, "name", NULL);
    const char *arguments = json_get_text(call, "arguments", NULL);

    if (!id || !name || !arguments)
        return fail(err, CORAX_E_ARGS, "id, name and arguments must be strings");
    if (!*id || !*name)
        return fail(err, CORAX_E_ARGS, "%s: empty", *id ? "name" : "id");
    if (find_call(calls, call, id))
        return fail(err, CORAX_E_ARGS, "id: another call of the message has \"%.60s\", too", id);
    if (check_arguments(arguments, err) < 0)
        return -1;
    if (json_next(message) && !message_result(message, id))
        return fail(err, CORAX_E_ARGS, "no tool message with call_id \"%.60s\" follows", id);
    return 0;
}

static int check_assistant(const struct json *message, struct err *err)
{
    const struct json *calls = json_get(message, "calls"), *reasoning = json_get(message, "reasoning");
    size_t i = 0;

    if (reasoning && json_kind(reasoning) != JSON_STRING && json_kind(reasoning) != JSON_NULL)
        return fail(err, CORAX_E_ARGS, "reasoning: not a string");
    if (calls && json_kind(calls) != JSON_ARRAY && json_kind(calls) != JSON_NULL)
        return fail(err, CORAX_E_ARGS, "calls: not an array");
    if (json_count(calls) > TEMPLATE_MAX_CALLS)
        return fail(err, CORAX_E_ARGS, "calls: %zu, at most %d", json_count(calls), TEMPLATE_MAX_CALLS);
    for (const struct json *call = json_first(calls); call; call = json_next(call), i++)
        if (check_call(message, calls, call, err) < 0)
            return err_context(err, "calls[%zu]", i);
    return 0;
}

/* assistant: the last message with calls before it, when only tool messages are between; or NULL. */
static int check_tool(const struct json *assistant, const struct json *message, struct err *err)
{
    const char *id = json_get_text(message, "call_id", NULL);

    if (!id)
        return fail(err, CORAX_E_ARGS, "call_id: not a string");
    if (!find_call(json_get(assistant, "calls"), NULL, id))
        return fail(err, CORAX_E_ARGS, "call_id: no call with the id \"%.60s\" comes before it", id);
    for (const struct json *m = json_next(assistant); m != message; m = json_next(m))
        if (strcmp(json_get_text(m, "call_id", ""), id) == 0)
            return fail(err, CORAX_E_ARGS, "call_id: the call \"%.60s\" has its result already", id);
    return 0;
}

static int check_message(const struct json *message, bool first, const struct json **assistant, struct err *err)
{
    const char *role = json_get_text(message, "role", "");

    if (strcmp(role, "tool") == 0) {
        if (check_tool(*assistant, message, err) < 0)
            return -1;
    } else if (strcmp(role, "assistant") == 0) {
        *assistant = message;
        if (check_assistant(message, err) < 0)
            return -1;
    } else if (strcmp(role, "user") == 0 || strcmp(role, "system") == 0) {
        if (*role == 's' && !first)
            return fail(err, CORAX_E_ARGS, "role: a system message must be the first");
        *assistant = NULL;
    } else {
        return fail(err, CORAX_E_ARGS, "role: \"%.40s\", allowed are system, user, assistant and tool", role);
    }
    return message_check_parts(message, err);
}

static int check_messages(const struct json *messages, struct err *err)
{
    const struct json *assistant = NULL;
    size_t i = 0;

    if (json_kind(messages) != JSON_ARRAY || !json_first(messages))
        return fail(err, CORAX_E_ARGS, "messages: not an array with at least one message");
    if (json_count(messages) > TEMPLATE_MAX_MESSAGES)
        return fail(err, CORAX_E_ARGS, "messages: %zu, at most %d", json_count(messages), TEMPLATE_MAX_MESSAGES);
    for (const struct json *m = json_first(messages); m; m = json_next(m), i++)
        if (check_message(m, i == 0, &assistant, err) < 0)
            return err_context(err, "messages[%zu]", i);
    return 0;
}

static bool is_deep(const struct json *j, int levels)
{
    if (levels == 0 && json_first(j))
        return true;
    for (j = json_first(j); j; j = json_next(j))
        if (is_deep(j, levels - 1))
            return true;
    return false;
}

static int check_tool_offered(const struct json *tool, struct err *err)
{
    const struct json *description = json_get(tool, "description"), *parameters = json_get(tool, "parameters");
    const char *name = json_get_text(tool, "name", "");

    if (!*name)
        return fail(err, CORAX_E_ARGS, "not an object with a name");
    if (description && json_kind(description) != JSON_STRING && json_kind(description) != JSON_NULL)
        return fail(err, CORAX_E_ARGS, "%.60s: description: not a string", name);
    if (is_deep(parameters, TEMPLATE_MAX_DEPTH))
        return fail(err, CORAX_E_ARGS, "%.60s: parameters: more than %d levels deep", name, TEMPLATE_MAX_DEPTH);
    return 0;
}

static int check_tools(const struct json *tools, struct err *err)
{
    size_t i = 0;

    if (!tools)
        return 0;
    if (json_kind(tools) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "tools: not an array");
    if (json_count(tools) > TEMPLATE_MAX_TOOLS)
        return fail(err, CORAX_E_ARGS, "tools: %zu, at most %d", json_count(tools), TEMPLATE_MAX_TOOLS);
    for (const struct json *tool = json_first(tools); tool; tool = json_next(tool), i++)
        if (check_tool_offered(tool, err) < 0)
            return err_context(err, "tools[%zu]", i);
    return 0;
}

int template_check(const struct json *messages, const struct json *tools, struct err *err)
{
    return check_messages(messages, err) < 0 ? -1 : check_tools(tools, err);
}
