/*
 * tests/fuzz/tiny_tokenizer.h - the tokenizer of tests/infer/tiny_gguf.h, made once for all inputs.
 */
#ifndef TESTS_FUZZ_TINY_TOKENIZER_H
#define TESTS_FUZZ_TINY_TOKENIZER_H

#include "infer/tokenizer.h"
#include "infer/utf8.h"
#include "tests/infer/tiny_gguf.h"

static inline void require(bool good)
{
    if (!good)
        abort();
}

static inline struct tokenizer *tiny_parse(struct buf *b)
{
    struct gguf *g = gguf_parse(b->data, b->len, NULL);
    struct tokenizer *t = tokenizer_create(g, NULL);

    require(t != NULL);
    gguf_close(g);
    buf_finish(b);
    return t;
}

static inline struct tokenizer *tiny_tokenizer_create(const char *pre)
{
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, TINY_N_TOKENIZER_KV);
    tiny_tokenizer(&b, pre);
    return tiny_parse(&b);
}

/* One of the other kinds. */
static inline struct tokenizer *tiny_kind_create(const char *model, const struct tiny_piece *list, size_t n)
{
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, TINY_N_PIECES_KV);
    tiny_pieces(&b, model, list, n);
    return tiny_parse(&b);
}

static inline bool is_utf8(const char *text, size_t len)
{
    struct utf8 state = { 0 };

    for (size_t i = 0; i < len; i++)
        if (!utf8_next(&state, (unsigned char)text[i]))
            return false;
    return state.n_left == 0;
}

#endif
