#include "daemon/journal_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/journal_schema.h"

#define PART ".part"

static void part_path(const struct journal_copy *c, char out[sizeof(c->path) + sizeof(PART)])
{
    snprintf(out, sizeof(c->path) + sizeof(PART), "%s" PART, c->path);
}

static void drop(struct journal_copy *c)
{
    char part[sizeof(c->path) + sizeof(PART)];

    sqlite3_backup_finish(c->backup);
    sqlite3_close(c->to);
    c->backup = NULL;
    c->to = NULL;
    part_path(c, part);
    unlink(part);
}

void journal_copy_abort(struct journal_copy *c)
{
    if (c->to)
        drop(c);
}

static int fail_copy(struct journal_copy *c, sqlite3 *db, const char *what, struct err *err)
{
    journal_fail(db, what, err);
    err_context(err, "%s", c->path);
    drop(c);
    return -1;
}

int journal_copy_begin(struct journal_copy *c, sqlite3 *from, const char *path, struct err *err)
{
    char part[sizeof(c->path) + sizeof(PART)];
    mode_t old;
    int rc;

    memset(c, 0, sizeof(*c));
    if ((size_t)snprintf(c->path, sizeof(c->path), "%s", path) >= sizeof(c->path))
        return fail(err, CORAX_E_ARGS, "%.100s...: the path is too long", path);
    if (access(path, F_OK) == 0)
        return fail(err, CORAX_E_ARGS, "%s is there already", path);
    part_path(c, part);
    unlink(part); /* of a daemon that was killed in the middle of one */
    old = umask(077);
    rc = sqlite3_open_v2(part, &c->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    umask(old);
    if (rc != SQLITE_OK)
        return fail_copy(c, c->to, "open", err);
    c->backup = sqlite3_backup_init(c->to, "main", from, "main");
    return c->backup ? 0 : fail_copy(c, c->to, "copy", err);
}

static int sync_folder(const char *path, struct err *err)
{
    char dir[512];
    const char *slash = strrchr(path, '/');
    int fd, rc;

    snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc < 0 ? fail_sys(err, CORAX_E_IO, "%s", dir) : 0;
}

/* Never that of a file that is there. */
static int take_name(const char *part, const char *path)
{
    if (link(part, path) == 0)
        return unlink(part);
    return errno == EEXIST ? -1 : rename(part, path); /* a file system without hard links */
}

/* The copy is one file, which any SQLite reads: not in WAL mode as the journal is. */
static int conclude(struct journal_copy *c, struct err *err)
{
    char part[sizeof(c->path) + sizeof(PART)];
    struct stat st;

    sqlite3_backup_finish(c->backup);
    c->backup = NULL;
    if (sqlite3_exec(c->to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) != SQLITE_OK)
        return fail_copy(c, c->to, "copy", err);
    part_path(c, part);
    if (sqlite3_close(c->to) != SQLITE_OK)
        return fail_copy(c, c->to, "close", err);
    c->to = NULL;
    if (stat(part, &st) < 0 || take_name(part, c->path) < 0) {
        fail_sys(err, CORAX_E_IO, "%s", c->path);
        unlink(part);
        return -1;
    }
    c->bytes = st.st_size;
    return sync_folder(c->path, err);
}

int journal_copy_step(struct journal_copy *c, int n_pages, struct err *err)
{
    const int rc = sqlite3_backup_step(c->backup, n_pages);

    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return 1;
    if (rc != SQLITE_DONE) {
        sqlite3_backup_finish(c->backup); /* says why on the copy's connection */
        c->backup = NULL;
        return fail_copy(c, c->to, "copy", err);
    }
    return conclude(c, err);
}
