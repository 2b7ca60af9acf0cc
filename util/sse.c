/*
 * Server-sent events.  See sse.h.
 */
#include "util/sse.h"

#include <string.h>

void sse_init(struct sse *sse)
{
    memset(sse, 0, sizeof(*sse));
    buf_init(&sse->in, 2 * SSE_MAX_EVENT);
    buf_init(&sse->id, 256);
    buf_init(&sse->type, 256);
    buf_init(&sse->data, SSE_MAX_EVENT);
    sse->retry_ms = -1;
}

void sse_finish(struct sse *sse)
{
    buf_finish(&sse->in);
    buf_finish(&sse->id);
    buf_finish(&sse->type);
    buf_finish(&sse->data);
}

static void forget_event(struct sse *sse)
{
    buf_reset(&sse->type);
    buf_reset(&sse->data);
    sse->has_data = sse->returned = false;
}

void sse_restart(struct sse *sse)
{
    buf_reset(&sse->in);
    sse->taken = 0;
    forget_event(sse);
}

int sse_feed(struct sse *sse, const char *data, size_t len, struct err *err)
{
    buf_drop_front(&sse->in, sse->taken);
    sse->taken = 0;
    buf_add(&sse->in, data, len);
    if (sse->in.failed || sse->data.failed)
        return fail(err, CORAX_E_LIMIT, "an event is longer than %u bytes", SSE_MAX_EVENT);
    return 0;
}

static bool is_field(const char *line, size_t len, const char *name, const char **value, size_t *value_len)
{
    size_t n = strlen(name);

    if (len < n || memcmp(line, name, n) != 0 || (len > n && line[n] != ':'))
        return false;
    n += len > n;
    n += len > n && line[n] == ' ';
    *value = line + n;
    *value_len = len - n;
    return true;
}

static void take_line(struct sse *sse, const char *line, size_t len)
{
    const char *value;
    size_t n;

    if (is_field(line, len, "data", &value, &n)) {
        if (sse->has_data)
            buf_addc(&sse->data, '\n');
        buf_add(&sse->data, value, n);
        sse->has_data = true;
    } else if (is_field(line, len, "event", &value, &n)) {
        buf_reset(&sse->type);
        buf_add(&sse->type, value, n);
    } else if (is_field(line, len, "id", &value, &n) && !memchr(value, '\0', n)) {
        buf_reset(&sse->id);
        buf_add(&sse->id, value, n);
    } else if (is_field(line, len, "retry", &value, &n) && n > 0 && n < 10) {
        int64_t ms = 0;

        for (size_t i = 0; i < n && ms >= 0; i++)
            ms = value[i] >= '0' && value[i] <= '9' ? 10 * ms + (value[i] - '0') : -1;
        if (ms >= 0)
            sse->retry_ms = ms;
    }
}

bool sse_next(struct sse *sse)
{
    const char *start, *end;
    size_t left, len;

    if (sse->returned)
        forget_event(sse);
    for (;;) {
        start = sse->in.data + sse->taken;
        left = sse->in.len - sse->taken;
        for (len = 0; len < left && start[len] != '\n' && start[len] != '\r'; len++)
            ;
        /* A CR at the very end may be half of a CRLF: wait for what follows. */
        if (len == left || (start[len] == '\r' && len + 1 == left))
            return false;
        end = start + len + (start[len] == '\r' && start[len + 1] == '\n' ? 2 : 1);
        sse->taken = (size_t)(end - sse->in.data);
        if (len > 0) {
            take_line(sse, start, len);
        } else if (sse->has_data) {
            sse->returned = true;
            return true;
        } else {
            buf_reset(&sse->type); /* an event without data is no event */
        }
    }
}
