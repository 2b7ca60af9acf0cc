/*
 * util/buf.h - a growable run of bytes.
 *
 * Every buffer has a limit: foreign data decides how much is added, so no buffer grows without a bound.  A buffer that
 * hit its limit or ran out of memory is `failed`: further adds do nothing, so a caller may add many pieces and look
 * once at the end.  data is always NUL-terminated (the NUL is not counted in len), and never NULL after buf_init.
 */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char  *data;
    size_t len, cap;
    size_t limit; /* most bytes it may hold */
    bool   failed;
};

void buf_init(struct buf *, size_t limit);
void buf_finish(struct buf *);                        /* frees; the struct may be initialised again */
void buf_reset(struct buf *);                         /* empties, keeps the memory, clears failed */
char *buf_take(struct buf *, size_t *len);            /* the bytes become the caller's to free(); NULL if failed */

void buf_add(struct buf *, const void *data, size_t len);
void buf_addc(struct buf *, char c);
char *buf_room(struct buf *, size_t n);                /* n more bytes, for the caller to write; NULL if failed */
void buf_adds(struct buf *, const char *s);           /* NUL-terminated */
void buf_addf(struct buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *, const char *fmt, va_list) __attribute__((format(printf, 2, 0)));
void buf_drop_front(struct buf *, size_t n);          /* forget the first n bytes */

#endif
