#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"

#define LOG_MAX_TEXT 1024 /* bytes of a line's text before escaping: one line stays one screen */

static char log_program[32] = "corax";
static _Atomic int log_lowest = LOG_LEVEL_INFO;

void log_open(const char *program, enum log_level lowest)
{
    snprintf(log_program, sizeof(log_program), "%s", program);
    atomic_store(&log_lowest, (int)lowest);
}

void log_set_level(enum log_level lowest)
{
    atomic_store(&log_lowest, (int)lowest);
}

/* C0 and DEL, and C1 in its UTF-8 form: terminals obey those too (U+009B is "ESC ["). */
static size_t escape(const char *text, char *out)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool c1 = *p >= 0x80 && *p < 0xa0 && p > (const unsigned char *)text && p[-1] == 0xc2;

        if (*p < 0x20 || *p == 0x7f || c1) {
            memcpy(out + n, (char[]){ '\\', 'x', hex[*p >> 4], hex[*p & 15] }, 4);
            n += 4;
        } else {
            out[n++] = (char)*p;
        }
    }
    return n;
}

__attribute__((format(printf, 2, 0))) static void write_line(enum log_level level, const char *fmt, va_list ap)
{
    static const char *const names[] = { "debug", "info", "warning", "error" };
    char text[LOG_MAX_TEXT], line[4 * LOG_MAX_TEXT + 128];
    int saved_errno = errno, head;
    size_t len;

    if ((int)level < atomic_load(&log_lowest))
        return;
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        return;
    clock_format(clock_wall_ms(), line, 64);
    len = strlen(line);
    head = snprintf(line + len, 64, " %s: %s: ", log_program, names[level]);
    len += (size_t)head;
    len += escape(text, line + len);
    line[len++] = '\n';
    /* A log that cannot be written has nowhere to complain. */
    while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
        continue;
    errno = saved_errno;
}

#define LOG_BODY(level)             \
    do {                            \
        va_list ap;                 \
        va_start(ap, fmt);          \
        write_line(level, fmt, ap); \
        va_end(ap);                 \
    } while (0)

void log_debug(const char *fmt, ...)
{
    LOG_BODY(LOG_LEVEL_DEBUG);
}

void log_info(const char *fmt, ...)
{
    LOG_BODY(LOG_LEVEL_INFO);
}

void log_warn(const char *fmt, ...)
{
    LOG_BODY(LOG_LEVEL_WARN);
}

void log_error(const char *fmt, ...)
{
    LOG_BODY(LOG_LEVEL_ERROR);
}

void log_warn_repeat(struct log_repeat *repeat, const char *fmt, ...)
{
    int64_t now = clock_mono_ms();
    char text[LOG_MAX_TEXT];
    va_list ap;

    if (repeat->wait_s > 0 && now < repeat->next_ms) {
        repeat->n_hidden++;
        return;
    }
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    if (repeat->n_hidden > 0)
        log_warn("%s (%u more since the last such line)", text, (unsigned)repeat->n_hidden);
    else
        log_warn("%s", text);
    repeat->n_hidden = 0;
    repeat->wait_s = repeat->wait_s == 0 ? 1 : repeat->wait_s < 1800 ? 2 * repeat->wait_s : 3600;
    repeat->next_ms = now + (int64_t)repeat->wait_s * 1000;
}

void log_works_again(struct log_repeat *repeat, const char *what)
{
    if (repeat->wait_s == 0)
        return;
    log_info("%s: works again", what);
    *repeat = (struct log_repeat){ 0 };
}
