/*
 * daemon: the bytes are what a client sends on one connection, cut in two where a NUL is.  Whatever they are, the server
 * answers or closes, and a good request on another connection is answered.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/http.h"

#define MAX_ROUNDS 20000 /* of the loop, until an answer must be there */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct event_base *base;
static char path[64];

static void handle(void *arg, struct evhttp_request *req, const struct http_peer *peer)
{
    char value[64];
    size_t len;

    http_body(req, &len);
    if (len > HTTP_MAX_BODY)
        abort();
    http_query(req, "a", value, sizeof(value));
    http_reply_text(req, 200, value);
}

static int dial(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    memcpy(addr.sun_path, path, sizeof(path));
    while (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        event_base_loop(base, EVLOOP_ONCE); /* the queue is full until a sweep */
    return fd;
}

static void send_all(int fd, const uint8_t *data, size_t len)
{
    ssize_t n;

    while (len > 0 && (n = send(fd, data, len, MSG_NOSIGNAL)) > 0) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        data += n;
        len -= (size_t)n;
    }
    event_base_loop(base, EVLOOP_NONBLOCK);
}

/* The same connection each time, until the server closes it: what another client sends must not be felt here. */
static void ask_good(void)
{
    static const char good[] = "GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\n";
    static int fd = -1;
    char answer[512];
    ssize_t n = -1;

    if (fd < 0)
        fd = dial();
    if (send(fd, good, sizeof(good) - 1, MSG_NOSIGNAL) < 0)
        abort();
    for (int i = 0; i < MAX_ROUNDS && n <= 0; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        n = recv(fd, answer, sizeof(answer), 0);
        if (n == 0)
            abort();
        if (i > 100)
            usleep(100);
    }
    if (n < 12 || memcmp(answer, "HTTP/1.", 7) != 0 || memcmp(answer + 9, "200", 3) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *nul = memchr(data, 0, len);
    size_t first = nul ? (size_t)(nul - data) : len;
    struct http *http;
    int fd;

    if (base == NULL) {
        signal(SIGPIPE, SIG_IGN);
        snprintf(path, sizeof(path), "/tmp/corax-http-fuzz.%ld", (long)getpid());
        base = event_base_new();
        http = http_create(base, path, NULL, handle, NULL, NULL);
        if (http == NULL)
            abort();
        http_set_deadlines(http, HTTP_REQUEST_MS, INT32_MAX);
    }
    fd = dial();
    send_all(fd, data, first);
    if (nul)
        send_all(fd, nul, len - first);
    close(fd);
    ask_good();
    return 0;
}
