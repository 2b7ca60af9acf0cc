/*
 * Covers: each keyword on values that match and that do not, with the message; what is no schema; drafts and references;
 * the compiled graph that the inference core walks; hostile schemas and values.  jsonschema_suite-t holds the same code against the public test
 * suite.  Not: PCRE2 itself.
 */
#include "util/jsonschema.h"

#include <time.h>

#include "tests/tap.h"

static const struct jsonschema_options strict = { .strict = true };

static struct jsonschema *compile(const char *text)
{
    struct err err = { 0 };
    struct jsonschema *js = jsonschema_compile(text, strlen(text), &strict, &err);

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
        has_str(err.msg, want, "with the message");
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
               "unknown argument \"b\"; none is known");
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
               "the value is \"a\"; give \"b\"");

    test_value("true", "1", NULL);
    test_value("{}", "{\"a\":[]}", NULL);
    test_value("false", "1", "the value is 1; give nothing: no value is allowed here");
    test_value("{\"title\":1,\"description\":2,\"default\":3,\"examples\":4,\"deprecated\":5,\"format\":\"date\","
               "\"$comment\":8,\"x-corax\":\"path\"}",
               "\"any\"", NULL);
}

static void test_applicators(void)
{
    test_value("{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}", "4", NULL);
    test_value("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\",\"minimum\":3}]}", "2",
               "the value is 2; give a number not less than 3 (the nearest of 2 alternatives)");
    test_value("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "2",
               "the value is 2, which none of 2 alternatives allows; the first is a string");
    test_value("{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}", "4",
               "the value matches alternatives 1 and 2 of 2; give a value that matches one alone");
    test_value("{\"allOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}", "2",
               "the value is 2; give a number not less than 3");
    test_value("{\"not\":{\"const\":2}}", "2", "the value is 2, which `not` excludes; give another value");
    test_value("{\"if\":{\"type\":\"string\"},\"then\":{\"minLength\":2},\"else\":{\"minimum\":2}}", "\"a\"",
               "the value has 1 characters; give at least 2");
    test_value("{\"if\":{\"type\":\"string\"},\"then\":{\"minLength\":2},\"else\":{\"minimum\":2}}", "1",
               "the value is 1; give a number not less than 2");
    test_value("{\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}", "[\"a\",1]",
               "[1]: is 1; give nothing: no value is allowed here");
    test_value("{\"contains\":{\"type\":\"string\"},\"minContains\":2}", "[\"a\",1]",
               "the value has 1 elements that are a string as `contains` wants; give at least 2");
    test_value("{\"contains\":true,\"maxContains\":1}", "[\"a\",1]",
               "the value has 2 elements that are a value as `contains` wants; give at most 1");
    test_value("{\"uniqueItems\":true}", "[1,\"1\",[1],{\"a\":1,\"b\":2}]", NULL);
    test_value("{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"b\":2.0,\"a\":1}]",
               "the value has {\"a\":1,\"b\":2} twice; give each element once");
    test_value("{\"minProperties\":1}", "{}", "the value has 0 members; give at least 1");
    test_value("{\"propertyNames\":{\"maxLength\":2}}", "{\"a\\\"b\":1}",
               "the name: has 3 characters; give at most 2");
    test_value("{\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"additionalProperties\":false}", "{\"x1\":null}", NULL);
    test_value("{\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"additionalProperties\":false}", "{\"x1\":1}",
               "x1: is 1; give null");
    test_value("{\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"additionalProperties\":false}", "{\"y\":1}",
               "unknown argument \"y\"; none is known");
    test_value("{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", "b: is missing; it is needed beside \"a\"");
    test_value("{\"dependentSchemas\":{\"a\":{\"maxProperties\":1}}}", "{\"a\":1,\"b\":1}",
               "the value has 2 members; give at most 1");
    test_value("{\"allOf\":[{\"properties\":{\"a\":true}}],\"unevaluatedProperties\":false}", "{\"a\":1,\"b\":2}",
               "unknown argument \"b\"; none is known");
    test_value("{\"anyOf\":[{\"prefixItems\":[{\"type\":\"null\"}]},true],\"unevaluatedItems\":false}", "[1]",
               "[0]: is 1; give nothing: no value is allowed here");
}

static void test_numbers(void)
{
    test_value("{\"multipleOf\":0.01}", "0.07", NULL);
    test_value("{\"multipleOf\":0.01}", "4.35", NULL);
    test_value("{\"multipleOf\":0.01}", "4.355", "the value is 4.355; give a multiple of 0.01");
    test_value("{\"multipleOf\":3}", "1e400", "the value is 1e400; give a multiple of 3");
    test_value("{\"multipleOf\":5e-324}", "1e400", NULL);
    test_value("{\"multipleOf\":7}", "-0.0", NULL);
    test_value("{\"multipleOf\":999999999999999999}", "999999999999999999000", NULL);
    test_value("{\"maximum\":9007199254740992}", "9007199254740993",
               "the value is 9007199254740993; give a number not greater than 9007199254740992");
    test_value("{\"maximum\":1e400}", "1e400", NULL);
    test_value("{\"exclusiveMaximum\":1e400}", "10e399", "the value is 10e399; give a number less than 1e400");
    test_value("{\"minimum\":-1e-400}", "-1e-399", "the value is -1e-399; give a number not less than -1e-400");
    test_value("{\"maxItems\":1e30}", "[1]", NULL);
}

static void test_references(void)
{
    test_value("{\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"n\":{\"$ref\":\"#/$defs/t\"}},"
               "\"additionalProperties\":false}},\"$ref\":\"#/$defs/t\"}",
               "{\"n\":{\"n\":{\"m\":1}}}", "n.n: unknown argument \"m\"; known are n");
    test_value("{\"properties\":{\"a\":{\"$ref\":\"#x\"}},\"required\":[\"a\"],\"$defs\":{\"b\":{\"$anchor\":\"x\",\"type\":"
               "\"string\"}}}",
               "{}", "a: is missing; give a string");
    test_value("{\"$id\":\"http://x.example/a/b\",\"properties\":{\"a\":{\"$ref\":\"../c?d\"}},\"$defs\":{\"b\":{\"$id\":"
               "\"/c?d\",\"type\":\"string\"}}}",
               "{\"a\":1}", "a: is 1; give a string");
    test_value("{\"properties\":{\"a\":{\"$ref\":\"#/default/0\"}},\"default\":[{\"type\":\"null\"}]}", "{\"a\":1}",
               "a: is 1; give null");
    test_value("{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}", "{\"properties\":{\"a\":{\"type\":\"string\"}}}",
               NULL);
    test_value("{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}", "{\"properties\":{\"a\":{\"minItems\":-1}}}",
               "properties.a.minItems: is -1; give a number not less than 0");
    test_value("{\"$ref\":\"http://json-schema.org/draft-07/schema#\"}", "{\"items\":[{\"uniqueItems\":1}]}",
               "items[0].uniqueItems: is 1; give true or false (the nearest of 2 alternatives)");
}

#define DRAFT(n) "\"$schema\":\"http://json-schema.org/draft-0" #n "/schema#\","

static void test_drafts(void)
{
    test_value("{" DRAFT(4) "\"const\":1,\"if\":true,\"then\":false,\"contains\":false,\"propertyNames\":false}",
               "{\"a\":2}", NULL);
    test_value("{" DRAFT(4) "\"minimum\":1,\"exclusiveMinimum\":true}", "1",
               "the value is 1; give a number greater than 1");
    test_value("{" DRAFT(4) "\"type\":\"integer\"}", "1.0", "the value is 1.0; give an integer");
    test_value("{" DRAFT(6) "\"type\":\"integer\"}", "1.0", NULL);
    test_value("{" DRAFT(6) "\"if\":true,\"then\":false}", "1", NULL);
    test_value("{" DRAFT(7) "\"if\":true,\"then\":false}", "1", "the value is 1; give nothing: no value is allowed here");
    test_value("{" DRAFT(7) "\"properties\":{\"a\":{\"$ref\":\"#/definitions/b\",\"minimum\":5}},\"definitions\":{\"b\":{"
               "\"type\":\"integer\"}}}",
               "{\"a\":1}", NULL);
    test_value("{\"properties\":{\"a\":{\"$ref\":\"#/definitions/b\",\"minimum\":5}},\"definitions\":{\"b\":{\"type\":"
               "\"integer\"}}}",
               "{\"a\":1}", "a: is 1; give a number not less than 5");
    test_value("{" DRAFT(4) "\"properties\":{\"a\":{\"$ref\":\"#x\"}},\"definitions\":{\"b\":{\"id\":\"#x\",\"type\":\"null\"}}}",
               "{\"a\":1}", "a: is 1; give null");
    test_value("{" DRAFT(7) "\"$ref\":\"#x\",\"type\":\"string\",\"definitions\":{\"b\":{\"$id\":\"#x\",\"type\":\"null\"}}}", "1",
               "the value is 1; give null");
    test_value("{\"items\":[{\"type\":\"null\"}],\"additionalItems\":{\"type\":\"string\"}}", "[null,1]",
               "[1]: is 1; give a string");
    test_value("{\"dependencies\":{\"a\":[\"b\"],\"c\":{\"required\":[\"d\"]}}}", "{\"c\":1}", "d: is missing; give a value");
    test_value("{\"type\":\"string\",\"nullable\":true}", "null", NULL);
    test_value("{" DRAFT(7) "\"type\":\"string\",\"nullable\":true}", "null", "the value is null; give a string");
    test_value("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"dependencies\":{\"a\":[\"b\"]}}", "{\"a\":1}",
               NULL);
    test_value("{\"$schema\":\"https://json-schema.org/draft/2019-09/schema\",\"$recursiveAnchor\":true,\"properties\":{\"a\":"
               "{\"$recursiveRef\":\"#\"}},\"type\":\"object\"}",
               "{\"a\":{\"a\":1}}", "a.a: is 1; give an object");
}

/* What only one of several documents says. */
static void test_documents(void)
{
    static const char main_text[] = "{\"$id\":\"http://x.example/main\",\"properties\":{\"a\":{\"$ref\":\"other#/$defs/n\"}}}",
                      other[] = "{\"$defs\":{\"n\":{\"$ref\":\"#/$defs/m\"},\"m\":{\"type\":\"null\"}}}";
    const struct jsonschema_document document = { "http://x.example/other", other, sizeof(other) - 1 };
    const struct jsonschema_options options = { .documents = &document, .n_documents = 1 };
    struct err err = { 0 };
    struct jsonschema *js = jsonschema_compile(main_text, sizeof(main_text) - 1, &options, &err);
    struct json *value = json_parse("{\"a\":1}", 7, &err);

    ok(js != NULL, "with another document: %s", err.msg);
    ok(js && jsonschema_validate(js, value, &err) < 0, "which counts");
    is_str(err.msg, "a: is 1; give null", "with its message");
    jsonschema_destroy(js);
    err.msg[0] = '\0';
    ok(!jsonschema_compile(main_text, sizeof(main_text) - 1, NULL, &err), "without it");
    has_str(err.msg, "schema: /properties/a: the reference \"other#/$defs/n\" leads to a document that is not here",
            "nothing is fetched");
    json_free(value);
}

/* Where nobody asks for strictness unknown keywords are annotations, and a pattern is looked at when it is needed. */
static void test_lenient(void)
{
    static const char text[] = "{\"xyz\":1,\"properties\":{\"p\":{\"pattern\":\"[\"}}}";
    struct err err = { 0 };
    struct jsonschema *js = jsonschema_compile(text, sizeof(text) - 1, NULL, &err);
    struct json *good = json_parse("{\"q\":\"a\"}", 9, &err), *bad = json_parse("{\"p\":\"a\"}", 9, &err);

    ok(js != NULL, "an unknown keyword, and a bad pattern");
    ok(js && jsonschema_validate(js, good, &err) == 0, "that is not needed");
    ok(js && jsonschema_validate(js, bad, &err) < 0, "or is");
    has_str(err.msg, "schema: /properties/p: pattern: at byte 1", "with its place");
    json_free(good);
    json_free(bad);
    jsonschema_destroy(js);
}

static void test_patterns(void)
{
    test_value("{\"pattern\":\"^\\\\p{Lowercase_Letter}+$\"}", "\"\xc3\xa9\"", NULL);
    test_value("{\"pattern\":\"^\\\\P{Letter}$\"}", "\"a\"", "the value is \"a\"; give text that matches ^\\P{Letter}$");
    test_value("{\"pattern\":\"^\\\\p{Script=Greek}$\"}", "\"\xce\xb1\"", NULL);
    test_value("{\"pattern\":\"^\\\\uD83D\\\\uDE00$\"}", "\"\xf0\x9f\x98\x80\"", NULL);
    test_value("{\"pattern\":\"^\\\\w$\"}", "\"\xc3\xa9\"", "the value is \"\xc3\xa9\"; give text that matches ^\\w$");
    test_value("{\"pattern\":\"^\\\\s[\\\\s]$\"}", "\"\xc2\xa0\xef\xbb\xbf\"", NULL);
    test_value("{\"pattern\":\"^[^\\\\s]|\\\\S$\"}", "\"\xe2\x80\xa8\"", "give text that matches");
    test_value("{\"patternProperties\":{\"^\\\\d$\":false}}", "{\"a\":1}", NULL);
}

static void test_not_schemas(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "schema: line 1, column 1" },
        { "5", "schema: a schema is an object" },
        { "{\"$ref\":\"#\"}", "schema: the reference leads back to itself" },
        { "{\"$dynamicRef\":\"#a\",\"$dynamicAnchor\":\"a\"}", "leads back to itself" },
        { "{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}", "leads back to itself" },
        { "{\"properties\":{\"x\":{\"foo\":1}}}", "schema: /properties/x: keyword \"foo\" is not known" },
        { "{\"items\":{\"additionalProperties\":{\"anyOf\":[]}}}",
          "schema: /items/additionalProperties: anyOf is an empty list" },
        { "{\"xyz\":1}", "keyword \"xyz\" is not known" },
        { "{\"allOf\":{}}", "allOf is not a list of schemas" },
        { "{\"oneOf\":[{},5]}", "/oneOf/1: a schema is an object" },
        { "{\"not\":5}", "/not: a schema is" },
        { "{\"$defs\":[]}", "$defs is not an object" },
        { "{\"$defs\":{\"a\":5}}", "/$defs/a: a schema is" },
        { "{\"$ref\":5}", "$ref is not a string" },
        { "{\"$ref\":\"#/$defs/a\"}", "the reference \"#/$defs/a\" leads nowhere" },
        { "{\"$ref\":\"#%zz\"}", "is not a URI" },
        { "{\"items\":{\"$ref\":\"#/const\"},\"const\":5}", "/const: a schema is an object" },
        { "{\"$ref\":\"http://x.example/\"}", "the reference \"http://x.example/\" leads to a document that is not here" },
        { "{\"$id\":5}", "$id is not a string" },
        { "{\"$schema\":5}", "$schema is not a string" },
        { "{\"$anchor\":5}", "$anchor is not a string" },
        { "{\"uniqueItems\":1}", "uniqueItems is not true or false" },
        { "{\"nullable\":1}", "nullable is not true or false" },
        { "{\"dependentRequired\":{\"a\":[1]}}", "dependentRequired: \"a\" is not a list of names" },
        { "{\"dependentSchemas\":{\"a\":[]}}", "/dependentSchemas/a: a schema is" },
        { "{\"patternProperties\":[]}", "patternProperties is not an object" },
        { "{\"patternProperties\":{\"(\":{}}}", "pattern: at byte 1" },
        { "{\"multipleOf\":1234567890123456789}", "multipleOf has more than 18 digits" },
        { "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"items\":[{}]}", "items is a list" },
        { "{" DRAFT(7) "\"exclusiveMinimum\":true}", "exclusiveMinimum is not a number" },
        { "{" DRAFT(4) "\"exclusiveMinimum\":1}", "exclusiveMinimum is not true or false" },
        { "{\"type\":\"float\"}", "type \"float\" does not exist" },
        { "{\"type\":[]}", "type is an empty list" },
        { "{\"type\":[5]}", "type is neither" },
        { "{\"type\":5}", "type is neither" },
        { "{\"properties\":[]}", "properties is not an object" },
        { "{\"properties\":{\"a\":5}}", "/properties/a: a schema is an object" },
        { "{\"required\":true}", "required is not a list" },
        { "{\"required\":[1]}", "required is not a list" },
        { "{\"additionalProperties\":5}", "/additionalProperties: a schema is" },
        { "{\"minItems\":-1}", "minItems is not an integer from 0 on" },
        { "{\"maxLength\":1.5}", "maxLength is not an integer from 0 on" },
        { "{\"minimum\":\"1\"}", "minimum is not a number" },
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
        struct jsonschema *js = jsonschema_compile(cases[i].text, strlen(cases[i].text), &strict, &err);

        ok(js == NULL && err.status == CORAX_E_ARGS, "is no schema: %s", cases[i].text);
        has_str(err.msg, cases[i].why, "and says why");
        jsonschema_destroy(js);
    }
    jsonschema_destroy(NULL);
}

static void test_graph(void)
{
    struct jsonschema *js =
        compile("{\"type\":[\"object\",\"null\"],\"required\":[\"q\",\"z\",\"a\",\"q\"],\"properties\":{\"z\":{\"enum\":"
                "[ {\"k\" : 1.0} , \"x\"]},\"a\":{\"type\":\"integer\",\"maximum\":5,\"exclusiveMaximum\":5,\"minimum\":"
                "-1}},\"additionalProperties\":{\"pattern\":\"x\",\"items\":{\"$ref\":\"#\"}}}");
    const struct schema *s = jsonschema_root(js);

    is_int(s->types, SCHEMA_OBJECT | SCHEMA_NULL, "types");
    is_str(s->pointer, "", "the root's place");
    is_int((long long)s->n_properties, 3, "properties, with one that is only required");
    is_str(s->properties[0].name, "z", "in the order of the text");
    is_str(s->properties[1].name, "a", "in the order of the text");
    is_str(s->properties[2].name, "q", "the rest behind");
    ok(s->properties[0].required && s->properties[1].required && s->properties[2].required, "all required");
    ok(s->properties[2].schema == NULL, "what is not described has no schema");
    is_str(s->additional->pattern, "x", "a pattern");
    is_str(s->additional->items->pointer, "/additionalProperties/items", "a place");
    ok(s->additional->items->ref == s, "a reference is its target");
    is_int((long long)s->properties[0].schema->n_values, 2, "enum");
    is_str(json_text(s->properties[0].schema->values[1]), "x", "with its values");
    s = s->properties[1].schema;
    is_str(json_digits(s->maximum), "5", "a bound");
    ok(s->exclusive_max && !s->exclusive_min, "of two the tighter");
    is_int(s->min_items, -1, "no bound");
    jsonschema_destroy(js);
    js = compile("{\"items\":[{},false],\"additionalItems\":false,\"dependencies\":{\"a\":[\"b\",\"c\"],\"d\":{}}}");
    s = jsonschema_root(js);
    ok(s->n_prefix == 2 && s->prefix[1]->never && s->items->never, "a list of items");
    ok(s->n_depends == 2 && s->depends[0].n_required == 2 && !s->depends[0].schema && s->depends[1].schema, "dependencies");
    is_str(s->depends[0].required[1], "c", "with their names");
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

static void limited(const char *schema, const char *value, const char *what)
{
    struct jsonschema *js = compile(schema);
    struct json *json = json_parse(value, strlen(value), NULL);
    struct err err = { 0 };
    clock_t before = clock();

    ok(js && jsonschema_validate(js, json, &err) < 0 && err.status == CORAX_E_LIMIT, "%s: %s", what, err.msg);
    ok((double)(clock() - before) / CLOCKS_PER_SEC < 10, "soon");
    json_free(json);
    jsonschema_destroy(js);
}

static void test_endless(void)
{
    struct buf schema;

    limited("{\"anyOf\":[{\"$ref\":\"#\"}]}", "1", "alternatives that lead back");
    limited("{\"not\":{\"$ref\":\"#\"}}", "1", "a negation that leads back");
    limited("{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}],\"unevaluatedProperties\":false}", "{\"a\":1}",
            "all of which lead back");
    buf_init(&schema, 100000);
    buf_adds(&schema, "{\"$defs\":{\"d0\":false");
    for (int i = 1; i < 60; i++)
        buf_addf(&schema, ",\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}", i, i - 1, i - 1);
    buf_adds(&schema, "},\"$ref\":\"#/$defs/d59\"}");
    limited(schema.data, "1", "alternatives that double at each step");
    buf_finish(&schema);
}

/* Names that would make a careless compiler square: pointers of long keys, one key required many times. */
static void test_long_names(void)
{
    const int n = 20000;
    struct err err = { 0 };
    struct jsonschema *js;
    struct buf schema;
    clock_t before = clock();

    buf_init(&schema, 4000000);
    buf_adds(&schema, "{\"properties\":{\"");
    for (int i = 0; i < 500000; i++)
        buf_addc(&schema, 'k');
    buf_adds(&schema, "\":{\"properties\":{\"a\":{}");
    for (int i = 0; i < n; i++)
        buf_addf(&schema, ",\"%d\":{\"$ref\":\"#/$defs/%d\"}", i, i);
    buf_adds(&schema, "}}},\"$defs\":{\"a\":{}");
    for (int i = 0; i < n; i++)
        buf_addf(&schema, ",\"%d\":{}", i);
    buf_adds(&schema, "},\"required\":[\"a\"");
    for (int i = 0; i < n; i++)
        buf_addf(&schema, ",\"%d\"", i % 10);
    buf_adds(&schema, "]}");
    js = jsonschema_compile(schema.data, schema.len, &strict, &err);
    ok(js && jsonschema_root(js)->n_properties == 12, "long names and many references: %s", err.msg);
    ok((double)(clock() - before) / CLOCKS_PER_SEC < 5, "in %.2f s", (double)(clock() - before) / CLOCKS_PER_SEC);
    jsonschema_destroy(js);
    buf_finish(&schema);
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
    test_applicators();
    test_numbers();
    test_references();
    test_drafts();
    test_documents();
    test_lenient();
    test_patterns();
    test_not_schemas();
    test_graph();
    test_hostile();
    test_endless();
    test_long_names();
    test_deep();
    done();
    return tap_status();
}
