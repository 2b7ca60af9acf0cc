/*
 * What an MCP client sends: which revision it is of, what is refused and how; requestState; the token and the headers
 * of TCP; prompts and resources from files.  The way of a request through the daemon is in mcp.bats.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/listen.h"
#include "daemon/mcp_offer.h"
#include "daemon/mcp_request.h"
#include "daemon/mcp_seal.h"
#include "tests/tap.h"

#define META(version)                                                   \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"" version \
    "\",\"io.modelcontextprotocol/clientCapabilities\":{\"sampling\":{}}}"

static const struct mcp_headers modern = {
    .version = "2026-07-28", .method = "tools/call", .name = "echo", .content_type = "application/json"
};

static void refused(const char *what, const char *body, const struct mcp_headers *h, int http, int code)
{
    struct mcp_request r;
    struct mcp_fault fault = { 0 };

    ok(mcp_request_parse(&r, body, strlen(body), h, &fault) == -1 && fault.http == http && fault.code == code,
       "%s: %d, %d", what, http, code);
    if (fault.code != code)
        diag("%d %d %s", fault.http, fault.code, fault.message);
    mcp_request_finish(&r);
}

static void test_requests(void)
{
    static const char call[] =
        "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"," META(
            "2026-07-28") "}}";
    struct mcp_headers h = modern;
    struct mcp_request r;
    struct mcp_fault fault;

    is_int(mcp_request_parse(&r, call, strlen(call), &h, &fault), 0, "a modern call");
    ok(r.era == MCP_MODERN && r.client.samples && !r.client.elicits && r.log_level == -1, "what its client can do");
    mcp_request_finish(&r);
    h.name = "=?base64?ZWNobw==?=";
    is_int(mcp_request_parse(&r, call, strlen(call), &h, &fault), 0, "a name in base64");
    mcp_request_finish(&r);
    h.name = "=?base64?ZWNobw?";
    refused("a name that is half base64", call, &h, 400, MCP_HEADER_MISMATCH);
    h.name = "Echo";
    refused("another name", call, &h, 400, MCP_HEADER_MISMATCH);
    h = modern;
    h.method = NULL;
    refused("no method in the headers", call, &h, 400, MCP_HEADER_MISMATCH);
    h = modern;
    h.version = NULL;
    refused("no version in the headers", call, &h, 400, MCP_HEADER_MISMATCH);
    h = modern;
    h.version = "2025-11-25";
    refused("another version in the headers", call, &h, 400, MCP_HEADER_MISMATCH);
    h.version = "2030-01-01";
    refused("a version to come",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{" META("2030-01-01") "}}", &h, 400,
            MCP_UNSUPPORTED_VERSION);
    refused("no _meta", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}", &modern, 400, RPC_INVALID_PARAMS);
    refused("no capabilities",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/"
            "protocolVersion\":\"2026-07-28\"}}}",
            &modern, 400, RPC_INVALID_PARAMS);
    refused("no JSON", "{\"jsonrpc\":", &modern, 400, RPC_PARSE_ERROR);
    refused("a batch", "[]", &modern, 400, RPC_INVALID_REQUEST);
    refused("an id that is null", "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", &modern, 400,
            RPC_INVALID_REQUEST);
    refused("params that are a list", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[]}", &modern, 400,
            RPC_INVALID_PARAMS);
    refused("an answer", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", &modern, 400, RPC_INVALID_REQUEST);
    h = modern;
    h.content_type = "application/jsonp";
    refused("another type", call, &h, 415, RPC_INVALID_REQUEST);
}

static void test_state(void)
{
    const unsigned char key[SEAL_KEY_LEN] = { 1, 2, 3 }, other[SEAL_KEY_LEN] = { 1, 2, 4 };
    struct mcp_state state = { .until_ms = 1000, .uid = 7, .subject = { 9 } }, opened = state, foreign = state;
    struct err err = { 0 };
    const char *text;
    struct buf sealed;

    buf_init(&sealed, SEAL_MAX);
    mcp_seal(&state, key, "{\"a\":\"b.c\"}", &sealed);
    is_int(mcp_seal_open(&opened, key, sealed.data, 1000, &text, &err), 0, "a state comes back");
    is_str(text, "{\"a\":\"b.c\"}", "with its text");
    is_int(mcp_seal_open(&opened, key, sealed.data, 1001, &text, &err), -1, "not when it is too old");
    is_int(mcp_seal_open(&opened, other, sealed.data, 0, &text, &err), -1, "not under another key");
    foreign.uid = 8;
    is_int(mcp_seal_open(&foreign, key, sealed.data, 0, &text, &err), -1, "not by another user");
    foreign = state;
    foreign.subject[0] = 8;
    is_int(mcp_seal_open(&foreign, key, sealed.data, 0, &text, &err), -1, "not for another request");
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        if (mcp_seal_open(&opened, key, sealed.data, 0, &text, &err) == 0)
            ok(false, "a state with another byte %zu", i);
        sealed.data[i] ^= 1;
    }
    ok(true, "no byte of it can be another");
    is_int(mcp_seal_open(&opened, key, "", 0, &text, &err), -1, "nothing is none");
    buf_finish(&sealed);
}

static void test_tcp(void)
{
    char path[] = "/tmp/corax-token.XXXXXX", token[LISTEN_TOKEN_LEN + 1], again[LISTEN_TOKEN_LEN + 1], header[200];
    struct sockaddr_storage addr;
    struct err err = { 0 };
    socklen_t len;

    ok(listen_parse("127.0.0.1:80", &addr, &len, NULL) == 0 && listen_parse("[::1]:80", &addr, &len, NULL) == 0 &&
           listen_parse("localhost:0", &addr, &len, NULL) == 0 && listen_parse("[::1]:0", &addr, &len, NULL) == 0,
       "addresses of this machine");
    ok(listen_parse("0.0.0.0:80", &addr, &len, NULL) < 0 && listen_parse("192.168.0.1:80", &addr, &len, NULL) < 0 &&
           listen_parse("[::]:80", &addr, &len, NULL) < 0 && listen_parse("127.0.0.1", &addr, &len, NULL) < 0 &&
           listen_parse("127.0.0.1:99999", &addr, &len, NULL) < 0 && listen_parse("", &addr, &len, NULL) < 0 &&
           listen_parse("127.0.0.1:1:0", &addr, &len, NULL) < 0 &&
           listen_parse("localhost:1:0", &addr, &len, NULL) < 0 &&
           listen_parse("localhost0000000000000000000000000000000000000000000000000000:0", &addr, &len, NULL) < 0 &&
           listen_parse("evil.example.com:80", &addr, &len, NULL) < 0,
       "and others");
    ok(listen_host_is_local("127.0.0.1:80") && listen_host_is_local("LOCALHOST") && listen_host_is_local("[::1]:1"),
       "hosts of this machine");
    ok(!listen_host_is_local(NULL) && !listen_host_is_local("") &&
           !listen_host_is_local("localhost.evil.example.com") && !listen_host_is_local("127.0.0.1:80@evil") &&
           !listen_host_is_local("127.0.0.1.evil"),
       "and others");
    ok(listen_origin_is_local(NULL) && listen_origin_is_local("http://localhost:3000") &&
           !listen_origin_is_local("null") && !listen_origin_is_local("https://evil.example.com"),
       "origins");
    close(mkstemp(path));
    unlink(path);
    ok(listen_token(path, token, &err) == 0 && listen_token(path, again, &err) == 0 && strcmp(token, again) == 0,
       "a token is made once");
    snprintf(header, sizeof(header), "bearer  %s", token);
    ok(listen_is_authorized(header, token), "and lets in");
    header[strlen(header) - 1] ^= 1;
    ok(!listen_is_authorized(header, token) && !listen_is_authorized(NULL, token) &&
           !listen_is_authorized("Bearer ", token) && !listen_is_authorized(token, token),
       "others do not");
    chmod(path, 0640);
    ok(listen_token(path, again, &err) == -1 && err.status == CORAX_E_DENIED, "a token that others can read is none");
    unlink(path);
    ok(symlink("/etc/passwd", path) == 0 && listen_token(path, again, &err) == -1, "nor is what a link leads to");
    unlink(path);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

static void bad_offer(char *dir, bool prompt, const char *text, const char *needle)
{
    struct mcp_config c = { .prompts = prompt ? dir : NULL, .resources = prompt ? NULL : dir };
    struct err err = { 0 };

    write_file(dir, "a.json", text);
    ok(mcp_offer_load(&c, &err) == NULL, "refused: %.70s", text);
    has_str(err.msg, needle, "and why");
}

static void test_offer(void)
{
    char dir[] = "/tmp/corax-offer.XXXXXX", path[100];
    struct mcp_config c = { .resources = mkdtemp(dir) };
    struct mcp_offer *o;
    struct err err = { 0 };
    struct buf out;
    struct jsonw w;

    write_file(dir, "a.json",
               "{\"uriTemplate\":\"n://{who}/{what}\",\"name\":\"n\",\"mimeType\":\"text/"
               "plain\",\"arguments\":[{\"name\":\"who\",\"values\":[\"me\",\"you\"]},{\"name\":\"what\"}],"
               "\"text\":\"{{what}} of {{who}} and {{who}}\"}");
    o = mcp_offer_load(&c, &err);
    if (!ok(o != NULL, "a template"))
        diag("%s", err.msg);
    buf_init(&out, 4096);
    w = jsonw_start(&out);
    jsonw_object(&w, NULL);
    is_int(mcp_offer_read(o, "n://me/{{who}}", &w, &err), 0, "is read");
    jsonw_end(&w);
    is_str(
        out.data,
        "{\"contents\":[{\"uri\":\"n://me/{{who}}\",\"mimeType\":\"text/plain\",\"text\":\"{{who}} of me and me\"}]}",
        "a value is not looked at again");
    buf_reset(&out);
    is_int(mcp_offer_read(o, "n://me", &w, &err), 1, "what does not fit is not there");
    is_int(mcp_offer_read(o, "n:///x", &w, &err), 1, "nor is an empty name");
    is_int(mcp_offer_read(o, "n://me/x/y", &w, &err), 1, "nor one with more behind it");
    buf_finish(&out);
    mcp_offer_destroy(o);
    bad_offer(dir, false, "{\"uri\":\"n://x\",\"name\":\"n\",\"mimeType\":\"text/plain\",\"file\":\"../x\"}",
              "in the same folder");
    bad_offer(dir, false, "{\"uri\":\"n://x\",\"name\":\"n\",\"mimeType\":\"text/plain\"}", "a text, base64 or a file");
    bad_offer(dir, true, "{\"name\":\"a b\",\"description\":\"\",\"messages\":[]}", "needs a name");
    bad_offer(dir, true,
              "{\"name\":\"a\",\"description\":\"\",\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\","
              "\"text\":\"{{b}}\"}}]}",
              "{{b}} is no argument");
    bad_offer(dir, true,
              "{\"name\":\"a\",\"description\":\"\",\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\","
              "\"text\":\"{{b\"}}]}",
              "{{ has no }}");
    bad_offer(dir, true, "{\"name\":\"a\",\"more\":1}", "unknown key \"more\"");
    bad_offer(dir, true, "{", "a.json");
    snprintf(path, sizeof(path), "%s/a.json", dir);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    plan_later();
    test_requests();
    test_state();
    test_tcp();
    test_offer();
    done();
    return tap_status();
}
