/* duplicate.c - two tools of one name. */
#include "tests/tools/zoo/zoo.h"

ZOO_TOOL(first, "twin");
ZOO_TOOL(second, "twin");
static const struct corax_tool *const tools[] = { &first, &second, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "zoo", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
