/*
 * Covers: every allocation of the JSON, schema, RPC, buffer and arena code failing once, the first, the second, and so on
 * until the work succeeds: each time the caller gets an error that says so, and (under a leak sanitizer) nothing is lost.
 * Not: allocations inside PCRE2 and the C library.
 */
#include <cjson/cJSON.h>

#include "util/arena.h"
#include "util/jsonschema.h"
#include "util/rpc.h"

#include "tests/tap.h"

static long n_left = -1; /* allocations until one fails; -1: none does */
static bool failed;

static bool fails_now(void)
{
    if (n_left < 0 || n_left-- > 0)
        return false;
    failed = true;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __real_realloc(old, size);
}

/* 0 when all went well, -1 with CORAX_E_LIMIT when it did not. */
typedef int (*work_fn)(struct err *);

static void test_each_failing(work_fn work, const char *what)
{
    bool told = true;
    long n = -1;
    int rc;

    do {
        struct err err = { 0 };

        n_left = ++n;
        failed = false;
        rc = work(&err);
        n_left = -1;
        if (failed ? rc == 0 || err.status != CORAX_E_LIMIT : rc != 0) {
            told = false;
            diag("allocation %ld: %d, status %d, %s", n, rc, err.status, err.msg);
        }
    } while (failed && n < 100000);
    ok(told && !failed && n > 0, "%s: %ld allocations", what, n);
}

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
    static const char schema[] = "{\"properties\":{\"a\":{\"items\":{\"enum\":[[1],\"b\"]},\"enum\":[[\"b\"],[[1]],[2]]"
                                 "},\"p\":{\"pattern\":\"x\"}},"
                                 "\"required\":[\"a\",\"z\"]}";
    static const char value[] = "{\"a\":[[1.0]],\"p\":\"x\",\"z\":1}";
    struct jsonschema *js = jsonschema_compile(schema, sizeof(schema) - 1, err);
    struct json *json = NULL;
    int rc = -1;

    if (js && jsonschema_root(js)->properties[0].schema->n_enum != 2)
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
    struct jsonschema *js = jsonschema_compile(schema, sizeof(schema) - 1, err);
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
    cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = free };

    plan_later();
    cJSON_InitHooks(&hooks);
    test_each_failing(parse, "parsing");
    test_each_failing(write, "writing");
    test_each_failing(validate, "compiling a schema and validating");
    test_each_failing(refuse, "refusing a value");
    test_each_failing(talk, "JSON-RPC");
    test_each_failing(borrow, "an arena");
    done();
    return tap_status();
}
