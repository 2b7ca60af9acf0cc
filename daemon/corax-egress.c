/*
 * corax-egress - talks to one MCP server over HTTP, in lines on standard input and output (docs/protocol.md).
 *
 * coraxd starts one behind corax-box for each such server, so that what comes from the network is read in a process that has nothing
 * else, and one server's token is never near another's bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/egress_mcp.h"
#include "util/log.h"
#include "util/rpc.h"

#define MEMORY (1ULL << 30) /* of addresses: threads that look up names have stacks */

static const char usage[] = "usage: corax-egress\n"
                            "       corax-egress --help | --version\n"
                            "\n"
                            "  Reads egress/open and then MCP, a message a line, from standard input, posts it to the server that was named,\n"
                            "  and writes what comes back to standard output.\n";

/* coraxd reads as fast as it can; when it is gone there is nothing left to do. */
static void write_line(void *arg, const char *line, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(STDOUT_FILENO, line, len);

        if (n < 0 && errno != EINTR)
            _exit(0);
        line += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

/* false: standard input has ended, or makes no sense. */
static bool read_lines(struct egress *e, struct rpc_reader *reader, struct err *err)
{
    char data[65536];
    const ssize_t n = read(STDIN_FILENO, data, sizeof(data));
    const char *line;
    size_t len;

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    if (rpc_reader_feed(reader, data, (size_t)n, err) < 0)
        return false;
    while (rpc_reader_next(reader, &line, &len))
        if (egress_take_line(e, line, len, err) < 0)
            return false;
    return true;
}

static void confine(void)
{
    const struct rlimit none = { 0 }, memory = { MEMORY, MEMORY };

    setrlimit(RLIMIT_CORE, &none); /* a core would have the token */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef CORAX_SANITIZE
    setrlimit(RLIMIT_AS, &memory);
#else
    (void)memory;
#endif
}

int main(int argc, char **argv)
{
    struct rpc_reader reader;
    struct err err = { 0 };
    struct egress *e = NULL;
    struct net *net;

    log_open("corax-egress", LOG_LEVEL_INFO);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("corax-egress " PACKAGE_VERSION);
        return 0;
    }
    if (argc > 1) {
        fputs(usage, strcmp(argv[1], "--help") == 0 ? stdout : stderr);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    confine();
    net = net_create(&err);
    if (net == NULL || (e = egress_create(net, write_line, NULL)) == NULL) {
        log_error("%s", err.status ? err.msg : "no memory");
        return 1;
    }
    rpc_reader_init(&reader);
    while (!net_wait(net, STDIN_FILENO, egress_tick(e)) || read_lines(e, &reader, &err))
        continue;
    if (err.status)
        log_error("%s", err.msg);
    rpc_reader_finish(&reader);
    egress_destroy(e);
    net_destroy(net);
    return err.status ? 1 : 0;
}
