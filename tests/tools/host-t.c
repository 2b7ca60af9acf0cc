/*
 * host-t - corax-host over its socketpair, driven with the client side of tools/mcp.h: calls and their limits, plugins that
 * misbehave, deadlines, cancellation, both revisions of MCP, and the command line.
 *
 * Not here: what a plugin may ask of the kernel (confine-t) and which plugins are refused (loader-t).
 */
#include "config.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "tests/tap.h"
#include "tests/tools/drive.h"
#include "tools/host_io.h"

static struct drive d;

static void begin_actor(void)
{
    ok(drive_start(&d, NULL, drive_zoo("actor")), "the actor starts");
}

static void test_results(void)
{
    struct tool_result r;
    struct err err = { 0 };

    begin_actor();
    is_str(drive_call(&d, "echo", "{\"value\":\"a\\u00e9\\n\"}", 0), "a\xc3\xa9\n", "a string arrives decoded");
    is_str(drive_call(&d, "echo", "{\"value\":\"plain\"}", 0), "plain", "a string without escapes");
    is_str(drive_call(&d, "echo", "{\"value\":9007199254740991.10}", 0), "9007199254740991.10",
           "a number keeps all its digits");
    is_str(drive_call(&d, "echo", "{\"value\":[1, {\"a\":null}]}", 0), "[1, {\"a\":null}]",
           "anything else is its JSON");
    is_str(drive_call(&d, "echo", "{}", 0), "error: no value", "an absent one is not found");
    is_str(drive_call(&d, "raw", "{ \"a\" :\n1.00 }", 0), "{ \"a\" : 1.00 }",
           "the object is as it was sent, in one line");
    is_str(drive_call(&d, "garbage", "{}", 0), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\x01\n\"",
           "bytes that are no UTF-8, and NUL, are repaired");
    drive_begin(&d, "json", "{\"n\":1e2}", 0);
    ok(drive_result(&d, &r, &err) == 0 && r.structured_len == 9 && memcmp(r.structured, "{\"n\":1e2}", 9) == 0,
       "structured content keeps its bytes");
    ok(r.n_parts == 1 && strcmp(r.parts[0].data, "{\"n\":1e2}") == 0, "and is the text when there is none");
    has_str(drive_call(&d, "json", "{\"n\":1.5}", 0), "does not match its result_schema",
            "a wrong one is the tool's error");
    drive_begin(&d, "picture", "{}", 0);
    ok(drive_result(&d, &r, &err) == 0 && r.n_parts == 1 && r.parts[0].kind == MCP_IMAGE && r.parts[0].len == 5 &&
           memcmp(r.parts[0].data, "\x89PNG\0", 5) == 0 && strcmp(r.parts[0].mime, "image/png") == 0,
       "a picture arrives byte for byte");
    has_str(drive_call(&d, "mime", "{}", 0), "unknown type text/html", "another mime is refused");
    is_int(drive_end(&d), 0, "the end of input ends the host well");
}

static int status_of(const char *tool, const char *args)
{
    struct tool_result r;
    struct err err = { 0 };

    drive_begin(&d, tool, args, 0);
    return drive_result(&d, &r, &err) == 0 ? (int)r.status : err.status;
}

static void test_failures(void)
{
    const char *text;

    begin_actor();
    is_int(status_of("silent_failure", "{}"), CORAX_E_IO, "a status without a sentence is a failure");
    is_str(drive_call(&d, "silent_failure", "{}", 0), "error: the tool could not read or write",
           "with a sentence of ours");
    is_int(status_of("odd_status", "{}"), CORAX_E_INTERNAL, "a status that is none is a bug of the plugin");
    is_int(status_of("fails_but_ok", "{}"), CORAX_E_LIMIT, "fail() wins over CORAX_OK, the last one");
    is_str(drive_call(&d, "fails_but_ok", "{}", 0), "error: second", "with its sentence");
    text = drive_call(&d, "fails_at_length", "{}", 0);
    ok(strlen(text) == strlen("error: ") + CORAX_FAIL_MAX && text[CORAX_FAIL_MAX] == 'w', "a long sentence is whole");
    text = drive_call(&d, "fails_at_length", "{\"more\":1}", 0);
    ok(strlen(text) == strlen("error: ") + CORAX_FAIL_MAX, "a longer one is cut");
    has_str(text, "ww\xe2\x80\xa6", "and says so");
    has_str(drive_call(&d, "service", "{}", 0), "nobody offers the service \"http\"", "a service is unavailable");
    is_int(status_of("service", "{}"), CORAX_E_UNAVAIL, "with the status");
    has_str(drive_call(&d, "strict", "{\"n\":\"x\"}", 0), "give an integer", "arguments are checked in the host");
    is_int(status_of("strict", "{}"), CORAX_E_ARGS, "with the status");
    has_str(drive_call(&d, "nothing", "{}", 0), "failure: unknown tool", "an unknown tool is no result");
    is_int(status_of("flood", "{}"), CORAX_E_LIMIT, "100 MB in pieces are refused");
    is_str(drive_call(&d, "full", "{}", 0), "error: the result is too large for one message",
           "256 KiB that grow in JSON are refused");
    has_str(drive_call(&d, "print", "{}", 0), "read nothing", "printing and reading do not touch the protocol");
    is_str(drive_call(&d, "echo", "{\"value\":\"still here\"}", 0), "still here", "the next call works");
    is_int(drive_end(&d), 0, "the end is good");
}

static void test_crashes(void)
{
    int status;

    begin_actor();
    is_str(drive_call(&d, "crash", "{}", 0), "failure: no answer", "a crash ends the connection");
    status = drive_end(&d);
    ok(WIFSIGNALED(status) || WEXITSTATUS(status) != 0, "and the host");
    begin_actor();
    is_str(drive_call(&d, "leave", "{}", 0), "failure: no answer", "exit() ends the connection");
    ok(drive_end(&d) != 0, "and the host");
}

static void test_deadlines(void)
{
    int64_t start;
    int64_t took;
    struct tool_result r;
    struct err err = { 0 };
    int status;

    begin_actor();
    start = clock_mono_ms();
    is_str(drive_call(&d, "polite", "{}", 100), "error: the tool ran out of time",
           "a polite tool stops at its deadline");
    took = clock_mono_ms() - start;
    ok(took >= 100 && took < 5000, "after %lld ms of 100", (long long)took);
    is_str(drive_call(&d, "echo", "{\"value\":1}", 0), "1", "its host lives on");
    start = clock_mono_ms();
    drive_begin(&d, "hang", "{}", 100);
    ok(drive_result(&d, &r, &err) == 0 && r.error && r.status == CORAX_E_TIMEOUT, "a tool that hangs is answered for");
    took = clock_mono_ms() - start;
    ok(took >= 350 && took < 5000, "after %lld ms of 100 and a grace of 250", (long long)took);
    has_str(r.n_parts > 0 ? r.parts[0].data : "", "did not return at its deadline", "with a sentence");
    status = drive_end(&d);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 3, "and its host ends with status 3");
}

static void test_cancel(void)
{
    struct tool_result r;
    struct err err = { 0 };
    struct buf out;

    begin_actor();
    buf_init(&out, 4096);
    drive_begin(&d, "polite", "{}", 60000);
    drive_begin(&d, "polite", "{}", 60000);               /* waits, and is cancelled before it begins */
    drive_begin(&d, "echo", "{\"value\":\"queued\"}", 0); /* waits for both */
    mcp_write_cancel(&out, d.id - 1, NULL);
    mcp_write_cancel(&out, 12345, "of nobody");
    mcp_write_cancel(&out, d.id - 2, "enough");
    drive_send(&d, out.data, out.len);
    ok(drive_result(&d, &r, &err) == 0 && r.status == CORAX_E_CANCELED && d.msg.id_int == d.id - 2,
       "a running call is cancelled");
    ok(drive_result(&d, &r, &err) == 0 && !r.error && d.msg.id_int == d.id,
       "one that was cancelled while it waited gets no answer, the next one does");
    is_int(drive_end(&d), 0, "the host is well");
    begin_actor();
    drive_begin(&d, "polite", "{}", 60000);
    usleep(50000);
    close(d.child.fd);
    d.child.fd = -1;
    is_int(drive_end(&d), 256, "a call stops when nobody is left to read its answer");
    buf_finish(&out);
}

static const char *const exec_only[] = { "exec", NULL };

static void ask(const char *args, int64_t deadline_ms)
{
    drive_begin_serving(&d, "ask", args, deadline_ms, exec_only);
}

static void say(const char *line)
{
    drive_send(&d, line, strlen(line));
    drive_send(&d, "\n", 1);
}

/* The host asks; true when it is with this id. */
static bool is_asked(const char *id)
{
    return drive_message(&d) && d.msg.kind == RPC_REQUEST && strcmp(d.msg.method, "corax/exec") == 0 &&
           d.msg.id_len == strlen(id) && memcmp(d.msg.id, id, d.msg.id_len) == 0;
}

/* The text of the answer to the call that was begun, or of its error. */
static const char *outcome(struct tool_result *r)
{
    struct err err = { 0 };

    if (drive_result(&d, r, &err) != 0)
        return arena_printf(d.arena, "failure: %s", err.msg);
    return r->n_parts > 0 ? r->parts[0].data : "";
}

#define ASK "{\"service\":\"exec\",\"request\":{\"argv\":\n[\"x\"]},\"pointer\":\"/a\"}"

static void test_services(void)
{
    struct tool_result r;

    begin_actor();
    has_str(drive_call(&d, "ask", ASK, 0), "unavailable: nobody offers the service \"exec\" here",
            "a caller that offers nothing is not asked");
    ask("{\"service\":\"http\",\"request\":{}}", 0);
    has_str(outcome(&r), "nobody offers the service \"http\" here", "nor one that offers another service");
    is_int(r.status, CORAX_E_UNAVAIL, "with the status");
    ask(ASK, 0);
    ok(is_asked("\"s1\""), "the host asks its caller");
    has_str(d.line, "\"params\":{\"argv\": [\"x\"]}", "with the request in one line");
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"result\":{\"a\":\"\\u00e9\\n\"}}");
    is_str(outcome(&r), "\xc3\xa9\n", "and the plugin reads the reply");
    ask(ASK, 0);
    ok(is_asked("\"s2\""), "the next request has another id");
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"result\":{\"a\":\"old\"}}");
    say("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"a\":\"of nobody\"}}");
    say("no JSON");
    say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":999}}");
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s2\",\"result\":{\"a\":{\"b\":1.0}}}");
    is_str(outcome(&r), "{\"b\":1.0}", "other answers and notifications do not disturb");
    ok(drive_line(&d) && strstr(d.line, "-32700"), "what is no JSON is answered after the call");
    is_int(drive_end(&d), 0, "the host is well");
}

static void test_service_failures(void)
{
    struct tool_result r;

    begin_actor();
    ask(ASK, 0);
    is_asked("\"s1\"");
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"error\":{\"code\":-32000,\"message\":\"not "
        "today\",\"data\":{\"status\":-8}}}");
    is_str(outcome(&r), "not today", "an error's message is what the call fails with");
    is_int(r.status, CORAX_E_UNAVAIL, "with the status it names");
    ask(ASK, 0);
    is_asked("\"s2\"");
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s2\",\"error\":{\"code\":-32602,\"message\":\"argv: none\"}}");
    is_int((outcome(&r), r.status), CORAX_E_ARGS, "or that its code means");
    ask(ASK, 0);
    is_asked("\"s3\"");
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s3\",\"result\":[]}");
    has_str(outcome(&r), "is no object", "a result that is no object");
    ask(ASK, 0);
    is_asked("\"s4\"");
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s4\",\"result\":{}}");
    is_int((outcome(&r), r.status), CORAX_E_NOTFOUND, "a pointer to nothing");
    ask("{\"service\":\"exec\",\"request\":\"text\"}", 0);
    has_str(outcome(&r), "with what is no JSON object", "a request that is none is not sent");
    is_str(drive_call(&d, "look", "{\"json\":\"[1,\\\"a\\\"]\",\"pointer\":\"/1\"}", 0), "a",
           "json_get reads any text");
    is_int(status_of("look", "{\"json\":\"[1,\",\"pointer\":\"/0\"}"), CORAX_E_ARGS, "and refuses what is no JSON");
    ask(ASK, 300);
    is_asked("\"s5\"");
    has_str(outcome(&r), "did not answer before the call's deadline", "no answer until the deadline");
    is_int(r.status, CORAX_E_TIMEOUT, "is a timeout");
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s5\",\"result\":{\"a\":1}}");
    is_str(drive_call(&d, "echo", "{\"value\":1}", 0), "1", "a late answer is nothing");
    is_int(drive_end(&d), 0, "the host is well");
}

/* A person answers: that takes longer than the call may. */
static void test_client(void)
{
    static const char *const client[] = { "client", NULL };
    struct tool_result r;

    begin_actor();
    drive_begin_serving(&d, "ask", "{\"service\":\"client\",\"request\":{\"requests\":{}},\"pointer\":\"/a\"}", 300, client);
    ok(drive_message(&d) && d.msg.kind == RPC_REQUEST && strcmp(d.msg.method, "corax/client") == 0, "the host asks for the client");
    usleep(900000);
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"result\":{\"a\":\"yes\"}}");
    is_str(outcome(&r), "yes", "the deadline stood still until the answer came");
    drive_begin_serving(&d, "ask", "{\"service\":\"client\",\"request\":{},\"pointer\":\"/a\"}", 300, client);
    drive_message(&d);
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s2\",\"error\":{\"code\":-32000,\"message\":\"nobody\",\"data\":{\"status\":-8}}}");
    is_int((outcome(&r), r.status), CORAX_E_UNAVAIL, "nobody to ask");
    is_int(drive_end(&d), 0, "the host is well");
}

static void test_service_cancel(void)
{
    struct tool_result r;
    struct buf out;
    char ping[80];
    int n_refused = 0, n_answered = 0;

    begin_actor();
    buf_init(&out, 65536);
    ask(ASK, 60000);
    is_asked("\"s1\"");
    drive_begin(&d, "echo", "{\"value\":\"dropped\"}", 0);
    drive_begin(&d, "echo", "{\"value\":\"queued\"}", 0);
    mcp_write_cancel(&out, d.id - 1, NULL);
    mcp_write_cancel(&out, d.id - 2, NULL);
    drive_send(&d, out.data, out.len);
    ok((outcome(&r), r.status) == CORAX_E_CANCELED && d.msg.id_int == d.id - 2, "a call that waits is cancelled");
    is_str(outcome(&r), "queued", "and the next one is made");
    ask(ASK, 60000);
    is_asked("\"s2\"");
    for (int i = 0; i < HOST_MAX_QUEUED + 6; i++) {
        snprintf(ping, sizeof ping, "{\"jsonrpc\":\"2.0\",\"id\":\"p%d\",\"method\":\"ping\"}", i);
        say(ping);
    }
    say("{\"jsonrpc\":\"2.0\",\"id\":\"s2\",\"result\":{\"a\":\"behind them\"}}");
    for (int i = 0; i < 6; i++)
        n_refused += drive_line(&d) && strstr(d.line, "too many requests wait") != NULL;
    is_int(n_refused, 6, "requests that the queue has no room for are refused");
    is_str(outcome(&r), "behind them", "so that the answer behind them is found");
    for (int i = 0; i < HOST_MAX_QUEUED; i++)
        n_answered += drive_line(&d) && strstr(d.line, "\"result\":{}") != NULL;
    is_int(n_answered, HOST_MAX_QUEUED, "and the others are answered");
    ask(ASK, 60000);
    is_asked("\"s3\"");
    shutdown(d.child.fd, SHUT_WR);
    has_str(outcome(&r), "the caller ended before", "a caller that says no more cannot answer");
    is_int(drive_end(&d), 0, "the host ends well");
    begin_actor();
    ask(ASK, 60000);
    is_asked("\"s1\"");
    close(d.child.fd);
    d.child.fd = -1;
    is_int(drive_end(&d), 256, "one that waits ends when nobody is left to read its answer");
    buf_finish(&out);
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = { 0 };

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == pid;
}

/* As when the daemon is killed with kill -9. */
static void test_alone(void)
{
    int64_t start;
    int status;

    begin_actor();
    drive_begin(&d, "hang", "{}", 60000);
    usleep(50000);
    start = clock_mono_ms();
    close(d.child.fd);
    d.child.fd = -1;
    while (!has_ended(d.child.pid) && clock_mono_ms() - start < 20000)
        usleep(10000);
    ok(clock_mono_ms() - start < 20000, "a call that hangs does not outlive its caller (%lld ms)",
       (long long)(clock_mono_ms() - start));
    status = drive_end(&d);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 3, "its host ends by itself, with status 3");
}

static void test_notes(void)
{
    struct mcp_note note;
    struct tool_result r;
    struct err err = { 0 };

    begin_actor();
    drive_begin(&d, "notes", "{}", 0);
    ok(drive_message(&d) && mcp_read_progress(&d.msg, &note), "a progress note arrives before the result");
    ok(note.id == d.id && note.done == 0.25 && note.total == 1 && strcmp(note.text, "a quarter") == 0,
       "as it was given");
    ok(drive_result(&d, &r, &err) == 0 && strcmp(r.parts[0].data, "done") == 0, "and then the result");
    drive_end(&d);
}

#define META                                                                                           \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\"io.modelcontextprotocol/" \
    "clientCapabilities\":{}}"

static void test_protocol(void)
{
    char flood[3000];

    begin_actor();
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"ping\"}"), "\"id\":\"x\",\"result\":{}",
            "ping, with an id that is a string");
    has_str(
        drive_ask(
            &d,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
            "\"capabilities\":{},\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}}"),
        "\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"actor\"",
        "initialize of an older client");
    drive_send(&d, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n", 55);
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}"), "\"name\":\"strict\"",
            "tools/list");
    has_str(d.line,
            "\"annotations\":{\"readOnlyHint\":false,\"idempotentHint\":false,\"destructiveHint\":true,"
            "\"openWorldHint\":true},"
            "\"_meta\":{\"corax/effects\":[\"write\",\"net\"],\"corax/traits\":[\"destructive\"]}",
            "with what the tool declares");
    ok(strstr(d.line, "resultType") == NULL, "in the older revision");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\",\"params\":{" META "}}"),
            "\"resultType\":\"complete\"", "tools/list in the newer one");
    has_str(d.line, "\"ttlMs\":3600000,\"cacheScope\":\"public\"", "with its cache hints");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"server/discover\",\"params\":{" META "}}"),
            "\"supportedVersions\":[\"2026-07-28\",\"2025-11-25\"]", "server/discover");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
                          "\"io.modelcontextprotocol/protocolVersion\":\"2031-01-01\"}}}"),
            "\"code\":-32022", "another revision is refused");
    has_str(d.line, "\"requested\":\"2031-01-01\"", "naming it");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
                          "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}"),
            "\"code\":-32602", "a request without its capabilities is refused");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"resources/list\"}"), "\"code\":-32601",
            "an unknown method");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"tools/call\",\"params\":{\"name\":\"no\"}}"),
            "\"code\":-32602", "an unknown tool");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/call\",\"params\":{}}"), "name is missing",
            "a call without a name");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":10,\"method\":\"tools/call\",\"params\":{\"name\":\"raw\"}}"),
            "\"text\":\"{}\"", "no arguments are an empty object");
    has_str(
        drive_ask(
            &d,
            "{\"jsonrpc\":\"2.0\",\"id\":11,\"method\":\"tools/call\",\"params\":{\"name\":\"raw\",\"arguments\":[]}}"),
        "\"isError\":true", "arguments that are no object");
    has_str(drive_ask(
                &d, "{\"jsonrpc\":\"2.0\",\"id\":12,\"method\":\"tools/call\",\"params\":{\"name\":\"raw\",\"_meta\":{"
                    "\"corax/deadline_ms\":0}}}"),
            "must be from 1 to 3600000", "a deadline that is none");
    has_str(drive_ask(&d, "what"), "\"code\":-32700", "a line that is no JSON is answered");
    snprintf(flood, sizeof flood, "{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"id\":\"%0*d\"}", 2000, 1);
    has_str(drive_ask(&d, flood), "\"code\":-32600", "an id that is too long is refused");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":13,\"method\":\"ping\"}"), "\"id\":13", "and all goes on");
    is_int(drive_end(&d), 0, "to a good end");
}

/* What arrives may be longer than a line may be; the host says so in its log and ends. */
static void test_endless_line(void)
{
    static char much[RPC_MAX_LINE + 4096];

    begin_actor();
    memset(much, 'x', sizeof much);
    drive_send(&d, much, sizeof much);
    ok(!drive_line(&d), "a line without an end is not answered");
    is_int(drive_end(&d), 256, "and ends the host with status 1");
}

static void test_no_memory(void)
{
#ifdef CORAX_SANITIZE
    ok(true, "memory limit # SKIP a build with sanitizers has none");
#else
    int n = 0;

    begin_actor();
    is_str(drive_call(&d, "hungry", "{}", 0), "got nothing", "4 GiB are not to be had");
    drive_end(&d);
    begin_actor();
    while (n < 100 && strcmp(drive_call(&d, "leak", "{}", 0), "256 MiB more") == 0)
        n++;
    ok(n > 0 && n < 9, "a plugin that leaks reaches its limit of 2 GiB (after %d times 256 MiB)", n);
    ok(drive_end(&d) != 0, "and ends with its host alone");
#endif
}

static void test_roots(void)
{
    static const char *const options[] = { "--root", "notes=/srv/no tes", "--root", "a-1_b=/", NULL };

    ok(drive_start_with(&d, options, drive_zoo("actor")), "the actor starts with two roots");
    is_str(drive_call(&d, "roots", "{}", 0), "notes at /srv/no tes\na-1_b at /\n", "and sees them in their order");
    drive_end(&d);
    begin_actor();
    is_str(drive_call(&d, "roots", "{}", 0), "", "without the option there are none");
    drive_end(&d);
}

/* The program's own words: exit status and what it prints. */
static int run_program(const char *args, char *out, size_t out_size)
{
    char command[2048];
    FILE *f;
    size_t n;

    snprintf(command, sizeof command, "%s/corax-host %s 2>&1", getenv("CORAX_BUILDDIR"), args);
    f = popen(command, "r");
    n = fread(out, 1, out_size - 1, f);
    out[n] = '\0';
    return WEXITSTATUS(pclose(f));
}

static void test_command_line(void)
{
    char out[65536], args[1100];

    is_int(run_program("--version", out, sizeof out), 0, "--version");
    is_str(out, PACKAGE_STRING "\n", "names the version");
    is_int(run_program("--help", out, sizeof out), 0, "--help");
    has_str(out, "usage: corax-host", "shows how to use it");
    is_int(run_program("", out, sizeof out), 2, "no plugin is a wrong use");
    is_int(run_program("--cpu x y.so", out, sizeof out), 2, "and so is a limit that is no number");
    is_int(run_program("--root notes y.so", out, sizeof out), 2, "a root without a path");
    has_str(out, "--root wants NAME=PATH, not \"notes\"", "says what is wanted");
    is_int(run_program("--root Notes=/ y.so", out, sizeof out), 2, "a root of another name");
    has_str(out, "the root \"Notes\" needs another name: use a-z, 0-9, _ and -, a letter first", "says which would do");
    is_int(run_program("--root notes=here y.so", out, sizeof out), 2, "a relative root");
    has_str(out, "the root notes needs an absolute path, not \"here\"", "is named");
    is_int(run_program("--root a=/ --root a=/tmp y.so", out, sizeof out), 2, "two roots of one name");
    has_str(out, "two roots are named a", "are refused");
    snprintf(args, sizeof args, "--check %s", drive_zoo("newer"));
    is_int(run_program(args, out, sizeof out), 0, "--check of a good plugin");
    has_str(out, "{\"tools\":[{\"name\":\"new_tool\"", "prints its tools");
    snprintf(args, sizeof args, "--check %s", drive_zoo("bad_schema"));
    is_int(run_program(args, out, sizeof out), 1, "--check of one with bad schemas");
    has_str(out, "tool keyword is left out: args_schema", "names the tool");
    has_str(out, "2 of its 3 tools cannot be used", "and counts");
    snprintf(args, sizeof args, "--check %s", drive_zoo("wrong_major"));
    is_int(run_program(args, out, sizeof out), 1, "--check of a wrong one");
    has_str(out, "build it against this corax's corax/plugin.h", "says what to do");
    is_int(run_program("/nonexistent.so </dev/null", out, sizeof out), 1, "a missing plugin");
    has_str(out, "No such file", "is named");
    snprintf(args, sizeof args, "%s </dev/null", drive_zoo("actor"));
    is_int(run_program(args, out, sizeof out), 0, "an input that ends at once");
    has_str(out, "actor: the end", "still calls fini()");
}

int main(void)
{
    plan_later();
    test_results();
    test_failures();
    test_crashes();
    test_deadlines();
    test_cancel();
    test_services();
    test_service_failures();
    test_client();
    test_service_cancel();
    test_alone();
    test_notes();
    test_protocol();
    test_endless_line();
    test_no_memory();
    test_roots();
    test_command_line();
    done();
    return tap_status();
}
