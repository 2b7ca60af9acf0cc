/* bad_name.c - a name that is none. */
#include "tests/tools/zoo/zoo.h"

ZOO_TOOL(tool, "Not A Name");
static const struct corax_tool *const tools[] = { &tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "zoo", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
