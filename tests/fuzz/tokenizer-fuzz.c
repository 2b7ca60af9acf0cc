/*
 * Any bytes as text, with both pre-tokenizers: the tokens give the same bytes back, none is special, and detokenized in
 * whatever pieces they come as whole UTF-8 at every step.
 */
#include "infer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "infer/utf8.h"
#include "tests/infer/tiny_gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static struct tokenizer *create(const char *pre)
{
    struct tokenizer *t;
    struct gguf *g;
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, TINY_N_TOKENIZER_KV);
    tiny_tokenizer(&b, pre);
    g = gguf_parse(b.data, b.len, NULL);
    t = tokenizer_create(g, NULL);
    require(t != NULL);
    gguf_close(g);
    buf_finish(&b);
    return t;
}

static bool is_utf8(const char *text, size_t len)
{
    struct utf8 state = { 0 };

    for (size_t i = 0; i < len; i++)
        if (!utf8_next(&state, (unsigned char)text[i]))
            return false;
    return state.n_left == 0;
}

static void check(const struct tokenizer *t, const char *text, size_t len)
{
    struct detokenizer held = { 0 };
    struct tokens list = { 0 };
    struct buf bytes, shown;

    buf_init(&bytes, TINY_LIMIT);
    buf_init(&shown, TINY_LIMIT);
    require(tokenizer_encode(t, text, len, &list, NULL) == 0);
    for (size_t i = 0; i < list.n; i++) {
        size_t n, before = shown.len;
        const char *b = tokenizer_bytes(t, list.ids[i], &n);

        require(tokenizer_type(t, list.ids[i]) == TOKEN_NORMAL);
        buf_add(&bytes, b, n);
        detokenizer_add(&held, b, n, &shown);
        require(is_utf8(shown.data + before, shown.len - before));
    }
    detokenizer_end(&held, &shown);
    require(bytes.len == len && memcmp(bytes.data, text, len) == 0);
    require(!is_utf8(text, len) || (shown.len == len && memcmp(shown.data, text, len) == 0));
    buf_finish(&bytes);
    buf_finish(&shown);
    tokens_finish(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct tokenizer *corax, *gpt2;

    if (!corax) {
        corax = create("corax");
        gpt2 = create("gpt-2");
    }
    check(corax, (const char *)data, len);
    check(gpt2, (const char *)data, len);
    return 0;
}
