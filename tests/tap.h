/*
 * tests/tap.h - the Test Anything Protocol, in one header.
 *
 * A test program calls plan() with the number of checks, or plan_later() and done(), then ok(), is_int(), is_str() for
 * each.  tap_status() is main's return value.  Standard output is line-buffered from the start: a sanitizer ends the
 * process without flushing stdio, and with a full buffer every result before the report would be lost.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_n, tap_failed;

static inline void plan(int n)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (n >= 0)
        printf("1..%d\n", n);
}

/* For tests that count as they go: done() prints the plan at the end. */
static inline void plan_later(void)
{
    plan(-1);
}

static inline void skip_all(const char *why)
{
    plan(-1);
    printf("1..0 # SKIP %s\n", why);
    exit(0);
}

__attribute__((format(printf, 2, 3))) static inline bool ok(bool good, const char *fmt, ...)
{
    va_list ap;

    printf("%sok %d - ", good ? "" : "not ", ++tap_n);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    tap_failed += !good;
    return good;
}

__attribute__((format(printf, 1, 2))) static inline void diag(const char *fmt, ...)
{
    va_list ap;

    fputs("# ", stdout);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

static inline bool is_int(long long got, long long want, const char *what)
{
    bool good = ok(got == want, "%s", what);

    if (!good)
        diag("got %lld, want %lld", got, want);
    return good;
}

static inline bool is_str(const char *got, const char *want, const char *what)
{
    bool good = ok(got && want ? strcmp(got, want) == 0 : got == want, "%s", what);

    if (!good)
        diag("got %s, want %s", got ? got : "(null)", want ? want : "(null)");
    return good;
}

/* True if needle occurs in got: for error messages, whose exact wording may grow. */
static inline bool has_str(const char *got, const char *needle, const char *what)
{
    bool good = ok(got && strstr(got, needle), "%s", what);

    if (!good)
        diag("got \"%s\", want it to contain \"%s\"", got ? got : "(null)", needle);
    return good;
}

static inline void done(void)
{
    printf("1..%d\n", tap_n);
}

static inline int tap_status(void)
{
    return tap_failed != 0;
}

#endif
