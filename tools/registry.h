/*
 * tools/registry.h - all tools the daemon knows, and who provides them.
 *
 * A provider is a corax-host or another MCP server.  Its tools come from answers to tools/list.  A tool that cannot be
 * used (a schema that does not compile, a bad name, a name that another provider's tool has) is kept with the reason,
 * shown by GET /v1/tools, and never offered or found: one bad tool disables itself and nothing else.
 *
 * Not for several threads.  `struct tool` pointers live until their provider is removed.
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

#define REGISTRY_ALL_EFFECTS 31U /* every enum corax_effect bit */

struct tool {
    uint64_t id; /* no other tool of this registry has it, nor ever had */
    const char *provider, *name, *summary;
    const char *args_schema; /* JSON text, without white space */
    size_t args_schema_len;
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
