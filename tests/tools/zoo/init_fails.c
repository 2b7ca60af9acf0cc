/* init_fails.c - init() refuses. */
#include "tests/tools/zoo/zoo.h"

ZOO_TOOL(tool, "fine");
static const struct corax_tool *const tools[] = { &tool, NULL };

static int init(const struct corax_host *h)
{
    return CORAX_E_UNAVAIL;
}

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "zoo", .version = "1", .license = "Apache-2.0", .tools = tools, .init = init,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
