/* folder.c - see folder.h. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct names {
    char **name;
    size_t n, cap;
};

static void free_names(struct names *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->name[i]);
    free(v->name);
}

static bool add_name(struct names *v, const char *name)
{
    if (v->n == v->cap) {
        size_t cap = v->cap ? 2 * v->cap : 64;
        char **more = realloc(v->name, cap * sizeof *more);

        if (more == NULL)
            return false;
        v->name = more;
        v->cap = cap;
    }
    v->name[v->n] = strdup(name);
    if (v->name[v->n] == NULL)
        return false;
    v->n++;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that where a limit cuts off the rest, it is the same rest each time. */
static void read_names(struct folder_walk *w, DIR *dir, struct names *out)
{
    const struct dirent *e;

    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        if (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN && !w->wanted(w->arg, e->d_name))
            continue;
        if (++w->n_names > FOLDER_MAX_NAMES || !add_name(out, e->d_name)) {
            w->too_many = true;
            break;
        }
    }
    if (out->n > 0)
        qsort(out->name, out->n, sizeof *out->name, compare_names);
}

static bool walk(struct folder_walk *w, int fd, char *path, size_t path_len, int depth);

static bool enter(struct folder_walk *w, int dir_fd, const char *name, char *path, size_t path_len, int depth)
{
    int fd;

    if (depth >= FOLDER_MAX_DEPTH) {
        w->too_deep = true;
        return true;
    }
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 || walk(w, fd, path, path_len, depth);
}

static bool look_at(struct folder_walk *w, int dir_fd, const char *name, char *path, size_t path_len, int depth)
{
    size_t len = strlen(name);
    struct stat st;

    if (path_len + 1 + len >= FOLDER_MAX_PATH) {
        w->too_deep = true;
        return true;
    }
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return true;
    path[path_len] = '/';
    memcpy(path + path_len + 1, name, len + 1);
    if (S_ISDIR(st.st_mode))
        return enter(w, dir_fd, name, path, path_len + 1 + len, depth + 1);
    if (!S_ISREG(st.st_mode) || !w->wanted(w->arg, name))
        return true;
    return w->visit(w->arg, &(struct folder_entry){ dir_fd, name, path, &st });
}

/* Takes fd. */
static bool walk(struct folder_walk *w, int fd, char *path, size_t path_len, int depth)
{
    struct names names = { 0 };
    DIR *dir = fdopendir(fd);
    bool go_on = true;

    if (dir == NULL) {
        close(fd);
        return true;
    }
    read_names(w, dir, &names);
    for (size_t i = 0; i < names.n && go_on; i++) {
        go_on = look_at(w, fd, names.name[i], path, path_len, depth);
        path[path_len] = '\0';
    }
    free_names(&names);
    closedir(dir);
    return go_on;
}

bool folder_walk(struct folder_walk *w, const char *root_name, const char *root_path)
{
    char *path = malloc(FOLDER_MAX_PATH);
    size_t len = strlen(root_name);
    int fd;
    bool go_on = true;

    /* The operator wrote this path: it may be a link. */
    fd = path && len < FOLDER_MAX_PATH ? open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd >= 0) {
        memcpy(path, root_name, len + 1);
        go_on = walk(w, fd, path, len, 0);
    }
    free(path);
    return go_on;
}

long folder_read(const struct folder_entry *e, char *out, size_t size)
{
    int fd = openat(e->dir_fd, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), saved;
    struct stat st;
    size_t at = 0;
    ssize_t n = 1;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    while (at < size && n != 0) {
        n = read(fd, out + at, size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        at += (size_t)n;
    }
    saved = errno;
    close(fd);
    errno = saved;
    return n < 0 ? -1 : (long)at;
}
