/*
 * util/utf8.h - the UTF-8 of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef UTIL_UTF8_H
#define UTIL_UTF8_H

#include <stddef.h>

size_t utf8_char_len(const char *text, size_t len); /* bytes of the first character, 0 when it is not UTF-8; len > 0 */
size_t utf8_encode(unsigned code_point, char out[4]); /* the number of bytes written */
size_t utf8_count(const char *text, size_t len);      /* characters of a valid text */
size_t utf8_within(const char *text, size_t len, size_t limit); /* len, or of a longer text the whole characters in limit bytes */
size_t utf8_floor(const char *text, size_t at);       /* where the character begins that at, or the end of the text, is in */
void utf8_trim(char *text);                           /* drops the bytes of a character at the end that was cut in two */

#endif
