/*
 * Any bytes as MODEL.packed.  What is accepted has exactly what packing the model gives; what is refused is made anew, and the new file
 * is accepted.
 *
 * The first byte says how the rest is used: as the whole file, or as changes to a good one, three bytes each.  infer/packed.c is a part
 * of this file, so that the model may be small.
 */
#include <stdlib.h>
#include <unistd.h>

#define SMALL 1
#include "infer/packed.c" // NOLINT(bugprone-suspicious-include)

#include "tests/infer/tiny_gguf.h"
#include "util/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char folder[64], model[80], file[100];
static struct pool *pool;
static struct buf good; /* the file as it should be */

static void require(bool is_true)
{
    if (!is_true)
        abort();
}

static void remove_folder(void)
{
    unlink(file);
    unlink(model);
    rmdir(folder);
}

static struct gguf *open_model(void)
{
    struct err err;
    struct gguf *g = gguf_open(model, &err);

    require(g != NULL);
    return g;
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");

    require(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static void start(void)
{
    const struct tiny_spec spec = { 32, 1, 2, 1, 32, 16, QUANT_Q4_0, 3, false, 0, false, NULL };
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    struct packed *made;
    struct gguf *g;
    struct err err;
    struct buf b;

    log_open("packed-fuzz", LOG_LEVEL_ERROR);
    setenv("XDG_CACHE_HOME", "/proc/none", 1);
    snprintf(folder, sizeof folder, "%s/corax-packed-%d", memory, (int)getpid());
    snprintf(model, sizeof model, "%s/model.gguf", folder);
    snprintf(file, sizeof file, "%s.packed", model);
    require(mkdir(folder, 0700) == 0 && (pool = pool_create(1, &err)));
    atexit(remove_folder);
    buf_init(&b, TINY_LIMIT);
    buf_init(&good, TINY_LIMIT);
    tiny_llama(&b, &spec);
    write_file(model, b.data, b.len);
    buf_finish(&b);
    g = open_model();
    require(packed_make(g, model, PACK_ALL, false, pool, &made, &err) == 0 && made && file_read(file, &good, &err) == 0);
    gguf_close(g);
    packed_close(made);
}

enum change { NONE, OF_WEIGHTS, OF_SUMS };

/* What lies between checksums and weights means nothing. */
static enum change compare(const unsigned char *bytes, size_t n)
{
    const struct header *h = (const struct header *)good.data;
    const size_t sums_end = sizeof *h + h->n_tensors * sizeof(uint64_t);

    if (n != good.len || memcmp(bytes, h, sizeof *h) != 0)
        return OF_WEIGHTS;
    if (memcmp(bytes + sizeof *h, good.data + sizeof *h, sums_end - sizeof *h) != 0)
        return OF_SUMS;
    return memcmp(bytes + h->data, good.data + h->data, n - h->data) != 0 ? OF_WEIGHTS : NONE;
}

static enum change make_file(const uint8_t *data, size_t len)
{
    static unsigned char bytes[(size_t)1 << 20];
    size_t n = good.len;

    require(n <= sizeof bytes);
    memcpy(bytes, good.data, n);
    if (data[0] & 3) { /* all bytes, or the first */
        n = len - 1 < n ? len - 1 : n;
        memcpy(bytes, data + 1, n);
        n = data[0] & 1 ? n : good.len;
    } else {
        for (size_t i = 1; i + 3 <= len; i += 3)
            bytes[(data[i] | (size_t)data[i + 1] << 8) % n] ^= data[i + 2];
    }
    if (data[0] & 4)
        n = n * (data[0] >> 3) / 32;
    write_file(file, bytes, n);
    return compare(bytes, n);
}

/* All packed weights, as they were made. */
static bool is_right(const struct gguf *g)
{
    const struct header *h = (const struct header *)good.data;
    const char *want = good.data + h->data;
    bool right = true;

    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        if (!is_wanted(g, t, PACK_ALL)) {
            right &= t->packed == NULL;
            continue;
        }
        right &= t->packed && memcmp(t->packed, want, packed_bytes(t)) == 0;
        want += packed_bytes(t);
    }
    return right;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct packed *p;
    struct gguf *g;
    struct err err;
    enum change change;

    if (!folder[0])
        start();
    if (len < 1)
        return 0;
    change = make_file(data, len);
    g = open_model();
    p = packed_find(g, model, PACK_ALL, pool);
    if (change == OF_SUMS && p) { /* libFuzzer saw the right ones when they were compared: that is malice, no damage */
        packed_close(p);
        gguf_close(g);
        return 0;
    }
    require(!p == (change != NONE));
    if (!p) {
        require(packed_make(g, model, PACK_ALL, false, pool, &p, &err) == 0 && p && is_right(g));
        packed_close(p);
        gguf_close(g);
        g = open_model();
        p = packed_find(g, model, PACK_ALL, pool);
    }
    require(p && is_right(g));
    packed_close(p);
    gguf_close(g);
    return 0;
}
