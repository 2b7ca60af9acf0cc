/*
 * box_landlock.c - Landlock as a second wall behind the mount namespace: reading below the root, writing in the two folders
 * that are there for it, no TCP, no signals or abstract sockets out of the box.
 *
 * The kernel says which version it has, and each asks for what that one knows.  Debian's headers know less than newer kernels do,
 * so the numbers are written down here (from Linux's include/uapi/linux/landlock.h).
 */
#include "config.h"

#include "tools/box_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define VERSION_FLAG   1u
#define RULE_PATH      1
#define FS_EXECUTE     (1ULL << 0)
#define FS_WRITE_FILE  (1ULL << 1)
#define FS_READ_FILE   (1ULL << 2)
#define FS_READ_DIR    (1ULL << 3)
#define FS_MAKE_CHAR   (1ULL << 6)
#define FS_MAKE_BLOCK  (1ULL << 11)
#define FS_VERSION_1   ((1ULL << 13) - 1)
#define FS_REFER       (1ULL << 13) /* version 2 */
#define FS_TRUNCATE    (1ULL << 14) /* version 3 */
#define NET_TCP        3ULL         /* version 4: bind, connect */
#define FS_IOCTL_DEV   (1ULL << 15) /* version 5 */
#define SCOPE_ABSTRACT 1ULL         /* version 6 */
#define SCOPE_SIGNAL   2ULL

struct ruleset {
    uint64_t fs, net, scoped;
};

struct path_rule {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

static bool allow(int rules, const char *path, uint64_t rights)
{
    struct path_rule rule = { .allowed = rights, .parent_fd = open(path, O_PATH | O_CLOEXEC) };
    bool good;

    if (rule.parent_fd < 0)
        return errno == ENOENT; /* nothing there to be allowed */
    good = syscall(SYS_landlock_add_rule, rules, RULE_PATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return good;
}

static bool allow_all(int rules, const struct box_spec *spec, const struct box_state *state, uint64_t handled)
{
    static const char *const system[] = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache" };
    static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom" };
    const uint64_t look = FS_READ_FILE | FS_READ_DIR | FS_EXECUTE;
    const uint64_t all = handled & ~(FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV);
    bool good = true;

    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        good = good && allow(rules, devices[i], FS_READ_FILE | FS_WRITE_FILE | (handled & FS_TRUNCATE));
    if (state->parts[BOX_ROOT].in_force) {
        good = good && allow(rules, "/", look) && allow(rules, "/tmp", all);
        good = good && allow(rules, "/proc", look | FS_WRITE_FILE | (handled & FS_TRUNCATE));
        return good && (!spec->code || allow(rules, BOX_FOLDER, all));
    }
    /* Without a root of its own, only what it would have had. */
    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        good = good && allow(rules, system[i], i + 1 < sizeof system / sizeof *system ? look : FS_READ_FILE);
    for (size_t i = 0; i < spec->n_binds; i++)
        good = good && (allow(rules, spec->binds[i].source, look) || /* a file has no entries to read */
                        allow(rules, spec->binds[i].source, FS_READ_FILE | FS_EXECUTE));
    return good;
}

void box_landlock_apply(const struct box_spec *spec, struct box_state *state)
{
    struct ruleset set = { .fs = FS_VERSION_1 };
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);
    size_t size = sizeof set;
    int rules;

    if (version < 1) {
        box_lacks(state, BOX_LANDLOCK, "this kernel has no Landlock (%s): boot with landlock in lsm= (CONFIG_LSM)",
                  strerror(errno));
        return;
    }
    state->landlock_abi = (int)version;
    set.fs |= (version >= 2 ? FS_REFER : 0) | (version >= 3 ? FS_TRUNCATE : 0) | (version >= 5 ? FS_IOCTL_DEV : 0);
    set.net = version >= 4 && !spec->network ? NET_TCP : 0;
    set.scoped = version >= 6 ? SCOPE_ABSTRACT | SCOPE_SIGNAL : 0;
    if (version < 6)
        size = version < 4 ? sizeof set.fs : sizeof set.fs + sizeof set.net;
    rules = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
    if (rules >= 0 && allow_all(rules, spec, state, set.fs) && syscall(SYS_landlock_restrict_self, rules, 0) == 0)
        state->parts[BOX_LANDLOCK].in_force = true;
    else
        box_lacks(state, BOX_LANDLOCK, "Landlock version %ld cannot be used (%s)", version, strerror(errno));
    if (rules >= 0)
        close(rules);
}
