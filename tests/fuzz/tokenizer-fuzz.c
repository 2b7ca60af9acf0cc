/*
 * Any bytes as text, with several pre-tokenizers: the tokens give the same bytes back, none is special, and detokenized in
 * whatever pieces they come as whole UTF-8 at every step.
 */
#include "infer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/tiny_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

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
        detokenizer_add(&held, b, n, &shown);
        require(is_utf8(shown.data + before, shown.len - before));
    }
    detokenizer_end(&held, &shown);
    require(tokenizer_decode(t, list.ids, list.n, &bytes, NULL) == 0);
    require(bytes.len == len && memcmp(bytes.data, text, len) == 0);
    require(!is_utf8(text, len) || (shown.len == len && memcmp(shown.data, text, len) == 0));
    buf_finish(&bytes);
    buf_finish(&shown);
    tokens_finish(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const names[] = { "corax", "gpt-2", "llama-bpe", "falcon", "deepseek-llm" };
    static struct tokenizer *tokenizers[sizeof names / sizeof names[0]];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!tokenizers[i])
            tokenizers[i] = tiny_tokenizer_create(names[i]);
        check(tokenizers[i], (const char *)data, len);
    }
    return 0;
}
