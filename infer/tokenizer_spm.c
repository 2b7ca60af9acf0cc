/*
 * SentencePiece's BPE (tokenizer.ggml.model "llama"): the characters of a normalized text are merged, of all pairs that
 * make a token the one of the best score first.  User-defined tokens are never merged.  A token of type unused may be
 * merged into others, and is taken apart again where it is left over.
 *
 * Source: Kudo and Richardson, SentencePiece, arXiv:1808.06226.
 */
#include <stdlib.h>
#include <string.h>

#include "infer/merge.h"
#include "infer/normalizer.h"
#include "infer/tokenizer_kind.h"
#include "util/utf8.h"

struct spm {
    const struct vocab *vocab;
    struct normalizer normalizer;
    struct fallback fallback;
    uint32_t *ranks; /* of each token: 0 for the best score, equal for equal ones */
    bool has_unused;
};

enum { CHARACTER = -1, FROZEN = -2 }; /* ids of symbols that are no token yet, and of user-defined tokens */

struct scored {
    float score;
    int32_t id;
};

static int compare(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    return (x->score < y->score) - (x->score > y->score);
}

static int rank(struct spm *s, const struct gguf *g, struct err *err)
{
    const size_t n = s->vocab->n;
    struct scored *sorted = malloc(n * sizeof *sorted);
    float *scores = NULL;
    int result = vocab_scores(s->vocab, g, &scores, err);

    s->ranks = malloc(n * sizeof *s->ranks);
    if (result == 0 && (!sorted || !s->ranks))
        result = fail(err, CORAX_E_LIMIT, "out of memory for %zu scores", n);
    if (result == 0) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = (struct scored){ scores[i], (int32_t)i };
        qsort(sorted, n, sizeof *sorted, compare);
        for (size_t i = 0, r = 0; i < n; i++) {
            if (i && sorted[i].score < sorted[i - 1].score)
                r = i;
            s->ranks[sorted[i].id] = (uint32_t)r;
        }
    }
    free(scores);
    free(sorted);
    return result;
}

static void unload(void *arg)
{
    struct spm *s = arg;

    if (!s)
        return;
    normalizer_finish(&s->normalizer);
    free(s->ranks);
    free(s);
}

static void *load(const struct gguf *g, const struct vocab *v, struct tokenizer_ends *ends, struct err *err)
{
    struct spm *s = calloc(1, sizeof *s);

    if (!s) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    s->vocab = v;
    s->normalizer.prefix = true;
    for (size_t i = 0; i < v->n; i++)
        s->has_unused = s->has_unused || v->tokens[i].type == TOKEN_UNUSED;
    if (normalizer_init(&s->normalizer, g, v, err) < 0 || fallback_init(&s->fallback, g, v, err) < 0 ||
        rank(s, g, err) < 0) {
        unload(s);
        return NULL;
    }
    ends->begin = true;
    return s;
}

/* One text on its way. */
struct pass {
    const struct spm *spm;
    const char *text;
    uint32_t *cuts; /* of each unused token, the length of its left part when it last could be merged; NULL: none */
};

/* The token of that name that merging may make, or -1. */
static int32_t find_piece(const struct spm *s, const char *name, size_t len)
{
    int32_t id = vocab_find(s->vocab, name, len);
    uint8_t type = id < 0 ? 0 : s->vocab->tokens[id].type;

    return type == TOKEN_NORMAL || type == TOKEN_USER || type == TOKEN_UNUSED ? id : -1;
}

static bool find_merge(const void *arg, const struct merge_symbol *left, const struct merge_symbol *right,
                       uint32_t *rank_out, int32_t *joined)
{
    const struct pass *p = arg;

    if (left->id == FROZEN || right->id == FROZEN)
        return false;
    *joined = find_piece(p->spm, p->text + left->at, left->len + right->len);
    if (*joined < 0)
        return false;
    *rank_out = p->spm->ranks[*joined];
    if (p->spm->vocab->tokens[*joined].type == TOKEN_UNUSED)
        p->cuts[*joined] = left->len;
    return true;
}

/*
 * The token that a symbol ended as.  One of type unused is taken apart into what it was merged from, each part as often
 * as needed: a part is shorter than the whole, so the depth is the length of a token at most.
 */
static int add_symbol(const struct pass *p, const char *text, size_t len, struct tokens *out, struct err *err)
{
    int32_t id = find_piece(p->spm, text, len);
    size_t cut;

    if (id >= 0 && p->spm->vocab->tokens[id].type != TOKEN_UNUSED)
        return tokens_add(out, id, err);
    cut = id < 0 ? 0 : p->cuts[id];
    if (cut == 0 || cut >= len)
        return fallback_add(&p->spm->fallback, text, len, out, err);
    return add_symbol(p, text, cut, out, err) < 0 || add_symbol(p, text + cut, len - cut, out, err) < 0 ? -1 : 0;
}

static size_t split(const struct spm *s, const char *text, size_t len, struct merge_symbol *symbols)
{
    size_t n = 0, used;

    for (size_t at = 0; at < len; at += used) {
        bool frozen = trie_longest(&s->normalizer.user, text + at, len - at, &used) >= 0;

        if (!frozen)
            used = utf8_char_len(text + at, len - at);
        used += used == 0; /* a broken map may write what is no UTF-8 */
        symbols[n++] = (struct merge_symbol){
            .at = (uint32_t)at, .len = (uint32_t)used, .id = frozen ? FROZEN : CHARACTER
        };
    }
    return n;
}

static int encode_normalized(struct pass *p, size_t len, struct tokens *out, struct err *err)
{
    struct merge_symbol *symbols = malloc((len + 1) * sizeof *symbols);
    int result = 0;
    size_t n;

    if (p->spm->has_unused)
        p->cuts = calloc(p->spm->vocab->n, sizeof *p->cuts);
    if (!symbols || (p->spm->has_unused && !p->cuts)) {
        result = fail(err, CORAX_E_LIMIT, "out of memory for %zu bytes of text", len);
    } else {
        n = split(p->spm, p->text, len, symbols);
        if (n)
            result = merge_all(symbols, n, find_merge, p, err);
        for (int32_t i = n ? 0 : -1; i >= 0 && result == 0; i = symbols[i].next)
            result = add_symbol(p, p->text + symbols[i].at, symbols[i].len, out, err);
    }
    free(p->cuts);
    free(symbols);
    return result;
}

static int encode(const void *arg, const char *text, size_t len, struct tokens *out, struct err *err)
{
    const struct spm *s = arg;
    struct pass p = { .spm = s };
    struct buf normalized;
    int result;

    buf_init(&normalized, NORMALIZER_LIMIT);
    result = normalizer_apply(&s->normalizer, text, len, &normalized, err);
    p.text = normalized.data;
    if (result == 0)
        result = encode_normalized(&p, normalized.len, out, err);
    buf_finish(&normalized);
    return result;
}

static int decode(const void *arg, const int32_t *ids, size_t n, struct buf *out, struct err *err)
{
    const struct spm *s = arg;

    (void)err;
    normalizer_decode(&s->normalizer, ids, n, out);
    return 0;
}

const struct tokenizer_kind tokenizer_spm = {
    .model = "llama",
    .coding = VOCAB_SPACE_MARK,
    .load = load,
    .unload = unload,
    .encode = encode,
    .decode = decode,
};
