/* host_roots.c - see host_roots.h.  The ABI asks for them without a call, so they belong to the process. */
#include "config.h"

#include "tools/host_roots.h"

#include <stdbool.h>
#include <string.h>

#include <corax/plugin.h>

static struct {
    const char *name, *path;
} roots[HOST_MAX_ROOTS];
static size_t n_roots;

static bool is_root_name(const char *s)
{
    size_t n = 0;

    if (s[0] < 'a' || s[0] > 'z')
        return false;
    for (; s[n] != '\0'; n++)
        if (!((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9') || s[n] == '_' || s[n] == '-'))
            return false;
    return n <= HOST_MAX_ROOT_NAME;
}

int host_roots_add(char *text, struct err *err)
{
    char *path = strchr(text, '=');

    if (path == NULL)
        return fail(err, CORAX_E_ARGS, "--root wants NAME=PATH, not \"%s\"", text);
    *path++ = '\0';
    if (!is_root_name(text))
        return fail(err, CORAX_E_ARGS,
                    "the root \"%s\" needs another name: use a-z, 0-9, _ and -, a letter first, at most %d characters",
                    text, HOST_MAX_ROOT_NAME);
    if (path[0] != '/')
        return fail(err, CORAX_E_ARGS, "the root %s needs an absolute path, not \"%s\"", text, path);
    for (size_t i = 0; i < n_roots; i++)
        if (strcmp(roots[i].name, text) == 0)
            return fail(err, CORAX_E_ARGS, "two roots are named %s; rename one", text);
    if (n_roots >= HOST_MAX_ROOTS)
        return fail(err, CORAX_E_LIMIT, "more than %d roots", HOST_MAX_ROOTS);
    roots[n_roots].name = text;
    roots[n_roots++].path = path;
    return 0;
}

int host_roots_get(size_t i, const char **name, const char **path)
{
    if (i >= n_roots)
        return CORAX_E_NOTFOUND;
    *name = roots[i].name;
    *path = roots[i].path;
    return CORAX_OK;
}
