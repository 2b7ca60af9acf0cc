/* plugin_file.c - see plugin_file.h. */
#include "config.h"

#include "tools/plugin_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int plugin_file_check(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct stat st;

    if (stat(path, &st) != 0)
        return fail_sys(err, errno == ENOENT ? CORAX_E_NOTFOUND : CORAX_E_IO, "%s: cannot be opened", path);
    if (!S_ISREG(st.st_mode))
        return fail(err, CORAX_E_ARGS, "%s: is not a regular file; give the path of a plugin's .so", name);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return fail(err, CORAX_E_DENIED, "%s: belongs to user %u; a plugin must belong to root or to user %u: chown it",
                    name, (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return fail(err, CORAX_E_DENIED, "%s: others than its owner may write to it; run chmod go-w on it", name);
    return 0;
}
