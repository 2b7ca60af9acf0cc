/*
 * Any bytes as text, with every kind of tokenizer: no token that comes out is a control token, and detokenized in
 * whatever pieces they come as whole UTF-8 at every step.  Byte-level BPE and RWKV's kind give any bytes back,
 * SentencePiece's BPE gives UTF-8 back, but for its own mark of a space; the others normalize, and only have to end
 * well.
 */
#include "infer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/tiny_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum promise { ANY_BYTES, CHARACTERS, NOTHING };

static void check(const struct tokenizer *t, enum promise promise, const char *text, size_t len)
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

        require(tokenizer_type(t, list.ids[i]) != TOKEN_CONTROL);
        detokenizer_add(&held, b, n, &shown);
        require(is_utf8(shown.data + before, shown.len - before));
    }
    detokenizer_end(&held, &shown);
    require(tokenizer_decode(t, list.ids, list.n, &bytes, NULL) == 0);
    if (promise == ANY_BYTES || (promise == CHARACTERS && is_utf8(text, len) && !memmem(text, len, "\xe2\x96\x81", 3)))
        require(bytes.len == len && memcmp(bytes.data, text, len) == 0);
    if (promise == ANY_BYTES && is_utf8(text, len))
        require(shown.len == len && memcmp(shown.data, text, len) == 0);
    buf_finish(&bytes);
    buf_finish(&shown);
    tokens_finish(&list);
}

/* Any ids, as a model may write them. */
static void check_words(const struct tokenizer *t, const uint8_t *data, size_t len)
{
    struct tokens list = { 0 };
    struct buf text;

    buf_init(&text, TINY_LIMIT);
    for (size_t i = 0; i < len; i++)
        require(tokens_add(&list, (int32_t)(data[i] % tokenizer_n_tokens(t)), NULL) == 0);
    require(tokenizer_decode(t, list.ids, list.n, &text, NULL) == 0);
    require(is_utf8(text.data, text.len));
    buf_finish(&text);
    tokens_finish(&list);
}

#define N(list) (sizeof(list) / sizeof *(list))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const names[] = { "corax", "gpt-2", "gpt-neox", "llama-bpe", "falcon", "deepseek-llm" };
    static struct tokenizer *bpe[N(names)], *spm, *unigram, *rwkv, *biogpt, *bert;
    const char *text = (const char *)data;

    for (size_t i = 0; i < N(names); i++) {
        if (!bpe[i])
            bpe[i] = tiny_tokenizer_create(names[i]);
        check(bpe[i], strcmp(names[i], "gpt-neox") == 0 ? NOTHING : ANY_BYTES, text, len);
    }
    if (!spm) {
        spm = tiny_kind_create("llama", tiny_marked, N(tiny_marked));
        unigram = tiny_kind_create("t5", tiny_marked, N(tiny_marked));
        rwkv = tiny_kind_create("rwkv", tiny_escaped, N(tiny_escaped));
        biogpt = tiny_kind_create("biogpt", tiny_words, N(tiny_words));
        bert = tiny_kind_create("bert", tiny_wordpieces, N(tiny_wordpieces));
    }
    check(spm, CHARACTERS, text, len);
    check(unigram, NOTHING, text, len);
    check(rwkv, ANY_BYTES, text, len);
    check(biogpt, NOTHING, text, len);
    check(bert, NOTHING, text, len);
    check_words(biogpt, data, len);
    return 0;
}
