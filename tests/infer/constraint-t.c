/*
 * infer/constraint.c and what is under it: what is accepted and refused byte by byte, and that whatever random logits choose
 * is a call whose arguments the validator of util/jsonschema.c accepts.  CORAX_TEST_ROUNDS sets how many of those for
 * each schema.
 */
#include "infer/dialect.h"

#include <math.h>

#include "infer/matcher.h"
#include "infer/sampler.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/json.h"

#define MAX_TOKENS 600

static struct tokenizer *tokenizer;
static struct mask_vocabulary *vocabulary;

/* --- byte by byte ------------------------------------------------------------------------------------------------- */

/* As calls are held to: see constraint.c. */
static const struct json_style style = { .ordered = true, .closed = true };
static const struct shape_options options = { .short_numbers = true };

static void check(const char *schema, const char *good, const char *bad)
{
    struct err err = { 0 };
    struct jsonschema *js = jsonschema_compile(schema, strlen(schema), NULL, &err);
    struct matcher *m = js ? matcher_create_json(NULL, jsonschema_root(js), &style, &options, &err) : NULL;
    const char *lists[] = { good, bad };

    if (!ok(m != NULL, "compiles: %s", schema))
        diag("%s", err.msg);
    /* the texts of a list are separated by a space, which no value contains here */
    for (int want = 1; m && want >= 0; want--)
        for (const char *p = lists[1 - want]; *p; p += strspn(p, " ")) {
            size_t len = strcspn(p, " ");

            matcher_restart(m);
            if ((matcher_read(m, p, len) && matcher_is_done(m)) != want)
                ok(false, "%s: %.*s", want ? "accepted" : "refused", (int)len, p);
            p += len;
        }
    matcher_destroy(m);
    jsonschema_destroy(js);
}

static void test_bytes(void)
{
    check("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"boolean\"},\"c\":{"
          "\"type\":\"null\"}},"
          "\"required\":[\"b\"]}",
          "{\"a\":1,\"b\":true,\"c\":null} {\"b\":false} {\"b\":true,\"c\":null} {\"a\":-12,\"b\":true}",
          "{} {\"a\":1} {\"b\":true,\"a\":1} {\"b\":1} {\"b\":true,} {\"b\":true}} {\"a\":01,\"b\":true} "
          "{\"a\":1.5,\"b\":true} "
          "{\"a\":-,\"b\":true} {\"d\":1,\"b\":true} {\"a\":1e3,\"b\":true} {\"a\":-0,\"b\":true} {\"b\":tru}");
    check("{\"type\":\"array\",\"items\":{\"type\":\"number\"}}",
          "[] [0] [1.5,-2] [-0.25] [6.022e23] [1E-5,1e+5] [0e1]",
          "[.5] [1.] [1.e5] [-] [+1] [1e] [1e+] [00] [1,] [,] [1 [NaN]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":5,\"maximum\":120},\"minItems\":1,"
          "\"maxItems\":2}",
          "[5] [9] [10] [120] [99,100]", "[] [4] [0] [121] [1200] [-5] [5,6,7] [1]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"exclusiveMinimum\":-3,\"exclusiveMaximum\":2}}",
          "[-2] [-1] [0] [1]", "[-3] [2] [-20] [10] [-0]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":-0.5,\"maximum\":0.25}}",
          "[0] [-0.5] [0.25] [0.1] [-0.25] [0.249999999]", "[0.3] [-0.6] [1] [-1] [0.251] [5e-1]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"multipleOf\":7,\"minimum\":10,\"maximum\":30}}",
          "[14] [21] [28]", "[7] [15] [2] [35] [3]");
    check("{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}}",
          "[\"ab\"] [\"abc\"] [\"\xc3\xa4\xe2\x82\xac\"] [\"\\n\\\"\"] [\"\\u0001\\u001f\"] [\"a\\\\\"]",
          "[\"a\"] [\"abcd\"] [\"a\xc3\"] [\"\xff\xff\"] [\"\\x\"] [\"\\u0000b\"] [\"\\u0041b\"] [\"a\tb\"] "
          "[\"\\u000ab\"] "
          "[\"\xed\xa0\x80z\"] [\"\xc0\x80z\"] [\"\\/a\"]");
    check("{\"enum\":[\"kg\",\"kilo\",1,12,-3.5,null,true,[1,2],{\"a\":1}]}",
          "\"kg\" \"kilo\" null true [1,2] {\"a\":1}", "\"k\" \"kil\" fals [1] {\"a\":2} {} nul");
    check("{\"type\":\"array\",\"items\":{\"enum\":[1,12,-3.5,125]}}", "[1] [12] [125,1] [-3.5]",
          "[2] [13] [-3] [-] [1252]");
    check("{\"const\":\"x\"}", "\"x\"", "\"y\" \"\" x");
    check("{\"type\":[\"string\",\"null\"]}", "null \"\" \"a\"", "1 true [] {}");
    check("{\"type\":\"integer\",\"enum\":[\"a\",1.5,3,10],\"minimum\":5}", "", "3 \"a\" 1.5");
    check("{}", "\"a\" [] {} [[],{},\"x\"] true null", "{\"a\":1} [1,] nul");
    check("{\"type\":\"object\",\"properties\":{\"a\\\"b\":{\"type\":\"string\"},\"\xc3\xa4\":{\"type\":\"string\"}}}",
          "{\"a\\\"b\":\"\",\"\xc3\xa4\":\"\"} {}", "{\"a\"b\":\"\"}");
}

/* As Python writes JSON: a blank behind commas and colons, and none elsewhere. */
static void test_spaced(void)
{
    static const struct json_style spaced = { .spaced = true };
    static const char schema[] = "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"integer\",\"array\",\"object\"]}}";
    static const char *const texts[] = { /* those that may be written come first */
        "{}", "{\"a\": 1}", "{\"a\": 1, \"b\": [1, 2, []]}", "{\"a\": {\"c\": {}, \"d\": [{\"e\": null}, {}]}}", NULL,
        "{\"a\":1}", "{ \"a\": 1}", "{\"a\": 1,\"b\": 2}", "{\"a\": 1 }", "{\"a\":  1}", "{\"a\" : 1}", "{\"a\": [1,2]}", "{\"a\": [ 1]}", "{\"a\": [1, 2 ]}",
        "{\"a\": 1,  \"b\": 2}", "{\"a\": []\n}", NULL,
    };
    struct jsonschema *js = jsonschema_compile(schema, sizeof schema - 1, NULL, NULL);
    struct matcher *m = matcher_create_json(NULL, jsonschema_root(js), &spaced, NULL, NULL);
    size_t i = 0;

    for (int want = 1; want >= 0; want--, i++)
        for (; texts[i]; i++) {
            matcher_restart(m);
            ok((matcher_read(m, texts[i], strlen(texts[i])) && matcher_is_done(m)) == want, "%s: %s", want ? "written with blanks" : "not written", texts[i]);
        }
    matcher_destroy(m);
    jsonschema_destroy(js);
}

static void refuse(const char *schema, const char *message)
{
    struct err err = { 0 };
    struct jsonschema *js = jsonschema_compile(schema, strlen(schema), NULL, &err);
    struct matcher *m = js ? matcher_create_json(NULL, jsonschema_root(js), &style, &options, &err) : NULL;

    if (!ok(js && !m && strstr(err.msg, message), "refused with \"%s\"", message))
        diag("got \"%s\"", err.msg);
    matcher_destroy(m);
    jsonschema_destroy(js);
}

static void test_refused(void)
{
    refuse("{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\",\"pattern\":\"(a)\\\\1\"}}}",
           "/properties/x: pattern");
    refuse("{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "no value");
    refuse("{\"type\":\"integer\",\"multipleOf\":10,\"minimum\":11,\"maximum\":19}", "no value");
    refuse("{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}", "no value");
    refuse("{\"type\":\"array\",\"minItems\":3,\"maxItems\":2}", "no value");
    refuse("{\"type\":\"string\",\"enum\":[1,2]}", "no value");
    refuse("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":\"#\"}}}", "no value");
}

/* --- replies of the shipped models -------------------------------------------------------------------------------- */

struct held {
    struct script script;
    struct script_grammar grammar;
    struct constraint *c;
    struct reply reply;
};

/* What is kept is kept in h. */
static bool hold(struct held *h, const struct tool *tools, size_t n_tools, enum tool_choice choice, size_t max_thought, struct err *err)
{
    const struct dialect_request q = { .tools = tools, .n_tools = n_tools, .choice = choice };
    struct constraint_spec spec = { .build = script_build, .arg = &h->grammar, .style = &style, .max_thought = max_thought };

    script_init(&h->script, tokenizer);
    if (dialect_corax_script(&h->script, &q, max_thought) < 0)
        abort();
    memcpy(spec.after_thought, h->script.after_thought, sizeof spec.after_thought);
    h->grammar = (struct script_grammar){ &h->script, tools, choice == CHOICE_NONE ? 0 : n_tools, NULL, 0 };
    h->c = constraint_create(vocabulary, &spec, err);
    if (h->c)
        reply_init(&h->reply, &h->script, tools, n_tools, 1 << 20);
    return h->c != NULL;
}

static void let_go(struct held *h)
{
    constraint_destroy(h->c);
    reply_finish(&h->reply);
}

static void take(struct held *h, int32_t token)
{
    constraint_accept(h->c, token);
    reply_add(&h->reply, token);
}

/* --- random replies ----------------------------------------------------------------------------------------------- */

static const char *const schemas[] = {
    "{\"type\":\"object\",\"properties\":{\"smiles\":{\"type\":\"string\"}},\"required\":[\"smiles\"],"
    "\"additionalProperties\":false}",
    "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}",
    "{}",
    "{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"number\"},\"from\":{\"enum\":[\"kg\",\"g\",\"kilo\"]},"
    "\"to\":{\"type\":\"string\","
    "\"minLength\":1,\"maxLength\":4}},\"required\":[\"value\",\"from\"]}",
    "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":17,\"maximum\":1031},\"m\":{\"type\":"
    "\"integer\","
    "\"exclusiveMaximum\":-4},\"k\":{\"type\":\"integer\",\"multipleOf\":13,\"minimum\":-100,\"maximum\":100}},"
    "\"required\":[\"n\",\"m\",\"k\"]}",
    "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\",\"minimum\":0.1,\"exclusiveMaximum\":0.3},\"y\":{"
    "\"type\":\"number\","
    "\"exclusiveMinimum\":-1e-3,\"maximum\":1e6},\"z\":{\"type\":\"number\",\"minimum\":-5}},\"required\":[\"x\",\"y\","
    "\"z\"]}",
    "{\"type\":\"object\",\"properties\":{\"list\":{\"type\":\"array\",\"items\":{\"type\":[\"integer\",\"string\","
    "\"null\"],\"maxLength\":3},"
    "\"minItems\":2,\"maxItems\":5},\"flag\":{\"type\":\"boolean\"}},\"required\":[\"list\"]}",
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"object\","
    "\"properties\":{\"c\":{\"enum\":"
    "[1,12,123,\"1\",[1,\"x\"],{\"k\":null}]}},\"required\":[\"c\"]},\"bb\":{\"const\":\"q\\\"\\\\\"}},\"required\":["
    "\"b\"]},\"ab\":{},"
    "\"abc\":{\"type\":\"array\"}},\"required\":[\"a\"]}",
    "{\"type\":[\"object\",\"string\",\"null\"],\"properties\":{\"o\":{\"type\":\"integer\"}},\"additionalProperties\":"
    "{\"type\":\"string\"}}",
};
#define N_SCHEMAS (sizeof schemas / sizeof schemas[0])

/* Random logits; the longer the reply, the more they like what closes things. */
static int32_t pick(struct sampler *s, struct constraint *c, float *logits, size_t n, uint64_t *random)
{
    for (size_t i = 0; i < TINY_N_VOCAB; i++) {
        size_t len;
        const char *bytes = tokenizer_bytes(tokenizer, (int32_t)i, &len);

        logits[i] = (float)(tiny_random(random) >> 40);
        if (n > 40 && (len == 0 || strchr("\"}],", bytes[len - 1])))
            logits[i] += (float)(1 << 24) * (float)(n > 80 ? 2 : 1) / 2;
    }
    return sampler_pick(s, logits, c);
}

/* One reply to the end.  false: it got stuck or did not end. */
static bool run(struct sampler *s, struct held *h, uint64_t *random)
{
    float logits[TINY_N_VOCAB];

    for (size_t n = 0; n < MAX_TOKENS && !constraint_is_done(h->c); n++) {
        const int32_t token = pick(s, h->c, logits, n, random);

        if (token < 0)
            return false;
        take(h, token);
    }
    return constraint_is_done(h->c);
}

static bool is_valid(const struct held *h, const struct jsonschema *js, struct err *err)
{
    const struct reply_call *c = h->reply.n_calls == 1 ? h->reply.calls : NULL;
    struct json *value = c && c->complete ? json_parse(c->arguments.data, c->arguments.len, err) : NULL;
    const bool good = value && strcmp(c->name.data, "tool") == 0 && jsonschema_validate(js, value, err) == 0;

    json_free(value);
    return good;
}

static void test_random(const char *schema, int rounds)
{
    struct err err = { 0 };
    struct jsonschema *js = jsonschema_compile(schema, strlen(schema), NULL, &err);
    const struct tool tool = { .name = "tool", .parameters = js ? jsonschema_root(js) : NULL };
    struct sampler s;
    uint64_t random = 99;
    int stuck = 0, invalid = 0;

    sampler_init(&s, TINY_N_VOCAB, NULL);
    for (int i = 0; i < rounds; i++) {
        struct held h;

        if (!hold(&h, &tool, 1, CHOICE_REQUIRED, 5, &err)) {
            diag("%s", err.msg);
            stuck++;
            break;
        }
        if (!run(&s, &h, &random))
            stuck++;
        else if (!is_valid(&h, js, &err) && !invalid++)
            diag("%s: %s", err.msg, h.reply.n_calls ? h.reply.calls[0].arguments.data : "no call");
        let_go(&h);
    }
    ok(!stuck && !invalid, "%d random calls are valid: %.60s", rounds, schema);
    sampler_finish(&s);
    jsonschema_destroy(js);
}

/* --- the frame of a reply ----------------------------------------------------------------------------------------- */

static void feed(struct held *h, const char *text)
{
    struct tokens list = { 0 };

    tokenizer_encode(tokenizer, text, strlen(text), &list, NULL);
    for (size_t i = 0; i < list.n; i++) {
        if (!constraint_allows(h->c, list.ids[i]))
            ok(false, "allows token %zu of %s", i, text);
        take(h, list.ids[i]);
    }
    tokens_finish(&list);
}

static bool allows(struct constraint *c, const char *text)
{
    struct tokens list = { 0 };
    bool good;

    tokenizer_encode(tokenizer, text, strlen(text), &list, NULL);
    good = constraint_allows(c, list.ids[0]);
    tokens_finish(&list);
    return good;
}

static void refuse_tools(const struct tool *tools, size_t n, enum tool_choice choice, const char *message, const char *what)
{
    struct err err = { 0 };

    ok(tools_check(tools, n, choice, &err) < 0 && strstr(err.msg, message), "%s", what);
}

static void test_frame(void)
{
    const struct tool tools[] = { { .name = "ab" }, { .name = "a" }, { .name = "abc_d" } };
    struct held h;
    struct constraint *c;

    hold(&h, tools, 3, CHOICE_AUTO, 4, NULL);
    c = h.c;
    ok(!constraint_allows(c, 0) && !constraint_allows(c, 3) && !constraint_allows(c, 6) && !constraint_allows(c, 8) &&
           !constraint_allows(c, -1) && !constraint_allows(c, (int32_t)TINY_N_VOCAB),
       "a thought has none of the host's tokens, and does not end the turn");
    ok(constraint_allows(c, 5) && constraint_allows(c, 7), "it may be empty");
    feed(&h, "x\xc3\xa4y");
    ok(!allows(c, "x") && constraint_allows(c, 5) && constraint_allows(c, 7),
       "after its last token only call and answer");
    take(&h, 5);
    ok(allows(c, "a") && !allows(c, "b") && !allows(c, " ") && !constraint_allows(c, 7), "a name begins like a tool's");
    feed(&h, "a");
    ok(allows(c, "b") && allows(c, " ") && !allows(c, "c"), "one name may be the start of another");
    feed(&h, "bc_d ");
    ok(allows(c, "{") && !allows(c, "[") && !allows(c, " "), "then an object");
    feed(&h, "{}");
    ok(constraint_is_done(c) && !allows(c, "x") && !constraint_allows(c, 8), "and nothing after it");
    ok(h.reply.n_calls == 1 && h.reply.calls[0].complete && strcmp(h.reply.calls[0].name.data, "abc_d") == 0 &&
           strcmp(h.reply.reasoning.data, "x\xc3\xa4y") == 0 && h.reply.done,
       "the reader has the thought and the call");
    let_go(&h);

    hold(&h, tools, 3, CHOICE_NONE, 4, NULL);
    c = h.c;
    ok(!constraint_allows(c, 5) && constraint_allows(c, 7), "no call when none is wanted");
    take(&h, 7);
    feed(&h, "the {\"");
    ok(constraint_allows(c, 8) && !constraint_allows(c, 7) && !constraint_allows(c, 3),
       "an answer ends only with the end token");
    take(&h, TINY_N_SPECIAL + 0xc3);
    ok(!constraint_allows(c, 8), "and not inside a character");
    let_go(&h);

    hold(&h, tools, 3, CHOICE_REQUIRED, 4, NULL);
    ok(constraint_allows(h.c, 5) && !constraint_allows(h.c, 7), "no answer when a call is required");
    let_go(&h);
    refuse_tools(tools, 0, CHOICE_REQUIRED, "there are no tools", "a required call needs tools");
    refuse_tools((const struct tool[]){ { .name = "a" }, { .name = "b" }, { .name = "a" } }, 3, CHOICE_AUTO, "twice", "a name twice is refused");
    refuse_tools((const struct tool[]){ { .name = "a b" } }, 1, CHOICE_AUTO, "0x20", "so is one with a space");
}

int main(void)
{
    const char *rounds = getenv("CORAX_TEST_ROUNDS");
    struct gguf *g;
    struct buf b;

    plan_later();
    buf_init(&b, TINY_LIMIT);
    tiny_header(&b, 3, 0, TINY_N_TOKENIZER_KV);
    tiny_tokenizer(&b, "corax");
    g = gguf_parse(b.data, b.len, NULL);
    tokenizer = tokenizer_create(g, NULL);
    vocabulary = mask_vocabulary_create(tokenizer, NULL);
    test_bytes();
    test_spaced();
    test_refused();
    test_frame();
    for (size_t i = 0; i < N_SCHEMAS; i++)
        test_random(schemas[i], rounds ? atoi(rounds) : 200);
    mask_vocabulary_destroy(vocabulary);
    tokenizer_destroy(tokenizer);
    gguf_close(g);
    buf_finish(&b);
    done();
    return tap_status();
}
