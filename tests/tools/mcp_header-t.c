/*
 * mcp_header-t - arguments that are headers too: which schemas may say so, and what their values become.
 */
#include "tools/mcp_header.h"

#include "tests/tap.h"

static bool is_good(const char *property)
{
    char text[600], why[160] = "";
    struct json *schema;
    bool good;

    snprintf(text, sizeof(text), "{\"type\":\"object\",\"properties\":{%s}}", property);
    schema = json_parse(text, strlen(text), NULL);
    if (schema == NULL)
        return ok(false, "%s is no JSON", text);
    good = mcp_headers_are_good(schema, why, sizeof(why));
    json_free(schema);
    if (!good)
        ok(strstr(why, "x-mcp-header of ") != NULL, "  why: %s", why);
    return good;
}

static void test_schemas(void)
{
    static const char *const bad[] = {
        "\"a\":{\"type\":\"string\",\"x-mcp-header\":\"\"}",
        "\"a\":{\"type\":\"string\",\"x-mcp-header\":7}",
        "\"a\":{\"type\":\"string\",\"x-mcp-header\":\"a b\"}",
        "\"a\":{\"type\":\"string\",\"x-mcp-header\":\"a:b\"}",
        "\"a\":{\"type\":\"string\",\"x-mcp-header\":\"a\\nb\"}",
        "\"a\":{\"type\":\"string\",\"x-mcp-header\":\"R\xc3\xa9gion\"}",
        "\"a\":{\"type\":\"number\",\"x-mcp-header\":\"A\"}",
        "\"a\":{\"type\":\"object\",\"x-mcp-header\":\"A\"}",
        "\"a\":{\"type\":[\"string\"],\"x-mcp-header\":\"A\"}",
        "\"a\":{\"x-mcp-header\":\"A\"}",
        "\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A\"},\"b\":{\"type\":\"string\",\"x-mcp-header\":\"a\"}",
    };

    ok(is_good("\"a\":{\"type\":\"string\",\"x-mcp-header\":\"A-1\"},\"b\":{\"type\":\"integer\",\"x-mcp-header\":\"B\"},"
               "\"c\":{\"type\":\"boolean\",\"x-mcp-header\":\"C\"},\"d\":{\"type\":\"number\"}"),
       "names that are good");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ok(!is_good(bad[i]), "not %s", bad[i]);
}

static void add(void *arg, const char *name, const char *value)
{
    buf_addf(arg, "%s=%s|", name, value);
}

static void test_values(void)
{
    static const char schema_text[] = "{\"properties\":{\"s\":{\"x-mcp-header\":\"S\"},\"i\":{\"x-mcp-header\":\"I\"},\"b\":{\"x-mcp-header\":\"B\"},"
                                      "\"n\":{\"x-mcp-header\":\"N\"},\"o\":{\"x-mcp-header\":\"O\"},\"p\":{\"type\":\"string\"}}}";
    static const struct {
        const char *args, *want;
    } cases[] = {
        { "{\"s\":\"us west\",\"i\":42,\"b\":false,\"n\":null,\"p\":\"no\"}", "Mcp-Param-S=us west|Mcp-Param-I=42|Mcp-Param-B=false|" },
        { "{\"s\":\"\"}", "Mcp-Param-S=|" },
        { "{\"s\":\"Hello, \xe4\xb8\x96\"}", "Mcp-Param-S==?base64?SGVsbG8sIOS4lg==?=|" },
        { "{\"s\":\" padded \"}", "Mcp-Param-S==?base64?IHBhZGRlZCA=?=|" },
        { "{\"s\":\"a\\r\\nX: y\"}", "Mcp-Param-S==?base64?YQ0KWDogeQ==?=|" },
        { "{\"s\":\"\\tx\"}", "Mcp-Param-S==?base64?CXg=?=|" },
        { "{\"s\":\"=?base64?x?=\"}", "Mcp-Param-S==?base64?PT9iYXNlNjQ/eD89?=|" },
        { "{\"o\":{\"x\":1},\"i\":12345678901234567890}", "Mcp-Param-I=12345678901234567890|" },
        { "[]", "" },
    };
    struct json *schema = json_parse(schema_text, sizeof(schema_text) - 1, NULL);
    struct buf out;

    buf_init(&out, 65536);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct json *args = json_parse(cases[i].args, strlen(cases[i].args), NULL);

        buf_reset(&out);
        mcp_headers_each(schema, args, add, &out);
        is_str(out.data, cases[i].want, cases[i].args);
        json_free(args);
    }
    buf_finish(&out);
    json_free(schema);
}

int main(void)
{
    plan_later();
    test_schemas();
    test_values();
    done();
    return tap_status();
}
