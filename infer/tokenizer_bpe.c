/*
 * Byte-level BPE (tokenizer.ggml.model "gpt2"): the pre-tokenizer that tokenizer.ggml.pre names cuts the text into
 * pieces, and inside a piece the bytes are merged, the merge listed first always first.  A byte that the vocabulary has
 * no token for is left out, as in the references: some published ones lack control characters, and bytes that stand in
 * no character that was in their training data.
 *
 * Sources: Sennrich et al., arXiv:1508.07909, for the merges; Radford et al., GPT-2, for doing it on bytes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infer/merge.h"
#include "infer/nfc.h"
#include "infer/tokenizer_kind.h"
#include "infer/tokenizer_pattern.h"

#define SHORT_PIECE 64 /* symbols on the stack: a word or a number */

struct rule {
    int32_t left, right, joined; /* left -1: an empty slot */
    uint32_t rank;
};

struct bpe {
    const struct vocab *vocab;
    struct pattern *pattern;
    struct pattern_traits traits;
    int32_t byte_id[256];
    struct rule *rules; /* open addressing */
    size_t mask;        /* slots - 1, a power of two less one */
};

static size_t slot_of(const struct bpe *b, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;

    key = (key ^ key >> 31) * 0x9e3779b97f4a7c15u;
    return (size_t)(key >> 29) & b->mask;
}

static bool find_rule(const void *arg, const struct merge_symbol *left, const struct merge_symbol *right,
                      uint32_t *rank, int32_t *joined)
{
    const struct bpe *b = arg;

    for (size_t i = slot_of(b, left->id, right->id); b->rules[i].left >= 0; i = (i + 1) & b->mask)
        if (b->rules[i].left == left->id && b->rules[i].right == right->id) {
            *rank = b->rules[i].rank;
            *joined = b->rules[i].joined;
            return true;
        }
    return false;
}

/* "LEFT RIGHT", which may not be empty, and both together are tokens. */
static int add_rule(struct bpe *b, struct gguf_string s, uint32_t rank, struct err *err)
{
    char joined[TOKENIZER_MAX_TOKEN * 2];
    const char *space = s.len > 1 ? memchr(s.s + 1, ' ', s.len - 1) : NULL;
    struct rule r = { .rank = rank };
    size_t left, right, i;

    if (!space || space == s.s + s.len - 1 || s.len > sizeof joined)
        return fail(err, CORAX_E_ARGS, "tokenizer: merge %" PRIu32 " is not two tokens with a space between", rank);
    left = (size_t)(space - s.s);
    right = s.len - left - 1;
    memcpy(joined, s.s, left);
    memcpy(joined + left, space + 1, right);
    r.left = vocab_find(b->vocab, s.s, left);
    r.right = vocab_find(b->vocab, space + 1, right);
    r.joined = vocab_find(b->vocab, joined, left + right);
    if (r.left < 0 || r.right < 0 || r.joined < 0)
        return fail(err, CORAX_E_ARGS, "tokenizer: merge %" PRIu32 " needs a token that the vocabulary lacks", rank);
    for (i = slot_of(b, r.left, r.right); b->rules[i].left >= 0; i = (i + 1) & b->mask)
        if (b->rules[i].left == r.left && b->rules[i].right == r.right)
            return fail(err, CORAX_E_ARGS, "tokenizer: merge %" PRIu32 " is the same as merge %" PRIu32, rank,
                        b->rules[i].rank);
    b->rules[i] = r;
    return 0;
}

static int load_rules(struct bpe *b, const struct gguf *g, struct err *err)
{
    const struct gguf_kv *merges = NULL;
    const unsigned char *at;
    size_t n_slots = 16;

    if (gguf_get_array(g, "tokenizer.ggml.merges", GGUF_STRING, &merges, err) < 0)
        return -1;
    if (!merges)
        return fail(err, CORAX_E_ARGS, "metadata key tokenizer.ggml.merges is missing");
    while (n_slots < 2 * merges->n) /* at most half full; n is below the size of the file */
        n_slots *= 2;
    b->rules = calloc(n_slots, sizeof *b->rules);
    if (!b->rules)
        return fail(err, CORAX_E_LIMIT, "out of memory for %" PRIu64 " merges", merges->n);
    b->mask = n_slots - 1;
    for (size_t i = 0; i < n_slots; i++)
        b->rules[i].left = -1;
    at = merges->data;
    for (uint64_t i = 0; i < merges->n; i++)
        if (add_rule(b, gguf_next_string(&at), (uint32_t)i, err) < 0)
            return -1;
    return 0;
}

static int load_pattern(struct bpe *b, const struct gguf *g, struct err *err)
{
    struct gguf_string pre = { "", 0 }, architecture = { "", 0 };

    if (gguf_get_string(g, "tokenizer.ggml.pre", &pre, err) < 0 ||
        gguf_get_string(g, "general.architecture", &architecture, err) < 0)
        return -1;
    b->pattern = pattern_create(pre, architecture, &b->traits, err);
    return b->pattern ? 0 : -1;
}

static void unload(void *arg)
{
    struct bpe *b = arg;

    if (!b)
        return;
    pattern_destroy(b->pattern);
    free(b->rules);
    free(b);
}

static void *load(const struct gguf *g, const struct vocab *v, struct tokenizer_ends *ends, struct err *err)
{
    struct bpe *b = calloc(1, sizeof *b);

    if (!b) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    b->vocab = v;
    if (load_pattern(b, g, err) < 0 || load_rules(b, g, err) < 0) {
        unload(b);
        return NULL;
    }
    memset(b->byte_id, 0xff, sizeof b->byte_id);
    for (size_t i = v->n; i-- > 0;)
        if (v->tokens[i].n_bytes == 1 && v->tokens[i].type == TOKEN_NORMAL)
            b->byte_id[(unsigned char)v->tokens[i].bytes[0]] = (int32_t)i;
    ends->begin = b->traits.add_begin;
    return b;
}

static int merge_bytes(const struct bpe *b, const char *piece, size_t len, struct merge_symbol *symbols,
                       struct tokens *out, struct err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        int32_t id = b->byte_id[(unsigned char)piece[i]];

        if (id >= 0)
            symbols[n++] = (struct merge_symbol){ .at = (uint32_t)i, .len = 1, .id = id };
    }
    if (n == 0)
        return 0;
    if (merge_all(symbols, n, find_rule, b, err) < 0)
        return -1;
    for (int32_t i = 0; i >= 0; i = symbols[i].next)
        if (tokens_add(out, symbols[i].id, err) < 0)
            return -1;
    return 0;
}

/* The ordinary token that is exactly these bytes, or -1. */
static int32_t whole_piece(const struct bpe *b, const char *piece, size_t len)
{
    char name[2 * TOKENIZER_MAX_TOKEN];
    int32_t id;

    if (len > TOKENIZER_MAX_TOKEN)
        return -1;
    id = vocab_find(b->vocab, name, vocab_encode_bytes(piece, len, name));
    return id >= 0 && b->vocab->tokens[id].type == TOKEN_NORMAL ? id : -1;
}

struct piece_arg {
    const struct bpe *bpe;
    struct tokens *out;
};

static int encode_piece(void *arg, const char *piece, size_t len, struct err *err)
{
    const struct piece_arg *a = arg;
    struct merge_symbol few[SHORT_PIECE], *symbols = few;
    int result;

    if (a->bpe->traits.whole_pieces) {
        int32_t id = whole_piece(a->bpe, piece, len);

        if (id >= 0)
            return tokens_add(a->out, id, err);
    }
    if (len > SHORT_PIECE)
        symbols = malloc(len * sizeof *symbols);
    if (!symbols)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu bytes of text", len);
    result = merge_bytes(a->bpe, piece, len, symbols, a->out, err);
    if (symbols != few)
        free(symbols);
    return result;
}

static int encode(const void *arg, const char *text, size_t len, struct tokens *out, struct err *err)
{
    const struct bpe *b = arg;
    struct piece_arg a = { b, out };
    struct buf composed;
    int result;

    if (!b->traits.nfc || nfc_is_plain(text, len))
        return pattern_split(b->pattern, text, len, encode_piece, &a, err);
    buf_init(&composed, 3 * len); /* no character becomes more than three times as long */
    if (nfc_normalize(text, len, &composed))
        result = pattern_split(b->pattern, composed.data, composed.len, encode_piece, &a, err);
    else
        result = fail(err, CORAX_E_LIMIT, "out of memory for %zu bytes of text", len);
    buf_finish(&composed);
    return result;
}

const struct tokenizer_kind tokenizer_bpe = {
    .model = "gpt2",
    .coding = VOCAB_BYTE_LEVEL,
    .cuts_user = true,
    .load = load,
    .unload = unload,
    .encode = encode,
};
