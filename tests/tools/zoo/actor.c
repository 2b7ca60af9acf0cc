/*
 * actor.c - loads well; each of its tools does one thing that a tool should not, or one thing that the header promises.
 */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/tools/zoo/zoo.h"

#define ACT(act)                                                                                             \
    static int act##_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len);   \
    static const struct corax_tool act##_tool = {                                                            \
        .size = sizeof act##_tool, .name = #act, .summary = "x", .args_schema = ANY_ARGS, .call = act##_call \
    };                                                                                                       \
    static int act##_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)

#define ANY_ARGS "{\"type\":\"object\"}"

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

ACT(crash)
{
    abort();
}

ACT(leave)
{
    exit(7);
}

ACT(hang)
{
    for (volatile bool for_ever = true; for_ever;)
        nap();
    return CORAX_OK;
}

ACT(polite)
{
    while (h->remaining_ms(c) > 0)
        nap();
    return CORAX_E_TIMEOUT;
}

ACT(print)
{
    char line[64];

    printf("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"forged\"}\n");
    fflush(stdout);
    return zoo_say(h, c, fgets(line, sizeof line, stdin) ? "read the protocol" : "read nothing");
}

ACT(garbage)
{
    return h->result(c, "text/plain", "a\xff\xfe\x80z\0\x01\n\"", 9);
}

ACT(flood)
{
    char piece[1024];

    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 100 * 1024; i++)
        h->result(c, "text/plain", piece, sizeof piece); /* and does not look at what it returns */
    return CORAX_OK;
}

ACT(full)
{
    static char most[CORAX_RESULT_MAX];

    memset(most, 1, sizeof most); /* six bytes each in JSON */
    return h->result(c, "text/plain", most, sizeof most);
}

ACT(echo)
{
    const char *text;
    size_t n;
    int rc = h->arg(c, "/value", &text, &n);

    if (rc == CORAX_E_NOTFOUND) {
        h->fail(c, CORAX_E_NOTFOUND, "no value", 8);
        return rc;
    }
    return rc == CORAX_OK ? h->result(c, "text/plain", text, n) : rc;
}

ACT(raw)
{
    return h->result(c, "text/plain", args, len);
}

ACT(silent_failure)
{
    zoo_say(h, c, "lost");
    return CORAX_E_IO;
}

ACT(odd_status)
{
    return 77;
}

ACT(fails_but_ok)
{
    h->fail(c, CORAX_E_DENIED, "first", 5);
    h->fail(c, CORAX_E_LIMIT, "second", 6);
    return CORAX_OK;
}

ACT(fails_at_length)
{
    static char most[CORAX_FAIL_MAX + 1];

    memset(most, 'w', sizeof most);
    h->fail(c, CORAX_E_IO, most, h->arg(c, "/more", &args, &len) == CORAX_OK ? sizeof most : CORAX_FAIL_MAX);
    return CORAX_E_IO;
}

ACT(service)
{
    const char *reply;
    size_t n;

    return h->request(c, "http", "{}", 2, &reply, &n);
}

/* Asks the service named in the arguments, and tells what is at a pointer of its reply. */
ACT(ask)
{
    const char *service = "", *request = "", *pointer = "", *reply, *text;
    char name[32], at[32];
    size_t service_len = 0, request_len = 0, pointer_len = 0, reply_len, n;
    int rc;

    h->arg(c, "/service", &service, &service_len);
    h->arg(c, "/request", &request, &request_len);
    h->arg(c, "/pointer", &pointer, &pointer_len);
    snprintf(name, sizeof name, "%.*s", (int)service_len, service);
    snprintf(at, sizeof at, "%.*s", (int)pointer_len, pointer);
    rc = h->request(c, name, request, request_len, &reply, &reply_len);
    if (rc == CORAX_OK)
        rc = h->json_get(c, reply, reply_len, at, &text, &n);
    return rc == CORAX_OK ? h->result(c, "text/plain", text, n) : rc;
}

/* The value at a pointer of a text that may be no JSON. */
ACT(look)
{
    const char *json = "", *pointer = "", *text;
    char at[32];
    size_t json_len = 0, pointer_len = 0, n;
    int rc;

    h->arg(c, "/json", &json, &json_len);
    h->arg(c, "/pointer", &pointer, &pointer_len);
    snprintf(at, sizeof at, "%.*s", (int)pointer_len, pointer);
    rc = h->json_get(c, json, json_len, at, &text, &n);
    return rc == CORAX_OK ? h->result(c, "text/plain", text, n) : rc;
}

ACT(notes)
{
    h->progress(c, 0.25, "a quarter", 9);
    h->progress(c, 0.5, "dropped: too soon", 17);
    return zoo_say(h, c, "done");
}

ACT(picture)
{
    return h->result(c, "image/png", "\x89PNG\0", 5);
}

ACT(mime)
{
    return h->result(c, "text/html", "<p>", 3);
}

ACT(hungry)
{
    size_t n = 4UL << 30;
    char *volatile p = malloc(n); /* volatile: a compiler may leave out what is only freed */

    if (p)
        memset(p, 1, n);
    return zoo_say(h, c, p ? "got 4 GiB" : "got nothing");
}

/* Keeps 256 MiB for ever; like a C++ plugin it ends when there is no more.  The pages are not touched: what is limited
 * is the address space, and the machine that runs the tests may be small. */
ACT(leak)
{
    char *p = malloc(256UL << 20);

    if (!p)
        abort();
    *(volatile char *)p = 1;
    return zoo_say(h, c, "256 MiB more");
}

ACT(roots)
{
    const char *name, *path;
    char text[1024] = "";
    size_t at = 0;

    if (!CORAX_HAS(h, root))
        return CORAX_E_UNAVAIL;
    for (size_t i = 0; h->root(i, &name, &path) == CORAX_OK && at < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s at %s\n", name, path);
    return zoo_say(h, c, text);
}

#define NUMBER_SCHEMA "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}"

static int json_call(const struct corax_host *h, struct corax_call *c, const char *args, size_t len)
{
    return h->result(c, "application/json", args, len);
}

static const struct corax_tool json_tool = {
    .size = sizeof json_tool,
    .name = "json",
    .summary = "x",
    .args_schema = ANY_ARGS,
    .result_schema = NUMBER_SCHEMA,
    .call = json_call,
};

static const struct corax_tool strict_tool = {
    .size = sizeof strict_tool,
    .name = "strict",
    .summary = "x",
    .args_schema = NUMBER_SCHEMA,
    .call = zoo_call,
    .effects = CORAX_FX_WRITE | CORAX_FX_NET,
    .traits = CORAX_TRAIT_DESTRUCTIVE,
};

static const struct corax_tool *const tools[] = {
    &crash_tool,
    &leave_tool,
    &hang_tool,
    &polite_tool,
    &print_tool,
    &garbage_tool,
    &flood_tool,
    &full_tool,
    &echo_tool,
    &raw_tool,
    &json_tool,
    &silent_failure_tool,
    &strict_tool,
    &notes_tool,
    &mime_tool,
    &fails_but_ok_tool,
    &fails_at_length_tool,
    &service_tool,
    &odd_status_tool,
    &picture_tool,
    &hungry_tool,
    &roots_tool,
    &ask_tool,
    &look_tool,
    &leak_tool,
    NULL,
};

static void fini(void)
{
    fprintf(stderr, "actor: the end\n");
}

static const struct corax_plugin plugin = {
    CORAX_PLUGIN_HEADER, .name = "actor", .version = "1", .license = "Apache-2.0", .tools = tools, .fini = fini,
};

const struct corax_plugin *corax_plugin_entry(void)
{
    return &plugin;
}
