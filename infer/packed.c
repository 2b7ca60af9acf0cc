#include "infer/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infer/fingerprint.h"
#include "infer/pack.h"
#include "util/checksum.h"
#include "util/id.h"
#include "util/log.h"

#define ALIGNMENT  64
#define MAX_CHUNKS 256
#ifndef SMALL /* in a test, which has small models alone */
#define SMALL ((size_t)64 << 20) /* packed in memory each time */
#endif

struct packed {
    unsigned char *map; /* the file, or memory */
    size_t len;
};

/*
 * A packed file is this, the checksum of each packed tensor, padding, and the tensors, each at a multiple of ALIGNMENT.  It is of this
 * machine's byte order.
 */
struct header {
    char magic[16];
    unsigned char model[HASH_LEN];
    uint64_t types, n_tensors, data, bytes; /* that are packed; where the first tensor begins; of the file */
};
static const char magic[16] = "corax packed 2";

/* --- which tensors, and where ------------------------------------------------------------------------------------- */

/* A matrix of these types that is multiplied with: not an embedding of which rows are taken, and no vector. */
static bool is_wanted(const struct gguf *g, const struct gguf_tensor *t, uint64_t types)
{
    if (t->ne[1] < PACK_ROWS || !(types & PACK_BIT(t->format->id)) || !pack_can((enum quant_type)t->format->id, (size_t)t->ne[0]))
        return false;
    return strcmp(t->name, "token_embd.weight") != 0 || !gguf_find_tensor(g, "output.weight");
}

static size_t n_rows(const struct gguf_tensor *t)
{
    return (size_t)(t->ne[1] * t->ne[2] * t->ne[3]);
}

static size_t n_panels(const struct gguf_tensor *t)
{
    return (n_rows(t) + PACK_ROWS - 1) / PACK_ROWS;
}

static size_t packed_bytes(const struct gguf_tensor *t)
{
    const size_t bytes = n_panels(t) * pack_panel_bytes((enum quant_type)t->format->id, (size_t)t->ne[0]);

    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* --- packing ------------------------------------------------------------------------------------------------------ */

struct job {
    const struct gguf_tensor *t;
    size_t per_chunk;
    unsigned char *out;
};

static void pack_chunk(void *arg, unsigned chunk, unsigned thread)
{
    const struct job *j = arg;
    const enum quant_type type = (enum quant_type)j->t->format->id;
    const size_t k = (size_t)j->t->ne[0], panel_bytes = pack_panel_bytes(type, k), all = n_rows(j->t);
    const size_t first = chunk * j->per_chunk, end = first + j->per_chunk < n_panels(j->t) ? first + j->per_chunk : n_panels(j->t);

    (void)thread;
    for (size_t p = first; p < end; p++) {
        const size_t row = p * PACK_ROWS, n = all - row < PACK_ROWS ? all - row : PACK_ROWS;

        pack_panel(type, (const unsigned char *)j->t->data + row * j->t->row_bytes, j->t->row_bytes, n, k, j->out + p * panel_bytes);
    }
}

static void pack_tensor(const struct gguf_tensor *t, struct pool *pool, unsigned char *out)
{
    struct job j = { t, n_panels(t) / MAX_CHUNKS + 1, out };

    pool_run(pool, pack_chunk, &j, (unsigned)((n_panels(t) + j.per_chunk - 1) / j.per_chunk));
}

/* --- checksums ---------------------------------------------------------------------------------------------------- */

struct sums {
    const unsigned char *bytes;
    size_t n, per_chunk;
    uint64_t found[MAX_CHUNKS];
};

static void sum_chunk(void *arg, unsigned chunk, unsigned thread)
{
    struct sums *s = arg;
    const size_t first = chunk * s->per_chunk, left = s->n - first;

    (void)thread;
    s->found[chunk] = checksum(s->bytes + first, left < s->per_chunk ? left : s->per_chunk);
}

static uint64_t sum_tensor(const unsigned char *bytes, size_t n, struct pool *pool)
{
    struct sums s = { .bytes = bytes, .n = n };
    size_t n_chunks;

    s.per_chunk = (n / MAX_CHUNKS / ALIGNMENT + 1) * ALIGNMENT;
    n_chunks = (n + s.per_chunk - 1) / s.per_chunk;
    memset(s.found, 0, sizeof s.found);
    pool_run(pool, sum_chunk, &s, (unsigned)n_chunks);
    return checksum(s.found, sizeof s.found);
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* The i-th place where the file may be; false: there is none. */
static bool place(const char *model, int i, const unsigned char hash[HASH_LEN], char path[PATH_MAX])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char name[2 * HASH_LEN + 1], folder[PATH_MAX];
    int n;

    if (i == 0)
        return snprintf(path, PATH_MAX, "%s.packed", model) < PATH_MAX;
    if (i > 1 || ((!cache || cache[0] != '/') && (!home || home[0] != '/')))
        return false;
    n = cache && cache[0] == '/' ? snprintf(folder, sizeof folder, "%s", cache) : snprintf(folder, sizeof folder, "%s/.cache", home);
    if (n < 0 || (size_t)n + 16 > sizeof folder)
        return false;
    (void)mkdir(folder, 0700);
    memcpy(folder + n, "/corax", sizeof "/corax");
    (void)mkdir(folder, 0700);
    hash_format(hash, name);
    return snprintf(path, PATH_MAX, "%s/%.32s.packed", folder, name) < PATH_MAX;
}

/* Tensors stand one behind the other from `at` on. */
static void give_places(struct gguf *g, uint64_t types, const unsigned char *at)
{
    for (size_t i = 0; i < gguf_n_tensors(g); i++)
        if (is_wanted(g, gguf_tensor_at(g, i), types)) {
            gguf_set_packed(g, i, at);
            at += packed_bytes(gguf_tensor_at(g, i));
        }
}

static bool sums_agree(const struct gguf *g, uint64_t types, const uint64_t *sums, const unsigned char *at, struct pool *pool)
{
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        if (!is_wanted(g, t, types))
            continue;
        if (sum_tensor(at, packed_bytes(t), pool) != *sums++)
            return false;
        at += packed_bytes(t);
    }
    return true;
}

/* A file that was made of this model; false: there is none, or it is damaged. */
static bool load(struct packed *p, struct gguf *g, const char *path, const struct header *want, struct pool *pool)
{
    const struct header *h;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != want->bytes) {
        close(fd);
        return false;
    }
    p->len = (size_t)want->bytes;
    p->map = mmap(NULL, p->len, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (p->map == MAP_FAILED)
        return false;
    h = (const struct header *)p->map;
    if (memcmp(h, want, sizeof *h) == 0 && sums_agree(g, h->types, (const uint64_t *)(h + 1), p->map + h->data, pool))
        return true;
    munmap(p->map, p->len);
    return false;
}

static void pack_all(const struct gguf *g, uint64_t types, unsigned char *at, uint64_t *sums, struct pool *pool)
{
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        if (!is_wanted(g, t, types))
            continue;
        pack_tensor(t, pool, at);
        if (sums)
            *sums++ = sum_tensor(at, packed_bytes(t), pool);
        at += packed_bytes(t);
    }
}

/* A file that nobody else is writing; -1: there is none.  What a killed program left is written over. */
static int open_part(const char *part, mode_t mode, uint64_t bytes)
{
    int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);

    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || ftruncate(fd, 0) < 0 || (errno = posix_fallocate(fd, 0, (off_t)bytes)) != 0) {
        if (errno != EWOULDBLOCK)
            unlink(part);
        close(fd);
        return -1;
    }
    return fd;
}

/* Makes the file; its room is taken before anything is written into the map, where a full disk would be a signal. */
static bool make(struct packed *p, const struct gguf *g, const char *path, mode_t mode, const struct header *want, struct pool *pool)
{
    char part[PATH_MAX + 8];
    bool good;
    int fd;

    snprintf(part, sizeof part, "%s.part", path);
    fd = open_part(part, mode, want->bytes);
    p->len = (size_t)want->bytes;
    p->map = fd < 0 ? MAP_FAILED : mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    good = p->map != MAP_FAILED;
    if (good) {
        pack_all(g, want->types, p->map + want->data, (uint64_t *)(p->map + sizeof *want), pool);
        memcpy(p->map, want, sizeof *want);
        good = msync(p->map, p->len, MS_SYNC) == 0 && mprotect(p->map, p->len, PROT_READ) == 0 && rename(part, path) == 0;
        if (!good)
            munmap(p->map, p->len);
    }
    if (good)
        log_info("packed the model for this processor into %s, %zu MB", path, p->len / 1000000);
    else
        log_info("cannot write %s: %s", path, strerror(errno));
    if (fd >= 0) {
        if (!good)
            unlink(part);
        close(fd);
    }
    return good;
}

static bool use_memory(struct packed *p, const struct gguf *g, const struct header *h, struct pool *pool)
{
    p->len = (size_t)h->bytes;
    p->map = mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p->map == MAP_FAILED)
        return false;
    (void)madvise(p->map, p->len, MADV_HUGEPAGE);
    pack_all(g, h->types, p->map + h->data, NULL, pool);
    return true;
}

/* Of types those that the model has.  0: there is nothing to pack. */
static uint64_t describe(const struct gguf *g, uint64_t types, struct header *h)
{
    memset(h, 0, sizeof *h);
    memcpy(h->magic, magic, sizeof h->magic);
    for (size_t i = 0; i < gguf_n_tensors(g); i++)
        if (is_wanted(g, gguf_tensor_at(g, i), types)) {
            h->types |= PACK_BIT(gguf_tensor_at(g, i)->format->id);
            h->n_tensors++;
            h->bytes += packed_bytes(gguf_tensor_at(g, i));
        }
    h->data = (sizeof *h + h->n_tensors * sizeof(uint64_t) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    h->bytes += h->data;
    return h->n_tensors;
}

struct packed *packed_find(struct gguf *g, const char *model, uint64_t types, struct pool *pool)
{
    struct packed *p = NULL;
    char path[PATH_MAX];
    struct header h;

    if (describe(g, types, &h) == 0 || h.bytes < SMALL || !fingerprint_model(g, model, h.model) || !(p = calloc(1, sizeof *p)))
        return NULL;
    for (int i = 0; place(model, i, h.model, path); i++)
        if (load(p, g, path, &h, pool)) {
            give_places(g, h.types, p->map + h.data);
            return p;
        }
    free(p);
    return NULL;
}

int packed_make(struct gguf *g, const char *model, uint64_t types, bool in_memory, struct pool *pool, struct packed **out, struct err *err)
{
    struct packed *p;
    char path[PATH_MAX];
    struct header h;
    struct stat st;
    bool good = false;

    *out = NULL;
    if (describe(g, types, &h) == 0)
        return 0;
    p = calloc(1, sizeof *p);
    if (p && !in_memory && h.bytes >= SMALL && fingerprint_model(g, model, h.model) && stat(model, &st) == 0)
        for (int i = 0; !good && place(model, i, h.model, path); i++)
            good = make(p, g, path, st.st_mode & 0666, &h, pool);
    if (p && !good)
        good = use_memory(p, g, &h, pool);
    if (!good) {
        free(p);
        return fail(err, CORAX_E_LIMIT, "out of memory for %" PRIu64 " bytes of packed weights", h.bytes);
    }
    give_places(g, h.types, p->map + h.data);
    *out = p;
    return 0;
}

void packed_close(struct packed *p)
{
    if (!p)
        return;
    munmap(p->map, p->len);
    free(p);
}
