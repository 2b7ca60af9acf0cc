/* older.c - valid: made when the description ended with `tools`, and says so by its size. */
#include "tests/tools/zoo/zoo.h"

struct old_plugin {
    uint32_t size;
    uint16_t abi_major, abi_minor;
    const char *name, *version, *license;
    const struct corax_tool *const *tools;
};

ZOO_TOOL(tool, "old_tool");
static const struct corax_tool *const tools[] = { &tool, NULL };

/* What follows the struct in memory is not part of it: the loader must not take it for init and fini. */
static const struct {
    struct old_plugin plugin;
    const char *after[2];
} old = { { sizeof old.plugin, CORAX_ABI_MAJOR, 0, "old", "1", "Apache-2.0", tools }, { "not a", "function" } };

const struct corax_plugin *corax_plugin_entry(void)
{
    return (const struct corax_plugin *)(const void *)&old.plugin;
}
