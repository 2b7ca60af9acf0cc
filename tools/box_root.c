/*
 * box_root.c - the root that a box sees: a small tmpfs with the system's programs and libraries bound into it, read-only.
 *
 * The new root is mounted over /tmp only until pivot_root has swapped the two; then the old one hangs under /old, whole,
 * while what is wanted of it is bound, and goes.  Paths that are bound have no symbolic links left (box_spec_bind), since
 * a link would be followed in the new root.
 *
 * Nothing is set-user-id or a device, but four harmless devices: without them half of all programs do not start.
 */
#include "config.h"

#include "tools/box_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OLD        "/old"
#define HOST_TMP   (1u << 20) /* bytes: libraries that insist on a scratch file get one */
#define TREE_FILES 4096

/* The first failure, with what it was about. */
struct trouble {
    int error;
    char what[100];
};

static bool give_up(struct trouble *t, const char *what)
{
    if (t->error == 0) {
        t->error = errno;
        snprintf(t->what, sizeof t->what, "%s", what);
    }
    return false;
}

static bool set_flags(const char *path, uint64_t flags, unsigned at_flags)
{
    struct mount_attr attr = { .attr_set = flags };

    return syscall(SYS_mount_setattr, AT_FDCWD, path, at_flags, &attr, sizeof attr) == 0;
}

/* The folders above it, then a folder or an empty file. */
static bool make_point(const char *path, bool folder)
{
    char part[4096];
    size_t n = strlen(path);
    int fd;

    if (n >= sizeof part)
        return false;
    memcpy(part, path, n + 1);
    for (char *p = part + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            if (mkdir(part, 0755) != 0 && errno != EEXIST)
                return false;
            *p = '/';
        }
    if (folder)
        return mkdir(path, 0755) == 0 || errno == EEXIST;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    return fd >= 0 && close(fd) == 0;
}

static bool bind_path(const char *source, const char *dest, uint64_t flags)
{
    char from[4096 + sizeof OLD];
    struct stat st;

    snprintf(from, sizeof from, OLD "%s", source);
    return lstat(from, &st) == 0 && make_point(dest, S_ISDIR(st.st_mode)) &&
           mount(from, dest, NULL, MS_BIND | MS_REC, NULL) == 0 && set_flags(dest, flags, AT_RECURSIVE);
}

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static bool exists(const char *source, struct stat *st)
{
    char from[4096];

    snprintf(from, sizeof from, OLD "%s", source);
    return lstat(from, st) == 0;
}

/* A link stays a link, whatever it points to inside. */
static bool copy_link(const char *path)
{
    char from[4096], target[4096];
    ssize_t n;

    snprintf(from, sizeof from, OLD "%s", path);
    n = readlink(from, target, sizeof target - 1);
    if (n < 0)
        return false;
    target[n] = '\0';
    return symlink(target, path) == 0;
}

static bool show(struct trouble *t, const char *path)
{
    struct stat st;

    if (!exists(path, &st))
        return true;
    if (S_ISLNK(st.st_mode) ? copy_link(path) : bind_path(path, path, READ_ONLY))
        return true;
    return give_up(t, path);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return good;
}

/* What the dynamic loader, the C library and Python read. */
static bool build_etc(struct trouble *t)
{
    static const char *const wanted[] = { "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
                                          "/etc/localtime",   "/etc/timezone",   "/etc/alternatives" };
    struct dirent *e;
    DIR *dir;

    if (mkdir("/etc", 0755) != 0)
        return give_up(t, "/etc");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!show(t, wanted[i]))
            return false;
    dir = opendir(OLD "/etc");
    while (dir && (e = readdir(dir)) != NULL) {
        char path[300];

        snprintf(path, sizeof path, "/etc/%s", e->d_name);
        if (strncmp(e->d_name, "python3", 7) == 0 && !show(t, path))
            break;
    }
    if (dir)
        closedir(dir);
    if (!write_file("/etc/passwd",
                    "box:x:1000:1000::/tmp:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n") ||
        !write_file("/etc/group", "box:x:1000:\nnogroup:x:65534:\n"))
        give_up(t, "/etc");
    return t->error == 0;
}

static bool build_dev(struct trouble *t)
{
    static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom" };
    static const char *const links[][2] = { { "/proc/self/fd", "/dev/fd" },
                                            { "/proc/self/fd/0", "/dev/stdin" },
                                            { "/proc/self/fd/1", "/dev/stdout" },
                                            { "/proc/self/fd/2", "/dev/stderr" },
                                            { "/tmp", "/dev/shm" } };

    if (mkdir("/dev", 0755) != 0)
        return give_up(t, "/dev");
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (!bind_path(devices[i], devices[i], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC))
            return give_up(t, devices[i]);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlink(links[i][0], links[i][1]) != 0)
            return give_up(t, links[i][1]);
    return true;
}

static bool add_tree(struct trouble *t, const char *path, uint64_t bytes, unsigned long flags, uid_t uid, gid_t gid)
{
    char options[160];

    snprintf(options, sizeof options, "size=%llu,nr_inodes=%d,mode=0700,uid=%u,gid=%u", (unsigned long long)bytes,
             TREE_FILES, (unsigned)uid, (unsigned)gid);
    if ((mkdir(path, 0755) == 0 || errno == EEXIST) &&
        mount("box", path, "tmpfs", MS_NOSUID | MS_NODEV | flags, options) == 0)
        return true;
    return give_up(t, path);
}

/* Without it much still works.  subset=pid leaves out the kernel's own files, which are many and not all harmless. */
static void build_proc(struct box_state *state)
{
    if (!state->parts[BOX_PID].in_force) {
        box_lacks(state, BOX_PROC,
                  "the host's processes are hidden by not showing /proc at all, since there is no pid namespace");
        return;
    }
    if (mkdir("/proc", 0555) != 0 ||
        (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid") != 0 &&
         (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0 ||
          !set_flags("/proc", MOUNT_ATTR_RDONLY, 0))))
        box_lacks(state, BOX_PROC,
                  "the kernel refuses a /proc of its own (%s): a container that hides parts of /proc has this effect",
                  strerror(errno));
    else
        state->parts[BOX_PROC].in_force = true;
}

static bool swap_roots(struct trouble *t)
{
    static const char *const bases[] = { "/tmp",
                                         "/usr" }; /* any folder that is there; it is covered for a moment only */
    const char *base = access(bases[0], F_OK) == 0 ? bases[0] : bases[1];

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return give_up(t, "making mounts private");
    if (mount("box", base, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755") != 0)
        return give_up(t, "a tmpfs");
    if (chdir(base) != 0 || mkdir("old", 0755) != 0 || syscall(SYS_pivot_root, ".", "old") != 0 || chdir("/") != 0)
        return give_up(t, "pivot_root");
    return true;
}

static bool fill(struct trouble *t, const struct box_spec *spec, struct box_state *state, uid_t uid, gid_t gid)
{
    static const char *const system[] = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };

    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        if (!show(t, system[i]))
            return false;
    if (!build_etc(t) || !build_dev(t) ||
        !add_tree(t, "/tmp", spec->code || spec->scratch ? BOX_TREE_BYTES : HOST_TMP, spec->code ? 0 : MS_NOEXEC, uid, gid) ||
        (spec->code && !add_tree(t, BOX_FOLDER, BOX_TREE_BYTES, 0, uid, gid)))
        return false;
    build_proc(state);
    for (size_t i = 0; i < spec->n_binds; i++)
        if (!bind_path(spec->binds[i].source, spec->binds[i].dest, READ_ONLY))
            return give_up(t, spec->binds[i].source);
    return true;
}

void box_root_build(const struct box_spec *spec, struct box_state *state, uid_t uid, gid_t gid)
{
    struct trouble t = { 0 };
    mode_t mask = umask(022);

    if (swap_roots(&t)) {
        fill(&t, spec, state, uid, gid);
        /* Also where that failed: half of a box shows less than the machine, never more. */
        if (umount2(OLD, MNT_DETACH) != 0 || rmdir(OLD) != 0)
            give_up(&t, "letting go of the old root");
        else if (!set_flags("/", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0))
            give_up(&t, "making the root read-only");
    }
    umask(mask);
    if (t.error == 0) {
        state->parts[BOX_ROOT].in_force = true;
    } else {
        box_lacks(state, BOX_ROOT, "no root of its own: %s (%s)%s", t.what, strerror(t.error),
                  t.error == ENOSYS ? ": use Linux 5.12 or later" : "");
        if (!state->parts[BOX_PROC].in_force && state->parts[BOX_PROC].why[0] == '\0')
            box_lacks(state, BOX_PROC, "there is no root of its own to show it in");
    }
}
