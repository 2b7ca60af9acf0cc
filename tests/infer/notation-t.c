/*
 * infer/notation.c: which texts the rules let through byte by byte, and what they are read as; schemas of chance, of which whatever the
 * rules let a walk of chance write is read as a value that the validator accepts; text that is no arguments; masks against the tokens
 * one by one, with marks that are control tokens.  CORAX_TEST_ROUNDS sets the number of schemas, CORAX_TEST_SEED where they begin.
 *
 * Not covered: that everything the validator accepts can be written.  Notations are narrower, see infer/notation.h.
 */
#define CHANCE_NAMES "a", "b", "c", "ab", "x1", "x2", "\xc3\xa4"
#include "infer/matcher.h"

#include "tests/fuzz/tiny_tokenizer.h"
#include "tests/infer/chance.h"
#include "tests/infer/chance_vocab.h"
#include "tests/infer/notation_texts.h"
#include "tests/tap.h"

#define TEXT_LIMIT ((size_t)1 << 16)

struct held {
    struct jsonschema *schema;
    struct matcher *matcher;
    const struct notation *notation;
    bool open_json; /* JSON in TAGS with members that the schema does not name: without, it cannot always have minProperties */
    int32_t quote, open; /* control tokens for the mark of a string, and for what begins a member; -1: bytes */
    struct err err;
};

static int build(void *arg, struct program_builder *b, struct shapes *shapes, uint32_t *start, struct err *err)
{
    struct held *h = arg;
    struct notation n = *h->notation;
    const conj c = shapes_both(shapes, shapes_object(shapes, true), shapes_schema(shapes, jsonschema_root(h->schema)));
    struct symbol s;

    if (h->quote >= 0) {
        n.quote.symbols[0] = n.value_close.symbols[0] = (struct symbol){ SYMBOL_TOKEN, (uint32_t)h->quote };
        n.quote.n = n.value_close.n = 1;
    }
    if (h->open >= 0) {
        n.key_open.symbols[0] = (struct symbol){ SYMBOL_TOKEN, (uint32_t)h->open };
        n.key_open.n = 1;
    }
    if (notation_add(b, shapes, &n, c, &s, err) < 0)
        return -1;
    *start = program_rule(b, 1);
    program_put(b, *start, 0, &s, 1);
    return 0;
}

static bool make_with(struct held *h, struct mask_vocabulary *v, int which, const char *schema, size_t len)
{
    const struct json_style style = { .ordered = true, .closed = !h->open_json };
    static const struct shape_options options = { .short_numbers = true };

    h->err = (struct err){ 0 };
    h->notation = &notations[which];
    h->schema = jsonschema_compile(schema, len, NULL, &h->err);
    h->matcher = h->schema ? matcher_create(v, build, h, &style, &options, &h->err) : NULL;
    return h->matcher != NULL;
}

static bool make(struct held *h, int which, const char *schema)
{
    *h = (struct held){ .quote = -1, .open = -1 };
    return make_with(h, NULL, which, schema, strlen(schema));
}

static void unmake(struct held *h)
{
    matcher_destroy(h->matcher);
    jsonschema_destroy(h->schema);
}

/* --- by hand ------------------------------------------------------------------------------------------------------ */

struct text {
    const char *text, *json; /* NULL: refused */
};

static void texts(int which, const char *schema, const struct text *list)
{
    struct held h;
    struct buf json;
    bool all = true;

    buf_init(&json, TEXT_LIMIT);
    if (!make(&h, which, schema))
        all = false;
    for (const struct text *t = list; h.matcher && t->text; t++) {
        const size_t len = strlen(t->text);
        bool taken, same = true;

        matcher_restart(h.matcher);
        taken = matcher_read(h.matcher, t->text, len) && matcher_is_done(h.matcher);
        buf_reset(&json);
        if (taken && t->json)
            same = read_arguments(h.notation, jsonschema_root(h.schema), t->text, len, &json, &h.err) == 0 && strcmp(json.data, t->json) == 0;
        if (taken == (t->json != NULL) && same)
            continue;
        diag("%s %s -> %s %s", taken ? "accepted" : "refused", t->text, json.data, h.err.msg);
        all = false;
    }
    ok(all, "%s: %s %s", notations[which].kind == NOTATION_TAGS ? "tags" : "marked", schema, h.err.msg);
    buf_finish(&json);
    unmake(&h);
}

#define OBJECT(properties, more) "{\"type\":\"object\",\"properties\":{" properties "}" more "}"
#define P(name, value) "<parameter=" name ">\n" value "\n</parameter>\n"

static void test_tags(void)
{
    static const char both[] = OBJECT("\"s\":{\"type\":\"string\"},\"n\":{\"type\":\"integer\"},\"l\":{\"type\":\"array\",\"items\":{\"type\":"
                                      "\"string\"}}", ",\"required\":[\"s\"]");

    texts(QWEN, both, (const struct text[]){
        { P("s", "a \"b\"\n\\c"), "{\"s\":\"a \\\"b\\\"\\n\\\\c\"}" },
        { P("s", ""), "{\"s\":\"\"}" },
        { P("s", "12"), "{\"s\":\"12\"}" },
        { P("s", "{\"a\":1}"), "{\"s\":\"{\\\"a\\\":1}\"}" },
        { P("s", "\"q\""), "{\"s\":\"\\\"q\\\"\"}" },
        { P("s", "\n</parameter\n"), "{\"s\":\"\\n</parameter\\n\"}" },
        { P("s", "</parameter>"), "{\"s\":\"</parameter>\"}" },
        { P("s", "<parameter=n>\n1"), "{\"s\":\"<parameter=n>\\n1\"}" },
        { P("s", "x") P("n", "-3"), "{\"s\":\"x\",\"n\":-3}" },
        { P("s", "x") P("l", "[\"a\\n\",\"b\"]"), "{\"s\":\"x\",\"l\":[\"a\\n\",\"b\"]}" },
        { P("s", "x\n</parameter>"), NULL }, /* would end one line early */
        { P("n", "1"), NULL }, { P("n", "1") P("s", "x"), NULL }, { P("s", "x") P("n", "1.5"), NULL },
        { P("s", "x") P("l", "[1]"), NULL }, { P("s", "x") P("s", "y"), NULL }, { P("s", "x") P("z", "y"), NULL },
        { P("s", "\xff"), NULL }, { "", NULL }, { "<parameter=s>\nx", NULL }, { P("s", "x") "\n", NULL }, { 0 } });
    texts(GLM, both, (const struct text[]){
        { "<arg_key>s</arg_key>\n<arg_value>a</arg_value></arg_value>\n<arg_key>n</arg_key>\n<arg_value>5</arg_value>\n",
          "{\"s\":\"a</arg_value>\",\"n\":5}" },
        { "<arg_key>s</arg_key>\n<arg_value></arg_value>\n", "{\"s\":\"\"}" },
        { "<arg_key>s</arg_key><arg_value></arg_value>\n", NULL }, { 0 } });
    texts(QWEN, "{\"type\":\"object\",\"additionalProperties\":false}", (const struct text[]){ { "", "{}" }, { P("a", "1"), NULL }, { 0 } });
    texts(QWEN, "{\"type\":\"object\"}", (const struct text[]){ { "", "{}" }, { P("a", "1"), NULL }, { 0 } });
}

static void test_told(void)
{
#define F "\" string=\"false\">"
#define T "\" string=\"true\">"
#define D(name, how, value) "<" DSML "parameter name=\"" name how value "</" DSML "parameter>\n"
    texts(DEEPSEEK, OBJECT("\"v\":{\"type\":[\"string\",\"integer\",\"object\"]},\"w\":{\"const\":true}", ",\"required\":[\"v\"]"),
          (const struct text[]){
        { D("v", T, "12"), "{\"v\":\"12\"}" },
        { D("v", F, "12"), "{\"v\":12}" },
        { D("v", T, "{\"a\":1}"), "{\"v\":\"{\\\"a\\\":1}\"}" },
        { D("v", F, "{}") D("w", F, "true"), "{\"v\":{},\"w\":true}" },
        { D("v", T, "<" DSML "invoke>\n"), "{\"v\":\"<" DSML "invoke>\\n\"}" },
        { D("v", F, "x"), NULL }, { D("v", F, "\"x\""), NULL }, { D("v", F, "{}") D("w", T, "true"), NULL }, { 0 } });
}

/* What is JSON, too, and what the schema makes of it. */
static void test_ambiguous(void)
{
    texts(QWEN, OBJECT("\"v\":{\"type\":[\"string\",\"null\"]},\"w\":{\"type\":[\"string\",\"number\"],\"minimum\":5}", ""), (const struct text[]){
        { P("v", "null"), "{\"v\":null}" }, { P("v", "12"), "{\"v\":\"12\"}" }, { P("v", "nul"), "{\"v\":\"nul\"}" },
        { P("v", "\"null\""), "{\"v\":\"\\\"null\\\"\"}" }, { P("w", "7"), "{\"w\":7}" }, { P("w", "true"), "{\"w\":\"true\"}" },
        { P("w", "7a"), "{\"w\":\"7a\"}" }, { P("w", "3"), NULL }, { P("w", " 7"), NULL }, { 0 } });
    /* A number in the one object, any text in the other: what looks like a number is one. */
    texts(QWEN, "{\"type\":\"object\",\"anyOf\":[{\"properties\":{\"k\":{\"const\":\"n\"},\"v\":{\"type\":\"integer\"}},\"required\":[\"k\",\"v\"]},"
                "{\"properties\":{\"k\":{\"const\":\"s\"},\"v\":{\"type\":\"string\"}},\"required\":[\"k\",\"v\"]}]}", (const struct text[]){
        { P("k", "n") P("v", "12"), "{\"k\":\"n\",\"v\":12}" }, { P("k", "s") P("v", "a"), "{\"k\":\"s\",\"v\":\"a\"}" },
        { P("k", "s") P("v", "true"), "{\"k\":\"s\",\"v\":\"true\"}" },
        { P("k", "s") P("v", "12"), NULL }, { P("k", "n") P("v", "a"), NULL }, { 0 } });
    texts(QWEN, OBJECT("\"v\":{}", ",\"required\":[\"v\"]"), (const struct text[]){
        { P("v", "a b"), "{\"v\":\"a b\"}" }, { P("v", "[1,{},\"a\"]"), "{\"v\":[1,{},\"a\"]}" }, { P("v", "null"), "{\"v\":null}" },
        { P("v", "[1"), NULL }, { P("v", " {"), NULL }, { 0 } });
}

static void test_counts(void)
{
    texts(QWEN, OBJECT("\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"},\"c\":{\"type\":\"null\"}",
                       ",\"dependentRequired\":{\"a\":[\"c\"]},\"minProperties\":1,\"maxProperties\":2,\"additionalProperties\":false"), (const struct text[]){
        { P("b", "null"), "{\"b\":null}" }, { P("a", "null") P("c", "null"), "{\"a\":null,\"c\":null}" }, { P("c", "null"), "{\"c\":null}" },
        { P("b", "null") P("c", "null"), "{\"b\":null,\"c\":null}" }, { "", NULL }, { P("a", "null"), NULL },
        { P("a", "null") P("b", "null"), NULL }, { P("a", "null") P("b", "null") P("c", "null"), NULL }, { 0 } });
    texts(GEMMA, OBJECT("\"a\":{\"type\":\"null\"}", ",\"additionalProperties\":{\"type\":\"integer\"},\"maxProperties\":2"), (const struct text[]){
        { "{}", "{}" }, { "{a:null,b:1}", "{\"a\":null,\"b\":1}" }, { "{b:1,b:2}", "{\"b\":2}" }, { "{_c3:1}", "{\"_c3\":1}" },
        { "{b:1,a:null}", NULL }, { "{a:1}", NULL }, { "{a:null,b:1,c:1}", NULL }, { "{3:1}", NULL }, { 0 } });
    texts(QWEN, "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":{\"type\":\"boolean\"}}", (const struct text[]){
        { P("on", "true"), "{\"on\":true}" }, { "", NULL }, { P("on", "1"), NULL }, { 0 } });
}

static void test_marked(void)
{
#define Q "<|\"|>"
    texts(GEMMA, OBJECT("\"s\":{\"type\":\"string\"},\"o\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"},\"y\":{\"enum\":[\"p\",true]}},"
                        "\"required\":[\"x\"],\"additionalProperties\":false},\"l\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1,"
                        "\"maxItems\":2}", ""), (const struct text[]){
        { "{}", "{}" }, { "{s:" Q "a \"b\"\n<|\"|" Q "}", "{\"s\":\"a \\\"b\\\"\\n<|\\\"|\"}" },
        { "{o:{x:-1.5,y:" Q "p" Q "},s:" Q Q "}", "{\"o\":{\"x\":-1.5,\"y\":\"p\"},\"s\":\"\"}" },
        { "{l:[" Q "},{" Q "," Q "]" Q "],o:{x:0,y:true}}", "{\"l\":[\"},{\",\"]\"],\"o\":{\"x\":0,\"y\":true}}" },
        { "{s:a}", NULL }, { "{\"s\":" Q Q "}", NULL }, { "{o:{y:true}}", NULL }, { "{l:[]}", NULL }, { "{ }", NULL }, { "{o:{x:1},}", NULL },
        { "{l:[" Q "a" Q "," Q "b" Q "," Q "c" Q "]}", NULL }, { "{s:" Q Q ",o:{x:1}}", NULL }, { "{", NULL }, { 0 } });
    texts(FUNCTION_GEMMA, OBJECT("\"any\":{}", ",\"required\":[\"any\"]"), (const struct text[]){
        { "{any:{a:[1,{b:<escape>x<escape>}],c:{}}}", "{\"any\":{\"a\":[1,{\"b\":\"x\"}],\"c\":{}}}" },
        { "{any:[[],null,true,1e5]}", "{\"any\":[[],null,true,1e5]}" }, { "{any:{a-b:1}}", NULL }, { "{any:x}", NULL }, { 0 } });
    texts(GEMMA, OBJECT("\"u\":{\"type\":\"array\",\"uniqueItems\":true,\"items\":{\"enum\":[\"a\",\"b\",1]},\"minItems\":2}", ",\"required\":[\"u\"]"),
          (const struct text[]){
        { "{u:[" Q "a" Q ",1]}", "{\"u\":[\"a\",1]}" }, { "{u:[1," Q "b" Q "," Q "a" Q "]}", "{\"u\":[1,\"b\",\"a\"]}" },
        { "{u:[1]}", NULL }, { "{u:[1,1]}", NULL }, { "{u:[1," Q "b" Q ",1]}", NULL }, { 0 } });
    texts(GEMMA, OBJECT("\"c\":{\"type\":\"array\",\"prefixItems\":[{\"type\":\"null\"}],\"items\":{\"type\":\"integer\"},\"contains\":{\"minimum\":5,"
                        "\"type\":\"integer\"},\"maxContains\":2}", ",\"required\":[\"c\"]"), (const struct text[]){
        { "{c:[null,1,5]}", "{\"c\":[null,1,5]}" }, { "{c:[null,7,1,1,1,6,0]}", "{\"c\":[null,7,1,1,1,6,0]}" },
        { "{c:[null]}", NULL }, { "{c:[5]}", NULL }, { "{c:[null,5,5,5]}", NULL }, { 0 } });
    /* Recursion, to sixteen levels. */
    texts(GEMMA, "{\"type\":\"object\",\"properties\":{\"n\":{\"$ref\":\"#\"}},\"additionalProperties\":false}", (const struct text[]){
        { "{n:{n:{n:{}}}}", "{\"n\":{\"n\":{\"n\":{}}}}" },
        { "{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{}}}}}}}}}}}}}}}}", "{\"n\":{\"n\":{\"n\":{\"n\":{\"n\":{\"n\":{\"n\":{\"n\":{\"n\":{\"n\":"
          "{\"n\":{\"n\":{\"n\":{\"n\":{\"n\":{}}}}}}}}}}}}}}}}" },
        { "{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{n:{}}}}}}}}}}}}}}}}}", NULL }, { 0 } });
}

static void refuse(int which, const char *schema, const char *message)
{
    struct held h;

    if (!ok(!make(&h, which, schema) && strstr(h.err.msg, message), "%s: %s", schema, message))
        diag("%s", h.matcher ? "it is held" : h.err.msg);
    unmake(&h);
}

static void test_refused(void)
{
    refuse(QWEN, OBJECT("\"a>b\":{}", ""), "property \"a>b\"");
    refuse(GLM, OBJECT("\"a\\nb\":{}", ""), "byte 0x0a");
    refuse(GEMMA, OBJECT("\"o\":{\"type\":\"object\",\"properties\":{\"a:b\":{}}}", ""), "o: property \"a:b\"");
    refuse(GEMMA, OBJECT("\"\":{}", ""), "property \"\"");
    refuse(GEMMA, OBJECT("\"t\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"uniqueItems\":true}", ""), "t: uniqueItems of more than 10");
    refuse(GEMMA, OBJECT("\"t\":{\"type\":\"array\",\"minItems\":300}", ""), "t: minItems or prefixItems of more than 256");
    refuse(QWEN, "{\"type\":\"object\",\"minProperties\":2}", "minProperties of members that the schema does not list cannot be held");
    refuse(QWEN, "{\"type\":\"string\"}", "no value");
    refuse(QWEN, OBJECT("\"a\":{\"type\":\"array\",\"items\":{\"pattern\":\"(a)\\\\1\"}}", ",\"required\":[\"a\"]"), "cannot be held");
}

/* --- by chance ---------------------------------------------------------------------------------------------------- */

struct totals {
    unsigned n_schemas, n_nothing, n_refused, n_walks, n_values, n_wrong, n_stuck, n_open, n_endless;
};

static void chance_schema(struct buf *out)
{
    bool any = true;

    buf_adds(out, "{\"$defs\":{\"d\":");
    schema(out, 1);
    buf_addc(out, '}');
    if (below(3) == 0) { /* several that hold together */
        buf_adds(out, ",\"allOf\":[");
        schema(out, 2);
        buf_addc(out, ']');
    }
    object_rules(out, &any, 2);
    if (below(3) == 0)
        alternatives(out, &any, 2);
    buf_addc(out, '}');
}

/* A whole mark, one of the bytes that close something, or any other; false: nothing may come. */
static bool walk_on(struct matcher *m, const struct notation *n, unsigned steps, struct buf *out)
{
    static const char closing[] = "}],:0123456789eaulsrtfn\"";
    const struct notation_mark *end = n->kind == NOTATION_TAGS ? &n->value_close : &n->quote;
    unsigned tries = 0;
    unsigned char byte;

    if ((steps > 60 || below(6) == 0) && matcher_read(m, end->text, end->len)) {
        buf_add(out, end->text, end->len);
        return true;
    }
    do {
        const unsigned pick = below(8);

        byte = steps > 60 || pick < 4 ? (unsigned char)closing[tries < 60 ? below(sizeof closing - 1) : 0]
                                      : (unsigned char)(pick < 7 ? 0x20 + below(0x5f) : below(256));
        if (steps > 60 && tries < sizeof closing - 1)
            byte = (unsigned char)closing[tries];
        if (tries > 200)
            byte = (unsigned char)(tries - 200);
    } while (!matcher_read_byte(m, byte) && ++tries < 456);
    if (tries == 456)
        return false;
    buf_addc(out, (char)byte);
    return true;
}

/* JSON in TAGS nests no deeper than the machine goes, whatever must come inside: see infer/machine.h. */
static bool is_deep(const struct buf *text)
{
    unsigned n = 0;

    for (size_t i = 0; i < text->len; i++)
        n += text->data[i] == '{' || text->data[i] == '[';
    return n >= MACHINE_MAX_DEPTH;
}

static bool walk(struct held *h, const char *schema_text, struct totals *t, struct buf *out)
{
    matcher_restart(h->matcher);
    buf_reset(out);
    for (unsigned n = 0; n < 2500; n++) {
        if (matcher_is_done(h->matcher) && (!matcher_goes_on(h->matcher) || n > 60 || below(3) == 0))
            return true;
        if (!walk_on(h->matcher, h->notation, n, out)) {
            if (is_deep(out))
                break;
            if (!t->n_stuck++)
                diag("stuck behind %s\n# by %s", out->data, schema_text);
            return false;
        }
    }
    t->n_open++;
    return false;
}

static void hold(struct held *h, const char *schema_text, const struct buf *text, struct totals *t)
{
    struct err err = { 0 };
    struct buf json;
    struct json *v;

    buf_init(&json, 8 * TEXT_LIMIT);
    v = read_arguments(h->notation, jsonschema_root(h->schema), text->data, text->len, &json, &err) == 0 ? json_parse(json.data, json.len, &err) : NULL;
    if (v && jsonschema_validate(h->schema, v, &err) == 0)
        t->n_values++;
    else if (v && err.status == CORAX_E_LIMIT)
        t->n_endless++;
    else if (t->n_wrong++ < 3)
        diag("%s: %s is read as %s\n# by %s", err.msg, text->data, json.data, schema_text);
    json_free(v);
    buf_finish(&json);
}

static void test_chance(int which, int n_schemas, int n_walks, uint64_t seed)
{
    struct totals t = { 0 };
    struct buf schema_text, text;

    buf_init(&schema_text, TEXT_LIMIT);
    buf_init(&text, TEXT_LIMIT);
    for (int i = 0; i < n_schemas; i++) {
        struct held h = { .open_json = true, .quote = -1, .open = -1 };

        random_state = seed * 1000003 + (uint64_t)i;
        buf_reset(&schema_text);
        chance_schema(&schema_text);
        if (make_with(&h, NULL, which, schema_text.data, schema_text.len)) {
            t.n_schemas++;
            for (int j = 0; j < n_walks; j++, t.n_walks++)
                if (walk(&h, schema_text.data, &t, &text))
                    hold(&h, schema_text.data, &text, &t);
        } else if (strstr(h.err.msg, "no value") || strstr(h.err.msg, "no text")) {
            t.n_nothing++;
        } else if (h.schema && t.n_refused++ < 3) {
            diag("refused: %s", h.err.msg);
        }
        unmake(&h);
    }
    ok(t.n_wrong == 0 && t.n_stuck == 0, "notation %d: %u walks, %u values, %u wrong; %u got stuck, %u had no end, %u not validated", which,
       t.n_walks, t.n_values, t.n_wrong, t.n_stuck, t.n_open, t.n_endless);
    ok(t.n_schemas > (unsigned)n_schemas / 3 && t.n_values > t.n_walks / 2, "%d schemas: %u held, %u without a value, %u that cannot be held",
       n_schemas, t.n_schemas, t.n_nothing, t.n_refused);
    buf_finish(&schema_text);
    buf_finish(&text);
}

/* --- foreign text ------------------------------------------------------------------------------------------------- */

static void read_all(const struct schema *parameters, const struct buf *text, unsigned *n_read, unsigned *n_bad)
{
    for (int which = 0; which < N_NOTATIONS; which++) {
        struct err err = { 0 };
        struct buf json;
        int result;

        buf_init(&json, 64 * TEXT_LIMIT);
        result = read_arguments(&notations[which], parameters, text->data, text->len, &json, &err);
        if (result == 0 && notations[which].kind == NOTATION_MARKED) {
            *n_bad += json_check(json.data, json.len, NULL) < 0;
            ++*n_read;
        }
        *n_bad += result < 0 && (!err.status || strlen(err.msg) < 10 || (notations[which].kind == NOTATION_MARKED && json.len));
        buf_finish(&json);
    }
}

static void test_foreign(void)
{
    static const char *const pieces[] = { "{", "}", "[", "]", ",", ":", "a", "b", "1", "-", "true", "null", "<|\"|>", "<escape>", "<|\"", "\"",
                                          " ", "\n", "<parameter=", ">\n", "\n</parameter>\n", "a:1", "a:[", "a:{", "{a:", "\xc3\xa4", "\xc3" };
    static const char parameters[] = OBJECT("\"a\":{\"type\":[\"string\",\"integer\"]}", "");
    struct jsonschema *js = jsonschema_compile(parameters, strlen(parameters), NULL, NULL);
    unsigned n_read = 0, n_bad = 0;
    struct buf text;

    buf_init(&text, TEXT_LIMIT);
    random_state = 5;
    for (int i = 0; i < 60000; i++) {
        buf_reset(&text);
        if (below(2))
            buf_addc(&text, '{');
        for (unsigned n = below(12); n; n--)
            buf_adds(&text, ONE_OF(pieces));
        if (below(2))
            buf_addc(&text, '}');
        read_all(jsonschema_root(js), &text, &n_read, &n_bad);
    }
    ok(n_bad == 0 && n_read > 500, "foreign text: %u were arguments, all others got a sentence", n_read);
    buf_finish(&text);
    jsonschema_destroy(js);
}

static void marked_error(const char *text, size_t len, const char *message)
{
    struct err err = { 0 };
    struct buf json;

    buf_init(&json, TEXT_LIMIT);
    buf_adds(&json, "before");
    ok(notation_read_marked(&notations[GEMMA], text, len, &json, &err) < 0 && strcmp(json.data, "before") == 0, "%.40s", text);
    has_str(err.msg, message, message);
    buf_finish(&json);
}

static void test_errors(void)
{
    struct buf text, json;
    struct err err = { 0 };

    marked_error("{a:1", 4, "arguments: byte 4: a comma or } is expected");
    marked_error("{a:" Q "x}", 10, "arguments: byte 3: a string has no end");
    marked_error("{a:x}", 5, "arguments: byte 3: a value is expected");
    marked_error("{a 1}", 5, "byte 3: a colon");
    marked_error("{a:1}x", 6, "byte 5: there is more");
    marked_error("{a:\0}", 5, "U+0000");
    marked_error("{a:" Q "\xc3" Q "}", 15, "no UTF-8");
    marked_error("", 0, "{ is expected");
    buf_init(&text, TEXT_LIMIT);
    for (int i = 0; i < 100; i++)
        buf_adds(&text, "{a:");
    marked_error(text.data, text.len, "nest too deep");
    buf_reset(&text);
    buf_addc(&text, '{');
    for (int i = 0; i <= NOTATION_MAX_MEMBERS; i++)
        buf_addf(&text, "a%d:1,", i);
    marked_error(text.data, text.len, "more than 4096 members");
    buf_init(&json, TEXT_LIMIT);
    ok(notation_read_value(NULL, "x", "a\xff", 2, -1, &json, &err) < 0 && strstr(err.msg, "arguments: x: byte 1"), "%s", err.msg);
    ok(notation_read_value(NULL, "x", "a", 1, 0, &json, &err) < 0 && strstr(err.msg, "arguments: x: it is no JSON"), "%s", err.msg);
    ok(notation_read_value(NULL, "x", " [1] ", 5, -1, &json, &err) == 0 && strcmp(json.data, "[1]") == 0, "without a schema what is JSON is JSON");
    buf_reset(&json);
    ok(notation_read_marked(&notations[GEMMA], "{a:1,b:{a:2,a:3},a:4,c:[5]}", 27, &json, &err) == 0 &&
       strcmp(json.data, "{\"b\":{\"a\":3},\"a\":4,\"c\":[5]}") == 0, "of a key that is there twice the last counts: %s", json.data);
    buf_finish(&json);
    buf_finish(&text);
}

/* --- masks -------------------------------------------------------------------------------------------------------- */

static void masks(struct mask_vocabulary *v, struct matcher *m, int n_texts, const char *what)
{
    uint32_t *bits = calloc(v->n_words, sizeof *bits);
    size_t n_masks = 0, n_wrong = 0, n_control = 0;

    for (int i = 0; i < n_texts; i++) {
        matcher_restart(m);
        for (int n = 0; n < 60 && matcher_goes_on(m) && matcher_mask(m, bits); n++) {
            int32_t next = -1;
            uint32_t n_allowed = 0;

            n_masks++;
            for (size_t t = 0; t < v->n_tokens; t++) {
                const bool in = bits[t / 32] >> t % 32 & 1;

                n_wrong += in != matcher_allows(m, (int32_t)t);
                if (in && (t < TINY_N_SPECIAL ? below(4) == 0 || next < 0 : below(++n_allowed) == 0))
                    next = (int32_t)t;
            }
            if (next < 0 || !matcher_read_token(m, next))
                break;
            n_control += next < TINY_N_SPECIAL;
        }
    }
    ok(n_masks > 2 * (size_t)n_texts && n_wrong == 0 && !matcher_is_stuck(m), "%s: %zu masks, %zu wrong, %zu control tokens", what, n_masks, n_wrong, n_control);
    free(bits);
}

static void test_masks(struct tokenizer *t, bool has_control, int n_texts)
{
    static const char parameters[] = OBJECT("\"the\":{\"type\":[\"string\",\"integer\",\"array\"]},\"and\":{\"type\":\"object\",\"properties\":{\"then\":"
                                            "{\"type\":\"string\",\"maxLength\":5},\"n\":{\"type\":\"number\"}}},"
                                            "\"hat\":{\"type\":\"string\",\"maxLength\":20,\"pattern\":\"^[a-h ]*$\"},\"ten\":{\"type\":\"string\",\"pattern\":\"e.*e\"}", "");
    struct mask_vocabulary *v = mask_vocabulary_create(t, NULL);

    random_state = 3;
    for (int which = 0; which < N_NOTATIONS; which++)
        for (int control = 0; control < 1 + has_control; control++) {
            struct held h = { .quote = control ? 3 : -1, .open = control ? 4 : -1 };

            if (make_with(&h, v, which, parameters, strlen(parameters)))
                masks(v, h.matcher, n_texts, notations[which].kind == NOTATION_TAGS ? "tags" : "marked");
            else
                ok(false, "notation %d: %s", which, h.err.msg);
            unmake(&h);
        }
    mask_vocabulary_destroy(v);
}

int main(void)
{
    const char *rounds = getenv("CORAX_TEST_ROUNDS"), *seed = getenv("CORAX_TEST_SEED");
    struct tokenizer *tiny = tiny_tokenizer_create("corax"), *chance = chance_tokenizer_create(2000);

    plan_later();
    test_tags();
    test_told();
    test_ambiguous();
    test_counts();
    test_marked();
    test_refused();
    for (int which = 0; which < N_NOTATIONS; which++)
        test_chance(which, rounds ? atoi(rounds) : 200, 5, (uint64_t)(seed ? atoi(seed) : 1) + (uint64_t)which);
    test_foreign();
    test_errors();
    test_masks(tiny, true, 40);
    test_masks(chance, false, 3);
    tokenizer_destroy(tiny);
    tokenizer_destroy(chance);
    done();
    return tap_status();
}
