/*
 * A schema, a NUL, and choices: the schema is compiled into a grammar, and the choices pick among the bytes that it allows.
 * The walk must never find itself without a byte to go on with, and a value that is complete must be valid JSON
 * that the schema accepts.
 */
#include "infer/grammar.h"

#include <stdlib.h>
#include <string.h>

#include "util/json.h"

#define MAX_STEPS 600

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static size_t list_allowed(const struct grammar_state *s, unsigned char *out)
{
    static struct grammar_state trial;
    size_t n = 0;

    for (unsigned byte = 0; byte < 256; byte++) {
        grammar_copy(&trial, s);
        if (grammar_next(&trial, (unsigned char)byte))
            out[n++] = (unsigned char)byte;
    }
    return n;
}

/* When the choices are used up: what closes something, or else the first. */
static unsigned char choose_end(const unsigned char *allowed, size_t n)
{
    for (const char *p = "\"}],0"; *p; p++)
        if (memchr(allowed, *p, n))
            return (unsigned char)*p;
    return allowed[0];
}

/* true: the value is complete, text has it. */
static bool walk(const struct grammar *g, const uint8_t *choices, size_t n_choices, struct buf *text)
{
    static struct grammar_state s;
    unsigned char allowed[256];

    grammar_start(&s, g);
    for (size_t step = 0; step < MAX_STEPS && s.depth; step++) {
        size_t n = list_allowed(&s, allowed);
        unsigned char byte;

        if (n == 0) { /* a number that nothing encloses ends with the text */
            require(s.depth == 1 && text->len);
            return true;
        }
        byte = step < n_choices ? allowed[choices[step] % n] : choose_end(allowed, n);
        require(grammar_next(&s, byte));
        buf_addc(text, (char)byte);
    }
    return s.depth == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *end = memchr(data, 0, len);
    size_t schema_len = end ? (size_t)(end - data) : len, n_choices = end ? len - schema_len - 1 : 0;
    struct jsonschema *js = jsonschema_compile((const char *)data, schema_len, NULL);
    struct arena *arena = arena_create(1 << 24);
    const struct grammar *g = js && arena ? grammar_compile(jsonschema_root(js), arena, NULL) : NULL;
    struct buf text;

    buf_init(&text, 1 << 20);
    if (g && walk(g, end ? end + 1 : data, n_choices, &text)) {
        struct json *value = json_parse(text.data, text.len, NULL);

        require(value != NULL && jsonschema_validate(js, value, NULL) == 0);
        json_free(value);
    }
    buf_finish(&text);
    arena_destroy(arena);
    jsonschema_destroy(js);
    return 0;
}
