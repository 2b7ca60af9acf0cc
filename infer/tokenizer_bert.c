/*
 * WordPiece, BERT's (tokenizer.ggml.model "bert"): text is cut into words, a word into the longest pieces that the vocabulary has.
 *
 * Words are what stands between white space; each punctuation mark and each Chinese character is one by itself.  Control characters go.
 * Where no token of the vocabulary has a capital letter, as in the "uncased" models, letters are made small and lose their accents:
 * files do not say so otherwise.  A piece that begins a word has U+2581 in front in the file, others have nothing (what vocab.txt writes as
 * ##).  A word that cannot be cut so, or has more than 100 characters, is the unknown token.
 *
 * A text begins with [CLS] and ends with [SEP], unless the file says otherwise.
 *
 * Source: Devlin et al., BERT, arXiv:1810.04805; BertNormalizer, BertPreTokenizer and WordPiece of tokenizers 0.23.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infer/jinja_unicode.h"
#include "infer/nfc.h"
#include "infer/regex_syntax.h"
#include "infer/tokenizer_kind.h"
#include "infer/trie.h"
#include "util/utf8.h"

#define MARK       "\xe2\x96\x81" /* U+2581 */
#define MARK_LEN   3
#define MAX_CHARS  100 /* of a word */
#define WORD_BYTES (4 * MAX_CHARS + MARK_LEN + 64) /* what one character comes to stands behind, and no more is written than that */

struct bert {
    struct trie pieces;
    int32_t unknown; /* -1: none */
    bool small;      /* letters are made small, without accents */
};

/* --- loading ------------------------------------------------------------------------------------------------------ */

static void unload(void *arg)
{
    struct bert *b = arg;

    if (!b)
        return;
    trie_finish(&b->pieces);
    free(b);
}

static bool has_capital(const struct token *t)
{
    for (uint32_t i = 0; i < t->name_len; i++)
        if (t->name[i] >= 'A' && t->name[i] <= 'Z')
            return true;
    return false;
}

/* By the key, else by the name that BERT's vocabularies have for it. */
static int find_id(const struct gguf *g, const struct vocab *v, const char *key, const char *name, int32_t *out, struct err *err)
{
    uint64_t id = 0;
    const int found = gguf_get_uint(g, key, &id, err);

    if (found < 0)
        return -1;
    if (found == 0 && id >= v->n)
        return fail(err, CORAX_E_ARGS, "metadata key %s is %" PRIu64 ", the vocabulary has %zu tokens", key, id, v->n);
    *out = found == 0 ? (int32_t)id : vocab_find(v, name, strlen(name));
    return 0;
}

static int fill(struct bert *b, const struct gguf *g, const struct vocab *v, struct tokenizer_ends *ends, struct err *err)
{
    struct trie_entry *entries = malloc((v->n + 1) * sizeof *entries);
    size_t n = 0;

    if (!entries)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", v->n);
    b->small = true;
    for (size_t i = 0; i < v->n; i++) {
        const struct token *t = &v->tokens[i];

        if (t->type != TOKEN_NORMAL || (t->name_len > 0 && t->name[0] == '['))
            continue; /* older files have control tokens as normal ones, whose names no text comes to */
        entries[n++] = (struct trie_entry){ t->name, t->name_len, (int32_t)i };
        b->small = b->small && !has_capital(t);
    }
    trie_init(&b->pieces, entries, n);
    ends->begin = ends->end = true;
    if (find_id(g, v, "tokenizer.ggml.unknown_token_id", "[UNK]", &b->unknown, err) < 0 ||
        find_id(g, v, "tokenizer.ggml.cls_token_id", "[CLS]", &ends->begin_id, err) < 0)
        return -1;
    return find_id(g, v, "tokenizer.ggml.seperator_token_id", "[SEP]", &ends->end_id, err); /* as the key is spelt in files */
}

static void *load(const struct gguf *g, const struct vocab *v, struct tokenizer_ends *ends, struct err *err)
{
    struct bert *b = calloc(1, sizeof *b);

    if (!b) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    if (fill(b, g, v, ends, err) == 0)
        return b;
    unload(b);
    return NULL;
}

/* --- characters --------------------------------------------------------------------------------------------------- */

/* Control characters, but those three that are white space here, format and private ones; what no version of Unicode has assigned stays. */
static bool is_dropped(uint32_t c)
{
    const char *category = unicode_category(c);

    return c == 0xfffd || (category[0] == 'C' && category[1] != 'n' && c != '\t' && c != '\n' && c != '\r');
}

static bool is_chinese(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        { 0x4e00, 0x9fff },   { 0x3400, 0x4dbf },   { 0x20000, 0x2a6df }, { 0x2a700, 0x2b73f },
        { 0x2b740, 0x2b81f }, { 0x2b920, 0x2ceaf }, { 0xf900, 0xfaff },   { 0x2f800, 0x2fa1f },
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

static bool is_punctuation(uint32_t c)
{
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
    return unicode_category(c)[0] == 'P';
}

/* --- words -------------------------------------------------------------------------------------------------------- */

struct word {
    const struct bert *b;
    struct tokens *out;
    char text[WORD_BYTES]; /* behind MARK */
    size_t len, n_chars;   /* n_chars 0: there is none */
};

/* The longest pieces, or the unknown token in their place. */
static int end_word(struct word *w, struct err *err)
{
    const size_t before = w->out->n;
    bool known = w->n_chars <= MAX_CHARS;

    for (size_t at = 0, used; known && w->n_chars > 0 && at < w->len; at += used) {
        const int32_t id = trie_longest(&w->b->pieces, w->text + at, w->len - at, &used);

        known = id >= 0 && !(at == 0 && used <= MARK_LEN);
        if (known && tokens_add(w->out, id, err) < 0)
            return -1;
    }
    if (!known) {
        w->out->n = before;
        if (w->b->unknown < 0)
            return fail(err, CORAX_E_ARGS, "the vocabulary has no token for \"%.*s\", and none for what is unknown",
                        (int)(w->len < 60 ? w->len : 60) - MARK_LEN, w->text + MARK_LEN);
        if (tokens_add(w->out, w->b->unknown, err) < 0)
            return -1;
    }
    w->len = MARK_LEN;
    w->n_chars = 0;
    return 0;
}

static void add_char(struct word *w, uint32_t c)
{
    char bytes[4];
    const size_t n = utf8_encode(c, bytes);

    if (++w->n_chars > MAX_CHARS)
        return; /* it is unknown */
    memcpy(w->text + w->len, bytes, n);
    w->len += n;
}

/* A character as it is when it has been made small. */
static int take(struct word *w, uint32_t c, struct err *err)
{
    if (char_classes(c) & CHAR_SPACE)
        return end_word(w, err);
    if (!is_punctuation(c)) {
        add_char(w, c);
        return 0;
    }
    if (end_word(w, err) < 0)
        return -1;
    add_char(w, c);
    return end_word(w, err);
}

static int take_small(struct word *w, uint32_t c, struct err *err)
{
    uint32_t parts[4];
    const size_t n = nfd_of(c, parts);

    for (size_t i = 0; i < n; i++) {
        uint32_t small[3];
        int n_small;

        if (strcmp(unicode_category(parts[i]), "Mn") == 0)
            continue;
        n_small = char_change(parts[i], CASE_LOWER, small);
        for (int k = 0; k < n_small; k++)
            if (take(w, small[k], err) < 0)
                return -1;
    }
    return 0;
}

static int encode(const void *arg, const char *text, size_t len, struct tokens *out, struct err *err)
{
    struct word w = { .b = arg, .out = out, .len = MARK_LEN };

    memcpy(w.text, MARK, MARK_LEN);
    for (size_t at = 0; at < len;) {
        const size_t n = utf8_char_len(text + at, len - at);
        const uint32_t c = n ? char_at(text + at) : 0; /* a byte that is no UTF-8 goes */

        at += n ? n : 1;
        if (is_dropped(c))
            continue;
        if (is_chinese(c) && end_word(&w, err) < 0)
            return -1;
        if ((w.b->small ? take_small(&w, c, err) : take(&w, c, err)) < 0)
            return -1;
        if (is_chinese(c) && end_word(&w, err) < 0)
            return -1;
    }
    return end_word(&w, err);
}

const struct tokenizer_kind tokenizer_bert = {
    .model = "bert",
    .coding = VOCAB_SPACE_MARK,
    .load = load,
    .unload = unload,
    .encode = encode,
};
