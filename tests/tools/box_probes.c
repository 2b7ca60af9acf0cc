/*
 * box_probes - a program that tries the ways out of a box, or the ways to harm from inside, one after the other, and prints a line for each:
 *
 *     NAME allowed | NAME refused ERRNO
 *
 *     box_probes SOCKET ABSTRACT SECRET PID      a listening Unix socket, an abstract one, a file outside, and a process outside
 *
 * tests/tools/box-t.c runs it without a box, where most must be allowed or the probes prove nothing, and in both kinds of box.  "allowed"
 * is always the bad news but in the last group, which is what programs need.
 *
 * Root runs them without a box as well, so nothing here may do harm where it is allowed: each asks for something that changes nothing or is
 * its own, and all of it happens in a mount namespace apart (keep_apart), without which nothing is tried.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *unix_path, *abstract_name, *secret;
static pid_t outsider;

static int open_socket(int family, int type)
{
    return socket(family, type, 0);
}

static int try_tcp(void)
{
    return open_socket(AF_INET, SOCK_STREAM);
}

static int try_udp(void)
{
    return open_socket(AF_INET6, SOCK_DGRAM) < 0 ? open_socket(AF_INET, SOCK_DGRAM) : 0;
}

static int try_netlink(void)
{
    return open_socket(AF_NETLINK, SOCK_RAW);
}

static int try_packet(void)
{
    return open_socket(AF_PACKET, SOCK_RAW);
}

static int try_vsock(void)
{
    return open_socket(AF_VSOCK, SOCK_STREAM);
}

static int try_unix_socket(void)
{
    return open_socket(AF_UNIX, SOCK_STREAM);
}

static int connect_unix(const char *name, size_t len)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = open_socket(AF_UNIX, SOCK_STREAM);

    memcpy(a.sun_path, name, len);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

static int try_daemon_socket(void)
{
    return connect_unix(unix_path, strlen(unix_path) + 1);
}

static int try_abstract_socket(void)
{
    char name[100] = { 0 };

    snprintf(name + 1, sizeof name - 1, "%s", abstract_name);
    return connect_unix(name, strlen(abstract_name) + 1);
}

static int read_file(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -1 : read(fd, &byte, 1) < 0 ? -1 : 0;
}

static int try_secret(void)
{
    return read_file(secret);
}

static int try_shadow(void)
{
    return read_file("/etc/shadow");
}

static int try_host_etc(void)
{
    return read_file("/etc/fstab") == 0 ? 0 : read_file("/etc/hostname");
}

static int try_write_usr(void)
{
    return access("/usr", W_OK) == 0 ? 0 : access("/etc", W_OK);
}

static int try_foreign_tmp(void)
{
    char folder[220];

    snprintf(folder, sizeof folder, "%s", unix_path);
    snprintf(strrchr(folder, '/'), 20, "/other");
    return access(folder, F_OK);
}

static int try_environ(void)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/environ", (int)outsider);
    return read_file(path);
}

static int try_see_processes(void)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d", (int)outsider);
    return access(path, F_OK);
}

static int try_kernel_files(void)
{
    return read_file("/proc/sys/kernel/ostype") == 0 ? 0 : read_file("/proc/cmdline");
}

static int try_sys(void)
{
    return access("/sys/kernel", F_OK);
}

static int try_device(void)
{
    static const char *const devices[] = { "/dev/fuse", "/dev/kvm", "/dev/kmsg", "/dev/ptmx", "/dev/tty", "/dev/vda" };
    int rc = -1;

    for (size_t i = 0; rc != 0 && i < sizeof devices / sizeof *devices; i++)
        rc = access(devices[i], F_OK);
    return rc;
}

static int try_kill(void)
{
    return kill(outsider, 0);
}

static int try_ptrace(void)
{
    pid_t child = fork();
    int rc;

    if (child == 0) {
        pause();
        _exit(0);
    }
    rc = (int)ptrace(PTRACE_SEIZE, child, NULL, NULL);
    kill(child, SIGKILL);
    return rc;
}

static int try_read_memory(void)
{
    char here[8], there[8] = "there";
    struct iovec a = { here, 8 }, b = { there, 8 };

    return (int)process_vm_readv(getpid(), &a, 1, &b, 1, 0);
}

/* On a folder of its own. */
static int try_mount(void)
{
    char path[] = "/tmp/corax-probe.XXXXXX";
    int rc, saved;

    if (mkdtemp(path) == NULL)
        return -1;
    rc = mount("probe", path, "tmpfs", 0, NULL);
    saved = errno;
    if (rc == 0)
        umount(path);
    rmdir(path);
    errno = saved;
    return rc;
}

/* What is no mount point stays: EINVAL says that whoever asks may. */
static int try_umount(void)
{
    char path[] = "/tmp/corax-probe.XXXXXX";
    int saved;

    if (mkdtemp(path) == NULL)
        return -1;
    saved = umount(path) == 0 || errno == EINVAL ? 0 : errno;
    rmdir(path);
    errno = saved;
    return saved == 0 ? 0 : -1;
}

static int try_pivot(void)
{
    return chroot("/tmp");
}

static int try_unshare(void)
{
    return unshare(CLONE_NEWUSER);
}

static int try_clone_user(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

    if (pid == 0)
        _exit(0);
    return (int)pid;
}

static int try_setns(void)
{
    int fd = open("/proc/self/ns/uts", O_RDONLY);

    if (fd < 0)
        fd = open("/proc/self/ns/net", O_RDONLY);
    errno = 0;
    return fd >= 0 && setns(fd, 0) == 0 ? 0 : -1;
}

static int try_setuid(void)
{
    return setgroups(0, NULL) == 0 ? 0 : setuid(0);
}

static int try_bpf(void)
{
    static char attr[128];

    attr[0] = 1; /* BPF_MAP_TYPE_HASH, key 0: EINVAL where it is looked at */
    return syscall(SYS_bpf, 0, attr, sizeof attr) < 0 && errno == EINVAL ? 0 : -1;
}

static int try_io_uring(void)
{
    static char params[120];

    return (int)syscall(SYS_io_uring_setup, 1, params);
}

static int try_userfaultfd(void)
{
    return (int)syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */);
}

static int try_keyctl(void)
{
    /* without making one */
    return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 0) >= 0 || errno == ENOKEY ? 0 : -1;
}

static int try_perf(void)
{
    struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof attr,
                                    .config = PERF_COUNT_SW_TASK_CLOCK,
                                    .exclude_kernel = 1,
                                    .exclude_hv = 1 };

    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static int try_memfd(void)
{
    return (int)syscall(SYS_memfd_create, "probe", 0);
}

static int try_shm(void)
{
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);

    return id < 0 ? -1 : shmctl(id, IPC_RMID, NULL);
}

static int try_32_bit(void)
{
#ifdef __x86_64__
    long rc;

    __asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L /* getpid */) : "memory", "r8", "r9", "r10", "r11");
    if (rc > 0)
        return 0;
    errno = (int)-rc;
    return -1;
#else
    errno = ENOSYS;
    return -1;
#endif
}

static int try_type_terminal(void)
{
    char c = '\n';
    int rc;

    if (isatty(0)) {
        errno = EPERM;
        return -1;
    }
    rc = ioctl(0, TIOCSTI, &c);

    return rc == 0 || errno == ENOTTY || errno == EIO ? 0 : -1; /* the kernel looked at it */
}

static int try_core(void)
{
    struct rlimit l;

    return getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_max > 0 ? 0 : -1;
}

static int try_forks(void)
{
    int n = 0;
    pid_t pids[300];

    for (; n < 300; n++)
        if ((pids[n] = fork()) == 0) {
            pause();
            _exit(0);
        } else if (pids[n] < 0) {
            break;
        }
    for (int i = 0; i < n; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    return n == 300 ? 0 : -1;
}

static int try_big_file(void)
{
    char path[64], block[65536] = { 0 };
    int fd, rc = 0;

    snprintf(path, sizeof path, "/tmp/corax-probe-%d", (int)getpid());
    fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; fd >= 0 && rc == 0 && i < 1600; i++)
        rc = write(fd, block, sizeof block) == (ssize_t)sizeof block ? 0 : -1;
    if (fd >= 0) {
        int saved = errno;

        close(fd);
        unlink(path);
        errno = saved;
    }
    return fd < 0 ? -1 : rc;
}

static int try_descriptors(void)
{
    int n = 0;

    for (int fd = 3; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    errno = EBADF;
    return n > 0 ? 0 : -1;
}

static int try_environment(void)
{
    errno = ENOENT;
    return getenv("CORAX_PROBE_SECRET") ? 0 : -1;
}

static int try_capability(void)
{
    errno = EPERM;
    return prctl(PR_CAPBSET_READ, 21 /* CAP_SYS_ADMIN */) == 1 ? 0 : -1;
}

/* --- what programs need ------------------------------------------------------------------------------------------------ */

static int try_child(void)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static void *thread_main(void *arg)
{
    return arg;
}

static int try_thread(void)
{
    pthread_t t;

    errno = pthread_create(&t, NULL, thread_main, NULL);
    return errno == 0 && pthread_join(t, NULL) == 0 ? 0 : -1;
}

static int try_scratch(void)
{
    char path[] = "/tmp/corax-probe.XXXXXX";
    int fd = mkstemp(path);

    return fd < 0 ? -1 : unlink(path);
}

static int try_random(void)
{
    return read_file("/dev/urandom");
}

static int try_pair(void)
{
    int fd[2];

    return socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
}

static const struct {
    const char *name;
    int (*run)(void);
} tries[] = {
    { "tcp", try_tcp },
    { "udp", try_udp },
    { "netlink", try_netlink },
    { "packet", try_packet },
    { "vsock", try_vsock },
    { "unix_socket", try_unix_socket },
    { "daemon_socket", try_daemon_socket },
    { "abstract_socket", try_abstract_socket },
    { "secret_file", try_secret },
    { "shadow", try_shadow },
    { "host_etc", try_host_etc },
    { "write_system", try_write_usr },
    { "foreign_tmp", try_foreign_tmp },
    { "environ", try_environ },
    { "see_processes", try_see_processes },
    { "kernel_files", try_kernel_files },
    { "sys", try_sys },
    { "devices", try_device },
    { "kill", try_kill },
    { "ptrace", try_ptrace },
    { "read_memory", try_read_memory },
    { "mount", try_mount },
    { "chroot", try_pivot },
    { "umount", try_umount },
    { "unshare", try_unshare },
    { "clone_user", try_clone_user },
    { "setns", try_setns },
    { "setuid", try_setuid },
    { "bpf", try_bpf },
    { "io_uring", try_io_uring },
    { "userfaultfd", try_userfaultfd },
    { "keyctl", try_keyctl },
    { "perf", try_perf },
    { "memfd", try_memfd },
    { "system_v", try_shm },
    { "32_bit", try_32_bit },
    { "type_terminal", try_type_terminal },
    { "core", try_core },
    { "forks", try_forks },
    { "big_file", try_big_file },
    { "descriptors", try_descriptors },
    { "environment", try_environment },
    { "capability", try_capability },
    { "child", try_child },
    { "thread", try_thread },
    { "scratch", try_scratch },
    { "random", try_random },
    { "pair", try_pair },
};

/*
 * Whoever may mount does so in a namespace of its own, from which nothing spreads.  false: it may, and there is none.  In a box, and for
 * an ordinary user, the first call is refused, and with it all that could do harm.
 */
static int keep_apart(void)
{
    if (unshare(CLONE_NEWNS) != 0)
        return geteuid() != 0;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Each in a process of its own: one that succeeds changes what the next would find. */
int main(int argc, char **argv)
{
    if (argc != 5 || !keep_apart())
        return 2;
    unix_path = argv[1];
    abstract_name = argv[2];
    secret = argv[3];
    outsider = atoi(argv[4]);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        pid_t pid;
        int status = 0;

        fflush(stdout);
        pid = fork();
        if (pid == 0) {
            int rc;

            errno = 0;
            rc = tries[i].run();
            if (rc >= 0)
                printf("%s allowed\n", tries[i].name);
            else
                printf("%s refused %s\n", tries[i].name, strerrorname_np(errno) ? strerrorname_np(errno) : "0");
            fflush(stdout);
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
            printf("%s broken %d\n", tries[i].name, status);
    }
    return 0;
}
