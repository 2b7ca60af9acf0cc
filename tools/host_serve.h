/*
 * tools/host_serve.h - a loaded plugin as an MCP server on stdio.
 */
#ifndef TOOLS_HOST_SERVE_H
#define TOOLS_HOST_SERVE_H

#include "tools/host_io.h"
#include "tools/loader.h"
#include "util/err.h"
#include "util/json.h"

#define HOST_DEADLINE_MS     30000 /* of a call whose caller gives none, and of loading */
#define HOST_MAX_DEADLINE_MS 3600000

/* Answers until the input ends.  0, or -1 when what arrives is no protocol or nobody reads. */
int host_serve(struct host_io *, const struct loader *, struct err *);
/* The member "tools" of a tools/list result. */
void host_write_tools(const struct loader *, struct jsonw *);

#endif
