/*
 * box_filter.c - the system calls of a box: what programs, interpreters and their threads need, and no more.
 *
 * Processes and threads, files and pipes, time and memory are there.  Not there, since nothing in a box needs them and they are where kernels
 * break: sockets (but a pair, which reaches nobody), other processes' memory, mounts, namespaces, keys, BPF, io_uring,
 * userfaultfd, perf, and memory that no limit counts (memfd, System V).  Whatever is not listed fails with EPERM, for the
 * reasons in confine.c.
 */
#include "config.h"

#include "tools/box_parts.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

#define NAMESPACE_FLAGS \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const int allowed_calls[] = {
    /* files */
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(openat2),
    SCMP_SYS(creat),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(preadv2),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(lseek),
    SCMP_SYS(_llseek),
    SCMP_SYS(ftruncate),
    SCMP_SYS(ftruncate64),
    SCMP_SYS(truncate),
    SCMP_SYS(truncate64),
    SCMP_SYS(fallocate),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(fadvise64),
    SCMP_SYS(readahead),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(sendfile),
    SCMP_SYS(sendfile64),
    SCMP_SYS(stat),
    SCMP_SYS(stat64),
    SCMP_SYS(lstat),
    SCMP_SYS(lstat64),
    SCMP_SYS(fstat),
    SCMP_SYS(fstat64),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fstatat64),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(statfs64),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fstatfs64),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(chdir),
    SCMP_SYS(fchdir),
    SCMP_SYS(getdents),
    SCMP_SYS(getdents64),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(umask),
    SCMP_SYS(utime),
    SCMP_SYS(utimes),
    SCMP_SYS(utimensat),
    SCMP_SYS(futimesat),
    SCMP_SYS(flock),
    SCMP_SYS(fcntl),
    SCMP_SYS(fcntl64),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(getxattr),
    SCMP_SYS(lgetxattr),
    SCMP_SYS(fgetxattr),
    SCMP_SYS(listxattr),
    SCMP_SYS(llistxattr),
    SCMP_SYS(flistxattr),
    /* waiting */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(_newselect),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd),
    SCMP_SYS(eventfd2),
    SCMP_SYS(signalfd),
    SCMP_SYS(signalfd4),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    /* through descriptors that are there, or a pair made here */
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(mmap),
    SCMP_SYS(mmap2),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(membarrier),
    SCMP_SYS(mincore),
    SCMP_SYS(msync),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    SCMP_SYS(pkey_alloc),
    SCMP_SYS(pkey_free),
    SCMP_SYS(pkey_mprotect),
    SCMP_SYS(get_mempolicy),
    /* processes and threads */
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(wait4),
    SCMP_SYS(waitpid),
    SCMP_SYS(waitid),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(futex),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(sched_rr_get_interval),
    SCMP_SYS(getpriority),
    SCMP_SYS(setpriority),
    SCMP_SYS(getcpu),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getpgrp),
    SCMP_SYS(getpgid),
    SCMP_SYS(setpgid),
    SCMP_SYS(getsid),
    SCMP_SYS(setsid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getresuid),
    SCMP_SYS(getresgid),
    SCMP_SYS(getgroups),
    SCMP_SYS(getuid32),
    SCMP_SYS(geteuid32),
    SCMP_SYS(getgid32),
    SCMP_SYS(getegid32),
    SCMP_SYS(capget),
    SCMP_SYS(capset),
    SCMP_SYS(getrlimit),
    SCMP_SYS(ugetrlimit),
    SCMP_SYS(setrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getrusage),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(landlock_create_ruleset),
    SCMP_SYS(landlock_add_rule),
    SCMP_SYS(landlock_restrict_self),
    /* signals and time */
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(tgkill),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sigreturn),
    SCMP_SYS(pause),
    SCMP_SYS(alarm),
    SCMP_SYS(setitimer),
    SCMP_SYS(getitimer),
    SCMP_SYS(timer_create),
    SCMP_SYS(timer_settime),
    SCMP_SYS(timer_gettime),
    SCMP_SYS(timer_getoverrun),
    SCMP_SYS(timer_delete),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(times),
    SCMP_SYS(getrandom),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
};

static const uint32_t allowed_prctls[] = {
    PR_SET_NAME,         PR_GET_NAME,         PR_SET_PDEATHSIG,
    PR_GET_PDEATHSIG,    PR_SET_DUMPABLE,     PR_GET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,
    PR_CAPBSET_READ,     PR_GET_SECUREBITS,   PR_SET_CHILD_SUBREAPER,
    PR_GET_TIMERSLACK,   PR_SET_TIMERSLACK,   0x53564d41 /* PR_SET_VMA */,
};

/* Terminals are looked at, not typed into (TIOCSTI). */
static const uint32_t allowed_ioctls[] = { TCGETS, TIOCGWINSZ, TIOCGPGRP, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX };

/* --- the program -------------------------------------------------------------------------------------------------- */

/*
 * Written out rather than by libseccomp, which takes 3 ms for a list of this length (it copies what it has at each rule), more than all the
 * rest of a box.  Order does not cost: the kernel keeps a bitmap of the calls that are allowed whatever their arguments.
 */
struct program {
    struct sock_filter code[800];
    size_t n;
};

#define ALLOW SECCOMP_RET_ALLOW
#define DENY  (SECCOMP_RET_ERRNO | EPERM)

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
    if (p->n < COUNT(p->code))
        p->code[p->n] = (struct sock_filter){ .code = code, .jt = if_true, .jf = if_false, .k = k };
    p->n++;
}

static void give(struct program *p, uint32_t verdict)
{
    emit(p, BPF_RET | BPF_K, verdict, 0, 0);
}

/* The lower half of an argument: what the kernel looks at, in all that are looked at here. */
static void load_argument(struct program *p, unsigned i)
{
    const uint32_t half = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;

    emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, args) + 8 * i + half, 0, 0);
}

static void allow_if_equal(struct program *p, uint32_t value)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    give(p, ALLOW);
}

/* Between the two: what is done with this call, by its arguments.  Whatever is not allowed there is denied. */
static size_t begin_call(struct program *p, int nr)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 0);
    return p->n;
}

static void end_call(struct program *p, size_t begin)
{
    give(p, DENY);
    if (begin <= COUNT(p->code))
        p->code[begin - 1].jf = (uint8_t)(p->n - begin);
}

static void only_equal(struct program *p, int nr, unsigned argument, uint32_t mask, uint32_t value)
{
    size_t begin;

    if (nr < 0)
        return; /* not a call of this machine */
    begin = begin_call(p, nr);
    load_argument(p, argument);
    emit(p, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
    allow_if_equal(p, value);
    end_call(p, begin);
}

static void only_listed(struct program *p, int nr, unsigned argument, const uint32_t *values, size_t n)
{
    size_t begin = begin_call(p, nr);

    load_argument(p, argument);
    for (size_t i = 0; i < n; i++)
        allow_if_equal(p, values[i]);
    end_call(p, begin);
}

static void add_conditional(struct program *p)
{
    const uint32_t all = 0xffffffff;
    size_t begin;

    only_equal(p, SCMP_SYS(clone), 0, NAMESPACE_FLAGS, 0);
    begin = begin_call(p, SCMP_SYS(clone3));
    give(p,
         SECCOMP_RET_ERRNO | ENOSYS); /* its flags are in memory, where no filter can look; callers go on with clone */
    end_call(p, begin);
    only_equal(p, SCMP_SYS(socketpair), 0, all, AF_UNIX);
    only_equal(p, SCMP_SYS(mknod), 1, S_IFMT, S_IFIFO);
    only_equal(p, SCMP_SYS(mknodat), 2, S_IFMT, S_IFIFO);
    only_equal(p, SCMP_SYS(personality), 0, all, 0xffffffff); /* asking */
    begin = begin_call(p, SCMP_SYS(seccomp));
    load_argument(p, 0);
    allow_if_equal(
        p, SECCOMP_SET_MODE_STRICT); /* makes nothing wider; libseccomp asks with it whether there is such a call */
    allow_if_equal(p, SECCOMP_GET_ACTION_AVAIL);
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_SET_MODE_FILTER, 0, 3);
    load_argument(p, 1);
    emit(p, BPF_JMP | BPF_JSET | BPF_K, all & ~7u, 1, 0); /* a filter more, but none that hands calls to a listener */
    give(p, ALLOW);
    end_call(p, begin);
    only_listed(p, SCMP_SYS(prctl), 0, allowed_prctls, COUNT(allowed_prctls));
    only_listed(p, SCMP_SYS(ioctl), 1, allowed_ioctls, COUNT(allowed_ioctls));
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* In rising order, a run of neighbours at a time. */
static void add_allowed(struct program *p)
{
    int calls[COUNT(allowed_calls)];
    size_t n = COUNT(allowed_calls), first, last;

    memcpy(calls, allowed_calls, sizeof calls);
    qsort(calls, n, sizeof *calls, by_number);
    for (first = 0; first < n; first = last + 1) {
        for (last = first; last + 1 < n && calls[last + 1] <= calls[last] + 1; last++)
            continue;
        if (calls[first] < 0) /* not calls of this machine */
            continue;
        emit(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)calls[first], 1, 0);
        give(p, DENY);
        emit(p, BPF_JMP | BPF_JGT | BPF_K, (uint32_t)calls[last], 1, 0);
        give(p, ALLOW);
    }
}

void box_filter_apply(struct box_state *state)
{
    static struct program p;
    struct sock_fprog whole = { .filter = p.code };

    p.n = 0;
    emit(&p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, arch), 0, 0);
    emit(&p, BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 1, 0);
    give(&p, DENY); /* 32-bit calls; those of x32 have numbers beyond all that are allowed */
    emit(&p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, nr), 0, 0);
    add_conditional(&p);
    add_allowed(&p);
    give(&p, DENY);
    whole.len = (unsigned short)p.n;
    if (p.n > COUNT(p.code))
        box_lacks(state, BOX_SECCOMP, "the system-call filter has %zu steps, which is more than it may", p.n);
    else if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &whole) == 0)
        state->parts[BOX_SECCOMP].in_force = true;
    else
        box_lacks(state, BOX_SECCOMP, "the kernel refuses the system-call filter (%s): it needs CONFIG_SECCOMP_FILTER",
                  strerror(errno));
}
