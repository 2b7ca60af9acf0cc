/*
 * tools/host_roots.h - the folders that a host was told its plugin may read, by name.
 */
#ifndef TOOLS_HOST_ROOTS_H
#define TOOLS_HOST_ROOTS_H

#include <stddef.h>

#include "util/err.h"

#define HOST_MAX_ROOTS     64
#define HOST_MAX_ROOT_NAME 64 /* bytes */

/*
 * Adds "NAME=PATH", which must stay where it is; NAME is [a-z][a-z0-9_-]* and new, PATH is absolute.  Whether there is such a
 * folder is the plugin's to see: it may come and go.
 */
int host_roots_add(char *text, struct err *);
/* `root` of struct corax_host. */
int host_roots_get(size_t i, const char **name, const char **path);

#endif
