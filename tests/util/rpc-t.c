/*
 * Covers: every kind of message, what is none, ids as written, lines fed whole, in pieces and byte by byte, lines that are
 * too long, line breaks in raw text, answers that do not fit.
 */
#include "util/rpc.h"

#include <time.h>

#include "tests/tap.h"

static void test_kinds(void)
{
    static const struct {
        const char *line;
        enum rpc_kind kind;
        const char *id;
        long long id_int;
    } cases[] = {
        { "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"a\"}", RPC_REQUEST, "7", 7 },
        { "{\"jsonrpc\":\"2.0\",\"id\": \"x\\u0041\" ,\"method\":\"a\",\"params\":[]}", RPC_REQUEST, "\"x\\u0041\"",
          -1 },
        { "{\"jsonrpc\":\"2.0\",\"id\":-3,\"method\":\"a\",\"params\":null}", RPC_REQUEST, "-3", -1 },
        { "{\"jsonrpc\":\"2.0\",\"id\":123456789012345678901234,\"method\":\"a\"}", RPC_REQUEST,
          "123456789012345678901234", -1 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":{\"id\":1}}", RPC_NOTIFICATION, NULL, -1 },
        { " {\"result\":null,\"id\":0,\"jsonrpc\":\"2.0\"}\r", RPC_RESULT, "0", 0 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"status\":-6}}}",
          RPC_ERROR, "1", 1 },
        { "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"m\"}}", RPC_ERROR, "null", -1 },
    };
    struct rpc_msg msg;
    struct err err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (!ok(rpc_parse(cases[i].line, strlen(cases[i].line), &msg, &err) == 0, "message %zu", i)) {
            diag("%s", err.msg);
            continue;
        }
        is_int(msg.kind, cases[i].kind, "kind");
        if (cases[i].id)
            ok(msg.id_len == strlen(cases[i].id) && memcmp(msg.id, cases[i].id, msg.id_len) == 0, "id as written");
        else
            ok(!msg.id, "no id");
        is_int(msg.id_int, cases[i].id_int, "id as an integer");
        if (msg.kind == RPC_REQUEST || msg.kind == RPC_NOTIFICATION)
            is_str(msg.method, "a", "method");
        if (msg.kind == RPC_ERROR)
            is_str(msg.error_message, "m", "error message");
        rpc_msg_finish(&msg);
    }
    rpc_parse(cases[6].line, strlen(cases[6].line), &msg, &err);
    is_int(msg.error_code, RPC_TOOL_FAILED, "error code");
    is_int((long long)json_number(json_get(msg.error_data, "status"), 0), CORAX_E_LIMIT, "error data");
    rpc_msg_finish(&msg);
}

static void test_malformed(void)
{
    static const struct {
        const char *line, *why;
    } cases[] = {
        { "", "the text ends" },
        { "hello", "where a value should be" },
        { "[]", "not an object" },
        { "[{\"jsonrpc\":\"2.0\",\"method\":\"a\"}]", "not an object" },
        { "{}", "jsonrpc is not" },
        { "{\"jsonrpc\":2.0,\"method\":\"a\"}", "jsonrpc is not" },
        { "{\"jsonrpc\":\"1.0\",\"method\":\"a\"}", "jsonrpc is not" },
        { "{\"jsonrpc\":\"2.0\"}", "neither method nor result" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1}", "neither method nor result" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}", "method is not a string" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"a\"}", "neither an integer nor a string" },
        { "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"a\"}", "neither an integer nor a string" },
        { "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"a\"}", "id of a request is null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":5}", "params is neither" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"result\":5}", "cannot have a result" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":5,\"error\":{}}", "both a result and an error" },
        { "{\"jsonrpc\":\"2.0\",\"result\":5}", "without an id" },
        { "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":5}", "id of a result is null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":null}", "error is not an object" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1}}", "error is not an object" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1e10,\"message\":\"\"}}", "error is not an object" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"a\"}", "duplicate key \"id\"" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rpc_msg msg;
        struct err err = { 0 };

        is_int(rpc_parse(cases[i].line, strlen(cases[i].line), &msg, &err), -1, "is no message");
        is_int(err.status, CORAX_E_ARGS, "status");
        has_str(err.msg, cases[i].why, "and says why");
    }
}

/* What came out, lines joined by '|'. */
static void take_all(struct rpc_reader *reader, struct buf *out)
{
    const char *line;
    size_t len;

    while (rpc_reader_next(reader, &line, &len)) {
        buf_add(out, line, len);
        buf_addc(out, '|');
    }
}

static void test_reader(void)
{
    static const char stream[] = "one\n\ntwo\r\n\r\n\n three \nfour\nrest";
    struct err err = { 0 };

    for (size_t piece = 1; piece <= sizeof(stream); piece++) {
        struct rpc_reader reader;
        struct buf out;

        rpc_reader_init(&reader);
        buf_init(&out, 1000);
        for (size_t at = 0; at < sizeof(stream) - 1; at += piece) {
            size_t n = sizeof(stream) - 1 - at < piece ? sizeof(stream) - 1 - at : piece;

            if (rpc_reader_feed(&reader, stream + at, n, &err) != 0)
                diag("%s", err.msg);
            if (piece % 3 != 0)
                take_all(&reader, &out);
        }
        take_all(&reader, &out);
        if (strcmp(out.data, "one|two| three |four|") != 0)
            is_str(out.data, "one|two| three |four|", "lines");
        buf_finish(&out);
        rpc_reader_finish(&reader);
    }
    ok(true, "lines in pieces of 1 to %zu bytes", sizeof(stream));
}

static void test_long_lines(void)
{
    char *line = malloc(RPC_MAX_LINE + 10);
    struct rpc_reader reader;
    struct err err = { 0 };
    const char *got;
    size_t len;
    clock_t before;
    size_t n_lines = 0;

    memset(line, 'x', RPC_MAX_LINE + 10);
    rpc_reader_init(&reader);
    is_int(rpc_reader_feed(&reader, line, RPC_MAX_LINE - 1, &err), 0, "a line of the largest size");
    is_int(rpc_reader_feed(&reader, "\n", 1, &err), 0, "with its newline");
    ok(rpc_reader_next(&reader, &got, &len) && len == RPC_MAX_LINE - 1, "comes out");
    is_int(rpc_reader_feed(&reader, "good\n", 5, &err), 0, "a short one");
    is_int(rpc_reader_feed(&reader, line, RPC_MAX_LINE, &err), -1, "a line that cannot end in time");
    is_int(err.status, CORAX_E_LIMIT, "is over the limit");
    ok(rpc_reader_next(&reader, &got, &len) && len == 4, "the line before it comes out");
    ok(!rpc_reader_next(&reader, &got, &len), "and nothing else");
    is_int(rpc_reader_feed(&reader, "\ngood\n", 6, &err), -1, "the reader stays failed");
    rpc_reader_finish(&reader);

    line[RPC_MAX_LINE] = '\n';
    rpc_reader_init(&reader);
    is_int(rpc_reader_feed(&reader, line, RPC_MAX_LINE + 1, &err), -1, "one byte too long, in one piece");
    ok(!rpc_reader_next(&reader, &got, &len), "does not come out");
    rpc_reader_finish(&reader);

    rpc_reader_init(&reader);
    line[RPC_MAX_LINE - 1] = '\n';
    for (int i = 0; i < 4; i++)
        is_int(rpc_reader_feed(&reader, line, RPC_MAX_LINE, &err), 0, "lines may wait");
    is_int(rpc_reader_feed(&reader, line, RPC_MAX_LINE, &err), -1, "but not without end");
    rpc_reader_finish(&reader);

    /* Byte by byte, and many small lines that are taken late: a rescan for each would take minutes. */
    before = clock();
    rpc_reader_init(&reader);
    for (size_t i = 0; i < RPC_MAX_LINE; i++)
        if (rpc_reader_feed(&reader, line + i, 1, &err) != 0)
            break;
    ok(rpc_reader_next(&reader, &got, &len) && len == RPC_MAX_LINE - 1, "a large line byte by byte");
    for (size_t i = 0; i < RPC_MAX_LINE; i++) {
        if (rpc_reader_feed(&reader, "ab\n", 3, &err) != 0)
            break;
        if (i % 2)
            n_lines += rpc_reader_next(&reader, &got, &len);
    }
    while (rpc_reader_next(&reader, &got, &len))
        n_lines++;
    is_int((long long)n_lines, RPC_MAX_LINE, "a million lines, taken half as fast as they come");
    ok((double)(clock() - before) / CLOCKS_PER_SEC < 20, "in little time");
    rpc_reader_finish(&reader);
    free(line);
}

static void test_writing(void)
{
    static const char raw[] = "{\n \"n\": 1.0,\r\n\"s\":\"a\\nb\"}";
    static const char frame[] = "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"text\":\"\"}}\n";
    struct rpc_msg msg;
    struct err err = { 0 };
    struct buf out;
    struct jsonw w;
    char *large;
    size_t len;

    buf_init(&out, 3 * RPC_MAX_LINE);
    w = rpc_request_start(&out, 7, "tools/call");
    jsonw_raw(&w, "arguments", raw, sizeof(raw) - 1);
    rpc_end(&w);
    is_str(out.data,
           "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"arguments\":{  \"n\": 1.0,\r "
           "\"s\":\"a\\nb\"}}}\n",
           "a request; line breaks in raw text are spaces");
    len = out.len;
    w = rpc_notification_start(&out, "note");
    rpc_end(&w);
    is_str(out.data + len, "{\"jsonrpc\":\"2.0\",\"method\":\"note\",\"params\":{}}\n", "a notification behind it");
    buf_reset(&out);
    w = rpc_result_start(&out, "\"a\"", 3);
    jsonw_array(&w, "x");
    jsonw_end(&w);
    rpc_end(&w);
    is_str(out.data, "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{\"x\":[]}}\n", "a result");
    buf_reset(&out);
    rpc_write_error(&out, NULL, 0, RPC_PARSE_ERROR, "bad\n");
    is_str(out.data, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"bad\\n\"}}\n",
           "an error");
    buf_reset(&out);
    fail(&err, CORAX_E_DENIED, "no");
    rpc_write_failure(&out, "5", 1, &err);
    is_int(rpc_parse(out.data, out.len - 1, &msg, &err), 0, "a failure can be read");
    is_int(msg.error_code, RPC_TOOL_FAILED, "its code");
    is_int((long long)json_number(json_get(msg.error_data, "status"), 0), CORAX_E_DENIED, "its status");
    is_str(msg.error_message, "no", "its message");
    rpc_msg_finish(&msg);

    large = malloc(RPC_MAX_LINE);
    memset(large, 'x', RPC_MAX_LINE);
    len = out.len;
    w = rpc_result_start(&out, "5", 1);
    jsonw_string(&w, "text", large, RPC_MAX_LINE);
    rpc_end(&w);
    ok(out.failed, "a line that is too long fails");
    is_int((long long)out.len, (long long)len, "and leaves the message before it");
    buf_reset(&out);
    w = rpc_result_start(&out, "5", 1);
    jsonw_string(&w, "text", large, RPC_MAX_LINE - (sizeof(frame) - 1));
    rpc_end(&w);
    is_int((long long)out.len, RPC_MAX_LINE, "a line of the largest size");
    ok(!out.failed, "is good");
    free(large);
    buf_finish(&out);
}

int main(void)
{
    plan_later();
    test_kinds();
    test_malformed();
    test_reader();
    test_long_lines();
    test_writing();
    done();
    return tap_status();
}
