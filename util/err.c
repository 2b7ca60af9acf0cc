#include "util/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

/*
 * Messages carry foreign text (file names, keys of a JSON object) into logs and JSON, so they are one line of UTF-8, and
 * a character that is cut anywhere ("%.40s" does that) or is none is left out.  A message that is cut says so.
 */
static void set_msg(struct err *err, const char *text)
{
    static const char mark[] = "\xe2\x80\xa6";
    size_t len = strlen(text), n = 0, before_mark = 0;

    for (size_t i = 0, step; i < len; i += step) {
        unsigned char c = (unsigned char)text[i];
        size_t bytes = utf8_char_len(text + i, len - i);

        step = bytes > 0 ? bytes : 1;
        if (n + sizeof(mark) <= sizeof(err->msg))
            before_mark = n;
        if (n + bytes >= sizeof(err->msg)) {
            n = before_mark + sizeof(mark) - 1;
            memcpy(err->msg + before_mark, mark, sizeof(mark) - 1);
            break;
        }
        memcpy(err->msg + n, c < 0x20 || c == 0x7f ? " " : text + i, bytes);
        n += bytes;
    }
    err->msg[n] = '\0';
}

int fail(struct err *err, int status, const char *fmt, ...)
{
    char text[2 * sizeof(err->msg)];
    va_list ap;

    assert(status != CORAX_OK);
    if (!err)
        return -1;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    set_msg(err, text);
    err->status = status;
    err->sys = 0;
    return -1;
}

int fail_sys(struct err *err, int status, const char *fmt, ...)
{
    int sys = errno;
    char text[2 * sizeof(err->msg)], why[80];
    size_t len;
    va_list ap;

    assert(status != CORAX_OK);
    if (!err)
        return -1;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    len = strlen(text);
    snprintf(text + len, sizeof(text) - len, ": %s", strerror_r(sys, why, sizeof(why)));
    set_msg(err, text);
    err->status = status;
    err->sys = sys;
    return -1;
}

int err_context(struct err *err, const char *fmt, ...)
{
    char text[2 * sizeof(err->msg)];
    size_t len;
    va_list ap;

    if (!err)
        return -1;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    len = strlen(text);
    snprintf(text + len, sizeof(text) - len, ": %s", err->msg);
    set_msg(err, text);
    return -1;
}
