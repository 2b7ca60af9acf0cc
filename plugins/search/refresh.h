/*
 * plugins/search/refresh.h - brings the index to what the folders hold now.
 */
#ifndef PLUGINS_SEARCH_REFRESH_H
#define PLUGINS_SEARCH_REFRESH_H

#include <stddef.h>

#include "store.h"

#define REFRESH_MIN_MS    1000      /* between two walks: a model asks several times in a row */
#define REFRESH_MAX_FILE  (4 << 20) /* bytes; what is larger is a log or data, and one file must not fill the index */
#define REFRESH_MAX_FILES 20000
#define REFRESH_MAX_BYTES (256LL << 20) /* of all files: the index takes about as much again, see STORE_MAX_BYTES */

struct refresh_root {
    const char *name, *path;
};

/*
 * Walks the folders and reads what is new or has changed.  STORE_STOPPED when go_on() of the store ended it: what was read stays,
 * and the next call goes on from there.  What is left out is said on standard error, each file once.
 */
enum store_status refresh(struct store *, const struct refresh_root *, size_t n_roots, bool (*go_on)(void *arg),
                          void *arg);

#endif
