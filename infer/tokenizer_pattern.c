#define PCRE2_CODE_UNIT_WIDTH 8
#include "infer/tokenizer_pattern.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "infer/class_table.h"
#include "infer/utf8.h"

#define MAX_STAGES 6

/*
 * For inside brackets.  SPACE and INK are what \s and \S are in the references.  What is ASCII and can be told by a
 * bitmap is listed by itself, since \p looks each character up.
 */
#define LETTER      "A-Za-z\\p{L}" NEW_LETTERS
#define NUMBER      "0-9\\p{N}" NEW_NUMBERS
#define PUNCTUATION "\\p{P}" NEW_PUNCTUATION
#define WHITE "\\x09-\\x0d\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define SPACE "[" WHITE "]"
#define INK   "[^" WHITE "]"
#define OTHER "[^\\x00-\\x7f]" /* no ASCII */
/* Where single digits are cut out. */
#define DIGIT "[0-9]|" OTHER "(?<=[" NUMBER NEWER_NUMBERS "])"

#define GPT2                                                                                           \
    "'s|'t|'re|'ve|'m|'ll|'d| ?[" LETTER "]+| ?[" NUMBER "]+| ?[^" WHITE LETTER NUMBER "]+|" SPACE "+(?!" \
    INK ")|" SPACE "+"
/* Llama 3 and those after it; NUMBERS: how many digits together. */
#define LLAMA3(NUMBERS)                                                                                           \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n" LETTER NUMBER "]?[" LETTER "]+|" NUMBERS "| ?[^" WHITE LETTER NUMBER \
    "]+[\\r\\n]*|" SPACE "*[\\r\\n]+|" SPACE "+(?!" INK ")|" SPACE "+"

/* The letters with case, and some without, as deepseek-llm lists them. */
#define DEEPSEEK_LETTERS \
    "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}\\x{1c4}-\\x{293}" \
    "\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}\\x{386}\\x{388}-\\x{38a}" \
    "\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}" \
    "\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}" \
    "\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}" \
    "\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}" \
    "\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}" \
    "\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}" \
    "\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}\\x{212a}-\\x{212d}" \
    "\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}" \
    "\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}" \
    "\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}" \
    "\\x{fb00}-\\x{fb06}\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}" \
    "\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}\\x{118a0}-\\x{118df}" \
    "\\x{1e900}-\\x{1e943}"
#define DEEPSEEK_CJK "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"
/* SPACE+ at the end, from its first character on: without the look behind, each of n spaces would be tried in turn. */
#define SPACE_AT_END "(?<!" SPACE ")" SPACE "+\\z"

/* Unicode 8's, and the ASCII characters that Unicode calls symbols. */
#define FALCON_PUNCTUATION \
    "(?:[!-/:-@\\[-`{-~]|" OTHER "(?<=[\\p{P}" OLD_PUNCTUATION "])(?<![" PUNCTUATION_SINCE_8 "]))++"

/*
 * Falcon's digits are cut after each byte became a character of its own, and six of those characters are numbers:
 * the bytes of the last stage but one stand for U+00B2, B3, B9, BC, BD and BE.
 */
static const struct rule {
    const char *names; /* each between spaces */
    const char *stages[MAX_STAGES];
    unsigned bytes; /* bit i: stage i sees bytes, not characters */
    struct pattern_traits traits;
} rules[] = {
    { " corax ",
      { " ?(?<![A-Za-z0-9()\\[\\]=#@+\\-/\\\\%.])[A-Za-z]?[a-z]+(?![A-Za-z0-9()\\[\\]=#@+\\-/\\\\%])|." },
      0,
      { .add_begin = true } },
    { " gpt-2 phi-2 roberta-bpe gigachat jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code ",
      { GPT2 },
      0,
      { 0 } },
    { " gpt-neox gpt-neox-20b olmo mpt dolly dolly-v2 ", { GPT2 }, 0, { .nfc = true } },
    { " llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 ",
      { LLAMA3("[" NUMBER "]{1,3}") },
      0,
      { .whole_pieces = true, .add_begin = true } },
    { " dbrx smaug-bpe glm4 chatglm-bpe ", { LLAMA3("[" NUMBER "]{1,3}") }, 0, { 0 } },
    { " qwen2 deepseek-r1-qwen megrez ", { LLAMA3("[" NUMBER "]") }, 0, { .nfc = true } },
    { " stablelm2 ", { LLAMA3("[" NUMBER "]") }, 0, { 0 } },
    { " starcoder refact smollm codeshell exaone minerva-7b ", { DIGIT, GPT2 }, 0, { 0 } },
    { " command-r ", { DIGIT, GPT2 }, 0, { .nfc = true } },
    { " falcon ",
      { FALCON_PUNCTUATION, GPT2, "[0-9\\xb2\\xb3\\xb9\\xbc-\\xbe]+", "[0-9][0-9][0-9]" },
      1 << 2 | 1 << 3,
      { 0 } },
    { " deepseek-llm ",
      { "[\\r\\n]", SPACE "?[" DEEPSEEK_LETTERS "]+",
        SPACE "?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+", SPACE_AT_END,
        DEEPSEEK_CJK, DIGIT },
      0,
      { 0 } },
    { " deepseek-coder ",
      { "[\\r\\n]", SPACE "?[" LETTER "]+", SPACE "?[" PUNCTUATION "]+", DEEPSEEK_CJK, DIGIT },
      0,
      { 0 } },
};
#define N_RULES (sizeof rules / sizeof rules[0])

/* Files from before the key existed, or whose writer did not know the model ("default"). */
static const struct {
    const char *architectures, *pre;
} without[] = {
    { " gpt2 phi2 ", "gpt-2" },
    { " gptneox mamba mamba2 mpt olmo rwkv ", "gpt-neox" },
    { " bitnet bitnet-25 bitnet-b1.58 ", "llama-bpe" },
    { " falcon ", "falcon" },
    { " starcoder starcoder2 refact ", "starcoder" },
    { " command-r ", "command-r" },
    { " qwen2 qwen2moe qwen3 qwen3moe ", "qwen2" },
};

struct pattern {
    const struct rule *rule;
    pcre2_code *code[MAX_STAGES];
    size_t n_stages;
};

static bool is_listed(const char *names, const char *name, size_t len)
{
    const char *at = names;

    if (len == 0 || memchr(name, ' ', len))
        return false;
    for (size_t n; (n = strcspn(++at, " ")) > 0; at += n)
        if (n == len && memcmp(at, name, len) == 0)
            return true;
    return false;
}

static const struct rule *find_rule(struct gguf_string pre, struct gguf_string architecture)
{
    if (pre.len == 0 || (pre.len == 7 && memcmp(pre.s, "default", 7) == 0))
        for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
            if (is_listed(without[i].architectures, architecture.s, architecture.len))
                pre = (struct gguf_string){ without[i].pre, strlen(without[i].pre) };
    for (size_t i = 0; i < N_RULES; i++)
        if (is_listed(rules[i].names, pre.s, pre.len))
            return &rules[i];
    return NULL;
}

static int compile(struct pattern *p, const char *regex, bool bytes, struct err *err)
{
    const uint32_t utf = bytes ? 0 : PCRE2_UTF | PCRE2_UCP;
    PCRE2_SIZE where;
    int code;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, utf | PCRE2_DOTALL, &code, &where,
                                         NULL);

    if (!compiled)
        return fail(err, CORAX_E_LIMIT, "stage %zu of the pre-tokenizer does not compile: pcre2 error %d", p->n_stages,
                    code);
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* where the system forbids it, matching is only slower */
    p->code[p->n_stages++] = compiled;
    return 0;
}

struct pattern *pattern_create(struct gguf_string pre, struct gguf_string architecture, struct pattern_traits *traits,
                               struct err *err)
{
    const struct rule *rule = find_rule(pre, architecture);
    struct pattern *p;

    if (!rule) {
        fail(err, CORAX_E_ARGS,
             "tokenizer.ggml.pre is \"%.*s\", which is not known: corax, gpt-2, llama-bpe, qwen2, starcoder, falcon, "
             "deepseek-llm, deepseek-coder and names of models that cut the same way are",
             (int)(pre.len < 32 ? pre.len : 32), pre.s);
        return NULL;
    }
    p = calloc(1, sizeof *p);
    if (!p) {
        fail(err, CORAX_E_LIMIT, "out of memory");
        return NULL;
    }
    p->rule = rule;
    for (size_t i = 0; i < MAX_STAGES && rule->stages[i]; i++)
        if (compile(p, rule->stages[i], rule->bytes >> i & 1, err) < 0) {
            pattern_destroy(p);
            return NULL;
        }
    *traits = rule->traits;
    return p;
}

void pattern_destroy(struct pattern *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_stages; i++)
        pcre2_code_free(p->code[i]);
    free(p);
}

struct splitter {
    const struct pattern *pattern;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pattern_piece_fn *on_piece;
    void *arg;
};

/* text is UTF-8, or stages see bytes from here on. */
static int split(const struct splitter *s, size_t stage, const char *text, size_t len, struct err *err)
{
    size_t at = 0;
    int result = 0;

    if (len == 0)
        return 0;
    if (stage == s->pattern->n_stages)
        return s->on_piece(s->arg, text, len, err);
    while (at < len && result == 0) {
        int n = pcre2_match(s->pattern->code[stage], (PCRE2_SPTR)text, len, at, PCRE2_NO_UTF_CHECK, s->match,
                            s->limits);
        size_t from = pcre2_get_ovector_pointer(s->match)[0], to = pcre2_get_ovector_pointer(s->match)[1];

        if (n < 0 && n != PCRE2_ERROR_NOMATCH)
            return fail(err, CORAX_E_LIMIT, "cutting the text into pieces failed: pcre2 error %d", n);
        if (n == PCRE2_ERROR_NOMATCH)
            from = to = len;
        result = split(s, stage + 1, text + at, from - at, err);
        if (result == 0)
            result = split(s, stage + 1, text + from, to - from, err);
        at = to;
    }
    return result;
}

/* How many bytes from the start of text are UTF-8. */
static size_t utf8_run(const char *text, size_t len)
{
    struct utf8 state = { 0 };
    size_t whole = 0;

    for (size_t i = 0; i < len && utf8_next(&state, (unsigned char)text[i]); i++)
        if (state.n_left == 0)
            whole = i + 1;
    return whole;
}

int pattern_split(const struct pattern *p, const char *text, size_t len, pattern_piece_fn *on_piece, void *arg,
                  struct err *err)
{
    struct splitter s = { p, pcre2_match_data_create(1, NULL), pcre2_match_context_create(NULL), on_piece, arg };
    int result = 0;

    if (!s.match || !s.limits) {
        result = fail(err, CORAX_E_LIMIT, "out of memory");
    } else {
        /* The expressions are ours and go back over a run of white space at most; a long one is no error. */
        pcre2_set_match_limit(s.limits, UINT32_MAX);
        for (size_t at = 0, run; at < len && result == 0; at += run) {
            run = utf8_run(text + at, len - at);
            result = run ? split(&s, 0, text + at, run, err) : on_piece(arg, text + at, 1, err);
            run += run == 0;
        }
    }
    pcre2_match_context_free(s.limits);
    pcre2_match_data_free(s.match);
    return result;
}
