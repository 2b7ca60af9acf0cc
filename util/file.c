#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, struct buf *out, struct err *err)
{
    char chunk[16384];
    size_t old_len = out->len;
    struct stat st;
    ssize_t n;
    int fd, rc = -1;

    /* Non-blocking, so that opening a FIFO somebody put there does not hang. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail_sys(err, errno == ENOENT || errno == ENOTDIR ? CORAX_E_NOTFOUND : CORAX_E_IO, "%s", path);
    if (fstat(fd, &st) != 0) {
        fail_sys(err, CORAX_E_IO, "%s", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        fail(err, CORAX_E_IO, "%s: not a regular file", path);
        goto out;
    }
    if (st.st_size > 0 && (uintmax_t)st.st_size > out->limit - out->len) {
        fail(err, CORAX_E_LIMIT, "%s: has %lld bytes, at most %zu are read", path, (long long)st.st_size,
             out->limit - out->len);
        goto out;
    }
    /* The size is only a hint: the file may grow, and files of /proc have none. */
    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0) {
            if (errno == EINTR)
                continue;
            fail_sys(err, CORAX_E_IO, "%s", path);
            goto out;
        }
        buf_add(out, chunk, (size_t)n);
        if (out->failed) {
            fail(err, CORAX_E_LIMIT, "%s: has more than %zu bytes, or memory ran out", path, out->limit - old_len);
            goto out;
        }
    }
    rc = 0;
out:
    close(fd);
    if (rc != 0 && out->len > old_len) {
        out->len = old_len;
        out->data[old_len] = '\0';
    }
    return rc;
}
