/* no_call.c - a tool without a function. */
#include "tests/tools/zoo/zoo.h"

static const struct corax_tool tool = {
    .size = sizeof tool, .name = "odd", .summary = "x", .args_schema = ZOO_NO_ARGS
};
static const struct corax_tool *const tools[] = { &tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "zoo", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
