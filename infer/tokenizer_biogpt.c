/*
 * BioGPT (tokenizer.ggml.model "biogpt"): Moses' tokenizer makes words of the text; the characters of a word, the last
 * one with </w> behind it, are merged as the merges say, the one listed first always first.  What ends as no token is
 * the unknown one.  Decoding puts the words together and lets Moses' detokenizer make text of them.
 *
 * Sources: Luo et al., BioGPT, arXiv:2210.10341; Sennrich et al., arXiv:1508.07909.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infer/merge.h"
#include "infer/moses.h"
#include "infer/normalizer.h"
#include "infer/tokenizer_kind.h"
#include "util/utf8.h"

#define WORD_END "</w>"

struct rule {
    const char *text; /* left and right together; NULL: an empty slot */
    uint32_t left_len, len, rank;
};

struct biogpt {
    const struct vocab *vocab;
    struct fallback fallback;
    char *text; /* of all rules */
    struct rule *rules; /* open addressing */
    size_t mask, longest;
};

static struct rule *slot_of(const struct biogpt *b, const char *text, uint32_t left_len, uint32_t len)
{
    size_t i = (vocab_hash(text, len) + left_len * 0x9e3779b97f4a7c15u) & b->mask;

    for (; b->rules[i].text; i = (i + 1) & b->mask)
        if (b->rules[i].len == len && b->rules[i].left_len == left_len && memcmp(b->rules[i].text, text, len) == 0)
            break;
    return &b->rules[i];
}

static int load_rules(struct biogpt *b, const struct gguf_kv *merges, struct err *err)
{
    const unsigned char *at = merges->data;
    char *text = b->text;

    for (uint64_t i = 0; i < merges->n; i++) {
        struct gguf_string s = gguf_next_string(&at);
        const char *space = s.len ? memchr(s.s, ' ', s.len) : NULL;
        size_t left = space ? (size_t)(space - s.s) : 0, right = space ? s.len - left - 1 : 0;
        struct rule *r;

        if (left == 0 || right == 0 || memchr(space + 1, ' ', right) || s.len > TOKENIZER_MAX_TOKEN)
            return fail(err, CORAX_E_ARGS, "tokenizer: merge %" PRIu64 " is not two pieces with a space between", i);
        memcpy(text, s.s, left);
        memcpy(text + left, space + 1, right);
        r = slot_of(b, text, (uint32_t)left, (uint32_t)(left + right));
        *r = (struct rule){ text, (uint32_t)left, (uint32_t)(left + right), (uint32_t)i };
        text += left + right;
        if (left + right > b->longest)
            b->longest = left + right;
    }
    return 0;
}

static int load_merges(struct biogpt *b, const struct gguf *g, struct err *err)
{
    const struct gguf_kv *merges = NULL;
    const unsigned char *at;
    size_t n_slots = 16, bytes = 1;

    if (gguf_get_array(g, "tokenizer.ggml.merges", GGUF_STRING, &merges, err) < 0)
        return -1;
    if (!merges)
        return fail(err, CORAX_E_ARGS, "metadata key tokenizer.ggml.merges is missing");
    at = merges->data;
    for (uint64_t i = 0; i < merges->n; i++)
        bytes += gguf_next_string(&at).len;
    while (n_slots < 2 * merges->n)
        n_slots *= 2;
    b->rules = calloc(n_slots, sizeof *b->rules);
    b->text = malloc(bytes);
    if (!b->rules || !b->text)
        return fail(err, CORAX_E_LIMIT, "out of memory for %" PRIu64 " merges", merges->n);
    b->mask = n_slots - 1;
    return load_rules(b, merges, err);
}

static void unload(void *arg)
{
    struct biogpt *b = arg;

    if (!b)
        return;
    free(b->text);
    free(b->rules);
    free(b);
}

static void *load(const struct gguf *g, const struct vocab *v, struct tokenizer_ends *ends, struct err *err)
{
    struct biogpt *b = calloc(1, sizeof *b);

    if (!b) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    b->vocab = v;
    if (fallback_init(&b->fallback, g, v, err) < 0 || load_merges(b, g, err) < 0) {
        unload(b);
        return NULL;
    }
    if (b->fallback.unknown < 0) {
        fail(err, CORAX_E_ARGS, "tokenizer: the vocabulary has no token of type unknown");
        unload(b);
        return NULL;
    }
    ends->begin = true;
    return b;
}

struct pass {
    const struct biogpt *biogpt;
    const char *word; /* with </w> */
};

static bool find_rule(const void *arg, const struct merge_symbol *left, const struct merge_symbol *right,
                      uint32_t *rank, int32_t *joined)
{
    const struct pass *p = arg;
    const struct rule *r;

    if (left->len + right->len > p->biogpt->longest)
        return false;
    r = slot_of(p->biogpt, p->word + left->at, left->len, left->len + right->len);
    if (!r->text)
        return false;
    *rank = r->rank;
    *joined = 0;
    return true;
}

/* A piece that is a token, or the unknown one; control tokens are none that text can be. */
static int add_piece(const struct biogpt *b, const char *piece, size_t len, struct tokens *out, struct err *err)
{
    int32_t id = vocab_find(b->vocab, piece, len);

    if (id >= 0 && b->vocab->tokens[id].type != TOKEN_NORMAL)
        id = -1;
    return tokens_add(out, id >= 0 ? id : b->fallback.unknown, err);
}

/* word: </w> is behind its len bytes, and symbols has room for each of them. */
static int encode_word(const struct biogpt *b, const char *word, size_t len, struct merge_symbol *symbols,
                       struct tokens *out, struct err *err)
{
    struct pass p = { b, word };
    size_t n = 0, used;

    for (size_t at = 0; at < len; at += used) {
        used = utf8_char_len(word + at, len - at);
        symbols[n++] = (struct merge_symbol){ .at = (uint32_t)at, .len = (uint32_t)used };
    }
    symbols[n - 1].len += (uint32_t)strlen(WORD_END);
    if (merge_all(symbols, n, find_rule, &p, err) < 0)
        return -1;
    for (int32_t i = 0; i >= 0; i = symbols[i].next)
        if (add_piece(b, word + symbols[i].at, symbols[i].len, out, err) < 0)
            return -1;
    return 0;
}

static int encode_words(const struct biogpt *b, const struct buf *words, struct tokens *out, struct err *err)
{
    struct merge_symbol *symbols = malloc((words->len + 1) * sizeof *symbols);
    char *word = malloc(words->len + sizeof WORD_END);
    int result = symbols && word ? 0 : fail(err, CORAX_E_LIMIT, "out of memory for %zu bytes of text", words->len);

    for (size_t at = 0, len; at < words->len && result == 0; at += len + 1) {
        const char *space = memchr(words->data + at, ' ', words->len - at);

        len = space ? (size_t)(space - words->data) - at : words->len - at;
        if (len == 0)
            continue;
        memcpy(word, words->data + at, len);
        memcpy(word + len, WORD_END, sizeof WORD_END);
        result = encode_word(b, word, len, symbols, out, err);
    }
    free(word);
    free(symbols);
    return result;
}

static int encode(const void *arg, const char *text, size_t len, struct tokens *out, struct err *err)
{
    struct buf words;
    int result;

    buf_init(&words, NORMALIZER_LIMIT); /* "<" alone grows to "&lt; " */
    if (moses_tokenize(text, len, &words))
        result = encode_words(arg, &words, out, err);
    else
        result = fail(err, CORAX_E_LIMIT, "out of memory for the words of %zu bytes of text", len);
    buf_finish(&words);
    return result;
}

static int decode(const void *arg, const int32_t *ids, size_t n, struct buf *out, struct err *err)
{
    const struct biogpt *b = arg;
    struct buf words;
    int result = 0;

    buf_init(&words, out->limit);
    for (size_t i = 0; i < n; i++)
        buf_add(&words, b->vocab->tokens[ids[i]].bytes, b->vocab->tokens[ids[i]].n_bytes);
    if (words.failed || !moses_detokenize(words.data, words.len, out))
        result = fail(err, CORAX_E_LIMIT, "out of memory for the text of %zu tokens", n);
    buf_finish(&words);
    return result;
}

const struct tokenizer_kind tokenizer_biogpt = {
    .model = "biogpt",
    .coding = VOCAB_WORD_END,
    .cuts_user = true,
    .load = load,
    .unload = unload,
    .encode = encode,
    .decode = decode,
};
