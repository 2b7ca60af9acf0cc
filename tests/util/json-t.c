/*
 * Covers: what is JSON and what is not (with the place in the message), the limits, hostile texts, configuration files,
 * reading the tree, finding values in the text as they were written.  Not: memory that runs out.
 */
#include "util/json.h"

#include <locale.h>
#include <math.h>
#include <time.h>

#include "tests/tap.h"

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* A text in memory of exactly its size, so that a sanitizer sees a byte too many being read. */
static char *exact(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    memcpy(copy, text, len);
    return copy;
}

static void test_accepted(void)
{
    static const char *const texts[] = {
        "null",
        " true ",
        "false\n",
        "0",
        "-0",
        "-0.0e+10",
        "123456789012345678901234567890",
        "0.1E-5",
        "1e400",
        "\"\"",
        "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
        "\"\x7f\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1,\t[2] , {\"a\" : {\"a\":1}}]",
        "{\"\":0}",
        "{\"a\":1,\"A\":2,\"b\":{\"a\":1}}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char *text = exact(texts[i], strlen(texts[i]));
        struct err err = { 0 };
        struct json *json = json_parse(text, strlen(texts[i]), &err);

        if (!ok(json && json_check(text, strlen(texts[i]), &err) == 0, "accepts %zu", i))
            diag("%s: %s", texts[i], err.msg);
        json_free(json);
        free(text);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "line 1, column 1: the text ends where a value should be" },
        { "  \n ", "line 2, column 2: the text ends where a value should be" },
        { "\xef\xbb\xbf{}", "byte order mark" },
        { "nul", "'n' where a value" },
        { "NaN", "'N' where a value" },
        { "nullx", "column 5: 'x' where the end of the text" },
        { "{} {}", "column 4: '{' where the end of the text" },
        { "1 2", "column 3: '2' where the end" },
        { "01", "must not begin with 0" },
        { "-", "ends where a digit" },
        { "-a", "'a' where a digit" },
        { "+1", "'+' where a value" },
        { ".5", "'.' where a value" },
        { "1.", "ends where a digit" },
        { "1.e5", "'e' where a digit" },
        { "1e", "ends where a digit" },
        { "1e+", "ends where a digit" },
        { "0x10", "'x' where the end" },
        { "[1,]", "']' where a value" },
        { "[,1]", "',' where a value" },
        { "[1 2]", "'2' where ',' or ']'" },
        { "[1", "ends where ',' or ']'" },
        { "[", "ends where a value" },
        { "{", "ends where a key" },
        { "{\"a\"", "ends where ':'" },
        { "{\"a\":", "ends where a value" },
        { "{\"a\":1", "ends where ',' or '}'" },
        { "{\"a\":1,}", "'}' where a key" },
        { "{a:1}", "'a' where a key" },
        { "{1:1}", "'1' where a key" },
        { "{\"a\" 1}", "'1' where ':'" },
        { "{\"a\":1]", "']' where ',' or '}'" },
        { "'a'", "''' where a value" },
        { "\"a", "no end" },
        { "\"\\", "ends where the rest of an escape" },
        { "\"\\x\"", "escape that JSON does not have" },
        { "\"\\u12\"", "four hexadecimal digits" },
        { "\"\\u12", "four hexadecimal digits" },
        { "\"\\u0000\"", "\\u0000" },
        { "{\"\\u0000\":1}", "\\u0000" },
        { "\"\\ud800\"", "half of a surrogate" },
        { "\"\\ud800\\u0041\"", "half of a surrogate" },
        { "\"\\udc00\\ud800\"", "half of a surrogate" },
        { "\"\\ud83d\\ud83d\"", "half of a surrogate" },
        { "\"\\ud83d\\u", "half of a surrogate" },
        { "\"a\tb\"", "control character 0x09" },
        { "\"a\nb\"", "line 1, column 3: control character 0x0a" },
        { "\"\xff\"", "not UTF-8" },
        { "\"\xc0\xaf\"", "not UTF-8" },
        { "\"\xe0\x80\xaf\"", "not UTF-8" },
        { "\"\xed\xa0\x80\"", "not UTF-8" },
        { "\"\xf4\x90\x80\x80\"", "not UTF-8" },
        { "\"\xe2\x82\"", "not UTF-8" },
        { "\xc2\xa0{}", "byte 0xc2 where a value" },
        { "\v1", "byte 0x0b where a value" },
        { "// no\n1", "'/' where a value" },
        { "[1,\n  /**/2]", "line 2, column 3: '/' where a value" },
        { "{\"a\":1,\"b\":2,\"a\":3}", "column 14: duplicate key \"a\"" },
        { "{\"a\":1,\"\\u0061\":3}", "column 8: duplicate key \"a\"" },
        { "{\"\\u0061\":1,\"a\":3}", "column 13: duplicate key \"a\"" },
        { "{\"\xc3\xa9\":1,\n\"\\u00e9\":3}", "line 2, column 1: duplicate key \"\xc3\xa9\"" },
        { "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "duplicate key" },
        { "{\"\":1,\"\":2}", "duplicate key \"\"" },
        { "[{\"x\":{\"a\":1,\"a\":1}}]", "column 14: duplicate key \"a\"" },
        { "{\"a\":{\"b\":1},\"a\":{\"b\":1}}", "column 14: duplicate key \"a\"" },
        { "{\"c\":1,\"b\":1,\"c\":1,\"b\":1}", "column 14: duplicate key \"c\"" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = strlen(cases[i].text);
        char *text = exact(cases[i].text, len);
        struct err err = { 0 };
        struct json *json = json_parse(text, len, &err);

        ok(!json && json_check(text, len, NULL) == -1 && err.status == CORAX_E_ARGS, "refuses %zu", i);
        has_str(err.msg, cases[i].why, "and says why");
        json_free(json);
        free(text);
    }
    ok(json_check("[1]\0", 4, NULL) == -1, "a NUL behind the text");
    ok(json_check("\"a\0b\"", 5, NULL) == -1, "a NUL in a string");
    ok(json_check("[1\0]", 4, NULL) == -1, "a NUL between values");
}

/* Cut anywhere, a text is refused, and no byte behind the cut is read. */
static void test_truncated(void)
{
    static const char whole[] =
        "{\"a\":[1,-2.5e+3,true,false,null,\"\\ud83d\\ude00\\n\xf0\x9f\x98\x80\"],\"\\u0062\":{}}";
    size_t n_accepted = 0;

    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *text = exact(whole, len);

        n_accepted += json_check(text, len, NULL) == 0;
        json_free(json_parse(text, len, NULL));
        free(text);
    }
    is_int((long long)n_accepted, 0, "cut at every byte, it is refused");
    is_int(json_check(whole, sizeof(whole) - 1, NULL), 0, "whole, it is accepted");
}

static void test_depth(void)
{
    struct err err = { 0 };
    struct buf text;
    struct json *json;

    buf_init(&text, 10000000);
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        buf_adds(&text, i % 2 ? "[" : "{\"a\":");
    buf_adds(&text, "1");
    for (int i = JSON_MAX_DEPTH; i-- > 0;)
        buf_adds(&text, i % 2 ? "]" : "}");
    json = json_parse(text.data, text.len, &err);
    ok(json != NULL, "%d levels", JSON_MAX_DEPTH);
    json_free(json);
    buf_reset(&text);
    for (int i = 0; i <= JSON_MAX_DEPTH; i++)
        buf_addc(&text, '[');
    for (int i = 0; i <= JSON_MAX_DEPTH; i++)
        buf_addc(&text, ']');
    is_int(json_check(text.data, text.len, &err), -1, "one more");
    is_int(err.status, CORAX_E_LIMIT, "is over the limit");
    has_str(err.msg, "column 65: more than 64 levels", "and says so");
    buf_reset(&text);
    for (int i = 0; i < 1000000; i++)
        buf_adds(&text, "[{\"a\":");
    is_int(json_check(text.data, text.len, &err), -1, "two million levels are refused, not a stack overflow");
    buf_finish(&text);
}

static void test_many_values(void)
{
    struct err err = { 0 };
    struct buf text;
    struct json *json;
    double before = cpu_s();

    buf_init(&text, 10000000);
    buf_adds(&text, "[0");
    for (int i = 1; i < JSON_MAX_VALUES - 1; i++)
        buf_adds(&text, ",0");
    buf_adds(&text, "]");
    json = json_parse(text.data, text.len, &err);
    is_int((long long)json_count(json), JSON_MAX_VALUES - 1, "an array with as many values as may be");
    json_free(json);
    text.len--;
    buf_adds(&text, ",0]");
    json = json_parse_large(text.data, text.len, JSON_MAX_VALUES + 1, &err);
    is_int((long long)json_count(json), JSON_MAX_VALUES, "one more is read where the limit is");
    json_free(json);
    ok(!json_parse_large(text.data, text.len, JSON_MAX_VALUES, &err) && err.status == CORAX_E_LIMIT, "and not above it");
    is_int(json_check(text.data, text.len, &err), -1, "one more");
    is_int(err.status, CORAX_E_LIMIT, "is over the limit");
    has_str(err.msg, "more than 100000 values", "and says so");
    buf_reset(&text);
    buf_adds(&text, "[");
    for (int i = 0; i < 200000; i++)
        buf_adds(&text, "{},");
    is_int(json_check(text.data, text.len, &err), -1, "200,000 values are refused");
    is_int(err.status, CORAX_E_LIMIT, "as over the limit");

    /* One object with all the keys, plain and escaped, forwards and in an order that sorting dislikes. */
    for (int variant = 0; variant < 3; variant++) {
        buf_reset(&text);
        for (int i = 0; i < JSON_MAX_VALUES - 1; i++)
            buf_addf(&text, "%s\"%s%05d\":1", i ? "," : "{", variant == 1 ? "\\u0061" : "",
                     variant == 2 ? 99999 - i : i);
        buf_adds(&text, "}");
        json = json_parse(text.data, text.len, &err);
        is_int((long long)json_count(json), JSON_MAX_VALUES - 1, "an object with as many keys");
        json_free(json);
        text.len--;
        buf_addf(&text, ",\"%s00500\":1}", variant == 1 ? "a" : "");
        is_int(json_check(text.data, text.len, &err), -1, "too many then");
    }
    buf_reset(&text);
    for (int i = 0; i < JSON_MAX_VALUES - 2; i++)
        buf_addf(&text, "%s\"%05d\":1", i ? "," : "{", i);
    buf_adds(&text, ",\"00500\":1}");
    is_int(json_check(text.data, text.len, &err), -1, "a duplicate among 99,999 keys");
    has_str(err.msg, "duplicate key \"00500\"", "is found");
    buf_finish(&text);
    /* Comparing each key with each takes minutes; the margin is for sanitizers and busy machines. */
    ok(cpu_s() - before < 20, "all that takes little time (%.2f s)", cpu_s() - before);
}

static void test_config(void)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "{\"a\":1,}", NULL },
        { "[1,2,]", NULL },
        { "// first\n{ /* a */ \"a\" /**/ : // b\n [1 /* x */ , /* y */ ] /***/ } // last", NULL },
        { "/* \" */ 1", NULL },
        { "\"// not a comment\"", NULL },
        { "[,]", "',' where a value" },
        { "[1,,]", "',' where a value" },
        { "{,}", "',' where a key" },
        { "1 /* open", "this comment has no end" },
        { "[1 /*/]", "line 1, column 4: this comment has no end" },
        { "1 /", "'/' where the end" },
        { "{\"a\":1,\"a\":2}", "duplicate key" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = strlen(cases[i].text);
        char *text = exact(cases[i].text, len);
        struct err err = { 0 };
        struct json *json = json_parse_config(text, len, &err);

        ok((json != NULL) == (cases[i].error == NULL), "configuration %zu", i);
        if (cases[i].error)
            has_str(err.msg, cases[i].error, "the message");
        json_free(json);
        free(text);
    }
}

static void test_tree(void)
{
    static const char text[] =
        "{\"name\":\"CCO \\u00e9\\ud83d\\ude00\\n\",\"Name\":2,\"list\":[1,\"b\",null,true,{}],\"x\":{\"y\":false}}";
    struct json *root = json_parse(text, sizeof(text) - 1, NULL);
    const struct json *list = json_get(root, "list"), *v;

    is_int(json_kind(root), JSON_OBJECT, "object");
    is_str(json_text(json_get(root, "name")), "CCO \xc3\xa9\xf0\x9f\x98\x80\n", "a string is decoded");
    is_str(json_get_text(root, "name", "?"), "CCO \xc3\xa9\xf0\x9f\x98\x80\n", "the shortcut");
    is_str(json_get_text(root, "list", "?"), "?", "the shortcut on another kind");
    is_str(json_get_text(NULL, "list", "?"), "?", "the shortcut on nothing");
    ok(json_get(root, "NAME") == NULL, "keys are case-sensitive");
    is_int((long long)json_number(json_get(root, "Name"), -1), 2, "their neighbours are found");
    is_int((long long)json_count(list), 5, "five elements");
    is_int((long long)json_count(root), 4, "four members");
    v = json_first(list);
    is_int(json_kind(v), JSON_NUMBER, "number");
    ok(json_key(v) == NULL, "an element has no key");
    is_str(json_text(v), NULL, "a number is no text");
    v = json_next(v);
    is_int(json_kind(v), JSON_STRING, "string");
    v = json_next(v);
    is_int(json_kind(v), JSON_NULL, "null");
    v = json_next(v);
    is_int(json_kind(v), JSON_BOOL, "bool");
    ok(json_bool(v, false), "true");
    v = json_next(v);
    is_int(json_kind(v), JSON_OBJECT, "empty object");
    ok(json_first(v) == NULL && json_next(v) == NULL, "the end");
    ok(!json_bool(json_get(json_get(root, "x"), "y"), true), "false");
    ok(json_bool(json_get(root, "none"), true), "otherwise");
    is_str(json_key(json_first(root)), "name", "members have keys, in order");
    ok(json_get(json_get(json_get(root, "none"), "of"), "these") == NULL, "a chain through nothing");
    ok(json_get(list, "name") == NULL && json_first(json_get(root, "name")) == NULL, "other kinds have no members");
    is_int(json_kind(NULL), JSON_NONE, "nothing has no kind");
    json_free(root);
    json_free(NULL);
}

static void test_numbers(void)
{
    static const struct {
        const char *text;
        bool good;
        long long value;
        const char *why;
    } cases[] = {
        { "0", true, 0, NULL },
        { "-0", true, 0, NULL },
        { "1.0", true, 1, NULL },
        { "12e2", true, 1200, NULL },
        { "1200e-2", true, 12, NULL },
        { "0.00e5", true, 0, NULL },
        { "-9007199254740991", true, -9007199254740991, NULL },
        { "9007199254740991", true, 9007199254740991, NULL },
        { "9007199254740992", false, 0, "too large" },
        { "9007199254740993", false, 0, "too large" },
        { "1e400", false, 0, "too large" },
        { "1e99999999999999999999999", false, 0, "too large" },
        { "1e-99999999999999999999999", false, 0, "not an integer" },
        { "1.5", false, 0, "max_tokens: 1.5 is not an integer" },
        { "1.00000000000000000000000000000001", false, 0, "not an integer" },
        { "9007199254740991.4", false, 0, "not an integer" },
        { "\"1\"", false, 0, "not a number" },
    };
    struct json *json;
    struct err err;
    int64_t value;
    char digits[300];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json = json_parse(cases[i].text, strlen(cases[i].text), NULL);
        value = 4711;
        if (cases[i].good) {
            ok(json_int(json, "n", &value, NULL) == 0 && value == cases[i].value, "%s is an integer", cases[i].text);
        } else {
            ok(json_int(json, "max_tokens", &value, &err) == -1 && value == 4711, "%s is none", cases[i].text);
            has_str(err.msg, cases[i].why, "because");
        }
        json_free(json);
    }
    is_int(json_int(NULL, "n", &value, &err), -1, "nothing is none");
    has_str(err.msg, "n: is missing", "because");

    memset(digits, '7', sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = '\0';
    json = json_parse(digits, strlen(digits), NULL);
    is_str(json_digits(json), digits, "a number keeps all its digits");
    ok(fabs(json_number(json, 0) / 7.777777777777778e298 - 1) < 1e-15, "and has its value");
    json_free(json);
    json = json_parse("-1e999", 6, NULL);
    ok(json_number(json, 5) == 5, "a number too large for a double is otherwise");
    json_free(json);
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") || setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
        json = json_parse("1.5", 3, NULL);
        ok(json_number(json, 0) == 1.5, "a locale with a decimal comma changes nothing");
        json_free(json);
        setlocale(LC_NUMERIC, "C");
    }
}

static void test_find(void)
{
    static const char text[] =
        " { \"a\" : 0.30000000000000004 , \"b\":[ 9007199254740993 ,\t\"x\\u0041\", {\"c\":[]} ], \"\":1.0, \"m~n\":2,"
        "\"a/b\":3,\"\\u0061\\\"b\":4,\"~1\":5,\"\\ud83d\\ude00\":{ \"deep\" : [ [ -0 ] ] },\"last\":null} ";
    static const struct {
        const char *pointer, *value;
    } cases[] = {
        { "/a", "0.30000000000000004" },
        { "/b/0", "9007199254740993" },
        { "/b/1", "\"x\\u0041\"" },
        { "/b/2", "{\"c\":[]}" },
        { "/b/2/c", "[]" },
        { "/", "1.0" },
        { "/m~0n", "2" },
        { "/a~1b", "3" },
        { "/a\"b", "4" },
        { "/~01", "5" },
        { "/\xf0\x9f\x98\x80/deep/0/0", "-0" },
        { "/last", "null" },
        { "/b/3", NULL },
        { "/b/00", NULL },
        { "/b/01", NULL },
        { "/b/-", NULL },
        { "/b/-1", NULL },
        { "/b/", NULL },
        { "/b/1x", NULL },
        { "/b/99999999999999999999", NULL },
        { "/b/2/c/0", NULL },
        { "/a/b", NULL },
        { "/a/", NULL },
        { "/A", NULL },
        { "/m~n", NULL },
        { "/m~2n", NULL },
        { "/m~", NULL },
        { "/aa", NULL },
        { "/las", NULL },
        { "/lastt", NULL },
        { "a", NULL },
        { "/last/x", NULL },
    };
    const char *value;
    size_t len;

    is_int(json_check(text, sizeof(text) - 1, NULL), 0, "the text is good");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bool found = json_find(text, sizeof(text) - 1, cases[i].pointer, &value, &len);

        if (cases[i].value)
            ok(found && len == strlen(cases[i].value) && memcmp(value, cases[i].value, len) == 0, "finds %s as written",
               cases[i].pointer);
        else
            ok(!found, "does not find %s", cases[i].pointer);
    }
    ok(json_find(text, sizeof(text) - 1, "", &value, &len) && len == sizeof(text) - 3 && value == text + 1,
       "the root is all but the white space");
    ok(!json_find("", 0, "", &value, &len) && !json_find("[", 1, "/0", &value, &len) &&
           !json_find("{\"a\"", 4, "/a", &value, &len),
       "what is not JSON gives nothing");
}

static void test_raw(void)
{
    static const char text[] = " {\"a\" : [ 1.50 ,{ \"b\":\"\\u0041\" }] } ";
    struct json *root = json_parse(text, sizeof(text) - 1, NULL);
    const struct json *list = json_get(root, "a"), *object = json_next(json_first(list));
    const char *raw;
    size_t len;

    ok((raw = json_raw(root, &len)) == text + 1 && len == sizeof(text) - 3, "the root as written");
    ok((raw = json_raw(list, &len)) != NULL && len == 25 && memcmp(raw, "[ 1.50 ,{ \"b\":\"\\u0041\" }]", len) == 0,
       "an array as written");
    ok((raw = json_raw(json_first(list), &len)) != NULL && len == 4 && memcmp(raw, "1.50", 4) == 0,
       "a number as written");
    ok((raw = json_raw(json_get(object, "b"), &len)) != NULL && len == 8 && memcmp(raw, "\"\\u0041\"", 8) == 0,
       "a string as written");
    ok(json_raw(NULL, &len) == NULL, "nothing of nothing");
    json_free(root);
}

/* Every scalar of a document is found at its pointer, cut or not: nothing outside the text is read. */
static void test_find_truncated(void)
{
    static const char whole[] = "{\"a\":[1,{\"b~/\":\"\\u00e9\"},[[2]]],\"\\u0062\":{\"x\":-1e5}}";
    static const char *const pointers[] = { "", "/a/0", "/a/1/b~0~1", "/a/2/0/0", "/b/x", "/c" };

    for (size_t len = 0; len <= sizeof(whole) - 1; len++) {
        char *text = exact(whole, len);

        for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++) {
            const char *value = text;
            size_t value_len = 0;

            if (json_find(text, len, pointers[i], &value, &value_len) &&
                !(value >= text && value + value_len <= text + len))
                ok(false, "a value outside the text");
        }
        free(text);
    }
    ok(true, "cut texts are searched within their bounds");
}

static void test_unquote(void)
{
    static const struct {
        const char *literal, *text;
    } cases[] = {
        { "\"\"", "" },
        { "\"abc\"", "abc" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
        { "\"\\u20ac\\ud83d\\ude00\\u0041\"", "\xe2\x82\xac\xf0\x9f\x98\x80"
                                              "A" },
        { "", NULL },
        { "\"", NULL },
        { "abc", NULL },
        { "\"a\"b", NULL },
        { "\"a\" ", NULL },
        { "\"\\ud800\"", NULL },
        { "12", NULL },
    };
    struct buf out;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bool good;

        buf_init(&out, 100);
        good = json_unquote(cases[i].literal, strlen(cases[i].literal), &out);
        ok(good == (cases[i].text != NULL), "unquote %s", cases[i].literal);
        if (cases[i].text)
            is_str(out.data, cases[i].text, "gives the text");
        buf_finish(&out);
    }
    buf_init(&out, 2);
    ok(!json_unquote("\"abc\"", 5, &out), "a buffer that is too small");
    buf_finish(&out);
}

int main(void)
{
    plan_later();
    test_accepted();
    test_refused();
    test_truncated();
    test_depth();
    test_many_values();
    test_config();
    test_tree();
    test_numbers();
    test_find();
    test_raw();
    test_find_truncated();
    test_unquote();
    done();
    return tap_status();
}
