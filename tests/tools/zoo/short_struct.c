/* short_struct.c - the description ends before its tools. */
#include "tests/tools/zoo/zoo.h"

static const struct corax_plugin plugin = {
    .size = offsetof(struct corax_plugin, tools),
    .abi_major = CORAX_ABI_MAJOR,
    .name = "short",
    .version = "1",
    .license = "Apache-2.0",
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
