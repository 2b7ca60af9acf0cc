/*
 * catalogue.c - some hundred tools of well-known services that do nothing: what the suite `tools` of corax eval chooses among (docs/eval.md).
 *
 * Each says "done".  None has an effect, so every policy that allows what only computes allows them.
 */
#include <corax/plugin.h>

static int call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    (void)args;
    (void)len;
    return h->result(c, "text/plain", "done", 4);
}

#define TOOL(the_name, about, schema)                                                                                                      \
    &(const struct corax_tool){ .size = sizeof(struct corax_tool),                                                                         \
                                .traits = CORAX_TRAIT_IDEMPOTENT,                                                                          \
                                .name = the_name,                                                                                          \
                                .summary = about,                                                                                          \
                                .args_schema = schema,                                                                                     \
                                .call = call },

static const struct corax_tool *const tools[] = {
#include "catalogue_tools.h"
    NULL
};

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "catalogue", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
