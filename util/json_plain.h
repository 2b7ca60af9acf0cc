/* util/json_plain.h - which bytes stand for themselves in a JSON string, many at a time; for json.c and json_write.c. */
#ifndef UTIL_JSON_PLAIN_H
#define UTIL_JSON_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Whether a byte stands for itself, and its neighbours need not be looked at. */
static inline bool is_plain(char c)
{
    return (unsigned char)c - 0x20u < 0x60 && c != '"' && c != '\\';
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

static inline uint64_t load8(const char *s)
{
    uint64_t v;

    memcpy(&v, s, sizeof(v));
    return v;
}

/*
 * Whether all eight bytes are plain, or false where it is not clear.  A byte's high bit is set where it is 0x80 or more,
 * or where it is less than what is taken off; a borrow reaches its neighbour then.
 */
static inline bool eight_plain(uint64_t v)
{
    uint64_t quote = v ^ EACH_BYTE('"'), backslash = v ^ EACH_BYTE('\\');

    return ((v | (v - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1))) & EACH_BYTE(0x80)) == 0;
}

#endif
