#include "daemon/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A root, "NAME=PATH", and the way below it. */
struct place {
    char name[128];
    const char *folder; /* its path */
    char way[PATH_MAX_BYTES + 1];
};

/* The folder's path without slashes at its end. */
static size_t folder_length(const char *folder)
{
    size_t n = strlen(folder);

    while (n > 1 && folder[n - 1] == '/')
        n--;
    return n;
}

/* root is "NAME=PATH". */
static void set_place(struct place *p, const char *root, const char *way)
{
    const char *eq = strchr(root, '=');

    snprintf(p->name, sizeof(p->name), "%.*s", (int)(eq - root), root);
    snprintf(p->way, sizeof(p->way), "%s", way);
    p->folder = eq + 1;
}

/* How much of an absolute path is the root's folder; -1: it is not below it. */
static int length_of_root(const char *text, const char *folder)
{
    size_t n = folder_length(folder);

    if (strncmp(text, folder, n) != 0)
        return -1;
    if (n == 1)
        n = 0; /* of / the slash begins the way */
    return text[n] == '/' || text[n] == '\0' ? (int)n : -1;
}

/* Of roots that are below each other the innermost is meant: a root that is / takes nothing from the others. */
static bool split_absolute(const struct config *c, const char *text, struct place *p)
{
    const char *root = NULL, *way;
    struct path rest;
    int n = -1;

    for (size_t i = 0; i < c->roots.n; i++) {
        const int length = length_of_root(text, strchr(c->roots.at[i], '=') + 1);

        if (length > n) {
            n = length;
            root = c->roots.at[i];
        }
    }
    if (!root)
        return false;
    way = text[n] ? text + n + 1 : "";
    /* What is below is read like any other way, so that dots in it lead nowhere. */
    if (*way && !path_parse(way, &rest))
        return false;
    set_place(p, root, *way ? rest.text : "");
    return true;
}

static bool split_named(const struct config *c, const char *text, struct place *p)
{
    struct path whole;
    size_t n;

    if (!path_parse(text, &whole))
        return false;
    n = strcspn(whole.text, "/");
    for (size_t i = 0; i < c->roots.n; i++) {
        if (strncmp(c->roots.at[i], whole.text, n) != 0 || c->roots.at[i][n] != '=')
            continue;
        set_place(p, c->roots.at[i], whole.text[n] ? whole.text + n + 1 : "");
        return true;
    }
    return false;
}

static int open_beneath(int root, const char *way)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };

    return (int)syscall(SYS_openat2, root, *way ? way : ".", &how, sizeof(how));
}

/* The path of an open file, as the kernel knows it. */
static bool name_of(int fd, char *out, size_t size)
{
    char link[64];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, out, size - 1);
    if (n <= 0 || (size_t)n >= size - 1)
        return false;
    out[n] = '\0';
    return true;
}

/* What of way is there; *rest is what is not, at most the last name. */
static int open_as_far(int root, char *way, const char **rest)
{
    int fd = open_beneath(root, way);
    char *slash;

    *rest = NULL;
    if (fd >= 0 || errno != ENOENT)
        return fd;
    slash = strrchr(way, '/');
    *rest = slash ? slash + 1 : way;
    if (slash)
        *slash = '\0';
    return open_beneath(root, slash ? way : "");
}

/* A link to nothing may be made to lead anywhere until it is used. */
static bool is_link(int folder, const char *name)
{
    struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_BENEATH };
    const int fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof(how));

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool resolve(struct place *p, struct path *out)
{
    char root_name[PATH_MAX_BYTES + 1], name[PATH_MAX_BYTES + 1], way[PATH_MAX_BYTES + 1];
    int root = open(p->folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
    const char *rest = NULL;
    size_t n;
    bool good = false;

    memcpy(way, p->way, sizeof(way));
    if (root >= 0)
        fd = open_as_far(root, way, &rest);
    if (fd >= 0 && name_of(root, root_name, sizeof(root_name)) && name_of(fd, name, sizeof(name)) && !(rest && is_link(fd, rest))) {
        n = folder_length(root_name);
        if (n == 1)
            n = 0; /* the root is / */
        good = strncmp(name, root_name, n) == 0 && (name[n] == '/' || name[n] == '\0') &&
               (size_t)snprintf(out->text, sizeof(out->text), "%s%s%s%s", p->name, strcmp(name + n, "/") == 0 ? "" : name + n,
                                rest ? "/" : "", rest ? rest : "") < sizeof(out->text);
    }
    if (fd >= 0)
        close(fd);
    if (root >= 0)
        close(root);
    return good;
}

bool paths_resolve(void *arg, const char *text, struct path *out)
{
    struct place place;

    return (*text == '/' ? split_absolute(arg, text, &place) : split_named(arg, text, &place)) && resolve(&place, out);
}
