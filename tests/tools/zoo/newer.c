/* newer.c - valid: of a later minor version, with structs that have more members. */
#include "tests/tools/zoo/zoo.h"

struct new_tool {
    struct corax_tool now;
    const char *since_1_7;
};
struct new_plugin {
    struct corax_plugin now;
    const char *since_1_7[8];
};

static const struct new_tool tool = {
    { .size = sizeof tool, .name = "new_tool", .summary = "x", .call = zoo_call, .args_schema = ZOO_NO_ARGS },
    "x",
};
static const struct corax_tool *const tools[] = { &tool.now, NULL };

static int init(const struct corax_host *h)
{
    return h->abi_major == CORAX_ABI_MAJOR && CORAX_HAS(h, arg) ? CORAX_OK : CORAX_E_INTERNAL;
}

static const struct new_plugin plugin = {
    .now = { sizeof plugin, CORAX_ABI_MAJOR, 7, "new", "1", "Apache-2.0", tools, init, NULL },
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin.now;
}
