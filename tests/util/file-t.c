/*
 * Covers: reading whole files, the limit, what is not a regular file, files without a size, that a failure leaves the
 * buffer as it was.
 */
#include "util/file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/tap.h"

static char dir[] = "/tmp/corax-file-t.XXXXXX";
static char path[200];

static const char *path_of(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void test_failure(const char *file, struct buf *buf, int status, const char *why)
{
    size_t len = buf->len;
    struct err err = { 0 };

    is_int(file_read(file, buf, &err), -1, why);
    is_int(err.status, status, "with its status");
    has_str(err.msg, file, "the message names it");
    ok(buf->len == len && buf->data[len] == '\0', "the buffer is as it was");
}

int main(void)
{
    struct err err = { 0 };
    struct buf buf;
    FILE *f;

    if (!mkdtemp(dir))
        skip_all("no temporary directory");
    plan_later();
    f = fopen(path_of("a"), "w");
    for (int i = 0; i < 10000; i++)
        fprintf(f, "%09d\n", i);
    fclose(f);
    if (mkfifo(path_of("fifo"), 0600) != 0)
        diag("no FIFO");

    buf_init(&buf, 200006);
    buf_adds(&buf, "before ");
    is_int(file_read(path_of("a"), &buf, &err), 0, "a file of 100,000 bytes");
    is_int((long long)buf.len, 100007, "is appended whole");
    ok(memcmp(buf.data, "before 000000000\n", 17) == 0, "after what was there");
    test_failure(path_of("none"), &buf, CORAX_E_NOTFOUND, "not there");
    test_failure(path_of("a/b"), &buf, CORAX_E_NOTFOUND, "a path through a file");
    test_failure(path_of("a"), &buf, CORAX_E_LIMIT, "one byte over the limit");
    test_failure(dir, &buf, CORAX_E_IO, "a directory");
    test_failure(path_of("fifo"), &buf, CORAX_E_IO, "a FIFO nobody writes to");
    buf_finish(&buf);

    buf_init(&buf, 4096);
    is_int(file_read("/proc/self/stat", &buf, &err), 0, "a file of /proc, which has no size");
    ok(buf.len > 20, "gives its text");
    buf_finish(&buf);
    buf_init(&buf, 10);
    test_failure("/proc/self/stat", &buf, CORAX_E_LIMIT, "the same over the limit");
    buf_finish(&buf);

    unlink(path_of("a"));
    unlink(path_of("fifo"));
    rmdir(dir);
    done();
    return tap_status();
}
