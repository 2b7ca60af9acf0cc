/*
 * infer: the bytes are tokens that a model draws, two bytes each, and a reply in one of the formats is read out of them.  First as they
 * come: what the reply holds must be whole UTF-8 after every token, and what is said to be a complete call must be JSON.  Then under the
 * constraint, which passes over what it does not allow: whatever is over is a reply whose calls name tools and have arguments that
 * their schemas accept, and no reader is at a loss.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "infer/constraint.h"
#include "infer/reply.h"
#include "infer/tool_format.h"
#include "tests/fuzz/tiny_tokenizer.h"
#include "tests/infer/marks_vocab.h"
#include "util/jsonschema.h"

#define N_TOOLS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct {
    const char *name, *schema;
} specs[N_TOOLS] = {
    { "calc", "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":-12,\"maximum\":312},"
              "\"x\":{\"type\":\"string\"}},\"required\":[\"n\"],\"additionalProperties\":false}" },
    { "calc2",
      "{\"type\":\"object\",\"properties\":{\"unit\":{\"enum\":[\"a\",\"an\",\"the\",3,null]},\"list\":{\"type\":"
      "\"array\",\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":3},\"maxItems\":2}}}" },
    { "now", "{\"type\":\"object\"}" },
};

static const struct tool_wish wishes[] = {
    { .calls = true, .tools = true },
    { .calls = true, .tools = true, .required = true, .thinking = true },
    { .calls = true, .tools = true, .thinks = true, .one_call = true },
    { .tools = true, .stop = "\n\nUser:" },
};
#define N_WISHES (sizeof wishes / sizeof *wishes)

static struct {
    struct tokenizer *tokenizer;
    struct mask_vocabulary *vocabulary;
} kinds[2]; /* marks are tokens; they are bytes */
static struct jsonschema *schemas[N_TOOLS];
static struct tool tools[N_TOOLS];
static size_t n_formats;

#define MAX_FORMATS 32

/* A format, a wish and a vocabulary: what they lead to is the same for all inputs. */
struct way {
    struct script script;
    const struct tool_wish *wish;
    struct mask_vocabulary *vocabulary;
    struct constraint *constraint; /* NULL: not made yet, or worn */
};
static struct way *ways[MAX_FORMATS][N_WISHES][2];

static void set_up(void)
{
    for (int plain = 0; plain < 2; plain++) {
        struct buf b;
        struct gguf *g = marks_gguf(plain, &b);

        kinds[plain].tokenizer = tokenizer_create(g, NULL);
        kinds[plain].vocabulary = mask_vocabulary_create(kinds[plain].tokenizer, NULL);
        require(kinds[plain].vocabulary != NULL);
        gguf_close(g);
        buf_finish(&b);
    }
    for (size_t i = 0; i < N_TOOLS; i++) {
        schemas[i] = jsonschema_compile(specs[i].schema, strlen(specs[i].schema), NULL, NULL);
        require(schemas[i] != NULL);
        tools[i] = (struct tool){ .name = specs[i].name, .parameters = jsonschema_root(schemas[i]) };
    }
    while (tool_format_name(n_formats))
        n_formats++;
    require(n_formats <= MAX_FORMATS);
}

static void require_text(const struct buf *b)
{
    require(!b->failed && is_utf8(b->data, b->len));
}

static void require_parts(const struct reply *r)
{
    require_text(&r->reasoning);
    require_text(&r->text);
    for (size_t i = 0; i < r->n_calls; i++) {
        require_text(&r->calls[i].name);
        require_text(&r->calls[i].arguments);
        if (r->calls[i].complete)
            require(json_check(r->calls[i].arguments.data, r->calls[i].arguments.len, NULL) == 0);
    }
}

static int32_t token_at(const uint8_t *data, const struct tokenizer *t)
{
    return (int32_t)((data[0] | data[1] << 8) % tokenizer_n_tokens(t));
}

static void read_any(const struct script *s, const uint8_t *data, size_t len)
{
    struct reply r;

    reply_init(&r, s, tools, N_TOOLS, 1 << 20);
    for (size_t i = 0; i + 1 < len; i += 2) {
        reply_add(&r, token_at(data + i, s->tokenizer));
        require_parts(&r);
    }
    reply_end(&r);
    require_parts(&r);
    reply_finish(&r);
}

static void check_call(const struct reply_call *c)
{
    struct json *arguments;
    size_t i = 0;

    while (i < N_TOOLS && (strlen(tools[i].name) != c->name.len || memcmp(tools[i].name, c->name.data, c->name.len) != 0))
        i++;
    require(i < N_TOOLS);
    arguments = json_parse(c->arguments.data, c->arguments.len, NULL);
    require(arguments && jsonschema_validate(schemas[i], arguments, NULL) == 0);
    json_free(arguments);
}

/* As new; what has been worked out before is still there. */
static struct constraint *constraint_of(struct way *way)
{
    static const struct json_style style = { .spaced = true, .ordered = true, .closed = true, .free = true };
    struct script_grammar grammar = { &way->script, tools, way->wish->calls ? N_TOOLS : 0, NULL, 0 };
    const struct constraint_spec spec = { .build = script_build, .arg = &grammar, .style = &style };

    if (way->constraint && constraint_is_worn(way->constraint)) {
        constraint_destroy(way->constraint);
        way->constraint = NULL;
    }
    if (way->constraint)
        constraint_restart(way->constraint);
    else
        way->constraint = constraint_create(way->vocabulary, &spec, NULL);
    require(way->constraint != NULL);
    return way->constraint;
}

static void read_held(struct way *way, const uint8_t *data, size_t len)
{
    struct constraint *c = constraint_of(way);
    struct reply r;

    reply_init(&r, &way->script, tools, N_TOOLS, 1 << 20);
    for (size_t i = 0; i + 1 < len && !constraint_is_done(c); i += 2) {
        const int32_t token = token_at(data + i, way->script.tokenizer);

        if (!constraint_allows(c, token))
            continue;
        constraint_accept(c, token);
        reply_add(&r, token);
        require(!r.broken);
    }
    if (constraint_is_done(c)) {
        require(r.done && reply_n_complete(&r) == r.n_calls);
        require(!way->wish->required || r.n_calls > 0);
        require(way->wish->calls || r.n_calls == 0);
    }
    for (size_t i = 0; i < reply_n_complete(&r); i++)
        check_call(&r.calls[i]);
    require(r.text.len == 0 || !memchr(r.text.data, 0, r.text.len));
    reply_finish(&r);
}

static struct way *way_create(size_t format, const struct tool_wish *wish, unsigned plain)
{
    const struct tool_format *f = tool_format_find(tool_format_name(format));
    const struct thinking_marks marks = { f->think_open ? f->think_open : "<think>", f->think_close ? f->think_close : "</think>" };
    struct way *way = calloc(1, sizeof *way);

    require(way != NULL);
    way->wish = wish;
    way->vocabulary = kinds[plain].vocabulary;
    script_init(&way->script, kinds[plain].tokenizer);
    script_end_token(&way->script, 1);
    tool_format_script(f, &marks, wish, &way->script);
    require(!way->script.failed);
    return way;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct way **way;

    if (n_formats == 0)
        set_up();
    if (len < 2)
        return 0;
    way = &ways[data[0] % n_formats][(data[1] >> 1) % N_WISHES][data[1] & 1];
    if (!*way)
        *way = way_create(data[0] % n_formats, &wishes[(data[1] >> 1) % N_WISHES], data[1] & 1);
    read_any(&(*way)->script, data + 2, len - 2);
    read_held(*way, data + 2, len - 2);
    return 0;
}
