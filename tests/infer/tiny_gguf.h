/*
 * tests/infer/tiny_gguf.h - writes small GGUF files into memory, right ones and wrong ones.
 *
 * tiny_llama() is a whole model with random weights: the ten special tokens of corax-1, the 256 bytes, a few
 * merges, and llama-shaped tensors of the size that is asked for.  The same seed gives the same bytes.
 */
#ifndef TESTS_INFER_TINY_GGUF_H
#define TESTS_INFER_TINY_GGUF_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infer/gguf.h"
#include "infer/quant.h"
#include "util/buf.h"

#define TINY_LIMIT ((size_t)64 << 20)

/* splitmix64; the tests' only source of chance */
static inline uint64_t tiny_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Roughly normal, mean 0, variance 1. */
static inline float tiny_normal(uint64_t *state)
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += (double)(tiny_random(state) >> 11) * 0x1p-53;
    return (float)(sum - 6);
}

static inline void tiny_u32(struct buf *b, uint32_t v)
{
    buf_add(b, &v, sizeof v);
}

static inline void tiny_u64(struct buf *b, uint64_t v)
{
    buf_add(b, &v, sizeof v);
}

static inline void tiny_text(struct buf *b, const char *s, size_t len)
{
    tiny_u64(b, len);
    buf_add(b, s, len);
}

static inline void tiny_string(struct buf *b, const char *s)
{
    tiny_text(b, s, strlen(s));
}

static inline void tiny_header(struct buf *b, uint32_t version, uint64_t n_tensors, uint64_t n_kv)
{
    buf_add(b, "GGUF", 4);
    tiny_u32(b, version);
    tiny_u64(b, n_tensors);
    tiny_u64(b, n_kv);
}

static inline void tiny_kv_u32(struct buf *b, const char *key, uint32_t v)
{
    tiny_string(b, key);
    tiny_u32(b, GGUF_U32);
    tiny_u32(b, v);
}

static inline void tiny_kv_f32(struct buf *b, const char *key, float v)
{
    tiny_string(b, key);
    tiny_u32(b, GGUF_F32);
    buf_add(b, &v, sizeof v);
}

static inline void tiny_kv_string(struct buf *b, const char *key, const char *v)
{
    tiny_string(b, key);
    tiny_u32(b, GGUF_STRING);
    tiny_string(b, v);
}

static inline void tiny_kv_array(struct buf *b, const char *key, enum gguf_type item, uint64_t n)
{
    tiny_string(b, key);
    tiny_u32(b, GGUF_ARRAY);
    tiny_u32(b, item);
    tiny_u64(b, n);
}

static inline void tiny_tensor(struct buf *b, const char *name, uint32_t n_dims, const uint64_t *ne, uint32_t type,
                               uint64_t offset)
{
    tiny_string(b, name);
    tiny_u32(b, n_dims);
    for (uint32_t d = 0; d < n_dims; d++)
        tiny_u64(b, ne[d]);
    tiny_u32(b, type);
    tiny_u64(b, offset);
}

static inline void tiny_pad(struct buf *b, size_t alignment)
{
    while (b->len % alignment)
        buf_addc(b, 0);
}

/* --- a vocabulary ------------------------------------------------------------------------------------------------- */

static const char *const tiny_special[] = {
    "<|begin|>", "<|system|>", "<|tools|>", "<|user|>",   "<|think|>",
    "<|call|>",  "<|obs|>",    "<|answer|>", "<|end|>", "<|pad|>",
};
#define TINY_N_SPECIAL 10
static const char *const tiny_merges[][2] = {
    { "t", "h" }, { "th", "e" }, { "\xc4\xa0", "the" }, { "a", "n" }, { "an", "d" }, { "{", "\"" },
    { "\"", "}" }, { "\"", ":" }, { "1", "2" },          { "12", "3" }, { "<", "|" },
};
#define TINY_N_MERGES (sizeof tiny_merges / sizeof tiny_merges[0])
#define TINY_N_VOCAB  (TINY_N_SPECIAL + 256 + TINY_N_MERGES)

/* The character that stands for a byte in byte-level BPE, as UTF-8; returns its length. */
static inline size_t tiny_byte_name(unsigned byte, char out[2])
{
    unsigned others = 0, c = byte;

    if (!((byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad))) {
        for (unsigned i = 0; i < byte; i++)
            others += !((i >= 0x21 && i <= 0x7e) || (i >= 0xa1 && i != 0xad));
        c = 256 + others;
    }
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 63));
    return 2;
}

#define TINY_N_TOKENIZER_KV 7
/* The special tokens come first; then bytes and merges.  The first is the begin token. */
static inline void tiny_tokenizer_of(struct buf *b, const char *pre, const char *const *special, size_t n_special, uint32_t eos)
{
    const size_t n_vocab = n_special + 256 + TINY_N_MERGES;
    char name[16];

    tiny_kv_string(b, "tokenizer.ggml.model", "gpt2");
    tiny_kv_string(b, "tokenizer.ggml.pre", pre);
    tiny_kv_array(b, "tokenizer.ggml.tokens", GGUF_STRING, n_vocab);
    for (size_t i = 0; i < n_special; i++)
        tiny_string(b, special[i]);
    for (unsigned i = 0; i < 256; i++)
        tiny_text(b, name, tiny_byte_name(i, name));
    for (size_t i = 0; i < TINY_N_MERGES; i++) {
        snprintf(name, sizeof name, "%s%s", tiny_merges[i][0], tiny_merges[i][1]);
        tiny_string(b, name);
    }
    tiny_kv_array(b, "tokenizer.ggml.token_type", GGUF_I32, n_vocab);
    for (size_t i = 0; i < n_vocab; i++)
        tiny_u32(b, i < n_special ? 3 : 1);
    tiny_kv_array(b, "tokenizer.ggml.merges", GGUF_STRING, TINY_N_MERGES);
    for (size_t i = 0; i < TINY_N_MERGES; i++) {
        snprintf(name, sizeof name, "%s %s", tiny_merges[i][0], tiny_merges[i][1]);
        tiny_string(b, name);
    }
    tiny_kv_u32(b, "tokenizer.ggml.bos_token_id", 0);
    tiny_kv_u32(b, "tokenizer.ggml.eos_token_id", eos);
}

static inline void tiny_tokenizer(struct buf *b, const char *pre)
{
    tiny_tokenizer_of(b, pre, tiny_special, TINY_N_SPECIAL, 8);
}

/*
 * A small vocabulary of another kind, with keys and all: "llama" and "t5" (SentencePiece, every byte), "rwkv" (every
 * byte), "biogpt" (words).
 */
struct tiny_piece {
    const char *name;
    int         type;
    float       score;
};

static inline void tiny_pieces(struct buf *kvs, const char *model, const struct tiny_piece *list, size_t n)
{
    const bool marked = strcmp(model, "llama") == 0 || strcmp(model, "t5") == 0, rwkv = strcmp(model, "rwkv") == 0;
    const size_t n_all = n + (marked || rwkv ? 256 : 0);
    char name[16];

    tiny_kv_string(kvs, "tokenizer.ggml.model", model);
    tiny_kv_array(kvs, "tokenizer.ggml.tokens", GGUF_STRING, n_all);
    for (size_t i = 0; i < n; i++)
        tiny_string(kvs, list[i].name);
    for (size_t i = n; i < n_all; i++) {
        snprintf(name, sizeof name, rwkv ? "\\x%02x" : "<0x%02X>", (unsigned)(i - n));
        tiny_string(kvs, name);
    }
    tiny_kv_array(kvs, "tokenizer.ggml.token_type", GGUF_I32, n_all);
    for (size_t i = 0; i < n_all; i++)
        tiny_u32(kvs, i < n ? (uint32_t)list[i].type : rwkv ? 1 : 6);
    tiny_kv_array(kvs, "tokenizer.ggml.scores", GGUF_F32, n_all);
    for (size_t i = 0; i < n_all; i++)
        buf_add(kvs, i < n ? &list[i].score : &(float){ 0 }, 4);
    tiny_kv_array(kvs, "tokenizer.ggml.merges", GGUF_STRING, 3);
    tiny_string(kvs, "t h");
    tiny_string(kvs, "th e</w>");
    tiny_string(kvs, ". .</w>");
    tiny_kv_u32(kvs, "tokenizer.ggml.bos_token_id", 1);
    tiny_kv_u32(kvs, "tokenizer.ggml.eos_token_id", 2);
}
#define TINY_N_PIECES_KV 7

static const struct tiny_piece tiny_marked[] = {
    { "<unk>", 2, 0 },          { "<s>", 3, 0 },      { "</s>", 3, 0 },  { "\xe2\x96\x81", 1, -9 }, { "t", 1, -8 },
    { "h", 1, -8 },             { "e", 1, -7 },       { "th", 1, -1 },   { "the", 1, -2 },          { "he", 1, -3 },
    { "\xe2\x96\x81the", 1, -2.5 }, { "\xc3\xa9", 1, -9 }, { "<u>", 4, 0 },   { "hth", 5, -1.5 },
};
static const struct tiny_piece tiny_escaped[] = {
    { "<s>", 3, 0 }, { "the", 1, 0 }, { " the", 1, 0 }, { "\\xc3\\xa9", 1, 0 }, { "\\n\\t\\\\\\'\"", 1, 0 },
};
static const struct tiny_piece tiny_words[] = {
    { "<pad>", 3, 0 },   { "<s>", 3, 0 },      { "</s>", 3, 0 },       { "<unk>", 2, 0 },     { "t", 1, 0 },
    { "h", 1, 0 },       { "e</w>", 1, 0 },    { "th", 1, 0 },         { "the</w>", 1, 0 },   { ".", 1, 0 },
    { ".</w>", 1, 0 },   { "..</w>", 1, 0 },   { "&apos;</w>", 1, 0 }, { "@-@</w>", 1, 0 },   { "s</w>", 1, 0 },
    { "(</w>", 1, 0 },   { ")</w>", 1, 0 },    { "&amp;</w>", 1, 0 },  { "'s</w>", 1, 0 },    { "t</w>", 1, 0 },
};

static const struct tiny_piece tiny_wordpieces[] = {
    { "[UNK]", 2, 0 }, { "[CLS]", 3, 0 }, { "[SEP]", 3, 0 }, { "\xe2\x96\x81the", 1, 0 }, { "\xe2\x96\x81" "t", 1, 0 }, { "h", 1, 0 },
    { "he", 1, 0 },    { "e", 1, 0 },     { "\xe2\x96\x81.", 1, 0 }, { "\xe2\x96\x81\xe4\xba\xac", 1, 0 }, { "t", 1, 0 },
};

/* --- a model ------------------------------------------------------------------------------------------------------ */

struct tiny_spec {
    size_t          n_embd, n_layer, n_head, n_kv_head, n_ff, n_ctx;
    enum quant_type type; /* of the matrices */
    uint64_t        seed;
    bool            own_output; /* output.weight of its own */
    float           stretch;    /* linear rope scaling; 0: none */
    bool            factors;    /* rope_freqs.weight */
    const char     *dialect;    /* NULL: none */
    int             pooling;    /* of embeddings, and 1 more; 0: not said */
};
#define TINY_SPEC \
    ((struct tiny_spec){ 64, 2, 4, 2, 96, 128, QUANT_F32, 1, false, 0, false, "corax-1", 0 })

struct tiny_entry {
    char     name[64];
    size_t   k, n_rows;
    uint32_t n_dims, type;
};

static inline size_t tiny_bytes(const struct tiny_entry *e)
{
    const struct quant_format *f = quant_find(e->type);

    return e->k / f->block * f->bytes * e->n_rows + f->tail;
}

/*
 * A row in blocks of a format that this program does not write: any codes, and scales with which values have about the deviation;
 * of I2_S, which has its scale elsewhere, 0.7.
 */
static inline void tiny_codes(enum quant_type type, float deviation, size_t k, uint64_t *random, unsigned char *out)
{
    const struct quant_format *f = quant_find(type);

    for (size_t b = 0; b < k / f->block; b++, out += f->bytes) {
        const float size = deviation * (1 + (float)(tiny_random(random) % 5)) / 3;
        const uint16_t d = quant_float_to_half(size / (type == QUANT_Q2_K ? 12 : 43)), m = quant_float_to_half(size / 8);

        for (size_t i = 0; i < f->bytes; i++) {
            out[i] = (unsigned char)tiny_random(random);
            if (type == QUANT_I2_S)
                out[i] &= (unsigned char)~(out[i] & out[i] << 1 & 0xaa); /* 3 becomes 1 */
        }
        if (type == QUANT_MXFP4)
            out[0] = (unsigned char)(127 + (int)floorf(log2f(size / 2)));
        if (f->n_scales > 0)
            memcpy(out + f->scales[0], &d, sizeof d);
        if (f->n_scales > 1)
            memcpy(out + f->scales[1], &m, sizeof m);
    }
}

static inline size_t tiny_list(const struct tiny_spec *s, struct tiny_entry *list)
{
    const size_t head_dim = s->n_embd / s->n_head, kv = s->n_kv_head * head_dim;
    size_t n = 0;

#define TINY_ADD(K, ROWS, DIMS, TYPE, ...)                    \
    do {                                                      \
        snprintf(list[n].name, sizeof list[n].name, __VA_ARGS__); \
        list[n].k = (K);                                      \
        list[n].n_rows = (ROWS);                              \
        list[n].n_dims = (DIMS);                              \
        list[n++].type = (uint32_t)(TYPE);                    \
    } while (0)
    TINY_ADD(s->n_embd, TINY_N_VOCAB, 2, s->type, "token_embd.weight");
    TINY_ADD(s->n_embd, 1, 1, QUANT_F32, "output_norm.weight");
    if (s->own_output)
        TINY_ADD(s->n_embd, TINY_N_VOCAB, 2, s->type, "output.weight");
    if (s->factors)
        TINY_ADD(head_dim / 2, 1, 1, QUANT_F32, "rope_freqs.weight");
    for (size_t i = 0; i < s->n_layer; i++) {
        TINY_ADD(s->n_embd, 1, 1, QUANT_F32, "blk.%zu.attn_norm.weight", i);
        TINY_ADD(s->n_embd, s->n_embd, 2, s->type, "blk.%zu.attn_q.weight", i);
        TINY_ADD(s->n_embd, kv, 2, s->type, "blk.%zu.attn_k.weight", i);
        TINY_ADD(s->n_embd, kv, 2, s->type, "blk.%zu.attn_v.weight", i);
        TINY_ADD(s->n_embd, s->n_embd, 2, s->type, "blk.%zu.attn_output.weight", i);
        TINY_ADD(s->n_embd, 1, 1, QUANT_F32, "blk.%zu.ffn_norm.weight", i);
        TINY_ADD(s->n_embd, s->n_ff, 2, s->type, "blk.%zu.ffn_gate.weight", i);
        TINY_ADD(s->n_embd, s->n_ff, 2, s->type, "blk.%zu.ffn_up.weight", i);
        TINY_ADD(s->n_ff, s->n_embd, 2, s->type, "blk.%zu.ffn_down.weight", i);
    }
    return n;
}

static inline void tiny_weights(struct buf *b, const struct tiny_entry *e, uint64_t *random)
{
    const struct quant_format *f = quant_find(e->type);
    float *row = malloc(e->k * sizeof *row);
    unsigned char *packed = malloc(e->k * sizeof *row + 64);
    /* Norms and rope factors near 1, matrices of the size that keeps activations near 1. */
    float scale = e->n_dims == 1 ? 0.1f : 1 / sqrtf((float)e->k), shift = e->n_dims == 1 ? 1 : 0;

    for (size_t r = 0; r < e->n_rows; r++) {
        for (size_t i = 0; i < e->k; i++)
            row[i] = tiny_normal(random) * scale + shift;
        if (f->quantize)
            quant_quantize((enum quant_type)e->type, row, NULL, e->k, packed);
        else
            tiny_codes((enum quant_type)e->type, scale, e->k, random, packed);
        buf_add(b, packed, e->k / f->block * f->bytes);
    }
    if (f->tail > 0) {
        memset(packed, 0, f->tail);
        memcpy(packed, &scale, sizeof scale);
        buf_add(b, packed, f->tail);
    }
    free(row);
    free(packed);
}

/* Everything before the weights, padded; returns how many bytes of weights follow. */
static inline size_t tiny_llama_head(struct buf *b, const struct tiny_spec *s, const struct tiny_entry *list, size_t n)
{
    size_t offset = 0;

    tiny_header(b, 3, n, TINY_N_TOKENIZER_KV + 9 + (s->stretch > 0 ? 2 : 0) + (s->dialect ? 1 : 0) + (s->pooling ? 1 : 0));
    tiny_kv_string(b, "general.architecture", "llama");
    tiny_kv_string(b, "general.name", "tiny");
    tiny_kv_u32(b, "llama.context_length", (uint32_t)s->n_ctx);
    tiny_kv_u32(b, "llama.embedding_length", (uint32_t)s->n_embd);
    tiny_kv_u32(b, "llama.block_count", (uint32_t)s->n_layer);
    tiny_kv_u32(b, "llama.feed_forward_length", (uint32_t)s->n_ff);
    tiny_kv_u32(b, "llama.attention.head_count", (uint32_t)s->n_head);
    tiny_kv_u32(b, "llama.attention.head_count_kv", (uint32_t)s->n_kv_head);
    tiny_kv_f32(b, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    if (s->stretch > 0) {
        tiny_kv_string(b, "llama.rope.scaling.type", "linear");
        tiny_kv_f32(b, "llama.rope.scaling.factor", s->stretch);
    }
    if (s->dialect)
        tiny_kv_string(b, "corax.dialect", s->dialect);
    if (s->pooling)
        tiny_kv_u32(b, "llama.pooling_type", (uint32_t)s->pooling - 1);
    tiny_tokenizer(b, "corax");
    for (size_t i = 0; i < n; i++) {
        const uint64_t ne[2] = { list[i].k, list[i].n_rows };

        tiny_tensor(b, list[i].name, list[i].n_dims, ne, list[i].type, offset);
        offset = (offset + tiny_bytes(&list[i]) + 31) & ~(size_t)31;
    }
    tiny_pad(b, 32);
    return offset;
}

static inline void tiny_llama(struct buf *b, const struct tiny_spec *s)
{
    struct tiny_entry *list = calloc(s->n_layer * 9 + 4, sizeof *list);
    size_t n = tiny_list(s, list);
    uint64_t random = s->seed;

    (void)tiny_llama_head(b, s, list, n);
    for (size_t i = 0; i < n; i++) {
        tiny_pad(b, 32);
        tiny_weights(b, &list[i], &random);
    }
    free(list);
}

/* Writes bytes to a new file below TMPDIR; path has room for 256.  The caller unlinks it. */
static inline bool tiny_write(const struct buf *b, char *path)
{
    const char *dir = getenv("TMPDIR");
    int fd;
    bool good;

    snprintf(path, 256, "%s/corax-tiny-XXXXXX", dir ? dir : "/tmp");
    fd = mkstemp(path);
    if (fd < 0)
        return false;
    good = write(fd, b->data, b->len) == (ssize_t)b->len;
    close(fd);
    return good;
}

#endif
