/*
 * tools: the bytes are what an MCP client writes to corax-host.  The plugin is this file's: its tools return, fail, ask what
 * they were given, look whether they were cancelled, and note their progress.  Every line that comes out is a message, each
 * answer answers one line, and a result is never larger than a line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/host_call.h"
#include "tools/host_serve.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

/* --- the plugin ----------------------------------------------------------------------------------------------------- */

static int echo(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    const char *text;
    size_t n;
    int rc = h->arg(c, "/value", &text, &n);

    if (rc == CORAX_E_NOTFOUND)
        return h->result(c, "text/plain", args, len);
    h->progress(c, 0.5, text, rc == CORAX_OK ? n : 0);
    return rc == CORAX_OK ? h->result(c, "text/plain", text, n) : rc;
}

static int refuse(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    h->fail(c, CORAX_E_ARGS, args, len);
    return h->remaining_ms(c) > 0 ? CORAX_E_ARGS : CORAX_E_CANCELED;
}

static int typed(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return h->result(c, "application/json", args, len);
}

/* What runs is the client's answer: lines behind the call. */
static int run(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    const char *reply, *text;
    size_t reply_len, n;
    int rc = h->request(c, "exec", args, len, &reply, &reply_len);

    if (rc != CORAX_OK)
        return rc;
    if (h->json_get(c, reply, reply_len, "/stdout", &text, &n) == CORAX_OK)
        return h->result(c, "text/plain", text, n);
    return h->result(c, "text/plain", reply, reply_len);
}

#define ECHO_ARGS                                                                                             \
    "{\"type\":\"object\",\"properties\":{\"value\":{},\"n\":{\"type\":\"integer\",\"minimum\":0},\"kind\":{" \
    "\"enum\":[\"a\",\"b\"]},\"list\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":9}}}}"
#define TYPED_RESULT "{\"type\":\"object\",\"required\":[\"x\"],\"properties\":{\"x\":{\"type\":\"number\"}}}"

static const struct corax_tool tools[] = {
    { sizeof(tools[0]), CORAX_FX_READ, CORAX_TRAIT_IDEMPOTENT, "echo", "says it again", ECHO_ARGS, NULL, echo },
    { sizeof(tools[0]), CORAX_FX_EXEC, 0, "run", "asks its caller", "{\"type\":\"object\"}", NULL, run },
    { sizeof(tools[0]), 0, 0, "refuse", "fails", "{\"type\":\"object\"}", NULL, refuse },
    { sizeof(tools[0]), CORAX_FX_NET, CORAX_TRAIT_DESTRUCTIVE, "typed", "x", "{\"type\":\"object\"}", TYPED_RESULT,
      typed },
};
#define N_TOOLS (sizeof(tools) / sizeof(*tools))
static const struct corax_plugin plugin = { CORAX_PLUGIN_HEADER, "fuzz", "1", "Apache-2.0", NULL, NULL, NULL };

static void load(struct loader *l)
{
    l->plugin = &plugin;
    l->n_tools = N_TOOLS;
    l->tools = calloc(N_TOOLS, sizeof(*l->tools));
    require(l->tools != NULL);
    for (size_t i = 0; i < N_TOOLS; i++) {
        struct loaded_tool *t = &l->tools[i];

        t->tool = &tools[i];
        t->result_schema_text = tools[i].result_schema;
        t->args_schema = jsonschema_compile(tools[i].args_schema, strlen(tools[i].args_schema), NULL, NULL);
        require(t->args_schema != NULL);
        if (tools[i].result_schema) {
            t->result_schema = jsonschema_compile(tools[i].result_schema, strlen(tools[i].result_schema), NULL, NULL);
            require(t->result_schema != NULL);
        }
    }
}

/* --- the client ------------------------------------------------------------------------------------------------------ */

static void rewind_file(int fd)
{
    require(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
}

static size_t count_lines(const uint8_t *data, size_t len)
{
    size_t n = len > 0;

    for (size_t i = 0; i < len; i++)
        n += data[i] == '\n';
    return n;
}

static void read_answers(int fd, size_t n_lines)
{
    static char text[1 << 22];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    struct rpc_reader reader;
    const char *line;
    size_t len, n_answers = 0;

    require(n >= 0 && (n == 0 || text[n - 1] == '\n'));
    if (n == sizeof(text))
        return;
    rpc_reader_init(&reader);
    require(rpc_reader_feed(&reader, text, (size_t)n, NULL) == 0);
    while (rpc_reader_next(&reader, &line, &len)) {
        struct rpc_msg m;

        require(rpc_parse(line, len, &m, NULL) == 0);
        require(m.kind != RPC_REQUEST || strcmp(m.method, "corax/exec") == 0);
        n_answers += m.kind == RPC_RESULT || m.kind == RPC_ERROR;
        rpc_msg_finish(&m);
    }
    require(n_answers <= n_lines);
    rpc_reader_finish(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static int in_fd = -1, out_fd = -1;
    static struct loader loader;
    static struct host_io io;

    if (in_fd < 0) {
        log_open("serve-fuzz", LOG_LEVEL_ERROR + 1);
        in_fd = memfd_create("in", MFD_CLOEXEC);
        out_fd = memfd_create("out", MFD_CLOEXEC);
        require(in_fd >= 0 && out_fd >= 0);
        load(&loader);
    }
    rewind_file(in_fd);
    rewind_file(out_fd);
    require(write(in_fd, data, len) == (ssize_t)len && lseek(in_fd, 0, SEEK_SET) == 0);
    memset(&io, 0, sizeof(io));
    io.in_fd = in_fd;
    io.out_fd = out_fd;
    rpc_reader_init(&io.reader);
    host_serve(&io, &loader, NULL);
    read_answers(out_fd, count_lines(data, len));
    rpc_reader_finish(&io.reader);
    for (size_t i = 0; i < io.n_queued; i++)
        free(io.queue[i].line);
    return 0;
}
