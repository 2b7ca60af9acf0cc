/*
 * plugins/search/folder.h - the files below a folder that somebody else may be changing meanwhile.
 *
 * Names are opened one by one, each relative to the descriptor of the folder above and never through a symbolic link, so that
 * no exchange of a folder for a link leads out.  A FIFO or a device is never waited for.
 */
#ifndef PLUGINS_SEARCH_FOLDER_H
#define PLUGINS_SEARCH_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/stat.h>

#define FOLDER_MAX_DEPTH 24     /* each level holds a descriptor, and a host has 64 */
#define FOLDER_MAX_NAMES 200000 /* files and folders looked at in one walk: about a second */
#define FOLDER_MAX_PATH  8192   /* bytes of "root/folder/.../file" */

struct folder_entry {
    int dir_fd;
    const char *name, *path; /* path begins with the root's name */
    const struct stat *st;   /* of a regular file */
};

struct folder_walk {
    /* Is this file's name one to look at?  Asked before anything else. */
    bool (*wanted)(void *arg, const char *name);
    /* A wanted regular file, in the order of names.  false: stop. */
    bool (*visit)(void *arg, const struct folder_entry *);
    void *arg;
    size_t n_names; /* so far; the caller sets 0 once and may walk several folders */
    bool too_deep, too_many;
};

/* False when visit() stopped it.  What cannot be opened is passed over, a missing root too. */
bool folder_walk(struct folder_walk *, const char *root_name, const char *root_path);

/*
 * The file's bytes, at most size of them.  -1 with errno when it cannot be read, is no longer a regular file, or a symbolic link
 * has taken its place.
 */
long folder_read(const struct folder_entry *, char *out, size_t size);

#endif
