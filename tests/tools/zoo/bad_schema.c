/* bad_schema.c - one good tool, one whose schema has a keyword that nobody knows, one that is not for an object. */
#include "tests/tools/zoo/zoo.h"

ZOO_TOOL(good, "good");
static const struct corax_tool keyword = {
    .size = sizeof keyword,
    .name = "keyword",
    .summary = "x",
    .call = zoo_call,
    .args_schema = "{\"type\":\"object\",\"foo\":\"#x\"}",
};
static const struct corax_tool not_object = {
    .size = sizeof not_object,
    .name = "not_object",
    .summary = "x",
    .call = zoo_call,
    .args_schema = "{\"type\":\"string\"}",
};
static const struct corax_tool *const tools[] = { &good, &keyword, &not_object, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "zoo", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
