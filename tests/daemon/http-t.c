/*
 * The socket below the routes: bytes as a hostile or clumsy client sends them.
 *
 * Covered: who the client is, keep-alive and pipelining, a request in single bytes, one that drips, idle connections,
 * doubled lengths, bodies and headers that are too large, bytes that are no HTTP, clients that go away at any
 * moment, more connections than there may be, and the socket's file.  Not covered: the routes (api.bats).
 */
#include "daemon/http.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/tap.h"
#include "util/clock.h"

static struct event_base *base;
static struct http *http;
static char dir[] = "/tmp/corax-http.XXXXXX", path[64];
static struct http_peer last_peer;
static int n_handled;
static struct evhttp_request *held; /* the request of /hold */

static void handle(void *arg, struct evhttp_request *req, const struct http_peer *peer)
{
    const char *uri = evhttp_request_get_uri(req);
    size_t len;

    n_handled++;
    last_peer = *peer;
    http_body(req, &len);
    if (strcmp(uri, "/hold") == 0)
        held = req;
    else
        http_reply_text(req, 200, len > 0 ? "body" : "empty");
}

static void spin(int ms)
{
    int64_t until = clock_mono_ms() + ms;

    while (clock_mono_ms() < until) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        usleep(500);
    }
}

static int dial(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void put(int fd, const char *text, size_t len)
{
    size_t sent = 0;

    while (sent < len) {
        ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            return;
        if (n > 0)
            sent += (size_t)n;
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
}

/* What comes within ms, or until the end.  *closed: the end came. */
static const char *take(int fd, int ms, bool *closed)
{
    static char text[65536];
    size_t len = 0;
    int64_t until = clock_mono_ms() + ms;
    ssize_t n;

    *closed = false;
    while (clock_mono_ms() < until && len < sizeof(text) - 1 && !*closed) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        if (n > 0)
            len += (size_t)n;
        *closed = n == 0 || (n < 0 && errno != EAGAIN);
        usleep(200);
    }
    text[len] = '\0';
    return text;
}

static const char *ask(const char *request, bool *closed)
{
    static char copy[65536];
    int fd = dial();

    put(fd, request, strlen(request));
    snprintf(copy, sizeof(copy), "%s", take(fd, 120, closed));
    close(fd);
    spin(2);
    return copy;
}

static int count(const char *text, const char *needle)
{
    int n = 0;

    for (; (text = strstr(text, needle)) != NULL; text++)
        n++;
    return n;
}

static void test_requests(void)
{
    bool closed;
    const char *got;
    int fd, i;
    static const char one[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

    got = ask(one, &closed);
    has_str(got, "HTTP/1.1 200 OK", "a request is answered");
    has_str(got, "API-Version: 1", "with the version of the API");
    ok(!closed, "and the connection stays");
    is_int(last_peer.uid, geteuid(), "the kernel says who asks");
    is_int(last_peer.admin, geteuid() == 0, "uid 0 is admin");

    fd = dial();
    for (i = 0; one[i]; i++) {
        put(fd, &one[i], 1);
        spin(1);
    }
    has_str(take(fd, 50, &closed), "200 OK", "byte by byte is fine while it is quick");
    put(fd, one, strlen(one));
    has_str(take(fd, 50, &closed), "200 OK", "a second request on the same connection");
    close(fd);

    got = ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n",
              &closed);
    is_int(count(got, "200 OK"), 3, "three requests at once get three answers");
    got = ask("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", &closed);
    has_str(got, "body", "a body arrives");
    got = ask("GET /a HTTP/1.0\r\n\r\n", &closed);
    ok(closed && strstr(got, "200 OK"), "HTTP/1.0 is answered and closed");
}

static void test_many_headers(void)
{
    enum { N = 10000 };
    static char many[N * 32];
    int64_t start = clock_mono_ms();
    size_t len = 0;
    const char *got;
    bool closed;
    int fd, i;

    for (i = 0; i < N; i++)
        len += (size_t)snprintf(many + len, sizeof(many) - len, "X-Header-%d: %d\r\n", i, i);
    fd = dial();
    put(fd, "GET /a HTTP/1.1\r\n", 17);
    put(fd, many, len);
    put(fd, "\r\n", 2);
    got = take(fd, 1000, &closed);
    ok(closed && strstr(got, "200") == NULL, "ten thousand headers of 20 bytes are refused");
    close(fd);
    fd = dial();
    put(fd, "GET /a HTTP/1.1\r\n", 17);
    for (i = 0; i < N; i++)
        put(fd, "a:b\r\n", 5);
    put(fd, "\r\n", 2);
    has_str(take(fd, 1000, &closed), "200 OK", "as many of 3 bytes are within the limit of bytes");
    close(fd);
    ok(clock_mono_ms() - start < 20000, "and cost no time worth mentioning (%lld ms)",
       (long long)(clock_mono_ms() - start));
}

static void test_refused(void)
{
    static char big[70000];
    bool closed;
    const char *got;
    int before, fd;

    before = n_handled;
    got = ask("POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde", &closed);
    has_str(got, "400", "two lengths are refused");
    has_str(got, "bad_content_length", "as JSON");
    ok(closed, "and the connection ends, since nobody knows where the next request begins");
    got = ask("POST /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
              &closed);
    has_str(got, "400", "a length and chunks are refused");
    got = ask("POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", &closed);
    ok(strstr(got, "200") == NULL, "a negative length is not taken");
    got = ask("POST /a HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", &closed);
    ok(strstr(got, "200") == NULL, "a length beyond all numbers is not taken");
    got = ask("\x16\x03\x01\x02hello, this is not HTTP\r\n\r\n", &closed);
    ok(closed && strstr(got, "200") == NULL, "bytes that are no HTTP end the connection");
    has_str(got, "HTTP/1.1 400 Bad Request\r\nAPI-Version: 1\r\nContent-Type: application/json\r\n",
            "and are answered");
    has_str(got, "\r\n\r\n{\"error\":{\"message\":\"this is no HTTP request", "with an error like all others");
    ok(strstr(got, "<") == NULL, "and with nothing else");
    got = ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n", &closed);
    ok(closed && count(got, "HTTP/1.1 200") == 1 && count(got, "\"code\":\"bad_request\"") == 1,
       "so are they behind a good request");
    got = ask("POST /a HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", &closed);
    ok(closed && strstr(got, "HTTP/1.1 413") && strstr(got, "\"code\":\"too_large\""),
       "a body that is announced as far too large is refused before it comes");
    memset(big, 'h', sizeof(big) - 1);
    fd = dial();
    put(fd, "GET /a HTTP/1.1\r\nX: ", 20);
    put(fd, big, sizeof(big) - 1);
    put(fd, "\r\n\r\n", 4);
    got = take(fd, 100, &closed);
    ok(closed && strstr(got, "200") == NULL, "headers over the limit end the connection");
    has_str(got, "\"code\":\"bad_request\"", "with an error in JSON");
    close(fd);
    is_int(n_handled, before + 1, "none of them reached a route, but for the good one");
    test_many_headers();
}

static void test_body_limit(void)
{
    enum { N = HTTP_MAX_BODY + 1 };
    char head[80];
    char *body = malloc(N);
    bool closed;
    const char *got;
    int fd = dial();

    memset(body, 'x', N);
    snprintf(head, sizeof(head), "POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n", N);
    put(fd, head, strlen(head));
    put(fd, body, N);
    got = take(fd, 200, &closed);
    has_str(got, "413", "a body one byte over the limit is refused");
    has_str(got, "too_large", "as JSON");
    close(fd);
    fd = dial();
    snprintf(head, sizeof(head), "POST /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n", N - 1);
    put(fd, head, strlen(head));
    put(fd, body, N - 1);
    has_str(take(fd, 200, &closed), "200", "one of exactly the limit is taken");
    close(fd);
    free(body);
}

static void test_time(void)
{
    bool closed = false;
    int64_t start;
    int fd, quiet, i;

    http_set_deadlines(http, 600, 1500);
    fd = dial();
    quiet = dial();
    start = clock_mono_ms();
    put(fd, "GET /", 5);
    for (i = 0; i < 60 && !closed; i++) {
        put(fd, "a", 1);
        take(fd, 40, &closed);
    }
    ok(closed, "a client that drips is cut off");
    ok(clock_mono_ms() - start < 1400, "soon after its time (%lld ms of 600)", (long long)(clock_mono_ms() - start));
    take(quiet, 3000, &closed);
    ok(closed && clock_mono_ms() - start >= 1400, "a quiet connection goes later (%lld ms of 1500)",
       (long long)(clock_mono_ms() - start));
    close(fd);
    close(quiet);
    http_set_deadlines(http, HTTP_REQUEST_MS, HTTP_IDLE_MS);
}

static void test_leaving(void)
{
    static const char hold[] = "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n";
    bool closed;
    int fd, i;

    fd = dial();
    put(fd, hold, strlen(hold));
    spin(20);
    ok(held != NULL, "a request is held");
    close(fd);
    spin(20);
    http_reply_text(held, 200, "too late");
    spin(20);
    held = NULL;
    for (i = 0; i < 200; i++) {
        fd = dial();
        put(fd, hold, (size_t)i % (strlen(hold) - 1));
        close(fd);
    }
    spin(600);
    has_str(ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", &closed), "200",
            "clients that go away at any byte leave no trace");
    fd = dial();
    put(fd, hold, strlen(hold));
    spin(20);
    http_reply_error(held, 404, "not_found", "x", NULL, "held");
    has_str(take(fd, 50, &closed), "\"code\":\"x\"", "a held request can be answered later");
    close(fd);
}

static int count_fds(void)
{
    int n = 0, fd;

    for (fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_many(void)
{
    static int fd[HTTP_MAX_CONNS + 100];
    int i, n = 0, before;
    bool closed;

    spin(600); /* those of the tests before are swept */
    before = count_fds();
    for (i = 0; i < (int)(sizeof(fd) / sizeof(*fd)); i++) {
        fd[i] = dial();
        n += fd[i] >= 0;
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    spin(50);
    ok(n >= HTTP_MAX_CONNS, "%d connections were made", n);
    ok(count_fds() - before - n <= HTTP_MAX_CONNS, "no more than the limit are held");
    for (i = 0; i < (int)(sizeof(fd) / sizeof(*fd)); i++)
        if (fd[i] >= 0)
            close(fd[i]);
    spin(900);
    has_str(ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", &closed), "200", "when they are gone, others are served");
    spin(600);
    is_int(count_fds(), before, "and no descriptor is left");
}

static void test_socket_file(void)
{
    struct err err = { 0 };
    struct stat st;
    char other[64], *slash;
    int fd;

    stat(path, &st);
    is_int(st.st_mode & 0777, 0660, "the socket's mode is 0660");
    ok(http_create(base, path, NULL, handle, NULL, &err) == NULL, "a live socket is not taken over");
    has_str(err.msg, "another daemon listens there", "with a sentence");
    snprintf(other, sizeof(other), "%s/file", dir);
    fd = open(other, O_CREAT | O_WRONLY, 0600);
    close(fd);
    ok(http_create(base, other, NULL, handle, NULL, &err) == NULL, "a file is not removed");
    has_str(err.msg, "not a socket", "with a sentence");
    unlink(other);
    ok(http_create(base, path, "no-such-group-here", handle, NULL, &err) == NULL, "an unknown admin_group is refused");
    http_destroy(http);
    ok(stat(path, &st) < 0, "the socket goes with the server");
    slash = strrchr(path, '/');
    *slash = '\0';
    rmdir(path);
}

int main(void)
{
    struct err err = { 0 };

    plan_later();
    signal(SIGPIPE, SIG_IGN); /* as coraxd does */
    if (mkdtemp(dir) == NULL)
        return 1;
    snprintf(path, sizeof(path), "%s/s", dir);
    base = event_base_new();
    http = http_create(base, path, NULL, handle, NULL, &err);
    if (http == NULL) {
        printf("Bail out! %s\n", err.msg);
        return 1;
    }
    test_requests();
    test_refused();
    test_body_limit();
    test_time();
    test_leaving();
    test_many();
    test_socket_file();
    event_base_free(base);
    done();
    return tap_status();
}
