/* no_license.c - leaves out what it is licensed under. */
#include "tests/tools/zoo/zoo.h"

ZOO_TOOL(tool, "fine");
static const struct corax_tool *const tools[] = { &tool, NULL };
static const struct corax_plugin plugin = { CORAX_PLUGIN_HEADER, .name = "x", .version = "1", .tools = tools };

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
