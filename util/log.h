/*
 * util/log.h - lines for the operator, on standard error.
 *
 * A line is "time program: level: text", lower case, subject first, never with prompt text or tool arguments in it
 * (those belong in the trace).  Control characters in the text are written as \xNN, so that foreign text cannot forge
 * a line.  Lines are written with one write(2) each and may come from any thread.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

void log_open(const char *program, enum log_level lowest);
void log_set_level(enum log_level lowest);
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Trouble that may repeat: written at once, then after 1, 2, 4 ... 3600 s with the count of what was left out.  One struct
 * for each kind of trouble, used by one thread.
 */
struct log_repeat {
    int64_t  next_ms;  /* CLOCK_MONOTONIC; zero-initialise */
    uint32_t wait_s;
    uint32_t n_hidden;
};
void log_warn_repeat(struct log_repeat *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Logs "<what>: works again" if there was trouble, and forgets it. */
void log_works_again(struct log_repeat *, const char *what);

#endif
