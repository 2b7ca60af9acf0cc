/*
 * box_cgroup.c - a control group that bounds the memory and the processes of a whole box, where one can be made.
 *
 * Version 1: the controllers memory and pids, each in a folder of its own, below the group that corax-box runs in.  Version 2: below
 * that group when its controllers are handed on, else beside it, which is where systemd lets a user's services make one.
 *
 * Everything is opened outside and used inside through descriptors, since a box sees no cgroup file system.  A group that was left behind,
 * because corax-box was killed, is taken away by the next one.
 */
#include "config.h"

#include "tools/box_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX    "corax-box."
#define PIDS_MORE 8 /* init, and the moment between a fork and its end */

static ssize_t read_file(int dir, const char *name, char *out, size_t size)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    n = read(fd, out, size - 1);
    close(fd);
    out[n < 0 ? 0 : n] = '\0';
    return n;
}

/* The path of this process's group: "0" is version 2, else a controller's name. */
static bool own_group(const char *controller, char *out, size_t size)
{
    char text[8192], *save = NULL;

    if (read_file(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) <= 0)
        return false;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL, *inner = NULL;

        if (path == NULL)
            continue;
        *names++ = *path++ = '\0';
        if (strcmp(controller, "0") == 0 && strcmp(line, "0") == 0) {
            snprintf(out, size, "%s", path);
            return true;
        }
        for (char *name = strtok_r(names, ",", &inner); name; name = strtok_r(NULL, ",", &inner))
            if (strcmp(name, controller) == 0) {
                snprintf(out, size, "%s", path);
                return true;
            }
    }
    return false;
}

/* Groups of boxes that are gone. */
static void sweep(const char *parent)
{
    DIR *dir = opendir(parent);
    struct dirent *e;

    while (dir && (e = readdir(dir)) != NULL) {
        long pid;

        if (strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) != 0)
            continue;
        pid = strtol(e->d_name + sizeof PREFIX - 1, NULL, 10);
        if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH)
            unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
    }
    if (dir)
        closedir(dir);
}

static bool make(const char *parent, char *out, size_t size)
{
    sweep(parent);
    snprintf(out, size, "%s/" PREFIX "%d", parent, (int)getpid());
    if (mkdir(out, 0755) == 0 || errno == EEXIST)
        return true;
    out[0] = '\0';
    return false;
}

static int open_in(const char *dir, const char *name, int flags)
{
    char path[600];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return open(path, flags | O_CLOEXEC);
}

/* Where /sys/fs/cgroup shows only a part of the tree, as in a container, its root is this group. */
static void find_parent(const char *mount, const char *controller, char *out, size_t size)
{
    char group[400];

    snprintf(out, size, "%s", mount);
    if (own_group(controller, group, sizeof group) && strcmp(group, "/") != 0) {
        snprintf(out, size, "%s%s", mount, group);
        if (access(out, F_OK) != 0)
            snprintf(out, size, "%s", mount);
    }
}

static bool create_v1(struct box_cgroup *c)
{
    static const char *const mounts[2] = { "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids" };
    static const char *const names[2] = { "memory", "pids" };
    char parent[440];

    for (int i = 0; i < 2; i++) {
        find_parent(mounts[i], names[i], parent, sizeof parent);
        if (!make(parent, c->dirs[i], sizeof c->dirs[i]))
            return false;
        c->procs[i] = open_in(c->dirs[i], "cgroup.procs", O_WRONLY);
        if (c->procs[i] < 0)
            return false;
    }
    c->memory_limit = open_in(c->dirs[0], "memory.limit_in_bytes", O_WRONLY);
    c->swap_limit = open_in(c->dirs[0], "memory.memsw.limit_in_bytes", O_WRONLY);
    c->memory_events = open_in(c->dirs[0], "memory.oom_control", O_RDONLY);
    c->memory_peak = open_in(c->dirs[0], "memory.max_usage_in_bytes", O_RDONLY);
    c->pids_limit = open_in(c->dirs[1], "pids.max", O_WRONLY);
    return c->memory_limit >= 0 && c->memory_events >= 0 && c->pids_limit >= 0;
}

static bool hands_on(const char *dir)
{
    char text[400];
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good;

    if (fd < 0)
        return false;
    good = read_file(fd, "cgroup.subtree_control", text, sizeof text) > 0 && strstr(text, "memory") &&
           strstr(text, "pids");
    close(fd);
    return good;
}

static bool create_v2(struct box_cgroup *c, const char *mount)
{
    char parent[440], *slash;

    find_parent(mount, "0", parent, sizeof parent);
    slash = strrchr(parent, '/');
    if (!hands_on(parent) && strlen(parent) > strlen(mount))
        *slash = '\0';
    if (!hands_on(parent)) {
        errno = ENOTSUP;
        return false;
    }
    if (!make(parent, c->dirs[0], sizeof c->dirs[0]))
        return false;
    c->procs[0] = open_in(c->dirs[0], "cgroup.procs", O_WRONLY);
    c->memory_limit = open_in(c->dirs[0], "memory.max", O_WRONLY);
    c->swap_limit = open_in(c->dirs[0], "memory.swap.max", O_WRONLY);
    c->memory_events = open_in(c->dirs[0], "memory.events", O_RDONLY);
    c->memory_peak = open_in(c->dirs[0], "memory.peak", O_RDONLY);
    c->pids_limit = open_in(c->dirs[0], "pids.max", O_WRONLY);
    return c->procs[0] >= 0 && c->memory_limit >= 0 && c->memory_events >= 0 && c->pids_limit >= 0;
}

static void close_all(struct box_cgroup *c)
{
    int fds[] = { c->procs[0],   c->procs[1],      c->memory_limit, c->swap_limit,
                  c->pids_limit, c->memory_events, c->memory_peak };

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (int i = 0; i < 2; i++)
        if (c->dirs[i][0])
            rmdir(c->dirs[i]);
    *c = (struct box_cgroup){ .procs = { -1, -1 },
                              .memory_limit = -1,
                              .swap_limit = -1,
                              .pids_limit = -1,
                              .memory_events = -1,
                              .memory_peak = -1 };
}

void box_cgroup_create(struct box_cgroup *c, struct box_state *state)
{
    int error;

    *c = (struct box_cgroup){ .procs = { -1, -1 } };
    c->memory_limit = c->swap_limit = c->pids_limit = c->memory_events = c->memory_peak = -1;
    if (create_v2(c, "/sys/fs/cgroup")) {
        c->version = 2;
    } else {
        close_all(c);
        if (create_v1(c))
            c->version = 1;
    }
    if (c->version != 0) {
        state->parts[BOX_CGROUP].in_force = true;
        return;
    }
    error = errno;
    close_all(c);
    box_lacks(state, BOX_CGROUP,
              "no control group for memory and processes can be made (%s): limits hold for each process only; run "
              "coraxd under "
              "systemd with Delegate=yes, or as root",
              strerror(error));
}

void box_cgroup_destroy(struct box_cgroup *c)
{
    if (c->version != 0)
        close_all(c);
}

bool box_cgroup_join(const struct box_cgroup *c)
{
    for (int i = 0; i < 2; i++)
        if (c->procs[i] >= 0 && write(c->procs[i], "0", 1) != 1)
            return false;
    return true;
}

static int write_number(int fd, int64_t n)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);

    return fd < 0 || pwrite(fd, text, (size_t)len, 0) == len ? 0 : errno;
}

int box_cgroup_limit(const struct box_cgroup *c, int64_t memory_bytes, int64_t processes)
{
    int error = write_number(c->memory_limit, memory_bytes);

    if (error == 0) /* version 1 counts memory and swap together, version 2 swap alone; neither may be there */
        error = write_number(c->swap_limit, c->version == 1 ? memory_bytes : 0);
    return error ? error : write_number(c->pids_limit, processes + PIDS_MORE);
}

int64_t box_cgroup_oom_kills(const struct box_cgroup *c)
{
    char text[1024];
    const char *at;
    ssize_t n = pread(c->memory_events, text, sizeof text - 1, 0);

    text[n < 0 ? 0 : n] = '\0';
    at = strstr(text, "oom_kill ");
    return at ? strtoll(at + 9, NULL, 10) : 0;
}

int64_t box_cgroup_peak(const struct box_cgroup *c)
{
    char text[64];
    ssize_t n = c->memory_peak < 0 ? -1 : pread(c->memory_peak, text, sizeof text - 1, 0);

    text[n < 0 ? 0 : n] = '\0';
    return strtoll(text, NULL, 10);
}
