/*
 * box_collect.c - what a program left in its folder.
 *
 * Everything here was made by a hostile program.  It is dead by now, so names do not change under our hands, but a name may still be a
 * link to somewhere, a pipe that blocks, a second name of another file, or one of thousands; each is told and left.
 */
#include "config.h"

#include "tools/box_serve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/mcp.h"
#include "util/base64.h"
#include "util/utf8.h"

#define MAX_SEEN     4096
#define MAX_BACK     64
#define MAX_LEFT_OUT 64
/* What 64 names that are left out take at most: 255 bytes, each an escape of 6, and the reason. */
#define LEFT_OUT_ROOM (MAX_LEFT_OUT * (255 * 6 + 140))
#define END_ROOM      512 /* the members after them, and the end of the line */

struct names {
    size_t n;
    bool more;
    char *at[MAX_SEEN];
};

struct left_out {
    size_t n;
    struct {
        const char *name, *why;
        int64_t bytes; /* -1: does not apply */
    } at[MAX_LEFT_OUT];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_names(int folder, struct names *names)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (dir && (e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (names->n == MAX_SEEN) {
            names->more = true;
            break;
        }
        names->at[names->n] = strdup(e->d_name);
        if (names->at[names->n])
            names->n++;
    }
    if (dir)
        closedir(dir);
    qsort(names->at, names->n, sizeof *names->at, by_name);
}

static void leave(struct left_out *out, const char *name, int64_t bytes, const char *why)
{
    if (out->n == MAX_LEFT_OUT - 1) { /* the last place says that there are more */
        name = "…";
        bytes = -1;
        why = "and others";
    } else if (out->n >= MAX_LEFT_OUT) {
        return;
    }
    out->at[out->n].name = name;
    out->at[out->n].bytes = bytes;
    out->at[out->n].why = why;
    out->n++;
}

static const char *odd_kind(const struct stat *st)
{
    return S_ISDIR(st->st_mode)    ? "is a folder; only files of the working directory itself come back"
           : S_ISLNK(st->st_mode)  ? "is a symbolic link"
           : S_ISFIFO(st->st_mode) ? "is a pipe"
           : !S_ISREG(st->st_mode) ? "is no regular file"
           : st->st_nlink > 1      ? "has more than one name"
                                   : NULL;
}

/* NULL: it was read. */
static const char *read_whole(int folder, const char *name, size_t want, struct buf *out)
{
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                            .resolve =
                                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };
    int fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
    const char *why = NULL;
    struct stat st;
    char part[16384];
    ssize_t n;

    if (fd < 0)
        return "cannot be opened";
    if (fstat(fd, &st) != 0 || odd_kind(&st) != NULL)
        why = "is no regular file any more";
    while (why == NULL && out->len < want && (n = read(fd, part, sizeof part)) != 0) {
        if (n < 0)
            why = "cannot be read";
        else
            buf_add(out, part, (size_t)n);
    }
    if (out->failed)
        why = "grew while it was read";
    close(fd);
    return why;
}

static bool is_text(const char *data, size_t len)
{
    for (size_t i = 0, n; i < len; i += n)
        if (data[i] == '\0' || (n = utf8_char_len(data + i, len - i)) == 0)
            return false;
    return true;
}

static bool is_input(const struct box_request *r, const char *name, const struct buf *data)
{
    for (size_t i = 0; i < r->n_files; i++)
        if (strcmp(r->files[i].name, name) == 0)
            return r->files[i].len == data->len && memcmp(r->files[i].data, data->data, data->len) == 0;
    return false;
}

static void write_entry(struct buf *out, const char *name, const struct buf *data)
{
    struct jsonw w = jsonw_start(out);

    jsonw_object(&w, NULL);
    jsonw_string(&w, "name", name, strlen(name));
    jsonw_int(&w, "bytes", (int64_t)data->len);
    if (is_text(data->data, data->len))
        jsonw_string(&w, "text", data->data, data->len);
    else
        base64_write(&w, "base64", data->data, data->len);
    jsonw_end(&w);
}

struct collector {
    int folder;
    const struct box_request *request;
    struct jsonw *w;
    struct left_out left_out;
    size_t n_back;
    int64_t bytes_left;
};

static void take(struct collector *c, const char *name)
{
    struct buf data, entry;
    const char *why;
    struct stat st;

    if (fstatat(c->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || strcmp(name, "__pycache__") == 0)
        return;
    why = odd_kind(&st);
    if (why != NULL) {
        leave(&c->left_out, name, -1, why);
        return;
    }
    /* An input that was not touched is recognised even where nothing may come back. */
    buf_init(&data, RPC_MAX_LINE);
    buf_init(&entry, RPC_MAX_LINE);
    if (st.st_size >= RPC_MAX_LINE)
        why = "is larger than an answer may be";
    else
        why = read_whole(c->folder, name, (size_t)st.st_size, &data);
    if (why == NULL && is_input(c->request, name, &data)) {
        buf_finish(&data);
        buf_finish(&entry);
        return;
    }
    if (why == NULL && c->n_back == MAX_BACK)
        why = "at most 64 files come back";
    if (why == NULL && (int64_t)data.len > c->bytes_left)
        why = "the files are larger than files_bytes";
    if (why == NULL) {
        write_entry(&entry, name, &data);
        if (entry.failed || c->w->out->len + entry.len + LEFT_OUT_ROOM + END_ROOM > RPC_MAX_LINE)
            why = "the answer has no room for it";
    }
    if (why == NULL) {
        jsonw_raw(c->w, NULL, entry.data, entry.len);
        c->bytes_left -= (int64_t)data.len;
        c->n_back++;
    } else {
        leave(&c->left_out, name, (int64_t)st.st_size, why);
    }
    buf_finish(&data);
    buf_finish(&entry);
}

void box_collect(int folder, const struct box_request *r, struct jsonw *w)
{
    struct names *names = calloc(1, sizeof *names);
    struct collector *c = calloc(1, sizeof *c);

    if (names && c) {
        *c = (struct collector){ .folder = folder, .request = r, .w = w, .bytes_left = r->limits.files_bytes };
        read_names(folder, names);
    }
    jsonw_array(w, "files");
    for (size_t i = 0; names && c && i < names->n; i++)
        take(c, names->at[i]);
    jsonw_end(w);
    if (names && c && names->more)
        leave(&c->left_out, "…", -1, "there are more than 4096 names");
    jsonw_array(w, "left_out");
    for (size_t i = 0; c && i < c->left_out.n; i++) {
        jsonw_object(w, NULL);
        jsonw_string(w, "name", c->left_out.at[i].name, strlen(c->left_out.at[i].name));
        if (c->left_out.at[i].bytes >= 0)
            jsonw_int(w, "bytes", c->left_out.at[i].bytes);
        jsonw_text(w, "why", c->left_out.at[i].why);
        jsonw_end(w);
    }
    jsonw_end(w);
    for (size_t i = 0; names && i < names->n; i++)
        free(names->at[i]);
    free(names);
    free(c);
}
