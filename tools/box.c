/* box.c - see box.h. */
#include "config.h"

#include "tools/box.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/box_parts.h"
#include "tools/plugin_file.h"

#define OPEN_FILES 256
#define TREE_FILE  (64ULL << 20) /* the largest file */

static const struct {
    const char *name;
    bool essential;
} parts[BOX_N_PARTS] = {
    [BOX_USER] = { "user", true },
    [BOX_PID] = { "pid", true },
    [BOX_MOUNT] = { "mount", true },
    [BOX_NET] = { "net", true },
    [BOX_IPC] = { "ipc", false },
    [BOX_UTS] = { "uts", false },
    [BOX_CGROUP_NS] = { "cgroup_namespace", false },
    [BOX_ROOT] = { "root", true },
    [BOX_PROC] = { "proc", false },
    [BOX_NO_NEW_PRIVS] = { "no_new_privs", true },
    [BOX_CAPABILITIES] = { "capabilities", true },
    [BOX_LANDLOCK] = { "landlock", false },
    [BOX_SECCOMP] = { "seccomp", true },
    [BOX_LIMITS] = { "limits", false },
    [BOX_CGROUP] = { "cgroup", false },
};

const char *box_part_name(enum box_part p)
{
    return parts[p].name;
}

bool box_is_essential(enum box_part p)
{
    return parts[p].essential;
}

bool box_is_wanted(const struct box *b, enum box_part p)
{
    return (p != BOX_CGROUP || b->spec->cgroup) && (p != BOX_NET || !b->spec->network);
}

enum box_part box_missing(const struct box *b, bool essential)
{
    int p;

    for (p = 0; p < BOX_N_PARTS; p++)
        if (!b->state->parts[p].in_force && box_is_wanted(b, (enum box_part)p) && (!essential || parts[p].essential))
            break;
    return (enum box_part)p;
}

bool box_lacks(struct box_state *state, enum box_part part, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(state->parts[part].why, sizeof state->parts[part].why, fmt, ap);
    va_end(ap);
    state->parts[part].in_force = false;
    return false;
}

void box_write_report(const struct box *b, struct jsonw *w)
{
    jsonw_text(w, "mode", b->privileged ? "root" : "user");
    jsonw_int(w, "landlock_abi", b->state->landlock_abi);
    jsonw_int(w, "cgroup_version", b->cgroup.version);
    jsonw_array(w, "parts");
    for (int p = 0; p < BOX_N_PARTS; p++) {
        const struct box_part_state *s = &b->state->parts[p];

        jsonw_object(w, NULL);
        jsonw_text(w, "name", parts[p].name);
        jsonw_text(w, "state", s->in_force ? "in_force" : "missing");
        jsonw_bool(w, "essential", parts[p].essential);
        jsonw_text(w, "why", s->in_force ? NULL : s->why);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_bool(w, "runs_code", box_missing(b, true) == BOX_N_PARTS);
    jsonw_bool(w, "complete", box_missing(b, false) == BOX_N_PARTS);
}

/* --- what is bound --------------------------------------------------------------------------------------------- */

static int add_bind(struct box_spec *spec, const char *source, const char *dest, struct err *err)
{
    struct box_bind *b = &spec->binds[spec->n_binds];

    if (spec->n_binds == BOX_MAX_BINDS)
        return fail(err, CORAX_E_LIMIT, "more than %d paths", BOX_MAX_BINDS);
    b->source = strdup(source);
    b->dest = strdup(dest);
    spec->n_binds++;
    return b->source && b->dest ? 0 : fail(err, CORAX_E_LIMIT, "out of memory");
}

static bool is_under(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* These are the box's own. */
static bool is_reserved(const char *dest)
{
    return strcmp(dest, "/") == 0 || is_under(dest, "/proc") || is_under(dest, "/dev") || is_under(dest, "/sys") ||
           is_under(dest, BOX_FOLDER);
}

int box_spec_bind(struct box_spec *spec, const char *source, const char *dest, bool owned, struct err *err)
{
    char *real;
    int rc = 0;

    if (owned && plugin_file_check(source, err) != 0)
        return -1;
    real = realpath(source, NULL);
    if (real == NULL)
        return fail_sys(err, errno == ENOENT ? CORAX_E_NOTFOUND : CORAX_E_IO, "%s", source);
    if (is_reserved(real) || (dest && is_reserved(dest)))
        rc = fail(err, CORAX_E_ARGS, "%s: cannot be shown in a box, which has its own %s", source, dest ? dest : real);
    else if (dest)
        rc = add_bind(spec, real, dest, err);
    else if (!is_under(real, "/usr"))
        rc = add_bind(spec, real, real, err);
    /* The name that was given should work as well. */
    if (rc == 0 && dest == NULL && source[0] == '/' && strcmp(source, real) != 0 && !is_under(source, "/usr") &&
        !is_under(source, "/lib") && !is_under(source, "/lib64") && !is_under(source, "/bin") &&
        !is_under(source, "/sbin") && !is_reserved(source))
        rc = add_bind(spec, real, source, err);
    free(real);
    return rc;
}

void box_spec_finish(struct box_spec *spec)
{
    for (size_t i = 0; i < spec->n_binds; i++) {
        free(spec->binds[i].source);
        free(spec->binds[i].dest);
    }
    spec->n_binds = 0;
}

/* --- the parts that are one call or two ------------------------------------------------------------------------ */

static const char hint_user[] = "allow user namespaces (kernel.unprivileged_userns_clone, user.max_user_namespaces, "
                                "kernel.apparmor_restrict_unprivileged_userns), or start it as root";

static bool write_text(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CLOEXEC), saved;
    bool good;

    if (fd < 0)
        return false;
    good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    saved = errno;
    close(fd);
    errno = saved;
    return good;
}

/* From inside a fresh user namespace: the one user there is.  proc is /proc/self of the old root. */
static bool map_user(int proc, uid_t uid, gid_t gid)
{
    char map[64];

    if (!write_text(proc, "setgroups", "deny") && errno != ENOENT)
        return false;
    snprintf(map, sizeof map, "%d %u 1", BOX_INNER_ID, (unsigned)uid);
    if (!write_text(proc, "uid_map", map))
        return false;
    snprintf(map, sizeof map, "%d %u 1", BOX_INNER_ID, (unsigned)gid);
    return write_text(proc, "gid_map", map);
}

static void separate(struct box_state *state, enum box_part part, int flag)
{
    if (unshare(flag) == 0)
        state->parts[part].in_force = true;
    else if (state->parts[BOX_USER].why[0])
        box_lacks(state, part, "there is no user namespace to make it in");
    else
        box_lacks(state, part, "the kernel refuses it (%s)", strerror(errno));
}

static void drop_to(struct box *b, int proc)
{
    struct box_state *state = b->state;
    uid_t uid = b->spec->uid;
    gid_t gid = (gid_t)uid;

    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0) {
        box_lacks(state, BOX_USER, "root cannot become user %u (%s): give it CAP_SETUID and CAP_SETGID", (unsigned)uid,
                  strerror(errno));
        return;
    }
    if (unshare(CLONE_NEWUSER) != 0) {
        box_lacks(state, BOX_USER, "the kernel refuses a user namespace (%s): %s", strerror(errno),
                  "raise user.max_user_namespaces");
        return;
    }
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* or its map belongs to root */
    if (map_user(proc, uid, gid))
        state->parts[BOX_USER].in_force = true;
    else
        box_lacks(state, BOX_USER, "the user cannot be mapped (%s)", strerror(errno));
}

static void drop_capabilities(struct box_state *state)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
    struct __user_cap_data_struct none[2] = { { 0 } };

    /* Needs CAP_SETPCAP, which a user without a namespace has not, nor anything that could be regained. */
    prctl(PR_SET_SECUREBITS,
          SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
              SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
          0, 0, 0);
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, none) == 0)
        state->parts[BOX_CAPABILITIES].in_force = true;
    else
        box_lacks(state, BOX_CAPABILITIES, "capabilities cannot be dropped (%s)", strerror(errno));
}

/* Before Linux 5.14 RLIMIT_NPROC counts what the user runs anywhere, so any useful number would be too small. */
static bool counts_by_namespace(void)
{
    struct utsname u;
    int major = 0, minor = 0;

    return uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 14));
}

static bool limit(int resource, uint64_t value)
{
    struct rlimit old, new = { .rlim_cur = value, .rlim_max = value };

    if (getrlimit(resource, &old) == 0 && old.rlim_max < value)
        new.rlim_cur = new.rlim_max = old.rlim_max; /* stricter already */
    return setrlimit(resource, &new) == 0;
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

/* Root of a user namespace that knows few users cannot become just any of them. */
static bool is_mapped(uid_t uid)
{
    unsigned inner, outer, n;
    bool found = false;
    FILE *f = fopen("/proc/self/uid_map", "re");

    while (f && !found && fscanf(f, "%u %u %u", &inner, &outer, &n) == 3)
        found = uid >= inner && uid - inner < n;
    if (f)
        fclose(f);
    return found;
}

static bool may_mount(uid_t uid)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
    struct __user_cap_data_struct have[2] = { { 0 } };
    const unsigned need = 1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID;

    return geteuid() == 0 && syscall(SYS_capget, &head, have) == 0 && (have[0].effective & need) == need &&
           is_mapped(uid);
}

/* The parent may have died before that: then nobody holds the other end of the pipe. */
static void die_with_parent(int lifeline)
{
    struct pollfd p = { .fd = lifeline };

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (poll(&p, 1, 0) != 0)
        _exit(1);
}

static void build(struct box *b, int lifeline, uid_t uid, gid_t gid)
{
    struct box_state *state = b->state;
    int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    die_with_parent(lifeline);
    if (b->cgroup.version != 0 && !box_cgroup_join(&b->cgroup)) {
        box_lacks(state, BOX_CGROUP, "the cgroup cannot be entered (%s)", strerror(errno));
        b->cgroup.version = 0;
    }
    write_text(proc, "oom_score_adj", "-900"); /* the program goes first; only root may */
    if (state->parts[BOX_USER].in_force && !map_user(proc, uid, gid))
        box_lacks(state, BOX_USER, "the user cannot be mapped (%s): mount /proc", strerror(errno));
    separate(state, BOX_MOUNT, CLONE_NEWNS);
    if (b->spec->network)
        box_lacks(state, BOX_NET, "the network was asked for");
    else
        separate(state, BOX_NET, CLONE_NEWNET);
    separate(state, BOX_IPC, CLONE_NEWIPC);
    separate(state, BOX_UTS, CLONE_NEWUTS);
    separate(state, BOX_CGROUP_NS, CLONE_NEWCGROUP);
    if (state->parts[BOX_UTS].in_force && sethostname("box", 3) != 0)
        box_lacks(state, BOX_UTS, "the host's name cannot be hidden (%s)", strerror(errno));
    if (!state->parts[BOX_MOUNT].in_force) {
        box_lacks(state, BOX_ROOT, "there is no mount namespace to build it in");
        box_lacks(state, BOX_PROC, "there is no root of its own to show it in");
    } else if (b->privileged) {
        box_root_build(b->spec, state, b->spec->uid, (gid_t)b->spec->uid);
    } else {
        box_root_build(b->spec, state, geteuid(), getegid());
    }
    if (b->privileged)
        drop_to(b, proc);
    close(proc);
    drop_capabilities(state);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        state->parts[BOX_NO_NEW_PRIVS].in_force = true;
    else
        box_lacks(state, BOX_NO_NEW_PRIVS, "the kernel refuses no_new_privs (%s)", strerror(errno));
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* so that the program cannot look into init */
    die_with_parent(lifeline);          /* again: a change of user forgets it */
    close(lifeline);
    box_landlock_apply(b->spec, state);
    if (b->spec->filter)
        box_filter_apply(b->spec, state);
    else
        box_lacks(state, BOX_SECCOMP, "left out, since this corax is built with sanitizers");
    if (!state->parts[BOX_USER].in_force)
        box_lacks(state, BOX_LIMITS, "the number of processes is not limited without a user namespace");
    else if (!counts_by_namespace())
        box_lacks(state, BOX_LIMITS,
                  "this kernel cannot limit the number of processes of a box: use Linux 5.14 or later");
    else
        state->parts[BOX_LIMITS].in_force = true;
}

static pid_t fork_into(struct box *b)
{
    struct box_state *state = b->state;
    unsigned long flags = CLONE_NEWPID | (b->privileged ? 0 : CLONE_NEWUSER);
    pid_t pid;
    int error;

    state->parts[BOX_PID].in_force = true;
    state->parts[BOX_USER].in_force = !b->privileged;
    pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid >= 0)
        return pid;
    error = errno;
    state->parts[BOX_USER].in_force = false;
    if (b->privileged) {
        box_lacks(state, BOX_PID, "the kernel refuses it (%s)", strerror(error));
    } else {
        box_lacks(state, BOX_PID, "there is no user namespace to make it in");
        box_lacks(state, BOX_USER, "the kernel refuses user namespaces (%s): %s", strerror(error), hint_user);
    }
    return (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0, 0, 0, 0);
}

int box_fork(struct box *b, const struct box_spec *spec, struct err *err)
{
    int lifeline[2];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    sigset_t all;

    *b = (struct box){ .spec = spec, .privileged = may_mount(spec->uid) };
    b->state = mmap(NULL, sizeof *b->state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b->state == MAP_FAILED)
        return fail_sys(err, CORAX_E_UNAVAIL, "memory for the box");
    /* Root that may not mount is no more than a user, and should be one: RLIMIT_NPROC does not hold root. */
    if (uid == 0 && !b->privileged && is_mapped(spec->uid) && setgroups(0, NULL) == 0 &&
        setresgid(spec->uid, spec->uid, spec->uid) == 0 && setresuid(spec->uid, spec->uid, spec->uid) == 0) {
        uid = gid = spec->uid;
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    }
    if (spec->cgroup)
        box_cgroup_create(&b->cgroup, b->state);
    else
        box_lacks(b->state, BOX_CGROUP, "not asked for");
    if (pipe2(lifeline, O_CLOEXEC) != 0)
        return fail_sys(err, CORAX_E_UNAVAIL, "a pipe for the box");
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL); /* init takes signals when it is ready to, and so does corax-box */
    b->pid = fork_into(b);
    if (b->pid < 0) {
        fail_sys(err, CORAX_E_UNAVAIL, "a process for the box");
        close(lifeline[0]);
        close(lifeline[1]);
        box_cgroup_destroy(&b->cgroup);
        return -1;
    }
    if (b->pid == 0) {
        close(lifeline[1]);
        build(b, lifeline[0], uid, gid);
        return 0;
    }
    close(lifeline[0]); /* the other end stays open as long as this process lives */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return 1;
}

void box_finish(struct box *b)
{
    box_cgroup_destroy(&b->cgroup);
    munmap(b->state, sizeof *b->state);
    b->state = NULL;
}

void box_kill_all(void)
{
    struct timespec ms = { .tv_nsec = 1000000 };

    if (getpid() != 1)
        return; /* without a pid namespace "all" would be the user's whole session */
    for (;;) {
        pid_t pid;

        kill(-1, SIGKILL);
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            continue;
        if (pid < 0 && errno == ECHILD)
            return;
        nanosleep(&ms, NULL);
    }
}

static void set_environment(const struct box *b, char *envp[BOX_MAX_ENV + 6], char tz[128])
{
    static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", lang[] = "LANG=C.UTF-8", home[] = "HOME=" BOX_FOLDER,
                tmp_home[] = "HOME=/tmp";
    const char *zone = getenv("TZ");
    size_t n = 0;

    for (; n < b->spec->n_env; n++)
        envp[n] = (char *)b->spec->env[n];
    envp[n++] = path;
    envp[n++] = lang;
    envp[n++] = b->spec->code ? home : tmp_home;
    if (zone && strlen(zone) < 100 && zone[0] != ':' && zone[0] != '/') {
        snprintf(tz, 128, "TZ=%s", zone);
        envp[n++] = tz;
    }
    envp[n] = NULL;
}

void box_become(const struct box *b, const char *path, char *const argv[], const struct box_limits *l)
{
    char *envp[BOX_MAX_ENV + 6], tz[128];
    sigset_t none;
    int adj = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (adj >= 0) {
        ssize_t n = write(adj, "500", 3); /* raising it is allowed, and where /proc is read-only it does not matter */

        (void)n;
        close(adj);
    }
    set_environment(b, envp, tz);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    setsid();
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_MSGQUEUE, 0);
    limit(RLIMIT_RTPRIO, 0);
    limit(RLIMIT_NICE, 0);
    limit(RLIMIT_NOFILE, OPEN_FILES);
    if (b->spec->code)
        limit(RLIMIT_FSIZE, TREE_FILE);
    if (l->memory_bytes > 0 && b->cgroup.version == 0)
        limit(RLIMIT_AS, (uint64_t)l->memory_bytes);
    if (l->cpu_ms > 0)
        limit(RLIMIT_CPU, (uint64_t)l->cpu_ms / 1000 + 2); /* init looks closer; this is for when it cannot */
    if (l->processes > 0 && b->state->parts[BOX_LIMITS].in_force)
        limit(RLIMIT_NPROC, (uint64_t)l->processes + 1); /* init is counted too */
    syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(path, argv, envp);
}
