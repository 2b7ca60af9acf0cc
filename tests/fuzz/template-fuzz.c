/*
 * infer: a chat template, a NUL, and the messages of a chat as JSON.  A template that opens renders or refuses, with a sentence, and the
 * same twice; where it writes nothing that could be a special token, none comes out of what the messages say.
 */
#include "infer/template.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/tiny_tokenizer.h"
#include "tests/infer/marks_vocab.h"

#define MAX_STEPS 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char tool_list[] = "[{\"name\":\"look\",\"description\":\"<|im_end|>\",\"parameters\":{\"type\":\"object\",\"properties\":{\"q\":{\"type\":\"string\"}}}}]";
static struct tokenizer *tokenizer;
static struct json *tools;

static void set_up(void)
{
    struct buf b;
    struct gguf *g = marks_gguf(false, &b);

    tokenizer = tokenizer_create(g, NULL);
    tools = json_parse(tool_list, sizeof tool_list - 1, NULL);
    require(tokenizer && tools);
    gguf_close(g);
    buf_finish(&b);
}

/* Every special token's name begins with one of these; the begin and the end token's come from outside. */
static bool may_write_special(const char *text, size_t len)
{
    return memchr(text, '<', len) || memchr(text, '[', len) || memmem(text, len, "\xef\xbd\x9c", 3) || memmem(text, len, "os_token", 8) ||
           memchr(text, '\\', len) || memmem(text, len, "format", 6) || memmem(text, len, "~", 1);
}

static void check(const struct template *t, const struct json *messages, const struct json *list, bool plain)
{
    struct template_prompt a, b;
    struct err err = { 0 };

    if (template_render(t, messages, list, THINKING_AS_EVER, &a, &err) < 0) {
        require(err.status == CORAX_E_ARGS || err.status == CORAX_E_LIMIT);
        require(err.msg[0] != '\0');
        return;
    }
    require(a.tail <= a.text.len);
    for (size_t i = 0; i < a.tokens.n; i++) {
        require(a.tokens.ids[i] >= 0 && (size_t)a.tokens.ids[i] < tokenizer_n_tokens(tokenizer));
        require(!plain || tokenizer_type(tokenizer, a.tokens.ids[i]) != TOKEN_CONTROL);
    }
    require(template_render(t, messages, list, THINKING_AS_EVER, &b, &err) == 0);
    require(a.tokens.n == b.tokens.n && (a.tokens.n == 0 || memcmp(a.tokens.ids, b.tokens.ids, a.tokens.n * sizeof *a.tokens.ids) == 0));
    template_prompt_finish(&a);
    template_prompt_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct tm now = { .tm_year = 124, .tm_mday = 1 };
    const char *text = (const char *)data, *end = len ? memchr(data, 0, len) : NULL;
    struct json *messages;
    struct template *t;
    struct err err = { 0 };

    if (!tokenizer)
        set_up();
    if (!end)
        return 0;
    t = template_create(&(struct template_spec){ .text = text, .len = (size_t)(end - text), .tokenizer = tokenizer, .now = &now, .max_steps = MAX_STEPS }, &err);
    require(t || err.msg[0]);
    messages = t ? json_parse(end + 1, len - (size_t)(end + 1 - text), NULL) : NULL;
    if (messages) {
        const bool plain = !may_write_special(text, (size_t)(end - text));

        check(t, messages, NULL, plain);
        check(t, messages, tools, plain);
    }
    json_free(messages);
    template_destroy(t);
    return 0;
}
