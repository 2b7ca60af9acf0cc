/*
 * corax-infer serve as its parent sees it: the program is started on a small random model and spoken to over its
 * socket.  The model's words are chance, but under the constraint every reply is well-formed.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "infer/infer.h"
#include "infer/template.h"
#include "tests/infer/tiny_gguf.h"
#include "tests/tap.h"
#include "util/arena.h"
#include "util/base64.h"
#include "util/child.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/rpc.h"

#define WAIT_MS 60000 /* the machine may be busy */

static struct child child;
static struct rpc_reader reader;
static struct rpc_msg msg;
static bool open_msg;

static void send_line(const char *line)
{
    size_t at = 0, len = strlen(line);

    while (at < len) {
        struct pollfd p = { child.fd, POLLOUT, 0 };
        ssize_t n = poll(&p, 1, WAIT_MS) > 0 ? write(child.fd, line + at, len - at) : -1;

        if (n < 0)
            return;
        at += (size_t)n;
    }
    (void)!write(child.fd, "\n", 1);
}

/* The next message into msg, or false at the end. */
static bool receive(void)
{
    const char *line;
    size_t len;

    if (open_msg)
        rpc_msg_finish(&msg);
    open_msg = false;
    while (!rpc_reader_next(&reader, &line, &len)) {
        struct pollfd p = { child.fd, POLLIN, 0 };
        char chunk[65536];
        ssize_t n = poll(&p, 1, WAIT_MS) > 0 ? read(child.fd, chunk, sizeof chunk) : 0;

        if (n <= 0 || rpc_reader_feed(&reader, chunk, (size_t)n, NULL) < 0)
            return false;
    }
    open_msg = rpc_parse(line, len, &msg, NULL) == 0;
    return open_msg;
}

/* Past the deltas to the answer; their number. */
static int skip_deltas(void)
{
    int n = 0;

    while (receive() && msg.kind == RPC_NOTIFICATION)
        n++;
    return n;
}

static void is_error(const char *request, int code, const char *message)
{
    send_line(request);
    skip_deltas();
    if (!ok(open_msg && msg.kind == RPC_ERROR && msg.error_code == code && strstr(msg.error_message, message),
            "error %d: %s", code, message))
        diag("got %d %s", open_msg ? msg.error_code : 0, open_msg && msg.error_message ? msg.error_message : "(none)");
}

#define HEAD(ID, METHOD) "{\"jsonrpc\":\"2.0\",\"id\":" #ID ",\"method\":\"" METHOD "\""
#define CHAT(ID, REST) \
    HEAD(ID, "chat")   \
    ",\"params\":{\"messages\":[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"the q\"}]}]" REST "}}"
#define TOOLS                                                                                                         \
    ",\"tools\":[{\"name\":\"calc\",\"parameters\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"," \
    "\"minimum\":3,"                                                                                                  \
    "\"maximum\":40}},\"required\":[\"n\"]}}]"

/* A tool that cannot be held is left out, with a word on why; the reply goes on with the others. */
static void is_disabled(const char *tools, const char *why)
{
    char line[2048];
    const struct json *out;

    snprintf(line, sizeof line, CHAT(1, "%s,\"tool_choice\":\"required\",\"max_tokens\":120"), tools);
    send_line(line);
    skip_deltas();
    out = open_msg ? json_first(json_get(msg.result, "disabled_tools")) : NULL;
    if (!ok(strcmp(json_get_text(out, "name", ""), "t") == 0 && strstr(json_get_text(out, "why", ""), why) &&
                strcmp(json_get_text(json_first(json_get(msg.result, "calls")), "name", ""), "calc") == 0,
            "a tool is left out: %s", why))
        diag("got %s", msg.kind == RPC_ERROR ? msg.error_message : json_get_text(out, "why", "nothing"));
}

static const char *template_file; /* NULL: the model's own dialect */

static bool start(const char *model)
{
    const char *dir = getenv("CORAX_BUILDDIR");
    char path[1024];
    char *argv[] = { (char *)"corax-infer", (char *)"serve", (char *)model, (char *)"--threads", (char *)"2",
                     template_file ? (char *)"--template" : NULL, (char *)template_file, NULL };
    struct child_spec spec = { path, argv, NULL, -1 };
    struct err err = { 0 };

    snprintf(path, sizeof path, "%s/corax-infer", dir ? dir : ".");
    if (child_spawn(&child, &spec, &err) == 0)
        return true;
    diag("%s", err.msg);
    return false;
}

static void test_methods(void)
{
    const struct json *model, *call;

    send_line(HEAD(1, "info") "}");
    receive();
    model = json_get(msg.result, "model");
    ok(strcmp(json_get_text(model, "name", ""), "tiny") == 0 && strlen(json_get_text(model, "sha256", "")) == 64 &&
           json_number(json_get(model, "context_length"), 0) == 128,
       "info");
    send_line(HEAD(2, "tokenize") ",\"params\":{\"text\":\"the\"}}");
    receive();
    is_int((long long)json_count(json_get(msg.result, "tokens")), 1, "tokenize");

    send_line(CHAT(3, TOOLS ",\"tool_choice\":\"required\",\"max_tokens\":120"));
    ok(skip_deltas() > 3, "chat sends deltas");
    call = json_first(json_get(msg.result, "calls"));
    is_str(json_get_text(msg.result, "finish", ""), "call", "a required call is made");
    is_str(json_get_text(call, "name", ""), "calc", "of a tool that exists");
    ok(json_get_text(call, "arguments", NULL) && strncmp(json_get_text(call, "arguments", ""), "{\"n\":", 5) == 0,
       "with the arguments that its schema has");
    ok(json_number(json_get(json_get(msg.result, "usage"), "cached_tokens"), -1) == 0, "nothing was cached");
    send_line(CHAT(4, TOOLS ",\"tool_choice\":\"none\",\"max_tokens\":8"));
    skip_deltas();
    ok(json_number(json_get(json_get(msg.result, "usage"), "cached_tokens"), 0) > 10 &&
           json_count(json_get(msg.result, "calls")) == 0,
       "the same transcript again is cached");
    is_str(json_get_text(msg.result, "finish", ""), "length", "max_tokens ends it");
    send_line(CHAT(
        5,
        ",\"max_tokens\":20,\"sampling\":{\"temperature\":1.5,\"top_k\":40,\"top_p\":0.9,\"min_p\":0.01,\"seed\":-4}"));
    skip_deltas();
    ok(msg.kind == RPC_RESULT, "sampling settings are taken");
}

static void test_errors(void)
{
    char *long_text = malloc(4000), *line = malloc(8000);

    is_error("{nonsense", RPC_PARSE_ERROR, "");
    is_error("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"info\"}", RPC_INVALID_REQUEST, "");
    is_error(HEAD(1, "dance") "}", RPC_METHOD_NOT_FOUND, "no such method");
    is_error(HEAD(1, "chat") "}", RPC_INVALID_PARAMS, "params");
    is_error(HEAD(1, "chat") ",\"params\":{}}", RPC_INVALID_PARAMS, "messages");
    is_error(HEAD(1, "chat") ",\"params\":{\"messages\":[{\"role\":\"assistant\",\"parts\":[]}]}}", RPC_INVALID_PARAMS,
             "nothing to reply");
    is_error(HEAD(1, "tokenize") ",\"params\":{\"text\":3}}", RPC_INVALID_PARAMS, "text");
    is_error(CHAT(1, ",\"max_tokens\":0"), RPC_INVALID_PARAMS, "max_tokens");
    is_error(CHAT(1, ",\"max_tokens\":1.5"), RPC_INVALID_PARAMS, "max_tokens");
    is_error(CHAT(1, ",\"tool_choice\":\"maybe\""), RPC_INVALID_PARAMS, "tool_choice");
    is_error(CHAT(1, ",\"tool_choice\":\"required\""), RPC_INVALID_PARAMS, "no tools");
    is_error(CHAT(1, ",\"sampling\":{\"temperature\":-1}"), RPC_INVALID_PARAMS, "temperature");
    is_error(CHAT(1, ",\"sampling\":{\"top_p\":\"x\"}"), RPC_INVALID_PARAMS, "sampling.top_p");
    is_error(CHAT(1, ",\"tools\":{}"), RPC_INVALID_PARAMS, "tools");
    is_error(CHAT(1, ",\"tools\":[{\"parameters\":{}}]"), RPC_INVALID_PARAMS, "tools[0].name");
    is_error(CHAT(1, ",\"tools\":[{\"name\":\"a\"},{\"name\":\"a\"}]"), RPC_INVALID_PARAMS, "twice");
    is_disabled(",\"tools\":[{\"name\":\"t\",\"parameters\":{\"$ref\":\"x\"}},{\"name\":\"calc\"}]", "tool t: ");
    is_disabled(",\"tools\":[{\"name\":\"calc\"},{\"name\":\"t\",\"parameters\":{\"type\":\"object\",\"properties\":{\"s\":{\"type\":"
                "\"string\",\"pattern\":\"(a)\\\\1\"}}}}]",
                "tool t: /properties/s: pattern");
    send_line(CHAT(1, ",\"lenient\":true,\"tool_choice\":\"required\",\"max_tokens\":120,\"tools\":[{\"name\":\"t\",\"parameters\":{\"type\":"
                      "\"object\",\"properties\":{\"s\":{\"type\":\"string\",\"pattern\":\"(a)\\\\1\"}}}}]"));
    skip_deltas();
    ok(!json_get(msg.result, "disabled_tools") && strstr(json_text(json_first(json_get(msg.result, "warnings"))), "/properties/s: pattern"),
       "a lenient caller is told what is not held");
    memset(long_text, 'z', 3999);
    long_text[3999] = 0;
    snprintf(
        line, 8000,
        HEAD(
            1,
            "chat") ",\"params\":{\"messages\":[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"%s\"}]}]}}",
        long_text);
    is_error(line, RPC_INVALID_PARAMS, "the context holds 128");
    free(long_text);
    free(line);
}

static void test_cancel(void)
{
    /* Without an end in sight: the second waits, and both are cancelled while the first runs. */
    send_line(CHAT(21, TOOLS ",\"max_tokens\":100000,\"sampling\":{\"temperature\":2}") "\n" CHAT(
        22, TOOLS) "\n{\"jsonrpc\":\"2.0\",\"method\":\"cancel\",\"params\":{\"id\":22}}"
                   "\n{\"jsonrpc\":\"2.0\",\"method\":\"cancel\",\"params\":{\"id\":21}}"
                   "\n{\"jsonrpc\":\"2.0\",\"method\":\"cancel\",\"params\":{\"id\":99}}"
                   "\n{\"jsonrpc\":\"2.0\",\"method\":\"unheard\",\"params\":{}}");
    skip_deltas();
    ok(msg.id_int == 21 && msg.kind == RPC_RESULT, "the first request is answered first");
    skip_deltas();
    ok(msg.id_int == 22, "then the second");
    is_str(json_get_text(msg.result, "finish", ""), "cancelled", "which was cancelled before it began");
    is_int((long long)json_number(json_get(json_get(msg.result, "usage"), "completion_tokens"), -1), 0,
           "with nothing written");
}

static void test_sessions(void)
{
    int cached;

    /* Two conversations in turn: each finds its own again. */
    send_line(
        HEAD(31, "chat") ",\"params\":{\"max_tokens\":2,\"messages\":[{\"role\":\"system\",\"parts\":[{\"type\":"
                         "\"text\",\"text\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.\"}]},{\"role\":\"user\","
                         "\"parts\":[{\"type\":\"text\",\"text\":\"1234567890123456789012345678901234567890\"}]}]}}");
    skip_deltas();
    send_line(
        HEAD(32, "chat") ",\"params\":{\"max_tokens\":2,\"messages\":[{\"role\":\"system\",\"parts\":[{\"type\":"
                         "\"text\",\"text\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.\"}]},{\"role\":\"user\","
                         "\"parts\":[{\"type\":\"text\",\"text\":\"0987654321098765432109876543210987654321\"}]}]}}");
    skip_deltas();
    cached = (int)json_number(json_get(json_get(msg.result, "usage"), "cached_tokens"), -1);
    ok(cached > 40, "a second conversation starts from the prefix that it shares (%d tokens)", cached);
    send_line(
        HEAD(33, "chat") ",\"params\":{\"max_tokens\":2,\"messages\":[{\"role\":\"system\",\"parts\":[{\"type\":"
                         "\"text\",\"text\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.\"}]},{\"role\":\"user\","
                         "\"parts\":[{\"type\":\"text\",\"text\":\"1234567890123456789012345678901234567890\"}]}]}}");
    skip_deltas();
    ok((int)json_number(json_get(json_get(msg.result, "usage"), "cached_tokens"), -1) > cached + 30,
       "and the first is still there");
}

/* --- vectors ------------------------------------------------------------------------------------------------------ */

#define N_TEXTS 20

/* Of several lengths, some longer than a batch takes; the last is longer than the context. */
static void make_text(size_t i, char text[400])
{
    size_t n = i + 1 == N_TEXTS ? 399 : i * i % 90 + 1;

    for (size_t k = 0; k < n; k++)
        text[k] = (char)('a' + (k * 7 + i * 13) % 26);
    text[n] = 0;
}

/* Behind another line, if there is one. */
static void send_embed_behind(const char *before, int id, size_t first, size_t n, bool background)
{
    struct buf line;
    struct jsonw w;
    char text[400];

    buf_init(&line, RPC_MAX_LINE);
    buf_adds(&line, before);
    w = rpc_request_start(&line, id, "embed");
    jsonw_bool(&w, "background", background);
    jsonw_array(&w, "texts");
    for (size_t i = first; i < first + n; i++) {
        make_text(i % N_TEXTS, text);
        jsonw_text(&w, NULL, text);
    }
    rpc_end(&w);
    buf_addc(&line, 0);
    send_line(line.data); /* with its newline, so that both lines come in one piece */
    buf_finish(&line);
}

static void send_embed(int id, size_t first, size_t n, bool background)
{
    send_embed_behind("", id, first, n, background);
}

/* What session_embed() says, in this process. */
static bool is_vector(struct session *s, struct engine *e, size_t i, const struct json *got, double n_tokens)
{
    struct arena *arena = arena_create(1 << 16);
    struct tokens tokens = { 0 };
    float *vector = NULL;
    size_t n = 0, len = 0;
    char text[400], *bytes;
    bool same;

    make_text(i, text);
    if (tokenizer_encode_with(engine_tokenizer(e), TOKENIZER_BEGIN | TOKENIZER_END, text, strlen(text), &tokens, NULL) < 0)
        return false;
    if (tokens.n > 128)
        tokens.n = 128;
    bytes = json_text(got) ? base64_read(arena, json_text(got), &len) : NULL;
    same = session_embed(s, tokens.ids, tokens.n, &vector, &n, NULL) == 0 && bytes && len == n * sizeof *vector && memcmp(bytes, vector, len) == 0 &&
           n_tokens == (double)tokens.n;
    free(vector);
    tokens_finish(&tokens);
    arena_destroy(arena);
    return same;
}

static void test_embed(const char *model)
{
    struct err err = { 0 };
    struct engine *e = engine_open(model, &(struct engine_options){ .n_threads = 1 }, &err);
    struct session *s = e ? session_create(e, &err) : NULL;
    const struct json *embedding, *vector, *tokens;
    size_t n_same = 0, i = 0;
    int n_deltas;

    send_line(HEAD(51, "info") "}");
    receive();
    embedding = json_get(msg.result, "embedding");
    ok(json_number(json_get(embedding, "dimensions"), 0) == 64 && strcmp(json_get_text(embedding, "pooling", ""), "last") == 0 &&
           json_number(json_get(embedding, "max_texts"), 0) == 256,
       "info says what vectors there are");
    send_embed(52, 0, N_TEXTS, false);
    receive();
    vector = json_first(json_get(msg.result, "vectors"));
    tokens = json_first(json_get(msg.result, "tokens"));
    for (; s && vector && tokens; vector = json_next(vector), tokens = json_next(tokens), i++)
        n_same += is_vector(s, e, i, vector, json_number(tokens, -1));
    if (!is_int((long long)n_same, N_TEXTS, "vectors of several texts are those of each alone, bit for bit"))
        diag("%s", err.msg);
    ok(json_count(json_get(msg.result, "cut")) == 1 && json_number(json_first(json_get(msg.result, "cut")), -1) == N_TEXTS - 1,
       "a text that does not fit the context is cut, and that is said");
    ok(json_number(json_get(msg.result, "dimensions"), 0) == 64, "with their dimensions");

    /* Beside a reply without an end in sight. */
    send_embed_behind(CHAT(53, ",\"max_tokens\":60,\"sampling\":{\"temperature\":2}") "\n", 54, 3, 1, false);
    while (receive() && msg.kind == RPC_NOTIFICATION)
        ;
    is_int(msg.id_int, 54, "a vector is made beside a reply");
    n_deltas = skip_deltas();
    ok(msg.id_int == 53 && msg.kind == RPC_RESULT && n_deltas > 5, "which goes on meanwhile (%d pieces)", n_deltas);

    send_embed(55, 0, 250, true);
    send_embed(56, 2, 1, false);
    receive();
    is_int(msg.id_int, 56, "who waits for a vector goes before what is in the background");
    send_line("{\"jsonrpc\":\"2.0\",\"method\":\"cancel\",\"params\":{\"id\":55}}");
    receive();
    ok(msg.id_int == 55 && msg.kind == RPC_ERROR && strstr(msg.error_message, "cancelled"), "which can be cancelled");
    send_embed(57, 4, 3, true);
    receive();
    ok(msg.id_int == 57 && msg.kind == RPC_RESULT && json_count(json_get(msg.result, "vectors")) == 3, "and others are answered after that");
    session_destroy(s);
    engine_close(e);
}

#define EMBED(ID, PARAMS) HEAD(ID, "embed") ",\"params\":" PARAMS "}"

static void test_embed_errors(void)
{
    struct buf line;

    is_error(HEAD(1, "embed") "}", RPC_INVALID_PARAMS, "texts");
    is_error(EMBED(1, "{\"texts\":[]}"), RPC_INVALID_PARAMS, "texts");
    is_error(EMBED(1, "{\"texts\":\"a\"}"), RPC_INVALID_PARAMS, "texts");
    is_error(EMBED(1, "{\"texts\":[\"a\",3]}"), RPC_INVALID_PARAMS, "texts[1]: not a string");
    is_error(EMBED(1, "{\"texts\":[\"a\"],\"background\":1}"), RPC_INVALID_PARAMS, "background");
    buf_init(&line, RPC_MAX_LINE);
    buf_adds(&line, HEAD(1, "embed") ",\"params\":{\"texts\":[\"a\"");
    for (int i = 0; i < 256; i++)
        buf_adds(&line, ",\"a\"");
    buf_adds(&line, "]}}");
    is_error(line.data, RPC_INVALID_PARAMS, "257 of them, at most 256 vectors of 64 numbers");
    buf_finish(&line);
}

/* One that gives no vectors says why. */
static void test_no_embed(struct tiny_spec spec)
{
    char model[256];
    struct buf b;
    int status;

    spec.pooling = 1;
    template_file = NULL;
    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, &spec);
    rpc_reader_finish(&reader);
    rpc_reader_init(&reader);
    if (ok(tiny_write(&b, model) && start(model), "a model without pooling starts")) {
        send_line(HEAD(1, "info") "}");
        receive();
        ok(json_kind(json_get(msg.result, "embedding")) == JSON_NULL, "and says that it gives no vectors");
        is_error(EMBED(2, "{\"texts\":[\"a\"]}"), RPC_INTERNAL, "made for a vector of each token");
        shutdown(child.fd, SHUT_WR);
        while (!child_reap(&child, false, &status))
            usleep(2000);
    }
    unlink(model);
    buf_finish(&b);
}

static void test_end(void)
{
    char why[80];
    int status = -1;
    int64_t until;

    send_line(HEAD(41, "info") "}");
    shutdown(child.fd, SHUT_WR);
    ok(receive() && msg.id_int == 41 && !receive(), "at the end of input what was asked is still answered");
    until = clock_mono_ms() + WAIT_MS;
    while (!child_reap(&child, false, &status) && clock_mono_ms() < until)
        usleep(2000);
    child_describe_end(status, why, sizeof why);
    if (!is_int(status, 0, "and the program ends with 0"))
        diag("%s", why);
}

static void test_long_line(const char *model)
{
    char *line = malloc(RPC_MAX_LINE + 100);
    int status = 0;

    memset(line, 'x', RPC_MAX_LINE + 99);
    line[RPC_MAX_LINE + 99] = 0;
    rpc_reader_finish(&reader);
    rpc_reader_init(&reader);
    start(model);
    send_line(line);
    ok(receive() && msg.kind == RPC_ERROR && !receive(), "a line beyond all limits gets an error and the end");
    while (!child_reap(&child, false, &status))
        usleep(2000);
    ok(status != 0, "with a status that is not 0");
    free(line);
}

/* Deltas of calls add up to the calls of the result. */
static void check_deltas(void)
{
    struct buf names, arguments;
    const struct json *call;
    size_t n = 0;

    buf_init(&names, 1 << 16);
    buf_init(&arguments, 1 << 16);
    while (receive() && msg.kind == RPC_NOTIFICATION) {
        if (strcmp(json_get_text(msg.params, "kind", ""), "call") != 0)
            continue;
        if (json_get(msg.params, "name")) {
            buf_addf(&names, "%s ", json_get_text(msg.params, "name", ""));
            n += json_number(json_get(msg.params, "index"), -1) == (double)n;
        }
        buf_adds(&arguments, json_get_text(msg.params, "text", ""));
    }
    ok(msg.kind == RPC_RESULT && strcmp(json_get_text(msg.result, "finish", ""), "call") == 0, "a reply with calls by a chat template");
    for (call = json_first(json_get(msg.result, "calls")); call; call = json_next(call)) {
        const char *text = json_get_text(call, "arguments", "");
        const size_t len = strlen(text);

        n--;
        if (strcmp(json_get_text(call, "name", ""), "calc") != 0 || arguments.len < len || memcmp(arguments.data, text, len) != 0) {
            diag("%s of %s", text, arguments.data);
            n = 99;
            break;
        }
        memmove(arguments.data, arguments.data + len, arguments.len - len + 1);
        arguments.len -= len;
    }
    ok(n == 0 && arguments.len == 0, "its deltas are the calls, each with its place and its name");
    buf_finish(&names);
    buf_finish(&arguments);
}

static void stop(void)
{
    int status;

    shutdown(child.fd, SHUT_WR);
    while (!child_reap(&child, false, &status))
        usleep(2000);
}

/* A model without a dialect of its own: it cannot chat, and with a template it can. */
static void test_template(struct tiny_spec spec)
{
    char model[256], path[256];
    const char *text = template_builtin("chatml");
    struct buf b;

    spec.dialect = NULL;
    spec.n_ctx = 4096;
    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, &spec);
    rpc_reader_finish(&reader);
    rpc_reader_init(&reader);
    if (!ok(tiny_write(&b, model) && start(model), "a model without a dialect starts"))
        return;
    is_error(CHAT(1, ""), RPC_INVALID_PARAMS, "has no chat template");
    stop();
    buf_reset(&b);
    buf_adds(&b, text);
    template_file = path;
    rpc_reader_finish(&reader);
    rpc_reader_init(&reader);
    ok(tiny_write(&b, path) && start(model), "and with a template");
    send_line(HEAD(2, "info") "}");
    receive();
    is_str(json_get_text(json_get(msg.result, "model"), "dialect", ""), "hermes", "which says how it writes calls");
    send_line(CHAT(3, TOOLS ",\"tool_choice\":\"required\",\"max_tokens\":700,\"sampling\":{\"temperature\":1,\"seed\":4}"));
    check_deltas();
    send_line(CHAT(4, TOOLS ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false,\"max_tokens\":300"));
    skip_deltas();
    is_int((long long)json_count(json_get(msg.result, "calls")), 1, "one call where no more are wanted");
    stop();
    unlink(model);
    unlink(path);
    buf_finish(&b);
}

int main(void)
{
    struct tiny_spec spec = TINY_SPEC;
    char path[256];
    struct buf b;

    spec.pooling = 4; /* last */
    signal(SIGPIPE, SIG_IGN); /* a child that ends at a malformed line may be gone before the rest of it is written */
    plan_later();
    buf_init(&b, TINY_LIMIT);
    tiny_llama(&b, &spec);
    rpc_reader_init(&reader);
    if (ok(tiny_write(&b, path) && start(path), "the program starts")) {
        test_methods();
        test_errors();
        test_cancel();
        test_sessions();
        test_embed(path);
        test_embed_errors();
        test_end();
        test_long_line(path);
        test_template(spec);
        test_no_embed(spec);
    }
    if (open_msg)
        rpc_msg_finish(&msg);
    unlink(path);
    rpc_reader_finish(&reader);
    buf_finish(&b);
    done();
    return tap_status();
}
