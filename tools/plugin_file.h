/*
 * tools/plugin_file.h - whose file a plugin is.
 */
#ifndef TOOLS_PLUGIN_FILE_H
#define TOOLS_PLUGIN_FILE_H

#include "util/err.h"

/*
 * A plugin is a regular file that belongs to root or to the caller, and that nobody else may write to.  To be asked outside a box: in a
 * user namespace all foreign owners look the same.  -1 with CORAX_E_NOTFOUND, CORAX_E_DENIED, CORAX_E_ARGS or CORAX_E_IO.
 */
int plugin_file_check(const char *path, struct err *);

#endif
