/*
 * readonly_disk.so - for LD_PRELOAD: once the file named by CORAX_TEST_READONLY is there, writing to a file under the
 * folder CORAX_TEST_DISK fails as on a file system that the kernel has made read-only.  A mount with open files cannot be
 * made so by asking, and a disk that fails is not to be had in a test.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT ssize_t pwrite(int fd, const void *data, size_t len, off_t at);
EXPORT ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at);
EXPORT ssize_t write(int fd, const void *data, size_t len);
EXPORT int ftruncate(int fd, off_t len);
EXPORT int ftruncate64(int fd, off64_t len);

static int is_readonly(int fd)
{
    const char *flag = getenv("CORAX_TEST_READONLY"), *disk = getenv("CORAX_TEST_DISK");
    char link[64], path[512];
    ssize_t n;

    if (flag == NULL || disk == NULL || access(flag, F_OK) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return 0;
    path[n] = '\0';
    return strncmp(path, disk, strlen(disk)) == 0;
}

static int refuse(void)
{
    errno = EROFS;
    return -1;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t);

    *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    return is_readonly(fd) ? refuse() : real(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    ssize_t (*real)(int, const void *, size_t, off64_t);

    *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    return is_readonly(fd) ? refuse() : real(fd, data, len, at);
}

ssize_t write(int fd, const void *data, size_t len)
{
    ssize_t (*real)(int, const void *, size_t);

    *(void **)&real = dlsym(RTLD_NEXT, "write");
    return is_readonly(fd) ? refuse() : real(fd, data, len);
}

int ftruncate(int fd, off_t len)
{
    int (*real)(int, off_t);

    *(void **)&real = dlsym(RTLD_NEXT, "ftruncate");
    return is_readonly(fd) ? refuse() : real(fd, len);
}

int ftruncate64(int fd, off64_t len)
{
    int (*real)(int, off64_t);

    *(void **)&real = dlsym(RTLD_NEXT, "ftruncate64");
    return is_readonly(fd) ? refuse() : real(fd, len);
}
