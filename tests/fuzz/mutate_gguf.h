/*
 * tests/fuzz/mutate_gguf.h - changes one thing in a GGUF file that can be read, and leaves the rest a file that can.
 *
 * Bytes changed at random hardly get past the header: counts, lengths and offsets no longer fit.  Here they are written anew
 * around the change, so that what comes out reaches the loaders of the families and the tokenizers.
 */
#ifndef TESTS_FUZZ_MUTATE_GGUF_H
#define TESTS_FUZZ_MUTATE_GGUF_H

#include "infer/gguf.h"
#include "tests/infer/tiny_gguf.h"

static inline uint64_t mutate_value(uint64_t *random)
{
    static const uint64_t interesting[] = {
        0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 33, 64, 127, 255, 256, 4096, 65535, 65536, 1u << 20, 0x7fffffff, 0x80000000u, 0xffffffffu,
        (uint64_t)1 << 32, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX, 0x7f800000, 0x7fc00000, 0xff800000, 0x3f800000,
    };

    if (tiny_random(random) % 4 == 0)
        return tiny_random(random) % 300;
    return interesting[tiny_random(random) % (sizeof interesting / sizeof interesting[0])];
}

static inline size_t mutate_size(enum gguf_type type)
{
    static const size_t sizes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

    return type <= GGUF_F64 ? sizes[type] : 0;
}

static inline void mutate_string(struct buf *b, struct gguf_string s, bool change, uint64_t *random)
{
    static const char *const strings[] = {
        "", "llama", "gpt2", "t5", "rwkv", "biogpt", "<0x-1>", "<0x00>", "<0xZZ>", "<0x100>", "\\x", "\\x4", "b'", "a b", " a", "a ",
        "a", "\xe2\x96\x81", "\xc4\xa0", "\xff", "linear", "yarn", "longrope", "none", "corax-1", "gelu", "relu2",
        "default", "llama-bpe", "qwen2",
    };
    const char *other = strings[tiny_random(random) % (sizeof strings / sizeof strings[0])];

    if (change)
        tiny_string(b, other);
    else
        tiny_text(b, s.s, s.len);
}

/* Elements of the value, one of which (`changed`, if there is one) becomes something else. */
static inline void mutate_items(struct buf *b, const struct gguf_kv *kv, uint64_t n, uint64_t changed, uint64_t *random)
{
    const size_t size = mutate_size(kv->item);
    const unsigned char *at = kv->data;

    for (uint64_t i = 0; i < n; i++) {
        if (kv->item == GGUF_STRING) {
            struct gguf_string s = { "", 0 };

            if (i < kv->n)
                s = gguf_next_string(&at);
            mutate_string(b, s, i == changed, random);
        } else {
            uint64_t value = mutate_value(random);

            buf_add(b, i == changed || i >= kv->n ? (const void *)&value : kv->data + i * size, size);
        }
    }
}

static inline void mutate_kv(struct buf *b, const struct gguf_kv *kv, bool change, uint64_t *random)
{
    const uint64_t what = change ? tiny_random(random) % 4 : 4, value = mutate_value(random);
    uint64_t n = kv->n, changed = UINT64_MAX;

    tiny_string(b, kv->key);
    if (what == 0 && kv->type != GGUF_ARRAY && kv->type != GGUF_STRING) { /* a number of another type */
        const enum gguf_type type = tiny_random(random) % 2 ? GGUF_F32 : tiny_random(random) % 2 ? GGUF_U64 : GGUF_I32;

        tiny_u32(b, type);
        buf_add(b, &value, mutate_size(type));
        return;
    }
    tiny_u32(b, kv->type);
    if (what < 3)
        changed = n ? tiny_random(random) % n : 0;
    if (kv->type == GGUF_ARRAY) {
        if (what == 3)
            n = tiny_random(random) % 2 && n > 0 ? n - 1 : n + 1;
        tiny_u32(b, kv->item);
        tiny_u64(b, n);
    }
    mutate_items(b, kv, n, changed, random);
}

struct mutate_tensor {
    const struct gguf_tensor *t;
    uint32_t type, n_dims;
    uint64_t ne[GGUF_MAX_DIMS];
    size_t bytes;
};

static inline void mutate_shape(struct mutate_tensor *t, uint64_t *random)
{
    static const uint32_t types[] = { 0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23, 30, 34, 35, 36, 39, 16, 24 };
    uint64_t *ne = &t->ne[tiny_random(random) % t->n_dims];

    switch (tiny_random(random) % 5) {
    case 0:
        t->type = types[tiny_random(random) % (sizeof types / sizeof types[0])];
        break;
    case 1:
        *ne = tiny_random(random) % 2 ? *ne + 1 : *ne - 1;
        break;
    case 2:
        *ne = mutate_value(random);
        break;
    case 3:
        t->n_dims = 1 + (uint32_t)(tiny_random(random) % GGUF_MAX_DIMS);
        break;
    default:
        *ne = t->ne[0];
        t->ne[0] = t->ne[t->n_dims - 1];
        break;
    }
}

/* Bytes of data, at most `most`: what does not fit any more is refused in another place. */
static inline size_t mutate_bytes(const struct mutate_tensor *t, size_t most)
{
    const struct quant_format *f = quant_find(t->type);
    unsigned __int128 n = 1;

    for (uint32_t d = 0; d < t->n_dims; d++)
        n = n * t->ne[d] > UINT64_MAX ? UINT64_MAX : n * t->ne[d];
    n = n / f->block * f->bytes + f->tail;
    return n < most ? (size_t)n : most;
}

/* A file with one change, at most max_len bytes; 0: there is none that fits. */
static inline size_t mutate_gguf(const uint8_t *data, size_t len, uint8_t *out, size_t max_len, uint64_t random)
{
    struct gguf *g = gguf_parse(data, len, NULL);
    const size_t n_kv = g ? gguf_n_kv(g) : 0, n_tensors = g ? gguf_n_tensors(g) : 0;
    size_t victim, offset = 0, n_written = 0;
    struct mutate_tensor *tensors;
    struct buf b;

    if (n_kv + n_tensors == 0) {
        gguf_close(g);
        return 0;
    }
    const uint64_t how = tiny_random(&random) % 8; /* 0: left out; 1: twice; 2: data of a tensor; otherwise changed */

    victim = tiny_random(&random) % (n_kv + n_tensors);
    tensors = calloc(n_tensors + 1, sizeof *tensors);
    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, gguf_version(g), n_tensors - (how == 0 && victim >= n_kv), n_kv - (how == 0 && victim < n_kv) + (how == 1 && victim < n_kv));
    for (size_t i = 0; i < n_kv; i++) {
        if (i == victim && how == 0)
            continue;
        mutate_kv(&b, gguf_kv_at(g, i), i == victim && how > 1, &random);
        if (i == victim && how == 1)
            mutate_kv(&b, gguf_kv_at(g, i), true, &random);
    }
    for (size_t i = 0; i < n_tensors; i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        struct mutate_tensor *m = &tensors[n_written];

        if (i + n_kv == victim && how == 0)
            continue;
        *m = (struct mutate_tensor){ t, t->format->id, t->n_dims, { t->ne[0], t->ne[1], t->ne[2], t->ne[3] }, 0 };
        if (i + n_kv == victim && how > 2)
            mutate_shape(m, &random);
        m->bytes = mutate_bytes(m, max_len);
        tiny_tensor(&b, t->name, m->n_dims, m->ne, m->type, offset);
        offset = (offset + m->bytes + 31) & ~(size_t)31;
        n_written++;
    }
    for (size_t i = 0; i < n_written && b.len <= max_len; i++) {
        const size_t n = tensors[i].bytes < tensors[i].t->bytes ? tensors[i].bytes : tensors[i].t->bytes;

        tiny_pad(&b, 32);
        buf_add(&b, tensors[i].t->data, n);
        for (size_t j = n; j < tensors[i].bytes; j++)
            buf_addc(&b, 0);
        if (how == 2 && n > 2 && tensors[i].t == gguf_tensor_at(g, victim >= n_kv ? victim - n_kv : 0))
            memcpy(b.data + b.len - tensors[i].bytes + tiny_random(&random) % (n - 1), &(uint16_t){ (uint16_t)mutate_value(&random) }, 2);
    }
    tiny_pad(&b, 32);
    len = b.len <= max_len && !b.failed ? b.len : 0;
    memcpy(out, b.data, len);
    free(tensors);
    buf_finish(&b);
    gguf_close(g);
    return len;
}

#endif
