/*
 * RWKV's "world" vocabulary (tokenizer.ggml.model "rwkv"): at each place the longest token that the text goes on with.
 * Tokens are any bytes, written in the file as Python writes them; text need not be UTF-8.
 */
#include <stdlib.h>

#include "infer/tokenizer_kind.h"
#include "infer/trie.h"

static void unload(void *arg)
{
    struct trie *t = arg;

    if (!t)
        return;
    trie_finish(t);
    free(t);
}

static void *load(const struct gguf *g, const struct vocab *v, struct tokenizer_ends *ends, struct err *err)
{
    struct trie *t = calloc(1, sizeof *t);
    struct trie_entry *entries = malloc(v->n * sizeof *entries);
    size_t n = 0;

    (void)g;
    (void)ends;
    if (!t || !entries) {
        fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", v->n);
        free(entries);
        free(t);
        return NULL;
    }
    for (size_t i = 0; i < v->n; i++)
        if (v->tokens[i].type == TOKEN_NORMAL)
            entries[n++] = (struct trie_entry){ v->tokens[i].bytes, v->tokens[i].n_bytes, (int32_t)i };
    trie_init(t, entries, n);
    return t;
}

static int encode(const void *arg, const char *text, size_t len, struct tokens *out, struct err *err)
{
    size_t used;

    for (size_t at = 0; at < len; at += used) {
        int32_t id = trie_longest(arg, text + at, len - at, &used);

        if (id < 0)
            return fail(err, CORAX_E_ARGS, "the vocabulary has no token for the byte 0x%02x", (unsigned char)text[at]);
        if (tokens_add(out, id, err) < 0)
            return -1;
    }
    return 0;
}

const struct tokenizer_kind tokenizer_rwkv = {
    .model = "rwkv",
    .coding = VOCAB_ESCAPED,
    .cuts_user = true,
    .load = load,
    .unload = unload,
    .encode = encode,
};
