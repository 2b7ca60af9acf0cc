/*
 * box_filter.c - the system calls of a box: what programs, interpreters and their threads need, and no more.
 *
 * Processes and threads, files and pipes, time and memory are there.  Not there, since nothing in a box needs them and they are where kernels
 * break: sockets (but a pair, which reaches nobody), other processes' memory, mounts, namespaces, keys, BPF, io_uring,
 * userfaultfd, perf, and memory that no limit counts (memfd, System V).  Whatever is not listed fails with EPERM, for the
 * reasons in confine.c.  The order of the list does not cost: the kernel keeps a bitmap of what is allowed whatever the arguments.
 */
#include "config.h"

#include "tools/box_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

#define NAMESPACE_FLAGS \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const char *const allowed_calls[] = {
    /* files */
    "open",
    "openat",
    "openat2",
    "creat",
    "close",
    "close_range",
    "read",
    "readv",
    "pread64",
    "preadv",
    "preadv2",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "lseek",
    "_llseek",
    "ftruncate",
    "ftruncate64",
    "truncate",
    "truncate64",
    "fallocate",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "fadvise64",
    "readahead",
    "copy_file_range",
    "sendfile",
    "sendfile64",
    "stat",
    "stat64",
    "lstat",
    "lstat64",
    "fstat",
    "fstat64",
    "newfstatat",
    "fstatat64",
    "statx",
    "statfs",
    "statfs64",
    "fstatfs",
    "fstatfs64",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getcwd",
    "chdir",
    "fchdir",
    "getdents",
    "getdents64",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "chmod",
    "fchmod",
    "fchmodat",
    "umask",
    "utime",
    "utimes",
    "utimensat",
    "futimesat",
    "flock",
    "fcntl",
    "fcntl64",
    "dup",
    "dup2",
    "dup3",
    "pipe",
    "pipe2",
    "getxattr",
    "lgetxattr",
    "fgetxattr",
    "listxattr",
    "llistxattr",
    "flistxattr",
    /* waiting */
    "poll",
    "ppoll",
    "select",
    "_newselect",
    "pselect6",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd",
    "eventfd2",
    "signalfd",
    "signalfd4",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    /* through descriptors that are there, or a pair made here */
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "shutdown",
    "getsockname",
    "getpeername",
    "getsockopt",
    /* memory */
    "brk",
    "mmap",
    "mmap2",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "membarrier",
    "mincore",
    "msync",
    "mlock",
    "munlock",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    "get_mempolicy",
    /* processes and threads */
    "fork",
    "vfork",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "wait4",
    "waitpid",
    "waitid",
    "pidfd_open",
    "pidfd_send_signal",
    "futex",
    "futex_waitv",
    "set_robust_list",
    "get_robust_list",
    "set_tid_address",
    "rseq",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_rr_get_interval",
    "getpriority",
    "setpriority",
    "getcpu",
    "gettid",
    "getpid",
    "getppid",
    "getpgrp",
    "getpgid",
    "setpgid",
    "getsid",
    "setsid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getgroups",
    "getuid32",
    "geteuid32",
    "getgid32",
    "getegid32",
    "capget",
    "capset",
    "getrlimit",
    "ugetrlimit",
    "setrlimit",
    "prlimit64",
    "getrusage",
    "arch_prctl",
    "restart_syscall",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
    /* signals and time */
    "kill",
    "tkill",
    "tgkill",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "sigaltstack",
    "sigreturn",
    "pause",
    "alarm",
    "setitimer",
    "getitimer",
    "timer_create",
    "timer_settime",
    "timer_gettime",
    "timer_getoverrun",
    "timer_delete",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "times",
    "getrandom",
    "uname",
    "sysinfo",
};

/* With the network: sockets of the internet, to connect with. */
static const char *const network_calls[] = { "connect", "bind", "setsockopt", "sendmmsg", "recvmmsg" };

static int add_network_rules(scmp_filter_ctx f)
{
    const scmp_datum_t low = 0xffffffff;
    int rc = 0;

    for (size_t i = 0; i < COUNT(network_calls); i++)
        rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(network_calls[i]), 0);
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, AF_INET));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, AF_INET6));
    return rc;
}

static const unsigned long allowed_prctls[] = {
    PR_SET_NAME,         PR_GET_NAME,         PR_SET_PDEATHSIG,
    PR_GET_PDEATHSIG,    PR_SET_DUMPABLE,     PR_GET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,
    PR_CAPBSET_READ,     PR_GET_SECUREBITS,   PR_SET_CHILD_SUBREAPER,
    PR_GET_TIMERSLACK,   PR_SET_TIMERSLACK,   0x53564d41 /* PR_SET_VMA */,
};

/* Terminals are looked at, not typed into (TIOCSTI). */
static const unsigned long allowed_ioctls[] = { TCGETS, TIOCGWINSZ, TIOCGPGRP, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX };

static int allow(scmp_filter_ctx f, const char *name)
{
    int nr = seccomp_syscall_resolve_name(name);

    return nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0); /* an older library knows fewer */
}

static int add_conditional_rules(scmp_filter_ctx f)
{
    const scmp_datum_t low = 0xffffffff; /* the kernel looks at 32 bits of these */
    int rc = 0;

    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACE_FLAGS, 0));
    rc |= seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
                           0); /* flags in memory; callers go on with clone */
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, AF_UNIX));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mknod), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, 0xffffffff));
    /* Operation 0 makes nothing wider, and libseccomp asks with it whether there is such a call. */
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, 0));
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 2, SCMP_A0(SCMP_CMP_MASKED_EQ, low, 1),
                           SCMP_A1(SCMP_CMP_MASKED_EQ, low & ~7u, 0)); /* a filter more, but no listener */
    rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, low, 2));
    for (size_t i = 0; i < COUNT(allowed_prctls); i++)
        rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, low, allowed_prctls[i]));
    for (size_t i = 0; i < COUNT(allowed_ioctls); i++)
        rc |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                               SCMP_A1(SCMP_CMP_MASKED_EQ, low, allowed_ioctls[i]));
    return rc;
}

void box_filter_apply(const struct box_spec *spec, struct box_state *state)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc;

    if (f == NULL) {
        box_lacks(state, BOX_SECCOMP, "there is no memory for the system-call filter");
        return;
    }
    rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)); /* 32-bit calls */
    for (size_t i = 0; i < COUNT(allowed_calls) && rc == 0; i++)
        rc = allow(f, allowed_calls[i]);
    if (rc == 0)
        rc = add_conditional_rules(f);
    if (rc == 0 && spec->network)
        rc = add_network_rules(f);
    if (rc == 0)
        rc = seccomp_load(f);
    seccomp_release(f);
    if (rc == 0)
        state->parts[BOX_SECCOMP].in_force = true;
    else
        box_lacks(state, BOX_SECCOMP, "the kernel refuses the system-call filter (%s): it needs CONFIG_SECCOMP_FILTER",
                  strerror(rc < 0 ? -rc : EINVAL));
}
