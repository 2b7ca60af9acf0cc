/* short_tool.c - a tool without a size. */
#include "tests/tools/zoo/zoo.h"

static const struct corax_tool tool = { .name = "odd", .summary = "x", .call = zoo_call, .args_schema = ZOO_NO_ARGS };
static const struct corax_tool *const tools[] = { &tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "zoo", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
