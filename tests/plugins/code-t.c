/*
 * code-t - the plugin code in the real host; this test is the box: it reads what the plugin asks and answers what a box
 * would.  What the model reads is held against docs/tools.md word for word.
 *
 * Not here: a real box (tests/daemon/exec.bats).
 */
#include "config.h"

#include "tests/tap.h"
#include "tests/tools/drive.h"

static struct drive d;
static struct tool_result r;

#define ENDED(end, status, out, err)                                                                         \
    "{\"end\":\"" end "\",\"status\":" status ",\"stdout\":\"" out "\",\"stderr\":\"" err "\",\"files\":[]," \
    "\"left_out\":[],\"wall_us\":10300,\"cpu_us\":8200,\"peak_bytes\":9437184}"

/* Begins a call and waits until the plugin asks for a box. */
static bool begin(const char *args, int64_t deadline_ms)
{
    static const char *const services[] = { "exec", NULL };

    drive_begin_serving(&d, "run_python", args, deadline_ms, services);
    return drive_message(&d) && d.msg.kind == RPC_REQUEST && strcmp(d.msg.method, "corax/exec") == 0;
}

static const char *text_of_result(void)
{
    struct err err = { 0 };

    if (drive_result(&d, &r, &err) != 0)
        return arena_printf(d.arena, "failure: %s", err.msg);
    return r.n_parts > 0 ? r.parts[0].data : "";
}

/* The box's answer to the request that was begun; gives the first part's text. */
static const char *answer(const char *member, const char *json)
{
    struct buf line;

    buf_init(&line, RPC_MAX_LINE);
    buf_addf(&line, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"%s\":", (int)d.msg.id_len, d.msg.id, member);
    buf_adds(&line, json);
    buf_adds(&line, "}\n");
    drive_send(&d, line.data, line.len);
    buf_finish(&line);
    return text_of_result();
}

/* What the model reads when a program ended so. */
static const char *read_as(const char *ended)
{
    return begin("{\"code\":\"x\"}", 0) ? answer("result", ended) : "not asked";
}

static void test_request(void)
{
    const struct json *limits, *file;

    ok(begin("{\"code\":\"print(\\\"a\\\\u00e9\\\\\\\\\\\")\\n\\t\\u0001\",\"stdin\":\"1\\n2\"}", 0),
       "the plugin asks for a box");
    limits = json_get(d.msg.params, "limits");
    file = json_first(json_get(d.msg.params, "files"));
    is_str(json_text(json_first(json_get(d.msg.params, "argv"))), "python3", "with python3 in it");
    is_str(json_get_text(file, "name", ""), "main.py", "and the program as a file");
    is_str(json_get_text(file, "text", ""), "print(\"a\\u00e9\\\\\")\n\t\x01", "byte for byte");
    is_str(json_get_text(d.msg.params, "stdin", ""), "1\n2", "with its input");
    is_int((int64_t)json_number(json_get(limits, "wall_ms"), 0), 10000, "10 s");
    is_int((int64_t)json_number(json_get(limits, "memory_bytes"), 0), 512 << 20, "512 MiB");
    is_int((int64_t)json_number(json_get(limits, "output_bytes"), 0), 65536, "64 KiB");
    is_str(answer("result", ENDED("exited", "0", "42\\n", "")), "42", "what it printed, without the last newline");
    ok(begin("{\"code\":\"x\"}", 3000), "a call with less time");
    limits = json_get(d.msg.params, "limits");
    ok(json_number(json_get(limits, "wall_ms"), 0) <= 2500, "asks for less than that");
    ok(json_get(d.msg.params, "stdin") == NULL, "and without input for none");
    has_str(answer("result", ENDED("timeout", "9", "", "")), "the program ran longer than 2.", "and says how much");
}

static void test_output(void)
{
    is_str(read_as(ENDED("exited", "0", "", "")), "(no output)", "no output");
    is_str(read_as(ENDED("exited", "0", "\\n", "")), "(no output)", "an empty line");
    is_str(read_as(ENDED("exited", "0", "a\\n\\n", "")), "a\n", "only the last newline goes");
    is_str(read_as(ENDED("exited", "0", " \\u00e9\\ud83d\\ude00\\\"\\\\", "")), " \xc3\xa9\xf0\x9f\x98\x80\"\\",
           "characters of all kinds");
    is_str(read_as(ENDED("exited", "0", "x", "a warning")), "x", "standard error is not what a good program says");
    has_str(r.structured,
            "\"stderr\":\"a warning\",\"wall_us\":10300,\"cpu_us\":8200,\"peak_bytes\":9437184,\"files\":[]",
            "but it is in the JSON part");
}

static void test_failures(void)
{
    is_str(read_as(ENDED("exited", "1", "", "Traceback:\\n  x\\nZeroDivisionError: division by zero\\n")),
           "exit status 1: ZeroDivisionError: division by zero", "an exception");
    ok(r.error && r.status == CORAX_E_ARGS, "is a failed call");
    is_str(read_as(ENDED("exited", "1", "before\\n", "E: x\\n\\n  \\n")), "exit status 1: E: x\nbefore",
           "with what was printed before");
    is_str(read_as(ENDED("exited", "3", "", "")), "exit status 3", "a status alone");
    is_str(read_as(ENDED("signal", "11", "x\\n", "")), "the program was ended by signal 11 (Segmentation fault)\nx",
           "a signal");
    is_str(read_as(ENDED("timeout", "9", "x", "")), "the program ran longer than 10 s and was ended", "time");
    is_int(r.status, CORAX_E_TIMEOUT, "with its status");
    is_str(read_as(ENDED("memory", "9", "", "")), "the program needed more than 512 MiB of memory", "memory");
    is_str(read_as(ENDED("output", "9", "x", "")), "the program printed more than 64 KiB", "output");
    is_int(r.status, CORAX_E_LIMIT, "with its status");
    has_str(read_as("{\"end\":\"eaten\"}"), "in a way that is not known here", "a box of another world");
    has_str(read_as("{}"), "in a way that is not known here", "a box without a word");
    ok(begin("{\"code\":\"x\"}", 0), "a box that cannot be");
    is_str(
        answer("error", "{\"code\":-32000,\"message\":\"unavailable: no user namespaces\",\"data\":{\"status\":-8}}"),
        "unavailable: no user namespaces", "says why");
    is_int(r.status, CORAX_E_UNAVAIL, "with its status");
    has_str(drive_call(&d, "run_python", "{\"code\":\"x\"}", 0), "unavailable: nobody offers the service \"exec\"",
            "under another client there is no box");
    has_str(drive_call(&d, "run_python", "{}", 0), "error: ", "a call without code");
}

static void test_long_texts(void)
{
    static char ended[800000], out[70000];
    const char *text;
    size_t len;

    memset(out, 'o', 3000);
    out[0] = 'a';
    out[2999] = 'z';
    snprintf(ended, sizeof ended,
             "{\"end\":\"exited\",\"status\":1,\"stdout\":\"%s\",\"stderr\":\"%s\",\"files\":[],\"left_out\":[]}", out,
             out);
    text = read_as(ended);
    len = strlen(text);
    ok(len <= CORAX_FAIL_MAX && len > CORAX_FAIL_MAX - 8 && text[len - 1] == 'z',
       "of a long text the end is kept: %zu bytes", len);
    has_str(text, "exit status 1: aooo", "after the beginning of the error's line");
    has_str(text, "ooo\xe2\x80\xa6\n", "which says that it is not all");
    has_str(text,
            "\n\xe2\x80\xa6"
            "ooo",
            "with a sign that something is missing");
    memset(out, 0, sizeof out);
    len = 0;
    len += (size_t)snprintf(ended + len, sizeof ended - len, "{\"end\":\"exited\",\"status\":0,\"stdout\":\"");
    for (int i = 0; i < 65536; i++, len += 6)
        memcpy(ended + len, "\\u0001", 6);
    len += (size_t)snprintf(ended + len, sizeof ended - len, "\",\"stderr\":\"");
    for (int i = 0; i < 65536; i++, len += 6)
        memcpy(ended + len, "\\u0002", 6);
    snprintf(ended + len, sizeof ended - len, "\",\"files\":[],\"left_out\":[]}");
    text = read_as(ended);
    ok(!r.error && strlen(text) == 65536, "64 KiB of what grows most in JSON arrive");
}

#define PNG "iVBORw0KGgoAAAANSUhEUg=="

static void test_files(void)
{
    static char ended[500000];
    size_t len;

    is_str(read_as("{\"end\":\"exited\",\"status\":0,\"stdout\":\"done\\n\",\"stderr\":\"\",\"files\":["
                   "{\"name\":\"a\\nb\",\"bytes\":1,\"base64\":\"/w==\"},"
                   "{\"name\":\"fake.png\",\"bytes\":3,\"base64\":\"AAAA\"},"
                   "{\"name\":\"o.svg\",\"bytes\":6,\"text\":\"<svg/>\"},"
                   "{\"name\":\"out.csv\",\"bytes\":12,\"text\":\"a,b\\n1,\\u00e9\\n\"},"
                   "{\"name\":\"p.png\",\"bytes\":16,\"base64\":\"" PNG "\"}],"
                   "\"left_out\":[{\"name\":\"big.bin\",\"bytes\":9999999,\"why\":\"too large\"}]}"),
           "<svg/>", "an image is a part of its own");
    is_int((int64_t)r.n_parts, 3, "two images and the text");
    is_str(r.parts[0].mime, "image/svg+xml", "an SVG image");
    ok(strcmp(r.parts[1].mime, "image/png") == 0 && r.parts[1].len == 16 &&
           memcmp(r.parts[1].data, "\x89PNG\r\n", 6) == 0,
       "a PNG image, byte for byte");
    is_str(r.parts[2].data,
           "done\nfile a?b (1 byte)\nfile fake.png (3 bytes)\nfile o.svg (6 bytes)\nfile out.csv (12 bytes)\n"
           "file p.png (16 bytes)\nfile big.bin (9999999 bytes) was left out: too large",
           "the text names all files");
    has_str(r.structured,
            "{\"name\":\"out.csv\",\"bytes\":12,\"text\":\"a,b\\n1,\\u00e9\\n\"},{\"name\":\"p.png\",\"bytes\":16}]",
            "the JSON part has what is in the others");
    has_str(r.structured, "{\"name\":\"fake.png\",\"bytes\":3,\"base64\":\"AAAA\"}", "also of an image that is none");
    is_str(read_as("{\"end\":\"exited\",\"status\":0,\"stdout\":\"\",\"stderr\":\"\",\"files\":["
                   "{\"name\":\"out.csv\",\"bytes\":12,\"text\":\"a,b\\n1,2\\n\"}]}"),
           "(no output)\nfile out.csv (12 bytes)", "a file and no output");
    len = (size_t)snprintf(ended, sizeof ended,
                           "{\"end\":\"exited\",\"status\":0,\"stdout\":\"\",\"stderr\":\"\",\"files\":["
                           "{\"name\":\"a.txt\",\"bytes\":60000,\"text\":\"");
    for (int i = 0; i < 60000; i++, len += 6)
        memcpy(ended + len, "\\u0001", 6);
    snprintf(ended + len, sizeof ended - len, "\"},{\"name\":\"b.txt\",\"bytes\":1,\"text\":\"b\"}]}");
    is_str(read_as(ended), "(no output)\nfile a.txt (60000 bytes)\nfile b.txt (1 byte)",
           "a file that grows too much in JSON");
    has_str(r.structured, "[{\"name\":\"a.txt\",\"bytes\":60000},{\"name\":\"b.txt\",\"bytes\":1,\"text\":\"b\"}]",
            "is only named there");
    len = (size_t)snprintf(ended, sizeof ended,
                           "{\"end\":\"exited\",\"status\":0,\"stdout\":\"\",\"stderr\":\"\",\"files\":[],"
                           "\"left_out\":[");
    for (int i = 0; i < 20; i++)
        len += (size_t)snprintf(ended + len, sizeof ended - len, "%s{\"name\":\"f%d\",\"bytes\":1,\"why\":\"x\"}",
                                i ? "," : "", i);
    snprintf(ended + len, sizeof ended - len, "]}");
    has_str(read_as(ended), "file f15 (1 byte) was left out: x\n4 more files were left out", "many that were left out");
}

int main(void)
{
    plan_later();
    ok(drive_start(&d, NULL, drive_module("", "code")), "the plugin starts");
    has_str(drive_ask(&d, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"tools/list\"}"),
            "\"_meta\":{\"corax/effects\":[\"exec\"],\"corax/traits\":[\"idempotent\"]}", "it declares what it does");
    test_request();
    test_output();
    test_failures();
    test_long_texts();
    test_files();
    is_int(drive_end(&d), 0, "it ends well");
    done();
    return tap_status();
}
