/*
 * The event stream, cut into pieces of every size.
 *
 * Covers the line ends, fields and comments of the format, events that arrive byte by byte, a stream that starts
 * again, and the limit on one event.
 */
#include "util/sse.h"

#include "tests/tap.h"

/* All events of a stream fed `piece` bytes at a time, as "id/type/data|". */
static const char *events(const char *stream, size_t len, size_t piece)
{
    static char out[1024];
    struct sse sse;
    size_t n = 0;

    out[0] = '\0';
    sse_init(&sse);
    for (size_t i = 0; i < len; i += piece) {
        if (sse_feed(&sse, stream + i, len - i < piece ? len - i : piece, NULL) != 0)
            return "failed";
        while (sse_next(&sse))
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s/%s/%s|", sse.id.data, sse.type.data, sse.data.data);
    }
    sse_finish(&sse);
    return out;
}

static void test_format(void)
{
    static const struct {
        const char *what, *stream, *want;
    } cases[] = {
        { "an event of the daemon", "id: 3\nevent: model_replied\ndata: {\"seq\":3}\n\n",
          "3/model_replied/{\"seq\":3}|" },
        { "an event without an id keeps the last one", "id: 3\ndata: a\n\nevent: delta\ndata: b\n\n",
          "3//a|3/delta/b|" },
        { "comments are skipped", ": keep alive\n\ndata: a\n: again\n\n", "//a|" },
        { "CRLF ends a line", "id: 1\r\nevent: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", "1/x/a|1//b|" },
        { "so does CR", "data: a\r\rdata: b\r\r\n", "//a|//b|" },
        { "several data lines are joined", "data: a\ndata\ndata: b\n\n", "//a\n\nb|" },
        { "one space behind the colon goes", "data:a\n\ndata:  b\n\n", "//a|// b|" },
        { "a type without data is no event", "event: x\n\ndata: a\n\n", "//a|" },
        { "unknown fields are skipped", "retry: 10\ndatum: x\ndata: a\n\n", "//a|" },
        { "half an event is none", "data: a\n\ndata: b\n", "//a|" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_str(events(cases[i].stream, strlen(cases[i].stream), 4096), cases[i].want, cases[i].what);
        for (size_t piece = 1; piece < 4; piece++) {
            if (strcmp(events(cases[i].stream, strlen(cases[i].stream), piece), cases[i].want) != 0)
                ok(false, "%s, %zu bytes at a time", cases[i].what, piece);
        }
    }
}

static void test_restart(void)
{
    struct sse sse;

    sse_init(&sse);
    sse_feed(&sse, "id: 7\ndata: a\n\nid: 8\ndata: ha", 30, NULL);
    ok(sse_next(&sse) && !sse_next(&sse), "one event and a half");
    sse_restart(&sse);
    sse_feed(&sse, "data: b\n\n", 9, NULL);
    ok(sse_next(&sse), "an event after the restart");
    is_str(sse.data.data, "b", "the half event is forgotten");
    is_str(sse.id.data, "8", "the last id is kept");
    sse_finish(&sse);
}

static void test_retry(void)
{
    static const struct {
        const char *stream;
        long long want;
    } cases[] = { { "data: a\n\n", -1 },       { "retry: 500\n\n", 500 }, { "retry:0\n", 0 },           { "retry: x\n", -1 },
                  { "retry: -1\n", -1 },        { "retry: 1.5\n", -1 },    { "retry: 12345678901\n", -1 }, { "retry: 5\nretry: y\n", 5 } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sse sse;

        sse_init(&sse);
        sse_feed(&sse, cases[i].stream, strlen(cases[i].stream), NULL);
        while (sse_next(&sse))
            ;
        is_int(sse.retry_ms, cases[i].want, cases[i].stream);
        sse_finish(&sse);
    }
}

static void test_limit(void)
{
    static char line[1 << 16];
    struct sse sse;
    struct err err = { 0 };
    int rc = 0;

    memset(line, 'x', sizeof(line));
    memcpy(line, "data: ", 6);
    line[sizeof(line) - 1] = '\n';
    sse_init(&sse);
    for (int i = 0; rc == 0 && i < 1000; i++) {
        rc = sse_feed(&sse, line, sizeof(line), &err);
        while (sse_next(&sse))
            ;
    }
    ok(rc == -1 && err.status == CORAX_E_LIMIT, "an event without an end is refused");
    has_str(err.msg, "longer than", "and the error says why");
    sse_finish(&sse);
}

int main(void)
{
    plan_later();
    test_format();
    test_restart();
    test_retry();
    test_limit();
    done();
    return tap_status();
}
