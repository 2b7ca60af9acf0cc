/*
 * A template, a NUL, and a JSON object for its globals.  What is rendered must be UTF-8 if it is not cut by a limit, its
 * spans in order and within it; rendering twice gives the same; limits hold.
 */
#include "infer/jinja.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static void check_spans(const struct jinja_span *spans, size_t n, size_t len)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        require(spans[i].from < spans[i].to && spans[i].to <= len && (i == 0 || spans[i].from >= at));
        at = spans[i].to;
    }
}

static void check_text(const struct jinja_text *t, const struct jinja_options *options)
{
    require(t->s[t->len] == '\0' && t->len <= options->max_output && !t->raised);
    for (size_t i = 0, n; i < t->len; i += n) {
        n = utf8_char_len(t->s + i, t->len - i);
        require(n > 0);
    }
    check_spans(t->data, t->n_data, t->len);
}

static void render(const struct jinja *template, const struct json *globals)
{
    static const char *const trusted[] = { "bos_token" };
    static const struct tm now = { .tm_year = 124, .tm_mday = 1 };
    const struct jinja_options options = { .now = &now, .trusted = trusted, .n_trusted = 1, .max_steps = 200000,
                                           .max_output = 1 << 20, .max_bytes = 1 << 24, .max_depth = 300 };
    struct jinja_text a, b;
    struct err err = { 0 };

    if (jinja_render(template, globals, &options, &a, &err) < 0) {
        require(err.status == CORAX_E_ARGS || err.status == CORAX_E_LIMIT);
        return;
    }
    check_text(&a, &options);
    require(jinja_render(template, globals, &options, &b, &err) == 0);
    require(a.len == b.len && memcmp(a.s, b.s, a.len) == 0 && a.n_data == b.n_data);
    jinja_text_finish(&a);
    jinja_text_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *end = memchr(data, 0, len);
    size_t text_len = end ? (size_t)(end - data) : len;
    struct json *globals = NULL;
    struct jinja *template = jinja_compile((const char *)data, text_len, NULL);

    if (end)
        globals = json_parse((const char *)end + 1, len - text_len - 1, NULL);
    if (!globals)
        globals = json_parse(
            "{\"messages\":[{\"role\":\"user\",\"content\":\"a <b> \\u00e9\"}],\"n\":3,\"t\":{\"a\":[1,2.5]}}", 79, NULL);
    if (template && globals)
        render(template, globals);
    json_free(globals);
    jinja_destroy(template);
    return 0;
}
