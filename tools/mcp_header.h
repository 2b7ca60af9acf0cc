/*
 * tools/mcp_header.h - arguments that go into HTTP headers as well: `x-mcp-header` in a tool's schema (MCP 2026-07-28, SEP-2243).
 *
 * A property of the type string, integer or boolean with "x-mcp-header": "Region" travels in Mcp-Param-Region too, for
 * intermediaries that look at headers alone.  A text that no header can carry as it is goes as =?base64?…?=.
 */
#ifndef TOOLS_MCP_HEADER_H
#define TOOLS_MCP_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/json.h"

#define MCP_HEADER_MAX_NAME 64

/* Whether all of a schema's are on properties that may have one, with names that a header may have, each once.  why: else. */
bool mcp_headers_are_good(const struct json *schema, char *why, size_t size);
/* Calls add for each property of `args` that goes into a header: its whole name, and its value.  Values of no use are left out. */
void mcp_headers_each(const struct json *schema, const struct json *args, void (*add)(void *arg, const char *name, const char *value),
                      void *arg);
/* A string, number or boolean as the text that goes into a header; NULL: it is none of them. */
const char *mcp_header_value(const struct json *);
/* A text as a header carries it. */
void mcp_header_encode(const char *text, struct buf *out);

#endif
