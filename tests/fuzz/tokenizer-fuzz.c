/*
 * Any bytes as text, with both pre-tokenizers: the tokens give the same bytes back, none is special, and detokenized in
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
        corax = tiny_tokenizer_create("corax");
        gpt2 = tiny_tokenizer_create("gpt-2");
    }
    check(corax, (const char *)data, len);
    check(gpt2, (const char *)data, len);
    return 0;
}
