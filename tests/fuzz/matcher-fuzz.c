/*
 * A schema or a grammar file, a NUL, and bytes that choose: of a schema whatever the constraint writes, chosen among what may come,
 * must be valid; the mask says of each token what reading it says; nothing that may come leads nowhere.  The first byte: how white
 * space and members are written, and which of the two it is.
 */
#include "infer/matcher.h"

#include "tests/fuzz/tiny_tokenizer.h"
#include "util/json.h"

#define MAX_GRAMMAR 4096
#define MAX_STEPS   120
#define MAX_TEXT    65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mask_vocabulary *vocabulary;

static void check_mask(struct matcher *m, const uint32_t *bits)
{
    for (size_t t = 0; t < vocabulary->n_tokens; t += 7) {
        const bool in = bits[t / 32] >> t % 32 & 1;

        require(in == matcher_allows(m, (int32_t)t) || matcher_is_stuck(m));
    }
}

/* The token that a byte chooses among those which may come; -1: there is none. */
static int32_t choose(const uint32_t *bits, uint8_t by)
{
    size_t n = 0, at;

    for (size_t w = 0; w < vocabulary->n_words; w++)
        n += (size_t)__builtin_popcount(bits[w]);
    if (n == 0)
        return -1;
    at = by % n;
    for (size_t t = 0; t < vocabulary->n_tokens; t++)
        if (bits[t / 32] >> t % 32 & 1 && at-- == 0)
            return (int32_t)t;
    return -1;
}

static bool write_text(struct matcher *m, const uint8_t *data, size_t size, struct buf *out)
{
    uint32_t *bits = calloc(vocabulary->n_words, sizeof *bits);
    char forced[32];
    bool ended = false;

    require(bits != NULL);
    for (size_t i = 0; i < MAX_STEPS && !ended && !matcher_is_stuck(m); i++) {
        const uint8_t by = i < size ? data[i] : (uint8_t)(i * 37);
        const char *bytes;
        size_t len;
        int32_t t;

        ended = matcher_is_done(m) && (!matcher_goes_on(m) || by < 128);
        if (ended || !matcher_mask(m, bits))
            break;
        if (i % 8 == 0)
            check_mask(m, bits);
        (void)matcher_forced(m, forced, sizeof forced);
        t = choose(bits, by);
        require(t >= 0 || matcher_is_stuck(m) || matcher_is_done(m));
        if (t < 0 || !matcher_read_token(m, t))
            break;
        bytes = mask_vocabulary_bytes(vocabulary, t, &len);
        buf_add(out, bytes, len);
    }
    free(bits);
    return ended;
}

static void run_schema(const char *text, size_t len, const struct json_style *style, const uint8_t *rest, size_t n_rest)
{
    struct err err;
    struct jsonschema *schema = jsonschema_compile(text, len, NULL, &err);
    struct matcher *m = schema ? matcher_create_json(vocabulary, jsonschema_root(schema), style, NULL, &err) : NULL;
    struct buf out;

    buf_init(&out, MAX_TEXT);
    if (m && write_text(m, rest, n_rest, &out) && !matcher_is_stuck(m)) {
        struct json *value = json_parse(out.data, out.len, &err);

        require(value != NULL || out.failed);
        require(!value || jsonschema_validate(schema, value, &err) == 0 || err.status == CORAX_E_LIMIT);
        json_free(value);
    }
    buf_finish(&out);
    matcher_destroy(m);
    jsonschema_destroy(schema);
}

static void run_grammar(const char *text, size_t len, const uint8_t *rest, size_t n_rest)
{
    struct err err;
    struct matcher *m = matcher_create_gbnf(vocabulary, text, len, &err);
    struct buf out;

    buf_init(&out, MAX_TEXT);
    if (m)
        (void)write_text(m, rest, n_rest, &out);
    buf_finish(&out);
    matcher_destroy(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 1 ? memchr(data + 1, '\0', size - 1) : NULL;
    size_t len;

    if (!vocabulary)
        vocabulary = mask_vocabulary_create(tiny_tokenizer_create("corax"), NULL);
    require(vocabulary != NULL);
    if (size < 2)
        return 0;
    len = end ? (size_t)(end - data) - 1 : size - 1;
    if (len > MAX_GRAMMAR)
        return 0;
    if (data[0] & 128)
        run_grammar((const char *)data + 1, len, data + 1 + len, size - 1 - len);
    else
        run_schema((const char *)data + 1, len,
                   &(struct json_style){ .blanks = data[0] & 1 ? UINT32_MAX : data[0] >> 1 & 1, .ordered = data[0] & 4, .closed = data[0] & 8, .escapes = data[0] & 16 },
                   data + 1 + len, size - 1 - len);
    return 0;
}
