/*
 * infer: the bytes after the first two are arguments as a model writes them, read by the notation that the first byte chooses; the second
 * chooses a schema.  What is read must be JSON: an object of MARKED text, a string where a TAGS value is said to be one.  What is refused
 * gets a sentence, and leaves the buffer as it was.
 */
#include "tests/fuzz/tiny_tokenizer.h"
#include "tests/infer/notation_texts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const schemas[] = {
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":[\"integer\",\"string\"]},\"c\":{\"type\":\"array\"}}}",
    "{\"type\":\"object\",\"anyOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}}},{\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{}}}]}",
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"null\",\"object\",\"string\"]}}",
    "{\"allOf\":[{\"properties\":{\"a\":{\"enum\":[\"1\",1,true]}}},{\"patternProperties\":{\"^[ab]\":{\"maxLength\":5}}}]}",
};
#define N_SCHEMAS (sizeof schemas / sizeof schemas[0])

static void is_json(const char *text, size_t len, enum json_kind kind)
{
    struct json *v = json_parse(text, len, NULL);

    require(v != NULL && (kind == JSON_NONE || json_kind(v) == kind));
    json_free(v);
}

static void read_marked(const struct notation *n, const char *text, size_t len)
{
    struct err err = { 0 };
    struct buf json;

    buf_init(&json, 64 * len + 64);
    if (notation_read_marked(n, text, len, &json, &err) == 0)
        is_json(json.data, json.len, JSON_OBJECT);
    else
        require(json.len == 0 && err.status != 0 && err.msg[0]);
    buf_finish(&json);
}

static void read_value(const struct schema *schema, const char *name, const char *text, size_t len, int string)
{
    struct err err = { 0 };
    struct buf json;

    buf_init(&json, 64 * len + 64);
    if (notation_read_value(schema, name, text, len, string, &json, &err) == 0)
        is_json(json.data, json.len, string == 1 ? JSON_STRING : JSON_NONE);
    else
        require(json.len == 0 && err.status != 0 && err.msg[0]);
    buf_finish(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct jsonschema *compiled[N_SCHEMAS];
    const struct notation *n;
    const struct schema *schema;
    const char *text = (const char *)data + 2;
    struct err err = { 0 };
    struct buf json;

    if (len < 2)
        return 0;
    for (size_t i = 0; i < N_SCHEMAS && !compiled[i]; i++)
        require((compiled[i] = jsonschema_compile(schemas[i], strlen(schemas[i]), NULL, NULL)) != NULL);
    n = &notations[data[0] % N_NOTATIONS];
    schema = jsonschema_root(compiled[data[1] % N_SCHEMAS]);
    len -= 2;
    if (n->kind == NOTATION_MARKED) {
        read_marked(n, text, len);
        return 0;
    }
    for (int string = -1; string <= 1; string++)
        read_value(data[1] & 128 ? NULL : schema, data[1] & 64 ? "a" : "b", text, len, string);
    buf_init(&json, 64 * len + 64);
    if (read_arguments(n, schema, text, len, &json, &err) < 0)
        require(err.status != 0 && err.msg[0]);
    buf_finish(&json);
    return 0;
}
