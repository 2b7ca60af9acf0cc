/*
 * A schema, a NUL, and choices: the schema is compiled into a grammar, and the choices pick among the bytes that it allows.
 * The walk must never find itself without a byte to go on with, and a value that is complete must be valid JSON
 * that the schema accepts.
 */
#include "infer/grammar.h"

#include <stdlib.h>
#include <string.h>

#include "util/json.h"

#define MAX_STEPS 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

static bool is_allowed(const struct grammar_state *s, unsigned char byte)
{
    static struct grammar_state trial;

    grammar_copy(&trial, s);
    return grammar_next(&trial, byte);
}

/*
 * An allowed byte, or -1 when there is none.  A choice is the byte itself where that may stand, or else where to begin
 * looking among the bytes that JSON is made of, and only then among all.  Past the choices, what closes something comes first.
 */
static int choose(const struct grammar_state *s, const uint8_t *choice)
{
    static const char common[] = "\"}],0:{[123456789.-+eEtrufalsnax \\/bd\303\244\342\202\254";
    size_t n = sizeof(common) - 1, from = choice ? *choice % n : 0;

    if (choice && is_allowed(s, *choice))
        return *choice;
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)common[(from + i) % n];

        if (is_allowed(s, byte))
            return byte;
    }
    for (int byte = 0; byte < 256; byte++)
        if (is_allowed(s, (unsigned char)byte))
            return byte;
    return -1;
}

/* true: the value is complete, text has it. */
static bool walk(const struct grammar *g, const uint8_t *choices, size_t n_choices, struct buf *text)
{
    static struct grammar_state s;

    grammar_start(&s, g);
    for (size_t step = 0; step < MAX_STEPS && s.depth; step++) {
        int byte = choose(&s, step < n_choices ? &choices[step] : NULL);

        if (byte < 0) { /* a number that nothing encloses ends with the text */
            require(s.depth == 1 && text->len);
            return true;
        }
        require(grammar_next(&s, (unsigned char)byte));
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
