/*
 * In the file a token is written in printable characters: byte-level BPE maps each byte to one character of its own,
 * the printable Latin-1 ones to themselves and the others, in order, to U+0100 and up.  Loading undoes that once, so
 * that the rest of the program sees bytes.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "infer/tokenizer.h"

#include <inttypes.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "infer/family.h"
#include "infer/tokenizer_bpe.h"
#include "infer/utf8.h"

struct token {
    const char *name;
    const char *bytes; /* decoded; for special tokens empty */
    uint32_t name_len, n_bytes;
    uint8_t type;
};

struct tokenizer {
    struct token *tokens;
    size_t n_tokens;
    char *text;     /* what names and bytes point into */
    int32_t *slots; /* open addressing over names; -1: empty */
    size_t mask;
    int32_t bos, eos;
    pcre2_code *pattern;
    struct bpe *bpe;
};

static const struct {
    const char *pre, *pattern;
} patterns[] = {
    { "gpt-2", "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+" },
    { "corax", " ?(?<![A-Za-z0-9()\\[\\]=#@+\\-/\\\\%.])[A-Za-z]?[a-z]+(?![A-Za-z0-9()\\[\\]=#@+\\-/\\\\%])|." },
};

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

/* --- the vocabulary ----------------------------------------------------------------------------------------------- */

static bool is_plain(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
}

/* The byte that a character of a token's name stands for; -1: none. */
static int byte_of(uint32_t character)
{
    static const uint8_t others[68] = {
        /* bytes that are not plain, in order */
        0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  15,  16,
        17,  18,  19,  20,  21,  22,  23,  24,  25,  26,  27,  28,  29,  30,  31,  32,  127,
        128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144,
        145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 173,
    };

    if (character < 256)
        return is_plain(character) ? (int)character : -1;
    return character - 256 < sizeof others ? others[character - 256] : -1;
}

/* name in characters to out in bytes; the number of bytes, or -1 when it has characters that stand for no byte. */
static int decode_name(struct gguf_string name, char *out)
{
    int n = 0;

    for (size_t i = 0; i < name.len;) {
        unsigned char c = (unsigned char)name.s[i];
        uint32_t character = c;
        int byte;

        if (c >= 0xc2 && c <= 0xdf && i + 1 < name.len && ((unsigned char)name.s[i + 1] & 0xc0) == 0x80) {
            character = (c & 31u) << 6 | ((unsigned char)name.s[i + 1] & 63u);
            i += 2;
        } else if (c < 0x80) {
            i++;
        } else {
            return -1;
        }
        byte = byte_of(character);
        if (byte < 0)
            return -1;
        out[n++] = (char)byte;
    }
    return n;
}

static uint64_t hash_of(const char *s, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

static int32_t find_token(const void *arg, const char *name, size_t len)
{
    const struct tokenizer *t = arg;

    for (size_t i = hash_of(name, len) & t->mask; t->slots[i] >= 0; i = (i + 1) & t->mask) {
        const struct token *token = &t->tokens[t->slots[i]];

        if (token->name_len == len && memcmp(token->name, name, len) == 0)
            return t->slots[i];
    }
    return -1;
}

static bool is_special(enum token_type type)
{
    return type == TOKEN_CONTROL || type == TOKEN_UNKNOWN || type == TOKEN_UNUSED;
}

static int allocate(struct tokenizer *t, const struct gguf_kv *names, struct err *err)
{
    const unsigned char *at = names->data;
    size_t n_slots = 16, bytes = 1;

    if (names->n == 0 || names->n > FAMILY_MAX_VOCAB)
        return fail(err, CORAX_E_ARGS, "tokenizer: %" PRIu64 " tokens, allowed are 1 to %d", names->n,
                    FAMILY_MAX_VOCAB);
    t->n_tokens = (size_t)names->n;
    for (size_t i = 0; i < t->n_tokens; i++) {
        struct gguf_string s = gguf_next_string(&at);

        if (s.len > TOKENIZER_MAX_TOKEN)
            return fail(err, CORAX_E_ARGS, "tokenizer: token %zu has %zu bytes, at most %d", i, s.len,
                        TOKENIZER_MAX_TOKEN);
        bytes += 2 * s.len + 1;
    }
    while (n_slots < 2 * t->n_tokens)
        n_slots *= 2;
    t->mask = n_slots - 1;
    t->tokens = calloc(t->n_tokens, sizeof *t->tokens);
    t->slots = malloc(n_slots * sizeof *t->slots);
    t->text = malloc(bytes);
    if (!t->tokens || !t->slots || !t->text)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", t->n_tokens);
    memset(t->slots, 0xff, n_slots * sizeof *t->slots);
    return 0;
}

static int read_tokens(struct tokenizer *t, const struct gguf_kv *names, const struct gguf_kv *kinds, struct err *err)
{
    const unsigned char *at = names->data;
    char *text;

    if (allocate(t, names, err) < 0)
        return -1;
    text = t->text;
    for (size_t i = 0; i < t->n_tokens; i++) {
        struct gguf_string s = gguf_next_string(&at);
        struct token *token = &t->tokens[i];
        int64_t type = kinds ? gguf_int_at(kinds, i) : TOKEN_NORMAL;
        int n_bytes = 0;
        size_t slot;

        if (type < TOKEN_NORMAL || type > TOKEN_BYTE)
            return fail(err, CORAX_E_ARGS, "tokenizer: token %zu is of type %" PRId64 ", allowed are 1 to 6", i, type);
        token->type = (uint8_t)type;
        token->name = memcpy(text, s.s, s.len);
        token->name_len = (uint32_t)s.len;
        text += s.len;
        *text++ = 0;
        token->bytes = text;
        if (type == TOKEN_USER || type == TOKEN_BYTE) {
            memcpy(text, s.s, s.len);
            n_bytes = (int)s.len;
        } else if (!is_special((enum token_type)type)) {
            n_bytes = decode_name(s, text);
            if (n_bytes < 0)
                return fail(err, CORAX_E_ARGS, "tokenizer: token %zu has characters that stand for no byte", i);
        }
        token->n_bytes = (uint32_t)n_bytes;
        text += n_bytes;
        if (find_token(t, s.s, s.len) >= 0) /* the first one counts, as padding entries repeat */
            continue;
        for (slot = hash_of(s.s, s.len) & t->mask; t->slots[slot] >= 0; slot = (slot + 1) & t->mask)
            ;
        t->slots[slot] = (int32_t)i;
    }
    return 0;
}

static int read_special(const struct tokenizer *t, const struct gguf *g, const char *key, int32_t *out, struct err *err)
{
    uint64_t id;
    int found = gguf_get_uint(g, key, &id, err);

    if (found < 0)
        return -1;
    if (found == 0 && id >= t->n_tokens)
        return fail(err, CORAX_E_ARGS, "metadata key %s is %" PRIu64 ", the vocabulary has %zu tokens", key, id,
                    t->n_tokens);
    *out = found == 0 ? (int32_t)id : -1;
    return 0;
}

static int read_pattern(struct tokenizer *t, const struct gguf *g, struct err *err)
{
    struct gguf_string pre = { "", 0 };
    const char *pattern = NULL;
    PCRE2_SIZE where;
    int found = gguf_get_string(g, "tokenizer.ggml.pre", &pre, err), code;

    if (found < 0)
        return -1;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        if (pre.len == strlen(patterns[i].pre) && memcmp(pre.s, patterns[i].pre, pre.len) == 0)
            pattern = patterns[i].pattern;
    if (!pattern)
        return fail(err, CORAX_E_ARGS, "tokenizer.ggml.pre is \"%.*s\", this program knows corax and gpt-2",
                    (int)(pre.len < 32 ? pre.len : 32), pre.s);
    t->pattern = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                               PCRE2_UTF | PCRE2_UCP | PCRE2_DOTALL | PCRE2_MATCH_INVALID_UTF, &code, &where, NULL);
    if (!t->pattern)
        return fail(err, CORAX_E_LIMIT, "the pattern of pre-tokenizer %.*s does not compile: error %d", (int)pre.len,
                    pre.s, code);
    (void)pcre2_jit_compile(t->pattern, PCRE2_JIT_COMPLETE); /* where the system forbids it, matching is only slower */
    return 0;
}

static int read_vocabulary(struct tokenizer *t, const struct gguf *g, struct err *err)
{
    const struct gguf_kv *names = NULL, *kinds = NULL, *merges = NULL;
    struct gguf_string model = { "", 0 };
    int32_t byte_id[256];

    if (gguf_get_string(g, "tokenizer.ggml.model", &model, err) < 0 ||
        gguf_get_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &names, err) < 0 ||
        gguf_get_array(g, "tokenizer.ggml.token_type", GGUF_I32, &kinds, err) < 0 ||
        gguf_get_array(g, "tokenizer.ggml.merges", GGUF_STRING, &merges, err) < 0)
        return -1;
    if (model.len != 4 || memcmp(model.s, "gpt2", 4) != 0)
        return fail(err, CORAX_E_ARGS, "tokenizer.ggml.model is \"%.*s\", this program knows gpt2 (byte-level BPE)",
                    (int)(model.len < 32 ? model.len : 32), model.s);
    if (!names || !merges)
        return fail(err, CORAX_E_ARGS, "metadata key %s is missing",
                    names ? "tokenizer.ggml.merges" : "tokenizer.ggml.tokens");
    if (kinds && kinds->n != names->n)
        return fail(err, CORAX_E_ARGS, "tokenizer: %" PRIu64 " tokens and %" PRIu64 " types", names->n, kinds->n);
    if (read_tokens(t, names, kinds, err) < 0 || read_pattern(t, g, err) < 0 ||
        read_special(t, g, "tokenizer.ggml.bos_token_id", &t->bos, err) < 0 ||
        read_special(t, g, "tokenizer.ggml.eos_token_id", &t->eos, err) < 0)
        return -1;
    memset(byte_id, 0xff, sizeof byte_id);
    for (size_t i = t->n_tokens; i-- > 0;)
        if (t->tokens[i].n_bytes == 1 && t->tokens[i].type == TOKEN_NORMAL)
            byte_id[(unsigned char)t->tokens[i].bytes[0]] = (int32_t)i;
    t->bpe = bpe_create(merges, find_token, t, byte_id, err);
    return t->bpe ? 0 : -1;
}

struct tokenizer *tokenizer_create(const struct gguf *g, struct err *err)
{
    struct tokenizer *t = calloc(1, sizeof *t);

    if (!t) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    if (read_vocabulary(t, g, err) < 0) {
        tokenizer_destroy(t);
        return NULL;
    }
    return t;
}

void tokenizer_destroy(struct tokenizer *t)
{
    if (!t)
        return;
    bpe_destroy(t->bpe);
    pcre2_code_free(t->pattern);
    free(t->tokens);
    free(t->slots);
    free(t->text);
    free(t);
}

size_t tokenizer_n_tokens(const struct tokenizer *t)
{
    return t->n_tokens;
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

const char *tokenizer_bytes(const struct tokenizer *t, int32_t id, size_t *len)
{
    *len = t->tokens[id].n_bytes;
    return t->tokens[id].bytes;
}

enum token_type tokenizer_type(const struct tokenizer *t, int32_t id)
{
    return (enum token_type)t->tokens[id].type;
}

const char *tokenizer_name(const struct tokenizer *t, int32_t id, size_t *len)
{
    *len = t->tokens[id].name_len;
    return t->tokens[id].name;
}

int32_t tokenizer_special(const struct tokenizer *t, const char *name)
{
    int32_t id = find_token(t, name, strlen(name));

    return id >= 0 && t->tokens[id].type == TOKEN_CONTROL ? id : -1;
}

/* --- text to tokens ----------------------------------------------------------------------------------------------- */

/* Bytes that are no UTF-8 match nothing: each is a piece of its own. */
static int encode_bytes(const struct tokenizer *t, const char *text, size_t len, struct tokens *out, struct err *err)
{
    for (size_t i = 0; i < len; i++)
        if (bpe_encode(t->bpe, text + i, 1, out, err) < 0)
            return -1;
    return 0;
}

int tokenizer_encode(const struct tokenizer *t, const char *text, size_t len, struct tokens *out, struct err *err)
{
    pcre2_match_data *match;
    size_t at = 0;
    int result = -1;

    if (len > TOKENIZER_MAX_TEXT)
        return fail(err, CORAX_E_LIMIT, "%zu bytes of text, at most %d", len, TOKENIZER_MAX_TEXT);
    match = pcre2_match_data_create(1, NULL);
    if (!match)
        return fail(err, CORAX_E_LIMIT, "out of memory");
    while (at < len) {
        int n = pcre2_match(t->pattern, (PCRE2_SPTR)text, len, at, 0, match, NULL);
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(match);

        if (n == PCRE2_ERROR_NOMATCH) {
            result = encode_bytes(t, text + at, len - at, out, err);
            goto done;
        }
        if (n < 0) {
            fail(err, CORAX_E_LIMIT, "cutting the text into pieces failed: pcre2 error %d", n);
            goto done;
        }
        if (encode_bytes(t, text + at, span[0] - at, out, err) < 0 ||
            bpe_encode(t->bpe, text + span[0], span[1] - span[0], out, err) < 0)
            goto done;
        at = span[1];
    }
    result = 0;
done:
    pcre2_match_data_free(match);
    return result;
}

/* --- and back ----------------------------------------------------------------------------------------------------- */

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
