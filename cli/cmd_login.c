/*
 * corax login: a person lets the daemon in to an MCP server, in a browser.
 *
 * The browser comes back to this program, on a port of this machine's own that is open for this one answer.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/term.h"
#include "util/clock.h"

#define WAIT_MS     (10 * 60 * 1000)
#define READ_MS     5000 /* for a browser that has connected */
#define MAX_REQUEST 16384
#define SEND_WAIT_S 60 /* the daemon asks three others before it answers */

static int open_port(int *port, struct err *err)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        fail_sys(err, CORAX_E_IO, "a port for the browser to come back to");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

/* The first line of what a browser sends; false: it did not, in time. */
static bool read_request(int fd, char *out, size_t size)
{
    const int64_t until = clock_mono_ms() + READ_MS;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    size_t len = 0;

    for (;;) {
        const int64_t left = until - clock_mono_ms();
        ssize_t n;

        if (left <= 0 || poll(&p, 1, (int)left) <= 0 || (n = read(fd, out + len, size - len - 1)) <= 0)
            return false;
        len += (size_t)n;
        out[len] = '\0';
        if (strstr(out, "\r\n"))
            return true;
        if (len == size - 1)
            return false;
    }
}

static void answer(int fd, const char *status, const char *text)
{
    char out[600];
    const int n =
        snprintf(out, sizeof(out),
                 "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                 status, strlen(text), text);

    if (write(fd, out, (size_t)n) < 0) /* the browser's loss */
        return;
}

/* Browsers ask for icons, too: only the one path counts.  The query goes into out. */
static int wait_for_browser(int port_fd, char *out, size_t size, struct err *err)
{
    const int64_t until = clock_mono_ms() + WAIT_MS;
    struct pollfd p = { .fd = port_fd, .events = POLLIN };
    static const char path[] = "GET /callback?";

    for (;;) {
        const int64_t left = until - clock_mono_ms();
        char request[MAX_REQUEST];
        const int n = left > 0 ? poll(&p, 1, (int)left) : 0;
        int fd;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(err, CORAX_E_TIMEOUT, "no browser came back: begin anew");
        fd = accept(port_fd, NULL, NULL);
        if (fd < 0)
            continue;
        if (!read_request(fd, request, sizeof(request))) {
            close(fd);
        } else if (strncmp(request, path, strlen(path)) != 0) {
            answer(fd, "404 Not Found", "there is nothing here\n");
            close(fd);
        } else {
            snprintf(out, size, "%.*s", (int)strcspn(request + strlen(path), " \r\n"), request + strlen(path));
            answer(fd, "200 OK", "corax has the answer. You can close this page.\n");
            close(fd);
            return 0;
        }
    }
}

/* One of the two requests; what it gives is the caller's to free. */
static struct json *ask(struct cli *cli, const char *server, const char *redirect, const char *callback,
                        struct reply *reply, struct err *err)
{
    struct json *root = NULL;
    struct buf body;
    struct jsonw w;
    char path[128];

    snprintf(path, sizeof(path), "/v1/mcp-servers/%.64s/login", server);
    buf_init(&body, 1u << 17);
    w = jsonw_start(&body);
    jsonw_object(&w, NULL);
    jsonw_text(&w, "redirect_uri", redirect);
    if (callback)
        jsonw_text(&w, "callback", callback);
    jsonw_end(&w);
    if (cli_send(cli, "POST", path, &body, SEND_WAIT_S, reply, &root, err) != 0)
        root = NULL;
    buf_finish(&body);
    return root;
}

static int login(struct cli *cli, const char *server, int port_fd, int port)
{
    char redirect[64], query[MAX_REQUEST];
    struct reply first, second;
    struct err err = { 0 };
    struct json *asked, *done = NULL;
    int rc = -1;

    snprintf(redirect, sizeof(redirect), "http://127.0.0.1:%d/callback", port);
    asked = ask(cli, server, redirect, NULL, &first, &err);
    if (asked) {
        fprintf(stderr, "Open this in a browser on this machine, and let corax in:\n\n");
        term_text(stdout, json_get_text(asked, "url", "?"), strlen(json_get_text(asked, "url", "?")), 0);
        fputs("\n", stdout);
        fflush(stdout);
        rc = wait_for_browser(port_fd, query, sizeof(query), &err);
    }
    if (rc == 0) {
        done = ask(cli, server, redirect, query, &second, &err);
        reply_finish(&second);
        rc = done ? 0 : -1;
    }
    if (rc == 0)
        fprintf(stderr, "\ncorax is let in to %s\n", server);
    json_free(asked);
    json_free(done);
    reply_finish(&first);
    return rc == 0 ? CLI_OK : cli_report(&err);
}

static int run_login(struct cli *cli, int argc, char **argv)
{
    struct err err = { 0 };
    int status, port = 0, fd;

    if (cli_plain_options(cli, argc, argv, 1, 1, &status))
        return status;
    if (strspn(argv[optind], "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(argv[optind]))
        return cli_usage(cli, "\"%.40s\" is no name of a server", argv[optind]);
    fd = open_port(&port, &err);
    if (fd < 0)
        return cli_report(&err);
    status = login(cli, argv[optind], fd, port);
    close(fd);
    return status;
}

const struct command cmd_login = {
    .name = "login",
    .args = "SERVER",
    .summary = "Let the daemon in to an MCP server, in a browser",
    .options = "",
    .run = run_login,
};
