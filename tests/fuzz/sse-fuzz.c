/*
 * util: the bytes after the first are what a server sends as server-sent events.  However they are cut into pieces (the first
 * byte says how), the same events come out; no event holds a line break in its type or id, and none comes without data.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool good)
{
    if (!good)
        abort();
}

/* What has come out, each text with a NUL behind it. */
static void take_events(struct sse *sse, struct buf *out)
{
    while (sse_next(sse)) {
        require(!memchr(sse->type.data, '\n', sse->type.len) && !memchr(sse->type.data, '\r', sse->type.len));
        require(!memchr(sse->id.data, '\n', sse->id.len) && !memchr(sse->data.data, '\r', sse->data.len));
        buf_add(out, sse->id.data, sse->id.len + 1);
        buf_add(out, sse->type.data, sse->type.len + 1);
        buf_add(out, sse->data.data, sse->data.len + 1);
    }
}

static void read_stream(const char *data, size_t len, size_t piece, struct buf *out)
{
    struct sse sse;

    sse_init(&sse);
    while (len > 0) {
        size_t n = len < piece ? len : piece;

        require(sse_feed(&sse, data, n, NULL) == 0);
        take_events(&sse, out);
        data += n;
        len -= n;
    }
    sse_finish(&sse);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf whole, cut;

    if (len < 2)
        return 0;
    buf_init(&whole, 8 * len + 64);
    buf_init(&cut, 8 * len + 64);
    read_stream((const char *)data + 1, len - 1, len, &whole);
    read_stream((const char *)data + 1, len - 1, 1 + data[0] % 32, &cut);
    require(whole.failed == cut.failed);
    require(whole.failed || (whole.len == cut.len && (whole.len == 0 || memcmp(whole.data, cut.data, whole.len) == 0)));
    buf_finish(&whole);
    buf_finish(&cut);
    return 0;
}
