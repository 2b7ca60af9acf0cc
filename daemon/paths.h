/*
 * daemon/paths.h - where a path that a tool is given leads: below which root of corax.conf, and how from there.
 */
#ifndef DAEMON_PATHS_H
#define DAEMON_PATHS_H

#include <stdbool.h>

#include "daemon/config.h"
#include "policies/path.h"

/*
 * text is "ROOT/way" or the absolute path of something below a root's folder.  Symbolic links are followed as far as they stay below
 * the root; of what is not there yet, the folder it would be in must be.  A path_resolver, whose argument is the config.
 */
bool paths_resolve(void *config, const char *text, struct path *);

#endif
