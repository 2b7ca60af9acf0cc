/*
 * scripted-host - stands in for corax-host, without its sandbox, so that a test can count effects outside.
 *
 *     scripted-host FILE.so
 *
 * FILE.so is no shared object but JSON: {"name":"ledger","ledger":"/path","tools":[TOOL as in tools/list ...]}.  The
 * text of a call is its argument `text`.  What a tool does is in its name, by words: one with "append" in it adds
 * the text as a line to the ledger; then "crash", "hang", "garbage", "flood" (100 MB in one line) and "slow" (2 s)
 * do what they say; the rest answers with the text.  One with "screen" in it plays a screening tool: for each text of its list "values"
 * it finds the words of bad, worse and good that the text holds; of one with "odd" it does not know, and with "wrong" it is an
 * error.  What it was given is a line of the ledger.  "short" in its name leaves the last out, "loud" finds a hundred things, "mute"
 * has nothing for programs, "bare" no findings.  One with "draw" in it adds a picture.  One with "exec" in it asks for the service corax/exec, as a host that was taken over could, and
 * answers with what it hears.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"
#include "util/rpc.h"

static const char *script_text;
static size_t script_len;
static struct json *script;

static void send_line(struct buf *line)
{
    if (write(1, line->data, line->len) != (ssize_t)line->len)
        _exit(1);
    buf_finish(line);
}

static void append(const char *text)
{
    const char *path = json_get_text(script, "ledger", "/dev/null");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    char line[1000];
    int n = snprintf(line, sizeof(line), "%s\n", text);

    if (fd < 0 || write(fd, line, (size_t)n) != n)
        _exit(1);
    close(fd);
}

/* Waits for the answer: nobody sends anything else meanwhile. */
static void ask_for_exec(char *heard, size_t size)
{
    static const char request[] =
        "{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"method\":\"corax/exec\",\"params\":{\"argv\":[\"true\"]}}\n";
    struct rpc_msg msg;
    size_t n = 0;

    if (write(1, request, sizeof(request) - 1) != sizeof(request) - 1)
        _exit(1);
    while (n < size - 1 && read(0, heard + n, 1) == 1 && heard[n] != '\n')
        n++;
    if (rpc_parse(heard, n, &msg, NULL) < 0)
        _exit(1);
    snprintf(heard, size, "%s", msg.kind == RPC_ERROR ? msg.error_message : "it was served");
    rpc_msg_finish(&msg);
}

static void flood(void)
{
    static char piece[100000];

    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < 1000; i++)
        for (size_t at = 0; at < sizeof(piece);) {
            ssize_t n = write(1, piece + at, sizeof(piece) - at);

            if (n <= 0)
                _exit(1);
            at += (size_t)n;
        }
}

static void screen_one(struct jsonw *w, const char *name, const char *text)
{
    static const char *const words[] = { "bad", "worse", "good" };
    char word[16];

    jsonw_object(w, NULL);
    jsonw_text(w, "status", strstr(text, "odd") ? "unknown" : strstr(text, "wrong") ? "error" : "ok");
    if (!strstr(name, "bare")) {
        jsonw_array(w, "findings");
        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
            if (strstr(text, words[i]))
                jsonw_text(w, NULL, words[i]);
        for (int i = 0; i < 100 && strstr(name, "loud"); i++) {
            snprintf(word, sizeof(word), "word-%d", i);
            jsonw_text(w, NULL, word);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void screen(const char *name, const struct json *values, struct jsonw *w)
{
    char line[1000];
    int n = snprintf(line, sizeof(line), "%s:", name);

    for (const struct json *j = json_first(values); j; j = json_next(j))
        n += snprintf(line + n, n < 900 ? sizeof(line) - (size_t)n : 0, " %s", json_text(j));
    append(line);
    if (strstr(name, "mute"))
        return;
    jsonw_object(w, "structuredContent");
    jsonw_text(w, "status", "ok");
    jsonw_array(w, "results");
    for (const struct json *j = json_first(values); j; j = json_next(j))
        if (json_next(j) || !strstr(name, "short"))
            screen_one(w, name, json_text(j));
    jsonw_end(w);
    jsonw_end(w);
}

static void call(const struct rpc_msg *msg, struct jsonw *w)
{
    static char heard[4096];
    const char *name = json_get_text(msg->params, "name", "");
    const char *text = json_get_text(json_get(msg->params, "arguments"), "text", "");

    if (strstr(name, "append"))
        append(text);
    if (strstr(name, "crash"))
        abort();
    if (strstr(name, "garbage") && write(1, "{\"half\":\n", 9) != 9)
        _exit(1);
    if (strstr(name, "flood"))
        flood();
    if (strstr(name, "hang"))
        while (read(0, &(char){ 0 }, 1) > 0)
            ; /* until the other side is gone */
    if (strstr(name, "slow"))
        sleep(4); /* longer than a busy machine takes from the effect to a kill */
    if (strstr(name, "exec")) {
        ask_for_exec(heard, sizeof(heard));
        text = heard;
    }
    jsonw_array(w, "content");
    jsonw_object(w, NULL);
    jsonw_text(w, "type", "text");
    jsonw_text(w, "text", text);
    jsonw_end(w);
    if (strstr(name, "draw")) {
        jsonw_object(w, NULL);
        jsonw_text(w, "type", "image");
        jsonw_text(w, "mimeType", "image/svg+xml");
        jsonw_text(w, "data", "PHN2Zz48L3N2Zz4="); /* <svg></svg> */
        jsonw_end(w);
    }
    jsonw_end(w);
    if (strstr(name, "screen"))
        screen(name, json_get(json_get(msg->params, "arguments"), "values"), w);
    jsonw_bool(w, "isError", strstr(name, "fail") != NULL);
}

static void discover(struct jsonw *w)
{
    jsonw_array(w, "supportedVersions");
    jsonw_text(w, NULL, "2026-07-28");
    jsonw_end(w);
    jsonw_object(w, "capabilities");
    jsonw_end(w);
    jsonw_object(w, "_meta");
    jsonw_object(w, "io.modelcontextprotocol/serverInfo");
    jsonw_text(w, "name", json_get_text(script, "name", "scripted"));
    jsonw_text(w, "version", "1");
    jsonw_end(w);
    jsonw_end(w);
}

static void handle(const struct rpc_msg *msg)
{
    struct buf line;
    struct jsonw w;
    const char *tools;
    size_t len;

    if (msg->kind != RPC_REQUEST)
        return;
    buf_init(&line, RPC_MAX_LINE);
    w = rpc_result_start(&line, msg->id, msg->id_len);
    jsonw_text(&w, "resultType", "complete");
    if (strcmp(msg->method, "server/discover") == 0)
        discover(&w);
    else if (strcmp(msg->method, "tools/list") == 0 && json_find(script_text, script_len, "/tools", &tools, &len))
        jsonw_raw(&w, "tools", tools, len);
    else if (strcmp(msg->method, "tools/call") == 0)
        call(msg, &w);
    rpc_end(&w);
    send_line(&line);
}

int main(int argc, char **argv)
{
    struct rpc_reader reader;
    struct rpc_msg msg;
    struct buf text;
    struct err err = { 0 };
    const char *line;
    char data[65536];
    ssize_t n;
    size_t len;

    buf_init(&text, 1u << 20);
    if (argc < 2 || file_read(argv[argc - 1], &text, &err) < 0 ||
        (script = json_parse(text.data, text.len, &err)) == NULL) {
        fprintf(stderr, "scripted-host: %s\n", err.msg);
        _exit(1);
    }
    for (len = 0; len < text.len; len++)
        if (text.data[len] == '\n')
            text.data[len] = ' ';
    script_text = text.data;
    script_len = text.len;
    rpc_reader_init(&reader);
    while ((n = read(0, data, sizeof(data))) > 0) {
        if (rpc_reader_feed(&reader, data, (size_t)n, NULL) < 0)
            _exit(1);
        while (rpc_reader_next(&reader, &line, &len)) {
            if (rpc_parse(line, len, &msg, NULL) < 0)
                _exit(1);
            handle(&msg);
            rpc_msg_finish(&msg);
        }
    }
    _exit(0);
}
