/*
 * Replies in all formats: what random logits write under the grammar of a script, its reader takes apart into calls of tools that there
 * are, with arguments that the validator accepts.  Whatever ends a reply early, nothing of it is lost.  Marks are control tokens in one
 * vocabulary and bytes in another.
 *
 * CORAX_TEST_ROUNDS: replies for each format and choice; CORAX_TEST_TOOLS: tools of chance beside those that are written down here;
 * CORAX_TEST_TOOL_FILE: a list of tools in place of these (tests/bench/tools.py makes one); CORAX_TEST_FORMAT: only this one.
 */
#include "infer/reply.h"

#include "infer/constraint.h"
#include "infer/sampler.h"
#include "infer/tool_format.h"
#include "tests/infer/marks_vocab.h"
#include "tests/tap.h"
#include "util/file.h"
#include "util/json.h"
#include "util/jsonschema.h"

#define MAX_TOKENS 2000
#define LIMIT      ((size_t)1 << 20)

static const char *const schemas[] = {
    "{\"type\":\"object\",\"properties\":{\"smiles\":{\"type\":\"string\"}},\"required\":[\"smiles\"],\"additionalProperties\":false}",
    "{\"type\":\"object\",\"properties\":{}}",
    "{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"number\"},\"from\":{\"enum\":[\"kg\",\"g\",3,null]},\"to\":{\"type\":\"string\","
    "\"minLength\":1,\"maxLength\":4}},\"required\":[\"value\",\"from\"]}",
    "{\"type\":\"object\",\"properties\":{\"list\":{\"type\":\"array\",\"items\":{\"type\":[\"integer\",\"string\"]},\"minItems\":1,\"maxItems\":3},"
    "\"flag\":{\"type\":\"boolean\"},\"deep\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"}},"
    "\"required\":[\"a\"]}}}",
    "{\"type\":\"object\",\"properties\":{\"either\":{\"anyOf\":[{\"type\":\"string\",\"maxLength\":3},{\"type\":\"integer\",\"minimum\":10}]},"
    "\"any\":{}},\"required\":[\"either\"]}",
};
#define N_SCHEMAS (sizeof schemas / sizeof *schemas)
#define MAX_TOOLS 1000

struct tools {
    struct tool list[MAX_TOOLS];
    struct jsonschema *schemas[MAX_TOOLS];
    char names[MAX_TOOLS][24];
    size_t n;
};

static void add_tool(struct tools *t, const char *schema)
{
    const size_t i = t->n;
    struct err err = { 0 };

    t->schemas[i] = jsonschema_compile(schema, strlen(schema), NULL, &err);
    if (!t->schemas[i]) {
        diag("%s: %s", err.msg, schema);
        abort();
    }
    snprintf(t->names[i], sizeof t->names[i], i % 3 ? "tool_%zu" : "get-%zu.x", i);
    t->list[i] = (struct tool){ .name = t->names[i], .parameters = jsonschema_root(t->schemas[i]) };
    t->n++;
}

/* A list of tools as in a chat request, for runs by hand. */
static void read_tools(struct tools *t, const char *path)
{
    struct err err = { 0 };
    struct json *list = NULL;
    struct buf text;

    buf_init(&text, (size_t)64 << 20);
    if (file_read(path, &text, &err) == 0)
        list = json_parse_large(text.data, text.len, 10000000, &err);
    if (!list)
        diag("%s: %s", path, err.msg);
    for (const struct json *tool = json_first(list); tool && t->n < MAX_TOOLS; tool = json_next(tool)) {
        const char *schema;
        struct buf copy;
        size_t len;

        schema = json_raw(json_get(json_get(tool, "function") ? json_get(tool, "function") : tool, "parameters"), &len);
        buf_init(&copy, (size_t)1 << 20);
        buf_add(&copy, schema, len);
        add_tool(t, copy.data);
        buf_finish(&copy);
    }
    json_free(list);
    buf_finish(&text);
}

/* What tools really have: a few members, most of them of one type. */
static void random_tool(struct tools *t, uint64_t *random)
{
    static const char *const types[] = {
        "{\"type\":\"string\"}", "{\"type\":\"integer\"}", "{\"type\":\"number\",\"minimum\":0}", "{\"type\":\"boolean\"}", "{\"enum\":[\"x\",\"yy\",\"z z\"]}",
        "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":5}}", "{\"type\":\"string\",\"pattern\":\"^[a-c]{2,4}$\"}",
        "{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"integer\"}},\"required\":[\"k\"]}", "{\"type\":[\"string\",\"null\"]}",
    };
    const unsigned n = (unsigned)(tiny_random(random) % 5);
    struct buf b;

    buf_init(&b, LIMIT);
    buf_adds(&b, "{\"type\":\"object\",\"properties\":{");
    for (unsigned i = 0; i < n; i++)
        buf_addf(&b, "%s\"p%u_%u\":%s", i ? "," : "", i, (unsigned)(tiny_random(random) % 9), types[tiny_random(random) % (sizeof types / sizeof *types)]);
    buf_adds(&b, "},\"required\":[]}");
    add_tool(t, b.data);
    buf_finish(&b);
}

static void free_tools(struct tools *t)
{
    for (size_t i = 0; i < t->n; i++)
        jsonschema_destroy(t->schemas[i]);
}

/* --- replies of chance -------------------------------------------------------------------------------------------- */

struct rig {
    struct tokenizer *tokenizer;
    struct mask_vocabulary *vocabulary;
    struct sampler sampler;
    size_t n_vocab;
    uint64_t random;
};

/* The unit that goes on with a mark, if what is pending is its beginning. */
static uint32_t go_on(const struct reply *r, const char *mark)
{
    uint32_t units[SCRIPT_MAX_MARK];
    const size_t n = mark ? script_units(r->script, mark, strlen(mark), units, SCRIPT_MAX_MARK) : 0;

    return r->n_pending < n && memcmp(r->pending, units, r->n_pending * sizeof *units) == 0 ? units[r->n_pending] : UINT32_MAX;
}

/* The unit that goes on with one of the marks that lead out of a text. */
static uint32_t way_out(struct rig *g, const struct reply *r, bool late)
{
    const struct script_state *state = &r->script->states[r->state];
    const struct notation *notation = &r->script->notation;
    const struct script_exit *e;

    if (state->part == SCRIPT_ARGUMENTS && notation->kind == NOTATION_TAGS && r->at == ARGUMENTS_VALUE)
        return go_on(r, notation->value_close.text);
    if (state->part == SCRIPT_ARGUMENTS && notation->kind == NOTATION_MARKED && r->at == ARGUMENTS_STRING)
        return go_on(r, notation->quote.text);
    if (state->n_exits == 0 || state->part == SCRIPT_NAME || state->part == SCRIPT_ARGUMENTS)
        return UINT32_MAX;
    if (state->part == SCRIPT_NOTHING && state->otherwise < 0) { /* behind a call: the last exit is no further one */
        e = &state->exits[state->n_exits - 1];
        return late && r->n_pending < e->mark.n ? r->script->units[e->mark.first + r->n_pending] : UINT32_MAX;
    }
    for (unsigned i = (unsigned)tiny_random(&g->random) % state->n_exits, n = 0; n < state->n_exits && r->n_pending; i = (i + 1) % state->n_exits, n++) {
        e = &state->exits[i];
        if (r->n_pending < e->mark.n && memcmp(r->pending, r->script->units + e->mark.first, r->n_pending * sizeof *r->pending) == 0)
            return r->script->units[e->mark.first + r->n_pending];
    }
    e = &state->exits[tiny_random(&g->random) % state->n_exits];
    return r->script->units[e->mark.first];
}

static bool is_unit(uint32_t unit, int32_t token, const char *bytes, size_t len)
{
    return unit >= MACHINE_TOKEN ? len == 0 && unit == MACHINE_TOKEN + (uint32_t)token : len == 1 && (unsigned char)*bytes == unit;
}

/* The longer the reply, the more the logits like what closes things, and what leads out of a text. */
static int32_t pick(struct rig *g, struct constraint *c, const struct reply *r, float *logits, size_t n)
{
    const unsigned chance = n == 0 || r->n_pending ? 1 : n > 60 ? 2 : 30;
    const uint32_t out = tiny_random(&g->random) % chance == 0 ? way_out(g, r, n > 200) : UINT32_MAX;

    for (size_t i = 0; i < g->n_vocab; i++) {
        size_t len;
        const char *bytes = tokenizer_bytes(g->tokenizer, (int32_t)i, &len);

        logits[i] = (float)(tiny_random(&g->random) >> 40);
        if (n > 60 && (len == 0 || strchr("\"}],<\n:]", bytes[len - 1])))
            logits[i] += (float)(1 << 24) * (n > 150 ? 2 : 1) / 2;
        if (is_unit(out, (int32_t)i, bytes, len))
            logits[i] += (float)(1 << 26);
    }
    return sampler_pick(&g->sampler, logits, c);
}

static bool call_is_right(const struct tools *t, const struct reply_call *c, struct err *err)
{
    struct json *arguments;
    bool good = false;

    for (size_t i = 0; i < t->n; i++) {
        if (strlen(t->names[i]) != c->name.len || memcmp(t->names[i], c->name.data, c->name.len) != 0)
            continue;
        arguments = json_parse(c->arguments.data, c->arguments.len, err);
        good = arguments && json_kind(arguments) == JSON_OBJECT && jsonschema_validate(t->schemas[i], arguments, err) == 0;
        json_free(arguments);
        return good;
    }
    return fail(err, CORAX_E_ARGS, "no such tool: %.*s", (int)c->name.len, c->name.data) == 0;
}

struct tally {
    int stuck, endless, broken, wrong, n_calls, n_replies;
};

static void judge(const struct tools *t, const struct reply *r, const struct tool_wish *wish, struct tally *tally, const char *what)
{
    struct err err = { 0 };
    bool good = !r->broken && r->done && reply_n_complete(r) == r->n_calls;

    if (!good && !tally->broken++)
        diag("%s: broken %d done %d calls %zu of %zu, state %d", what, r->broken, r->done, reply_n_complete(r), r->n_calls, r->state);
    good = !(wish->required && r->n_calls == 0) && !(!wish->calls && r->n_calls > 0) && !(wish->one_call && r->n_calls > 1);
    for (size_t i = 0; i < reply_n_complete(r); i++)
        if (!call_is_right(t, &r->calls[i], &err)) {
            good = false;
            diag("%s: %s: %.*s", what, err.msg, (int)r->calls[i].arguments.len, r->calls[i].arguments.data);
        }
    tally->wrong += !good;
    tally->n_calls += (int)r->n_calls;
    tally->n_replies++;
}

static void one_reply(struct rig *g, const struct tools *t, const struct script *s, const struct tool_wish *wish, struct tally *tally, const char *what)
{
    static const struct json_style style = { .spaced = true, .ordered = true, .closed = true, .free = true };
    struct script_grammar grammar = { s, t->list, wish->calls ? t->n : 0, NULL, 0 };
    const struct constraint_spec spec = { .build = script_build, .arg = &grammar, .style = &style };
    float *logits = malloc(g->n_vocab * sizeof *logits);
    struct err err = { 0 };
    struct constraint *c = constraint_create(g->vocabulary, &spec, &err);
    struct reply r;
    size_t n = 0;

    if (!c) {
        diag("%s: %s", what, err.msg);
        tally->stuck++;
        free(logits);
        return;
    }
    reply_init(&r, s, t->list, t->n, LIMIT);
    for (; n < MAX_TOKENS && !constraint_is_done(c); n++) {
        const int32_t token = pick(g, c, &r, logits, n);

        if (token < 0) {
            if (!tally->stuck++)
                diag("%s: stuck after %zu tokens", what, n);
            break;
        }
        constraint_accept(c, token);
        reply_add(&r, token);
    }
    if (n == MAX_TOKENS && !tally->endless++)
        diag("%s: endless in state %d, %zu calls, reasoning of %zu and text of %zu bytes, key %s value %.80s", what, r.state, r.n_calls, r.reasoning.len,
             r.text.len, r.key.data ? r.key.data : "", r.value.data ? r.value.data : "");
    reply_end(&r);
    if (constraint_is_done(c))
        judge(t, &r, wish, tally, what);
    reply_finish(&r);
    constraint_destroy(c);
    free(logits);
}

static const struct tool_wish wishes[] = {
    { .calls = true, .tools = true },
    { .calls = true, .tools = true, .required = true },
    { .calls = true, .tools = true, .required = true, .one_call = true, .thinking = true },
    { .calls = true, .tools = true, .thinks = true },
    { .tools = true, .thinks = true },
    { .stop = "\n\nUser:" },
};
#define N_WISHES (sizeof wishes / sizeof *wishes)

static void test_format(struct rig *g, const struct tools *t, const struct tool_format *f, int rounds)
{
    const struct thinking_marks marks = { f->think_open ? f->think_open : "<think>", f->think_close ? f->think_close : "</think>" };

    for (size_t w = 0; w < N_WISHES; w++) {
        struct tally tally = { 0 };
        struct script s;
        char what[64];

        script_init(&s, g->tokenizer);
        script_end_token(&s, tokenizer_eos(g->tokenizer));
        tool_format_script(f, &marks, &wishes[w], &s);
        snprintf(what, sizeof what, "%s, wish %zu", f->name, w);
        for (int i = 0; i < rounds; i++)
            one_reply(g, t, &s, &wishes[w], &tally, what);
        if (!ok(!tally.stuck && !tally.broken && !tally.wrong && tally.endless * 4 <= rounds && tally.n_replies > 0,
                "%s: %d replies, %d calls, all of them right", what, tally.n_replies, tally.n_calls))
            diag("%d stuck, %d endless, %d broken, %d wrong", tally.stuck, tally.endless, tally.broken, tally.wrong);
    }
}

static void rig_create(struct rig *g, bool plain)
{
    struct buf b;
    struct gguf *file = marks_gguf(plain, &b);

    g->tokenizer = tokenizer_create(file, NULL);
    g->vocabulary = mask_vocabulary_create(g->tokenizer, NULL);
    g->n_vocab = tokenizer_n_tokens(g->tokenizer);
    g->random = 11;
    sampler_init(&g->sampler, g->n_vocab, NULL);
    gguf_close(file);
    buf_finish(&b);
}

static void rig_destroy(struct rig *g)
{
    sampler_finish(&g->sampler);
    mask_vocabulary_destroy(g->vocabulary);
    tokenizer_destroy(g->tokenizer);
}

static int setting(const char *name, int otherwise)
{
    const char *value = getenv(name);

    return value ? atoi(value) : otherwise;
}

int main(void)
{
    static struct tools tools;
    const int rounds = setting("CORAX_TEST_ROUNDS", 12), n_more = setting("CORAX_TEST_TOOLS", 5);
    const char *only = getenv("CORAX_TEST_FORMAT");
    uint64_t random = 5;

    plan_later();
    if (getenv("CORAX_TEST_TOOL_FILE"))
        read_tools(&tools, getenv("CORAX_TEST_TOOL_FILE"));
    for (size_t i = 0; i < N_SCHEMAS && !getenv("CORAX_TEST_TOOL_FILE"); i++)
        add_tool(&tools, schemas[i]);
    for (int i = 0; i < n_more && tools.n < MAX_TOOLS; i++)
        random_tool(&tools, &random);
    for (int plain = 0; plain < 2; plain++) {
        struct rig g;

        rig_create(&g, plain);
        diag(plain ? "marks are bytes" : "marks are control tokens");
        for (size_t i = 0; tool_format_name(i); i++)
            if (!only || strcmp(only, tool_format_name(i)) == 0)
                test_format(&g, &tools, tool_format_find(tool_format_name(i)), rounds);
        rig_destroy(&g);
    }
    free_tools(&tools);
    done();
    return tap_status();
}
