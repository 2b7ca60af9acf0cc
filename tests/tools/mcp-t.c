/*
 * mcp-t - the client's messages of both revisions, byte by byte, and reading what servers answer, well-formed and not.
 *
 * Not here: a real server's answers (host-t talks to corax-host with the same functions).
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"
#include "tools/mcp.h"

#define CLIENT "{\"name\":\"" PACKAGE_NAME "\",\"version\":\"" PACKAGE_VERSION "\"}"
#define META                                                                 \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," \
    "\"io.modelcontextprotocol/clientCapabilities\":{},\"io.modelcontextprotocol/clientInfo\":" CLIENT

static struct buf out;
static struct arena *arena;
static struct rpc_msg msg;
static bool has_msg;

static void wrote(const char *line, const char *what)
{
    is_str(out.data, line, what);
    buf_reset(&out);
}

static void test_requests(void)
{
    mcp_write_discover(&out, 1);
    wrote("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\",\"params\":{" META "}}}\n", "discover");
    mcp_write_initialize(&out, 2, false);
    wrote("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\","
          "\"capabilities\":{},\"clientInfo\":" CLIENT "}}\n",
          "initialize");
    mcp_write_initialized(&out);
    wrote("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\",\"params\":{}}\n", "initialized");
    mcp_write_ping(&out, MCP_LEGACY, 3);
    wrote("{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\",\"params\":{}}\n", "ping");
    mcp_write_list(&out, MCP_MODERN, 4, "c\"1");
    wrote("{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"tools/list\",\"params\":{\"cursor\":\"c\\\"1\"," META "}}}\n",
          "list");
    mcp_write_list(&out, MCP_LEGACY, 5, NULL);
    wrote("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/list\",\"params\":{\"_meta\":{}}}\n", "an older list");
    mcp_write_call(&out, MCP_MODERN, 6, "calc", "{\"x\": 9007199254740993.10}", 26, 5000, NULL);
    wrote("{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"tools/call\",\"params\":{\"name\":\"calc\",\"arguments\":"
          "{\"x\": 9007199254740993.10}," META ",\"progressToken\":6,\"corax/deadline_ms\":5000}}}\n",
          "a call keeps the bytes of its arguments");
    mcp_write_call(&out, MCP_LEGACY, 7, "calc", "{\n\"x\":\r\n1}", 10, 0, NULL);
    wrote("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"calc\",\"arguments\":{ "
          "\"x\":\r 1},"
          "\"_meta\":{\"progressToken\":7}}}\n",
          "but its line breaks");
    mcp_write_cancel(&out, 7, "enough");
    wrote("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
          "cancelled\",\"params\":{\"requestId\":7,\"reason\":\"enough\"}}\n",
          "cancel");
}

static void test_too_long(void)
{
    char *args = malloc(RPC_MAX_LINE);

    memset(args, ' ', RPC_MAX_LINE);
    args[0] = '{';
    args[RPC_MAX_LINE - 1] = '}';
    mcp_write_call(&out, MCP_MODERN, 1, "calc", args, RPC_MAX_LINE, 0, NULL);
    ok(out.failed, "arguments that do not fit into a line fail the buffer");
    buf_reset(&out);
    free(args);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static struct rpc_msg *parse(const char *line)
{
    struct err err;

    if (has_msg)
        rpc_msg_finish(&msg);
    has_msg = rpc_parse(line, strlen(line), &msg, &err) == 0;
    if (!has_msg)
        diag("%s: %s", line, err.msg);
    return &msg;
}

static struct rpc_msg *answer(const char *result)
{
    static char line[8192];

    snprintf(line, sizeof line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":%s}", result);
    return parse(line);
}

static void test_servers(void)
{
    struct mcp_server s = { 0 };
    struct err err;

    ok(mcp_read_discover(
           answer("{\"resultType\":\"complete\",\"supportedVersions\":[\"2027-01-01\",\"2026-07-28\"],"
                  "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"s\",\"version\":\"2\"}}}"),
           &s, &err) == 0,
       "a modern server");
    ok(s.era == MCP_MODERN && strcmp(s.name, "s") == 0 && strcmp(s.version, "2") == 0, "who it is");
    ok(mcp_read_discover(answer("{\"supportedVersions\":[\"2027-01-01\"]}"), &s, &err) == -1,
       "one of another revision");
    ok(mcp_read_discover(answer("{}"), &s, &err) == -1, "one that says nothing");
    ok(mcp_read_discover(parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"no\"}}"), &s,
                         &err) == -1,
       "one that does not know discover");
    ok(mcp_read_initialize(
           answer("{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"serverInfo\":{\"name\":"
                  "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                  "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
                  "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}}"),
           &s, &err) == 0,
       "an older server");
    ok(s.era == MCP_LEGACY && strlen(s.name) == 62, "a long name is cut between characters");
    ok(mcp_read_initialize(answer("{\"protocolVersion\":\"1999-01-01\"}"), &s, &err) == -1,
       "one of no revision we know");
    has_str(err.msg, "1999-01-01", "is named");
}

static void test_lists(void)
{
    const char *next = "x";
    struct err err;

    ok(mcp_read_list(answer("{\"tools\":[],\"nextCursor\":\"p2\"}"), &next, &err) == 0 && strcmp(next, "p2") == 0,
       "a first page");
    ok(mcp_read_list(answer("{\"tools\":[]}"), &next, &err) == 0 && next == NULL, "a last page");
    ok(mcp_read_list(answer("{\"tools\":{}}"), &next, &err) == -1, "no list");
}

static int read_result(const char *result, struct tool_result *r, struct err *err)
{
    memset(r, 0, sizeof *r);
    arena_reset(arena);
    return mcp_read_result(answer(result), arena, r, err);
}

static void test_results(void)
{
    struct tool_result r;
    struct err err;

    ok(read_result(
           "{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\",\"mimeType\":\"image/png\",\"data\":"
           "\"iVBORwA=\"},{\"type\":\"resource_link\",\"uri\":\"file:///x\"},{\"type\":\"resource\",\"resource\":"
           "{\"uri\":\"u\",\"text\":\"inside\"}},{\"type\":\"resource\",\"resource\":{\"uri\":\"u\",\"blob\":\"\"}},"
           "{\"type\":\"audio\",\"mimeType\":\"audio/wav\",\"data\":\"\"}],\"structuredContent\":{\"n\": 1.50}}",
           &r, &err) == 0,
       "a result of all kinds of parts");
    is_int((long long)r.n_parts, 6, "six");
    ok(!r.error && r.status == CORAX_OK, "no error");
    is_str(r.parts[0].data, "a", "text");
    ok(r.parts[1].len == 5 && memcmp(r.parts[1].data, "\x89PNG\0", 5) == 0, "an image, decoded");
    ok(r.parts[2].kind == MCP_LINK && strcmp(r.parts[2].data, "file:///x") == 0, "a link");
    is_str(r.parts[3].data, "inside", "a resource's text");
    ok(r.parts[3].kind == MCP_TEXT && strcmp(r.parts[3].uri, "u") == 0 && r.parts[0].uri == NULL, "with its name");
    ok(r.parts[4].kind == MCP_BLOB && r.parts[4].len == 0 && strcmp(r.parts[4].uri, "u") == 0, "a resource's bytes, with its name");
    ok(r.parts[5].kind == MCP_AUDIO && r.parts[5].len == 0, "a sound of no length");
    ok(r.structured_len == 11 && memcmp(r.structured, "{\"n\": 1.50}", 11) == 0, "structured content as it was sent");
    ok(read_result("{\"content\":[],\"structuredContent\":[1]}", &r, &err) == 0 && r.n_parts == 1 &&
           strcmp(r.parts[0].data, "[1]") == 0,
       "structured content alone is also the text");
    ok(read_result("{\"content\":[{\"type\":\"text\",\"text\":\"no\"}],\"isError\":true,\"_meta\":{\"corax/"
                   "status\":\"limit\"}}",
                   &r, &err) == 0 &&
           r.error && r.status == CORAX_E_LIMIT,
       "a failure with its status");
    ok(read_result("{\"content\":[],\"isError\":true}", &r, &err) == 0 && r.status == CORAX_E_INTERNAL, "one without");
    ok(read_result("{\"content\":[],\"isError\":true,\"_meta\":{\"corax/status\":\"ok\"}}", &r, &err) == 0 &&
           r.status == CORAX_E_INTERNAL,
       "a failure cannot be ok");
}

static void refuses(const char *result, const char *sentence)
{
    struct tool_result r;
    struct err err = { 0 };

    ok(read_result(result, &r, &err) == -1, "%.60s", result);
    has_str(err.msg, sentence, "  is refused with the reason");
}

static void test_bad_results(void)
{
    struct buf many;
    struct tool_result r;
    struct err err;

    refuses("{}", "no content");
    refuses("7", "no result object");
    refuses("{\"content\":{}}", "no content");
    refuses("{\"resultType\":\"input_required\",\"inputRequests\":{}}",
            "\"input_required\", which corax does not support");
    refuses("{\"content\":[{\"type\":\"hologram\"}]}", "unknown type \"hologram\"");
    refuses("{\"content\":[{}]}", "unknown type");
    refuses("{\"content\":[{\"type\":\"text\"}]}", "no text");
    refuses("{\"content\":[{\"type\":\"image\",\"data\":\"a*b\"}]}", "no base64");
    refuses("{\"content\":[{\"type\":\"image\"}]}", "no base64");
    buf_init(&many, 1 << 16);
    buf_adds(&many, "{\"content\":[0");
    for (int i = 0; i < MCP_MAX_PARTS; i++)
        buf_adds(&many, ",0");
    buf_adds(&many, "]}");
    refuses(many.data, "has 257 parts");
    buf_finish(&many);
    parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,\"message\":\"unknown tool\"}}");
    ok(mcp_read_result(&msg, arena, &r, &err) == -1 && err.status == CORAX_E_ARGS &&
           strcmp(err.msg, "unknown tool") == 0,
       "an error reply is an error");
    parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"status\":-8}}}");
    ok(mcp_read_result(&msg, arena, &r, &err) == -1 && err.status == CORAX_E_UNAVAIL, "with the status it carries");
    parse("{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"status\":5}}}");
    ok(mcp_read_result(&msg, arena, &r, &err) == -1 && err.status == CORAX_E_INTERNAL, "unless that is none");
}

static void form(const char *params, bool forms, const char *want)
{
    struct json *j = json_parse(params, strlen(params), NULL);

    buf_reset(&out);
    mcp_answer_form(j, forms, &out);
    is_str(out.data, want, params);
    json_free(j);
}

static void test_forms(void)
{
    form("{\"requestedSchema\":{\"type\":\"object\",\"properties\":{\"a\":{\"default\":1.50},\"b\":{}},\"required\":[\"a\"]}}", true,
         "{\"action\":\"accept\",\"content\":{\"a\":1.50}}");
    form("{\"requestedSchema\":{\"properties\":{\"a\":{\"default\":1}}}}", false, "{\"action\":\"decline\"}");
    form("{\"requestedSchema\":{\"properties\":{\"a\":{}},\"required\":[\"a\"]}}", true, "{\"action\":\"decline\"}");
    form("{\"mode\":\"url\",\"url\":\"https://a\",\"requestedSchema\":{}}", true, "{\"action\":\"decline\"}");
    form("{}", true, "{\"action\":\"decline\"}");
}

static void test_input(void)
{
    const char *state;
    size_t len = 0;
    struct err err = { 0 };
    struct buf answers;
    struct mcp_again again;

    buf_init(&answers, 65536);
    is_int(mcp_read_input(answer("{\"content\":[]}"), true, &answers, &state, &len, &err), 0, "a result asks for nothing");
    is_int(mcp_read_input(answer("{\"resultType\":\"input_required\",\"requestState\":\"s \\u00e9\",\"inputRequests\":{\"k\":{\"method\":"
                                 "\"elicitation/create\",\"params\":{\"requestedSchema\":{}}}}}"),
                          true, &answers, &state, &len, &err),
           1, "one that asks for input");
    is_str(answers.data, "{\"k\":{\"action\":\"accept\",\"content\":{}}}", "gets it");
    ok(len == 10 && memcmp(state, "\"s \\u00e9\"", len) == 0, "and its state as it was written");
    again = (struct mcp_again){ answers.data, state, answers.len, len };
    buf_reset(&out);
    mcp_write_call_again(&out, MCP_MODERN_FORMS, 9, "t", "{}", 2, 0, &again);
    has_str(out.data, "\"inputResponses\":{\"k\":{\"action\":\"accept\",\"content\":{}}},\"requestState\":\"s \\u00e9\"", "in the call that is made again");
    has_str(out.data, "\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{\"form\":{}}}", "which says that forms are filled in");
    buf_reset(&answers);
    ok(mcp_read_input(answer("{\"resultType\":\"input_required\",\"inputRequests\":{}}"), true, &answers, &state, &len, &err) == 1 && state == NULL,
       "a state that is not there is none");
    buf_reset(&answers);
    ok(mcp_read_input(answer("{\"resultType\":\"input_required\",\"inputRequests\":{\"k\":{\"method\":\"sampling/createMessage\"}}}"), true, &answers,
                      &state, &len, &err) == -1 &&
           strstr(err.msg, "sampling/createMessage"),
       "what is not offered is refused by name");
    buf_finish(&answers);
}

static void test_notes(void)
{
    struct mcp_note n;

    parse(
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":7,\"progress\":2}}");
    ok(mcp_read_progress(&msg, &n) && n.id == 7 && n.done == 2 && n.total == -1 && n.text[0] == '\0',
       "a progress note");
    parse("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}");
    ok(!mcp_read_progress(&msg, &n), "another is none");
    ok(!mcp_read_progress(answer("{}"), &n), "and no answer is");
}

static void test_names(void)
{
    for (int s = CORAX_OK; s >= CORAX_E_INTERNAL; s--)
        is_int(mcp_status_of(mcp_status_name(s)), s, mcp_status_name(s));
    is_str(mcp_status_name(5), "internal", "a status that is none");
    is_int(mcp_status_of("nonsense"), CORAX_E_INTERNAL, "a name that is none");
    is_int(mcp_status_of(NULL), CORAX_E_INTERNAL, "no name");
}

int main(void)
{
    plan_later();
    buf_init(&out, RPC_MAX_LINE);
    arena = arena_create(1 << 20);
    test_requests();
    test_too_long();
    test_servers();
    test_lists();
    test_results();
    test_bad_results();
    test_forms();
    test_input();
    test_notes();
    test_names();
    if (has_msg)
        rpc_msg_finish(&msg);
    buf_finish(&out);
    arena_destroy(arena);
    done();
    return tap_status();
}
