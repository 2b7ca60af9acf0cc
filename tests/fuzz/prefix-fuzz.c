/*
 * Any bytes as the files that the prefix cache keeps, of pages and of checkpoints: sequences are added, found, saved and looked for
 * again by a cache that starts anew, while files are damaged, cut, renamed, replaced by others and invented.  What is found is a
 * beginning of what was asked for, and remembers what these tokens gave; as long as no file was invented whose checksum is right,
 * which only malice can do.
 *
 * The first byte says which kind; then come operations, a byte each with what they want behind it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infer/prefix_cache.h"
#include "util/log.h"

#define N_CTX     768
#define N_OPS     24 /* of an input */
#define N_VALUES  8
#define MAX_BYTES ((size_t)12 << 15) /* of pages, or of files: some give way */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct subject {
    struct shape shape;
    struct pages *pages;
};

struct input {
    const uint8_t *data;
    size_t len;
};

/* What an input works on. */
struct world {
    struct subject *subject;
    struct prefix_cache *cache;
    struct prefix_store *store;
    bool forged; /* there may be a file that says something else with a right checksum */
};

static char folder[64], files[80];

static void require(bool good)
{
    if (!good)
        abort();
}

static uint8_t next(struct input *in)
{
    return in->len ? in->len--, *in->data++ : 0;
}

static void start(struct subject *subjects)
{
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    struct kv_layout layout = { .n_layer = 1 };
    struct err err;

    log_open("prefix-fuzz", LOG_LEVEL_ERROR);
    snprintf(folder, sizeof folder, "%s/corax-prefix-%d", memory, (int)getpid());
    snprintf(files, sizeof files, "%s/x", folder);
    subjects[1].shape = (struct shape){ .n_layer = 1, .n_recurrent = N_VALUES };
    subjects[1].pages = pages_create(&layout, 0, &err);
    require(kv_layout_init(&layout, QUANT_Q8_0, 1, 1, 32, &err) == 0);
    subjects[0].shape = (struct shape){ .n_layer = 1, .n_kv_head = 1, .head_dim = 32 };
    subjects[0].pages = pages_create(&layout, MAX_BYTES, &err);
    require(subjects[0].pages && subjects[1].pages);
}

static void remove_files(void)
{
    DIR *d = opendir(files);

    for (const struct dirent *f; d && (f = readdir(d));)
        unlinkat(dirfd(d), f->d_name, 0);
    if (d)
        closedir(d);
}

static void remove_folder(void)
{
    remove_files();
    rmdir(files);
    rmdir(folder);
}

/* --- sequences ---------------------------------------------------------------------------------------------------- */

/* A few variants, which part at a few places. */
static size_t make_tokens(struct input *in, int32_t *tokens)
{
    const int32_t variant = next(in) % 4;
    const size_t parts = (size_t)next(in) * 3, n = 1 + (size_t)next(in) * 3;

    for (size_t i = 0; i < N_CTX; i++)
        tokens[i] = (int32_t)(i % 100) + (i >= parts ? 100 * variant : 0);
    return n < N_CTX ? n : N_CTX;
}

/* The values of a position, one behind the other, and after the tokens. */
static unsigned char *row(const struct subject *s, unsigned char *page, size_t position)
{
    return page + pages_layout(s->pages)->side_bytes + position * pages_layout(s->pages)->width;
}

static void remember(const struct subject *s, struct state *state, const int32_t *tokens, size_t first, size_t n)
{
    uint64_t h = first ? prefix_hash(0, tokens, first) : 0;

    require(state_reserve(state, first, n, NULL) == 0);
    for (size_t i = first; i < n; i++) {
        h = prefix_hash(h, tokens + i, 1);
        if (s->shape.n_recurrent == 0)
            memcpy(row(s, state->table[i / STATE_BLOCK]->data, i % STATE_BLOCK), &h, sizeof h);
    }
    if (s->shape.n_recurrent)
        for (size_t i = 0; i < N_VALUES; i++)
            state->recurrent[i] = (float)(h >> 8 * i & 0xff);
}

static bool remembers(const struct subject *s, const struct state *state, const int32_t *tokens, size_t n)
{
    uint64_t h = 0;
    bool good = true;

    for (size_t i = 0; i < n; i++) {
        h = prefix_hash(h, tokens + i, 1);
        if (s->shape.n_recurrent == 0)
            good &= memcmp(row(s, state->table[i / STATE_BLOCK]->data, i % STATE_BLOCK), &h, sizeof h) == 0;
    }
    if (s->shape.n_recurrent)
        for (size_t i = 0; i < N_VALUES; i++)
            good &= state->recurrent[i] == (n ? (float)(h >> 8 * i & 0xff) : 0);
    return good;
}

/* As the scheduler does: what is known is taken, the rest is read, and all is kept. */
static void use(struct world *w, struct input *in, bool add)
{
    const struct subject *s = w->subject;
    int32_t tokens[N_CTX];
    const size_t n = make_tokens(in, tokens);
    struct state state;
    size_t found, worth;

    require(state_init(&state, &s->shape, s->pages, N_CTX, NULL) == 0);
    found = prefix_cache_find(w->cache, tokens, n, &state, &worth);
    require(found <= n && worth <= n && state.n_pages == (s->shape.n_recurrent ? 0 : (found + STATE_BLOCK - 1) / STATE_BLOCK));
    require(w->forged || remembers(s, &state, tokens, found));
    while (add && state_reserve(&state, found, n, NULL) < 0)
        require(prefix_cache_shrink(w->cache));
    if (add) {
        remember(s, &state, tokens, found, n);
        prefix_cache_add(w->cache, tokens, n, &state);
    }
    state_finish(&state);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

/* The name of one of them; false: there is none. */
static bool pick(struct input *in, char path[400])
{
    DIR *d = opendir(files);
    size_t which = next(in) % 16, n = 0;
    bool found = false;

    for (const struct dirent *f; !found && d && (f = readdir(d));)
        if (f->d_name[0] != '.' && n++ == which) {
            snprintf(path, 400, "%s/%s", files, f->d_name);
            found = true;
        }
    if (d)
        closedir(d);
    return found;
}

static void change_byte(struct input *in)
{
    char path[400];
    struct stat st;
    unsigned char c;
    off_t at;
    int fd;

    if (!pick(in, path) || (fd = open(path, O_RDWR)) < 0)
        return;
    at = next(in) << 8;
    at |= next(in);
    require(fstat(fd, &st) == 0);
    if (st.st_size > 0) {
        at %= st.st_size;
        require(pread(fd, &c, 1, at) == 1);
        c ^= next(in) | 1;
        require(pwrite(fd, &c, 1, at) == 1);
    }
    close(fd);
}

static void change_length(struct input *in)
{
    char path[400];
    struct stat st;
    off_t n;

    if (!pick(in, path) || stat(path, &st) < 0)
        return;
    n = next(in);
    require(truncate(path, next(in) & 1 ? st.st_size + n : n * 4 < st.st_size ? n * 4 : 0) == 0);
}

static void rename_one(struct input *in)
{
    char from[400], to[400];

    if (!pick(in, from) || !pick(in, to))
        return;
    if (next(in) & 1)
        snprintf(to, sizeof to, "%s/%016x", files, next(in));
    require(rename(from, to) == 0);
}

/* All bytes of a file; its name is what a header would say. */
static void write_raw(struct world *w, struct input *in)
{
    const size_t want = (size_t)next(in) * 2, n = want < in->len ? want : in->len;
    uint64_t name = 7;
    char path[400];
    int fd;

    if (n >= 32)
        memcpy(&name, in->data + 24, sizeof name);
    snprintf(path, sizeof path, "%s/%016llx", files, (unsigned long long)name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    require(fd >= 0 && write(fd, in->data, n) == (ssize_t)n && close(fd) == 0);
    w->forged |= n > prefix_cache_node_bytes(w->cache); /* what compares checksums shows libFuzzer the right one */
    in->data += n;
    in->len -= n;
}

/* A file as the cache writes it, which says what it likes. */
static void forge(struct world *w, struct input *in)
{
    static unsigned char bytes[(size_t)1 << 16];
    int32_t tokens[N_CTX];
    size_t n = make_tokens(in, tokens), skip = next(in) * (size_t)4;
    const uint8_t how = next(in);
    struct prefix_record r;

    skip = how & 1 ? 0 : skip < n ? skip / STATE_BLOCK * STATE_BLOCK : 0;
    r = (struct prefix_record){ skip ? prefix_hash(0, tokens, skip) : 0, 0, tokens + skip, n - skip };
    if (how & 2)
        tokens[skip] = -tokens[skip] - 1;
    if (how & 4)
        r.parent = next(in);
    r.hash = how & 8 ? next(in) : prefix_hash(r.parent, r.tokens, r.n_tokens);
    memset(bytes, how & 16 ? 0xff : how, prefix_cache_node_bytes(w->cache));
    w->forged = true;
    (void)prefix_store_write(w->store, &r, bytes);
}

/* --- an input ----------------------------------------------------------------------------------------------------- */

static void begin(struct world *w)
{
    struct err err;

    w->cache = prefix_cache_create(&w->subject->shape, w->subject->pages, N_VALUES * sizeof(float) * 6, &err);
    w->store = prefix_store_open(folder, "x", prefix_cache_node_bytes(w->cache), MAX_BYTES, &err);
    require(w->cache && w->store);
    prefix_cache_use(w->cache, w->store);
}

static void finish(struct world *w)
{
    prefix_cache_destroy(w->cache);
    prefix_store_close(w->store);
    require(pages_n_used(w->subject->pages) == 0);
}

static void operate(struct world *w, struct input *in)
{
    switch (next(in) % 12) {
    case 0:
    case 1:
        use(w, in, true);
        break;
    case 2:
        use(w, in, false);
        break;
    case 3:
        while (prefix_cache_save(w->cache))
            ;
        break;
    case 4:
        (void)prefix_cache_save(w->cache);
        break;
    case 5:
        (void)prefix_cache_shrink(w->cache);
        break;
    case 6:
        finish(w);
        begin(w);
        break;
    case 7:
        change_byte(in);
        break;
    case 8:
        change_length(in);
        break;
    case 9:
        rename_one(in);
        break;
    case 10:
        write_raw(w, in);
        break;
    default:
        forge(w, in);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct subject subjects[2];
    struct world w = { 0 };
    struct input in = { data, len };

    if (!folder[0]) {
        start(subjects);
        atexit(remove_folder);
    }
    w.subject = &subjects[next(&in) & 1];
    begin(&w);
    for (int i = 0; i < N_OPS && in.len; i++)
        operate(&w, &in);
    finish(&w);
    remove_files();
    return 0;
}
