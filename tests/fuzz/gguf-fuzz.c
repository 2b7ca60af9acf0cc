/*
 * Any bytes as a GGUF file.  What is accepted is looked at whole: every key and every tensor is read to its last byte,
 * its tokenizer encodes a text, and when it is a model of a family its first tokens are evaluated.
 */
#include "infer/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "infer/family.h"
#include "infer/tokenizer.h"
#include "tests/fuzz/mutate_gguf.h"
#include "tests/infer/sequence.h"

#define MAX_CTX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_len, const uint8_t *two, size_t two_len, uint8_t *to,
                                 size_t max_len, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max_len); /* libFuzzer's own */

static volatile uint64_t sink;

static void touch(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++)
        sink += p[i];
}

static void read_all(const struct gguf *g)
{
    for (size_t i = 0; i < gguf_n_kv(g); i++) {
        const struct gguf_kv *kv = gguf_kv_at(g, i);
        const unsigned char *at = kv->data;

        for (uint64_t j = 0; j < kv->n; j++)
            if (kv->item == GGUF_STRING) {
                struct gguf_string s = gguf_next_string(&at);

                touch(s.s, s.len);
            } else {
                sink += (uint64_t)gguf_int_at(kv, j);
            }
        if (gguf_find(g, kv->key) != kv)
            abort();
    }
    for (size_t i = 0; i < gguf_n_tensors(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);

        touch(t->data, t->bytes);
        if (gguf_find_tensor(g, t->name) != t)
            abort();
    }
}

static void evaluate(const struct family *family, void *model, const struct shape *shape)
{
    const size_t n_ctx = shape->n_ctx < MAX_CTX ? shape->n_ctx : MAX_CTX;
    float *logits = calloc(shape->n_vocab, sizeof *logits);
    struct pool *pool = pool_create(1, NULL);
    int32_t tokens[2] = { 0, (int32_t)shape->n_vocab - 1 };
    struct sequence sequence;
    struct ops ops;

    if (logits && pool && sequence_init(&sequence, shape, QUANT_F16, n_ctx, NULL) == 0) {
        if (ops_init(&ops, kernels_find(NULL), pool, shape, n_ctx, NULL) == 0) {
            (void)sequence_eval(&sequence, family, model, &ops, tokens, n_ctx < 2 ? 1 : 2, 0, logits, 1);
            ops_finish(&ops);
        }
        sequence_finish(&sequence);
    }
    pool_destroy(pool);
    free(logits);
}

static void encode(const struct tokenizer *t)
{
    /* with letters whose parts are to be put together, of Latin and of Hangul */
    static const char sample[] = "the  12 \xc3\xa4<s>e\xcc\x81\xe1\x84\x80\xe1\x85\xa1 \xff";
    struct tokens tokens = { 0 };
    struct buf text;

    buf_init(&text, 1 << 20);
    (void)tokenizer_encode_with(t, TOKENIZER_SPECIAL | TOKENIZER_BEGIN, sample, sizeof sample - 1, &tokens, NULL);
    (void)tokenizer_decode(t, tokens.ids, tokens.n, &text, NULL);
    buf_finish(&text);
    tokens_finish(&tokens);
}

static uint8_t out[1 << 20];

/* Half of the changes are of any bytes. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed)
{
    const size_t most = max_len < sizeof out ? max_len : sizeof out;
    const size_t n = seed % 2 ? mutate_gguf(data, len, NULL, 0, out, most, seed) : 0;

    if (n == 0)
        return LLVMFuzzerMutate(data, len, max_len);
    memcpy(data, out, n);
    return n;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_len, const uint8_t *two, size_t two_len, uint8_t *to,
                                 size_t max_len, unsigned seed)
{
    return two_len ? mutate_gguf(one, one_len, two, two_len, to, max_len, seed) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct err err;
    struct shape shape;
    struct gguf *g = gguf_parse(data, len, &err);
    struct tokenizer *t = g ? tokenizer_create(g, &err) : NULL;
    const struct family *family = g ? family_find(g, &err) : NULL;
    void *model = family ? family->load(g, &shape, &err) : NULL;

    if (g)
        read_all(g);
    if (t)
        encode(t);
    if (model) {
        evaluate(family, model, &shape);
        family->unload(model);
    }
    tokenizer_destroy(t);
    gguf_close(g);
    return 0;
}
