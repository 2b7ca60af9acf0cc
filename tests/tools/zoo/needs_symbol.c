/* needs_symbol.c - needs a function that nobody has. */
#include "tests/tools/zoo/zoo.h"

int zoo_that_nobody_has(void);

static int call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return zoo_that_nobody_has();
}

static const struct corax_tool tool = {
    .size = sizeof tool,
    .name = "odd",
    .summary = "x",
    .call = call,
    .args_schema = ZOO_NO_ARGS,
};
static const struct corax_tool *const tools[] = { &tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "zoo", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
