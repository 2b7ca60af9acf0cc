/*
 * The tokenizers against their references: what tests/infer/compare-tokenizers.py stored in
 * vectors/tokenizer-KIND.json, a small vocabulary with texts and the ids that the reference gives them; and the public
 * vocabularies with their cases where they are at hand (CORAX_TEST_DATA, or ../shared/data beside the source).
 */
#include "infer/tokenizer.h"

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/file.h"
#include "util/json.h"

static const char *source_file(const char *name)
{
    static char path[2][1024];
    static int turn;
    const char *dir = getenv("CORAX_SRCDIR");

    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir ? dir : ".", name);
    return path[turn];
}

static size_t unhex(const char *hex, char *out)
{
    size_t n = 0;

    for (; hex[0] && hex[1]; hex += 2) {
        char digits[3] = { hex[0], hex[1], 0 };

        out[n++] = (char)strtoul(digits, NULL, 16);
    }
    return n;
}

/* --- a vocabulary from JSON: each key is one of tokenizer.ggml.* -------------------------------------------------- */

static void add_strings(struct buf *b, const char *key, const struct json *list)
{
    tiny_kv_array(b, key, GGUF_STRING, json_count(list));
    for (const struct json *j = json_first(list); j; j = json_next(j))
        tiny_string(b, json_text(j));
}

static void add_bytes(struct buf *b, const char *key, const char *hex)
{
    char *bytes = malloc(strlen(hex) / 2 + 1);
    size_t n = unhex(hex, bytes);

    tiny_kv_array(b, key, GGUF_U8, n);
    buf_add(b, bytes, n);
    free(bytes);
}

static void add_number(struct buf *b, enum gguf_type type, double value)
{
    if (type == GGUF_F32) {
        float f = (float)value;

        buf_add(b, &f, sizeof f);
    } else {
        tiny_u32(b, (uint32_t)value);
    }
}

static size_t add_vocabulary(struct buf *b, const struct json *vocab)
{
    size_t n = 0;

    for (const struct json *j = json_first(vocab); j; j = json_next(j)) {
        const char *name = json_key(j);
        char key[64];

        snprintf(key, sizeof key, "tokenizer.ggml.%s", name);
        if (strcmp(name, "architecture") == 0) {
            tiny_kv_string(b, "general.architecture", json_text(j));
        } else if (strcmp(name, "precompiled_charsmap") == 0) {
            add_bytes(b, key, json_text(j));
        } else if (json_kind(j) == JSON_STRING) {
            tiny_kv_string(b, key, json_text(j));
        } else if (json_kind(j) == JSON_BOOL) {
            tiny_string(b, key);
            tiny_u32(b, GGUF_BOOL);
            buf_addc(b, json_bool(j, false));
        } else if (json_kind(j) == JSON_NUMBER) {
            tiny_kv_u32(b, key, (uint32_t)json_number(j, 0));
        } else if (json_kind(json_first(j)) == JSON_STRING) {
            add_strings(b, key, j);
        } else {
            enum gguf_type type = strcmp(name, "scores") == 0 ? GGUF_F32 : GGUF_I32;

            tiny_kv_array(b, key, type, json_count(j));
            for (const struct json *i = json_first(j); i; i = json_next(i))
                add_number(b, type, json_number(i, 0));
        }
        n++;
    }
    return n;
}

static struct tokenizer *build(const struct json *vocab, const struct json *more)
{
    struct tokenizer *t = NULL;
    struct buf head, kvs;
    struct err err = { 0 };
    struct gguf *g;
    size_t n;

    buf_init(&head, TINY_LIMIT);
    buf_init(&kvs, TINY_LIMIT);
    n = add_vocabulary(&kvs, vocab);
    n += add_vocabulary(&kvs, more);
    tiny_header(&head, 3, 0, n);
    buf_add(&head, kvs.data, kvs.len);
    g = gguf_parse(head.data, head.len, &err);
    if (g)
        t = tokenizer_create(g, &err);
    if (!t)
        diag("%s", err.msg);
    gguf_close(g);
    buf_finish(&kvs);
    buf_finish(&head);
    return t;
}

/* --- ids ---------------------------------------------------------------------------------------------------------- */

/* ids: numbers with spaces between, up to the end or a newline. */
static bool same_ids(const struct tokens *list, const char *ids)
{
    char *end = (char *)ids;

    for (size_t i = 0; i < list->n; i++)
        if (strtol(ids, &end, 10) != list->ids[i] || end == ids)
            return false;
        else
            ids = end;
    return ids[strspn(ids, " ")] == 0 || ids[strspn(ids, " ")] == '\n';
}

static bool encodes(const struct tokenizer *t, const char *text, size_t len, const char *ids)
{
    struct tokens list = { 0 };
    struct err err;
    bool same = tokenizer_encode(t, text, len, &list, &err) == 0 && same_ids(&list, ids);

    tokens_finish(&list);
    return same;
}

static bool decodes(const struct tokenizer *t, const char *ids, const char *text, size_t len)
{
    struct tokens list = { 0 };
    struct buf out;
    struct err err;
    bool same;

    buf_init(&out, TINY_LIMIT);
    for (char *end; ids[strspn(ids, " ")]; ids = end)
        (void)tokens_add(&list, (int32_t)strtol(ids, &end, 10), &err);
    same = tokenizer_decode(t, list.ids, list.n, &out, &err) == 0 && out.len == len && memcmp(out.data, text, len) == 0;
    tokens_finish(&list);
    buf_finish(&out);
    return same;
}

/* --- what the references say -------------------------------------------------------------------------------------- */

static void test_run(const char *kind, const struct json *root, const struct json *run)
{
    const struct json *vocab = json_get(run, "vocab") ? json_get(run, "vocab") : json_get(root, "vocab");
    const struct json *ids = json_first(json_get(run, "ids")), *back = json_first(json_get(run, "decoded"));
    struct tokenizer *t = build(vocab, json_get(run, "kv"));
    int n = 0, wrong = 0;

    for (const struct json *text = json_first(json_get(root, "texts")); t && text && ids; text = json_next(text)) {
        const char *hex = json_text(text);
        char *bytes = malloc(strlen(hex) + 1), *want;
        const char *text_back = back ? json_text(back) : NULL; /* null: it writes something for unknown tokens */

        want = malloc(text_back ? strlen(text_back) + 1 : 1);
        if (json_text(ids)) {
            bool good = encodes(t, bytes, unhex(hex, bytes), json_text(ids)) &&
                        (!text_back || decodes(t, json_text(ids), want, unhex(text_back, want)));

            if (!good && wrong++ < 3)
                diag("text %s", hex);
            n++;
        }
        ids = json_next(ids);
        back = back ? json_next(back) : NULL;
        free(bytes);
        free(want);
    }
    ok(n > 20 && !wrong, "%s, %s: %d of %d", kind, json_get_text(run, "name", ""), n - wrong, n);
    tokenizer_destroy(t);
}

static void test_kind(const char *kind)
{
    char name[128];
    struct json *root = NULL;
    struct err err = { 0 };
    struct buf text;

    snprintf(name, sizeof name, "tests/infer/vectors/tokenizer-%s.json", kind);
    buf_init(&text, TINY_LIMIT);
    if (file_read(source_file(name), &text, &err) == 0)
        root = json_parse(text.data, text.len, &err);
    if (!ok(root != NULL, "%s", name))
        diag("%s", err.msg);
    for (const struct json *run = json_first(json_get(root, "runs")); run; run = json_next(run))
        test_run(kind, root, run);
    json_free(root);
    buf_finish(&text);
}

/* --- the public cases --------------------------------------------------------------------------------------------- */

static struct tokenizer *open_file(const char *path)
{
    struct err err;
    struct gguf *g = gguf_open(path, &err);
    struct tokenizer *t = g ? tokenizer_create(g, &err) : NULL;

    if (g && !t)
        diag("%s: %s", path, err.msg);
    gguf_close(g);
    return t;
}

static void read_beside(const char *path, const char *ending, struct buf *out)
{
    char name[1100];
    struct err err;

    snprintf(name, sizeof name, "%s%s", path, ending);
    buf_init(out, TINY_LIMIT);
    if (file_read(name, out, &err) < 0)
        diag("%s", err.msg);
}

/* Cases are split by a line of their own; each has one line of ids. */
static void test_public(const char *name)
{
    const char *dir = getenv("CORAX_TEST_DATA"), *split = "\n__ggml_vocab_test__\n", *ids;
    char path[1024], *at;
    struct tokenizer *t;
    struct buf in, want;
    int n = 0, wrong = 0;

    snprintf(path, sizeof path, "%s/tokenizers/ggml-vocab-%s.gguf", dir ? dir : source_file("../shared/data"), name);
    if (access(path, R_OK) < 0) {
        ok(true, "%s # SKIP no vocabulary: set CORAX_TEST_DATA to the folder of test data", name);
        return;
    }
    t = open_file(path);
    read_beside(path, ".inp", &in);
    read_beside(path, ".out", &want);
    at = in.data;
    ids = want.data;
    while (t && at && *ids) {
        char *end = strstr(at, split);

        wrong += !encodes(t, at, end ? (size_t)(end - at) : strlen(at), ids);
        n++;
        at = end ? end + strlen(split) : NULL;
        ids = strchr(ids, '\n') ? strchr(ids, '\n') + 1 : "";
    }
    ok(n > 40 && !wrong && !*ids, "%s, the public cases: %d of %d", name, n - wrong, n);
    buf_finish(&in);
    buf_finish(&want);
    tokenizer_destroy(t);
}

int main(void)
{
    plan_later();
    test_kind("bpe");
    test_kind("spm");
    test_kind("unigram");
    test_kind("rwkv");
    test_kind("biogpt");
    test_public("gpt-2");
    test_public("falcon");
    test_public("starcoder");
    test_public("llama-spm");
    done();
    return tap_status();
}
