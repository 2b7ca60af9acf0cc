#include "infer/prefix_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/checksum.h"
#include "util/log.h"

#define MAX_TOKENS ((size_t)1 << 24) /* of a file: the longest context there is */

/* A file is this, its tokens, and its data. */
struct header {
    char     magic[16];
    uint64_t parent, hash, n_tokens, n_bytes;
    uint64_t sum; /* of the tokens' and the data's checksums, with the fields above */
};
static const char magic[16] = "corax prefix 1";

struct prefix_store {
    char dir[PATH_MAX];
    size_t n_bytes;
    uint64_t max_bytes, used_bytes;
    bool told; /* that it cannot be written */
};

struct file {
    char name[24];
    uint64_t bytes;
    int64_t time_ns;
};

static void path_of(const struct prefix_store *s, uint64_t hash, const char *end, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.4000s/%016" PRIx64 "%s", s->dir, hash, end);
}

uint64_t prefix_hash(uint64_t parent, const int32_t *tokens, size_t n)
{
    uint64_t h = parent;

    for (size_t i = 0; i < n; i++) {
        h = (h ^ (uint32_t)tokens[i]) + 0x9e3779b97f4a7c15u;
        h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
        h = (h ^ h >> 27) * 0x94d049bb133111ebu;
        h ^= h >> 31;
    }
    return h ? h : 1;
}

/* --- the folder --------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct file *x = a, *y = b;

    return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

/* Of 16 hex digits; what a killed program left half written goes. */
static bool is_ours(const struct prefix_store *s, const char *name)
{
    const size_t digits = strspn(name, "0123456789abcdef");
    char path[PATH_MAX];

    if (digits == 16 && name[16] == 0)
        return true;
    if (digits == 16 && strcmp(name + 16, ".part") == 0) {
        snprintf(path, sizeof path, "%.4000s/%s", s->dir, name);
        unlink(path);
    }
    return false;
}

/* All files, the longest unused first; the caller frees them. */
static struct file *list_files(const struct prefix_store *s, size_t *n)
{
    DIR *dir = opendir(s->dir);
    struct file *files = NULL;
    const struct dirent *d;
    size_t cap = 0;

    *n = 0;
    while (dir && (d = readdir(dir))) {
        struct stat st;

        if (!is_ours(s, d->d_name) || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (*n == cap) {
            struct file *more = realloc(files, (cap = 2 * cap + 64) * sizeof *files);

            if (!more)
                break;
            files = more;
        }
        snprintf(files[*n].name, sizeof files->name, "%.16s", d->d_name);
        files[*n].bytes = (uint64_t)st.st_size;
        files[(*n)++].time_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    }
    if (dir)
        closedir(dir);
    if (files)
        qsort(files, *n, sizeof *files, compare);
    return files;
}

/* Makes room for n_more bytes. */
static void shrink(struct prefix_store *s, uint64_t n_more)
{
    struct file *files;
    size_t n, i = 0;

    files = list_files(s, &n);
    s->used_bytes = 0;
    for (size_t j = 0; j < n; j++)
        s->used_bytes += files[j].bytes;
    for (; i < n && s->used_bytes + n_more > s->max_bytes; i++) {
        prefix_store_remove(s, strtoull(files[i].name, NULL, 16));
        s->used_bytes -= files[i].bytes;
    }
    free(files);
}

struct prefix_store *prefix_store_open(const char *dir, const char *name, size_t n_bytes, uint64_t max_bytes, struct err *err)
{
    struct prefix_store *s = calloc(1, sizeof *s);

    if (!s) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    s->n_bytes = n_bytes;
    s->max_bytes = max_bytes;
    if (snprintf(s->dir, sizeof s->dir, "%s/%s", dir, name) >= 4000)
        fail(err, CORAX_E_ARGS, "%.200s...: too long a path", dir);
    else if ((mkdir(dir, 0700) < 0 && errno != EEXIST) || (mkdir(s->dir, 0700) < 0 && errno != EEXIST))
        fail_sys(err, CORAX_E_IO, "create %s", s->dir);
    else {
        shrink(s, 0);
        return s;
    }
    free(s);
    return NULL;
}

void prefix_store_close(struct prefix_store *s)
{
    free(s);
}

void prefix_store_remove(struct prefix_store *s, uint64_t hash)
{
    char path[PATH_MAX];

    path_of(s, hash, "", path);
    unlink(path);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static uint64_t sum_of(const struct header *h, const void *tokens, const void *data)
{
    uint64_t sums[6] = { h->parent, h->hash, h->n_tokens, h->n_bytes, checksum(tokens, (size_t)h->n_tokens * sizeof(int32_t)),
                         checksum(data, (size_t)h->n_bytes) };

    return checksum(sums, sizeof sums);
}

static bool put(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n > 0) {
        const ssize_t put = write(fd, at, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put;
        n -= (size_t)put;
    }
    return true;
}

static bool get(int fd, void *bytes, size_t n)
{
    char *at = bytes;

    while (n > 0) {
        const ssize_t got = read(fd, at, n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

bool prefix_store_write(struct prefix_store *s, const struct prefix_record *r, const void *data)
{
    struct header h = { .parent = r->parent, .hash = r->hash, .n_tokens = r->n_tokens, .n_bytes = s->n_bytes };
    const size_t tokens_bytes = r->n_tokens * sizeof *r->tokens;
    char path[PATH_MAX], part[PATH_MAX];
    bool good;
    int fd;

    if (s->used_bytes + sizeof h + tokens_bytes + s->n_bytes > s->max_bytes)
        shrink(s, s->max_bytes / 8); /* some at a time: looking through the folder takes longer than writing */
    memcpy(h.magic, magic, sizeof magic);
    h.sum = sum_of(&h, r->tokens, data);
    path_of(s, r->hash, "", path);
    path_of(s, r->hash, ".part", part);
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    good = fd >= 0 && put(fd, &h, sizeof h) && put(fd, r->tokens, tokens_bytes) && put(fd, data, s->n_bytes);
    good = fd >= 0 && close(fd) == 0 && good && rename(part, path) == 0;
    if (good) {
        s->used_bytes += sizeof h + tokens_bytes + s->n_bytes;
    } else {
        if (!s->told)
            log_warn("what prompts have in common is not kept on disk: %s: %s", part, strerror(errno));
        s->told = true;
        unlink(part);
    }
    return good;
}

/* Header and tokens, which the caller frees; the file goes on with the data.  false: it is none of ours, or cut short. */
static bool read_record(const struct prefix_store *s, int fd, uint64_t hash, struct header *h, int32_t **tokens)
{
    struct stat st;

    *tokens = NULL;
    if (!get(fd, h, sizeof *h) || memcmp(h->magic, magic, sizeof magic) != 0 || h->hash != hash || h->n_bytes != s->n_bytes ||
        h->n_tokens == 0 || h->n_tokens > MAX_TOKENS || fstat(fd, &st) < 0 ||
        (uint64_t)st.st_size != sizeof *h + h->n_tokens * sizeof **tokens + h->n_bytes)
        return false;
    *tokens = malloc((size_t)h->n_tokens * sizeof **tokens);
    return *tokens && get(fd, *tokens, (size_t)h->n_tokens * sizeof **tokens) && prefix_hash(h->parent, *tokens, (size_t)h->n_tokens) == hash;
}

static int open_file(const struct prefix_store *s, uint64_t hash)
{
    char path[PATH_MAX];

    path_of(s, hash, "", path);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static void discard(struct prefix_store *s, uint64_t hash)
{
    log_warn("%.4000s/%016" PRIx64 " is damaged, of another format or gone: it is removed and its prompt read again", s->dir, hash);
    prefix_store_remove(s, hash);
}

void prefix_store_list(struct prefix_store *s, void (*each)(void *arg, const struct prefix_record *), void *arg)
{
    struct file *files;
    size_t n;

    files = list_files(s, &n);
    for (size_t i = 0; i < n; i++) {
        const uint64_t hash = strtoull(files[i].name, NULL, 16);
        const int fd = open_file(s, hash);
        struct header h;
        int32_t *tokens = NULL;

        if (fd >= 0 && read_record(s, fd, hash, &h, &tokens))
            each(arg, &(struct prefix_record){ h.parent, h.hash, tokens, (size_t)h.n_tokens });
        else
            discard(s, hash);
        free(tokens);
        if (fd >= 0)
            close(fd);
    }
    free(files);
}

bool prefix_store_read(struct prefix_store *s, uint64_t hash, void *data)
{
    const int fd = open_file(s, hash);
    int32_t *tokens = NULL;
    struct header h;
    bool good;

    good = fd >= 0 && read_record(s, fd, hash, &h, &tokens) && get(fd, data, s->n_bytes) && sum_of(&h, tokens, data) == h.sum;
    if (good)
        (void)futimens(fd, NULL); /* used just now */
    else
        discard(s, hash);
    free(tokens);
    if (fd >= 0)
        close(fd);
    return good;
}
