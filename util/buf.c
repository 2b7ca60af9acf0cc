#include "util/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 256

/* What data points to while nothing is allocated (cap 0); nobody writes to it. */
static char nothing[1];

void buf_init(struct buf *buf, size_t limit)
{
    assert(limit < SIZE_MAX / 2);
    *buf = (struct buf){ .data = nothing, .limit = limit };
}

void buf_finish(struct buf *buf)
{
    if (buf->cap > 0)
        free(buf->data);
    buf_init(buf, buf->limit);
}

void buf_reset(struct buf *buf)
{
    if (buf->cap > 0)
        buf->data[0] = '\0';
    buf->len = 0;
    buf->failed = false;
}

char *buf_take(struct buf *buf, size_t *len)
{
    char *data = buf->data;

    if (buf->failed)
        return NULL;
    if (buf->cap == 0 && (data = calloc(1, 1)) == NULL)
        return NULL;
    if (len)
        *len = buf->len;
    buf_init(buf, buf->limit);
    return data;
}

static bool grow(struct buf *buf, size_t more)
{
    size_t cap = buf->cap < FIRST_CAP ? FIRST_CAP : buf->cap;
    char *data;

    if (buf->failed)
        return false;
    if (more > buf->limit || buf->len > buf->limit - more) {
        buf->failed = true;
        return false;
    }
    while (cap <= buf->len + more)
        cap *= 2;
    if (cap > buf->limit + 1)
        cap = buf->limit + 1;
    data = realloc(buf->cap > 0 ? buf->data : NULL, cap);
    if (!data) {
        buf->failed = true;
        return false;
    }
    data[buf->len] = '\0';
    buf->data = data;
    buf->cap = cap;
    return true;
}

/* Room for more bytes and the NUL.  What is allocated already lies within the limit. */
static inline bool reserve(struct buf *buf, size_t more)
{
    return (more < buf->cap - buf->len && !buf->failed) || grow(buf, more);
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    if (len == 0 || !reserve(buf, len))
        return;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

char *buf_room(struct buf *buf, size_t n)
{
    char *room;

    if (!reserve(buf, n))
        return NULL;
    room = buf->data + buf->len;
    buf->len += n;
    buf->data[buf->len] = '\0';
    return room;
}

void buf_addc(struct buf *buf, char c)
{
    if (!reserve(buf, 1))
        return;
    buf->data[buf->len++] = c;
    buf->data[buf->len] = '\0';
}

void buf_adds(struct buf *buf, const char *s)
{
    buf_add(buf, s, strlen(s));
}

void buf_addf(struct buf *buf, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vaddf(buf, fmt, ap);
    va_end(ap);
}

void buf_vaddf(struct buf *buf, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    int len;

    va_copy(again, ap);
    len = vsnprintf(small, sizeof(small), fmt, ap);
    if (len < 0) {
        buf->failed = true;
    } else if ((size_t)len < sizeof(small)) {
        buf_add(buf, small, (size_t)len);
    } else if (reserve(buf, (size_t)len)) {
        vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void buf_drop_front(struct buf *buf, size_t n)
{
    assert(n <= buf->len);
    if (n == 0)
        return;
    memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
    buf->data[buf->len] = '\0';
}
