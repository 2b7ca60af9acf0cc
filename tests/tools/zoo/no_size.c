/* no_size.c - the author forgot CORAX_PLUGIN_HEADER. */
#include "tests/tools/zoo/zoo.h"

ZOO_TOOL(tool, "fine");
static const struct corax_tool *const tools[] = { &tool, NULL };
static const struct corax_plugin plugin = { .name = "x", .version = "1", .license = "Apache-2.0", .tools = tools };

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
