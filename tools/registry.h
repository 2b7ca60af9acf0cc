/*
 * tools/registry.h - all tools the daemon knows, and who provides them.
 *
 * A provider is a corax-host or another MCP server.  Its tools come from answers to tools/list.  A tool that cannot be
 * used (a schema that does not compile, a bad name, a name that another provider's tool has) is kept with the reason,
 * shown by GET /v1/tools, and never offered or found: one bad tool disables itself and nothing else.
 *
 * A foreign server may list its tools anew at any time: what is unchanged stays the same `struct tool`, with its id, and what is not goes.
 *
 * Not for several threads.  `struct tool` pointers live until their provider is removed or lists anew, or as long as they are held.
 */
#ifndef TOOLS_REGISTRY_H
#define TOOLS_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/json.h"
#include "util/jsonschema.h"

#define REGISTRY_MAX_TOOLS    20000
#define REGISTRY_MAX_PROVIDER 64          /* bytes of a provider's name */
#define REGISTRY_MAX_NAME     128         /* of a tool's, as in MCP */
#define REGISTRY_MAX_SUMMARY  1024        /* a longer one is cut, and ends with … */
#define REGISTRY_MAX_SCHEMA   (64 * 1024) /* a tool with a longer one is disabled */

#define REGISTRY_ROLE         "x-corax"   /* in a schema: what an argument is for (corax-plugin(3)) */
#define REGISTRY_HASH         32          /* bytes */

#define REGISTRY_ALL_EFFECTS 31U /* every enum corax_effect bit */

struct tool {
    uint64_t id; /* no other tool of this registry has it, nor ever had */
    const char *provider, *name, *summary;
    const char *own_name; /* the end of name: without the provider, as policies name it and a foreign server knows it */
    unsigned char definition[REGISTRY_HASH]; /* SHA-256 of all that the provider says of it, and of what it may do */
    const char *args_schema; /* JSON text, without white space */
    size_t args_schema_len;
    const char *chat_schema; /* the same without roles ("x-corax"), which no model need read; NULL: it has none */
    const struct jsonschema *schema; /* compiled; NULL when that failed */
    const char *result_schema;       /* JSON text; NULL: none */
    uint32_t effects, traits;        /* enum corax_effect, enum corax_trait */
    bool declared;                   /* the provider said so; else the worst is assumed */
    const char *disabled;            /* why it is not offered; NULL: it is */
};

struct registry;

struct registry *registry_create(void);
void registry_destroy(struct registry *);

/*
 * Adds the tools of one tools/list result.  Effects and traits in _meta are believed only of a provider that is `own`:
 * a corax-host, whose plugin an administrator installed.  Any other server's tool may do anything and is not idempotent,
 * whatever it says.  Returns how many tools were added, disabled ones included; -1 when the result is no list or the
 * registry is full, with nothing added.
 */
int registry_add_list(struct registry *, const char *provider, bool own, const struct json *result, struct err *);

/* What an operator says of one foreign tool, over what is assumed or said by its server. */
struct registry_override {
    const char *tool; /* as its server calls it; "*": all that have none of their own */
    uint32_t effects, traits;
};

/* On what terms a foreign server's tools are taken. */
struct registry_terms {
    bool annotations;  /* its hints (readOnlyHint, …) are believed, where there is no override */
    bool http;         /* x-mcp-header in a schema must make sense */
    bool listed;       /* only these: */
    size_t n_tools;
    char *const *tools;
    size_t n_overrides;
    const struct registry_override *overrides;
};
/*
 * The same of a foreign server: tools are named PROVIDER.TOOL, and are as bad as can be unless the terms say otherwise.  Between
 * registry_list_begin and registry_list_end the lists that come stand for all that the provider has.
 */
int registry_add_foreign(struct registry *, const char *provider, const struct registry_terms *, const struct json *result, struct err *);
void registry_list_begin(struct registry *, const char *provider);
/* What was not listed since then goes.  true: something came, went or changed. */
bool registry_list_end(struct registry *, const char *provider);

/* The end of a tool's name behind PROVIDER., where it begins so. */
const char *tool_own_name(const char *provider, const char *name);
/* Keeps a tool's memory beyond its place in the registry; both take NULL. */
const struct tool *tool_hold(const struct tool *);
void tool_release(const struct tool *);
/* Whether it still is in the registry, as it was. */
bool tool_is_current(const struct tool *);

/* Forgets its tools; others that they stood in the way of become enabled.  A provider that is listed anew is removed first. */
void registry_remove_provider(struct registry *, const char *provider);

uint64_t registry_generation(const struct registry *); /* another one after each change */
size_t registry_count(const struct registry *);                              /* disabled ones included */
const struct tool *registry_at(const struct registry *, size_t i);           /* in the order they were added: ids rise */
const struct tool *registry_by_name(const struct registry *, size_t i);      /* in the order of their names' bytes */
const struct tool *registry_find(const struct registry *, const char *name); /* an enabled one, or NULL */

/* The parsed arguments (caller: json_free), or NULL with CORAX_E_ARGS and a sentence that a model can act on. */
struct json *registry_validate(const struct tool *, const char *args, size_t args_len, struct err *);

/* An array for GET /v1/tools: name, provider, description, parameters, effects, traits, disabled (a reason or null). */
void registry_write_json(const struct registry *, struct jsonw *, const char *key);
/* An array of TOOL as corax-infer's chat takes it: all that are enabled. */
void registry_write_chat(const struct registry *, struct jsonw *, const char *key);
/* One element of it; later: a message tells of the tool (docs/protocol.md). */
void tool_write_chat(const struct tool *, bool later, struct jsonw *);

#endif
