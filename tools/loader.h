/*
 * tools/loader.h - one plugin, from a file to a checked description.
 *
 * Each thing that can be wrong with a plugin is one sentence that names the file and says what to do.  A tool whose schema
 * cannot be compiled is kept with its fault and not offered; anything else refuses the whole plugin.
 */
#ifndef TOOLS_LOADER_H
#define TOOLS_LOADER_H

#include <stddef.h>

#include <corax/plugin.h>

#include "util/err.h"
#include "util/jsonschema.h"

#define LOADER_MAX_TOOLS 256

struct loaded_tool {
    const struct corax_tool *tool;
    const char *result_schema_text; /* NULL: none */
    struct jsonschema *args_schema, *result_schema;
    struct err fault; /* status CORAX_OK: the tool may be called */
};

struct loader {
    void *handle;
    const struct corax_plugin *plugin;
    size_t n_tools, n_faulty;
    struct loaded_tool *tools;
};

/* Whose file it is has been checked (plugin_file.h).  Does not block, but runs the plugin's constructors and its init(), which may.  -1 leaves nothing loaded. */
int loader_open(struct loader *, const char *path, const struct corax_host *, struct err *);
/* Calls fini() and unloads; a build with sanitizers keeps the file mapped, so that reports have names. */
void loader_close(struct loader *);
/* NULL when there is none of that name or it has a fault. */
const struct loaded_tool *loader_find(const struct loader *, const char *name);

#endif
