/* refresh.c - see refresh.h. */
#include "refresh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "folder.h"

#define MAX_LINES 10 /* about left-out files, in the log of one walk */
#define FRESH_NS \
    2000000000LL /* a file this young may change again without its times changing: they tick in milliseconds */
#define STAMP_SIZE (STORE_MAX_STAMP + 1)

struct walk {
    struct store *store;
    bool (*go_on)(void *arg);
    void *arg;
    char *bytes, *repaired;
    size_t n_files, n_left_out;
    int64_t n_bytes;
    bool full;
    enum store_status status;
};

static void leave_out(struct walk *w, const char *path, const char *why)
{
    if (++w->n_left_out <= MAX_LINES)
        fprintf(stderr, "search: %s is left out: %s\n", path, why);
}

static bool is_wanted(void *arg, const char *name)
{
    enum passage_format format;

    return passage_format_of(name, &format);
}

static bool is_fresh(const struct stat *st)
{
    struct timespec now;
    int64_t age;

    clock_gettime(CLOCK_REALTIME, &now);
    age = (int64_t)(now.tv_sec - st->st_mtim.tv_sec) * 1000000000LL + (now.tv_nsec - st->st_mtim.tv_nsec);
    return age >= 0 && age < FRESH_NS;
}

/* Changes when the file does; empty, which is like no other, for a file that is too young to tell. */
static void make_stamp(const struct stat *st, char out[STAMP_SIZE])
{
    out[0] = '\0';
    if (!is_fresh(st))
        snprintf(out, STAMP_SIZE, "%lld:%lld.%09ld:%lld.%09ld:%llu", (long long)st->st_size,
                 (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
                 (unsigned long long)st->st_ino);
}

/* The file's text, valid UTF-8; an empty one where it is not to be searched. */
static void read_text(struct walk *w, const struct folder_entry *e, const char **text, size_t *len)
{
    long n = -1;

    *text = "";
    *len = 0;
    if (e->st->st_size <= REFRESH_MAX_FILE) {
        n = folder_read(e, w->bytes, REFRESH_MAX_FILE + 1);
        if (n < 0) {
            leave_out(w, e->path, strerror(errno));
            return;
        }
    }
    if (n < 0 || n > REFRESH_MAX_FILE) {
        leave_out(w, e->path, "it is larger than 4 MiB");
    } else if (memchr(w->bytes, '\0', (size_t)n)) {
        leave_out(w, e->path, "it has NUL bytes, so it is no text");
    } else if (text_is_valid(w->bytes, (size_t)n)) {
        *text = w->bytes;
        *len = (size_t)n;
    } else {
        *len = text_repair(w->bytes, (size_t)n, w->repaired);
        *text = w->repaired;
    }
}

static bool has_room(struct walk *w, const struct folder_entry *e)
{
    int64_t size = e->st->st_size <= REFRESH_MAX_FILE ? e->st->st_size : 0;

    if (w->full || w->n_files >= REFRESH_MAX_FILES || size > REFRESH_MAX_BYTES - w->n_bytes) {
        w->full = true;
        return false;
    }
    w->n_files++;
    w->n_bytes += size;
    return true;
}

static bool visit(void *arg, const struct folder_entry *e)
{
    struct walk *w = arg;
    char stamp[STAMP_SIZE];
    enum passage_format format;
    const char *text;
    size_t len;
    bool known;

    if (!has_room(w, e))
        return true;
    if (!w->go_on(w->arg)) {
        w->status = STORE_STOPPED;
        return false;
    }
    make_stamp(e->st, stamp);
    w->status = store_has(w->store, e->path, stamp, &known);
    if (w->status != STORE_OK || known)
        return w->status == STORE_OK;
    read_text(w, e, &text, &len);
    passage_format_of(e->name, &format);
    w->status = store_put(w->store, e->path, stamp, text, len, format);
    return w->status == STORE_OK;
}

static void say_limits(const struct walk *w, const struct folder_walk *f)
{
    static bool said;

    if (w->n_left_out > MAX_LINES)
        fprintf(stderr, "search: %zu more files are left out\n", w->n_left_out - MAX_LINES);
    if (said || (!w->full && !f->too_deep && !f->too_many))
        return;
    said = true;
    if (w->full)
        fprintf(stderr, "search: files after the first %zu (%lld bytes) are left out\n", w->n_files,
                (long long)w->n_bytes);
    if (f->too_deep)
        fprintf(stderr, "search: folders more than %d deep are left out\n", FOLDER_MAX_DEPTH);
    if (f->too_many)
        fprintf(stderr, "search: the folders have more than %d names; the rest is left out\n", FOLDER_MAX_NAMES);
}

static enum store_status walk_all(struct walk *w, const struct refresh_root *roots, size_t n_roots)
{
    struct folder_walk f = { .wanted = is_wanted, .visit = visit, .arg = w };
    enum store_status ended;

    w->status = store_begin(w->store);
    for (size_t i = 0; i < n_roots && w->status == STORE_OK; i++)
        folder_walk(&f, roots[i].name, roots[i].path);
    say_limits(w, &f);
    if (w->status == STORE_FAILED)
        return STORE_FAILED;
    ended = store_end(w->store, w->status == STORE_OK);
    return ended == STORE_OK ? w->status : ended;
}

enum store_status refresh(struct store *s, const struct refresh_root *roots, size_t n_roots, bool (*go_on)(void *arg),
                          void *arg)
{
    struct walk w = { .store = s, .go_on = go_on, .arg = arg };
    enum store_status status = STORE_FAILED;

    w.bytes = malloc(REFRESH_MAX_FILE + 1);
    w.repaired = malloc(3 * (size_t)REFRESH_MAX_FILE);
    if (w.bytes && w.repaired)
        status = walk_all(&w, roots, n_roots);
    free(w.bytes);
    free(w.repaired);
    return status;
}
