/*
 * util/base64.h - bytes as text, as RFC 4648 section 4 has them.
 */
#ifndef UTIL_BASE64_H
#define UTIL_BASE64_H

#include <stddef.h>

#include "util/arena.h"
#include "util/buf.h"
#include "util/json.h"

/* Appends it, with padding. */
void base64_encode(struct buf *out, const void *data, size_t len);
/* A string member, or with key NULL an element. */
void base64_write(struct jsonw *, const char *key, const void *data, size_t len);
/* Into the arena, with a NUL after it; padding may be missing.  NULL when it is no base64 or the arena is full. */
char *base64_read(struct arena *, const char *text, size_t *len);

#endif
