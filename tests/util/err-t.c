/*
 * Covers: status, errno, context, cutting, foreign bytes, NULL.
 */
#include "util/err.h"

#include <errno.h>

#include "tests/tap.h"

int main(void)
{
    struct err err = { 0 };
    char text[2000];

    plan_later();
    is_int(fail(&err, CORAX_E_LIMIT, "%s: %d", "a", 7), -1, "fail returns -1");
    is_int(err.status, CORAX_E_LIMIT, "status");
    is_int(err.sys, 0, "no errno");
    is_str(err.msg, "a: 7", "text");
    errno = ENOENT;
    is_int(fail_sys(&err, CORAX_E_NOTFOUND, "open %s", "x"), -1, "fail_sys returns -1");
    is_int(err.sys, ENOENT, "errno is kept");
    is_str(err.msg, "open x: No such file or directory", "and explained");
    is_int(err_context(&err, "load %s", "m.gguf"), -1, "context returns -1");
    is_str(err.msg, "load m.gguf: open x: No such file or directory", "context comes in front");
    is_int(err.status, CORAX_E_NOTFOUND, "and keeps the status");
    is_int(err.sys, ENOENT, "and errno");
    fail(&err, CORAX_E_IO, "again: %s", err.msg);
    is_str(err.msg, "again: load m.gguf: open x: No such file or directory", "an argument may be the old message");
    is_int(fail(NULL, CORAX_E_IO, "x"), -1, "NULL: fail");
    is_int(fail_sys(NULL, CORAX_E_IO, "x"), -1, "NULL: fail_sys");
    is_int(err_context(NULL, "x"), -1, "NULL: context");

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    fail(&err, CORAX_E_IO, "%s", text);
    is_int((long long)strlen(err.msg), sizeof(err.msg) - 1, "long text is cut");
    has_str(err.msg, "aaaa\xe2\x80\xa6", "and says so");
    fail(&err, CORAX_E_IO, "%.*s", (int)sizeof(err.msg) - 1, text);
    ok(strlen(err.msg) == sizeof(err.msg) - 1 && !strstr(err.msg, "\xe2\x80\xa6"), "one that just fits is whole");
    for (size_t i = 1; i < 1900; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    fail(&err, CORAX_E_IO, "%s", text);
    is_int((long long)strlen(err.msg), sizeof(err.msg) - 2, "a character that does not fit whole is left out");
    fail(&err, CORAX_E_IO, "%s", text + 1);
    is_int((long long)strlen(err.msg), sizeof(err.msg) - 1, "where all fit, none is");
    fail(&err, CORAX_E_IO, "a\nb\x1b[1m\x7f \xff\xfe %.2s|", "\xe2\x82\xac");
    is_str(err.msg, "a b [1m   |", "one line, no escapes, only UTF-8");
    done();
    return tap_status();
}
