/*
 * Covers: every allocation of the JSON, schema, RPC, buffer and arena code failing, the first, the second, and so on until
 * the work succeeds, alone and with all that follow: each time the caller gets an error that says so, and (under a leak sanitizer) nothing is lost.
 * Not: allocations inside PCRE2 and the C library.
 */
#include "util/arena.h"
#include "util/jsonschema.h"
#include "util/rpc.h"

#include "tests/oom.h"

static int parse(struct err *err)
{
    struct buf text;
    struct json *json;
    int rc;

    buf_init(&text, 10000);
    for (int i = 0; i < 40; i++)
        buf_addf(&text, "%s\"k\\u0061%d\":[%d,\"\\n\",{\"a\":null}]", i ? "," : "{", i, i);
    buf_adds(&text, "}");
    if (text.failed) {
        buf_finish(&text);
        return fail(err, CORAX_E_LIMIT, "the test's own text");
    }
    rc = json_check(text.data, text.len, err);
    if (rc == 0) {
        json = json_parse(text.data, text.len, err);
        rc = json ? 0 : -1;
        json_free(json);
    }
    buf_finish(&text);
    return rc;
}

static int write(struct err *err)
{
    static const char text[] = "{\"b\":[1.50,\"x\"],\"a\":{\"d\":1,\"c\":2}}";
    struct json *json = json_parse(text, sizeof(text) - 1, err);
    struct buf out;
    struct jsonw w;
    bool good;

    if (!json)
        return -1;
    buf_init(&out, 10000);
    w = jsonw_start(&out);
    jsonw_value(&w, NULL, json);
    json_canonical(json, &out);
    good = !out.failed && json_unquote("\"\\u0041\"", 8, &out);
    buf_finish(&out);
    json_free(json);
    return good ? 0 : fail(err, CORAX_E_LIMIT, "buffer");
}

static int validate(struct err *err)
{
    static const char schema[] =
        "{\"properties\":{\"a\":{\"items\":{\"enum\":[[1],\"b\",2,3,4,5]},\"enum\":[[\"b\"],[[1]],[2]],\"uniqueItems\":true},"
        "\"p\":{\"pattern\":\"x\"},\"r\":{\"$ref\":\"#/$defs/r\"}},\"patternProperties\":{\"^q\":{}},"
        "\"propertyNames\":{\"maxLength\":1},\"$defs\":{\"r\":{\"$id\":\"http://x.example/y\",\"$anchor\":\"r\"}},"
        "\"dependentRequired\":{\"a\":[\"p\"]},\"anyOf\":[{\"minProperties\":2}],\"unevaluatedProperties\":true,"
        "\"required\":[\"a\",\"z\"]}";
    static const char value[] = "{\"a\":[[1.0]],\"p\":\"x\",\"z\":1}";
    struct jsonschema *js = jsonschema_compile(schema, sizeof(schema) - 1, NULL, err);
    struct json *json = NULL;
    int rc = -1;

    if (js && jsonschema_root(js)->properties[0].schema->n_values != 3)
        fail(err, CORAX_E_INTERNAL, "a value of enum was lost");
    else if (js && (json = json_parse(value, sizeof(value) - 1, err)) != NULL)
        rc = jsonschema_validate(js, json, err);
    json_free(json);
    jsonschema_destroy(js);
    return rc;
}

static int refuse(struct err *err)
{
    static const char schema[] = "{\"required\":[\"z\"],\"properties\":{\"z\":{}}}";
    struct jsonschema *js = jsonschema_compile(schema, sizeof(schema) - 1, NULL, err);
    struct json *json = js ? json_parse("{}", 2, err) : NULL;
    int rc = -1;

    if (json && jsonschema_validate(js, json, err) != 0)
        rc = err->status == CORAX_E_ARGS ? 0 : -1;
    json_free(json);
    jsonschema_destroy(js);
    return rc;
}

static int talk(struct err *err)
{
    static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{}}\n";
    struct rpc_reader reader;
    struct rpc_msg msg;
    struct buf out;
    struct jsonw w;
    const char *got;
    size_t len;
    int rc;

    rpc_reader_init(&reader);
    buf_init(&out, 1000);
    rc = rpc_reader_feed(&reader, line, sizeof(line) - 1, err);
    if (rc == 0 && rpc_reader_next(&reader, &got, &len))
        rc = rpc_parse(got, len, &msg, err);
    if (rc == 0) {
        w = rpc_result_start(&out, msg.id, msg.id_len);
        jsonw_text(&w, "text", "a text that is long enough for the buffer to grow at least once more after its start");
        rpc_end(&w);
        if (out.failed)
            rc = fail(err, CORAX_E_LIMIT, "buffer");
        rpc_msg_finish(&msg);
    }
    buf_finish(&out);
    rpc_reader_finish(&reader);
    return rc;
}

static int borrow(struct err *err)
{
    struct arena *arena = arena_create(1 << 20);
    bool good = arena != NULL;

    for (size_t i = 1; i < 10 && good; i++)
        good = arena_alloc(arena, i * 4000) && arena_printf(arena, "%zu", i);
    arena_destroy(arena);
    return good ? 0 : fail(err, CORAX_E_LIMIT, "arena");
}

int main(void)
{
    plan_later();
    oom_each("parsing", parse);
    oom_each("writing", write);
    oom_each("compiling a schema and validating", validate);
    oom_each("refusing a value", refuse);
    oom_each("JSON-RPC", talk);
    oom_each("an arena", borrow);
    done();
    return tap_status();
}
