/*
 * Policy files on the disk: whose they are, and who may write them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policies/policy.h"

/* Whoever may write the file decides what tools may do: only root and we ourselves. */
static int check_owner(int fd, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail_sys(err, CORAX_E_IO, "fstat");
    if (!S_ISREG(st.st_mode))
        return fail(err, CORAX_E_ARGS, "not a regular file");
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return fail(err, CORAX_E_ARGS, "owned by uid %u: a policy file belongs to root or to uid %u",
                    (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return fail(err, CORAX_E_ARGS, "group or others may write it (mode %03o): chmod go-w",
                    (unsigned)st.st_mode & 0777);
    return 0;
}

static int read_all(int fd, struct buf *out, struct err *err)
{
    char piece[16384];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_sys(err, CORAX_E_IO, "read");
        buf_add(out, piece, (size_t)n);
        if (out->failed)
            return fail(err, CORAX_E_LIMIT, "more than %u bytes", POLICY_MAX_FILE_BYTES);
    }
    return 0;
}

/* The checks are on the descriptor that is read, so nobody can put another file there in between. */
static int read_file(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int result;

    if (fd < 0)
        return fail_sys(err, errno == ENOENT ? CORAX_E_NOTFOUND : CORAX_E_IO, "open");
    result = check_owner(fd, err);
    if (result == 0)
        result = read_all(fd, out, err);
    close(fd);
    return result;
}

struct policy *policy_load_paths(const char *const *paths, size_t n, enum policy_layer layer, struct err *err)
{
    struct policy_file files[POLICY_MAX_FILES] = { 0 };
    struct buf texts[POLICY_MAX_FILES];
    struct policy *p = NULL;
    size_t n_read = 0;

    if (n > POLICY_MAX_FILES) {
        fail(err, CORAX_E_LIMIT, "%zu policy files: at most %d are read", n, POLICY_MAX_FILES);
        return NULL;
    }
    while (n_read < n) {
        struct buf *text = &texts[n_read];

        buf_init(text, POLICY_MAX_FILE_BYTES);
        n_read++;
        if (read_file(paths[n_read - 1], text, err) < 0) {
            err_context(err, "%.80s", paths[n_read - 1]);
            goto out;
        }
        files[n_read - 1] = (struct policy_file){ .name = paths[n_read - 1], .text = text->data, .len = text->len };
    }
    p = policy_load(files, n, layer, err);
out:
    while (n_read > 0)
        buf_finish(&texts[--n_read]);
    return p;
}
