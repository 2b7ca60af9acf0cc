/*
 * scripted-box - stands in for corax-box: speaks the protocol of `corax-box exec`, and does what the program says.
 *
 *     scripted-box exec
 *     scripted-box probe                     prints ARGV0.probe, or that nothing is missing
 *     scripted-box run [OPTION]... -- PROGRAM [ARGUMENT]...    becomes the program, without any box: for hosts that write outside
 *
 * The program is the text of the request's first file: "print TEXT" prints it, "wall" prints the request's limits.wall_ms,
 * "fail" ends with status 1, "none" is the error that a kernel without namespaces gives, "crash", "garbage", "flood"
 * (100 MB without a line's end), "lines" (100 MB of lines), "wrong" (the answer to another request), "big" (a result that
 * nearly fills a line), "stay" (answers and does not end) and "hang" do what they say.
 *
 * What it did is in the file ARGV0.ledger, a line each: "start PID", "request PID".  Where ARGV0.broken is, it exits at once.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/rpc.h"

static const char *self;

static void note(const char *what)
{
    char path[4096], line[80];
    int fd, n = snprintf(line, sizeof(line), "%s %ld\n", what, (long)getpid());

    snprintf(path, sizeof(path), "%s.ledger", self);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || write(fd, line, (size_t)n) != n)
        _exit(1);
    close(fd);
}

static void send_all(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(1, data, len);

        if (n <= 0)
            _exit(1); /* nobody reads any more */
        data += n;
        len -= (size_t)n;
    }
}

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

static void flood(const char *piece, size_t len)
{
    for (size_t sent = 0; sent < 100u << 20; sent += len)
        send_all(piece, len);
    wait_for_ever();
}

static void answer(const char *id, const char *out, size_t out_len, int status)
{
    struct buf line;
    struct jsonw w;

    buf_init(&line, RPC_MAX_LINE);
    w = rpc_result_start(&line, id, strlen(id));
    jsonw_text(&w, "end", "exited");
    jsonw_int(&w, "status", status);
    jsonw_string(&w, "stdout", out, out_len);
    jsonw_text(&w, "stderr", status ? "failed as told" : "");
    jsonw_array(&w, "files");
    jsonw_end(&w);
    jsonw_array(&w, "left_out");
    jsonw_end(&w);
    rpc_end(&w);
    send_all(line.data, line.len);
    buf_finish(&line);
}

static void run(const char *program, const struct json *params)
{
    static char much[1000000];
    const char *wall = json_digits(json_get(json_get(params, "limits"), "wall_ms"));
    struct buf line;

    memset(much, 'x', sizeof(much));
    if (strncmp(program, "print ", 6) == 0) {
        answer("1", program + 6, strlen(program + 6), 0);
    } else if (strcmp(program, "wall") == 0) {
        answer("1", wall ? wall : "", wall ? strlen(wall) : 0, 0);
    } else if (strcmp(program, "fail") == 0) {
        answer("1", "", 0, 1);
    } else if (strcmp(program, "none") == 0) {
        buf_init(&line, RPC_MAX_LINE);
        rpc_write_error(&line, "1", 1, -32000, "no user namespaces here");
        send_all(line.data, line.len);
        buf_finish(&line);
    } else if (strcmp(program, "crash") == 0) {
        abort();
    } else if (strcmp(program, "garbage") == 0) {
        send_all("{\"half\":\n", 9);
        wait_for_ever();
    } else if (strcmp(program, "flood") == 0) {
        flood(much, sizeof(much));
    } else if (strcmp(program, "lines") == 0) {
        flood("{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n", 31);
    } else if (strcmp(program, "wrong") == 0) {
        answer("7", "", 0, 0);
    } else if (strcmp(program, "big") == 0) {
        answer("1", much, sizeof(much), 0);
    } else {
        if (strcmp(program, "stay") == 0)
            answer("1", "stayed", 6, 0);
        wait_for_ever();
    }
}

static int probe(void)
{
    static const char whole[] =
        "{\"parts\":[{\"name\":\"user\",\"state\":\"in_force\",\"why\":null}],\"runs_code\":true,\"complete\":true}\n";
    char path[4096], text[4096];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "%s.probe", self);
    fd = open(path, O_RDONLY);
    if (fd < 0) {
        send_all(whole, sizeof(whole) - 1);
        return 0;
    }
    while ((n = read(fd, text, sizeof(text))) > 0)
        send_all(text, (size_t)n);
    close(fd);
    return 1;
}

static int become(char **argv)
{
    while (*argv && strcmp(*argv, "--") != 0)
        argv++;
    if (argv[0] == NULL || argv[1] == NULL)
        return 2;
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}

int main(int argc, char **argv)
{
    struct rpc_reader reader;
    struct rpc_msg msg;
    const char *line;
    char data[65536];
    size_t len;
    ssize_t n;

    self = argv[0];
    if (argc == 2 && strcmp(argv[1], "probe") == 0)
        return probe();
    if (argc > 2 && strcmp(argv[1], "run") == 0)
        return become(argv + 2);
    if (argc != 2 || strcmp(argv[1], "exec") != 0)
        return 2;
    snprintf(data, sizeof(data), "%s.broken", self);
    if (access(data, F_OK) == 0)
        return 1;
    note("start");
    rpc_reader_init(&reader);
    while (!rpc_reader_next(&reader, &line, &len)) {
        n = read(0, data, sizeof(data));
        if (n <= 0 || rpc_reader_feed(&reader, data, (size_t)n, NULL) < 0)
            return 0; /* nobody needs it any more */
    }
    if (rpc_parse(line, len, &msg, NULL) < 0 || msg.kind != RPC_REQUEST)
        return 1;
    note("request");
    run(json_get_text(json_first(json_get(msg.params, "files")), "text", ""), msg.params);
    rpc_msg_finish(&msg);
    rpc_reader_finish(&reader);
    return 0;
}
