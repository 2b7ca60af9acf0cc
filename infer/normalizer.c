#include "infer/normalizer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

#define MAX_RULE 256 /* bytes of a text that is replaced; a broken map may be a circle */

#define SPACE_MARK  "\xe2\x96\x81"
#define REPLACEMENT "\xef\xbf\xbd"

/* --- the map ------------------------------------------------------------------------------------------------------ */

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* The text that the longest rule at the start of text gives; *len is how much it replaces, 0: no rule. */
static const char *replace(const struct normalizer *n, const char *text, size_t text_len, size_t *len)
{
    const char *found = NULL;
    size_t node;

    *len = 0;
    if (!n->units)
        return NULL;
    node = offset_of(n->units[0]);
    for (size_t i = 0; i < text_len && i < MAX_RULE; i++) {
        unsigned char byte = (unsigned char)text[i];
        uint32_t unit;

        node ^= byte;
        if (node >= n->n_units)
            break;
        unit = n->units[node];
        if ((unit & 0x800000ffu) != byte)
            break;
        node ^= offset_of(unit);
        if (unit >> 8 & 1 && node < n->n_units && (n->units[node] & 0x7fffffffu) < n->texts_len) {
            found = n->texts + (n->units[node] & 0x7fffffffu);
            *len = i + 1;
        }
    }
    return found;
}

static int load_map(struct normalizer *n, const struct gguf *g, struct err *err)
{
    const char *key = "tokenizer.ggml.precompiled_charsmap";
    const struct gguf_kv *kv = gguf_find(g, key);
    uint32_t bytes;

    if (!kv || (kv->type == GGUF_ARRAY && kv->n == 0))
        return 0;
    if (kv->type != GGUF_ARRAY || (kv->item != GGUF_U8 && kv->item != GGUF_I8))
        return fail(err, CORAX_E_ARGS, "metadata key %s is not an array of bytes", key);
    if (kv->n < 4)
        return fail(err, CORAX_E_ARGS, "metadata key %s has %" PRIu64 " bytes, at least 4", key, kv->n);
    memcpy(&bytes, kv->data, 4);
    if (bytes == 0 || bytes % 4 || bytes > kv->n - 4)
        return fail(err, CORAX_E_ARGS, "metadata key %s: a trie of %" PRIu32 " bytes in %" PRIu64, key, bytes,
                    kv->n - 4);
    n->n_units = bytes / 4;
    n->texts_len = (size_t)(kv->n - 4 - bytes);
    if (n->texts_len == 0 || kv->data[kv->n - 1] != 0)
        return fail(err, CORAX_E_ARGS, "metadata key %s: its last text does not end", key);
    n->units = malloc(bytes);
    n->texts = malloc(n->texts_len);
    if (!n->units || !n->texts)
        return fail(err, CORAX_E_LIMIT, "out of memory for %" PRIu64 " bytes", kv->n);
    memcpy(n->units, kv->data + 4, bytes);
    memcpy(n->texts, kv->data + 4 + bytes, n->texts_len);
    return 0;
}

static int load_user(struct normalizer *n, struct err *err)
{
    struct trie_entry *entries;
    size_t count = 0;

    for (size_t i = 0; i < n->vocab->n; i++)
        count += n->vocab->tokens[i].type == TOKEN_USER;
    entries = malloc((count + 1) * sizeof *entries);
    if (!entries)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", count);
    count = 0;
    for (size_t i = 0; i < n->vocab->n; i++) {
        const struct token *token = &n->vocab->tokens[i];

        if (token->type == TOKEN_USER)
            entries[count++] = (struct trie_entry){ token->name, token->name_len, (int32_t)i };
    }
    trie_init(&n->user, entries, count);
    return 0;
}

int normalizer_init(struct normalizer *n, const struct gguf *g, const struct vocab *v, struct err *err)
{
    n->vocab = v;
    if (gguf_get_bool(g, "tokenizer.ggml.add_space_prefix", &n->prefix, err) < 0 ||
        gguf_get_bool(g, "tokenizer.ggml.remove_extra_whitespaces", &n->squeeze, err) < 0)
        return -1;
    return load_map(n, g, err) < 0 || load_user(n, err) < 0 ? -1 : 0;
}

void normalizer_finish(struct normalizer *n)
{
    free(n->units);
    free(n->texts);
    trie_finish(&n->user);
    memset(n, 0, sizeof *n);
}

/* --- text there and back ------------------------------------------------------------------------------------------ */

struct span {
    const char *s;
    size_t len;
};

/* What the start of text becomes; *used is how much of it that is. */
static struct span next(const struct normalizer *n, const char *text, size_t len, size_t *used)
{
    const char *replaced;

    if (trie_longest(&n->user, text, len, used) >= 0)
        return (struct span){ text, *used };
    replaced = replace(n, text, len, used);
    if (replaced)
        return (struct span){ replaced, strlen(replaced) };
    *used = utf8_char_len(text, len);
    if (*used)
        return (struct span){ text, *used };
    *used = 1;
    return (struct span){ REPLACEMENT, 3 };
}

static void add(struct buf *out, struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.s[i] == ' ')
            buf_add(out, SPACE_MARK, 3);
        else
            buf_addc(out, s.s[i]);
}

int normalizer_apply(const struct normalizer *n, const char *text, size_t len, struct buf *out, struct err *err)
{
    const size_t limit = out->len + NORMALIZER_GROWTH * len + 3, start = out->len;
    bool after_space = n->squeeze;
    size_t at = 0, used;

    while (n->squeeze && at < len) {
        struct span s = next(n, text + at, len - at, &used);

        if (s.len != 1 || s.s[0] != ' ')
            break;
        at += used;
    }
    if (at < len && n->prefix)
        buf_add(out, SPACE_MARK, 3);
    while (at < len && out->len <= limit && !out->failed) {
        struct span s = next(n, text + at, len - at, &used);

        while (after_space && s.len && *s.s == ' ') {
            s.s++;
            s.len--;
        }
        add(out, s);
        if (s.len)
            after_space = n->squeeze && s.s[s.len - 1] == ' ';
        at += used;
    }
    if (out->failed || out->len > limit)
        return fail(err, CORAX_E_LIMIT, "%zu bytes of text grow to more than %zu when they are normalized", len,
                    limit - start);
    while (n->squeeze && out->len >= start + 3 && memcmp(out->data + out->len - 3, SPACE_MARK, 3) == 0)
        out->data[out->len -= 3] = 0;
    return 0;
}

void normalizer_decode(const struct normalizer *n, const int32_t *ids, size_t count, struct buf *out)
{
    const size_t start = out->len;
    bool at_start = n->prefix || n->squeeze;

    for (size_t i = 0; i < count; i++) {
        const struct token *token = &n->vocab->tokens[ids[i]];
        bool begins = token->type != TOKEN_BYTE && token->n_bytes && *token->bytes == ' ';
        bool drop = begins && at_start && out->len == start;

        buf_add(out, token->bytes + drop, token->n_bytes - drop);
        if (drop && !n->squeeze)
            at_start = false;
    }
}

/* --- characters without a token ----------------------------------------------------------------------------------- */

int fallback_init(struct fallback *f, const struct gguf *g, const struct vocab *v, struct err *err)
{
    uint64_t unknown = UINT64_MAX;
    int n = 0;

    if (gguf_get_uint(g, "tokenizer.ggml.unknown_token_id", &unknown, err) < 0)
        return -1;
    memset(f->byte_id, 0xff, sizeof f->byte_id);
    f->unknown = -1;
    for (size_t i = v->n; i-- > 0;)
        if (v->tokens[i].type == TOKEN_BYTE)
            f->byte_id[(unsigned char)*v->tokens[i].bytes] = (int32_t)i;
        else if (v->tokens[i].type == TOKEN_UNKNOWN)
            f->unknown = (int32_t)i;
    /* A control token that the key names would come out of text. */
    if (unknown < v->n && v->tokens[unknown].type == TOKEN_UNKNOWN)
        f->unknown = (int32_t)unknown;
    for (int i = 0; i < 256; i++)
        n += f->byte_id[i] >= 0;
    f->has_bytes = n == 256;
    return 0;
}

int fallback_add(const struct fallback *f, const char *character, size_t len, struct tokens *out, struct err *err)
{
    if (!f->has_bytes && f->unknown < 0)
        return fail(err, CORAX_E_ARGS, "the vocabulary has no token for a character of the text, nor an unknown one");
    if (!f->has_bytes)
        return out->n && out->ids[out->n - 1] == f->unknown ? 0 : tokens_add(out, f->unknown, err);
    for (size_t i = 0; i < len; i++)
        if (tokens_add(out, f->byte_id[(unsigned char)character[i]], err) < 0)
            return -1;
    return 0;
}
