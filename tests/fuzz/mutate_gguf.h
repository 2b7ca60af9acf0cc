/*
 * tests/fuzz/mutate_gguf.h - changes one thing in a GGUF file that can be read, and leaves the rest a file that can.
 *
 * Bytes changed at random hardly get past the header: counts, lengths and offsets no longer fit.  Here they are written
 * anew around the change, so that what comes out reaches the loaders of the families and the tokenizers.
 */
#ifndef TESTS_FUZZ_MUTATE_GGUF_H
#define TESTS_FUZZ_MUTATE_GGUF_H

#include "infer/gguf.h"
#include "tests/infer/tiny_gguf.h"

enum mutate_how {
    MUTATE_OMIT, MUTATE_REPEAT, MUTATE_DATA, MUTATE_OFFSET, MUTATE_ADD, MUTATE_ARCH, MUTATE_ALIGN, MUTATE_VALUE
};

struct mutation {
    const struct gguf *g, *other; /* other: what is added is taken from it; NULL: from a list */
    enum mutate_how how;
    size_t victim;                /* a key of g (ADD: of other), or, behind the keys, a tensor */
    uint64_t random, alignment;
    struct gguf_string arch, new_arch;
};

static inline uint64_t mutate_below(struct mutation *m, uint64_t n)
{
    return tiny_random(&m->random) % n;
}

static inline uint64_t mutate_number(struct mutation *m)
{
    static const uint64_t interesting[] = {
        0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 33, 64, 127, 255, 256, 4096, 65535, 65536, 1u << 20, 0x7fffffff, 0x80000000u,
        0xffffffffu, (uint64_t)1 << 32, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX, 0x7f800000, 0x7fc00000, 0xff800000,
        0x3f800000, 0x7f7fffff, 0x00000001, 0x80000001u, 0x7ff0000000000000, 0x7ff8000000000000,
    };

    if (mutate_below(m, 4) == 0)
        return mutate_below(m, 300);
    return interesting[mutate_below(m, sizeof interesting / sizeof interesting[0])];
}

static inline size_t mutate_size(enum gguf_type type)
{
    static const size_t sizes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

    return type <= GGUF_F64 ? sizes[type] : 0;
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static inline void mutate_string(struct buf *b, struct gguf_string s, struct mutation *m)
{
    static const char *const strings[] = {
        "", "llama", "gpt2", "t5", "rwkv", "biogpt", "<0x-1>", "<0x00>", "<0xZZ>", "<0x100>", "\\x", "\\x4", "b'",
        "a b", " a", "a ", "a", "\xe2\x96\x81", "\xc4\xa0", "\xff", "\xf0\x9f", "linear", "yarn", "longrope", "none",
        "corax-1", "gelu", "relu2", "default", "llama-bpe", "qwen2", "starcoder", "<0x0a>", "</w>", "a</w>", "\\",
        "\\u12", "<s>",
    };
    const size_t at = s.len ? mutate_below(m, s.len) : 0;
    struct buf text;

    buf_init(&text, TINY_LIMIT);
    switch (mutate_below(m, 8)) {
    case 0: /* cut short */
        buf_add(&text, s.s, at);
        break;
    case 1: /* twice */
        buf_add(&text, s.s, s.len);
        buf_add(&text, s.s, s.len);
        break;
    case 2: /* one byte of it */
        buf_add(&text, s.s, s.len);
        if (s.len)
            text.data[at] = (char)mutate_below(m, 256);
        break;
    default:
        buf_adds(&text, strings[mutate_below(m, sizeof strings / sizeof strings[0])]);
        break;
    }
    tiny_text(b, text.data ? text.data : "", text.len);
    buf_finish(&text);
}

/* n elements of the value, one of which (`changed`, if there is one) becomes something else. */
static inline void mutate_items(struct buf *b, const struct gguf_kv *kv, uint64_t n, uint64_t changed,
                                struct mutation *m)
{
    const size_t size = mutate_size(kv->item);
    const unsigned char *at = kv->data;

    for (uint64_t i = 0; i < n; i++) {
        const uint64_t number = mutate_number(m);
        struct gguf_string s = { "", 0 };

        if (kv->item == GGUF_STRING) {
            if (i < kv->n)
                s = gguf_next_string(&at);
            if (i == changed)
                mutate_string(b, s, m);
            else
                tiny_text(b, s.s, s.len);
        } else {
            buf_add(b, i == changed || i >= kv->n ? (const void *)&number : kv->data + i * size, size);
        }
    }
}

/* Of the architecture's own keys the first part follows it. */
static inline void mutate_key(struct buf *b, const char *key, const struct mutation *m)
{
    const size_t n = m->arch.len, n_new = m->new_arch.len < 64 ? m->new_arch.len : 64;
    char name[GGUF_MAX_KEY * 2];

    if (n > 0 && strncmp(key, m->arch.s, n) == 0 && key[n] == '.') {
        snprintf(name, sizeof name, "%.*s%s", (int)n_new, m->new_arch.s, key + n);
        key = name;
    }
    tiny_string(b, key);
}

static inline void mutate_kv(struct buf *b, const struct gguf_kv *kv, bool change, struct mutation *m)
{
    static const enum gguf_type others[] = { GGUF_F32, GGUF_U64, GGUF_I32, GGUF_F64, GGUF_BOOL, GGUF_U8, GGUF_I8 };
    const uint64_t what = change ? mutate_below(m, 4) : 4, number = mutate_number(m);
    uint64_t n = kv->n, changed = UINT64_MAX;

    mutate_key(b, kv->key, m);
    if (what == 0 && kv->type != GGUF_ARRAY && kv->type != GGUF_STRING) {
        const enum gguf_type type = others[mutate_below(m, sizeof others / sizeof others[0])];

        tiny_u32(b, type);
        buf_add(b, &number, mutate_size(type));
        return;
    }
    tiny_u32(b, kv->type);
    if (what < 3)
        changed = n ? mutate_below(m, n) : 0;
    if (kv->type == GGUF_ARRAY) {
        if (what == 3)
            n = mutate_below(m, 4) == 0 ? 0 : mutate_below(m, 2) && n > 0 ? n - 1 : n + 1;
        tiny_u32(b, kv->item);
        tiny_u64(b, n);
    }
    mutate_items(b, kv, n, changed, m);
}

/* A key that models may have and that this one perhaps has not. */
static inline void mutate_add_known(struct buf *b, struct mutation *m)
{
    static const char *const own[] = {
        "rope.freq_base", "rope.dimension_count", "rope.scaling.type", "rope.scaling.factor",
        "attention.sliding_window", "rope.scaling.original_context_length", "rope.scaling.attn_factor",
        "rope.scaling.yarn_beta_fast", "vocab_size",
        "attention.scale", "attention.key_length", "attention.value_length", "embedding_scale", "logit_scale",
        "hidden_activation", "final_logit_softcapping", "attn_logit_softcapping", "rescale_every_n_layers",
        "ssm.group_count", "ssm.dt_b_c_rms", "attention.head_count_kv", "architecture_version", "wkv.head_size",
    };
    static const char *const common[] = {
        "split.no", "split.count", "split.tensors.count", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
        "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_space_prefix", "tokenizer.ggml.unknown_token_id",
        "tokenizer.ggml.remove_extra_whitespaces", "tokenizer.ggml.pre", "tokenizer.ggml.padding_token_id",
        "tokenizer.ggml.eot_token_id", "general.alignment", "corax.dialect", "general.name",
    };
    const uint64_t number = mutate_number(m);
    char key[200];

    if (mutate_below(m, 2))
        snprintf(key, sizeof key, "%.*s.%s", (int)(m->arch.len < 64 ? m->arch.len : 64), m->arch.s,
                 own[mutate_below(m, sizeof own / sizeof own[0])]);
    else
        snprintf(key, sizeof key, "%s", common[mutate_below(m, sizeof common / sizeof common[0])]);
    switch (mutate_below(m, 4)) {
    case 0:
        tiny_string(b, key);
        tiny_u32(b, GGUF_STRING);
        mutate_string(b, (struct gguf_string){ key, strlen(key) }, m);
        break;
    case 1:
        tiny_kv_f32(b, key, (float)mutate_below(m, 100) / 8);
        break;
    case 2:
        tiny_string(b, key);
        tiny_u32(b, GGUF_BOOL);
        buf_addc(b, (char)(number & 1));
        break;
    default:
        tiny_kv_u32(b, key, (uint32_t)number);
        break;
    }
}

/* Returns how many there are now. */
static inline uint64_t mutate_keys(struct buf *b, struct mutation *m)
{
    const struct gguf_kv *added =
        m->how == MUTATE_ADD && m->other && m->victim < gguf_n_kv(m->other) ? gguf_kv_at(m->other, m->victim) : NULL;
    uint64_t n = 0;

    for (size_t i = 0; i < gguf_n_kv(m->g); i++) {
        const struct gguf_kv *kv = gguf_kv_at(m->g, i);
        const bool is_victim = i == m->victim;

        if ((m->how == MUTATE_OMIT && is_victim) || (added && strcmp(added->key, kv->key) == 0) ||
            (m->how == MUTATE_ALIGN && strcmp(kv->key, "general.alignment") == 0))
            continue;
        if (m->how == MUTATE_ARCH && strcmp(kv->key, "general.architecture") == 0) {
            tiny_string(b, kv->key);
            tiny_u32(b, GGUF_STRING);
            tiny_text(b, m->new_arch.s, m->new_arch.len);
        } else {
            mutate_kv(b, kv, is_victim && m->how == MUTATE_VALUE, m);
        }
        n++;
        if (m->how == MUTATE_REPEAT && is_victim) {
            mutate_kv(b, kv, true, m);
            n++;
        }
    }
    if (m->how == MUTATE_ALIGN)
        tiny_kv_u32(b, "general.alignment", (uint32_t)m->alignment);
    else if (added)
        mutate_kv(b, added, false, m);
    else if (m->how == MUTATE_ADD && !m->other)
        mutate_add_known(b, m);
    else
        return n;
    return n + 1;
}

/* --- tensors ------------------------------------------------------------------------------------------------------ */

struct mutate_tensor {
    const struct gguf_tensor *t;
    uint32_t type, n_dims;
    uint64_t ne[GGUF_MAX_DIMS];
    size_t bytes;
};

static inline void mutate_shape(struct mutate_tensor *t, struct mutation *m)
{
    static const uint32_t types[] = { 0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23, 30, 34, 35, 36, 39, 16, 24 };
    uint64_t *ne = &t->ne[mutate_below(m, t->n_dims)];

    switch (mutate_below(m, 5)) {
    case 0:
        t->type = types[mutate_below(m, sizeof types / sizeof types[0])];
        break;
    case 1:
        *ne = mutate_below(m, 2) ? *ne + 1 : *ne - 1;
        break;
    case 2:
        *ne = mutate_number(m);
        break;
    case 3:
        t->n_dims = 1 + (uint32_t)mutate_below(m, GGUF_MAX_DIMS);
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
    n = f ? n / f->block * f->bytes + f->tail : 0;
    return n < most ? (size_t)n : most;
}

static inline struct mutate_tensor mutate_describe(const struct gguf_tensor *t)
{
    return (struct mutate_tensor){ t, t->format->id, t->n_dims, { t->ne[0], t->ne[1], t->ne[2], t->ne[3] }, 0 };
}

/* list has room for one more than the file has. */
static inline size_t mutate_list(struct mutate_tensor *list, struct mutation *m)
{
    const size_t n_kv = gguf_n_kv(m->g);
    const struct gguf_tensor *added = m->how == MUTATE_ADD && m->other && m->victim >= gguf_n_kv(m->other)
                                          ? gguf_tensor_at(m->other, m->victim - gguf_n_kv(m->other)) : NULL;
    size_t n = 0;

    for (size_t i = 0; i < gguf_n_tensors(m->g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(m->g, i);
        const bool is_victim = i + n_kv == m->victim;

        if ((m->how == MUTATE_OMIT && is_victim) || (added && strcmp(added->name, t->name) == 0))
            continue;
        list[n++] = mutate_describe(t);
        if (m->how == MUTATE_VALUE && is_victim)
            mutate_shape(&list[n - 1], m);
        if (m->how == MUTATE_REPEAT && is_victim)
            list[n++] = mutate_describe(t);
    }
    if (added)
        list[n++] = mutate_describe(added);
    return n;
}

/* Whether it is the one to change; of OFFSET and DATA each victim means some tensor. */
static inline bool mutate_is_victim(const struct gguf_tensor *t, const struct mutation *m)
{
    const size_t n = gguf_n_tensors(m->g);

    return n > 0 && t == gguf_tensor_at(m->g, m->victim % n);
}

static inline void mutate_describe_all(struct buf *b, struct mutate_tensor *list, size_t n, size_t most,
                                       struct mutation *m)
{
    uint64_t offset = 0;

    for (size_t i = 0; i < n; i++) {
        struct mutate_tensor *t = &list[i];
        const bool wrong = m->how == MUTATE_OFFSET && mutate_is_victim(t->t, m);

        t->bytes = mutate_bytes(t, most);
        tiny_tensor(b, t->t->name, t->n_dims, t->ne, t->type, wrong ? offset + mutate_number(m) : offset);
        offset = (offset + t->bytes + m->alignment - 1) & ~(m->alignment - 1);
    }
}

static inline void mutate_data(struct buf *b, const struct mutate_tensor *list, size_t n, size_t most,
                               struct mutation *m)
{
    for (size_t i = 0; i < n && b->len <= most; i++) {
        const struct gguf_tensor *t = list[i].t;
        const size_t n_kept = list[i].bytes < t->bytes ? list[i].bytes : t->bytes;

        tiny_pad(b, m->alignment);
        buf_add(b, t->data, n_kept);
        for (size_t j = n_kept; j < list[i].bytes; j++)
            buf_addc(b, 0);
        if (m->how == MUTATE_DATA && n_kept > 2 && mutate_is_victim(t, m) && !b->failed)
            memcpy(b->data + b->len - list[i].bytes + mutate_below(m, n_kept - 1),
                   &(uint16_t){ (uint16_t)mutate_number(m) }, 2);
    }
    tiny_pad(b, m->alignment);
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* Which change it is, and of what. */
static inline void mutate_choose(struct mutation *m)
{
    static const char *const families[] = {
        "llama", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "gemma3", "gpt2", "mamba", "mamba2", "bitnet",
        "bitnet-25", "bitnet-b1.58", "crystalcoder", "starcoder", "starcoder2", "biogpt", "rwkv", "rwkv6", "rwkv7",
    };
    const struct gguf *from = m->other ? m->other : m->g;
    const uint64_t how = mutate_below(m, 16);
    const char *family = families[mutate_below(m, sizeof families / sizeof families[0])];

    m->how = m->other ? MUTATE_ADD : how < MUTATE_VALUE ? (enum mutate_how)how : MUTATE_VALUE;
    m->victim = mutate_below(m, gguf_n_kv(from) + gguf_n_tensors(from));
    if (gguf_n_tensors(m->g) == 0 && (m->how == MUTATE_OFFSET || m->how == MUTATE_DATA))
        m->how = MUTATE_VALUE;
    m->alignment = 32;
    (void)gguf_get_uint(m->g, "general.alignment", &m->alignment, NULL);
    if (m->how == MUTATE_ALIGN)
        m->alignment = (uint64_t)4 << mutate_below(m, 12);
    m->arch = (struct gguf_string){ "", 0 };
    (void)gguf_get_string(m->g, "general.architecture", &m->arch, NULL);
    m->new_arch = m->how == MUTATE_ARCH ? (struct gguf_string){ family, strlen(family) } : m->arch;
    if (m->other) { /* what is its own there is this one's here */
        m->arch = (struct gguf_string){ "", 0 };
        (void)gguf_get_string(m->other, "general.architecture", &m->arch, NULL);
    }
}

static inline size_t mutate_write(struct mutation *m, uint8_t *out, size_t max_len)
{
    struct mutate_tensor *list = calloc(gguf_n_tensors(m->g) + 2, sizeof *list);
    const size_t n = mutate_list(list, m);
    struct buf b, keys;
    uint64_t n_keys;
    size_t len;

    buf_init(&b, TINY_LIMIT);
    buf_init(&keys, TINY_LIMIT);
    n_keys = mutate_keys(&keys, m);
    tiny_header(&b, gguf_version(m->g), n, n_keys);
    buf_add(&b, keys.data, keys.len);
    mutate_describe_all(&b, list, n, max_len, m);
    mutate_data(&b, list, n, max_len, m);
    len = b.len <= max_len && !b.failed ? b.len : 0;
    memcpy(out, b.data, len);
    free(list);
    buf_finish(&keys);
    buf_finish(&b);
    return len;
}

/*
 * A file with one change, at most max_len bytes; 0: there is none that fits.  With another file, the change is a key or
 * a tensor of that one.
 */
static inline size_t mutate_gguf(const uint8_t *data, size_t len, const uint8_t *other, size_t other_len, uint8_t *out,
                                 size_t max_len, uint64_t random)
{
    struct mutation m = { .random = random };
    struct gguf *g = gguf_parse(data, len, NULL), *o = g && other_len ? gguf_parse(other, other_len, NULL) : NULL;
    size_t n = 0;

    m.g = g;
    m.other = o;
    if (g && gguf_n_kv(g) + gguf_n_tensors(g) > 0 && (!other_len || (o && gguf_n_kv(o) + gguf_n_tensors(o) > 0))) {
        mutate_choose(&m);
        n = mutate_write(&m, out, max_len);
    }
    gguf_close(o);
    gguf_close(g);
    return n;
}

#endif
