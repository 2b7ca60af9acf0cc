/* null_tools.c - offers nothing. */
#include "tests/tools/zoo/zoo.h"

static const struct corax_plugin plugin = { CORAX_PLUGIN_HEADER, .name = "x", .version = "1", .license = "Apache-2.0" };

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
