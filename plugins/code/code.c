/*
 * code.c - runs a Python program, once and alone.
 *
 * The plugin starts nothing itself: it asks coraxd for the service "exec", which runs python3 in a box without network and
 * without the machine's files, and makes a result of what the box tells.  What the program printed is what the model
 * reads; images it wrote become parts to be looked at, everything else it left is in the JSON part.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <corax/plugin.h>

#include "text.h"

#define WALL_MS      10000
#define RESERVE_MS   500 /* of the call's time: for the box to start and to answer */
#define MEMORY_BYTES (512 << 20)
#define OUTPUT_BYTES (64 << 10)
#define FILES_BYTES  (128 << 10) /* half a result: the other half is for what was printed and for the JSON part */
#define MAX_LINE     300         /* bytes of standard error's last line that are told */
#define MAX_STDERR   (16 << 10)  /* bytes of it that are kept in the JSON part */
#define MAX_LEFT_OUT 16          /* lines about files that were left out */

/* A piece of the reply, the host's. */
struct piece {
    const char *s;
    size_t len;
};

struct run {
    const struct corax_host *h;
    struct corax_call *c;
    int64_t wall_ms;
    struct piece reply, out, err; /* the whole, stdout, stderr */
    int64_t status;
    struct text text, json; /* the parts of the result */
    size_t n_image_bytes;
};

static int refuse(struct run *r, int status, const struct text *why)
{
    r->h->fail(r->c, status, why->data, why->len);
    return status;
}

static int refuse_text(struct run *r, int status, const char *why)
{
    r->h->fail(r->c, status, why, strlen(why));
    return status;
}

static int out_of_memory(struct run *r)
{
    return refuse_text(r, CORAX_E_LIMIT, "out of memory");
}

/* --- reading the reply ------------------------------------------------------------------------------------------- */

static bool get(struct run *r, struct piece json, const char *pointer, struct piece *out)
{
    *out = (struct piece){ "", 0 };
    return r->h->json_get(r->c, json.s, json.len, pointer, &out->s, &out->len) == CORAX_OK;
}

static bool is(struct piece p, const char *s)
{
    return p.len == strlen(s) && memcmp(p.s, s, p.len) == 0;
}

/* A whole number; `otherwise` for anything else. */
static int64_t get_int(struct run *r, struct piece json, const char *pointer, int64_t otherwise)
{
    struct piece p;
    char digits[24];
    char *end;
    long long v;

    if (!get(r, json, pointer, &p) || p.len == 0 || p.len >= sizeof digits)
        return otherwise;
    memcpy(digits, p.s, p.len);
    digits[p.len] = '\0';
    v = strtoll(digits, &end, 10);
    return *end == '\0' ? v : otherwise;
}

/* Element i of the list; false after the last. */
static bool get_element(struct run *r, const char *list, size_t i, struct piece *out)
{
    char pointer[40];

    snprintf(pointer, sizeof pointer, "/%s/%zu", list, i);
    return get(r, r->reply, pointer, out);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static int ask(struct run *r, struct piece code)
{
    struct text request = { 0 };
    int64_t left = r->h->remaining_ms(r->c);
    struct piece in;
    int rc;

    if (left <= 0)
        return CORAX_E_TIMEOUT;
    r->wall_ms = left < WALL_MS + RESERVE_MS ? left > 2 * RESERVE_MS ? left - RESERVE_MS : left / 2 + 1 : WALL_MS;
    text_adds(&request, "{\"argv\":[\"python3\",\"-I\",\"main.py\"],\"files\":[{\"name\":\"main.py\",\"text\":");
    text_add_json(&request, code.s, code.len);
    text_adds(&request, "}]");
    if (r->h->arg(r->c, "/stdin", &in.s, &in.len) == CORAX_OK) {
        text_adds(&request, ",\"stdin\":");
        text_add_json(&request, in.s, in.len);
    }
    text_addf(&request, ",\"limits\":{\"wall_ms\":%lld,\"cpu_ms\":%lld,\"memory_bytes\":%d,\"output_bytes\":%d,",
              (long long)r->wall_ms, (long long)r->wall_ms, MEMORY_BYTES, OUTPUT_BYTES);
    text_addf(&request, "\"files_bytes\":%d}}", FILES_BYTES);
    rc = request.failed ? out_of_memory(r)
                        : r->h->request(r->c, "exec", request.data, request.len, &r->reply.s, &r->reply.len);
    text_finish(&request);
    return rc;
}

/* --- how a program failed ----------------------------------------------------------------------------------------- */

/* Of standard error: the last line that has something, which is where Python names the exception. */
static struct piece last_line(struct piece p, bool *cut)
{
    size_t start;

    while (p.len > 0 && strchr(" \t\r\n", p.s[p.len - 1]))
        p.len--;
    for (start = p.len; start > 0 && p.s[start - 1] != '\n'; start--)
        ;
    while (start < p.len && strchr(" \t\r", p.s[start]))
        start++;
    p = (struct piece){ p.s + start, p.len - start };
    *cut = p.len > MAX_LINE;
    if (*cut)
        for (p.len = MAX_LINE; p.len > 0 && ((unsigned char)p.s[p.len] & 0xc0) == 0x80; p.len--)
            ;
    return p;
}

static void drop_last_newline(struct piece *p)
{
    if (p->len > 0 && p->s[p->len - 1] == '\n')
        p->len--;
}

/* What it printed, on a line of its own; of more than fits the end, since that is nearer to what went wrong. */
static void add_printed(struct text *why, struct piece out)
{
    size_t room = CORAX_FAIL_MAX - why->len - sizeof "\n\xe2\x80\xa6" + 1;

    drop_last_newline(&out);
    if (out.len == 0)
        return;
    text_add(why, "\n", 1);
    if (out.len > room) {
        size_t from = out.len - room;

        while (from < out.len && ((unsigned char)out.s[from] & 0xc0) == 0x80)
            from++;
        text_adds(why, "\xe2\x80\xa6");
        out = (struct piece){ out.s + from, out.len - from };
    }
    text_add(why, out.s, out.len);
}

static int failed(struct run *r)
{
    struct text why = { 0 };
    bool cut;
    struct piece end, line = last_line(r->err, &cut);
    int status = CORAX_E_ARGS;

    get(r, r->reply, "/end", &end);
    if (is(end, "timeout")) {
        status = CORAX_E_TIMEOUT;
        text_addf(&why, "the program ran longer than %g s and was ended", (double)((r->wall_ms + 50) / 100) / 10);
    } else if (is(end, "memory")) {
        status = CORAX_E_LIMIT;
        text_addf(&why, "the program needed more than %d MiB of memory", MEMORY_BYTES >> 20);
    } else if (is(end, "output")) {
        status = CORAX_E_LIMIT;
        text_addf(&why, "the program printed more than %d KiB", OUTPUT_BYTES >> 10);
    } else if (is(end, "signal")) {
        text_addf(&why, "the program was ended by signal %lld (%s)", (long long)r->status, strsignal((int)r->status));
        add_printed(&why, r->out);
    } else if (is(end, "exited")) {
        text_addf(&why, "exit status %lld%s", (long long)r->status, line.len > 0 ? ": " : "");
        text_add(&why, line.s, line.len);
        text_adds(&why, cut ? "\xe2\x80\xa6" : "");
        add_printed(&why, r->out);
    } else {
        status = CORAX_E_INTERNAL;
        text_adds(&why, "the box ended the program in a way that is not known here");
    }
    status = why.failed ? out_of_memory(r) : refuse(r, status, &why);
    text_finish(&why);
    return status;
}

/* --- what it left --------------------------------------------------------------------------------------------------- */

static bool ends_with(struct piece name, const char *suffix)
{
    size_t n = strlen(suffix);

    return name.len > n && memcmp(name.s + name.len - n, suffix, n) == 0;
}

/* A file that people can look at becomes a part.  1: it did; 0: it is something else; a status when that failed. */
static int add_image(struct run *r, struct piece file, struct piece name)
{
    struct text bytes = { 0 };
    struct piece data;
    int rc = 0;

    if (ends_with(name, ".svg") && get(r, file, "/text", &data)) {
        rc = r->h->result(r->c, "image/svg+xml", data.s, data.len);
        r->n_image_bytes += data.len;
        return rc == CORAX_OK ? 1 : rc;
    }
    if (!ends_with(name, ".png") || !get(r, file, "/base64", &data))
        return 0;
    if (!text_add_base64(&bytes, data.s, data.len))
        rc = 0;
    else if (bytes.failed)
        rc = out_of_memory(r);
    else if (bytes.len > 8 && memcmp(bytes.data, "\x89PNG\r\n\x1a\n", 8) == 0)
        rc = r->h->result(r->c, "image/png", bytes.data, bytes.len) == CORAX_OK ? 1 : CORAX_E_LIMIT;
    r->n_image_bytes += rc == 1 ? bytes.len : 0;
    text_finish(&bytes);
    return rc;
}

/* A file's line for the model; a name is shown without what could break the line. */
static void add_line(struct run *r, struct piece file, struct piece name)
{
    int64_t n = get_int(r, file, "/bytes", 0);

    text_adds(&r->text, "\nfile ");
    for (size_t i = 0; i < name.len; i++)
        text_add(&r->text, (unsigned char)name.s[i] < 0x20 || name.s[i] == 0x7f ? "?" : name.s + i, 1);
    text_addf(&r->text, " (%lld %s)", (long long)n, n == 1 ? "byte" : "bytes");
}

/* Into the JSON part as the box told it if there is room, else without what is in it. */
static void add_file(struct run *r, struct piece file, struct piece name, bool is_part)
{
    size_t used = r->json.len + r->text.len + r->n_image_bytes;

    if (r->json.data[r->json.len - 1] != '[')
        text_add(&r->json, ",", 1);
    if (!is_part && used + file.len < CORAX_RESULT_MAX - 16 * 1024) {
        text_add(&r->json, file.s, file.len);
        return;
    }
    text_adds(&r->json, "{\"name\":");
    text_add_json(&r->json, name.s, name.len);
    text_addf(&r->json, ",\"bytes\":%lld}", (long long)get_int(r, file, "/bytes", 0));
}

static int add_files(struct run *r)
{
    struct piece file, name;

    text_adds(&r->json, "\"files\":[");
    for (size_t i = 0; get_element(r, "files", i, &file); i++) {
        int rc;

        get(r, file, "/name", &name);
        add_line(r, file, name);
        rc = add_image(r, file, name);
        if (rc < 0)
            return rc;
        add_file(r, file, name, rc == 1);
    }
    text_add(&r->json, "]", 1);
    return CORAX_OK;
}

static void add_left_out(struct run *r)
{
    struct piece file, name, why;
    size_t i;

    for (i = 0; get_element(r, "left_out", i, &file); i++) {
        if (i >= MAX_LEFT_OUT)
            continue;
        get(r, file, "/name", &name);
        get(r, file, "/why", &why);
        add_line(r, file, name);
        text_adds(&r->text, " was left out: ");
        text_add(&r->text, why.s, why.len < MAX_LINE ? why.len : MAX_LINE);
    }
    if (i > MAX_LEFT_OUT)
        text_addf(&r->text, "\n%zu more files were left out", i - MAX_LEFT_OUT);
}

static void add_numbers(struct run *r)
{
    static const char *const pointers[] = { "/wall_us", "/cpu_us", "/peak_bytes" };
    struct piece err = r->err;

    if (err.len > MAX_STDERR) {
        err = (struct piece){ err.s + err.len - MAX_STDERR, MAX_STDERR };
        while (err.len > 0 && ((unsigned char)*err.s & 0xc0) == 0x80)
            err = (struct piece){ err.s + 1, err.len - 1 };
    }
    text_adds(&r->json, "{\"stderr\":");
    text_add_json(&r->json, err.s, err.len);
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
        text_addf(&r->json, ",\"%s\":%lld", pointers[i] + 1, (long long)get_int(r, r->reply, pointers[i], 0));
    text_add(&r->json, ",", 1);
}

static int succeeded(struct run *r)
{
    struct piece out = r->out;
    int rc;

    drop_last_newline(&out);
    if (out.len > 0)
        text_add(&r->text, out.s, out.len);
    else
        text_adds(&r->text, "(no output)");
    add_numbers(r);
    rc = add_files(r);
    add_left_out(r);
    text_add(&r->json, "}", 1);
    if (rc == CORAX_OK && (r->text.failed || r->json.failed))
        rc = out_of_memory(r);
    if (rc == CORAX_OK)
        rc = r->h->result(r->c, "text/plain", r->text.data, r->text.len);
    return rc == CORAX_OK ? r->h->result(r->c, "application/json", r->json.data, r->json.len) : rc;
}

/* --- the tool --------------------------------------------------------------------------------------------------------- */

static int run_python_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    struct run r = { .h = h, .c = c };
    struct piece code, end;
    int rc;

    (void)args;
    (void)len;
    if (!CORAX_HAS(h, json_get))
        return refuse_text(&r, CORAX_E_UNAVAIL, "unavailable: this host is older than the plugin (interface 1.1)");
    if (h->arg(c, "/code", &code.s, &code.len) != CORAX_OK)
        return refuse_text(&r, CORAX_E_ARGS, "code is missing: give a Python program");
    rc = ask(&r, code);
    if (rc != CORAX_OK)
        return rc;
    r.status = get_int(&r, r.reply, "/status", -1);
    get(&r, r.reply, "/stdout", &r.out);
    get(&r, r.reply, "/stderr", &r.err);
    rc = get(&r, r.reply, "/end", &end) && is(end, "exited") && r.status == 0 ? succeeded(&r) : failed(&r);
    text_finish(&r.text);
    text_finish(&r.json);
    return rc;
}

#define INTEGER "{\"type\":\"integer\"}"
#define FILES   "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"bytes\"]}}"

static const struct corax_tool run_python_tool = {
    .size = sizeof run_python_tool,
    .effects = CORAX_FX_EXEC,
    .traits = CORAX_TRAIT_IDEMPOTENT, /* a box has no network and leaves nothing behind */
    .name = "run_python",
    .summary = "Run a Python 3 program, without network or files, and return what it prints.",
    .args_schema = "{\"type\":\"object\",\"properties\":{"
                   "\"code\":{\"type\":\"string\",\"description\":\"the program, for example print(sum(range(10)))\"},"
                   "\"stdin\":{\"type\":\"string\",\"description\":\"what the program reads from standard input\"}},"
                   "\"required\":[\"code\"],\"additionalProperties\":false}",
    .result_schema = "{\"type\":\"object\",\"properties\":{\"stderr\":{\"type\":\"string\"},"
                     "\"wall_us\":" INTEGER ",\"cpu_us\":" INTEGER ",\"peak_bytes\":" INTEGER ",\"files\":" FILES "},"
                     "\"required\":[\"stderr\",\"files\"]}",
    .call = run_python_call,
};

static const struct corax_tool *const tools[] = { &run_python_tool, NULL };

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "code", .version = "1", .license = "Apache-2.0", .tools = tools,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
