/*
 * policies/path.h - a path that a tool is given, as a policy compares it: "docs/notes/a.txt", the name of a root that the operator
 * named, and a way below it without dots and doubled slashes.
 */
#ifndef POLICIES_PATH_H
#define POLICIES_PATH_H

#include <stdbool.h>

#define PATH_MAX_BYTES 4095

struct path {
    char text[PATH_MAX_BYTES + 1];
};

/*
 * What text says by itself; no file is looked at.  false for what leads anywhere else than below a root: an absolute path, one with
 * "..", control characters, a backslash, or one that is empty or too long.
 */
bool path_parse(const char *text, struct path *);
/* Is p the folder, or something below it?  folder as path_parse leaves it. */
bool path_is_beneath(const struct path *p, const char *folder);
/* A name on the way, or the last, begins with a dot. */
bool path_is_hidden(const struct path *p);

/*
 * Gives the path that text leads to, symbolic links followed, or false when that is not below a root, or is not known.  The one
 * that opens the file later must see the same: openat2 with RESOLVE_BENEATH.
 */
typedef bool path_resolver(void *arg, const char *text, struct path *);

#endif
