/*
 * What it costs to hold replies to a dialect with many tools:
 *
 *     dialects VOCABULARY.gguf TOOLS.json [REPLIES [FORMAT]]
 *
 * For each format of calls: random logits write replies that must call a tool of the list (tests/bench/tools.py makes one), and the clock is
 * around what the constraint does for each token, a mask of the whole vocabulary and the step past the token that was drawn.  Marks are
 * bytes, unless the vocabulary has them.  Prints a table; with a decode of 20 ms a token, 1,000 us are 5 %.
 *
 * Random logits are no model's: texts are gibberish, in which masks are met for the first time more often than in what models write.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/constraint.h"
#include "infer/gguf.h"
#include "infer/reply.h"
#include "infer/sampler.h"
#include "infer/tool_format.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"
#include "util/jsonschema.h"

#define MAX_TOOLS  1000
#define MAX_TOKENS 400
#define LIMIT      ((size_t)64 << 20)

struct bench {
    struct tokenizer *tokenizer;
    struct mask_vocabulary *vocabulary;
    struct sampler sampler;
    float *logits;
    size_t n_vocab;
    struct tool tools[MAX_TOOLS];
    struct jsonschema *schemas[MAX_TOOLS];
    size_t n_tools;
    struct json *list;
    uint64_t random;
    int64_t *times; /* ns, of each token */
    size_t n_times, cap;
};

static uint64_t draw(struct bench *b)
{
    uint64_t z = b->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void note(struct bench *b, int64_t ns)
{
    if (b->n_times == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 4096;
        b->times = realloc(b->times, b->cap * sizeof *b->times);
        if (!b->times)
            abort();
    }
    b->times[b->n_times++] = ns;
}

/* The longer the reply, the more the logits like short tokens that close things. */
static int32_t pick(struct bench *b, struct constraint *c, size_t n)
{
    for (size_t i = 0; i < b->n_vocab; i++) {
        size_t len;
        const char *bytes = tokenizer_bytes(b->tokenizer, (int32_t)i, &len);

        b->logits[i] = (float)(draw(b) >> 40);
        if (n > 20 && len > 0 && len < 3 && strchr("\"}],:", bytes[0]))
            b->logits[i] += (float)(1 << 24);
    }
    return sampler_pick(&b->sampler, b->logits, c);
}

/* One reply.  Returns the ns that making the constraint took, -1: it could not be made. */
static int64_t write_reply(struct bench *b, const struct script *s, int64_t *first, struct err *err)
{
    static const struct json_style style = { .spaced = true, .ordered = true, .closed = true, .free = true };
    struct script_grammar grammar = { s, b->tools, b->n_tools, NULL, 0 };
    const struct constraint_spec spec = { .build = script_build, .arg = &grammar, .style = &style };
    const int64_t start = clock_mono_ns();
    struct constraint *c = constraint_create(b->vocabulary, &spec, err);
    const int64_t made = clock_mono_ns() - start;

    if (!c)
        return -1;
    for (size_t n = 0; n < MAX_TOKENS && !constraint_is_done(c); n++) {
        int64_t from = clock_mono_ns(), spent;
        int32_t token;

        (void)constraint_prepare(c);
        spent = clock_mono_ns() - from;
        token = pick(b, c, n);
        if (token < 0)
            break;
        from = clock_mono_ns();
        constraint_accept(c, token);
        spent += clock_mono_ns() - from;
        if (n == 0)
            *first += spent;
        if (getenv("SLOW") && spent > 3000000) { size_t len; const char *q = tokenizer_bytes(b->tokenizer, token, &len); printf("slow %zu %ld [%.*s]\n", n, (long)spent / 1000, (int)len, q); } else if (getenv("SLOW")) { size_t len; const char *q = tokenizer_bytes(b->tokenizer, token, &len); printf("%.*s|", (int)len, q); }
        note(b, spent);
    }
    constraint_destroy(c);
    return made;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void measure(struct bench *b, const struct tool_format *f, int n_replies)
{
    static const struct tool_wish wish = { .calls = true, .tools = true, .required = true };
    const struct thinking_marks marks = { "<think>", "</think>" };
    int64_t made = 0, first = 0, sum = 0;
    struct script s;
    struct err err = { 0 };

    script_init(&s, b->tokenizer);
    script_end_token(&s, tokenizer_eos(b->tokenizer));
    tool_format_script(f, &marks, &wish, &s);
    b->n_times = 0;
    for (int i = 0; i < n_replies; i++) {
        const int64_t ns = write_reply(b, &s, &first, &err);

        if (ns < 0) {
            printf("%-14s %s\n", f->name, err.msg);
            return;
        }
        made += ns;
    }
    for (size_t i = 0; i < b->n_times; i++)
        sum += b->times[i];
    qsort(b->times, b->n_times, sizeof *b->times, compare);
    printf("%-14s %8.1f %10.1f %8zu %9.1f %8.1f %8.1f %9.1f\n", f->name, (double)made / n_replies / 1e6, (double)first / n_replies / 1e3, b->n_times,
           (double)sum / (double)b->n_times / 1e3, (double)b->times[b->n_times / 2] / 1e3, (double)b->times[b->n_times * 99 / 100] / 1e3,
           (double)b->times[b->n_times - 1] / 1e3);
    fflush(stdout);
}

static int read_tools(struct bench *b, const char *path, struct err *err)
{
    static struct buf text;

    buf_init(&text, LIMIT);
    if (file_read(path, &text, err) < 0 || !(b->list = json_parse_large(text.data, text.len, 10000000, err)))
        return -1;
    for (const struct json *t = json_first(b->list); t && b->n_tools < MAX_TOOLS; t = json_next(t)) {
        const struct json *f = json_get(t, "function") ? json_get(t, "function") : t;
        size_t len;
        const char *schema = json_raw(json_get(f, "parameters"), &len);
        struct jsonschema *js = jsonschema_compile(schema, len, NULL, err);

        if (!js)
            return err_context(err, "%s", json_get_text(f, "name", "?"));
        b->schemas[b->n_tools] = js;
        b->tools[b->n_tools++] = (struct tool){ .name = json_get_text(f, "name", ""), .parameters = jsonschema_root(js) };
    }
    return 0;
}

static int open_vocabulary(struct bench *b, const char *path, struct err *err)
{
    struct gguf *g = gguf_open(path, err);

    b->tokenizer = g ? tokenizer_create(g, err) : NULL;
    gguf_close(g);
    b->vocabulary = b->tokenizer ? mask_vocabulary_create(b->tokenizer, err) : NULL;
    if (!b->vocabulary || mask_vocabulary_prepare(b->vocabulary, err) < 0)
        return -1;
    b->n_vocab = tokenizer_n_tokens(b->tokenizer);
    b->logits = malloc(b->n_vocab * sizeof *b->logits);
    return b->logits && sampler_init(&b->sampler, b->n_vocab, err) == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct bench b = { .random = 3 };
    const int n_replies = argc > 3 ? atoi(argv[3]) : 5;
    struct err err = { 0 };

    if (argc < 3 || open_vocabulary(&b, argv[1], &err) < 0 || read_tools(&b, argv[2], &err) < 0) {
        fprintf(stderr, "dialects: %s\n", argc < 3 ? "usage: dialects VOCABULARY.gguf TOOLS.json [REPLIES [FORMAT]]" : err.msg);
        return 1;
    }
    printf("%zu tokens, %zu tools, %d replies each; for a token in us\n", b.n_vocab, b.n_tools, n_replies);
    printf("%-14s %8s %10s %8s %9s %8s %8s %9s\n", "format", "made ms", "first us", "tokens", "mean", "p50", "p99", "max");
    for (size_t i = 0; tool_format_name(i); i++)
        if (argc < 5 || strcmp(argv[4], tool_format_name(i)) == 0)
            measure(&b, tool_format_find(tool_format_name(i)), n_replies);
    for (size_t i = 0; i < b.n_tools; i++)
        jsonschema_destroy(b.schemas[i]);
    json_free(b.list);
    sampler_finish(&b.sampler);
    mask_vocabulary_destroy(b.vocabulary);
    tokenizer_destroy(b.tokenizer);
    free(b.logits);
    free(b.times);
    return 0;
}
