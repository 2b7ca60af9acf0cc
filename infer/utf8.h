/*
 * infer/utf8.h - UTF-8 one byte at a time.
 *
 * state is how many bytes of the character are still to come and which values the next one may have; zero-initialised
 * at the start of a character.  Overlong forms, surrogates and values above U+10FFFF are not characters.
 *
 * Source: RFC 3629, section 4.
 */
#ifndef INFER_UTF8_H
#define INFER_UTF8_H

#include <stdbool.h>

struct utf8 {
    unsigned char n_left, low, high;
};

/* false: byte cannot stand here, the state is as before. */
static inline bool utf8_next(struct utf8 *u, unsigned char byte)
{
    if (u->n_left) {
        if (byte < u->low || byte > u->high)
            return false;
        *u = (struct utf8){ (unsigned char)(u->n_left - 1), 0x80, 0xbf };
    } else if (byte >= 0xc2 && byte <= 0xdf) {
        *u = (struct utf8){ 1, 0x80, 0xbf };
    } else if (byte >= 0xe0 && byte <= 0xef) {
        *u = (struct utf8){ 2, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf };
    } else if (byte >= 0xf0 && byte <= 0xf4) {
        *u = (struct utf8){ 3, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf };
    } else if (byte >= 0x80) {
        return false;
    }
    return true;
}

#endif
