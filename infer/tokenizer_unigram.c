/*
 * SentencePiece's unigram model (tokenizer.ggml.model "t5"): of all ways to cut a normalized text into tokens, the one
 * whose scores add up to the most (Viterbi).  A character without a token costs 10 more than the worst token.
 *
 * Sums are rounded to float after each token and compared before that, as SentencePiece does: ways that are nearly
 * equal come out the same.
 *
 * Source: Kudo, Subword Regularization, arXiv:1804.10959.
 */
#include <stdlib.h>
#include <string.h>

#include "infer/normalizer.h"
#include "infer/tokenizer_kind.h"
#include "util/utf8.h"

#define UNKNOWN_PENALTY 10.0f

struct unigram {
    const struct vocab *vocab;
    struct normalizer normalizer;
    struct fallback fallback;
    struct trie pieces;
    float *scores;
    float best, worst; /* scores of normal tokens; best is at least 0.1 */
};

static void unload(void *arg)
{
    struct unigram *u = arg;

    if (!u)
        return;
    normalizer_finish(&u->normalizer);
    trie_finish(&u->pieces);
    free(u->scores);
    free(u);
}

static int load_pieces(struct unigram *u, struct err *err)
{
    const struct vocab *v = u->vocab;
    struct trie_entry *entries = malloc(v->n * sizeof *entries);
    bool any = false;
    size_t n = 0;

    u->best = 0.1f; /* where SentencePiece starts from: log-probabilities are below it */
    if (!entries)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", v->n);
    for (size_t i = 0; i < v->n; i++) {
        const struct token *token = &v->tokens[i];

        if (token->type == TOKEN_NORMAL) {
            u->best = u->scores[i] > u->best ? u->scores[i] : u->best;
            u->worst = !any || u->scores[i] < u->worst ? u->scores[i] : u->worst;
            any = true;
        }
        if (token->type == TOKEN_NORMAL || token->type == TOKEN_USER)
            entries[n++] = (struct trie_entry){ token->name, token->name_len, (int32_t)i };
    }
    trie_init(&u->pieces, entries, n);
    return 0;
}

static void *load(const struct gguf *g, const struct vocab *v, struct tokenizer_ends *ends, struct err *err)
{
    struct unigram *u = calloc(1, sizeof *u);

    if (!u) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    u->vocab = v;
    u->normalizer.prefix = u->normalizer.squeeze = true;
    if (normalizer_init(&u->normalizer, g, v, err) < 0 || fallback_init(&u->fallback, g, v, err) < 0 ||
        vocab_scores(v, g, &u->scores, err) < 0 || load_pieces(u, err) < 0) {
        unload(u);
        return NULL;
    }
    ends->end = true;
    return u;
}

/* The best way to get to a place in the text. */
struct place {
    float score;
    uint32_t from; /* where its last token begins; UINT32_MAX: there is no way yet */
    int32_t id;    /* of that token, -1: none, a character by itself */
};

static void offer(struct place *to, size_t from, int32_t id, float score)
{
    if (to->from != UINT32_MAX && score <= to->score)
        return;
    to->score = score;
    to->from = (uint32_t)from;
    to->id = id;
}

/* Everything that may begin at a place: tokens, and the character there if none is just that. */
static size_t extend(const struct unigram *u, const char *text, size_t len, size_t at, struct place *places)
{
    struct trie_node node = trie_root(&u->pieces);
    size_t character = utf8_char_len(text + at, len - at);
    bool single = false;

    character += character == 0; /* a broken map may write what is no UTF-8 */
    for (size_t end = at; end < len && trie_step(&u->pieces, &node, (unsigned char)text[end]); end++) {
        int32_t id = trie_id(&u->pieces, &node);
        size_t n = end + 1 - at;
        float score;

        if (id < 0)
            continue;
        /* User-defined tokens are to win over what they could be cut into. */
        score = u->vocab->tokens[id].type == TOKEN_USER ? (float)((double)((float)n * u->best) - 0.1) : u->scores[id];
        offer(&places[end + 1], at, id, score + places[at].score);
        single = single || n == character;
    }
    if (!single)
        offer(&places[at + character], at, -1, u->worst - UNKNOWN_PENALTY + places[at].score);
    return character;
}

/* Tokens are found from the end: places[from].id then says which begins there. */
static int add_way(const struct unigram *u, const char *text, size_t len, struct place *places, struct tokens *out,
                   struct err *err)
{
    uint32_t end = (uint32_t)len, next = UINT32_MAX;

    while (end > 0) { /* turn the links round: each place then says where the token that begins there ends */
        uint32_t from = places[end].from;

        places[end].from = next;
        next = end;
        end = from;
    }
    for (uint32_t at = 0; at < len; at = next) {
        int result;

        next = at == 0 ? next : places[at].from;
        if (places[next].id >= 0)
            result = tokens_add(out, places[next].id, err);
        else
            result = fallback_add(&u->fallback, text + at, next - at, out, err);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int encode_normalized(const struct unigram *u, const char *text, size_t len, struct tokens *out, struct err *err)
{
    struct place *places = malloc((len + 1) * sizeof *places);
    int result;

    if (!places)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu bytes of text", len);
    for (size_t i = 0; i <= len; i++)
        places[i] = (struct place){ .from = UINT32_MAX };
    places[0] = (struct place){ 0 };
    for (size_t at = 0; at < len;)
        at += extend(u, text, len, at, places);
    result = add_way(u, text, len, places, out, err);
    free(places);
    return result;
}

static int encode(const void *arg, const char *text, size_t len, struct tokens *out, struct err *err)
{
    const struct unigram *u = arg;
    struct buf normalized;
    int result;

    buf_init(&normalized, NORMALIZER_LIMIT);
    result = normalizer_apply(&u->normalizer, text, len, &normalized, err);
    if (result == 0)
        result = encode_normalized(u, normalized.data, normalized.len, out, err);
    buf_finish(&normalized);
    return result;
}

static int decode(const void *arg, const int32_t *ids, size_t n, struct buf *out, struct err *err)
{
    const struct unigram *u = arg;

    (void)err;
    normalizer_decode(&u->normalizer, ids, n, out);
    return 0;
}

const struct tokenizer_kind tokenizer_unigram = {
    .model = "t5",
    .coding = VOCAB_SPACE_MARK,
    .load = load,
    .unload = unload,
    .encode = encode,
    .decode = decode,
};
