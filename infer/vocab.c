#include "infer/vocab.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "infer/family.h"

static bool is_plain(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
}

/* Bytes that are not plain, in order: the characters from U+0100 on stand for them. */
static const uint8_t others[68] = {
    0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  15,  16,
    17,  18,  19,  20,  21,  22,  23,  24,  25,  26,  27,  28,  29,  30,  31,  32,  127,
    128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144,
    145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 173,
};

/* The byte that a character of a token's name stands for; -1: none. */
static int byte_of(uint32_t character)
{
    if (character < 256)
        return is_plain(character) ? (int)character : -1;
    return character - 256 < sizeof others ? others[character - 256] : -1;
}

static unsigned character_of(unsigned char byte)
{
    if (is_plain(byte))
        return byte;
    return 256 + (byte < 33 ? byte : byte == 173 ? 67 : byte - 127u + 33);
}

size_t vocab_encode_bytes(const char *bytes, size_t len, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned c = character_of((unsigned char)bytes[i]);

        if (c < 0x80) {
            out[n++] = (char)c;
        } else {
            out[n++] = (char)(0xc0 | c >> 6);
            out[n++] = (char)(0x80 | (c & 63));
        }
    }
    return n;
}

/* --- names to bytes: the number of bytes, or -1 when the name is not written as it should be ---------------------- */

static int decode_byte_level(struct gguf_string name, char *out)
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

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode_marked(struct gguf_string name, char *out)
{
    int n = 0;

    for (size_t i = 0; i < name.len;) {
        if (name.len - i >= 3 && memcmp(name.s + i, "\xe2\x96\x81", 3) == 0) {
            out[n++] = ' ';
            i += 3;
        } else {
            out[n++] = name.s[i++];
        }
    }
    return n;
}

/* <0x0A> */
static int decode_byte(struct gguf_string name, char *out)
{
    if (name.len != 6 || memcmp(name.s, "<0x", 3) != 0 || name.s[5] != '>' || hex_of(name.s[3]) < 0 ||
        hex_of(name.s[4]) < 0)
        return -1;
    *out = (char)(hex_of(name.s[3]) << 4 | hex_of(name.s[4]));
    return 1;
}

static int decode_escaped(struct gguf_string name, char *out)
{
    static const char letters[] = "\\'\"ntr", meant[] = "\\'\"\n\t\r";
    int n = 0;

    for (size_t i = 0; i < name.len;) {
        const char *letter;

        if (name.s[i] != '\\') {
            out[n++] = name.s[i++];
            continue;
        }
        if (name.len - i < 2)
            return -1;
        if (name.s[i + 1] == 'x') {
            if (name.len - i < 4 || hex_of(name.s[i + 2]) < 0 || hex_of(name.s[i + 3]) < 0)
                return -1;
            out[n++] = (char)(hex_of(name.s[i + 2]) << 4 | hex_of(name.s[i + 3]));
            i += 4;
            continue;
        }
        letter = memchr(letters, name.s[i + 1], sizeof letters - 1);
        if (!letter)
            return -1;
        out[n++] = meant[letter - letters];
        i += 2;
    }
    return n;
}

static int decode_word(struct gguf_string name, char *out)
{
    size_t len = name.len;

    if (len >= 4 && memcmp(name.s + len - 4, "</w>", 4) == 0) {
        memcpy(out, name.s, len - 4);
        out[len - 4] = ' ';
        return (int)(len - 3);
    }
    memcpy(out, name.s, len);
    return (int)len;
}

static int decode_name(struct gguf_string name, enum vocab_coding coding, enum token_type type, char *out)
{
    if (vocab_is_special(type))
        return 0;
    if (coding == VOCAB_SPACE_MARK)
        return type == TOKEN_BYTE ? decode_byte(name, out) : decode_marked(name, out);
    if (type == TOKEN_USER || type == TOKEN_BYTE) {
        memcpy(out, name.s, name.len);
        return (int)name.len;
    }
    if (coding == VOCAB_BYTE_LEVEL)
        return decode_byte_level(name, out);
    return coding == VOCAB_ESCAPED ? decode_escaped(name, out) : decode_word(name, out);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

uint64_t vocab_hash(const char *s, size_t len)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

int32_t vocab_find(const struct vocab *v, const char *name, size_t len)
{
    if (len > v->longest)
        return -1;
    for (size_t i = vocab_hash(name, len) & v->mask; v->slots[i] >= 0; i = (i + 1) & v->mask) {
        const struct token *token = &v->tokens[v->slots[i]];

        if (token->name_len == len && memcmp(token->name, name, len) == 0)
            return v->slots[i];
    }
    return -1;
}

bool vocab_is_special(enum token_type type)
{
    return type == TOKEN_CONTROL || type == TOKEN_UNKNOWN || type == TOKEN_UNUSED;
}

static int allocate(struct vocab *v, const struct gguf_kv *names, struct err *err)
{
    const unsigned char *at = names->data;
    size_t n_slots = 16, bytes = 1;

    if (names->n == 0 || names->n > FAMILY_MAX_VOCAB)
        return fail(err, CORAX_E_ARGS, "tokenizer: %" PRIu64 " tokens, allowed are 1 to %d", names->n,
                    FAMILY_MAX_VOCAB);
    v->n = (size_t)names->n;
    for (size_t i = 0; i < v->n; i++) {
        struct gguf_string s = gguf_next_string(&at);

        if (s.len > TOKENIZER_MAX_TOKEN)
            return fail(err, CORAX_E_ARGS, "tokenizer: token %zu has %zu bytes, at most %d", i, s.len,
                        TOKENIZER_MAX_TOKEN);
        if (s.len > v->longest)
            v->longest = s.len;
        bytes += 2 * s.len + 1;
    }
    while (n_slots < 2 * v->n)
        n_slots *= 2;
    v->mask = n_slots - 1;
    v->tokens = calloc(v->n, sizeof *v->tokens);
    v->slots = malloc(n_slots * sizeof *v->slots);
    v->text = malloc(bytes);
    if (!v->tokens || !v->slots || !v->text)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", v->n);
    memset(v->slots, 0xff, n_slots * sizeof *v->slots);
    return 0;
}

static int refuse(size_t i, struct gguf_string s, enum vocab_coding coding, enum token_type type, struct err *err)
{
    const char *why = "has characters that stand for no byte";

    if (coding == VOCAB_SPACE_MARK && type == TOKEN_BYTE)
        why = "is of type byte, and its name is none of <0x00> to <0xFF>";
    else if (coding == VOCAB_ESCAPED)
        why = "has an escape that is cut off or unknown: allowed are \\\\ \\' \\\" \\n \\t \\r and \\x with two "
              "hexadecimal digits";
    return fail(err, CORAX_E_ARGS, "tokenizer: token %zu, \"%.*s\", %s", i, (int)(s.len < 40 ? s.len : 40), s.s, why);
}

static int read_tokens(struct vocab *v, const struct gguf_kv *names, const struct gguf_kv *kinds,
                       enum vocab_coding coding, struct err *err)
{
    const unsigned char *at = names->data;
    char *text;

    if (allocate(v, names, err) < 0)
        return -1;
    text = v->text;
    for (size_t i = 0; i < v->n; i++) {
        struct gguf_string s = gguf_next_string(&at);
        struct token *token = &v->tokens[i];
        int64_t type = kinds ? gguf_int_at(kinds, i) : TOKEN_NORMAL;
        int n_bytes;
        size_t slot;

        if (type < TOKEN_NORMAL || type > TOKEN_BYTE)
            return fail(err, CORAX_E_ARGS, "tokenizer: token %zu is of type %" PRId64 ", allowed are 1 to 6", i, type);
        token->type = (uint8_t)type;
        token->name = memcpy(text, s.s, s.len);
        token->name_len = (uint32_t)s.len;
        text += s.len;
        *text++ = 0;
        token->bytes = text;
        n_bytes = decode_name(s, coding, (enum token_type)type, text);
        if (n_bytes < 0)
            return refuse(i, s, coding, (enum token_type)type, err);
        token->n_bytes = (uint32_t)n_bytes;
        text += n_bytes;
        if (vocab_find(v, s.s, s.len) >= 0) /* the first one counts, as padding entries repeat */
            continue;
        for (slot = vocab_hash(s.s, s.len) & v->mask; v->slots[slot] >= 0; slot = (slot + 1) & v->mask)
            ;
        v->slots[slot] = (int32_t)i;
    }
    return 0;
}

int vocab_init(struct vocab *v, const struct gguf *g, enum vocab_coding coding, struct err *err)
{
    const struct gguf_kv *names = NULL, *kinds = NULL;

    memset(v, 0, sizeof *v);
    if (gguf_get_array(g, "tokenizer.ggml.tokens", GGUF_STRING, &names, err) < 0 ||
        gguf_get_array(g, "tokenizer.ggml.token_type", GGUF_I32, &kinds, err) < 0)
        return -1;
    if (!names)
        return fail(err, CORAX_E_ARGS, "metadata key tokenizer.ggml.tokens is missing");
    if (kinds && kinds->n != names->n)
        return fail(err, CORAX_E_ARGS, "tokenizer: %" PRIu64 " tokens and %" PRIu64 " types", names->n, kinds->n);
    return read_tokens(v, names, kinds, coding, err);
}

void vocab_finish(struct vocab *v)
{
    free(v->tokens);
    free(v->slots);
    free(v->text);
    memset(v, 0, sizeof *v);
}

int vocab_scores(const struct vocab *v, const struct gguf *g, float **out, struct err *err)
{
    const struct gguf_kv *kv = NULL;
    float *scores;

    if (gguf_get_array(g, "tokenizer.ggml.scores", GGUF_F32, &kv, err) < 0)
        return -1;
    if (!kv)
        return fail(err, CORAX_E_ARGS, "metadata key tokenizer.ggml.scores is missing");
    if (kv->n != v->n)
        return fail(err, CORAX_E_ARGS, "tokenizer: %zu tokens and %" PRIu64 " scores", v->n, kv->n);
    scores = malloc(v->n * sizeof *scores);
    if (!scores)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu scores", v->n);
    memcpy(scores, kv->data, v->n * sizeof *scores);
    for (size_t i = 0; i < v->n; i++)
        if (!isfinite(scores[i])) {
            free(scores);
            return fail(err, CORAX_E_ARGS, "tokenizer: the score of token %zu is not finite", i);
        }
    *out = scores;
    return 0;
}
