/* unknown_effect.c - declares an effect that no policy knows. */
#include "tests/tools/zoo/zoo.h"

static const struct corax_tool tool = {
    .size = sizeof tool,
    .name = "odd",
    .summary = "x",
    .call = zoo_call,
    .args_schema = ZOO_NO_ARGS,
    .effects = 1 << 9,
};
static const struct corax_tool *const tools[] = { &tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "zoo", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
