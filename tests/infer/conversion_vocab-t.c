/*
 * Tokenizers of folders: each of vectors/vocabularies is converted, and the file must give for its texts the ids that the
 * tokenizer's own library gave (expected.json), with the special ids, the template and the types that the folder says.  Then
 * what a folder may have wrong.
 *
 * Not covered here: ways to cut text and vocabularies beyond these (vectors/make_vocabularies.py --compare has them all).
 */
#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

#include "infer/conversion.h"
#include "infer/sentencepiece.h"
#include "infer/tokenizer.h"
#include "tests/infer/golden.h"
#include "util/json.h"

static const char *source_path(const char *kind, const char *name)
{
    static char path[1200];
    const char *source = getenv("CORAX_SRCDIR");

    snprintf(path, sizeof path, "%s/tests/infer/vectors/vocabularies/%s%s%s", source ? source : ".", kind, *name ? "/" : "", name);
    return path;
}

static char out_path[300];

static struct gguf *convert(const char *folder, struct err *err)
{
    const struct conversion_options options = { .type = -1 };
    struct conversion_result result = { 0 };

    if (conversion_run(folder, out_path, &options, &result, err) < 0)
        return NULL;
    if (!result.has_tokenizer) {
        fail(err, CORAX_E_ARGS, "no tokenizer was found");
        return NULL;
    }
    return gguf_open(out_path, err);
}

/* --- against the libraries ---------------------------------------------------------------------------------------- */

static size_t wrong_texts(const struct tokenizer *t, const struct json *expected)
{
    const struct json *ids = json_first(json_get(expected, "ids"));
    size_t wrong = 0;

    for (const struct json *text = json_first(json_get(expected, "texts")); text; text = json_next(text), ids = json_next(ids)) {
        const struct json *id = json_first(ids);
        struct tokens got = { 0 };
        bool same = tokenizer_encode(t, json_text(text), strlen(json_text(text)), &got, NULL) == 0 && got.n == json_count(ids);

        for (size_t i = 0; i < got.n && same; i++, id = json_next(id))
            same = got.ids[i] == (int32_t)json_number(id, -1);
        if (!same)
            diag("\"%s\" becomes other tokens", json_text(text));
        wrong += !same;
        tokens_finish(&got);
    }
    return wrong;
}

static void test_kind(const char *kind)
{
    struct err err = { 0 };
    struct gguf *g = convert(source_path(kind, ""), &err);
    struct tokenizer *t = g ? tokenizer_create(g, &err) : NULL;
    struct json *expected = NULL;
    struct buf text;

    buf_init(&text, TINY_LIMIT);
    if (ok(t != NULL, "%s is converted", kind) && file_read(source_path(kind, "expected.json"), &text, &err) == 0)
        expected = json_parse(text.data, text.len, &err);
    else
        diag("%s", err.msg);
    ok(json_count(json_get(expected, "texts")) > 20, "%zu texts", json_count(json_get(expected, "texts")));
    is_int(t ? (long long)wrong_texts(t, expected) : -1, 0, "each becomes the tokens that its own library says");
    json_free(expected);
    buf_finish(&text);
    tokenizer_destroy(t);
    gguf_close(g);
    unlink(out_path);
}

static int is_folder(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void test_kinds(void)
{
    struct dirent **names;
    int n = scandir(source_path("", ""), &names, is_folder, alphasort);

    ok(n > 0, "there are vocabularies");
    for (int i = 0; i < n; i++) {
        test_kind(names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

static long long uint_of(const struct gguf *g, const char *key)
{
    uint64_t value = 0;

    return g && gguf_get_uint(g, key, &value, NULL) == 0 ? (long long)value : -1;
}

static int bool_of(const struct gguf *g, const char *key)
{
    bool value = false;

    return g && gguf_get_bool(g, key, &value, NULL) == 0 ? value : -1;
}

static bool text_is(const struct gguf *g, const char *key, const char *want)
{
    struct gguf_string s = { "", 0 };

    return g && gguf_get_string(g, key, &s, NULL) == 0 && s.len == strlen(want) && memcmp(s.s, want, s.len) == 0;
}

static long long type_of(const struct gguf *g, uint64_t id)
{
    const struct gguf_kv *kv = g ? gguf_find(g, "tokenizer.ggml.token_type") : NULL;

    return kv && id < kv->n ? gguf_int_at(kv, id) : -1;
}

/* What is said beside the vocabulary. */
static void test_said(void)
{
    struct err err = { 0 };
    struct gguf *g = convert(source_path("llama3", ""), &err);

    ok(text_is(g, "tokenizer.ggml.model", "gpt2") && text_is(g, "tokenizer.ggml.pre", "llama-bpe"), "llama3: the way it cuts text");
    is_int(uint_of(g, "tokenizer.ggml.bos_token_id"), 320, "the begin token by its name");
    is_int(uint_of(g, "tokenizer.ggml.eos_token_id"), 321, "the end token by its name");
    is_int(bool_of(g, "tokenizer.ggml.add_bos_token"), 1, "the template puts it in front");
    is_int(bool_of(g, "tokenizer.ggml.add_eos_token"), 0, "and nothing behind");
    ok(text_is(g, "tokenizer.chat_template", "{{ bos_token }}\xc3\xa4"), "of several chat templates the default one");
    is_int(type_of(g, 320), TOKEN_CONTROL, "a special added token is control");
    is_int(type_of(g, 322), TOKEN_USER, "another is user-defined");
    is_int(type_of(g, 324), TOKEN_UNUSED, "a row that no token has is unused");
    gguf_close(g);

    g = convert(source_path("spm-user", ""), &err);
    ok(text_is(g, "tokenizer.ggml.model", "llama"), "spm-user: SentencePiece's");
    is_int(bool_of(g, "tokenizer.ggml.add_space_prefix"), 0, "no space in front");
    is_int(bool_of(g, "tokenizer.ggml.add_bos_token"), 1, "the configuration puts the begin token in front");
    is_int(uint_of(g, "tokenizer.ggml.eos_token_id"), 2, "the end token");
    is_int(type_of(g, 0), TOKEN_UNKNOWN, "the unknown token");
    is_int(type_of(g, 420), TOKEN_CONTROL, "one that was added behind the model's");
    ok(text_is(g, "tokenizer.chat_template", "{{ messages }}"), "a chat template in a file of its own");
    gguf_close(g);

    g = convert(source_path("biogpt", ""), &err);
    is_int(uint_of(g, "tokenizer.ggml.bos_token_id"), 2, "biogpt: a text begins with </s>, whatever the configuration says");
    is_int(type_of(g, 3), TOKEN_UNKNOWN, "the unknown token");
    gguf_close(g);
    g = convert(source_path("world", ""), &err);
    is_int(type_of(g, 0), TOKEN_CONTROL, "world: id 0 is control");
    gguf_close(g);

    g = convert(source_path("world-literals", ""), &err);
    is_int(type_of(g, 0), TOKEN_CONTROL, "vocab.txt: id 0 is control");
    is_int(uint_of(g, "tokenizer.ggml.bos_token_id"), 0, "it is the begin token, whatever the configuration says");
    is_int(uint_of(g, "tokenizer.ggml.eos_token_id"), 0, "and the end token");
    is_int(bool_of(g, "tokenizer.ggml.add_bos_token"), 1, "which texts get if the configuration says so");
    gguf_close(g);
    unlink(out_path);
}

/* --- what may be wrong -------------------------------------------------------------------------------------------- */

static bool copy(const char *from, const char *to, const char *old, const char *new)
{
    struct err err;
    struct buf text, changed;
    char *at;
    FILE *f;

    buf_init(&text, TINY_LIMIT);
    buf_init(&changed, TINY_LIMIT);
    if (file_read(from, &text, &err) < 0)
        return false;
    at = old ? memmem(text.data, text.len, old, strlen(old)) : NULL;
    if (at) {
        buf_add(&changed, text.data, (size_t)(at - text.data));
        buf_adds(&changed, new);
        at += strlen(old);
        buf_add(&changed, at, (size_t)(text.data + text.len - at));
    } else {
        buf_add(&changed, text.data, text.len);
    }
    f = fopen(to, "wb");
    fwrite(changed.data, 1, changed.len, f);
    fclose(f);
    buf_finish(&text);
    buf_finish(&changed);
    return !old || at;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");

    fputs(text, f);
    fclose(f);
}

/* A copy of the folder in which one file has `old` replaced; added: what is in added_tokens.json, NULL: there is none. */
static void refused_with(const char *kind, const char *file, const char *old, const char *new, const char *added,
                         const char *want)
{
    struct err err = { 0 };
    char folder[300], path[600], from[1200];
    struct dirent **names;
    struct gguf *g = NULL;
    bool changed = false;
    int n = scandir(source_path(kind, ""), &names, is_folder, alphasort);

    snprintf(folder, sizeof folder, "%.250s.folder", out_path);
    mkdir(folder, 0700);
    for (int i = 0; i < n; i++) {
        const bool this = strcmp(names[i]->d_name, file) == 0;

        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        snprintf(from, sizeof from, "%s", source_path(kind, names[i]->d_name));
        changed |= copy(from, path, this ? old : NULL, new) && this;
    }
    snprintf(path, sizeof path, "%s/added_tokens.json", folder);
    if (added)
        write_text(path, added);
    g = changed ? convert(folder, &err) : NULL;
    if (!ok(changed && !g && strstr(err.msg, want), "refused: %s", want))
        diag("%s: got \"%s\"", changed ? file : "nothing was changed", err.msg);
    gguf_close(g);
    unlink(path);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        unlink(path);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    rmdir(folder);
}

static void refused(const char *kind, const char *file, const char *old, const char *new, const char *want)
{
    refused_with(kind, file, old, new, NULL, want);
}

static void test_wrong(void)
{
    refused("llama3", "tokenizer.json", "{1,3}", "{1,4}", "no name of tokenizer.ggml.pre stands for");
    refused("llama3", "tokenizer.json", "\"BPE\"", "\"WordPiece\"", "of type WordPiece");
    refused("llama3", "tokenizer.json", "\"id\": 321", "\"id\": -3", "the id -3");
    refused("llama3", "tokenizer.json", "\"id\": 321", "\"id\": 99999999", "the id 99999999");
    refused("llama3", "tokenizer.json", "\"vocab\"", "\"vokab\"", "no vocabulary");
    refused("llama3", "tokenizer.json", "\"merges\"", "\"merchs\"", "no list of merges");
    refused("llama3", "tokenizer_config.json", "{", "[", "tokenizer_config.json");
    refused("spm-user", "tokenizer_config.json", "\"added_tokens_decoder\": {", "\"added_tokens_decoder\": [{}], \"x\": {",
            "added_tokens_decoder is a list");
    refused_with("spm-user", "tokenizer_config.json", "added_tokens_decoder", "x", "[9]", "added_tokens.json is a list");
    refused_with("spm-user", "tokenizer_config.json", "added_tokens_decoder", "x", "{\"<x>\": -1}", "has the id -1");
    refused("gpt2-files", "merges.txt", "\n", "\nalone\n", "is no pair of pieces");
    refused("biogpt", "vocab.json", "<unk>", "<unknown>", "tokenizer would not load");
    refused("spm-user", "tokenizer.model", "<0x41>", "<0xZZ>", "tokenizer would not load");
    refused("world", "rwkv_vocab_v20230424.txt", " '\\t' 1", " '\\t' 2", "is no literal of 2 bytes");
    refused("world", "rwkv_vocab_v20230424.txt", " '\\t' 1", " '\\q' 2", "is no literal of 2 bytes");
    refused("world", "rwkv_vocab_v20230424.txt", " '\\t' 1", " '\\t", "is no id, literal and length");
    refused("world-literals", "vocab.txt", "b'\\x01'", "b'\\x0'",
            "vocab.txt: line 3: token 2, b'\\x0', is no literal of Python's");
    refused("world-literals", "vocab.txt", "b'\\x01'\n", "b'\\x01'\n\n", "vocab.txt: line 4: token 3, , is no literal");
}

/* Every truncation of a tokenizer.model, and every byte of its beginning changed: no read past the end. */
static void test_sentencepiece(void)
{
    static const unsigned char values[] = { 0, 1, 8, 10, 13, 127, 128, 255 };
    struct err err = { 0 };
    struct sentencepiece s;
    struct buf file;
    size_t n = 0;

    buf_init(&file, TINY_LIMIT);
    if (!ok(file_read(source_path("spm-user", "tokenizer.model"), &file, &err) == 0 &&
                sentencepiece_parse(&s, file.data, file.len, &err) == 0,
            "tokenizer.model is read")) {
        diag("%s", err.msg);
        return;
    }
    ok(s.n == 420 && s.kind == SENTENCEPIECE_BPE && s.unk_id == 0 && s.bos_id == 1 && s.eos_id == 2 && s.pad_id == -1 &&
           !s.add_space_prefix && !s.remove_extra_whitespaces && s.pieces[0].type == TOKEN_UNKNOWN,
       "its pieces and what it says of them");
    sentencepiece_finish(&s);
    for (size_t i = 0; i < file.len; i += i < 200 ? 1 : 97) {
        char *cut = malloc(i + 1);

        memcpy(cut, file.data, i);
        (void)sentencepiece_parse(&s, cut, i, &err);
        sentencepiece_finish(&s);
        free(cut);
    }
    for (size_t i = 0; i < 400; i++)
        for (size_t j = 0; j < sizeof values; j++, n++) {
            const char was = file.data[i];

            file.data[i] = (char)values[j];
            (void)sentencepiece_parse(&s, file.data, file.len, &err);
            sentencepiece_finish(&s);
            file.data[i] = was;
        }
    ok(sentencepiece_parse(&s, "", 0, &err) < 0, "%zu changes of one byte; nothing is no model", n);
    sentencepiece_finish(&s);
    buf_finish(&file);
}

int main(void)
{
    const char *dir = getenv("TMPDIR");

    snprintf(out_path, sizeof out_path, "%s/corax-vocab-%d.gguf", dir ? dir : "/tmp", (int)getpid());
    plan_later();
    test_kinds();
    test_said();
    test_wrong();
    test_sentencepiece();
    done();
    return tap_status();
}
