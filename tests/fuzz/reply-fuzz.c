/*
 * infer: the bytes are tokens that a model draws, two bytes each, and a reply is read out of them.  First as they come, in
 * phases of chance: what the reply holds must be whole UTF-8 after every token.  Then under the constraint, which passes over
 * what it does not allow: thought and answer are UTF-8 without NUL, and a call that is complete names a tool and has
 * arguments that its schema accepts.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "infer/dialect.h"
#include "tests/fuzz/tiny_tokenizer.h"
#include "util/jsonschema.h"

#define N_TOOLS     3
#define MAX_THOUGHT 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct {
    const char *name, *schema;
} specs[N_TOOLS] = {
    { "calc", "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":-12,\"maximum\":312},"
              "\"x\":{\"type\":\"number\"}},\"required\":[\"n\"],\"additionalProperties\":false}" },
    { "calc2",
      "{\"type\":\"object\",\"properties\":{\"unit\":{\"enum\":[\"a\",\"an\",\"the\",3,null]},\"list\":{\"type\":"
      "\"array\",\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":3},\"maxItems\":2}}}" },
    { "now", "{\"type\":\"object\"}" },
};

static struct tokenizer *tokenizer;
static struct mask_vocabulary *vocabulary;
static struct dialect_tokens special;
static struct jsonschema *schemas[N_TOOLS];
static struct tool tools[N_TOOLS];

static void set_up(void)
{
    tokenizer = tiny_tokenizer_create("corax");
    vocabulary = mask_vocabulary_create(tokenizer, NULL);
    require(vocabulary != NULL);
    require(dialect_corax.open(tokenizer, &special, NULL) == 0);
    for (size_t i = 0; i < N_TOOLS; i++) {
        schemas[i] = jsonschema_compile(specs[i].schema, strlen(specs[i].schema), NULL, NULL);
        require(schemas[i] != NULL);
        tools[i] = (struct tool){ specs[i].name, jsonschema_root(schemas[i]) };
    }
}

static void require_text(const struct buf *b)
{
    require(!b->failed && is_utf8(b->data, b->len));
}

static void read_any(const uint8_t *data, size_t len)
{
    struct reply r;

    reply_init(&r, 1 << 20);
    for (size_t i = 0; i + 1 < len; i += 2) {
        int32_t token = (int32_t)((data[i] | (data[i + 1] & 1) << 8) % TINY_N_VOCAB);
        size_t before[] = { r.reasoning.len, r.text.len, r.call.len };
        const struct buf *grew = reply_add(&r, tokenizer, token, (enum constraint_phase)((data[i + 1] >> 1) % 4));

        require(!grew || grew->len > before[grew == &r.text ? 1 : grew == &r.call ? 2 : 0]);
        require_text(&r.reasoning);
        require_text(&r.text);
        require_text(&r.call);
    }
    reply_end(&r);
    require_text(&r.reasoning);
    require_text(&r.text);
    require_text(&r.call);
    reply_finish(&r);
}

static void check_call(const struct buf *call)
{
    const char *space = memchr(call->data, ' ', call->len);
    struct json *arguments;
    size_t i;

    require(space != NULL);
    for (i = 0; i < N_TOOLS; i++)
        if (strlen(tools[i].name) == (size_t)(space - call->data) &&
            memcmp(tools[i].name, call->data, strlen(tools[i].name)) == 0)
            break;
    require(i < N_TOOLS);
    arguments = json_parse(space + 1, call->len - (size_t)(space + 1 - call->data), NULL);
    require(arguments && jsonschema_validate(schemas[i], arguments, NULL) == 0);
    json_free(arguments);
}

static void read_held(const uint8_t *data, size_t len)
{
    struct constraint_spec spec = { tools,       N_TOOLS,      (enum tool_choice)(data[0] % 3),
                                    MAX_THOUGHT, special.call, special.answer,
                                    special.end };
    struct constraint *c = constraint_create(vocabulary, &spec, NULL);
    enum constraint_phase last = PHASE_THOUGHT;
    struct reply r;

    require(c != NULL);
    reply_init(&r, 1 << 20);
    for (size_t i = 1; i + 1 < len && constraint_phase(c) != PHASE_DONE; i += 2) {
        int32_t token = (int32_t)((data[i] | (data[i + 1] & 1) << 8) % TINY_N_VOCAB);

        if (!constraint_allows(c, token))
            continue;
        last = constraint_phase(c);
        constraint_accept(c, token);
        (void)reply_add(&r, tokenizer, token, last);
    }
    if (constraint_phase(c) == PHASE_DONE) {
        size_t whole = r.reasoning.len + r.text.len + r.call.len;

        reply_end(&r); /* nothing was cut off */
        require(whole == r.reasoning.len + r.text.len + r.call.len);
        if (last == PHASE_ARGUMENTS)
            check_call(&r.call);
        require(spec.choice != CHOICE_REQUIRED || last == PHASE_ARGUMENTS);
        require(spec.choice != CHOICE_NONE || r.call.len == 0);
    }
    require_text(&r.reasoning);
    require_text(&r.text);
    require(r.reasoning.len == 0 || !memchr(r.reasoning.data, 0, r.reasoning.len));
    require(r.text.len == 0 || !memchr(r.text.data, 0, r.text.len));
    reply_finish(&r);
    constraint_destroy(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (!tokenizer)
        set_up();
    if (len == 0)
        return 0;
    read_any(data, len);
    read_held(data, len);
    return 0;
}
