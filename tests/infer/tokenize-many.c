/*
 * Tokenizes many texts with one vocabulary, for tests/infer/compare-tokenizers.py.  Not a test, and not built by
 * `make check`.
 *
 * Standard input: two 32-bit numbers and a payload, again and again; standard output the same.  What is asked: 0, the
 * length, and a text, 1 the same with names of control tokens read; 2, a count, and ids.  What comes back: 0, a count,
 * and ids or the length and the text; 1, the length, and why it is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/tokenizer.h"

enum { TEXT, TEXT_SPECIAL, IDS };

static void answer(uint32_t status, uint32_t n, const void *payload, size_t bytes)
{
    const uint32_t head[2] = { status, n };

    fwrite(head, sizeof head, 1, stdout);
    fwrite(payload, 1, bytes, stdout);
    fflush(stdout);
}

static int serve(const struct tokenizer *t, uint32_t what, uint32_t n, const void *payload, struct err *err)
{
    struct tokens list = { 0 };
    struct buf text;
    int result;

    if (what == IDS) {
        buf_init(&text, (size_t)64 << 20);
        result = tokenizer_decode(t, payload, n, &text, err);
        if (result == 0)
            answer(0, (uint32_t)text.len, text.data, text.len);
        buf_finish(&text);
        return result;
    }
    result = tokenizer_encode_with(t, what == TEXT_SPECIAL ? TOKENIZER_SPECIAL : 0, payload, n, &list, err);
    if (result == 0)
        answer(0, (uint32_t)list.n, list.ids, list.n * sizeof *list.ids);
    tokens_finish(&list);
    return result;
}

int main(int argc, char **argv)
{
    struct err err = { 0 };
    struct gguf *g = argc == 2 ? gguf_open(argv[1], &err) : NULL;
    struct tokenizer *t = g ? tokenizer_create(g, &err) : NULL;
    uint32_t head[2];

    gguf_close(g);
    if (!t) {
        fprintf(stderr, "tokenize-many VOCABULARY: %s\n", err.msg);
        return 1;
    }
    while (fread(head, sizeof head, 1, stdin) == 1) {
        size_t bytes = head[0] == IDS ? (size_t)head[1] * 4 : head[1];
        char *payload = malloc(bytes + 1);

        if (!payload || fread(payload, 1, bytes, stdin) != bytes)
            return 1;
        if (serve(t, head[0], head[1], payload, &err) < 0)
            answer(1, (uint32_t)strlen(err.msg), err.msg, strlen(err.msg));
        free(payload);
    }
    tokenizer_destroy(t);
    return 0;
}
