/*
 * daemon/mcp_offer.h - the prompts and resources that an operator offers to MCP clients: small JSON files in two
 * folders (docs/mcp.md).
 *
 * All are read and checked when the daemon starts and when it reloads; a bad file is an error that names it.  A
 * resource's own file is read when a client asks for it.
 */
#ifndef DAEMON_MCP_OFFER_H
#define DAEMON_MCP_OFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config.h"
#include "tools/mcp.h"
#include "util/json.h"

#define OFFER_MAX_FILES  1000       /* in a folder */
#define OFFER_MAX_FILE   (1u << 20) /* bytes of one that describes a prompt or a resource */
#define OFFER_MAX_DATA   (8u << 20) /* of one that is a resource */
#define OFFER_MAX_VALUES 100        /* of a completion, which is MCP's limit */

struct mcp_offer;

struct mcp_offer *mcp_offer_load(const struct mcp_config *, struct err *);
void mcp_offer_destroy(struct mcp_offer *);
bool mcp_offer_same_prompts(const struct mcp_offer *, const struct mcp_offer *);
bool mcp_offer_same_resources(const struct mcp_offer *, const struct mcp_offer *);

/* One page: an array under key of what a list has from *at on, at most max; *at is moved, to 0 at the end.  legacy:
 * without prompts that ask. */
void mcp_offer_write_prompts(const struct mcp_offer *, bool legacy, struct jsonw *, size_t *at, size_t max);
void mcp_offer_write_resources(const struct mcp_offer *, struct jsonw *, size_t *at, size_t max);
void mcp_offer_write_templates(const struct mcp_offer *, struct jsonw *);

struct mcp_prompt;
const struct mcp_prompt *mcp_offer_prompt(const struct mcp_offer *, const char *name); /* NULL: there is none */
/* What it asks the client's person first: an object of key to request, as in inputRequests; NULL: nothing. */
const struct json *mcp_prompt_asks(const struct mcp_prompt *);
/* The members description and messages.  -1 with CORAX_E_ARGS: an argument is missing, or none of its. */
int mcp_prompt_write(const struct mcp_prompt *, const struct json *arguments, const struct json *responses,
                     struct jsonw *, struct err *);

/* The array contents of the resource.  1: there is none of that uri; -1: it cannot be read. */
int mcp_offer_read(const struct mcp_offer *, const char *uri, struct jsonw *, struct err *);
bool mcp_offer_has(const struct mcp_offer *, const char *uri);

/* The array values of a completion.  How many there are in all; -1 with CORAX_E_ARGS: no such prompt, template or
 * argument. */
int mcp_offer_complete(const struct mcp_offer *, const struct json *ref, const char *argument, const char *value,
                       struct jsonw *, struct err *);

#endif
