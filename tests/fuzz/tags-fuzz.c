/*
 * infer: structural tags as JSON, a NUL, and a text that is held to them, byte by byte.  Whatever is refused is refused with a sentence, and
 * no state that is reached is a dead end.
 */
#include "infer/tags.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "infer/matcher.h"
#include "tests/fuzz/tiny_tokenizer.h"

#define MAX_FILE 4096
#define MAX_TEXT 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int build(void *arg, struct program_builder *b, struct shapes *shapes, uint32_t *start, struct err *err)
{
    struct symbol symbol;

    if (tags_add(arg, b, shapes, &symbol, err) < 0)
        return -1;
    *start = program_rule(b, 1);
    program_put(b, *start, 0, &symbol, 1);
    return 0;
}

static void walk(struct matcher *m, const char *text, size_t len)
{
    char forced[16];

    for (size_t i = 0; i < len && i < MAX_TEXT; i++) {
        (void)matcher_read_byte(m, (unsigned char)text[i]);
        (void)matcher_forced(m, forced, sizeof forced);
        require(matcher_is_done(m) || matcher_goes_on(m) || matcher_is_stuck(m));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct json_style style = { .blanks = 1, .ordered = true, .escapes = true };
    static struct tokenizer *tokenizer;
    const char *text = (const char *)data, *end = len ? memchr(data, 0, len) : NULL;
    struct tags *tags;
    struct matcher *m;
    struct err err = { 0 };

    if (!tokenizer)
        tokenizer = tiny_tokenizer_create("corax");
    if (!end || end - text > MAX_FILE)
        return 0;
    tags = tags_parse(text, (size_t)(end - text), tokenizer, &err);
    require(tags || err.msg[0]);
    m = tags ? matcher_create(NULL, build, tags, &style, NULL, &err) : NULL;
    if (m)
        walk(m, end + 1, len - (size_t)(end + 1 - text));
    else
        require(err.status == CORAX_E_ARGS || err.status == CORAX_E_LIMIT);
    matcher_destroy(m);
    tags_destroy(tags);
    return 0;
}
