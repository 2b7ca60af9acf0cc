/*
 * zoo.h - what the broken plugins share: each is complete and right but for the one thing its file is named after.
 */
#ifndef TESTS_TOOLS_ZOO_H
#define TESTS_TOOLS_ZOO_H

#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#define ZOO_NO_ARGS "{\"type\":\"object\",\"additionalProperties\":false}"

#define ZOO_TOOL(id, tool_name)           \
    static const struct corax_tool id = { \
        .size = sizeof id,                \
        .name = tool_name,                \
        .summary = "A tool of the zoo.",  \
        .args_schema = ZOO_NO_ARGS,       \
        .call = zoo_call,                 \
    }

static inline int zoo_say(const struct corax_host *h, struct corax_call *c, const char *text)
{
    return h->result(c, "text/plain", text, strlen(text));
}

__attribute__((unused)) static int zoo_call(const struct corax_host *h, struct corax_call *c, const char *args,
                                            size_t len)
{
    return zoo_say(h, c, "fine");
}

#endif
