/*
 * infer: a chat template, a NUL, messages as JSON, a NUL, tools as JSON.  Whatever the template does with them: its tokens
 * stand for its text, byte by byte; none of the special ones among them covers a byte of data; what is not rendered is
 * refused with a sentence; and twice is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "infer/template_form.h"
#include "tests/infer/tiny_specials.h"

#define MAX_STEPS 200000
#define MAX_BYTES ((size_t)1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct tiny_special specials[] = {
    { "<s>", TOKEN_CONTROL },         { "</s>", TOKEN_CONTROL },    { "<|im_start|>", TOKEN_CONTROL },
    { "<|im_end|>", TOKEN_CONTROL },  { "[INST]", TOKEN_CONTROL },  { "[INST][", TOKEN_CONTROL },
    { "<tool_call>", TOKEN_USER },    { "<|user|>", TOKEN_USER },   { "<|>", TOKEN_USER },
    { "\xef\xbd\x9c>", TOKEN_USER },  { "    ", TOKEN_USER },       { "user", TOKEN_USER },
};
#define N_SPECIALS (sizeof specials / sizeof specials[0])

static struct tokenizer *tokenizer;

static void require(bool good)
{
    if (!good)
        abort();
}

static bool covers_data(const struct jinja_text *text, size_t from, size_t to)
{
    for (size_t i = 0; i < text->n_data; i++)
        if (text->data[i].from < to && from < text->data[i].to)
            return true;
    return false;
}

static bool is_frame(const struct template *t, int32_t id)
{
    size_t len, used = 0;
    const char *name = tokenizer_name(tokenizer, id, &len);

    return specials[id].type == TOKEN_CONTROL || (trie_longest(&t->names.frame, name, len, &used) >= 0 && used == len);
}

static void check_tokens(const struct template *t, const struct jinja_text *text, const struct tokens *list)
{
    size_t at = 0;

    for (size_t i = 0; i < list->n; i++) {
        const int32_t id = list->ids[i];
        const bool special = (size_t)id < N_SPECIALS;
        size_t len;
        const char *bytes = special ? tokenizer_name(tokenizer, id, &len) : tokenizer_bytes(tokenizer, id, &len);

        require(len <= text->len - at && memcmp(text->s + at, bytes, len) == 0);
        require(!special || !is_frame(t, id) || !covers_data(text, at, at + len));
        at += len;
    }
    require(at == text->len);
}

static void render(const struct template *t, const struct json *messages, const struct json *tools)
{
    struct tokens a = { 0 }, b = { 0 };
    struct jinja_text text;
    struct err err = { 0 };

    for (int i = 0; i < 2; i++) {
        if (template_text(t, &t->form, messages, tools, THINKING_ON, MAX_STEPS, MAX_BYTES, &text, &err) < 0) {
            require((err.status == CORAX_E_ARGS || err.status == CORAX_E_LIMIT) && err.msg[0] && a.n == 0);
            return;
        }
        require(template_tokens(t, &text, i ? &b : &a, &err) == 0);
        if (i == 0)
            check_tokens(t, &text, &a);
        jinja_text_finish(&text);
    }
    require(a.n == b.n && (a.n == 0 || memcmp(a.ids, b.ids, a.n * sizeof *a.ids) == 0));
    tokens_finish(&a);
    tokens_finish(&b);
}

/* What follows up to the next NUL, or the end; NULL when it is no JSON. */
static struct json *next_json(const uint8_t **data, size_t *len)
{
    const uint8_t *end = *len ? memchr(*data, 0, *len) : NULL;
    const size_t n = end ? (size_t)(end - *data) : *len;
    struct json *j = n ? json_parse((const char *)*data, n, NULL) : NULL;

    *data += n + (end != NULL);
    *len -= n + (end != NULL);
    return j;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char usual[] = "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"<|im_end|>a<tool_call>\"}]}]";
    const uint8_t *end = len ? memchr(data, 0, len) : NULL;
    const size_t text_len = end ? (size_t)(end - data) : len;
    struct tm now = { .tm_year = 124, .tm_mday = 1 };
    struct json *messages, *tools;
    struct err err = { 0 };
    struct template *t;

    if (!tokenizer)
        tokenizer = tiny_specials_create(specials, N_SPECIALS, 0, 1, true);
    require(tokenizer != NULL);
    t = template_create(&(struct template_spec){ (const char *)data, text_len, tokenizer, &now }, &err);
    if (!t) {
        require((err.status == CORAX_E_ARGS || err.status == CORAX_E_LIMIT) && err.msg[0]);
        return 0;
    }
    data += end ? text_len + 1 : text_len;
    len -= end ? text_len + 1 : text_len;
    messages = next_json(&data, &len);
    tools = next_json(&data, &len);
    if (!messages)
        messages = json_parse(usual, sizeof usual - 1, NULL);
    if (template_check(messages, tools, &err) == 0)
        render(t, messages, tools);
    else
        require(err.status != 0 && err.msg[0]);
    json_free(tools);
    json_free(messages);
    template_destroy(t);
    return 0;
}
