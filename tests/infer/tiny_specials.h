/*
 * tests/infer/tiny_specials.h - a byte-level tokenizer with any special tokens: they come first, then the 256 bytes and the
 * merges of tiny_gguf.h.
 */
#ifndef TESTS_INFER_TINY_SPECIALS_H
#define TESTS_INFER_TINY_SPECIALS_H

#include "infer/tokenizer.h"
#include "tests/infer/tiny_gguf.h"

struct tiny_special {
    const char *name;
    enum token_type type;
};

/* bos and eos are indices into list, -1: none.  NULL when something is wrong. */
static inline struct tokenizer *tiny_specials_create(const struct tiny_special *list, size_t n, int bos, int eos, bool begin)
{
    const size_t n_all = n + 256 + TINY_N_MERGES;
    struct tokenizer *t;
    struct gguf *g;
    struct buf b;
    char name[16];

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, 6 + (bos >= 0) + (eos >= 0));
    tiny_kv_string(&b, "tokenizer.ggml.model", "gpt2");
    tiny_kv_string(&b, "tokenizer.ggml.pre", "corax");
    tiny_kv_array(&b, "tokenizer.ggml.tokens", GGUF_STRING, n_all);
    for (size_t i = 0; i < n; i++)
        tiny_string(&b, list[i].name);
    for (unsigned i = 0; i < 256; i++)
        tiny_text(&b, name, tiny_byte_name(i, name));
    for (size_t i = 0; i < TINY_N_MERGES; i++) {
        snprintf(name, sizeof name, "%s%s", tiny_merges[i][0], tiny_merges[i][1]);
        tiny_string(&b, name);
    }
    tiny_kv_array(&b, "tokenizer.ggml.token_type", GGUF_I32, n_all);
    for (size_t i = 0; i < n_all; i++)
        tiny_u32(&b, i < n ? (uint32_t)list[i].type : TOKEN_NORMAL);
    tiny_kv_array(&b, "tokenizer.ggml.merges", GGUF_STRING, TINY_N_MERGES);
    for (size_t i = 0; i < TINY_N_MERGES; i++) {
        snprintf(name, sizeof name, "%s %s", tiny_merges[i][0], tiny_merges[i][1]);
        tiny_string(&b, name);
    }
    if (bos >= 0)
        tiny_kv_u32(&b, "tokenizer.ggml.bos_token_id", (uint32_t)bos);
    if (eos >= 0)
        tiny_kv_u32(&b, "tokenizer.ggml.eos_token_id", (uint32_t)eos);
    tiny_string(&b, "tokenizer.ggml.add_bos_token");
    tiny_u32(&b, GGUF_BOOL);
    buf_addc(&b, begin);
    g = gguf_parse(b.data, b.len, NULL);
    t = g ? tokenizer_create(g, NULL) : NULL;
    gguf_close(g);
    buf_finish(&b);
    return t;
}

#endif
