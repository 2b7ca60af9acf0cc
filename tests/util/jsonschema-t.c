/*
 * Covers: each keyword on values that match and that do not, with the message; what is no schema; the compiled tree that
 * the inference core walks; hostile schemas and values.  jsonschema_suite-t holds the same code against the public test
 * suite.  Not: PCRE2 itself.
 */
#include "util/jsonschema.h"

#include <time.h>

#include "tests/tap.h"

static struct jsonschema *compile(const char *text)
{
    struct err err = { 0 };
    struct jsonschema *js = jsonschema_compile(text, strlen(text), &err);

    if (!js)
        diag("%s: %s", text, err.msg);
    return js;
}

/* want NULL: it matches; else a part of the message. */
static void test_value(const char *schema, const char *value, const char *want)
{
    struct jsonschema *js = compile(schema);
    struct json *json = json_parse(value, strlen(value), NULL);
    struct err err = { 0 };
    int rc = js && json ? jsonschema_validate(js, json, &err) : -2;

    if (!want) {
        if (!ok(rc == 0, "%s matches %s", value, schema))
            diag("%s", err.msg);
    } else {
        ok(rc == -1 && err.status == CORAX_E_ARGS, "%s does not match %s", value, schema);
        is_str(err.msg, want, "with the message");
        is_int(jsonschema_validate(js, json, NULL), -1, "and without one");
    }
    json_free(json);
    jsonschema_destroy(js);
}

#define TOOL                                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"smiles\":{\"type\":\"string\",\"maxLength\":10},"                        \
    "\"unit\":{\"enum\":[\"g/mol\",\"kg/mol\"]},\"options\":{\"type\":\"object\",\"properties\":{\"depths\":"        \
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":1}},\"v\":{\"const\":2}},"                      \
    "\"additionalProperties\":false,\"required\":[\"depths\"]}},\"required\":[\"smiles\"],\"additionalProperties\":" \
    "false}"

static void test_messages(void)
{
    test_value(TOOL, "{\"smiles\":\"CCO\"}", NULL);
    test_value(TOOL, "{\"smiles\":\"CCO\",\"unit\":\"g/mol\",\"options\":{\"depths\":[1,2.0],\"v\":2.0}}", NULL);
    test_value(TOOL, "{}", "smiles: is missing; give a string");
    test_value(TOOL, "{\"smiles\":5}", "smiles: is 5; give a string");
    test_value(TOOL, "{\"smile\":\"C\"}", "unknown argument \"smile\"; known are smiles, unit, options");
    test_value(TOOL, "[1]", "the value is an array; give an object");
    test_value(TOOL, "null", "the value is null; give an object");
    test_value(TOOL, "{\"smiles\":\"CCCCCCCCCCC\"}", "smiles: has 11 characters; give at most 10");
    test_value(TOOL, "{\"smiles\":\"C\",\"unit\":\"t\"}", "unit: is \"t\"; give one of \"g/mol\", \"kg/mol\"");
    test_value(TOOL, "{\"smiles\":\"C\",\"options\":{}}", "options.depths: is missing; give an array");
    test_value(TOOL, "{\"smiles\":\"C\",\"options\":{\"depths\":[1,0]}}",
               "options.depths[1]: is 0; give a number not less than 1");
    test_value(TOOL, "{\"smiles\":\"C\",\"options\":{\"depths\":[1.5]}}", "options.depths[0]: is 1.5; give an integer");
    test_value(TOOL, "{\"smiles\":\"C\",\"options\":{\"depths\":[],\"v\":3}}", "options.v: is 3; give 2");
    test_value(TOOL, "{\"smiles\":\"C\",\"options\":{\"depths\":[],\"x\":3}}",
               "options: unknown argument \"x\"; known are depths, v");
    test_value("{\"additionalProperties\":false}", "{\"x\":1}", "unknown argument \"x\"; none is known");
    test_value("{\"type\":\"string\"}", "[\"012345678901234567890123456789012345678901234567890\"]",
               "the value is an array; give a string");
    test_value("{\"type\":\"integer\"}", "\"012345678901234567890123456789012345678901234567890\"",
               "the value is \"0123456789012345678901234567890123456789...\"; give an integer");
    test_value("{\"type\":[\"null\",\"integer\",\"number\",\"boolean\"]}", "{}",
               "the value is an object; give a number or true or false or null");
    test_value("{\"required\":[\"u\"],\"properties\":{\"u\":{\"enum\":[1,\"b\"]}}}", "{}",
               "u: is missing; give one of 1, \"b\"");
    test_value("{\"required\":[\"u\"]}", "{}", "u: is missing; give a value");
}

static void test_keywords(void)
{
    test_value("{\"type\":\"integer\"}", "1.0", NULL);
    test_value("{\"type\":\"integer\"}", "1e400", NULL);
    test_value("{\"type\":\"integer\"}", "1.00000000000000000001",
               "the value is 1.00000000000000000001; give an integer");
    test_value("{\"type\":\"number\"}", "1", NULL);
    test_value("{\"type\":\"boolean\"}", "0", "the value is 0; give true or false");
    test_value("{\"type\":[\"string\",\"null\"]}", "null", NULL);

    test_value("{\"minimum\":1,\"exclusiveMinimum\":0.5}", "1", NULL);
    test_value("{\"minimum\":1,\"exclusiveMinimum\":1}", "1", "the value is 1; give a number greater than 1");
    test_value("{\"exclusiveMaximum\":3,\"maximum\":4}", "3", "the value is 3; give a number less than 3");
    test_value("{\"maximum\":3}", "3", NULL);
    test_value("{\"maximum\":3}", "3.1", "the value is 3.1; give a number not greater than 3");
    test_value("{\"maximum\":3}", "1e400", "the value is 1e400; give a number not greater than 3");
    test_value("{\"minimum\":3}", "-1e400", "the value is -1e400; give a number not less than 3");
    test_value("{\"minimum\":3}", "\"not a number\"", NULL);
    test_value("{\"multipleOf\":0.1}", "0.3", NULL);
    test_value("{\"multipleOf\":0.0001}", "0.0075", NULL);
    test_value("{\"multipleOf\":5}", "7", "the value is 7; give a multiple of 5");
    test_value("{\"multipleOf\":1}", "10000000000.3", "the value is 10000000000.3; give a multiple of 1");
    test_value("{\"multipleOf\":0.123456789}", "1e308", "the value is 1e308; give a multiple of 0.123456789");

    test_value("{\"minLength\":2,\"maxLength\":2}", "\"\xc3\xa9\xf0\x9f\x98\x80\"", NULL);
    test_value("{\"minLength\":2}", "\"\xf0\x9f\x98\x80\"", "the value has 1 characters; give at least 2");
    test_value("{\"minItems\":1}", "[]", "the value has 0 elements; give at least 1");
    test_value("{\"maxItems\":1.0}", "[1,2]", "the value has 2 elements; give at most 1");
    test_value("{\"items\":false}", "[]", NULL);
    test_value("{\"items\":false}", "[1]", "[0]: is 1; give nothing: no value is allowed here");
    test_value("{\"items\":true}", "[1,null]", NULL);

    test_value("{\"pattern\":\"^[a-z]+$\"}", "\"abc\"", NULL);
    test_value("{\"pattern\":\"b\"}", "\"abc\"", NULL);
    test_value("{\"pattern\":\"^[a-z]+$\"}", "\"abc\\n\"", "the value is \"abc \"; give text that matches ^[a-z]+$");
    test_value("{\"pattern\":\"^.$\"}", "\"\xf0\x9f\x98\x80\"", NULL);
    test_value("{\"pattern\":\"^\\\\u0041\\\\d$\"}", "\"A7\"", NULL);
    test_value("{\"pattern\":\"^\\\\d$\"}", "\"\xd9\xa3\"", "the value is \"\xd9\xa3\"; give text that matches ^\\d$");

    test_value("{\"additionalProperties\":{\"type\":\"string\"},\"properties\":{\"a\":true}}", "{\"a\":1,\"b\":\"x\"}",
               NULL);
    test_value("{\"additionalProperties\":{\"type\":\"string\"},\"properties\":{\"a\":true}}", "{\"b\":1}",
               "b: is 1; give a string");
    test_value("{\"additionalProperties\":{\"type\":\"string\"},\"required\":[\"b\"]}", "{\"b\":1}",
               "b: is 1; give a string");
    test_value("{\"additionalProperties\":false,\"required\":[\"b\"]}", "{\"b\":1}",
               "b: is 1; give nothing: no value is allowed here");
    test_value("{\"required\":[\"b\",\"b\",\"a\",\"b\"]}", "{\"a\":1,\"b\":1}", NULL);
    test_value("{\"required\":[]}", "{}", NULL);
    test_value("{\"properties\":{\"a\":false}}", "{\"a\":1}", "a: is 1; give nothing: no value is allowed here");
    test_value("{\"properties\":{\"a\":false}}", "{\"b\":1}", NULL);

    test_value("{\"const\":{\"a\":[1,\"b\"],\"c\":null}}", "{\"c\":null,\"a\":[1.0,\"b\"]}", NULL);
    test_value("{\"const\":1}", "true", "the value is true; give 1");
    test_value("{\"const\":9007199254740993}", "9007199254740992",
               "the value is 9007199254740992; give 9007199254740993");
    test_value("{\"enum\":[\"a\",\"b\"],\"const\":\"b\"}", "\"b\"", NULL);
    test_value("{\"enum\":[\"a\",\"b\"],\"const\":\"b\"}", "\"a\"", "the value is \"a\"; give \"b\"");
    test_value("{\"enum\":[\"a\",null],\"type\":\"string\"}", "null", "the value is null; give \"a\"");
    test_value("{\"enum\":[]}", "1", "the value is 1; give nothing: no value is allowed here");
    test_value("{\"enum\":[\"a\"],\"const\":\"b\"}", "\"a\"",
               "the value is \"a\"; give nothing: no value is allowed here");

    test_value("true", "1", NULL);
    test_value("{}", "{\"a\":[]}", NULL);
    test_value("false", "1", "the value is 1; give nothing: no value is allowed here");
    test_value("{\"title\":1,\"description\":2,\"default\":3,\"examples\":4,\"deprecated\":5,\"format\":\"date\",\"$"
               "schema\":6,"
               "\"$id\":7,\"$comment\":8,\"x-corax\":\"path\"}",
               "\"any\"", NULL);
}

static void test_not_schemas(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "schema: line 1, column 1" },
        { "5", "schema: a schema is an object" },
        { "{\"$ref\":\"#\"}", "schema: keyword \"$ref\" is not supported" },
        { "{\"properties\":{\"x\":{\"$ref\":\"#\"}}}", "schema: /properties/x: keyword \"$ref\" is not supported" },
        { "{\"items\":{\"additionalProperties\":{\"anyOf\":[]}}}",
          "schema: /items/additionalProperties: keyword \"anyOf\"" },
        { "{\"xyz\":1}", "keyword \"xyz\" is not supported" },
        { "{\"type\":\"float\"}", "type \"float\" does not exist" },
        { "{\"type\":[]}", "type is an empty list" },
        { "{\"type\":[5]}", "type is neither" },
        { "{\"type\":5}", "type is neither" },
        { "{\"properties\":[]}", "properties is not an object" },
        { "{\"properties\":{\"a\":5}}", "/properties/a: a schema is an object" },
        { "{\"required\":true}", "required is not a list" },
        { "{\"required\":[1]}", "required is not a list" },
        { "{\"additionalProperties\":5}", "/additionalProperties: a schema is" },
        { "{\"items\":[{}]}", "items is a list" },
        { "{\"minItems\":-1}", "minItems is not an integer from 0 on" },
        { "{\"maxLength\":1.5}", "maxLength is not an integer from 0 on" },
        { "{\"minimum\":\"1\"}", "minimum is not a number" },
        { "{\"minimum\":1e999}", "minimum is not a number" },
        { "{\"exclusiveMinimum\":true}", "exclusiveMinimum is not a number" },
        { "{\"multipleOf\":0}", "multipleOf is not above 0" },
        { "{\"pattern\":5}", "pattern is not a string" },
        { "{\"pattern\":\"a(\"}", "pattern: at byte 2: missing closing parenthesis" },
        { "{\"properties\":{\"p\":{\"pattern\":\"a\"},\"q\":{\"pattern\":\"[\"}}}",
          "/properties/q: pattern: at byte 1" },
        { "{\"enum\":{}}", "enum is not a list" },
        { "{\"a\":1,\"a\":1}", "duplicate key" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = { 0 };
        struct jsonschema *js = jsonschema_compile(cases[i].text, strlen(cases[i].text), &err);

        ok(js == NULL && err.status == CORAX_E_ARGS, "is no schema: %s", cases[i].text);
        has_str(err.msg, cases[i].why, "and says why");
        jsonschema_destroy(js);
    }
    jsonschema_destroy(NULL);
}

static void test_tree(void)
{
    struct jsonschema *js =
        compile("{\"type\":[\"object\",\"null\"],\"required\":[\"q\",\"z\",\"a\"],\"properties\":{\"z\":{\"enum\":"
                "[ {\"k\" : 1.0} , \"x\"]},\"a\":{\"type\":\"integer\",\"maximum\":5}},\"additionalProperties\":"
                "{\"pattern\":\"x\"}}");
    const struct schema *s = jsonschema_root(js);

    is_int(s->types, SCHEMA_OBJECT | SCHEMA_NULL, "types");
    is_int((long long)s->n_properties, 3, "properties, with one that is only required");
    is_str(s->properties[0].name, "z", "in the order of the text");
    is_str(s->properties[1].name, "a", "in the order of the text");
    is_str(s->properties[2].name, "q", "the rest behind");
    ok(s->properties[0].required && s->properties[1].required && s->properties[2].required, "all required");
    ok(s->properties[2].schema == s->additional_schema, "what is not described is as additional members are");
    is_str(s->additional_schema->pattern, "x", "with its pattern");
    is_int((long long)s->properties[0].schema->n_enum, 2, "enum");
    is_str(s->properties[0].schema->enum_json[0], "{\"k\":1.0}", "as JSON without white space");
    is_str(s->properties[0].schema->enum_json[1], "\"x\"", "as JSON");
    ok(s->properties[1].schema->has_max && s->properties[1].schema->max == 5 && !s->properties[1].schema->has_min,
       "bounds");
    is_int(s->min_items, -1, "no bound");
    jsonschema_destroy(js);
}

/* Schema and value both from outside: everything must end soon.  Done naively, each of these takes minutes to years. */
static void test_hostile(void)
{
    const int n = 30000;
    struct buf schema, value;
    struct jsonschema *js;
    struct json *json;
    struct err err = { 0 };
    clock_t before = clock();

    buf_init(&schema, 10000000);
    buf_init(&value, 10000000);

    buf_adds(&schema, "{\"items\":{\"enum\":[0");
    for (int i = 0; i < n; i++)
        buf_addf(&schema, ",\"%d\"", i);
    buf_adds(&schema, "]}}");
    for (int i = 0; i < 2 * n; i++)
        buf_addf(&value, "%c\"%d\"", i ? ',' : '[', n - 1 - i % n);
    buf_adds(&value, "]");
    js = compile(schema.data);
    json = json_parse(value.data, value.len, &err);
    is_int(jsonschema_validate(js, json, &err), 0, "a long list against a long enum");
    json_free(json);
    jsonschema_destroy(js);

    buf_reset(&schema);
    buf_reset(&value);
    buf_adds(&schema, "{\"required\":[\"x\"");
    for (int i = 0; i < n; i++)
        buf_addf(&schema, ",\"%05d\"", i);
    buf_adds(&schema, "],\"properties\":{\"x\":{}");
    for (int i = 0; i < n; i++)
        buf_addf(&schema, ",\"%05d\":{}", n - i);
    buf_adds(&schema, "}}");
    for (int i = 0; i < n; i++)
        buf_addf(&value, "%c\"%05d\":0", i ? ',' : '{', i);
    buf_adds(&value, "}");
    js = compile(schema.data);
    json = json_parse(value.data, value.len, &err);
    is_int(jsonschema_validate(js, json, &err), -1, "many members against many properties, one missing");
    is_str(err.msg, "x: is missing; give a value", "with its name");
    json_free(json);
    jsonschema_destroy(js);

    js = compile("{\"items\":{\"pattern\":\"^(a|a)*$\"}}");
    buf_reset(&value);
    for (int i = 0; i < 2000; i++)
        buf_addf(&value, "%c\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"", i ? ',' : '[');
    buf_adds(&value, "]");
    json = json_parse(value.data, value.len, &err);
    is_int(jsonschema_validate(js, json, &err), -1, "a pattern that takes exponential time");
    has_str(err.msg, "takes too long", "is stopped");
    json_free(json);
    jsonschema_destroy(js);

    /* From each byte on, the first branch runs to the end of the text; only the last byte matches, the second. */
    js = compile("{\"items\":{\"pattern\":\"[^bc]*[bc]|z$\"}}");
    buf_reset(&value);
    for (int i = 0; i < 60; i++) {
        buf_adds(&value, i ? ",\"" : "[\"");
        for (int k = 0; k < 16000; k++)
            buf_addc(&value, 'a');
        buf_adds(&value, "z\"");
    }
    buf_adds(&value, "]");
    json = json_parse(value.data, value.len, &err);
    is_int(jsonschema_validate(js, json, &err), -1, "texts on which a pattern takes quadratic time");
    has_str(err.msg, "the patterns of this value take too long", "use up the budget");
    json_free(json);
    buf_reset(&value);
    buf_adds(&value, "[\"y");
    for (int k = 0; k < SCHEMA_MAX_MATCHED; k++)
        buf_addc(&value, 'a');
    buf_adds(&value, "\"]");
    json = json_parse(value.data, value.len, &err);
    is_int(jsonschema_validate(js, json, &err), -1, "a text that is too long for a pattern");
    is_str(err.msg, "[0]: has 16385 bytes; a text with a pattern may have 16384", "with the limit");
    json_free(json);
    jsonschema_destroy(js);
    buf_finish(&schema);
    buf_finish(&value);
    ok((double)(clock() - before) / CLOCKS_PER_SEC < 30, "all in %.1f s", (double)(clock() - before) / CLOCKS_PER_SEC);
}

static void test_deep(void)
{
    struct err err = { 0 };
    struct buf schema, value;
    struct jsonschema *js;
    struct json *json;

    buf_init(&schema, 10000);
    buf_init(&value, 10000);
    for (int i = 0; i < JSON_MAX_DEPTH - 1; i++)
        buf_adds(&schema, "{\"items\":");
    buf_adds(&schema, "{}");
    for (int i = 0; i < JSON_MAX_DEPTH - 1; i++)
        buf_addc(&schema, '}');
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        buf_addc(&value, '[');
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        buf_addc(&value, ']');
    js = compile(schema.data);
    json = json_parse(value.data, value.len, &err);
    ok(js && json && jsonschema_validate(js, json, &err) == 0, "the deepest schema on the deepest value");
    json_free(json);
    jsonschema_destroy(js);
    buf_finish(&schema);
    buf_finish(&value);
}

int main(void)
{
    plan_later();
    test_messages();
    test_keywords();
    test_not_schemas();
    test_tree();
    test_hostile();
    test_deep();
    done();
    return tap_status();
}
