/*
 * The vocabulary, the tokens that are cut out of text by their names, and which kind of tokenizer the file is for.
 */
#include "infer/tokenizer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/tokenizer_kind.h"
#include "infer/trie.h"
#include "infer/utf8.h"

struct tokenizer {
    const struct tokenizer_kind *kind;
    void *self; /* the kind's */
    struct vocab vocab;
    struct trie user, named; /* tokens found by name in any text; in text that may name control tokens, too */
    struct tokenizer_ends ends;
    int32_t bos, eos;
};

static const struct tokenizer_kind *const kinds[] = {
    &tokenizer_bpe, &tokenizer_spm, &tokenizer_rwkv, &tokenizer_unigram, &tokenizer_biogpt, &tokenizer_bert,
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

/* --- lists of tokens ---------------------------------------------------------------------------------------------- */

void tokens_finish(struct tokens *t)
{
    free(t->ids);
    memset(t, 0, sizeof *t);
}

int tokens_add(struct tokens *t, int32_t id, struct err *err)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 256;
        int32_t *ids = realloc(t->ids, cap * sizeof *ids);

        if (!ids)
            return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", cap);
        t->ids = ids;
        t->cap = cap;
    }
    t->ids[t->n++] = id;
    return 0;
}

int tokens_parse(struct tokens *t, const char *text, struct err *err)
{
    static const char space[] = " \t\r\n";

    for (text += strspn(text, space); *text;) {
        char *end;
        long id = strtol(text, &end, 10);
        const char *next = end + strspn(end, space);
        const bool comma = *next == ',';

        if (comma)
            next += 1 + strspn(next + 1, space);
        if (end == text || (next == end && *end) || (comma && !*next))
            return fail(err, CORAX_E_ARGS, "tokens are ids with commas or spaces between, such as 0,2,76");
        if (id < 0 || id > INT32_MAX)
            return fail(err, CORAX_E_ARGS, "token %.*s is no id", (int)(end - text < 20 ? end - text : 20), text);
        if (tokens_add(t, (int32_t)id, err) < 0)
            return -1;
        text = next;
    }
    return 0;
}

/* --- loading ------------------------------------------------------------------------------------------------------ */

static const struct tokenizer_kind *find_kind(const struct gguf *g, struct err *err)
{
    struct gguf_string model = { "", 0 };
    char known[64] = "";

    if (gguf_get_string(g, "tokenizer.ggml.model", &model, err) < 0)
        return NULL;
    for (size_t i = 0; i < N_KINDS; i++) {
        const char *name = kinds[i]->model;

        if (model.len == strlen(name) && memcmp(model.s, name, model.len) == 0)
            return kinds[i];
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i == 0 ? "" : ", ", name);
    }
    fail(err, CORAX_E_ARGS, "tokenizer.ggml.model is \"%.*s\", this program knows %s",
         (int)(model.len < 32 ? model.len : 32), model.s, known);
    return NULL;
}

static int read_id(const struct tokenizer *t, const struct gguf *g, const char *key, int32_t *out, struct err *err)
{
    uint64_t id;
    int found = gguf_get_uint(g, key, &id, err);

    if (found < 0)
        return -1;
    if (found == 0 && id >= t->vocab.n)
        return fail(err, CORAX_E_ARGS, "metadata key %s is %" PRIu64 ", the vocabulary has %zu tokens", key, id,
                    t->vocab.n);
    *out = found == 0 ? (int32_t)id : -1;
    return 0;
}

static bool is_named(const struct tokenizer *t, enum token_type type, bool control)
{
    return (type == TOKEN_USER && t->kind->cuts_user) || (control && (type == TOKEN_CONTROL || type == TOKEN_UNKNOWN));
}

/* The tokens that are found by name, with the control ones or without. */
static int collect_named(const struct tokenizer *t, bool control, struct trie *out, struct err *err)
{
    struct trie_entry *entries;
    size_t n = 0;

    for (size_t i = 0; i < t->vocab.n; i++)
        n += is_named(t, (enum token_type)t->vocab.tokens[i].type, control);
    entries = malloc((n + 1) * sizeof *entries);
    if (!entries)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", n);
    n = 0;
    for (size_t i = 0; i < t->vocab.n; i++) {
        const struct token *token = &t->vocab.tokens[i];

        if (is_named(t, (enum token_type)token->type, control))
            entries[n++] = (struct trie_entry){ token->name, token->name_len, (int32_t)i };
    }
    trie_init(out, entries, n);
    return 0;
}

static int load(struct tokenizer *t, const struct gguf *g, struct err *err)
{
    t->kind = find_kind(g, err);
    if (!t->kind || vocab_init(&t->vocab, g, t->kind->coding, err) < 0 ||
        read_id(t, g, "tokenizer.ggml.bos_token_id", &t->bos, err) < 0 ||
        read_id(t, g, "tokenizer.ggml.eos_token_id", &t->eos, err) < 0 ||
        collect_named(t, false, &t->user, err) < 0 || collect_named(t, true, &t->named, err) < 0)
        return -1;
    t->ends.begin_id = t->ends.end_id = -1;
    t->self = t->kind->load(g, &t->vocab, &t->ends, err);
    if (!t->self || gguf_get_bool(g, "tokenizer.ggml.add_bos_token", &t->ends.begin, err) < 0 ||
        gguf_get_bool(g, "tokenizer.ggml.add_eos_token", &t->ends.end, err) < 0)
        return -1;
    t->bos = t->ends.begin_id >= 0 ? t->ends.begin_id : t->bos;
    t->eos = t->ends.end_id >= 0 ? t->ends.end_id : t->eos;
    return 0;
}

struct tokenizer *tokenizer_create(const struct gguf *g, struct err *err)
{
    struct tokenizer *t = calloc(1, sizeof *t);

    if (!t) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    if (load(t, g, err) < 0) {
        tokenizer_destroy(t);
        return NULL;
    }
    return t;
}

void tokenizer_destroy(struct tokenizer *t)
{
    if (!t)
        return;
    if (t->kind)
        t->kind->unload(t->self);
    trie_finish(&t->user);
    trie_finish(&t->named);
    vocab_finish(&t->vocab);
    free(t);
}

size_t tokenizer_n_tokens(const struct tokenizer *t)
{
    return t->vocab.n;
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

int32_t tokenizer_begin(const struct tokenizer *t)
{
    return t->ends.begin ? t->bos : -1;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

const char *tokenizer_bytes(const struct tokenizer *t, int32_t id, size_t *len)
{
    *len = t->vocab.tokens[id].n_bytes;
    return t->vocab.tokens[id].bytes;
}

#define LONGEST 64 /* bytes that tokenizer_longest() looks at */

int32_t tokenizer_longest(const struct tokenizer *t, const char *bytes, size_t len, size_t *used)
{
    char name[4 * LONGEST + 1];

    for (size_t n = len < LONGEST ? len : LONGEST; n > 0; n--) {
        size_t name_len = 0, found_len;
        const char *found;
        int32_t id;

        if (t->kind->coding == VOCAB_BYTE_LEVEL) {
            name_len = vocab_encode_bytes(bytes, n, name);
        } else {
            for (size_t i = 0; i < n; i++)
                if (bytes[i] == ' ' && t->kind->coding == VOCAB_SPACE_MARK) {
                    memcpy(name + name_len, "\xe2\x96\x81", 3); /* U+2581 */
                    name_len += 3;
                } else {
                    name[name_len++] = bytes[i];
                }
        }
        id = vocab_find(&t->vocab, name, name_len);
        if (id < 0)
            continue;
        found = tokenizer_bytes(t, id, &found_len);
        if (found_len == n && memcmp(found, bytes, n) == 0) {
            *used = n;
            return id;
        }
    }
    return -1;
}

enum token_type tokenizer_type(const struct tokenizer *t, int32_t id)
{
    return (enum token_type)t->vocab.tokens[id].type;
}

const char *tokenizer_name(const struct tokenizer *t, int32_t id, size_t *len)
{
    *len = t->vocab.tokens[id].name_len;
    return t->vocab.tokens[id].name;
}

int32_t tokenizer_special(const struct tokenizer *t, const char *name)
{
    int32_t id = vocab_find(&t->vocab, name, strlen(name));

    return id >= 0 && t->vocab.tokens[id].type == TOKEN_CONTROL ? id : -1;
}

int32_t tokenizer_special_at(const struct tokenizer *t, const char *text, size_t len, size_t *used)
{
    const int32_t id = t->named.n ? trie_longest(&t->named, text, len, used) : -1;

    return id >= 0 && t->vocab.tokens[id].type == TOKEN_CONTROL ? id : -1;
}

/* --- text to tokens ----------------------------------------------------------------------------------------------- */

/* The text between named tokens goes to the kind.  Of several names the first in the text counts, then the longest. */
static int encode(const struct tokenizer *t, const struct trie *named, const char *text, size_t len,
                  struct tokens *out, struct err *err)
{
    size_t done = 0, at = 0;

    while (named->n && at < len) {
        size_t name_len;
        int32_t id = trie_longest(named, text + at, len - at, &name_len);

        if (id < 0) {
            at++;
            continue;
        }
        if (at > done && t->kind->encode(t->self, text + done, at - done, out, err) < 0)
            return -1;
        if (tokens_add(out, id, err) < 0)
            return -1;
        done = at += name_len;
    }
    return done < len ? t->kind->encode(t->self, text + done, len - done, out, err) : 0;
}

int tokenizer_encode_with(const struct tokenizer *t, unsigned flags, const char *text, size_t len, struct tokens *out,
                          struct err *err)
{
    if (len > TOKENIZER_MAX_TEXT)
        return fail(err, CORAX_E_LIMIT, "%zu bytes of text, at most %d", len, TOKENIZER_MAX_TEXT);
    if ((flags & TOKENIZER_BEGIN) && tokenizer_begin(t) >= 0 && tokens_add(out, t->bos, err) < 0)
        return -1;
    if (encode(t, flags & TOKENIZER_SPECIAL ? &t->named : &t->user, text, len, out, err) < 0)
        return -1;
    return (flags & TOKENIZER_END) && t->ends.end && t->eos >= 0 ? tokens_add(out, t->eos, err) : 0;
}

int tokenizer_encode(const struct tokenizer *t, const char *text, size_t len, struct tokens *out, struct err *err)
{
    return tokenizer_encode_with(t, 0, text, len, out, err);
}

/* --- and back ----------------------------------------------------------------------------------------------------- */

bool tokenizer_is_plain(const struct tokenizer *t)
{
    return !t->kind->decode;
}

int tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= t->vocab.n)
            return fail(err, CORAX_E_ARGS, "token %" PRId32 ": the vocabulary has 0 to %zu", ids[i], t->vocab.n - 1);
    if (t->kind->decode) {
        if (t->kind->decode(t->self, ids, n, out, err) < 0)
            return -1;
    } else {
        for (size_t i = 0; i < n; i++)
            buf_add(out, t->vocab.tokens[ids[i]].bytes, t->vocab.tokens[ids[i]].n_bytes);
    }
    return out->failed ? fail(err, CORAX_E_LIMIT, "the text of %zu tokens is longer than %zu bytes", n, out->limit) : 0;
}

static void add_replacement(struct buf *out)
{
    buf_add(out, "\xef\xbf\xbd", 3);
}

void detokenizer_add(struct detokenizer *d, const char *bytes, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len; i++) {
        struct utf8 state = { 0 };
        unsigned char byte = (unsigned char)bytes[i];

        for (unsigned j = 0; j < d->n_held; j++)
            utf8_next(&state, d->held[j]);
        if (!utf8_next(&state, byte)) {
            if (d->n_held) { /* what is held never becomes a character; the byte may begin one */
                add_replacement(out);
                d->n_held = 0;
                i--;
                continue;
            }
            add_replacement(out);
            continue;
        }
        d->held[d->n_held++] = byte;
        if (state.n_left == 0) {
            buf_add(out, d->held, d->n_held);
            d->n_held = 0;
        }
    }
}

void detokenizer_end(struct detokenizer *d, struct buf *out)
{
    if (d->n_held)
        add_replacement(out);
    d->n_held = 0;
}
