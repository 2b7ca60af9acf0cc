/*
 * scripted-model - stands in for corax-infer where coraxd's own cost is measured: as little work as a request allows.
 *
 *     scripted-model serve MODEL
 *
 * See scripted-model.h.  It reads no JSON: what it looks for in a request is found as bytes, since coraxd wrote them.
 */
#include "tests/bench/scripted-model.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINE (1u << 20)

static char in[MAX_LINE + 1], out[4096];
static struct scripted_times *times;

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void send_out(size_t len)
{
    if (write(1, out, len) != (ssize_t)len)
        _exit(1);
}

/* The number behind a word of the first user message, or otherwise. */
static long word(const char *text, const char *name, long otherwise)
{
    const char *at = strstr(text, name);

    return at ? strtol(at + strlen(name), NULL, 10) : otherwise;
}

static void answer_chat(const char *line, long long id, int64_t read_ns)
{
    const char *user = strstr(line, "{\"role\":\"user\""), *p;
    long steps, step = 1, pad, task;
    char tool[32] = "echo", delta[96];
    size_t len;

    if (user == NULL)
        _exit(1);
    for (p = user; (p = strstr(p, "{\"role\":\"assistant\"")) != NULL; p++)
        step++;
    steps = word(user, "steps=", 1);
    pad = word(user, "pad=", 0);
    task = word(user, "task=", 0);
    if ((p = strstr(user, "tool=")) != NULL)
        sscanf(p, "tool=%31[a-z]", tool);
    if (times && times->n < SCRIPTED_MAX_TIMES)
        times->at[times->n] = (struct scripted_time){ read_ns, 0, step };
    if (step == word(user, "hold=", 0))
        return;
    snprintf(delta, sizeof(delta), "\"kind\":\"call\",\"index\":0,\"name\":\"%s\"", tool);
    len = (size_t)snprintf(out, sizeof(out),
                           "{\"jsonrpc\":\"2.0\",\"method\":\"chat/delta\",\"params\":{\"id\":%lld,%s,"
                           "\"text\":\"...\"}}\n{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{",
                           id, step < steps ? delta : "\"kind\":\"text\"", id);
    if (step < steps)
        len += (size_t)snprintf(
            out + len, sizeof(out) - len,
            "\"reasoning\":\"Step %ld of %ld: the tool has to be asked.\",\"text\":\"\",\"calls\":[{"
            "\"name\":\"%s\",\"arguments\":\"{\\\"text\\\":\\\"task %ld, step %ld\\\",\\\"pad\\\":%ld}\"}],"
            "\"finish\":\"call\"",
            step, steps, tool, task, step, pad);
    else
        len += (size_t)snprintf(out + len, sizeof(out) - len,
                                "\"reasoning\":\"\",\"text\":\"Task %ld took %ld steps.\",\"finish\":\"answer\"", task,
                                steps);
    len += (size_t)snprintf(out + len, sizeof(out) - len,
                            ",\"usage\":{\"prompt_tokens\":100,\"cached_tokens\":90,\"completion_tokens\":20,"
                            "\"prompt_us\":0,\"decode_us\":0}}}\n");
    if (times) {
        if (times->n < SCRIPTED_MAX_TIMES)
            times->at[times->n].reply_ns = now_ns();
        times->n++;
    }
    send_out(len);
}

static void answer(const char *line)
{
    const char *id = strstr(line, "\"id\":");
    int64_t read_ns = now_ns();

    if (id == NULL)
        return; /* a cancel: what is held has no answer anyway */
    if (strstr(line, "\"method\":\"info\""))
        send_out((size_t)snprintf(out, sizeof(out),
                                  "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"model\":{\"name\":\"scripted-bench\","
                                  "\"context_length\":65536},\"kernels\":\"none\"}}\n",
                                  "0"));
    else
        answer_chat(line, strtoll(id + 5, NULL, 10), read_ns);
}

static void map_times(const char *model)
{
    char path[1024];
    int fd;

    snprintf(path, sizeof(path), "%s.times", model);
    fd = open(path, O_RDWR);

    if (fd < 0)
        _exit(1);
    times = mmap(NULL, sizeof(*times), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (times == MAP_FAILED)
        _exit(1);
    close(fd);
}

int main(int argc, char **argv)
{
    size_t len = 0;
    ssize_t n;

    if (argc < 3)
        return 2;
    map_times(argv[argc - 1]);
    while ((n = read(0, in + len, MAX_LINE - len)) > 0) {
        char *line = in, *end;

        len += (size_t)n;
        in[len] = '\0';
        while ((end = strchr(line, '\n')) != NULL) {
            *end = '\0';
            answer(line);
            line = end + 1;
        }
        len -= (size_t)(line - in);
        memmove(in, line, len);
    }
    return 0;
}
