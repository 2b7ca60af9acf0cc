/*
 * services.c - the tools price, web_search and literature_search, which need a service that this plugin has not.
 *
 * A plugin has no network.  Where an operator has attached an MCP server that knows prices or searches, its tools are among the
 * model's; these three are for where there is none, so that an answer is "unavailable" and how to change that, and not made up.
 */
#include "tools.h"

#include "tool.h"

#define CONFIGURE                                                                                          \
    "; an operator can attach an MCP server that offers it (mcp_servers in corax.conf, over HTTP through " \
    "corax-egress)"

static int price_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    const struct tool t = { .host = h, .call = c };
    struct rdkit_mol *mol;
    int rc;

    mol = tool_molecule(&t, "smiles", &rc);
    if (mol == NULL)
        return rc;
    rdkit_free(mol);
    return tool_refuse(&t, CORAX_E_UNAVAIL, "unavailable: no service for prices is configured" CONFIGURE);
}

static int web_search_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_refuse(&(struct tool){ .host = h, .call = c }, CORAX_E_UNAVAIL,
                       "unavailable: no service for web search is configured" CONFIGURE);
}

static int literature_search_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return tool_refuse(&(struct tool){ .host = h, .call = c }, CORAX_E_UNAVAIL,
                       "unavailable: no service for literature is configured" CONFIGURE);
}

#define QUERY_SCHEMA                                                                       \
    "{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\",\"minLength\":1," \
    "\"maxLength\":1000,\"description\":\"what to look for\"}},\"required\":[\"query\"],"  \
    "\"additionalProperties\":false}"

const struct corax_tool price_tool = {
    .size = sizeof price_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "price",
    .summary = "The price of a chemical given as SMILES, where a service for prices is configured.",
    .args_schema = SMILES_SCHEMA,
    .call = price_call,
};

const struct corax_tool web_search_tool = {
    .size = sizeof web_search_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "web_search",
    .summary = "Searches the web, where a service for that is configured.",
    .args_schema = QUERY_SCHEMA,
    .call = web_search_call,
};

const struct corax_tool literature_search_tool = {
    .size = sizeof literature_search_tool,
    .traits = CORAX_TRAIT_IDEMPOTENT,
    .name = "literature_search",
    .summary = "Searches the scientific literature, where a service for that is configured.",
    .args_schema = QUERY_SCHEMA,
    .call = literature_search_call,
};
