/*
 * infer/matcher.c and what is under it: texts held to schemas, patterns and grammar files byte by byte; masks against the tokens one by
 * one, with the shipped model's vocabulary, one of bytes and one of chance; what is forced; and what cannot be held.  schema_agree-t holds schemas of
 * chance against the validator.
 * CORAX_TEST_ROUNDS sets how many texts are walked through with that of chance.
 *
 * Not covered: speed, see docs/bench.md.
 */
#include "infer/matcher.h"

#include "infer/gguf.h"
#include "tests/fuzz/tiny_tokenizer.h"
#include "tests/infer/chance_vocab.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"

static const struct json_style free_style = { .blanks = UINT32_MAX, .escapes = true };

struct schema_matcher {
    struct jsonschema *schema;
    struct matcher *matcher;
    struct err err;
};

static bool make(struct schema_matcher *s, struct mask_vocabulary *v, const char *schema, const struct json_style *style)
{
    s->err = (struct err){ 0 };
    s->schema = jsonschema_compile(schema, strlen(schema), NULL, &s->err);
    s->matcher = s->schema ? matcher_create_json(v, jsonschema_root(s->schema), style, NULL, &s->err) : NULL;
    return s->matcher != NULL;
}

static void unmake(struct schema_matcher *s)
{
    matcher_destroy(s->matcher);
    jsonschema_destroy(s->schema);
}

/* --- byte by byte ------------------------------------------------------------------------------------------------- */

/* good and bad: texts, each ended by a newline. */
static void texts(struct matcher *m, const char *what, const char *good, const char *bad)
{
    const char *lists[] = { good, bad };
    bool all = true;

    for (int want = 1; want >= 0; want--)
        for (const char *p = lists[1 - want]; *p;) {
            const size_t len = strcspn(p, "\n");

            matcher_restart(m);
            if ((matcher_read(m, p, len) && matcher_is_done(m)) != want) {
                diag("%s: %.*s", want ? "refused" : "accepted", (int)len, p);
                all = false;
            }
            p += len + (p[len] == '\n');
        }
    ok(all, "%s", what);
}

static void json(const char *schema, const char *good, const char *bad)
{
    struct schema_matcher s;

    if (make(&s, NULL, schema, &free_style))
        texts(s.matcher, schema, good, bad);
    else
        ok(false, "%s: %s", schema, s.err.msg);
    unmake(&s);
}

static void test_schemas(void)
{
    json("{}", "1\n\"a\"\n{\"a\":[1,{}]}\n[ ]\n{ \"a\" : 1 , \"b\":2}\n-0.5e+3\n\"\\u00e9\\ud83d\\ude00\"",
         "\n 1\n{\"a\":1,}\n{\"a\":1,\"a\":2}\n\"\\ud83d\"\n\"\\u0000\"\n01\n1.\n[1 2]\n\"a");
    json("{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}}},{\"properties\":{\"a\":{\"minimum\":3}},\"required\":[\"a\"]}]}",
         "{\"a\":3}\n1\n{\"b\":0,\"a\":4}", "{\"a\":2}\n{}\n{\"a\":3.5}");
    json("{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\",\"minimum\":10}]}", "1\n9\n1.5\n10.5", "10\n11\n\"a\"");
    json("{\"not\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"a\":{}}}}", "1\n{\"b\":1}\n{\"a\":1,\"c\":2}", "{}\n{\"a\":1}");
    json("{\"type\":\"object\",\"if\":{\"properties\":{\"k\":{\"const\":\"x\"}},\"required\":[\"k\"]},\"then\":{\"required\":[\"v\"]},"
         "\"else\":{\"maxProperties\":1}}",
         "{\"k\":\"x\",\"v\":1}\n{\"k\":\"y\"}\n{}", "{\"k\":\"x\"}\n{\"k\":\"y\",\"v\":1}");
    json("{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":"
         "\"#/$defs/n\"},{\"type\":\"null\"}]}},\"required\":[\"v\",\"next\"],\"additionalProperties\":false}}}",
         "{\"v\":1,\"next\":null}\n{\"next\":{\"v\":2,\"next\":null},\"v\":1}", "{\"v\":1}\n{\"v\":1,\"next\":{}}\n{\"v\":1,\"next\":null,\"x\":1}");
    json("{\"patternProperties\":{\"^x\":{\"type\":\"integer\"},\"y$\":{\"minimum\":2}},\"additionalProperties\":{\"type\":\"string\"}}",
         "{\"x\":1}\n{\"xy\":2}\n{\"y\":2}\n{\"a\":\"b\"}\n{\"y\":\"s\"}", "{\"x\":\"s\"}\n{\"xy\":1}\n{\"a\":1}\n{\"xy\":2.5}");
    json("{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"}],\"items\":{\"type\":\"string\"},\"minItems\":1,\"maxItems\":3}",
         "[1]\n[1,\"a\",\"b\"]", "[]\n[\"a\"]\n[1,2]\n[1,\"a\",\"b\",\"c\"]");
    json("{\"type\":\"array\",\"contains\":{\"minimum\":5},\"minContains\":2,\"maxContains\":3,\"items\":{\"type\":\"integer\"}}",
         "[5,6]\n[1,5,2,9]\n[7,7,7]", "[5]\n[]\n[5,5,5,5]\n[\"a\",5,5]");
    json("{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[\"a\",\"b\",1]}}", "[]\n[\"a\",1,\"b\"]", "[\"a\",\"a\"]\n[1,1]\n[\"a\",\"b\",1,\"a\"]");
    json("{\"type\":\"object\",\"minProperties\":2,\"maxProperties\":2,\"required\":[\"a\"]}", "{\"a\":1,\"b\":2}\n{\"b\":2,\"a\":1}", "{\"a\":1}\n{\"b\":1,\"c\":2}");
    json("{\"dependentRequired\":{\"a\":[\"b\"]},\"dependentSchemas\":{\"c\":{\"properties\":{\"d\":false}}}}",
         "{\"b\":1}\n{\"a\":1,\"b\":1}\n{\"c\":1}\n{\"d\":1}", "{\"a\":1}\n{\"c\":1,\"d\":1}\n{\"d\":1,\"c\":1}");
    json("{\"propertyNames\":{\"pattern\":\"^[a-c]$\"}}", "{}\n{\"a\":1,\"b\":2,\"c\":3}", "{\"d\":1}\n{\"a\":1,\"a\":2}\n{\"aa\":1}");
    json("{\"properties\":{\"a\":true},\"anyOf\":[{\"properties\":{\"b\":true}}],\"unevaluatedProperties\":false}", "{\"a\":1,\"b\":2}\n{}", "{\"c\":1}");
    json("{\"type\":\"string\",\"pattern\":\"^[A-Z]{2}\\\\d+$\",\"maxLength\":4}", "\"AB1\"\n\"AB12\"\n\"A\\u00421\"", "\"AB\"\n\"AB123\"\n\"ab1\"\n\"A\\u00621\"");
    json("{\"type\":\"string\",\"format\":\"date\"}", "\"2024-02-29\"", "\"2023-02-29\"\n\"2024-1-1\"\n\"x\"");
    json("{\"enum\":[{\"a\":[1,2]},[],\"x\",1.50]}", "{\"a\":[1,2]}\n[]\n\"x\"\n1.50", "{}\n[1]\n{\"a\":[1]}\n{\"a\":[1,2],\"b\":1}");
    json("{\"type\":\"number\",\"minimum\":0.1,\"exclusiveMaximum\":2,\"multipleOf\":0.05}", "0.1\n0.15\n1.95\n1", "0.05\n0.12\n2\n-1\n1e0");
}

static void test_style(void)
{
    static const struct json_style strict = { .ordered = true, .closed = true }, loose = { .blanks = 1, .ordered = true };
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{\"type\":\"string\"}},\"required\":[\"b\"]}";
    struct schema_matcher s;

    ok(make(&s, NULL, schema, &strict), "a strict style");
    texts(s.matcher, "strict", "{\"b\":\"x\"}\n{\"a\":1,\"b\":\"\\n\"}", "{ \"b\":\"x\"}\n{\"b\":\"x\",\"a\":1}\n{\"b\":\"x\",\"c\":1}\n{\"b\":\"\\u0041\"}\n{\"b\":\"\\/\"}");
    unmake(&s);
    ok(make(&s, NULL, schema, &loose), "a loose one");
    texts(s.matcher, "loose", "{\"a\": 1, \"b\": \"x\"}\n{\"b\":\"x\",\"c\":1}", "{\"b\":  \"x\"}\n{\"c\":1,\"b\":\"x\"}");
    unmake(&s);
}

static void refuse(const char *schema, const char *message)
{
    struct schema_matcher s;

    if (!ok(!make(&s, NULL, schema, &free_style) && strstr(s.err.msg, message), "%s: %s", schema, message))
        diag("got \"%s\"", s.err.msg);
    unmake(&s);
}

static void test_refused(void)
{
    refuse("{\"properties\":{\"x\":{\"pattern\":\"(a)\\\\1\"}}}", "/properties/x: pattern");
    refuse("{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "no value");
    refuse("{\"required\":[\"a\"],\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}}}", "no value");
    refuse("{\"properties\":{\"a\":{\"not\":{\"uniqueItems\":true}}}}", "/properties/a/not: the negation of");
}

static void gbnf(const char *grammar, const char *good, const char *bad)
{
    struct err err = { 0 };
    struct matcher *m = matcher_create_gbnf(NULL, grammar, strlen(grammar), &err);

    if (m)
        texts(m, grammar, good, bad);
    else
        ok(false, "%s: %s", grammar, err.msg);
    matcher_destroy(m);
}

static void refuse_gbnf(const char *grammar, const char *message)
{
    struct err err = { 0 };
    struct matcher *m = matcher_create_gbnf(NULL, grammar, strlen(grammar), &err);

    if (!ok(!m && strstr(err.msg, message), "refused: %s", message))
        diag("got \"%s\"", err.msg);
    matcher_destroy(m);
}

static void test_grammars(void)
{
    gbnf("root ::= \"yes\" | \"no\" # a comment\n", "yes\nno", "y\nyesno\n");
    gbnf("# first\nroot ::= item (\",\" ws item)*\nitem ::= [a-z0-9_]+ | \"\\\"\" [^\"\\\\]* \"\\\"\"\nws ::= | \" \" ws\n", "a,b\na,  \"x y\",z\n\"\"", "a,\n\"\\\"\nA");
    gbnf("root ::= \"(\" root? \")\" | \"[\" root{1,2} \"]\"", "()\n(())\n[()]\n[()[()]]", "(\n[]\n[()()()]\n)(");
    gbnf("root ::= expr\nexpr ::= term (\"+\" term)*\nterm ::= [0-9]{1,3} | \"(\" expr \")\"\n", "1\n(1+22)+333\n((1))", "1234\n1+\n()\n");
    gbnf("root ::= a\n  | b\na ::= \"\\x41\" .\nb ::= \"\\u00e4\\U0001F600\"", "Ax\nA\xc3\xa4\n\xc3\xa4\xf0\x9f\x98\x80", "A\nAxy\n\xc3\xa4");
    gbnf("root ::= (\"a\"? \"b\"?)* \"c\"", "c\nabbac", "ab\nca");
    refuse_gbnf("root ::= a \"x\"\na ::= b | \"y\"\nb ::= \"z\"? a \"k\"\n", "calls itself before");
    refuse_gbnf("root ::= \"a\" other\n", "line 1: rule other is not defined");
    refuse_gbnf("rot ::= \"a\"\n", "no rule root");
    refuse_gbnf("root ::= \"a\nb\"\n", "line 1: a literal or class without an end");
    refuse_gbnf("root ::= (\"a\"\n", "a ( without its )");
    refuse_gbnf("root ::= \"a\"{3,2}\n", "a repetition is");
    refuse_gbnf("root ::= \"a\"\nroot ::= \"b\"\n", "there before");
    refuse_gbnf("root ::= [z-a]\n", "goes backwards");
    refuse_gbnf("root ::= \"a\" = \"b\"\n", "begins nothing");
    refuse_gbnf("root ::= \"\x82\"\n", "not UTF-8");
    refuse_gbnf("root ::= \"a\" root\n", "no text matches it");
    gbnf("root ::= \"a\" | \"b\" more\nmore ::= \"c\" more | \"d\" more\n", "a", "b\nbc");
}

static void test_pattern(void)
{
    struct err err;
    struct matcher *m = matcher_create_pattern(NULL, "(a|b)+c?", 8, &err);

    texts(m, "a pattern, from end to end", "a\nabc\nbbbb", "c\nabcc\nxa");
    matcher_destroy(m);
    ok(!matcher_create_pattern(NULL, "(?=a)b", 6, &err) && strstr(err.msg, "no text"), "one that nothing matches");
    ok(!matcher_create_pattern(NULL, "(", 1, &err), "one that is none: %s", err.msg);
}

static void forced(const char *schema, const char *begin, const char *want)
{
    static const struct json_style strict = { .ordered = true, .closed = true };
    struct schema_matcher s;
    char out[64];
    size_t n;

    if (!ok(make(&s, NULL, schema, &strict) && matcher_read(s.matcher, begin, strlen(begin)), "%s behind %s", schema, begin))
        return;
    n = matcher_forced(s.matcher, out, sizeof out);
    ok(n == strlen(want) && memcmp(out, want, n) == 0, "%s is forced", want);
    unmake(&s);
}

static void test_forced(void)
{
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"first\":{\"type\":\"integer\"},\"second\":{\"const\":\"x\"}},\"required\":[\"first\","
                                 "\"second\"]}";

    forced(schema, "", "{\"first\":");
    forced(schema, "{\"first\":1,", "\"second\":\"x\"}");
    forced("{\"enum\":[\"abc\",\"abd\"]}", "", "\"ab");
    forced("{\"type\":\"string\"}", "", "\"");
}

/* --- masks -------------------------------------------------------------------------------------------------------- */

static const char *const schemas[] = {
    "{}",
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"names\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":5}},"
    "\"n\":{\"type\":\"integer\",\"minimum\":7,\"maximum\":1234}},\"required\":[\"name\"]}",
    "{\"type\":\"object\",\"patternProperties\":{\"^a\":{\"type\":\"number\"},\"e$\":{\"type\":[\"string\",\"number\"]}},\"additionalProperties\":{\"type\":\"boolean\"}}",
    "{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"one\"},\"v\":{\"type\":\"string\",\"pattern\":\"^[a-f]{2,7}$\"}},\"required\":[\"kind\",\"v\"]},"
    "{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"other\"},\"v\":{\"format\":\"date-time\",\"type\":\"string\"}},\"required\":[\"kind\",\"v\"]}]}",
    "{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[\"a\",\"and\",\"the\",\"then\",12,123]},\"minItems\":2}",
    "{\"type\":\"string\",\"minLength\":3,\"maxLength\":40}",
    "{\"type\":\"array\",\"uniqueItems\":true,\"maxItems\":40,\"items\":{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"x\",\"xa\"]}},\"required\":[\"a\"],"
    "\"additionalProperties\":{\"type\":\"string\"}}}",
    "{\"type\":\"object\",\"propertyNames\":{\"enum\":[\"in\",\"int\",\"the\"]},\"additionalProperties\":{\"type\":\"null\"}}",
    "{\"type\":\"object\",\"patternProperties\":{\"^(the|[0-9]+)$\":{\"type\":\"null\"}},\"additionalProperties\":false,\"minProperties\":2}",
    /* texts that most characters lead around in, and such of which there are so many characters at most */
    "{\"type\":\"string\",\"pattern\":\"^.*$\"}",
    "{\"type\":\"string\",\"maxLength\":30,\"pattern\":\"^(?:\\\\S+\\\\s+){0,9}\\\\S+$\"}",
    "{\"type\":\"string\",\"minLength\":1,\"pattern\":\"^(?:\\\\S+\\\\s+){0,9}\\\\S+$\"}",
    "{\"type\":\"string\",\"minLength\":6,\"maxLength\":12,\"pattern\":\"^[a-h]+(-[a-h]+)*$\"}",
    "{\"type\":\"string\",\"maxLength\":9,\"pattern\":\"^(ab|\\u00e9|[^a]{3}\\n)*$\"}",
    "{\"type\":\"string\",\"not\":{\"pattern\":\"hat|the\"}}",
    "{\"type\":\"string\",\"pattern\":\"[a-h]{20}\"}",
    "{\"type\":\"string\",\"pattern\":\"^[^\\u00e9\\u6f22]*x?$\",\"maxLength\":7}",
    "{\"type\":\"string\",\"format\":\"hostname\",\"maxLength\":20}",
    "{\"type\":\"string\",\"format\":\"uri\"}",
    "{\"type\":\"object\",\"properties\":{\"the\":{\"type\":\"null\"}},\"patternProperties\":{\"^[a-h-]{1,9}$\":{\"type\":\"null\"},\"he\":true},"
    "\"additionalProperties\":{\"type\":\"boolean\"}}",
    "{\"type\":\"object\",\"patternProperties\":{\"^.*$\":{\"type\":\"null\"}}}",
};
#define N_SCHEMAS (sizeof schemas / sizeof schemas[0])

/* Walks a while at random; the mask says of each token what reading it says. */
static void masks(struct mask_vocabulary *v, struct matcher *m, const char *what, int n_texts, uint64_t seed)
{
    uint32_t *bits = calloc(v->n_words, sizeof *bits);
    size_t n_masks = 0, n_wrong = 0, len;
    struct buf text;

    buf_init(&text, 65536);
    for (int i = 0; i < n_texts; i++) {
        matcher_restart(m);
        buf_reset(&text);
        for (int n = 0; n < 60 && matcher_goes_on(m); n++) {
            int32_t next = -1;
            uint32_t n_allowed = 0;

            if (!matcher_mask(m, bits))
                break;
            n_masks++;
            for (size_t t = 0; t < v->n_tokens; t++) {
                const bool in = bits[t / 32] >> t % 32 & 1;

                if (in != matcher_allows(m, (int32_t)t) && n_wrong++ < 3) {
                    const char *bytes = mask_vocabulary_bytes(v, (int32_t)t, &len);

                    diag("token %zu \"%.*s\" behind %.*s: the mask says %d", t, (int)len, bytes ? bytes : "", (int)text.len, text.data, in);
                }
                if (in && tiny_random(&seed) % ++n_allowed == 0)
                    next = (int32_t)t;
            }
            if (next < 0 || !matcher_read_token(m, next))
                break;
            {
                const char *bytes = mask_vocabulary_bytes(v, next, &len);

                buf_add(&text, bytes, len);
            }
        }
    }
    ok(n_masks > 0 && n_wrong == 0 && !matcher_is_stuck(m), "%s: %zu masks", what, n_masks);
    buf_finish(&text);
    free(bits);
}

static void test_masks(struct tokenizer *t, const char *which, int n_texts)
{
    static const struct json_style styles[] = { { .blanks = UINT32_MAX, .escapes = true }, { .blanks = 1 }, { .ordered = true, .closed = true } };
    struct err err = { 0 };
    struct mask_vocabulary *v = mask_vocabulary_create(t, &err);
    static const char grammar[] = "root ::= \"{\" pair (\",\" ws pair)* \"}\"\npair ::= [a-z]+ \":\" ws value\nvalue ::= [0-9]+ | \"\\\"\" [^\"\\\\]* \"\\\"\" | root\nws ::= \" \"*\n";
    struct matcher *m = matcher_create_gbnf(v, grammar, strlen(grammar), &err);

    if (ok(v && m, "%s: a grammar", which))
        masks(v, m, "a grammar", n_texts, 5);
    matcher_destroy(m);
    for (size_t i = 0; v && i < N_SCHEMAS; i++)
        for (size_t j = 0; j < 3; j++) {
            struct schema_matcher s;

            if (make(&s, v, schemas[i], &styles[j]))
                masks(v, s.matcher, schemas[i], n_texts, 77 * i + j);
            else
                ok(false, "%s: %s", schemas[i], s.err.msg);
            unmake(&s);
        }
    mask_vocabulary_destroy(v);
}

static const char *source_file(const char *name)
{
    static char path[1024];
    const char *dir = getenv("CORAX_SRCDIR");

    snprintf(path, sizeof path, "%s/%s", dir ? dir : ".", name);
    return path;
}

int main(void)
{
    const char *rounds = getenv("CORAX_TEST_ROUNDS");
    struct tokenizer *tiny = tiny_tokenizer_create("corax"), *chance = chance_tokenizer_create(3000);
    struct err err = { 0 };
    struct gguf *g = gguf_open(source_file("models/corax-raven-1-q8_0.gguf"), &err);
    struct tokenizer *shipped = g ? tokenizer_create(g, &err) : NULL;

    plan_later();
    test_schemas();
    test_style();
    test_refused();
    test_grammars();
    test_pattern();
    test_forced();
    test_masks(tiny, "bytes", 20);
    if (ok(shipped != NULL, "the shipped model's vocabulary"))
        test_masks(shipped, "the shipped model", 3);
    test_masks(chance, "tokens of chance", rounds ? atoi(rounds) : 1);
    tokenizer_destroy(tiny);
    tokenizer_destroy(chance);
    tokenizer_destroy(shipped);
    gguf_close(g);
    done();
    return tap_status();
}
