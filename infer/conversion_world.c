/*
 * RWKV's world vocabulary: lines of an id, a Python literal of text or bytes, and its length in bytes.  Some folders
 * have the literals alone, in vocab.txt, where the first line is id 0.
 *
 * GGUF has each token as Python writes bytes (docs/gguf.md); id 0, which has no line or a line that means nothing, is
 * the end of a text, and nothing else ends or begins one: what configurations of RWKV say of that are other
 * programs' defaults.
 *
 * Source: rwkv_vocab_v20230424.txt and how its tokenizer reads it; rwkv5_world_tokenizer of
 * BBuf/RWKV-World-HF-Tokenizer.
 */
#include "infer/conversion_vocab.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infer/family.h"
#include "util/file.h"
#include "util/utf8.h"

#define MAX_FILE ((size_t)16 << 20)

static int hex(const char *s, size_t n)
{
    int value = 0;

    for (size_t i = 0; i < n; i++) {
        const char c = s[i], low = (char)(c | 0x20);

        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if (low >= 'a' && low <= 'f')
            value = value * 16 + (low - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* An escape at s, behind its backslash; its bytes to out.  Returns the characters that it took, 0: it is none. */
static size_t read_escape(const char *s, size_t len, bool bytes, struct buf *out)
{
    static const char letters[] = "\\'\"ntr", meant[] = "\\'\"\n\t\r";
    const char *letter = len > 0 ? memchr(letters, s[0], sizeof letters - 1) : NULL;
    const size_t n = len == 0 ? 0 : s[0] == 'x' ? 2 : s[0] == 'u' ? 4 : s[0] == 'U' ? 8 : 0;
    char encoded[4];
    int value;

    if (letter) {
        buf_addc(out, meant[letter - letters]);
        return 1;
    }
    if (n == 0 || len < n + 1 || (bytes && n != 2))
        return 0;
    value = hex(s + 1, n);
    if (value < 0 || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    if (bytes)
        buf_addc(out, (char)value);
    else
        buf_add(out, encoded, utf8_encode((unsigned)value, encoded));
    return n + 1;
}

/* 'text' or b'bytes', with either quote. */
static bool read_literal(const char *s, size_t len, struct buf *out)
{
    const bool bytes = len > 0 && s[0] == 'b';

    s += bytes;
    len -= bytes;
    if (len < 2 || (s[0] != '\'' && s[0] != '"') || s[len - 1] != s[0])
        return false;
    for (size_t i = 1; i < len - 1;) {
        size_t n;

        if (s[i] != '\\') {
            buf_addc(out, s[i++]);
            continue;
        }
        n = read_escape(s + i + 1, len - 2 - i, bytes, out);
        if (n == 0)
            return false;
        i += n + 1;
    }
    return !out->failed;
}

/* As Python writes bytes, without the quotes: ' is escaped only where " occurs too. */
static void escape(const struct buf *bytes, struct buf *out)
{
    const bool both = memchr(bytes->data, '\'', bytes->len) && memchr(bytes->data, '"', bytes->len);

    for (size_t i = 0; i < bytes->len; i++) {
        const unsigned char c = (unsigned char)bytes->data[i];

        if (c == '\\' || (c == '\'' && both))
            buf_addf(out, "\\%c", c);
        else if (c == '\n' || c == '\t' || c == '\r')
            buf_adds(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else if (c < 0x20 || c >= 0x7f)
            buf_addf(out, "\\x%02x", c);
        else
            buf_addc(out, (char)c);
    }
}

/* n_bytes: what the file says, -1: nothing. */
static int add_token(struct conversion *c, struct conversion_vocab *v, int64_t id, const char *literal, size_t len,
                     long n_bytes, struct err *err)
{
    const int shown = (int)(len < 60 ? len : 60);
    struct buf bytes, name;
    bool good;
    int rc;

    buf_init(&bytes, TOKENIZER_MAX_TOKEN);
    buf_init(&name, 4 * TOKENIZER_MAX_TOKEN);
    good = read_literal(literal, len, &bytes) && bytes.len > 0;
    if (bytes.failed) {
        rc = fail(err, CORAX_E_LIMIT, "token %" PRId64 " has more than %d bytes, or memory ran out", id,
                  TOKENIZER_MAX_TOKEN);
    } else if (n_bytes >= 0 && (!good || (long)bytes.len != n_bytes)) {
        rc = fail(err, CORAX_E_ARGS, "token %" PRId64 ", %.*s, is no literal of %ld bytes", id, shown, literal, n_bytes);
    } else if (!good) {
        rc = fail(err, CORAX_E_ARGS, "token %" PRId64 ", %.*s, is no literal of Python's", id, shown, literal);
    } else {
        escape(&bytes, &name);
        rc = name.failed ? fail(err, CORAX_E_LIMIT, "out of memory") : 0;
        rc = rc < 0 ? rc : conversion_vocab_set(c, v, id, name.data, name.len, TOKEN_NORMAL, err);
    }
    buf_finish(&bytes);
    buf_finish(&name);
    return rc;
}

static int read_line(struct conversion *c, struct conversion_vocab *v, const char *line, size_t len, struct err *err)
{
    char *after;
    const char *last = memrchr(line, ' ', len);
    const long id = strtol(line, &after, 10);

    if (!last || after >= last || *after != ' ' || id <= 0)
        return fail(err, CORAX_E_ARGS, "\"%.*s\" is no id, literal and length", (int)(len < 40 ? len : 40), line);
    return add_token(c, v, id, after + 1, (size_t)(last - after) - 1, strtol(last + 1, NULL, 10), err);
}

static int read_lines(struct conversion *c, struct conversion_vocab *v, const struct buf *text, struct err *err)
{
    const bool numbered = text->data[0] >= '0' && text->data[0] <= '9';
    int64_t number = 0;
    int rc = 0;

    for (size_t at = 0, len; at < text->len && rc == 0; at += len + 1, number++) {
        const char *line = text->data + at, *end = memchr(line, '\n', text->len - at);

        len = end ? (size_t)(end - line) : text->len - at;
        if (len > 0 && line[len - 1] == '\r')
            rc = fail(err, CORAX_E_ARGS, "its lines end in carriage returns, which may be part of what they say");
        else if (numbered && len > 0)
            rc = read_line(c, v, line, len, err);
        else if (!numbered && number > 0)
            rc = add_token(c, v, number, line, len, -1, err);
    }
    return rc < 0 ? err_context(err, "line %" PRId64, number) : 0;
}

static int read_file(struct conversion *c, struct conversion_vocab *v, const char *name, struct err *err)
{
    struct buf text;
    int rc;

    buf_init(&text, MAX_FILE);
    rc = conversion_read_file(c, name, &text, err);
    if (rc == 0)
        rc = conversion_vocab_set(c, v, 0, "<s>", 3, TOKEN_CONTROL, err);
    if (rc == 0)
        rc = read_lines(c, v, &text, err);
    if (rc < 0)
        err_context(err, "%s/%s", c->folder, name);
    buf_finish(&text);
    return rc;
}

int conversion_read_world(struct conversion *c, struct conversion_vocab *v, struct err *err)
{
    int rc = read_file(c, v, "rwkv_vocab_v20230424.txt", err);

    if (rc == 1 && strncmp(c->family->arch, "rwkv", 4) == 0) /* others have files of this name */
        rc = read_file(c, v, "vocab.txt", err);
    if (rc == 0) {
        v->model = "rwkv";
        v->bos = v->eos = 0;
        v->fixed_ids = true;
    }
    return rc;
}
