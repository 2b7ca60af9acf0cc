/*
 * Covers: commas, nesting, escapes, bytes that are not UTF-8, numbers that read back the same, raw text, copying a parsed
 * value with its digits, a buffer that is too small.
 */
#include "util/json.h"

#include <float.h>
#include <locale.h>
#include <math.h>

#include "tests/tap.h"

static void test_shape(void)
{
    struct buf out;
    struct jsonw w;
    struct err err;

    buf_init(&out, 10000);
    buf_adds(&out, "before ");
    w = jsonw_start(&out);
    is_int((long long)w.start, 7, "it knows where it began");
    jsonw_object(&w, NULL);
    jsonw_text(&w, "a", "b");
    jsonw_array(&w, "list");
    jsonw_int(&w, NULL, 1);
    jsonw_object(&w, NULL);
    jsonw_end(&w);
    jsonw_array(&w, NULL);
    jsonw_end(&w);
    jsonw_object(&w, NULL);
    jsonw_null(&w, "x");
    jsonw_bool(&w, "y", true);
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_raw(&w, "raw", "{ \"n\" : 1.0 }", 13);
    jsonw_text(&w, "none", NULL);
    jsonw_int(&w, "min", INT64_MIN);
    jsonw_text(&w, "\"\n", "key");
    jsonw_end(&w);
    is_str(out.data,
           "before {\"a\":\"b\",\"list\":[1,{},[],{\"x\":null,\"y\":true}],\"raw\":{ \"n\" : 1.0 },\"none\":null,"
           "\"min\":-9223372036854775808,\"\\\"\\n\":\"key\"}",
           "commas and nesting");
    is_int(json_check(out.data + 7, out.len - 7, &err), 0, "is JSON");
    buf_reset(&out);
    w = jsonw_start(&out);
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        jsonw_array(&w, NULL);
    jsonw_int(&w, NULL, 1);
    jsonw_int(&w, NULL, 2);
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        jsonw_end(&w);
    is_int(json_check(out.data, out.len, &err), 0, "as deep as may be");
    buf_finish(&out);

    buf_init(&out, 10);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "key", "a longer value");
    jsonw_end(&w);
    ok(out.failed, "a buffer that is too small fails");
    buf_finish(&out);
}

static void test_strings(void)
{
    static const struct {
        const char *text;
        size_t len;
        const char *want;
    } cases[] = {
        { "", 0, "\"\"" },
        { "\"\\/\b\f\n\r\t\x01\x1f\x7f", 11, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"" },
        { "\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
        { "a\xff"
          "b\xc3",
          4,
          "\"a\xef\xbf\xbd"
          "b\xef\xbf\xbd\"" },
        { "\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "a\0b", 3,
          "\"a\xef\xbf\xbd"
          "b\"" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out;
        struct jsonw w;

        buf_init(&out, 100);
        w = jsonw_start(&out);
        jsonw_string(&w, NULL, cases[i].text, cases[i].len);
        is_str(out.data, cases[i].want, "string");
        is_int(json_check(out.data, out.len, NULL), 0, "is JSON");
        buf_finish(&out);
    }
}

static const char *number_text(double value)
{
    static char text[64];
    struct buf out;
    struct jsonw w;

    buf_init(&out, 60);
    w = jsonw_start(&out);
    jsonw_number(&w, NULL, value);
    snprintf(text, sizeof(text), "%s", out.data);
    buf_finish(&out);
    return text;
}

static void test_numbers(void)
{
    uint64_t bits = 88172645463325252u;
    char text[40];
    bool same = true;

    is_str(number_text(0.1), "0.1", "0.1");
    is_str(number_text(0.1 + 0.2), "0.30000000000000004", "0.1 + 0.2");
    is_str(number_text(9007199254740991.0), "9007199254740991", "2^53 - 1");
    is_str(number_text(-0.0), "-0", "-0");
    is_str(number_text(1e300), "1e+300", "1e300");
    is_str(number_text(5e-324), "4.94065645841247e-324", "the smallest double");
    same = true;
    for (int i = 1; i < 20000; i++) {
        snprintf(text, sizeof(text), "%.15g", i / 1000.0);
        same &= strcmp(number_text(i / 1000.0), text) == 0;
    }
    ok(same, "decimals are as short as they can be");
    same = true;
    is_str(number_text(0.0004), "0.0004", "four decimals");
    is_str(number_text(999999.999), "999999.999", "999999.999");
    is_str(number_text(NAN), "null", "not a number");
    is_str(number_text(-INFINITY), "null", "infinity");
    for (int i = 0; i < 20000; i++) {
        double value;
        struct json *json;

        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17; /* xorshift64 */
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        json = json_parse(number_text(value), strlen(number_text(value)), NULL);
        same &= json && json_number(json, NAN) == value;
        json_free(json);
    }
    ok(same, "20,000 doubles of random bits read back the same");
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") || setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
        is_str(number_text(0.5), "0.5", "a locale with a decimal comma changes nothing");
        setlocale(LC_NUMERIC, "C");
    }
}

static void test_copy(void)
{
    static const char text[] =
        "{\"a\":[9007199254740993,0.30000000000000004,1.0,-0e1,{}],\"b\":\"\\u0001\",\"c\":[null,false]}";
    struct json *json = json_parse(text, sizeof(text) - 1, NULL);
    struct buf out;
    struct jsonw w;

    buf_init(&out, 1000);
    w = jsonw_start(&out);
    jsonw_array(&w, NULL);
    jsonw_value(&w, NULL, json);
    jsonw_value(&w, NULL, NULL);
    jsonw_end(&w);
    out.data[out.len - 6] = '\0';
    is_str(out.data + 1, text, "a copy has its numbers as written");
    buf_finish(&out);
    json_free(json);
}

int main(void)
{
    plan_later();
    test_shape();
    test_strings();
    test_numbers();
    test_copy();
    done();
    return tap_status();
}
