/*
 * plugins/search/text.h - UTF-8 that may be none, and the part of a line that an answer shows.
 */
#ifndef PLUGINS_SEARCH_TEXT_H
#define PLUGINS_SEARCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define TEXT_ELLIPSIS    "\xe2\x80\xa6" /* U+2026 */

#define SNIPPET_CHARS 160                     /* what fits into two lines of a terminal, and into a small context */
#define SNIPPET_SIZE  (SNIPPET_CHARS * 4 + 1) /* bytes, with the NUL */

/* Bytes of the character at text: 1 to 4, or 0 where it is no UTF-8 (overlong, a surrogate, cut off). len > 0. */
size_t text_char(const char *text, size_t len);
bool text_is_valid(const char *text, size_t len);
/* Writes at most 3 * len bytes: each byte that belongs to no character becomes U+FFFD.  The bytes written. */
size_t text_repair(const char *text, size_t len, char *out);
size_t text_count(const char *text, size_t len); /* characters of valid text */
bool text_is_space(char c);                      /* ASCII white space */
/* Takes away ASCII white space at both ends. */
void text_trim(const char **text, size_t *len);

struct snippet_line {
    const char *text; /* valid UTF-8, one line */
    size_t len;
    size_t found;                 /* where the first found word begins, in bytes; < len, or 0 */
    bool more_before, more_after; /* it is a piece of a longer line */
};

/* The line, or the part of it around the found word, NUL-terminated.  The bytes written. */
size_t snippet_make(const struct snippet_line *, char out[SNIPPET_SIZE]);

#endif
