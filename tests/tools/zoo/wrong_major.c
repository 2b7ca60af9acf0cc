/* wrong_major.c - built for another major version, with a struct that may mean anything. */
#include "tests/tools/zoo/zoo.h"

static const struct corax_plugin plugin = { .size = 16, .abi_major = CORAX_ABI_MAJOR + 1, .abi_minor = 3 };

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
