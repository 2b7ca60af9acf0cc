/*
 * infer/tokenizer.c: small vocabularies by hand, bytes that are no UTF-8, special tokens, what is refused, hostile
 * texts in bounded time, and the shipped model's vectors.  tokenizer-vectors-t holds every kind against its reference.
 */
#include "infer/tokenizer.h"
#include "infer/tokenizer_pattern.h"

#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/file.h"
#include "util/json.h"

static const char *text_of(const struct tokenizer *t, const struct tokens *list)
{
    static char text[4096];
    size_t at = 0;

    for (size_t i = 0; i < list->n; i++) {
        size_t len;
        const char *name = tokenizer_name(t, list->ids[i], &len);

        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s", i ? "|" : "", (int)len, name);
    }
    text[at] = 0;
    return text;
}

static void pieces(const struct tokenizer *t, const char *text, const char *want)
{
    struct tokens list = { 0 };
    struct err err = { 0 };

    if (tokenizer_encode(t, text, strlen(text), &list, &err) < 0)
        diag("%s", err.msg);
    is_str(text_of(t, &list), want, want);
    tokens_finish(&list);
}

static void pieces_special(const struct tokenizer *t, const char *text, const char *want)
{
    const unsigned flags = TOKENIZER_SPECIAL | TOKENIZER_BEGIN | TOKENIZER_END;
    struct tokens list = { 0 };
    struct err err = { 0 };

    if (tokenizer_encode_with(t, flags, text, strlen(text), &list, &err) < 0)
        diag("%s", err.msg);
    is_str(text_of(t, &list), want, want);
    tokens_finish(&list);
}

static bool comes_back(const struct tokenizer *t, const char *text, size_t len)
{
    struct tokens list = { 0 };
    struct buf bytes;
    struct err err;
    bool good = tokenizer_encode(t, text, len, &list, &err) == 0;

    buf_init(&bytes, TINY_LIMIT);
    good = good && tokenizer_decode(t, list.ids, list.n, &bytes, &err) == 0 && bytes.len == len &&
           memcmp(bytes.data, text, len) == 0;
    buf_finish(&bytes);
    tokens_finish(&list);
    return good;
}

static struct tokenizer *tiny(const char *pre)
{
    struct tokenizer *t;
    struct gguf *g;
    struct err err = { 0 };
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, TINY_N_TOKENIZER_KV);
    tiny_tokenizer(&b, pre);
    g = gguf_parse(b.data, b.len, &err);
    t = tokenizer_create(g, &err);
    if (!t)
        diag("%s", err.msg);
    gguf_close(g);
    buf_finish(&b);
    return t;
}

static void test_tiny(void)
{
    struct tokenizer *t = tiny("corax");
    char random[512], *long_text = malloc(200000);
    uint64_t seed = 8;
    size_t wrong = 0;

    pieces(t, "the the", "the|\xc4\xa0the");
    pieces(t, "thx", "th|x");
    pieces(t, "(the)", "(|t|h|e|)"); /* what may belong to a formula stays in single characters */
    pieces(t, "123", "1|2|3");
    pieces(t, "<|end|>", "<|||e|n|d|||>"); /* never the special token */
    pieces(t, "", "");
    pieces_special(t, "<|<|end|>x<|call|", "<|begin|>|<|||<|end|>|x|<|||c|a|l|l||");
    for (int i = 0; i < 2000; i++) {
        size_t n = tiny_random(&seed) % sizeof random;

        for (size_t j = 0; j < n; j++)
            random[j] = (char)(tiny_random(&seed) & (i % 2 ? 0xff : 0x7f));
        wrong += !comes_back(t, random, n);
    }
    is_int((long long)wrong, 0, "2,000 random byte strings, most no UTF-8, come back as they were");
    memset(long_text, 't', 200000);
    for (size_t i = 1; i < 200000; i += 2)
        long_text[i] = 'h';
    ok(comes_back(t, long_text, 200000), "one piece of 200,000 letters");
    is_int(tokenizer_special(t, "<|end|>"), 8, "a special token by name");
    is_int(tokenizer_special(t, "the"), -1, "an ordinary one is not special");
    ok(tokenizer_bos(t) == 0 && tokenizer_eos(t) == 8, "begin and end");
    free(long_text);
    tokenizer_destroy(t);
    tokenizer_destroy(NULL);

    t = tiny("gpt-2");
    pieces(t, "the 123  x", "the|\xc4\xa0|123|\xc4\xa0|\xc4\xa0|x");
    tokenizer_destroy(t);
}

/* A text of 512 KB for which a quadratic tokenizer would take minutes; alarm() ends the test if one does. */
static void hostile(const struct tokenizer *t, const char *name, const char *unit, const char *last)
{
    size_t n = (1 << 19) / strlen(unit);
    char *text = malloc(n * strlen(unit) + strlen(last) + 1), *at = text;

    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, unit);
    at = stpcpy(at, last);
    alarm(60);
    ok(comes_back(t, text, (size_t)(at - text)), "%s: 512 KB of \"%s\"", name,
       *unit < ' ' ? "control characters" : unit);
    alarm(0);
    free(text);
}

/* A tokenizer of another kind; more: further keys, already written, as many as n_more. */
static struct tokenizer *tiny_kind(const char *model, const struct tiny_piece *list, size_t n, const struct buf *more,
                                   size_t n_more, struct err *err)
{
    struct tokenizer *t;
    struct gguf *g;
    struct buf b;

    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, TINY_N_PIECES_KV + n_more);
    tiny_pieces(&b, model, list, n);
    if (more)
        buf_add(&b, more->data, more->len);
    g = gguf_parse(b.data, b.len, err);
    t = g ? tokenizer_create(g, err) : NULL;
    gguf_close(g);
    buf_finish(&b);
    return t;
}

#define N(list) (sizeof(list) / sizeof *(list))
#define MARK    "\xe2\x96\x81"

static void test_spm(void)
{
    struct err err = { 0 };
    struct tokenizer *t = tiny_kind("llama", tiny_marked, N(tiny_marked), NULL, 0, &err);

    if (!ok(t != NULL, "a SentencePiece vocabulary"))
        return;
    pieces(t, "the the", MARK "the|" MARK "the");
    pieces(t, " the", MARK "|" MARK "the");
    pieces(t, "", "");
    pieces(t, "hth", MARK "|h|th"); /* unused tokens are taken apart */
    pieces(t, "t<u>he", MARK "|t|<u>|he");
    pieces(t, "</s>x", MARK "|<0x3C>|<0x2F>|<0x73>|<0x3E>|<0x78>");
    pieces(t, "\xff", MARK "|<0xEF>|<0xBF>|<0xBD>"); /* no UTF-8: U+FFFD */
    pieces_special(t, "the</s>the", "<s>|" MARK "the|</s>|" MARK "the");
    ok(comes_back(t, "  the \xc3\xa9 \xe2\x82\xac", 12), "the space in front is gone again, the others are not");
    hostile(t, "llama", "th", "");
    hostile(t, "llama", " ", "");
    hostile(t, "llama", "hth", "");
    tokenizer_destroy(t);
}

static void test_unigram(void)
{
    struct err err = { 0 };
    struct tokenizer *t = tiny_kind("t5", tiny_marked, N(tiny_marked), NULL, 0, &err);

    if (!ok(t != NULL, "a unigram vocabulary"))
        return;
    pieces(t, "the  the ", MARK "the|" MARK "the"); /* scores: -2.5; t, he: -11; th, e: -8 */
    pieces(t, "thhe", MARK "|th|he");
    pieces_special(t, "the", MARK "the|</s>");
    tokenizer_destroy(t);
}

static void test_rwkv(void)
{
    struct err err = { 0 };
    struct tokenizer *t = tiny_kind("rwkv", tiny_escaped, N(tiny_escaped), NULL, 0, &err);

    if (!ok(t != NULL, "an RWKV vocabulary"))
        return;
    pieces(t, "the the<s>", "the| the|\\x3c|\\x73|\\x3e");
    pieces(t, "\n\t\\'\"\xc3\xa9\xc3", "\\n\\t\\\\\\'\"|\\xc3\\xa9|\\xc3");
    ok(comes_back(t, "\xff\0the", 5), "any bytes come back");
    hostile(t, "rwkv", "th", "");
    tokenizer_destroy(t);
}

static void test_biogpt(void)
{
    struct err err = { 0 };
    struct tokenizer *t = tiny_kind("biogpt", tiny_words, N(tiny_words), NULL, 0, &err);
    const int32_t spoken[] = { 15, 8, 16, 8, 10, 8, 13, 8, 18, 11 };
    struct tokens list = { 0 };
    struct buf out;

    if (!ok(t != NULL, "a vocabulary of BioGPT's kind"))
        return;
    pieces(t, "the the.", "the</w>|the</w>|.</w>");
    pieces(t, "th", "t|<unk>"); /* t and h</w>, which is no token */
    pieces(t, " ", "");
    pieces(t, "</s>", "<unk>|<unk>|t|<unk>|<unk>|s</w>|<unk>|<unk>|t|<unk>"); /* &lt; / s &gt; */
    pieces_special(t, "the</s>", "<s>|the</w>|</s>");
    buf_init(&out, 1000);
    ok(tokenizer_decode(t, spoken, N(spoken), &out, &err) == 0, "decoding");
    is_str(out.data, "(the) the. the-the's..", "words are put together as people write them");
    alarm(60);
    for (const char *unit = ".'-,&\""; *unit; unit++) {
        char *text = malloc(1 << 18);

        memset(text, *unit, 1 << 18);
        list.n = 0;
        buf_reset(&out);
        ok(tokenizer_encode(t, text, 1 << 18, &list, &err) == 0, "biogpt: 256 KB of %c", *unit);
        free(text);
    }
    alarm(0);
    tokens_finish(&list);
    buf_finish(&out);
    tokenizer_destroy(t);
}

static void refused(const char *model, const struct tiny_piece *list, size_t n, const struct buf *more, size_t n_more,
                    const char *why)
{
    struct err err = { 0 };
    struct tokenizer *t = tiny_kind(model, list, n, more, n_more, &err);

    ok(!t && err.status == CORAX_E_ARGS && strstr(err.msg, why), "refused: %s", why);
    if (t || !strstr(err.msg, why))
        diag("%s", err.msg);
    tokenizer_destroy(t);
}

static void charsmap(const void *bytes, size_t n, const char *why)
{
    struct buf more;

    buf_init(&more, 1000);
    tiny_kv_array(&more, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, n);
    buf_add(&more, bytes, n);
    refused("t5", tiny_marked, N(tiny_marked), &more, 1, why);
    buf_finish(&more);
}

static void test_refused(void)
{
    static const char *const escapes[] = { "\\", "a\\x", "\\x4", "\\xg0", "\\q", "\\u0041" };
    struct tiny_piece bad = { "<0x-1>", 6, 0 };

    for (size_t i = 0; i < N(escapes); i++) {
        bad = (struct tiny_piece){ escapes[i], 1, 0 };
        refused("rwkv", &bad, 1, NULL, 0, "escape");
    }
    bad = (struct tiny_piece){ "<0x-1>", 6, 0 };
    refused("llama", &bad, 1, NULL, 0, "none of <0x00> to <0xFF>");
    bad = (struct tiny_piece){ "a", 1, NAN };
    refused("llama", &bad, 1, NULL, 0, "score of token 0 is not finite");
    bad = (struct tiny_piece){ "a", 7, 0 };
    refused("llama", &bad, 1, NULL, 0, "of type 7");
    bad = (struct tiny_piece){ "a", 1, 0 };
    refused("biogpt", tiny_marked + 1, N(tiny_marked) - 1, NULL, 0, "no token of type unknown");
    refused("sentences", &bad, 1, NULL, 0, "this program knows");
    refused("gpt2", tiny_words, N(tiny_words), NULL, 0, "tokenizer.ggml.pre");
    charsmap("abc", 3, "at least 4");
    charsmap("\xff\xff\xff\xff", 4, "in 0");
    charsmap("\x04\0\0\0abcd", 8, "does not end");
    charsmap("\x04\0\0\0abcdx", 9, "does not end");
}

/* Arrays beside the tokens that are of another length, or of another type. */
static void arrays(const char *key, enum gguf_type item, uint64_t n, const char *why)
{
    struct err err = { 0 };
    struct tokenizer *t;
    struct gguf *g;
    struct buf b;

    buf_init(&b, 4096);
    tiny_header(&b, 3, 0, 3);
    tiny_kv_string(&b, "tokenizer.ggml.model", "llama");
    tiny_kv_array(&b, "tokenizer.ggml.tokens", GGUF_STRING, 2);
    tiny_string(&b, "a");
    tiny_string(&b, "b");
    tiny_kv_array(&b, key, item, n);
    for (uint64_t i = 0; i < n; i++)
        tiny_u32(&b, 1);
    g = gguf_parse(b.data, b.len, &err);
    t = g ? tokenizer_create(g, &err) : NULL;
    if (!ok(!t && err.status == CORAX_E_ARGS && strstr(err.msg, why), "refused: %s", why))
        diag("%s", err.msg);
    tokenizer_destroy(t);
    gguf_close(g);
    buf_finish(&b);
}

static void test_arrays(void)
{
    arrays("tokenizer.ggml.scores", GGUF_F32, 1, "2 tokens and 1 scores");
    arrays("tokenizer.ggml.scores", GGUF_F32, 3, "2 tokens and 3 scores");
    arrays("tokenizer.ggml.scores", GGUF_U32, 2, "tokenizer.ggml.scores");
    arrays("tokenizer.ggml.token_type", GGUF_I32, 1, "2 tokens and 1 types");
    arrays("tokenizer.ggml.token_type", GGUF_F32, 2, "tokenizer.ggml.token_type");
    arrays("tokenizer.ggml.other", GGUF_I32, 1, "tokenizer.ggml.scores is missing");
}

/* Lengths of the pieces, as text. */
static int add_length(void *arg, const char *piece, size_t len, struct err *err)
{
    (void)piece, (void)err;
    buf_addf(arg, "%zu ", len);
    return 0;
}

static void cut(const char *pre, const char *text, const char *want, const char *what)
{
    struct pattern_traits traits;
    struct err err = { 0 };
    struct pattern *p = pattern_create((struct gguf_string){ pre, strlen(pre) }, (struct gguf_string){ "", 0 }, &traits, &err);
    struct buf got;

    buf_init(&got, 1000);
    if (!ok(p && pattern_split(p, text, strlen(text), add_length, &got, &err) == 0 && got.len && strcmp(got.data, want) == 0,
            "%s: %s", pre, what))
        diag("%s, want %s", got.len ? got.data : err.msg, want);
    buf_finish(&got);
    pattern_destroy(p);
}

/* Characters that PCRE2 10.42 and the references' tables have in different classes. */
static void test_classes(void)
{
    cut("gpt-2", "a\xe1\xb2\x8a!", "4 1 ", "U+1C8A is a letter since Unicode 16");
    cut("llama-bpe", "1\xf0\x90\xb5\x80.", "5 1 ", "U+10D40 is a digit since Unicode 16");
    cut("qwen2", "1\xf0\x90\xb5\x80.", "1 4 1 ", "and one by itself");
    cut("falcon", "a\xd8\x9d!", "1 2 1 ", "U+061D is no punctuation in Unicode 8");
    cut("gpt-2", "a\xe1\xa0\x8e b", "1 3 2 ", "U+180E is no white space");
}

/* A map that goes in circles, and one whose texts are longer than any language has. */
static void test_broken_map(void)
{
    uint32_t map[258] = { 4 * 256 };
    struct err err = { 0 };
    struct tokens list = { 0 };
    struct tokenizer *t;
    struct buf more;
    char *text = malloc(100000);

    memset(text, 'a', 100000);
    for (size_t i = 1; i <= 256; i++)
        map[i] = (uint32_t)(i - 1) | 1u << 8; /* each byte leads back to the start, and has a text */
    buf_init(&more, 10000);
    tiny_kv_array(&more, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, sizeof map);
    buf_add(&more, map, sizeof map);
    t = tiny_kind("t5", tiny_marked, N(tiny_marked), &more, 1, &err);
    alarm(60);
    ok(t && (tokenizer_encode(t, text, 100000, &list, &err) == 0 || err.status == CORAX_E_LIMIT),
       "a map in circles ends");
    alarm(0);
    tokens_finish(&list);
    tokenizer_destroy(t);
    buf_finish(&more);
    free(text);
}

static void test_hostile(void)
{
    static const char *const names[] = { "corax",        "gpt-2",         "llama-bpe", "qwen2", "starcoder", "falcon",
                                         "deepseek-llm", "deepseek-coder" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct tokenizer *t = tiny(names[i]);

        hostile(t, names[i], " ", "x");
        hostile(t, names[i], "\n \r", "");
        hostile(t, names[i], "th", "");
        hostile(t, names[i], "'", "");
        hostile(t, names[i], "1\xe3\x80\x80", "");
        hostile(t, names[i], "\xff", "");
        tokenizer_destroy(t);
    }
}

/* Accents in the wrong order, in their thousands: the normalizing of gpt-neox has to sort them. */
static void test_nfc(void)
{
    struct tokenizer *t = tiny("gpt-neox");
    char *text = malloc(400001), *at = stpcpy(text, "e");
    struct tokens list = { 0 };
    struct err err = { 0 };

    pieces(t, "e\xcc\x81\xcc\xa3", "\xc3\xa1|\xc2\xba|\xc2\xb9|\xc3\x8c|\xc4\xa3"); /* U+1EB9 U+0301 */
    for (int i = 0; i < 100000; i++)
        at = stpcpy(at, i % 2 ? "\xcc\xa3" : "\xcc\x81");
    alarm(60);
    ok(tokenizer_encode(t, text, strlen(text), &list, &err) == 0, "100,000 accents on one letter");
    alarm(0);
    tokens_finish(&list);
    free(text);
    tokenizer_destroy(t);
}

static void test_detokenizer(void)
{
    const char *text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\xa6\x99z", *bad = "\xc3(\xed\xa0\x80\xff\xf0\x9f";
    struct detokenizer d = { 0 };
    size_t half = 0;
    struct buf out;

    buf_init(&out, 1000);
    for (size_t i = 0; text[i]; i++) {
        detokenizer_add(&d, text + i, 1, &out);
        half += json_check(out.data, 0, NULL) == 0; /* keeps the loop honest: out is looked at each time */
        if (out.len && ((unsigned char)out.data[out.len - 1] & 0xc0) == 0xc0)
            half++;
    }
    detokenizer_end(&d, &out);
    ok(strcmp(out.data, text) == 0 && !half, "byte by byte, only whole characters come out");
    buf_reset(&out);
    detokenizer_add(&d, bad, strlen(bad), &out);
    detokenizer_end(&d, &out);
    is_str(out.data, "\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
           "bytes that are no character become U+FFFD");
    buf_finish(&out);
}

static const char *source_file(const char *name)
{
    static char path[2][1024];
    static int turn;
    const char *dir = getenv("CORAX_SRCDIR");

    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir ? dir : ".", name);
    return path[turn];
}

static struct tokenizer *open_file(const char *path)
{
    struct err err;
    struct gguf *g = gguf_open(path, &err);
    struct tokenizer *t = g ? tokenizer_create(g, &err) : NULL;

    gguf_close(g);
    return t;
}

/*
 * util/json.h takes no NUL, but the vectors have one: U+E000 stands in for it while the file is parsed.
 * restore_nul() gives the bytes back; the result's length.
 */
static void hide_nul(struct buf *text)
{
    for (char *at = text->data; (at = strstr(at, "\\u0000"));)
        memcpy(at, "\\ue000", 6);
}

static size_t restore_nul(const char *text, char *out)
{
    size_t n = 0;

    while (*text) {
        bool nul = memcmp(text, "\xee\x80\x80", strnlen(text, 3)) == 0 && strnlen(text, 3) == 3;

        out[n++] = nul ? 0 : *text;
        text += nul ? 3 : 1;
    }
    return n;
}

static bool same_ids(const struct tokens *list, const struct json *ids)
{
    const struct json *id = json_first(ids);

    for (size_t i = 0; i < list->n; i++, id = json_next(id))
        if (!id || (int32_t)json_number(id, -1) != list->ids[i])
            return false;
    return !id;
}

static void test_model(void)
{
    struct tokenizer *t = open_file(source_file("models/corax-raven-1-q8_0.gguf"));
    struct json *root = NULL;
    struct err err;
    struct buf text;
    int n = 0, wrong = 0;

    buf_init(&text, TINY_LIMIT);
    if (!t || file_read(source_file("tests/infer/vectors/raven-tok.json"), &text, &err) < 0) {
        ok(true, "the shipped model's vectors # SKIP the model or its vectors are not in this tree");
    } else {
        hide_nul(&text);
        root = json_parse(text.data, text.len, &err);
        for (const struct json *v = json_first(json_get(root, "vectors")); v; v = json_next(v), n++) {
            const char *s = json_get_text(v, "text", "");
            char *plain = malloc(strlen(s) + 1);
            struct tokens list = { 0 };

            wrong += tokenizer_encode(t, plain, restore_nul(s, plain), &list, &err) < 0 ||
                     !same_ids(&list, json_get(v, "ids"));
            tokens_finish(&list);
            free(plain);
        }
        if (!ok(n > 0 && !wrong, "the shipped model's vectors: %d of %d", n - wrong, n))
            diag("%s", root ? "" : err.msg);
    }
    json_free(root);
    buf_finish(&text);
    tokenizer_destroy(t);
}

int main(void)
{
    plan_later();
    test_tiny();
    test_hostile();
    test_nfc();
    test_spm();
    test_unigram();
    test_rwkv();
    test_biogpt();
    test_refused();
    test_arrays();
    test_classes();
    test_broken_map();
    test_detokenizer();
    test_model();
    done();
    return tap_status();
}
