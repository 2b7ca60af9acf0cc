/*
 * Byte pair encoding: tokenizer.json of Hugging Face's tokenizers, or vocab.json with merges.txt.
 *
 * tokenizer.json says how text is cut by a tree of pre-tokenizers, GGUF by one name (infer/tokenizer_pattern.h): the tree is
 * written as one line, and each name stands for lines that cut the same way.  What no name stands for is an error: another
 * name would give other, still fluent, text.
 *
 * Where bytes are a fallback and spaces a mark, it is SentencePiece's BPE in another file: pieces are merged by score there,
 * and a piece's score is the place of the first merge that makes it.
 *
 * Source: tokenizers 0.23, the files of published models.
 */
#include "infer/conversion_vocab.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infer/vocab.h"
#include "util/file.h"

#define MAX_SIGNATURE 4096
#define MAX_SHOWN     120
#define LONG_REGEX    200 /* bytes; deepseek-llm's letters have 900 */

/* --- how text is cut ---------------------------------------------------------------------------------------------- */

#define SPLIT  "split "
#define NEXT   "\x1f"
#define LLAMA3(NUMBER)                                                                                          \
    SPLIT "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" NUMBER "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" \
          "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" NEXT "bytes" NEXT

#define DEEPSEEK_CJK     SPLIT "[\xe4\xb8\x80-\xe9\xbe\xa5\xe0\xa0\x80-\xe4\xb8\x80\xea\xb0\x80-\xed\x9f\xbf]+"
#define DEEPSEEK_LETTERS "446306e00a858cce" /* the list of letters that infer/tokenizer_pattern.c has, as sign_split() says it */
#define DEEPSEEK_SIGNS                                                                                       \
    "\\s?[!-/:-~\xef\xbc\x81-\xef\xbc\x8f\xef\xbc\x9a-\xef\xbd\x9e\xe2\x80\x98-\xe2\x80\x9f\xe3\x80\x80-\xe3\x80\x82]+"

enum { NO, YES, ANY };

static const struct {
    const char *signature;
    int nfc, whole_pieces; /* normalizer NFC; ignore_merges */
    const char *pre;
} rules[] = {
    { "gpt2" NEXT, NO, ANY, "gpt-2" },
    { "gpt2" NEXT, YES, ANY, "olmo" },
    { LLAMA3("\\p{N}{1,3}"), NO, YES, "llama-bpe" },
    { LLAMA3("\\p{N}{1,3}"), NO, NO, "dbrx" },
    { LLAMA3("\\p{N}"), YES, NO, "qwen2" },
    { LLAMA3("\\p{N}"), NO, NO, "stablelm2" },
    { "digit" NEXT "gpt2" NEXT, NO, ANY, "starcoder" },
    { "digit" NEXT "gpt2" NEXT, YES, ANY, "command-r" },
    { "punctuation" NEXT "gpt2" NEXT "digits" NEXT SPLIT "[0-9][0-9][0-9]" NEXT, NO, ANY, "falcon" },
    { SPLIT "[\\r\\n]" NEXT SPLIT "\\s?\\p{L}+" NEXT SPLIT "\\s?\\p{P}+" NEXT DEEPSEEK_CJK NEXT "digit" NEXT "bytes" NEXT, NO, ANY,
      "deepseek-coder" },
    { SPLIT "[\\r\\n]" NEXT SPLIT DEEPSEEK_LETTERS NEXT SPLIT DEEPSEEK_SIGNS NEXT SPLIT "\\s+$" NEXT DEEPSEEK_CJK NEXT "digit" NEXT
      "bytes" NEXT, NO, ANY, "deepseek-llm" },
};

/* An expression with line ends written out; of a long one, its hash. */
static void sign_split(struct buf *out, const char *regex)
{
    const size_t len = strlen(regex);

    buf_adds(out, SPLIT);
    if (len > LONG_REGEX)
        buf_addf(out, "%016" PRIx64, vocab_hash(regex, len));
    for (const char *at = regex; *at && len <= LONG_REGEX; at++)
        if (*at == '\r' || *at == '\n')
            buf_adds(out, *at == '\r' ? "\\r" : "\\n");
        else
            buf_addc(out, *at);
}

static void sign(struct buf *out, const struct json *p)
{
    const char *type = json_get_text(p, "type", "");
    const struct json *pattern = json_get(p, "pattern");

    if (strcmp(type, "Sequence") == 0) {
        for (const struct json *part = json_first(json_get(p, "pretokenizers")); part; part = json_next(part))
            sign(out, part);
        return;
    }
    if (strcmp(type, "Split") == 0)
        sign_split(out, json_get_text(pattern, "Regex", json_get_text(pattern, "String", "")));
    else if (strcmp(type, "ByteLevel") == 0)
        buf_addf(out, "%s%s", json_bool(json_get(p, "add_prefix_space"), true) ? "prefix " : "",
                 json_bool(json_get(p, "use_regex"), true) ? "gpt2" : "bytes");
    else if (strcmp(type, "Digits") == 0)
        buf_adds(out, json_bool(json_get(p, "individual_digits"), false) ? "digit" : "digits");
    else if (strcmp(type, "Punctuation") == 0)
        buf_adds(out, "punctuation");
    else
        buf_adds(out, type);
    buf_adds(out, NEXT);
}

/* Whether there is an NFC; *others: whether there is anything else. */
static bool normalizes(const struct json *n, bool *others)
{
    const char *type = json_get_text(n, "type", "");
    bool nfc = false;

    if (strcmp(type, "Sequence") == 0) {
        for (const struct json *part = json_first(json_get(n, "normalizers")); part; part = json_next(part))
            nfc |= normalizes(part, others);
        return nfc;
    }
    *others |= *type && strcmp(type, "NFC") != 0;
    return strcmp(type, "NFC") == 0;
}

static int find_pre(struct conversion_vocab *v, const struct json *tokenizer, struct err *err)
{
    const int whole = json_bool(json_get(json_get(tokenizer, "model"), "ignore_merges"), false);
    bool others = false;
    const int nfc = normalizes(json_get(tokenizer, "normalizer"), &others);
    struct buf signature;

    buf_init(&signature, MAX_SIGNATURE);
    sign(&signature, json_get(tokenizer, "pre_tokenizer"));
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && !signature.failed && !others && !v->pre; i++)
        if ((rules[i].nfc == ANY || rules[i].nfc == nfc) &&
            (rules[i].whole_pieces == ANY || rules[i].whole_pieces == whole) &&
            strcmp(rules[i].signature, signature.data) == 0)
            v->pre = rules[i].pre;
    if (signature.failed)
        fail(err, CORAX_E_LIMIT, "the pre-tokenizer takes more than %d bytes to write down, or memory ran out", MAX_SIGNATURE);
    else if (!v->pre)
        fail(err, CORAX_E_ARGS, "text is cut in a way that no name of tokenizer.ggml.pre stands for:%s%s %.*s",
             nfc ? " NFC," : "", others ? " another normalizer," : "",
             (int)(signature.len < MAX_SHOWN ? signature.len : MAX_SHOWN), signature.data);
    buf_finish(&signature);
    return v->pre ? 0 : -1;
}

/* --- tokens and merges -------------------------------------------------------------------------------------------- */

static int read_tokens(struct conversion *c, struct conversion_vocab *v, const struct json *vocab, struct err *err)
{
    if (json_kind(vocab) != JSON_OBJECT)
        return fail(err, CORAX_E_ARGS, "there is no vocabulary of names with ids in it");
    for (const struct json *token = json_first(vocab); token; token = json_next(token)) {
        const char *name = json_key(token);
        int64_t id;

        if (json_int(token, "the id of a token", &id, err) < 0 ||
            conversion_vocab_set(c, v, id, name, strlen(name), TOKEN_NORMAL, err) < 0)
            return -1;
    }
    return 0;
}

/* "a b", or ["a", "b"] in newer files. */
static int read_merges(struct conversion *c, struct conversion_vocab *v, const struct json *merges, struct err *err)
{
    if (json_kind(merges) != JSON_ARRAY)
        return fail(err, CORAX_E_ARGS, "there is no list of merges in it");
    for (const struct json *merge = json_first(merges); merge; merge = json_next(merge)) {
        const char *text = json_text(merge), *left = json_text(json_first(merge)),
                   *right = json_text(json_next(json_first(merge)));

        if (!text && (!left || !right || strchr(left, ' ') || strchr(right, ' ')))
            return fail(err, CORAX_E_ARGS, "merge %zu is no pair of pieces without spaces", v->n_merges);
        if (!text && !(text = arena_printf(c->arena, "%s %s", left, right)))
            return fail(err, CORAX_E_LIMIT, "out of memory for the merges");
        if (conversion_vocab_merge(c, v, text, strlen(text), err) < 0)
            return -1;
    }
    return 0;
}

/* --- SentencePiece's, in tokenizer.json ---------------------------------------------------------------------------- */

struct named {
    struct gguf_string name;
    size_t id;
};

static int compare_texts(const char *a, size_t a_len, const char *b, size_t b_len)
{
    const int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    return compare_texts(x->name.s, x->name.len, y->name.s, y->name.len);
}

/* Each piece's score is minus the place of the first merge that makes it; what none makes comes after all of them. */
static int score_by_merges(struct conversion_vocab *v, struct err *err)
{
    struct named *list = malloc((v->n + 1) * sizeof *list);
    size_t n = 0;

    if (!list)
        return fail(err, CORAX_E_LIMIT, "out of memory for %zu tokens", v->n);
    for (size_t i = 0; i < v->n; i++) {
        v->scores[i] = -(float)(v->n_merges + i);
        if (v->tokens[i].s)
            list[n++] = (struct named){ v->tokens[i], i };
    }
    qsort(list, n, sizeof *list, compare_named);
    for (size_t i = v->n_merges; i-- > 0;) { /* backwards: the first one stays */
        char whole[2 * TOKENIZER_MAX_TOKEN];
        const struct gguf_string m = v->merges[i];
        const char *space = memchr(m.s, ' ', m.len);
        struct named key = { { whole, m.len - 1 }, 0 };
        const struct named *found;

        if (!space || m.len > sizeof whole)
            continue;
        memcpy(whole, m.s, (size_t)(space - m.s));
        memcpy(whole + (space - m.s), space + 1, m.len - 1 - (size_t)(space - m.s));
        found = bsearch(&key, list, n, sizeof *list, compare_named);
        if (found)
            v->scores[found->id] = -(float)i;
    }
    free(list);
    v->has_scores = true;
    v->n_merges = 0;
    return 0;
}

static bool is_byte_name(const struct gguf_string *s)
{
    return s->s && s->len == 6 && memcmp(s->s, "<0x", 3) == 0 && s->s[5] == '>';
}

/* A space goes in front of a text: a normalizer puts the mark there, or the pre-tokenizer does. */
static bool prepends(const struct json *tokenizer)
{
    const struct json *n = json_get(tokenizer, "normalizer"), *p = json_get(tokenizer, "pre_tokenizer");
    const char *scheme = json_get_text(p, "prepend_scheme", "always");

    for (const struct json *part = json_first(json_get(n, "normalizers")); part; part = json_next(part))
        if (strcmp(json_get_text(part, "type", ""), "Prepend") == 0)
            return true;
    return strcmp(json_get_text(p, "type", ""), "Metaspace") == 0 && strcmp(scheme, "never") != 0 &&
           json_bool(json_get(p, "add_prefix_space"), true);
}

static int finish_marked(struct conversion_vocab *v, const struct json *tokenizer, struct err *err)
{
    const char *unknown = json_get_text(json_get(tokenizer, "model"), "unk_token", NULL);

    v->model = "llama";
    v->space_prefix = prepends(tokenizer) ? END_YES : END_NO;
    for (size_t i = 0; i < v->n; i++)
        if (is_byte_name(&v->tokens[i]))
            v->types[i] = TOKEN_BYTE;
    v->unk = unknown ? conversion_vocab_find(v, unknown) : -1;
    if (v->unk >= 0)
        v->types[v->unk] = TOKEN_UNKNOWN;
    return score_by_merges(v, err);
}

static bool has_type(const struct json *decoder, const char *type)
{
    bool found = strcmp(json_get_text(decoder, "type", ""), type) == 0;

    for (const struct json *part = json_first(json_get(decoder, "decoders")); part; part = json_next(part))
        found |= has_type(part, type);
    return found;
}

int conversion_read_bpe(struct conversion *c, struct conversion_vocab *v, const struct json *tokenizer, struct err *err)
{
    const struct json *model = json_get(tokenizer, "model");
    const char *type = json_get_text(model, "type", "BPE");
    const bool marked = json_bool(json_get(model, "byte_fallback"), false);
    int rc;

    if (!tokenizer)
        return 1;
    v->model = "gpt2";
    if (strcmp(type, "BPE") != 0)
        rc = fail(err, CORAX_E_ARGS, "a tokenizer of type %.32s, which is not one that can be converted (BPE; a tokenizer.model "
                                     "of sentencepiece)", type);
    else if (read_tokens(c, v, json_get(model, "vocab"), err) < 0 || read_merges(c, v, json_get(model, "merges"), err) < 0)
        rc = -1;
    else if (marked)
        rc = finish_marked(v, tokenizer, err);
    else if (!has_type(json_get(tokenizer, "decoder"), "ByteLevel"))
        rc = fail(err, CORAX_E_ARGS, "its tokens are neither of bytes nor SentencePiece's");
    else
        rc = find_pre(v, tokenizer, err);
    if (rc == 0)
        rc = conversion_added_tokens(c, v, tokenizer, NULL, err);
    return rc < 0 ? err_context(err, "%s/tokenizer.json", c->folder) : 0;
}

/* --- vocab.json and merges.txt ------------------------------------------------------------------------------------- */

/* A line of merges.txt: two pieces, and in BioGPT's how often they met. */
static int read_line(struct conversion *c, struct conversion_vocab *v, const char *line, size_t len, struct err *err)
{
    const char *space = memchr(line, ' ', len), *end;
    size_t rest;

    if (!space || space == line)
        return fail(err, CORAX_E_ARGS, "merges.txt: merge %zu is no pair of pieces", v->n_merges);
    rest = len - (size_t)(space - line) - 1;
    end = memchr(space + 1, ' ', rest);
    return conversion_vocab_merge(c, v, line, end ? (size_t)(end - line) : len, err);
}

static int read_merges_file(struct conversion *c, struct conversion_vocab *v, struct err *err)
{
    struct buf text;
    int rc;

    buf_init(&text, (size_t)64 << 20);
    rc = conversion_read_file(c, "merges.txt", &text, err);
    if (rc == 1)
        rc = fail(err, CORAX_E_NOTFOUND, "%s: there is a vocab.json and no merges.txt", c->folder);
    for (size_t at = 0, len; at < text.len && rc == 0; at += len + 1) {
        const char *line = text.data + at, *end = memchr(line, '\n', text.len - at);

        len = end ? (size_t)(end - line) : text.len - at;
        if (len > 0 && !(at == 0 && strncmp(line, "#version", 8) == 0))
            rc = read_line(c, v, line, len - (line[len - 1] == '\r'), err);
    }
    buf_finish(&text);
    return rc;
}

/* docs/gguf.md */
static void finish_biogpt(struct conversion_vocab *v)
{
    v->model = "biogpt";
    v->fixed = true;
    v->bos = v->eos = conversion_vocab_find(v, "</s>");
    v->pad = conversion_vocab_find(v, "<pad>");
    v->unk = conversion_vocab_find(v, "<unk>");
    if (v->bos >= 0)
        v->types[v->bos] = TOKEN_CONTROL;
    if (v->pad >= 0)
        v->types[v->pad] = TOKEN_CONTROL;
    if (v->unk >= 0)
        v->types[v->unk] = TOKEN_UNKNOWN;
    if (conversion_vocab_find(v, "<s>") >= 0)
        v->types[conversion_vocab_find(v, "<s>")] = TOKEN_CONTROL;
}

int conversion_read_merges(struct conversion *c, struct conversion_vocab *v, struct err *err)
{
    static const struct {
        const char *model_type, *pre;
    } known[] = { { "gpt2", "gpt-2" },            { "qwen2", "qwen2" },          { "qwen3", "qwen2" },
                  { "gpt_bigcode", "starcoder" }, { "starcoder2", "starcoder" } };
    const char *type = json_get_text(c->config, "model_type", "");
    struct json *vocab;
    struct buf text;
    int32_t end;
    int rc = conversion_read_json(c, "vocab.json", &text, &vocab, err);

    if (rc == 0 && !vocab)
        rc = 1;
    if (rc == 0)
        rc = read_tokens(c, v, vocab, err) < 0 ? err_context(err, "%s/vocab.json", c->folder) : read_merges_file(c, v, err);
    json_free(vocab);
    buf_finish(&text);
    if (rc != 0)
        return rc;
    if (strcmp(type, "biogpt") == 0) {
        finish_biogpt(v);
        return 0;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].model_type, type) == 0)
            v->pre = known[i].pre;
    if (!v->pre)
        return fail(err, CORAX_E_ARGS, "%s: vocab.json and merges.txt do not say how text is cut, tokenizer.json does", c->folder);
    v->model = "gpt2";
    end = conversion_vocab_find(v, "<|endoftext|>");
    if (end >= 0)
        v->types[end] = TOKEN_CONTROL;
    return 0;
}
