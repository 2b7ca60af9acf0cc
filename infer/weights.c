#include "infer/weights.h"

#include <inttypes.h>
#include <stddef.h>

#define MAX_CHUNKS  64
#define CHUNK_BYTES ((size_t)1 << 16) /* at least: less is done sooner than shared */

/* One tensor, which threads search in pieces. */
struct search {
    const struct gguf_tensor *t;
    size_t n_blocks, per_chunk;
    size_t found[MAX_CHUNKS]; /* by chunk: the first bad block, n_blocks: none */
};

static void search_chunk(void *arg, unsigned chunk, unsigned thread)
{
    struct search *s = arg;
    const struct quant_format *f = s->t->format;
    const size_t first = chunk * s->per_chunk, left = s->n_blocks - first, n = left < s->per_chunk ? left : s->per_chunk;
    const size_t at = quant_find_bad((enum quant_type)f->id, (const unsigned char *)s->t->data + first * f->bytes, n);

    (void)thread;
    s->found[chunk] = at < n ? first + at : s->n_blocks;
}

/* The first bad block, n_blocks: there is none. */
static size_t search(struct search *s, struct pool *pool)
{
    const size_t bytes = s->n_blocks * s->t->format->bytes;
    size_t n_chunks = bytes / CHUNK_BYTES + 1;

    n_chunks = n_chunks < MAX_CHUNKS ? n_chunks : MAX_CHUNKS;
    s->per_chunk = (s->n_blocks + n_chunks - 1) / n_chunks;
    n_chunks = (s->n_blocks + s->per_chunk - 1) / s->per_chunk;
    pool_run(pool, search_chunk, s, (unsigned)n_chunks);
    for (size_t i = 0; i < n_chunks; i++)
        if (s->found[i] < s->n_blocks)
            return s->found[i];
    return s->n_blocks;
}

int weights_check(const struct gguf *g, struct pool *pool, struct err *err)
{
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        struct search s = { .t = t, .n_blocks = (t->bytes - t->format->tail) / t->format->bytes };
        const size_t bad = t->packed ? s.n_blocks : search(&s, pool);

        if (bad < s.n_blocks)
            return fail(err, CORAX_E_ARGS, "tensor %s: %s %zu of %zu is infinite or no number: the file is damaged", t->name,
                        t->format->block > 1 ? "the scale of block" : "value", bad, s.n_blocks);
    }
    return 0;
}
