/* only_bad_schema.c - nothing is left when the bad tool is out. */
#include "tests/tools/zoo/zoo.h"

static const struct corax_tool tool = {
    .size = sizeof tool,
    .name = "broken",
    .summary = "x",
    .call = zoo_call,
    .args_schema = "{\"type\":",
};
static const struct corax_tool *const tools[] = { &tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "zoo", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
